"""A process that writes to a store: reports each event that it was told is durable.

    python -m tests.store.writer_program URL LOCK KEYS SECONDS THREADS

Prints one line for each commit, at once: the thread, the index, and the event. Stops after the
seconds given, or when it is killed.
"""

import secrets
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from gateway.actions.ports import Mode
from gateway.domain.refusals import Busy
from gateway.store.work import Store, open_store
from tests.store.places import Place
from tests.store.samples import ORIGIN, PERSON_KEY, POLICY, case, fact

_line = threading.Lock()


def main(url: str, lock: str, keys: str, seconds: str, threads: str) -> None:
    place = Place(folder=Path(keys))
    store = open_store(
        url,
        lock_path=Path(lock),
        origin=ORIGIN,
        policy_revision=lambda: POLICY,
        now=lambda: datetime.fromtimestamp(time.time(), UTC),
        random=secrets.token_bytes,
        person_key=PERSON_KEY,
        waiters=int(threads),
        keyring=place.keyring(lambda: datetime.fromtimestamp(time.time(), UTC)),
    )
    print("ready", flush=True)
    sys.stdin.readline()
    end = time.monotonic() + float(seconds)
    writers = [
        threading.Thread(target=_write, args=(store, end, number), daemon=True)
        for number in range(int(threads))
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    store.close()


def _write(store: Store, end: float, number: int) -> None:
    while time.monotonic() < end:
        id_ = UUID(bytes=secrets.token_bytes(16), version=4)
        try:
            with store.begin(Mode.WRITE) as work:
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
