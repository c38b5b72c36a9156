"""Organisations: seats and mandates on a day, and the one office that is competent."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.organisation import (
    ACTIONS_BEFORE_ACTIVATION,
    ACTIONS_WHILE_SUSPENDED,
    Certificate,
    Mandate,
    Membership,
    MembershipClass,
    Organisation,
    Period,
    Status,
    System,
    due_expiry_notice,
    may_act,
    organisation_uri,
    read_competence,
    read_organisation_uri,
    read_system_uri,
    resolve_competence,
    system_of,
    system_uri,
)
from gateway.domain.refusals import NoCompetentOrganisation, SeveralCompetentOrganisations
from tests.each import each

CHANGE = date(2023, 8, 31)
EVE = CHANGE - timedelta(days=1)
KEY = "receive/csam/FR"
DAYS = st.dates(date(2020, 1, 1), date(2020, 2, 15))


def competence(organisation: str, period: Period, **changes: str) -> Mandate:
    made = Mandate(
        id=UUID(int=1),
        organisation=organisation,
        function="receive",
        matter="csam",
        territory="FR",
        legal_act="act",
        period=period,
        registration_event=UUID(int=2),
    )
    return replace(made, **changes)


BEFORE = competence("office-a", Period(date(2006, 5, 6), CHANGE))
AFTER = competence("office-b", Period(CHANGE))


@st.composite
def periods(draw: st.DrawFn) -> Period:
    start = draw(DAYS)
    days = draw(st.one_of(st.none(), st.integers(1, 30)))
    return Period(start, None if days is None else start + timedelta(days=days))


def test_a_period_holds_its_first_day_and_not_its_end():
    period = Period(EVE, CHANGE)
    assert period.holds(EVE)
    assert not period.holds(CHANGE)
    assert not period.holds(EVE - timedelta(days=1))


def test_a_period_without_end_holds_every_later_day():
    assert Period(CHANGE).holds(date.max)
    assert not Period(CHANGE).holds(EVE)


@each("end", [EVE, CHANGE])
def test_a_period_without_a_day_is_refused(end):
    with pytest.raises(ValueError, match="ends after it starts"):
        Period(CHANGE, end)


@given(periods(), periods())
def test_periods_overlap_exactly_when_they_share_a_day(one, other):
    days = [date(2020, 1, 1) + timedelta(days=n) for n in range(90)]
    shared = any(one.holds(day) and other.holds(day) for day in days)
    assert one.overlaps(other) is other.overlaps(one) is shared


@given(periods(), DAYS)
def test_a_successors_period_leaves_no_gap_and_no_overlap(before, day):
    change = before.start + timedelta(days=20)
    first, second = Period(before.start, change), Period(change)
    assert first.holds(day) + second.holds(day) == (day >= before.start)
    assert not first.overlaps(second)


@each("day, office", [(EVE, "office-a"), (CHANGE, "office-b")])
def test_a_case_goes_to_the_office_that_is_competent_on_the_day(day, office):
    assert resolve_competence([BEFORE, AFTER], KEY, day).organisation == office


@each(
    "key, day",
    [
        (KEY, date(2006, 5, 5)),
        ("receive/grooming/FR", CHANGE),
        ("receive/csam/BE", CHANGE),
        ("receive/csam/FR/", CHANGE),
        ("csam/FR", CHANGE),
    ],
)
def test_where_no_office_is_competent_nothing_is_guessed(key, day):
    with pytest.raises(NoCompetentOrganisation, match=day.isoformat()):
        resolve_competence([BEFORE, AFTER], key, day)


@each("function", ["investigate", "take_down", "protect", "route"])
def test_a_mandate_is_addressed_by_its_own_function(function):
    held = replace(AFTER, function=function)
    assert resolve_competence([held], f"{function}/csam/FR", CHANGE) is held
    with pytest.raises(NoCompetentOrganisation):
        resolve_competence([held], KEY, CHANGE)


def test_several_competent_offices_are_named_and_none_is_chosen():
    rival = competence("office-c", Period(CHANGE))
    with pytest.raises(SeveralCompetentOrganisations, match="office-b, office-c"):
        resolve_competence([rival, BEFORE, AFTER], KEY, CHANGE)


def test_one_of_several_holders_is_addressed_by_its_name():
    rival = competence("office-c", Period(CHANGE))
    assert resolve_competence([rival, BEFORE, AFTER], KEY, CHANGE, "office-c") is rival


def test_who_does_not_hold_a_competence_is_not_addressed_for_it():
    with pytest.raises(NoCompetentOrganisation, match="office-b"):
        resolve_competence([BEFORE, AFTER], KEY, CHANGE, "office-a")


@each("text, key", [("csam/FR", KEY), (KEY, KEY), ("take_down/csam/NL", "take_down/csam/NL")])
def test_a_competence_without_a_function_is_to_receive(text, key):
    assert read_competence(text) == key


@each("text", ["", "csam", "csam/", "/csam/FR", "judge/csam/FR", "receive/csam/FR/x"])
def test_what_names_no_competence_is_not_read_as_one(text):
    with pytest.raises(ValueError, match="FUNCTION"):
        read_competence(text)


@each("part", ["function", "matter", "territory"])
@each("text", ["", "csam/FR"])
def test_no_mandate_can_be_spelled_as_another_one(part, text):
    with pytest.raises(ValueError, match="without '/'"):
        replace(AFTER, **{part: text})


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


def test_a_standing_is_the_seat_of_the_day():
    found = organisation()
    assert found.membership_on(EVE - timedelta(days=1)) is None
    assert found.membership_on(EVE) is MembershipClass.ASSOCIATE
    assert found.membership_on(CHANGE) is MembershipClass.OBSERVER


def test_competences_are_those_of_the_day():
    found = organisation()
    assert found.competences_on(EVE) == {"receive/csam/FR"}
    assert found.competences_on(CHANGE) == {"receive/csam/BE"}
    assert found.competences_on(date(2000, 1, 1)) == frozenset()


@each("slug", ["", "a", "A-b", "1a", "-ab", "a_b", "a" * 41, "ab\n", "é-b", "a.b"])
def test_an_organisation_id_has_one_form(slug):
    with pytest.raises(ValueError, match="organisation id"):
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
