"""When a declared interest meets a case: hosts, addresses, accounts, one case, on its days."""

from contextlib import suppress
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.interest import has_conflict_of_interest, named_hosts, read_subject
from gateway.domain.organisation import DeclaredInterest, Organisation, Period, Status
from tests.each import each

DAY = date(2026, 3, 2)
SINCE = Period(DAY)
CASE = "hotline-a/018f0000-0000-7000-8000-000000000000"


def organisation(*interests: DeclaredInterest) -> Organisation:
    made = Organisation("me", "M", "hotline", False, frozenset({"gdpr"}), "FR", Status.ACTIVE)
    return replace(made, interests=interests)


def interest(subject: str, scope: str = "provider", period: Period = SINCE) -> DeclaredInterest:
    return DeclaredInterest(UUID(int=1), scope, subject, "funder", period)


def item(kind: str, value: str, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "value": value, **more}


@each(
    "named",
    [
        item("host", "provider.example"),
        item("host", "img.cdn.provider.example"),
        item("url", "https://provider.example/a"),
        item("url", "https://user@IMG.Provider.Example:8443/a?b=https://c.example"),
        item("url", "https://provider.example./a"),
        item("account", "somebody@provider.example"),
        item("account", "https://provider.example/users/somebody"),
        item("hash", "AA", referrer="https://provider.example/page"),
    ],
)
def test_an_interest_in_a_provider_meets_a_case_that_names_it(named):
    assert has_conflict_of_interest(
        organisation(interest("provider.example")), DAY, CASE, {"items": [named]}
    )


@each(
    "named",
    [
        item("host", "otherprovider.example"),
        item("host", "provider.example.org"),
        item("url", "https://c.example/provider.example"),
        item("url", "https://c.example/?u=https://provider.example"),
        item("url", "https://[broken/provider.example"),
        item("account", "provider.example@c.example"),
        item("payment", "provider.example"),
        {"id": "x", "sealed_to": "office", "sealed": "provider.example"},
    ],
)
def test_what_only_looks_like_the_provider_is_not_the_provider(named):
    assert not has_conflict_of_interest(
        organisation(interest("provider.example")), DAY, CASE, {"items": [named]}
    )


def test_an_interest_in_a_case_meets_that_case_alone():
    me = organisation(interest(CASE, "case"))
    assert has_conflict_of_interest(me, DAY, CASE, {})
    assert not has_conflict_of_interest(me, DAY, CASE.replace("hotline-a", "hotline-b"), {})


def test_an_interest_meets_nothing_outside_its_days():
    me = organisation(interest(CASE, "case", Period(date(2026, 3, 1), DAY)))
    assert not has_conflict_of_interest(me, DAY, CASE, {})
    assert has_conflict_of_interest(me, date(2026, 3, 1), CASE, {})


@given(st.lists(st.dictionaries(st.sampled_from(["kind", "value", "referrer"]), st.text())))
def test_no_value_of_an_item_is_a_failure(items):
    named_hosts(items)


@given(st.sampled_from(["provider", "case"]), st.text())
def test_a_subject_is_kept_as_it_was_given_or_refused(scope, value):
    with suppress(ValueError):
        assert read_subject(scope, value) == value
