"""What is read of the registry: the directory for members, whole entries for the operator.

The interface's description is derived from these classes, and so is its JSON
(`gateway.kernel.results`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from gateway.domain.audit import CoverageKind
from gateway.domain.health import Level
from gateway.domain.organisation import (
    Application,
    MembershipClass,
    Status,
    StatusEntry,
)
from gateway.domain.worklist import AdminGroup, AdmissionState
from gateway.evidence.receipt import Receipt
from gateway.kernel.results import Digest, Jwk, SignedText

# --- The directory -------------------------------------------------------------------------------


@dataclass(frozen=True)
class HeldMandate:
    """A mandate, and the event that gave it."""

    competence: str
    legal_act: str
    from_: date
    until: date | None
    registration_event: UUID


@dataclass(frozen=True)
class ListedKey:
    """A document key; ``valid_until`` is its end by revocation."""

    kid: str
    jwk: Jwk
    valid_from: datetime
    valid_until: datetime | None
    registration_event: UUID


@dataclass(frozen=True)
class ListedEncryptionKey(ListedKey):
    """An encryption key, and what a document key of its organisation says of it."""

    countersignature: SignedText | None


@dataclass(frozen=True)
class ListedOrganisation:
    """An organisation as members see it on the reference date."""

    organisation: str
    name: str
    kind: str
    country: str
    public_authority: bool
    active: bool
    addressable: Annotated[bool, "Whether it is active and has an enrolled system."]
    membership: MembershipClass | None
    mandates: Sequence[HeldMandate]
    duty_contact: Annotated[bool, "Whether somebody is reached at any hour; if not: telephone."]
    signed_only: bool
    document_keys: Sequence[ListedKey]
    encryption_keys: Sequence[ListedEncryptionKey]


@dataclass(frozen=True)
class MembershipStatement:
    """The gateway's word that an organisation takes part, and until when it counts."""

    organisation: str
    attestation: Annotated[str, "A signed membership attestation (RFC 7515), compact."]
    expires_at: datetime


@dataclass(frozen=True)
class RegisteredDocumentKey:
    """The events that registered a document key, and that revoked it.

    ``locks`` are those by which its owner required its own signature, or ended that. ``status`` is
    signed by the gateway: no entry of the log up to its checkpoint revoked the key.
    """

    organisation: str
    kid: str
    receipt: Receipt
    revocations: Sequence[Receipt]
    locks: Sequence[Receipt]
    status: Annotated[str, "A signed key status (RFC 9901), compact."] | None


@dataclass(frozen=True)
class MandateRegistration:
    """The event that registered a mandate, and those that ended one for the same competence."""

    organisation: str
    event: UUID
    receipt: Receipt
    ends: Sequence[Receipt]


@dataclass(frozen=True)
class PeerReceipts:
    """The events by which keys of peer gateways were compared, oldest first."""

    receipts: Sequence[Receipt]


@dataclass(frozen=True)
class ShownMember:
    """A member that shows itself to a peer gateway; of one that takes no part the status alone."""

    id: str
    status: Status
    name: str
    kind: str
    country: str
    public_authority: bool
    regimes: Sequence[str]
    attestation: Annotated[str, "A membership attestation, compact."] | None
    keys: Sequence[RegisteredDocumentKey]
    mandates: Sequence[MandateRegistration]


@dataclass(frozen=True)
class AuditAccessEntry:
    """What an audit access covers, and when."""

    audit_access: UUID
    coverage: CoverageKind
    member: str | None
    case: UUID | None
    person: str | None
    from_: date
    until: date


@dataclass(frozen=True)
class StaffMember:
    """An entry of the caller's own staff register: a person by pseudonym, never by name."""

    pseudonym: str
    roles: Sequence[str]
    from_: date
    until: date | None
    temporary: bool
    ends_at: Annotated[datetime | None, "When it was ended, or a temporary one expires."]
    in_force: bool
    event: UUID
    passkeys: Annotated[Sequence[Jwk], "What the person signs with in a browser, or did."]


@dataclass(frozen=True)
class StaffAdded:
    """The entries that were made, each with the pseudonym that was drawn for it."""

    event: UUID
    entries: Sequence[StaffMember]


@dataclass(frozen=True)
class StaffEnded:
    """The entry that was ended."""

    event: UUID
    pseudonym: str


@dataclass(frozen=True)
class StaffInvited:
    """The person who was invited to register a passkey, and until when."""

    event: UUID
    pseudonym: str
    expires_at: datetime


@dataclass(frozen=True)
class PasskeyChanged:
    """The passkey that was registered, or revoked, and whose it is."""

    event: UUID
    pseudonym: str
    kid: str


@dataclass(frozen=True)
class OwnCertificate:
    """A certificate of the calling system."""

    thumbprint: Digest
    not_after: datetime
    days_left: int


@dataclass(frozen=True)
class Whoami:
    """The caller as the gateway sees it."""

    organisation: ListedOrganisation
    status: Status
    system: str
    scopes: Sequence[str]
    certificates: Sequence[OwnCertificate]
    audit_access: Sequence[AuditAccessEntry]
    reference_date: date
    reference_date_simulated: bool
    conformance_passed: bool


# --- Whole entries, for administrators -----------------------------------------------------------


@dataclass(frozen=True)
class EntrySummary:
    """An organisation of any status, in a list."""

    organisation: str
    name: str
    kind: str
    status: Status


@dataclass(frozen=True)
class MembershipEntry:
    """A membership for a time."""

    membership: MembershipClass
    decision_ref: str
    from_: date
    until: date | None


@dataclass(frozen=True)
class InterestEntry:
    """A declared interest; ``interest`` is the event that declared it."""

    interest: UUID
    scope: str
    subject: str
    kind: str
    from_: date
    until: date | None


@dataclass(frozen=True)
class AgreementEntry:
    """An agreement; ``agreement`` is the event that recorded it."""

    agreement: UUID
    kind: str
    description: str
    reference: str
    from_: date
    until: date | None


@dataclass(frozen=True)
class StandingRetentionEntry:
    """How long what is accepted for a purpose is kept; ``retention`` is the event that recorded
    it."""

    retention: UUID
    purpose: str
    legal_act: str
    years: int | None
    review_years: int
    from_: date
    until: date | None


@dataclass(frozen=True)
class DecidedAuditAccess(AuditAccessEntry):
    """An audit access, with the decision behind it."""

    decision_ref: str
    ended_at: datetime | None


@dataclass(frozen=True)
class KeyEntry:
    """A member's key; ``use`` is sig or enc."""

    use: str
    kid: str
    valid_from: datetime
    valid_until: datetime | None
    registration_event: UUID


@dataclass(frozen=True)
class CertificateEntry:
    """A certificate of a system."""

    thumbprint: Digest
    not_after: datetime
    revoked_at: datetime | None


@dataclass(frozen=True)
class SystemEntry:
    """A system; ``keys`` counts those by which it authenticates beside its certificate."""

    system: str
    enabled: bool
    scopes: Sequence[str]
    keys: int
    certificates: Sequence[CertificateEntry]


@dataclass(frozen=True)
class PeerAgreementEntry:
    """What may go to and from a peer gateway; ``agreement`` is the event that recorded it."""

    agreement: UUID
    directions: Sequence[str]
    matters: Sequence[str]
    territories: Sequence[str]
    purposes: Sequence[str]
    kinds: Sequence[str]
    membership: str
    tlp: str
    assurance: str
    transfer_tool: str | None
    offers_a_day: int
    from_: date
    until: date | None


@dataclass(frozen=True)
class RecognitionEntry:
    """A peer's member that counts as a public authority; ``recognition`` is the event."""

    recognition: UUID
    member: str
    led: bool
    legal_act: str


@dataclass(frozen=True)
class VouchedKeyEntry:
    """A key of a peer's member for which two persons vouch; ``vouched`` is the event."""

    vouched: UUID
    member: str
    kid: str


@dataclass(frozen=True)
class PeerEntry:
    """A peer gateway: the keys that two persons compared, what is agreed, who is recognised;
    ``trusted`` is the event of the keys."""

    trusted: UUID
    issuer: str
    api_url: str
    root_sha256: str
    log_keys: Sequence[str]
    attestation_keys: Sequence[str]
    witness_key: str
    peer_agreements: Sequence[PeerAgreementEntry]
    recognitions: Sequence[RecognitionEntry]
    vouched_keys: Sequence[VouchedKeyEntry]


@dataclass(frozen=True)
class AdmissionStep:
    """A step of an admission: a change, or what the organisation itself does (`it`), how it stands,
    and the proposals of it that wait."""

    step: str
    state: AdmissionState
    proposals: Sequence[UUID]


@dataclass(frozen=True)
class Entry:
    """All that is recorded of an organisation, or what of it held ``at`` a day.

    ``staff_register`` tells whether anybody was ever entered, ``conformance_passed`` whether one of
    its systems has passed a run; ``admission`` has the steps of one on its way. They are as of now.
    """

    organisation: str
    name: str
    kind: str
    country: str
    public_authority: bool
    regimes: Sequence[str]
    signed_only: bool
    at: date | None
    status: Status | None
    staff_register: bool
    conformance_passed: bool
    history: Sequence[StatusEntry]
    application: Application | None
    memberships: Sequence[MembershipEntry]
    mandates: Sequence[HeldMandate]
    interests: Sequence[InterestEntry]
    agreements: Sequence[AgreementEntry]
    retentions: Sequence[StandingRetentionEntry]
    audit_access: Sequence[DecidedAuditAccess]
    keys: Sequence[KeyEntry]
    systems: Sequence[SystemEntry]
    peer: PeerEntry | None
    admission: Sequence[AdmissionStep]


@dataclass(frozen=True)
class AdministratorEntry:
    """A person, whether their approvals count, and by which keys they are verified."""

    person: str
    name: str
    enabled: bool
    jwk: Jwk
    passkeys: Sequence[Jwk]

    def recorded(self) -> Mapping[str, Any]:
        """Give what a file of administrators has of this person."""
        return {"keys": [self.jwk, *self.passkeys]} if self.passkeys else self.jwk


@dataclass(frozen=True)
class OpenInvitation:
    """An invitation that can be used still."""

    invitation: UUID
    organisation: str
    system: str
    expires_at: datetime


@dataclass(frozen=True)
class LogHoldEntry:
    """What keeps details in the log beyond their term, and whether its review was missed."""

    log_hold: UUID
    member: str | None
    case: UUID | None
    reference: str
    review_on: date
    review_missed: bool


@dataclass(frozen=True)
class HealthFinding:
    """What a check found; ``at`` when; ``runbook`` is the guide that says what to do."""

    check: str
    level: Level
    sentence: str
    at: datetime | None
    runbook: str | None


@dataclass(frozen=True)
class NodeHealth:
    """What maintenance of a node found when it looked last."""

    node: str
    made_at: datetime | None
    findings: Sequence[HealthFinding]


@dataclass(frozen=True)
class HealthEnding:
    """Something that ends: a certificate of the gateway (``own``), else as in AdminWorklistRow."""

    kind: str
    what: str
    organisation: str
    at: datetime


@dataclass(frozen=True)
class GatewayHealth:
    """How the gateway is: the worst level, what was found of each node, and what ends, the first
    first."""

    worst: Level
    nodes: Sequence[NodeHealth]
    ends: Sequence[HealthEnding]


@dataclass(frozen=True)
class AdminWorklistRow:
    """Something that waits for administrators: to be signed by the person who asks, for others, or
    that ends within 30 days, or is overdue.

    ``kind`` is the action of a change, or what ends. ``values`` are those of a proposal that are
    not personal. Of one's own proposal there is no ``command``.
    """

    group: AdminGroup
    kind: str
    organisation: str
    name: str | None
    about: str
    values: Mapping[str, Any]
    proposer: str | None
    proposal: UUID | None
    since: datetime | None
    due_at: datetime | None
    command: str | None
