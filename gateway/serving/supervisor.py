"""The supervisor: it keeps processes alive, and stops them together."""

import contextlib
import gc
import os
import select
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

DEATHS, DEATHS_WITHIN = 5, 60.0  # a process that ends so often in so many seconds is given up

_ONE_REQUEST = 1.0
"""Seconds in which a second signal is no second request: `timeout` and `make` send two."""

SUPERVISOR_VARIABLE = "CASEGATE_SUPERVISOR"
"""Names the process with whose end a process of the gateway ends too."""
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class ProcessSpec:
    """A process to keep alive: the command, and how to tell that it does its work."""

    name: str
    argv: Sequence[str]
    ready: Callable[[], bool] | None = None
    """None: ready as soon as it runs."""


@dataclass
class _Child:
    spec: ProcessSpec
    process: subprocess.Popen[bytes] | None = None
    ready: bool = False
    starts_at: float = 0.0
    deaths: deque[float] = field(default_factory=deque)

    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None


def _print(text: str) -> None:
    print(text, flush=True)


class Supervisor:
    """Keep processes alive; stop them together.

    A process that ends is started again, each time after a longer pause; when it ends 5 times in
    a minute all are stopped. Signals of the terminal reach the supervisor alone: the processes
    are asked to end by SIGTERM and drain.
    """

    def __init__(
        self,
        processes: Sequence[ProcessSpec],
        environ: Mapping[str, str],
        *,
        drain: float = 20.0,
        pause: float = 0.5,
        say: Callable[[str], Any] = _print,
    ) -> None:
        """`drain`: seconds until a process that does not end is killed; longer than its own."""
        self._children = [_Child(spec) for spec in processes]
        self._environ = {**environ, SUPERVISOR_VARIABLE: str(os.getpid())}
        self._drain = drain
        self._pause = pause
        self._say = say

    def run(self) -> int:
        """Start all and wait for SIGTERM or SIGINT. Call it in the main thread.

        Says `ready` once every process is. Returns the exit code: 0 after a clean stop, 1 when a
        process was given up or had to be killed.
        """
        with _signals(signal.SIGTERM, signal.SIGINT, signal.SIGCHLD) as arrived:
            announced = False
            while not self._asked_to_end(arrived(0.1)):
                if not self._tend():
                    self._stop(arrived)
                    return 1
                if not announced and self._all_ready():
                    announced = True
                    self._say("ready")
            return self._stop(arrived)

    @staticmethod
    def _asked_to_end(signals: bytes) -> bool:
        return signal.SIGTERM in signals or signal.SIGINT in signals

    def _tend(self) -> bool:
        """Start what is due and note what has ended; False when one is to be given up."""
        now = time.monotonic()
        for child in self._children:
            if child.process is not None and child.process.poll() is not None:
                if not self._note_death(child, now):
                    return False
            elif child.process is None and now >= child.starts_at:
                child.process = subprocess.Popen(  # noqa: S603 - the operator's own commands
                    child.spec.argv, env=self._environ, start_new_session=True
                )
        return True

    def _note_death(self, child: _Child, now: float) -> bool:
        assert child.process is not None  # noqa: S101 - the caller has looked
        code, child.process, child.ready = child.process.returncode, None, False
        child.deaths.append(now)
        while now - child.deaths[0] > DEATHS_WITHIN:
            child.deaths.popleft()
        if len(child.deaths) >= DEATHS:
            self._say(f"{child.spec.name} ended {DEATHS} times in a minute and is given up")
            return False
        pause = self._pause * 2 ** (len(child.deaths) - 1)
        child.starts_at = now + pause
        self._say(f"{child.spec.name} ended with code {code}; it starts again in {pause:g} s")
        return True

    def _all_ready(self) -> bool:
        for child in self._children:
            if not child.running():
                return False
            child.ready = child.ready or child.spec.ready is None or child.spec.ready()
        return all(child.ready for child in self._children)

    def _stop(self, arrived: Callable[[float], bytes]) -> int:
        """End all by SIGTERM; those that have not ended in time, or at a second signal, by KILL.

        A signal that comes within a second is the same request, sent twice.
        """
        self._say("stopping: open requests are finished first; again, and they are cut off")
        running = [child for child in self._children if child.running()]
        for child in running:
            _send(child, signal.SIGTERM)
        asked = time.monotonic()
        while any(child.running() for child in running) and time.monotonic() < asked + self._drain:
            if self._asked_to_end(arrived(0.1)) and time.monotonic() > asked + _ONE_REQUEST:
                break
        late = [child for child in running if child.running()]
        for child in late:
            self._say(f"{child.spec.name} did not end in time and is killed")
            _send(child, signal.SIGKILL)
        return 1 if late else 0


def _send(child: _Child, signum: signal.Signals) -> None:
    """Signal a process; KILL goes to its whole group: gunicorn's workers must not stay behind."""
    assert child.process is not None  # noqa: S101 - the caller has looked
    with contextlib.suppress(ProcessLookupError):
        if signum == signal.SIGKILL:
            os.killpg(child.process.pid, signum)
            child.process.wait()
        else:
            child.process.send_signal(signum)


@contextlib.contextmanager
def _signals(*watched: signal.Signals) -> Any:
    """Collect signals: yields a function that waits so many seconds for their numbers.

    The numbers come through a pipe that the interpreter writes to: no handler of ours runs, so
    none can interrupt what holds a lock.
    """
    readable, writable = os.pipe()
    os.set_blocking(readable, False)
    os.set_blocking(writable, False)
    # With no handler in Python a signal would not reach the pipe: this one does nothing.
    former = {number: signal.signal(number, lambda *_: None) for number in watched}
    former_descriptor = signal.set_wakeup_fd(writable, warn_on_full_buffer=False)

    def arrived(seconds: float) -> bytes:
        select.select([readable], [], [], seconds)
        with contextlib.suppress(BlockingIOError):
            return os.read(readable, 4096)
        return b""

    try:
        yield arrived
    finally:
        signal.set_wakeup_fd(former_descriptor)
        for number, handler in former.items():
            signal.signal(number, handler)
        os.close(readable)
        os.close(writable)


def end_with_supervisor() -> None:
    """Ask the kernel for SIGTERM when the supervisor is gone, were it killed.

    Else its processes would keep the addresses, and the next start would fail. Called by every
    process that a supervisor starts, and by a supervisor that a program starts; where the variable
    is not set it does nothing.
    """
    supervisor = os.environ.pop(SUPERVISOR_VARIABLE, None)  # not for processes of our own
    if supervisor is None or sys.platform != "linux":
        return
    import ctypes  # noqa: PLC0415 - needed on this path alone

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(supervisor):  # it was gone before we asked
        raise SystemExit(1)


def settle() -> None:
    """Leave out of every search for garbage what was loaded, and search the rest in time.

    Called by a process that stays up, once it has imported what it needs.
    """
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)


# --- Asking a listener from outside whether it serves ---


def listener_answers(
    address: tuple[str, int], name: str, root: Path | None, timeout: float = 2.0
) -> bool:
    """Tell whether a listener shows a certificate of our root for `name`: a worker of it serves.
    Without a root, whether it shows any.

    The handshake is broken off before our half, so that a listener that demands a client
    certificate has nothing to refuse and to log.
    """
    context = ssl.create_default_context(cafile=None if root is None else str(root))
    if root is None:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    received, sent = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(received, sent, server_hostname=name)
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address[0], address[0])  # noqa: S104
    ends = time.monotonic() + timeout
    try:
        with socket.create_connection((host, address[1]), timeout) as connection:
            while True:
                with contextlib.suppress(ssl.SSLWantReadError):
                    tls.do_handshake()
                    return True
                connection.sendall(sent.read())
                connection.settimeout(max(ends - time.monotonic(), 0.01))
                data = connection.recv(16_384)
                if not data:
                    return False
                received.write(data)
    except OSError:  # ssl.SSLError is one
        return False
