"""Who calls: a certificate and a client id, checked against the registry of this moment."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta

from gateway.domain.organisation import (
    SCOPES_WHILE_SUSPENDED,
    Status,
    System,
    system_of,
    system_uri,
)
from gateway.domain.refusals import Refusal
from gateway.kernel import client_assertion as assertions
from gateway.kernel.client_assertion import AssertionRefused
from gateway.kernel.ports import Ports, TransactionMode, UnitOfWork
from gateway.kernel.values import Caller, Credentials

REMEMBERED = timedelta(hours=1)
REQUESTS_REMEMBERED = timedelta(days=30)
"""How long after its end a token or an assertion is remembered: clocks of nodes may differ."""


_HEARD = frozenset({Status.ACTIVE, Status.ENROLLED, Status.SUSPENDED})


class NotAuthenticated(Refusal):
    """The connection's certificate does not stand for this client now.

    ``detail`` goes to the security log only: a caller learns nothing about who exists.
    """


def authenticate(ports: Ports, client_id: str, shown: Credentials) -> System:
    """The registered system behind a client id on a connection; NotAuthenticated otherwise."""
    with ports.begin(TransactionMode.READ) as work:
        return require_standing(ports, work, system_of(client_id), shown)


def require_standing(
    ports: Ports, work: UnitOfWork, names: tuple[str, str] | None, shown: Credentials
) -> System:
    """The system for which credentials stand as of this transaction; NotAuthenticated otherwise.

    ``names`` are those of the organisation and the system.

    RFC 8705 2.1: the chain was validated by the listener; here exactly the registered name must
    match, so that a certificate of one member never stands for another. Asked anew for each
    request, and again in the transaction of what is done: a suspension is effective for the next
    one in every worker (RS5), and leaves the scopes for duties alone.
    """
    if names is None:
        raise NotAuthenticated("the client id is not of the form organisation.system")
    organisation, system = names
    if shown.uris != (system_uri(ports.gateway, organisation, system),):
        raise NotAuthenticated("the certificate names another system than the client id")
    certificate = work.organisations.certificate(shown.thumbprint)
    if certificate is None or certificate.revoked_at is not None:
        raise NotAuthenticated("the certificate is unknown here, or revoked")
    if (certificate.organisation, certificate.system) != names:
        raise NotAuthenticated("the certificate was issued to another system")
    if certificate.not_after <= ports.now():
        raise NotAuthenticated("the certificate has expired")
    registered = work.organisations.system(organisation, system)
    if registered is None or not registered.enabled:
        raise NotAuthenticated("the system is not registered, or disabled")
    member = work.organisations.get(organisation)
    if member is None or member.status not in _HEARD:
        raise NotAuthenticated("the organisation is not active, enrolled or suspended")
    if shown.token is not None and work.revoked_tokens.has(shown.token):
        raise NotAuthenticated("the token was revoked")
    valid_from = registered.tokens_valid_from
    # A token tells its time in seconds: one of the second of the withdrawal counts as earlier.
    if (
        shown.token is not None
        and valid_from is not None
        and shown.issued <= int(valid_from.timestamp())
    ):
        raise NotAuthenticated("the token was issued before one of the client's keys was withdrawn")
    if member.status is not Status.SUSPENDED:
        return registered
    if ("organisation", organisation) in work.organisations.out_of_service():
        raise NotAuthenticated("the organisation's entry is out of service")
    return replace(registered, scopes=registered.scopes & SCOPES_WHILE_SUSPENDED)


def require_caller(ports: Ports, work: UnitOfWork, caller: Caller) -> None:
    """Require that a caller still is who they were, and may still what their token says.

    Raises NotAuthenticated.
    """
    if caller.credentials is None:
        return
    names = (caller.organisation, caller.system)
    system = require_standing(ports, work, names, caller.credentials)
    if not caller.scopes <= system.scopes:
        raise NotAuthenticated("the system's scopes have changed")
    caller.authenticated.append(system)


def authenticate_client(
    ports: Ports,
    newest: AbstractContextManager[UnitOfWork],
    client_id: str,
    shown: Credentials,
    assertion: str | None,
) -> System:
    """The registered system that asks for a token or about one; NotAuthenticated otherwise.

    A system with registered keys proves itself with an assertion, beside the certificate that its
    tokens are bound to (C5); every other one with the certificate alone (C1: the registered
    method is the only one). ``newest`` begins to read the newest registry: an older one forgot what
    was revoked since.
    """
    with newest as work:
        system = require_standing(ports, work, system_of(client_id), shown)
        keys = work.organisations.client_keys(system.organisation, system.name)
    if (assertion is not None) is not bool(keys):
        raise NotAuthenticated("the client is registered for another method")
    if assertion is not None:
        _spend(ports, client_id, assertion, keys)
    return system


def _spend(ports: Ports, client_id: str, text: str, keys: Sequence[str]) -> None:
    """Take an assertion, once among all workers."""
    try:
        verified = assertions.verify(
            text, keys, client_id=client_id, issuer=ports.issuer, now=ports.now()
        )
    except AssertionRefused as refused:
        raise NotAuthenticated(str(refused)) from refused
    with ports.begin(TransactionMode.WRITE) as work:
        if not work.replay.consume(client_id, verified.jti, verified.ends):
            raise NotAuthenticated("the assertion was used before")
        work.commit()


def revoke_token(ports: Ports, jti: str, expires_at: datetime) -> None:
    """End an access token before its time: at the next request, in every worker (RFC 7009).

    Whose token it is was checked before.
    """
    with ports.begin(TransactionMode.WRITE) as work:
        work.revoked_tokens.add(jti, expires_at)
        work.commit()


def prune_tokens(ports: Ports) -> None:
    """Forget the revoked tokens, assertions and runs not passed that ended `REMEMBERED` ago.

    Requests are remembered for `REQUESTS_REMEMBERED`: a repeat returns the first result so long.
    """
    with ports.begin(TransactionMode.WRITE) as work:
        work.revoked_tokens.prune(ports.now() - REMEMBERED)
        work.replay.prune(ports.now() - REMEMBERED)
        work.conformance.prune(ports.now() - REMEMBERED)
        work.retries.prune(ports.now() - REQUESTS_REMEMBERED)
        work.commit()
