"""`casegate admin case erase`, and folders whose keys are not as they were."""

import shutil
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from gateway import wiring
from gateway.apps import Audience, gate
from gateway.doctor import checks
from gateway.doctor.keys import case_keys
from gateway.domain.health import Level
from gateway.domain.organisation import SCOPES
from gateway.domain.refusals import CaseKeysUnavailable
from gateway.exchange.case import cases, submissions
from gateway.exchange.lifecycle import erasure
from gateway.kernel.ports import TransactionMode
from gateway.kernel.results import to_json
from gateway.kernel.transact import transact
from gateway.kernel.values import HOST, Caller
from gateway.store.keyring import SqlKeyring
from tests.casework import CLEARED, case_content
from tests.cli.test_admin import ADMISSION
from tests.founded_gateway import enter_staff
from tests.operating import Operator, execute, operator, said

HOTLINE = "point-de-contact"


@pytest.fixture
def gw(tmp_path: Path) -> Operator:
    admit = (
        "organisation",
        "admit",
        HOTLINE,
        *["--name", "H", "--kind", "hotline", "--country", "FR"],
    )
    seat = ("--membership", "full", "--from", "2020-01-01", "--decision-ref", "d")
    return operator(tmp_path, admit, ("membership", "grant", HOTLINE, *seat))


def submitted(gw: Operator, *, close: bool = True) -> UUID:
    """A case of the hotline, closed unless it is to stay open."""
    with gw.opened() as gateway:
        enter_staff(gateway.ports.begin, HOTLINE, event=gateway.ports.new_id())
        caller = Caller(HOTLINE, "desk", frozenset(SCOPES), HOST)
        erased = (gateway.ports.now() + timedelta(days=365)).date()
        content = case_content(gateway.ports.new_id(), marking={"erase_on": str(erased)})
        submission = submissions.Submission("intake-1", content, CLEARED)
        write = submissions.submit(str(gateway.ports.new_id()), submission)
        written = transact(gateway.ports, caller, *write)
        id_ = written.result.case
        if close:
            done = cases.CaseStepRequest("agent-1", "done")
            cases.close(gateway.ports, caller, str(gateway.ports.new_id()), id_, done)
    return id_


def finding(gw: Operator, level: Level) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checks, "CHECKS", (case_keys,))
        found = [*checks.run_checks(gw.config, wiring.now())]
    return "\n".join(one.sentence for one in found if one.level is level)


def test_two_administrators_erase_a_case(gw: Operator) -> None:
    case = submitted(gw)
    told = gw.done("case", "erase", HOTLINE, case, "--reason", "asked", "--yes")
    assert "state erased" in told
    assert "key destroyed" in told
    assert "encrypted cases: 0;" in finding(gw, Level.OK)


def test_a_change_of_the_key_encryption_key_that_was_cut_off_is_found(gw: Operator) -> None:
    submitted(gw)
    made = wiring.key_encryption(gw.config).make()
    assert f"nothing needs: {made}" in finding(gw, Level.WARNING)
    with gw.opened() as gateway:
        gateway.keyring.activate(made)
    assert f"another key-encryption key than {made}: finish" in finding(gw, Level.WARNING)
    gw.done("gateway-key", "rotate", "--key", "key-encryption", "--step", "retire")
    assert finding(gw, Level.WARNING) == ""


def test_a_key_of_an_erased_case_that_still_stands_is_found(
    gw: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = submitted(gw)

    def away(_ring: SqlKeyring, _ids: object) -> int:
        raise CaseKeysUnavailable("away")

    with monkeypatch.context() as broken:
        broken.setattr(SqlKeyring, "destroy", away)
        gw.done("case", "erase", HOTLINE, case, "--reason", "asked", "--yes")
    assert "erased" in finding(gw, Level.WARNING)
    with gw.opened() as gateway:
        assert erasure.destroy_keys(gateway.ports) == 1
    assert finding(gw, Level.WARNING) == ""


def test_a_case_that_is_there_again_without_its_key_is_found(gw: Operator) -> None:
    case = submitted(gw)
    gw.type("backup", "--home", gw.folder, gw.folder.parent / "backup")
    gw.done("case", "erase", HOTLINE, case, "--reason", "asked", "--yes")
    restored = gw.type("restore", gw.folder.parent / "backup", "--home", gw.folder, "--yes")
    assert restored.exit_code == 0, restored.output
    told = finding(gw, Level.WARNING)
    assert "1 cases are there again whose keys were destroyed" in told


def test_nothing_starts_without_the_keys_database_and_none_is_made(gw: Operator) -> None:
    submitted(gw)
    for file in gw.folder.glob("keys.db*"):
        file.unlink()
    told = said(gw.admin("organisation", "admit", "x-office", *ADMISSION))
    assert "Bring the newest copy back" in told
    assert "missing" in finding(gw, Level.ERROR)
    assert not (gw.folder / "keys.db").exists()


def test_an_older_keys_database_is_found_and_new_cases_wait(gw: Operator) -> None:
    gw.type("backup-keys", "--home", gw.folder, gw.folder.parent / "older.db")
    case = submitted(gw)
    for file in gw.folder.glob("keys.db*"):
        file.unlink()
    shutil.move(gw.folder.parent / "older.db", gw.folder / "keys.db")
    assert f"{HOTLINE} {case}" in finding(gw, Level.ERROR)
    with pytest.raises(Exception, match="older than the content"):
        submitted(gw)
    with gw.opened() as gateway:
        unready = gate(Audience.PUBLIC, gateway).unready()
    assert unready is not None
    assert unready.reason == "case-keys-unavailable"
    gw.done("case", "erase", HOTLINE, case, "--reason", "its key is lost", "--yes")
    submitted(gw)
    assert "encrypted cases: 1;" in finding(gw, Level.OK)


def test_a_case_whose_key_is_lost_keeps_no_other_from_the_list(
    gw: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But where no key can be had at all, a short list would be a false one."""
    lost, kept = submitted(gw), submitted(gw)
    caller = Caller(HOTLINE, "desk", frozenset(SCOPES), HOST)
    with gw.opened() as gateway:
        with gateway.ports.begin(TransactionMode.READ) as work:
            key = work.cases.key_of(HOTLINE, lost)
        assert key is not None
        oldest = "DELETE FROM case_key WHERE id = (SELECT min(id) FROM case_key)"
        execute(gw.folder / "keys.db", oldest)
        assert not gateway.keyring.states([key])
        with pytest.raises(CaseKeysUnavailable):
            to_json(cases.look_up(gateway.ports, caller, lost))
        (one,) = to_json(cases.page(gateway.ports, caller, None, 10).items)
        assert str(one["case"]) == str(kept)

        def away(*_: object, **__: object) -> None:
            raise CaseKeysUnavailable("away")

        monkeypatch.setattr(SqlKeyring, "_read", away)
        with pytest.raises(CaseKeysUnavailable):
            cases.page(gateway.ports, caller, None, 10)


def test_a_case_whose_key_was_destroyed_is_in_no_list_and_its_list_needs_no_record(
    gw: Operator,
) -> None:
    """As after an older database was put in place, while its log stands frozen."""
    back, kept = submitted(gw), submitted(gw)
    caller = Caller(HOTLINE, "desk", frozenset(SCOPES), HOST)
    with gw.opened() as gateway:
        with gateway.ports.begin(TransactionMode.READ) as work:
            key, size = work.cases.key_of(HOTLINE, back), work.log.head().size
        assert key is not None
        gateway.keyring.destroy([key])
        (one,) = to_json(cases.page(gateway.ports, caller, None, 10).items)
        assert str(one["case"]) == str(kept)
        with gateway.ports.begin(TransactionMode.READ) as work:
            assert work.log.head().size == size


def test_who_lost_the_key_encryption_key_is_told(gw: Operator) -> None:
    submitted(gw)
    (kek,) = gw.config.keys.glob("kek-*")
    kek.unlink()
    assert "kek-" in finding(gw, Level.ERROR)
