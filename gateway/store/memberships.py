"""How an organisation's history, application, interests and agreements stand in its row: JSON."""

import json
from datetime import date
from typing import Any
from uuid import UUID

from gateway.domain.organisation import (
    Agreement,
    Application,
    Interest,
    Organisation,
    Period,
    Resolution,
    Standing,
    Status,
    Step,
)
from gateway.store.columns import write_json


def write_membership(organisation: Organisation) -> dict[str, str]:
    """The columns of an organisation's membership."""
    return {
        "history": write_json([_step_row(step) for step in organisation.history]),
        "application": write_json(_application_row(organisation.application)),
        "interests": write_json([_interest_row(one) for one in organisation.interests]),
        "agreements": write_json([_agreement_row(one) for one in organisation.agreements]),
    }


def read_membership(
    history: str, application: str, interests: str, agreements: str
) -> dict[str, Any]:
    """The fields of an Organisation that ``write_membership`` wrote."""
    return {
        "history": tuple(_step(*step) for step in json.loads(history)),
        "application": _application(json.loads(application)),
        "interests": tuple(_interest(*one) for one in json.loads(interests)),
        "agreements": tuple(_agreement(*one) for one in json.loads(agreements)),
    }


def _step(status: str, since: str, event: str) -> Step:
    return Step(Status(status), date.fromisoformat(since), UUID(event))


def _step_row(step: Step) -> list[str]:
    return [step.status.value, step.since.isoformat(), str(step.event)]


def _application(row: list[Any] | None) -> Application | None:
    if row is None:
        return None
    standing, purposes, about, received_on, event, resolution = row
    return Application(
        standing=Standing(standing),
        purposes=frozenset(purposes),
        about=about,
        received_on=date.fromisoformat(received_on),
        event=UUID(event),
        resolution=None if resolution is None else _resolution(*resolution),
    )


def _application_row(application: Application | None) -> list[Any] | None:
    if application is None:
        return None
    return [
        application.standing.value,
        sorted(application.purposes),
        application.about,
        application.received_on.isoformat(),
        str(application.event),
        None if application.resolution is None else _resolution_row(application.resolution),
    ]


def _resolution(reference: str, decided_on: str, document: str, event: str) -> Resolution:
    return Resolution(reference, date.fromisoformat(decided_on), document, UUID(event))


def _resolution_row(resolution: Resolution) -> list[str]:
    return [
        resolution.reference,
        resolution.decided_on.isoformat(),
        resolution.document_sha256,
        str(resolution.event),
    ]


def _interest(id_: str, scope: str, subject: str, kind: str, *days: str | None) -> Interest:
    return Interest(UUID(id_), scope, subject, kind, _period(*days))


def _interest_row(one: Interest) -> list[str | None]:
    return [str(one.id), one.scope, one.subject, one.kind, *_days(one.period)]


def _agreement(id_: str, kind: str, about: str, reference: str, *days: str | None) -> Agreement:
    return Agreement(UUID(id_), kind, about, reference, _period(*days))


def _agreement_row(one: Agreement) -> list[str | None]:
    return [str(one.id), one.kind, one.about, one.reference, *_days(one.period)]


def _period(start: str | None, end: str | None) -> Period:
    last = None if end is None else date.fromisoformat(end)
    return Period(date.fromisoformat(start or ""), last)


def _days(period: Period) -> tuple[str, str | None]:
    return period.start.isoformat(), None if period.end is None else period.end.isoformat()
