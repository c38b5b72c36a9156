"""A suspension stops a member at once, and is recorded once the log goes on."""

from gateway import wiring
from gateway.kernel.ports import TransactionMode
from gateway.maintenance.out_of_service import SUSPENSIONS
from gateway.maintenance.timetable import TIMETABLE
from gateway.maintenance.upkeep import Maintenance
from gateway.wiring import IssuingAuthority
from tests.maintenance.upkeeping import Clock
from tests.marks import raise_mark_file
from tests.operating import MARTIN, NEW, Operator


def test_a_member_is_suspended_while_the_log_is_frozen(gw: Operator) -> None:
    gw.done(
        *("organisation", "admit", "ofmin", "--name", "OFMIN", "--kind", "police_office"),
        *("--public-authority", "--country", "FR"),
    )
    mark = gw.folder / "high-water-mark"
    before = mark.read_bytes()
    raise_mark_file(mark, gw.config.log_origin)
    said = gw.done("organisation", "suspend", "ofmin", "--reason", "stolen keys", persons=(MARTIN,))
    assert "out of service" in said
    clock = Clock()
    clock.at = wiring.now()
    with gw.opened(clock) as gateway:
        upkeep = Maintenance(gateway, IssuingAuthority(gateway.config), TIMETABLE)
        upkeep.start()  # compared with the log, it stays stopped
        assert not _active(upkeep)
        assert gw.size() == NEW + 1
        mark.write_bytes(before)
        clock.at = wiring.now()
        upkeep.step()
        upkeep.step()
        assert not _active(upkeep)
        assert gw.size() == NEW + 2
        with gateway.ports.begin(TransactionMode.READ) as work:
            assert not work.organisations.out_of_service()
    assert not list((gw.folder / SUSPENSIONS).iterdir())


def _active(upkeep: Maintenance) -> bool:
    with upkeep.gateway.ports.begin(TransactionMode.READ) as work:
        found = work.organisations.get("ofmin")
    return found is not None and found.active
