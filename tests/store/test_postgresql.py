"""On PostgreSQL writers work side by side: what must hold still is locked, in one order."""

import select
import socket
import threading
from contextlib import ExitStack, suppress
from dataclasses import replace
from tempfile import TemporaryDirectory

import psycopg
import pytest
from sqlalchemy import insert, make_url, text
from sqlalchemy import select as query

from gateway.domain.handoff import HandoffAction, HandoffState
from gateway.domain.refusals import AlreadyExists, Busy, DatabaseUnavailable, EditConflict
from gateway.kernel.ports import TransactionMode
from gateway.store import database
from gateway.store.database import ConnectionPool, UnsuitableDatabase, reading_engine
from gateway.store.high_water_mark import open_mark
from gateway.store.keyring import make_keyring
from gateway.store.postgresql_connection import BoundedConnection
from gateway.store.tables import spent_assertion
from gateway.store.transaction import Transaction, translated
from tests.postgresql import new_database
from tests.store.places import check_log
from tests.store.samples import (
    NOON,
    ORIGIN,
    accepted,
    answer_to,
    case,
    fact,
    handoff,
    organisation,
    retry,
)
from tests.waiting import PATIENCE_SECONDS, until


@pytest.fixture
def store(postgresql):
    return postgresql.open()


@pytest.fixture
def offered(store):
    made, version = case()
    offers = [handoff(made, recipient) for recipient in ("police", "abroad")]
    with store.begin(TransactionMode.WRITE) as work:
        work.cases.add(made, version)
        for offer in offers:
            work.handoffs.add(*offer)
        work.commit()
    return replace(made, offered=True), [one for one, _ in offers]


class Beside:
    """Something done in another thread; ``is_waiting`` until the store lets it."""

    def __init__(self, act):
        self._act = act
        self.outcome = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        try:
            self.outcome = self._act()
        except Exception as error:
            self.outcome = error

    def is_waiting(self):
        self._thread.join(0.1)
        return self._thread.is_alive()

    def join(self):
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive()
        return self.outcome


def in_work(store, act, mode=TransactionMode.WRITE):
    def run():
        with store.begin(mode) as work:
            found = act(work)
            work.commit()
            return found

    return Beside(run)


def test_a_server_that_may_lose_what_was_committed_is_unfit(postgresql, monkeypatch):
    weaker = {**database._POSTGRESQL_SETTINGS, "synchronous_commit": "off"}
    keys = {"file": None, "origin": ORIGIN}
    made = new_database()
    make_keyring(made, **keys, kek="0" * 16)
    monkeypatch.setattr(database, "_POSTGRESQL_SETTINGS", weaker)
    for open_it in (
        postgresql.open,
        lambda: open_mark(made, **keys),
        lambda: postgresql.keyring(url=made).require(),
        lambda: make_keyring(new_database(), **keys, kek="0" * 16),
    ):
        with pytest.raises(UnsuitableDatabase, match="synchronous_commit"):
            open_it()


def test_a_server_that_does_not_answer_is_unfit(postgresql):
    postgresql.url = postgresql.url.replace("/casegate_", "/nothing_")
    with pytest.raises(UnsuitableDatabase, match="cannot be opened"):
        postgresql.open()


def test_a_reading_connection_cannot_write(postgresql):
    engine = reading_engine(postgresql.url)
    with engine.connect() as connection, pytest.raises(Exception, match="read-only"):
        connection.execute(text("DELETE FROM log_head"))
    engine.dispose()


def test_a_url_may_ask_for_a_server_that_can_be_written(postgresql):
    """As after a failover, when the standby that took over is the second of two hosts."""
    postgresql.url += "&target_session_attrs=read-write"
    store = postgresql.open()
    for mode in TransactionMode:
        with store.begin(mode) as work:
            assert work.log.head().size == 0


def test_every_text_is_ordered_byte_by_byte_whatever_the_servers_language(postgresql):
    """Else a page after "a-b" could skip "ab": SQLite, Python and the pages agree on bytes."""
    query = """
        SELECT table_name, column_name FROM information_schema.columns
        WHERE table_schema = 'public' AND data_type = 'text'
        AND collation_name IS DISTINCT FROM 'C'
    """
    with postgresql.connected() as connection:
        assert connection.execute(text(query)).all() == []


def test_a_case_read_to_be_changed_is_read_by_one_at_a_time(store, offered):
    made, _ = offered
    with store.begin(TransactionMode.WRITE) as work:
        assert work.cases.get("hotline", made.id).revision == 1
        other = in_work(store, lambda w: w.cases.get("hotline", made.id).revision)
        assert other.is_waiting()
        work.cases.save(replace(made, revision=2))
        work.commit()
    assert other.join() == 2


def test_a_handoff_read_to_be_changed_is_read_by_one_at_a_time(store, offered):
    _, (made, _) = offered
    moved, answer = accepted(made)
    with store.begin(TransactionMode.WRITE) as work:
        assert work.handoffs.get(made.id) == made
        other = in_work(store, lambda w: w.handoffs.get(made.id))
        assert other.is_waiting()
        work.handoffs.save(moved, answer)
        work.commit()
    assert other.join() == moved


def test_two_recipients_of_one_case_do_not_wait_for_each_other(store, offered):
    """Each reads its handoff and then the case: neither may ask for more than a shared lock, but
    one that comes again alone."""
    made, (first, second) = offered
    shared = TransactionMode.SHARED
    with store.begin(shared) as work:
        work.handoffs.get(first.id)
        other = in_work(
            store, lambda w: (w.handoffs.get(second.id), w.cases.get("hotline", made.id)), shared
        )
        assert work.cases.get("hotline", made.id) == made
        assert other.join() == (second, made)
        work.commit()


def test_a_case_holds_still_while_its_handoff_is_answered(store, offered):
    made, (first, _) = offered
    with store.begin(TransactionMode.WRITE) as work:
        work.handoffs.get(first.id)
        other = in_work(store, lambda w: w.cases.save(replace(made, revision=2)))
        assert other.is_waiting()
        work.handoffs.save(*accepted(first))
        work.commit()
    assert other.join() is None


def test_of_two_answers_read_before_the_transaction_the_second_is_stale(store, offered):
    _, (made, _) = offered
    moved, answer = accepted(made)
    with store.begin(TransactionMode.WRITE) as work:
        work.handoffs.save(moved, answer)
        refused = replace(moved, state=HandoffState.DECLINED)
        other = in_work(
            store, lambda w: w.handoffs.save(refused, answer_to(refused, HandoffAction.DECLINE))
        )
        assert other.is_waiting()
        work.commit()
    assert isinstance(other.join(), EditConflict)


def test_a_change_of_the_registry_waits_for_writers_and_they_for_it(store):
    with store.begin(TransactionMode.WRITE) as work:
        registry = in_work(
            store, lambda w: w.organisations.add(organisation()), TransactionMode.REGISTRY
        )
        assert registry.is_waiting()
        late = in_work(store, lambda w: w.organisations.get("hotline") is not None)
        assert late.is_waiting()
        assert work.organisations.get("hotline") is None
        work.commit()
    assert registry.join() is None
    assert late.join() is True


def test_writers_share_the_registry(store):
    with store.begin(TransactionMode.WRITE) as work:
        assert in_work(store, lambda w: True).join()
        work.commit()


def test_readers_wait_for_nobody(store, offered):
    made, (first, _) = offered
    with store.begin(TransactionMode.REGISTRY) as work:
        work.cases.get("hotline", made.id)
        work.handoffs.get(first.id)
        with store.begin(TransactionMode.READ) as reader:
            assert reader.cases.get("hotline", made.id) == made
            assert reader.handoffs.get(first.id) == first
            assert reader.log.head().size == 0


def test_of_two_requests_with_one_idempotency_key_the_second_is_stale(store):
    with store.begin(TransactionMode.WRITE) as work:
        work.retries.add(retry())
        work.retries.get("hotline", "another key")  # with this the change goes to the server
        other = in_work(store, lambda w: w.retries.add(retry()))
        assert other.is_waiting()
        work.commit()
    assert isinstance(other.join(), EditConflict)


def test_of_two_cases_with_one_reference_the_second_exists_already(store):
    first, second = case(), case(originator_ref="the-same")
    with store.begin(TransactionMode.WRITE) as work:
        work.cases.add(replace(first[0], originator_ref="the-same"), first[1])
        other = in_work(store, lambda w: w.cases.add(*second))
        assert other.is_waiting()
        work.commit()
    assert isinstance(other.join(), AlreadyExists)


def test_the_last_of_a_budget_is_spent_once(store):
    with store.begin(TransactionMode.WRITE) as work:
        assert work.budgets.consume("hotline", "12:00", 1)
        other = in_work(store, lambda w: w.budgets.consume("hotline", "12:00", 1))
        assert other.is_waiting()
        work.commit()
    assert other.join() is False


def test_two_that_wait_for_each_other_end_with_one_busy(store, offered):
    made, _ = offered
    another, version = case()
    with store.begin(TransactionMode.WRITE) as work:
        work.cases.add(another, version)
        work.commit()

    def crossing(first, second):
        def act(work):
            work.cases.get("hotline", first)
            barrier.wait(PATIENCE_SECONDS)
            work.cases.get("hotline", second)
            return "done"

        return act

    barrier = threading.Barrier(2)
    one = in_work(store, crossing(made.id, another.id))
    two = in_work(store, crossing(another.id, made.id))
    outcomes = [one.join(), two.join()]
    assert "done" in outcomes
    assert any(isinstance(outcome, Busy) for outcome in outcomes)


def test_a_lock_that_does_not_come_is_busy(postgresql, monkeypatch):
    quick = {**database._POSTGRESQL_SETTINGS, "lock_timeout": "50ms"}
    monkeypatch.setattr(database, "_POSTGRESQL_SETTINGS", quick)
    store = postgresql.open()
    with store.begin(TransactionMode.REGISTRY):
        assert isinstance(in_work(store, lambda w: None).join(), Busy)
    with store.begin(TransactionMode.WRITE) as work:
        work.log.record(fact())
        work.commit()


def test_a_statement_that_takes_too_long_is_busy_and_the_connection_goes_on(postgresql):
    store = postgresql.open()
    with store.begin(TransactionMode.WRITE) as work, pytest.raises(Busy):
        work._transaction.run(text("SET LOCAL statement_timeout = '50ms'"), {})
        work._transaction.run(text("SELECT pg_sleep(5)"), {})
    with store.begin(TransactionMode.WRITE) as work:
        work.log.record(fact())
        work.commit()
    assert check_log(store) == 1


def test_one_writer_too_many_is_busy(postgresql, monkeypatch):
    monkeypatch.setattr(database, "POSTGRESQL_WRITERS", 2)
    store = postgresql.open(waiters=1)
    leave = threading.Event()

    def stay(work):
        return leave.wait(PATIENCE_SECONDS)

    inside = [in_work(store, stay) for _ in range(3)]
    until(lambda: len(store.database.line._line) == 1)
    assert isinstance(in_work(store, stay).join(), Busy)
    leave.set()
    assert [one.join() for one in inside] == [True] * 3


def test_indices_follow_commits_however_long_the_works_before_them_take(store):
    """The head is locked by the append, not by the begin: a slow unit of work holds nobody up."""
    with ExitStack() as stack:
        slow = stack.enter_context(store.begin(TransactionMode.WRITE))
        slow.log.record(fact())
        quick = in_work(store, lambda w: w.log.record(fact("police")))
        assert quick.join() is None
        (logged,) = slow.commit()
    assert logged.index == 1
    assert check_log(store) == 2


def test_a_commit_that_a_standby_lacks_which_took_over_is_not_signed(postgresql, store):
    """Else the log that goes on without it would be frozen by its checkpoint."""
    signed = []
    store.sign = lambda base, head: signed.append(head.size) or "note"
    with store.begin(TransactionMode.WRITE) as work:
        work.log.record(fact())
        assert work.commit()[0].note == "note"

    def take_over(step, _seconds):
        if step == "commit":
            with postgresql.connected() as connection:
                connection.execute(text("DELETE FROM log_event WHERE idx = 1"))

    store.took = take_over
    with store.begin(TransactionMode.WRITE) as work:
        work.log.record(fact())
        assert work.commit()[0].note is None
    assert signed == [1]


def test_the_nodes_serve_certificate_requests_one_after_the_other(postgresql):
    one, other = postgresql.open(), postgresql.open()

    def serve():
        with other.turn():
            return "served"

    with one.turn():
        beside = Beside(serve)
        assert beside.is_waiting()
    assert beside.join() == "served"


def test_a_node_that_waits_too_long_for_its_turn_is_told_so(postgresql, monkeypatch):
    monkeypatch.setitem(database._POSTGRESQL_SETTINGS, "lock_timeout", "100ms")
    one, other = postgresql.open(), postgresql.open()
    with one.turn(), pytest.raises(Busy), other.turn():
        pass


def test_whose_turn_it_is_writes_meanwhile(store):
    with store.turn(), store.begin(TransactionMode.REGISTRY) as work:
        work.organisations.add(organisation("during-a-turn"))
        work.commit()


def end_sessions(postgresql):
    """What a restart of the server does to its clients."""
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    with postgresql.connected() as connection:
        connection.execute(text(others + " AND datname = current_database()"))


@pytest.mark.parametrize("mode", [TransactionMode.READ, TransactionMode.WRITE])
def test_after_a_restart_of_the_server_who_begins_goes_on(postgresql, mode):
    store = postgresql.open()
    with ExitStack() as stack:
        readers = [stack.enter_context(store.begin(TransactionMode.READ)) for _ in range(3)]
        assert [reader.log.head().size for reader in readers] == [0] * 3
    end_sessions(postgresql)
    with store.begin(mode) as work:
        assert work.organisations.get("hotline") is None


def test_whose_session_ends_in_the_middle_is_told_to_retry_and_nothing_is_stored(postgresql):
    store = postgresql.open()
    made, version = case()
    with pytest.raises(DatabaseUnavailable), store.begin(TransactionMode.WRITE) as work:
        work.cases.add(made, version)
        work.log.record(fact())
        end_sessions(postgresql)
        work.commit()
    with store.begin(TransactionMode.READ) as work:
        assert work.cases.get("hotline", made.id) is None
        assert work.log.head().size == 0


def test_a_session_that_only_reads_does_not_answer_writers_and_is_not_used_again(postgresql):
    """As after a failover, where the server of an open connection has become a standby."""
    store = postgresql.open()
    with postgresql.connected() as connection:
        name = connection.execute(text("SELECT current_database()")).scalar()
        connection.execute(text(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'))
    end_sessions(postgresql)
    made, version = case()
    with pytest.raises(DatabaseUnavailable), store.begin(TransactionMode.WRITE) as work:
        work.cases.add(made, version)
    with postgresql.connected() as connection:
        connection.execute(text("SET TRANSACTION READ WRITE"))
        connection.execute(text(f'ALTER DATABASE "{name}" RESET default_transaction_read_only'))
    with store.begin(TransactionMode.WRITE) as work:
        work.cases.add(made, version)
        work.log.record(fact())
        work.commit()


@pytest.mark.parametrize(
    "failure", [psycopg.errors.DiskFull, psycopg.errors.OutOfMemory, psycopg.errors.IoError]
)
def test_a_server_without_disk_or_memory_is_a_database_that_does_not_answer(failure):
    assert isinstance(translated(failure("no room")), DatabaseUnavailable)


class Path:
    """A way to the server through a socket of its own, which can go silent and lose nothing."""

    def __init__(self, url, folder):
        parsed = make_url(url)
        self.url = parsed.update_query_dict({"host": str(folder)}).render_as_string(False)
        self._server = f"{parsed.query['host']}/.s.PGSQL.5432"
        self._open = threading.Event()
        self._open.set()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(f"{folder}/.s.PGSQL.5432")
        self._listener.listen()
        self._ends = [self._listener]
        threading.Thread(target=self._accept, daemon=True).start()

    def silence(self):
        self._open.clear()

    def speak(self):
        self._open.set()

    def close(self):
        self.speak()
        for end in self._ends:
            end.close()

    def _accept(self):
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._server)
                self._ends += [client, server]
                for source, target in ((client, server), (server, client)):
                    threading.Thread(target=self._pass, args=(source, target), daemon=True).start()

    def _pass(self, source, target):
        with suppress(OSError):
            while data := source.recv(65536):
                self._open.wait()
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


@pytest.fixture
def path(postgresql, monkeypatch):
    """The way of a place's stores to its server."""
    monkeypatch.setattr(BoundedConnection, "answer_seconds", 0.3)
    monkeypatch.setitem(database._CONNECTING, "connect_timeout", 2)
    with TemporaryDirectory() as folder:
        path = Path(postgresql.url, folder)
        postgresql.url = path.url
        yield path
        path.close()


@pytest.mark.parametrize("mode", [TransactionMode.READ, TransactionMode.WRITE])
def test_nobody_waits_for_ever_for_a_server_that_has_gone_silent(postgresql, path, mode):
    store = postgresql.open()
    path.silence()
    with pytest.raises(DatabaseUnavailable), store.begin(mode):
        pass
    path.speak()
    with store.begin(mode) as work:
        assert work.log.head().size == 0


@pytest.mark.parametrize("at", ["the statement", "the commit"])
def test_a_writer_whose_server_goes_silent_gives_up_and_its_retry_is_stored_once(
    postgresql, path, at
):
    store = postgresql.open()
    made, version = case()
    with pytest.raises(DatabaseUnavailable), store.begin(TransactionMode.WRITE) as work:
        if at == "the statement":
            path.silence()
        work.cases.add(made, version)
        work.log.record(fact())
        path.silence()
        work.commit()
    path.speak()
    with store.begin(TransactionMode.WRITE) as work:
        if work.cases.get("hotline", made.id) is None:
            work.cases.add(made, version)
            work.log.record(fact())
            work.commit()
    assert check_log(store) == 1


def test_a_pooler_that_drops_the_settings_of_a_session_is_refused(postgresql, monkeypatch):
    connect = psycopg.Connection.connect.__func__

    def without_options(kind, *arguments, options, **parameters):
        return connect(kind, *arguments, **parameters)

    monkeypatch.setattr(BoundedConnection, "connect", classmethod(without_options))
    with pytest.raises(UnsuitableDatabase, match="lock_timeout"):
        postgresql.open()
    for name, value in database._POSTGRESQL_SETTINGS.items():
        with postgresql.connected() as connection:
            connection.execute(text(f"ALTER ROLE CURRENT_USER SET {name} = '{value}'"))
    try:
        postgresql.open()
    finally:
        with postgresql.connected() as connection:
            connection.execute(text("ALTER ROLE CURRENT_USER RESET ALL"))


@pytest.mark.parametrize(
    "version", ["CockroachDB CCL v25.2.1 (x86_64)", "PostgreSQL 15.2-YB-2.25.1.0-b0 on x86_64"]
)
def test_another_server_that_speaks_the_protocol_is_refused(postgresql, version):
    with postgresql.connected() as connection:
        connection.execute(text(f"CREATE FUNCTION version() RETURNS text RETURN '{version}'"))
        connection.execute(text("ALTER ROLE CURRENT_USER SET search_path = public, pg_catalog"))
    try:
        with pytest.raises(UnsuitableDatabase, match="another server"):
            postgresql.open()
    finally:
        with postgresql.connected() as connection:
            connection.execute(text("ALTER ROLE CURRENT_USER RESET ALL"))
            connection.execute(text("DROP FUNCTION public.version()"))


def test_a_statement_is_prepared_once_and_stays_so_after_what_only_read(postgresql):
    store = postgresql.open()
    prepared = "SELECT name FROM pg_prepared_statements WHERE statement LIKE '%organisation%'"
    names = []
    for _ in range(2):
        with store.begin(TransactionMode.READ) as work:
            work.organisations.get("hotline")
            driver = work._transaction.driver
        names.append(driver.execute(prepared).fetchall())
    assert names[0]
    assert names[1] == names[0]


def test_a_connection_whose_statement_an_upgrade_outdated_is_given_up(postgresql):
    store = postgresql.open()
    with store.begin(TransactionMode.READ) as work:
        work.organisations.get("hotline")
    with postgresql.connected() as connection:
        connection.execute(text("ALTER TABLE organisation ALTER COLUMN document TYPE varchar"))
    with pytest.raises(DatabaseUnavailable), store.begin(TransactionMode.READ) as work:
        work.organisations.get("hotline")
    with store.begin(TransactionMode.READ) as work:
        assert work.organisations.get("hotline") is None


def test_a_query_in_a_pipeline_gets_its_rows_and_not_the_answer_before(postgresql):
    """The answer to what was sent before may arrive while the query is sent."""
    postgresql.open()
    connections = ConnectionPool(postgresql.url)
    with connections.lent() as driver:
        run = Transaction(driver, TransactionMode.WRITE, locks_rows=True)
        with driver.together():
            run.run(insert(spent_assertion), {"client": "c", "jti": "a", "expires_at": NOON})
            driver.pgconn.send_flush_request()
            driver.pgconn.flush()
            assert select.select([driver.pgconn.socket], [], [], 20)[0]
            assert [one.jti for one in run.rows(query(spent_assertion))] == ["a"]
    connections.close()
