"""HAProxy's configuration as we ship it: HAProxy takes it, and each frontend has its bound."""

import json
import os
import re
import shutil
import subprocess
from http import HTTPStatus
from pathlib import Path

import pytest

from tests.programs import require
from tests.serving.listeners import make_folder

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "haproxy" / "haproxy.cfg"
FRONTENDS = dict(
    re.findall(
        r"^frontend (\w+)\n(.*?)(?=^\S|\Z)", CONFIGURATION.read_text(), re.MULTILINE | re.DOTALL
    )
)


@pytest.fixture
def operator(tmp_path: Path) -> Path:
    """An operator's folder with what HAProxy reads of it."""
    made = make_folder(tmp_path)
    for listener in ("partners", "public"):
        file = tmp_path / "server" / f"{listener}.pem"
        file.parent.mkdir(exist_ok=True)
        shutil.copy(made / "server.pem", file)
    (tmp_path / "published").mkdir()
    for name in ("ca-chain.pem", "crl.pem"):
        shutil.copy(made / name, tmp_path / "published" / name)
    return tmp_path


@pytest.mark.parametrize("public", [False, True])
def test_haproxy_takes_the_configuration_of_one_listener_and_of_both(
    operator: Path, public: bool
) -> None:
    require("the check of its configuration", "haproxy")
    environ = {**os.environ, "CASEGATE_FOLDER": str(operator), "CASEGATE_PROXY": str(operator)}
    environ["CASEGATE_SOCKET"] = str(operator / "partners.sock")
    environ.pop("CASEGATE_PUBLIC_SOCKET", None)
    if public:
        environ["CASEGATE_PUBLIC_SOCKET"] = str(operator / "public.sock")
    done = subprocess.run(
        ["haproxy", "-c", "-f", str(CONFIGURATION)],
        env=environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("frontend", ["partners", "public"])
def test_one_address_gets_no_more_than_a_share_of_the_connections(frontend: str) -> None:
    lines = [line.strip() for line in FRONTENDS[frontend].splitlines()]
    assert any(re.match(r"stick-table type ipv6 .*\bstore conn_cur$", line) for line in lines)
    assert "tcp-request connection track-sc0 src" in lines
    assert any(
        re.fullmatch(r"tcp-request connection reject if { sc0_conn_cur gt \d+ }", line)
        for line in lines
    )


OWN_PAGES = {400, 401, 403, 404, 405, 407, 408, 410, 413, 421, 422, 425, 429, *range(500, 505)}
"""The statuses of errors that HAProxy 3.0 answers with a page of its own."""


def test_whatever_haproxy_refuses_by_itself_is_a_problem() -> None:
    told = re.findall(
        r"^    http-error status (\d+) content-type application/problem\+json string '(.*)'$",
        CONFIGURATION.read_text(),
        re.MULTILINE,
    )
    assert {int(status) for status, _ in told} == OWN_PAGES
    for status, body in told:
        code = HTTPStatus(int(status))
        assert json.loads(body) == {"title": code.phrase, "status": code.value}
