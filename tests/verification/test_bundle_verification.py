"""Successions, mandates, times, promises and conditions of a bundle, each broken alone."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.answers import ANSWERS, MOVES, READABLE_MOVES
from gateway.domain.audit_event import EventResult
from gateway.domain.handoff import HandoffAction, HandoffState
from gateway.evidence import bundle, declarations, handoff_documents, receipt, sd_jwt
from gateway.evidence.declarations import UNLOCK
from gateway.evidence.handoff_documents import Heading, ReissueReference, StatementError
from gateway.evidence.sd_jwt import SdJwt
from gateway.verification import verifier
from gateway.verification.order import PossibleStates, follow
from gateway.verification.receipts import MOVES_OF_EVENTS
from gateway.verification.report import Code, VerificationFailed, VerificationReport
from gateway.verification.trust import TrustAnchors
from tests import answers
from tests.authenticator import Authenticator
from tests.each import each
from tests.evidence.ingredients import chance
from tests.verification.scenario import (
    AT,
    CONDITIONS,
    FORCE,
    GATEWAY,
    KNOWN,
    PASSKEYS,
    SIGNERS,
    TRUST,
    Scenario,
    approved,
    approved_by_passkey,
    declared,
    fact,
    keys_of,
    uri,
    word_of,
)

# --- The bundle of a handoff that came by succession: what it proves, and says in words ---


PLANNED = UUID("01890000-0000-7000-8000-00000000000a")
BEFORE = UUID("01890000-0000-7000-8000-00000000000b")
MANDATE = {"competence": "receive/csam/FR", "mandate_event": str(PLANNED)}


def offer(story: Scenario, attested: bool, **changes: Any) -> SdJwt:
    asked = {
        **word_of(story.originator, attested),
        "audience": GATEWAY,
        "at": AT,
        "jti": "offer",
        "handoff": BEFORE,
        "to": {"organisation": "old-police", "competence": "receive/csam/FR", "mandate_event": "x"},
        "case_digest": story.case.digest,
        "disclosures": story.permitted_disclosures,
        "purpose": ["identify_victim"],
        "expires_at": None,
        "by": "staff-1",
        "note": None,
        "random": chance("an offer"),
    }
    return answers.issue_offer(**{**asked, **changes})


def succeeded(**changes: Any) -> tuple[Scenario, SdJwt]:
    """A handoff that was re-issued to the police, and the offer to the office before it."""
    story = Scenario()
    before = offer(story, attested=False, **changes)
    story.offer = offer(
        story,
        attested=True,
        handoff=story.handoff,
        to={"organisation": story.recipient, **MANDATE},
        reissue_of=ReissueReference("old-police", BEFORE, before.digest, PLANNED),
    )
    story.log = type(story.log)()
    story.indexes.clear()
    story.record("handoff.offer", story.offer.digest)
    return story.told("acceptance"), before


def found(story: Scenario, before: SdJwt | None) -> VerificationReport:
    shown = before and before.present(()).compact()
    return verifier.verify(story.file(predecessor_offer=shown), TRUST)


def test_a_re_issued_handoff_says_how_it_came_and_that_only_the_operator_decided_it():
    told = found(*succeeded())
    assert told.code == Code.ATTESTED, told.sentence
    assert fact(told, "succession.undecided")["under"] == "operator_word"
    moved = fact(told, "reissued_from")
    assert (moved["handoff"], moved["event"]) == (str(BEFORE), str(PLANNED))
    assert (moved["predecessor"], moved["successor"]) == ("old-police", "police")
    assert moved["under"] == "operator_word"
    assert fact(told, "reissued_from.original")["by"] == "hotline"
    assert fact(told, "offer")["under"] == "operator_word"


def test_without_the_offer_before_it_is_said_that_it_is_missing():
    story, _ = succeeded()
    told = found(story, None)
    assert told.code == Code.ATTESTED
    assert fact(told, "reissued_from.no_original")["under"] == "not_proved"


def test_a_re_issued_offer_for_an_originator_that_signs_everything_itself_fails():
    """For such a member a succession makes no offer: it is asked for a new one."""
    story, before = succeeded()
    story.log = type(story.log)()
    story.indexes.clear()
    at = story.register("organisation.require_signed", {"organisation": "hotline"})
    story.answers.clear()
    story.record("handoff.offer", story.offer.digest)
    story.told("acceptance")
    shown = {"predecessor_offer": before.compact(), "locks": (story.log.receipt(at),)}
    assert verifier.verify(story.file(**shown), TRUST).code == Code.INCOMPLETE


@each(
    "changes, what",
    [
        ({"handoff": UUID(int=5)}, "handoff"),
        ({"to": {"organisation": "stranger", **MANDATE}}, "predecessor"),
        ({"to": {"organisation": "old-police"}}, "competence"),
        ({**word_of("police", False)}, "originator"),
        ({"case_digest": "A" * 43}, "case version"),
        ({"disclosures": ["A" * 43]}, "package_digest"),
        ({"purpose": ["remove"]}, "purpose"),
    ],
)
def test_an_earlier_offer_that_says_something_else_is_a_mismatch(changes, what):
    told = found(*succeeded(**changes))
    assert told.code == Code.MISMATCH
    assert f"the earlier offer is of another {what}" in told.sentence


def test_another_earlier_offer_than_the_one_named_is_a_mismatch():
    story, _ = succeeded()
    other = offer(story, attested=False, random=chance("another"))
    assert "another offer" in found(story, other).sentence


def test_an_earlier_offer_where_none_is_followed_is_a_mismatch():
    story = Scenario().told("acceptance")
    told = found(story, offer(story, attested=False))
    assert told.code == Code.MISMATCH


def test_an_earlier_offer_convicts_nobody_where_the_first_package_is_left_out():
    story, before = succeeded()
    story.updated(to={"organisation": story.recipient, **MANDATE})
    whole = story.bundle(predecessor_offer=before.present(()).compact())
    without = bundle.encode(replace(whole, packages=whole.packages[1:]))
    assert verifier.verify(without, TRUST).code == Code.INCOMPLETE


def test_an_earlier_offer_with_a_false_signature_is_refused():
    story, before = succeeded()
    head, payload, _ = before.issuer_signed.split(".")
    false = replace(before, issuer_signed=f"{head}.{payload}.{'A' * 86}")
    assert found(story, false).code == Code.BAD_SIGNATURE


def test_nobody_but_the_gateway_re_issues():
    story = Scenario()
    own = offer(
        story, attested=False, reissue_of=ReissueReference("old-police", BEFORE, "A" * 43, PLANNED)
    )
    with pytest.raises(StatementError):
        handoff_documents.read_offer(sd_jwt.read_unverified(own.compact()))


@each(
    "said",
    [
        "old-police",
        {"predecessor": "old-police"},
        {"predecessor": "X", "handoff": str(BEFORE), "offer": "A" * 43, "event": str(PLANNED)},
        {"predecessor": "old-police", "handoff": "b", "offer": "A" * 43, "event": str(PLANNED)},
        {"predecessor": "old-police", "handoff": str(BEFORE), "offer": "A", "event": str(PLANNED)},
    ],
)
def test_what_a_re_issued_offer_follows_has_its_form(said):
    story, _ = succeeded()
    claims = dict(sd_jwt.read_unverified(story.offer.compact()).claims) | {"reissue_of": said}
    made = sd_jwt.issue(
        typ=handoff_documents.OFFER_TYP,
        claims=claims,
        properties=(),
        arrays=(),
        signer=SIGNERS["gateway"],
        random=chance("malformed"),
    )
    with pytest.raises(StatementError):
        handoff_documents.read_offer(sd_jwt.read_unverified(made.compact()))


@each("kind", ["reissue", "lapse"])
def test_the_end_of_the_handoff_before_is_followed_like_any_other_answer(kind):
    told = verifier.verify(Scenario().told("acceptance", kind).file(), TRUST)
    assert told.code == Code.VERIFIED
    state = "reissued" if kind == "reissue" else "withdrawn"
    assert fact(told, "state")["states"] == [state]


def test_the_gateways_own_end_of_a_handoff_needs_no_signature_of_a_party():
    story = Scenario().told("acceptance")
    story.say("lapse", **word_of("police", True))
    own = story.file()
    assert verifier.verify(own, TRUST).code == Code.VERIFIED
    story.say("outcome", **word_of("police", True))
    assert verifier.verify(story.file(), TRUST).code != Code.VERIFIED


def test_a_bundle_keeps_the_earlier_offer_and_refuses_what_is_no_text():
    story, before = succeeded()
    data = story.file(predecessor_offer=before.compact())
    assert bundle.parse(data).predecessor_offer == before.compact()
    with pytest.raises(bundle.BundleError):
        bundle.parse(data.replace(f'"{before.compact()}"'.encode(), b"5"))


SUBJECT = {
    "organisation": "old-police",
    "successor": "police",
    "competence": "receive/csam/FR",
    "legal_act": "Decree 1",
    "effective_on": "2026-02-01",
}


def with_plan(*persons: str, **changes: Any) -> VerificationReport:
    """The re-issued handoff with the receipt of its plan; ``changes`` are to the plan's fact.

    ``offered`` is when the case was offered to the office before; the plan is seconds after AT.
    ``persons`` approved what ``signed`` says, which is the plan.
    """
    story, before = succeeded(at=changes.pop("offered", AT))
    signed = changes.pop("signed", changes.get("subject", SUBJECT))
    changes |= {"more": (approved("succession.plan", signed, *persons),)} if persons else {}
    planned = {"action": "succession.plan", "subject": SUBJECT, "id": PLANNED} | changes
    plan = story.log.receipt(story.register(**planned))
    file = story.former(predecessor_offer=before.compact(), succession=plan)
    return verifier.verify(file, KNOWN)


def test_the_plan_is_recorded_in_the_log_and_its_legal_act_is_named():
    told = with_plan()
    assert told.code == Code.ATTESTED, told.sentence
    planned = fact(told, "succession")
    assert (planned["act"], planned["entry"]) == ("Decree 1", 2)
    assert fact(told, "succession.undecided")["entry"] == 2


def test_a_succession_that_two_known_administrators_signed_covers_the_re_issued_offer():
    told = with_plan("a-martin", "b-dubois")
    assert told.code == Code.VERIFIED, told.sentence
    assert fact(told, "succession.decided")["persons"] == ["a-martin", "b-dubois"]
    assert fact(told, "offer.reissued")["under"] == "proved"


@each(
    "persons, changes",
    [
        (("a-martin",), {}),
        (("a-martin", "a-martin"), {}),
        (("a-martin", "b-dubois"), {"signed": SUBJECT | {"successor": "another"}}),
    ],
)
def test_a_succession_that_fewer_or_of_something_else_signed_is_the_operators_word(
    persons, changes
):
    told = with_plan(*persons, **changes)
    assert told.code == Code.ATTESTED, told.sentence
    assert fact(told, "offer")["under"] == "operator_word"
    assert "succession.decided" not in keys_of(told)


OFFICES = {"old-police": SIGNERS["stranger"], "police": SIGNERS["police"]}
KNOWN_OFFICES = replace(
    TRUST,
    organisations={**TRUST.organisations, **{n: one.keys() for n, one in OFFICES.items()}},
)


def approval(by: str, **changes: Any) -> str:
    """What an organisation signed of the succession; ``changes`` are to the plan in it."""
    plan = {
        "succession": str(PLANNED),
        "predecessor": "old-police",
        "successor": "police",
        "competence": "receive/csam/FR",
        "effective_on": "2026-02-01",
        "read_until": "2026-05-01",
        "legal_act": "Decree 1",
        "permissions_carry_over": False,
    }
    heading = Heading(uri(by), GATEWAY, AT, UUID(int=len(by)), OFFICES[by], chance(by))
    return heading.sign(declarations.SUCCESSION_TYP, plan | changes, {}).compact()


def with_approvals(
    *texts: str, trust: TrustAnchors = KNOWN_OFFICES, planned: bool = False
) -> VerificationReport:
    """The re-issued handoff with what its organisations signed of the succession."""
    story, before = succeeded()
    shown = {"predecessor_offer": before.compact(), "succession_approvals": texts}
    if not planned:
        return verifier.verify(story.file(**shown), trust)
    at = story.register(action="succession.plan", subject=SUBJECT, id=PLANNED)
    return verifier.verify(story.former(**shown, succession=story.log.receipt(at)), trust)


def test_a_succession_that_both_organisations_signed_covers_the_re_issued_offer():
    for planned in (False, True):
        told = with_approvals(approval("old-police"), approval("police"), planned=planned)
        assert told.code == Code.VERIFIED, told.sentence
        assert fact(told, "succession.agreed")["under"] == "proved"
        assert fact(told, "offer.reissued")["under"] == "proved"
        assert "succession.undecided" not in keys_of(told)


def test_a_succession_that_less_than_both_are_shown_to_have_signed_is_the_operators_word():
    """One of them, one of them twice, or with a key that nobody brought, or compared."""
    both = (approval("old-police"), approval("police"))
    vouched = frozenset({("old-police", OFFICES["old-police"].kid)})
    for told in (
        with_approvals(both[0]),
        with_approvals(both[1], approval("police", read_until="2026-06-01")),
        with_approvals(*both, trust=TRUST),
        with_approvals(*both, trust=replace(KNOWN_OFFICES, vouched=vouched)),
    ):
        assert told.code == Code.ATTESTED, told.sentence
        assert fact(told, "succession.undecided")["under"] == "operator_word"
        assert "succession.agreed" not in keys_of(told)


@each(
    "changes, what",
    [
        ({"succession": str(UUID(int=9))}, "succession"),
        ({"predecessor": "another"}, "predecessor"),
        ({"successor": "another"}, "successor"),
        ({"competence": "receive/csam/BE"}, "competence"),
        ({"effective_on": "2026-03-01"}, "effective_on"),
        ({"legal_act": "Decree 2"}, "legal_act"),
    ],
)
def test_an_approval_of_another_succession_is_a_mismatch(changes, what):
    told = with_approvals(approval("old-police"), approval("police", **changes), planned=True)
    assert told.code == Code.MISMATCH
    assert f"the approval of the succession is of another {what}" in told.failure


def test_an_approval_with_a_false_signature_is_refused():
    head, payload, _ = approval("police").split("~")[0].split(".")
    assert with_approvals(f"{head}.{payload}.{'A' * 86}~").code == Code.BAD_SIGNATURE


def test_an_approval_where_nothing_moved_is_a_mismatch():
    story = Scenario().told("acceptance")
    told = verifier.verify(story.file(succession_approvals=(approval("police"),)), TRUST)
    assert told.code == Code.MISMATCH


@each(
    "changes, what",
    [
        ({"id": UUID(int=9)}, "event"),
        ({"action": "mandate.grant"}, "kind"),
        ({"result": EventResult.DENIED}, "kind"),
        ({"subject": {**SUBJECT, "organisation": "another"}}, "predecessor"),
        ({"subject": {**SUBJECT, "successor": "another"}}, "successor"),
        ({"subject": {**SUBJECT, "competence": "receive/csam/BE"}}, "competence"),
    ],
)
def test_the_plan_of_another_succession_is_a_mismatch(changes, what):
    told = with_plan(**changes)
    assert told.code == Code.MISMATCH
    assert f"is of another {what}" in told.sentence


def test_a_plan_that_does_not_disclose_what_was_planned_proves_nothing():
    assert with_plan(details=()).code == Code.INCOMPLETE


def test_an_offer_to_a_predecessor_whose_mandate_had_ended_fails_the_bundle():
    planned, late = {"effective_on": "2026-01-01"}, AT + timedelta(minutes=1)
    told = with_plan(subject=SUBJECT | planned, offered=late)
    assert told.code == Code.MISMATCH
    assert "ended on 2026-01-01" in told.failure


def test_an_offer_that_came_before_the_plan_was_good_though_the_mandate_ended_that_day():
    """A succession may take effect on the day on which it is planned."""
    planned = SUBJECT | {"effective_on": "2026-01-01"}
    told = with_plan("a-martin", "b-dubois", subject=planned)
    assert told.code == Code.VERIFIED, told.sentence


def test_a_plan_where_nothing_moved_is_a_mismatch():
    story = Scenario().told("acceptance")
    told = verifier.verify(story.former(succession=story.log.receipt(0)), TRUST)
    assert told.code == Code.MISMATCH


# --- the mandate that the offer addressed, the times, and promises to sign ---


GRANT = {
    "organisation": "police",
    "function": "receive",
    "matter": "csam",
    "territory": "FR",
    "legal_act": "Decree 7",
    "from": "2026-01-01",
    "until": None,
}


def test_a_receipt_says_who_signed_the_change_that_it_records_and_prints_no_signed_text():
    story = Scenario()
    both = approved("mandate.grant", GRANT, "a-martin", "b-dubois")
    at = story.register("mandate.grant", GRANT, more=(both,))
    data = json.dumps(receipt.to_json(story.log.receipt(at))).encode()
    told = verifier.verify(data, replace(KNOWN, issuer=GATEWAY))
    assert fact(told, "recorded.decided")["persons"] == ["a-martin", "b-dubois"]
    assert fact(told, "recorded.decided")["under"] == "proved"
    assert "approvals 2" in told.sentence
    assert "eyJ" not in told.sentence + "".join(one.detail for one in told.steps)
    for trust in (KNOWN, replace(TRUST, issuer=GATEWAY)):
        assert "recorded.decided" not in keys_of(verifier.verify(data, trust))


def test_what_persons_signed_with_passkeys_counts_as_what_they_signed_with_keys_in_files():
    def told(keys: Mapping[str, Authenticator]) -> list[str]:
        story = Scenario()
        both = approved_by_passkey("mandate.grant", GRANT, *PASSKEYS, keys=keys)
        at = story.register("mandate.grant", GRANT, more=(both,))
        data = json.dumps(receipt.to_json(story.log.receipt(at))).encode()
        report = verifier.verify(data, replace(KNOWN, issuer=GATEWAY))
        assert not any("eyJ" in one.detail for one in report.steps)
        return keys_of(report)

    assert "recorded.decided" in told(PASSKEYS)
    assert "recorded.decided" not in told({one: Authenticator() for one in PASSKEYS})
    synced = {one: replace(key, flags=0x0D) for one, key in PASSKEYS.items()}
    assert "recorded.decided" not in told(synced)


def with_mandate(*persons: str, **changes: Any) -> VerificationReport:
    """A handoff to a competence, with what registered it; ``changes`` are to that event, which
    ``persons`` approved."""
    first = Scenario()
    subject = GRANT | changes.pop("subject", {})
    changes |= {"more": (approved("mandate.grant", subject, *persons),)} if persons else {}
    granted = {"action": "mandate.grant", "subject": subject, "id": PLANNED} | changes
    index = first.register(**granted)
    story = Scenario(log=first.log, competence=MANDATE).told("acceptance")
    return verifier.verify(story.file(mandate=story.log.receipt(index)), KNOWN)


def test_a_mandate_is_signed_by_two_known_administrators_or_the_operators_word():
    told = with_mandate("a-martin", "b-dubois")
    held = fact(told, "mandate.decided")
    assert (held["under"], held["persons"]) == ("proved", ["a-martin", "b-dubois"])
    for persons in ((), ("b-dubois",)):
        assert fact(with_mandate(*persons), "mandate")["under"] == "operator_word"


def test_the_mandate_is_shown_by_the_event_that_registered_it():
    told = with_mandate()
    assert told.code == Code.VERIFIED, told.sentence
    held = fact(told, "mandate")
    assert (held["under"], held["organisation"], held["entry"]) == ("operator_word", "police", 1)
    assert (held["competence"], held["act"]) == ("receive/csam/FR", "Decree 7")
    moved = {"organisation": "old-police", "successor": "police", "competence": "receive/csam/FR"}
    planned = with_mandate(
        action="succession.plan", subject={**moved, "effective_on": "2026-01-02"}
    )
    assert planned.code == Code.VERIFIED, planned.sentence


@each(
    "changes",
    [
        {"id": UUID(int=9)},
        {"action": "membership.grant"},
        {"result": EventResult.DENIED},
        {"subject": {"organisation": "ofmin"}},
        {"subject": {"territory": "BE"}},
        {"subject": {"from": "2026-02-01"}},
        {"subject": {"until": "2026-01-01"}},
        {"subject": {"from": "soon"}},
    ],
)
def test_what_did_not_make_the_recipient_competent_fails_the_bundle(changes):
    """One UPDATE of the registry diverts cases; the event behind it names somebody else."""
    assert with_mandate(**changes).code == Code.MISMATCH


def test_a_registration_that_does_not_disclose_the_mandate_proves_nothing():
    assert with_mandate(details=()).code == Code.INCOMPLETE


@each("limit", [{"until": "2026-01-01"}, {"from": "2026-02-01"}])
def test_a_mandate_that_was_over_or_had_not_begun_is_told_apart_by_its_day(limit):
    told = with_mandate(subject=limit)
    assert told.code == Code.MISMATCH
    (day,) = limit.values()
    assert f"{'ended' if 'until' in limit else 'began'} on {day}" in told.failure


def with_end(until: str, before: bool, **subject: str) -> VerificationReport:
    """A handoff to a mandate which an event before or after the offer ended."""
    log = Scenario()
    said = {"organisation": "police", "competence": "receive/csam/FR", "until": until} | subject
    granted = log.register("mandate.grant", GRANT, id=PLANNED)
    ended = log.register("mandate.end", said) if before else None
    story = Scenario(log=log.log, competence=MANDATE).told("acceptance")
    if ended is None:
        ended = story.register("mandate.end", said)
    receipts = {"mandate": story.log.receipt(granted), "mandate_ends": (story.log.receipt(ended),)}
    return verifier.verify(story.file(**receipts), TRUST)


@each(
    "before, until, said",
    [(True, "2027-01-01", "mandate.end"), (False, "2026-01-01", "mandate.end.later")],
)
def test_the_end_of_a_mandate_is_told_by_its_day_and_entry(before, until, said):
    told = with_end(until, before)
    assert told.code == Code.VERIFIED, told.sentence
    assert fact(told, said)["day"] == until
    assert "mandate.ended" not in keys_of(told), "nothing is open any more"


def test_an_offer_to_a_mandate_that_was_ended_before_fails_the_bundle():
    assert with_end("2026-01-01", before=True).code == Code.MISMATCH


@each(
    "subject",
    [{"organisation": "ofmin"}, {"competence": "receive/csam/BE"}, {"until": "2025-12-31"}],
)
def test_the_end_of_another_mandate_says_nothing(subject):
    told = with_end(**{"until": "2026-01-01", "before": True} | subject)
    assert told.code == Code.VERIFIED, told.sentence
    assert "mandate.ended" in keys_of(told)


def test_a_mandate_that_was_registered_after_the_offer_fails_the_bundle():
    story = Scenario(competence=MANDATE)
    index = story.register("mandate.grant", GRANT, id=PLANNED)
    told = verifier.verify(story.file(mandate=story.log.receipt(index)), TRUST)
    assert told.code == Code.MISMATCH


@each("days", [-1150, -1, 1])
def test_an_answer_that_is_older_than_its_offer_or_newer_than_its_record_fails(days):
    story = Scenario()
    story.say("acceptance", at=AT + timedelta(days=days))
    assert verifier.verify(story.file(), TRUST).code == Code.MISMATCH


def test_an_offer_that_was_accepted_after_it_ended_fails_and_an_outcome_may_come_later():
    def ended(after: timedelta) -> VerificationReport:
        story = Scenario()
        story.offer = offer(
            story,
            attested=False,
            handoff=story.handoff,
            to={"organisation": "police"},
            expires_at=AT + after,
        )
        story.log = type(story.log)()
        story.indexes.clear()
        story.record("handoff.offer", story.offer.digest)
        return verifier.verify(story.told("acceptance", "outcome").file(), TRUST)

    assert ended(timedelta(hours=1)).code == Code.VERIFIED
    assert ended(timedelta(hours=-1)).code == Code.MISMATCH


def test_an_attested_document_of_a_member_that_required_its_own_signature_is_not_verified():
    """The operator can attest for anybody, but not for who said that nobody may: whether that
    member allowed it again is for the member to show."""
    story = Scenario(attested=True)

    def lock(action: str, **subject: Any) -> int:
        return story.register(action, {"organisation": "police", **subject})

    at = lock("organisation.require_signed")
    story.told("acceptance")
    receipt = story.log.receipt(at)
    in_file = verifier.verify(story.file(locks=(receipt,)), TRUST)
    in_keys = verifier.verify(story.file(), replace(TRUST, locks=(receipt,)))
    assert [in_file.code, in_keys.code] == [Code.INCOMPLETE, Code.INCOMPLETE]
    assert verifier.verify(story.file(), TRUST).code == Code.ATTESTED

    def unlock(name: str, later: timedelta = timedelta(minutes=1), number: int = 5) -> str:
        return declared(UNLOCK, name, "police", AT + later, number)

    story.answers.clear()
    story.moves, story.indexes[1:] = 1, []
    forged = lock("organisation.allow_attested", declaration=unlock("gateway"))
    own = lock("organisation.allow_attested", declaration=unlock("police"))
    story.told("acceptance")
    receipts = [story.log.receipt(index) for index in (at, forged, own)]
    assert verifier.verify(story.file(locks=tuple(receipts[:2])), TRUST).code == Code.INCOMPLETE
    assert verifier.verify(story.file(locks=tuple(receipts)), TRUST).code == Code.ATTESTED
    # What ended one lock ends no other, nor does what was signed before it.
    for shown_again in (unlock("police"), unlock("police", -timedelta(hours=1), 6)):
        story.answers.clear()
        story.moves, story.indexes[1:] = 1, []
        indexes = (at, own, lock("organisation.require_signed"))
        again = lock("organisation.allow_attested", declaration=shown_again)
        story.told("acceptance")
        shown = tuple(story.log.receipt(index) for index in (*indexes, again))
        assert verifier.verify(story.file(locks=shown), TRUST).code == Code.INCOMPLETE


def test_a_key_of_one_gateway_attests_nothing_for_the_members_of_another():
    story = Scenario(attested=True).told("acceptance")
    other = "https://other.example.org"
    own = replace(TRUST, issuer=GATEWAY, others=[replace(TRUST, issuer=other, log_keys=())])
    assert verifier.verify(story.file(), own).code == Code.ATTESTED
    swapped = replace(
        TRUST,
        issuer=other,
        others=[replace(TRUST, issuer=GATEWAY, gateway_keys=SIGNERS["stranger"].keys())],
    )
    assert verifier.verify(story.file(), swapped).code == Code.KEY_MISSING


def test_the_receipts_are_of_the_log_of_the_gateway_that_the_documents_name():
    story = Scenario().told("acceptance")
    elsewhere = replace(TRUST, issuer="https://other.example.org", organisations={})
    bare = replace(TRUST, issuer=GATEWAY, log_keys=(), origins=())
    trust = replace(bare, others=[elsewhere])
    assert verifier.verify(story.file(), trust).code == Code.MISMATCH


def test_the_party_is_named_who_can_confirm_what_is_attested_for_it():
    story = Scenario(attested=True).told("acceptance")
    number = fact(verifier.verify(story.file("police"), TRUST), "stream")
    assert (number["organisation"], number["number"]) == ("police", 2)
    hidden = fact(verifier.verify(story.file("hotline"), TRUST), "stream.unproved")
    assert hidden["organisation"] == "police"


# --- conditions, and what the parties claim of them ---

STATED = {**CONDITIONS, "purpose": ["identify_victim"], "force": FORCE}


@each("tighter", [{}, {"tlp": "RED"}, {"handling": ["H1"]}, {"attribution": "must"}])
def test_an_acceptance_repeats_the_conditions_of_its_offer_or_stricter_ones(tighter):
    scene = Scenario()
    scene.say("acceptance", conditions={**STATED, **tighter})
    assert verifier.verify(scene.file(), TRUST).code is Code.VERIFIED


@each(
    "looser",
    [{"tlp": "GREEN"}, {"purpose": CONDITIONS["purpose"]}, {"erase_on": "2030-01-01"}, {"x": 1}],
)
def test_an_acceptance_under_other_conditions_is_a_mismatch(looser):
    scene = Scenario()
    scene.say("acceptance", conditions={**STATED, **looser})
    assert verifier.verify(scene.file(), TRUST).code is Code.MISMATCH


@each("malformed", ["none", [], {}, {"tlp": None}])
def test_conditions_of_no_form_are_a_mismatch(malformed):
    scene = Scenario()
    scene.say("acceptance", conditions=malformed)
    assert verifier.verify(scene.file(), TRUST).code is Code.MISMATCH


def test_the_force_of_a_condition_and_a_reservation_are_told_as_claims():
    scene = Scenario()
    reservation = {"condition": "erase_on", "legal_basis": "CPP 706-53-4"}
    scene.say("acceptance", conditions=STATED, reservation=reservation)
    report = verifier.verify(scene.file(), TRUST)
    told = {"by": "police", **reservation, "under": "stated"}
    assert told.items() <= fact(report, "reservation").items()
    told = {"by": "hotline", "condition": "onward", "reference": "convention 3"}
    assert told.items() <= fact(report, "condition.agreement").items()


@each("malformed", ["kept", ["erase_on"], {}])
def test_a_reservation_of_no_form_stops_no_verification(malformed):
    scene = Scenario()
    scene.say("acceptance", conditions=STATED, reservation=malformed)
    assert "reservation" in keys_of(verifier.verify(scene.file(), TRUST))


# --- The numbers of the answers ---


NUMBERED = {
    "all of them": ((2, 3), Code.VERIFIED, 0),
    "one is missing in the middle": ((2, 4), Code.INCOMPLETE, 1),
    "one is missing before the first": ((3, 4), Code.INCOMPLETE, 1),
    "the first does not show its number": ((0, 3), Code.INCOMPLETE, 0),
    "none shows its number": ((0, 0), Code.VERIFIED, None),
    "one number twice": ((2, 2), Code.CONTRADICTION, None),
    "another order": ((3, 2), Code.MISMATCH, None),
    "fewer than are shown": ((0, 2), Code.MISMATCH, None),
}


@each("case", list(NUMBERED))
def test_an_answer_that_is_left_out_before_another_shows_by_the_numbers(case):
    numbers, code, lacking = NUMBERED[case]
    told = verifier.verify(
        Scenario().told("acceptance", "outcome").number(*numbers).former(), TRUST
    )
    assert told.code == code, told.sentence
    if told.passed:
        assert ("numbered" in keys_of(told)) is (lacking == 0 and told.code == Code.VERIFIED)
        assert ("unnumbered" in keys_of(told)) is (numbers == (0, 3))
        assert ("unnumbered.all" in keys_of(told)) is (lacking is None)
        assert ("lacking" in keys_of(told)) is bool(lacking)
        assert ("outcomes" in keys_of(told)) is (lacking is None)


# --- The course of a handoff: what is shown is lawful, and a gap is seen as one ---


ACCEPTED = MOVES_OF_EVENTS["handoff.accepted"]


def test_a_bare_offer_stands_offered():
    assert follow([]) == PossibleStates(frozenset({HandoffState.OFFERED}), 0)


def test_an_acceptance_may_have_been_partial_while_its_groups_are_withheld():
    assert follow([ACCEPTED]).states == {HandoffState.ACCEPTED, HandoffState.PARTIALLY_ACCEPTED}
    assert follow([{HandoffAction.ACCEPT_PARTLY}]).states == {HandoffState.PARTIALLY_ACCEPTED}
    assert follow([ACCEPTED, {HandoffAction.OUTCOME}, {HandoffAction.CLOSE}]) == PossibleStates(
        frozenset({HandoffState.CLOSED}), 0
    )


@each("accepts, state", [("accept", "accepted"), ("accept_partly", "partially_accepted")])
def test_what_was_withdrawn_after_an_acceptance_is_followed_and_withdrawn_no_more(accepts, state):
    followed = follow([{HandoffAction(accepts)}, {HandoffAction.WITHDRAW}])
    assert followed == PossibleStates(frozenset({HandoffState.WITHDRAWN}), 0)
    assert (HandoffState(state), HandoffAction.WITHDRAW) not in MOVES


def test_a_move_that_needs_one_that_is_not_shown_is_a_gap():
    followed = follow([{HandoffAction.OUTCOME}])
    assert followed == PossibleStates(
        frozenset({HandoffState.ACCEPTED, HandoffState.PARTIALLY_ACCEPTED}), 1
    )


OF_HOLDERS = {
    HandoffAction.RECALL,
    *(m for k in ANSWERS.values() if k.of_holder or k.of_recall for m in k.moves),
}


@each("final", [HandoffAction.DECLINE, HandoffAction.REDIRECT, HandoffAction.WITHDRAW])
@each("then", sorted(set(HandoffAction) - OF_HOLDERS))
def test_nothing_but_the_answers_of_a_holder_follows_a_final_state(final, then):
    with pytest.raises(VerificationFailed):
        follow([{final}, {then}])


def test_an_acceptance_cannot_follow_another():
    with pytest.raises(VerificationFailed):
        follow([ACCEPTED, ACCEPTED])


@given(st.data())
def test_any_lawful_course_is_followed_and_any_part_of_it_is_possible(data):
    state, moves = HandoffState.OFFERED, []
    for _ in range(data.draw(st.integers(0, 6))):
        lawful = sorted(m for s, m in READABLE_MOVES if s == state)
        if not lawful:
            break
        moves.append(data.draw(st.sampled_from(lawful)))
        state = READABLE_MOVES[state, moves[-1]]
    assert follow([{m} for m in moves]) == PossibleStates(frozenset({state}), 0)
    part = [m for m in moves if data.draw(st.booleans())]
    follow([{m} for m in part])


def test_every_move_is_recorded_by_some_event():
    assert set().union(*MOVES_OF_EVENTS.values()) == set(HandoffAction)
