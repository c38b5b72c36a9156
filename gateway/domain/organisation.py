"""Who takes part: organisations, their memberships on a date, their names, and their systems."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from urllib.parse import urlsplit
from uuid import UUID

from gateway.domain.audit import AuditAccess
from gateway.domain.mandate import Mandate, Period
from gateway.domain.peer import GATEWAY_KIND, PeerGateway, RemoteMember
from gateway.domain.retention import StandingRetention

SLUG = re.compile(r"[a-z][a-z0-9-]{1,39}", re.ASCII)
NO_SLUG = "must be an organisation id, as hotline-a"
"""What is wrong with a text that does not have the form of an id."""
NAME = re.compile(rf"{SLUG.pattern}(?:@{SLUG.pattern})?", re.ASCII)
NO_NAME = "must be an organisation's name, as hotline-a, or ofmin@fr at a peer gateway"
"""What is wrong with a text that does not have the form of a name."""

KINDS = (
    "hotline",
    "hotline_network",
    "police_office",
    "police_platform",
    "judicial",
    "regulator",
    "child_protection_service",
    "provider",
    "researcher",
    GATEWAY_KIND,
)
"""Kinds of organisations; the last is a peer gateway, whose members have kinds of their own."""


DUTY_CONTACT = "duty"
"""The role of whom to reach at any hour, in imminent danger."""

CONTACT_ROLES = ("head", "liaison", "data_protection", "security", DUTY_CONTACT)
"""Whom to contact: the head, for cases, for personal data, for systems, at any hour."""

REACHED_FIRST = (DUTY_CONTACT, "liaison", "head")
"""The roles of whom to telephone about an imminent danger, the first that there is."""

INTEREST_SCOPES = ("provider", "case")
"""What an interest refers to."""

INTEREST_KINDS = ("funder", "customer", "employer", "party")
"""Kinds of declared interests in a provider or a case (R9)."""

AGREEMENT_KINDS = ("accession", "data_protection", "transfer")
"""Kinds of agreements; ``transfer`` allows data to go to a third country (R15)."""

SCOPES = (
    "directory.read",
    "cases.write",
    "cases.read",
    "handoffs.offer",
    "handoffs.read",
    "handoffs.answer",
    "events.read",
    "audit.search",
    "log.cosign",
)
"""Scopes that a system may request."""

AUDIT_SCOPE = "audit.search"
"""The scope of an auditor's system: it reads what an audit access covers."""

COSIGN_SCOPE = "log.cosign"
"""The scope of a member's system that witnesses the log."""

STAFF_SCOPE = "staff"
"""The scope of the system that keeps the staff register."""

RELAY_SCOPE = "relay"
"""The scope of a peer gateway's system, which has no other; no other organisation's has it."""

SEPARATE_SCOPES = frozenset({STAFF_SCOPE, "cases.write"})
"""Never both for one system: who submits cases must not also say who the second person is."""

HEALTH_SCOPE = "health"
"""The scope of those who operate the gateway: it reads how that is, and nothing else."""

ADMIN_SCOPES = ("admin", HEALTH_SCOPE)
"""Scopes for systems of the operator; two persons grant them (R10)."""

ALL_SCOPES = (*SCOPES, STAFF_SCOPE, RELAY_SCOPE, *ADMIN_SCOPES)
"""All that a token may have."""

CONSOLE = "console"
"""The system in whose name persons act in a browser; no other one is registered under it."""


def system_name_fault(name: str) -> str | None:
    """Return what is wrong with the name of a new system, or None."""
    taken = f"must be another name: {CONSOLE} is how persons act in a browser"
    return taken if name == CONSOLE else None


EEA = frozenset(
    {"AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE"}
    | {"IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK"}
    | {"IS", "LI", "NO"}
)
"""The European Economic Area: data go there without a transfer tool (R15)."""

_ORGANISATION_URI = re.compile(
    r"(?P<issuer>https://[^\s?#]+)/organisations/(?P<slug>[^/\s?#]+)", re.ASCII
)


def organisation_uri(issuer: str, slug: str) -> str:
    """The name of an organisation in documents, below its gateway's."""
    return f"{issuer}/organisations/{slug}"


def read_organisation_uri(uri: str) -> tuple[str, str] | None:
    """The gateway's issuer and the slug that ``organisation_uri`` joined; None for other texts."""
    found = _ORGANISATION_URI.fullmatch(uri)
    if found is None or not SLUG.fullmatch(found["slug"]):
        return None
    return found["issuer"], found["slug"]


_SYSTEM_URI = re.compile(
    r"urn:casegate:(?P<gateway>[^:]+):(?P<organisation>[^:]+):(?P<system>[^:]+)", re.ASCII
)


def read_system_uri(uri: str) -> tuple[str, str, str] | None:
    """The gateway, organisation and system that ``system_uri`` joined; None for other texts."""
    found = _SYSTEM_URI.fullmatch(uri)
    if found is None or not all(SLUG.fullmatch(part) for part in found.groups()):
        return None
    return found["gateway"], found["organisation"], found["system"]


def system_uri(gateway: str, organisation: str, system: str) -> str:
    """The name of a system in its certificate, a SAN URI; ValueError unless all are slugs."""
    for part in (gateway, organisation, system):
        if not SLUG.fullmatch(part):
            raise ValueError("a name in a certificate is [a-z][a-z0-9-]{1,39}")
    return f"urn:casegate:{gateway}:{organisation}:{system}"


def witness_name(issuer: str, slug: str) -> str:
    """The name of a member as a witness of the gateway's log: no other member can bear it."""
    return f"{urlsplit(issuer).netloc}/{slug}"


class MembershipClass(StrEnum):
    """The class of a membership."""

    FULL = "full"
    ASSOCIATE = "associate"
    OBSERVER = "observer"


class Status(StrEnum):
    """Where an organisation is in its life as a participant."""

    APPLIED = "applied"
    REJECTED = "rejected"
    APPROVED = "approved"
    ENROLLED = "enrolled"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    LEFT = "left"


ACTIONS_BEFORE_ACTIVATION = frozenset(
    {
        "whoami.read",
        "worklist.read",
        "certificate.renew",
        "conformance.start",
        "conformance.read",
        "conformance.submit",
        "staff.read",
        "staff.add",
        "staff.end",
        "staff.invite",
        "staff.register_passkey",
        "staff.revoke_passkey",
    }
)
"""What an organisation that is enrolled may ask before it is active; policies state it too."""


ACTIONS_WHILE_SUSPENDED = frozenset(
    {
        "whoami.read",
        "worklist.read",
        "staff.read",
        "case.read",
        "events.read",
        "handoff.read",
        "receipt.read",
        "relay.members",
        "relay.deliver",
        "handoff.decline",
        "handoff.acknowledge",
        "handoff.apply",
        "handoff.dispute",
        "handoff.acknowledge_recall",
        "handoff.answer_recall",
        "handoff.retain",
        "handoff.review",
        "handoff.mark_seen",
        "handoff.take",
        "handoff.refer",
        "handoff.call",
        "handoff.notify_correction",
        "handoff.answer_proposal",
        "case.recall",
        "case.approve_recall",
        "case.restrict",
        "case.end_measure",
    }
)
"""What a suspended organisation may ask: duties outlive rights. It stops uses, by a restriction
that it also ends, and answers for what it holds, by persons of its register, which it reads; it
opens, gives and takes no content. Policies state it too, and that it does not end an embargo."""

SCOPES_WHILE_SUSPENDED = frozenset(
    {"cases.read", "cases.write", "events.read", "handoffs.answer", "handoffs.read", RELAY_SCOPE}
)
"""The scopes of its systems that these need; no token has more meanwhile."""


def may_act(status: Status, action: str) -> bool:
    """Tell whether an organisation of this status is heard at all when it asks for the action."""
    return (
        status is Status.ACTIVE
        or (status is Status.ENROLLED and action in ACTIONS_BEFORE_ACTIVATION)
        or (status is Status.SUSPENDED and action in ACTIONS_WHILE_SUSPENDED)
    )


@dataclass(frozen=True)
class Membership:
    """A membership: its class, its days, and the decision that granted it."""

    membership: MembershipClass
    period: Period
    decision_ref: str


@dataclass(frozen=True)
class StatusEntry:
    """A status, the civil day since which it holds, and the audit event that set it."""

    status: Status
    since: date
    event: UUID


@dataclass(frozen=True)
class AdmissionDecision:
    """What the governing body decided of an application, and where that is written.

    ``document_sha256`` is the digest (base64url) of the decision's document, which stays with the
    governing body; ``event`` recorded the decision.
    """

    decision_ref: str
    decided_on: date
    document_sha256: str
    event: UUID


@dataclass(frozen=True)
class Application:
    """What an organisation asked for: a membership, for purposes, and what it says of itself.

    ``event`` recorded it. There is no ``decision`` until the governing body has decided; what it
    decided is the organisation's status.
    """

    membership: MembershipClass
    purposes: frozenset[str]
    description: str
    received_on: date
    event: UUID
    decision: AdmissionDecision | None


@dataclass(frozen=True)
class DeclaredInterest:
    """What binds an organisation to a provider, or to a case, so that it judges neither (R9).

    ``scope`` is ``provider`` or ``case``. ``subject`` is the provider's domain name, which stands
    for all names below it, or ``<originator>/<case id>``. ``kind`` is one of INTEREST_KINDS.
    ``id`` is the audit event that registered it.
    """

    id: UUID
    scope: str
    subject: str
    kind: str
    period: Period


@dataclass(frozen=True)
class Agreement:
    """What an organisation agreed to, with whom the law says so, for a time.

    ``kind`` is one of AGREEMENT_KINDS; ``reference`` is the legal one. ``id`` is the audit event
    that registered it.
    """

    id: UUID
    kind: str
    description: str
    reference: str
    period: Period


@dataclass(frozen=True)
class Contact:
    """Whom to reach at an organisation, in one role. Personal data: never in an event document."""

    organisation: str
    role: str
    name: str
    address: str
    registration_event: UUID


@dataclass(frozen=True)
class MemberKey:
    """A public key of an organisation, in one of the two uses below.

    ``kid`` is the RFC 7638 thumbprint, ``jwk`` the key as JSON. It counts from ``valid_from``
    until ``valid_until`` (half-open). ``registration_event`` is the audit event that registered
    it: the answer to "who says that this is their key?". ``revoked_by`` is the one that revoked it.
    """

    kid: str
    jwk: str
    valid_from: datetime
    registration_event: UUID
    valid_until: datetime | None = None
    revoked_by: UUID | None = None

    def holds(self, at: datetime) -> bool:
        """Tell whether the key counts at a moment."""
        return self.valid_from <= at and (self.valid_until is None or at < self.valid_until)


class MemberDocumentKey(MemberKey):
    """A key with which an organisation signs its own documents."""


@dataclass(frozen=True)
class MemberEncryptionKey(MemberKey):
    """A key to which others seal what only this organisation shall read.

    ``countersignature`` is what one of its document keys said of it: who knows that one need not
    believe the directory. None when there was none.
    """

    countersignature: str | None = None


@dataclass(frozen=True)
class Organisation:
    """A participant with its memberships and mandates, past and present.

    ``kind`` is one of KINDS (``hotline``, ``police_office``...); ``regimes`` is a subset of
    ``gdpr`` and ``led``. ``version`` counts the changes, for compare-and-set. ``signed_only``
    tells that nothing counts as its word but what it signs with one of its ``document_keys``.
    ``history`` has the statuses that it went through, the present one last. ``application`` is
    None for one that was admitted. ``audit_access`` are those that it was given, over others, past
    and present. ``push_address`` is where its notifications are sent to, None where it collects
    them. ``peer`` is of a peer gateway alone, from when its keys were compared; ``shown_to``
    are those that may know of this organisation, ``remote`` is of a member of one.
    """

    slug: str
    name: str
    kind: str
    public_authority: bool
    regimes: frozenset[str]
    country: str
    status: Status
    memberships: tuple[Membership, ...] = ()
    mandates: tuple[Mandate, ...] = ()
    version: int = 1
    document_keys: tuple[MemberDocumentKey, ...] = ()
    encryption_keys: tuple[MemberEncryptionKey, ...] = ()
    signed_only: bool = False
    history: tuple[StatusEntry, ...] = ()
    application: Application | None = None
    interests: tuple[DeclaredInterest, ...] = ()
    agreements: tuple[Agreement, ...] = ()
    retentions: tuple[StandingRetention, ...] = ()
    audit_access: tuple[AuditAccess, ...] = ()
    push_address: str | None = None
    peer: PeerGateway | None = None
    shown_to: frozenset[str] = frozenset()
    remote: RemoteMember | None = None

    def __post_init__(self) -> None:
        """Refuse an organisation that the rules could not judge."""
        OrganisationName(self.slug)
        if "led" in self.regimes and not self.public_authority:
            raise ValueError("only a public authority acts under the led regime")

    @property
    def active(self) -> bool:
        """Tell whether it takes part now."""
        return self.status is Status.ACTIVE

    def standing_on(self, day: date) -> Status:
        """Its status; a peer gateway with which nothing is agreed on a day counts as suspended."""
        agreed = self.peer is None or self.peer.agreement_on(day) is not None
        return self.status if agreed or not self.active else Status.SUSPENDED

    def is_attested(self, now: datetime) -> bool:
        """Tell whether what is known of it is of today: of a remote member its gateway says so."""
        return self.remote is None or now < self.remote.attested_until

    @property
    def exchanges(self) -> bool:
        """Tell whether cases could ever come to it, or begin here: by a mandate, or by another
        membership than an observer's (R3)."""
        classes = {one.membership for one in self.memberships}
        return bool(self.mandates or classes - {MembershipClass.OBSERVER})

    def membership_on(self, day: date) -> MembershipClass | None:
        """The class of the membership on ``day``, or None."""
        held = [one.membership for one in self.memberships if one.period.holds(day)]
        return held[-1] if held else None

    def status_on(self, day: date) -> Status | None:
        """The status at the end of ``day``; None before the first."""
        past = [step.status for step in self.history if step.since <= day]
        return past[-1] if past else None

    def document_key(self, kid: str) -> MemberDocumentKey | None:
        """The document key of that id, whether it still counts or not."""
        return next((key for key in self.document_keys if key.kid == kid), None)

    def encryption_key(self, kid: str) -> MemberEncryptionKey | None:
        """The encryption key of that id, whether it still counts or not."""
        return next((key for key in self.encryption_keys if key.kid == kid), None)

    def competences_on(self, day: date) -> frozenset[str]:
        """The keys of the competences in force on ``day``."""
        return frozenset(one.key for one in self.mandates if one.holds(day))

    def transfer_tool_on(self, day: date) -> str | None:
        """The reference of what lets data go to it in a third country on ``day`` (R15); None where
        nothing does, or no tool is needed."""
        if self.country in EEA:
            return None
        tools = (one for one in self.agreements if one.kind == "transfer")
        return next((one.reference for one in tools if one.period.holds(day)), None)

    def is_transfer_barred_on(self, day: date) -> bool:
        """Tell whether it is in a third country, with no transfer tool valid on ``day``.

        An adequacy decision is such a tool too: it is recorded like the others.
        """
        return self.country not in EEA and self.transfer_tool_on(day) is None

    def mandated_matters_on(self, day: date) -> frozenset[str]:
        """The matters of its mandates in force on ``day``, whatever their function."""
        return frozenset(one.matter for one in self.mandates if one.holds(day))


@dataclass(frozen=True)
class System:
    """A machine of an organisation that may request tokens, and the scopes it may request.

    Access tokens issued before ``tokens_valid_from`` are invalid: a key of the system was
    withdrawn then.
    """

    organisation: str
    name: str
    scopes: frozenset[str]
    enabled: bool = True
    tokens_valid_from: datetime | None = None

    @property
    def client_id(self) -> str:
        """The OAuth client identifier: ``<organisation>.<system>``."""
        return f"{self.organisation}.{self.name}"


def system_of(client_id: str) -> tuple[str, str] | None:
    """Split a client identifier into organisation and system; None when it is not one."""
    organisation, dot, system = client_id.partition(".")
    if dot and SLUG.fullmatch(organisation) and SLUG.fullmatch(system):
        return organisation, system
    return None


@dataclass(frozen=True)
class Certificate:
    """A client certificate that the gateway issued. ``thumbprint`` is RFC 8705's x5t#S256.

    ``reminded``: the last expiry notice, in days before the end.
    """

    thumbprint: str
    serial: int
    organisation: str
    system: str
    not_after: datetime
    revoked_at: datetime | None = None
    reminded: int | None = None


REMINDERS = (14, 7, 3)
"""Days before a certificate expires at which a notice is recorded, once each."""


def due_expiry_notice(certificate: Certificate, now: datetime) -> int | None:
    """The expiry notice that is due, in days before the end; None if none is due.

    One at a time: after a pause only the last threshold that was passed is due.
    """
    left = certificate.not_after - now
    due = [days for days in REMINDERS if left <= timedelta(days=days)]
    if not due or (certificate.reminded is not None and certificate.reminded <= min(due)):
        return None
    return min(due)


@dataclass(frozen=True)
class Administrator:
    """A named administrator, and the public key (JWK as JSON) that approves in their name."""

    id: str
    name: str
    public_key: str
    enabled: bool = True


ENOUGH_ADMINISTRATORS = 3
"""Of whom two remain when one is disabled."""


# --- What an organisation is called ---


class OrganisationName(str):
    """What an organisation is called here: its id, or ``id@peer``, a remote member's, where
    ``peer`` is the id of its gateway in this registry. Raises ValueError for what is no name.

    The form says nothing of whether there is such an organisation: the registry does.
    """

    __slots__ = ("id", "peer")

    id: str
    """The id under which its own gateway knows the organisation."""
    peer: str | None
    """What the organisation's gateway is called here; None for this gateway."""

    def __new__(cls, text: str) -> "OrganisationName":
        """Read a name."""
        return _read(text)


@lru_cache(maxsize=4096)
def _read(text: str) -> OrganisationName:
    if not NAME.fullmatch(text):
        raise ValueError(f"{text!r} {NO_NAME}")
    name = str.__new__(OrganisationName, text)
    name.id, _, peer = text.partition("@")
    name.peer = peer or None
    return name


@dataclass(frozen=True)
class GatewayNames:
    """From a name to its URI, and back: documents have URIs, and ids of their audience.

    ``issuer`` is the URI of this gateway, ``peers`` has those of its peer gateways by their ids.
    """

    issuer: str
    peers: Mapping[str, str] = field(default_factory=dict)

    @property
    def gateways(self) -> Collection[str]:
        """The URIs of all gateways that are known here."""
        return (self.issuer, *self.peers.values())

    def home(self, name: str) -> str:
        """The URI of the gateway where an organisation is a member; ValueError for a peer that is
        not known."""
        peer = OrganisationName(name).peer
        if peer is not None and peer not in self.peers:
            raise ValueError(f"{peer!r} is no peer gateway that is known here")
        return self.issuer if peer is None else self.peers[peer]

    def uri(self, name: str) -> str:
        """The URI of an organisation, as documents have it; ValueError as for `home`."""
        return organisation_uri(self.home(name), OrganisationName(name).id)

    def name(self, uri: str) -> OrganisationName | None:
        """The name of the organisation that has this URI; None for what is no URI of one, or is
        at a gateway that is not known here."""
        found = read_organisation_uri(uri)
        return None if found is None else self.name_at(*found)

    def name_at(self, gateway: str, identifier: str) -> OrganisationName | None:
        """The name of the organisation of this id at a gateway; None as for `name`."""
        if gateway == self.issuer:
            return OrganisationName(identifier)
        known = (peer for peer, issuer in self.peers.items() if issuer == gateway)
        return next((OrganisationName(f"{identifier}@{peer}") for peer in known), None)


def of_remote(one: Organisation, peer: PeerGateway) -> Organisation:
    """A remote member's entry: of what its gateway says, what counts here.

    It is a public authority where two persons recognised it, a member where its kind takes part by
    the newest agreement, and competent as far as that goes; in a third country what allows a
    transfer is what the agreement names (R15). Nothing is its word but what it signs, unless its
    own gateway attests it.
    """
    remote, terms = one.remote, peer.agreements[-1] if peer.agreements else None
    if remote is None:
        raise ValueError("the organisation is no remote member")
    recognised = peer.recognition_of(OrganisationName(one.slug).id)
    public = remote.public_authority and recognised is not None
    led = public and recognised is not None and recognised.led
    takes_part = terms is not None and one.kind in terms.kinds
    return replace(
        one,
        public_authority=public,
        regimes=remote.regimes if led else remote.regimes - {"led"},
        memberships=(
            (Membership(MembershipClass(terms.membership), terms.period, str(terms.event)),)
            if terms is not None and takes_part
            else ()
        ),
        mandates=tuple(
            held
            for held in remote.mandates
            if terms is not None
            and takes_part
            and held.matter in terms.matters
            and held.territory in terms.territories
        ),
        agreements=(
            (Agreement(terms.event, "transfer", "peer.agree", terms.transfer_tool, terms.period),)
            if terms is not None and terms.transfer_tool is not None
            else ()
        ),
        signed_only=True,
    )
