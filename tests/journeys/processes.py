"""The processes of a running gateway, as the kernel lists them."""

import os
import signal
from contextlib import suppress
from pathlib import Path

from gateway.cli.demo.environment import DemoEnvironment
from gateway.wiring import load_config
from tests.waiting import until


def workers(*stages: DemoEnvironment) -> list[int]:
    """The worker processes of the stages' partners' listeners."""
    parents = {pid: _parent(pid) for pid in _pids()}
    operators = {str(stage.operator) for stage in stages}
    masters = {pid for pid in parents if _is_partners(_command(pid), operators)}
    return [pid for pid, parent in parents.items() if parent in masters]


def all_workers(stage: DemoEnvironment) -> list[int]:
    """The same of one stage, as soon as all are there: gunicorn starts one after the other."""
    wanted = load_config(stage.operator).workers

    def found() -> list[int]:
        there = workers(stage)
        return there if len(there) >= wanted else []

    return until(found)


def kill_node(stage: DemoEnvironment) -> int:
    """Kill every process of a node at one stroke, as a power failure does; how many they were."""
    # Stopped first: a supervisor would start a new child between two kills.
    found: list[int] = []
    while new := [pid for pid in _of(stage) if pid not in found]:
        _send(new, signal.SIGSTOP)
        found += new
    return kill(found)


def kill_process(stage: DemoEnvironment, part: str) -> list[int]:
    """Kill one of the processes that `casegate run` starts, as `deliver`; which it was."""
    found = those_of(stage, part)
    kill(found)
    return found


def those_of(stage: DemoEnvironment, part: str) -> list[int]:
    """What runs of a part of `casegate run`, as `deliver`."""
    return [pid for pid in _of(stage) if _command(pid)[-3:-1] == ["--only", part]]


def kill(pids: list[int]) -> int:
    """Kill processes; how many of them were still there."""
    return _send(pids, signal.SIGKILL)


def _of(stage: DemoEnvironment) -> list[int]:
    return [pid for pid in _pids() if str(stage.operator) in _command(pid)]


def _send(pids: list[int], number: signal.Signals) -> int:
    sent = 0
    for pid in pids:
        with suppress(ProcessLookupError):  # one that ended meanwhile
            os.kill(pid, number)
            sent += 1
    return sent


def _is_partners(command: list[str], operators: set[str]) -> bool:
    return "partners" in command and "--only" in command and bool(operators & set(command))


def _pids() -> list[int]:
    return [int(name.name) for name in Path("/proc").iterdir() if name.name.isdigit()]


def _parent(pid: int) -> int:
    """Its parent's; 0 of one that has ended, whether or not its parent took note of it."""
    try:
        state, parent, *_ = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return 0 if state in "ZX" else int(parent)


def _command(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    except OSError:
        return []
