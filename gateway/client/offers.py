"""Offering a cleared case, to an organisation or to whoever is competent."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from gateway.client import documents
from gateway.client.member import Member
from gateway.client.session import Written, spelled


class Offers(Member):
    """Offers of one's own cases."""

    def preview(
        self,
        case: UUID | str,
        by: str,
        *,
        purpose: Sequence[str],
        organisation: str | None = None,
        competence: tuple[str, str] | None = None,
        groups: Sequence[str] = (),
        digests: Sequence[str] = (),
        until: datetime | None = None,
        note: str | None = None,
    ) -> dict[str, Any]:
        """What an offer would give, and to whom; nothing is kept. Arguments as for `offer`."""
        asked = _offer(
            by=by,
            purpose=purpose,
            organisation=organisation,
            competence=competence,
            groups=groups,
            digests=digests,
            until=until,
            note=note,
        )
        asked = {"case": spelled(case), **asked}
        return self._exchange.read("handoff.offer", "/handoffs/preview", asked)

    def offer(
        self,
        case: UUID | str,
        by: str,
        *,
        purpose: Sequence[str],
        organisation: str | None = None,
        competence: tuple[str, str] | None = None,
        groups: Sequence[str] = (),
        digests: Sequence[str] = (),
        until: datetime | None = None,
        note: str | None = None,
        handoff: UUID | str | None = None,
        parts: Mapping[str, Sequence[str]] | None = None,
    ) -> Written:
        """Offer a cleared case to an organisation, or to a competence (matter, territory).

        ``groups`` and ``digests`` select its parts and add up; ``until`` (an aware time) ends the
        offer. The handoff's id is made here unless given. ValueError unless there is exactly one
        of organisation and competence.

        With a document key the offer is previewed, then signed: it names what policy lets
        through. ``parts`` is the ``groups`` that `submit` returned: with it, ReceiptMismatch
        instead of a signature under parts that were not selected.
        """
        name = spelled(handoff or self._ids())
        asked = _offer(
            by=by,
            purpose=purpose,
            organisation=organisation,
            competence=competence,
            groups=groups,
            digests=digests,
            until=until,
            note=note,
        )
        path = f"/cases/{spelled(case)}/handoffs"
        if self._author is None:
            return self._exchange.write("handoff.offer", path, {"handoff": name, **asked}, name)
        asked = {"case": spelled(case), **asked}
        found = self._exchange.read("handoff.offer", "/handoffs/preview", asked)
        previewed = documents.check_preview(found, asked, parts, self.connection)
        document = self._author.offer({"handoff": name, **asked}, previewed)
        written = self._exchange.write("handoff.offer", path, document, name)
        # What was held back was not asked for any more: the preview said it.
        return replace(written, result={**written.result, "withheld": list(previewed.withheld)})


def _offer(
    *,
    by: str,
    purpose: Sequence[str],
    organisation: str | None,
    competence: tuple[str, str] | None,
    groups: Sequence[str],
    digests: Sequence[str],
    until: datetime | None,
    note: str | None,
) -> dict[str, Any]:
    if (organisation is None) == (competence is None):
        raise ValueError("an offer is to an organisation or to a competence, one of the two")
    if until is not None and until.tzinfo is None:
        raise ValueError("the end of an offer is a time with its zone")
    to: dict[str, Any] = {"organisation": organisation}
    if competence is not None:
        to = {"competence": {"matter": competence[0], "territory": competence[1]}}
    return {
        "by": by,
        "to": to,
        "groups": list(groups) or None,
        "digests": list(digests) or None,
        "purpose": list(purpose),
        "until": until and until.isoformat(),
        "note": note,
    }
