"""`casegate admin member-key`: a member's key, its declarations, two administrators."""

from pathlib import Path
from typing import Any

import pytest

from gateway.cli import system as key_commands
from gateway.keys import KeyPurpose, load_key
from tests.cli.test_admin import ADMISSION, confirmed
from tests.operating import ISSUER, Operator, operator

WHOSE = ("--organisation", "ofmin", "--gateway", ISSUER)


@pytest.fixture
def gw(tmp_path: Path) -> Operator:
    return operator(tmp_path, ("organisation", "admit", "ofmin", *ADMISSION))


def new_key(gw: Operator, name: str, *more: object) -> Path:
    """A key that the member makes on its own host; the folder with its files."""
    folder = gw.folder.parent / name
    assert gw.type("key", "create", "--use", "signing", folder, *WHOSE, *more).exit_code == 0
    return folder


def files(folder: Path) -> list[object]:
    found: list[object] = ["--jwk", folder / key_commands.JWK_FILE]
    for option in ("proof", "countersignature"):
        if (folder / f"document.{option}").exists():
            found += [f"--{option}", folder / f"document.{option}"]
    return found


def kid(folder: Path) -> str:
    return load_key(folder / key_commands.KEY_FILE, KeyPurpose.DOCUMENT).kid


def do(gw: Operator, typ: str, *words: object) -> dict[str, Any]:
    told = gw.told(*words)
    proved = confirmed(gw, told)
    assert (proved.event["type"], proved.event["id"]) == (typ, told["result"]["event"])
    return told["result"]


def test_the_life_of_a_key_is_events_with_receipts(gw: Operator) -> None:
    first = new_key(gw, "first")
    result = do(gw, "key.registered", "member-key", "register", "ofmin", *files(first))
    assert (result["organisation"], result["kid"]) == ("ofmin", kid(first))
    second = new_key(gw, "second", "--document-key", first / key_commands.KEY_FILE)
    do(gw, "key.registered", "member-key", "register", "ofmin", *files(second))
    gone = do(
        gw, "key.revoked", "member-key", "revoke", "ofmin", kid(first), "--reason", "replaced"
    )
    assert gone["kid"] == kid(first)
    assert gw.told("member-key", "used", "ofmin", kid(first)) == {"items": []}
    assert "no such document key" in gw.admin("member-key", "used", "ofmin", "another").output
