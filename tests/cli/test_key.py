"""`casegate key`: a document key of one's own, and what it says about itself."""

import json
from pathlib import Path

from click.testing import CliRunner

from gateway.cli import main
from gateway.cli import system as key_commands
from gateway.kernel.changes import Change
from tests.each import each
from tests.founded_gateway import HOTLINE, make_change
from tests.founding import founded
from tests.ports import ISSUER, START

WHOSE = ("--organisation", HOTLINE, "--gateway", ISSUER)


def run(*arguments: object) -> str:
    result = CliRunner().invoke(main, ["key", *map(str, arguments), *WHOSE])
    assert result.exit_code == 0, result.output
    return result.stdout


def values(folder: Path) -> dict[str, object]:
    said = {"jwk": json.loads((folder / key_commands.JWK_FILE).read_text())}
    for name in ("proof", "countersignature"):
        file = folder / f"document.{name}"
        if file.exists():
            said[name] = file.read_text().strip()
    return said


def test_new_keys_are_registered_one_after_the_other(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(key_commands, "now", lambda: START)
    gateway = founded()
    first, second = tmp_path / "first", tmp_path / "second"
    assert "keep document.pem" in run("create", first, "--use", "signing")
    run("create", second, "--use", "signing", "--document-key", first / key_commands.KEY_FILE)
    for folder in (first, second):
        assert (folder / key_commands.KEY_FILE).stat().st_mode & 0o777 == 0o600
        assert b"PRIVATE" not in (folder / key_commands.JWK_FILE).read_bytes()
        gateway.administer("key.register", HOTLINE, **values(folder))
    held = gateway.organisation(HOTLINE).document_keys
    assert [json.loads(key.jwk) for key in held] == [values(f)["jwk"] for f in (first, second)]
    lock = run("require-signed", second / key_commands.KEY_FILE).strip()
    gateway.administer("organisation.require_signed", HOTLINE, declaration=lock)
    unlock = run("allow-attested", first / key_commands.KEY_FILE).strip()
    change = Change("organisation.allow_attested", HOTLINE, {"declaration": unlock})
    gateway.do(make_change, change, gateway.approve(change))
    assert not gateway.organisation(HOTLINE).signed_only


@each("address", ["nonsense", "http://gateway.example.org", f"{ISSUER}/path"])
def test_what_is_no_address_of_a_gateway_gets_no_proof(tmp_path: Path, address: str) -> None:
    folder = tmp_path / "a"
    asked = ["key", "create", "--use", "signing", str(folder), "--organisation", "abc"]
    assert CliRunner().invoke(main, [*asked, "--gateway", address]).exit_code == 2
    assert not folder.exists()


def test_what_is_no_organisation_and_no_key_is_refused(tmp_path: Path) -> None:
    asked = ["key", "create", "--use", "signing", str(tmp_path / "a"), "--organisation", "A"]
    assert CliRunner().invoke(main, [*asked, "--gateway", ISSUER]).exit_code == 2
    (tmp_path / "x.pem").write_text("nothing")
    (tmp_path / "x.pem").chmod(0o600)
    result = CliRunner().invoke(main, ["key", "require-signed", str(tmp_path / "x.pem"), *WHOSE])
    assert result.exit_code == 1
    assert "no private key" in result.output
