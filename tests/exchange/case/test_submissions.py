"""What an originator submits: a first version, its clearance, further versions, and who may."""

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
    SecondPersonRequired,
    UnconfirmedMatch,
    ValidationFailed,
    WrongState,
)
from gateway.domain.revision import ChangeKind, VersionChange
from gateway.evidence import sd_jwt
from gateway.exchange.case import cases, submissions
from gateway.exchange.case.cases import CaseStepRequest
from gateway.exchange.case.submissions import Clearance, Submission
from gateway.kernel.transact import WriteResult
from gateway.schemas.case_document import load_case
from tests.casework import CLEARED, case_content, element_id, machine_match, revised, submitted
from tests.each import each
from tests.exchange.case.test_cases import draft, id_of, step, verified
from tests.founded_gateway import (
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


def submission(content: Any, clearance: Clearance | None = CLEARED) -> Submission:
    said = None if content["version"] == 1 else ADDED
    return Submission("intake-1", content, clearance, change=said)


ADDED = VersionChange(ChangeKind.ADDITION, "new_information", "seen again")


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


def rules(gateway: Founded) -> list[str]:
    """The rules of the newest refusal, as its receipt shows them."""
    return list(shown(gateway.receipts[-1])["rules"])


# --- clearance -----------------------------------------------------------------------------------


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
