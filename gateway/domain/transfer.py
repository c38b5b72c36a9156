"""Third countries: who is outside, and whether data may go there on a day (R15)."""

from datetime import date

from gateway.domain.organisation import Organisation

INSIDE = frozenset(
    {"AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE"}
    | {"IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK"}
    | {"IS", "LI", "NO"}
)
"""The European Union, and with it Iceland, Liechtenstein and Norway: no other tool is needed."""


def is_transfer_barred(organisation: Organisation, day: date) -> bool:
    """Whether an organisation is in a third country, with no transfer tool valid on ``day``.

    An adequacy decision is such a tool too: it is recorded like the others.
    """
    if organisation.country in INSIDE:
        return False
    return not any(
        one.kind == "transfer" and one.period.holds(day) for one in organisation.agreements
    )
