"""A system's first certificate, by an invitation: over EST, or with its document key as JSON."""

from uuid import UUID

from flask import Request, Response, request
from marshmallow import fields, validate

from gateway.domain.refusals import InvalidInvitation, ValidationFailed
from gateway.kernel.transact import WriteResult
from gateway.kernel.values import CertificateRequest
from gateway.registry import enrolment
from gateway.registry.enrolment import FirstDocumentKey
from gateway.web.context import AppContext
from gateway.web.endpoint import unauthenticated
from gateway.web.enrolment import (
    CERTS_ONLY,
    PKCS10,
    authorities,
    certificate_of,
    checked,
    issued,
    later,
    read_pkcs10,
)
from gateway.web.inputs import read_json
from gateway.web.partners.schema_fields import StrictSchema
from gateway.web.responses import json_response

_TEXT = validate.Length(min=1, max=16 * 1024)


class EnrolmentRequest(StrictSchema):
    """A certificate request in PEM, and a document key with its proof where there is one."""

    csr = fields.String(required=True, validate=_TEXT)
    jwk = fields.Dict(keys=fields.String(validate=validate.Length(max=32)))
    proof = fields.String(validate=_TEXT)


@unauthenticated(
    "POST /.well-known/est/simpleenroll", media=CERTS_ONLY, takes=PKCS10, status_later=True
)
def simple(gate: AppContext) -> Response:
    """Enrol a system by its invitation (RFC 7030 4.2).

    HTTP Basic: the client id, or the organisation's id, and the invitation's token. Of the request
    only its key counts; subject and name come from the registry. 202 says that the certificate is
    not made yet: send the same again after Retry-After.
    """
    done = _use(gate, request, read_pkcs10(gate, request))
    return issued(gate, UUID(done.result["request"]))


@unauthenticated(
    "POST /enrolments", body=EnrolmentRequest(), gives="Enrolled", writes=True, status_later=True
)
def whole(gate: AppContext) -> Response:
    """Enrol a system by its invitation, with the first document key of its organisation.

    HTTP Basic, as for EST. Sent again with the same certificate key it gives the same certificate,
    as long as the invitation lasts; 202 says that it is not made yet.
    """
    body = EnrolmentRequest().load(read_json(request))
    if ("jwk" in body) is not ("proof" in body):
        raise ValidationFailed((("/proof", "a document key and its proof belong together"),))
    first = FirstDocumentKey(body["jwk"], body["proof"]) if "jwk" in body else None
    done = _use(gate, request, checked(gate, body["csr"].encode()), first)
    certificate = certificate_of(gate, UUID(done.result["request"]))
    if certificate is None:
        return later()
    return json_response(WriteResult({**done.result, "certificate": certificate}, done.receipt))


def _use(
    gate: AppContext,
    sent: Request,
    asked: CertificateRequest,
    first: FirstDocumentKey | None = None,
) -> WriteResult:
    """Use the invitation whose token stands in the header; its answers never tell who exists."""
    given = sent.authorization
    if given is None or given.type != "basic" or not given.username or not given.password:
        raise InvalidInvitation("no name and token in the Authorization header")
    return enrolment.redeem_invitation(gate.ports, given.username, given.password, asked, first)


ENDPOINTS = (authorities, simple, whole)
