"""A case: metadata about reported content, in versions, read by groups of fields.

States of a case, which only its originator moves (embargo and recall are facts on it)::

    draft --assess--> assessed --clear--> cleared --close--> closed --erase--> erased
      ^                   |                  |                  |
      +------ revise -----+------------------+------------------+
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from gateway.domain import refusals, vocabulary
from gateway.domain.json_values import parse_timestamp

# --- The conditions of use: what an acceptance repeats (LED Art. 9), the stricter of two sets ---
#
# They are those of a case version, for the purpose of one offer. What a later version tightens
# binds at once; what it loosens binds nobody who was offered the earlier one.


CLEAR = ("tlp", "handling", "onward", "permitted_actions", "purpose", "erase_on")
"""Those that stand in clear in every case version."""

DISCLOSED = ("handling_note", "attribution", "embargo", "embargo_source", "force")
"""Those that are disclosures: in every offer, as far as the case states them. ``handling_note`` is
the text of H3 (R19); ``embargo_source``, who set the embargo and why, is for public authorities."""

FORCES = ("law", "agreement")
"""What may oblige to a condition; one that states neither is requested."""

WITH_FORCE = (*CLEAR, "attribution", "embargo")
"""The conditions that may state what obliges to them, and that a reservation may be about."""

EMBARGO_TERMS = ("no_notice_to_host", "no_publication", "until")
"""What everyone whom an embargo binds must know of it; the rest is its source."""


def conditions(
    claims: Mapping[str, Any],
    purpose: Sequence[str] | None = None,
    transfer_tool: str | None = None,
) -> dict[str, Any]:
    """The conditions that the claims of a case version state.

    ``purpose`` is that of an offer, in place of all of the case's; ``transfer_tool`` the agreement
    by which the offer goes to a third country (R15).
    """
    stated = {name: claims[name] for name in CLEAR}
    stated |= {name: claims[name] for name in DISCLOSED if name in claims}
    if purpose is not None:
        stated["purpose"] = list(purpose)
    if transfer_tool is not None:
        stated["transfer_tool"] = transfer_tool
    return stated


def tightened(stated: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """The conditions ``stated``, each as strict as in ``later``; nothing becomes looser.

    Purpose and transfer tool are those stated: an offer is for its own. ValueError for a word that
    its list does not have.
    """
    both = {name: join for name, join in _STRICTER.items() if name in later}
    return {
        **stated,
        **{
            name: join(stated[name], later[name]) if name in stated else later[name]
            for name, join in both.items()
        },
    }


def repeats(repeated: object, stated: Mapping[str, Any]) -> bool:
    """Tell whether ``repeated`` has every condition ``stated``, none looser and nothing foreign."""
    try:
        return isinstance(repeated, Mapping) and tightened(stated, repeated) == repeated
    except (ValueError, TypeError, AttributeError, KeyError):
        return False


def embargoed(content: Mapping[str, Any], day: date) -> bool:
    """Tell whether an embargo holds on ``day`` (R7); ``until`` is the first day without it."""
    embargo = content.get("embargo") or {}
    return bool(embargo) and day < date.fromisoformat(embargo["until"])


def _last(order: Sequence[str]) -> Callable[[str, str], str]:
    return lambda one, other: max(one, other, key=order.index)


def _union(one: Sequence[str], other: Sequence[str]) -> list[str]:
    return [*one, *(code for code in other if code not in one)]


_STRICTER: Mapping[str, Callable[[Any, Any], Any]] = {
    "tlp": _last(vocabulary.TLP),
    "handling": _union,
    "onward": _last(vocabulary.ONWARD),
    "permitted_actions": _last(vocabulary.PERMITTED_ACTIONS[::-1]),
    "erase_on": min,
    # Texts have no order: every line of both binds.
    "handling_note": lambda one, other: "\n".join(_union(one.split("\n"), other.split("\n"))),
    "attribution": _last(vocabulary.ATTRIBUTIONS),
    "embargo": lambda one, other: {name: max(one[name], other[name]) for name in EMBARGO_TERMS},
    "embargo_source": lambda one, _: one,
    "force": lambda one, other: {**one, **other},
}
"""How the stricter of two values of a condition is found."""


# --- A case: metadata about reported content, in versions, read by groups of fields ---


PROFILE = "casegate-case/1"

CLEAR_MARKING = CLEAR
"""Fields of ``marking`` that stand in clear in the signed document: the conditions of use."""

PROPERTIES: Mapping[str, str] = {
    "matter": "routing",
    "urgency": "routing",
    "urgency_reason": "routing",
    "legal_basis": "basis",
    "embargo": "routing",
    "embargo_source": "routing",
    "release_to": "marking",
    "attribution": "routing",
    "national": "marking",
    "handling_note": "routing",
    "force": "routing",
    "review_on": "basis",
    "retention_rule": "basis",
    "received_at": "intake",
    "intake_channel": "intake",
    "reporter": "intake",
    "originator_ref": "intake",
}
"""Each property disclosed on its own, in the fixed order of disclosure, and its group.

``embargo_source`` is what the case JSON keeps in ``embargo`` beside its terms.
"""

MARKING_PROPERTIES = (
    "embargo",
    "embargo_source",
    "release_to",
    "attribution",
    "national",
    "handling_note",
    "force",
    "review_on",
    "retention_rule",
)
"""The disclosed properties that the case JSON keeps inside ``marking``."""

ARRAYS = ("items", "statements", "subjects", "classifications", "references")
"""Each array whose elements are disclosed one by one; the array's name is the group's."""

SEALABLE = ("items", "statements", "subjects")
"""The arrays of which an element can be sealed to one organisation: its id, whom it is for, and
the text that nobody else can open."""

GROUPS = ("routing", "basis", "marking", "intake", *ARRAYS)
ROUTING_FIELDS = tuple(name for name, group in PROPERTIES.items() if group == "routing")
"""In every offer, and shown before its acceptance: where a case belongs, and the conditions of its
use that are not in clear."""

LONGEST_RETENTION = timedelta(days=3653)
"""Ten years: the farthest day of erasure."""

CLOCK_SKEW = timedelta(minutes=5)
"""How far ahead of the gateway's an originator's clock may be."""

_MOMENTS: Mapping[str, str] = {
    "statements": "made_at",
    "subjects": "qualified_at",
    "classifications": "assessed_at",
}
_FINDINGS: Mapping[str, str] = {"hosting": "observed_at", "online": "checked_at"}

MACHINE_METHODS = frozenset({"hash_match", "classifier"})
PERCEPTUAL = frozenset({"pdq", "photodna"})


class CaseState(StrEnum):
    """Where a case is in its originator's hands."""

    DRAFT = "draft"
    ASSESSED = "assessed"
    CLEARED = "cleared"
    CLOSED = "closed"
    ERASED = "erased"


class CaseAction(StrEnum):
    """What the originator may do to a case."""

    REVISE = "revise"
    ASSESS = "assess"
    CLEAR = "clear"
    CLOSE = "close"
    ERASE = "erase"


CASE_MOVES: Mapping[tuple[CaseState, CaseAction], CaseState] = {
    (CaseState.DRAFT, CaseAction.REVISE): CaseState.DRAFT,
    (CaseState.ASSESSED, CaseAction.REVISE): CaseState.DRAFT,
    (CaseState.CLEARED, CaseAction.REVISE): CaseState.DRAFT,
    (CaseState.CLOSED, CaseAction.REVISE): CaseState.DRAFT,
    (CaseState.DRAFT, CaseAction.ASSESS): CaseState.ASSESSED,
    (CaseState.ASSESSED, CaseAction.CLEAR): CaseState.CLEARED,
    (CaseState.DRAFT, CaseAction.CLOSE): CaseState.CLOSED,
    (CaseState.ASSESSED, CaseAction.CLOSE): CaseState.CLOSED,
    (CaseState.CLEARED, CaseAction.CLOSE): CaseState.CLOSED,
    (CaseState.CLOSED, CaseAction.ERASE): CaseState.ERASED,
}


@dataclass(frozen=True)
class Case:
    """The originator's case: its current version and who brought it there.

    ``digest`` is that of the current version's signed document. ``originator_ref`` is a keyed
    digest of the originator's reference, which it does not reveal. ``unconfirmed_matches`` are the
    ids of automated matches that no person confirmed (R18). ``revision`` counts changes, for
    compare-and-set. ``cleared_digest`` is that of the last version that a second person cleared.
    ``erase_on`` is the first day without the content; ``early``: two persons brought it forward,
    and no version puts it off again. ``measured``: it has, or had, a measure
    (gateway/domain/measure.py). ``offered``: a handoff of it stands, so that somebody is asked to
    take it, or took it.
    """

    originator: str
    id: UUID
    version: int
    digest: str
    originator_ref: str
    erase_on: date
    measured: bool = False
    early: bool = False
    offered: bool = False
    state: CaseState = CaseState.DRAFT
    unconfirmed_matches: frozenset[str] = frozenset()
    assessed_by: str | None = None
    second_assessor: str | None = None
    cleared_by: str | None = None
    cleared_digest: str | None = None
    revision: int = 1


def _moved(case: Case, move: CaseAction) -> CaseState:
    target = CASE_MOVES.get((case.state, move))
    if target is None:
        unassessed = (case.state, move) == (CaseState.DRAFT, CaseAction.CLEAR)
        first = " Assess it first." if unassessed else ""
        raise refusals.WrongState(f"'{move}' is not possible: the case is {case.state}.{first}")
    return target


def revise(case: Case, version: int, digest: str, unconfirmed_matches: frozenset[str]) -> Case:
    """A new version starts again as a draft: what was assessed was the old content."""
    return replace(
        case,
        state=_moved(case, CaseAction.REVISE),
        version=version,
        digest=digest,
        unconfirmed_matches=unconfirmed_matches,
        assessed_by=None,
        second_assessor=None,
        cleared_by=None,
    )


def assess(
    case: Case,
    by: str,
    confirmed: frozenset[str],
    *,
    second: str | None = None,
    by_two: bool = False,
) -> Case:
    """Record an analyst's assessment, which confirms every automated match (R18).

    ``second`` is another analyst who assessed it too, needed where a classification is ``by_two``.
    """
    state = _moved(case, CaseAction.ASSESS)
    if second == by or (by_two and second is None):
        raise refusals.SecondPersonRequired(
            "a classification by two persons (human_x2) needs another analyst as second_assessor"
        )
    missing = case.unconfirmed_matches - confirmed
    if missing:
        raise refusals.UnconfirmedMatch(
            "a match is not a finding: a person must confirm the classifications "
            + ", ".join(sorted(missing))
        )
    return replace(
        case,
        state=state,
        unconfirmed_matches=frozenset(),
        assessed_by=by,
        second_assessor=second,
    )


def clear(case: Case, by: str) -> Case:
    """Clear the case for sharing; a different person than who assessed it must do it (R10)."""
    state = _moved(case, CaseAction.CLEAR)
    if by in (case.assessed_by, case.second_assessor):
        raise refusals.SecondPersonRequired(
            "the person who clears a case must not have assessed it: name two different persons"
        )
    return replace(case, state=state, cleared_by=by, cleared_digest=case.digest)


def assessed_by_two(content: Mapping[str, Any]) -> bool:
    """Tell whether the case says of a classification that two persons made it."""
    two = vocabulary.ClassificationMethod.HUMAN_X2
    return any(one["method"] == two for one in content.get("classifications", ()))


def close(case: Case) -> Case:
    """The originator ends its work on the case; the caller has checked its handoffs."""
    return replace(case, state=_moved(case, CaseAction.CLOSE))


def erase(case: Case, day: date, *, lost: bool = False) -> Case:
    """The case without its content. From its day on a case is erased wherever it stands, and so is
    one whose content is ``lost`` anyway; else only one that its originator has closed. Who assessed
    and cleared it is in the log alone from then on, for its term."""
    persons: dict[str, Any] = {"assessed_by": None, "second_assessor": None, "cleared_by": None}
    if case.state is not CaseState.ERASED and (lost or erasure_is_due(case, day)):
        return replace(case, state=CaseState.ERASED, **persons)
    return replace(case, state=_moved(case, CaseAction.ERASE), **persons)


def advance_erasure(case: Case, day: date, erase_on: date) -> Case:
    """The case with an earlier day of erasure, from tomorrow on: who holds it hears a day before.

    Raises WrongState for a case that was erased, ValidationFailed for another day.
    """
    if case.state is CaseState.ERASED:
        raise refusals.WrongState("the case was erased")
    if not day < erase_on < case.erase_on:
        raise refusals.ValidationFailed(
            (("/erase_on", f"is a day from tomorrow on, and before {case.erase_on}"),)
        )
    return replace(case, erase_on=erase_on, early=True)


def erasure_is_due(case: Case, day: date) -> bool:
    """Tell whether the day of a case's erasure has come."""
    return case.erase_on <= day


def unconfirmed_matches(content: Mapping[str, Any]) -> frozenset[str]:
    """The ids of classifications that rest on a machine alone."""
    return frozenset(
        c["id"] for c in content.get("classifications", ()) if c["method"] in MACHINE_METHODS
    )


def date_errors(
    content: Mapping[str, Any],
    now: datetime,
    day: date,
    planned: date | None,
    longest: int | None = None,
) -> Iterator[tuple[str, str]]:
    """Return what is wrong with the dates of a case at a moment, on its civil day, by JSON pointer.

    ``longest`` is how many days its matters let it be kept, from the day of receipt (R21).

    ``planned`` is the day of erasure of the version before. A further version may only put it off:
    recipients have accepted it, and to bring it forward is for two persons (R10).
    """
    erase_on = date.fromisoformat(content["marking"]["erase_on"])
    if not day < erase_on <= day + LONGEST_RETENTION:
        yield "/marking/erase_on", "must be a day between tomorrow and ten years from today"
    if longest is not None:
        last = parse_timestamp(content["received_at"]).date() + timedelta(days=longest)
        if erase_on > last:
            yield (
                "/marking/erase_on",
                f"must not be after {last}: a case of this matter is kept for {longest} days at "
                "most; to keep it longer, retain it by law",
            )
    if planned is not None and erase_on < planned:
        yield (
            "/marking/erase_on",
            f"must not be before {planned}, as it is now: to erase the case earlier, two persons "
            "bring its erasure forward",
        )
    latest = now + CLOCK_SKEW
    for pointer, moment in _moments(content):
        if parse_timestamp(moment) > latest:
            yield pointer, "must not be in the future: check the time and its offset, or your clock"
    for place, basis in enumerate(content["legal_basis"]):
        if date.fromisoformat(basis.get("source_legal_basis", {}).get("dated", "0001-01-01")) > day:
            yield f"/legal_basis/{place}/source_legal_basis/dated", "must not be in the future"


def _moments(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every time in a case at which something was done, by its JSON pointer."""
    yield "/received_at", content["received_at"]
    for array, name in _MOMENTS.items():
        for place, part in enumerate(content.get(array, ())):
            if name in part:
                yield f"/{array}/{place}/{name}", part[name]
    for place, item in enumerate(content.get("items", ())):
        for array, name in _FINDINGS.items():
            for number, found in enumerate(item.get(array, ())):
                yield f"/items/{place}/{array}/{number}/{name}", found[name]


def undisclosable_claims(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return what stands in clear in the signed document, whoever reads it."""
    marking = content["marking"]
    claims: dict[str, Any] = {
        "case": content["case"],
        "version": content["version"],
        "profile": PROFILE,
    }
    if "previous" in content:
        claims["previous"] = content["previous"]
    return claims | {name: marking[name] for name in CLEAR_MARKING}


SUMMARY = (*CLEAR_MARKING, *DISCLOSED, "matter", "urgency", "originator_ref")
"""The claims that a list of cases shows, and by which policy decides whether it shows a case."""


def summary(claims: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a list needs of a case version's claims."""
    return {name: claims[name] for name in SUMMARY if name in claims}


def disclosable_properties(content: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The properties present in ``content``, in the fixed order of disclosure."""
    source = {**content, **{k: content["marking"].get(k) for k in MARKING_PROPERTIES}}
    if embargo := source["embargo"]:
        source["embargo"] = {k: v for k, v in embargo.items() if k in EMBARGO_TERMS}
        source["embargo_source"] = {k: v for k, v in embargo.items() if k not in EMBARGO_TERMS}
    return [(name, source[name]) for name in PROPERTIES if source.get(name) is not None]


def disclosable_arrays(content: Mapping[str, Any]) -> list[tuple[str, list[Any]]]:
    """The arrays of ``content``, in the fixed order of disclosure; empty ones too."""
    return [(name, list(content.get(name, ()))) for name in ARRAYS]


def case_from_claims(claims: Mapping[str, Any]) -> dict[str, Any]:
    """The case JSON again, from unfolded claims; parts that were withheld are absent."""
    content = {name: claims[name] for name in ("case", "version", "previous") if name in claims}
    content |= {n: claims[n] for n in PROPERTIES if n in claims and n not in MARKING_PROPERTIES}
    content |= {name: claims[name] for name in ARRAYS if claims.get(name)}
    marked = (*CLEAR_MARKING, *MARKING_PROPERTIES)
    marking = content["marking"] = {name: claims[name] for name in marked if name in claims}
    if "embargo" in marking:
        marking["embargo"] = {**marking["embargo"], **marking.pop("embargo_source", {})}
    return content


def handling_codes(content: Mapping[str, Any]) -> frozenset[str]:
    """The handling codes of a case JSON and of all of its elements that can be read."""
    parts = (part for name in ARRAYS for part in content.get(name, ()))
    markings = (content["marking"], *(part.get("marking", {}) for part in parts))
    return frozenset().union(*(marking.get("handling", ()) for marking in markings))


class Element(NamedTuple):
    """One thing that is disclosed or withheld as a whole, as policy sees it.

    ``sealed_to`` is the organisation that alone can open it, None when it is not sealed.
    ``perceptual`` tells that it carries a hash that finds similar pictures; ``measures`` are the
    kinds of measures that hold on it; ``matter`` is what its case is about, as far as it shows it.
    """

    group: str
    name: str
    category: str
    marking: vocabulary.Marking
    sealed_to: str | None = None
    perceptual: bool = False
    measures: frozenset[str] = frozenset()
    matter: frozenset[str] = frozenset()


_CATEGORIES = {"items": "kind", "statements": "kind", "subjects": "category"}
"""The field that says of which category an element of an array is; of the others the scheme."""


def element(
    name: str,
    in_array: bool,
    value: Any,
    case_marking: vocabulary.Marking,
    matter: frozenset[str],
    *,
    police: bool,
) -> Element:
    """Describe one disclosure; the category comes from validated content, never from a label.

    ``police``: the originator acts under the LED regime.
    """
    if not in_array:
        return Element(PROPERTIES[name], name, name, case_marking, matter=matter)
    if is_sealed(value):
        # The gateway cannot read it, so it counts as the strictest: RED, and of a category that no
        # rule knows (ADR 0013).
        strict = vocabulary.strictest([case_marking, vocabulary.Marking("RED", frozenset())])
        return Element(name, name, "sealed", strict, value["sealed_to"], matter=matter)
    perceptual = name == "items" and any(h["alg"] in PERCEPTUAL for h in value.get("hash", ()))
    stated = _CATEGORIES.get(name, "scheme")
    own = (
        [vocabulary.marking_of({"tlp": case_marking.tlp, **value["marking"]})]
        if "marking" in value
        else []
    )
    if perceptual:
        own.append(vocabulary.Marking("AMBER+STRICT", frozenset()))
    return Element(
        group=name,
        name=name,
        category="police_statement" if police and name == "statements" else str(value[stated]),
        marking=vocabulary.strictest([case_marking, *own]) if own else case_marking,
        perceptual=perceptual,
        matter=matter,
    )


def is_sealed(value: Any) -> bool:
    """Tell whether an element of an array is sealed to an organisation."""
    return isinstance(value, dict) and "sealed" in value


@dataclass(frozen=True)
class SealedElement:
    """A sealed element of a case: its array and place, its id, for whom it is, the seal itself."""

    group: str
    place: int
    id: str
    sealed_to: str
    text: str


def sealed_parts(content: Mapping[str, Any]) -> tuple[SealedElement, ...]:
    """The sealed elements in a case JSON, or in the unfolded claims of a case document."""
    return tuple(
        SealedElement(name, place, value["id"], value["sealed_to"], value["sealed"])
        for name in SEALABLE
        for place, value in enumerate(content.get(name, ()))
        if is_sealed(value)
    )
