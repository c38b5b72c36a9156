"""Carrying out a succession: each open handoff in a transaction of its own, once and for all.

Whatever stops the work, what was moved is moved and the rest waits: the state of each handoff
tells, so that going on, or beginning again, moves none twice. Documents are signed before the
transaction that stores them, which compares everything that they depend on with what it finds.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from gateway.domain.answers import KIND_OF_MOVE
from gateway.domain.audit_event import Party
from gateway.domain.case import CaseState
from gateway.domain.decision import PolicyEntity, PolicyQuestion, organisation_entity
from gateway.domain.handoff import (
    OPEN,
    Addressee,
    Handoff,
    HandoffAction,
    HandoffAnswer,
    HandoffState,
    offers_of,
)
from gateway.domain.hosting_country import CountryMatch
from gateway.domain.measure import Measure, is_suspended
from gateway.domain.moves import made_of, move
from gateway.domain.organisation import Organisation, Status
from gateway.domain.refusals import CaseErased, CaseKeysUnavailable, EditConflict, NotFound
from gateway.domain.succession import UNPLANNED, Disposition, ReissuedHandoff, Succession
from gateway.evidence import canonical, handoff_documents, sd_jwt
from gateway.evidence.sd_jwt import SdJwt
from gateway.exchange.case.cases import entity_on
from gateway.exchange.handoffs.addressing import claimed, whom_to_call
from gateway.exchange.handoffs.selection import facts_of_offer
from gateway.exchange.signed_requests import attesting
from gateway.exchange.standing import duties
from gateway.exchange.standing.case_version import has_key, read_version
from gateway.exchange.standing.differences import alarm_differing
from gateway.exchange.standing.handoff_standing import stored_differences
from gateway.exchange.standing.item_index import index_package
from gateway.kernel import events
from gateway.kernel.actors import GATEWAY
from gateway.kernel.events import EventSubject
from gateway.kernel.ports import Ports, TransactionMode, UnitOfWork
from gateway.kernel.values import CaseVersion, ReferenceDate

BATCH = 50
"""Handoffs that one call moves at most: other upkeep waits meanwhile."""

PAGE = 100


@dataclass(frozen=True)
class HandoffDisposition:
    """What a succession does to one handoff, why, and what that rests on.

    ``rules`` are those of the policy that decided. ``offer`` is the newest, ``version`` that which
    was offered.
    """

    handoff: Handoff
    way: Disposition
    why: str
    rules: tuple[str, ...]
    offer: HandoffAnswer
    taken_on: bool
    originator: Organisation
    version: CaseVersion


@dataclass(frozen=True)
class Progress:
    """How far a succession is: handoffs moved by this call, and those that it saw waiting."""

    moved: int
    waiting: int
    done: bool


def due_successions(ports: Ports) -> tuple[Succession, ...]:
    """The successions whose day has come and that are not over."""
    today = ports.reference_date(ports.now()).day
    with ports.begin(TransactionMode.READ) as work:
        return tuple(s for s in work.successions.all() if not s.over and s.day <= today)


def apply(ports: Ports, succession: UUID, limit: int = BATCH) -> Progress:
    """Move what is due, ``limit`` handoffs at most; end the succession when nothing is left.

    Nothing is done before its day, before both organisations approved, or again. Raises NotFound.
    """
    today = ports.reference_date(ports.now())
    with ports.begin(TransactionMode.READ) as work:
        found = require_succession(work, succession)
        if not found.may_apply(today.day):
            return Progress(0, 0, done=found.over)
        batch = _batch(ports, work, found, today.day, limit)
    moved = 0
    for disposition in batch.moving:
        with suppress(
            EditConflict
        ):  # somebody was faster, or something changed: the next call sees
            _carry_out(ports, found, disposition)
            moved += 1
    left = batch.more or batch.waiting or moved < len(batch.moving)
    done = False
    if not left:
        with suppress(EditConflict):  # another one ended it at this very moment
            done = _end(ports, found, batch.staying)
    return Progress(moved, batch.waiting, done=done)


_TO_MOVE = frozenset({Disposition.REISSUE, Disposition.NEW_OFFER_NEEDED})


@dataclass(frozen=True)
class _SuccessionBatch:
    """What one call moves, how many wait among those it looked at, and whether there are more.

    ``staying`` were looked at and stay, now and ever: the version that was offered is frozen, and
    so are its matters; what was erased is not read again.
    """

    moving: tuple[HandoffDisposition, ...]
    waiting: int
    staying: frozenset[UUID]
    more: bool


def _batch(
    ports: Ports, work: UnitOfWork, succession: Succession, day: date, limit: int
) -> _SuccessionBatch:
    """The first ``limit`` to be moved; no more are held in memory."""
    moving: list[HandoffDisposition] = []
    staying: set[UUID] = set()
    waiting = 0
    for handoff in _concerned(work, succession):
        try:
            disposition = disposition_of(ports, work, succession, handoff, day)
        except CaseKeysUnavailable:
            if has_key(ports, work, handoff.originator, handoff.case):
                raise
            waiting += 1  # what cannot be read holds up no other
            continue
        if disposition is None or disposition.way is Disposition.STAY:
            staying.add(handoff.id)
            continue
        waiting += disposition.way is Disposition.WAIT
        if disposition.way in _TO_MOVE:
            if len(moving) == limit:
                return _SuccessionBatch((*moving,), waiting, frozenset(staying), more=True)
            moving.append(disposition)
    return _SuccessionBatch((*moving,), waiting, frozenset(staying), more=False)


def require_succession(work: UnitOfWork, succession: UUID) -> Succession:
    """A succession by its id. Raises NotFound."""
    found = work.successions.get(succession)
    if found is None:
        raise NotFound("there is no succession with that id")
    return found


# --- the disposition of each handoff


def open_handoffs(work: UnitOfWork, organisation: str) -> Iterator[Handoff]:
    """Every open handoff of the predecessor's, oldest first by state; no case is read for it."""
    for state in sorted(OPEN):
        yield from received(work, organisation, state)


def _concerned(work: UnitOfWork, succession: Succession) -> Iterator[Handoff]:
    """Those that may have to move, by their address."""
    return filter(succession.concerns, open_handoffs(work, succession.predecessor))


def disposition_of(
    ports: Ports, work: UnitOfWork, succession: Succession, handoff: Handoff, day: date
) -> HandoffDisposition | None:
    """The disposition of a handoff; None when its case was erased: nothing is left to move."""
    try:
        return _decide(ports, work, succession, handoff, day)
    except CaseErased:
        return None


def received(work: UnitOfWork, organisation: str, state: HandoffState) -> Iterator[Handoff]:
    """Return what an organisation received that is in a state, oldest first."""
    after: UUID | None = None
    while page := work.handoffs.received(organisation, str(state), after, PAGE):
        yield from page
        after = page[-1].id


OF_ANOTHER = "it is not of this mandate"


def _decide(
    ports: Ports, work: UnitOfWork, succession: Succession, handoff: Handoff, day: date
) -> HandoffDisposition:
    version = work.cases.version(handoff.case_digest)
    originator = work.organisations.get(handoff.originator)
    if version is None or originator is None:
        raise EditConflict("the case of a handoff is gone")
    answers = work.handoffs.answers(handoff.id)
    disposition = HandoffDisposition(
        handoff=handoff,
        way=succession.way(handoff, version.said.content["matter"]),
        why="",
        rules=(),
        offer=offers_of(answers)[-1],
        taken_on=handoff.is_held,
        originator=originator,
        version=version,
    )
    if disposition.way is Disposition.STAY:
        return replace(disposition, why=OF_ANOTHER)
    if succession.over:
        why = "the plan was cancelled" if succession.cancelled else "the succession is over"
        return replace(disposition, way=Disposition.STAY, why=why)
    if _taken_back(work, succession):
        why = "the mandate is not the successor's from its day on: cancel the plan, or grant it"
        return replace(disposition, way=Disposition.WAIT, why=why)
    if disposition.way is Disposition.NEW_OFFER_NEEDED:
        return replace(
            disposition, why="it was offered to the organisation itself, and not to the mandate"
        )
    return _judged(ports, work, succession, disposition, day)


def _taken_back(work: UnitOfWork, succession: Succession) -> bool:
    """Tell whether somebody took the mandate back by hand: then nobody knows where it has moved
    to."""
    successor = work.organisations.get(succession.successor)
    if succession.id == UNPLANNED or successor is None or successor.status is Status.LEFT:
        return False
    return succession.competence not in successor.competences_on(succession.day)


def _judged(
    ports: Ports,
    work: UnitOfWork,
    succession: Succession,
    disposition: HandoffDisposition,
    day: date,
) -> HandoffDisposition:
    """Tell whether what was offered to the mandate may be re-issued to the successor."""
    successor = work.organisations.get(succession.successor)
    if successor is None or successor.status is Status.LEFT:
        return replace(disposition, way=Disposition.NEW_OFFER_NEEDED, why="the successor has left")
    reachable = work.organisations.has_system(successor.slug)
    if not successor.active or not reachable:
        why = "the successor does not take part, or has no system, at present"
        return replace(disposition, way=Disposition.WAIT, why=why)
    of = disposition.handoff
    measures = [m for m in work.cases.measures(of.originator, of.case) if m.holds(ports.now())]
    if wait := _hindrance(ports, work, disposition, measures):
        return replace(disposition, way=Disposition.WAIT, why=wait)
    obstacle = _obstacle(succession, disposition, ports.now())
    if successor.transfer_tool_on(day) != disposition.handoff.transfer_tool:
        obstacle = "it would go to the successor by another transfer tool"
    placed = disposition.version.said.placed
    given = (one.name for one in placed if one.digest in of.permitted_disclosures)
    if successor.kind == "provider" and "statements" in given:
        obstacle = "two persons name each statement that a provider is given"
    if obstacle:
        return replace(disposition, way=Disposition.NEW_OFFER_NEEDED, why=obstacle)
    rules: list[str] = []
    for question in _questions((ports, work), succession, disposition, successor, (day, measures)):
        decided = ports.policy.decide(question)
        if not decided.allowed:
            why = "policy does not let it be offered to the successor"
            return replace(
                disposition, way=Disposition.NEW_OFFER_NEEDED, why=why, rules=decided.rules
            )
        rules += decided.rules
    why = "it was offered to the mandate"
    return replace(disposition, why=why, rules=tuple(dict.fromkeys(rules)))


def _hindrance(
    ports: Ports, work: UnitOfWork, disposition: HandoffDisposition, measures: Sequence[Measure]
) -> str:
    """Return what a handoff waits for; empty if for nothing."""
    of = disposition.handoff
    if alarm_differing(ports, work, of, stored_differences(ports, work, of)):
        return "the handoff is out of service"
    if is_suspended(measures):
        return "the case is suspended"
    if disposition.originator.status is Status.SUSPENDED:
        return "the originator is suspended"
    return ""


def _obstacle(succession: Succession, disposition: HandoffDisposition, now: datetime) -> str:
    """Return what keeps the gateway from offering for the originator again; empty if nothing."""
    if disposition.originator.slug == succession.successor:
        return "the successor is its originator"
    if disposition.originator.signed_only:
        return "its originator is bound by what it signs itself"
    if disposition.handoff.expires_at is not None and disposition.handoff.expires_at <= now:
        return "the offer has ended"
    return ""


def _questions(
    here: tuple[Ports, UnitOfWork],
    succession: Succession,
    disposition: HandoffDisposition,
    successor: Organisation,
    today: tuple[date, Sequence[Measure]],
) -> Iterator[PolicyQuestion]:
    """Return what an offer of the same to the successor would ask: of the version that was offered,
    and of the current one, in which its originator may let less of it go."""
    (ports, work), (day, measures), handoff = here, today, disposition.handoff
    case = work.cases.get(handoff.originator, handoff.case)
    if case is None:
        raise EditConflict("the case of a handoff is gone")
    originator = organisation_entity(disposition.originator, day)
    versions = [disposition.version]
    if case.digest != disposition.version.digest:
        current = work.cases.version(case.digest)
        if current is None:
            raise EditConflict("the case of a handoff is gone")
        versions.append(current)
    for version in versions:
        yield PolicyQuestion(
            originator,
            "handoff.offer",
            # It could be offered when it was, in danger before its clearance; no more is given now.
            entity_on(version, CaseState.CLEARED, day, originator, measures),
            {
                **facts_of_offer(ports, work, version, successor, day),
                "recipient": _holding(successor, succession, day),
                "competence": succession.competence,
                "purpose": frozenset(handoff.purpose),
                "assurance": "attested",
                "country": str(CountryMatch.HERE),  # the mandate that moves says which it is
            },
        )


def _holding(successor: Organisation, succession: Succession, day: date) -> PolicyEntity:
    """The successor on a day; before the mandate is planned, or begins, as if it held it."""
    entity = organisation_entity(successor, day)
    if succession.id != UNPLANNED and succession.day <= day:
        return entity
    held = successor.competences_on(day) | {succession.competence}
    return replace(entity, attributes={**entity.attributes, "competences": held})


# --- moving one


def _carry_out(ports: Ports, succession: Succession, disposition: HandoffDisposition) -> None:
    """End one handoff and re-issue it, in one transaction; EditConflict when anything is not as
    seen."""
    at = ports.now()
    today = ports.reference_date(at)
    step = HandoffAction.REISSUE if disposition.handoff.address.competence else HandoffAction.LAPSE
    ended = move(disposition.handoff, step, disposition.handoff.recipient)
    document = _ending(ports, succession, disposition, at).compact()
    ending, followed_by = made_of(ended, step, document, at, ports.new_id()), None
    if disposition.way is Disposition.REISSUE:
        followed_by = _following(ports, succession, disposition, at)
    with ports.begin(TransactionMode.WRITE) as work:
        _require_unchanged(ports, work, succession, disposition, today.day)
        duties.store_answer(ports, work, ended, ending, work.duties.of(ended.id))
        _record(
            work,
            KIND_OF_MOVE[step].action,
            disposition.handoff,
            ending,
            shared={"reason": disposition.why, "sequence": str(ending.sequence)},
            of=succession,
            rules=disposition.rules if disposition.way is Disposition.NEW_OFFER_NEEDED else (),
            today=today,
        )
        if followed_by is not None:
            _offer_again(ports, work, succession, disposition, followed_by)
            made = followed_by[0]
            index_package(ports, work, made, read_version(work, made.case_digest))
        work.successions.add_moved(
            ReissuedHandoff(
                handoff=disposition.handoff.id,
                succession=succession.id,
                became=None if followed_by is None else followed_by[0].id,
                taken_on=disposition.taken_on,
                event=ending.event,
                at=at,
            )
        )
        work.commit()


def _offer_again(
    ports: Ports,
    work: UnitOfWork,
    succession: Succession,
    disposition: HandoffDisposition,
    followed_by: tuple[Handoff, HandoffAnswer],
) -> None:
    following, offer = followed_by
    due = duties.store_offer(ports, work, following, offer)
    contact = {"contact": one.role} if (one := whom_to_call(work, following)) else {}
    _record(
        work,
        "handoff.offer",
        following,
        offer,
        shared={"purpose": following.purpose, "due": due.isoformat(), **contact},
        of=succession,
        rules=disposition.rules,
        today=ports.reference_date(offer.at),
    )


def _require_unchanged(
    ports: Ports,
    work: UnitOfWork,
    succession: Succession,
    disposition: HandoffDisposition,
    day: date,
) -> None:
    """Require that what was decided would be decided again; EditConflict otherwise."""
    current = require_succession(work, succession.id)
    handoff = work.handoffs.get(disposition.handoff.id)
    if not current.may_apply(day) or handoff is None:
        raise EditConflict("the succession is over")
    if disposition_of(ports, work, current, handoff, day) != disposition:
        raise EditConflict("the handoff has changed")


def _ending(
    ports: Ports, succession: Succession, disposition: HandoffDisposition, at: datetime
) -> SdJwt:
    """The predecessor's word that it gives the handoff up, on the ground of its approval."""
    handoff, approved = disposition.handoff, succession.by_predecessor
    if approved is None:
        raise EditConflict("the predecessor did not approve")
    reissued = disposition.way is Disposition.REISSUE
    next_step = "re-issued to it" if reissued else f"make a new offer: {disposition.why}"
    # Where the predecessor signs its own documents, its end of a handoff rests on one of them.
    ground = f"; as it signed in {sd_jwt.parse(approved.signed).digest}" if approved.signed else ""
    return handoff_documents.issue_answer(
        replace(attesting(ports, handoff.recipient), at=at),
        handoff=handoff.id,
        case_digest=handoff.case_digest,
        offer_digest=handoff.offer_digest,
        package_digest=handoff.package_digest,
        kind="reissue" if handoff.address.competence else "lapse",
        fields={
            "by": approved.by,
            "reason": f"{succession.competence} moves from {succession.predecessor} to "
            f"{succession.successor} on {succession.day.isoformat()} ({succession.legal_act}); "
            f"{next_step}{ground}",
            "suggested_recipient": succession.successor,
        },
    )


def _following(
    ports: Ports, succession: Succession, disposition: HandoffDisposition, at: datetime
) -> tuple[Handoff, HandoffAnswer]:
    """The newest offer again, to the successor: same version, parts, purpose and end; nothing
    accepted."""
    address = Addressee(succession.successor, succession.competence, succession.mandate_event)
    before, fresh = disposition.handoff, ports.new_id()
    said = {d.name: d.value for d in sd_jwt.parse(disposition.offer.document).disclosures}
    offer = handoff_documents.issue_offer(
        replace(attesting(ports, before.originator), at=at),
        handoff=fresh,
        to=claimed(address),
        case_digest=before.case_digest,
        disclosures=sorted(before.permitted_disclosures),
        purpose=before.purpose,
        expires_at=before.expires_at,
        transfer_tool=before.transfer_tool,
        by=said.get("by", "erased"),
        note=said.get("note"),
        reissue_of=handoff_documents.ReissueReference(
            succession.predecessor, before.id, before.offer_digest, succession.id
        ),
    )
    handoff = replace(
        before,
        id=fresh,
        address=address,
        offer_digest=offer.digest,
        offered_at=at,
        due_at=None,  # that of the duty which follows
        state=HandoffState.OFFERED,
        accepted_groups=None,
        sequence=1,
        package=1,
        held=0,
        held_under=None,
        recall_answer=None,
    )
    return handoff, made_of(handoff, None, offer.compact(), at, ports.new_id())


# --- events


def parties_of(succession: Succession, *others: str) -> tuple[Party, ...]:
    """The gateway, and whom a step of the whole succession concerns."""
    concerned = tuple(Party(one, "concerned") for one in (*succession.organisations, *others))
    return (Party(GATEWAY, "gateway"), *concerned)


def subject_of(succession: Succession) -> str:
    """Which succession an event is about, in words of its own values."""
    named = {
        "succession": str(succession.id),
        "predecessor": succession.predecessor,
        "successor": succession.successor,
        "competence": succession.competence,
        "effective_on": succession.day.isoformat(),
    }
    return canonical.encode(named).decode()


def _record(
    work: UnitOfWork,
    action: str,
    handoff: Handoff,
    answer: HandoffAnswer,
    *,
    shared: Mapping[str, str | tuple[str, ...]],
    of: Succession,
    rules: tuple[str, ...],
    today: ReferenceDate,
) -> None:
    """Record the end or the reissue of a handoff, for the gateway and both parties.

    Which rules decided stays with the gateway: they may say what the parties may not know.
    """
    parties = (Party(GATEWAY, "gateway"), *events.parties_of(handoff))
    told = {"subject": subject_of(of), **shared}
    events.record(
        work,
        action,
        parties,
        event=answer.event,
        simulated_date=today.simulated,
        rules=rules,
        details=[events.shared(kind, value, parties) for kind, value in told.items()],
        of=EventSubject.of_handoff(handoff),
        package_digest=handoff.package_digest,
        document_sha256=sd_jwt.parse(answer.document).digest,
    )


def _end(ports: Ports, succession: Succession, staying: frozenset[UUID]) -> bool:
    """Record that nothing is left to move but what stays; False when that is not so any more.

    No case is read while others wait to write.
    """
    today, event = ports.reference_date(ports.now()), ports.new_id()
    with ports.begin(TransactionMode.WRITE) as work:
        current = require_succession(work, succession.id)
        new = any(handoff.id not in staying for handoff in _concerned(work, current))
        if new or not current.may_apply(today.day):
            return False
        work.successions.save(current.end(event))
        parties = parties_of(current)
        told = events.shared("subject", subject_of(current), parties)
        events.record_by_gateway(ports, work, "succession.apply", parties, told, event=event)
        work.commit()
    return True
