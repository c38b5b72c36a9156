"""What an auditor of a month looks at first: six topics, by which events are found and counted.

An event may belong to several topics: what was consulted before its acceptance is break-glass, too.
What was refused is in one alone: nothing was done.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from gateway.domain.audit_event import READABLE_EVENTS, EventResult
from gateway.domain.duty import DutyKind

MOST_COUNTS = 50
"""Rows of one topic, those with most events: the number of its events is of all."""


class AuditTopic(StrEnum):
    """What was consulted and why; refused; late; done in danger before a second person; changed of
    who takes part; and who read the log, and changed how it is signed and kept."""

    CONSULTATIONS = "consultations"
    REFUSALS = "refusals"
    OVERDUE = "overdue"
    BREAK_GLASS = "break_glass"
    MEMBERS = "members"
    LOG = "log"


class TopicMarks(NamedTuple):
    """By what events of a topic are found: one of these types, results or rules."""

    types: tuple[str, ...] = ()
    results: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()


OVERDUE = READABLE_EVENTS["handoff.mark_overdue"][0]
_LATE_REVIEWS = frozenset({DutyKind.REVIEW, DutyKind.CLEARANCE})
"""What a second person owes after something was done in danger by one."""


def _about(*named: str) -> TopicMarks:
    return TopicMarks(
        tuple(
            event
            for action, (event, *_) in READABLE_EVENTS.items()
            if action.split(".")[0] in named
        )
    )


TOPICS: Mapping[AuditTopic, TopicMarks] = {
    AuditTopic.CONSULTATIONS: TopicMarks(("case.consulted", "contact.consulted")),
    AuditTopic.REFUSALS: TopicMarks(
        results=tuple(str(one) for one in EventResult if one is not EventResult.ALLOWED)
    ),
    AuditTopic.OVERDUE: TopicMarks((OVERDUE,)),
    AuditTopic.BREAK_GLASS: TopicMarks((OVERDUE,), rules=("R16.break_glass", "R16.consult")),
    AuditTopic.MEMBERS: _about(
        *("organisation", "membership", "mandate", "succession", "agreement", "retention"),
        *("system", "key", "peer", "audit_access"),
    ),
    AuditTopic.LOG: TopicMarks(
        ("audit.search", "events.searched", *_about("log", "log_hold", "gateway_key", "witness")[0])
    ),
}


@dataclass(frozen=True)
class EventFacts:
    """What is shown of an event, by which it is counted."""

    type: str
    result: str
    parties: Sequence[Mapping[str, Any]]
    details: Mapping[str, Any]

    @property
    def subject(self) -> Mapping[str, Any]:
        """Return what it is about; empty where that is not shown, or no object."""
        with suppress(ValueError, TypeError):
            told = json.loads(self.details["subject"]) if "subject" in self.details else {}
            return told if isinstance(told, dict) else {}
        return {}

    def topics(self) -> frozenset[AuditTopic]:
        """The topics that it belongs to, by what is shown of it."""
        if self.result != EventResult.ALLOWED:
            return frozenset({AuditTopic.REFUSALS})
        return frozenset(topic for topic, marks in TOPICS.items() if self._has(topic, marks))

    def _has(self, topic: AuditTopic, marks: TopicMarks) -> bool:
        if not marks.rules:
            return self.type in marks.types
        late = self.type == OVERDUE and self.subject.get("duty") in _LATE_REVIEWS
        return late or not set(marks.rules).isdisjoint(self._rules)

    @property
    def _rules(self) -> Sequence[str]:
        told = self.details.get("rules", ())
        return (told,) if isinstance(told, str) else told

    @property
    def organisation(self) -> str:
        """Return who acted, or owes, or whom it concerns; empty where that is not shown."""
        if self.type == OVERDUE:
            return str(self.subject.get("organisation", ""))
        roles = {one["role"]: str(one["organisation"]) for one in self.parties}
        asks = ("recipient",) if self.type == "case.consulted" else ()
        order = ("actor", *asks, "concerned", "originator", "recipient", "gateway")
        return next((roles[role] for role in order if role in roles), "")

    @property
    def why(self) -> str:
        """Return the word by which it is counted: of a refusal the rule, of what is late the duty,
        else the reason; empty for none."""
        if self.result != EventResult.ALLOWED:
            return next(iter(self._rules), "")
        if self.type == OVERDUE:
            return str(self.subject.get("duty", ""))
        return str(self.details.get("reason_code", ""))


@dataclass(frozen=True)
class TopicCount:
    """How many events of a topic are alike: who, what, how it ended, and why."""

    organisation: str
    type: str
    result: str
    why: str
    events: int


@dataclass(frozen=True)
class CountedTopic:
    """A topic: how many events it has, and these by who, what and why, the most first."""

    topic: AuditTopic
    events: int
    counts: tuple[TopicCount, ...]


def count(topics: Iterable[str], events: Iterable[EventFacts]) -> tuple[CountedTopic, ...]:
    """Count events by each of these topics."""
    found = {topic: Counter[tuple[str, str, str, str]]() for topic in map(AuditTopic, topics)}
    for one in events:
        for topic in one.topics() & found.keys():
            found[topic][one.organisation, one.type, one.result, one.why] += 1
    return tuple(
        CountedTopic(
            topic,
            counted.total(),
            tuple(
                TopicCount(*alike, events)
                for alike, events in sorted(counted.items(), key=lambda one: (-one[1], one[0]))
            )[:MOST_COUNTS],
        )
        for topic, counted in found.items()
    )
