"""Opening content: a consultation shows a presentation, and is an event with person and reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from gateway.actions.authorization import About, Turn
from gateway.actions.records import CaseVersion, Consultation
from gateway.actions.results import ConsultedContent
from gateway.domain.case import Element
from gateway.domain.facts import Detail, Party
from gateway.evidence import sd_jwt, statement

REASON_CODES = (
    "assessment",
    "investigation",
    "protection",
    "takedown",
    "quality",
    "legal_request",
    "export",
)
"""Why content is opened: the journal of consultations shows a reason (LED Art. 25)."""


@dataclass(frozen=True)
class Opening:
    """Who opens content, and why: a code and up to 200 characters."""

    by: str
    reason_code: str
    reason: str

    def asked(self) -> dict[str, Any]:
        """What a retry must repeat."""
        return {"reason_code": self.reason_code, "reason": self.reason}


def open_content(
    turn: Turn,
    opening: Opening,
    version: CaseVersion,
    *,
    shown: Mapping[str, Element],
    withheld: Sequence[str],
    handoff: UUID | None,
    parties: tuple[Party, ...],
) -> ConsultedContent:
    """Record the consultation of the parts ``shown`` (by digest), and give their presentation.

    ``withheld`` names the groups of which something was kept back.
    """
    reader = turn.caller.organisation
    groups = {part.group for part in shown.values()}
    turn.about = About(handoff=handoff, case_digest=version.digest)
    turn.work.handoffs.add_consultation(
        Consultation(turn.event, reader, handoff, version.digest, tuple(sorted(shown)))
    )
    turn.record(
        parties,
        Detail("reason", f"{opening.reason_code}: {opening.reason}", frozenset({reader})),
        Detail("groups", tuple(sorted(groups)), frozenset({reader})),
        package=statement.package(shown),
    )
    return presented(version, tuple(shown), withheld)


def presented(
    version: CaseVersion, shown: Sequence[str], withheld: Sequence[str]
) -> ConsultedContent:
    """The answer to a consultation."""
    return ConsultedContent(
        case=version.case,
        version=version.version,
        assurance=version.assurance,
        presentation=sd_jwt.parse(version.document).present(frozenset(shown)).compact(),
        package=statement.package(shown),
        withheld=sorted(withheld),
    )
