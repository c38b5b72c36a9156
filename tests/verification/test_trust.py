"""Keys that are added to what a verifier brought, by the name that their owner has here."""

from dataclasses import replace

import pytest

from gateway.verification.trust import TrustAnchors
from tests.each import each
from tests.verification.scenario import SIGNERS, TRUST

KEYS, OTHER = SIGNERS["police"].keys(), {"police-key": SIGNERS["stranger"].keys()["stranger-key"]}
OFFICE = TRUST.organisations["police"]


def abroad(trust: TrustAnchors) -> TrustAnchors:
    """What is trusted of the peer gateway that is called fr here."""
    (found,) = trust.others
    return found


HERE = replace(TRUST, organisations={}, others=(replace(TRUST, alias="fr", organisations={}),))


@pytest.mark.parametrize("compared_first", [True, False])
def test_a_key_that_only_a_gateway_named_replaces_none_that_was_compared(
    compared_first: bool,
) -> None:
    trust = HERE
    for vouched in (not compared_first, compared_first):
        keys, place = (OTHER, "fetched/police.json") if vouched else (KEYS, "police.json")
        trust = trust.with_keys("police", keys, place=place, vouched=vouched)
    assert trust.organisations["police"] == KEYS
    assert trust.vouched == frozenset()
    assert trust.origin_of["police police-key"] == "police.json"


@each("name", ["police", "police@fr"])
def test_a_key_is_its_owners_at_that_gateway_alone_and_says_where_it_comes_from(name: str) -> None:
    trust = HERE.with_keys(name, OFFICE, place=f"{name}.json", vouched=True)
    at, elsewhere = (abroad(trust), trust) if "@" in name else (trust, abroad(trust))
    assert at.organisations == {"police": OFFICE}
    assert at.vouched == {("police", "police-key")}
    assert at.origin_of["police police-key"] == f"{name}.json"
    assert not elsewhere.organisations
