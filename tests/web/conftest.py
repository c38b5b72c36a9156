"""A founded gateway with both its listeners for each test, and its log checked afterwards."""

import pytest

from tests.founded_gateway import HOTLINE, OFMIN
from tests.log_check import check_log
from tests.web.listening import listening


@pytest.fixture
def line():
    """Whatever a test does to it, its log must hold together."""
    made = listening()
    yield made
    check_log(made.gateway)


@pytest.fixture
def hotline(line):
    """The desk of a hotline that sends cases."""
    return line.partner(HOTLINE)


@pytest.fixture
def office(line):
    """The desk of the office that is competent."""
    return line.partner(OFMIN)
