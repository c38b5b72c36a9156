"""The directory: who takes part, with which memberships and mandates, on the reference date."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from operator import attrgetter
from typing import Any, TypeVar
from uuid import UUID

from gateway.domain.audit import AuditAccess, Coverage
from gateway.domain.audit_event import EVENT_TYPES, EventResult
from gateway.domain.mandate import Mandate
from gateway.domain.organisation import DUTY_CONTACT, MemberKey, Organisation
from gateway.domain.refusals import WrongState
from gateway.evidence import event as event_document
from gateway.evidence import membership_attestation
from gateway.evidence.dated_statement import KEY_STATUS_TYP, issue_dated
from gateway.evidence.event import APPROVALS, KEY, SUBJECT
from gateway.evidence.receipt import Receipt
from gateway.kernel import transact
from gateway.kernel.actors import GATEWAY
from gateway.kernel.changes import LOG, may_read_approvals
from gateway.kernel.ports import Ports
from gateway.kernel.request import ActionRequest, RequestContext, authorize, deny_as_not_found
from gateway.kernel.results import Page, collect_page, shown
from gateway.kernel.values import Caller, LoggedEvent, LogQuery, TreeHead
from gateway.registry import results

K = TypeVar("K", results.ListedKey, results.ListedEncryptionKey)

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class DirectoryFilter:
    """Which organisations are looked for; what is None is not asked for.

    ``competence`` is a key such as receive/csam/FR, to be held on the reference date.
    """

    kind: str | None = None
    competence: str | None = None

    def fits(self, organisation: Organisation, day: date) -> bool:
        """Tell whether an organisation is among them."""
        competences = organisation.competences_on(day)
        return (self.kind is None or organisation.kind == self.kind) and (
            self.competence is None or self.competence in competences
        )


def whoami(ports: Ports, caller: Caller) -> results.Whoami:
    """The caller as the gateway sees it: organisation, system, scopes, certificates."""

    def query(context: RequestContext) -> results.Whoami:
        authorize(context, LOG)
        certificates = context.work.organisations.certificates(caller.organisation, caller.system)
        return results.Whoami(
            organisation=_view(context.organisation, context),
            status=context.organisation.status,
            system=caller.system,
            scopes=sorted(caller.scopes),
            certificates=[
                shown(results.OwnCertificate, c, days_left=max(0, (c.not_after - context.now).days))
                for c in certificates
                if c.revoked_at is None
            ],
            audit_access=[
                results.AuditAccessEntry(**reach_of(grant))
                for grant in context.organisation.audit_access
                if grant.holds(context.today.day, context.now)
            ],
            reference_date=context.today.day,
            reference_date_simulated=context.today.simulated is not None,
            conformance_passed=context.work.conformance.passed(caller.organisation),
        )

    return transact.read(ports, caller, ActionRequest("whoami.read"), query)


def page(
    ports: Ports,
    caller: Caller,
    after: str,
    limit: int,
    wanted: DirectoryFilter = DirectoryFilter(),
) -> Page[results.ListedOrganisation]:
    """A page of the directory, by organisation id: applicants are not listed."""

    def query(context: RequestContext) -> Page[results.ListedOrganisation]:
        authorize(context, LOG)

        def view(one: Organisation) -> results.ListedOrganisation | None:
            return _view(one, context) if wanted.fits(one, context.today.day) else None

        rows = partial(context.work.organisations.page, seen=True)
        return collect_page(rows, attrgetter("slug"), view, after, limit)

    return transact.read(ports, caller, ActionRequest("directory.read"), query)


def look_up(ports: Ports, caller: Caller, slug: str) -> results.ListedOrganisation:
    """One organisation of the directory."""

    def query(context: RequestContext) -> results.ListedOrganisation:
        authorize(context, LOG)
        found = context.see(slug)
        return deny_as_not_found() if found is None else _view(found, context)

    return transact.read(ports, caller, ActionRequest("directory.read"), query)


def issue_attestation(ports: Ports, caller: Caller, slug: str) -> results.MembershipStatement:
    """The gateway's signed statement that an organisation takes part, in trust-mark form.

    It ends after a day, or when the membership does. WrongState when there is nothing to state: the
    organisation does not take part now, or has no membership. Raises LogFrozen,
    HighWaterMarkUnavailable.
    """

    def query(context: RequestContext) -> tuple[TreeHead, dict[str, Any]]:
        authorize(context, LOG)
        found = context.see(slug) or deny_as_not_found()
        return context.work.log.head(), stated_of(context, found)

    head, stated = transact.read(ports, caller, ActionRequest("directory.read"), query)
    ports.checkpoint_signer.sign(head)  # a frozen gateway states nothing
    mark = membership_attestation.issue(
        issuer=ports.issuer, organisation=slug, signer=ports.attester, **stated
    )
    return results.MembershipStatement(slug, mark, stated["ends"])


def stated_of(context: RequestContext, organisation: Organisation) -> dict[str, Any]:
    """Return what is stated of an organisation, and until when; WrongState."""
    membership = organisation.membership_on(context.today.day)
    if not organisation.active:
        raise WrongState("the organisation does not take part at present: no status is stated")
    if membership is None:
        raise WrongState("the organisation has no membership on this day: no status is stated")
    at = context.now.replace(microsecond=0)
    # A day later, or whole minutes earlier when the membership ends before; at least a minute.
    ends = at + membership_attestation.LIFETIME
    while (
        ends > at + MINUTE
        and organisation.membership_on(context.ports.reference_date(ends).day) is not membership
    ):
        ends -= MINUTE
    return {
        "status": str(organisation.status),
        "membership": membership,
        "at": at,
        "ends": ends,
        "simulated": context.today.simulated,
    }


def look_up_key(
    ports: Ports, caller: Caller, slug: str, kid: str
) -> results.RegisteredDocumentKey | Mapping[str, Any]:
    """Where a member's document key came from: the event that registered it, with its subject; of
    a remote member what its own gateway said of it.

    With it goes the event that revoked the key, if one did, which shows the key alone, and those
    by which the member required its own signature, or ended that. Every member may check all of
    them (gateway.verification.key_history). Who approved the registration is shown as far as policy
    allows; whom else they concerned, and why a key was revoked, stays closed.
    """

    if "@" in slug:
        return _told_by_peer(ports, caller, slug, kid)

    def query(
        context: RequestContext,
    ) -> tuple[_Shown, LoggedEvent | None, list[LoggedEvent]]:
        authorize(context, LOG)
        key = context.require(slug).document_key(kid)
        registered = None if key is None else context.work.log.logged(key.registration_event)
        if key is None or registered is None:
            deny_as_not_found()
        ended = None if key.revoked_by is None else context.work.log.logged(key.revoked_by)
        shown = _as_shown(context, slug, registered)
        return shown, ended, events_of(context, slug, *SIGNING)

    registered, revoked, locks = transact.read(
        ports, caller, ActionRequest("directory.read"), query
    )
    receipt, head = registered.receipt(ports), registered.logged.head
    note = ports.checkpoint_signer.sign(head)
    return results.RegisteredDocumentKey(
        slug,
        kid,
        receipt,
        [] if revoked is None else [showing(ports, revoked, KEY)],
        [showing(ports, one, SUBJECT) for one in locks],
        key_status(ports, slug, kid, note) if revoked is None else None,
    )


def _told_by_peer(ports: Ports, caller: Caller, member: str, name: str) -> Mapping[str, Any]:
    """Return what the gateway of a remote member said of one of its keys or mandates, proved by its
    own log."""

    def query(context: RequestContext) -> Mapping[str, Any]:
        authorize(context, LOG)
        found = context.work.organisations.proof(context.require(member).slug, name)
        return deny_as_not_found() if found is None else dict(json.loads(found.answer))

    told = transact.read(ports, caller, ActionRequest("directory.read"), query)
    return {**told, "organisation": member}


def key_status(ports: Ports, slug: str, kid: str, note: str) -> str:
    """The gateway's dated word that a key is not revoked, as of a checkpoint."""
    signed = issue_dated(
        KEY_STATUS_TYP,
        issuer=ports.issuer,
        organisation=slug,
        kid=kid,
        note=note,
        at=ports.now(),
        signer=ports.attester,
        random=ports.random,
    )
    return signed.compact()


def look_up_mandate(
    ports: Ports, caller: Caller, slug: str, event: UUID
) -> results.MandateRegistration | Mapping[str, Any]:
    """The event that registered a mandate which an organisation holds or held, with its subject; or
    that planned the succession by which it was to have one.

    Every member may check it (gateway.verification.mandates), and who approved it as far as policy
    allows. With it go the events by which a mandate of that competence was ended for it.
    """

    if "@" in slug:
        return _told_by_peer(ports, caller, slug, str(event))

    def query(context: RequestContext) -> tuple[_Shown, list[_Shown]]:
        authorize(context, LOG)
        held = {one.registration_event: one.key for one in context.require(slug).mandates}
        planned = context.work.successions.of(slug)
        held |= {one.id: one.competence for one in planned if one.successor == slug}
        logged = context.work.log.logged(event) if event in held else None
        if logged is None or event_document.read(logged.event.document)["type"] not in _SHOWN:
            deny_as_not_found()
        ends = events_of(context, slug, ENDED)
        over = [one for one in ends if one.subject["competence"] == held[event]]
        shown, *others = (_as_shown(context, slug, one) for one in (logged, *over))
        return shown, others

    logged, ends = transact.read(ports, caller, ActionRequest("directory.read"), query)
    over = [one.receipt(ports) for one in ends]
    return results.MandateRegistration(slug, event, logged.receipt(ports), over)


def list_peers(ports: Ports, caller: Caller) -> results.PeerReceipts:
    """The events by which two persons recorded the keys of peer gateways that they had compared:
    whom the members here are to believe there (gateway.verification.peers)."""

    def query(context: RequestContext) -> list[LoggedEvent]:
        authorize(context, LOG)
        return [
            one
            for peer in context.work.organisations.peers()
            for one in events_of(context, peer, _TRUSTED)
        ]

    found = transact.read(ports, caller, ActionRequest("directory.read"), query)
    found.sort(key=attrgetter("index"))
    return results.PeerReceipts([showing(ports, one, SUBJECT) for one in found])


_TRUSTED = EVENT_TYPES["peer.trust"][0]

_SHOWN = tuple(EVENT_TYPES[one][0] for one in ("mandate.grant", "succession.plan"))
"""The events whose subject names a mandate and no more than the directory shows."""

ENDED = EVENT_TYPES["mandate.end"][0]
_APPROVED = {
    EVENT_TYPES[one][0]: one
    for one in ("mandate.grant", "mandate.end", "succession.plan", "key.register")
}
"""The actions of the events that the directory shows with their approvals, where policy allows."""

SIGNING = tuple(
    EVENT_TYPES[one][0] for one in ("organisation.require_signed", "organisation.allow_attested")
)


def events_of(
    context: RequestContext, slug: str, *types: str, head: TreeHead | None = None
) -> list[LoggedEvent]:
    """The events of these types by which something of an organisation changed, in order; with a
    ``head`` those that it holds, proved by it."""
    log = context.work.log
    query = LogQuery(
        coverage=Coverage(whole=True),
        limit=_MOST_SHOWN,
        before=log.head().size,
        organisation=slug,
        results=(EventResult.ALLOWED,),
        types=types,
    )
    found = (log.logged(match.event, head) for match in log.search(query))
    return [one for one in found if one is not None]


_MOST_SHOWN = 100
"""A requirement to sign, or a mandate, and its end take several persons: nobody has so many."""


@dataclass(frozen=True)
class _Shown:
    """An event, and the kinds of its details that the caller may read."""

    logged: LoggedEvent
    kinds: tuple[str, ...]

    def receipt(self, ports: Ports) -> Receipt:
        """Its receipt with these; called with no transaction open."""
        return showing(ports, self.logged, *self.kinds)


def _as_shown(context: RequestContext, slug: str, logged: LoggedEvent) -> _Shown:
    """An event that registered something of an organisation, or ended it, for the caller."""
    reader = context.organisation
    action = _APPROVED[event_document.read(logged.event.document)["type"]]
    own = reader.slug == slug
    approvals = (APPROVALS,) if may_read_approvals(context, reader, action, concerned=own) else ()
    return _Shown(logged, (SUBJECT, *approvals))


def showing(ports: Ports, logged: LoggedEvent, *kinds: str) -> Receipt:
    """The receipt of an event with some kinds of its details."""
    shown = tuple(d.encoded for d in logged.event.disclosures if d.kind in kinds)
    return replace(transact.receipt_for(ports, logged, GATEWAY), disclosures=shown)


def _view(organisation: Organisation, context: RequestContext) -> results.ListedOrganisation:
    day = context.today.day
    return shown(
        results.ListedOrganisation,
        organisation,
        organisation=organisation.slug,
        active=organisation.active,
        addressable=organisation.active
        and organisation.is_attested(context.now)
        and context.work.organisations.has_system(organisation.slug),
        membership=organisation.membership_on(day),
        mandates=[held(c) for c in organisation.mandates if c.holds(day)],
        duty_contact=context.work.organisations.has_contact(organisation.slug, DUTY_CONTACT),
        document_keys=[_key(results.ListedKey, key) for key in organisation.document_keys],
        encryption_keys=[
            _key(results.ListedEncryptionKey, key) for key in organisation.encryption_keys
        ],
    )


def held(one: Mandate) -> results.HeldMandate:
    """A mandate, as it is shown."""
    return shown(results.HeldMandate, one, competence=one.key)


def reach_of(grant: AuditAccess) -> dict[str, Any]:
    """The members of an `AuditAccessEntry`."""
    case = grant.case
    return {
        "audit_access": grant.id,
        "coverage": grant.coverage,
        "member": grant.member if case is None else case.originator,
        "case": None if case is None else case.case,
        "person": grant.person,
        "from_": grant.start,
        "until": grant.end,
    }


def _key(kind: type[K], key: MemberKey) -> K:
    return shown(kind, key, jwk=json.loads(key.jwk))
