"""The ceremonies of certs/README.md, run as they are written: with our commands and openssl."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.operating import PASSPHRASE, Operator, certified
from tests.programs import require

TOP = Path(__file__).parents[2]
BLOCKS = re.findall(
    r"^```sh\n(.*?)^```$", (TOP / "certs" / "README.md").read_text(), re.MULTILINE | re.DOTALL
)
TOOLS = ("openssl", "basenc", "shred")
ADMISSION = ("--name", "OCRVP", "--kind", "police_office", "--country", "FR", "--public-authority")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A machine: folders, a passphrase, and our command on the path."""
    for folder in ("srv", "media/copy-1", "media/copy-2", "bin"):
        (tmp_path / folder).mkdir(parents=True)
    passphrase = tmp_path / "passphrase"
    passphrase.write_bytes(PASSPHRASE + b"\n")
    passphrase.chmod(0o600)
    command = tmp_path / "bin" / "casegate"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m gateway "$@"\n')
    command.chmod(0o755)
    return tmp_path


def run(block: str, place: Path) -> str:
    """What a block prints on this machine; an AssertionError when one of its commands fails."""
    for there in ("/srv/", "/media/"):
        block = re.sub(rf"{there}\S*", lambda found: f'"{place}{found[0]}"', block)
    block = block.replace("/root/passphrase", f'"{place}/passphrase"')
    environ = {**os.environ, "PATH": f"{place}/bin:{os.environ['PATH']}", "PYTHONPATH": str(TOP)}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block],
        cwd=place,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


@pytest.mark.slow
def test_every_ceremony_works_as_it_is_written(place: Path) -> None:
    require("the ceremonies", *TOOLS)
    make, move, fingerprint, check, revoke, publish, renew, use, ended = BLOCKS
    assert "Next:" in run(make, place)
    run(move, place)
    gw = Operator(place / "srv" / "casegate")
    assert not [path for path in gw.config.offline.rglob("*") if path.is_file()]
    assert run(fingerprint, place).startswith("sha256 Fingerprint=")

    gw.done("organisation", "admit", "ocrvp", *ADMISSION)
    gw.done("system", "register", "ocrvp", "main")
    (place / "main.pem").write_text(certified(gw, "ocrvp", "main"))
    checked = run(check, place)
    assert "URI:urn:casegate:demo:ocrvp:main" in checked
    assert "TLS Web Client Authentication" in checked
    assert "main.pem: OK" in checked

    assert "certificate.revoke: client_id ocrvp.main, revoked" in run(revoke, place)
    published = run(publish, place)
    assert "crlNumber" in published
    assert "not accepted any more\n" in published
    assert "certificate revoked" in published

    listed = run(renew, place)
    assert "step publish" in listed
    assert [line.split()[1] for line in listed.splitlines()[-2:]] == ["next", "current"]
    waited = use.replace("rotate", "rotate --no-wait")
    assert "step activate" in run(waited, place)
    assert "step retire" in run(waited.replace("--step activate", "--step retire"), place)
    assert "step activate" in run(ended, place)
