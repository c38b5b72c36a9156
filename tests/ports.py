"""What fills the ports of a gateway in tests: real policy, real keys, a clock that stands."""

import threading
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.serialization import load_pem_private_key

from gateway.cedar import policy_folder
from gateway.cedar.policy import CedarPolicy
from gateway.kernel.ports import TransactionMode, UnitOfWork
from gateway.kernel.values import ReferenceDate, RetryKey, TreeHead
from gateway.keys import (
    DecryptionKey,
    KeyPurpose,
    SigningKey,
    generate_encryption_key,
    generate_key,
)
from gateway.ledger.note import Checkpoint, NoteSigner, sign_checkpoint
from gateway.registry.rebuild import Rebuild

ISSUER = "https://gateway.example.org"
SHORT_NAME = "example"
ORIGIN = "gateway.example.org/log"
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ZONE = ZoneInfo("Europe/Paris")
FINGERPRINT_KEY = bytes(range(32))


@cache
def policy() -> CedarPolicy:
    """The product's own policies; they never change while tests run."""
    return CedarPolicy.load(policy_folder())


@cache
def key_of(name: str) -> SigningKey:
    """A key for each role, made once for all tests."""
    purpose = {
        "attest": KeyPurpose.ATTEST,
        "notification": KeyPurpose.NOTIFICATION,
        "log": KeyPurpose.LOG,
    }.get(name, KeyPurpose.PERSON)
    return generate_key(purpose)


@cache
def document_key(name: str) -> SigningKey:
    """A document key by any name, made once for all tests."""
    return generate_key(KeyPurpose.DOCUMENT)


@cache
def encryption_key(name: str) -> DecryptionKey:
    """An encryption key by any name, made once for all tests."""
    return generate_encryption_key()


def note_signer(origin: str = ORIGIN) -> NoteSigner:
    """The log's key, as signer of notes."""
    private: Any = load_pem_private_key(key_of("log").pem(), None)
    return NoteSigner(origin, private)


class Clock:
    """A clock that moves by a millisecond each time it is read, and otherwise when told."""

    def __init__(self, start: datetime = START) -> None:
        self._start = start
        self.reads = 0

    def __call__(self) -> datetime:
        self.reads += 1
        return self._start + timedelta(milliseconds=self.reads - 1)

    def advance(self, by: timedelta) -> None:
        """Let time pass."""
        self._start += by


class Ids:
    """UUIDv7 (RFC 9562 5.7) whose time is a counter: unique, in order, the same each run."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self) -> UUID:
        self.made += 1
        moment = int(START.timestamp() * 1000) + self.made
        return UUID(int=(moment << 80) | (7 << 76) | (2 << 62) | self.made)


@dataclass
class Calendar:
    """The legal day: that of the zone, unless one is simulated."""

    simulated: date | None

    def __call__(self, now: datetime) -> ReferenceDate:
        civil = civil_day(now)
        return ReferenceDate(self.simulated or civil, civil, self.simulated)


class Store(Protocol):
    """What a store must offer here."""

    def begin(self, mode: TransactionMode, key: RetryKey | None = None) -> UnitOfWork:
        """One transaction."""


class Opened(threading.local):
    """How many units of work this thread has open."""

    works = 0


class Watched:
    """A unit of work that tells whether this thread has one open."""

    def __init__(self, work: UnitOfWork, opened: Opened) -> None:
        self._work, self._open = work, opened

    def __enter__(self) -> UnitOfWork:
        entered = self._work.__enter__()
        self._open.works += 1
        return entered

    def __exit__(self, *error: Any) -> None:
        self._open.works -= 1
        self._work.__exit__(*error)


@dataclass
class WatchedSigner:
    """The key of notifications; it refuses to sign while a transaction is open."""

    key: SigningKey
    opened: Opened

    @property
    def kid(self) -> str:
        return self.key.kid

    @property
    def alg(self) -> str:
        return self.key.alg

    def sign(self, message: bytes) -> bytes:
        assert not self.opened.works, "a notification is signed while a transaction is open"
        return self.key.sign(message)


@dataclass
class RememberingSigner:
    """Signs heads and remembers them, so that `check_log` can find one that never was."""

    signer: NoteSigner
    opened: Opened
    signed: dict[int, bytes] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        return self.signer.name

    @property
    def verifier_keys(self) -> list[str]:
        return [self.signer.vkey]

    def sign(self, head: TreeHead) -> str:
        assert not self.opened.works, "a checkpoint is signed while a transaction is open"
        assert self.signed.setdefault(head.size, head.root) == head.root, "the log has forked"
        return sign_checkpoint(Checkpoint(self.signer.name, head.size, head.root), self.signer)


def civil_day(moment: datetime) -> date:
    """The day of a moment where the gateway is."""
    return moment.astimezone(ZONE).date()


def rebuild_of(issuer: str = ISSUER) -> Rebuild:
    """What makes the changes of a founded gateway's log again."""
    return Rebuild(issuer, civil_day)
