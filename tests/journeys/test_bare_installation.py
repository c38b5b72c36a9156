"""The package without the server's part: verifier, client and formats work, and nothing else."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.journey, pytest.mark.slow, pytest.mark.xdist_group("demo")]
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment with nothing but `pip install casegate`."""
    folder = tmp_path_factory.mktemp("bare")
    _run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder), cwd=ROOT)
    (wheel,) = folder.glob("casegate-*.whl")
    _run(sys.executable, "-m", "venv", str(folder / "venv"))
    python = folder / "venv" / "bin" / "python"
    _run(str(python), "-m", "pip", "install", "--quiet", str(wheel))
    return folder


def _run(*command: str, cwd: Path | None = None, status: int = 0) -> str:
    environ = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(
        command, cwd=cwd, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout or done.stderr


def _casegate(folder: Path, *arguments: str, status: int = 0) -> str:
    return _run(str(folder / "venv" / "bin" / "casegate"), *arguments, cwd=folder, status=status)


def test_no_server_package_comes_along(bare):
    listed = _run(str(bare / "venv" / "bin" / "python"), "-m", "pip", "list", "--format", "json")
    names = {package["name"].lower() for package in json.loads(listed)}
    assert not names & {"flask", "sqlalchemy", "gunicorn", "cedarpy", "authlib"}


def test_evidence_is_verified(bare, demonstration):
    demo, _ = demonstration
    connection = str(demo / "point-de-contact" / "connection.toml")
    words = ("verify", str(demo / "handoff.bundle.json"), "--connection", connection, "--json")
    told = json.loads(_casegate(bare, *words, status=18))
    assert told["code"] == 18  # all of it verifies, and it is a demonstration


def test_kept_evidence_is_verified(bare):
    kept = ROOT / "tests/verification/kept"
    bundle, trust = str(kept / "files/signed-bundle.json"), str(kept / "trust")
    expected = json.loads((kept / "expected.json").read_bytes())["signed-bundle.json"]["code"]
    told = json.loads(
        _casegate(bare, "verify", bundle, "--trust", trust, "--json", status=expected)
    )
    assert told["code"] == expected


def test_a_partner_has_the_client_and_can_enrol(bare):
    program = "from gateway.client import Gateway, PartnerConnection, enrolment"
    _run(str(bare / "venv" / "bin" / "python"), "-c", program)
    assert "Usage: casegate enrol" in _casegate(bare, "enrol", "--help")


def test_an_administrator_works_over_the_network(bare):
    assert "waiting" in _casegate(bare, "admin", "--help")
    lacking = _casegate(bare, "admin", "-c", str(bare / "none.toml"), "waiting", status=2)
    assert "none.toml" in lacking
    on_host = _casegate(bare, "admin", "waiting", status=2)
    assert "--connection" in on_host


def test_what_is_sealed_is_opened(bare):
    whose = ("--organisation", "ofmin", "--gateway", "https://gateway.example.org")
    _casegate(bare, "key", "create", "--use", "encryption", str(bare / "sealed-to-us"), *whose)
    program = (
        "import json, pathlib\n"
        "from gateway.domain.sealed import SealedContent\n"
        "from gateway.evidence import seal, signature\n"
        "from gateway.keys import load_encryption_keys\n"
        f"folder = pathlib.Path({str(bare / 'sealed-to-us')!r})\n"
        "jwk = json.loads((folder / 'encryption.jwk').read_text())\n"
        "made = SealedContent('a', 'b', 'c', 'd', 'reporter', {'name': 'N. N.'})\n"
        "text = seal.seal(made, *signature.read_encryption_key(jwk))\n"
        "print(seal.open_sealed(text, load_encryption_keys(folder)).value['name'])\n"
    )
    told = _run(str(bare / "venv" / "bin" / "python"), "-c", program)
    assert told.strip() == "N. N."


def test_a_report_is_imported(bare, tmp_path):
    data = ROOT / "gateway/cli/demo"
    out = tmp_path / "case.json"
    profile = str(data / "profile.toml")
    report = str(data / "content-csam.json")
    _casegate(bare, "case", "import", report, "--profile", profile, "--out", str(out))
    assert json.loads(out.read_bytes())["version"] == 1


def test_a_command_of_the_server_says_what_to_install(bare):
    done = subprocess.run(
        [str(bare / "venv/bin/casegate"), "policy", "check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "pip install '.[server]'" in done.stderr


def test_the_policies_come_with_the_package(bare):
    (installed,) = (bare / "venv" / "lib").glob("python3*/site-packages/gateway/_policies")
    assert (installed / "schema.cedarschema").is_file()
    assert {file.name for file in installed.glob("*.cedar")} == {
        file.name for file in (ROOT / "policies").glob("*.cedar")
    }
