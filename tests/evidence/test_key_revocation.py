"""When a document key was revoked: proved by the log, and no word signed later counts."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.audit_event import AuditEvent, EventDetail, EventResult, Party
from gateway.evidence import key_history
from gateway.evidence.receipt import Receipt, UnknownLog
from gateway.evidence.report import Code, VerificationFailed
from gateway.evidence.trust import TrustAnchors
from gateway.evidence.verification import verify, verify_bundle
from tests.each import each
from tests.evidence.logbook import Logbook
from tests.evidence.scenario import AT, SIGNERS, TRUST, Scenario

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


def sentence(story: Scenario, *ends: int, trust: TrustAnchors = TRUST) -> str:
    """The verdict's sentence for a bundle that has the receipts of these revocations."""
    found = tuple(receipt_of(story.log, index) for index in ends)
    verdict = verify_bundle(story.file(revocations=found), trust)
    assert verdict.code == Code.VERIFIED, verdict
    return verdict.sentence


def test_a_revocation_tells_key_day_event_and_place():
    log = Logbook()
    found = key_history.verify_revocation(receipt_of(log, revoked(log)), TRUST)
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
        key_history.verify_revocation(receipt_of(log, revoked(log, **changes)), TRUST)


def test_a_revocation_of_an_unknown_log_is_refused():
    log = Logbook("other.example.org/log")
    with pytest.raises(UnknownLog):
        key_history.verify_revocation(receipt_of(log, revoked(log)), TRUST)


# --- bundles ---


@each("in_bundle", [True, False])
def test_a_word_that_was_logged_after_its_key_was_revoked_fails_the_bundle(in_bundle):
    """Whoever holds a leaked key, the operator too, cannot pass off what it signs."""
    story = Scenario()
    end = receipt_of(story.log, revoked(story.log, OFFICES, "police"))
    story.say("acceptance")
    trust = TRUST if in_bundle else replace(TRUST, revocations=(end,))
    data = story.file(revocations=(end,)) if in_bundle else story.file()
    verdict = verify_bundle(data, trust)
    assert verdict.code == Code.MISMATCH
    assert "a key was used after it was revoked" in verdict.sentence


def test_an_offer_that_was_logged_after_its_key_was_revoked_fails_the_bundle():
    log = Logbook()
    end = revoked(log)
    story = Scenario(log=log).told("acceptance")
    verdict = verify_bundle(story.file(revocations=(receipt_of(log, end),)), TRUST)
    assert verdict.code == Code.MISMATCH


def test_a_key_that_was_revoked_later_is_told_so():
    story = Scenario().told("acceptance")
    end = revoked(story.log)
    told = sentence(story, end)
    assert f"The key of hotline was revoked by entry {end}. The log contained" in told
    assert "does not show whether the key of police had been revoked" in told


def test_the_first_of_two_revocations_counts():
    """A key is revoked once: a gateway that logs it again does not give it a longer life."""
    story = Scenario()
    ends = [revoked(story.log, OFFICES, "police")]
    story.say("acceptance")
    ends.append(revoked(story.log, OFFICES, "police"))
    for order in (ends, ends[::-1]):
        found = tuple(receipt_of(story.log, index) for index in order)
        assert verify_bundle(story.file(revocations=found), TRUST).code == Code.MISMATCH


def test_without_a_revocation_it_is_said_that_none_is_shown():
    told = sentence(Scenario().told("acceptance"))
    assert "does not show whether the key of hotline and police had been revoked" in told
    assert "revoked" not in sentence(Scenario(attested=True).told("acceptance"))


def test_the_end_of_another_key_says_nothing():
    story = Scenario().told("acceptance")
    other = revoked(story.log, "another-key")
    assert "was revoked by entry" not in sentence(story, other)


def test_a_case_may_be_offered_after_its_key_was_revoked_and_that_is_said():
    """The offer is by another key, or the gateway's word: when the case came it does not show."""
    log = Logbook()
    end = revoked(log)
    story = Scenario(log=log, attested=True, own_case=True)
    told = f"revoked by entry {end}. This file does not show that the log contained its documents"
    assert told in sentence(story, end)


def test_a_case_that_is_shown_to_have_come_after_its_key_was_revoked_fails_the_bundle():
    log = Logbook()
    end = revoked(log)
    story = Scenario(log=log, attested=True, own_case=True)
    story.record("case.submit", None, handoff=None, package=None)
    verdict = verify_bundle(story.file(revocations=(receipt_of(log, end),)), TRUST)
    assert verdict.code == Code.MISMATCH


def test_a_case_that_is_shown_to_have_come_before_is_told_so():
    story = Scenario(attested=True, own_case=True)
    assert "The log contained its documents before that." in sentence(story, revoked(story.log))


def test_two_histories_are_seen_in_a_revocation_as_well():
    story = Scenario().told("acceptance")
    twin = Logbook()
    for _ in story.log.events[1:]:
        revoked(twin, "another-key")
    end = revoked(twin)
    verdict = verify_bundle(story.file(revocations=(receipt_of(twin, end),)), TRUST)
    assert verdict.code == Code.NOT_IN_LOG


def test_a_revocation_in_another_trusted_log_is_told_and_orders_nothing():
    story, other = Scenario().told("acceptance"), Logbook("other.example.org/log")
    trust = replace(
        TRUST,
        log_keys=(*TRUST.log_keys, *other.keys),
        origins=(*TRUST.origins, other.origin),
    )
    end = receipt_of(other, revoked(other))
    verdict = verify_bundle(story.file(revocations=(end,)), trust)
    assert verdict.code == Code.VERIFIED, verdict
    assert "This file does not show that the log contained" in verdict.sentence
    own = revoked(story.log, OFFICES, "police")
    story.say("outcome")
    ends = (receipt_of(story.log, own), receipt_of(other, revoked(other, OFFICES, "police")))
    for order in (ends, ends[::-1]):
        assert verify_bundle(story.file(revocations=order), trust).code == Code.MISMATCH


# --- one document ---


def test_of_one_document_it_is_said_that_its_key_was_revoked_at_some_time():
    story = Scenario()
    data = story.case.compact().encode()
    assert "whether the key of hotline had been revoked" in verify(data, TRUST).sentence
    end = revoked(story.log)
    trust = replace(TRUST, revocations=(receipt_of(story.log, end),))
    verdict = verify(data, trust)
    assert verdict.code == Code.VERIFIED
    assert f"was revoked by entry {end}. This file does not show" in verdict.sentence
