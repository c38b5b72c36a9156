"""The client of an enrolment: it believes a certificate and a receipt for its own key alone."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.client.enrolment import Enrolment, InvitationFile
from gateway.client.errors import EvidenceMismatch, SettingsError, UnexpectedAnswer
from gateway.evidence import base64url
from tests.each import each
from tests.founded_gateway import ALICE, DESK
from tests.founding import founded
from tests.newcomers import NEWCOMER, TOKEN, Newcomer, request_by
from tests.ports import ISSUER, key_of, note_signer
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
        issuer=ISSUER,
        api_url=ISSUER,
        root_sha256="0" * 64,
        log_key=str(line.gateway.checkpoint_signer.signer.key),
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


# --- The invitation file: read whole or not at all, and its token shown nowhere ---


MADE = InvitationFile(
    issuer="https://gateway.example.org",
    api_url="https://partners.example.org:8444",
    root_sha256="ab" * 32,
    log_key=str(note_signer().key),
    organisation="hotline",
    system="desk",
    invitation="018f0000-0000-7000-8000-000000000011",
    token=TOKEN,
    expires_at="2026-03-05T09:00:00+00:00",
    administrators={ALICE: key_of(ALICE).public_jwk()},
)


def test_it_is_read_as_it_was_written() -> None:
    assert InvitationFile.read(MADE.render()) == MADE
    assert MADE.client_id == "hotline.desk"


def test_its_token_is_not_in_its_words() -> None:
    assert TOKEN not in f"{MADE!r} {MADE}"


@each(
    "change",
    [
        {"format": "casegate-invitation/2"},
        {"administrators": {ALICE: "a key"}},
        {"administrators": {"../etc": key_of(ALICE).public_jwk()}},
        {"administrators": [ALICE]},
        {"issuer": "http://gateway.example.org"},
        {"api_url": "https://partners.example.org/path"},
        {"api_url": "https://partners:8443:8444"},
        {"organisation": "../etc"},
        {"system": "a"},
        {"token": TOKEN[:-1]},
        {"root_sha256": "AB" * 32},
        {"log_key": "no key"},
        {"expires_at": "2026-03-05T09:00:00"},
        {"expires_at": "soon"},
        {"more": "x"},
        {"gateway": 7},
    ],
)
def test_what_was_not_copied_whole_is_refused(change: dict[str, object]) -> None:
    members = json.loads(MADE.render()) | change
    with pytest.raises(SettingsError):
        InvitationFile.read(json.dumps(members).encode())


@each("data", [b"", b"[]", b"{}", b"\xff", MADE.render()[:-9], b"[" * 5000 + b"]" * 5000])
def test_what_is_no_invitation_is_refused(data: bytes) -> None:
    with pytest.raises(SettingsError):
        InvitationFile.read(data)
