"""Clients that write without pause while processes die, and what they remember of it."""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from gateway import wiring
from gateway.cli.demo.environment import DemoEnvironment
from gateway.client.connection import PartnerConnection
from gateway.client.errors import ClientError, RequestRefused
from gateway.client.gateway import Gateway
from gateway.client.session import ConfirmedWrite
from gateway.ledger import proof, tree
from gateway.ledger.note import Checkpoint, open_checkpoint
from tests.journeys.harness import HOTLINE, case_content, check_log, clearance, entries, log_key

CLIENTS = 4
ATTEMPTS = 20  # of a write that a client never gives up
LONGEST_PAUSE = 0.3  # seconds between attempts: a client's own patience is for longer failures


@dataclass(frozen=True)
class Submission:
    """A case, the key under which it is sent, and what the gateway answered first."""

    content: Mapping[str, Any]
    key: UUID
    written: ConfirmedWrite

    @property
    def index(self) -> int:
        """Its event's place in the log."""
        return proof.parse(self.written.receipt.proof).index


def submit(node: DemoEnvironment, content: Mapping[str, Any], key: UUID) -> ConfirmedWrite:
    """Submit a case under this idempotency key, for the first time or again."""
    with _client(node, key) as hotline:
        return hotline.submit(content, "pdc-1", clearance(dict(content)))


def _client(node: DemoEnvironment, key: UUID) -> Gateway:
    connection = PartnerConnection.read(node.folder / HOTLINE / "connection.toml")
    return Gateway(connection, wiring.now, lambda: key, sleep=_pause)


def _pause(seconds: float) -> None:
    time.sleep(min(seconds, LONGEST_PAUSE))


class Load:
    """Clients that submit to any node until they are answered, the same bytes each time."""

    def __init__(self, *nodes: DemoEnvironment) -> None:
        """Each client begins with a node of its own and stays until that fails."""
        self.nodes = nodes
        self.acknowledged: list[Submission] = []
        self.moved = 0
        self.failures: list[ClientError] = []
        self.stopped = threading.Event()
        self.threads = [threading.Thread(target=self._submit, args=(n,)) for n in range(CLIENTS)]

    def _submit(self, place: int) -> None:
        while not self.stopped.is_set() and not self.failures:
            content, key = case_content(), wiring.new_id()
            for attempt in range(ATTEMPTS):
                try:
                    written = submit(self.nodes[place % len(self.nodes)], content, key)
                except ClientError as error:
                    place += 1
                    self.moved += 1
                    if isinstance(error, RequestRefused) or attempt + 1 == ATTEMPTS:
                        self.failures.append(error)
                else:
                    self.acknowledged.append(Submission(content, key, written))
                    break

    def __enter__(self) -> "Load":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        for thread in self.threads:
            thread.join()
        assert not self.failures


def check_acknowledged(
    node: DemoEnvironment, submissions: Sequence[Submission], others: int = 0
) -> Checkpoint:
    """Require that nothing acknowledged is lost or there twice, and that there is one tree.

    Every receipt's checkpoint must be a beginning of the log that ``node`` serves now; every case
    must be stored, submitted by one event, and so must ``others`` that are not of this load.
    """
    final = check_log(node)
    _check_beginnings(node, submissions, final)
    indexes = [one.index for one in submissions]
    assert len(set(indexes)) == len(indexes)
    with node.client(HOTLINE) as hotline:
        stored = [view["case"] for view in hotline.cases()]
        events = [
            entry.confirmed.event["case_digest"]
            for entry in hotline.events()
            if entry.confirmed.event["type"] == "case.submitted"
        ]
    assert {one.content["case"] for one in submissions} <= set(stored)
    assert len(set(stored)) == len(stored) == len(submissions) + others
    assert len(set(events)) == len(events) == len(stored)
    return final


def _check_beginnings(
    node: DemoEnvironment, submissions: Sequence[Submission], final: Checkpoint
) -> None:
    key = log_key(node)
    leaves = [tree.leaf_hash(entry) for entry in entries(node, final.size)]
    seen = {}
    for one in submissions:
        note = proof.parse(one.written.receipt.proof).checkpoint_note
        checkpoint = open_checkpoint(note, [key], key.name)
        assert seen.setdefault(checkpoint.size, checkpoint.root) == checkpoint.root
    for size, root in seen.items():
        assert tree.root(leaves[:size]) == root


def check_repeated(node: DemoEnvironment, submissions: Sequence[Submission]) -> None:
    """Send again under the same keys: the first result and receipt come, and nothing is written."""
    before = check_log(node).size
    for one in submissions:
        again = submit(node, one.content, one.key)
        # Which cases have its items already is looked up again: others were being recorded, too.
        assert {**again.result, "known": None} == {**one.written.result, "known": None}
        assert again.receipt.document == one.written.receipt.document
        assert again.receipt.nonce == one.written.receipt.nonce
        assert again.receipt.disclosures == one.written.receipt.disclosures
        assert proof.parse(again.receipt.proof).index == one.index
    assert check_log(node).size == before
