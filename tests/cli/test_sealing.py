"""Sealing and opening by command: the plain text never leaves by the wrong way."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli import main
from gateway.cli import system as key_commands
from gateway.evidence import signature
from gateway.keys import load_encryption_key, load_encryption_keys
from tests.casework import element_id
from tests.cli.desks import CLEARED, Desks
from tests.founded_gateway import ABROAD, HOTLINE, OFMIN
from tests.founding import founded
from tests.ports import ISSUER, START, document_key, encryption_key

KEY = encryption_key("ofmin")
PERSON, PAGE = (f"018f0000-0000-7000-8000-00000000003{n}" for n in (1, 2))
PLAIN = {
    PERSON: {"type": "identity", "value": {"about": element_id("victim"), "name": "N. N."}},
    PAGE: {
        "type": "item",
        "value": {"kind": "url", "value": "https://hidden.example/x", "note": "first\nsecond"},
    },
}
OPENING = ("--by", "officer-1", "--reason-code", "investigation", "--reason", "first look")


@pytest.fixture
def sealing(desks: Desks) -> Desks:
    desks.stage.gateway.register_encryption_key(OFMIN, KEY)
    jwks = {"keys": [KEY.public_jwk()]}
    desks.changes["seal_to"] = {OFMIN: signature.encryption_keys(jwks)}
    desks.changes["encryption_keys"] = {KEY.kid: KEY}
    return desks


def plain_file(desks: Desks, plain: object = PLAIN) -> Path:
    file = desks.folder / "plain.json"
    file.write_text(json.dumps(plain))
    return file


def sealed_file(desks: Desks, *more: str) -> Path:
    out = desks.folder / "sealed.json"
    asked = ("--contents", plain_file(desks), "--to", OFMIN, "--out", out, *more)
    told = desks.done("case", "seal", desks.case_file(), *asked)
    assert f"2 sealed to {OFMIN}" in told
    return out


def accepted(desks: Desks) -> tuple[str, str]:
    """The ids of a case with seals, and of a handoff of it that its addressee took on."""
    told = desks.told("case", "submit", sealed_file(desks), "--by", "intake-1", *CLEARED)
    case = told["result"]["case"]
    asked = ("--by", "liaison-1", "--purpose", "identify_victim", "--competence", "csam/FR")
    groups = ("--group", "items", "--group", "subjects")
    handoff = desks.told("handoff", "offer", case, *asked, *groups)["result"]["handoff"]
    desks.done("handoff", "accept", handoff, "--by", "officer-1", "--yes", at=OFMIN)
    return case, handoff


def test_a_case_is_sealed_into_a_new_file_of_its_owner(sealing):
    out = sealed_file(sealing)
    assert out.stat().st_mode & 0o777 == 0o600
    text = out.read_text()
    assert "N. N." not in text
    assert "hidden.example" not in text
    assert json.loads(text)["subjects"][-1]["sealed_to"] == OFMIN
    again = sealing.run(
        "case", "seal", sealing.case_file(), "--contents", plain_file(sealing), "--to", OFMIN,
        "--out", out,
    )  # fmt: skip
    assert again.exit_code == 2
    assert " exists" in again.output


@pytest.mark.parametrize("plain", ["[]", "{}", "{", '{"a": 1, "a": 2}'])
def test_a_file_that_is_no_plain_content_is_an_error_of_use(sealing, plain):
    file = sealing.folder / "plain.json"
    file.write_text(plain)
    asked = ("--contents", file, "--to", OFMIN, "--out", sealing.folder / "x.json")
    assert sealing.run("case", "seal", sealing.case_file(), *asked).exit_code == 2


def test_an_office_is_named_by_its_id_wherever_one_is(sealing):
    out = sealing.folder / "x.json"
    plain = ("--contents", plain_file(sealing))
    case = "018f0000-0000-7000-8000-000000000001"
    offer = ("--by", "x1", "--purpose", "identify_victim", "--group", "items")
    why = ("--by", "x1", "--reason-code", "quality", "--reason", "x")
    for words in (
        ("case", "seal", str(sealing.case_file()), *plain, "--to", "OFMIN", "--out", out),
        ("case", "reseal", case, *plain, *why, "--from", OFMIN, "--to", "OFMIN"),
        ("case", "reseal", case, *plain, *why, "--from", "OFMIN", "--to", ABROAD),
        ("handoff", "offer", case, *offer, "--to", "OFMIN"),
        ("handoff", "preview", case, *offer, "--to", "OFMIN"),
        (
            "audit",
            "search",
            *why[:2],
            "--reason-code",
            "lawfulness",
            *why[4:],
            "--organisation",
            "X",
        ),
    ):
        result = sealing.run(*words)
        assert result.exit_code == 2, result.output
        assert "must be an organisation" in result.stderr


def test_what_cannot_be_sealed_is_told_and_no_file_is_made(sealing):
    out = sealing.folder / "x.json"
    for plain, to in ((PLAIN, ABROAD), ({PERSON: {"type": "picture", "value": {}}}, OFMIN)):
        asked = ("--contents", plain_file(sealing, plain), "--to", to, "--out", out)
        result = sealing.run("case", "seal", sealing.case_file(), *asked)
        assert result.exit_code == 1
        assert not out.exists()


def test_a_consultation_leaves_seals_closed_until_it_is_told_to_open_them(sealing):
    _, handoff = accepted(sealing)
    output = sealing.done("handoff", "consult", handoff, *OPENING, at=OFMIN)
    assert f"Sealed to {OFMIN}: subjects {PERSON[-4:]}" in output
    assert "closed: --open-sealed opens it" in output
    assert "N. N." not in output
    output = sealing.done("handoff", "consult", handoff, *OPENING, "--open-sealed", at=OFMIN)
    assert "identity (identity)" in output
    assert "name: N. N." in output
    assert "value: hxxps://hidden[.]example/x" in output
    assert "  note: second" in output
    assert "recorded as event" in output


def test_for_machines_opened_seals_stand_beside_the_result(sealing):
    _, handoff = accepted(sealing)
    told = sealing.told("handoff", "consult", handoff, *OPENING, "--open-sealed", at=OFMIN)
    values = {one["id"]: one["value"] for one in told["unsealed"]}
    assert values == {name: said["value"] for name, said in PLAIN.items()}
    told = sealing.told("handoff", "consult", handoff, *OPENING, at=OFMIN)
    assert "unsealed" not in told


def test_the_originator_cannot_open_what_it_sealed_for_another(sealing):
    case, _ = accepted(sealing)
    told = sealing.told("case", "consult", case, *OPENING, "--open-sealed")
    assert {one["fault"] for one in told["unsealed"]} == {f"it is sealed to {OFMIN}"}


def test_a_redirection_shows_what_to_seal_anew_and_reseal_does_it(sealing):
    case, handoff = accepted(sealing)
    why = ("--by", "officer-1", "--reason", "not ours")
    sealing.done("handoff", "redirect", handoff, *why, at=OFMIN)
    shown = sealing.done("handoff", "show", handoff)
    assert f"subjects {PERSON[-8:]} (for {OFMIN})" in shown
    later = encryption_key("later")
    sealing.stage.gateway.register_encryption_key(HOTLINE, later)
    jwks = {"keys": [later.public_jwk()]}
    sealing.changes["seal_to"] = {HOTLINE: signature.encryption_keys(jwks)}
    asked = ("--contents", plain_file(sealing), "--from", OFMIN, "--to", HOTLINE, *OPENING)
    output = sealing.done("case", "reseal", case, *asked, *CLEARED)
    assert "version 2, is cleared" in output


def test_an_offer_says_what_is_sealed_to_others(sealing):
    told = sealing.told("case", "submit", sealed_file(sealing), "--by", "intake-1", *CLEARED)
    purpose = ("--purpose", "identify_victim")
    asked = ("--by", "liaison-1", *purpose, "--group", "items", "--to", ABROAD)
    preview = sealing.done("handoff", "preview", told["result"]["case"], *asked)
    assert f"items {PAGE[-8:]} (for {OFMIN})" in preview
    offer = sealing.done("handoff", "offer", told["result"]["case"], *asked)
    assert "sealed to others, so not offered" in offer


# --- keys ---

WHOSE = ("--organisation", OFMIN, "--gateway", ISSUER)


def test_a_new_encryption_key_is_registered_as_it_was_made(tmp_path, monkeypatch):
    monkeypatch.setattr(key_commands, "now", lambda: START)
    gateway = founded()
    signer = document_key("ofmin")
    gateway.register_key(OFMIN, signer)
    (tmp_path / "document.pem").write_bytes(signer.pem())
    (tmp_path / "document.pem").chmod(0o600)
    folder = tmp_path / "keys"
    asked = ["key", "create", "--use", "encryption", str(folder), *WHOSE]
    made = CliRunner().invoke(main, [*asked, "--document-key", str(tmp_path / "document.pem")])
    assert made.exit_code == 0, made.output
    private = folder / "encryption.pem"
    assert private.stat().st_mode & 0o777 == 0o600
    values = {
        "jwk": json.loads((folder / "encryption.jwk").read_text()),
        "proof": (folder / "encryption.proof").read_text(),
        "countersignature": (folder / "encryption.countersignature").read_text(),
    }
    gateway.administer("key.register", OFMIN, **values)
    (key,) = gateway.organisation(OFMIN).encryption_keys
    assert load_encryption_key(private).kid == key.kid
    assert list(load_encryption_keys(folder)) == [key.kid]
    again = CliRunner().invoke(main, asked)
    assert again.exit_code == 1
    assert " exists" in again.output


def test_a_sheet_opens_what_is_sealed_when_asked_and_else_says_that_it_is_closed(sealing):
    _, handoff = accepted(sealing)
    closed = sealing.done("handoff", "sheet", handoff, *OPENING, at=OFMIN)
    assert "N. N." not in closed
    assert "Closed here: --open-sealed opens it" in closed
    opened = sealing.done("handoff", "sheet", handoff, *OPENING, "--open-sealed", at=OFMIN)
    assert "N. N." in opened
    assert "https://hidden.example/x" in opened
    assert "identity of a person" in opened
