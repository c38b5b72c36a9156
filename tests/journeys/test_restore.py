"""The restore drills: an older copy signs nothing, and a lost log is continued by a new one."""

import json
import re
import shutil
import urllib.error
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gateway import __version__, wiring
from gateway.cli import main
from gateway.cli.demo.environment import ADMINS, DemoEnvironment, free_ports
from gateway.client import Gateway, GatewayUnavailable, PartnerConnection
from gateway.client.mirror import Mirror
from gateway.evidence.receipt import to_json
from gateway.ledger import tree
from gateway.ledger.note import VerificationKey, open_checkpoint
from gateway.verification.trust import TrustAnchors
from gateway.verification.verifier import verify_receipt
from tests.journeys.harness import (
    HOTLINE,
    OFMIN,
    accepted,
    admit_members,
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
        copied = _mirror(stage, tmp_path / "mirror")
        assert stage.stop() == 0
        casegate("restore", tmp_path / "backup", "--home", stage.operator, "--yes")
        stage.start()
        _check_frozen(stage, handoff, newest)
        lacking = f"lacks the entries {_size(stage)} to {copied - 1}"
        assert lacking in str(_against(stage, tmp_path / "mirror"))
        assert stage.stop() == 0
        assert "log frozen: the database has" in (tmp_path / "gateway.log").read_text()
        _bring_back_the_newer(stage)
        stage.start()
        _check_going_on(stage, newest)
        assert _against(stage, tmp_path / "mirror") is None


def test_a_lost_log_is_continued_by_a_new_gateway_and_both_stay_verifiable(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    with running(tmp_path / "old") as stage:
        old_key, mirror = log_key(stage), tmp_path / "mirror"
        casegate("backup", "--home", stage.operator, tmp_path / "backup")
        accepted(stage)
        copied = _mirror(stage, mirror)
        accepted(stage)  # signed, and in no copy
        with stage.client(HOTLINE) as hotline:
            receipts = [one.receipt for one in hotline.events()]
        assert stage.stop() == 0
        for file in stage.operator.glob("casegate.db*"):
            file.unlink()
        casegate("restore", tmp_path / "backup", "--home", stage.operator, "--yes")
        stage.start()
        (tmp_path / "last.checkpoint").write_bytes(fetch(stage, "/checkpoint"))
        assert f"to {copied - 1}" in str(_against(stage, mirror))
        assert stage.stop() == 0
    with DemoEnvironment(tmp_path / "new") as new:
        _continue(new, mirror, str(old_key), tmp_path)
        admit_members(new)
        new.start()
        accepted(new)
        (tmp_path / "first.json").write_bytes(fetch(new, "/log/predecessor"))
        keys = ("--log-key", old_key, "--log-key", log_key(new))
        told = ("audit", "check-copy", mirror, *keys, "--continued-by", tmp_path / "first.json")
        report = casegate(*told, "--json")
        (continued,) = [one for one in report["proved"] if one["fact"] == "continued"]
        assert continued["size"] == copied
        (lost,) = [one for one in report["not_proved"] if one["fact"] == "continued.lost"]
        assert lost["first"] == copied
        casegate("verify", tmp_path / "first.json", "--log-key", log_key(new))
        check_log(new)
        _mirror(new, tmp_path / "mirror of the new")
    for receipt in receipts:
        verified = verify_receipt(json.dumps(to_json(receipt)).encode(), _only(old_key))
        assert verified.passed, verified


def _continue(new: DemoEnvironment, mirror: Path, key: str, place: Path) -> None:
    """Type `casegate init --continues` for a gateway of a new name."""
    public, partners = free_ports()
    (place / "passphrase").write_text("correct horse battery staple\n")
    (place / "passphrase").chmod(0o600)
    binds = ("--public-bind", f"127.0.0.1:{public}", "--partners-bind", f"127.0.0.1:{partners}")
    names = ("--issuer", f"https://localhost:{public}", "--name", "demo2")
    addresses = ("--partners-url", f"https://localhost:{partners}", *binds)
    admins = [word for person, name in ADMINS for word in ("--admin", f"{person}={name}")]
    lost = ("--continues", mirror, "--continues-key", key)
    given = ("--last-checkpoint", place / "last.checkpoint")
    secret = ("--root-passphrase-file", place / "passphrase")
    casegate("init", new.operator, *names, *addresses, *admins, *lost, *given, *secret)


def _only(key: VerificationKey) -> TrustAnchors:
    return TrustAnchors((key,), (key.name,))


def _mirror(stage: DemoEnvironment, folder: Path) -> int:
    """Copy what the log serves; how many entries it has."""
    copy = Mirror(lambda path: fetch(stage, f"/{path}"), folder, _only(log_key(stage)))
    return copy.step().after.size


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
    assert json.loads(fetch(stage, "/readyz")) == {"status": "ready", "version": __version__}
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
