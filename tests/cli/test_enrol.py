"""`casegate enrol`: what goes wrong on this side is one sentence, before the token is used."""

import json
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest
from click.testing import CliRunner, Result

from gateway.cli import enrol, main
from gateway.cli.enrol import SystemFolder
from gateway.client.connection import PartnerConnection
from gateway.client.enrolment import Enrolment
from gateway.keys import jwk_set
from tests.client.test_enrolment import MADE
from tests.founded_gateway import ALICE
from tests.ports import START, key_of


@pytest.fixture
def invitation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An invitation that is good now, of a gateway that shows the right root."""
    file = tmp_path / "invitation.json"
    file.touch(mode=0o600)
    file.write_bytes(MADE.render())
    monkeypatch.setattr(enrol, "now", lambda: START)
    monkeypatch.setattr(Enrolment, "fetch_root", lambda _: b"root")
    return file


def typed(file: Path, *words: object) -> Result:
    said = ("--root-sha256", MADE.root_sha256)
    return CliRunner().invoke(main, ["enrol", str(file), *map(str, (*said, *words))])


def test_nobody_enrols_who_did_not_hear_the_fingerprint_on_another_way(
    invitation, tmp_path, monkeypatch
):
    monkeypatch.setattr(Enrolment, "fetch_root", lambda _: pytest.fail("the gateway was asked"))
    words = ["enrol", str(invitation), "--out", str(tmp_path / "desk")]
    for answer, code, advice in (("n\n", 4, "do not use it"), ("", 2, "give --root-sha256")):
        result = CliRunner().invoke(main, words, input=answer)
        assert (result.exit_code, advice in result.stderr) == (code, True)
        assert MADE.root_sha256 in "".join(result.stderr.split())
    other = CliRunner().invoke(main, [*words, "--root-sha256", "00:" * 31 + "00", "--json"])
    assert (other.exit_code, json.loads(other.stdout)["error"]["kind"]) == (4, "tls-not-trusted")
    assert CliRunner().invoke(main, [*words, "--root-sha256", "12"]).exit_code == 2
    assert not (tmp_path / "desk").exists()


def test_a_folder_that_cannot_be_made_is_said_and_the_token_is_not_used(
    invitation, tmp_path, monkeypatch
):
    monkeypatch.setattr(Enrolment, "enrol", lambda *_: pytest.fail("the token was used"))
    below = tmp_path / "invitation.json" / "desk"
    result = typed(invitation, "--out", below)
    assert (result.exit_code, "Not a directory" in result.stderr) == (4, True)
    told = json.loads(typed(invitation, "--out", below, "--json").stdout)
    assert told["error"]["kind"] == "settings-error"


def test_who_stops_an_enrolment_reads_how_it_goes_on(invitation, tmp_path, monkeypatch):
    monkeypatch.setattr(Enrolment, "fetch_root", Mock(side_effect=KeyboardInterrupt))
    result = typed(invitation, "--out", tmp_path / "desk")
    assert (result.exit_code, "with the same folder" in result.stderr) == (3, True)


def test_an_invitation_that_is_not_there_comes_from_the_administrators(tmp_path):
    result = typed(tmp_path / "none.json")
    assert result.exit_code == 2
    assert "the gateway's administrators hand one over" in result.stderr


def test_an_invitation_that_is_over_is_not_sent(invitation, tmp_path):
    over = replace(MADE, expires_at=START.isoformat())
    invitation.write_bytes(over.render())
    result = typed(invitation, "--out", tmp_path / "desk")
    assert (result.exit_code, "for a new one" in result.stderr) == (4, True)
    assert not (tmp_path / "desk").exists()


def test_a_connection_that_is_there_is_not_made_anew(invitation, tmp_path):
    (tmp_path / "desk").mkdir()
    (tmp_path / "desk" / enrol.CONNECTION_FILE).touch()
    result = typed(invitation, "--out", tmp_path / "desk")
    assert (result.exit_code, "is a connection already" in result.stderr) == (4, True)


def test_the_administrators_that_an_invitation_names_are_trusted_by_its_connection(tmp_path):
    home = SystemFolder(tmp_path / "desk", MADE)
    home.keep_root(b"root")
    file = home.keep(b"certificate", json.dumps(jwk_set([key_of("attest")])).encode(), None)
    trust = PartnerConnection.read(file).trust
    (kid, key) = key_of(ALICE).kid, key_of(ALICE).public_key
    assert trust.administrators == {ALICE: {kid: key}}
