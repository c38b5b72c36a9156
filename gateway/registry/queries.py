"""What administrators read of the registry: entries as of any day, contacts on record alone.

The operator's systems ask for it over the network; on the gateway's host nothing is changed by
it, and nobody has to approve it.
"""

from collections.abc import Mapping
from datetime import date
from functools import partial
from operator import attrgetter
from typing import Any
from uuid import UUID

from gateway.domain.audit import AuditAccess
from gateway.domain.audit_event import EventDetail, Party
from gateway.domain.invitation import Invitation
from gateway.domain.organisation import (
    Agreement,
    Application,
    DeclaredInterest,
    Mandate,
    MemberKey,
    Membership,
    Organisation,
    Period,
    Status,
)
from gateway.domain.refusals import EditConflict, NotFound
from gateway.kernel.actors import GATEWAY
from gateway.kernel.changes import require_admin_scope
from gateway.kernel.pagination import Page, collect_page, iterate
from gateway.kernel.ports import Ports, TransactionMode, UnitOfWork
from gateway.kernel.transact import (
    ActionRequest,
    RequestContext,
    WriteResult,
    deny_as_not_found,
    read,
    transact,
)
from gateway.kernel.values import Caller, LoggedEvent
from gateway.registry.directory import audit_access_json


def page(
    ports: Ports, caller: Caller, after: str, limit: int, status: Status | None = None
) -> Page[Mapping[str, Any]]:
    """Organisations of any status, or of one, by id; applicants are here and nowhere else."""

    def view(one: Organisation) -> dict[str, Any] | None:
        return _line(one) if status in (None, one.status) else None

    def query(context: RequestContext) -> Page[Mapping[str, Any]]:
        require_admin_scope(context)
        return collect_page(context.work.organisations.page, attrgetter("slug"), view, after, limit)

    return read(ports, caller, ActionRequest("registry.read"), query)


def look_up(ports: Ports, caller: Caller, slug: str, day: date | None) -> dict[str, Any]:
    """All of an organisation's entry; with ``day``, what held on that day."""

    def query(context: RequestContext) -> dict[str, Any]:
        require_admin_scope(context)
        found = context.work.organisations.get(slug)
        return deny_as_not_found() if found is None else _whole(context.work, found, day)

    return read(ports, caller, ActionRequest("registry.read"), query)


def admins(ports: Ports, caller: Caller) -> list[dict[str, Any]]:
    """Who approves, and who did."""

    def query(context: RequestContext) -> list[dict[str, Any]]:
        require_admin_scope(context)
        return _admins(context.work)

    return read(ports, caller, ActionRequest("registry.read"), query)


def invitations(
    ports: Ports, caller: Caller, after: UUID | None, limit: int
) -> Page[Mapping[str, Any]]:
    """The invitations that can be used still, by id; their tokens are nowhere here."""

    def query(context: RequestContext) -> Page[Mapping[str, Any]]:
        require_admin_scope(context)
        rows = partial(context.work.invitations.open, context.now)
        return collect_page(rows, attrgetter("id"), _invitation, after, limit)

    return read(ports, caller, ActionRequest("registry.read"), query)


def consult(
    ports: Ports, caller: Caller, key: str, slug: str, asked: Mapping[str, str]
) -> WriteResult:
    """Open an organisation's contacts, which is an event: for personal data has readers.

    ``asked`` says ``by`` whom, and the ``reason``. Raises EditConflict for a repetition once the
    contacts have changed: who reads the new ones is recorded anew.
    """
    by, reason = asked["by"], asked["reason"]
    content = {"organisation": slug, "reason": reason}
    request = ActionRequest("registry.consult", by, key, content)

    def act(context: RequestContext) -> dict[str, Any]:
        require_admin_scope(context)
        if context.work.organisations.get(slug) is None:
            deny_as_not_found()
        parties = {GATEWAY: "gateway", slug: "concerned", caller.organisation: "actor"}
        own = frozenset({GATEWAY, caller.organisation})
        context.record(
            tuple(Party(name, role) for name, role in parties.items()),
            EventDetail("reason", reason, own),
            EventDetail("subject", slug, own | {slug}),
        )
        return _contacts(context, slug)

    def replay(context: RequestContext, logged: LoggedEvent) -> dict[str, Any]:
        require_admin_scope(context)
        if _changed_since(context, slug, logged):
            raise EditConflict(
                "the contacts changed since they were opened: open them under a new key"
            )
        return _contacts(context, slug)

    return transact(ports, caller, request, act, replay)


def _changed_since(context: RequestContext, slug: str, opened: LoggedEvent) -> bool:
    """Whether a contact of the organisation's is of an event after the one that opened them."""
    made = {one.registration_event for one in context.work.organisations.contacts(slug)}
    entered = [context.work.log.logged(event) for event in made]
    return any(one is None or one.index > opened.index for one in entered)


# --- On the gateway's host -----------------------------------------------------------------------


def index(ports: Ports, status: Status | None = None) -> list[dict[str, Any]]:
    """All organisations, or those of one status, by id."""
    with ports.begin(TransactionMode.READ) as work:
        found = iterate(work.organisations.page, attrgetter("slug"), "")
        return [_line(one) for one in found if status in (None, one.status)]


def report(ports: Ports, slug: str, day: date | None = None) -> dict[str, Any]:
    """All of an organisation's entry; with ``day``, what held on that day. Raises NotFound."""
    with ports.begin(TransactionMode.READ) as work:
        found = work.organisations.get(slug)
        if found is None:
            raise NotFound(f"organisation {slug} was not found")
        return _whole(work, found, day)


def administrators(ports: Ports) -> list[dict[str, Any]]:
    """Who approves, and who did."""
    with ports.begin(TransactionMode.READ) as work:
        return _admins(work)


def open_invitations(ports: Ports) -> list[dict[str, Any]]:
    """The invitations that can be used still, the oldest first."""
    with ports.begin(TransactionMode.READ) as work:
        rows = partial(work.invitations.open, ports.now())
        return [_invitation(one) for one in iterate(rows, attrgetter("id"), None)]


# --- What is shown -------------------------------------------------------------------------------


def _admins(work: UnitOfWork) -> list[dict[str, Any]]:
    return [
        {"person": one.id, "name": one.name, "enabled": one.enabled}
        for one in work.organisations.persons()
    ]


def _invitation(one: Invitation) -> dict[str, Any]:
    return {
        "invitation": str(one.id),
        "organisation": one.organisation,
        "system": one.system,
        "expires_at": one.expires_at.isoformat(),
    }


def _whole(work: UnitOfWork, one: Organisation, day: date | None) -> dict[str, Any]:
    names = [system.name for system in work.organisations.systems(one.slug)]
    return {**_entry(one, day), "systems": [_system(work, name, one.slug) for name in names]}


def _contacts(context: RequestContext, slug: str) -> dict[str, Any]:
    return {
        "organisation": slug,
        "contacts": [
            {"role": one.role, "name": one.name, "address": one.address}
            for one in context.work.organisations.contacts(slug)
        ],
    }


def _line(one: Organisation) -> dict[str, Any]:
    return {"organisation": one.slug, "name": one.name, "kind": one.kind, "status": one.status}


def _entry(one: Organisation, day: date | None) -> dict[str, Any]:
    def holds(period: Period) -> bool:
        return day is None or period.holds(day)

    status = one.status if day is None else one.status_on(day)
    return {
        "organisation": one.slug,
        "name": one.name,
        "kind": one.kind,
        "country": one.country,
        "public_authority": one.public_authority,
        "regimes": sorted(one.regimes),
        "signed_only": one.signed_only,
        "at": None if day is None else day.isoformat(),
        "status": None if status is None else str(status),
        "history": [
            {"status": str(s.status), "since": s.since.isoformat(), "event": str(s.event)}
            for s in one.history
            if day is None or s.since <= day
        ],
        "application": _application(one.application),
        "memberships": [_membership(held) for held in one.memberships if holds(held.period)],
        "mandates": [_competence(c) for c in one.mandates if holds(c.period)],
        "interests": [_interest(i) for i in one.interests if holds(i.period)],
        "agreements": [_agreement(a) for a in one.agreements if holds(a.period)],
        "audit_access": [
            _grant(g) for g in one.audit_access if day is None or g.start <= day < g.end
        ],
        "keys": [
            *({"use": "sig", **_key(key)} for key in one.document_keys),
            *({"use": "enc", **_key(key)} for key in one.encryption_keys),
        ],
    }


def _days(period: Period) -> dict[str, Any]:
    end = period.end
    return {"from": period.start.isoformat(), "until": None if end is None else end.isoformat()}


def _application(one: Application | None) -> dict[str, Any] | None:
    if one is None:
        return None
    decided = one.decision
    return {
        "membership": str(one.membership),
        "purposes": sorted(one.purposes),
        "description": one.description,
        "received_on": one.received_on.isoformat(),
        "event": str(one.event),
        "decision": None
        if decided is None
        else {
            "decision_ref": decided.reference,
            "decided_on": decided.decided_on.isoformat(),
            "document_sha256": decided.document_sha256,
            "event": str(decided.event),
        },
    }


def _membership(one: Membership) -> dict[str, Any]:
    return {
        "membership": str(one.membership),
        "decision_ref": one.decision_ref,
        **_days(one.period),
    }


def _competence(one: Mandate) -> dict[str, Any]:
    said = {"competence": one.key, "legal_act": one.legal_act}
    return {**said, "registration_event": str(one.registration_event), **_days(one.period)}


def _interest(one: DeclaredInterest) -> dict[str, Any]:
    said = {"interest": str(one.id), "scope": one.scope, "subject": one.subject, "kind": one.kind}
    return {**said, **_days(one.period)}


def _agreement(one: Agreement) -> dict[str, Any]:
    said = {"agreement": str(one.id), "kind": one.kind, "description": one.description}
    return {**said, "reference": one.reference, **_days(one.period)}


def _grant(one: AuditAccess) -> dict[str, Any]:
    ended = None if one.ended_at is None else one.ended_at.isoformat()
    return {**audit_access_json(one), "decision_ref": one.decision_ref, "ended_at": ended}


def _key(key: MemberKey) -> dict[str, Any]:
    ends = key.valid_until
    return {
        "kid": key.kid,
        "valid_from": key.valid_from.isoformat(),
        "valid_until": None if ends is None else ends.isoformat(),
        "registration_event": str(key.registration_event),
    }


def _system(work: UnitOfWork, name: str, slug: str) -> dict[str, Any]:
    registry = work.organisations
    system = registry.system(slug, name)
    return {
        "system": name,
        "enabled": system is not None and system.enabled,
        "scopes": sorted(system.scopes) if system else [],
        "keys": len(registry.client_keys(slug, name)),
        "certificates": [
            {
                "thumbprint": one.thumbprint,
                "not_after": one.not_after.isoformat(),
                "revoked_at": None if one.revoked_at is None else one.revoked_at.isoformat(),
            }
            for one in registry.certificates(slug, name)
        ],
    }
