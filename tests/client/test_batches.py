"""Several writes in one request: each is kept, confirmed and told as by itself, and done once."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.client import (
    ConfirmedWrite,
    EvidenceMismatch,
    GatewayUnavailable,
    InvalidCase,
    RequestRefused,
    UnexpectedAnswer,
)
from gateway.client.session import LARGEST_BATCH, MAX_BATCH_BYTES
from gateway.client.transport import PAUSES
from tests.casework import case_content
from tests.client.client_fixture import MemberClient, answer, cut, lose_answer, passing
from tests.client.scenario import CLEARED, CONTENT_GROUPS
from tests.each import each
from tests.founded_gateway import CSAM_FR, OFMIN
from tests.ports import document_key
from tests.web.listening import Listening


def several(stage: Listening, count: int, **changes: Any) -> list[dict[str, Any]]:
    """What so many submissions are asked with."""
    contents = (case_content(stage.gateway.new_id(), **changes) for _ in range(count))
    return [{"content": one, "by": "intake-1", "clearance": CLEARED} for one in contents]


def kept(outbox: Path) -> set[str]:
    return {file.stem for file in outbox.iterdir()}


def test_a_hundred_are_asked_for_in_one_request_and_each_is_confirmed(
    stage: Listening, tmp_path: Path
) -> None:
    desk, size = MemberClient(stage, outbox=tmp_path), stage.gateway.size()
    done = list(desk.submit_each(several(stage, LARGEST_BATCH + 1)))
    assert all(isinstance(one, ConfirmedWrite) for one in done)
    assert desk.wire.paths()[-2:] == ["/batches/submissions", "/cases"]
    assert stage.gateway.size() == size + LARGEST_BATCH + 1
    assert kept(tmp_path) == set()


def test_a_request_is_no_longer_than_the_gateway_takes(stage: Listening) -> None:
    desk, asked = MemberClient(stage), several(stage, 90)
    for one in asked:
        one["content"]["statements"][0]["text"] = "The page was seen online that day. " * 50
    assert all(isinstance(one, ConfirmedWrite) for one in desk.submit_each(asked))
    sent = [one for one in desk.wire.requests if one.url.path == "/batches/submissions"]
    assert len(sent) == 2
    assert all(len(one.content) <= MAX_BATCH_BYTES + LARGEST_BATCH for one in sent)


def test_what_is_refused_stands_in_its_place_and_the_others_go_on(
    stage: Listening, tmp_path: Path
) -> None:
    desk, asked = MemberClient(stage, outbox=tmp_path), several(stage, 5)
    asked[1]["content"]["matter"] = []
    asked[3]["clearance"] = {**CLEARED, "cleared_by": "analyst-1"}
    done = list(desk.submit_each(asked))
    assert [type(one) for one in done[::2]] == [ConfirmedWrite] * 3
    invalid, denied = done[1], done[3]
    assert isinstance(invalid, RequestRefused) and invalid.errors[0][0] == "/content/matter"
    assert isinstance(denied, RequestRefused) and denied.slug == "second-person-required"
    assert denied.receipt is not None
    assert kept(tmp_path) == set()


def test_a_batch_that_broke_off_is_resumed_and_nothing_is_done_twice(
    stage: Listening, tmp_path: Path
) -> None:
    desk, size = MemberClient(stage, outbox=tmp_path), stage.gateway.size()
    asked = several(stage, LARGEST_BATCH + 3)
    desk.wire.faults = [passing, passing, lose_answer, *[cut] * len(PAUSES)]
    told, ended = [], desk.submit_each(asked)
    with pytest.raises(GatewayUnavailable) as error:
        told.extend(ended)
        told.extend(iter(lambda: next(ended), None))
    left = error.value.unanswered
    assert left is not None and left.kept and left.others == 2
    assert "and so are 2 more" in str(error.value)
    assert "do not repeat them" in str(error.value)
    assert len(kept(tmp_path)) == 3
    again = MemberClient(stage, outbox=tmp_path)
    resent = list(again.resume())
    assert [one.written is not None for one in resent] == [True] * 3
    assert again.wire.paths()[-1:] == ["/batches/submissions"]
    assert stage.gateway.size() == size + len(asked)
    assert kept(tmp_path) == set()


def test_what_was_never_sent_waits_with_what_has_no_answer(
    stage: Listening, tmp_path: Path
) -> None:
    desk, size = MemberClient(stage, outbox=tmp_path), stage.gateway.size()
    desk.wire.faults = [passing, *[cut] * (len(PAUSES) + 1)]
    with pytest.raises(GatewayUnavailable) as error:
        list(desk.submit_each(several(stage, LARGEST_BATCH + 3)))
    assert error.value.unanswered is not None
    assert error.value.unanswered.others == LARGEST_BATCH + 2
    assert stage.gateway.size() == size
    assert len(kept(tmp_path)) == LARGEST_BATCH + 3


def test_evidence_that_does_not_verify_leaves_its_own_write_alone(
    stage: Listening, tmp_path: Path
) -> None:
    desk = MemberClient(stage, outbox=tmp_path)

    def swap(request: httpx.Request, members: dict[str, Any]) -> None:
        results = members["results"]
        results[1]["receipt"] = results[0]["receipt"]

    desk.wire.tamper = swap
    first, second, third = desk.submit_each(several(stage, 3))
    assert isinstance(first, ConfirmedWrite) and isinstance(third, ConfirmedWrite)
    assert isinstance(second, EvidenceMismatch)
    assert second.unanswered is not None and kept(tmp_path) == {second.unanswered.key}


def test_what_waits_is_sent_in_its_order_and_together_only_where_it_is_alike(
    stage: Listening, tmp_path: Path
) -> None:
    desk = MemberClient(stage, outbox=tmp_path)
    first, *others = several(stage, 4)
    case = {"case": first["content"]["case"]}
    for act in (
        lambda: desk.submit(**first),
        lambda: desk.step("case.close", case, "analyst-1"),
        lambda: list(desk.submit_each(others)),
    ):
        desk.wire.faults = [cut] * (len(PAUSES) + 1)
        with pytest.raises(GatewayUnavailable):
            act()
    assert len(kept(tmp_path)) == 5
    again = MemberClient(stage, outbox=tmp_path)
    assert [one.written is not None for one in again.resume()] == [True] * 5
    own = f"/cases/{first['content']['case']}/closure"
    assert again.wire.paths()[1:] == ["/cases", own, "/batches/submissions"]
    assert kept(tmp_path) == set()


@each("status", [404, 413])
def test_a_gateway_that_takes_no_batch_is_asked_one_by_one(stage: Listening, status: int) -> None:
    desk = MemberClient(stage)
    desk.wire.faults = [passing, answer(status)]
    done = list(desk.submit_each(several(stage, 3)))
    assert all(isinstance(one, ConfirmedWrite) for one in done)
    assert desk.wire.paths().count("/cases") == 3


@pytest.mark.parametrize("results", [[], [{"status": 201}], [{}, {}], None, "both"])
def test_an_answer_that_leaves_one_out_answers_none(
    stage: Listening, tmp_path: Path, results: Any
) -> None:
    desk = MemberClient(stage, outbox=tmp_path)
    desk.wire.tamper = lambda request, members: {"results": results}
    with pytest.raises(UnexpectedAnswer) as error:
        list(desk.submit_each(several(stage, 2)))
    assert error.value.unanswered is not None and error.value.unanswered.others == 1
    assert len(kept(tmp_path)) == 2


@each("signed", [False, True])
def test_cases_are_offered_and_accepted_in_batches_as_by_themselves(
    stage: Listening, signed: bool
) -> None:
    keys = [document_key(name) if signed else None for name in ("hotline", "office")]
    for slug, key in zip(("point-de-contact", OFMIN), keys, strict=True):
        if key is not None:
            stage.gateway.register_key(slug, key)
    hotline = MemberClient(stage, document_key=keys[0])
    office = MemberClient(stage, OFMIN, document_key=keys[1])
    made = [
        one for one in hotline.submit_each(several(stage, 3)) if isinstance(one, ConfirmedWrite)
    ]
    terms = {"purpose": ["identify_victim"], "competence": CSAM_FR, "groups": CONTENT_GROUPS}
    asked = [{"case": one.result["case"], "by": "liaison-1", **terms} for one in made]
    sent = [one for one in hotline.offer_each(asked) if isinstance(one, ConfirmedWrite)]
    assert len(sent) == 3 and all("withheld_groups" in one.result for one in sent)
    views = [office.handoff(one.result["handoff"]) for one in sent]
    done = list(office.accept_each({"view": one, "by": "officer-1"} for one in views))
    assert [one.result["state"] for one in done if isinstance(one, ConfirmedWrite)] == [
        "accepted"
    ] * 3
    assert "/batches/acceptances" in office.wire.paths()


def test_what_cannot_be_signed_stands_in_its_place(stage: Listening) -> None:
    key = document_key("hotline")
    stage.gateway.register_key("point-de-contact", key)
    desk, asked = MemberClient(stage, document_key=key), several(stage, 3)
    asked[1]["content"]["items"] = 5
    first, second, third = desk.submit_each(asked)
    assert isinstance(first, ConfirmedWrite) and isinstance(third, ConfirmedWrite)
    assert isinstance(second, InvalidCase)


def test_nothing_is_asked_for_nothing(stage: Listening) -> None:
    desk = MemberClient(stage)
    assert list(desk.submit_each([])) == []
    assert desk.wire.requests == []
