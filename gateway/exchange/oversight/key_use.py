"""What rests on a member's key, as when it was stolen: the documents about handoffs that it signed,
with the events that recorded them, here and at the member's own gateway."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from uuid import UUID

from gateway.domain.handoff import Handoff, HandoffAnswer, HandoffPlace
from gateway.domain.organisation import MemberDocumentKey
from gateway.domain.refusals import CaseErased, NotFound
from gateway.evidence import handoff_documents, sd_jwt
from gateway.kernel.ports import Ports, UnitOfWork
from gateway.kernel.request import OnHost
from gateway.kernel.results import iterate
from gateway.kernel.transact import read_on_host
from gateway.kernel.values import HandoffFilter


@dataclass(frozen=True)
class KeyUse:
    """A document that a key signed; where it was ``erased``, that it may have signed.

    ``event`` recorded it here; it was made of ``peer_event`` where a peer gateway brought it.
    ``revoked``: the key was revoked by then.
    """

    handoff: UUID
    counterpart: str
    document: str
    event: UUID
    peer_event: UUID | None
    at: datetime
    revoked: bool
    erased: bool


def uses_of(ports: Ports, organisation: str, kid: str) -> Sequence[KeyUse]:
    """List what a member's key signed about handoffs that are stored here, the oldest first.

    Call it on the gateway's host. Raises NotFound.
    """

    def query(on_host: OnHost) -> Sequence[KeyUse]:
        work = on_host.work
        found = work.organisations.get(organisation)
        key = found.document_key(kid) if found else None
        if key is None:
            raise NotFound("the organisation has no such document key")
        handoffs = _handoffs(work, organisation)
        found_uses = [use for one in handoffs for use in _uses(work, one, organisation, key)]
        return sorted(found_uses, key=attrgetter("at", "event"))

    return read_on_host(ports, query)


def _handoffs(work: UnitOfWork, organisation: str) -> Iterator[Handoff]:
    for box in ("in", "out"):

        def rows(after: str, limit: int, box: str = box) -> Sequence[Handoff]:
            place = HandoffPlace.read(after) if after else None
            return work.handoffs.page(organisation, box, HandoffFilter(), place, limit)

        yield from iterate(rows, lambda one: str(one.place), "")


def _uses(
    work: UnitOfWork, handoff: Handoff, organisation: str, key: MemberDocumentKey
) -> Iterator[KeyUse]:
    """The documents of a handoff by the key; of those that were erased, all of its time."""
    other = handoff.recipient if handoff.originator == organisation else handoff.originator
    for one in work.handoffs.moves(handoff.id):
        erased = not one.document
        by_key = key.holds(one.at) if erased else key.kid in _kids(work, one)
        if one.author != organisation or not by_key:
            continue
        heard = work.relay.of_own(one.event)
        revoked = key.valid_until is not None and key.valid_until <= one.at
        from_peer = heard[0].event if heard else None
        what = str(one.move or "offer")
        yield KeyUse(handoff.id, other, what, one.event, from_peer, one.at, revoked, erased)


def _kids(work: UnitOfWork, answer: HandoffAnswer) -> set[str]:
    """The key of a document, and that of the version that an offer or update gives."""
    verified = sd_jwt.read_stored(answer.document)
    found = {str(verified.header.get("kid"))}
    if verified.header.get("typ") == handoff_documents.OFFER_TYP:
        with suppress(CaseErased):
            version = work.cases.version(handoff_documents.read_offer(verified).case_digest)
            found |= {str(version.said.header.get("kid"))} if version else set()
    return found
