"""The log, rebuilt from its documents and held against all that was ever handed out."""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import select

from gateway.client.own_stream import ToldStream
from gateway.domain.audit_event import Operation
from gateway.evidence import event
from gateway.evidence.receipt import VerifiedReceipt
from gateway.kernel.actors import GATEWAY
from gateway.kernel.ports import TransactionMode, UnitOfWork
from gateway.kernel.values import HandoffFilter, LoggedEvent, TreeHead
from gateway.ledger import tiles, tree
from gateway.store import tables
from gateway.store.handoff_proof import HandoffComparison
from gateway.store.proved import Proved, RowsProof
from gateway.store.registry_proof import RegistryComparison, compare_registry
from gateway.store.transaction import Transaction
from gateway.store.unit_of_work import SqlUnitOfWork
from tests.founded_gateway import UNRECORDED, Founded, registry_rows
from tests.ports import ORIGIN, civil_day, policy, rebuild_of


def check_log(gateway: Founded, *strangers: str) -> list[dict[str, Any]]:
    """Rebuild the log from its documents, and hold it against all that was ever handed out.

    Every entry is that of its document and nonce; the tree over them is the head's; its tiles are
    those of the tree; every event proves itself; every party's counter runs from 1 without a gap;
    every head that was signed, and every receipt that was given, is of this very tree. Returns
    the fields of all events, in the log's order. ``strangers`` are parties outside the registry.
    Events of the founding story that were found sound once are held against their entries only.
    """
    with gateway.ports.begin(TransactionMode.READ) as work:
        head = work.log.head()
        entries = work.log.entries(0, head.size)
        logged = all_events(gateway, work, head, (GATEWAY, *slugs(work), *strangers))
        _check_tiles(work, head, entries)
        _check_counters(work, logged)
    rebuilt = [tree.entry_commitment(one.event.document, one.event.nonce) for one in logged]
    assert rebuilt == list(entries), "an entry is not that of its document"
    leaves = [tree.leaf_hash(one) for one in rebuilt]
    assert tree.root(leaves) == head.root, "the head is not that of the entries"
    for one, leaf in zip(logged, leaves, strict=True):
        if one.event.id in gateway.checked:
            continue
        tree.verify_inclusion(leaf, one.index, one.head.size, one.proof, one.head.root)
        _check_case(one, gateway)
    for size, root in gateway.checkpoint_signer.signed.items():
        assert tree.root(leaves[:size]) == root, "a head was signed that is not of this log"
    if _may_differ(gateway, logged):
        compared = _compared_since_the_story(gateway)
        assert {name for _, name in compared.differing} <= gateway.beside
        assert gateway.beside or not compared.problems
    assert handoffs_compared(gateway).sentences() == ()
    with gateway.ports.begin(TransactionMode.READ) as work:
        for slug in slugs(work):
            # What a remote member is told of a handoff is not all that moves it.
            if "@" not in slug:
                assert contradictions(work, slug, logged, gateway.origin) == []
    documents = {one.index: one.event.document for one in logged}
    for given in gateway.receipts:
        confirmed = gateway.confirm(given)
        assert given.document == documents[confirmed.index], "a receipt is of another event"
    return [dict(_read(one.event.document)) for one in logged]


# The events of the story are the same in every test, and each party is shown the same of them.
_read = lru_cache(4096)(event.read)
_opened = lru_cache(4096)(event.open_disclosures)


def _check_case(one: LoggedEvent, gateway: Founded) -> None:
    """What is about a version of a case, or a handoff, names the case, until the log's term; but
    for what an earlier version recorded, under its policies."""
    told = _read(one.event.document)
    earlier = told["policy"] != policy().revision
    if earlier or not {"case_digest", "handoff"} & told.keys():
        return
    details = {detail.kind: detail for detail in one.event.disclosures}
    if "case" in details:
        assert details["case"].readers == {GATEWAY, details["case"].value.split("/")[0]}
    else:
        age = gateway.clock() - datetime.fromisoformat(told["time"])
        assert age > timedelta(days=365), f"{told['type']} names no case"


def contradictions(
    work: UnitOfWork, slug: str, logged: Sequence[LoggedEvent], origin: str = ORIGIN
) -> list[str]:
    """What the rows of a member's handoffs and duties say otherwise than its stream, as its client
    compares them: here all of them, for no interest keeps any back."""
    told, documents = ToldStream(slug, origin, None), {one.event.id: one.event for one in logged}
    for number, event_id in work.log.stream(slug, 0, 10**6):
        document = documents[event_id]
        opened = _opened(document.document, tuple(document.shown_to(slug)))
        proved = VerifiedReceipt(_read(document.document), opened, *[cast(Any, None)] * 4)
        told.take(number, proved)
    told.interested = False
    found = list[str]()
    for box in ("in", "out"):
        rows = work.handoffs.page(slug, box, HandoffFilter(), None, 10**6)
        shown = [
            {
                **vars(one),
                "handoff": str(one.id),
                "case": str(one.case),
                "recalled": one.recall is not None,
                "recipient": one.recipient,
            }
            for one in rows
        ]
        found += told.in_list(shown, box, None)
        owed = [one for row in rows for one in work.duties.of(row.id, open_only=True)]
        duties = [{"handoff": str(one.handoff), "kind": str(one.kind)} for one in owed]
        # Nothing is asked of who has left, and its client reads no more.
        read = box == "in" and not work.organisations.left(slug)
        found += told.in_duties(duties) if read else ()
    return found


def handoffs_compared(gateway: Founded) -> HandoffComparison:
    """Cases, handoffs and what stands beside them, compared with the log and their documents."""
    with gateway.store.begin(TransactionMode.READ) as work:
        return rows_proof(work).handoffs()


def rows_are_whole(work: UnitOfWork) -> None:
    """Require that maintenance would find nothing that differs."""
    assert not rows_proof(work).handoffs().sentences()


def rows_proof(work: UnitOfWork, proved: Proved | None = None) -> RowsProof:
    """The rows of a founded gateway, to be compared with its log."""
    return RowsProof(cast(SqlUnitOfWork, work), rebuild_of(), civil_day, proved)


def _may_differ(gateway: Founded, logged: Iterable[LoggedEvent]) -> bool:
    """Whether anything touched the registry since it was compared at the story's end.

    To make every change of the story again costs more than most tests do.
    """
    new = (_read(one.event.document) for one in logged if one.event.id not in gateway.checked)
    changing = {Operation.REGISTRY_CHANGE, Operation.KEY_EVENT}
    if any(one["operation"] in changing for one in new):
        return True
    return gateway.compared != registry_rows(gateway.store)


def registry_compared(gateway: Founded) -> RegistryComparison:
    """The registry, compared with what the log's events make of an empty one."""
    return _compared(gateway, rebuild_of(gateway.ports.issuer))


_ENTERED = select(tables.staff).where(tables.staff.c.event == UNRECORDED)


def _compared(
    gateway: Founded, redo: Callable[[LoggedEvent, UnitOfWork], None]
) -> RegistryComparison:
    with gateway.store.begin(TransactionMode.READ) as work:
        found = compare_registry(cast(SqlUnitOfWork, work), redo)
        rows = cast(SqlUnitOfWork, work).rows(_ENTERED, {})
        past = {("staff", f"{one.organisation}/{one.pseudonym}") for one in rows}
    return replace(found, differing=found.differing - past)


def _compared_since_the_story(gateway: Founded) -> RegistryComparison:
    """The same, from what the story's own events made when it was told.

    To verify all their approvals again would cost more than most tests do.
    """
    rebuild, begun = rebuild_of(gateway.ports.issuer), not gateway.checked

    def redo(logged: LoggedEvent, work: UnitOfWork) -> None:
        nonlocal begun
        if not begun:
            _made_again_in(work).deserialize(gateway.made_again)
            begun = True
        if logged.event.id not in gateway.checked:
            rebuild(logged, work)

    return _compared(gateway, redo)


def made_again(gateway: Founded) -> bytes:
    """The database in which all changes were made again."""
    rebuild, made = rebuild_of(gateway.ports.issuer), b""

    def redo(logged: LoggedEvent, work: UnitOfWork) -> None:
        nonlocal made
        rebuild(logged, work)
        connection = _made_again_in(work)
        connection.commit()
        made = connection.serialize()

    _compared(gateway, redo)
    return made


def _made_again_in(work: UnitOfWork) -> sqlite3.Connection:
    return cast(sqlite3.Connection, transaction_of(work).driver)


def transaction_of(work: UnitOfWork) -> Transaction:
    return work.organisations._transaction


def all_events(
    gateway: Founded, work: UnitOfWork, head: TreeHead, parties: Iterable[str]
) -> list[LoggedEvent]:
    """Every event of the log, found through the streams of its parties."""
    found: dict[int, LoggedEvent] = {}
    for organisation in parties:
        for _, event_id in work.log.stream(organisation, 0, head.size + 1):
            logged = gateway.checked.get(event_id) or work.log.logged(event_id)
            assert logged is not None, "a stream names an event that the log does not have"
            assert logged.event.id == event_id, "the log gives another event than was asked for"
            found[logged.index] = logged
    assert sorted(found) == list(range(head.size)), "an entry belongs to nobody's stream"
    return [found[index] for index in range(head.size)]


def slugs(work: UnitOfWork) -> list[str]:
    return [one.slug for one in work.organisations.page("", 1000)]


def _check_tiles(work: UnitOfWork, head: TreeHead, entries: Iterable[bytes]) -> None:
    leaves = [tree.leaf_hash(one) for one in entries]
    expected, root = tiles.append(lambda level, n: b"", 0, leaves)
    assert root == head.root
    for (level, n), data in expected.items():
        assert work.log.tile(level, n)[: len(data)] == data, "a tile is not that of the entries"


def _check_counters(work: UnitOfWork, logged: Iterable[LoggedEvent]) -> None:
    counted: dict[str, int] = {}
    for one in logged:
        for disclosure in one.event.disclosures:
            if disclosure.kind != event.PARTY:
                continue
            party = disclosure.value["organisation"]
            counted[party] = counted.get(party, 0) + 1
            assert disclosure.value["stream_number"] == counted[party], "a counter has a gap"
            assert disclosure.readers == {party}, "a party's place is shown to another"
    for party, last in counted.items():
        assert work.log.last_number(party) == last
        stream = work.log.stream(party, 0, last + 1)
        assert [stream_number for stream_number, _ in stream] == list(range(1, last + 1))
