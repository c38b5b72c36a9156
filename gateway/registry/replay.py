"""The registry as the log's events make it: each recorded change is made again, from its event.

The table of changes says once what a change does. It is asked again here, so a new change is made
again without a second description, and so is how many administrators of that moment its event has
to name. Policy is not, nor are their signatures, which no event holds: the signed log says that
they were.
"""

import json
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import partial
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

from gateway.domain.audit_event import EVENT_TYPES, EventResult
from gateway.domain.organisation import Administrator
from gateway.domain.timestamp import parse_date, parse_timestamp
from gateway.evidence import event
from gateway.kernel.actors import GatewayItself
from gateway.kernel.changes import APART, UNKNOWN, Change, ChangeContext, ChangeType
from gateway.kernel.fields import read_fields
from gateway.kernel.ports import Ports, UnitOfWork
from gateway.kernel.transact import ActionRequest, RequestContext
from gateway.kernel.values import LoggedEvent, ReferenceDate
from gateway.registry import issuing
from gateway.registry.table import CHANGES


class Replay:
    """Makes the changes of logged events again, in the log's order."""

    def __init__(self, issuer: str, civil_day: Callable[[datetime], date]) -> None:
        """``issuer`` is the gateway's address, ``civil_day`` the day of a moment where it is."""
        self._ports = cast(Ports, SimpleNamespace(issuer=issuer))  # a change asks for nothing else
        self._civil_day = civil_day

    def __call__(self, logged: LoggedEvent, work: UnitOfWork) -> None:
        """Make the change of one event in ``work``; nothing for one that changed nothing.

        Raises what the change itself raises, and KeyError or ValueError where its event does not
        say what it was.
        """
        told = event.read(logged.event.document)
        change = _CHANGES.get(told["type"])
        if change is None or told["result"] != EventResult.ALLOWED:
            return
        details = {one.kind: one.value for one in logged.event.disclosures}
        now = parse_timestamp(told["time"])
        simulated = told.get("simulated_date")
        day = self._civil_day(now) if simulated is None else parse_date(simulated)
        context = RequestContext(
            ports=self._ports,
            work=work,
            actor=GatewayItself(),
            request=ActionRequest(told["type"]),
            now=now,
            today=ReferenceDate(day),
            event=logged.event.id,
            persons=tuple(details.get("by", ())),
        )
        change(context, json.loads(details["subject"]))


class NotApproved(ValueError):
    """The event of a change names too few administrators, or someone who was none."""


def _require_approved(context: RequestContext, kind: ChangeType) -> None:
    """Require as many administrators as the table says, each enabled when the change was made."""
    named = [context.work.organisations.person(one) for one in set(context.persons)]
    if len(named) < kind.persons or not all(one is not None and one.enabled for one in named):
        raise NotApproved("the change was not approved by administrators of that moment")


def _make(action: str, context: RequestContext, said: dict[str, Any]) -> None:
    kind, organisation = CHANGES[action], said.pop("organisation")
    _require_approved(context, kind)
    found = context.work.organisations.get(organisation)
    apart = APART.get(action, frozenset())
    told = [field for field in kind.fields if field.name not in apart]
    values = {**dict.fromkeys(apart), **read_fields(told, said)}
    change = Change(action, organisation, said)
    kind.apply(ChangeContext(context, change, values, found, context.persons))


def _create(context: RequestContext, said: Mapping[str, Any]) -> None:
    for person in said["persons"]:
        context.work.organisations.add_person(Administrator(**person))


def _issue(context: RequestContext, said: Mapping[str, Any]) -> None:
    context.work.organisations.add_certificate(issuing.recorded_certificate(said))


def _enrol(context: RequestContext, said: Mapping[str, Any]) -> None:
    member = context.work.organisations.get(said["organisation"])
    if member is None:
        raise ValueError(UNKNOWN)
    issuing.enrol(context.work, member, context.today.day, context.event)


def _redeem(context: RequestContext, said: Mapping[str, Any]) -> None:
    invitation = context.work.invitations.get(UUID(said["invitation"]))
    if invitation is None:
        raise ValueError("there is no such invitation")
    context.work.invitations.save(invitation.use(said["key"], context.event, context.now))


def _apply_succession(context: RequestContext, said: Mapping[str, Any]) -> None:
    succession = context.work.successions.get(UUID(said["succession"]))
    if succession is None:
        raise ValueError("there is no such succession")
    context.work.successions.save(succession.end(context.event))


_Redo = Callable[[RequestContext, dict[str, Any]], None]
_ACTIONS: Mapping[str, _Redo] = {
    # Contacts decide nothing, and end; a staff register is its organisation's own.
    **{
        one: partial(_make, one) for one in CHANGES if one not in ("contact.set", "staff.establish")
    },
    "gateway.create": _create,
    "certificate.issue": _issue,
    "organisation.enrol": _enrol,
    "invitation.redeem": _redeem,
    "succession.apply": _apply_succession,
}
_CHANGES = {EVENT_TYPES[action][0]: redo for action, redo in _ACTIONS.items()}
