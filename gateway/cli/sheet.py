"""The sheet of a case: what a consultation opened, for a reader of paper.

Every field that is shown has its row. Codes and organisations stand in words; what a person wrote,
addresses too, stands as it was written.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.cli.page import Block, organisation
from gateway.client import ConsultedContent, OpenedElement
from gateway.domain.case import (
    ARRAYS,
    GROUPS,
    MACHINE_METHODS,
    PROPERTIES,
    WITH_FORCE,
    is_sealed,
    sealed_parts,
)
from gateway.domain.revision import ChangeKind
from gateway.domain.vocabulary import TLP, is_final
from gateway.text import catalogue

Part = Mapping[str, Any]

_PARTS = {
    "items": "item",
    "subjects": "subject",
    "statements": "statement",
    "classifications": "classification",
    "references": "reference",
    "legal_basis": "basis_of",
}
"""The arrays of a case, in the order of a sheet, and what one of their elements is called."""

_FIELDS = {
    "marking": ("release_to", "national", "review_on", "retention_rule"),
    "routing": ("matter", "urgency", "urgency_reason"),
    "intake": ("originator_ref", "received_at", "intake_channel", "reporter"),
}
_ORGANISATIONS = frozenset({"release_to", "set_by", "qualified_by", "sealed_to"})
_ELEMENTS = frozenset({"about", "parent_item", "supersedes", "basis_statement"})
_DAYS = frozenset({"until", "erase_on", "review_on", "dated"})


@dataclass(frozen=True)
class Sheet:
    """How one consultation is written: in a language, with the names of organisations by their
    ids. ``full`` opens the texts that are folded; ``unsealed`` is what seals held, if opened."""

    opened: ConsultedContent
    recipient: str
    names: Mapping[str, str]
    language: str
    full: bool = False
    unsealed: Sequence[OpenedElement] | None = None

    @property
    def title(self) -> str:
        """Say what it is, of which case."""
        return f"{self._phrase('title')} {self.opened.content['case']}"

    @property
    def label(self) -> str:
        """Return the strictest TLP label of what is shown, which stands on each sheet of paper."""
        elements = [one for array in ARRAYS for one in self.opened.content.get(array, ())]
        marked = [one.get("marking", {}) for one in elements]
        labels = {one.get("tlp") for one in (*marked, *self.opened.tightened_elements)}
        known = [one for one in TLP if one in labels | {self.opened.conditions["tlp"]}]
        return f"TLP:{known[-1]}" if known else ""

    def blocks(self) -> Iterator[Block]:
        """Return all of it, in the order in which it is read."""
        yield self._case()
        yield self._conditions()
        yield from self._fields("marking", self.opened.content["marking"])
        yield from self._fields("routing", self.opened.content)
        for array, name in _PARTS.items():
            yield from self._array(array, name)
        yield from self._fields("intake", self.opened.content)
        yield from self._sealed()
        yield self._withheld()

    def _phrase(self, key: str, **values: Any) -> str:
        return catalogue.phrase("sheet", key, self.language, **values)

    def _word(self, table: str, code: str) -> str:
        return catalogue.word(table, code, self.language)

    def _case(self) -> Block:
        opened, confirmed = self.opened, self.opened.written.confirmed
        event, details = confirmed.event, dict(confirmed.opened.shown)
        rows = {
            "id": opened.content["case"],
            "version": opened.content["version"],
            "digest": event.get("case_digest"),
            "originator": self._organisation(opened.author),
            "author": self._phrase(opened.assurance),
            "recipient": self._organisation(self.recipient),
            "handoff": event.get("handoff"),
            "package": opened.package,
            "person": details.get("by"),
            "reason_code": self._word("values", str(details.get("reason_code", ""))),
            "reason": details.get("reason"),
            "at": self._value("_at", event["time"]),
            "event": event["id"],
            "entry": f"{confirmed.index} ({event['log']})",
        }
        named = [(self._phrase(name), str(value)) for name, value in rows.items() if value]
        alerts = [self._phrase("simulated")] if "simulated_date" in event else []
        if change := opened.superseded:
            kind, at = change["change"], catalogue.moment(change["at"], self.language)
            key = "stricter" if kind == ChangeKind.TIGHTENING else "superseded"
            said = self._word("values", kind)
            alerts.append(self._phrase(key, at=at, version=change["version"], change=said))
        lines = [self._phrase("metadata"), self._phrase("evidence")]
        return Block(self._phrase("case"), alert=" ".join(alerts), lines=lines, rows=named)

    def _organisation(self, name: str) -> str:
        return organisation(name, self.names)

    def _conditions(self) -> Block:
        """The conditions in words, with what their codes mean, and what obliges to them."""
        rows, forces = [], self.opened.conditions.get("force", {})
        for name, value in self.opened.conditions.items():
            if name == "force" or value in ([], "", None):
                continue
            text = self._value(name, value)
            if name in ("tlp", "handling"):
                codes = value if isinstance(value, list) else [value]
                text = self._joined((code, self._word("meanings", code)) for code in codes)
            if name in WITH_FORCE:
                force = forces.get(name, {"force": "requested"})
                words = [self._value("force", force["force"]), force.get("reference")]
                text = f"{text} ({', '.join(filter(None, words))})"
            rows.append((self._label(name), text))
        alert = self._phrase("tightened") if self.opened.tightened else ""
        return Block(self._phrase("conditions"), alert=alert, rows=rows)

    def _joined(self, pairs: Iterable[tuple[str, str]]) -> str:
        colon = catalogue.colon(self.language)
        return self._phrase("and").join(f"{name}{colon} {value}" for name, value in pairs)

    def _fields(self, group: str, part: Part) -> Iterator[Block]:
        if rows := self._rows({name: part[name] for name in _FIELDS[group] if name in part}):
            yield Block(self._phrase(group), rows=rows)

    def _elements(self, array: str) -> list[Part]:
        return [one for one in self.opened.content.get(array, ()) if not is_sealed(one)]

    def _array(self, array: str, name: str) -> Iterator[Block]:
        parts = self._elements(array)
        if parts:
            yield Block(self._phrase(array))
        for number, one in enumerate(parts, 1):
            strong = one.get("content_warning") == "strong"
            notes = ["warning"] if strong else []
            if name == "classification":  # a match is no finding; what took its place
                replacing = (other.get("supersedes") for other in parts)
                final = is_final(one["scheme"], one["code"], one["method"])
                notes += ["match"] if one["method"] in MACHINE_METHODS else []
                notes += ["contested" if final else "replaced"] if one["id"] in replacing else []
            yield Block(
                self._phrase(name, number=number),
                level=3,
                alert=self._phrase("and").join(map(self._phrase, notes)),
                rows=self._rows({field: one[field] for field in one if field != "text"}),
                written=one.get("text", ""),
                folded=self._phrase("folded") if strong else "",
                closed=strong and not self.full,
            )

    def _rows(self, part: Part) -> list[tuple[str, str]]:
        """Return a row for each field of a part, and for each of several checks or the like."""
        for tighter in self.opened.tightened_elements:
            if tighter["id"] == part.get("id"):
                marking = {name: tighter[name] for name in ("tlp", "handling") if name in tighter}
                part = {**part, "marking": marking}
        rows = []
        for name, value in part.items():
            parts = isinstance(value, list) and all(isinstance(one, dict) for one in value)
            for one in value if parts else [value]:
                text = self._value(name, one)
                if name == "code":
                    key = f"code.{part.get('scheme')}.{one}"
                    words = self._word("codes", key)
                    text = str(one) if words == key else f"{words} ({one})"
                rows.append((self._label(name), text))
        return rows

    def _label(self, name: str) -> str:
        text = catalogue.label(name, self.language)
        return text[:1].upper() + text[1:]

    def _value(self, name: str, value: Any) -> str:
        """A value in words; a text that a person wrote, as it is."""
        if isinstance(value, dict):
            label = catalogue.label
            fields = ((label(n, self.language), self._value(n, one)) for n, one in value.items())
            return self._joined(fields)
        if isinstance(value, list):
            return ", ".join(self._value(name, one) for one in value)
        if isinstance(value, bool):
            return self._word("codes", f"flag.{'yes' if value else 'no'}")
        return self._text(name, str(value))

    def _text(self, name: str, text: str) -> str:
        if name in _ORGANISATIONS:
            return self._organisation(text)
        if name in _ELEMENTS:
            numbers = {
                one.get("id"): self._phrase(part, number=number)
                for array, part in _PARTS.items()
                for number, one in enumerate(self._elements(array), 1)
            }
            return {"case": self._phrase("the_case"), **numbers}.get(text, text)
        if name in _DAYS:
            return catalogue.moment(text, self.language)
        if name.endswith("_at"):  # to the minute in words, and exactly
            return f"{catalogue.moment(text, self.language)} ({text})"
        return catalogue.case_code(name, text, self.language)

    def _sealed(self) -> Iterator[Block]:
        closed = [OpenedElement(one, None) for one in sealed_parts(self.opened.content)]
        shown = closed if self.unsealed is None else self.unsealed
        if shown:
            yield Block(self._phrase("sealed"))
        for number, one in enumerate(shown, 1):
            to = self._organisation(one.part.sealed_to)
            part = {"id": one.part.id, "sealed_to": one.part.sealed_to}
            line = self._phrase("closed", organisation=to) if self.unsealed is None else ""
            if one.fault:
                line = self._phrase("unopened", fault=one.fault)
            if one.contents is not None:
                part |= {"sealed": one.contents.type, **one.contents.value}
            heading = self._phrase("sealed_part", number=number)
            lines = [line] if line else []
            yield Block(heading, level=3, lines=lines, rows=self._rows(part))

    def _withheld(self) -> Block:
        """Return what was withheld of the offer, and of what nothing is shown at all."""
        content, withheld = self.opened.content, self.opened.withheld_groups
        shown = {name for name in ARRAYS if content.get(name)}
        shown |= {PROPERTIES[one] for one in (*content, *content["marking"]) if one in PROPERTIES}
        absent = [one for one in GROUPS if one not in shown and one not in withheld]
        lines = [
            self._phrase(key, groups=", ".join(map(self._phrase, found)))
            for key, found in (("withheld_groups", withheld), ("absent", absent))
            if found
        ]
        nothing = [] if withheld else [self._phrase("withheld_none")]
        return Block(self._phrase("withheld"), lines=[*nothing, *lines])
