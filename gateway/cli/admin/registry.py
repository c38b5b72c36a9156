"""The registry as a session of administrators reaches it: on its host, or over the network."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import load_pem_x509_certificate

from gateway.changes import CHANGES
from gateway.cli.admin.session import (
    AdminSession,
    approvals,
    opened,
    read_only,
    require_keys,
    require_persons,
    sign,
)
from gateway.cli.arguments import plain_errors
from gateway.cli.partner_command import connected
from gateway.client import ConfirmedWrite, PartnerConnection
from gateway.client.administration import Administration
from gateway.client.errors import RequestRefused
from gateway.client.gateway import new_id, now
from gateway.domain.organisation import Status
from gateway.domain.refusals import NotFound
from gateway.evidence import declarations
from gateway.evidence.receipt import Receipt
from gateway.exchange.lifecycle import successions
from gateway.exchange.oversight import audit, notifications
from gateway.kernel import changes
from gateway.kernel.changes import Change
from gateway.kernel.ports import Ports
from gateway.kernel.results import Page, to_json
from gateway.kernel.transact import WriteResult
from gateway.kernel.values import HOST
from gateway.registry import health, mandates, queries, worklist

if TYPE_CHECKING:
    from gateway import wiring

PAGE = 100
"""Items of a page of a list."""

NO_ENTRY = (
    "the registry has no such organisation, or nothing of that name or id in its entry: see "
    "`casegate admin organisation show ORGANISATION`"
)
NO_SUCCESSION = "no succession has this id: see `casegate admin succession list`"
NO_EVENT = "the gateway is party of no event with this id: an auditor searches those of others"

Made = WriteResult | ConfirmedWrite
"""A change that was made, or waits: its result, and the receipt of its event."""


@dataclass(frozen=True)
class HostRegistry:
    """The registry of the session's folder, where its gateway is."""

    session: AdminSession
    gateway: "wiring.GatewayRuntime"

    @property
    def _ports(self) -> Ports:
        return self.gateway.ports

    def submit(self, change: Change) -> Made:
        signed = approvals(self.session, self.gateway, change)
        return changes.submit(self._ports, CHANGES, change, signed)

    def approve(self, proposal: UUID, change: Change) -> Made:
        (signed,) = approvals(self.session, self.gateway, change)
        return changes.approve(self._ports, CHANGES, proposal, signed)

    def withdraw(self, proposal: UUID) -> Made:
        (signed,) = approvals(self.session, self.gateway, changes.withdrawal_of(proposal))
        return changes.withdraw(self._ports, proposal, signed)

    def refuse(self, proposal: UUID, reason: str) -> Made:
        (signed,) = approvals(self.session, self.gateway, changes.refusal_of(proposal, reason))
        return changes.refuse(self._ports, proposal, signed, reason)

    def worklist(self, person: str | None) -> list[dict[str, Any]]:
        ports = self._ports
        return _whole(lambda after: worklist.page(ports, HOST, person, after, PAGE))

    def proposals(self, *, waiting: bool) -> list[dict[str, Any]]:
        ports = self._ports
        return _whole(lambda after: changes.page(ports, HOST, after, PAGE, waiting=waiting))

    def proposal(self, proposal: UUID) -> dict[str, Any]:
        with _saying(changes.NO_PROPOSAL):
            return changes.look_up(self._ports, CHANGES, HOST, proposal)

    def organisations(self, status: str | None) -> list[dict[str, Any]]:
        ports, wanted = self._ports, None if status is None else Status(status)
        return _whole(lambda after: queries.page(ports, HOST, after or "", PAGE, wanted))

    def organisation(self, slug: str, day: str | None) -> dict[str, Any]:
        at = None if day is None else date.fromisoformat(day)
        with _saying(queries.NO_ORGANISATION):
            return dict(to_json(queries.look_up(self._ports, HOST, slug, at)))

    def administrators(self) -> list[dict[str, Any]]:
        return list(to_json(queries.admins(self._ports, HOST)))

    def invitations(self) -> list[dict[str, Any]]:
        return _whole(lambda after: queries.invitations(self._ports, HOST, after, PAGE))

    def health(self) -> dict[str, Any]:
        return dict(to_json(health.look_up(self._ports, HOST)))

    def log_holds(self) -> list[dict[str, Any]]:
        return list(to_json(queries.log_holds(self._ports, HOST)))

    def mandates(self) -> dict[str, Any]:
        return mandates.report(self._ports, HOST)

    def receivers(self) -> list[dict[str, Any]]:
        return list(to_json(notifications.overview(self._ports, HOST)))

    def successions(self) -> list[dict[str, Any]]:
        return list(to_json(successions.list_all(self._ports, HOST)))

    def succession(self, succession: UUID) -> dict[str, Any]:
        with _saying(NO_SUCCESSION):
            return successions.report(self._ports, HOST, succession)

    def event(self, event: UUID) -> Receipt:
        with _saying(NO_EVENT):
            return audit.of_gateway(self._ports, HOST, event)

    def addresses(self) -> dict[str, Any]:
        return host_addresses(self.gateway)


@dataclass(frozen=True)
class _NetworkRegistry:
    session: AdminSession
    connection: PartnerConnection
    remote: Administration

    def _signed(self, change: Change) -> list[str]:
        issuer, persons = self.remote.issuer, self.session.persons
        files = {person: self.session.key_file(None, person) for person in persons}
        return [sign(issuer, files[one], one, change, now(), new_id()) for one in persons]

    def submit(self, change: Change) -> Made:
        signed = self._signed(change)
        with _saying(NO_ENTRY):
            return self.remote.submit(change.action, change.organisation, change.values, signed)

    def approve(self, proposal: UUID, change: Change) -> Made:
        (signed,) = self._signed(change)
        with _saying(NO_ENTRY):
            return self.remote.approve(proposal, change.action, signed)

    def withdraw(self, proposal: UUID) -> Made:
        (signed,) = self._signed(changes.withdrawal_of(proposal))
        with _saying(changes.NO_PROPOSAL):
            return self.remote.withdraw(proposal, signed)

    def refuse(self, proposal: UUID, reason: str) -> Made:
        (signed,) = self._signed(changes.refusal_of(proposal, reason))
        with _saying(changes.NO_PROPOSAL):
            return self.remote.refuse(proposal, signed, reason)

    def addresses(self) -> dict[str, Any]:
        known = self.connection
        held = known.trust.administrators.items()  # not what the gateway shows now
        return {
            "issuer": known.issuer,
            "api_url": known.api_url,
            "root_sha256": _root_sha256(known.ca),
            "log_key": str(known.trust.log_keys[-1]),
            "administrators": {
                person: {"keys": [declarations.jwk_of_approval_key(*one) for one in keys.items()]}
                for person, keys in held
            },
        }

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.remote, name)  # what is read is the same everywhere
        return _saying(_MISSING[name])(method) if name in _MISSING else method


@contextmanager
def _saying(missing: str) -> Iterator[None]:
    """Say what is missing: administrators may know, and the gateway tells it to nobody."""
    try:
        yield
    except NotFound:
        raise NotFound(missing) from None
    except RequestRefused as refused:
        if refused.status == HTTPStatus.NOT_FOUND:
            refused.args = (missing,)
        raise


_MISSING = {
    "proposal": changes.NO_PROPOSAL,
    "organisation": queries.NO_ORGANISATION,
    "succession": NO_SUCCESSION,
    "event": NO_EVENT,
}
"""What each read over the network says where the gateway finds nothing."""


def _whole(page: Callable[[Any], Page[Any]]) -> list[dict[str, Any]]:
    """All items of a list that is read by page."""
    items: list[Any] = []
    found = page(None)
    while found.after is not None:
        items += found.items
        found = page(found.after)
    return list(to_json([*items, *found.items]))


Registry = HostRegistry | _NetworkRegistry
"""The registry of a gateway, wherever it is: changes that the session's persons sign, and what is
read of it, by the methods of `gateway.client.directory`."""


def host_addresses(gateway: "wiring.GatewayRuntime") -> dict[str, Any]:
    """Return what a member's system has to know of this gateway, for its invitation."""
    from gateway.pki.authority import ROOT_FILE  # noqa: PLC0415 - of the server

    config = gateway.config
    return {
        "issuer": config.issuer,
        "api_url": config.partners_url,
        "root_sha256": _root_sha256(config.published / ROOT_FILE),
        "log_key": gateway.keys.log.vkey,
        "administrators": {
            one.person: one.recorded() for one in queries.admins(gateway.ports, HOST)
        },
    }


def _root_sha256(file: Path) -> str:
    return load_pem_x509_certificate(file.read_bytes()).fingerprint(SHA256()).hex()


@contextmanager
def registry(session: AdminSession, *, reads: bool = False) -> Iterator[Registry]:
    """The registry that a session reaches; with ``reads`` nobody has to approve anything."""
    if not reads:
        require_persons(session)
    if session.connection is not None:
        with plain_errors(), connected(session.connection) as gateway:
            require_keys(session, None)
            yield _NetworkRegistry(session, gateway.connection, gateway.administration)
        return
    with (read_only if reads else opened)(session) as gateway:
        require_keys(session, gateway.config)
        yield HostRegistry(session, gateway)
