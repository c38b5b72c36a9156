"""Who calls: a certificate and a client id, checked against the registry of this moment."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from gateway.actions import assertion as assertions
from gateway.actions.assertion import AssertionRefused
from gateway.actions.ports import Mode, Ports
from gateway.domain.organisation import Status, System, system_of, system_uri
from gateway.domain.refusals import Refusal

REMEMBERED = timedelta(hours=1)
"""How long after its end a token or an assertion is remembered: clocks of nodes may differ."""


class NotAuthenticated(Refusal):
    """The connection's certificate does not stand for this client now.

    ``detail`` goes to the security log only: a caller learns nothing about who exists.
    """


class Shown(NamedTuple):
    """An access token that was shown: its `jti`, and its `iat` in whole seconds since 1970."""

    jti: str
    issued: int


def authenticate(
    ports: Ports,
    client_id: str,
    thumbprint: str,
    uris: tuple[str, ...],
    token: Shown | None = None,
) -> System:
    """The registered system behind a client id on a connection; NotAuthenticated otherwise.

    ``token`` is the access token that was shown, if one was. One that was issued in the second in
    which a key was withdrawn counts as one of before.

    RFC 8705 2.1: the chain was validated by the listener; here exactly the registered name must
    match, so that a certificate of one member never stands for another. Read anew for each
    request: a suspension is effective for the next one in every worker (RS5).
    """
    names = system_of(client_id)
    if names is None:
        raise NotAuthenticated("the client id is not of the form organisation.system")
    organisation, system = names
    if uris != (system_uri(ports.gateway, organisation, system),):
        raise NotAuthenticated("the certificate names another system than the client id")
    with ports.begin(Mode.READ) as work:
        certificate = work.organisations.certificate(thumbprint)
        registered = work.organisations.system(organisation, system)
        member = work.organisations.get(organisation)
        token_revoked = token is not None and work.revoked_tokens.has(token.jti)
    if certificate is None or certificate.revoked_at is not None:
        raise NotAuthenticated("the certificate is unknown here, or revoked")
    if (certificate.organisation, certificate.system) != names:
        raise NotAuthenticated("the certificate was issued to another system")
    if certificate.not_after <= ports.now():
        raise NotAuthenticated("the certificate has expired")
    if registered is None or not registered.enabled:
        raise NotAuthenticated("the system is not registered, or disabled")
    if member is None or member.status is not Status.ACTIVE:
        raise NotAuthenticated("the organisation is not active")
    if token_revoked:
        raise NotAuthenticated("the token was revoked")
    if token is not None and _is_of_before(token, registered):
        raise NotAuthenticated("the token is of before a key of its client was withdrawn")
    return registered


def _is_of_before(token: Shown, system: System) -> bool:
    return system.tokens_from is not None and token.issued <= int(system.tokens_from.timestamp())


def authenticate_client(
    ports: Ports,
    client_id: str,
    thumbprint: str,
    uris: tuple[str, ...],
    assertion: str | None,
) -> System:
    """The registered system that asks for a token or about one; NotAuthenticated otherwise.

    A system with registered keys proves itself with an assertion, beside the certificate that its
    tokens are bound to (C5); every other one with the certificate alone (C1: the registered
    method is the only one).
    """
    system = authenticate(ports, client_id, thumbprint, uris)
    with ports.begin(Mode.READ) as work:
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
    with ports.begin(Mode.WRITE) as work:
        if not work.replay.spend(client_id, verified.jti, verified.ends):
            raise NotAuthenticated("the assertion was used before")
        work.commit()


def revoke_token(ports: Ports, jti: str, expires_at: datetime) -> None:
    """End an access token before its time: at the next request, in every worker (RFC 7009).

    Whose token it is was checked before.
    """
    with ports.begin(Mode.WRITE) as work:
        work.revoked_tokens.add(jti, expires_at)
        work.commit()


def prune_tokens(ports: Ports) -> None:
    """Forget the revoked tokens, and the assertions, that ended `REMEMBERED` ago."""
    with ports.begin(Mode.WRITE) as work:
        work.revoked_tokens.prune(ports.now() - REMEMBERED)
        work.replay.prune(ports.now() - REMEMBERED)
        work.commit()
