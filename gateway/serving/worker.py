"""gunicorn's thread worker, in which no thread waits for a client.

The worker's main loop shakes hands, reads whole requests and sends what is left of answers, never
waiting for one client. A thread gets a request that is there and leaves its answer behind, or says
what the answer waits for: then the main loop has the request answered again once that is there.
"""

import contextlib
import errno
import io
import ipaddress
import re
import selectors
import socket
import ssl
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from enum import Enum
from functools import partial
from http import HTTPStatus
from typing import Any, ClassVar, NoReturn

from gunicorn import util
from gunicorn.http.body import ChunkedReader
from gunicorn.http.errors import (
    ChunkMissingTerminator,
    InvalidHeader,
    InvalidRequestLine,
    NoMoreData,
    UnsupportedTransferCoding,
)
from gunicorn.http.message import Request
from gunicorn.http.parser import RequestParser
from gunicorn.sock import ssl_wrap_socket
from gunicorn.workers.gthread import TConn, ThreadWorker

from gateway.serving import framing
from gateway.web.context import WAIT_FOR
from gateway.web.security_log import failure_place

LINGER = 1.0
"""Seconds for a client to close after the last answer (RFC 9112 section 9.6)."""

OF_ONE_ADDRESS = 64
"""Connections of one address that a worker waits for; then the longest waiting is cut. As many may
be idle beside them; then the longest idle ends."""

HELD_BYTES = 32 * 1024 * 1024
"""What a worker holds of requests that are not whole and of answers that nobody takes, in all."""

LONGEST_WAIT = 25.0
"""Seconds that a request may wait for news: less than clients and proxies wait for an answer."""

LOOK = 0.1  # seconds between two looks for connections that are out of time
READ_BYTES = 16_384  # a TLS record
_HOST = re.compile(r"(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?", re.ASCII)
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_BLOCKED = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class _Unwaiting(socket.socket):
    """A socket on which nothing waits: what a client does not take at once stays in `unsent`."""

    unsent: bytearray | None = None
    may_wait = True
    """Whether the request that is being served may still wait for news."""

    def setblocking(self, flag: bool) -> None:
        """Never block, whatever gthread asks for."""
        self.settimeout(0.0)

    def settimeout(self, value: float | None) -> None:
        """Never block, whatever gthread asks for."""
        if self.gettimeout() != 0.0:
            super().settimeout(0.0)

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send what goes at once; the main loop sends the rest."""
        if self.unsent:
            self.unsent += data
        else:
            self.unsent = bytearray(data)
        with contextlib.suppress(*_BLOCKED):
            self.flush()

    def flush(self) -> None:
        """Send what is left; raises as `send` does, and forgets it when nobody can take it."""
        try:
            while self.unsent:
                del self.unsent[: self.send(self.unsent)]
        except _BLOCKED:
            raise
        except OSError:
            self.unsent = None
            raise


class TlsSocket(_Unwaiting, ssl.SSLSocket):
    """A TLS connection; an SSLContext makes it (`sslsocket_class`)."""


class PlainSocket(_Unwaiting):
    """A plain connection: from the proxy, over a unix socket."""


class Phase(Enum):
    """What the main loop waits for a client to do, each with a time of its own."""

    HANDSHAKE = "handshake"
    REQUEST = "request"
    NEWS = "news"  # the client waits for us: its request, until there is news for it
    ANSWER = "answer"
    END = "end"


class _Waits(BaseException):
    """A request is to be served again later. No Exception: an application answers those."""

    def __init__(self, organisation: str, known: int) -> None:
        super().__init__(organisation, known)
        self.organisation, self.known = organisation, known


def _wait_for(organisation: str, known: int) -> NoReturn:
    raise _Waits(organisation, known)


class _Requests(RequestParser):  # type: ignore[misc] # gunicorn is untyped
    """gunicorn's parser over requests that are there, and that wait for no 100.

    A chunked body is read here, so that the application meets none that is malformed. After one
    that fills the limit nothing is read: its rest may yet come, and would be taken for a request.
    """

    unreader: framing.Incoming

    def __next__(self) -> Request:
        request = super().__next__()
        request._expected_100_continue = False
        _require_one_address(request)
        for name, value in request.headers:  # nothing here reads another one (RFC 9112 6.1)
            if name == "TRANSFER-ENCODING" and value.lower() != "chunked":
                raise UnsupportedTransferCoding(value)
        if request.body and isinstance(request.body.reader, ChunkedReader):
            try:
                body = request.body.read(self.unreader.largest_body)
            except NoMoreData:
                raise ChunkMissingTerminator(b"") from None
            if len(body) >= self.unreader.largest_body:
                request.force_close()
            request.body = io.BytesIO(body)
        return request


def _require_one_address(request: Request) -> None:
    """Refuse a request that could be meant for another host (RFC 9112 section 3.2).

    The target is a path: nobody takes us for a proxy. HTTP/1.1 has a Host, spelled as one.
    """
    if not request.uri.startswith("/"):
        raise InvalidRequestLine("the target is not a path")
    hosts = [value for name, value in request.headers if name == "HOST"]
    if (hosts or request.version > (1, 0)) and not any(map(_HOST.fullmatch, hosts)):
        raise InvalidHeader("Host")


class ClientConnection(TConn):  # type: ignore[misc] # gunicorn is untyped
    """A connection, with what was received on it and what the main loop waits for."""

    def __init__(self, cfg: Any, client: Any, address: Any, server: Any, body: int) -> None:
        """Take over an accepted socket; OSError when it is gone, or there is no TLS for it."""
        super().__init__(cfg, client, address, server)
        if cfg.is_ssl:
            self.sock = ssl_wrap_socket(client, cfg)
        self.phase = Phase.HANDSHAKE if cfg.is_ssl else Phase.REQUEST
        self.incoming = framing.Incoming(body)
        self._new_parser = partial(_Requests, cfg, (), address)
        self.parser = self._new_parser()
        self.parser.unreader = self.incoming
        self.counted = 0
        """Of the bytes that it holds, those that the worker has counted."""
        self.waits: _Waits | None = None
        """For what the last request waits."""
        self.answer_by = 0.0
        """When a request that waits is answered in any case; 0 where none waits."""
        self.initialized = self.data_ready = True  # gthread shakes no hands and waits for nothing
        self.neighbours = neighbours(address)
        self.until = 0.0
        self.watched = 0
        """The event for which the poller watches the socket."""
        self.outcome: Any = None
        """What the thread made of the last request: whether the connection stays."""

    @property
    def stays(self) -> bool:
        """Tell whether it is for another request, after the one that a thread has answered."""
        done = self.outcome
        return not done.cancelled() and done.exception() is None and bool(done.result())

    @property
    def held(self) -> int:
        """Bytes that are kept for it: received and not yet served, or answered and not taken."""
        return self.incoming.held + len(self.sock.unsent or b"")

    def read_request(self) -> bool:
        """Read until a whole request is there; False when the client has left. Raises _BLOCKED."""
        while not self.incoming.is_whole():
            if self.incoming.expects_continue:
                self.incoming.expects_continue = False
                self.sock.sendall(_CONTINUE)
            data = self.sock.recv(READ_BYTES)
            if not data:
                return False
            self.incoming.received += data
        return True

    def ask_again(self) -> None:
        """Let the parser read the last request from its beginning."""
        self.waits = None
        self.incoming.hand_over_again()
        self.parser = self._new_parser()
        self.parser.unreader = self.incoming

    def close(self, graceful: bool = False) -> None:
        """Free the descriptor; the last phase was the graceful end."""
        util.close(self.sock)


def neighbours(address: Any) -> str:
    """Whose connections are counted together: of an IPv4 address, or of 64 bits of IPv6.

    Empty for a unix socket, where one proxy stands for everybody.
    """
    if not isinstance(address, tuple):
        return ""
    host = str(address[0]).partition("%")[0]
    if ":" not in host:
        return host
    ip = ipaddress.IPv6Address(host)
    return str(ip.ipv4_mapped or int(ip) >> 64)


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

        if environ["gunicorn.socket"].may_wait:
            environ[WAIT_FOR] = _wait_for
        return app(environ, start)

    return serve


@dataclass(frozen=True)
class WorkerSettings:
    """What a listener's workers hold connections to, and whom they tell of them.

    ``met`` hears of each connection that came to no answer of the application: why, and in words.
    ``heads`` tells the last numbers of organisations' streams.
    """

    deadline: float
    largest_body: int
    describe: framing.Describe
    met: Callable[[str, str], None]
    heads: Callable[[Collection[str]], Mapping[str, int]]

    def seconds(self, phase: Phase) -> float:
        """How long the main loop waits for a client in a phase, however much it sends."""
        if phase is Phase.HANDSHAKE:
            return self.deadline / 2
        return min(LINGER, self.deadline) if phase is Phase.END else self.deadline


class DeadlineWorker(ThreadWorker):  # type: ignore[misc] # gunicorn is untyped
    """gthread, with a thread for a whole request alone."""

    terms: ClassVar[WorkerSettings]
    wsgi: Callable[..., Iterable[bytes]]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """As gthread; half of the connections may be waited for, the other half be idle."""
        super().__init__(*args, **kwargs)
        self._most = self.worker_connections // 2
        self.max_keepalived = max(1, self.worker_connections - self._most - self.cfg.threads)
        self._waiting: dict[ClientConnection, None] = {}  # in the order of their coming
        self._of_address: dict[str, dict[ClientConnection, None]] = {}
        self._held = 0  # bytes, of those that are waited for
        self._looked = 0.0
        self._asking = False

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
            client = PlainSocket(fileno=client.detach())
        try:
            conn = ClientConnection(
                self.cfg, client, address, listener.getsockname(), self.terms.largest_body
            )
        except OSError as error:
            self.log.warning("A connection could not be taken: %s", type(error).__name__)
            util.close(client)
            return
        self.nr_conns += 1
        self._wait(conn, conn.phase)

    def enqueue_req(self, conn: ClientConnection) -> None:
        """Read the next request of a connection that was idle."""
        self._wait(conn, Phase.REQUEST)

    def finish_request(self, conn: ClientConnection, fs: "Future[bool]") -> None:
        """Go on with a connection whose request a thread has answered."""
        conn.outcome = fs
        if conn.waits is not None:
            conn.answer_by = conn.answer_by or time.monotonic() + LONGEST_WAIT
            self._wait(conn, Phase.NEWS)
            return
        conn.answer_by, conn.sock.may_wait = 0.0, True
        if conn.stays and not conn.sock.unsent:
            self._rest(conn)
        else:
            self._wait(conn, Phase.ANSWER)

    def on_client_socket_readable(self, conn: ClientConnection, client: socket.socket) -> None:
        """Go on with a connection that was idle, unless it was ended by the events before."""
        if conn in self.keepalived_conns:
            super().on_client_socket_readable(conn, client)

    def handle_request(self, req: Any, conn: ClientConnection) -> bool:
        """Serve a request in a thread, or learn what its answer waits for."""
        try:
            return bool(super().handle_request(req, conn))
        except _Waits as waits:
            conn.waits = waits
            return True

    def murder_pending(self) -> None:
        """Cut the connections that are out of time; soon when the worker stops.

        Requests that wait for news are answered then.
        """
        now = time.monotonic()
        if now - self._looked < LOOK:
            return
        self._looked = now
        self._ask_for_news()
        for conn in list(self._waiting):
            if conn.phase is Phase.NEWS:
                if now >= conn.until or not self.alive:
                    self._serve_again(conn, may_wait=False)
                continue
            if not self.alive and conn.phase is not Phase.ANSWER and not conn.incoming.received:
                conn.until = min(conn.until, now + LINGER)
            if now >= conn.until:
                self._cut(conn, "at its deadline")

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Wait for events, not longer than until the next look at the connections."""
        super().wait_for_and_dispatch_events(min(timeout, LOOK) if self._waiting else timeout)

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: BaseException) -> None:
        """Answer an unreadable request as every problem is answered; log its kind, not its address.

        A refused handshake is reported to `met` only, which has the security log.
        """
        if isinstance(exc, ssl.SSLError):
            self.terms.met(framing.handshake_trouble(exc), framing.handshake_reason(exc))
            return
        status = framing.status_of(exc)
        if status == HTTPStatus.INTERNAL_SERVER_ERROR:
            self.terms.met("failure", failure_place(exc))
            self.log.error("A request failed outside of the application: %s", failure_place(exc))
        else:
            self.terms.met("unreadable", type(exc).__name__)
            self.log.warning("A request could not be read: %s, %d", type(exc).__name__, status)
        with contextlib.suppress(OSError):
            client.sendall(framing.http_answer(status, self.terms.describe(status)))

    # --- The connections that the main loop waits for ---

    def _wait(self, conn: ClientConnection, phase: Phase) -> None:
        """Wait for a client, if it lets us wait; where there are too many, no longer for another.

        The longest waiting is cut, not the newest refused: whoever comes in good faith needs
        milliseconds, and cannot be told from those who fill the place of all.
        """
        self._waiting[conn] = None
        if conn.neighbours:
            alike = self._of_address.setdefault(conn.neighbours, {})
            alike[conn] = None
            if len(alike) > OF_ONE_ADDRESS:
                self._cut(next(iter(alike)), "too many of one address")
        if len(self._waiting) > self._most:
            self._cut(next(iter(self._waiting)), "too many")
        self._enter(conn, phase)
        self._go_on(conn)

    def _rest(self, conn: ClientConnection) -> None:
        """Let a connection be idle; where its address has too many, the longest idle ends.

        Nothing is held of what was answered. The next request may be here already.
        """
        conn.incoming.take_back()
        if conn.incoming.received:
            self._wait(conn, Phase.REQUEST)
            return
        super().finish_request(conn, conn.outcome)
        if not conn.neighbours or len(self.keepalived_conns) <= OF_ONE_ADDRESS:
            return
        alike = [one for one in self.keepalived_conns if one.neighbours == conn.neighbours]
        if len(alike) > OF_ONE_ADDRESS:
            self.terms.met("cut", "too many idle of one address")
            self.keepalived_conns.remove(alike[0])
            self.poller.unregister(alike[0].sock)
            self.nr_conns -= 1
            alike[0].close()

    def _enter(self, conn: ClientConnection, phase: Phase) -> None:
        conn.phase = phase
        limit = conn.answer_by
        conn.until = limit or time.monotonic() + self.terms.seconds(phase)

    def _go_on(self, conn: ClientConnection, _sock: Any = None) -> None:
        """Go as far with a connection as can be without waiting; then watch for what is missing."""
        if conn not in self._waiting:  # cut by the events before this one
            return
        try:
            self._advance(conn)
        except _BLOCKED as error:
            writing = conn.phase is Phase.ANSWER or isinstance(error, ssl.SSLWantWriteError)
            self._watch(conn, selectors.EVENT_WRITE if writing else selectors.EVENT_READ)
            self._count(conn)
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            self._drop(conn)
        except ssl.SSLError as error:
            self.handle_error(None, conn.sock, conn.client, error)
            self._end(conn)
        except (OSError, ValueError):  # it has left
            self._drop(conn)

    def _count(self, conn: ClientConnection) -> None:
        """Count what is held for a connection; where all hold too much, cut the longest waiting."""
        self._held += conn.held - conn.counted
        conn.counted = conn.held
        while self._held > HELD_BYTES:
            self._cut(next(one for one in self._waiting if one.counted), "too many bytes")

    def _advance(self, conn: ClientConnection) -> None:
        """Raises _BLOCKED while a client is to be waited for."""
        if conn.phase is Phase.HANDSHAKE:
            conn.sock.do_handshake()
            self._enter(conn, Phase.REQUEST)
        if conn.phase is Phase.REQUEST:
            if not conn.read_request():
                self._drop(conn)
                return
            self._leave(conn)
            conn.incoming.hand_over()
            super().enqueue_req(conn)
        elif conn.phase is Phase.ANSWER:
            conn.sock.flush()
            if not conn.stays:
                self._end(conn)
                return
            self._leave(conn)
            self._rest(conn)
        elif conn.sock.recv(READ_BYTES) and conn.phase is Phase.END:
            self._watch(conn, selectors.EVENT_READ)
        else:  # it has left, or sends more before it has its answer
            self._drop(conn)

    def _ask_for_news(self) -> None:
        """Ask in a thread whether a stream went on for which requests wait: once for all."""
        names = {c.waits.organisation for c in self._waiting if c.waits is not None}
        if names and not self._asking:
            self._asking = True
            asked = self.tpool.submit(self.terms.heads, names)
            asked.add_done_callback(lambda done: self.method_queue.defer(self._hear, done))

    def _hear(self, asked: "Future[Mapping[str, int]]") -> None:
        """Serve again the requests for which there is news."""
        self._asking = False
        heads = {} if asked.cancelled() or asked.exception() else asked.result()
        for conn in list(self._waiting):
            waits = conn.waits
            if waits is not None and heads.get(waits.organisation, 0) > waits.known:
                self._serve_again(conn, may_wait=True)

    def _serve_again(self, conn: ClientConnection, *, may_wait: bool) -> None:
        self._leave(conn)
        conn.sock.may_wait = may_wait
        conn.ask_again()
        super().enqueue_req(conn)

    def _end(self, conn: ClientConnection) -> None:
        """Let the last answer arrive: not lost by a reset (RFC 9112 section 9.6)."""
        self._enter(conn, Phase.END)
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._drop(conn)
        else:
            self._go_on(conn)

    def _watch(self, conn: ClientConnection, event: int) -> None:
        if conn.watched == event:
            return
        change = self.poller.modify if conn.watched else self.poller.register
        change(conn.sock, event, partial(self._go_on, conn))
        conn.watched = event

    def _leave(self, conn: ClientConnection) -> None:
        """Wait no more for a connection."""
        del self._waiting[conn]
        self._held -= conn.counted
        conn.counted = 0
        if conn.neighbours:
            alike = self._of_address[conn.neighbours]
            del alike[conn]
            if not alike:
                del self._of_address[conn.neighbours]
        if conn.watched:
            self.poller.unregister(conn.sock)
            conn.watched = 0

    def _drop(self, conn: ClientConnection) -> None:
        self._leave(conn)
        self.nr_conns -= 1
        conn.close()

    def _cut(self, conn: ClientConnection, why: str) -> None:
        """End a connection that has had its time."""
        if conn.phase is not Phase.END and self.alive:
            self.terms.met("cut", why)
            self.log.warning("A connection was cut %s", why)
        self._drop(conn)
