"""The demonstration plays to its end, and its folder keeps a gateway."""

import re
import shlex
import signal
import subprocess
import sys
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest

from gateway.evidence import bundle, sd_jwt
from tests.journeys.harness import play
from tests.waiting import until

pytestmark = [pytest.mark.journey, pytest.mark.slow, pytest.mark.xdist_group("demo")]


TOLD = {
    "case.assessed-denied",
    "case.cleared-denied",
    "handoff.previewed-denied",
    "case.consulted-denied",
    "key.registered-allowed",
    "handoff.accepted-allowed",
    "handoff.outcome_reported-allowed",
    "handoff.reissued-allowed",
    "organisation.activated-allowed",
    "organisation.suspended-allowed",
    "handoff.updated-allowed",
    "case.embargoed-allowed",
    "handoff.overdue-allowed",
    "case.recalled-allowed",
    "handoff.recall_answered-allowed",
    "handoff.sent-allowed",
}
"""Events of every act, and their results."""


def casegate(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gateway", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_the_demonstration_ends_by_itself_and_what_it_leaves_verifies(request, tmp_path, database):
    if database == "sqlite":
        folder, printed = request.getfixturevalue("demonstration")
    else:
        folder = tmp_path / "a demonstration"
        printed = play(folder, database)
    assert "\x1b[" not in printed  # colours only on a terminal
    lines = printed.splitlines()
    assert len(lines) <= 100
    # The folder's name is longer here than a user's.
    assert max(len(line.replace(str(folder), "demo")) for line in lines) <= 80
    assert (folder / "gateway" / "casegate.db").exists() == (database == "sqlite")
    assert {file.stem.partition("-")[2] for file in (folder / "receipts").iterdir()} >= TOLD
    for name in ("handoff", "succession", "abroad"):
        lines = printed.replace(" \\\n", " ").splitlines()
        (line,) = (one for one in lines if f"verify '{folder}" in one)
        command = shlex.split(line.replace("handoff.bundle", f"{name}.bundle"))
        verified = casegate(*command[1:])
        assert verified.returncode == 18, verified.stdout + verified.stderr  # it is called one
    if database == "sqlite":  # no person of one gateway is known at the other
        for home, persons in (
            ("abroad/gateway", rb"pdc-[a-z0-9]{4}"),
            ("gateway", rb"hotli-\w{4}"),
        ):
            kept = b"".join(one.read_bytes() for one in (folder / home).glob("*.db*"))
            assert kept and not re.search(persons, kept)
    told = bundle.parse((folder / "handoff.bundle.json").read_bytes())
    signed = (told.packages[0].offer, "point-de-contact"), (told.answers[0], "ofmin")
    for document, slug in signed:  # itself: nobody attests it
        claims = sd_jwt.read_unverified(document).claims
        assert claims["iss"].endswith(f"/organisations/{slug}")


def test_its_gateway_is_kept_up_and_each_of_its_persons_is_invited_to_the_console(demonstration):
    folder, _ = demonstration
    command = [sys.executable, "-m", "gateway", "demo", "--run", "--out", str(folder)]
    persons = 3 * 3
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as kept:
        invited = []
        for line in kept.stdout:
            invited += re.findall(r"^    (http://localhost:\d+/invitation)#[\w-]{43}$", line)
            if len(invited) == persons:
                break
        for address in set(invited):
            with urllib.request.urlopen(address) as page:
                assert "Casegate" in page.read().decode()
        kept.send_signal(signal.SIGINT)
        kept.communicate(timeout=60)
    assert (kept.returncode, len(invited)) == (0, persons)
    until(lambda: not _named(folder))


def test_a_folder_that_is_no_demonstration_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    assert casegate("demo", "--out", tmp_path).returncode == 1
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("database", ["postgresql+psycopg://nobody@127.0.0.1:1/none", "postgres"])
def test_a_database_that_cannot_be_used_is_an_error_in_words(tmp_path, database):
    played = casegate("demo", "--out", tmp_path / "demo", "--database", database)
    assert played.returncode == 1
    assert played.stderr.startswith("Error: ")
    assert "Traceback" not in played.stderr


def test_a_demonstration_imports_nothing_from_where_one_stands_and_killed_leaves_nothing(tmp_path):
    (tmp_path / "click.py").write_text("raise SystemExit('imported')")
    command = [sys.executable, "-P", "-m", "gateway", "demo", "--out", str(tmp_path / "demo")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=tmp_path) as played:
        until(lambda: len(_named(tmp_path)) > 3)  # the gateway's processes are up
        played.kill()
    until(lambda: not _named(tmp_path))


def _named(folder: Path) -> list[str]:
    """The processes whose command names a folder."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found.append(file.read_bytes().decode(errors="replace"))
    return [command for command in found if str(folder) in command]
