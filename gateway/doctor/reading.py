"""What the checks share: what one yields, and how it reads the database."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from gateway.config import Config
from gateway.domain.health import Level
from gateway.kernel.ports import TransactionMode
from gateway.store import migrations
from gateway.store.database import UnsuitableDatabase
from gateway.store.unit_of_work import SqlUnitOfWork, open_for_reading

Findings = Iterator[tuple[Level, str]]


def minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def require_file(config: Config) -> None:
    """To look at a SQLite file that is missing would make it."""
    file = config.database_file
    if file is not None and not file.exists():
        raise UnsuitableDatabase(
            f"the database {file} is missing: check [database] url, or restore a backup"
        )


@contextmanager
def read(config: Config, **secrets: Any) -> Iterator[SqlUnitOfWork]:
    require_file(config)
    store = open_for_reading(config.database_url, config.log_origin, **secrets)
    with store as opened, opened.begin(TransactionMode.READ) as work:
        yield work


class OlderTables(Exception):
    """The rows to be read are those of an earlier version, as `schema` tells."""


@contextmanager
def read_rows(config: Config, **secrets: Any) -> Iterator[SqlUnitOfWork]:
    """Likewise, where a check reads more than the log; raises OlderTables."""
    with read(config, **secrets) as work:
        if migrations.current(config.database_url) in migrations.REVISIONS[:-1]:
            raise OlderTables
        yield work
