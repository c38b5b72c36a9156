"""Both listeners of the founded gateway as Flask sees them; certificates are real, TLS is not.

A request carries its certificate in the environ under one key, where the real listeners look at
the socket. Everything behind it is the product's own: authority, check, policy, log.
"""

import io
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache, cached_property
from itertools import count
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from flask import Flask, current_app, g, request
from flask.testing import FlaskClient
from werkzeug.routing import Map, Rule
from werkzeug.test import TestResponse

from gateway.domain.organisation import STAFF_SCOPE, Certificate, System
from gateway.evidence import base64url
from gateway.kernel.ports import TransactionMode
from gateway.keys import KeyPurpose, SigningKey, generate_key, jwk_set
from gateway.pki.authority import (
    CHAIN_FILE,
    CertificateAuthority,
    CsrRefused,
    certs_only,
    issue_client,
    make_crl,
    make_issuing,
    make_root,
    publish_chain,
    publish_crls,
    read_request,
)
from gateway.pki.client_certificate import (
    CertificateRefused,
    ClientCertificateChecker,
    HeaderRefused,
)
from gateway.web.app import create_partner_app, create_public_app
from gateway.web.context import AppContext
from gateway.web.endpoint import declared
from gateway.web.security_log import SecurityLog
from tests.founded_gateway import DESK, HOTLINE, Founded
from tests.founding import founded
from tests.ports import ISSUER, SHORT_NAME, START, key_of

PARTNERS = "https://partners.example.org"
DER = "casegate.test.certificate"

MADE = START - timedelta(days=1)

_bind = Rule.bind
_BOUND: dict[tuple[str, bool], Rule] = {}


def _bound_once(rule: Rule, routes: Map, rebind: bool = False) -> None:
    """Give a rule what the same rule of an earlier app is compiled to: tests make many apps."""
    known = _BOUND.setdefault((rule.rule, routes.merge_slashes), rule)
    if known is rule:
        _bind(rule, routes, rebind)
    else:
        own = {"map": routes, "methods": rule.methods, "endpoint": rule.endpoint}
        rule.__dict__.update(known.__dict__ | own)


Rule.bind = _bound_once  # type: ignore[method-assign]


@cache
def root() -> CertificateAuthority:
    """One root for all tests."""
    return make_root(SHORT_NAME, MADE)


@cache
def issuing() -> CertificateAuthority:
    """One issuing authority below it."""
    return make_issuing(SHORT_NAME, root(), MADE)


@cache
def published() -> Path:
    """The folder that the public listener serves files from."""
    folder = Path(tempfile.mkdtemp(prefix="casegate-published-"))
    publish_chain(folder, root().certificate, [issuing().certificate])
    publish_crls(folder, {issuing().id: make_crl(issuing(), (), MADE)})
    return folder


@cache
def csr() -> bytes:
    """A certificate request; one key serves all test clients."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def certificate_by(
    authority: CertificateAuthority,
    organisation: str = HOTLINE,
    system: str = DESK,
    copy: int = 0,
) -> x509.Certificate:
    """A client certificate by any authority; ``copy`` tells several of one system apart."""
    return issue_client(
        authority,
        csr(),
        gateway=SHORT_NAME,
        organisation=organisation,
        system=system,
        crl_url=f"{ISSUER}/crl/{authority.id}.crl",
        now=START - timedelta(minutes=1 + copy),
    )


@cache
def certificate(organisation: str = HOTLINE, system: str = DESK, copy: int = 0) -> x509.Certificate:
    """A client certificate by our authority."""
    return certificate_by(issuing(), organisation, system, copy)


def der(one: x509.Certificate) -> bytes:
    """What a connection shows."""
    return one.public_bytes(serialization.Encoding.DER)


@cache
def token_key() -> SigningKey:
    """The key that signs access tokens."""
    return generate_key(KeyPurpose.TOKEN)


@cache
def attest_key() -> SigningKey:
    """The key that attests documents: no token is signed with it."""
    return generate_key(KeyPurpose.ATTEST)


@dataclass
class Listening:
    """A founded gateway and its two apps. ``lines`` is what the security log has written."""

    gateway: Founded
    gate: AppContext
    partners: Flask
    stream: io.StringIO
    _keys: Any = field(default_factory=lambda: count(1))

    @cached_property
    def public(self) -> Flask:
        """The app of the public listener, which few tests ask."""
        return create_public_app(self.gate)

    def lines(self) -> list[dict[str, Any]]:
        """The security log so far."""
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]

    def key(self) -> str:
        """A idempotency key that was never used."""
        return f"web-key-{next(self._keys):05}"

    def register(self, one: x509.Certificate, organisation: str, system: str = DESK) -> None:
        """Put a certificate into the registry, as its issue does."""
        with self.gateway.past_events(organisation) as work:
            work.organisations.add_certificate(
                Certificate(
                    thumbprint=base64url.digest(der(one)),
                    serial=one.serial_number,
                    organisation=organisation,
                    system=system,
                    not_after=one.not_valid_after_utc,
                )
            )

    def partner(self, organisation: str = HOTLINE) -> "Partner":
        """An organisation's desk with a registered certificate."""
        one = certificate(organisation)
        with self.gateway.ports.begin(TransactionMode.READ) as work:
            known = work.organisations.certificate(base64url.digest(der(one)))
        if known is None:
            self.register(one, organisation)
        return Partner(self, organisation, one)

    def keeps_staff(self, organisation: str) -> None:
        """Let the organisation's desk keep its staff register, and do nothing else."""
        with self.gateway.past_events(organisation) as work:
            work.organisations.save_system(System(organisation, DESK, frozenset({STAFF_SCOPE})))

    def anybody(self) -> FlaskClient:
        """A client of the public listener."""
        return self.public.test_client()


@dataclass
class Partner:
    """A system that calls the partners' listener over a connection with its certificate."""

    listening: Listening
    organisation: str
    certificate: x509.Certificate | None
    held: str | None = None

    @property
    def client_id(self) -> str:
        """Its OAuth name."""
        return f"{self.organisation}.{DESK}"

    def send(self, method: str, path: str, **kwargs: Any) -> TestResponse:
        """One request on the connection, with no token added."""
        environ = {DER: der(self.certificate)} if self.certificate else {}
        client = self.listening.partners.test_client()
        return client.open(
            path, method=method, base_url=PARTNERS, environ_overrides=environ, **kwargs
        )

    def ask_token(self, **changes: str | None) -> TestResponse:
        """A token request; ``changes`` to the form, None leaves a parameter out."""
        form = {"grant_type": "client_credentials", "client_id": self.client_id} | changes
        return self.send(
            "POST", "/oauth/token", data={k: v for k, v in form.items() if v is not None}
        )

    def token(self, **changes: str | None) -> str:
        """A new access token."""
        answer = self.ask_token(**changes)
        assert answer.status_code == 200, answer.text
        return answer.json["access_token"]

    def call(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> TestResponse:
        """One request with a token, by default the one held."""
        if token is None:
            token = self.held = self.held or self.token()
        given = {"Authorization": f"Bearer {token}", **(headers or {})}
        return self.send(method, path, headers=given, **kwargs)

    def get(self, path: str, **kwargs: Any) -> TestResponse:
        """Read with the token held."""
        return self.call("GET", path, **kwargs)

    def post(self, path: str, body: Any, *, key: str | None = "new", **kwargs: Any) -> TestResponse:
        """Write with the token held, under a new idempotency key unless one or None is given."""
        headers = dict(kwargs.pop("headers", {}))
        if key is not None:
            headers["Idempotency-Key"] = self.listening.key() if key == "new" else key
        return self.call(
            "POST",
            path,
            headers=headers,
            data=json.dumps(body),
            content_type="application/json",
            **kwargs,
        )


UNDESCRIBED: set[tuple[str, int, str]] = set()
"""Answers of the present test that the description of their endpoint does not have."""


def _described(_route: str, _method: str, status: int, _seconds: float) -> None:
    """Hold each refusal against its endpoint, whatever the test is about; see tests/conftest.py."""
    one = declared(current_app).get(request.endpoint or "")
    if one is not None and status >= 400:
        problem = g.get("problem", "none").partition(":")[0]
        if problem not in one.problems.get(status, ()) and status not in dict(one.others):
            UNDESCRIBED.add((one.name, status, problem))


def listening(gateway: Founded | None = None, **changes: Any) -> Listening:
    """Both listeners of a founded gateway; ``changes`` are to the Gate."""
    gateway = gateway or founded()
    stream = io.StringIO()
    parts: dict[str, Any] = {
        "ports": gateway.ports,
        "partners_url": PARTNERS,
        "tokens": token_key(),
        "token_keys": jwk_set([token_key()]),
        "attestation_keys": jwk_set([key_of("attest")]),
        "notification_keys": jwk_set([key_of("notification")]),
        "log_keys": (str(gateway.checkpoint_signer.signer.key),),
        "peer_der": lambda environ: environ.get(DER),
        "header_refused": HeaderRefused,
        "check_peer": ClientCertificateChecker(published() / CHAIN_FILE).check,
        "certificate_refused": CertificateRefused,
        "published": published(),
        "read_request": read_request,
        "request_refused": CsrRefused,
        "certs_only": certs_only,
        "patience": 0.0,
        "newest": lambda: gateway.ports.begin(TransactionMode.READ),
        "unready": lambda: None,
        "log": SecurityLog(stream, gateway.ports.now),
        "answered": _described,
        "problem_sent": lambda slug: setattr(g, "problem", slug),
    }
    gate = AppContext(**parts | changes)
    return Listening(gateway, gate, create_partner_app(gate), stream)
