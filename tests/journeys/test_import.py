"""A hotline brings a folder of mixed files, goes on after a kill, and hands a list of hashes on."""

from pathlib import Path

import pytest

from gateway.cli.demo.environment import DemoEnvironment
from gateway.client.local_state import TakenReports
from tests.journeys.harness import CONTENT, HOTLINE, OFMIN, casegate, check_log
from tests.journeys.test_killed_client import killed_at

pytestmark = [pytest.mark.journey, pytest.mark.xdist_group("gateway")]

ROOT = Path(__file__).parents[2]
HASHES = "\n".join(["sha256", *(f"{number:064x}" for number in range(1, 501))])


@pytest.mark.slow
def test_a_folder_is_brought_once_and_500_hashes_go_to_the_police_as_one_case(
    direct: DemoEnvironment, tmp_path: Path
) -> None:
    inbox = tmp_path / "inbox"
    (inbox / "provider").mkdir(parents=True)
    for file in ("tests/data/ncmec/report.xml", "tests/data/xarf/xarf-csam-must-be-refused.json"):
        (inbox / "provider" / Path(file).name).write_bytes((ROOT / file).read_bytes())
    (inbox / "list-7.csv").write_text(HASHES)
    connection = direct.folder / HOTLINE / "connection.toml"
    profile = ROOT / "gateway/cli/demo/profile.toml"
    mapping = ROOT / "docs/examples/import/hashes.toml"
    command = ("case", "import", inbox, "--profile", profile, "--mapping", mapping)
    command = (*command, "--by", "pdc-1", "-c", connection)
    size = check_log(direct).size

    killed_at(TakenReports.add, *command)
    told = casegate(*command, status=1)
    assert "2 known, 1 refused" in told
    assert "is an image; media is never taken (R1)" in told
    assert check_log(direct).size == size + 2
    assert "2 known, 1 refused" in casegate(*command, status=1)
    assert check_log(direct).size == size + 2

    with direct.client(HOTLINE) as hotline, direct.client(OFMIN) as office:
        case = hotline.find_case("list-7")
        for step, person in (("assess", "pdc-1"), ("clear", "pdc-2")):
            casegate("case", step, case, "--by", person, "-c", connection)
        terms = {"competence": "csam/FR", "groups": CONTENT, "purpose": ["investigate"]}
        handoff = hotline.offer(case, "pdc-2", **terms).result["handoff"]
        office.accept(office.handoff(handoff), "ofmin-1")
        opened = office.consult(handoff, "ofmin-1", "assessment", "A list")
        assert len(opened.content["items"]) == 500

    archive = tmp_path / "archive"
    there = direct.folder / OFMIN / "connection.toml"
    content = ("--by", "ofmin-1", "--reason", "Archive of the year")
    casegate("export", "all", "--out", archive, *content, "-c", there)
    [file] = archive.glob(f"{handoff}-*-content.json")
    assert "511 of 511 elements shown" in casegate("verify", file, "-c", there, status=17)
    assert "Kept" in casegate("export", "all", "--out", archive, *content, "-c", there)
