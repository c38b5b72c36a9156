"""By what auditors may search events: one small row for each entry, only ever added to.

A search walks the rows in the log's order and stops when its page is full. Nothing is indexed
beyond that: a row is about a hundred bytes, and each index would cost every write.

Persons stand here as HMACs under a key that is not in the database: who has only the database
cannot try out pseudonyms. Rows from before there were any have no persons at all; whoever asks for
one looks into their disclosures.
"""

import hmac
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, false, or_, select, true

from gateway.actions.records import LogQuery
from gateway.domain.facts import Fact
from gateway.store.tables import case_version, handoff, log_facet

_ESCAPE = "!"
_PERSON_BYTES = 16


def blind(key: bytes, person: str) -> str:
    """A person as a row names them: 128 bits of an HMAC, in hex."""
    return hmac.digest(key, b"log-facet/person/" + person.encode(), "sha256")[:_PERSON_BYTES].hex()


def row_of(fact: Fact, index: int, at: datetime, key: bytes) -> dict[str, Any]:
    """The row of an event."""
    details = {detail.kind: detail.value for detail in fact.details}
    return {
        "idx": index,
        "event": fact.id,
        "at": at.replace(microsecond=at.microsecond // 1000 * 1000),  # as the document has it
        "typ": fact.typ,
        "result": fact.result.value,
        "handoff": fact.handoff,
        "case_digest": fact.case_digest,
        "parties": joined(party.organisation for party in fact.parties),
        "persons": joined(blind(key, person) for person in _words(details.get("by"))),
        "rules": joined(_words(details.get("rules"))),
    }


def joined(words: Iterable[str]) -> str:
    """Words in one text, each between bars, so that a whole one can be looked for."""
    return "".join(f"|{word}" for word in words) + "|"


def _words(value: str | Sequence[str] | None) -> Sequence[str]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else value


def search(query: LogQuery, key: bytes) -> tuple[Select[Any], Mapping[str, Any]]:
    """The statement that finds what is asked for, in the log's order, and its values."""
    values: dict[str, Any] = {
        "after": query.after,
        "before": query.before,
        "limit": query.limit,
        **_given(query, key),
    }
    members, cases = sorted(query.coverage.members), sorted(query.coverage.cases, key=str)
    for n, member in enumerate(members):
        values[f"member_{n}"] = _holding(member)
    for n, one in enumerate(cases):
        values |= {f"originator_{n}": one.originator, f"case_{n}": one.case}
    asked = tuple(sorted(values.keys() & _FILTERS.keys()))
    with_case = query.case is not None
    return (
        _statement(asked, with_case, query.coverage.whole, len(members), len(cases)),
        values,
    )


def _given(query: LogQuery, key: bytes) -> dict[str, Any]:
    """The values of the filters that are set."""
    values: dict[str, Any] = {
        "organisation": query.organisation and _holding(query.organisation),
        "person": query.person and _holding(blind(key, query.person)),
        "rule": query.rule and _holding(query.rule),
        "of_handoff": query.handoff,
        "of_typ": query.typ,
        "of_result": query.result,
        "since": query.since,
        "until": query.until,
    }
    if query.case is not None:
        values |= {"originator": query.case.originator, "case": query.case.case}
    return {name: value for name, value in values.items() if value is not None}


def _holding(word: str) -> str:
    """The pattern of a text of `joined` that has this word."""
    for special in (_ESCAPE, "%", "_"):
        word = word.replace(special, _ESCAPE + special)
    return f"%|{word}|%"


_FILTERS: Mapping[str, ColumnElement[bool]] = {
    "organisation": log_facet.c.parties.like(bindparam("organisation"), escape=_ESCAPE),
    "person": or_(
        log_facet.c.persons.is_(None),
        log_facet.c.persons.like(bindparam("person"), escape=_ESCAPE),
    ),
    "rule": log_facet.c.rules.like(bindparam("rule"), escape=_ESCAPE),
    "of_handoff": log_facet.c.handoff == bindparam("of_handoff"),
    "of_typ": log_facet.c.typ == bindparam("of_typ"),
    "of_result": log_facet.c.result == bindparam("of_result"),
    "since": log_facet.c.at >= bindparam("since"),
    "until": log_facet.c.at < bindparam("until"),
}


@lru_cache(maxsize=256)
def _statement(
    asked: tuple[str, ...], with_case: bool, whole: bool, members: int, cases: int
) -> Select[Any]:
    """One statement for each shape of search, so that it is compiled once."""
    of_case = _any(_of_case(f"originator_{n}", f"case_{n}") for n in range(cases))
    of_member = _any(
        log_facet.c.parties.like(bindparam(f"member_{n}"), escape=_ESCAPE) for n in range(members)
    )
    covered: ColumnElement[bool] = true() if whole else or_(of_member, of_case)
    conditions = [_FILTERS[name] for name in asked]
    if with_case:
        conditions.append(_of_case("originator", "case"))
    return (
        select(log_facet.c.idx, log_facet.c.event, of_case.label("of_case"))
        .where(
            log_facet.c.idx > bindparam("after"),
            log_facet.c.idx < bindparam("before"),
            covered,
            *conditions,
        )
        .order_by(log_facet.c.idx)
        .limit(bindparam("limit"))
    )


def _any(conditions: Iterable[ColumnElement[bool]]) -> ColumnElement[bool]:
    return or_(false(), *conditions)


def _of_case(originator: str, case: str) -> ColumnElement[bool]:
    """Whether an event is about a case: by a version's digest, or by one of its handoffs."""
    digests = select(case_version.c.digest).where(
        case_version.c.originator == bindparam(originator), case_version.c.case == bindparam(case)
    )
    handoffs = select(handoff.c.id).where(
        handoff.c.originator == bindparam(originator), handoff.c.case == bindparam(case)
    )
    return or_(
        and_(log_facet.c.case_digest.is_not(None), log_facet.c.case_digest.in_(digests)),
        and_(log_facet.c.handoff.is_not(None), log_facet.c.handoff.in_(handoffs)),
    )
