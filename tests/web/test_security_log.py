"""The security log: one JSON line each, bounded for each kind, and nothing personal."""

import io
import json
import logging
from datetime import timedelta

import pytest

from gateway.web.security_log import LineBudget, SecurityLog
from tests.each import each
from tests.ports import Clock


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


# --- Floods of lines in the logs of processes ---


def line(created: float, level: int = logging.WARNING, error: BaseException | None = None):
    exc_info = (type(error), error, None) if error else None
    record = logging.LogRecord("gunicorn.error", level, "", 0, "refused", None, exc_info)
    record.created = created
    return record


@each("level", [logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL])
def test_floods_of_lines_of_any_level_are_counted_not_written(level):
    junk = LineBudget(lines=3)
    assert [junk.filter(line(60.0 + n, level)) for n in range(5)] == [True] * 3 + [False] * 2
    later = line(120.0, level)
    assert junk.filter(later)
    assert later.getMessage() == "refused (2 such lines were left out)"
    after = line(121.0, level)
    assert junk.filter(after)
    assert after.getMessage() == "refused"


def test_a_flood_of_warnings_hides_no_error():
    junk = LineBudget(lines=1)
    assert [junk.filter(line(60.0)) for _ in range(3)] == [True, False, False]
    failed = line(60.0, logging.ERROR)
    assert junk.filter(failed)
    assert failed.getMessage() == "refused"


def test_of_an_exception_its_place_is_written_in_one_line_and_not_its_message():
    failed = line(60.0, logging.ERROR, KeyError("a name that nobody may read"))
    assert LineBudget().filter(failed)
    assert logging.Formatter().format(failed) == "refused (KeyError in nowhere)"
