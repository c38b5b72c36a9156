"""Audit grants and what is read under them: nothing beyond, nothing without a record."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.audit import AuditFilters, CaseId, CaseReference
from gateway.domain.refusals import (
    EditConflict,
    Forbidden,
    HighWaterMarkUnavailable,
    IdempotencyKeyReused,
    NotFound,
    ValidationFailed,
    WrongState,
)
from gateway.evidence import event, handoff_documents, receipt
from gateway.evidence.sd_jwt import read_disclosure
from gateway.exchange.handoffs import views
from gateway.exchange.oversight import audit
from gateway.exchange.oversight.audit import AuditSearch
from gateway.kernel.results import to_json
from gateway.kernel.transact import RecordedRefusal, WriteResult
from gateway.kernel.values import HOST
from gateway.store.log import SqlLog
from tests import answers
from tests.casework import accepted, consulted, offered, submitted
from tests.each import each
from tests.founded_gateway import ABROAD, HOTLINE, OCRVP, OFMIN, Founded, caller, fields_of, shown
from tests.ports import ORIGIN

AUDITOR = ABROAD
TERM = {"start": "2026-03-01", "until": "2026-04-01", "decision_ref": "board 2026-02"}
OF_HANDOFF = ["handoff.offered", "handoff.accepted", "case.consulted"]
BEYOND = "R2.audit.coverage"


def grant(gateway: Founded, organisation: str = AUDITOR, **values: Any) -> UUID:
    """An audit grant, over the whole log unless said otherwise; its id."""
    asked = {"coverage": "all", **TERM, **values}
    written = gateway.administer("audit_access.grant", organisation, **asked)
    return UUID(written.result["audit_access"])


def over_member(gateway: Founded, member: str) -> UUID:
    return grant(gateway, coverage="member", member=member)


def end(gateway: Founded, granted: UUID, organisation: str = AUDITOR) -> WriteResult:
    named = {"audit_access": str(granted), "reason": "over"}
    return gateway.administer("audit_access.end", organisation, **named)


def reading(
    by: str = "auditor-1",
    going_on: Any = None,
    reference: CaseReference | None = None,
    limit: int = audit.MOST_EVENTS,
    page_size: int = audit.PAGE,
    **filters: Any,
) -> AuditSearch:
    why = (by, "lawfulness", "yearly check")
    place = {"reference": reference, "limit": limit, "page_size": page_size, **(going_on or {})}
    return AuditSearch(*why, AuditFilters(**filters), **place)


def search(gateway: Founded, key: str | None = None, **asked: Any) -> WriteResult:
    """A search as it is recorded; nothing of what it found."""
    return gateway.act(AUDITOR, audit.search, reading(**asked), key=key)


def page(gateway: Founded, written: WriteResult, number: int = 1) -> list[Any]:
    """What a page of a search shows."""
    searched = UUID(written.result["search"])
    shown = audit.look_up_page(gateway.ports, caller(AUDITOR), searched, number)
    return list(to_json(shown)["events"])


def read(gateway: Founded, key: str | None = None, **asked: Any) -> WriteResult:
    """A search with all of its pages, under `events`."""
    written = search(gateway, key, **asked)
    numbers = range(1, written.result["pages"] + 1)
    events = [one for number in numbers for one in page(gateway, written, number)]
    return replace(written, result={**written.result, "events": events})


def denied(gateway: Founded, organisation: str = AUDITOR, **asked: Any) -> RecordedRefusal:
    return gateway.denied(BEYOND, organisation, audit.search, reading(**asked))


def told_by(receipts: Any) -> list[dict[str, Any]]:
    """Documents of events, with what was shown of each under `details`."""
    kept = [receipt.from_json(one["receipt"]) for one in receipts]
    return [{**fields_of(one), "details": shown(one)} for one in kept]


def found(written: WriteResult) -> list[dict[str, Any]]:
    """What a reading gave."""
    return told_by(written.result["events"])


def types(written: WriteResult) -> list[str]:
    return [one["type"] for one in found(written)]


def parties(told: list[dict[str, Any]]) -> set[str]:
    return {party["organisation"] for one in told for party in one["details"].get("party", ())}


def persons(told: list[dict[str, Any]]) -> set[str]:
    return {one["details"]["by"] for one in told if "by" in one["details"]}


def stream(gateway: Founded, organisation: str, after: int = 0, limit: int = 100) -> Any:
    return to_json(audit.stream(gateway.ports, caller(organisation), after, limit))


def event_of(one: receipt.Receipt) -> UUID:
    return UUID(fields_of(one)["id"])


@pytest.fixture
def handoff(gateway: Founded) -> UUID:
    """A handoff from the hotline to OFMIN, accepted and opened."""
    made = accepted(gateway)
    consulted(gateway, made)
    return made


def case_of(gateway: Founded, handoff: UUID) -> CaseId:
    one = gateway.handoff(handoff)
    return CaseId(one.originator, one.case)


def over_case(gateway: Founded, handoff: UUID) -> CaseId:
    """A grant over the case of a handoff."""
    case = case_of(gateway, handoff)
    grant(gateway, coverage="case", member=case.originator, case=str(case.case))
    return case


# --- grants ---


def test_without_a_grant_nobody_reads_the_log_and_the_refusal_is_an_event(gateway, handoff):
    refusal = denied(gateway)
    recorded = fields_of(refusal.receipt)
    assert (recorded["type"], recorded["result"], recorded["operation"]) == (
        "audit.search", "denied", "log_access")  # fmt: skip
    assert shown(refusal.receipt)["by"] == "auditor-1"


def test_a_grant_over_the_whole_log_shows_every_event_with_every_detail_and_no_content(
    gateway, handoff
):
    grant(gateway)
    size = gateway.size()
    written = read(gateway)
    told = found(written)
    assert len(told) == size
    assert persons([one for one in told if "handoff" in one]) == {"liaison-1", "officer-1"}
    offer = next(one for one in told if one["type"] == "handoff.offered")
    assert parties([offer]) == {HOTLINE, OFMIN}
    for one in written.result["events"]:
        confirmed = gateway.confirm(receipt.from_json(one["receipt"]))
        assert (confirmed.index, confirmed.event["id"]) == (one["index"], one["event"])
    text = json.dumps(written.result)
    assert "https://" not in text.replace("c2sp.org", "")
    assert gateway.case(case_of(gateway, handoff).case).originator_ref not in text


def test_an_event_whose_document_was_erased_meanwhile_is_left_out(gateway, handoff, monkeypatch):
    grant(gateway)
    gone = UUID(found(read(gateway))[0]["id"])
    logged = SqlLog.logged
    monkeypatch.setattr(
        SqlLog,
        "logged",
        lambda log, event, *head: None if event == gone else logged(log, event, *head),
    )
    told = [UUID(one["id"]) for one in found(read(gateway))]
    assert len(told) > 3
    assert gone not in told


def test_a_reading_is_an_event_that_names_who_why_what_for_and_exactly_what_was_shown(
    gateway, handoff
):
    grant(gateway)
    size = gateway.size()
    written = read(gateway, handoff=handoff)
    recorded = fields_of(written.receipt)
    assert (recorded["type"], recorded["operation"], recorded["result"]) == (
        "audit.search", "log_access", "allowed")  # fmt: skip
    told = shown(written.receipt)
    assert told["by"] == "auditor-1"
    assert (told["reason_code"], told["reason"]) == ("lawfulness", "yearly check")
    said = json.loads(told["subject"])
    (only,) = said.pop("pages")
    assert only["package"] == recorded["package_digest"]
    assert said == {
        "after": -1, "before": size, "size": size, "events": 3, "page_size": 100,
        "filters": {"handoff": str(handoff)}}  # fmt: skip
    digests = [
        read_disclosure(text).digest
        for one in written.result["events"]
        for text in one["receipt"]["disclosures"]
    ]
    assert recorded["package_digest"] == handoff_documents.package_digest(digests)
    (again,) = found(read(gateway, actions=("audit.search",)))  # auditors read readings, too
    assert again["details"]["by"] == "auditor-1"


def _streams(gateway: Founded) -> dict[str, list[Any]]:
    """What the stream of each organisation has, in order."""
    return {
        one: told_by(stream(gateway, one)["events"]) for one in (HOTLINE, OFMIN, OCRVP, AUDITOR)
    }


def test_each_member_whose_events_were_read_learns_by_whom_what_for_and_how_many(gateway, handoff):
    grant(gateway)
    before = _streams(gateway)
    read(gateway, handoff=handoff)
    new = {one: told[len(before[one]) :] for one, told in _streams(gateway).items()}
    assert [one["type"] for one in new[AUDITOR]] == ["audit.search"]
    assert new[OCRVP] == []
    for member in (HOTLINE, OFMIN):
        (informed,) = new[member]
        assert (informed["type"], informed["operation"]) == ("audit.informed", "log_access")
        (party,) = informed["details"].pop("party")
        assert (party["organisation"], party["role"]) == (member, "concerned")
        assert informed["details"].keys() == {"subject"}
        assert json.loads(informed["details"]["subject"]) == {
            "auditor": AUDITOR, "reason_code": "lawfulness", "events": 3}  # fmt: skip


def test_who_is_not_shown_as_a_party_learns_of_no_reading(gateway, handoff):
    over_member(gateway, HOTLINE)
    before = _streams(gateway)
    read(gateway, handoff=handoff)
    after = _streams(gateway)
    assert len(after[HOTLINE]) == len(before[HOTLINE]) + 1
    assert after[OFMIN] == before[OFMIN]


def test_a_reading_that_finds_nothing_and_a_retry_inform_nobody(gateway, handoff):
    grant(gateway)
    read(gateway, key="the same")
    before = _streams(gateway)
    read(gateway, key="the same")
    read(gateway, person="nobody")
    after = _streams(gateway)
    assert after == {**before, AUDITOR: after[AUDITOR]}


def test_a_search_ends_before_it_would_inform_more_members_than_its_bound(
    gateway, handoff, monkeypatch
):
    grant(gateway)
    whole = [one["id"] for one in found(read(gateway, until=gateway.clock()))]
    monkeypatch.setattr(audit, "MEMBERS_INFORMED", 2)
    seen, going_on = [], None
    while going_on is not None or not seen:
        written = read(gateway, going_on=going_on, until=gateway.clock())
        told = found(written)
        assert told
        assert len(parties(told) - {AUDITOR, "gateway"}) <= 2
        seen += [one["id"] for one in told]
        going_on = written.result.get("next")
    assert seen[: len(whole)] == whole


# --- for whom, and how long ---


def test_a_grant_counts_only_on_its_days(gateway, handoff):
    grant(gateway, start=f"{gateway.clock() + timedelta(days=2):%Y-%m-%d}")
    denied(gateway)
    gateway.clock.advance(timedelta(days=2))
    read(gateway)
    gateway.clock.advance(timedelta(days=31))
    denied(gateway)


def test_a_grant_that_is_ended_counts_no_more_at_once_nor_for_a_retry(gateway, handoff):
    granted = grant(gateway)
    read(gateway, key="the same")
    end(gateway, granted)
    denied(gateway)
    gateway.refusal(audit.search, caller(AUDITOR), "the same", reading())
    for named, organisation in ((granted, AUDITOR), (UUID(int=7), AUDITOR)):
        with pytest.raises(RecordedRefusal) as again:
            end(gateway, named, organisation)
        assert isinstance(again.value.refusal, WrongState)
    with pytest.raises(RecordedRefusal):
        end(gateway, UUID(int=7), "nobody")
    told = [one["type"] for one in _streams(gateway)[AUDITOR]]
    assert {"audit_access.granted", "audit_access.ended"} <= {*told}


def test_a_grant_is_for_one_organisation_or_one_person_of_it(gateway, handoff):
    granted = grant(gateway)
    denied(gateway, organisation=OCRVP)
    end(gateway, granted)
    grant(gateway, person="auditor-1")
    read(gateway)
    denied(gateway, by="auditor-2")


@pytest.fixture
def late(monkeypatch):
    """Do something between the look and the record of a search."""
    write = audit.transact

    def between(act):
        def written(*args):
            monkeypatch.setattr(audit, "transact", write)
            act()
            return write(*args)

        monkeypatch.setattr(audit, "transact", written)

    return between


def test_a_grant_ended_between_the_look_and_the_record_gives_nothing(gateway, handoff, late):
    granted = grant(gateway)
    late(lambda: end(gateway, granted))
    assert isinstance(
        gateway.refusal(audit.search, caller(AUDITOR), gateway.key(), reading()).refusal, Forbidden
    )


@pytest.mark.parametrize("narrower", [{"coverage": "member", "member": OFMIN}, {"coverage": "all"}])
def test_a_page_looked_up_under_more_grants_than_hold_at_its_record_is_not_told(
    gateway, handoff, late, narrower
):
    """A search that names nothing is allowed by what is left, but was cut to what was there."""
    granted = grant(gateway)
    grant(gateway, **{**narrower, **({"person": "auditor-2"} if len(narrower) == 1 else {})})
    over_member(gateway, OCRVP)
    size = gateway.size()
    late(lambda: end(gateway, granted))
    with pytest.raises(EditConflict):
        read(gateway)
    assert gateway.size() == size + 1  # the end of the grant alone


def test_pages_are_read_under_the_access_of_their_search_and_no_wider_or_narrower(gateway, handoff):
    over_member(gateway, OCRVP)
    written = search(gateway)
    granted = over_member(gateway, OFMIN)
    with pytest.raises(EditConflict):
        page(gateway, written)
    end(gateway, granted)
    assert page(gateway, written)
    wider = grant(gateway)
    other = search(gateway)
    end(gateway, wider)
    with pytest.raises(EditConflict):
        page(gateway, other)


def test_pages_are_read_for_a_day_by_who_searched(gateway, handoff):
    grant(gateway)
    written = search(gateway)
    size = gateway.size()
    assert page(gateway, written) == page(gateway, written)
    assert gateway.size() == size, "a page is no event"
    searched = UUID(written.result["search"])
    for asked, who in ((searched, OCRVP), (gateway.new_id(), AUDITOR), (handoff, AUDITOR)):
        refused = gateway.refusal(audit.look_up_page, caller(who), asked, 1)
        assert fields_of(refused.receipt)["type"] == "audit.read"
    for number in (0, written.result["pages"] + 1):
        with pytest.raises(ValidationFailed):
            page(gateway, written, number)
    gateway.clock.advance(timedelta(days=1))
    with pytest.raises(EditConflict):
        page(gateway, written)


def test_no_page_is_read_once_the_access_ended(gateway, handoff):
    granted = grant(gateway)
    written = search(gateway)
    end(gateway, granted)
    refused = gateway.refusal(
        audit.look_up_page, caller(AUDITOR), UUID(written.result["search"]), 1
    )
    assert refused.refusal.rules == (BEYOND,)


def test_a_retry_gives_the_first_record_and_the_same_events_though_others_were_logged(
    gateway, handoff, late
):
    grant(gateway)
    late(lambda: submitted(gateway))
    first = read(gateway, key="the same")
    submitted(gateway)
    again = read(gateway, key="the same")
    assert event_of(again.receipt) == event_of(first.receipt)
    assert [one["id"] for one in found(again)] == [one["id"] for one in found(first)]


def test_nothing_is_looked_for_that_the_record_of_another_request_answers(
    gateway, handoff, monkeypatch
):
    grant(gateway)
    first = read(gateway, key="the same")
    monkeypatch.delattr(audit, "_find")
    assert event_of(read(gateway, key="the same").receipt) == event_of(first.receipt)
    with pytest.raises(IdempotencyKeyReused):
        read(gateway, key="the same", person="officer-1")


@each(
    "values, pointer",
    [
        ({"until": "2027-03-03"}, "/until"),
        ({"until": "2026-03-01"}, "/until"),
        ({"coverage": "some"}, "/coverage"),
        ({"coverage": "member", "member": AUDITOR}, "/member"),
        ({"coverage": "member", "member": "nobody"}, "/member"),
        ({"coverage": "member", "member": HOTLINE, "case": "x"}, "/case"),
        ({"member": HOTLINE}, "/member"),
        ({"coverage": "case", "member": HOTLINE, "case": str(UUID(int=1))}, "/case"),
    ],
)
def test_a_grant_is_over_something_that_is_there_and_for_a_time(gateway, values, pointer):
    with pytest.raises(RecordedRefusal) as told:
        grant(gateway, **values)
    assert isinstance(told.value.refusal, ValidationFailed)
    assert told.value.refusal.errors[0][0] == pointer


# --- coverage ---


def test_a_grant_over_a_member_shows_its_events_and_what_it_may_read_and_search_of_them(
    gateway, handoff
):
    over_member(gateway, HOTLINE)
    own = stream(gateway, HOTLINE)["events"]
    told = found(read(gateway))
    assert [one["id"] for one in told] == [one["event"] for one in own]
    assert parties(told) == {HOTLINE}
    assert "officer-1" not in persons(told)
    assert found(read(gateway, person="officer-1")) == []
    assert found(read(gateway, rule="R2.accept")) == []
    assert len(found(read(gateway, person="liaison-1"))) == 1


def test_an_event_names_its_case_to_who_audits_the_originator_and_to_no_other(gateway, handoff):
    case = case_of(gateway, handoff)
    granted = over_member(gateway, OFMIN)
    assert not any("case" in one["details"] for one in found(read(gateway)))
    end(gateway, granted)
    over_member(gateway, HOTLINE)
    opened = next(one for one in found(read(gateway)) if one["type"] == "case.consulted")
    assert opened["details"]["case"] == f"{HOTLINE}/{case.case}"


def test_who_is_refused_learns_of_no_case_by_it(gateway, handoff):
    grant(gateway)
    unknown = gateway.refusal(views.look_up, caller(OCRVP), handoff)
    again = gateway.refusal(
        answers.accept, caller(OFMIN), gateway.key(), handoff, answers.said("officer-1")
    )
    assert "case" not in {**shown(unknown.receipt), **shown(again.receipt)}
    told = {one["id"]: one["details"] for one in found(read(gateway))}
    assert "case" not in told[fields_of(unknown.receipt)["id"]]
    case = f"{HOTLINE}/{case_of(gateway, handoff).case}"
    assert told[fields_of(again.receipt)["id"]]["case"] == case


def test_a_grant_over_a_case_shows_all_of_its_events_and_no_others(gateway, handoff):
    submitted(gateway)
    other = UUID(offered(gateway).result["handoff"])
    over_case(gateway, handoff)
    written = read(gateway)
    assert types(written) == ["case.submitted", *OF_HANDOFF]
    assert persons(found(written)) == {"intake-1", "liaison-1", "officer-1"}
    assert types(read(gateway, organisation=OFMIN)) == OF_HANDOFF
    for asked in (
        {"handoff": other},
        {"handoff": gateway.new_id()},
        {"case": case_of(gateway, other)},
        {"case": CaseId(HOTLINE, gateway.new_id())},
    ):
        denied(gateway, **asked)


def test_grants_add_up(gateway, handoff):
    submitted(gateway)
    over_case(gateway, handoff)
    over_member(gateway, OCRVP)
    told = found(read(gateway))
    assert "case.submitted" in [one["type"] for one in told]
    assert OCRVP in parties(told)
    assert not [one for one in told if parties([one]) == {HOTLINE} and "case_digest" not in one]


def test_a_member_that_is_not_covered_is_not_searched_for(gateway, handoff):
    over_member(gateway, OCRVP)
    gateway.denied(BEYOND, AUDITOR, audit.search, reading(organisation=HOTLINE))
    assert found(read(gateway, organisation=OCRVP))


# --- filters and pages ---


def test_each_filter_gives_what_fits_it_and_nothing_else(gateway, handoff):
    grant(gateway)
    gateway.refusal(audit.look_up_receipt, caller(OFMIN), gateway.new_id())
    assert set(types(read(gateway, handoff=handoff))) == set(OF_HANDOFF)
    assert types(read(gateway, person="intake-1")) == ["case.submitted"]
    assert types(read(gateway, actions=("handoff.accept",))) == ["handoff.accepted"]
    assert types(read(gateway, results=("not_found",))) == ["receipt.read"]
    assert set(types(read(gateway, rule="R2.offer"))) == {"handoff.offered"}
    assert len(found(read(gateway, case=case_of(gateway, handoff)))) == 4
    assert found(read(gateway, person="nobody")) == []
    assert found(read(gateway, rule="R2_offer")) == []
    both = read(gateway, person="officer-1", actions=("case.consult",))
    assert types(both) == ["case.consulted"]


def test_times_are_half_open(gateway, handoff):
    grant(gateway)
    everything = found(read(gateway))
    moment = gateway.clock()
    gateway.clock.advance(timedelta(hours=1))
    submitted(gateway)
    assert types(read(gateway, since=moment + timedelta(minutes=30)))[0] == "case.submitted"
    earlier = found(read(gateway, until=moment))
    assert [one for one in earlier if not one["type"].startswith("audit.")] == everything


def test_one_record_names_what_all_pages_show_and_a_member_hears_of_it_once(gateway, handoff):
    grant(gateway)
    size, before = gateway.size(), _streams(gateway)
    written = read(gateway, page_size=7)
    told = [one["index"] for one in written.result["events"]]
    assert told == list(range(size))
    assert (written.result["pages"], written.result["next"]) == (-(-size // 7), None)
    digests = [
        read_disclosure(text).digest
        for one in written.result["events"]
        for text in one["receipt"]["disclosures"]
    ]
    recorded = fields_of(written.receipt)["package_digest"]
    assert recorded == handoff_documents.package_digest(digests)
    new = {one: told[len(before[one]) :] for one, told in _streams(gateway).items()}
    assert [one["type"] for one in new[AUDITOR]] == ["audit.search"]
    for member in (HOTLINE, OFMIN, OCRVP):
        (informed,) = new[member]
        assert json.loads(informed["details"]["subject"])["events"] > 0


def test_a_search_that_ends_at_its_bound_goes_on_without_its_own_record(gateway, handoff):
    grant(gateway)
    size = gateway.size()
    going_on, seen, searches = None, [], 0
    while going_on is not None or not searches:
        written = read(gateway, going_on=going_on, limit=7)
        seen += [one["index"] for one in written.result["events"]]
        going_on, searches = written.result["next"], searches + 1
    assert seen == list(range(size))
    assert searches == -(-size // 7)


def test_a_search_that_finds_little_stops_and_goes_on(gateway, handoff, monkeypatch):
    """Events of before persons could be searched for are opened one by one, but not without end."""
    grant(gateway)
    monkeypatch.setattr(audit, "MOST_EVENTS", 3)
    going_on, seen = None, []
    for _ in range(gateway.size()):
        written = read(gateway, going_on=going_on)
        seen += written.result["events"]
        going_on = written.result["next"]
        assert len(written.result["events"]) <= 3
        if going_on is None:
            break
    assert going_on is None
    assert seen


# --- What is not known ---


def test_a_name_that_fits_nothing_is_said_to_be_unknown(gateway, handoff):
    grant(gateway)
    nothing = {"actions": ("log_hold.set",)}
    assert search(gateway, person="nobody").result["unknown"] == ["person"]
    assert search(gateway, person="officer-1", **nothing).result["unknown"] == []
    assert search(gateway, rule="R99", **nothing).result["unknown"] == ["rule"]
    assert search(gateway, rule="R3.membership.take_on", **nothing).result["unknown"] == ["rule"]
    rule = next(iter(gateway.ports.policy.rules))
    assert search(gateway, rule=rule, **nothing).result["unknown"] == []
    stranger = search(gateway, case=CaseId(HOTLINE, gateway.new_id()))
    assert stranger.result["unknown"] == ["case"]


def test_what_an_access_withholds_is_as_unknown_as_what_is_not_there(gateway, handoff):
    over_member(gateway, HOTLINE)
    assert search(gateway, person="officer-1").result["unknown"] == ["person"]


def test_who_was_told_a_reference_searches_by_it_and_the_record_names_the_case(gateway, handoff):
    grant(gateway)
    case = case_of(gateway, handoff)
    text = f"ref-{case.case}"
    written = read(gateway, reference=CaseReference(HOTLINE, text))
    assert types(written) == ["case.submitted", *OF_HANDOFF]
    said = json.loads(shown(written.receipt)["subject"])["filters"]
    assert said == {"case": {"originator": HOTLINE, "case": str(case.case)}}
    assert text not in json.dumps(shown(written.receipt))
    wrong = search(gateway, reference=CaseReference(HOTLINE, "guessed"))
    assert (wrong.result["events"], wrong.result["unknown"]) == (0, ["case"])


def test_a_reference_beyond_the_access_and_one_that_nobody_gave_are_refused_alike(gateway, handoff):
    other = UUID(offered(gateway).result["handoff"])
    over_case(gateway, other)
    text = f"ref-{case_of(gateway, handoff).case}"
    for one in (text, "guessed"):
        denied(gateway, reference=CaseReference(HOTLINE, one))


# --- Receipts and streams: each party proves its own events, and sees of each only its own part ---


def test_both_parties_prove_one_event_in_the_log_of_today_and_share_what_both_know(gateway):
    written = offered(gateway)
    submitted(gateway)
    size = gateway.size()
    again, other = (
        audit.look_up_receipt(gateway.ports, caller(one), event_of(written.receipt))
        for one in (HOTLINE, OFMIN)
    )
    stream(gateway, OFMIN)
    assert gateway.size() == size, "reading receipts and streams is no event"
    first, second = gateway.confirm(written.receipt), gateway.confirm(again)
    assert (second.event, second.index) == (first.event, first.index)
    assert second.checkpoint.size == first.checkpoint.size + 1
    assert gateway.confirm(other).event == first.event
    shared = {*other.disclosures} & {*written.receipt.disclosures}
    told = event.open_disclosures(other.document, sorted(shared)).shown
    assert {kind for kind, _ in told} == {"purpose", "due"}


def test_administrators_read_the_events_of_the_gateway_and_no_others(gateway):
    written = gateway.administer("organisation.suspend", ABROAD, reason="test")
    again = audit.of_gateway(gateway.ports, HOST, event_of(written.receipt))
    assert gateway.confirm(again).event == gateway.confirm(written.receipt).event
    for other in (gateway.new_id(), event_of(offered(gateway).receipt)):
        with pytest.raises(NotFound):
            audit.of_gateway(gateway.ports, HOST, other)


def test_what_stands_without_a_receipt_is_named(gateway, monkeypatch):
    def away(*_: Any) -> str:
        raise HighWaterMarkUnavailable("no")

    size = gateway.size()
    monkeypatch.setattr(gateway.checkpoint_signer, "sign", away)
    with pytest.raises(HighWaterMarkUnavailable) as refused:
        gateway.administer("organisation.suspend", ABROAD, reason="test")
    monkeypatch.undo()
    assert gateway.size() == size + 1
    assert event_of(audit.of_gateway(gateway.ports, HOST, refused.value.recorded))


@each("organisation, people", [(HOTLINE, {"intake-1", "liaison-1"}), (OFMIN, {"officer-1"})])
def test_a_party_sees_its_own_people_and_nobody_else(gateway, organisation, people):
    others = {one: stream(gateway, one)["head"] for one in (ABROAD, OCRVP)}
    consulted(gateway, accepted(gateway))
    seen = told_by(stream(gateway, organisation)["events"])
    assert persons(seen) == people
    assert parties(seen) == {organisation}
    assert {one: stream(gateway, one)["head"] for one in others} == others


def test_a_stream_is_complete_from_one_to_its_head_and_read_on_from_a_counter(gateway):
    handoff = accepted(gateway)
    consulted(gateway, handoff)
    gateway.refusal(views.look_up, caller(OFMIN), gateway.new_id())
    whole = stream(gateway, OFMIN)
    numbers = list(range(1, whole["head"] + 1))
    assert [one["stream_number"] for one in whole["events"]] == numbers
    kept = [receipt.from_json(one["receipt"]) for one in whole["events"]]
    for number, one in enumerate(kept, start=1):
        gateway.confirm(one)
        assert shown(one)["party"][0]["stream_number"] == number
    assert [fields_of(one)["type"] for one in kept][-4:] == [*OF_HANDOFF, "handoff.read"]
    assert fields_of(kept[-1])["result"] == "not_found"
    part = stream(gateway, OFMIN, after=2, limit=1)
    assert (part["head"], part["events"]) == (whole["head"], whole["events"][2:3])
    assert stream(gateway, OFMIN, after=whole["head"])["events"] == []


def test_the_documents_of_the_log_name_nobody_and_the_policy_that_decided(gateway):
    handoff = accepted(gateway)
    consulted(gateway, handoff)
    gateway.answer(OFMIN, answers.close, handoff)
    names = (HOTLINE, OFMIN, "officer-1", "liaison-1", "intake-1", "investigation", "csam")
    for one in stream(gateway, OFMIN)["events"] + stream(gateway, HOTLINE)["events"]:
        text = one["receipt"]["document"]
        assert ORIGIN in text
        assert not [name for name in names if name in text]
        assert event.read(text.encode())["policy"] == gateway.ports.policy.revision


def test_events_are_timed_by_the_clock(gateway):
    first = fields_of(submitted(gateway).receipt)["time"]
    gateway.clock.advance(timedelta(days=1))
    second = fields_of(submitted(gateway).receipt)["time"]
    assert (first[:10], second[:10]) == ("2026-03-02", "2026-03-03")
