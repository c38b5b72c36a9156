"""Erasure under real processes: gone for everybody and in every copy, and all receipts verify."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from gateway import wiring
from gateway.cli.demo.environment import DemoEnvironment
from gateway.client import PartnerConnection, RequestRefused
from gateway.domain.refusals import CaseErased
from gateway.evidence import receipt
from gateway.kernel.ports import TransactionMode
from gateway.verification import verifier
from tests.journeys.harness import (
    HOTLINE,
    OFMIN,
    accepted,
    admin,
    case_content,
    casegate,
    check_log,
    config_of,
    running,
)

pytestmark = [pytest.mark.journey, pytest.mark.slow]


def test_an_erased_case_opens_nowhere_and_every_receipt_verifies(tmp_path: Path) -> None:
    with running(tmp_path) as stage:
        case, handoff, digest = _life(stage)
        casegate("backup", "--home", stage.operator, tmp_path / "backup")
        before = _receipts(stage)
        told = admin(
            stage, "case", "erase", HOTLINE, case, "--reason", "a journey", "--yes", "--json"
        )
        assert told["result"]["key"] == "destroyed"
        _opens_nowhere(stage, case, handoff)
        after = _receipts(stage)
        trust = PartnerConnection.read(stage.folder / OFMIN / "connection.toml").trust
        for one in (*before.values(), *after.values()):
            found = verifier.verify(json.dumps(receipt.to_json(one)).encode(), trust)
            assert found.passed, found
        assert before.keys() < after.keys()
        check_log(stage)
        assert stage.stop() == 0

        casegate("restore", tmp_path / "backup", "--home", stage.operator, "--yes")
        told = casegate("log", "status", "--home", stage.operator, "--json", status=1)
        assert told["frozen"], "the backup is older than what was signed"
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
    handoff = accepted(stage, content)
    with stage.client(HOTLINE) as hotline, stage.client(OFMIN) as office:
        office.consult(handoff, "ofmin-1", "investigation", "a first look")
        office.answer("close", handoff, "ofmin-1", reason="done")
        hotline.step("case.close", {"case": content["case"]}, "pdc-1", reason="done")
        digest = hotline.handoff(handoff)["case_digest"]
    return UUID(content["case"]), UUID(handoff), digest


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
