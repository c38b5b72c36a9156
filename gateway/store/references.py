"""The references that recipients give to handoffs: encrypted with the case, read by their own side
alone."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import and_, bindparam

from gateway.store.content_encryption import CellRef, ContentCipher
from gateway.store.tables import handoff, handoff_reference

REFERRED = and_(
    handoff_reference.c.handoff == handoff.c.id,
    handoff_reference.c.organisation == bindparam("organisation"),
)
"""By what the reference that an organisation gave to a handoff stands beside it."""


def read_references(
    cipher: ContentCipher, organisation: str, sealed: Sequence[tuple[UUID, bytes | None]]
) -> list[str | None]:
    """The references that an organisation gave to handoffs; None where it gave none, or the key is
    not there."""
    known = [said for _, said in sealed if said]
    readable = cipher.fetch(known) if known else ()
    return [
        cipher.decrypt(said, reference_cell(about, organisation))
        if said and said in readable
        else None
        for about, said in sealed
    ]


def reference_cell(about: UUID, organisation: str) -> CellRef:
    """Return where a reference is stored."""
    return CellRef(handoff_reference.name, f"{about}/{organisation}", "said")
