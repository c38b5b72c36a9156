"""Staff registers: an organisation enters and ends its persons; it alone knows who they are.

Two administrators enter the first ones. From then on the organisation keeps its register itself.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from operator import attrgetter
from typing import Any

from gateway.domain import staff
from gateway.domain.audit_event import Party
from gateway.domain.json_values import parse_date
from gateway.domain.refusals import SecondPersonRequired, ValidationFailed, WrongState
from gateway.evidence import canonical
from gateway.kernel import events
from gateway.kernel.changes import ChangeContext
from gateway.kernel.ports import Ports
from gateway.kernel.results import Page, collect_page, iterate, shown, to_json
from gateway.kernel.transact import (
    ActionRequest,
    RequestContext,
    WriteResult,
    authorize,
    deny_as_not_found,
    read,
    transact,
)
from gateway.kernel.values import Caller
from gateway.registry.results import StaffAdded, StaffEnded, StaffMember

ENTRIES = "entries"
"""The detail of an event that has the commitments of the entries that it is about, with their ends:
what stays of it when the subject, which names persons, has ended with its term."""

_SALT_BYTES = 16
_CHARACTERS = 4
_TWO = 2
_NEED_TWO_WHO_STAY = (
    "to end an approver or head takes two others in force as approver or head (approved_by), who "
    "stay: enter another one before, if there are no two others"
)
_NEED_TWO = (
    "an entry as approver or head needs two persons in force as approver or head (approved_by); "
    "the gateway's administrators enter the first two"
)


def add(ports: Ports, caller: Caller, key: str, asked: Mapping[str, Any]) -> WriteResult:
    """Enter persons, all or none; each gets a pseudonym.

    ``asked`` says ``by`` whom, and the roles and days of each of the ``entries``; ``approved_by``
    whom, where one approves, and whether they are ``temporary``. Raises ValidationFailed, and
    SecondPersonRequired for one that approves without two that agree.
    """
    by, approved_by = asked["by"], asked.get("approved_by", ())
    temporary = asked.get("temporary", False)
    persons = _persons(by, staff.ENTERING_TEMPORARILY if temporary else staff.ENTERING, approved_by)
    request = ActionRequest("staff.add", by, key, dict(asked), persons, registry=True)

    def act(context: RequestContext) -> Mapping[str, Any]:
        authorize(context, context.entity())
        make = partial(_entry, context, caller.organisation, temporary=temporary)
        entries = [make(one) for one in asked["entries"]]
        found = [staff.entry_error(one, context.today.day) for one in entries]
        if errors := [(f"/entries/{n}", error) for n, error in enumerate(found) if error]:
            raise ValidationFailed(errors)
        if any(one.roles & staff.APPROVING for one in entries) and len(set(approved_by)) < _TWO:
            raise SecondPersonRequired(_NEED_TWO)
        return _enter(context, entries, (Party(caller.organisation, "actor"),), approved_by)

    return transact(ports, caller, request, act)


def _persons(
    by: str, roles: frozenset[staff.RegisterRole], approved_by: Sequence[str]
) -> tuple[staff.NamedPerson, ...]:
    """Tell who asks, in one of the roles, and who agree."""
    return (
        staff.NamedPerson("/by", by, roles),
        *(
            staff.NamedPerson(f"/approved_by/{n}", one, staff.APPROVING)
            for n, one in enumerate(approved_by)
        ),
    )


@dataclass(frozen=True)
class StaffEnd:
    """Who ends an entry, and who agree."""

    by: str
    approved_by: tuple[str, ...] = ()


def end(ports: Ports, caller: Caller, key: str, person: str, wanted: StaffEnd) -> WriteResult:
    """End an entry at once; its pseudonym is never used again.

    Raises WrongState, and SecondPersonRequired for one that approves, unless two others agree: so
    that nobody ends the others, and two are left.
    """
    approved_by = wanted.approved_by
    asked = {"pseudonym": person, "approved_by": list(approved_by)}
    persons = _persons(wanted.by, staff.ENTERING, approved_by)
    request = ActionRequest("staff.end", wanted.by, key, asked, persons, registry=True)

    def act(context: RequestContext) -> Mapping[str, Any]:
        entry = _own(context, person)
        if entry.ends_at is not None and entry.ends_at <= context.now:
            raise WrongState("the entry ended before")
        if entry.roles & staff.APPROVING and len({*approved_by} - {person}) < _TWO:
            raise SecondPersonRequired(_NEED_TWO_WHO_STAY)
        context.work.staff.end(caller.organisation, person, context.now)
        ended = replace(entry, ends_at=context.now)
        _record(context, [ended], (Party(caller.organisation, "actor"),), approved_by)
        return dict(to_json(StaffEnded(context.event, person)))

    return transact(ports, caller, request, act)


def _own(context: RequestContext, person: str) -> staff.StaffEntry:
    """An entry of the caller's register that it may change; a denial when there is none."""
    authorize(context, context.entity())
    found = context.work.staff.named(context.caller.organisation, [person])
    return found[0] if found else deny_as_not_found()


def page(ports: Ports, caller: Caller, after: str, limit: int) -> Page[StaffMember]:
    """The caller's own register by pseudonym, with those that ended."""

    def query(context: RequestContext) -> Page[StaffMember]:
        authorize(context, context.entity())
        rows = partial(context.work.staff.page, caller.organisation)
        view = partial(_view, context)
        return collect_page(rows, attrgetter("pseudonym"), view, after, limit)

    return read(ports, caller, ActionRequest("staff.read"), query)


# --- The first persons of an organisation, by two administrators ---------------------------------


def read_roles(value: Any) -> tuple[frozenset[str], ...]:
    """The roles of each person, as "head,liaison"; ValueError unless two of them approve."""
    entries = tuple(frozenset(one.split(",")) for one in value)
    if not isinstance(value, list) or sum(bool(one & staff.APPROVING) for one in entries) < _TWO:
        raise ValueError
    if not all(one <= staff.ALL_ROLES for one in entries):
        raise ValueError
    return entries


def establish(context: ChangeContext) -> Mapping[str, Any]:
    """Enter the first persons of an organisation, two of them as approver or head.

    Also later ones, once fewer than two of those are left. Raises WrongState otherwise.
    """
    slug, request = context.organisation.slug, context.request
    held = iterate(partial(context.work.staff.page, slug), attrgetter("pseudonym"), "")
    approving = [
        one
        for one in held
        if one.roles & staff.APPROVING and one.in_force(context.today, context.now)
    ]
    if len(approving) >= _TWO:
        raise WrongState(
            "two approvers or heads are in force: the organisation keeps its register itself"
        )
    entries = [_entry(request, slug, {"roles": roles}) for roles in context.values["entries"]]
    return _enter(request, entries, events.gateway_and(slug))


# --- What both share -----------------------------------------------------------------------------


def _entry(
    context: RequestContext, organisation: str, one: Mapping[str, Any], *, temporary: bool = False
) -> staff.StaffEntry:
    """The entry without its pseudonym, which is drawn when it is stored."""
    return staff.StaffEntry(
        organisation=organisation,
        pseudonym="",
        roles=frozenset(one["roles"]),
        start=parse_date(one["from"]) if "from" in one else context.today.day,
        end=parse_date(one["until"]) if "until" in one else None,
        temporary=temporary,
        ends_at=context.now + staff.TEMPORARY if temporary else None,
        event=context.event,
        salt=context.ports.random(_SALT_BYTES).hex(),
    )


def _enter(
    context: RequestContext,
    entries: Iterable[staff.StaffEntry],
    parties: tuple[Party, ...],
    approved_by: Sequence[str] = (),
) -> Mapping[str, Any]:
    """Store entries and record them."""
    stored = [_store(context, one) for one in entries]
    _record(context, stored, parties, approved_by)
    return dict(to_json(StaffAdded(context.event, [_view(context, one) for one in stored])))


def _store(context: RequestContext, entry: staff.StaffEntry) -> staff.StaffEntry:
    """Draw pseudonyms until one was never used, and store the entry under it."""
    while True:
        drawn = staff.pseudonym(entry.organisation, context.ports.random(_CHARACTERS))
        named = replace(entry, pseudonym=drawn)
        if context.work.staff.add(named):
            return named


def _record(
    context: RequestContext,
    entries: Sequence[staff.StaffEntry],
    parties: tuple[Party, ...],
    approved_by: Sequence[str] = (),
) -> None:
    """Record entries for their organisation (and the gateway, where administrators made them)."""
    subject = {
        "entries": [
            {"pseudonym": one.pseudonym, "roles": sorted(one.roles), "temporary": one.temporary}
            for one in entries
        ],
        "approved_by": list(approved_by),
    }
    kept = [
        {"entry": one.commitment(), "ends_at": one.ends_at and one.ends_at.isoformat()}
        for one in entries
    ]
    commitments = events.shared(ENTRIES, canonical.encode(kept).decode(), parties)
    context.record(parties, events.subject(subject, *parties), commitments)


def _view(context: RequestContext, entry: staff.StaffEntry) -> StaffMember:
    return shown(
        StaffMember,
        entry,
        roles=sorted(entry.roles),
        from_=entry.start,
        until=entry.end,
        in_force=entry.in_force(context.today.day, context.now),
    )
