"""The console's way to the endpoints: what an act would be is shown, then exactly that is done."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from gateway.console.access import Done, Person, Prepared, RefusedOnRecord
from gateway.domain.refusals import EditConflict, Forbidden, NotFound, ValidationFailed
from gateway.evidence import sd_jwt
from gateway.web.hosted_access import HostedAccess
from tests.founding import (
    ABROAD,
    HOTLINE,
    OFMIN,
    Founded,
    caller,
    check_log,
    founded,
    offered,
    submitted,
)


@pytest.fixture
def gateway() -> Iterator[Founded]:
    made = founded()
    yield made
    check_log(made)


def access(gateway: Founded, organisation: str = OFMIN, person: str = "officer-1") -> HostedAccess:
    return HostedAccess(gateway.ports, caller(organisation), Person(organisation, person))


def acceptance(office: HostedAccess, handoff: UUID) -> dict[str, Any]:
    shown = office.read("handoffs_show", handoff=handoff)
    return {"conditions": shown["conditions"], "own_urgency": "normal"}


def prepared(office: HostedAccess, handoff: UUID, key: str) -> Prepared:
    return office.prepare("handoffs_accept", key, acceptance(office, handoff), handoff=handoff)


def new(gateway: Founded) -> UUID:
    return UUID(offered(gateway).result["handoff"])


def test_a_prepared_answer_is_the_document_that_is_recorded(gateway: Founded) -> None:
    office, handoff = access(gateway), new(gateway)
    made = prepared(office, handoff, "k1")
    assert office.read("handoffs_show", handoff=handoff)["state"] == "offered"
    done = office.write("handoffs_accept", "k1", made.body, handoff=handoff)
    document = sd_jwt.parse(done.result["document"])
    assert made.values == {"document": document.digest}
    assert made.action == "handoff.accept"
    kept = gateway.ports.attester
    assert document.issuer_signed != sd_jwt.parse(made.body["document"]).issuer_signed
    assert kept.kid in str(sd_jwt.read_unverified(done.result["document"]).header)


def test_the_draft_of_an_answer_verifies_with_no_key(gateway: Founded) -> None:
    made = prepared(access(gateway), new(gateway), "k1")
    signature = sd_jwt.parse(made.body["document"]).issuer_signed.rpartition(".")[2]
    assert set(signature) == {"A"}


def test_an_act_that_is_sent_twice_is_done_once(gateway: Founded) -> None:
    office, handoff = access(gateway), new(gateway)
    made = prepared(office, handoff, "k1")
    first, again = (
        office.write("handoffs_accept", "k1", made.body, handoff=handoff) for _ in range(2)
    )
    assert first.result == again.result
    assert prepared(office, handoff, "k1").values == {}


def test_an_answer_that_was_shown_before_a_newer_package_is_refused(gateway: Founded) -> None:
    office, handoff = access(gateway), new(gateway)
    made = prepared(office, handoff, "k1")
    other = prepared(office, new(gateway), "k2")
    with pytest.raises(EditConflict, match="changed since"):
        office.write("handoffs_accept", "k1", other.body, handoff=handoff)
    assert office.write("handoffs_accept", "k1", made.body, handoff=handoff)


def test_a_fault_of_a_form_has_its_place_and_nothing_is_recorded(gateway: Founded) -> None:
    office, handoff = access(gateway), new(gateway)
    with pytest.raises(ValidationFailed) as refused:
        office.prepare("handoffs_decline", "k1", {}, handoff=handoff)
    assert refused.value.errors == (("/reason", "is required"),)


def test_a_refusal_is_recorded_when_an_act_is_prepared(gateway: Founded) -> None:
    stranger = access(gateway, ABROAD, "analyst-1")
    with pytest.raises(RefusedOnRecord) as refused:
        stranger.prepare("handoffs_decline", "k1", {"reason": "no"}, handoff=new(gateway))
    assert isinstance(refused.value.refusal, NotFound)
    assert refused.value.receipt.document


def test_a_person_is_kept_from_what_no_role_of_theirs_reaches(gateway: Founded) -> None:
    made = access(gateway)
    office = replace(made, caller=replace(made.caller, scopes=frozenset({"handoffs.read"})))
    with pytest.raises(Forbidden):
        office.prepare("handoffs_decline", "k1", {"reason": "no"}, handoff=new(gateway))


def test_nobody_acts_in_the_name_of_another_person(gateway: Founded) -> None:
    office, handoff = access(gateway), new(gateway)
    done: Done = office.write(
        "handoffs_decline", "k1", {"reason": "not ours", "by": "head-1"}, handoff=handoff
    )
    said = sd_jwt.read_unverified(done.result["document"])
    assert said.content["by"] == "officer-1"


def test_the_schema_of_a_body_is_whole_and_says_what_the_act_does(gateway: Founded) -> None:
    schema = access(gateway).schema("handoffs_accept")
    assert schema["description"].startswith("Accept a handoff under its conditions.")
    assert "$ref" not in str(schema)
    assert "imminent_danger" in schema["properties"]["own_urgency"]["enum"]


def test_a_prepared_offer_is_the_document_that_is_recorded(gateway: Founded) -> None:
    hotline = access(gateway, HOTLINE, "liaison-1")
    case = UUID(submitted(gateway).result["case"])
    body = {
        "handoff": str(gateway.new_id()),
        "to": {"competence": {"matter": "csam", "territory": "FR"}},
        "groups": ["routing", "items"],
        "purpose": ["identify_victim"],
    }
    shown = hotline.preview(
        "cases_preview", {**{n: v for n, v in body.items() if n != "handoff"}, "case": str(case)}
    )
    made = hotline.prepare("cases_offer", "k1", body, case=case)
    done, twice = (hotline.write("cases_offer", "k1", made.body, case=case) for _ in range(2))
    assert done.result == twice.result
    document = sd_jwt.parse(done.result["offer"])
    assert made.values == {"document": document.digest}
    assert shown["permitted_disclosures"] == done.result["permitted_disclosures"]
    again = {**body, "handoff": str(gateway.new_id()), "again": "a second look"}
    other = hotline.prepare("cases_offer", "k2", again, case=case)
    changed = {**again, "handoff": str(gateway.new_id()), "document": other.body["document"]}
    with pytest.raises(EditConflict):
        hotline.write("cases_offer", "k3", changed, case=case)
