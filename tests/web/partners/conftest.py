"""Partners that sign themselves."""

import pytest

from tests.log_check import check_log
from tests.web.partners.tricks import keyed


@pytest.fixture
def keyed_line():
    """A gateway that knows document keys, its log checked afterwards."""
    made = keyed()
    yield made
    check_log(made.gateway)
