"""Every refusal's status, name and words: one table from its class (RFC 9457).

The pages at ``/problems/<slug>`` are made from the same table. What is not in it is answered
with 500 and no detail.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.actions.authentication import NotAuthenticated
from gateway.domain import refusals
from gateway.domain.refusals import Refusal
from gateway.web import inputs

MEDIA_TYPE = "application/problem+json"


class NoCredentials(Refusal):
    """The request carries no access token."""


class TokenRefused(Refusal):
    """The access token is not one that holds on this connection now."""


class PeerRefused(Refusal):
    """The connection's certificate is not accepted."""


class TwoTokens(Refusal):
    """The token stands where none may stand: in the query."""


class InsufficientScope(Refusal):
    """The token does not carry the scope that the endpoint asks for."""

    def __init__(self, scope: str) -> None:
        """``scope`` is the one that is missing."""
        super().__init__(f"ask for a token with the scope {scope}")
        self.scope = scope


class ProxyHeaderRefused(Refusal):
    """The request claims a certificate in a header that is not believed here."""


@dataclass(frozen=True)
class Problem:
    """How one kind of refusal is told.

    ``meaning`` and ``remedy`` are the page's paragraphs. ``tells`` is whether the refusal's own
    sentence is shown. ``retry_after`` is in seconds. ``challenge`` is the error code of
    ``WWW-Authenticate`` (RFC 6750 section 3.1), empty for a challenge without a code, None for no
    challenge; ``basic`` challenges for a name and token (RFC 7617). ``noted`` are those that are no
    events, and so stand in the security log.
    """

    status: int
    slug: str
    title: str
    meaning: str
    remedy: str
    tells: bool = True
    retry_after: int | None = None
    challenge: str | None = None
    basic: bool = False
    noted: bool = False


_NOT_FOUND = Problem(
    404,
    "not-found",
    "There is no such thing for you",
    "Nothing of that name exists, or you may not know whether it does. Both are told in the same "
    "words on purpose.",
    "Check the id and the address. If a partner gave you the id, ask them whether you are the "
    "addressee.",
    tells=False,
)
_MALFORMED = Problem(
    400,
    "malformed-request",
    "The request cannot be read",
    "The request is not HTTP, JSON or a query as this gateway reads them. JSON is UTF-8 without "
    "repeated keys, without fractions, and at most 12 levels deep; a query names each field once.",
    "Correct the request; sending it again unchanged gives the same answer.",
    noted=True,
)
_TOO_LARGE = Problem(
    413,
    "too-large",
    "The body is too large",
    "A request body may have 256 kB unless the operator has set another limit.",
    "Send less in one request: a case holds metadata only, and further material goes into a next "
    "version or another case.",
    noted=True,
)
_METHOD = Problem(
    405,
    "method-not-allowed",
    "The address does not know this method",
    "The address exists, but not with this HTTP method. The header Allow lists those that it has.",
    "Use one of the methods in Allow; /openapi.json on the public address describes each of them.",
    tells=False,
)
_REFUSED = Problem(
    400,
    "request-refused",
    "The request is not accepted",
    "The request breaks a rule of HTTP that has no page of its own; the status says which.",
    "Look up the status in RFC 9110, and correct the request.",
    tells=False,
    noted=True,
)
FAILED = Problem(
    500,
    "server-error",
    "Something failed on our side",
    "The gateway met something that it did not expect. The cause is in the operator's log under "
    "the request id in `instance`; it is never sent out.",
    "Repeat a write under the same Idempotency-Key: it is done once, however often it is sent. If "
    "it fails again, tell the operator the request id.",
    tells=False,
)
_TOKEN = Problem(
    401,
    "token-refused",
    "The access token does not hold here",
    "The token is unknown, has ended, is for another address, or is bound to another certificate "
    "than that of this connection; or the certificate, the system or the organisation behind it "
    "is not active at present. Which of these it is, is told to the operator alone.",
    "Ask for a new token over this same connection. If that is refused too, check the end of your "
    "certificate, and ask the operator.",
    tells=False,
    challenge="invalid_token",
    noted=True,
)

PROBLEMS: Mapping[type[Refusal], Problem] = {
    refusals.NotFound: _NOT_FOUND,
    refusals.Forbidden: Problem(
        403,
        "forbidden",
        "The policy refuses this",
        "A rule of the exchange forbids the request. The member `rules` names the rules where they "
        "may be named to you, and `receipt` proves that the refusal is in the log.",
        "Read the reasons in `detail`. They state what would have to be different; repeating the "
        "request changes nothing.",
    ),
    refusals.WrongState: Problem(
        409,
        "wrong-state",
        "The move does not exist from the present state",
        "A case or handoff is in a state from which the request leads nowhere: it is closed, "
        "withdrawn, not cleared yet, or past its end.",
        "Read the case or the handoff again to see its state.",
    ),
    refusals.Stale: Problem(
        409,
        "stale",
        "What the request was built on has changed",
        "Between your reading and your writing something changed, so that the request may no "
        "longer mean what you meant.",
        "Read again, decide again, and send the request under a new Idempotency-Key.",
    ),
    refusals.AlreadyExists: Problem(
        409,
        "already-exists",
        "An id or reference is taken",
        "The id of a case or handoff, or your own reference of a case, was used before.",
        "If you repeat a request whose answer was lost, use its first Idempotency-Key. Otherwise "
        "choose a new id.",
    ),
    refusals.KeyReused: Problem(
        409,
        "idempotency-key-reused",
        "The Idempotency-Key belongs to another request",
        "The key was used before with other content. A key stands for one request for ever.",
        "Choose a new key for a new request; repeat an old request byte for byte.",
    ),
    refusals.DocumentRefused: Problem(
        422,
        "document-refused",
        "The signed document is not accepted",
        "Its signature, its key or its form breaks a rule of signed documents.",
        "Sign with a key of your organisation that is registered and valid, for this gateway, in "
        "the form of the document's type. `detail` names the rule.",
        noted=True,
    ),
    refusals.Invalid: Problem(
        422,
        "invalid-content",
        "The content breaks rules of its fields",
        "The member `errors` lists every place that must be mended, by JSON pointer (RFC 6901).",
        "Mend all of them. A case is metadata: media, and what could carry it, is never accepted.",
        noted=True,
    ),
    refusals.NoCompetence: Problem(
        409,
        "no-competence",
        "No office is competent",
        "On the legal date no office of this gateway is registered to receive the matter in the "
        "territory. A case is never sent on a guess.",
        "Check matter and territory, or offer the case to an organisation by its id.",
    ),
    refusals.SeveralCompetences: Problem(
        409,
        "several-competences",
        "Several offices are competent",
        "On the legal date more than one office is registered to receive the matter in the "
        "territory, so that the registry must be mended first.",
        "Tell the administrators; meanwhile offer the case to an organisation by its id.",
    ),
    refusals.NothingToOffer: Problem(
        403,
        "nothing-to-offer",
        "The policy leaves nothing to offer",
        "Of the parts that were selected this recipient may receive none, except the fields by "
        "which a case finds its way.",
        "Select other parts, or another recipient; a preview shows what policy permits.",
    ),
    refusals.ConditionsDiffer: Problem(
        409,
        "conditions-differ",
        "The conditions accepted are not those offered",
        "An acceptance repeats the conditions of use word for word, so that both sides hold the "
        "same statement.",
        "Read the handoff again and repeat its `conditions` unchanged, or refuse it.",
    ),
    refusals.Unconfirmed: Problem(
        409,
        "unconfirmed-match",
        "A person has to confirm a match first",
        "A classification rests on a machine alone. A match is not a finding: no case moves on "
        "with it.",
        "Have an analyst look, and send the ids of what they stand for in `confirms`.",
    ),
    refusals.SamePerson: Problem(
        403,
        "same-person",
        "Another person is needed",
        "The step must be taken by another person than the step before it.",
        "Have a second person take it.",
    ),
    refusals.OpenHandoffs: Problem(
        409,
        "open-handoffs",
        "The case has open handoffs",
        "A recipient still works on the case, or has not answered.",
        "Wait for the recipients, or withdraw the handoffs; then close the case.",
    ),
    refusals.ApprovalRefused: Problem(
        403,
        "approval-refused",
        "An approval is missing or not accepted",
        "The change needs the signed approval of other or of more persons.",
        "Collect the approvals anew, for exactly this change.",
    ),
    refusals.NotInvited: Problem(
        401,
        "not-invited",
        "No invitation has this name and token",
        "A first certificate is given for an invitation alone: HTTP Basic with the client id, or "
        "the organisation's id, and the token of the invitation file.",
        "Check that the file is for this gateway and was copied whole; else ask the gateway's "
        "administrators for a new invitation.",
        tells=False,
        basic=True,
        noted=True,
    ),
    refusals.InvitationRefused: Problem(
        403,
        "invitation-refused",
        "The invitation does not hold any more",
        "An invitation is for one key, for 72 hours, and can be withdrawn. That it was refused is "
        "an event, which your organisation and the administrators see.",
        "Ask the gateway's administrators for a new invitation. If it was used and not by you, "
        "tell them at once: the certificate that came of it must be revoked.",
    ),
    refusals.TooManyAttempts: Problem(
        429,
        "too-many-attempts",
        "Too many certificates, or attempts to get one",
        "Enrolments that fail are counted for each organisation and minute, renewals for each "
        "system and day.",
        "Stop, find out which program repeats the request, and use the certificate that you have.",
        retry_after=60,
        noted=True,
    ),
    refusals.TooManyDenials: Problem(
        429,
        "too-many-denials",
        "Too many refused requests",
        "Your organisation caused so many refusals in this minute that further ones are not "
        "recorded any more.",
        "Stop for a minute, find out which system repeats a refused request, and mend it.",
        retry_after=60,
        noted=True,
    ),
    refusals.TooManyPreviews: Problem(
        429,
        "too-many-previews",
        "Too many previews",
        "Your organisation asked for more previews in this minute than a person looks at.",
        "Stop for a minute; a program makes the offer itself, and reads what it withheld.",
        retry_after=60,
        noted=True,
    ),
    refusals.Busy: Problem(
        503,
        "busy",
        "Too many requests wait",
        "More writes wait for the log than this gateway lets wait. Nothing was done.",
        "Repeat the request under the same Idempotency-Key after the time in Retry-After.",
        retry_after=1,
        noted=True,
    ),
    refusals.DatabaseUnreachable: Problem(
        503,
        "database-unreachable",
        "The gateway cannot reach its database",
        "The database does not answer at present: it restarts, or its disk or its server is away. "
        "Nothing was done, or it is told when you ask again.",
        "Repeat the request under the same Idempotency-Key after the time in Retry-After.",
        retry_after=5,
        noted=True,
    ),
    refusals.Unrecorded: Problem(
        503,
        "unrecorded",
        "The answer could not be recorded",
        "A refusal must stand in the log before it is told, and the log could not be written. "
        "Nothing was done.",
        "Repeat the request under the same Idempotency-Key after the time in Retry-After.",
        retry_after=5,
        noted=True,
    ),
    refusals.Frozen: Problem(
        503,
        "frozen",
        "The log is frozen",
        "The gateway's database does not continue the log that the gateway has signed: it is an "
        "older copy, or was changed from outside. To go on would make a second history, so nothing "
        "is written and nothing is signed, and no access tokens are given. What needs no receipt "
        "can be read with a token of before, and the newest checkpoint that was signed is still "
        "served.",
        "Keep your receipts, and this request with its Idempotency-Key: send it again unchanged "
        "when the operator says that the log goes on. If the log cannot go on, the operator tells "
        "you its new name.",
        retry_after=300,
        noted=True,
    ),
    refusals.MarkUnreachable: Problem(
        503,
        "mark-unreachable",
        "The gateway cannot check its log now",
        "Before a receipt is signed the gateway records how far its log goes, in a place apart "
        "from its database, and this place does not answer.",
        "Repeat the request under the same Idempotency-Key after the time in Retry-After: it is "
        "done once, whether it was done already or not.",
        retry_after=5,
        noted=True,
    ),
    refusals.Erased: Problem(
        410,
        "erased",
        "The case was erased",
        "The key of this case was destroyed on the day of its erasure, or before it on the word of "
        "two administrators. Nobody can read its content any more, nor the statements about it. "
        "Receipts and the log stay, and go on verifying.",
        "Remove your own copies, unless a law of your own lets you keep them.",
    ),
    refusals.KeysUnavailable: Problem(
        503,
        "keys-unavailable",
        "The keys of cases are not at hand",
        "Content is encrypted by a key for each case, and the gateway cannot get at the keys now. "
        "Nothing was read or written; nothing is ever stored without a key.",
        "Repeat the request under the same Idempotency-Key after the time in Retry-After. If it "
        "goes on, tell the operator the request id.",
        retry_after=30,
        noted=True,
    ),
    NotAuthenticated: _TOKEN,
    TokenRefused: _TOKEN,
    PeerRefused: _TOKEN,
    NoCredentials: Problem(
        401,
        "credentials-required",
        "An access token is required",
        "The address answers only to registered systems, and the request carries no access token "
        "in its Authorization header.",
        "Ask for a token at the token endpoint, which the header WWW-Authenticate leads to.",
        challenge="",
        noted=True,
    ),
    TwoTokens: Problem(
        400,
        "token-misplaced",
        "The access token stands in the wrong place",
        "A token in an address ends in logs and histories. It is accepted in the Authorization "
        "header alone.",
        "Remove it from the query, and ask for a new one: this one may have been seen.",
        challenge="invalid_request",
        noted=True,
    ),
    InsufficientScope: Problem(
        403,
        "insufficient-scope",
        "The access token lacks a scope",
        "The token is good, but not for this: its scopes, or those that the system is registered "
        "for now, do not include the one that the address asks for.",
        "Ask for a token with the scope named in WWW-Authenticate. If that is refused, the system "
        "is not registered for it; ask the operator.",
        challenge="insufficient_scope",
        noted=True,
    ),
    ProxyHeaderRefused: Problem(
        400,
        "client-cert-refused",
        "A Client-Cert header is not accepted here",
        "The request carries a client certificate in a header. Only the gateway's own proxy may "
        "set it.",
        "Present the certificate in TLS, and send no Client-Cert header.",
        tells=False,
        noted=True,
    ),
    inputs.KeyRequired: Problem(
        400,
        "idempotency-key-required",
        "A write needs an Idempotency-Key",
        "The header Idempotency-Key makes it safe to repeat a write whose answer was lost: the "
        "same key gives the same result and the same receipt.",
        "Choose a new random key for each new request, keep it with the request, and repeat both "
        "together.",
        noted=True,
    ),
    inputs.Malformed: _MALFORMED,
    inputs.WrongMedia: Problem(
        415,
        "unsupported-media-type",
        "The body is of a type that is not taken here",
        "This address takes one type of body, and the header Content-Type names another or none.",
        "Send the body in the type that is named in `detail`.",
        noted=True,
    ),
}
"""Every refusal that a caller can meet, and how it is told."""

HTTP_PROBLEMS: Mapping[int, Problem] = {
    400: _MALFORMED,
    404: _NOT_FOUND,
    405: _METHOD,
    413: _TOO_LARGE,
}
"""What the framework refuses by itself, by status; any other is told as request-refused."""


def all_problems() -> dict[str, Problem]:
    """Every problem that can be told, by slug."""
    told = (*PROBLEMS.values(), *HTTP_PROBLEMS.values(), _REFUSED, FAILED)
    return {problem.slug: problem for problem in told}


def problem_of(refusal: Refusal) -> Problem:
    """The row of a refusal's class, or of the nearest class above it; server-error without one."""
    rows = (PROBLEMS[cls] for cls in type(refusal).__mro__ if cls in PROBLEMS)
    return next(rows, FAILED)


def document(
    issuer: str, problem: Problem, request_id: str, status: int | None = None
) -> dict[str, Any]:
    """The one shape of every error body."""
    return {
        "type": f"{issuer}/problems/{problem.slug}",
        "title": problem.title,
        "status": status or problem.status,
        "instance": f"urn:uuid:{request_id}",
    }


def of_status(status: int) -> Problem:
    """The problem of what server or framework refuse by themselves."""
    return FAILED if status == 500 else HTTP_PROBLEMS.get(status, _REFUSED)
