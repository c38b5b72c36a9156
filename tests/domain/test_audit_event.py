"""Facts: an event says each thing once, and every action has its event."""

import re
from dataclasses import replace
from uuid import UUID

import pytest

from gateway.domain.audit_event import (
    EVENT_TYPES,
    AuditEvent,
    EventDetail,
    EventResult,
    Operation,
    Party,
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
    typ, _ = EVENT_TYPES[action]
    assert re.fullmatch(r"[a-z_]+\.[a-z_]+", action)
    assert typ.partition(".")[0] == action.partition(".")[0]


def test_two_actions_never_become_one_event():
    types = [typ for typ, _ in EVENT_TYPES.values()]
    assert len(set(types)) == len(types)


def test_consultations_and_disclosures_are_logged_as_what_they_are():
    """The kinds of LED Art. 25(1) under which an auditor looks for them."""
    assert EVENT_TYPES["case.consult"][1] is Operation.CONSULTATION
    assert EVENT_TYPES["handoff.offer"][1] is Operation.DISCLOSURE
    assert EVENT_TYPES["case.submit"][1] is Operation.COLLECTION
