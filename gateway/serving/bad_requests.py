"""Input that is not a request: how a listener answers it, and what of it is logged.

Nothing that a client sent is repeated, neither to it nor in the log, and no address is written
down: a header may hold a token, and an address leads to a person.
"""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from ssl import SSLCertVerificationError, SSLError
from typing import NamedTuple

from gunicorn.http import errors


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
    """What a handshake failed for, as one of `HANDSHAKE_TROUBLES`."""
    if isinstance(error, SSLCertVerificationError):
        return HANDSHAKE + _VERIFIED.get(error.verify_code, "other")
    return HANDSHAKE + _REASONS.get(getattr(error, "reason", None), "other")


def handshake_reason(error: SSLError) -> str:
    """Why a handshake failed, in OpenSSL's own words."""
    words: str = getattr(error, "reason", None) or "UNKNOWN"
    if isinstance(error, SSLCertVerificationError):
        words += f" ({error.verify_message})"
    return words
