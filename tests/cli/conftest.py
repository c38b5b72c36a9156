"""Desks at the founded gateway."""

from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.client.mirror import PublicLog
from tests.cli.desks import Desks
from tests.client.conftest import tls_files
from tests.operating import Operator, operator

# The module; the package has the command under the same name.
MIRROR = import_module("gateway.cli.audit_copies")

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


@pytest.fixture
def public(desks: Desks, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """The founded gateway's public listener without sockets, and the option that trusts its log."""

    def open_log(url: str, ca: Path | None) -> PublicLog:
        def app(*call: Any) -> Any:
            return desks.stage.public(*call)

        transport = httpx.WSGITransport(app=app)
        clock = desks.stage.gateway.clock
        return PublicLog(url, ca, clock, sleep=lambda _: None, transport=transport)

    monkeypatch.setattr(MIRROR, "open_log", open_log)
    return ("--log-key", desks.stage.gateway.checkpoint_signer.signer.vkey)
