"""The invitation file: read whole or not at all, and its token shown nowhere."""

import json

import pytest

from gateway.client.enrolment import InvitationFile
from gateway.client.errors import SettingsError
from tests.each import each
from tests.founding import note_signer
from tests.newcomers import TOKEN

MADE = InvitationFile(
    gateway="example",
    issuer="https://gateway.example.org",
    partners="https://partners.example.org:8444",
    root_sha256="ab" * 32,
    log_key=str(note_signer().key),
    organisation="hotline",
    system="desk",
    invitation="018f0000-0000-7000-8000-000000000011",
    token=TOKEN,
    expires_at="2026-03-05T09:00:00+00:00",
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
        {"issuer": "http://gateway.example.org"},
        {"partners": "https://partners.example.org/path"},
        {"partners": "https://partners:8443:8444"},
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


@each("data", [b"", b"[]", b"{}", b"\xff", MADE.render()[:-9]])
def test_what_is_no_invitation_is_refused(data: bytes) -> None:
    with pytest.raises(SettingsError):
        InvitationFile.read(data)
