"""The handoffs received and sent: read, answered, opened."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote
from uuid import UUID

from gateway.client import documents
from gateway.client.documents import VerifiedOffer, require
from gateway.client.member import ClientBase
from gateway.client.opening import ConsultedContent, read_content
from gateway.client.session import ConfirmedWrite, spelled
from gateway.domain.answers import KIND_OF_ACTION


class HandoffClient(ClientBase):
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
    ) -> ConfirmedWrite:
        """Take a case on under the conditions that `handoff` returned in ``view``.

        ``groups`` are the parts taken on, when not all are.
        """
        conditions = view["conditions"]
        named = None if groups is None else list(groups)
        return self.answer("accept", view["handoff"], by, conditions=conditions, groups=named)

    def answer(self, command: str, handoff: UUID | str, by: str, **fields: Any) -> ConfirmedWrite:
        """Answer a handoff: refuse, redirect, outcome, withdraw or close.

        Which ``fields`` a command takes says the table in gateway/domain/answers.py; those that
        are None are left out. ValueError for another command or field.
        """
        kind = KIND_OF_ACTION.get(f"handoff.{command}")
        if kind is None or not kind.path:
            raise ValueError(f"a party does not answer by '{command}'")
        if unknown := fields.keys() - {one.name for one in kind.fields}:
            raise ValueError(f"{command} does not take {', '.join(sorted(unknown))}")
        said = {name: value for name, value in fields.items() if value is not None}
        asked = {"by": by, **said}
        name = spelled(handoff)
        document = None
        if self._author is not None:
            document = self._author.answer(kind.name, self._view(name)[1], asked)
        path = f"/handoffs/{name}/{kind.path}"
        return self._exchange.write(kind.action, path, document or asked, name)

    def consult(
        self, handoff: UUID | str, by: str, reason_code: str, reason: str
    ) -> ConsultedContent:
        """Open the content of an accepted handoff; an event with person and reason.

        The presentation is verified, and shows nothing that the signed offer does not name.
        """
        return self._consult(handoff, self._view(handoff)[1], by, reason_code, reason)

    def _box(self, box: str, state: str | None) -> Iterator[dict[str, Any]]:
        wanted = f"&state={quote(state)}" if state else ""
        return self._exchange.items("handoff.read", f"/handoffs?box={box}{wanted}")

    def _view(self, handoff: UUID | str) -> tuple[dict[str, Any], VerifiedOffer]:
        view = self._exchange.read("handoff.read", f"/handoffs/{spelled(handoff)}")
        require(view.get("handoff") == spelled(handoff), "the handoff shown is another one")
        return view, documents.check_view(view, self.connection)

    def _consult(
        self, handoff: UUID | str, offered: VerifiedOffer, by: str, reason_code: str, reason: str
    ) -> ConsultedContent:
        asked = {"by": by, "reason_code": reason_code, "reason": reason}
        path = f"/handoffs/{spelled(handoff)}/consultations"
        written = self._exchange.write("case.consult", path, asked, spelled(handoff))
        return read_content(written, self.connection, offered)
