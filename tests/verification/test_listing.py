"""A list of events, as a search prints it, verifies as a whole."""

import json
from typing import Any

from gateway.evidence import receipt
from gateway.verification.history import LogHistory
from gateway.verification.report import Code
from gateway.verification.verifier import verify
from tests.each import each
from tests.verification.scenario import TRUST, Scenario, fact, keys_of
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


@each(
    "data, code",
    [
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
