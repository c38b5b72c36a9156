"""The member's own staff register: who may be named in its requests, by pseudonym."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote
from uuid import UUID

from gateway.client.cases import ClientBase
from gateway.client.session import ConfirmedWrite, spelled


class StaffClient(ClientBase):
    """The persons of this member."""

    def staff(self) -> Iterator[dict[str, Any]]:
        """The entries by pseudonym, those that ended too, page by page as they are iterated."""
        return self._exchange.items("staff.read", "/staff")

    def add_staff(
        self,
        entries: Sequence[Mapping[str, Any]],
        by: str,
        *,
        approved_by: Sequence[str] = (),
        temporary: bool = False,
    ) -> ConfirmedWrite:
        """Enter persons, all or none: of each its ``roles``, and ``from`` and ``until`` (days).

        The result has the pseudonyms in the same order. ``approved_by`` names two others in force
        where one of the entries is as approver or head; a ``temporary`` entry ends after 24 hours.
        """
        return self._write(
            "staff.add",
            "/staff",
            by=by,
            entries=[dict(one) for one in entries],
            approved_by=list(approved_by) or None,
            temporary=temporary or None,
        )

    def end_staff(
        self, pseudonym: str, by: str, *, approved_by: Sequence[str] = ()
    ) -> ConfirmedWrite:
        """End an entry at once; ``approved_by`` names two others for that of an approver or
        head."""
        path = f"/staff/{quote(pseudonym, safe='')}/end"
        return self._write("staff.end", path, by=by, approved_by=list(approved_by) or None)

    def recuse_staff(
        self, pseudonym: str, by: str, originator: str, case: UUID | str
    ) -> ConfirmedWrite:
        """Keep a person away from a case for good: no request about it may name them."""
        path = f"/staff/{quote(pseudonym, safe='')}/recusals"
        return self._write("staff.recuse", path, by=by, originator=originator, case=spelled(case))
