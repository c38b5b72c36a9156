"""Handoffs between two organisations: their state, their signed answers, what was opened."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from typing import Any, cast
from uuid import UUID

from sqlalchemy import (
    Column,
    ColumnElement,
    Row,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal_column,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as postgresql_insert

from gateway.domain.case import Case
from gateway.domain.duty import DutyKind
from gateway.domain.handoff import (
    FIRST_PLACE,
    NEVER,
    OPEN,
    RETURNED,
    Handoff,
    HandoffAction,
    HandoffAnswer,
    HandoffPlace,
    HandoffState,
    RecallAnswer,
)
from gateway.domain.notification import DeliveryWay
from gateway.domain.refusals import CaseErased, EditConflict
from gateway.domain.revision import ChangeKind
from gateway.domain.vocabulary import Urgency
from gateway.domain.worklist import COUNTED
from gateway.kernel.ports import TransactionMode
from gateway.kernel.values import (
    Consultation,
    HandoffFilter,
    HandoffReference,
    ListedHandoff,
    SentAct,
    SentHandoff,
    TakenHandoff,
    WaitingHandoffs,
)
from gateway.store.columns import (
    DIGITS,
    RecordTable,
    StorePart,
    id_end,
    matching,
    stands_after,
)
from gateway.store.content_encryption import (
    ERASED,
    CellRef,
)
from gateway.store.duties import FOLLOW_URGENCY
from gateway.store.references import REFERRED, read_references, reference_cell
from gateway.store.retentions import DOOM
from gateway.store.tables import (
    KEPT,
    announcement,
    answer,
    answer_key,
    case_file,
    consultation,
    duty,
    handoff,
    handoff_reference,
    log_event,
    notification_cursor,
    party,
    sent_act,
    taken_handoff,
    unheard_answer,
)
from gateway.store.transaction import insert_new

_NO_ID = UUID(int=0)

_HANDOFFS = RecordTable(
    handoff,
    Handoff,
    keeps=(
        "originator", "case", "recipient", "competence", "mandate_event", "purpose",
        "offered_at", "break_glass",
    ),
    counter="sequence",
    taken="the handoff's id is taken",
    changed="the handoff has changed: read it again",
)  # fmt: skip
_FIELDS = len(_HANDOFFS.columns)
_RESTORE = update(handoff).where(matching(handoff, "id", prefix="of_"))
_of_handoff = handoff.c.id == bindparam("handoff")
_GET = _HANDOFFS.all.where(_of_handoff)
_case_of_handoff = and_(
    case_file.c.originator == handoff.c.originator, case_file.c.id == handoff.c.case
)
_CASES = RecordTable(case_file, Case)
# What an answer needs to know of the case is read with the handoff.
_GET_WITH_CASE = (
    _HANDOFFS.all.add_columns(
        case_file.c.content_key, *(one.label(f"case_{one.name}") for one in _CASES.columns)
    )
    .join(case_file, _case_of_handoff)
    .where(_of_handoff)
)
_GET_LOCKED = _GET_WITH_CASE.with_for_update(of=handoff)
_CASE_OF = (
    select(
        handoff.c.originator,
        handoff.c.case,
        case_file.c.content_key,
        case_file.c.state.label("case_state"),
    )
    .join(case_file, _case_of_handoff)
    .where(_of_handoff)
)
# Of two answers that end handoffs of one case at the same moment PostgreSQL gives one up.
_SHARE_CASE = _CASE_OF.with_for_update(read=True, of=case_file)
_HOLD_CASE = _CASE_OF.with_for_update(of=case_file)
_offer_of = handoff.alias("offer_of")
CASE_IS_OFFERED = exists().where(
    _offer_of.c.originator == case_file.c.originator,
    _offer_of.c.case == case_file.c.id,
    or_(
        *(_offer_of.c.state == state for state in sorted(OPEN)),
        and_(_offer_of.c.state == HandoffState.CLOSED, _offer_of.c.recall.is_(null())),
    ),
)
_FOLLOW_OFFERS = (
    update(case_file)
    .where(matching(case_file, "originator", "id", prefix="of_"))
    .values(offered=CASE_IS_OFFERED)
)
_place = (handoff.c.urgency, handoff.c.due_at, handoff.c.id)
_corrected = and_(
    exists().where(
        announcement.c.originator == handoff.c.originator,
        announcement.c.case == handoff.c.case,
        announcement.c.version > handoff.c.case_version,
        announcement.c.change == ChangeKind.CORRECTION,
    ),
    exists().where(
        duty.c.handoff == handoff.c.id,
        duty.c.kind == DutyKind.UPDATE,
        duty.c.closed_at.is_(null()),
    ),
)
_LISTED = (
    _HANDOFFS.all.add_columns(_corrected.label("corrected"), handoff_reference.c.said)
    .outerjoin(handoff_reference, REFERRED)
    .limit(bindparam("limit"))
)
_PAGE = _LISTED.where(stands_after(*_place)).order_by(*_place)
# As their index has them: by their places the whole box would be read.
_PAGE_BY_END = _LISTED.where(handoff.c.id > bindparam("after_id")).order_by(handoff.c.id)
_BOXES = {"in": handoff.c.recipient, "out": handoff.c.originator}
_OTHERS = {"in": handoff.c.originator, "out": handoff.c.recipient}
_of = handoff.alias("of_case")
_named = handoff_reference.alias("named")
_FILTERS = {
    "state": matching(handoff, "state"),
    "urgency": matching(handoff, "urgency"),
    "overdue_at": handoff.c.due_at <= bindparam("overdue_at"),
    "erase_before": exists().where(
        _case_of_handoff, KEPT, case_file.c.erase_on < bindparam("erase_before")
    ),
    "ends": id_end(handoff.c.id) == bindparam("ends"),
    "reference": handoff.c.id.in_(
        select(_named.c.handoff).where(matching(_named, "organisation", "reference"))
    ),
}
_BY_ID = frozenset({"case", "reference"})


@cache
def _page(box: str, *filters: str) -> Any:
    """The page of a box under some of the filters; each is made once."""
    # By ids no index of the box is read: joined with nothing, SQLite takes none by it.
    box_of = _BOXES[box] if _BY_ID.isdisjoint(filters) else _BOXES[box].concat("")
    owner = box_of == bindparam("organisation")
    filtered = _FILTERS | {"counterpart": _OTHERS[box] == bindparam("counterpart")}
    originator = "organisation" if box == "out" else "counterpart"
    of_case = select(_of.c.id).where(
        _of.c.originator == bindparam(originator), _of.c.case == bindparam("case")
    )
    filtered["case"] = handoff.c.id.in_(of_case)
    where = (filtered[name] for name in filters)
    page = _PAGE_BY_END if "ends" in filters else _PAGE
    return page.where(owner, *where)


_late = handoff.c.due_at <= bindparam("now")


def _count(owner: Column[Any], urgency: Urgency, *where: ColumnElement[bool]) -> Any:
    """How many of a box wait of one urgency, as far as they are counted."""
    state = handoff.c.state == HandoffState.OFFERED
    waiting = select(handoff.c.id).where(
        owner == bindparam("organisation"), state, handoff.c.urgency == urgency, *where
    )
    return select(func.count()).select_from(waiting.limit(COUNTED).subquery()).scalar_subquery()


_WAITING = {
    box: select(*(_count(owner, one, *late) for late in ((), (_late,)) for one in Urgency))
    for box, owner in _BOXES.items()
}
_RECEIVED = (
    _HANDOFFS.all.where(
        handoff.c.recipient == bindparam("organisation"),
        handoff.c.state == bindparam("state"),
        handoff.c.id > bindparam("after"),
    )
    .order_by(handoff.c.id)
    .limit(bindparam("limit"))
)
_RETURN = (
    update(handoff)
    .where(matching(handoff, "id", prefix="of_"), handoff.c.state == bindparam("was"))
    .values(state=bindparam("becomes", type_=handoff.c.state.type))
)
_TAKEN = RecordTable(taken_handoff, TakenHandoff)
_taking = postgresql_insert(taken_handoff)
_TAKE = _taking.on_conflict_do_update(
    index_elements=[taken_handoff.c.handoff, taken_handoff.c.organisation],
    set_={name: _taking.excluded[name] for name in ("person", "since")},
)
_REFERENCES = RecordTable(handoff_reference, HandoffReference)
_referring = postgresql_insert(handoff_reference)
_REFER = _referring.on_conflict_do_update(
    index_elements=[handoff_reference.c.handoff, handoff_reference.c.organisation],
    set_={name: _referring.excluded[name] for name in ("reference", "said")},
)
_OPEN_OF = select(func.count()).where(
    matching(handoff, "originator", "case"),
    or_(*(handoff.c.state == state for state in sorted(OPEN))),
)
_SENT_OF = (
    select(handoff.c.id, handoff.c.recipient, handoff.c.case_digest, handoff.c.state)
    .where(matching(handoff, "originator", "case"))
    .order_by(handoff.c.id)
)
_CROSSED = (
    select(handoff.c.id)
    .where(matching(handoff, "originator"), handoff.c.recipient.like(bindparam("like")))
    .limit(1)
)
_OF_CASE = _HANDOFFS.by("originator", "case").order_by(handoff.c.id)
_stands = or_(
    *(handoff.c.state == state for state in sorted(OPEN)),
    and_(
        handoff.c.held > literal_column("0"),
        handoff.c.recall_answer.is_distinct_from(RecallAnswer.COPIES_ERASED),
        handoff.c.conditions_digest != literal_column("''"),
    ),
)


def _first_with(own: Column[Any], other: Column[Any]) -> Any:
    """The first handoffs of a box with each other party that are open or held."""
    place = func.row_number().over(partition_by=other, order_by=_place).label("place")
    found = select(*_HANDOFFS.columns, place).where(own == bindparam("organisation"), _stands)
    rows = found.subquery()
    first = rows.c.place <= bindparam("most")
    return select(*(rows.c[one.name] for one in _HANDOFFS.columns)).where(first)


_COUNTERPARTS = tuple(
    _first_with(own, other)
    for own, other in (
        (handoff.c.originator, handoff.c.recipient),
        (handoff.c.recipient, handoff.c.originator),
    )
)
_ANSWERS = select(answer).where(matching(answer, "handoff")).order_by(answer.c.sequence)
_OFFERS = _ANSWERS.where(or_(answer.c.move.is_(None), answer.c.move == HandoffAction.UPDATE))
_OFFER = _OFFERS.offset(bindparam("before")).limit(1)
_ANSWER_OF = select(answer).where(matching(answer, "event"))
_RECALLS_OF = (
    select(answer)
    .join(handoff, handoff.c.id == answer.c.handoff)
    .where(
        matching(handoff, "originator", "case"),
        answer.c.move == HandoffAction.RECALL,
        answer.c.document != ERASED,
    )
    .order_by(answer.c.handoff)
)
_NOTICES = _ANSWERS.where(
    answer.c.move == HandoffAction.NOTIFY_CORRECTION, answer.c.document != ERASED
)
_ADD_ANSWER = insert(answer)
_ANSWER_KEY = select(answer_key.c.content_key).where(matching(answer_key, "organisation"))
_ADD_ANSWER_KEY = insert_new(answer_key)
_CONSULTATIONS = RecordTable(
    consultation, Consultation, taken="this consultation is recorded already"
)
_IS_CONSULTED = select(consultation.c.event).where(matching(consultation, "handoff")).limit(1)
_WAS_INFORMED = (
    select(consultation.c.event)
    .where(matching(consultation, "handoff"), consultation.c.informed)
    .limit(1)
)


_SENT = select(*(sent_act.c[name] for name in SentAct.__dataclass_fields__))
_SENT_BY = _SENT.where(matching(sent_act, "event"))
_SENT_IN = _SENT.where(matching(sent_act, "handoff")).order_by(sent_act.c.at)
_WAITS_SINCE = (
    _SENT.join(handoff, handoff.c.id == sent_act.c.handoff)
    .where(
        handoff.c.urgency == bindparam("urgency", type_=handoff.c.urgency.type),
        sent_act.c.ended_at.is_(null()),
        sent_act.c.undelivered_at.is_(null()),
        sent_act.c.at <= bindparam("before"),
    )
    .order_by(sent_act.c.at)
    .limit(bindparam("limit"))
)
_ADD_SENT = insert(sent_act)
_END_SENT = (
    update(sent_act)
    .where(matching(sent_act, "event", prefix="of_"))
    .values(ended_at=bindparam("ended_at"))
)
_TELL_SENT = (
    update(sent_act)
    .where(matching(sent_act, "event", prefix="of_"))
    .values(undelivered_at=bindparam("undelivered_at"))
)
# What a case's originator, who is a remote member, did not hear: by the stream that is its outbox.
_relayed_to = and_(
    notification_cursor.c.organisation == bindparam("originator"),
    notification_cursor.c.way == DeliveryWay.RELAY,
)
_UNHEARD = (
    select(log_event.c.event, party.c.stream_number)
    .join(party, party.c.idx == log_event.c.idx)
    .outerjoin(notification_cursor, _relayed_to)
    .where(
        log_event.c.handoff.in_(
            select(handoff.c.id).where(matching(handoff, "originator", "case"))
        ),
        party.c.organisation == bindparam("originator"),
        party.c.stream_number
        > func.coalesce(notification_cursor.c.acknowledged, literal_column("0")),
    )
)
_ANSWERED = (
    select(answer)
    .join(handoff, handoff.c.id == answer.c.handoff)
    .where(
        matching(handoff, "originator", "case"),
        answer.c.author == handoff.c.recipient,
        answer.c.document != ERASED,
    )
)
_KEEP_UNHEARD = insert(unheard_answer)
_UNHEARD_OF = select(unheard_answer.c.document).where(matching(unheard_answer, "event"))
_END_UNHEARD = (
    update(unheard_answer)
    .where(
        unheard_answer.c.handoff.in_(
            select(handoff.c.id).where(matching(handoff, "originator", "case", prefix="of_"))
        ),
        unheard_answer.c.until > bindparam("day"),
    )
    .values(until=bindparam("day"))
)
_OVER_UNHEARD = select(unheard_answer.c.event, unheard_answer.c.content_key).where(
    unheard_answer.c.until <= bindparam("day")
)
_HEARD = select(unheard_answer.c.event, unheard_answer.c.content_key).where(
    matching(unheard_answer, "member"), unheard_answer.c.stream_number <= bindparam("heard")
)
_DROP_UNHEARD = delete(unheard_answer).where(matching(unheard_answer, "event", prefix="of_"))


@dataclass(eq=False)
class SqlHandoffs(StorePart):
    """Handoffs, their answers, and the consultations of content."""

    _case_of: dict[UUID, tuple[str, UUID]] = field(default_factory=dict)

    def get(self, handoff: UUID) -> Handoff | None:
        """A handoff; in a writing transaction its case is locked (shared) first, then its row."""
        if self._transaction.mode is TransactionMode.READ:
            return self._one(_HANDOFFS, _GET, handoff=handoff)
        found = self.with_case(handoff)
        return found and found[0]

    def with_case(self, handoff: UUID) -> tuple[Handoff, Case] | None:
        """The same, and its case as it is now."""
        values, locks_rows = {"handoff": handoff}, self._transaction.locks_rows
        if locks_rows:  # cases before handoffs, by everybody; a handoff is always of one case
            # Two who share a case and both end what it says wait for each other: the one that was
            # given up comes again alone, and holds it from the start.
            alone = self._transaction.mode is not TransactionMode.SHARED
            lock = _HOLD_CASE if alone else _SHARE_CASE
            _, rows = self._transaction.queries((lock, values), (_GET_LOCKED, values))
        else:
            rows = self._transaction.rows(_GET_WITH_CASE, values)
        if not rows:
            return None
        (row,) = rows
        found, case = _HANDOFFS.read(row[:_FIELDS]), _CASES.read(row[_FIELDS + 1 :])
        self._case_of[handoff] = (case.originator, case.id)
        self._cipher.note_case(case.originator, case.id, case.state, row.content_key)
        if locks_rows:
            self._transaction.shared_cases.add((case.originator, case.id))
        return found, case

    def case_of(self, handoff: UUID) -> tuple[str, UUID] | None:
        """Its case, by originator and id; nothing is locked."""
        row = self._transaction.first(_CASE_OF, {"handoff": handoff})
        return None if row is None else (row.originator, row.case)

    def add(self, handoff: Handoff, offer: HandoffAnswer) -> None:
        """Store a new handoff and its offer; AlreadyExists when the id is taken.

        RuntimeError when the offer's event recorded another answer.
        """
        self._add(_HANDOFFS, handoff, due_at=handoff.due_at or NEVER)
        self._case_of[handoff.id] = case = (handoff.originator, handoff.case)
        self._add_answer(offer)
        if case not in self._transaction.offered_cases:
            self._follow_offers(handoff)

    def save(self, handoff: Handoff, answer: HandoffAnswer) -> None:
        """Replace the stored one, whose sequence must be one less (else EditConflict), and append
        the answer. RuntimeError as for ``add``.

        Parties, address and purpose stay as they were.
        """
        self._replace(_HANDOFFS, handoff, due_at=handoff.due_at or NEVER)
        if answer.move is HandoffAction.UPDATE:
            self._follow_urgency(handoff)
        self._add_answer(answer)
        if handoff.state not in OPEN:
            self._follow_offers(handoff)

    def restore(self, handoff: Handoff) -> None:
        """Replace the whole row of a handoff, in a REGISTRY transaction."""
        self._transaction.require_registry()
        due = {"due_at": handoff.due_at or NEVER}
        row = {"of_id": handoff.id, **_HANDOFFS.row(handoff), **due}
        self._transaction.run(_RESTORE, row)
        self._follow_urgency(handoff)
        self._follow_offers(handoff)

    def _follow_urgency(self, handoff: Handoff) -> None:
        values = {"of_handoff": handoff.id, "urgency": handoff.urgency}
        self._transaction.defer(FOLLOW_URGENCY, values)

    def _follow_offers(self, handoff: Handoff) -> None:
        """Let the case say whether it is offered, by all of its handoffs."""
        self._transaction.offered_cases.discard((handoff.originator, handoff.case))
        values = {"of_originator": handoff.originator, "of_id": handoff.case}
        self._transaction.defer(_FOLLOW_OFFERS, values)

    def answers(self, handoff: UUID, *, documents: bool = True) -> Sequence[HandoffAnswer]:
        """The offer and every answer, in order; without ``documents`` these are empty, as they are
        after the erasure of the case."""
        rows = self._transaction.rows(_ANSWERS, {"handoff": handoff})
        if not documents:
            return [HandoffAnswer(**row._asdict() | {"document": ""}) for row in rows]
        return [self._answer(row) for row in rows]

    def moves(self, handoff: UUID) -> Sequence[HandoffAnswer]:
        """The offer and every answer, in order, with the documents that were not erased."""
        rows = self._transaction.rows(_ANSWERS, {"handoff": handoff})
        return [
            HandoffAnswer(**row._asdict() | {"document": ""})
            if row.document == ERASED
            else self._answer(row)
            for row in rows
        ]

    def notices(self, handoff: UUID) -> Sequence[HandoffAnswer]:
        """The correction notices, in order; those from before the erasure of the case went with
        it."""
        rows = self._transaction.rows(_NOTICES, {"handoff": handoff})
        return [self._answer(row) for row in rows]

    def offer(self, handoff: UUID, package: int) -> HandoffAnswer | None:
        """The offer, or update, that made a package, by its number."""
        values = {"handoff": handoff, "before": package - 1}
        row = self._transaction.first(_OFFER, values)
        return row and self._answer(row)

    def of_case(self, originator: str, case: UUID) -> Sequence[Handoff]:
        """Every handoff of the case, by id; none is locked."""
        values = {"originator": originator, "case": case}
        return self._all(_HANDOFFS, _OF_CASE, **values)

    def recalls_of(self, originator: str, case: UUID) -> Sequence[HandoffAnswer]:
        """Return what recalled each handoff of the case, by handoff; what came before the erasure
        of the case went with it."""
        values = {"originator": originator, "case": case}
        return [self._answer(row) for row in self._transaction.rows(_RECALLS_OF, values)]

    def answer_of(self, event: UUID) -> HandoffAnswer | None:
        """The answer that ``event`` recorded, with its document also where only that of an erased
        case's is kept until its originator's gateway heard it."""
        row = self._transaction.first(_ANSWER_OF, {"event": event})
        if row is None or row.document != ERASED:
            return row and self._answer(row)
        kept = self._transaction.scalar(_UNHEARD_OF, {"event": event})
        text = self._cipher.decrypt(kept or ERASED, _unheard_cell(event))
        return HandoffAnswer(**row._asdict() | {"document": text})

    def page(
        self,
        organisation: str,
        box: str,
        filters: HandoffFilter,
        after: HandoffPlace | None,
        limit: int,
    ) -> Sequence[Handoff]:
        """As ``listed``, the handoffs alone."""
        return [one.handoff for one in self.listed(organisation, box, filters, after, limit)]

    def listed(
        self,
        organisation: str,
        box: str,
        filters: HandoffFilter,
        after: HandoffPlace | None,
        limit: int,
    ) -> Sequence[ListedHandoff]:
        """Handoffs received (box ``in``) or sent (``out``) whose place is after ``after``, in the
        order of their places: by urgency, then due time."""
        wanted: dict[str, Any] = {n: v for n, v in vars(filters).items() if v is not None}
        statement = _page(box, *wanted)
        if filters.ends is not None:
            wanted["ends"] = filters.ends[-DIGITS:]
        place = after or FIRST_PLACE
        values = {
            "organisation": organisation,
            "limit": limit,
            "after_urgency": place.rank,
            "after_due_at": place.due_at,
            "after_id": place.id,
            **wanted,
        }
        rows = self._transaction.rows(statement, values)
        found = [_HANDOFFS.read(row[:_FIELDS]) for row in rows]
        sealed = [(one.id, row.said) for one, row in zip(found, rows, strict=True)]
        named = read_references(self._cipher, organisation, sealed)
        return [
            ListedHandoff(one, bool(row.corrected) and one.is_held, reference)
            for one, row, reference in zip(found, rows, named, strict=True)
        ]

    # --- What was sent to the gateway that decides ---

    def end_returned(self, handoff: Handoff) -> None:
        """End an open handoff whose offer the other gateway refused, or which left. EditConflict
        where it stands otherwise."""
        becomes = RETURNED.get(handoff.state)
        row = {"of_id": handoff.id, "was": handoff.state, "becomes": becomes}
        if becomes is None or not self._write(_RETURN, row):
            raise EditConflict("the handoff has changed: read it again")
        self._follow_offers(handoff)

    def add_sent(self, act: SentAct, author: str) -> None:
        """Keep what an ``author`` sent about a handoff that another gateway decides."""
        key, cell = self._key_of(act.handoff, author), _sent_cell(act.event)
        document = self._cipher.encrypt(act.document, key, cell) if act.document else ERASED
        self._transaction.defer(_ADD_SENT, {**vars(act), "document": document})

    def end_sent(self, act: UUID, at: datetime) -> None:
        """Note that the deciding gateway gave the result of an act."""
        self._write(_END_SENT, {"of_event": act, "ended_at": at})

    def tell_sent(self, act: UUID, at: datetime) -> None:
        """Note that its author heard that an act waits."""
        self._write(_TELL_SENT, {"of_event": act, "undelivered_at": at})

    def sent(self, handoff: UUID) -> Sequence[SentAct]:
        """All that was sent about a handoff, in order."""
        return [*map(self._sent, self._transaction.rows(_SENT_IN, {"handoff": handoff}))]

    def sent_by(self, event: UUID) -> SentAct | None:
        """Return what was sent by an event."""
        row = self._transaction.first(_SENT_BY, {"event": event})
        return row and self._sent(row)

    def waiting_since(self, urgency: Urgency, before: datetime, limit: int) -> Sequence[SentAct]:
        """Acts about handoffs of an urgency that wait since then or longer, and of which their
        authors did not hear that; without their documents."""
        values = {"urgency": urgency, "before": before, "limit": limit}
        rows = self._transaction.rows(_WAITS_SINCE, values)
        return [SentAct(**row._asdict() | {"document": ""}) for row in rows]

    def keep_unheard(self, originator: str, case: UUID, until: date) -> None:
        """Keep what recipients answered about a case that is being erased, as far as its originator
        did not hear it, each under a key of its own, and until a day at most.

        Raises CaseErased, CaseKeysUnavailable.
        """
        of = {"originator": originator, "case": case}
        numbers = {row.event: row.stream_number for row in self._transaction.rows(_UNHEARD, of)}
        for row in self._transaction.rows(_ANSWERED, of) if numbers else ():
            if row.event not in numbers:
                continue
            key = self._cipher.new_key()
            document = self._answer(row).document
            kept = {
                "event": row.event,
                "handoff": row.handoff,
                "member": originator,
                "stream_number": numbers[row.event],
                "until": until,
                "content_key": key,
                "document": self._cipher.encrypt(document, key, _unheard_cell(row.event)),
            }
            self._write(_KEEP_UNHEARD, kept)

    def end_unheard(self, originator: str, case: UUID, day: date) -> None:
        """Let what is kept so of a case end on a day, where it would later."""
        of = {"of_originator": originator, "of_case": case, "day": day}
        self._transaction.run(_END_UNHEARD, of)

    def over_unheard(self, day: date) -> Mapping[UUID, UUID]:
        """Tell what is kept so and is over on a day: its key, by its event."""
        rows = self._transaction.rows(_OVER_UNHEARD, {"day": day})
        return {row.event: row.content_key for row in rows}

    def heard(self, member: str, number: int) -> Mapping[UUID, UUID]:
        """Tell likewise what is kept so for a remote member that heard its stream up to a
        number."""
        rows = self._transaction.rows(_HEARD, {"member": member, "heard": number})
        return {row.event: row.content_key for row in rows}

    def drop_unheard(self, events: Mapping[UUID, UUID]) -> None:
        """Take what is kept so away, by its events, and doom their keys."""
        for event, key in events.items():
            self._write(DOOM, {"content_key": key})
            self._write(_DROP_UNHEARD, {"of_event": event})

    def _sent(self, row: Row[Any]) -> SentAct:
        """An act with its document, as far as that was not erased with its case."""
        try:
            stored = row.document != ERASED
            text = self._cipher.decrypt(row.document, _sent_cell(row.event)) if stored else ""
        except CaseErased:
            text = ""
        return SentAct(**row._asdict() | {"document": text})

    def take(self, taken: TakenHandoff) -> None:
        """Keep who of a party works on a handoff, in place of who did."""
        self._write(_TAKE, vars(taken))

    def taken_by(self, handoff: UUID, organisation: str) -> str | None:
        """Tell who of a party works on a handoff."""
        found = self._get(_TAKEN, handoff=handoff, organisation=organisation)
        return None if found is None else found.person

    def refer(self, handoff: UUID, organisation: str, digest: str, reference: str) -> None:
        """Keep a recipient's own reference of a handoff, encrypted with its case, in place of that
        before."""
        key, cell = self._key_of(handoff, organisation), reference_cell(handoff, organisation)
        said = self._cipher.encrypt(reference, key, cell)
        self._write(_REFER, vars(HandoffReference(handoff, organisation, digest, said)))

    def reference_of(self, handoff: UUID, organisation: str) -> str | None:
        """A recipient's own reference of a handoff."""
        found = self._get(_REFERENCES, handoff=handoff, organisation=organisation)
        sealed = [(handoff, None if found is None else found.said)]
        return read_references(self._cipher, organisation, sealed)[0]

    def with_counterparts(self, organisation: str, most: int) -> Sequence[Handoff]:
        """The first handoffs, by their place, that are open or held with each counterpart of an
        organisation, ``most`` of each box."""
        values = {"organisation": organisation, "most": most}
        return [one for query in _COUNTERPARTS for one in self._all(_HANDOFFS, query, **values)]

    def waiting(self, organisation: str, box: str, now: datetime) -> WaitingHandoffs:
        """How many of a box are offered and not answered, and overdue of those at a moment; no
        number is more than COUNTED."""
        values = {"organisation": organisation, "now": now}
        counts = self._transaction.first(_WAITING[box], values)
        kinds = len(Urgency)
        by_urgency = {one: n for one, n in zip(Urgency, counts[:kinds], strict=True) if n}
        return WaitingHandoffs(by_urgency, min(sum(counts[kinds:]), COUNTED))

    def received(
        self, organisation: str, state: str, after: UUID | None, limit: int
    ) -> Sequence[Handoff]:
        """Handoffs received, in one state, with an id greater than ``after``, in order of id
        (UUIDv7: of offer)."""
        values = {
            "organisation": organisation,
            "state": state,
            "after": after or _NO_ID,
            "limit": limit,
        }
        return self._all(_HANDOFFS, _RECEIVED, **values)

    def open_of(self, originator: str, case: UUID) -> int:
        """How many handoffs of the case are open."""
        values = {"originator": originator, "case": case}
        return int(self._transaction.scalar(_OPEN_OF, values))

    def sent_of(self, originator: str, case: UUID) -> Sequence[SentHandoff]:
        """Every handoff of the case, by id."""
        values = {"originator": originator, "case": case}
        rows = self._transaction.rows(_SENT_OF, values)
        return [SentHandoff(*row) for row in rows]

    def has_sent(self, originator: str, peer: str) -> bool:
        """Tell whether an originator ever offered a case to a member of a peer gateway."""
        values = {"originator": originator, "like": f"%@{peer}"}
        return self._transaction.first(_CROSSED, values) is not None

    def add_consultation(self, consultation: Consultation) -> None:
        """Remember what a consultation showed; AlreadyExists when its event recorded another."""
        self._add(_CONSULTATIONS, consultation)

    def is_consulted(self, handoff: UUID) -> bool:
        """Tell whether the recipient ever opened what a handoff gave it."""
        return self._transaction.first(_IS_CONSULTED, {"handoff": handoff}) is not None

    def was_informed_of_consultation(self, handoff: UUID) -> bool:
        """Tell whether the originator is a party of a consultation of the handoff."""
        return self._transaction.first(_WAS_INFORMED, {"handoff": handoff}) is not None

    def consultation(self, event: UUID) -> Consultation | None:
        """Return what the consultation recorded by ``event`` showed."""
        return self._get(_CONSULTATIONS, event=event)

    def _key_of(self, handoff: UUID, author: str) -> UUID:
        """By which key what an organisation writes about a handoff is encrypted."""
        case = self._case_of.get(handoff)
        if case not in self._cipher.case_keys:
            row = self._transaction.first(_CASE_OF, {"handoff": handoff})
            case = self._case_of[handoff] = (row.originator, row.case)
            self._cipher.note_case(*case, row.case_state, row.content_key)
        return self._cipher.case_keys[case] or self._late_key(author)

    def _add_answer(self, answer: HandoffAnswer) -> None:
        key = self._key_of(answer.handoff, answer.author)
        cell = _cell(answer.handoff, answer.sequence)
        document = self._cipher.encrypt(answer.document, key, cell)
        self._transaction.defer(_ADD_ANSWER, {**vars(answer), "document": document})

    def _late_key(self, author: str) -> UUID:
        """The key of an organisation's answers about erased cases; a new one the first time."""
        row = self._transaction.first(_ANSWER_KEY, {"organisation": author})
        if row is not None:
            return cast(UUID, row.content_key)
        key = self._cipher.new_key()
        made = {"organisation": author, "content_key": key}
        if not self._transaction.run(_ADD_ANSWER_KEY, made).rowcount:
            raise EditConflict("another request made the key: ask again")
        return key

    def _answer(self, row: Row[Any]) -> HandoffAnswer:
        text = self._cipher.decrypt(row.document, _cell(row.handoff, row.sequence))
        return HandoffAnswer(**row._asdict() | {"document": text})


def _cell(handoff: UUID, sequence: int) -> CellRef:
    return CellRef(answer.name, f"{handoff}/{sequence}", "document")


def _sent_cell(event: UUID) -> CellRef:
    return CellRef(sent_act.name, str(event), "document")


def _unheard_cell(event: UUID) -> CellRef:
    return CellRef(unheard_answer.name, str(event), "document")
