"""The course of a case as the log's events tell it: its state, its measures, its end.

An event's document commits to its details: a detail that it does not commit to is not read.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from gateway.domain.case import Case, CaseState, unconfirmed_matches
from gateway.domain.json_values import parse_timestamp
from gateway.domain.measure import Measure
from gateway.domain.organisation import OrganisationName
from gateway.evidence import base64url, event, sd_jwt

VERSIONS = frozenset({"case.submitted", "case.revised"})
STATES: Mapping[str, CaseState] = {
    "case.submitted": CaseState.DRAFT,
    "case.revised": CaseState.DRAFT,
    "case.assessed": CaseState.ASSESSED,
    "case.cleared": CaseState.CLEARED,
    "case.closed": CaseState.CLOSED,
    "case.erased": CaseState.ERASED,
}
"""The state of a case after an event of its own, of none of its handoffs."""

SETTING = frozenset({"case.embargoed", "case.restricted"})
ENDING = frozenset({"case.measure_ended", "case.embargo_lifted"})
ADVANCED = "case.erasure_advanced"
STEPS = frozenset({*STATES, *SETTING, *ENDING, ADVANCED})
"""The events of which the course of a case consists."""

ERASED = "case.erased"
RECALLED, APPROVED = "case.recalled", "case.recall_approved"
INDEXED = STEPS | {RECALLED, APPROVED}
"""The events that the log's index finds by their case."""


@dataclass(frozen=True)
class CaseEvent:
    """An event that rows are held against: what stands in clear, and its details by kind.

    ``complete``: none of its details was erased.
    """

    index: int
    id: UUID
    at: datetime
    type: str
    handoff: UUID | None
    case_digest: str | None
    package_digest: str | None
    digest: str | None
    details: Mapping[str, Any]
    complete: bool

    @property
    def subject(self) -> Mapping[str, Any]:
        """Return what it is about; empty where that was erased."""
        found: dict[str, Any] = json.loads(self.details.get("subject", "{}"))
        return found


def read_event(index: int, told: Mapping[str, Any], disclosures: str) -> CaseEvent:
    """An event by its document, with those of its details that it committed to."""
    found: dict[str, Any] = {}
    committed, stored = set(told["sd"]), [text for text, _ in json.loads(disclosures)]
    for text in stored:
        if text is not None and (digest := base64url.digest(text.encode())) in committed:
            one = sd_jwt.read_stored_disclosure(text, digest)
            if one.name == event.PARTY:
                found[f"as {one.value['role']}"] = one.value["organisation"]
            else:
                found[str(one.name)] = one.value
    return CaseEvent(
        index,
        UUID(told["id"]),
        parse_timestamp(told["time"]),
        told["type"],
        UUID(told["handoff"]) if "handoff" in told else None,
        told.get("case_digest"),
        told.get("package_digest"),
        told.get("document_sha256"),
        found,
        None not in stored,
    )


def case_differences(
    row: Case, measures: Sequence[Measure], steps: Sequence[CaseEvent], now: datetime
) -> Iterator[str]:
    """The names of what the row of a case, or of a measure that would hold ``now``, says otherwise
    than ``steps``: all that the log says of the case, in its order."""
    told = fold_case([one for one in steps if one.handoff is None])
    told.pop("cleared_digest", None)  # with that the next version is compared; nothing opens by it
    if any(one.type in SETTING for one in steps):
        told["measured"] = True
    if "digest" not in told:
        yield "versions"
    yield from (name for name, value in told.items() if getattr(row, name) != value)
    if not measures and "measured" not in told:
        return
    found, passed_on = _measures_told(steps, now)
    in_force = {one.id: _terms(one) for one in measures if one.holds(now)}
    for one in passed_on - in_force.keys():
        found.pop(one, None)
    if found != in_force:
        yield "measure"


def matches_left(case: Case, content: Mapping[str, Any]) -> frozenset[str]:
    """The automated matches of a case that wait for a person, by where it stands: until it is
    assessed all of them, of a remote member's none here."""
    waits = case.state is CaseState.DRAFT and OrganisationName(case.originator).peer is None
    return unconfirmed_matches(content) if waits else frozenset()


def _terms(row: Measure) -> tuple[Any, ...]:
    until = row.until and row.until.isoformat()
    return str(row.kind), sorted(row.elements), until, row.before


def _measures_told(
    steps: Sequence[CaseEvent], now: datetime
) -> tuple[dict[UUID, tuple[Any, ...]], set[UUID]]:
    """The terms of each measure that holds, by the event that set it; and which of them a successor
    of its setter may have renewed. A renewal ends the one before without an event of its own."""
    found, setters, passed_on = dict[UUID, tuple[Any, ...]](), dict[UUID, Any](), set[UUID]()
    for one in steps:
        said = one.subject if one.type in SETTING or one.type in ENDING else {}
        if "measure" not in said:
            continue
        measure = UUID(said["measure"])
        if one.type in ENDING:
            found.pop(measure, None)
        elif measure == one.id:  # what others hear of it names it, too
            terms = said["kind"], sorted(said["elements"]), said["until"], said.get("before")
            held = one.handoff is not None
            setters[measure] = held, one.details.get("as recipient" if held else "as originator")
            for other in [name for name, before in found.items() if before[:2] == terms[:2]]:
                if setters[other] == setters[measure]:
                    del found[other]
                elif held and setters[other][0]:
                    passed_on.add(other)
            found[measure] = terms
    holding = {
        measure: terms
        for measure, terms in found.items()
        if terms[2] is None or now < datetime.fromisoformat(terms[2])
    }
    return holding, passed_on


def told_copy(events: Sequence[CaseEvent], handoff: UUID) -> Mapping[str, str]:
    """Return what the erasure of a case told the holder of a handoff of its copy: that there is
    one, and ``until`` when it waits for a retention; empty where it has none."""
    found = (one.subject for one in events if (one.type, one.handoff) == (ERASED, handoff))
    return next((said for said in found if "copy" in said), {})


def clears(one: CaseEvent) -> bool:
    """Tell whether two persons cleared a case by an event, or may have: that it tells no more."""
    version = one.type in VERSIONS and ("cleared_by" in one.details or not one.complete)
    return version or one.type == "case.cleared"


def fold_case(steps: Sequence[CaseEvent]) -> dict[str, Any]:
    """Return what a case's row has to say after its events, as far as they and no version tell
    it."""
    told: dict[str, Any] = {"early": False, "cleared_digest": None}
    for one in steps:
        said = one.details
        if one.type == ADVANCED:
            told["early"] = True
            if "erase_on" in one.subject:
                told["erase_on"] = date.fromisoformat(one.subject["erase_on"])
        if one.type not in STATES:
            continue
        told["state"], told["digest"] = STATES[one.type], one.case_digest
        if one.type in VERSIONS and "cleared_by" in said:
            told["state"] = CaseState.CLEARED
        elif one.type in VERSIONS and not one.complete:
            del told["state"]  # nobody knows any more whether two persons cleared it, too
            told.pop("cleared_digest", None)
        if told.get("state") is CaseState.CLEARED:
            told["cleared_digest"] = one.case_digest
        if one.type == "case.cleared":
            told["cleared_by"] = said.get("by")
        elif one.type != "case.closed":
            by = [said.get("by")] if one.type == "case.assessed" else []
            first, second = (*said.get("assessors", by), None, None)[:2]
            told |= {"assessed_by": first, "second_assessor": second}
            if one.type != "case.assessed":
                told["cleared_by"] = said.get("cleared_by")
        if not one.complete:  # nobody knows any more who that was
            for name in ("assessed_by", "second_assessor", "cleared_by"):
                told.pop(name, None)
    return told
