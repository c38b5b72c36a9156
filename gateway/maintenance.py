"""What the holder of the issuing key does: certificates, lists, renewals, and a look at the log.

One process at a time, by a lock file: `maintain` under the supervisor, or the operator's own hand
while no gateway runs. Nobody else opens the issuing key (contracts.md 2).
"""

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gateway.actions.administration import serve_signing
from gateway.actions.authentication import prune_tokens
from gateway.actions.ports import Mode, SigningRequest
from gateway.config import Config
from gateway.domain.refusals import Frozen, MarkUnreachable
from gateway.pki.authority import CertificateAuthority
from gateway.pki.leaf import renew_server
from gateway.pki.publication import alarms, publish_crls
from gateway.pki.revocation import Revoked, make_crl
from gateway.wiring import Gateway, IssuingAuthority

LOCK_FILE = "maintain.lock"
PUBLIC_CERTIFICATE = "public.pem"
PARTNERS_CERTIFICATE = "partners.pem"
PUBLISH_EVERY = timedelta(hours=1)  # of the 48 that a list lives: 47 chances to notice a failure
CHECK_EVERY = timedelta(minutes=1)
PRUNE_EVERY = timedelta(hours=1)


class Occupied(Exception):
    """Another process maintains this gateway."""


@contextlib.contextmanager
def holding(config: Config) -> Iterator[None]:
    """Be the one who maintains; Occupied when another is. The kernel frees a dead one's lock."""
    descriptor = os.open(config.folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Occupied("another process maintains this gateway") from error
        yield
    finally:
        os.close(descriptor)


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
    _checked: datetime | None = None
    _pruned: datetime | None = None
    _trouble: str | None = None

    def step(self) -> list[SigningRequest]:
        """Do what is due now; returns the certificate requests that were served.

        A frozen log stops what has to be recorded; lists and renewals go on.
        """
        now = self.gateway.ports.now()
        self._publish(now)
        try:
            self._check(now)
            self._prune(now)
            return serve_signing(self.gateway.ports, self.authority)
        except Frozen as frozen:
            self._checked, self._trouble = None, f"FROZEN: {frozen.detail}"
        except MarkUnreachable as unreachable:
            self._checked, self._trouble = None, unreachable.detail
        return []

    def alarms(self) -> list[str]:
        """What the operator has to act on."""
        found = alarms(self.gateway.config.published, self.gateway.ports.now())
        return found if self._trouble is None else [*found, self._trouble]

    def _check(self, now: datetime) -> None:
        """Hold the database against the mark each minute; each step while they do not fit."""
        if self._checked is None or now >= self._checked + CHECK_EVERY:
            self.gateway.continuity.check()
            self._checked, self._trouble = now, None

    def _prune(self, now: datetime) -> None:
        """Forget each hour what need not be remembered any more."""
        if self._pruned is None or now >= self._pruned + PRUNE_EVERY:
            prune_tokens(self.gateway.ports)
            self._pruned = now

    def _publish(self, now: datetime) -> None:
        """Publish the lists each hour, and at once when a certificate was revoked."""
        with self.gateway.ports.begin(Mode.READ) as work:
            revoked = [
                Revoked(certificate.serial, certificate.revoked_at)
                for certificate in work.organisations.revoked(now)
                if certificate.revoked_at is not None
            ]
        listed = frozenset(entry.serial for entry in revoked)
        due = self._published is None or now >= self._published + PUBLISH_EVERY
        if not due and listed == self._listed:
            return
        config, authorities = self.gateway.config, self.authority.authorities
        renew_certificates(config, authorities[0], now)
        publish_crls(config.published, {a.id: make_crl(a, revoked, now) for a in authorities})
        self._published, self._listed = now, listed


def run(
    gateway: Gateway,
    pause: Callable[[], bool],
    alarm: Callable[[str], None],
    *,
    once: bool = False,
) -> None:
    """Maintain until `pause` says that it is time to stop; `alarm` hears each new sentence.

    With `once`, a single step: what a start needs before the listeners open their files.
    """
    told: set[str] = set()
    with holding(gateway.config):
        maintenance = Maintenance(gateway, IssuingAuthority(gateway.config))
        while True:
            maintenance.step()
            sentences = set(maintenance.alarms())
            for sentence in sorted(sentences - told):
                alarm(sentence)
            told = sentences
            if once or pause():
                return
