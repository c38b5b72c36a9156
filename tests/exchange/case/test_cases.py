"""What an originator does with its own cases: assess, clear, close, list and open them."""

from typing import Any
from uuid import UUID

from gateway.domain.case import GROUPS
from gateway.domain.refusals import OpenHandoffs
from gateway.domain.vocabulary import Urgency
from gateway.evidence import handoff_documents, sd_jwt
from gateway.exchange.case import cases
from gateway.exchange.case.cases import CaseStepRequest
from gateway.kernel.results import to_json
from gateway.kernel.transact import WriteResult
from gateway.kernel.values import CaseFilter
from tests import answers
from tests.casework import OPENING, accepted, offered, submitted
from tests.founded_gateway import ABROAD, HOTLINE, OFMIN, Founded, caller, fields_of, shown


def verified(gateway: Founded, document: str) -> sd_jwt.VerifiedSdJwt:
    return gateway.verified(document, handoff_documents.CASE_TYP)


def id_of(case: WriteResult) -> UUID:
    return UUID(case.result["case"])


def step(gateway: Founded, action: Any, case: UUID, by: str, **more: Any) -> WriteResult:
    return gateway.act(HOTLINE, action, case, CaseStepRequest(by, **more))


def draft(gateway: Founded, **content: Any) -> UUID:
    return id_of(submitted(gateway, clearance=None, **content))


def test_a_case_without_clearance_is_a_draft_that_a_person_assesses_and_another_one_clears(gateway):
    case = draft(gateway)
    assert gateway.case(case).state == "draft"
    for action, by, state in (
        (cases.assess, "analyst-1", "assessed"),
        (cases.clear, "approver-1", "cleared"),
    ):
        written = step(gateway, action, case, by, reason="as agreed")
        assert written.result["state"] == gateway.case(case).state == state
        told = shown(written.receipt)
        assert (told["by"], told["reason"]) == (by, "as agreed")


# --- closing and reading -------------------------------------------------------------------------


def test_a_case_closes_once_none_of_its_handoffs_is_open(gateway):
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    asked = id_of(case), CaseStepRequest("analyst-1", "no more to do")
    gateway.refused(OpenHandoffs, HOTLINE, cases.close, *asked)
    assert fields_of(gateway.receipts[-1])["result"] == "wrong_state"
    gateway.answer(OFMIN, answers.close, handoff)
    written = gateway.act(HOTLINE, cases.close, *asked)
    assert written.result["state"] == gateway.case(asked[0]).state == "closed"


def test_looking_a_case_up_shows_where_it_belongs_and_no_content(gateway):
    case = submitted(gateway)
    seen = to_json(cases.look_up(gateway.ports, caller(HOTLINE), id_of(case)))
    assert (seen["matter"], seen["urgency"], seen["state"]) == (["csam"], "priority", "cleared")
    for content in ("content.example.org", "likely a copy", case.result["document"]):
        assert content not in str(seen)


def test_cases_are_listed_by_state_from_page_to_page(gateway):
    drafts = [UUID(submitted(gateway, clearance=None).result["case"]) for _ in range(2)]
    submitted(gateway)
    me, draft = caller(HOTLINE), CaseFilter(state="draft")
    first = cases.page(gateway.ports, me, None, 1, draft)
    rest = cases.page(gateway.ports, me, drafts[0], 9, draft)
    assert [one.case for one in (*first.items, *rest.items)] == drafts
    assert cases.page(gateway.ports, me, None, 9, CaseFilter(state="closed")).items == []


def test_cases_are_found_by_reference_urgency_matter_counterpart_and_days(gateway):
    made = [submitted(gateway), submitted(gateway, urgency="urgent", matter=["csam", "grooming"])]
    first, second = (UUID(one.result["case"]) for one in made)
    offered(gateway, made[1])

    def found(matter: str | None = None, **asked: Any) -> list[UUID]:
        where = (caller(HOTLINE), None, 9, CaseFilter(**asked))
        return [one.case for one in cases.page(gateway.ports, *where, matter=matter).items]

    assert found(reference=f"ref-{second}") == [second]
    assert found(reference="HA-none") == []
    assert found(urgency=Urgency.URGENT) == [second]
    assert found(matter="csam") == [first, second]
    assert found(matter="grooming") == [second]
    assert found(counterpart=OFMIN, state="cleared") == [second]
    assert found(counterpart=ABROAD) == []


def test_a_page_of_cases_shows_the_callers_own_in_order(gateway):
    own = [UUID(submitted(gateway).result["case"]) for _ in range(3)]
    submitted(gateway, originator=ABROAD)
    first = to_json(cases.page(gateway.ports, caller(HOTLINE), None, 2).items)
    rest = to_json(cases.page(gateway.ports, caller(HOTLINE), own[1], 2).items)
    assert [UUID(seen["case"]) for seen in (*first, *rest)] == own
    assert "content.example.org" not in str(first)


def test_an_originator_opens_its_own_case_by_a_consultation(gateway):
    case = submitted(gateway)
    written = gateway.act(HOTLINE, cases.consult, UUID(case.result["case"]), OPENING)
    whole = verified(gateway, written.result["presentation"])
    assert whole.content["items"]
    assert written.result["withheld_groups"] == []
    fields, told = fields_of(written.receipt), shown(written.receipt)
    assert fields["package_digest"] == handoff_documents.package_digest(
        p.digest for p in whole.placed
    )
    assert fields["case_digest"] == case.result["digest"]
    assert told["reason_code"] == "investigation"
    assert told["reason"] == "first look at the report"
    assert told["groups"] == sorted(GROUPS)


def test_a_case_shows_its_originator_what_it_may_do_now_what_is_owed_first(gateway):
    def acts(case):
        seen = to_json(cases.look_up(gateway.ports, caller(HOTLINE), id_of(case)))
        return {one["action"]: one["due_at"] for one in seen["acts"]}

    draft = acts(submitted(gateway, clearance=None))
    assert list(draft) == [
        "case.advance_erasure", "case.assess", "case.close", "case.consult", "case.restrict",
        "case.revise",
    ]  # fmt: skip
    danger = {"urgency": "imminent_danger", "urgency_reason": "child_located"}
    early = submitted(gateway, clearance=None, **danger)
    offered(gateway, early)
    owed = acts(early)
    assert "case.clear" not in owed  # it was not assessed yet
    assert {"case.recall", "handoff.offer"} < owed.keys()
    assert "case.close" not in owed  # its handoff is open
    gateway.act(HOTLINE, cases.assess, id_of(early), CaseStepRequest("analyst-1", "seen"))
    first, due = next(iter(acts(early).items()))
    assert (first, due is not None) == ("case.clear", True)
