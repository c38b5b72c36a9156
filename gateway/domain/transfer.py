"""Third countries (R15): who is in one, and what lets data go there."""

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
    return organisation.country not in INSIDE and transfer_tool(organisation, day) is None


def transfer_tool(organisation: Organisation, day: date) -> str | None:
    """The reference of what lets data go to an organisation in a third country on ``day``; None
    where nothing does, or no tool is needed."""
    if organisation.country in INSIDE:
        return None
    tools = (one for one in organisation.agreements if one.kind == "transfer")
    return next((one.reference for one in tools if one.period.holds(day)), None)


DEROGATIONS = {
    "gdpr": "derogation: Art. 49(1)(f) GDPR",
    "led": "derogation: Art. 38(1)(a) LED",
}
"""By regime, what an offer names in place of a transfer tool where somebody's life is in danger."""


def is_derogation(tool: str | None) -> bool:
    """Whether an offer went to a third country by a derogation, and by no transfer tool."""
    return tool in DEROGATIONS.values()
