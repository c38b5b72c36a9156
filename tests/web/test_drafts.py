"""Acts whose document a person was shown and signed: updates, cases, successions; and what is said
of them to whom."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway.console.access import Person, Prepared
from gateway.domain.refusals import EditConflict
from gateway.evidence import sd_jwt
from gateway.evidence.declarations import PLANNED
from gateway.kernel.results import to_json
from gateway.web.hosted_access import HostedAccess
from tests.authenticator import Authenticator
from tests.casework import accepted, case_content, change_of, offered, revised, submitted
from tests.exchange.handoffs.updating import CORRECTED
from tests.exchange.moving_mandates import planned
from tests.founded_gateway import HOTLINE, OFMIN, Founded, shown
from tests.founding import founded
from tests.log_check import check_log
from tests.web.test_hosted_access import access, new, prepared, signed


@pytest.fixture
def gateway() -> Iterator[Founded]:
    made = founded()
    yield made
    check_log(made)


KEYS = {
    Person(HOTLINE, one): Authenticator()
    for one in ("intake-1", "liaison-1", "analyst-1", "approver-1")
} | {Person(OFMIN, one): Authenticator() for one in ("officer-1", "officer-9")}


def at(gateway: Founded, organisation: str, person: str) -> HostedAccess:
    """A person who works in a browser, with a passkey of their own."""
    return access(gateway, organisation, person, KEYS[Person(organisation, person)])


def done(
    who: HostedAccess, endpoint: str, body: Mapping[str, Any], **ids: UUID
) -> tuple[Prepared, Any]:
    """What a person prepared, signed and did."""
    key = f"key-{endpoint}"
    made = who.prepare(endpoint, key, body, **ids)
    approval = signed(made, KEYS[who.person])
    written = who.write(endpoint, key, made.body, (approval,), **ids)
    assert shown(written.receipt)["approvals"] == [approval]
    again = who.write(endpoint, key, made.body, (approval,), **ids)
    assert again.result == written.result
    return made, written


def assurances(who: HostedAccess, handoff: UUID) -> list[str]:
    view = who.read("handoffs_show", handoff=handoff)
    return [view["assurance"], *(one["assurance"] for one in view["answers"])]


def test_an_update_is_the_document_that_its_person_was_shown(gateway: Founded) -> None:
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    revised(gateway, case, items=CORRECTED)
    made, written = done(at(gateway, HOTLINE, "liaison-1"), "handoffs_update", {}, handoff=handoff)
    assert made.values == {"document": sd_jwt.parse(written.result["offer"]).digest}


def test_a_case_and_its_next_version_are_the_documents_that_their_person_was_shown(
    gateway: Founded,
) -> None:
    analyst, case = at(gateway, HOTLINE, "intake-1"), gateway.new_id()
    made, first = done(analyst, "cases_submit", {"content": case_content(case)})
    assert made.values == {"document": first.result["digest"]}
    assert analyst.read("cases_show", case=case)["assurance"] == "confirmed"
    assert [one["assurance"] for one in analyst.read("cases_list")["items"]] == ["confirmed"]
    changed = [{**CORRECTED[0], "is_source": True}, CORRECTED[1]]
    content = case_content(case, version=2, previous=first.result["digest"], items=changed)
    said = change_of(case_content(case), content)
    change = {name: one for name, one in to_json(said).items() if one}
    made, second = done(analyst, "cases_revise", {"content": content, "change": change}, case=case)
    assert made.values == {"document": second.result["digest"]}


def test_a_case_that_is_not_exactly_what_was_shown_is_refused(gateway: Founded) -> None:
    analyst, content = at(gateway, HOTLINE, "intake-1"), case_content(gateway.new_id())
    made = analyst.prepare("cases_submit", "key-1", {"content": content})
    other = {**made.body, "content": {**content, "urgency": "normal"}}
    with pytest.raises(EditConflict, match="another one than was shown"):
        analyst.write("cases_submit", "key-1", other)


def test_the_approval_of_a_succession_is_of_each_word_of_its_plan(gateway: Founded) -> None:
    succession = planned(gateway)
    made, _ = done(
        at(gateway, OFMIN, "officer-9"), "successions_approve", {}, succession=succession
    )
    assert {*PLANNED} < made.values.keys()


def offered_by_persons(gateway: Founded, case: UUID) -> UUID:
    """The handoff of a case that persons in browsers submitted, assessed, cleared and offered."""
    done(at(gateway, HOTLINE, "intake-1"), "cases_submit", {"content": case_content(case)})
    done(at(gateway, HOTLINE, "analyst-1"), "cases_assess", {"confirmed_matches": []}, case=case)
    done(at(gateway, HOTLINE, "approver-1"), "cases_clear", {}, case=case)
    to = {"to": {"competence": {"matter": "csam", "territory": "FR"}}, "groups": ["items"]}
    body = {**to, "handoff": str(gateway.new_id()), "purpose": ["identify_victim"]}
    _, offer = done(at(gateway, HOTLINE, "liaison-1"), "cases_offer", body, case=case)
    return UUID(offer.result["handoff"])


def test_that_a_person_confirmed_an_act_is_told_to_their_own_side_alone(gateway: Founded) -> None:
    handoff = offered_by_persons(gateway, gateway.new_id())
    office, hotline = at(gateway, OFMIN, "officer-1"), at(gateway, HOTLINE, "liaison-1")
    acceptance = prepared(office, handoff, "k1")
    office.write(
        "handoffs_accept",
        "k1",
        acceptance.body,
        (signed(acceptance, KEYS[office.person]),),
        handoff=handoff,
    )
    assert assurances(hotline, handoff) == ["confirmed", "confirmed", "attested"]
    assert assurances(office, handoff) == ["attested", "attested", "confirmed"]
    opened = {"reason_code": "assessment", "reason": "to see"}
    seen = office.write("handoffs_consult", "k2", opened, handoff=handoff)
    assert seen.result["assurance"] == "attested"


def test_a_draft_is_of_its_day_and_is_shown_again_after_it(gateway: Founded) -> None:
    office, handoff = at(gateway, OFMIN, "officer-1"), new(gateway)
    made = prepared(office, handoff, "k1")
    gateway.clock.advance(timedelta(days=1, minutes=1))
    with pytest.raises(EditConflict, match="prepared more than a day ago"):
        office.write(
            "handoffs_accept",
            "k1",
            made.body,
            (signed(made, KEYS[office.person]),),
            handoff=handoff,
        )
