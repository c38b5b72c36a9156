"""Coverage of a recall, offline: what each holder answered, owes, and is late with."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.audit_event import AuditEvent, EventDetail, EventResult, Party
from gateway.evidence import canonical
from gateway.verification import coverage
from gateway.verification.report import Code, VerificationReport
from tests.verification.scenario import TRUST, Scenario, fact, keys_of
from tests.verification.test_stream import AT, BOOK_TRUST, HOTLINE, POLICE, Book

CASE = "01890000-0000-7000-8000-00000000cace"
HANDOFF = UUID("01890000-0000-7000-8000-00000000abcd")


def logged(book: Book, action: str, document: str | None = None, **subject: Any) -> None:
    both = frozenset({HOTLINE, POLICE})
    details = (EventDetail("subject", canonical.encode(subject).decode(), both),) if subject else ()
    parties = (Party(HOTLINE, "originator"), Party(POLICE, "recipient"))
    made = AuditEvent(
        UUID(int=len(book.events)),
        action,
        EventResult.ALLOWED,
        parties,
        details,
        HANDOFF,
        document_sha256=document,
    )
    book.record(made, AT)


def recalled() -> Book:
    book = Book()
    logged(book, "handoff.offer")
    logged(book, "handoff.recall", case=CASE, code="unlawful")
    return book


def covered(book: Book, after: timedelta = timedelta(0), case: str = CASE) -> VerificationReport:
    parts = book.parts(HOTLINE)
    return coverage.verify_coverage([book.end(HOTLINE, at=AT + after)], parts, BOOK_TRUST, case)


def told(report: VerificationReport) -> dict[str, str]:
    """What is said of each answer, by the duty."""
    assert report.conclusion is not None, report
    facts = [one for one in report.conclusion.proved if "what" in one.values]
    assert {one.values["handoff"] for one in facts} <= {str(HANDOFF)}
    return {one.values["what"]: one.key for one in facts}


ACKNOWLEDGEMENT, ANSWER = "recall_acknowledgement", "recall_answer"


def test_what_a_complete_stream_does_not_have_is_owed_and_late_in_time():
    book = recalled()
    owed = {ACKNOWLEDGEMENT: "coverage.owed", ANSWER: "coverage.owed"}
    assert told(covered(book)) == owed
    assert told(covered(book, timedelta(days=4))) == {**owed, ACKNOWLEDGEMENT: "coverage.late"}
    assert told(covered(book, timedelta(days=22))) == dict.fromkeys(owed, "coverage.late")


def test_what_the_gateway_recorded_as_overdue_is_late():
    book = recalled()
    logged(book, "handoff.mark_overdue", duty=ACKNOWLEDGEMENT)
    assert told(covered(book))[ACKNOWLEDGEMENT] == "coverage.late"


def test_an_answer_after_the_acknowledgement_is_told_beside_it():
    book = recalled()
    logged(book, "handoff.acknowledge_recall")
    logged(book, "handoff.answer_recall")
    conclusion = covered(book).conclusion
    assert conclusion is not None
    facts = [one for one in conclusion.proved if "what" in one.values]
    assert [one.values["what"] for one in facts] == [ACKNOWLEDGEMENT, ANSWER]
    assert facts[0].values["entry"] < facts[1].values["entry"]


@pytest.mark.parametrize("answers", [("acknowledge_recall", "answer_recall"), ("answer_recall",)])
def test_what_was_given_is_told_with_its_entry(answers):
    book = recalled()
    for one in answers:
        logged(book, f"handoff.{one}")
    found = told(covered(book, timedelta(days=30)))
    assert found == {ACKNOWLEDGEMENT: "coverage.given", ANSWER: "coverage.given"}


def test_of_another_case_nothing_was_recalled():
    report = covered(recalled(), case=str(HANDOFF))
    assert report.conclusion is not None
    assert "coverage.none" in [one.key for one in report.conclusion.proved]


def test_a_stream_that_lacks_an_event_covers_nothing():
    book = recalled()
    report = coverage.verify_coverage(
        [book.end(HOTLINE)], book.parts(HOTLINE)[1:], BOOK_TRUST, CASE
    )
    assert report.code == Code.INCOMPLETE


KEPT = {"done": "in_proceedings", "until": "2027-01-01"}


@pytest.mark.parametrize(
    ("fields", "key", "words"),
    [
        ({"done": "copies_erased"}, "coverage.erased", "declared that its copies are erased"),
        (KEPT, "coverage.kept_until", "keeps its copies until 1 Jan 2027"),
        ({"done": "declined"}, "coverage.kept", "keeps its copies, after"),
    ],
)
def test_what_a_holder_declared_is_told_as_its_declaration(fields, key, words):
    book = recalled()
    answer = Scenario().answer("recall_answer", **fields)
    logged(book, "handoff.answer_recall", answer.digest)
    trust = replace(TRUST, log_keys=BOOK_TRUST.log_keys, origins=BOOK_TRUST.origins)
    trust = replace(trust, gateway_keys=trust.gateway_keys | BOOK_TRUST.gateway_keys)
    parts, end = book.parts(HOTLINE), [book.end(HOTLINE)]
    report = coverage.verify_coverage(end, parts, trust, CASE, [answer.compact()])
    assert report.code is Code.VERIFIED, report.sentence
    assert fact(report, key)["under"] == "stated"
    assert words in " ".join(report.sentences())
    unsaid = coverage.verify_coverage(end, parts, trust, CASE)
    assert "coverage.undeclared" in keys_of(unsaid)


def test_an_answer_that_nobody_signed_is_refused():
    book = recalled()
    answer = Scenario().answer("recall_answer", done="copies_erased")
    report = coverage.verify_coverage(
        [book.end(HOTLINE)], book.parts(HOTLINE), BOOK_TRUST, CASE, [answer.compact()]
    )
    assert not report.passed
