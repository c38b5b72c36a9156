"""What a file tells of the keys that the gateway signs with, and what is learned from the log."""

import json
from dataclasses import replace
from typing import Any

import pytest

from gateway.domain.audit_event import EventResult, Party
from gateway.evidence import canonical, receipt
from gateway.evidence.receipt import Receipt, ReceiptError
from gateway.evidence.signature import jwk_of
from gateway.kernel.actors import GATEWAY as OWN
from gateway.verification import gateway_keys
from gateway.verification.trust import TrustAnchors, confirm_receipt
from gateway.verification.verifier import verify_bundle
from tests.each import each
from tests.evidence.ingredients import es256
from tests.verification.logbook import ORIGIN, Logbook, witness
from tests.verification.scenario import GATEWAY, SIGNERS, TRUST, Scenario, fact, keys_of

GATEWAYS = (Party(OWN, "gateway"),)
ATTESTS = SIGNERS["gateway"]


def told(one: Scenario, did: str, purpose: str, key: str, **more: Any) -> Receipt:
    """Log that a key is published, or withdrawn; the receipt."""
    public = "" if did == "withdraw" else json.dumps(jwk_of(ATTESTS.keys()[ATTESTS.kid]))
    said = {"purpose": purpose, "key": key, "public": public, "organisation": OWN} | more
    index = one.register(f"gateway_key.{did}", said, parties=GATEWAYS)
    return one.log.receipt(index)


def shown(one: Scenario, *indexes: int) -> Any:
    receipts = tuple(one.log.receipt(index) for index in indexes)
    return verify_bundle(one.file(own_keys=receipts), TRUST)


def test_a_file_says_from_which_entry_on_the_gateway_attests_with_a_key() -> None:
    story = Scenario(attested=True)
    told(story, "publish", "attest", ATTESTS.kid)
    told(story, "publish", "log", "x", public=str(story.log.signer.key))
    told(story, "publish", "attest", "another key")
    report = shown(story.told("acceptance"), 1, 2, 3)
    found = fact(report, "gateway_key.attests")
    assert (found["entry"], found["kid"], found["under"]) == (1, ATTESTS.kid, "proved")
    signs = fact(report, "gateway_key.log")
    assert (signs["entry"], signs["public"]) == (2, str(story.log.signer.key))
    for language in ("en", "fr"):
        (line,) = [one for one in report.sections(language)["recorded"] if ATTESTS.kid in one]
        assert "1" in line


def test_what_is_attested_with_a_withdrawn_key_is_said() -> None:
    story = Scenario(attested=True)
    told(story, "publish", "attest", ATTESTS.kid)
    told(story, "withdraw", "attest", ATTESTS.kid)
    report = shown(story.told("acceptance"), 1, 2)
    found = fact(report, "gateway_key.withdrawn")
    assert (found["entry"], found["used"], found["under"]) == (2, 3, "operator_word")


def test_a_key_that_is_withdrawn_later_attested_rightly() -> None:
    story = Scenario(attested=True).told("acceptance")
    told(story, "withdraw", "attest", ATTESTS.kid)
    assert "gateway_key.withdrawn" not in keys_of(shown(story, 2))


@each(
    "changes",
    [{"result": EventResult.DENIED}, {"details": ()}],
)
def test_an_event_of_a_key_that_was_refused_or_names_none_fails(changes: dict[str, Any]) -> None:
    story = Scenario(attested=True)
    said = {"purpose": "attest", "key": ATTESTS.kid, "organisation": OWN}
    index = story.register("gateway_key.publish", said, parties=GATEWAYS, **changes)
    assert not shown(story, index).passed


def test_what_another_gateway_says_of_a_key_is_not_said_of_the_one_of_the_file() -> None:
    story = Scenario(attested=True).told("acceptance")
    other = Logbook("other.example.org", "other")
    strange = Scenario(attested=True)
    strange.log = other
    receipts = (told(strange, "withdraw", "attest", ATTESTS.kid),)
    receipts += (told(strange, "publish", "attest", ATTESTS.kid),)
    receipts = tuple(other.receipt(index) for index in range(2))
    theirs = TrustAnchors(other.keys, (other.origin,), issuer="https://other.example.org")
    trust = replace(TRUST, issuer=GATEWAY, others=(theirs,))
    report = verify_bundle(story.file(own_keys=receipts), trust)
    assert not {one for one in keys_of(report) if one.startswith("gateway_key.")}


def test_an_event_of_a_key_is_of_the_history_that_is_confirmed() -> None:
    story = Scenario(attested=True).told("acceptance")
    one = told(story, "publish", "attest", ATTESTS.kid)
    by = witness()
    trust = replace(TRUST, witnesses=(by.key,))
    index, earlier = len(story.log.events) - 1, story.log.confirmed(2, by)
    data = story.file(own_keys=(one,), confirmed=(earlier,))
    report = verify_bundle(data, trust)
    assert fact(report, "unwitnessed.part")["entry"] == index


# --- What is learned ---


def learned(*receipts: Receipt, trust: TrustAnchors = TRUST) -> TrustAnchors:
    file = canonical.encode({"receipts": [receipt.to_json(one) for one in receipts]})
    return gateway_keys.learn(trust, file)


def test_a_key_that_the_pinned_one_signed_is_learned_and_says_whence() -> None:
    story, new, attest = Scenario(), Logbook(key="next"), es256("next attestation")
    vkey = str(new.signer.key)
    jwk = json.dumps(jwk_of(attest.keys()[attest.kid]) | {"kid": attest.kid})
    found = learned(
        told(story, "publish", "log", "next", public=vkey),
        told(story, "publish", "attest", attest.kid, public=jwk),
    )
    assert [*map(str, found.log_keys)] == [str(story.log.signer.key), vkey]
    assert {*found.gateway_keys} == {ATTESTS.kid, attest.kid}
    places = {one["id"]: one["from"] for one in found.named_keys()}
    assert places[vkey] == places[attest.kid] == "key-events.json"


@each(
    "changes",
    [
        {"public": str(Logbook("other.example.org", "next").signer.key)},  # of another log
        {"public": str(Logbook().signer.key)},  # known already
        {"purpose": "root"},
        {"purpose": "notification"},
        {"public": "no key"},
        {"public": ""},
    ],
)
def test_what_names_no_key_of_this_log_teaches_nothing(changes: dict[str, Any]) -> None:
    vkey = str(Logbook(key="next").signer.key)
    one = told(Scenario(), "publish", **{"purpose": "log", "key": "x", "public": vkey} | changes)
    assert learned(one).log_keys == [*TRUST.log_keys]


def test_a_key_that_attests_and_cannot_be_read_teaches_nothing() -> None:
    one = told(Scenario(), "publish", "attest", "x", public='{"kty":"none"}')
    assert learned(one).gateway_keys == TRUST.gateway_keys


def test_a_withdrawal_and_what_a_stranger_signed_teach_nothing() -> None:
    vkey = str(Logbook(key="next").signer.key)
    forged = told(Scenario(log=Logbook(key="stolen")), "publish", "log", "x", public=vkey)
    withdrawn = told(Scenario(), "withdraw", "log", "x", public=vkey)
    assert learned(forged, withdrawn).log_keys == [*TRUST.log_keys]


def test_a_withdrawn_key_of_the_log_counts_up_to_its_withdrawal_alone() -> None:
    """Who pinned the new key verifies old files, and no tree that a thief of the old extends."""
    story, new = Scenario(), Logbook(key="next")
    old, vkey = story.log.signer, str(new.signer.key)
    first = told(story, "publish", "log", "old", public=str(old.key))
    told(story, "publish", "log", "next", public=vkey)
    told(story, "withdraw", "log", "old")
    story.log.signer = new.signer
    receipts = tuple(story.log.receipt(index) for index in (1, 2, 3))
    pinned = replace(TRUST, log_keys=(new.signer.key,))
    found = learned(*receipts, trust=pinned)
    assert [one.until for one in found.log_keys] == [3, None]
    theirs = replace(TRUST, log_keys=(new.signer.key, old.key))
    assert [one.until for one in learned(*receipts, trust=theirs).log_keys] == [3, None]
    assert confirm_receipt(first, found).index == 1
    story.log.signer = old
    with pytest.raises(ReceiptError, match="withdrawn"):
        confirm_receipt(story.log.receipt(3), found)


def test_without_a_pinned_key_nothing_is_learned() -> None:
    one = told(Scenario(), "publish", "attest", ATTESTS.kid)
    assert not learned(one, trust=TrustAnchors((), ())).gateway_keys


@each("data", [b"", b"[]", b"{}", b'{"receipts":1}', b'{"receipts":[{}]}'])
def test_a_file_of_another_form_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        gateway_keys.learn(TRUST, data)


def test_a_key_of_another_log_is_of_no_use_here() -> None:
    known = replace(TRUST, origins=(ORIGIN, "other.example.org"))
    one = told(
        Scenario(), "publish", "log", "x", public=str(Logbook("other.example.org").signer.key)
    )
    assert learned(one, trust=known).log_keys == [*TRUST.log_keys]
