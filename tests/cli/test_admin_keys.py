"""`casegate admin member-key`: a member's key, its declarations, two administrators."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import system as key_commands
from gateway.keys import KeyPurpose, load_key
from tests.cli.test_admin import ADMISSION, confirmed
from tests.operating import ISSUER, MARTIN, Operator, operator, said

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
    found: list[object] = [
        "--jwk",
        folder / key_commands.JWK_FILE,
        "--proof",
        folder / key_commands.PROOF_FILE,
    ]
    countersignature = folder / "document.countersignature"
    return [
        *found,
        *(["--countersignature", countersignature] if countersignature.exists() else []),
    ]


def kid(folder: Path) -> str:
    return load_key(folder / key_commands.KEY_FILE, KeyPurpose.DOCUMENT).kid


def registered(gw: Operator, name: str = "first") -> Path:
    folder = new_key(gw, name)
    gw.done("member-key", "register", "ofmin", *files(folder))
    return folder


def declaration(gw: Operator, what: str, folder: Path) -> Path:
    """What `casegate key require-signed` or `unlock` prints, in a file."""
    told = gw.type("key", what, folder / key_commands.KEY_FILE, *WHOSE)
    assert told.exit_code == 0, told.output
    file = folder / what
    file.write_text(told.stdout)
    return file


def do(gw: Operator, typ: str, *words: object) -> dict[str, Any]:
    told = json.loads(gw.done("--json", *words))
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


def test_what_is_no_key_is_said_in_a_sentence(gw: Operator) -> None:
    folder = new_key(gw, "first")
    (folder / key_commands.JWK_FILE).write_text("no JSON")
    assert "is not JSON" in said(gw.admin("member-key", "register", "ofmin", *files(folder)))
    unknown = ("member-key", "revoke", "ofmin", "-" + "A" * 42, "--reason", "lost")
    assert "no such key" in said(gw.admin(*unknown))


def test_the_lock_is_the_members_word_and_opens_by_two_persons(gw: Operator) -> None:
    folder = registered(gw)
    locked = (
        "organisation",
        "require-signed",
        "ofmin",
        "--declaration",
        declaration(gw, "require-signed", folder),
    )
    assert do(gw, "organisation.signed_required", *locked)["signed_only"] is True
    assert "already" in said(gw.admin(*locked))
    freed = (
        "organisation",
        "allow-attested",
        "ofmin",
        "--declaration",
        declaration(gw, "allow-attested", folder),
    )
    assert "waits" in gw.done(*freed, persons=(MARTIN,))
    assert do(gw, "organisation.attested_allowed", *freed)["signed_only"] is False
    assert "used before" in said(gw.admin(*locked))
