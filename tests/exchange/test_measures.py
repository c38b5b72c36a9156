"""Measures on a case: who sets them, what they stop at once, and who hears of them."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.measure import MeasureKind
from gateway.domain.recall import RecallCode
from gateway.domain.refusals import (
    EditConflict,
    Forbidden,
    NotFound,
    SecondPersonRequired,
    ValidationFailed,
)
from gateway.evidence import event, sd_jwt
from gateway.exchange import cases, handoffs, measures, offers, recalls
from gateway.exchange.consultations import ConsultationRequest
from gateway.exchange.measures import MeasureEnd, MeasureRequest
from gateway.exchange.recalls import RecallRequest
from gateway.kernel.results import to_json
from gateway.kernel.transact import WriteResult
from tests import answers
from tests.founding import (
    ABROAD,
    CLEARED,
    HOTLINE,
    OFMIN,
    Founded,
    accepted,
    caller,
    case_content,
    consulted,
    element_id,
    fields_of,
    offer_of,
    offered,
    revised,
    submitted,
)

HOUR = timedelta(hours=1)
REMOVAL = {"purpose": ("remove",), "country_reason": "hosted behind a CDN"}


def wanted(gateway: Founded, kind: MeasureKind, **changes: Any) -> MeasureRequest:
    code = {"embargo": "operation", "suspension": "accuracy_contested", "mark": "objection"}
    until = None if kind is MeasureKind.MARK else gateway.ports.now() + 2 * HOUR
    values = {"kind": kind, "by": "officer-1", "code": code[kind], "until": until}
    return MeasureRequest(**values | changes)


def held(gateway: Founded, handoff: UUID, **changes: Any) -> WriteResult:
    """OFMIN sets an embargo on a case that it accepted under its mandate."""
    asked = wanted(gateway, MeasureKind.EMBARGO, **changes)
    return gateway.do(measures.on_handoff, caller(OFMIN), gateway.key(), handoff, asked)


def restricted(gateway: Founded, case: WriteResult, kind: MeasureKind, **changes: Any):
    asked = wanted(gateway, kind, **changes)
    at = UUID(case.result["case"])
    return gateway.do(measures.on_case, caller(HOTLINE), gateway.key(), at, asked)


def opening(code: str) -> ConsultationRequest:
    return ConsultationRequest("officer-1", code, "needed")


def refused(gateway: Founded, action, *args: Any) -> Any:
    return gateway.refusal(action, *args).refusal


def types(gateway: Founded, organisation: str) -> list[str]:
    with gateway.ports.begin("read") as work:
        numbers = work.log.stream(organisation, 0, 1000)
        documents = [work.log.logged(one).event.document for _, one in numbers]
    return [event.read(document)["type"] for document in documents]


# --- an embargo ----------------------------------------------------------------------------------


def test_an_authority_that_holds_a_case_stops_its_offer_for_removal(gateway):
    case = submitted(gateway)
    held(gateway, accepted(gateway, offered(gateway, case)))
    offer = offer_of(gateway, ABROAD, **REMOVAL)
    failed = refused(
        gateway, offers.offer, caller(HOTLINE), gateway.key(), UUID(case.result["case"]), offer
    )
    assert isinstance(failed, Forbidden)
    assert failed.rules == ("R7.embargo",)


def test_the_offer_is_possible_once_the_embargo_has_ended_by_its_time(gateway):
    case = submitted(gateway)
    held(gateway, accepted(gateway, offered(gateway, case)))
    gateway.clock.advance(3 * HOUR)
    assert offered(gateway, case, to=ABROAD, **REMOVAL).result["state"] == "offered"


def test_the_offer_is_possible_once_its_setter_has_ended_the_embargo(gateway):
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    embargo = held(gateway, handoff)
    end = MeasureEnd(UUID(str(embargo.result["measure"])), "officer-1")
    gateway.do(measures.on_handoff, caller(OFMIN), gateway.key(), handoff, end)
    assert offered(gateway, case, to=ABROAD, **REMOVAL).result["state"] == "offered"


def test_only_the_elements_under_an_embargo_stay_back(gateway):
    case = submitted(gateway)
    held(gateway, accepted(gateway, offered(gateway, case)), elements=(element_id("url"),))
    offer = offered(gateway, case, to=ABROAD, **REMOVAL)
    url, host = (
        next(d for d in case.result["groups"]["items"] if name in _names(gateway, case, d))
        for name in ("url", "host")
    )
    assert url not in offer.result["permitted_disclosures"]
    assert host in offer.result["permitted_disclosures"]


def test_a_mark_on_a_case_without_items_is_no_embargo(gateway):
    case = submitted(gateway, items=[])
    marked = {"elements": (element_id("victim"),), "approved_by": "approver-1"}
    restricted(gateway, case, MeasureKind.MARK, **marked)
    assert offered(gateway, case, to=ABROAD, **REMOVAL).result["state"] == "offered"


def _names(gateway: Founded, case: WriteResult, digest: str) -> str:
    placed = sd_jwt.read_stored(case.result["document"]).placed
    return next(part.value["kind"] for part in placed if part.digest == digest)


def test_a_holder_that_accepted_before_sees_embargoed_items_no_more(gateway):
    case = submitted(gateway)
    taken = accepted(gateway, offered(gateway, case, to=ABROAD, **REMOVAL), recipient=ABROAD)

    def withheld() -> Any:
        asked = (caller(ABROAD), gateway.key(), taken, opening("take_down"))
        return gateway.do(handoffs.consult, *asked).result["withheld_groups"]

    assert "items" not in withheld()
    held(gateway, accepted(gateway, offered(gateway, case)))
    assert "items" in withheld()


def test_a_hotline_sets_no_embargo(gateway):
    case = submitted(gateway)
    asked = wanted(gateway, MeasureKind.EMBARGO)
    at = UUID(case.result["case"])
    failed = refused(gateway, measures.on_case, caller(HOTLINE), gateway.key(), at, asked)
    assert isinstance(failed, NotFound)


def test_an_authority_sets_no_embargo_on_what_it_has_not_accepted(gateway):
    handoff = UUID(offered(gateway).result["handoff"])
    asked = wanted(gateway, MeasureKind.EMBARGO)
    failed = refused(gateway, measures.on_handoff, caller(OFMIN), gateway.key(), handoff, asked)
    assert isinstance(failed, NotFound)


def test_a_renewal_takes_a_second_person_and_replaces_the_one_before(gateway):
    handoff = accepted(gateway)
    first = held(gateway, handoff)
    asked = wanted(gateway, MeasureKind.EMBARGO)
    alone = refused(gateway, measures.on_handoff, caller(OFMIN), gateway.key(), handoff, asked)
    assert isinstance(alone, SecondPersonRequired)
    held(gateway, handoff, approved_by="approver-2")
    view = to_json(handoffs.look_up(gateway.ports, caller(OFMIN), handoff))
    (one,) = view["measures"]
    assert one["measure"] != first.result["measure"]


@pytest.mark.parametrize("elements", [(), (element_id("url"),)])
def test_one_person_does_not_end_and_set_again(gateway, elements):
    handoff = accepted(gateway)
    first = held(gateway, handoff, elements=(element_id("url"), element_id("host")))
    end = MeasureEnd(UUID(str(first.result["measure"])), "officer-1")
    gateway.do(measures.on_handoff, caller(OFMIN), gateway.key(), handoff, end)
    gateway.clock.advance(5 * 24 * HOUR)
    asked = wanted(gateway, MeasureKind.EMBARGO, elements=elements)
    alone = refused(gateway, measures.on_handoff, caller(OFMIN), gateway.key(), handoff, asked)
    assert isinstance(alone, SecondPersonRequired)
    both = {"elements": elements, "approved_by": "approver-2"}
    held(gateway, handoff, **both)
    gateway.clock.advance(7 * 24 * HOUR)
    beyond = gateway.ports.now() + 3 * 24 * HOUR
    with pytest.raises(ValidationFailed):
        held(gateway, handoff, until=beyond, **both)


def test_one_person_suspends_again_only_after_a_while(gateway):
    case = submitted(gateway)
    at = UUID(case.result["case"])
    restricted(gateway, case, MeasureKind.SUSPENSION)
    gateway.clock.advance(4 * HOUR)
    asked = wanted(gateway, MeasureKind.SUSPENSION)
    alone = refused(gateway, measures.on_case, caller(HOTLINE), gateway.key(), at, asked)
    assert isinstance(alone, SecondPersonRequired)
    gateway.clock.advance(72 * HOUR)
    restricted(gateway, case, MeasureKind.SUSPENSION)


def test_no_version_and_no_recall_ends_an_embargo(gateway):
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    held(gateway, handoff)
    newer = revised(gateway, case)
    wanted = RecallRequest("approver-1", RecallCode.OTHER, "given back", "approver-2")
    gateway.do(recalls.of_handoff, caller(HOTLINE), gateway.key(), handoff, wanted)
    offer = offer_of(gateway, ABROAD, **REMOVAL)
    at = UUID(newer.result["case"])
    failed = refused(gateway, offers.offer, caller(HOTLINE), gateway.key(), at, offer)
    assert failed.rules == ("R7.embargo",)


def test_a_private_holder_learns_until_when_and_not_who_or_why(gateway):
    case = submitted(gateway)
    taken = accepted(gateway, offered(gateway, case, to=ABROAD), recipient=ABROAD)
    held(gateway, accepted(gateway, offered(gateway, case)))
    (one,) = to_json(handoffs.look_up(gateway.ports, caller(ABROAD), taken))["measures"]
    assert one["until"] and "setter" not in one and "code" not in one
    assert types(gateway, ABROAD)[-1] == "case.embargoed"


def test_an_authority_that_holds_the_case_is_not_told_either(gateway):
    case = submitted(gateway)
    taken = accepted(gateway, offered(gateway, case))
    restricted(gateway, case, MeasureKind.SUSPENSION)
    (one,) = to_json(handoffs.look_up(gateway.ports, caller(OFMIN), taken))["measures"]
    assert one["until"] and "setter" not in one and "code" not in one


def test_who_gave_a_case_back_is_shown_no_measures_on_it(gateway):
    case = submitted(gateway)
    taken = UUID(offered(gateway, case, to=ABROAD).result["handoff"])
    reply = answers.said("officer-1", reason="not ours")
    gateway.do(answers.decline, caller(ABROAD), gateway.key(), taken, reply)
    held(gateway, accepted(gateway, offered(gateway, case)))
    shown = [
        to_json(handoffs.look_up(gateway.ports, caller(reader), taken)).get("measures")
        for reader in (ABROAD, HOTLINE)
    ]
    assert [len(one or ()) for one in shown] == [0, 1]


def test_the_originator_hears_of_an_embargo_on_its_case(gateway):
    handoff = accepted(gateway)
    written = held(gateway, handoff)
    assert fields_of(written.receipt)["handoff"] == str(handoff)
    assert types(gateway, HOTLINE)[-1] == "case.embargoed"


def test_a_judge_is_named_with_a_reference(gateway):
    handoff = accepted(gateway)
    asked = wanted(gateway, MeasureKind.EMBARGO, code="judge")
    with pytest.raises(ValidationFailed):
        measures.on_handoff(gateway.ports, caller(OFMIN), gateway.key(), handoff, asked)
    held(gateway, handoff, code="judge", authority="tribunal", reference="26/123")


def test_an_outcome_reads_as_received_for_a_private_party_while_an_embargo_holds(gateway):
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    held(gateway, handoff)
    reply = answers.said("officer-1", code="no_further_action")
    gateway.do(answers.outcome, caller(OFMIN), gateway.key(), handoff, reply)
    view = to_json(handoffs.look_up(gateway.ports, caller(HOTLINE), handoff))
    assert view["answers"][-1]["code"] == "received"
    gateway.clock.advance(3 * HOUR)
    view = to_json(handoffs.look_up(gateway.ports, caller(HOTLINE), handoff))
    assert view["answers"][-1]["code"] == "closed"


# --- restrictions of processing ------------------------------------------------------------------


def test_a_suspension_stops_consultations_and_offers_at_once(gateway):
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    restricted(gateway, case, MeasureKind.SUSPENSION)
    failed = refused(
        gateway, handoffs.consult, caller(OFMIN), gateway.key(), handoff, opening("investigation")
    )
    assert failed.rules == ("R13.suspension",)
    at, offer = UUID(case.result["case"]), offer_of(gateway, ABROAD)
    failed = refused(gateway, offers.offer, caller(HOTLINE), gateway.key(), at, offer)
    assert failed.rules == ("R13.suspension.offer",)


def test_an_authority_in_proceedings_consults_a_suspended_case(gateway):
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    restricted(gateway, case, MeasureKind.SUSPENSION)
    written = gateway.do(
        handoffs.consult, caller(OFMIN), gateway.key(), handoff, opening("in_proceedings")
    )
    assert written.result["presentation"]


def test_its_originator_looks_into_a_suspended_case(gateway):
    case = submitted(gateway)
    restricted(gateway, case, MeasureKind.SUSPENSION)
    at = UUID(case.result["case"])
    assert gateway.do(cases.consult, caller(HOTLINE), gateway.key(), at, opening("quality"))


def test_a_cleared_version_ends_a_suspension(gateway):
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    restricted(gateway, case, MeasureKind.SUSPENSION)
    revised(gateway, case)
    assert consulted(gateway, handoff).result["presentation"]


def test_a_draft_does_not_end_a_suspension_and_its_clearance_does(gateway):
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    restricted(gateway, case, MeasureKind.SUSPENSION)
    newer = revised(gateway, case, clearance=None)
    failed = refused(
        gateway, handoffs.consult, caller(OFMIN), gateway.key(), handoff, opening("investigation")
    )
    assert failed.rules == ("R13.suspension",)
    at = UUID(newer.result["case"])
    step = cases.CaseStepRequest
    gateway.do(cases.assess, caller(HOTLINE), gateway.key(), at, step(CLEARED.assessed_by))
    gateway.do(cases.clear, caller(HOTLINE), gateway.key(), at, step(CLEARED.cleared_by))
    assert consulted(gateway, handoff).result["presentation"]


def test_a_marked_element_is_opened_for_few_reasons_and_offered_to_nobody(gateway):
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    restricted(
        gateway,
        case,
        MeasureKind.MARK,
        elements=(element_id("victim"),),
        approved_by="approver-1",
    )
    assert "subjects" in consulted(gateway, handoff).result["withheld_groups"]
    evidence = gateway.do(
        handoffs.consult, caller(OFMIN), gateway.key(), handoff, opening("evidence")
    )
    assert "subjects" not in evidence.result["withheld_groups"]
    assert "subjects" in offered(gateway, case, to=ABROAD).result["withheld_groups"]


def test_one_person_neither_sets_nor_ends_a_mark(gateway):
    case = submitted(gateway)
    at, marked = UUID(case.result["case"]), (element_id("victim"),)
    asked = wanted(gateway, MeasureKind.MARK, elements=marked)
    failed = refused(gateway, measures.on_case, caller(HOTLINE), gateway.key(), at, asked)
    assert isinstance(failed, SecondPersonRequired)
    written = restricted(gateway, case, MeasureKind.MARK, elements=marked, approved_by="approver-1")
    end = MeasureEnd(UUID(str(written.result["measure"])), "officer-1")
    failed = refused(gateway, measures.on_case, caller(HOTLINE), gateway.key(), at, end)
    assert isinstance(failed, SecondPersonRequired)


def test_no_version_sheds_a_measure_by_another_id(gateway):
    case = submitted(gateway)
    victim = element_id("victim")
    marked = {"elements": (victim,), "approved_by": "approver-1"}
    restricted(gateway, case, MeasureKind.MARK, **marked)
    subjects = case_content(UUID(case.result["case"]))["subjects"]
    others = [one for one in subjects if one["id"] != victim]
    again = {**next(one for one in subjects if one["id"] == victim), "id": str(gateway.new_id())}
    for changed, pointer in (
        (others, "/content/subjects"),
        ([*subjects, again], f"/content/subjects/{len(subjects)}"),
    ):
        with pytest.raises(ValidationFailed) as failed:
            revised(gateway, case, subjects=changed)
        assert [where for where, _ in failed.value.errors] == [pointer]


def test_a_measure_names_elements_of_the_case(gateway):
    case = submitted(gateway)
    asked = wanted(gateway, MeasureKind.SUSPENSION, elements=(str(gateway.new_id()),))
    with pytest.raises(ValidationFailed):
        measures.on_case(
            gateway.ports, caller(HOTLINE), gateway.key(), UUID(case.result["case"]), asked
        )


def test_a_repeated_request_sets_one_measure(gateway):
    case, key = submitted(gateway), gateway.key()
    at, asked = UUID(case.result["case"]), wanted(gateway, MeasureKind.SUSPENSION)
    first = gateway.do(measures.on_case, caller(HOTLINE), key, at, asked)
    again = gateway.do(measures.on_case, caller(HOTLINE), key, at, asked)
    assert first.result == again.result
    assert len(to_json(cases.look_up(gateway.ports, caller(HOTLINE), at))["measures"]) == 1


def test_what_has_ended_is_not_ended_again(gateway):
    case = submitted(gateway)
    at = UUID(case.result["case"])
    written = restricted(gateway, case, MeasureKind.SUSPENSION)
    end = MeasureEnd(UUID(str(written.result["measure"])), "officer-1")
    gateway.do(measures.on_case, caller(HOTLINE), gateway.key(), at, end)
    with pytest.raises(EditConflict):
        measures.on_case(gateway.ports, caller(HOTLINE), gateway.key(), at, end)
