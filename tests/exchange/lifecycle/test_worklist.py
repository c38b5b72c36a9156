"""What waits for an organisation is in one list, in order, and nothing that is kept from it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.duty import DUE
from gateway.domain.organisation import Certificate
from gateway.domain.out_of_service import case_entry, handoff_entry
from gateway.domain.refusals import CaseErased, Forbidden, NotFound
from gateway.domain.revision import ChangeKind, VersionChange
from gateway.domain.vocabulary import Urgency
from gateway.domain.worklist import EVERYTHING, WorklistFilter
from gateway.exchange.case import cases
from gateway.exchange.case.cases import CaseStepRequest
from gateway.exchange.handoffs import arrivals, offers, recalls, views
from gateway.exchange.handoffs.arrivals import ReferRequest, TakeRequest
from gateway.exchange.lifecycle import worklist
from gateway.kernel.ports import TransactionMode
from gateway.kernel.results import to_json
from tests import answers
from tests.casework import accepted, consulted, offer_of, offered, revised, submitted, updated
from tests.exchange.handoffs.test_recalls import UNLAWFUL, recalled
from tests.exchange.lifecycle.test_before_erasure import erased_in
from tests.exchange.lifecycle.test_erasure import on_the_day, streamed
from tests.founded_gateway import ABROAD, CSAM_FR, HOTLINE, OFMIN, Founded, caller


def waits(
    gateway: Founded, by: str, limit: int = 100, wanted: WorklistFilter = EVERYTHING, **changes: Any
) -> list[dict[str, Any]]:
    """What waits for an organisation, page by page."""
    asking, found, after = replace(caller(by), **changes), [], None
    while True:
        page = worklist.page(gateway.ports, asking, after, limit, wanted)
        found += [to_json(one) for one in page.items]
        if page.after is None:
            return found
        after = str(page.after)


def owed(gateway: Founded, by: str, limit: int = 100) -> list[dict[str, Any]]:
    """What of it is about handoffs."""
    return [one for one in waits(gateway, by, limit) if one["handoff"]]


REASON = {"urgency_reason": "child_located"}


def drafted(gateway: Founded, **content: Any) -> UUID:
    return UUID(submitted(gateway, clearance=None, **content).result["case"])


def handoff_of(gateway: Founded, urgency: str) -> UUID:
    return UUID(offered(gateway, submitted(gateway, urgency=urgency)).result["handoff"])


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_what_is_owed_comes_by_urgency_then_due_time_whatever_the_page(gateway, limit):
    normal = handoff_of(gateway, "normal")
    urgent = handoff_of(gateway, "urgent")
    gateway.clock.advance(timedelta(minutes=1))
    later = handoff_of(gateway, "urgent")
    found = owed(gateway, OFMIN, limit)
    assert [one["handoff"] for one in found] == [str(urgent), str(later), str(normal)]
    assert {(one["kind"], one["acts"][0]) for one in found} == {("answer", "handoff.accept")}
    assert {(one["counterpart"], one["received"]) for one in found} == {(HOTLINE, True)}
    assert found[0]["command"] == f"handoff accept {urgent}"
    assert {one["reference"] for one in found} == {None}, "it is its originator's alone"
    assert owed(gateway, HOTLINE) == []


def test_a_duty_is_overdue_from_its_due_time_on_and_gone_once_it_is_fulfilled(gateway):
    handoff = handoff_of(gateway, "urgent")
    gateway.clock.advance(DUE[Urgency.URGENT] - timedelta(seconds=1))
    assert [one["overdue"] for one in owed(gateway, OFMIN)] == [False]
    gateway.clock.advance(timedelta(seconds=1))
    assert [one["overdue"] for one in owed(gateway, OFMIN)] == [True]
    gateway.answer(OFMIN, answers.decline, handoff, "not ours")
    assert owed(gateway, OFMIN) == []


def test_each_party_owes_its_own_part_of_a_correction(gateway):
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    revised(gateway, case, matter=["csam", "grooming"])
    (update,) = owed(gateway, HOTLINE)
    assert (update["acts"][0], update["handoff"]) == ("handoff.update", str(handoff))
    updated(gateway, handoff)
    acknowledgement, unopened = owed(gateway, OFMIN)
    assert acknowledgement["acts"][0] == "handoff.acknowledge"
    assert unopened["kind"] == "unopened"
    assert acknowledgement["case"] == case.result["case"]
    assert owed(gateway, HOTLINE) == []


def test_an_update_that_no_package_can_bring_is_replaced_by_a_notice(gateway):
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    gateway.answer(OFMIN, answers.decline, handoff, "not ours after all")
    revised(gateway, case, matter=["csam", "grooming"])
    notice, _declined = owed(gateway, HOTLINE)
    assert notice["acts"][0] == "handoff.notify_correction"
    assert notice["acts"] == ["handoff.notify_correction", "handoff.omit_update"]


def test_what_was_accepted_waits_until_somebody_opens_it(gateway):
    whole = accepted(gateway)
    part = accepted(gateway, offered(gateway, submitted(gateway)), groups=("items",))
    consulted(gateway, accepted(gateway))
    gateway.act(OFMIN, arrivals.take, whole, TakeRequest("officer-1"))
    first, second = owed(gateway, OFMIN)
    assert {first["handoff"], second["handoff"]} == {str(whole), str(part)}
    assert (first["kind"], first["command"]) == ("unopened", f"handoff consult {whole}")
    assert (first["acts"], first["taken_by"], first["due_at"]) == (
        ["case.consult"], "officer-1", None
    )  # fmt: skip
    consulted(gateway, whole)
    consulted(gateway, part)
    assert owed(gateway, OFMIN) == owed(gateway, HOTLINE) == []


def test_what_an_interest_keeps_away_is_not_in_the_list(gateway):
    offered(gateway, to=ABROAD)
    assert len(owed(gateway, ABROAD)) == 1
    gateway.interest(ABROAD, "content.example.org")
    assert owed(gateway, ABROAD) == []


def test_a_handoff_whose_row_was_given_to_another_is_passed_over(gateway):
    other, _ = handoff_of(gateway, "normal"), handoff_of(gateway, "urgent")
    give = "UPDATE handoff SET recipient = '{}' WHERE urgency = 1".format
    gateway.store.change(give("ocrvp"))
    assert [one["handoff"] for one in owed(gateway, OFMIN)] == [str(other)]
    gateway.store.change(give("ofmin"))


# --- What is late at others, and one's own cases ---


def test_a_late_answer_waits_for_the_originator_a_danger_first(gateway):
    handoff_of(gateway, "normal")
    danger = UUID(
        offered(gateway, submitted(gateway, urgency="imminent_danger", **REASON)).result["handoff"]
    )
    gateway.clock.advance(timedelta(days=8))
    late = [one for one in owed(gateway, HOTLINE) if one["kind"] == "late_answer"]
    assert [one["urgency"] for one in late] == ["imminent_danger", "normal"]
    assert (late[0]["handoff"], late[0]["overdue"]) == (str(danger), True)
    assert late[0]["reference"], "its own"


WITH_NOBODY = "case_offer"


def own_cases(gateway: Founded) -> list[tuple[str, str, list[str]]]:
    """Its cases of which a row waits, by kind, with what can be done."""
    found = [one for one in waits(gateway, HOTLINE) if one["handoff"] is None]
    return [(one["kind"], one["case"], one["acts"]) for one in found]


@pytest.mark.parametrize("given_up", ["declined", "redirected", "withdrawn"])
def test_a_cleared_case_waits_until_somebody_is_asked_and_again_once_nobody_has_it(
    gateway, given_up
):
    made = submitted(gateway, urgency="urgent", **REASON)
    waiting = [(WITH_NOBODY, made.result["case"], ["handoff.offer", "case.close"])]
    assert own_cases(gateway) == waiting
    first, other = (
        UUID(offered(gateway, made, to=to).result["handoff"]) for to in (CSAM_FR, ABROAD)
    )
    assert own_cases(gateway) == []
    gateway.answer(ABROAD, answers.decline, other, "not ours")
    assert own_cases(gateway) == [], "the other one has it"
    match given_up:
        case "declined":
            gateway.answer(OFMIN, answers.decline, first, "not ours")
        case "redirected":
            gateway.answer(OFMIN, answers.redirect, first, reason="for another office")
        case "withdrawn":
            gateway.answer(HOTLINE, answers.withdraw, first, "not needed")
    assert own_cases(gateway) == waiting
    offered(gateway, made, to=ABROAD, again="they asked for it")
    assert own_cases(gateway) == []


@pytest.mark.parametrize(
    ("suggested", "to"),
    [(ABROAD, ABROAD), (" a HOTLINE abroad ", ABROAD), ("the office in Belgium", None), ("", None)],
)
def test_a_redirected_case_is_to_be_offered_to_whom_the_redirection_names(gateway, suggested, to):
    handoff = UUID(offered(gateway).result["handoff"])
    said = {"suggested_recipient": suggested} if suggested else {}
    gateway.answer(OFMIN, answers.redirect, handoff, reason="not ours", **said)
    (row,) = [one for one in waits(gateway, HOTLINE) if one["kind"] == WITH_NOBODY]
    assert row["counterpart"] == to
    assert row["command"] == " ".join(["handoff offer", row["case"], *(("--to", to) if to else ())])


def test_a_case_that_its_recipient_closed_waits_no_more_nor_does_one_that_was_closed(gateway):
    handoff = accepted(gateway)
    gateway.answer(OFMIN, answers.outcome, handoff, code="no_further_action")
    gateway.answer(OFMIN, answers.close, handoff)
    assert own_cases(gateway) == []
    case = UUID(submitted(gateway).result["case"])
    gateway.act(HOTLINE, cases.close, case, CaseStepRequest("analyst-1", "nobody wants it"))
    assert own_cases(gateway) == []


@pytest.mark.parametrize("closed", [False, True])
def test_a_case_that_was_recalled_from_everybody_is_to_be_corrected_or_closed(gateway, closed):
    handoff = accepted(gateway)
    if closed:
        gateway.answer(OFMIN, answers.close, handoff)
        assert own_cases(gateway) == []
    case = gateway.handoff(handoff).case
    recalled(gateway, case)
    assert own_cases(gateway) == [("case_recalled", str(case), ["case.close", "case.revise"])]


def test_a_case_of_which_one_handoff_was_recalled_is_to_be_offered_to_others(gateway):
    handoff = accepted(gateway)
    gateway.act(HOTLINE, recalls.of_handoff, handoff, UNLAWFUL)
    assert [kind for kind, *_ in own_cases(gateway)] == [WITH_NOBODY]


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_cases_to_assess_and_to_clear_stand_among_what_is_owed_by_urgency(gateway, limit):
    usual, urgent, owes = (drafted(gateway, urgency=one) for one in ("normal", "urgent", "normal"))
    handoff = accepted(gateway)
    gateway.answer(OFMIN, answers.outcome, handoff, code="received")
    gateway.act(HOTLINE, cases.assess, owes, CaseStepRequest("analyst-1"))
    found = waits(gateway, HOTLINE, limit)
    assert [(one["kind"], one["case"]) for one in found if one["handoff"] is None] == [
        ("assessment", str(urgent)),
        ("assessment", str(usual)),
        ("case_clearance", str(owes)),
    ]
    assert found[0]["urgency"] == "urgent"
    assert len(found) == 4
    assert found[0]["command"] == f"case assess {urgent}"
    assert found[0]["reference"] == f"ref-{urgent}"


def test_a_case_stands_by_the_urgency_of_its_newest_version(gateway):
    usual = drafted(gateway, urgency="normal")
    later = drafted(gateway, urgency="normal")
    assert [one["case"] for one in waits(gateway, HOTLINE)] == [str(usual), str(later)]
    digest = gateway.case(later).digest
    more = {"urgency": "urgent", "urgency_reason": "child_located"}
    submitted(
        gateway,
        case=later,
        version=2,
        previous=digest,
        clearance=None,
        **more,
        change=VersionChange(ChangeKind.CORRECTION, "other", "found by a check", ("/urgency",)),
    )
    assert [one["case"] for one in waits(gateway, HOTLINE)] == [str(later), str(usual)]


# --- What is about no case ---


def test_what_ends_soon_is_listed_before_it_ends_and_not_where_its_like_follows(gateway):
    def ending(by: str) -> list[Any]:
        return [(o["kind"], o["about"], o["due_at"][:10]) for o in waits(gateway, by)]

    assert ending(ABROAD) == []
    gateway.administer("membership.end", ABROAD, until="2026-03-20")
    assert ending(ABROAD) == [("membership", "full", "2026-03-20")]
    gateway.administer(
        "membership.grant", ABROAD, membership="full", start="2026-03-20", decision_ref="again"
    )
    assert ending(ABROAD) == []


def test_ones_own_cases_that_are_erased_soon_are_counted_in_one_row(gateway):
    def rows() -> list[Any]:
        return [one for one in waits(gateway, HOTLINE) if one["kind"] == "erasure"]

    erased_in(gateway, 15)
    assert rows() == []
    for days in (14, 9):
        erased_in(gateway, days)
    (row,) = rows()
    first = (gateway.clock() + timedelta(days=9)).date()
    assert (row["kind"], row["about"], row["due_at"][:10]) == ("erasure", "2", str(first))


def test_the_last_certificate_of_each_system_is_listed_ten_days_before_it_ends(gateway):
    now = gateway.clock()
    with gateway.past_events(ABROAD) as work:
        (system,) = work.organisations.systems(ABROAD)
        for number, days in enumerate((5, 11), 1):
            ends = now + timedelta(days=days)
            name = f"thumb-{number}"
            made = Certificate(name, number, ABROAD, system.name, ends)
            work.organisations.add_certificate(made)
    assert waits(gateway, ABROAD) == []
    gateway.clock.advance(timedelta(days=2))
    (row,) = waits(gateway, ABROAD)
    assert (row["kind"], row["about"], row["command"]) == (
        "certificate", system.name, "system renew"
    )  # fmt: skip


# --- What a scope or a suspension closes, and filters ---


def skipped(gateway: Founded, by: str, **changes: Any) -> list[tuple[str, str | None]]:
    page = worklist.page(gateway.ports, replace(caller(by), **changes), None, 100)
    return [(one.source, one.scope) for one in page.skipped]


def test_what_a_system_has_no_scope_for_is_named_and_the_rest_is_listed(gateway):
    drafted(gateway)
    few = frozenset({"handoffs.read"})
    assert skipped(gateway, HOTLINE) == []
    assert skipped(gateway, HOTLINE, scopes=few) == [
        ("cases", "cases.read"), ("held_removals", "cases.read"), ("erasures", "cases.read"),
        ("notifications", "events.read"),
    ]  # fmt: skip
    erased_in(gateway, 5)
    kinds = [one["kind"] for one in waits(gateway, HOTLINE)]
    assert kinds == ["assessment", WITH_NOBODY, "erasure"]
    assert waits(gateway, HOTLINE, scopes=few) == [], "not even how many cases there are"


def test_a_suspended_member_sees_what_it_owes_and_what_is_closed_is_named(gateway):
    handoff = accepted(gateway)
    recalled(gateway, gateway.handoff(handoff).case)
    gateway.administer("organisation.suspend", OFMIN, reason="an inquiry")
    assert {one["kind"] for one in owed(gateway, OFMIN)} == {
        "recall_acknowledgement", "recall_answer"
    }  # fmt: skip
    assert skipped(gateway, OFMIN) == [
        ("unopened", None), ("cases", None), ("held_removals", None), ("successions", None),
        ("notifications", None),
    ]  # fmt: skip


def test_a_filter_leaves_what_does_not_fit_away(gateway):
    urgent, abroad = handoff_of(gateway, "urgent"), offered(gateway, to=ABROAD).result["handoff"]
    gateway.act(HOTLINE, arrivals.take, urgent, TakeRequest("analyst-1"))
    gateway.clock.advance(timedelta(days=8))

    def found(**wanted: Any) -> list[str]:
        return [o["handoff"] for o in waits(gateway, HOTLINE, wanted=WorklistFilter(**wanted))]

    assert found() == [str(urgent), abroad]
    assert found(urgency="urgent") == found(taken_by="analyst-1") == [str(urgent)]
    assert found(counterpart=ABROAD) == [abroad]
    assert found(matter="csam", overdue=True) == found()
    assert found(matter="terrorism") == []
    day = gateway.ports.reference_date(gateway.ports.now()).day
    gateway.administer("membership.end", HOTLINE, until=str(day + timedelta(days=9)))
    (ends,) = waits(gateway, HOTLINE, wanted=WorklistFilter(ends=True))
    assert ends["kind"] == "membership"


# --- Who works on it ---


def test_who_works_on_a_handoff_is_for_its_own_side_alone_and_the_last_one_counts(gateway):
    handoff = accepted(gateway)
    gateway.answer(OFMIN, answers.outcome, handoff, code="received")
    before = len(streamed(gateway, OFMIN, "handoff.taken"))
    for person in ("analyst-1", "officer-1"):
        taken = gateway.act(HOTLINE, arrivals.take, handoff, TakeRequest(person))
        assert taken.result == {"handoff": str(handoff), "taken_by": person}
    assert len(streamed(gateway, HOTLINE, "handoff.taken")) == 2
    assert len(streamed(gateway, OFMIN, "handoff.taken")) == before
    assert [one["taken_by"] for one in owed(gateway, HOTLINE)] == ["officer-1"]
    assert gateway.view(HOTLINE, handoff)["taken_by"] == "officer-1"
    assert "taken_by" not in gateway.view(OFMIN, handoff)


def test_what_an_interest_keeps_away_is_not_taken(gateway):
    handoff = UUID(offered(gateway, to=ABROAD).result["handoff"])
    gateway.interest(ABROAD, "content.example.org")
    gateway.refused(NotFound, ABROAD, arrivals.take, handoff, TakeRequest("officer-1"))


def test_who_worked_on_it_is_forgotten_with_the_case(gateway):
    handoff = accepted(gateway)
    gateway.act(OFMIN, arrivals.take, handoff, TakeRequest("officer-1"))
    assert gateway.store.tables("taken_handoff")["taken_handoff"]
    on_the_day(gateway)
    assert not gateway.store.tables("taken_handoff")["taken_handoff"]
    gateway.refused(CaseErased, OFMIN, arrivals.take, handoff, TakeRequest("officer-1"))


# --- The recipient's own reference ---


def test_a_recipient_finds_a_handoff_by_its_own_reference_which_nobody_else_is_shown(gateway):
    handoff, _ = accepted(gateway), accepted(gateway)
    before = len(streamed(gateway, HOTLINE, "handoff.referred"))
    for number in ("PV 1", "PV 2026/17"):
        gateway.act(OFMIN, arrivals.refer, handoff, ReferRequest("officer-1", number))
    assert gateway.view(OFMIN, handoff)["reference"] == "PV 2026/17"
    assert gateway.view(HOTLINE, handoff)["reference"] is None

    def found(number: str, organisation: str = OFMIN, box: str = "in") -> list[str]:
        wanted = views.HandoffQuery(reference=number)
        asked = {"box": box, "after": None, "limit": 9, "wanted": wanted}
        listed = views.page(gateway.ports, caller(organisation), **asked)
        return [str(one.handoff) for one in listed.items]

    assert found("PV 2026/17") == [str(handoff)]
    assert found("PV 1") == found("PV 2026/17", HOTLINE, "out") == []
    assert len(streamed(gateway, HOTLINE, "handoff.referred")) == before
    said = streamed(gateway, OFMIN, "handoff.referred")
    assert len(said) == 2
    assert "2026/17" not in str(said)
    gateway.refused(Forbidden, HOTLINE, arrivals.refer, handoff, ReferRequest("analyst-1", "ours"))


def test_what_waits_shows_the_recipients_own_reference(gateway):
    handoff = UUID(offered(gateway).result["handoff"])
    gateway.act(OFMIN, arrivals.refer, handoff, ReferRequest("officer-1", "PV 17"))
    assert [one["reference"] for one in waits(gateway, OFMIN)] == ["PV 17"]


def test_a_reference_ends_with_the_case(gateway):
    handoff = accepted(gateway)
    gateway.act(OFMIN, arrivals.refer, handoff, ReferRequest("officer-1", "PV 17"))
    (row,) = gateway.store.tables("handoff_reference")["handoff_reference"]
    assert "PV 17" not in str(row)
    on_the_day(gateway)
    assert not gateway.store.tables("handoff_reference")["handoff_reference"]
    gateway.refused(CaseErased, OFMIN, arrivals.refer, handoff, ReferRequest("officer-1", "PV 18"))


# --- Removals that wait for the police ---


REMOVAL = {"to": ABROAD, "purpose": ("remove",), "country_reason": "hosted behind a CDN"}


def removals(gateway: Founded) -> list[tuple[str, list[str], str | None]]:
    kinds = ("held_removal", "free_removal")
    found = [one for one in waits(gateway, HOTLINE) if one["kind"] in kinds]
    assert {one["counterpart"] for one in found} <= {ABROAD}
    return [(one["kind"], one["acts"], one["command"]) for one in found]


def test_a_removal_held_for_the_police_waits_and_is_an_act_once_it_is_free(gateway):
    gateway.ports = replace(gateway.ports, police_first=timedelta(hours=24))
    case = submitted(gateway)
    offer = offers.offer, UUID(case.result["case"]), offer_of(gateway, **REMOVAL)
    gateway.denied("R7.police_first", HOTLINE, *offer)
    gateway.denied("R7.police_first", HOTLINE, *offer)
    assert removals(gateway) == [("held_removal", [], None)]
    gateway.clock.advance(timedelta(hours=24))
    command = f"handoff offer {case.result['case']} --to {ABROAD} --purpose remove --group items"
    assert removals(gateway) == [("free_removal", ["handoff.offer"], command)]
    offered(gateway, case, **REMOVAL)
    assert removals(gateway) == []


def test_a_removal_that_nobody_offered_again_for_a_month_is_no_line_any_more(gateway):
    gateway.ports = replace(gateway.ports, police_first=timedelta(hours=24))
    case = submitted(gateway)
    offer = offers.offer, UUID(case.result["case"]), offer_of(gateway, **REMOVAL)
    gateway.denied("R7.police_first", HOTLINE, *offer)
    gateway.clock.advance(timedelta(days=29))
    assert [kind for kind, *_ in removals(gateway)] == ["free_removal"]
    gateway.clock.advance(timedelta(days=1))
    assert removals(gateway) == []


def test_a_held_removal_is_forgotten_with_its_case(gateway):
    gateway.ports = replace(gateway.ports, police_first=timedelta(hours=24))
    case = submitted(gateway)
    asked = offer_of(gateway, **REMOVAL)
    gateway.denied("R7.police_first", HOTLINE, offers.offer, UUID(case.result["case"]), asked)
    assert gateway.store.tables("held_removal")["held_removal"]
    on_the_day(gateway)
    assert not gateway.store.tables("held_removal")["held_removal"]


def test_what_is_out_of_service_says_so_and_names_no_act_that_is_refused(gateway):
    draft, offer = drafted(gateway), UUID(offered(gateway, submitted(gateway)).result["handoff"])
    with gateway.ports.begin(TransactionMode.REGISTRY) as work:
        out = frozenset({case_entry(HOTLINE, draft), handoff_entry(offer)})
        work.organisations.put_out_of_service(out)
        work.commit()
    told = [*waits(gateway, HOTLINE), *waits(gateway, OFMIN)]
    rows = [one for one in told if one["handoff"] == str(offer) or one["case"] == str(draft)]
    said = [(one["kind"], one["acts"], one["command"], one["out_of_service"]) for one in rows]
    assert said == [("assessment", [], None, True), ("answer", [], None, True)]
