"""The commands of the bench from end to end: whatever they measure, they measure it."""

import subprocess
import sys

import pytest

pytestmark = [pytest.mark.journey, pytest.mark.slow]

ONE_ROUND = "from bench import __main__ as b; b.QUICK = b.Measure(1, 0.2, 0.5); b.bench()"
"""The command, where nobody reads the numbers."""


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_every_server_is_measured_and_every_answer_found_stored(database):
    command = [sys.executable, "-c", ONE_ROUND, "--quick", "--db", database]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr


def test_requests_in_one_process_are_measured():
    command = [sys.executable, "-m", "bench.inside", "--rounds", "20", "--cases", "100"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_notifications_are_timed_by_both_ways():
    command = [sys.executable, "-m", "bench.delivery", "--handoffs", "10"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    assert "did not come" not in done.stdout


def test_a_wrong_usage_is_told_by_exit_code_two():
    for module in ("bench", "bench.inside", "bench.delivery", "bench.peers"):
        command = [sys.executable, "-m", module, "--nothing-like-it"]
        assert subprocess.run(command, check=False, capture_output=True).returncode == 2
