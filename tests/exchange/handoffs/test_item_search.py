"""What an organisation finds by an item, and when; and what a submission is told of."""

from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import pytest

from gateway.domain.refusals import Forbidden, ValidationFailed
from gateway.domain.searched_item import SearchedKind
from gateway.evidence import event
from gateway.exchange.case import submissions
from gateway.exchange.case.submissions import Submission
from gateway.exchange.handoffs import item_search
from gateway.exchange.handoffs.item_search import ItemSearch
from gateway.exchange.handoffs.selection import UpdateRequest
from gateway.exchange.handoffs.updates import update
from gateway.kernel.values import HOST, Caller
from tests import answers
from tests.casework import accepted, case_content, offered, revised, submitted
from tests.exchange.handoffs.test_recalls import recalled
from tests.founded_gateway import ABROAD, DESK, HOTLINE, OFMIN, caller, shown

PAGE = "https://content.example.org/page"
OTHER = "https://elsewhere.example.org/other"


def item(value: str, kind: str = "url", **more: Any) -> dict[str, Any]:
    return {"id": str(uuid5(NAMESPACE_URL, value)), "kind": kind, "value": value, **more}


def asked(value=PAGE, kind=SearchedKind.URL, *, limit=20, after=None):
    return ItemSearch("officer-1", "quality", "looked for it", kind, value, limit, after)


def search(gateway, who, *item, **changes):
    reader = who if isinstance(who, Caller) else caller(who)
    return gateway.do(item_search.search, reader, gateway.key(), asked(*item, **changes))


def found(gateway, who, *item):
    result = search(gateway, who, *item).result
    return [one.get("handoff") or one["case"] for one in result["items"]]


def test_an_originator_finds_its_case_by_any_spelling_and_whom_it_was_offered_to(
    gateway,
):
    case = submitted(gateway)
    offered(gateway, case)
    (one,) = search(gateway, HOTLINE, "HXXP://Content[.]example.org:80/page#top").result["items"]
    assert one["case"] == case.result["case"]
    assert "handoff" not in one
    assert one["reference"] == f"ref-{one['case']}"
    assert one["counterparts"] == [OFMIN]
    assert found(gateway, HOTLINE, OTHER) == []
    assert found(gateway, ABROAD) == []


def test_a_recipient_finds_a_handoff_from_its_acceptance_on_and_as_long_as_it_may_open_it(gateway):
    case = submitted(gateway)
    offer = offered(gateway, case)
    assert found(gateway, OFMIN) == []
    handoff = accepted(gateway, offer)
    (one,) = search(gateway, OFMIN).result["items"]
    assert (one["handoff"], one["counterparts"]) == (str(handoff), [HOTLINE])
    assert "reference" not in one
    recalled(gateway, case)
    assert found(gateway, OFMIN) == []
    assert len(found(gateway, HOTLINE)) == 1


def test_a_recipient_that_declined_or_took_no_items_finds_nothing(gateway):
    declined = UUID(offered(gateway).result["handoff"])
    gateway.answer(OFMIN, answers.decline, declined, reason="not ours")
    accepted(gateway, groups=("statements",))
    assert found(gateway, OFMIN) == []


def test_an_interest_hides_what_it_bars_from_a_search(gateway):
    accepted(gateway, offered(gateway, to=ABROAD), recipient=ABROAD)
    assert len(found(gateway, ABROAD)) == 1
    gateway.interest(ABROAD)
    assert found(gateway, ABROAD) == []


def test_a_corrected_item_is_found_where_the_newest_version_or_the_package_held_has_it(gateway):
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    newer = revised(gateway, case, items=[item(OTHER, is_source=True)], classifications=None)
    assert found(gateway, HOTLINE) == []
    assert found(gateway, HOTLINE, OTHER) == [newer.result["case"]]
    assert found(gateway, OFMIN) == [str(handoff)]
    gateway.act(HOTLINE, update, handoff, UpdateRequest("agent-1", groups=("items",)))
    assert found(gateway, OFMIN) == []
    assert found(gateway, OFMIN, OTHER) == [str(handoff)]


def test_hashes_and_accounts_are_found_by_their_kind_alone(gateway):
    fingerprint = "d41d8cd98f00b204e9800998ecf8427e"
    items = [
        item(PAGE, is_source=True, hash=[{"alg": "md5", "value": fingerprint}]),
        item("some.one", "account"),
    ]
    case = submitted(gateway, items=items, classifications=None).result["case"]
    assert found(gateway, HOTLINE, fingerprint.upper(), SearchedKind.HASH) == [case]
    assert found(gateway, HOTLINE, "@Some.One", SearchedKind.ACCOUNT) == [case]
    assert (
        found(gateway, HOTLINE, "some.one", SearchedKind.HASH if False else SearchedKind.URL) == []
    )


def test_no_account_of_hate_speech_is_found(gateway):
    items = [item(PAGE, is_source=True)]
    items.append(item("some.one", "account", parent_item=items[0]["id"]))
    submitted(
        gateway,
        matter=["hate_speech"],
        marking={"purpose": ["remove"], "erase_on": "2027-02-01"},
        subjects=None,
        statements=None,
        items=items,
        clearance=None,
        classifications=None,
        legal_basis=[{"regime": "gdpr", "article": "6(1)(f)", "art9_condition": "9(2)(g)"}],
    )
    assert found(gateway, HOTLINE, "some.one", SearchedKind.ACCOUNT) == []
    assert len(found(gateway, HOTLINE)) == 1


def test_the_event_of_a_search_names_person_and_reason_and_not_the_item(gateway):
    written = search(gateway, HOTLINE)
    told = shown(written.receipt)
    assert event.read(written.receipt.document)["type"] == "item.searched"
    assert (told["by"], told["reason_code"]) == ("officer-1", "quality")
    assert told["reason"] == "looked for it"
    assert "content" not in str(told)
    assert [one["organisation"] for one in told["party"]] == [HOTLINE]


def test_a_search_sees_what_the_scopes_of_the_system_let_it(gateway):
    accepted(gateway, offered(gateway, submitted(gateway)))
    for scope, searched, count in (
        ("cases.read", ["cases"], 1),
        ("handoffs.read", ["handoffs"], 0),
        ("events.read", [], 0),
    ):
        result = search(gateway, Caller(HOTLINE, DESK, frozenset({scope}), HOST)).result
        assert (result["searched"], len(result["items"])) == (searched, count)


def test_a_search_goes_on_page_by_page(gateway):
    made = [submitted(gateway).result["case"] for _ in range(3)]
    first = search(gateway, HOTLINE, limit=2).result
    assert [one["case"] for one in first["items"]] == made[:2]
    rest = search(gateway, HOTLINE, limit=2, after=UUID(first["next"])).result
    assert ([one["case"] for one in rest["items"]], rest["next"]) == (made[2:], None)


def test_what_is_no_item_is_refused_without_an_event(gateway):
    with pytest.raises(ValidationFailed) as refused:
        search(gateway, HOTLINE, "no hash", SearchedKind.HASH)
    assert refused.value.errors[0][0] == "/hash"


def test_a_suspended_organisation_searches_nothing(gateway):
    gateway.administer("organisation.suspend", HOTLINE, reason="test")
    refused = gateway.refusal(item_search.search, caller(HOTLINE), gateway.key(), asked())
    assert isinstance(refused.refusal, Forbidden)


# --- what is known at a submission ---------------------------------------------------------------


def test_a_submission_is_told_of_ones_own_that_has_an_item_of_it(gateway):
    first = submitted(gateway)
    assert "known" not in first.result
    offered(gateway, first)
    (known,) = submitted(gateway).result["known"]
    assert (known["case"], known["counterparts"]) == (first.result["case"], [OFMIN])
    assert known["reference"] == f"ref-{known['case']}"
    assert "known" not in submitted(gateway, originator=ABROAD).result
    other = submitted(gateway, items=[item(OTHER)], classifications=None)
    assert "known" not in other.result


def test_a_repeated_submission_is_told_the_same(gateway):
    submitted(gateway)
    request = gateway.key(), Submission("intake-1", case_content(gateway.new_id()))
    first, again = (gateway.do(submissions.submit, caller(HOTLINE), *request) for _ in range(2))
    assert first.result["known"] == again.result["known"] != []


def test_a_revision_is_told_of_nothing(gateway):
    submitted(gateway)
    assert "known" not in revised(gateway, submitted(gateway)).result
