"""Offering a cleared case, to an organisation or to whoever is competent."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Required, TypedDict, Unpack
from uuid import UUID

from gateway.client import documents
from gateway.client.member import ClientBase
from gateway.client.session import ConfirmedWrite, spelled


class OfferTerms(TypedDict, total=False):
    """What is offered, to whom, for what.

    The recipient is an ``organisation`` or a ``competence`` (matter, territory), one of the two.
    ``groups`` and ``digests`` select parts of the case and add up; ``until`` (an aware time) ends
    the offer and the use of what was accepted.
    """

    purpose: Required[Sequence[str]]
    organisation: str | None
    competence: tuple[str, str] | None
    groups: Sequence[str]
    digests: Sequence[str]
    until: datetime | None
    note: str | None


class Offers(ClientBase):
    """Offers of one's own cases."""

    def preview(self, case: UUID | str, by: str, **terms: Unpack[OfferTerms]) -> dict[str, Any]:
        """What an offer would give, and to whom; nothing is kept. ValueError as for `offer`."""
        asked = {"case": spelled(case), "by": by, **_asked(terms)}
        return self._exchange.read("handoff.offer", "/handoffs/preview", asked)

    def offer(
        self,
        case: UUID | str,
        by: str,
        *,
        handoff: UUID | str | None = None,
        parts: Mapping[str, Sequence[str]] | None = None,
        **terms: Unpack[OfferTerms],
    ) -> ConfirmedWrite:
        """Offer a cleared case. The handoff's id is made here unless it is given.

        With a document key the offer is previewed, then signed: it names what policy lets
        through. ``parts`` is the ``groups`` that `submit` returned: with it, ReceiptMismatch
        instead of a signature under parts that were not selected.

        Raises ValueError unless there is exactly one of organisation and competence.
        """
        name, asked = spelled(handoff or self._ids()), {"by": by, **_asked(terms)}
        path = f"/cases/{spelled(case)}/handoffs"
        if self._author is None:
            return self._exchange.write("handoff.offer", path, {"handoff": name, **asked}, name)
        found = self.preview(case, by, **terms)
        asked["case"] = spelled(case)
        previewed = documents.check_preview(found, asked, parts, self.connection)
        document = self._author.offer({"handoff": name, **asked}, previewed)
        written = self._exchange.write("handoff.offer", path, document, name)
        # What was held back was not asked for any more: the preview said it.
        return replace(written, result={**written.result, "withheld": list(previewed.withheld)})


def _asked(terms: OfferTerms) -> dict[str, Any]:
    """The terms as the body of a request has them."""
    organisation, competence = terms.get("organisation"), terms.get("competence")
    if (organisation is None) == (competence is None):
        raise ValueError("an offer is to an organisation or to a competence, one of the two")
    until = terms.get("until")
    if until is not None and until.tzinfo is None:
        raise ValueError("the end of an offer is a time with its zone")
    to: dict[str, Any] = {"organisation": organisation}
    if competence is not None:
        to = {"competence": {"matter": competence[0], "territory": competence[1]}}
    return {
        "to": to,
        "groups": list(terms.get("groups", ())) or None,
        "digests": list(terms.get("digests", ())) or None,
        "purpose": list(terms["purpose"]),
        "until": until and until.isoformat(),
        "note": terms.get("note"),
    }
