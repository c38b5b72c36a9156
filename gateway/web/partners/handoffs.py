"""What the two parties of a handoff do: answer, follow up, open content, read, list."""

from typing import Any
from uuid import UUID

from marshmallow import fields

from gateway.actions import handoffs
from gateway.actions.authorization import Written
from gateway.actions.handoffs import Reply
from gateway.actions.signed import ANSWER
from gateway.domain.case import GROUPS
from gateway.domain.handoff import OUTCOMES, State
from gateway.domain.marking import ONWARD, TLP
from gateway.domain.vocabulary import Handling, PermittedActions, Purpose
from gateway.web.endpoint import Call, endpoint
from gateway.web.partners import schema_fields as field
from gateway.web.partners.cases import OPENING_BODY, STEP_BODY, opening
from gateway.web.partners.pages import page
from gateway.web.partners.schema_fields import Part


class ConditionsBody(Part):
    """The conditions of use, as the handoff shows them (LED Art. 9)."""

    tlp = field.word(TLP)
    handling = field.several(field.word(Handling))
    onward = field.word(ONWARD)
    permitted_actions = field.word(PermittedActions)
    purpose = field.several(field.word(Purpose), least=1)
    erase_on = field.day()


class AcceptanceBody(Part):
    """The case is taken on under these conditions; with ``groups``, only those parts of it."""

    by = field.staff()
    conditions = fields.Nested(
        ConditionsBody(), required=True, error_messages={"required": "is required"}
    )
    groups = field.several(field.word(GROUPS), least=1, required=False)


class RefusalBody(Part):
    """The case is declined, or given back; also how an originator withdraws its offer."""

    by = field.staff()
    reason = field.free(300)


class RedirectionBody(Part):
    """Another office is the right one."""

    by = field.staff()
    reason = field.free(300)
    to = field.free(200, required=False)


class OutcomeBody(Part):
    """What came of the case, or of some of its items."""

    by = field.staff()
    code = field.word(sorted(OUTCOMES))
    items = field.several(field.uuid(), least=1, required=False)
    note = field.free(500, required=False)
    evidence_ref = field.free(200, required=False)
    reason = field.free(300, required=False)


class HandoffsQuery(Part):
    """A page of the handoffs received (in) or sent (out), oldest first."""

    box = field.word(("in", "out"), required=False)
    state = field.word(State, required=False)
    after = field.uuid(required=False)
    limit = field.limit()


REFUSAL_BODY = RefusalBody()


def _reply(call: Call) -> Reply:
    body = call.body
    lists = {name: tuple(body[name]) for name in ("groups", "items") if name in body}
    return Reply(**{**body, **lists}, signed=call.signed)


@endpoint(
    "POST /handoffs/<uuid:handoff>/acceptance",
    action="handoff.accept",
    scope="handoffs.answer",
    gives="Answered",
    body=AcceptanceBody(),
    writes=True,
    signed=ANSWER,
)
def accept(call: Call, handoff: UUID) -> Written:
    """Take a case on, under the conditions that its handoff shows, repeated unchanged."""
    return call.do(handoffs.accept, handoff, _reply(call))


@endpoint(
    "POST /handoffs/<uuid:handoff>/refusal",
    action="handoff.refuse",
    scope="handoffs.answer",
    gives="Answered",
    body=REFUSAL_BODY,
    writes=True,
    signed=ANSWER,
)
def refuse(call: Call, handoff: UUID) -> Written:
    """Decline a case, or give it back, with a reason."""
    return call.do(handoffs.refuse, handoff, _reply(call))


@endpoint(
    "POST /handoffs/<uuid:handoff>/redirection",
    action="handoff.redirect",
    scope="handoffs.answer",
    gives="Answered",
    body=RedirectionBody(),
    writes=True,
    signed=ANSWER,
)
def redirect(call: Call, handoff: UUID) -> Written:
    """Send the originator to another office; the originator then makes a new offer."""
    return call.do(handoffs.redirect, handoff, _reply(call))


@endpoint(
    "POST /handoffs/<uuid:handoff>/outcomes",
    action="handoff.outcome",
    scope="handoffs.answer",
    gives="Answered",
    body=OutcomeBody(),
    writes=True,
    signed=ANSWER,
)
def outcome(call: Call, handoff: UUID) -> Written:
    """Tell what came of the case; further outcomes may follow."""
    return call.do(handoffs.outcome, handoff, _reply(call))


@endpoint(
    "POST /handoffs/<uuid:handoff>/withdrawal",
    action="handoff.withdraw",
    scope="handoffs.answer",
    gives="Answered",
    body=REFUSAL_BODY,
    writes=True,
    signed=ANSWER,
)
def withdraw(call: Call, handoff: UUID) -> Written:
    """The originator takes its offer back, with a reason."""
    return call.do(handoffs.withdraw, handoff, _reply(call))


@endpoint(
    "POST /handoffs/<uuid:handoff>/closure",
    action="handoff.close",
    scope="handoffs.answer",
    gives="Answered",
    body=STEP_BODY,
    writes=True,
    signed=ANSWER,
)
def close(call: Call, handoff: UUID) -> Written:
    """The recipient ends its work on the handoff."""
    return call.do(handoffs.close, handoff, _reply(call))


@endpoint(
    "POST /handoffs/<uuid:handoff>/consultations",
    action="case.consult",
    scope="handoffs.answer",
    gives="Opened",
    body=OPENING_BODY,
    writes=True,
)
def consult(call: Call, handoff: UUID) -> Written:
    """Open the content that was offered and accepted; an event with person and reason.

    What is shown is decided each time, on today's markings and rights.
    """
    return call.do(handoffs.consult, handoff, opening(call.body))


@endpoint(
    "GET /handoffs",
    action="handoff.read",
    scope="handoffs.read",
    gives="Handoffs",
    query=HandoffsQuery(),
)
def index(call: Call) -> dict[str, Any]:
    """List the handoffs received (`box=in`, the default) or sent (`box=out`), oldest first."""
    after, state = call.query.get("after"), call.query.get("state")
    asked = {"box": "in", **call.query}
    found = call.ask(
        handoffs.page,
        box=asked["box"],
        state=State(state) if state else None,
        after=UUID(after) if after else None,
        limit=asked["limit"],
    )
    return page("/handoffs", found, asked)


@endpoint(
    "GET /handoffs/<uuid:handoff>",
    action="handoff.read",
    scope="handoffs.read",
    gives="Handoff",
)
def show(call: Call, handoff: UUID) -> dict[str, Any]:
    """Read a handoff: state, conditions, routing fields and statements; never content."""
    return call.ask(handoffs.look_up, handoff)


ENDPOINTS = (
    accept,
    refuse,
    redirect,
    outcome,
    withdraw,
    close,
    consult,
    index,
    show,
)
