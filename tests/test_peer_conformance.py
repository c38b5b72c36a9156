"""`casegate peer check` tries a peer by what the protocol demands, and leaves nothing there."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import pytest

from gateway import peer_conformance
from gateway.domain.handoff import RecallCode
from gateway.domain.refusals import Refusal
from gateway.evidence import receipt as receipts
from gateway.exchange.handoffs import recalls
from gateway.exchange.handoffs.recalls import RecallRequest
from gateway.exchange.relay import taking_in
from gateway.kernel.ports import TransactionMode
from gateway.kernel.transact import RecordedRefusal
from gateway.kernel.values import HOST, Caller
from gateway.ledger.witness import Refused
from gateway.peer_conformance import DemandResult
from gateway.registry import witnessing
from gateway.store.high_water_mark import HighWaterMarkFile
from gateway.web.partners.relay import RelayedEventBody, relay_message
from gateway.web.problems import problem_of
from tests import answers
from tests.casework import accepted, offered
from tests.each import each
from tests.exchange.relay.two_gateways import (
    BE,
    BE_HOTLINE,
    FR,
    OFMIN_THERE,
    TwoGateways,
    released,
    two_gateways,
)
from tests.founded_gateway import OFMIN, Founded
from tests.peering import PEER, PEER_WITNESS, POLICE, Peering, peering
from tests.ports import ORIGIN

Answer = tuple[int, dict[str, Any]]


@dataclass
class Line:
    """The line to a gateway; ``spoil`` changes what that answers."""

    to: Founded
    caller: str
    spoil: Callable[[Answer], Answer] = lambda answer: answer

    def deliver(self, key: str, body: Any) -> Answer:
        return self.spoil(self._answered(key, body))

    def _answered(self, key: str, body: Any) -> Answer:
        loaded = RelayedEventBody().load(json.loads(json.dumps(body)))
        caller = Caller(self.caller, "relay", frozenset({"relay"}), HOST)
        try:
            heard, proof = taking_in.take_in(self.to.ports, caller, relay_message(loaded, key))
        except RecordedRefusal as refused:
            return 403, {"receipt": receipts.to_json(refused.receipt)}
        except Refusal as refusal:
            return problem_of(refusal).status, dict(refusal.help)
        told = proof and receipts.to_json(proof)
        return 200, {"stream_number": 1, "event": heard.event, "receipt": told}

    def add_checkpoint(self, query: bytes) -> tuple[int, str, bytes]:
        try:
            return 200, "", witnessing.cosign(self.to.ports, query.decode()).encode()
        except Refused as refused:
            return refused.status, "", b""


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Peering:
    """Two gateways, of which `here` is tried by `there` and knows its police office."""
    found = peering()
    mark = tmp_path_factory.mktemp("mark") / "mark"
    marks = HighWaterMarkFile(mark, ORIGIN).of
    found.here.ports = replace(found.here.ports, witness=PEER_WITNESS, witnessed=marks)
    assert found.record() == []
    return found


def tried(
    two: Peering, spoil: Callable[[Answer], Answer] = lambda answer: answer
) -> list[DemandResult]:
    line = Line(two.here, PEER, spoil)
    return [*peer_conformance.run(two.there.ports, line, "be", lambda _: two.cosign(), None)]


def failing(found: list[DemandResult]) -> dict[str, str]:
    return {one.demand: one.failure for one in found if one.failure}


def test_a_gateway_that_does_as_the_protocol_demands_passes_and_keeps_nothing(two: Peering) -> None:
    two.cosign()
    before = two.here.store.tables()
    found = tried(two)
    assert failing(found) == {}
    assert [one.untried for one in found if one.untried] == [peer_conformance.NOTHING_HEARD]
    assert two.here.store.tables() == before
    assert tried(two) == found, "the stream of a test is never heard"


def test_what_a_gateway_answers_otherwise_is_told_with_what_its_author_does(two: Peering) -> None:
    def turned(answer: Answer) -> Answer:
        return (418, {}) if answer[0] == 200 else (200, {"stream_number": 1})

    found = failing(tried(two, turned))
    assert len(found) == len(peer_conformance.DEMANDS)
    assert "look the member up" in found["an unknown member is not found"]
    taken = found["a cosigned checkpoint is taken"]
    assert taken.startswith("it answers 418, and not 200: take the receipt")


@each("wrong, status, told", [
    ({"receipt": {"document": "e30"}}, 422, "as if it was heard"),
    ({"expected": 2}, 409, "expects 2, and not"),
    ({"event": "an event"}, 200, "became an event"),
])  # fmt: skip
def test_an_answer_of_the_right_status_says_what_it_may_say(
    two: Peering, wrong: dict[str, Any], status: int, told: str
) -> None:
    found = failing(tried(two, lambda one: (one[0], one[1] | (wrong if one[0] == status else {}))))
    assert found
    assert all(told in one for one in found.values())


def test_without_a_member_that_shows_itself_documents_are_not_tried(two: Peering) -> None:
    two.there.administer("organisation.hide_from_peer", POLICE, peer="be", reason="it said so")
    found = [one.untried for one in tried(two)]
    assert found.count(peer_conformance.NO_MEMBER) == 6
    two.show()


def test_whatever_was_heard_is_brought_again_and_gets_its_first_answer() -> None:
    two = two_gateways()
    case = released(two)
    offer = offered(two.be, case, originator=BE_HOTLINE)
    two.exchange()
    handoff = accepted(two.fr, offer, recipient=OFMIN)
    two.be.answer(BE_HOTLINE, answers.withdraw, handoff, "it crosses the acceptance")
    two.exchange()
    wanted = RecallRequest("liaison-1", RecallCode.UNLAWFUL, "why", approved_by="approver-1")
    two.be.act(BE_HOTLINE, recalls.of_case, UUID(case.result["case"]), wanted)
    two.exchange()
    sizes = two.be.size(), two.fr.size()
    for (name, member), last in two.cursors.items():
        told = [repeated(two, name, member, number) for number in range(1, last + 1)]
        assert told == [None] * last
    assert (two.be.size(), two.fr.size()) == sizes
    said = [
        repeated(two, BE, OFMIN_THERE, 1, lambda one: (one[0], one[1] | {"event": object()})),
        repeated(two, BE, OFMIN_THERE, 1, lambda one: (200, {"receipt": altered(one[1])})),
    ]
    assert ["step 3" in str(said[0]), "is not accepted" in str(said[1])] == [True, True]


def repeated(
    two: TwoGateways,
    name: str,
    member: str,
    number: int,
    spoil: Callable[[Answer], Answer] = lambda answer: answer,
) -> str | None:
    here, there, peer = (two.be, two.fr, FR) if name == BE else (two.fr, two.be, BE)
    with here.ports.begin(TransactionMode.READ) as work:
        pins = work.organisations.get(peer).peer.pins
    line = Line(there, name, spoil)
    return peer_conformance.repeated(here.ports, line, pins, member, number)


def altered(answer: dict[str, Any]) -> dict[str, Any]:
    receipt = answer["receipt"]
    return receipt | {"document": receipt["document"].replace("allowed", "denied")}
