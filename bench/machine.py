"""What the machine does meanwhile, read from Linux's /proc: whose processor time, and how quiet."""

import os
import platform
import ssl
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

QUIET = 0.05
"""The share of the machine that others may use before it counts as busy."""

_TICK = 1.0 / os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")
_IN_MEMORY = frozenset({"tmpfs", "ramfs"})


@dataclass(frozen=True)
class Reading:
    """Processor time since the start, in seconds: of the machine, of programs, of processes."""

    whole: float
    programs: float
    steal: float
    processes: Mapping[int, float]


@dataclass(frozen=True)
class Load:
    """How the processor time between two readings was used.

    ``others`` and ``steal`` are shares of the machine; ``seconds`` those of each process.
    """

    others: float
    steal: float
    seconds: Mapping[int, float]


def read(pids: Collection[int]) -> Reading:
    """The times of now; a process that has ended has none."""
    fields = _PROC.joinpath("stat").read_text(encoding="ascii").partition("\n")[0].split()[1:9]
    user, nice, system, idle, iowait, irq, softirq, steal = (int(f) * _TICK for f in fields)
    return Reading(
        whole=user + nice + system + idle + iowait + irq + softirq + steal,
        # Interrupts are left out: those of the loopback network are nobody's, and ours.
        programs=user + nice + system,
        steal=steal,
        processes={pid: seconds for pid in pids if (seconds := _seconds(pid)) is not None},
    )


def load(before: Reading, after: Reading) -> Load:
    """What happened between two readings of the same processes."""
    whole = max(after.whole - before.whole, _TICK)
    seconds = {
        pid: time_ - before.processes.get(pid, 0.0) for pid, time_ in after.processes.items()
    }
    others = after.programs - before.programs - sum(seconds.values())
    return Load(max(0.0, others / whole), (after.steal - before.steal) / whole, seconds)


def family(root: int) -> set[int]:
    """A process and all that descend from it."""
    parents = dict(_parents())
    found = {root}
    while grown := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= grown
    return found


def children(pid: int) -> list[int]:
    """The processes that a process has started and that still run."""
    return sorted(child for child, parent in _parents() if parent == pid)


def command(pid: int) -> list[str]:
    """The command line of a process; empty when it has ended."""
    try:
        return _PROC.joinpath(str(pid), "cmdline").read_bytes().decode().split("\0")[:-1]
    except OSError:
        return []


def wait_until_quiet(patience: float) -> float:
    """Wait until others use little of the machine, ``patience`` seconds at most; their share."""
    ends = time.monotonic() + patience
    while True:
        before = read([os.getpid()])
        time.sleep(1.0)
        others = load(before, read([os.getpid()])).others
        if others < QUIET or time.monotonic() >= ends:
            return others


def is_in_memory(folder: Path) -> bool:
    """Whether a folder is in memory only, where a commit that claims to be durable is not."""
    mounts = _PROC.joinpath("mounts").read_text(encoding="utf-8").splitlines()
    kinds = {Path(line.split()[1]): line.split()[2] for line in mounts}
    where = folder.resolve()
    return next(kinds[at] for at in (where, *where.parents) if at in kinds) in _IN_MEMORY


def describe() -> dict[str, str | int]:
    """The machine in general words: nothing that names it or its owner."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": platform.machine(),
        "system": f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
        "python": platform.python_version(),
        "openssl": ssl.OPENSSL_VERSION.split(maxsplit=2)[1],
    }


def _parents() -> Iterator[tuple[int, int]]:
    for entry in _PROC.iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))) is not None:
            yield int(entry.name), int(fields[1])


def _seconds(pid: int) -> float | None:
    fields = _stat(pid)
    return None if fields is None else (int(fields[11]) + int(fields[12])) * _TICK


def _stat(pid: int) -> list[str] | None:
    """The fields from the state on: before it stands a name that may hold anything."""
    try:
        text = _PROC.joinpath(str(pid), "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()
