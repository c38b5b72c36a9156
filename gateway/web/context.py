"""What the apps are built from: everything that the web asks of the other parts, in one value."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from gateway.evidence.sd_jwt import Signer
from gateway.kernel.ports import Ports, UnitOfWork
from gateway.kernel.results import JwkSet
from gateway.kernel.values import CertificateRequest
from gateway.web.security_log import SecurityLog

TOKEN_SECONDS = 300
"""How long an access token lives at most: none is revoked before its end."""

BODY_BYTES = 256 * 1024

WAIT_FOR = "casegate.wait_for"
"""In the environ of a request, where its listener can answer later without a thread. Calling it
with an organisation, and the number up to which its stream is known, ends the request here; it is
served again when the stream goes on."""


class PresentedCertificate(Protocol):
    """The client of a connection, as its checked certificate says."""

    @property
    def thumbprint(self) -> str:
        """RFC 8705's x5t#S256: SHA-256 over the DER, unpadded base64url."""

    @property
    def san_uris(self) -> tuple[str, ...]:
        """Its names."""


@dataclass(frozen=True)
class NotReady:
    """Why the gateway cannot do its work now: a word for machines, a sentence for people."""

    reason: str
    detail: str


@dataclass(frozen=True)
class AppContext:
    """One listener's parts. The issuer, the clock and the ids are those of ``ports``.

    ``peer_der`` takes a WSGI environ and gives the client's certificate in DER, or None; it
    raises ``header_refused`` where a proxy's header may not be believed. ``check_peer`` takes
    the DER and the time, and raises ``certificate_refused``. ``published`` is the folder with
    the authorities' certificates and revocation lists, read when asked for: others renew it.
    ``read_request`` reads a certificate request, PEM, DER or base64, and raises
    ``request_refused``; ``certs_only`` makes of a PEM file what EST carries; ``patience`` is how
    many seconds a certificate is waited for.
    ``newest`` begins to read the newest log, and raises LogFrozen, HighWaterMarkUnavailable or
    DatabaseUnavailable where the registry may be an older one, which forgot what was revoked since.
    ``unready`` looks whether the gateway can write and sign, and says what is in the way.
    ``answered`` hears of each answer, where anybody counts them: its route's template, method,
    status and seconds; ``problem_sent`` of each problem: the last part of its type. ``contact`` is
    where people write to the operator, where it is set.
    """

    ports: Ports
    partners_url: str
    tokens: Signer
    token_keys: JwkSet
    attestation_keys: JwkSet
    notification_keys: JwkSet
    log_keys: Sequence[str]
    peer_der: Callable[[Mapping[str, Any]], bytes | None]
    header_refused: type[Exception]
    check_peer: Callable[[bytes, datetime], PresentedCertificate]
    certificate_refused: type[Exception]
    published: Path
    read_request: Callable[[bytes], CertificateRequest]
    request_refused: type[Exception]
    certs_only: Callable[[bytes], bytes]
    newest: Callable[[], AbstractContextManager[UnitOfWork]]
    unready: Callable[[], NotReady | None]
    log: SecurityLog
    token_seconds: int = TOKEN_SECONDS
    body_bytes: int = BODY_BYTES
    patience: float = 5.0
    answered: Callable[[str, str, int, float], None] | None = None
    problem_sent: Callable[[str], None] = lambda _slug: None
    contact: str | None = None

    @property
    def issuer(self) -> str:
        """The public URL: issuer of tokens and documents."""
        return self.ports.issuer
