"""The restore drill: an older copy of the database signs nothing, and the newer one goes on."""

import json
import re
import shutil
import urllib.error
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gateway import wiring
from gateway.cli import main
from gateway.cli.demo.environment import DemoEnvironment
from gateway.client import Gateway, GatewayUnavailable, PartnerConnection
from gateway.client.mirror import Mirror
from gateway.evidence.trust import TrustAnchors
from gateway.ledger import tree
from gateway.ledger.checkpoint import open_checkpoint
from tests.journeys.harness import (
    HOTLINE,
    OFMIN,
    accepted,
    case_content,
    casegate,
    check_log,
    clearance,
    config_of,
    entries,
    fetch,
    log_key,
    running,
)

pytestmark = [pytest.mark.journey, pytest.mark.slow]


def test_a_restored_older_copy_signs_nothing_and_the_newer_database_goes_on(
    tmp_path: Path,
) -> None:
    with running(tmp_path) as stage:
        handoff = accepted(stage)
        casegate("backup", "--home", stage.operator, tmp_path / "backup")
        accepted(stage)  # receipts that the backup knows nothing of
        newest = fetch(stage, "/checkpoint").decode()
        key = log_key(stage)
        copied = Mirror(
            lambda path: fetch(stage, f"/{path}"),
            tmp_path / "mirror",
            TrustAnchors((key,), (key.name,)),
        ).step()
        assert stage.stop() == 0
        casegate("restore", tmp_path / "backup", "--home", stage.operator, "--yes")
        stage.start()
        _check_frozen(stage, handoff, newest)
        lacking = f"lacks the entries {_size(stage)} to {copied.after.size - 1}"
        assert lacking in str(_against(stage, tmp_path / "mirror"))
        assert stage.stop() == 0
        assert "log frozen: the database has" in (tmp_path / "gateway.log").read_text()
        _bring_back_the_newer(stage)
        stage.start()
        _check_going_on(stage, newest)
        assert _against(stage, tmp_path / "mirror") is None


def _check_frozen(stage: DemoEnvironment, handoff: str, newest: str) -> None:
    for _ in range(3):  # several workers
        assert fetch(stage, "/checkpoint").decode() == newest
        assert _unready(stage)["reason"] == "log-frozen"
    assert b"ok" in fetch(stage, "/healthz")
    before = _size(stage)
    content = case_content()
    with _keeping(stage) as hotline, stage.client(OFMIN) as office:
        _refused_as_frozen(lambda: office.handoff(handoff))  # no tokens by an older registry
        _refused_as_frozen(lambda: hotline.submit(content, "pdc-1", clearance(content)))
        _refused_as_frozen(lambda: office.consult(handoff, "ofmin-1", "assessment", "a look"))
        _refused_as_frozen(lambda: list(office.events()))
        _refused_as_frozen(lambda: hotline.case("018f0000-0000-7000-8000-000000000000"))
    assert _size(stage) == before
    assert fetch(stage, "/checkpoint").decode() == newest


def _refused_as_frozen(ask: Any) -> None:
    with pytest.raises(GatewayUnavailable):
        ask()


def _unready(stage: DemoEnvironment) -> Any:
    with pytest.raises(urllib.error.HTTPError) as refused:
        fetch(stage, "/readyz")
    assert refused.value.code == 503
    return json.load(refused.value)


def _size(stage: DemoEnvironment) -> int:
    """The size of the log in the database, as the operator's command tells it."""
    return int(_status(stage)["database"]["size"])


def _against(stage: DemoEnvironment, mirror: Path) -> Any:
    """What the operator's command finds wrong with the database by a mirror; None for nothing."""
    return _status(stage, "--mirror", str(mirror))["mirrors"][str(mirror)]


def _status(stage: DemoEnvironment, *words: str) -> Any:
    status = ["log", "status", "--json", "--home", str(stage.operator)]
    return json.loads(CliRunner().invoke(main, [*status, *words]).stdout)


def _bring_back_the_newer(stage: DemoEnvironment) -> None:
    file = config_of(stage).database_file
    assert file is not None
    (aside,) = [f for f in file.parent.iterdir() if re.fullmatch(r".+\.before-[0-9TZ]+", f.name)]
    shutil.move(aside, file)


def _check_going_on(stage: DemoEnvironment, newest: str) -> None:
    assert json.loads(fetch(stage, "/readyz")) == {"status": "ready"}
    assert fetch(stage, "/checkpoint").decode() == newest
    with _keeping(stage) as hotline:
        (resent,) = hotline.resume()  # what was asked while the log was frozen
        assert resent.write.action == "case.submit"
        assert resent.written is not None
        assert list(hotline.resume()) == []
    accepted(stage)
    final = check_log(stage)
    key = log_key(stage)
    known = open_checkpoint(newest, [key], key.name)
    assert final.size > known.size
    leaves = [tree.leaf_hash(entry) for entry in entries(stage, known.size)]
    assert tree.root(leaves) == known.root


def _keeping(stage: DemoEnvironment) -> Gateway:
    """The hotline's client, which keeps its writes until they are answered."""
    connection = PartnerConnection.read(stage.folder / HOTLINE / "connection.toml")
    return Gateway(connection, wiring.now, wiring.new_id, stage.folder / HOTLINE / "spool")
