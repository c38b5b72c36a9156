"""The doctor finds what is wrong, says what to do, and changes nothing."""

import json
import os
import re
import shutil
import sqlite3
import subprocess
from collections import namedtuple
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway import doctor, maintenance, wiring
from gateway.cedar import policy_folder
from gateway.cli.backup import digest
from gateway.doctor import CHECKS, Finding, Level, run_checks
from gateway.domain import duty
from gateway.domain.duty import DutyKind
from gateway.domain.health import RUNBOOKS
from gateway.domain.notification import DeliveryWay, RefusedNotification
from gateway.domain.refusals import Busy, HighWaterMarkUnavailable
from gateway.kernel.ports import TransactionMode
from gateway.keys import KeyPurpose, generate_key, write_key
from gateway.store import migrations
from gateway.store.database import Server
from gateway.text import catalogue
from tests.operating import ISSUER, NEW, Operator, execute
from tests.postgresql import new_database
from tests.store.samples import case, handoff
from tests.time_stamping import certify, new_key, new_root
from tests.verification.logbook import witness

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def synchronised(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever this machine's clock is."""
    monkeypatch.setattr(doctor, "_is_unsynchronised", lambda: False)


def findings(gw: Operator, later: timedelta = timedelta()) -> list[Finding]:
    """What is found, each in words of both languages, but for what others say."""
    found = list(run_checks(gw.config, wiring.now() + later))
    for one in found:
        french = catalogue.finding(one.sentence, catalogue.FRENCH)
        assert french != one.sentence or UNTOLD.search(one.sentence), one.sentence
    return found


UNTOLD = re.compile("^(go on in|come again)")
"""What the tests say themselves."""


def of(found: list[Finding], check: str) -> list[Finding]:
    return [finding for finding in found if finding.check == check]


def the(found: list[Finding], check: str, level: Level) -> str:
    """The sentences of a check at a level, of which there must be one at least."""
    told = [finding.sentence for finding in of(found, check) if finding.level is level]
    assert told, found
    return "\n".join(told)


def sentences(gw: Operator, check: str, level: Level, later: timedelta = timedelta()) -> str:
    """The same of a check that runs alone."""
    (alone,) = (one for one in CHECKS if one.__name__ == check)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(doctor, "CHECKS", (alone,))
        return the(findings(gw, later), check, level)


def test_a_new_gateway_has_no_error(gw: Operator) -> None:
    result = gw.type("doctor", "--home", gw.folder)
    assert result.exit_code == 1, result.output
    lines = result.stdout.splitlines()
    assert {line.split()[0] for line in lines} == {"ok", "warning"}
    warned = [line.split()[1] for line in lines if line.startswith("warning")]
    people, copies = ["administrators:"] * 2, ["backups:", "backups:", "rehearsal:"]
    assert warned == ["permissions:", "issuing", *people, *copies, "log:"]


def add_bernard(gw: Operator, own: Path) -> None:
    """Take on a third administrator, whose key is made in a new folder."""
    gw.done("administrator", "create-key", own, "--person", "bernard", "--issuer", ISSUER)
    given = ("--jwk", own / "key.jwk", "--proof", own / "key.proof")
    gw.done("administrator", "add", "bernard", "--name", "C. Bernard", *given)


def test_a_gateway_in_good_order_gets_zero(gw: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(gw.config.offline)
    monkeypatch.setattr(doctor, "_listeners_run_as", lambda: {54321})
    monkeypatch.setattr(doctor, "_apart", lambda _: iter(()))  # the tests have one disk
    add_bernard(gw, gw.folder.parent / "own")
    shutil.rmtree(gw.config.people)
    for what in (*maintenance.BACKUPS, maintenance.REHEARSAL):
        maintenance.note_backup(gw.config, what)
    result = gw.type("doctor", "--home", gw.folder)
    assert result.exit_code == 0, result.output


def test_the_keys_of_enabled_administrators_on_the_host_are_a_warning(gw: Operator) -> None:
    add_bernard(gw, gw.folder.parent / "own")
    told = sentences(gw, "administrators", Level.WARNING)
    assert "keys of 2 enabled administrators are on this machine" in told
    assert f"{gw.config.people}/martin.pem" in told
    (gw.config.people / "martin.pem").unlink()
    assert "keys of 1 " in sentences(gw, "administrators", Level.WARNING)
    (gw.config.people / "dubois.pem").unlink()
    assert "two can disable a third" in sentences(gw, "administrators", Level.OK)


def test_a_backup_that_is_missing_or_old_is_a_warning(gw: Operator) -> None:
    assert "never" in sentences(gw, "backups", Level.WARNING)
    for what in maintenance.BACKUPS:
        maintenance.note_backup(gw.config, what)
    told = sentences(gw, "backups", Level.OK, DAY)
    assert "database" in told
    assert "case-keys" in told
    assert "run deploy/systemd/back-up daily" in sentences(gw, "backups", Level.WARNING, 3 * DAY)


def test_a_clock_that_the_system_calls_unsynchronised_is_a_warning(
    gw: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_is_unsynchronised", lambda: True)
    assert "run an NTP client" in sentences(gw, "clock", Level.WARNING)


def test_a_list_of_a_time_to_come_is_an_error(gw: Operator) -> None:
    assert "is to come" in sentences(gw, "certificates", Level.ERROR, -DAY)


def test_with_two_administrators_neither_can_be_disabled(gw: Operator, tmp_path: Path) -> None:
    assert "2 administrators" in sentences(gw, "administrators", Level.WARNING)
    add_bernard(gw, tmp_path / "own")
    assert "3 administrators" in sentences(gw, "administrators", Level.OK)
    gw.done("administrator", "disable", "bernard", "--reason", "left")
    assert "2 administrators" in sentences(gw, "administrators", Level.WARNING)


def test_a_log_hold_is_listed_and_its_missed_review_is_a_warning(gw: Operator) -> None:
    review = (wiring.now() + 10 * DAY).date().isoformat()
    gw.done("log-hold", "set", "--reference", "12/345", "--review-on", review)
    assert "log holds in force: 1;" in the(findings(gw), "log_holds", Level.OK)
    (hold,) = gw.told("log-hold", "list", persons=())["items"]
    assert (hold["reference"], hold["review_missed"]) == ("12/345", False)
    assert hold["log_hold"] in the(findings(gw, 12 * DAY), "log_holds", Level.WARNING)
    gw.done("log-hold", "end", hold["log_hold"], "--reason", "closed")
    assert "log holds in force: 0;" in the(findings(gw, 12 * DAY), "log_holds", Level.OK)


def test_an_authority_that_does_not_stamp_is_a_warning(gw: Operator) -> None:
    assert "authorities (0) and witnesses (0)" in sentences(gw, "confirmations", Level.OK)
    with (gw.folder / wiring.CONFIG_FILE).open("a") as file:
        file.write(
            '[[time_stamp_authority]]\nurl = "http://tsa.example/tsr"\nca_file = "tsa.pem"\n'
        )
    assert "no stamp of tsa.example" in sentences(gw, "confirmations", Level.WARNING)


def test_a_witness_that_does_not_cosign_is_a_warning(gw: Operator) -> None:
    with (gw.folder / "casegate.toml").open("a") as file:
        file.write(f'[[witness]]\nurl = "https://w.example/"\nkey = "{witness("w.example").key}"\n')
    assert "no cosignature of w.example" in sentences(gw, "confirmations", Level.WARNING)


def test_every_check_says_something(gw: Operator) -> None:
    assert {finding.check for finding in findings(gw)} == {check.__name__ for check in CHECKS}


@pytest.mark.parametrize(
    ("act", "check"),
    [
        ("UPDATE log_event SET document = document || ' ' WHERE idx = 0", "whole_log"),
        ("UPDATE log_head SET size = size + 1", "log"),
        ("UPDATE person SET enabled = 0", "registry"),
    ],
)
def test_what_was_done_behind_the_gateways_back_is_an_error(
    gw: Operator, act: str, check: str
) -> None:
    execute(gw.folder / "casegate.db", act)
    result = gw.type("doctor", "--home", gw.folder, "--json", "--log")
    assert result.exit_code == 2
    said = json.loads(result.stdout)["findings"]
    assert check in {one["check"] for one in said if one["level"] == "error"}


def test_machines_get_json_and_the_worst(gw: Operator) -> None:
    (gw.folder / "high-water-mark").unlink()
    result = gw.type("doctor", "--home", gw.folder, "--json")
    assert result.exit_code == 2
    said = json.loads(result.stdout)
    assert said["worst"] == "error"
    told = {"check", "level", "sentence", "at", "runbook"}
    assert [one.keys() for one in said["findings"]] == [told] * len(said["findings"])
    (frozen,) = (
        one for one in said["findings"] if one["level"] == "error" and one["check"] == "log"
    )
    assert frozen["runbook"] == "docs/operators.md#the-log-is-frozen"


def test_settings_that_cannot_be_read_are_an_error(gw: Operator) -> None:
    gw.set("limits", "max_body_bytes", "1")
    result = gw.type("doctor", "--home", gw.folder)
    assert result.exit_code == 2
    assert "[limits] max_body_bytes" in result.stdout


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


def test_a_simulated_date_is_a_warning(gw: Operator) -> None:
    gw.set("demo", "simulated_reference_date", "2023-10-31")
    assert "simulated" in sentences(gw, "settings", Level.WARNING)


@pytest.mark.parametrize(
    ("known", "words"),
    [(["earlier"], "newer version"), ([*migrations.REVISIONS, "later"], "older than this version")],
)
def test_tables_of_another_version_are_a_warning(
    gw: Operator, monkeypatch: pytest.MonkeyPatch, known: list[str], words: str
) -> None:
    monkeypatch.setattr(migrations, "REVISIONS", known)
    assert words in sentences(gw, "schema", Level.WARNING)


def test_another_key_than_the_one_that_signed_is_an_error(gw: Operator) -> None:
    (gw.config.keys / "log/current.pem").unlink()
    write_key(gw.config.keys / "log/current.pem", generate_key(KeyPurpose.LOG))
    assert "log key" in sentences(gw, "log", Level.ERROR)


@pytest.mark.parametrize(
    ("users", "level", "words"),
    [
        (set(), Level.WARNING, "would run as"),
        ({os.geteuid()}, Level.WARNING, "listeners run as"),
        ({0}, Level.WARNING, "listeners run as"),
        ({54321}, Level.OK, "listeners run as another user"),
    ],
)
def test_who_can_read_the_issuing_key_is_told(
    gw: Operator, monkeypatch: pytest.MonkeyPatch, users: set[int], level: Level, words: str
) -> None:
    monkeypatch.setattr(doctor, "_listeners_run_as", lambda: users)
    assert words in sentences(gw, "issuing_key", level)


def test_a_step_that_is_due_in_a_change_of_authorities_is_told(
    gw: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "reminder", lambda folder, now: [f"go on in {folder}"])
    told = sentences(gw, "issuing_key", Level.WARNING)
    assert f"go on in {gw.config.issuing}" in told


@pytest.mark.parametrize(
    ("later", "level", "words"),
    [
        (timedelta(0), Level.OK, "are in force"),
        (timedelta(hours=30), Level.WARNING, "revocation list"),
        (timedelta(hours=49), Level.ERROR, "its clients are refused"),
        (26 * DAY, Level.WARNING, "public.pem ends"),
        (31 * DAY, Level.ERROR, "partners.pem ended"),
    ],
)
def test_what_ends_is_told_in_time(
    gw: Operator, later: timedelta, level: Level, words: str
) -> None:
    assert words in sentences(gw, "certificates", level, later)


def test_what_waits_for_administrators_is_counted(gw: Operator) -> None:
    assert "nothing waits" in the(findings(gw), "waiting", Level.OK)
    admission = ("--name", "OFMIN", "--kind", "police_office", "--country", "FR")
    led = ("--public-authority", "--regime", "led")
    gw.done("organisation", "admit", "ofmin", *admission, *led, persons=("martin",))
    told = the(findings(gw), "waiting", Level.OK)
    assert "1 proposals and 0 organisations" in told
    assert "casegate admin waiting" in told


def test_duties_that_are_overdue_are_a_warning(gw: Operator) -> None:
    assert "no duty" in sentences(gw, "due", Level.OK)
    file, version = case()
    offered, offer = handoff(file, due_at=None)
    with gw.opened() as gateway, gateway.ports.begin(TransactionMode.WRITE) as work:
        now = gateway.ports.now()
        owed = duty.begin(offered, DutyKind.ANSWER, gateway.ports.new_id(), now, now + DAY)
        work.cases.add(file, version)
        work.handoffs.add(offered, offer)
        work.duties.add(owed)
        work.commit()
    assert "no duty" in sentences(gw, "due", Level.OK)
    assert "duties of members overdue: 1" in sentences(gw, "due", Level.WARNING, 2 * DAY)


def test_receivers_that_fail_and_what_they_refused_are_told(gw: Operator) -> None:
    with gw.opened() as gateway, gateway.ports.begin(TransactionMode.WRITE) as work:
        cursor = work.notifications.cursor("ofmin", DeliveryWay.NOTIFICATION)
        work.notifications.save(replace(cursor, failures=3))
        work.notifications.refuse(
            RefusedNotification("ofmin", gateway.ports.new_id(), 1, "x", "y", gateway.ports.now())
        )
        work.commit()
    told = sentences(gw, "notifications", Level.WARNING)
    assert "ofmin (0)" in told
    assert "ofmin (1)" in told


def test_a_missing_database_is_an_error_and_is_not_made(gw: Operator) -> None:
    (gw.folder / "casegate.db").unlink()
    assert "is missing" in sentences(gw, "database", Level.ERROR)
    assert not (gw.folder / "casegate.db").exists()


def test_keys_of_cases_that_the_service_s_group_may_read_are_well_and_everybody_s_are_not(
    gw: Operator,
) -> None:
    file = gw.config.keys_file
    file.chmod(0o660)
    assert not [one for one in findings(gw) if "can open" in one.sentence]
    file.chmod(0o664)
    (found,) = [one for one in findings(gw) if "can open" in one.sentence]
    assert found.level is Level.ERROR
    assert f"chmod o= {file}" in found.sentence


@pytest.mark.parametrize("error", [sqlite3.DatabaseError("malformed"), Busy("come again")])
def test_a_database_that_fails_keeps_no_other_check(
    gw: Operator, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def broken(*_: object) -> object:
        raise error

    monkeypatch.setattr(doctor, "newest_document", broken)
    found = findings(gw)
    assert the(found, "clock", Level.ERROR)
    assert {one.check for one in found} == {check.__name__ for check in CHECKS}


def test_a_certificate_that_was_cut_off_is_a_finding_like_others(gw: Operator) -> None:
    whole = next(gw.config.published.glob("*.pem")).read_bytes()
    (gw.config.server / "public.pem").write_bytes(whole[:200])
    cut = [one for one in findings(gw) if "wrong content" in one.sentence]
    assert [one.level for one in cut] == [Level.ERROR] * len(cut)
    assert cut


@pytest.mark.parametrize(
    ("kind", "level"), [("nfs4", Level.ERROR), ("tmpfs", Level.WARNING), ("ext4", Level.OK)]
)
def test_where_the_database_is_matters(
    gw: Operator, monkeypatch: pytest.MonkeyPatch, kind: str, level: Level
) -> None:
    monkeypatch.setattr(doctor, "_file_system", lambda file: kind)
    assert kind in sentences(gw, "database", level)


def test_a_database_without_a_gateway_is_an_error(gw: Operator) -> None:
    (gw.folder / "casegate.db").unlink()
    sqlite3.connect(gw.folder / "casegate.db").close()
    found = findings(gw)
    assert "holds no gateway" in the(found, "schema", Level.ERROR)
    assert the(found, "database", Level.ERROR)
    assert the(found, "log", Level.ERROR)


def test_a_clock_behind_the_newest_event_is_an_error(gw: Operator) -> None:
    assert "behind the newest event" in sentences(gw, "clock", Level.ERROR, -2 * DAY)
    assert sentences(gw, "clock", Level.OK)


def test_a_log_that_does_not_continue_what_was_signed_is_an_error(gw: Operator) -> None:
    before = (gw.folder / "casegate.db").read_bytes()
    admitted = ("organisation", "admit", "abc", "--name", "M", "--kind", "hotline")
    gw.done(*admitted, "--country", "FR")
    assert f"({NEW + 1} of {NEW + 1})" in sentences(gw, "log", Level.OK)
    (gw.folder / "casegate.db").write_bytes(before)
    assert "log frozen" in sentences(gw, "log", Level.ERROR)


def test_a_lost_mark_is_an_error_and_is_not_made(gw: Operator) -> None:
    gw.lose_mark()
    assert "mark is missing" in sentences(gw, "log", Level.ERROR)
    assert not list(gw.folder.glob("high-water-mark*"))


def test_a_mark_that_does_not_answer_is_an_error(
    gw: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: object) -> None:
        raise HighWaterMarkUnavailable("the log's high-water mark cannot be read")

    monkeypatch.setattr(wiring, "read_mark", away)
    assert "see [high_water_mark] url" in sentences(gw, "log", Level.ERROR)


Usage = namedtuple("Usage", "total used free")


@pytest.mark.parametrize(
    ("free", "level"),
    [(10 * 1024**3, Level.OK), (1024**3, Level.WARNING), (1024**2, Level.ERROR)],
)
def test_little_room_is_told(
    gw: Operator, monkeypatch: pytest.MonkeyPatch, free: int, level: Level
) -> None:
    usage = SimpleNamespace(disk_usage=lambda folder: Usage(free, 0, free))
    monkeypatch.setattr(doctor, "shutil", usage)
    assert "free at" in sentences(gw, "disk", level)


@pytest.mark.parametrize("problems", [(), ("R1 has no case",)])
def test_policies_are_tried_again_unless_maintenance_found_these_whole(
    gw: Operator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, problems: tuple[str, ...]
) -> None:
    folder = shutil.copytree(policy_folder(), tmp_path / "policies")
    tried = list[str]()

    def check(_: Path, digest: str) -> SimpleNamespace:
        tried.append(digest)
        return SimpleNamespace(problems=problems, policies=7, cases=9)

    monkeypatch.setattr(maintenance, "policy_folder", lambda: folder)
    monkeypatch.setattr(maintenance, "check_once", check)
    (gw.folder / maintenance.PROVED).unlink(missing_ok=True)
    with closing(wiring.connect(gw.config)) as gateway:
        upkeep = maintenance.Maintenance(gateway, wiring.IssuingAuthority(gw.config))
        maintenance.compare_registry(upkeep, wiring.now())
    told = "R1 has no case" if problems else "7 rules hold in 9 cases"
    level = Level.ERROR if problems else Level.OK
    assert told in sentences(gw, "policies", level)
    assert len(tried) == (2 if problems else 1)
    tried.clear()
    list(run_checks(gw.config, wiring.now(), tell=lambda done, of: None))
    (folder / "tests/more.json").write_text("[]")
    assert told in sentences(gw, "policies", level)
    monkeypatch.setattr("gateway.cedar.version", lambda name: "another")
    assert told in sentences(gw, "policies", level)
    assert len(set(tried)) == len(tried) == 3


def test_a_check_that_fails_is_a_finding_and_the_others_go_on(
    gw: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied", "/somewhere")

    monkeypatch.setattr(maintenance, "policy_digest", denied)
    found = findings(gw)
    assert "/somewhere: Permission denied" in the(found, "policies", Level.ERROR)
    assert the(found, "log", Level.OK)


def test_the_mounts_tell_on_which_file_system_a_file_is(tmp_path: Path) -> None:
    assert doctor._file_system(tmp_path / "file") not in ("", None)


@pytest.mark.slow
def test_a_gateway_on_postgresql_is_looked_over_too(tmp_path: Path) -> None:
    from gateway.cli.gateway_setup import make  # noqa: PLC0415 - this test alone founds one
    from tests.operating import PASSPHRASE, PERSONS, settings  # noqa: PLC0415, execute

    gw = Operator(tmp_path / "gw")
    text = settings(database_url=new_database(), mark_url=new_database())
    make(gw.folder, text, PERSONS, PASSPHRASE)
    found = findings(gw)
    assert not [finding for finding in found if finding.level is Level.ERROR]
    assert "PostgreSQL" in the(found, "database", Level.OK)
    assert the(found, "clock", Level.OK)
    assert f"({NEW} of {NEW})" in the(found, "log", Level.OK)
    assert "GiB on a disk that only its own host sees" in the(found, "servers", Level.OK)
    assert "on one server" in the(found, "servers", Level.WARNING)
    assert "may delete events" in the(found, "servers", Level.WARNING)
    apart = findings(gw, timedelta(seconds=10))
    assert "keep both by NTP" in the(apart, "clock", Level.WARNING)


@pytest.mark.parametrize(
    ("encrypted", "query", "level"),
    [
        (False, "", Level.ERROR),
        (True, "?sslmode=require", Level.ERROR),
        (True, "?sslmode=verify-full", Level.OK),
    ],
)
def test_the_way_to_a_server_on_another_host_must_be_by_tls_to_that_very_server(
    gw: Operator, monkeypatch: pytest.MonkeyPatch, encrypted: bool, query: str, level: Level
) -> None:
    seen = Server("7", encrypted=encrypted, local=False, role="casegate", size=0, deletes=False)
    monkeypatch.setattr(doctor, "look_at", lambda url: seen)
    config = replace(gw.config, database_url=f"postgresql+psycopg://casegate@db/casegate{query}")
    assert [found for found, _ in doctor.servers(config, wiring.now())] == [level]


def console_of(gw: Operator, host: str, days: int) -> str:
    """A gateway with a console whose certificate is for a host; where its key is, as TOML."""
    root, key, own = new_root(), new_key(), wiring.now() - DAY
    names = (x509.SubjectAlternativeName([x509.DNSName(host)]), False)
    certificate = certify(
        host, key, root.certificate.subject, root.key, names, since=own, days=days
    )
    pem = b"".join(one.public_bytes(Encoding.PEM) for one in (certificate, root.certificate))
    (gw.folder / "console.pem").write_bytes(pem)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (gw.folder / "console.key").write_bytes(private)
    gw.set("console", "url", '"https://console.example"')
    gw.set("console", "certificate", '"console.pem"')
    gw.set("console", "key", '"console.key"')
    return "console.key"


def test_a_console_s_certificate_is_for_its_host_and_in_force(gw: Operator) -> None:
    assert "there is no console" in sentences(gw, "console", Level.OK)
    console_of(gw, "console.example", 90)
    assert "in force" in sentences(gw, "console", Level.OK)
    assert "ends on" in sentences(gw, "console", Level.WARNING, 85 * DAY)
    assert "ends on" in sentences(gw, "console", Level.ERROR, 91 * DAY)
    console_of(gw, "*.example", 90)
    assert "in force" in sentences(gw, "console", Level.OK)
    console_of(gw, "gateway.example", 90)
    assert "browsers refuse it" in sentences(gw, "console", Level.ERROR)


def test_a_console_s_certificate_without_its_key_or_its_chain_is_a_finding(gw: Operator) -> None:
    key = gw.folder / console_of(gw, "console.example", 90)
    (gw.folder / "console.pem").write_bytes(
        (gw.folder / "console.pem").read_bytes().partition(b"-----END CERTIFICATE-----\n")[0]
        + b"-----END CERTIFICATE-----\n"
    )
    assert "issuing certificate" in sentences(gw, "console", Level.WARNING)
    key.write_bytes(b"none")
    assert "certificate or its key" in sentences(gw, "console", Level.ERROR)


# --- What maintenance keeps of it ---


def kept(gw: Operator, later: timedelta = timedelta()) -> list[Finding]:
    """What is kept after maintenance looked once more, at a later time."""
    with closing(wiring.connect(gw.config)) as gateway:
        upkeep = maintenance.Maintenance(gateway, wiring.IssuingAuthority(gw.config))
        doctor.keep_findings(upkeep, wiring.now() + later)
        with gateway.store.begin(TransactionMode.READ) as work:
            (report,) = work.health.reports()
    return [*report.found()]


def test_maintenance_keeps_what_is_found_without_the_long_comparisons(
    gw: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_listeners_run_as", set)
    found = kept(gw)
    assert {one.__name__ for one in CHECKS} - {one.check for one in found} == {
        "registry",
        "handoffs",
        "issuing_key",
    }
    assert all(one.at for one in found)
    assert {one.check for one in found} <= RUNBOOKS.keys() == catalogue._tables()["checks"].keys()


def test_what_takes_longer_is_looked_at_each_hour(gw: Operator) -> None:
    first, soon, late = (
        {one.check: one.at for one in kept(gw, timedelta(minutes=at))} for at in (0, 5, 65)
    )
    assert first["disk"] != soon["disk"]
    assert first["policies"] == soon["policies"] != late["policies"]


def test_what_maintenance_compares_and_cannot_do_is_kept_with_its_time(gw: Operator) -> None:
    with closing(wiring.connect(gw.config)) as gateway:
        upkeep = maintenance.Maintenance(gateway, wiring.IssuingAuthority(gw.config))
        begun = wiring.now()
        upkeep.ended = {"registry": begun, "integrity": begun, "requests": begun}
        upkeep._alarms = {
            "integrity": ("the stored log is damaged: entry 7",),
            "requests": ("certificate requests are not served: busy",),
        }
        doctor.keep_findings(upkeep, begun + timedelta(minutes=5))
        again = maintenance.Maintenance(gateway, wiring.IssuingAuthority(gw.config))
        doctor.keep_findings(again, begun + timedelta(minutes=10))
        with gateway.store.begin(TransactionMode.READ) as work:
            (report,) = work.health.reports()
    told = {one.check: (one.level, one.at) for one in report.found()}
    assert told["whole_log"] == (Level.ERROR, begun.isoformat())
    assert told["registry"] == (Level.OK, begun.isoformat())
    assert "maintenance" not in told


def test_each_task_of_maintenance_says_in_both_languages_what_is_not_done() -> None:
    for task in maintenance.TIMETABLE:
        told = f"{task.failing}: why"
        assert catalogue.finding(told, catalogue.FRENCH) != told, told


def test_a_rehearsal_is_asked_for_and_noted(gw: Operator, tmp_path: Path) -> None:
    assert "ever rehearsed" in sentences(gw, "rehearsal", Level.WARNING)
    gw.type("backup", "--home", gw.folder, tmp_path / "copy")
    result = gw.type("backup", "--home", gw.folder, tmp_path / "copy", "--rehearsed")
    assert result.exit_code == 0, result.output
    assert "was rehearsed last" in sentences(gw, "rehearsal", Level.OK, 199 * DAY)
    assert "twice a year" in sentences(gw, "rehearsal", Level.WARNING, 201 * DAY)
