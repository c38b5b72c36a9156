"""What a partner reads, as typed dictionaries: a type checker finds a wrong name or word.

Written by ``python -m tests.rules.client_views`` after the classes of the interface. An answer may
have more members than these: a newer gateway adds some. Ids, days and times are text.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NotRequired, TypedDict

AnswerCommand = Literal[
    "accept",
    "decline",
    "redirect",
    "report_outcome",
    "withdraw",
    "close",
    "delay",
    "acknowledge",
    "apply",
    "dispute",
    "propose_correction",
    "pass_on_by_law",
    "give_go_ahead",
    "call",
    "acknowledge_recall",
    "answer_recall",
    "notify_correction",
    "omit_update",
    "answer_proposal",
    "retain",
]
"""How a party answers: see `Gateway.answer`."""

StepAction = Literal[
    "case.assess",
    "case.clear",
    "case.close",
    "case.advance_erasure",
    "case.embargo",
    "case.restrict",
    "case.end_measure",
    "case.recall",
    "case.approve_recall",
    "handoff.review",
    "handoff.mark_seen",
    "notification.replay",
    "staff.end",
    "succession.approve",
    "handoff.take",
    "handoff.refer",
]
"""The steps on a case: see `Gateway.step`."""

MeasureKindWord = Literal["embargo", "suspension", "mark", "hold"]

CaseStateWord = Literal["draft", "assessed", "cleared", "closed", "erased"]

RecallCodeWord = Literal[
    "misdirected",
    "conditions_not_met",
    "unlawful",
    "inaccurate",
    "basis_ended",
    "consent_withdrawn",
    "data_subject_request",
    "authority_order",
    "other",
]

HandoffStateWord = Literal[
    "offered",
    "accepted",
    "partially_accepted",
    "declined",
    "redirected",
    "withdrawn",
    "closed",
    "reissued",
    "lapsed",
    "returned",
]

UrgencyWord = Literal["imminent_danger", "urgent", "priority", "normal"]

DutyKindWord = Literal[
    "answer",
    "update",
    "acknowledgement",
    "proposal_answer",
    "clearance",
    "review",
    "call",
    "derogation_review",
    "retention",
    "retention_review",
    "recall_acknowledgement",
    "recall_answer",
    "recall_approval",
    "correction_notice",
    "copies_erased",
    "question",
    "addition",
    "announcement",
    "originator_news",
    "recipient_news",
]

RetentionGroundWord = Literal[
    "stated", "standing", "in_proceedings", "processing_restricted", "declined"
]

OpensWord = Literal["accepted", "read_access", "danger", "recalled", "copy"]

MembershipClassWord = Literal["full", "associate", "observer"]

CoverageKindWord = Literal["all", "member", "case"]

StatusWord = Literal["applied", "rejected", "approved", "enrolled", "active", "suspended", "left"]


class HoldersForRemoval(TypedDict):
    """How many organisations of a kind have a case for removal, and how many of them opened it."""

    kind: str
    holders: int
    opened: int


class MeasureView(TypedDict):
    """A measure on a case, or on its versions before that number; who set it, why, and on which
    elements, is for its setter, and for an originator that is a public authority."""

    measure: str
    kind: MeasureKindWord
    until: str | None
    ended_at: str | None
    before: NotRequired[int]
    setter: NotRequired[str]
    code: NotRequired[str]
    elements: NotRequired[Sequence[str]]
    held_for_removal: NotRequired[Sequence[HoldersForRemoval]]


class ActView(TypedDict):
    """Something that the reader may do now, by the name of the policy's action."""

    action: str
    due_at: str | None


class CaseSummary(TypedDict):
    """The routing fields of a case; nothing of content."""

    case: str
    version: int
    digest: str
    state: CaseStateWord
    originator_ref: str
    assurance: str
    unconfirmed_matches: Sequence[str]
    matter: Sequence[str]
    urgency: str
    conditions: Any
    erase_on: str
    event: str
    measures: NotRequired[Sequence[MeasureView]]
    acts: NotRequired[Sequence[ActView]]
    out_of_service: NotRequired[bool]


class LeftOut(TypedDict):
    """That a holder was left out of an update: why, and by which event."""

    reason: str
    event: str


class Owed(TypedDict):
    """What is owed after a change: an update or a correction notice, an acknowledgement; the answer
    to a proposal; or an acknowledgement of a recall, and its answer."""

    what: str
    by: str
    due: str
    event: str
    late: bool


class RecallCoverage(TypedDict):
    """A recall of a handoff: its event and code; answer is the final one, as it may be read: with
    the day until which the holder keeps the case, or backups_until which its backups, as it
    declared."""

    recall: str
    code: RecallCodeWord
    answer: str | None
    until: str | None
    backups_until: str | None


class HolderCoverage(TypedDict):
    """One handoff of a case: what its recipient has, and what is owed, what is due first, first."""

    handoff: str
    recipient: str
    state: HandoffStateWord
    holds: bool
    package: int
    version: int
    announced_only: bool
    left_out: LeftOut | None
    owed: Sequence[Owed]
    answered: str | None
    answered_by_event: str | None
    recall: RecallCoverage | None
    left: bool


class CaseCoverage(TypedDict):
    """Who has a case, in which version."""

    case: str
    version: int
    state: CaseStateWord
    handoffs: Sequence[HolderCoverage]


class FoundItem(TypedDict):
    """What has an item that was looked for: one's own case, or another's that one holds by a
    handoff."""

    case: str
    state: str
    matter: Sequence[str]
    since: str
    counterparts: Sequence[str]
    handoff: NotRequired[str]
    reference: NotRequired[str]


class HandoffSummary(TypedDict):
    """A handoff in a list."""

    handoff: str
    state: HandoffStateWord
    originator: str
    recipient: str
    competence: str | None
    case: str
    version: int
    case_digest: str
    purpose: Sequence[str]
    urgency: UrgencyWord
    matter: Sequence[str]
    offered_at: str
    due_at: str | None
    overdue: bool
    expires_at: str | None
    ended_by: str | None
    break_glass: bool
    package: int
    recalled: bool
    corrected: bool
    reference: str | None
    out_of_service: NotRequired[bool]


class AnswerView(TypedDict):
    """A document of a handoff, as a reader may have it; code is an outcome's, or the final answer
    to a recall."""

    sequence: int
    kind: str
    state: HandoffStateWord
    author: str
    at: str
    event: str
    document: str
    code: NotRequired[str]
    assurance: NotRequired[str]


class PackageView(TypedDict):
    """A package of a handoff: of which version, what it is to the one before, when it came."""

    number: int
    change: str | None
    reason_codes: Sequence[str]
    pointers: Sequence[str]
    at: str
    version: int
    case_digest: str
    acknowledged: str | None
    routing: str


class Superseded(TypedDict):
    """The newest change that holders of an older version heard of: which, in which version,
    when."""

    change: str
    version: int
    at: str


class SealedReference(TypedDict):
    """An element that is sealed to an organisation."""

    id: str
    group: str
    sealed_to: str


class SucceededBy(TypedDict):
    """The succession that ended a handoff; handoff is the one that follows, if it is shown."""

    succession: str
    handoff: str | None


class Succeeds(TypedDict):
    """The succession that made a handoff, and the offer that it follows."""

    succession: str
    handoff: str
    offer: str
    approvals: Sequence[str]


class DutyView(TypedDict):
    """Something that a party of a handoff owes, or owed until closed_at."""

    kind: DutyKindWord
    organisation: str
    due_at: str
    closed_at: str | None
    overdue: bool


class Arrival(TypedDict):
    """Something that the other side of a handoff did, and that waits here until somebody acts on it
    or has seen it."""

    kind: DutyKindWord
    event: str
    type: str
    since: str
    due_at: str | None


class RetentionView(TypedDict):
    """What a holder retains beyond the day of erasure, as it states; who may not know by what law
    reads that it does."""

    retention: str
    ground: NotRequired[RetentionGroundWord]
    legal_basis: NotRequired[str]
    until: NotRequired[str]
    review_on: NotRequired[str]


class WaitingAct(TypedDict):
    """An act that was sent to the gateway that decides the handoff; its result is not known yet."""

    action: str
    since: str
    event: str


class EmergencyContact(TypedDict):
    """Whom the originator telephones at the recipient, where somebody is in danger."""

    role: str
    name: str
    address: str


class HandoffView(HandoffSummary):
    """A handoff as one of its parties may see it; never content."""

    assurance: str
    conditions: Any
    erase_on: str | None
    routing: str
    permitted_disclosures: Sequence[str]
    accepted_groups: Sequence[str] | None
    answers: Sequence[AnswerView]
    packages: Sequence[PackageView]
    measures: Sequence[MeasureView]
    superseded: NotRequired[Superseded]
    interest: NotRequired[bool]
    to_reseal: NotRequired[Sequence[SealedReference]]
    reissued_as: NotRequired[SucceededBy]
    reissue_of: NotRequired[Succeeds]
    tightened_by: NotRequired[str]
    duties: Sequence[DutyView]
    arrivals: Sequence[Arrival]
    retention: NotRequired[RetentionView]
    acts: Sequence[ActView]
    opens: NotRequired[OpensWord]
    closed: NotRequired[str]
    groups: Sequence[str]
    taken_by: NotRequired[str]
    waiting: Sequence[WaitingAct]
    telephone: NotRequired[EmergencyContact]


class WorklistRow(TypedDict):
    """Something that waits for the caller: owed, arrived, late at the counterpart, or ending
    soon."""

    kind: str
    acts: Sequence[str]
    command: str | None
    about: str | None
    reference: str | None
    urgency: UrgencyWord | None
    matter: Sequence[str]
    counterpart: str | None
    counterpart_name: str | None
    since: str | None
    due_at: str | None
    overdue: bool
    handoff: str | None
    case: str | None
    received: bool | None
    state: str | None
    package: int | None
    source: str | None
    arrived: str | None
    taken_by: str | None
    out_of_service: NotRequired[bool]


class SkippedSource(TypedDict):
    """A part of the worklist that was not looked at: for want of a scope, or, without one, because
    the caller's organisation is not active."""

    source: str
    scope: str | None


class NoticesView(TypedDict):
    """The correction notices of a handoff, and what is owed about it; of an erased case, all there
    is."""

    handoff: str
    state: HandoffStateWord
    case: str
    offer_event: str
    recall_event: str | None
    notices: Sequence[AnswerView]
    duties: Sequence[DutyView]
    arrivals: Sequence[Arrival]


class Addressee(TypedDict):
    """To whom an offer is made, and by which event it holds the competence."""

    organisation: str
    competence: NotRequired[str]
    mandate_event: NotRequired[str]


class ItemElsewhere(TypedDict):
    """An item that a removal offer leaves out: it is hosted in a country of other holders (R8)."""

    item: str
    country: str
    orphan: bool
    holders: Sequence[Addressee]


class Preview(TypedDict):
    """What an offer would give, under which conditions; routing is the version's own document
    without content."""

    case: str
    version: int
    case_digest: str
    to: Addressee
    routing: str
    permitted_disclosures: Sequence[str]
    withheld_groups: Sequence[str]
    to_reseal: Sequence[SealedReference]
    elsewhere: Sequence[ItemElsewhere]
    conditions: Any
    break_glass: bool
    duty_contact: NotRequired[bool]
    on_duty: NotRequired[Sequence[Addressee]]
    emergency_numbers: NotRequired[Sequence[str]]
    updates: NotRequired[str]
    change: NotRequired[str]


class OrganisationApproval(TypedDict):
    """An organisation's approval of a succession, and the document by which it signed it itself."""

    organisation: str
    event: str
    document: str | None


class SuccessionView(TypedDict):
    """A succession; who approved it stays with each organisation."""

    succession: str
    predecessor: str
    successor: str
    competence: str
    effective_on: str
    read_until: str
    legal_act: str
    permissions_carry_over: bool
    mandate_event: str
    approvals: Sequence[OrganisationApproval]
    waits_for: Sequence[str]
    applied: str | None
    cancelled: str | None


class RefusedNotification(TypedDict):
    """A notification that its receiver refused: passed over, and kept until it takes it."""

    organisation: str
    event: str
    stream_number: int
    error: str
    description: str
    refused_at: str
    replay: bool


class NotificationStatus(TypedDict):
    """How far an organisation's notifications were acknowledged, of a stream that ends at head."""

    organisation: str
    push_address: str | None
    acknowledged: int
    head: int
    failures: int
    next_attempt_at: str | None
    refused: Sequence[RefusedNotification]


HeldMandate = TypedDict(
    "HeldMandate",
    {
        "competence": str,
        "legal_act": str,
        "from": str,
        "until": str | None,
        "registration_event": str,
    },
)


class ListedKey(TypedDict):
    """A document key; valid_until is its end by revocation."""

    kid: str
    jwk: Mapping[str, Any]
    valid_from: str
    valid_until: str | None
    registration_event: str


class ListedEncryptionKey(ListedKey):
    """An encryption key, and what a document key of its organisation says of it."""

    countersignature: str | None


class ListedOrganisation(TypedDict):
    """An organisation as members see it on the reference date."""

    organisation: str
    name: str
    kind: str
    country: str
    public_authority: bool
    active: bool
    addressable: bool
    membership: MembershipClassWord | None
    mandates: Sequence[HeldMandate]
    duty_contact: bool
    signed_only: bool
    document_keys: Sequence[ListedKey]
    encryption_keys: Sequence[ListedEncryptionKey]


StaffMember = TypedDict(
    "StaffMember",
    {
        "pseudonym": str,
        "roles": Sequence[str],
        "from": str,
        "until": str | None,
        "temporary": bool,
        "ends_at": str | None,
        "in_force": bool,
        "event": str,
        "passkeys": Sequence[Mapping[str, Any]],
    },
)


class OwnCertificate(TypedDict):
    """A certificate of the calling system."""

    thumbprint: str
    not_after: str
    days_left: int


AuditAccessEntry = TypedDict(
    "AuditAccessEntry",
    {
        "audit_access": str,
        "coverage": CoverageKindWord,
        "member": str | None,
        "case": str | None,
        "person": str | None,
        "from": str,
        "until": str,
    },
)


class Whoami(TypedDict):
    """The caller as the gateway sees it."""

    organisation: ListedOrganisation
    status: StatusWord
    system: str
    scopes: Sequence[str]
    certificates: Sequence[OwnCertificate]
    audit_access: Sequence[AuditAccessEntry]
    reference_date: str
    reference_date_simulated: bool
    conformance_passed: bool
