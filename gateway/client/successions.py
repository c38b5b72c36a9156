"""The successions in which this office gives or takes a mandate."""

from typing import Any
from uuid import UUID

from gateway.client.documents import require
from gateway.client.exchange import Written, list_of, spelled
from gateway.client.member import Member


class Successions(Member):
    """The successions that this office takes part in."""

    def successions(self) -> list[dict[str, Any]]:
        """The successions in which this office gives or takes a mandate, oldest first."""
        found = self._exchange.read("succession.read", "/successions")
        return [one for one in list_of(found, "items") if isinstance(one, dict)]

    def succession(self, succession: UUID | str) -> dict[str, Any]:
        """One of them: which mandate, from whom to whom, when, and whose approval it waits for."""
        return self._exchange.read("succession.read", f"/successions/{spelled(succession)}")

    def approve_succession(self, succession: UUID | str, by: str) -> Written:
        """Approve it for one's own office; nothing is re-issued before both have.

        With a document key what is shown of it is signed.
        """
        path = f"/successions/{spelled(succession)}/approval"
        if self._author is None:
            return self._exchange.write("succession.approve", path, {"by": by})
        shown = self.succession(succession)
        same = shown.get("succession") == spelled(succession)
        require(same, "the succession shown is another one")
        return self._exchange.write("succession.approve", path, self._author.approval(shown, by))
