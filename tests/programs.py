"""Programs of others that a test needs: without them it is not run, and says so; in CI it fails."""

import os
import shutil
from typing import NoReturn

import pytest


def require(what: str, *programs: str) -> None:
    """Require programs on this machine; ``what`` is not run without them."""
    missing = [one for one in programs if shutil.which(one) is None]
    if missing:
        not_run(what, f"this machine has no {', '.join(missing)}")


def not_run(what: str, why: str) -> NoReturn:
    """Skip ``what``; in CI, which installs all that is needed, fail."""
    sentence = f"NOT RUN: {what}, for {why}"
    if os.environ.get("CI"):
        pytest.fail(sentence)
    pytest.skip(sentence)
