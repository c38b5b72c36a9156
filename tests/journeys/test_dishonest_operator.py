"""What a dishonest operator does to its own gateway, and who finds it: by real processes.

It stops the gateway, changes what is stored, with every key at hand, and starts it again. A table
has for each act what the operator's own check finds, whether the gateway goes on, what the party
finds that kept its events, and what finds who copied the public log before, or copies it now.
"""

# ruff: noqa: S608 - statements of a forger, of our own words

import json
import secrets
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gateway import keys, wiring
from gateway.cli import main
from gateway.cli.demo.environment import DemoEnvironment
from gateway.cli.partner_command import Failure
from gateway.client.errors import ClientError
from gateway.config import Config
from gateway.domain.audit_event import AuditEvent, EventResult, Party
from gateway.evidence.event import compose
from gateway.kernel.values import TreeHead
from gateway.ledger import tree
from gateway.ledger.tree import entry_commitment
from gateway.store.log import EventHeader
from tests.journeys.harness import (
    HOTLINE,
    OFMIN,
    Listeners,
    accepted,
    config_of,
    log_key,
    offered,
    running,
)

pytestmark = [pytest.mark.journey, pytest.mark.slow, pytest.mark.xdist_group("dishonest")]


@dataclass(frozen=True)
class Stage:
    """A gateway that was honest until now, and what its party and a mirror kept of it."""

    running: DemoEnvironment
    honest: Path
    """The operator's folder, and below `parties` those of the members, as they were."""
    kept: Path
    """The stream of OFMIN, and a copy of the log."""

    def put_back(self) -> None:
        """Make everything as it was when the operator was honest."""
        for name in ("gateway", OFMIN, HOTLINE):
            shutil.rmtree(self.running.folder / name)
            shutil.copytree(self.honest / name, self.running.folder / name)

    def change(self, act: Callable[["Database"], None]) -> None:
        """Do something to the database of the stopped gateway."""
        config = config_of(self.running)
        assert config.database_file is not None
        with closing(sqlite3.connect(config.database_file)) as connection, connection:
            act(Database(connection, config))


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    place = tmp_path_factory.mktemp("dishonest")
    (place / "now").mkdir()
    with running(place / "now", kind=Listeners) as started:
        accepted(started)
        accepted(started)
        assert _list_events(started, place / "kept/stream") == 0
        assert _mirror(started, place / "kept/log") == 0
        assert started.stop() == 0
        found = Stage(started, place / "honest", place / "kept")
        for name in ("gateway", OFMIN, HOTLINE):
            shutil.copytree(place / "now" / name, found.honest / name)
        yield found


# --- What is done ---


@dataclass(frozen=True)
class Database:
    """The gateway's database in the hands of somebody who has its keys as well."""

    connection: sqlite3.Connection
    config: Config

    def run(self, statement: str) -> None:
        """Run SQL; ``:entry`` is the entry of OFMIN's last event but two."""
        self.connection.execute(statement, {"entry": self.entry()})

    def entry(self) -> int:
        mine = "SELECT idx FROM party WHERE organisation = 'ofmin' ORDER BY stream_number DESC"
        return int(self.ask(f"{mine} LIMIT 1 OFFSET 2")[0])

    def head(self) -> TreeHead:
        return TreeHead(*self.ask("SELECT size, root FROM log_head"))

    def build_tree(self, *, vouched: bool = True) -> None:
        """Give the log the head that its entries have now, vouched for as the gateway does it."""
        rows = self.connection.execute("SELECT entry FROM log_event ORDER BY idx").fetchall()
        grown = tree.grow(b"", 0, [tree.leaf_hash(entry) for (entry,) in rows])
        key = keys.load_secret(self.config.keys / wiring.HEAD_KEY_FILE) if vouched else b"no key"
        header = EventHeader(self.config.log_origin, str, wiring.now, bytes, b"", key)
        mac = header.mac_of(TreeHead(grown.size, grown.root))
        self.connection.execute(
            "UPDATE log_head SET size = ?, root = ?, edge = ?, mac = ?",
            (grown.size, grown.root, grown.edge, mac),
        )

    def insert_event(self) -> None:
        """Put another acceptance at the end of the log, and into nobody's stream."""
        made = compose(
            AuditEvent(wiring.new_id(), "handoff.accept", EventResult.ALLOWED, (_ACCEPTED,)),
            log=self.config.log_origin,
            at=wiring.now(),
            policy="r1",
            stream_numbers={
                OFMIN: self.ask("SELECT last FROM stream WHERE organisation = 'ofmin'")[0]
            },
            random=secrets.token_bytes,
        )
        entry = entry_commitment(made.document, made.nonce)
        kept = json.dumps([[one.encoded, sorted(one.readers)] for one in made.disclosures])
        self.connection.execute(
            "INSERT INTO log_event (idx, event, entry, document, nonce, disclosures, at, words)"
            " VALUES (?, ?, ?, ?, ?, ?, 0, '||')",
            (self.head().size, made.id.bytes, entry, made.document, made.nonce, kept),
        )

    def ask(self, question: str, *values: object) -> Any:
        return self.connection.execute(question, values).fetchone()


_ACCEPTED = Party(OFMIN, "actor")


def rewrite_document(stored: Database) -> None:
    stored.run(
        "UPDATE log_event SET document = CAST("
        "replace(CAST(document AS TEXT), 'allowed', 'denied') AS BLOB) WHERE idx = :entry"
    )


def drop_row(stored: Database) -> None:
    stored.run("DELETE FROM party WHERE organisation = 'ofmin' AND idx = :entry")


def give_number_again(stored: Database) -> None:
    stored.run(
        "DELETE FROM party WHERE organisation = 'ofmin'"
        " AND stream_number = (SELECT last FROM stream WHERE organisation = 'ofmin')"
    )
    stored.run("UPDATE stream SET last = last - 1 WHERE organisation = 'ofmin'")


def swap_entries(stored: Database) -> None:
    columns = "entry, document, nonce, disclosures"
    at = stored.entry()
    pair = [
        stored.ask(f"SELECT {columns} FROM log_event WHERE idx = ?", one) for one in (at - 1, at)
    ]
    for index, row in ((at, pair[0]), (at - 1, pair[1])):
        stored.connection.execute(
            f"UPDATE log_event SET ({columns}) = (?, ?, ?, ?) WHERE idx = ?", (*row, index)
        )


def swap_entries_and_rebuild(stored: Database) -> None:
    swap_entries(stored)
    stored.build_tree()


def drop_end(stored: Database) -> None:
    for table in ("party", "log_event"):
        stored.connection.execute(f"DELETE FROM {table} WHERE idx >= ?", (stored.head().size - 3,))
    stored.run(
        "UPDATE stream SET last = (SELECT max(stream_number) FROM party"
        " WHERE party.organisation = stream.organisation)"
    )
    stored.build_tree()


def delete_event(stored: Database) -> None:
    stored.run("UPDATE log_event SET document = NULL, nonce = NULL WHERE idx = :entry")
    stored.run("DELETE FROM party WHERE idx = :entry")


def change_words(stored: Database) -> None:
    stored.run("UPDATE log_event SET words = replace(words, 'ofmin', 'nobody') WHERE idx = :entry")


def insert_event(stored: Database) -> None:
    stored.insert_event()
    stored.build_tree(vouched=False)


def insert_event_with_the_key(stored: Database) -> None:
    stored.insert_event()
    stored.build_tree()


def move_mandate(stored: Database) -> None:
    stored.run("UPDATE competence SET organisation = 'ocrvp' WHERE organisation = 'ofmin'")


def change_staff(stored: Database) -> None:
    stored.run("UPDATE staff SET start = '2001-01-01'")


# --- Who finds it ---


@dataclass(frozen=True)
class Found:
    """Who finds an act, and by which exit status of their command.

    ``doctor`` are the checks of the operator's own `casegate doctor --log` that fail; ``write``
    is what becomes of an offer (3: nothing is written). ``read`` is what OFMIN finds that reads
    its whole stream again, ``stream`` what it finds in that and what it had kept. ``copy`` is what
    a copy of the public log finds that was there before, ``new_copy`` one that begins now.
    """

    doctor: frozenset[str]
    write: int = 0
    read: int = 0
    stream: int = 0
    copy: int = 0
    new_copy: int = 0


ACTS: dict[Callable[[Database], None], Found] = {
    rewrite_document: Found(frozenset({"whole_log", "registry", "handoffs"}), read=5),
    drop_row: Found(frozenset({"whole_log"}), read=5),
    give_number_again: Found(frozenset({"whole_log"}), stream=16),
    swap_entries: Found(
        frozenset({"whole_log", "registry", "handoffs"}), write=4, read=4, new_copy=5
    ),
    swap_entries_and_rebuild: Found(
        frozenset({"whole_log", "log", "handoffs"}), write=3, read=3, new_copy=5
    ),
    drop_end: Found(frozenset({"log", "handoffs"}), write=3, read=3, new_copy=3),
    delete_event: Found(frozenset({"whole_log", "registry", "handoffs"}), read=5),
    change_words: Found(frozenset({"whole_log"})),
    insert_event: Found(frozenset({"whole_log", "log"}), write=3, read=3, new_copy=3),
    insert_event_with_the_key: Found(frozenset({"whole_log"})),
    move_mandate: Found(frozenset({"registry"}), write=1, read=4),
    change_staff: Found(frozenset({"registry"}), write=1),
}


@pytest.mark.parametrize(("act", "found"), ACTS.items(), ids=[act.__name__ for act in ACTS])
def test_an_act_is_found(
    stage: Stage, tmp_path: Path, act: Callable[[Database], None], found: Found
) -> None:
    stage.put_back()
    stage.change(act)
    assert looked_for(stage, tmp_path) == found


def looked_for(stage: Stage, place: Path) -> Found:
    """Start the gateway as it is now, and have everybody look."""
    gateway = stage.running
    doctor = _doctor(gateway)
    shutil.copytree(stage.kept / "log", place / "log")
    gateway.start()
    try:
        return Found(
            doctor,
            write=_offer(gateway),
            copy=_mirror(gateway, place / "log"),
            new_copy=_mirror(gateway, place / "new log"),
            read=_list_events(gateway, place / "stream"),
            stream=_check_stream(stage, place / "stream"),
        )
    finally:
        assert gateway.stop() == 0


def _doctor(gateway: DemoEnvironment) -> frozenset[str]:
    told = _typed("doctor", "--home", gateway.operator, "--log", "--json").stdout
    findings = json.loads(told)["findings"]
    return frozenset(one["check"] for one in findings if one["level"] == "error")


def _offer(gateway: DemoEnvironment) -> int:
    """The originator goes on."""
    try:
        offered(gateway)
    except ClientError as error:
        return Failure(error).exit_code
    return 0


def _list_events(gateway: DemoEnvironment, folder: Path, member: str = OFMIN) -> int:
    """A party keeps its whole stream in a new folder."""
    connection = gateway.folder / member / "connection.toml"
    return _typed("event", "list", "--out-dir", folder, "-c", connection).exit_code


def _check_stream(stage: Stage, folder: Path, member: str = OFMIN) -> int:
    """A party checks what it just read; OFMIN with what it had kept."""
    if member == OFMIN:
        for file in (stage.kept / "stream").iterdir():
            shutil.copy(file, folder / f"kept-{file.name}")
    connection = stage.running.folder / member / "connection.toml"
    return _typed("audit", "check-stream", folder, "--trust", connection).exit_code


def _mirror(gateway: DemoEnvironment, folder: Path) -> int:
    """Somebody copies the public log."""
    config = config_of(gateway)
    trust = ("--log-key", log_key(gateway), "--ca", config.published / "root.pem")
    return _typed("audit", "mirror", config.issuer, folder, *trust).exit_code


def _typed(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


# --- What only a witness can show ---


def test_two_histories_for_two_parties_are_found_by_who_compares_them(
    stage: Stage, tmp_path: Path
) -> None:
    """The operator runs two gateways of one name and one key, each with a mark of its own."""
    gateway, histories = stage.running, (tmp_path / "first", tmp_path / "second")
    stage.put_back()
    gateway.start()
    handoff = offered(gateway)
    assert gateway.stop() == 0
    for one in histories:
        shutil.copytree(gateway.operator, one)

    known = gateway.folder / HOTLINE / "newest.checkpoint"
    trust = ("--trust", gateway.folder / HOTLINE / "connection.toml")
    acceptance, withdrawal = tmp_path / "acceptance.json", tmp_path / "withdrawal.json"
    with _served(gateway, histories[0]):
        with gateway.client(OFMIN) as office:
            office.accept(office.handoff(handoff), "ofmin-1")
            acceptance.write_bytes(office.export(handoff))
        assert _mirror(gateway, tmp_path / "log") == 0
        _finds_nothing(stage, OFMIN, tmp_path / OFMIN)
    with _served(gateway, histories[1]):
        with gateway.client(HOTLINE) as hotline:
            hotline.answer("withdraw", handoff, "pdc-1", reason="for the test")
            withdrawal.write_bytes(hotline.export(handoff))
        offered(gateway)
        _finds_nothing(stage, HOTLINE, tmp_path / HOTLINE)
        known.unlink()
        for file in (acceptance, withdrawal):
            assert _typed("verify", file, *trust).exit_code == 17
        # Whoever compares two files, two visits, or a visit and what it remembers, has the proof.
        words = ("verify", acceptance, withdrawal, "--keep-proof", tmp_path / "proof")
        assert _typed(*words, *trust).exit_code == 16
        assert _mirror(gateway, tmp_path / "log") == 5
        assert _list_events(gateway, tmp_path / "again") == 5
        key = ("--log-key", log_key(gateway))
    for kept in (tmp_path / "proof", tmp_path / "log/forked"):
        assert _typed("audit", "prove-fork", kept, *key).exit_code == 16


def _finds_nothing(stage: Stage, member: str, folder: Path) -> None:
    """Each party goes on in its own history: who sees only one has nothing to find."""
    assert _doctor(stage.running) == frozenset()
    assert _list_events(stage.running, folder, member) == 0
    assert _check_stream(stage, folder, member) == 0


@contextmanager
def _served(gateway: DemoEnvironment, history: Path) -> Iterator[None]:
    """Serve one of the histories for a while."""
    shutil.rmtree(gateway.operator)
    shutil.copytree(history, gateway.operator)
    gateway.start()
    try:
        yield
    finally:
        assert gateway.stop() == 0
