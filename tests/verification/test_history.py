"""One log has one history: what was signed is compared by the nodes of its trees."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.audit_event import AuditEvent, EventDetail, EventResult, Party
from gateway.evidence.log_predecessor import LogPredecessor
from gateway.evidence.receipt import Receipt
from gateway.ledger import tiles, tree
from gateway.ledger.note import Checkpoint, NoteSigner, sign_checkpoint
from gateway.ledger.proof import TlogProof
from gateway.verification import history, log_copy, verifier
from gateway.verification.history import ForkedLog, LogHistory, SignedTree
from gateway.verification.report import Code, InputFile, VerificationFailed, VerificationReport
from gateway.verification.trust import TrustAnchors, confirm_receipt
from tests.each import each
from tests.ledger.copies import Served, signer_of
from tests.verification.former import former
from tests.verification.logbook import ORIGIN, Logbook
from tests.verification.scenario import TRUST, Scenario, fact, keys_of

SIGNER = Logbook().signer


class Twin:
    """A tree over numbers; ``forks_at`` is the first leaf that another history has otherwise."""

    def __init__(self, size: int, forks_at: int | None = None) -> None:
        changed = size if forks_at is None else forks_at
        leaves = [tree.leaf_hash(bytes([n % 256, n // 256, n >= changed])) for n in range(size)]
        self.size = size
        self.tiles, self.root = tiles.append(lambda level, n: b"", 0, leaves)

    def read(self, level: int, n: int) -> bytes:
        return self.tiles.get((level, n), b"")

    def checkpoint(self) -> SignedTree:
        checkpoint = Checkpoint(ORIGIN, self.size, self.root)
        return SignedTree(checkpoint, sign_checkpoint(checkpoint, SIGNER))

    def proof(self, index: int) -> SignedTree:
        bare = self.checkpoint()
        leaf, path = tiles.entry_proof(self.read, index, self.size)
        tree.verify_inclusion(leaf, index, self.size, path, self.root)
        return replace(bare, leaf=leaf, proof=TlogProof(index, tuple(path), bare.note))


sizes = st.integers(1, 70)


@given(sizes, st.data())
def test_honest_proofs_of_any_sizes_never_contradict_each_other(size, data):
    found = []
    for _ in range(data.draw(st.integers(1, 8))):
        part = Twin(data.draw(st.integers(1, size)))
        found.append(part.proof(data.draw(st.integers(0, part.size - 1))))
    LogHistory(found)


@given(st.integers(2, 70), st.integers(0, 40), st.data())
def test_the_last_entry_of_the_shorter_tree_proven_in_the_longer_one_convicts_any_fork(
    size, more, data
):
    """Also where sizes and entries differ: that path names all of which the old root is made."""
    known = Twin(size).checkpoint()
    fork = Twin(size + more, forks_at=data.draw(st.integers(0, size - 1)))
    shown = fork.proof(size - 1)
    with pytest.raises(ForkedLog) as raised:
        LogHistory([known, shown])
    kept = [
        InputFile(f"{n}{suffix}", text.encode())
        for n, (suffix, text) in enumerate(raised.value.proof)
    ]
    assert history.prove_fork(kept, TRUST).code == Code.CONTRADICTION
    honest = LogHistory([known, Twin(size + more).proof(size - 1)])
    assert honest.is_shown(ORIGIN)
    assert honest.continues(ORIGIN, size, size + more)


def test_what_paths_do_not_meet_is_neither_contradicted_nor_shown():
    apart = LogHistory([Twin(6).proof(0), Twin(70).proof(69)])
    assert not apart.is_shown(ORIGIN)
    assert not apart.continues(ORIGIN, 6, 70)


def test_nodes_of_several_proofs_add_up_to_a_contradiction():
    """No proof by itself names the node in which the histories differ."""
    one, other = Twin(16), Twin(20, forks_at=9)
    with pytest.raises(ForkedLog) as raised:
        LogHistory([other.proof(n) for n in (0, 15)] + [one.checkpoint()])
    assert len(raised.value.proof) >= 2


def test_two_logs_may_differ():
    LogHistory([Twin(5).checkpoint(), Twin(5, forks_at=0).checkpoint()][:1])
    other = Logbook("log.example.com/other").signer
    different = Checkpoint("log.example.com/other", 5, b"x" * 32)
    LogHistory([Twin(5).checkpoint(), SignedTree(different, sign_checkpoint(different, other))])


def test_files_that_do_not_contradict_each_other_prove_no_fork():
    parts = [InputFile("a.checkpoint", Twin(5).checkpoint().note.encode())]
    assert history.prove_fork(parts, TRUST).code == Code.INCOMPLETE
    forged = Twin(5).checkpoint().note.replace("\n5\n", "\n6\n")
    unsigned = [InputFile("a.checkpoint", forged.encode())]
    assert history.prove_fork(unsigned, TRUST).code == Code.BAD_SIGNATURE


# --- files ---


def split_in_two() -> tuple[Scenario, Scenario]:
    """One offer, then two histories: accepted in the one, withdrawn in the other."""
    accepted, withdrawn = Scenario(), Scenario()
    withdrawn.case, withdrawn.offer = accepted.case, accepted.offer
    withdrawn.log, withdrawn.indexes = Logbook(), []
    withdrawn.record("handoff.offer", accepted.offer.digest)
    withdrawn.record("case.read", None, id=UUID(int=99), handoff=None)
    withdrawn.indexes.pop()
    accepted.told("acceptance")
    withdrawn.told("withdrawal")
    return accepted, withdrawn


def test_a_file_with_two_histories_of_different_sizes_and_entries_is_a_contradiction():
    accepted, withdrawn = split_in_two()
    merged = replace(
        accepted.bundle(),
        answers=(accepted.bundle().answers[0], withdrawn.bundle().answers[0]),
        receipts=(*accepted.bundle().receipts, withdrawn.log.receipt(2)),
    )
    report = verifier.verify(former(merged), TRUST)
    assert report.code == Code.CONTRADICTION, report
    assert report.proof


def test_a_file_of_today_has_no_place_for_a_second_history():
    accepted, withdrawn = split_in_two()
    log, other = (json.loads(one.file())["logs"][ORIGIN] for one in (accepted, withdrawn))
    members = json.loads(accepted.file())
    members["documents"].append(withdrawn.answers[0].compact())
    entries = [*log["entries"], other["entries"][1]]
    members["logs"][ORIGIN] = log | {"entries": entries}
    told = verifier.verify(json.dumps(members).encode(), TRUST)
    assert told.code == Code.NOT_IN_LOG, told


def test_each_of_two_histories_verifies_and_both_together_do_not():
    known = LogHistory()
    accepted, withdrawn = split_in_two()
    first = verifier.verify(accepted.file(), TRUST, log_history=known)
    assert first.code == Code.VERIFIED
    assert verifier.verify(withdrawn.file(), TRUST).code == Code.VERIFIED
    second = verifier.verify(withdrawn.file(), TRUST, log_history=known)
    assert second.code == Code.CONTRADICTION
    parts = [InputFile(suffix, text.encode()) for suffix, text in second.proof]
    assert history.prove_fork(parts, TRUST).code == Code.CONTRADICTION


def test_a_file_is_held_against_the_checkpoints_that_the_verifier_remembers():
    accepted, withdrawn = split_in_two()
    note = confirm(accepted.log.receipt(1)).note
    report = verifier.verify(withdrawn.file(), replace(TRUST, checkpoints=[note]))
    assert report.code == Code.CONTRADICTION
    assert verifier.verify(accepted.file(), replace(TRUST, checkpoints=[note])).passed


def test_a_file_says_whether_it_shows_one_history():
    story = Scenario()
    early = story.log.receipt(0)
    story.told("acceptance")
    both = story.former(receipts=(early, story.log.receipt(1)))
    assert "one_history" in keys_of(verifier.verify(both, TRUST))
    for _ in range(3):
        story.record("case.read", None, handoff=None)
    story.told("outcome")
    apart = story.former(receipts=(early, *(story.log.receipt(n) for n in (1, 5))))
    assert "one_history" in keys_of(verifier.verify(apart, TRUST))


def confirm(one: Receipt) -> SignedTree:
    return history.of_receipt(confirm_receipt(one, TRUST))


def test_a_receipt_of_another_history_is_a_contradiction():
    accepted, withdrawn = split_in_two()
    known = LogHistory([confirm(accepted.log.receipt(1))])
    with pytest.raises(VerificationFailed):
        known.add([confirm(withdrawn.log.receipt(1))])


# --- Whether a new log continues the one of a copy: by its first event, and by nothing else ---


OLD = signer_of("old.example.org")
OTHER = signer_of("other.example.org")
NEW = Logbook("new.example.org").signer
AT = datetime(2026, 11, 26, tzinfo=UTC)
SIZE = 300


def named(size: int = SIZE, last: int = SIZE, fork: int | None = None, **other: str):
    """What a new log says of the old one: a copy of ``size``, and the last checkpoint."""
    copy = Served(OLD, size, fork)
    root = tree.root([tree.leaf_hash(entry) for entry in copy.entries]).hex()
    note = Served(OLD, last, fork).note().decode()
    said = {"log": OLD.name, "log_key": OLD.vkey, "root": root, "note": note} | other
    return LogPredecessor(size=size, **said)


def signed_by(other: NoteSigner) -> LogPredecessor:
    """The same entries, of the log of another key."""
    note = Served(other, SIZE).note().decode()
    return named(log=other.name, log_key=other.vkey, note=note)


def check(
    said: LogPredecessor, size: int = SIZE, *, action: str = "log.continue", first: bool = True
) -> VerificationReport:
    """The report on a copy of the old log, and the new log's event."""
    new = Logbook("new.example.org")
    detail = EventDetail("subject", said.encode(), frozenset({"gateway"}))
    parties = (Party("gateway", "gateway"),)
    if not first:
        event = AuditEvent(UUID(int=1), "gateway.create", EventResult.ALLOWED, parties)
        new.record(event, AT)
    event = AuditEvent(UUID(int=2), action, EventResult.ALLOWED, parties, (detail,))
    receipt = new.receipt(new.record(event, AT))
    keys = [OLD.key, *new.keys]
    trust = TrustAnchors(keys, [key.name for key in keys])
    return log_copy.check_copy(Served(OLD, size).fetch, trust, continued_by=receipt)[0]


@each("size", [SIZE, SIZE + 1, 600])
def test_a_new_log_continues_a_copy_that_has_at_least_what_it_names(size):
    report = check(named(), size)
    assert report.code == Code.VERIFIED, report
    continued = fact(report, "continued")
    assert (continued["log"], continued["old"]) == ("new.example.org", OLD.name)
    assert continued["size"] == SIZE
    assert "continued.word" in keys_of(report)


def test_what_was_signed_after_the_copy_is_named_as_lost():
    report = check(named(last=SIZE + 5))
    assert report.code == Code.VERIFIED, report
    lost = fact(report, "continued.lost")
    assert (lost["first"], lost["last"]) == (SIZE, SIZE + 4)


DEFECTS = {
    "the copy is shorter": (lambda: check(named(), SIZE - 1), Code.INCOMPLETE),
    "another root": (lambda: check(named(root="00" * 32, last=SIZE + 1)), Code.MISMATCH),
    "another history": (lambda: check(named(fork=7)), Code.MISMATCH),
    "the last checkpoint is of another history": (
        lambda: check(named(note=Served(OLD, 400, 350).note().decode()), 400),
        Code.CONTRADICTION,
    ),
    "the last checkpoint is older": (lambda: check(named(last=SIZE - 1)), Code.MISMATCH),
    "the last checkpoint is of another key": (
        lambda: check(named(note=Served(OTHER, SIZE).note().decode())),
        Code.MISMATCH,
    ),
    "another log": (lambda: check(signed_by(OTHER)), Code.MISMATCH),
    "another log that is trusted": (lambda: check(signed_by(NEW)), Code.MISMATCH),
    "another key under the name of the log": (
        lambda: check(signed_by(replace(OTHER, name=OLD.name))),
        Code.MISMATCH,
    ),
    "not the first event": (lambda: check(named(), first=False), Code.MISMATCH),
    "another event": (lambda: check(named(), action="gateway.create"), Code.MISMATCH),
}


@each("defect", list(DEFECTS))
def test_what_does_not_continue_a_copy_is_named(defect):
    checked, code = DEFECTS[defect]
    report = checked()
    assert report.code == code, report
    assert [step.number for step in report.steps if step.outcome == "failed"] == [5]
