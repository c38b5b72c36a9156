"""The problem document of every refusal, in one table by class (RFC 9457).

The pages at ``/problems/<slug>`` come from the same table. A class that is not in it is answered
with 500 and no detail.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from gateway.domain import refusals
from gateway.domain.refusals import Refusal
from gateway.kernel.authentication import NotAuthenticated
from gateway.web import inputs

MEDIA_TYPE = "application/problem+json"


class NoCredentials(Refusal):
    """The request carries no access token."""


class InvalidToken(Refusal):
    """The access token is not valid on this connection."""


class ClientCertificateRefused(Refusal):
    """The connection's certificate is not accepted."""


class TokenInQuery(Refusal):
    """The access token is in the query."""


class InsufficientScope(Refusal):
    """The token lacks the scope that the endpoint needs."""

    def __init__(self, scope: str) -> None:
        """``scope`` is the missing one."""
        super().__init__(
            f"this system, or its token, has no scope {scope}: use the system that has it, or ask "
            "the administrators for one"
        )
        self.scope = scope


class ProxyHeaderRefused(Refusal):
    """The request has a certificate in a header that is not trusted here."""


@dataclass(frozen=True)
class ProblemType:
    """How one kind of refusal is sent to the caller.

    ``meaning`` and ``remedy`` are the page's paragraphs. ``show_detail``: the refusal's own
    sentence is sent. ``retry_after`` is in seconds. ``challenge`` is the error code of
    ``WWW-Authenticate`` (RFC 6750 section 3.1), empty for a challenge without a code, None for no
    challenge; ``basic`` challenges for a name and token (RFC 7617). ``security_logged``: it is
    not an event, so the security log has it.
    """

    status: int
    slug: str
    title: str
    meaning: str
    remedy: str
    show_detail: bool = True
    retry_after: int | None = None
    challenge: str | None = None
    basic: bool = False
    security_logged: bool = False


_NOT_FOUND = ProblemType(
    404,
    "not-found",
    "Not found, or not visible to you",
    "Nothing with that name exists, or it is not visible to your organisation. Both get the same "
    "answer on purpose.",
    "Check the id and the address. If a partner gave you the id of a handoff, ask whether you are "
    "its recipient.",
    show_detail=False,
)
_MALFORMED = ProblemType(
    400,
    "malformed-request",
    "The request is malformed",
    "The HTTP request, the JSON or the query is malformed. JSON is UTF-8 without repeated keys, "
    "without fractions, and at most 12 levels deep; a query names each field once.",
    "Correct the request. Sending it again unchanged gives the same answer.",
    security_logged=True,
)
_TOO_LARGE = ProblemType(
    413,
    "content-too-large",
    "The body is too large",
    "A request body may have 256 kB unless the operator has set another limit.",
    "Send less in one request. A case holds metadata only; put further material into the next "
    "version or another case.",
    security_logged=True,
)
_METHOD = ProblemType(
    405,
    "method-not-allowed",
    "This method is not allowed here",
    "The address exists, but not with this HTTP method. The header Allow lists the allowed ones.",
    "Use one of the methods in Allow; /openapi.json on the public address describes them.",
    show_detail=False,
)
_REFUSED = ProblemType(
    400,
    "bad-request",
    "The request is not accepted",
    "The request breaks a rule of HTTP that has no page of its own; the status says which.",
    "Look up the status in RFC 9110, and correct the request.",
    show_detail=False,
    security_logged=True,
)
FAILED = ProblemType(
    500,
    "server-error",
    "Internal error",
    "An unexpected error occurred. Its cause is in the operator's log under the request id in "
    "`instance` and is never sent to callers.",
    "Repeat a write under the same Idempotency-Key: it is done once, however often you send it. "
    "If it fails again, give the operator the request id.",
    show_detail=False,
)
_TOKEN = ProblemType(
    401,
    "invalid-token",
    "The access token is not valid on this connection",
    "The token is unknown, has expired, is for another address, or is bound to another "
    "certificate than that of this connection; or its certificate, system or organisation is not "
    "active. Only the operator sees which of these applies.",
    "Request a new token on this connection. If that is refused too, check when your certificate "
    "expires, and ask the operator.",
    show_detail=False,
    challenge="invalid_token",
    security_logged=True,
)

_AGAIN = "Repeat the request under the same Idempotency-Key after the time in Retry-After."
_not_now = partial(ProblemType, 503, security_logged=True)
_too_many = partial(ProblemType, 429, retry_after=60, security_logged=True)

PROBLEMS: Mapping[type[Refusal], ProblemType] = {
    refusals.NotFound: _NOT_FOUND,
    refusals.Forbidden: ProblemType(
        403,
        "policy-denied",
        "A policy rule denies this request",
        "A policy rule denies the request. The member `rules` names the rules that may be shown "
        "to you, and `receipt` proves that the denial is in the log.",
        "Read the reasons in `detail`. They say what would have to be different; repeating the "
        "request changes nothing.",
    ),
    refusals.WrongState: ProblemType(
        409,
        "invalid-state",
        "This action is not possible in the current state",
        "The current state of the case or handoff does not allow the request: it is closed, "
        "withdrawn, not cleared yet, or has ended.",
        "Read the case or the handoff again to see its state.",
    ),
    refusals.OutOfService: ProblemType(
        409,
        "out-of-service",
        "This case or handoff is out of service",
        "What is stored of the case, or of the handoff, is not what its signed documents and the "
        "log say: somebody changed it past the gateway. Nobody acts on it but in a recall.",
        "Ask the gateway's operator, who was alarmed. In an imminent danger telephone the duty "
        "contact of the other party, and call one of `emergency_numbers`.",
    ),
    refusals.EditConflict: ProblemType(
        409,
        "edit-conflict",
        "The data changed after you read it",
        "Something changed between your reading and your writing, so the request might not mean "
        "what you intended.",
        "Read it again, decide again, and send the request under a new Idempotency-Key.",
    ),
    refusals.UnexpectedNumber: ProblemType(
        409,
        "unexpected-number",
        "Another event of this stream comes first",
        "A peer gateway brings the events of a stream in their order, and this is not the next "
        "one. Nothing was heard of it.",
        "Send the event with the number that `expected` names, and then those after it.",
    ),
    refusals.NotWitnessed: ProblemType(
        409,
        "not-witnessed",
        "The receipt ends in a checkpoint that was not cosigned here",
        "What a peer gateway brings ends in a checkpoint of its log that this gateway has "
        "cosigned, so that both know one history of it. Nothing was heard of the event.",
        "Send the checkpoint to POST /witness/add-checkpoint first, then the event again.",
    ),
    refusals.UnknownEvent: ProblemType(
        409,
        "unknown-event",
        "The event moves a handoff, and is not known here yet",
        "The gateway that brings it is of a later version than this one. Nothing was heard of it, "
        "and nothing is lost: it is followed once this gateway is upgraded.",
        "Ask the operator of this gateway to upgrade it, and bring the event again.",
    ),
    refusals.AlreadyExists: ProblemType(
        409,
        "already-exists",
        "An id or reference is taken",
        "The id of a case or handoff, or your own reference of a case, was used before.",
        "If you repeat a request whose answer was lost, use its first Idempotency-Key. Otherwise "
        "choose a new id.",
    ),
    refusals.IdempotencyKeyReused: ProblemType(
        409,
        "idempotency-key-reused",
        "The Idempotency-Key belongs to another request",
        "The key was used before with other content. A key always belongs to one request.",
        "Choose a new key for a new request; repeat an earlier request byte for byte.",
    ),
    refusals.InvalidDocument: ProblemType(
        422,
        "invalid-document",
        "The signed document is not accepted",
        "Its signature, its key or its form breaks a rule of signed documents.",
        "Sign with a key of your organisation that is registered and valid, for this gateway, in "
        "the form of the document's type. `detail` names the rule.",
        security_logged=True,
    ),
    refusals.ValidationFailed: ProblemType(
        422,
        "validation-failed",
        "Some fields are invalid",
        "The member `errors` lists every invalid field by JSON pointer (RFC 6901).",
        "Correct every field listed. A case is metadata: media, and anything that could carry it, "
        "is never accepted.",
        security_logged=True,
    ),
    refusals.NoCompetentOrganisation: ProblemType(
        409,
        "no-competent-organisation",
        "No organisation is competent",
        "On the reference date no organisation, or not the one that is named, holds the mandate "
        "for the function, matter and territory. A case is never sent on a guess.",
        "Check function, matter and territory, or offer the case to an organisation by its id.",
    ),
    refusals.SeveralCompetentOrganisations: ProblemType(
        409,
        "several-competent-organisations",
        "Several organisations are competent",
        "On the reference date several organisations hold the mandate. `detail` names them.",
        "Choose one of them, and name it beside the competence: "
        "`to` has both `competence` and `organisation`.",
    ),
    refusals.NotAddressable: ProblemType(
        409,
        "not-addressable",
        "This organisation cannot be offered this case now",
        "The organisation cannot be offered this case at present. Every cause gets this one "
        "answer: it has no enrolled system, it is suspended, or a rule keeps the case from it.",
        "Choose another recipient, or reach the organisation by another channel. In the directory "
        "`addressable` tells which organisations have an enrolled system. In an imminent danger, "
        "address one of `instead`, and call one of `emergency_numbers`.",
    ),
    refusals.AlreadyOffered: ProblemType(
        409,
        "already-offered",
        "This recipient has this version of the case already",
        "A handoff of this version to this recipient is open, or was closed. A second one would "
        "ask it to do the same work again.",
        "Read that handoff. To offer the version again all the same, give the reason in `again`.",
    ),
    refusals.NothingToOffer: ProblemType(
        403,
        "nothing-to-offer",
        "Policy withholds everything that was selected",
        "This recipient may receive none of the selected elements, except the fields that route a "
        "case.",
        "Select other elements, or another recipient. A preview shows what policy permits.",
    ),
    refusals.ConditionsMismatch: ProblemType(
        409,
        "conditions-mismatch",
        "The accepted conditions differ from the offered ones",
        "An acceptance repeats the conditions of use word for word, so that both parties hold the "
        "same conditions.",
        "Read the handoff again and repeat its `conditions` unchanged, or decline it.",
    ),
    refusals.UnconfirmedMatch: ProblemType(
        409,
        "unconfirmed-match",
        "A person must confirm an automated match first",
        "No person has confirmed a classification. An automated match is not a finding: no case "
        "is assessed with it.",
        "Have an analyst check it, and send the ids of the confirmed classifications in "
        "`confirms`.",
    ),
    refusals.SecondPersonRequired: ProblemType(
        403,
        "second-person-required",
        "A second person is required",
        "A different person must take this step than the previous one.",
        "Have a second person take it.",
    ),
    refusals.OpenHandoffs: ProblemType(
        409,
        "open-handoffs",
        "The case has open handoffs",
        "A recipient still works on the case, or has not answered.",
        "Wait for the recipients, or withdraw the handoffs; then close the case.",
    ),
    refusals.InvalidApproval: ProblemType(
        403,
        "invalid-approval",
        "An approval is missing or not accepted",
        "The change needs the signed approval of other persons, or of more persons.",
        "Collect new approvals for exactly this change.",
    ),
    refusals.InvalidInvitation: ProblemType(
        401,
        "invalid-invitation",
        "No invitation has this name and token",
        "A first certificate needs an invitation: HTTP Basic with the client id, or the "
        "organisation's id, and the token of the invitation file.",
        "Check that the file is for this gateway and complete. Otherwise ask the gateway's "
        "administrators for a new invitation.",
        show_detail=False,
        basic=True,
        security_logged=True,
    ),
    refusals.InvitationUnusable: ProblemType(
        403,
        "invitation-unusable",
        "The invitation is no longer valid",
        "An invitation is for one key, for 72 hours, and can be withdrawn. This refusal is an "
        "event, which your organisation and the administrators see.",
        "Ask the gateway's administrators for a new invitation. If someone else used it, inform "
        "them at once: the certificate that was issued must be revoked.",
    ),
    refusals.TooManyAttempts: _too_many(
        "too-many-attempts",
        "Too many certificates, or attempts to get one",
        "Failed enrolments are limited for each organisation and minute, renewals for each system "
        "and day.",
        "Stop, find out which program repeats the request, and use the certificate that you have.",
    ),
    refusals.TooManyDenials: _too_many(
        "too-many-denials",
        "Too many denied requests",
        "Your organisation caused so many denials in this minute that further ones are not "
        "recorded.",
        "Stop for a minute, find out which system repeats a denied request, and correct it.",
    ),
    refusals.TooManyPreviews: _too_many(
        "too-many-previews",
        "Too many previews",
        "Your organisation requested more previews in this minute than a person can read.",
        "Stop for a minute. A program should make the offer and read what was withheld.",
    ),
    refusals.Busy: _not_now(
        "busy",
        "Too many requests are waiting",
        "More writes wait for the log than this gateway allows. Nothing was done.",
        _AGAIN,
        retry_after=1,
    ),
    refusals.DatabaseUnavailable: _not_now(
        "database-unavailable",
        "The gateway cannot reach its database",
        "The database does not answer: it is restarting, or its disk or server is unavailable. "
        "Nothing was done, or a repeated request returns the result.",
        _AGAIN,
        retry_after=5,
    ),
    refusals.DiskFull: _not_now(
        "disk-full",
        "A disk of the gateway is full",
        "The database cannot grow, so nothing is written. Nothing was done.",
        f"{_AGAIN} Tell the operator: somebody has to make room.",
        retry_after=30,
    ),
    refusals.AuditLogUnavailable: _not_now(
        "audit-log-unavailable",
        "The answer could not be recorded",
        "A refusal must be in the log before it is sent, and the log could not be written. "
        "Nothing was done.",
        _AGAIN,
        retry_after=5,
    ),
    refusals.ClockBehind: _not_now(
        "clock-behind",
        "The gateway's clock is behind its log",
        "The newest event is more than a second later than the clock of the host that was to "
        "record this request. Time never runs backwards in the log, so nothing was done.",
        f"{_AGAIN} The operator sets the clock right by NTP.",
        retry_after=30,
    ),
    refusals.ClockAhead: _not_now(
        "clock-ahead",
        "The gateway's clock was moved ahead",
        "The clock of the host that was to record this request is more than two minutes ahead of "
        "where it was at the gateway's start plus the time since. Only what is about an imminent "
        "danger is recorded, by the time without the leap. Nothing was done.",
        f"{_AGAIN} The operator sets the clock right by NTP, or starts the gateway again.",
        retry_after=30,
    ),
    refusals.LogFrozen: _not_now(
        "log-frozen",
        "The log is frozen",
        "The gateway's database does not continue the log that the gateway has signed: it is an "
        "older copy, or was changed from outside. To continue would create a second history, so "
        "the gateway writes and signs nothing and issues no access tokens. An earlier token can "
        "still read what needs no receipt, and the newest signed checkpoint is still published.",
        "Keep your receipts, and this request with its Idempotency-Key. Send it again unchanged "
        "when the operator announces that the log continues. If the log cannot continue, the "
        "operator announces its new name.",
        retry_after=300,
    ),
    refusals.HighWaterMarkUnavailable: _not_now(
        "high-water-mark-unavailable",
        "The gateway cannot check its log now",
        "Before it signs a receipt, the gateway records how far its log goes, outside its "
        "database. That place does not answer.",
        f"{_AGAIN} It is done once, whether it was already done or not.",
        retry_after=5,
    ),
    refusals.CaseErased: ProblemType(
        410,
        "case-erased",
        "The case was erased",
        "The key of this case was destroyed on the day of its erasure, or earlier by two "
        "administrators. Nobody can read its content or the statements about it. Receipts and the "
        "log still verify.",
        "Erase your own copies unless the law allows you to keep them.",
    ),
    refusals.CaseKeysUnavailable: _not_now(
        "case-keys-unavailable",
        "Case keys are temporarily unavailable",
        "Content is encrypted under a key for each case, and the gateway cannot reach these keys "
        "now. Nothing was read or written; nothing is ever stored without a key.",
        f"{_AGAIN} If the problem persists, give the operator the request id.",
        retry_after=30,
    ),
    NotAuthenticated: _TOKEN,
    InvalidToken: _TOKEN,
    ClientCertificateRefused: _TOKEN,
    NoCredentials: ProblemType(
        401,
        "token-required",
        "An access token is required",
        "This address answers only to registered systems, and the request has no access token in "
        "its Authorization header.",
        "Request a token at the token endpoint that the header WWW-Authenticate names.",
        challenge="",
        security_logged=True,
    ),
    TokenInQuery: ProblemType(
        400,
        "token-in-query",
        "The access token is in the wrong place",
        "Tokens in URLs leak into logs and browser histories. The gateway accepts a token only in "
        "the Authorization header.",
        "Remove it from the query, and request a new one: this one may have been seen.",
        challenge="invalid_request",
        security_logged=True,
    ),
    InsufficientScope: ProblemType(
        403,
        "insufficient-scope",
        "The access token lacks a scope",
        "The token is valid, but its scopes, or those for which the system is registered now, do "
        "not include the one that this address needs.",
        "Request a token with the scope named in WWW-Authenticate. If that is refused, the system "
        "is not registered for it; ask the operator.",
        challenge="insufficient_scope",
        security_logged=True,
    ),
    ProxyHeaderRefused: ProblemType(
        400,
        "client-cert-refused",
        "A Client-Cert header is not accepted here",
        "The request has a client certificate in a header. Only the gateway's own proxy may set "
        "it.",
        "Present the certificate in TLS, and send no Client-Cert header.",
        show_detail=False,
        security_logged=True,
    ),
    inputs.IdempotencyKeyRequired: ProblemType(
        400,
        "idempotency-key-required",
        "A write needs an Idempotency-Key",
        "The header Idempotency-Key makes it safe to repeat a write whose answer was lost: the "
        "same key gives the same result and the same receipt.",
        "Choose a new random key for each new request, keep it with the request, and repeat both "
        "together.",
        security_logged=True,
    ),
    inputs.MalformedRequest: _MALFORMED,
    inputs.UnsupportedMediaType: ProblemType(
        415,
        "unsupported-media-type",
        "This media type is not accepted here",
        "This address accepts one media type, and the header Content-Type names another or none.",
        "Send the body in the media type that `detail` names.",
        security_logged=True,
    ),
}
"""The problem of every refusal that a caller can meet."""

HTTP_PROBLEMS: Mapping[int, ProblemType] = {
    400: _MALFORMED,
    404: _NOT_FOUND,
    405: _METHOD,
    413: _TOO_LARGE,
}
"""Problems of what the framework refuses, by status; others are request-refused."""


def all_problems() -> dict[str, ProblemType]:
    """Every problem by its slug."""
    problems = (*PROBLEMS.values(), *HTTP_PROBLEMS.values(), _REFUSED, FAILED)
    return {problem.slug: problem for problem in problems}


def problem_of(refusal: Refusal) -> ProblemType:
    """The row of a refusal's class, or of the nearest class above it; server-error without one."""
    rows = (PROBLEMS[cls] for cls in type(refusal).__mro__ if cls in PROBLEMS)
    return next(rows, FAILED)


def document(
    issuer: str, problem: ProblemType, request_id: str, status: int | None = None
) -> dict[str, Any]:
    """The one shape of every error body."""
    return {
        "type": f"{issuer}/problems/{problem.slug}",
        "title": problem.title,
        "status": status or problem.status,
        "instance": f"urn:uuid:{request_id}",
    }


LISTENER_STATUSES = (400, 414, 431)
"""What a listener refuses of a request for any address, before an app sees it."""


def of_status(status: int) -> ProblemType:
    """The problem of what server or framework refuse, by status."""
    return FAILED if status == 500 else HTTP_PROBLEMS.get(status, _REFUSED)
