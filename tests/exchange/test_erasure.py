"""Erasure: by two persons or on the day, told as an event, and nothing opens afterwards."""

import json
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from gateway.domain.case import CaseState
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
from gateway.domain.retention import DpoAdvice
from gateway.domain.staff import RegisterRole
from gateway.evidence import canonical, receipt
from gateway.exchange import audit, cases, erasure, handoffs, offers
from gateway.exchange.cases import CaseStepRequest
from gateway.exchange.erasure import EarlyErasure
from gateway.kernel.changes import Change
from gateway.kernel.ports import TransactionMode
from gateway.kernel.results import to_json
from gateway.kernel.values import SentHandoff
from tests import answers
from tests.founding import (
    ABROAD,
    ALICE,
    BENOIT,
    HOTLINE,
    OFMIN,
    OPENING,
    accepted,
    caller,
    case_content,
    conditions_of,
    consulted,
    enter_staff,
    fields_of,
    make_change,
    offer_of,
    offered,
    refused_on_record,
    revised,
    shown,
    submitted,
)

TO_THE_DAY = timedelta(days=4000)


def handed_over(gateway, *, close=True):
    """A case that was offered, accepted and opened; its id and its handoff."""
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    consulted(gateway, handoff)
    if close:
        gateway.answer(OFMIN, answers.close, handoff)
        gateway.act(HOTLINE, cases.close, UUID(case.result["case"]), CaseStepRequest("agent-1"))
    return UUID(case.result["case"]), handoff


def change(case, originator=HOTLINE, **values):
    return Change(
        "case.erase", originator, {"case": str(case), "reason": "a court's order", **values}
    )


def erase(gateway, case, *people, **values):
    made = change(case, **values)
    return gateway.do(make_change, made, gateway.approve(made, *people))


def refused(gateway, case, *people, **values):
    """Why an erasure was refused, on record."""
    made = change(case, **values)
    size = gateway.size()
    why = gateway.refusal(make_change, made, gateway.approve(made, *people))
    assert gateway.size() == size + 1
    return why.refusal


def told(receipt):
    return canonical.decode(shown(receipt)["subject"].encode())


def test_two_administrators_erase_a_closed_case_before_its_day(gateway):
    case, _ = handed_over(gateway)
    written = erase(gateway, case)
    assert written.result["state"] == "erased"
    assert written.result["key"] == "destroyed"
    assert gateway.case(case).state is CaseState.ERASED
    gateway.confirm(written.receipt)
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


def test_one_administrator_alone_erases_nothing_before_its_day(gateway):
    case, _ = handed_over(gateway)
    made = change(case)
    refused = gateway.refusal(make_change, made, gateway.approve(made, ALICE))
    assert isinstance(refused.refusal, Forbidden)
    assert gateway.case(case).state is CaseState.CLOSED
    twice = gateway.refusal(make_change, made, gateway.approve(made, ALICE, ALICE))
    assert isinstance(twice.refusal, InvalidApproval)


def test_one_administrator_erases_a_case_on_its_day_wherever_it_stands(gateway):
    case, _ = handed_over(gateway, close=False)
    gateway.clock.advance(TO_THE_DAY)
    assert told(erase(gateway, case, ALICE).receipt)["why"] == "due"


def test_a_case_that_is_not_closed_is_not_erased_before_its_day(gateway):
    case, _ = handed_over(gateway, close=False)
    assert isinstance(refused(gateway, case), WrongState)
    assert gateway.case(case).state is CaseState.CLEARED


def test_a_case_whose_key_is_lost_is_erased_wherever_it_stands(gateway):
    case, _ = handed_over(gateway, close=False)
    with gateway.ports.begin(TransactionMode.READ) as work:
        gateway.ports.keys.lost.add(work.cases.key_of(HOTLINE, case))
    assert erase(gateway, case).result["state"] == "erased"


@pytest.mark.parametrize("values", [{"reason": " "}, {"reason": "x" * 201}, {"case": "none"}])
def test_an_erasure_names_case_and_reason(gateway, values):
    case, _ = handed_over(gateway)
    assert isinstance(refused(gateway, **{"case": case, **values}), ValidationFailed)


def test_what_is_not_there_is_not_erased(gateway):
    case, _ = handed_over(gateway)
    for made in (change(gateway.new_id()), change(case, OFMIN)):
        told = gateway.refusal(make_change, made, gateway.approve(made))
        assert isinstance(told.refusal, NotFound)


def test_a_case_is_erased_once(gateway):
    case, _ = handed_over(gateway)
    erase(gateway, case)
    assert isinstance(refused(gateway, case), WrongState)


def test_a_case_is_erased_by_itself_from_its_day_on_and_not_before(gateway):
    case, _ = handed_over(gateway, close=False)
    day = gateway.case(case).erase_on
    left = day - gateway.clock().date()
    gateway.clock.advance(left - timedelta(days=1))
    assert erasure.erase_due(gateway.ports) == 0
    gateway.clock.advance(timedelta(days=1))
    assert erasure.erase_due(gateway.ports) == 1
    assert gateway.case(case).state is CaseState.ERASED
    assert len(gateway.ports.keys.gone) == 1
    assert erasure.erase_due(gateway.ports) == 0


def test_a_case_whose_day_was_put_off_meanwhile_is_kept(gateway, monkeypatch):
    case, other = submitted(gateway), UUID(submitted(gateway).result["case"])
    gateway.clock.advance(gateway.case(other).erase_on - gateway.clock().date())
    with gateway.ports.begin(TransactionMode.READ) as work:
        due = work.cases.due(gateway.clock().date(), 10)
        monkeypatch.setattr(type(work.cases), "due", lambda *_: due)
    later = gateway.clock().date() + timedelta(days=30)
    marking = {**case_content(gateway.new_id())["marking"], "erase_on": later.isoformat()}
    revised(gateway, case, marking=marking)
    assert len(due) == 2
    assert erasure.erase_due(gateway.ports) == 1
    assert gateway.case(other).state is CaseState.ERASED
    assert gateway.case(UUID(case.result["case"])).state is not CaseState.ERASED


def test_a_simulated_date_erases_nothing(gateway):
    handed_over(gateway)
    gateway.day = gateway.clock().date() + TO_THE_DAY
    assert erasure.erase_due(gateway.ports) == 0


def test_many_due_cases_go_in_batches(gateway, monkeypatch):
    monkeypatch.setattr(erasure, "AT_ONCE", 2)
    for _ in range(5):
        submitted(gateway)
    gateway.clock.advance(TO_THE_DAY)
    assert [erasure.erase_due(gateway.ports) for _ in range(4)] == [2, 2, 1, 0]


def test_a_case_that_cannot_be_erased_keeps_no_other(gateway, monkeypatch):
    bad, *others = [UUID(submitted(gateway).result["case"]) for _ in range(3)]
    gateway.clock.advance(TO_THE_DAY)
    take_away = erasure._erase

    def failing(ports, work, event, erased, why):
        if erased.id == bad:
            raise ZeroDivisionError
        return take_away(ports, work, event, erased, why)

    monkeypatch.setattr(erasure, "_erase", failing)
    assert erasure.erase_due(gateway.ports) == 2
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

    def away(ports):
        raise refusal

    monkeypatch.setattr(erasure, "destroy_keys", away)
    written = erase(gateway, case)
    assert written.result["key"] == "will be destroyed by maintenance"
    assert gateway.case(case).state is CaseState.ERASED


@pytest.mark.parametrize("days", [0, 30])
def test_one_person_of_the_originator_brings_no_erasure_forward_by_a_new_version(gateway, days):
    case = submitted(gateway)
    accepted(gateway, offered(gateway, case))
    day = gateway.case(UUID(case.result["case"])).erase_on
    earlier = gateway.clock().date() + timedelta(days=days)
    with pytest.raises(ValidationFailed) as refused:
        revised(gateway, case, marking={"erase_on": earlier.isoformat()})
    assert {pointer for pointer, _ in refused.value.errors} == {"/content/marking/erase_on"}
    assert gateway.case(UUID(case.result["case"])).erase_on == day
    revised(gateway, case, marking={"erase_on": (day + timedelta(days=1)).isoformat()})


@pytest.mark.parametrize("days", [-1, 0, 3654])
def test_no_case_begins_with_a_day_of_erasure_that_destroys_it_or_never_comes(gateway, days):
    day = gateway.clock().date() + timedelta(days=days)
    with pytest.raises(ValidationFailed):
        submitted(gateway, marking={"erase_on": day.isoformat()})


def test_an_open_handoff_ends_with_its_case_and_the_lists_say_why(gateway):
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    waiting = offered(gateway, case, again="test").result["handoff"]
    gateway.clock.advance(TO_THE_DAY)
    assert erasure.erase_due(gateway.ports) == 1
    for party, box in ((OFMIN, "in"), (HOTLINE, "out")):
        page = handoffs.page(gateway.ports, caller(party), box=box, after=None, limit=5)
        listed = {one["handoff"]: (one["state"], one["ended_by"]) for one in to_json(page.items)}
        assert listed == dict.fromkeys((str(handoff), waiting), ("lapsed", "case_erased"))


def test_a_handoff_that_had_ended_before_its_case_was_erased_stays_as_it_ended(gateway):
    case, handoff = handed_over(gateway)
    erase(gateway, case)
    assert gateway.handoff(handoff).state is HandoffState.CLOSED


def erasures_told(gateway, party):
    """The events of erasure in a party's stream, each verified."""
    page = to_json(audit.stream(gateway.ports, caller(party), 0, 1000))
    found = [receipt.from_json(one["receipt"]) for one in page["events"]]
    for one in found:
        gateway.confirm(one)
    return [one for one in found if fields_of(one)["type"] == "case.erased"]


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


def test_an_office_learns_of_the_version_that_it_was_offered(gateway):
    """The newest version's digest would tell it nothing: it never saw that one."""
    case = submitted(gateway)
    handoff = UUID(offered(gateway, case).result["handoff"])
    revised(gateway, case)
    gateway.clock.advance(TO_THE_DAY)
    assert erasure.erase_due(gateway.ports) == 1
    (theirs,) = erasures_told(gateway, OFMIN)
    assert fields_of(theirs)["handoff"] == str(handoff)
    assert fields_of(theirs)["case_digest"] == case.result["digest"]
    (mine,) = erasures_told(gateway, HOTLINE)
    assert fields_of(mine)["case_digest"] != case.result["digest"]


def test_an_office_is_told_once_for_each_handoff(gateway):
    case = submitted(gateway)
    handoffs_ = {offered(gateway, case, again="test").result["handoff"] for _ in range(3)}
    gateway.clock.advance(TO_THE_DAY)
    assert erasure.erase_due(gateway.ports) == 1
    assert {fields_of(one)["handoff"] for one in erasures_told(gateway, OFMIN)} == handoffs_


def test_a_case_of_any_number_of_handoffs_is_erased(gateway, monkeypatch):
    """Each event stays as small as it is for one: together they would outgrow a document."""
    case = submitted(gateway)
    digest, state = case.result["digest"], HandoffState.OFFERED
    sent = [SentHandoff(gateway.new_id(), f"office-{n}", digest, state) for n in range(300)]
    with gateway.ports.begin(TransactionMode.READ) as work:
        monkeypatch.setattr(type(work.handoffs), "sent_of", lambda *_: sent)
    size = gateway.size()
    gateway.clock.advance(TO_THE_DAY)
    assert erasure.erase_due(gateway.ports) == 1
    assert gateway.size() == size + 1 + len(sent)


def test_cases_of_many_handoffs_are_not_all_erased_in_one_transaction(gateway, monkeypatch):
    monkeypatch.setattr(erasure, "EVENTS_AT_ONCE", 4)
    for _ in range(3):
        case = submitted(gateway)
        offered(gateway, case)
    gateway.clock.advance(TO_THE_DAY)
    assert [erasure.erase_due(gateway.ports) for _ in range(3)] == [2, 1, 0]


def test_nothing_of_an_erased_case_opens_for_anybody_and_that_is_recorded(gateway):
    case, handoff = handed_over(gateway)
    erase(gateway, case)
    hotline, office = caller(HOTLINE), caller(OFMIN)
    attempts = [
        (cases.look_up, hotline, case),
        (cases.consult, hotline, gateway.key(), case, OPENING),
        (cases.close, hotline, gateway.key(), case, CaseStepRequest("agent-1")),
        (handoffs.look_up, hotline, handoff),
        (handoffs.look_up, office, handoff),
        (handoffs.consult, office, gateway.key(), handoff, OPENING),
        (offers.offer, hotline, gateway.key(), case, offer_of(gateway)),
    ]
    for action, *args in attempts:
        refused = gateway.refusal(action, *args)
        assert isinstance(refused.refusal, CaseErased), action
        gateway.confirm(refused.receipt)
        assert fields_of(refused.receipt)["result"] == "wrong_state"
    assert to_json(cases.page(gateway.ports, hotline, None, 10).items) == []
    assert [one["handoff"] for one in _boxes(gateway)] == [str(handoff)] * 2


def _boxes(gateway):
    return [
        one
        for party, box in ((HOTLINE, "out"), (OFMIN, "in"))
        for one in to_json(
            handoffs.page(gateway.ports, caller(party), box=box, after=None, limit=5).items
        )
    ]


def test_the_acceptance_of_an_erased_case_is_refused_on_record(gateway):
    handoff = UUID(offered(gateway, submitted(gateway)).result["handoff"])
    conditions = conditions_of(gateway, handoff, OFMIN)
    gateway.clock.advance(TO_THE_DAY)
    assert erasure.erase_due(gateway.ports) == 1
    said = answers.said("officer-1", conditions=conditions)
    arguments = (caller(OFMIN), gateway.key(), handoff, said)
    refused_on_record(gateway, CaseErased, answers.accept, *arguments)


def test_an_open_handoff_of_a_case_that_was_due_takes_no_answer_any_more(gateway):
    submission = submitted(gateway)
    handoff = UUID(offered(gateway, submission).result["handoff"])
    gateway.clock.advance(TO_THE_DAY)
    assert erasure.erase_due(gateway.ports) == 1
    gateway.refused(CaseErased, OFMIN, answers.decline, handoff, answers.said("officer-1", "no"))


def test_a_reader_with_an_interest_still_lists_what_is_left_of_an_erased_case(gateway):
    case, _ = handed_over(gateway)
    interest = {"scope": "provider", "subject": "elsewhere.example", "kind": "funder"}
    gateway.administer("interest.declare", OFMIN, **interest, start="2020-01-01")
    before = _boxes(gateway)
    erase(gateway, case)
    assert _boxes(gateway) == [{**one, "matter": []} for one in before]


def test_a_reader_with_an_interest_lists_the_other_handoffs_when_one_key_is_lost(
    gateway, monkeypatch
):
    (lost, of_lost), (_, other) = (handed_over(gateway, close=False) for _ in range(2))
    interest = {"scope": "provider", "subject": "elsewhere.example", "kind": "funder"}
    gateway.administer("interest.declare", OFMIN, **interest, start="2020-01-01")
    digest = gateway.handoff(of_lost).case_digest
    with gateway.ports.begin(TransactionMode.READ) as work:
        version, key = type(work.cases).version, work.cases.key_of(HOTLINE, lost)

    def unreadable(self, wanted):
        if wanted == digest:
            raise CaseKeysUnavailable("missing")
        return version(self, wanted)

    monkeypatch.setattr(type(work.cases), "version", unreadable)
    with pytest.raises(CaseKeysUnavailable):
        _boxes(gateway)  # its key is there: so none can be had now
    gateway.ports.keys.lost.add(key)
    inbox = to_json(
        handoffs.page(gateway.ports, caller(OFMIN), box="in", after=None, limit=5).items
    )
    assert [one["handoff"] for one in inbox] == [str(other)]
    gateway.ports.keys.lost.clear()  # for the log's check, which reads what it sealed


def test_every_receipt_of_before_still_verifies(gateway):
    case, _ = handed_over(gateway)
    before = list(gateway.receipts)
    erase(gateway, case)
    for one in before:
        gateway.confirm(one)


def test_keys_that_could_not_be_destroyed_at_once_are_destroyed_later(gateway, monkeypatch):
    case, _ = handed_over(gateway)

    def away(keys):
        raise CaseKeysUnavailable("away")

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
    with gateway.ports.begin(TransactionMode.READ) as work:
        gateway.ports.keys.destroy([work.cases.key_of(HOTLINE, case)])
    size = gateway.size()
    assert erasure.erase_restored(gateway.ports) == 1
    assert erasure.erase_restored(gateway.ports) == 0
    assert gateway.size() == size + 2  # for the originator, and for the office
    assert gateway.case(case).state is CaseState.ERASED
    assert gateway.case(kept).state is CaseState.CLOSED


def test_only_old_keys_that_no_case_has_are_destroyed(gateway):
    case, _ = handed_over(gateway)
    with gateway.ports.begin(TransactionMode.READ) as work:
        used = work.cases.key_of(HOTLINE, case)
    unused = UUID(int=99)
    gateway.ports.keys.old |= {used, unused}
    assert erasure.destroy_orphan_keys(gateway.ports, None) == unused
    assert gateway.ports.keys.gone == {unused}
    assert erasure.destroy_orphan_keys(gateway.ports, unused) == unused


# --- Two persons bring the erasure of their own case forward, on their DPO's advice (R10) ---


@pytest.fixture
def case(gateway):
    """A case of the hotline that OFMIN accepted."""
    enter_staff(gateway.ports.begin, HOTLINE, ["dpo-1"], frozenset({RegisterRole.DPO}))
    made = submitted(gateway)
    accepted(gateway, offered(gateway, made))
    return made


def wanted(gateway, days=1, **changes):
    day = gateway.clock().date() + timedelta(days=days)
    asked = EarlyErasure(
        "agent-1", "approver-1", "dpo-1", DpoAdvice.FAVOURABLE, day, "a request of the person"
    )
    return replace(asked, **changes)


def id_of(case):
    return UUID(case.result["case"])


def advanced(gateway, case, asked):
    return gateway.act(HOTLINE, erasure.advance_erasure, id_of(case), asked)


def test_a_case_is_erased_on_the_earlier_day_and_not_before(gateway, case):
    asked = wanted(gateway, days=2)
    written = advanced(gateway, case, asked)
    assert written.result["erase_on"] == asked.erase_on.isoformat()
    told = json.loads(shown(written.receipt)["subject"])
    assert (told["approved_by"], told["dpo"], told["advice"]) == (
        "approver-1",
        "dpo-1",
        "favourable",
    )
    gateway.clock.advance(timedelta(days=1))
    assert erasure.erase_due(gateway.ports) == 0
    gateway.clock.advance(timedelta(days=1))
    assert erasure.erase_due(gateway.ports) == 1


def test_both_sides_read_the_earlier_day(gateway, case):
    asked = wanted(gateway, days=2)
    advanced(gateway, case, asked)
    ((handoff,),) = [
        handoffs.page(gateway.ports, caller(OFMIN), box="in", after=None, limit=9).items
    ]
    held = handoffs.look_up(gateway.ports, caller(OFMIN), handoff.handoff)
    own = cases.look_up(gateway.ports, caller(HOTLINE), id_of(case))
    assert held.erase_on == own.erase_on == asked.erase_on


def test_who_was_offered_the_case_hears_of_the_day_alone(gateway, case):
    asked = wanted(gateway)
    advanced(gateway, case, asked)
    page = to_json(audit.stream(gateway.ports, caller(OFMIN), 0, 1000))
    newest = json.dumps(page["events"][-1])
    assert "dpo-1" not in newest
    assert "a request of the person" not in newest


@pytest.mark.parametrize("days", [0, 5000])
def test_the_day_is_from_tomorrow_on_and_earlier_than_before(gateway, case, days):
    asked = wanted(gateway, days)
    with pytest.raises(ValidationFailed):
        advanced(gateway, case, asked)


def test_one_person_does_not_do_it(gateway, case):
    asked = wanted(gateway, by="approver-1")
    args = (caller(HOTLINE), gateway.key(), id_of(case), asked)
    told = refused_on_record(gateway, Forbidden, erasure.advance_erasure, *args)
    assert told.rules == ("R10.early_erasure.own",)


@pytest.mark.parametrize("changes", [{"by": "dpo-1"}, {"dpo": "agent-1"}])
def test_a_dpo_advises_and_decides_nothing(gateway, case, changes):
    asked = wanted(gateway, **changes)
    with pytest.raises(ValidationFailed):
        advanced(gateway, case, asked)


def test_no_version_puts_it_off_again(gateway, case):
    asked = wanted(gateway, days=9)
    advanced(gateway, case, asked)
    later = gateway.clock().date() + timedelta(days=500)
    marking = {**case_content(gateway.new_id())["marking"], "erase_on": later.isoformat()}
    revised(gateway, case, marking=marking)
    assert gateway.case(id_of(case)).erase_on == asked.erase_on


def test_who_holds_nothing_does_not_hear_of_it(gateway, case):
    handoff = UUID(offered(gateway, case, to=ABROAD).result["handoff"])
    gateway.answer(ABROAD, answers.decline, handoff, "not ours", by="analyst-1")
    advanced(gateway, case, wanted(gateway))
    heard = {who: gateway.types(who)[-1] for who in (OFMIN, ABROAD)}
    assert heard == {OFMIN: "case.erasure_advanced", ABROAD: "handoff.declined"}


def test_a_version_that_repeats_the_earlier_day_is_no_news_to_its_holders(gateway, case):
    asked = wanted(gateway, days=9)
    advanced(gateway, case, asked)
    marking = {**case_content(gateway.new_id())["marking"], "erase_on": asked.erase_on.isoformat()}
    revised(gateway, case, marking=marking)
    assert gateway.types(OFMIN)[-1] == "case.erasure_advanced"


def test_a_retry_gets_the_first_result(gateway, case):
    asked, key = wanted(gateway), gateway.key()
    first = gateway.do(erasure.advance_erasure, caller(HOTLINE), key, id_of(case), asked)
    size = gateway.size()
    again = gateway.do(erasure.advance_erasure, caller(HOTLINE), key, id_of(case), asked)
    assert (again.result, gateway.size()) == (first.result, size)


# --- Holders hear of erasures 14 days and a day before: once for each day, with the number ---


def erased_in(gateway, days):
    """A case of the hotline that is erased in so many days."""
    day = gateway.clock().date() + timedelta(days=days)
    marking = {**case_content(gateway.new_id())["marking"], "erase_on": day.isoformat()}
    return submitted(gateway, marking=marking)


def heard(gateway, organisation):
    """What an organisation heard of erasures: before which day, and how many."""
    page = to_json(audit.stream(gateway.ports, caller(organisation), 0, 1000))
    subjects = [
        json.loads(value)
        for one in page["events"]
        for value in _subjects(one)
        if "erase_before" in value
    ]
    return [(one["erase_before"], int(one["handoffs"])) for one in subjects]


def _subjects(event):
    found = receipt.from_json(event["receipt"])
    return [shown(found)["subject"]] if fields_of(found)["type"] == "erasure.announced" else []


def test_a_holder_hears_a_fortnight_and_a_day_before(gateway):
    last = gateway.clock().date() + timedelta(days=21)
    for _ in range(2):
        accepted(gateway, offered(gateway, erased_in(gateway, 20)))
    offered(gateway, erased_in(gateway, 20), to=ABROAD)
    erasure.announce(gateway.ports)
    assert heard(gateway, OFMIN) == []
    gateway.clock.advance(timedelta(days=6))
    for _ in range(2):
        erasure.announce(gateway.ports)
        assert heard(gateway, OFMIN) == [(last.isoformat(), 2)]
    gateway.clock.advance(timedelta(days=13))
    erasure.announce(gateway.ports)
    assert heard(gateway, OFMIN) == [(last.isoformat(), 2)] * 2
    assert heard(gateway, ABROAD) == []
    assert heard(gateway, HOTLINE) == []


def test_what_is_retained_is_not_counted(gateway):
    handoff = accepted(gateway, offered(gateway, erased_in(gateway, 10)))
    gateway.answer(OFMIN, answers.retain, handoff, legal_basis="art. 230-8 CPP")
    erasure.announce(gateway.ports)
    assert heard(gateway, OFMIN) == []


def test_a_box_lists_what_is_erased_before_a_day(gateway):
    soon = accepted(gateway, offered(gateway, erased_in(gateway, 10)))
    accepted(gateway, offered(gateway, erased_in(gateway, 30)))
    for box, organisation in (("in", OFMIN), ("out", HOTLINE)):
        day = gateway.clock().date() + timedelta(days=11)
        found = handoffs.page(
            gateway.ports, caller(organisation), box=box, after=None, limit=10, erase_before=day
        )
        assert [one.handoff for one in found.items] == [soon]
        first = day - timedelta(days=1)
        none = handoffs.page(
            gateway.ports, caller(organisation), box=box, after=None, limit=10, erase_before=first
        )
        assert none.items == []
