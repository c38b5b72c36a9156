"""A process in which many threads write and sign at once: reports each head whose note it has.

    python -m tests.store.mark_program URL LOCK MARK_URL MARK_FILE THREADS

Prints one line for each note: its size and root. Writes until it gets a line more, or is killed.
"""

import secrets
import sys
import threading
import time
from pathlib import Path
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.domain.refusals import Busy
from gateway.kernel.log_continuity import CheckpointSigner, LogContinuity
from gateway.kernel.ports import TransactionMode
from gateway.ledger.note import NoteSigner, open_checkpoint
from gateway.store.high_water_mark import open_mark
from tests.store.places import Place
from tests.store.samples import ORIGIN, fact

SIGNER = NoteSigner(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(32)))

_line = threading.Lock()
_stopped = threading.Event()


def main(arguments: list[str]) -> None:
    url, lock, mark_url, mark_file, threads = arguments
    place = Place(url, Path(lock))
    store = place.open()
    mark = open_mark(mark_url, file=Path(mark_file) if mark_file else None, origin=ORIGIN)
    continuity = LogContinuity(mark, store.begin, time.monotonic)
    checkpoint_signer = CheckpointSigner(SIGNER, mark, continuity)
    store.sign = checkpoint_signer.sign_own
    print("ready", flush=True)
    sys.stdin.readline()
    writers = [
        threading.Thread(target=_write, args=(continuity, checkpoint_signer), daemon=True)
        for _ in range(int(threads))
    ]
    for writer in writers:
        writer.start()
    sys.stdin.readline()
    _stopped.set()
    for writer in writers:
        writer.join()
    mark.close()
    place.close()


def _write(continuity: LogContinuity, checkpoint_signer: CheckpointSigner) -> None:
    while not _stopped.is_set():
        try:
            with continuity.begin(TransactionMode.WRITE) as work:
                work.log.record(
                    fact("hotline", "police", id_=UUID(bytes=secrets.token_bytes(16), version=4))
                )
                (logged,) = work.commit()
        except Busy:
            continue
        note = logged.note or checkpoint_signer.sign(logged.head)
        found = open_checkpoint(note, [SIGNER.key], ORIGIN)
        with _line:
            print(found.size, found.root.hex(), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
