"""Certificates over HTTP: first ones by invitation, renewals, and what the authorities publish.

EST (RFC 7030) on both listeners; beside it a first certificate with a document key, as JSON.
"""

import re
import time
from pathlib import Path
from uuid import UUID

from flask import Request, Response, request
from marshmallow import fields, validate

from gateway.domain import refusals
from gateway.kernel.transact import WriteResult
from gateway.kernel.values import CertificateRequest, Credentials
from gateway.registry import enrolment
from gateway.registry.enrolment import FirstDocumentKey
from gateway.schemas.schema_fields import StrictSchema
from gateway.web.caller import peer_of
from gateway.web.context import AppContext
from gateway.web.endpoint import RECORDED, EndpointAccess, unauthenticated
from gateway.web.inputs import UnsupportedMediaType, read_body, read_json
from gateway.web.problems import ClientCertificateRefused
from gateway.web.responses import json_response

CHAIN_FILE = "ca-chain.pem"
CRL_FILE = "crl.pem"

PEM_CHAIN = "application/pem-certificate-chain"  # RFC 8555 section 9.1
PEM = "application/x-pem-file"
CRL = "application/pkix-crl"  # RFC 5280 section 4.2.1.13, RFC 2585 section 4.2

KEPT = "public, max-age=300"
"""Far below the hour after which a list is made anew."""

_AUTHORITY = re.compile(r"[0-9a-f]{16}", re.ASCII)


def _file(path: Path, media: str) -> Response:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise refusals.NotFound from None
    return Response(data, headers={"Cache-Control": KEPT}, content_type=media)


@unauthenticated("GET /ca.pem", media=PEM_CHAIN)
def certificates_show_chain(gate: AppContext) -> Response:
    """Get the certificates of the root and the issuing authorities."""
    return _file(gate.published / CHAIN_FILE, PEM_CHAIN)


@unauthenticated("GET /crl.pem", media=PEM)
def certificates_list_revocations(gate: AppContext) -> Response:
    """Get the revocation lists of all issuing authorities."""
    return _file(gate.published / CRL_FILE, PEM)


@unauthenticated("GET /crl/<authority>.crl", media=CRL)
def certificates_show_revocations(gate: AppContext, authority: str) -> Response:
    """Get the revocation list of one issuing authority in DER, as its certificates name it."""
    if not _AUTHORITY.fullmatch(authority):
        raise refusals.NotFound
    return _file(gate.published / f"{authority}.crl", CRL)


PKCS10 = "application/pkcs10"
CERTS_ONLY = "application/pkcs7-mime; smime-type=certs-only"
LATER = "5"
"""Seconds after which it is worth asking again, when the certificate is not made yet."""

_LOOK_EVERY = 0.1


def read_pkcs10(gate: AppContext, sent: Request) -> CertificateRequest:
    """The request in the body, base64 of DER (RFC 8951 3.1); UnsupportedMediaType and Invalid
    otherwise."""
    if sent.headers.get("Content-Type", "").partition(";")[0].strip().lower() != PKCS10:
        raise UnsupportedMediaType(f"send the certificate request as {PKCS10}")
    return checked(gate, read_body(sent))


def checked(gate: AppContext, data: bytes) -> CertificateRequest:
    """A certificate request once read; ValidationFailed when it is none, or not by its own key."""
    try:
        return gate.read_request(data)
    except gate.request_refused as error:
        raise refusals.ValidationFailed((("/csr", str(error)),)) from None


def certificate_of(gate: AppContext, request: UUID) -> str | None:
    """The certificate that came of a request, PEM with its authority's; None when it takes longer.

    Another process has the issuing key: this one waits for it, `AppContext.patience` at most.
    """
    ends = time.monotonic() + gate.patience
    while True:
        found = enrolment.request_status(gate.ports, request)
        if found is None:
            raise refusals.NotFound
        if found.refusal is not None:
            raise refusals.ValidationFailed((("/csr", found.refusal),))
        if found.certificate is not None or time.monotonic() >= ends:
            return found.certificate
        time.sleep(_LOOK_EVERY)


def later() -> Response:
    """Say that the request was taken and its certificate is not made yet (RFC 7030 4.2.3)."""
    return Response(status=202, headers={"Retry-After": LATER})


def issued(gate: AppContext, request: UUID) -> Response:
    """The certificate that came of a request, and nothing else, or `later`."""
    pem = certificate_of(gate, request)
    if pem is None:
        return later()
    leaf, end, _ = pem.partition("-----END CERTIFICATE-----")
    return _bundle(gate, (leaf + end).encode(), {})


def _bundle(gate: AppContext, pem: bytes, headers: dict[str, str]) -> Response:
    headers = {"Content-Transfer-Encoding": "base64", **headers}
    return Response(gate.certs_only(pem), headers=headers, content_type=CERTS_ONLY)


@unauthenticated("GET /.well-known/est/cacerts", media=CERTS_ONLY)
def certificates_list_authorities(gate: AppContext) -> Response:
    """Get the certificates of the root and the issuing authorities (RFC 7030 4.1).

    Base64 of a PKCS #7 without signature. Compare the root's fingerprint out of band.
    """
    try:
        pem = (gate.published / CHAIN_FILE).read_bytes()
    except FileNotFoundError:
        raise refusals.NotFound from None
    return _bundle(gate, pem, {"Cache-Control": KEPT})


_TEXT = validate.Length(min=1, max=16 * 1024)


_RENEWS = (
    *RECORDED,
    refusals.Forbidden,
    refusals.TooManyDenials,
    refusals.TooManyAttempts,
    refusals.AlreadyExists,
    refusals.EditConflict,
)
_ENROLS = (*_RENEWS, refusals.InvalidInvitation, refusals.InvitationUnusable)


class EnrolmentRequest(StrictSchema):
    """A certificate request in PEM, and a document key with its proof where there is one."""

    csr = fields.String(required=True, validate=_TEXT)
    jwk = fields.Dict(keys=fields.String(validate=validate.Length(max=32)))
    proof = fields.String(validate=_TEXT)


@unauthenticated(
    "POST /.well-known/est/simpleenroll",
    media=CERTS_ONLY,
    takes=PKCS10,
    status_later=True,
    refusals=_ENROLS,
)
def certificates_enrol_by_est(gate: AppContext) -> Response:
    """Enrol a system by its invitation (RFC 7030 4.2).

    HTTP Basic: the client id, or the organisation's id, and the invitation's token. Of the request
    only its key counts; subject and name come from the registry. 202 says that the certificate is
    not made yet: send the same again after Retry-After.
    """
    done = _use(gate, request, read_pkcs10(gate, request))
    return issued(gate, UUID(done.result["request"]))


@unauthenticated(
    "POST /enrolments",
    body=EnrolmentRequest(),
    response="Enrolled",
    writes=True,
    status_later=True,
    refusals=_ENROLS,
)
def certificates_enrol(gate: AppContext) -> Response:
    """Enrol a system by its invitation, with the first document key of its organisation.

    HTTP Basic, as for EST. Sent again with the same certificate key it gives the same certificate,
    as long as the invitation lasts; 202 says that it is not made yet.
    """
    body = EnrolmentRequest().load(read_json(request))
    if ("jwk" in body) is not ("proof" in body):
        raise refusals.ValidationFailed(
            (("/proof", "a document key and its proof belong together"),)
        )
    first = FirstDocumentKey(body["jwk"], body["proof"]) if "jwk" in body else None
    done = _use(gate, request, checked(gate, body["csr"].encode()), first)
    certificate = certificate_of(gate, UUID(done.result["request"]))
    if certificate is None:
        return later()
    return json_response(WriteResult({**done.result, "certificate": certificate}, done.receipt))


def _use(
    gate: AppContext,
    sent: Request,
    asked: CertificateRequest,
    first: FirstDocumentKey | None = None,
) -> WriteResult:
    """Use the invitation whose token stands in the header; its answers never tell who exists."""
    given = sent.authorization
    if given is None or given.type != "basic" or not given.username or not given.password:
        raise refusals.InvalidInvitation("no name and token in the Authorization header")
    return enrolment.redeem_invitation(gate.ports, given.username, given.password, asked, first)


@unauthenticated(
    "POST /.well-known/est/simplereenroll",
    media=CERTS_ONLY,
    access=EndpointAccess.CERTIFICATE,
    takes=PKCS10,
    status_later=True,
    refusals=_RENEWS,
)
def certificates_renew(gate: AppContext) -> Response:
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


PARTNERS = (certificates_list_authorities, certificates_renew)
PUBLIC = (
    certificates_show_chain,
    certificates_list_revocations,
    certificates_show_revocations,
    certificates_list_authorities,
    certificates_enrol_by_est,
    certificates_enrol,
)
