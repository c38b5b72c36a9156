"""How a listener starts, stops, and what it refuses to be."""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.demo.environment import free_ports
from gateway.serving import listener
from gateway.serving.listener import Listener
from gateway.serving.supervisor import listener_answers
from gateway.serving.tls import TlsFiles
from gateway.web.security_log import LineBudget
from tests.serving.listeners import (
    CLOSE,
    PROGRAM,
    TOP,
    ask,
    listening,
    make_folder,
    program,
)
from tests.waiting import PATIENCE_SECONDS, until

journey = pytest.mark.journey


@journey
def test_a_listener_that_stops_ends_its_requests_and_its_workers_clean_up(tmp_path):
    with listening(tmp_path, workers=2) as server, server.connect(server.pem) as tls:
        answers: list[dict[str, Any]] = []
        asking = threading.Thread(target=lambda: answers.append(ask(tls, "/slow", CLOSE)))
        asking.start()
        time.sleep(0.3)
        server.process.send_signal(signal.SIGTERM)
        asking.join()
        assert server.process.wait(PATIENCE_SECONDS) == 0
        assert answers[0]["peer"]
        began = {path.stem for path in tmp_path.glob("*.began")}
        assert {path.stem for path in tmp_path.glob("*.ended")} == began
        assert len(began) == 2


@journey
def test_a_listener_without_usable_files_does_not_start(tmp_path):
    make_folder(tmp_path)
    (tmp_path / "crl.pem").write_bytes(b"broken")
    settings = {"partners": True, "workers": 1, "threads": 1}
    with program(tmp_path, f"127.0.0.1:{free_ports()[0]}", **settings) as process:
        assert process.wait(PATIENCE_SECONDS) != 0


@journey
def test_a_listener_ends_when_its_supervisor_was_killed(tmp_path):
    make_folder(tmp_path)
    port, _ = free_ports()
    text = (
        "import os, sys\nfrom gateway.serving.supervisor import ProcessSpec, Supervisor\n"
        "Supervisor([ProcessSpec('test', sys.argv[1:])], os.environ).run()\n"
    )
    settings = json.dumps({"partners": True, "workers": 1, "threads": 1, "drain": 1})
    listener = [sys.executable, str(PROGRAM), str(tmp_path), f"127.0.0.1:{port}", settings]
    environ = {**os.environ, "PYTHONPATH": str(TOP)}
    supervisor = subprocess.Popen([sys.executable, "-c", text, *listener], env=environ)

    def answers() -> bool:
        return listener_answers(
            ("127.0.0.1", port), "gateway.example", tmp_path / "ca-chain.pem", 0.5
        )

    until(answers)
    supervisor.kill()
    supervisor.wait()
    until(lambda: not answers())


def test_a_tcp_listener_without_tls_is_refused():
    with pytest.raises(ValueError, match="a TCP listener speaks TLS"):
        Listener("partners", "127.0.0.1:8444", tls=None)
    with pytest.raises(ValueError, match="a TCP listener speaks TLS"):
        Listener("partners", "unix:/run/x.sock", tls=TlsFiles(Path("server.pem")))
    assert Listener("console", "127.0.0.1:8445", tls=None, demonstration=True).tls is None
    with pytest.raises(ValueError, match="a TCP listener speaks TLS"):
        Listener("console", "0.0.0.0:8445", tls=None, demonstration=True)


def test_the_budget_of_lines_holds_for_the_master_and_for_what_it_forks(monkeypatch):
    log = logging.getLogger("gunicorn.error")
    monkeypatch.setattr(log, "filters", [])
    monkeypatch.setattr(listener._Gunicorn, "run", lambda _: None)
    with pytest.raises(SystemExit):
        listener.serve(lambda: None, Listener("public", "unix:/run/x.sock", tls=None))
    assert [type(one) for one in log.filters] == [LineBudget]
