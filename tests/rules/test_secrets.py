"""No secret is in the project's own files."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("gateway", "policies", "certs", "tests", "docs", "bench", "deploy", ".ci")
KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{40}")


def test_no_file_holds_a_private_key() -> None:
    files = [one for folder in FOLDERS for one in (ROOT / folder).rglob("*") if one.is_file()]
    assert len(files) > 1_000
    kept = (one for one in files if "__pycache__" not in one.parts)
    assert [one for one in kept if KEY.search(one.read_bytes())] == []


def test_a_private_key_is_recognised() -> None:
    marked = b"-----BEGIN %b-----\n" % b" ".join((b"PRIVATE", b"KEY"))  # no file shows the mark
    assert KEY.search(marked + b"A" * 64)
    assert KEY.search(marked.replace(b"BEGIN", b"BEGIN EC") + b"A" * 64)
    assert not KEY.search(marked)
