"""Cedar: the policies that decide, and the proof that they decide as they should."""

import importlib.resources
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path


def policy_folder() -> Path:
    """The policies that come with the product: in the installed package, or in the source tree."""
    package = Path(str(importlib.resources.files("gateway")))
    shipped = package / "_policies"
    return shipped if shipped.is_dir() else package.parent / "policies"


def policy_digest(folder: Path) -> str:
    """Digest all that a check of policies looks at: each file of their folder, and the engine."""
    digest = sha256(version("cedarpy").encode())
    for path in sorted(one for one in folder.rglob("*") if one.is_file()):
        for part in (str(path.relative_to(folder)).encode(), path.read_bytes()):
            digest.update(len(part).to_bytes(8) + part)
    return digest.hexdigest()
