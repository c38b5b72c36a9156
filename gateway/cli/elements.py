"""Elements of a case by the ends of their ids, as a consultation showed them.

The ids and digests of what was shown are kept beside the checkpoint, and nothing else of it, until
the case is erased: commands that name an element find it there, before anything is signed.
"""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from gateway import files
from gateway.cli import output
from gateway.client import ConsultedContent, Gateway
from gateway.domain.case import ARRAYS
from gateway.evidence import sd_jwt

LEAST = 4
"""Digits that name an element of a case, of which there are few."""

_END = re.compile(f"[0-9a-f]{{{LEAST},32}}", re.ASCII)


@dataclass(frozen=True)
class ElementEnd:
    """An element by the end of its id; of a place of a case what stands before it, as /items/.

    ``offered``: its digest is wanted, by which it is offered.
    """

    digits: str
    place: str = ""
    offered: bool = False


class ElementId(click.ParamType[UUID | ElementEnd]):
    """An element of a case: by its id, or the end of it."""

    name = "id"

    def __init__(self, *, offered: bool = False) -> None:
        """``offered``: the command takes its digest."""
        self._offered = offered

    def convert(self, value: Any, param: Any, ctx: Any) -> UUID | ElementEnd:
        """The id where it is one; `find` looks up the one that ends so, and digests."""
        text = str(value).replace("-", "").lower()
        if not _END.fullmatch(text):
            what = f"is not the id of an element, or its last {LEAST} digits or more"
            self.fail(f"{value!r} {what}", param, ctx)
        whole = len(text) == 32 and not self._offered
        return UUID(text) if whole else ElementEnd(text, offered=self._offered)


class ElementPointer(click.ParamType[str | ElementEnd]):
    """A place in a case, as /items/ID or /urgency; the id may be the end of one."""

    name = "pointer"

    def convert(self, value: Any, param: Any, ctx: Any) -> str | ElementEnd:
        """Leave all but the end of an id as it is: the gateway says what places there are."""
        place, slash, last = str(value).rpartition("/")
        digits = last.replace("-", "").lower()
        if place.removeprefix("/") in ARRAYS and len(digits) < 32 and _END.fullmatch(digits):
            return ElementEnd(digits, place + slash)
        return str(value)


def ids_in(content: Mapping[str, Any]) -> list[str]:
    """The ids of the elements of a case."""
    return [str(one["id"]) for name in ARRAYS for one in content.get(name, ()) if "id" in one]


def ends_of(ids: Collection[str]) -> dict[str, str]:
    """The shortest end of each id that no other one of them has, of four digits or more."""
    digits = {one: one.replace("-", "") for one in ids}

    def end(one: str) -> str:
        others = [digits[other] for other in ids if other != one]
        ends = (digits[one][-length:] for length in range(LEAST, 33))
        return next((e for e in ends if not any(o.endswith(e) for o in others)), one)

    return {one: end(one) for one in ids}


def keep(gateway: Gateway, opened: ConsultedContent) -> None:
    """Keep the ids and digests of what a consultation of a case or handoff showed, in place of
    those before."""
    file, content, event = _file(gateway), opened.content, opened.written.confirmed.event
    if file is None:
        return
    of, day = str(event.get("handoff") or content["case"]), event["time"][:10]
    given = sd_jwt.parse(opened.presentation).disclosures
    digests = {
        one.value["id"]: one.digest
        for one in given
        if isinstance(one.value, Mapping) and "id" in one.value
    }
    ids = {one: digests.get(one, "") for one in ids_in(content)}
    kept = {**_read(file), of: {"until": content["marking"]["erase_on"], "ids": ids}}
    left = {name: one for name, one in kept.items() if one["until"] > day}
    try:
        files.replace(file, json.dumps(left).encode())
    except OSError as error:
        output.warn(
            f"{file} cannot be written ({error.strerror}): name elements by their whole ids"
        )


def find(gateway: Gateway, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a command with the ids of the elements that it names by their ends."""
    values = [one if isinstance(one, tuple) else (one,) for one in arguments.values()]
    if not any(isinstance(one, ElementEnd) for several in values for one in several):
        return dict(arguments)
    ids = _shown(gateway, arguments)

    def whole(value: Any) -> Any:
        if not isinstance(value, ElementEnd):
            return value
        found = sorted(one for one in ids if one.replace("-", "").endswith(value.digits))
        if len(found) == 1:
            if value.offered:
                return ids[found[0]]
            return f"{value.place}{found[0]}" if value.place else UUID(found[0])
        if found:
            raise click.UsageError(
                f"{value.digits} ends the ids of {len(found)} elements ({', '.join(found)}): give "
                "more of the one that you mean"
            )
        raise click.UsageError(
            f"no element that you were shown of it has an id that ends in {value.digits}: consult "
            "it, or give a whole id, as --json shows it"
        )

    return {
        name: tuple(map(whole, value)) if isinstance(value, tuple) else whole(value)
        for name, value in arguments.items()
    }


def _shown(gateway: Gateway, arguments: Mapping[str, Any]) -> dict[str, str]:
    """The ids in a case that is given, or what a consultation of it showed, with their digests; of
    what was not consulted its matches."""
    if isinstance(content := arguments.get("content"), Mapping):
        return dict.fromkeys(ids_in(content), "")
    file, handoff, case = _file(gateway), arguments.get("handoff"), arguments.get("case")
    kept = {} if file is None else _read(file)
    if handoff is not None and str(handoff) not in kept:
        case = gateway.handoff(handoff)["case"]
    ids = {**kept.get(str(case), _NONE)["ids"], **kept.get(str(handoff), _NONE)["ids"]}
    if case is not None and handoff is None and not ids:
        ids = dict.fromkeys(gateway.case(case)["unconfirmed_matches"], "")
    return ids


_NONE: Mapping[str, Any] = {"ids": {}}


def _file(gateway: Gateway) -> Path | None:
    beside = gateway.connection.checkpoint_file
    return beside and beside.with_name(f"{beside.name}.elements")


def _read(file: Path) -> dict[str, Any]:
    """Read what is kept; nothing where that cannot be done: it is shown again."""
    try:
        kept = json.loads(file.read_bytes())
        return {
            str(name): {
                "until": str(one["until"]),
                "ids": {str(UUID(id_)): str(digest) for id_, digest in one["ids"].items()},
            }
            for name, one in kept.items()
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}
