"""A look at all mandates over time: where several offices hold one, and where none does."""

from collections.abc import Iterator
from typing import Any

from gateway.domain.mandate_timeline import CompetenceTimeline, Segment, timelines
from gateway.domain.organisation import Organisation
from gateway.kernel.ports import Ports, TransactionMode, UnitOfWork

PAGE = 100


def report(ports: Ports) -> dict[str, Any]:
    """Every competence from its first day on, stretch by stretch, whatever its holders' status.

    ``inactive`` names the holders that do not take part at present: nothing reaches them.
    """
    now = ports.now()
    with ports.begin(TransactionMode.READ) as work:
        found = list(organisations(work))
    held = [competence for one in found for competence in one.competences]
    holders = {competence.organisation for competence in held}
    return {
        "reference_date": ports.reference_date(now).day.isoformat(),
        "competences": [_timeline_json(mandate) for mandate in timelines(held)],
        "inactive": sorted(o.slug for o in found if o.slug in holders and not o.active),
    }


def organisations(work: UnitOfWork) -> Iterator[Organisation]:
    """All organisations, by id, read by page."""
    after = ""
    while page := work.organisations.page(after, PAGE):
        yield from page
        after = page[-1].slug


def _timeline_json(mandate: CompetenceTimeline) -> dict[str, Any]:
    return {
        "competence": mandate.competence,
        "stretches": [_stretch(one) for one in mandate.stretches],
        "overlaps": [_stretch(one) for one in mandate.overlaps],
        "gaps": [_stretch(one) for one in mandate.gaps],
    }


def _stretch(stretch: Segment) -> dict[str, Any]:
    period = stretch.period
    return {
        "from": period.start.isoformat(),
        "until": period.end.isoformat() if period.end else None,
        "holders": list(stretch.holders),
    }
