"""Erasure: by two persons or on the day, told as an event, and nothing opens afterwards."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import pytest

from gateway.domain.case import CaseState
from gateway.domain.duty import DutyKind
from gateway.domain.handoff import HandoffState
from gateway.domain.refusals import (
    Busy,
    CaseErased,
    CaseKeysUnavailable,
    Forbidden,
    InvalidApproval,
    LogFrozen,
    NotFound,
    ValidationFailed,
    WrongState,
)
from gateway.evidence import canonical, receipt
from gateway.exchange.case import cases
from gateway.exchange.case.cases import CaseStepRequest
from gateway.exchange.handoffs import offers, package_consultation, views
from gateway.exchange.handoffs.views import HandoffQuery
from gateway.exchange.lifecycle import erasure, worklist
from gateway.exchange.oversight import audit
from gateway.exchange.results import WorklistRow
from gateway.kernel.changes import Change
from gateway.kernel.ports import TransactionMode
from gateway.kernel.results import to_json
from gateway.kernel.values import SentHandoff
from tests import answers
from tests.casework import (
    OPENING,
    accepted,
    conditions_of,
    consulted,
    element_id,
    offer_of,
    offered,
    revised,
    submitted,
)
from tests.founded_gateway import (
    ABROAD,
    ALICE,
    BENOIT,
    CSAM_FR,
    HOTLINE,
    OFMIN,
    Founded,
    caller,
    fields_of,
    make_change,
    refused_on_record,
    shown,
)
from tests.log_check import handoffs_compared, rows_are_whole

TO_THE_DAY = timedelta(days=4000)
DAY = timedelta(days=1)


def id_of(case):
    return UUID(case.result["case"])


def handed_over(gateway, *, close=True):
    """A case that was offered, accepted and opened; its id and its handoff."""
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    consulted(gateway, handoff)
    if close:
        gateway.answer(OFMIN, answers.close, handoff)
        gateway.act(HOTLINE, cases.close, id_of(case), CaseStepRequest("agent-1"))
    return id_of(case), handoff


def change(case, originator=HOTLINE, **values):
    asked = {"case": str(case), "reason": "a court's order", **values}
    return Change("case.erase", originator, asked)


def erase(gateway, case, *people, **values):
    made = change(case, **values)
    return gateway.do(make_change, made, gateway.approve(made, *people))


def refused(gateway, kind, made, *people):
    """An erasure is refused, on record."""
    gateway.unmade(kind, made, *people)


def on_the_day(gateway, expected=1):
    gateway.clock.advance(TO_THE_DAY)
    assert erasure.erase_due(gateway.ports) == expected


def key_of(gateway, case):
    with gateway.ports.begin(TransactionMode.READ) as work:
        return work.cases.key_of(HOTLINE, case)


def away(*_):
    raise CaseKeysUnavailable("away")


def told(receipt):
    return canonical.decode(shown(receipt)["subject"].encode())


def test_two_administrators_erase_a_closed_case_before_its_day_once(gateway):
    case, handoff = handed_over(gateway)
    before = list(gateway.receipts)
    written = erase(gateway, case)
    assert (written.result["state"], written.result["key"]) == ("erased", "destroyed")
    assert gateway.case(case).state is CaseState.ERASED
    for one in (*before, written.receipt):
        gateway.confirm(one)
    document = fields_of(written.receipt)
    assert (document["type"], document["operation"]) == ("case.erased", "erasure")
    assert document["case_digest"] == gateway.case(case).digest
    assert told(written.receipt) == {
        "organisation": HOTLINE,
        "case": str(case),
        "versions": 1,
        "statements": 3,
        "why": "early",
        "reason": "a court's order",
    }
    assert shown(written.receipt)["by"] == [ALICE, BENOIT]
    assert gateway.handoff(handoff).state is HandoffState.CLOSED, "as it had ended before"
    refused(gateway, WrongState, change(case))


def test_one_administrator_alone_erases_nothing_before_its_day(gateway):
    case, _ = handed_over(gateway)
    refused(gateway, Forbidden, change(case), ALICE)
    refused(gateway, InvalidApproval, change(case), ALICE, ALICE)
    assert gateway.case(case).state is CaseState.CLOSED


@pytest.mark.parametrize("why", ["its day", "its key is lost"])
def test_a_case_that_is_not_closed_is_erased_on_its_day_or_when_its_key_is_lost(gateway, why):
    case, _ = handed_over(gateway, close=False)
    refused(gateway, WrongState, change(case))
    assert gateway.case(case).state is CaseState.CLEARED
    if why == "its day":
        gateway.clock.advance(TO_THE_DAY)
        assert told(erase(gateway, case, ALICE).receipt)["why"] == "due"
    else:
        gateway.ports.keys.lost.add(key_of(gateway, case))
        assert erase(gateway, case).result["state"] == "erased"


def test_only_a_case_that_is_there_is_erased(gateway):
    case, _ = handed_over(gateway)
    for made in (change(gateway.new_id()), change(case, OFMIN)):
        refused(gateway, NotFound, made)


def test_a_case_is_erased_by_itself_from_its_day_on_and_not_before(gateway):
    case, _ = handed_over(gateway, close=False)
    gateway.day = gateway.clock().date() + TO_THE_DAY  # a simulated date erases nothing
    assert erasure.erase_due(gateway.ports) == 0
    gateway.day = None
    gateway.clock.advance(gateway.case(case).erase_on - gateway.clock().date() - DAY)
    assert erasure.erase_due(gateway.ports) == 0
    gateway.clock.advance(DAY)
    assert erasure.erase_due(gateway.ports) == 1
    assert gateway.case(case).state is CaseState.ERASED
    assert len(gateway.ports.keys.gone) == 1
    assert erasure.erase_due(gateway.ports) == 0


def test_a_case_whose_day_was_put_off_meanwhile_is_kept(gateway, monkeypatch):
    case, other = submitted(gateway), id_of(submitted(gateway))
    gateway.clock.advance(gateway.case(other).erase_on - gateway.clock().date())
    with gateway.ports.begin(TransactionMode.READ) as work:
        due = work.cases.due(gateway.clock().date(), 10)
        monkeypatch.setattr(type(work.cases), "due", lambda *_: due)
    later = gateway.clock().date() + timedelta(days=30)
    revised(gateway, case, marking={"erase_on": later.isoformat()})
    assert len(due) == 2
    assert erasure.erase_due(gateway.ports) == 1
    assert gateway.case(other).state is CaseState.ERASED
    assert gateway.case(id_of(case)).state is not CaseState.ERASED


@pytest.mark.parametrize(
    ("limit", "most", "expected"), [("AT_ONCE", 2, [2, 2, 1, 0]), ("EVENTS_AT_ONCE", 4, [2, 1, 0])]
)
def test_many_due_cases_go_in_batches_of_so_many_cases_and_events(
    gateway, monkeypatch, limit, most, expected
):
    monkeypatch.setattr(erasure, limit, most)
    for _ in range(sum(expected)):
        case = submitted(gateway)
        if limit == "EVENTS_AT_ONCE":
            offered(gateway, case)
    gateway.clock.advance(TO_THE_DAY)
    assert [erasure.erase_due(gateway.ports) for _ in expected] == expected


def test_a_case_that_cannot_be_erased_keeps_no_other(gateway, monkeypatch):
    bad, *others = [id_of(submitted(gateway)) for _ in range(3)]
    take_away = erasure._erase

    def failing(ports, work, event, erased, why):
        if erased.id == bad:
            raise ZeroDivisionError
        return take_away(ports, work, event, erased, why)

    monkeypatch.setattr(erasure, "_erase", failing)
    on_the_day(gateway, 2)
    assert {gateway.case(one).state for one in others} == {CaseState.ERASED}
    with pytest.raises(ZeroDivisionError):
        erasure.erase_due(gateway.ports)
    assert gateway.case(bad).state is not CaseState.ERASED


@pytest.mark.parametrize(
    "refusal", [Busy("later"), LogFrozen("behind"), CaseKeysUnavailable("away")]
)
def test_an_erasure_that_stands_is_told_though_its_key_is_still_there(
    gateway, monkeypatch, refusal
):
    case, _ = handed_over(gateway)

    def fail(ports):
        raise refusal

    monkeypatch.setattr(erasure, "destroy_keys", fail)
    assert erase(gateway, case).result["key"] == "will be destroyed by maintenance"
    assert gateway.case(case).state is CaseState.ERASED


def test_no_version_brings_an_erasure_forward_and_no_case_begins_with_a_day_that_destroys_it(
    gateway,
):
    case = submitted(gateway)
    accepted(gateway, offered(gateway, case))
    day, today = gateway.case(id_of(case)).erase_on, gateway.clock().date()
    with pytest.raises(ValidationFailed) as failed:
        revised(gateway, case, marking={"erase_on": (today + 30 * DAY).isoformat()})
    assert {pointer for pointer, _ in failed.value.errors} == {"/content/marking/erase_on"}
    assert gateway.case(id_of(case)).erase_on == day
    revised(gateway, case, marking={"erase_on": (day + DAY).isoformat()})
    with pytest.raises(ValidationFailed):
        submitted(gateway, marking={"erase_on": today.isoformat()})


def in_box(gateway, party, box, **asked):
    where = {"box": box, "after": None, "limit": 10, "wanted": HandoffQuery(**asked)}
    return to_json(views.page(gateway.ports, caller(party), **where).items)


def _boxes(gateway):
    return [*in_box(gateway, HOTLINE, "out"), *in_box(gateway, OFMIN, "in")]


def test_an_open_handoff_ends_with_its_case_and_the_lists_say_why(gateway):
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    waiting = offered(gateway, case, again="test").result["handoff"]
    on_the_day(gateway)
    for party, box in ((OFMIN, "in"), (HOTLINE, "out")):
        found = in_box(gateway, party, box)
        listed = {one["handoff"]: (one["state"], one["ended_by"]) for one in found}
        assert listed == dict.fromkeys((str(handoff), waiting), ("lapsed", "case_erased"))


def streamed(gateway, party, typ):
    """The events of a type in a party's stream, each verified."""
    page = to_json(audit.stream(gateway.ports, caller(party), 0, 1000))
    found = [receipt.from_json(one["receipt"]) for one in page["events"]]
    for one in found:
        gateway.confirm(one)
    return [one for one in found if fields_of(one)["type"] == typ]


def erasures_told(gateway, party):
    return streamed(gateway, party, "case.erased")


def test_the_originator_learns_which_case_was_erased_and_each_office_which_handoff(gateway):
    case, handoff = handed_over(gateway)
    written = erase(gateway, case)
    (mine,) = erasures_told(gateway, HOTLINE)
    assert fields_of(mine)["id"] == written.result["event"]
    assert "handoff" not in fields_of(mine)
    assert told(mine)["case"] == str(case)
    assert "by" not in shown(mine)
    (theirs,) = erasures_told(gateway, OFMIN)
    assert fields_of(theirs)["handoff"] == str(handoff)
    assert fields_of(theirs)["case_digest"] == gateway.handoff(handoff).case_digest
    assert told(theirs)["copy"] == "waits"  # it is under led, and stated no retention


def test_an_office_learns_once_for_each_handoff_of_the_version_that_it_was_offered(gateway):
    """The newest version's digest would tell it nothing: it never saw that one."""
    case = submitted(gateway)
    sent = {offered(gateway, case, again="test").result["handoff"] for _ in range(3)}
    revised(gateway, case)
    on_the_day(gateway)
    theirs = [fields_of(one) for one in erasures_told(gateway, OFMIN)]
    assert sorted(one["handoff"] for one in theirs) == sorted(sent)
    assert {one["case_digest"] for one in theirs} == {case.result["digest"]}
    (mine,) = erasures_told(gateway, HOTLINE)
    assert fields_of(mine)["case_digest"] != case.result["digest"]


def test_a_case_of_any_number_of_handoffs_is_erased(gateway, monkeypatch):
    """Each event stays as small as it is for one: together they would outgrow a document."""
    digest, state = submitted(gateway).result["digest"], HandoffState.OFFERED
    sent = [SentHandoff(gateway.new_id(), f"office-{n}", digest, state) for n in range(300)]
    with gateway.ports.begin(TransactionMode.READ) as work:
        monkeypatch.setattr(type(work.handoffs), "sent_of", lambda *_: sent)
    size = gateway.size()
    on_the_day(gateway)
    assert gateway.size() == size + 1 + len(sent)


def test_nothing_of_an_erased_case_opens_for_anybody_and_that_is_recorded(gateway):
    case, handoff = handed_over(gateway)
    waiting = id_of(open_ := submitted(gateway))
    offer = UUID(offered(gateway, open_).result["handoff"])
    conditions = conditions_of(gateway, offer, OFMIN)
    erase(gateway, case)
    on_the_day(gateway)
    assert gateway.case(waiting).state is CaseState.ERASED
    hotline, office = caller(HOTLINE), caller(OFMIN)
    attempts = [
        (cases.look_up, hotline, case),
        (cases.consult, hotline, gateway.key(), case, OPENING),
        (cases.close, hotline, gateway.key(), case, CaseStepRequest("agent-1")),
        (views.look_up, hotline, handoff),
        (views.look_up, office, handoff),
        (package_consultation.consult, office, gateway.key(), handoff, OPENING),
        (offers.offer, hotline, gateway.key(), case, offer_of(gateway)),
        (answers.decline, office, gateway.key(), offer, answers.said("officer-1", "no")),
        (
            *(answers.accept, office, gateway.key(), offer),
            answers.said("officer-1", conditions=conditions),
        ),
    ]
    for action, *args in attempts:
        refused_on_record(gateway, CaseErased, action, *args)
        gateway.confirm(gateway.receipts[-1])
        assert fields_of(gateway.receipts[-1])["result"] == "wrong_state"
    assert to_json(cases.page(gateway.ports, hotline, None, 10).items) == []
    assert {one["handoff"] for one in _boxes(gateway)} == {str(handoff), str(offer)}


def test_a_reader_with_an_interest_still_lists_what_is_left_of_an_erased_case(gateway):
    case, _ = handed_over(gateway)
    gateway.interest(OFMIN, "elsewhere.example")
    before = _boxes(gateway)
    erase(gateway, case)
    assert _boxes(gateway) == [{**one, "matter": []} for one in before]


def test_a_reader_with_an_interest_lists_the_other_handoffs_when_one_key_is_lost(
    gateway, monkeypatch
):
    (lost, of_lost), (_, other) = (handed_over(gateway, close=False) for _ in range(2))
    gateway.interest(OFMIN, "elsewhere.example")
    digest, key = gateway.handoff(of_lost).case_digest, key_of(gateway, lost)
    with gateway.ports.begin(TransactionMode.READ) as work:
        store = type(work.cases)
    version = store.version
    monkeypatch.setattr(
        store, "version", lambda self, wanted: (away if wanted == digest else version)(self, wanted)
    )
    with pytest.raises(CaseKeysUnavailable):
        _boxes(gateway)  # its key is there: so none can be had now
    gateway.ports.keys.lost.add(key)
    assert [one["handoff"] for one in in_box(gateway, OFMIN, "in")] == [str(other)]
    gateway.ports.keys.lost.clear()  # for the log's check, which reads what it sealed


# --- keys ---


def test_keys_that_could_not_be_destroyed_at_once_are_destroyed_later(gateway, monkeypatch):
    case, _ = handed_over(gateway)
    with monkeypatch.context() as broken:
        broken.setattr(gateway.ports.keys, "destroy", away)
        assert "maintenance" in erase(gateway, case).result["key"]
        with pytest.raises(CaseKeysUnavailable):
            erasure.destroy_keys(gateway.ports)
    assert gateway.ports.keys.gone == set()
    assert erasure.destroy_keys(gateway.ports) == 1
    assert erasure.destroy_keys(gateway.ports) == 0
    assert len(gateway.ports.keys.gone) == 1


def test_a_case_that_came_back_without_its_key_is_erased_again(gateway):
    case, _ = handed_over(gateway, close=False)
    kept, _ = handed_over(gateway)
    gateway.ports.keys.destroy([key_of(gateway, case)])
    size = gateway.size()
    assert erasure.erase_restored(gateway.ports) == 1
    assert erasure.erase_restored(gateway.ports) == 0
    assert gateway.size() == size + 2  # for the originator, and for the office
    assert gateway.case(case).state is CaseState.ERASED
    assert gateway.case(kept).state is CaseState.CLOSED


def test_only_old_keys_that_no_case_has_are_destroyed(gateway):
    case, _ = handed_over(gateway)
    unused = UUID(int=99)
    gateway.ports.keys.old |= {key_of(gateway, case), unused}
    assert erasure.destroy_orphan_keys(gateway.ports, None, rows_are_whole) == unused
    assert gateway.ports.keys.gone == {unused}
    assert erasure.destroy_orphan_keys(gateway.ports, unused, rows_are_whole) == unused


# --- What an erasure leaves to do ---


def test_an_update_that_was_owed_becomes_a_notice_which_its_holder_acknowledges(gateway):
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    revised(gateway, case, matter=["csam", "grooming"])
    assert gateway.owed(handoff) == [DutyKind.UPDATE]
    on_the_day(gateway)
    assert set(gateway.owed(handoff)) == {DutyKind.CORRECTION_NOTICE, DutyKind.RETENTION}
    assert handoffs_compared(gateway).sentences() == ()
    place = f"/items/{element_id('url')}"
    gateway.answer(HOTLINE, answers.notify_correction, handoff, pointers=[place], code="inaccurate")
    assert set(gateway.owed(handoff)) == {DutyKind.ACKNOWLEDGEMENT, DutyKind.RETENTION}
    gateway.answer(OFMIN, answers.acknowledge, handoff)
    assert gateway.owed(handoff) == [DutyKind.RETENTION]
    assert handoffs_compared(gateway).sentences() == ()


@pytest.mark.parametrize("holder", ["accepted", "offered", "erased its copies", "police"])
def test_who_holds_a_case_under_the_gdpr_alone_is_asked_for_its_copies(gateway, holder):
    offer = offered(gateway, to=CSAM_FR if holder == "police" else ABROAD)
    handoff = UUID(offer.result["handoff"])
    if holder != "offered":
        accepted(gateway, offer, recipient=OFMIN if holder == "police" else ABROAD)
    on_the_day(gateway)
    done = {"done": "copies_erased"}
    if holder == "erased its copies":
        gateway.answer(ABROAD, answers.answer_recall, handoff, **done)
        assert gateway.owed(handoff) == []
    if holder != "accepted":
        assert DutyKind.COPIES_ERASED not in gateway.owed(handoff)
        return
    assert gateway.owed(handoff) == [DutyKind.COPIES_ERASED]
    assert handoffs_compared(gateway).sentences() == ()
    (row,) = [one for one in waiting(gateway, ABROAD) if one.kind == "copies_erased"]
    assert row.acts == ["handoff.answer_recall"]
    assert row.command == f"handoff answer-recall {handoff}"
    assert row.due_at is not None and row.since is not None
    assert row.due_at - row.since == timedelta(days=30)
    gateway.answer(ABROAD, answers.answer_recall, handoff, **done)
    assert gateway.owed(handoff) == []
    assert handoffs_compared(gateway).sentences() == ()


def waiting(gateway: Founded, by: str) -> Sequence[WorklistRow]:
    return worklist.page(gateway.ports, caller(by), None, 100).items
