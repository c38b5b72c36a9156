"""What this gateway cosigns of its peers' logs (C2SP tlog-witness), and what follows where one of
them has two histories: its offers stop, its recalls pass, until two persons resume.

A line is not recorded as an event: both logs would grow without end by each other's lines.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

from gateway.domain.lifecycle import FINAL, StatusChange, move_status
from gateway.domain.organisation import Organisation, Status
from gateway.domain.refusals import HighWaterMarkUnavailable, WrongState
from gateway.kernel.changes import ChangeContext
from gateway.kernel.events import gateway_and, record_by_gateway
from gateway.kernel.ports import HighWaterMark, Ports, TransactionMode, UnitOfWork
from gateway.kernel.values import CosignedCheckpoint, SignedTreeHead, TreeHead
from gateway.ledger import note as notes
from gateway.ledger.note import VerificationKey
from gateway.ledger.witness import Refused, add_checkpoint

COSIGNED_A_MINUTE = 600
"""Checkpoints of one log that are cosigned in a minute."""

NO_WITNESS = "this gateway is no witness"


def cosign(ports: Ports, request: str) -> str:
    """The gateway's line for a checkpoint of a peer's log; Refused, HighWaterMarkUnavailable.

    What was cosigned is on disk before the line leaves. Where the log signed two trees of one size,
    the peer diverged.
    """
    if ports.witness is None or ports.witnessed is None:
        raise Refused(404, NO_WITNESS)
    with ports.begin(TransactionMode.READ) as work:
        peers = {one.slug: log_keys(one) for one in peers_here(work)}
    origins = {key.name: slug for slug, keys in peers.items() for key in keys}
    keys = [key for found in peers.values() for key in found]
    seen = _Cosigned(ports, ports.witnessed, origins)
    try:
        return add_checkpoint(request, keys, ports.witness, seen, ports.now())
    except Refused as refused:
        if refused.forked:
            known, shown = refused.forked
            diverge(ports, origins[known.partition("\n")[0]], known, shown)
        raise


def peers_here(work: UnitOfWork) -> list[Organisation]:
    """The peer gateways whose keys were compared, and that have not left."""
    found = map(work.organisations.get, work.organisations.peers())
    return [one for one in found if one and one.peer and one.status not in FINAL]


def log_keys(peer: Organisation) -> list[VerificationKey]:
    """The keys of a peer's log."""
    return [] if peer.peer is None else [*map(VerificationKey.parse, peer.peer.pins.log_keys)]


@dataclass(frozen=True)
class _Cosigned:
    """How far each log was cosigned: beside the high-water mark, where no backup brings it back."""

    ports: Ports
    marks: Callable[[str], HighWaterMark]
    origins: Mapping[str, str]

    def newest(self, origin: str) -> str | None:
        marked = self.marks(origin).read()
        if marked is not None:
            return marked.note
        with self.ports.begin(TransactionMode.READ) as work:
            if work.witnessed.any(origin):
                raise HighWaterMarkUnavailable(
                    f"how far the log {origin} was cosigned here is lost: bring it back, or resume "
                    "with that peer"
                )
        return None

    def advance(self, origin: str, seen: str | None, to: str) -> bool:
        text, lines = notes.split(to)
        checkpoint, mark, now = notes.parse_checkpoint(text), self.marks(origin), self.ports.now()
        head, marked = TreeHead(checkpoint.size, checkpoint.root), mark.read()
        if (marked and marked.note) != seen:
            return False
        same = marked is not None and marked.head == head
        with self.ports.begin(TransactionMode.READ) as work:
            if same and work.witnessed.has(origin, head.size, head.root):
                return True
        own = (notes.write_signature(one) for one in lines if one.name == origin)
        kept = SignedTreeHead(head, "".join([text, "\n", *own]))
        with self.ports.begin(TransactionMode.WRITE) as work:
            minute = f"cosign/{now:%Y-%m-%dT%H:%M}"
            if not work.budgets.consume(self.origins[origin], minute, COSIGNED_A_MINUTE):
                raise Refused(429, "this log grew too often in this minute")
            if not same and not mark.advance(marked, kept):
                return False
            work.witnessed.add(CosignedCheckpoint(origin, head.size, head.root, now))
            work.commit()
        return True


# --- A log with two histories --------------------------------------------------------------------


def diverge(ports: Ports, peer: str, known: str, shown: str) -> None:
    """Record that a peer's log has two histories, with a note of each, and suspend the peer."""
    with ports.begin(TransactionMode.REGISTRY) as work:
        found = work.organisations.get(peer)
        if found is None or found.peer is None or found.peer.diverged is not None:
            return
        event, today = ports.new_id(), ports.reference_date(ports.now())
        store_divergence(work, found, today.day, event)
        said = {"organisation": peer, "known": known, "shown": shown}
        record_by_gateway(ports, work, "peer.diverge", gateway_and(peer), said=said, event=event)
        work.commit()


def store_divergence(work: UnitOfWork, found: Organisation, day: date, event: UUID) -> None:
    """Store that a peer's log has two histories; while it is suspended only recalls pass."""
    if found.peer is None:
        raise ValueError("the organisation is no peer gateway")
    peer = replace(found.peer, diverged=event)
    if found.status is Status.ACTIVE:
        found = move_status(found, StatusChange.SUSPEND, day, event)
    work.organisations.save(replace(found, peer=peer, version=found.version + 1))


def resume(context: ChangeContext) -> Mapping[str, Any]:
    """Go on with a peer: from its next checkpoint on, where what was cosigned is lost."""
    found = context.organisation
    if found.peer is None:
        raise WrongState("the organisation is no peer gateway")
    peer = replace(found.peer, diverged=None)
    suspended_by = found.history[-1].event if found.status is Status.SUSPENDED else None
    if found.peer.diverged is not None and suspended_by == found.peer.diverged:
        found = move_status(found, StatusChange.REINSTATE, context.today, context.event)
    context.work.witnessed.forget(peer.pins.origin)
    context.save(replace(found, peer=peer))
    return {"organisation": found.slug, "status": str(found.status)}
