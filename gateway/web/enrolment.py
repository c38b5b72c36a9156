"""What both listeners share of EST (RFC 7030): requests are read, certificates awaited."""

import time
from uuid import UUID

from flask import Request, Response

from gateway.domain.refusals import NotFound, ValidationFailed
from gateway.kernel.values import CertificateRequest
from gateway.registry import enrolment
from gateway.web.context import AppContext
from gateway.web.endpoint import unauthenticated
from gateway.web.inputs import UnsupportedMediaType, read_body
from gateway.web.public.certificates import CHAIN_FILE, KEPT

PKCS10 = "application/pkcs10"
CERTS_ONLY = "application/pkcs7-mime; smime-type=certs-only"
LATER = "5"
"""Seconds after which it is worth asking again, when the certificate is not made yet."""

_LOOK_EVERY = 0.1


def read_pkcs10(gate: AppContext, sent: Request) -> CertificateRequest:
    """The request in the body, base64 of DER (RFC 8951 3.1); WrongMedia and Invalid otherwise."""
    if sent.headers.get("Content-Type", "").partition(";")[0].strip().lower() != PKCS10:
        raise UnsupportedMediaType(f"send the certificate request as {PKCS10}")
    return checked(gate, read_body(sent))


def checked(gate: AppContext, data: bytes) -> CertificateRequest:
    """A certificate request once read; Invalid when it is none, or not by its own key."""
    try:
        return gate.read_request(data)
    except gate.request_refused as error:
        raise ValidationFailed((("/csr", str(error)),)) from None


def certificate_of(gate: AppContext, request: UUID) -> str | None:
    """The certificate that came of a request, PEM with its authority's; None when it takes longer.

    Another process has the issuing key: this one waits for it, `AppContext.patience` at most.
    """
    ends = time.monotonic() + gate.patience
    while True:
        found = enrolment.request_status(gate.ports, request)
        if found is None:
            raise NotFound
        if found.refusal is not None:
            raise ValidationFailed((("/csr", found.refusal),))
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
def authorities(gate: AppContext) -> Response:
    """Get the certificates of the root and the issuing authorities (RFC 7030 4.1).

    Base64 of a PKCS #7 without signature. Compare the root's fingerprint out of band.
    """
    try:
        pem = (gate.published / CHAIN_FILE).read_bytes()
    except FileNotFoundError:
        raise NotFound from None
    return _bundle(gate, pem, {"Cache-Control": KEPT})
