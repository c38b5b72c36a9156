"""One bounded, patient HTTP exchange with the gateway, and with nobody else.

Bounded: no redirection is followed, no proxy or file of the environment is asked, an answer has a
size and a time. Patient: a lost connection, 502, 503, 504 and a short Retry-After are tried again,
the same bytes each time unless they are good once only.
"""

import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Protocol

import httpx

from gateway.client.errors import GatewayUnavailable, TlsNotTrusted, UnexpectedAnswer

MAX_ANSWER_BYTES = 8 * 1024 * 1024
"""A page of a hundred events with their receipts has about half a megabyte."""

PAUSES = (0.5, 1.0, 2.0, 4.0)
"""Seconds between one attempt and the next; after the last one the client gives up."""

LONGEST_PAUSE = 30.0
"""The longest Retry-After, in seconds, that is waited for; a person decides about longer ones."""

LONGEST_ANSWER = 120.0
"""Seconds that one answer may take from its first byte to its last."""

TIMEOUT = httpx.Timeout(30.0, connect=10.0)
"""Seconds without any progress; a write waits for the log's commit and its checkpoint."""

_TRIED_AGAIN = frozenset({502, 503, 504})
_SECONDS = re.compile(r"[0-9]{1,9}", re.ASCII)


@dataclass(frozen=True)
class HttpRequest:
    """A request: method, path with its query, body, headers."""

    method: str
    path: str
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class HttpResponse:
    """An answer with its whole body; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def media(self) -> str:
        """The media type without its parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


class ServerAddress(Protocol):
    """Where a line leads: one address, and what is demanded of whoever answers there."""

    @property
    def address(self) -> str:
        """``https://host:port``."""

    def tls(self) -> ssl.SSLContext:
        """The settings of every connection; SettingsError when a file cannot be used."""


class HttpTransport:
    """Sends messages to one listener of a gateway. Threads may share it."""

    def __init__(
        self,
        listener: ServerAddress,
        now: Callable[[], datetime],
        sleep: Callable[[float], None],
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """``transport`` stands in for sockets and TLS; by default they are made as in `tls`."""
        self._address, self._now, self._sleep = listener.address, now, sleep
        self._client = httpx.Client(
            verify=True if transport else listener.tls(),
            transport=transport,
            trust_env=False,
            follow_redirects=False,
            timeout=TIMEOUT,
            headers={"Accept-Encoding": "identity", "User-Agent": "casegate"},
        )

    def hang_up(self) -> None:
        """Close the connections."""
        self._client.close()

    def send(self, message: HttpRequest) -> HttpResponse:
        """Send a message until it is answered; the answer may be a refusal, or still a 503.

        Raises NotTrusted at once, and Unavailable when no attempt got an answer.
        """
        return self.send_anew(lambda: message)

    def send_anew(self, make: Callable[[], HttpRequest]) -> HttpResponse:
        """As `send`, with a message made for each attempt: of what is good once only."""
        for pause in (*PAUSES, None):
            try:
                reply = self._attempt(make())
            except httpx.TransportError as error:
                _refuse_untrusted(error)
                if pause is None:
                    raise GatewayUnavailable(
                        f"no answer from {self._address} ({type(error).__name__})"
                    ) from error
                self._sleep(pause)
                continue
            wait = self._retry_after(reply) or 0.0
            if pause is None or wait > LONGEST_PAUSE or not self._try_again(reply):
                return reply
            self._sleep(max(pause, wait))
        raise AssertionError("the last attempt returns or raises")

    def _try_again(self, reply: HttpResponse) -> bool:
        patient = reply.status == 429 and self._retry_after(reply) is not None
        return patient or reply.status in _TRIED_AGAIN

    def _retry_after(self, reply: HttpResponse) -> float | None:
        """Seconds to wait (RFC 9110 10.2.3: seconds or a date); None without such a header."""
        value = reply.headers.get("retry-after", "")
        if _SECONDS.fullmatch(value):
            return float(value)
        moment = _date(value)
        return None if moment is None else max(0.0, (moment - self._now()).total_seconds())

    def _attempt(self, message: HttpRequest) -> HttpResponse:
        with self._client.stream(
            message.method,
            self._address + message.path,
            content=message.body,
            headers=dict(message.headers),
        ) as response:
            if response.is_redirect or 300 <= response.status_code < 400:
                raise UnexpectedAnswer(
                    "the gateway answers with a redirection, which is never followed: "
                    "check the address in the connection file"
                )
            if response.headers.get("content-encoding", "identity") != "identity":
                raise UnexpectedAnswer("the gateway compresses an answer that must be plain")
            body = b"".join(self._bounded(response.iter_bytes()))
            return HttpResponse(response.status_code, dict(response.headers), body)

    def _bounded(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        size, began = 0, self._now()
        for chunk in chunks:
            size += len(chunk)
            if size > MAX_ANSWER_BYTES:
                raise UnexpectedAnswer(f"the answer is longer than {MAX_ANSWER_BYTES} bytes")
            if (self._now() - began).total_seconds() > LONGEST_ANSWER:
                raise UnexpectedAnswer(f"the answer takes longer than {LONGEST_ANSWER:.0f} seconds")
            yield chunk


def clock_difference(reply: HttpResponse, now: datetime) -> float | None:
    """Seconds by which the gateway's clock is ahead of ``now``; None when it does not say."""
    moment = _date(reply.headers.get("date", ""))
    return None if moment is None else (moment - now).total_seconds()


def _date(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _refuse_untrusted(error: BaseException) -> None:
    """Tell a handshake that one side refused from a connection that broke."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            raise TlsNotTrusted(
                f"the gateway's certificate is not accepted ({cause.verify_message}): check the "
                "address and the root certificate that is believed (connection file, or --ca)"
            ) from error
        reason = str(getattr(cause, "reason", "")) if isinstance(cause, ssl.SSLError) else ""
        if "ALERT" in reason:
            said = reason.lower().replace("_", " ")
            raise TlsNotTrusted(
                f"the gateway refuses the connection ({said}): check that this system's "
                "certificate is in force and from this gateway"
            ) from error
        cause = cause.__cause__ or cause.__context__
