"""Whether the content in the database and the keys of cases belong together."""

import sqlite3
from collections import Counter
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import bindparam, null, select
from sqlalchemy.exc import DBAPIError

from gateway.domain.refusals import CaseKeysUnavailable
from gateway.kernel.ports import TransactionMode
from gateway.store import tables
from gateway.store.columns import id_text
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
    select(id_text(case_file.c.content_key))
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
    counts = Counter[bool | None]()
    lost: list[str] = []
    last = _NO_ID
    while rows := work.rows(_KEYS, {"after": last, "limit": PAGE}):
        keys = [key for (key,) in rows]
        first, last = UUID(keys[0]), UUID(keys[-1])
        states = keyring.states_between(first, last)
        counts.update(map(states.get, keys))
        lost += (key for key in keys if key not in states)
    named = (one for key in lost[:20] for one in work.cases.having(UUID(key)))
    missing = tuple(f"{one.originator} {one.id}" for one in named)
    return KeyInventory(counts[True], counts[False], len(lost), missing)
