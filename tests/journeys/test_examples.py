"""The example programs of partners do what the page says, against a gateway that runs.

They know nothing of our code: what they sign and check, they sign and check by the documents.
"""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.demo.environment import DemoEnvironment
from gateway.client.connection import PartnerConnection
from gateway.verification import verifier
from tests.journeys.harness import HOTLINE, OFMIN, case_content, check_log
from tests.journeys.npm import installed
from tests.programs import require

pytestmark = [pytest.mark.journey, pytest.mark.slow, pytest.mark.xdist_group("foreign")]

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


@pytest.fixture(scope="module")
def signing(others: DemoEnvironment) -> tuple[DemoEnvironment, Path]:
    """A gateway at which both members sign, and the folder of the hotline's connection."""
    others.register_key(HOTLINE)
    others.register_key(OFMIN)
    return others, others.folder / HOTLINE


def run(command: Sequence[object], home: Path, content: dict[str, Any], where: Path) -> Any:
    """What the program tells when it comes to a good end."""
    file = home / f"{content['case']}.json"
    file.write_text(json.dumps(content))
    done = subprocess.run(
        [*map(str, command), str(home), str(file), "analyst-1", "approver-1"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=where,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def check(stage: DemoEnvironment, content: dict[str, Any], told: dict[str, Any]) -> None:
    """The recipient opens what the program offered, and its file verifies to the keys' origin."""
    assert (told["case"], told["to"], told["verified"]) == (content["case"], OFMIN, True)
    with stage.client(OFMIN) as office:
        view = office.handoff(told["handoff"])
        assert (view["assurance"], view["case_digest"]) == ("signed", told["case_digest"])
        office.accept(view, "ofmin-1")
        opened = office.consult(told["handoff"], "ofmin-1", "assessment", "first reading")
        assert opened.assurance == "signed"
        assert opened.content["items"] == content["items"]
        bundle = office.export(told["handoff"], "ofmin-1", "for the file")
    trust = PartnerConnection.read(stage.folder / OFMIN / "connection.toml").trust
    found = verifier.verify(bundle, trust)
    assert found.passed, found.sentence
    assert "attested" not in found.sentence
    origin = f"key {told['kid']} of {HOTLINE}: registered on"
    assert any(origin in step.detail for step in found.steps)
    check_log(stage)


def test_a_partner_in_python_signs_offers_and_verifies(signing: Any) -> None:
    stage, home = signing
    content = case_content()
    program = EXAMPLES / "python" / "partner.py"
    assert "from gateway" not in program.read_text()
    check(stage, content, run([sys.executable, "-I", program], home, content, home))


@pytest.mark.parametrize("words", [[], ["folder", "case.json", "analyst"]])
def test_the_program_in_python_says_how_it_is_called(words: list[str]) -> None:
    command = [sys.executable, "-I", str(EXAMPLES / "python" / "partner.py"), *words]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr.startswith("usage: ")
    assert told.stderr.endswith("FOLDER CASE.json ANALYST APPROVER\n")


def test_a_partner_by_curl_offers_a_case_and_keeps_receipts(signing: Any, tmp_path: Path) -> None:
    require("the example by curl", "curl", "jq")
    _, home = signing
    content = case_content()
    told = run(["sh", EXAMPLES / "curl" / "first-case.sh"], home, content, tmp_path)
    assert (told["case"], told["to"], told["state"]) == (content["case"], OFMIN, "offered")
    trust = PartnerConnection.read(home / "connection.toml").trust
    for step in ("submitted", "offered"):
        found = verifier.verify((home / f"{told['case']}.{step}.json").read_bytes(), trust)
        assert found.passed, found.sentence


def test_the_page_of_the_example_is_played_as_written_and_again(
    signing: Any, tmp_path: Path
) -> None:
    require("the example by curl", "curl", "jq")
    stage, _ = signing
    (tmp_path / "docs").symlink_to(EXAMPLES.parent)
    (tmp_path / "demo").symlink_to(stage.folder)
    command = tmp_path / ".venv" / "bin" / "casegate"
    command.parent.mkdir(parents=True)
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m gateway "$@"\n')
    command.chmod(0o700)
    page = (EXAMPLES / "README.md").read_text()
    typed = "\n".join(re.findall(r"^\$ (.*)$", page, re.MULTILINE))
    people = {"ANALYST": "analyst-1", "APPROVER": "approver-1"}
    program = f"set -eu\n{re.sub('ANALYST|APPROVER', lambda one: people[one[0]], typed)}\n"
    for _ in range(2):
        done = subprocess.run(
            ["sh", "-c", program], capture_output=True, text=True, check=False, cwd=tmp_path
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "VERIFIED" in done.stdout


@pytest.fixture(scope="module")
def javascript(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program with what it needs from npm, in a folder of its own."""
    folder = tmp_path_factory.mktemp("javascript")
    return installed(EXAMPLES / "javascript", folder, "the example in JavaScript")


def test_a_partner_in_javascript_signs_offers_and_verifies(signing: Any, javascript: Path) -> None:
    stage, home = signing
    content = case_content()
    told = run(["node", javascript / "partner.mjs"], home, content, javascript)
    check(stage, content, told)


def test_the_javascript_example_pins_what_it_installs() -> None:
    package = json.loads((EXAMPLES / "javascript" / "package.json").read_text())
    for version in package["dependencies"].values():
        assert version.replace(".", "").isdigit()
    assert not list((EXAMPLES / "javascript").glob("*lock*"))
