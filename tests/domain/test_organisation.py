"""Organisations: memberships, competences and transfer tools on a day, names, systems."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.mandate import Period
from gateway.domain.organisation import (
    ACTIONS_BEFORE_ACTIVATION,
    ACTIONS_WHILE_SUSPENDED,
    EEA,
    Agreement,
    Certificate,
    Membership,
    MembershipClass,
    Organisation,
    Status,
    System,
    due_expiry_notice,
    may_act,
    organisation_uri,
    read_organisation_uri,
    read_system_uri,
    system_of,
    system_uri,
)
from tests.domain.test_mandate import AFTER, BEFORE, CHANGE, EVE
from tests.each import each


def organisation(**changes: object) -> Organisation:
    made = Organisation(
        slug="office-a",
        name="Office A",
        kind="police_office",
        public_authority=True,
        regimes=frozenset({"gdpr", "led"}),
        country="FR",
        status=Status.ACTIVE,
        memberships=(
            Membership(MembershipClass.ASSOCIATE, Period(EVE, CHANGE), "a"),
            Membership(MembershipClass.OBSERVER, Period(CHANGE), "b"),
        ),
        mandates=(BEFORE, replace(AFTER, organisation="office-a", territory="BE")),
    )
    return replace(made, **changes)


def test_the_membership_is_that_of_the_day():
    found = organisation()
    assert found.membership_on(EVE - timedelta(days=1)) is None
    assert found.membership_on(EVE) is MembershipClass.ASSOCIATE
    assert found.membership_on(CHANGE) is MembershipClass.OBSERVER


def test_competences_are_those_of_the_day():
    found = organisation()
    assert found.competences_on(EVE) == {"receive/csam/FR"}
    assert found.competences_on(CHANGE) == {"receive/csam/BE"}
    assert found.competences_on(date(2000, 1, 1)) == frozenset()


# --- Third countries -----------------------------------------------------------------------------


def agreement(kind: str, period: Period) -> Agreement:
    return Agreement(UUID(int=1), kind, "all", "Art. 46", period)


def is_barred(country: str, *agreements: Agreement, day: date = CHANGE) -> bool:
    return organisation(country=country, agreements=agreements).is_transfer_barred_on(day)


def test_no_transfer_into_thirty_countries_is_barred():
    assert len(EEA) == 30
    assert not any(is_barred(country) for country in EEA)


@each("country", ["GB", "CH", "US", "JP", "XX"])
def test_a_transfer_into_all_others_is_barred_until_a_tool_is_recorded(country):
    assert is_barred(country)
    assert is_barred(country, agreement("membership", Period(CHANGE)))
    assert not is_barred(country, agreement("transfer", Period(CHANGE)))


def test_a_transfer_tool_opens_the_way_on_its_days_alone():
    tool = agreement("transfer", Period(CHANGE, CHANGE + timedelta(days=1)))
    days = (CHANGE - timedelta(days=1), CHANGE, CHANGE + timedelta(days=1))
    assert [is_barred("US", tool, day=day) for day in days] == [True, False, True]


# --- Names ---------------------------------------------------------------------------------------


@each("slug", ["", "a", "A-b", "1a", "-ab", "a_b", "a" * 41, "ab\n", "é-b", "a.b"])
def test_an_organisation_id_has_one_form(slug):
    with pytest.raises(ValueError, match="an organisation's name"):
        organisation(slug=slug)


def test_only_a_public_authority_acts_under_the_led_regime():
    with pytest.raises(ValueError, match="public authority"):
        organisation(public_authority=False)


def test_a_client_id_names_organisation_and_system():
    system = System("office-a", "desk", frozenset())
    assert system_of(system.client_id) == ("office-a", "desk")


@each(
    "client_id", ["", "office-a", "office-a.", ".desk", "a.desk", "office-a.desk.x", "office-a.De"]
)
def test_other_texts_are_no_client_id(client_id):
    assert system_of(client_id) is None


SLUGS = st.from_regex(r"\A[a-z][a-z0-9-]{1,39}\Z")


@given(SLUGS)
def test_the_name_of_an_organisation_in_documents_is_read_as_it_was_written(slug: str) -> None:
    issuer = "https://gateway.example:8443"
    assert read_organisation_uri(organisation_uri(issuer, slug)) == (issuer, slug)


@each(
    "uri",
    [
        "",
        "https://gateway.example/organisations/",
        "https://gateway.example/organisations/A",
        "https://gateway.example/organisations/hotline/",
        "https://gateway.example/organisations/hotline?x",
        "https://gateway.example/organisations/hotline\n",
        "https://gateway.example/organisations/hôtline",
        "http://gateway.example/organisations/hotline",
        "https://gateway.example/people/hotline",
        " https://gateway.example/organisations/hotline",
    ],
)
def test_no_other_text_names_an_organisation(uri: str) -> None:
    assert read_organisation_uri(uri) is None


@each("part", ["", "A", "a", "Ab", "a:b", "a b", "é" * 3, "a" * 41, "a\n"])
def test_a_name_that_is_no_slug_enters_no_certificate(part: str) -> None:
    with pytest.raises(ValueError, match="name in a certificate"):
        system_uri("demo", part, "main")


def _leaf(days: float, reminded: int | None = None) -> Certificate:
    ends = datetime(2026, 3, 2, tzinfo=UTC) + timedelta(days=days)
    return Certificate("thumb", 1, "hotline", "desk", ends, reminded=reminded)


@each(
    "left, reminded, due",
    [
        (14.01, None, None),
        (14, None, 14),
        (13, 14, None),
        (7, 14, 7),
        (6, None, 7),
        (3, 7, 3),
        (2, 3, None),
        (0.1, 14, 3),
    ],
)
def test_an_organisation_is_told_of_a_certificate_once_for_each_threshold(
    left: float, reminded: int | None, due: int | None
) -> None:
    assert due_expiry_notice(_leaf(left, reminded), datetime(2026, 3, 2, tzinfo=UTC)) == due


def test_the_name_of_a_system_is_read_as_it_was_joined() -> None:
    assert read_system_uri(system_uri("example", "hotline", "desk")) == (
        "example",
        "hotline",
        "desk",
    )
    for other in ("urn:casegate:example:hotline", "urn:casegate:e:h:d:x", "urn:x:aa:bb:cc", ""):
        assert read_system_uri(other) is None


@each("status", Status)
def test_only_what_leads_there_is_open_before_an_organisation_is_active(status: Status) -> None:
    assert may_act(status, "case.submit") is (status is Status.ACTIVE)
    joins = status in (Status.ACTIVE, Status.ENROLLED)
    first = ACTIONS_BEFORE_ACTIVATION - ACTIONS_WHILE_SUSPENDED
    assert all(may_act(status, action) is joins for action in first)
    owes = status in (Status.ACTIVE, Status.SUSPENDED)
    duties = ACTIONS_WHILE_SUSPENDED - ACTIONS_BEFORE_ACTIVATION
    assert all(may_act(status, action) is owes for action in duties)
    assert may_act(status, "whoami.read") is (joins or owes)
