"""A process that writes to a store: reports each event that it was told is durable.

    python -m tests.store.writer_program URL LOCK KEYS THREADS

Prints one line for each commit, at once: the thread, the index, and the event. Writes until it
gets a line more, or is killed.
"""

import secrets
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from gateway.domain.refusals import Busy
from gateway.kernel.ports import TransactionMode
from gateway.store.unit_of_work import Store
from tests.store.places import Place
from tests.store.samples import case, fact

_line = threading.Lock()
_stopped = threading.Event()


def main(url: str, lock: str, keys: str, threads: str) -> None:
    place = Place(url, Path(lock), folder=Path(keys))
    store = place.open(now=lambda: datetime.fromtimestamp(time.time(), UTC), waiters=int(threads))
    print("ready", flush=True)
    sys.stdin.readline()
    writers = [
        threading.Thread(target=_write, args=(store, number), daemon=True)
        for number in range(int(threads))
    ]
    for writer in writers:
        writer.start()
    sys.stdin.readline()
    _stopped.set()
    for writer in writers:
        writer.join()
    place.close()


def _write(store: Store, number: int) -> None:
    while not _stopped.is_set():
        id_ = UUID(bytes=secrets.token_bytes(16), version=4)
        try:
            with store.begin(TransactionMode.SHARED) as work:
                made, version = case(id=id_, digest=str(id_), originator_ref=str(id_))
                work.cases.add(made, version)
                work.log.record(fact("hotline", "police", id_=id_))
                (logged,) = work.commit()
        except Busy:
            continue
        with _line:
            print(number, logged.index, id_, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
