"""Evidence of earlier versions verifies with the same result in this one."""

import json
from pathlib import Path

from gateway.evidence.report import Code
from gateway.evidence.verification import verify
from tests.each import each
from tests.evidence.kept import trust_folder

FOLDER = Path(__file__).parent / "kept"
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
