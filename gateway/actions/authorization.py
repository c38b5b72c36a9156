"""One turn of a caller: ask the policy before the first write, record a denial, then refuse.

Every action of a partner runs through ``write`` or ``read``. Inside, ``authorize`` asks the
policy; a "no" rolls the transaction back, and a second one records only the denial
(contracts.md 6). If that fails the answer is Unrecorded, never the refusal.
"""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn, TypeVar
from uuid import UUID

from gateway.actions.authentication import require_caller
from gateway.actions.ports import Mode, Ports, Work
from gateway.actions.records import Caller, LegalDay, Logged, Retry
from gateway.domain.decision import Decision, Entity, Question, Value, organisation_entity
from gateway.domain.facts import Detail, Fact, Party, Result
from gateway.domain.membership import UNSEEN
from gateway.domain.organisation import Organisation, takes_part
from gateway.domain.refusals import (
    Busy,
    Erased,
    Forbidden,
    Frozen,
    KeyReused,
    KeysUnavailable,
    MarkUnreachable,
    NoCompetence,
    NotFound,
    NothingToOffer,
    OpenHandoffs,
    Refusal,
    SamePerson,
    SeveralCompetences,
    Stale,
    TooManyDenials,
    Unconfirmed,
    Unrecorded,
    WrongState,
)
from gateway.evidence import canonical, receipt
from gateway.evidence.receipt import Receipt
from gateway.ledger import proof

T = TypeVar("T")

GATEWAY = "gateway"
"""The name under which the gateway's own events are counted; no organisation may take it."""

INACTIVE = "R2.inactive"
"""The rule by which only active organisations take part; policies state it too."""

RULES_OF_REFUSALS: Mapping[type[Refusal], str] = {
    Unconfirmed: "R18.unconfirmed",
    SamePerson: "R10.same_person",
    NoCompetence: "R11.no_competence",
    SeveralCompetences: "R11.several_competences",
    NothingToOffer: "R2.nothing_left",
}
"""Refusals that the domain decides and that are rules all the same: denials, so events."""


@dataclass(frozen=True)
class About:
    """What a turn is about, once the caller is known to be allowed to know it."""

    handoff: UUID | None = None
    case_digest: str | None = None


@dataclass(frozen=True)
class Request:
    """What a caller asks: the action, who in the organisation asks, and the content asked for.

    ``key`` is the retry key of a write; ``content`` is what a retry must repeat.
    """

    action: str
    by: str | None = None
    key: str = ""
    content: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Turn:
    """One caller in one transaction. ``event`` is the id that the turn's event will have."""

    ports: Ports
    work: Work
    caller: Caller
    organisation: Organisation
    request: Request
    now: datetime
    today: LegalDay
    event: UUID
    about: About = About()
    rules: tuple[str, ...] = ()
    known: dict[str, Organisation] = field(default_factory=dict)

    def find(self, slug: str) -> Organisation | None:
        """An organisation as of this transaction; each is read once."""
        if slug == self.organisation.slug:
            return self.organisation
        if slug not in self.known:
            found = self.work.organisations.get(slug)
            if found is None:
                return None
            self.known[slug] = found
        return self.known[slug]

    def see(self, slug: str) -> Organisation | None:
        """Likewise one that members may know of: not one that asked to take part, and never did."""
        found = self.find(slug)
        return None if found is None or found.status in UNSEEN else found

    def entity(self, organisation: Organisation | None = None) -> Entity:
        """An organisation (by default the caller's) as policy sees it on the legal date."""
        return organisation_entity(organisation or self.organisation, self.today.day)

    def record(
        self,
        parties: tuple[Party, ...],
        *details: Detail,
        package: str | None = None,
        statement_sha256: str | None = None,
    ) -> None:
        """Record that the request was done, and by which rules.

        Who asked, and the rules, stay with the asking organisation (and auditors).
        """
        own = frozenset({self.caller.organisation})
        rules = (Detail("rules", self.rules, own),) if self.rules else ()
        self.work.log.record(
            Fact(
                id=self.event,
                action=self.request.action,
                result=Result.ALLOWED,
                parties=parties,
                details=(*asked_by(self.request, self.caller), *rules, *details),
                handoff=self.about.handoff,
                case_digest=self.about.case_digest,
                package=package,
                statement_sha256=statement_sha256,
                simulated_date=self.today.simulated_date,
            )
        )


@dataclass(frozen=True)
class Written:
    """The answer to a write: what came of it, and the log's receipt for it."""

    result: Any
    receipt: Receipt


class Refused(Exception):
    """A refusal that is in the log, with its receipt."""

    def __init__(self, refusal: Refusal, receipt: Receipt) -> None:
        """Pair the refusal with the evidence of it."""
        super().__init__(refusal.detail)
        self.refusal = refusal
        self.receipt = receipt


class _Denied(Exception):
    """A policy said no: what to tell, what to record."""

    def __init__(self, refusal: Refusal, result: Result, rules: tuple[str, ...]) -> None:
        super().__init__()
        self.refusal = refusal
        self.result = result
        self.rules = rules
        self.about = About()


def asked_by(request: Request, caller: Caller) -> tuple[Detail, ...]:
    """The person behind a request, readable by their own organisation."""
    if request.by is None:
        return ()
    return (Detail("by", request.by, frozenset({caller.organisation})),)


def authorize(
    turn: Turn,
    resource: Entity,
    context: Mapping[str, Value] | None = None,
    action: str | None = None,
) -> Decision:
    """Ask whether the caller may do the turn's action to the resource; return only on a yes."""
    decision = turn.ports.policy.decide(
        Question(turn.entity(), action or turn.request.action, resource, context or {})
    )
    if decision.allowed:
        turn.rules = decision.rules
        return decision
    if decision.tell == "caller":
        raise _Denied(
            Forbidden(" ".join(decision.reasons), decision.rules), Result.DENIED, decision.rules
        )
    raise _Denied(NotFound(), Result.NOT_FOUND, decision.rules)


def allows(turn: Turn, resource: Entity, context: Mapping[str, Value] | None = None) -> bool:
    """Whether the turn's action is allowed on one resource of a list; the others are left out."""
    question = Question(turn.entity(), turn.request.action, resource, context or {})
    return turn.ports.policy.decide(question).allowed


def missing() -> NoReturn:
    """Refuse because there is no such thing: told and recorded as one that may not be known."""
    raise _Denied(NotFound(), Result.NOT_FOUND, ("R2.default",))


def write(
    ports: Ports,
    caller: Caller,
    request: Request,
    act: Callable[[Turn], Any] | None,
    again: Callable[[Turn, Logged], Any],
) -> Written:
    """Do a write once, however often it is asked.

    ``act`` loads, authorizes, decides, saves and records one fact; ``again`` finds the result of
    the same request done before; without ``act`` it must have been. Raises Refused for refusals
    that are events, and Refusal (KeyReused, Stale, Busy...) for those that are not.
    """
    fingerprint = _fingerprint(ports, request)
    try:
        with ports.begin(Mode.WRITE) as work:
            turn = _turn(ports, work, caller, request)
            earlier = work.retries.get(caller.organisation, request.key)
            if earlier is not None:
                logged, result = _repeat(turn, earlier, fingerprint, again)
            elif act is None:
                raise Stale("what came of the earlier request is gone: ask again")
            else:
                result = _guard(turn, act)
                work.retries.add(Retry(caller.organisation, request.key, fingerprint, turn.event))
                logged = next(one for one in work.commit() if one.event.id == turn.event)
    except _Denied as denial:
        _refuse(ports, caller, request, denial)
    return Written(result, receipt_for(ports, logged, caller.organisation))


def read(ports: Ports, caller: Caller, request: Request, look: Callable[[Turn], T]) -> T:
    """Look something up; a refusal is recorded in a transaction of its own."""
    try:
        with ports.begin(Mode.READ) as work:
            return _guard(_turn(ports, work, caller, request), look)
    except _Denied as denial:
        _refuse(ports, caller, request, denial)


def prepare(ports: Ports, caller: Caller, request: Request, look: Callable[[Turn], T]) -> T | None:
    """Read what a write needs before its transaction; None when the write was done already.

    A retry gets the first result, whatever has changed since: nothing may be judged before it.
    """

    def look_unless_done(turn: Turn) -> T | None:
        done = turn.work.retries.get(caller.organisation, request.key)
        return look(turn) if done is None else None

    return read(ports, caller, request, look_unless_done)


def _turn(ports: Ports, work: Work, caller: Caller, request: Request) -> Turn:
    """The turn of an organisation that takes part now; all others are refused whatever they ask.

    One that is enrolled, and not active yet, is heard for what leads there alone.
    """
    require_caller(ports, work, caller)
    organisation = work.organisations.get(caller.organisation)
    if organisation is None:
        missing()
    if not takes_part(organisation.status, request.action):
        inactive = Forbidden("your organisation does not take part at present", (INACTIVE,))
        raise _Denied(inactive, Result.DENIED, inactive.rules)
    now = ports.now()
    return Turn(
        ports=ports,
        work=work,
        caller=caller,
        organisation=organisation,
        request=request,
        now=now,
        today=ports.legal_day(now),
        event=ports.new_id(),
    )


def _guard(turn: Turn, act: Callable[[Turn], T]) -> T:
    """Run a step of the turn; refusals that are events leave as denials about what was known."""
    try:
        return act(turn)
    except _Denied as denial:
        told = denial
    except Forbidden as refusal:
        told = _Denied(refusal, Result.DENIED, refusal.rules)
    except (WrongState, OpenHandoffs, Erased) as refusal:
        told = _Denied(refusal, Result.WRONG_STATE, ())
    except tuple(RULES_OF_REFUSALS) as refusal:
        told = _Denied(refusal, Result.DENIED, (RULES_OF_REFUSALS[type(refusal)],))
    if told.result is not Result.NOT_FOUND:
        told.about = turn.about
    raise told


def _repeat(
    turn: Turn,
    earlier: Retry,
    fingerprint: bytes,
    again: Callable[[Turn, Logged], Any],
) -> tuple[Logged, Any]:
    if not hmac.compare_digest(earlier.fingerprint, fingerprint):
        raise KeyReused("this retry key was used with another request: choose a new key")
    logged = turn.work.log.logged(earlier.event)
    if logged is None:
        missing()
    return logged, _guard(turn, lambda t: again(t, logged))


def _fingerprint(ports: Ports, request: Request) -> bytes:
    """What a retry must repeat, under the operator's key: the row tells nothing by itself."""
    asked = {"action": request.action, "by": request.by, "content": request.content}
    return hmac.digest(ports.fingerprint_key, canonical.encode(asked), "sha256")


def _refuse(ports: Ports, caller: Caller, request: Request, denial: _Denied) -> NoReturn:
    """Record the denial by itself; only then may it be told."""
    now = ports.now()
    today = ports.legal_day(now)
    told = denial.result is not Result.NOT_FOUND
    readers = frozenset({caller.organisation}) if told else frozenset[str]()
    rules = (Detail("rules", denial.rules, readers),) if denial.rules else ()
    fact = Fact(
        id=ports.new_id(),
        action=request.action,
        result=denial.result,
        parties=(Party(caller.organisation, "actor"),),
        details=(*asked_by(request, caller), *rules),
        handoff=denial.about.handoff,
        case_digest=denial.about.case_digest,
        simulated_date=today.simulated_date,
    )
    try:
        with ports.begin(Mode.WRITE) as work:
            window = f"denials/{now:%Y%m%dT%H%M}"
            if not work.budgets.spend(caller.organisation, window, ports.denials_per_minute):
                raise TooManyDenials("too many refused requests in this minute: wait, then mend")
            work.log.record(fact)
            (logged,) = work.commit()
    except (TooManyDenials, Frozen, MarkUnreachable, KeysUnavailable):
        raise
    except Busy as busy:
        raise Unrecorded("the refusal could not be recorded: retry in a moment") from busy
    except Exception as error:
        raise Unrecorded("the refusal could not be recorded: retry later") from error
    raise Refused(denial.refusal, receipt_for(ports, logged, caller.organisation))


def receipt_for(ports: Ports, logged: Logged, organisation: str) -> Receipt:
    """The receipt of an event with the disclosures that ``organisation`` may read.

    Call it with no transaction open: it signs a checkpoint, and only of what is committed. A
    refusal of the notary's names the event as ``recorded``.
    """
    try:
        note = ports.notary.sign(logged.head, logged.base)
    except Refusal as refusal:
        refusal.recorded = logged.event.id
        raise
    text = proof.encode(proof.TlogProof(logged.index, logged.proof, note))
    shown = tuple(d.encoded for d in logged.event.disclosures if organisation in d.readers)
    return receipt.Receipt(logged.event.document, logged.event.nonce, shown, text)
