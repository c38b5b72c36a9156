"""Whether the content in the database and the keys of cases belong together."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import bindparam, null, select
from sqlalchemy.exc import DBAPIError

from gateway.domain.refusals import CaseKeysUnavailable
from gateway.kernel.ports import TransactionMode
from gateway.store import tables
from gateway.store.database import UnsuitableDatabase, writing_engine
from gateway.store.keyring import SqlKeyring
from gateway.store.tables import case_file, retained_copy
from gateway.store.unit_of_work import SqlUnitOfWork, Store

PAGE = 4096

OLDER = (
    "the keys database is older than the content, for the key of the newest case is missing: the "
    "operator has to bring the newest keys database back"
)

_NEWEST = (
    select(case_file.c.content_key)
    .where(case_file.c.content_key.is_not(null()), tables.KEPT)
    .order_by(case_file.c.content_key.desc())
    .limit(1)
)
_NEWEST_COPY = (
    select(retained_copy.c.content_key).order_by(retained_copy.c.content_key.desc()).limit(1)
)
_KEYS = (
    select(case_file.c.content_key)
    .where(case_file.c.content_key > bindparam("after"), tables.KEPT)
    .order_by(case_file.c.content_key)
    .limit(bindparam("limit"))
)
_NO_ID = UUID(int=0)


@dataclass(frozen=True)
class KeyInventory:
    """How many cases with content have a key that opens it, one that was destroyed, or none.

    ``missing`` names up to twenty of those that have none, the ``lost``.
    """

    readable: int = 0
    destroyed: int = 0
    lost: int = 0
    missing: tuple[str, ...] = ()


def require_newest_key(store: Store, keyring: SqlKeyring) -> None:
    """Require that the keys are not older than the content. Raises CaseKeysUnavailable.

    Keys are numbered as time passes: an older copy of the keys database lacks the newest.
    """
    with store.begin(TransactionMode.READ) as work:
        found = [*work.rows(_NEWEST, {}), *work.rows(_NEWEST_COPY, {})]
    newest = max((row.content_key for row in found), default=None)
    if newest is not None and not keyring.states([newest]):
        raise CaseKeysUnavailable(OLDER)


def has_content(url: str) -> bool:
    """Tell whether the database at a URL holds content of cases. Raises UnsuitableDatabase."""
    engine = writing_engine(url)
    try:
        with engine.connect() as connection:
            return connection.execute(_NEWEST).first() is not None
    except (DBAPIError, sqlite3.Error) as error:
        raise UnsuitableDatabase(
            "the database has no tables of this version: set it up first"
        ) from error
    finally:
        engine.dispose()


def take_inventory(work: SqlUnitOfWork, keyring: SqlKeyring) -> KeyInventory:
    """Compare every case with content with the keys. Raises CaseKeysUnavailable."""
    counts = {True: 0, False: 0}
    lost: list[UUID] = []
    for keys in _pages(work):
        states = keyring.states_between(keys[0], keys[-1])
        for key in keys:
            if key in states:
                counts[states[key]] += 1
            else:
                lost.append(key)
    named = (one for key in lost[:20] if (one := work.cases.having(key)))
    missing = tuple(f"{one.originator} {one.id}" for one in named)
    return KeyInventory(counts[True], counts[False], len(lost), missing)


def _pages(work: SqlUnitOfWork) -> Iterator[list[UUID]]:
    after = _NO_ID
    while rows := work.rows(_KEYS, {"after": after, "limit": PAGE}):
        yield [row.content_key for row in rows]
        after = rows[-1].content_key
