"""What peer gateways bring: the events of their streams of our members (docs/protocol/relay.md)."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from marshmallow import ValidationError, fields

from gateway.domain import case as cases
from gateway.domain import refusals
from gateway.domain.answers import ANSWERS, AnswerAuthor
from gateway.domain.duty import OWED_TO_ORIGINATOR
from gateway.domain.handoff import RecallAnswer
from gateway.domain.json_values import parse_timestamp, read_record
from gateway.domain.revision import REASONS
from gateway.evidence import handoff_documents, receipt, sd_jwt
from gateway.evidence.sd_jwt import DocumentError, VerifiedSdJwt
from gateway.exchange.handoffs.answering import AnswerRequest
from gateway.exchange.handoffs.recalls import RecallRequest
from gateway.exchange.handoffs.selection import UpdateRequest
from gateway.exchange.relay import taking_in
from gateway.exchange.relay.incoming import RelayedEvent, RelayedRequest
from gateway.schemas import schema_fields as field
from gateway.schemas.case_document import load_presented
from gateway.schemas.schema_fields import StrictSchema, pointed
from gateway.web.endpoint import CONTENT, HELD, Call, writes
from gateway.web.partners.cases import OFFER_BODY, offer_request
from gateway.web.partners.handoffs import BODIES, UPDATE_BODY
from gateway.web.partners.steps import RECALL_BODY

_PERSONS = ("by", "approved_by")
"""What a document has for its own gateway alone."""


_SHOWN = tuple(
    sorted(
        {"received", "closed", *RecallAnswer}.union(
            *(one.words for one in ANSWERS["outcome"].fields if one.name in ("code", "release"))
        )
    )
)
"""As which an outcome, or the answer to a recall, may be shown to the other side."""


class ReceiptBody(StrictSchema):
    """A receipt of the peer's log, as its member of ours may read it."""

    document = field.text()
    nonce = field.text()
    disclosures = fields.List(field.text(), required=True)
    proof = field.text()


class ShownBody(StrictSchema):
    """Stands in place of what is withheld, or beside a document."""

    code = field.word(_SHOWN, required=False)
    reason_code = field.word(REASONS, required=False)


DueBody = field.schema_of(
    "DueBody", {str(kind): field.moment(required=False) for kind in sorted(OWED_TO_ORIGINATOR)}
)
"""When the recipient owes what follows from an event, by kind of duty."""


class RelayedEventBody(StrictSchema):
    """An event of a peer's stream of a member of this gateway, with what goes with it.

    `member` is who of the peer's acted or is concerned. `document` is the offer, update, answer or
    recall, as its reader may have it; `case` what an offer or update lists of its version. `test`:
    it is judged, and nothing of it is kept.
    """

    member = field.slug(required=False)
    stream_number = field.whole(1, 2**53)
    receipt = field.part(ReceiptBody)
    document = field.presentation(required=False)
    case = field.presentation(required=False)
    shown = field.part(ShownBody, required=False)
    persons = field.whole(0, 9, required=False)
    cleared = field.boolean(required=False)
    due_at = field.part(DueBody, required=False)
    test = field.boolean(required=False)


@writes(
    "POST /relay/events",
    "relay.deliver",
    "relay",
    "Heard",
    body=RelayedEventBody(),
    refusals=(
        *CONTENT,
        *HELD,
        refusals.UnexpectedNumber,
        refusals.NotWitnessed,
        refusals.UnknownEvent,
        refusals.InvalidDocument,
        refusals.ConditionsMismatch,
        refusals.NothingToOffer,
        refusals.AlreadyOffered,
        refusals.NotAddressable,
        refusals.SecondPersonRequired,
    ),
)
def relay_deliver(call: Call) -> dict[str, Any]:
    """Take in the next event of a peer gateway's stream of a member of this gateway.

    A peer's system alone may call it; the idempotency key is the event's id. A refusal with a
    receipt is final: the event was heard. Whatever else is refused was not, and comes again.
    `expected` names the number that is the next one.
    """
    message = relay_message(call.body, call.key)
    heard, proof = taking_in.take_in(call.ports, call.caller, message)
    return {"result": heard, "receipt": proof and receipt.to_json(proof)}


def relay_message(body: Mapping[str, Any], key: str) -> RelayedEvent:
    """Read what was brought by partners' schemas; the faults that they find are for the record."""
    try:
        proof = receipt.from_json(body["receipt"])
    except receipt.MalformedReceipt as error:
        raise refusals.ValidationFailed((("/receipt", str(error)),)) from None
    found, faults = _ReadSoFar(), list[tuple[str, str]]()
    for name, read in (("document", _document), ("case", _case)):
        try:
            if name in body:
                found = read(found, body[name])
        except ValidationError as error:
            faults += [(f"/{name}{at}", text) for at, text in pointed(error.messages)]
        except (DocumentError, handoff_documents.StatementError) as error:
            faults.append((f"/{name}", str(error)))
    return RelayedEvent(
        member=body.get("member"),
        stream_number=body["stream_number"],
        receipt=proof,
        key=key,
        document=body.get("document"),
        case=body.get("case"),
        request=found.request,
        content=found.content,
        faults=tuple(faults),
        shown=body.get("shown", {}),
        persons=body.get("persons", 0),
        cleared=body.get("cleared", False),
        due_at={kind: parse_timestamp(at) for kind, at in body.get("due_at", {}).items()},
        test=body.get("test", False),
    )


class _ReadSoFar(NamedTuple):
    request: RelayedRequest | None = None
    content: Mapping[str, Any] | None = None


def _document(found: _ReadSoFar, text: str) -> _ReadSoFar:
    """Read what a document asks, by the schema of its body; it is not verified yet."""
    verified = sd_jwt.read_unverified(text)
    return found._replace(request=_request(verified, handoff_documents.request_in(verified)))


def _request(verified: VerifiedSdJwt, asked: Mapping[str, Any]) -> RelayedRequest | None:
    typ = verified.header.get("typ")
    if typ == handoff_documents.ANSWER_TYP:
        kind = ANSWERS[handoff_documents.read_answer(verified).kind]
        body = BODIES.get(kind.name)
        if body is None:
            return None  # its gateway makes it
        own = kind.author is AnswerAuthor.ORIGINATOR
        said = body.load(dict(asked), partial=_PERSONS if own else True)
        return AnswerRequest(kind, "", said)
    if typ == handoff_documents.RECALL_TYP:
        said = RECALL_BODY.load(dict(asked), partial=(*_PERSONS, "reason"))
        return read_record(RecallRequest, {"by": "", **said})
    if typ != handoff_documents.OFFER_TYP:
        raise DocumentError("it is no offer, update, answer or recall")
    if "updates" not in verified.claims:
        return offer_request({"by": "", **OFFER_BODY.load(dict(asked), partial=_PERSONS)})
    elsewhere = ("handoff", "to", "purpose", "derogation", "again", "country_reason")
    own_fields = {name: value for name, value in asked.items() if name not in elsewhere}
    return read_record(UpdateRequest, {"by": "", **UPDATE_BODY.load(own_fields, partial=_PERSONS)})


def _case(found: _ReadSoFar, text: str) -> _ReadSoFar:
    """The part of a case that is presented, by the rules of its profile and R1."""
    claims = sd_jwt.merge_disclosures(sd_jwt.read_unverified(text))
    if claims.get("profile") != cases.PROFILE:
        raise DocumentError(f"the case is not of the profile {cases.PROFILE}")
    if not {"matter", "urgency"} <= claims.keys():
        raise DocumentError("the case does not say what it is about, and how urgent it is")
    return found._replace(content=load_presented(cases.case_from_claims(claims)))
