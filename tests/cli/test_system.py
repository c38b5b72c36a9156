"""`casegate system`: a key that never leaves, a check that says what to do, writes resumed."""

import json
import tomllib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives import serialization

from gateway import files
from gateway.cli import main, system
from gateway.client import GatewayUnavailable, PartnerConnection
from gateway.client.transport import PAUSES
from gateway.kernel.authentication import read_keys
from gateway.keys import KeyPurpose, load_key
from gateway.pki.authority import issue_client
from tests.casework import case_content
from tests.cli.desks import Desks
from tests.cli.test_connection import failing
from tests.client.client_fixture import MemberClient, answer, cut, lose_answer, passing
from tests.client.conftest import authorities, real_now


def test_a_key_to_authenticate_by_stays_and_its_public_half_is_one_to_register(
    tmp_path: Path,
) -> None:
    result = CliRunner().invoke(main, ["system", "create-key", str(tmp_path / "next")])
    assert result.exit_code == 0, result.output
    private, public = tmp_path / "next" / "client.pem", tmp_path / "next" / "client.jwk"
    assert private.stat().st_mode & 0o777 == 0o600
    (kept,) = read_keys([json.loads(public.read_text())])
    assert '"d"' not in kept
    assert load_key(private, KeyPurpose.CLIENT).kid == json.loads(kept)["kid"]
    again = CliRunner().invoke(main, ["system", "create-key", str(tmp_path / "next")])
    assert again.exit_code == 1
    assert " exists. " in again.stderr


def test_a_key_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    below = ["system", "create-key", str(tmp_path / "file" / "x")]
    result = CliRunner().invoke(main, below)
    assert (result.exit_code, "cannot be made" in result.stderr) == (1, True)


@pytest.fixture
def checked(desks: Desks, tls_files: Path) -> Desks:
    """Desks whose connection has a real certificate file."""
    desks.changes["certificate"] = tls_files / "certificate.pem"
    return desks


def test_a_check_tells_who_is_connected_and_until_when(checked: Desks) -> None:
    output = checked.done("system", "check")
    assert "Connected to https://partners.example.org" in output
    assert "point-de-contact (Point de Contact)" in output
    assert "cases.write" in output
    assert "Warning" not in output
    told = checked.told("system", "check")
    assert told["warnings"] == []
    assert told["waiting"] == 0


def test_a_check_warns_of_what_needs_attention(
    checked: Desks, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    checked.changes["outbox"] = tmp_path / "spool"
    desk = MemberClient(checked.stage, outbox=tmp_path / "spool")
    desk.wire.faults = [cut] * (len(PAUSES) + 1)
    with pytest.raises(GatewayUnavailable):
        desk.submit(case_content(checked.stage.gateway.new_id()), "intake-1")
    monkeypatch.setattr(system, "now", lambda: real_now() + timedelta(days=21))
    monkeypatch.setattr(MemberClient, "greet", lambda self: -73.0)
    checked.stage.gateway.day = real_now().date()
    output = checked.done("system", "check")
    assert "differ by 73 s" in output
    assert "the certificate ends soon" in output
    assert "1 writes wait" in output
    assert "set for a demonstration" in output


def test_a_certificate_file_without_one_is_told(checked: Desks, tls_files: Path) -> None:
    (tls_files / "certificate.pem").write_text("rubbish")
    result = checked.run("system", "check")
    assert result.exit_code == 4
    assert "certificate in PEM" in result.stderr


@pytest.fixture
def renewable(
    desks: Desks, tls_files: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Path]:
    """Makes a connection file whose system can renew, at a gateway that issues at once."""
    desks.changes.update(
        certificate=tls_files / "certificate.pem",
        key=tls_files / "key.pem",
        ca=tls_files / "ca.pem",
    )

    def issue(connection: PartnerConnection, csr: bytes, now: object, sleep: object) -> bytes:
        made = issue_client(
            authorities().issuing,
            csr,
            gateway="example",
            organisation="point-de-contact",
            system="desk",
            crl_url="https://gateway.example.org/crl/x.crl",
            now=real_now(),
        )
        return made.public_bytes(serialization.Encoding.PEM)

    monkeypatch.setattr(system.enrolment, "renewed", issue)

    def write(text: str) -> Path:
        file = tls_files / "connection.toml"
        file.write_text(text)
        return file

    return write


def test_a_renewal_names_the_new_files_however_the_old_ones_were_written(
    desks: Desks, renewable: Callable[..., Path]
) -> None:
    file = renewable("certificate=\"certificate.pem\"\n  key = 'key.pem' # ours\n")
    output = desks.done("system", "renew", "-c", str(file))
    assert "names the new files" in output
    told = tomllib.loads(file.read_text())
    names = (told["certificate"], told["key"])
    assert "certificate.pem" not in names
    assert all((file.parent / name).exists() for name in names)
    assert not (file.parent / "renewal.pem").exists()


def test_a_renewal_that_could_not_be_named_is_not_begun(
    desks: Desks, renewable: Callable[..., Path]
) -> None:
    """A weekly job must fail long before the certificate ends."""
    file = renewable('certificate = "certificate.pem"\nkey = """\\\nkey.pem"""\n')
    before = sorted(one.name for one in file.parent.iterdir())
    result = desks.run("system", "renew", "-c", str(file))
    assert result.exit_code == 4
    assert "key does not stand on one line" in result.stderr or "cannot be changed" in result.stderr
    assert sorted(one.name for one in file.parent.iterdir()) == before


def test_a_connection_file_that_cannot_be_written_names_the_new_files(
    desks: Desks, renewable: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = renewable('certificate = "certificate.pem"\nkey = "key.pem"\n')
    whole = files.replace

    def full(path: Path, data: bytes, mode: int = 0o600) -> None:
        if path == file:
            raise OSError(28, "No space left on device")
        whole(path, data, mode)

    monkeypatch.setattr(files, "replace", full)
    result = desks.run("system", "renew", "-c", str(file))
    assert result.exit_code == 4
    for made in ("certificate-*.pem", "key-*.pem"):
        (one,) = file.parent.glob(made)
        assert str(one) in result.stderr


GONE = [cut] * (len(PAUSES) + 1)


def left(desks: Desks, spool: Path, *asks: Callable[[MemberClient], object]) -> list[str]:
    """Ask for writes that are not answered; their keys."""
    desks.changes["outbox"] = spool
    for ask in asks:
        desk = MemberClient(desks.stage, outbox=spool)
        desk.wire.faults = [passing, *GONE]
        with pytest.raises(GatewayUnavailable):
            ask(desk)
    return sorted(file.stem for file in spool.iterdir())


def test_what_was_never_answered_is_resumed(desks: Desks, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    desks.changes["outbox"] = spool
    assert desks.done("outbox", "resend") == "Nothing waited.\n"
    new_id = desks.stage.gateway.new_id
    desk = MemberClient(desks.stage, outbox=spool)
    desk.wire.faults = [passing, lose_answer, *[cut] * len(PAUSES)]
    with pytest.raises(GatewayUnavailable):
        desk.submit(case_content(new_id()), "intake-1")
    left(desks, spool, lambda desk: desk.submit(case_content(new_id()), "intake-1"))
    keys = [file.stem for file in sorted(spool.iterdir())]
    output = desks.done("outbox", "resend")
    for key in keys:
        assert f"case.submit /cases, key {key}: done, event" in output
    assert output.endswith("Nothing waits any more.\n")
    told = desks.told("outbox", "resend")
    assert told == {"set_aside": [], "resent": []}


def test_what_is_refused_when_resumed_is_named_and_no_success(desks: Desks, tmp_path: Path) -> None:
    handoff = desks.stage.gateway.new_id()
    ask = lambda desk: desk.answer("decline", handoff, "officer-1", reason="no capacity")  # noqa: E731
    (key,) = left(desks, tmp_path / "spool", ask)
    result = desks.run("outbox", "resend")
    assert result.exit_code == 1
    named = f"handoff.decline /handoffs/{handoff}/decline, key {key}"
    assert f"{named}: refused: Not found, or not visible to you" in result.stdout
    assert "receipt verified" in result.stdout
    left(desks, tmp_path / "spool", ask)
    result = desks.run("outbox", "resend", "--json")
    assert result.exit_code == 1
    (resent,) = json.loads(result.stdout)["resent"]
    assert resent["path"] == f"/handoffs/{handoff}/decline"
    assert resent["error"]["kind"] == "not-found"
    assert resent["event"] is None


def test_what_was_not_heard_when_resumed_is_kept_and_said_to_be(
    desks: Desks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool, new_id = tmp_path / "spool", desks.stage.gateway.new_id
    left(desks, spool, lambda desk: desk.submit(case_content(new_id()), "intake-1"))
    keys = left(desks, spool, lambda desk: desk.submit(case_content(new_id()), "intake-1"))
    with monkeypatch.context() as busy:
        failing(desks, busy, passing, answer(429))
        result = desks.run("outbox", "resend", "--json")
    told = json.loads(result.stdout)
    assert (result.exit_code, told["resent"]) == (1, [])
    assert (told["error"]["status"], told["error"]["write"]["kept"]) == (429, True)
    assert told["error"]["write"]["key"] == keys[0]
    assert [file.stem for file in sorted(spool.iterdir())] == keys
    assert desks.done("outbox", "resend").count(": done, event") == 2


def test_an_offer_that_is_resumed_is_named_by_its_handoff(desks: Desks, tmp_path: Path) -> None:
    case = UUID(desks.submitted())
    (key,) = left(
        desks,
        tmp_path / "spool",
        lambda desk: desk.offer(
            case, "x1", purpose=["identify_victim"], competence="csam/FR", groups=["items"]
        ),
    )
    (file,) = (tmp_path / "spool").iterdir()
    handoff = json.loads(file.read_text())["handoff"]
    output = desks.done("outbox", "resend")
    assert f"handoff.offer /cases/{case}/handoffs, handoff {handoff}, key {key}: done" in output


@pytest.fixture
def stuck(desks: Desks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Desks, list[str]]:
    """Three writes that wait; the second has no answer that its evidence confirms."""
    new_id = desks.stage.gateway.new_id
    submit = lambda desk: desk.submit(case_content(new_id()), "intake-1")  # noqa: E731
    keys = left(desks, tmp_path / "spool", submit, submit, submit)
    begin = MemberClient.__init__

    def tampered(self: MemberClient, *args: Any, **kwargs: Any) -> None:
        begin(self, *args, **kwargs)

        def unproved(request: httpx.Request, members: dict[str, Any]) -> None:
            asked = json.loads(request.content)["requests"]
            for one, answered in zip(asked, members["results"], strict=True):
                answered.update({"receipt": {}} if one["key"] == keys[1] else {})

        self.wire.tamper = unproved

    monkeypatch.setattr(MemberClient, "__init__", tampered)
    return desks, keys


def test_what_was_resumed_is_told_with_the_error_that_ended_it(
    stuck: tuple[Desks, list[str]],
) -> None:
    desks, keys = stuck
    result = desks.run("outbox", "resend")
    assert result.exit_code == 5
    assert f"key {keys[0]}: done" in result.stdout
    assert "EVIDENCE DOES NOT VERIFY" in result.stderr
    assert f"case.submit /cases, key {keys[1]}" in result.stderr
    result = desks.run("outbox", "resend", "--json")
    told = json.loads(result.stdout)
    assert (result.exit_code, told["resent"]) == (5, [])
    assert told["error"]["write"]["key"] == keys[1]


def test_a_write_that_is_never_confirmed_is_set_aside_and_blocks_nothing(
    stuck: tuple[Desks, list[str]], tmp_path: Path
) -> None:
    desks, keys = stuck
    assert desks.run("outbox", "resend", "--set-aside", "no-such-key").exit_code == 2
    half = desks.run(
        "outbox", "resend", "--set-aside", keys[1], "--set-aside", "no-such-key", "--json"
    )
    told = json.loads(half.stdout)
    assert (half.exit_code, told["error"]["kind"]) == (2, "usage-error")
    assert [one["key"] for one in told["set_aside"]] == [keys[1]]
    told = desks.told("outbox", "resend")
    assert [one["key"] for one in told["resent"]] == [keys[0], keys[2]]
    assert [file.name for file in (tmp_path / "spool").iterdir()] == [f"{keys[1]}.set-aside"]
    assert desks.done("outbox", "resend") == "Nothing waited.\n"
