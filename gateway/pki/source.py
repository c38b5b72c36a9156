"""Where a listener learns the certificate of its client: from its own TLS, or from its proxy."""

import base64
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

_LARGEST_FIELD = 16 * 1024  # characters of a Client-Cert field


class HeaderRefused(Exception):
    """A `Client-Cert` field came where none is believed, or is not as RFC 9440 says: answer 400."""


class PeerSource(StrEnum):
    """Where a listener learns the client's certificate: from its own TLS, or from its proxy.

    One for each process, by its address: `Client-Cert` on a TCP listener would let any client
    be anybody, so it is believed on a unix socket alone (RFC 9440 section 4).
    """

    TLS = "tls"
    UNIX_HEADER = "unix-header"

    @classmethod
    def for_bind(cls, bind: str) -> "PeerSource":
        """The source that goes with an address as the configuration spells it."""
        return cls.UNIX_HEADER if bind.startswith("unix:") else cls.TLS

    def der(self, environ: Mapping[str, Any]) -> bytes | None:
        """The client's certificate of a WSGI request in DER; None when it showed none.

        HeaderRefused when the request carries a `Client-Cert` field that may not be believed.
        """
        header = environ.get("HTTP_CLIENT_CERT")
        if self is PeerSource.UNIX_HEADER:
            return None if header is None else parse_client_cert(header)
        if header is not None or "HTTP_CLIENT_CERT_CHAIN" in environ:
            raise HeaderRefused("Client-Cert is not accepted here: present the certificate in TLS")
        getpeercert = getattr(environ.get("gunicorn.socket"), "getpeercert", None)
        try:
            return getpeercert(True) if getpeercert else None
        except (ValueError, OSError):  # the connection broke while the request was read
            return None


def parse_client_cert(value: str) -> bytes:
    """The DER of a `Client-Cert` field: one byte sequence and nothing else (RFC 9440 2.1).

    HeaderRefused for two fields joined by a comma, parameters, and any base64 but the canonical.
    """
    found = re.fullmatch(r":([A-Za-z0-9+/]+={0,2}):", value, re.ASCII)
    if not found or len(value) > _LARGEST_FIELD:
        raise HeaderRefused("Client-Cert must be one byte sequence, :base64:")
    try:
        der = base64.b64decode(found[1], validate=True)
    except ValueError:
        der = b""
    if not der or base64.b64encode(der).decode("ascii") != found[1]:
        raise HeaderRefused("Client-Cert is not in canonical base64")
    return der
