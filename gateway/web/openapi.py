"""The OpenAPI 3.1 description, made from the endpoints' own declarations.

``python -m gateway.web.openapi FILE`` writes it; ``--check FILE`` compares and fails if it differs.
"""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import UUID

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Response

from gateway import __version__
from gateway.domain.handoff import HandoffState
from gateway.domain.organisation import ALL_SCOPES, AdmissionDecision
from gateway.domain.succession import Disposition
from gateway.evidence.receipt import Receipt
from gateway.exchange import results as exchange
from gateway.exchange.oversight import results as oversight
from gateway.kernel.results import ANYTHING, Shape, described, one_of, plain, shape_of
from gateway.registry import results as registry
from gateway.schemas.case_document import SEALED, Sealable
from gateway.web import listeners
from gateway.web.caller import ANY_SCOPE
from gateway.web.context import AppContext
from gateway.web.descriptions import SCOPES_SAY, TAGS_SAY, describe_fields, example_of
from gateway.web.endpoint import NOTHING, Endpoint, EndpointAccess, unauthenticated
from gateway.web.inputs import KEY, SIGNED
from gateway.web.metadata import KEPT, page
from gateway.web.named_shapes import WORDS, change_shapes, name_shapes
from gateway.web.partners.registry import VALUES
from gateway.web.problems import MEDIA_TYPE as PROBLEM
from gateway.web.reference import reference
from gateway.web.responses import json_response

EXAMPLE_PARTNERS = "https://partners.gateway.example"
EXAMPLE_ISSUER = "https://gateway.example"

_TEXT = {"type": "string"}
_TEXTS = {"type": "array", "items": _TEXT}


def _object(**members: Any) -> Shape:
    return {
        "type": "object",
        "required": list(members),
        "properties": {n: m if isinstance(m, dict) else shape_of(m) for n, m in members.items()},
    }


def _several(of: str) -> Shape:
    return {"type": "array", "items": one_of(of)}


def _batched(of: str) -> Shape:
    """How one request of a batch ended: its result with the receipt, or its problem."""
    one = _object(status=int)
    given = {"result": of, "receipt": "Receipt", "problem": "Problem"}
    one["properties"] |= {name: one_of(shape) for name, shape in given.items()}
    return one


def _page(of: str) -> Shape:
    return _object(items=_several(of), next=str | None)


_PROPOSAL = {
    "proposal": UUID,
    "action": str,
    "organisation": str,
    "proposer": str,
    "expires_at": datetime,
    "applied_event": UUID | None,
    "withdrawal_event": UUID | None,
}

_PLAN = described(exchange.SuccessionView)["properties"]
_SUCCESSION_REPORT = _object(
    **_PLAN,
    reference_date=date,
    moved=_several("MovedHandoff"),
    open=_several("OpenHandoff"),
    ended_before=Mapping[str, int],
)
_SUCCESSION_REPORT["properties"] |= {
    name: {**_PLAN[name], "type": ["string", "null"]} for name in ("succession", "mandate_event")
}

SHAPES: Mapping[str, Shape] = {
    **{
        name: described(one)
        for name, one in (vars(exchange) | vars(oversight) | vars(registry)).items()
        if isinstance(one, type) and is_dataclass(one) and one is not Receipt
    },
    "AdmissionDecision": described(AdmissionDecision),
    "BatchedSubmissionResult": _batched("Submitted"),
    "BatchedOfferResult": _batched("OfferResult"),
    "BatchedAcceptanceResult": _batched("Answered"),
    "SubmissionResults": _object(results=_several("BatchedSubmissionResult")),
    "OfferResults": _object(results=_several("BatchedOfferResult")),
    "AcceptanceResults": _object(results=_several("BatchedAcceptanceResult")),
    "Cases": _page("CaseSummary"),
    "Handoffs": {
        **_page("HandoffSummary"),
        "properties": {**_page("HandoffSummary")["properties"], "waiting": one_of("WaitingTotals")},
    },
    "Worklist": {
        **_page("WorklistRow"),
        "properties": {**_page("WorklistRow")["properties"], "skipped": _several("SkippedSource")},
    },
    "Successions": _object(items=_several("SuccessionView")),
    "SuccessionReport": _SUCCESSION_REPORT,
    "MovedHandoff": _object(
        handoff=UUID,
        originator=str | None,
        became=UUID | None,
        state=HandoffState | None,
        at=datetime,
        event=UUID,
        predecessor_reads_until=date,
    ),
    "OpenHandoff": _object(
        handoff=UUID,
        originator=str,
        state=HandoffState,
        way=Disposition,
        why=str,
        predecessor_reads_until=date | None,
        to_reseal=int,
    ),
    "MandateReport": _object(
        reference_date=date, competences=_several("CompetenceDays"), inactive=Sequence[str]
    ),
    "CompetenceDays": _object(
        competence=str,
        stretches=_several("HolderDays"),
        overlaps=_several("HolderDays"),
        gaps=_several("HolderDays"),
    ),
    "HolderDays": _object(**{"from": date, "until": date | None, "holders": Sequence[str]}),
    "LogHolds": _object(items=_several("LogHoldEntry")),
    "NotificationStatuses": _object(items=_several("NotificationStatus")),
    "StaffRegister": _page("StaffMember"),
    "NotificationSets": _object(sets=Mapping[str, str], moreAvailable=bool),
    "Organisations": _page("ListedOrganisation"),
    "Entries": _page("EntrySummary"),
    "OpenInvitations": _page("OpenInvitation"),
    "AdminWorklist": _page("AdminWorklistRow"),
    "Administrators": _object(items=_several("AdministratorEntry")),
    "Changed": {**_object(event=UUID), "additionalProperties": ANYTHING},
    "Proposal": _object(**_PROPOSAL),
    "ProposalInFull": _object(
        **_PROPOSAL,
        values=Mapping[str, Any],
        refusal=str | None,
        overlaps=Sequence[str],
        refused_because=str | None,
    ),
    "Proposals": _page("Proposal"),
    "Enrolled": _object(request=UUID, client_id=str, certificate=str),
}
"""What the partners' endpoints answer, by name; a test holds answers against it. That of results is
derived from their classes. Members may be added to any of them; none is taken away or
changes its meaning."""


def _said(description: str, **more: Any) -> Shape:
    return {**_TEXT, **more, "description": description}


def _members(required: str, description: str = "", **members: Any) -> Shape:
    """An object with these members, of which the ``required`` ones are always there."""
    said = {"description": description} if description else {}
    return {"type": "object", **said, "required": required.split(), "properties": members}


_URI_FORMAT = {"format": "uri"}
_URI = {**_TEXT, **_URI_FORMAT}
_NUMBER = {"type": "integer"}
_BEARER = {**_TEXT, "const": "Bearer"}
_CLIENT: Mapping[str, Any] = {
    "client_id": _said("`<organisation>.<system>`; may be left out with an assertion."),
    "client_assertion": _said("For a system with registered keys (RFC 7523); `aud` is the issuer."),
    "client_assertion_type": {
        **_TEXT,
        "const": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    },
}

_SCHEMAS: Mapping[str, Mapping[str, Any]] = {
    "Receipt": _members(
        "document nonce disclosures proof",
        "Proof that an event is in the log; `casegate verify` checks it offline.",
        document=_said("The event, as the bytes that were logged."),
        nonce=_said("32 bytes in base64url."),
        disclosures={**_TEXTS, "description": "Values of the event that you may read."},
        proof=_said("C2SP tlog-proof with a signed checkpoint."),
    ),
    "TimeStamps": _members(
        "stamps",
        "What time-stamp authorities stamped.",
        stamps={**_several("TimeStamp"), "description": "One of each authority."},
    ),
    "TimeStamp": _members(
        "authority checkpoint token",
        "A time stamp over the text of a checkpoint with the log's own lines.",
        authority=_said("Its host."),
        checkpoint=_said("A signed note."),
        token=_said("RFC 3161, in base64."),
    ),
    "KeyEvents": _members(
        "receipts",
        "What published and withdrew keys of the gateway.",
        receipts={**_several("Receipt"), "description": "One of each event, oldest first."},
    ),
    "ShownMembers": _members(
        "members events",
        "The members that show themselves to a peer gateway.",
        members={**_several("ShownMember"), "description": "One of each, by id."},
        events={**_TEXTS, "description": "The types of events from which something follows here."},
    ),
    "Cosignatures": _members(
        "checkpoints",
        "Checkpoints with the lines of witnesses.",
        checkpoints={**_TEXTS, "description": "Signed notes, the smallest tree first."},
    ),
    "Problem": _members(
        "type title status instance",
        "Every refusal (RFC 9457); `type` is the address of a page about it.",
        type=_URI,
        title=_TEXT,
        status=_NUMBER,
        instance=_said("The request's id.", format="uri"),
        detail=_TEXT,
        errors=_several("FieldError"),
        rules={**_TEXTS, "description": "Policies that refused, where they may be named."},
        receipt=one_of("Receipt"),
        elsewhere={
            **_several("ItemElsewhere"),
            "description": "Of a removal offer: items of other countries, and their holders.",
        },
        uncertain={**_TEXTS, "description": "Items whose hosting country is uncertain."},
        held_until=_said(
            "Of a removal offer: until when it waits for the police.", format="date-time"
        ),
        instead={
            **_several("Addressee"),
            "description": "In an imminent danger: whom to address instead.",
        },
        emergency_numbers={
            **_TEXTS,
            "description": "In an imminent danger: the numbers to call.",
        },
    ),
    "FieldError": _members(
        "pointer message",
        "What is wrong in one place of the body.",
        pointer=_said("The place, a JSON Pointer (RFC 6901).", format="json-pointer"),
        message=_said("What is wrong there."),
    ),
    "JsonWebKey": _members(
        "kty kid",
        "A public key (RFC 7517).",
        kty=_said("`EC`, or `OKP`; of a client's key `RSA` too."),
        kid=_said("The key's thumbprint (RFC 7638)."),
        use=_said("Whether it signs (`sig`) or is sealed to (`enc`)."),
        alg=_said("The algorithm."),
        crv=_said("The curve."),
        x=_said("The point, or its x coordinate, in base64url."),
        y=_said("The y coordinate, of `EC`."),
        n=_said("The modulus, of `RSA`."),
        e=_said("The exponent, of `RSA`."),
    ),
    "JsonWebKeySet": _members(
        "keys",
        "Public keys (RFC 7517 section 5).",
        keys={**_several("JsonWebKey"), "description": "The keys."},
    ),
    "AuthorizationServer": _members(
        "issuer token_endpoint jwks_uri",
        "Where tokens and their keys are (RFC 8414); it has further members.",
        issuer=_said("The gateway's name.", **_URI_FORMAT),
        token_endpoint=_said("Where tokens are.", **_URI_FORMAT),
        jwks_uri=_said("Where the keys of tokens are.", **_URI_FORMAT),
    ),
    "ProtectedResource": _members(
        "resource",
        "Metadata of the partners' address (RFC 9728); it has further members.",
        resource=_said("The partners' address.", **_URI_FORMAT),
        authorization_servers={"type": "array", "items": _URI, "description": "Who issues tokens."},
    ),
    "Alive": _members("status", "The listener answers.", status=_said("That it does.", const="ok")),
    "Ready": _members(
        "status version",
        "The gateway can write and sign.",
        status=_said("That it can.", const="ready"),
        version=_said("The version of the gateway."),
    ),
    "TokenRequest": _members(
        "grant_type",
        grant_type={**_TEXT, "const": "client_credentials"},
        **_CLIENT,
        scope=_said("Left out: all scopes of the system."),
        resource=_URI,
    ),
    "Token": _members(
        "access_token token_type expires_in scope",
        access_token=_said("RFC 9068, bound to the certificate."),
        token_type=_BEARER,
        expires_in={**_NUMBER, "description": "Seconds."},
        scope=_TEXT,
    ),
    "NotReady": _members(
        "status reason detail",
        "Why the gateway cannot write and sign.",
        status={**_TEXT, "const": "not_ready"},
        reason=_TEXT,
        detail=_TEXT,
    ),
    "TokenError": _members("error", "RFC 6749 section 5.2.", error=_TEXT, error_description=_TEXT),
}

_KEY_PARAMETER = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "A new random key for each new request, the same for each repetition of it.",
    "schema": {"type": "string", "pattern": f"^{KEY.pattern}$"},
}

_PATH_PARTS = re.compile(r"<(?:(\w+):)?(\w+)>")
_PATH_PART: Mapping[str, Mapping[str, Any]] = {
    "uuid": {"type": "string", "format": "uuid"},
    "int": {"type": "integer", "minimum": 0},
}


_WITH_CERTIFICATE = (*listeners.TOKEN, *listeners.PARTNERS_OPEN, *listeners.PARTNERS)


def document(
    partners: str = EXAMPLE_PARTNERS, issuer: str = EXAMPLE_ISSUER, contact: str | None = None
) -> dict[str, Any]:
    """The description, for listeners at these addresses and an operator who is written to there."""
    where = contact or f"{issuer}/.well-known/security.txt"
    reached = "email" if where.startswith("mailto:") else "url"
    plugin = MarshmallowPlugin()
    spec = APISpec(
        title="Casegate",
        version=__version__,
        openapi_version="3.1.0",
        info={
            "description": _DESCRIPTION,
            "license": {"name": _LICENSE, "identifier": _LICENSE},
            "contact": {"name": "The operator", reached: where.removeprefix("mailto:")},
        },
        plugins=[plugin],
        servers=[_server(partners)],
    )
    converter: Any = plugin.converter  # there once a specification has the plugin
    _describe_fields(converter)
    for name, schema in {**_SCHEMAS, **SHAPES, **WORDS, **_with_receipts()}.items():
        spec.components.schema(name, dict(schema))
    refused = {"description": "Refused.", **_content({PROBLEM: one_of("Problem")})}
    spec.components.response("Problem", refused)
    spec.components.security_scheme("certificate", {"type": "mutualTLS"})
    spec.components.security_scheme("token", _oauth(partners))
    spec.components.security_scheme("invitation", {"type": "http", "scheme": "basic"})
    for one in dict.fromkeys((*_WITH_CERTIFICATE, *listeners.PUBLIC, *ENDPOINTS)):
        _describe(spec, one, {} if one in _WITH_CERTIFICATE else {"servers": [{"url": issuer}]})
    for name in sorted({_tag(one) for one in (*_WITH_CERTIFICATE, *listeners.PUBLIC, *ENDPOINTS)}):
        spec.tag({"name": name, "description": TAGS_SAY[name]})
    written = spec.to_dict()
    schemas = written["components"]["schemas"]
    _complete(schemas, {name: kind.__doc__ or "" for (kind, *_), name in converter.refs.items()})
    written["paths"] = name_shapes(written["paths"])
    _give_examples(written)
    return written


def _complete(schemas: dict[str, Any], sent: Mapping[str, str]) -> None:
    """Say the rest of the schemas; ``sent`` are those of bodies, with their docstrings.

    What is sent to us has the fields named there and no others. Answers may grow, and the
    conditions of an answer are sent back unchanged.
    """
    for name, about in sent.items():
        if name not in _ANSWERED:
            schemas[name]["additionalProperties"] = False
        if about:
            schemas[name]["description"] = plain(about)
    schemas |= change_shapes(schemas["ChangeBody"], VALUES)
    describe_fields(schemas)
    schemas |= name_shapes({name: one for name, one in schemas.items() if name not in WORDS})


_ANSWERED = frozenset({"Conditions", "EmbargoTerms", "EmbargoSource"})


def _with_receipts() -> dict[str, Shape]:
    """Describe what each kind of write answers: its result with the receipt."""
    writing = [one for one in (*_WITH_CERTIFICATE, *listeners.PUBLIC) if one.writes]
    about = "What was done, and the proof that it is in the log."
    return {
        f"{name}WithReceipt": _members(
            "result receipt", about, result=one_of(name), receipt=one_of("Receipt")
        )
        for one in writing
        for name in (one.response, one.waits)
        if name is not None
    }


def _give_examples(written: Mapping[str, Any]) -> None:
    """An example of each JSON body, sent and answered."""
    schemas = written["components"]["schemas"]
    for item in written["paths"].values():
        for operation in item.values():
            bodies = [operation.get("requestBody", {})]
            bodies += [one for at, one in operation["responses"].items() if at < "300"]
            for body in bodies:
                content = body.get("content", {}).get("application/json")
                if content is not None:
                    content["example"] = example_of(content["schema"], schemas)


def _describe_fields(converter: Any) -> None:
    """An element that can be sealed is of its own schema, or of that of seals.

    A map has a number of members, no length.
    """

    def either(_converter: Any, field: Any, ret: dict[str, Any], **_: Any) -> dict[str, Any]:
        if "additionalProperties" in ret and "maxLength" in ret:
            ret["maxProperties"] = ret.pop("maxLength")
        if not isinstance(field, Sealable):
            return {}
        return {"anyOf": [{"$ref": ret.pop("$ref")}, converter.resolve_nested_schema(SEALED)]}

    converter.add_attribute_function(either)


_LICENSE = "Apache-2.0"


def _server(partners: str) -> dict[str, Any]:
    """The partners' listener, at an address that who generates a client may replace; what only the
    public listener has names that."""
    host = {"default": partners.removeprefix("https://"), "description": "The partners' address."}
    return {
        "url": "https://{partners}",
        "description": "With a client certificate.",
        "variables": {"partners": host},
    }


def _tag(one: Endpoint) -> str:
    return one.name.partition("_")[0]


_DESCRIPTION = (
    "Sharing of cases between organisations that protect children: metadata only, never media. "
    "Partners call over TLS with a client certificate, and with a token bound to it."
)


def _oauth(partners: str) -> dict[str, Any]:
    flow = {
        "tokenUrl": f"{partners}/oauth/token",
        "scopes": {one: SCOPES_SAY[one] for one in ALL_SCOPES},
    }
    return {"type": "oauth2", "flows": {"clientCredentials": flow}}


def _describe(spec: APISpec, one: Endpoint, servers: Mapping[str, Any]) -> None:
    path = _PATH_PARTS.sub(r"{\2}", one.path)
    summary, _, rest = re.sub(r"\n +", "\n", one.about).strip().partition("\n\n")
    operation = {
        "operationId": one.name,
        "tags": [_tag(one)],
        "summary": summary.replace("\n", " "),
        **({"description": rest.replace("\n", " ")} if rest else {}),
        **servers,
        "security": _security(one),
        "parameters": _parameters(one),
        "responses": _responses(one),
    }
    media: dict[str, Any] = {}
    if one.body is not None:
        media = {"application/json": one.body}
        if one.signed is not None:
            described = (
                f"A document of the type `{one.signed.typ}` that you signed; its jti is the key."
            )
            media[SIGNED] = {**_TEXT, "description": described}
    elif one.form is not None:
        media = {"application/x-www-form-urlencoded": one_of(one.form)}
    elif one.takes is not None:
        media = {one.takes: {**_TEXT, "contentEncoding": "base64"}}
    if media:
        operation["requestBody"] = {"required": True, **_content(media)}
    if one.action:
        operation["x-policy-action"] = one.action
    spec.path(path=path, operations={one.method.lower(): operation})


def _security(one: Endpoint) -> list[dict[str, list[str]]]:
    match one.access:
        case EndpointAccess.TOKEN:
            scopes = [] if one.scope == ANY_SCOPE else [str(one.scope)]
            return [{"certificate": [], "token": scopes}]
        case EndpointAccess.CERTIFICATE:
            return [{"certificate": []}]
        case EndpointAccess.ANYBODY if one.status_later:
            return [{"invitation": []}]
        case EndpointAccess.ANYBODY:
            return []


def _parameters(one: Endpoint) -> list[Any]:
    found: list[Any] = []
    for kind, name in _PATH_PARTS.findall(one.path):
        schema = _PATH_PART.get(kind, {"type": "string"})
        found.append({"name": name, "in": "path", "required": True, "schema": schema})
    if one.query is not NOTHING:
        found.append({"in": "query", "schema": one.query})
    if one.writes and one.access is EndpointAccess.TOKEN:
        found.append(_KEY_PARAMETER | ({"required": False} if one.signed else {}))
    return found


def _responses(one: Endpoint) -> dict[str, Any]:
    good: Any = {"type": "object"} if one.media[0].endswith("json") else {"type": "string"}
    if one.response:
        good = one_of(f"{one.response}WithReceipt" if one.writes else one.response)
    text = {"type": "string"}
    answers = {kind: good if kind == one.media[0] else text for kind in one.media}
    later: dict[str, Any] = {}
    if one.status_later:
        later = {"202": {"description": "Taken: come again after Retry-After."}}
    if one.waits:
        waiting = _content({one.media[0]: one_of(f"{one.waits}WithReceipt")})
        later = {"202": {"description": "Stored: it waits for another person.", **waiting}}
    return {
        str(one.status): {"description": "Done.", **_content(answers)},
        **later,
        **_refused(one),
    }


def _refused(one: Endpoint) -> dict[str, Any]:
    """By status: the problems that it may be, and where it is no problem but something else."""
    problems, others = one.problems, dict(one.others)
    found: dict[str, Any] = {}
    for status in sorted({*problems, *others}):
        named = ", ".join(f"`{slug}`" for slug in sorted(problems.get(status, ())))
        if status not in others:
            found[str(status)] = {"$ref": "#/components/responses/Problem", "description": named}
            continue
        name = others[status]
        shapes = {"application/json": one_of(name)} if name else {"text/plain": {"type": "string"}}
        if named:
            shapes[PROBLEM] = one_of("Problem")
        said = named or ("Not now." if name else "In words.")
        found[str(status)] = {"description": said, **_content(shapes)}
    return found


def _content(schemas: Mapping[str, Any]) -> dict[str, Any]:
    return {"content": {media: {"schema": schema} for media, schema in schemas.items()}}


def render(described: Mapping[str, Any]) -> str:
    """The description as it is committed."""
    return json.dumps(described, indent=2, ensure_ascii=False) + "\n"


@unauthenticated("GET /openapi.json")
def openapi_describe(gate: AppContext) -> Response:
    """Get this description, with the gateway's own addresses."""
    return json_response(_kept(gate.partners_url, gate.issuer, gate.contact), headers=KEPT)


_kept = lru_cache(maxsize=2)(document)
"""Made once for a listener: anybody may ask, and making it costs a thousand other answers."""


@unauthenticated("GET /reference", media="text/html")
def openapi_read(gate: AppContext) -> Response:
    """Read this description as a page."""
    return page("Interface", _kept_page(gate.partners_url, gate.issuer, gate.contact))


@lru_cache(maxsize=2)
def _kept_page(partners: str, issuer: str, contact: str | None) -> str:
    return reference(_kept(partners, issuer, contact))


ENDPOINTS = (openapi_describe, openapi_read)


def main(arguments: Sequence[str]) -> int:
    """Write or check the committed description; the exit code, 1 when the file differs."""
    file = Path(arguments[-1])
    if "--check" not in arguments:
        file.write_text(render(document()), encoding="utf-8")
        return 0
    if file.read_text(encoding="utf-8") == render(document()):
        return 0
    print(f"{file} is not what the code says; run `make openapi`", file=sys.stderr)
    return 1


if __name__ == "__main__":
    # Under its own name, for endpoints are named by their modules.

    raise SystemExit(main(sys.argv[1:]))
