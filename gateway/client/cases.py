"""One's own cases: handed in, assessed, cleared, read, closed."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from gateway.client.documents import require
from gateway.client.member import ClientBase
from gateway.client.opening import ConsultedContent, read_content
from gateway.client.session import ConfirmedWrite, spelled


class CaseClient(ClientBase):
    """The cases that this member is the originator of."""

    def submit(
        self,
        content: Mapping[str, Any],
        by: str,
        clearance: Mapping[str, Any] | None = None,
    ) -> ConfirmedWrite:
        """Hand in a case (its JSON, version 1); ``clearance`` names who assessed and cleared it."""
        asked = {"by": by, "content": content, "clearance": clearance}
        return self._hand_in("/cases", asked)

    def revise(
        self,
        content: Mapping[str, Any],
        by: str,
        clearance: Mapping[str, Any] | None = None,
    ) -> ConfirmedWrite:
        """Hand in the next version of a case, which names the one before it in ``prev``."""
        asked = {"by": by, "content": content, "clearance": clearance}
        return self._hand_in(f"/cases/{spelled(content['case'])}/versions", asked)

    def assess(
        self, case: UUID | str, by: str, confirms: Sequence[str] = (), reason: str | None = None
    ) -> ConfirmedWrite:
        """A person stands for the classification, and for each match of a machine (R18)."""
        asked = {"by": by, "confirms": list(confirms), "reason": reason}
        return self._exchange.write("case.assess", f"/cases/{spelled(case)}/assessment", asked)

    def clear(self, case: UUID | str, by: str, reason: str | None = None) -> ConfirmedWrite:
        """Another person releases the case for sharing."""
        asked = {"by": by, "reason": reason}
        return self._exchange.write("case.clear", f"/cases/{spelled(case)}/clearance", asked)

    def close_case(self, case: UUID | str, by: str, reason: str | None = None) -> ConfirmedWrite:
        """End the work on a case; none of its handoffs may be open."""
        asked = {"by": by, "reason": reason}
        return self._exchange.write("case.close", f"/cases/{spelled(case)}/closure", asked)

    def cases(self) -> Iterator[dict[str, Any]]:
        """One's own cases by id, routing fields only, page by page as they are iterated."""
        return self._exchange.items("case.read", "/cases")

    def case(self, case: UUID | str) -> dict[str, Any]:
        """The routing fields of one's own case."""
        return self._exchange.read("case.read", f"/cases/{spelled(case)}")

    def consult_case(
        self, case: UUID | str, by: str, reason_code: str, reason: str
    ) -> ConsultedContent:
        """Open the content of one's own case; an event with person and reason."""
        asked = {"by": by, "reason_code": reason_code, "reason": reason}
        written = self._exchange.write(
            "case.consult", f"/cases/{spelled(case)}/consultations", asked
        )
        opened = read_content(written, self.connection)
        require(opened.content.get("case") == spelled(case), "the case opened is another one")
        require(opened.author == self.connection.organisation, "the case opened is not our own")
        return opened

    def _hand_in(self, path: str, asked: Mapping[str, Any]) -> ConfirmedWrite:
        own = asked if self._author is None else self._author.case(asked)
        return self._exchange.write("case.submit", path, own)
