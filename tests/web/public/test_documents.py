"""Metadata, key sets, certificates, pages: what clients and people find without a certificate."""

import hashlib
import html
import re
from base64 import b64encode
from datetime import timedelta

from cryptography import x509

from gateway.domain.json_values import parse_timestamp
from gateway.evidence.signature import public_keys
from gateway.keys import KeyPurpose, generate_key, jwk_set
from gateway.pki.authority import CHAIN_FILE, CRL_FILE
from gateway.web import certificates, openapi
from gateway.web.problems import all_problems
from tests.each import each
from tests.ports import ISSUER, key_of
from tests.web.listening import PARTNERS, issuing, listening, root, token_key

# --- M1, RS4: metadata ---


@each("path", ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"])
def test_m1_the_server_s_metadata_names_the_issuer_and_what_it_offers(line, path):
    answer = line.anybody().get(path)
    endpoints = {
        "token_endpoint": f"{PARTNERS}/oauth/token",
    }
    assert answer.content_type == "application/json"
    assert answer.json == {
        "issuer": ISSUER,
        **endpoints,
        "mtls_endpoint_aliases": endpoints,
        "jwks_uri": f"{ISSUER}/jwks.json",
        "response_types_supported": [],
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["tls_client_auth", "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["PS256", "ES256", "EdDSA"],
        "tls_client_certificate_bound_access_tokens": True,
        "scopes_supported": [
            "directory.read",
            "cases.write",
            "cases.read",
            "handoffs.offer",
            "handoffs.read",
            "handoffs.answer",
            "events.read",
            "audit.search",
            "log.cosign",
            "staff",
            "relay",
            "admin",
            "health",
        ],
        "protected_resources": [PARTNERS],
    }


def test_m1_what_the_metadata_names_is_there(line):
    found = line.anybody().get("/.well-known/oauth-authorization-server").json
    assert line.anybody().get(found["jwks_uri"].removeprefix(ISSUER)).status_code == 200
    path = found["token_endpoint"].removeprefix(PARTNERS)
    assert line.partner().send("GET", path).status_code == 405


def test_rs4_the_resource_s_metadata_is_where_the_challenge_points(line):
    hotline = line.partner()
    challenge = hotline.send("GET", "/whoami").headers["WWW-Authenticate"]
    url = re.fullmatch(r'Bearer resource_metadata="(.*)"', challenge)[1]
    answer = hotline.send("GET", url.removeprefix(PARTNERS))
    assert answer.json == {
        "resource": PARTNERS,
        "authorization_servers": [ISSUER],
        "scopes_supported": line.anybody()
        .get("/.well-known/oauth-authorization-server")
        .json["scopes_supported"],
        "bearer_methods_supported": ["header"],
        "tls_client_certificate_bound_access_tokens": True,
    }


# --- M4: key sets ---


def test_m4_each_purpose_has_its_own_keys(line):
    expected = {
        "/jwks.json": token_key().kid,
        "/keys/attestation": key_of("attest").kid,
    }
    for path, kid in expected.items():
        answer = line.anybody().get(path)
        assert answer.content_type == "application/jwk-set+json"
        assert answer.headers["Cache-Control"] == "public, max-age=900"
        (key,) = answer.json["keys"]
        assert (key["kid"], key["use"], key["alg"]) == (kid, "sig", "ES256")
        assert public_keys(answer.json).keys() == {kid}


def test_m4_the_next_key_is_published_before_its_use(line):
    following = generate_key(KeyPurpose.TOKEN)
    line = listening(line.gateway, token_keys=jwk_set([token_key(), following]))
    kids = [key["kid"] for key in line.anybody().get("/jwks.json").json["keys"]]
    assert kids == [token_key().kid, following.kid]
    assert len(set(kids)) == 2


# --- certificates ---


def test_the_chain_holds_the_root_and_the_issuing_authority(line):
    answer = line.anybody().get("/ca.pem")
    assert answer.content_type == "application/pem-certificate-chain"
    found = x509.load_pem_x509_certificates(answer.data)
    assert found == [root().certificate, issuing().certificate]


def test_the_lists_are_served_together_and_one_by_one(line):
    together = x509.load_pem_x509_crl(line.anybody().get("/crl.pem").data)
    alone = line.anybody().get(f"/crl/{issuing().id}.crl")
    assert alone.content_type == "application/pkix-crl"
    assert x509.load_der_x509_crl(alone.data) == together


def test_the_address_of_the_list_is_the_one_in_the_certificates(line):
    shown = line.partner().certificate
    points = shown.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    url = points[0].full_name[0].value
    assert line.anybody().get(url.removeprefix(ISSUER)).status_code == 200


@each("name", ["0000000000000000.crl", "..%2fca-chain.pem", "ca-chain.pem", "x.crl", "%00.crl"])
def test_no_other_file_is_served(line, name):
    assert line.anybody().get(f"/crl/{name}").status_code == 404


def test_a_list_that_is_not_made_yet_is_not_found(line, tmp_path):
    empty = listening(line.gateway, published=tmp_path)
    assert empty.anybody().get("/crl.pem").status_code == 404


def test_the_files_are_those_that_the_authority_writes():
    assert (certificates.CHAIN_FILE, certificates.CRL_FILE) == (CHAIN_FILE, CRL_FILE)


# --- pages ---


@each("slug", sorted(all_problems()))
def test_every_problem_has_a_page_that_says_what_to_do(line, slug):
    problem = all_problems()[slug]
    answer = line.anybody().get(f"/problems/{slug}")
    assert answer.status_code == 200
    assert answer.content_type == "text/html; charset=utf-8"
    assert problem.title in answer.text.replace("&#x27;", "'")
    assert "What to do" in answer.text
    assert f'href="/problems/{slug}"' in line.anybody().get("/problems").text


def test_an_unknown_problem_has_no_page(line):
    assert line.anybody().get("/problems/whatever").status_code == 404


def test_the_first_page_says_what_this_is_and_leads_on(line):
    first = line.anybody().get("/")
    assert first.content_type == "text/html; charset=utf-8"
    assert PARTNERS in first.text
    for address in re.findall(r'href="(/[^"]*)"', first.text):
        assert line.anybody().get(address).status_code == 200, address


def test_the_interface_is_a_page_that_loads_nothing(line):
    told = line.anybody().get("/reference")
    assert not re.search(r"<(script|link|img)|\bsrc=|style=", told.text)
    for path in line.anybody().get("/openapi.json").json["paths"]:
        assert html.escape(path) in told.text
    for anchor in re.findall(r'href="#([\w-]+)"', told.text):
        assert f'id="{anchor}"' in told.text


@each("path", ["/", "/reference", "/problems", "/problems/not-found"])
def test_a_page_may_use_its_own_style_and_nothing_else(line, path):
    told = line.anybody().get(path)
    (style,) = re.findall("<style>(.*)</style>", told.text)
    digest = b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; frame-ancestors 'none'"
    assert told.headers["Content-Security-Policy"] == policy


def test_the_operator_s_contact_is_named_where_anybody_looks_for_it(line):
    address = "/.well-known/security.txt"
    assert line.anybody().get(address).status_code == 404
    named = listening(line.gateway, contact="mailto:security@gateway.example.org")
    told = named.anybody().get(address)
    assert told.content_type == "text/plain; charset=utf-8"
    said = dict(one.split(": ", 1) for one in told.text.splitlines())
    assert said["Contact"] == "mailto:security@gateway.example.org"
    assert said["Canonical"] == ISSUER + address
    left = parse_timestamp(said["Expires"]) - named.gateway.ports.now()
    assert timedelta(days=29) < left < timedelta(days=365)
    assert "mailto:security@gateway.example.org" in named.anybody().get("/").text
    contact = named.anybody().get("/openapi.json").json["info"]["contact"]
    assert contact == {"name": "The operator", "email": "security@gateway.example.org"}


def test_the_description_names_the_gateway_s_own_addresses(line):
    found = line.anybody().get("/openapi.json").json
    assert found["openapi"].startswith("3.1")
    (server,) = found["servers"]
    host = server["variables"]["partners"]["default"]
    assert server["url"].replace("{partners}", host) == PARTNERS
    assert "servers" not in found["paths"]["/whoami"]["get"]
    assert found["paths"]["/checkpoint"]["get"]["servers"][0]["url"] == ISSUER


def test_the_description_is_made_once_for_a_listener(line, monkeypatch):
    first = line.anybody().get("/openapi.json").data
    monkeypatch.setattr(openapi, "_describe", None)
    assert line.anybody().get("/openapi.json").data == first
