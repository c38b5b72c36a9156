"""The host and the folder: settings, policies, who can read what, clock, backups, room on disk."""

import ctypes
import shutil
import sys
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.sql import func

from gateway import wiring
from gateway.doctor.reading import Examined, Findings, minute
from gateway.domain.health import Level
from gateway.domain.json_values import parse_timestamp
from gateway.evidence import event
from gateway.maintenance.comparison import policies_held
from gateway.maintenance.health import BACKUPS, REHEARSAL, last_backup
from gateway.store.log_integrity import newest_document

SKEW = timedelta(seconds=2)

OLD_BACKUP = timedelta(days=2)

OLD_REHEARSAL = timedelta(days=200)

LITTLE_SPACE, NO_SPACE = 2 * 1024**3, 256 * 1024**2

_TIME = select(func.clock_timestamp())

_TIME_ERROR = 5


def settings(gateway: Examined) -> Findings:
    """Return what must not be set in operation."""
    if gateway.config.simulated_reference_date is not None:
        yield (
            Level.WARNING,
            "the reference date is simulated: "
            "remove [demo] simulated_reference_date before operation",
        )
    else:
        yield Level.OK, f"the settings of {gateway.config.name} can be read"


def policies(gateway: Examined) -> Findings:
    """Tell whether the rules hold in all their cases."""
    held, problems = policies_held(gateway.proved)
    for problem in problems:
        yield Level.ERROR, f"a policy test fails: {problem}"
    for rules, cases in held.values():
        yield Level.OK, f"{rules} rules hold in {cases} cases"


def permissions(gateway: Examined) -> Findings:
    """Tell who else can look into the folder."""
    config = gateway.config
    apart = (config.keys, config.issuing, config.people, config.offline, config.server)
    private = [path for path in (config.folder, *apart) if path.exists()]
    open_ones = [path for path in private if path.stat().st_mode & 0o077]
    for path in open_ones:
        yield Level.ERROR, f"other users can read {path}: run chmod 700 {path}"
    if (config.offline / "root.key").exists():
        yield (
            Level.WARNING,
            f"The root key is on this machine. Move {config.offline} to offline storage.",
        )
    if not open_ones:
        yield Level.OK, "the folder and what is private in it can be read only by their owner"


def clock(gateway: Examined) -> Findings:
    """Tell whether time would run backwards in the log."""
    with gateway.read() as work:
        document = newest_document(work)
        there = work.rows(_TIME, {})[0][0] if gateway.config.database_file is None else gateway.now
    if document is not None:
        written = parse_timestamp(event.read(document)["time"])
        if written > gateway.now:
            yield (
                Level.ERROR,
                f"the clock is behind the newest event, which is of {written:%Y-%m-%d %H:%M:%S}"
                " UTC: set it right by NTP before the gateway writes",
            )
            return
    if _is_unsynchronised():
        yield (
            Level.WARNING,
            "the system calls its clock unsynchronised: run an NTP client (chrony, or `timedatectl "
            "set-ntp true`), for the gateway believes the clock that it starts with",
        )
    if abs(there - gateway.now) > SKEW:
        yield Level.WARNING, "the clocks here and of PostgreSQL's host differ: keep both by NTP"
        return
    yield Level.OK, "the clock is not behind the newest event"


def _is_unsynchronised() -> bool:
    """Return what the kernel says (adjtimex(2), TIME_ERROR); False where it does not tell."""
    if sys.platform != "linux":
        return False
    return bool(ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512)) == _TIME_ERROR)


def backups(gateway: Examined) -> Findings:
    """Tell whether backups are made here, and how old the last ones are."""
    for what in BACKUPS:
        made = last_backup(gateway.config, what)
        told = "never" if made is None else minute(made)
        if made is None or gateway.now - made > OLD_BACKUP:
            mend = "run deploy/systemd/back-up daily (docs/operators.md, 'Back up')"
            yield Level.WARNING, f"the last backup of the {what} was made: {told}; {mend}"
        else:
            yield Level.OK, f"the last backup of the {what} was made: {told}"


def rehearsal(gateway: Examined) -> Findings:
    """Tell when a restore was rehearsed last."""
    made = last_backup(gateway.config, REHEARSAL)
    mend = "twice a year (docs/operators.md, 'Back up')"
    if made is None:
        yield Level.WARNING, f"no restore was ever rehearsed: do it now, and {mend}"
    elif gateway.now - made > OLD_REHEARSAL:
        yield Level.WARNING, f"a restore was rehearsed last: {minute(made)}; do it {mend}"
    else:
        yield Level.OK, f"a restore was rehearsed last: {minute(made)}"


def disk(gateway: Examined) -> Findings:
    """Tell whether there is room to go on."""
    for folder in sorted({*wiring.data_folders(gateway.config).values()}):
        free = shutil.disk_usage(folder).free
        sentence = f"{free / 1024**3:.1f} GiB are free at {folder}"
        if free < NO_SPACE:
            yield Level.ERROR, f"{sentence}: make room now, or writes will fail"
        elif free < LITTLE_SPACE:
            yield Level.WARNING, f"{sentence}: make room"
        else:
            yield Level.OK, sentence
