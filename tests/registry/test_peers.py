"""Two persons join a peer gateway: the keys they compared, what is agreed, who is recognised."""

from typing import Any

import pytest

from gateway.domain.organisation import RELAY_SCOPE, GatewayNames
from gateway.domain.refusals import NotFound, ValidationFailed, WrongState
from gateway.kernel.changes import Change
from gateway.kernel.ports import TransactionMode
from gateway.kernel.values import HOST
from gateway.registry import queries
from tests.each import each
from tests.founded_gateway import ALICE, DESK, HOTLINE, Founded, submit_change
from tests.log_check import registry_compared
from tests.peering import (
    AGREED,
    APPLICATION,
    DECISION,
    PEER,
    PEER_ISSUER,
    PINS,
    join,
)
from tests.ports import ISSUER
from tests.registry.test_rebuild import SAME


def refused(gateway: Founded, expected: type, action: str, /, **values: Any) -> Any:
    whose = values.pop("of", PEER)
    return gateway.unmade(expected, Change(action, whose, values))


@pytest.fixture
def applied(gateway: Founded) -> Founded:
    gateway.administer("organisation.apply", PEER, **APPLICATION)
    return gateway


@pytest.fixture
def joined(gateway: Founded) -> Founded:
    join(gateway)
    return gateway


def test_a_peer_gateway_is_joined_step_by_step_and_the_log_makes_it_again(joined):
    found = joined.organisation(PEER)
    assert [step.status for step in found.history] == ["applied", "approved", "enrolled", "active"]
    assert found.peer.pins.issuer == PEER_ISSUER
    assert found.peer.agreement_on(joined.clock().date()).matters == {"csam"}
    assert registry_compared(joined) == SAME
    shown = queries.look_up(joined.ports, HOST, PEER, None)
    assert shown.peer.attestation_keys == [PINS["attestation_keys"]["keys"][0]["kid"]]


def test_the_members_of_a_joined_gateway_have_names_and_uris(joined):
    with joined.ports.begin(TransactionMode.READ) as work:
        names = GatewayNames(ISSUER, work.organisations.peers())
    assert names.uri("ofmin@fr") == f"{PEER_ISSUER}/organisations/ofmin"
    assert names.name(f"{PEER_ISSUER}/organisations/ofmin") == "ofmin@fr"
    assert names.uri(HOTLINE) == f"{ISSUER}/organisations/{HOTLINE}"


def test_a_row_that_no_event_made_is_found(joined):
    with joined.past_events(PEER) as work:
        found = work.organisations.get(PEER)
        assert found is not None
        forged = found.peer.pins.__class__(**{**vars(found.peer.pins), "log_keys": ("x+0+y",)})
        peer = found.peer.__class__(**{**vars(found.peer), "pins": forged})
        work.organisations.save(
            found.__class__(**{**vars(found), "peer": peer, "version": found.version + 1})
        )
    assert ("organisation", PEER) in registry_compared(joined).differing


@each(
    "values",
    [
        {"issuer": "http://gateway.fr.example"},
        {"issuer": ISSUER},
        {"root_sha256": "AB" * 32},
        {"log_keys": []},
        {"log_keys": [*PINS["log_keys"], "other+00000000+AQ"]},
        {"log_keys": [PINS["witness_key"]]},
        {"attestation_keys": {"keys": []}},
        {"witness_key": PINS["log_keys"][0]},
    ],
)
def test_keys_that_are_not_those_of_a_gateway_are_not_trusted(applied, values):
    gateway = applied
    ((pointer, _),) = refused(gateway, ValidationFailed, "peer.trust", **{**PINS, **values}).errors
    assert pointer == f"/{next(iter(values))}"


def test_two_persons_trust_agree_and_recognise(gateway):
    gateway.administer("organisation.apply", PEER, **APPLICATION)
    change = Change("peer.trust", PEER, PINS)
    asked = gateway.do(submit_change, change, *gateway.approve(change, ALICE))
    assert "proposal" in asked.result
    assert gateway.organisation(PEER).peer is None


def test_an_organisation_of_another_kind_is_trusted_as_no_gateway(gateway):
    assert "no gateway" in str(refused(gateway, WrongState, "peer.trust", of=HOTLINE, **PINS))


def test_what_a_gateway_is_called_and_where_it_is_stays(joined):
    for values in ({"issuer": "https://gateway.xx.example"}, {}):
        whose = PEER if values else "france"
        if not values:
            joined.administer("organisation.apply", whose, **APPLICATION)
        refused(joined, ValidationFailed, "peer.trust", of=whose, **{**PINS, **values})


def test_no_peer_is_trusted_with_a_log_of_this_gateway_s_or_another_peer_s_name(joined):
    joined.administer("organisation.apply", "france", **APPLICATION)
    own = {**PINS, "issuer": "https://gateway.xx.example"}
    for log_keys in (PINS["log_keys"], [joined.checkpoint_signer.signer.vkey]):
        values = {**own, "log_keys": log_keys}
        why = refused(joined, ValidationFailed, "peer.trust", of="france", **values)
        assert [where for where, _ in why.errors] == ["/log_keys"]


def test_keys_that_were_replaced_count_for_what_came_under_them(joined):
    before = joined.organisation(PEER).peer.pins
    joined.administer("peer.trust", PEER, **{**PINS, "root_sha256": "cd" * 32})
    after = joined.organisation(PEER).peer
    assert (after.pins.root_sha256, after.earlier) == ("cd" * 32, (before,))


def test_nothing_is_agreed_before_the_keys_were_compared(gateway):
    gateway.administer("organisation.apply", PEER, **APPLICATION)
    refused(gateway, WrongState, "peer.agree", **AGREED)
    refused(gateway, WrongState, "peer.recognise", member="ofmin", led=True, legal_act="decree")


def test_a_peer_takes_part_only_once_it_is_known_whom_to_believe_and_what_is_agreed(gateway):
    gateway.administer("organisation.apply", PEER, **APPLICATION)
    gateway.administer("organisation.approve", PEER, **DECISION)
    refused(gateway, WrongState, "organisation.activate", reason="soon")


def test_an_agreement_ends_on_a_day_and_a_recognition_at_once(joined):
    refused(joined, WrongState, "peer.agree", **AGREED)
    agreement = str(joined.organisation(PEER).peer.agreements[0].event)
    said = {"member": "ofmin", "led": True, "legal_act": "decree 2023-1"}
    recognition = joined.administer("peer.recognise", PEER, **said).result["recognition"]
    refused(joined, WrongState, "peer.recognise", **said)
    refused(joined, ValidationFailed, "peer.end", event=recognition, until="2030-01-01")
    joined.administer("peer.end", PEER, event=recognition)
    joined.administer("peer.end", PEER, event=agreement, until="2030-01-01")
    peer = joined.organisation(PEER).peer
    assert (peer.recognised, str(peer.agreements[0].period.end)) == ((), "2030-01-01")
    refused(joined, WrongState, "peer.end", event=agreement, until="2031-01-01")
    refused(joined, NotFound, "peer.end", event=str(joined.new_id()))
    assert registry_compared(joined) == SAME


def test_only_a_peer_gateway_relays_and_it_does_nothing_else(joined):
    for whose, scopes in (
        (PEER, ["cases.read"]),
        (PEER, [RELAY_SCOPE, "cases.read"]),
        (HOTLINE, [RELAY_SCOPE]),
    ):
        values = {"system": "second", "scopes": scopes}
        refused(joined, ValidationFailed, "system.register", of=whose, **values)
    values = {"system": DESK, "scopes": ["admin"]}
    refused(joined, WrongState, "system.set_admin_scopes", **values)


def test_a_peer_gateway_holds_no_mandate_and_stays_what_it_is(joined):
    mandate = {"matter": "csam", "territory": "FR", "legal_act": "x", "from": "2026-01-01"}
    refused(joined, WrongState, "mandate.grant", function="receive", **mandate)
    refused(joined, ValidationFailed, "organisation.amend", kind="hotline", reason="typing error")
    values = {"kind": "gateway", "reason": "typing error"}
    refused(joined, ValidationFailed, "organisation.amend", of=HOTLINE, **values)
    named = ("name", "kind", "public_authority", "regimes", "country")
    entry = {name: APPLICATION[name] for name in named}
    refused(joined, WrongState, "organisation.admit", of="at-once", **entry)


def test_one_person_suspends_a_peer_gateway(joined):
    change = Change("organisation.suspend", PEER, {"reason": "its log has two histories"})
    joined.do(submit_change, change, *joined.approve(change, ALICE))
    assert joined.organisation(PEER).status == "suspended"
