"""Cases of originators: the current state of each, and every version as a signed document."""

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, delete, insert, null, or_, select, update

from gateway.actions.records import CaseVersion, Erasure
from gateway.domain.case import Case, CaseState
from gateway.domain.refusals import AlreadyExists, Stale
from gateway.store import tables
from gateway.store.contents import ERASED, Contents
from gateway.store.envelope import Place
from gateway.store.tables import answer, case_file, case_version, handoff, retry
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
_KEY_OF = select(case_file.c.content_key).where(
    case_file.c.originator == bindparam("originator"),
    case_file.c.id == bindparam("case"),
    tables.KEPT,
)
_DUE = (
    select(case_file)
    .where(tables.KEPT, case_file.c.erase_on <= bindparam("day"))
    .order_by(case_file.c.erase_on)
    .limit(bindparam("limit"))
)
_ERASE_VERSIONS = (
    update(case_version)
    .where(
        case_version.c.originator == bindparam("of_originator"),
        case_version.c.case == bindparam("of_case"),
    )
    .values(document=ERASED)
)
_handoffs = select(handoff.c.id).where(
    handoff.c.originator == bindparam("of_originator"), handoff.c.case == bindparam("of_case")
)
_ERASE_ANSWERS = update(answer).where(answer.c.handoff.in_(_handoffs)).values(statement=ERASED)
_versions = select(case_version.c.event).where(
    case_version.c.originator == bindparam("of_originator"),
    case_version.c.case == bindparam("of_case"),
)
_answers = select(answer.c.event).where(answer.c.handoff.in_(_handoffs))
_FORGET_RETRIES = delete(retry).where(
    or_(retry.c.event.in_(_versions), retry.c.event.in_(_answers))
)
_DOOMED = (
    select(case_file.c.content_key)
    .where(tables.ERASED, case_file.c.content_key.is_not(null()))
    .limit(bindparam("limit"))
)
_FORGET_KEY = (
    update(case_file)
    .where(case_file.c.content_key == bindparam("of_key"), tables.ERASED)
    .values(content_key=None)
)
_HAVING = select(case_file).where(case_file.c.content_key == bindparam("key"))


class SqlCases:
    """Cases in SQL; the contract is that of `gateway.actions.ports.Cases`."""

    def __init__(self, transaction: Transaction, contents: Contents) -> None:
        """Work in this transaction."""
        self._transaction = transaction
        self._contents = contents

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
        key = self._contents.new_key()
        if not self._transaction.changed(_ADD, {**_case_row(case), "content_key": key}):
            raise AlreadyExists("the case's id or its reference is taken")
        self._add_version(version, key)

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
            values = {"originator": case.originator, "case": case.id}
            self._add_version(version, self._transaction.execute(_KEY_OF, values).scalar())

    def version(self, digest: str) -> CaseVersion | None:
        """See the port."""
        row = self._transaction.execute(_VERSION, {"digest": digest}).first()
        return row and self._version(row)

    def page(self, originator: str, after: UUID | None, limit: int) -> Sequence[Case]:
        """See the port."""
        values = {"originator": originator, "after": after or _NO_ID, "limit": limit}
        return [_case(row) for row in self._transaction.execute(_PAGE, values)]

    def erase(self, case: Case) -> Erasure:
        """See the port. What is overwritten was encrypted: the key's end is what erases it."""
        self.save(case)
        of = {"of_originator": case.originator, "of_case": case.id}
        versions = self._transaction.execute(_ERASE_VERSIONS, of).rowcount
        statements = self._transaction.execute(_ERASE_ANSWERS, of).rowcount
        self._transaction.execute(_FORGET_RETRIES, of)
        return Erasure(versions, statements)

    def due(self, day: date, limit: int) -> Sequence[Case]:
        """See the port."""
        rows = self._transaction.execute(_DUE, {"day": day, "limit": limit})
        return [_case(row) for row in rows]

    def doomed(self, limit: int) -> Sequence[UUID]:
        """See the port."""
        return [row.content_key for row in self._transaction.execute(_DOOMED, {"limit": limit})]

    def forget_keys(self, keys: Collection[UUID]) -> None:
        """See the port."""
        self._transaction.require_writing()
        for key in keys:
            self._transaction.execute(_FORGET_KEY, {"of_key": key})

    def key_of(self, originator: str, case: UUID) -> UUID | None:
        """See the port."""
        values = {"originator": originator, "case": case}
        key: UUID | None = self._transaction.execute(_KEY_OF, values).scalar()
        return key

    def having(self, key: UUID) -> Case | None:
        """See the port."""
        row = self._transaction.execute(_HAVING, {"key": key}).first()
        return row and _case(row)

    def _add_version(self, version: CaseVersion, key: UUID | None) -> None:
        document = self._contents.close(version.document, key, place_of(version.digest))
        self._transaction.execute(_ADD_VERSION, {**vars(version), "document": document})

    def _version(self, row: Row[Any]) -> CaseVersion:
        return CaseVersion(
            originator=row.originator,
            case=row.case,
            version=row.version,
            digest=row.digest,
            document=self._contents.open(row.document, place_of(row.digest)),
            assurance=row.assurance,
            event=row.event,
        )


def place_of(digest: str) -> Place:
    """Where the document of a case version is stored."""
    return Place(case_version.name, digest, "document")


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
        erase_on=row.erase_on,
    )


def _case_row(case: Case) -> dict[str, Any]:
    return {**vars(case), "state": case.state.value}
