"""Notifications: how far each receiver's are acknowledged, and when the next attempt is due.

A receiver's notifications are its own stream of events, in order. So nothing is queued: a cursor
says up to which stream number they are acknowledged, and all that comes after is still to come.
"""

import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from gateway.domain.fields import note, weight_fault
from gateway.domain.item_value import is_ip
from gateway.domain.media import find_media

LEASE = timedelta(minutes=1)
"""How long one process may deliver to a receiver before another one may."""

FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=1), timedelta(hours=1)

ERROR_CODE = "[a-z_]{1,40}"
"""The form of the codes by which a receiver refuses (RFC 8935 2.4)."""

LONGEST_DESCRIPTION = 300
DESCRIPTION = note(LONGEST_DESCRIPTION, lines=False, blank=True)
"""A receiver's words beside the code."""


class DeliveryWay(StrEnum):
    """How an organisation hears of its events: as notifications, by the operator's mail, or as a
    remote member by its own gateway."""

    NOTIFICATION = "notification"
    MAIL = "mail"
    RELAY = "relay"


@dataclass(frozen=True)
class Cursor:
    """How far an organisation's notifications are acknowledged, by one way of delivery.

    ``acknowledged`` is a stream number, 0 before the first. ``failures`` counts the attempts since
    the last one that was answered; the next is due at ``next_at``. ``leased_until``: a process
    delivers meanwhile.
    """

    organisation: str
    way: DeliveryWay
    acknowledged: int = 0
    failures: int = 0
    next_at: datetime | None = None
    leased_until: datetime | None = None

    def is_due(self, now: datetime) -> bool:
        """Tell whether an attempt may be made: no pause lasts, and no process delivers."""
        return all(one is None or one <= now for one in (self.next_at, self.leased_until))

    def lease(self, now: datetime) -> "Cursor":
        """The cursor while one process delivers."""
        return replace(self, leased_until=now + LEASE)

    def advance(self, acknowledged: int) -> "Cursor":
        """The cursor after notifications were acknowledged; it never goes back."""
        return replace(self, acknowledged=max(self.acknowledged, acknowledged))

    def succeed(self) -> "Cursor":
        """The cursor after an attempt that was answered."""
        return replace(self, failures=0, next_at=None, leased_until=None)

    def fail(self, now: datetime, jitter: float) -> "Cursor":
        """The cursor after an attempt without an answer: the next one is due after a pause.

        The pause doubles from a second to an hour; ``jitter`` (0 to 1) takes up to a half off, so
        that receivers that failed together are not tried together.
        """
        pause = min(FIRST_PAUSE * 2 ** min(self.failures, 12), LONGEST_PAUSE)
        later = now + pause * (1 - jitter / 2)
        return replace(self, failures=self.failures + 1, next_at=later, leased_until=None)


def last_contiguous(acknowledged: int, handled: Collection[int]) -> int:
    """The last stream number up to which every notification was handled."""
    while acknowledged + 1 in handled:
        acknowledged += 1
    return acknowledged


@dataclass(frozen=True)
class RefusedNotification:
    """A notification that its receiver refused: passed over, and kept until it takes it.

    ``error`` and ``description`` are the receiver's (RFC 8935 2.4). ``replay``: it is sent again.
    """

    organisation: str
    event: UUID
    stream_number: int
    error: str
    description: str
    refused_at: datetime
    replay: bool = False


@dataclass(frozen=True)
class DeliveryState:
    """A cursor beside the stream that it follows.

    ``head`` is the last number of the stream; of the refused notifications ``replays`` are to be
    sent again.
    """

    cursor: Cursor
    head: int
    refused: int
    replays: int

    @property
    def lag(self) -> int:
        """How many notifications are still to be acknowledged."""
        return self.head - self.cursor.acknowledged

    @property
    def pending(self) -> bool:
        """Tell whether there is something to deliver; refused ones are sent again to receivers
        alone."""
        replays = self.replays if self.cursor.way is DeliveryWay.NOTIFICATION else 0
        return self.lag + replays > 0


# --- Where they are pushed to ---

LONGEST_ADDRESS = 500
"""Characters of the address of a receiver."""

_GLOBAL = ipaddress.ip_network("2000::/3")
_LABEL = "(?:[a-z0-9-]{0,61}[a-z0-9])?"
_ADDRESS = re.compile(
    rf"https://(?:(?P<name>(?:[a-z0-9]{_LABEL}\.)*[a-z]{_LABEL})|(?P<v4>[0-9.]+)|\[(?P<v6>[0-9a-f:.]+)\])"
    r"(?::(?P<port>[1-9][0-9]{0,4}))?(?P<rest>(?:[/?][!$&-;=?@A-Z_a-z~%]*)?)",
    re.ASCII,
)
_CONTROLS = re.compile("%(?:[01]|7f)", re.IGNORECASE)


def push_address_fault(value: str) -> str | None:
    """Return what is wrong with the address of a receiver, or None.

    Where a name leads is judged when it is called (`is_public`); an address that is written out
    can be judged now.
    """
    found = _ADDRESS.fullmatch(value)
    if not found or len(value) > LONGEST_ADDRESS or int(found["port"] or 443) > 65535:
        return (
            "must be https, with a host in lower case, without a user name, password or fragment, "
            f"in at most {LONGEST_ADDRESS} ASCII characters"
        )
    ip = found["v4"] or found["v6"]
    if ip and not (is_ip(ip) and is_public(ip)):
        return "must not be of a private network: give a receiver there a name"
    if _CONTROLS.search(found["rest"]):
        return "must not hold control characters, also not percent-encoded"
    return find_media(found["rest"]) or weight_fault(found["rest"])


def is_public(address: str) -> bool:
    """Tell whether an address is one of the public internet, and hides no other one."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and (ip.sixtofour or ip.teredo or ip not in _GLOBAL):
        return False
    return ip.is_global and not ip.is_multicast
