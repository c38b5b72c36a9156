"""OAuth software that others wrote: clients that get a token here, and a server beside ours.

The server, in its FAPI 2.0 profile, gets the same bad requests as the gateway: whatever it refuses,
the gateway refuses.
"""

import http.client
import json
import shutil
import ssl
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from gateway.cli.demo.environment import DemoEnvironment, free_ports
from gateway.domain.organisation import system_uri
from gateway.evidence import base64url
from tests.evidence.ingredients import rsa_key
from tests.journeys.harness import ABROAD, HOTLINE, OFMIN, config_of
from tests.journeys.npm import installed

pytestmark = [pytest.mark.journey, pytest.mark.slow, pytest.mark.xdist_group("foreign")]

KID = "first"
SCOPE = "directory.read"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass
class Meeting:
    """A gateway, a member that shows its certificate alone, and one that also has a key."""

    stage: DemoEnvironment
    programs: Path
    key: ec.EllipticCurvePrivateKey

    def home(self, slug: str, method: str) -> Path:
        """A member's folder, as the client programs want it."""
        folder = self.programs / f"{slug}-home"
        folder.mkdir(exist_ok=True)
        for name in ("certificate.pem", "key.pem", "ca.pem"):
            shutil.copy(self.stage.folder / slug / name, folder)
        config = config_of(self.stage)
        settings = {
            "issuer": config.issuer,
            "partners": config.partners_url,
            "client_id": f"{slug}.desk",
            "kid": KID,
        }
        (folder / "gateway.json").write_text(json.dumps(settings))
        if method == "private_key_jwt":
            (folder / "client.pem").write_bytes(pem_of(self.key))
        return folder


def pem_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def public_jwk(key: ec.EllipticCurvePrivateKey) -> dict[str, str]:
    jwk = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {name: jwk[name] for name in ("kty", "crv", "x", "y")} | {"kid": KID}


@pytest.fixture(scope="module")
def meeting(others: DemoEnvironment, tmp_path_factory: pytest.TempPathFactory) -> Meeting:
    """A gateway at which the hotline has a certificate, and the hotline abroad a key as well."""
    source = Path(__file__).parent / "foreign"
    what = "the comparison with other OAuth software"
    programs = installed(source, tmp_path_factory.mktemp("programs"), what)
    key = ec.generate_private_key(ec.SECP256R1())
    values = {"system": "desk", "keys": [public_jwk(key)]}
    others.administer("system.set_keys", ABROAD, values)
    return Meeting(others, programs, key)


# --- Clients


@pytest.mark.parametrize(
    ("slug", "method"), [(HOTLINE, "tls_client_auth"), (ABROAD, "private_key_jwt")]
)
def test_clients_of_others_get_a_bound_token_and_call_the_interface(meeting, slug, method):
    home = meeting.home(slug, method)
    done = subprocess.run(
        ["node", "clients.mjs", str(home), method],
        cwd=meeting.programs,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert told.keys() == {"oauth4webapi", "openid-client"}
    certificate = x509.load_pem_x509_certificate((home / "certificate.pem").read_bytes())
    bound = base64url.digest(certificate.public_bytes(serialization.Encoding.DER))
    for one in told.values():
        claims = jwt.decode(one["token"]["access_token"], options={"verify_signature": False})
        assert claims["cnf"] == {"x5t#S256": bound}
        assert one["whoami"]["organisation"]["organisation"] == slug


# --- The other server


@dataclass
class Target:
    """An authorization server, and who asks it."""

    meeting: Meeting
    issuer: str
    token_url: str
    resource: str

    def ask(self, request: "Request") -> tuple[bool, str]:
        """Whether the server gives a token, and what it says if it does not."""
        context = ssl.create_default_context(
            cafile=str(config_of(self.meeting.stage).published / "root.pem")
        )
        if request.certificate_of is not None:
            home = self.meeting.stage.folder / request.certificate_of
            context.load_cert_chain(home / "certificate.pem", home / "key.pem")
        address = urlsplit(self.token_url)
        line = http.client.HTTPSConnection(
            str(address.hostname), address.port, context=context, timeout=20
        )
        try:
            headers = {"Content-Type": request.content_type, **request.headers}
            line.request("POST", address.path + request.query, request.body(self), headers)
            answer = line.getresponse()
            told = json.loads(answer.read())
        except (ssl.SSLError, ConnectionError):
            return False, "no connection"
        finally:
            line.close()
        given = answer.status == 200 and "access_token" in told
        return given, "a token" if given else str(told.get("error", answer.status))


Form = list[tuple[str, str]]


@dataclass(frozen=True)
class Request:
    """A request for a token, the same for both servers but for their names."""

    form: Callable[[Target], Form]
    certificate_of: str | None = HOTLINE
    query: str = ""
    content_type: str = "application/x-www-form-urlencoded"
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self, target: Target) -> str:
        return urlencode(self.form(target))


def plain_values() -> dict[str, str]:
    """What the client with a certificate alone says to any server."""
    return {"grant_type": "client_credentials", "client_id": f"{HOTLINE}.desk", "scope": SCOPE}


def plain(**changes: str) -> Callable[[Target], Form]:
    """The good form of that client, with changes; "" leaves one out."""
    pairs = [(name, value) for name, value in (plain_values() | changes).items() if value]
    return lambda target: [*pairs, ("resource", target.resource)]


def more(*pairs: tuple[str, str]) -> Callable[[Target], Form]:
    return lambda target: [*plain()(target), *pairs]


def claims(target: Target) -> dict[str, Any]:
    now = int(time.time())
    client = f"{ABROAD}.desk"
    good = {"iss": client, "sub": client, "aud": target.issuer, "iat": now, "exp": now + 60}
    return good | {"jti": str(uuid.uuid1())}


Change = Callable[[Target, dict[str, Any]], dict[str, Any]]


def asserted(
    change: Change = lambda _target, claims: claims,
    *,
    algorithm: str = "ES256",
    key: Any = None,
    client: str = f"{ABROAD}.desk",
    kid: str = KID,
) -> Callable[[Target], Form]:
    """The form of the client with a key; ``change`` makes other claims of the good ones."""

    def form(target: Target) -> Form:
        said = {name: v for name, v in change(target, claims(target)).items() if v is not None}
        signer = None if algorithm == "none" else key or target.meeting.key
        return [
            ("grant_type", "client_credentials"),
            ("client_id", client),
            ("scope", SCOPE),
            ("resource", target.resource),
            ("client_assertion_type", ASSERTION),
            ("client_assertion", jwt.encode(said, signer, algorithm, {"kid": kid})),
        ]

    return form


def but(**changes: Any) -> Change:
    return lambda _target, claims: claims | changes


def audience(make: Callable[[Target], Any]) -> Change:
    return lambda target, claims: claims | {"aud": make(target)}


def moved(**seconds: int) -> Change:
    now = int(time.time())
    return lambda _target, claims: claims | {name: now + by for name, by in seconds.items()}


def with_key(form: Callable[[Target], Form], **changes: Any) -> Request:
    return Request(form, certificate_of=ABROAD, **changes)


GOOD = {
    "a certificate": Request(plain()),
    "a certificate and a signed assertion": with_key(asserted()),
}

RSA = rsa_key()
STRANGER = ec.generate_private_key(ec.SECP256R1())
OTHER = f"{ABROAD}.desk"

BAD: dict[str, Request] = {
    "a parameter twice": Request(more(("scope", SCOPE))),
    "the client twice": Request(more(("client_id", f"{HOTLINE}.desk"))),
    "the grant twice": Request(more(("grant_type", "client_credentials"))),
    "a token's parameters in the query": Request(
        lambda _: [], query=f"?{urlencode(plain_values())}"
    ),
    "JSON": Request(plain(), content_type="application/json"),
    "text": Request(plain(), content_type="text/plain"),
    "no grant": Request(plain(grant_type="")),
    "an unknown grant": Request(plain(grant_type="nonsense")),
    "the grant of passwords": Request(plain(grant_type="password")),
    "the grant of codes": Request(plain(grant_type="authorization_code")),
    "the grant of refreshment": Request(plain(grant_type="refresh_token")),
    "no client": Request(plain(client_id="")),
    "an unknown client": Request(plain(client_id="nobody.desk")),
    "another client than the certificate's": Request(plain(client_id=f"{OFMIN}.desk")),
    "the certificate of another": Request(plain(), certificate_of=OFMIN),
    "no certificate": Request(plain(), certificate_of=None),
    "a secret": Request(more(("client_secret", "x"))),
    "a secret in the header": Request(plain(), headers={"Authorization": "Basic eDp4"}),
    "an unknown scope": Request(plain(scope="nonsense")),
    "an unknown resource": Request(
        lambda target: [*plain()(target)[:-1], ("resource", "https://elsewhere.example")]
    ),
    "a relative resource": Request(lambda target: [*plain()(target)[:-1], ("resource", "x")]),
    "a resource with a fragment": Request(
        lambda target: [*plain()(target)[:-1], ("resource", f"{target.resource}#x")]
    ),
    "a certificate where a key is registered": Request(
        plain(client_id=OTHER), certificate_of=ABROAD
    ),
    "an assertion where a certificate is registered": Request(
        asserted(but(iss=f"{HOTLINE}.desk", sub=f"{HOTLINE}.desk"), client=f"{HOTLINE}.desk")
    ),
    "an assertion without a certificate": Request(asserted(), certificate_of=None),
    "an assertion for the token's address": with_key(
        asserted(audience(lambda target: target.token_url))
    ),
    "an assertion for a list of one": with_key(asserted(audience(lambda target: [target.issuer]))),
    "an assertion for two": with_key(
        asserted(audience(lambda target: [target.issuer, "https://elsewhere.example"]))
    ),
    "an assertion for another": with_key(asserted(audience(lambda _: "https://elsewhere.example"))),
    "an assertion for nobody": with_key(asserted(but(aud=None))),
    "RS256": with_key(asserted(algorithm="RS256", key=RSA)),
    "PS256 of a key that is not registered": with_key(asserted(algorithm="PS256", key=RSA)),
    "HS256": with_key(asserted(algorithm="HS256", key="x" * 32)),
    "none": with_key(asserted(algorithm="none")),
    "a stranger's key": with_key(asserted(key=STRANGER)),
    "an unknown key id": with_key(asserted(kid="unknown")),
    "an assertion that has ended": with_key(asserted(moved(iat=-600, exp=-300))),
    "an assertion without an end": with_key(asserted(but(exp=None))),
    "an assertion of tomorrow": with_key(asserted(moved(iat=86_400, nbf=86_400, exp=90_000))),
    "an assertion without an id": with_key(asserted(but(jti=None))),
    "an assertion without a subject": with_key(asserted(but(sub=None))),
    "an assertion without an issuer": with_key(asserted(but(iss=None))),
    "an assertion of another": with_key(asserted(but(iss=f"{OFMIN}.desk", sub=f"{OFMIN}.desk"))),
    "an assertion for another client": with_key(asserted(client=f"{HOTLINE}.desk")),
    "an assertion that is no JWT": with_key(
        lambda target: [*asserted()(target)[:-1], ("client_assertion", "nonsense")]
    ),
    "an assertion of another type": with_key(
        lambda target: [
            (name, "urn:x" if name == "client_assertion_type" else value)
            for name, value in asserted()(target)
        ]
    ),
    "an assertion without a type": with_key(
        lambda target: [pair for pair in asserted()(target) if pair[0] != "client_assertion_type"]
    ),
    "an assertion and a secret": with_key(
        lambda target: [*asserted()(target), ("client_secret", "x")]
    ),
}


@pytest.fixture(scope="module")
def targets(meeting: Meeting) -> Iterator[tuple[Target, Target]]:
    """The gateway and the other server, with the same clients."""
    config = config_of(meeting.stage)
    port, _ = free_ports()
    signing = ec.generate_private_key(ec.SECP256R1())
    private = json.loads(ECAlgorithm.to_jwk(signing)) | {"alg": "ES256", "use": "sig"}
    settings = {
        "port": port,
        "server": str(config.server / "partners.pem"),
        "ca": str(config.published / "ca-chain.pem"),
        "resource": config.partners_url,
        "scope": SCOPE,
        "signing_jwk": private,
        "certificate_client": {
            "id": f"{HOTLINE}.desk",
            "san_uri": system_uri(config.name, HOTLINE, "desk"),
        },
        "key_client": {"id": f"{ABROAD}.desk", "jwk": public_jwk(meeting.key)},
    }
    file = meeting.programs / "settings.json"
    file.write_text(json.dumps(settings))
    with (meeting.programs / "provider.log").open("w") as log:
        other = subprocess.Popen(
            ["node", "provider.mjs", str(file)],
            cwd=meeting.programs,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == "listening\n", log.name
            base = f"https://localhost:{port}"
            yield (
                Target(
                    meeting,
                    config.issuer,
                    f"{config.partners_url}/oauth/token",
                    config.partners_url,
                ),
                Target(meeting, base, f"{base}/token", config.partners_url),
            )
        finally:
            other.terminate()
            other.communicate(timeout=20)


@pytest.mark.parametrize("name", GOOD)
def test_both_servers_give_a_token_to_a_good_request(targets, name):
    for target in targets:
        assert target.ask(GOOD[name]) == (True, "a token")


def test_what_the_other_server_refuses_the_gateway_refuses(targets):
    table = {name: [target.ask(request) for target in targets] for name, request in BAD.items()}
    for name, ((_, ours), (_, other)) in table.items():
        print(f"{name:55} {ours:25} {other}")
    assert [name for name, (ours, other) in table.items() if ours[0] and not other[0]] == []
    assert [name for name, (ours, _) in table.items() if ours[0]] == []
    refused_there = [name for name, (_, other) in table.items() if not other[0]]
    assert len(refused_there) > len(BAD) / 2  # else the comparison would say little


def test_an_assertion_that_was_used_is_refused_by_both(targets):
    for target in targets:
        said = asserted()(target)
        once = with_key(lambda _target, said=said: said)
        assert target.ask(once)[0]
        assert not target.ask(once)[0]


def test_the_programs_pin_what_they_install():
    folder = Path(__file__).parent / "foreign"
    package = json.loads((folder / "package.json").read_text())
    for version in package["dependencies"].values():
        assert version.replace(".", "").isdigit()
    assert not list(folder.glob("*lock*"))
