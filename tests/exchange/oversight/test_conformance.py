"""The conformance run: four steps on test data, judged as the real thing, kept apart from it."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway.client.enrolment import _verifies, read_presentation
from gateway.domain.organisation import Status
from gateway.domain.refusals import (
    ConditionsMismatch,
    NotFound,
    SecondPersonRequired,
    TooManyAttempts,
    ValidationFailed,
    WrongState,
)
from gateway.evidence import sd_jwt
from gateway.evidence.handoff_documents import CASE_TYP, TEST_TYP
from gateway.exchange.case.submissions import Clearance, Submission
from gateway.exchange.oversight import conformance
from gateway.exchange.oversight.conformance import (
    Acceptance,
    ConsultationReport,
    ReceiptChecks,
    SampleDecline,
)
from gateway.exchange.standing.consultations import ConsultationRequest
from gateway.kernel.authentication import prune_remembered
from gateway.kernel.changes import Change
from gateway.kernel.ports import TransactionMode
from gateway.kernel.results import to_json
from tests.casework import case_content
from tests.each import each
from tests.founded_gateway import HOTLINE, Founded, caller, fields_of, make_change
from tests.newcomers import NEWCOMER, Newcomer
from tests.ports import ORIGIN
from tests.registry.test_enrolment import stream_of

BY = "intake-1"


@pytest.fixture
def gateway(gateway: Founded) -> Founded:
    Newcomer(gateway).arrive(Status.ENROLLED)
    return gateway


class Candidate:
    """The newcomer's system in one run."""

    def __init__(self, gateway: Founded, slug: str = NEWCOMER) -> None:
        self.gateway, self.caller = gateway, caller(slug)
        begun = gateway.do(conformance.start, self.caller, gateway.key(), BY)
        self.run = UUID(str(begun.result["run"]))

    def view(self) -> dict[str, Any]:
        shown: dict[str, Any] = to_json(
            conformance.look_up(self.gateway.ports, self.caller, self.run)
        )
        return shown

    def do(self, action: Any, said: Any) -> Any:
        return self.gateway.do(action, self.caller, self.gateway.key(), self.run, said).result

    def send(self, **changes: Any) -> Any:
        content = case_content(self.gateway.new_id(), **changes)
        return self.do(conformance.answer, Submission(BY, content))

    def receive(self) -> Any:
        offer = self.view()["offers"][0]
        self.do(conformance.answer, Acceptance(BY, offer["conditions"]))
        opened = self.do(conformance.answer, ConsultationRequest(BY, "quality", "conformance run"))
        digest, package_digest = read_presentation(opened, NEWCOMER)
        return self.do(conformance.answer, ConsultationReport(BY, digest, package_digest))

    def checks(self) -> dict[str, bool]:
        run = self.view()
        return {one["name"]: _verifies(one["receipt"], run) for one in run["receipts"]}

    def verify(self) -> Any:
        return self.do(conformance.answer, ReceiptChecks(BY, self.checks()))

    def refuse(self) -> Any:
        return self.do(conformance.answer, SampleDecline(BY, "not ours"))

    def passed(self) -> list[str]:
        return [one["step"] for one in self.view()["steps"] if one["passed"]]


def test_a_system_that_does_all_four_steps_has_passed(gateway):
    one = Candidate(gateway)
    assert one.passed() == []
    for step, so_far in (
        (one.refuse, ["decline"]),
        (one.verify, ["verify", "decline"]),
        (one.send, ["send", "verify", "decline"]),
        (one.receive, ["send", "receive", "verify", "decline"]),
    ):
        with gateway.ports.begin(TransactionMode.READ) as work:
            assert not work.conformance.passed(NEWCOMER)
        step()
        assert one.passed() == so_far
    with gateway.ports.begin(TransactionMode.READ) as work:
        assert work.conformance.passed(NEWCOMER)
    assert one.view()["state"] == "passed"
    assert {("conformance.passed", "allowed")} <= set(stream_of(gateway, NEWCOMER))


def test_an_organisation_becomes_active_once_it_has_passed(gateway):
    change = Change("organisation.activate", NEWCOMER, {"reason": "conformance passed"})
    one = Candidate(gateway)
    for step in (one.send, one.receive, one.verify):
        step()
    early = gateway.unmade(WrongState, change)
    assert "conformance run" in early.detail
    one.refuse()
    gateway.do(make_change, change, gateway.approve(change))
    assert gateway.organisation(NEWCOMER).status is Status.ACTIVE


def test_nothing_of_a_run_is_a_case_a_handoff_or_a_consultation(gateway):
    one = Candidate(gateway)
    for step in (one.send, one.receive, one.verify, one.refuse):
        step()
    stored = gateway.store.tables()
    for table in ("case_file", "case_version", "handoff", "answer", "consultation"):
        assert stored[table] == []
    types = {typ for typ, _ in stream_of(gateway, NEWCOMER)}
    assert not any(typ.startswith(("case.", "handoff.")) for typ in types)


def test_nothing_of_a_run_verifies_as_this_gateway_s(gateway):
    one = Candidate(gateway)
    run = one.view()
    assert run["test"] is True
    one.do(conformance.answer, Acceptance(BY, run["offers"][0]["conditions"]))
    opened = one.do(conformance.answer, ConsultationRequest(BY, "quality", "look"))
    document = opened["presentation"]
    assert sd_jwt.read_unverified(document).claims["test"] is True
    for typ, keys in (
        (CASE_TYP, gateway.attestation_keys()),
        (TEST_TYP, gateway.attestation_keys()),
    ):
        with pytest.raises(sd_jwt.DocumentError):
            sd_jwt.verify(document, typ=typ, keys=keys)
    real = {"log_key": str(gateway.checkpoint_signer.signer.key), "log": ORIGIN}
    assert not any(_verifies(told["receipt"], real) for told in run["receipts"])


def test_content_opens_after_acceptance_alone(gateway):
    one = Candidate(gateway)
    assert "presentation" not in one.view()
    for action, said in (
        (conformance.answer, ConsultationRequest(BY, "quality", "look")),
        (conformance.answer, ConsultationReport(BY, "A" * 43, "A" * 43)),
    ):
        refused = gateway.refusal(action, one.caller, gateway.key(), one.run, said)
        assert isinstance(refused.refusal, WrongState)
    assert one.passed() == []


def test_other_conditions_are_told_apart(gateway):
    one = Candidate(gateway)
    conditions = {**one.view()["offers"][0]["conditions"], "tlp": "CLEAR"}
    said = Acceptance(BY, conditions)
    with pytest.raises(ConditionsMismatch):
        conformance.answer(gateway.ports, one.caller, gateway.key(), one.run, said)


def test_a_wrong_reading_is_told_by_its_fields(gateway):
    one = Candidate(gateway)
    one.do(conformance.answer, Acceptance(BY, one.view()["offers"][0]["conditions"]))
    one.do(conformance.answer, ConsultationRequest(BY, "quality", "look"))
    said = ConsultationReport(BY, "A" * 43, "A" * 43)
    with pytest.raises(ValidationFailed) as invalid:
        conformance.answer(gateway.ports, one.caller, gateway.key(), one.run, said)
    assert [pointer for pointer, _ in invalid.value.errors] == ["/case_digest", "/package_digest"]


def test_a_wrong_check_says_what_was_altered_and_draws_other_receipts(gateway):
    one = Candidate(gateway)
    before = one.view()
    everything = dict.fromkeys(one.checks(), True)
    with pytest.raises(ValidationFailed) as invalid:
        conformance.answer(
            gateway.ports, one.caller, gateway.key(), one.run, ReceiptChecks(BY, everything)
        )
    assert len(invalid.value.errors) == 4
    assert all("does not verify and was taken" in told for _, told in invalid.value.errors)
    after = one.view()
    assert json.dumps(after["receipts"]) != json.dumps(before["receipts"])
    assert after["offers"] == before["offers"]
    one.verify()
    assert one.passed() == ["verify"]


@each("change", [{}, {"receipt-99": True}])
def test_every_receipt_and_no_other_is_judged(gateway, change):
    one = Candidate(gateway)
    said = ReceiptChecks(BY, change and one.checks() | change)
    with pytest.raises(ValidationFailed):
        conformance.answer(gateway.ports, one.caller, gateway.key(), one.run, said)


def test_persons_are_judged_as_for_a_real_case(gateway):
    one = Candidate(gateway)
    content = case_content(gateway.new_id())
    said = Submission(BY, content, Clearance("analyst-1", "analyst-1"))
    refused = gateway.refusal(conformance.answer, one.caller, gateway.key(), one.run, said)
    assert isinstance(refused.refusal, SecondPersonRequired)
    assert one.passed() == []


def test_a_repeated_answer_is_done_once(gateway):
    one, key = Candidate(gateway), gateway.key()
    said = SampleDecline(BY, "not ours")
    first = gateway.do(conformance.answer, one.caller, key, one.run, said)
    size = gateway.size()
    again = gateway.do(conformance.answer, one.caller, key, one.run, said)
    assert fields_of(again.receipt) == fields_of(first.receipt)
    assert gateway.size() == size


def test_a_run_ends_after_a_day_and_is_forgotten_unless_it_was_passed(gateway):
    one, other = Candidate(gateway), Candidate(gateway)
    for step in (other.send, other.receive, other.verify, other.refuse):
        step()
    gateway.clock.advance(timedelta(hours=24))
    refused = gateway.refusal(
        conformance.answer, one.caller, gateway.key(), one.run, SampleDecline(BY, "late")
    )
    assert "ended" in refused.refusal.detail
    gateway.clock.advance(timedelta(hours=2))
    prune_remembered(gateway.ports)
    with gateway.ports.begin(TransactionMode.READ) as work:
        assert work.conformance.get(one.run) is None
        assert work.conformance.get(other.run) is not None


def test_a_run_of_another_organisation_does_not_exist(gateway):
    one = Candidate(gateway)
    refused = gateway.refusal(conformance.look_up, caller(HOTLINE), one.run)
    assert isinstance(refused.refusal, NotFound)
    refused = gateway.refusal(
        conformance.answer, caller(HOTLINE), gateway.key(), one.run, SampleDecline(BY, "not ours")
    )
    assert isinstance(refused.refusal, NotFound)


def test_runs_are_counted_for_each_day(gateway):
    for _ in range(conformance.RUNS_PER_DAY):
        Candidate(gateway)
    gateway.unheard(TooManyAttempts, NEWCOMER, conformance.start, BY)


def never(count: int) -> bytes:
    raise AssertionError("keys are made for whom the registry does not hear")


def test_who_is_suspended_shows_nothing_and_no_key_is_made_for_it(gateway):
    with gateway.ports.begin(TransactionMode.REGISTRY) as work:
        member = work.organisations.get(NEWCOMER)
        assert member is not None
        work.organisations.save(
            replace(member, status=Status.SUSPENDED, version=member.version + 1)
        )
        work.commit()
    gateway.ports = replace(gateway.ports, random=never)
    gateway.denied("R2.inactive", NEWCOMER, conformance.start, BY)
