"""The partner's side of the gateway: one `Gateway` per system, its requests safe to repeat.

Every answer is checked before it is believed: receipts against the log's pinned key, documents
against their signers' keys, the log against what it showed before. Nothing is discovered: address,
certificates and keys come from the connection file alone.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from gateway.client.connection import Connection
from gateway.client.errors import (
    ClientError,
    LogDamaged,
    LogForked,
    NotACase,
    NotCurrent,
    NotSealed,
    NotTrusted,
    Problem,
    ReceiptMismatch,
    Refused,
    SettingsError,
    TokenRefused,
    Unavailable,
    UnexpectedAnswer,
)

if TYPE_CHECKING:
    from gateway.client.events import Audited, AuditFilters, Entry
    from gateway.client.gateway import Gateway, Resent
    from gateway.client.opening import Opened
    from gateway.client.sealing import Unsealed
    from gateway.client.session import Written

__all__ = [
    "AuditFilters",
    "Audited",
    "ClientError",
    "Connection",
    "Entry",
    "Gateway",
    "LogDamaged",
    "LogForked",
    "NotACase",
    "NotCurrent",
    "NotSealed",
    "NotTrusted",
    "Opened",
    "Problem",
    "ReceiptMismatch",
    "Refused",
    "Resent",
    "SettingsError",
    "TokenRefused",
    "Unavailable",
    "UnexpectedAnswer",
    "Unsealed",
    "Written",
]

# Loaded at their first use: `casegate verify` needs no HTTP client.
_LATER = {
    **dict.fromkeys(("Audited", "AuditFilters", "Entry"), "events"),
    **dict.fromkeys(("Gateway", "Resent"), "gateway"),
    "Opened": "opening",
    "Unsealed": "sealing",
    "Written": "session",
}


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(name)
    found: object = getattr(import_module(f"gateway.client.{_LATER[name]}"), name)
    return found
