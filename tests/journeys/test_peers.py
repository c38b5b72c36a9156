"""Gateways as shipped that are peers: they cosign each other's logs, and more (slow)."""

from pathlib import Path

import pytest

from tests.journeys.harness import check_log
from tests.journeys.peers import check, gateways, join, state, until

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
