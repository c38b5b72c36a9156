"""What a stolen key signed is listed, with the events that prove it at both gateways."""

from dataclasses import replace

import pytest

from gateway.domain.refusals import NotFound
from gateway.exchange.lifecycle import erasure
from gateway.exchange.oversight.key_use import KeyUse, uses_of
from tests import answers
from tests.exchange.relay.test_living_case import signed_by_itself
from tests.exchange.relay.two_gateways import BE_HOTLINE, BE_HOTLINE_THERE, two_gateways
from tests.founded_gateway import OFMIN
from tests.ports import document_key

KID = document_key("be-hotline").kid


def test_what_rests_on_a_key_of_a_remote_member_is_listed_with_the_event_of_its_own_gateway():
    two = two_gateways("signed")
    handoff, _ = signed_by_itself(two)
    two.enter_key(BE_HOTLINE_THERE)
    two.exchange()

    def listed() -> list[KeyUse]:
        return [*uses_of(two.fr.ports, BE_HOTLINE_THERE, KID)]

    (home,) = uses_of(two.be.ports, BE_HOTLINE, KID)
    (there,) = listed()
    assert (there.handoff, there.counterpart, there.document) == (handoff, OFMIN, "offer")
    assert there.peer_event == home.event
    assert (home.peer_event, there.revoked, there.erased) == (None, False, False)
    with two.fr.past_events(BE_HOTLINE_THERE) as work:
        found = work.organisations.get(BE_HOTLINE_THERE)
        (key,) = found.document_keys
        over = replace(found, document_keys=(replace(key, valid_until=there.at),))
        work.organisations.save(replace(over, version=found.version + 1))
    assert listed() == [replace(there, revoked=True)]


def test_what_was_erased_is_listed_where_the_key_may_have_signed_it():
    two = two_gateways("signed")
    signed_by_itself(two)
    two.enter_key(BE_HOTLINE_THERE)
    two.exchange()
    (handoff,) = (one.handoff for one in uses_of(two.fr.ports, BE_HOTLINE_THERE, KID))
    two.fr.answer(OFMIN, answers.decline, handoff)
    assert erasure.erase_due(two.fr.ports) == 1
    (there,) = uses_of(two.fr.ports, BE_HOTLINE_THERE, KID)
    assert there.erased
    assert there.peer_event is not None
    with pytest.raises(NotFound):
        uses_of(two.fr.ports, BE_HOTLINE_THERE, "another")
