"""What crosses the ports: values that the actions and what stands outside hand to each other."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum, StrEnum
from functools import cached_property
from typing import Any, NamedTuple
from uuid import UUID

from gateway.domain.audit import AuditFilters, Coverage
from gateway.domain.case import Case
from gateway.domain.duty import HandoffDuty
from gateway.domain.handoff import Handoff, HandoffState, Recall
from gateway.domain.measure import Measure
from gateway.domain.organisation import System
from gateway.domain.retention import Retention
from gateway.domain.revision import Announcement, ChangeKind
from gateway.domain.succession import ReissuedHandoff
from gateway.domain.vocabulary import Urgency
from gateway.evidence import canonical
from gateway.evidence.event import EventDocument
from gateway.evidence.receipt import Receipt
from gateway.evidence.sd_jwt import VerifiedSdJwt, read_stored
from gateway.ledger import proof


@dataclass(frozen=True)
class Credentials:
    """What a system showed on its connection: a certificate's thumbprint and names, and when its
    access token was ``issued``, if one was shown, in whole seconds since 1970."""

    thumbprint: str
    uris: tuple[str, ...]
    issued: int | None = None


@dataclass(frozen=True)
class PersonCredentials:
    """A person in a browser: whose pseudonym, or id of an administrator, by which passkey.

    The console judges its ``session``; whether the passkey, ``kid``, and the person's entry count
    is judged here. A person without one shows an ``invitation``, the digest of its token, and can
    register one with it, and nothing else. ``approvals`` are what the persons of this one request
    signed of it: of an act with a document that document, of any other its ``values``.
    """

    session: str
    kid: str
    pseudonym: str
    invitation: str | None = None
    approvals: tuple[str, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict, hash=False)


class Host(Enum):
    """The gateway's own host: whoever holds its database. Nobody is asked there."""

    HOST = "host"


HOST = Host.HOST


@dataclass(frozen=True)
class Caller:
    """A partner's system, authenticated on this connection by certificate and bound token; or a
    person in a browser, as the system `console` of their organisation, or of the gateway.

    ``credentials`` are judged in each transaction, which adds to ``authenticated`` the system's
    registration as it found it; HOST where the gateway itself reads for a member. ``through``: the
    system is a peer gateway's of that id, and acts for a member of it, ``organisation``.
    """

    organisation: str
    system: str
    scopes: frozenset[str]
    credentials: Credentials | PersonCredentials | Host
    through: str | None = None
    authenticated: list[System] = field(default_factory=list, compare=False, repr=False)

    @property
    def owner(self) -> str:
        """The organisation of the system itself."""
        return self.through or self.organisation


Reader = Caller | Host
"""Who reads as the operator: one of its systems, an administrator, or who is on the host."""


@dataclass(frozen=True)
class ReferenceDate:
    """The day of a moment on which memberships and mandates are judged.

    ``civil`` is that of the gateway's civil time zone, by which content is erased and kept: a
    simulated date neither hastens nor puts that off. ``simulated`` is the day where a
    demonstration's configuration set it, and then events and marks name it.
    """

    day: date
    civil: date
    simulated: date | None = None


@dataclass(frozen=True)
class CaseVersion:
    """One version of a case as a signed document with all of its disclosures (compact SD-JWT).

    ``event`` is the audit event that recorded it. ``assurance`` is ``attested``, ``confirmed`` (and
    a person of the originator signed it with a passkey) or ``signed``.
    ``summary`` are those of its claims that a list shows and judges: see `gateway.domain.case`.
    ``change`` is what it is to the version before it, ``reason_code`` why it was made; None for the
    first. ``unlawful`` are the ids of the elements that it corrects as unlawful.
    """

    originator: str
    case: UUID
    version: int
    digest: str
    assurance: str
    event: UUID
    summary: Mapping[str, Any]
    document: str
    change: ChangeKind | None = None
    reason_code: str | None = None
    unlawful: tuple[str, ...] = ()

    @cached_property
    def said(self) -> VerifiedSdJwt:
        """Return what the document says, read once; not of one that is still to be stored."""
        return read_stored(self.document)

    def assurance_for(self, organisation: str) -> str:
        """The assurance as an organisation may know it: of a passkey, the originator alone."""
        hides = self.assurance == "confirmed" and organisation != self.originator
        return "attested" if hides else self.assurance


@dataclass(frozen=True)
class ListedCase:
    """A case in a list, with what its current version says there; nothing of content is read.

    ``summary`` is None when the case was erased, or its key is not there. ``event`` recorded the
    version, ``made`` the first one.
    """

    case: Case
    assurance: str
    event: UUID
    summary: Mapping[str, Any] | None
    made: UUID


@dataclass(frozen=True)
class Erasure:
    """What was erased of a case: how many versions, and how many statements of its handoffs."""

    versions: int
    statements: int


@dataclass(frozen=True)
class RetainedCopy:
    """What a holder keeps of an erased case by one handoff, under a key of its own.

    ``since`` is when the case was erased, ``grace_until`` the first day on which a copy is
    destroyed for which no retention was stated, None where one was. ``content`` is JSON of
    `gateway.exchange.lifecycle.copies_at_erasure`. ``content_key`` is the store's, None for a new
    one.
    """

    handoff: UUID
    holder: str
    since: datetime
    grace_until: date | None
    content: str
    content_key: UUID | None = None


@dataclass(frozen=True)
class Consultation:
    """Content that was opened: by which event, of which version, and the digests shown.

    ``informed``: the originator is a party of the event.
    """

    event: UUID
    organisation: str
    handoff: UUID | None
    case_digest: str
    shown: tuple[str, ...]
    informed: bool


RowBeside = Case | Recall | Measure | Announcement | ReissuedHandoff | Retention | HandoffDuty
"""The row of a case, or one beside it or a handoff: documents and log tell all of it, terms
excepted that are settings."""


@dataclass(frozen=True)
class DifferingRows:
    """By which names a handoff, or its case, is not what its documents and the log say; the rows
    that are missing, as far as these tell them, or the case's own as it has to be; and those that
    they deny. A duty whose term is a setting is due NEVER."""

    names: Collection[str]
    absent: Sequence[RowBeside]
    wrong: Sequence[RowBeside]


@dataclass(frozen=True)
class TakenHandoff:
    """Who of a party, by staff pseudonym, works on a handoff since when."""

    handoff: UUID
    organisation: str
    person: str
    since: datetime


@dataclass(frozen=True)
class HandoffReference:
    """The recipient's own reference of a handoff: a keyed digest of it, and itself."""

    handoff: UUID
    organisation: str
    reference: str
    said: bytes


@dataclass(frozen=True)
class MemberProof:
    """What a peer gateway said of a key, or a mandate, of a remote member, as JSON.

    ``name`` is the key's id, or that of the event that registered the mandate.
    """

    organisation: str
    name: str
    answer: str


@dataclass(frozen=True)
class SentAct:
    """What an originator did about a handoff that another gateway decides, with its document, and
    when that gateway gave its result.

    ``event`` recorded it here; ``action`` is the policy's, ``digest`` the document's. The offer's
    document is among the answers, so that ``document`` is empty. ``ended_at``: that gateway took it
    in, or refused it. ``undelivered_at``: the originator heard that it waits.
    """

    event: UUID
    handoff: UUID
    action: str
    digest: str
    at: datetime
    document: str = ""
    ended_at: datetime | None = None
    undelivered_at: datetime | None = None


@dataclass(frozen=True)
class HeardEvent:
    """One event of a peer gateway's stream of a member of ours, as it was taken in.

    ``event`` is the peer's, ``receipt`` its receipt (JSON); ``own_event`` is what it became here,
    None where nothing followed from it. ``handoff`` is the one that it is about.
    """

    peer: str
    member: str
    stream_number: int
    event: UUID
    own_event: UUID | None
    receipt: str
    handoff: UUID | None = None


@dataclass(frozen=True)
class CaseToDo:
    """A case that waits for its originator, and its place: the urgency of its newest version, the
    event of its first one. ``withheld``: a recall keeps it from everybody. ``redirected`` is the
    newest of its handoffs whose recipient redirected it."""

    listed: ListedCase
    urgency: Urgency
    made: UUID
    withheld: bool
    redirected: UUID | None


@dataclass(frozen=True)
class HeldRemoval:
    """A removal that an originator wanted to offer to a recipient, and that waits for the police;
    ``since`` when it was refused."""

    originator: str
    case: UUID
    recipient: str
    since: datetime


@dataclass(frozen=True)
class WorkRow:
    """A row of a worklist: a handoff, what is owed about it or arrived there (None: it is late at
    the other party), who works on it, and the reference that the worklist's owner gave it."""

    duty: HandoffDuty | None
    handoff: Handoff
    taken_by: str | None
    reference: str | None


@dataclass(frozen=True)
class ListedHandoff:
    """A handoff in a list; ``corrected``: its recipient holds the case and heard of a correction,
    and the package is still to come. ``reference`` is the recipient's own, in its own list."""

    handoff: Handoff
    corrected: bool
    reference: str | None = None


@dataclass(frozen=True)
class CaseFilter:
    """Which of an originator's cases are wanted; what is None is not asked for.

    ``case`` is one by its id, ``reference`` the keyed digest of its own reference; ``since`` and
    ``until`` bound when the first version was submitted, the second left out; ``counterpart``:
    those offered to it; ``ends``: those whose id has its last six digits.
    """

    case: UUID | None = None
    reference: str | None = None
    state: str | None = None
    urgency: Urgency | None = None
    counterpart: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    ends: str | None = None


EVERY_CASE = CaseFilter()


@dataclass(frozen=True)
class HandoffFilter:
    """Which handoffs of a box are wanted; what is None is not asked for.

    ``overdue_at``: those whose recipient owed something until that time; ``erase_before``: those
    whose case is there still, and is erased before that day; ``case``: those of a case of the
    sender, which in the box received is the ``counterpart``; ``ends``: those whose id has its last
    six digits; ``reference``: those with that keyed digest of their recipient's own reference.
    """

    state: str | None = None
    urgency: Urgency | None = None
    overdue_at: datetime | None = None
    erase_before: date | None = None
    counterpart: str | None = None
    case: UUID | None = None
    ends: str | None = None
    reference: str | None = None


@dataclass(frozen=True)
class WaitingHandoffs:
    """How many handoffs of a box wait for an answer: by urgency, and those that are overdue; 1000
    stands for 1000 or more."""

    by_urgency: Mapping[Urgency, int]
    overdue: int


@dataclass(frozen=True)
class SentHandoff:
    """A handoff of a case: to whom it went, its state, the digest of the version offered."""

    handoff: UUID
    recipient: str
    case_digest: str
    state: HandoffState


@dataclass(frozen=True)
class IndexedItem:
    """That an organisation finds something by an item, whose keyed digest is ``token``.

    ``about`` is a case of its own, or a handoff that it received, of which ``package`` is the
    number of a version, or package, that has the item.
    """

    organisation: str
    token: bytes
    about: UUID
    package: int
    originator: str
    case: UUID

    @property
    def is_own(self) -> bool:
        """Tell whether it is about a case of the organisation's own."""
        return self.organisation == self.originator


class RetryKey(NamedTuple):
    """An idempotency key, and the organisation whose it is."""

    organisation: str
    key: str


@dataclass(frozen=True)
class IdempotencyRecord:
    """A write that was done: its idempotency key, what it asked (HMAC), the event that it became.

    ``result`` is the first answer as JSON, where it holds nothing of a case and is stored.
    """

    organisation: str
    key: str
    fingerprint: bytes
    event: UUID
    result: str | None = None


@dataclass(frozen=True)
class TreeHead:
    """The state of the log: how many entries, and the root over them."""

    size: int
    root: bytes


@dataclass(frozen=True)
class LoggedEvent:
    """An event in the log: what it says, where it stands, and why that is so at ``head``.

    ``note`` is the checkpoint of ``head``, where the commit of the event signed it.
    """

    event: EventDocument
    index: int
    proof: tuple[bytes, ...]
    head: TreeHead
    note: str | None = field(default=None, compare=False)

    @property
    def subject(self) -> Mapping[str, Any]:
        """Return what it is about, where that is an object; empty once the detail was erased."""
        told = (one.value for one in self.event.disclosures if one.kind == "subject")
        return dict(canonical.decode(str(next(told, "{}")).encode()))

    def receipt(self, note: str, organisation: str) -> Receipt:
        """The receipt with what ``organisation`` may read; ``note`` is the signed ``head``."""
        text = proof.encode(proof.TlogProof(self.index, self.proof, note))
        return Receipt(
            self.event.document, self.event.nonce, self.event.shown_to(organisation), text
        )


@dataclass(frozen=True, kw_only=True)
class LogQuery(AuditFilters):
    """Which events an auditor looks for: those under ``coverage`` that fit every filter given.

    ``after`` and ``before`` bound the entries' indexes, both left out; ``types`` are events' names,
    by which they are found, and not by the actions.
    """

    coverage: Coverage
    limit: int
    before: int
    after: int = -1
    types: tuple[str, ...] = ()


@dataclass(frozen=True)
class EventMatch:
    """An event that a search found, and whether it is one of a case that is covered as such."""

    index: int
    event: UUID
    of_case: bool


@dataclass(frozen=True)
class SignedTreeHead:
    """The largest head that was ever signed, and the signed note that says so."""

    head: TreeHead
    note: str


class ConfirmationKind(StrEnum):
    """How somebody confirms a checkpoint of the log."""

    COSIGNATURE = "cosignature"
    STAMP = "stamp"


@dataclass(frozen=True)
class Confirmation:
    """That somebody other than the operator confirmed a checkpoint of the log.

    ``size`` is that of its tree; ``by`` names the witness or the authority, ``at`` is the time by
    their clock. ``note`` is the checkpoint with the log's own lines; ``data`` the line of the
    witness, or the token (RFC 3161).
    """

    size: int
    kind: ConfirmationKind
    by: str
    at: datetime
    note: str
    data: bytes


@dataclass(frozen=True)
class CosignedCheckpoint:
    """A checkpoint of a peer's log, by its origin, that this gateway cosigned as a witness."""

    log: str
    size: int
    root: bytes
    at: datetime


@dataclass(frozen=True)
class CertificateOrder:
    """A certificate that was approved and waits for the process that holds the issuing key.

    ``csr`` is PEM; ``certificate`` (PEM) is there once it was served; ``refusal`` when the
    request turned out to be bad. ``asked_on`` is the certificate on which a renewal was asked for.
    """

    id: UUID
    organisation: str
    system: str
    csr: str
    approved_by: str
    certificate: str | None = None
    refusal: str | None = None
    asked_on: str | None = None


@dataclass(frozen=True)
class Proposal:
    """A change that one person proposed, with their approval, until another one approves it.

    ``id`` is the event that recorded it; ``values`` are those of the change, as JSON;
    ``applied_event`` is the event by which it was made, ``withdrawal_event`` the one by which its
    proposer took it back.
    """

    id: UUID
    action: str
    organisation: str
    values: str
    proposer: str
    approval: str
    expires_at: datetime
    applied_event: UUID | None = None
    withdrawal_event: UUID | None = None


@dataclass(frozen=True)
class CertificateRequest:
    """A certificate request (PKCS #10) whose proof of possession holds.

    ``pem`` is the request, ``key`` the SHA-256 over its SubjectPublicKeyInfo, base64url: of what
    it asks for nothing else counts.
    """

    pem: str
    key: str
