"""The first tables: registry, cases, handoffs, requests, log.

A migration is history: it says what was done to databases, whatever `tables.py` says later.
"""

from hashlib import sha256
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# As in columns.py when this was written.
_text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make every table, and the head of an empty log."""
    _make_registry()
    _make_cases()
    _make_handoffs()
    _make_requests()
    _make_log()


def _needed(name: str, kind: Any, *more: sa.ForeignKey, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, *more, nullable=False, **options)


def _make_registry() -> None:
    op.create_table(
        "organisation",
        _needed("slug", _text, primary_key=True),
        _needed("name", _text),
        _needed("kind", _text),
        _needed("public_authority", sa.Boolean),
        _needed("regimes", _text),
        _needed("country", _text),
        _needed("status", _text),
        _needed("seats", _text),
        _needed("version", sa.Integer),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "competence",
        _needed("id", sa.Uuid, primary_key=True),
        _needed("organisation", _text, sa.ForeignKey("organisation.slug")),
        _needed("position", sa.Integer),
        _needed("function", _text),
        _needed("matter", _text),
        _needed("territory", _text),
        _needed("legal_act", _text),
        _needed("start", _text),
        sa.Column("end", _text),
        _needed("registered_by", sa.Uuid),
        sa.UniqueConstraint("organisation", "position"),
        sqlite_with_rowid=False,
    )
    op.create_index("competence_by_matter", "competence", ["matter", "territory", "function"])
    op.create_table(
        "system",
        _needed("organisation", _text, sa.ForeignKey("organisation.slug")),
        _needed("name", _text),
        _needed("scopes", _text),
        _needed("enabled", sa.Boolean),
        sa.PrimaryKeyConstraint("organisation", "name"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "certificate",
        _needed("thumbprint", _text, primary_key=True),
        _needed("serial", _text),
        _needed("organisation", _text),
        _needed("system", _text),
        _needed("ordinal", sa.Integer),
        _needed("not_after", sa.BigInteger),
        sa.Column("revoked_at", sa.BigInteger),
        sa.ForeignKeyConstraint(["organisation", "system"], ["system.organisation", "system.name"]),
        sa.UniqueConstraint("organisation", "system", "ordinal"),
        sqlite_with_rowid=False,
    )
    is_revoked = sa.text("revoked_at IS NOT NULL")
    op.create_index(
        "certificate_revoked",
        "certificate",
        ["not_after"],
        sqlite_where=is_revoked,
        postgresql_where=is_revoked,
    )
    op.create_table(
        "person",
        _needed("id", _text, primary_key=True),
        _needed("name", _text),
        _needed("public_key", _text),
        _needed("enabled", sa.Boolean),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "signing_request",
        _needed("id", sa.Uuid, primary_key=True),
        _needed("organisation", _text),
        _needed("system", _text),
        _needed("csr", _text),
        _needed("approved_by", _text),
        _needed("served", sa.Boolean),
        sa.Column("certificate", _text),
        sa.Column("refusal", _text),
    )
    op.create_index(
        "signing_request_pending",
        "signing_request",
        ["id"],
        sqlite_where=sa.text("served = 0"),
        postgresql_where=sa.text("served = false"),
    )


def _make_cases() -> None:
    op.create_table(
        "case_file",
        _needed("originator", _text),
        _needed("id", sa.Uuid),
        _needed("version", sa.Integer),
        _needed("digest", _text),
        _needed("originator_ref", _text),
        _needed("state", _text),
        _needed("unconfirmed", _text),
        sa.Column("assessed_by", _text),
        sa.Column("cleared_by", _text),
        _needed("revision", sa.Integer),
        sa.PrimaryKeyConstraint("originator", "id"),
        sa.UniqueConstraint("originator", "originator_ref"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "case_version",
        _needed("digest", _text, primary_key=True),
        _needed("originator", _text),
        _needed("case", sa.Uuid),
        _needed("version", sa.Integer),
        _needed("document", _text),
        _needed("assurance", _text),
        _needed("event", sa.Uuid),
        sa.UniqueConstraint("originator", "case", "version"),
        sa.ForeignKeyConstraint(["originator", "case"], ["case_file.originator", "case_file.id"]),
    )


def _make_handoffs() -> None:
    op.create_table(
        "handoff",
        _needed("id", sa.Uuid, primary_key=True),
        _needed("originator", _text),
        _needed("case", sa.Uuid),
        _needed("case_version", sa.Integer),
        _needed("case_digest", _text, sa.ForeignKey("case_version.digest")),
        _needed("recipient", _text),
        sa.Column("competence", _text),
        sa.Column("resolved_by", sa.Uuid),
        _needed("purpose", _text),
        _needed("permitted", _text),
        _needed("package", _text),
        _needed("offer_digest", _text),
        _needed("offered_at", sa.BigInteger),
        _needed("due_at", sa.BigInteger),
        sa.Column("until", sa.BigInteger),
        _needed("state", _text),
        sa.Column("accepted_groups", _text),
        _needed("sequence", sa.Integer),
    )
    op.create_index("handoff_in", "handoff", ["recipient", "id"])
    op.create_index("handoff_in_by_state", "handoff", ["recipient", "state", "id"])
    op.create_index("handoff_out", "handoff", ["originator", "id"])
    op.create_index("handoff_out_by_state", "handoff", ["originator", "state", "id"])
    op.create_index("handoff_of_case", "handoff", ["originator", "case"])
    op.create_table(
        "answer",
        _needed("handoff", sa.Uuid, sa.ForeignKey("handoff.id")),
        _needed("sequence", sa.Integer),
        sa.Column("move", _text),
        _needed("state", _text),
        _needed("author", _text),
        _needed("at", sa.BigInteger),
        _needed("statement", _text),
        _needed("event", sa.Uuid, unique=True),
        sa.PrimaryKeyConstraint("handoff", "sequence"),
    )
    op.create_table(
        "consultation",
        _needed("event", sa.Uuid, primary_key=True),
        _needed("organisation", _text),
        sa.Column("handoff", sa.Uuid),
        _needed("case_digest", _text),
        _needed("shown", _text),
    )


def _make_requests() -> None:
    op.create_table(
        "retry",
        _needed("organisation", _text),
        _needed("key", _text),
        _needed("fingerprint", sa.LargeBinary),
        _needed("event", sa.Uuid),
        sa.PrimaryKeyConstraint("organisation", "key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "budget",
        _needed("organisation", _text),
        _needed("window", _text),
        _needed("spent", sa.Integer),
        sa.PrimaryKeyConstraint("organisation", "window"),
        sqlite_with_rowid=False,
    )


def _make_log() -> None:
    head = op.create_table(
        "log_head",
        _needed("id", sa.Integer, primary_key=True, autoincrement=False),
        _needed("size", _number),
        _needed("root", sa.LargeBinary),
        sa.Column("origin", _text),
        sa.CheckConstraint("id = 1", name="log_head_is_one_row"),
    )
    # RFC 9162 2.1.1: the root of the empty tree is the hash of the empty string.
    op.bulk_insert(head, [{"id": 1, "size": 0, "root": sha256().digest(), "origin": None}])
    op.create_table(
        "log_entry",
        _needed("idx", _number, primary_key=True, autoincrement=False),
        _needed("entry", sa.LargeBinary),
        _needed("event", sa.Uuid, unique=True),
    )
    op.create_table(
        "log_document",
        _needed("event", sa.Uuid, sa.ForeignKey("log_entry.event"), primary_key=True),
        sa.Column("doc", sa.LargeBinary),
        sa.Column("nonce", sa.LargeBinary),
    )
    op.create_table(
        "log_disclosure",
        _needed("event", sa.Uuid, sa.ForeignKey("log_entry.event")),
        _needed("position", sa.Integer),
        _needed("digest", _text),
        sa.Column("disclosure", _text),
        _needed("kind", _text),
        _needed("readers", _text),
        sa.PrimaryKeyConstraint("event", "position"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "log_tile",
        _needed("level", sa.Integer),
        _needed("n", _number),
        _needed("data", sa.LargeBinary),
        sa.PrimaryKeyConstraint("level", "n"),
    )
    op.create_table(
        "party",
        _needed("organisation", _text),
        _needed("pseq", _number),
        _needed("event", sa.Uuid, sa.ForeignKey("log_entry.event")),
        sa.PrimaryKeyConstraint("organisation", "pseq"),
        sqlite_with_rowid=False,
    )
