"""What anybody finds out: metadata (RFC 8414, RFC 9728), the public keys, what problems mean."""

from datetime import timedelta
from html import escape
from typing import Any

from flask import Response

from gateway.domain.json_values import format_timestamp
from gateway.domain.organisation import ALL_SCOPES
from gateway.domain.refusals import NotFound
from gateway.kernel.authentication import ALGORITHMS
from gateway.kernel.results import JwkSet
from gateway.web.context import AppContext
from gateway.web.endpoint import unauthenticated
from gateway.web.oauth import GRANT, METHODS
from gateway.web.problems import all_problems
from gateway.web.reference import framed, marked
from gateway.web.responses import json_response

KEPT = {"Cache-Control": "public, max-age=900"}
"""15 minutes: much shorter than the day for which a next key is published before its use (M4)."""


def server_document(gate: AppContext) -> dict[str, Any]:
    """The authorization server's metadata (RFC 8414 section 2, RFC 8705 section 5; M1)."""
    endpoints = {"token_endpoint": f"{gate.partners_url}/oauth/token"}
    return {
        "issuer": gate.issuer,
        **endpoints,
        "mtls_endpoint_aliases": endpoints,
        "jwks_uri": f"{gate.issuer}/jwks.json",
        "response_types_supported": [],
        "grant_types_supported": [GRANT],
        "token_endpoint_auth_methods_supported": list(METHODS),
        "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "tls_client_certificate_bound_access_tokens": True,
        "scopes_supported": [*ALL_SCOPES],
        "protected_resources": [gate.partners_url],
    }


def resource_document(gate: AppContext) -> dict[str, Any]:
    """The partners' address as a protected resource (RFC 9728 section 2; RS4)."""
    return {
        "resource": gate.partners_url,
        "authorization_servers": [gate.issuer],
        "scopes_supported": [*ALL_SCOPES],
        "bearer_methods_supported": ["header"],
        "tls_client_certificate_bound_access_tokens": True,
    }


@unauthenticated("GET /.well-known/oauth-authorization-server", response="AuthorizationServer")
def metadata_show_authorization_server(gate: AppContext) -> Response:
    """Find the token endpoint and what it takes (RFC 8414)."""
    return json_response(server_document(gate), headers=KEPT)


@unauthenticated("GET /.well-known/openid-configuration", response="AuthorizationServer")
def metadata_show_openid_configuration(gate: AppContext) -> Response:
    """Find the same document at the address where some clients look for it."""
    return json_response(server_document(gate), headers=KEPT)


@unauthenticated("GET /.well-known/oauth-protected-resource", response="ProtectedResource")
def metadata_show_protected_resource(gate: AppContext) -> Response:
    """Find out who issues the tokens that this address takes (RFC 9728)."""
    return json_response(resource_document(gate), headers=KEPT)


JWK_SET = "application/jwk-set+json"  # RFC 7517 section 8.5.2


def _set(keys: JwkSet) -> Response:
    return json_response(keys, headers=KEPT, media_type=JWK_SET)


@unauthenticated("GET /jwks.json", media=JWK_SET, response="JsonWebKeySet")
def metadata_list_token_keys(gate: AppContext) -> Response:
    """Get the keys of access tokens, the next one included before it is used."""
    return _set(gate.token_keys)


@unauthenticated("GET /keys/attestation", media=JWK_SET, response="JsonWebKeySet")
def metadata_list_attestation_keys(gate: AppContext) -> Response:
    """Get the keys by which the gateway attests documents for organisations."""
    return _set(gate.attestation_keys)


@unauthenticated("GET /keys/notification", media=JWK_SET, response="JsonWebKeySet")
def metadata_list_notification_keys(gate: AppContext) -> Response:
    """Get the keys by which the gateway signs notifications, the next one included."""
    return _set(gate.notification_keys)


# --- Pages for people: what each problem means ----------------------------------------------------


def page(title: str, body: str) -> Response:
    """A page for people; ``body`` is HTML already."""
    text = framed(title, body)
    return Response(text, headers=KEPT, content_type="text/html; charset=utf-8")


@unauthenticated("GET /", media="text/html")
def metadata_show_start(gate: AppContext) -> Response:
    """Read what this address is, and where to go on."""
    links = "\n".join(f'<li><a href="{to}">{what}</a></li>' for to, what in _LINKS.items())
    operator, where = "", escape(gate.contact or "")
    if where:
        operator = f'<p>Write to its operator: <a href="{where}">{where}</a></p>\n'
    return page(
        "Casegate",
        "<p>A gateway by which hotlines and police share cases of child protection: metadata only, "
        "never media. This is its public address: keys, log, and what anybody may check. Partners' "
        f"systems call <code>{escape(gate.partners_url)}</code> with a certificate, which they get "
        f"by an invitation of its administrators.</p>\n{operator}<ul>\n{links}\n</ul>",
    )


@unauthenticated("GET /.well-known/security.txt", media="text/plain")
def metadata_show_security_contact(gate: AppContext) -> Response:
    """Find whom to tell of a weakness (RFC 9116); 404 where the operator named nobody."""
    if gate.contact is None:
        raise NotFound
    expires = gate.ports.now() + timedelta(days=30)
    lines = (
        f"Contact: {gate.contact}",
        f"Expires: {format_timestamp(expires)}",
        f"Canonical: {gate.issuer}/.well-known/security.txt",
    )
    return Response("\n".join([*lines, ""]), headers=KEPT, content_type="text/plain; charset=utf-8")


_LINKS = {
    "/reference": "The interface, to read",
    "/openapi.json": "The interface, for programs (OpenAPI 3.1)",
    "/problems": "What each refusal means, and what to do",
    "/log/vkey": "The key that verifies the log",
    "/keys/attestation": "The keys by which the gateway attests documents",
    "/ca.pem": "The certificates of its authorities",
    "/checkpoint": "The newest checkpoint of the log",
    "/healthz": "Whether the gateway runs",
    "/readyz": "Whether it can write and sign",
}


@unauthenticated("GET /problems", media="text/html")
def metadata_list_problems(gate: AppContext) -> Response:
    """Read the list of all problems that the gateway answers with."""
    lines = (
        f'<li><a href="/problems/{slug}">{escape(problem.title)}</a> ({problem.status})</li>'
        for slug, problem in sorted(all_problems().items(), key=lambda one: one[1].title)
    )
    return page("Problems", "<ul>\n" + "\n".join(lines) + "\n</ul>")


@unauthenticated("GET /problems/<name>", media="text/html")
def metadata_show_problem(gate: AppContext, name: str) -> Response:
    """Read what a problem means and what to do about it."""
    problem = all_problems().get(name)
    if problem is None:
        raise NotFound
    return page(
        problem.title,
        f"<p>Status {problem.status}, <code>{problem.slug}</code></p>\n"
        f"<h2>What it means</h2>\n<p>{marked(problem.meaning)}</p>\n"
        f"<h2>What to do</h2>\n<p>{marked(problem.remedy)}</p>",
    )


PUBLIC = (
    metadata_show_start,
    metadata_show_security_contact,
    metadata_show_authorization_server,
    metadata_show_openid_configuration,
    metadata_list_token_keys,
    metadata_list_attestation_keys,
    metadata_list_notification_keys,
    metadata_list_problems,
    metadata_show_problem,
)
PARTNERS = (metadata_show_protected_resource, metadata_list_notification_keys)
