"""One running gateway for the journeys that do not harm it."""

from collections.abc import Iterator

import pytest

from gateway.cli.demo.stage import Stage
from tests.journeys.harness import running


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A gateway with members; each test uses cases of its own."""
    from pytest_socket import enable_socket  # noqa: PLC0415 - set-up runs before the test's own

    enable_socket()
    with running(tmp_path_factory.mktemp("journey")) as started:
        yield started
