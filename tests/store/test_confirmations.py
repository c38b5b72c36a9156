"""What others confirmed of checkpoints, as it is stored, and held against the log."""

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.kernel.ports import TransactionMode
from gateway.kernel.values import Confirmation, ConfirmationKind
from gateway.ledger.note import Checkpoint, NoteSigner, sign_checkpoint
from gateway.store.log_integrity import StoredLogCorrupt, verify_log
from tests.store.samples import NOON, ORIGIN, fact

COSIGNED, STAMPED = ConfirmationKind
SIGNER = NoteSigner(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(32)))


def confirmation(size: int, kind: ConfirmationKind = COSIGNED, by: str = "w.example"):
    return Confirmation(size, kind, by, NOON + timedelta(hours=size), f"note {size}", b"\0data")


def keep(store, *confirmations: Confirmation) -> None:
    with store.begin(TransactionMode.WRITE) as work:
        for one in confirmations:
            work.confirmations.keep(one)
        work.commit()


def kept(store, kind: ConfirmationKind) -> list[Confirmation]:
    with store.begin(TransactionMode.READ) as work:
        return [*work.confirmations.of(kind)]


def test_a_witness_has_its_newest_cosignature_and_an_authority_every_token(store):
    keep(store, confirmation(5), confirmation(7), confirmation(6), confirmation(2, by="v.example"))
    keep(store, replace(confirmation(7), note="again"))
    assert kept(store, COSIGNED) == [confirmation(2, by="v.example"), confirmation(7)]
    stamps = [confirmation(size, STAMPED) for size in (5, 7, 6)]
    keep(store, *stamps, replace(stamps[0], note="again"))
    assert kept(store, STAMPED) == sorted(stamps, key=lambda one: one.size)
    assert len(kept(store, COSIGNED)) == 2


def test_of_each_authority_the_first_token_that_holds_an_entry_is_found_and_the_newest(store):
    stamps = [confirmation(size, STAMPED, by) for size, by in ((5, "a"), (7, "a"), (6, "b"))]
    keep(store, *stamps, confirmation(5), confirmation(9))
    with store.begin(TransactionMode.READ) as work:
        found = {entry: work.confirmations.first_beyond(STAMPED, entry) for entry in (0, 4, 5, 6)}
        assert work.confirmations.newest(STAMPED, "a") == (7, stamps[1].at)
        assert work.confirmations.newest(STAMPED, "c") is None
    assert {entry: [(one.by, one.size) for one in them] for entry, them in found.items()} == {
        0: [("a", 5), ("b", 6)],
        4: [("a", 5), ("b", 6)],
        5: [("b", 6), ("a", 7)],
        6: [("b", 6), ("a", 7)],
    }, "of one that stamped none yet, its newest"


def test_who_reads_keeps_nothing(store):
    with store.begin(TransactionMode.READ) as work, pytest.raises(RuntimeError):
        work.confirmations.keep(confirmation(1))


@pytest.mark.parametrize("wrong", ["other", "longer", "smaller", "no"])
def test_what_was_confirmed_of_another_history_is_found_with_the_damages_of_the_log(store, wrong):
    with store.begin(TransactionMode.WRITE) as work:
        for _ in range(3):
            work.log.record(fact())
        work.commit()
    with store.begin(TransactionMode.READ) as work:
        head = work.log.head()
    note = sign_checkpoint(Checkpoint(ORIGIN, head.size, head.root), SIGNER)
    mine = replace(confirmation(head.size), note=note)
    keep(store, mine)
    _verified(store)
    other = sign_checkpoint(Checkpoint(ORIGIN, 2, bytes(32)), SIGNER)
    longer = sign_checkpoint(Checkpoint(ORIGIN, 4, head.root), SIGNER)
    size, text = {
        "other": (2, other),
        "longer": (4, longer),
        "smaller": (2, note),
        "no": (2, "no"),
    }[wrong]
    keep(store, replace(confirmation(size, STAMPED), note=text))
    with pytest.raises(StoredLogCorrupt, match="another history"):
        _verified(store)


def _verified(store) -> None:
    with store.begin(TransactionMode.READ) as work:
        verify_log(work, lambda done, of: None)
