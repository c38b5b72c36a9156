"""Workers die in the middle of work; what was acknowledged is in the log, once, in one tree."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.cli.demo.environment import DemoEnvironment
from tests.journeys.harness import Listeners, check_log, running
from tests.journeys.load import CLIENTS, Load, check_acknowledged, check_repeated
from tests.journeys.nodes import two_nodes
from tests.journeys.processes import kill, workers
from tests.waiting import until

pytestmark = [pytest.mark.journey, pytest.mark.slow]
KILLS = 30
AT_ONCE = 2  # of the four; a listener starts others
WORKERS = 4
SAMPLE = 20


@contextmanager
def _one_node(folder: Path) -> Iterator[list[DemoEnvironment]]:
    """Four workers on SQLite."""
    with running(folder, kind=Listeners, workers=WORKERS) as stage:
        yield [stage]


@contextmanager
def _two_nodes(folder: Path) -> Iterator[list[DemoEnvironment]]:
    """Twice two workers on PostgreSQL."""
    with two_nodes(folder, workers=WORKERS // 2) as nodes:
        yield list(nodes)


def _some_workers(nodes: list[DemoEnvironment]) -> list[int]:
    """The workers that live, once there is one: a listener starts others for those that died."""
    return until(lambda: workers(*nodes))


@pytest.mark.parametrize("opened", [_one_node, _two_nodes], ids=["sqlite", "two-on-postgresql"])
def test_workers_killed_thirty_times_under_load_lose_nothing_and_fork_nothing(tmp_path, opened):
    chance = random.Random(20260101)
    with opened(tmp_path) as nodes:
        with Load(*nodes) as load:
            killed = 0
            while killed < KILLS and not load.failures:
                enough = len(load.acknowledged) + CLIENTS
                until(lambda enough=enough: load.failures or len(load.acknowledged) >= enough)
                load.stopped.wait(chance.uniform(0.0, 0.2))
                found = _some_workers(nodes)
                killed += kill(chance.sample(found, min(AT_ONCE, len(found))))
            load.stopped.wait(1.0)
        print(f"{len(load.acknowledged)} acknowledged, {load.moved} attempts failed")
        final = check_acknowledged(nodes[0], load.acknowledged)
        assert check_log(nodes[-1]) == final
        check_repeated(nodes[-1], chance.sample(load.acknowledged, SAMPLE))
