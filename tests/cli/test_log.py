"""`casegate log`: the high-water mark is shown, and two persons adopt one where it was lost."""

import json
import shutil
from pathlib import Path

from gateway import wiring
from gateway.client.mirror import Mirror
from gateway.kernel.ports import TransactionMode
from gateway.verification.trust import TrustAnchors
from tests.cli.test_backup import ADOPT, grow, mark
from tests.ledger.copies import Served
from tests.operating import MARTIN, NEW, Operator, execute, said
from tests.store.samples import fact


def test_the_mark_is_shown_beside_the_database(gw: Operator) -> None:
    grow(gw)
    result = mark(gw, "status")
    assert (result.exit_code, "They agree." in result.stdout) == (0, True)
    shown = json.loads(mark(gw, "status", "--json").stdout)
    assert shown["mark"]["size"] == shown["database"]["size"] == NEW + 1
    assert shown["mark"]["note"].startswith(f"{gw.config.log_origin}\n{NEW + 1}\n")
    assert shown["frozen"] is None


def test_a_lost_mark_is_adopted_only_for_a_database_that_has_all_that_was_seen(
    gw: Operator,
) -> None:
    grow(gw)
    gw.lose_mark()
    assert "older copy" in said(mark(gw, *ADOPT, "--largest-size", NEW + 2))
    assert json.loads(mark(gw, "status", "--json").stdout)["mark"] is None
    result = mark(gw, *ADOPT, "--largest-size", NEW + 1)
    assert result.exit_code == 0, result.output
    with gw.opened() as gateway, gateway.ports.begin(TransactionMode.READ) as work:
        (named,) = [
            event for number, event in work.log.stream("gateway", 2, 9) if number == NEW + 2
        ]
        told = work.log.logged(named).event
    assert json.loads(told.document)["type"] == "log.mark_adopted"
    (said_of,) = [json.loads(one.value) for one in told.disclosures if one.kind == "subject"]
    assert (said_of["size"], said_of["largest_size"]) == (str(NEW + 1), str(NEW + 1))
    grow(gw)


def mirrored(gw: Operator) -> Path:
    """A mirror of the log as it is now."""
    folder = gw.folder.with_name("mirror")
    signer = wiring.load_log_signers(gw.config)[0]
    with gw.opened() as gateway, gateway.store.begin(TransactionMode.READ) as work:
        entries = work.log.entries(0, work.log.head().size)
    log = Served(signer)
    log.append(entries)
    Mirror(log.fetch, folder, TrustAnchors((signer.key,), (signer.name,))).step()
    return folder


def disagreement(gw: Operator, mirror: Path) -> str | None:
    """What `log status` tells of a mirror, and that its exit status is no success then."""
    result = mark(gw, "status", "--json", "--mirror", mirror)
    found: str | None = json.loads(result.stdout)["mirrors"][str(mirror)]
    assert result.exit_code == 1 or found is None
    return found


def test_a_mirror_shows_what_a_database_lacks_that_came_back_with_its_mark(gw: Operator) -> None:
    grow(gw)
    whole = gw.folder.with_name("whole")
    shutil.copytree(gw.folder, whole)
    grow(gw)
    grow(gw)
    mirror = mirrored(gw)
    assert disagreement(gw, mirror) is None
    older = Operator(whole)
    assert f"lacks the entries {NEW + 1} to {NEW + 2}" in str(disagreement(older, mirror))
    assert json.loads(mark(older, "status", "--json").stdout)["frozen"] is None
    grow(older)
    assert "not those that the log signed" in str(disagreement(older, mirror))
    grow(older)
    assert "is not the one that was signed" in str(disagreement(older, mirror))


def test_a_database_that_a_mirror_contradicts_is_not_adopted(gw: Operator) -> None:
    whole = gw.folder.with_name("whole")
    shutil.copytree(gw.folder, whole)
    grow(gw)
    mirror, other = mirrored(gw), Operator(whole)
    other.lose_mark()
    for size in (NEW, NEW + 1):  # whatever number the persons give
        result = mark(other, *ADOPT, "--largest-size", NEW, "--mirror", mirror)
        assert result.exit_code == 1
        assert json.loads(mark(other, "status", "--json").stdout)["mark"] is None
        assert other.size() == size
        if size == NEW:
            append_unsigned(other)


def append_unsigned(gw: Operator) -> None:
    """An entry of the gateway's own that nobody signed, since there is no mark."""
    with gw.opened() as gateway, gateway.store.begin(TransactionMode.WRITE) as work:
        work.log.record(fact("gateway", id_=gateway.ports.new_id()))
        work.commit()


def test_a_mirror_makes_the_largest_size_that_was_seen(gw: Operator) -> None:
    grow(gw)
    mirror = mirrored(gw)
    gw.lose_mark()
    assert mark(gw, *ADOPT, "--largest-size", 0, "--mirror", mirror).exit_code == 0
    with gw.opened() as gateway, gateway.ports.begin(TransactionMode.READ) as work:
        (_, named) = work.log.stream("gateway", NEW + 1, 1)[0]
        told = work.log.logged(named).event
    (said_of,) = [json.loads(one.value) for one in told.disclosures if one.kind == "subject"]
    assert said_of["largest_size"] == str(NEW + 1)


def test_a_folder_that_the_log_did_not_sign_is_no_mirror(gw: Operator, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    mirror = mirrored(gw)
    forged = mirror / "checkpoint"
    forged.write_bytes(forged.read_bytes().replace(b"\n%d\n" % NEW, b"\n%d\n" % (NEW + 1)))
    for folder in (tmp_path / "empty", mirror):
        assert "is no mirror of this log" in said(mark(gw, "status", "--mirror", folder))


def test_one_person_alone_adopts_no_database(gw: Operator) -> None:
    gw.lose_mark()
    for persons in (("--as", MARTIN), ("--as", MARTIN, "--as", MARTIN)):
        result = mark(gw, "adopt-mark", *persons, "--largest-size", NEW)
        assert result.exit_code != 0
    assert json.loads(mark(gw, "status", "--json").stdout)["mark"] is None


def test_a_mark_that_is_there_is_never_set_back(gw: Operator) -> None:
    grow(gw)
    assert "nobody may set it back" in said(mark(gw, *ADOPT, "--largest-size", 0))


def test_a_damaged_log_is_not_adopted(gw: Operator) -> None:
    gw.lose_mark()
    execute(gw.folder / "casegate.db", "UPDATE log_event SET document = 'x'")
    assert "the log is damaged" in said(mark(gw, *ADOPT, "--largest-size", NEW))
