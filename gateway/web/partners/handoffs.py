"""What the two parties of a handoff do: answer, follow up, open content, read, list."""

from collections.abc import Callable, Mapping
from typing import Any, cast
from uuid import UUID

from marshmallow import fields

from gateway.domain.answers import PARTIES_ANSWERS, AnswerField, AnswerKind, FieldType
from gateway.domain.handoff import HandoffState
from gateway.domain.marking import ONWARD, TLP
from gateway.domain.refusals import ConditionsMismatch
from gateway.domain.vocabulary import Handling, PermittedActions, Purpose
from gateway.exchange import handoffs
from gateway.exchange.handoffs import AnswerRequest
from gateway.exchange.results import HandoffView
from gateway.exchange.signed_requests import ANSWER
from gateway.kernel.transact import WriteResult
from gateway.web.endpoint import CONTENT, Call, Endpoint, endpoint, writes
from gateway.web.partners import schema_fields as field
from gateway.web.partners.cases import CONSULTATION_BODY, opening
from gateway.web.partners.schema_fields import StrictSchema
from gateway.web.responses import page


class ConditionsBody(StrictSchema):
    """The conditions of use, as the handoff shows them (LED Art. 9)."""

    tlp = field.word(TLP)
    handling = field.several(field.word(Handling))
    onward = field.word(ONWARD)
    permitted_actions = field.word(PermittedActions)
    purpose = field.several(field.word(Purpose), least=1)
    erase_on = field.day()


class HandoffsQuery(StrictSchema):
    """A page of the handoffs received (in) or sent (out), oldest first."""

    box = field.word(("in", "out"), required=False)
    state = field.word(HandoffState, required=False)
    after = field.uuid(required=False)
    limit = field.limit()


def _body(kind: AnswerKind) -> StrictSchema:
    """The body of an answer, after the table of its fields."""
    named = {one.name: _FIELDS[one.type](one) for one in kind.fields}
    schema = StrictSchema.from_dict({"by": field.staff(), **named}, name=f"{kind.name.title()}Body")
    return cast(StrictSchema, schema())


_FIELDS: Mapping[FieldType, Callable[[AnswerField], fields.Field[Any]]] = {
    FieldType.TEXT: lambda one: field.free(one.longest, required=one.required),
    FieldType.WORD: lambda one: field.word(one.words, required=one.required),
    FieldType.TIME: lambda one: field.moment(required=one.required),
    FieldType.WORDS: lambda one: field.several(
        field.word(one.words), least=1, required=one.required
    ),
    FieldType.IDS: lambda one: field.several(field.uuid(), least=1, required=one.required),
    FieldType.CONDITIONS: lambda one: field.part(ConditionsBody, required=one.required),
}


BODIES = {kind.name: _body(kind) for kind in PARTIES_ANSWERS}


def _answer(kind: AnswerKind) -> Endpoint:
    def view(call: Call, handoff: UUID) -> WriteResult:
        fields = dict(call.body)
        asked = AnswerRequest(kind, fields.pop("by"), fields, call.signed)
        return handoffs.answer(call.ports, call.caller, call.key, handoff, asked)

    view.__name__, view.__doc__ = kind.command, kind.about
    return writes(
        f"POST /handoffs/<uuid:handoff>/{kind.path}",
        kind.action,
        "handoffs.answer",
        "Answered",
        body=BODIES[kind.name],
        signed=ANSWER,
        refusals=(*CONTENT, ConditionsMismatch),
    )(view)


ANSWERING = tuple(map(_answer, PARTIES_ANSWERS))


@writes(
    "POST /handoffs/<uuid:handoff>/consultations",
    "case.consult",
    "handoffs.answer",
    "ContentPresentation",
    body=CONSULTATION_BODY,
    refusals=CONTENT,
)
def consult(call: Call, handoff: UUID) -> WriteResult:
    """Open the content that was offered and accepted; an event with person and reason.

    What is shown is decided each time, on today's markings and rights.
    """
    return handoffs.consult(call.ports, call.caller, call.key, handoff, opening(call.body))


@endpoint("GET /handoffs", "handoff.read", "handoffs.read", "Handoffs", query=HandoffsQuery())
def list_(call: Call) -> dict[str, Any]:
    """List the handoffs received (`box=in`, the default) or sent (`box=out`), oldest first."""
    after, state = call.query.get("after"), call.query.get("state")
    asked = {"box": "in", **call.query}
    found = handoffs.page(
        call.ports,
        call.caller,
        box=asked["box"],
        state=HandoffState(state) if state else None,
        after=UUID(after) if after else None,
        limit=asked["limit"],
    )
    return page("/handoffs", found, asked)


@endpoint(
    "GET /handoffs/<uuid:handoff>", "handoff.read", "handoffs.read", "HandoffView", refusals=CONTENT
)
def show(call: Call, handoff: UUID) -> HandoffView:
    """Read a handoff: state, conditions, routing fields and statements; never content."""
    return handoffs.look_up(call.ports, call.caller, handoff)
