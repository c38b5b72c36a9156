"""The doctor tells who confirms the log no more, and which receivers do not answer."""

from dataclasses import replace

from gateway import wiring
from gateway.domain.health import Level
from gateway.domain.notification import DeliveryWay, RefusedNotification
from gateway.kernel.ports import TransactionMode
from tests.doctor.finding import sentences
from tests.operating import Operator
from tests.verification.logbook import witness


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
