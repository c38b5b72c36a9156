"""Whether content and keys belong together, and the one time that plain content is encrypted."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, func, null, select, update
from sqlalchemy.exc import DBAPIError

from gateway.actions.ports import Mode, Work
from gateway.domain.refusals import KeysUnavailable
from gateway.evidence import event, sd_jwt
from gateway.store import cases, handoffs, log
from gateway.store.contents import Contents
from gateway.store.database import Unfit, writing_engine
from gateway.store.envelope import is_envelope
from gateway.store.keyring import SqlKeyring
from gateway.store.tables import (
    answer,
    case_file,
    case_version,
    handoff,
    log_disclosure,
    log_document,
)
from gateway.store.work import SqlWork, Store

PAGE = 256

Begin = Callable[[Mode], AbstractContextManager[Work]]

OLDER = (
    "the keys database is older than the content, for the key of the newest case is missing: the "
    "operator has to bring the newest keys database back"
)

_kept = case_file.c.state != "erased"
_of_case = (
    case_file.c.originator == bindparam("of_originator"),
    case_file.c.id == bindparam("of_case"),
)
_NEWEST = (
    select(case_file.c.content_key)
    .where(case_file.c.content_key.is_not(null()), _kept)
    .order_by(case_file.c.content_key.desc())
    .limit(1)
)
_KEYS = (
    select(case_file.c.content_key, case_file.c.originator, case_file.c.id)
    .where(case_file.c.content_key > bindparam("after"), _kept)
    .order_by(case_file.c.content_key)
    .limit(bindparam("limit"))
)
_PLAIN = (
    select(case_file.c.originator, case_file.c.id, case_file.c.originator_ref, case_file.c.digest)
    .where(_kept, case_file.c.content_key.is_(null()))
    .limit(bindparam("limit"))
)
_PLAIN_COUNT = (
    select(func.count()).select_from(case_file).where(_kept, case_file.c.content_key.is_(null()))
)
_VERSIONS = select(case_version.c.digest, case_version.c.document).where(
    case_version.c.originator == bindparam("of_originator"),
    case_version.c.case == bindparam("of_case"),
)
_ANSWERS = (
    select(answer.c.handoff, answer.c.sequence, answer.c.statement)
    .join(handoff, handoff.c.id == answer.c.handoff)
    .where(
        handoff.c.originator == bindparam("of_originator"),
        handoff.c.case == bindparam("of_case"),
    )
)
_SET_DOCUMENT = update(case_version).where(case_version.c.digest == bindparam("of_digest"))
_SET_STATEMENT = update(answer).where(
    answer.c.handoff == bindparam("of_handoff"), answer.c.sequence == bindparam("of_sequence")
)
_SET_CASE = update(case_file).where(*_of_case)
_TOLD = (
    select(
        log_disclosure.c.event,
        log_disclosure.c.position,
        log_disclosure.c.disclosure,
        log_document.c.doc,
    )
    .join(log_document, log_document.c.event == log_disclosure.c.event)
    .where(
        log_disclosure.c.kind.in_(sorted(log.CONTENT)),
        log_disclosure.c.event > bindparam("after"),  # each kind occurs once in an event
    )
    .order_by(log_disclosure.c.event)
    .limit(bindparam("limit"))
)
_SET_TOLD = update(log_disclosure).where(
    log_disclosure.c.event == bindparam("of_event"),
    log_disclosure.c.position == bindparam("of_position"),
)
_NO_ID = UUID(int=0)


@dataclass(frozen=True)
class Tally:
    """How the content that is stored stands to the keys: cases, by what became of their key.

    ``missing`` names up to twenty of those whose key is not there at all.
    """

    readable: int = 0
    destroyed: int = 0
    plain: int = 0
    lost: int = 0
    missing: tuple[str, ...] = ()


def require_newest_key(store: Store, keyring: SqlKeyring) -> None:
    """Require that the keys are not older than the content. Raises KeysUnavailable.

    Keys are numbered as time passes: an older copy of the keys database lacks the newest.
    """
    with store.begin(Mode.READ) as work:
        newest = [row.content_key for row in work.rows(_NEWEST, {})]
    if newest and not keyring.states(newest):
        raise KeysUnavailable(OLDER)


def require_encrypted(store: Store) -> None:
    """Require that no content lies in the database in clear. Raises Unfit."""
    try:
        with store.begin(Mode.READ) as work:
            plain = work.rows(_PLAIN, {"limit": 1})
    except (DBAPIError, sqlite3.Error) as error:
        raise Unfit("the database has no tables of this version: set it up first") from error
    if plain:
        raise Unfit(
            "the database has cases in clear, of before they were encrypted: stop the gateway, "
            "back it up, and run `casegate encrypt`"
        )


def is_encrypted(url: str) -> bool:
    """Whether the database of a SQLAlchemy URL has content that only keys open. Raises Unfit."""
    engine = writing_engine(url)
    try:
        with engine.connect() as connection:
            return connection.execute(_NEWEST).first() is not None
    except (DBAPIError, sqlite3.Error) as error:
        raise Unfit("the database has no tables of this version: set it up first") from error
    finally:
        engine.dispose()


def tally(work: SqlWork, keyring: SqlKeyring) -> Tally:
    """Hold every case with content against the keys. Raises KeysUnavailable."""
    counts = {True: 0, False: 0}
    lost: list[str] = []
    for rows in _pages(work):
        states = keyring.states([row.content_key for row in rows])
        for row in rows:
            if row.content_key in states:
                counts[states[row.content_key]] += 1
            else:
                lost.append(f"{row.originator} {row.id}")
    plain = work.rows(_PLAIN_COUNT, {})[0][0]
    return Tally(counts[True], counts[False], plain, len(lost), tuple(lost[:20]))


def encrypt(
    begin: Begin,
    keyring: SqlKeyring,
    reference: Callable[[str, str], str],
    tell: Callable[[int, int], None],
) -> int:
    """Encrypt what is stored in clear, a case at a time, and then the reasons in the log.

    ``reference`` makes of originator and reference what is stored in the reference's place;
    ``tell`` hears how many cases of how many are done. Returns how many were. It may be cut off
    anywhere and run again. Raises KeysUnavailable, Frozen, Busy.
    """
    with begin(Mode.READ) as work:
        total = _sql(work).rows(_PLAIN_COUNT, {})[0][0]
    done = 0
    while True:
        with begin(Mode.WRITE) as work:
            found = _sql(work).rows(_PLAIN, {"limit": 1})
            if not found:
                break
            _encrypt_case(_sql(work), Contents(keyring), found[0], reference)
            work.commit()
        done += 1
        tell(done, total)
    _encrypt_reasons(begin, keyring)
    return done


def _encrypt_case(
    work: SqlWork, contents: Contents, case: Row[Any], reference: Callable[[str, str], str]
) -> None:
    of = {"of_originator": case.originator, "of_case": case.id}
    key = contents.new_key()
    erase_on = None
    for row in work.rows(_VERSIONS, of):
        if row.digest == case.digest:
            erase_on = date.fromisoformat(sd_jwt.read_clear(row.document)["erase_on"])
        closed = contents.close(row.document, key, cases.place_of(row.digest))
        work.change(_SET_DOCUMENT, {"of_digest": row.digest, "document": closed})
    for row in work.rows(_ANSWERS, of):
        place = handoffs.place_of(row.handoff, row.sequence)
        closed = contents.close(row.statement, key, place)
        named = {"of_handoff": row.handoff, "of_sequence": row.sequence}
        work.change(_SET_STATEMENT, {**named, "statement": closed})
    ref = reference(case.originator, case.originator_ref)
    work.change(_SET_CASE, {**of, "content_key": key, "erase_on": erase_on, "originator_ref": ref})


def _encrypt_reasons(begin: Begin, keyring: SqlKeyring) -> None:
    """Encrypt the free text of those events that are about a case."""
    after = _NO_ID
    while True:
        with begin(Mode.WRITE) as work:
            rows = _sql(work).rows(_TOLD, {"after": after, "limit": PAGE})
            if not rows:
                return
            contents = Contents(keyring)
            for row in rows:
                _encrypt_reason(_sql(work), contents, row)
            work.commit()
        after = rows[-1].event


def _encrypt_reason(work: SqlWork, contents: Contents, row: Row[Any]) -> None:
    text = row.disclosure
    if text is None or is_envelope(text) or row.doc is None:
        return
    digest = event.read(row.doc).get("case_digest")
    found = [] if digest is None else work.rows(log.KEY_OF, {"digest": digest})
    if found:
        closed = contents.close(text, found[0].content_key, log.place_of(row.event, row.position))
        named = {"of_event": row.event, "of_position": row.position}
        work.change(_SET_TOLD, {**named, "disclosure": closed})


def _pages(work: SqlWork) -> Iterator[list[Row[Any]]]:
    after = _NO_ID
    while rows := list(work.rows(_KEYS, {"after": after, "limit": PAGE})):
        yield rows
        after = rows[-1].content_key


def _sql(work: Work) -> SqlWork:
    """The Work as this store's own: another has nothing to encrypt."""
    if not isinstance(work, SqlWork):
        raise TypeError("only a database's own Work can be encrypted")
    return work
