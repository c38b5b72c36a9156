"""By what auditors search events, and the audit grants of organisations.

A migration is history: it says what was done to databases, whatever `tables.py` says later.
"""

import base64
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "log_facets"
down_revision = "case_keys"

# As in columns.py when this was written.
_text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_BATCH = 1000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_entry = sa.table("log_entry", sa.column("idx"), sa.column("event", sa.Uuid))
_document = sa.table("log_document", sa.column("event", sa.Uuid), sa.column("doc"))
_disclosure = sa.table(
    "log_disclosure", sa.column("event", sa.Uuid), sa.column("kind"), sa.column("disclosure")
)
_party = sa.table("party", sa.column("event", sa.Uuid), sa.column("organisation"))


def upgrade() -> None:
    """Make a row for each event whose document is there; of persons the database knows no key."""
    grants = sa.Column("audit_grants", _text, nullable=False, server_default="[]")
    op.add_column("organisation", grants)
    facets = op.create_table(
        "log_facet",
        sa.Column("idx", _number, primary_key=True, autoincrement=False),
        sa.Column("event", sa.Uuid, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("typ", _text, nullable=False),
        sa.Column("result", _text, nullable=False),
        sa.Column("handoff", sa.Uuid),
        sa.Column("case_digest", _text),
        sa.Column("parties", _text, nullable=False),
        sa.Column("persons", _text),
        sa.Column("rules", _text, nullable=False),
    )
    start = 0
    while rows := _rows(start):
        op.bulk_insert(facets, [row for row in rows if row is not None])
        start += _BATCH


def _rows(start: int) -> list[dict[str, Any] | None]:
    """A row for each entry of a batch; None for one whose document was erased."""
    entries = sa.select(_entry.c.idx, _entry.c.event, _document.c.doc).join_from(
        _entry, _document, _document.c.event == _entry.c.event
    )
    batch = sa.and_(_entry.c.idx >= start, _entry.c.idx < start + _BATCH)
    found = op.get_bind().execute(entries.where(batch).order_by(_entry.c.idx)).all()
    parties = _values(_party.c.event, _party.c.organisation, batch)
    rules = _values(
        _disclosure.c.event, _disclosure.c.disclosure, batch, _disclosure.c.kind == "rules"
    )
    return [
        None if row.doc is None else _row(row, parties.get(row.event, []), rules.get(row.event, []))
        for row in found
    ]


def _values(event: Any, value: Any, batch: Any, *conditions: Any) -> dict[Any, list[Any]]:
    asked = (
        sa.select(event, value)
        .join_from(event.table, _entry, _entry.c.event == event)
        .where(batch, value.is_not(None), *conditions)
        .order_by(_entry.c.idx, value)
    )
    found: dict[Any, list[Any]] = {}
    for of, one in op.get_bind().execute(asked):
        found.setdefault(of, []).append(one)
    return found


def _row(row: Any, parties: Iterable[str], rules: Iterable[str]) -> dict[str, Any]:
    document = json.loads(row.doc)
    at = datetime.fromisoformat(document["ts"].replace("Z", "+00:00"))
    handoff = document.get("handoff")
    return {
        "idx": row.idx,
        "event": row.event,
        "at": (at - _EPOCH) // timedelta(microseconds=1),
        "typ": document["typ"],
        "result": document["result"],
        "handoff": handoff and sa.Uuid().python_type(handoff),
        "case_digest": document.get("case_digest"),
        "parties": _joined(parties),
        "persons": None,
        "rules": _joined(rule for disclosure in rules for rule in _read(disclosure)),
    }


def _read(disclosure: str) -> list[str]:
    value = json.loads(base64.urlsafe_b64decode(disclosure + "=" * (-len(disclosure) % 4)))[2]
    return [value] if isinstance(value, str) else value


def _joined(words: Iterable[str]) -> str:
    return "".join(f"|{word}" for word in words) + "|"
