"""A case goes from one organisation to another over real TLS; each step re-checks the log."""

import json

import pytest

from gateway.cli.demo.environment import DemoEnvironment
from gateway.client.connection import PartnerConnection
from gateway.client.errors import RequestRefused
from gateway.evidence import receipt
from gateway.verification import verifier
from tests.journeys.harness import (
    ABROAD,
    CONTENT,
    HOTLINE,
    OCRVP,
    OFMIN,
    case_content,
    check_log,
    clearance,
    offered,
)

REFERENCE = "0190a6a0-0000-7000-8000-00000000abcd"

pytestmark = [pytest.mark.journey, pytest.mark.xdist_group("gateway")]


def test_a_case_is_offered_accepted_opened_and_closed_and_every_step_is_in_one_tree(
    stage: DemoEnvironment,
) -> None:
    content = case_content()
    sizes = [check_log(stage).size]
    receipts = []
    with stage.client(HOTLINE) as hotline, stage.client(OFMIN) as office:
        receipts.append(hotline.submit(content, "pdc-1", clearance(content)).receipt)
        sizes.append(check_log(stage).size)
        offer = hotline.offer(
            content["case"],
            "pdc-2",
            competence="csam/FR",
            groups=CONTENT,
            purpose=["investigate"],
        )
        receipts.append(offer.receipt)
        sizes.append(check_log(stage).size)
        handoff = offer.result["handoff"]
        assert handoff in [view["handoff"] for view in office.inbox("offered")]
        view = office.handoff(handoff)
        receipts.append(office.accept(view, "ofmin-1").receipt)
        sizes.append(check_log(stage).size)
        opened = office.consult(handoff, "ofmin-1", "assessment", "first reading")
        receipts.append(opened.written.receipt)
        sizes.append(check_log(stage).size)
        assert opened.content["items"] == content["items"]
        assert opened.withheld_groups == ()
        receipts.append(
            office.answer("report_outcome", handoff, "ofmin-1", code="preserved").receipt
        )
        sizes.append(check_log(stage).size)
        receipts.append(office.answer("close", handoff, "ofmin-1").receipt)
        sizes.append(check_log(stage).size)
        receipts.append(hotline.step("case.close", {"case": content["case"]}, "pdc-1").receipt)
        sizes.append(check_log(stage).size)
        assert hotline.case(content["case"])["state"] == "closed"
    assert sizes == list(range(sizes[0], sizes[0] + 8))
    trust = PartnerConnection.read(stage.folder / OFMIN / "connection.toml").trust
    for one in receipts:
        found = verifier.verify(json.dumps(receipt.to_json(one)).encode(), trust)
        assert found.passed, found.sentence


def test_a_denial_over_the_wire_changes_nothing_but_the_log_and_carries_its_receipt(
    stage: DemoEnvironment,
) -> None:
    content = case_content()
    with stage.client(HOTLINE) as hotline:
        hotline.submit(content, "pdc-1", clearance(content))
        before = check_log(stage).size
        with pytest.raises(RequestRefused) as refused:
            hotline.offer(
                content["case"],
                "pdc-2",
                organisation=OCRVP,
                groups=CONTENT,
                purpose=["investigate"],
            )
        problem = refused.value.problem
        assert "R3.membership" in problem.rules
        assert problem.receipt is not None
        assert check_log(stage).size == before + 1
        assert content["case"] not in [view["case"] for view in hotline.sent()]
    with stage.client(OCRVP) as other:
        assert content["case"] not in [view["case"] for view in other.inbox()]


def test_a_handoff_of_others_and_one_that_never_was_get_one_answer(stage: DemoEnvironment) -> None:
    content = case_content()
    handoffs = offered(stage, content), content["case"]
    with stage.client(ABROAD) as stranger:
        answers = []
        for handoff in handoffs:
            with pytest.raises(RequestRefused) as refused:
                stranger.handoff(handoff)
            problem = refused.value.problem
            answers.append((problem.slug, problem.status, problem.detail, problem.rules))
    assert answers[0] == answers[1]
    check_log(stage)


def test_a_presentation_for_a_private_member_lacks_what_is_for_the_police_and_still_verifies(
    stage: DemoEnvironment,
) -> None:
    content = case_content()
    siena = {"id": REFERENCE, "scheme": "siena", "value": "1234567"}
    content["references"] = [siena]
    with stage.client(HOTLINE) as hotline, stage.client(ABROAD) as abroad:
        hotline.submit(content, "pdc-1", clearance(content))
        offer = hotline.offer(
            content["case"],
            "pdc-2",
            organisation=ABROAD,
            groups=CONTENT,
            purpose=["protect_child"],
        )
        assert "references" in offer.result["withheld_groups"]
        handoff = offer.result["handoff"]
        abroad.accept(abroad.handoff(handoff), "be-1")
        opened = abroad.consult(handoff, "be-1", "assessment", "to judge it")
        assert opened.content["items"] == content["items"]
        assert siena not in opened.content.get("references", [])
        bundle = abroad.export(handoff, "be-1", "for the file")
    trust = PartnerConnection.read(stage.folder / HOTLINE / "connection.toml").trust
    assert verifier.verify(bundle, trust).passed


def test_the_stream_of_a_party_is_complete_and_every_receipt_in_it_verifies(
    stage: DemoEnvironment,
) -> None:
    for slug in (HOTLINE, OFMIN):
        with stage.client(slug) as member:
            places = [entry.stream_number for entry in member.events()]
        assert places == list(range(1, len(places) + 1))
