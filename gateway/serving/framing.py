"""How long a request is (RFC 9112 section 6), and how bytes that are none are answered."""

import io
import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from ssl import SSLCertVerificationError, SSLError
from typing import NamedTuple

from gunicorn.http import errors
from gunicorn.http.errors import LimitRequestHeaders, NoMoreData
from gunicorn.http.unreader import Unreader

HEAD_BYTES = 32_768
"""Of a head, and of a chunked body's trailer: with them a client has said enough."""

FRAMING_BYTES = 65_536
"""Of the sizes of chunks: the largest body fits in chunks of 32 bytes. Chunks of a byte or two cost
as much processor time each as a large one."""

_PIECE = 4096  # bytes; the parser copies all that it holds for each chunk of a few bytes
_END = b"\r\n\r\n"
_BARE_LINE_FEED = re.compile(rb"(?<!\r)\n")
_FRAMING = re.compile(
    rb"\r\n(content-length|transfer-encoding|expect):[ \t]*([^\r\n]*?)[ \t]*(?=\r\n)",
    re.IGNORECASE,
)
_DIGITS = re.compile(rb"0*([0-9]{1,10})")
_CHUNK_SIZE = re.compile(rb"0*([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?")


class Incoming(Unreader):  # type: ignore[misc] # gunicorn is untyped
    """What a connection has sent, until a whole request is there for gunicorn's parser to read.

    Not a second parser: where this one is in doubt it calls the request whole, and gunicorn, which
    reads nothing but what is here, refuses it.
    """

    def __init__(self, largest_body: int) -> None:
        """Of a body larger than that the application gets no more than it needs to refuse it."""
        super().__init__()
        self.largest_body = largest_body
        self._most = HEAD_BYTES + largest_body + FRAMING_BYTES
        self._head_given = False
        self._given = io.BytesIO()
        self._begin()

    def _begin(self) -> None:
        self.received = bytearray()
        self.expects_continue = False
        """The client waits for a 100 before it sends the body (RFC 9110 section 10.1.1)."""
        self._looked = 0  # up to here there is no end of the head
        self._head = 0  # where the head ends; 0 while it does not
        self._needed = 0  # how much there must be; chunked: where the next chunk begins
        self._chunked = False
        self._decoded = 0

    @property
    def held(self) -> int:
        """Bytes of requests that are kept here."""
        return len(self.received) + self._given.getbuffer().nbytes

    def hand_over(self) -> None:
        """Let the parser have what was received, piece by piece."""
        self._head_given = self._head > 0
        self._given = io.BytesIO(self.received)
        self._begin()

    def hand_over_again(self) -> None:
        """Let a new parser have the same again, whatever the last one has read of it."""
        self.take_buffered()
        self._given = io.BytesIO(self._given.getvalue())

    def take_back(self) -> None:
        """Begin the next request with what the parser has left."""
        self.received += self.take_buffered() + self._given.read()
        self._given = io.BytesIO()

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Refuse to wait for more: a thread gets a whole request, or one that cannot be served."""
        if data := self._given.read(min(max(_PIECE, size_hint or 0), self._most)):
            return data
        raise NoMoreData if self._head_given else LimitRequestHeaders("the head does not end")

    def is_whole(self) -> bool:
        """Tell whether a request is there, or so much of one that more bytes cannot make good."""
        data = self.received
        if not self._head:
            end = data.find(_END, self._looked)
            if self._is_spoilt(data, end):
                return True
            if end < 0:
                self._looked = max(0, len(data) - len(_END) + 1)
                return False
            self._read_head(data, end)
        if self._chunked:
            return self._chunks_are_whole(data)
        return len(data) >= self._needed

    def _is_spoilt(self, data: bytearray, end: int) -> bool:
        """Tell whether there is no head up to `end`, -1 while it has none.

        What follows is left out then: the parser reads the same however much has arrived.
        """
        end = end if end >= 0 else len(data)
        bare = _BARE_LINE_FEED.search(data, self._looked, end)
        if bare is None and end <= HEAD_BYTES:
            return False
        del data[bare.end() if bare else HEAD_BYTES + 1 :]
        return True

    def _read_head(self, data: bytearray, end: int) -> None:
        self._head = self._needed = end + len(_END)
        fields = _FRAMING.findall(data, 0, end + 2)
        lengths = [(name.lower(), value) for name, value in fields if name.lower() != b"expect"]
        self.expects_continue = len(fields) > len(lengths)
        if len(lengths) == 1:  # none: no body; more: refused
            name, value = lengths[0]
            if name == b"transfer-encoding":
                self._chunked = value.lower() == b"chunked"
            elif (digits := _DIGITS.fullmatch(value)) and int(digits[1]) <= self.largest_body:
                self._needed += int(digits[1])

    def _chunks_are_whole(self, data: bytearray) -> bool:
        """Tell whether the last chunk is there (RFC 9112 section 7.1), or enough to refuse the
        body."""
        while len(data) <= self._most:
            line = data.find(b"\r\n", self._needed)
            if line < 0:
                return len(data) - self._needed > HEAD_BYTES
            size = _CHUNK_SIZE.fullmatch(data, self._needed, line)
            length = int(size[1], 16) if size else -1
            if length < 0 or data.find(_END, line, line + HEAD_BYTES) >= 0 == length:
                return True
            if length == 0:
                del data[line + HEAD_BYTES :]
                return len(data) == line + HEAD_BYTES
            begin, end = line + 2, line + 2 + length
            enough = self._decoded + min(length, len(data) - begin) >= self.largest_body
            broken = len(data) >= end + 2 and data[end : end + 2] != b"\r\n"
            if enough or broken or len(data) < end + 2:
                return enough or broken
            self._decoded += length
            self._needed = end + 2
        return True


# --- Input that is not a request: how a listener answers it, and what of it is logged ---
#
# Nothing that a client sent is repeated, neither to it nor in the log, and no address is written
# down: a header may hold a token, and an address leads to a person.


class ErrorResponse(NamedTuple):
    """A body, with the headers that say what it is."""

    body: bytes
    headers: Mapping[str, str]


Describe = Callable[[int], ErrorResponse]
"""Words a refusal by its status."""

_STATUSES: Mapping[type[Exception], HTTPStatus] = {
    errors.LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    errors.LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    errors.ExpectationFailed: HTTPStatus.EXPECTATION_FAILED,
    errors.UnsupportedTransferCoding: HTTPStatus.NOT_IMPLEMENTED,
    errors.ForbiddenProxyRequest: HTTPStatus.FORBIDDEN,
    errors.ConfigurationProblem: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.ParseException: HTTPStatus.BAD_REQUEST,
}


def status_of(error: BaseException) -> HTTPStatus:
    """The status of what the server could not read; 500 for anything that is not the client's."""
    for kind in type(error).__mro__:
        if kind in _STATUSES:
            return _STATUSES[kind]
    return HTTPStatus.INTERNAL_SERVER_ERROR


def describe_plainly(status: int) -> ErrorResponse:
    """A problem that has no page: title and status say all (RFC 9457 section 4.2.1)."""
    body = f'{{"title":"{HTTPStatus(status).phrase}","status":{status}}}'.encode("ascii")
    return ErrorResponse(
        body, {"Content-Type": "application/problem+json", "Cache-Control": "no-store"}
    )


def http_answer(status: HTTPStatus, answer: ErrorResponse) -> bytes:
    """The last answer of a connection, byte for byte."""
    headers = {
        **answer.headers,
        "Content-Length": str(len(answer.body)),
        "Connection": "close",
    }
    lines = [f"HTTP/1.1 {status.value} {status.phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + answer.body


HANDSHAKE = "handshake-"
"""What the troubles of handshakes begin with."""

_VERIFIED: Mapping[int, str] = {  # X509_V_ERR_*, of OpenSSL's x509_vfy.h
    9: "not-yet-valid",
    10: "expired",
    23: "revoked",
    26: "wrong-use",
    **dict.fromkeys((2, 18, 19, 20, 21), "foreign-authority"),
    **dict.fromkeys((3, 8, 11, 12), "no-list"),
}
_REASONS: Mapping[str | None, str] = {
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "no-certificate",
    "UNSUPPORTED_PROTOCOL": "old-tls",
    "VERSION_TOO_LOW": "old-tls",
}
HANDSHAKE_TROUBLES = frozenset(
    HANDSHAKE + word for word in (*_VERIFIED.values(), *_REASONS.values(), "other")
)
"""Every trouble of a handshake: a closed set, for numbers."""


def handshake_trouble(error: SSLError) -> str:
    """Return what a handshake failed for, as one of `HANDSHAKE_TROUBLES`."""
    if isinstance(error, SSLCertVerificationError):
        return HANDSHAKE + _VERIFIED.get(error.verify_code, "other")
    return HANDSHAKE + _REASONS.get(getattr(error, "reason", None), "other")


def handshake_reason(error: SSLError) -> str:
    """Why a handshake failed, in OpenSSL's own words."""
    words: str = getattr(error, "reason", None) or "UNKNOWN"
    if isinstance(error, SSLCertVerificationError):
        words += f" ({error.verify_message})"
    return words
