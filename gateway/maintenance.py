"""What the holder of the issuing key does: certificates, lists, renewals, erasure, the log.

One process of a folder at a time, by a lock file: `maintain` under the supervisor, or the
operator's own hand while no gateway runs. Nobody else opens the issuing key. Nodes that share a
PostgreSQL database each keep the files of their own folder, and take turns at what the log
records.
"""

import errno
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple, cast
from uuid import UUID

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from gateway import confirming, files
from gateway.cedar import policy_digest, policy_folder
from gateway.cedar.policy_tests import check_once
from gateway.changes import CHANGES
from gateway.config import Config
from gateway.domain.audit_event import LogHold
from gateway.domain.health import EXAMINED_EVERY
from gateway.domain.notification import DeliveryWay
from gateway.domain.organisation import system_uri
from gateway.domain.out_of_service import Entry, EntryKind
from gateway.domain.refusals import (
    Correctable,
    HighWaterMarkUnavailable,
    LogFrozen,
    OutOfService,
    Refusal,
    WrongState,
)
from gateway.exchange.handoffs import retention
from gateway.exchange.lifecycle import before_erasure, erasure, log_terms, succession_execution
from gateway.exchange.relay import ending, following
from gateway.exchange.standing import duties, item_index
from gateway.files import PrivateFileError
from gateway.kernel import changes
from gateway.kernel.actors import GATEWAY
from gateway.kernel.authentication import prune_remembered
from gateway.kernel.changes import Change
from gateway.kernel.ports import Ports, TransactionMode, UnitOfWork
from gateway.kernel.transact import AHEAD, RecordedRefusal
from gateway.kernel.values import ConfirmationKind, SignedTreeHead
from gateway.keys import load_secret
from gateway.ledger.note import NoteError, open_checkpoint
from gateway.pki import authority, rotation
from gateway.pki.authority import (
    AuthorityError,
    CertificateAuthority,
    Revoked,
    make_crl,
    renew_server,
)
from gateway.registry import keys as registry_keys
from gateway.registry import queries
from gateway.registry.enrolment import issue_approved_certificates, remind
from gateway.registry.rebuild import Rebuild
from gateway.store import log_integrity, migrations
from gateway.store.database import UnsuitableDatabase
from gateway.store.log_integrity import StoredLogCorrupt
from gateway.store.proved import Proved, RowsProof
from gateway.store.unit_of_work import SqlUnitOfWork
from gateway.web.security_log import failure_place
from gateway.wiring import (
    DELIVERY_CERTIFICATE,
    HEAD_KEY_FILE,
    GatewayRuntime,
    IssuingAuthority,
    clock_ahead,
    connect,
    data_folders,
    own_keys,
)

if TYPE_CHECKING:
    from gateway.metrics import Counts

LOCK_FILE = "maintain.lock"
PUBLIC_CERTIFICATE = "public.pem"
PARTNERS_CERTIFICATE = "partners.pem"
PUBLISH_EVERY = timedelta(hours=1)  # of the 48 that a list lives: 47 chances to notice a failure
RETRY_AFTER = timedelta(seconds=5)
RESTS = 100  # times as long as a comparison of the rows took
BATCHES = 20  # of erasures in one run: other tasks wait
MOST_WAITING = 1000  # certificate requests that are counted


Show = Callable[[Mapping[str | tuple[str, str], float]], None]
"""Shows the operator's metrics: what is known of the state, by name, or by name and label."""


class AlreadyRunning(Correctable):
    """Another process maintains this gateway."""


def holding(config: Config) -> AbstractContextManager[None]:
    """Be the one who maintains this folder; AlreadyRunning when another is."""
    busy = AlreadyRunning("another process maintains this gateway: stop it first")
    return files.hold(config.folder / LOCK_FILE, busy)


class TaskReport(NamedTuple):
    """What a task left: alarms for the operator; ``more`` when work is left for the next step;
    ``pause`` until it is due again, where that is sooner than its timetable says."""

    alarms: tuple[str, ...] = ()
    more: bool = False
    pause: timedelta = timedelta.max


class Published(NamedTuple):
    """What the published folder was last made of, and when."""

    at: datetime
    revoked: frozenset[int]
    authorities: tuple[str, ...]
    alarms: tuple[str, ...]


@dataclass
class Maintenance:
    """The upkeep of one gateway, a step at a time. The caller holds the lock.

    ``show`` is given the gateway's state every few seconds; ``examine`` keeps what is found about
    it (`gateway.doctor.kept`).
    """

    gateway: GatewayRuntime
    authority: IssuingAuthority
    show: Show | None = None
    examine: "Callable[[Maintenance, datetime], None] | None" = None
    log_refusal: LogFrozen | HighWaterMarkUnavailable | None = None
    """Why nothing can be recorded at present; lists and renewals go on."""
    published: Published | None = None
    unused_key: UUID | None = None
    """Where the search for keys that no case has goes on."""
    ended_logs: set[UUID] = field(default_factory=set)
    """The events by which peers' logs began anew with which all has ended."""
    rows_differ: bool = True
    """The rows were not found to be what the log says."""
    signed_size: tuple[int, datetime] | None = None
    """The size that was signed last, and when that was first seen."""
    ended: dict[str, datetime] = field(default_factory=dict)
    """When each task ended last, by its name."""
    _due: dict[str, datetime] = field(default_factory=dict)
    _alarms: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def step(self) -> None:
        """Run each task that is due. What fails is an alarm, and keeps no other task."""
        for task in TIMETABLE:
            now = self.gateway.ports.now()
            due = self._due.setdefault(task.name, now + task.after_start)
            # A due time that no pause explains was set by a clock that has gone back since.
            if not now < due <= now + max(task.every, task.after_start):
                self._attempt(task)

    def start(self) -> None:
        """Run every task of a start; raise what a gateway cannot start without."""
        for task in TIMETABLE:
            failure = None if task.after_start else self._attempt(task)
            if failure is not None and task.vital:
                raise failure

    def alarms(self, *names: str) -> list[str]:
        """Return what the operator has to act on, of some tasks or of all."""
        told = names or (*(task.name for task in TIMETABLE),)
        return [alarm for name in told for alarm in self._alarms.get(name, ())]

    def _attempt(self, task: "Task") -> Exception | None:
        """Run a task and plan the next run; returns why it failed."""
        now = self.gateway.ports.now()
        if task.records and self.log_refusal is not None:
            return None
        if (task.records or task.run is publish) and self.gateway.ports.leapt():
            return None
        failure: Exception | None = None
        report = TaskReport(more=True)
        try:
            report = task.run(self, now) or TaskReport()
        except (LogFrozen, HighWaterMarkUnavailable) as refusal:
            self.log_refusal = refusal
            frozen = "log frozen: " if isinstance(refusal, LogFrozen) else ""
            self._alarms["log"] = (f"{frozen}{refusal.detail}",)
            self._due["log"] = _AT_ONCE  # looked at in each step, until it goes on
            return None
        except Exception as error:  # a database that restarts, a full disk, a defect
            failure = error
            reason = _reason(error)
            report = TaskReport((f"{task.failing}: {reason}",))
        pause = min(task.every, RETRY_AFTER if failure else report.pause)
        self._due[task.name] = now if report.more else now + pause
        self._alarms[task.name], self.ended[task.name] = report.alarms, now
        return failure


@dataclass(frozen=True)
class Task:
    """One line of the timetable.

    ``failing`` tells the operator what is not done. A task that ``records`` waits while the log is
    frozen; a gateway does not start when a ``vital`` one fails. What takes long comes some time
    ``after_start``.
    """

    name: str
    every: timedelta
    run: Callable[[Maintenance, datetime], TaskReport | None]
    failing: str
    records: bool = False
    vital: bool = False
    after_start: timedelta = timedelta(0)


_AT_ONCE = datetime.min.replace(tzinfo=UTC)


def _reason(error: Exception) -> str:
    """Why a task failed; of a failure that nobody foresaw, the place alone."""
    if isinstance(error, Refusal):
        return error.detail
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return f"the disk is full: make room ({error.filename or 'a file'})"
    return str(error) if isinstance(error, AuthorityError) else failure_place(error)


def check_clock(upkeep: Maintenance, now: datetime) -> TaskReport:
    """Look whether the clock was moved ahead; while it is, nothing is published or recorded."""
    return TaskReport((AHEAD,) if upkeep.gateway.ports.leapt() else ())


def refresh_authorities(upkeep: Maintenance, now: datetime) -> TaskReport:
    """Read what a ceremony changed; one that cannot be read changes nothing."""
    try:
        upkeep.authority.refresh()
        return TaskReport(tuple(rotation.reminder(upkeep.gateway.config.issuing, now)))
    except (AuthorityError, PrivateFileError, OSError) as error:
        return TaskReport((f"the issuing authorities stay as they were: {error}",))


def publish(upkeep: Maintenance, now: datetime) -> TaskReport:
    """Publish lists each hour, and at once when a certificate or an authority changed.

    Authorities before their lists: a client of one without a list is refused.
    """
    config, authorities = upkeep.gateway.config, upkeep.authority.authorities
    with upkeep.gateway.ports.begin(TransactionMode.READ) as work:
        revoked = [
            Revoked(certificate.serial, certificate.revoked_at)
            for certificate in work.organisations.revoked(now)
            if certificate.revoked_at is not None
        ]
    trusted = (*upkeep.authority.coming, *authorities)
    serials = frozenset(entry.serial for entry in revoked)
    ids = (authorities[0].id, *(authority.id for authority in trusted))
    last = upkeep.published
    if last and last[1:3] == (serials, ids) and last.at <= now < last.at + PUBLISH_EVERY:
        return TaskReport(last.alarms)
    if not _is_newest(upkeep.gateway):
        # A database that may be an older copy lets nobody in again: who is listed stays so.
        listed = authority.listed_in(config.published)
        revoked += [entry for entry in listed if entry.serial not in serials]
    root_file = config.published / authority.ROOT_FILE
    alarms: tuple[str, ...] = ()
    try:
        root = x509.load_pem_x509_certificate(root_file.read_bytes())
    except (OSError, ValueError):  # without it the lists still go out
        alarms = (f"{root_file} cannot be read: put it back",)
    else:
        authority.publish_chain(config.published, root, [one.certificate for one in trusted])
    crls = {authority.id: make_crl(authority, revoked, now) for authority in trusted}
    authority.publish_crls(config.published, crls)
    renew_certificates(config, authorities[0], now)
    upkeep.published = Published(now, serials, ids, alarms)
    return TaskReport(alarms)


def _is_newest(gateway: GatewayRuntime) -> bool:
    """Tell whether the database has all that was signed: an older copy forgot who was revoked."""
    try:
        gateway.continuity.check()
    except (LogFrozen, HighWaterMarkUnavailable):
        return False
    return True


def renew_certificates(config: Config, authority: CertificateAuthority, now: datetime) -> None:
    """Renew the gateway's certificates that end within ten days, or name other hosts.

    The last one is that by which receivers know the gateway.
    """
    renew_server(config.server / PUBLIC_CERTIFICATE, authority, config.public_names, now)
    renew_server(config.server / PARTNERS_CERTIFICATE, authority, config.partners_names, now)
    names = (*config.public_names, system_uri(config.name, GATEWAY, "deliver"))
    client, usage = config.server / DELIVERY_CERTIFICATE, ExtendedKeyUsageOID.CLIENT_AUTH
    renew_server(client, authority, names, now, usage)


def review_published(upkeep: Maintenance, now: datetime) -> TaskReport:
    """Look at what is published as partners and listeners read it."""
    return TaskReport(tuple(authority.alarms(upkeep.gateway.config.published, now)))


def check_log(upkeep: Maintenance, now: datetime) -> None:
    """Compare the database with the high-water mark.

    What is signed is our own: where the key that vouches for heads is new, it vouches for it.
    """
    gateway = upkeep.gateway
    try:
        gateway.continuity.check()
    except LogFrozen:
        marked = gateway.mark.read()
        if marked is None or not _is_signed(gateway, marked):
            raise
        with gateway.store.begin(TransactionMode.WRITE) as work:
            work.log.vouch(marked.head)
            work.commit()
        gateway.continuity.check()
    upkeep.log_refusal = None


def _is_signed(gateway: GatewayRuntime, marked: SignedTreeHead) -> bool:
    """Tell whether the log's key signed the mark: who can write its file may have made it."""
    origin, signers = gateway.config.log_origin, (gateway.keys.log, *gateway.keys.log_beside)
    try:
        signed = open_checkpoint(marked.note, [one.key for one in signers], origin)
    except NoteError:
        return False
    return (signed.size, signed.root) == (marked.head.size, marked.head.root)


def publish_keys(upkeep: Maintenance, now: datetime) -> None:
    """Record each key with which the gateway signs, unless the log says so already."""
    registry_keys.publish_keys(upkeep.gateway.ports, own_keys(upkeep.gateway.config))


def compare_registry(upkeep: Maintenance, now: datetime) -> TaskReport:
    """Hold registry, cases and handoffs against the log; what differs is out of service until it
    does no more.

    While the log is frozen, too: this asks for no event. The sooner it was done, the sooner it is
    done again: within the hour, by a hundredth of the time.
    """
    gateway, upkeep.rows_differ, began = upkeep.gateway, True, monotonic()
    before = proved_before(gateway.config, now)
    with gateway.store.begin(TransactionMode.READ) as work:
        rows = rows_proof(gateway.config, work, before)
        found, before_out = rows.registry(), work.organisations.out_of_service()
        try:
            handoffs = rows.handoffs()
            out, told = handoffs.entries, handoffs.sentences()
        except Exception as failure:  # a stored value of a form that nothing here ever wrote
            out = frozenset(one for one in before_out if one[0] == EntryKind.HANDOFF)
            why = type(failure).__name__
            told = (f"cases and handoffs are not compared with the log: {why}",)
        proved = rows.proved(now if before is None else before.since)
    with suppress(Exception):  # whatever stops this check: the doctor tells
        proved = replace(proved, policies=policies_held(before)[0])
    out |= found.differing
    out |= {(EntryKind.ORGANISATION, change.organisation) for _, change, _ in _suspensions(gateway)}
    if before_out != out:
        _put_out_of_service(gateway, out)
    proved.keep(gateway.config.folder / PROVED, _key_of_heads(gateway.config))
    upkeep.rows_differ = bool(found.sentences() or told)
    pause = max(_MINUTE, RESTS * timedelta(seconds=monotonic() - began))
    return TaskReport((*found.sentences(), *told), pause=pause)


def _put_out_of_service(gateway: GatewayRuntime, entries: frozenset[Entry]) -> None:
    with gateway.store.begin(TransactionMode.REGISTRY) as work:
        work.organisations.put_out_of_service(entries)
        work.commit()


def _stop(gateway: GatewayRuntime, organisation: str, *, stopped: bool = True) -> None:
    """Put an organisation out of service, or into it again."""
    named = frozenset({(EntryKind.ORGANISATION, organisation)})
    with gateway.store.begin(TransactionMode.READ) as work:
        before = work.organisations.out_of_service()
    _put_out_of_service(gateway, before | named if stopped else before - named)


SUSPEND = "organisation.suspend"
SUSPENSIONS = "suspensions"
"""The folder of suspensions that a frozen log could not record: outside the database, which may be
replaced by a newer one."""


def keep_suspension(gateway: GatewayRuntime, change: Change, approval: str) -> None:
    """Stop an organisation at once, and keep its approved suspension until it can be recorded."""
    kept = {"organisation": change.organisation, "values": change.values, "approval": approval}
    folder = gateway.config.folder / SUSPENSIONS
    folder.mkdir(mode=0o700, exist_ok=True)
    files.create(folder / f"{gateway.ports.new_id()}.json", json.dumps(kept).encode())
    _stop(gateway, change.organisation)


def _suspensions(gateway: GatewayRuntime) -> Iterator[tuple[Path, Change, str]]:
    for file in sorted((gateway.config.folder / SUSPENSIONS).glob("*.json")):
        kept = json.loads(file.read_bytes())
        yield file, Change(SUSPEND, kept["organisation"], kept["values"]), kept["approval"]


def record_suspensions(upkeep: Maintenance, now: datetime) -> TaskReport:
    """Record the suspensions that were approved while the log was frozen."""
    gateway, alarms = upkeep.gateway, []
    for file, change, approval in _suspensions(gateway):
        _stop(gateway, change.organisation, stopped=False)
        try:
            changes.make(gateway.ports, CHANGES, change, [approval])
        except RecordedRefusal as refused:
            if not isinstance(refused.refusal, WrongState):
                _stop(gateway, change.organisation)
                alarms.append(
                    f"{change.organisation} is out of service, but its suspension cannot be "
                    f"recorded ({refused.refusal.detail}): suspend it again, then remove {file}"
                )
                continue
        except BaseException:
            _stop(gateway, change.organisation)
            raise
        file.unlink()
    return TaskReport(tuple(alarms))


PROVED = "proved"
"""The file of what the last comparison found whole: beside the keys, for it tells ids of cases."""


def proved_before(config: Config, now: datetime) -> Proved | None:
    """Return what the last comparison found whole, if all was compared within the last day."""
    found = Proved.read(config.folder / PROVED, _key_of_heads(config))
    return found if found and found.since <= now < found.since + _DAY else None


def _key_of_heads(config: Config) -> bytes:
    """The key that vouches for the log's head, which no database has."""
    return load_secret(config.keys / HEAD_KEY_FILE)


def rows_proof(config: Config, work: SqlUnitOfWork, proved: Proved | None = None) -> RowsProof:
    """The rows of a gateway, to be compared with its log from what was ``proved`` on."""
    rebuild = Rebuild(config.issuer, _civil_day(config))
    return RowsProof(work, rebuild, _civil_day(config), proved)


def policies_held(proved: Proved | None) -> tuple[Mapping[str, Sequence[int]], Sequence[str]]:
    """Return the policies of this program, as `Proved` has them, where they hold in all their
    cases; else what is wrong. Those that are ``proved`` are not tried again."""
    folder = policy_folder()
    digest = policy_digest(folder)
    if proved and digest in proved.policies:
        return {digest: proved.policies[digest]}, ()
    report = check_once(folder, digest)
    held = {} if report.problems else {digest: (report.policies, report.cases)}
    return held, report.problems


def _civil_day(config: Config) -> Callable[[datetime], date]:
    zone = config.civil_time_zone
    return lambda moment: moment.astimezone(zone).date()


def verify_log(upkeep: Maintenance, now: datetime) -> TaskReport:
    """Make the whole log again from its documents, with streams and search words."""
    with upkeep.gateway.store.begin(TransactionMode.READ) as work:
        try:
            log_integrity.verify_log(work, lambda done, of: None)
        except StoredLogCorrupt as error:
            return TaskReport((f"the stored log is damaged: {error}",))
    return TaskReport()


def prune(upkeep: Maintenance, now: datetime) -> None:
    """Forget what need not be remembered, and remind of certificates that end."""
    prune_remembered(upkeep.gateway.ports)
    remind(upkeep.gateway.ports)


def _of_ports(
    run: Callable[[Ports], bool | None],
) -> Callable[["Maintenance", datetime], TaskReport]:
    """A task that needs the ports alone, and may say that work is left for the next step."""
    return lambda upkeep, _: TaskReport(more=bool(run(upkeep.gateway.ports)))


def apply_successions(upkeep: Maintenance, now: datetime) -> TaskReport:
    """Move the handoffs of mandates that moved, a batch each time, until all are moved.

    Several nodes may do so at once: each handoff is moved by one.
    """
    alarms = []
    for due in succession_execution.due_successions(upkeep.gateway.ports):
        name = f"the succession {due.id} ({due.competence})"
        try:
            progress = succession_execution.apply(upkeep.gateway.ports, due.id)
        except (LogFrozen, HighWaterMarkUnavailable):
            raise
        except Exception as error:  # one succession must not keep the others
            alarms.append(f"{name} is not carried out: {failure_place(error)}")
            continue
        if due.missing:
            alarms.append(f"{name} is due, and waits for {' and '.join(due.missing)}")
        elif progress.waiting:
            alarms.append(
                f"{name} cannot move everything now: see `casegate admin succession show`"
            )
    return TaskReport(tuple(alarms))


def end_with_peers(upkeep: Maintenance, now: datetime) -> TaskReport:
    """End what stands open with peer gateways that left, or whose logs began anew."""
    return TaskReport(more=ending.end_with_peers(upkeep.gateway.ports, upkeep.ended_logs))


def erase(upkeep: Maintenance, now: datetime) -> TaskReport:
    """Erase what is due, and destroy the keys of what was erased."""
    ports = upkeep.gateway.ports
    done = erasure.destroy_keys(ports)
    try:
        for _ in range(BATCHES):
            erased = erasure.erase_due(ports)
            done += erased
            if not erased:
                return TaskReport()
        return TaskReport(more=True)
    finally:
        if done:  # what stands in clear, or was keyed, must not just age in the journal
            upkeep.gateway.store.database.empty_journal()


def index_items(upkeep: Maintenance, now: datetime) -> TaskReport:
    """Let cases be found by their items from before an upgrade, or a loss of keys."""
    item_index.begin_lost_again(upkeep.gateway.ports)
    return TaskReport(more=item_index.index_earlier(upkeep.gateway.ports))


def end_log_terms(upkeep: Maintenance, now: datetime) -> TaskReport:
    """Erase what the log says of persons after its term, and tell of reviews that were missed."""
    ports = upkeep.gateway.ports
    with ports.begin(TransactionMode.READ) as work:
        missed = missed_reviews(work.log_terms.holds(), ports.civil_day(now))
    return TaskReport(missed, more=log_terms.erase_details(ports))


def missed_reviews(holds: Iterable[LogHold], today: date) -> tuple[str, ...]:
    """Log holds whose day of review has passed, in sentences for the operator."""
    return tuple(
        f"the log hold {one.id} was to be reviewed by {one.review_on}: set a new one if it is "
        "still needed, and end this one (docs/administrators.md)"
        for one in holds
        if one.is_review_missed(today)
    )


def compare_keys(upkeep: Maintenance, now: datetime) -> None:
    """End again what an older copy of a database brought back, and destroy keys that nothing uses;
    none while rows differ from the log, for by them a key may seem unused. Raises OutOfService."""
    gateway, ports = upkeep.gateway, upkeep.gateway.ports
    if upkeep.rows_differ:
        raise OutOfService(_DIFFER)

    def compare(work: UnitOfWork) -> None:
        rows = rows_proof(gateway.config, cast(SqlUnitOfWork, work))
        if rows.registry().sentences() or rows.handoffs().sentences():
            raise OutOfService(_DIFFER)

    erasure.erase_restored(ports)
    upkeep.unused_key = erasure.destroy_orphan_keys(ports, upkeep.unused_key, compare)


_DIFFER = "no unused key is destroyed while registry or cases differ from the log"


def issue_certificates(upkeep: Maintenance, now: datetime) -> None:
    """Make the certificates that were approved."""
    serve_requests(upkeep.gateway, upkeep.authority)


def serve_requests(gateway: GatewayRuntime, authority: IssuingAuthority) -> None:
    """Make the certificates that were approved, as the only one of all nodes meanwhile.

    Raises Busy, LogFrozen, HighWaterMarkUnavailable.
    """
    with gateway.store.turn():
        issue_approved_certificates(gateway.ports, authority)


def _counted(
    gateway: GatewayRuntime, work: UnitOfWork, now: datetime
) -> Iterator[tuple[str, float]]:
    """Return what the database counts of what waits, and of the log, as far as it answers."""
    yield "log_entries", work.log.head().size
    yield "database_bytes", work.log.database_bytes()
    yield "administrator_keys_here", len(keys_here(gateway.config, work))
    yield "certificate_requests_waiting", len(work.signing.pending(MOST_WAITING))
    yield "duties_overdue", work.duties.overdue(now)
    yield "administrators_waited_for", sum(queries.waiting(work, now))
    receivers = work.notifications.states(DeliveryWay.NOTIFICATION)
    yield "notifications_unacknowledged", sum(one.lag for one in receivers)
    yield "notifications_refused", sum(one.refused for one in receivers)
    yield "notification_receivers_failing", sum(one.cursor.failures > 0 for one in receivers)
    remote = work.notifications.states(DeliveryWay.RELAY)
    yield "relay_events_waiting", sum(one.lag for one in remote)
    failing = {one.cursor.organisation.partition("@")[2] for one in remote if one.cursor.failures}
    yield "peer_gateways_failing", len(failing)
    late = [kind for kind, _ in confirming.late(gateway.config, work, now)]
    yield "time_stamp_authorities_late", late.count(ConfirmationKind.STAMP)
    yield "witnesses_late", late.count(ConfirmationKind.COSIGNATURE)


def show_health(upkeep: Maintenance, now: datetime) -> None:
    """Show the operator's metrics how the gateway is; reads only."""
    if upkeep.show is None:
        return
    gateway = upkeep.gateway
    known: dict[str | tuple[str, str], float] = {
        "clock_ahead_seconds": clock_ahead().total_seconds(),
        "log_frozen": isinstance(upkeep.log_refusal, LogFrozen),
        "high_water_mark_up": True,
        "maintenance_timestamp_seconds": now.timestamp(),
    }
    with suppress(Exception), gateway.ports.begin(TransactionMode.READ) as work:
        # Other tasks say what is wrong with the database.
        known.update(_counted(gateway, work, now))
    marked = None
    try:
        marked = gateway.mark.read()
    except HighWaterMarkUnavailable:
        known["high_water_mark_up"] = False
    if marked is not None:
        signed = marked.head.size
        if upkeep.signed_size is None or upkeep.signed_size[0] != signed:
            upkeep.signed_size = signed, now
        known["log_signed_entries"] = signed
        if "log_entries" in known:
            known["log_unsigned_entries"] = known["log_entries"] - signed
    if upkeep.signed_size is not None:
        known["log_signed_timestamp_seconds"] = upkeep.signed_size[1].timestamp()
    ends = certificates_end(gateway.config).items()
    known |= {("end_timestamp_seconds", what): end.timestamp() for what, end in ends}
    with suppress(OSError):
        for name, folder in data_folders(gateway.config).items():
            known["disk_free_bytes", name] = shutil.disk_usage(folder).free
    for what in BACKUPS:
        made = last_backup(gateway.config, what)
        known["backup_timestamp_seconds", what] = made.timestamp() if made else 0.0
    upkeep.show(known)


def examine(upkeep: Maintenance, now: datetime) -> None:
    """Keep what is found about the gateway, for its operator."""
    if upkeep.examine is not None:
        upkeep.examine(upkeep, now)


BACKUPS = ("database", "case-keys")
"""What is backed up, each with a file in the folder whose time says when that was last done."""


REHEARSAL = "rehearsal"
"""Likewise the restore of a backup elsewhere."""


def note_backup(config: Config, what: str) -> None:
    """Remember that a backup was made, or its restore rehearsed, just now."""
    (config.folder / f"last-backup-{what}").touch(mode=0o600)


def last_backup(config: Config, what: str) -> datetime | None:
    """When a backup was last made from this folder."""
    file = config.folder / f"last-backup-{what}"
    return datetime.fromtimestamp(file.stat().st_mtime, UTC) if file.exists() else None


def keys_here(config: Config, work: UnitOfWork) -> list[Path]:
    """The private keys of enabled administrators that lie in this folder."""
    files = ((one, config.people / f"{one.id}.pem") for one in work.organisations.persons())
    return [file for person, file in files if person.enabled and file.exists()]


def certificates_end(config: Config) -> dict[str, datetime]:
    """When the authorities, the lists and the listeners' own certificates end; what cannot be read
    is left out."""
    found = authority.ends(config.published)
    for name, file in (("public", PUBLIC_CERTIFICATE), ("partners", PARTNERS_CERTIFICATE)):
        try:
            leaf, *_ = x509.load_pem_x509_certificates((config.server / file).read_bytes())
        except (OSError, ValueError):
            continue
        found[f"{name} listener"] = leaf.not_valid_after_utc
    return found


_EACH_STEP, _MINUTE = timedelta(0), timedelta(minutes=1)
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)

TIMETABLE: tuple[Task, ...] = (
    Task("clock", _EACH_STEP, check_clock, "the clock is not looked at"),
    Task("authorities", _EACH_STEP, refresh_authorities, "authorities are not read again"),
    Task("publication", _EACH_STEP, publish, "lists are not published", vital=True),
    Task("review", _EACH_STEP, review_published, "what is published is not reviewed"),
    Task("log", _MINUTE, check_log, "the log is not compared with its high-water mark"),
    Task(
        "registry", _HOUR, compare_registry, "the registry is not compared with the log", vital=True
    ),
    Task(
        "suspensions",
        _EACH_STEP,
        record_suspensions,
        "suspensions are not recorded",
        records=True,
        vital=True,
    ),
    Task("own keys", _HOUR, publish_keys, "the gateway's keys are not recorded", records=True),
    Task("integrity", _DAY, verify_log, "the stored log is not verified", after_start=_HOUR),
    Task("pruning", _HOUR, prune, "ended tokens are not removed", records=True),
    Task(
        "proposals", _DAY, _of_ports(changes.prune_proposals), "ended proposals stay", records=True
    ),
    Task("successions", _MINUTE, apply_successions, "successions are not applied", records=True),
    Task("due", _MINUTE, _of_ports(duties.sweep), "what is due is not reminded of", records=True),
    Task(
        "undelivered",
        _MINUTE,
        _of_ports(following.tell_undelivered),
        "nobody hears of what waits at a peer gateway",
        records=True,
    ),
    Task(
        "peers that left",
        _MINUTE,
        end_with_peers,
        "handoffs with members of a peer gateway that is gone stay open",
        records=True,
    ),
    Task(
        "erasure notices",
        _HOUR,
        _of_ports(before_erasure.announce),
        "holders do not hear of erasures",
        records=True,
    ),
    Task(
        "retentions",
        _MINUTE,
        _of_ports(retention.end_due),
        "retentions are not ended",
        records=True,
    ),
    Task("erasure", _MINUTE, erase, "cases are not erased", records=True),
    Task("items", _HOUR, index_items, "earlier cases are not found by their items", records=True),
    Task(
        "log terms",
        _DAY,
        end_log_terms,
        "details are not erased from the log after their term",
        records=True,
        after_start=_MINUTE,
    ),
    Task("keys", _DAY, compare_keys, "cases are not erased again", records=True),
    Task(
        "requests",
        _EACH_STEP,
        issue_certificates,
        "certificate requests are not served",
        records=True,
        vital=True,
    ),
    Task("health", timedelta(seconds=5), show_health, "the metrics are not updated"),
    Task(
        "examination",
        EXAMINED_EVERY,
        examine,
        "what is found about the gateway is not kept",
        after_start=timedelta(seconds=5),
    ),
)
"""The timetable, in the order of one step."""


def upgrade_schema(config: Config) -> bool:
    """Bring the database to the tables of this version; True when there was something to do.

    A database of a newer version is left alone: an older version may go on with it (see the
    changelog). Raises UnsuitableDatabase when the database holds no gateway: only `casegate init`
    begins one,
    for an empty log instead of a lost one would be a second history.
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
            upkeep = Maintenance(gateway, IssuingAuthority(config), show, examine)
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
