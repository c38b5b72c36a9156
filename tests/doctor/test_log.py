"""The doctor tells where log, mark and keys do not agree, and which hold was not reviewed."""

from datetime import timedelta

import pytest

from gateway import wiring
from gateway.domain.health import Level
from gateway.domain.refusals import HighWaterMarkUnavailable
from gateway.keys import KeyPurpose, generate_key, write_key
from tests.doctor.finding import findings, sentences, the
from tests.operating import NEW, Operator

DAY = timedelta(days=1)


def test_another_key_than_the_one_that_signed_is_an_error(gw: Operator) -> None:
    (gw.config.keys / "log/current.pem").unlink()
    write_key(gw.config.keys / "log/current.pem", generate_key(KeyPurpose.LOG))
    assert "log key" in sentences(gw, "log", Level.ERROR)


def test_a_log_that_does_not_continue_what_was_signed_is_an_error(gw: Operator) -> None:
    before = (gw.folder / "casegate.db").read_bytes()
    admitted = ("organisation", "admit", "abc", "--name", "M", "--kind", "hotline")
    gw.done(*admitted, "--country", "FR")
    assert f"({NEW + 1} of {NEW + 1})" in sentences(gw, "log", Level.OK)
    (gw.folder / "casegate.db").write_bytes(before)
    assert "log frozen" in sentences(gw, "log", Level.ERROR)


def test_a_lost_mark_is_an_error_and_is_not_made(gw: Operator) -> None:
    gw.lose_mark()
    assert "mark is missing" in sentences(gw, "log", Level.ERROR)
    assert not list(gw.folder.glob("high-water-mark*"))


def test_a_mark_that_does_not_answer_is_an_error(
    gw: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: object) -> None:
        raise HighWaterMarkUnavailable("the log's high-water mark cannot be read")

    monkeypatch.setattr(wiring, "read_mark", away)
    assert "see [high_water_mark] url" in sentences(gw, "log", Level.ERROR)


def test_a_log_hold_is_listed_and_its_missed_review_is_a_warning(gw: Operator) -> None:
    review = (wiring.now() + 10 * DAY).date().isoformat()
    gw.done("log-hold", "set", "--reference", "12/345", "--review-on", review)
    assert "log holds in force: 1;" in the(findings(gw), "log_holds", Level.OK)
    (hold,) = gw.told("log-hold", "list", persons=())["items"]
    assert (hold["reference"], hold["review_missed"]) == ("12/345", False)
    assert hold["log_hold"] in the(findings(gw, 12 * DAY), "log_holds", Level.WARNING)
    gw.done("log-hold", "end", hold["log_hold"], "--reason", "closed")
    assert "log holds in force: 0;" in the(findings(gw, 12 * DAY), "log_holds", Level.OK)
