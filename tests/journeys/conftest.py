"""One running gateway for the journeys that do not harm it."""

from collections.abc import Iterator

import pytest

from gateway.cli.demo.environment import Stage
from tests.journeys.front import Front, require_haproxy
from tests.journeys.harness import running


@pytest.fixture(
    scope="session",
    params=[Front.DIRECT, pytest.param(Front.HAPROXY, marks=pytest.mark.slow)],
)
def stage(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    """A gateway with members; each test uses cases of its own, direct and through the proxy."""
    from pytest_socket import enable_socket  # noqa: PLC0415 - set-up runs before the test's own

    enable_socket()
    if request.param is Front.HAPROXY:
        require_haproxy()
    with running(tmp_path_factory.mktemp("journey"), request.param) as started:
        yield started
