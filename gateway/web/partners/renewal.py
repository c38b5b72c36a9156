"""A system's next certificate, on a connection with its present one (RFC 7030 4.2.2)."""

from uuid import UUID

from flask import Response, request

from gateway.kernel.values import Credentials
from gateway.registry import enrolment
from gateway.web.caller import peer_of
from gateway.web.context import AppContext
from gateway.web.endpoint import EndpointAccess, unauthenticated
from gateway.web.enrolment import CERTS_ONLY, PKCS10, authorities, issued, read_pkcs10
from gateway.web.problems import ClientCertificateRefused


@unauthenticated(
    "POST /.well-known/est/simplereenroll",
    media=CERTS_ONLY,
    access=EndpointAccess.CERTIFICATE,
    takes=PKCS10,
    status_later=True,
)
def renew(gate: AppContext) -> Response:
    """Renew this system's certificate over the connection that shows the present one.

    No token is needed. Both certificates work until the older one ends. The same key on the same
    certificate gives the same answer; 202 says that the certificate is not made yet.
    """
    peer = peer_of(gate, request)
    if peer is None:
        raise ClientCertificateRefused("the connection shows no certificate")
    shown = Credentials(peer.thumbprint, peer.san_uris)
    done = enrolment.renew(gate.ports, shown, read_pkcs10(gate, request))
    return issued(gate, UUID(done.result["request"]))


ENDPOINTS = (authorities, renew)
