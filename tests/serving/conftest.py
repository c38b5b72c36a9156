"""One running listener for the tests that do not stop it."""

from collections.abc import Iterator

import pytest

from tests.serving.listeners import Server, listening


@pytest.fixture(scope="session")
def partners(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with listening(tmp_path_factory.mktemp("partners")) as server:
        yield server
