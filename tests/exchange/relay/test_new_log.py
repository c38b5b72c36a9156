"""The log of a peer ended: two persons pin the new one, and what was open with the old one ends."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from gateway.domain.handoff import HandoffState
from gateway.exchange.relay.ending import end_with_peers
from gateway.keys import SigningKey
from tests.casework import accepted, offered
from tests.exchange.relay.test_living_case import crossed, held
from tests.exchange.relay.two_gateways import (
    BE,
    BE_HOTLINE,
    TwoGateways,
    be_attester,
    belgian,
    enter_french,
    released,
    two_gateways,
)
from tests.founded_gateway import OFMIN
from tests.log_check import check_log
from tests.ports import document_key

NEW = "gateway.be.example/log2"


def trust(two: TwoGateways, attester: SigningKey) -> None:
    """Let the recipients' gateway pin what the other one shows now, by an event of today."""
    for step in ("suspend", "reinstate"):
        two.fr.administer(f"organisation.{step}", BE, reason="new keys")
    with two.fr.past_events(BE) as work:
        found = work.organisations.get(BE)
        pins = replace(
            found.peer.pins,
            log_keys=(two.be.checkpoint_signer.signer.vkey,),
            attestation_keys=(json.dumps(attester.public_jwk()),),
            event=found.history[-1].event,
        )
        peer = replace(found.peer, pins=pins, earlier=(found.peer.pins,))
        work.organisations.save(replace(found, peer=peer, version=found.version + 1))


def lost(two: TwoGateways) -> None:
    """The originators' gateway lost its database, and begins anew with another log."""
    two.be = belgian(NEW)
    two.be.clock.advance(timedelta(hours=1))
    two.fr.clock.advance(timedelta(hours=1))
    enter_french(two.be, two.fr, "any")
    trust(two, be_attester())
    assert not end_with_peers(two.fr.ports, set())


def test_what_was_open_ends_and_the_streams_of_the_new_log_begin_anew(monkeypatch: Any) -> None:
    two = two_gateways()
    waiting, taken = crossed(two, released(two)), held(two, released(two))
    lost(two)
    assert two.fr.handoff(waiting).state is HandoffState.RETURNED
    assert two.fr.handoff(taken).state is HandoffState.CLOSED
    offer = offered(two.be, released(two), originator=BE_HOTLINE)
    two.exchange()
    accepted(two.fr, offer, recipient=OFMIN)
    done = set[UUID]()
    end_with_peers(two.fr.ports, done)
    assert len(done) == 1
    with monkeypatch.context() as patched:
        patched.delattr("gateway.exchange.relay.ending._open_with")  # it is read once
        end_with_peers(two.fr.ports, done)
    two.exchange()
    handoff = UUID(offer.result["handoff"])
    assert two.fr.handoff(handoff).state is HandoffState.ACCEPTED
    assert two.be.handoff(handoff).state is HandoffState.ACCEPTED
    check_log(two.fr)
    check_log(two.be)


def test_what_was_attested_before_a_key_was_replaced_counts_and_nothing_after() -> None:
    two = two_gateways()
    before = UUID(offered(two.be, released(two), originator=BE_HOTLINE).result["handoff"])
    two.be.clock.advance(timedelta(hours=1))
    two.fr.clock.advance(timedelta(hours=1))
    trust(two, document_key("a new attester"))
    two.be.clock.advance(timedelta(hours=1))
    two.fr.clock.advance(timedelta(hours=1))
    two.exchange()
    assert two.fr.handoff(before).state is HandoffState.OFFERED
    after = UUID(offered(two.be, released(two), originator=BE_HOTLINE).result["handoff"])
    two.exchange()
    assert two.be.handoff(after).state is HandoffState.RETURNED
