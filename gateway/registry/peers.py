"""Peer gateways: the keys that two persons compared, the agreement, and who is recognised here."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gateway.domain.organisation import EEA, Organisation, of_remote
from gateway.domain.peer import (
    ADDRESS,
    GATEWAY_KIND,
    PeerAgreement,
    PeerGateway,
    PeerPins,
    RecognisedMember,
    VouchedKey,
)
from gateway.domain.refusals import NotFound, ValidationFailed, WrongState
from gateway.evidence import canonical, declarations, signature
from gateway.kernel.changes import ChangeContext
from gateway.ledger.note import COSIGNATURE, ED25519, VerificationKey
from gateway.registry import keys
from gateway.registry.members import end


def read_address(value: str) -> str:
    """The address of a listener; ValueError for another text."""
    if not ADDRESS.fullmatch(value):
        raise ValueError
    return value


def read_witness_key(value: str) -> str:
    """The verifier key of a witness; ValueError for another text."""
    if VerificationKey.parse(value).kind != COSIGNATURE:
        raise ValueError
    return value


def read_log_keys(value: Any) -> tuple[str, ...]:
    """The verifier keys of one log; ValueError for none, and for those of two logs."""
    read = [VerificationKey.parse(one) for one in value]
    if any(one.kind != ED25519 for one in read) or len({one.name for one in read}) != 1:
        raise ValueError
    return tuple(value)


def read_attestation_keys(value: Any) -> tuple[str, ...]:
    """The keys of a JWK set, each as JSON; ValueError for a set of none."""
    if not signature.public_keys(value):
        raise ValueError
    return tuple(canonical.encode(one).decode() for one in value["keys"])


def _gateway(context: ChangeContext) -> Organisation:
    found = context.organisation
    if found.kind != GATEWAY_KIND:
        raise WrongState(f"the organisation is a {found.kind}, and no gateway")
    return found


def _peer(context: ChangeContext) -> PeerGateway:
    if (peer := _gateway(context).peer) is None:
        raise WrongState("the gateway's keys were not compared: peer trust comes first")
    return peer


def _save(context: ChangeContext, peer: PeerGateway) -> None:
    """Store a peer, and what follows for its members."""
    context.save(replace(context.organisation, peer=peer))
    for one in context.work.organisations.members_of(context.organisation.slug):
        made = of_remote(one, peer)
        if made != one:
            context.save(made)


def trust(context: ChangeContext) -> Mapping[str, Any]:
    """Pin what two persons compared; what was pinned before counts for what came under it.

    A gateway keeps its id here and its address: its members' names are in documents.
    """
    found, pins = _gateway(context), PeerPins(**context.values, event=context.event)
    known = {**context.work.organisations.peers(), "": context.issuer}
    if found.peer is None and pins.issuer in known.values():
        raise ValidationFailed((("/issuer", "is this gateway, or a peer that has another id"),))
    if found.peer is not None and found.peer.pins.issuer != pins.issuer:
        raise ValidationFailed((("/issuer", "stays: a gateway of another address is another"),))
    _require_own_log(context, pins)
    peer = found.peer
    if peer is None:
        _save(context, PeerGateway(pins))
    else:
        _save(context, replace(peer, pins=pins, earlier=(*peer.earlier, peer.pins)))
    return {"organisation": found.slug, "issuer": pins.issuer}


def _require_own_log(context: ChangeContext, pins: PeerPins) -> None:
    """Require that a log is called as neither the one here nor another peer's: its keys would
    speak for that one, too."""
    taken = {context.request.ports.checkpoint_signer.origin}
    for slug in context.work.organisations.peers():
        other = context.work.organisations.get(slug)
        if slug != context.organisation.slug and other is not None and other.peer is not None:
            taken |= {one.origin for one in (other.peer.pins, *other.peer.earlier)}
    if pins.origin in taken:
        raise ValidationFailed((("/log_keys", "are of a log of this gateway, or of another peer"),))


def agree(context: ChangeContext) -> Mapping[str, Any]:
    """Record what may go between the two gateways, for a time that no other agreement covers."""
    peer, period = _peer(context), context.period()
    if any(period.overlaps(one.period) for one in peer.agreements):
        raise WrongState("an agreement is recorded in that period already: end it first")
    leaves = "out" in context.values["directions"]
    if leaves and context.organisation.country not in EEA and not context.values["transfer_tool"]:
        why = "says what allows the transfer: its operator is in a third country (R15)"
        raise ValidationFailed((("/transfer_tool", why),))
    terms = {name: said for name, said in context.values.items() if name not in ("from", "until")}
    made = PeerAgreement(**terms, period=period, event=context.event)
    _save(context, replace(peer, agreements=(*peer.agreements, made)))
    return {"organisation": context.organisation.slug, "agreement": str(made.event)}


def recognise(context: ChangeContext) -> Mapping[str, Any]:
    """Recognise a member of a peer as a public authority: until then it counts as private."""
    peer, values = _peer(context), context.values
    if peer.recognition_of(values["member"]) is not None:
        raise WrongState("the member is recognised already: end that first")
    made = RecognisedMember(values["member"], values["led"], values["legal_act"], context.event)
    _save(context, replace(peer, recognised=(*peer.recognised, made)))
    return {"organisation": context.organisation.slug, "recognition": str(made.event)}


def vouch(context: ChangeContext) -> Mapping[str, Any]:
    """Vouch for a key of a peer's member: it is taken once that one's gateway tells of it."""
    peer, member, kid = _peer(context), context.values["member"], context.values["kid"]
    if peer.has_vouched(member, kid):
        raise WrongState("the key was vouched for already")
    made = VouchedKey(member, kid, context.event)
    _save(context, replace(peer, vouched=(*peer.vouched, made)))
    return {"organisation": context.organisation.slug, "member": member, "kid": kid}


def end_named(context: ChangeContext) -> Mapping[str, Any]:
    """End an agreement on a day, or a recognition at once, by the event that recorded it."""
    peer, named, day = _peer(context), context.values["event"], context.values["until"]
    agreement = next((one for one in peer.agreements if one.event == named), None)
    left = tuple(one for one in peer.recognised if one.event != named)
    if agreement is None and left == peer.recognised:
        raise NotFound("the gateway has no agreement and no recognition of that event")
    if agreement is None:
        if day is not None:
            raise ValidationFailed((("/until", "is left out: a recognition ends at once"),))
        peer = replace(peer, recognised=left)
    else:
        last = day or context.today
        if not agreement.period.holds(last):
            raise WrongState("the agreement is not valid on that day")
        peer = replace(peer, agreements=end(peer.agreements, agreement, last))
    _save(context, peer)
    return {"organisation": context.organisation.slug, "event": str(named)}


# --- Which peers' members may know of an organisation: by its own declaration alone ---------------


def show(context: ChangeContext) -> Mapping[str, Any]:
    """Let the members of a peer know of an organisation, which declared it by its own key."""
    organisation, peer = context.organisation, context.values["peer"]
    issuer = context.work.organisations.peers().get(peer)
    if issuer is None:
        raise NotFound("no peer gateway has that id")
    if peer in organisation.shown_to:
        raise WrongState("the organisation is shown to that peer already")
    if not any(one.holds(context.now) for one in organisation.document_keys):
        raise WrongState(
            "the organisation has no document key, by which it declares this, and by which its "
            "word counts there: it makes one (casegate key create), and two persons register it "
            "(member-key register)"
        )
    keys.use_declaration(context, f"{declarations.SHOW}{issuer}")
    context.save(replace(organisation, shown_to=organisation.shown_to | {peer}))
    return {"organisation": organisation.slug, "peer": peer}


def hide(context: ChangeContext) -> Mapping[str, Any]:
    """Show an organisation to a peer no more: there it counts as suspended."""
    organisation, peer = context.organisation, context.values["peer"]
    if peer not in organisation.shown_to:
        raise WrongState("the organisation is not shown to that peer")
    context.save(replace(organisation, shown_to=organisation.shown_to - {peer}))
    return {"organisation": organisation.slug, "peer": peer}
