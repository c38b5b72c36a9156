"""Programs in JavaScript with what they need from npm, in a folder of their own."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest


def installed(source: Path, folder: Path, what: str) -> Path:
    """Copy a folder's programs and install what its package.json pins; the folder.

    Skips, but fails in CI, where node or a registry is missing; ``what`` is then not run.
    """
    for file in source.iterdir():
        if file.suffix in (".json", ".mjs"):
            shutil.copy(file, folder)
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        _lacking(what, "node and npm are not on this machine")
    install = [str(npm), "install", "--no-audit", "--no-fund", "--no-package-lock", "--silent"]
    done = subprocess.run(
        install, capture_output=True, text=True, timeout=180, check=False, cwd=folder
    )
    if done.returncode != 0:
        _lacking(what, f"npm does not install what the program needs: {done.stderr[-500:]}")
    return folder


def _lacking(what: str, why: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(f"{why}: {what} was not run")
    pytest.skip(f"NOT RUN: {what}, for {why}")
