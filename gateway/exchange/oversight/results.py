"""What oversight answers: streams, notifications, searches of the log, conformance runs.

The interface's description is derived from these classes, too (`gateway.exchange.results`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from gateway.domain.audit_topics import AuditTopic, TopicCount
from gateway.domain.enrolment import ConformanceCheck
from gateway.domain.notification import RefusedNotification
from gateway.evidence.receipt import Receipt
from gateway.exchange.results import Conditions
from gateway.kernel.results import Digest, JwkSet, SignedText
from gateway.kernel.values import ConfirmationKind


@dataclass(frozen=True)
class OwnSearchRecord:
    """That a search of one's own events is on record, by its event."""

    event: UUID


@dataclass(frozen=True)
class StreamEntry:
    """An event of an organisation's own stream."""

    stream_number: int
    event: UUID
    receipt: Receipt


@dataclass(frozen=True)
class EventPage:
    """A page of a stream; ``signed_head`` says, signed by the gateway, that it ends at
    ``head``."""

    head: int
    signed_head: SignedText
    events: Sequence[StreamEntry]
    next: str | None


@dataclass(frozen=True)
class NotificationStatus:
    """How far an organisation's notifications were acknowledged, of a stream that ends at ``head``.

    ``failures`` counts the attempts to push since the last one that was answered; of those
    ``refused`` the first hundred are shown.
    """

    organisation: str
    push_address: str | None
    acknowledged: int
    head: int
    failures: int
    next_attempt_at: datetime | None
    refused: Sequence[RefusedNotification]


@dataclass(frozen=True)
class ReplayedNotification:
    """A refused notification that is sent again."""

    event: UUID


@dataclass(frozen=True)
class KeptCosignature:
    """A cosignature of the log that its gateway keeps, and shows with its checkpoints."""

    witness: str
    size: int


@dataclass(frozen=True)
class AuditEntry:
    """An event that an audit access reaches."""

    index: int
    event: UUID
    receipt: Receipt


@dataclass(frozen=True)
class Position:
    """Where a search goes on."""

    after: int
    before: int


@dataclass(frozen=True)
class AuditSearchResult:
    """A search of the log, as it was recorded: how many events it found, and on how many pages.

    ``before`` is the index up to which it looked. ``unknown`` are the filters that fit nothing of
    what the audit access covers, whatever the others.
    """

    search: UUID
    events: int
    pages: int
    before: int
    unknown: Sequence[str]
    next: Position | None


@dataclass(frozen=True)
class AuditPage:
    """A page of a search of the log."""

    search: UUID
    page: int
    pages: int
    events: Sequence[AuditEntry]


@dataclass(frozen=True)
class AuditTopicSummary:
    """A topic of a search: how many events it has, on how many pages of its own, and these by who,
    what, how it ended and why, the most first (50 rows at most)."""

    topic: AuditTopic
    events: int
    pages: int
    counts: Sequence[TopicCount]


@dataclass(frozen=True)
class LogConfirmation:
    """Who else confirmed the log: a witness by its newest cosignature, or a time-stamp authority by
    the first stamp that holds the search, or its newest.

    ``one_history``: what was confirmed is what the log's first entries are now; ``consistency``
    proves it, from ``checkpoint`` to that of the summary's receipt. ``token`` is an authority's.
    """

    kind: ConfirmationKind
    by: str
    size: int
    at: datetime
    one_history: bool
    checkpoint: str
    consistency: str
    token: str | None


@dataclass(frozen=True)
class AuditSummary:
    """A search as a whole: what was asked, and what it counted by topics, where these were asked
    for; its receipt; and the log: its ``size``, who confirmed it, and how many entries of the
    registry, cases and handoffs are out of service, for they differ from it."""

    search: UUID
    by: str
    reason_code: str
    reason: str
    filters: Mapping[str, Any]
    events: int
    pages: int
    topics: Sequence[AuditTopicSummary]
    next: Position | None
    receipt: Receipt
    size: int
    confirmed: Sequence[LogConfirmation]
    out_of_service: int


@dataclass(frozen=True)
class RunStep:
    """A step of a conformance run."""

    step: ConformanceCheck
    passed: bool


@dataclass(frozen=True)
class RunOffer:
    """An offer of the sandbox, as its recipient sees it before it answers."""

    handoff: UUID
    matter: Sequence[str]
    urgency: str
    conditions: Conditions
    case_digest: Digest


@dataclass(frozen=True)
class RunReceipt:
    """A receipt of the sandbox's log, whether it verifies or not."""

    name: str
    receipt: Receipt


@dataclass(frozen=True)
class RunView:
    """A run as its system sees it; content only once it was opened, verdicts never."""

    run: UUID
    test: bool
    system: str
    state: str
    expires_at: datetime
    steps: Sequence[RunStep]
    issuer: str
    keys: JwkSet
    log: str
    log_key: str
    offers: Sequence[RunOffer]
    receipts: Sequence[RunReceipt]
    presentation: SignedText | None = None
