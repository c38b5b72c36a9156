"""The directory: who takes part, with which standing and competences, on the legal date."""

import json
from dataclasses import replace
from typing import Any

from gateway.actions.authorization import Request, Turn, authorize, missing, read, receipt_for
from gateway.actions.ports import Caller, Logged, Ports
from gateway.domain.decision import Entity
from gateway.domain.organisation import MemberKey, Organisation, Status
from gateway.evidence import receipt
from gateway.evidence.origin import SUBJECT

LOG = Entity("Log", "log", {})
"""The resource of reads that concern no single case."""


def whoami(ports: Ports, caller: Caller) -> dict[str, Any]:
    """The caller as the gateway sees it: organisation, system, scopes, certificates."""

    def look(turn: Turn) -> dict[str, Any]:
        authorize(turn, LOG)
        certificates = turn.work.organisations.certificates(caller.organisation, caller.system)
        return {
            "organisation": _view(turn.organisation, turn),
            "status": str(turn.organisation.status),
            "system": caller.system,
            "scopes": sorted(caller.scopes),
            "certificates": [
                {
                    "thumbprint": c.thumbprint,
                    "not_after": c.not_after.isoformat(),
                    "days_left": max(0, (c.not_after - turn.now).days),
                }
                for c in certificates
                if c.revoked_at is None
            ],
            "legal_date": turn.today.day.isoformat(),
            "legal_date_simulated": turn.today.simulated,
        }

    return read(ports, caller, Request("whoami.read"), look)


def page(ports: Ports, caller: Caller, after: str, limit: int) -> list[dict[str, Any]]:
    """A page of the directory, by organisation id."""

    def look(turn: Turn) -> list[dict[str, Any]]:
        authorize(turn, LOG)
        found = turn.work.organisations.page(after, limit)
        return [_view(organisation, turn) for organisation in found]

    return read(ports, caller, Request("directory.read"), look)


def look_up(ports: Ports, caller: Caller, slug: str) -> dict[str, Any]:
    """One organisation of the directory."""

    def look(turn: Turn) -> dict[str, Any]:
        authorize(turn, LOG)
        found = turn.find(slug)
        return missing() if found is None else _view(found, turn)

    return read(ports, caller, Request("directory.read"), look)


def look_up_key(ports: Ports, caller: Caller, slug: str, kid: str) -> dict[str, Any]:
    """Where a member's document key came from: the event that registered it, with its subject.

    Everybody who takes part may check it (gateway.evidence.origin). Who else the event concerned,
    and which administrators approved it, stays sealed.
    """

    def look(turn: Turn) -> Logged:
        authorize(turn, LOG)
        found = turn.find(slug)
        key = None if found is None else found.document_key(kid)
        logged = None if key is None else turn.work.log.logged(key.registered_by)
        return missing() if logged is None else logged

    logged = read(ports, caller, Request("directory.read"), look)
    subject = tuple(d.encoded for d in logged.event.disclosures if d.kind == SUBJECT)
    proved = replace(receipt_for(ports, logged, slug), disclosures=subject)
    return {"organisation": slug, "kid": kid, "receipt": receipt.to_json(proved)}


def _view(organisation: Organisation, turn: Turn) -> dict[str, Any]:
    day = turn.today.day
    return {
        "organisation": organisation.slug,
        "name": organisation.name,
        "kind": organisation.kind,
        "country": organisation.country,
        "public_authority": organisation.public_authority,
        "active": organisation.status is Status.ACTIVE,
        "standing": organisation.standing_on(day),
        "competences": [
            {
                "competence": c.key,
                "legal_act": c.legal_act,
                "from": c.period.start.isoformat(),
                "until": c.period.end.isoformat() if c.period.end else None,
                "registered_by": str(c.registered_by),
            }
            for c in organisation.competences
            if c.period.holds(day)
        ],
        "signed_only": organisation.signed_only,
        "document_keys": [_key(key) for key in organisation.document_keys],
        "encryption_keys": [
            {**_key(key), "countersignature": key.countersignature}
            for key in organisation.encryption_keys
        ],
    }


def _key(key: MemberKey) -> dict[str, Any]:
    return {
        "kid": key.kid,
        "jwk": json.loads(key.jwk),
        "valid_from": key.valid_from.isoformat(),
        "valid_to": key.valid_to.isoformat() if key.valid_to else None,
        "registered_by": str(key.registered_by),
    }
