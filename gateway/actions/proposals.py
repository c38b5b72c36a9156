"""Changes in two steps: one person proposes and signs, another one signs later, and it is made.

So no two personal keys ever need to lie in one place. A proposal is good for as long as its
proposer's approval; when it is made, both approvals are judged again (R10).
"""

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any
from uuid import UUID

from gateway.actions import administration, approvals, erasure
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
from gateway.actions.ports import Mode, Ports, Work
from gateway.actions.records import Caller, Proposal
from gateway.actions.registry import CHANGES
from gateway.actions.registry.desk import Change, Form
from gateway.domain.decision import Entity, Question
from gateway.domain.facts import Detail, Fact, Party, Result
from gateway.domain.refusals import ApprovalRefused, Forbidden, NotFound, Stale
from gateway.evidence import canonical

REMEMBERED = approvals.LIVES * 10
"""How long after its end a proposal can still be looked up."""

PROPOSABLE: Mapping[str, Form] = {
    **{action: kind.form for action, kind in CHANGES.items()},
    erasure.ACTION: erasure.FORM,
}
"""What one person may propose and another one make: all that takes no step of a key's own."""

UNKNOWN = "there is no such proposal, or it ended long ago"


def make(ports: Ports, change: Change, approval: str, errand: Errand | None = None) -> Written:
    """Keep a change that one person proposes and has signed; 72 hours are there to approve it.

    Raises Refused when the approval does not count, or a value is not of its form; Invalid for
    what is no change.
    """
    form, heard = administration.require_change(change, PROPOSABLE), list[str]()
    try:
        return _make(ports, change, form, approval, errand, heard=heard)
    except administration.RECORDED as refusal:
        raise administration.record_refusal(ports, change, refusal, tuple(heard)) from refusal


def _make(
    ports: Ports,
    change: Change,
    form: Form,
    approval: str,
    errand: Errand | None,
    *,
    heard: list[str],
) -> Written:
    with ports.begin(Mode.REGISTRY) as work:
        logged = earlier(ports, work, change, errand)
        if logged is None:
            kept = _proposed(ports, work, change, form, approval, heard=heard)
            work.proposals.prune(ports.now() - REMEMBERED)
            work.proposals.add(kept)
            _record(ports, work, change, action="proposal.make", event=kept.id, by=kept.proposer)
            remember(ports, work, change, errand, kept.id)
            (logged,) = work.commit()
        else:
            kept = _kept(work, logged.event.id)
    return Written(_view(kept), receipt_for(ports, logged, GATEWAY))


def _proposed(
    ports: Ports, work: Work, change: Change, form: Form, approval: str, *, heard: list[str]
) -> Proposal:
    """The proposal of a person whose approval counts now and was not used, if it has the form.

    What the values mean is judged when the change is made, on what is in the registry then.
    """
    given = approvals.verify(ports, work, approval, approvals.digest_of(change), heard)
    form.read(change.values)
    _require_allowed(ports, "proposal.make", given.person)
    approvals.require_unused(work, given)
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


def _record(ports: Ports, work: Work, change: Change, *, action: str, event: UUID, by: str) -> None:
    gateway = frozenset({GATEWAY})
    work.log.record(
        Fact(
            id=event,
            action=action,
            result=Result.ALLOWED,
            parties=(Party(GATEWAY, "gateway"),),
            details=(
                Detail("by", (by,), gateway),
                Detail("subject", administration.told(change), gateway),
            ),
            simulated_date=ports.legal_day(ports.now()).simulated_date,
        )
    )


def _require_allowed(ports: Ports, action: str, person: str) -> None:
    principal = Entity("Person", person, {"enabled": True})
    decision = ports.policy.decide(Question(principal, action, LOG, {"approvals": 1}))
    if not decision.allowed:
        raise Forbidden(" ".join(decision.reasons) or "policy does not allow it", decision.rules)


def withdrawal_of(proposal: UUID) -> Change:
    """What the proposer signs to withdraw a proposal."""
    return Change("proposal.withdraw", GATEWAY, {"proposal": str(proposal)})


def withdraw(ports: Ports, proposal: UUID, approval: str, errand: Errand | None = None) -> Written:
    """Take a proposal back: its proposer alone may, as long as it was not made.

    The approval by which it was proposed counts no more, whoever brings it. ``approval`` is of
    `withdrawal_of`. Raises Refused.
    """
    change, heard = withdrawal_of(proposal), list[str]()
    try:
        return _withdraw(ports, proposal, approval, heard, errand)
    except administration.RECORDED as refusal:
        raise administration.record_refusal(ports, change, refusal, tuple(heard)) from refusal


def _withdraw(
    ports: Ports,
    proposal: UUID,
    approval: str,
    heard: list[str],
    errand: Errand | None,
) -> Written:
    change, event = withdrawal_of(proposal), ports.new_id()
    with ports.begin(Mode.REGISTRY) as work:
        logged = earlier(ports, work, change, errand)
        if logged is None:
            (by,) = approvals.spend(ports, work, change, [approval], event=event, heard=heard)
            _require_allowed(ports, change.action, by)
            own = _own(work, proposal, by)
            administration.require_open(work, proposal)
            approvals.take_back(ports, work, own.approval, event)
            work.proposals.withdraw(proposal, event)
            _record(ports, work, change, action=change.action, event=event, by=by)
            remember(ports, work, change, errand, event)
            (logged,) = work.commit()
    result = {"event": str(logged.event.id), "proposal": str(proposal)}
    return Written(result, receipt_for(ports, logged, GATEWAY))


def _own(work: Work, proposal: UUID, person: str) -> Proposal:
    found = work.proposals.get(proposal)
    if found is None:
        raise NotFound(UNKNOWN)
    if found.proposer != person:
        raise ApprovalRefused("a proposal is withdrawn by the person who made it, and by no other")
    return found


def approve(ports: Ports, proposal: UUID, approval: str, errand: Errand | None = None) -> Written:
    """Make a proposed change with another person's approval beside the proposer's.

    Raises Refused when one of the two does not count (any more), or the change is refused;
    NotFound for no such proposal. A refused change stays proposed until its time is over.
    """
    with ports.begin(Mode.READ) as work:
        found = work.proposals.get(proposal)
    if found is None:
        raise NotFound(UNKNOWN)
    change = change_of(found)
    signed = [found.approval, approval]
    do = erasure.erase if change.action == erasure.ACTION else administration.administer
    return do(ports, change, signed, errand, proposal=proposal)


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
    ports: Ports, caller: Caller, after: UUID | None, limit: int, *, waiting: bool
) -> Listing[Mapping[str, Any]]:
    """Proposals, the newest first; of those that wait, or of all. ``after`` ended the last page."""

    def look(turn: Turn) -> Listing[Mapping[str, Any]]:
        require_entrusted(turn)
        now = turn.now if waiting else None

        def some(after: UUID | None, limit: int) -> Sequence[Proposal]:
            return turn.work.proposals.page(after, limit, now)

        return gather(some, attrgetter("id"), _view, after, limit)

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
        "withdrawn_by": None if one.withdrawn_by is None else str(one.withdrawn_by),
    }


def _whole(one: Proposal) -> dict[str, Any]:
    return {**_view(one), "values": dict(change_of(one).values)}
