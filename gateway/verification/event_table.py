"""A table of events for people and spreadsheets: what their receipts show, a row for each."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.domain.answers import ANSWERS
from gateway.domain.audit_event import told_as
from gateway.domain.item_value import defang_text
from gateway.evidence.event import PARTY
from gateway.evidence.receipt import VerifiedReceipt
from gateway.verification import report

_TOLD = ("by", "rules", "reason_code", "reason", "purpose", "groups", "sequence")


def asked_in(event: VerifiedReceipt) -> str | None:
    """The organisation that asked, of which ``by`` is a person; None where it is not shown."""
    roles = {one["role"]: one["organisation"] for one in event.details(PARTY)}
    answer = next((one for one in ANSWERS.values() if one.event == event.type), None)
    asking = ["recipient"] if event.type == "case.consulted" else [answer.author] if answer else []
    order = ("actor", *asking, "gateway", "originator")
    return next((roles[role] for role in order if role in roles), None)


def cells(event: VerifiedReceipt) -> dict[str, str]:
    """Return what is shown of an event, by column, its times as in ISO 8601; every text is others'
    and is neutralised. What was refused is named as it was asked."""
    fields, details = event.event, dict(event.opened.shown)
    parties = [
        f"{one['organisation']} ({one['role']}, number {one['stream_number']})"
        for one in event.details(PARTY)
    ]
    told = {name: _in_words(details.get(name, "")) for name in _TOLD}
    if told["by"] and (organisation := asked_in(event)):
        told["by"] += f" ({organisation})"
    found = {
        "entry": event.index,
        "time": fields["time"],
        "event": told_as(event.type, fields["result"]),
        "result": fields["result"],
        "case": details.get("case", ""),
        "due": details.get("due") or event.subject().get("due_at", ""),
        "parties": ", ".join(parties),
        **{name: defang_text(text) for name, text in told.items()},
        "subject": defang_text(str(details.get("subject", ""))),
        "handoff": fields.get("handoff", ""),
        "case_digest": fields.get("case_digest", ""),
        "id": fields["id"],
    }
    return {name: report.plain(str(value)) for name, value in found.items()}


def _in_words(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


_FORMULA = re.compile("[\\s\\0-\\x1f\\u200b\\ufeff=+@\\u2212\\uff0b\\uff0d\\uff1d\\uff20-]")
"""How a cell begins that a spreadsheet reads as a formula, maybe once it has cut off blanks."""


def to_csv(rows: Sequence[Mapping[str, str]]) -> str:
    """A table for a spreadsheet (RFC 4180), in which no cell is a formula; nothing without rows."""
    text = io.StringIO()
    if rows:
        table = csv.DictWriter(text, list(rows[0]))
        table.writeheader()
        for row in rows:
            table.writerow({name: _harmless(cell) for name, cell in row.items()})
    return text.getvalue()


def _harmless(cell: str) -> str:
    return f"'{cell}" if _FORMULA.match(cell) else cell


def require_same(text: bytes, rows: Sequence[Mapping[str, str]]) -> None:
    """Compare a file of `to_csv` with the rows of its events; Mismatch where it says anything else.

    A column keeps its meaning: an earlier version wrote fewer of them.
    """
    try:
        lines = csv.reader(io.StringIO(text.decode(), newline=""), strict=True)
        header, *found = list(lines) or [[]]
    except (ValueError, csv.Error) as error:
        raise report.Mismatch(f"the table cannot be read: {error}") from None
    unknown = [name for name in header if name not in (rows[0] if rows else ())]
    if unknown or len({*header}) != len(header):
        raise report.Mismatch(f"the table has a column that no receipt shows: {unknown or header}")
    expected = [[_harmless(row[name]) for name in header] for row in rows]
    if len(found) != len(expected):
        raise report.Mismatch(f"the table has {len(found)} rows for {len(expected)} events")
    for row, shown, written in zip(rows, expected, found, strict=True):
        if shown != written:
            raise report.Mismatch(f"the table says something else of entry {row['entry']}")
