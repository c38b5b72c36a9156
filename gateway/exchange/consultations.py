"""Opening content: a consultation shows a presentation, and is an event with person and reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from gateway.domain.audit_event import EventDetail, Party
from gateway.domain.case import Element
from gateway.evidence import handoff_documents, sd_jwt
from gateway.exchange.conditions import BindingConditions
from gateway.exchange.results import ContentPresentation
from gateway.kernel.transact import EventSubject, RequestContext
from gateway.kernel.values import CaseVersion, Consultation

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
"""Why content is opened: the journal of consultations shows a reason (LED Art. 25)."""


@dataclass(frozen=True)
class ConsultationRequest:
    """Who opens content, and why: a code and up to 200 characters.

    ``package`` is the number of a handoff's package, None for the newest.
    """

    by: str
    reason_code: str
    reason: str
    package: int | None = None

    def asked(self) -> dict[str, Any]:
        """What a retry must repeat."""
        named = {} if self.package is None else {"package": self.package}
        return {"reason_code": self.reason_code, "reason": self.reason, **named}


def record_consultation(
    context: RequestContext,
    opening: ConsultationRequest,
    version: CaseVersion,
    *,
    shown: Mapping[str, Element],
    withheld_groups: Sequence[str],
    binding: BindingConditions,
    handoff: UUID | None,
    parties: tuple[Party, ...],
    content_key: UUID | None = None,
) -> ContentPresentation:
    """Record the consultation of the parts ``shown`` (by digest), and give their presentation.

    ``withheld_groups`` names the groups of which something was kept back. The reason ends with the
    key of its case, or with the ``content_key``.
    """
    reader = context.caller.organisation
    groups = {part.group for part in shown.values()}
    context.about = EventSubject(handoff=handoff, case_digest=version.digest)
    informed = any(party.role == "originator" for party in parties)
    context.work.handoffs.add_consultation(
        Consultation(context.event, reader, handoff, version.digest, tuple(sorted(shown)), informed)
    )
    context.record(
        parties,
        EventDetail("reason_code", opening.reason_code, frozenset({reader})),
        EventDetail("reason", opening.reason, frozenset({reader}), content_key=content_key),
        EventDetail("groups", tuple(sorted(groups)), frozenset({reader})),
        package_digest=handoff_documents.package_digest(shown),
    )
    return to_json(version, tuple(shown), withheld_groups, binding)


def to_json(
    version: CaseVersion,
    shown: Sequence[str],
    withheld_groups: Sequence[str],
    binding: BindingConditions,
) -> ContentPresentation:
    """The answer to a consultation."""
    return ContentPresentation(
        case=version.case,
        version=version.version,
        assurance=version.assurance,
        presentation=sd_jwt.parse(version.document).present(frozenset(shown)).compact(),
        package_digest=handoff_documents.package_digest(shown),
        withheld_groups=sorted(withheld_groups),
        **vars(binding),
    )
