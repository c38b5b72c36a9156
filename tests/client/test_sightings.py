"""What the log has shown: a smaller tree or another root is an alarm, with its proof."""

from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest

from gateway.client import LogForked, SettingsError
from gateway.client.local_state import CheckpointStore
from gateway.ledger.checkpoint import Checkpoint, sign_checkpoint
from gateway.ledger.note import NoteError
from tests.founding import ORIGIN, note_signer

KEY = note_signer().key


def note(size: int, root: int = 1, origin: str = ORIGIN) -> str:
    return sign_checkpoint(Checkpoint(origin, size, bytes([root]) * 32), note_signer(origin))


def size_of(sightings: CheckpointStore) -> int:
    newest = sightings.newest()
    assert newest is not None
    return newest.checkpoint.size


def test_a_growing_log_is_remembered_at_its_newest() -> None:
    sightings = CheckpointStore(KEY)
    assert sightings.newest() is None
    for size in (3, 3, 7):
        sightings.observe(note(size, size), sightings.newest())
    assert size_of(sightings) == 7


def test_a_smaller_tree_than_before_is_an_alarm_with_both_checkpoints() -> None:
    sightings = CheckpointStore(KEY)
    sightings.observe(note(7), None)
    with pytest.raises(LogForked, match=r"smaller tree.*7 entries known, 6 shown") as alarm:
        sightings.observe(note(6), sightings.newest())
    assert alarm.value.notes == (note(7), note(6))


def test_another_root_at_the_same_size_is_an_alarm() -> None:
    sightings = CheckpointStore(KEY)
    sightings.observe(note(7, 1), None)
    with pytest.raises(LogForked):
        sightings.observe(note(7, 2), sightings.newest())


def test_another_root_is_an_alarm_also_for_an_answer_that_was_overtaken() -> None:
    sightings = CheckpointStore(KEY)
    sightings.observe(note(7, 1), None)
    with pytest.raises(LogForked):
        sightings.observe(note(7, 2), None)


def test_an_answer_that_was_overtaken_by_another_is_none() -> None:
    sightings = CheckpointStore(KEY)
    sightings.observe(note(5), None)
    asked_at_five = sightings.newest()
    sightings.observe(note(9), asked_at_five)
    sightings.observe(note(6), asked_at_five)
    assert size_of(sightings) == 9


def test_a_later_process_knows_what_an_earlier_one_has_seen(tmp_path: Path) -> None:
    file = tmp_path / "newest.checkpoint"
    CheckpointStore(KEY, file).observe(note(7), None)
    assert file.read_text() == note(7)
    assert file.stat().st_mode & 0o777 == 0o600
    later = CheckpointStore(KEY, file)
    with pytest.raises(LogForked):
        later.observe(note(6), later.newest())


def test_processes_that_run_together_share_what_they_see(tmp_path: Path) -> None:
    one, other = (CheckpointStore(KEY, tmp_path / "newest.checkpoint") for _ in range(2))
    one.observe(note(7), one.newest())
    assert size_of(other) == 7
    other.observe(note(8, 8), other.newest())
    assert size_of(one) == 8


def test_clients_of_one_process_that_write_at_once_leave_a_whole_file(tmp_path: Path) -> None:
    file = tmp_path / "newest.checkpoint"
    size = count(1)

    def write() -> None:
        sightings = CheckpointStore(KEY, file)
        for _ in range(20):
            sightings.observe(note(next(size)), None)

    with ThreadPoolExecutor(4) as clients:
        for done in [clients.submit(write) for _ in range(4)]:
            done.result()
    assert size_of(CheckpointStore(KEY, file)) > 1
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_the_proof_of_a_fork_is_kept_beside_the_state(tmp_path: Path) -> None:
    file = tmp_path / "newest.checkpoint"
    sightings = CheckpointStore(KEY, file)
    sightings.observe(note(7), None)
    with pytest.raises(LogForked, match=r"newest\.checkpoint\.forked"):
        sightings.observe(note(6), sightings.newest())
    assert (tmp_path / "newest.checkpoint.forked").read_text() == f"{note(7)}\n{note(6)}"
    assert file.read_text() == note(7), "the known checkpoint stays"


@pytest.mark.parametrize(
    "content", ["", "rubbish", note(7).replace("\n7\n", "\n9\n"), note(7, origin="other.example")]
)
def test_a_state_that_the_log_did_not_sign_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "newest.checkpoint"
    file.write_text(content)
    with pytest.raises(SettingsError):
        CheckpointStore(KEY, file).newest()


def test_a_checkpoint_of_another_log_is_never_taken_in() -> None:
    with pytest.raises(NoteError):
        CheckpointStore(KEY).observe(note(7, origin="other.example"), None)


def test_a_state_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "newest").mkdir()
    with pytest.raises(SettingsError):
        CheckpointStore(KEY, tmp_path / "newest").observe(note(7), None)
