"""Steps on a case or a handoff, after the table in gateway/domain/case_steps.py."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple
from uuid import UUID

from gateway.domain.case_steps import CASE_STEPS, CaseStepKind, StepBody
from gateway.domain.measure import MeasureKind
from gateway.domain.refusals import OpenHandoffs, Refusal, SecondPersonRequired, UnconfirmedMatch
from gateway.exchange.case import cases, measures
from gateway.exchange.case.cases import CaseStepRequest
from gateway.exchange.handoffs import arrivals, package_consultation, recalls
from gateway.exchange.handoffs.arrivals import SeenRequest
from gateway.exchange.handoffs.package_consultation import ReviewRequest
from gateway.exchange.handoffs.recalls import ApprovalRequest
from gateway.exchange.lifecycle import erasure
from gateway.exchange.lifecycle.erasure import EarlyErasure
from gateway.kernel.transact import WriteResult
from gateway.schemas import schema_fields as field
from gateway.schemas.schema_fields import StrictSchema
from gateway.web.endpoint import CONTENT, Call, Endpoint, writes
from gateway.web.partners.handoffs import fields_of


class _Taken(NamedTuple):
    """How a step is taken: the name of its endpoint, what its body is read as with ``more``, and
    what does it on each of its places."""

    name: str
    asked: type[Any]
    act: Mapping[str, Callable[..., WriteResult]]
    refusals: tuple[type[Refusal], ...]
    more: Mapping[str, Any] = {}


_MEASURE = {"case": measures.on_case, "handoff": measures.on_handoff}
_BY_TWO = (*CONTENT, SecondPersonRequired)

_TAKEN: Mapping[str, _Taken] = {
    "case.assess": _Taken(
        "cases_assess", CaseStepRequest, {"case": cases.assess}, (*_BY_TWO, UnconfirmedMatch)
    ),
    "case.clear": _Taken("cases_clear", CaseStepRequest, {"case": cases.clear}, _BY_TWO),
    "case.close": _Taken(
        "cases_close", CaseStepRequest, {"case": cases.close}, (*CONTENT, OpenHandoffs)
    ),
    "case.advance_erasure": _Taken(
        "cases_advance_erasure", EarlyErasure, {"case": erasure.advance_erasure}, CONTENT
    ),
    "case.embargo": _Taken(
        "measures_embargo",
        measures.MeasureRequest,
        _MEASURE,
        _BY_TWO,
        {"kind": MeasureKind.EMBARGO},
    ),
    "case.restrict": _Taken("measures_restrict", measures.MeasureRequest, _MEASURE, _BY_TWO),
    "case.end_measure": _Taken("measures_end", measures.MeasureEnd, _MEASURE, _BY_TWO),
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
    "handoff.mark_seen": _Taken(
        "handoffs_mark_seen", SeenRequest, {"handoff": arrivals.mark_seen}, ()
    ),
}
"""What each step does, by its action."""

_SCOPES = {"case": "cases.write", "handoff": "handoffs.answer"}


def _body(of: StepBody) -> StrictSchema:
    schema = field.schema_of(of.name, {"by": field.staff(), **fields_of(of.fields)})
    schema.__doc__ = of.about
    return schema()


_BODIES = {kind.body: _body(kind.body) for kind in CASE_STEPS.values()}


def _endpoints(kind: CaseStepKind) -> Iterator[Endpoint]:
    """A step's endpoints: one for each of its places."""
    taken = _TAKEN[kind.action]
    last = kind.path.format_map({one: f"<uuid:{one}>" for one in kind.beside})
    for number, place in enumerate(kind.places):

        def view(call: Call, place: str = place, **ids: UUID) -> WriteResult:
            about = ids.pop(place)
            asked = call.read_body(taken.asked, **ids, **taken.more)
            return taken.act[place](call.ports, call.caller, call.key, about, asked)

        view.__name__, view.__doc__ = taken.name + ("_held" if number else ""), kind.about
        yield writes(
            f"POST /{place}s/<uuid:{place}>/{last}",
            kind.action,
            _SCOPES[place],
            kind.result,
            body=_BODIES[kind.body],
            refusals=taken.refusals,
        )(view)


STEPS = tuple(one for kind in CASE_STEPS.values() for one in _endpoints(kind))
