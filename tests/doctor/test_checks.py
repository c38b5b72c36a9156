"""Every check says something, changes nothing, and keeps no other when it fails."""

import sqlite3
import subprocess

import pytest

from gateway.cli.backup import digest
from gateway.doctor import host
from gateway.doctor.checks import CHECKS
from gateway.domain.health import Level
from gateway.domain.refusals import Busy
from gateway.maintenance import comparison
from tests.doctor.finding import findings, sentences, the
from tests.operating import Operator


def test_every_check_says_something(gw: Operator) -> None:
    assert {finding.check for finding in findings(gw)} == {check.__name__ for check in CHECKS}


def test_nothing_is_changed(gw: Operator) -> None:
    def content() -> dict[str, str]:
        files = [path for path in gw.folder.rglob("*") if path.is_file()]
        kept = [path for path in files if not path.name.endswith(("-wal", "-shm"))]
        return {str(path): digest(path) for path in kept}

    before = content()
    findings(gw)
    assert content() == before


def test_a_gateway_may_run_meanwhile(gw: Operator) -> None:
    with gw.opened():
        assert not [finding for finding in findings(gw) if finding.level is Level.ERROR]


@pytest.mark.parametrize(
    ("done", "check", "level", "words"),
    [
        ("true", "permissions", Level.WARNING, "offline"),
        ("rm -r offline", "permissions", Level.OK, "only by their owner"),
        ("chmod 750 .", "permissions", Level.ERROR, "chmod 700"),
        ("chmod 750 keys", "permissions", Level.ERROR, "chmod 700"),
        ("chmod 750 issuing", "permissions", Level.ERROR, "chmod 700"),
        ("chmod 750 people", "permissions", Level.ERROR, "chmod 700"),
        ("chmod 750 server", "permissions", Level.ERROR, "chmod 700"),
        ("rm keys/attest/current.pem", "signing_keys", Level.ERROR, "attest/current.pem"),
        ("echo short >keys/fingerprint.secret", "signing_keys", Level.ERROR, "no secret"),
        ("chmod 640 issuing/*.key", "issuing_key", Level.ERROR, "chmod 600"),
        ("rm -r issuing", "issuing_key", Level.OK, "only maintenance needs it"),
        ("rm published/ca-chain.pem", "certificates", Level.ERROR, "every client is refused"),
        ("rm server/partners.pem", "certificates", Level.WARNING, "partners.pem is missing"),
        ("chmod 644 casegate.db", "database", Level.ERROR, "chmod o="),
        ("true", "log", Level.WARNING, "goes unnoticed"),
    ],
)
def test_what_was_done_in_the_folder_is_told_by_its_check(
    gw: Operator, done: str, check: str, level: Level, words: str
) -> None:
    subprocess.run(["sh", "-c", done], cwd=gw.folder, check=True)
    assert words in sentences(gw, check, level)


@pytest.mark.parametrize("error", [sqlite3.DatabaseError("malformed"), Busy("come again")])
def test_a_database_that_fails_keeps_no_other_check(
    gw: Operator, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def broken(*_: object) -> object:
        raise error

    monkeypatch.setattr(host, "newest_document", broken)
    found = findings(gw)
    assert the(found, "clock", Level.ERROR)
    assert {one.check for one in found} == {check.__name__ for check in CHECKS}


def test_a_check_that_fails_is_a_finding_and_the_others_go_on(
    gw: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied", "/somewhere")

    monkeypatch.setattr(comparison, "policy_digest", denied)
    found = findings(gw)
    assert "/somewhere: Permission denied" in the(found, "policies", Level.ERROR)
    assert the(found, "log", Level.OK)
