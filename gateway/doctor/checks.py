"""The checks in their order, and how they are run."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from sqlalchemy.exc import DBAPIError

from gateway.config import Config
from gateway.doctor.administrators import administrators, waiting
from gateway.doctor.certificates import certificates, console
from gateway.doctor.databases import database, schema, servers
from gateway.doctor.host import backups, clock, disk, permissions, policies, rehearsal, settings
from gateway.doctor.keys import case_keys, issuing_key, signing_keys
from gateway.doctor.log import handoffs, log, log_holds, registry, whole_log
from gateway.doctor.outside import confirmations, due, notifications, peers
from gateway.doctor.reading import Examined, Findings, OlderTables, Told
from gateway.domain import refusals
from gateway.domain.health import Finding, Level
from gateway.files import PrivateFileError
from gateway.pki.authority import AuthorityError
from gateway.store.database import UnsuitableDatabase

Check = Callable[[Examined], Findings]

CHECKS: tuple[Check, ...] = (
    settings,
    permissions,
    signing_keys,
    issuing_key,
    certificates,
    console,
    database,
    servers,
    schema,
    administrators,
    clock,
    backups,
    rehearsal,
    confirmations,
    due,
    log_holds,
    waiting,
    log,
    registry,
    handoffs,
    case_keys,
    notifications,
    peers,
    disk,
    policies,
)


def run_checks(
    config: Config, now: datetime, *, tell: Told | None = None, without: Iterable[str] = ()
) -> Iterator[Finding]:
    """Run every check but those ``without``; one that fails is itself a finding.

    With ``tell`` the whole log is proved, too, and all rows are compared with it.
    """
    with Examined(config, now, tell) as gateway:
        for check in CHECKS if tell is None else (*CHECKS, whole_log):
            if check.__name__ not in without:
                yield from _run(check, gateway)


def _run(check: Check, gateway: Examined) -> Iterator[Finding]:
    name = check.__name__
    try:
        yield from (Finding(name, level, sentence) for level, sentence in check(gateway))
    except OlderTables:
        yield Finding(name, Level.OK, "is checked once the database is upgraded")
    except (PrivateFileError, AuthorityError, UnsuitableDatabase) as error:
        yield Finding(name, Level.ERROR, str(error))
    except refusals.Refusal as refusal:
        yield Finding(name, Level.ERROR, refusal.detail)
    except (DBAPIError, sqlite3.Error) as error:
        yield Finding(name, Level.ERROR, f"the database cannot be read: {type(error).__name__}")
    except OSError as error:
        yield Finding(name, Level.ERROR, f"{error.filename}: {error.strerror}")
    except ValueError as error:  # of a file that was cut off, say
        yield Finding(name, Level.ERROR, f"a file has the wrong content: {error}")
    except Exception as error:  # a stored value of a form that nothing here ever wrote
        yield Finding(name, Level.ERROR, f"cannot be checked: {type(error).__name__}")
