"""Erasure under real processes: gone for everybody and in every copy, and all receipts verify."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from click.testing import CliRunner

from gateway import wiring
from gateway.cli import main
from gateway.cli.demo.environment import DemoEnvironment
from gateway.client import PartnerConnection, RequestRefused
from gateway.domain.refusals import CaseErased
from gateway.evidence import receipt, verification
from gateway.kernel.ports import TransactionMode
from tests.journeys.harness import (
    HOTLINE,
    OFMIN,
    case_content,
    check_log,
    clearance,
    config_of,
    running,
)

pytestmark = [pytest.mark.journey, pytest.mark.slow]


def test_an_erased_case_opens_nowhere_and_every_receipt_verifies(tmp_path: Path) -> None:
    with running(tmp_path) as stage:
        case, handoff, digest = _life(stage)
        _casegate("backup", "--home", stage.operator, tmp_path / "backup")
        before = _receipts(stage)
        told = json.loads(
            _casegate(
                "admin", "--home", stage.operator, *_both(stage), "--json",
                "case", "erase", HOTLINE, case, "--reason", "a journey",
            )
        )  # fmt: skip
        assert told["result"]["key"] == "destroyed"
        _opens_nowhere(stage, case, handoff)
        after = _receipts(stage)
        trust = PartnerConnection.read(stage.folder / OFMIN / "connection.toml").trust
        for one in (*before.values(), *after.values()):
            found = verification.verify(json.dumps(receipt.to_json(one)).encode(), trust)
            assert found.code == 0, found
        assert before.keys() < after.keys()
        check_log(stage)
        assert stage.stop() == 0

        told = _casegate("restore", tmp_path / "backup", "--home", stage.operator, "--yes")
        assert "FROZEN" in told
        with (
            closing(wiring.connect(config_of(stage))) as gateway,
            gateway.store.begin(TransactionMode.READ) as work,
        ):
            assert work.cases.get(HOTLINE, case) is not None
            with pytest.raises(CaseErased):
                work.cases.version(digest)
            with pytest.raises(CaseErased):
                work.handoffs.answers(handoff)


def _life(stage: DemoEnvironment) -> Any:
    """A case from the submission to its end; its id, its handoff, its document's digest."""
    content = case_content()
    with stage.client(HOTLINE) as hotline, stage.client(OFMIN) as office:
        submitted = hotline.submit(content, "pdc-1", clearance(content))
        offered = hotline.offer(
            content["case"],
            "pdc-2",
            competence=("csam", "FR"),
            groups=["items", "statements"],
            purpose=["investigate"],
        )
        handoff = str(offered.result["handoff"])
        office.accept(office.handoff(handoff), "ofmin-1")
        office.consult(handoff, "ofmin-1", "investigation", "a first look")
        office.answer("close", handoff, "ofmin-1", reason="done")
        hotline.close_case(content["case"], "pdc-1", "done")
    return UUID(content["case"]), UUID(handoff), submitted.result["digest"]


def _receipts(stage: DemoEnvironment) -> dict[str, Any]:
    """Every receipt that the two parties can get now, by party and event."""
    found = {}
    for slug in (HOTLINE, OFMIN):
        with stage.client(slug) as client:
            found |= {(slug, str(one.event)): one.receipt for one in client.events()}
    return found


def _opens_nowhere(stage: DemoEnvironment, case: Any, handoff: Any) -> None:
    with stage.client(HOTLINE) as hotline, stage.client(OFMIN) as office:
        for ask in (
            lambda: hotline.case(case),
            lambda: hotline.consult_case(case, "pdc-1", "quality", "again"),
            lambda: office.handoff(handoff),
            lambda: office.export(handoff, "ofmin-1", "for the file"),
        ):
            with pytest.raises(RequestRefused) as refused:
                ask()
            assert refused.value.status == 410
        assert str(case) not in [one["case"] for one in hotline.cases()]
        assert str(handoff) in [one["handoff"] for one in office.inbox()]


def _both(stage: DemoEnvironment) -> list[str]:
    people = sorted(file.stem for file in config_of(stage).people.glob("*.pem"))
    return [word for person in people[:2] for word in ("--as", person)]


def _casegate(*words: object) -> str:
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return result.stdout
