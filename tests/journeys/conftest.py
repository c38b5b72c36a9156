"""What journeys share that do not harm it: running gateways, a demonstration, and a browser."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gateway.cli.demo.environment import DemoEnvironment, free_ports
from tests.journeys import browser
from tests.journeys.front import Front, require_haproxy
from tests.journeys.harness import Listeners, play, running
from tests.journeys.npm import installed

if TYPE_CHECKING:  # installed for the slow suites alone
    from playwright.sync_api import Browser


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


@pytest.fixture(scope="session")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoEnvironment]:
    """The same behind the proxy, on unix sockets."""
    require_haproxy()
    with running(tmp_path_factory.mktemp("journey"), Front.HAPROXY) as started:
        yield started


@pytest.fixture(scope="session", params=["direct", pytest.param("proxied", marks=pytest.mark.slow)])
def stage(request: pytest.FixtureRequest) -> DemoEnvironment:
    """A gateway with members; each test uses cases of its own, direct and through the proxy."""
    started: DemoEnvironment = request.getfixturevalue(request.param)
    return started


@pytest.fixture(scope="session")
def others(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoEnvironment]:
    """A gateway for programs that others wrote, whose tests give members keys of their own."""
    with running(tmp_path_factory.mktemp("others"), kind=Listeners) as started:
        yield started


@pytest.fixture(scope="session")
def demonstration(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The demonstration on SQLite, played once: its folder, and what it printed."""
    folder = tmp_path_factory.mktemp("played") / "a demonstration"
    return folder, play(folder, "sqlite")


@pytest.fixture(scope="session")
def chromium() -> Iterator["Browser"]:
    """The machine's Chromium; each test opens windows of its own."""
    with browser.chromium() as started:
        yield started


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The source of axe-core."""
    folder = installed(browser.AXE, tmp_path_factory.mktemp("axe"), "the check by axe-core")
    return (folder / "node_modules/axe-core/axe.min.js").read_text()
