"""The public listener of a gateway, as anybody may read it: no certificate, no token."""

import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from gateway.client.failures import SettingsError, Unavailable, UnexpectedAnswer
from gateway.client.line import ADDRESS, Line, Message


@dataclass(frozen=True)
class PublicListener:
    """An address, and the root certificates (PEM) to believe; None for the system's own.

    What is read there is verified by the log's key: the certificate only keeps the way quiet.
    """

    address: str
    ca: Path | None = None

    def tls(self) -> ssl.SSLContext:
        """TLS 1.3 and the roots; SettingsError when their file cannot be used."""
        try:
            context = ssl.create_default_context(cafile=self.ca)
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(f"{self.ca} is no file of certificates in PEM") from error
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        return context


class PublicLog:
    """Fetches the log's files. Use it in a ``with`` block."""

    def __init__(
        self,
        url: str,
        ca: Path | None,
        clock: Callable[[], datetime],
        *,
        sleep: Callable[[float], None] = time.sleep,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """``url`` is the issuer's address, ``https://host:port``; SettingsError for another."""
        address = url.removesuffix("/")
        if not ADDRESS.fullmatch(address):
            raise SettingsError("the address is https://host or https://host:port, no more")
        self._line = Line(PublicListener(address, ca), clock, sleep, transport)

    def __enter__(self) -> Self:
        """Begin; the first request connects."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        self._line.hang_up()

    def fetch(self, path: str) -> bytes:
        """A file of the log by its path (`checkpoint`, `tile/0/000`).

        Raises LookupError when the log does not have it, Unavailable, NotTrusted,
        UnexpectedAnswer.
        """
        reply = self._line.send(Message("GET", f"/{path}"))
        if reply.status == 200:
            return reply.body
        if reply.status == 404:
            raise LookupError(path)
        if reply.status >= 500 or reply.status == 429:
            raise Unavailable(f"the log cannot answer now (status {reply.status})")
        raise UnexpectedAnswer(f"the log answers with the status {reply.status}")
