"""A mandate moves over real TLS: planned, approved, applied twice, read on, verified offline."""

import os
from collections.abc import Iterator
from datetime import timedelta

import pytest

from gateway import wiring
from gateway.cli.demo.environment import DemoEnvironment, DemoMember
from gateway.client import RequestRefused
from gateway.client.connection import PartnerConnection
from gateway.verification import verifier
from tests.journeys.harness import (
    HOTLINE,
    admin,
    admit,
    case_content,
    casegate,
    check_log,
    config_of,
    grant,
    offered,
)

pytestmark = [pytest.mark.journey, pytest.mark.xdist_group("gateway")]


@pytest.fixture
def offices(stage: DemoEnvironment) -> Iterator[tuple[str, str]]:
    """Two offices that no other test meets; the first one holds a mandate for grooming."""
    first, second = f"before-{os.urandom(3).hex()}", f"after-{os.urandom(3).hex()}"
    for slug in (first, second):
        admit(stage, DemoMember(slug, {"name": slug, "kind": "police_office", "country": "FR"}))
    grant(stage, first, "grooming")
    yield first, second
    for slug in (first, second):
        stage.administer("organisation.suspend", slug, {"reason": "the test is over"})


def accepted(stage: DemoEnvironment, office: str) -> str:
    """A case that the office holds by its mandate; the handoff."""
    handoff = offered(stage, {**case_content(), "matter": ["grooming"]}, competence="grooming/FR")
    with stage.client(office) as client:
        client.accept(client.handoff(handoff), "officer-1")
    return handoff


def planned(stage: DemoEnvironment, offices: tuple[str, str], read_until: str) -> str:
    """The first one's mandate moves to the second today."""
    today = wiring.reference_date(config_of(stage))(wiring.now()).day
    plan = {
        "successor": offices[1],
        "competence": "receive/grooming/FR",
        "effective_on": today.isoformat(),
        "read_until": read_until,
        "legal_act": "Decree of a test",
        "permissions": False,
    }
    return str(stage.administer("succession.plan", offices[0], plan).result["succession"])


@pytest.mark.slow
def test_an_open_handoff_goes_with_the_mandate(
    stage: DemoEnvironment, offices: tuple[str, str]
) -> None:
    handoff = accepted(stage, offices[0])
    today = wiring.reference_date(config_of(stage))(wiring.now()).day
    succession = planned(stage, offices, (today + timedelta(days=30)).isoformat())
    with stage.client(offices[0]) as before, stage.client(offices[1]) as after:
        before.step("succession.approve", {"succession": succession}, "officer-2")
        admin(stage, "succession", "apply", succession)
        assert admin(stage, "succession", "show", succession, "--json")["moved"] == []
        after.step("succession.approve", {"succession": succession}, "officer-2")
        for _ in range(2):
            admin(stage, "succession", "apply", succession)
        report = admin(stage, "succession", "show", succession, "--json")
        (one,) = report["moved"]
        assert (one["handoff"], report["applied"] is None) == (handoff, False)
        new = one["became"]
        after.accept(after.handoff(new), "officer-1")
        data = after.export(new, "officer-1", "for the file")
        assert before.consult(handoff, "officer-1", "assessment", "to hand over").content["items"]
        with pytest.raises(RequestRefused):
            before.answer("close", handoff, "officer-1", reason="too late")
    with stage.client(HOTLINE) as hotline:
        assert hotline.handoff(handoff)["reissued_as"]["handoff"] == new
        types = [entry.confirmed.event["type"] for entry in hotline.events()]
        assert types.count("handoff.reissued") == 1
    check_log(stage)
    connection = stage.folder / HOTLINE / "connection.toml"
    status = casegate("directory", "attestation", offices[1], "--connection", connection)
    trust = PartnerConnection.read(connection).trust
    found = verifier.verify(data, trust)
    assert found.passed, found.sentence
    stated = verifier.verify(status.encode(), trust)
    assert stated.passed, stated.sentence


@pytest.mark.slow
def test_access_ends_on_the_day_that_was_set(
    stage: DemoEnvironment, offices: tuple[str, str]
) -> None:
    """From this very day on the predecessor neither receives nor reads."""
    handoff = accepted(stage, offices[0])
    today = wiring.reference_date(config_of(stage))(wiring.now()).day
    planned(stage, offices, today.isoformat())
    with stage.client(offices[0]) as office:
        with pytest.raises(RequestRefused) as refused:
            office.consult(handoff, "officer-1", "assessment", "one more look")
        assert refused.value.rules == ("R3.mandate",)
    check_log(stage)
