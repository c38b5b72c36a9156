"""A mandate moves over real TLS: planned, approved, applied twice, read on, verified offline."""

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from gateway import wiring
from gateway.cli.demo.environment import DemoEnvironment
from gateway.client import RequestRefused
from gateway.client.connection import PartnerConnection
from gateway.evidence import verification
from tests.journeys.harness import (
    HOTLINE,
    OCRVP,
    OFMIN,
    case_content,
    check_log,
    clearance,
    config_of,
    running,
)

pytestmark = pytest.mark.journey

GROUPS = ["items", "statements", "classifications"]


def command(stage: DemoEnvironment, *words: str) -> str:
    """Type a command of the operator's or a member's; what it printed."""
    typed = [sys.executable, "-m", "gateway.cli", *words]
    done = subprocess.run(typed, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def admin(stage: DemoEnvironment, *words: str) -> str:
    return command(stage, "admin", "--home", str(stage.operator), *words)


def accepted_by_the_office(stage: DemoEnvironment) -> str:
    """A handoff that the office holds by its mandate."""
    content = case_content()
    with stage.client(HOTLINE) as hotline:
        hotline.submit(content, "pdc-1", clearance(content))
        offered = hotline.offer(
            content["case"],
            "pdc-2",
            competence=("csam", "FR"),
            groups=GROUPS,
            purpose=["investigate"],
        )
    handoff = str(offered.result["handoff"])
    with stage.client(OFMIN) as office:
        office.accept(office.handoff(handoff), "ofmin-1")
    return handoff


def planned(stage: DemoEnvironment, read_until: str) -> str:
    """OFMIN's mandate moves to OCRVP today."""
    today = wiring.reference_date(config_of(stage))(wiring.now()).day
    plan = {
        "successor": OCRVP,
        "competence": "receive/csam/FR",
        "on": today.isoformat(),
        "read_until": read_until,
        "legal_act": "Decree of a test",
        "consents": False,
    }
    return str(stage.administer("succession.plan", OFMIN, plan).result["succession"])


def test_an_open_handoff_goes_with_the_mandate(tmp_path: Path) -> None:
    with running(tmp_path) as stage:
        handoff = accepted_by_the_office(stage)
        today = wiring.reference_date(config_of(stage))(wiring.now()).day
        succession = planned(stage, (today + timedelta(days=30)).isoformat())
        with stage.client(OFMIN) as before, stage.client(OCRVP) as after:
            before.approve_succession(succession, "ofmin-2")
            assert "moved 0" in admin(stage, "succession", "apply", succession)
            after.approve_succession(succession, "ocrvp-2")
            moved = admin(stage, "succession", "apply", succession)
            assert "at its end" in moved or "moved 0" in moved  # maintenance may be faster
            assert "moved 0" in admin(stage, "succession", "apply", succession)
            report = json.loads(admin(stage, "succession", "show", succession, "--json"))
            (one,) = report["moved"]
            assert (one["handoff"], report["applied"] is None) == (handoff, False)
            new = one["became"]
            after.accept(after.handoff(new), "ocrvp-1")
            data = after.export(new, "ocrvp-1", "for the file")
            assert before.consult(handoff, "ofmin-1", "quality", "to hand over").content["items"]
            with pytest.raises(RequestRefused):
                before.answer("close", handoff, "ofmin-1", reason="too late")
        with stage.client(HOTLINE) as hotline:
            assert hotline.handoff(handoff)["reissued_as"]["handoff"] == new
            types = [entry.confirmed.event["typ"] for entry in hotline.events()]
            assert types.count("handoff.reissued") == 1
        check_log(stage)
        connection = stage.folder / HOTLINE / "connection.toml"
        status = command(stage, "directory", "attestation", OCRVP, "--connection", str(connection))
    trust = PartnerConnection.read(connection).trust
    found = verification.verify(data, trust)
    assert found.code == 0, found.sentence
    assert f"It came by succession: the mandate moved from {OFMIN} to {OCRVP}" in found.sentence
    stated = verification.verify(status.encode(), trust)
    assert stated.code == 0, stated.sentence
    assert f"that {OCRVP} is active, as observer" in stated.sentence


@pytest.mark.slow
def test_access_ends_on_the_day_that_was_set(tmp_path: Path) -> None:
    """From this very day on the predecessor neither receives nor reads."""
    with running(tmp_path) as stage:
        handoff = accepted_by_the_office(stage)
        today = wiring.reference_date(config_of(stage))(wiring.now()).day
        planned(stage, today.isoformat())
        with stage.client(OFMIN) as office:
            with pytest.raises(RequestRefused) as refused:
                office.consult(handoff, "ofmin-1", "quality", "one more look")
            assert refused.value.rules == ("R3.mandate",)
        check_log(stage)
