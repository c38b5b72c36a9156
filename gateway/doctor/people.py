"""What persons owe or have to decide: parties of handoffs, administrators."""

from gateway.doctor.reading import Examined, Findings, minute
from gateway.domain.duty import LONGEST_PAUSE
from gateway.domain.health import Level, missed_reviews
from gateway.domain.organisation import ENOUGH_ADMINISTRATORS
from gateway.domain.worklist import number_of
from gateway.maintenance.health import keys_here
from gateway.registry import queries


def administrators(gateway: Examined) -> Findings:
    """Tell whether one could be disabled by two others, and each alone has their key."""
    with gateway.read_rows() as work:
        enabled = [person for person in work.organisations.persons() if person.enabled]
        here = keys_here(gateway.config, work)
    if here:
        yield (
            Level.WARNING,
            f"keys of {len(here)} enabled administrators are on this machine, and who reads it is "
            f"all of them: give each their key, and delete it here ({', '.join(map(str, here))})",
        )
    if len(enabled) < ENOUGH_ADMINISTRATORS:
        yield (
            Level.WARNING,
            f"{len(enabled)} administrators: none of them can be disabled, for two others must do "
            "it; add a third one (docs/administrators.md)",
        )
    else:
        yield Level.OK, f"{len(enabled)} administrators: two can disable a third"


def due(gateway: Examined) -> Findings:
    """Tell whether parties of handoffs are late, and maintenance looks after it."""
    with gateway.read_rows() as work:
        overdue, clock = work.duties.overdue(gateway.now), work.duties.clock()
    if clock is not None and gateway.now - clock.swept_at > LONGEST_PAUSE:
        yield (
            Level.WARNING,
            f"nothing is reminded of since {minute(clock.swept_at)}: start maintenance",
        )
    if overdue:
        search = "casegate audit search --action handoff.mark_overdue"
        yield (
            Level.WARNING,
            f"duties of members overdue: {number_of(overdue)}; telephone them; `{search}` tells an "
            "auditor who owes",
        )
    else:
        yield Level.OK, "no duty of a member is overdue"


def log_holds(gateway: Examined) -> Findings:
    """Return what suspends the terms of the log, and whether it was looked at in time."""
    with gateway.read_rows() as work:
        holds = work.log_terms.holds()
    today = gateway.now.astimezone(gateway.config.civil_time_zone).date()
    missed = missed_reviews(holds, today)
    for sentence in missed:
        yield Level.WARNING, sentence
    if not missed:
        yield Level.OK, f"log holds in force: {len(holds)}; none waits for its review"


def waiting(gateway: Examined) -> Findings:
    """Return what waits for administrators."""
    with gateway.read_rows() as work:
        proposals, organisations = queries.waiting(work, gateway.now)
    if proposals or organisations:
        yield (
            Level.OK,
            f"{proposals} proposals and {organisations} organisations wait for administrators: see "
            "`casegate admin waiting`",
        )
    else:
        yield Level.OK, "nothing waits for administrators"
