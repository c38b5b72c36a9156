"""Evidence of earlier versions verifies with the same result in this one."""

import json
import tarfile
from pathlib import Path

import pytest

from gateway.verification.report import Code
from gateway.verification.verifier import verify
from tests.each import each
from tests.verification.kept import trust_folder

FOLDER = Path(__file__).parent / "kept"
UPGRADE = Path(__file__).parents[1] / "data/upgrade/2d826964"
EXPECTED = json.loads((FOLDER / "expected.json").read_text())
NEVER_VALID = ("false-", "missing-", "unknown-")


@each("name", sorted(EXPECTED))
def test_a_kept_file_verifies_as_it_did(name):
    report = verify((FOLDER / "files" / name).read_bytes(), trust_folder(FOLDER / "trust"))
    assert {"kind": report.kind, "code": report.code} == EXPECTED[name], report
    assert report.passed is not name.startswith(NEVER_VALID), report


def test_every_kept_file_is_expected_and_every_reason_to_refuse_is_kept():
    assert {file.name for file in FOLDER.glob("files/*")} == EXPECTED.keys()
    refused = {one["code"] for one in EXPECTED.values()}
    # CONTRADICTION is shown by several files, which have no place here; what nothing could have
    # opened, no gateway lets through that we have.
    assert refused == set(Code) - {Code.CONTRADICTION, Code.LET_THROUGH}


UPGRADED = {
    name: code
    for name, code in json.loads((UPGRADE / "expected.json").read_text()).items()
    if name.endswith((".bundle.json", ".receipt.json"))
}


@pytest.fixture(scope="module")
def upgrade(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("upgrade")
    with tarfile.open(UPGRADE / "kept.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return folder


def test_a_file_of_2d826964_verifies_as_it_did(upgrade: Path) -> None:
    trust = trust_folder(upgrade / "trust")
    found = {
        name: int(verify((upgrade / "files" / name).read_bytes(), trust).code) for name in UPGRADED
    }
    assert found == UPGRADED
