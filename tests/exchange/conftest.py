"""A founded gateway for each test, and its log checked afterwards."""

from collections.abc import Iterator

import pytest

from tests.founded_gateway import Founded
from tests.founding import founded
from tests.log_check import check_log


@pytest.fixture
def gateway() -> Iterator[Founded]:
    """The founding story's gateway; whatever a test does to it, its log must hold together."""
    made = founded()
    yield made
    check_log(made)
