"""What the partners' endpoints answer, as JSON Schema by name; a test holds answers against it.

That of results that are classes is derived from them (gateway/exchange/results.py).
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from enum import StrEnum
from types import NoneType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from gateway.evidence.receipt import Receipt
from gateway.exchange import results

Shape = dict[str, Any]

TEXT: Shape = {"type": "string"}
UUID: Shape = {"type": "string", "format": "uuid"}
MOMENT: Shape = {"type": "string", "format": "date-time"}
DAY: Shape = {"type": "string", "format": "date"}
NUMBER: Shape = {"type": "integer"}
FLAG: Shape = {"type": "boolean"}
SD_JWT: Shape = {"type": "string", "description": "A signed document (RFC 9901), compact."}
DIGEST: Shape = {"type": "string", "description": "SHA-256 in base64url."}


ANYTHING: Shape = {"type": ["string", "integer", "boolean", "array", "object", "null"]}


def several(shape: Shape) -> Shape:
    """An array of one shape."""
    return {"type": "array", "items": shape}


TEXTS = several(TEXT)


def one_of(name: str) -> Shape:
    """Another shape, by name."""
    return {"$ref": f"#/components/schemas/{name}"}


def or_null(shape: Shape) -> Shape:
    """A shape, or null."""
    if "$ref" in shape:
        return {"anyOf": [shape, {"type": "null"}]}
    return {**shape, "type": [shape["type"], "null"]}


def _object(**members: Shape) -> Shape:
    return {"type": "object", "required": list(members), "properties": members}


def _with(shape: Shape, optional: Mapping[str, Shape]) -> Shape:
    return {**shape, "properties": {**shape["properties"], **optional}}


def _page(of: str) -> Shape:
    return _object(items=several(one_of(of)), next=or_null(TEXT))


_GRANT = {
    "audit_access": UUID,
    "coverage": TEXT,
    "member": or_null(TEXT),
    "case": or_null(UUID),
    "person": or_null(TEXT),
    "from": DAY,
    "until": DAY,
}
_KEY = {
    "kid": TEXT,
    "jwk": {"type": "object", "description": "The public key (RFC 7517)."},
    "valid_from": MOMENT,
    "valid_until": or_null(MOMENT),
    "registration_event": UUID,
}

_PROPOSAL = {
    "proposal": UUID,
    "action": TEXT,
    "organisation": TEXT,
    "proposer": TEXT,
    "expires_at": MOMENT,
    "applied_event": or_null(UUID),
    "withdrawal_event": or_null(UUID),
}
_DAYS = {"from": DAY, "until": or_null(DAY)}

_PLAIN: Mapping[Any, Shape] = {
    str: TEXT, int: NUMBER, bool: FLAG, uuid.UUID: UUID, datetime: MOMENT, date: DAY,
    Receipt: one_of("Receipt"),
}  # fmt: skip


def shape_of(hint: Any) -> Shape:
    """The JSON that a value of a type becomes; of a class of results, a reference to its schema."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        inner, description = arguments
        shape = {**shape_of(inner), "description": description}
    elif hint in _PLAIN:
        shape = _PLAIN[hint]
    elif NoneType in arguments:
        shape = or_null(shape_of(arguments[0]))
    elif origin is Mapping:
        shape = {"type": "object", "additionalProperties": shape_of(arguments[1])}
    elif origin is Sequence:
        shape = several(shape_of(arguments[0]))
    elif isinstance(hint, type) and issubclass(hint, StrEnum):
        shape = {"type": "string", "enum": [str(one) for one in hint]}
    else:
        shape = one_of(hint.__name__)
    return shape


def _described(kind: type[Any]) -> Shape:
    """A class of results; what defaults to None may be left out, and is never null."""
    hints = get_type_hints(kind, include_extras=True)
    optional = {one.name for one in fields(kind) if one.default is None}
    members = {n: shape_of(get_args(h)[0] if n in optional else h) for n, h in hints.items()}
    required = [name for name in members if name not in optional]
    return {"type": "object", "required": required, "properties": members}


_RESULTS = [
    one
    for one in vars(results).values()
    if isinstance(one, type) and is_dataclass(one) and one is not Receipt
]

SHAPES: Mapping[str, Shape] = {
    **{one.__name__: _described(one) for one in _RESULTS},
    "Conditions": _object(
        tlp=TEXT,
        handling=TEXTS,
        onward=TEXT,
        permitted_actions=TEXT,
        purpose=TEXTS,
        erase_on=DAY,
    ),
    "Cases": _page("CaseSummary"),
    "Handoffs": _page("HandoffSummary"),
    "Succession": _object(
        succession=UUID,
        predecessor=TEXT,
        successor=TEXT,
        competence=TEXT,
        effective_on=DAY,
        read_until=DAY,
        legal_act=TEXT,
        permissions_carry_over=FLAG,
        mandate_event=UUID,
        approvals=several(_object(organisation=TEXT, event=UUID, document=or_null(SD_JWT))),
        waits_for=TEXTS,
        applied=or_null(UUID),
        cancelled=or_null(UUID),
    ),
    "Successions": _object(items=several(one_of("Succession"))),
    "Competence": _object(
        **{
            "competence": TEXT,
            "legal_act": TEXT,
            "from": DAY,
            "until": or_null(DAY),
            "registration_event": UUID,
        }
    ),
    "DocumentKey": _object(**_KEY),
    "EncryptionKey": _object(**_KEY, countersignature=or_null(SD_JWT)),
    "Organisation": _object(
        organisation=TEXT,
        name=TEXT,
        kind=TEXT,
        country=TEXT,
        public_authority=FLAG,
        active=FLAG,
        membership=or_null(TEXT),
        mandates=several(one_of("Competence")),
        signed_only=FLAG,
        document_keys=several(one_of("DocumentKey")),
        encryption_keys=several(one_of("EncryptionKey")),
    ),
    "Organisations": _page("Organisation"),
    "Status": _object(
        organisation=TEXT,
        attestation={
            "type": "string",
            "description": "A signed membership attestation (RFC 7515), compact.",
        },
        expires_at=MOMENT,
    ),
    "KeyRegistration": _object(
        organisation=TEXT,
        kid=TEXT,
        receipt=one_of("Receipt"),
        revocations=several(one_of("Receipt")),
    ),
    "AuditAccess": _object(**_GRANT),
    "Whoami": _object(
        organisation=one_of("Organisation"),
        status=TEXT,
        system=TEXT,
        scopes=TEXTS,
        certificates=several(_object(thumbprint=DIGEST, not_after=MOMENT, days_left=NUMBER)),
        audit_access=several(one_of("AuditAccess")),
        reference_date=DAY,
        reference_date_simulated=FLAG,
    ),
    "Changed": {**_object(event=UUID), "additionalProperties": ANYTHING},
    "Proposal": _object(**_PROPOSAL),
    "ProposalInFull": _object(
        **_PROPOSAL, values={"type": "object", "additionalProperties": ANYTHING}
    ),
    "Proposals": _page("Proposal"),
    "OpenInvitation": _object(invitation=UUID, organisation=TEXT, system=TEXT, expires_at=MOMENT),
    "OpenInvitations": _page("OpenInvitation"),
    "EntrySummary": _object(organisation=TEXT, name=TEXT, kind=TEXT, status=TEXT),
    "Entries": _page("EntrySummary"),
    "Entry": _object(
        organisation=TEXT,
        name=TEXT,
        kind=TEXT,
        country=TEXT,
        public_authority=FLAG,
        regimes=TEXTS,
        signed_only=FLAG,
        at=or_null(DAY),
        status=or_null(TEXT),
        history=several(_object(status=TEXT, since=DAY, event=UUID)),
        application=or_null({"type": "object", "additionalProperties": ANYTHING}),
        memberships=several(_object(membership=TEXT, decision_ref=TEXT, **_DAYS)),
        mandates=several(one_of("Competence")),
        interests=several(_object(interest=UUID, scope=TEXT, subject=TEXT, kind=TEXT, **_DAYS)),
        agreements=several(
            _object(agreement=UUID, kind=TEXT, description=TEXT, reference=TEXT, **_DAYS)
        ),
        audit_access=several(_object(**_GRANT, decision_ref=TEXT, ended_at=or_null(MOMENT))),
        keys=several(
            _object(
                use=TEXT,
                kid=TEXT,
                valid_from=MOMENT,
                valid_until=or_null(MOMENT),
                registration_event=UUID,
            )
        ),
        systems=several(
            _object(
                system=TEXT,
                enabled=FLAG,
                scopes=TEXTS,
                keys=NUMBER,
                certificates=several(
                    _object(thumbprint=DIGEST, not_after=MOMENT, revoked_at=or_null(MOMENT))
                ),
            )
        ),
    ),
    "Contacts": _object(
        organisation=TEXT, contacts=several(_object(role=TEXT, name=TEXT, address=TEXT))
    ),
    "Administrators": _object(items=several(_object(person=TEXT, name=TEXT, enabled=FLAG))),
    "ConformanceRun": _with(
        _object(
            run=UUID,
            test=FLAG,
            system=TEXT,
            state=TEXT,
            expires_at=MOMENT,
            steps=several(_object(step=TEXT, passed=FLAG)),
            issuer=TEXT,
            keys=_object(keys=several({"type": "object", "additionalProperties": TEXT})),
            log=TEXT,
            log_key=TEXT,
            offers=several(
                _object(
                    handoff=UUID,
                    matter=TEXTS,
                    urgency=TEXT,
                    conditions=one_of("Conditions"),
                    case_digest=DIGEST,
                )
            ),
            receipts=several(_object(name=TEXT, receipt=one_of("Receipt"))),
        ),
        {"presentation": SD_JWT},
    ),
    "Enrolled": _object(request=UUID, client_id=TEXT, certificate=TEXT),
}
"""Members may be added to any of them; none is taken away or changes its meaning."""
