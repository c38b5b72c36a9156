"""Cedar: the policies that decide, and the proof that they decide as they should."""

import importlib.resources
from pathlib import Path


def policy_folder() -> Path:
    """The policies that come with the product: in the installed package, or in the source tree."""
    package = Path(str(importlib.resources.files("gateway")))
    shipped = package / "_policies"
    return shipped if shipped.is_dir() else package.parent / "policies"
