"""What the migration `end_what_left` ends: `casegate doctor` names it before, with who should hear.

The tables are those of 2d826964, whatever `tables.py` says today.
"""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date

from sqlalchemy import (
    ColumnElement,
    Connection,
    TableClause,
    and_,
    column,
    null,
    or_,
    select,
    table,
)

FUNCTION = "single_point_of_contact"
"""The function whose mandates are in force no more; their rows stay, as their events say."""

_CONTESTED = "typ:case.embargo_contested"


def _table(name: str, columns: str) -> TableClause:
    return table(name, *map(column, columns.split()))


duty = _table("duty", "handoff kind organisation since due_at closed_at")
handoff = _table("handoff", "id originator recipient competence state due_at")
proposal = _table("proposal", "action values proposer applied_event withdrawal_event")
organisation = _table("organisation", "slug document")
_mandate = _table("competence", "organisation function end")
_succession = _table("succession", "predecessor successor competence applied cancelled")
_staff = _table("staff", "organisation recusals")
_facet = _table("log_facet", "idx at words handoff")

_open = duty.c.closed_at == null()
_of_contest = duty.c.kind.in_(("confirmation", "confirmation_in_danger"))
_of_application = duty.c.kind == "application"
DUTIES: ColumnElement[bool] = or_(_of_contest, _of_application)
OPEN_DUTIES = and_(DUTIES, _open)
PROPOSALS = or_(
    proposal.c.action == "service_hours.set",
    proposal.c["values"].like(f'%"{FUNCTION}"%'),
    proposal.c["values"].like(f'%"{FUNCTION}/%'),
)


@dataclass(frozen=True)
class Ending:
    """What ends with an upgrade: how many of it, and which organisations or persons should hear."""

    what: str
    count: int
    tell: Collection[str]

    def __str__(self) -> str:
        """The sentence for the operator."""
        return f"the upgrade ends {self.what}: {self.count}; tell {', '.join(sorted({*self.tell}))}"


def endings(connection: Connection, today: date) -> Iterator[Ending]:
    """All that is open, in a database of 2d826964 that was not upgraded yet."""

    def found(
        what: str, shown: tuple[ColumnElement[str], ...], *where: ColumnElement[bool]
    ) -> Ending:
        rows = connection.execute(select(*shown).where(*where)).all()
        return Ending(what, len(rows), {one for row in rows for one in row})

    yield found(
        "reports owed of how a correction was applied",
        (duty.c.organisation,),
        _of_application,
        _open,
    )
    contested = _contested(connection)
    yield Ending("contests of embargoes", len(contested), set().union(*contested))
    yield found(
        f"mandates of the function {FUNCTION}",
        (_mandate.c.organisation,),
        _mandate.c.function == FUNCTION,
        or_(_mandate.c.end == null(), _mandate.c.end > today.isoformat()),
    )
    yield found(
        "successions planned of such mandates",
        (_succession.c.predecessor, _succession.c.successor),
        _succession.c.competence.like(f"{FUNCTION}/%"),
        _succession.c.applied == null(),
        _succession.c.cancelled == null(),
    )
    yield found(
        "the right to accept or open handoffs that were addressed to such mandates",
        (handoff.c.originator, handoff.c.recipient),
        handoff.c.competence.like(f"{FUNCTION}/%"),
        handoff.c.state.in_(("offered", "accepted", "partially_accepted")),
    )
    yield found("recusals of persons", (_staff.c.organisation,), _staff.c.recusals != "[]")
    members = connection.execute(select(organisation.c.slug, organisation.c.document))
    hours = {slug for slug, said in members if json.loads(said).get("service_hours")}
    yield Ending("service hours", len(hours), hours)
    yield found(
        "proposals of what can be done no more",
        (proposal.c.proposer,),
        PROPOSALS,
        proposal.c.applied_event == null(),
        proposal.c.withdrawal_event == null(),
    )


def _contested(connection: Connection) -> list[set[str]]:
    """The setter of each embargo that waits for an answer, and who contested it.

    A contest is two events, one after the other: of who contests, and of the setter, by the handoff
    that the duty is about.
    """
    events = select(_facet).where(_facet.c.words.like(f"%|{_CONTESTED}|%")).order_by(_facet.c.idx)
    told = connection.execute(events).all()
    words = {one.idx: one.words.split("|") for one in told}
    found = []
    for owed in connection.execute(select(duty).where(_of_contest, _open)):
        of_setter = (o.idx for o in told if o.handoff == owed.handoff and o.at >= owed.since)
        asked = words.get(next(of_setter, 0) - 1, [])
        by = {word.removeprefix("party:") for word in asked if word.startswith("party:")}
        found.append({owed.organisation, *by})
    return found
