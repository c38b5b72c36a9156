"""What is said of a write that was not answered, so that nobody asks for it twice."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.client import ClientError, ReceiptMismatch, Unavailable, UnexpectedAnswer
from gateway.client.line import PAUSES
from tests.client.desk import Desk, answer, cut, lose_answer, passing
from tests.founding import OFMIN, case_content
from tests.web.listening import Listening, listening

GONE = [cut] * (len(PAUSES) + 1)


@pytest.fixture
def stage() -> Listening:
    return listening()


def close(desk: Desk) -> Any:
    return desk.close_case("018f0000-0000-7000-8000-000000000001", "intake-1")


def no_answer(desk: Desk) -> None:
    desk.wire.faults = [*GONE]


def lost_answer(desk: Desk) -> None:
    desk.wire.faults = [passing, lose_answer, *GONE[1:]]


def server_error(desk: Desk) -> None:
    desk.wire.faults = [passing, answer(500)]


def redirection(desk: Desk) -> None:
    desk.wire.faults = [passing, answer(302, Location="https://elsewhere.example/")]


def no_token(desk: Desk) -> None:
    desk.wire.faults = [answer(401)]


def no_receipt(desk: Desk) -> None:
    desk.wire.tamper = lambda request, members: members | {"receipt": {}}


@pytest.mark.parametrize(
    "trouble", [no_answer, lost_answer, server_error, redirection, no_token, no_receipt]
)
def test_a_kept_write_is_to_be_resumed_and_not_repeated(
    stage: Listening, tmp_path: Path, trouble: Callable[[Desk], None]
) -> None:
    """Whatever went wrong: what waits in the spool is sent some day, and a second one too."""
    desk = Desk(stage, spool=tmp_path)
    trouble(desk)
    with pytest.raises(ClientError) as error:
        desk.submit(case_content(stage.gateway.new_id()), "intake-1")
    (file,) = tmp_path.iterdir()
    assert "casegate system resume" in str(error.value)
    assert "do not repeat it" in str(error.value)
    assert file.stem in str(error.value)
    assert "ask again" not in str(error.value)
    left = error.value.unanswered
    assert left is not None
    assert (left.action, left.path, left.key, left.kept) == (
        "case.submit",
        "/cases",
        file.stem,
        True,
    )


@pytest.mark.parametrize("trouble", [no_answer, server_error, redirection, no_receipt])
def test_without_a_spool_the_key_of_the_write_is_named(
    stage: Listening, trouble: Callable[[Desk], None]
) -> None:
    desk = Desk(stage)
    trouble(desk)
    with pytest.raises((Unavailable, UnexpectedAnswer, ReceiptMismatch)) as error:
        desk.submit(case_content(stage.gateway.new_id()), "intake-1")
    left = error.value.unanswered
    assert left is not None
    assert not left.kept
    assert f"idempotency key {left.key}" in str(error.value)
    assert "look before you repeat it" in str(error.value)


def test_a_consultation_without_an_answer_may_be_repeated_as_an_event_of_its_own(
    stage: Listening, tmp_path: Path
) -> None:
    desk = Desk(stage, spool=tmp_path)
    desk.wire.faults = [*GONE]
    with pytest.raises(Unavailable, match="asking again is another event"):
        desk.consult_case(stage.gateway.new_id(), "analyst-1", "quality", "look")


def test_what_changes_nothing_is_to_be_asked_again(stage: Listening) -> None:
    desk = Desk(stage)
    desk.wire.faults = [*GONE]
    with pytest.raises(Unavailable, match=r"; ask again later$") as error:
        desk.whoami()
    assert error.value.unanswered is None


def test_an_interrupted_write_is_told_to_be_kept(stage: Listening, tmp_path: Path) -> None:
    def stop(request: httpx.Request, response: httpx.Response | None) -> None:
        raise KeyboardInterrupt

    desk = Desk(stage, spool=tmp_path)
    desk.wire.faults = [passing, stop]
    with pytest.raises(KeyboardInterrupt) as stopped:
        desk.submit(case_content(stage.gateway.new_id()), "intake-1")
    assert "do not repeat it" in stopped.value.__notes__[0]


def test_resuming_names_the_write_at_which_it_stops(stage: Listening, tmp_path: Path) -> None:
    desk = Desk(stage, spool=tmp_path)
    for _ in range(2):
        desk.wire.faults = [*GONE]
        with pytest.raises(Unavailable):
            close(desk)
    first, second = sorted(file.stem for file in tmp_path.iterdir())
    desk.wire.tamper = lambda request, members: {"result": {}, "receipt": {}}
    desk.wire.faults = [passing, lambda request, response: httpx.Response(200, json={})]
    with pytest.raises(ClientError) as error:
        list(desk.resume())
    assert error.value.unanswered is not None
    assert error.value.unanswered.key == first
    assert {file.stem for file in tmp_path.iterdir()} == {first, second}


def test_a_write_set_aside_is_kept_and_sent_no_more(stage: Listening, tmp_path: Path) -> None:
    desk = Desk(stage, spool=tmp_path)
    desk.wire.faults = [*GONE]
    with pytest.raises(Unavailable):
        desk.refuse(stage.gateway.new_id(), "officer-1", "no capacity")
    (file,) = tmp_path.iterdir()
    aside = desk.set_aside(file.stem)
    assert (aside.action, aside.key) == ("handoff.refuse", file.stem)
    assert list(desk.resume()) == []
    (kept,) = tmp_path.iterdir()
    assert json.loads(kept.read_text())["key"] == file.stem
    for key in (file.stem, "../../etc/passwd", "no-such-key"):
        with pytest.raises(LookupError):
            desk.set_aside(key)
    with pytest.raises(LookupError):
        Desk(stage, OFMIN).set_aside(file.stem)
