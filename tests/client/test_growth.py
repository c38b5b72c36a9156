"""The client against a gateway: every growth of the log is checked by its public tiles."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.client import GatewayUnavailable, LogForked, confirmed_log
from gateway.client.mirror import PublicLog
from gateway.evidence import evidence_file
from gateway.kernel.ports import TransactionMode
from gateway.kernel.values import Confirmation, ConfirmationKind
from gateway.ledger import note
from gateway.ledger.note import Checkpoint, NoteSigner, sign_checkpoint
from gateway.verification.history import prove_fork
from gateway.verification.report import Code, InputFile
from gateway.verification.verifier import verify_bundle
from tests.casework import accepted
from tests.client.client_fixture import MemberClient, trust_of
from tests.client.scenario import submit
from tests.founded_gateway import OFMIN
from tests.ports import ISSUER, ORIGIN, note_signer
from tests.verification.logbook import witness
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


def asking(stage: Listening, *names: str, quorum: int = 1) -> MemberClient:
    """A client whose connection asks for witnesses."""
    keys = tuple(witness(one).key for one in names)
    trust = replace(trust_of(stage.gateway), witnesses=keys, quorum=quorum)
    return MemberClient(stage, trust=trust, tile=public_log(stage).fetch)


def cosign(stage: Listening, *names: str) -> None:
    """Let witnesses cosign the newest checkpoint."""
    bare = public_log(stage).fetch("checkpoint").decode()
    text, _ = note.split(bare)
    with stage.gateway.ports.begin(TransactionMode.WRITE) as work:
        for name in names:
            data = witness(name).cosign(text, stage.gateway.clock()).encode()
            kind, at = ConfirmationKind.COSIGNATURE, stage.gateway.clock()
            size = stage.gateway.size()
            work.confirmations.keep(Confirmation(size, kind, name, at, bare, data))
        work.commit()


def test_a_log_that_grows_for_long_without_its_witnesses_is_an_alarm_and_stops_nothing(
    stage: Listening,
) -> None:
    clock = stage.gateway.clock
    assert asking(stage).unconfirmed() == [], "nobody is asked for"
    assert "0 of the 1 witnesses" in str(asking(stage, "a").unconfirmed())
    cosign(stage, "a", "c")
    for _ in range(2):
        assert asking(stage, "a").unconfirmed() == []
        assert asking(stage, "a", "c", quorum=2).unconfirmed() == []
        assert "1 of the 2 witnesses" in str(asking(stage, "a", "b", quorum=2).unconfirmed())
        clock.advance(timedelta(hours=30))  # the log does not grow
    submit(MemberClient(stage), stage)
    told = str(asking(stage, "a").unconfirmed())
    assert "grown for more than 24 h, and 0 of the 1" in told
    submit(asking(stage, "a"), stage)
    cosign(stage, "a")
    clock.advance(timedelta(hours=23))
    submit(asking(stage, "a"), stage)
    assert asking(stage, "a").unconfirmed() == []


def test_witnesses_that_cannot_be_seen_are_an_alarm_too(stage: Listening) -> None:
    def away(path: str) -> bytes:
        raise GatewayUnavailable("away")

    trust = replace(trust_of(stage.gateway), witnesses=(witness("a").key,))
    client = MemberClient(stage, trust=trust, tile=away)
    assert "cannot be seen" in str(client.unconfirmed())
    submit(client, stage)


def test_an_old_page_of_the_log_hides_no_growth_from_who_was_answered(
    stage: Listening, tmp_path: Path
) -> None:
    cosign(stage, "a")
    pages = {one: public_log(stage).fetch(one) for one in ("checkpoint", "log/cosignatures")}

    def kept(path: str) -> bytes:
        return pages.get(path) or public_log(stage).fetch(path)

    trust = replace(trust_of(stage.gateway), witnesses=(witness("a").key,))
    file = tmp_path / "newest.checkpoint"
    client = MemberClient(stage, trust=trust, tile=kept, checkpoint_file=file)
    submit(client, stage)
    stage.gateway.clock.advance(timedelta(hours=30))
    assert "0 of the 1 witnesses" in str(client.unconfirmed())


def test_a_line_under_a_key_that_the_log_has_left_hides_no_other(stage: Listening) -> None:
    handoff = accepted(stage.gateway)
    cosign(stage, "a")
    size, old = stage.gateway.size() - 1, NoteSigner(ORIGIN, Ed25519PrivateKey.generate())
    left = sign_checkpoint(Checkpoint(ORIGIN, size, bytes(32)), old)
    with stage.gateway.ports.begin(TransactionMode.WRITE) as work:
        kind, at = ConfirmationKind.COSIGNATURE, stage.gateway.clock()
        data = witness("b").cosign(note.split(left)[0], at).encode()
        work.confirmations.keep(Confirmation(size, kind, "b", at, left, data))
        work.commit()
    assert asking(stage, "a").unconfirmed() == []
    data = asking(stage, "a").export(handoff)
    trust = replace(trust_of(stage.gateway), witnesses=(witness("a").key,))
    assert verify_bundle(data, trust, require=("witnessed",)).passed


def shown_by_witness(stage: Listening, size: int) -> Callable[[str], bytes]:
    """The public log, with a cosigned checkpoint of another history of so many entries."""
    other = sign_checkpoint(Checkpoint(ORIGIN, size, bytes(32)), note_signer())
    line = witness("a").cosign(note.split(other)[0], stage.gateway.clock())

    def forked(path: str) -> bytes:
        if path == "log/cosignatures":
            return json.dumps({"checkpoints": [other + line]}).encode()
        return public_log(stage).fetch(path)

    return forked


@pytest.mark.parametrize("earlier", [0, 3])
def test_a_cosigned_checkpoint_of_another_history_is_kept_as_proof_of_a_fork(
    stage: Listening, tmp_path: Path, earlier: int
) -> None:
    handoff, file = accepted(stage.gateway), tmp_path / "newest.checkpoint"
    tile = shown_by_witness(stage, stage.gateway.size() - earlier)
    client = MemberClient(stage, checkpoint_file=file, tile=tile)
    with pytest.raises(LogForked):
        client.export(handoff)
    kept = [InputFile(one.name, one.read_bytes()) for one in tmp_path.glob("*.forked/*")]
    assert prove_fork(kept, trust_of(stage.gateway)).code is Code.CONTRADICTION
    with pytest.raises(LogForked):
        client.whoami()


def test_a_cosigned_checkpoint_that_no_tile_joins_is_left_out_of_an_export(
    stage: Listening, caplog: pytest.LogCaptureFixture
) -> None:
    handoff = accepted(stage.gateway)
    tile = shown_by_witness(stage, stage.gateway.size() + 3)
    data = MemberClient(stage, tile=tile).export(handoff)
    assert verify_bundle(data, trust_of(stage.gateway)).passed


def test_a_wrong_line_of_a_witness_that_is_known_comes_into_no_export(stage: Listening) -> None:
    """In the file it would be a bad signature to who brings the same key."""
    handoff = accepted(stage.gateway)
    cosign(stage, "a")
    bare = public_log(stage).fetch("checkpoint").decode()
    wrong = bare.partition("\n\n")[0] + "\n\n" + bare.partition("\n\n")[2].split("\n")[0] + "\n"
    wrong += witness("a").cosign("another text\n", stage.gateway.clock())

    def false(path: str) -> bytes:
        if path == "log/cosignatures":
            return json.dumps({"checkpoints": [wrong]}).encode()
        return public_log(stage).fetch(path)

    trust = replace(trust_of(stage.gateway), witnesses=(witness("a").key,))
    data = MemberClient(stage, trust=trust, tile=false).export(handoff)
    assert verify_bundle(data, trust).passed


def test_lines_of_many_witnesses_make_no_export_too_long_to_be_read(
    stage: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    handoff = accepted(stage.gateway)
    cosign(stage, "a", "b", "c")
    for module in (confirmed_log, evidence_file):
        monkeypatch.setattr(module, "MOST_NOTES", 2000)
    client = MemberClient(stage, tile=public_log(stage).fetch)
    trust = replace(trust_of(stage.gateway), witnesses=(witness("c").key,))
    assert verify_bundle(client.export(handoff), trust, require=("witnessed",)).passed
