"""The founded gateway on a real database of each kind, and two threads on it at once."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from gateway.domain.refusals import Busy
from tests.founding import Founded, founded
from tests.store import places


@pytest.fixture(params=["sqlite", "postgresql"])
def gateway(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Founded]:
    """The founded gateway on a database of each kind."""
    if request.param == "sqlite":
        yield founded()
        return
    place = places.postgresql()
    yield founded(lambda origin, _, now, random: place.open(origin=origin, now=now, random=random))
    place.close()


def in_two_threads(work: Callable[[], object]) -> None:
    """Do it in two threads at once; one that finds the gateway busy leaves it to the other."""

    def run(_: int) -> None:
        with suppress(Busy):
            work()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(run, range(2)))  # raises what a thread raised
