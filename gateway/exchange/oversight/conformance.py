"""The conformance run: a system walks through send, receive, verify and decline on test data.

Each answer is judged by the validators of the real interface. What is answered well is an event;
nothing of the sandbox enters the cases, handoffs and consultations of the exchange.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.domain import case as cases
from gateway.domain.audit_event import AuditEvent, EventDetail, EventResult, Party
from gateway.domain.case import conditions
from gateway.domain.enrolment import RUN_LIFE, CompletedAction, ConformanceRun
from gateway.domain.json_values import Asked
from gateway.domain.organisation import organisation_uri
from gateway.domain.refusals import ConditionsMismatch, TooManyAttempts, ValidationFailed
from gateway.evidence import event, handoff_documents, receipt, sd_jwt
from gateway.evidence.receipt import Receipt
from gateway.evidence.signature import jwk_of, thumbprint
from gateway.exchange.case.submissions import Submission, validate_first_version
from gateway.exchange.oversight.results import RunOffer, RunReceipt, RunStep, RunView
from gateway.exchange.results import Conditions
from gateway.exchange.signed_requests import check_signed
from gateway.exchange.standing.consultations import ConsultationRequest
from gateway.kernel import events
from gateway.kernel.actors import GATEWAY
from gateway.kernel.ports import Ports, TransactionMode
from gateway.kernel.request import ActionRequest, RequestContext, authorize, deny_as_not_found
from gateway.kernel.results import encode, shown
from gateway.kernel.transact import WriteResult, read, transact
from gateway.kernel.values import Caller, LoggedEvent, TreeHead
from gateway.ledger.note import Checkpoint, NoteSigner, sign_checkpoint
from gateway.ledger.tree import entry_commitment, grow, leaf_hash

# --- What a run works on: a test case, two test offers, receipts of a log of its own ---
#
# Everything is signed by keys that are made for one run and forgotten: nothing of it verifies as
# a document or a receipt of this gateway, and every document says ``test``.


WITHHELD = "statements"
"""The group that the test offers do not give: what is shown is less than what was signed."""

_EVENTS = 8


@dataclass(frozen=True)
class SampleReceipt:
    """A receipt of the sandbox's log: as JSON, whether it verifies, and else what is wrong."""

    name: str
    receipt: Mapping[str, Any]
    fault: str | None

    __test__ = False


@dataclass(frozen=True)
class Sandbox:
    """All of it. ``presentation`` is what a consultation of the first offer gives."""

    issuer: str
    keys: Mapping[str, Any]
    log: str
    log_key: str
    presentation: str
    package_digest: str
    offers: tuple[RunOffer, RunOffer]
    receipts: tuple[SampleReceipt, ...]

    def text(self) -> str:
        """As it is stored."""
        return encode(self)

    @classmethod
    def of(cls, text: str) -> "Sandbox":
        """As it was stored."""
        members = json.loads(text)
        one, other = (
            RunOffer(**{**offer, "handoff": UUID(offer["handoff"])})
            for offer in members.pop("offers")
        )
        receipts = tuple(SampleReceipt(**told) for told in members.pop("receipts"))
        return cls(**members, offers=(one, other), receipts=receipts)


class _Key:
    """A signing key that lives as long as the making of a sandbox."""

    alg = "EdDSA"

    def __init__(self, random: Callable[[int], bytes]) -> None:
        self.private = Ed25519PrivateKey.from_private_bytes(random(32))
        self.kid = thumbprint(jwk_of(self.private.public_key()))

    def sign(self, message: bytes) -> bytes:
        return self.private.sign(message)

    def jwk(self) -> dict[str, str]:
        public = jwk_of(self.private.public_key())
        return {**public, "kid": self.kid, "use": "sig", "alg": self.alg}


def make(ports: Ports, organisation: str, run: UUID) -> Sandbox:
    """Make the sandbox of a run; outside of any transaction, for it signs."""
    key, issuer = _Key(ports.random), f"{ports.issuer}/conformance/{run}"
    content = sample_case(ports)
    claims = {
        "iss": issuer,
        "aud": organisation_uri(ports.issuer, organisation),
        "iat": int(ports.now().timestamp()),
        "jti": str(ports.new_id()),
        "test": True,
        **cases.undisclosable_claims(content),
    }
    document, verified = sd_jwt.issue_read(
        typ=handoff_documents.TEST_TYP,
        claims=claims,
        properties=cases.disclosable_properties(content),
        arrays=cases.disclosable_arrays(content),
        signer=key,
        random=ports.random,
    )
    shown = [placed.digest for placed in verified.placed if placed.name != WITHHELD]
    matter, urgency = content["matter"], content["urgency"]
    stated = Conditions(conditions(verified.content))
    first, second = (
        RunOffer(ports.new_id(), matter, urgency, stated, document.digest) for _ in range(2)
    )
    log, signer, receipts = _log(ports, organisation, run)
    return Sandbox(
        issuer=issuer,
        keys={"keys": [key.jwk()]},
        log=log,
        log_key=signer.vkey,
        presentation=document.present(shown).compact(),
        package_digest=handoff_documents.package_digest(shown),
        offers=(first, second),
        receipts=receipts,
    )


def sample_case(ports: Ports) -> dict[str, Any]:
    """A small case in the form of every case; nothing in it is about anybody."""
    # Long: it is one literal.
    at = ports.now().isoformat(timespec="seconds")
    page, image = str(ports.new_id()), str(ports.new_id())
    return {
        "case": str(ports.new_id()),
        "version": 1,
        "originator_ref": "TEST",
        "received_at": at,
        "intake_channel": "web_form",
        "reporter": {"anonymous": True, "feedback_requested": False},
        "matter": ["csam"],
        "urgency": "normal",
        "items": [
            {"id": page, "kind": "url", "value": "https://page.test/", "is_source": True},
            {"id": image, "kind": "url", "value": "https://page.test/one", "is_source": False},
        ],
        "statements": [
            {
                "id": str(ports.new_id()),
                "kind": "fact",
                "text": "This is a test.",
                "language": "en",
                "made_by_role": "analyst",
                "made_at": at,
                "content_warning": "none",
            }
        ],
        "classifications": [
            {
                "id": str(ports.new_id()),
                "about": page,
                "scheme": "iccam",
                "code": "national-csam",
                "assessor_role": "analyst",
                "assessed_at": at,
                "method": "human",
            }
        ],
        "marking": {
            "tlp": "AMBER",
            "handling": [],
            "permitted_actions": "ask_first",
            "attribution": "may",
            "release_to": [],
            "onward": "ask_originator",
            "erase_on": (ports.now() + timedelta(days=30)).date().isoformat(),
            "purpose": ["identify_victim"],
        },
        "legal_basis": [{"regime": "gdpr", "article": "6(1)(f)"}],
    }


def _log(
    ports: Ports, organisation: str, run: UUID
) -> tuple[str, NoteSigner, tuple[SampleReceipt, ...]]:
    """A small log of its own, and receipts of its events of which some were altered."""
    log = f"{ports.issuer.partition('://')[2]}/conformance/{run}"
    signer, stranger = (NoteSigner(log, _Key(ports.random).private) for _ in range(2))
    good = _receipts(ports, organisation, log, signer)
    forged = _receipts(ports, organisation, log, stranger)
    drawn = [
        (good[0], None),
        (good[1], None),
        (good[2], None),
        (
            replace(good[3], document=good[3].document.replace(b'"allowed"', b'"denied"')),
            "its document was altered: the entry is not that of the document",
        ),
        (
            replace(good[4], nonce=bytes([good[4].nonce[0] ^ 1]) + good[4].nonce[1:]),
            "its nonce was altered: the entry is not in the tree",
        ),
        (forged[5], "its checkpoint is signed by another key than the log's"),
        (
            replace(good[6], disclosures=good[7].disclosures),
            "its disclosures are those of another event",
        ),
    ]
    order = sorted(range(len(drawn)), key=lambda _: ports.random(8))
    return (
        log,
        signer,
        tuple(
            SampleReceipt(f"receipt-{number}", receipt.to_json(drawn[place][0]), drawn[place][1])
            for number, place in enumerate(order, start=1)
        ),
    )


def _receipts(ports: Ports, organisation: str, log: str, signer: NoteSigner) -> Sequence[Receipt]:
    events = [_event(ports, organisation, log, place) for place in range(1, _EVENTS + 1)]
    leaves = [leaf_hash(entry_commitment(one.document, one.nonce)) for one in events]
    grown = grow(b"", 0, leaves)
    head = TreeHead(_EVENTS, grown.root)
    note = sign_checkpoint(Checkpoint(log, _EVENTS, grown.root), signer)
    return [
        LoggedEvent(one, index, grown.inclusion_proof(index), head).receipt(note, organisation)
        for index, one in enumerate(events)
    ]


def _event(ports: Ports, organisation: str, log: str, place: int) -> event.EventDocument:
    fact = AuditEvent(
        id=ports.new_id(),
        action="handoff.offer",
        result=EventResult.ALLOWED,
        parties=(Party(organisation, "recipient"),),
        details=(EventDetail("purpose", "identify_victim", frozenset({organisation})),),
    )
    return event.compose(
        fact,
        log=log,
        at=ports.now(),
        policy="test",
        stream_numbers={organisation: place},
        random=ports.random,
    )


# --- The conformance run: a system walks through send, receive, verify and decline on test data ---


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

    def act(context: RequestContext) -> RunView:
        authorize(context, context.entity())
        window = f"conformance/{context.now:%Y%m%d}"
        if not context.work.budgets.consume(caller.organisation, window, RUNS_PER_DAY):
            raise TooManyAttempts("too many runs today: go on with the last one")
        made = context.event
        sandbox = make(ports, caller.organisation, made)
        run = ConformanceRun(
            made, caller.organisation, caller.system, context.now + RUN_LIFE, sandbox.text()
        )
        context.work.conformance.add(run)
        context.record(_parties(context))
        return _view(context, run)

    return transact(ports, caller, request, act, _on_retry)


def look_up(ports: Ports, caller: Caller, run: UUID) -> RunView:
    """One of the organisation's own runs: its steps, and what there is to work on."""

    def query(context: RequestContext) -> RunView:
        authorize(context, context.entity())
        return _view(context, _own(context, run))

    return read(ports, caller, ActionRequest("conformance.read"), query)


Answer = (
    Submission
    | Acceptance
    | ConsultationRequest
    | ConsultationReport
    | ReceiptChecks
    | SampleDecline
)
"""A test case, the acceptance of the first test offer and the opening of its content, what was seen
of it, the judgement of the receipts, and the refusal of the second test offer."""


def answer(ports: Ports, caller: Caller, key: str, run: UUID, said: Answer) -> WriteResult:
    """Take a step of a run, whose answer is judged, and not stored.

    Raises ConditionsMismatch, ValidationFailed (a digest, a receipt that is judged wrongly, and
    why), and what cases.submit raises for the content, the persons and the signature of a case.
    After a wrong judgement other receipts are drawn: a system shows that it verifies, not that it
    read the answer.
    """
    asked = {"run": str(run), **said.asked()}
    persons = said.persons() if isinstance(said, Submission) else ()
    request = ActionRequest("conformance.submit", said.by, key, asked, persons)
    try:
        return transact(ports, caller, request, lambda context: _judged(said, context), _on_retry)
    except _Misjudged as misjudged:
        _redraw(ports, caller, run)
        raise ValidationFailed(misjudged.errors) from None


def _check_case(context: RequestContext, said: Submission, _: Sandbox) -> None:
    check_signed(context, said.signed)
    validate_first_version(context, said.content, said.clearance)


def _check_acceptance(_: RequestContext, said: Acceptance, sandbox: Sandbox) -> None:
    if said.conditions != sandbox.offers[0].conditions:
        raise ConditionsMismatch("repeat the conditions of the first test offer unchanged")


def _check_report(_: RequestContext, said: ConsultationReport, sandbox: Sandbox) -> None:
    errors = []
    if said.case_digest != sandbox.offers[0].case_digest:
        message = "is not SHA-256 over header.payload.signature, in base64url"
        errors.append(("/case_digest", message))
    if said.package_digest != sandbox.package_digest:
        message = (
            "is not SHA-256 over the sorted digests of the disclosures shown, joined by LF, "
            "in base64url"
        )
        errors.append(("/package_digest", message))
    if errors:
        raise ValidationFailed(tuple(errors))


def _check_receipts(_: RequestContext, said: ReceiptChecks, sandbox: Sandbox) -> None:
    checks = said.checks
    wrong = {
        f"/checks/{sample.name}": _fault(sample, checks.get(sample.name))
        for sample in sandbox.receipts
        if checks.get(sample.name) is not (sample.fault is None)
    }
    if checks.keys() - {sample.name for sample in sandbox.receipts}:
        wrong["/checks"] = "names a receipt that the run does not have"
    if wrong:
        raise _Misjudged(tuple(wrong.items()))


def _fault(sample: SampleReceipt, check: bool | None) -> str:
    redrawn = "read the run again, which has other receipts now"
    if check is None:
        return f"is missing; {redrawn}"
    if sample.fault is None:
        return f"verifies and was refused; {redrawn}"
    return f"does not verify and was taken: {sample.fault}; {redrawn}"


def _well_formed(*_: Any) -> None:
    """The form of the body is all there is to judge."""


_STEPS: Mapping[type[Answer], tuple[CompletedAction, Callable[..., None]]] = {
    Submission: (CompletedAction.SENT, _check_case),
    Acceptance: (CompletedAction.ACCEPTED, _check_acceptance),
    ConsultationRequest: (CompletedAction.CONSULTED, _well_formed),
    ConsultationReport: (CompletedAction.READ, _check_report),
    ReceiptChecks: (CompletedAction.VERIFIED, _check_receipts),
    SampleDecline: (CompletedAction.DECLINED, _well_formed),
}
"""What each answer completes, and how it is judged."""


def _judged(said: Answer, context: RequestContext) -> RunView:
    """Judge an answer; with the last step the run is passed, in the same transaction."""
    mark, check = _STEPS[type(said)]
    authorize(context, context.entity())
    run = _own(context, UUID(context.request.content["run"]))
    after = run.done(mark, context.now)
    check(context, said, Sandbox.of(run.sandbox))
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


def _on_retry(context: RequestContext, logged: LoggedEvent) -> RunView:
    run = context.request.content.get("run")
    return _view(context, _own(context, logged.event.id if run is None else UUID(run)))


def _redraw(ports: Ports, caller: Caller, run: UUID) -> None:
    """Replace the receipts that were judged wrongly."""
    with ports.begin(TransactionMode.READ) as work:
        found = work.conformance.get(run)
    if found is None:
        return
    log, signer, receipts = _log(ports, caller.organisation, run)
    before = Sandbox.of(found.sandbox)
    drawn = replace(before, log=log, log_key=signer.vkey, receipts=receipts)
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
