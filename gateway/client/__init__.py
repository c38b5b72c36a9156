"""The partner's side of the gateway: one `Gateway` per system, its requests safe to repeat.

Every answer is checked before it is believed: receipts against the log's pinned key, documents
against their signers' keys, the log against what it showed before. Nothing is discovered: address,
certificates and keys come from the connection file alone.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gateway.client.cases import ConsultedContent
    from gateway.client.connection import PartnerConnection
    from gateway.client.errors import (
        ClientError,
        EvidenceMismatch,
        GatewayUnavailable,
        InvalidArgument,
        InvalidCase,
        KeyNotHeld,
        LogForked,
        OutdatedVersion,
        PeerLogMissing,
        ProblemDetails,
        PublicLogCorrupt,
        RequestRefused,
        SealingFailed,
        SettingsError,
        TlsNotTrusted,
        TokenRefused,
        UnexpectedAnswer,
        UnknownReference,
    )
    from gateway.client.events import AuditedEvent, RecordedSearch
    from gateway.client.gateway import Gateway, Resent
    from gateway.client.own_stream import StreamEvent
    from gateway.client.sealing import OpenedElement
    from gateway.client.session import ConfirmedWrite
    from gateway.domain.audit import AuditFilters, CaseReference

__all__ = [
    "AuditFilters",
    "AuditedEvent",
    "CaseReference",
    "ClientError",
    "ConfirmedWrite",
    "ConsultedContent",
    "EvidenceMismatch",
    "Gateway",
    "GatewayUnavailable",
    "InvalidArgument",
    "InvalidCase",
    "KeyNotHeld",
    "LogForked",
    "OpenedElement",
    "OutdatedVersion",
    "PartnerConnection",
    "PeerLogMissing",
    "ProblemDetails",
    "PublicLogCorrupt",
    "RecordedSearch",
    "RequestRefused",
    "Resent",
    "SealingFailed",
    "SettingsError",
    "StreamEvent",
    "TlsNotTrusted",
    "TokenRefused",
    "UnexpectedAnswer",
    "UnknownReference",
]

_MODULES = ("connection", "errors", "session", "own_stream", "sealing", "events", "gateway")
"""Where these names are; in this order, so that what needs least is imported first."""


def __getattr__(name: str) -> Any:
    """Import what is asked for, when it is: a verifier needs neither HTTP nor seals."""
    if name in __all__:
        for module in _MODULES:
            found = getattr(import_module(f"gateway.client.{module}"), name, None)
            if found is not None:
                return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
