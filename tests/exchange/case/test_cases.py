"""What an originator does with its own cases, and what it may not do with them."""

from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.case import GROUPS, case_from_claims
from gateway.domain.refusals import (
    AlreadyExists,
    EditConflict,
    Forbidden,
    OpenHandoffs,
    SecondPersonRequired,
    UnconfirmedMatch,
    ValidationFailed,
    WrongState,
)
from gateway.domain.revision import ChangeKind, VersionChange
from gateway.domain.vocabulary import Urgency
from gateway.evidence import handoff_documents, sd_jwt
from gateway.exchange.case import cases, submissions
from gateway.exchange.case.cases import CaseStepRequest
from gateway.exchange.case.submissions import Clearance, Submission
from gateway.kernel.results import to_json
from gateway.kernel.transact import WriteResult
from gateway.kernel.values import CaseFilter
from gateway.schemas.case_document import load_case
from tests import answers
from tests.casework import (
    CLEARED,
    OPENING,
    accepted,
    case_content,
    element_id,
    machine_match,
    offered,
    revised,
    submitted,
)
from tests.each import each
from tests.founded import (
    ABROAD,
    HOTLINE,
    OCRVP,
    OFMIN,
    Founded,
    caller,
    fields_of,
    refused_without_event,
    shown,
)
from tests.ports import ISSUER


def verified(gateway: Founded, document: str) -> sd_jwt.VerifiedSdJwt:
    return gateway.verified(document, handoff_documents.CASE_TYP)


def submission(content: Any, clearance: Clearance | None = CLEARED) -> Submission:
    said = None if content["version"] == 1 else ADDED
    return Submission("intake-1", content, clearance, change=said)


ADDED = VersionChange(ChangeKind.ADDITION, "new_information", "seen again")


def id_of(case: WriteResult) -> UUID:
    return UUID(case.result["case"])


@pytest.fixture
def content(gateway: Founded) -> dict[str, Any]:
    return case_content(gateway.new_id())


def test_the_cases_of_these_tests_are_valid(content):
    assert load_case(content) == content


class NeverSigns:
    """An attester that nobody may ask."""

    kid, alg = "never", "ES256"

    def sign(self, message: bytes) -> bytes:
        raise AssertionError("signed for whom the registry does not hear")


def test_nothing_is_attested_for_whom_the_registry_does_not_hear(gateway, content):
    gateway.administer("organisation.suspend", HOTLINE, reason="under review")
    gateway.ports = replace(gateway.ports, attester=NeverSigns())
    refused = gateway.refusal(
        submissions.submit, caller(HOTLINE), gateway.key(), submission(content)
    )
    assert refused.refusal.rules == ("R2.inactive",)


def test_a_case_is_attested_for_its_originator_and_given_back_whole(gateway, content):
    written = gateway.act(HOTLINE, submissions.submit, submission(content))
    found = verified(gateway, written.result["document"])
    assert found.claims["attested_for"] == f"{ISSUER}/organisations/{HOTLINE}"
    assert case_from_claims(sd_jwt.merge_disclosures(found)) == content
    groups = written.result["groups"]
    assert groups.keys() == set(GROUPS)
    assert sorted(d for digests in groups.values() for d in digests) == sorted(
        part.digest for part in found.placed
    )
    assert written.result["digest"] == sd_jwt.parse(written.result["document"]).digest


def test_a_submission_is_logged_with_its_basis_and_purpose_for_its_originator(gateway, content):
    written = gateway.act(HOTLINE, submissions.submit, submission(content))
    fields, told = fields_of(written.receipt), shown(written.receipt)
    assert fields["case_digest"] == written.result["digest"]
    assert told["by"] == "intake-1"
    assert told["basis"] == ["gdpr 6(1)(f)"]
    assert told["purpose"] == ["identify_victim", "remove"]
    assert [(p["organisation"], p["role"]) for p in told["party"]] == [(HOTLINE, "originator")]


def test_two_submissions_of_one_content_share_no_salt(gateway, content):
    first = gateway.act(HOTLINE, submissions.submit, submission(content))
    again = case_content(UUID(content["case"]), originator_ref="another")
    again["case"] = str(gateway.new_id())
    second = gateway.act(HOTLINE, submissions.submit, submission(again))
    salts = [
        d.salt for w in (first, second) for d in sd_jwt.parse(w.result["document"]).disclosures
    ]
    assert len(set(salts)) == len(salts)


@pytest.mark.parametrize("same", ["case", "originator_ref"])
def test_ids_and_references_of_an_originator_are_taken_once(gateway, content, same):
    gateway.act(HOTLINE, submissions.submit, submission(content))
    other = {**case_content(gateway.new_id()), same: content[same]}
    gateway.unheard(AlreadyExists, HOTLINE, submissions.submit, submission(other))


def test_two_originators_may_use_the_same_id_and_reference(gateway, content):
    gateway.act(HOTLINE, submissions.submit, submission(content))
    written = gateway.act(ABROAD, submissions.submit, Submission("intake-1", content, CLEARED))
    assert written.result["case"] == content["case"]


# --- clearance -----------------------------------------------------------------------------------


def step(gateway: Founded, action: Any, case: UUID, by: str, **more: Any) -> WriteResult:
    return gateway.act(HOTLINE, action, case, CaseStepRequest(by, **more))


def draft(gateway: Founded, **content: Any) -> UUID:
    return id_of(submitted(gateway, clearance=None, **content))


def rules(gateway: Founded) -> list[str]:
    """The rules of the newest refusal, as its receipt shows them."""
    return list(shown(gateway.receipts[-1])["rules"])


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


def test_the_analyst_does_not_clear_the_case_here_or_elsewhere(gateway, content):
    case = draft(gateway)
    step(gateway, cases.assess, case, "analyst-1")
    alone = CaseStepRequest("analyst-1")
    gateway.refused(SecondPersonRequired, HOTLINE, cases.clear, case, alone)
    assert rules(gateway) == ["R10.same_person"]
    assert gateway.case(case).state == "assessed"
    one = submission(content, Clearance("analyst-1", "analyst-1"))
    gateway.refused(SecondPersonRequired, HOTLINE, submissions.submit, one)
    assert gateway.case(UUID(content["case"])) is None


def test_a_machines_match_alone_moves_no_case(gateway):
    case, matches = draft(gateway, classifications=[machine_match()]), (element_id("match"),)
    gateway.refused(UnconfirmedMatch, HOTLINE, cases.assess, case, CaseStepRequest("analyst-1"))
    assert rules(gateway) == ["R18.unconfirmed"]
    written = step(gateway, cases.assess, case, "analyst-1", confirmed_matches=matches)
    assert written.result["state"] == "assessed"
    content = case_content(gateway.new_id(), classifications=[machine_match()])
    gateway.refused(UnconfirmedMatch, HOTLINE, submissions.submit, submission(content))
    cleared = submission(content, Clearance("analyst-1", "approver-1", matches))
    assert gateway.act(HOTLINE, submissions.submit, cleared).result["state"] == "cleared"


# --- versions ------------------------------------------------------------------------------------


def next_of(first: WriteResult, **changes: Any) -> Submission:
    """The next version of a case, as it is submitted."""
    built = {"version": 2, "previous": first.result["digest"], **changes}
    return submission(case_content(id_of(first), **built))


def test_a_version_is_chained_to_the_one_before(gateway):
    first = submitted(gateway)
    second = revised(gateway, first, urgency="imminent_danger", clearance=None)
    case = gateway.case(id_of(first))
    assert (case.version, case.digest, case.state) == (2, second.result["digest"], "draft")
    claims = verified(gateway, second.result["document"]).claims
    assert (claims["version"], claims["previous"]) == (2, first.result["digest"])


@each("changes", [{"version": 3}, {"previous": "A" * 43}, {"previous": None}])
def test_a_version_that_was_not_built_on_the_present_one_is_stale(gateway, changes):
    first = submitted(gateway)
    gateway.unheard(EditConflict, HOTLINE, submissions.submit, next_of(first, **changes))


def test_two_next_versions_cannot_both_be_the_next(gateway):
    first = submitted(gateway)
    revised(gateway, first)
    gateway.unheard(EditConflict, HOTLINE, submissions.submit, next_of(first, urgency="normal"))


def test_a_case_keeps_its_reference(gateway):
    other = next_of(submitted(gateway), originator_ref="other")
    refused = gateway.unheard(ValidationFailed, HOTLINE, submissions.submit, other)
    assert refused.errors[0][0] == "/originator_ref"


def test_a_closed_case_takes_a_correction_and_no_addition_and_is_closed_again(gateway):
    first = submitted(gateway)
    case = id_of(first)
    step(gateway, cases.close, case, "analyst-1")
    gateway.refused(WrongState, HOTLINE, submissions.submit, next_of(first))
    revised(gateway, first, urgency="normal", clearance=None)
    assert gateway.case(case).state == "draft"
    for action, by in (
        (cases.assess, "analyst-1"),
        (cases.clear, "approver-1"),
        (cases.close, "analyst-1"),
    ):
        step(gateway, action, case, by)
    assert gateway.case(case).state == "closed"


# --- who may -------------------------------------------------------------------------------------


def test_an_observer_brings_cases_into_circulation_under_a_mandate_only(gateway, content):
    gateway.denied("R3.membership.submit", OCRVP, submissions.submit, submission(content))
    assert submitted(gateway, originator=OFMIN).result["state"] == "cleared"
    gateway.day = date(2023, 8, 30)
    assert submitted(gateway, originator=OCRVP).result["state"] == "cleared"


@pytest.mark.parametrize("category", ["suspect", "convicted", "other_witness", "other_informant"])
def test_only_an_office_under_the_led_regime_qualifies_a_person(gateway, content, category):
    subject = {**content["subjects"][0], "category": category}
    qualified = {"qualified_by": OFMIN, "qualified_at": "2026-03-01T22:00:00Z"}
    content["subjects"] = [subject | qualified]
    load_case(content)
    gateway.denied("R12.qualification", HOTLINE, submissions.submit, submission(content))
    assert rules(gateway) == ["R12.qualification"]
    assert gateway.case(UUID(content["case"])) is None
    written = gateway.act(OFMIN, submissions.submit, submission(content))
    assert written.result["state"] == "cleared"


def test_a_person_is_qualified_in_the_senders_own_name_only(gateway, content):
    qualified = {"qualified_by": HOTLINE, "qualified_at": "2026-03-01T22:00:00Z"}
    content["subjects"] = [{**content["subjects"][0], "category": "suspect"} | qualified]
    load_case(content)
    gateway.refusal(submissions.submit, caller(OFMIN), gateway.key(), submission(content))
    assert rules(gateway) == ["R12.qualified_by"]


def test_a_hotline_submits_nothing_on_a_legal_basis_of_the_police(gateway, content):
    content["legal_basis"] = [{"regime": "led", "article": "8"}]
    gateway.refusal(submissions.submit, caller(HOTLINE), gateway.key(), submission(content))
    assert rules(gateway) == ["R6.basis"]
    assert gateway.act(OFMIN, submissions.submit, submission(content)).result["version"] == 1


# --- matters: what somebody published, and what concerns no child (R6, R21) ----------------------


def hate(case: UUID, **changes: Any) -> dict[str, Any]:
    """A case of hate in which nothing is found; ``changes`` as for case_content."""
    sound: dict[str, Any] = {
        "matter": ["hate_speech"],
        "marking": {"purpose": ["investigate", "remove"], "erase_on": "2027-02-01"},
        "subjects": None,
        "classifications": [{**case_content(case)["classifications"][0], "scheme": "fr_law"}],
        "legal_basis": [
            {"regime": "gdpr", "article": "6(1)(f)", "art9_condition": "9(2)(g)"},
        ],
    }
    return case_content(case, **{**sound, **changes})


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        ("R6.matter", {"marking": {"purpose": ["protect_child"], "erase_on": "2027-02-01"}}),
        ("R6.child", {"urgency_reason": "child_located"}),
        ("R21.basis", {"legal_basis": [{"regime": "gdpr", "article": "6(1)(f)"}]}),
        ("R21.report", {"intake_channel": "proactive"}),
        ("R21.assessed", {"classifications": None}),
        (
            "R21.source",
            {"items": [{"id": element_id("url"), "kind": "account", "value": "user@site"}]},
        ),
    ],
)
def test_a_case_about_what_somebody_published_says_no_more_than_its_content(gateway, rule, changes):
    content = hate(gateway.new_id(), **changes)
    gateway.refused(Forbidden, HOTLINE, submissions.submit, submission(content))
    assert rules(gateway)[-1] == rule
    assert gateway.case(UUID(content["case"])) is None


def test_a_case_about_what_somebody_published_is_cleared_once_an_offence_was_found(gateway):
    content = hate(gateway.new_id(), classifications=None)
    case = UUID(content["case"])
    gateway.act(HOTLINE, submissions.submit, submission(content, None))
    step(gateway, cases.assess, case, "analyst-1")
    gateway.denied("R21.assessed", HOTLINE, cases.clear, case, CaseStepRequest("approver-1"))
    shown_acts = cases.look_up(gateway.ports, caller(HOTLINE), case).acts
    assert "case.clear" not in {one.action for one in shown_acts}
    found = {**hate(case), "version": 2, "previous": gateway.case(case).digest}
    assert gateway.act(HOTLINE, submissions.submit, submission(found)).result["state"] == "cleared"


def test_a_case_about_what_somebody_published_is_kept_no_longer_than_its_matter_allows(gateway):
    longer = {"purpose": ["remove"], "erase_on": "2027-03-02"}
    content = hate(gateway.new_id(), marking=longer)
    desk = (caller(HOTLINE), gateway.key(), submission(content))
    refused = refused_without_event(gateway, ValidationFailed, submissions.submit, *desk)
    assert [pointer for pointer, _ in refused.errors] == ["/content/marking/erase_on"]
    content["marking"]["erase_on"] = "2027-03-01"
    assert (
        gateway.act(HOTLINE, submissions.submit, submission(content)).result["state"] == "cleared"
    )


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
