"""What administrators read of the registry: entries as of any day, contacts on record alone.

The operator's systems ask for it over the network, and who holds the database on its host.
"""

import json
from collections.abc import Callable, Iterator
from datetime import date, datetime
from functools import partial
from operator import attrgetter
from uuid import UUID

from gateway.domain.enrolment import Invitation
from gateway.domain.mandate import Period
from gateway.domain.organisation import Organisation, Status, System
from gateway.domain.peer import PeerGateway
from gateway.evidence.declarations import recorded_keys
from gateway.kernel.changes import read_as_operator
from gateway.kernel.ports import Ports, UnitOfWork
from gateway.kernel.request import OnHost, RequestContext, deny_as_not_found
from gateway.kernel.results import Page, collect_page, iterate, shown
from gateway.kernel.values import Reader
from gateway.registry import admission, results
from gateway.registry.admission import COMING, MOST_PROPOSALS
from gateway.registry.directory import held, reach_of

NO_ORGANISATION = "no organisation has this id: see `casegate admin organisation list`"


def every_organisation(work: UnitOfWork) -> Iterator[Organisation]:
    """All organisations, whatever their status, by id."""
    return iterate(work.organisations.page, attrgetter("slug"), "")


def page(
    ports: Ports, reader: Reader, after: str, limit: int, status: Status | None = None
) -> Page[results.EntrySummary]:
    """Organisations of any status, or of one, by id; applicants are here and nowhere else."""

    def view(one: Organisation) -> results.EntrySummary | None:
        if status not in (None, one.status):
            return None
        return shown(results.EntrySummary, one, organisation=one.slug)

    def query(context: RequestContext | OnHost) -> Page[results.EntrySummary]:
        return collect_page(context.work.organisations.page, attrgetter("slug"), view, after, limit)

    return read_as_operator(ports, reader, query)


def look_up(ports: Ports, reader: Reader, slug: str, day: date | None) -> results.Entry:
    """All of an organisation's entry; with ``day``, what held on that day."""

    def query(context: RequestContext | OnHost) -> results.Entry:
        found = context.work.organisations.get(slug)
        return deny_as_not_found() if found is None else _whole(context, found, day)

    return read_as_operator(ports, reader, query)


def admins(ports: Ports, reader: Reader) -> list[results.AdministratorEntry]:
    """Tell who approves, and who did."""

    def query(context: RequestContext | OnHost) -> list[results.AdministratorEntry]:
        return [
            results.AdministratorEntry(p.id, p.name, p.enabled, jwk, passkeys)
            for p in context.work.organisations.persons()
            for jwk, *passkeys in [recorded_keys(json.loads(p.public_key))]
        ]

    return read_as_operator(ports, reader, query)


def invitations(
    ports: Ports, reader: Reader, after: UUID | None, limit: int
) -> Page[results.OpenInvitation]:
    """The invitations that can be used still, by id; their tokens are nowhere here."""

    def view(one: Invitation) -> results.OpenInvitation:
        return shown(results.OpenInvitation, one, invitation=one.id)

    def query(context: RequestContext | OnHost) -> Page[results.OpenInvitation]:
        rows = partial(context.work.invitations.open, context.now)
        return collect_page(rows, attrgetter("id"), view, after, limit)

    return read_as_operator(ports, reader, query)


def waiting(work: UnitOfWork, now: datetime) -> tuple[int, int]:
    """How many proposals wait for another person, and organisations for their next step."""
    proposals = work.proposals.page(None, MOST_PROPOSALS, now)
    return len(proposals), sum(one.status in COMING for one in every_organisation(work))


def log_holds(ports: Ports, reader: Reader) -> list[results.LogHoldEntry]:
    """The log holds in force, and whose review was missed."""

    def query(context: RequestContext | OnHost) -> list[results.LogHoldEntry]:
        today = ports.reference_date(context.now).civil
        return [
            shown(
                results.LogHoldEntry,
                one,
                log_hold=one.id,
                member=one.organisation,
                review_missed=one.is_review_missed(today),
            )
            for one in context.work.log_terms.holds()
        ]

    return read_as_operator(ports, reader, query)


# --- What is shown -------------------------------------------------------------------------------


def _whole(context: RequestContext | OnHost, one: Organisation, day: date | None) -> results.Entry:
    # Long: a line for each field.
    work = context.work

    def holds(period: Period) -> bool:
        return day is None or period.holds(day)

    return shown(
        results.Entry,
        one,
        organisation=one.slug,
        regimes=sorted(one.regimes),
        at=day,
        status=one.status if day is None else one.status_on(day),
        staff_register=bool(work.staff.page(one.slug, "", 1)),
        conformance_passed=work.conformance.passed(one.slug),
        history=[s for s in one.history if day is None or s.since <= day],
        memberships=[shown(results.MembershipEntry, m) for m in one.memberships if holds(m.period)],
        mandates=[held(c) for c in one.mandates if day is None or c.holds(day)],
        interests=[
            shown(results.InterestEntry, i, interest=i.id) for i in one.interests if holds(i.period)
        ],
        agreements=[
            shown(results.AgreementEntry, a, agreement=a.id)
            for a in one.agreements
            if holds(a.period)
        ],
        retentions=[
            shown(results.StandingRetentionEntry, r, retention=r.id)
            for r in one.retentions
            if holds(r.period)
        ],
        audit_access=[
            results.DecidedAuditAccess(
                **reach_of(g), decision_ref=g.decision_ref, ended_at=g.ended_at
            )
            for g in one.audit_access
            if day is None or g.start <= day < g.end
        ],
        keys=[
            shown(results.KeyEntry, key, use=use)
            for use, keys in (("sig", one.document_keys), ("enc", one.encryption_keys))
            for key in keys
        ],
        systems=[_system(work, system) for system in work.organisations.systems(one.slug)],
        peer=None if one.peer is None else _peer(one.peer, holds),
        admission=admission.steps(work, context.now, one) if day is None else [],
    )


def _peer(one: PeerGateway, holds: Callable[[Period], bool]) -> results.PeerEntry:
    """A peer gateway; of its attestation keys the ids, which its operator compares."""
    kids = sorted(json.loads(key)["kid"] for key in one.pins.attestation_keys)
    return shown(
        results.PeerEntry,
        one.pins,
        trusted=one.pins.event,
        attestation_keys=kids,
        peer_agreements=[
            shown(results.PeerAgreementEntry, a, agreement=a.event, **_sorted(a))
            for a in one.agreements
            if holds(a.period)
        ],
        recognitions=[
            shown(results.RecognitionEntry, r, recognition=r.event, member=r.id)
            for r in one.recognised
        ],
        vouched_keys=[shown(results.VouchedKeyEntry, v, vouched=v.event) for v in one.vouched],
    )


def _sorted(record: object) -> dict[str, list[str]]:
    """The sets of a record, in order."""
    return {n: sorted(v) for n, v in vars(record).items() if isinstance(v, frozenset)}


def _system(work: UnitOfWork, one: System) -> results.SystemEntry:
    registry = work.organisations
    certificates = registry.certificates(one.organisation, one.name)
    return shown(
        results.SystemEntry,
        one,
        system=one.name,
        scopes=sorted(one.scopes),
        keys=len(registry.client_keys(one.organisation, one.name)),
        certificates=[shown(results.CertificateEntry, made) for made in certificates],
    )
