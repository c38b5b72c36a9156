"""Certificates that were approved are made; of those that end, systems are reminded."""

from datetime import datetime

from gateway.kernel.authentication import prune_remembered
from gateway.maintenance.upkeep import Maintenance
from gateway.registry.enrolment import issue_approved_certificates, remind
from gateway.wiring import GatewayRuntime, IssuingAuthority


def issue_certificates(upkeep: Maintenance, now: datetime) -> None:
    """Make the certificates that were approved."""
    serve_requests(upkeep.gateway, upkeep.authority)


def serve_requests(gateway: GatewayRuntime, authority: IssuingAuthority) -> None:
    """Make the certificates that were approved, as the only one of all nodes meanwhile.

    Raises Busy, LogFrozen, HighWaterMarkUnavailable.
    """
    with gateway.store.turn():
        issue_approved_certificates(gateway.ports, authority)


def prune(upkeep: Maintenance, now: datetime) -> None:
    """Forget what need not be remembered, and remind of certificates that end."""
    prune_remembered(upkeep.gateway.ports)
    remind(upkeep.gateway.ports)
