"""A time-stamp authority of our own for tests, and one of `openssl ts`; neither is anybody's."""

import contextlib
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.asn1 import SetOf
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509 import ObjectIdentifier
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway.evidence import time_stamp as forms
from tests.receiver import Answer, answer

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
POLICY = ObjectIdentifier("1.3.6.1.4.1.99999.1")
STAMPS = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), True)


def new_key(bits: int = 0) -> Any:
    if bits:
        return rsa.generate_private_key(65537, bits)
    return ec.generate_private_key(ec.SECP256R1())


@dataclass
class Holder:
    """A key and its certificate."""

    key: Any
    certificate: x509.Certificate

    def certify(
        self, name: str, *more: Any, key: Any = None, since: datetime = LONG_AGO, days: int = 9000
    ) -> "Holder":
        """Return another holder, certified by this one."""
        own, by = key or new_key(), self.certificate.subject
        return Holder(own, certify(name, own, by, self.key, *more, since=since, days=days))

    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)


def certify(
    name: str,
    key: Any,
    issuer: x509.Name | None,
    by: Any,
    *more: Any,
    since: datetime = LONG_AGO,
    days: int = 9000,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(since + days * DAY)
    )
    for extension, critical in more:
        made = made.add_extension(extension, critical)
    return made.sign(by, hashes.SHA256())


def new_root(name: str = "Root") -> Holder:
    key = new_key()
    ca = (x509.BasicConstraints(True, None), True)
    return Holder(key, certify(name, key, None, key, ca))


@dataclass
class Authority:
    """It stamps what it is asked for, at ``time``; ``changes`` are to the parts of its tokens."""

    root: Holder = field(default_factory=new_root)
    own: Holder = None  # type: ignore[assignment]
    time: datetime = NOW
    above: tuple[Holder, ...] = ()
    changes: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.own = self.own or self.root.certify("Time Stamps", STAMPS)

    @property
    def roots(self) -> list[x509.Certificate]:
        return [self.root.certificate]

    def but(self, **changes: Any) -> "Authority":
        """Return the same authority, which does one thing otherwise."""
        return replace(self, changes={**self.changes, **changes})

    def answer(self, request: bytes) -> bytes:
        """Answer a request, as a TimeStampResp."""
        asked = asn1.decode_der(forms._Request, request)
        token = self.token(asked.imprint, asked.nonce)
        return asn1.encode_der(forms._Answer(status=granted(), token=token))

    def stamp(self, text: bytes) -> bytes:
        """Return the token of a text."""
        return asn1.encode_der(self.token(imprint(text), None))

    def token(self, of: Any, nonce: int | None) -> Any:
        get, sha = self.changes.get, algorithm()
        seconds = get("accuracy", 1)
        info = forms._Info(
            version=get("version", 1),
            policy=POLICY,
            imprint=of,
            serial=7,
            time=asn1.GeneralizedTime(self.time),
            accuracy=forms._Accuracy(seconds=seconds, milliseconds=None, microseconds=None),
            ordering=False,
            nonce=get("nonce", nonce),
            authority=None,
            extensions=get("extensions"),
        )
        stamped = asn1.encode_der(info)
        named = get("named", self.own).certificate
        first = forms._CertificateId(
            algorithm=sha, digest=named.fingerprint(hashes.SHA256()), issuer=None
        )
        signing = forms._SigningCertificate(certificates=[first], policies=None)
        attributes = SetOf(
            [
                attribute(forms._CONTENT_TYPE, get("signs", forms._TST_INFO)),
                attribute(forms._MESSAGE_DIGEST, sha256(get("content", stamped)).digest()),
                attribute(forms._SIGNING_CERTIFICATE, signing),
            ][: get("attributes", 3)]
        )
        signer = forms._Signer(
            version=1,
            named=as_tlv(5),
            digest=algorithm(get("digest")),
            attributes=attributes,
            algorithm=as_tlv(5),
            signature=self.sign(asn1.encode_der(attributes)),
            unsigned=None,
        )
        held = (get("carried", self.own), *self.above)
        data = forms._SignedData(
            version=3,
            digests=SetOf([sha]),
            content=forms._Content(kind=get("kind", forms._TST_INFO), content=stamped),
            certificates=[one.certificate for one in held],
            revocations=None,
            signers=SetOf([signer] * get("signers", 1)),
        )
        return forms._TimeStampToken(kind=forms._SIGNED_DATA, data=data)

    def sign(self, data: bytes) -> bytes:
        key = self.own.key
        if isinstance(key, rsa.RSAPrivateKey):
            return key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        return bytes(key.sign(data, ec.ECDSA(hashes.SHA256())))


def algorithm(name: ObjectIdentifier | None = None) -> Any:
    return forms._Algorithm(name=name or forms._SHA256, parameters=None)


def imprint(text: bytes, name: ObjectIdentifier | None = None) -> Any:
    return forms._Imprint(algorithm=algorithm(name), digest=sha256(text).digest())


def as_tlv(value: Any) -> Any:
    return asn1.decode_der(asn1.TLV, asn1.encode_der(value))


def attribute(kind: ObjectIdentifier, value: Any) -> Any:
    return forms._Attribute(kind=kind, values=SetOf([as_tlv(value)]))


def granted(status: int = 0) -> Any:
    return [as_tlv(status)]


@contextlib.contextmanager
def serving(authority: Authority, clock: Callable[[], datetime]) -> Iterator["Server"]:
    """The authority as a server on this host, whose time is that of ``clock``."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = self.rfile.read(int(self.headers["Content-Length"]))
            made.heard.append(self.headers["Content-Type"])
            if made.answers:
                made.answers.pop(0)(self)
                return
            told = replace(authority, time=clock()).answer(request)
            answer(200, told, Content_Type="application/timestamp-reply")(self)

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made = Server(f"http://localhost:{server.server_port}/tsr")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()


@dataclass
class Server:
    """``heard`` are the types of what it was asked; ``answers`` are used up first."""

    url: str
    heard: list[str] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)


# --- openssl ts ---


class OpenSsl:
    """A time-stamp authority of `openssl ts` in a folder, with an intermediate authority."""

    def __init__(self, folder: Path, bits: int = 0) -> None:
        if shutil.which("openssl") is None:
            pytest.fail("this test needs openssl (Debian: apt-get install openssl)")
        self.folder = folder
        self.root = new_root("Root of openssl")
        middle = self.root.certify("Middle", (x509.BasicConstraints(True, 0), True))
        usage = (_digital_signature(), True)
        own = middle.certify("openssl ts", STAMPS, usage, key=new_key(bits))
        private = own.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        for name, data in (
            ("root.pem", self.root.pem()),
            ("own.pem", own.pem()),
            ("chain.pem", middle.pem()),
            ("key.pem", private),
            ("serial", b"01\n"),
            ("ts.cnf", _CONF.encode()),
        ):
            (folder / name).write_bytes(data)

    @property
    def roots(self) -> list[x509.Certificate]:
        return [self.root.certificate]

    def answer(self, request: bytes) -> bytes:
        """Answer a request by `openssl ts -reply`."""
        (self.folder / "asked.tsq").write_bytes(request)
        self.run("-reply", "-config", "ts.cnf", "-queryfile", "asked.tsq", "-out", "told.tsr")
        return (self.folder / "told.tsr").read_bytes()

    def verify(self, token: bytes, text: bytes, root: bytes, untrusted: bytes = b"") -> str:
        """Let `openssl ts -verify` check a token."""
        parts = {"token": token, "text": text, "brought.pem": root, "untrusted.pem": untrusted}
        for name, data in parts.items():
            (self.folder / name).write_bytes(data)
        more = ("-untrusted", "untrusted.pem") if untrusted else ()
        checked = (
            "-verify",
            "-data",
            "text",
            "-in",
            "token",
            "-token_in",
            "-CAfile",
            "brought.pem",
        )
        return self.run(*checked, *more)

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            ["openssl", "ts", *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout + done.stderr


def _digital_signature() -> x509.KeyUsage:
    return x509.KeyUsage(True, *[False] * 8)


_CONF = """
[tsa]
default_tsa = here
[here]
serial = serial
signer_cert = own.pem
certs = chain.pem
signer_key = key.pem
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
accuracy = secs:1
ess_cert_id_alg = sha256
ess_cert_id_chain = no
"""
