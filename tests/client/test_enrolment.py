"""The client of an enrolment: it believes a certificate and a receipt for its own key alone."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.client.enrolment import Enrolment, InvitationFile
from gateway.client.errors import EvidenceMismatch, UnexpectedAnswer
from gateway.evidence import base64url
from tests.founding import DESK, ISSUER, SHORT_NAME, founded
from tests.newcomers import NEWCOMER, TOKEN, Newcomer, request_by
from tests.web.issuing import serve
from tests.web.listening import Listening, listening, root

OTHER = "hotline-other"
OTHER_TOKEN = base64url.encode(bytes(range(1, 33)))


@pytest.fixture
def line() -> Listening:
    return listening(founded())


@pytest.fixture
def ca(tmp_path: Path) -> Path:
    file = tmp_path / "ca.pem"
    file.write_bytes(root().certificate_pem())
    return file


def invited(line: Listening, slug: str = NEWCOMER, token: str = TOKEN) -> tuple[Newcomer, Any]:
    """A newcomer, and its invitation as a file says it."""
    host = Newcomer(line.gateway, slug, ec.generate_private_key(ec.SECP256R1()))
    host.arrive()
    made = host.invite(token)
    file = InvitationFile(
        gateway=SHORT_NAME,
        issuer=ISSUER,
        partners=ISSUER,
        root_sha256="0" * 64,
        log_key=str(line.gateway.notary.signer.key),
        organisation=slug,
        system=DESK,
        invitation=made.result["invitation"],
        token=token,
        expires_at="2030-01-01T00:00:00+00:00",
    )
    return host, file


def enrolment(
    line: Listening, file: InvitationFile, change: Callable[[Any], None] = lambda _: None
) -> Enrolment:
    """At the gateway's public app, behind something that may change its answers."""
    inner = httpx.WSGITransport(line.public)

    def answer(request: httpx.Request) -> httpx.Response:
        reply = inner.handle_request(request)
        reply.read()
        if reply.status_code == 200 and request.url.path == "/enrolments":
            members = reply.json()
            change(members)
            return httpx.Response(200, json=members)
        return httpx.Response(reply.status_code, headers=reply.headers, content=reply.content)

    return Enrolment(file, line.gateway.clock, lambda _: serve(line), httpx.MockTransport(answer))


def test_its_own_certificate_and_receipt_are_taken(line: Listening, ca: Path) -> None:
    host, file = invited(line)
    done = enrolment(line, file).enrol(ca, request_by(host.key))
    assert done.certificate.startswith(b"-----BEGIN CERTIFICATE")
    assert done.event


def test_a_certificate_for_another_key_is_refused(line: Listening, ca: Path) -> None:
    host, file = invited(line)
    other, theirs = invited(line, OTHER, OTHER_TOKEN)
    strange = enrolment(line, theirs).enrol(ca, request_by(other.key)).certificate.decode()

    def swap(members: Any) -> None:
        members["result"]["certificate"] = strange

    with pytest.raises(UnexpectedAnswer, match="another key"):
        enrolment(line, file, swap).enrol(ca, request_by(host.key))


@pytest.mark.parametrize("text", ["", "-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_what_is_no_certificate_is_refused(line: Listening, ca: Path, text: str) -> None:
    host, file = invited(line)

    def spoil(members: Any) -> None:
        members["result"]["certificate"] = text

    with pytest.raises(UnexpectedAnswer, match="not a certificate"):
        enrolment(line, file, spoil).enrol(ca, request_by(host.key))


def test_the_receipt_of_another_enrolment_is_refused(line: Listening, ca: Path) -> None:
    host, file = invited(line)
    other, theirs = invited(line, OTHER, OTHER_TOKEN)
    kept: dict[str, Any] = {}

    def keep(members: Any) -> None:
        kept.update(json.loads(json.dumps(members["receipt"])))

    enrolment(line, theirs, keep).enrol(ca, request_by(other.key))

    def swap(members: Any) -> None:
        members["receipt"] = kept

    with pytest.raises(EvidenceMismatch):
        enrolment(line, file, swap).enrol(ca, request_by(host.key))
