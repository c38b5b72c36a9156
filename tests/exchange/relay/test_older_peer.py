"""A peer gateway of an earlier version, which does not know every answer, and its upgrade."""

from datetime import timedelta
from uuid import UUID

from gateway.domain.handoff import HandoffState
from gateway.domain.refusals import WrongState
from gateway.exchange.lifecycle import erasure
from gateway.exchange.relay import taking_in
from gateway.exchange.relay.following import FOLLOWED
from gateway.exchange.standing import handoff_standing
from gateway.kernel.ports import TransactionMode
from tests import answers
from tests.exchange.relay.test_living_case import crossed, equal, held
from tests.exchange.relay.two_gateways import BE_HOTLINE, BE_ORIGIN, released, two_gateways
from tests.founded_gateway import OFMIN, Founded
from tests.ports import ORIGIN

DELAYED, CALLED = "handoff.delay_announced", "handoff.called"
LATER = {"code": "workload", "until": "2026-03-20T09:00:00Z"}
BY_TELEPHONE = {"function": "the duty officer", "time": "2026-03-02T09:00:00Z"}


def tell(gateway: Founded, origin: str, events: list[str]) -> None:
    """Let a gateway know which events its peer says that it follows."""
    with gateway.ports.begin(TransactionMode.WRITE) as work:
        work.relay.tell_members(origin, work.relay.members_told(origin), events)
        work.commit()


def acts(gateway: Founded, reader: str, handoff: UUID) -> set[str]:
    """What a party may do, as its view lists it."""
    return {one["action"] for one in gateway.view(reader, handoff)["acts"]}


def test_an_answer_of_a_later_kind_is_refused_while_the_other_gateway_does_not_know_it(monkeypatch):
    monkeypatch.setattr(handoff_standing, "LATER", frozenset({DELAYED, CALLED}))
    two = two_gateways()
    handoff = crossed(two, released(two))
    with monkeypatch.context() as earlier:
        earlier.delitem(FOLLOWED, DELAYED)
        earlier.delitem(FOLLOWED, CALLED)
        tell(two.fr, BE_ORIGIN, taking_in.understood())
        tell(two.be, ORIGIN, taking_in.understood())
    said = answers.said("officer-1", **LATER)
    refused = two.fr.refused(WrongState, OFMIN, answers.delay, handoff, said)
    assert "does not know this answer yet" in refused.detail
    said = answers.said("liaison-1", **BY_TELEPHONE)
    two.be.refused(WrongState, BE_HOTLINE, answers.call, handoff, said)
    assert "handoff.delay" not in acts(two.fr, OFMIN, handoff) >= {"handoff.decline"}
    tell(two.fr, BE_ORIGIN, taking_in.understood())
    assert "handoff.delay" in acts(two.fr, OFMIN, handoff)
    two.fr.answer(OFMIN, answers.delay, handoff, **LATER)
    two.exchange()
    equal(two, handoff)


def test_a_gateway_that_denies_what_each_follows_keeps_nobody_from_an_answer():
    two = two_gateways()
    handoff = held(two, released(two))
    able = acts(two.fr, OFMIN, handoff), acts(two.be, BE_HOTLINE, handoff)
    tell(two.fr, BE_ORIGIN, ["handoff.accepted"])
    tell(two.be, ORIGIN, ["handoff.accepted"])
    assert (acts(two.fr, OFMIN, handoff), acts(two.be, BE_HOTLINE, handoff)) == able
    two.fr.answer(OFMIN, answers.retain, handoff, legal_basis="Art. 40 CPP", until="2028-01-01")
    two.exchange()
    two.fr.clock.advance(timedelta(days=366))
    erasure.erase_due(two.fr.ports)
    with two.fr.ports.begin(TransactionMode.READ) as work:
        assert work.retentions.copy(handoff) is not None


def test_what_a_gateway_cannot_follow_is_not_heard_and_is_followed_after_its_upgrade(monkeypatch):
    two = two_gateways()
    handoff = crossed(two, released(two))
    with monkeypatch.context() as earlier:
        earlier.delitem(FOLLOWED, DELAYED)
        two.fr.answer(OFMIN, answers.delay, handoff, **LATER)
        two.fr.answer(OFMIN, answers.decline, handoff, "not ours")
        two.exchange()
        assert two.be.handoff(handoff).state is HandoffState.OFFERED
        assert f"409 UnknownEvent {DELAYED} is not known here yet" in two.log[-1][2]
    two.exchange()
    assert two.be.handoff(handoff).state is HandoffState.DECLINED
    equal(two, handoff)
