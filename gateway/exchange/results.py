"""What the actions on cases, handoffs and successions answer; `oversight` has results of its own.

The interface's description is derived from these classes, and so is its JSON
(`gateway.kernel.results`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Annotated, Any, NewType
from uuid import UUID

from gateway.domain.case import CaseState
from gateway.domain.duty import DutyKind
from gateway.domain.handoff import Addressee, HandoffState, RecallCode
from gateway.domain.measure import MeasureKind
from gateway.domain.retention import RetentionGround
from gateway.domain.standing import Closed, Opens
from gateway.domain.vocabulary import Urgency
from gateway.evidence.receipt import Receipt
from gateway.kernel.results import Digest, SignedText

DueAt = Annotated[datetime, "By when the recipient owes an answer; null when it owes none."]
BreakGlass = Annotated[bool, "Whether it was offered before the case was cleared (R16)."]
DutyContact = Annotated[
    bool,
    "Of what is urgent or an imminent danger: whether the recipient has a duty contact. If not, "
    "it is not on duty: telephone.",
]


@dataclass(frozen=True)
class EmergencyContact:
    """Whom the originator telephones at the recipient, where somebody is in danger."""

    role: str
    name: str
    address: str


Telephone = Annotated[
    EmergencyContact,
    "In imminent danger, for its originator: whom to telephone at the recipient. That the contact "
    "of that role was given stands in the event of the offer.",
]
EndedBy = Annotated[str, "What ended a handoff without an answer: `case_erased`."]
Conditions = NewType("Conditions", Mapping[str, Any])
"""The conditions of use as `gateway.domain.case` gives them."""


@dataclass(frozen=True)
class CaseStep:
    """A case after a person's step on it."""

    case: UUID
    version: int
    digest: Digest
    state: CaseState


@dataclass(frozen=True)
class AdvancedErasure:
    """A case whose erasure was brought forward: the first day without its content."""

    case: UUID
    erase_on: date


@dataclass(frozen=True)
class HoldersForRemoval:
    """How many organisations of a kind have a case for removal, and how many of them opened it."""

    kind: str
    holders: int
    opened: int


@dataclass(frozen=True)
class MeasureView:
    """A measure on a case, or on its versions ``before`` that number; who set it, why, and on which
    elements, is for its setter, and for an originator that is a public authority. Who sets an
    embargo reads what it comes too late for: ``held_for_removal``."""

    measure: UUID
    kind: MeasureKind
    until: datetime | None
    ended_at: datetime | None
    before: int | None = None
    setter: str | None = None
    code: str | None = None
    elements: Sequence[str] | None = None
    held_for_removal: Sequence[HoldersForRemoval] | None = None


@dataclass(frozen=True)
class FoundItem:
    """What has an item that was looked for: one's own case, or another's that one holds by a
    ``handoff``.

    ``since`` is when it was submitted, or offered; ``counterparts`` are to whom it was offered, or
    who offered it. ``reference`` is one's own.
    """

    case: UUID
    state: str
    matter: Sequence[str]
    since: datetime
    counterparts: Sequence[str]
    handoff: UUID | None = None
    reference: str | None = None


@dataclass(frozen=True)
class ItemSearchResult:
    """A page of what has an item; ``searched`` names what the system's scopes let it look at."""

    items: Sequence[FoundItem]
    searched: Sequence[str]
    next: UUID | None


@dataclass(frozen=True)
class Submitted:
    """A case version that was taken: the signed document, and its digests by group.

    ``known`` are up to five cases and handoffs of one's own that have an item of it already; a
    repetition may name one more that was being recorded at the same time.
    """

    case: UUID
    version: int
    digest: Digest
    state: CaseState
    document: SignedText
    groups: Mapping[str, Sequence[Digest]]
    known: Sequence[FoundItem] | None = None


@dataclass(frozen=True)
class CaseSummary:
    """The routing fields of a case; nothing of content.

    ``erase_on`` is the first day without it here: earlier than that of its conditions where its
    erasure was brought forward. ``acts``, of one case, are what its originator may do now, as in
    the view of a handoff; what an offer or a revision is asked beside is left out.
    """

    case: UUID
    version: int
    digest: Digest
    state: CaseState
    originator_ref: str
    assurance: str
    unconfirmed_matches: Sequence[UUID]
    matter: Sequence[str]
    urgency: str
    conditions: Conditions
    erase_on: date
    event: UUID
    measures: Sequence[MeasureView] | None = None
    acts: "Sequence[ActView] | None" = None
    out_of_service: bool | None = None


@dataclass(frozen=True)
class TightenedElement:
    """An element that a later version marks more strictly than itself and the conditions say."""

    id: UUID
    group: str
    tlp: str
    handling: Sequence[str]


@dataclass(frozen=True)
class Superseded:
    """The newest change that holders of an older version heard of: which, in which version, when.

    What it supersedes is corrected, and not to be used.
    """

    change: str
    version: int
    at: datetime


@dataclass(frozen=True)
class RetainedDocument:
    """A document of a handoff that is retained: an offer, update or answer."""

    kind: str
    document: SignedText


@dataclass(frozen=True)
class ContentPresentation:
    """The presentation that a consultation shows; ``withheld_groups`` are shown in part.

    ``conditions`` are those that bind now, ``tightened_by`` the event of the later version that
    made them stricter than the one shown, ``tightened_elements`` those that it marks beyond them.
    ``package`` is the number of the one of a handoff; ``superseded`` is there where it is not to be
    used any more. ``retained``: of a handoff, whether it is what its holder retains of an erased
    case, and no package that stands; then ``documents`` are those of the handoff, oldest first.
    """

    case: UUID
    version: int
    assurance: str
    presentation: SignedText
    package_digest: Digest
    withheld_groups: Sequence[str]
    conditions: Conditions
    tightened_by: UUID | None = None
    tightened_elements: Sequence[TightenedElement] = ()
    package: int | None = None
    superseded: Superseded | None = None
    retained: bool | None = None
    documents: Sequence[RetainedDocument] | None = None


@dataclass(frozen=True)
class RetentionView:
    """What a holder retains beyond the day of erasure, as it states; who may not know by what law
    reads that it does."""

    retention: UUID
    ground: RetentionGround | None = None
    legal_basis: str | None = None
    until: date | None = None
    review_on: date | None = None


@dataclass(frozen=True)
class SealedReference:
    """An element that is sealed to an organisation."""

    id: UUID
    group: str
    sealed_to: str


@dataclass(frozen=True)
class ItemElsewhere:
    """An item that a removal offer leaves out: it is hosted in a country of other holders (R8).

    ``orphan``: nobody has items removed there, and ``holders`` are those that route such items.
    """

    item: UUID
    country: str
    orphan: bool
    holders: Sequence[Addressee]


@dataclass(frozen=True)
class Preview:
    """What an offer would give, under which conditions; ``routing`` is the version's own document
    without content. ``updates`` and ``change`` are those that an update would name."""

    case: UUID
    version: int
    case_digest: Digest
    to: Addressee
    routing: SignedText
    permitted_disclosures: Sequence[Digest]
    withheld_groups: Sequence[str]
    to_reseal: Sequence[SealedReference]
    elsewhere: Sequence[ItemElsewhere]
    conditions: Conditions
    break_glass: BreakGlass
    duty_contact: DutyContact | None = None
    on_duty: (
        Annotated[
            Sequence[Addressee], "Where the recipient is not on duty: who is competent and is."
        ]
        | None
    ) = None
    emergency_numbers: (
        Annotated[
            Sequence[str],
            "In imminent danger: an offer is not an emergency call. Call these numbers first.",
        ]
        | None
    ) = None
    updates: Digest | None = None
    change: str | None = None


@dataclass(frozen=True)
class UpdateResult:
    """A handoff after an update; ``package`` is the number of the one that it made.

    ``acknowledge_by`` is when an acknowledgement was due after it; an earlier one keeps its time.
    """

    handoff: UUID
    state: HandoffState
    package: int
    change: str
    case: UUID
    version: int
    offer: SignedText
    permitted_disclosures: Sequence[Digest]
    acknowledge_by: datetime | None


@dataclass(frozen=True)
class OfferResult:
    """A handoff that was offered."""

    handoff: UUID
    state: HandoffState
    case: UUID
    version: int
    to: Addressee
    due_at: DueAt | None
    offer: SignedText
    permitted_disclosures: Sequence[Digest]
    withheld_groups: Sequence[str]
    to_reseal: Sequence[SealedReference]
    elsewhere: Sequence[ItemElsewhere]
    break_glass: BreakGlass
    duty_contact: DutyContact | None = None
    telephone: Telephone | None = None


@dataclass(frozen=True)
class RecalledHandoff:
    """A handoff that a recall touched; ``held``: its recipient owes answers."""

    handoff: UUID
    recipient: str
    state: HandoffState
    held: bool


@dataclass(frozen=True)
class Recalled:
    """A recall: its document, and the handoffs that it touched.

    ``approve_by`` is when a second person has to follow; ``document`` is null in a repeated answer
    once the case was erased.
    """

    recall: UUID
    case: UUID
    version: int
    code: RecallCode
    digest: Digest
    document: SignedText | None
    handoffs: Sequence[RecalledHandoff]
    approve_by: datetime | None


@dataclass(frozen=True)
class RecallApproved:
    """A recall that its second person approved."""

    recall: UUID
    case: UUID
    code: RecallCode


@dataclass(frozen=True)
class Reviewed:
    """A handoff after a review: the events of the consultations that were reviewed."""

    handoff: UUID
    consultations: Sequence[UUID]


@dataclass(frozen=True)
class Arrival:
    """Something that the other side of a handoff did, and that waits here until somebody acts on
    it or has seen it. ``due_at`` is the time that a question names."""

    kind: DutyKind
    event: UUID
    type: str
    since: datetime
    due_at: datetime | None


@dataclass(frozen=True)
class Seen:
    """What of a handoff a person marked as seen."""

    handoff: UUID
    arrivals: Sequence[Arrival]


@dataclass(frozen=True)
class Answered:
    """A handoff after an answer; ``document`` is the answer's document."""

    handoff: UUID
    state: HandoffState
    sequence: int
    at: datetime
    document: SignedText


@dataclass(frozen=True)
class AnswerView:
    """A document of a handoff, as a reader may have it; ``code`` is an outcome's, or the
    final answer to a recall. ``assurance`` is left out where the document was erased."""

    sequence: int
    kind: str
    state: HandoffState
    author: str
    at: datetime
    event: UUID
    document: SignedText
    code: str | None = None
    assurance: str | None = None


@dataclass(frozen=True)
class DutyView:
    """Something that a party of a handoff owes, or owed until ``closed_at``."""

    kind: DutyKind
    organisation: str
    due_at: datetime
    closed_at: datetime | None
    overdue: bool


@dataclass(frozen=True)
class ActView:
    """Something that the reader may do now, by the name of the policy's action."""

    action: str
    due_at: Annotated[datetime | None, "By when the reader owes it; null where it owes it not."]


@dataclass(frozen=True)
class WorklistRow:
    """Something that waits for the caller: owed, arrived, late at the counterpart, or ending soon.

    ``acts`` answer it, as far as lists tell, the usual one first, and ``command`` is the command of
    that. ``source`` is the event that it follows from, or that ``arrived``, of that type. What
    arrived and is ``overdue`` is late: nobody records that. ``package`` is the newest of the
    handoff; None where no further one can follow, and a correction notice tells of a change.
    ``about`` says what it is where it is about no handoff. ``reference`` is the caller's own.
    """

    kind: str
    acts: Sequence[str]
    command: str | None
    about: str | None
    reference: str | None
    urgency: Urgency | None
    matter: Sequence[str]
    counterpart: str | None
    counterpart_name: str | None
    since: datetime | None
    due_at: Annotated[datetime | None, "Null of what names no time."]
    overdue: bool
    handoff: UUID | None
    case: UUID | None
    received: bool | None
    state: str | None
    package: int | None
    source: UUID | None
    arrived: str | None
    taken_by: str | None
    out_of_service: bool | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class SkippedSource:
    """A part of the worklist that was not looked at: for want of a ``scope``, or, without one,
    because the caller's organisation is not active."""

    source: str
    scope: str | None


@dataclass(frozen=True)
class Taken:
    """A handoff on which a person of the caller's side works from now on."""

    handoff: UUID
    taken_by: str


@dataclass(frozen=True)
class Referred:
    """A handoff that its recipient gave its own reference."""

    handoff: UUID


@dataclass(frozen=True)
class PeerHandoffReceipts:
    """What the other gateway recorded of a handoff between two, in the order of its stream."""

    handoff: UUID
    receipts: Sequence[Receipt]


@dataclass(frozen=True)
class NoticesView:
    """The correction notices of a handoff, and what is owed about it; of an erased case, all there
    is. The receipts of the two events prove the digests that an answer binds."""

    handoff: UUID
    state: HandoffState
    case: UUID
    offer_event: UUID
    recall_event: UUID | None
    notices: Sequence[AnswerView]
    duties: Sequence[DutyView]
    arrivals: Sequence[Arrival]


@dataclass(frozen=True)
class WaitingTotals:
    """How many handoffs of a box wait for an answer, by urgency, and how many are overdue; 1000
    stands for 1000 or more."""

    imminent_danger: int
    urgent: int
    priority: int
    normal: int
    overdue: int


@dataclass(frozen=True)
class HandoffSummary:
    """A handoff in a list."""

    handoff: UUID
    state: HandoffState
    originator: str
    recipient: str
    competence: str | None
    case: UUID
    version: int
    case_digest: Digest
    purpose: Sequence[str]
    urgency: Urgency
    matter: Sequence[str]
    offered_at: datetime
    due_at: DueAt | None
    overdue: bool
    expires_at: datetime | None
    ended_by: EndedBy | None
    break_glass: BreakGlass
    package: int
    recalled: Annotated[bool, "Whether a recall stands on it (R13)."]
    corrected: Annotated[
        bool, "Whether its recipient heard of a correction whose package has not come: wait for it."
    ]
    reference: Annotated[str | None, "The recipient's own reference, shown only to it."]
    out_of_service: bool | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class PackageView:
    """A package of a handoff: of which version, what it is to the one before, when it came.

    ``reason_codes`` are those of the versions since the package before, oldest first, ``pointers``
    the places that differ in what the two packages give. ``acknowledged`` is when the recipient
    accepted or acknowledged it, ``routing`` its version's own document without content.
    """

    number: int
    change: str | None
    reason_codes: Sequence[str]
    pointers: Sequence[str]
    at: datetime
    version: int
    case_digest: Digest
    acknowledged: datetime | None
    routing: SignedText


@dataclass(frozen=True)
class SucceededBy:
    """The succession that ended a handoff; ``handoff`` is the one that follows, if it is shown."""

    succession: UUID
    handoff: UUID | None


@dataclass(frozen=True)
class Succeeds:
    """The succession that made a handoff, and the offer that it follows.

    ``approvals`` are the documents by which its organisations approved it, where they signed.
    """

    succession: UUID
    handoff: UUID
    offer: SignedText
    approvals: Sequence[SignedText]


@dataclass(frozen=True)
class Heard:
    """That an event of a peer gateway was heard, and which one it became here; null where nothing
    follows from it."""

    stream_number: int
    event: UUID | None = None


@dataclass(frozen=True)
class WaitingAct:
    """An act that was sent to the gateway that decides the handoff; its result is not known yet."""

    action: str
    since: datetime
    event: UUID


@dataclass(frozen=True)
class HandoffView(HandoffSummary):
    """A handoff as one of its parties may see it; never content.

    ``packages`` are all of them, oldest first; ``superseded`` is a change that was announced, and
    whose update is not here yet. ``interest``: the reader, a public authority, declared an interest
    that the case meets (R9). ``erase_on``: as of a case's own summary. ``acts`` are what the reader
    may do now, what is owed first, as far as state and policy go: the fields of an answer and the
    markings of the case decide beside them. ``opens`` says by what a consultation opens content for
    it, ``closed`` why it does not. ``groups`` are those of the newest package.
    ``waiting`` are acts of the originator that wait at another gateway, which decides the handoff.
    """

    assurance: str
    conditions: Conditions
    erase_on: date | None
    routing: SignedText
    permitted_disclosures: Sequence[Digest]
    accepted_groups: Sequence[str] | None
    answers: Sequence[AnswerView]
    packages: Sequence[PackageView]
    measures: Sequence[MeasureView]
    superseded: Superseded | None = None
    interest: bool | None = None
    to_reseal: Sequence[SealedReference] | None = None
    reissued_as: SucceededBy | None = None
    reissue_of: Succeeds | None = None
    tightened_by: UUID | None = None
    duties: Sequence[DutyView] = ()
    arrivals: Sequence[Arrival] = ()
    retention: RetentionView | None = None
    acts: Sequence[ActView] = ()
    opens: Opens | None = None
    closed: Closed | None = None
    groups: Sequence[str] = ()
    taken_by: str | None = None
    waiting: Sequence[WaitingAct] = ()
    telephone: Telephone | None = None


@dataclass(frozen=True)
class Owed:
    """What is owed after a change: an update or a correction notice, an acknowledgement; the
    answer to a proposal; or an acknowledgement of a recall, and its answer.

    ``by`` is who owes it, ``event`` the one that it is owed since; ``late``: its time is over.
    """

    what: str
    by: str
    due: datetime
    event: UUID
    late: bool


@dataclass(frozen=True)
class LeftOut:
    """That a holder was left out of an update: why, and by which event."""

    reason: str
    event: UUID


@dataclass(frozen=True)
class RecallCoverage:
    """A recall of a handoff: its event and code; ``answer`` is the final one, as it may be read:
    with the day ``until`` which the holder keeps the case, or ``backups_until`` which its backups,
    as it declared."""

    recall: UUID
    code: RecallCode
    answer: str | None
    until: str | None
    backups_until: str | None


@dataclass(frozen=True)
class HolderCoverage:
    """One handoff of a case: what its recipient has, and what is owed, what is due first, first.

    ``holds`` says that it ever accepted, and did not say that its copies are erased.
    ``announced_only``: it heard of a change, and gets no package; ``left_out`` says why, where its
    originator decided so. ``answered`` is its last answer to a change or a recall, and the event of
    that. ``left``: it has left, and answers nothing more.
    """

    handoff: UUID
    recipient: str
    state: HandoffState
    holds: bool
    package: int
    version: int
    announced_only: bool
    left_out: LeftOut | None
    owed: Sequence[Owed]
    answered: str | None
    answered_by_event: UUID | None
    recall: RecallCoverage | None
    left: bool


@dataclass(frozen=True)
class CaseCoverage:
    """Who has a case, in which version."""

    case: UUID
    version: int
    state: CaseState
    handoffs: Sequence[HolderCoverage]


@dataclass(frozen=True)
class OrganisationApproval:
    """An organisation's approval of a succession, and the document by which it signed it itself."""

    organisation: str
    event: UUID
    document: SignedText | None


@dataclass(frozen=True)
class SuccessionView:
    """A succession; who approved it stays with each organisation."""

    succession: UUID
    predecessor: str
    successor: str
    competence: str
    effective_on: date
    read_until: date
    legal_act: str
    permissions_carry_over: bool
    mandate_event: UUID
    approvals: Sequence[OrganisationApproval]
    waits_for: Sequence[str]
    applied: UUID | None
    cancelled: UUID | None
