"""What persons of a member signed with passkeys, verified from a receipt and their keys."""

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any
from uuid import UUID

from gateway.console.access import Person
from gateway.domain.audit_event import EventDetail
from gateway.evidence import evidence_file, receipt
from gateway.evidence.declarations import (
    PASSKEY_APPROVAL_TYP,
    change_digest,
    person_uri,
    read_approval_keys,
)
from gateway.evidence.receipt import Receipt
from gateway.verification import listing, verifier
from gateway.verification.report import Code, VerificationReport
from gateway.verification.trust import TrustAnchors
from gateway.web.hosted_access import HostedAccess
from tests.authenticator import Authenticator
from tests.founded_gateway import OFMIN, signed_in
from tests.founding import founded
from tests.log_check import check_log
from tests.ports import ISSUER, ORIGIN, note_signer
from tests.verification.scenario import AT, GATEWAY, TRUST, Scenario, fact, keys_of, uri
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


def bundle(change: Mapping[str, str] | None = None) -> bytes:
    """A bundle with an acceptance that a person of the police signed."""
    story = Scenario(attested=True)
    document = story.answer("acceptance")
    story.answers.append(document)
    signed = {
        "action": "handoff.accept",
        "aud": GATEWAY,
        "change": change_digest(
            "handoff.accept", "police", {"document": document.digest, **(change or {})}
        ),
        "iat": int(AT.timestamp()),
        "iss": person_uri(uri("police"), "staff-7"),
        "jti": str(UUID(int=5)),
    }
    own = frozenset({"police"})
    approval = EventDetail("approvals", (KEY.sign(PASSKEY_APPROVAL_TYP, signed),), own)
    by = EventDetail("by", "staff-7", own)
    story.record("handoff.accept", document.digest, details=(by, approval, story._next()))
    return story.file("police")


OF_POLICE = {"police/staff-7": read_approval_keys(KEY.jwk, revoked=True)}


def test_a_bundle_says_whose_persons_confirmed_which_act():
    known = replace(TRUST, persons=OF_POLICE, issuer=GATEWAY)
    report = verifier.verify(bundle(), known)
    assert report.code == Code.ATTESTED, report.sentence
    told = fact(report, "recorded.confirmed")
    assert (told["persons"], told["type"]) == (["police/staff-7"], "handoff.accepted")
    assert told["under"] == "proved"
    assert "recorded.confirmed" not in keys_of(verifier.verify(bundle(), TRUST))
    assert verifier.verify(bundle({"more": "x"}), known).code == Code.MISMATCH


def test_of_an_act_without_a_document_the_digest_is_told():
    report = told(story()["taken"])
    assert report.code == Code.VERIFIED, report.sentence
    assert "change" in fact(report, "recorded.confirmed.digest")


def test_a_list_of_events_says_whose_persons_confirmed_which_act():
    file = evidence_file.encode(listing.to_file([story()["taken"]], []))
    report = verifier.verify(file, trust())
    assert report.code == Code.VERIFIED, report.sentence
    assert fact(report, "recorded.confirmed.digest")["persons"] == [NAME]


def test_without_the_keys_nothing_is_confirmed():
    for anchors in (trust(**{f"{OFMIN}/officer-2": KEY.jwk}), replace(trust(), persons={})):
        report = told(story()["accepted"], anchors)
        assert report.code == Code.VERIFIED
        assert not any("confirmed" in key for key in keys_of(report))


def test_another_key_or_origin_of_the_person_fails():
    for other in (Authenticator(), replace(KEY, origin="https://another.example")):
        report = told(story()["accepted"], trust(**{NAME: other.jwk}))
        assert report.code in (Code.KEY_MISSING, Code.MISMATCH), report.sentence
