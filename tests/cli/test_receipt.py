"""`casegate receipt`, `casegate event list`, `casegate directory`: what is there, and its proof."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.client.connection import read_key_file, read_keys
from gateway.evidence import membership_attestation
from gateway.keys import jwk_set
from gateway.verification import verifier
from tests.cli.desks import CLEARED, Desks
from tests.client.client_fixture import trust_of
from tests.founded_gateway import ABROAD, HOTLINE, OFMIN
from tests.ports import START, document_key, key_of

DAY = timedelta(days=1)


def test_ones_own_events_are_listed_with_who_asked(desks: Desks) -> None:
    desks.submitted()
    output = desks.done("event", "list", "--after", "2")
    assert "case.submitted" in output
    assert "intake-1" in output
    assert len(desks.told("event", "list", "--limit", "2")["events"]) == 2
    assert "intake-1" not in desks.done("event", "list", at=OFMIN)


def test_a_receipt_is_shown_with_what_it_proves(desks: Desks) -> None:
    desks.submitted()
    (*_, last) = desks.told("event", "list")["events"]
    output = desks.done("receipt", "show", last["event"])
    assert f"Verified: event {last['event']}" in output
    assert "by (sealed)" in output
    assert "entry" in output
    assert desks.told("receipt", "show", last["event"])["document"] == last["receipt"]["document"]


def test_a_saved_receipt_verifies_offline(desks: Desks) -> None:
    desks.submitted()
    (*_, last) = desks.told("event", "list")["events"]
    output = desks.done("receipt", "save", last["event"], "--out", "r.json")
    assert "r.json holds the receipt" in output
    data = (desks.folder / "r.json").read_bytes()
    assert verifier.verify(data, trust_of(desks.stage.gateway)).passed
    told = desks.told("receipt", "save", last["event"], "--out", "s.json")
    assert told == {"file": "s.json", "event": last["event"]}


def test_the_directory_lists_seats_and_mandates(desks: Desks) -> None:
    output = desks.done("directory", "list")
    assert HOTLINE in output
    assert "receive/csam/FR" in output
    assert "receive/csam/FR" in desks.done("directory", "show", OFMIN)
    assert {one["organisation"] for one in desks.told("directory", "list")["items"]} >= {
        HOTLINE,
        ABROAD,
    }
    assert desks.told("directory", "show", OFMIN)["organisation"] == OFMIN
    assert desks.run("directory", "show", "Not An Id").exit_code == 2
    assert "Not An Id" in desks.run("directory", "show", "Not An Id").stderr
    assert desks.run("directory", "show", "nobody").exit_code == 1


def test_keys_are_kept_with_where_they_came_from(desks: Desks) -> None:
    first, second = document_key("office"), document_key("successor")
    desks.stage.gateway.register_key(OFMIN, first)
    desks.stage.gateway.register_key(OFMIN, second, before=first)
    told = desks.done("directory", "keys", OFMIN, "--out", "ofmin.json")
    assert f"key {first.kid} of {OFMIN}: registered on" in told
    assert f"countersigned with key {first.kid}\n" in told
    assert "Compare the key ids" in told
    assert HOTLINE not in told, "the list is another command"
    file = desks.folder / "ofmin.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert set(read_keys(file)) == {first.kid, second.kid}
    kept = read_key_file(OFMIN, file)
    assert (len(kept.registrations), len(kept.key_statuses)) == (2, 2)
    assert desks.run("directory", "keys", OFMIN, "--out", "ofmin.json").exit_code == 2
    told = desks.told("directory", "keys", OFMIN, "--out", "again.json")
    assert (told["organisation"], told["file"]) == (OFMIN, "again.json")
    assert {one["kid"] for one in told["keys"]} == {first.kid, second.kid}


def test_keys_are_kept_with_when_they_were_revoked(desks: Desks) -> None:
    gateway, (first, second) = desks.stage.gateway, (document_key(n) for n in ("hotline", "next"))
    gateway.register_key(HOTLINE, first)
    desks.changes["document_key"] = first
    told = desks.told("case", "submit", str(desks.case_file()), "--by", "intake-1", *CLEARED)
    (desks.folder / "case.sd-jwt").write_text(told["result"]["document"])
    gateway.register_key(HOTLINE, second, before=first)
    gateway.administer("key.revoke", HOTLINE, kid=first.kid, reason="lost")
    told = desks.done("directory", "keys", HOTLINE, "--out", "keys.json")
    assert f"key {first.kid} of {HOTLINE}: revoked on" in told
    kept = read_key_file(HOTLINE, desks.folder / "keys.json")
    assert (len(kept.revocations), len(kept.key_statuses)) == (1, 1)
    keys = ("--organisation-keys", f"{HOTLINE}=keys.json")
    log = ("--log-key", gateway.checkpoint_signer.signer.vkey)
    assert f"of {HOTLINE}: revoked on" in desks.done("verify", "case.sd-jwt", *keys, *log)


def test_keys_go_into_the_folder_of_the_connection_by_default(desks: Desks) -> None:
    desks.stage.gateway.register_key(OFMIN, document_key("office"))
    assert desks.run("directory", "keys", OFMIN).exit_code == 2
    folder = desks.folder / "connection" / "organisations"
    desks.changes["organisation_keys"] = folder
    desks.done("directory", "keys", OFMIN)
    assert read_key_file(OFMIN, folder / f"{OFMIN}.json").registrations


def test_there_is_nothing_to_keep_where_no_key_is_registered(desks: Desks) -> None:
    result = desks.run("directory", "keys", OFMIN, "--out", "ofmin.json")
    assert (result.exit_code, "no document key" in result.stderr) == (1, True)
    assert not (desks.folder / "ofmin.json").exists()


def test_verify_tells_where_the_key_in_a_key_file_came_from(desks: Desks) -> None:
    """A key file's receipts are checked against the log; without its key they say nothing."""
    gateway = desks.stage.gateway
    gateway.register_key(HOTLINE, document_key("hotline"))
    desks.changes["document_key"] = document_key("hotline")
    told = desks.told("case", "submit", str(desks.case_file()), "--by", "intake-1", *CLEARED)
    (desks.folder / "case.sd-jwt").write_text(told["result"]["document"])
    desks.done("directory", "keys", HOTLINE, "--out", "keys.json")
    keys = ("--organisation-keys", f"{HOTLINE}=keys.json")
    proved = desks.done(
        "verify", "case.sd-jwt", *keys, "--log-key", gateway.checkpoint_signer.signer.vkey
    )
    assert f"of {HOTLINE}: registered on" in proved
    assert "no evidence whether it was revoked" in proved  # without the gateway's key
    alone = desks.done("verify", "case.sd-jwt", *keys)
    assert "only your key file confirms it" in alone
    assert f"Only your key file confirms that the key of {HOTLINE} is theirs." in alone


@pytest.mark.parametrize(
    "members",
    [
        {"registrations": 1},
        {"registrations": [{}]},
        {"key_statuses": "a text"},
        {"key_statuses": [1]},
    ],
)
def test_a_key_file_with_false_members_is_not_taken(desks: Desks, members) -> None:
    gateway = desks.stage.gateway
    gateway.register_key(HOTLINE, document_key("hotline"))
    desks.done("directory", "keys", HOTLINE, "--out", "keys.json")
    file = desks.folder / "keys.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **members}))
    (desks.folder / "some").write_text("x")
    result = desks.run("verify", "some", "--organisation-keys", f"{HOTLINE}=keys.json")
    assert (result.exit_code, "invalid" in result.stderr) == (2, True)


def test_the_directory_is_searched(desks: Desks) -> None:
    found = desks.told("directory", "list", "--competence", "receive/csam/FR")["items"]
    assert [one["organisation"] for one in found] == [OFMIN]
    kinds = {one["kind"] for one in desks.told("directory", "list", "--kind", "hotline")["items"]}
    assert kinds == {"hotline"}


def test_a_status_is_printed_as_a_file_that_verifies(desks: Desks, tmp_path: Path) -> None:
    result = desks.run("directory", "attestation", OFMIN)
    assert result.exit_code == 0, result.output
    assert "Verified: https://gateway.example.org attested on " in result.stderr
    assert "that ofmin is active, as observer" in result.stderr
    (tmp_path / "status.jwt").write_text(result.stdout)
    (tmp_path / "gateway-keys.json").write_text(json.dumps(jwk_set([key_of("attest")])))
    keys = ("--gateway-keys", tmp_path / "gateway-keys.json")
    assert "valid until" in desks.done("verify", tmp_path / "status.jwt", *keys)
    assert desks.told("directory", "attestation", OFMIN)["attestation"].count(".") == 2


@pytest.mark.parametrize("trouble", ["another", "stale", "false"])
def test_a_status_that_does_not_fit_is_false_evidence(
    desks: Desks, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    issue = membership_attestation.issue

    def other(**said: Any) -> str:
        if trouble == "another":
            return issue(**{**said, "organisation": ABROAD})
        if trouble == "stale":
            return issue(**{**said, "at": START - DAY * 2, "ends": START - DAY})
        return issue(**{**said, "signer": key_of("nobody")})

    monkeypatch.setattr(membership_attestation, "issue", other)
    assert desks.run("directory", "attestation", OFMIN).exit_code == 5
