"""One running gateway for the journeys that do not harm it."""

from collections.abc import Iterator
from typing import Any

import pytest

from gateway.cli.demo.environment import DemoEnvironment, free_ports
from tests.journeys.front import Front, require_haproxy
from tests.journeys.harness import running


@pytest.fixture(scope="session")
def direct(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoEnvironment]:
    """A gateway with members that shows its numbers and has nothing before it.

    It sends notifications to receivers on this host, whose authority is in its folder.
    """
    folder = tmp_path_factory.mktemp("journey")
    settings: dict[str, Any] = {
        "metrics_bind": f"127.0.0.1:{free_ports()[0]}",
        "private_receivers": True,
        "receivers_ca_path": str(folder / "receiver-ca.pem"),
    }
    with running(folder, **settings) as started:
        yield started


@pytest.fixture(
    scope="session", params=[Front.DIRECT, pytest.param(Front.HAPROXY, marks=pytest.mark.slow)]
)
def stage(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DemoEnvironment]:
    """A gateway with members; each test uses cases of its own, direct and through the proxy."""
    if request.param is Front.DIRECT:
        yield request.getfixturevalue("direct")
        return
    require_haproxy()
    with running(tmp_path_factory.mktemp("journey"), request.param) as started:
        yield started
