"""What the actions need from outside: the sockets, and the contract of each.

A part of the store has one class, which says what it promises (ADR 0068): here its name is
used only for types. Nothing may be called outside the ``with`` block of its transaction, and a
transaction belongs to one thread.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, Self
from uuid import UUID

from gateway.domain.audit_event import LogTerms
from gateway.domain.course import HandoffChecks
from gateway.domain.decision import PolicyDecision, PolicyQuestion
from gateway.domain.duty import CALL_WITHIN, DUE, FOLLOW_UP
from gateway.domain.handoff import Handoff
from gateway.domain.matters import MatterTerms
from gateway.domain.measure import EMBARGO, Terms
from gateway.domain.organisation import Certificate
from gateway.domain.outcome import ConsultationNotice
from gateway.domain.retention import GRACE_DAYS
from gateway.domain.vocabulary import Matter, Urgency
from gateway.evidence.sd_jwt import Signer
from gateway.kernel.values import (
    DifferingRows,
    LoggedEvent,
    ReferenceDate,
    RetryKey,
    RowBeside,
    SignedTreeHead,
)
from gateway.ledger.cosignature import Cosigner

if TYPE_CHECKING:
    from gateway.kernel.log_continuity import CheckpointSigner
    from gateway.store.cases import SqlCases
    from gateway.store.confirmations import SqlConfirmations
    from gateway.store.duties import SqlDuties
    from gateway.store.handoffs import SqlHandoffs
    from gateway.store.health import SqlHealth
    from gateway.store.idempotency import SqlBudgets, SqlRetries, SqlUsedAssertions
    from gateway.store.items import SqlItems
    from gateway.store.keyring import SqlKeyring
    from gateway.store.log import SqlLog
    from gateway.store.log_terms import SqlLogTerms
    from gateway.store.notifications import SqlNotifications
    from gateway.store.procedures import (
        SqlConformance,
        SqlInvitations,
        SqlProposals,
        SqlSigning,
        SqlSuccessions,
    )
    from gateway.store.registry import SqlOrganisations, SqlStaff
    from gateway.store.relay import SqlRelay
    from gateway.store.retentions import SqlRetentions
    from gateway.store.witnessed import SqlWitnessed


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


class UnitOfWork(ABC):
    """One transaction: state and audit events together or not at all.

    Leaving the ``with`` block without ``commit`` rolls back. Busy is raised on entering when too
    many writers wait. A store may let writers share a transaction, one after the other: each still
    has its own part, and none leaves before all of it is durable. ``first`` is False for one that
    goes on in a transaction that another began.

    A duty or a retry that is refused may say so only at a later statement, or at ``commit``;
    nothing of this unit of work can be committed then.
    """

    organisations: "SqlOrganisations"
    proposals: "SqlProposals"
    cases: "SqlCases"
    handoffs: "SqlHandoffs"
    items: "SqlItems"
    duties: "SqlDuties"
    retentions: "SqlRetentions"
    log: "SqlLog"
    log_terms: "SqlLogTerms"
    confirmations: "SqlConfirmations"
    witnessed: "SqlWitnessed"
    health: "SqlHealth"
    retries: "SqlRetries"
    budgets: "SqlBudgets"
    used_assertions: "SqlUsedAssertions"
    signing: "SqlSigning"
    invitations: "SqlInvitations"
    conformance: "SqlConformance"
    successions: "SqlSuccessions"
    staff: "SqlStaff"
    notifications: "SqlNotifications"
    relay: "SqlRelay"
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
    def compare_case(
        self,
        civil_day: Callable[[datetime], date],
        key: tuple[str, UUID],
        handoff: Handoff | None = None,
    ) -> DifferingRows:
        """Hold the rows of a case, by its originator and id, and of one of its handoffs, against
        the log and their documents.

        Raises CaseKeysUnavailable.
        """

    @abstractmethod
    def remove_row(self, row: RowBeside) -> None:
        """Remove a row beside a case or handoff that the log denies, in a REGISTRY transaction."""

    @abstractmethod
    def commit(self) -> Sequence[LoggedEvent]:
        """Append the recorded facts to the log, commit durably, and return where they stand.

        A crash before the return leaves either everything or nothing.
        """

    @abstractmethod
    def next_part(self, key: RetryKey | None = None) -> None:
        """Keep what was done, and begin a part that can fail alone, of a write by its key. Raises
        Busy, EditConflict.

        All parts of this object are new then: what was taken from it before is over.
        """

    @abstractmethod
    def commit_parts(self) -> Sequence[LoggedEvent]:
        """Take back what was done since `next_part`, and commit what was kept before, as `commit`
        does."""


class BeginWork(Protocol):
    """Begins a transaction; of a write that is done once, by its key."""

    def __call__(
        self, mode: TransactionMode, key: RetryKey | None = None, /
    ) -> AbstractContextManager[UnitOfWork]:
        """Wait for one's turn. Raises Busy."""


class Policy(Protocol):
    """Decides; never raises; any trouble is a denial."""

    @property
    def revision(self) -> str:
        """Which policies are in force: the name that events give for them."""

    def decide(self, question: PolicyQuestion) -> PolicyDecision:
        """Answer one question."""

    @property
    def rules(self) -> Collection[str]:
        """The names of all rules."""

    @property
    def matters(self) -> Mapping[Matter, MatterTerms]:
        """Return what follows from what a case is about."""


class HighWaterMark(Protocol):
    """The log's high-water mark, kept apart from its database and outside its backups.

    One for all processes and nodes of a gateway. All of it raises HighWaterMarkUnavailable.
    """

    def read(self) -> SignedTreeHead | None:
        """The mark; None before the first head was signed, or when it was lost."""

    def advance(self, seen: SignedTreeHead | None, to: SignedTreeHead) -> bool:
        """Replace ``seen`` by ``to``; durable when this returns True.

        False, and nothing is changed, when the mark is not ``seen`` any more.
        """

    def of(self, origin: str) -> "HighWaterMark":
        """That of another log, kept in the same place: how far it was cosigned here."""


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
    the HMAC over retried requests; ``leapt`` says that the system's clock was moved ahead, which
    ``now`` does not follow; ``denials_per_minute`` bounds what one organisation may have
    recorded; ``embargo_terms`` how long an embargo holds, ``police_first`` how long a removal waits
    for the police; ``emergency_numbers`` are named where an offer about an imminent danger is
    refused, ``child_numbers`` besides where a child is concerned. ``due`` is the time to answer by
    urgency, ``due_of_kinds`` what is another for some kinds of organisations, ``call_within`` that
    for the call in imminent danger, ``follow_up`` for the second person after break-glass.
    ``differs`` hears of a handoff that is not what its documents say, and of the names of the
    fields; ``handoff_checks`` says whether it is refused as well.
    ``witness`` cosigns the logs of peers, where the gateway has a key for it; ``witnessed`` says by
    a log's origin how far it did.
    ``retention_grace_days`` is how long a copy waits for a retention. ``consultations`` says of
    which ones by the police a private originator learns; ``log_terms`` how long the log names
    persons.
    """

    issuer: str
    gateway: str
    begin: BeginWork
    policy: Policy
    attester: Signer
    notifier: Signer
    checkpoint_signer: "CheckpointSigner"
    keys: "SqlKeyring"
    now: Callable[[], datetime]
    reference_date: Callable[[datetime], ReferenceDate]
    new_id: Callable[[], UUID]
    random: Callable[[int], bytes]
    fingerprint_key: bytes = field(repr=False)
    leapt: Callable[[], bool] = lambda: False
    denials_per_minute: int = 60
    embargo_terms: Terms = EMBARGO
    police_first: timedelta = timedelta(0)
    emergency_numbers: tuple[str, ...] = ()
    child_numbers: tuple[str, ...] = ()
    due: Mapping[Urgency, timedelta] = field(default_factory=lambda: DUE)
    due_of_kinds: Mapping[tuple[Urgency, str], timedelta] = field(default_factory=dict)
    call_within: timedelta = CALL_WITHIN
    follow_up: timedelta = FOLLOW_UP
    witness: Cosigner | None = None
    witnessed: "Callable[[str], HighWaterMark] | None" = None
    retention_grace_days: int = GRACE_DAYS
    handoff_checks: HandoffChecks = HandoffChecks.REFUSE
    differs: Callable[[UUID, Sequence[str]], None] = lambda _handoff, _names: None
    consultations: ConsultationNotice = ConsultationNotice.FIRST
    log_terms: LogTerms = field(default_factory=LogTerms)
