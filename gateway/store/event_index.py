"""By what auditors may search events: the words in the row of each.

They are all that an event is found by: its type, its result, parties, persons and rules, each
between bars and with its kind. Once 256 entries are there, the words of all of them are also
written together in one row, shortened to four bytes each: a search passes over blocks that lack a
word it asks for, and walks the other rows in the log's order until its page is full. What is asked
for by its handoff is found by an index.

Persons stand here as HMACs under a key that is not in the database: the database alone does not
let anybody try out pseudonyms.
"""

import hmac
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from operator import attrgetter
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    LargeBinary,
    Select,
    and_,
    bindparam,
    false,
    or_,
    select,
    true,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from gateway.domain.audit_event import AuditEvent, EventResult
from gateway.domain.audit_topics import TOPICS, AuditTopic
from gateway.evidence.case_events import INDEXED
from gateway.kernel.values import LogQuery
from gateway.store.tables import case_version, handoff, log_block, log_event

BLOCK = 256
"""Entries of a block: as many as have a tile."""

_PERSON_BYTES = 16
_SHORT_BYTES = 4


def person_digest(key: bytes, person: str) -> str:
    """A person as a row names them: 128 bits of an HMAC, in hex."""
    return hmac.digest(key, b"log-facet/person/" + person.encode(), "sha256")[:_PERSON_BYTES].hex()


def columns_of(fact: AuditEvent, at: datetime, key: bytes) -> dict[str, Any]:
    """The columns of an event's row by which it is found."""
    details = {detail.kind: detail.value for detail in fact.details}
    parties = map(attrgetter("organisation"), fact.parties)
    return {
        "at": at.replace(microsecond=at.microsecond // 1000 * 1000),  # as the document has it
        "words": words_of(fact.type, fact.result.value, parties, details, key),
        "handoff": fact.handoff,
        "case_digest": fact.case_digest,
        "step_of": step_of(fact.type, fact.result.value, fact.case_digest),
    }


def step_of(type_: str, result: str, case_digest: str | None) -> str | None:
    """The digest of the version of a case whose course an event belongs to."""
    return case_digest if type_ in INDEXED and result == EventResult.ALLOWED else None


def words_of(
    type_: str, result: str, parties: Iterable[str], details: Mapping[str, Any], key: bytes
) -> str:
    """All words by which an event is found."""
    words = [f"typ:{type_}", f"result:{result}", *map("party:{}".format, parties)]
    words += [f"person:{person_digest(key, person)}" for person in _texts(details.get("by"))]
    return joined([*words, *map("rule:{}".format, _texts(details.get("rules")))])


def joined(words: Iterable[str]) -> str:
    """Words in one text, each between bars, so that a whole one can be looked for."""
    return f"|{'|'.join(words)}|"


def together(texts: Iterable[str]) -> bytes:
    """All words of several such texts, shortened: one that is not there is rarely found."""
    return b"".join(sorted({_short(word) for text in texts for word in text[1:-1].split("|")}))


def _short(word: str) -> bytes:
    """A word in a block: a search reads all of them, and then judges rows by the whole word."""
    return sha256(word.encode()).digest()[:_SHORT_BYTES]


def _texts(value: str | Sequence[str] | None) -> Sequence[str]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else value


class _Holds(FunctionElement[bool]):
    """Whether a text of `joined` has a word between bars, or `together` a shortened one."""

    type = Boolean()
    inherit_cache = True


@compiles(_Holds, "sqlite")
def _holds_on_sqlite(element: _Holds, compiler: Any, **options: Any) -> str:
    return f"instr({compiler.process(element.clauses, **options)}) > 0"


@compiles(_Holds, "postgresql")
def _holds_on_postgresql(element: _Holds, compiler: Any, **options: Any) -> str:
    text, word = (compiler.process(clause, **options) for clause in element.clauses)
    return f"position({word} IN {text}) > 0"


def search(
    query: LogQuery, key: bytes, size: int
) -> Sequence[tuple[Select[Any], Mapping[str, Any]]]:
    """The statements that find what is asked for, one after the other, in the log's order.

    The log has ``size`` entries. Each goes with its values; a page that one has filled needs none
    of those after it.
    """
    groups, values = _asked(query, key)
    words = {f"{n}_{m}": word for n, group in enumerate(groups) for m, word in enumerate(group)}
    values |= {f"word_{place}": joined([word]) for place, word in words.items()}
    members, cases = sorted(query.coverage.members), sorted(query.coverage.cases, key=str)
    for n, member in enumerate(members):
        values[f"member_{n}"] = joined([f"party:{member}"])
    for n, one in enumerate(cases):
        values |= {f"originator_{n}": one.originator, f"case_{n}": one.case}
    shape = (
        (
            tuple(map(len, groups)),
            tuple(sorted(values.keys() & _FILTERS.keys())),
            query.case is not None,
        ),
        (query.coverage.whole, len(members), len(cases)),
    )
    blocks = size // BLOCK
    if not words or query.after >= blocks * BLOCK - 1:
        return [(_statement(*shape, by_block=False), values)]
    shortened = {f"short_{place}": _short(word) for place, word in words.items()}
    first = {**values, **shortened, "first_block": (query.after + 1) // BLOCK}
    rest = {**values, "after": blocks * BLOCK - 1}
    return [(_statement(*shape, by_block=True), first), (_statement(*shape, by_block=False), rest)]


def _asked(query: LogQuery, key: bytes) -> tuple[list[list[str]], dict[str, Any]]:
    """The words that are asked for, of each group one, and the values of the filters that are
    set."""
    kinds = {
        "typ": query.types,
        "result": query.results,
        "party": _texts(query.organisation),
        "person": [person_digest(key, person) for person in _texts(query.person)],
        "rule": _texts(query.rule),
    }
    groups = [[f"{kind}:{word}" for word in words] for kind, words in kinds.items() if words]
    groups += [[*_words_of_topics(query.topics)]] if query.topics else []
    values: dict[str, Any] = {
        "of_handoff": query.handoff,
        "since": query.since,
        "until": query.until,
    }
    if query.case is not None:
        values |= {"originator": query.case.originator, "case": query.case.case}
    bounds = {"after": query.after, "before": query.before, "limit": query.limit}
    given = {name: value for name, value in values.items() if value is not None}
    return groups, bounds | given


def _words_of_topics(topics: Iterable[str]) -> Iterable[str]:
    """The words of which an event of one of the topics has one; others may have it, too."""
    found = [
        f"{kind}:{word}"
        for topic in topics
        for kind, words in zip(("typ", "result", "rule"), TOPICS[AuditTopic(topic)], strict=True)
        for word in words
    ]
    return dict.fromkeys(found)


_FILTERS: Mapping[str, ColumnElement[bool]] = {
    "of_handoff": log_event.c.handoff == bindparam("of_handoff"),
    "since": log_event.c.at >= bindparam("since"),
    "until": log_event.c.at < bindparam("until"),
}


@lru_cache(maxsize=256)
def _statement(
    asked: tuple[tuple[int, ...], tuple[str, ...], bool],
    covered: tuple[bool, int, int],
    *,
    by_block: bool,
) -> Select[Any]:
    """One statement for each shape of search, so that it is compiled once."""
    groups, filters, with_case = asked
    words = [[f"{n}_{m}" for m in range(size)] for n, size in enumerate(groups)]
    whole, members, cases = covered
    of_case = _any(_of_case(f"originator_{n}", f"case_{n}") for n in range(cases))
    of_member = _any(_Holds(log_event.c.words, bindparam(f"member_{n}")) for n in range(members))
    # Within a block the block bounds the range: SQLite takes one condition for each end of it,
    # and not one on a sum.
    index = log_event.c.idx + 0 if by_block else log_event.c.idx
    conditions = [
        index > bindparam("after"),
        index < bindparam("before"),
        true() if whole else or_(of_member, of_case),
        *_one_of_each(log_event.c.words, "word", words),
        *(_FILTERS[name] for name in filters),
    ]
    if with_case:
        conditions.append(_of_case("originator", "case"))
    found = select(log_event.c.idx, log_event.c.event, of_case.label("of_case"))
    if by_block:
        conditions += [
            log_block.c.n >= bindparam("first_block"),
            *_one_of_each(log_block.c.words, "short", words, type_=LargeBinary),
            log_event.c.idx >= log_block.c.n * BLOCK,
            log_event.c.idx < (log_block.c.n + 1) * BLOCK,
        ]
        found = found.select_from(log_block).order_by(log_block.c.n)
    return found.where(*conditions).order_by(log_event.c.idx).limit(bindparam("limit"))


def _one_of_each(
    column: ColumnElement[bytes], name: str, groups: Iterable[Iterable[str]], **typed: Any
) -> Iterator[ColumnElement[bool]]:
    """That a column holds a word of each group, whose parameters are ``name`` and its place."""
    for group in groups:
        yield _any(_Holds(column, bindparam(f"{name}_{place}", **typed)) for place in group)


def _any(conditions: Iterable[ColumnElement[bool]]) -> ColumnElement[bool]:
    return or_(false(), *conditions)


def _of_case(originator: str, case: str) -> ColumnElement[bool]:
    """Tell whether an event is about a case: by a version's digest, or by one of its handoffs."""
    digests = select(case_version.c.digest).where(
        case_version.c.originator == bindparam(originator), case_version.c.case == bindparam(case)
    )
    handoffs = select(handoff.c.id).where(
        handoff.c.originator == bindparam(originator), handoff.c.case == bindparam(case)
    )
    return or_(
        and_(log_event.c.case_digest.is_not(None), log_event.c.case_digest.in_(digests)),
        and_(log_event.c.handoff.is_not(None), log_event.c.handoff.in_(handoffs)),
    )
