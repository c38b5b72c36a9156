"""Programs in JavaScript with what they need from npm, in a folder of their own."""

import shutil
import subprocess
from pathlib import Path

from tests.programs import not_run, require


def installed(source: Path, folder: Path, what: str) -> Path:
    """Copy a folder's programs and install what its package.json pins; the folder.

    ``what`` is not run where node or a registry is missing.
    """
    for file in source.iterdir():
        if file.suffix in (".json", ".mjs"):
            shutil.copy(file, folder)
    require(what, "node", "npm")
    install = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--silent"]
    done = subprocess.run(
        install, capture_output=True, text=True, timeout=180, check=False, cwd=folder
    )
    if done.returncode != 0:
        not_run(what, f"npm does not install what the program needs: {done.stderr[-500:]}")
    return folder
