"""Cases of originators: the current state of each, and every version as a signed document."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, insert, select, update

from gateway.actions.ports import CaseVersion
from gateway.domain.case import Case, CaseState
from gateway.domain.refusals import AlreadyExists, Stale
from gateway.store.tables import case_file, case_version
from gateway.store.transaction import Transaction, insert_new

_NO_ID = UUID(int=0)

_GET = select(case_file).where(
    case_file.c.originator == bindparam("originator"), case_file.c.id == bindparam("case")
)
_GET_LOCKED = _GET.with_for_update()
_PAGE = (
    select(case_file)
    .where(case_file.c.originator == bindparam("originator"), case_file.c.id > bindparam("after"))
    .order_by(case_file.c.id)
    .limit(bindparam("limit"))
)
_ADD = insert_new(case_file)
_SAVE = update(case_file).where(
    case_file.c.originator == bindparam("of_originator"),
    case_file.c.id == bindparam("of_case"),
    case_file.c.revision == bindparam("previous"),
)
_VERSION = select(case_version).where(case_version.c.digest == bindparam("digest"))
_ADD_VERSION = insert(case_version)


class SqlCases:
    """Cases in SQL; the contract is that of `gateway.actions.ports.Cases`."""

    def __init__(self, transaction: Transaction) -> None:
        """Work in this transaction."""
        self._transaction = transaction

    def get(self, originator: str, case: UUID) -> Case | None:
        """See the port."""
        locking = (
            self._transaction.locks_rows
            # Held with FOR SHARE already: nobody changes it, and asking for more could deadlock.
            and (originator, case) not in self._transaction.shared_cases
        )
        values = {"originator": originator, "case": case}
        row = self._transaction.execute(_GET_LOCKED if locking else _GET, values).first()
        return row and _case(row)

    def add(self, case: Case, version: CaseVersion) -> None:
        """See the port. RuntimeError when the version's document is stored for another case."""
        self._transaction.require_writing()
        if not self._transaction.changed(_ADD, _case_row(case)):
            raise AlreadyExists("the case's id or its reference is taken")
        self._transaction.execute(_ADD_VERSION, vars(version))

    def save(self, case: Case, version: CaseVersion | None = None) -> None:
        """See the port. The reference never changes; RuntimeError as for ``add``."""
        self._transaction.require_writing()
        values = _case_row(case)
        del values["originator_ref"]
        expected = {
            "of_originator": values.pop("originator"),
            "of_case": values.pop("id"),
            "previous": case.revision - 1,
        }
        if not self._transaction.changed(_SAVE, values | expected):
            raise Stale("the case has changed: read it again")
        if version is not None:
            self._transaction.execute(_ADD_VERSION, vars(version))

    def version(self, digest: str) -> CaseVersion | None:
        """See the port."""
        row = self._transaction.execute(_VERSION, {"digest": digest}).first()
        return row and _version(row)

    def page(self, originator: str, after: UUID | None, limit: int) -> Sequence[Case]:
        """See the port."""
        values = {"originator": originator, "after": after or _NO_ID, "limit": limit}
        return [_case(row) for row in self._transaction.execute(_PAGE, values)]


def _case(row: Row[Any]) -> Case:
    return Case(
        originator=row.originator,
        id=row.id,
        version=row.version,
        digest=row.digest,
        originator_ref=row.originator_ref,
        state=CaseState(row.state),
        unconfirmed=row.unconfirmed,
        assessed_by=row.assessed_by,
        cleared_by=row.cleared_by,
        revision=row.revision,
    )


def _case_row(case: Case) -> dict[str, Any]:
    return {**vars(case), "state": case.state.value}


def _version(row: Row[Any]) -> CaseVersion:
    return CaseVersion(
        originator=row.originator,
        case=row.case,
        version=row.version,
        digest=row.digest,
        document=row.document,
        assurance=row.assurance,
        event=row.event,
    )
