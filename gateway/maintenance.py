"""What the holder of the issuing key does: certificates, lists, renewals, and a look at the log.

One process of a folder at a time, by a lock file: `maintain` under the supervisor, or the
operator's own hand while no gateway runs. Nobody else opens the issuing key (contracts.md 2).
Nodes that share a PostgreSQL database each keep the files of their own folder, and take turns at
what the log records.
"""

import fcntl
import os
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from cryptography import x509

from gateway.actions import erasure, succeeding
from gateway.actions.authentication import prune_tokens
from gateway.actions.issuing import serve_signing
from gateway.actions.ports import Mode
from gateway.actions.records import SigningRequest
from gateway.actions.reminders import remind
from gateway.config import Config
from gateway.domain.refusals import Frozen, KeysUnavailable, MarkUnreachable
from gateway.files import PrivateFileError
from gateway.metrics import Counts, Health
from gateway.pki.authority import AuthorityError, CertificateAuthority
from gateway.pki.leaf import renew_server
from gateway.pki.publication import (
    ROOT_FILE,
    alarms,
    ends,
    listed_in,
    publish_chain,
    publish_crls,
)
from gateway.pki.revocation import Revoked, make_crl
from gateway.pki.rotation import reminder
from gateway.store import migrations
from gateway.store.database import Unfit
from gateway.wiring import Gateway, IssuingAuthority, connect

LOCK_FILE = "maintain.lock"
PUBLIC_CERTIFICATE = "public.pem"
PARTNERS_CERTIFICATE = "partners.pem"
PUBLISH_EVERY = timedelta(hours=1)  # of the 48 that a list lives: 47 chances to notice a failure
CHECK_EVERY = timedelta(minutes=1)
PRUNE_EVERY = timedelta(hours=1)
ERASE_EVERY = timedelta(minutes=1)
ERASED_AT_MOST = 20  # batches in one step: other duties wait
UNUSED_EVERY = timedelta(days=1)
LOOK_EVERY = timedelta(seconds=5)
MOST_WAITING = 1000  # certificate requests that are counted


class Occupied(Exception):
    """Another process maintains this gateway."""


@contextmanager
def holding(config: Config) -> Iterator[None]:
    """Be the one who maintains this folder; Occupied when another is.

    The kernel frees the lock of a process that died.
    """
    descriptor = os.open(config.folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Occupied("another process maintains this gateway: stop it first") from error
        yield
    finally:
        os.close(descriptor)


def serve_requests(gateway: Gateway, authority: IssuingAuthority) -> list[SigningRequest]:
    """Make the certificates that were approved, as the only one of all nodes meanwhile.

    Returns the requests served here. Raises Busy, Frozen, MarkUnreachable.
    """
    with gateway.store.turn():
        return serve_signing(gateway.ports, authority)


def renew_certificates(config: Config, authority: CertificateAuthority, now: datetime) -> None:
    """Renew the listeners' certificates that end within ten days, or name other hosts."""
    renew_server(config.server / PUBLIC_CERTIFICATE, authority, config.public_names, now)
    renew_server(config.server / PARTNERS_CERTIFICATE, authority, config.partners_names, now)


@dataclass
class Maintenance:
    """The upkeep of one gateway, a step at a time. The caller holds the lock."""

    gateway: Gateway
    authority: IssuingAuthority
    _published: datetime | None = None
    _listed: frozenset[int] = field(default_factory=frozenset)
    _shown: tuple[str, ...] = ()
    _unreadable: str | None = None
    _checked: datetime | None = None
    _pruned: datetime | None = None
    _succeeded: datetime | None = None
    _stuck: list[str] = field(default_factory=list)
    _trouble: str | None = None
    _erased: datetime | None = None
    _compared: datetime | None = None
    _unused: UUID | None = None
    _erasing: str | None = None
    _looked: datetime | None = None
    _signed: tuple[int, datetime] | None = None

    def step(self) -> list[SigningRequest]:
        """Do what is due now; returns the certificate requests that were served.

        A frozen log stops what has to be recorded; lists and renewals go on.
        """
        now = self.gateway.ports.now()
        self._refresh()
        self._publish(now)
        try:
            self._check(now)
            self._prune(now)
            self._succeed(now)
            self._erase(now)
            return serve_requests(self.gateway, self.authority)
        except Frozen as frozen:
            self._checked, self._trouble = None, f"FROZEN: {frozen.detail}"
        except MarkUnreachable as unreachable:
            self._checked, self._trouble = None, unreachable.detail
        return []

    def alarms(self) -> list[str]:
        """What the operator has to act on."""
        config, now = self.gateway.config, self.gateway.ports.now()
        found = [*alarms(config.published, now), *self._stuck]
        if self._unreadable is None:
            found += reminder(config.issuing, now)
        return [*found, *filter(None, (self._unreadable, self._trouble, self._erasing))]

    def look(self) -> Health | None:
        """How the gateway is, every few seconds; None in between. Reads alone."""
        now = self.gateway.ports.now()
        if self._looked is not None and now < self._looked + LOOK_EVERY:
            return None
        self._looked = now
        entries, waiting = self._counted()
        signed, answers = self._marked()
        if signed is not None and (self._signed is None or self._signed[0] != signed):
            self._signed = signed, now
        return Health(
            entries=entries,
            signed=signed,
            signed_since=self._signed and self._signed[1],
            frozen=(self._trouble or "").startswith("FROZEN"),
            mark_answers=answers,
            waiting=waiting,
            ends={**_server_ends(self.gateway.config), **ends(self.gateway.config.published)},
        )

    def _counted(self) -> tuple[int | None, int | None]:
        try:
            with self.gateway.ports.begin(Mode.READ) as work:
                return work.log.head().size, len(work.signing.pending(MOST_WAITING))
        except Exception:  # a look never stops the upkeep, which says what is wrong
            return None, None

    def _marked(self) -> tuple[int | None, bool]:
        try:
            marked = self.gateway.mark.read()
        except MarkUnreachable:
            return None, False
        return (None if marked is None else marked.head.size), True

    def _check(self, now: datetime) -> None:
        """Hold the database against the mark each minute; each step while they do not fit."""
        if self._checked is None or now >= self._checked + CHECK_EVERY:
            self.gateway.continuity.check()
            self._checked, self._trouble = now, None

    def _prune(self, now: datetime) -> None:
        """Forget each hour what need not be remembered, and remind of certificates that end."""
        if self._pruned is None or now >= self._pruned + PRUNE_EVERY:
            prune_tokens(self.gateway.ports)
            remind(self.gateway.ports)
            self._pruned = now

    def _erase(self, now: datetime) -> None:
        """Erase each minute what is due; what could not be finished is tried again."""
        if self._erased is not None and now < self._erased + ERASE_EVERY:
            return
        ports = self.gateway.ports
        try:
            erasure.destroy_keys(ports)
            batches = 0
            while batches < ERASED_AT_MOST and erasure.erase_due(ports):
                batches += 1
            self._compare_keys(now)
        except KeysUnavailable as unavailable:
            self._erasing = f"cases are not erased: {unavailable.detail}"
            return
        except (Frozen, MarkUnreachable):
            raise
        except Exception as error:  # one case must not keep the rest of the upkeep
            self._erased, self._erasing = now, f"some cases are not erased: {_place(error)}"
            return
        self._erasing = None
        if batches < ERASED_AT_MOST:
            self._erased = now

    def _compare_keys(self, now: datetime) -> None:
        """At a start, and each day: what an older copy of a database brought back, ends again."""
        if self._compared is not None and now < self._compared + UNUSED_EVERY:
            return
        erasure.erase_again(self.gateway.ports)
        self._unused = erasure.destroy_unused(self.gateway.ports, self._unused)
        self._compared = now

    def _succeed(self, now: datetime) -> None:
        """Move the handoffs of mandates that moved, a batch each minute, until all are moved.

        Several nodes may do so at once: each handoff is moved by one.
        """
        if self._succeeded is not None and now < self._succeeded + CHECK_EVERY:
            return
        self._succeeded, self._stuck = now, []
        for one in succeeding.due_successions(self.gateway.ports):
            what = f"the succession {one.id} ({one.competence})"
            try:
                progress = succeeding.apply(self.gateway.ports, one.id)
            except (Frozen, MarkUnreachable):
                raise
            except Exception as error:  # one succession must not keep the others, nor the upkeep
                self._stuck.append(f"{what} is not carried out: {_place(error)}")
                continue
            if one.missing:
                self._stuck.append(f"{what} is due, and waits for {' and '.join(one.missing)}")
            elif progress.waiting:
                self._stuck.append(
                    f"{what} cannot move all now: casegate admin succession show tells why"
                )

    def _refresh(self) -> None:
        """Take up what a ceremony changed; one that cannot be read changes nothing."""
        try:
            self.authority.refresh()
            self._unreadable = None
        except (AuthorityError, PrivateFileError, OSError) as error:
            self._unreadable = f"the issuing authorities stay as they were: {error}"

    def _publish(self, now: datetime) -> None:
        """Publish lists each hour, and at once when a certificate or an authority changed.

        Authorities before their lists: a client of one without a list is refused. By a database
        that may be an older copy nobody is let in again: who is listed stays so.
        """
        with self.gateway.ports.begin(Mode.READ) as work:
            revoked = [
                Revoked(certificate.serial, certificate.revoked_at)
                for certificate in work.organisations.revoked(now)
                if certificate.revoked_at is not None
            ]
        listed = frozenset(entry.serial for entry in revoked)
        config, authorities = self.gateway.config, self.authority.authorities
        trusted = (*self.authority.coming, *authorities)
        shown = (authorities[0].id, *(a.id for a in trusted))
        due = self._published is None or now >= self._published + PUBLISH_EVERY
        if not due and (listed, shown) == (self._listed, self._shown):
            return
        if not self._is_newest():
            revoked += [one for one in listed_in(config.published) if one.serial not in listed]
        self._publish_chain(trusted)
        publish_crls(config.published, {a.id: make_crl(a, revoked, now) for a in trusted})
        renew_certificates(config, authorities[0], now)
        self._published, self._listed, self._shown = now, listed, shown

    def _is_newest(self) -> bool:
        """Whether the database has all that was signed: an older copy forgot who was revoked."""
        try:
            self.gateway.continuity.check()
        except (Frozen, MarkUnreachable):
            return False
        return True

    def _publish_chain(self, trusted: Sequence[CertificateAuthority]) -> None:
        """Publish whom listeners trust; without the root's certificate the lists still go out."""
        published = self.gateway.config.published
        try:
            root = x509.load_pem_x509_certificate((published / ROOT_FILE).read_bytes())
        except (OSError, ValueError):
            self._unreadable = f"{published / ROOT_FILE} cannot be read: put it back"
            return
        publish_chain(published, root, [one.certificate for one in trusted])


def _server_ends(config: Config) -> dict[str, datetime]:
    """When the listeners' own certificates end; one that cannot be read is left out."""
    found = {}
    for name, file in (("public", PUBLIC_CERTIFICATE), ("partners", PARTNERS_CERTIFICATE)):
        try:
            leaf, *_ = x509.load_pem_x509_certificates((config.server / file).read_bytes())
        except (OSError, ValueError):
            continue
        found[f"{name} listener"] = leaf.not_valid_after_utc
    return found


def upgrade_schema(config: Config) -> bool:
    """Bring the database to the tables of this version; True when there was something to do.

    A database of a newer version is left alone: an older version may go on with it (see the
    changelog). Raises Unfit when the database holds no gateway: only `casegate init` begins one,
    for an empty log in the place of a lost one would be a second history.
    """
    found = migrations.current(config.database_url)
    if found is None:
        raise Unfit(
            "the database holds no gateway: is [database] url right, or is a backup to be restored?"
        )
    if found == migrations.newest() or not migrations.knows(found):
        return False
    migrations.upgrade(config.database_url)
    return True


def run(
    config: Config,
    pause: Callable[[], bool],
    alarm: Callable[[str], None],
    *,
    once: bool = False,
    show: Callable[[Health, datetime], None] | None = None,
    counts: Counts | None = None,
) -> None:
    """Maintain until `pause` says that it is time to stop; `alarm` hears each new sentence.

    `show` hears every few seconds how the gateway is; `counts` what it does. With `once`, a
    single step: what a start needs before the listeners open their files.
    """
    with holding(config):
        if upgrade_schema(config):
            alarm("the database was brought to the tables of this version")
        with closing(connect(config, counts)) as gateway:
            maintenance = Maintenance(gateway, IssuingAuthority(config))
            if once:
                maintenance.step()
                _tell(maintenance.alarms(), set(), alarm)
            else:
                _repeat(maintenance, pause, alarm, show)


def _repeat(
    maintenance: Maintenance,
    pause: Callable[[], bool],
    alarm: Callable[[str], None],
    show: Callable[[Health, datetime], None] | None,
) -> None:
    """Go on whatever happens: without a fresh revocation list every client is refused."""
    told: set[str] = set()
    while True:
        try:
            maintenance.step()
            sentences = maintenance.alarms()
            health = maintenance.look() if show is not None else None
            if show is not None and health is not None:
                show(health, maintenance.gateway.ports.now())
        except Exception as error:  # a database that restarts, a disk that is full, a defect
            sentences = [f"maintenance failed and tries again: {_place(error)}"]
        told = _tell(sentences, told, alarm)
        if pause():
            return


def _place(error: Exception) -> str:
    """The kind of a failure and where it happened; its message may repeat values at hand."""
    *_, frame = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} in {Path(frame.filename).name}:{frame.lineno}"


def _tell(sentences: Iterable[str], told: set[str], alarm: Callable[[str], None]) -> set[str]:
    """Tell what was not told before; what is told now."""
    now = set(sentences)
    for sentence in sorted(now - told):
        alarm(sentence)
    return now
