"""A witness of others, and a member with a copy, confirm the log of a gateway that runs."""

import time
from pathlib import Path

import pytest
from pytest_socket import enable_socket
from witness_log import WitnessService

from gateway.cli.demo.environment import DemoEnvironment
from gateway.wiring import load_log_signers
from tests.confirming.test_foreign_witness import NAME, SEED, Foreign, ours
from tests.confirming.test_witnesses import add_to, serving
from tests.journeys.harness import OFMIN, admit_members, casegate, config_of, offered
from tests.journeys.test_dishonest_operator import _doctor

pytestmark = [pytest.mark.journey, pytest.mark.slow]


def test_two_witnesses_confirm_what_a_party_exports(tmp_path: Path) -> None:
    enable_socket()
    foreign = Foreign(by=ours())
    foreign.service = WitnessService.new(NAME, SEED)
    with serving(foreign), DemoEnvironment(tmp_path) as stage:
        stage.build()
        (signer,) = load_log_signers(config_of(stage))
        foreign.service.add_log(signer.name, signer.vkey)
        add_to(stage.operator, foreign)
        admit_members(stage)
        stage.start()
        handoff = str(offered(stage))
        connection = stage.folder / OFMIN / "connection.toml"
        config = config_of(stage)
        copying = ("audit", "mirror", config.issuer, tmp_path / "log", "-c", connection)
        cosigning = ("--ca", config.published / "root.pem", "--cosign", tmp_path / "w.pem")
        mine = casegate(*copying, *cosigning, "--json")["cosigned_by"]
        size = casegate(*copying, *cosigning, "--json")["size"]
        seen, until = "", time.monotonic() + 90
        while f"\n{size}\n" not in seen and time.monotonic() < until:
            time.sleep(0.5)
            seen = foreign.heard[-1] if foreign.heard else ""
        time.sleep(1)
        file = tmp_path / "handoff.json"
        casegate("handoff", "export", handoff, "--without-content", "--out", file, "-c", connection)
        asked = ("--trust", connection, "--witness", mine, "--witness", foreign.service.vkey())
        required = ("--quorum", "2", "--require", "witnessed")
        casegate("verify", file, *asked, *required, status=17)
        casegate("verify", file, *asked, "--quorum", "3", "--require", "witnessed", status=15)
        assert _doctor(stage) == frozenset()
