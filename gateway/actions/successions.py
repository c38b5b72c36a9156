"""What the two offices of a succession do: read it, and approve it, each for its part."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from gateway.actions.authorization import (
    GATEWAY,
    Request,
    Turn,
    Written,
    authorize,
    missing,
    read,
    write,
)
from gateway.actions.ports import Caller, Logged, Ports
from gateway.actions.signed import check_signed
from gateway.domain.decision import Entity, succession_entity
from gateway.domain.facts import Detail, Party
from gateway.domain.succession import Approved, Succession
from gateway.evidence import canonical


def approve(ports: Ports, caller: Caller, key: str, succession: UUID, by: str) -> Written:
    """Approve a succession for one's own office: both have to, before anything is re-issued.

    Raises WrongState (approved before), and the policy's denials; an office that is locked to
    what it signs itself is refused, for in a succession the gateway speaks in its name.
    """
    request = Request("succession.approve", by, key, {"succession": str(succession)})

    def act(turn: Turn) -> Mapping[str, Any]:
        found = _authorized(turn, succession)
        check_signed(turn, None)
        approved = found.approve(caller.organisation, Approved(by, turn.event))
        turn.work.successions.save(approved)
        _record(turn, approved)
        return told(approved)

    def again(turn: Turn, logged: Logged) -> Mapping[str, Any]:
        return told(_as_of(_authorized(turn, succession), logged.event.id))

    return write(ports, caller, request, act, again)


def look_up(ports: Ports, caller: Caller, succession: UUID) -> dict[str, Any]:
    """A succession as one of its two offices may see it."""

    def look(turn: Turn) -> dict[str, Any]:
        return told(_authorized(turn, succession))

    return read(ports, caller, Request("succession.read"), look)


def index(ports: Ports, caller: Caller) -> list[dict[str, Any]]:
    """The successions in which the caller is one of the offices, oldest first: a handful."""

    def look(turn: Turn) -> list[dict[str, Any]]:
        found = turn.work.successions.of(caller.organisation)
        for one in found:
            authorize(turn, _entity(turn, one))
        return [told(one) for one in found]

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


def _record(turn: Turn, succession: Succession) -> None:
    """Record an approval for the gateway and both offices."""
    turn.record(
        parties_of(succession),
        Detail("subject", subject_of(succession), frozenset({GATEWAY, *succession.offices})),
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
        "waits_for": [] if succession.over else list(succession.missing),
        "applied": str(succession.applied) if succession.applied else None,
        "cancelled": str(succession.cancelled) if succession.cancelled else None,
    }
