"""What every part of the client asks with: who this member is, its exchange, its document key."""

from collections.abc import Callable, Mapping
from datetime import datetime
from uuid import UUID

from gateway.client.connection import PartnerConnection
from gateway.client.session import Session
from gateway.client.signing import DocumentSigner
from gateway.evidence.seal import OpeningKey


class ClientBase:
    """This member at its gateway. ``connection`` is what it knows and believes of it."""

    def __init__(
        self,
        connection: PartnerConnection,
        exchange: Session,
        author: DocumentSigner | None,
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
