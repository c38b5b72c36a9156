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

from gateway.serving.listener import JunkFilter, Listener
from gateway.serving.supervisor import listener_answers
from gateway.serving.tls import TlsFiles
from tests.each import each
from tests.receiver import wait_until
from tests.serving.listeners import (
    CLOSE,
    PROGRAM,
    TOP,
    ask,
    free_port,
    listening,
    make_folder,
    program,
)

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
        assert server.process.wait(10) == 0
        assert answers[0]["peer"]
        began = {path.stem for path in tmp_path.glob("*.began")}
        assert {path.stem for path in tmp_path.glob("*.ended")} == began
        assert len(began) == 2


@journey
def test_a_listener_without_usable_files_does_not_start(tmp_path):
    make_folder(tmp_path)
    (tmp_path / "crl.pem").write_bytes(b"broken")
    settings = {"partners": True, "workers": 1, "threads": 1}
    with program(tmp_path, f"127.0.0.1:{free_port()}", **settings) as process:
        assert process.wait(15) != 0


@journey
def test_a_listener_ends_when_its_supervisor_was_killed(tmp_path):
    make_folder(tmp_path)
    port = free_port()
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

    wait_until(answers)
    supervisor.kill()
    supervisor.wait()
    wait_until(lambda: not answers())


def test_a_tcp_listener_without_tls_is_refused():
    with pytest.raises(ValueError, match="a TCP listener speaks TLS"):
        Listener("partners", "127.0.0.1:8444", tls=None)
    with pytest.raises(ValueError, match="a TCP listener speaks TLS"):
        Listener("partners", "unix:/run/x.sock", tls=TlsFiles(Path("server.pem")))


# --- Floods of lines ---


def line(created: float, level: int = logging.WARNING, error: BaseException | None = None):
    exc_info = (type(error), error, None) if error else None
    record = logging.LogRecord("gunicorn.error", level, "", 0, "refused", None, exc_info)
    record.created = created
    return record


@each("level", [logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL])
def test_floods_of_lines_of_any_level_are_counted_not_written(level):
    junk = JunkFilter(lines=3)
    assert [junk.filter(line(60.0 + n, level)) for n in range(5)] == [True] * 3 + [False] * 2
    later = line(120.0, level)
    assert junk.filter(later)
    assert later.getMessage() == "refused (2 such lines were left out)"
    after = line(121.0, level)
    assert junk.filter(after)
    assert after.getMessage() == "refused"


def test_a_flood_of_warnings_hides_no_error():
    junk = JunkFilter(lines=1)
    assert [junk.filter(line(60.0)) for _ in range(3)] == [True, False, False]
    failed = line(60.0, logging.ERROR)
    assert junk.filter(failed)
    assert failed.getMessage() == "refused"


def test_of_an_exception_its_place_is_written_in_one_line_and_not_its_message():
    failed = line(60.0, logging.ERROR, KeyError("a name that nobody may read"))
    assert JunkFilter().filter(failed)
    assert logging.Formatter().format(failed) == "refused (KeyError in nowhere)"
