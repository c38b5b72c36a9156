"""What a person does by a few fields, about a case, a handoff or another thing: a table of steps.

The address, the body, the client's call and the command all follow from ``STEPS``. A new step
is one entry there, what it does (gateway/web/partners/steps.py), and a policy that allows its
action. What opens content is no step.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gateway.domain.answers import FieldType, RequestField
from gateway.domain.handoff import RecallCode
from gateway.domain.measure import MEASURES, MeasureKind
from gateway.domain.retention import DpoAdvice


@dataclass(frozen=True)
class StepBody:
    """What a step takes beside the person who takes it: ``name`` is the body's in the interface."""

    name: str
    about: str
    fields: tuple[RequestField, ...]


_PLACES = {
    "case": "/cases/{case}",
    "handoff": "/handoffs/{handoff}",
    "notification": "/notifications/{event}",
    "staff": "/staff/{pseudonym}",
    "succession": "/successions/{succession}",
}
"""What a step is about, by the command's noun, and its address."""


@dataclass(frozen=True)
class StepKind:
    """One kind of step.

    ``action`` is the policy's, ``path`` the last part of the address, with the ids in it that it
    is about beside its place. ``result`` names the shape of what it answers. ``about`` says what it
    does: a line, and what there is to add in a further paragraph. ``places`` are what it is about:
    the own case, a handoff, either, or something else. ``verb`` is the command's, where it is not
    the action's.
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
    def addresses(self) -> Mapping[str, str]:
        """Return the address at each place, with the names of the ids in it."""
        return {place: f"{_PLACES[place]}/{self.path}" for place in self.places}


def ids_in(address: str) -> list[str]:
    """Return what an address names, the place first."""
    return re.findall(r"{(\w+)}", address)


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

_BY = StepBody("PersonBody", "The person who does it.", ())
_ANY = StepBody("StepBody", "A person takes a step, with or without a reason.", (_REASON,))
_BY_SECOND = StepBody(
    "SecondPersonBody",
    "A second person approves or reviews what one person did.",
    (_REASON_OF_SECOND,),
)

_KINDS = (
    StepKind(
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
    StepKind(
        "case.clear",
        "clearance",
        "CaseStep",
        _ANY,
        "Clear a case for sharing.\n\nThe person must not be the one who assessed it.",
    ),
    StepKind(
        "case.close",
        "closure",
        "CaseStep",
        _ANY,
        "End the work on a case.\n\nNone of its handoffs may be open.",
    ),
    StepKind(
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
    StepKind(
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
    StepKind(
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
    StepKind(
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
    StepKind(
        "case.recall",
        "recall",
        "Recalled",
        StepBody(
            "RecallBody",
            "Why a case is recalled; two persons decide it. One begins with what was misdirected, "
            "or where the recipient of one handoff accepted it with a reservation "
            "(conditions_not_met).\n\nThe reason is left out once the case was erased, and needed "
            "before.",
            (
                _SECOND_PERSON,
                _word(
                    "code",
                    RecallCode,
                    "Why. misdirected, conditions_not_met (of one handoff): one person may begin.",
                ),
                replace(
                    _REASON,
                    about="Reason, up to 300 characters; its holders read it. Left out of an "
                    "erased case.",
                ),
            ),
        ),
        "Recall a case from all who have it, or what one handoff gave.\n\nThey stop "
        "its use at once, and answer whether their copies are erased. Open handoffs are withdrawn; "
        "what was recalled before is passed over. A later version may be offered in a new handoff.",
        _EITHER,
    ),
    StepKind(
        "case.approve_recall",
        "recalls/{recall}/approval",
        "RecallApproved",
        _BY_SECOND,
        "Approve a recall as the second person.\n\nThe recall stands already: one person may "
        "recall what was misdirected, or accepted with a reservation, and the second follows "
        "within 24 hours.",
    ),
    StepKind(
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
    StepKind(
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
    StepKind(
        "notification.replay",
        "replay",
        "ReplayedNotification",
        _BY,
        "Have the notification of an event of your own stream sent again.\n\nSo you get again what "
        "you refused, or took and lost. It comes before those that follow.",
        ("notification",),
    ),
    StepKind(
        "staff.end",
        "end",
        "StaffEnded",
        StepBody(
            "StaffEndBody",
            "Who ends the entry, and which two others agree where it is an approver's or head's.",
            (
                RequestField(
                    "approved_by",
                    FieldType.PERSONS,
                    "Give it twice to end an approver or head: two others who stay.",
                    least=0,
                ),
            ),
        ),
        "End an entry at once; its pseudonym is never used again.\n\nThat of an approver or head "
        "ends by two others, who stay.",
        ("staff",),
    ),
    StepKind(
        "succession.approve",
        "approval",
        "SuccessionView",
        _BY,
        "Approve a succession for your organisation.\n\nOnce both organisations have approved, the "
        "gateway re-issues each open handoff of the mandate to the successor from the day of the "
        "succession on. With a document key you sign the plan.",
        ("succession",),
    ),
    StepKind(
        "handoff.take",
        "taking",
        "Taken",
        _BY,
        "Say who of your side works on a handoff.\n\nIt replaces who did before. `casegate todo "
        "--mine` lists what a person took; the other party does not hear of it.",
        ("handoff",),
    ),
    StepKind(
        "handoff.refer",
        "reference",
        "Referred",
        StepBody(
            "ReferenceBody",
            "A recipient gives a handoff its own reference.",
            (
                RequestField(
                    "reference",
                    FieldType.LINE,
                    "Your own reference, in up to 100 characters; no name of a person.",
                    required=True,
                    longest=100,
                ),
            ),
        ),
        "Give a handoff that you received your own reference.\n\nIt replaces an earlier one. Lists "
        "show it, and commands take it for the id; the other party does not hear of it.",
        ("handoff",),
    ),
)

STEPS: Mapping[str, StepKind] = {kind.action: kind for kind in _KINDS}
"""Every kind of step by its action."""


def verb_of(action: str) -> str:
    """The command of an action, without its noun."""
    step = STEPS.get(action)
    return (step.command if step else action.partition(".")[2]).replace("_", "-")
