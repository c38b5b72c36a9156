"""Desks at the founded gateway."""

from pathlib import Path

import pytest

from tests.cli.desks import Desks
from tests.client.conftest import tls_files
from tests.operating import Operator, operator

__all__ = ["desks", "tls_files"]


@pytest.fixture
def desks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desks:
    """A new founded gateway, typed at from ``tmp_path``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CASEGATE_CONNECTION", raising=False)
    return Desks(tmp_path, monkeypatch)


@pytest.fixture
def gw(tmp_path: Path) -> Operator:
    """The folder of a new founded gateway, and who types commands in front of it."""
    return operator(tmp_path)
