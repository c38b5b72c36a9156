"""When a declared interest meets a case: hosts, addresses, accounts, one case, on its days."""

from contextlib import suppress
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.interest import has_conflict_of_interest, named_hosts, read_subject
from gateway.domain.mandate import Period
from gateway.domain.organisation import DeclaredInterest, Organisation, Status
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


def hosted(**found: Any) -> dict[str, Any]:
    return item("url", "https://c.example/a", hosting=[found])


@each(
    "subject, named",
    [
        ("provider.example", hosted(isp="provider.example")),
        ("provider.example", hosted(org="Provider Hosting (www.Provider.example), NL")),
        ("name:Example Hosting", hosted(org="EXAMPLE  Hosting B.V.")),
        ("name:Example Hosting", hosted(isp="example-hosting")),
        ("AS64500", hosted(as_number=64500)),
        ("192.0.2.0/24", hosted(ip="192.0.2.7")),
        ("192.0.2.0/24", item("ip_event", "192.0.2.7:443@2026-03-01T20:00:00Z")),
        ("192.0.2.0/24", item("url", "https://192.0.2.7/a")),
        ("192.0.2.0/24", item("host", "192.0.2.7")),
        ("2001:db8::/32", item("ip_event", "[2001:db8::1]:443")),
        ("192.0.2.7", hosted(ip="192.0.2.7")),
        ("account:somebody@c.example", item("account", "Somebody@c.example")),
    ],
)
def test_any_identifier_of_an_item_can_be_the_providers(subject, named):
    assert read_subject("provider", subject) == subject
    me = organisation(interest(subject))
    assert has_conflict_of_interest(me, DAY, CASE, {"items": [named]})


@each(
    "subject, named",
    [
        ("provider.example", hosted(org="otherprovider.example")),
        ("name:Example", hosted(org="Examples Ltd")),
        ("AS64500", hosted(as_number=64501)),
        ("192.0.2.0/24", hosted(ip="198.51.100.7")),
        ("192.0.2.0/24", item("ip_event", "[2001:db8::1]:443")),
        ("account:body@c.example", item("account", "somebody@c.example")),
    ],
)
def test_an_identifier_of_another_provider_meets_nothing(subject, named):
    assert not has_conflict_of_interest(
        organisation(interest(subject)), DAY, CASE, {"items": [named]}
    )


@each(
    "subject",
    ["Example", "example", "AS0", "as64500", "192.0.2.1/24", "name:", "name: ..", "account:", ""],
)
def test_what_names_no_provider_in_one_of_its_forms_is_refused(subject):
    with pytest.raises(ValueError, match="provider"):
        read_subject("provider", subject)


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
