"""A release: one version everywhere, and `make release` with its bill of materials."""

import json
import re
import subprocess
import tomllib
import zipfile
from pathlib import Path

import pytest

from gateway import __version__
from gateway.web.openapi import document

ROOT = Path(__file__).parents[2]


def test_the_program_the_interface_and_the_changelog_have_one_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    dated = re.findall(
        r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d\d-\d\d$",
        (ROOT / "CHANGELOG.md").read_text("utf-8"),
        re.M,
    )
    described = document()["info"]["version"]
    assert (project["version"], dated[0], described) == (__version__,) * 3


@pytest.mark.slow
def test_a_release_is_made_with_sums_and_a_bill_of_its_dependencies(tmp_path: Path) -> None:
    copy = tmp_path / "source"
    subprocess.run(["git", "clone", "--quiet", ROOT, copy], check=True)
    subprocess.run(["make", "release"], cwd=copy, check=True, capture_output=True)
    subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=copy / "dist", check=True
    )
    (wheel,) = (copy / "dist").glob(f"casegate-{__version__}-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "gateway/py.typed" in names
    assert any(name.startswith("gateway/_policies/") for name in names)
    assert "gateway/_openapi.json" in names
    bill = json.loads((copy / "dist" / "casegate.cdx.json").read_text())
    root = bill["metadata"]["component"]
    assert (bill["bomFormat"], root["name"], root["version"]) == (
        "CycloneDX",
        "casegate",
        __version__,
    )
    pinned = re.findall(r"^([a-z0-9-]+)==", (copy / "requirements" / "run.txt").read_text(), re.M)
    assert {one["name"] for one in bill["components"]} == set(pinned)
    assert all(one["externalReferences"][0]["hashes"] for one in bill["components"])
