"""What persons of a member signed with passkeys, verified from a receipt and their keys."""

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from gateway.console.access import Person
from gateway.evidence import receipt
from gateway.evidence.declarations import read_approval_keys
from gateway.evidence.receipt import Receipt
from gateway.verification import verifier
from gateway.verification.report import Code, VerificationReport
from gateway.verification.trust import TrustAnchors
from gateway.web.hosted_access import HostedAccess
from tests.authenticator import Authenticator
from tests.founding import ISSUER, OFMIN, ORIGIN, check_log, founded, note_signer, signed_in
from tests.verification.scenario import fact, keys_of
from tests.web.test_hosted_access import new, prepared, signed

KEY = Authenticator()
NAME = f"{OFMIN}/officer-1"


def trust(**persons: Any) -> TrustAnchors:
    key = note_signer(ORIGIN).key
    named = persons or {NAME: KEY.jwk}
    keys = {name: read_approval_keys(jwk, revoked=True) for name, jwk in named.items()}
    return TrustAnchors((key,), (ORIGIN,), persons=keys, issuer=ISSUER)


@cache
def story() -> Mapping[str, Receipt]:
    """Receipts of an acceptance, and of an entry of the register, that an officer signed."""
    gateway = founded()
    acting = signed_in(gateway.ports, OFMIN, "officer-1", KEY)
    office = HostedAccess(gateway.ports, acting, Person(OFMIN, "officer-1"))
    handoff = new(gateway)
    made = prepared(office, handoff, "k1")
    accepted = office.write(
        "handoffs_accept", "k1", made.body, (signed(made, KEY),), handoff=handoff
    )
    seen = office.prepare("handoffs_take", "k2", {}, handoff=handoff)
    taken = office.write("handoffs_take", "k2", {}, (signed(seen, KEY),), handoff=handoff)
    check_log(gateway)
    return {"accepted": accepted.receipt, "taken": taken.receipt}


def told(one: Receipt, anchors: TrustAnchors | None = None) -> VerificationReport:
    return verifier.verify(json.dumps(receipt.to_json(one)).encode(), anchors or trust())


def test_an_act_with_a_document_is_confirmed_by_its_persons_key():
    report = told(story()["accepted"])
    assert report.code == Code.VERIFIED, report.sentence
    assert fact(report, "recorded.confirmed")["persons"] == [NAME]
    assert "eyJ" not in report.sentence + "".join(one.detail for one in report.steps)


def test_of_an_act_without_a_document_the_digest_is_told():
    report = told(story()["taken"])
    assert report.code == Code.VERIFIED, report.sentence
    assert "change" in fact(report, "recorded.confirmed.digest")


def test_without_the_keys_nothing_is_confirmed():
    for anchors in (trust(**{f"{OFMIN}/officer-2": KEY.jwk}), replace(trust(), persons={})):
        report = told(story()["accepted"], anchors)
        assert report.code == Code.VERIFIED
        assert not any("confirmed" in key for key in keys_of(report))


def test_another_key_or_origin_of_the_person_fails():
    for other in (Authenticator(), replace(KEY, origin="https://another.example")):
        report = told(story()["accepted"], trust(**{NAME: other.jwk}))
        assert report.code in (Code.KEY_MISSING, Code.MISMATCH), report.sentence
