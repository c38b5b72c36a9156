"""Schemathesis on the running gateway: no server error, and no answer that is not described."""

import json
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.cli.demo.environment import DemoEnvironment
from gateway.domain.organisation import ADMIN_SCOPES
from gateway.web.certificates import PKCS10
from gateway.web.openapi import document
from tests.journeys.harness import HOTLINE, Listeners, config_of, offered, running

pytestmark = [pytest.mark.journey, pytest.mark.slow, pytest.mark.xdist_group("schemafuzz")]

SEED = 20261126
EXAMPLES = 10
"""Of chance, for each operation, after all that its description leads to. No time is set: chance
would go on until it is over."""
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)
RUN = "from schemathesis.cli import schemathesis; schemathesis()"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoEnvironment]:
    """A gateway with a case on its way, and denials that nobody counts."""
    folder = tmp_path_factory.mktemp("schema")
    with running(folder, kind=Listeners, denials_per_minute=100_000) as started:
        scopes = {"system": "desk", "scopes": list(ADMIN_SCOPES)}
        started.administer("system.set_admin_scopes", HOTLINE, scopes)
        offered(started)
        yield started


def token(stage: DemoEnvironment) -> str:
    """A token of the hotline's system, with every scope."""
    home = stage.folder / HOTLINE
    config = config_of(stage)
    asked = {"grant_type": "client_credentials", "client_id": f"{HOTLINE}.desk"}
    context = ssl.create_default_context(cafile=str(home / "ca.pem"))
    context.load_cert_chain(home / "certificate.pem", home / "key.pem")
    answer = httpx.post(f"{config.partners_url}/oauth/token", data=asked, verify=context)
    return str(answer.json()["access_token"])


def described(listener: str) -> dict[str, Any]:
    """The description, with the operations that one listener serves.

    Without those of certificate requests, for which Schemathesis cannot make a body.
    """
    whole = document()
    del whole["servers"]
    for item in whole["paths"].values():
        for method in list(item):
            public = "servers" in item[method]
            item[method].pop("servers", None)
            made = item[method].get("requestBody", {"content": {}})["content"]
            if public is not (listener == "public") or PKCS10 in made:
                del item[method]
    return whole


@pytest.mark.parametrize("listener", ["public", "partners"])
def test_no_request_makes_a_server_error_or_an_undescribed_answer(
    stage: DemoEnvironment, tmp_path: Path, listener: str
) -> None:
    config, home = config_of(stage), stage.folder / HOTLINE
    url = config.issuer if listener == "public" else config.partners_url
    file = tmp_path / "openapi.json"
    description = described(listener)
    file.write_text(json.dumps(description), encoding="utf-8")
    arguments = ["run", str(file), "--url", url, "--tls-verify", str(home / "ca.pem")]
    arguments += ["--checks", ",".join(CHECKS), "--continue-on-failure", "--no-color"]
    arguments += ["--max-examples", str(EXAMPLES), "--seed", str(SEED), "--no-shrink"]
    arguments += ["--phases", "coverage,fuzzing"]
    # One worker: two threads that parse Python at once fail in CPython 3.11 (SystemError).
    arguments += ["--generation-database", "none", "--max-redirects", "0", "--workers", "1"]
    if listener == "partners":
        arguments += ["--request-cert", str(home / "certificate.pem")]
        arguments += ["--request-cert-key", str(home / "key.pem")]
        arguments += ["--header", f"Authorization: Bearer {token(stage)}"]
    command = [sys.executable, "-c", RUN, *arguments]
    narrow = {**os.environ, "COLUMNS": "100"}
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, check=False, env=narrow
    )
    log = (stage.folder / "gateway.log").read_text(encoding="utf-8")
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr
    assert f"Tested: {sum(map(len, description['paths'].values()))}\n" in done.stdout
    assert '"server-error"' not in log
