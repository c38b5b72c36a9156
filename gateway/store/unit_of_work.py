"""One unit of work: state and events together or not at all; and the rounds in which waiting
writers share a transaction."""

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from time import monotonic, perf_counter
from typing import Any, NoReturn, Self
from uuid import UUID

from sqlalchemy import Executable, Select, column, select, table

from gateway.domain.audit_event import AuditEvent
from gateway.domain.handoff import Handoff
from gateway.domain.refusals import AlreadyExists, Busy
from gateway.kernel.ports import TransactionMode, UnitOfWork
from gateway.kernel.values import DifferingRows, LoggedEvent, RetryKey, RowBeside, TreeHead
from gateway.store import handoff_proof, migrations, procedures
from gateway.store.cases import SqlCases
from gateway.store.confirmations import SqlConfirmations
from gateway.store.content_encryption import ContentCipher, Keyring, NoContentKeys
from gateway.store.database import (
    PATIENCE_SECONDS,
    Begun,
    Database,
    UnsuitableDatabase,
    open_database,
    run_first,
)
from gateway.store.duties import SqlDuties
from gateway.store.handoffs import SqlHandoffs
from gateway.store.health import SqlHealth
from gateway.store.idempotency import SqlBudgets, SqlRetries, SqlUsedAssertions
from gateway.store.items import SqlItems
from gateway.store.log import NOTHING_APPENDED, AppendResult, EventHeader, SqlLog
from gateway.store.log_terms import SqlLogTerms
from gateway.store.notifications import SqlNotifications
from gateway.store.registry import Entries, RegistryCache, SqlOrganisations, SqlStaff
from gateway.store.relay import SqlRelay
from gateway.store.retentions import SqlRetentions
from gateway.store.tables import log_head
from gateway.store.transaction import BrokenRule, Transaction, driver_errors, translated
from gateway.store.witnessed import SqlWitnessed

# --- A round: writers of one process that share a transaction, one after the other ---
#
# What each costs beyond its own statements, the locks, BEGIN, the right edge of the log's tree
# and the wait for the disk, is paid once for all that stand in line together: who is done hands
# the open transaction to the next in line, and the last one commits for all. Nobody leaves before
# that; if it fails, nothing of it happened, for nobody (ADR 0019).
#
# SQLite has one transaction that writes, and so one line. PostgreSQL has a few side by side, and
# a row that one holds may be what another needs: so who goes on in a round waits at most 20 ms
# for a row, then is refused with Busy and done again alone (ADR 0067).


ROUND_WRITERS = 32
"""Writers of one round at most."""

ROUND_SECONDS = 0.05
"""How long a round lets further writers in: other processes wait for its end."""

Took = Callable[[str, float], None]
"""Hears of a step of a writing transaction, `wait` or `commit`, and the seconds that it took."""


Sign = Callable[[TreeHead, TreeHead], str | None]
"""Makes the checkpoint of the second head, which a commit has just made of the first one."""


def leave_unsigned(_base: TreeHead, _head: TreeHead) -> None:
    """Sign nothing: this process has no key for checkpoints; who has one signs later."""


@dataclass
class Round:
    """One open transaction, the facts of those who are done in it, and its result.

    ``started`` is a time of the monotonic clock; ``writers`` counts the parts of all who came in,
    ``shared`` says that it has more than one.
    ``index_keys`` are those that its parts read; what one part makes it remembers for itself alone.
    ``kept`` says that somebody's part has to be committed, ``broken`` that the transaction cannot
    be trusted, ``last`` that nobody else may come in: what a change of the registry says is
    remembered by its version, and that must be durable before anybody reads it.
    """

    store: "Store"
    opened: Begun
    mode: TransactionMode
    started: float
    writers: int = 1
    shared: bool = False
    kept: bool = False
    broken: bool = False
    last: bool = False
    facts: list[AuditEvent] = field(default_factory=list)
    index_keys: Entries = field(default_factory=dict)
    appended: AppendResult | None = None
    note: str | None = None
    failure: BaseException | None = None
    over: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def enter(cls, store: "Store", mode: TransactionMode, key: RetryKey | None) -> "Round":
        """Wait for one's turn, then begin a round or go on in the one that is handed over.

        Raises Busy.
        """
        database, last = store.database, mode is TransactionMode.REGISTRY
        found: Round | None = database.line.enter()
        try:
            if found is not None and database.locks_rows and mode is not TransactionMode.SHARED:
                found._close()
                found = None
            if found is None:
                return cls(store, database.begin(mode, key), mode, monotonic(), last=last)
        except BaseException:
            database.line.leave()
            raise
        found.last = last
        try:
            found.begin_part(key)
        except BaseException:  # otherwise nobody behind this writer could go on
            found.undo(broken=True)
            raise
        return found

    def begin_part(self, key: RetryKey | None) -> None:
        """Begin a part that can be taken back alone: another writer's, or the next of the same."""
        before = ("RELEASE part",) if self.shared else self.store.database.limit_row_wait
        self.writers, self.shared = self.writers + 1, True
        self.opened = run_first(self.opened.driver, *before, "SAVEPOINT part", key=key)

    def keep(self, facts: Sequence[AuditEvent]) -> tuple[LoggedEvent, ...]:
        """Let a writer's part stand, with its facts; returns once that is durable.

        Raises Busy, and what the database raises: then nothing of the round happened.
        """
        first, self.kept = len(self.facts), True
        self.facts.extend(facts)
        self._leave()
        return self.outcome().prove(first, len(facts), self.note)

    def undo(self, *, broken: bool = False) -> None:
        """Take a writer's last part back; its others, and those of others, stand.

        ``broken`` when nothing of the round can be trusted any more. A statement that the database
        refused does not break it while the transaction is open: whatever it left is taken back to
        the savepoint. What was decided may rest on what the others wrote: so it, too, waits for
        them, and raises Busy when nothing of them could be kept.
        """
        driver = self.opened.driver
        broken = broken or driver.closed or not driver.in_transaction
        if self.shared and not broken:
            try:
                driver.ask("ROLLBACK TO part")
            except driver_errors():
                broken = True
        self.broken = self.broken or broken
        self._leave()
        if self.shared:
            self.outcome()

    def _leave(self) -> None:
        """Hand the transaction to the next in line, or commit what was kept and let go of all."""
        in_time = monotonic() < self.started + ROUND_SECONDS
        takes_more = self.kept and not self.broken and not self.last and in_time
        line = self.store.database.line
        if takes_more and self.writers < ROUND_WRITERS and line.hand_over(self):
            return
        try:
            self._close()
        finally:
            line.leave()

    def _close(self) -> None:
        """Commit what was kept, sign it before another process of this host commits, and let go of
        all."""
        database = self.store.database
        try:
            if self.broken:
                self.failure = Busy("the database failed another request: retry after a moment")
            elif self.kept:
                made = self.appended = self._commit()
                if made.events and database.has_entry(made.head.size - 1, made.entry):
                    self.note = self.store.sign(made.base, made.head)
        except BaseException as failure:  # each of them raises it, see `outcome`
            self.failure = failure
        finally:
            try:
                database.end(self.opened.driver, self.mode)
            finally:
                self.over.set()

    def _commit(self) -> AppendResult:
        store, driver = self.store, self.opened.driver
        transaction = Transaction(driver, self.mode, store.database.locks_rows)
        log = SqlLog(transaction, store.event_header, ContentCipher(store.keyring), self.opened)
        try:
            with driver.together():
                for statement in store.database.restore_row_wait if self.shared else ():
                    driver.send(statement)
                appended = log.append(self.facts)
                began = perf_counter()
                transaction.commit()
            store.took("commit", perf_counter() - began)
        except BrokenRule as error:
            raise AlreadyExists("the log has an event with this id") from error
        finally:
            transaction.end()
        return appended

    def outcome(self) -> AppendResult:
        """Return what the round added to the log, once it is durable."""
        if not self.over.wait(PATIENCE_SECONDS):
            raise Busy("it is not known yet whether this request was stored: repeat it")
        if self.failure is not None:
            if not self.shared:
                raise self.failure
            told = "nothing could be stored just now: retry after a moment"
            if self.appended is not None:
                told = "it was stored, but could not be signed just now: repeat it after a moment"
            raise Busy(told) from self.failure
        return self.appended or NOTHING_APPENDED


# --- One unit of work ---


@dataclass(eq=False)
class SqlUnitOfWork(UnitOfWork):
    """A unit of work in SQL; nothing happens before its ``with`` block is entered."""

    _store: "Store"
    _mode: TransactionMode
    _key: RetryKey | None = None
    _round: Round | None = None
    _reading: Any = None

    def __enter__(self) -> Self:
        store, mode = self._store, self._mode
        if mode is TransactionMode.READ:
            begun = store.database.begin(mode)
            self._reading = begun.driver
        else:
            store.keyring.restock()  # durable by itself: not while others wait for the lock
            began = perf_counter()
            self._round = Round.enter(store, mode, self._key)
            store.took("wait", perf_counter() - began)
            begun = self._round.opened
        self.first = self._round is None or not self._round.shared
        self._earlier = 0 if self._round is None else len(self._round.facts)
        self._begin_part(begun)
        return self

    def _begin_part(self, begun: Begun) -> None:
        store, mode = self._store, self._mode
        locks_rows = store.database.locks_rows and mode is not TransactionMode.READ
        run = Transaction(begun.driver, mode, locks_rows)
        cipher = ContentCipher(store.keyring)
        self._transaction = run
        others = () if self._round is None else tuple(self._round.facts)
        self.log = SqlLog(run, store.event_header, cipher, begun, others)
        self.log_terms = SqlLogTerms(run, cipher)
        self.confirmations = SqlConfirmations(run, cipher)
        self.witnessed = SqlWitnessed(run, cipher)
        self.health = SqlHealth(run, cipher)
        remembered = store.memory.at(begun.version)
        known = {} if mode is TransactionMode.REGISTRY else remembered
        self.organisations = SqlOrganisations(run, cipher, known)
        self.staff = SqlStaff(run, cipher, known)
        self.cases = SqlCases(run, cipher, others)
        self.handoffs = SqlHandoffs(run, cipher)
        if self._round is not None and self._round.shared:
            remembered = self._round.index_keys  # what was read may be taken back: with the round
        self.items = SqlItems(run, cipher, remembered)
        self.duties = SqlDuties(run, cipher)
        self.retentions = SqlRetentions(run, cipher)
        self.successions = procedures.SqlSuccessions(run, cipher)
        self.notifications = SqlNotifications(run, cipher)
        self.relay = SqlRelay(run, cipher)
        self.retries = SqlRetries(run, cipher, begun)
        self.budgets = SqlBudgets(run, cipher)
        self.used_assertions = SqlUsedAssertions(run, cipher)
        self.proposals = procedures.SqlProposals(run, cipher)
        self.signing = procedures.SqlSigning(run, cipher)
        self.invitations = procedures.SqlInvitations(run, cipher)
        self.conformance = procedures.SqlConformance(run, cipher)

    def __exit__(self, *_: object) -> None:
        self._transaction.end()
        if self._reading is not None:
            reading, self._reading = self._reading, None
            self._store.database.end(reading, self._mode)
        if self._round is not None:
            abandoned, self._round = self._round, None
            abandoned.undo()

    def next_part(self, key: RetryKey | None = None) -> None:
        """Nothing that this one read is remembered: the next may be taken back."""
        shared = self._leave_round(flushed=True)
        shared.kept = True
        shared.facts.extend(self.log.facts)
        try:
            shared.begin_part(key)
        except driver_errors() as error:
            shared.undo(broken=True)
            raise translated(error) from error
        self._round = shared
        self._begin_part(shared.opened)

    def commit_parts(self) -> Sequence[LoggedEvent]:
        """Others that stand in line go on in what is left of the transaction."""
        shared = self._leave_round(flushed=False)
        count = len(shared.facts) - self._earlier
        shared.undo()
        return shared.outcome().prove(self._earlier, count, shared.note)

    def commit(self) -> Sequence[LoggedEvent]:
        """A crash before COMMIT leaves nothing, one after it everything.

        The locks go at once: proofs are made from what is in hand.
        """
        failed = self._transaction.failed
        kept = self._leave_round(flushed=not failed)
        if failed:
            kept.undo()
            raise RuntimeError("a statement of this unit of work failed: it cannot be committed")
        return kept.keep(self.log.facts)

    def _leave_round(self, *, flushed: bool) -> Round:
        """The round, in which this unit of work does nothing more, once what waits for a next
        statement has run. Raises its refusals."""
        if flushed:
            self._transaction.require_writing()
            if self._mode is TransactionMode.REGISTRY:
                self.organisations.raise_version()
            self._transaction.flush()
        self._transaction.end()
        if self._round is None:
            raise RuntimeError("the unit of work is over")
        left, self._round = self._round, None
        return left

    @property
    def person_key(self) -> bytes:
        """By which persons are blinded where events are searched for; empty for some readers."""
        return self._store.event_header.person_key

    def compare_case(
        self,
        civil_day: Callable[[datetime], date],
        key: tuple[str, UUID],
        handoff: Handoff | None = None,
    ) -> DifferingRows:
        """As `UnitOfWork` says."""
        return handoff_proof.compare_case(self, civil_day, key, handoff)

    def remove_row(self, row: RowBeside) -> None:
        """As `UnitOfWork` says."""
        self._transaction.require_registry()
        self._transaction.run(*handoff_proof.removal(row))

    def rows(self, statement: Executable, values: Mapping[str, Any]) -> Sequence[Any]:
        """Return what a statement finds: for the store's own reports, which no action needs."""
        return self._transaction.rows(statement, values)

    def stream(self, statement: Executable) -> Iterator[Sequence[Any]]:
        """Likewise all rows of a statement, one by one and as the driver has them."""
        return self._transaction.stream(statement)

    def queries(self, *asked: tuple[Executable, Mapping[str, Any]]) -> Sequence[Sequence[Any]]:
        """Likewise what several find, in one message."""
        return self._transaction.queries(*asked)


_REVISION: Select[str] = select(column("version_num")).select_from(table("alembic_version"))
_ORIGIN: Select[str | None] = select(log_head.c.origin)


class Store:
    """The database as one process holds it: made after the fork, closed before the exit."""

    def __init__(self, database: Database, event_header: EventHeader, keyring: Keyring) -> None:
        """Check that the database was set up, and for this log. Raises UnsuitableDatabase.

        ``event_header`` is what every event has in common; ``keyring`` has the keys of cases. Its
        ``took`` hears how long writers wait and commit.
        """
        self.took: Took = lambda _step, _seconds: None
        self.keyring = keyring
        self.database = database
        self.event_header = event_header
        self.memory = RegistryCache()
        self.sign: Sign = leave_unsigned
        self._process = os.getpid()
        try:
            self._require_own_log()
        except BaseException:
            database.close()
            raise

    def begin(self, mode: TransactionMode, key: RetryKey | None = None) -> SqlUnitOfWork:
        """A unit of work of this mode, for one thread; of a write that is done once, by its key.

        Raises RuntimeError in a child process: connections and locks do not survive a fork.
        """
        if os.getpid() != self._process:
            raise RuntimeError("the store was opened before the fork: open one in each process")
        return SqlUnitOfWork(self, mode, key)

    def turn(self) -> AbstractContextManager[object]:
        """Have the turn to serve certificate requests, one process of all nodes at a time.

        Raises Busy when another has it for too long.
        """
        return self.database.turn()

    def is_current(self) -> bool:
        """Tell whether the tables are those of this version, or of a newer one."""
        with self.begin(TransactionMode.READ) as work:
            try:
                found = [row.version_num for row in work.rows(_REVISION, {})]
            except driver_errors():  # it was never set up
                return False
        return found[:1] not in ([], *([old] for old in migrations.REVISIONS[:-1]))

    def close(self) -> None:
        """Close the connections that are not in use; those of a parent process are left alone."""
        if os.getpid() == self._process:
            self.database.close()

    def _require_own_log(self) -> None:
        try:
            with self.begin(TransactionMode.READ) as work:
                ((origin,),) = work.rows(_ORIGIN, {})
        except driver_errors() as error:
            raise UnsuitableDatabase(
                "the database has no tables of this version: set it up first"
            ) from error
        # One origin names one tree, always.
        if origin not in (None, self.event_header.origin):
            raise UnsuitableDatabase(
                f"this is the database of the log {origin}, not {self.event_header.origin}"
            )


@contextmanager
def open_for_reading(
    url: str,
    origin: str,
    *,
    head_key: bytes = b"",
    person_key: bytes = b"",
    keyring: Keyring | None = None,
) -> Iterator[Store]:
    """Open the database of the log ``origin`` to read it, without content unless ``keyring`` has
    the keys of cases.

    Without ``head_key`` nobody asks who wrote the head; ``person_key`` is for `verify_log`. A
    SQLite file gets its journals beside it, as whenever it is open. Raises UnsuitableDatabase.
    """
    database = open_database(url, lock_path=Path(os.devnull), waiters=0)
    event_header = EventHeader(origin, _never, _never, _never, person_key, head_key)
    with closing(Store(database, event_header, keyring or NoContentKeys())) as store:
        yield store


def _never(*_: Any) -> NoReturn:
    raise RuntimeError("this store was opened for reading only")
