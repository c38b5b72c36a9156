"""The items of cases and handoffs, by which their organisation finds them again.

A row has a keyed digest of an item (`gateway.domain.searched_item`) under a key of the
organisation, which is encrypted by a key of the keys database. So two organisations' rows of one
item have nothing in common, and who has only the database cannot try out an address. They end with
the erasure of their case (`SqlCases.erase`).
"""

import hmac
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from operator import attrgetter
from uuid import UUID

from sqlalchemy import (
    LargeBinary,
    Select,
    bindparam,
    delete,
    insert,
    select,
    tuple_,
    update,
)

from gateway.domain.audit import CaseId
from gateway.domain.refusals import EditConflict
from gateway.evidence import base64url
from gateway.kernel.values import IndexedItem
from gateway.store import tables
from gateway.store.columns import RecordTable, StorePart, matching
from gateway.store.content_encryption import KEY_BYTES, CellRef
from gateway.store.registry import MOST_REMEMBERED, Entries
from gateway.store.tables import case_file, doomed_key, handoff, index_key, indexed_item
from gateway.store.transaction import insert_new

TOKEN_BYTES = 16

_ITEMS = RecordTable(indexed_item, IndexedItem)
_ADD = insert(indexed_item)
_REMOVE_BEFORE = delete(indexed_item).where(
    matching(indexed_item, "originator", "case", "about", prefix="of_"),
    indexed_item.c.package < bindparam("before"),
)
_next = (
    select(indexed_item.c.about)
    .where(matching(indexed_item, "organisation", "token"))
    .where(indexed_item.c.about > bindparam("after"))
    .distinct()
    .order_by(indexed_item.c.about)
    .limit(bindparam("limit"))
)
_FOUND = (
    _ITEMS.by("organisation", "token")
    .where(indexed_item.c.about.in_(_next))
    .order_by(indexed_item.c.about, indexed_item.c.package)
)
_KEY = select(index_key.c.secret).where(matching(index_key, "organisation"))
_ADD_KEY = insert_new(index_key)
_CONTENT_KEY = select(index_key.c.content_key).where(matching(index_key, "organisation"))
_END_KEY = delete(index_key).where(matching(index_key, "organisation", prefix="of_"))
_END_ITEMS = delete(indexed_item).where(matching(indexed_item, "organisation", prefix="of_"))
_DOOM = insert_new(doomed_key)
_UNINDEXED = (
    select(case_file.c.originator, case_file.c.id)
    .where(tables.UNINDEXED, case_file.c.id > bindparam("after"))
    .order_by(case_file.c.id)
    .limit(bindparam("limit"))
)
_INDEXED = (
    update(case_file)
    .where(case_file.c.originator == bindparam("of_originator"))
    .where(case_file.c.id == bindparam("of_case"))
    .values(indexed=True)
)
_SECRETS = select(index_key.c.organisation, index_key.c.secret).order_by(index_key.c.organisation)
_received = select(handoff.c.originator, handoff.c.case).where(
    handoff.c.recipient == bindparam("of_organisation")
)
_UNINDEX = [
    update(case_file).where(of).values(indexed=False)
    for of in (
        case_file.c.originator == bindparam("of_organisation"),
        tuple_(case_file.c.originator, case_file.c.id).in_(_received),
    )
]
_NO_ID = UUID(int=0)


@lru_cache
def _any_of(count: int) -> Select[tuple[bytes]]:
    """The rows of any of so many tokens."""
    tokens = [bindparam(f"token_{n}", type_=LargeBinary) for n in range(count)]
    return (
        _ITEMS.by("organisation").where(indexed_item.c.token.in_(tokens)).limit(bindparam("limit"))
    )


@dataclass(eq=False)
class SqlItems(StorePart):
    """By which items an organisation finds its cases, and the handoffs that it received."""

    _secrets: Entries
    """The index keys that the process remembers; or the round, where what is read may not be
    committed yet."""

    def put(
        self, organisation: str, of: CaseId, about: UUID, package: int, items: Collection[str]
    ) -> None:
        """Index what a package of a handoff, or a version of an own case, has; ``about`` is the
        handoff's id, or the case's."""
        if not items:
            return
        base = IndexedItem(organisation, b"", about, package, of.originator, of.case)
        secret = self._secret(organisation) or self._new_secret(organisation)
        rows = [{**vars(base), "token": token} for token in _tokens(secret, items)]
        self._transaction.defer(_ADD, *rows)

    def drop(self, of: CaseId, about: UUID, before: int) -> None:
        """Take away what earlier packages, or versions, had."""
        values = {"of_originator": of.originator, "of_case": of.case, "of_about": about}
        self._transaction.defer(_REMOVE_BEFORE, {**values, "before": before})

    def find(
        self, organisation: str, item: str, after: UUID | None, limit: int
    ) -> Sequence[Sequence[IndexedItem]]:
        """An organisation's rows of one item, together by what they are about, after that."""
        if (secret := self._secret(organisation)) is None:
            return ()
        (token,) = _tokens(secret, [item])
        values = {"organisation": organisation, "token": token, "limit": limit}
        return _grouped(self._all(_ITEMS, _FOUND, after=after or _NO_ID, **values))

    def having_any(
        self, organisation: str, items: Collection[str], limit: int
    ) -> Sequence[Sequence[IndexedItem]]:
        """As many as ``limit`` of an organisation's rows of any of some items, likewise; whichever
        are read first, for one item may have many."""
        if not items or (secret := self._secret(organisation)) is None:
            return ()
        tokens = _tokens(secret, items)
        # As many as the next power of two, so that few statements are prepared.
        tokens += tokens[-1:] * ((1 << (len(tokens) - 1).bit_length()) - len(tokens))
        named = {f"token_{n}": token for n, token in enumerate(tokens)}
        values = {"organisation": organisation, "limit": limit, **named}
        found = self._all(_ITEMS, _any_of(len(tokens)), **values)
        return _grouped(sorted(found, key=attrgetter("about")))

    def unindexed(self, after: UUID | None, limit: int) -> Sequence[CaseId]:
        """Cases from before there was an index, by id, after one."""
        rows = self._transaction.rows(_UNINDEXED, {"after": after or _NO_ID, "limit": limit})
        return [CaseId(row.originator, row.id) for row in rows]

    def note_indexed(self, of: CaseId) -> None:
        """Note that a case, and its handoffs, are in the index."""
        self._transaction.run(_INDEXED, {"of_originator": of.originator, "of_case": of.case})

    def end(self, organisation: str) -> None:
        """Take away an organisation's index, where it has one, and doom its key."""
        key = self._transaction.scalar(_CONTENT_KEY, {"organisation": organisation})
        if key is not None:
            self._write(_DOOM, {"content_key": key})
            self._transaction.run(_END_ITEMS, {"of_organisation": organisation})
            self._transaction.run(_END_KEY, {"of_organisation": organisation})
            self._secrets.pop(("index_key", organisation), None)

    def lost(self) -> Sequence[str]:
        """Organisations whose index key is sealed by a key that is not there. Raises
        CaseKeysUnavailable where no key can be read."""
        rows = self._transaction.rows(_SECRETS, {})
        readable = self._cipher.fetch([row.secret for row in rows]) if rows else ()
        return [row.organisation for row in rows if row.secret not in readable]

    def begin_again(self, organisation: str) -> None:
        """Take an index away whose key is lost, so that maintenance makes it anew. In a transaction
        of the registry: every process forgets the key."""
        self._transaction.require_registry()
        self.end(organisation)
        for statement in _UNINDEX:
            self._transaction.run(statement, {"of_organisation": organisation})

    def _secret(self, organisation: str) -> bytes | None:
        """An organisation's index key, where it has one, remembered with the registry: it ends
        after who left, and whoever has this process has the key-encryption key, too."""
        name = ("index_key", organisation)
        found: bytes | None = self._secrets.get(name)
        if found is None:
            stored = self._transaction.scalar(_KEY, {"organisation": organisation})
            if stored is None:
                return None
            found = base64url.decode(self._cipher.decrypt(stored, _cell(organisation)))
            if len(self._secrets) < MOST_REMEMBERED:
                self._secrets[name] = found
        return found

    def _new_secret(self, organisation: str) -> bytes:
        """Make a key, which other transactions know once it is committed."""
        key, text = self._cipher.new_key(), base64url.encode(self._cipher.random(KEY_BYTES))
        sealed = self._cipher.encrypt(text, key, _cell(organisation))
        made = {"organisation": organisation, "content_key": key, "secret": sealed}
        if self._transaction.run(_ADD_KEY, made).rowcount:
            secret = base64url.decode(text)
            self._secrets = {("index_key", organisation): secret}
            return secret
        stored = self._secret(organisation)  # another request made it meanwhile
        if stored is None:
            raise EditConflict("another request made the key: ask again")
        return stored


def _grouped(rows: Iterable[IndexedItem]) -> list[list[IndexedItem]]:
    return [[*group] for _, group in groupby(rows, attrgetter("about"))]


def _tokens(secret: bytes, items: Collection[str]) -> list[bytes]:
    digests = (hmac.digest(secret, one.encode(), "sha256") for one in items)
    return sorted(one[:TOKEN_BYTES] for one in digests)


def _cell(organisation: str) -> CellRef:
    return CellRef(index_key.name, organisation, "secret")
