"""gunicorn's thread worker, with deadlines: no client holds up the others."""

import contextlib
import errno
import functools
import selectors
import socket
import ssl
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar

from gunicorn import util
from gunicorn.workers.gthread import TConn, ThreadWorker

from gateway.serving.bad_requests import (
    Describe,
    handshake_reason,
    handshake_trouble,
    http_answer,
    place_of,
    status_of,
)


class _Deadlines(socket.socket):
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
        super().settimeout(self.seconds if flag else 0.0)

    def settimeout(self, value: float | None) -> None:
        """Keep a socket that should wait without a limit, or not at all, under the rule above."""
        if not value:
            self.setblocking(value is None)
        else:
            super().settimeout(value)

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
        super().settimeout(left)

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


class DeadlineStream(_Deadlines):
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


# --- Gunicorn's thread worker, with deadlines: no client holds up the others ---


LINGER = 1.0  # seconds for a client to close after the last answer (RFC 9112 section 9.6)


class ClientConnection(TConn):  # type: ignore[misc] # gunicorn is untyped
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


def closing(app: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    """The application, whose ``Connection: close`` ends the connection.

    gunicorn leaves the header out and keeps the connection: a client whose rights have ended
    would keep it, and the rest of a body that is too large would be read.
    """

    def serve(environ: Any, start_response: Any) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            if ("connection", "close") in ((name.lower(), value) for name, value in headers):
                start_response.__self__.force_close()  # the method of gunicorn's response
            return start_response(status, headers, exc_info)

        return app(environ, start)

    return serve


@dataclass(frozen=True)
class WorkerSettings:
    """What a listener's workers hold connections to, and whom they tell of them.

    ``met`` hears of each connection that came to no answer of the application: why, and in words.
    """

    deadline: float
    stream: type[DeadlineStream]
    describe: Describe
    met: Callable[[str, str], None]


class DeadlineWorker(ThreadWorker):  # type: ignore[misc] # gunicorn is untyped
    """gthread, with a thread for a connection only from its first byte on."""

    terms: ClassVar[WorkerSettings]
    wsgi: Callable[..., Iterable[bytes]]

    def load_wsgi(self) -> None:
        """Load the application, which may end a connection."""
        super().load_wsgi()
        self.wsgi = closing(self.wsgi)

    def accept(self, listener: Any) -> None:
        """Take one connection."""
        try:
            client, address = listener.accept()
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EWOULDBLOCK, errno.ECONNABORTED):
                raise
            return
        if not self.cfg.is_ssl:
            client = self.terms.stream(fileno=client.detach())
        self.nr_conns += 1
        self.enqueue_req(ClientConnection(self.cfg, client, address, listener.getsockname()))

    def enqueue_req(self, conn: ClientConnection) -> None:
        """Give a connection to a thread, or to the poller while it has sent nothing."""
        if conn.initialized or conn.data_ready:
            super().enqueue_req(conn)
            return
        conn.timeout = time.monotonic() + self.terms.deadline
        self.pending_conns.append(conn)
        readable = functools.partial(self.on_pending_socket_readable, conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, readable)

    def murder_pending(self) -> None:
        """Close silent connections at their deadline, or soon when the worker stops."""
        if not self.alive:
            for conn in self.pending_conns:
                conn.timeout = min(conn.timeout, time.monotonic() + LINGER)
        super().murder_pending()

    def handle(self, conn: ClientConnection) -> Any:
        """Serve what a connection has sent, in a pool thread, and end it here if it ends."""
        kept = super().handle(conn)
        if kept and not conn.cut:
            return kept
        if conn.cut:
            self.terms.met("cut", "at its deadline")
            self.log.warning("A connection was cut at its deadline")
        conn.linger()
        return False

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: BaseException) -> None:
        """Answer an unreadable request as every problem is answered; log its kind, not its address.

        A refused handshake is reported to `met` only, which has the security log.
        """
        if isinstance(exc, ssl.SSLError):
            self.terms.met(handshake_trouble(exc), handshake_reason(exc))
            return
        status = status_of(exc)
        if status == HTTPStatus.INTERNAL_SERVER_ERROR:
            self.terms.met("failure", place_of(exc))
            self.log.error("A request failed outside of the application: %s", place_of(exc))
        else:
            self.terms.met("unreadable", type(exc).__name__)
            self.log.warning("A request could not be read: %s, %d", type(exc).__name__, status)
        with contextlib.suppress(OSError):
            client.sendall(http_answer(status, self.terms.describe(status)))
