"""Opening content: a consultation shows a presentation, and is an event with person and reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from gateway.domain.audit_event import EventDetail, Party
from gateway.domain.case import Element
from gateway.domain.handoff import Handoff
from gateway.domain.json_values import Asked
from gateway.domain.refusals import EditConflict
from gateway.evidence import handoff_documents, sd_jwt
from gateway.exchange.results import ContentPresentation
from gateway.exchange.standing.conditions import BindingConditions
from gateway.kernel.events import EventSubject
from gateway.kernel.request import RequestContext
from gateway.kernel.values import CaseVersion, Consultation, LoggedEvent


@dataclass(frozen=True)
class ConsultationRequest(Asked):
    """Who opens content, and why: a code and up to 200 characters.

    ``package`` is the number of a handoff's package, None for the newest.
    """

    by: str
    reason_code: str
    reason: str
    package: int | None = None


@dataclass(frozen=True)
class OpenedContent:
    """What may be opened now: which parts of a version are ``shown`` (by digest), under which
    conditions, and who hears of it.

    ``in_danger``: before an acceptance (R16). ``withheld_groups`` names the groups of which
    something was kept back, ``beside`` has the fields of the answer that only a handoff has. The
    reason ends with the key of its case, or with the ``content_key``.
    """

    version: CaseVersion
    shown: Mapping[str, Element]
    binding: BindingConditions
    parties: tuple[Party, ...]
    handoff: Handoff | None = None
    in_danger: bool = False
    withheld_groups: Sequence[str] = ()
    beside: Mapping[str, Any] = field(default_factory=dict)
    content_key: UUID | None = None

    def present(self) -> ContentPresentation:
        """The answer to the consultation."""
        document = sd_jwt.parse_stored(self.version.document)
        reader = self.version.originator if self.handoff is None else self.handoff.recipient
        return ContentPresentation(
            case=self.version.case,
            version=self.version.version,
            assurance=self.version.assurance_for(reader),
            presentation=document.present(frozenset(self.shown)).compact(),
            package_digest=handoff_documents.package_digest(self.shown),
            withheld_groups=sorted(self.withheld_groups),
            **vars(self.binding),
            **self.beside,
        )


def record_consultation(
    context: RequestContext, opening: ConsultationRequest, opened: OpenedContent
) -> ContentPresentation:
    """Record that the caller consults what is ``opened``, and present it."""
    reader = context.caller.organisation
    own = frozenset({reader})
    handoff = None if opened.handoff is None else opened.handoff.id
    digest, shown = opened.version.digest, tuple(sorted(opened.shown))
    informed = any(party.role == "originator" for party in opened.parties)
    context.about = replace(EventSubject.of_version(opened.version), handoff=handoff)
    context.work.handoffs.add_consultation(
        Consultation(context.event, reader, handoff, digest, shown, informed)
    )
    context.record(
        opened.parties,
        EventDetail("reason_code", opening.reason_code, own),
        EventDetail("reason", opening.reason, own, content_key=opened.content_key),
        EventDetail("groups", tuple(sorted({part.group for part in opened.shown.values()})), own),
        package_digest=handoff_documents.package_digest(shown),
    )
    return opened.present()


def repeat_consultation(
    context: RequestContext, logged: LoggedEvent, opened: OpenedContent
) -> ContentPresentation:
    """Present again what a consultation showed. Raises EditConflict when that has changed."""
    before = context.work.handoffs.consultation(logged.event.id)
    if (
        before is None
        or before.case_digest != opened.version.digest
        or set(before.shown) != opened.shown.keys()
    ):
        raise EditConflict("what may be shown has changed: consult again under a new key")
    return opened.present()
