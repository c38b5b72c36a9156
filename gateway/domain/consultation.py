"""Why content is opened: the reason codes of consultations."""

IMMINENT_DANGER = "imminent_danger"
"""Opens the least that a rescue needs before acceptance, and asks for a review (R16)."""

SUPERSEDED = "superseded_package"
"""Why an older package of a handoff is opened, which a newer one replaced."""

OF_MARKS = ("evidence", "legal_claim", "rights_request")
"""Why a marked element is opened, of whichever package; R13.mark names them, and danger too."""

RECALL_REVIEW = "recall_review"
"""Why a law enforcement authority opens what was recalled, to answer the recall (R13)."""

RETENTION = "retention"
"""Why a holder opens what it keeps on a legal basis of its own, after a recall or the erasure."""

REASON_CODES = (
    "assessment",
    "investigation",
    "protection",
    "take_down",
    "quality",
    "legal_request",
    "export",
    "in_proceedings",
    IMMINENT_DANGER,
    "rights_request",
    "evidence",
    "legal_claim",
    SUPERSEDED,
    RECALL_REVIEW,
    RETENTION,
)
"""Why content is opened: the log of consultations shows a reason (LED Art. 25)."""
