"""Who takes part: organisations, their memberships and mandates on a date, and their systems.

How a status becomes another one is in gateway/domain/lifecycle.py.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache, partial
from itertools import groupby
from uuid import UUID

from gateway.domain.audit import AuditAccess
from gateway.domain.refusals import NoCompetentOrganisation, SeveralCompetentOrganisations
from gateway.domain.service_hours import ServiceHours

SLUG = re.compile(r"[a-z][a-z0-9-]{1,39}", re.ASCII)
NO_SLUG = "must be an organisation id, as hotline-a"
"""What is wrong with a text that does not have the form of an id."""

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
)
"""Kinds of organisations."""

SINGLE_POINT_OF_CONTACT = "single_point_of_contact"
FUNCTIONS = ("receive", "investigate", "take_down", "protect", "route", SINGLE_POINT_OF_CONTACT)
"""What a mandate allows an organisation to do in a matter: receive reports, investigate, have
items removed, protect children, and find a recipient for what is nobody's."""

DUTY_CONTACT = "duty"
"""The role of whom to reach at any hour, in imminent danger."""

CONTACT_ROLES = ("head", "liaison", "data_protection", "security", DUTY_CONTACT)
"""Whom to contact: the head, for cases, for personal data, for systems, at any hour."""

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
)
"""Scopes that a system may request."""

AUDIT_SCOPE = "audit.search"
"""The scope of an auditor's system: it reads what an audit access covers."""

STAFF_SCOPE = "staff"
"""The scope of the system that keeps the staff register."""

SEPARATE_SCOPES = frozenset({STAFF_SCOPE, "cases.write"})
"""Never both for one system: who submits cases must not also say who the second person is."""

ADMIN_SCOPES = ("admin",)
"""Scopes for systems of the operator; two persons grant them (R10)."""

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
        "certificate.renew",
        "conformance.start",
        "conformance.read",
        "conformance.submit",
        "staff.read",
        "staff.add",
        "staff.end",
        "staff.recuse",
    }
)
"""What an organisation that is enrolled may ask before it is active; policies state it too."""


ACTIONS_WHILE_SUSPENDED = frozenset(
    {
        "whoami.read",
        "handoff.read",
        "receipt.read",
        "handoff.decline",
        "handoff.acknowledge",
        "handoff.apply",
        "handoff.dispute",
        "handoff.acknowledge_recall",
        "handoff.answer_recall",
        "handoff.retain",
        "handoff.review",
        "handoff.call",
        "handoff.notify_correction",
        "handoff.answer_proposal",
        "case.recall",
        "case.approve_recall",
        "case.restrict",
    }
)
"""What a suspended organisation may ask: duties outlive rights. It stops uses and answers for what
it holds; it opens, gives and takes no content. Policies state it too."""

SCOPES_WHILE_SUSPENDED = frozenset(
    {"cases.write", "events.read", "handoffs.answer", "handoffs.read"}
)
"""The scopes of its systems that these need; no token has more meanwhile."""


def may_act(status: Status, action: str) -> bool:
    """Whether an organisation of this status is heard at all when it asks for the action."""
    return (
        status is Status.ACTIVE
        or (status is Status.ENROLLED and action in ACTIONS_BEFORE_ACTIVATION)
        or (status is Status.SUSPENDED and action in ACTIONS_WHILE_SUSPENDED)
    )


@dataclass(frozen=True)
class Period:
    """A half-open span of days in the gateway's civil time zone: ``start <= day < end``."""

    start: date
    end: date | None = None

    def __post_init__(self) -> None:
        """Refuse a period that holds no day."""
        if self.end is not None and self.end <= self.start:
            raise ValueError("a period ends after it starts")

    def holds(self, day: date) -> bool:
        """Whether ``day`` lies in the period."""
        return self.start <= day and (self.end is None or day < self.end)

    def overlaps(self, other: "Period") -> bool:
        """Whether the two periods share a day."""
        return (self.end is None or other.start < self.end) and (
            other.end is None or self.start < other.end
        )


@dataclass(frozen=True)
class Membership:
    """A membership: its class, its days, and the decision that granted it."""

    membership: MembershipClass
    period: Period
    decision_ref: str


@dataclass(frozen=True)
class Mandate:
    """A legal mandate: what an organisation does in a matter and territory, and by which act.

    ``registration_event`` is the audit event that registered it: the answer to "who says so?".
    """

    id: UUID
    organisation: str
    function: str
    matter: str
    territory: str
    legal_act: str
    period: Period
    registration_event: UUID

    def __post_init__(self) -> None:
        """Refuse a competence whose key could be read as another one's."""
        if any(not part or "/" in part for part in (self.function, self.matter, self.territory)):
            raise ValueError("function, matter and territory are words without '/'")

    @property
    def key(self) -> str:
        """The name that policies compare: ``receive/csam/FR``."""
        return format_competence(self.function, self.matter, self.territory)


def format_competence(function: str, matter: str, territory: str) -> str:
    """Spell a competence as one string, for the policy engine has no string building."""
    return f"{function}/{matter}/{territory}"


def parse_competence(key: str) -> tuple[str, str, str] | None:
    """The function, matter and territory of a competence's key; None when it is none."""
    parts = key.split("/")
    return (parts[0], parts[1], parts[2]) if len(parts) == 3 and all(parts) else None


def competence_members(key: str) -> dict[str, str]:
    """A competence's key as the members of JSON: function, matter, territory."""
    return dict(zip(("function", "matter", "territory"), key.split("/"), strict=True))


def read_competence(text: str) -> str:
    """The key of a competence as people write it, ``[FUNCTION/]MATTER/TERRITORY``.

    Without a function it is ``receive``. ValueError for what names no competence.
    """
    key = text if text.count("/") > 1 else f"receive/{text}"
    named = parse_competence(key)
    if named is None or named[0] not in FUNCTIONS:
        raise ValueError("a competence is [FUNCTION/]MATTER/TERRITORY, as take_down/csam/NL")
    return key


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
class StandingRetention:
    """For how long an organisation under led keeps what it accepts for a purpose, by which act.

    It keeps it ``years`` from its acceptance, None without an end, and reviews that after
    ``review_years``. ``id`` is the audit event that registered it.
    """

    id: UUID
    purpose: str
    legal_act: str
    years: int | None
    review_years: int
    period: Period


@dataclass(frozen=True)
class Contact:
    """Whom to reach at an organisation, in one role. Personal data: never in a event document."""

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
        """Whether the key counts at a moment."""
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
    them. ``service_hours`` is None where its terms run by the clock.
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
    service_hours: ServiceHours | None = None

    def __post_init__(self) -> None:
        """Refuse an organisation that the rules could not judge."""
        if not SLUG.fullmatch(self.slug):
            raise ValueError(f"{self.slug!r} {NO_SLUG}")
        if "led" in self.regimes and not self.public_authority:
            raise ValueError("only a public authority acts under the led regime")

    @property
    def active(self) -> bool:
        """Whether it takes part now."""
        return self.status is Status.ACTIVE

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
        return frozenset(c.key for c in self.mandates if c.period.holds(day))

    def mandated_matters_on(self, day: date) -> frozenset[str]:
        """The matters of its mandates in force on ``day``, whatever their function."""
        return frozenset(c.matter for c in self.mandates if c.period.holds(day))


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


def resolve_competence(
    mandates: Iterable[Mandate], key: str, day: date, organisation: str | None = None
) -> Mandate:
    """Find who holds a competence on a day: its only holder, or ``organisation`` among several.

    Raises NoCompetentOrganisation or SeveralCompetentOrganisations, which name the holders: a
    case is never sent on a guess (R11).
    """
    found = {c.organisation: c for c in mandates if c.key == key and c.period.holds(day)}
    names, on = ", ".join(sorted(found)), day.isoformat()
    if not found:
        raise NoCompetentOrganisation(
            f"No organisation holds the mandate {key} on {on}."
            " Check function, matter and territory, or name a recipient."
        )
    if organisation is not None:
        if organisation not in found:
            raise NoCompetentOrganisation(
                f"{organisation} has no mandate {key} on {on}. Its holders: {names}."
            )
        return found[organisation]
    if len(found) > 1:
        raise SeveralCompetentOrganisations(
            f"Several organisations hold the mandate {key} on {on}: {names}."
            " Name one of them beside the competence."
        )
    return next(iter(found.values()))


# --- Third countries (R15) ---

INSIDE = frozenset(
    {"AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE"}
    | {"IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK"}
    | {"IS", "LI", "NO"}
)
"""The European Union, and with it Iceland, Liechtenstein and Norway: no other tool is needed."""


def is_transfer_barred(organisation: Organisation, day: date) -> bool:
    """Whether an organisation is in a third country, with no transfer tool valid on ``day``.

    An adequacy decision is such a tool too: it is recorded like the others.
    """
    return organisation.country not in INSIDE and transfer_tool(organisation, day) is None


def transfer_tool(organisation: Organisation, day: date) -> str | None:
    """The reference of what lets data go to an organisation in a third country on ``day``; None
    where nothing does, or no tool is needed."""
    if organisation.country in INSIDE:
        return None
    tools = (one for one in organisation.agreements if one.kind == "transfer")
    return next((one.reference for one in tools if one.period.holds(day)), None)


DEROGATIONS = {
    "gdpr": "derogation: Art. 49(1)(f) GDPR",
    "led": "derogation: Art. 38(1)(a) LED",
}
"""By regime, what an offer names in place of a transfer tool where somebody's life is in danger."""


def is_derogation(tool: str | None) -> bool:
    """Whether an offer went to a third country by a derogation, and by no transfer tool."""
    return tool in DEROGATIONS.values()


# --- What an organisation is called ---


class OrganisationName(str):
    """What an organisation is called: its id, or ``id@peer`` at a gateway that is called ``peer``.

    Raises ValueError for what is not a name, and for a name at another gateway: no peer is known
    here yet, so nothing may act or be recorded in its name.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> "OrganisationName":
        """Read a name."""
        return _read(text)

    @property
    def id(self) -> str:
        """The id under which its own gateway knows the organisation."""
        return self.partition("@")[0]

    @property
    def peer(self) -> str | None:
        """What the organisation's gateway is called here; None for this gateway."""
        return self.partition("@")[2] or None


@lru_cache(maxsize=4096)
def _read(text: str) -> OrganisationName:
    identifier, at, peer = text.partition("@")
    if not SLUG.fullmatch(identifier) or (at and not SLUG.fullmatch(peer)):
        raise ValueError("an organisation's name is its id, or id@peer")
    if at:
        raise ValueError("no organisation of another gateway is known here")
    return str.__new__(OrganisationName, text)


@dataclass(frozen=True)
class Segment:
    """Days without a change: who holds the competence on each of them, in order of id."""

    period: Period
    holders: tuple[str, ...]


@dataclass(frozen=True)
class CompetenceTimeline:
    """One competence from its first day on, stretch by stretch, without a day left out."""

    competence: str
    stretches: tuple[Segment, ...]

    @property
    def overlaps(self) -> tuple[Segment, ...]:
        """Where several organisations hold it: on these days an offer names one of them."""
        return tuple(s for s in self.stretches if len(s.holders) > 1)

    @property
    def gaps(self) -> tuple[Segment, ...]:
        """Where nobody holds it any more, or again only later."""
        return tuple(s for s in self.stretches if not s.holders)


def timelines(competences: Iterable[Mandate]) -> tuple[CompetenceTimeline, ...]:
    """Every competence that was ever held, in order of its key."""
    by_key: dict[str, list[Mandate]] = {}
    for competence in competences:
        by_key.setdefault(competence.key, []).append(competence)
    return tuple(CompetenceTimeline(key, _stretches(by_key[key])) for key in sorted(by_key))


def overlapping(competence: Mandate, others: Iterable[Mandate]) -> tuple[Mandate, ...]:
    """The competences of other organisations that share key and a day with this one."""
    return tuple(
        other
        for other in others
        if other.organisation != competence.organisation
        and other.key == competence.key
        and other.period.overlaps(competence.period)
    )


def _stretches(held: Sequence[Mandate]) -> tuple[Segment, ...]:
    """The line of days, cut wherever the holders change; its last stretch is open."""
    days = sorted({day for c in held for day in (c.period.start, c.period.end) if day is not None})
    runs = [(next(run), who) for who, run in groupby(days, partial(_holders, held))]
    ends = [*(start for start, _ in runs[1:]), None]
    return tuple(Segment(Period(day, end), who) for (day, who), end in zip(runs, ends, strict=True))


def _holders(held: Sequence[Mandate], day: date) -> tuple[str, ...]:
    return tuple(sorted({c.organisation for c in held if c.period.holds(day)}))
