"""Two gateways in one process, each the other's peer, and a courier between them.

The recipients' gateway is that of the founding story; the originators' has one member, a hotline.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from typing import Any
from uuid import UUID

from gateway.domain.mandate import Mandate, Period
from gateway.domain.notification import DeliveryWay
from gateway.domain.organisation import (
    SCOPES,
    Membership,
    MembershipClass,
    Organisation,
    Status,
    System,
)
from gateway.domain.peer import DIRECTIONS, PeerAgreement, PeerGateway, PeerPins
from gateway.domain.refusals import Refusal
from gateway.domain.vocabulary import Matter, Purpose
from gateway.exchange.relay import composing, taking_in
from gateway.exchange.relay.composing import OutgoingEvent
from gateway.kernel.ports import TransactionMode
from gateway.kernel.transact import RecordedRefusal, WriteResult
from gateway.kernel.values import HOST, Caller, CosignedCheckpoint
from gateway.keys import KeyPurpose, SigningKey, generate_key
from gateway.ledger import proof as tlog_proof
from gateway.ledger.note import parse_checkpoint, split
from gateway.registry import keys as registry_keys
from gateway.web.partners.relay import RelayedEventBody, relay_message
from tests.casework import submitted
from tests.founded_gateway import ALICE, BENOIT, DESK, OCRVP, OFMIN, Founded, administrator
from tests.founding import founded, retold, settled, unfounded
from tests.ports import ZONE, Ids, key_of

BE_ISSUER, BE_ORIGIN = "https://gateway.be.example", "gateway.be.example/log"
BE, FR = "be", "fr"
"""What each gateway is called at the other."""

BE_HOTLINE = "be-hotline"
BE_HOTLINE_THERE = f"{BE_HOTLINE}@{BE}"
OFMIN_THERE, OCRVP_THERE = f"{OFMIN}@{FR}", f"{OCRVP}@{FR}"
_ALWAYS = Period(date(2000, 1, 1))


@cache
def be_attester() -> SigningKey:
    """The Belgian gateway's key for attested documents."""
    return generate_key(KeyPurpose.ATTEST)


@dataclass
class TwoGateways:
    """The originators' gateway and the recipients', how far each heard the other's streams, and
    what was delivered."""

    be: Founded
    fr: Founded
    cursors: dict[tuple[str, str], int] = field(default_factory=dict)
    cosigns: bool = True
    log: list[tuple[str, int, str]] = field(default_factory=list)

    def outgoing(self, sender: str, member: str) -> list[OutgoingEvent]:
        """What follows in a remote member's stream at one of them."""
        gateway = self.be if sender == BE else self.fr
        found = composing.compose(gateway.ports, member, self.cursors.get((sender, member), 0))
        return [] if found is None else [*found.events]

    def deliver(self, sender: str, member: str, most: int = 50) -> int:
        """Deliver what follows in one stream, as the sender would; how many were heard."""
        heard = 0
        for one in self.outgoing(sender, member)[:most]:
            status, answer = self.post(sender, one.body)
            cursor = composing.cursor_after(one, status, answer)
            self.log.append(
                (
                    sender,
                    one.stream_number,
                    f"{status} {answer.get('kind', '')} {answer.get('why', '')}".strip(),
                )
            )
            if cursor is None:
                break
            self.cursors[sender, member] = cursor
            heard += 1
        if heard:
            self._note(sender, member)
        return heard

    def _note(self, sender: str, member: str) -> None:
        """Let the sender know how far a stream was heard."""
        gateway = self.be if sender == BE else self.fr
        with gateway.ports.begin(TransactionMode.WRITE) as work:
            cursor = work.notifications.cursor(member, DeliveryWay.RELAY)
            work.notifications.save(replace(cursor, acknowledged=self.cursors[sender, member]))
            work.commit()

    def exchange(self) -> None:
        """Deliver until nothing is left."""
        streams = [(BE, OFMIN_THERE), (BE, OCRVP_THERE), (FR, BE_HOTLINE_THERE)]
        while sum(self.deliver(*one) for one in streams):
            pass

    def exchange_from_originator(self) -> None:
        """Deliver what the originators' gateway sends, while the other one is not heard."""
        while self.deliver(BE, OFMIN_THERE) + self.deliver(BE, OCRVP_THERE):
            pass

    def post(self, sender: str, body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """What the endpoint does with a body, as JSON has it: status and answer."""
        gateway = self.fr if sender == BE else self.be
        if self.cosigns:
            _cosign(gateway, body["receipt"]["proof"])
        caller = Caller(sender, "relay", frozenset({"relay"}), HOST)
        loaded = RelayedEventBody().load(json.loads(json.dumps(body)))
        try:
            message = relay_message(loaded, "")
            heard, receipt = taking_in.take_in(gateway.ports, caller, message)
        except RecordedRefusal as refused:
            gateway.receipts.append(refused.receipt)
            errors = getattr(refused.refusal, "errors", ())
            why = "; ".join([refused.refusal.detail, *map(" ".join, errors)])
            return 403, {"receipt": refused.receipt, "why": why}
        except Refusal as refusal:
            return 409, {**refusal.help, "why": refusal.detail, "kind": type(refusal).__name__}
        if receipt is not None:
            gateway.receipts.append(receipt)
        return 200, {"event": heard.event}

    def enter_key(self, member: str) -> None:
        """Let the recipients' gateway know the document keys that a member has at home."""
        keys = self.be.organisation(member.partition("@")[0]).document_keys
        with self.fr.past_events(member) as work:
            found = work.organisations.get(member)
            known = replace(found, document_keys=keys, version=found.version + 1)
            work.organisations.save(known)

    def enter_there(self, member: str) -> None:
        """Let the recipients' gateway know one more member of the other one."""
        gdpr = frozenset({"gdpr"})
        name = f"{member}@{BE}"
        enter_member(self.fr, Organisation(name, name, "hotline", False, gdpr, "BE", Status.ACTIVE))


def two_gateways(assurance: str = "any") -> TwoGateways:
    """Two gateways, each of which knows the other and its members."""
    fr, be = founded(), belgian()
    enter_peer(fr, be, BE, be_attester(), assurance)
    enter_french(be, fr, assurance)
    enter_member(
        fr,
        Organisation(
            BE_HOTLINE_THERE,
            "A hotline",
            "hotline",
            False,
            frozenset({"gdpr"}),
            "BE",
            Status.ACTIVE,
        ),
    )
    for office in (OFMIN, OCRVP):
        show(fr, office)
    return TwoGateways(be, fr)


def enter_french(be: Founded, fr: Founded, assurance: str) -> None:
    """Let the originators' gateway know the other one, and its members."""
    enter_peer(be, fr, FR, key_of("attest"), assurance)
    mandate = Mandate(
        fr.new_id(), OFMIN_THERE, "receive", "csam", "FR", "an act", _ALWAYS, fr.registered[OFMIN]
    )
    police = frozenset({"gdpr", "led"})
    enter_member(
        be,
        Organisation(
            OFMIN_THERE,
            "OFMIN",
            "police_office",
            True,
            police,
            "FR",
            Status.ACTIVE,
            mandates=(mandate,),
        ),
    )
    enter_member(
        be, Organisation(OCRVP_THERE, "OCRVP", "police_office", True, police, "FR", Status.ACTIVE)
    )


def released(two: TwoGateways, **changes: Any) -> WriteResult:
    """Submit a case of the hotline that may leave for the recipients' gateway."""
    marking = {**leaving(two), **changes.pop("marking", {})}
    return submitted(two.be, originator=BE_HOTLINE, marking=marking, **changes)


def leaving(two: TwoGateways) -> dict[str, Any]:
    """Mark a case, so that it may leave for the recipients' gateway."""
    return {"release_to": [two.fr.ports.issuer]}


def show(gateway: Founded, member: str) -> None:
    """Let a member show itself to the originators' gateway, past all events."""
    with gateway.past_events(member) as work:
        found = work.organisations.get(member)
        assert found is not None
        shown = replace(found, shown_to=frozenset({BE}), version=found.version + 1)
        work.organisations.save(shown)


def _cosign(gateway: Founded, proof: str) -> None:
    """Let a gateway have cosigned the checkpoint in which a receipt ends."""
    shown = parse_checkpoint(split(tlog_proof.parse(proof).checkpoint_note)[0])
    with gateway.ports.begin(TransactionMode.WRITE) as work:
        if not work.witnessed.has(shown.origin, shown.size, shown.root):
            work.witnessed.add(
                CosignedCheckpoint(shown.origin, shown.size, shown.root, gateway.clock())
            )
            work.commit()


def belgian(origin: str = BE_ORIGIN) -> Founded:
    """The originators' gateway with its member, which knows no other one yet."""
    return retold(*_belgian(origin))


@cache
def _belgian(origin: str) -> tuple[Founded, bytes]:
    gateway = unfounded(issuer=BE_ISSUER, origin=origin)
    ids = Ids()
    ids.made = 50_000_000 if origin == BE_ORIGIN else 70_000_000
    gateway.ports = replace(gateway.ports, attester=be_attester(), new_id=ids)
    persons = [administrator(ALICE, "A. Martin"), administrator(BENOIT, "B. Dubois")]
    gateway.do(registry_keys.found, persons, ZONE.key)
    gateway.administer(
        "organisation.admit",
        BE_HOTLINE,
        name="A Belgian hotline",
        kind="hotline",
        public_authority=False,
        regimes=["gdpr"],
        country="BE",
    )
    gateway.administer(
        "membership.grant",
        BE_HOTLINE,
        membership="full",
        decision_ref="statutes",
        start="2000-01-01",
    )
    gateway.administer("system.register", BE_HOTLINE, system=DESK, scopes=sorted(SCOPES))
    return settled(gateway)


def enter_peer(
    gateway: Founded, peer: Founded, name: str, attester: SigningKey, assurance: str
) -> None:
    """Enter a peer gateway with its pins and an agreement."""
    pins = PeerPins(
        issuer=peer.ports.issuer,
        api_url=peer.ports.issuer,
        root_sha256="",
        log_keys=(peer.checkpoint_signer.signer.vkey,),
        attestation_keys=(json.dumps(attester.public_jwk()),),
        witness_key="",
        event=UUID(int=1),
    )
    agreement = PeerAgreement(
        directions=frozenset(DIRECTIONS),
        matters=frozenset(map(str, Matter)),
        territories=frozenset({"BE", "FR"}),
        purposes=frozenset(map(str, Purpose)),
        kinds=frozenset({"hotline", "police_office"}),
        membership="full",
        tlp="RED",
        assurance=assurance,
        transfer_tool=None,
        offers_a_day=1000,
        period=_ALWAYS,
        event=UUID(int=1),
    )
    of_peer = PeerGateway(pins, agreements=(agreement,))
    member = Organisation(name, name, "gateway", False, frozenset({"gdpr"}), "BE", Status.ACTIVE)
    enter_member(gateway, replace(member, peer=of_peer))


def enter_member(gateway: Founded, organisation: Organisation) -> None:
    """Enter an organisation past all events."""
    membership = Membership(MembershipClass.FULL, _ALWAYS, "an agreement")
    with gateway.past_events(organisation.slug) as work:
        work.organisations.add(replace(organisation, memberships=(membership,)))
        work.organisations.add_system(System(organisation.slug, "relay", frozenset()))
