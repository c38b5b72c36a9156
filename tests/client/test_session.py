"""Writes are done once, kept until they are answered, and said to be; the log is remembered."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.client import (
    ClientError,
    EvidenceMismatch,
    GatewayUnavailable,
    LogForked,
    RequestRefused,
    UnexpectedAnswer,
)
from gateway.client.local_state import Outbox, PendingWrite
from gateway.client.transport import PAUSES
from gateway.ledger.note import Checkpoint, sign_checkpoint
from tests.casework import case_content
from tests.client.client_fixture import MemberClient, answer, cut, lose_answer, passing
from tests.client.scenario import CLEARED, submit
from tests.each import each
from tests.founded_gateway import OFMIN
from tests.ports import ORIGIN, note_signer
from tests.web.listening import Listening

GONE = [cut] * (len(PAUSES) + 1)


def close(desk: MemberClient) -> Any:
    return desk.step("case.close", {"case": "018f0000-0000-7000-8000-000000000001"}, "intake-1")


def no_answer(desk: MemberClient) -> None:
    desk.wire.faults = [*GONE]


def lost_answer(desk: MemberClient) -> None:
    desk.wire.faults = [passing, lose_answer, *GONE[1:]]


def server_error(desk: MemberClient) -> None:
    desk.wire.faults = [passing, answer(500)]


def redirection(desk: MemberClient) -> None:
    desk.wire.faults = [passing, answer(302, Location="https://elsewhere.example/")]


def no_token(desk: MemberClient) -> None:
    desk.wire.faults = [answer(401)]


def no_receipt(desk: MemberClient) -> None:
    desk.wire.tamper = lambda request, members: members | {"receipt": {}}


@pytest.mark.parametrize(
    "trouble", [no_answer, lost_answer, server_error, redirection, no_token, no_receipt]
)
def test_a_kept_write_is_to_be_resumed_and_not_repeated(
    stage: Listening, tmp_path: Path, trouble: Callable[[MemberClient], None]
) -> None:
    """Whatever went wrong: what waits in the outbox is sent some day, and a second one too."""
    desk = MemberClient(stage, outbox=tmp_path)
    trouble(desk)
    with pytest.raises(ClientError) as error:
        desk.submit(case_content(stage.gateway.new_id()), "intake-1")
    (file,) = tmp_path.iterdir()
    assert "casegate outbox resend" in str(error.value)
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


@each("trouble", [lost_answer, server_error, redirection, no_receipt])
def test_without_a_spool_the_key_of_the_write_is_named(
    stage: Listening, trouble: Callable[[MemberClient], None]
) -> None:
    desk = MemberClient(stage)
    trouble(desk)
    with pytest.raises((GatewayUnavailable, UnexpectedAnswer, EvidenceMismatch)) as error:
        desk.submit(case_content(stage.gateway.new_id()), "intake-1")
    left = error.value.unanswered
    assert left is not None
    assert not left.kept
    assert f"idempotency key {left.key}" in str(error.value)
    assert "look before you repeat it" in str(error.value)


def test_what_was_neither_kept_nor_sent_is_to_be_repeated(stage: Listening) -> None:
    desk = MemberClient(stage)
    no_answer(desk)
    with pytest.raises(GatewayUnavailable, match="repeat") as error:
        desk.submit(case_content(stage.gateway.new_id()), "intake-1")
    assert error.value.unanswered is None


def test_what_changes_nothing_is_to_be_asked_again(stage: Listening) -> None:
    desk = MemberClient(stage)
    desk.wire.faults = [*GONE]
    with pytest.raises(GatewayUnavailable) as error:
        desk.whoami()
    assert error.value.unanswered is None


def test_an_interrupted_write_is_told_to_be_kept(stage: Listening, tmp_path: Path) -> None:
    def stop(request: httpx.Request, response: httpx.Response | None) -> None:
        raise KeyboardInterrupt

    desk = MemberClient(stage, outbox=tmp_path)
    desk.wire.faults = [passing, stop]
    with pytest.raises(KeyboardInterrupt) as stopped:
        desk.submit(case_content(stage.gateway.new_id()), "intake-1")
    assert "do not repeat it" in stopped.value.__notes__[0]


def test_resuming_names_the_write_at_which_it_stops(stage: Listening, tmp_path: Path) -> None:
    desk = MemberClient(stage, outbox=tmp_path)
    for _ in range(2):
        desk.wire.faults = [*GONE]
        with pytest.raises(GatewayUnavailable):
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
    desk = MemberClient(stage, outbox=tmp_path)
    desk.wire.faults = [*GONE]
    with pytest.raises(GatewayUnavailable):
        desk.answer("decline", stage.gateway.new_id(), "officer-1", reason="no capacity")
    (file,) = tmp_path.iterdir()
    aside = desk.set_aside(file.stem)
    assert (aside.action, aside.key) == ("handoff.decline", file.stem)
    assert list(desk.resume()) == []
    (kept,) = tmp_path.iterdir()
    assert json.loads(kept.read_text())["key"] == file.stem
    for key in (file.stem, "../../etc/passwd", "no-such-key"):
        with pytest.raises(LookupError):
            desk.set_aside(key)
    with pytest.raises(LookupError):
        MemberClient(stage, OFMIN).set_aside(file.stem)


# --- Repeats -------------------------------------------------------------------------------------


def test_a_write_whose_answer_is_lost_is_done_once(stage: Listening) -> None:
    desk, case = MemberClient(stage), stage.gateway.new_id()
    before = stage.gateway.size()
    desk.wire.faults = [passing, lose_answer, cut]
    written = desk.submit(case_content(case), "intake-1")
    assert desk.pauses == list(PAUSES[:2])
    assert stage.gateway.size() == before + 1
    first, *repeats = (r for r in desk.wire.requests if r.url.path == "/cases")
    assert len(repeats) == 2
    for repeat in repeats:
        assert repeat.content == first.content
        assert repeat.headers["idempotency-key"] == first.headers["idempotency-key"]
    assert written.confirmed.index == before


def test_a_write_is_on_disk_before_it_is_sent_and_gone_when_it_is_answered(
    stage: Listening, tmp_path: Path
) -> None:
    desk, kept = MemberClient(stage, outbox=tmp_path), []

    def look(request: httpx.Request, response: httpx.Response | None) -> None:
        if response is None:
            kept.extend(json.loads(file.read_text()) for file in tmp_path.iterdir())

    desk.wire.faults = [passing, look]
    desk.submit(case_content(stage.gateway.new_id()), "intake-1")
    (write,) = kept
    request = desk.wire.requests[-1]
    assert write["body"].encode() == request.content
    assert write["key"] == request.headers["idempotency-key"]
    assert list(tmp_path.iterdir()) == []


def test_what_was_never_answered_is_sent_again_by_a_later_process(
    stage: Listening, tmp_path: Path
) -> None:
    desk, case = MemberClient(stage, outbox=tmp_path), stage.gateway.new_id()
    desk.wire.faults = [passing, lose_answer, *[cut] * len(PAUSES)]
    with pytest.raises(GatewayUnavailable):
        desk.submit(case_content(case), "intake-1", CLEARED)
    assert len(list(tmp_path.iterdir())) == 1
    size = stage.gateway.size()
    later = MemberClient(stage, outbox=tmp_path)
    (resent,) = later.resume()
    assert resent.written is not None
    assert resent.written.result["state"] == "cleared"
    assert stage.gateway.size() == size, "the write was done the first time"
    assert list(tmp_path.iterdir()) == []
    assert list(later.resume()) == []


def test_a_refused_write_is_not_sent_again(stage: Listening, tmp_path: Path) -> None:
    desk = MemberClient(stage, outbox=tmp_path)
    with pytest.raises(RequestRefused):
        desk.step("case.close", {"case": stage.gateway.new_id()}, "intake-1")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("status", [401, 408, 429])
def test_a_write_that_was_not_heard_is_kept_though_it_was_refused(
    stage: Listening, tmp_path: Path, status: int
) -> None:
    """No access, or not now: that is no word about the write, and resuming must not lose it."""
    desk = MemberClient(stage, outbox=tmp_path)
    desk.wire.faults = [passing, answer(status)]
    with pytest.raises(RequestRefused, match="casegate outbox resend") as error:
        desk.submit(case_content(stage.gateway.new_id()), "intake-1")
    assert error.value.unanswered is not None
    assert error.value.unanswered.kept
    desk.wire.faults = [answer(status)]
    with pytest.raises(RequestRefused, match="casegate outbox resend"):
        list(desk.resume())
    (file,) = tmp_path.iterdir()
    (resent,) = desk.resume()
    assert resent.written is not None
    assert resent.write.key == file.stem
    assert list(tmp_path.iterdir()) == []


def test_without_a_spool_a_write_that_was_not_heard_is_a_refusal_like_others(
    stage: Listening,
) -> None:
    desk = MemberClient(stage)
    desk.wire.faults = [passing, answer(429)]
    with pytest.raises(RequestRefused) as error:
        desk.submit(case_content(stage.gateway.new_id()), "intake-1")
    assert error.value.unanswered is None
    assert "resume" not in str(error.value)


def test_resuming_goes_on_after_a_refusal(stage: Listening, tmp_path: Path) -> None:
    desk = MemberClient(stage, outbox=tmp_path)
    case = submit(desk, stage)
    for ask in (
        lambda: desk.step("case.close", {"case": stage.gateway.new_id()}, "intake-1"),
        lambda: desk.step("case.close", {"case": case}, "intake-1"),
    ):
        desk.wire.faults = [*[cut] * (len(PAUSES) + 1)]
        with pytest.raises(GatewayUnavailable):
            ask()
    refused, written = desk.resume()
    assert refused.refused is not None
    assert refused.refused.slug == "not-found"
    assert written.written is not None
    assert list(tmp_path.iterdir()) == []


def test_a_kept_write_of_an_action_that_left_ends_and_says_so(
    stage: Listening, tmp_path: Path
) -> None:
    desk = MemberClient(stage, outbox=tmp_path)
    case = submit(desk, stage)
    key, path = str(stage.gateway.new_id()), f"/cases/{case}/embargo/contests"
    left = PendingWrite("case.contest_embargo", path, key, '{"by":"intake-1"}')
    Outbox(tmp_path).keep(left)
    (ended,) = desk.resume()
    assert "nobody can do case.contest_embargo any more" in str(ended.refused)
    assert "casegate event list" in str(ended.refused)
    assert not list(tmp_path.iterdir())


def test_a_consultation_is_never_kept_to_open_content_later(
    stage: Listening, tmp_path: Path
) -> None:
    desk = MemberClient(stage, outbox=tmp_path)
    case = submit(desk, stage)
    desk.wire.faults = [cut] * (len(PAUSES) + 1)
    with pytest.raises(GatewayUnavailable):
        desk.consult_case(case, "analyst-1", "quality", "second look")
    assert list(tmp_path.iterdir()) == []


# --- The log's memory ----------------------------------------------------------------------------


def grown(stage: Listening, by: int, root: bytes | None = None) -> str:
    """A checkpoint that the log signed for a history that the gateway does not have."""
    size = stage.gateway.size() + by
    return sign_checkpoint(Checkpoint(ORIGIN, size, root or bytes(32)), note_signer())


def test_a_log_with_another_history_is_an_alarm_in_whatever_carries_a_receipt(
    stage: Listening, tmp_path: Path
) -> None:
    desk = MemberClient(stage)
    event = desk.submit(case_content(stage.gateway.new_id()), "intake-1").confirmed.event["id"]
    state = tmp_path / "newest.checkpoint"
    state.write_text(grown(stage, 0))
    told = MemberClient(stage, checkpoint_file=state)
    for ask in (lambda: told.receipt(event), lambda: list(told.events())):
        with pytest.raises(LogForked):
            ask()
    state.write_text(grown(stage, 1))
    with pytest.raises(LogForked):
        MemberClient(stage, checkpoint_file=state).step(
            "case.close", {"case": stage.gateway.new_id()}, "intake-1"
        )


def test_the_newest_checkpoint_outlives_the_process(stage: Listening, tmp_path: Path) -> None:
    state = tmp_path / "newest.checkpoint"
    MemberClient(stage, checkpoint_file=state).submit(
        case_content(stage.gateway.new_id()), "intake-1"
    )
    assert state.read_text().split("\n")[:2] == [ORIGIN, str(stage.gateway.size())]


def test_threads_share_one_client_without_a_false_alarm(stage: Listening, tmp_path: Path) -> None:
    desk = MemberClient(
        stage, checkpoint_file=tmp_path / "newest.checkpoint", outbox=tmp_path / "spool"
    )

    def work(_: int) -> int:
        return desk.submit(case_content(stage.gateway.new_id()), "intake-1").confirmed.index

    with ThreadPoolExecutor(4) as pool:
        indexes = list(pool.map(work, range(12)))
    assert len(set(indexes)) == 12
    assert desk.wire.paths().count("/oauth/token") == 1
    assert list((tmp_path / "spool").iterdir()) == []


# --- Lists, and answers of other kinds ------------------------------------------------------------


def test_a_list_of_many_pages_is_read_only_as_far_as_it_is_iterated(stage: Listening) -> None:
    desk = MemberClient(stage)
    cases = [submit(desk, stage) for _ in range(21)]
    desk.wire.requests.clear()
    listed = desk.cases()
    for _ in range(20):
        next(listed)
    assert desk.wire.paths() == ["/cases"]
    assert next(listed)["case"] == str(cases[-1])
    assert desk.wire.paths() == ["/cases", "/cases"]
    with pytest.raises(StopIteration):
        next(listed)


@each(
    "link",
    [
        "https://elsewhere.example/cases?after=1",
        "//elsewhere.example/cases",
        "/whoami?after=1",
        "/cases",
        "cases?after=1",
        "/cases?after=\r\n",
        5,
    ],
)
def test_a_link_that_leads_elsewhere_is_not_followed(stage: Listening, link: Any) -> None:
    desk = MemberClient(stage)
    desk.wire.tamper = lambda request, members: members | {"next": link}
    with pytest.raises(UnexpectedAnswer, match="next page"):
        list(desk.cases())


def test_a_refusal_that_the_gateway_cannot_word_still_is_one(stage: Listening) -> None:
    desk = MemberClient(stage)
    desk.wire.faults = [passing, answer(413, Content_Type="text/html")]
    with pytest.raises(RequestRefused, match="status 413"):
        desk.whoami()
