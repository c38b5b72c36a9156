"""The gateway's public keys, one set for each purpose, so that none is taken for another."""

from flask import Response

from gateway.web.context import AppContext, JwkSet
from gateway.web.endpoint import unauthenticated
from gateway.web.metadata import KEPT
from gateway.web.responses import json_response

JWK_SET = "application/jwk-set+json"  # RFC 7517 section 8.5.2


def _set(keys: JwkSet) -> Response:
    return json_response(keys, headers=KEPT, media_type=JWK_SET)


@unauthenticated("GET /jwks.json", media=JWK_SET)
def tokens(gate: AppContext) -> Response:
    """Get the keys of access tokens, the next one included before it is used."""
    return _set(gate.token_keys)


@unauthenticated("GET /keys/attest", media=JWK_SET)
def attest(gate: AppContext) -> Response:
    """Get the keys by which the gateway attests documents for organisations."""
    return _set(gate.attest_keys)


ENDPOINTS = (tokens, attest)
