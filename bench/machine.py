"""Whose processor time: of processes by Linux's /proc, of a request in this process by its thread.

The standard library alone: what is measured in another's environment (`bench.peers`) has no more.
"""

import io
import os
import platform
import ssl
import sys
import sysconfig
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

_TICK = 1.0 / os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")
_IN_MEMORY = frozenset({"tmpfs", "ramfs"})


def family(*roots: int) -> dict[int, list[str]]:
    """Processes and all that descend from them, with the fields of their `stat`."""
    stats, pids = _stats(), set(roots)
    while grown := {pid for pid, stat in stats.items() if int(stat[1]) in pids} - pids:
        pids |= grown
    return {pid: stat for pid, stat in stats.items() if pid in pids}


def family_seconds(*roots: int) -> float:
    """Processor seconds of processes and all that descend from them, ended ones included."""
    return sum(int(ticks) for stat in family(*roots).values() for ticks in stat[11:15]) * _TICK


def children(pid: int) -> list[int]:
    """The processes that a process has started and that still run."""
    return sorted(child for child, stat in _stats().items() if int(stat[1]) == pid)


def command(pid: int) -> list[str]:
    """The command line of a process; empty when it has ended."""
    try:
        return _PROC.joinpath(str(pid), "cmdline").read_bytes().decode().split("\0")[:-1]
    except OSError:
        return []


def machine_seconds() -> tuple[float, float]:
    """Processor seconds of the whole machine since its start, and those that programs used."""
    fields = _PROC.joinpath("stat").read_text(encoding="ascii").partition("\n")[0].split()[1:9]
    times = [int(field) * _TICK for field in fields]
    # Interrupts are left out: those of the loopback network are nobody's, and ours.
    return sum(times), sum(times[:3])


def proportional_megabytes(pid: int) -> float:
    """The memory of a process, in which pages that it shares count by their share (PSS)."""
    lines = _PROC.joinpath(str(pid), "smaps_rollup").read_text(encoding="ascii").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def _stats() -> dict[int, list[str]]:
    """Of each process the fields from its state on: before it stands a name of any characters."""
    stats = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            try:
                text = (entry / "stat").read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue
            stats[int(entry.name)] = text.rpartition(")")[2].split()
    return stats


class NotAnswered(Exception):
    """A request was not answered well; the message holds the answer."""


def call(
    app: Callable[..., Iterable[bytes]],
    path: str,
    headers: Mapping[str, str],
    body: bytes | None = None,
    **environ: Any,
) -> tuple[float, bytes]:
    """Ask a WSGI app in this thread: the processor time of the answer in microseconds, its body.

    A request with a body is a POST. Raises NotAnswered.
    """
    path, _, query = path.partition("?")
    fields = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    environ |= {
        "REQUEST_METHOD": "GET" if body is None else "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "443",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "localhost",
        "CONTENT_LENGTH": str(len(body or b"")),
        "CONTENT_TYPE": fields.pop("HTTP_CONTENT_TYPE", ""),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https",
        "wsgi.input": io.BytesIO(body or b""),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        **fields,
    }
    status: list[str] = []
    began = time.thread_time_ns()
    answer = app(environ, lambda line, _headers, _error=None: status.append(line))
    content = b"".join(answer)
    if close := getattr(answer, "close", None):
        close()
    took = (time.thread_time_ns() - began) / 1000
    if not status[0].startswith("2"):
        raise NotAnswered(f"{path}: {status[0]} {content[:500]!r}")
    return took, content


def typical(values: Iterable[float]) -> float:
    """What 5 of 100 values stay below, the first fifth left out: others' work only ever adds."""
    warm = list(values)
    warm = sorted(warm[len(warm) // 5 :])
    return warm[len(warm) // 20]


def is_in_memory(folder: Path) -> bool:
    """Whether a folder is in memory only, where a commit that claims to be durable is not."""
    mounts = _PROC.joinpath("mounts").read_text(encoding="utf-8").splitlines()
    kinds = {Path(line.split()[1]): line.split()[2] for line in mounts}
    where = folder.resolve()
    return next(kinds[at] for at in (where, *where.parents) if at in kinds) in _IN_MEMORY


def describe() -> str:
    """The machine and the Python build in general words: nothing that names it or its owner."""
    options = sysconfig.get_config_var("CONFIG_ARGS") or ""
    built = {"--enable-optimizations": "PGO", "--with-lto": "LTO"}
    optimised = [word for option, word in built.items() if option in options]
    return (
        f"{len(os.sched_getaffinity(0))} cores ({platform.machine()}), {platform.system()}, "
        f"Python {platform.python_version()} ({' and '.join(optimised) or 'neither PGO nor LTO'}), "
        f"OpenSSL {ssl.OPENSSL_VERSION.split()[1]}, load {os.getloadavg()[0]:.1f}"
    )
