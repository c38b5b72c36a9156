"""One issuing authority takes the place of another: in steps, each of which can be broken off."""

import os
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from gateway import files
from gateway.keys import RotationStep
from gateway.pki import rotation
from gateway.pki.authority import AuthorityError, CertificateAuthority, make_issuing
from gateway.pki.rotation import IN_USE, AuthorityStage
from tests.pki.certificates import DAY, ISSUING, NOW, ROOT

LATER = NOW + 900 * DAY
NEW = make_issuing("demo", ROOT, LATER)


@pytest.fixture
def issuing(tmp_path: Path) -> Path:
    """A folder with one authority in use."""
    for suffix, data in ((".pem", ISSUING.certificate_pem()), (".key", ISSUING.key_pem())):
        file = tmp_path / f"{ISSUING.id}{suffix}"
        files.create(file, data)
        os.utime(file, (NOW.timestamp(), NOW.timestamp()))
    return tmp_path


def publish(folder: Path, new: CertificateAuthority = NEW, now: datetime = LATER) -> None:
    rotation.publish(folder, new, now)


def use(folder: Path, now: datetime = LATER + DAY) -> None:
    turn = rotation.next_turn(folder, now)
    assert turn.of is not None
    rotation.use(folder, turn.of, now)


def places(folder: Path) -> list[tuple[str, AuthorityStage]]:
    return [(one.id, one.place) for one in rotation.kept(folder)]


def signing(folder: Path) -> list[str]:
    return [authority.id for authority in rotation.load(folder, *IN_USE)]


def coming(folder: Path) -> list[str]:
    return [authority.id for authority in rotation.load(folder, AuthorityStage.NEXT)]


def test_a_rotation_publishes_first_then_uses_and_retires_when_the_last_leaf_has_ended(
    issuing: Path,
) -> None:
    turn = rotation.next_turn(issuing, LATER)
    assert (turn.step, turn.due, turn.of) == (RotationStep.PUBLISH, LATER, None)
    publish(issuing)
    assert places(issuing) == [(NEW.id, AuthorityStage.NEXT), (ISSUING.id, AuthorityStage.CURRENT)]
    assert (signing(issuing), coming(issuing)) == ([ISSUING.id], [NEW.id])

    turn = rotation.next_turn(issuing, LATER)
    assert (turn.step, turn.due) == (RotationStep.ACTIVATE, LATER + DAY)
    use(issuing)
    assert places(issuing) == [
        (NEW.id, AuthorityStage.CURRENT),
        (ISSUING.id, AuthorityStage.FORMER),
    ]
    assert (signing(issuing), coming(issuing)) == ([NEW.id, ISSUING.id], [])

    turn = rotation.next_turn(issuing, LATER + DAY)
    assert (turn.step, turn.due) == (RotationStep.RETIRE, LATER + (1 + 30 + 1) * DAY)
    assert turn.of is not None
    assert turn.of.id == ISSUING.id
    rotation.retire(issuing, turn.of, turn.due)
    assert places(issuing) == [
        (NEW.id, AuthorityStage.CURRENT),
        (ISSUING.id, AuthorityStage.RETIRED),
    ]
    assert signing(issuing) == [NEW.id]
    assert not (issuing / f"{ISSUING.id}.key").exists()
    assert rotation.next_turn(issuing, turn.due).step is RotationStep.PUBLISH


@pytest.mark.parametrize("left", [".key", ".pem"])
def test_taking_into_use_can_be_broken_off_and_repeated(issuing: Path, left: str) -> None:
    publish(issuing)
    os.link(issuing / "next" / f"{NEW.id}.key", issuing / f"{NEW.id}.key")
    if left == ".pem":
        os.link(issuing / "next" / f"{NEW.id}.pem", issuing / f"{NEW.id}.pem")
    ids = {*signing(issuing), *coming(issuing)}
    assert ids == {NEW.id, ISSUING.id}
    if left == ".key":
        use(issuing)
    assert places(issuing) == [
        (NEW.id, AuthorityStage.CURRENT),
        (ISSUING.id, AuthorityStage.FORMER),
    ]


def test_a_key_without_its_certificate_means_nothing(issuing: Path) -> None:
    files.create(issuing / "next" / f"{NEW.id}.key", NEW.key_pem())
    assert places(issuing) == [(ISSUING.id, AuthorityStage.CURRENT)]
    assert coming(issuing) == []


def test_the_key_of_a_retirement_that_was_broken_off_is_destroyed_later(issuing: Path) -> None:
    publish(issuing)
    use(issuing)
    turn = rotation.next_turn(issuing, LATER + 40 * DAY)
    assert turn.of is not None
    rotation.retire(issuing, turn.of, turn.due)
    (issuing / f"{ISSUING.id}.key").write_bytes(ISSUING.key_pem())
    rotation.forget_retired_keys(issuing)
    assert not (issuing / f"{ISSUING.id}.key").exists()
    assert (issuing / f"{NEW.id}.key").exists()


def test_a_retired_key_is_overwritten_before_it_is_removed(issuing: Path) -> None:
    publish(issuing)
    use(issuing)
    os.link(issuing / f"{ISSUING.id}.key", issuing / "same-blocks")
    turn = rotation.next_turn(issuing, LATER + 40 * DAY)
    assert turn.of is not None
    rotation.retire(issuing, turn.of, turn.due)
    left = (issuing / "same-blocks").read_bytes()
    assert left == bytes(len(ISSUING.key_pem()))


def test_the_operator_is_reminded_of_a_step_whose_time_has_come(issuing: Path) -> None:
    assert rotation.reminder(issuing, LATER) == []
    publish(issuing)
    assert rotation.reminder(issuing, LATER + timedelta(hours=23)) == []
    (use_it,) = rotation.reminder(issuing, LATER + DAY)
    assert (
        use_it
        == f"issuing authority {NEW.id} can be activated: `casegate ca rotate --step activate`"
    )
    use(issuing)
    assert rotation.reminder(issuing, LATER + 31 * DAY) == []
    (retire_it,) = rotation.reminder(issuing, LATER + 32 * DAY)
    assert (
        retire_it
        == f"issuing authority {ISSUING.id} can be retired: `casegate ca rotate --step retire`"
    )


def test_two_ceremonies_at_once_are_one(issuing: Path) -> None:
    with (
        rotation.ceremony(issuing),
        pytest.raises(AuthorityError),
        rotation.ceremony(issuing),
    ):
        pass
    with rotation.ceremony(issuing):
        pass


def test_a_folder_without_authority_or_with_a_broken_one_is_said(
    issuing: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with pytest.raises(AuthorityError):
        rotation.kept(tmp_path_factory.mktemp("empty"))
    (issuing / "broken.pem").write_text("nothing")
    with pytest.raises(AuthorityError, match=r"broken\.pem"):
        rotation.kept(issuing)


def test_a_new_authority_that_would_be_the_older_one_is_refused(issuing: Path) -> None:
    with pytest.raises(AuthorityError):
        publish(issuing, make_issuing("demo", ROOT, NOW - DAY))
    assert places(issuing) == [(ISSUING.id, AuthorityStage.CURRENT)]
