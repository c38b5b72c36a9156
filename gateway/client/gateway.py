"""`Gateway`: what a partner's system asks of its gateway, one method for each action of the policy.

The methods stand where their nouns do (cases, offers, handoffs...); here they come together, over
one line. Every write has an idempotency key and may be repeated, by the client itself or by
`resume`; it returns only when the log's receipt for it holds.
"""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Self
from uuid import UUID

import httpx

from gateway.client.conformance import Runs
from gateway.client.connection import PartnerConnection
from gateway.client.directory import SuccessionClient
from gateway.client.documents import DocumentSigner, DocumentSigningKey
from gateway.client.errors import RequestRefused, SettingsError, UnexpectedAnswer
from gateway.client.events import Auditing, Exports
from gateway.client.handoffs import Offers
from gateway.client.local_state import Outbox, PendingWrite, ReadPublicTile
from gateway.client.mirror import PublicLog
from gateway.client.notifications import NotificationClient
from gateway.client.sealing import Sealing
from gateway.client.session import ConfirmedWrite, Session, granted, members_of
from gateway.client.staff import StaffClient
from gateway.client.transport import (
    AccessTokens,
    Assertions,
    HttpRequest,
    HttpTransport,
    clock_difference,
)
from gateway.evidence.sd_jwt import Signer
from gateway.evidence.seal import OpeningKey
from gateway.evidence.signature import public_keys


@dataclass(frozen=True)
class Resent:
    """A kept write that was sent again, and how it ended: written, or refused and so dropped."""

    write: PendingWrite
    written: ConfirmedWrite | None = None
    refused: RequestRefused | None = None


class Gateway(
    Sealing, Offers, Exports, SuccessionClient, StaffClient, NotificationClient, Auditing
):
    """A partner's system at its gateway. Use it in a ``with`` block; threads may share it.

    ``conformance`` are its conformance runs.

    Every request raises RequestRefused for a "no", and the other ClientErrors. After any but
    RequestRefused a write may have been done: `resume` what is ``unanswered``, do not repeat it.
    """

    def __init__(
        self,
        connection: PartnerConnection,
        clock: Callable[[], datetime],
        ids: Callable[[], UUID],
        store_before_send: Path | None = None,
        *,
        sleep: Callable[[float], None] = time.sleep,
        transport: httpx.BaseTransport | None = None,
        document_key: DocumentSigningKey | None = None,
        encryption_keys: Mapping[str, OpeningKey] | None = None,
        assertion_key: Signer | None = None,
        random: Callable[[int], bytes] = secrets.token_bytes,
        tile: ReadPublicTile | None = None,
    ) -> None:
        """Nothing is sent yet; SettingsError when a file of the connection cannot be used.

        ``clock`` gives aware times, ``ids`` UUIDv7s. ``store_before_send`` is a folder that keeps
        each write until it is answered (consultations not: nobody would be there to read).
        ``transport`` stands in for sockets and TLS in tests, and ``tile`` for the public log, from
        whose tiles the client checks that the log grew and did not change. With a
        ``document_key``, registered by the gateway, all documents are signed here, with
        ``random`` salts.
        ``encryption_keys`` open what others sealed to this member, by key id. With a
        ``assertion_key``, registered too, the system authenticates by an assertion beside its
        certificate (RFC 7523).
        """
        opening = dict(encryption_keys or {})
        if document_key is not None and document_key.kid in opening:
            raise SettingsError("one key signs documents or opens seals, never both: make two")
        connection = _trusting(connection, document_key)
        issuer, organisation = connection.issuer, connection.organisation
        author = assertions = None
        if document_key is not None:
            author = DocumentSigner(issuer, organisation, document_key, clock, ids, random)
        if assertion_key is not None:
            assertions = Assertions(issuer, connection.client_id, assertion_key, clock, ids)
        self._line = HttpTransport(connection, clock, sleep, transport)
        exchange = Session(
            connection,
            AccessTokens(self._line, connection.client_id, clock, assertions),
            ids,
            Outbox(store_before_send) if store_before_send else None,
            tile or (self._fetch_tile if transport is None else None),
        )
        self._public: PublicLog | None = None
        super().__init__(connection, exchange, author, opening=opening, clock=clock, ids=ids)
        self.conformance = Runs(exchange, author, organisation)

    def __enter__(self) -> Self:
        """Begin; the first request connects."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self._line.close()
        if self._public is not None:
            self._public.close()

    def _fetch_tile(self, path: str) -> bytes:
        if self._public is None:
            issuer, ca = self.connection.issuer, self.connection.ca
            self._public = PublicLog(issuer, ca, self._now, system_too=True)
        return self._public.fetch(path)

    def greet(self) -> float | None:
        """Ask the gateway who it is, without a token; how far its clock is ahead, in seconds.

        None when the answer has no time. Raises UnexpectedAnswer when the protected resource is
        not the one of the connection file (RFC 9728 3.3).
        """
        reply = self._line.send(HttpRequest("GET", "/.well-known/oauth-protected-resource"))
        metadata = {} if reply.status == 404 else members_of(granted(reply))
        servers = metadata.get("authorization_servers")
        if metadata.get("resource") != self.connection.api_url or servers != [
            self.connection.issuer
        ]:
            raise UnexpectedAnswer(
                "the gateway there is not the one of the connection file: check its addresses"
            )
        return clock_difference(reply, self._now())

    def whoami(self) -> dict[str, Any]:
        """This system as the gateway sees it: organisation, scopes, certificates, reference
        date."""
        return self._exchange.read("whoami.read", "/whoami")

    def resume(self) -> Iterator[Resent]:
        """Send again what was kept before sending and never answered, oldest first.

        Stops with the first ClientError that names the write as ``unanswered``, as all do but a
        refusal of the write itself; what is left is kept. `set_aside` takes one out of the way.
        """
        for write in self._exchange.waiting():
            try:
                yield Resent(write, written=self._exchange.send(write))
            except RequestRefused as refused:
                if refused.unanswered is not None:
                    raise
                yield Resent(write, refused=refused)

    def set_aside(self, key: str) -> PendingWrite:
        """Leave a kept write out of `resume` for good; its file stays, as evidence.

        For one that no answer confirms: people have to find out its result. LookupError
        when no write waits under this key.
        """
        return self._exchange.set_aside(key)


def _trusting(connection: PartnerConnection, key: DocumentSigningKey | None) -> PartnerConnection:
    """The connection, believing one's own key too."""
    if key is None:
        return connection
    known = connection.trust.organisations
    own = {**known.get(connection.organisation, {}), **public_keys({"keys": [key.public_jwk()]})}
    organisations = {**known, connection.organisation: own}
    return replace(connection, trust=replace(connection.trust, organisations=organisations))
