"""Whoever takes an event in and is killed before or after any of its commits: it comes again, and
nothing is lost, done twice or in two states."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.handoff import HandoffState, RecallCode
from gateway.evidence import event
from gateway.exchange.handoffs import recalls
from gateway.exchange.handoffs.recalls import RecallRequest
from gateway.exchange.lifecycle import erasure
from gateway.kernel.ports import TransactionMode
from tests import answers
from tests.exchange.relay.test_living_case import crossed, equal
from tests.exchange.relay.two_gateways import (
    BE,
    BE_HOTLINE,
    BE_HOTLINE_THERE,
    OFMIN_THERE,
    TwoGateways,
    released,
    two_gateways,
)
from tests.founded_gateway import OFMIN, Founded


class Killed(BaseException):
    """The process ends here."""


@contextmanager
def killed(gateway: Founded, *, after: bool) -> Iterator[None]:
    """Let the process of a gateway end before its next commit, or after it."""
    ports = gateway.ports

    @contextmanager
    def begin(mode: TransactionMode, *key: Any) -> Iterator[Any]:
        with ports.begin(mode, *key) as work, pytest.MonkeyPatch.context() as patched:
            commit = work.commit

            def end() -> None:
                if after:
                    commit()
                raise Killed

            patched.setattr(work, "commit", end)
            yield work

    gateway.ports = replace(ports, begin=begin)
    try:
        yield
    finally:
        gateway.ports = ports


@dataclass
class MortalGateways(TwoGateways):
    """Two gateways of which each is killed before and after each commit of what it takes in."""

    kills: int = 0

    def post(self, sender: str, body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """What is answered in the end."""
        gateway = self.fr if sender == BE else self.be
        while True:
            for after in (False, True):
                try:
                    with killed(gateway, after=after):
                        return super().post(sender, body)
                except Killed:
                    self.kills += 1


def test_a_gateway_killed_around_each_commit_takes_each_event_in_once() -> None:
    whole = two_gateways()
    two = MortalGateways(whole.be, whole.fr)
    case = released(two)
    handoff, other = crossed(two, case), crossed(two, released(two))
    two.be.answer(BE_HOTLINE, answers.withdraw, handoff, "a mistake")
    conditions = two.fr.view(OFMIN, handoff)["conditions"]
    two.fr.answer(OFMIN, answers.accept, handoff, conditions=conditions)
    two.fr.answer(OFMIN, answers.decline, other, "not ours")
    erasure.erase_due(two.fr.ports)
    two.exchange()
    recall = RecallRequest("liaison-1", RecallCode.UNLAWFUL, "why", approved_by="approver-1")
    two.be.act(BE_HOTLINE, recalls.of_case, UUID(case.result["case"]), recall)
    two.exchange()
    two.fr.answer(OFMIN, answers.answer_recall, handoff, done="copies_erased")
    two.exchange()
    assert two.kills > 2 * len(two.log), "around what is heard, and what is cosigned before it"
    equal(two, handoff)
    assert two.be.handoff(other).state is two.fr.handoff(other).state is HandoffState.DECLINED
    assert two.be.handoff(handoff).recall_answer == "copies_erased"
    for gateway, stream in (
        (two.be, BE_HOTLINE),
        (two.be, OFMIN_THERE),
        (two.fr, OFMIN),
        (two.fr, BE_HOTLINE_THERE),
    ):
        told = Counter(
            (said.get("handoff"), said["type"], said.get("document_sha256"))
            for said in (event.read(one.event.document) for one in gateway.stream(stream))
            if said["type"].startswith("handoff.")
        )
        assert [one for one, times in told.items() if times > 1] == []
