"""The handoffs received and sent: read, answered, opened."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote
from uuid import UUID

from gateway.client import documents
from gateway.client.documents import Offered, require
from gateway.client.member import Member
from gateway.client.opening import Opened, read_content
from gateway.client.session import Written, spelled


class Handoffs(Member):
    """The handoffs that this member is a party of."""

    def inbox(self, state: str | None = None) -> Iterator[dict[str, Any]]:
        """The handoffs received, oldest first, page by page as they are iterated."""
        return self._box("in", state)

    def outbox(self, state: str | None = None) -> Iterator[dict[str, Any]]:
        """The handoffs sent, oldest first, page by page as they are iterated."""
        return self._box("out", state)

    def handoff(self, handoff: UUID | str) -> dict[str, Any]:
        """A handoff with its offer, conditions and answers, each verified; never content."""
        return self._view(handoff)[0]

    def accept(
        self, view: Mapping[str, Any], by: str, groups: Sequence[str] | None = None
    ) -> Written:
        """Take a case on under the conditions that `handoff` returned in ``view``.

        ``groups`` are the parts taken on, when not all are.
        """
        asked = {"by": by, "conditions": view["conditions"], "groups": _listed(groups)}
        return self._answer("handoff.accept", view["handoff"], "acceptance", asked)

    def refuse(self, handoff: UUID | str, by: str, reason: str) -> Written:
        """Decline a case, or give it back."""
        return self._answer("handoff.refuse", handoff, "refusal", {"by": by, "reason": reason})

    def redirect(self, handoff: UUID | str, by: str, reason: str, to: str | None = None) -> Written:
        """Send the originator to another office."""
        asked = {"by": by, "reason": reason, "to": to}
        return self._answer("handoff.redirect", handoff, "redirection", asked)

    def outcome(
        self,
        handoff: UUID | str,
        by: str,
        code: str,
        *,
        items: Sequence[str] | None = None,
        note: str | None = None,
        evidence_ref: str | None = None,
        reason: str | None = None,
    ) -> Written:
        """Tell what came of the case; further outcomes may follow."""
        asked = {
            "by": by,
            "code": code,
            "items": _listed(items),
            "note": note,
            "evidence_ref": evidence_ref,
            "reason": reason,
        }
        return self._answer("handoff.outcome", handoff, "outcomes", asked)

    def withdraw(self, handoff: UUID | str, by: str, reason: str) -> Written:
        """Take an offer back."""
        return self._answer("handoff.withdraw", handoff, "withdrawal", {"by": by, "reason": reason})

    def close(self, handoff: UUID | str, by: str, reason: str | None = None) -> Written:
        """End the work on a handoff that was received."""
        return self._answer("handoff.close", handoff, "closure", {"by": by, "reason": reason})

    def consult(self, handoff: UUID | str, by: str, reason_code: str, reason: str) -> Opened:
        """Open the content of an accepted handoff; an event with person and reason.

        The presentation is verified, and shows nothing that the signed offer does not name.
        """
        return self._consult(handoff, self._view(handoff)[1], by, reason_code, reason)

    def _box(self, box: str, state: str | None) -> Iterator[dict[str, Any]]:
        wanted = f"&state={quote(state)}" if state else ""
        return self._exchange.items("handoff.read", f"/handoffs?box={box}{wanted}")

    def _view(self, handoff: UUID | str) -> tuple[dict[str, Any], Offered]:
        view = self._exchange.read("handoff.read", f"/handoffs/{spelled(handoff)}")
        require(view.get("handoff") == spelled(handoff), "the handoff shown is another one")
        return view, documents.check_view(view, self.connection)

    def _answer(
        self, action: str, handoff: UUID | str, noun: str, asked: Mapping[str, Any]
    ) -> Written:
        path, name = f"/handoffs/{spelled(handoff)}/{noun}", spelled(handoff)
        if self._author is None:
            return self._exchange.write(action, path, asked, name)
        offered = self._view(handoff)[1]
        return self._exchange.write(action, path, self._author.answer(action, offered, asked), name)

    def _consult(
        self, handoff: UUID | str, offered: Offered, by: str, reason_code: str, reason: str
    ) -> Opened:
        asked = {"by": by, "reason_code": reason_code, "reason": reason}
        path = f"/handoffs/{spelled(handoff)}/consultations"
        written = self._exchange.write("case.consult", path, asked, spelled(handoff))
        return read_content(written, self.connection, offered)


def _listed(values: Sequence[str] | None) -> list[str] | None:
    return None if values is None else list(values)
