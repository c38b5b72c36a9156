"""The conformance run: before it is active, a system shows that it can send, receive and verify.

Bodies are those of the real interface, and so are the refusals.
"""

from uuid import UUID

from marshmallow import fields, validate

from gateway.domain.refusals import ConditionsMismatch, TooManyAttempts, ValidationFailed
from gateway.exchange.oversight import conformance
from gateway.exchange.oversight.results import RunView
from gateway.exchange.signed_requests import CASE
from gateway.exchange.standing.consultations import ConsultationRequest
from gateway.kernel.transact import WriteResult
from gateway.schemas import schema_fields as field
from gateway.schemas.schema_fields import PersonBody
from gateway.web.caller import ANY_SCOPE
from gateway.web.endpoint import Call, endpoint, writes
from gateway.web.partners.cases import CONSULTATION_BODY, SubmissionBody, submission
from gateway.web.partners.handoffs import BODIES, Conditions

RUNS = "/conformance/runs"
RUN = "/conformance/runs/<uuid:run>"


class SampleAcceptanceBody(PersonBody):
    """The conditions under which the first test offer is accepted."""

    conditions = fields.Nested(
        Conditions(), required=True, error_messages={"required": "is required"}
    )


class ConsultationReportBody(PersonBody):
    """What was seen: the digest of the document, and the name of the parts shown."""

    case_digest = field.digest()
    package_digest = field.digest()


class ReceiptChecksBody(PersonBody):
    """For each receipt of the run, by its name, whether it verifies."""

    checks = fields.Dict(
        keys=fields.String(validate=validate.Length(max=40)),
        values=fields.Boolean(truthy={True}, falsy={False}),
        required=True,
        validate=validate.Length(max=50),
        error_messages={"required": "is required"},
    )


SEND_BODY = SubmissionBody()


@writes(
    f"POST {RUNS}",
    "conformance.start",
    ANY_SCOPE,
    "RunView",
    body=PersonBody(),
    refusals=(TooManyAttempts,),
)
def conformance_start(call: Call) -> WriteResult:
    """Begin a conformance run: 24 hours, test data of its own, four steps in any order.

    Everything in it says `test`. Its documents and receipts are signed by keys of the run alone.
    """
    return conformance.start(call.ports, call.caller, call.key, call.body["by"])


@endpoint(f"GET {RUN}", "conformance.read", ANY_SCOPE, "RunView")
def conformance_show(call: Call, run: UUID) -> RunView:
    """Read a run: which steps are passed, the test offers, and the receipts to judge."""
    return conformance.look_up(call.ports, call.caller, run)


@writes(
    f"POST {RUN}/cases", "conformance.submit", ANY_SCOPE, "RunView", body=SEND_BODY, signed=CASE
)
def conformance_send(call: Call, run: UUID) -> WriteResult:
    """Check `send`: submit a test case, in the body of `POST /cases`. It is checked, not stored."""
    handed_in = submission(call)
    if handed_in.content["version"] != 1:
        raise ValidationFailed((("/content/version", "is 1 for the first version of a case"),))
    return conformance.answer(call.ports, call.caller, call.key, run, handed_in)


@writes(
    f"POST {RUN}/acceptance",
    "conformance.submit",
    ANY_SCOPE,
    "RunView",
    body=SampleAcceptanceBody(),
    refusals=(ConditionsMismatch,),
)
def conformance_accept(call: Call, run: UUID) -> WriteResult:
    """Step receive, first: accept the first test offer under its conditions, unchanged."""
    return conformance.answer(
        call.ports, call.caller, call.key, run, conformance.Acceptance(**call.body)
    )


@writes(
    f"POST {RUN}/consultations", "conformance.submit", ANY_SCOPE, "RunView", body=CONSULTATION_BODY
)
def conformance_consult(call: Call, run: UUID) -> WriteResult:
    """Step receive, second: open its content, with person and reason.

    The answer has the `presentation`: verify it with the run's `keys`.
    """
    said = call.read_body(ConsultationRequest)
    return conformance.answer(call.ports, call.caller, call.key, run, said)


@writes(
    f"POST {RUN}/consultation-report",
    "conformance.submit",
    ANY_SCOPE,
    "RunView",
    body=ConsultationReportBody(),
)
def conformance_report(call: Call, run: UUID) -> WriteResult:
    """Step receive, last: say what was seen, by its digests."""
    said = conformance.ConsultationReport(**call.body)
    return conformance.answer(call.ports, call.caller, call.key, run, said)


@writes(
    f"POST {RUN}/receipt-checks",
    "conformance.submit",
    ANY_SCOPE,
    "RunView",
    body=ReceiptChecksBody(),
)
def conformance_verify(call: Call, run: UUID) -> WriteResult:
    """Step verify: say of each receipt whether it verifies against the run's log; some do not.

    After a wrong check the run has other receipts: read it again.
    """
    return conformance.answer(
        call.ports, call.caller, call.key, run, conformance.ReceiptChecks(**call.body)
    )


@writes(f"POST {RUN}/decline", "conformance.submit", ANY_SCOPE, "RunView", body=BODIES["decline"])
def conformance_decline(call: Call, run: UUID) -> WriteResult:
    """Step decline: decline the second test offer, with a reason."""
    asked = conformance.SampleDecline(call.body["by"], call.body["reason"])
    return conformance.answer(call.ports, call.caller, call.key, run, asked)
