"""A round: writers of one process that share a transaction, one after the other, and one COMMIT.

What each costs beyond its own statements, the locks, BEGIN, the right edge of the log's tree and
the wait for the disk, is paid once for all that stand in line together: who is done hands the open
transaction to the next in line, and the last one commits for all. Nobody leaves before that; if it
fails, nothing of it happened, for nobody (ADR 0019).

SQLite has one transaction that writes, and so one line. PostgreSQL has a few side by side, and a
row that one holds may be what another needs: so who goes on in a round does not wait for rows
(ADR 0067).
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gateway.domain.audit_event import AuditEvent
from gateway.domain.refusals import AlreadyExists, Busy
from gateway.kernel.ports import TransactionMode
from gateway.kernel.values import LoggedEvent
from gateway.store.content_encryption import ContentCipher, Keyring
from gateway.store.database import (
    PATIENCE_SECONDS,
    Begun,
    Database,
    driver_of,
    is_in_transaction,
    run_first,
)
from gateway.store.log import AppendResult, EventHeader, SqlLog
from gateway.store.transaction import BrokenRule, Transaction, driver_errors

ROUND_WRITERS = 32
"""Writers of one round at most."""

ROUND_SECONDS = 0.05
"""How long a round lets further writers in: other processes wait for its end."""

SHARED = TransactionMode.SHARED

Took = Callable[[str, float], None]
"""Hears of a step of a writing transaction, `wait` or `commit`, and the seconds that it took."""


def ignore(_step: str, _seconds: float) -> None:
    """What nobody measures."""


@dataclass
class CommitGroup:
    """One open transaction, the facts of those who are done in it, and its result.

    ``begun`` is a time of the monotonic clock; ``writers`` counts all who came in. ``kept`` says
    that somebody's part has to be committed, ``broken`` that the transaction cannot be trusted,
    ``last`` that nobody else may come in: what a change of the registry says is remembered by its
    version, and that must be durable before anybody reads it.
    """

    opened: Begun
    mode: TransactionMode
    begun: float
    writers: int = 1
    kept: bool = False
    broken: bool = False
    last: bool = False
    facts: list[AuditEvent] = field(default_factory=list)
    appended: AppendResult | None = None
    failure: BaseException | None = None
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def shared(self) -> bool:
        """Whether the present writer goes on in a transaction that another one began."""
        return self.writers > 1

    def takes_more(self) -> bool:
        """Whether another writer may come in."""
        in_time = time.monotonic() < self.begun + ROUND_SECONDS
        fit = self.kept and not self.broken and not self.last
        return fit and in_time and self.writers < ROUND_WRITERS


class GroupCommit:
    """The writers of one process, in line for the database."""

    def __init__(
        self, database: Database, letterhead: EventHeader, keyring: Keyring, took: Took = ignore
    ) -> None:
        """``letterhead`` heads the events of every round; ``took`` hears of each commit."""
        self._took = took
        self._keyring = keyring
        self._database = database
        self._letterhead = letterhead

    def enter(self, mode: TransactionMode) -> CommitGroup:
        """Wait for one's turn, then begin a round or go on in the one that is handed over.

        Raises Busy.
        """
        found: CommitGroup | None = self._database.line.enter()
        try:
            if found is not None and self._database.locks_rows and mode is not SHARED:
                self._close(found)
                found = None
            if found is None:
                begun, last = self._database.begin(mode), mode is TransactionMode.REGISTRY
                return CommitGroup(begun, mode, time.monotonic(), last=last)
        except BaseException:
            self._database.line.leave()
            raise
        found.writers += 1
        found.last = mode is TransactionMode.REGISTRY
        try:
            before = self._database.hurry if found.writers == 2 else ("RELEASE part",)
            found.opened = run_first(found.opened.connection, (*before, "SAVEPOINT part"))
        except BaseException:  # otherwise nobody behind this writer could go on
            self.undo(found, broken=True)
            raise
        return found

    def keep(self, round_: CommitGroup, facts: Sequence[AuditEvent]) -> tuple[LoggedEvent, ...]:
        """Let a writer's part stand, with its facts; returns once that is durable.

        Raises Busy, and what the database raises: then nothing of the round happened.
        """
        first, round_.kept = len(round_.facts), True
        round_.facts.extend(facts)
        self._leave(round_)
        appended = self._outcome(round_)
        return appended.prove(first, len(facts))

    def undo(self, round_: CommitGroup, *, broken: bool = False) -> None:
        """Take a writer's part back; the others' stands.

        ``broken`` when nothing of the round can be trusted any more. A statement that the database
        refused does not break it while the transaction is open: whatever it left is taken back to
        the savepoint. What was decided may rest on what the others wrote: so it, too, waits for
        them, and raises Busy when nothing of them could be kept.
        """
        broken = broken or not is_in_transaction(driver_of(round_.opened.connection))
        if round_.shared and not broken:
            try:
                driver_of(round_.opened.connection).execute("ROLLBACK TO part")
            except driver_errors():
                broken = True
        round_.broken = round_.broken or broken
        self._leave(round_)
        if round_.shared:
            self._outcome(round_)

    def _leave(self, round_: CommitGroup) -> None:
        """Hand the transaction to the next in line, or commit what was kept and let go of all."""
        if round_.takes_more() and self._database.line.hand_over(round_):
            return
        try:
            self._close(round_)
        finally:
            self._database.line.leave()

    def _close(self, round_: CommitGroup) -> None:
        """Commit what was kept and let go of all."""
        try:
            if round_.broken:
                raise Busy("the database failed another request: retry after a moment")
            if round_.kept:
                round_.appended = self._commit(round_)
        except BaseException as failure:  # each of them raises it, see `_outcome`
            round_.failure = failure
        finally:
            try:
                self._database.end(round_.opened.connection, round_.mode)
            finally:
                round_.over.set()

    def _commit(self, round_: CommitGroup) -> AppendResult:
        opened, locks_rows = round_.opened, self._database.locks_rows
        transaction = Transaction(opened.connection, round_.mode, locks_rows=locks_rows)
        contents = ContentCipher(self._keyring)
        log = SqlLog(transaction, self._letterhead, contents, opened)
        try:
            with transaction.pipeline():
                if round_.shared:
                    for statement in self._database.patience:
                        driver_of(opened.connection).send(statement)
                appended = log.append(round_.facts)
                began = time.perf_counter()
                transaction.commit()
            self._took("commit", time.perf_counter() - began)
        except BrokenRule as error:
            raise AlreadyExists("the log has an event with this id") from error
        finally:
            transaction.end()
        return appended

    def _outcome(self, round_: CommitGroup) -> AppendResult:
        """What the round added to the log, once it is durable."""
        if not round_.over.wait(PATIENCE_SECONDS):
            raise Busy("it is not known yet whether this request was stored: repeat it")
        if round_.failure is not None:
            if not round_.shared:
                raise round_.failure
            raise Busy("nothing could be stored just now: retry after a moment") from round_.failure
        return round_.appended or AppendResult.nothing()
