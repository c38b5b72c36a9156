"""Documents that partners sign themselves, opened before the transaction and judged inside it.

What can be told from the bytes alone is checked first, against every key that the caller's
organisation ever registered. Whether the key still counts is asked inside the transaction, after
the idempotency key: a write that was done gets its first result, whatever became of the key.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from gateway.domain import case as cases
from gateway.domain.case import EMBARGO_TERMS
from gateway.domain.organisation import GatewayNames
from gateway.domain.refusals import EditConflict, Forbidden, InvalidDocument
from gateway.evidence import canonical, declarations, handoff_documents, sd_jwt
from gateway.evidence.declarations import PLANNED, SUCCESSION_TYP
from gateway.evidence.sd_jwt import DocumentError, SdJwt, VerifiedSdJwt
from gateway.evidence.signature import read_document_key
from gateway.kernel.ports import Ports
from gateway.kernel.request import ActionRequest, RequestContext
from gateway.kernel.transact import read
from gateway.kernel.values import Caller, PersonCredentials

_TERMS = frozenset(EMBARGO_TERMS)
_LONGEST_WAIT = timedelta(days=1)
"""How long a document may lie in an outbox, or wait for a person, before it is taken."""

_BESIDE_OFFERED = frozenset({"by", "note", "again", "country_reason"})
"""What is disclosed in a signed offer, or update."""


@dataclass(frozen=True)
class VerifiedRequest:
    """A document with a valid signature of its own organisation: key, id and what it says.

    ``jti`` is the idempotency key. ``verified`` has the claims and every disclosure in its place.
    """

    document: SdJwt
    verified: VerifiedSdJwt
    kid: str
    jti: str
    peer: str | None = None
    """The peer gateway that it is for, whose ids it has; None for this gateway."""


@dataclass(frozen=True)
class SignedRequestType:
    """One type of document that partners sign, and how it reads as the body of a request.

    ``clear`` are its claims in clear beside its heading. ``check`` raises what else is refused,
    and ``elsewhere`` names members that the request has by its address or its handoff.
    """

    typ: str
    clear: tuple[str, ...]
    check: Callable[[VerifiedRequest], None] = lambda _: None
    elsewhere: tuple[str, ...] = ()

    def body(self, opened: VerifiedRequest) -> dict[str, Any]:
        """The body that a document stands for; InvalidDocument where it is not of the type."""
        if not opened.verified.claims.keys() <= handoff_documents.HEADING | {*self.clear}:
            raise InvalidDocument("a claim stands in clear that the document's type does not have")
        try:
            self.check(opened)
            asked = handoff_documents.request_in(opened.verified)
        except (handoff_documents.StatementError, DocumentError) as error:
            raise InvalidDocument(f"the signed document is not accepted: {error}") from None
        if opened.peer is not None and "to" in asked:
            asked["to"]["organisation"] += f"@{opened.peer}"
        return {name: value for name, value in asked.items() if name not in self.elsewhere}


def open_signed(
    ports: Ports, caller: Caller, text: str, *, typ: str, action: str, key: str
) -> VerifiedRequest:
    """Verify a document of the caller's organisation; ``key`` is the idempotency key sent with it.

    Raises InvalidDocument: no registered key, an invalid signature, another type or issuer, an
    audience that is no gateway known here (`check_signed` asks which), an attestation for another
    organisation (``attested_for``), a form that is not allowed.
    """
    names, registered = read(
        ports,
        caller,
        ActionRequest(action),
        lambda context: (context.names, context.organisation.document_keys),
    )
    try:
        keys = dict(read_document_key(canonical.decode(one.jwk.encode())) for one in registered)
        verified = sd_jwt.verify(text, typ=typ, keys=keys, issuer=names.uri(caller.organisation))
        document = sd_jwt.parse(text)
        _check_form(document, verified)
        audience = verified.claims.get("aud")
        opened = VerifiedRequest(
            document,
            verified,
            str(verified.header["kid"]),
            str(handoff_documents.read_id(verified.claims)),
            next((peer for peer, issuer in names.peers.items() if issuer == audience), None),
        )
        _check_claims(ports, verified, names)
    except DocumentError as error:
        raise InvalidDocument(f"the signed document is not accepted: {error}") from None
    if key not in ("", opened.jti):
        raise InvalidDocument("an Idempotency-Key beside a signed document repeats its jti")
    return opened


def _check_form(document: SdJwt, verified: VerifiedSdJwt) -> None:
    """Its author shows all of it: no more decoys than the padding needs, and salts that differ,
    so that no value that is withheld later can be found by guessing.
    """
    if len({one.salt for one in document.disclosures}) < len(document.disclosures):
        raise DocumentError("each disclosure has a salt of its own, drawn at random")
    shown = Counter(one.name if one.in_array else "_sd" for one in verified.placed)
    lists = sd_jwt.digest_lists(sd_jwt.payload_of(document))
    if "_sd" not in lists:
        raise DocumentError("properties are disclosures, padded with decoys")
    for name, digests in lists.items():
        if len(digests) != sd_jwt.padded_size(shown[name]):
            raise DocumentError("digests are padded with decoys to 4, 8, 16, 32..., no further")
    try:
        canonical.encode(sd_jwt.merge_disclosures(verified))
    except ValueError:
        raise DocumentError("a value has no single spelling (a number with a fraction?)") from None


def _check_claims(ports: Ports, verified: VerifiedSdJwt, names: GatewayNames) -> None:
    claims = verified.claims
    if "attested_for" in claims:
        raise DocumentError("only the gateway attests; sign with 'iss' alone")
    if claims.get("aud") not in names.gateways:
        raise DocumentError("the document is for one gateway that is known here, and nobody else")
    if handoff_documents.read_time(claims) > ports.now() + declarations.MAX_SKEW:
        raise DocumentError("the document is from the future: set your clock")


def attesting(
    ports: Ports, organisation: str, audience: str | None = None
) -> handoff_documents.Heading:
    """The heading of a document that the gateway signs for a member of its own; ``audience`` is
    the gateway that decides, by default this one. ValueError for a remote member."""
    return handoff_documents.Heading(
        issuer=ports.issuer,
        audience=audience or ports.issuer,
        at=ports.now(),
        jti=ports.new_id(),
        signer=ports.attester,
        random=ports.random,
        attested_for=GatewayNames(ports.issuer).uri(organisation),
    )


DRAFT = ""
"""In place of the draft of a document: one is to be made, and nothing is signed."""


def heading_of(
    context: RequestContext, draft: str | None, audience: str | None = None
) -> handoff_documents.Heading:
    """The heading of a document that the gateway signs for the caller (see `attesting`); of a
    `DRAFT` unsigned: what somebody reads before they sign with a passkey."""
    heading = attesting(context.ports, context.caller.organisation, audience)
    if draft is None:
        return heading
    return replace(heading, signer=sd_jwt.Unsigned(heading.signer.kid, heading.signer.alg))


def complete(context: RequestContext, draft: str, binds: Mapping[str, Any]) -> SdJwt:
    """Sign exactly the document that a person was shown as a ``draft``, while it ``binds`` what
    stands now; a day later it is shown again, for it has that day's date. Raises EditConflict."""
    drafted, signer = sd_jwt.read_unverified(draft), context.ports.attester
    if handoff_documents.read_time(drafted.claims) + _LONGEST_WAIT < context.now:
        raise EditConflict(
            "it was prepared more than a day ago, and its document has that date: prepare it "
            "again, and let each person who is named sign it"
        )
    newest = all(drafted.claims.get(name) == value for name, value in binds.items())
    if not newest or drafted.header["kid"] != signer.kid:
        raise EditConflict("it changed since you were shown it: read it again, then sign")
    return sd_jwt.complete(sd_jwt.parse(draft), signer)


def require_not_older(opened: VerifiedRequest | None, about: datetime) -> None:
    """Require that what an organisation signs is not dated before what it is about.

    Nobody could verify both. Raises InvalidDocument; a repeat has got the first result before that.
    """
    if (
        opened
        and handoff_documents.read_time(opened.verified.claims) + declarations.MAX_SKEW < about
    ):
        raise InvalidDocument("is dated before what it is about: set your clock, and sign it again")


def check_signed(
    context: RequestContext, opened: VerifiedRequest | None, recipient: str | None = None
) -> None:
    """Ask the registry of this very moment: does the key count, may it be unsigned?

    It is for the gateway that decides: the home of the handoff's ``recipient``; without one, of its
    author.

    The document is dated within a day, and not before its key was registered: else its author could
    give it any age. A repeat has got the first result before that, however old it is. Raises
    InvalidDocument and Forbidden (a denial, where a requirement to sign stands).
    """
    if context.caller.through is not None:
        return  # who brings it has asked the registry: gateway/exchange/relay/documents.py
    if opened is None:
        if context.organisation.signed_only:
            raise Forbidden(
                "a requirement to sign stands for your organisation: sign this document, and send "
                "it as application/sd-jwt",
                ("R2.signed_only",),
            )
        return
    home = context.names.home(recipient or context.caller.organisation)
    if opened.verified.claims.get("aud") != home:
        raise InvalidDocument(f"the document is for another gateway than {home}, which decides")
    key = context.organisation.document_key(opened.kid)
    if key is None or not key.holds(context.now):
        raise InvalidDocument("the document's key was revoked: sign with a valid one")
    dated = handoff_documents.read_time(opened.verified.claims)
    if dated + declarations.MAX_SKEW < key.valid_from:
        raise InvalidDocument(
            "is dated before its key was registered: set your clock, and sign it again"
        )
    if dated + _LONGEST_WAIT + declarations.MAX_SKEW < context.now:
        raise InvalidDocument(
            "is dated more than a day ago, and was never taken: nothing was done by it. Set your "
            "clock, and sign it again with a new jti"
        )


CONFIRMED = "confirmed"
"""The assurance of what the gateway attested, and a person of its author signed with a passkey."""


def digest_of(opened: VerifiedRequest | None) -> str | None:
    """Name a signed request's document by its digest."""
    return None if opened is None else opened.document.digest


def assurance(opened: VerifiedRequest | None, caller: Caller) -> str:
    """Tell whether the author signed a document, or the gateway attested it, and then whether the
    person of the ``caller`` confirmed that with a passkey."""
    if opened is not None:
        return "signed"
    shown = caller.credentials
    confirmed = isinstance(shown, PersonCredentials) and shown.approvals
    return CONFIRMED if confirmed else "attested"


def _check_case(opened: VerifiedRequest) -> None:
    if opened.verified.claims.get("profile") != cases.PROFILE:
        raise InvalidDocument(f"the case is not of the profile {cases.PROFILE}")
    claims, payload = opened.verified.claims, sd_jwt.payload_of(opened.document)
    if any(claims.get(name) != [] or not payload[name] for name in cases.ARRAYS):
        raise InvalidDocument("every array of the case is there, padded, its elements disclosures")
    for placed in opened.verified.placed:
        allowed = (
            cases.ARRAYS if placed.in_array else (*cases.PROPERTIES, *handoff_documents.PERSONS)
        )
        if placed.name not in allowed:
            raise InvalidDocument("the case has a disclosure that is not of its profile")
    # Who set an embargo is a disclosure of its own: not all whom it binds read that.
    content = opened.verified.content
    terms, source = content.get("embargo", {}), content.get("embargo_source", {})
    objects = isinstance(terms, dict) and isinstance(source, dict)
    if not objects or not (terms.keys() <= _TERMS and source.keys().isdisjoint(_TERMS)):
        raise InvalidDocument(
            "'embargo' discloses only its terms; its reason and who set it are in 'embargo_source'"
        )


def stored_case(opened: VerifiedRequest) -> SdJwt:
    """The case as the gateway keeps it: without the persons, who are in the event and the case."""
    persons = {
        p.digest
        for p in opened.verified.placed
        if p.name in handoff_documents.PERSONS and not p.in_array
    }
    return opened.document.present(
        [one.digest for one in opened.document.disclosures if one.digest not in persons]
    )


def _check_offer(opened: VerifiedRequest) -> None:
    if any(one.in_array or one.name not in _BESIDE_OFFERED for one in opened.verified.placed):
        raise InvalidDocument(
            f"an offer has no other disclosures than {', '.join(sorted(_BESIDE_OFFERED))}"
        )


def _check_update(opened: VerifiedRequest) -> None:
    _check_offer(opened)
    if handoff_documents.read_offer(opened.verified).updates is None:
        raise InvalidDocument("an update names the offer that it updates, and what it changes")


CASE = SignedRequestType(
    handoff_documents.CASE_TYP,
    ("case", "version", "previous", "profile", *cases.CLEAR_MARKING, *cases.ARRAYS),
    _check_case,
)
_OFFERED = (
    "handoff", "to", "case_digest", "disclosures", "purpose", "expires_at", "transfer_tool",
)  # fmt: skip
OFFER = SignedRequestType(handoff_documents.OFFER_TYP, _OFFERED, _check_offer)
UPDATE = SignedRequestType(
    handoff_documents.OFFER_TYP,
    (*_OFFERED, "updates", "change"),
    _check_update,
    elsewhere=("handoff", "to", "purpose", "derogation"),
)
ANSWER = SignedRequestType(handoff_documents.ANSWER_TYP, handoff_documents.BINDING)
RECALL = SignedRequestType(handoff_documents.RECALL_TYP, ("case", "version", "code", "handoff"))
SUCCESSION = SignedRequestType(SUCCESSION_TYP, PLANNED)
