"""The one place where parts meet: configuration in, filled ports and apps out."""

import logging
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from uuid_utils import compat

from gateway import config as config_file
from gateway import keys
from gateway.cedar import policy_folder
from gateway.cedar.policy import SIGNED, CedarPolicy
from gateway.config import Config
from gateway.console.session import Sessions
from gateway.domain.measure import Terms
from gateway.domain.organisation import Certificate
from gateway.domain.out_of_service import SEE_HANDOFF
from gateway.domain.refusals import LogFrozen
from gateway.evidence import base64url, canonical
from gateway.files import PrivateFileError, make_folder
from gateway.kernel.log_continuity import CheckpointSigner, LogContinuity
from gateway.kernel.ports import Ports, TransactionMode
from gateway.kernel.values import ReferenceDate, SignedTreeHead
from gateway.keys import FileKeyEncryption, KeyPurpose, KeySet, SigningKey
from gateway.ledger.cosignature import Cosigner
from gateway.ledger.note import NoteSigner
from gateway.pki import rotation
from gateway.pki.authority import (
    CHAIN_FILE,
    CertificateAuthority,
    CsrRefused,
    authority_id,
    issue_client,
)
from gateway.registry.keys import civil_time_zone
from gateway.store.database import UnsuitableDatabase, open_database
from gateway.store.high_water_mark import HighWaterMarkFile, SqlMark, open_mark
from gateway.store.key_inventory import require_newest_key
from gateway.store.keyring import SqlKeyring, open_keyring
from gateway.store.log import EventHeader
from gateway.store.unit_of_work import Store

if TYPE_CHECKING:
    from gateway.metrics import Counts

CONFIG_FILE = config_file.CONFIG_FILE
FINGERPRINT_FILE = "fingerprint.secret"
HEAD_KEY_FILE = "log-head.secret"
CONSOLE_SECRET_FILE = "challenges.secret"  # noqa: S105 - the name of a file
DELIVERY_CERTIFICATE = "deliver.pem"


LEAP = timedelta(minutes=2)
"""By how much the system's clock may be ahead of the time since the start before it is doubted."""


_system: Callable[[], datetime] = partial(datetime.now, UTC)  # noqa: TID251 - the Clock port itself
_elapsed = partial(time.clock_gettime, getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
"""Seconds of a clock that nobody sets; that of Linux goes on while the host is suspended."""

_began = _system(), _elapsed()  # before a listener's workers are forked: it counts for them too


def clock_ahead(moment: datetime | None = None) -> timedelta:
    """How far the system's clock is ahead of the process's start plus the time since."""
    started, elapsed = _began
    return (moment or _system()) - started - timedelta(seconds=_elapsed() - elapsed)


def leapt() -> bool:
    """Tell whether the system's clock was moved ahead, by more than is believed."""
    return clock_ahead() > LEAP


def now() -> datetime:
    """The system's time, in UTC: the only clock of tokens, log, retries and due times.

    Without a leap that is not believed. To the millisecond, as documents say it: what a row says is
    exactly what its event says.
    """
    moment = _system()
    ahead = clock_ahead(moment)
    if ahead > LEAP:
        moment -= ahead
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


FULL_BYTES = 20 * 1024**2
"""Less free space than a large request takes, with its event, and SQLite's journal: 16 MB of it."""


def data_folders(config: Config) -> dict[str, Path]:
    """The folders whose disks a gateway fills, by what is there; PostgreSQL's are not seen here."""
    files = {
        "database": config.database_file,
        "high-water mark": config.mark_file,
        "case keys": config.keys_file,
    }
    found = {name: file.parent for name, file in files.items() if file is not None}
    return {"folder": config.folder, **found}


def full_disks(config: Config) -> list[str]:
    """Return what is on a disk on which nothing more can be written."""
    free = {name: shutil.disk_usage(at).free for name, at in data_folders(config).items()}
    return [name for name, size in free.items() if size < FULL_BYTES]


new_id: Callable[[], UUID] = compat.uuid7
"""A UUIDv7 (RFC 9562 5.7): sortable by time, so that keyset pages follow it."""


def civil_day(config: Config) -> Callable[[datetime], date]:
    """How a moment becomes a day in the gateway's civil time zone."""
    zone = config.civil_time_zone
    return lambda moment: moment.astimezone(zone).date()


def reference_date(config: Config) -> Callable[[datetime], ReferenceDate]:
    """How a moment becomes the day on which rights are judged."""
    civil, simulated = civil_day(config), config.simulated_reference_date

    def date_of(moment: datetime) -> ReferenceDate:
        day = civil(moment)
        return ReferenceDate(simulated or day, day, simulated)

    return date_of


@dataclass(frozen=True)
class SigningKeys:
    """The gateway's own keys, by purpose. The issuing authority's is not among them, and that of
    the witness may be missing.

    ``log_beside`` is the log's next key, or the one before: while a rotation is open both sign.
    """

    token: KeySet
    attest: KeySet
    notification: KeySet
    log: NoteSigner
    log_beside: tuple[NoteSigner, ...]
    witness: Cosigner | None
    fingerprint: bytes = field(repr=False)
    head: bytes = field(repr=False)


def load_log_signers(config: Config) -> tuple[NoteSigner, ...]:
    """Read the log's keys, the current one first; PrivateFileError says what is wrong with one."""
    held = keys.load_key_set(config.keys / KeyPurpose.LOG, KeyPurpose.LOG)
    return tuple(_note_signer(config, one) for one in (held.current, *held.published))


def _note_signer(config: Config, key: SigningKey) -> NoteSigner:
    private = serialization.load_pem_private_key(key.pem(), None)
    if not isinstance(private, Ed25519PrivateKey):
        raise PrivateFileError("the log's key is an Ed25519 key")
    return NoteSigner(config.log_origin, private)


def own_keys(config: Config) -> Iterator[dict[str, str]]:
    """The keys that evidence rests on, as the log is to name them: those by which this gateway
    signs what others keep, and the certificates of its authorities."""
    for purpose in (KeyPurpose.LOG, KeyPurpose.ATTEST, KeyPurpose.NOTIFICATION):
        held = keys.load_key_set(config.keys / purpose, purpose)
        for one in (held.current, *held.published):
            jwk = canonical.encode(one.public_jwk()).decode()
            public = _note_signer(config, one).vkey if purpose is KeyPurpose.LOG else jwk
            yield {"purpose": str(purpose), "key": one.kid, "public": public}
    chain = x509.load_pem_x509_certificates((config.published / CHAIN_FILE).read_bytes())
    for certificate in chain:
        name = "root" if certificate.subject == certificate.issuer else "issuing"
        pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
        yield {"purpose": name, "key": authority_id(certificate), "public": pem}


def load_witness(config: Config) -> Cosigner | None:
    """Read the key by which the gateway cosigns its peers' logs, under the name of its public host.
    None where it has none; PrivateFileError."""
    file = witness_key_file(config)
    if not file.exists():
        return None
    key = keys.load_key(file, KeyPurpose.WITNESS)
    return Cosigner(urlsplit(config.issuer).netloc, key.public_bytes, key.sign)


def witness_key_file(config: Config) -> Path:
    """Where that key is."""
    return config.keys / KeyPurpose.WITNESS / "current.pem"


def make_witness_key(config: Config) -> None:
    """Make that key where there is none; PrivateFileError."""
    if not witness_key_file(config).exists():
        keys.write_key(witness_key_file(config), keys.generate_key(KeyPurpose.WITNESS))


def load_keys(config: Config) -> SigningKeys:
    """Read the keys that a listener works with; PrivateFileError says what is wrong with one."""
    log, *beside = load_log_signers(config)
    return SigningKeys(
        token=keys.load_key_set(config.keys / "token", KeyPurpose.TOKEN),
        attest=keys.load_key_set(config.keys / "attest", KeyPurpose.ATTEST),
        notification=keys.load_key_set(config.keys / "notification", KeyPurpose.NOTIFICATION),
        log=log,
        log_beside=tuple(beside),
        witness=load_witness(config),
        fingerprint=keys.load_secret(config.keys / FINGERPRINT_FILE),
        head=keys.load_secret(config.keys / HEAD_KEY_FILE),
    )


def open_console_folder(config: Config) -> None:
    """Make the console's folder, secret and database, where they are missing: before its workers
    start. A secret that is lost costs nothing but sign-ins that are under way."""
    make_folder(config.console_folder)
    file = config.console_folder / CONSOLE_SECRET_FILE
    if not file.exists():
        keys.write_secret(file, keys.generate_secret())
    sessions = open_sessions(config)
    sessions.prune()
    sessions.close()


def open_sessions(config: Config) -> Sessions:
    """The sessions of the console, in the folder that `open_console_folder` made."""
    secret = keys.load_secret(config.console_folder / CONSOLE_SECRET_FILE)
    return Sessions(config.console_folder / "console.db", secret, now)


@dataclass(frozen=True)
class GatewayRuntime:
    """A gateway in one process: its configuration, keys, store and filled ports."""

    config: Config
    keys: SigningKeys
    store: Store
    keyring: SqlKeyring
    mark: SqlMark | HighWaterMarkFile
    continuity: LogContinuity
    checkpoint_signer: CheckpointSigner
    ports: Ports
    counts: "Counts | None" = None

    def close(self) -> None:
        """Let go of the databases."""
        self.store.close()
        self.keyring.close()
        self.mark.close()


def key_encryption(config: Config) -> FileKeyEncryption:
    """The key-encryption keys of an operator's folder; none is read before it is needed."""
    return FileKeyEncryption(config.keys, secrets.token_bytes)


def connect_keyring(config: Config) -> SqlKeyring:
    """The keys of cases; nothing is connected yet."""
    return open_keyring(
        config.keys_url,
        file=config.keys_file,
        origin=config.log_origin,
        kek=key_encryption(config),
        now=now,
        new_id=new_id,
        random=secrets.token_bytes,
    )


def connect(config: Config, counts: "Counts | None" = None) -> GatewayRuntime:
    """Open a gateway in this process; its database was set up, and is never made here.

    With ``counts`` what happens is counted there. A log that is frozen is no error here: it is
    read. Raises PrivateFileError, InvalidPolicies, UnsuitableDatabase.
    """
    # Long: a line for each part, and for each thing that the parts need; nothing here decides.
    file = config.database_file
    if file is not None and not file.exists():
        raise UnsuitableDatabase(f"the database {file} is missing: is [database] url right?")
    signing = load_keys(config)
    policy = CedarPolicy.load(policy_folder(), SIGNED if config.require_signed else ())
    with ExitStack() as opened:
        keyring = connect_keyring(config)
        opened.callback(keyring.close)
        event_header = EventHeader(
            origin=config.log_origin,
            policy_revision=lambda: policy.revision,
            now=now,
            random=secrets.token_bytes,
            person_key=signing.fingerprint,
            head_key=signing.head,
        )
        database = open_database(
            config.database_url, lock_path=config.database_lock, waiters=config.waiters
        )
        store = Store(database, event_header, keyring)
        if counts is not None:
            store.took = counts.took
        opened.callback(store.close)
        keyring.require()
        keyring.guard(partial(require_newest_key, store, keyring))
        _require_time_zone(config, store)
        mark = open_mark(config.mark_url, file=config.mark_file, origin=config.log_origin)
        opened.pop_all()
    continuity = LogContinuity(mark, store.begin, time.monotonic)
    checkpoint_signer = CheckpointSigner(signing.log, mark, continuity, signing.log_beside)
    store.sign = checkpoint_signer.sign_own
    ports = Ports(
        issuer=config.issuer,
        gateway=config.name,
        begin=continuity.begin,
        policy=policy if counts is None else counts.counting(policy),
        attester=signing.attest.current,
        notifier=signing.notification.current,
        checkpoint_signer=checkpoint_signer,
        keys=keyring,
        now=now,
        leapt=leapt,
        reference_date=reference_date(config),
        new_id=new_id,
        random=secrets.token_bytes,
        fingerprint_key=signing.fingerprint,
        witness=signing.witness,
        witnessed=mark.of,
        denials_per_minute=config.denials_per_minute,
        embargo_terms=Terms(
            timedelta(hours=config.embargo_hours),
            timedelta(days=config.embargo_renewal_days),
            timedelta(days=config.embargo_longest_days),
        ),
        police_first=timedelta(hours=config.police_first_hours),
        emergency_numbers=config.emergency_numbers,
        child_numbers=config.child_numbers,
        due=config.due,
        due_of_kinds=config.due_of_kinds,
        call_within=timedelta(minutes=config.due_call),
        follow_up=timedelta(hours=config.due_second_person),
        retention_grace_days=config.retention_grace_days,
        handoff_checks=config.handoff_checks,
        differs=_alarm(counts),
        consultations=config.consultations,
        log_terms=config.log_terms,
    )
    return GatewayRuntime(
        config, signing, store, keyring, mark, continuity, checkpoint_signer, ports, counts
    )


def _alarm(counts: "Counts | None") -> Callable[[UUID, Sequence[str]], None]:
    """Tell the operator of a case or handoff that was changed past the gateway: each once by a
    process."""
    told, log = set[UUID](), logging.getLogger("casegate.handoffs")

    def differs(handoff: UUID, names: Sequence[str]) -> None:
        if counts is not None:
            counts.differed()
        if handoff not in told:
            told.add(handoff)
            log.warning(
                "the handoff, or case, %s is not what its documents and the log say (%s): %s",
                handoff,
                ", ".join(names) or "found before",
                SEE_HANDOFF,
            )

    return differs


def _require_time_zone(config: Config, store: Store) -> None:
    """The days of the registry are those of one zone for good: in another one its changes, made
    again from the log, come to other days. Raises UnsuitableDatabase."""
    with store.begin(TransactionMode.READ) as work:
        try:
            founded = civil_time_zone(work)
        except (ValueError, AttributeError, LogFrozen):  # a damaged log: who verifies it says where
            return
    if founded not in (None, config.civil_time_zone.key):
        raise UnsuitableDatabase(
            f"[gateway] civil_time_zone is {config.civil_time_zone.key}; the gateway was founded "
            f"with {founded}, for good: set it back"
        )


class IssuingAuthority:
    """The Authority port: the newest issuing authority of the operator's folder."""

    authorities: tuple[CertificateAuthority, ...]
    """Those in use, the newest first: it signs certificates."""
    coming: tuple[CertificateAuthority, ...]
    """Those that are published, and will be used."""

    def __init__(self, config: Config) -> None:
        """Read the issuing key; only maintenance and the operator's own hand come here."""
        self._config = config
        self._seen = self._versions()
        self._read()

    def refresh(self) -> None:
        """Read the folder again when a ceremony changed it.

        AuthorityError, PrivateFileError or OSError when it cannot be read, as in the midst of a
        copy;        what was read before stays in force, and the next call tries again.
        """
        versions = self._versions()
        if versions != self._seen:
            self._read()
            self._seen = versions

    def _read(self) -> None:
        authorities = rotation.load(self._config.issuing, *rotation.IN_USE)
        self.coming = rotation.load(self._config.issuing, rotation.AuthorityStage.NEXT)
        self.authorities = authorities

    def _versions(self) -> tuple[tuple[str, int, int], ...]:
        """Return what changes when an authority comes or goes."""
        found = ((file, file.stat()) for file in sorted(self._config.issuing.glob("**/*.pem")))
        return tuple((str(file), status.st_ino, status.st_mtime_ns) for file, status in found)

    def issue(
        self, csr: str, organisation: str, system: str, at: datetime
    ) -> tuple[str, Certificate]:
        """Make a client certificate; ValueError when the request is bad."""
        newest = self.authorities[0]
        try:
            made = issue_client(
                newest,
                csr.encode(),
                gateway=self._config.name,
                organisation=organisation,
                system=system,
                crl_url=f"{self._config.issuer}/crl/{newest.id}.crl",
                now=at,
            )
        except CsrRefused as error:
            raise ValueError(str(error)) from error
        pem = made.public_bytes(serialization.Encoding.PEM) + newest.certificate_pem()
        der = made.public_bytes(serialization.Encoding.DER)
        certificate = Certificate(
            thumbprint=base64url.digest(der),
            serial=made.serial_number,
            organisation=organisation,
            system=system,
            not_after=made.not_valid_after_utc,
        )
        return pem.decode(), certificate


def read_mark(config: Config) -> SignedTreeHead | None:
    """The high-water mark of the folder's log; nothing is made where it is missing."""
    file = config.mark_file
    if file is not None and not file.exists():
        return None
    with closing(open_mark(config.mark_url, file=file, origin=config.log_origin)) as mark:
        return mark.read()


def load_config(folder: Path) -> Config:
    """The configuration of an operator's folder; ConfigError says what is wrong with it."""
    return config_file.load(folder / CONFIG_FILE)
