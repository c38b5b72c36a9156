"""Recalls in a bundle: each rule broken alone, and what a file shows to have been let through."""

from typing import Any
from uuid import UUID

import pytest

from gateway.domain.audit_event import EventDetail, EventResult
from gateway.verification.report import Code
from tests.each import each
from tests.verification.scenario import Scenario, fact, keys_of, word_of
from tests.verification.test_verification import refused, verified

ANSWERS, MATCHED, ORDER, CLOSED = 7, 10, 16, 17
"""The numbers of the steps that hold a recall against the rest."""


def recalled(code: str = "unlawful", **changes: Any) -> Scenario:
    return Scenario().told("acceptance").recalled(code, **changes)


def answered(story: Scenario, done: str, kind: str = "recall_answer", **changes: Any) -> Scenario:
    assert story.recall is not None
    said = {} if kind != "recall_answer" else {"done": done}
    story.say(kind, **{"recall": story.recall.digest, **said, **changes})
    return story


def consulted(story: Scenario, code: str) -> Scenario:
    """The recipient consults, with a code that it alone reads."""
    why = EventDetail("reason_code", code, frozenset({story.recipient}))
    story.record("case.consult", None, package_digest="A" * 43, details=(why,))
    return story


def test_a_recall_and_its_answers_verify():
    story = answered(recalled(), "", "recall_acknowledgement")
    result = verified(answered(story, "copies_erased").file())
    assert {"recall", "recall_acknowledgement", "recall_answer"} <= set(keys_of(result))
    assert fact(result, "recall")["code"] == "unlawful"


def test_a_recall_that_is_not_in_the_file_is_named():
    result = verified(recalled().file(recall=None), code=Code.INCOMPLETE)
    assert "recall.missing" in keys_of(result)


def test_a_recall_of_which_only_an_answer_tells_is_named():
    story = answered(recalled(), "copies_erased")
    recall = story.recall
    del story.indexes[-2]  # the receipt of the recall
    result = verified(story.file(recall=None), code=Code.INCOMPLETE)
    assert fact(result, "recall.unshown")["recall"] == recall.digest


@pytest.mark.parametrize(
    "changes",
    [
        {"case": "01890000-0000-7000-8000-00000000aaaa"},
        {"handoff": UUID("01890000-0000-7000-8000-00000000aaaa")},
        {"version": 0},
        {"approved_by": "staff-1"},
    ],
    ids=lambda one: "-".join(map(str, one.values())),
)
def test_a_recall_is_of_this_case_and_handoff_covers_it_and_is_by_two_persons(changes):
    refused(recalled(**changes).file(), Code.MISMATCH, ANSWERS)


def test_a_recall_is_by_the_originator():
    story = recalled(**word_of("police", attested=False))
    refused(story.file(), Code.MISMATCH, ANSWERS)


@each("result, allowed", [(EventResult.ALLOWED, True), (EventResult.DENIED, False)])
def test_the_decision_of_a_recall_counts_where_it_was_done(result, allowed):
    story = recalled()
    assert story.recall is not None
    bare = {"handoff": None, "package_digest": None, "details": ()}
    story.record("case.recall", story.recall.digest, result=result, **bare)
    if allowed:
        verified(story.file())
    else:
        refused(story.file(), Code.MISMATCH, MATCHED)


@pytest.mark.parametrize("code", ["misdirected", "unlawful"])
def test_that_a_second_person_decided_is_not_proved_where_it_is_not_shown(code):
    story = recalled(code, approved_by=None)
    assert story.recall is not None
    for recall in (story.recall, story.recall.present(())):
        result = verified(story.file(recall=recall.compact()))
        assert "recall.persons" in keys_of(result)


@pytest.mark.parametrize("kind", ["recall_answer", "outcome"])
def test_an_answer_binds_the_recall_where_it_is_one(kind):
    story = recalled()
    digest = "A" * 43 if kind == "recall_answer" else story.recall.digest
    changes = {"done": "copies_erased"} if kind == "recall_answer" else {}
    story.say(kind, recall=digest, **changes)
    refused(story.file(), Code.MISMATCH, ANSWERS)


def test_an_answer_follows_its_recall():
    story = Scenario().told("acceptance")
    earlier = story.recalled().recall
    story.indexes.pop()
    story.say("recall_answer", recall=earlier.digest, done="copies_erased")
    story.recalled()
    refused(story.file(), Code.MISMATCH, ORDER)


@pytest.mark.parametrize(
    "done", [("declined", "in_proceedings"), ("copies_erased", "copies_erased")]
)
def test_one_final_answer_is_given_and_only_an_erasure_follows_it(done):
    story = recalled()
    for one in done:
        answered(story, one)
    refused(story.file(), Code.MISMATCH, ORDER)


def test_an_erasure_may_follow_a_final_answer():
    verified(answered(answered(recalled(), "declined"), "copies_erased").file())


@pytest.mark.parametrize(
    ("code", "reason", "closed"),
    [
        ("unlawful", "investigation", True),
        ("unlawful", "recall_review", False),
        ("unlawful", "imminent_danger", False),
        ("unlawful", "in_proceedings", True),
        ("misdirected", "recall_review", True),
        ("authority_order", "imminent_danger", True),
    ],
)
def test_the_gateway_let_through_what_a_recall_had_closed(code, reason, closed):
    story = consulted(recalled(code), reason)
    if closed:
        refused(story.file(), Code.LET_THROUGH, CLOSED)
    else:
        verified(story.file())


@pytest.mark.parametrize(
    ("done", "reason", "closed"),
    [
        ("in_proceedings", "in_proceedings", False),
        ("in_proceedings", "retention", False),  # of its copy, after the erasure
        ("in_proceedings", "investigation", True),
        ("declined", "retention", False),
        ("declined", "recall_review", True),
        ("copies_erased", "retention", True),
    ],
)
def test_an_answer_opens_what_is_kept_under_its_own_code(done, reason, closed):
    story = consulted(answered(recalled(), done), reason)
    if closed:
        refused(story.file(), Code.LET_THROUGH, CLOSED)
    else:
        verified(story.file())


def test_a_consultation_before_the_recall_let_nothing_through():
    verified(consulted(Scenario().told("acceptance"), "investigation").recalled().file())


def test_a_consultation_without_its_reason_convicts_nobody_of_looking():
    verified(consulted(recalled(), "investigation").file("hotline"))


def test_an_update_after_a_recall_was_let_through():
    story = Scenario().told("acceptance", "closure").recalled(version=2)
    refused(story.updated().file(), Code.LET_THROUGH, CLOSED)
