"""The members of a peer gateway: entries here by its proofs, as far as what was agreed goes."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from gateway.domain.organisation import Status
from gateway.domain.refusals import ValidationFailed, WrongState
from gateway.evidence import declarations
from gateway.exchange.standing.leaving import left_on
from gateway.kernel.changes import Change
from gateway.kernel.ports import TransactionMode
from gateway.kernel.transact import RecordedRefusal
from gateway.registry import directory, remote_members
from tests.each import each
from tests.founded_gateway import HOTLINE, OFMIN, caller, shown
from tests.log_check import registry_compared
from tests.peering import AGREED, PEER, PEER_ISSUER, POLICE, RELAY, Peering, peering
from tests.ports import ISSUER, document_key
from tests.registry.test_rebuild import SAME

NAME = "police@fr"


@pytest.fixture
def two() -> Peering:
    return peering()


def refusal(act: Any, *args: Any, **values: Any) -> Any:
    with pytest.raises(RecordedRefusal) as refused:
        act(*args, **values)
    return refused.value.refusal


def test_a_member_that_shows_itself_is_an_entry_here_and_the_log_makes_it_again(two):
    assert two.record() == []
    found = two.member()
    assert (found.status, found.kind, found.country) == (Status.ACTIVE, "police_office", "FR")
    assert found.signed_only
    assert [key.kid for key in found.document_keys] == [document_key(POLICE).kid]
    assert found.membership_on(two.here.clock().date()) == "full"
    assert found.competences_on(two.here.clock().date()) == {"receive/csam/FR"}
    assert registry_compared(two.here) == SAME


def test_who_does_not_show_itself_is_not_told_of(two):
    assert [one["id"] for one in two.tell()] == [POLICE]
    two.there.administer("organisation.hide_from_peer", POLICE, peer="be", reason="its own wish")
    assert two.tell() == []
    two.show()
    two.record()
    two.there.administer("organisation.hide_from_peer", POLICE, peer="be", reason="its own wish")
    two.record()
    assert two.member().status is Status.SUSPENDED


def test_what_others_do_changes_nothing_of_what_is_told(two):
    def tag() -> str:
        return remote_members.list_shown(two.there.ports, RELAY, None).tag

    before = tag()
    other = {"name": "A hotline", "kind": "hotline", "public_authority": False}
    two.there.administer("organisation.admit", "unseen", **other, regimes=["gdpr"], country="FR")
    assert tag() == before
    two.there.administer("mandate.end", POLICE, competence="receive/csam/FR", until="2026-03-02")
    assert tag() != before


def test_only_its_own_declaration_shows_an_organisation(two):
    two.there.administer("organisation.hide_from_peer", POLICE, peer="be", reason="its own wish")
    key = document_key(POLICE)
    for says in (declarations.LOCK, f"{declarations.SHOW}https://gateway.xx.example"):
        word = two.there.word(POLICE, says, key, key)
        change = Change("organisation.show_to_peer", POLICE, {"peer": "be", "declaration": word})
        two.there.unmade(ValidationFailed, change)
    word = two.there.word(POLICE, f"{declarations.SHOW}{ISSUER}", key, key)
    two.there.administer("organisation.show_to_peer", POLICE, peer="be", declaration=word)
    change = Change("organisation.show_to_peer", POLICE, {"peer": "be", "declaration": word})
    two.there.unmade(WrongState, change)


def test_that_it_is_a_public_authority_counts_once_two_persons_recognised_it(two):
    two.record()
    assert (two.member().public_authority, two.member().regimes) == (False, {"gdpr"})
    said = {"member": POLICE, "led": True, "legal_act": "decree"}
    event = two.here.administer("peer.recognise", PEER, **said).result["recognition"]
    assert (two.member().public_authority, two.member().regimes) == (True, {"gdpr", "led"})
    two.here.administer("peer.end", PEER, event=event)
    assert not two.member().public_authority
    assert registry_compared(two.here) == SAME


def test_it_is_recognised_before_it_is_known_too(two):
    two.here.administer("peer.recognise", PEER, member=POLICE, led=False, legal_act="decree")
    two.record()
    assert (two.member().public_authority, two.member().regimes) == (True, {"gdpr"})


def test_a_change_there_is_an_event_here_and_nothing_else_is(two):
    two.record()
    before = two.here.organisation(NAME)
    two.record()
    assert two.here.organisation(NAME) == before
    two.there.administer("mandate.end", POLICE, competence="receive/csam/FR", until="2026-03-02")
    two.record()
    (held,) = two.member().mandates
    assert str(held.period.end) == "2026-03-02"
    assert two.here.organisation(NAME).version == before.version + 1


def test_who_is_suspended_there_is_suspended_here_and_comes_back(two):
    two.record()
    for action, status in (("suspend", Status.SUSPENDED), ("reinstate", Status.ACTIVE)):
        two.there.administer(f"organisation.{action}", POLICE, reason="an inquiry")
        assert two.record() == []
        assert two.member().status is status
    two.there.administer("organisation.leave", POLICE, reason="dissolved")
    two.record()
    assert two.member().status is Status.LEFT
    with two.here.ports.begin(TransactionMode.READ) as work:
        since = left_on(two.here.ports, work, NAME)
    assert since == two.here.ports.reference_date(two.here.clock()).civil
    assert registry_compared(two.here) == SAME


def test_a_member_is_no_more_than_its_gateway(two):
    two.record()
    two.here.administer("organisation.suspend", PEER, reason="an inquiry")
    assert two.member().status is Status.SUSPENDED
    with two.here.ports.begin(TransactionMode.READ) as work:
        holders = work.organisations.holders("receive", "csam")
        assert NAME not in {one.organisation for one in holders}
    two.here.administer("organisation.reinstate", PEER, reason="over")
    assert two.member().status is Status.ACTIVE
    two.here.administer("organisation.leave", PEER, reason="closed")
    assert two.member().status is Status.LEFT
    assert registry_compared(two.here) == SAME


def test_what_nobody_confirms_for_a_day_is_not_addressable(two):
    two.record()
    look_up = lambda: directory.look_up(two.here.ports, caller(HOTLINE), NAME)  # noqa: E731
    assert look_up().addressable
    two.here.clock.advance(timedelta(hours=25))
    assert not look_up().addressable
    two.there.clock.advance(timedelta(hours=25))
    two.record()
    assert look_up().addressable


def test_a_revoked_key_is_revoked_here(two):
    two.record()
    two.there.administer("key.revoke", POLICE, kid=document_key(POLICE).kid, reason="lost")
    two.record()
    (key,) = two.member().document_keys
    assert not key.holds(two.there.clock() + timedelta(minutes=1))


def test_a_new_key_counts_where_one_that_is_known_vouches_for_it(two):
    two.record()
    first, second, third = map(document_key, (POLICE, "police-2", "police-3"))
    two.there.register_key(POLICE, second, first)
    two.record()
    assert {key.kid for key in two.member().document_keys} == {first.kid, second.kid}
    two.there.administer("key.revoke", POLICE, kid=first.kid, reason="lost")
    two.there.administer("key.revoke", POLICE, kid=second.kid, reason="lost")
    two.there.register_key(POLICE, third)
    two.record()
    assert third.kid not in {key.kid for key in two.member().document_keys}


def test_two_persons_vouch_for_a_key_whose_earlier_ones_were_lost(two):
    two.record()
    first, second = map(document_key, (POLICE, "police-2"))
    two.there.administer("key.revoke", POLICE, kid=first.kid, reason="lost")
    two.there.register_key(POLICE, second)
    (told,) = two.record()
    assert f"peer vouch {PEER} {POLICE} {second.kid}" in told
    two.here.administer("peer.vouch", PEER, member="another", kid=second.kid)
    assert two.record() == [told], "a key of one member is no key of another"
    said = {"member": POLICE, "kid": second.kid}
    two.here.administer("peer.vouch", PEER, **said)
    two.here.unmade(WrongState, Change("peer.vouch", PEER, said))
    assert two.record() == []
    assert {one.kid for one in two.member().document_keys} == {first.kid, second.kid}
    two.there.administer("key.revoke", POLICE, kid=second.kid, reason="stolen")
    assert two.record() == []
    now = two.here.clock() + timedelta(minutes=1)
    assert not any(one.holds(now) for one in two.member().document_keys)
    assert registry_compared(two.here) == SAME


def test_who_has_no_key_is_told_that_it_needs_one_before_it_shows_itself(two):
    office = {"name": "An office", "kind": "police_office", "public_authority": True}
    two.there.administer("organisation.admit", "keyless", **office, regimes=["gdpr"], country="FR")
    said = {"peer": "be", "declaration": "a.b.c"}
    change = Change("organisation.show_to_peer", "keyless", said)
    assert "key create" in two.there.unmade(WrongState, change).detail


def test_a_peer_replaces_no_key_by_leaving_it_out_and_takes_no_revocation_back(two):
    two.record()
    first, second = map(document_key, (POLICE, "police-2"))
    two.there.administer("key.revoke", POLICE, kid=first.kid, reason="lost")
    two.record()
    revoked = two.member().document_keys
    (told,) = two.tell()
    (known,) = told["keys"]
    two.record([{**told, "keys": [{**known, "revocations": []}]}])
    assert two.member().document_keys == revoked
    two.record([{**told, "keys": []}])
    two.there.register_key(POLICE, second)
    (told,) = two.tell()
    two.record([{**told, "keys": told["keys"][-1:]}])
    assert two.member().document_keys == revoked
    assert registry_compared(two.here) == SAME


def test_a_peer_fills_no_log_by_its_members_and_ends_them_all_the_same(two, monkeypatch):
    monkeypatch.setattr(remote_members, "RECORDED_A_DAY", 2)
    (told,) = two.tell()
    names = ("A police office", "Another name", "A third name")
    wrong = [two.record([{**told, "name": name}]) for name in names]
    assert [bool(one) for one in wrong] == [False, False, True]
    assert two.member().name == "Another name"
    two.record([{**told, "status": "suspended"}])
    assert two.member().status is Status.SUSPENDED
    two.here.clock.advance(timedelta(days=1))
    two.there.clock.advance(timedelta(days=1))
    assert two.record() == []


def test_keys_that_followed_one_another_meanwhile_are_taken_in_their_order(two):
    two.record()
    keys = [document_key(one) for one in (POLICE, "police-2", "police-3")]
    for before, one in pairwise(keys):
        two.there.register_key(POLICE, one, before)
        two.there.clock.advance(timedelta(minutes=1))
    assert two.record() == []
    assert {one.kid for one in two.member().document_keys} == {one.kid for one in keys}


def test_receipts_end_in_a_checkpoint_that_was_cosigned_and_what_is_newer_waits(two):
    size = two.cosign()
    two.there.administer("mandate.end", POLICE, competence="receive/csam/FR", until="2026-03-02")
    found = remote_members.list_shown(two.there.ports, RELAY, size)
    assert two.record(two.tell(size)) == []
    assert two.member().mandates[0].period.end is None
    assert found.tag is not None
    two.there.register_key(POLICE, document_key("police-2"), document_key(POLICE))
    assert remote_members.list_shown(two.there.ports, RELAY, size).tag is None
    assert two.record(two.tell(size + 1))


@each(
    "name, value, why",
    [
        ("id", "other", "another organisation"),
        ("kind", "gateway", "it is a gateway"),
        ("name", "x\ny" + "A" * 300, "name"),
        ("country", "XX", "country"),
        ("public_authority", "yes", "public authority"),
        ("attestation", "a.b.c", ""),
        ("status", "best", ""),
    ],
)
def test_what_is_not_proved_is_not_taken(name, value, why):
    two = peering()
    (told,) = two.tell()
    (wrong,) = two.record([{**told, name: value}])
    assert why in wrong
    assert two.member() is None


def test_another_member_s_key_or_mandate_is_not_taken(two):
    (told,) = two.tell()
    other = {**told["mandates"][0], "receipt": told["keys"][0]["receipt"]}
    assert two.record([{**told, "mandates": [other]}])
    assert two.record([{**told, "keys": [{**told["keys"][0], "kid": "A" * 43}]}])
    assert two.member() is None


def test_a_row_that_a_forger_wrote_is_found(two):
    two.record()
    with two.here.past_events(NAME) as work:
        found = work.organisations.get(NAME)
        forged = replace(found, public_authority=True, version=found.version + 1)
        work.organisations.save(forged)
    assert ("organisation", NAME) in registry_compared(two.here).differing


def test_members_read_the_proofs_of_a_remote_member_and_whom_to_believe_there(two):
    two.record()
    here, asking = two.here.ports, caller(OFMIN)
    kid = document_key(POLICE).kid
    told = directory.look_up_key(here, asking, NAME, kid)
    assert (told["organisation"], told["kid"]) == (NAME, kid)
    mandate = two.member().mandates[0].registration_event
    assert directory.look_up_mandate(here, asking, NAME, mandate)["event"] == str(mandate)
    (trusted,) = directory.list_peers(here, asking).receipts
    assert PEER_ISSUER in shown(trusted)["subject"]


def test_an_agreement_decides_which_members_count_and_for_what(two):
    two.record()
    agreement = str(two.here.organisation(PEER).peer.agreements[0].event)
    two.here.administer("peer.end", PEER, event=agreement, until="2026-03-02")
    values = {**AGREED, "kinds": ["hotline"], "from": "2026-03-02"}
    two.here.administer("peer.agree", PEER, **values)
    assert (two.member().mandates, two.member().memberships) == ((), ())
    assert registry_compared(two.here) == SAME
