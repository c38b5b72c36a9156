"""A console for each test."""

import pytest

from tests.console.browsing import Console


@pytest.fixture
def console(tmp_path):
    """No gateway stands behind it: who may sign in is what the test says."""
    return Console(tmp_path)


@pytest.fixture
def browser(console):
    """An officer with a passkey, who is not signed in yet."""
    return console.browser()
