"""The doctor tells who is late, confirms the log no more, or does not take notifications."""

from dataclasses import replace
from datetime import timedelta

from gateway import wiring
from gateway.domain import duty
from gateway.domain.duty import DutyKind
from gateway.domain.health import Level
from gateway.domain.notification import DeliveryWay, RefusedNotification
from gateway.kernel.ports import TransactionMode
from tests.doctor.finding import sentences
from tests.operating import Operator
from tests.store.samples import case, handoff
from tests.verification.logbook import witness

DAY = timedelta(days=1)


def test_an_authority_that_does_not_stamp_is_a_warning(gw: Operator) -> None:
    assert "authorities (0) and witnesses (0)" in sentences(gw, "confirmations", Level.OK)
    with (gw.folder / wiring.CONFIG_FILE).open("a") as file:
        file.write(
            '[[time_stamp_authority]]\nurl = "http://tsa.example/tsr"\nca_file = "tsa.pem"\n'
        )
    assert "no stamp of tsa.example" in sentences(gw, "confirmations", Level.WARNING)


def test_a_witness_that_does_not_cosign_is_a_warning(gw: Operator) -> None:
    with (gw.folder / "casegate.toml").open("a") as file:
        file.write(f'[[witness]]\nurl = "https://w.example/"\nkey = "{witness("w.example").key}"\n')
    assert "no cosignature of w.example" in sentences(gw, "confirmations", Level.WARNING)


def test_receivers_that_fail_and_what_they_refused_are_told(gw: Operator) -> None:
    with gw.opened() as gateway, gateway.ports.begin(TransactionMode.WRITE) as work:
        cursor = work.notifications.cursor("ofmin", DeliveryWay.NOTIFICATION)
        work.notifications.save(replace(cursor, failures=3))
        work.notifications.refuse(
            RefusedNotification("ofmin", gateway.ports.new_id(), 1, "x", "y", gateway.ports.now())
        )
        work.commit()
    told = sentences(gw, "notifications", Level.WARNING)
    assert "ofmin (0)" in told
    assert "ofmin (1)" in told


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
