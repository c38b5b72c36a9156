"""`Gateway`: what a partner's system asks of its gateway, one method for each action of the policy.

The methods stand where their nouns do (cases, offers, handoffs...); here they come together, over
one line. Every write has an idempotency key and may be repeated, by the client itself or by
`resume`; it returns only when the log's receipt for it holds.
"""

import json
import logging
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, cast
from urllib.parse import urlencode
from uuid import UUID

import httpx
from uuid_utils import compat

from gateway import files
from gateway.client import errors
from gateway.client.administration import Administration
from gateway.client.connection import FETCHED, PartnerConnection, with_remote_members
from gateway.client.directory import StaffClient, SuccessionClient
from gateway.client.enrolment import Runs
from gateway.client.events import Auditing, Exports, NotificationClient
from gateway.client.handoffs import Offers
from gateway.client.local_state import Outbox, PendingWrite, ReadPublicTile
from gateway.client.mirror import PublicLog
from gateway.client.sealing import Sealing
from gateway.client.session import ConfirmedWrite, Session, granted, members_of
from gateway.client.signing import DocumentSigner, DocumentSigningKey
from gateway.client.transport import (
    AccessTokens,
    Assertions,
    HttpRequest,
    HttpTransport,
    clock_difference,
)
from gateway.evidence.sd_jwt import Signer
from gateway.evidence.seal import OpeningKey
from gateway.evidence.signature import PublicKey, public_keys
from gateway.files import PrivateFileError
from gateway.keys import KeyPurpose, SigningKey, load_encryption_keys, load_key
from gateway.verification import gateway_keys, peers

if TYPE_CHECKING:
    from gateway.client.views import Whoami

logger = logging.getLogger(__name__)


def now() -> datetime:
    """The system's time, in UTC."""
    return datetime.now(UTC)  # noqa: TID251 - the clock of a partner's program


def new_id() -> UUID:
    """A UUIDv7 (RFC 9562 5.7)."""
    return UUID(bytes=compat.uuid7().bytes)


@dataclass(frozen=True)
class Resent:
    """A kept write that was sent again, and how it ended: written, or refused and so dropped."""

    write: PendingWrite
    written: ConfirmedWrite | None = None
    refused: errors.RequestRefused | None = None


_ID_END = re.compile("[0-9a-f]{6,32}", re.ASCII)
_BOXES = {"case": ("",), "handoff": ("box=in&", "box=out&")}
_SHOWN_BY = {
    "case": "`casegate case list` shows them",
    "handoff": "`casegate handoff list` shows those received, with --box out those sent",
}


class Gateway(
    Sealing, Offers, Exports, SuccessionClient, StaffClient, NotificationClient, Auditing
):
    """A partner's system at its gateway. Use it in a ``with`` block; threads may share it.

    ``conformance`` are its conformance runs, ``administration`` is the registry, for a system of
    the operator's.

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
        peer_tile: Callable[[str], ReadPublicTile] | None = None,
    ) -> None:
        """Nothing is sent yet; SettingsError when a file of the connection cannot be used.

        ``clock`` gives aware times, ``ids`` UUIDv7s. ``store_before_send`` is a folder that keeps
        each write until it is answered (consultations not: nobody would be there to read).
        ``transport`` stands in for sockets and TLS in tests, and ``tile`` for the public log, from
        whose tiles the client checks that the log grew and did not change; ``peer_tile`` likewise
        for that of a peer gateway, by its issuer. With a
        ``document_key``, registered by the gateway, all documents are signed here, with
        ``random`` salts.
        ``encryption_keys`` open what others sealed to this member, by key id. With a
        ``assertion_key``, registered too, the system authenticates by an assertion beside its
        certificate (RFC 7523).
        """
        # Long: a parameter for each thing that a program may bring, and its meaning.
        opening = dict(encryption_keys or {})
        if document_key is not None and document_key.kid in opening:
            raise errors.SettingsError(
                "one key signs documents or opens seals, never both: make two"
            )
        connection = self._completed(connection, document_key)
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
        self._public: dict[str, PublicLog] = {}
        super().__init__(connection, exchange, author, opening=opening, clock=clock, ids=ids)
        self._peer_tile = peer_tile or (self._tiles_of if transport is None else None)
        self.conformance = Runs(exchange, author, organisation)
        self.administration = Administration(exchange, issuer)

    @classmethod
    def open(cls, file: Path | str) -> Self:
        """The gateway of a connection file, with its keys and outbox; nothing is sent yet.

        It signs where the file names a document key. Raises SettingsError.
        """
        connection = PartnerConnection.read(Path(file))
        with errors.raising(errors.SettingsError, causes=PrivateFileError):
            opening = connection.encryption_keys
            return cls(
                connection,
                now,
                new_id,
                connection.outbox,
                document_key=_key(connection.document_key, KeyPurpose.DOCUMENT),
                assertion_key=_key(connection.assertion_key, KeyPurpose.CLIENT),
                encryption_keys=None if opening is None else load_encryption_keys(opening),
            )

    def _completed(
        self, connection: PartnerConnection, own: DocumentSigningKey | None
    ) -> PartnerConnection:
        """The connection, believing one's own key too, and fetching those of others."""
        organisations = dict(connection.trust.organisations)
        if own is not None:
            held = organisations.get(connection.organisation, {})
            mine = public_keys({"keys": [own.public_jwk()]})
            organisations[connection.organisation] = {**held, **mine}

        log_keys, own_keys = [*connection.trust.log_keys], dict(connection.trust.gateway_keys)
        trust = replace(connection.trust, organisations=organisations)
        others = [*connection.trust.others]
        trust = replace(trust, log_keys=log_keys, gateway_keys=own_keys, others=others)

        def learn() -> None:
            data, known = self._exchange.key_events(), len(log_keys) + len(own_keys)
            with errors.raising(errors.UnexpectedAnswer, "the gateway shows no keys of its own"):
                found = gateway_keys.learn(trust, data)
            log_keys[:] = found.log_keys
            own_keys.update(found.gateway_keys)
            if len(log_keys) + len(own_keys) > known:
                _keep_receipts(connection.key_events, data)

        def learn_peers() -> None:
            data, file = self._exchange.peers(), connection.key_events
            with errors.raising(errors.EvidenceMismatch, "the keys of peer gateways do not verify"):
                learned = peers.learn(trust, data)
            others[:] = with_remote_members(learned, connection.organisation_keys).others
            _keep_receipts(file and file.with_name(peers.PEERS), data)

        def fetched(organisation: str, keys: Mapping[str, PublicKey]) -> None:
            if "@" in organisation:  # only the gateways named it
                others[:] = trust.with_keys(organisation, keys, vouched=True).others
            else:
                organisations[organisation] = {**organisations.get(organisation, {}), **keys}

        learning = replace(connection, learn_keys=learn, learn_peers=learn_peers)
        return replace(learning, trust=trust, fetch_keys=partial(self._fetch_keys, fetched))

    def _fetch_keys(
        self, fetched: Callable[[str, Mapping[str, PublicKey]], None], organisation: str
    ) -> None:
        """Fetch the keys of an organisation, believe them, and keep them."""
        try:
            found = self.member_keys(organisation)
        except errors.RequestRefused as refused:
            raise errors.KeyNotHeld(
                f"this system lacks the key with which {organisation} signs, and may not fetch "
                f"it ({refused.slug}): with a system that has the scope directory.read, "
                f"`casegate directory keys {organisation}` saves it; put that file into "
                "organisation_keys of this connection"
            ) from refused
        fetched(organisation, {one.kid: one.key for one in found.origins})
        if (folder := self.connection.organisation_keys) is None:
            return
        # There the next command and `casegate verify` find them.
        file = folder / FETCHED / f"{found.organisation}.json"
        with errors.raising(errors.SettingsError, f"{file} cannot be written", OSError):
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            files.replace(file, json.dumps(found.to_json(), indent=1).encode())
        for one in found.origins:
            logger.warning("Fetched into %s, compared by nobody: %s.", file, one.describe())

    def __enter__(self) -> Self:
        """Begin; the first request connects."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self._line.close()
        for one in self._public.values():
            one.close()

    @property
    def heard(self) -> bool:
        """Tell whether the gateway answered anything yet."""
        return self._line.heard

    def _fetch_tile(self, path: str) -> bytes:
        return self._tiles_of(self.connection.issuer)(path)

    def _tiles_of(self, issuer: str) -> ReadPublicTile:
        """The public log of a gateway, under its own root, or any that the system believes: what is
        read is verified by the log's key."""
        if issuer not in self._public:
            ca = self.connection.root_of(issuer)
            self._public[issuer] = PublicLog(issuer, ca, self._now, system_too=True)
        return self._public[issuer].fetch

    def may(self, scope: str) -> bool:
        """Tell whether this system has a scope, as far as its newest token says."""
        return self._exchange.may(scope)

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
            raise errors.UnexpectedAnswer(
                "the gateway there is not the one of the connection file: check its addresses"
            )
        return clock_difference(reply, self._now())

    def whoami(self) -> "Whoami":
        """This system as the gateway sees it: organisation, scopes, certificates, reference
        date."""
        return cast("Whoami", self._exchange.read("whoami.read", "/whoami"))

    def find(self, noun: Literal["case", "handoff"], name: str) -> UUID:
        """The id of an own case, or of a handoff, by one's own reference or by the end of its id:
        six digits or more. Raises UnknownReference where none has it, or several."""
        ends = name.replace("-", "").lower()
        by_end = self._named(noun, "ends", ends) if _ID_END.fullmatch(ends) else ()
        with errors.raising(errors.UnexpectedAnswer, "a list shows what is not an id"):
            shown = [one for one in by_end if UUID(one[noun]).hex.endswith(ends)]
            found = {one[noun]: one for one in (*self._named(noun, "reference", name), *shown)}
        if len(found) == 1:
            return UUID(*found)
        if found:
            raise errors.UnknownReference(
                f"{name} names {len(found)} {noun}s: repeat the command with more of the end of "
                "the id of the one that you mean",
                [*found.values()],
            )
        raise errors.UnknownReference(
            f"{name} is neither your reference of a {noun} nor the end of the id of one, six "
            f"digits or more: {_SHOWN_BY[noun]}"
        )

    def _named(self, noun: str, by: str, name: str) -> list[dict[str, Any]]:
        """The cases, or handoffs, with a name. A system that may not list them is shown those that
        wait."""
        if self._exchange.may(f"{noun}s.read"):
            asked = urlencode({by: name})
            paths = [f"/{noun}s?{box}{asked}" for box in _BOXES[noun]]
            return [one for path in paths for one in self._exchange.items(f"{noun}.read", path)]
        rows = [dict(one) for one in self.worklist()["items"]]
        if by == "reference":
            own = [one for one in rows if one["reference"] == name]
            rows = [one for one in own if noun == "handoff" or not one["received"]]
        return [one for one in rows if one[noun]]

    def resume(self) -> Iterator[Resent]:
        """Send again what was kept before sending and never answered, oldest first.

        Stops with the first ClientError that names the write as ``unanswered``, as all do but a
        refusal of the write itself; what is left is kept. `set_aside` takes one out of the way.
        """
        for write, ended in self._exchange.resend():
            if isinstance(ended, ConfirmedWrite):
                yield Resent(write, written=ended)
            elif isinstance(ended, errors.RequestRefused) and ended.unanswered is None:
                yield Resent(write, refused=ended)
            else:
                raise ended

    def set_aside(self, key: str) -> PendingWrite:
        """Leave a kept write out of `resume` for good; its file stays, as evidence.

        For one that no answer confirms: people have to find out its result. LookupError
        when no write waits under this key.
        """
        return self._exchange.set_aside(key)


def _key(file: Path | None, purpose: KeyPurpose) -> SigningKey | None:
    return None if file is None else load_key(file, purpose)


def _keep_receipts(file: Path | None, data: bytes) -> None:
    """Put what tells of keys where the next command finds it, and verifies it again."""
    if file is not None:
        with errors.raising(errors.SettingsError, f"{file} cannot be written", OSError):
            files.replace(file, data, mode=0o644)
