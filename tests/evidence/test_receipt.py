"""Receipts: what the log holds is confirmed from the document at hand, and nothing else is."""

import json
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.audit_event import AuditEvent, EventDetail, EventResult, Party
from gateway.evidence import receipt
from gateway.evidence.receipt import (
    MalformedReceipt,
    NotInLog,
    Receipt,
    ReceiptError,
    UnknownLog,
    UnmatchedDetail,
)
from gateway.ledger.note import COSIGNATURE, VerificationKey, key_id
from gateway.ledger.tree import entry_commitment
from tests.each import each
from tests.verification.logbook import ORIGIN, Logbook

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def fact(number: int) -> AuditEvent:
    return AuditEvent(
        id=UUID(int=number),
        action="handoff.offer",
        result=EventResult.ALLOWED,
        parties=(Party("hotline", "actor"), Party("police", "recipient")),
        details=(EventDetail("by", "staff-1", frozenset({"hotline"})),),
    )


def log_of(size: int, **log) -> Logbook:
    book = Logbook(**log)
    for number in range(size):
        book.record(fact(number), AT)
    return book


BOOK = log_of(7)


def check(one: Receipt, keys=None, origin: str = ORIGIN) -> receipt.VerifiedReceipt:
    return receipt.verify(one, BOOK.keys if keys is None else keys, origin)


@each("index", range(7))
def test_each_event_of_a_log_is_confirmed_by_its_receipt(index):
    confirmed = check(BOOK.receipt(index))
    assert confirmed.index == index
    assert confirmed.event["id"] == str(UUID(int=index))
    assert confirmed.checkpoint.size == 7
    assert confirmed.opened.shown[0] == (
        "party",
        {"organisation": "hotline", "role": "actor", "stream_number": index + 1},
    )
    assert confirmed.opened.withheld == 1


def test_a_log_of_one_event_gives_a_receipt():
    assert check(log_of(1).receipt(0)).index == 0


def test_a_receipt_with_fewer_disclosures_is_as_good():
    confirmed = check(BOOK.receipt(3, "police"))
    assert [kind for kind, _ in confirmed.opened.shown] == ["party"]
    assert confirmed.opened.withheld == 3


def test_a_receipt_reads_back_from_its_json():
    one = BOOK.receipt(2)
    assert receipt.from_json(json.loads(json.dumps(receipt.to_json(one)))) == one


def test_a_proof_for_another_entry_is_refused():
    swapped = replace(BOOK.receipt(2), proof=BOOK.proof(3))
    with pytest.raises(NotInLog):
        check(swapped)


def test_the_entry_is_rebuilt_whatever_the_proof_carries_beside_it():
    """L11: a copy of the logged entry in `extra` must not stand in for the document's own."""
    mine, other = BOOK.receipt(2), BOOK.receipt(3)
    extra = b64encode(entry_commitment(other.document, other.nonce)).decode()
    proof = other.proof.replace("@v1\n", f"@v1\nextra {extra}\n", 1)
    assert check(replace(other, proof=proof)).index == 3
    with pytest.raises(NotInLog):
        check(replace(mine, proof=proof))


def test_another_nonce_is_another_entry():
    with pytest.raises(NotInLog):
        check(replace(BOOK.receipt(2), nonce=BOOK.receipt(3).nonce))


def test_a_document_with_one_field_changed_is_not_in_the_log():
    one = BOOK.receipt(2)
    changed = one.document.replace(b'"allowed"', b'"denied"')
    with pytest.raises(NotInLog):
        check(replace(one, document=changed))


def test_a_disclosure_of_another_event_is_refused():
    foreign = BOOK.receipt(3).disclosures
    with pytest.raises(UnmatchedDetail):
        check(replace(BOOK.receipt(2), disclosures=foreign))


def test_a_disclosure_shown_twice_is_refused():
    one = BOOK.receipt(2)
    with pytest.raises(UnmatchedDetail, match="twice"):
        check(replace(one, disclosures=one.disclosures * 2))


def test_an_event_of_another_log_is_refused_before_its_proof_is_read():
    other = log_of(1, origin="log.example.com/other").receipt(0)
    with pytest.raises(UnknownLog, match="other"):
        check(other)


def test_a_log_without_a_given_key_is_unknown():
    with pytest.raises(UnknownLog):
        check(BOOK.receipt(0), keys=[])


def test_a_cosigners_key_does_not_speak_for_the_log():
    key = BOOK.signer.key
    cosigner = VerificationKey.parse(
        "witness.example+" + str(Logbook("witness.example").keys[0]).partition("+")[2]
    )
    with pytest.raises(UnknownLog):
        check(BOOK.receipt(0), keys=[cosigner])
    assert check(BOOK.receipt(0), keys=[cosigner, key])


def test_a_key_that_only_cosigns_for_the_log_makes_it_unknown_and_accuses_nobody():
    public = BOOK.signer.key.public
    cosigns = VerificationKey(ORIGIN, key_id(ORIGIN, COSIGNATURE, public), COSIGNATURE, public)
    with pytest.raises(UnknownLog):
        check(BOOK.receipt(0), keys=[cosigns])


def test_a_checkpoint_signed_by_another_key_of_the_same_name_is_refused():
    impostor = log_of(7, key="impostor")
    with pytest.raises(NotInLog):
        check(impostor.receipt(0))


def test_a_checkpoint_of_another_log_under_a_document_of_ours_is_refused():
    other = log_of(7, origin="log.example.com/other")
    mixed = replace(BOOK.receipt(0), proof=other.proof(0))
    with pytest.raises(NotInLog):
        check(mixed, keys=[*BOOK.keys, *other.keys])


def test_a_later_checkpoint_confirms_an_earlier_event():
    later = log_of(300)
    confirmed = receipt.verify(later.receipt(2), later.keys, ORIGIN)
    assert (confirmed.index, confirmed.checkpoint.size) == (2, 300)


GOOD = receipt.to_json(BOOK.receipt(0))


@each(
    "data",
    [
        None,
        [],
        "text",
        {},
        GOOD | {"extra": 1},
        {k: v for k, v in GOOD.items() if k != "nonce"},
        GOOD | {"document": 1},
        GOOD | {"document": "\ud800"},
        GOOD | {"nonce": "AA"},
        GOOD | {"nonce": GOOD["nonce"] + "="},
        GOOD | {"nonce": None},
        GOOD | {"disclosures": "text"},
        GOOD | {"disclosures": [1]},
        GOOD | {"disclosures": ["x"] * 257},
        GOOD | {"proof": None},
    ],
)
def test_json_of_another_form_is_refused(data):
    with pytest.raises(MalformedReceipt):
        receipt.from_json(data)


@each("document", ["", "{}", GOOD["document"] + " ", "x" * 20_000])
def test_a_document_of_another_form_is_refused(document):
    with pytest.raises(MalformedReceipt):
        check(receipt.from_json(GOOD | {"document": document}))


@each("proof", ["", "c2sp.org/tlog-proof@v1\n", "x" * 1_000_000, GOOD["proof"][:-9]])
def test_a_truncated_or_huge_proof_is_refused(proof):
    with pytest.raises(NotInLog):
        check(receipt.from_json(GOOD | {"proof": proof}))


@given(
    field=st.sampled_from(["document", "nonce", "proof"]),
    place=st.integers(0),
    bit=st.integers(0, 6),
)
def test_a_flipped_bit_anywhere_is_refused(field, place, bit):
    text = GOOD[field]
    place %= len(text)
    flipped = chr(ord(text[place]) ^ (1 << bit))
    with pytest.raises(ReceiptError):
        check(receipt.from_json(GOOD | {field: text[:place] + flipped + text[place + 1 :]}))
