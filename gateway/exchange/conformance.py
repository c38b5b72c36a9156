"""The conformance run: a system walks through send, receive, verify and decline on test data.

Each answer is judged by the validators of the real interface. What is answered well is an event;
nothing of the sandbox enters the cases, handoffs and consultations of the exchange.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from gateway.domain.audit_event import Party
from gateway.domain.enrolment import RUN_LIFE, CompletedAction, ConformanceRun
from gateway.domain.json_values import Asked
from gateway.domain.refusals import ConditionsMismatch, TooManyAttempts, ValidationFailed
from gateway.evidence import receipt
from gateway.exchange import sandbox as sandboxes
from gateway.exchange.cases import Submission, validate_first_version
from gateway.exchange.consultations import ConsultationRequest
from gateway.exchange.results import RunReceipt, RunStep, RunView
from gateway.exchange.sandbox import Sandbox
from gateway.exchange.signed_requests import check_signed
from gateway.kernel import events
from gateway.kernel.actors import GATEWAY
from gateway.kernel.ports import Ports, TransactionMode
from gateway.kernel.results import shown
from gateway.kernel.transact import (
    ActionRequest,
    RequestContext,
    WriteResult,
    authorize,
    deny_as_not_found,
    prepare,
    read,
    transact,
)
from gateway.kernel.values import Caller, LoggedEvent

RUNS_PER_DAY = 20
"""Runs that one organisation may start in a day."""


@dataclass(frozen=True)
class Acceptance(Asked):
    """The acceptance of the first test offer, under these conditions."""

    by: str
    conditions: Mapping[str, Any]


@dataclass(frozen=True)
class ConsultationReport(Asked):
    """What was seen: the digest of the document, and the name of the parts that were shown."""

    by: str
    case_digest: str
    package_digest: str


@dataclass(frozen=True)
class ReceiptChecks(Asked):
    """For each receipt, by its name, whether it verifies."""

    by: str
    checks: Mapping[str, bool]


@dataclass(frozen=True)
class SampleDecline(Asked):
    """The second test offer is declined, with a reason."""

    by: str
    reason: str


class _Misjudged(Exception):
    """Receipts were judged wrongly: what to tell, once others were drawn."""

    def __init__(self, errors: tuple[tuple[str, str], ...]) -> None:
        super().__init__()
        self.errors = errors


def start(ports: Ports, caller: Caller, key: str, by: str) -> WriteResult:
    """Begin a run for the calling system, with test data of its own; TooManyAttempts."""
    request = ActionRequest("conformance.start", by, key, {"system": caller.system})
    if not prepare(ports, caller, request, lambda context: authorize(context, context.entity())):
        return transact(ports, caller, request, None, _replay)
    made = ports.new_id()
    sandbox = sandboxes.make(ports, caller.organisation, made)

    def act(context: RequestContext) -> RunView:
        authorize(context, context.entity())
        window = f"conformance/{context.now:%Y%m%d}"
        if not context.work.budgets.consume(caller.organisation, window, RUNS_PER_DAY):
            raise TooManyAttempts("too many runs today: go on with the last one")
        context.event = made
        run = ConformanceRun(
            made, caller.organisation, caller.system, context.now + RUN_LIFE, sandbox.text()
        )
        context.work.conformance.add(run)
        context.record(_parties(context))
        return _view(context, run)

    return transact(ports, caller, request, act, _replay)


def look_up(ports: Ports, caller: Caller, run: UUID) -> RunView:
    """One of the organisation's own runs: its steps, and what there is to work on."""

    def query(context: RequestContext) -> RunView:
        authorize(context, context.entity())
        return _view(context, _own(context, run))

    return read(ports, caller, ActionRequest("conformance.read"), query)


def send(ports: Ports, caller: Caller, key: str, run: UUID, submission: Submission) -> WriteResult:
    """Submit a test case, judged as a first version of a case is; it is not stored.

    Raises what cases.submit raises for its content, its persons and its signature.
    """

    def check(context: RequestContext, _: Sandbox) -> None:
        check_signed(context, submission.signed)
        validate_first_version(context, submission.content, submission.clearance)

    asked = {"run": str(run), **submission.asked()}
    return _answer(
        ports,
        caller,
        ActionRequest("conformance.submit", submission.by, key, asked, submission.persons()),
        CompletedAction.SENT,
        check,
    )


def accept(
    ports: Ports, caller: Caller, key: str, run: UUID, acceptance: Acceptance
) -> WriteResult:
    """Accept the first test offer; ConditionsMismatch unless its conditions are repeated."""

    def check(_: RequestContext, sandbox: Sandbox) -> None:
        if acceptance.conditions != sandbox.offers[0].conditions:
            raise ConditionsMismatch("repeat the conditions of the first test offer unchanged")

    request = _request(key, run, acceptance)
    return _answer(ports, caller, request, CompletedAction.ACCEPTED, check)


def consult(
    ports: Ports, caller: Caller, key: str, run: UUID, opening: ConsultationRequest
) -> WriteResult:
    """Open the content of the accepted test offer, with person and reason."""
    asked = {"run": str(run), **opening.asked()}
    request = ActionRequest("conformance.submit", opening.by, key, asked)
    return _answer(ports, caller, request, CompletedAction.CONSULTED, _nothing)


def report(
    ports: Ports, caller: Caller, key: str, run: UUID, reading: ConsultationReport
) -> WriteResult:
    """Say what was seen; ValidationFailed where a digest is another one."""

    def check(_: RequestContext, sandbox: Sandbox) -> None:
        errors = []
        if reading.case_digest != sandbox.offers[0].case_digest:
            message = "is not SHA-256 over header.payload.signature, in base64url"
            errors.append(("/case_digest", message))
        if reading.package_digest != sandbox.package_digest:
            message = (
                "is not SHA-256 over the sorted digests of the disclosures shown, joined by LF, "
                "in base64url"
            )
            errors.append(("/package_digest", message))
        if errors:
            raise ValidationFailed(tuple(errors))

    return _answer(ports, caller, _request(key, run, reading), CompletedAction.READ, check)


def verify(ports: Ports, caller: Caller, key: str, run: UUID, answer: ReceiptChecks) -> WriteResult:
    """Judge the receipts; ValidationFailed names those judged wrongly, and why.

    Others are then drawn: a system shows that it verifies, not that it read the answer.
    """

    def check(_: RequestContext, sandbox: Sandbox) -> None:
        checks = answer.checks
        wrong = {
            f"/checks/{sample.name}": _fault(sample, checks.get(sample.name))
            for sample in sandbox.receipts
            if checks.get(sample.name) is not (sample.fault is None)
        }
        if checks.keys() - {sample.name for sample in sandbox.receipts}:
            wrong["/checks"] = "names a receipt that the run does not have"
        if wrong:
            raise _Misjudged(tuple(wrong.items()))

    try:
        return _answer(ports, caller, _request(key, run, answer), CompletedAction.VERIFIED, check)
    except _Misjudged as misjudged:
        _redraw(ports, caller, run)
        raise ValidationFailed(misjudged.errors) from None


def _fault(sample: sandboxes.SampleReceipt, check: bool | None) -> str:
    redrawn = "read the run again, which has other receipts now"
    if check is None:
        return f"is missing; {redrawn}"
    if sample.fault is None:
        return f"verifies and was refused; {redrawn}"
    return f"does not verify and was taken: {sample.fault}; {redrawn}"


def decline(
    ports: Ports, caller: Caller, key: str, run: UUID, refusal: SampleDecline
) -> WriteResult:
    """Refuse the second test offer, with a reason."""
    return _answer(ports, caller, _request(key, run, refusal), CompletedAction.DECLINED, _nothing)


def _request(
    key: str, run: UUID, answer: Acceptance | ConsultationReport | ReceiptChecks | SampleDecline
) -> ActionRequest:
    asked = {"run": str(run), **answer.asked()}
    return ActionRequest("conformance.submit", answer.by, key, asked)


def _nothing(_turn: RequestContext, _sandbox: Sandbox) -> None:
    """The form of the body is all there is to judge."""


Check = Callable[[RequestContext, Sandbox], None]


def _answer(
    ports: Ports, caller: Caller, request: ActionRequest, mark: CompletedAction, check: Check
) -> WriteResult:
    return transact(ports, caller, request, partial(_judged, mark, check), _replay)


def _judged(mark: CompletedAction, check: Check, context: RequestContext) -> RunView:
    """Judge an answer; with the last step the run is passed, in the same transaction."""
    authorize(context, context.entity())
    run = _own(context, UUID(context.request.content["run"]))
    after = run.done(mark, context.now)
    check(context, Sandbox.of(run.sandbox))
    context.work.conformance.save(after)
    context.record(_parties(context))
    if after.passed_at is not None:
        parties = events.gateway_and(run.organisation)
        events.record_by_gateway(context.ports, context.work, "conformance.pass", parties)
    return _view(context, after)


def _parties(context: RequestContext) -> tuple[Party, ...]:
    return (Party(context.caller.organisation, "actor"), Party(GATEWAY, "gateway"))


def _own(context: RequestContext, run: UUID) -> ConformanceRun:
    """A run of the caller's organisation; a denial when it has none of this id."""
    found = context.work.conformance.get(run)
    if found is None or found.organisation != context.caller.organisation:
        deny_as_not_found()
    return found


def _replay(context: RequestContext, logged: LoggedEvent) -> RunView:
    run = context.request.content.get("run")
    return _view(context, _own(context, logged.event.id if run is None else UUID(run)))


def _redraw(ports: Ports, caller: Caller, run: UUID) -> None:
    """Replace the receipts that were judged wrongly."""
    with ports.begin(TransactionMode.READ) as work:
        found = work.conformance.get(run)
    if found is None:
        return
    drawn = sandboxes.with_new_receipts(ports, Sandbox.of(found.sandbox), caller.organisation, run)
    with ports.begin(TransactionMode.WRITE) as work:
        work.conformance.save(found.with_sandbox(drawn.text()))
        work.commit()


def _view(context: RequestContext, run: ConformanceRun) -> RunView:
    sandbox = Sandbox.of(run.sandbox)
    return shown(
        RunView,
        sandbox,
        run=run.id,
        test=True,
        system=run.system,
        state=run.state(context.now),
        expires_at=run.expires_at,
        steps=[RunStep(step, passed) for step, passed in run.steps.items()],
        receipts=[RunReceipt(t.name, receipt.from_json(t.receipt)) for t in sandbox.receipts],
        presentation=sandbox.presentation if CompletedAction.CONSULTED in run.marks else None,
    )
