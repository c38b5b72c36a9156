"""The case JSON as partners send it (profile ``casegate-case/1``): its rules, all errors at once.

Word lists are in `domain.vocabulary`, the forms of values in `domain.item_value`, R1 in
`domain.media`. Nothing is converted, filled in or spelt otherwise: originators sign what they
wrote. No message repeats a value, for messages end in logs.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from marshmallow import ValidationError

from gateway.domain.case import PERCEPTUAL
from gateway.domain.marking import tlp_rank
from gateway.domain.vocabulary import (
    CASE_TLP,
    PERCEPTUAL_TLP,
    Handling,
    ItemKind,
    is_locked,
)
from gateway.web.partners.case_parts import ABOUT, CASE

MAX_DEPTH = 12
MAX_ELEMENTS = 500
"""Elements of all arrays of a case together."""

MAX_ERRORS = 100
"""Errors that one answer lists: enough to mend a document, too few to make answers a burden."""

Error = tuple[str, str]
"""A JSON pointer (RFC 6901) and what is wrong there."""


class CaseInvalid(Exception):
    """The document breaks rules of its fields; ``errors`` holds all of them, by JSON pointer."""

    def __init__(self, errors: Iterable[Error]) -> None:
        """Sort the errors by place and keep the first MAX_ERRORS."""
        found = sorted(set(errors))
        more = len(found) - MAX_ERRORS
        rest = (("", f"has {more} more errors"),) if more > 0 else ()
        self.errors = (*found[:MAX_ERRORS], *rest)
        super().__init__(f"{len(found)} errors in the case")


def load_case(data: Any) -> dict[str, Any]:
    """Check parsed JSON against the profile and return it, its keys in the profile's order.

    Raises CaseInvalid. Who the caller is does not matter here: what only some organisations may
    write (`vocabulary.needs_led_regime`) is for the action to check.
    """
    limits = list(_beyond_limits(data))
    if limits:
        raise CaseInvalid(limits)
    errors: list[Error] = []
    case: dict[str, Any] = {}
    try:
        case = CASE.load(data)
    except ValidationError as refused:
        errors += _pointed(refused.messages)
    if isinstance(data, Mapping):
        errors += (error for check in _CHECKS for error in check(data))
    if errors:
        raise CaseInvalid(errors)
    return case


def _beyond_limits(data: object) -> Iterator[Error]:
    """Say that the document is too deep or too long, before anything recurses into it."""
    elements, depth, level = 0, 0, [data]
    while level:
        arrays = [value for value in level if isinstance(value, list)]
        objects = [value for value in level if isinstance(value, dict)]
        elements += sum(map(len, arrays))
        depth += 1 if arrays or objects else 0
        if depth > MAX_DEPTH:
            yield "", f"is nested deeper than {MAX_DEPTH} levels"
        if elements > MAX_ELEMENTS:
            yield "", f"has more than {MAX_ELEMENTS} array elements"
        if depth > MAX_DEPTH or elements > MAX_ELEMENTS:
            return
        level = [*chain.from_iterable(arrays), *chain.from_iterable(o.values() for o in objects)]


_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


def _pointed(messages: object, pointer: str = "") -> Iterator[Error]:
    """Flatten marshmallow's tree of messages; ``_schema`` is what is wrong with a whole object."""
    if isinstance(messages, Mapping):
        for name, inner in messages.items():
            # A name that no field of ours could have is a caller's text: it is not repeated.
            own = name == "_schema" or not _NAME.fullmatch(str(name))
            yield from _pointed(inner, pointer if own else f"{pointer}/{name}")
    elif isinstance(messages, list):
        for message in messages:
            yield pointer, str(message)


# These look at the document as it came, so that a fault elsewhere hides nothing: whatever has not
# the expected shape is passed over here, for the schema names it.


def _elements(case: Mapping[str, Any], name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the objects of one array, each with its pointer."""
    array = case.get(name)
    for index, element in enumerate(array if isinstance(array, list) else ()):
        if isinstance(element, Mapping):
            yield f"/{name}/{index}", element


def _ids(case: Mapping[str, Any], name: str) -> set[str]:
    return {e["id"] for _, e in _elements(case, name) if isinstance(e.get("id"), str)}


def _check_version(case: Mapping[str, Any]) -> Iterator[Error]:
    first = case.get("version") == 1
    if first and "prev" in case:
        yield "/prev", "must be left out of version 1"
    if not first and isinstance(case.get("version"), int) and "prev" not in case:
        yield "/prev", "is required from version 2 on"


def _check_content(case: Mapping[str, Any]) -> Iterator[Error]:
    if not case.get("items") and not case.get("statements"):
        yield "", "must have at least one item or one statement"


_WITH_IDS = ("references", "items", "statements", "subjects", "classifications")


def _check_ids(case: Mapping[str, Any]) -> Iterator[Error]:
    seen = {case.get("case")} if isinstance(case.get("case"), str) else set()
    for name in _WITH_IDS:
        for pointer, element in _elements(case, name):
            own = element.get("id")
            if isinstance(own, str) and own in seen:
                yield f"{pointer}/id", "is used twice in this case"
            seen |= {own} if isinstance(own, str) else set()


# Where an element names another: the array, its field, the array that the field points into.
_LINKS = (
    ("items", "parent_item", "items", "must be the id of an item of this case"),
    ("classifications", "about", "items", ABOUT),
    ("classifications", "supersedes", "classifications", "must be the id of a classification here"),
)


def _check_links(case: Mapping[str, Any]) -> Iterator[Error]:
    for name, field, target, sentence in _LINKS:
        known = _ids(case, target) | ({"case"} if field == "about" else set())
        for pointer, element in _elements(case, name):
            link = element.get(field)
            if isinstance(link, str) and link not in known:
                yield f"{pointer}/{field}", sentence
    known = _ids(case, "statements")
    for pointer, subject in _elements(case, "subjects"):
        basis = subject.get("basis_statement")
        for index, link in enumerate(basis if isinstance(basis, list) else ()):
            if isinstance(link, str) and link not in known:
                yield f"{pointer}/basis_statement/{index}", "must be the id of a statement here"


def _check_circles(case: Mapping[str, Any]) -> Iterator[Error]:
    for name, field in (("items", "parent_item"), ("classifications", "supersedes")):
        up = {
            e["id"]: e[field]
            for _, e in _elements(case, name)
            if isinstance(e.get("id"), str) and isinstance(e.get(field), str)
        }
        for pointer, element in _elements(case, name):
            if _returns(up, element.get("id")):
                yield f"{pointer}/{field}", "must not lead back to the element itself"


def _returns(up: Mapping[str, str], start: object) -> bool:
    if not isinstance(start, str):
        return False
    at, steps = up.get(start), 0
    while at is not None and at != start and steps <= len(up):
        at, steps = up.get(at), steps + 1
    return at == start


def _check_locks(case: Mapping[str, Any]) -> Iterator[Error]:
    locked = {
        c["id"]
        for _, c in _elements(case, "classifications")
        if isinstance(c.get("id"), str)
        and is_locked(str(c.get("scheme")), str(c.get("code")), str(c.get("method")))
    }
    for pointer, classification in _elements(case, "classifications"):
        superseded = classification.get("supersedes")
        if isinstance(superseded, str) and superseded in locked:
            yield f"{pointer}/supersedes", "must not name a baseline that two persons stand for"


def _check_source(case: Mapping[str, Any]) -> Iterator[Error]:
    urls = [(p, item) for p, item in _elements(case, "items") if item.get("kind") == ItemKind.URL]
    sources = [pointer for pointer, item in urls if item.get("is_source") is True]
    if urls and not sources:
        yield "/items", "must have one url item with is_source true"
    for pointer in sources[1:]:
        yield f"{pointer}/is_source", "must not be true: another url item is the source"


def _check_perceptual(case: Mapping[str, Any]) -> Iterator[Error]:
    """A perceptual hash travels under AMBER+STRICT at least (model.md 2.3)."""
    for pointer, item in _elements(case, "items"):
        hashes = item.get("hash")
        perceptual = any(
            isinstance(h, Mapping) and h.get("alg") in tuple(PERCEPTUAL)
            for h in (hashes if isinstance(hashes, list) else ())
        )
        labels = [_label(case), _label(item)]
        if perceptual and max(map(_rank, labels)) < tlp_rank(PERCEPTUAL_TLP):
            yield f"{pointer}/marking/tlp", f"must be {PERCEPTUAL_TLP} or RED for such a hash"


def _label(part: Mapping[str, Any]) -> object:
    marking = part.get("marking")
    return marking.get("tlp") if isinstance(marking, Mapping) else None


def _rank(label: object) -> int:
    return tlp_rank(label) if isinstance(label, str) and label in CASE_TLP else 0


def _check_handling_note(case: Mapping[str, Any]) -> Iterator[Error]:
    """H3 means restrictions in words; they stand once, on the case."""
    marked = [case, *(e for name in _WITH_IDS for _, e in _elements(case, name))]
    markings = [part["marking"] for part in marked if isinstance(part.get("marking"), Mapping)]
    codes = [m["handling"] for m in markings if isinstance(m.get("handling"), list)]
    noted = any("handling_note" in marking for marking in markings)
    if any(Handling.H3 in listed for listed in codes) and not noted:
        yield "/marking/handling_note", "is required with H3"


_CHECKS = (
    _check_version,
    _check_content,
    _check_ids,
    _check_links,
    _check_circles,
    _check_locks,
    _check_source,
    _check_perceptual,
    _check_handling_note,
)
