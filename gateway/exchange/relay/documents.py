"""What a peer's members signed, or their gateway attests: opened, and held against what the
registry says of them in the transaction that acts by it."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import pairwise

from gateway.domain.json_values import parse_timestamp
from gateway.domain.peer import PeerGateway
from gateway.domain.refusals import Busy, InvalidDocument
from gateway.evidence import canonical, event, handoff_documents, sd_jwt
from gateway.evidence.declarations import MAX_SKEW
from gateway.evidence.sd_jwt import DocumentError
from gateway.evidence.signature import PublicKey, read_document_key
from gateway.exchange.relay.incoming import TakenEvent
from gateway.exchange.signed_requests import SignedRequestType, VerifiedRequest
from gateway.exchange.standing.disclosure import PERSONS
from gateway.kernel.request import RequestContext, deny_as_not_found

ANY = "any"
"""The assurance of an agreement by which a peer gateway may attest for its members."""

_PERSONS = {*PERSONS, *handoff_documents.PERSONS}
"""What a document discloses of the persons of its author."""


def peer_of(context: RequestContext, incoming: TakenEvent) -> PeerGateway:
    """The gateway that brings an event, as two persons pinned it."""
    return context.require(incoming.peer).peer or deny_as_not_found()


def may_attest(context: RequestContext, incoming: TakenEvent) -> bool:
    """Tell whether the gateway that brings an event may attest for its members."""
    agreement = peer_of(context, incoming).newest_agreement(context.today.day)
    return agreement is not None and agreement.assurance == ANY


def open_document(
    context: RequestContext,
    incoming: TakenEvent,
    text: str | None,
    *,
    author: str,
    form: SignedRequestType,
    audience: str,
    digest: str | None,
    by_gateway: bool = False,
) -> VerifiedRequest:
    """Verify a document of a peer's member: by its own key, or where that was agreed by the key of
    its gateway. ``by_gateway``: its gateway makes it in its name, whatever was agreed.

    Its key was valid when the peer recorded the document. Raises InvalidDocument, and Busy until
    the peer was asked for its members' keys as they were after that, however long it is away.
    """
    if text is None:
        raise InvalidDocument("the document of this event was erased: make another one")
    try:
        keys, issuer = _keys_for(context, incoming, text, author, by_gateway=by_gateway)
        verified = sd_jwt.verify(text, typ=form.typ, keys=keys, audience=audience, issuer=issuer)
        kid, jti = str(verified.header["kid"]), str(handoff_documents.read_id(verified.claims))
        opened = VerifiedRequest(sd_jwt.parse(text), verified, kid, jti)
        if handoff_documents.read_time(verified.claims) > incoming.told.time + MAX_SKEW:
            raise DocumentError("it is dated after the event that recorded it")
    except DocumentError as error:
        raise InvalidDocument(f"the document is not accepted: {error}") from None
    if not verified.claims.keys() <= handoff_documents.HEADING | {*form.clear, "attested_for"}:
        raise InvalidDocument("a claim stands in clear that the document's type does not have")
    form.check(opened)
    if opened.document.digest != digest:
        raise InvalidDocument("the document is another one than its event recorded")
    if any(one.name in _PERSONS and not one.in_array for one in verified.placed):
        raise InvalidDocument("the persons of a member stay with its gateway")
    return opened


def _keys_for(
    context: RequestContext, incoming: TakenEvent, text: str, author: str, *, by_gateway: bool
) -> tuple[Mapping[str, PublicKey], str]:
    """The keys by which a document may be signed, and the issuer that it then has. Raises
    DocumentError for one that is attested for another organisation than its author."""
    peer, uri = peer_of(context, incoming), context.names.uri(author)
    read = sd_jwt.read_unverified(text)
    claims = read.claims
    attests = by_gateway or may_attest(context, incoming)
    if attests and claims.get("iss") == peer.pins.issuer:
        if claims.get("attested_for") != uri:
            raise DocumentError("it is attested for another organisation")
        return _read_keys(_attesting(context, peer, incoming.told.time)), peer.pins.issuer
    at = incoming.told.time
    own = context.require(author).document_keys
    unknown = claims.get("iss") == uri and read.header.get("kid") not in {one.kid for one in own}
    asked = unknown and context.work.relay.members_told(incoming.told.checkpoint.origin)
    if unknown and asked <= incoming.told.index:
        raise Busy("the member's key is not known here yet: its gateway is asked; bring it again")
    valid = (one.jwk for one in own if one.valid_until is None or at < one.valid_until)
    return _read_keys(valid), uri


def _attesting(context: RequestContext, peer: PeerGateway, at: datetime) -> Iterator[str]:
    """The peer's keys of today, and those that were not replaced yet when it recorded something."""
    yield from peer.pins.attestation_keys
    for before, after in pairwise((*peer.earlier, peer.pins)):
        replaced = context.work.log.logged(after.event)
        if replaced and at < parse_timestamp(event.read(replaced.event.document)["time"]):
            yield from before.attestation_keys


def _read_keys(jwks: Iterable[str]) -> Mapping[str, PublicKey]:
    return dict(read_document_key(canonical.decode(one.encode())) for one in jwks)


def assurance_of(opened: VerifiedRequest) -> str:
    """Tell whether its author signed a document, or its gateway attested it."""
    return "attested" if "attested_for" in opened.verified.claims else "signed"
