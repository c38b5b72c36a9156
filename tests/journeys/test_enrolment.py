"""From an invitation to a connection that works, over real TLS; replayed, interrupted, renewed."""

import json
import os
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from gateway import wiring
from gateway.cli.demo.environment import ADMINS, DemoEnvironment
from gateway.client.connection import PartnerConnection
from gateway.domain.organisation import SCOPES
from tests.journeys.harness import HOTLINE, OCRVP, OFMIN, admin, casegate, check_log

pytestmark = [pytest.mark.journey, pytest.mark.xdist_group("gateway")]


@pytest.fixture
def invitation(stage: DemoEnvironment, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """An invitation of a new system of the hotline's."""
    name = f"desk-{os.urandom(3).hex()}"
    stage.administer("system.register", HOTLINE, {"system": name, "scopes": sorted(SCOPES)})
    admin(stage, "invitation", "create", HOTLINE, name, "--out", tmp_path / "invitation.json")
    yield name, tmp_path / "invitation.json"


def enrol(file: Path, folder: Path, *more: str, status: int = 0) -> Any:
    said = json.loads(file.read_text())["root_sha256"]
    return casegate("enrol", file, "--out", folder, "--root-sha256", said, *more, status=status)


def enrolled(file: Path, folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = enrol(file, folder, "--no-document-key", "--json")
    return found


def test_an_invitation_becomes_a_connection_in_one_command(
    stage: DemoEnvironment, invitation: tuple[str, Path], tmp_path: Path
) -> None:
    name, file = invitation
    assert file.stat().st_mode & 0o777 == 0o600
    told = enrolled(file, tmp_path / "desk")
    assert told["whoami"]["system"] == name
    assert (tmp_path / "desk" / "key.pem").stat().st_mode & 0o777 == 0o600
    casegate("system", "check", "--connection", tmp_path / "desk" / "connection.toml")
    check_log(stage)


APPLICATION = {
    "name": "A new hotline",
    "kind": "hotline",
    "public_authority": False,
    "regimes": ["gdpr"],
    "country": "FR",
    "membership": "full",
    "purposes": ["remove"],
    "description": "We answer the phone.",
    "received_on": "2024-01-02",
    "contacts": [{"role": "security", "name": "D. Petit", "address": "security@new.example"}],
}
DECISION = {"decision_ref": "board 12", "decided_on": "2024-01-03", "document_sha256": "A" * 43}


def test_an_applicant_becomes_an_active_member_by_two_commands_of_its_own(
    stage: DemoEnvironment, tmp_path: Path
) -> None:
    slug, file, home = f"new-{os.urandom(3).hex()}", tmp_path / "invitation.json", tmp_path / "desk"
    stage.administer("organisation.apply", slug, APPLICATION)
    stage.administer("organisation.approve", slug, DECISION)
    stage.administer("system.register", slug, {"system": "desk", "scopes": sorted(SCOPES)})
    admin(stage, "invitation", "create", slug, "desk", "--out", file)
    roles = ("--entry", "head,analyst", "--entry", "approver,liaison")
    entered = admin(stage, "staff", "establish", slug, *roles, "--json")["result"]["entries"]

    assert f"{slug}, enrolled" in enrol(file, home)
    settings = home / "connection.toml"
    assert PartnerConnection.read(settings).document_key == home / "keys" / "document.pem"
    assert "R2.inactive" in casegate("directory", "list", "--connection", settings, status=1)
    admin(stage, "organisation", "activate", slug, "--reason", "in a hurry", status=1)

    assert "intake-1" not in casegate("staff", "list", "--connection", settings)
    stranger = ("--connection", settings, "--by", "intake-1")
    assert "casegate staff" in casegate("conformance", "run", *stranger, status=1)
    person = entered[0]["pseudonym"]
    casegate("conformance", "run", "--connection", settings, "--by", person)
    admin(stage, "organisation", "activate", slug, "--reason", "conformance passed")
    casegate("directory", "show", slug, "--connection", settings)
    events = casegate("event", "list", "--connection", settings)
    for typ in (
        "invitation.redeemed",
        "key.registered",
        "organisation.enrolled",
        "conformance.passed",
    ):
        assert typ in events
    check_log(stage)


def test_an_interrupted_enrolment_goes_on_with_the_same_keys(
    invitation: tuple[str, Path], tmp_path: Path
) -> None:
    _, file = invitation
    folder = tmp_path / "desk"
    enrolled(file, folder)
    first = (folder / "certificate.pem").read_bytes()
    for lost in ("certificate.pem", "connection.toml", "gateway-keys.json"):
        (folder / lost).unlink()
    enrolled(file, folder)
    assert (folder / "certificate.pem").read_bytes() == first


def test_a_replayed_invitation_is_refused_and_the_member_sees_it(
    invitation: tuple[str, Path], tmp_path: Path
) -> None:
    _, file = invitation
    enrolled(file, tmp_path / "desk")
    enrol(file, tmp_path / "thief", "--no-document-key", status=1)
    assert not (tmp_path / "thief" / "connection.toml").exists()
    events = casegate("event", "list", "-c", tmp_path / "desk" / "connection.toml")
    redeemed = [line for line in events.splitlines() if "invitation.redeem" in line]
    assert "denied" in redeemed[-1]


def test_a_gateway_that_shows_another_root_gets_no_token(
    invitation: tuple[str, Path], tmp_path: Path
) -> None:
    _, file = invitation
    members = json.loads(file.read_text())
    members["root_sha256"] = "00" * 32
    (tmp_path / "false.json").write_text(json.dumps(members))
    (tmp_path / "false.json").chmod(0o600)
    enrol(tmp_path / "false.json", tmp_path / "desk", status=4)
    enrolled(file, tmp_path / "other")


def test_an_invitation_that_others_can_read_is_not_used(
    invitation: tuple[str, Path], tmp_path: Path
) -> None:
    _, file = invitation
    shutil.copy(file, tmp_path / "open.json")
    (tmp_path / "open.json").chmod(0o644)
    enrol(tmp_path / "open.json", tmp_path / "desk", status=1)
    assert not (tmp_path / "desk").exists()


def test_a_withdrawn_invitation_is_refused(
    stage: DemoEnvironment, invitation: tuple[str, Path], tmp_path: Path
) -> None:
    _, file = invitation
    identifier = json.loads(file.read_text())["invitation"]
    admin(stage, "invitation", "withdraw", HOTLINE, identifier, "--reason", "lost")
    enrol(file, tmp_path / "desk", "--no-document-key", status=1)


def test_a_system_renews_its_certificate_by_itself(
    invitation: tuple[str, Path], tmp_path: Path
) -> None:
    _, file = invitation
    enrolled(file, tmp_path / "desk")
    settings = tmp_path / "desk" / "connection.toml"
    before = PartnerConnection.read(settings)
    casegate("system", "renew", "-c", settings)
    after = PartnerConnection.read(settings)
    assert after.certificate != before.certificate
    assert after.key != before.key
    first, second = (
        x509.load_pem_x509_certificate(one.certificate.read_bytes()) for one in (before, after)
    )
    assert first.public_key() != second.public_key()
    casegate("system", "check", "--connection", settings)


def test_two_administrators_admit_a_member_from_two_machines(
    stage: DemoEnvironment, invitation: tuple[str, Path], tmp_path: Path
) -> None:
    """The system that carries their changes may change nothing; neither person is on the host."""
    system, file = invitation
    enrolled(file, tmp_path / "desk")
    connection = tmp_path / "desk" / "connection.toml"
    admin(stage, "system", "set-admin-scopes", HOTLINE, system, "--scope", "admin")
    slug = f"distant-{os.urandom(3).hex()}"

    def at(person: str, *words: object, status: int = 0) -> Any:
        key = stage.operator / "people" / f"{person}.pem"
        who = ("--as", person, "--approver-key", f"{person}={key}")
        return casegate("admin", "-c", connection, *who, *words, status=status)

    def both(*words: object) -> None:
        """One proposes, and the other approves what waits."""
        waiting = at(ADMINS[0][0], *words, "--json")["result"]["proposal"]
        assert waiting in at(ADMINS[1][0], "proposal", "list")
        at(ADMINS[0][0], "proposal", "approve", waiting, "--yes", status=1)
        at(ADMINS[1][0], "proposal", "approve", waiting, "--yes")

    application, decision = (tmp_path / name for name in ("application.json", "decision.txt"))
    members = {n: v for n, v in APPLICATION.items() if n != "received_on"}
    application.write_text(json.dumps(members))
    decision.write_text("The board admits it.")
    at(ADMINS[0][0], "organisation", "apply", slug, application, "--received-on", "2024-01-02")
    day = ("--decided-on", "2024-01-03")
    both(
        "organisation",
        "approve",
        slug,
        "--decision-ref",
        "12",
        *day,
        "--decision-document",
        decision,
    )
    at(ADMINS[0][0], "system", "register", slug, "desk", "--scope", "cases.read")
    made = tmp_path / "invitation-2.json"
    at(ADMINS[0][0], "invitation", "create", slug, "desk", "--out", made)
    at(ADMINS[1][0], "proposal", "approve", json.loads(made.read_text())["proposal"], "--yes")
    at(ADMINS[0][0], "invitation", "complete", made)
    assert enrolled(made, tmp_path / "member")["whoami"]["status"] == "enrolled"
    assert at(ADMINS[0][0], "organisation", "show", slug, "--json")["status"] == "enrolled"
    event = at(ADMINS[0][0], "system", "disable", slug, "desk", "--reason", "x", "--json")
    shown = ("event", "show", event["result"]["event"])
    assert "system.disabled" in casegate("admin", "-c", connection, *shown)
    for words in (("succession", "list"), ("log-hold", "list"), ("notification", "list")):
        casegate("admin", "-c", connection, *words)
    assert "receive/csam/FR" in casegate("admin", "-c", connection, "mandate", "report")
    days = [wiring.now().date() + timedelta(days=ahead) for ahead in (30, 60)]
    planned = ("--competence", "receive/csam/FR", "--effective-on", days[0])
    read = ("--read-until", days[1])
    preview = ("succession", "preview", OFMIN, OCRVP, *planned, *read, "--json")
    assert at(ADMINS[0][0], *preview)["result"]["open"] is not None
    casegate("admin", "-c", connection, "event", "show", os.urandom(16).hex(), status=1)
    check_log(stage)
