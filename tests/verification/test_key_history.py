"""Where a document key came from: the log proves it, or it is said that only a file does."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.audit_event import AuditEvent, EventDetail, EventResult, Party
from gateway.evidence import canonical, declarations, receipt, signature
from gateway.evidence.declarations import KEY_SUCCESSION, LOCK, POSSESSION
from gateway.evidence.handoff_documents import Heading
from gateway.evidence.receipt import NotInLog, Receipt, UnknownLog
from gateway.verification import key_history
from gateway.verification.report import Code, VerificationFailed, VerificationReport
from gateway.verification.trust import TrustAnchors
from gateway.verification.verifier import verify, verify_bundle
from tests.each import each
from tests.evidence.ingredients import SoftwareSigner, chance, es256
from tests.verification.logbook import ORIGIN, Logbook
from tests.verification.scenario import (
    AT,
    GATEWAY,
    KNOWN,
    SIGNERS,
    Scenario,
    approved,
    fact,
    keys_of,
)
from tests.verification.scenario import TRUST as BUNDLE_TRUST

FIRST, SECOND, STRANGER = (es256(name) for name in ("first", "second", "stranger"))


def jwk(signer: SoftwareSigner) -> dict[str, str]:
    members = signature.jwk_of(signer.private.public_key())
    return {**members, "kid": signature.thumbprint(members)}


def named(signer: SoftwareSigner) -> SoftwareSigner:
    return replace(signer, kid=jwk(signer)["kid"])


KEY, NEXT, OTHER = named(FIRST), named(SECOND), named(STRANGER)


def word(
    says: str, about: str, by: SoftwareSigner, organisation: str = "police", **more: Any
) -> str:
    issuer = more.get("issuer", f"{GATEWAY}/organisations/{organisation}")
    drawn = chance(f"{says} {about} {by.kid}")
    heading = Heading(issuer, GATEWAY, AT, UUID(int=7 << 76), by, drawn)
    return declarations.issue_declaration(heading, says=says, kid=about).compact()


def subject(**changes: Any) -> dict[str, Any]:
    said = {
        "organisation": "police",
        "jwk": jwk(FIRST),
        "proof": word(POSSESSION, KEY.kid, KEY),
        "countersignature": None,
        **changes,
    }
    return {name: value for name, value in said.items() if value != ""}


def logged(said: Any, book: Logbook | None = None, **changes: Any) -> Receipt:
    """The receipt of an event with this subject."""
    book = book or Logbook()
    text = said if isinstance(said, str) else canonical.encode(said).decode()
    fact = AuditEvent(
        id=UUID(int=7 << 76),
        action="key.register",
        result=EventResult.ALLOWED,
        parties=(Party("gateway", "gateway"),),
        details=(
            EventDetail("by", ("alice", "benoit"), frozenset({"gateway"})),
            EventDetail("subject", text, frozenset({"police"})),
        ),
    )
    return book.receipt(book.record(replace(fact, **changes), AT), "police")


TRUST = TrustAnchors(tuple(Logbook().keys), (ORIGIN,), organisations={"police": KEY.keys()})


def test_a_first_key_tells_event_place_and_day():
    found = key_history.verify_registration(logged(subject()), TRUST)
    assert (found.organisation, found.kid) == ("police", KEY.kid)
    assert found.key == KEY.private.public_key()
    assert found.describe() == (
        f"key {KEY.kid} of police: registered on 2026-01-02 by event {UUID(int=7 << 76)}, entry 0 "
        f"of the log {ORIGIN}, the organisation's first key, without a countersignature"
    )


def test_a_later_key_tells_which_key_countersigned():
    said = subject(
        jwk=jwk(SECOND),
        proof=word(POSSESSION, NEXT.kid, NEXT),
        countersignature=word(KEY_SUCCESSION, NEXT.kid, KEY),
    )
    found = key_history.verify_registration(logged(said), TRUST)
    assert found.describe().endswith(f"countersigned with key {KEY.kid}")
    unknown = key_history.verify_registration(logged(said), replace(TRUST, organisations={}))
    assert unknown.describe().endswith(f"with key {KEY.kid} (not checked: key not provided)")


@each(
    "changes",
    [
        {"organisation": "hotline"},
        {"organisation": "No One"},
        {"organisation": ""},
        {"organisation": 1},
        {"jwk": jwk(SECOND)},
        {"jwk": {**jwk(FIRST), "kid": "mine"}},
        {"jwk": {}},
        {"proof": word(POSSESSION, NEXT.kid, NEXT)},
        {"proof": word(POSSESSION, NEXT.kid, KEY)},
        {"proof": word(LOCK, KEY.kid, KEY)},
        {"proof": word(POSSESSION, KEY.kid, KEY, "hotline")},
        {
            "proof": word(
                POSSESSION, KEY.kid, KEY, issuer="https://other.example/organisations/police"
            )
        },
        {"proof": word(POSSESSION, KEY.kid, replace(OTHER, kid=KEY.kid))},
        {"proof": "x"},
        {"proof": None},
        {"countersignature": "x"},
        {"countersignature": 1},
        {"countersignature": word(KEY_SUCCESSION, KEY.kid, replace(OTHER, kid=KEY.kid))},
        {"countersignature": word(POSSESSION, KEY.kid, KEY)},
        {"countersignature": word(KEY_SUCCESSION, NEXT.kid, KEY)},
    ],
)
def test_a_registration_that_proves_nothing_is_refused_though_the_log_has_it(changes):
    with pytest.raises(VerificationFailed) as failed:
        key_history.verify_registration(logged(subject(**changes)), TRUST)
    assert failed.value.code in {Code.MISMATCH, Code.BAD_SIGNATURE}


@each(
    "changes",
    [
        {"action": "key.revoke"},
        {"action": "organisation.admit"},
        {"result": EventResult.DENIED},
        {"details": ()},
        {"details": (EventDetail("by", "alice", frozenset({"police"})),)},
    ],
)
def test_another_event_registers_no_key(changes):
    with pytest.raises(VerificationFailed):
        key_history.verify_registration(logged(subject(), **changes), TRUST)


@given(st.one_of(st.text(max_size=40), st.from_regex(r'\{"jwk":[\[\]{}0-9]{0,9}\}')))
def test_whatever_an_event_says_is_read_or_refused(said):
    with pytest.raises(VerificationFailed):
        key_history.verify_registration(logged(said or "x"), TRUST)


def test_a_subject_nested_without_end_is_refused():
    with pytest.raises(VerificationFailed):
        key_history.verify_registration(logged("[" * 3000), TRUST)


def test_without_the_log_there_is_no_origin():
    other = Logbook("log.example.org/other", "other")
    with pytest.raises(UnknownLog):
        key_history.verify_registration(logged(subject(), other), TRUST)
    real = logged(subject())
    with pytest.raises(NotInLog):
        key_history.verify_registration(replace(real, nonce=bytes(32)), TRUST)
    forged = logged(subject(), Logbook(ORIGIN, "another key"))
    with pytest.raises(NotInLog):
        key_history.verify_registration(forged, TRUST)


def test_a_subject_of_another_event_is_not_believed():
    real, other = logged(subject()), logged(subject(organisation="hotline"))
    swapped = replace(real, disclosures=other.disclosures)
    with pytest.raises(receipt.UnmatchedDetail):
        key_history.verify_registration(swapped, TRUST)
    assert json.loads(real.document)["type"] == "key.registered"


@pytest.mark.parametrize("early", [True, False])
def test_a_key_counts_from_its_registration_on(early, monkeypatch):
    """Nobody says later, by what they register then, whose word an earlier one was."""
    monkeypatch.setitem(SIGNERS, "police", KEY)
    log = Logbook()
    before = logged(subject(), log) if early else None
    story = Scenario(log=log)
    story.say("acceptance")
    registered = before or logged(subject(), log, id=UUID(int=(7 << 76) + 9))
    known = {**BUNDLE_TRUST.organisations, "police": KEY.keys()}
    trust = replace(BUNDLE_TRUST, organisations=known, registrations=(registered,))
    verdict = verify_bundle(story.file(), trust)
    assert verdict.code is (Code.VERIFIED if early else Code.MISMATCH), verdict
    assert ("a key was registered after it was used" in verdict.sentence) is not early


# --- A key that only the gateway named: its word, until somebody else is shown to say so ---


def with_registration(
    monkeypatch: pytest.MonkeyPatch,
    signer: SoftwareSigner,
    said: dict[str, Any],
    *persons: str,
    compared: bool = False,
    of: dict[str, Any] | None = None,
    **when: Any,
) -> VerificationReport:
    """An acceptance that is signed with a key which only the gateway named, and its registration,
    which ``persons`` approved; ``compared``: the verifier compared the key before it."""
    monkeypatch.setitem(SIGNERS, "police", signer)
    log = Logbook()
    shown = (approved("key.register", of or said, *persons, **when),) if persons else ()
    text = canonical.encode(said).decode()
    details = (EventDetail("subject", text, frozenset({"police"})), *shown)
    log.record(registration(details), AT)
    story = Scenario(log=log).told("acceptance")
    keys = {**KEY.keys(), **signer.keys()}
    vouched = {("police", signer.kid)} | (set() if compared else {("police", KEY.kid)})
    trust = replace(
        KNOWN,
        organisations={**BUNDLE_TRUST.organisations, "police": keys},
        vouched=frozenset(vouched),
    )
    return verify_bundle(story.file(registrations=(log.receipt(0),)), trust)


def registration(details: tuple[EventDetail, ...]) -> AuditEvent:
    parties = (Party("gateway", "gateway"),)
    return AuditEvent(UUID(int=7 << 76), "key.register", EventResult.ALLOWED, parties, details)


BOTH = ("a-martin", "b-dubois")
LATER = {
    "jwk": jwk(SECOND),
    "proof": word(POSSESSION, NEXT.kid, NEXT),
    "countersignature": word(KEY_SUCCESSION, NEXT.kid, KEY),
}


def test_two_administrators_whom_the_verifier_knows_lift_a_key_that_the_gateway_named(monkeypatch):
    told = with_registration(monkeypatch, KEY, subject(), *BOTH)
    assert told.code is Code.VERIFIED, told.sentence
    assert fact(told, "acceptance")["source"] == "party"
    assert fact(told, "key.registered.decided")["persons"] == [*BOTH]
    assert fact(told, "key.registered.decided")["under"] == "proved"


@each(
    "persons, more",
    [
        ((), {}),
        (BOTH[:1], {}),
        ((BOTH[0], BOTH[0]), {}),
        (BOTH, {"of": {**subject(), **LATER}}),
        (BOTH, {"at": AT - timedelta(hours=72, seconds=1)}),
        (BOTH, {"at": AT + timedelta(minutes=5, seconds=1)}),
    ],
)
def test_fewer_of_another_key_or_at_another_time_lift_none(persons, more):
    with pytest.MonkeyPatch.context() as patch:
        told = with_registration(patch, KEY, subject(), *persons, **more)
    assert told.code is Code.ATTESTED, told.sentence
    assert fact(told, "acceptance")["source"] == "vouched"
    assert fact(told, "key.registered")["under"] == "operator_word"


@each("compared", [True, False])
def test_a_key_that_one_which_was_compared_countersigned_is_lifted(compared):
    with pytest.MonkeyPatch.context() as patch:
        told = with_registration(patch, NEXT, subject(**LATER), compared=compared)
    assert told.code is (Code.VERIFIED if compared else Code.ATTESTED), told.sentence
    assert fact(told, "acceptance")["source"] == ("party" if compared else "vouched")
    assert fact(told, "key.registered")["under"] == "operator_word"


def test_a_date_before_the_registration_of_its_key_is_said_to_show_no_age(monkeypatch):
    """The gateway takes no such document: it came into the file by another way."""
    monkeypatch.setitem(SIGNERS, "hotline", KEY)
    own = subject(organisation="hotline", proof=word(POSSESSION, KEY.kid, KEY, "hotline"))
    log = Logbook()
    logged(own, log)
    story = Scenario(log=log).told("acceptance")
    keys = {**BUNDLE_TRUST.organisations, "hotline": KEY.keys()}
    shown = story.file(registrations=(log.receipt(0),))
    told = verify_bundle(shown, replace(BUNDLE_TRUST, organisations=keys))
    old = fact(told, "dated.before_key")
    assert (old["document"], old["at"][:4], old["registered"][:10]) == (
        "case",
        "1970",
        "2026-01-02",
    )
    assert old["under"] == "stated"
    assert "Nothing shows that it is so old." in told.sentence
    dated = [one.values["document"] for one in told.conclusion.facts if one.key == "dated.logged"]
    assert dated == ["offer", "acceptance"]


# --- When a document key was revoked: proved by the log, and no word signed later counts ---


HOTLINES, OFFICES = SIGNERS["hotline"].kid, SIGNERS["police"].kid


def revoked(log: Logbook, kid: str = HOTLINES, owner: str = "hotline", **changes: Any) -> int:
    """Log the end of a key; its entry."""
    number = len(log.events)
    fact = AuditEvent(
        id=UUID(int=(7 << 76) + number),
        action="key.revoke",
        result=EventResult.ALLOWED,
        parties=(Party("gateway", "gateway"), Party(owner, "concerned")),
        details=(
            EventDetail("subject", '{"reason":"leaked"}', frozenset({owner})),
            EventDetail("key", (owner, kid), frozenset({owner})),
        ),
    )
    return log.record(replace(fact, **changes), AT + timedelta(seconds=number))


def receipt_of(log: Logbook, index: int) -> Receipt:
    """What everybody is shown of it: the key alone."""
    whole, made = log.receipt(index), log.events[index]
    return replace(whole, disclosures=tuple(d.encoded for d in made.disclosures if d.kind == "key"))


def told_of_keys(story: Scenario, *ends: int) -> set[tuple[str, str]]:
    """What a bundle that has the receipts of these revocations says of keys, and of whose."""
    found = tuple(receipt_of(story.log, index) for index in ends)
    verdict = verify_bundle(story.file(revocations=found), BUNDLE_TRUST)
    assert verdict.conclusion is not None, verdict
    facts = verdict.conclusion.facts
    return {
        (one.key, one.values["organisation"])
        for one in facts
        if one.key.startswith("key.") and not one.key.startswith("key.registration")
    }


def test_a_revocation_tells_key_day_event_and_place():
    log = Logbook()
    found = key_history.verify_revocation(receipt_of(log, revoked(log)), BUNDLE_TRUST)
    assert (found.organisation, found.kid) == ("hotline", HOTLINES)
    assert found.describe() == (
        f"key {HOTLINES} of hotline: revoked on 2026-01-02 by event {UUID(int=7 << 76)}, entry 0 "
        f"of the log {log.origin}"
    )


@each(
    "changes",
    [
        {"action": "key.register"},
        {"result": EventResult.DENIED},
        {"details": ()},
        {"details": (EventDetail("key", "hotline", frozenset()),)},
        {"details": (EventDetail("key", ("hotline", "one", "two"), frozenset()),)},
    ],
)
def test_what_revokes_no_key_is_refused(changes):
    log = Logbook()
    with pytest.raises(VerificationFailed):
        key_history.verify_revocation(receipt_of(log, revoked(log, **changes)), BUNDLE_TRUST)


def test_a_revocation_of_an_unknown_log_is_refused():
    log = Logbook("other.example.org/log")
    with pytest.raises(UnknownLog):
        key_history.verify_revocation(receipt_of(log, revoked(log)), BUNDLE_TRUST)


# --- bundles ---


@each("in_bundle", [True, False])
def test_a_word_that_was_logged_after_its_key_was_revoked_fails_the_bundle(in_bundle):
    """Whoever holds a leaked key, the operator too, cannot pass off what it signs."""
    story = Scenario()
    revocation = revoked(story.log, OFFICES, "police")
    story.say("acceptance")
    end = receipt_of(story.log, revocation)
    trust = BUNDLE_TRUST if in_bundle else replace(BUNDLE_TRUST, revocations=(end,))
    data = story.file(revocations=(end,)) if in_bundle else story.file()
    verdict = verify_bundle(data, trust)
    assert verdict.code == Code.MISMATCH
    assert "a key was used after it was revoked" in verdict.sentence


def test_an_offer_that_was_logged_after_its_key_was_revoked_fails_the_bundle():
    log = Logbook()
    end = revoked(log)
    story = Scenario(log=log).told("acceptance")
    verdict = verify_bundle(story.file(revocations=(receipt_of(log, end),)), BUNDLE_TRUST)
    assert verdict.code == Code.MISMATCH


def test_a_key_that_was_revoked_later_is_told_so():
    story = Scenario().told("acceptance")
    end = revoked(story.log)
    told = told_of_keys(story, end)
    assert ("key.revoked.after", "hotline") in told
    assert ("key.revocation.unproved", "police") in told


def test_the_first_of_two_revocations_counts():
    """A key is revoked once: a gateway that logs it again does not give it a longer life."""
    story = Scenario()
    ends = [revoked(story.log, OFFICES, "police")]
    story.say("acceptance")
    ends.append(revoked(story.log, OFFICES, "police"))
    for order in (ends, ends[::-1]):
        found = tuple(receipt_of(story.log, index) for index in order)
        assert verify_bundle(story.file(revocations=found), BUNDLE_TRUST).code == Code.MISMATCH


def test_without_registration_and_revocation_it_is_said_that_none_is_shown():
    story = Scenario().told("acceptance")
    both = {("key.revocation.unproved", "hotline"), ("key.revocation.unproved", "police")}
    assert both <= told_of_keys(story)
    registrations = keys_of(verify_bundle(story.file(), BUNDLE_TRUST))
    assert registrations.count("key.registration.unproved") == 2
    assert not told_of_keys(Scenario(attested=True).told("acceptance"))


def test_the_end_of_another_key_says_nothing():
    story = Scenario().told("acceptance")
    other = revoked(story.log, "another-key")
    assert ("key.revoked.after", "hotline") not in told_of_keys(story, other)


def test_a_case_may_be_offered_after_its_key_was_revoked_and_that_is_said():
    """The offer is by another key, or the gateway's word: when the case came it does not show."""
    log = Logbook()
    end = revoked(log)
    story = Scenario(log=log, attested=True, own_case=True)
    assert ("key.revoked.undated", "hotline") in told_of_keys(story, end)


def test_a_case_that_is_shown_to_have_come_after_its_key_was_revoked_fails_the_bundle():
    log = Logbook()
    end = revoked(log)
    story = Scenario(log=log, attested=True, own_case=True)
    story.record("case.submit", None, handoff=None, package_digest=None)
    verdict = verify_bundle(story.file(revocations=(receipt_of(log, end),)), BUNDLE_TRUST)
    assert verdict.code == Code.MISMATCH


def test_a_case_that_is_shown_to_have_come_before_is_told_so():
    story = Scenario(attested=True, own_case=True)
    assert ("key.revoked.after", "hotline") in told_of_keys(story, revoked(story.log))


def test_two_histories_are_seen_in_a_revocation_as_well():
    story = Scenario().told("acceptance")
    twin = Logbook()
    for _ in story.log.events[1:]:
        revoked(twin, "another-key")
    end = revoked(twin)
    verdict = verify_bundle(story.former(revocations=(receipt_of(twin, end),)), BUNDLE_TRUST)
    assert verdict.code == Code.CONTRADICTION


def test_a_revocation_in_another_trusted_log_is_told_and_orders_nothing():
    story, other = Scenario().told("acceptance"), Logbook("other.example.org/log")
    trust = replace(
        BUNDLE_TRUST,
        log_keys=(*BUNDLE_TRUST.log_keys, *other.keys),
        origins=(*BUNDLE_TRUST.origins, other.origin),
    )
    end = receipt_of(other, revoked(other))
    verdict = verify_bundle(story.file(revocations=(end,)), trust)
    assert verdict.code == Code.VERIFIED, verdict
    assert "key.revoked.undated" in keys_of(verdict)
    own = revoked(story.log, OFFICES, "police")
    story.say("outcome")
    ends = (receipt_of(story.log, own), receipt_of(other, revoked(other, OFFICES, "police")))
    for order in (ends, ends[::-1]):
        assert verify_bundle(story.file(revocations=order), trust).code == Code.MISMATCH


# --- one document ---


def test_of_one_document_it_is_said_that_its_key_was_revoked_at_some_time():
    story = Scenario()
    data = story.case.compact().encode()
    assert "key.revocation.unproved" in keys_of(verify(data, BUNDLE_TRUST))
    end = revoked(story.log)
    trust = replace(BUNDLE_TRUST, revocations=(receipt_of(story.log, end),))
    verdict = verify(data, trust)
    assert verdict.code == Code.VERIFIED
    assert fact(verdict, "key.revoked.undated")["entry"] == end
