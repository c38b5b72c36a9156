"""Every request goes through here, by whoever it comes: asked once, decided, recorded, answered.

`transact` changes something, `read` does not. Inside, the act asks policy (`authorize`) before it
changes anything, and records one event. A refusal that is an event rolls the transaction back, and
a second one records it; if that fails the answer is AuditLogUnavailable, never the refusal.
"""

import hmac
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum, auto
from operator import attrgetter
from typing import Any, Literal, NamedTuple, NoReturn, TypeVar
from uuid import UUID

from gateway.domain import refusals
from gateway.domain.audit_event import EventDetail, EventResult, Party
from gateway.domain.organisation import Organisation, OrganisationName, Status, may_act
from gateway.domain.staff import REGISTER_PASSKEY, ROLES_OF, NamedPerson, person_errors
from gateway.domain.vocabulary import Urgency
from gateway.evidence import canonical
from gateway.evidence import event as event_document
from gateway.evidence.receipt import Receipt
from gateway.kernel import actors, events
from gateway.kernel.authentication import NotAuthenticated, require_caller
from gateway.kernel.ports import Ports, TransactionMode, UnitOfWork
from gateway.kernel.request import ActionRequest, Denied, OnHost, RequestContext, deny_as_not_found
from gateway.kernel.values import (
    Caller,
    IdempotencyRecord,
    LoggedEvent,
    PersonCredentials,
    RetryKey,
)

T = TypeVar("T")

INACTIVE = "R2.inactive"
"""The rule by which only active organisations take part; policies state it too."""

AHEAD = (
    "the clock of this host was moved ahead while the gateway ran: set it right by NTP, or, where "
    "it is right, start the gateway again"
)
"""Why only what is about an imminent danger is recorded now."""

ENROLMENTS_REFUSED_PER_MINUTE = 10
"""Refused attempts with the tokens of one organisation's invitations."""


@dataclass(frozen=True)
class WriteResult:
    """The answer to a write: its result, a class or an object of JSON, and the log's receipt."""

    result: Any
    receipt: Receipt


class RecordedRefusal(Exception):
    """A refusal that is in the log, with its receipt."""

    def __init__(self, refusal: refusals.Refusal, receipt: Receipt) -> None:
        """Pair the refusal with the evidence of it."""
        super().__init__(refusal.detail)
        self.refusal = refusal
        self.receipt = receipt


class Retry(Enum):
    """How a repeated request gets the first result, where no function of the act makes it again."""

    STORED = auto()
    """It was stored beside the idempotency key: for results that hold no content of a case."""


OnRetry = Callable[[RequestContext, LoggedEvent], Any] | Literal[Retry.STORED]
"""How a repeated request gets the first result: a function makes it of what the first one stored,
of which it gets the event."""


class Write(NamedTuple):
    """A write that can be one of several: what `transact` and `transact_each` do once."""

    request: ActionRequest
    act: Callable[[RequestContext], Any]
    on_retry: OnRetry = Retry.STORED


def transact(
    ports: Ports,
    actor: actors.Actor,
    request: ActionRequest,
    act: Callable[[RequestContext], Any],
    on_retry: OnRetry = Retry.STORED,
) -> WriteResult:
    """Do a write once, however often it is asked.

    ``act`` loads, authorizes, decides, signs, saves and records one event, all in one transaction;
    where that was rolled back, what it signed never leaves the process (ADR 0069). It is called
    again where another transaction stood in the way. Raises RecordedRefusal for refusals that are
    events, and Refusal (IdempotencyKeyReused, EditConflict, Busy...) for those that are not.
    """
    result, logged = perform(ports, actor, request, act, on_retry)
    if logged is None:
        raise LookupError("nothing was recorded of the request")
    return WriteResult(result, receipt_for(ports, logged, actor.organisation))


def perform(
    ports: Ports,
    actor: actors.Actor,
    request: ActionRequest,
    act: Callable[[RequestContext], Any],
    on_retry: OnRetry = Retry.STORED,
) -> tuple[Any, LoggedEvent | None]:
    """Likewise; the event, of a ``quiet`` request None where it became none."""
    # Long: one loop is the whole life of a write, with each way in which it is tried again.
    shares = isinstance(actor, Caller) and not request.registry
    mode = TransactionMode.SHARED if shares else TransactionMode.REGISTRY
    key = RetryKey(_key_owner(actor), request.key) if request.key else None
    repeated = False
    while True:
        work: UnitOfWork | None = None
        try:
            with ports.begin(mode, key) as work:
                context = _admit(ports, work, actor, request)
                try:
                    result, logged = _do(context, act, on_retry)
                except (Denied, refusals.Refusal) as failure:
                    _deny(context, failure)
                if logged is None and (context.recorded or not request.quiet):
                    logged = _remember(context, result, on_retry)
                if logged is None:
                    made = {one.event.id: one for one in work.commit()}
                    logged = made.get(context.event) if request.quiet else made[context.event]
            break
        except (Denied, refusals.Refusal) as failure:
            shared = mode is TransactionMode.SHARED and work is not None
            if shared and isinstance(failure, refusals.Busy):
                mode = TransactionMode.WRITE  # alone it waits for what others hold
                continue
            if not repeated and _was_done(ports, actor, request):
                repeated = True  # it was sent twice at once: its one result is both answers
                continue
            if isinstance(failure, Denied):
                _refuse(ports, actor, request, failure)
            raise
    return result, logged


def rehearse(
    ports: Ports, actor: actors.Actor, request: ActionRequest, act: Callable[[RequestContext], T]
) -> T | None:
    """Return what a write would give now, and keep nothing of it; None of one done before.

    A refusal is one of the write: it is recorded where that would be.
    """
    try:
        with ports.begin(TransactionMode.WRITE) as work:
            context = _admit(ports, work, actor, request)
            context.rehearsed = True
            try:
                if request.key and work.retries.get(_key_owner(actor), request.key):
                    return None
                _require_persons(context)
                return act(context)
            except (Denied, refusals.Refusal) as failure:
                _deny(context, failure)
    except Denied as denial:
        _refuse(ports, actor, request, denial)


AT_ONCE = 20
"""Writes of one caller that share a transaction: others wait for it, and more give little more."""

Answer = WriteResult | RecordedRefusal | refusals.Refusal
"""How one of several writes ended."""


def transact_each(ports: Ports, caller: Caller, writes: Sequence[Write]) -> list[Answer]:
    """Do several writes of one caller, in order: each with the answer of `transact`.

    Those that go through share transactions (`_together`). Any other is done by itself, once those
    before it are committed. Raises NotAuthenticated, and whatever else is no answer to one of them;
    those before are committed then, and a repeat gives their first results.
    """
    answers: list[Answer] = []
    while len(answers) < len(writes):
        following = writes[len(answers) :][:AT_ONCE]
        done = _together(ports, caller, following)
        answers += done
        if len(done) < len(following):
            try:
                answers.append(transact(ports, caller, *following[len(done)]))
            except NotAuthenticated:
                raise
            except (RecordedRefusal, refusals.Refusal) as refused:
                answers.append(refused)
    return answers


def _together(ports: Ports, caller: Caller, writes: Sequence[Write]) -> list[Answer]:
    """Do writes in one transaction, up to the first that is refused, which is taken back.

    None are returned where it is not known what was stored: done again by `transact`, each gives
    what is there.
    """
    done: list[tuple[Any, LoggedEvent | UUID]] = []
    try:
        keys = [RetryKey(_key_owner(caller), one.request.key) for one in writes]
        with ports.begin(TransactionMode.SHARED, keys[0]) as work:
            for (request, act, on_retry), following in zip(writes, [*keys[1:], None], strict=True):
                try:
                    context = _admit(ports, work, caller, request)
                    result, logged = _do(context, act, on_retry)
                    logged = logged or _remember(context, result, on_retry)
                except (Denied, refusals.Refusal):
                    break
                work.next_part(following)
                done.append((result, logged or context.event))
            committed = {one.event.id: one for one in work.commit_parts()}
    except refusals.Refusal:
        return []
    answers: list[Answer] = []
    for result, event in done:
        logged = committed[event] if isinstance(event, UUID) else event
        try:
            answers.append(WriteResult(result, receipt_for(ports, logged, caller.organisation)))
        except refusals.Refusal as refused:
            answers.append(refused)
    return answers


def read(
    ports: Ports, actor: actors.Actor, request: ActionRequest, query: Callable[[RequestContext], T]
) -> T:
    """Look something up; a refusal is recorded in a transaction of its own.

    With an idempotency key a write follows, and asks for the persons named: not before it has
    looked for its first result.
    """
    try:
        with ports.begin(TransactionMode.READ) as work:
            context = _admit(ports, work, actor, request)
            try:
                if not request.key:
                    _require_persons(context)
                return query(context)
            except (Denied, refusals.Refusal) as failure:
                _deny(context, failure)
    except Denied as denial:
        _refuse(ports, actor, request, denial)


def read_on_host(ports: Ports, query: Callable[[OnHost], T]) -> T:
    """Look something up on the gateway's host: no policy is asked, and no refusal recorded."""
    try:
        with ports.begin(TransactionMode.READ) as work:
            return query(OnHost(work, ports.now()))
    except Denied as denied:
        raise denied.refusal from None


def _require_persons(context: RequestContext) -> None:
    """Require that all persons of a partner's request are in force in its staff register.

    Each has one of the roles that the action allows. Raises ValidationFailed.
    """
    request = context.request
    if not isinstance(context.actor, Caller) or not isinstance(request.by, str):
        return
    persons = (NamedPerson("/by", request.by, ROLES_OF[request.action]), *request.persons)
    named = {*map(attrgetter("pseudonym"), persons)}
    own = context.actor.organisation
    held = {
        one.pseudonym: one.roles
        for one in context.work.staff.named(own, named)
        if one.in_force(context.today.day, context.now)
    }
    if errors := tuple(person_errors(persons, held)):
        raise refusals.ValidationFailed(errors)
    context.roles = tuple([f"{own}/{role}" for role in sorted(held[request.by])])


def receipt_for(ports: Ports, logged: LoggedEvent, organisation: str) -> Receipt:
    """The receipt of an event with the disclosures that ``organisation`` may read.

    Call it with no transaction open: it signs a checkpoint, and only of what is committed. A
    refusal of the checkpoint_signer's names the event as ``recorded``.
    """
    try:
        note = logged.note or ports.checkpoint_signer.sign(logged.head)
    except refusals.Refusal as refusal:
        refusal.recorded = logged.event.id
        raise
    return logged.receipt(note, organisation)


def _key_owner(actor: actors.Actor) -> str:
    """Whose idempotency keys count: those of the system that brings the request."""
    system = actor.system if isinstance(actor, actors.Administrators) else None
    return actor.organisation if system is None else system.organisation


_NOT_ACTIVE = {
    Status.ENROLLED: "your organisation is not active yet: once it passed the conformance run "
    "(`casegate conformance run`) the administrators activate it",
    Status.SUSPENDED: "your organisation is suspended: until the administrators reinstate it, it "
    "answers for what it holds, and does nothing else",
}
"""What an organisation reads that is authenticated and not active, by its status."""

_NO_PART = "your organisation does not take part at present"


def _require_active(
    work: UnitOfWork,
    organisation: Organisation,
    caller: Caller,
    request: ActionRequest,
    day: date,
) -> None:
    """Require that an organisation, and the peer gateway through which it acts, take part."""
    through = caller.through and work.organisations.get(OrganisationName(caller.through))
    for one in (organisation, through):
        status = one and one.standing_on(day)
        if status and not may_act(status, request.action):
            why = _NOT_ACTIVE.get(status, _NO_PART)
            inactive = refusals.Forbidden(why, (INACTIVE,))
            raise Denied(inactive, EventResult.DENIED, inactive.rules)


def _admit(
    ports: Ports, work: UnitOfWork, actor: actors.Actor, request: ActionRequest
) -> RequestContext:
    """The context of a request whose actor is who they say, as of this transaction.

    Only an organisation that takes part is heard, whatever it asks; one that is enrolled, and not
    active yet, is heard for what leads there alone.
    """
    known: dict[str, Organisation] = {}
    system = actor.system if isinstance(actor, actors.Administrators) else actor
    if isinstance(system, Caller):
        require_caller(ports, work, system)
    now = ports.now() if isinstance(actor, Caller) else work.log.moment(ports.now())
    today = ports.reference_date(now)
    match actor:
        case Caller():
            organisation = work.organisations.get(OrganisationName(actor.organisation))
            if organisation is None:
                deny_as_not_found()
            _require_active(work, organisation, actor, request, today.day)
            known[organisation.slug] = organisation
        case actors.EnrollingSystem():
            if (member := work.organisations.get(actor.invitation.organisation)) is None:
                raise refusals.InvalidInvitation("no invitation has this name and token")
            known[member.slug] = member
    context = RequestContext(
        ports=ports,
        work=work,
        actor=actor,
        request=request,
        now=now,
        today=today,
        event=ports.new_id(),
        known=known,
    )
    if isinstance(system, Caller) and isinstance(system.credentials, PersonCredentials):
        _sign_in(context, system.credentials)
    if isinstance(actor, Caller):
        context.caller, context.organisation = actor, known[actor.organisation]
    return context


def _sign_in(context: RequestContext, shown: PersonCredentials) -> None:
    """Tell which administrator signed in, if it is one; ValidationFailed where a member's person
    asks in the name of another, NotAuthenticated where who is invited asks for anything else."""
    if shown.invitation is not None and context.request.action != REGISTER_PASSKEY:
        raise NotAuthenticated("an invitation is only for the registration of a passkey")
    if isinstance(context.actor, actors.Administrators):
        context.persons = (shown.pseudonym,)
    elif context.request.by not in (None, shown.pseudonym):
        raise refusals.ValidationFailed((("/by", "is another person than the one who signed in"),))


def _deny(context: RequestContext, denied: "Denied | refusals.Refusal") -> NoReturn:
    """Raise a refusal that is an event as a denial about what was known of the request."""
    why = denied.refusal if isinstance(denied, Denied) else denied
    why.help = {**why.help, **context.help}
    if isinstance(denied, refusals.Refusal):
        refusal, result = denied, actors.recorded_refusals(context.actor).get(type(denied))
        if result is None:
            raise refusal
        own = (
            (actors.RULES_OF_REFUSALS[type(refusal)],)
            if type(refusal) in actors.RULES_OF_REFUSALS
            else ()
        )
        rules = refusal.rules if isinstance(refusal, refusals.Forbidden) else own
        denied = Denied(refusal, result, rules)
    denied.by, denied.roles, denied.follow = context.by, context.roles, context.on_refusal
    if denied.result is not EventResult.NOT_FOUND:
        denied.about = context.about
    raise denied from denied.refusal.__cause__


def _was_done(ports: Ports, actor: actors.Actor, request: ActionRequest) -> bool:
    """Tell whether a request with the same key was committed, perhaps while this one waited."""
    if not request.key:
        return False
    with ports.begin(TransactionMode.READ) as work:
        return work.retries.get(_key_owner(actor), request.key) is not None


def _do(
    context: RequestContext, act: Callable[[RequestContext], Any], on_retry: OnRetry
) -> tuple[Any, LoggedEvent | None]:
    """Return what a write gives; of one that was done before its first result, and its event.

    Raises IdempotencyKeyReused when the earlier request with the same key asked for something else,
    or by another document.
    """
    key = context.request.key
    previous = key and context.work.retries.get(_key_owner(context.actor), key)
    if not previous:
        _require_persons(context)
        result = act(context)
        shown = context.actor.credentials if isinstance(context.actor, Caller) else None
        if isinstance(shown, PersonCredentials) and context.recorded and not context.confirmed:
            _require_signature(context, shown)
        return result, None
    if not hmac.compare_digest(previous.fingerprint, _fingerprint(context)):
        raise refusals.IdempotencyKeyReused(
            "this idempotency key was used with another request: choose a new key"
        )
    result, logged = _repeat(context, previous, on_retry)
    _require_same_document(context.request, logged)
    return result, logged


def _require_same_document(request: ActionRequest, logged: LoggedEvent) -> None:
    """Answer no document with the receipt of another that was signed under the same id."""
    told = event_document.read(logged.event.document)
    done = told.get("document_sha256", told.get("case_digest"))
    if request.document not in (None, done):
        raise refusals.IdempotencyKeyReused(
            f"another document with this jti was taken before: digest {done}, event {told['id']}. "
            "That one counts: keep it, and sign what you ask besides with a new jti"
        )


def _repeat(
    context: RequestContext,
    previous: IdempotencyRecord,
    on_retry: OnRetry,
) -> tuple[Any, LoggedEvent]:
    logged = context.work.log.logged(previous.event)
    if logged is None and isinstance(context.actor, Caller):
        deny_as_not_found()
    if logged is None:
        raise refusals.EditConflict("the result of the earlier request is gone: ask again")
    if on_retry is not Retry.STORED:
        return on_retry(context, logged), logged
    if previous.result is None:
        raise refusals.EditConflict("the result of the earlier request is gone: ask again")
    return json.loads(previous.result), logged


def _remember(context: RequestContext, result: Any, on_retry: OnRetry) -> LoggedEvent | None:
    """Keep what was done under its key, with its result where that is stored; the event, where the
    act recorded none because its work was done before."""
    if not context.recorded:
        logged = context.work.log.logged(context.event)
        if logged is None:
            raise refusals.NotFound("the result of the earlier request is gone")
        return logged
    if context.ports.leapt() and not _is_in_danger(context):
        raise refusals.ClockAhead(AHEAD)
    request = context.request
    if request.key:
        kept = json.dumps(result) if on_retry is Retry.STORED else None
        owner, fingerprint = _key_owner(context.actor), _fingerprint(context)
        context.work.retries.add(
            IdempotencyRecord(owner, request.key, fingerprint, context.event, kept)
        )
    return None


def _require_signature(context: RequestContext, shown: PersonCredentials) -> None:
    """Refuse what a person in a browser did and no event keeps their signature of: a session alone
    looks things up. An invitation is proved by what the new passkey signs."""
    if shown.approvals:
        raise refusals.InvalidApproval("no event of this act keeps what a person signs of it")
    if context.request.action not in _BY_SESSION and not shown.invitation:
        raise refusals.InvalidApproval("sign it with your passkey: to be signed in is not enough")


_BY_SESSION = frozenset({"case.consult", "audit.search"})
"""What a person in a browser does by their session alone: to read what they gave a reason for."""


def _is_in_danger(context: RequestContext) -> bool:
    """Tell whether the request is about an imminent danger, as its case says."""
    digest = context.about.case_digest
    found = None if digest is None else context.work.cases.version(digest)
    return found is not None and found.summary["urgency"] == Urgency.IMMINENT_DANGER


def _fingerprint(context: RequestContext) -> bytes:
    """Return what a repetition must repeat, under the operator's key: the row tells nothing by
    itself."""
    request = context.request
    asked = {"action": request.action, "by": request.by, "content": request.content}
    try:
        encoded = canonical.encode(asked)
    except ValueError as error:
        raise refusals.ValidationFailed((("", f"cannot be repeated exactly: {error}"),)) from None
    return hmac.digest(context.ports.fingerprint_key, encoded, "sha256")


_TOLD_AS_THEY_ARE = (
    refusals.TooManyDenials,
    refusals.TooManyAttempts,
    refusals.LogFrozen,
    refusals.HighWaterMarkUnavailable,
    refusals.CaseKeysUnavailable,
    refusals.DiskFull,
    refusals.ClockAhead,
)
"""Why a refusal could not be recorded, where its sentence says what to do."""


_UNRECORDED = "the refusal could not be recorded: retry "


def _refuse(ports: Ports, actor: actors.Actor, request: ActionRequest, denial: Denied) -> NoReturn:
    """Record a refusal by itself, for whom it may be known to; only then may it be answered.

    What was refused is rolled back and uses up nothing.
    """
    if ports.leapt():
        raise refusals.ClockAhead(AHEAD) from denial
    now, event = ports.now(), ports.new_id()
    owner, asked = actor.organisation, isinstance(actor, Caller)
    try:
        with ports.begin(TransactionMode.WRITE) as work:
            _spend_refusal(ports, work, actor, now)
            events.record(
                work,
                request.refused_as or request.action,
                (Party(owner, "actor"),) if asked else events.gateway_and(owner),
                event=event,
                simulated_date=ports.reference_date(now).simulated,
                result=denial.result,
                asked_in=owner if asked else actors.GATEWAY,
                by=actors.signed_in(actor) or request.by if asked else denial.by,
                roles=denial.roles,
                rules=denial.rules,
                rules_shown=denial.result is not EventResult.NOT_FOUND or not asked,
                details=_refused_details(actor, request, denial.refusal),
                of=denial.about,
            )
            for follow in (request.on_refusal, denial.follow):
                follow(work, denial.rules, now, event)
            (logged,) = work.commit()
    except _TOLD_AS_THEY_ARE:
        raise
    except refusals.Busy as busy:
        raise refusals.AuditLogUnavailable(f"{_UNRECORDED}in a moment") from busy
    except Exception as error:
        raise refusals.AuditLogUnavailable(f"{_UNRECORDED}later") from error
    raise RecordedRefusal(denial.refusal, receipt_for(ports, logged, owner)) from denial.refusal


def spend_enrolment_refusal(ports: Ports, work: UnitOfWork, organisation: str) -> None:
    """Count a refused attempt with an organisation's invitation; TooManyAttempts beyond ten."""
    window = f"enrolments/{ports.now():%Y%m%dT%H%M}"
    if not work.budgets.consume(organisation, window, ENROLMENTS_REFUSED_PER_MINUTE):
        raise refusals.TooManyAttempts(
            "too many attempts in this minute: wait, then look for the cause"
        )


def _spend_refusal(ports: Ports, work: UnitOfWork, actor: actors.Actor, now: datetime) -> None:
    """Count a refusal, so that nobody fills the log with them; TooManyDenials, TooManyAttempts."""
    if isinstance(actor, actors.EnrollingSystem):
        spend_enrolment_refusal(ports, work, actor.organisation)
        return
    window = f"denials/{now:%Y%m%dT%H%M}"
    if not work.budgets.consume(actor.organisation, window, ports.denials_per_minute):
        raise refusals.TooManyDenials(
            "too many refused requests in this minute: wait, then look for why"
        )


def _refused_details(
    actor: actors.Actor, request: ActionRequest, refusal: refusals.Refusal
) -> tuple[EventDetail, ...]:
    """Why, and what, for administrators and who enrols; a partner's denial says neither."""
    subject, found = request.describe(refusal), list[EventDetail]()
    if isinstance(actor, actors.Administrators):
        found.append(EventDetail("reason", refusal.detail, frozenset({actors.GATEWAY})))
    if subject is not None:
        found.append(
            EventDetail("subject", subject, frozenset({actors.GATEWAY, actor.organisation}))
        )
    return tuple(found)
