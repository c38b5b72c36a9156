"""The topics of a month in words: who, what, why and how many."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from gateway.domain.audit_topics import OVERDUE
from gateway.ledger import proof
from gateway.text import catalogue

COLUMNS = ("month_who", "month_what", "month_why", "month_number")
"""The keys of what stands above each row's values."""


class CountedRow(NamedTuple):
    """A row of a topic: who, what, why, and how many events."""

    who: str
    what: str
    why: str
    events: str


def rows(counts: Iterable[Mapping[str, Any]], language: str) -> list[CountedRow]:
    """The rows of a topic in words; what was refused has how it ended with it."""
    found = []
    for one in counts:
        what = catalogue.word("events", one["type"], language)
        if one["result"] != "allowed":
            result = catalogue.word("results", one["result"], language)
            what = catalogue.phrase("screens", "month_refused", language, what=what, result=result)
        why = reason(one["type"], one["why"], language)
        found.append(CountedRow(one["organisation"], what, why, str(one["events"])))
    return found


def reason(event_type: str, why: str, language: str) -> str:
    """A reason's code or a duty in words; a rule as it is."""
    field = "waits" if event_type == OVERDUE else "reason_code"
    return catalogue.code(field, why, language) or why


def title(since: datetime, until: datetime, language: str) -> str:
    """Say of which days a search is, the last one included."""
    days = (since, until - timedelta(microseconds=1))
    first, last = (catalogue.moment(one.date().isoformat(), language) for one in days)
    return catalogue.phrase("screens", "month_title", language, since=first, until=last)


def name(topic: str, language: str) -> str:
    """Return what a topic is called."""
    return catalogue.case_code("topics", topic, language)


def counted(topic: Mapping[str, Any], language: str) -> str:
    """Say how many events a topic has, and whether all of its rows are shown."""
    if not topic["events"]:
        return catalogue.phrase("screens", "month_nothing", language)
    told = catalogue.phrase("screens", "month_events", language, events=topic["events"])
    if sum(one["events"] for one in topic["counts"]) == topic["events"]:
        return told
    rows_ = catalogue.phrase("screens", "month_more_rows", language, rows=len(topic["counts"]))
    return f"{told} {rows_}"


def about_log(summary: Mapping[str, Any], language: str) -> list[str]:
    """Say how large the log is, where this search stands, what differs from it, and who
    confirmed one history of it."""
    entry = proof.parse(summary["receipt"]["proof"]).index
    told = [
        catalogue.phrase("screens", "month_size", language, size=summary["size"]),
        catalogue.phrase("screens", "month_search", language, entry=entry),
    ]
    if out := summary.get("out_of_service"):
        told.append(catalogue.phrase("screens", "month_out_of_service", language, number=out))
    for one in summary["confirmed"]:
        key = "month_witness" if one["one_history"] else "month_other_history"
        time = catalogue.moment(one["at"], language)
        values = {"by": one["by"], "size": one["size"], "time": time}
        told.append(catalogue.phrase("screens", key, language, **values))
    if not summary["confirmed"]:
        told.append(catalogue.phrase("screens", "month_no_witness", language))
    return [*told, *ended(summary, language)]


def ended(summary: Mapping[str, Any], language: str) -> list[str]:
    """Say that a search ended before all that may fit."""
    if summary["next"] is None:
        return []
    entry = summary["next"]["after"]
    return [catalogue.phrase("screens", "month_more", language, entry=entry)]
