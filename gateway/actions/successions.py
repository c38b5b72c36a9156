"""What the two offices of a succession do: read it, and approve it, each for its part."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from gateway.actions.authorization import (
    GATEWAY,
    Request,
    Turn,
    Written,
    allows,
    authorize,
    missing,
    read,
    write,
)
from gateway.actions.ports import Ports
from gateway.actions.records import Caller, Logged
from gateway.actions.signed import Opened, check_signed
from gateway.domain.decision import Entity, succession_entity
from gateway.domain.facts import Detail, Party
from gateway.domain.refusals import DocumentRefused
from gateway.domain.succession import Approved, Succession
from gateway.evidence import canonical
from gateway.evidence.succession_approval import planned


@dataclass(frozen=True)
class Approval:
    """Who approves for an office, and the document by which it does, where it signs one itself."""

    by: str
    signed: Opened | None = None

    @property
    def kept(self) -> str | None:
        """The document as it is kept and shown: the person stays with the event."""
        return None if self.signed is None else self.signed.document.present(()).compact()


def approve(
    ports: Ports, caller: Caller, key: str, succession: UUID, approval: Approval
) -> Written:
    """Approve a succession for one's own office: both have to, before anything is re-issued.

    Raises WrongState (approved before, or cancelled), DocumentRefused for one that approves
    another plan, and the policy's denials. In a succession the gateway speaks in the
    predecessor's name: an office that is locked to what it signs itself signs its approval.
    """
    own = {} if approval.signed is None else {"signed": True}
    asked = {"succession": str(succession), **own}
    request = Request("succession.approve", approval.by, key, asked)

    def act(turn: Turn) -> Mapping[str, Any]:
        found = _authorized(turn, succession)
        check_signed(turn, approval.signed)
        _check_plan(found, approval.signed)
        given = Approved(approval.by, turn.event, approval.kept)
        approved = found.approve(caller.organisation, given)
        turn.work.successions.save(approved)
        _record(turn, approved, approval.signed)
        return told(approved)

    def again(turn: Turn, logged: Logged) -> Mapping[str, Any]:
        return told(_as_of(_authorized(turn, succession), logged.event.id))

    return write(ports, caller, request, act, again)


def _check_plan(succession: Succession, signed: Opened | None) -> None:
    """What was signed is what was planned, each word of it."""
    if signed is None:
        return
    said, wanted = planned(signed.verified.claims), planned(told(succession))
    if canonical.encode(said) != canonical.encode(wanted):
        raise DocumentRefused("the document approves another plan: read the succession anew")


def look_up(ports: Ports, caller: Caller, succession: UUID) -> dict[str, Any]:
    """A succession as one of its two offices may see it."""

    def look(turn: Turn) -> dict[str, Any]:
        return told(_authorized(turn, succession))

    return read(ports, caller, Request("succession.read"), look)


def index(ports: Ports, caller: Caller) -> list[dict[str, Any]]:
    """The successions in which the caller is one of the offices, oldest first: a handful."""

    def look(turn: Turn) -> list[dict[str, Any]]:
        found = turn.work.successions.of(caller.organisation)
        return [told(one) for one in found if allows(turn, _entity(turn, one))]

    return read(ports, caller, Request("succession.read"), look)


def _authorized(turn: Turn, succession: UUID) -> Succession:
    found = turn.work.successions.get(succession)
    if found is None or turn.caller.organisation not in found.offices:
        missing()
    authorize(turn, _entity(turn, found))
    return found


def _entity(turn: Turn, succession: Succession) -> Entity:
    offices = [turn.find(slug) for slug in succession.offices]
    predecessor, successor = (turn.entity(one) if one else missing() for one in offices)
    return succession_entity(succession, predecessor, successor)


def _as_of(succession: Succession, event: UUID) -> Succession:
    """The succession as it was right after an approval: ids of events follow each other in time."""

    def then(approved: Approved | None) -> Approved | None:
        return approved if approved is not None and approved.event <= event else None

    return replace(
        succession,
        by_predecessor=then(succession.by_predecessor),
        by_successor=then(succession.by_successor),
        applied=None,
        cancelled=None,
    )


def _record(turn: Turn, succession: Succession, signed: Opened | None) -> None:
    """Record an approval for the gateway and both offices, with the digest of its document."""
    turn.record(
        parties_of(succession),
        Detail("subject", subject_of(succession), frozenset({GATEWAY, *succession.offices})),
        statement_sha256=None if signed is None else signed.document.digest,
    )


def parties_of(succession: Succession, *others: str) -> tuple[Party, ...]:
    """The gateway, and whom a step of the whole succession concerns."""
    concerned = tuple(Party(one, "concerned") for one in (*succession.offices, *others))
    return (Party(GATEWAY, "gateway"), *concerned)


def subject_of(succession: Succession) -> str:
    """Which succession an event is about, in words of its own values."""
    named = {
        "succession": str(succession.id),
        "predecessor": succession.predecessor,
        "successor": succession.successor,
        "competence": succession.competence,
        "on": succession.day.isoformat(),
    }
    return canonical.encode(named).decode()


def told(succession: Succession) -> dict[str, Any]:
    """A succession in words; who approved it stays with each office."""
    return {
        "succession": str(succession.id),
        "predecessor": succession.predecessor,
        "successor": succession.successor,
        "competence": succession.competence,
        "on": succession.day.isoformat(),
        "read_until": succession.read_until.isoformat(),
        "legal_act": succession.legal_act,
        "consents_carry_over": succession.consents,
        "resolved_by": str(succession.resolved_by),
        "approvals": [
            {"office": office, "event": str(one.event), "statement": one.signed}
            for office, one in succession.approvals
            if one is not None
        ],
        "waits_for": [] if succession.over else list(succession.missing),
        "applied": str(succession.applied) if succession.applied else None,
        "cancelled": str(succession.cancelled) if succession.cancelled else None,
    }
