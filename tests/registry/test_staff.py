"""Persons are entries: who may be named in a request, and how the register is kept."""

import json
from datetime import timedelta
from uuid import UUID

import pytest

from gateway.domain.notification import DeliveryWay
from gateway.domain.organisation import SCOPES, STAFF_SCOPE
from gateway.domain.refusals import SecondPersonRequired, ValidationFailed, WrongState
from gateway.domain.staff import TEMPORARY
from gateway.exchange.case import cases, submissions
from gateway.exchange.case.cases import CaseStepRequest
from gateway.exchange.case.submissions import Clearance, Submission
from gateway.exchange.handoffs import package_consultation
from gateway.exchange.oversight import notifications
from gateway.exchange.oversight.notifications import DeliveryReport
from gateway.exchange.standing.consultations import ConsultationRequest
from gateway.kernel.changes import Change
from gateway.kernel.results import to_json
from gateway.kernel.transact import RecordedRefusal
from gateway.registry import staff
from tests import answers
from tests.casework import accepted, case_content, conditions_of, offered, submitted
from tests.founded_gateway import HOTLINE, OFMIN, caller, enter_staff, make_change, shown
from tests.founding import founded
from tests.log_check import check_log

DRAFT = {"clearance": None}


@pytest.fixture
def gateway():
    return founded()


def asking(by, *entries, **more):
    """A request for entries, as its body has it."""
    return {"by": by, "entries": list(entries), **more}


def entered(gateway, *roles, by="approver-1", organisation=HOTLINE, **more):
    """The pseudonyms of new entries, each of these roles."""
    asked = asking(by, *({"roles": one.split()} for one in roles), **more)
    written = gateway.act(organisation, staff.add, asked)
    return [one["pseudonym"] for one in written.result["entries"]]


def step(by, **more):
    return CaseStepRequest(by, **more)


def pointers(refusal):
    return [pointer for pointer, _ in refusal.errors]


# --- Who may be named ----------------------------------------------------------------------------


def test_every_person_of_a_submission_is_entered_in_its_own_organisation(gateway):
    analyst = entered(gateway, "analyst")[0]
    enter_staff(gateway.ports.begin, OFMIN, ["ofmin-7k3f"])
    content = case_content(gateway.new_id())
    clearance = Clearance("nobody-1", analyst, second_assessor="nobody-2")
    of_clearance = ["assessed_by", "cleared_by", "second_assessor"]
    for by, named, errors in (
        ("nobody-1", None, ["/by"]),
        ("ofmin-7k3f", None, ["/by"]),
        (analyst, clearance, [f"/clearance/{one}" for one in of_clearance]),
    ):
        submission = Submission(by, content, named)
        refused = gateway.unheard(ValidationFailed, HOTLINE, submissions.submit, submission)
        assert sorted(pointers(refused)) == errors


def test_an_analyst_clears_nothing_and_an_approver_assesses_nothing(gateway):
    analyst, officer = entered(gateway, "analyst", "officer")
    case = UUID(submitted(gateway, **DRAFT).result["case"])
    for action, by in ((cases.assess, officer), (cases.clear, analyst)):
        gateway.unheard(ValidationFailed, HOTLINE, action, case, step(by))
    gateway.act(HOTLINE, cases.assess, case, step(analyst))


def test_a_dpo_reads_and_decides_nothing(gateway):
    dpo = entered(gateway, "dpo", organisation=OFMIN)[0]
    handoff = accepted(gateway)
    reading = ConsultationRequest(dpo, "rights_request", "a complaint")
    gateway.act(OFMIN, package_consultation.consult, handoff, reading)
    said = answers.said(dpo, reason="not ours")
    gateway.unheard(ValidationFailed, OFMIN, answers.decline, handoff, said)


def test_who_has_ended_does_nothing_more_and_a_retry_gets_its_first_result(gateway):
    officer = entered(gateway, "officer liaison", organisation=OFMIN)[0]
    handoff = UUID(offered(gateway).result["handoff"])
    said = answers.said(officer, conditions=conditions_of(gateway, handoff, OFMIN))
    asked = OFMIN, answers.accept, handoff, said
    first = gateway.act(*asked, key="the same")
    own = shown(first.receipt)  # its own side reads in which roles somebody acted
    assert (own["by"], own["roles"]) == (officer, ["ofmin/liaison", "ofmin/officer"])
    gateway.act(OFMIN, staff.end, officer, staff.StaffEnd("approver-1"))
    assert gateway.act(*asked, key="the same").result == first.result
    reading = ConsultationRequest(officer, "security", "once more")
    gateway.unheard(ValidationFailed, OFMIN, package_consultation.consult, handoff, reading)
    check_log(gateway)


def test_the_event_of_a_submission_names_who_assessed_and_who_cleared(gateway):
    own = shown(submitted(gateway).receipt)
    assert (own["assessors"], own["cleared_by"]) == (["analyst-1"], "approver-1")
    assert "assessors" not in shown(submitted(gateway, **DRAFT).receipt)


# --- Two persons ---------------------------------------------------------------------------------


def by_two(gateway, **more):
    content = case_content(gateway.new_id())
    (one,) = content["classifications"]
    changed = [{**one, "method": "human_x2"}]
    return submitted(gateway, classifications=changed, **more)


def test_a_classification_by_two_persons_names_two_and_neither_clears_the_case(gateway):
    case = UUID(by_two(gateway, **DRAFT).result["case"])
    for second in (None, "analyst-1"):
        alone = step("analyst-1", second_assessor=second)
        gateway.refused(SecondPersonRequired, HOTLINE, cases.assess, case, alone)
    both = step("analyst-1", second_assessor="analyst-2")
    written = gateway.act(HOTLINE, cases.assess, case, both)
    assert shown(written.receipt)["assessors"] == ["analyst-1", "analyst-2"]
    gateway.refused(SecondPersonRequired, HOTLINE, cases.clear, case, step("analyst-2"))
    gateway.act(HOTLINE, cases.clear, case, step("analyst-3"))


def test_a_case_that_comes_cleared_names_both_assessors_too(gateway):
    with pytest.raises(RecordedRefusal):
        by_two(gateway)
    clearance = Clearance("analyst-1", "approver-1", second_assessor="analyst-2")
    assert by_two(gateway, clearance=clearance).result["state"] == "cleared"


# --- Keeping the register ------------------------------------------------------------------------


def test_pseudonyms_are_drawn_and_the_event_is_for_the_organisation(gateway):
    asked = HOTLINE, staff.add, asking("approver-1", {"roles": ["analyst"]})
    written = gateway.act(*asked, key="the same")
    (made,) = written.result["entries"]
    assert made["pseudonym"].startswith("pdc-")
    assert made["in_force"]
    told = shown(written.receipt)
    (named,) = json.loads(told["subject"])["entries"]
    assert named["pseudonym"] == made["pseudonym"]
    assert [one["organisation"] for one in told["party"]] == [HOTLINE]
    assert gateway.act(*asked, key="the same").result == written.result
    check_log(gateway)


def test_an_approver_is_entered_by_two_others(gateway):
    approver = {"roles": ["approver"]}
    for approved_by in ((), ("approver-1",), ("approver-1", "approver-1")):
        asked = asking("approver-1", approver, approved_by=approved_by)
        gateway.refused(SecondPersonRequired, HOTLINE, staff.add, asked)
    assert entered(gateway, "approver", approved_by=("approver-1", "approver-2"))


def test_those_who_agree_are_in_force_as_approver_or_head(gateway):
    analyst = entered(gateway, "analyst")[0]
    agreed = ["approver-1", analyst]
    asked = asking("approver-1", {"roles": ["head"]}, approved_by=agreed)
    refused = gateway.unheard(ValidationFailed, HOTLINE, staff.add, asked)
    assert pointers(refused) == ["/approved_by/1"]


def test_of_several_entries_all_are_made_or_none(gateway):
    bad = {"roles": ["analyst"], "from": "2020-01-01"}
    asked = asking("approver-1", {"roles": ["analyst"]}, bad)
    before = register(gateway)
    refused = gateway.unheard(ValidationFailed, HOTLINE, staff.add, asked)
    assert pointers(refused) == ["/entries/1"]
    assert register(gateway) == before


def register(gateway, organisation=HOTLINE):
    found = staff.page(gateway.ports, caller(organisation), "", 100)
    return {one["pseudonym"]: one for one in to_json(found.items)}


def test_a_duty_person_enters_somebody_for_a_night_and_nobody_for_longer(gateway):
    duty = entered(gateway, "duty")[0]
    temporary = entered(gateway, "analyst", by=duty, temporary=True)[0]
    assert register(gateway)[temporary]["in_force"]
    for_good = asking(duty, {"roles": ["analyst"]})
    gateway.unheard(ValidationFailed, HOTLINE, staff.add, for_good)
    gateway.clock.advance(TEMPORARY)
    assert not register(gateway)[temporary]["in_force"]


def test_its_own_organisation_ends_an_entry_once_and_it_stays_in_the_register(gateway):
    analyst = entered(gateway, "analyst")[0]
    gateway.refusal(staff.end, caller(OFMIN), gateway.key(), analyst, staff.StaffEnd("approver-1"))
    assert register(gateway)[analyst]["in_force"]
    assert analyst not in register(gateway, OFMIN)
    gateway.act(HOTLINE, staff.end, analyst, staff.StaffEnd("approver-1"))
    assert not register(gateway)[analyst]["in_force"]
    gateway.refused(WrongState, HOTLINE, staff.end, analyst, staff.StaffEnd("approver-1"))


def test_two_others_who_stay_end_an_approver_and_no_fewer(gateway):
    approver = entered(gateway, "approver", approved_by=("approver-1", "approver-2"))[0]
    for agree in ((), ("approver-1",), ("approver-1", "approver-1"), ("approver-1", approver)):
        end = staff.StaffEnd("approver-1", agree)
        gateway.refused(SecondPersonRequired, HOTLINE, staff.end, approver, end)
    assert register(gateway)[approver]["in_force"]
    end = staff.StaffEnd(approver, ("approver-1", "approver-2"))
    gateway.act(HOTLINE, staff.end, approver, end)
    assert not register(gateway)[approver]["in_force"]


def test_head_and_data_protection_officer_hear_of_every_change_of_the_register(gateway):
    begun = notifications.begin_delivery(gateway.ports, HOTLINE, DeliveryWay.MAIL)
    assert begun is not None
    notifications.end_delivery(gateway.ports, begun, DeliveryReport())
    analyst = entered(gateway, "analyst")[0]
    gateway.act(HOTLINE, staff.end, analyst, staff.StaffEnd("approver-1"))
    told = notifications.begin_delivery(gateway.ports, HOTLINE, DeliveryWay.MAIL)
    assert told is not None
    assert [one.type for one in told.pending] == ["staff.added", "staff.ended"]
    assert [told.for_mail[one.event] for one in told.pending] == 2 * [("head", "data_protection")]


# --- The first persons ---------------------------------------------------------------------------

NEW = "hotline-new"
FIRST = {"entries": ["head,analyst", "approver"]}


@pytest.fixture
def empty():
    """A gateway with a member in whose register there is nobody."""
    gateway = founded()
    entry = {"kind": "hotline", "name": "New", "country": "FR", "public_authority": False}
    change = Change("organisation.admit", NEW, {**entry, "regimes": ["gdpr"]})
    make_change(gateway.ports, change, gateway.approve(change))
    return gateway


def test_two_administrators_enter_the_first_persons(empty):
    written = empty.administer("staff.establish", NEW, **FIRST)
    first, second = [one["pseudonym"] for one in written.result["entries"]]
    asked = asking(first, {"roles": ["approver"]}, approved_by=[first, second])
    told = empty.act(NEW, staff.add, asked)
    assert len(told.result["entries"]) == 1
    check_log(empty)


def test_a_register_with_two_who_approve_is_its_organisations_own(empty):
    empty.administer("staff.establish", NEW, **FIRST)
    empty.unmade(WrongState, Change("staff.establish", NEW, FIRST))


def test_once_too_few_are_left_administrators_enter_others(empty):
    written = empty.administer("staff.establish", NEW, **FIRST)
    first, second = (one["pseudonym"] for one in written.result["entries"])
    day = (empty.clock() + timedelta(days=30)).date().isoformat()
    third = asking(first, {"roles": ["approver"], "until": day}, approved_by=[first, second])
    made = empty.act(NEW, staff.add, third)
    stay = [second, made.result["entries"][0]["pseudonym"]]
    empty.act(NEW, staff.end, first, staff.StaffEnd(first, tuple(stay)))
    empty.clock.advance(timedelta(days=31))
    assert empty.administer("staff.establish", NEW, **FIRST).result["entries"]


@pytest.mark.parametrize("entries", [["head"], ["head", "analyst"], ["head", "chief"], []])
def test_the_first_persons_are_two_who_approve(empty, entries):
    empty.unmade(ValidationFailed, Change("staff.establish", NEW, {"entries": entries}))


def test_no_system_both_submits_cases_and_keeps_the_register(gateway):
    for name, scopes, good in (
        ("both", [*SCOPES, STAFF_SCOPE], False),
        ("persons", [STAFF_SCOPE, "cases.read"], True),
    ):
        change = Change("system.register", HOTLINE, {"system": name, "scopes": scopes})
        if good:
            gateway.do(make_change, change, gateway.approve(change))
        else:
            gateway.unmade(ValidationFailed, change)


def test_an_entry_begins_on_its_day(gateway):
    asked = asking("approver-1", {"roles": ["analyst"], "from": "2026-03-03"})
    written = gateway.act(HOTLINE, staff.add, asked)
    assert not written.result["entries"][0]["in_force"]
    gateway.clock.advance(timedelta(days=1))
    assert register(gateway)[written.result["entries"][0]["pseudonym"]]["in_force"]
