"""A gateway cosigns the logs of its peers, and deals with none that has two histories."""

import json
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.domain.organisation import Status
from gateway.domain.peer import PeerGateway, PeerPins
from gateway.domain.refusals import HighWaterMarkUnavailable, WrongState
from gateway.kernel.changes import Change
from gateway.kernel.ports import TransactionMode
from gateway.ledger import cosignature, note, tree
from gateway.ledger.cosignature import Cosigner
from gateway.ledger.note import Checkpoint, NoteSigner
from gateway.ledger.witness import Refused, write_request
from gateway.registry import witnessing
from gateway.store.high_water_mark import HighWaterMarkFile
from tests.founded_gateway import ABROAD, ALICE, Founded
from tests.founding import founded
from tests.ledger import rfc6962
from tests.log_check import check_log
from tests.ports import ORIGIN

LOG = NoteSigner("gateway.be.example/log", Ed25519PrivateKey.from_private_bytes(bytes(32)))
PRIVATE = Ed25519PrivateKey.from_private_bytes(b"w" * 32)
WITNESS = Cosigner("gateway.example.org", PRIVATE.public_key().public_bytes_raw(), PRIVATE.sign)
LEAVES = rfc6962.leaves(40)
OTHERS = [*LEAVES[:5], LEAVES[0], *LEAVES[6:]]


@dataclass
class PeerLog:
    """A gateway that is the witness of a peer, here hotline-abroad, and what that peer asks."""

    folder: Path
    gateway: Founded = field(default_factory=founded)
    log_key: str = LOG.vkey

    def __post_init__(self) -> None:
        """Put the peer in, past the events by which two persons trust it."""
        marks = HighWaterMarkFile(self.folder / "mark", ORIGIN).of
        self.gateway.ports = replace(self.gateway.ports, witness=WITNESS, witnessed=marks)
        pins = PeerPins(
            "https://gateway.be.example", "https://partners.be.example", "",
            (self.log_key,), (), "", self.gateway.new_id(),
        )  # fmt: skip
        with self.gateway.past_events(ABROAD) as work:
            found = work.organisations.get(ABROAD)
            made = replace(found, kind="gateway", peer=PeerGateway(pins), version=found.version + 1)
            work.organisations.save(made)

    def ask(self, old: int, size: int, leaves: list[bytes] = LEAVES) -> str:
        """Ask to cosign the first entries."""
        proof = rfc6962.consistency(old, leaves[:size]) if 0 < old <= size else []
        request = write_request(old, proof, signed(size, leaves))
        return witnessing.cosign(self.gateway.ports, request)

    def refusal(self, *asked: object) -> tuple[int, int | None]:
        """How it refuses that."""
        with pytest.raises(Refused) as told:
            self.ask(*asked)  # type: ignore[arg-type]
        return told.value.status, told.value.size

    def cosigned(self, size: int, leaves: list[bytes] = LEAVES) -> bool:
        """Tell whether it cosigned these."""
        with self.gateway.ports.begin(TransactionMode.READ) as work:
            return work.witnessed.has(LOG.name, size, tree.root(leaves[:size]))

    @property
    def status(self) -> Status:
        """That of the peer."""
        return self.gateway.organisation(ABROAD).status


def signed(size: int, leaves: list[bytes] = LEAVES) -> str:
    return note.sign_checkpoint(Checkpoint(LOG.name, size, tree.root(leaves[:size])), LOG)


@pytest.fixture
def log(tmp_path: Path) -> PeerLog:
    return PeerLog(tmp_path)


def test_a_peer_log_is_cosigned_as_it_grows_and_it_is_known_which_checkpoints_were(log):
    for old, size in ((0, 7), (7, 7), (7, 40)):
        assert cosignature.verify(signed(size) + log.ask(old, size), [WITNESS.key])
    assert log.cosigned(7)
    assert log.cosigned(40)
    assert not log.cosigned(8)
    assert not log.cosigned(40, OTHERS)
    assert log.refusal(7, 40) == (409, 40)
    check_log(log.gateway)


def test_no_line_of_it_is_an_event(log):
    size = log.gateway.size()
    log.ask(0, 7)
    assert log.gateway.size() == size


def test_checkpoints_of_an_hour_ago_are_forgotten_but_for_the_newest_two(log):
    for before, size in ((0, 7), (7, 8), (8, 9)):
        log.gateway.clock.advance(timedelta(hours=2))
        log.ask(before, size)
        assert log.cosigned(size)
    assert [log.cosigned(size) for size in (7, 8)] == [False, True]


def test_a_database_that_was_brought_back_lets_it_cosign_no_other_history(log):
    log.ask(0, 7)
    with log.gateway.store.begin(TransactionMode.WRITE) as work:
        work.witnessed.forget(LOG.name)
        work.commit()
    assert log.refusal(0, 7, OTHERS) == (409, 7)
    assert log.ask(7, 7)
    assert log.cosigned(7)


def test_where_the_file_of_what_was_cosigned_is_lost_nothing_is_until_two_persons_say_so(log):
    log.ask(0, 7)
    for file in log.folder.glob("mark.*"):
        file.unlink()
    with pytest.raises(HighWaterMarkUnavailable):
        log.ask(0, 7)
    log.gateway.administer("peer.resume", ABROAD, reason="the disk was lost")
    assert log.ask(0, 7)


def test_more_than_a_log_can_grow_in_a_minute_is_not_cosigned(log, monkeypatch):
    monkeypatch.setattr(witnessing, "COSIGNED_A_MINUTE", 2)
    log.ask(0, 1)
    log.ask(1, 2)
    log.ask(2, 2)
    assert log.refusal(2, 3) == (429, None)
    log.gateway.clock.advance(timedelta(minutes=1))
    assert log.ask(2, 3)


@pytest.mark.parametrize("old", [7, 3])
def test_a_log_with_two_trees_of_one_size_suspends_its_peer_and_both_notes_are_kept(log, old):
    log.ask(0, 7)
    assert log.refusal(old, 7, OTHERS)[0] in (409, 422)
    assert log.refusal(old, 7, OTHERS)[0] in (409, 422)
    assert log.status is Status.SUSPENDED
    assert log.gateway.types(ABROAD).count("peer.diverged") == 1
    told = log.gateway.stream(ABROAD)[-1].event.disclosures
    (said,) = [json.loads(one.value) for one in told if one.kind == "subject"]
    assert said == {"organisation": ABROAD, "known": signed(7), "shown": signed(7, OTHERS)}
    check_log(log.gateway)


def test_a_smaller_tree_or_a_wrong_proof_convicts_nobody(log):
    log.ask(0, 7)
    log.ask(7, 9)
    assert log.refusal(9, 12, OTHERS)[0] == 422
    assert log.refusal(7, 7) == (409, 9)
    assert log.status is Status.ACTIVE


def test_two_persons_resume_with_a_reason_and_one_reinstates_nobody(log):
    log.ask(0, 7)
    log.refusal(7, 7, OTHERS)
    resume = Change("peer.resume", ABROAD, {"reason": "a copy of a test system"})
    log.gateway.unmade(WrongState, Change("organisation.reinstate", ABROAD, {"reason": "again"}))
    with pytest.raises(Exception, match="two different persons"):
        log.gateway.unmade(WrongState, resume, ALICE)
    log.gateway.administer("peer.resume", ABROAD, reason="a copy of a test system")
    assert log.status is Status.ACTIVE
    assert log.gateway.organisation(ABROAD).peer.diverged is None
    assert log.refusal(0, 9) == (409, 7)
    assert log.ask(7, 9)
    check_log(log.gateway)


def test_a_peer_that_was_suspended_before_stays_so_when_two_persons_resume(log):
    log.ask(0, 7)
    log.gateway.administer("organisation.suspend", ABROAD, reason="an inquiry")
    log.refusal(7, 7, OTHERS)
    log.gateway.administer("peer.resume", ABROAD, reason="a copy of a test system")
    assert log.status is Status.SUSPENDED


def test_what_a_peer_may_ask_no_more_is_cosigned_until_it_leaves(log):
    log.gateway.administer("organisation.suspend", ABROAD, reason="an inquiry")
    assert log.ask(0, 7)
    log.gateway.administer("organisation.leave", ABROAD, reason="it ended")
    assert log.refusal(7, 9) == (404, None)


def test_who_has_no_key_for_it_cosigns_nothing(log):
    log.gateway.ports = replace(log.gateway.ports, witness=None)
    assert log.refusal(0, 7) == (404, None)
