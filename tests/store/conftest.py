"""The databases that the contract of the store is proved on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.store import places
from tests.store.places import Place

_MAKERS = {"sqlite": places.sqlite, "postgresql": lambda folder: places.postgresql()}


def _opened(name: str, folder: Path) -> Iterator[Place]:
    place = _MAKERS[name](folder)
    try:
        yield place
    finally:
        place.close()


@pytest.fixture(params=_MAKERS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """An empty database of each kind."""
    yield from _opened(request.param, tmp_path)


@pytest.fixture
def database(place: Place) -> Place:
    """The same, where a test breaks it past the store."""
    return place


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Place]:
    """An empty SQLite database."""
    yield from _opened("sqlite", tmp_path)


@pytest.fixture
def postgresql(tmp_path: Path) -> Iterator[Place]:
    """An empty PostgreSQL database."""
    yield from _opened("postgresql", tmp_path)


@pytest.fixture
def store(place: Place) -> Any:
    """A store of each kind."""
    return place.open()
