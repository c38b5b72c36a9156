"""The demonstration plays to its end, and its folder keeps a gateway."""

import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

pytestmark = [pytest.mark.journey, pytest.mark.slow]


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_the_demonstration_ends_by_itself_and_what_it_leaves_verifies(
    tmp_path: Path, database: str
) -> None:
    folder = tmp_path / "demo"
    command = [sys.executable, "-m", "gateway.cli"]
    played = subprocess.run(
        [*command, "demo", "--folder", str(folder), "--database", database],
        capture_output=True,
        text=True,
        timeout=600,  # whoever is killed at this leaves nothing running: see below
        check=False,
    )
    assert played.returncode == 0, played.stderr
    assert "receipts verified offline" in played.stdout
    assert "\x1b[" not in played.stdout  # colours only on a terminal
    assert (folder / "gateway" / "casegate.db").exists() == (database == "sqlite")
    verified = subprocess.run(
        [
            *command,
            "verify",
            str(folder / "handoff.bundle.json"),
            "--connection",
            str(folder / "point-de-contact" / "connection.toml"),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert verified.returncode == 0, verified.stdout + verified.stderr
    for told in (played.stdout, played.stdout.partition("Timeline")[2]):
        assert "accepts it under its conditions (signed by ofmin's own key)" in told
        assert "accepts it under its conditions (attested by the gateway)" in told
    assert "the administrators activated hotline-new" in played.stdout
    assert "A new hotline takes part: associate" in played.stdout
    assert "its next request on that connection: refused" in played.stdout
    for slug in ("ofmin", "point-de-contact"):
        assert f"signed by {slug} itself" in verified.stdout
        assert f"of {slug}: registered on " in verified.stdout
    assert "key file" not in verified.stdout
    assert "the gateway ends ocrvp's open handoff: succeeded" in played.stdout
    assert "ocrvp still opens what it had accepted" in played.stdout
    assert (
        "succession.bundle.json: VERIFIED: point-de-contact offered the case to ofmin"
        in played.stdout
    )
    assert "It came by succession: the mandate moved from ocrvp to ofmin" in played.stdout


def test_a_folder_that_is_no_demonstration_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    played = subprocess.run(
        [sys.executable, "-m", "gateway.cli", "demo", "--folder", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert played.returncode == 1
    assert "no demonstration" in played.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("database", "sentence"),
    [
        ("postgresql+psycopg://nobody@127.0.0.1:1/none", "cannot be opened"),
        ("postgres", "[database] url must be"),
    ],
)
def test_a_database_that_cannot_be_used_is_told_in_one_sentence(
    tmp_path: Path, database: str, sentence: str
) -> None:
    folder = tmp_path / "demo"
    played = subprocess.run(
        [sys.executable, "-m", "gateway.cli", "demo", "--folder", folder, "--database", database],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert played.returncode == 1
    assert sentence in played.stderr
    assert "Traceback" not in played.stderr


def test_a_demonstration_that_is_killed_leaves_nothing_running(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gateway.cli", "demo", "--folder", str(tmp_path / "demo")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as played:
        _wait_until(lambda: len(_named(tmp_path)) > 3)  # the gateway's processes are up
        played.kill()
    _wait_until(lambda: not _named(tmp_path))


def _named(folder: Path) -> list[str]:
    """The processes whose command names a folder."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found.append(file.read_bytes().decode(errors="replace"))
    return [command for command in found if str(folder) in command]


def _wait_until(happened: Callable[[], bool]) -> None:
    ends = time.monotonic() + 120
    while not happened():
        assert time.monotonic() < ends
        time.sleep(0.1)
