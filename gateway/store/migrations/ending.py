"""What the migration `end_what_left` ends: `casegate doctor` names it before, with who should hear.

The tables are those of 2d826964, whatever `tables.py` says today.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, text

_ENDS: Mapping[str, str] = {
    "reports owed of how a correction was applied": """
        SELECT organisation FROM duty WHERE kind = 'application' AND closed_at IS NULL""",
    "mandates of the function single_point_of_contact": """
        SELECT organisation FROM competence WHERE function = 'single_point_of_contact'
        AND coalesce("end", '9999') > :today""",
    "successions planned of such mandates": """
        SELECT predecessor, successor FROM succession WHERE applied IS NULL AND cancelled IS NULL
        AND competence LIKE 'single_point_of_contact/%'""",
    "the right to accept or open handoffs that were addressed to such mandates": """
        SELECT originator, recipient FROM handoff WHERE competence LIKE 'single_point_of_contact/%'
        AND state IN ('offered', 'accepted', 'partially_accepted')""",
    "recusals of persons": "SELECT organisation FROM staff WHERE recusals <> '[]'",
    "proposals of what can be done no more": """
        SELECT proposer FROM proposal WHERE (action = 'service_hours.set'
        OR "values" LIKE '%"single_point_of_contact_%')
        AND applied_event IS NULL AND withdrawal_event IS NULL""",
}
"""What is open, and who should hear of each."""

_CONTESTS = """
    SELECT handoff, since, organisation FROM duty
    WHERE kind IN ('confirmation', 'confirmation_in_danger') AND closed_at IS NULL"""
_EVENTS_OF_CONTESTS = """
    SELECT idx, at, handoff, words FROM log_facet
    WHERE words LIKE '%|typ:case.embargo_contested|%' ORDER BY idx"""


@dataclass(frozen=True)
class EndsWithUpgrade:
    """What ends with an upgrade: how many of it, and which organisations or persons should hear."""

    what: str
    count: int
    tell: frozenset[str]

    def __str__(self) -> str:
        """The sentence for the operator."""
        return f"the upgrade ends {self.what}: {self.count}; tell {', '.join(sorted(self.tell))}"


def endings(connection: Connection, today: date) -> Iterator[EndsWithUpgrade]:
    """All that is open, in a database of 2d826964 that was not upgraded yet."""
    for what, statement in _ENDS.items():
        rows = connection.execute(text(statement), {"today": today.isoformat()}).all()
        yield EndsWithUpgrade(what, len(rows), frozenset(one for row in rows for one in row))
    contested = _contested(connection)
    yield EndsWithUpgrade("contests of embargoes", len(contested), frozenset().union(*contested))
    members = connection.execute(text("SELECT slug, document FROM organisation"))
    hours = frozenset(slug for slug, said in members if json.loads(said).get("service_hours"))
    yield EndsWithUpgrade("service hours", len(hours), hours)


def _contested(connection: Connection) -> list[set[str]]:
    """The setter of each embargo that waits for an answer, and who contested it.

    A contest is two events, one after the other: of who contests, and of the setter, by the handoff
    that the duty is about.
    """
    told = connection.execute(text(_EVENTS_OF_CONTESTS)).all()
    words = {one.idx: one.words.split("|") for one in told}
    found = []
    for owed in connection.execute(text(_CONTESTS)):
        of_setter = (o.idx for o in told if o.handoff == owed.handoff and o.at >= owed.since)
        asked = words.get(next(of_setter, 0) - 1, [])
        by = {word.removeprefix("party:") for word in asked if word.startswith("party:")}
        found.append({owed.organisation, *by})
    return found
