"""Who acts: every request is somebody's, and each kind of actor is known by other means.

``organisation`` is in whose name one acts: whose budget it uses, who reads the receipt first.
A person in a browser and a peer gateway will be two more members of `Actor`.
"""

from dataclasses import dataclass
from typing import ClassVar

from gateway.domain.invitation import Invitation
from gateway.kernel.values import Caller

GATEWAY = "gateway"
"""The name under which the gateway's own events are counted; no organisation may take it."""


@dataclass(frozen=True)
class Administrators:
    """Named persons of the gateway's, known by their signed approvals of one exact change.

    ``system`` brings the change over the network; None on the gateway's own host.
    """

    approvals: tuple[str, ...]
    system: Caller | None = None
    organisation: ClassVar[str] = GATEWAY


@dataclass(frozen=True)
class EnrollingSystem:
    """A system that is known by the token of an invitation alone: it has no certificate yet."""

    invitation: Invitation

    @property
    def organisation(self) -> str:
        """Whom the invitation is for."""
        return self.invitation.organisation


@dataclass(frozen=True)
class GatewayItself:
    """The gateway, at its founding and in maintenance: it acts on no one's request."""

    organisation: ClassVar[str] = GATEWAY


Actor = Caller | Administrators | EnrollingSystem | GatewayItself
"""Caller is a partner's system, known by its certificate and token."""
