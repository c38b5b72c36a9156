"""Has time-stamp authorities stamp the log's checkpoints (RFC 3161), each hour that it grew.

An authority sees one hash. One that fails is asked again and stops nothing: its next stamp shows of
all entries that they were there.
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import ClassVar
from urllib.parse import urlsplit

from cryptography import x509

from gateway.config import Config
from gateway.domain.refusals import LogFrozen
from gateway.evidence import time_stamp
from gateway.evidence.declarations import MAX_SKEW
from gateway.kernel.ports import TransactionMode, UnitOfWork
from gateway.kernel.values import Confirmation, ConfirmationKind
from gateway.web.security_log import failure_place
from gateway.wiring import GatewayRuntime

EVERY = timedelta(hours=1)
LATE = 2 * EVERY
"""After its last stamp an authority that stamped nothing of a log that grew is late."""

AGAIN = timedelta(minutes=5)
"""After this an authority that failed is asked again."""

LOOK_EVERY = 2.0
"""Seconds between two looks at how far the log has grown."""

TIMEOUT = 10.0
"""Seconds without any progress."""

SECONDS = 30.0
"""Of one answer, however slowly it comes."""

Authority = Mapping[str, str]


def name_of(authority: Authority) -> str:
    """Return what an authority is called: its host."""
    return urlsplit(authority["url"]).netloc


def late(config: Config, work: UnitOfWork, now: datetime) -> list[str]:
    """The authorities that did not stamp in time what is in the log."""
    names = map(name_of, config.time_stamp_authorities)
    return behind(work, ConfirmationKind.STAMP, names, now)


def behind(
    work: UnitOfWork, kind: ConfirmationKind, names: Iterable[str], now: datetime
) -> list[str]:
    """Those of these names who did not confirm in time what is in the log."""
    found = {by: work.confirmations.newest(kind, by) or (0, None) for by in names}
    size = work.log.head().size
    return [by for by, (known, at) in found.items() if known < size and (not at or now > at + LATE)]


def _stamped(work: UnitOfWork, authority: Authority) -> tuple[int, datetime | None]:
    """How far an authority has stamped the log, and when."""
    newest = work.confirmations.newest(ConfirmationKind.STAMP, name_of(authority))
    return (0, None) if newest is None else newest


@dataclass
class Stamper:
    """Asks each authority when that is due; ``alarm`` hears once what fails."""

    what: ClassVar[str] = "time stamps"
    every: ClassVar[timedelta] = EVERY
    gateway: GatewayRuntime
    alarm: Callable[[str], None]
    stopping: threading.Event = field(default_factory=threading.Event)
    _next: dict[str, datetime] = field(default_factory=dict)
    _failing: dict[str, str | None] = field(default_factory=dict)

    @property
    def others(self) -> Mapping[str, Mapping[str, str]]:
        """List who is asked, by name."""
        return {name_of(one): one for one in self.gateway.config.time_stamp_authorities}

    def run(self) -> None:
        """Ask until the process stops."""
        while self.others and not self.stopping.wait(LOOK_EVERY):
            self.step()

    def step(self) -> None:
        """Ask those for whom it is time."""
        import httpx  # noqa: PLC0415 - maintenance and the doctor ask nobody

        for by, one in self.others.items():
            now, failure = self.gateway.ports.now(), None
            if now < self._next.get(by, now):
                continue
            try:
                if not self.confirm(by, one, now):
                    continue
            except LogFrozen:
                continue  # whoever looks after the log hears of that
            except (OSError, httpx.HTTPError, RuntimeError) as error:
                failure = type(error).__name__
            except ValueError as error:
                failure = str(error)
            except Exception as error:  # a database that restarts
                failure = failure_place(error)
            self._next[by] = now + (self.every if failure is None else AGAIN)
            if failure is not None and failure != self._failing.get(by):
                self.alarm(f"{self.what} of {by}: {failure}; it is asked again")
            self._failing[by] = failure

    def confirm(self, by: str, authority: Mapping[str, str], now: datetime) -> bool:
        """Have the newest checkpoint stamped, and keep the token; False where it is not time."""
        ports = self.gateway.ports
        with ports.begin(TransactionMode.READ) as work:
            head, (size, at) = work.log.head(), _stamped(work, authority)
        if head.size <= size or (at is not None and at <= now < at + EVERY):
            return False
        note = ports.checkpoint_signer.sign(head)
        text, nonce = time_stamp.stamped_text(note), int.from_bytes(ports.random(8))
        file = self.gateway.config.folder / authority["ca_file"]
        roots = x509.load_pem_x509_certificates(file.read_bytes())
        query = time_stamp.request(text, nonce)
        status, _, answer = ask(authority["url"], query, "application/timestamp-query")
        if status != HTTPStatus.OK:
            raise ValueError(f"it answers {status}")
        token, stamp = time_stamp.granted(answer, text, nonce, roots)
        if abs(stamp.before - now) > MAX_SKEW:
            raise ValueError(f"its clock differs from the one here: it says {stamp.before}")
        kind = ConfirmationKind.STAMP
        with ports.begin(TransactionMode.WRITE) as work:
            work.confirmations.keep(Confirmation(head.size, kind, by, stamp.before, note, token))
            work.commit()
        return True


def ask(url: str, query: bytes, media: str) -> tuple[int, str, bytes]:
    """Send a request to somebody, and return status, media type and body of the answer; raises
    ValueError, httpx.HTTPError."""
    import httpx  # noqa: PLC0415 - as above

    headers = {"Content-Type": media, "User-Agent": "casegate"}
    client = httpx.Client(trust_env=False, timeout=TIMEOUT, headers=headers)
    last = threading.Timer(SECONDS, client.close)
    last.start()
    try:
        with client.stream("POST", url, content=query) as response:
            answer = b""
            for chunk in response.iter_bytes(4096):
                answer += chunk
                if len(answer) > time_stamp.MAX_BYTES:
                    raise ValueError("its answer is too long")
            return response.status_code, response.headers.get("Content-Type", ""), answer
    finally:
        last.cancel()
        client.close()
