"""The operator's numbers: added up over processes, kept over a worker's death, of closed labels."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway import metrics
from gateway.config import ConfigError
from gateway.metrics import exposing
from tests.operating import Operator, operator

TOP = Path(__file__).parents[1]

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(folder: Path) -> Samples:
    families = text_string_to_metric_families(metrics.render(folder).decode())
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for f in families for s in f.samples}


def work(folder: Path, place: int, program: str) -> None:
    """What one worker does: a process of its own, for the files belong to processes."""
    text = (
        "import sys\nfrom datetime import UTC, datetime\nfrom pathlib import Path\n"
        "from gateway import metrics\n"
        "import os; os.umask(0o077)\n"
        f"metrics.begin(Path(sys.argv[1]), 'partners', {place})\n"
        f"counts = metrics.Counts('partners')\n{program}"
    )
    subprocess.run([sys.executable, "-c", text, str(folder)], cwd=TOP, check=True)


def value(folder: Path, name: str, **labels: str) -> float:
    return samples(folder)[name, tuple(sorted(labels.items()))]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "metrics"
    metrics.make_folder(made)
    return made


def test_processes_are_added_up(folder: Path) -> None:
    for place in (0, 1):
        work(folder, place, "counts.answered('/cases/<case>', 'GET', 204, 0.004)")
    asked = {"process": "partners", "route": "/cases/<case>", "method": "GET"}
    assert value(folder, "casegate_requests_total", status="2xx", **asked) == 2
    assert value(folder, "casegate_request_seconds_bucket", le="0.0025", **asked) == 0
    assert value(folder, "casegate_request_seconds_bucket", le="0.005", **asked) == 2


def test_who_takes_a_dead_worker_s_place_goes_on_with_its_numbers_and_files(folder: Path) -> None:
    """Numbers never fall, and files do not grow in number, however often workers die."""
    work(folder, 0, "counts.began(); counts.problem_sent('forbidden')")
    before = sorted(file.name for file in folder.iterdir())
    work(folder, 0, "counts.began(); counts.problem_sent('forbidden')")
    assert sorted(file.name for file in folder.iterdir()) == before
    assert value(folder, "casegate_worker_starts_total", process="partners") == 2
    problem = {"process": "partners", "problem": "forbidden"}
    assert value(folder, "casegate_problems_total", **problem) == 2


def test_another_user_of_the_group_can_add_them_up_whatever_the_umask(folder: Path) -> None:
    work(folder, 0, "counts.began()")
    assert folder.stat().st_mode & 0o777 == 0o770
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o660}


def test_files_in_which_nothing_was_counted_yet_can_be_read(folder: Path) -> None:
    work(folder, 0, "")
    assert list(folder.iterdir())
    assert samples(folder) == {}


def test_a_new_run_of_one_process_begins_at_nought_and_leaves_the_others(folder: Path) -> None:
    work(folder, 0, "counts.began()")
    metrics.forget(folder, "public")
    assert value(folder, "casegate_worker_starts_total", process="partners") == 1
    metrics.forget(folder, "partners")
    assert list(folder.iterdir()) == []


def test_how_things_stand_is_what_was_told_last(folder: Path) -> None:
    told = (
        "at = datetime(2026, 1, 2, tzinfo=UTC)\n"
        "gauges = metrics.Gauges()\n"
        "known = {'log_entries': 9, 'log_unsigned_entries': 1, 'log_frozen': True}\n"
        "gauges.show({**known, ('end_timestamp_seconds', 'root'): at.timestamp()})\n"
        "gauges.show({'log_entries': 10, 'log_frozen': False})\n"
    )
    work(folder, 0, told)
    at = datetime(2026, 1, 2, tzinfo=UTC).timestamp()
    assert value(folder, "casegate_log_entries") == 10
    assert value(folder, "casegate_log_unsigned_entries") == 1  # of when it was known last
    assert value(folder, "casegate_log_frozen") == 0
    assert value(folder, "casegate_end_timestamp_seconds", what="root") == at


def test_steps_of_writes_and_the_policy_s_answers_are_counted(folder: Path) -> None:
    work(
        folder,
        0,
        "counts.took('wait', 0.002); counts.decided('case.read', False); counts.met('cut')",
    )
    step = {"process": "partners", "step": "wait"}
    assert value(folder, "casegate_write_seconds_count", **step) == 1
    decided = {"process": "partners", "action": "case.read", "result": "denied"}
    assert value(folder, "casegate_policy_decisions_total", **decided) == 1
    trouble = {"process": "partners", "trouble": "cut"}
    assert value(folder, "casegate_connection_errors_total", **trouble) == 1


# --- where they are shown ---


def ask(connection: socket.socket, line: bytes) -> bytes:
    with connection:
        connection.settimeout(10)
        connection.sendall(line + b"\r\nHost: x\r\n\r\n")
        return b"".join(iter(lambda: connection.recv(65_536), b""))


def test_they_are_shown_on_a_unix_socket_to_owner_and_group_and_nothing_else_is(
    tmp_path: Path,
) -> None:
    path = tmp_path / "metrics.sock"

    def connected() -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(path))
        return connection

    for _ in range(2):  # the second time over what a killed process would have left
        with exposing(path, lambda: b"numbers\n"):
            assert path.stat().st_mode & 0o777 == 0o660
            answer = ask(connected(), b"GET /metrics HTTP/1.1")
            assert answer.startswith(b"HTTP/1.0 200")
            assert answer.endswith(b"\r\n\r\nnumbers\n")
            for line in (b"GET / HTTP/1.1", b"POST /metrics HTTP/1.1", b"GET /metrics?x HTTP/1.1"):
                assert b" 200 " not in ask(connected(), line).split(b"\r\n")[0]
        socket.socket(socket.AF_UNIX).close()
    assert not path.exists()


@pytest.fixture
def gw(tmp_path: Path) -> Iterator[Operator]:
    yield operator(tmp_path)


@pytest.mark.parametrize("bind", ["0.0.0.0:9100", "192.0.2.1:9100", "[::]:9100", "x.example:1"])
def test_they_are_never_shown_on_a_network(gw: Operator, bind: str) -> None:
    gw.set("metrics", "bind", f'"{bind}"')
    with pytest.raises(ConfigError, match=r"\[metrics\] bind must be a loopback address"):
        _ = gw.config


@pytest.mark.parametrize("bind", ["127.0.0.1:9100", "[::1]:9100", "unix:/run/casegate/m.sock"])
def test_they_may_be_shown_on_the_host(gw: Operator, bind: str) -> None:
    gw.set("metrics", "bind", f'"{bind}"')
    assert gw.config.metrics_bind == bind


def test_nothing_is_counted_unless_it_is_asked_for(gw: Operator) -> None:
    assert gw.config.metrics_bind is None
    with gw.opened() as gateway:
        assert gateway.counts is None
    result = gw.type("run", "--home", gw.folder, "--only", "metrics")
    assert result.exit_code == 2
    assert "set [metrics] bind" in result.stderr
