"""The page for a system without our package is played from its own text, by two newcomers."""

import os
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from gateway.cli.demo.environment import DemoEnvironment
from gateway.domain.organisation import SCOPES
from tests.journeys.harness import HOTLINE, admin, case_content, check_log, clearance
from tests.journeys.test_enrolment import APPLICATION, DECISION
from tests.programs import require

pytestmark = [pytest.mark.journey, pytest.mark.slow, pytest.mark.xdist_group("gateway")]

PERSONS = ("--entry", "head,analyst,officer", "--entry", "approver,liaison")
DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "without-our-package.md").read_text("utf-8")
STEPS = re.findall(r"^\*\*(\d+)\. .*?^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_page_has_at_most_20_steps_in_order() -> None:
    assert [int(number) for number, _ in STEPS] == list(range(1, len(STEPS) + 1))
    assert 15 < len(STEPS) <= 20
    assert PAGE.count("```sh") == len(STEPS)
    assert "casegate " not in "".join(block for _, block in STEPS)


@pytest.mark.parametrize("newcomer", ["first", "second"])
def test_a_system_without_our_package_enrols_passes_and_accepts_as_the_page_says(
    direct: DemoEnvironment, tmp_path: Path, newcomer: str
) -> None:
    require("the page without our package", "sh", "curl", "jq", "openssl")
    slug = f"{newcomer}-{os.urandom(3).hex()}"
    for action, values in (
        ("organisation.apply", APPLICATION),
        ("organisation.approve", DECISION),
        ("system.register", {"system": "desk", "scopes": sorted(SCOPES)}),
        ("membership.grant", {"membership": "full", "from": "2020-01-01", "decision_ref": "x"}),
    ):
        direct.administer(action, slug, values)
    admin(direct, "invitation", "create", slug, "desk", "--out", tmp_path / "invitation.json")
    admin(direct, "staff", "establish", slug, *PERSONS)
    shutil.copy(DOCS / "examples" / "python" / "partner.py", tmp_path)
    shutil.copy(DOCS / "protocol" / "examples" / "case.json", tmp_path)
    program = "set -eu\n" + "".join(block for _, block in STEPS)
    environ = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}

    def administrators_and_another_hotline() -> None:
        declined = tmp_path / "declined.json"
        while not declined.exists() or "conformance" not in declined.read_text():
            if played.poll() is not None:
                return
            time.sleep(0.2)
        admin(direct, "organisation", "activate", slug, "--reason", "it passed its run")
        content = case_content()
        with direct.client(HOTLINE) as hotline:
            hotline.submit(content, "pdc-1", clearance(content))
            hotline.offer(
                content["case"],
                "pdc-2",
                organisation=slug,
                groups=["items", "statements", "classifications"],
                purpose=["remove"],
                country_reason="It is hosted where they answer.",
            )

    played = subprocess.Popen(
        ["sh", "-c", program],
        cwd=tmp_path,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    others = threading.Thread(target=administrators_and_another_hotline)
    others.start()
    try:
        printed, _ = played.communicate(timeout=90)
    finally:
        played.kill()
        others.join()
    assert played.returncode == 0, printed
    assert "verified handoff.accepted" in printed
    assert "verified case.consulted" in printed
    check_log(direct)
