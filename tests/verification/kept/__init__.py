"""Evidence that every later version goes on verifying: files, keys, and what each file proves."""

from dataclasses import replace
from pathlib import Path

from gateway.client.connection import read_keys, read_organisations
from gateway.ledger.note import VerificationKey
from gateway.verification.trust import TrustAnchors


def trust_folder(folder: Path) -> TrustAnchors:
    """The keys of a trust folder, as `casegate verify --trust` reads it."""
    key = VerificationKey.parse((folder / "log.vkey").read_text().strip())
    return replace(
        read_organisations(folder / "organisations"),
        log_keys=(key,),
        origins=(key.name,),
        gateway_keys=read_keys(folder / "gateway-keys.json"),
    )
