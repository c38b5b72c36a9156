"""Handoffs between two organisations: their state, their signed answers, what was opened."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, and_, bindparam, func, insert, or_, select, update

from gateway.actions.records import Consultation, Sent
from gateway.domain.handoff import OPEN, Address, Answer, Handoff, Move, State
from gateway.domain.refusals import AlreadyExists, Stale
from gateway.store import tables
from gateway.store.contents import Contents
from gateway.store.envelope import Place
from gateway.store.tables import answer, case_file, consultation, handoff
from gateway.store.transaction import Transaction, insert_new

_NO_ID = UUID(int=0)

_GET = select(handoff).where(handoff.c.id == bindparam("handoff"))
_GET_LOCKED = _GET.with_for_update()
_CASE_OF = select(handoff.c.originator, handoff.c.case).where(handoff.c.id == bindparam("handoff"))
_SHARE_CASE = (
    select(case_file.c.revision)
    .where(case_file.c.originator == bindparam("originator"), case_file.c.id == bindparam("case"))
    .with_for_update(read=True)
)
_PAGE = (
    select(handoff)
    .where(handoff.c.id > bindparam("after"))
    .order_by(handoff.c.id)
    .limit(bindparam("limit"))
)
_IN = _PAGE.where(handoff.c.recipient == bindparam("organisation"))
_OUT = _PAGE.where(handoff.c.originator == bindparam("organisation"))
_of_state = handoff.c.state == bindparam("state")
# By box, and whether one state only is wanted.
_PAGES = {
    ("in", False): _IN,
    ("in", True): _IN.where(_of_state),
    ("out", False): _OUT,
    ("out", True): _OUT.where(_of_state),
}
_OPEN_OF = select(func.count()).where(
    handoff.c.originator == bindparam("originator"),
    handoff.c.case == bindparam("case"),
    or_(*(handoff.c.state == state.value for state in sorted(OPEN))),
)
_SENT_OF = (
    select(handoff.c.id, handoff.c.recipient, handoff.c.case_digest)
    .where(handoff.c.originator == bindparam("originator"), handoff.c.case == bindparam("case"))
    .order_by(handoff.c.id)
)
_ADD = insert_new(handoff)
_SAVE = update(handoff).where(
    handoff.c.id == bindparam("handoff"), handoff.c.sequence == bindparam("previous")
)

_ANSWERS = (
    select(answer).where(answer.c.handoff == bindparam("handoff")).order_by(answer.c.sequence)
)
_ANSWER_OF = select(answer).where(answer.c.event == bindparam("event"))
_ADD_ANSWER = insert(answer)
_KEY_OF = (
    select(case_file.c.content_key)
    .join(
        handoff,
        and_(
            handoff.c.originator == case_file.c.originator,
            handoff.c.case == case_file.c.id,
        ),
    )
    .where(handoff.c.id == bindparam("handoff"), tables.KEPT)
)

_CONSULTATION = select(consultation).where(consultation.c.event == bindparam("event"))
_ADD_CONSULTATION = insert_new(consultation)


class SqlHandoffs:
    """Handoffs in SQL; the contract is that of `gateway.actions.ports.Handoffs`."""

    def __init__(self, transaction: Transaction, contents: Contents) -> None:
        """Work in this transaction."""
        self._transaction = transaction
        self._contents = contents

    def get(self, handoff: UUID) -> Handoff | None:
        """See the port."""
        if not self._transaction.locks_rows:
            return self._read(_GET, handoff)
        # Cases are locked before handoffs, by everybody: so the case's id is read first.
        case = self._transaction.execute(_CASE_OF, {"handoff": handoff}).first()
        if case is None:
            return None
        self._transaction.execute(_SHARE_CASE, {"originator": case.originator, "case": case.case})
        self._transaction.shared_cases.add((case.originator, case.case))
        found = self._read(_GET_LOCKED, handoff)
        if found is not None and (found.originator, found.case) != (case.originator, case.case):
            raise Stale("the handoff has changed: read it again")
        return found

    def add(self, handoff: Handoff, offer: Answer) -> None:
        """See the port. RuntimeError when the offer's event recorded another answer."""
        self._transaction.require_writing()
        if not self._transaction.changed(_ADD, _handoff_row(handoff)):
            raise AlreadyExists("the handoff's id is taken")
        self._add_answer(offer)

    def save(self, handoff: Handoff, answer: Answer) -> None:
        """See the port. What was offered stays as it was: only the state, the groups accepted,
        the terms and the sequence are replaced. RuntimeError as for ``add``."""
        self._transaction.require_writing()
        values = {
            "handoff": handoff.id,
            "previous": handoff.sequence - 1,
            "state": handoff.state.value,
            "accepted_groups": handoff.accepted_groups,
            "due_at": handoff.due_at,
            "until": handoff.until,
            "sequence": handoff.sequence,
        }
        if not self._transaction.changed(_SAVE, values):
            raise Stale("the handoff has changed: read it again")
        self._add_answer(answer)

    def answers(self, handoff: UUID) -> Sequence[Answer]:
        """See the port."""
        rows = self._transaction.execute(_ANSWERS, {"handoff": handoff})
        return [self._answer(row) for row in rows]

    def answer_of(self, event: UUID) -> Answer | None:
        """See the port."""
        row = self._transaction.execute(_ANSWER_OF, {"event": event}).first()
        return row and self._answer(row)

    def page(
        self, organisation: str, box: str, state: str | None, after: UUID | None, limit: int
    ) -> Sequence[Handoff]:
        """See the port."""
        values = {"organisation": organisation, "after": after or _NO_ID, "limit": limit}
        if state is not None:
            values["state"] = state
        rows = self._transaction.execute(_PAGES[box, state is not None], values)
        return [_handoff(row) for row in rows]

    def open_of(self, originator: str, case: UUID) -> int:
        """See the port."""
        values = {"originator": originator, "case": case}
        return int(self._transaction.execute(_OPEN_OF, values).scalar_one())

    def sent_of(self, originator: str, case: UUID) -> Sequence[Sent]:
        """See the port."""
        values = {"originator": originator, "case": case}
        rows = self._transaction.execute(_SENT_OF, values)
        return [Sent(row.id, row.recipient, row.case_digest) for row in rows]

    def add_consultation(self, consultation: Consultation) -> None:
        """See the port; AlreadyExists when its event recorded another one."""
        self._transaction.require_writing()
        if not self._transaction.changed(_ADD_CONSULTATION, vars(consultation)):
            raise AlreadyExists("this consultation is recorded already")

    def consultation(self, event: UUID) -> Consultation | None:
        """See the port."""
        row = self._transaction.execute(_CONSULTATION, {"event": event}).first()
        return row and Consultation(
            event=row.event,
            organisation=row.organisation,
            handoff=row.handoff,
            case_digest=row.case_digest,
            shown=row.shown,
        )

    def _read(self, statement: Any, handoff: UUID) -> Handoff | None:
        row = self._transaction.execute(statement, {"handoff": handoff}).first()
        return row and _handoff(row)

    def _add_answer(self, answer: Answer) -> None:
        key = self._transaction.execute(_KEY_OF, {"handoff": answer.handoff}).scalar()
        move = None if answer.move is None else answer.move.value
        statement = self._contents.close(
            answer.statement, key, place_of(answer.handoff, answer.sequence)
        )
        values = {**vars(answer), "move": move, "state": answer.state.value, "statement": statement}
        self._transaction.execute(_ADD_ANSWER, values)

    def _answer(self, row: Row[Any]) -> Answer:
        return Answer(
            handoff=row.handoff,
            sequence=row.sequence,
            move=None if row.move is None else Move(row.move),
            state=State(row.state),
            author=row.author,
            at=row.at,
            statement=self._contents.open(row.statement, place_of(row.handoff, row.sequence)),
            event=row.event,
        )


def place_of(handoff: UUID, sequence: int) -> Place:
    """Where the statement of an answer is stored."""
    return Place(answer.name, f"{handoff}/{sequence}", "statement")


def _handoff(row: Row[Any]) -> Handoff:
    return Handoff(
        id=row.id,
        originator=row.originator,
        case=row.case,
        case_version=row.case_version,
        case_digest=row.case_digest,
        address=Address(row.recipient, row.competence, row.resolved_by),
        purpose=row.purpose,
        permitted=row.permitted,
        package=row.package,
        offer_digest=row.offer_digest,
        offered_at=row.offered_at,
        due_at=row.due_at,
        until=row.until,
        state=State(row.state),
        accepted_groups=row.accepted_groups,
        sequence=row.sequence,
    )


def _handoff_row(handoff: Handoff) -> dict[str, Any]:
    values = {**vars(handoff), "state": handoff.state.value}
    address = values.pop("address")
    return values | {
        "recipient": address.organisation,
        "competence": address.competence,
        "resolved_by": address.resolved_by,
    }
