"""The authorities' certificates and revocation lists, as files that are renewed beside us."""

import re
from pathlib import Path

from flask import Response

from gateway.domain.refusals import NotFound
from gateway.web.context import AppContext
from gateway.web.endpoint import unauthenticated

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
        raise NotFound from None
    return Response(data, headers={"Cache-Control": KEPT}, content_type=media)


@unauthenticated("GET /ca.pem", media=PEM_CHAIN)
def chain(gate: AppContext) -> Response:
    """Get the certificates of the root and the issuing authorities."""
    return _file(gate.published / CHAIN_FILE, PEM_CHAIN)


@unauthenticated("GET /crl.pem", media=PEM)
def lists(gate: AppContext) -> Response:
    """Get the revocation lists of all issuing authorities."""
    return _file(gate.published / CRL_FILE, PEM)


@unauthenticated("GET /crl/<authority>.crl", media=CRL)
def revocations(gate: AppContext, authority: str) -> Response:
    """Get the revocation list of one issuing authority in DER, as its certificates name it."""
    if not _AUTHORITY.fullmatch(authority):
        raise NotFound
    return _file(gate.published / f"{authority}.crl", CRL)


ENDPOINTS = (chain, lists, revocations)
