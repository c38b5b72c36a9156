"""One file with all that an organisation can prove about a handoff, for `casegate verify`."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from gateway.client.cases import CaseClient
from gateway.client.directory import Directory, KeyRecord
from gateway.client.documents import VerifiedOffer, require
from gateway.client.errors import OutdatedVersion, RequestRefused
from gateway.client.events import Events
from gateway.client.handoffs import HandoffClient
from gateway.client.opening import ConsultedContent
from gateway.evidence import bundle, handoff_documents, sd_jwt
from gateway.evidence.bundle import Bundle
from gateway.evidence.receipt import Receipt
from gateway.evidence.trust import TrustAnchors, read_unverified_claims
from gateway.evidence.verification import verify_bundle

Progress = Callable[[int, int], None]
"""Told how many parts of how many are done."""


@dataclass(frozen=True)
class Export:
    """A verified handoff, and where its receipts come from.

    ``receipt`` gives the receipt of an event, ``key_record`` those of a member's key (by
    organisation and key id); both verified, or Refused.
    """

    view: Mapping[str, Any]
    offered: VerifiedOffer
    trust: TrustAnchors
    receipt: Callable[[str], Receipt]
    key_record: Callable[[str, str], KeyRecord]

    def routing(self) -> str:
        """The case as everybody sees it before anything is opened."""
        return str(self.view["routing"])

    def content(self, presentation: str) -> str:
        """The case as a consultation opened it, and no more of it than the offer names."""
        return sd_jwt.parse(presentation).present(self.offered.offer.disclosures).compact()

    def file(
        self, case: str, consultations: Sequence[Receipt], progress: Progress | None = None
    ) -> bytes:
        """The file, verified; ReceiptMismatch when it fails."""
        events = [str(answer["event"]) for answer in self.view["answers"]]
        receipts = []
        for number, event in enumerate(events, start=1):
            receipts.append(self.receipt(event))
            if progress:
                progress(number, len(events))
        offer, *answers = (str(answer["statement"]) for answer in self.view["answers"])
        before = self.view.get("succeeds", {}).get("offer")
        documents = [case, offer, *answers, *([before] if before else [])]
        keys = list(self._key_records(documents))
        data = bundle.encode(
            Bundle(
                case,
                offer,
                tuple(answers),
                (*receipts, *consultations),
                registrations=tuple(one.registration for one in keys),
                revocations=tuple(end for one in keys for end in one.revocations),
                succeeded_offer=before,
                succession=self._plan(),
            )
        )
        verdict = verify_bundle(data, self.trust)
        require(verdict.code == 0, f"the bundle does not verify ({verdict.sentence})")
        return data

    def _key_records(self, texts: Sequence[str]) -> Iterator[KeyRecord]:
        """Where the members' own keys came from that signed these documents, each once."""
        bare = [read_unverified_claims(sd_jwt.parse(text)) for text in texts]
        own = [one for one in bare if "attested_for" not in one.claims]
        used = {(handoff_documents.author(one.claims), str(one.header["kid"])) for one in own}
        for organisation, kid in sorted(used):
            # Not shown to this system, or erased: then a key file vouches for the key, and
            # `casegate verify` says so.
            with contextlib.suppress(RequestRefused):
                yield self.key_record(organisation, kid)

    def _plan(self) -> Receipt | None:
        """The receipt of the succession's plan, where this office took part in it."""
        if "succeeds" in self.view:
            with contextlib.suppress(RequestRefused):
                return self.receipt(self.view["succeeds"]["succession"])
        return None


class Exports(CaseClient, Directory, HandoffClient, Events):
    """What this organisation can prove about its handoffs."""

    def export(
        self,
        handoff: UUID | str,
        by: str | None = None,
        reason: str | None = None,
        *,
        progress: Progress | None = None,
    ) -> bytes:
        """All that this organisation can prove about a handoff, as the file that verify reads.

        With ``by`` and ``reason`` the content is in it, by a consultation of reason code
        ``export``; without, only the routing fields are. The file is verified before it is
        returned; ReceiptMismatch when it fails, NotCurrent when an originator's case has gone on.
        """
        view, offered = self._view(handoff)
        export = Export(
            view,
            offered,
            self.connection.trust,
            receipt=lambda event: self.receipt(event).receipt,
            key_record=self.key_record,
        )
        if by is None or reason is None:
            return export.file(export.routing(), (), progress)
        opened = self._export_content(view, offered, by, reason)
        case = export.content(opened.presentation)
        return export.file(case, (opened.written.receipt,), progress)

    def _export_content(
        self, view: Mapping[str, Any], offered: VerifiedOffer, by: str, reason: str
    ) -> ConsultedContent:
        if offered.offer.author != self.connection.organisation:
            return self._consult(view["handoff"], offered, by, "export", reason)
        if self.case(view["case"])["digest"] != offered.offer.case_digest:
            raise OutdatedVersion(
                "the case has a newer version than the one that was offered, and only the newest "
                "can be opened: export the handoff without content"
            )
        return self.consult_case(view["case"], by, "export", reason)
