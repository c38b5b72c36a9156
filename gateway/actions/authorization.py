"""The names under which the actions of the exchange use `gateway.kernel.transact`."""

from gateway.kernel.actors import GATEWAY
from gateway.kernel.transact import (
    INACTIVE,
    RULES_OF_REFUSALS,
    allows,
    authorize,
    prepare,
    read,
    receipt_for,
)
from gateway.kernel.transact import ActionRequest as Request
from gateway.kernel.transact import EventSubject as About
from gateway.kernel.transact import RecordedRefusal as Refused
from gateway.kernel.transact import RequestContext as Turn
from gateway.kernel.transact import WriteResult as Written
from gateway.kernel.transact import deny_as_not_found as missing
from gateway.kernel.transact import transact as write

__all__ = [
    "GATEWAY",
    "INACTIVE",
    "RULES_OF_REFUSALS",
    "About",
    "Refused",
    "Request",
    "Turn",
    "Written",
    "allows",
    "authorize",
    "missing",
    "prepare",
    "read",
    "receipt_for",
    "write",
]
