"""Puts what an event is searched by into its own row (docs/adr, "Search words stand in the event's
row, and a write asks for less").

The bytes that were hashed are copied as they are. On SQLite the rows move to a new table, for the
order of its columns counts there. Words that are missing stay missing: who verifies the log hears.
"""

from alembic import op
from sqlalchemy import Column, LargeBinary, Uuid, inspect

from gateway.store.columns import NUMBER, SHORT_ID, TEXT, Instant

revision = "join_search_words"
down_revision = "end_what_left"

_STEPS = (
    "case.submitted", "case.revised", "case.assessed", "case.cleared", "case.closed", "case.erased",
    "case.embargoed", "case.restricted", "case.measure_ended", "case.embargo_lifted",
    "case.erasure_advanced",
)  # fmt: skip
"""The events that are found by their case, as well."""


def upgrade() -> None:
    """Move the words of every entry; nothing in a database that never had them apart."""
    connection = op.get_bind()
    if not inspect(connection).has_table("log_facet"):
        return
    if connection.dialect.name == "sqlite":
        _copy()
    else:
        _add()
    for type_ in _STEPS:
        op.execute(
            f"UPDATE log_event SET step_of = case_digest WHERE words LIKE '|typ:{type_}|%'"  # noqa: S608 - a name from below
            " AND words LIKE '%|result:allowed|%'"
        )
    for name, column in (("log_event_by_handoff", "handoff"), ("log_event_of_case", "step_of")):
        op.create_index(
            name,
            "log_event",
            [column],
            sqlite_where=Column(column).is_not(None),
            postgresql_where=Column(column).is_not(None),
        )
    op.drop_table("log_facet")


def _copy() -> None:
    op.rename_table("log_event", "log_event_before")
    op.create_table(
        "log_event",
        Column("idx", NUMBER, primary_key=True, autoincrement=False),
        Column("event", SHORT_ID, nullable=False, unique=True),
        Column("entry", LargeBinary, nullable=False),
        Column("at", Instant, nullable=False),
        Column("words", TEXT, nullable=False),
        Column("handoff", Uuid),
        Column("case_digest", TEXT),
        Column("step_of", TEXT),
        Column("document", LargeBinary),
        Column("nonce", LargeBinary),
        Column("disclosures", TEXT, nullable=False),
    )
    op.execute(
        "INSERT INTO log_event SELECT log_event_before.idx, event, entry, coalesce(at, 0),"
        " coalesce(words, '||'), handoff, case_digest, NULL, document, nonce, disclosures"
        " FROM log_event_before LEFT JOIN log_facet ON log_facet.idx = log_event_before.idx"
        " ORDER BY log_event_before.idx"
    )
    op.drop_table("log_event_before")


def _add() -> None:
    op.add_column("log_event", Column("at", Instant))
    op.add_column("log_event", Column("handoff", Uuid))
    for name in ("words", "case_digest", "step_of"):
        op.add_column("log_event", Column(name, TEXT))
    op.execute(
        "UPDATE log_event SET at = log_facet.at, words = log_facet.words,"
        " handoff = log_facet.handoff, case_digest = log_facet.case_digest"
        " FROM log_facet WHERE log_facet.idx = log_event.idx"
    )
    op.execute("UPDATE log_event SET at = 0, words = '||' WHERE at IS NULL")
    for name in ("at", "words"):
        op.alter_column("log_event", name, nullable=False)
