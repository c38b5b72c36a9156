"""Has witnesses cosign the log's checkpoints (C2SP tlog-witness), each minute that it grew.

A witness sees hashes. It says what it saw before: where that is no beginning of this log, one of
both has another history, and people have to find out which.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import ClassVar

from gateway.config import Config
from gateway.evidence.declarations import MAX_SKEW
from gateway.kernel.ports import TransactionMode, UnitOfWork
from gateway.kernel.values import Confirmation, ConfirmationKind
from gateway.ledger import cosignature, tiles
from gateway.ledger.note import VerificationKey, parse_decimal
from gateway.ledger.witness import SIZE_MEDIA, write_request
from gateway.stamping import Stamper, ask, behind

KIND = ConfirmationKind.COSIGNATURE
_OTHER_HISTORY = (HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY)
AGAIN = timedelta(hours=1)
"""After this a witness says again that it saw nothing else, of a log that did not grow."""


def late(config: Config, work: UnitOfWork, now: datetime) -> list[str]:
    """The witnesses that did not cosign in time what is in the log."""
    return behind(work, KIND, (one["key"].partition("+")[0] for one in config.witnesses), now)


@dataclass
class Pusher(Stamper):
    """Asks each witness when that is due."""

    what: ClassVar[str] = "cosignatures"
    every: ClassVar[timedelta] = timedelta(minutes=1)

    @property
    def others(self) -> Mapping[str, Mapping[str, str]]:
        """List who is asked, by name."""
        return {one["key"].partition("+")[0]: one for one in self.gateway.config.witnesses}

    def confirm(self, by: str, witness: Mapping[str, str], now: datetime) -> bool:
        """Have the newest checkpoint cosigned, and keep the line; False where it is not time."""
        ports, key = self.gateway.ports, VerificationKey.parse(witness["key"])
        with ports.begin(TransactionMode.READ) as work:
            head, newest = work.log.head(), work.confirmations.newest(KIND, by)
        size, at = newest or (0, now)
        if head.size == 0 or (head.size == size and at <= now < at + AGAIN):
            return False
        note = ports.checkpoint_signer.sign(head)
        status, media, answer = self._ask(witness["url"], note, size, head.size)
        if status == HTTPStatus.CONFLICT and media.startswith(SIZE_MEDIA):
            saw = parse_decimal(answer.decode().strip())
            status, media, answer = self._ask(witness["url"], note, saw, head.size)
        if status in _OTHER_HISTORY:
            raise ValueError(f"it answers {status}: it may have seen another history of the log")
        if status != HTTPStatus.OK:
            raise ValueError(f"it answers {status}")
        if b"\n\n" in b"\n" + answer:  # its line would be over a longer text
            raise ValueError("it answers with more than signature lines")
        found = cosignature.verify(note + answer.decode(), [key])
        if not found or abs(found[0].at - now) > MAX_SKEW:
            raise ValueError("it answers without its line, or with one of another time")
        data = found[0].line.encode()
        with ports.begin(TransactionMode.WRITE) as work:
            work.confirmations.keep(Confirmation(head.size, KIND, by, found[0].at, note, data))
            work.commit()
        return True

    def _ask(self, url: str, note: str, old: int, size: int) -> tuple[int, str, bytes]:
        """Show that the log goes on from the first ``old`` entries."""
        if old > size:
            raise ValueError(f"it saw {old} entries of this log, which has {size}: find out why")
        with self.gateway.ports.begin(TransactionMode.READ) as work:
            proof = tiles.consistency_proof(work.log.tile, old, size)
        request = write_request(old, proof, note).encode()
        return ask(f"{url.rstrip('/')}/add-checkpoint", request, "text/plain; charset=utf-8")
