"""An administrator's first passkey by one command, and one of two who lost everything but a key."""

import json
import re
from pathlib import Path

import pytest

from gateway import wiring
from gateway.kernel.actors import GATEWAY
from tests.authenticator import Authenticator
from tests.operating import DUBOIS, ISSUER, MARTIN, Operator, operator


@pytest.fixture
def gw(tmp_path: Path) -> Operator:
    return operator(tmp_path)


def words(person: str, key: Authenticator) -> tuple[str, ...]:
    """What the page prints after `administrator`."""
    values = {"person": person, "jwk": key.jwk}
    about = ("admin.add_passkey", GATEWAY, values)
    proof = key.approve(ISSUER, person, about, wiring.now(), wiring.new_id())
    return "add-passkey", person, "--jwk", json.dumps(key.jwk), "--proof", proof


def passkeys(gw: Operator, person: str) -> dict[str, bool]:
    """The passkeys of a person by their ids, and whether they count."""
    listed = gw.told("administrator", "list")["items"]
    (found,) = (one for one in listed if one["person"] == person)
    return {one["kid"]: not one.get("revoked") for one in found["passkeys"]}


def test_the_command_that_the_page_prints_proposes_and_another_approves(gw: Operator) -> None:
    key = Authenticator()
    told = gw.done("administrator", *words(MARTIN, key), persons=(MARTIN,))
    (proposal,) = re.findall(r"proposal approve (\S+)", told)[:1]
    shown = gw.done("proposal", "show", proposal)
    assert key.jwk["kid"] in shown
    assert gw.admin("proposal", "approve", proposal, "--yes", persons=(MARTIN,)).exit_code
    gw.done("proposal", "approve", proposal, "--yes", persons=(DUBOIS,))
    assert passkeys(gw, MARTIN) == {key.jwk["kid"]: True}
    wrong = gw.admin("administrator", "add-passkey", MARTIN, "--jwk", "{", "--proof", "eyJ")
    assert "not JSON" in wrong.output
    assert gw.admin(
        "administrator", "add-passkey", MARTIN, "--jwk", "none", "--proof", "x"
    ).exit_code


def test_one_of_two_administrators_who_lost_the_passkey_comes_back_by_the_key_in_a_file(
    gw: Operator,
) -> None:
    lost, made = Authenticator(), Authenticator()
    gw.done("administrator", *words(MARTIN, lost))
    gone = ("revoke-passkey", MARTIN, lost.jwk["kid"], "--reason", "the device was lost")
    gw.done("administrator", *gone, persons=(DUBOIS,))  # one is enough to shut it out
    alone = gw.admin("administrator", *words(MARTIN, made), persons=(DUBOIS,))
    assert (alone.exit_code, passkeys(gw, MARTIN)) == (0, {lost.jwk["kid"]: False})
    gw.done("administrator", *words(MARTIN, made))  # both keys in files
    assert passkeys(gw, MARTIN) == {lost.jwk["kid"]: False, made.jwk["kid"]: True}
