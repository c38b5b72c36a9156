"""The doctor tells what administrators and members owe, or have to decide."""

from datetime import timedelta
from pathlib import Path

from gateway import wiring
from gateway.domain import duty
from gateway.domain.duty import DutyKind
from gateway.domain.health import Level
from gateway.kernel.ports import TransactionMode
from tests.doctor.finding import findings, sentences, the
from tests.operating import ISSUER, Operator
from tests.store.samples import case, handoff

DAY = timedelta(days=1)


def add_bernard(gw: Operator, own: Path) -> None:
    """Take on a third administrator, whose key is made in a new folder."""
    gw.done("administrator", "create-key", own, "--person", "bernard", "--issuer", ISSUER)
    given = ("--jwk", own / "key.jwk", "--proof", own / "key.proof")
    gw.done("administrator", "add", "bernard", "--name", "C. Bernard", *given)


def test_the_keys_of_enabled_administrators_on_the_host_are_a_warning(gw: Operator) -> None:
    add_bernard(gw, gw.folder.parent / "own")
    told = sentences(gw, "administrators", Level.WARNING)
    assert "keys of 2 enabled administrators are on this machine" in told
    assert f"{gw.config.people}/martin.pem" in told
    (gw.config.people / "martin.pem").unlink()
    assert "keys of 1 " in sentences(gw, "administrators", Level.WARNING)
    (gw.config.people / "dubois.pem").unlink()
    assert "two can disable a third" in sentences(gw, "administrators", Level.OK)


def test_with_two_administrators_neither_can_be_disabled(gw: Operator, tmp_path: Path) -> None:
    assert "2 administrators" in sentences(gw, "administrators", Level.WARNING)
    add_bernard(gw, tmp_path / "own")
    assert "3 administrators" in sentences(gw, "administrators", Level.OK)
    gw.done("administrator", "disable", "bernard", "--reason", "left")
    assert "2 administrators" in sentences(gw, "administrators", Level.WARNING)


def test_a_log_hold_is_listed_and_its_missed_review_is_a_warning(gw: Operator) -> None:
    review = (wiring.now() + 10 * DAY).date().isoformat()
    gw.done("log-hold", "set", "--reference", "12/345", "--review-on", review)
    assert "log holds in force: 1;" in the(findings(gw), "log_holds", Level.OK)
    (hold,) = gw.told("log-hold", "list", persons=())["items"]
    assert (hold["reference"], hold["review_missed"]) == ("12/345", False)
    assert hold["log_hold"] in the(findings(gw, 12 * DAY), "log_holds", Level.WARNING)
    gw.done("log-hold", "end", hold["log_hold"], "--reason", "closed")
    assert "log holds in force: 0;" in the(findings(gw, 12 * DAY), "log_holds", Level.OK)


def test_what_waits_for_administrators_is_counted(gw: Operator) -> None:
    assert "nothing waits" in the(findings(gw), "waiting", Level.OK)
    admission = ("--name", "OFMIN", "--kind", "police_office", "--country", "FR")
    led = ("--public-authority", "--regime", "led")
    gw.done("organisation", "admit", "ofmin", *admission, *led, persons=("martin",))
    told = the(findings(gw), "waiting", Level.OK)
    assert "1 proposals and 0 organisations" in told
    assert "casegate admin waiting" in told


def test_duties_that_are_overdue_are_a_warning(gw: Operator) -> None:
    assert "no duty" in sentences(gw, "due", Level.OK)
    file, version = case()
    offered, offer = handoff(file, due_at=None)
    with gw.opened() as gateway, gateway.ports.begin(TransactionMode.WRITE) as work:
        now = gateway.ports.now()
        owed = duty.begin(offered, DutyKind.ANSWER, gateway.ports.new_id(), now, now + DAY)
        work.cases.add(file, version)
        work.handoffs.add(offered, offer)
        work.duties.add(owed)
        work.commit()
    assert "no duty" in sentences(gw, "due", Level.OK)
    assert "duties of members overdue: 1" in sentences(gw, "due", Level.WARNING, 2 * DAY)
