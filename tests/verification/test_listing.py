"""A list of events, as a search prints it, verifies as a whole."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from gateway.domain.audit_event import AuditEvent, EventDetail, EventResult, Party
from gateway.evidence import canonical, receipt
from gateway.evidence.handoff_documents import package_digest
from gateway.evidence.receipt import Receipt
from gateway.evidence.sd_jwt import read_disclosure
from gateway.text.catalogue import FRENCH, LANGUAGES
from gateway.verification.history import LogHistory
from gateway.verification.report import Code
from gateway.verification.verifier import verify
from tests.each import each
from tests.verification.scenario import AT, TRUST, Scenario, fact, keys_of
from tests.verification.test_sources import two_checkpoints


def listed(*receipts: Any) -> bytes:
    """What a search prints of some events; only the receipts count."""
    events = [{"event": "of no account", "receipt": receipt.to_json(one)} for one in receipts]
    return json.dumps({"events": events}, indent=1).encode()


def test_a_list_says_which_events_the_log_contains_and_that_others_may_exist() -> None:
    told = verify(listed(*Scenario().told("acceptance", "outcome").bundle().receipts), TRUST)
    assert (told.kind, told.code) == ("list", Code.VERIFIED), told.sentence
    assert keys_of(told).count("listed") == 3
    assert {"unlisted", "unwitnessed"} <= set(keys_of(told))


def test_checkpoints_of_several_pages_that_nothing_joins_make_it_incomplete() -> None:
    story, data = two_checkpoints()
    first = receipt.from_json(json.loads(data)["receipts"][0])
    told = verify(listed(first, *story.bundle().receipts[1:]), TRUST)
    assert told.code is Code.INCOMPLETE
    assert fact(told, "listed.unjoined")["number"] == 2


def test_a_list_is_held_against_other_files() -> None:
    story = Scenario().told("acceptance")
    known = LogHistory()
    assert verify(story.file(), TRUST, log_history=known).passed
    story.log._counters.clear()
    story.told("outcome")
    told = verify(listed(story.log.receipt(2)), TRUST, log_history=known)
    assert told.code is Code.CONTRADICTION


# --- With the record of the search that found them ---


READER = "cnil"


def record(
    story: Scenario, found: Sequence[int], after: int = -1, before: int | None = None
) -> Receipt:
    """What a search recorded that found these entries, below an index."""
    shown = [one for n in found for one in story.log.receipt(n).disclosures]
    digests = [read_disclosure(one).digest for one in shown]
    size = len(story.log.events) if before is None else before
    told = {"after": after, "before": size, "events": len(found), "pages": []}
    filters = {"organisation": "hotline", "actions": ["handoff.accept"], "results": ["allowed"]}
    own = frozenset({READER})
    index = story.log.record(
        AuditEvent(
            UUID(int=len(story.log.events)),
            "audit.search",
            EventResult.ALLOWED,
            (Party(READER, "actor"),),
            (
                EventDetail("by", "auditor-1", own),
                EventDetail("reason_code", "lawfulness", own),
                EventDetail("reason", "a (yearly) check", own),
                EventDetail(
                    "subject", canonical.encode({**told, "filters": filters}).decode(), own
                ),
            ),
            package_digest=package_digest(digests),
        ),
        AT + timedelta(hours=len(story.log.events)),
    )
    return story.log.receipt(index)


def with_searches(events: Sequence[Receipt], *searches: Receipt) -> bytes:
    told = json.loads(listed(*events))
    return json.dumps(
        {**told, "searches": [{"receipt": receipt.to_json(one)} for one in searches]}
    ).encode()


def test_a_search_with_all_of_its_pages_says_who_searched_and_by_what() -> None:
    story = Scenario().told("acceptance", "outcome")
    found = range(3)
    search = record(story, found)
    told = verify(with_searches([story.log.receipt(n) for n in found], search), TRUST)
    assert told.code is Code.VERIFIED, told.sentence
    assert fact(told, "searched")["number"] == 3
    for language in LANGUAGES:
        text = " ".join(told.sentences(language))
        assert READER in text
        assert "a /yearly/ check" in text
    assert "handoff.accept" not in " ".join(told.sentences(FRENCH))


@each("lacking", [0, 1, 2])
def test_a_search_that_lacks_an_event_is_incomplete(lacking: int) -> None:
    story = Scenario().told("acceptance", "outcome")
    search = record(story, range(3))
    events = [story.log.receipt(n) for n in range(3) if n != lacking]
    told = verify(with_searches(events, search), TRUST)
    assert (told.code, "pages of it are missing" in told.sentence) == (Code.INCOMPLETE, True)


def test_a_search_of_which_a_detail_was_cut_is_incomplete() -> None:
    story = Scenario().told("acceptance", "outcome")
    search = record(story, range(2))
    events = [story.log.receipt(n) for n in range(2)]
    cut = replace(events[0], disclosures=events[0].disclosures[1:])
    assert verify(with_searches([cut, events[1]], search), TRUST).code is Code.INCOMPLETE


def test_an_event_that_no_search_found_does_not_belong_to_them() -> None:
    story = Scenario().told("acceptance", "outcome")
    search = record(story, [0], before=1)
    events = [story.log.receipt(n) for n in range(2)]
    told = verify(with_searches(events, search), TRUST)
    assert told.code is Code.MISMATCH


def test_searches_that_go_on_from_each_other_are_one_list() -> None:
    story = Scenario().told("acceptance", "outcome")
    events = [story.log.receipt(n) for n in range(3)]
    first, second = record(story, [0, 1], -1, 2), record(story, [2], 1, 3)
    told = verify(with_searches(events, second, first), TRUST)
    assert keys_of(told).count("searched") == 2
    overlapping = record(story, [2], 0, 3)
    assert verify(with_searches(events, first, overlapping), TRUST).code is Code.MISMATCH


def test_what_is_no_record_of_a_search_is_refused() -> None:
    story = Scenario().told("acceptance")
    events = [story.log.receipt(0)]
    assert verify(with_searches(events, events[0]), TRUST).code is Code.UNKNOWN_FORMAT
    search = record(story, [0])
    blind = replace(search, disclosures=())
    assert verify(with_searches(events, blind), TRUST).code is Code.UNKNOWN_FORMAT


@each(
    "data, code",
    [
        ({"events": [], "searches": 5}, Code.UNKNOWN_FORMAT),
        ({"events": 5}, Code.UNKNOWN_FORMAT),
        ({"events": [5]}, Code.UNKNOWN_FORMAT),
        ({"events": [{}]}, Code.UNKNOWN_FORMAT),
        ({"events": []}, Code.VERIFIED),
    ],
)
def test_what_is_no_list_of_receipts_is_refused(data: Any, code: Code) -> None:
    assert verify(json.dumps(data).encode(), TRUST).code is code


def test_a_list_fails_who_requires_a_partys_signature() -> None:
    data = listed(Scenario().log.receipt(0))
    assert verify(data, TRUST, require_signed=True).code is Code.ATTESTED
