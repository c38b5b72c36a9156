"""What every part of the client asks with: who this member is, its exchange, its document key."""

from collections.abc import Callable, Mapping
from datetime import datetime
from uuid import UUID

from gateway.client.connection import Connection
from gateway.client.session import Exchange
from gateway.client.signing import Author
from gateway.evidence.seal import OpeningKey


class Member:
    """This member at its gateway. ``connection`` is what it knows and believes of it."""

    def __init__(
        self,
        connection: Connection,
        exchange: Exchange,
        author: Author | None,
        *,
        opening: Mapping[str, OpeningKey],
        clock: Callable[[], datetime],
        ids: Callable[[], UUID],
    ) -> None:
        """``author`` signs documents; without one the gateway attests them.

        ``opening`` opens what was sealed to this member, by key id.
        """
        self.connection = connection
        self._exchange, self._author, self._opening = exchange, author, opening
        self._now, self._ids = clock, ids
