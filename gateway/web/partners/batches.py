"""Several requests of one kind in one: each has its own key, event, receipt and refusal."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import current_app
from marshmallow import ValidationError, fields, validates_schema

from gateway.domain.fields import like
from gateway.domain.refusals import Refusal
from gateway.kernel.authentication import NotAuthenticated
from gateway.kernel.transact import RecordedRefusal, Write, WriteResult, transact_each
from gateway.schemas import schema_fields as field
from gateway.schemas.schema_fields import StrictSchema
from gateway.web.endpoint import NOTHING, Call, Endpoint, endpoint
from gateway.web.inputs import KEY
from gateway.web.partners import cases, handoffs

LARGEST_BATCH = 100


class SingleBody(fields.Nested):
    """The body of one request: read when its turn comes, so that only it is refused."""

    def read(self, value: Any) -> Any:
        """The value as it is."""
        return value

    def _deserialize(
        self, value: Any, attr: Any, data: Any, partial: Any = None, **kwargs: Any
    ) -> Any:
        return value


class BatchedRequest(StrictSchema):
    """One request of a batch: its key and its body, or the document that you signed."""

    key = field.StrictString(
        like(KEY.pattern, "must be 8 to 100 of A-Z a-z 0-9 _ - . : ~"), required=False
    )
    document = field.StrictString(like("[!-~]+", "must be a signed document"), required=False)

    @validates_schema
    def _asks_once(self, data: dict[str, Any], **_: Any) -> None:
        if ("body" in data) is ("document" in data):
            raise ValidationError("must have a body, or a document")
        if "body" in data and "key" not in data:
            raise ValidationError("must have a key beside the body")


def _batch(rule: str, single: Endpoint, place: str | None = None) -> Endpoint:
    """Declare the batch of an endpoint; ``place`` is the part of its path that varies."""
    noun = rule.rpartition("/")[2].removesuffix("s").title()
    named: dict[str, Any] = {} if place is None else {place: field.uuid()}
    named["body"] = SingleBody(single.body or NOTHING, required=False)
    asked = type(f"Batched{noun}", (BatchedRequest,), named)
    requests = field.several(field.part(asked), least=1, most=LARGEST_BATCH)
    body = field.schema_of(f"{noun}Batch", {"requests": requests})

    def view(call: Call) -> Mapping[str, Any]:
        read = [_read(single, call, one) for one in call.body["requests"]]
        writes = [one for one in read if isinstance(one, Write)]
        done = iter(transact_each(call.ports, call.caller, writes))
        answers = (next(done) if isinstance(one, Write) else one for one in read)
        return {"results": [_as_json(single, one) for one in answers]}

    view.__name__ = f"batches_{single.name.partition('_')[2]}"
    view.__doc__ = (
        f"Do up to {LARGEST_BATCH} requests of `POST {single.path}` in one.\n\n"
        "They are done in order. What is refused changes nothing, and the others go on. Each has "
        "the answer of a single request. A batch may be repeated whole, in part or one by one: "
        "what was done returns its first result."
    )
    scope, response = single.scope or "", f"{noun}Results"
    return endpoint(rule, single.action or "", scope, response, body=body())(view)


def _read(single: Endpoint, call: Call, asked: Mapping[str, Any]) -> Write | Exception:
    """A request of a batch as the write that it asks for, or why it is refused."""
    place = {name: UUID(value) for name, value in asked.items() if name in ("case", "handoff")}
    keyed = call._replace(key=asked.get("key", ""))
    try:
        read = single.read(keyed, asked.get("body"), asked.get("document"))
        write: Write = single.view(read, **place)
    except NotAuthenticated:
        raise
    except (Refusal, RecordedRefusal, ValidationError) as refused:
        return refused
    return write


def _as_json(single: Endpoint, answer: WriteResult | Exception) -> dict[str, Any]:
    """How one request ended: what it gave, or the problem as the app tells it."""
    if isinstance(answer, WriteResult):
        return {"status": single.status, "result": answer.result, "receipt": answer.receipt}
    problem: Any = current_app.handle_user_exception(answer)
    return {"status": problem.status_code, "problem": json.loads(problem.get_data())}


_ACCEPT = next(one for one in handoffs.ANSWERING if one.action == "handoff.accept")

BATCHES = (
    _batch("POST /batches/submissions", cases.cases_submit),
    _batch("POST /batches/offers", cases.cases_offer, "case"),
    _batch("POST /batches/acceptances", _ACCEPT, "handoff"),
)
