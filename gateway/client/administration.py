"""The registry over the network: changes signed by administrators, and what they read of it.

The system that carries a change may change nothing: the signatures count (R10), and policy
decides.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from gateway.client import evidence_checks
from gateway.client.session import ConfirmedWrite, Session, spelled, with_commands
from gateway.evidence.receipt import Receipt

PROPOSED, WITHDRAWN, REFUSED = "proposal.create", "proposal.withdraw", "proposal.refuse"


class Administration:
    """The registry of a gateway, as one of the operator's systems reaches it (scope ``admin``).

    Every request raises RequestRefused for a "no", and the other ClientErrors.
    """

    def __init__(self, exchange: Session, issuer: str) -> None:
        """``issuer`` is the gateway's address, for which approvals are signed."""
        self._exchange, self.issuer = exchange, issuer

    def submit(
        self, action: str, organisation: str, values: Mapping[str, Any], signed: Sequence[str]
    ) -> ConfirmedWrite:
        """Make a change, or let it wait for a second person; the result then has ``proposal``."""
        asked = {
            "action": action,
            "organisation": organisation,
            "values": values,
            "approvals": list(signed),
        }
        return self._exchange.change("/admin/changes", asked, {action, PROPOSED})

    def approve(self, proposal: UUID, action: str, signed: str) -> ConfirmedWrite:
        """Make a change that waits, as another person than its proposer."""
        path = f"/admin/changes/{spelled(proposal)}/approvals"
        return self._exchange.change(path, {"approval": signed}, {action, PROPOSED})

    def withdraw(self, proposal: UUID, signed: str) -> ConfirmedWrite:
        """Take a proposal back, as the person who made it."""
        path = f"/admin/changes/{spelled(proposal)}/withdrawal"
        return self._exchange.change(path, {"approval": signed}, {WITHDRAWN})

    def refuse(self, proposal: UUID, signed: str, reason: str) -> ConfirmedWrite:
        """Refuse a change that waits, as another person than its proposer."""
        path = f"/admin/changes/{spelled(proposal)}/refusal"
        return self._exchange.change(path, {"approval": signed, "reason": reason}, {REFUSED})

    def worklist(self, person: str | None = None) -> list[dict[str, Any]]:
        """Return what waits for administrators, with a person's own proposals as those of others
        see them: by group, the oldest first."""
        found = self._items(f"/admin/worklist{'?person=' + person if person else ''}")
        return with_commands(found)

    def proposals(self, *, waiting: bool) -> list[dict[str, Any]]:
        """The changes that wait for another person, the newest first; or all that ever waited."""
        state = "waiting" if waiting else "all"
        return self._items(f"/admin/changes?state={state}")

    def proposal(self, proposal: UUID) -> dict[str, Any]:
        """One of them, with the values that the second person signs."""
        return self._read(f"/admin/changes/{spelled(proposal)}")

    def organisations(self, status: str | None = None) -> list[dict[str, Any]]:
        """Organisations of any status, or of one, by id."""
        return self._items(f"/admin/organisations{'?status=' + status if status else ''}")

    def organisation(self, slug: str, day: str | None = None) -> dict[str, Any]:
        """All of an organisation's entry, or what of it held at the end of a day."""
        return self._read(f"/admin/organisations/{slug}{'?at=' + day if day else ''}")

    def administrators(self) -> list[dict[str, Any]]:
        """Tell who approves, and who did."""
        return self._items("/admin/administrators")

    def invitations(self) -> list[dict[str, Any]]:
        """The invitations that can still be used; their tokens are nowhere."""
        return self._items("/admin/invitations")

    def health(self) -> dict[str, Any]:
        """How the gateway is, what its maintenance found, and what ends when (scope ``health``)."""
        return self._exchange.read("health.read", "/admin/health")

    def log_holds(self) -> list[dict[str, Any]]:
        """The log holds in force, and whose review was missed."""
        return self._items("/admin/log-holds")

    def mandates(self) -> dict[str, Any]:
        """Each competence by days: its holders, where there are several, and where none."""
        return self._read("/admin/mandates")

    def receivers(self) -> list[dict[str, Any]]:
        """How far each organisation's notifications were taken."""
        return self._items("/admin/notifications")

    def successions(self) -> list[dict[str, Any]]:
        """All successions, oldest first."""
        return self._items("/admin/successions")

    def succession(self, succession: UUID) -> dict[str, Any]:
        """One of them, with what moved, what is to move and what stays."""
        return self._read(f"/admin/successions/{spelled(succession)}")

    def event(self, event: UUID) -> Receipt:
        """The receipt of an event of the gateway's own, with the details that it reads."""
        return evidence_checks.read_receipt(self._read(f"/admin/events/{spelled(event)}"))

    def _read(self, path: str) -> dict[str, Any]:
        return self._exchange.read("registry.read", path)

    def _items(self, path: str) -> list[dict[str, Any]]:
        return list(self._exchange.items("registry.read", path))
