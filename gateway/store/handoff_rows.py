"""One handoff as its rows, its documents and the log's events of it tell."""

from sqlalchemy import bindparam, or_, select

from gateway.domain.duty import HandoffDuty
from gateway.domain.handoff import Handoff
from gateway.domain.organisation import OrganisationName
from gateway.domain.retention import Retention
from gateway.domain.succession import ReissuedHandoff
from gateway.evidence.case_events import ERASED, CaseEvent
from gateway.evidence.handoff_moves import (
    CONSULTED,
    MOVING,
    RETURNED,
    ToldEvent,
    read_moves,
    was_consulted_early,
)
from gateway.kernel.values import Consultation
from gateway.store import tables
from gateway.store.case_proof import TOLD, CaseProof, read_events
from gateway.store.columns import RecordTable, matching

_RETENTIONS = RecordTable(tables.retention, Retention)
_DUTIES = RecordTable(tables.duty, HandoffDuty)
_CONSULTATIONS = RecordTable(tables.consultation, Consultation)
EVENTS_OF = TOLD.where(matching(tables.log_event, "handoff")).order_by(tables.log_event.c.idx)
_copy = tables.retained_copy
_COPY = select(
    _copy.c.holder,
    _copy.c.grace_until,
    _copy.c.content_key,
    tables.header(_copy.c.content).label("header"),
).where(matching(_copy, "handoff"))
_MOVED = RecordTable(tables.moved_handoff, ReissuedHandoff)
_moved = tables.moved_handoff.c
_MOVED_OF = _MOVED.all.where(
    or_(_moved.handoff == bindparam("handoff"), _moved.became == bindparam("handoff"))
)
_BESIDE = (
    _RETENTIONS.by("handoff"),
    _DUTIES.by("handoff").add_columns(tables.duty.c.urgency),
    _CONSULTATIONS.by("handoff"),
    _COPY,
    _MOVED_OF,
)


class HandoffRows:
    """One handoff, what its holder retains, what its parties owe, and who consulted: all that is
    read of it."""

    def __init__(self, case: CaseProof, handoff: Handoff) -> None:
        self.case, self.handoff = case, handoff
        values = {"handoff": handoff.id}
        events, retentions, duties, consultations, self.copies, moved = case.work.queries(
            *((one, values) for one in (EVENTS_OF, *_BESIDE))
        )
        self.events = read_events(events, case.require)
        self.retentions = [*map(_RETENTIONS.read, retentions)]
        self.duties = [_DUTIES.read(row[:-1]) for row in duties]
        self.urgencies = {row.urgency for row in duties}
        self.consulted = [*map(_CONSULTATIONS.read, consultations)]
        self.moved = [*map(_MOVED.read, moved)]
        self.left = case.work.organisations.left(handoff.originator, handoff.recipient)
        self.answers = case.work.handoffs.moves(handoff.id)
        self.moving = [one for one in self.events if one.type in MOVING]
        """The event of each move: `read_moves` requires that they are these."""
        told = [
            ToldEvent(one.index, one.id, one.type, one.digest)
            for one in self.events
            if one.type in MOVING or one.type in (CONSULTED, ERASED, RETURNED)
        ]
        self.early = was_consulted_early(told)
        self.elsewhere = OrganisationName(handoff.recipient).peer is not None
        self.moves = read_moves(handoff, self.answers, told, case.places)

    def of_types(self, *types: str) -> list[CaseEvent]:
        """The events of these types."""
        return [one for one in self.events if one.type in types]
