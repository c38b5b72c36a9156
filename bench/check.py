"""What is checked after the runs: a rate whose answers were not kept does not count."""

import contextlib
import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from sqlalchemy import Connection, create_engine, select

from bench.load import Answer, Run
from bench.workload import ACCEPT, OFFER, ORIGINATOR, POST, RECIPIENT, SUBMIT
from gateway import wiring
from gateway.evidence import receipt
from gateway.kernel.ports import TransactionMode
from gateway.ledger import tiles, tree
from gateway.store import tables

_PAGE = 10_000


class NotKept(Exception):
    """The gateway answered something that is not so; the message says what."""


def check(gateway: wiring.GatewayRuntime, runs: Iterable[Run]) -> str:
    """Check every answer of the runs against what is stored, and say how much was checked.

    1. Each answer's event is in the log, and no event stands for two answers.
    2. Each answer's thing is stored: case, offered handoff, acceptance, recorded by that event.
    3. The tree rebuilt from the entries has the root of the head.
    4. A sample of the receipts verifies offline, against checkpoints of this very tree.

    NotKept for the first answer that is not so.
    """
    checked = list(runs)
    answers = [answer for run in checked for answer in run.answers]
    entries = _entries(gateway)
    engine = create_engine(gateway.config.database_url)
    try:
        with engine.connect() as connection:
            _check_events(answers, map(str, connection.scalars(select(tables.log_event.c.event))))
            _check_things(connection, answers)
    finally:
        engine.dispose()
    bodies = [body for run in checked for body in run.bodies if b'"receipt"' in body]
    _check_receipts(gateway, bodies, entries)
    return (
        f"{len(answers):,} answers are stored with their events, {len(bodies)} receipts verify, "
        f"{len(entries):,} entries give the head's root"
    )


def check_lean(file: Path, runs: Iterable[Run]) -> None:
    """Check that each answer of LEAN is an entry of its database; NotKept otherwise."""
    with contextlib.closing(sqlite3.connect(file)) as connection:
        events = [event for (event,) in connection.execute("SELECT event FROM entries")]
    _check_events([answer for run in runs for answer in run.answers], events)


def _entries(gateway: wiring.GatewayRuntime) -> list[bytes]:
    """All entries of the log, whose tree is that of the head."""
    with gateway.ports.begin(TransactionMode.READ) as work:
        head = work.log.head()
        entries = [
            entry
            for start in range(0, head.size, _PAGE)
            for entry in work.log.entries(start, min(start + _PAGE, head.size))
        ]
    if len(entries) != head.size:
        raise NotKept(f"the log has {len(entries)} entries and a head of {head.size}")
    if tree.root([tree.leaf_hash(entry) for entry in entries]) != head.root:
        raise NotKept("the tree rebuilt from the entries has another root than the head")
    return entries


def _check_events(answers: Sequence[Answer], stored: Iterable[str]) -> None:
    events = {answer.event for answer in answers}
    if len(events) != len(answers):
        raise NotKept(f"{len(answers)} answers name {len(events)} different events")
    if missing := events - set(stored):
        raise NotKept(f"{len(missing)} answered events are not stored, as {min(missing)}")


def _check_things(connection: Connection, answers: Sequence[Answer]) -> None:
    stored = _stored(connection)
    for answer in answers:
        if stored[answer.kind].get(answer.id) != answer.event:
            raise NotKept(f"the {answer.kind} of {answer.id} is not stored with its event")


def _stored(connection: Connection) -> Mapping[str, Mapping[str, str]]:
    """By kind of request: the things that are stored, and the event that recorded each."""
    case_file, case_version = tables.case_file, tables.case_version
    handoff, answer = tables.handoff, tables.answer
    cases = select(case_file.c.id, case_version.c.event).join_from(
        case_file, case_version, case_file.c.digest == case_version.c.digest
    ).where(case_file.c.originator == ORIGINATOR, case_file.c.state == "cleared")  # fmt: skip
    answers = select(handoff.c.id, answer.c.event).join(answer, answer.c.handoff == handoff.c.id)
    offers = answers.where(answer.c.sequence == 1, handoff.c.originator == ORIGINATOR)
    acceptances = answers.where(
        answer.c.sequence == 2,
        answer.c.state == "accepted",
        answer.c.author == RECIPIENT,
        handoff.c.state == "accepted",
    )
    queries = {SUBMIT: cases, POST: cases, OFFER: offers, ACCEPT: acceptances}
    return {
        kind: {str(thing): str(event) for thing, event in connection.execute(query)}
        for kind, query in queries.items()
    }


def _check_receipts(
    gateway: wiring.GatewayRuntime, bodies: Sequence[bytes], entries: Sequence[bytes]
) -> None:
    origin, key = gateway.config.log_origin, gateway.keys.log.key
    rebuilt, _ = tiles.append(lambda *_: b"", 0, [tree.leaf_hash(entry) for entry in entries])
    for body in bodies:
        confirmed = receipt.verify(receipt.from_json(json.loads(body)["receipt"]), [key], origin)
        checkpoint = confirmed.checkpoint
        if checkpoint.size > len(entries):
            raise NotKept("a receipt's checkpoint is of a larger tree than the log's")
        if tiles.root(lambda *at: rebuilt.get(at, b""), checkpoint.size) != checkpoint.root:
            raise NotKept("a receipt's checkpoint is not of this log's tree")
