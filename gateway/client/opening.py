"""Content that a consultation opened: believed when presentation, receipt and offer agree."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.client import documents
from gateway.client.connection import Connection
from gateway.client.documents import Offered, require
from gateway.client.session import Written, list_of
from gateway.domain.case import content_of
from gateway.evidence import sd_jwt, statement
from gateway.evidence.statement import CASE_TYP


@dataclass(frozen=True)
class Opened:
    """Content that a consultation opened.

    ``content`` is the case JSON of what is shown, ``presentation`` the signed text behind it,
    ``withheld`` the groups of which something was kept back, ``assurance`` attested or signed.
    """

    content: Mapping[str, Any]
    presentation: str
    author: str
    assurance: str
    withheld: tuple[str, ...]
    written: Written


def read_content(
    written: Written, connection: Connection, offered: Offered | None = None
) -> Opened:
    """A consultation's content, once presentation, receipt and offer fit together."""
    result, event = written.result, written.confirmed.event
    case = documents.open_ours(result.get("presentation"), CASE_TYP, connection)
    if offered is not None:
        documents.check_presentation(case, offered.offer)
    package = statement.package(documents.shown_digests(case))
    require(event.get("package") == package, "the receipt is for another set of parts")
    require(
        event.get("case_digest") == case.document.digest,
        "the receipt is for another version of the case",
    )
    return Opened(
        content=content_of(sd_jwt.unfold(case.verified)),
        presentation=case.document.compact(),
        author=case.author,
        assurance="attested" if case.attested else "signed",
        withheld=tuple(str(group) for group in list_of(result, "withheld")),
        written=written,
    )
