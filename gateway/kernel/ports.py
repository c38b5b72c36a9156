"""What the actions need from outside: the sockets, and the contract of each.

Adapters keep these promises and are tested against them on every store. Nothing here may be
called outside the ``with`` block of its transaction, and a transaction belongs to one thread.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Protocol, Self, TypeVar
from uuid import UUID

from gateway.domain.audit import CaseId
from gateway.domain.audit_event import AuditEvent, ErasedDetails, LogHold, LogTerms
from gateway.domain.case import Case, CaseState
from gateway.domain.decision import PolicyDecision, PolicyQuestion
from gateway.domain.duty import CALL_WITHIN, DUE, FOLLOW_UP, DutyPlace, HandoffDuty, SweepClock
from gateway.domain.enrolment import ConformanceRun, Invitation
from gateway.domain.handoff import Handoff, HandoffAnswer, HandoffPlace, Recall
from gateway.domain.mandate import Mandate, ReissuedHandoff, Succession
from gateway.domain.measure import EMBARGO, Measure, Terms
from gateway.domain.notification import Cursor, DeliveryState, DeliveryWay, RefusedNotification
from gateway.domain.organisation import Administrator, Certificate, Contact, Organisation, System
from gateway.domain.outcome import ConsultationNotice
from gateway.domain.retention import GRACE_DAYS, Retention
from gateway.domain.revision import Announcement, ChangeKind
from gateway.domain.staff import StaffEntry
from gateway.domain.vocabulary import Urgency
from gateway.evidence.sd_jwt import Signer
from gateway.kernel.values import (
    CaseVersion,
    CertificateOrder,
    Consultation,
    Erasure,
    EventMatch,
    HandoffFilter,
    IdempotencyRecord,
    ListedCase,
    LoggedEvent,
    LogQuery,
    Proposal,
    ReferenceDate,
    RetainedCopy,
    SentHandoff,
    SignedTreeHead,
    TreeHead,
    WaitingHandoffs,
)

R = TypeVar("R")


class TransactionMode(StrEnum):
    """What a transaction may do, and so what it locks.

    READ takes no lock and cannot write. WRITE holds the registry still (shared lock). SHARED does
    so, too, and may go on in a transaction that another request began: there it waits at most 20 ms
    for a row, then is refused with Busy and done again alone, as WRITE. REGISTRY
    changes organisations, systems, certificates or persons and waits for all WRITE transactions.
    """

    READ = "read"
    WRITE = "write"
    SHARED = "shared"
    REGISTRY = "registry"


class OrganisationStore(Protocol):
    """The registry. Changes need a REGISTRY transaction."""

    def get(self, slug: str) -> Organisation | None:
        """The organisation with its memberships and mandates, as of this transaction."""

    def page(self, after: str, limit: int, *, seen: bool = False) -> Sequence[Organisation]:
        """Organisations with a slug greater than ``after``, in order of slug.

        With ``seen`` only those that members may know of (`organisation.UNSEEN`).
        """

    def holders(self, function: str, matter: str) -> Sequence[Mandate]:
        """Every mandate of that function and matter, in any territory and whatever its period, of
        organisations that are active."""

    def add(self, organisation: Organisation) -> None:
        """Store a new organisation; AlreadyExists when the slug was ever used."""

    def save(self, organisation: Organisation) -> None:
        """Replace the stored one, whose version must be one less; else EditConflict."""

    def system(self, organisation: str, name: str) -> System | None:
        """One registered system."""

    def has_system(self, organisation: str) -> bool:
        """Whether a system of it is registered and enabled: else nobody reads what it is sent."""

    def systems(self, organisation: str) -> Sequence[System]:
        """All systems of an organisation, by name."""

    def add_system(self, system: System) -> None:
        """Register a system; AlreadyExists when the name is taken."""

    def save_system(self, system: System) -> None:
        """Replace the stored one; EditConflict when it is not registered."""

    def client_keys(self, organisation: str, system: str) -> Sequence[str]:
        """The public keys (JWK as JSON) with which a system must authenticate; none for most."""

    def set_client_keys(self, organisation: str, system: str, keys: Sequence[str]) -> None:
        """Replace the keys of a registered system."""

    def certificate(self, thumbprint: str) -> Certificate | None:
        """A certificate that this gateway issued."""

    def certificates(self, organisation: str, system: str) -> Sequence[Certificate]:
        """All certificates of a system, the newest last."""

    def add_certificate(self, certificate: Certificate) -> None:
        """Record an issued certificate; AlreadyExists when known."""

    def save_certificate(self, certificate: Certificate) -> None:
        """Replace the stored one (revocation)."""

    def expiring(self, after: datetime, until: datetime) -> Sequence[Certificate]:
        """Certificates not revoked that end after ``after`` and not after ``until``."""

    def revoked(self, after: datetime) -> Sequence[Certificate]:
        """Revoked certificates that would still be valid after ``after``: the CRL."""

    def contacts(self, organisation: str) -> Sequence[Contact]:
        """Whom to reach at an organisation, by role."""

    def has_contact(self, organisation: str, role: str) -> bool:
        """Whether an organisation has a contact in a role; none is opened for it."""

    def set_contacts(self, organisation: str, contacts: Sequence[Contact]) -> UUID:
        """Store contacts in place of those in their roles, all under a new key, which is returned.

        The key before is doomed. Raises CaseKeysUnavailable.
        """

    def end_contacts(self, organisation: str) -> None:
        """Forget an organisation's contacts, and doom their key."""

    def uses_key(self, key: UUID) -> bool:
        """Whether contacts are encrypted by a key."""

    def person(self, person: str) -> Administrator | None:
        """One administrator."""

    def persons(self) -> Sequence[Administrator]:
        """All administrators, by id."""

    def add_person(self, person: Administrator) -> None:
        """Enrol an administrator; AlreadyExists when the id was ever used."""

    def save_person(self, person: Administrator) -> None:
        """Change whether an administrator is enabled."""

    def out_of_service(self) -> frozenset[tuple[str, str]]:
        """Entries that are not used: `organisation` or `person`, and the id.

        Such an organisation is found suspended, and none of its entry is changed; such an
        administrator is found disabled.
        """

    def put_out_of_service(self, entries: frozenset[tuple[str, str]]) -> None:
        """Let exactly these entries be out of service, in every process."""


class ProposalStore(Protocol):
    """Changes of the registry that wait for another person. Changes need a REGISTRY transaction."""

    def get(self, proposal: UUID) -> Proposal | None:
        """One proposal, made or not."""

    def page(
        self, before: UUID | None, limit: int, waiting: datetime | None = None
    ) -> Sequence[Proposal]:
        """Proposals with an id less than ``before``, the newest first.

        With ``waiting`` only those that can be approved at that moment.
        """

    def add(self, proposal: Proposal) -> None:
        """Keep a proposal; AlreadyExists when its id is taken."""

    def close(self, proposal: UUID, event: UUID) -> None:
        """Remember by which event it was made; EditConflict when it is not there, made or
        withdrawn."""

    def withdraw(self, proposal: UUID, event: UUID) -> None:
        """Remember by which event it was withdrawn; EditConflict as for `close`."""

    def prune(self, until: datetime) -> None:
        """Forget the proposals that ended before ``until``."""


class CaseStore(Protocol):
    """Cases of originators and their versions. ``get`` in a WRITE transaction locks the row.

    Content is stored encrypted by a key of its case's own. Whoever reads or adds some of a case
    that was erased gets CaseErased; where the key is unavailable, CaseKeysUnavailable.
    """

    def get(self, originator: str, case: UUID) -> Case | None:
        """The originator's case; in a writing transaction its row is locked until the end."""

    def add(self, case: Case, version: CaseVersion) -> None:
        """Store a new case; AlreadyExists when its id or its reference is taken."""

    def save(self, case: Case, version: CaseVersion | None = None) -> None:
        """Replace the stored one, whose revision must be one less (else EditConflict), and add the
        new version when there is one."""

    def version(self, digest: str) -> CaseVersion | None:
        """A case version by the digest of its document."""

    def changes(self, originator: str, case: UUID, after: int) -> Sequence[ChangeKind]:
        """What each version of the case after number ``after`` is to the one before it."""

    def unlawful(
        self, originator: str, case: UUID, after: int
    ) -> Sequence[tuple[int, tuple[str, ...]]]:
        """The versions after number ``after`` that correct something unlawful, and the ids of these
        elements."""

    def announce(self, announcement: Announcement) -> None:
        """Remember that holders heard of a change; AlreadyExists when they heard of it before."""

    def announced(self, originator: str, case: UUID) -> Announcement | None:
        """The newest change of the case that holders heard of."""

    def page(
        self, originator: str, after: UUID | None, limit: int, state: CaseState | None = None
    ) -> Sequence[ListedCase]:
        """The originator's cases, the oldest first; those that were made later than ``after``, and
        are in a ``state``, if one is named.

        Raises CaseKeysUnavailable when that of no case can be read."""

    def measures(self, originator: str, case: UUID) -> Sequence[Measure]:
        """Every measure on a case, in the order in which they were set."""

    def measure(self, measure: UUID) -> Measure | None:
        """One measure by the event that set it."""

    def add_measure(self, measure: Measure) -> None:
        """Store a new measure. The case that is saved with it is ``measured``."""

    def end_measure(self, measure: UUID, at: datetime) -> None:
        """End one that has not ended; else EditConflict."""

    def recalls(self, originator: str, case: UUID) -> Sequence[Recall]:
        """Every recall of a case, or of a handoff of it, in the order in which they were made."""

    def recall(self, recall: UUID) -> Recall | None:
        """One recall by the event that recorded it."""

    def add_recall(self, recall: Recall) -> None:
        """Store a new recall; in a transaction that holds the case."""

    def erase(self, case: Case) -> Erasure:
        """Replace the stored one as ``save`` does, by one that is erased, and take away the
        documents of all its versions, all statements, and what repeats of their requests are
        compared with. Its open handoffs end as lapsed. The key is not destroyed by this: see
        ``doomed``."""

    def due(self, day: date, limit: int) -> Sequence[Case]:
        """Cases with content whose day of erasure is ``day`` or before, the longest due first."""

    def doomed(self, limit: int) -> Sequence[UUID]:
        """Keys of erased cases that were not destroyed yet, as far as is known here."""

    def forget_keys(self, keys: Collection[UUID]) -> None:
        """Note that these keys of erased cases are destroyed."""

    def key_of(self, originator: str, case: UUID) -> UUID | None:
        """The key by which a case's content is encrypted; None when that was erased."""

    def having(self, key: UUID) -> Case | None:
        """The case whose content is encrypted by a key."""


class HandoffStore(Protocol):
    """Handoffs, their answers, and the consultations of content."""

    def get(self, handoff: UUID) -> Handoff | None:
        """A handoff; in a writing transaction its case is locked (shared) first, then its row."""

    def current_version(self, handoff: Handoff) -> str:
        """The digest of its case's current version, for what `get` returned in a writing
        transaction: no further query."""

    def add(self, handoff: Handoff, offer: HandoffAnswer) -> None:
        """Store a new handoff and its offer; AlreadyExists when the id is taken."""

    def save(self, handoff: Handoff, answer: HandoffAnswer) -> None:
        """Replace the stored one, whose sequence must be one less (else EditConflict), and append
        the answer. The due time stays: it follows the duties."""

    def answers(self, handoff: UUID, *, documents: bool = True) -> Sequence[HandoffAnswer]:
        """The offer and every answer, in order; without ``documents`` these are empty, as they are
        after the erasure of the case."""

    def notices(self, handoff: UUID) -> Sequence[HandoffAnswer]:
        """The correction notices, in order; those from before the erasure of the case went with
        it."""

    def offer(self, handoff: UUID, package: int) -> HandoffAnswer | None:
        """The offer, or update, that made a package, by its number."""

    def of_case(self, originator: str, case: UUID) -> Sequence[Handoff]:
        """Every handoff of the case, by id; none is locked."""

    def recalls_of(self, originator: str, case: UUID) -> Sequence[HandoffAnswer]:
        """What recalled each handoff of the case, by handoff; what came before the erasure of the
        case went with it."""

    def answer_of(self, event: UUID) -> HandoffAnswer | None:
        """The answer that ``event`` recorded."""

    def page(
        self,
        organisation: str,
        box: str,
        filters: HandoffFilter,
        after: HandoffPlace | None,
        limit: int,
    ) -> Sequence[Handoff]:
        """Handoffs received (box ``in``) or sent (``out``) whose place is after ``after``, in the
        order of their places: by urgency, then due time."""

    def waiting(self, organisation: str, box: str, now: datetime) -> WaitingHandoffs:
        """How many of a box are offered and not answered, and overdue of those at a moment."""

    def received(
        self, organisation: str, state: str, after: UUID | None, limit: int
    ) -> Sequence[Handoff]:
        """Handoffs received, in one state, with an id greater than ``after``, in order of id
        (UUIDv7: of offer)."""

    def open_of(self, originator: str, case: UUID) -> int:
        """How many handoffs of the case are open."""

    def sent_of(self, originator: str, case: UUID) -> Sequence[SentHandoff]:
        """Every handoff of the case, by id."""

    def add_consultation(self, consultation: Consultation) -> None:
        """Remember what a consultation showed."""

    def was_informed_of_consultation(self, handoff: UUID) -> bool:
        """Whether the originator is a party of a consultation of the handoff."""

    def was_consulted(self, handoff: UUID) -> bool:
        """Whether the content of the handoff was ever consulted."""

    def consultation(self, event: UUID) -> Consultation | None:
        """What the consultation recorded by ``event`` showed."""


class DutyStore(Protocol):
    """What parties owe about handoffs. The due time of a handoff follows what is stored here.

    A duty is added and saved in a transaction that holds its handoff (`HandoffStore.get`).
    """

    def add(self, duty: HandoffDuty) -> None:
        """Store a new duty; AlreadyExists when its handoff has one of that kind and source."""

    def save(self, duty: HandoffDuty) -> None:
        """Replace the stored one, which must be open; else EditConflict."""

    def of(self, handoff: UUID, *, open_only: bool = False) -> Sequence[HandoffDuty]:
        """The duties of a handoff, the oldest first."""

    def open_of_case(self, originator: str, case: UUID) -> Sequence[HandoffDuty]:
        """The open duties of every handoff of a case."""

    def owed_by(
        self, organisation: str, now: datetime, after: DutyPlace | None, limit: int
    ) -> Sequence[tuple[HandoffDuty, Urgency]]:
        """The open duties of an organisation after a place, in order, each with the urgency of its
        handoff; the review of a retention once it was to be reminded of."""

    def due(self, now: datetime, limit: int) -> Sequence[HandoffDuty]:
        """Duties of which there is something to record now, the longest due first."""

    def overdue(self, now: datetime) -> int:
        """How many open duties are past their due time."""

    def clock(self) -> SweepClock | None:
        """When duties were last swept; None before the first time."""

    def save_clock(self, clock: SweepClock) -> None:
        """Replace that."""


class RetentionStore(Protocol):
    """What holders keep beyond the day of erasure: a handoff has one retention at a time.

    It is made and ended in a transaction that holds its handoff (`HandoffStore.get`).
    """

    def of_handoff(self, handoff: UUID) -> Retention | None:
        """The retention that has not ended; its last day may be over."""

    def of_case(self, originator: str, case: UUID) -> Sequence[Retention]:
        """Those of every handoff of a case that have not ended, by handoff."""

    def add(self, retention: Retention) -> None:
        """Store a new one; the one before was ended."""

    def end(self, retention: UUID, at: datetime) -> None:
        """End one that has not ended; else EditConflict."""

    def over(self, day: date, limit: int) -> Sequence[UUID]:
        """Handoffs whose retention, or days of grace, are over on a civil day."""

    def holders(self) -> Collection[str]:
        """The organisations that retain something, have a copy, or a key of late answers."""

    def of_holder(self, holder: str, limit: int) -> Sequence[UUID]:
        """Handoffs of which an organisation retains something, or has a copy."""

    def keep(self, copy: RetainedCopy) -> None:
        """Store a copy under a new key. Raises CaseKeysUnavailable."""

    def copy(self, handoff: UUID) -> RetainedCopy | None:
        """A handoff's copy. Raises CaseErased when its key is destroyed, CaseKeysUnavailable."""

    def has_copy(self, handoff: UUID, day: date) -> bool:
        """Whether a copy is kept on a civil day: its grace, or retention, is not over by then."""

    def end_grace(self, handoff: UUID) -> None:
        """Let a copy stand: a retention was stated."""

    def drop_copy(self, handoff: UUID) -> bool:
        """Take a copy away, where there is one, and doom its key."""

    def having(self, key: UUID) -> UUID | None:
        """The handoff whose copy is encrypted by a key."""

    def uses_key(self, key: UUID) -> bool:
        """Whether a copy, or an organisation's late answers, are encrypted by a key."""

    def unretained(self, after: date, last: date) -> Sequence[tuple[str, UUID]]:
        """Recipient and id of each handoff that was accepted and is not retained, whose case is
        erased after one day, and by another."""

    def announced(self, days: int) -> date | None:
        """Up to which day of erasure holders heard so many ``days`` before; None at first."""

    def announce(self, days: int, told: date | None, last: date) -> bool:
        """Note that they hear up to the day ``last``; False where it is not ``told`` any more."""

    def end_answer_key(self, organisation: str) -> None:
        """Doom the key of an organisation's answers about erased cases, where there is one."""


class LogStore(Protocol):
    """The audit log inside the transaction."""

    def record(self, fact: AuditEvent) -> None:
        """Queue a fact; ``commit`` appends all of them, in order, as the last thing it does."""

    def logged(self, event: UUID) -> LoggedEvent | None:
        """A committed event with a proof at the present head."""

    def stream(self, organisation: str, after: int, limit: int) -> Sequence[tuple[int, UUID]]:
        """The organisation's own events: (its counter, event id), counter > ``after``."""

    def read_stream(
        self, organisation: str, after: int, limit: int
    ) -> Sequence[tuple[int, LoggedEvent]]:
        """The same as ``logged`` gives them, without those whose document was erased."""

    def counter(self, organisation: str) -> int:
        """The organisation's last counter; 0 before its first event."""

    def search(self, query: LogQuery) -> Sequence[EventMatch]:
        """Events in the log's order.

        Where an event was logged before persons could be searched for, ``person`` is not judged:
        the caller looks at its details.
        """

    def head(self) -> TreeHead:
        """The state of the log as of this transaction.

        Raises LogFrozen when no process of the gateway made it.
        """

    def moment(self, now: datetime) -> datetime:
        """The time of a change of the registry: ``now``, or the newest event's, if that is later.

        Raises ClockBehind.
        """

    def vouch(self, head: TreeHead) -> None:
        """Let a head that is signed count as the gateway's own, where it is the newest."""

    def tile(self, level: int, n: int) -> bytes:
        """A tile's present bytes (32-byte hashes); empty when there is none."""

    def entries(self, start: int, end: int) -> Sequence[bytes]:
        """The entries of indexes ``start <= i < end`` that exist."""


class LogTermsStore(Protocol):
    """How long the log names persons, and what suspends that."""

    def holds(self) -> Sequence[LogHold]:
        """The log holds that were not ended, the oldest first."""

    def hold(self, hold: UUID) -> LogHold | None:
        """One log hold, ended or not."""

    def add_hold(self, hold: LogHold) -> None:
        """Keep a new log hold, in a REGISTRY transaction; AlreadyExists when its id is taken."""

    def end_hold(self, hold: UUID, at: datetime) -> None:
        """End a log hold, in a REGISTRY transaction: all streams are gone through anew.

        EditConflict when it is not there, or ended before.
        """

    def erase_details(
        self, organisation: str, until: datetime, held: Collection[CaseId]
    ) -> ErasedDetails:
        """Erase what some of the next events say of persons, where the organisation acted.

        Events of its stream before ``until`` are gone through, a bounded number in their order;
        those about the cases ``held`` are passed over.
        """


class IdempotencyStore(Protocol):
    """Idempotency keys, scoped to an organisation."""

    def get(self, organisation: str, key: str) -> IdempotencyRecord | None:
        """The write that used the key."""

    def add(self, retry: IdempotencyRecord) -> None:
        """Remember a write; EditConflict when a concurrent request used the key first."""

    def prune(self, until: datetime) -> None:
        """Delete the requests older than ``until``; what may never be repeated stays."""


class RateLimits(Protocol):
    """Counts that limit callers, shared by all workers."""

    def consume(self, organisation: str, window: str, limit: int) -> bool:
        """Count one more in the window; False, and nothing counted, when ``limit`` is reached.

        ``window`` is ``<what>/<time>``, times of one length; the organisation's earlier windows
        of the same thing are forgotten, so that no more than one of each is kept.
        """


class RevokedTokenStore(Protocol):
    """Access tokens that ended before their time, each remembered until long after it."""

    def add(self, jti: str, expires_at: datetime) -> None:
        """Revoke a token; revoking it twice is no error."""

    def has(self, jti: str) -> bool:
        """Whether the token was revoked."""

    def prune(self, until: datetime) -> None:
        """Forget the tokens that have expired at ``until``: nobody would take them anyway."""


class AssertionReplayGuard(Protocol):
    """What may be used once by each client: the ids of its assertions."""

    def consume(self, client: str, jti: str, expires_at: datetime) -> bool:
        """Use an id; False, and nothing changed, when it was used before."""

    def prune(self, until: datetime) -> None:
        """Forget the ids of what has expired at ``until``: nobody would take it anyway."""


class RecordStore(Protocol[R]):
    """Records, each by its id, whatever became of it."""

    def add(self, record: R, /) -> None:
        """Store a new one; AlreadyExists when its id was ever used, or what else is its alone."""

    def get(self, id_: UUID, /) -> R | None:
        """One of them."""

    def save(self, record: R, /) -> None:
        """Replace the stored one; EditConflict when there is none, or its counter is not one less.

        What is settled when it is made stays.
        """


class CertificateOrders(RecordStore[CertificateOrder], Protocol):
    """Certificate requests on their way to the process that alone holds the issuing key."""

    def pending(self, limit: int) -> Sequence[CertificateOrder]:
        """Requests not yet served, oldest first."""


class InvitationStore(RecordStore[Invitation], Protocol):
    """Invitations to enrol a system. Changes need a REGISTRY transaction."""

    def by_token(self, token_sha256: str) -> Invitation | None:
        """The invitation with this token, used or not."""

    def open(self, now: datetime, after: UUID | None, limit: int) -> Sequence[Invitation]:
        """Those that can be used still at a moment, by id, from the one after ``after`` on."""


class ConformanceStore(RecordStore[ConformanceRun], Protocol):
    """Conformance runs, apart from cases, handoffs and consultations."""

    def passed(self, organisation: str) -> bool:
        """Whether a system of the organisation has passed a run."""

    def prune(self, until: datetime) -> None:
        """Forget the runs that ended until then and were not passed."""


class SuccessionStore(RecordStore[Succession], Protocol):
    """Mandates that move to another organisation, and the handoffs that they ended.

    Planned in a REGISTRY transaction; approvals, end and cancellation are saved in a WRITE
    transaction.
    """

    def all(self) -> Sequence[Succession]:
        """Every succession, oldest first."""

    def of(self, organisation: str) -> Sequence[Succession]:
        """Those in which an organisation gives or takes the mandate, oldest first."""

    def from_office(self, predecessor: str, competence: str) -> Sequence[Succession]:
        """Those in which the organisation gives this competence away, oldest first."""

    def moved(self, succession: UUID) -> Sequence[ReissuedHandoff]:
        """The handoffs that a succession ended, by id."""

    def moved_from(self, handoff: UUID) -> ReissuedHandoff | None:
        """How a handoff was ended by a succession."""

    def moved_to(self, handoff: UUID) -> ReissuedHandoff | None:
        """What a handoff follows that a succession made."""

    def add_moved(self, moved: ReissuedHandoff) -> None:
        """Remember an ended handoff; AlreadyExists when it was ended before."""


class StaffStore(Protocol):
    """The staff registers of organisations; entries end, and no row is ever taken away."""

    def named(self, organisation: str, pseudonyms: Collection[str]) -> Sequence[StaffEntry]:
        """The organisation's entries of these pseudonyms, five at most, in one statement."""

    def page(self, organisation: str, after: str, limit: int) -> Sequence[StaffEntry]:
        """The organisation's entries with a pseudonym greater than ``after``, in its order."""

    def add(self, entry: StaffEntry) -> bool:
        """Store a new entry; False, and nothing stored, when the pseudonym was ever used."""

    def end(self, organisation: str, pseudonym: str, ends_at: datetime) -> None:
        """Let an entry end at a moment."""

    def recuse(self, organisation: str, pseudonym: str, recusals: frozenset[str]) -> None:
        """Replace the digests of the cases that a person keeps away from."""


class NotificationStore(Protocol):
    """How far each organisation's stream was delivered, and what its receiver refused."""

    def cursor(self, organisation: str, way: DeliveryWay, begin: int = 0) -> Cursor:
        """An organisation's cursor, at ``begin`` where there was none.

        In a writing transaction it is made, and its row is locked.
        """

    def save(self, cursor: Cursor) -> None:
        """Replace the stored one, which `cursor` locked."""

    def states(self, way: DeliveryWay) -> Sequence[DeliveryState]:
        """Every stored cursor of a way, by organisation, beside its stream."""

    def heads(self, organisations: Collection[str]) -> Mapping[str, int]:
        """The last number of each of these organisations' streams, where it has one."""

    def refused(self, organisation: str, *, replay: bool = False) -> Sequence[RefusedNotification]:
        """What the organisation's receiver refused, in the stream's order; with ``replay`` what is
        sent again."""

    def refuse(self, refused: RefusedNotification) -> None:
        """Keep a refused notification, or replace what is known of it."""

    def forget(self, organisation: str, events: Collection[UUID]) -> None:
        """Forget refused notifications: their receiver took them."""


class UnitOfWork(ABC):
    """One transaction: state and audit events together or not at all.

    Leaving the ``with`` block without ``commit`` rolls back. Busy is raised on entering when too
    many writers wait. A store may let writers share a transaction, one after the other: each still
    has its own part, and none leaves before all of it is durable. ``first`` is False for one that
    goes on in a transaction that another began.

    A duty or a retry that is refused may say so only at a later statement, or at ``commit``;
    nothing of its Work can be committed then.
    """

    organisations: OrganisationStore
    proposals: ProposalStore
    cases: CaseStore
    handoffs: HandoffStore
    duties: DutyStore
    retentions: RetentionStore
    log: LogStore
    log_terms: LogTermsStore
    retries: IdempotencyStore
    budgets: RateLimits
    revoked_tokens: RevokedTokenStore
    replay: AssertionReplayGuard
    signing: CertificateOrders
    invitations: InvitationStore
    conformance: ConformanceStore
    successions: SuccessionStore
    staff: StaffStore
    notifications: NotificationStore
    first: bool

    @abstractmethod
    def __enter__(self) -> Self:
        """Begin."""

    @abstractmethod
    def __exit__(self, *_: object) -> None:
        """Roll back unless committed; release the connection.

        Raises Busy when what this transaction may have seen of others could not be kept.
        """

    @abstractmethod
    def commit(self) -> Sequence[LoggedEvent]:
        """Append the recorded facts to the log, commit durably, and return where they stand.

        A crash before the return leaves either everything or nothing.
        """


class Policy(Protocol):
    """Decides; never raises; any trouble is a denial."""

    @property
    def revision(self) -> str:
        """Which policies are in force: the name that events give for them."""

    def decide(self, question: PolicyQuestion) -> PolicyDecision:
        """Answer one question."""


class HighWaterMark(Protocol):
    """The log's high-water mark, kept apart from its database and outside its backups.

    One for all processes and nodes of a gateway. All of it raises HighWaterMarkUnavailable.
    """

    def turn(self) -> AbstractContextManager[None]:
        """Wait until no other process of this host moves the mark, where that can be told.

        Only to spare work: `advance` compares all the same.
        """

    def read(self) -> SignedTreeHead | None:
        """The mark; None before the first head was signed, or when it was lost."""

    def advance(self, seen: SignedTreeHead | None, to: SignedTreeHead) -> bool:
        """Replace ``seen`` by ``to``; durable when this returns True.

        False, and nothing is changed, when the mark is not ``seen`` any more.
        """


class CheckpointSigning(Protocol):
    """Signs the log's heads, and only heads that are committed."""

    def sign(self, head: TreeHead, base: TreeHead | None = None) -> str:
        """The checkpoint of ``head`` as a signed note.

        ``base`` is a head of which the caller knows that the log went from it to ``head``. Raises
        LogFrozen when the log would show two histories, HighWaterMarkUnavailable when nobody can
        tell.
        """

    def stored(self) -> str:
        """The note of the largest head ever signed: what a frozen log still shows.

        Raises LogFrozen when there is none, HighWaterMarkUnavailable.
        """


class CaseKeys(Protocol):
    """The keys of cases, kept apart from the database. All of it raises CaseKeysUnavailable."""

    def destroy(self, keys: Collection[UUID]) -> int:
        """Destroy keys for good, and record that they are; how many there were."""

    def states(self, keys: Collection[UUID]) -> Mapping[UUID, bool]:
        """Of those keys that are known: whether each still opens, or is destroyed."""

    def destroyed(self, after: UUID | None, limit: int) -> Sequence[UUID]:
        """Destroyed keys with an id greater than ``after``, in order of id."""

    def long_made(self, after: UUID | None, limit: int) -> Sequence[UUID]:
        """Likewise keys so old that a case has them, or none ever will."""


class KeyEncryptionProvider(Protocol):
    """Holds the key-encryption keys: a file now, a PKCS #11 token or a vault later.

    All of it raises CaseKeysUnavailable. Which key is the current one is written in the keys
    database, so that all processes change over at one moment.
    """

    def known(self) -> Sequence[str]:
        """The ids of the keys that are there."""

    def make(self) -> str:
        """Make a new key; its id. It is durable when this returns."""

    def wrap(self, kek: str, key: bytes, about: bytes) -> bytes:
        """Encrypt a case's key under the key ``kek``, bound to what it is about."""

    def unwrap(self, kek: str, wrapped: bytes, about: bytes) -> bytes:
        """The case's key again."""

    def remove(self, kek: str) -> None:
        """Destroy a key; one that is gone is no error."""


class Authority(Protocol):
    """The issuing CA; only the maintenance process and the operator's own hand hold one."""

    def issue(
        self, csr: str, organisation: str, system: str, now: datetime
    ) -> tuple[str, Certificate]:
        """Make a client certificate (PEM) for a request; ValueError when the request is bad."""


@dataclass(frozen=True)
class Ports:
    """The filled sockets that every action gets.

    ``attester`` signs documents for organisations, ``notifier`` their notifications. ``issuer`` is
    the gateway's public URL, ``gateway`` its short name in certificates; ``fingerprint_key`` keys
    the HMAC over retried requests; ``denials_per_minute`` bounds what one organisation may have
    recorded; ``embargo_terms`` how long an embargo holds, ``police_first`` how long a removal waits
    for the police; ``emergency_numbers`` are
    named where an offer about an imminent danger is refused. ``due`` is the time to answer by
    urgency, ``due_of_kinds`` what is another for some kinds of organisations, ``call_within`` that
    for the call in imminent danger, ``follow_up`` for the second person after break-glass.
    ``retention_grace_days`` is how long a copy waits for a retention. ``consultations`` says of
    which ones by the police a private originator learns; ``log_terms`` how long the log names
    persons.
    """

    issuer: str
    gateway: str
    begin: Callable[[TransactionMode], AbstractContextManager[UnitOfWork]]
    policy: Policy
    attester: Signer
    notifier: Signer
    checkpoint_signer: CheckpointSigning
    keys: CaseKeys
    now: Callable[[], datetime]
    reference_date: Callable[[datetime], ReferenceDate]
    new_id: Callable[[], UUID]
    random: Callable[[int], bytes]
    fingerprint_key: bytes = field(repr=False)
    denials_per_minute: int = 60
    embargo_terms: Terms = EMBARGO
    police_first: timedelta = timedelta(0)
    emergency_numbers: tuple[str, ...] = ()
    due: Mapping[Urgency, timedelta] = field(default_factory=lambda: DUE)
    due_of_kinds: Mapping[tuple[Urgency, str], timedelta] = field(default_factory=dict)
    call_within: timedelta = CALL_WITHIN
    follow_up: timedelta = FOLLOW_UP
    retention_grace_days: int = GRACE_DAYS
    consultations: ConsultationNotice = ConsultationNotice.FIRST
    log_terms: LogTerms = field(default_factory=LogTerms)

    def civil_day(self, now: datetime) -> date:
        """The day in the gateway's civil time zone by which content is erased and kept.

        A simulated date neither hastens nor puts off.
        """
        today = self.reference_date(now)
        return now.date() if today.simulated else today.day
