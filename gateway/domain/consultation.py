"""Consultations by the police: of which of them a private originator learns.

Each one says that somebody works on the case, and when. The police's own stream has them all.
"""

from enum import StrEnum


class ConsultationNotice(StrEnum):
    """Of which consultations by the police the event is one of a private originator's, too."""

    NONE = "none"
    FIRST = "first"
    EACH = "each"


def informs_originator(
    notice: ConsultationNotice,
    *,
    originator_is_public: bool,
    reader_is_police: bool,
    embargoed: bool,
    informed_before: bool,
) -> bool:
    """Whether the originator of a handoff is a party of a consultation by its recipient.

    ``informed_before``: it was one of an earlier consultation of the handoff. Under an embargo a
    private originator learns of none: that somebody looks would announce what is planned (R7).
    """
    if originator_is_public or not reader_is_police:
        return True
    if embargoed or notice is ConsultationNotice.NONE:
        return False
    return notice is ConsultationNotice.EACH or not informed_before
