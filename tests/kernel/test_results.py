"""Lists of which a caller sees a part: their pages together give all of it, in order."""

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as some

from gateway.domain.organisation import SCOPES, Status
from gateway.exchange.case import cases
from gateway.exchange.case.cases import CaseStepRequest
from gateway.exchange.handoffs import views
from gateway.kernel import changes, results
from gateway.kernel.changes import Change
from gateway.kernel.results import Page, collect_page
from gateway.kernel.values import HOST, Caller
from gateway.registry import directory as organisations
from gateway.registry import queries as entries
from tests.casework import offered, submitted
from tests.exchange.test_in_databases import gateway as founding  # noqa: F401 - a fixture
from tests.founded_gateway import (
    ABROAD,
    ALICE,
    DESK,
    HOTLINE,
    OCRVP,
    OFMIN,
    Founded,
    caller,
    make_change,
    submit_change,
)

ENTRUSTED = Caller(HOTLINE, DESK, frozenset({*SCOPES, "admin"}), HOST)


def paged(page: Callable[[Any], Page[Any]], start: Any = None) -> list[Any]:
    """All pages of a list after each other."""
    seen: list[Any] = []
    while True:
        found = page(start)
        seen += found.items
        if found.after is None:
            return seen
        start = found.after


# --- the rule itself -----------------------------------------------------------------------------


@given(
    some.lists(some.booleans(), max_size=40),
    some.integers(1, 8),
    some.integers(1, 12),
    some.integers(1, 5),
)
def test_the_pages_together_give_exactly_what_is_visible_in_order(visible, limit, most, batch):
    visible_rows = [row for row, shown in enumerate(visible, 1) if shown]
    asked: list[int] = []

    def rows(after: Any, size: int) -> list[int]:
        return [row for row in range(1, len(visible) + 1) if row > (after or 0)][:size]

    def view(row: int) -> int | None:
        asked.append(row)
        return row if visible[row - 1] else None

    def page(after: Any) -> Page[int]:
        asked.clear()
        found = collect_page(rows, lambda row: row, view, after, limit)
        assert len(found.items) <= limit
        assert len(asked) <= most
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(results, "ROWS_LOOKED_AT", most)
        patch.setattr(results, "BATCH", batch)
        assert paged(page) == visible_rows


def test_a_page_leads_on_only_where_more_is_visible_and_names_no_hidden_row():
    def page(visible: set[int], limit: int) -> Page[int]:
        def view(row: int) -> int | None:
            return row if row in visible else None

        numbers = range(1, 10)
        return collect_page(lambda a, n: [r for r in numbers if r > a][:n], int, view, 0, limit)

    assert page({1, 4}, 2) == Page([1, 4])
    assert page({1, 4, 9}, 2) == Page([1, 4], 4)
    assert page(set(), 2) == Page([])


# --- each list, in each store --------------------------------------------------------------------


def shown_cases(gateway: Founded, limit: int) -> list[UUID]:
    def page(after: Any) -> Page[Any]:
        return cases.page(gateway.ports, caller(HOTLINE), after, limit)

    return [one.case for one in paged(page)]


def box(gateway: Founded, which: str, organisation: str, limit: int) -> list[UUID]:
    def page(after: Any) -> Page[Any]:
        asked = {"box": which, "after": after, "limit": limit}
        return views.page(gateway.ports, caller(organisation), **asked)

    return [one.handoff for one in paged(page)]


def test_what_was_erased_ends_no_list_of_cases(founding):  # noqa: F811 - the fixture
    made = [UUID(submitted(founding).result["case"]) for _ in range(6)]
    for erased in (made[0], made[1], made[3]):
        done = CaseStepRequest("agent-1")
        founding.do(cases.close, caller(HOTLINE), founding.key(), erased, done)
        change = Change("case.erase", HOTLINE, {"case": str(erased), "reason": "an order"})
        founding.do(make_change, change, founding.approve(change))
    for limit in (1, 2, 10):
        assert shown_cases(founding, limit) == [made[2], made[4], made[5]]


def test_what_an_interest_hides_ends_no_box_of_a_recipient(founding):  # noqa: F811 - the fixture
    made = [submitted(founding) for _ in range(6)]
    sent = [UUID(offered(founding, one, to=ABROAD).result["handoff"]) for one in made]
    for hidden in (0, 1, 3):
        founding.administer(
            "interest.declare",
            ABROAD,
            scope="case",
            kind="party",
            subject=f"{HOTLINE}/{made[hidden].result['case']}",
            start="2020-01-01",
        )
    for limit in (1, 2, 10):
        assert box(founding, "in", ABROAD, limit) == [sent[2], sent[4], sent[5]]
        assert box(founding, "out", HOTLINE, limit) == sent


def test_a_page_looks_at_so_many_hidden_rows_and_leads_on(founding, monkeypatch):  # noqa: F811 - the fixture
    monkeypatch.setattr(results, "ROWS_LOOKED_AT", 2)
    case = submitted(founding)
    sent = [
        UUID(offered(founding, case, to=ABROAD, again="test").result["handoff"]) for _ in range(3)
    ]
    subject = f"{HOTLINE}/{case.result['case']}"
    values = {"scope": "case", "kind": "party", "subject": subject}
    founding.administer("interest.declare", ABROAD, **values, start="2020-01-01")
    last = UUID(offered(founding, to=ABROAD).result["handoff"])
    asked = {"box": "in", "limit": 5}
    first = views.page(founding.ports, caller(ABROAD), **asked, after=None)
    assert (first.items, first.after) == ([], str(founding.handoff(sent[1]).place))
    assert box(founding, "in", ABROAD, 5) == [last]


def test_the_directory_and_the_registry_are_whole_page_by_page(founding):  # noqa: F811 - the fixture
    founding.administer("system.set_admin_scopes", HOTLINE, system=DESK, scopes=["admin"])
    founding.administer("organisation.suspend", OFMIN, reason="test")

    def names(page: Callable[[Any], Page[Any]]) -> list[str]:
        return [one.organisation for one in paged(page, "")]

    def offices(after: Any, limit: int) -> Page[Any]:
        wanted = organisations.DirectoryFilter(kind="police_office")
        return organisations.page(founding.ports, ENTRUSTED, after, limit, wanted)

    def suspended(after: Any, limit: int) -> Page[Any]:
        return entries.page(founding.ports, ENTRUSTED, after, limit, Status.SUSPENDED)

    for limit in (1, 2, 10):
        assert names(partial(offices, limit=limit)) == [OCRVP, OFMIN]
        assert names(partial(suspended, limit=limit)) == [OFMIN]


def test_proposals_are_listed_to_the_last(founding):  # noqa: F811 - the fixture
    founding.administer("system.set_admin_scopes", HOTLINE, system=DESK, scopes=["admin"])
    made = []
    for number in range(3):
        change = Change("membership.end", HOTLINE, {"until": f"2030-01-0{number + 1}"})
        (approval,) = founding.approve(change, ALICE)
        made.append(founding.do(submit_change, change, approval).result["proposal"])

    def page(after: Any) -> Page[Any]:
        return changes.page(founding.ports, ENTRUSTED, after, 2, waiting=False)

    assert [one["proposal"] for one in paged(page)] == made[::-1]


def test_an_answer_is_ascii_and_says_what_it_was_made_of():
    answer = {"proof": "\u2014 gateway", "reason": "enquête", "sign": "\U0001f6c8"}
    assert results.encode(answer).isascii()
    assert results.to_json(answer) == answer
