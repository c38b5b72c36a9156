"""What the measurements of the benchmarks ask of every test."""

import pytest


@pytest.fixture(autouse=True)
def _acts() -> None:
    """Nobody watches the answers here: what is called is counted."""
