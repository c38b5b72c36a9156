"""The security log: one JSON line each, bounded for each kind, and nothing personal."""

import io
import json
from datetime import timedelta

import pytest

from gateway.web.security_log import SecurityLog
from tests.founding import Clock


class Written:
    """A log on a clock that tests move."""

    def __init__(self, lines: int = 3) -> None:
        self.clock, self.stream = Clock(), io.StringIO()
        self.log = SecurityLog(self.stream, self.clock, lines)

    def lines(self):
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]


@pytest.fixture
def written() -> Written:
    return Written()


def test_a_line_has_kind_level_time_and_fields(written):
    written.log.refuse("invalid-token", request="r", endpoint="cases_list")
    (line,) = written.lines()
    assert line == {
        "event": "invalid-token",
        "level": "warning",
        "at": "2026-03-02T09:00:00.000+00:00",
        "request": "r",
        "endpoint": "cases_list",
    }


def test_a_kind_beyond_its_budget_is_counted_and_told_in_the_next_minute(written):
    for _ in range(8):
        written.log.refuse("validation-failed")
    assert len(written.lines()) == 3
    written.clock.advance(timedelta(minutes=1))
    written.log.refuse("validation-failed")
    written.log.refuse("validation-failed")
    assert [line.get("left_out") for line in written.lines()] == [None, None, None, 5, None]


def test_one_kind_does_not_use_up_the_budget_of_another(written):
    for _ in range(8):
        written.log.refuse("validation-failed")
    written.log.refuse("invalid-token")
    assert written.lines()[-1]["event"] == "invalid-token"


def test_what_was_granted_has_a_larger_budget(written):
    for _ in range(40):
        written.log.note("token-issued")
    assert len(written.lines()) == 30
    written.clock.advance(timedelta(minutes=1))
    written.log.note("token-issued")
    assert written.lines()[-1]["left_out"] == 10


def test_a_failure_is_written_by_its_place_and_kind_and_without_its_message(written):
    try:
        raise RuntimeError("parameters: ('a name', 'a street')")
    except RuntimeError as error:
        written.log.fail("server-error", error, request="r")
    (line,) = written.lines()
    assert line["error"] == "builtins.RuntimeError"
    assert line["where"][-1].startswith("test_security_log.py:")
    assert "street" not in written.stream.getvalue()


def test_failures_have_a_budget_too(written):
    for _ in range(99):
        written.log.fail("server-error", RuntimeError("x"))
    assert len(written.lines()) < 99


def test_two_logs_in_one_process_are_apart(written):
    other = Written()
    written.log.note("here")
    other.log.note("there")
    assert [line["event"] for line in written.lines()] == ["here"]
    assert [line["event"] for line in other.lines()] == ["there"]


def test_a_value_cannot_break_the_line(written):
    written.log.refuse("x", reason='a\n{"event": "forged"}')
    assert len(written.lines()) == 1
