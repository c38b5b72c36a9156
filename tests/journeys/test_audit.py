"""An auditor over real TLS: reads under a grant, on record, and is refused once it ends."""

from pathlib import Path

import pytest

from gateway import wiring
from gateway.cli.demo.environment import DemoEnvironment
from gateway.client import RequestRefused
from tests.journeys.harness import (
    ABROAD,
    HOTLINE,
    OFMIN,
    casegate,
    check_log,
    config_of,
    log_key,
    offered,
)

pytestmark = [pytest.mark.journey, pytest.mark.xdist_group("gateway")]

WHO = ("--by", "auditor-1", "--reason-code", "lawfulness", "--reason", "yearly check")


def test_an_auditor_reads_is_recorded_and_is_refused_when_the_grant_ends(
    stage: DemoEnvironment,
) -> None:
    handoff = offered(stage)
    ours = ("-c", stage.folder / ABROAD / "connection.toml")
    refused = casegate("audit", "search", *WHO, *ours, status=1)
    assert "R2.audit.coverage" in refused
    today = wiring.now().date()
    term = {
        "from": str(today.replace(day=1)),
        "until": str(today.replace(year=today.year + 1, month=1, day=1)),
        "decision_ref": "board",
    }
    member_ = {"coverage": "member", "member": HOTLINE, **term}
    grant = stage.administer("audit_access.grant", ABROAD, member_).result["audit_access"]

    told = casegate("audit", "search", *WHO, "--handoff", handoff, "--json", *ours)
    (offer,) = told["events"]
    assert offer["event"]["type"] == "handoff.offered"
    assert (offer["parties"], offer["details"]["by"]) == ([HOTLINE], "pdc-2")
    denied = casegate("audit", "search", *WHO, "--organisation", OFMIN, *ours, status=1)
    assert "R2.audit.coverage" in denied

    with stage.client(ABROAD) as auditor:
        types = [one.confirmed.event["type"] for one in auditor.events()]
        results = [
            one.confirmed.event["result"]
            for one in auditor.events()
            if one.confirmed.event["type"] == "audit.search"
        ]
        assert (types.count("audit.search"), results) == (3, ["denied", "allowed", "denied"])
        # On an open connection, in whichever worker: the next request is refused.
        list(auditor.audit("auditor-1", "security", "before the end"))
        stage.administer("audit_access.end", ABROAD, {"audit_access": grant, "reason": "over"})
        for _ in range(4):
            with pytest.raises(RequestRefused) as ended:
                list(auditor.audit("auditor-1", "security", "after the end"))
            assert ended.value.rules == ("R2.audit.coverage",)
    check_log(stage)


def test_a_stream_and_the_log_are_kept_and_proved_whole_without_the_gateway(
    stage: DemoEnvironment, tmp_path: Path
) -> None:
    offered(stage)
    connection = stage.folder / OFMIN / "connection.toml"
    casegate("event", "list", "--out-dir", tmp_path / "stream", "-c", connection)
    casegate("audit", "check-stream", tmp_path / "stream", "--trust", connection)

    config = config_of(stage)
    url = config.issuer
    trust = ("--log-key", log_key(stage))
    ca = ("--ca", config.published / "root.pem")
    first = casegate("audit", "mirror", url, tmp_path / "log", *trust, *ca, "--json")
    offered(stage)
    second = casegate("audit", "mirror", url, tmp_path / "log", *trust, *ca, "--json")
    assert second["before"] == first["size"]
    assert second["size"] > first["size"]
    casegate("audit", "check-copy", tmp_path / "log", *trust)
    (bundle,) = (tmp_path / "log" / "tile" / "entries").rglob("[0-9]*.p/*")
    bundle.write_bytes(bundle.read_bytes()[:-1] + b"\0")
    casegate("audit", "check-copy", tmp_path / "log", *trust, status=13)
