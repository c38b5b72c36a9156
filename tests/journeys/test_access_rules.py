"""The rules of access that TLS, a proxy or several workers decide; the others are in tests/web."""

import base64
import http.client
import json
import ssl
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import jwt
import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from gateway.cli import main
from gateway.cli.demo.environment import DemoEnvironment
from tests.journeys.harness import ABROAD, HOTLINE, config_of

pytestmark = [pytest.mark.journey, pytest.mark.xdist_group("gateway")]


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Wire:
    """One kept-alive connection to the partners' listener with a member's certificate."""

    def __init__(self, stage: DemoEnvironment, slug: str) -> None:
        config = config_of(stage)
        self.home = stage.folder / slug
        context = ssl.create_default_context(cafile=str(config.published / "root.pem"))
        context.load_cert_chain(self.home / "certificate.pem", self.home / "key.pem")
        address = urlsplit(config.partners_url)
        self.line = http.client.HTTPSConnection(
            str(address.hostname), address.port, context=context, timeout=10
        )
        self.client_id = f"{slug}.desk"
        self.url = config.partners_url

    def ask(self, method: str, path: str, body: str | None = None, **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.line.request(method, path, body, named)
        response = self.line.getresponse()
        return Answer(
            response.status,
            {name.lower(): value for name, value in response.getheaders()},
            response.read(),
        )

    def token(self, body: str | None = None, path: str = "/oauth/token", **changed: str) -> Answer:
        form = {"grant_type": "client_credentials", "client_id": self.client_id} | changed
        return self.ask(
            "POST",
            path,
            urlencode(form) if body is None else body,
            Content_Type="application/x-www-form-urlencoded",
        )

    def granted(self, scope: str = "directory.read") -> str:
        answer = self.token(scope=scope)
        assert answer.status == 200, answer.body
        token: str = answer.json["access_token"]
        return token


@pytest.fixture
def hotline(stage: DemoEnvironment) -> Iterator[Wire]:
    """The hotline's connection."""
    wire = Wire(stage, HOTLINE)
    yield wire
    wire.line.close()


@pytest.fixture
def abroad(stage: DemoEnvironment) -> Iterator[Wire]:
    """Another member's connection."""
    wire = Wire(stage, ABROAD)
    yield wire
    wire.line.close()


def _invalid_client(answer: Answer) -> None:
    assert answer.status == 401
    assert answer.json["error"] == "invalid_client"
    assert answer.headers["cache-control"] == "no-store"
    assert "basic" not in answer.headers.get("www-authenticate", "").lower()


def test_c4_a_system_with_a_registered_key_needs_it_beside_its_certificate(stage, abroad):
    key = ec.generate_private_key(ec.SECP256R1())
    jwk = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    public = {name: jwk[name] for name in ("kty", "crv", "x", "y")} | {"kid": "first"}
    stage.administer("system.set_keys", ABROAD, {"system": "desk", "keys": [public]})
    try:
        _invalid_client(abroad.token())
        text = _assertion(key, abroad.client_id, config_of(stage).issuer)
        answer = abroad.token(**_asserted(text))
        assert answer.status == 200, answer.body
        bearer = f"Bearer {answer.json['access_token']}"
        assert abroad.ask("GET", "/whoami", Authorization=bearer).status == 200
        for _ in range(4):  # in whichever worker
            wire = Wire(stage, ABROAD)
            _invalid_client(wire.token(**_asserted(text)))
            wire.line.close()
        to_the_token_url = _assertion(key, abroad.client_id, f"{abroad.url}/oauth/token")
        wire = Wire(stage, ABROAD)
        _invalid_client(wire.token(**_asserted(to_the_token_url)))
        wire.line.close()
    finally:
        stage.administer("system.set_keys", ABROAD, {"system": "desk", "keys": []})
    wire = Wire(stage, ABROAD)
    assert wire.token().status == 200
    wire.line.close()


def test_c4_the_client_changes_its_key_without_a_moment_in_which_it_is_shut_out(stage):
    former, following = (stage.folder / ABROAD / name for name in ("former", "following"))
    public = []
    for folder in (former, following):
        made = CliRunner().invoke(main, ["system", "create-key", str(folder)])
        assert made.exit_code == 0, made.output
        public.append(json.loads((folder / "client.jwk").read_text()))

    def register(*keys: dict[str, str]) -> None:
        stage.administer("system.set_keys", ABROAD, {"system": "desk", "keys": list(keys)})

    def check(key: Path) -> int:
        settings = (stage.folder / ABROAD / "connection.toml").read_text(encoding="utf-8")
        file = stage.folder / ABROAD / f"{key.name}.toml"
        named = f'\nassertion_key = "{key.name}/client.pem"\n'
        file.write_text(settings + named, encoding="utf-8")
        return CliRunner().invoke(main, ["system", "check", "-c", str(file)]).exit_code

    try:
        register(public[0])
        assert [check(former), check(following)] == [0, 4]
        register(*public)
        assert [check(former), check(following)] == [0, 0]
        register(public[1])
        assert [check(former), check(following)] == [4, 0]
    finally:
        register()


def _assertion(key: ec.EllipticCurvePrivateKey, client: str, audience: str) -> str:
    now = int(time.time())
    claims = {"iss": client, "sub": client, "aud": audience, "iat": now, "exp": now + 60}
    header = {"kid": "first"}
    return jwt.encode(claims | {"jti": str(uuid.uuid1())}, key, "ES256", headers=header)


def _asserted(text: str) -> dict[str, str]:
    kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    return {"client_assertion": text, "client_assertion_type": kind}


def test_c5_no_connection_without_a_client_certificate_reaches_the_token_endpoint(stage):
    config = config_of(stage)
    context = ssl.create_default_context(cafile=str(config.published / "root.pem"))
    address = urlsplit(config.partners_url)
    line = http.client.HTTPSConnection(
        str(address.hostname), address.port, context=context, timeout=10
    )
    with pytest.raises((ssl.SSLError, OSError)):
        line.request("POST", "/oauth/token", "grant_type=client_credentials")
        line.getresponse()
    line.close()


def test_rs2_a_stolen_token_is_dead_on_another_connection(hotline, abroad):
    answer = abroad.ask("GET", "/whoami", Authorization=f"Bearer {hotline.granted()}")
    assert answer.status == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert answer.headers["connection"] == "close"  # nobody who is refused stays connected


def test_tls1_only_tls_1_3_is_spoken_on_both_listeners(stage):
    config = config_of(stage)
    for url in (config.issuer, config.partners_url):
        context = ssl.create_default_context(cafile=str(config.published / "root.pem"))
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        address = urlsplit(url)
        line = http.client.HTTPSConnection(
            str(address.hostname), address.port, context=context, timeout=10
        )
        with pytest.raises(ssl.SSLError):
            line.connect()
        line.close()


@pytest.mark.parametrize("name", ["Client-Cert", "client-cert", "CLIENT-CERT", "Client_Cert"])
def test_p1_a_certificate_in_a_header_makes_nobody_somebody_else(stage, hotline, abroad, name):
    pem = (abroad.home / "certificate.pem").read_bytes()
    der = x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.DER)
    field = f":{base64.b64encode(der).decode()}:"
    form = urlencode({"grant_type": "client_credentials", "client_id": abroad.client_id})
    headers = {name: field, "Content-Type": "application/x-www-form-urlencoded"}
    hotline.line.request("POST", "/oauth/token", form, headers)
    response = hotline.line.getresponse()
    told = json.loads(response.read())
    behind_a_proxy = config_of(stage).partners_bind.startswith("unix:")
    if behind_a_proxy or "_" in name:  # removed: the connection's own certificate counts
        assert (response.status, told["error"]) == (401, "invalid_client")
    else:
        assert response.status == 400
    assert "access_token" not in told
