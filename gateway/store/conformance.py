"""Conformance runs: test data and what was done with it, apart from cases and handoffs."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, delete, select, update

from gateway.domain.conformance import Run
from gateway.domain.refusals import AlreadyExists, Stale
from gateway.store.tables import conformance_run
from gateway.store.transaction import Transaction, insert_new

_GET = select(conformance_run).where(conformance_run.c.id == bindparam("run"))
_PASSED = (
    select(conformance_run.c.id)
    .where(
        conformance_run.c.organisation == bindparam("of_organisation"),
        conformance_run.c.passed_at.is_not(None),
    )
    .limit(1)
)
_ADD = insert_new(conformance_run)
_SAVE = update(conformance_run).where(
    conformance_run.c.id == bindparam("run"),
    conformance_run.c.revision == bindparam("previous"),
)
_PRUNE = delete(conformance_run).where(
    conformance_run.c.passed_at.is_(None), conformance_run.c.ends_at <= bindparam("until")
)


class SqlConformance:
    """Runs in SQL; the contract is that of `gateway.actions.ports.Conformance`."""

    def __init__(self, transaction: Transaction) -> None:
        """Work in this transaction."""
        self._transaction = transaction

    def add(self, run: Run) -> None:
        """See the port."""
        self._transaction.require_writing()
        if not self._transaction.changed(_ADD, vars(run)):
            raise AlreadyExists("there is a conformance run with this id")

    def get(self, run: UUID) -> Run | None:
        """See the port."""
        row = self._transaction.execute(_GET, {"run": run}).first()
        return row and _run(row)

    def save(self, run: Run) -> None:
        """See the port; whose run it is and when it ends stays."""
        self._transaction.require_writing()
        values = {
            "run": run.id,
            "previous": run.revision - 1,
            "sandbox": run.sandbox,
            "marks": run.marks,
            "passed_at": run.passed_at,
            "revision": run.revision,
        }
        if not self._transaction.changed(_SAVE, values):
            raise Stale("the run has changed: read it again")

    def passed(self, organisation: str) -> bool:
        """See the port."""
        return (
            self._transaction.execute(_PASSED, {"of_organisation": organisation}).first()
            is not None
        )

    def prune(self, until: datetime) -> None:
        """See the port."""
        self._transaction.require_writing()
        self._transaction.execute(_PRUNE, {"until": until})


def _run(row: Row[Any]) -> Run:
    return Run(
        id=row.id,
        organisation=row.organisation,
        system=row.system,
        ends_at=row.ends_at,
        sandbox=row.sandbox,
        marks=row.marks,
        passed_at=row.passed_at,
        revision=row.revision,
    )
