"""What happened: a fact becomes one audit event, which each party reads by its own right."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from uuid import UUID


class Operation(StrEnum):
    """The kinds of operation that LED Art. 25 wants in the journal, and the log's own."""

    COLLECTION = "collection"
    ALTERATION = "alteration"
    CONSULTATION = "consultation"
    DISCLOSURE = "disclosure"
    COMBINATION = "combination"
    ERASURE = "erasure"
    REGISTRY_CHANGE = "registry_change"
    KEY_EVENT = "key_event"
    LOG_ACCESS = "log_access"


class Result(StrEnum):
    """How the request ended."""

    ALLOWED = "allowed"
    DENIED = "denied"
    NOT_FOUND = "not_found"
    WRONG_STATE = "wrong_state"


@dataclass(frozen=True)
class Party:
    """An organisation whose own event stream carries the event, and its part in it.

    ``role`` is ``actor``, ``originator``, ``recipient``, ``concerned`` or ``gateway``.
    """

    organisation: str
    role: str


@dataclass(frozen=True)
class Detail:
    """One erasable value of an event, and the organisations that may read it.

    ``kind`` is one of ``by``, ``reason``, ``purpose``, ``basis``, ``groups``, ``rules``,
    ``subject``; each occurs once in an event. ``value`` is text or a list of texts.
    """

    kind: str
    value: str | tuple[str, ...]
    readers: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Fact:
    """One thing that happened, before it has a place in the log.

    ``typ`` is the event's name (``handoff.accepted``). ``handoff``, ``case_digest``,
    ``package`` and ``statement_sha256`` stand in clear in the log document and identify
    nobody; everything personal goes to ``details``. Digests are base64url, unpadded.
    """

    id: UUID
    typ: str
    operation: Operation
    result: Result
    parties: tuple[Party, ...]
    details: tuple[Detail, ...] = ()
    handoff: UUID | None = None
    case_digest: str | None = None
    package: str | None = None
    statement_sha256: str | None = None
    simulated_date: date | None = None

    def __post_init__(self) -> None:
        """Refuse a fact that an auditor could read in two ways."""
        kinds = [detail.kind for detail in self.details]
        if len(set(kinds)) != len(kinds):
            raise ValueError("a detail of one kind occurs once in an event")
        names = [party.organisation for party in self.parties]
        if not names or len(set(names)) != len(names):
            raise ValueError("an event has at least one party, and each organisation once")
