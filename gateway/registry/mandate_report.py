"""A look at all mandates over time: where several offices hold one, and where none does."""

from collections.abc import Iterator
from typing import Any

from gateway.actions.ports import Mode, Ports, Work
from gateway.domain.mandates import Mandate, Stretch, mandates
from gateway.domain.organisation import Organisation

PAGE = 100


def report(ports: Ports) -> dict[str, Any]:
    """Every competence from its first day on, stretch by stretch, whatever its holders' status.

    ``inactive`` names the holders that do not take part at present: nothing reaches them.
    """
    now = ports.now()
    with ports.begin(Mode.READ) as work:
        found = list(organisations(work))
    held = [competence for one in found for competence in one.competences]
    holders = {competence.organisation for competence in held}
    return {
        "legal_date": ports.legal_day(now).day.isoformat(),
        "competences": [_told(mandate) for mandate in mandates(held)],
        "inactive": sorted(o.slug for o in found if o.slug in holders and not o.active),
    }


def organisations(work: Work) -> Iterator[Organisation]:
    """All organisations, by id, read by page."""
    after = ""
    while page := work.organisations.page(after, PAGE):
        yield from page
        after = page[-1].slug


def _told(mandate: Mandate) -> dict[str, Any]:
    return {
        "competence": mandate.competence,
        "stretches": [_stretch(one) for one in mandate.stretches],
        "overlaps": [_stretch(one) for one in mandate.overlaps],
        "gaps": [_stretch(one) for one in mandate.gaps],
    }


def _stretch(stretch: Stretch) -> dict[str, Any]:
    period = stretch.period
    return {
        "from": period.start.isoformat(),
        "until": period.end.isoformat() if period.end else None,
        "holders": list(stretch.holders),
    }
