"""The one process that maintains a folder: its lock, its start, its steps until it is stopped."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, closing
from datetime import datetime
from typing import TYPE_CHECKING

from gateway import files
from gateway.config import Config
from gateway.domain.refusals import Correctable
from gateway.maintenance.timetable import TIMETABLE
from gateway.maintenance.upkeep import Maintenance, Show
from gateway.store import migrations
from gateway.store.database import UnsuitableDatabase
from gateway.wiring import IssuingAuthority, connect

if TYPE_CHECKING:
    from gateway.metrics import Counts


LOCK_FILE = "maintain.lock"


class AlreadyRunning(Correctable):
    """Another process maintains this gateway."""


def holding(config: Config) -> AbstractContextManager[None]:
    """Be the one who maintains this folder; AlreadyRunning when another is."""
    busy = AlreadyRunning("another process maintains this gateway: stop it first")
    return files.hold(config.folder / LOCK_FILE, busy)


def upgrade_schema(config: Config) -> bool:
    """Bring the database to the tables of this version; True when there was something to do.

    A database of a newer version is left alone: an older version may go on with it (see the
    changelog). Raises UnsuitableDatabase when the database holds no gateway: only `casegate init`
    begins one, for an empty log instead of a lost one would be a second history.
    """
    found = migrations.current(config.database_url)
    if found is None:
        raise UnsuitableDatabase(
            "the database holds no gateway: is [database] url right, or is a backup to be restored?"
        )
    if found not in migrations.REVISIONS[:-1]:
        return False
    migrations.upgrade(config.database_url)
    return True


def run(
    config: Config,
    pause: Callable[[], bool],
    alarm: Callable[[str], None],
    *,
    once: bool = False,
    show: Show | None = None,
    examine: Callable[[Maintenance, datetime], None] | None = None,
    counts: "Counts | None" = None,
) -> None:
    """Maintain until `pause` says that it is time to stop; `alarm` is given each new sentence.

    `show` and `examine` are those of `Maintenance`; `counts` counts what is done. With
    `once`, what a start needs before the listeners open their files.
    """
    with holding(config):
        if upgrade_schema(config):
            alarm("the database schema was upgraded to this version")
        with closing(connect(config, counts)) as gateway:
            upkeep = Maintenance(gateway, IssuingAuthority(config), TIMETABLE, show, examine)
            if once:
                upkeep.start()
                _tell_new(upkeep.alarms(), set(), alarm)
                return
            known: set[str] = set()
            while True:
                upkeep.step()
                known = _tell_new(upkeep.alarms(), known, alarm)
                if pause():
                    return


def _tell_new(alarms: Iterable[str], known: set[str], alarm: Callable[[str], None]) -> set[str]:
    """Tell the alarms that were not there before; returns those that are there now."""
    now = set(alarms)
    for sentence in sorted(now - known):
        alarm(sentence)
    return now
