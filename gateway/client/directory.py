"""The organisations that take part: their seats, their standing, where their keys came from."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from gateway.client import confirmation, documents
from gateway.client.member import Member
from gateway.domain.organisation import SLUG
from gateway.evidence.base64url import DIGEST
from gateway.evidence.receipt import Receipt
from gateway.evidence.trust_mark import TrustMark


@dataclass(frozen=True)
class KeyRecord:
    """The receipts of the events that registered a document key, and that revoked it, if any."""

    registration: Receipt
    revocations: tuple[Receipt, ...] = ()


class Directory(Member):
    """The directory of the gateway."""

    def organisations(
        self, kind: str | None = None, competence: str | None = None
    ) -> Iterator[dict[str, Any]]:
        """The directory, page by page as it is iterated; of one kind, or holding a competence.

        ``competence`` is a key such as receive/csam/FR.
        """
        wanted = {"kind": kind, "competence": competence}
        query = urlencode({name: value for name, value in wanted.items() if value is not None})
        path = f"/organisations?{query}" if query else "/organisations"
        return self._exchange.items("directory.read", path)

    def organisation(self, slug: str) -> dict[str, Any]:
        """One organisation of the directory; ValueError for what is no organisation id."""
        if not SLUG.fullmatch(slug):
            raise ValueError("an organisation id is [a-z][a-z0-9-]{1,39}")
        return self._exchange.read("directory.read", f"/organisations/{slug}")

    def status(self, slug: str) -> tuple[str, TrustMark]:
        """The gateway's signed statement that an organisation takes part, and what it says.

        Verified, and good now; ReceiptMismatch when it is not.
        """
        if not SLUG.fullmatch(slug):
            raise ValueError("an organisation id is [a-z][a-z0-9-]{1,39}")
        found = self._exchange.read("directory.read", f"/organisations/{slug}/status")
        text = str(found.get("statement"))
        return text, documents.check_status(text, slug, self._now(), self.connection)

    def registration(self, organisation: str, kid: str) -> Receipt:
        """The receipt of the event that registered a member's document key; see `key_record`."""
        return self.key_record(organisation, kid).registration

    def key_record(self, organisation: str, kid: str) -> KeyRecord:
        """The events that registered a member's document key, and that revoked it.

        Verified to the end (`gateway.evidence.origin`, `gateway.evidence.revocation`);
        ReceiptMismatch when they do not hold.
        """
        if not SLUG.fullmatch(organisation) or not DIGEST.fullmatch(kid):
            raise ValueError("not an organisation id, or not the id of a document key")
        before = self._exchange.newest()
        path = f"/organisations/{organisation}/keys/{kid}"
        answer = self._exchange.read("directory.read", path)
        found = confirmation.read_receipt(answer.get("receipt"))
        ends = tuple(confirmation.read_receipt(one) for one in answer.get("revocations", ()))
        confirmation.confirm_key(found, organisation, kid, self.connection)
        for one in ends:
            confirmation.confirm_revocation(one, organisation, kid, self.connection)
        for one in (found, *ends):
            self._exchange.observe(one, before)
        return KeyRecord(found, ends)
