"""A console for each test."""

import pytest

from tests.console.browsing import Console
from tests.console.hosted import HostedConsole
from tests.founding import founded
from tests.log_check import check_log


@pytest.fixture
def console(tmp_path):
    """No gateway stands behind it: who may sign in is what the test says."""
    return Console(tmp_path)


@pytest.fixture
def browser(console):
    """An officer with a passkey, who is not signed in yet."""
    return console.browser()


@pytest.fixture
def hosted(tmp_path):
    """A console over the founding story's gateway, whose log must hold together."""
    made = HostedConsole(tmp_path, founded())
    yield made
    check_log(made.gateway)
