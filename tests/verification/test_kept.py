"""Evidence of earlier versions verifies with the same result in this one."""

import json
import random
import tarfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from gateway.client.connection import gather_trust
from gateway.verification import listing
from gateway.verification.report import Code
from gateway.verification.verifier import verify
from tests.each import each
from tests.verification.kept import trust_folder

FOLDER = Path(__file__).parent / "kept"
UPGRADE = Path(__file__).parents[1] / "data/upgrade/2d826964"
EXPECTED = json.loads((FOLDER / "expected.json").read_text())
GOOD = (Code.VERIFIED, Code.ATTESTED, Code.SIMULATED)
NEVER_VALID = ("false-", "missing-", "unknown-")


LEFT = json.loads((FOLDER / "left.json").read_text())
SETS = [FOLDER, FOLDER / "lists", FOLDER / "bundle-3", FOLDER / "succession"]
"""Each with keys of its own: to version 0.2.0, its lists of events, casegate-bundle/3, and what
administrators and organisations signed of a succession."""


@each("folder", SETS)
def test_a_kept_file_verifies_as_it_did(folder):
    expected = json.loads((folder / "expected.json").read_text())
    assert {file.name for file in folder.glob("files/*")} == expected.keys()
    trust = trust_folder(folder / "trust")
    for name, told in expected.items():
        report = verify((folder / "files" / name).read_bytes(), trust)
        assert {"kind": report.kind, "code": report.code} == told, (name, report)
        assert (report.code in GOOD) is not name.startswith(NEVER_VALID), name


def test_a_kept_file_over_two_logs_verifies_as_it_did():
    folder = FOLDER / "two-gateways"
    expected = json.loads((folder / "expected.json").read_text())
    trust = gather_trust([folder / "trust/be", folder / "trust/fr"], [], [], [])
    files = {one.name: one.read_bytes() for one in folder.glob("files/*")}
    reports = {name: verify(data, trust) for name, data in files.items()}
    found = {name: {"kind": one.kind, "code": one.code} for name, one in reports.items()}
    assert found == expected


def test_a_kept_export_verifies_with_its_table_and_checkpoint():
    """A column that its table has keeps its meaning."""
    parts = {one.name: one.read_bytes() for one in (FOLDER / "export/whole-log").iterdir()}
    evidence = parts.pop(listing.EVIDENCE)
    report = verify(evidence, trust_folder(FOLDER / "export/trust"), beside=parts)
    assert (report.kind, report.code) == ("list", Code.VERIFIED), report


def test_every_reason_to_refuse_is_kept():
    refused = {one["code"] for one in EXPECTED.values()}
    # CONTRADICTION is shown by several files, which have no place here; what nothing could have
    # opened, no gateway lets through that we have.
    assert refused == set(Code) - {Code.CONTRADICTION, Code.LET_THROUGH}


def left(data: bytes) -> Iterator[bytes]:
    """The file, and a bundle of a former form in which parts are missing or exchanged."""
    yield data
    if b"casegate-bundle" not in data[:60]:
        return
    chance = random.Random(7)
    whole = json.loads(data)
    for _ in range(25):
        one = json.loads(data)
        for _ in range(chance.randint(1, 2)):
            name = chance.choice([n for n in whole if isinstance(whole[n], list) and whole[n]])
            if not one[name]:
                continue
            place = chance.randrange(len(one[name]))
            match chance.randrange(3):
                case 0:
                    del one[name][place]
                case 1:
                    chance.shuffle(one[name])
                case 2 if isinstance(one[name][place], dict) and "proof" in one[name][place]:
                    one[name][place]["disclosures"] = one[name][place]["disclosures"][:-1]
        yield json.dumps(one).encode()


def codes_of_the_left(name, number=None):
    """Without and with ``--require signed``."""
    trust = trust_folder(FOLDER / "trust")
    return [
        [int(verify(one, trust, require=required).code) for required in ((), ("signed",))]
        for one in islice(left((FOLDER / "files" / name).read_bytes()), number)
    ]


@each("name", sorted(LEFT))
def test_what_is_left_of_a_kept_file_ends_as_it_did(name):
    """The verifier before this one gave the same codes."""
    assert codes_of_the_left(name, 4) == LEFT[name][:4]


@pytest.mark.slow
@each("name", sorted(LEFT))
def test_whatever_is_left_of_a_kept_file_ends_as_it_did(name):
    assert codes_of_the_left(name) == LEFT[name]


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
