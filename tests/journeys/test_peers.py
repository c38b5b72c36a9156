"""Gateways as shipped that are peers: they cosign each other's logs, and more (slow)."""

from pathlib import Path

import pytest

from tests.journeys.harness import ABROAD, OFMIN, check_log
from tests.journeys.peers import check, gateways, join, offer, parties, state, until, view

pytestmark = [pytest.mark.journey, pytest.mark.slow]


def test_two_gateways_enrol_at_each_other_and_cosign_each_others_logs(tmp_path: Path) -> None:
    with gateways(tmp_path, "be", "fr") as (be, fr):
        join(be, fr)
        for one, other in ((be, fr), (fr, be)):
            until(lambda one=one, other=other: state(one, other)["cosigned_here"])
            assert set(check(one, other).values()) == {None}
            there = state(other, one)["cosigned_here"]
            assert state(one, other)["cosigned_there"] == there > 0
            check_log(one)


def test_a_handoff_goes_across_and_its_acceptance_comes_back(tmp_path: Path) -> None:
    with gateways(tmp_path, "be", "fr") as (be, fr):
        join(be, fr)
        parties(be, fr)
        handoff = offer(be, fr)
        until(lambda: view(fr, OFMIN, handoff).get("state") == "offered")
        with fr.client(OFMIN) as office:
            office.accept(office.handoff(handoff), "ofmin-1")
            assert office.consult(handoff, "ofmin-1", "assessment", "a reading").content["items"]
        until(lambda: view(be, ABROAD, handoff).get("state") == "accepted")
        for one, other in ((be, fr), (fr, be)):
            until(lambda one=one, other=other: state(one, other)["waiting"] == 0)
            check_log(one)
