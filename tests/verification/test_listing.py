"""A list of events, as a search prints it, verifies as a whole."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from gateway.domain.audit_event import AuditEvent, EventDetail, EventResult, Party
from gateway.evidence import canonical, evidence_file, receipt
from gateway.evidence.handoff_documents import package_digest
from gateway.evidence.receipt import Receipt
from gateway.evidence.sd_jwt import read_disclosure
from gateway.text.catalogue import FRENCH, LANGUAGES
from gateway.verification import event_table, listing
from gateway.verification.history import LogHistory
from gateway.verification.report import Code
from gateway.verification.trust import confirm_receipt
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


def test_an_event_of_which_nothing_is_shown_is_counted_with_what_a_search_found() -> None:
    story = Scenario().told("acceptance", "outcome")
    search = record(story, [0, 2], before=3)
    bare = replace(story.log.receipt(1), disclosures=())
    events = [story.log.receipt(0), bare, story.log.receipt(2)]
    assert verify(with_searches([events[0], events[2]], search), TRUST).code is Code.VERIFIED
    for given in (events, [events[0], events[0], events[2]]):
        assert verify(with_searches(given, search), TRUST).code is Code.INCOMPLETE


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
    assert verify(data, TRUST, require=("signed",)).code is Code.ATTESTED


# --- As an auditor hands it on: one checkpoint, and what stands beside it ---


def exported(story: Scenario, events: Sequence[int], records: Sequence[int]) -> bytes:
    """A file of `audit export`, made when the log has all of them."""
    found, made = ([story.log.receipt(n) for n in listed] for listed in (events, records))
    return evidence_file.encode(listing.to_file(found, made))


def searched_twice() -> tuple[Scenario, bytes]:
    """The record of a search that a later search found, too."""
    story = Scenario().told("acceptance")
    record(story, [0, 1])
    record(story, [2], after=1)
    return story, exported(story, [0, 1, 2], [2, 3])


def test_an_export_says_the_same_as_what_the_search_prints() -> None:
    story = Scenario().told("acceptance", "outcome")
    search = record(story, range(3))
    before = verify(with_searches([story.log.receipt(n) for n in range(3)], search), TRUST)
    told = verify(exported(story, range(3), [3]), TRUST)
    assert (told.kind, told.code) == ("list", Code.VERIFIED), told.sentence
    assert keys_of(told) == keys_of(before)
    assert "listed.unjoined" not in keys_of(told)


def test_the_record_of_a_search_may_be_an_event_that_a_later_one_found() -> None:
    _, data = searched_twice()
    told = verify(data, TRUST)
    assert told.code is Code.VERIFIED, told.sentence
    assert keys_of(told).count("searched") == 2


def test_an_event_that_is_left_out_of_an_export_makes_it_incomplete() -> None:
    story, _ = searched_twice()
    for left in ([0, 1], [0, 2], [1, 2]):
        told = verify(exported(story, left, [2, 3]), TRUST)
        assert told.code is Code.INCOMPLETE, (left, told.sentence)


@each(
    "about",
    [
        {"search": [2, 3]},
        {"search": {"events": [0, 1, 2], "records": [2]}},
        {"search": {"events": [0, 1], "records": [3, 4]}},
        {"search": {"events": [0, 1, 2], "records": "23"}},
        {"search": {"events": [0, 1, 2], "records": [[2], 3]}},
        {"search": {"events": [0, 1, 2], "records": [2, 3], "more": []}},
        {"search": {"events": [0, 1, 2], "records": [2, 3]}, "handoff": "x"},
    ],
)
def test_an_export_that_does_not_name_its_entries_is_refused(about: Any) -> None:
    _, data = searched_twice()
    members = json.loads(data) | {"about": about}
    assert verify(json.dumps(members).encode(), TRUST).code is Code.UNKNOWN_FORMAT


def test_an_export_of_another_log_or_with_documents_is_refused() -> None:
    story, data = searched_twice()
    members = json.loads(data)
    texts = members | {"documents": [story.offer.compact()]}
    assert verify(json.dumps(texts).encode(), TRUST).code is Code.UNKNOWN_FORMAT
    ((name, log),) = members["logs"].items()
    twice = members | {"logs": {name: log, "other": log}}
    assert verify(json.dumps(twice).encode(), TRUST).code is Code.UNKNOWN_FORMAT


def test_what_stands_beside_an_export_is_held_against_it() -> None:
    story, data = searched_twice()
    rows = [event_table.cells(confirm_receipt(story.log.receipt(n), TRUST)) for n in range(3)]
    ((_, log),) = json.loads(data)["logs"].items()
    beside = {
        listing.TABLE: event_table.to_csv(rows).encode(),
        listing.CHECKPOINT: log["checkpoint"].encode(),
        listing.PAGE: b"",
    }
    told = verify(data, TRUST, beside=beside)
    assert told.code is Code.VERIFIED, told.sentence
    assert {"listed.table", "listed.page"} <= {*keys_of(told)}
    for name in (listing.TABLE, listing.CHECKPOINT):
        assert verify(data, TRUST, beside=beside | {name: b"x"}).code is Code.MISMATCH
    bare = verify(data, TRUST, beside={})
    assert (bare.code, bare.steps[-1].outcome) == (Code.VERIFIED, "not_shown")


def test_a_folder_whose_evidence_is_something_else_is_refused() -> None:
    story, data = searched_twice()
    for other in (story.file(), json.dumps(receipt.to_json(story.log.receipt(0))).encode()):
        assert verify(other, TRUST).passed
        assert verify(other, TRUST, beside={}).code is Code.UNKNOWN_FORMAT
    bare = {name: value for name, value in json.loads(data).items() if name != "format"}
    assert verify(json.dumps(bare).encode(), TRUST).code is Code.UNKNOWN_FORMAT


def test_each_event_of_a_short_list_is_told_and_of_a_long_one_their_number() -> None:
    story = Scenario()
    for _ in range(listing.MOST_TOLD):
        story.record("case.consult", None)
    few = listed(*map(story.log.receipt, range(listing.MOST_TOLD)))
    assert keys_of(verify(few, TRUST)).count("recorded") == listing.MOST_TOLD
    many = listed(*map(story.log.receipt, range(listing.MOST_TOLD + 1)))
    assert "recorded" not in keys_of(verify(many, TRUST))
