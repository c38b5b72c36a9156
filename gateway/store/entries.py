"""Entries of the registry as rows, and rows as entries."""

import json
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from gateway.domain.audit import AuditGrant, CaseName
from gateway.domain.organisation import (
    Certificate,
    Competence,
    DocumentKey,
    EncryptionKey,
    MemberKey,
    Organisation,
    Period,
    Person,
    Seat,
    Standing,
    Status,
    System,
)
from gateway.store.columns import write_json
from gateway.store.memberships import read_membership, write_membership


def read_organisations(rows: Iterable[Row[Any]]) -> list[Organisation]:
    """Rows of one organisation stand together, one for each competence, or one without any."""
    grouped: dict[str, list[Row[Any]]] = {}
    for row in rows:
        grouped.setdefault(row.slug, []).append(row)
    return [_organisation(group) for group in grouped.values()]


def _organisation(rows: Sequence[Row[Any]]) -> Organisation:
    first = rows[0]
    return Organisation(
        slug=first.slug,
        name=first.name,
        kind=first.kind,
        public_authority=first.public_authority,
        regimes=first.regimes,
        country=first.country,
        status=Status(first.status),
        seats=tuple(_seat(*seat) for seat in json.loads(first.seats)),
        competences=tuple(read_competence(r, r.slug) for r in rows if r.competence_id is not None),
        version=first.version,
        document_keys=tuple(DocumentKey(*_key(*key)) for key in json.loads(first.document_keys)),
        encryption_keys=tuple(_sealed_to(*key) for key in json.loads(first.encryption_keys)),
        signed_only=first.signed_only,
        **read_membership(first.history, first.application, first.interests, first.agreements),
        audit_grants=tuple(_grant(grant) for grant in json.loads(first.audit_grants)),
    )


def write_organisation(organisation: Organisation) -> dict[str, Any]:
    """An entry without its competences, which are rows of their own."""
    return {
        "slug": organisation.slug,
        "name": organisation.name,
        "kind": organisation.kind,
        "public_authority": organisation.public_authority,
        "regimes": organisation.regimes,
        "country": organisation.country,
        "status": organisation.status.value,
        "seats": write_json([_seat_row(seat) for seat in organisation.seats]),
        "version": organisation.version,
        "document_keys": write_json([_key_row(key) for key in organisation.document_keys]),
        "encryption_keys": write_json(
            [[key.countersignature, *_key_row(key)] for key in organisation.encryption_keys]
        ),
        "signed_only": organisation.signed_only,
        **write_membership(organisation),
        "audit_grants": write_json([_grant_row(grant) for grant in organisation.audit_grants]),
    }


def _grant(values: Sequence[Any]) -> AuditGrant:
    id_, start, end, decision_ref, member, case, person, ended_at = values
    return AuditGrant(
        id=UUID(id_),
        start=date.fromisoformat(start),
        end=date.fromisoformat(end),
        decision_ref=decision_ref,
        member=member,
        case=None if case is None else CaseName(case[0], UUID(case[1])),
        person=person,
        ended_at=None if ended_at is None else datetime.fromisoformat(ended_at),
    )


def _grant_row(grant: AuditGrant) -> list[Any]:
    case, ended_at = grant.case, grant.ended_at
    return [
        str(grant.id),
        grant.start.isoformat(),
        grant.end.isoformat(),
        grant.decision_ref,
        grant.member,
        None if case is None else [case.originator, str(case.case)],
        grant.person,
        None if ended_at is None else ended_at.isoformat(),
    ]


def _sealed_to(countersignature: str | None, *key: str) -> EncryptionKey:
    return EncryptionKey(*_key(*key), countersignature)


def _key(
    kid: str, jwk: str, start: str, registered_by: str, *ends: str | None
) -> tuple[str, str, datetime, UUID, datetime | None, UUID | None]:
    """``ends`` are when it ended and by which event: older rows lack the event, or both."""
    end, revoked_by = (*ends, None, None)[:2]
    last = None if end is None else datetime.fromisoformat(end)
    revoked = None if revoked_by is None else UUID(revoked_by)
    return kid, jwk, datetime.fromisoformat(start), UUID(registered_by), last, revoked


def _key_row(key: MemberKey) -> list[str | None]:
    end = None if key.valid_to is None else key.valid_to.isoformat()
    revoked = None if key.revoked_by is None else str(key.revoked_by)
    return [key.kid, key.jwk, key.valid_from.isoformat(), str(key.registered_by), end, revoked]


def _seat(standing: str, start: str, end: str | None, decision_ref: str) -> Seat:
    last = None if end is None else date.fromisoformat(end)
    return Seat(Standing(standing), Period(date.fromisoformat(start), last), decision_ref)


def _seat_row(seat: Seat) -> list[str | None]:
    end = seat.period.end
    return [
        seat.standing.value,
        seat.period.start.isoformat(),
        None if end is None else end.isoformat(),
        seat.decision_ref,
    ]


def read_competence(row: Row[Any], organisation: str) -> Competence:
    """A mandate of an organisation."""
    return Competence(
        id=row.competence_id,
        organisation=organisation,
        function=row.competence_function,
        matter=row.competence_matter,
        territory=row.competence_territory,
        legal_act=row.competence_legal_act,
        period=Period(row.competence_start, row.competence_end),
        registered_by=row.competence_registered_by,
    )


def write_competence(competence: Competence, position: int) -> dict[str, Any]:
    """A mandate in its place among the organisation's."""
    return {
        "id": competence.id,
        "organisation": competence.organisation,
        "position": position,
        "function": competence.function,
        "matter": competence.matter,
        "territory": competence.territory,
        "legal_act": competence.legal_act,
        "start": competence.period.start,
        "end": competence.period.end,
        "registered_by": competence.registered_by,
    }


def read_system(row: Row[Any]) -> System:
    """A system."""
    return System(row.organisation, row.name, row.scopes, row.enabled, row.tokens_from)


def read_certificate(row: Row[Any]) -> Certificate:
    """A certificate."""
    return Certificate(
        thumbprint=row.thumbprint,
        serial=int(row.serial),
        organisation=row.organisation,
        system=row.system,
        not_after=row.not_after,
        revoked_at=row.revoked_at,
        reminded=row.reminded,
    )


def read_person(row: Row[Any]) -> Person:
    """An administrator."""
    return Person(row.id, row.name, row.public_key, row.enabled)
