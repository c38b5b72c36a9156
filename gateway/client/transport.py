"""HTTP with the gateway and no other host, and the access tokens for it.

Bounded: no redirection, no proxy or file of the environment; an answer has a size and a time.
Patient: after a lost connection, 502, 503, 504 and a short Retry-After the same bytes are sent
again (client assertions are new each time).

Tokens: client credentials with `tls_client_auth` (RFC 8705 2.1), so the certificate of the
connection is the credential. A system with a registered key adds an assertion (`private_key_jwt`).
Tokens are bound to the certificate and kept only in memory.
"""

import logging
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Protocol
from urllib.parse import urlencode
from uuid import UUID

import httpx

from gateway.client import errors
from gateway.evidence import base64url, canonical
from gateway.evidence.sd_jwt import Signer

MAX_ANSWER_BYTES = 8 * 1024 * 1024
"""A page of a hundred events with their receipts has about half a megabyte."""

PAUSES = (0.5, 1.0, 2.0, 4.0)
"""Seconds between one attempt and the next; after the last one the client gives up."""

LONGEST_PAUSE = 30.0
"""The longest Retry-After, in seconds, that is waited for; a person decides about longer ones."""

TOLD_AFTER = 5.0
"""Seconds of waiting after which a line of the log `gateway.client.transport` says for what."""

LONGEST_ANSWER = 120.0
"""Seconds that one answer may take from its first byte to its last."""

TIMEOUT = httpx.Timeout(30.0, connect=10.0)
"""Seconds without any progress; a write waits for the log's commit and its checkpoint."""

_TRIED_AGAIN = frozenset({502, 503, 504})
_log = logging.getLogger(__name__)
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

    @property
    def members(self) -> dict[str, Any]:
        """The members of the body, where that is a JSON object; else none."""
        try:
            found = canonical.decode(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def title(self) -> str:
        """Return what its problem is called, without what could move a terminal's cursor; else its
        status."""
        title = self.members.get("title")
        readable = isinstance(title, str) and title.isprintable() and len(title) <= _LONGEST_TITLE
        return str(title) if readable else f"it answers {self.status}"


class ServerAddress(Protocol):
    """One address, and the TLS settings that the server there must meet."""

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
        pauses: Sequence[float] = PAUSES,
    ) -> None:
        """``transport`` stands in for sockets and TLS; by default they are made as in `tls`. There
        are as many further attempts as ``pauses``."""
        self.address, self._now, self._sleep = listener.address, now, sleep
        self._pauses = pauses
        self.heard = False
        """Whether anything was answered yet."""
        self._client = httpx.Client(
            verify=True if transport else listener.tls(),
            transport=transport,
            trust_env=False,
            follow_redirects=False,
            timeout=TIMEOUT,
            headers={"Accept-Encoding": "identity", "User-Agent": "casegate"},
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def send(self, message: HttpRequest) -> HttpResponse:
        """Send a message until it is answered; the answer may be a refusal, or still a 503.

        Raises TlsNotTrusted at once, and SettingsError for a host that nobody knows;
        GatewayUnavailable when no attempt got an answer.
        """
        return self.send_anew(lambda: message)

    def send_anew(self, make: Callable[[], HttpRequest]) -> HttpResponse:
        """As `send`, with a message made for each attempt: of what is good once only."""
        reached, began = False, self._now()
        for pause in (*self._pauses, None):
            try:
                reply = self._attempt(make())
            except httpx.TransportError as error:
                causes = list(_causes(error))
                _refuse_lasting(causes, self._now(), self.address)
                reached |= not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
                if pause is None:
                    raise errors.GatewayUnavailable(
                        f"no answer from {self.address}: {_in_words(causes)}", reached=reached
                    ) from error
                self._wait(pause, began, _in_words(causes))
                continue
            reached, after = True, self._retry_after(reply)
            again = reply.status in _TRIED_AGAIN or (reply.status == 429 and after is not None)
            wait = after or 0.0
            if pause is None or wait > LONGEST_PAUSE or not again:
                return reply
            self._wait(max(pause, wait), began, reply.title)
        raise AssertionError("the last attempt returns or raises")

    def _wait(self, pause: float, began: datetime, reason: str) -> None:
        """Wait, and say for what where it comes to more than a person waits without asking."""
        if (self._now() - began).total_seconds() + pause >= TOLD_AFTER:
            _log.warning("waiting for %s: %s; asked again in %.0f s", self.address, reason, pause)
        self._sleep(pause)

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
            self.address + message.path,
            content=message.body,
            headers=dict(message.headers),
        ) as response:
            known = response.status_code == 304 and "If-None-Match" in message.headers
            if 300 <= response.status_code < 400 and not known:
                raise errors.UnexpectedAnswer(
                    "the gateway answers with a redirection, which is never followed: "
                    "check the address in the connection file"
                )
            if response.headers.get("content-encoding", "identity") != "identity":
                raise errors.UnexpectedAnswer("the gateway compresses an answer that must be plain")
            self.heard = True
            body, began = bytearray(), self._now()
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > MAX_ANSWER_BYTES:
                    raise errors.UnexpectedAnswer(
                        f"the answer is longer than {MAX_ANSWER_BYTES} bytes"
                    )
                if (self._now() - began).total_seconds() > LONGEST_ANSWER:
                    raise errors.UnexpectedAnswer(
                        f"the answer takes longer than {LONGEST_ANSWER:.0f} seconds"
                    )
            return HttpResponse(response.status_code, dict(response.headers), bytes(body))


_LONGEST_TITLE = 100


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


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what is behind it, down to the socket's own."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


_EXPIRED = 10  # X509_V_ERR_CERT_HAS_EXPIRED
_TOO_EARLY = 9  # X509_V_ERR_CERT_NOT_YET_VALID


def _refuse_lasting(causes: Sequence[BaseException], now: datetime, address: str) -> None:
    """Tell a handshake that one side refused, and a name that nobody has, from a connection that
    broke: they are the same an hour later."""
    error = causes[0]
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            clock = (
                f"this host's clock, which says {now:%Y-%m-%d %H:%M} UTC, "
                if getattr(cause, "verify_code", 0) in (_EXPIRED, _TOO_EARLY)
                else ""
            )
            raise errors.TlsNotTrusted(
                f"the gateway's certificate is not accepted ({cause.verify_message}): check {clock}"
                "the address and the root certificate that is believed (connection file, or --ca)"
            ) from error
        reason = str(getattr(cause, "reason", "")) if isinstance(cause, ssl.SSLError) else ""
        if "ALERT" in reason:
            alert = reason.lower().replace("_", " ")
            raise errors.TlsNotTrusted(
                f"the gateway refuses the connection ({alert}): check that this system's "
                "certificate is in force and from this gateway"
            ) from error
        if isinstance(cause, socket.gaierror) and cause.errno != socket.EAI_AGAIN:
            raise errors.SettingsError(
                f"nobody knows a host of the name in {address}: check the address in the "
                "connection file, and this host's DNS"
            ) from error


_WORDS: Sequence[tuple[type[BaseException], str]] = (
    (socket.gaierror, "the name of its host cannot be looked up now; check this host's DNS"),
    (ConnectionRefusedError, "its host answers, and nothing listens there"),
    (httpx.ConnectTimeout, "nothing comes back; check the address, the network and the firewalls"),
    (httpx.ReadTimeout, "it took the request, and does not answer it"),
)
"""Why no answer came, by the first that fits."""


def _in_words(causes: Sequence[BaseException]) -> str:
    found = (words for kind, words in _WORDS if any(isinstance(one, kind) for one in causes))
    return next(found, f"the connection broke ({type(causes[0]).__name__})")


RENEW_BEFORE = timedelta(seconds=30)
"""A token that expires within this time is not used: the request may take as long."""

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{1,8192}=*", re.ASCII)  # RFC 6750 2.1
_ERROR = re.compile(r"[a-z_]{1,60}", re.ASCII)
_INVALID_TOKEN = re.compile(r'\berror="?invalid_token\b', re.ASCII)


KIND = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

LIFE_SECONDS = 60


@dataclass(frozen=True)
class Assertions:
    """Makes the assertions of one system for one gateway."""

    issuer: str
    client_id: str
    key: Signer
    now: Callable[[], datetime]
    ids: Callable[[], UUID]

    def members(self) -> dict[str, str]:
        """The members of a form that carry a new assertion (RFC 7521 section 4.2)."""
        return {"client_assertion_type": KIND, "client_assertion": self.make()}

    def make(self) -> str:
        """A new assertion, as a compact JWS."""
        now = int(self.now().timestamp())
        # RFC 8037's name for the algorithm: the one in the gateway's metadata.
        alg = "EdDSA" if self.key.alg == "Ed25519" else self.key.alg
        header = {"typ": "client-authentication+jwt", "alg": alg, "kid": self.key.kid}
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.issuer,
            "iat": now,
            "exp": now + LIFE_SECONDS,
            "jti": str(self.ids()),
        }
        signed = ".".join(
            base64url.encode(canonical.compact(part).encode()) for part in (header, claims)
        )
        return f"{signed}.{base64url.encode(self.key.sign(signed.encode('ascii')))}"


@dataclass(frozen=True)
class _Token:
    text: str
    renew_at: datetime


class AccessTokens:
    """Adds the token to messages; threads may share it."""

    def __init__(
        self,
        line: HttpTransport,
        client_id: str,
        now: Callable[[], datetime],
        assertions: Assertions | None = None,
    ) -> None:
        """Nothing is asked before the first message; ``assertions`` of a system with a key."""
        self._line, self._client_id, self._now = line, client_id, now
        self._assertions = assertions
        self._token: _Token | None = None
        self.scopes: frozenset[str] | None = None
        """Those of the newest token; None where it does not say."""
        self._lock = threading.Lock()

    def send(self, message: HttpRequest) -> HttpResponse:
        """Send with the token; with a new one, once, when the gateway knows it no longer."""
        token = self._valid(None)
        reply = self._line.send(_bearing(message, token))
        if reply.status == 401 and _INVALID_TOKEN.search(reply.headers.get("www-authenticate", "")):
            reply = self._line.send(_bearing(message, self._valid(token)))
        return reply

    def _valid(self, rejected: str | None) -> str:
        """The token in use, or a new one when there is none, it ends soon, or is ``rejected``."""
        with self._lock:
            token = self._token
            if token is None or self._now() >= token.renew_at or token.text == rejected:
                self._token = token = self._ask()
            return token.text

    def _ask(self) -> _Token:
        asked_at = self._now()
        reply = self._line.send_anew(self._question)
        members = reply.members
        if reply.status >= 500:
            detail = members.get("detail")
            reason = f": {detail}" if isinstance(detail, str) else ""
            raise errors.GatewayUnavailable(
                f"the gateway gives no access tokens at present{reason}"
            )
        if reply.status != 200:
            if reply.status in (404, 405):
                raise errors.SettingsError(
                    f"{self._line.address} is not the address of the partners' interface (status "
                    f"{reply.status}): check api_url in the connection file"
                )
            error = members.get("error")
            known = isinstance(error, str) and _ERROR.fullmatch(error)
            raise errors.TokenRefused(str(error) if known else f"status {reply.status}")
        text, kind, life = (members.get(n) for n in ("access_token", "token_type", "expires_in"))
        if not isinstance(text, str) or not _TOKEN.fullmatch(text):
            raise errors.UnexpectedAnswer("the gateway's token is not of the form that tokens have")
        if str(kind).lower() != "bearer" or type(life) is not int or life <= 0:
            raise errors.UnexpectedAnswer("the gateway's token has no kind or no life that we know")
        scope = members.get("scope")
        self.scopes = frozenset(scope.split()) if isinstance(scope, str) else None
        ends = asked_at + timedelta(seconds=life)
        # A token with a very short life is used for the first half of it.
        return _Token(text, max(ends - RENEW_BEFORE, asked_at + timedelta(seconds=life) / 2))

    def _question(self) -> HttpRequest:
        form = {"grant_type": "client_credentials", "client_id": self._client_id}
        if self._assertions is not None:
            form |= self._assertions.members()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return HttpRequest("POST", "/oauth/token", urlencode(form).encode("ascii"), headers)


def _bearing(message: HttpRequest, token: str) -> HttpRequest:
    return replace(message, headers={**message.headers, "Authorization": f"Bearer {token}"})
