"""What the two parties do with a handoff: answer, follow up, open content, read, list."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from operator import attrgetter
from typing import Any
from uuid import UUID

from gateway.actions.authorization import (
    About,
    Request,
    Turn,
    Written,
    allows,
    authorize,
    missing,
    prepare,
    read,
    write,
)
from gateway.actions.barriers import before_recipient
from gateway.actions.cases import conditions_digest, elements, has_key, sealed_of
from gateway.actions.disclosure import Reader, as_marked_today, permit
from gateway.actions.listing import Listing, gather
from gateway.actions.opening import Opening, open_content, presented
from gateway.actions.ports import Ports
from gateway.actions.records import Caller, CaseVersion, Logged
from gateway.actions.signed import BINDING, Opened, assurance, check_signed
from gateway.domain.case import ROUTING, Element
from gateway.domain.decision import Entity, Value, handoff_entity
from gateway.domain.facts import Party
from gateway.domain.handoff import (
    READABLE,
    Answer,
    Handoff,
    Move,
    State,
    move,
    visible_code,
    was_taken_on,
)
from gateway.domain.marking import conditions
from gateway.domain.organisation import Organisation, organisation_uri
from gateway.domain.refusals import (
    ConditionsDiffer,
    DocumentRefused,
    Invalid,
    KeysUnavailable,
    Stale,
    WrongState,
)
from gateway.evidence import sd_jwt, statement
from gateway.evidence.sd_jwt import SdJwt, Verified


@dataclass(frozen=True)
class Reply:
    """What a party answers. Which fields an answer takes is the transport's to check.

    ``conditions`` repeats the conditions of use that the recipient accepts; ``groups`` the
    parts it takes on when it does not take all; ``to`` whom it would redirect the case to.
    ``signed`` is the statement itself, where its author signed it.
    """

    by: str
    reason: str | None = None
    conditions: Mapping[str, Any] | None = None
    groups: tuple[str, ...] | None = None
    code: str | None = None
    items: tuple[str, ...] | None = None
    note: str | None = None
    evidence_ref: str | None = None
    to: str | None = None
    signed: Opened | None = None

    def said(self) -> dict[str, Any]:
        """The statement's disclosures; what is None was not said."""
        fields = {
            "reason": self.reason,
            "conditions": dict(self.conditions) if self.conditions is not None else None,
            "groups": list(self.groups) if self.groups is not None else None,
            "code": self.code,
            "items": list(self.items) if self.items is not None else None,
            "note": self.note,
            "evidence_ref": self.evidence_ref,
            "to": self.to,
        }
        return {name: value for name, value in fields.items() if value is not None}


def accept(ports: Ports, caller: Caller, key: str, handoff: UUID, reply: Reply) -> Written:
    """Take a case on, under its conditions; ConditionsDiffer when they are not repeated."""
    step = Move.ACCEPT if reply.groups is None else Move.ACCEPT_PARTLY
    kind = _Kind("handoff.accept", "acceptance", step)
    return _answer(ports, caller, key, kind=kind, handoff=handoff, reply=reply)


def refuse(ports: Ports, caller: Caller, key: str, handoff: UUID, reply: Reply) -> Written:
    """Decline a case, or give it back, with a reason."""
    kind = _Kind("handoff.refuse", "refusal", Move.REFUSE)
    return _answer(ports, caller, key, kind=kind, handoff=handoff, reply=reply)


def redirect(ports: Ports, caller: Caller, key: str, handoff: UUID, reply: Reply) -> Written:
    """Send the originator to another office; the originator then makes a new offer."""
    kind = _Kind("handoff.redirect", "redirection", Move.REDIRECT)
    return _answer(ports, caller, key, kind=kind, handoff=handoff, reply=reply)


def outcome(ports: Ports, caller: Caller, key: str, handoff: UUID, reply: Reply) -> Written:
    """Tell what came of the case; further outcomes may follow."""
    kind = _Kind("handoff.outcome", "outcome", Move.OUTCOME)
    return _answer(ports, caller, key, kind=kind, handoff=handoff, reply=reply)


def withdraw(ports: Ports, caller: Caller, key: str, handoff: UUID, reply: Reply) -> Written:
    """The originator takes its offer back."""
    kind = _Kind("handoff.withdraw", "withdrawal", Move.WITHDRAW)
    return _answer(ports, caller, key, kind=kind, handoff=handoff, reply=reply)


def close(ports: Ports, caller: Caller, key: str, handoff: UUID, reply: Reply) -> Written:
    """The recipient ends its work on the handoff."""
    kind = _Kind("handoff.close", "closure", Move.CLOSE)
    return _answer(ports, caller, key, kind=kind, handoff=handoff, reply=reply)


_ACCEPTANCES = frozenset({Move.ACCEPT, Move.ACCEPT_PARTLY})


@dataclass(frozen=True)
class _Kind:
    """One kind of answer: its action, its name in statements, its move."""

    action: str
    statement: str
    move: Move


def _answer(
    ports: Ports, caller: Caller, key: str, *, kind: _Kind, handoff: UUID, reply: Reply
) -> Written:
    """Sign the answer first, from what never changes in a handoff; then decide and store it.

    What its author signed is held against the same.
    """
    asked = {"handoff": str(handoff), "reply": reply.said()}
    own = {} if reply.signed is None else {"signed": True}
    request = Request(kind.action, reply.by, key, asked | own)
    offered = prepare(ports, caller, request, lambda turn: _offered(turn, kind, handoff, reply))
    act = None
    if offered is not None:
        own_word = reply.signed
        signed = own_word.document if own_word else _sign(ports, caller, kind, offered, reply)
        act = partial(_store, kind, handoff, reply, signed)

    def again(turn: Turn, logged: Logged) -> Mapping[str, Any]:
        answer = turn.work.handoffs.answer_of(logged.event.id)
        return missing() if answer is None else _answered(answer)

    return write(ports, caller, request, act, again)


def _offered(turn: Turn, kind: _Kind, handoff: UUID, reply: Reply) -> Handoff:
    """The handoff, once the reply fits what was offered; nothing of that changes any more."""
    found = _party_to(turn, handoff)
    _hide_barred(turn, found)
    if reply.signed is not None:
        _check_binding(kind, found, reply.signed)
    if kind.move not in _ACCEPTANCES:
        return found
    repeated = conditions_digest(turn.ports, found.case_digest, reply.conditions or {})
    if repeated != found.conditions_digest:
        raise ConditionsDiffer("repeat the conditions that the handoff shows, unchanged")
    if reply.groups is not None:
        verified = sd_jwt.read_unverified(_version(turn, found).document)
        parts = elements(verified, _organisation(turn, found.originator))
        offered = {parts[digest].group for digest in found.permitted}
        if not reply.groups or not set(reply.groups) <= offered:
            raise Invalid((("/groups", "name at least one group, of those that were offered"),))
    return found


def _check_binding(kind: _Kind, handoff: Handoff, signed: Opened) -> None:
    """A signed answer is about this handoff and nothing else."""
    bound = (
        str(handoff.id),
        handoff.case_digest,
        handoff.offer_digest,
        handoff.package,
        kind.statement,
    )
    if tuple(signed.verified.claims.get(name) for name in BINDING) != bound:
        raise DocumentRefused("the answer is bound to another handoff, offer, package or kind")


def _sign(ports: Ports, caller: Caller, kind: _Kind, handoff: Handoff, reply: Reply) -> SdJwt:
    return statement.issue_answer(
        issuer=ports.issuer,
        attested_for=organisation_uri(ports.issuer, caller.organisation),
        audience=ports.issuer,
        at=ports.now(),
        jti=ports.new_id(),
        handoff=handoff.id,
        case_digest=handoff.case_digest,
        offer_digest=handoff.offer_digest,
        package=handoff.package,
        kind=kind.statement,
        by=reply.by,
        signer=ports.attester,
        random=ports.random,
        **reply.said(),
    )


def _store(
    kind: _Kind, handoff: UUID, reply: Reply, signed: SdJwt, turn: Turn
) -> Mapping[str, Any]:
    check_signed(turn, reply.signed)
    context: dict[str, Value] = {"assurance": assurance(reply.signed)}
    if kind.action == "handoff.accept":
        context["conditions_accepted"] = reply.conditions is not None
    found = _authorized(turn, handoff, context)
    if kind.move in _ACCEPTANCES:
        _refuse_expired(turn, found)
    groups = frozenset(reply.groups) if reply.groups is not None else None
    moved = move(found, kind.move, turn.caller.organisation, groups=groups)
    answer = Answer(
        handoff=found.id,
        sequence=moved.sequence,
        move=kind.move,
        state=moved.state,
        author=turn.caller.organisation,
        at=turn.now,
        statement=signed.compact(),
        event=turn.event,
    )
    turn.work.handoffs.save(moved, answer)
    turn.record(_parties(found), package=found.package, statement_sha256=signed.digest)
    return _answered(answer)


def consult(ports: Ports, caller: Caller, key: str, handoff: UUID, opening: Opening) -> Written:
    """Open the content that was offered and accepted, as policy allows it today."""
    request = Request("case.consult", opening.by, key, {"handoff": str(handoff), **opening.asked()})

    def act(turn: Turn) -> Mapping[str, Any]:
        content = _readable(turn, handoff)
        shown, withheld = _shown(turn, content)
        return open_content(
            turn,
            opening,
            content.version,
            shown=shown,
            withheld=withheld,
            handoff=handoff,
            parties=_parties(content.handoff),
        )

    def again(turn: Turn, logged: Logged) -> Mapping[str, Any]:
        content = _readable(turn, handoff)
        shown, withheld = _shown(turn, content)
        consultation = turn.work.handoffs.consultation(logged.event.id)
        if consultation is None or set(consultation.shown) != shown.keys():
            raise Stale("what may be shown has changed: consult again under a new key")
        return presented(content.version, tuple(shown), withheld)

    return write(ports, caller, request, act, again)


@dataclass(frozen=True)
class _Content:
    """What a consultation is decided on: the version that was offered, and the case as it is."""

    handoff: Handoff
    version: CaseVersion
    offered: Verified
    current: Verified
    reads_on: bool


def _readable(turn: Turn, handoff: UUID) -> _Content:
    """The content of a handoff, when it may be opened now."""
    found = _party_to(turn, handoff)
    _hide_barred(turn, found)
    turn.about = About(found.id, found.case_digest)
    reads_on = _reads_on(turn, found)
    is_open = found.state in READABLE or reads_on
    if turn.caller.organisation == found.recipient and not is_open:
        raise WrongState(f"content opens after acceptance; the handoff is {found.state}")
    authorize(turn, _entity(turn, found, reads_on=reads_on), _barriers(turn, found))
    _refuse_expired(turn, found)
    content = _content(turn, found, reads_on=reads_on)
    erase_on = min(v.claims["erase_on"] for v in (content.offered, content.current))
    if _civil_day(turn).isoformat() >= erase_on:
        raise WrongState("the case is past the day of its erasure")
    return content


def _reads_on(turn: Turn, handoff: Handoff) -> bool:
    """Whether a succession lets the recipient open what its mandate, now moved, had given it."""
    competence, today = handoff.address.competence, turn.today.day
    if competence is None or competence in turn.organisation.competences_on(today):
        return False
    successions = turn.work.successions.from_office(turn.caller.organisation, competence)
    taken_on = bool(successions) and was_taken_on(turn.work.handoffs.answers(handoff.id))
    return any(one.lets_read(handoff, was_taken_on=taken_on, day=today) for one in successions)


def _civil_day(turn: Turn) -> date:
    """Today as the gateway's civil time zone has it; a simulated date puts off no erasure."""
    return turn.now.date() if turn.today.simulated else turn.today.day


def _content(turn: Turn, handoff: Handoff, *, reads_on: bool) -> _Content:
    version = _version(turn, handoff)
    case = turn.work.cases.get(handoff.originator, handoff.case)
    current = turn.work.cases.version(case.digest) if case else None
    if current is None:
        missing()
    offered = sd_jwt.read_stored(version.document)
    same = current.digest == version.digest
    now = offered if same else sd_jwt.read_stored(current.document)
    return _Content(handoff, version, offered, now, reads_on)


def _refuse_expired(turn: Turn, handoff: Handoff) -> None:
    if handoff.until is not None and handoff.until <= turn.now:
        raise WrongState("the offer has ended: ask its originator for a new one")


def _shown(turn: Turn, content: _Content) -> tuple[dict[str, Element], tuple[str, ...]]:
    """The parts to show and the groups withheld: offered, accepted, and permitted today.

    Decided on the strictest of the markings when offered and now (contracts.md 5). Only groups of
    the offer are named as withheld: of what was never offered a reader learns nothing, which is
    what the decoys are for.
    """
    handoff = content.handoff
    originator = _organisation(turn, handoff.originator)
    parts = as_marked_today(content.offered, content.current, originator)
    taken = {
        digest: part
        for digest, part in parts.items()
        if digest in handoff.permitted
        and (handoff.accepted_groups is None or part.group in handoff.accepted_groups)
    }
    reader = Reader(turn.entity(), handoff.address.competence, handoff.purpose, content.reads_on)
    permitted, _ = permit(turn.ports.policy, taken, turn.entity(originator), reader)
    shown = {digest: parts[digest] for digest in permitted}
    kept_back = {parts[digest].group for digest in handoff.permitted if digest not in shown}
    return shown, tuple(sorted(kept_back))


def look_up(ports: Ports, caller: Caller, handoff: UUID) -> dict[str, Any]:
    """A handoff as one of its parties may see it: never content (contracts.md 5)."""

    def look(turn: Turn) -> dict[str, Any]:
        found = _authorized(turn, handoff)
        return {**_summary(found), **_detail(turn, found)}

    return read(ports, caller, Request("handoff.read"), look)


def page(
    ports: Ports,
    caller: Caller,
    *,
    box: str,
    state: State | None,
    after: UUID | None,
    limit: int,
) -> Listing[Mapping[str, Any]]:
    """A page of the handoffs received (``in``) or sent (``out``), oldest first."""

    def look(turn: Turn) -> Listing[Mapping[str, Any]]:
        wanted = None if state is None else str(state)
        rows = partial(turn.work.handoffs.page, caller.organisation, box, wanted)
        view = partial(_summary_in_list, turn)
        return gather(rows, attrgetter("id"), view, after, limit)

    return read(ports, caller, Request("handoff.read"), look)


def _summary_in_list(turn: Turn, handoff: Handoff) -> dict[str, Any] | None:
    """One handoff of a list; None when policy keeps it back, or cannot see its case: key lost."""
    try:
        shows = allows(turn, _entity(turn, handoff), _barriers(turn, handoff))
    except KeysUnavailable:
        if has_key(turn.ports, turn.work, handoff.originator, handoff.case):
            raise
        return None
    return _summary(handoff) if shows else None


def _party_to(turn: Turn, handoff: UUID) -> Handoff:
    """The handoff, when the caller is one of its two parties; else there is none."""
    found = turn.work.handoffs.get(handoff)
    if found is None or turn.caller.organisation not in (found.originator, found.recipient):
        missing()
    return found


def _hide_barred(turn: Turn, handoff: Handoff) -> None:
    """Tell whom an interest of its own bars nothing else: its state or its conditions would say
    that the handoff is there."""
    barriers = _barriers(turn, handoff)
    if barriers.get("conflict"):
        authorize(turn, _entity(turn, handoff), barriers, "handoff.read")


def _authorized(turn: Turn, handoff: UUID, context: Mapping[str, Value] | None = None) -> Handoff:
    found = _party_to(turn, handoff)
    turn.about = About(found.id, found.case_digest)
    _authorize(turn, found, context)
    return found


def _authorize(turn: Turn, handoff: Handoff, context: Mapping[str, Value] | None = None) -> None:
    asked = {**(context or {}), **_barriers(turn, handoff)}
    authorize(turn, _entity(turn, handoff), asked)


_BARRED = frozenset({"handoff.read", "handoff.accept", "case.consult"})
"""What a recipient may not do where something keeps the case from it; it can still refuse."""


def _barriers(turn: Turn, handoff: Handoff) -> Mapping[str, Value]:
    return before_recipient(turn, handoff) if turn.request.action in _BARRED else {}


def _entity(turn: Turn, handoff: Handoff, *, reads_on: bool = False) -> Entity:
    originator = turn.entity(_organisation(turn, handoff.originator))
    recipient = turn.entity(_organisation(turn, handoff.recipient))
    return handoff_entity(handoff, originator, recipient, reads_on=reads_on)


def _organisation(turn: Turn, slug: str) -> Organisation:
    found = turn.find(slug)
    return missing() if found is None else found


def _version(turn: Turn, handoff: Handoff) -> CaseVersion:
    found = turn.work.cases.version(handoff.case_digest)
    return missing() if found is None else found


def _parties(handoff: Handoff) -> tuple[Party, ...]:
    return (Party(handoff.originator, "originator"), Party(handoff.recipient, "recipient"))


def _answered(answer: Answer) -> dict[str, Any]:
    return {
        "handoff": str(answer.handoff),
        "state": str(answer.state),
        "sequence": answer.sequence,
        "at": answer.at.isoformat(),
        "statement": answer.statement,
    }


def _summary(handoff: Handoff) -> dict[str, Any]:
    return {
        "handoff": str(handoff.id),
        "state": str(handoff.state),
        "originator": handoff.originator,
        "recipient": handoff.recipient,
        "competence": handoff.address.competence,
        "case": str(handoff.case),
        "version": handoff.case_version,
        "case_digest": handoff.case_digest,
        "purpose": list(handoff.purpose),
        "offered_at": handoff.offered_at.isoformat(),
        "due_at": handoff.due_at.isoformat(),
        "until": handoff.until.isoformat() if handoff.until else None,
    }


def _detail(turn: Turn, handoff: Handoff) -> dict[str, Any]:
    """The routing presentation, the conditions, and each statement as the caller may read it."""
    version = _version(turn, handoff)
    document = sd_jwt.parse(version.document)
    verified = sd_jwt.read_stored(version.document)
    routing = frozenset(
        p.digest
        for p in verified.placed
        if p.name in ROUTING and not p.in_array and p.digest in handoff.permitted
    )
    return {
        "assurance": version.assurance,
        "conditions": conditions(verified.claims),
        "routing": document.present(routing).compact(),
        "permitted": sorted(handoff.permitted),
        "accepted_groups": handoff.accepted_groups and sorted(handoff.accepted_groups),
        "answers": [
            _shown_answer(turn, handoff, answer)
            for answer in turn.work.handoffs.answers(handoff.id)
        ],
        **_reseal(turn, handoff, verified),
        **_succession(turn, handoff),
    }


def _succession(turn: Turn, handoff: Handoff) -> dict[str, Any]:
    """What a succession made of a handoff, or of which one it made this.

    Where it went, its originator is told; the former recipient has no part in it.
    """
    told: dict[str, Any] = {}
    ended = turn.work.successions.moved_from(handoff.id)
    if ended is not None:
        own = turn.caller.organisation == handoff.originator
        became = str(ended.became) if own and ended.became else None
        told["succeeded_by"] = {"succession": str(ended.succession), "handoff": became}
    before = turn.work.successions.moved_to(handoff.id)
    if before is not None:
        offer, *_ = turn.work.handoffs.answers(before.handoff)
        told["succeeds"] = {
            "succession": str(before.succession),
            "handoff": str(before.handoff),
            "offer": sd_jwt.parse(offer.statement).present(()).compact(),
        }
    return told


def _reseal(turn: Turn, handoff: Handoff, verified: Verified) -> dict[str, Any]:
    """What the originator has to seal anew of what was redirected, or went to a successor."""
    left = handoff.state in (State.REDIRECTED, State.SUCCEEDED)
    if turn.caller.organisation != handoff.originator or not left:
        return {}
    return {"reseal": sealed_of(verified, handoff.permitted)}


def _shown_answer(turn: Turn, handoff: Handoff, answer: Answer) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "sequence": answer.sequence,
        "kind": str(answer.move or "offer"),
        "state": str(answer.state),
        "author": answer.author,
        "at": answer.at.isoformat(),
        "event": str(answer.event),
        "statement": answer.statement,
    }
    if answer.author == turn.caller.organisation:
        return shown
    document = sd_jwt.parse(answer.statement)
    hidden = {"by"}
    code = next((d.value for d in document.disclosures if d.name == "code"), None)
    if code is not None:
        shown["code"] = _code_for(turn, answer, code)
        hidden |= _KEPT_WITH_THE_CODE if shown["code"] != code else set()
    digests = [d.digest for d in document.disclosures if d.name not in hidden]
    shown["statement"] = document.present(digests).compact()
    return shown


_KEPT_WITH_THE_CODE = {"code", "items", "note", "evidence_ref", "reason"}
"""What would give away an outcome to a reader outside its visibility (R5)."""


def _code_for(turn: Turn, answer: Answer, code: str) -> str:
    author = _organisation(turn, answer.author)
    return visible_code(
        code,
        reader_is_police="led" in turn.organisation.regimes,
        author_is_police="led" in author.regimes,
    )
