"""The folder of a founded gateway."""

from pathlib import Path

import pytest

from tests.operating import Operator, execute, operator


@pytest.fixture
def gw(tmp_path: Path) -> Operator:
    made = operator(tmp_path)
    # It was founded after NOW.
    execute(made.folder / "casegate.db", "UPDATE log_head SET newest = NULL")
    return made
