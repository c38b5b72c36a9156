"""What one party learns of what the other does with a case: outcomes, and consultations.

An outcome of the police says how an investigation goes. Who is not of the police reads its arrival,
its end, and what its author made for that reader; the code stays with the police (R5).
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from gateway.domain.answers import ANSWERS, AnswerKind, misplaced
from gateway.domain.handoff import KEPT, ON_REQUISITION, POLICE_ONLY_OUTCOMES, SHOWN_TO_ALL
from gateway.domain.json_values import parse_timestamp

_FIELDS = ANSWERS["outcome"].fields
_OUTSIDE = frozenset(one.name for one in _FIELDS if one.outside)
_ENDS = POLICE_ONLY_OUTCOMES | {"no_further_action"}


def outcome_errors(fields: Mapping[str, Any], now: datetime) -> tuple[tuple[str, str], ...]:
    """Return what is wrong with an outcome's fields taken together, each as JSON Pointer and
    sentence."""
    code = fields["code"]
    errors = [*misplaced(_FIELDS, fields)]
    if code == "more_needed":
        what = fields.get("what")
        if what is None:
            errors.append(("/what", "say what is needed"))
        elif what in ON_REQUISITION and "requisition" not in fields:
            why = "give the requisition's reference, or the word none"
            errors.append(("/requisition", why))
        elif what not in ON_REQUISITION and "text" not in fields:
            errors.append(("/text", "say in words what is needed"))
    if "until" in fields and parse_timestamp(fields["until"]) <= now:
        errors.append(("/until", "is a moment to come"))
    if code == "assessment_not_confirmed" and "items" not in fields:
        errors.append(("/items", "name the items whose assessment is not confirmed"))
    if "release" in fields and code in SHOWN_TO_ALL:
        errors.append(("/release", "is left out: the originator reads this code itself"))
    return tuple(errors)


def outcome_as_read(
    fields: Mapping[str, Any], *, author_is_police: bool, reader_is_police: bool, embargoed: bool
) -> tuple[str, Mapping[str, Any]]:
    """The code of an outcome as its reader sees it, and those of its fields that it reads.

    ``embargoed``: an embargo keeps from this reader all but the arrival (R7).
    """
    code = str(fields.get("code", ""))  # a peer gateway may withhold it
    if embargoed:
        return "received", {}
    if reader_is_police or not author_is_police:
        return code, fields
    if code in SHOWN_TO_ALL:
        return code, _only(fields, _OUTSIDE | {"code", "items"})
    arrived_or_ended = "closed" if code in _ENDS else "received"
    return str(fields.get("release", arrived_or_ended)), _only(fields, _OUTSIDE)


def codes_shown_for(kind: AnswerKind, fields: Mapping[str, Any]) -> frozenset[str]:
    """The codes as which an outcome, or an answer to a recall, may be shown of which ``fields`` are
    disclosed."""
    if kind.of_recall:
        return frozenset({str(fields.get("done", KEPT))})
    said = fields.get("code", fields.get("release"))
    return frozenset({"received", "closed"} if said is None else {str(said)})


def _only(fields: Mapping[str, Any], names: frozenset[str]) -> Mapping[str, Any]:
    return {name: value for name, value in fields.items() if name in names}


# --- Consultations by the police: of which of them a private originator learns ---
#
# Each one says that somebody works on the case, and when. The police's own stream has them all.


class ConsultationNotice(StrEnum):
    """Of which consultations by the police the event is one of a private originator's, too."""

    NONE = "none"
    FIRST = "first"
    EACH = "each"


def informs_originator(
    notice: ConsultationNotice,
    *,
    originator_is_public: bool,
    reader_is_police: bool,
    embargoed: bool,
    informed_before: bool,
) -> bool:
    """Tell whether the originator of a handoff is a party of a consultation by its recipient.

    ``informed_before``: it was one of an earlier consultation of the handoff. Under an embargo a
    private originator learns of none: that somebody looks would announce what is planned (R7).
    """
    if originator_is_public or not reader_is_police:
        return True
    if embargoed or notice is ConsultationNotice.NONE:
        return False
    return notice is ConsultationNotice.EACH or not informed_before
