"""The published examples for certificate binding, Client-Cert and HTTP message signatures."""

import json
from base64 import b64decode, b64encode
from hashlib import sha512
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from gateway.evidence import base64url
from gateway.pki.client_certificate import parse_client_cert
from tests.each import each

FOLDER = Path(__file__).parent / "vectors" / "rfc-auth-examples"
VECTORS = json.loads((FOLDER / "vectors.json").read_text("utf-8"))


def thumbprint(der: bytes) -> str:
    """RFC 8705 3.1: what a bound token carries as x5t#S256."""
    return base64url.digest(der)


def test_the_published_certificate_has_the_published_thumbprint():
    vector = VECTORS["rfc8705_x5t"]
    pem = (FOLDER / vector["certificate_file"]).read_bytes()
    der = x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.DER)
    assert thumbprint(der) == vector["x5t#S256"]


def test_the_published_client_cert_field_gives_the_published_certificate():
    vector = VECTORS["rfc9440_client_cert"]
    name, _, value = vector["header"].partition(": ")
    der = parse_client_cert(value)
    certificate = x509.load_der_x509_certificate(der)
    assert name == "Client-Cert"
    assert thumbprint(der) == vector["x5t#S256"]
    assert certificate.subject.rfc4514_string() == vector["subject"]
    assert certificate.serial_number == vector["serial"]


def base_of(components: dict[str, str], parameters: str) -> str:
    """RFC 9421 2.5: one line for each covered component, the parameters last."""
    lines = [f'"{name}": {value}' for name, value in components.items()]
    covered = " ".join(f'"{name}"' for name in components)
    return "\n".join([*lines, f'"@signature-params": ({covered});{parameters}'])


def request_of_b26() -> dict[str, str]:
    request = VECTORS["rfc9421_b26"]["request"]
    headers, url = request["headers"], urlsplit(request["url"])
    return {
        "date": headers["Date"],
        "@method": request["method"],
        "@path": url.path,
        "@authority": url.netloc,
        "content-type": headers["Content-Type"],
        "content-length": str(len(request["body"])),
    }


def response_of_b24() -> dict[str, str]:
    response = VECTORS["rfc9421_b24"]["response"]
    body = response["body"].encode()
    digest = serialize_bytes(sha512(body).digest())
    return {
        "@status": str(response["status"]),
        "content-type": "application/json",
        "content-digest": f"sha-512={digest}",
        "content-length": str(len(body)),
    }


def request_of_b3() -> dict[str, str]:
    client_cert = VECTORS["rfc9440_client_cert"]["header"].partition(": ")[2]
    return {
        "@path": "/foo",
        "@query": "?param=Value&Pet=dog",
        "@method": "POST",
        "@authority": "service.internal.example",
        "client-cert": serialize_bytes(parse_client_cert(client_cert)),
    }


def serialize_bytes(data: bytes) -> str:
    """A byte sequence of RFC 8941 3.3.5."""
    return f":{b64encode(data).decode()}:"


MESSAGES = {
    "rfc9421_b26": (request_of_b26(), 'created=1618884473;keyid="test-key-ed25519"'),
    "rfc9421_b24": (response_of_b24(), 'created=1618884473;keyid="test-key-ecc-p256"'),
    "rfc9421_b3": (request_of_b3(), 'created=1618884473;keyid="test-key-ecc-p256"'),
}


def check(vector: dict, base: str) -> None:
    """Verify a message signature (RFC 9421 3.3.4, 3.3.6)."""
    key = serialization.load_pem_public_key(vector["public_key_pem"].encode())
    signature = b64decode(vector["signature_b64"])
    if isinstance(key, ed25519.Ed25519PublicKey):
        key.verify(signature, base.encode())
        return
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert len(signature) == 64
    r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
    key.verify(encode_dss_signature(r, s), base.encode(), ec.ECDSA(hashes.SHA256()))


@each("name", MESSAGES)
def test_the_published_signature_covers_the_message_as_rebuilt(name):
    vector, base = VECTORS[name], base_of(*MESSAGES[name])
    assert base == vector["signature_base"]
    check(vector, base)


@each("name", MESSAGES)
def test_the_published_signature_covers_no_other_message(name):
    components, parameters = MESSAGES[name]
    for component, value in components.items():
        changed = base_of(components | {component: value + "x"}, parameters)
        with pytest.raises(InvalidSignature):
            check(VECTORS[name], changed)
