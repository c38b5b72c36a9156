"""Administrators: how many there are, where their keys are, what waits for them."""

from gateway.doctor.reading import Examined, Findings
from gateway.domain.health import Level
from gateway.domain.organisation import ENOUGH_ADMINISTRATORS
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
