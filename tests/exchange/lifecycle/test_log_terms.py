"""What the log says of persons ends with its term, by an event; the log verifies on."""

import json
from datetime import timedelta
from uuid import UUID

import pytest

from gateway.domain.refusals import NotFound, ValidationFailed, WrongState
from gateway.evidence import event as event_document
from gateway.exchange.lifecycle import log_terms
from gateway.kernel.actors import GATEWAY
from gateway.kernel.changes import Change
from gateway.kernel.ports import TransactionMode
from gateway.store.log_integrity import verify_log
from tests.casework import accepted, consulted, offered, submitted
from tests.each import each
from tests.founded_gateway import HOTLINE, OFMIN, Founded
from tests.log_check import registry_compared

YEAR, DAY = timedelta(days=366), timedelta(days=1)
PERSONAL = {"by", "roles", "assessors", "cleared_by", "approved_by", "reason_code", "reason"}


@pytest.fixture
def handoff(gateway: Founded) -> UUID:
    """A handoff that both sides acted in, and police consulted."""
    one = accepted(gateway, offered(gateway))
    consulted(gateway, one)
    return one


def told(gateway: Founded, organisation: str) -> list[tuple[str, dict]]:
    """The events of a stream: type, and the details that are left, by kind."""
    logged = gateway.stream(organisation)
    return [
        (
            event_document.read(one.event.document)["type"],
            {d.kind: d.value for d in one.event.disclosures},
        )
        for one in logged
        if one is not None
    ]


def personal(gateway: Founded, organisation: str, action: str) -> set[str]:
    (details,) = (details for typ, details in told(gateway, organisation) if typ == action)
    return PERSONAL & details.keys()


def erasures(gateway: Founded, organisation: str = GATEWAY) -> list[dict]:
    return [
        json.loads(details["subject"])
        for typ, details in told(gateway, organisation)
        if typ == "log.details_erased"
    ]


def finish(gateway: Founded, later: timedelta = timedelta(0)) -> None:
    """Erase what has ended, after so much time more."""
    gateway.clock.advance(later)
    while log_terms.erase_details(gateway.ports):
        pass


def held(gateway: Founded, **values) -> UUID:
    review = (gateway.clock() + 300 * DAY).date().isoformat()
    asked = {"reference": "12/345", "review_on": review, **values}
    return UUID(gateway.administer("log_hold.set", GATEWAY, **asked).result["log_hold"])


def released(gateway: Founded, hold: UUID) -> None:
    gateway.administer("log_hold.end", GATEWAY, log_hold=str(hold), reason="closed")


def whole(gateway: Founded) -> None:
    with gateway.store.begin(TransactionMode.READ) as work:
        verify_log(work, lambda done, of: None)


def test_details_end_by_the_regime_of_who_acted(gateway, handoff):
    finish(gateway, YEAR)
    assert personal(gateway, HOTLINE, "handoff.offered") == set()
    assert {"by", "roles"} <= personal(gateway, OFMIN, "handoff.accepted")
    assert {"by", "reason_code"} <= personal(gateway, OFMIN, "case.consulted")
    finish(gateway, 2 * YEAR)
    assert personal(gateway, OFMIN, "handoff.accepted") == set()
    assert personal(gateway, OFMIN, "case.consulted") == set()


def test_the_event_gives_range_and_number_to_who_acted(gateway, handoff):
    finish(gateway, YEAR)
    (one,) = erasures(gateway, HOTLINE)
    assert (one["organisation"], one["years"]) == (HOTLINE, 1)
    assert one["first"] <= one["last"] < gateway.size()
    assert 0 < one["entries"] <= one["details"]
    assert erasures(gateway, OFMIN) == []


def test_what_was_erased_is_erased_once_and_the_log_is_whole(gateway, handoff):
    finish(gateway, YEAR)
    before = gateway.size()
    finish(gateway)
    assert gateway.size() == before
    whole(gateway)


def test_the_registry_is_still_what_its_events_say(gateway, handoff):
    finish(gateway, 4 * YEAR)
    granted = [details for typ, details in told(gateway, OFMIN) if typ == "mandate.granted"]
    assert granted
    assert all("by" in details for details in granted)


def test_what_was_refused_to_administrators_ends_after_a_year(gateway):
    change = Change("log_hold.end", GATEWAY, {"log_hold": str(UUID(int=1)), "reason": "x"})
    gateway.unmade(NotFound, change)
    finish(gateway, YEAR)
    (details,) = (d for typ, d in told(gateway, GATEWAY) if typ == "log_hold.ended")
    assert details.keys() <= {"party", "rules"}


# --- Log holds -----------------------------------------------------------------------------------


@pytest.mark.parametrize("values", [{}, {"member": HOTLINE}], ids=["all", "one member"])
def test_a_hold_keeps_what_would_end_until_two_end_it(gateway, handoff, values):
    hold = held(gateway, **values)
    finish(gateway, YEAR)
    assert "by" in personal(gateway, HOTLINE, "handoff.offered")
    released(gateway, hold)
    finish(gateway)
    assert personal(gateway, HOTLINE, "handoff.offered") == set()


def test_a_hold_of_another_member_keeps_nothing(gateway, handoff):
    held(gateway, member=OFMIN)
    finish(gateway, YEAR)
    assert personal(gateway, HOTLINE, "handoff.offered") == set()


def test_a_hold_on_a_case_keeps_what_anybody_did_with_it(gateway, handoff):
    submitted(gateway)
    hold = held(gateway, member=HOTLINE, case=str(gateway.handoff(handoff).case))
    finish(gateway, 4 * YEAR)
    assert "by" in personal(gateway, HOTLINE, "handoff.offered")
    assert "by" in personal(gateway, OFMIN, "handoff.accepted")
    submissions = [d for typ, d in told(gateway, HOTLINE) if typ == "case.submitted"]
    assert len(submissions) == 2
    assert sum("by" in one for one in submissions) == 1
    released(gateway, hold)
    finish(gateway)
    assert personal(gateway, OFMIN, "handoff.accepted") == set()
    whole(gateway)


def test_a_hold_whose_row_was_taken_away_keeps_everything(gateway, handoff):
    held(gateway, member=HOTLINE)
    gateway.store.change("DELETE FROM log_hold")
    with gateway.ports.begin(TransactionMode.REGISTRY) as work:
        differing = registry_compared(gateway).differing
        work.organisations.put_out_of_service(differing)
        work.commit()
    gateway.beside.update(name for _, name in differing)
    finish(gateway, YEAR)
    assert "by" in personal(gateway, HOTLINE, "handoff.offered")


def test_the_member_of_a_hold_reads_its_event(gateway):
    held(gateway, member=HOTLINE)
    assert told(gateway, HOTLINE)[-1][0] == "log_hold.set"
    assert "log_hold.set" not in [typ for typ, _ in told(gateway, OFMIN)]


@each(
    "values, refusal",
    [
        ({"member": "nobody"}, NotFound),
        ({"case": str(UUID(int=7))}, ValidationFailed),
        ({"member": HOTLINE, "case": str(UUID(int=7))}, ValidationFailed),
        ({"review_on": "2020-01-01"}, ValidationFailed),
        ({"review_on": "2040-01-01"}, ValidationFailed),
    ],
)
def test_a_hold_names_what_there_is_and_a_review_within_a_year(gateway, values, refusal):
    review = (gateway.clock() + DAY).date().isoformat()
    asked = {"reference": "12/345", "review_on": review, **values}
    gateway.unmade(refusal, Change("log_hold.set", GATEWAY, asked))
    with gateway.ports.begin(TransactionMode.READ) as work:
        assert not work.log_terms.holds()


def test_a_hold_ends_once(gateway):
    hold = held(gateway)
    released(gateway, hold)
    change = Change("log_hold.end", GATEWAY, {"log_hold": str(hold), "reason": "again"})
    gateway.unmade(WrongState, change)
