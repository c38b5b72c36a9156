"""What successions do and did, as administrators see it: a look that changes nothing.

What becomes of each handoff is judged as where it is carried out (succeeding.py).
"""

from collections import Counter
from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from gateway.actions.cases import has_key, sealed_of
from gateway.actions.ports import Mode, Ports, Work
from gateway.actions.succeeding import (
    OF_ANOTHER,
    Fate,
    fate_if_kept,
    must,
    received,
    still_open,
)
from gateway.actions.successions import told
from gateway.domain.handoff import OPEN, Handoff
from gateway.domain.refusals import KeysUnavailable, NotFound
from gateway.domain.succession import Moved, Succession, Way


def report(ports: Ports, succession: UUID) -> dict[str, Any]:
    """What moved, what is to move, what stays, and who may read what until when."""
    with ports.begin(Mode.READ) as work:
        return _report(ports, work, must(work, succession))


def preview(ports: Ports, planned: Succession) -> dict[str, Any]:
    """What a succession that is not planned yet would do; nothing is kept. Raises NotFound."""
    with ports.begin(Mode.READ) as work:
        for office in planned.offices:
            if work.organisations.get(office) is None:
                raise NotFound(f"there is no organisation {office}")
        return {**_report(ports, work, planned), "succession": None, "resolved_by": None}


def index(ports: Ports) -> list[dict[str, Any]]:
    """All successions, oldest first."""
    with ports.begin(Mode.READ) as work:
        return [told(one) for one in work.successions.all()]


def find(ports: Ports, succession: UUID) -> Succession:
    """A succession by its id. Raises NotFound."""
    with ports.begin(Mode.READ) as work:
        return must(work, succession)


def _report(ports: Ports, work: Work, succession: Succession) -> dict[str, Any]:
    today = ports.legal_day(ports.now()).day
    day = max(today, succession.day)
    open_ = (
        _told_open(ports, work, succession, handoff, day)
        for handoff in still_open(work, succession.predecessor)
    )
    done = work.successions.moved(succession.id)
    return {
        **told(succession),
        "legal_date": today.isoformat(),
        "moved": [_told_moved(work, succession, one) for one in done],
        "open": [one for one in open_ if one is not None],
        "ended_before": _ended_before(work, succession, {one.handoff for one in done}),
    }


def _told_open(
    ports: Ports, work: Work, succession: Succession, handoff: Handoff, day: date
) -> dict[str, Any] | None:
    """What becomes of an open handoff; None when its case was erased."""
    if not succession.concerns(handoff):
        return _told_fate(handoff, Way.STAY, OF_ANOTHER)
    try:
        fate = fate_if_kept(ports, work, succession, handoff, day)
    except KeysUnavailable:
        if has_key(ports, work, handoff.originator, handoff.case):
            raise
        return _told_fate(handoff, Way.WAIT, _KEY_LOST)
    if fate is None:
        return None
    to_seal_anew = 0 if fate.way is Way.STAY else _to_seal_anew(succession, fate)
    reads_until = _reads_until(succession, fate)
    return _told_fate(handoff, fate.way, fate.why, reads_until, to_seal_anew)


_KEY_LOST = (
    "the key of its case is missing: bring the newest keys database back, or have the case erased"
)


def _told_fate(
    handoff: Handoff, way: Way, why: str, reads_until: str | None = None, to_seal_anew: int = 0
) -> dict[str, Any]:
    return {
        "handoff": str(handoff.id),
        "originator": handoff.originator,
        "state": str(handoff.state),
        "way": str(way),
        "why": why,
        "predecessor_reads_until": reads_until,
        "to_seal_anew": to_seal_anew,
    }


def _to_seal_anew(succession: Succession, fate: Fate) -> int:
    sealed = sealed_of(fate.case, fate.handoff.permitted)
    return sum(part.sealed_to == succession.predecessor for part in sealed)


def _reads_until(succession: Succession, fate: Fate) -> str | None:
    """Until when the predecessor opens it; None where nothing changes for it, or it never did."""
    if fate.way is Way.STAY or not fate.taken_on:
        return None
    if fate.handoff.address.competence is None:
        return succession.day.isoformat()
    return succession.read_until.isoformat()


def _told_moved(work: Work, succession: Succession, moved: Moved) -> dict[str, Any]:
    handoff = work.handoffs.get(moved.handoff)
    following = None if moved.became is None else work.handoffs.get(moved.became)
    by_mandate = handoff is not None and handoff.address.competence is not None
    reads = succession.read_until.isoformat() if moved.taken_on and by_mandate else None
    return {
        "handoff": str(moved.handoff),
        "originator": None if handoff is None else handoff.originator,
        "became": None if moved.became is None else str(moved.became),
        "state": None if following is None else str(following.state),
        "at": moved.at.isoformat(),
        "event": str(moved.event),
        "predecessor_reads_until": reads or moved.at.date().isoformat(),
    }


def _ended_before(work: Work, succession: Succession, moved: set[UUID]) -> Mapping[str, int]:
    """How many handoffs of the mandate were at their end by themselves, by state.

    The predecessor opens none of them from the day of the succession on; a plan that was cancelled
    ends nothing.
    """
    if succession.cancelled is not None:
        return {}
    found = Counter(
        str(handoff.state)
        for handoff in received(work, succession.predecessor, None)
        if handoff.address.competence == succession.competence
        and handoff.state not in OPEN
        and handoff.id not in moved
    )
    return dict(sorted(found.items()))
