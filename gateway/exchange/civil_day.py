"""The civil day by which content is erased and kept."""

from datetime import date, datetime

from gateway.kernel.ports import Ports


def civil_day(ports: Ports, now: datetime) -> date:
    """Today in the gateway's civil time zone; a simulated date neither hastens nor puts off."""
    today = ports.reference_date(now)
    return now.date() if today.simulated else today.day
