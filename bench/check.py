"""What is checked after the runs: a rate whose answers were not kept does not count."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, create_engine, select

from bench.generator import Answer, Run
from bench.workload import ACCEPT, OFFER, ORIGINATOR, POST, RECIPIENT, SUBMIT
from gateway import wiring
from gateway.evidence import receipt
from gateway.kernel.ports import TransactionMode
from gateway.ledger import tiles, tree
from gateway.store.tables import answer, case_file, case_version, handoff, log_event

_PAGE = 10_000


class NotKept(Exception):
    """The gateway answered something that is not so; the message says what."""


@dataclass(frozen=True)
class Checked:
    """How much was checked: answers, receipts verified, entries in the rebuilt tree."""

    answers: int
    receipts: int
    entries: int


def check(gateway: wiring.GatewayRuntime, runs: Iterable[Run]) -> Checked:
    """Check every answer of the runs against what is stored; NotKept for the first lie.

    1. Each answer's event is in the log, and no event stands for two answers.
    2. Each answer's thing is stored: case, offered handoff, acceptance, recorded by that event.
    3. The tree rebuilt from the entries has the root of the head.
    4. A sample of the receipts verifies offline, against checkpoints of this very tree.
    """
    kept = list(runs)
    answers = [one for run in kept for one in run.answers]
    entries = _entries(gateway)
    engine = create_engine(gateway.config.database_url)
    try:
        with engine.connect() as connection:
            _check_events(connection, answers)
            _check_things(connection, answers)
    finally:
        engine.dispose()
    bodies = [body for run in kept for body in run.bodies if b'"receipt"' in body]
    _check_receipts(gateway, bodies, entries)
    return Checked(len(answers), len(bodies), len(entries))


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


def _check_events(connection: Connection, answers: Sequence[Answer]) -> None:
    events = {one.event for one in answers}
    if len(events) != len(answers):
        raise NotKept(f"{len(answers)} answers name {len(events)} different events")
    query = select(log_event.c.event)
    missing = events - {str(event) for event in connection.scalars(query)}
    if missing:
        raise NotKept(f"{len(missing)} answered events are not in the log, as {min(missing)}")


def _check_things(connection: Connection, answers: Sequence[Answer]) -> None:
    stored = _stored(connection)
    for one in answers:
        if stored[one.kind].get(one.id) != one.event:
            raise NotKept(f"the {one.kind} of {one.id} is not stored with its event {one.event}")


def _stored(connection: Connection) -> Mapping[str, Mapping[str, str]]:
    """By kind of request: the things that are stored, and the event that recorded each."""
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
