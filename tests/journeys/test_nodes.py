"""Two nodes are one gateway: one log, whoever is asked, and whoever dies."""

import random
from pathlib import Path

import pytest

from gateway.cli.demo.environment import DemoEnvironment
from tests.journeys.harness import HOTLINE, OFMIN, check_log, offered
from tests.journeys.load import Load, check_acknowledged, check_repeated
from tests.journeys.nodes import two_nodes
from tests.journeys.processes import kill_node
from tests.waiting import until

pytestmark = [pytest.mark.journey, pytest.mark.slow]
SAMPLE = 20


def test_members_use_either_node_and_one_that_dies_under_load_is_not_missed(
    tmp_path: Path,
) -> None:
    chance = random.Random(20260102)
    with two_nodes(tmp_path) as (first, second):
        _hand_over(first, second)
        assert check_log(first) == check_log(second)
        with Load(first, second) as load:
            load.stopped.wait(5.0)
            assert kill_node(first) >= 8  # the supervisor, its four, and two workers of each master
            died = len(load.acknowledged)
            # Some clients were at the node that died; the other one goes on.
            until(lambda: load.failures or (load.moved and len(load.acknowledged) > died + 10))
        after = len(load.acknowledged) - died
        print(f"{died} acknowledged before the death, {after} after; {load.moved} moved")
        check_acknowledged(second, load.acknowledged, others=1)
        check_repeated(second, chance.sample(load.acknowledged[:died], min(died, SAMPLE)))
        _renew_certificate(second)


def _hand_over(first: DemoEnvironment, second: DemoEnvironment) -> None:
    """A case goes from one organisation at the first node to another at the second, and back."""
    handoff = offered(first)
    with second.client(OFMIN) as office:
        office.accept(office.handoff(handoff), "ofmin-1")
        assert office.consult(handoff, "ofmin-1", "assessment", "a reading").content["items"]
    with first.client(HOTLINE) as hotline:
        assert hotline.handoff(handoff)["state"] == "accepted"


def _renew_certificate(node: DemoEnvironment) -> None:
    """What maintenance alone can do is done by the maintenance of the node that is left."""
    node.renew(HOTLINE, node.folder / "former")
