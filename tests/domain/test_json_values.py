"""Records are written as JSON and read again by their own types."""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import ClassVar
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.audit import AuditAccess
from gateway.domain.json_values import Asked, parse_date, parse_timestamp, read_record, to_json
from gateway.domain.mandate import Period
from gateway.domain.organisation import (
    Application,
    MemberEncryptionKey,
    Membership,
    MembershipClass,
)
from tests.each import each

GRANTS = st.builds(
    AuditAccess, start=st.just(date(2026, 1, 1)), end=st.just(date(2026, 2, 1)), case=st.none()
)


@given(st.from_type(MemberEncryptionKey) | st.from_type(Application) | GRANTS)
def test_a_record_comes_back_from_json_by_the_types_of_its_fields(record):
    stored = json.loads(json.dumps(to_json(record)))
    assert read_record(type(record), stored) == record


def test_a_record_in_json_names_its_fields():
    period = Period(date(2026, 1, 1))
    seat = Membership(MembershipClass.FULL, period, "decision-1")
    assert to_json((seat,)) == [
        {
            "membership": "full",
            "period": {"start": "2026-01-01", "end": None},
            "decision_ref": "decision-1",
        }
    ]


@dataclass(frozen=True)
class Step(Asked):
    case: UUID
    by: str
    at: datetime | None = None
    groups: tuple[str, ...] = ()
    signed: object | None = None


CASE = UUID("0198c1f2-7a00-7000-8000-000000000001")


def test_a_value_of_the_type_of_its_field_is_taken_as_it_is():
    read = read_record(Step, {"case": CASE, "by": "a-1", "groups": ["items"]})
    assert read == Step(CASE, "a-1", groups=("items",))


def test_a_name_that_is_no_field_is_refused():
    with pytest.raises(KeyError):
        read_record(Step, {"case": CASE, "by": "a-1", "other": "x"})


def test_a_retry_repeats_all_but_who_asks():
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert Step(CASE, "a-1", at, ("items",)).asked() == {
        "case": str(CASE),
        "at": "2026-01-02T03:04:05+00:00",
        "groups": ["items"],
    }


def test_a_retry_of_a_signed_document_is_signed():
    assert Step(CASE, "a-1", signed=object()).asked()["signed"] is True


# --- Times and days have one strict form ---


@each("text", ["2026-01-02T03:04:05Z", "2026-01-02T04:04:05+01:00", "2026-01-02T03:04:05.000000Z"])
def test_a_time_with_its_offset_is_read(text):
    assert parse_timestamp(text) == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@each(
    "text",
    [
        "2026-01-02T03:04:05",
        "2026-01-02T03:04:05-00:00",
        "2026-01-02 03:04:05Z",
        "2026-01-02t03:04:05z",
        "2026-02-30T03:04:05Z",
        "2026-01-02T25:04:05Z",
        "2026-01-02T03:04:05+25:00",
        "2026-01-02T03:04:60Z",
        "2026-01-02T03:04Z",
        "20260102T030405Z",
        "2026-W01-5T03:04:05Z",
        "2026-01-02T03:04:05Z\n",
        "２026-01-02T03:04:05Z",
        "2026-01-02T03:04:05.Z",
        "2026-01-02T03:04:05.1234567Z",
        "9999-12-31T23:59:59-00:01",
        "0001-01-01T00:00:00+00:01",
    ],
)
def test_another_form_of_a_time_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        parse_timestamp(text)


def test_a_day_is_read():
    assert parse_date("2024-02-29") == date(2024, 2, 29)


@each("text", ["2026-02-29", "2026-1-2", "20260102", "2026-01-02 ", "0000-01-01"])
def test_another_form_of_a_day_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        parse_date(text)


@given(st.datetimes(timezones=st.timezones()))
def test_every_time_that_python_writes_in_utc_is_read_back(moment):
    in_utc = moment.replace(year=max(2, min(9998, moment.year)), tzinfo=UTC)
    assert parse_timestamp(in_utc.isoformat()) == in_utc


@dataclass(frozen=True)
class Named:
    """A record with something of its class, as actions have one."""

    action: ClassVar[str] = "case.end_measure"
    by: str = ""


def test_what_is_of_the_class_of_a_record_is_no_field_of_it():
    assert read_record(Named, {"by": "a"}) == Named("a")
