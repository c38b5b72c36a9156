"""Content that a consultation opened: believed when presentation, receipt and offer agree."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.client import documents
from gateway.client.connection import PartnerConnection
from gateway.client.documents import VerifiedOffer, require
from gateway.client.session import ConfirmedWrite, list_of
from gateway.domain.case import case_from_claims
from gateway.evidence import handoff_documents, sd_jwt
from gateway.evidence.handoff_documents import CASE_TYP


@dataclass(frozen=True)
class ConsultedContent:
    """Content that a consultation opened.

    ``content`` is the case JSON of what is shown, ``presentation`` the signed text behind it,
    ``withheld`` the groups of which something was kept back, ``assurance`` attested or signed.
    """

    content: Mapping[str, Any]
    presentation: str
    author: str
    assurance: str
    withheld: tuple[str, ...]
    written: ConfirmedWrite


def read_content(
    written: ConfirmedWrite, connection: PartnerConnection, offered: VerifiedOffer | None = None
) -> ConsultedContent:
    """A consultation's content, once presentation, receipt and offer fit together."""
    result, event = written.result, written.confirmed.event
    case = documents.open_ours(result.get("presentation"), CASE_TYP, connection)
    if offered is not None:
        documents.check_presentation(case, offered.offer)
    package = handoff_documents.package_digest(documents.shown_digests(case))
    require(event.get("package") == package, "the receipt is for another set of parts")
    require(
        event.get("case_digest") == case.document.digest,
        "the receipt is for another version of the case",
    )
    return ConsultedContent(
        content=case_from_claims(sd_jwt.merge_disclosures(case.verified)),
        presentation=case.document.compact(),
        author=case.author,
        assurance="attested" if case.attested else "signed",
        withheld=tuple(str(group) for group in list_of(result, "withheld")),
        written=written,
    )
