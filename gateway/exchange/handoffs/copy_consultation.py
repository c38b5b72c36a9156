"""Open the copy that a holder retains of a case that was erased (`lifecycle.copies_at_erasure`)."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from gateway.domain.audit_event import Party
from gateway.domain.handoff import Handoff
from gateway.domain.refusals import CaseErased
from gateway.domain.standing import Closed, Standing
from gateway.domain.vocabulary import marking_of
from gateway.evidence import sd_jwt
from gateway.exchange.results import Conditions, RetainedDocument, TightenedElement
from gateway.exchange.standing.case_version import elements
from gateway.exchange.standing.conditions import BindingConditions
from gateway.exchange.standing.consultations import OpenedContent
from gateway.exchange.standing.differences import is_copy_kept_as_stated, refuse_differing
from gateway.exchange.standing.disclosure import Reader, select_disclosures
from gateway.kernel.request import RequestContext
from gateway.kernel.values import CaseVersion


def open_copy(context: RequestContext, standing: Standing, reason_code: str) -> OpenedContent:
    """The copy of a holder, as policy lets it be opened today.

    Raises CaseErased when its key is destroyed, CaseKeysUnavailable.
    """
    found = standing.handoff
    copy = context.work.retentions.copy(found.id)
    if copy is None:
        raise CaseErased(Closed.NO_COPY)
    content = json.loads(copy.content)
    if not is_copy_kept_as_stated(standing, content["documents"]):
        refuse_differing(context, found, ("retention",))
    originator = context.require(found.originator)
    # Under the markings that decided on the day of the erasure, and the measures that hold still.
    markings, presented = content["markings"], sd_jwt.read_stored(content["presentation"])
    parts = {
        digest: one._replace(marking=marking_of(markings[digest]))
        for digest, one in elements(presented, originator, standing.measures).items()
    }
    # What is retained is the holder's own, whatever became of its mandate.
    own, competence = context.entity(), found.address.competence
    reader = Reader(own, competence, found.purpose, read_access=True, reason_code=reason_code)
    permitted, withheld = select_disclosures(
        context.ports.policy, parts, context.entity(originator), reader
    )
    return OpenedContent(
        version=_version(found, content),
        shown={digest: parts[digest] for digest in permitted},
        withheld_groups=withheld,
        binding=_binding(content),
        parties=(Party(found.recipient, "recipient"),),
        handoff=found,
        beside={
            "retained": True,
            "package": content["package"],
            "documents": [RetainedDocument(*one) for one in content["documents"]],
        },
        content_key=copy.content_key,
    )


def _version(handoff: Handoff, content: Mapping[str, Any]) -> CaseVersion:
    """The version that was copied, with what the holder accepted of it."""
    return CaseVersion(
        originator=handoff.originator,
        case=handoff.case,
        version=content["version"],
        digest=content["digest"],
        assurance=content["assurance"],
        event=UUID(content["event"]),
        summary={},
        document=content["presentation"],
    )


def _binding(content: Mapping[str, Any]) -> BindingConditions:
    """The conditions that bound on the day of the erasure."""
    return BindingConditions(
        Conditions(content["conditions"]),
        content["tightened_by"] and UUID(content["tightened_by"]),
        [TightenedElement(**one) for one in content["tightened_elements"]],
    )
