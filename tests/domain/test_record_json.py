"""Records are written as JSON and read again by their own types."""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.audit import AuditAccess
from gateway.domain.organisation import (
    Application,
    MemberEncryptionKey,
    Membership,
    MembershipClass,
    Period,
)
from gateway.domain.record_json import Asked, read_record, to_json

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
