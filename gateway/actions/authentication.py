"""Who calls: a certificate and a client id, checked against the registry of this moment."""

from gateway.actions.ports import Mode, Ports
from gateway.domain.organisation import Status, System, system_of, system_uri
from gateway.domain.refusals import Refusal


class NotAuthenticated(Refusal):
    """The connection's certificate does not stand for this client now.

    ``detail`` goes to the security log only: a caller learns nothing about who exists.
    """


def authenticate(ports: Ports, client_id: str, thumbprint: str, uris: tuple[str, ...]) -> System:
    """The registered system behind a client id on a connection; NotAuthenticated otherwise.

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
    return registered
