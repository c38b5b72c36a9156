"""Sockets stay closed outside journeys: a unit that dials out is not a unit."""

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
