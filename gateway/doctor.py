"""What an operator should know about a gateway: each check yields findings, a plain sentence each.

A sentence says what is so and, unless all is well, what to do about it. `casegate doctor` asks on
the host; maintenance keeps the findings for who is not there (`keep_findings`), so that no request
runs a check. The French of the sentences is in `gateway/text/health.toml`.
"""

import ctypes
import pwd
import shutil
import socket
import sqlite3
import ssl
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cryptography import x509
from sqlalchemy import make_url, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import func

from gateway import confirming, keys, maintenance, wiring
from gateway.config import Config
from gateway.domain import refusals
from gateway.domain.duty import LONGEST_PAUSE
from gateway.domain.health import FORGOTTEN, Finding, HealthReport, Level
from gateway.domain.json_values import parse_timestamp
from gateway.domain.notification import DeliveryWay
from gateway.domain.organisation import ENOUGH_ADMINISTRATORS
from gateway.domain.worklist import number_of
from gateway.evidence import event
from gateway.files import PrivateFileError
from gateway.kernel.log_continuity import require_prefixes
from gateway.kernel.ports import TransactionMode
from gateway.ledger.note import NoteError, open_checkpoint
from gateway.pki import authority
from gateway.pki.authority import AuthorityError
from gateway.pki.rotation import IN_USE, AuthorityStage, load, reminder
from gateway.registry import queries, witnessing
from gateway.store import migrations
from gateway.store.database import UnsuitableDatabase, look_at
from gateway.store.high_water_mark import HighWaterMarkFile, SqlMark, open_mark
from gateway.store.key_inventory import KeyInventory, take_inventory
from gateway.store.keyring import SqlKeyring, require_keys
from gateway.store.log_integrity import StoredLogCorrupt, newest_document, verify_log
from gateway.store.proved import Proved
from gateway.store.unit_of_work import SqlUnitOfWork, open_for_reading

if TYPE_CHECKING:
    from gateway.relaying import PeerState

SOON = timedelta(days=5)
"""Before a listener's certificate ends: it should have been renewed five days earlier."""

SKEW = timedelta(seconds=2)
OLD_BACKUP = timedelta(days=2)
OLD_REHEARSAL = timedelta(days=200)
LITTLE_SPACE, NO_SPACE = 2 * 1024**3, 256 * 1024**2

NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs", "afs"})
MEMORY = frozenset({"tmpfs", "ramfs"})

LISTENERS = ("public", "partners", "console")

_TIME = select(func.clock_timestamp())


Findings = Iterator[tuple[Level, str]]
Check = Callable[..., Findings]


Told = Callable[[int, int], None]
"""Hears how much of a long check is done, and of how much."""

Before = Callable[[], Proved | None]
"""What maintenance proved last, where a check goes on from it."""


def run_checks(
    config: Config, now: datetime, *, tell: Told | None = None, without: Iterable[str] = ()
) -> Iterator[Finding]:
    """Run every check but those ``without``; one that fails is itself a finding.

    With ``tell`` the whole log is proved, too, and all rows are compared with it.
    """
    proved = cache(lambda: maintenance.proved_before(config, now) if tell is None else None)
    asked: dict[Check, dict[str, Any]] = {one: {"proved": proved} for one in _FROM_PROVED}
    asked[whole_log] = {"tell": tell}
    for check in CHECKS if tell is None else (*CHECKS, whole_log):
        name = check.__name__
        if name in without:
            continue
        try:
            found = check(config, now, **asked.get(check, {}))
            yield from (Finding(name, level, sentence) for level, sentence in found)
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


def settings(config: Config, now: datetime) -> Findings:
    """Return what must not be set in operation."""
    if config.simulated_reference_date is not None:
        yield (
            Level.WARNING,
            "the reference date is simulated: "
            "remove [demo] simulated_reference_date before operation",
        )
    else:
        yield Level.OK, f"the settings of {config.name} can be read"


def permissions(config: Config, now: datetime) -> Findings:
    """Tell who else can look into the folder."""
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


def signing_keys(config: Config, now: datetime) -> Findings:
    """Tell whether the gateway's own keys are there, each of the right kind; how old they are, and
    which step of a rotation comes next."""
    ages = []
    for purpose in keys.GATEWAYS_OWN:
        folder = config.keys / purpose
        keys.load_key_set(folder, purpose)
        ages.append(f"{purpose} {(now - keys.since(folder / 'current.pem')).days}")
        if begun := keys.open_rotation(folder):
            step, file = begun
            due = keys.since(file) + keys.wait_before(step, purpose)
            command = (
                f"casegate admin gateway-key rotate --key {keys.KEY_NAMES[purpose]} --step {step}"
            )
            level = Level.OK if now < due else Level.WARNING
            yield level, f"a {purpose} key changes: `{command}` from {_minute(due)} on"
    for name in (wiring.FINGERPRINT_FILE, wiring.HEAD_KEY_FILE):
        keys.load_secret(config.keys / name)
    yield Level.OK, "the signing keys are there, each of its kind, readable only by their owner"
    yield Level.OK, f"age of the signing keys in days: {', '.join(ages)}"


def issuing_key(config: Config, now: datetime) -> Findings:
    """Tell whether the issuing authority is there, and who can read its key."""
    files = sorted(config.issuing.glob("*.key"))
    if not files:
        yield Level.OK, "the issuing key is not in this folder: only maintenance needs it"
        return
    load(config.issuing, AuthorityStage.NEXT, *IN_USE)
    for sentence in reminder(config.issuing, now):
        yield Level.WARNING, sentence
    owner = files[0].stat().st_uid
    running = _listeners_run_as()
    if running and not running & {owner, 0}:
        yield Level.OK, f"the issuing key is {_user(owner)}'s; listeners run as another user"
        return
    fact = "run" if running else "started from this folder would run"
    yield (
        Level.WARNING,
        f"listeners {fact} as {_user(owner)}, who can read the issuing key: see 'As a service, with"
        " separate users' in docs/operators.md",
    )


def _listeners_run_as() -> set[int]:
    """The users of the listeners that run on this machine, as far as they are to be seen."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
            if "run" in words and "--only" in words and {*LISTENERS} & {*words}:
                found.add(process.stat().st_uid)
        except OSError:
            continue  # ended meanwhile, or hidden
    return found


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _require_file(config: Config) -> None:
    """To look at a SQLite file that is missing would make it."""
    file = config.database_file
    if file is not None and not file.exists():
        raise UnsuitableDatabase(
            f"the database {file} is missing: check [database] url, or restore a backup"
        )


@contextmanager
def _read(config: Config, **secrets: Any) -> Iterator[SqlUnitOfWork]:
    _require_file(config)
    store = open_for_reading(config.database_url, config.log_origin, **secrets)
    with store as opened, opened.begin(TransactionMode.READ) as work:
        yield work


class OlderTables(Exception):
    """The rows to be read are those of an earlier version, as `schema` tells."""


@contextmanager
def _read_rows(config: Config, **secrets: Any) -> Iterator[SqlUnitOfWork]:
    """Likewise, where a check reads more than the log; raises OlderTables."""
    with _read(config, **secrets) as work:
        if migrations.current(config.database_url) in migrations.REVISIONS[:-1]:
            raise OlderTables
        yield work


def clock(config: Config, now: datetime) -> Findings:
    """Tell whether time would run backwards in the log."""
    with _read(config) as work:
        document = newest_document(work)
        there = work.rows(_TIME, {})[0][0] if config.database_file is None else now
    if document is not None:
        written = parse_timestamp(event.read(document)["time"])
        if written > now:
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
    if abs(there - now) > SKEW:
        yield Level.WARNING, "the clocks here and of PostgreSQL's host differ: keep both by NTP"
        return
    yield Level.OK, "the clock is not behind the newest event"


def _is_unsynchronised() -> bool:
    """Return what the kernel says (adjtimex(2), TIME_ERROR); False where it does not tell."""
    if sys.platform != "linux":
        return False
    return bool(ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512)) == _TIME_ERROR)


_TIME_ERROR = 5


def backups(config: Config, now: datetime) -> Findings:
    """Tell whether backups are made here, and how old the last ones are."""
    for what in maintenance.BACKUPS:
        made = maintenance.last_backup(config, what)
        told = "never" if made is None else _minute(made)
        if made is None or now - made > OLD_BACKUP:
            mend = "run deploy/systemd/back-up daily (docs/operators.md, 'Back up')"
            yield Level.WARNING, f"the last backup of the {what} was made: {told}; {mend}"
        else:
            yield Level.OK, f"the last backup of the {what} was made: {told}"


def rehearsal(config: Config, now: datetime) -> Findings:
    """Tell when a restore was rehearsed last."""
    made = maintenance.last_backup(config, maintenance.REHEARSAL)
    mend = "twice a year (docs/operators.md, 'Back up')"
    if made is None:
        yield Level.WARNING, f"no restore was ever rehearsed: do it now, and {mend}"
    elif now - made > OLD_REHEARSAL:
        yield Level.WARNING, f"a restore was rehearsed last: {_minute(made)}; do it {mend}"
    else:
        yield Level.OK, f"a restore was rehearsed last: {_minute(made)}"


def due(config: Config, now: datetime) -> Findings:
    """Tell whether parties of handoffs are late, and maintenance looks after it."""
    with _read_rows(config) as work:
        overdue, clock = work.duties.overdue(now), work.duties.clock()
    if clock is not None and now - clock.swept_at > LONGEST_PAUSE:
        yield (
            Level.WARNING,
            f"nothing is reminded of since {_minute(clock.swept_at)}: start maintenance",
        )
    if overdue:
        search = "casegate audit search --action handoff.mark_overdue"
        yield (
            Level.WARNING,
            f"duties of members overdue: {number_of(overdue)}; telephone them; `{search}` tells an "
            "auditor who owes",
        )
    else:
        yield Level.OK, "no duty of a member is overdue"


def confirmations(config: Config, now: datetime) -> Findings:
    """Tell which time-stamp authority, or witness, confirms the log no more."""
    with _read_rows(config) as work:
        late = confirming.late(config, work, now)
    for kind, by in late:
        mend = "read the log of delivery, which says why (docs/confirmations.md)"
        yield Level.WARNING, f"no {kind} of {by} in time for what is in the log: {mend}"
    if not late:
        numbers = len(config.time_stamp_authorities), len(config.witnesses)
        told = "the log is confirmed by all time-stamp authorities ({}) and witnesses ({})"
        yield Level.OK, told.format(*numbers)


def log_holds(config: Config, now: datetime) -> Findings:
    """Return what suspends the terms of the log, and whether it was looked at in time."""
    with _read_rows(config) as work:
        holds = work.log_terms.holds()
    today = now.astimezone(config.civil_time_zone).date()
    missed = maintenance.missed_reviews(holds, today)
    for sentence in missed:
        yield Level.WARNING, sentence
    if not missed:
        yield Level.OK, f"log holds in force: {len(holds)}; none waits for its review"


def waiting(config: Config, now: datetime) -> Findings:
    """Return what waits for administrators."""
    with _read_rows(config) as work:
        proposals, organisations = queries.waiting(work, now)
    if proposals or organisations:
        yield (
            Level.OK,
            f"{proposals} proposals and {organisations} organisations wait for administrators: see "
            "`casegate admin waiting`",
        )
    else:
        yield Level.OK, "nothing waits for administrators"


def certificates(config: Config, now: datetime) -> Findings:
    """Return what ends soon, or has ended: authorities, revocation lists, listeners'
    certificates."""
    findings = [
        # Of what has ended or is missing, the sentence says who is refused.
        (Level.ERROR if "refused" in sentence else Level.WARNING, sentence)
        for sentence in authority.alarms(config.published, now)
    ]
    for name in (
        maintenance.PUBLIC_CERTIFICATE,
        maintenance.PARTNERS_CERTIFICATE,
        wiring.DELIVERY_CERTIFICATE,
    ):
        findings += _listener_certificate(config.server / name, now)
    yield from findings or [
        (Level.OK, "authorities, lists and listeners' certificates are in force")
    ]


def _listener_certificate(file: Path, now: datetime) -> list[tuple[Level, str]]:
    if not file.exists():
        return [(Level.WARNING, f"{file} is missing: maintenance makes it when it starts")]
    ends = x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc
    mend = "see that maintenance runs, which renews it, unless the issuing authority has ended"
    if now >= ends:
        return [(Level.ERROR, f"{file} ended on {ends:%Y-%m-%d}: {mend}")]
    if now > ends - SOON:
        return [(Level.WARNING, f"{file} ends on {ends:%Y-%m-%d}: {mend}")]
    return []


def console(config: Config, now: datetime) -> Findings:
    """Tell whether browsers will believe the console's certificate, and how long."""
    url = config.console_url
    if url is None:
        yield Level.OK, "there is no console: set [console] url for one"
    elif url.startswith("http:"):
        yield Level.WARNING, "the console speaks plain HTTP to this host: for demonstrations only"
    elif config.console_tls is None:
        yield Level.OK, f"a proxy ends the TLS of {url}"
    else:
        yield from _console_certificate(*config.console_tls, str(urlsplit(url).hostname), now)


def _console_certificate(file: Path, key: Path, host: str, now: datetime) -> Findings:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(file, key)
    except OSError:  # ssl.SSLError is one
        yield Level.ERROR, f"{file} and {key}: the certificate or its key cannot be used"
        return
    certificate, *chain = x509.load_pem_x509_certificates(file.read_bytes())
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        named = names.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        named = []
    if not {host, f"*.{host.partition('.')[2]}"} & set(named):
        yield Level.ERROR, f"{file} is not for {host}: browsers refuse it"
    ends = certificate.not_valid_after_utc
    if now > ends - SOON:
        level = Level.ERROR if now >= ends else Level.WARNING
        yield level, f"{file} ends on {ends:%Y-%m-%d}: put a new one there, it is read at once"
    elif not chain and certificate.issuer != certificate.subject:
        yield Level.WARNING, f"{file} has no issuing certificate: some browsers will refuse it"
    else:
        yield Level.OK, f"the console's certificate for {host} is in force until {ends:%Y-%m-%d}"


def database(config: Config, now: datetime) -> Findings:
    """Tell whether commits are durable, and who can read the file."""
    with _read(config):
        pass  # refuses what may lose commits
    file = config.database_file
    if file is None:
        yield Level.OK, "PostgreSQL keeps what it commits"
        return
    kind = _file_system(file)
    if kind in NETWORK:
        yield Level.ERROR, f"{file} is on {kind}: SQLite needs a disk of this machine"
    elif kind in MEMORY:
        yield Level.WARNING, f"{file} is in memory ({kind}): nothing survives the machine's end"
    if file.stat().st_mode & 0o007:
        yield Level.ERROR, f"everybody can open {file}: run chmod o= {file}"
    else:
        yield Level.OK, f"SQLite on {kind or 'a disk'} keeps what it commits (WAL, FULL)"


def servers(config: Config, now: datetime) -> Findings:
    """How PostgreSQL's servers are reached, whether they are apart, and what the role may do."""
    urls = {
        "the log": None if config.database_file else config.database_url,
        "the high-water mark": None if config.mark_file else config.mark_url,
        "the case keys": None if config.keys_file else config.keys_url,
    }
    found = {name: look_at(url) for name, url in urls.items() if url is not None}
    if not found:
        yield Level.OK, "all databases are files of this host"
    for name, server in found.items():
        if not (server.local or server.encrypted):
            yield Level.ERROR, f"{name}: the session is not encrypted: {_BY_TLS}"
        elif not server.local and make_url(urls[name] or "").query.get("sslmode") != "verify-full":
            yield Level.ERROR, f"{name}: the server's certificate is not verified: {_BY_TLS}"
        else:
            held = f"{server.size / 1024**3:.1f} GiB on a disk that only its own host sees"
            yield Level.OK, f"{name}: the way to PostgreSQL is closed to others; {held}"
    for (name, server), (other, beside) in combinations(found.items(), 2):
        if server.cluster == beside.cluster:
            yield (
                Level.WARNING,
                f"{name} and {other} are on one server, whose backup takes both back together:"
                " see 'Servers' in docs/postgresql.md",
            )
    log = found.get("the log")
    if log is not None and log.deletes:
        yield (
            Level.WARNING,
            f"{log.role} may delete events: give the listeners a role of their own, see 'Roles'"
            " in docs/postgresql.md",
        )


_BY_TLS = "set sslmode=verify-full and sslrootcert in its URL"


def _file_system(file: Path) -> str:
    """The kind of file system that a file is on; empty where that is not told."""
    try:
        lines = Path("/proc/mounts").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    kinds = {Path(line.split()[1]): line.split()[2] for line in lines}
    place = file.resolve()
    return next((kinds[at] for at in place.parents if at in kinds), "")


def schema(config: Config, now: datetime) -> Findings:
    """Tell whether the tables are of this version."""
    _require_file(config)
    found = migrations.current(config.database_url)
    if found is None:
        yield Level.ERROR, "the database holds no gateway: is [database] url right?"
    elif found == migrations.REVISIONS[-1]:
        yield Level.OK, f"the tables are of this version ({found})"
    elif found in migrations.REVISIONS:
        yield (
            Level.WARNING,
            f"the schema ({found}) is older than this version: starting the gateway upgrades it",
        )
        today = now.astimezone(config.civil_time_zone).date()
        yield from (
            (Level.WARNING, str(one)) for one in migrations.endings(config.database_url, today)
        )
    else:
        yield Level.WARNING, f"the tables are of a newer version ({found}): see its changelog"


def disk(config: Config, now: datetime) -> Findings:
    """Tell whether there is room to go on."""
    for folder in sorted({*wiring.data_folders(config).values()}):
        free = shutil.disk_usage(folder).free
        sentence = f"{free / 1024**3:.1f} GiB are free at {folder}"
        if free < NO_SPACE:
            yield Level.ERROR, f"{sentence}: make room now, or writes will fail"
        elif free < LITTLE_SPACE:
            yield Level.WARNING, f"{sentence}: make room"
        else:
            yield Level.OK, sentence


def log(config: Config, now: datetime) -> Findings:
    """Tell whether the database continues what was signed, by this key."""
    try:
        marked = wiring.read_mark(config)
        head_key = keys.load_secret(config.keys / wiring.HEAD_KEY_FILE)
        with _read(config, head_key=head_key) as work:
            require_prefixes(work, marked, ())
            size = work.log.head().size
    except refusals.LogFrozen as frozen:
        yield (
            Level.ERROR,
            f"log frozen: {frozen.detail}; see 'The log is frozen' in docs/operators.md",
        )
        return
    except refusals.HighWaterMarkUnavailable as unreachable:
        yield Level.ERROR, f"{unreachable.detail}: see [high_water_mark] url"
        return
    if marked is None:
        return  # told above: without a mark the log is frozen
    try:
        signers = wiring.load_log_signers(config)
        open_checkpoint(marked.note, [one.key for one in signers], config.log_origin)
    except NoteError:
        yield (
            Level.ERROR,
            "the log key is not the one that signed this log: restore the original",
        )
        return
    yield Level.OK, f"the database continues what was signed ({marked.head.size} of {size})"
    yield from _apart(config)


def whole_log(config: Config, now: datetime, *, tell: Told) -> Findings:
    """Tell whether every document, detail, stream and search word is as the log has it: takes
    long."""
    person_key = keys.load_secret(config.keys / wiring.FINGERPRINT_FILE)
    with _read_rows(config, person_key=person_key) as work:
        try:
            head = verify_log(work, tell)
        except StoredLogCorrupt as error:
            yield Level.ERROR, f"the stored log is damaged: {error}"
            return
    yield Level.OK, f"all {head.size} entries have their documents, streams and search words"


def registry(config: Config, now: datetime, *, proved: Before) -> Findings:
    """Tell whether the registry's rows are what the log's events say."""
    with _read_rows(config) as work:
        told = maintenance.rows_proof(config, work, proved()).registry().sentences()
    for sentence in told:
        yield Level.ERROR, sentence
    if not told:
        yield Level.OK, "the registry is what the log's events say"


def handoffs(config: Config, now: datetime, *, proved: Before) -> Findings:
    """Tell whether cases, handoffs and what stands beside them are what log and documents say."""
    keyring = wiring.connect_keyring(config)
    with closing(keyring), _read_rows(config, keyring=keyring) as work:
        told = maintenance.rows_proof(config, work, proved()).handoffs().sentences()
    for sentence in told:
        yield Level.ERROR, sentence
    if not told:
        yield Level.OK, "cases and handoffs are what the log and their documents say"


def notifications(config: Config, now: datetime) -> Findings:
    """Tell whether members' receivers answer, and what they refused."""
    with _read_rows(config) as work:
        states = work.notifications.states(DeliveryWay.NOTIFICATION)
    behind = [f"{one.cursor.organisation} ({one.lag})" for one in states if one.cursor.failures]
    refused = [f"{one.cursor.organisation} ({one.refused})" for one in states if one.refused]
    if behind:
        named = ", ".join(behind)
        yield Level.WARNING, f"receivers do not answer, and notifications wait: {named}"
    if refused:
        yield (
            Level.WARNING,
            f"receivers refused notifications, which are kept: {', '.join(refused)}",
        )
    if not behind and not refused:
        yield Level.OK, "no receiver of notifications fails or refuses any"


def peers(config: Config, now: datetime) -> Findings:
    """Tell to which peer gateways there is no connection, and whose log has two histories."""
    with _read_rows(config) as work, closing(_mark(config)) as mark:
        if not (names := [one.slug for one in witnessing.peers_here(work)]):
            yield Level.OK, "peer gateways: 0"
            return
        from gateway.relaying import state_of  # noqa: PLC0415 - who has no peer loads no client

        found = [state_of(config, work, mark, name) for name in names]
    findings = [one for state in found for one in _peer(state, now)]
    yield from findings or [(Level.OK, f"peer gateways: {len(found)}")]


def _peer(peer: "PeerState", now: datetime) -> Findings:
    if peer.diverged:
        yield (
            Level.ERROR,
            f"the log of the peer gateway {peer.peer} has two histories: nothing is offered to its "
            "members, nor by them; see docs/confirmations.md, 'A gateway as a witness'",
        )
    ends = peer.certificate_until
    if ends is None:
        yield (
            Level.WARNING,
            f"there is no connection to the peer gateway {peer.peer}: casegate peer enrol FILE",
        )
        return
    if now > ends - SOON:
        yield (
            Level.ERROR if now >= ends else Level.WARNING,
            f"the certificate at the peer gateway {peer.peer} ends on {ends:%Y-%m-%d}: casegate "
            f"system renew --connection peers/{peer.peer}",
        )
    if peer.cosigned_at is None or now > peer.cosigned_at + confirming.LATE:
        yield (
            Level.WARNING,
            f"the peer gateway {peer.peer} cosigns the log no more: see casegate peer check",
        )


def _mark(config: Config) -> SqlMark | HighWaterMarkFile:
    return open_mark(config.mark_url, file=config.mark_file, origin=config.log_origin)


def _apart(config: Config) -> Findings:
    file, mark = config.database_file, config.mark_file
    if file is not None and mark is not None and file.stat().st_dev == mark.stat().st_dev:
        yield (
            Level.WARNING,
            "the high-water mark is on the disk of the database: a restored image of that disk"
            " takes both back, and goes unnoticed; put it on another one ([high_water_mark] url)",
        )


def case_keys(config: Config, now: datetime) -> Findings:
    """Tell whether every case has its key, what was erased has none, and the keys can be opened."""
    require_keys(config.keys_url, file=config.keys_file, origin=config.log_origin)
    file = config.keys_file
    if file is not None and file.stat().st_mode & 0o007:
        yield Level.ERROR, f"everybody can open {file}: run chmod o= {file}"
    with closing(wiring.connect_keyring(config)) as keyring:
        try:
            yield from _key_encryption(config, keyring)
            with _read(config) as work:
                yield from _inventory(take_inventory(work, keyring))
                doomed = work.cases.doomed(1)
        except refusals.CaseKeysUnavailable as unavailable:
            yield Level.ERROR, f"{unavailable.detail}: see docs/operators.md"
            return
    if doomed:
        yield (
            Level.WARNING,
            "keys of erased cases remain: check that maintenance is running",
        )


def _key_encryption(config: Config, keyring: SqlKeyring) -> Findings:
    kek, current = wiring.key_encryption(config), keyring.key_encryption().current
    keys.load_secret(kek.file(current))
    others = [one for one in kek.known() if one != current]
    if keyring.left():
        yield (
            Level.WARNING,
            f"keys are wrapped by another key-encryption key than {current}: finish its change"
            " by `casegate admin gateway-key rotate --purpose kek --step retire`",
        )
    elif others:
        yield Level.WARNING, f"key-encryption keys that nothing needs: {', '.join(others)}"


def _inventory(found: KeyInventory) -> Findings:
    if found.lost:
        named = "; ".join(found.missing)
        yield (
            Level.ERROR,
            f"the keys of {found.lost} cases are missing: bring the newest keys database back; "
            f"what cannot be found is lost and is to be erased ({named})",
        )
    if found.destroyed:
        yield (
            Level.WARNING,
            f"{found.destroyed} cases are there again whose keys were destroyed: maintenance"
            " erases them once the log goes on",
        )
    if not (found.lost or found.destroyed):
        yield Level.OK, f"encrypted cases: {found.readable}; each has its key"


def policies(config: Config, now: datetime, *, proved: Before) -> Findings:
    """Tell whether the rules hold in all their cases."""
    held, problems = maintenance.policies_held(proved())
    for problem in problems:
        yield Level.ERROR, f"a policy test fails: {problem}"
    for rules, cases in held.values():
        yield Level.OK, f"{rules} rules hold in {cases} cases"


def administrators(config: Config, now: datetime) -> Findings:
    """Tell whether one could be disabled by two others, and each alone has their key."""
    with _read_rows(config) as work:
        enabled = [person for person in work.organisations.persons() if person.enabled]
        here = maintenance.keys_here(config, work)
    if here:
        yield (
            Level.WARNING,
            f"keys of {len(here)} enabled administrators are on this machine, and who reads it is "
            f"all of them: give each their key, and delete it here ({', '.join(map(str, here))})",
        )
    if len(enabled) < ENOUGH_ADMINISTRATORS:
        yield (
            Level.WARNING,
            f"{len(enabled)} administrators: none of them can be disabled, for two others must do "
            "it; add a third one (docs/administrators.md)",
        )
    else:
        yield Level.OK, f"{len(enabled)} administrators: two can disable a third"


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


_FROM_PROVED = (registry, handoffs, policies)


# --- What maintenance keeps of it, for who is not on the host ---


_PROVED_BY: Mapping[str, str] = {"registry": "registry", "whole_log": "integrity"}
"""What takes long, and the task of maintenance that does it anyway; `handoffs` is in the first."""

_SELDOM = ("case_keys", "policies")
_SELDOM_EVERY = timedelta(hours=1)


def keep_findings(upkeep: maintenance.Maintenance, now: datetime) -> None:
    """Keep what the checks find; of what takes long, what was found last, and when."""
    gateway, node = upkeep.gateway, socket.gethostname()
    with gateway.store.begin(TransactionMode.READ) as work:
        last = [one for kept in work.health.reports() if kept.node == node for one in kept.found()]
    recent = [one for one in last if one.check in _SELDOM and _is_recent(one, now)]
    left_out = {*_PROVED_BY, "handoffs", *(one.check for one in recent)}
    if not _listeners_run_as():  # the sandbox of a unit hides them: nothing is to be told
        left_out.add(issuing_key.__name__)
    at = now.isoformat()
    found = [
        *_alarms(upkeep, last),
        *(replace(one, at=at) for one in run_checks(gateway.config, now, without=left_out)),
        *recent,
    ]
    known = {one.sentence for one in found}
    others = (one for one in upkeep.alarms() if one not in known)
    found += [Finding("maintenance", Level.WARNING, one, at) for one in others]
    ends = maintenance.certificates_end(gateway.config)
    said = {name: end.isoformat() for name, end in ends.items() if not name.startswith(_LIST)}
    report = HealthReport.of(node, now, found, said)
    with gateway.store.begin(TransactionMode.WRITE) as work:
        work.health.keep(report, now - FORGOTTEN)
        work.commit()


_LIST = "revocation list"
"""What is made again each hour, and ends in two days."""


def _is_recent(one: Finding, now: datetime) -> bool:
    return one.at is not None and now < parse_timestamp(one.at) + _SELDOM_EVERY


def _alarms(upkeep: maintenance.Maintenance, last: Iterable[Finding]) -> Iterator[Finding]:
    """Return what maintenance's own long comparisons found; until they end, what was found before
    this process began."""
    for check, task in _PROVED_BY.items():
        ended = upkeep.ended.get(task)
        if ended is None:
            yield from (one for one in last if one.check == check)
            continue
        told, at = upkeep.alarms(task), ended.isoformat()
        yield from (Finding(check, Level.ERROR, one, at) for one in told)
        if not told:
            yield Finding(check, Level.OK, _WHOLE[check], at)


_WHOLE: Mapping[str, str] = {
    "registry": "registry, cases and handoffs are what the log and their documents say",
    "whole_log": "all entries have their documents, streams and search words",
}
