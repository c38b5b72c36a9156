"""What the checks share: the gateway as they look at it, and what they yield."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from gateway.config import Config
from gateway.domain.health import Level
from gateway.kernel.ports import TransactionMode
from gateway.maintenance.comparison import proved_before
from gateway.store import migrations
from gateway.store.database import UnsuitableDatabase
from gateway.store.proved import Proved
from gateway.store.unit_of_work import SqlUnitOfWork, Store, open_for_reading

Findings = Iterator[tuple[Level, str]]

Told = Callable[[int, int], None]
"""Hears how much of a long check is done, and of how much."""


class OlderTables(Exception):
    """The rows to be read are those of an earlier version, as `schema` tells."""


@dataclass
class Examined:
    """A gateway as the checks of one run look at it, its database opened once for all of them.

    With ``tell`` the whole log is proved, too, and all rows are compared with it.
    """

    config: Config
    now: datetime
    tell: Told | None = None
    _opened: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> "Examined":
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    @cached_property
    def proved(self) -> Proved | None:
        """Return what maintenance proved last, where a check goes on from it."""
        return proved_before(self.config, self.now) if self.tell is None else None

    @cached_property
    def revision(self) -> str | None:
        """Return of which revision the tables are; None where the database holds no gateway."""
        self._require_file()
        return migrations.current(self.config.database_url)

    @contextmanager
    def read(self, **secrets: Any) -> Iterator[SqlUnitOfWork]:
        """A unit of work that reads the log, with such ``secrets`` as it needs for that."""
        self._require_file()
        with ExitStack() as alone:
            store = alone.enter_context(self._open(**secrets)) if secrets else self._store
            yield alone.enter_context(store.begin(TransactionMode.READ))

    @contextmanager
    def read_rows(self, **secrets: Any) -> Iterator[SqlUnitOfWork]:
        """Likewise, where a check reads more than the log; raises OlderTables."""
        if self.revision in migrations.REVISIONS[:-1]:
            raise OlderTables
        with self.read(**secrets) as work:
            yield work

    @cached_property
    def _store(self) -> Store:
        return self._opened.enter_context(self._open())

    def _open(self, **secrets: Any) -> AbstractContextManager[Store]:
        return open_for_reading(self.config.database_url, self.config.log_origin, **secrets)

    def _require_file(self) -> None:
        """To look at a SQLite file that is missing would make it."""
        file = self.config.database_file
        if file is not None and not file.exists():
            raise UnsuitableDatabase(
                f"the database {file} is missing: check [database] url, or restore a backup"
            )


def minute(at: datetime) -> str:
    """A moment as a sentence has it."""
    return f"{at:%Y-%m-%d %H:%M} UTC"
