"""Read only: what nobody can do any more, and what an earlier log, database or file may still say.

Whatever reads (rebuild, fold, client, verifier, search) goes on knowing what stands here; whatever
writes does not. What ended, and with which version, is in CHANGELOG.md.
"""

from collections.abc import Collection, Mapping

EVENTS: Mapping[str, tuple[str, str]] = {
    "staff.recuse": ("staff.recused", "registry_change"),
    "registry.consult": ("registry.consulted", "consultation"),
    "service_hours.set": ("service_hours.set", "registry_change"),
    "case.contest_embargo": ("case.embargo_contested", "alteration"),
    "case.confirm_embargo": ("case.embargo_confirmed", "alteration"),
}
"""By its former action, the event that it became and the kind of its operation."""

MOVES: Collection[tuple[str, str, str]] = (
    ("accepted", "withdraw", "withdrawn"),
    ("partially_accepted", "withdraw", "withdrawn"),
)
"""Moves of a handoff: its state, the move, the state after it. Who withdrew what was accepted (with
a reservation, before any consultation) left its recipient holding nothing."""

FUNCTIONS = ("single_point_of_contact",)
"""Functions of a mandate."""

EMBARGO_REASONS = ("judge",)
"""Reasons of an embargo: an authority ordered one for longer than `[embargo] longest_days`."""
