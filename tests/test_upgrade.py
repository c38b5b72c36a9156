"""A gateway of 2d826964 that held one of all that left: told beforehand, whole afterwards."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from gateway import wiring
from gateway.client.errors import RequestRefused
from gateway.doctor.checks import run_checks
from gateway.domain.audit import AuditFilters
from gateway.domain.handoff import HandoffState, RecallAnswer
from gateway.domain.health import Finding, Level
from gateway.domain.read_only import EVENTS
from gateway.domain.refusals import Forbidden, NoCompetentOrganisation
from gateway.exchange.case import measures
from gateway.exchange.case.measures import MeasureEnd
from gateway.exchange.handoffs import offers, package_consultation
from gateway.kernel.ports import TransactionMode
from gateway.maintenance.timetable import TIMETABLE
from gateway.maintenance.upkeep import Maintenance
from tests import answers
from tests.casework import OPENING, conditions_of, offer_of, submitted, updated
from tests.each import each
from tests.founded_gateway import ABROAD, HOTLINE, OFMIN
from tests.log_check import check_log
from tests.operating import Operator
from tests.upgraded import EXPECTED, STOPPED, Desks, going_on, kept, noted, upgraded

UNIT, CONTACT = "unit-b", "police-abroad"
HOUR = timedelta(hours=1)


@pytest.fixture
def home(tmp_path: Path) -> Operator:
    return upgraded(tmp_path)


@pytest.fixture
def stage(home: Operator) -> Iterator[Desks]:
    with going_on(home) as opened:
        yield opened


def findings(home: Operator, after: timedelta = timedelta(0)) -> list[Finding]:
    return list(run_checks(home.config, STOPPED + after, tell=lambda _done, _all: None))


TOLD = {
    "reports owed of how a correction was applied: 4; tell hotline-abroad, ofmin",
    "contests of embargoes: 3; tell ofmin, point-de-contact",
    "mandates of the function single_point_of_contact: 3; tell police-abroad, unit-b",
    "successions planned of such mandates: 1; tell police-abroad, unit-b",
    "the right to accept or open handoffs that were addressed to such mandates: 4; "
    "tell ofmin, police-abroad",
    "recusals of persons: 3; tell ofmin, point-de-contact",
    "service hours: 2; tell hotline-abroad, ofmin",
    "proposals of what can be done no more: 2; tell a-martin",
}


OF_THE_HOST = frozenset(
    {"permissions", "issuing_key", "administrators", "clock", "backups", "rehearsal", "due"}
)
"""Checks that tell of the machine, of keys and copies beside the database, and what members owe."""


def troubles(home: Operator) -> list[str]:
    """What doctor finds in the database and its log; the mark lies on one disk with them, or all is
    in memory."""
    found = [one for one in findings(home) if one.level is not Level.OK]
    where = ("mark is on the disk", "is in memory")
    return [
        one.sentence
        for one in found
        if one.check not in OF_THE_HOST and not any(said in one.sentence for said in where)
    ]


def test_doctor_lists_what_the_upgrade_ends_and_who_should_hear(tmp_path):
    found = findings(kept(tmp_path))
    told = {one.sentence for one in found if one.check == "schema" and one.level is Level.WARNING}
    assert {one for one in told if one.startswith("the upgrade ends ")} == {
        f"the upgrade ends {one}" for one in TOLD
    }
    assert not [one for one in found if one.level is Level.ERROR]


def test_the_upgraded_gateway_is_whole(home):
    assert troubles(home) == []
    assert not [one for one in findings(home) if one.level is Level.ERROR]


@pytest.mark.slow
def test_a_backup_before_the_upgrade_is_whole_too_and_upgraded_when_it_is_restored(tmp_path):
    home, backup = kept(tmp_path), tmp_path / "backup"
    for words in (("backup", backup), ("restore", backup)):
        result = home.type(*words, "--home", home.folder, input="y\n")
        assert result.exit_code == 0, result.output
    assert troubles(home) == []
    assert not [one for one in findings(home) if one.level is Level.ERROR]


def test_its_members_go_on(home):
    with going_on(home) as stage:
        gateway = stage.gateway
        offer = noted("open offer")
        conditions = conditions_of(gateway, offer, OFMIN)
        gateway.answer(OFMIN, answers.accept, offer, conditions=conditions)
        gateway.act(OFMIN, package_consultation.consult, offer, OPENING)
        recalled = noted("recalled, unanswered")
        gateway.answer(UNIT, answers.acknowledge_recall, recalled)
        done = str(RecallAnswer.COPIES_ERASED)
        gateway.answer(UNIT, answers.answer_recall, recalled, done=done)
        updated(gateway, noted("update owed"))
        gateway.answer(OFMIN, answers.acknowledge, noted("update owed"))
        gateway.answer(OFMIN, answers.apply, noted("application owed"), done="rectified")
        end = MeasureEnd(noted("contested embargo"), "officer-1")
        gateway.act(OFMIN, measures.on_handoff, noted("contested embargo, handoff"), end)
        gateway.interest(ABROAD, "other.example")
        added = [one["type"] for one in check_log(gateway)][445:]
        assert added[-3:] == ["handoff.applied", "case.measure_ended", "interest.declared"]
    assert not [one for one in findings(home, HOUR) if one.level is Level.ERROR]


def test_nobody_owes_what_left_and_what_is_due_is_listed_by_what_is_owed(home):
    with going_on(home) as stage, stage.gateway.ports.begin(TransactionMode.READ) as work:
        for name in ("application owed", "contested embargo, handoff"):
            assert not work.duties.of(noted(name), open_only=True)
            assert work.handoffs.get(noted(name)).due_at is None
        assert work.handoffs.get(noted("open offer")).due_at is not None


def test_nothing_that_came_before_the_upgrade_waits_and_what_comes_after_it_does(home):
    with going_on(home) as stage:
        gateway = stage.gateway
        with gateway.ports.begin(TransactionMode.READ) as work:
            for slug in (HOTLINE, OFMIN, ABROAD, UNIT, CONTACT):
                listed = work.duties.owed_by(slug, None, 1000)
                assert not [one for one in listed if one.duty.arrived]
        offer = noted("open offer")
        gateway.answer(OFMIN, answers.decline, offer, "not ours")
        assert gateway.arrived(offer) == {HOTLINE: ["handoff.declined"]}
    assert not [one for one in findings(home, HOUR) if one.level is Level.ERROR]


def test_a_mandate_of_the_function_that_left_opens_nothing_and_its_offers_are_declined(home):
    with going_on(home) as stage:
        gateway = stage.gateway
        held, offered = noted("request accepted"), noted("request open")
        gateway.refused(Forbidden, CONTACT, package_consultation.consult, held, OPENING)
        said = answers.said("officer-1", conditions=conditions_of(gateway, offered, CONTACT))
        gateway.refused(Forbidden, CONTACT, answers.accept, offered, said)
        gateway.answer(CONTACT, answers.decline, offered, "by the national channel")
        assert gateway.handoff(offered).state is HandoffState.DECLINED
        case = UUID(submitted(gateway, originator=OFMIN).result["case"])
        wanted = offer_of(gateway, "single_point_of_contact/csam/BE")
        gateway.refused(NoCompetentOrganisation, OFMIN, offers.offer, case, wanted)


@pytest.mark.slow
def test_what_time_brings_comes_without_alarm_and_moves_no_such_mandate(home):
    with going_on(home) as stage:
        gateway = stage.gateway
        upkeep = Maintenance(stage.runtime, wiring.IssuingAuthority(home.config), TIMETABLE)
        for days in (1, 40, 60):
            gateway.clock.advance(timedelta(days=days))
            upkeep.step()
            assert list(upkeep.alarms()) == []
        assert gateway.handoff(noted("request open")).state is HandoffState.OFFERED
        check_log(gateway)


SEARCHED = sorted({*EVENTS} - {"registry.consult"})  # of which the kept log has none


@each("action", SEARCHED)
def test_a_search_finds_what_nobody_can_do_any_more(stage, action):
    asked = AuditFilters(actions=(action,))
    searches = stage.desk(ABROAD).audit("auditor-1", "lawfulness", "a check", asked)
    found = [one for search in searches for one in search.events]
    assert {one.confirmed.event["type"] for one in found} == {EVENTS[action][0]}


@pytest.mark.slow
@each("organisation", [HOTLINE, OFMIN, CONTACT, ABROAD, UNIT])
def test_its_members_read_their_streams_and_all_their_handoffs(stage, organisation):
    desk = stage.desk(organisation)
    assert list(desk.events())
    boxes = [one["handoff"] for box in (desk.inbox, desk.sent) for one in box()]
    assert boxes
    for one in boxes:
        try:
            assert desk.handoff(one)["handoff"] == one
        except RequestRefused as refused:
            assert "the case was erased" in str(refused)


EXPORTED = {
    "application given": OFMIN,
    "application disputed": HOTLINE,
    "reservation withdrawn": HOTLINE,
    "reservation withdrawn, signed": UNIT,
    "request accepted": CONTACT,
    "request delayed": OFMIN,
    "marked by a judge": UNIT,
    "contested embargo, handoff": OFMIN,
}


@pytest.mark.slow
@each("name", sorted(EXPORTED))
def test_what_is_exported_now_says_what_the_kept_file_says(home, stage, name):
    file = home.folder.parent / f"files/{name.replace(', ', '-').replace(' ', '-')}.bundle.json"
    trust = home.folder.parent / "trust"
    again = home.folder / "again.json"
    again.write_bytes(stage.desk(EXPORTED[name]).export(noted(name)))
    status = [home.type("verify", one, "--trust", trust).exit_code for one in (file, again)]
    assert status == [EXPECTED[file.name]] * 2


COMMANDS = {"stream": ("audit", "check-stream"), "search.json": ("audit", "account")}


@each("name", sorted(EXPECTED))
def test_a_kept_file_is_verified_as_it_was(home, name):
    folder = home.folder.parent
    copy = folder / "files/copy"
    words = COMMANDS.get(name.split("-")[0], ("verify",))
    typed = (*words, folder / "files" / name, *(("--log", copy) if words[0] == "audit" else ()))
    if name == "copy":
        typed = ("audit", "check-copy", copy)
    result = home.type(*typed, "--trust", folder / "trust")
    assert result.exit_code == EXPECTED[name], result.output
