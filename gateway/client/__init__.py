"""The partner's side of the gateway: one `Gateway` per system, its requests safe to repeat.

Every answer is checked before it is believed: receipts against the log's pinned key, documents
against their signers' keys, the log against what it showed before. Nothing is discovered: address,
certificates and keys come from the connection file alone.
"""

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
