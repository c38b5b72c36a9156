"""One's own cases: their steps by two persons, their versions, their content."""

from functools import partial
from typing import Any
from uuid import UUID

import pytest

from gateway.client import EvidenceMismatch, InvalidArgument, InvalidCase, RequestRefused
from gateway.evidence import handoff_documents, receipt, sd_jwt
from tests.casework import case_content, correction, element_id, machine_match
from tests.client import false_gateway
from tests.client.client_fixture import MemberClient
from tests.client.false_gateway import CASE
from tests.client.scenario import CLEARED, accepted, disbelieved, members_of, replay, submit
from tests.each import each
from tests.founded_gateway import ABROAD, HOTLINE
from tests.web.listening import Listening


def test_a_case_goes_through_its_steps_by_two_persons(stage: Listening) -> None:
    desk, case = MemberClient(stage), stage.gateway.new_id()
    content, where = case_content(case, classifications=[machine_match()]), {"case": case}
    submitted = desk.submit(content, "intake-1")
    assert submitted.result["state"] == "draft"
    with pytest.raises(RequestRefused, match="a person must confirm") as refused:
        desk.step("case.assess", where, "analyst-1", confirmed_matches=[])
    assert refused.value.slug == "unconfirmed-match"
    confirmed = [element_id("match")]
    desk.step("case.assess", where, "analyst-1", confirmed_matches=confirmed, reason="seen")
    with pytest.raises(RequestRefused, match="two different persons"):
        desk.step("case.clear", where, "analyst-1")
    assert desk.step("case.clear", where, "approver-1").result["state"] == "cleared"
    assert desk.case(case)["state"] == "cleared"
    assert desk.step("case.close", where, "intake-1", reason="done").result["state"] == "closed"
    assert [one["case"] for one in desk.cases()] == [str(case)]


@each(
    "action, where, fields",
    [
        ("case.submit", {"case": CASE}, {}),
        ("case.restrict", {"handoff": CASE}, {}),
        ("case.embargo", {"case": CASE, "handoff": CASE}, {}),
        ("case.end_measure", {"case": CASE}, {}),
        ("case.clear", {"case": CASE}, {"ground": "other"}),
    ],
)
def test_a_step_that_the_table_does_not_have_is_not_sent(
    stage: Listening, action: str, where: dict[str, UUID], fields: dict[str, str]
) -> None:
    desk = MemberClient(stage)
    with pytest.raises(InvalidArgument, match=action):
        desk.step(action, where, "analyst-1", **fields)
    assert desk.wire.requests == []


def test_what_is_no_object_is_no_case_and_is_not_sent(stage: Listening) -> None:
    desk = MemberClient(stage)
    nothing: Any = []
    for send in (partial(desk.submit, nothing, "x"), partial(desk.revise, {}, "x", {})):
        with pytest.raises(InvalidCase, match="a case is an object"):
            send()
    assert desk.wire.requests == []


def test_a_revised_case_names_the_version_before_it(stage: Listening) -> None:
    desk, case = MemberClient(stage), stage.gateway.new_id()
    first = desk.submit(case_content(case), "intake-1")
    second = case_content(case, version=2, previous=first.result["digest"], urgency="normal")
    said = correction("/urgency")
    assert desk.revise(second, "intake-1", said, CLEARED).result["version"] == 2
    with pytest.raises(RequestRefused) as refused:
        desk.revise(second, "intake-1", said)
    assert refused.value.slug == "edit-conflict"


def test_one_opens_ones_own_case_as_it_was_written(stage: Listening) -> None:
    desk = MemberClient(stage)
    case = submit(desk, stage)
    opened = desk.consult_case(case, "analyst-1", "quality", "second look")
    assert opened.content == case_content(case)
    assert (opened.author, opened.assurance, opened.withheld_groups) == (HOTLINE, "attested", ())


def test_content_that_breaks_rules_is_told_by_pointer(stage: Listening) -> None:
    desk = MemberClient(stage)
    content = case_content(stage.gateway.new_id(), urgency="now", matter=[])
    with pytest.raises(RequestRefused) as refused:
        desk.submit(content, "intake-1")
    assert {pointer for pointer, _ in refused.value.errors} == {
        "/content/urgency",
        "/content/matter",
    }
    assert refused.value.receipt is None


def test_a_consultation_of_another_own_case_is_refused(stage: Listening) -> None:
    desk = MemberClient(stage)
    asked, other = submit(desk, stage), submit(desk, stage)
    genuine = members_of(desk.consult_case(other, "x1", "quality", "check").written)
    desk.wire.faults = [replay(genuine)]
    with pytest.raises(EvidenceMismatch):
        desk.consult_case(asked, "x1", "quality", "check")


def test_a_case_of_others_is_not_opened_as_ours(stage: Listening) -> None:
    """A gateway that signs a document of others under an id of ours, and logs what it did."""
    document = false_gateway.case_document(ABROAD)
    package_digest = handoff_documents.package_digest(d.digest for d in document.disclosures)
    event = false_gateway.logged(
        "case.consult", HOTLINE, "x1", case_digest=document.digest, package_digest=package_digest
    )
    result = {"presentation": document.compact(), "withheld_groups": []}
    desk = MemberClient(stage)
    desk.whoami()
    desk.wire.faults = [replay({"result": result, "receipt": receipt.to_json(event)})]
    with pytest.raises(EvidenceMismatch):
        desk.consult_case(false_gateway.CASE, "x1", "quality", "check")


# --- Opened content is believed only when presentation, receipt and offer agree ---


def test_a_presentation_beyond_the_offer_is_refused(stage: Listening) -> None:
    """Even one that verifies: the originator's own shows all, the offer names only the items."""
    hotline, office, handoff = accepted(stage, groups=["items"])
    case = hotline.handoff(handoff)["case"]
    whole = hotline.consult_case(case, "liaison-1", "quality", "check").presentation

    def show_all(members: dict[str, Any]) -> None:
        if "result" in members:
            members["result"]["presentation"] = whole

    def consult() -> None:
        office.consult(handoff, "officer-1", "investigation", "first look")

    disbelieved(office, show_all, consult, "not covered by the offer")


def test_a_presentation_of_less_than_was_opened_is_refused(stage: Listening) -> None:
    _, office, handoff = accepted(stage)

    def show_less(members: dict[str, Any]) -> None:
        if "result" in members:
            document = sd_jwt.parse(members["result"]["presentation"])
            members["result"]["presentation"] = document.present(()).compact()

    def consult() -> None:
        office.consult(handoff, "officer-1", "investigation", "first look")

    disbelieved(office, show_less, consult, "another set of parts")


def test_a_presentation_of_another_case_is_refused(stage: Listening) -> None:
    hotline, office, handoff = accepted(stage)
    other = submit(hotline, stage)
    presentation = hotline.consult_case(other, "x1", "quality", "check").presentation

    def show_other(members: dict[str, Any]) -> None:
        if "result" in members:
            members["result"]["presentation"] = presentation

    def consult() -> None:
        office.consult(handoff, "officer-1", "investigation", "first look")

    disbelieved(office, show_other, consult, "another case version")
    mine = submit(hotline, stage)
    disbelieved(
        hotline,
        show_other,
        lambda: hotline.consult_case(mine, "x1", "quality", "check"),
        "another version of the case|another set of parts",
    )
