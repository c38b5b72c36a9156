"""What happened: a fact becomes one audit event, which each party reads by its own right; and how
long the log names persons: its terms and holds.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from operator import attrgetter
from typing import NamedTuple
from uuid import UUID

from gateway.domain import read_only
from gateway.domain.answers import ANSWERS, Arrives
from gateway.domain.organisation import OrganisationName


class Operation(StrEnum):
    """The kinds of operation that LED Art. 25 wants logged, and the log's own."""

    COLLECTION = "collection"
    ALTERATION = "alteration"
    CONSULTATION = "consultation"
    DISCLOSURE = "disclosure"
    COMBINATION = "combination"
    ERASURE = "erasure"
    REGISTRY_CHANGE = "registry_change"
    KEY_EVENT = "key_event"
    LOG_ACCESS = "log_access"


class EventResult(StrEnum):
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

    def __post_init__(self) -> None:
        """Refuse what is not the name of an organisation that is known here."""
        OrganisationName(self.organisation)


@dataclass(frozen=True)
class EventDetail:
    """One erasable value of an event, and the organisations that may read it.

    ``kind`` is one of ``by``, ``roles``, ``approvals``, ``assessors``, ``cleared_by``,
    ``approved_by``, ``reason_code``, ``reason``, ``purpose``, ``basis``, ``groups``, ``rules``,
    ``subject``, ``key``, ``contacts``, ``sequence``, ``change``, ``pointers``, ``case`` (as
    ``originator/id``), ``due`` (when the answer to an offer is), ``peer_event`` (the log and the
    event of a peer gateway of which it is made), ``peer_persons`` (how many decided there); each
    occurs once in an event.
    ``value`` is text or a list of texts. ``content_key`` is the key by which it is stored, and with
    which it ends.
    """

    kind: str
    value: str | tuple[str, ...]
    readers: frozenset[str] = frozenset()
    content_key: UUID | None = None


@dataclass(frozen=True)
class AuditEvent:
    """One thing that happened, before it has a place in the log.

    ``action`` is one of EVENT_TYPES. ``handoff``, ``case_digest``, ``package_digest`` and
    ``document_sha256`` stand in clear in the event document and identify nobody; everything
    personal goes to ``details``. Digests are base64url, unpadded. ``at`` is the moment by which a
    change of the registry was judged, so that it can be judged again; else that of the append.
    """

    id: UUID
    action: str
    result: EventResult
    parties: tuple[Party, ...]
    details: tuple[EventDetail, ...] = ()
    handoff: UUID | None = None
    case_digest: str | None = None
    package_digest: str | None = None
    document_sha256: str | None = None
    simulated_date: date | None = None
    at: datetime | None = None

    def __post_init__(self) -> None:
        """Refuse a fact that an auditor could read in two ways."""
        if self.action not in EVENT_TYPES:
            raise ValueError("an action has an event")
        if len({*map(attrgetter("kind"), self.details)}) != len(self.details):
            raise ValueError("a detail of one kind occurs once in an event")
        names = {*map(attrgetter("organisation"), self.parties)}
        if not names or len(names) != len(self.parties):
            raise ValueError("an event has at least one party, and each organisation once")

    @property
    def type(self) -> str:
        """The event's name, as ``handoff.accepted``."""
        return EVENT_TYPES[self.action].name


class EventType(NamedTuple):
    """The event of an action, and as what it waits for each party but who acted (None: not at all,
    or as something owed), until that acts on it or a person there has seen it."""

    name: str
    operation: Operation
    arrives: Arrives | None = None


_EVENTS: dict[str, tuple[str, Operation] | tuple[str, Operation, Arrives | None]] = {
    "case.submit": ("case.submitted", Operation.COLLECTION),
    "case.revise": ("case.revised", Operation.ALTERATION),
    "case.read": ("case.read", Operation.CONSULTATION),
    "case.assess": ("case.assessed", Operation.ALTERATION),
    "case.clear": ("case.cleared", Operation.ALTERATION),
    "case.close": ("case.closed", Operation.ALTERATION),
    "case.erase": ("case.erased", Operation.ERASURE),
    "case.advance_erasure": ("case.erasure_advanced", Operation.ALTERATION, Arrives.NEWS),
    "case.embargo": ("case.embargoed", Operation.ALTERATION, Arrives.NEWS),
    "case.hold": ("case.held", Operation.ALTERATION, Arrives.NEWS),
    "case.restrict": ("case.restricted", Operation.ALTERATION, Arrives.NEWS),
    "case.repair": ("case.repaired", Operation.ALTERATION),
    "case.repair_handoff": ("case.handoff_repaired", Operation.ALTERATION),
    "case.lift_embargo": ("case.embargo_lifted", Operation.ALTERATION, Arrives.NEWS),
    "case.end_measure": ("case.measure_ended", Operation.ALTERATION, Arrives.NEWS),
    "case.report_removal": ("case.removal_reported", Operation.ALTERATION, Arrives.NEWS),
    "case.recall": ("case.recalled", Operation.ALTERATION),
    "case.approve_recall": ("case.recall_approved", Operation.ALTERATION),
    "case.consult": ("case.consulted", Operation.CONSULTATION),
    "handoff.offer": ("handoff.offered", Operation.DISCLOSURE),
    "handoff.preview": ("handoff.previewed", Operation.CONSULTATION),
    "handoff.update": ("handoff.updated", Operation.DISCLOSURE, Arrives.ADDITION),
    "handoff.announce_change": (
        "handoff.change_announced",
        Operation.DISCLOSURE,
        Arrives.ANNOUNCEMENT,
    ),
    "handoff.recall": ("handoff.recalled", Operation.ALTERATION),
    "handoff.send": ("handoff.sent", Operation.DISCLOSURE),
    "handoff.return": ("handoff.returned", Operation.ALTERATION, Arrives.NEWS),
    "handoff.return_act": ("handoff.act_returned", Operation.ALTERATION, Arrives.NEWS),
    "handoff.tell_undelivered": ("handoff.undelivered", Operation.ALTERATION, Arrives.NEWS),
    "handoff.read": ("handoff.read", Operation.CONSULTATION),
    **{
        kind.action: (
            kind.event,
            Operation.COLLECTION if kind.accepts else Operation.ALTERATION,
            kind.arrives,
        )
        for kind in ANSWERS.values()
    },
    "handoff.review": ("handoff.reviewed", Operation.CONSULTATION),
    "handoff.mark_seen": ("handoff.seen", Operation.CONSULTATION),
    "handoff.take": ("handoff.taken", Operation.ALTERATION),
    "handoff.refer": ("handoff.referred", Operation.ALTERATION),
    "handoff.remind": ("handoff.reminded", Operation.ALTERATION),
    "handoff.mark_overdue": ("handoff.overdue", Operation.ALTERATION),
    "handoff.end_retention": ("handoff.retention_ended", Operation.ERASURE),
    "erasure.announce": ("erasure.announced", Operation.ALTERATION, Arrives.NEWS),
    "whoami.read": ("whoami.read", Operation.CONSULTATION),
    "worklist.read": ("worklist.read", Operation.CONSULTATION),
    "directory.read": ("directory.read", Operation.CONSULTATION),
    "item.search": ("item.searched", Operation.CONSULTATION),
    "events.search": ("events.searched", Operation.LOG_ACCESS),
    "events.read": ("events.read", Operation.LOG_ACCESS),
    "receipt.read": ("receipt.read", Operation.LOG_ACCESS),
    "relay.deliver": ("relay.delivered", Operation.LOG_ACCESS),
    "notification.poll": ("notification.polled", Operation.LOG_ACCESS),
    "notification.replay": ("notification.replayed", Operation.LOG_ACCESS),
    "witness.register": ("witness.registered", Operation.KEY_EVENT),
    "notification.set_push": ("notification.push_set", Operation.REGISTRY_CHANGE),
    "notification.end_push": ("notification.push_ended", Operation.REGISTRY_CHANGE),
    "organisation.admit": ("organisation.admitted", Operation.REGISTRY_CHANGE),
    "organisation.apply": ("organisation.applied", Operation.REGISTRY_CHANGE),
    "organisation.approve": ("organisation.approved", Operation.REGISTRY_CHANGE),
    "organisation.reject": ("organisation.rejected", Operation.REGISTRY_CHANGE),
    "organisation.amend": ("organisation.amended", Operation.REGISTRY_CHANGE),
    "organisation.activate": ("organisation.activated", Operation.REGISTRY_CHANGE),
    "organisation.leave": ("organisation.left", Operation.REGISTRY_CHANGE),
    "contact.set": ("contact.set", Operation.REGISTRY_CHANGE),
    "contact.consult": ("contact.consulted", Operation.CONSULTATION),
    "interest.declare": ("interest.declared", Operation.REGISTRY_CHANGE),
    "interest.end": ("interest.ended", Operation.REGISTRY_CHANGE),
    "agreement.record": ("agreement.recorded", Operation.REGISTRY_CHANGE),
    "agreement.end": ("agreement.ended", Operation.REGISTRY_CHANGE),
    "retention.record": ("retention.recorded", Operation.REGISTRY_CHANGE),
    "retention.end": ("retention.ended", Operation.REGISTRY_CHANGE),
    "organisation.show_to_peer": ("organisation.shown_to_peer", Operation.REGISTRY_CHANGE),
    "organisation.hide_from_peer": ("organisation.hidden_from_peer", Operation.REGISTRY_CHANGE),
    "relay.members": ("relay.members_read", Operation.CONSULTATION),
    "peer.record_member": ("peer.member_recorded", Operation.REGISTRY_CHANGE),
    "peer.trust": ("peer.trusted", Operation.KEY_EVENT),
    "peer.agree": ("peer.agreed", Operation.REGISTRY_CHANGE),
    "peer.recognise": ("peer.recognised", Operation.REGISTRY_CHANGE),
    "peer.vouch": ("peer.vouched", Operation.KEY_EVENT),
    "peer.end": ("peer.ended", Operation.REGISTRY_CHANGE),
    "admin.add": ("admin.added", Operation.REGISTRY_CHANGE),
    "admin.add_passkey": ("admin.passkey_added", Operation.REGISTRY_CHANGE),
    "admin.revoke_passkey": ("admin.passkey_revoked", Operation.REGISTRY_CHANGE),
    "admin.disable": ("admin.disabled", Operation.REGISTRY_CHANGE),
    "system.disable": ("system.disabled", Operation.REGISTRY_CHANGE),
    "system.enable": ("system.enabled", Operation.REGISTRY_CHANGE),
    "system.set_admin_scopes": ("system.admin_scopes_set", Operation.REGISTRY_CHANGE),
    "proposal.create": ("proposal.created", Operation.REGISTRY_CHANGE),
    "proposal.withdraw": ("proposal.withdrawn", Operation.REGISTRY_CHANGE),
    "proposal.refuse": ("proposal.refused", Operation.REGISTRY_CHANGE),
    "registry.read": ("registry.read", Operation.CONSULTATION),
    "health.read": ("health.read", Operation.CONSULTATION),
    "organisation.suspend": ("organisation.suspended", Operation.REGISTRY_CHANGE),
    "organisation.reinstate": ("organisation.reinstated", Operation.REGISTRY_CHANGE),
    "membership.grant": ("membership.granted", Operation.REGISTRY_CHANGE),
    "membership.end": ("membership.ended", Operation.REGISTRY_CHANGE),
    "mandate.grant": ("mandate.granted", Operation.REGISTRY_CHANGE),
    "mandate.end": ("mandate.ended", Operation.REGISTRY_CHANGE),
    "system.register": ("system.registered", Operation.REGISTRY_CHANGE),
    "system.set_keys": ("system.keys_set", Operation.KEY_EVENT),
    "certificate.revoke": ("certificate.revoked", Operation.KEY_EVENT),
    "key.register": ("key.registered", Operation.KEY_EVENT),
    "key.revoke": ("key.revoked", Operation.KEY_EVENT),
    "organisation.require_signed": ("organisation.signed_required", Operation.REGISTRY_CHANGE),
    "organisation.allow_attested": ("organisation.attested_allowed", Operation.REGISTRY_CHANGE),
    "invitation.create": ("invitation.created", Operation.KEY_EVENT),
    "invitation.withdraw": ("invitation.withdrawn", Operation.KEY_EVENT),
    "invitation.redeem": ("invitation.redeemed", Operation.KEY_EVENT),
    "certificate.renew": ("certificate.requested", Operation.KEY_EVENT),
    "conformance.start": ("conformance.started", Operation.REGISTRY_CHANGE),
    "conformance.read": ("conformance.read", Operation.CONSULTATION),
    "conformance.submit": ("conformance.submitted", Operation.REGISTRY_CHANGE),
    "succession.preview": ("succession.previewed", Operation.CONSULTATION),
    "succession.plan": ("succession.planned", Operation.REGISTRY_CHANGE),
    "succession.cancel": ("succession.cancelled", Operation.REGISTRY_CHANGE),
    "succession.approve": ("succession.approved", Operation.REGISTRY_CHANGE),
    "succession.read": ("succession.read", Operation.CONSULTATION),
    "staff.read": ("staff.read", Operation.CONSULTATION),
    "staff.add": ("staff.added", Operation.REGISTRY_CHANGE),
    "staff.end": ("staff.ended", Operation.REGISTRY_CHANGE),
    "staff.establish": ("staff.established", Operation.REGISTRY_CHANGE),
    "staff.invite": ("staff.invited", Operation.REGISTRY_CHANGE),
    "staff.register_passkey": ("staff.passkey_registered", Operation.REGISTRY_CHANGE),
    "staff.revoke_passkey": ("staff.passkey_revoked", Operation.REGISTRY_CHANGE),
    "audit_access.grant": ("audit_access.granted", Operation.REGISTRY_CHANGE),
    "audit_access.end": ("audit_access.ended", Operation.REGISTRY_CHANGE),
    "audit.search": ("audit.search", Operation.LOG_ACCESS),
    "audit.read": ("audit.read", Operation.LOG_ACCESS),
    "audit.inform": ("audit.informed", Operation.LOG_ACCESS),
    "log_hold.set": ("log_hold.set", Operation.REGISTRY_CHANGE),
    "log_hold.end": ("log_hold.ended", Operation.REGISTRY_CHANGE),
    "gateway.create": ("gateway.created", Operation.REGISTRY_CHANGE),
    "log.continue": ("log.continued", Operation.KEY_EVENT),
    "gateway_key.rotate": ("gateway_key.rotated", Operation.KEY_EVENT),
    "gateway_key.publish": ("gateway.key_published", Operation.KEY_EVENT),
    "gateway_key.withdraw": ("gateway.key_withdrawn", Operation.KEY_EVENT),
    "ca.rotate": ("ca.rotated", Operation.KEY_EVENT),
    "log.erase_details": ("log.details_erased", Operation.ERASURE),
    "log.adopt_mark": ("log.mark_adopted", Operation.KEY_EVENT),
    "certificate.issue": ("certificate.issued", Operation.KEY_EVENT),
    "certificate.warn": ("certificate.expiring", Operation.KEY_EVENT),
    "conformance.pass": ("conformance.passed", Operation.REGISTRY_CHANGE),
    "organisation.enrol": ("organisation.enrolled", Operation.REGISTRY_CHANGE),
    "succession.apply": ("succession.applied", Operation.REGISTRY_CHANGE),
    "peer.resume": ("peer.resumed", Operation.REGISTRY_CHANGE),
    "peer.diverge": ("peer.diverged", Operation.REGISTRY_CHANGE),
    "counterpart.suspend": ("counterpart.suspended", Operation.ALTERATION, Arrives.NEWS),
    "counterpart.reinstate": ("counterpart.reinstated", Operation.ALTERATION, Arrives.NEWS),
    "counterpart.leave": ("counterpart.left", Operation.ALTERATION, Arrives.NEWS),
    "counterpart.end_membership": (
        "counterpart.membership_ended",
        Operation.ALTERATION,
        Arrives.NEWS,
    ),
    "counterpart.revoke_key": ("counterpart.key_revoked", Operation.ALTERATION, Arrives.NEWS),
}

EVENT_TYPES = {action: EventType(*row) for action, row in _EVENTS.items()}
"""Each action and the event that it becomes, whatever its result; read actions become one only when
they are refused (a read that is allowed opens no content), and so does a preview; except
``audit.search``, which is always one. ``audit.inform``, by which members learn of it, and the last
nineteen are the gateway's own: its founding, the lost log that it continues, a step of its keys or
of its issuing authority, a key with which it signs from then on, or no more, details that ended
with their term, a database that two administrators vouch for, the certificate that the holder of
the issuing key made, a certificate's end that comes near, a conformance run that is passed with its
last step, the status that goes with a first certificate, a succession that was approved, a peer's
log that has two histories, and what the counterparts of an organisation hear of it; so are the
answers that the gateway makes."""

READABLE_EVENTS = EVENT_TYPES | {
    action: EventType(event, Operation(operation))
    for action, (event, operation) in read_only.EVENTS.items()
}
"""Likewise, with those that only an earlier log may hold: whatever reads a log asks this one."""

ACTION_OF: dict[str, str] = {event: action for action, (event, *_) in READABLE_EVENTS.items()}
"""The action of which each type of event tells."""


def told_as(event_type: str, result: str) -> str:
    """An event's name for people: its type, ``handoff.accepted``, of what was done; of what was
    refused the action that was asked, ``handoff.accept``, for nothing was done."""
    return event_type if result == EventResult.ALLOWED else ACTION_OF.get(event_type, event_type)


# --- How long the log names persons and their reasons: its terms, and what suspends them ---
#
# The log itself has no end: its entries commit to details, and go on verifying without them.


LED_YEARS, GDPR_YEARS = 3, 1
"""Years that details of persons are kept, by the regime of the organisation that acted."""

LONGEST_GDPR_YEARS = 3
"""With a reason: longer is not foreseen for who acts under the GDPR alone."""

LONGEST_REVIEW = timedelta(days=366)
"""How far ahead the review of a log hold may lie."""

_PERSONAL = frozenset(
    {
        "by",
        "roles",
        "approvals",
        "assessors",
        "cleared_by",
        "approved_by",
        "reason_code",
        "reason",
        "case",
    }
)
_NAMING = frozenset(
    {
        "staff.added",
        "staff.ended",
        "staff.recused",
        "staff.invited",
        "staff.passkey_registered",
        "staff.passkey_revoked",
        "audit.search",
        "events.searched",
        "proposal.created",
        "proposal.withdrawn",
        "proposal.refused",
        "case.erasure_advanced",
    }
)
"""Events whose subject can name persons: entries of a register, whom an auditor searched for, what
a change would have said, who decided an earlier erasure."""

_MADE_AGAIN = frozenset({str(Operation.REGISTRY_CHANGE), str(Operation.KEY_EVENT)})


def personal_kinds(
    event_type: str, operation: str, result: str, *, by_gateway: bool
) -> frozenset[str]:
    """The kinds of details of an event that end with the term of who acted.

    Of what administrators changed in the registry none: the registry is what those events say, and
    who approved each, as long as there is a gateway. What was refused may repeat anything.
    """
    if result != EventResult.ALLOWED or event_type in _NAMING:
        return _PERSONAL | {"subject"}
    if by_gateway and operation in _MADE_AGAIN:
        return frozenset()
    return _PERSONAL


@dataclass(frozen=True)
class LogTerms:
    """For how many years details of persons stay in the log; ``reason`` for longer than usual.

    ValueError for a longer term without a reason.
    """

    led_years: int = LED_YEARS
    gdpr_years: int = GDPR_YEARS
    reason: str | None = None

    def __post_init__(self) -> None:
        """Require the reason."""
        longer = self.led_years > LED_YEARS or self.gdpr_years > GDPR_YEARS
        if longer and not self.reason:
            raise ValueError("a longer term than the usual one needs its reason")

    def years(self, regimes: Collection[str]) -> int:
        """The term of an organisation that acts under these regimes."""
        return self.led_years if "led" in regimes else self.gdpr_years

    def passed(self, regimes: Collection[str], now: datetime) -> datetime:
        """The moment before which the term of an event is over."""
        year = now.year - self.years(regimes)
        try:
            return now.replace(year=year)
        except ValueError:  # 29 February
            return now.replace(year=year, day=28)


@dataclass(frozen=True)
class LogHold:
    """Proceedings or an inquiry that suspend the terms: of all, an organisation, or one case.

    ``id`` is the event that set it. A hold on a case names its originator as the organisation, and
    keeps what anybody did with it. A review that was missed ends nothing.
    """

    id: UUID
    organisation: str | None
    case: UUID | None
    reference: str
    review_on: date
    ended_at: datetime | None = None

    @property
    def whole(self) -> bool:
        """Tell whether it keeps all that the organisation did, or everybody."""
        return self.case is None

    def keeps_all_of(self, organisation: str) -> bool:
        """Tell whether nothing that an organisation did may be erased."""
        return self.whole and self.organisation in (None, organisation)

    def is_review_missed(self, today: date) -> bool:
        """Tell whether it should have been looked at again by now."""
        return self.ended_at is None and today > self.review_on


@dataclass(frozen=True)
class ErasedDetails:
    """What one step erased: how many details of how many entries, the first and the last of them.

    ``more`` tells that events whose term is over are left.
    """

    first: int
    last: int
    entries: int
    details: int
    more: bool
