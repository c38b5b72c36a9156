"""The conformance run at a peer gateway: its listener is asked what the protocol demands of an
author of another gateway (docs/protocol/relay.md), and nothing of that is kept there."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Protocol

from gateway.domain.peer import PeerPins
from gateway.evidence import canonical
from gateway.evidence import receipt as receipts
from gateway.evidence.event import SUBJECT
from gateway.evidence.receipt import ReceiptError, VerifiedReceipt
from gateway.exchange.relay import composing
from gateway.exchange.relay import conformance as samples
from gateway.exchange.relay.conformance import NOBODY, SampleEvent, SampleEvents
from gateway.exchange.signed_requests import attesting
from gateway.kernel.ports import Ports, TransactionMode
from gateway.keys import KeyPurpose, generate_key
from gateway.ledger.note import NoteError, VerificationKey
from gateway.ledger.witness import write_request
from gateway.registry.queries import every_organisation


class PeerConnection(Protocol):
    """The line to a peer."""

    def deliver(self, key: str, body: Any) -> tuple[int, dict[str, Any]]:
        """Bring an event: status and JSON of the answer."""

    def add_checkpoint(self, query: bytes) -> tuple[int, str, bytes]:
        """Ask for a cosignature: status, media type and body."""


@dataclass(frozen=True)
class DemandResult:
    """How a peer answers one demand; ``failure`` says what it does, and what is to be done,
    ``untried`` why it was not asked."""

    demand: str
    failure: str | None = None
    untried: str | None = None


@dataclass(frozen=True)
class _Demand:
    """What is brought, and the answer that is demanded: its status, and the number ``expected``.
    ``advice``: what the peer's author does where it answers otherwise."""

    name: str
    status: int
    bring: Callable[["_Samples"], SampleEvent]
    advice: str
    expected: int | None = None
    of_member: bool = False

    def fault(self, status: int, answer: Mapping[str, Any]) -> str | None:
        """Tell what is wrong with an answer, and what is to be done; None where it is as
        demanded."""
        wrong = None
        if status != self.status:
            told = str(answer.get("type", "")).rpartition("/")[2]
            wrong = f"it answers {status}{told and f' ({told})'}, and not {self.status}"
        elif status != HTTPStatus.OK and answer.get("receipt"):
            wrong = "its refusal has a receipt, as if it was heard"
        elif status != HTTPStatus.OK and answer.get("expected") != self.expected:
            wrong = f"it expects {answer.get('expected')}, and not {self.expected}"
        elif status == HTTPStatus.OK and answer.get("event"):
            wrong = "a test became an event there"
        return wrong and f"{wrong}: {self.advice}"


@dataclass(frozen=True)
class _Samples:
    """What a run brings. ``member`` is one of our members that shows itself to the peer."""

    ports: Ports
    pins: PeerPins
    events: SampleEvents
    member: str

    @property
    def first(self) -> SampleEvent:
        return self.events.first

    def of_member(self, **beside: Any) -> SampleEvent:
        return self.first.but(member=self.member, **beside)

    def offer(self, audience: str | None = None, member: str = "", **changes: Any) -> SampleEvent:
        """An offer that we attest: for the peer and by our member, or for and by others."""
        heading = attesting(self.ports, member or self.member, audience or self.pins.issuer)
        document = samples.sample_offer(replace(heading, **changes))
        return self.of_member(document=document)

    def case(self, *, media: bool) -> SampleEvent:
        return self.of_member(
            case=samples.sample_presentation(self.ports, self.member, media=media)
        )

    def altered(self) -> SampleEvent:
        """The event of a receipt that proves another one."""
        return self.first.but(receipt={"document": self.events.second.body["receipt"]["document"]})


DEMANDS = (
    _Demand("an unknown member is not found", 404, lambda one: one.first.but(member=NOBODY),
            "look the member up first (step 2)"),
    _Demand("an unknown member comes before a wrong receipt", 404,
            lambda one: one.altered().but(member=NOBODY),
            "look the member up before you read the receipt (step 2)"),
    _Demand("an altered event is refused", 422, lambda one: one.altered(),
            "verify the receipt: the entry is that of the event (step 4)"),
    _Demand("a receipt that does not show its stream is refused", 422,
            lambda one: one.first.but(receipt={"disclosures": []}),
            "read the number from what the receipt shows, not from the message (step 4)"),
    _Demand("a number that is not the receipt's is refused", 422,
            lambda one: one.first.but(stream_number=2),
            "compare the number with the one that the receipt shows (step 4)"),
    _Demand("an idempotency key of another event is refused", 422,
            lambda one: replace(one.first, key=one.events.second.key),
            "the Idempotency-Key is the id of the event"),
    _Demand("a number ahead names what is expected", 409, lambda one: one.events.second,
            "answer 409 with `expected`, the next number of the stream (step 3)", expected=1),
    _Demand("a number ahead comes before a checkpoint not cosigned", 409,
            lambda one: one.events.second_unwitnessed,
            "look at the number before you look for the cosignature (step 3, then 4)", expected=1),
    _Demand("a checkpoint that was not cosigned is refused", 409,
            lambda one: one.events.unwitnessed,
            "take only receipts that end in a checkpoint which you cosigned: keep them (step 4)"),
    _Demand("a cosigned checkpoint is taken", 200, lambda one: one.first,
            "take the receipt in the checkpoint that you cosigned last (step 4)"),
    _Demand("a document for the peer is taken", 200, lambda one: one.offer(),
            "a document has your URI as its audience, and its author's by `attested_for` (step 5)",
            of_member=True),
    _Demand("a document for another audience is refused", 422,
            lambda one: one.offer(one.ports.issuer),
            "require your own URI as the audience (step 5)", of_member=True),
    _Demand("a document by an unknown key is refused", 422,
            lambda one: one.offer(signer=generate_key(KeyPurpose.ATTEST)),
            "verify the document by the keys that two persons compared (step 5)", of_member=True),
    _Demand("a document for another member is refused", 422, lambda one: one.offer(member=NOBODY),
            "require that the document is of the member that the message names (step 5)",
            of_member=True),
    _Demand("a case of the profile is taken", 200, lambda one: one.case(media=False),
            "read a presented case by the schemas of partners (step 6)", of_member=True),
    _Demand("a case with an image in it is refused", 422, lambda one: one.case(media=True),
            "refuse what could carry media, in any text of a case (R1, step 6)", of_member=True),
)  # fmt: skip


def run(
    ports: Ports,
    line: PeerConnection,
    peer: str,
    cosigned: Callable[[str], None],
    heard: tuple[str, int] | None,
) -> Iterator[DemandResult]:
    """Ask each demand of a peer. ``cosigned`` has it cosign a checkpoint; ``heard`` is a member's
    stream, and up to where the peer heard it.

    Raises LookupError, ValueError, ClientError where nothing can be asked.
    """
    events = samples.sample_events(ports, peer)
    with ports.begin(TransactionMode.READ) as work:
        found = work.organisations.get(peer)
        shown = (one for one in every_organisation(work) if peer in one.shown_to and one.active)
        member = next((one.slug for one in shown), None)
    if found is None or found.peer is None:
        raise LookupError(f"the keys of {peer} were not compared (peer trust)")
    pins = found.peer.pins
    cosigned(events.note)
    brought = _Samples(ports, pins, events, member or NOBODY)
    for one in DEMANDS:
        if one.of_member and member is None:
            yield DemandResult(one.name, untried=NO_MEMBER)
        else:
            sample = one.bring(brought)
            yield DemandResult(one.name, one.fault(*line.deliver(sample.key, sample.body)))
    yield from _witnessing(line, events.note)
    name = "an event that comes again has its first answer"
    if heard is None:
        yield DemandResult(name, untried=NOTHING_HEARD)
    else:
        yield DemandResult(name, repeated(ports, line, pins, *heard))


NO_MEMBER = "as no member here shows itself to the peer (casegate admin organisation show-to-peer)"
NOTHING_HEARD = "as the peer has heard no event yet (check again once a handoff has crossed)"


def _witnessing(line: PeerConnection, note: str) -> Iterator[DemandResult]:
    """Ask the peer, as a witness, for cosignatures that nobody may have."""
    origin, at = note.partition("\n")[0], note.rindex("\n") - 12
    forged = note[:at] + ("B" if note[at] == "A" else "A") + note[at + 1 :]
    asked = (
        ("a log that nobody compared is not cosigned", 404, note.replace(origin, UNKNOWN_LOG)),
        ("a checkpoint with a false signature is not cosigned", 403, forged),
    )
    for name, demanded, text in asked:
        status, *_ = line.add_checkpoint(write_request(0, (), text).encode())
        wrong = f"it answers {status}, and not {demanded}: see C2SP tlog-witness, add-checkpoint"
        yield DemandResult(name, None if status == demanded else wrong)


UNKNOWN_LOG = "log.of.nobody.invalid"


def repeated(
    ports: Ports, line: PeerConnection, pins: PeerPins, member: str, number: int
) -> str | None:
    """Bring an event twice that the peer heard before, and tell what is wrong with the answers."""
    outgoing = composing.compose(ports, member, number - 1, 1)
    if outgoing is None:
        return None
    (sent,) = outgoing.events
    first, second = (line.deliver(str(sent.event), sent.body) for _ in range(2))
    told = [  # the event of the answer's receipt is the same, whichever checkpoint that ends in
        (status, answer.get("event"), (answer.get("receipt") or {}).get("document"))
        for status, answer in (first, second)
    ]
    if composing.cursor_after(sent, *first) != number or told[0] != told[1]:
        return (
            f"it answers {first[0]}, then {second[0]}, or another event: keep the first answer to "
            "each event, and give it again (step 3)"
        )
    if first[1].get("receipt") is None:
        return None
    try:
        keys = [VerificationKey.parse(one) for one in pins.log_keys]
        shown = receipts.verify(receipts.from_json(first[1]["receipt"]), keys, pins.origin)
    except (ReceiptError, NoteError) as error:
        return f"the receipt of its answer is not accepted ({error}): it is of your pinned log"
    named, log = _named(shown), ports.checkpoint_signer.origin
    # What a gateway only follows is not shown to the member that decided it.
    if (named or not shown.allowed) and [log, str(sent.event)] not in named:
        return "the receipt of its answer does not name the event: `peer_event` is its log and id"
    return None


def _named(shown: VerifiedReceipt) -> Sequence[Any]:
    """The events of a peer that an event is made of, or refuses."""
    said = [canonical.decode(one.encode()) for one in shown.details(SUBJECT)]
    return [
        *map(list, shown.details("peer_event")),
        *(one["peer_event"] for one in said if "peer_event" in one),
    ]
