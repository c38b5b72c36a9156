"""Evidence that every later version goes on verifying: files, keys, and what each file proves."""

from pathlib import Path

from gateway.client.connection import gather_trust
from gateway.verification.trust import TrustAnchors


def trust_folder(folder: Path) -> TrustAnchors:
    """The keys of a trust folder, as `casegate verify --trust` reads it."""
    return gather_trust([folder], [], [], [])
