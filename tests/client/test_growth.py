"""The client against a gateway: every growth of the log is checked by its public tiles."""

import json
from pathlib import Path

import httpx
import pytest

from gateway.client import GatewayUnavailable, LogForked
from gateway.client.mirror import PublicLog
from gateway.verification.verifier import verify_bundle
from tests.client.client_fixture import MemberClient, trust_of
from tests.client.scenario import submit
from tests.founding import ISSUER, OFMIN, accepted
from tests.web.listening import Listening, listening


@pytest.fixture
def stage() -> Listening:
    return listening()


def public_log(stage: Listening) -> PublicLog:
    transport = httpx.WSGITransport(app=stage.public)
    clock = stage.gateway.clock
    return PublicLog(ISSUER, None, clock, sleep=lambda _: None, transport=transport)


def test_what_others_added_between_is_shown_to_continue_what_was_known(
    stage: Listening, tmp_path: Path
) -> None:
    file = tmp_path / "newest.checkpoint"
    asked: list[str] = []

    def tile(path: str) -> bytes:
        asked.append(path)
        return public_log(stage).fetch(path)

    submit(MemberClient(stage), stage)
    submit(MemberClient(stage, checkpoint_file=file, tile=tile), stage)
    known = file.read_text()
    size = stage.gateway.size()
    assert size & (size - 1), "a receipt of any later entry would show a complete tree"
    for _ in range(3):
        submit(MemberClient(stage), stage)
    submit(MemberClient(stage, checkpoint_file=file, tile=tile), stage)
    assert asked
    assert file.read_text() != known
    assert not file.with_name("newest.checkpoint.unchecked").exists()


def test_a_client_whose_log_contradicted_itself_asks_nothing(
    stage: Listening, tmp_path: Path
) -> None:
    file = tmp_path / "newest.checkpoint"
    submit(MemberClient(stage, checkpoint_file=file), stage)
    file.with_name("newest.checkpoint.forked").mkdir()
    size = stage.gateway.size()
    client = MemberClient(stage, checkpoint_file=file)
    with pytest.raises(LogForked):
        client.whoami()
    with pytest.raises(LogForked):
        submit(client, stage)
    assert stage.gateway.size() == size
    assert not client.wire.requests


def test_an_export_during_which_the_log_grew_has_one_checkpoint_by_the_public_tiles(
    stage: Listening,
) -> None:
    handoff = accepted(stage.gateway)
    tile = public_log(stage).fetch

    def grow(_done: int, _of: int) -> None:
        submit(MemberClient(stage, OFMIN), stage)

    data = MemberClient(stage, tile=tile).export(handoff, progress=grow)
    ((_, log),) = json.loads(data)["logs"].items()
    assert log["checkpoint"].split("\n")[1] == str(stage.gateway.size())
    assert verify_bundle(data, trust_of(stage.gateway)).passed
    with pytest.raises(GatewayUnavailable, match="public tiles cannot be read"):
        MemberClient(stage).export(handoff, progress=grow)
