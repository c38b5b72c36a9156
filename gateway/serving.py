"""How the gateway listens: TLS 1.3, deadlines for every client, gunicorn, and the supervisor.

What a client can hold up, and what ends it (gunicorn's gthread alone bounds only the first)::

    connected, silent      a place in the poller, no thread       cut at the deadline
    handshake, head, body  one thread, from the first byte on     cut at one deadline for all three
    reading the answer     one thread                             cut at a second deadline
    leaving the line open  one thread after the last answer       cut after LINGER
    kept alive, idle       a place in the poller, no thread       closed after KEEP_ALIVE

So a hostile client costs a thread for two deadlines at most and cannot stop the service; that it
can slow it down is for the firewall or proxy in front.
"""

import contextlib
import errno
import functools
import logging
import os
import resource
import select
import selectors
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from types import FrameType
from typing import Any, ClassVar, NoReturn

from gunicorn import util
from gunicorn.app.base import BaseApplication
from gunicorn.workers.gthread import TConn, ThreadWorker

KEEP_ALIVE = 15  # seconds; a partner's client reuses its connection: a handshake costs 1.4 ms
LINGER = 1.0  # seconds for a client to close after the last answer (RFC 9112 section 9.6)
JUNK_LINES = 60  # log lines a minute of one worker about connections that are no requests
DEATHS, DEATHS_WITHIN = 5, 60.0  # a process that ends so often in so many seconds is given up

_LARGEST_HEAD = {"limit_request_line": 4094, "limit_request_fields": 64}
_SPARE_FILES = 256  # descriptors of a worker that are not connections: database, tiles, logs
_SUPERVISOR_VARIABLE = "CASEGATE_SUPERVISOR"
_PR_SET_PDEATHSIG = 1

WsgiApp = Callable[..., Iterable[bytes]]

log = logging.getLogger(__name__)


def _nothing() -> None:
    """The hook of a listener that has nothing to set up or to drain."""


# --- Sockets with deadlines ----------------------------------------------------------------


class _Deadlines:
    """The deadlines of one connection, for a socket class to inherit before its own.

    `setblocking(True)`, which gthread calls before the handshake and before each request, starts
    the reading deadline; the first write after a read starts the writing deadline. Passing one
    raises ConnectionResetError, which gthread takes as the client's own departure, and sets `cut`.
    """

    seconds: ClassVar[float]
    cut = False
    _read_until: float | None = None
    _write_until: float | None = None

    def setblocking(self, flag: bool) -> None:
        """Start the deadlines anew, or go without any when the poller watches the socket."""
        self._read_until = time.monotonic() + self.seconds if flag else None
        self._write_until = None
        super().settimeout(self.seconds if flag else 0.0)  # type: ignore[misc]

    def settimeout(self, value: float | None) -> None:
        """Keep a socket that should wait for ever, or not at all, under the rule above."""
        if not value:
            self.setblocking(value is None)
        else:
            super().settimeout(value)  # type: ignore[misc]

    def _before_read(self) -> None:
        self._write_until = None
        self._keep(self._read_until)

    def _before_write(self) -> None:
        if self._read_until is not None and self._write_until is None:
            self._write_until = time.monotonic() + self.seconds
        self._keep(self._write_until)

    def _keep(self, deadline: float | None) -> None:
        """Allow the next call what is left until a deadline."""
        if deadline is None:
            return
        left = deadline - time.monotonic()
        if left <= 0:
            raise self._passed()
        super().settimeout(left)  # type: ignore[misc]

    def _passed(self) -> ConnectionResetError:
        self.cut = True
        return ConnectionResetError(errno.ECONNRESET, "cut at its deadline")


class DeadlineSocket(_Deadlines, ssl.SSLSocket):
    """A TLS connection with deadlines; an SSLContext makes it (`sslsocket_class`)."""

    def do_handshake(self, block: bool = False) -> None:
        """Shake hands before the reading deadline."""
        self._before_read()
        try:
            super().do_handshake(block)
        except TimeoutError as error:
            raise self._passed() from error

    def read(self, len: int = 1024, buffer: Any = None) -> Any:  # noqa: A002 - as in ssl
        """Read before the reading deadline; `recv` and `recv_into` come here."""
        self._before_read()
        try:
            return super().read(len, buffer)
        except TimeoutError as error:
            raise self._passed() from error

    def send(self, data: Any, flags: int = 0) -> int:
        """Write before the writing deadline; `sendall` comes here."""
        self._before_write()
        try:
            return super().send(data, flags)
        except TimeoutError as error:
            raise self._passed() from error


class DeadlineStream(_Deadlines, socket.socket):
    """A plain connection with deadlines: from the proxy, over a unix socket."""

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Read before the reading deadline."""
        self._before_read()
        try:
            return super().recv(size, flags)
        except TimeoutError as error:
            raise self._passed() from error

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Write everything before the writing deadline."""
        self._before_write()
        try:
            super().sendall(data, flags)
        except TimeoutError as error:
            raise self._passed() from error


# --- TLS -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class TlsFiles:
    """The files of a listener's TLS, each replaced whole (`pki.replace_file`)."""

    certificate: Path
    """PEM: key, certificate, issuing certificate."""
    clients: Path | None = None
    """PEM of the authorities of clients; None: no client certificate is asked for."""
    crl: Path | None = None
    """PEM of their revocation lists."""

    def __post_init__(self) -> None:
        """Refuse a listener that would take clients without looking at revocations."""
        if (self.clients is None) != (self.crl is None):
            raise ValueError("authorities of clients and revocation lists go together")

    def versions(self) -> tuple[tuple[int, int, int], ...]:
        """What changes when a file is replaced; OSError when one is missing."""
        files = (self.certificate, self.clients, self.crl)
        found = (file.stat() for file in files if file is not None)
        return tuple((status.st_mtime_ns, status.st_ino, status.st_size) for status in found)


class TlsContexts:
    """The TLS settings of a listener, made anew when one of its files was replaced.

    A new context, never a list added to the old one: a session begun before would not be checked
    against it. Asked for every connection. Safe to share between threads.
    """

    def __init__(self, files: TlsFiles, deadline: float, alarm: Callable[[str], Any]) -> None:
        """`alarm` hears, once for each state of the files, that they cannot be used."""
        self._files = files
        self._socket_class = type("Socket", (DeadlineSocket,), {"seconds": deadline})
        self._alarm = alarm
        self._lock = Lock()
        self._versions: Any = None
        self._context: ssl.SSLContext | None = None

    def current(self) -> ssl.SSLContext:
        """The context for the files of now, or the last good one; OSError when there was none."""
        with self._lock:
            try:
                versions: Any = self._files.versions()
            except OSError as error:
                versions = str(error)
            if versions != self._versions or self._context is None:
                self._context = self._renewed()
                self._versions = versions
            return self._context

    def _renewed(self) -> ssl.SSLContext:
        try:
            return _server_context(self._files, self._socket_class)
        except OSError as error:  # ssl.SSLError is one
            if self._context is None:
                raise
            self._alarm(f"TLS files cannot be used, the former stay in force: {error}")
            return self._context


def _server_context(files: TlsFiles, socket_class: type[ssl.SSLSocket]) -> ssl.SSLContext:
    """TLS 1.3 alone (RFC 9325 3.1.1), no compression, no tickets; strict chains and lists.

    No tickets, because a resumed session would skip the check of the revocation list.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.num_tickets = 0
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.sslsocket_class = socket_class
    context.load_cert_chain(files.certificate)
    if files.clients is not None and files.crl is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_CRL_CHECK_LEAF
        context.load_verify_locations(files.clients)
        context.load_verify_locations(files.crl)
    return context


def openssl_conf(version: tuple[int, ...] = ssl.OPENSSL_VERSION_INFO) -> str:
    """OpenSSL's settings for the key exchange groups, which Python cannot set by itself.

    The post-quantum hybrid comes first where this OpenSSL has it (3.5). The floor is TLS 1.2,
    for outbound connections of the same processes; listeners set their own.
    """
    groups = ["X25519", "P-256", "P-384"]
    if version >= (3, 5):
        groups.insert(0, "X25519MLKEM768")
    return (
        "openssl_conf = casegate\n"
        "[casegate]\nssl_conf = tls\n"
        "[tls]\nsystem_default = defaults\n"
        f"[defaults]\nMinProtocol = TLSv1.2\nGroups = {':'.join(groups)}\n"
    )


def listener_environ(environ: Mapping[str, str], conf: Path) -> dict[str, str]:
    """The environment of the gateway's processes: writes OpenSSL's settings and points to them.

    Settings that the operator points to already (a system-wide policy, FIPS) stay in force.
    """
    if "OPENSSL_CONF" in environ:
        return dict(environ)
    conf.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    conf.write_text(openssl_conf(), encoding="ascii")
    return {**environ, "OPENSSL_CONF": str(conf)}


# --- gunicorn ------------------------------------------------------------------------------


class Connection(TConn):
    """A connection that never holds up the worker's main loop, from the first byte to the last."""

    def __init__(self, cfg: Any, client: socket.socket, address: Any, server: Any) -> None:
        """Take over an accepted socket."""
        super().__init__(cfg, client, address, server)

    @property
    def cut(self) -> bool:
        """Whether a deadline has passed."""
        return getattr(self.sock, "cut", False)

    def linger(self) -> None:
        """End the connection from a pool thread.

        The last answer is not lost by a reset (RFC 9112 section 9.6), unless the client has had
        its time. gthread does this in the main loop, where one client after the other would hold
        up every other connection of the worker.
        """
        if self.cut:
            util.close(self.sock)
        else:
            seconds = min(LINGER, getattr(self.sock, "seconds", LINGER))
            util.close_graceful(self.sock, timeout=seconds)

    def close(self, graceful: bool = False) -> None:
        """Free the descriptor; a graceful end has been had in `linger`."""
        util.close(self.sock)


class DeadlineWorker(ThreadWorker):
    """gthread, with a thread for a connection only from its first byte on."""

    deadline: ClassVar[float]
    stream_class: ClassVar[type[DeadlineStream]]

    def accept(self, listener: Any) -> None:
        """Take one connection."""
        try:
            client, address = listener.accept()
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EWOULDBLOCK, errno.ECONNABORTED):
                raise
            return
        if not self.cfg.is_ssl:
            client = self.stream_class(fileno=client.detach())
        self.nr_conns += 1
        self.enqueue_req(Connection(self.cfg, client, address, listener.getsockname()))

    def enqueue_req(self, conn: Connection) -> None:
        """Give a connection to a thread, or to the poller while it has sent nothing."""
        if conn.initialized or conn.data_ready:
            super().enqueue_req(conn)
            return
        conn.timeout = time.monotonic() + self.deadline
        self.pending_conns.append(conn)
        readable = functools.partial(self.on_pending_socket_readable, conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, readable)

    def murder_pending(self) -> None:
        """Close silent connections at their deadline, or soon when the worker stops."""
        if not self.alive:
            for conn in self.pending_conns:
                conn.timeout = min(conn.timeout, time.monotonic() + LINGER)
        super().murder_pending()

    def handle(self, conn: Connection) -> Any:
        """Serve what a connection has sent, in a pool thread, and end it here if it ends."""
        kept = super().handle(conn)
        if kept and not conn.cut:
            return kept
        if conn.cut:
            self.log.warning("Connection of ip=%s cut at its deadline", (conn.client or [""])[0])
        conn.linger()
        return False


class JunkFilter(logging.Filter):
    """Let pass so many warnings a minute; the next one that passes says how many did not.

    Refused handshakes and cut connections are news to the operator and a weapon in hostile hands.
    """

    def __init__(self, lines: int = JUNK_LINES) -> None:
        """`lines` a minute."""
        super().__init__()
        self._lines = lines
        self._minute = 0
        self._passed = 0
        self._left_out = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a line is written; errors always are."""
        if record.levelno != logging.WARNING:
            return True
        minute = int(record.created // 60)
        if minute != self._minute:
            self._minute, self._passed = minute, 0
        if self._passed >= self._lines:
            self._left_out += 1
            return False
        self._passed += 1
        if self._left_out:
            record.msg = f"{record.msg} ({self._left_out} such lines were left out)"
            self._left_out = 0
        return True


@dataclass(frozen=True)
class Listener:
    """One gunicorn: an address, its TLS, its workers and what wiring does in each of them."""

    name: str
    bind: str
    """host:port, or unix:/path behind a proxy that ends TLS."""
    tls: TlsFiles | None
    """None with a unix socket, and with nothing else."""
    workers: int = 2
    threads: int = 16
    deadline: float = 10.0
    """Seconds for a client to send, and again to take the answer."""
    drain: float = 15.0
    """Seconds that requests in progress have to end when the listener stops."""
    on_worker_start: Callable[[], None] = _nothing
    """Called in each worker after the application was made there and before it serves."""
    on_worker_exit: Callable[[], None] = _nothing
    """Called in each worker after its last request: dispose of the engine here."""
    log_level: str = "warning"

    def __post_init__(self) -> None:
        """Refuse plain HTTP on a network, where Client-Cert would make anybody anybody."""
        if (self.tls is None) != self.bind.startswith("unix:"):
            raise ValueError("a TCP listener speaks TLS, a unix socket plain HTTP from its proxy")


def gunicorn_settings(listener: Listener) -> dict[str, Any]:
    """gunicorn's settings for a listener; nothing is read from the environment or a file."""
    open_files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    settings: dict[str, Any] = {
        **_LARGEST_HEAD,
        "bind": listener.bind,
        "proc_name": f"casegate {listener.name}",
        "workers": listener.workers,
        "threads": listener.threads,
        "worker_class": type(
            "Worker",
            (DeadlineWorker,),
            {
                "deadline": listener.deadline,
                "stream_class": type("Stream", (DeadlineStream,), {"seconds": listener.deadline}),
            },
        ),
        "worker_connections": max(listener.threads + 1, min(1000, open_files - _SPARE_FILES)),
        "keepalive": KEEP_ALIVE,
        "graceful_timeout": max(1, round(listener.drain)),
        "preload_app": False,  # each worker makes its own engine: none is shared over a fork
        "control_socket_disable": True,
        "forwarded_allow_ips": "",  # no client, and no proxy, may tell us scheme or path
        "secure_scheme_headers": {},
        "forwarder_headers": "",
        "umask": 0o117,  # of a unix socket: owner and group, for the proxy
        "loglevel": listener.log_level,
    }
    if Path("/dev/shm").is_dir():  # noqa: S108 - gunicorn makes its heartbeat file there safely
        settings["worker_tmp_dir"] = "/dev/shm"  # noqa: S108 - on a slow disk workers seem dead
    return settings | _tls_settings(listener) | _hooks(listener)


def _tls_settings(listener: Listener) -> dict[str, Any]:
    if listener.tls is None:
        return {}
    alarm = logging.getLogger("gunicorn.error").error
    contexts = TlsContexts(listener.tls, listener.deadline, alarm)
    return {
        "certfile": str(listener.tls.certificate),
        "ssl_context": lambda _config, _default: contexts.current(),
    }


def _hooks(listener: Listener) -> dict[str, Any]:
    def post_worker_init(worker: Any) -> None:
        logging.getLogger("gunicorn.error").addFilter(JunkFilter())
        if worker.cfg.is_ssl:
            worker.cfg.ssl_context(worker.cfg, None)  # bad files end the start, not a handshake
        listener.on_worker_start()

    def worker_exit(_server: Any, _worker: Any) -> None:
        listener.on_worker_exit()

    return {"post_worker_init": post_worker_init, "worker_exit": worker_exit}


class _Gunicorn(BaseApplication):
    def __init__(self, app_factory: Callable[[], WsgiApp], settings: dict[str, Any]) -> None:
        self._app_factory = app_factory
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._settings.items():
            self.cfg.set(name, value)

    def load(self) -> WsgiApp:
        return self._app_factory()


def serve(app_factory: Callable[[], WsgiApp], listener: Listener) -> NoReturn:
    """Listen until SIGTERM, then drain; ends by SystemExit, 0 after a clean stop.

    `app_factory` is called in each worker, never before the fork. Bad TLS files or a failing
    factory end the start with a code other than 0.
    """
    end_with_supervisor()
    _Gunicorn(app_factory, gunicorn_settings(listener)).run()
    raise SystemExit(0)


# --- Supervisor ----------------------------------------------------------------------------


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
        self._environ = {**environ, _SUPERVISOR_VARIABLE: str(os.getpid())}
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
        """End all by SIGTERM; those that have not ended in time, or at a second signal, by KILL."""
        running = [child for child in self._children if child.running()]
        for child in running:
            _send(child, signal.SIGTERM)
        ends = time.monotonic() + self._drain
        while any(child.running() for child in running) and time.monotonic() < ends:
            if self._asked_to_end(arrived(0.1)):
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
    former = {number: signal.signal(number, _ignore) for number in watched}
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


def _ignore(_signum: int, _frame: FrameType | None) -> None:
    """Do nothing: a signal without a handler in Python would not reach the pipe."""


def end_with_supervisor() -> None:
    """Ask the kernel for SIGTERM when the supervisor is gone, were it killed.

    Else its processes would keep the addresses, and the next start would fail. Called by every
    process that a supervisor starts; elsewhere it does nothing.
    """
    supervisor = os.environ.get(_SUPERVISOR_VARIABLE)
    if supervisor is None or sys.platform != "linux":
        return
    import ctypes  # noqa: PLC0415 - needed on this path alone

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(supervisor):  # it was gone before we asked
        raise SystemExit(1)


def listener_answers(address: tuple[str, int], name: str, root: Path, timeout: float = 2.0) -> bool:
    """Whether a listener shows a certificate of our root for `name`: a worker of it serves.

    The handshake is broken off before our half, so that a listener that demands a client
    certificate has nothing to refuse and to log.
    """
    context = ssl.create_default_context(cafile=str(root))
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
