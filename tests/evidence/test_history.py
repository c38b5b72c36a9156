"""One log has one history: what was signed is compared by the nodes of its trees."""

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.evidence import history, verification
from gateway.evidence.history import ForkedLog, LogHistory, SignedTree
from gateway.evidence.receipt import Receipt
from gateway.evidence.report import Code, InputFile, VerificationFailed
from gateway.evidence.trust import confirm_receipt
from gateway.ledger import tiles, tree
from gateway.ledger.note import Checkpoint, sign_checkpoint
from gateway.ledger.proof import TlogProof
from tests.evidence.logbook import ORIGIN, Logbook
from tests.evidence.scenario import TRUST, Scenario, keys_of

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
    report = verification.verify(verification.bundle.encode(merged), TRUST)
    assert report.code == Code.CONTRADICTION, report
    assert report.proof


def test_each_of_two_histories_verifies_and_both_together_do_not():
    known = LogHistory()
    accepted, withdrawn = split_in_two()
    first = verification.verify(accepted.file(), TRUST, log_history=known)
    assert first.code == Code.VERIFIED
    assert verification.verify(withdrawn.file(), TRUST).code == Code.VERIFIED
    second = verification.verify(withdrawn.file(), TRUST, log_history=known)
    assert second.code == Code.CONTRADICTION
    parts = [InputFile(suffix, text.encode()) for suffix, text in second.proof]
    assert history.prove_fork(parts, TRUST).code == Code.CONTRADICTION


def test_a_file_is_held_against_the_checkpoints_that_the_verifier_remembers():
    accepted, withdrawn = split_in_two()
    note = confirm(accepted.log.receipt(1)).note
    report = verification.verify(withdrawn.file(), replace(TRUST, checkpoints=[note]))
    assert report.code == Code.CONTRADICTION
    assert verification.verify(accepted.file(), replace(TRUST, checkpoints=[note])).passed


def test_a_file_says_whether_it_shows_one_history():
    story = Scenario()
    early = story.log.receipt(0)
    story.told("acceptance")
    both = story.file(receipts=(early, story.log.receipt(1)))
    assert "one_history" in keys_of(verification.verify(both, TRUST))
    for _ in range(3):
        story.record("case.read", None, handoff=None)
    story.told("outcome")
    apart = story.file(receipts=(early, *(story.log.receipt(n) for n in (1, 5))))
    assert "one_history" in keys_of(verification.verify(apart, TRUST))


def confirm(one: Receipt) -> SignedTree:
    return history.of_receipt(confirm_receipt(one, TRUST))


def test_a_receipt_of_another_history_is_a_contradiction():
    accepted, withdrawn = split_in_two()
    known = LogHistory([confirm(accepted.log.receipt(1))])
    with pytest.raises(VerificationFailed):
        known.add([confirm(withdrawn.log.receipt(1))])
