"""What a person does about a case or a handoff by a few fields: one table of steps.

The address, the body, the client's call and the command all follow from ``CASE_STEPS``. A new step
is one entry there, what it does (gateway/web/partners/case_steps.py), and a policy that allows its
action. What is signed, or opens content, is no step.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gateway.domain.answers import FieldType, RequestField
from gateway.domain.measure import MEASURES, MeasureKind
from gateway.domain.retention import DpoAdvice


@dataclass(frozen=True)
class StepBody:
    """What a step takes beside the person who takes it: ``name`` is the body's in the interface."""

    name: str
    about: str
    fields: tuple[RequestField, ...]


@dataclass(frozen=True)
class CaseStepKind:
    """One kind of step.

    ``action`` is the policy's, ``path`` the last part of the address, with the ids in it that it
    is about beside the case. ``result`` names the shape of what it answers. ``about`` says what it
    does: a line, and what there is to add in a further paragraph. ``places`` are where it is
    possible: at the own case, at a handoff, or at either. ``verb`` is the command's, where it is
    not the action's.
    """

    action: str
    path: str
    result: str
    body: StepBody
    about: str
    places: tuple[str, ...] = ("case",)
    verb: str = ""

    @property
    def command(self) -> str:
        """The verb of the command, as ``assess``."""
        return self.verb or self.action.partition(".")[2]

    @property
    def beside(self) -> tuple[str, ...]:
        """Return what it is about beside the case, as ``measure``."""
        return tuple(re.findall(r"{(\w+)}", self.path))


def _person(name: str, about: str, **more: Any) -> RequestField:
    return RequestField(name, FieldType.PERSON, about, **more)


def _word(name: str, words: Iterable[str], about: str) -> RequestField:
    return RequestField(name, FieldType.WORD, about, required=True, words=tuple(map(str, words)))


_EITHER = ("case", "handoff")

_REASON = RequestField("reason", FieldType.TEXT, "Why, in up to 300 characters.", longest=300)
_REASON_OF_SECOND = replace(_REASON, about="Why, in up to 200 characters.", longest=200)
_SECOND_PERSON = _person("approved_by", "The second person, where two decide.")
_ELEMENTS = RequestField(
    "elements", FieldType.IDS, "Only this element; without it the whole case.", least=0
)

_RESTRICTIONS = (MeasureKind.SUSPENSION, MeasureKind.MARK)

_ANY = StepBody("StepBody", "A person takes a step, with or without a reason.", (_REASON,))
_BY_SECOND = StepBody(
    "SecondPersonBody",
    "A second person approves or reviews what one person did.",
    (_REASON_OF_SECOND,),
)

_KINDS = (
    CaseStepKind(
        "case.assess",
        "assessment",
        "CaseStep",
        StepBody(
            "AssessmentBody",
            "An analyst assesses the case and confirms the automated matches named here.",
            (
                _person(
                    "second_assessor",
                    "Who assessed it too, for a classification by two persons (human_x2).",
                ),
                RequestField(
                    "confirmed_matches",
                    FieldType.IDS,
                    "Id of an automated match that the analyst confirms (R18).",
                    required=True,
                    least=0,
                ),
                _REASON,
            ),
        ),
        "Record an analyst's assessment of a case.\n\nA person must confirm each automated match "
        "(R18). A classification by two persons (`human_x2`) needs a second assessor, too.",
    ),
    CaseStepKind(
        "case.clear",
        "clearance",
        "CaseStep",
        _ANY,
        "Clear a case for sharing.\n\nThe person must not be the one who assessed it.",
    ),
    CaseStepKind(
        "case.close",
        "closure",
        "CaseStep",
        _ANY,
        "End the work on a case.\n\nNone of its handoffs may be open.",
    ),
    CaseStepKind(
        "case.advance_erasure",
        "early-erasure",
        "AdvancedErasure",
        StepBody(
            "EarlyErasureBody",
            "To which day an erasure is brought forward, by whom, and what the DPO advised.",
            (
                replace(_SECOND_PERSON, about="The second person.", required=True),
                _person("dpo", "The DPO who advised.", required=True),
                _word(
                    "advice",
                    DpoAdvice,
                    "What the DPO advised; it is recorded, and decides nothing.",
                ),
                RequestField(
                    "erase_on", FieldType.DAY, "The new day of its erasure.", required=True
                ),
                replace(_REASON_OF_SECOND, required=True),
            ),
        ),
        "Bring the erasure of your case forward.\n\nTo tomorrow at the earliest; two persons "
        "decide, and name the DPO who advised, a third one. No later version puts it off again. "
        "Who was offered the case hears of the day; what another organisation retains by law "
        "stays with it.",
    ),
    CaseStepKind(
        "case.embargo",
        "embargo",
        "MeasureView",
        StepBody(
            "EmbargoBody",
            "Which elements must not be acted upon, until when, and why; none are the whole case."
            "\n\nWithout ``until`` it holds as long as one may.",
            (
                _SECOND_PERSON,
                _word("code", MEASURES[MeasureKind.EMBARGO].codes, "Why."),
                _ELEMENTS,
                RequestField(
                    "until",
                    FieldType.TIME,
                    "When it ends, as 2026-01-02T03:04:05Z; without it, as late as it may.",
                ),
                RequestField(
                    "preservation_reference",
                    FieldType.LINE,
                    "The reference of your preservation request: the embargo itself is none.",
                    longest=200,
                ),
            ),
        ),
        "Set or renew an embargo on a case.\n\nUntil it ends nothing is removed, and no notice "
        "goes to a host. An authority with law enforcement powers sets it, on its own case or on "
        "one that it accepted under a mandate, for 72 hours at first; it binds everybody. To set "
        "it again on the same elements, within 14 days after its end too, is a renewal: it takes a "
        "second person, and has a bound in all.",
        _EITHER,
    ),
    CaseStepKind(
        "case.restrict",
        "processing-restriction",
        "MeasureView",
        StepBody(
            "RestrictionBody",
            "How the processing of a case, or of some elements, is restricted "
            "(GDPR 18, LED 16(3)).",
            (
                _SECOND_PERSON,
                _word(
                    "kind",
                    _RESTRICTIONS,
                    "suspension: nothing is consulted or offered. mark: kept, for few reasons.",
                ),
                _word(
                    "code",
                    sorted({code for kind in _RESTRICTIONS for code in MEASURES[kind].codes}),
                    "Why: unlawful and legal_claim are for a suspension, kept_as_evidence is for a "
                    "mark.",
                ),
                replace(
                    _ELEMENTS,
                    about="Only this element; without it the whole case. A mark names at least "
                    "one.",
                ),
                RequestField(
                    "until",
                    FieldType.TIME,
                    "When a suspension ends, as 2026-01-02T03:04:05Z; a mark has no such time.",
                ),
            ),
        ),
        "Restrict the processing of your case.\n\nA suspension stops consultations and offers for "
        "up to 72 hours; a cleared version ends it before. A marked element is kept, and opened "
        "for few reasons only; two persons set a mark, and two end it.",
    ),
    CaseStepKind(
        "case.end_measure",
        "measures/{measure}/end",
        "MeasureView",
        StepBody(
            "MeasureEndBody",
            "Who ends a measure before its time; a mark, and an embargo in imminent danger, take "
            "a second person, one of another a reason.",
            (_SECOND_PERSON, _REASON),
        ),
        "End a measure on a case.\n\nOne that you set, or your predecessor in the mandate; "
        "its id is shown with the case. In imminent danger two persons of an authority that holds "
        "the case by mandate may end an embargo of another, with a reason that its setter and the "
        "originator read.",
        _EITHER,
    ),
    CaseStepKind(
        "case.approve_recall",
        "recalls/{recall}/approval",
        "RecallApproved",
        _BY_SECOND,
        "Approve a recall as the second person.\n\nThe recall stands already: one person may "
        "recall what was misdirected, or accepted with a reservation, and the second follows "
        "within 24 hours.",
    ),
    CaseStepKind(
        "handoff.review",
        "review",
        "Reviewed",
        _BY_SECOND,
        "Review what was consulted before acceptance.\n\nIn imminent danger a case may be "
        "consulted before it is accepted. A second person reviews that; the originator is not "
        "told. The originator's data protection officer reviews an offer to a third country by "
        "derogation.",
        ("handoff",),
    ),
    CaseStepKind(
        "handoff.mark_seen",
        "seen",
        "Seen",
        StepBody(
            "SeenBody",
            "A person has seen what arrived from the other side.",
            (
                RequestField(
                    "events",
                    FieldType.IDS,
                    "Only what arrived by this event; without it all that waits, the oldest 500.",
                    least=0,
                ),
            ),
        ),
        "Mark what arrived in a handoff as seen.\n\nIt leaves your list of what waits; the other "
        "party does not hear of it. What you owe you still owe.",
        ("handoff",),
        verb="seen",
    ),
)

CASE_STEPS: Mapping[str, CaseStepKind] = {kind.action: kind for kind in _KINDS}
"""Every kind of step by its action."""
