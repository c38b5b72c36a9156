"""Has others confirm the log's checkpoints as it grows: time-stamp authorities (RFC 3161), and
witnesses (C2SP tlog-witness).

They see hashes. One that fails is asked again and stops nothing: what it confirms next holds all
that came before. A witness says what it saw before: where that is no beginning of this log, one of
both has another history, and people have to find out which.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from http import HTTPStatus
from urllib.parse import urlsplit

from cryptography import x509

from gateway.config import Config
from gateway.domain.refusals import LogFrozen
from gateway.evidence import time_stamp
from gateway.evidence.declarations import MAX_SKEW
from gateway.kernel.ports import Ports, TransactionMode, UnitOfWork
from gateway.kernel.values import Confirmation, ConfirmationKind
from gateway.ledger import cosignature, tiles
from gateway.ledger.note import VerificationKey, parse_checkpoint, parse_decimal, split
from gateway.ledger.witness import SIZE_MEDIA, write_request
from gateway.web.security_log import failure_place
from gateway.wiring import GatewayRuntime

STAMP, COSIGNATURE = ConfirmationKind.STAMP, ConfirmationKind.COSIGNATURE
EVERY = {STAMP: timedelta(hours=1), COSIGNATURE: timedelta(minutes=1)}
"""How often a log that grows is confirmed."""

UNCHANGED = {COSIGNATURE: timedelta(hours=1)}
"""How often one that does not: the witness says again that it saw nothing else."""

LATE = timedelta(hours=2)
"""After the last confirmation who confirmed nothing more of a log that grew is late."""

AGAIN = timedelta(minutes=5)
"""After this somebody who failed is asked again."""

LOOK_EVERY = 2.0
"""Seconds between two looks at how far the log has grown."""

TIMEOUT = 10.0
"""Seconds without any progress."""

SECONDS = 30.0
"""Of one answer, however slowly it comes."""

_OTHER_HISTORY = (HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY)

Who = tuple[ConfirmationKind, str]
"""Somebody who confirms, by how and by name."""


def asked(config: Config) -> dict[Who, Mapping[str, str]]:
    """List who is asked, with the settings: an authority by its host, a witness by its key."""
    stamping = {(STAMP, urlsplit(one["url"]).netloc): one for one in config.time_stamp_authorities}
    return stamping | {(COSIGNATURE, one["key"].partition("+")[0]): one for one in config.witnesses}


def late(config: Config, work: UnitOfWork, now: datetime) -> list[Who]:
    """List who did not confirm in time what is in the log."""
    size, none = work.log.head().size, (0, None)
    found = {who: work.confirmations.newest(*who) or none for who in asked(config)}
    return [who for who, (to, at) in found.items() if to < size and (not at or now > at + LATE)]


@dataclass
class Confirmer:
    """Asks each of them when that is due, one at a time; ``alarm`` hears once what fails."""

    gateway: GatewayRuntime
    alarm: Callable[[str], None]
    stopping: threading.Event = field(default_factory=threading.Event)
    _next: dict[Who, datetime] = field(default_factory=dict)
    _failing: dict[Who, str | None] = field(default_factory=dict)

    def run(self) -> None:
        """Ask until the process stops."""
        while asked(self.gateway.config) and not self.stopping.wait(LOOK_EVERY):
            self.step()

    def step(self) -> None:
        """Ask those for whom it is time."""
        for who, settings in asked(self.gateway.config).items():
            now, failure = self.gateway.ports.now(), None
            if self.stopping.is_set() or now < self._next.get(who, now):
                continue
            try:
                if not self._confirm(who, settings, now):
                    continue
            except LogFrozen:
                continue  # whoever looks after the log hears of that
            except OSError as error:
                failure = type(error).__name__
            except ValueError as error:
                failure = str(error)
            except Exception as error:  # a database that restarts
                failure = failure_place(error)
            kind, by = who
            self._next[who] = now + (EVERY[kind] if failure is None else AGAIN)
            if failure is not None and failure != self._failing.get(who):
                self.alarm(f"{kind} of {by}: {failure}; it is asked again")
            self._failing[who] = failure

    def _confirm(self, who: Who, settings: Mapping[str, str], now: datetime) -> bool:
        """Have the newest checkpoint confirmed, and keep that; False where it is not time."""
        kind, ports = who[0], self.gateway.ports
        with ports.begin(TransactionMode.READ) as work:
            head, newest = work.log.head(), work.confirmations.newest(*who)
        size, last = newest or (0, None)
        pause = EVERY[kind] if head.size != size else UNCHANGED.get(kind)
        if not head.size or pause is None or (last and last <= now < last + pause):
            return False
        note = ports.checkpoint_signer.sign(head)
        if kind is STAMP:
            at, data = _stamp(self.gateway, settings, note)
        else:
            url = f"{settings['url'].rstrip('/')}/add-checkpoint"
            send = partial(ask, url, media="text/plain; charset=utf-8")
            at, data = cosign(self.gateway.ports, send, settings["key"], note, size)
        if abs(at - now) > MAX_SKEW:
            raise ValueError(f"its clock differs from the one here: it says {at}")
        with ports.begin(TransactionMode.WRITE) as work:
            work.confirmations.keep(Confirmation(head.size, *who, at, note, data))
            work.commit()
        return True


def _stamp(
    gateway: GatewayRuntime, authority: Mapping[str, str], note: str
) -> tuple[datetime, bytes]:
    """Have a checkpoint stamped: before when it existed, and the token."""
    text, nonce = time_stamp.stamped_text(note), int.from_bytes(gateway.ports.random(8))
    file = gateway.config.folder / authority["ca_file"]
    roots = x509.load_pem_x509_certificates(file.read_bytes())
    query = time_stamp.request(text, nonce)
    status, _, answer = ask(authority["url"], query, "application/timestamp-query")
    if status != HTTPStatus.OK:
        raise ValueError(f"it answers {status}")
    token, stamp = time_stamp.granted(answer, text, nonce, roots)
    return stamp.before, token


Ask = Callable[[bytes], tuple[int, str, bytes]]
"""Sends a request to a witness: status, media type and body of its answer; raises ValueError."""


def cosign(ports: Ports, send: Ask, vkey: str, note: str, known: int) -> tuple[datetime, bytes]:
    """Have a checkpoint cosigned by the witness of a verifier key: when, and its line; it cosigned
    the ``known`` first entries before, as far as this gateway knows. ValueError."""
    key, size = VerificationKey.parse(vkey), parse_checkpoint(split(note)[0]).size

    def show(old: int) -> tuple[int, str, bytes]:
        if old > size:
            raise ValueError(f"it saw {old} entries of this log, which has {size}: find out why")
        with ports.begin(TransactionMode.READ) as work:
            proof = tiles.consistency_proof(work.log.tile, old, size)
        return send(write_request(old, proof, note).encode())

    status, media, answer = show(known)
    if status == HTTPStatus.CONFLICT and media.startswith(SIZE_MEDIA):
        status, _, answer = show(parse_decimal(answer.decode().strip()))
    if status in _OTHER_HISTORY:
        raise ValueError(f"it answers {status}: it may have seen another history of the log")
    if status != HTTPStatus.OK:
        raise ValueError(f"it answers {status}")
    if b"\n\n" in b"\n" + answer:  # its line would be over a longer text
        raise ValueError("it answers with more than signature lines")
    found = cosignature.verify(note + answer.decode(), [key])
    if not found:
        raise ValueError("it answers without a valid line of its own")
    return found[0].at, found[0].line.encode()


def ask(url: str, query: bytes, media: str) -> tuple[int, str, bytes]:
    """Send a request to somebody, and return status, media type and body of the answer; raises
    ValueError."""
    import httpx  # noqa: PLC0415 - maintenance and the doctor ask nobody

    # Nothing is unpacked: a small answer would take all memory.
    headers = {"Content-Type": media, "User-Agent": "casegate", "Accept-Encoding": "identity"}
    client = httpx.Client(trust_env=False, timeout=TIMEOUT, headers=headers)
    last = threading.Timer(SECONDS, client.close)
    last.start()
    try:
        with client.stream("POST", url, content=query) as response:
            answer = b""
            for chunk in response.iter_raw(4096):
                answer += chunk
                if len(answer) > time_stamp.MAX_BYTES:
                    raise ValueError("its answer is too long")
            return response.status_code, response.headers.get("Content-Type", ""), answer
    except (httpx.HTTPError, RuntimeError) as error:  # the latter: it was closed meanwhile
        raise ValueError(type(error).__name__) from error
    finally:
        last.cancel()
        client.close()
