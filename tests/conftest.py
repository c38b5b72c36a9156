"""Sockets stay closed outside journeys: a unit that dials out is not a unit."""

import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from pytest_socket import disable_socket, enable_socket

settings.register_profile(
    "casegate", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("casegate")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Open sockets for journeys only; sockets between processes of one machine stay open."""
    if item.get_closest_marker("journey"):
        enable_socket()
    else:
        disable_socket(allow_unix_socket=True)


def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Leave the process as it was found."""
    enable_socket()


@pytest.fixture(autouse=True)
def _databases_are_given_back() -> Iterator[None]:
    """What a test and its own fixtures borrowed; most tests borrow none, and import no store."""
    lent = sys.modules.get("tests.lent")
    before = lent.borrowed() if lent else 0
    yield
    lent = sys.modules.get("tests.lent")
    if lent:
        lent.give_back(before)
