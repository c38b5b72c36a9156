"""What conditions and a case hold, as lines in words: codes first, addresses that nothing follows.

No value of a case becomes a link, and the text of a statement is no line of these.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.console import wording
from gateway.domain.case import MACHINE_METHODS, ROUTING_FIELDS, SealedElement, is_sealed
from gateway.domain.item_value import defang, defang_text
from gateway.domain.vocabulary import ItemKind
from gateway.text import catalogue

Part = Mapping[str, Any]

_TIME = re.compile(r"\d{4}-\d\d-\d\d(T[0-9:.+Z-]+)?", re.ASCII)
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


def short(id_: Any) -> str:
    """The end of an id, by which people name a case or a handoff, as the commands do."""
    return str(id_)[-8:]


def conditions(told: Part, language: str) -> list[tuple[str, str]]:
    """The conditions of use by name, each with what it means, and what obliges to it."""
    lines = []
    for name, value in told.items():
        if name == "force":
            continue
        codes = value if isinstance(value, list) else [value]
        if not isinstance(value, Mapping) and any(
            catalogue.word("meanings", str(one), language) != str(one) for one in codes
        ):
            words = (wording.option(name, str(one), language) for one in codes)
            text = wording.screen("and", language).join(words)
        else:
            text = text_of(name, value, language)
        if stated := told.get("force", {}).get(name):
            force, by = wording.code("force", stated["force"], language), stated["reference"]
            obliged = wording.screen("named", language, name=force, value=defang_text(by))
            text = wording.screen("and", language).join((text, obliged))
        lines.append((wording.label(name, language), text))
    return lines


def worded(values: Mapping[str, Any], language: str) -> list[tuple[str, str]]:
    """Return each value in words after its name; what is empty is left out."""
    return [
        (wording.label(name, language), text_of(name, value, language))
        for name, value in values.items()
        if value not in (None, "", [], {})
    ]


def text_of(name: str, value: Any, language: str) -> str:
    """A value of a field: its codes in words, what a person wrote as it is, its addresses dead."""
    match value:
        case Mapping():
            return members(value, language)
        case list() | tuple():
            told = [text_of(name, one, language) for one in value]
            several = any(", " in one for one in told)
            between = wording.screen("and", language) if several else ", "
            return between.join(told) or wording.screen("none", language)
        case bool():
            return wording.code(name, value, language)
        case str() if _TIME.fullmatch(value):
            return wording.moment(value, language)
        case str() if _ID.fullmatch(value):
            return short(value)
    words = wording.code(name, str(value), language)
    return defang_text(words) if words == str(value) else words


def members(part: Part, language: str) -> str:
    """The fields of a part of a case."""
    shown = ((name, one) for name, one in part.items() if one is not None and name != "id")
    return ", ".join(named(name, one, language) for name, one in shown)


def named(name: str, value: Any, language: str) -> str:
    """A field with its name."""
    told = text_of(name, value, language)
    return wording.screen("named", language, name=catalogue.label(name, language), value=told)


@dataclass(frozen=True)
class ListedElement:
    """One element of a case: its lines, and the address that is copied by a reason alone."""

    id: str
    lines: Sequence[str]
    copied: bool = False


@dataclass(frozen=True)
class FoldedStatement:
    """A statement; ``text`` is None where it is folded, ``language`` the one it is written in."""

    id: str
    about: str
    language: str
    strong: bool
    words: int
    text: str | None


def already_known(content: Part, language: str) -> list[ListedElement]:
    """Return who assessed what, and how: before all else of content."""
    return [
        ListedElement(one["id"], [_classified(one, content, language)])
        for one in _parts(content, "classifications")
    ]


def _classified(one: Part, content: Part, language: str) -> str:
    items = {item["id"]: item for item in _parts(content, "items")}
    item = items.get(one["about"])
    about = wording.screen("the_case", language)
    if item is not None:
        about = _address(item, language)
    elif one["about"] != "case":
        about = wording.screen("item", language, element=short(one["about"]))
    notes = [
        wording.screen(
            "assessed",
            language,
            method=text_of("method", one["method"], language),
            role=text_of("role", one["assessor_role"], language),
            time=wording.moment(one["assessed_at"], language),
        )
    ]
    notes += [wording.screen("match", language)] if one["method"] in MACHINE_METHODS else []
    notes += [members(one["attributes"], language)] if "attributes" in one else []
    words = catalogue.code("code", f"{one['scheme']}.{one['code']}", language)
    return wording.screen(
        "classified",
        language,
        scheme=text_of("scheme", one["scheme"], language),
        code=wording.say("with_code", language, words=words, code=one["code"])
        if words
        else one["code"],
        about=about,
        how=wording.screen("and", language).join(notes),
    )


def sections(content: Part, language: str) -> Iterator[tuple[str, list[ListedElement]]]:
    """Return each heading of a case with its elements, the items first."""
    yield "items", [_item(one, language) for one in _parts(content, "items")]
    for heading, array in (("persons", "subjects"), ("references", "references")):
        yield heading, [_plain(one, language) for one in _parts(content, array)]
    yield "legal_basis", [_plain(one, language) for one in _parts(content, "legal_basis")]
    for heading, names in (("routing", ROUTING_FIELDS), ("intake", _INTAKE)):
        told = [named(name, content[name], language) for name in names if name in content]
        yield heading, [ListedElement("", told)] if told else []


_INTAKE = ("originator_ref", "received_at", "intake_channel", "reporter")


def _parts(content: Part, array: str) -> list[Part]:
    return [one for one in content.get(array, ()) if not is_sealed(one)]


def _plain(one: Part, language: str) -> ListedElement:
    return ListedElement(str(one.get("id", "")), [members(one, language)])


def _address(item: Part, language: str) -> str:
    """Return what an item is, with its address dead."""
    kind, address = text_of("kind", item["kind"], language), defang(item["value"], item["kind"])
    return wording.screen("named", language, name=kind, value=address)


def _item(one: Part, language: str) -> ListedElement:
    lines = [_address(one, language)]
    told = ("site_type", "content_type", "commerciality", "payment_method")
    lines += [named(name, one[name], language) for name in told if name in one]
    if "referrer" in one:
        lines.append(
            wording.screen("referrer", language, address=defang(one["referrer"], ItemKind.URL))
        )
    for hosting in one.get("hosting", ()):
        seen = {**hosting, **({"ip": defang(hosting["ip"], "host")} if "ip" in hosting else {})}
        lines.append(wording.screen("hosted", language, where=members(seen, language)))
    lines += [members(mark, language) for mark in one.get("hash", ())]
    for check in one.get("online", ()):
        time = wording.moment(check["checked_at"], language)
        status = text_of("status", check["status"], language)
        lines.append(wording.screen("checked", language, status=status, time=time))
    return ListedElement(one["id"], lines, copied=one["kind"] not in _NO_ADDRESS)


_NO_ADDRESS = (ItemKind.HASH, ItemKind.REPORT_REF)


@dataclass(frozen=True)
class Seal:
    """A sealed element; ``lines`` are what stood in it, None where that is folded, and nothing
    where it cannot be opened here, for the reason ``fault`` if its own system tried."""

    id: str
    group: str
    sealed_to: str
    fault: str
    lines: Sequence[tuple[str, str]] | None


def seals(
    parts: Sequence[SealedElement], unsealed: Mapping[str, Part], shown: str, language: str
) -> list[Seal]:
    """The sealed elements of a case; of those that were ``unsealed``, the one that is ``shown``."""
    found = []
    for part in parts:
        told = unsealed.get(part.id, {})
        lines = list(_unsealed(told, language)) if shown == part.id else None
        opened = "value" in told
        fault = str(told.get("fault", ""))
        found.append(Seal(part.id, part.group, part.sealed_to, fault, lines if opened else ()))
    return found


def _unsealed(told: Part, language: str) -> Iterator[tuple[str, str]]:
    for name, value in told.get("value", {}).items():
        address = told["type"] == "item" and name == "value"
        text = defang(value, told["category"]) if address else text_of(name, value, language)
        yield wording.label(name, language), text


def statements(content: Part, shown: str, language: str) -> list[FoldedStatement]:
    """The statements; the text of a strong one only where it is the one that is ``shown``."""
    found = []
    for one in _parts(content, "statements"):
        strong = one["content_warning"] == "strong"
        about = wording.screen(
            "stated",
            language,
            kind=text_of("kind", one["kind"], language),
            role=text_of("role", one["made_by_role"], language),
            time=wording.moment(one["made_at"], language),
            written_in=text_of("language", one["language"], language),
            warning=text_of("content_warning", one["content_warning"], language),
        )
        folded = strong and one["id"] != shown
        text = None if folded else defang_text(one["text"])
        words = len(one["text"].split())
        found.append(FoldedStatement(one["id"], about, one["language"], strong, words, text))
    return found
