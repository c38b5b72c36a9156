"""The folder of a founded gateway, under a clock that is synchronised."""

from pathlib import Path

import pytest

from gateway.doctor import host
from tests.operating import Operator, operator


@pytest.fixture(autouse=True)
def synchronised(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever this machine's clock is."""
    monkeypatch.setattr(host, "_is_unsynchronised", lambda: False)


@pytest.fixture
def gw(tmp_path: Path) -> Operator:
    """The folder of a new founded gateway, and who types commands in front of it."""
    return operator(tmp_path)
