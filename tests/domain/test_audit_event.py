"""Facts: an event says each thing once, and every action has its event."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID

import pytest

from gateway.domain.audit_event import (
    EVENT_TYPES,
    AuditEvent,
    EventDetail,
    EventResult,
    LogHold,
    LogTerms,
    Operation,
    Party,
    personal_kinds,
)
from tests.each import each

FACT = AuditEvent(
    id=UUID(int=1),
    action="handoff.accept",
    result=EventResult.ALLOWED,
    parties=(Party("police-a", "recipient"), Party("hotline-a", "originator")),
    details=(EventDetail("by", "officer-1"), EventDetail("reason", "text")),
)


def test_a_detail_of_one_kind_occurs_once():
    with pytest.raises(ValueError, match="one kind"):
        replace(FACT, details=(EventDetail("by", "officer-1"), EventDetail("by", "officer-2")))


@each("parties", [(), (Party("police-a", "recipient"), Party("police-a", "actor"))])
def test_an_event_has_parties_and_each_once(parties):
    with pytest.raises(ValueError, match="each organisation once"):
        replace(FACT, parties=parties)


def test_a_detail_is_nobodys_unless_readers_are_named():
    assert EventDetail("by", "officer-1").readers == frozenset()


def test_a_fact_is_of_an_action_that_has_an_event():
    with pytest.raises(ValueError, match="has an event"):
        replace(FACT, action="handoff.accepted")


@each("action", EVENT_TYPES)
def test_an_action_and_its_event_are_of_one_noun(action):
    typ, *_ = EVENT_TYPES[action]
    assert re.fullmatch(r"[a-z_]+\.[a-z_]+", action)
    assert action.partition(".")[0] in (noun := typ.partition(".")[0], f"{noun}_key")


def test_two_actions_never_become_one_event():
    types = [typ for typ, *_ in EVENT_TYPES.values()]
    assert len(set(types)) == len(types)


def test_consultations_and_disclosures_are_logged_as_what_they_are():
    """The kinds of LED Art. 25(1) under which an auditor looks for them."""
    assert EVENT_TYPES["case.consult"][1] is Operation.CONSULTATION
    assert EVENT_TYPES["handoff.offer"][1] is Operation.DISCLOSURE
    assert EVENT_TYPES["case.submit"][1] is Operation.COLLECTION


# --- Terms of the log: by regime, longer only with a reason; what holds keep ---


NOW = datetime(2028, 2, 29, 12, tzinfo=UTC)


def test_the_term_is_that_of_the_regime_and_led_outweighs():
    terms = LogTerms()
    assert [terms.years(one) for one in ({"led"}, {"gdpr"}, {"led", "gdpr"}, ())] == [3, 1, 3, 1]


def test_a_leap_day_ends_a_term_on_the_day_before_the_first_of_march():
    assert LogTerms().passed({"gdpr"}, NOW) == datetime(2027, 2, 28, 12, tzinfo=UTC)


@pytest.mark.parametrize("longer", [{"gdpr_years": 3}, {"led_years": 4}])
def test_a_longer_term_needs_a_reason(longer):
    with pytest.raises(ValueError):
        LogTerms(**longer)
    assert LogTerms(**longer, reason="internal control")


def test_what_makes_the_registry_is_kept_and_what_was_refused_is_not():
    changed = ("mandate.granted", "registry_change")
    assert not personal_kinds(*changed, "allowed", by_gateway=True)
    assert {"by", "subject"} <= personal_kinds(*changed, "denied", by_gateway=True)
    proposed = ("proposal.created", "registry_change", "allowed")
    assert {"by", "approvals", "subject"} <= personal_kinds(*proposed, by_gateway=True)


def test_of_a_register_the_subject_ends_too_and_of_an_embargo_it_stays():
    named = (("staff.added", "registry_change"), ("staff.recused", "registry_change"))
    for told in (*named, ("case.erasure_advanced", "alteration")):
        assert "subject" in personal_kinds(*told, "allowed", by_gateway=False)
    ending = personal_kinds("case.embargoed", "alteration", "allowed", by_gateway=False)
    assert "subject" not in ending
    assert {"by", "roles", "reason_code", "reason"} <= ending
    assert ending.isdisjoint({"party", "purpose", "rules", "groups", "sequence"})


def hold(organisation: str | None = None, case: UUID | None = None) -> LogHold:
    return LogHold(UUID(int=1), organisation, case, "12/345", date(2028, 3, 1))


def test_a_hold_keeps_all_of_whom_it_names_or_of_everybody():
    assert hold().keeps_all_of("ofmin")
    assert hold("ofmin").keeps_all_of("ofmin")
    assert not hold("ofmin").keeps_all_of("ocrvp")
    assert not hold("ofmin", UUID(int=2)).keeps_all_of("ofmin")


def test_a_review_is_missed_from_the_day_after_on():
    assert not hold().is_review_missed(date(2028, 3, 1))
    assert hold().is_review_missed(date(2028, 3, 2))
