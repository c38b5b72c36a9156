"""A mandate moves over real TLS: planned, approved, applied twice, read on, verified offline."""

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
    accepted,
    admin,
    casegate,
    check_log,
    config_of,
    running,
)

pytestmark = pytest.mark.journey


def planned(stage: DemoEnvironment, read_until: str) -> str:
    """OFMIN's mandate moves to OCRVP today."""
    today = wiring.reference_date(config_of(stage))(wiring.now()).day
    plan = {
        "successor": OCRVP,
        "competence": "receive/csam/FR",
        "effective_on": today.isoformat(),
        "read_until": read_until,
        "legal_act": "Decree of a test",
        "permissions": False,
    }
    return str(stage.administer("succession.plan", OFMIN, plan).result["succession"])


def test_an_open_handoff_goes_with_the_mandate(tmp_path: Path) -> None:
    with running(tmp_path) as stage:
        handoff = accepted(stage)
        today = wiring.reference_date(config_of(stage))(wiring.now()).day
        succession = planned(stage, (today + timedelta(days=30)).isoformat())
        with stage.client(OFMIN) as before, stage.client(OCRVP) as after:
            before.approve_succession(succession, "ofmin-2")
            admin(stage, "succession", "apply", succession)
            assert admin(stage, "succession", "show", succession, "--json")["moved"] == []
            after.approve_succession(succession, "ocrvp-2")
            for _ in range(2):
                admin(stage, "succession", "apply", succession)
            report = admin(stage, "succession", "show", succession, "--json")
            (one,) = report["moved"]
            assert (one["handoff"], report["applied"] is None) == (handoff, False)
            new = one["became"]
            after.accept(after.handoff(new), "ocrvp-1")
            data = after.export(new, "ocrvp-1", "for the file")
            assert before.consult(handoff, "ofmin-1", "assessment", "to hand over").content["items"]
            with pytest.raises(RequestRefused):
                before.answer("close", handoff, "ofmin-1", reason="too late")
        with stage.client(HOTLINE) as hotline:
            assert hotline.handoff(handoff)["reissued_as"]["handoff"] == new
            types = [entry.confirmed.event["type"] for entry in hotline.events()]
            assert types.count("handoff.reissued") == 1
        check_log(stage)
        connection = stage.folder / HOTLINE / "connection.toml"
        status = casegate("directory", "attestation", OCRVP, "--connection", connection)
    trust = PartnerConnection.read(connection).trust
    found = verification.verify(data, trust)
    assert found.passed, found.sentence
    stated = verification.verify(status.encode(), trust)
    assert stated.passed, stated.sentence


@pytest.mark.slow
def test_access_ends_on_the_day_that_was_set(tmp_path: Path) -> None:
    """From this very day on the predecessor neither receives nor reads."""
    with running(tmp_path) as stage:
        handoff = accepted(stage)
        today = wiring.reference_date(config_of(stage))(wiring.now()).day
        planned(stage, today.isoformat())
        with stage.client(OFMIN) as office:
            with pytest.raises(RequestRefused) as refused:
                office.consult(handoff, "ofmin-1", "assessment", "one more look")
            assert refused.value.rules == ("R3.mandate",)
        check_log(stage)
