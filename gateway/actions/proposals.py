"""Changes in two steps: one person proposes and signs, another one signs later, and it is made.

So no two personal keys ever need to lie in one place. A proposal is good for as long as its
proposer's approval; when it is made, both approvals are judged again (R10).
"""

from collections.abc import Mapping
from operator import attrgetter
from typing import Any
from uuid import UUID

from gateway.actions import administration, approvals
from gateway.actions.authorization import (
    GATEWAY,
    Request,
    Turn,
    Written,
    authorize,
    missing,
    read,
    receipt_for,
)
from gateway.actions.errand import Errand, earlier, remember
from gateway.actions.listing import Listing, gather
from gateway.actions.organisations import LOG
from gateway.actions.ports import Caller, Mode, Ports, Proposal, Work
from gateway.actions.registry.desk import Change
from gateway.domain.decision import Entity, Question
from gateway.domain.facts import EVENTS, Detail, Fact, Party, Result
from gateway.domain.refusals import ApprovalRefused, Forbidden, NotFound, Stale
from gateway.evidence import canonical

REMEMBERED = approvals.LIVES * 10
"""How long after its end a proposal can still be looked up."""


def make(ports: Ports, change: Change, approval: str, errand: Errand | None = None) -> Written:
    """Keep a change that one person proposes and has signed; 72 hours are there to approve it.

    Raises Refused when the approval does not count, Invalid for what is no change.
    """
    administration.require_change(change)
    heard: list[str] = []
    try:
        return _make(ports, change, approval, errand, heard)
    except administration.RECORDED as refusal:
        raise administration.record_refusal(ports, change, refusal, tuple(heard)) from refusal


def _make(
    ports: Ports, change: Change, approval: str, errand: Errand | None, heard: list[str]
) -> Written:
    with ports.begin(Mode.REGISTRY) as work:
        logged = earlier(ports, work, change, errand)
        if logged is None:
            kept = _proposed(ports, work, change, approval, heard)
            work.proposals.prune(ports.now() - REMEMBERED)
            work.proposals.add(kept)
            _record(ports, work, change, kept)
            remember(ports, work, change, errand, kept.id)
            (logged,) = work.commit()
        else:
            kept = _kept(work, logged.event.id)
    return Written(_view(kept), receipt_for(ports, logged, GATEWAY))


def _proposed(
    ports: Ports, work: Work, change: Change, approval: str, heard: list[str]
) -> Proposal:
    """The proposal of a person whose approval counts now, and was not used."""
    given = approvals.verify(ports, work, approval, approvals.digest_of(change), heard)
    _require_allowed(ports, given.person)
    if work.retries.get(GATEWAY, f"approval/{given.person}/{given.jti}") is not None:
        raise ApprovalRefused("an approval was used before: sign anew")
    return Proposal(
        id=ports.new_id(),
        action=change.action,
        organisation=change.organisation,
        values=canonical.encode(dict(change.values)).decode(),
        proposer=given.person,
        approval=approval,
        expires_at=given.at + approvals.LIVES,
    )


def _kept(work: Work, proposal: UUID) -> Proposal:
    found = work.proposals.get(proposal)
    if found is None:
        raise Stale("the proposal that this key made ended long ago")
    return found


def _record(ports: Ports, work: Work, change: Change, kept: Proposal) -> None:
    typ, operation = EVENTS["proposal.make"]
    gateway = frozenset({GATEWAY})
    today = ports.legal_day(ports.now())
    work.log.record(
        Fact(
            id=kept.id,
            typ=typ,
            operation=operation,
            result=Result.ALLOWED,
            parties=(Party(GATEWAY, "gateway"),),
            details=(
                Detail("by", (kept.proposer,), gateway),
                Detail("subject", administration.told(change), gateway),
            ),
            simulated_date=today.day if today.simulated else None,
        )
    )


def _require_allowed(ports: Ports, person: str) -> None:
    principal = Entity("Person", person, {"enabled": True})
    decision = ports.policy.decide(Question(principal, "proposal.make", LOG, {"approvals": 1}))
    if not decision.allowed:
        raise Forbidden(" ".join(decision.reasons) or "policy does not allow it", decision.rules)


def approve(ports: Ports, proposal: UUID, approval: str, errand: Errand | None = None) -> Written:
    """Make a proposed change with another person's approval beside the proposer's.

    Raises Refused when one of the two does not count (any more), or the change is refused;
    NotFound for no such proposal. A refused change stays proposed until its time is over.
    """
    with ports.begin(Mode.READ) as work:
        found = work.proposals.get(proposal)
    if found is None:
        raise NotFound("there is no such proposal, or it ended long ago")
    change = change_of(found)
    signed = [found.approval, approval]
    return administration.administer(ports, change, signed, errand, proposal=proposal)


def change_of(proposal: Proposal) -> Change:
    """The change that is proposed: what an approval of it signs."""
    values = canonical.decode(proposal.values.encode())
    return Change(proposal.action, proposal.organisation, values)


def look_up(ports: Ports, caller: Caller, proposal: UUID) -> dict[str, Any]:
    """A proposal with its values, for an entrusted system: what the second person reads."""

    def look(turn: Turn) -> dict[str, Any]:
        require_entrusted(turn)
        found = turn.work.proposals.get(proposal)
        return missing() if found is None else _whole(found)

    return read(ports, caller, Request("registry.read"), look)


def page(
    ports: Ports, caller: Caller, after: UUID | None, limit: int
) -> Listing[Mapping[str, Any]]:
    """Proposals in the order in which they were made."""

    def look(turn: Turn) -> Listing[Mapping[str, Any]]:
        require_entrusted(turn)
        return gather(turn.work.proposals.page, attrgetter("id"), _view, after, limit)

    return read(ports, caller, Request("registry.read"), look)


def require_entrusted(turn: Turn) -> None:
    """Let only a system that two persons entrusted go on: policy says so, once more."""
    authorize(turn, LOG, {"entrusted": "admin" in turn.caller.scopes})


def _view(one: Proposal) -> dict[str, Any]:
    return {
        "proposal": str(one.id),
        "action": one.action,
        "organisation": one.organisation,
        "proposer": one.proposer,
        "expires_at": one.expires_at.isoformat(),
        "made_by": None if one.made_by is None else str(one.made_by),
    }


def _whole(one: Proposal) -> dict[str, Any]:
    return {**_view(one), "values": dict(change_of(one).values)}
