"""What a listener reads from a connection, and the public app behind it (RFC 9112).

Oracle: no bytes make a 5xx but 501, nor an exception that nobody expects; and however the bytes are
cut on their way, they are the same requests with the same answers.
"""

import re
from functools import cache
from types import SimpleNamespace
from typing import Any

from gunicorn.config import Config

from gateway.serving.framing import describe_plainly
from gateway.serving.listener import Listener, gunicorn_settings
from gateway.serving.worker import ClientConnection, DeadlineWorker, closing
from tests.web.listening import listening

LARGEST_BODY = 4096
HEAD = b"POST /token HTTP/1.1\r\nHost: gateway.example\r\n"
GET = b"GET /healthz HTTP/1.1\r\nHost: gateway.example\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
_STATUS = re.compile(rb"^HTTP/1\.1 ([0-9]{3}) ", re.MULTILINE)
_LARGE = b"f" * 17  # the size of a chunk that no machine counts


def seeds() -> list[bytes]:
    """Good requests, one after another, and what listeners have stumbled over."""
    form = b"Content-Type: application/x-www-form-urlencoded\r\n"
    fields = (
        b"Expect: 100-continue\r\n", b"Expect: more\r\n", b"Content-Length: " + b"9" * 19 + b"\r\n",
        b"Content-Length: " + b"0" * 40 + b"1\r\n", b"Content-Length: " + b"1" * 5000 + b"\r\n",
        b"Content-Length: \xb2\r\n", b"Content-Length: 1, 1\r\n", b"X: 1\r\n" * 64,
        b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n", b"Transfer-Encoding: chunked, chunked\r\n",
        b"Transfer-Encoding: identity, chunked\r\n", b"Range: bytes=" + b"9" * 30 + b"-\r\n",
        b"If-Modified-Since: Mon, 99 Jan 99999999999999999999 00:00:00 GMT\r\n",
        b"Content-Type: text/html; charset=\xff\r\n", b"Authorization: Basic \xff\r\n",
        b"Host: [::1\r\n", b"Cookie: a=\xff\r\n", b"Accept: a;q=1e999\r\n", b"SCRIPT_NAME: /x\r\n",
    )  # fmt: skip
    bodies = (
        b"0\r\n\r\n", b"9\r\ngrant_typ\r\n0\r\nX: 1\r\n\r\n", _LARGE + b"\r\na\r\n0\r\n\r\n",
        b"0" * 20 + b"1\r\na\r\n0\r\n\r\n", b"1;" + b"a=b;" * 900 + b"\r\na\r\n0\r\n\r\n",
        b"-1\r\n\r\n", b"1_0\r\na\r\n0\r\n\r\n", b"0x1\r\na\r\n0\r\n\r\n", b"1 \r\na\r\n0\r\n\r\n",
        b"1001\r\n" + bytes(4097) + b"\r\n0\r\n\r\n", b"0;a=\"\r\n\r\n", b"0\r\nHost: x\r\n\r\n",
    )  # fmt: skip
    return [
        GET + b"\r\n" + HEAD + form + b"Content-Length: 12\r\n\r\ngrant_type=x" + GET + b"\r\n",
        b"GET /tile/0/x999/%ff?a=%00&b=\xff HTTP/1.0\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET //[ HTTP/1.1\r\nHost: g\r\n\r\n", b"\r\n\r\n" + GET + b"\r\n",
        *(GET + field + b"\r\n" for field in fields),
        *(HEAD + field + b"\r\na" for field in fields),
        *(CHUNKED + body + GET + b"\r\n" for body in bodies),
    ]  # fmt: skip


class _Client:
    """A socket that takes every answer."""

    may_wait, unsent = False, None

    def __init__(self) -> None:
        self.taken = b""

    def sendall(self, data: bytes) -> None:
        self.taken += data

    send = sendall

    def setblocking(self, flag: bool) -> None:
        """It never blocks."""

    def getsockname(self) -> tuple[str, int]:
        return "192.0.2.2", 443

    def close(self) -> None:
        """Nothing is to be freed."""


@cache
def _worker() -> DeadlineWorker:
    """A worker without a process: what it does with a request is gunicorn's and ours."""
    settings = gunicorn_settings(Listener("fuzz", "unix:/fuzz", None))
    config = Config()
    for name, value in settings.items():
        config.set(name, value)
    worker = DeadlineWorker.__new__(DeadlineWorker)
    worker.cfg, worker.alive, worker.nr, worker.max_requests = config, True, 0, 1 << 60
    worker.keepalived_conns, worker.max_keepalived = (), 1
    worker.wsgi = closing(listening().public)
    worker.log = SimpleNamespace(
        debug=_ignore, warning=_ignore, access=_ignore, error=_fail, exception=_fail
    )
    worker.terms = SimpleNamespace(met=_ignore, describe=describe_plainly)
    return worker


def _ignore(*_: Any) -> None:
    """What an operator may know and nobody has to."""


def _fail(message: str, *values: Any) -> None:
    raise AssertionError(message % values)


def _statuses(pieces: list[bytes]) -> list[int]:
    """The statuses with which a connection is answered that brings its bytes in such pieces."""
    worker, client = _worker(), _Client()
    conn = ClientConnection(worker.cfg, client, ("192.0.2.1", 1), ("192.0.2.2", 443), LARGEST_BODY)
    for piece in pieces:
        conn.incoming.received += piece
        while conn.incoming.is_whole():
            conn.incoming.hand_over()
            if not worker.handle(conn):
                return [int(status) for status in _STATUS.findall(client.taken)]
            conn.incoming.take_back()
    return [int(status) for status in _STATUS.findall(client.taken)]


def check(data: bytes) -> None:
    """All at once; then byte for byte, or in pieces where they are many."""
    statuses = _statuses([data])
    assert all(status < 500 or status == 501 for status in statuses), statuses
    step = 1 if len(data) < 600 else 61
    cut = _statuses([data[at : at + step] for at in range(0, len(data), step)])
    assert cut == statuses, (cut, statuses)
