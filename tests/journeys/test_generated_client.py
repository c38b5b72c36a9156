"""A client that a generator makes of the interface as it is served accepts a handoff."""

import json
import os
import re
import ssl
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from gateway.cli.demo.environment import DemoEnvironment
from gateway.client.connection import PartnerConnection
from gateway.verification import verifier
from tests.journeys.harness import OFMIN, config_of, offered

pytestmark = [pytest.mark.journey, pytest.mark.slow, pytest.mark.xdist_group("foreign")]

PROGRAM = Path(__file__).parent / "foreign" / "accept.py"
MEDIA_TYPES = Path(__file__).parents[2] / "docs/examples/python/openapi-python-client.yaml"


def generated(stage: DemoEnvironment, folder: Path) -> Path:
    """The client, made of the description that the public listener serves."""
    trusted = ssl.create_default_context(cafile=str(stage.folder / OFMIN / "ca.pem"))
    address = f"{config_of(stage).issuer}/openapi.json"
    description = folder / "openapi.json"
    with urllib.request.urlopen(address, context=trusted) as served:
        description.write_bytes(served.read())
    words = ["generate", "--path", str(description), "--output-path", str(folder / "client")]
    words += ["--config", str(MEDIA_TYPES)]
    tools = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        [sys.executable, "-m", "openapi_python_client", *words],
        capture_output=True,
        text=True,
        check=False,
        env=tools,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not re.search("ERROR|WARNING", done.stdout), done.stdout
    return folder / "client"


def test_a_generated_client_lists_shows_and_accepts_and_its_receipt_verifies(
    others: DemoEnvironment, tmp_path: Path
) -> None:
    handoff, home = offered(others), others.folder / OFMIN
    words = [config_of(others).partners_url, str(home), f"{OFMIN}.desk", handoff, "ofmin-1"]
    done = subprocess.run(
        [sys.executable, str(PROGRAM), *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(generated(others, tmp_path))},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    answer = json.loads(done.stdout)
    assert (answer["result"]["handoff"], answer["result"]["state"]) == (handoff, "accepted")
    trust = PartnerConnection.read(home / "connection.toml").trust
    found = verifier.verify(json.dumps(answer["receipt"]).encode(), trust)
    assert found.passed, found.sentence
