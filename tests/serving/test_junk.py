"""Floods of warnings."""

import logging

from gateway.serving.listener import JunkFilter


def line(created: float, level: int = logging.WARNING) -> logging.LogRecord:
    record = logging.LogRecord("gunicorn.error", level, "", 0, "refused", None, None)
    record.created = created
    return record


def test_floods_of_warnings_are_counted_not_written():
    junk = JunkFilter(lines=3)
    assert [junk.filter(line(60.0 + n)) for n in range(5)] == [True, True, True, False, False]
    later = line(120.0)
    assert junk.filter(later)
    assert later.getMessage() == "refused (2 such lines were left out)"
    after = line(121.0)
    assert junk.filter(after)
    assert after.getMessage() == "refused"


def test_errors_are_always_written():
    junk = JunkFilter(lines=0)
    assert junk.filter(line(60.0, logging.ERROR))
