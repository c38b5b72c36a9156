"""Workers die in the middle of work; what was acknowledged is in the log, once, in one tree."""

import os
import random
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.demo.stage import Stage
from gateway.client import Gateway
from gateway.client.failures import ClientError
from gateway.ledger import proof
from gateway.ledger.checkpoint import Checkpoint, open_checkpoint
from tests.journeys.harness import (
    HOTLINE,
    case_content,
    check_log,
    clearance,
    log_key,
    running,
)

pytestmark = [pytest.mark.journey, pytest.mark.slow]
ROUNDS = 10
CLIENTS = 4


def _workers(stage: Stage) -> list[int]:
    """The worker processes of the partners' listener."""
    parents = {pid: _parent(pid) for pid in _pids()}
    masters = [pid for pid in parents if "partners" in _command(pid) and "--only" in _command(pid)]
    return [pid for pid, parent in parents.items() if parent in masters]


def _pids() -> list[int]:
    return [int(name.name) for name in Path("/proc").iterdir() if name.name.isdigit()]


def _parent(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[1])


def _command(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    except OSError:
        return []


class Load:
    """Clients that submit without pause, and remember what was acknowledged."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.acknowledged: list[Any] = []
        self.stopped = threading.Event()
        self.threads = [threading.Thread(target=self._submit) for _ in range(CLIENTS)]

    def _submit(self) -> None:
        while not self.stopped.is_set():
            with self.stage.client(HOTLINE) as hotline:
                self._submit_with(hotline)

    def _submit_with(self, hotline: Gateway) -> None:
        while not self.stopped.is_set():
            content = case_content()
            try:
                written = hotline.submit(content, "pdc-1", clearance(content))
            except ClientError:
                return  # not acknowledged after all retries: a new client begins anew
            self.acknowledged.append((content["case"], written))

    def __enter__(self) -> "Load":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        for thread in self.threads:
            thread.join()


def test_a_worker_killed_ten_times_under_load_loses_nothing_and_forks_nothing(
    tmp_path: Path,
) -> None:
    chance = random.Random(20260101)
    with running(tmp_path) as stage:
        with Load(stage) as load:
            for _ in range(ROUNDS):
                load.stopped.wait(chance.uniform(0.3, 1.2))
                workers = _workers(stage)
                assert workers
                os.kill(chance.choice(workers), signal.SIGKILL)
            load.stopped.wait(1.0)
        assert len(load.acknowledged) > 10 * ROUNDS
        final = check_log(stage)
        _check_acknowledged(stage, load, final)


def _check_acknowledged(stage: Stage, load: Load, final: Checkpoint) -> None:
    key = log_key(stage)
    indexes = []
    for _, written in load.acknowledged:
        proven = proof.parse(written.receipt.proof)
        checkpoint = open_checkpoint(proven.checkpoint_note, [key], key.name)
        assert checkpoint.size <= final.size
        indexes.append(proven.index)
    assert len(set(indexes)) == len(indexes)
    with stage.client(HOTLINE) as hotline:
        stored = {view["case"] for view in hotline.cases()}
        events = [
            entry.confirmed.event["case_digest"]
            for entry in hotline.events()
            if entry.confirmed.event["typ"] == "case.submitted"
        ]
    assert {case for case, _ in load.acknowledged} <= stored
    assert len(set(events)) == len(events) == len(stored)
