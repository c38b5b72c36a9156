"""What a person does by a few fields, after the table of steps in gateway/domain/steps.py."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from gateway.domain.measure import MeasureKind
from gateway.domain.refusals import (
    CaseErased,
    NotFound,
    OpenHandoffs,
    Refusal,
    SecondPersonRequired,
    UnconfirmedMatch,
)
from gateway.domain.steps import STEPS, StepBody, StepKind, ids_in
from gateway.exchange.case import cases, measures
from gateway.exchange.case.cases import CaseStepRequest
from gateway.exchange.handoffs import arrivals, package_consultation, recalls
from gateway.exchange.handoffs.arrivals import ReferRequest, SeenRequest, TakeRequest
from gateway.exchange.handoffs.package_consultation import ReviewRequest
from gateway.exchange.handoffs.recalls import ApprovalRequest, RecallRequest
from gateway.exchange.lifecycle import before_erasure, successions
from gateway.exchange.lifecycle.before_erasure import EarlyErasure
from gateway.exchange.lifecycle.successions import SuccessionApprovalRequest
from gateway.exchange.oversight import notifications
from gateway.exchange.signed_requests import RECALL, SUCCESSION, SignedRequestType
from gateway.kernel.transact import Write, WriteResult
from gateway.registry import staff
from gateway.schemas import schema_fields as field
from gateway.schemas.schema_fields import PersonBody, StrictSchema
from gateway.web.endpoint import CONTENT, HELD, Call, Endpoint, writes
from gateway.web.partners.handoffs import fields_of


class _Taken(NamedTuple):
    """How a step is taken: the names of its endpoints, what its body is read as with ``more``, and
    what does it at each of its places. ``scope`` is that of the place unless it is named;
    ``signed`` may come in place of the body."""

    names: str
    asked: type[Any]
    act: Mapping[str, Callable[..., WriteResult | Write]]
    refusals: tuple[type[Refusal], ...] = ()
    more: Mapping[str, Any] = {}
    scope: str = ""
    signed: SignedRequestType | None = None


_MEASURE = {"case": measures.on_case, "handoff": measures.on_handoff}
_BY_TWO = (*HELD, SecondPersonRequired)

_TAKEN: Mapping[str, _Taken] = {
    "case.assess": _Taken(
        "cases_assess", CaseStepRequest, {"case": cases.assess}, (*_BY_TWO, UnconfirmedMatch)
    ),
    "case.clear": _Taken("cases_clear", CaseStepRequest, {"case": cases.clear}, _BY_TWO),
    "case.close": _Taken(
        "cases_close", CaseStepRequest, {"case": cases.close}, (*HELD, OpenHandoffs)
    ),
    "case.advance_erasure": _Taken(
        "cases_advance_erasure", EarlyErasure, {"case": before_erasure.advance_erasure}, HELD
    ),
    "case.embargo": _Taken(
        "measures_embargo measures_embargo_held",
        measures.MeasureRequest,
        _MEASURE,
        _BY_TWO,
        {"kind": MeasureKind.EMBARGO},
    ),
    "case.restrict": _Taken("measures_restrict", measures.MeasureRequest, _MEASURE, _BY_TWO),
    "case.end_measure": _Taken(
        "measures_end measures_end_held", measures.MeasureEnd, _MEASURE, _BY_TWO
    ),
    "case.recall": _Taken(
        "recalls_recall_case recalls_recall_handoff",
        RecallRequest,
        {"case": recalls.of_case, "handoff": recalls.of_handoff},
        (*CONTENT, SecondPersonRequired),
        scope="cases.write",
        signed=RECALL,
    ),
    "case.approve_recall": _Taken(
        "recalls_approve_recall",
        ApprovalRequest,
        {"case": recalls.approve},
        (SecondPersonRequired,),
    ),
    "handoff.review": _Taken(
        "handoffs_review",
        ReviewRequest,
        {"handoff": package_consultation.review},
        (SecondPersonRequired,),
    ),
    "notification.replay": _Taken(
        "notifications_replay", notifications.Replay, {"notification": notifications.replay}
    ),
    "staff.end": _Taken("staff_end", staff.StaffEnd, {"staff": staff.end}, (SecondPersonRequired,)),
    "succession.approve": _Taken(
        "successions_approve",
        SuccessionApprovalRequest,
        {"succession": successions.approve},
        signed=SUCCESSION,
    ),
    "handoff.mark_seen": _Taken("handoffs_mark_seen", SeenRequest, {"handoff": arrivals.mark_seen}),
    "handoff.take": _Taken("handoffs_take", TakeRequest, {"handoff": arrivals.take}, (CaseErased,)),
    "handoff.refer": _Taken(
        "handoffs_refer", ReferRequest, {"handoff": arrivals.refer}, (CaseErased,)
    ),
}
"""What each step does, by its action."""

_SCOPES = {
    "case": "cases.write",
    "handoff": "handoffs.answer",
    "notification": "events.read",
    "staff": "staff",
    "succession": "handoffs.answer",
}
_PSEUDONYM = field.staff()
_RULES = {"pseudonym": "<pseudonym>"}


def _body(of: StepBody) -> StrictSchema:
    if not of.fields:
        return PersonBody()
    schema = field.schema_of(of.name, {"by": field.staff(), **fields_of(of.fields)})
    schema.__doc__ = of.about
    return schema()


_BODIES = {kind.body: _body(kind.body) for kind in STEPS.values()}
RECALL_BODY = _BODIES[STEPS["case.recall"].body]


def _endpoints(kind: StepKind) -> Iterator[Endpoint]:
    """A step's endpoints: one for each of its places."""
    taken = _TAKEN[kind.action]
    for name, (place, address) in zip(taken.names.split(), kind.addresses.items(), strict=True):
        about, *_ = named = ids_in(address)

        def view(call: Call, act: Any = taken.act[place], about: str = about, **ids: Any) -> Any:
            if _PSEUDONYM.fault(ids.get("pseudonym", "person")):
                raise NotFound
            signed: dict[str, Any] = {} if taken.signed is None else {"signed": call.signed}
            if taken.signed is RECALL:
                signed["draft"] = call.draft
            of = ids.pop(about)
            asked = call.read_body(taken.asked, **ids, **taken.more, **signed)
            return act(call.ports, call.caller, call.key, of, asked)

        view.__name__, view.__doc__ = name, kind.about
        rule = address.format_map({one: _RULES.get(one, f"<uuid:{one}>") for one in named})
        yield writes(
            f"POST {rule}",
            kind.action,
            taken.scope or _SCOPES[place],
            kind.result,
            body=_BODIES[kind.body],
            refusals=taken.refusals,
            signed=taken.signed,
        )(view)


ENDPOINTS = tuple(one for kind in STEPS.values() for one in _endpoints(kind))
