"""One assertion over a list of changes is an approval of each of them, and of nothing else."""

import random
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.refusals import InvalidApproval, WrongState
from gateway.evidence import declarations, passkey
from gateway.evidence.declarations import MOST_CHANGES, PASSKEY_APPROVALS_TYP
from gateway.evidence.sd_jwt import DocumentError
from gateway.kernel import changes
from gateway.kernel.actors import GATEWAY
from gateway.kernel.changes import Change, digest_of, refusal_of, withdrawal_of
from gateway.verification.approvals import deciding
from gateway.verification.trust import TrustAnchors
from tests.authenticator import PRESENT, SYNCABLE, VERIFIED, Authenticator
from tests.each import each
from tests.founded_gateway import (
    ABROAD,
    ALICE,
    BENOIT,
    HOTLINE,
    OFMIN,
    Founded,
    approve_change,
    make_change,
    refused_on_record,
    submit_change,
)
from tests.ports import ISSUER
from tests.registry.test_passkeys import registration
from tests.registry.test_rebuild import SAME, registry_compared

KEYS = {ALICE: Authenticator(), BENOIT: Authenticator()}
CHANGES = (
    Change("membership.end", ABROAD, {"until": "2026-04-01"}),
    Change("membership.end", HOTLINE, {"until": "2026-05-01"}),
    Change("organisation.amend", OFMIN, {"name": "Another name", "reason": "a decree"}),
)
ANOTHER = Change("membership.end", ABROAD, {"until": "2026-06-01"})


def claims(gateway: Founded, person: str, listed: Sequence[Change]) -> dict[str, Any]:
    named = [{"action": one.action, "change": digest_of(one)} for one in listed]
    return {
        "aud": ISSUER,
        "changes": named,
        "iat": int(gateway.clock().timestamp()),
        "iss": declarations.person_uri(ISSUER, person),
        "jti": str(gateway.new_id()),
    }


def approval(gateway: Founded, person: str, *listed: Change) -> str:
    """What a person signs in a browser of several changes."""
    return KEYS[person].sign(PASSKEY_APPROVALS_TYP, claims(gateway, person, listed))


def verify(text: str, person: str = ALICE) -> list[declarations.Approval]:
    keys = dict([passkey.read_passkey(KEYS[person].jwk)])
    return declarations.verify_approvals(text, person=person, audience=ISSUER, keys=keys)


@pytest.fixture
def administered(gateway):
    """The administrators approve with passkeys."""
    for person, key in KEYS.items():
        gateway.administer("admin.add_passkey", GATEWAY, **registration(gateway, person, key))
    return gateway


def proposed(gateway: Founded, text: str) -> list[UUID]:
    made = [gateway.do(submit_change, one, text) for one in CHANGES]
    return [UUID(one.result["proposal"]) for one in made]


def test_one_list_of_each_person_makes_each_change_and_the_log_proves_it(administered):
    waiting = proposed(administered, approval(administered, ALICE, *CHANGES))
    signed = approval(administered, BENOIT, *CHANGES)
    made = [administered.do(approve_change, one, signed) for one in waiting]
    assert administered.organisation(OFMIN).name == "Another name"
    assert registry_compared(administered) == SAME
    keys = {who: dict([passkey.read_passkey(key.jwk)]) for who, key in KEYS.items()}
    for one in made:
        receipt = administered.confirm(one.receipt)
        assert deciding(receipt, ISSUER, TrustAnchors((), (), administrators=keys)) == {*KEYS}
        others = {ALICE: keys[ALICE], BENOIT: keys[ALICE]}
        assert deciding(receipt, ISSUER, TrustAnchors((), (), administrators=others)) == set()


def test_it_counts_for_none_that_is_not_in_it_and_once_for_each(administered):
    one, two, _ = CHANGES
    signed = [approval(administered, who, one, two) for who in KEYS]
    refused = refused_on_record(administered, InvalidApproval, make_change, ANOTHER, signed)
    assert "another change" in refused.detail
    administered.do(make_change, one, signed)
    refused = refused_on_record(administered, InvalidApproval, make_change, one, signed)
    assert "used before" in refused.detail
    administered.do(make_change, two, signed)


def test_who_withdraws_one_of_a_list_takes_back_that_one_alone(administered):
    text = approval(administered, ALICE, *CHANGES)
    first, *others = proposed(administered, text)
    back = KEYS[ALICE].sign(
        PASSKEY_APPROVALS_TYP,
        claims(administered, ALICE, [withdrawal_of(first), withdrawal_of(others[0])]),
    )
    administered.do(changes.withdraw, first, back)
    both = [text, approval(administered, BENOIT, *CHANGES)]
    refused_on_record(administered, InvalidApproval, make_change, CHANGES[0], both)
    administered.do(approve_change, others[0], approval(administered, BENOIT, *CHANGES))
    assert registry_compared(administered) == SAME


def test_a_refusal_on_record_ends_the_list_from_there_on(administered):
    one, two, three = CHANGES
    waiting = proposed(administered, approval(administered, ALICE, *CHANGES))
    signed = approval(administered, BENOIT, *CHANGES)
    administered.do(approve_change, waiting[0], signed)
    administered.do(make_change, two, [approval(administered, who, two, one) for who in KEYS])
    refused_on_record(administered, WrongState, approve_change, waiting[1], signed)
    refused = refused_on_record(administered, InvalidApproval, approve_change, waiting[2], signed)
    assert "taken back: sign again" in refused.detail
    administered.do(approve_change, waiting[2], approval(administered, BENOIT, three, one))
    assert registry_compared(administered) == SAME


def test_all_of_a_list_is_refused_at_once_with_one_reason(administered):
    waiting = proposed(administered, approval(administered, ALICE, *CHANGES))
    listed = [refusal_of(one, "not decided") for one in waiting]
    signed = approval(administered, BENOIT, *listed)
    for one in waiting:
        administered.do(changes.refuse, one, signed, "not decided")
    refused_on_record(administered, InvalidApproval, changes.refuse, waiting[0], signed, "another")
    assert registry_compared(administered) == SAME


def test_a_change_that_names_persons_is_in_no_list(administered):
    contact = Change("contact.set", HOTLINE, {"role": "duty", "name": "N", "address": "+33 1"})
    signed = [approval(administered, who, contact, ANOTHER) for who in KEYS]
    refused = refused_on_record(administered, InvalidApproval, make_change, contact, signed)
    assert "signed separately" in refused.detail


def other_lists(gateway: Founded) -> dict[str, list[Change]]:
    one, two, three = CHANGES
    return {
        "shortened": [one, two],
        "reordered": [two, one, three],
        "extended": [one, two, three, ANOTHER],
        "another": [one, two, ANOTHER],
    }


@each("how", ["shortened", "reordered", "extended", "another"])
def test_an_assertion_is_of_its_list_and_of_no_other(gateway, how):
    said = claims(gateway, ALICE, CHANGES)
    text = KEYS[ALICE].sign(PASSKEY_APPROVALS_TYP, said)
    named = [{"action": c.action, "change": digest_of(c)} for c in other_lists(gateway)[how]]
    drafted = passkey.draft(
        PASSKEY_APPROVALS_TYP, KEYS[ALICE].jwk["kid"], said | {"changes": named}
    )
    assert len(verify(text)) == len(CHANGES)
    with pytest.raises(DocumentError):
        verify(f"{drafted}.{text.rpartition('.')[2]}")


ONE = {"action": "a", "change": "b"}


@each(
    "listed",
    [
        [],
        [ONE],
        [ONE, ONE],
        [ONE, {"action": "c"}],
        [ONE, {"action": "c", "change": 7}],
        [ONE, {"action": ["c"], "change": "d"}],
        [ONE, {"action": "c", "change": "d", "more": "e"}],
        [ONE, "c"],
        {"action": "a", "change": "b"},
        7,
        [{"action": "a", "change": str(n)} for n in range(MOST_CHANGES + 1)],
    ],
)
def test_what_is_no_list_of_changes_is_refused_whoever_signed_it(gateway, listed):
    said = claims(gateway, ALICE, CHANGES) | {"changes": listed}
    with pytest.raises(DocumentError):
        verify(KEYS[ALICE].sign(PASSKEY_APPROVALS_TYP, said))


def test_the_longest_list_fits(gateway):
    listed = [{"action": "organisation.record_retention", "change": f"{n:043}"} for n in range(24)]
    said = claims(gateway, ALICE, CHANGES) | {"changes": listed}
    assert len(verify(KEYS[ALICE].sign(PASSKEY_APPROVALS_TYP, said))) == MOST_CHANGES


def test_a_list_is_of_its_type_alone_and_an_approval_of_one_change_lists_none(gateway):
    said = claims(gateway, ALICE, CHANGES)
    with pytest.raises(DocumentError):
        verify(KEYS[ALICE].sign(declarations.PASSKEY_APPROVAL_TYP, said))
    with pytest.raises(DocumentError):
        verify(KEYS[ALICE].sign(PASSKEY_APPROVALS_TYP, said | ONE))
    alone = {name: one for name, one in said.items() if name != "changes"} | ONE
    with pytest.raises(DocumentError):
        verify(KEYS[ALICE].sign(PASSKEY_APPROVALS_TYP, alone))


def test_an_account_a_person_of_a_member_and_a_proof_sign_no_list(gateway):
    copied = Authenticator(KEYS[ALICE].private, flags=PRESENT | VERIFIED | SYNCABLE)
    said = claims(gateway, ALICE, CHANGES)
    with pytest.raises(DocumentError, match="kept in an account"):
        verify(copied.sign(PASSKEY_APPROVALS_TYP, said))
    keys = dict([passkey.read_passkey(KEYS[ALICE].jwk)])
    realm = declarations.issuer_of_persons(ISSUER, HOTLINE)
    theirs = said | {"iss": declarations.person_uri(realm, ALICE)}
    with pytest.raises(DocumentError):
        declarations.verify_approval(
            KEYS[ALICE].sign(PASSKEY_APPROVALS_TYP, theirs),
            person=ALICE,
            audience=ISSUER,
            keys=keys,
            organisation=HOTLINE,
        )


def refuse_mutants(gateway: Founded, count: int) -> None:
    text = approval(gateway, ALICE, *CHANGES)
    chance = random.Random(24)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."
    for _ in range(count):
        at = chance.randrange(len(text))
        put = chance.choice(["", chance.choice(alphabet), chance.choice(alphabet) + text[at]])
        mutant = text[:at] + put + text[at + 1 :]
        if mutant != text:
            with pytest.raises(DocumentError):
                verify(mutant)


def test_no_mutant_of_a_list_is_taken(gateway):
    refuse_mutants(gateway, 200)


@pytest.mark.slow
def test_no_mutant_of_a_list_of_ten_thousand_is_taken(gateway):
    refuse_mutants(gateway, 10_000)


def test_a_change_of_a_list_that_is_brought_twice_ends_nothing_that_waits(administered):
    text = approval(administered, ALICE, *CHANGES)
    waiting = proposed(administered, text)
    refused_on_record(administered, WrongState, submit_change, CHANGES[0], text)
    signed = approval(administered, BENOIT, *CHANGES)
    for one in waiting:
        administered.do(approve_change, one, signed)
    assert registry_compared(administered) == SAME
