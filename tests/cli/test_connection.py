"""How partner commands end when something goes wrong: one sentence, its own exit status."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway import files
from gateway.cli import main
from gateway.client.transport import PAUSES
from gateway.keys import generate_encryption_key
from gateway.ledger.note import Checkpoint, sign_checkpoint
from gateway.verification.trust import TrustAnchors
from tests.cli.desks import Desks
from tests.client import client_fixture as desk_module
from tests.client.client_fixture import Fault, MemberClient, answer, cut, passing
from tests.client.test_connection import written
from tests.ports import ORIGIN, note_signer


def failing(desks: Desks, monkeypatch: pytest.MonkeyPatch, *faults: Fault) -> None:
    """Let the next desk meet faults."""
    whole = MemberClient.__init__

    def begin(self: MemberClient, *args: object, **kwargs: object) -> None:
        whole(self, *args, **kwargs)  # type: ignore[arg-type]
        self.wire.faults = list(faults)

    monkeypatch.setattr(desk_module.MemberClient, "__init__", begin)


def test_no_answer_is_told_as_something_to_repeat(
    desks: Desks, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(desks, monkeypatch, *[cut] * (len(PAUSES) + 1))
    result = desks.run("case", "list")
    assert result.exit_code == 3
    assert result.stderr.startswith("Error: no answer from https://partners.example.org")
    assert "repeat the command" in result.stderr


def test_a_write_without_an_answer_is_told_as_something_to_resume(
    desks: Desks, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = str(desks.case_file())
    desks.changes["outbox"] = tmp_path / "spool"
    failing(desks, monkeypatch, *[cut] * (len(PAUSES) + 1))
    result = desks.run("case", "submit", file, "--by", "intake-1")
    (kept,) = (tmp_path / "spool").iterdir()
    assert result.exit_code == 3
    assert "casegate outbox resend sends it again; do not repeat it" in result.stderr
    assert f"case.submit /cases, key {kept.stem}" in result.stderr
    told = json.loads(desks.run("case", "submit", file, "--by", "intake-1", "--json").stdout)
    assert told["error"]["write"]["kept"] is True


def test_an_interrupted_write_is_no_refusal(
    desks: Desks, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def stop(request: object, response: object) -> None:
        raise KeyboardInterrupt

    desks.changes["outbox"] = tmp_path / "spool"
    failing(desks, monkeypatch, passing, stop)
    result = desks.run("case", "submit", str(desks.case_file()), "--by", "intake-1")
    assert result.exit_code == 3
    assert "do not repeat it" in result.stderr


def test_an_answer_of_something_else_is_no_answer(
    desks: Desks, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(desks, monkeypatch, passing, answer(302, Location="https://elsewhere.example/"))
    assert desks.run("case", "list").exit_code == 3


def test_a_refused_token_is_told_as_a_matter_of_the_connection(
    desks: Desks, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(desks, monkeypatch, answer(401))
    result = desks.run("case", "list")
    assert result.exit_code == 4
    assert "check that the certificate is in force" in result.stderr


def test_a_false_receipt_is_told_as_an_alarm(desks: Desks) -> None:
    key = note_signer("other.example/log").key
    desks.changes["trust"] = TrustAnchors((key,), (key.name,))
    result = desks.run("case", "submit", str(desks.case_file()), "--by", "intake-1")
    assert result.exit_code == 5
    assert "EVIDENCE DOES NOT VERIFY: the receipt does not verify" in result.stderr


def test_a_forked_log_is_told_with_both_checkpoints(desks: Desks, tmp_path: Path) -> None:
    state = tmp_path / "newest.checkpoint"
    note = sign_checkpoint(Checkpoint(ORIGIN, 1000, bytes(32)), note_signer())
    state.write_text(note)
    desks.changes["checkpoint_file"] = state
    submit = ("case", "submit", "--by", "intake-1")
    result = desks.run(*submit, str(desks.case_file()))
    assert result.exit_code == 5
    alarm = "EVIDENCE DOES NOT VERIFY: the log shows a smaller tree than before"
    assert alarm in result.stderr
    assert result.stderr.count(ORIGIN) >= 2
    told = json.loads(desks.run(*submit, str(desks.case_file()), "--json").stdout)
    assert told["error"]["kind"] == "log-forked", "an alarm stays"
    assert note in told["error"]["checkpoints"]
    state.with_name("newest.checkpoint.forked").rename(tmp_path / "cleared")
    state.unlink()
    assert desks.run(*submit, str(desks.case_file())).exit_code == 0


def test_the_connection_file_is_found_by_option_by_environment_or_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CASEGATE_CONNECTION", raising=False)
    runner = CliRunner()
    missing = runner.invoke(main, ["case", "list"])
    assert missing.exit_code == 4
    assert "connection.toml does not exist" in missing.stderr
    named = runner.invoke(main, ["case", "list", "-c", "mine.toml"])
    assert "mine.toml does not exist" in named.stderr
    (tmp_path / "desk").mkdir()
    in_folder = runner.invoke(main, ["case", "list", "-c", "desk"])
    assert f"{tmp_path}/desk/connection.toml does not exist" in in_folder.stderr
    by_environment = runner.invoke(main, ["case", "list"], env={"CASEGATE_CONNECTION": "env.toml"})
    assert "env.toml does not exist" in by_environment.stderr


def test_a_connection_without_its_key_is_told(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["case", "list", "-c", str(written(tmp_path))])
    assert result.exit_code == 4
    assert "key.pem does not exist" in result.stderr


def test_a_key_that_opens_seals_is_its_owners_alone(tmp_path: Path) -> None:
    file = written(tmp_path, encryption_keys="sealed-to-us")
    pem = tmp_path / "sealed-to-us" / "2026.pem"
    files.create(pem, generate_encryption_key().pem())
    pem.chmod(0o640)
    result = CliRunner().invoke(main, ["case", "list", "-c", str(file)])
    assert result.exit_code == 4
    assert "chmod 600" in result.stderr
    pem.chmod(0o600)
    result = CliRunner().invoke(main, ["case", "list", "-c", str(file)])
    assert "key.pem does not exist" in result.stderr


def test_no_command_of_partners_but_that_of_pages_needs_the_servers_packages() -> None:
    heavy = ("cedarpy", "flask", "sqlalchemy", "authlib", "marshmallow", "gunicorn", "alembic")
    program = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({(*heavy, 'psycopg')!r}))\n"
        "from gateway.cli import ANYONE, PARTNERS, SUBCOMMANDS\n"
        "for one in SUBCOMMANDS.values():\n"
        "    if one.audience in (ANYONE, PARTNERS) and one is not SUBCOMMANDS['desk']:\n"
        "        print(one.load().name)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert result.stderr == ""
    assert set(result.stdout.split()) >= {"case", "handoff", "system", "verify"}
