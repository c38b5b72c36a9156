"""Audit grants and what is read under them: nothing beyond, nothing without a record."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.audit import AuditFilters, CaseId
from gateway.domain.refusals import (
    EditConflict,
    Forbidden,
    HighWaterMarkUnavailable,
    NotFound,
    ValidationFailed,
    WrongState,
)
from gateway.evidence import event, handoff_documents, receipt
from gateway.evidence.sd_jwt import read_disclosure
from gateway.exchange import audit, handoffs
from gateway.exchange.audit import AuditSearch
from gateway.kernel.results import to_json
from gateway.kernel.transact import RecordedRefusal, WriteResult
from gateway.store.log import SqlLog
from tests import answers
from tests.each import each
from tests.founding import (
    ABROAD,
    HOTLINE,
    OCRVP,
    OFMIN,
    ORIGIN,
    Founded,
    accepted,
    caller,
    consulted,
    fields_of,
    offered,
    shown,
    submitted,
)

AUDITOR = ABROAD
TERM = {"start": "2026-03-01", "until": "2026-04-01", "decision_ref": "board 2026-02"}


def grant(gateway: Founded, organisation: str = AUDITOR, **values: Any) -> UUID:
    """An audit grant, over the whole log unless said otherwise; its id."""
    asked = {"coverage": "all", **TERM, **values}
    return UUID(
        gateway.administer("audit_access.grant", organisation, **asked).result["audit_access"]
    )


def end(gateway: Founded, granted: UUID, organisation: str = AUDITOR) -> WriteResult:
    return gateway.administer(
        "audit_access.end", organisation, audit_access=str(granted), reason="over"
    )


def reading(
    by: str = "auditor-1", page: Any = None, limit: int = 100, **filters: Any
) -> AuditSearch:
    place = page or {}
    return AuditSearch(
        by, "lawfulness", "yearly check", AuditFilters(**filters), limit=limit, **place
    )


def read(gateway: Founded, organisation: str = AUDITOR, **asked: Any) -> WriteResult:
    key = asked.pop("key", None) or gateway.key()
    return gateway.do(audit.search, caller(organisation), key, reading(**asked))


def found(written: WriteResult) -> list[dict[str, Any]]:
    """What a reading gave: the documents, with what was shown of each under `details`."""
    receipts_ = [receipt.from_json(one["receipt"]) for one in written.result["events"]]
    return [{**fields_of(one), "details": shown(one)} for one in receipts_]


def types(written: WriteResult) -> list[str]:
    return [one["type"] for one in found(written)]


def refused(gateway: Founded, organisation: str = AUDITOR, **asked: Any) -> RecordedRefusal:
    return gateway.refusal(audit.search, caller(organisation), gateway.key(), reading(**asked))


@pytest.fixture
def handoff(gateway: Founded) -> UUID:
    """A handoff from the hotline to OFMIN, accepted and opened."""
    made = accepted(gateway)
    consulted(gateway, made)
    return made


def case_of(gateway: Founded, handoff: UUID) -> CaseId:
    one = gateway.handoff(handoff)
    return CaseId(one.originator, one.case)


# --- grants ---


def test_without_a_grant_nobody_reads_the_log_and_the_refusal_is_an_event(gateway, handoff):
    refusal = refused(gateway)
    assert isinstance(refusal.refusal, Forbidden)
    assert refusal.refusal.rules == ("R2.audit.coverage",)
    recorded = fields_of(refusal.receipt)
    assert (recorded["type"], recorded["result"], recorded["operation"]) == (
        "audit.search", "denied", "log_access")  # fmt: skip
    assert shown(refusal.receipt)["by"] == "auditor-1"


def test_a_grant_over_the_whole_log_shows_every_event_with_every_detail(gateway, handoff):
    grant(gateway)
    size = gateway.size()
    told = found(read(gateway))
    assert len(told) == size
    by = {one["details"].get("by") for one in told if "handoff" in one}
    assert by == {"liaison-1", "officer-1"}
    offer = next(one for one in told if one["type"] == "handoff.offered")
    assert {p["organisation"] for p in offer["details"]["party"]} == {HOTLINE, OFMIN}


def test_an_event_whose_document_was_erased_meanwhile_is_left_out(gateway, handoff, monkeypatch):
    grant(gateway)
    gone = UUID(found(read(gateway))[0]["id"])
    logged = SqlLog.logged
    monkeypatch.setattr(
        SqlLog, "logged", lambda log, event: None if event == gone else logged(log, event)
    )
    told = [UUID(one["id"]) for one in found(read(gateway))]
    assert len(told) > 3
    assert gone not in told


def test_every_receipt_of_a_reading_verifies(gateway, handoff):
    grant(gateway)
    for one in read(gateway).result["events"]:
        confirmed = gateway.confirm(receipt.from_json(one["receipt"]))
        assert (confirmed.index, confirmed.event["id"]) == (one["index"], one["event"])


def test_nothing_of_content_is_in_what_an_auditor_reads(gateway, handoff):
    grant(gateway)
    text = json.dumps(read(gateway).result)
    assert "https://" not in text.replace("c2sp.org", "")
    version = gateway.case(case_of(gateway, handoff).case)
    assert version.originator_ref not in text


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
    assert json.loads(told["subject"]) == {
        "after": -1, "before": size, "filters": {"handoff": str(handoff)}}  # fmt: skip
    digests = [
        read_disclosure(text).digest
        for one in written.result["events"]
        for text in one["receipt"]["disclosures"]
    ]
    assert recorded["package_digest"] == handoff_documents.package_digest(digests)


def _streams(gateway: Founded) -> dict[str, list[Any]]:
    """What the stream of each organisation has, in order."""
    found = {}
    for one in (HOTLINE, OFMIN, OCRVP, AUDITOR):
        page = to_json(audit.stream(gateway.ports, caller(one), 0, 100))
        kept = [receipt.from_json(entry["receipt"]) for entry in page["events"]]
        found[one] = [{**fields_of(event), "details": shown(event)} for event in kept]
    return found


def test_each_member_whose_events_were_read_learns_by_whom_what_for_and_how_many(gateway, handoff):
    grant(gateway)
    before = _streams(gateway)
    read(gateway, handoff=handoff)
    after = _streams(gateway)
    new = {one: after[one][len(events) :] for one, events in before.items()}
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
    grant(gateway, coverage="member", member=HOTLINE)
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


def test_a_page_ends_before_it_would_inform_more_members_than_its_bound(
    gateway, handoff, monkeypatch
):
    grant(gateway)
    whole = [one["id"] for one in found(read(gateway, until=gateway.clock()))]
    monkeypatch.setattr(audit, "MEMBERS_INFORMED", 2)
    pages, page = [], None
    while page is not None or not pages:
        written = read(gateway, page=page, until=gateway.clock())
        told = found(written)
        members = {p["organisation"] for one in told for p in one["details"].get("party", ())}
        assert told
        assert len(members - {AUDITOR, "gateway"}) <= 2
        pages += [one["id"] for one in told]
        page = written.result.get("next")
    assert pages[: len(whole)] == whole


def test_the_readings_of_auditors_are_read_by_auditors(gateway, handoff):
    grant(gateway)
    read(gateway)
    (one,) = found(read(gateway, action="audit.search"))
    assert one["details"]["by"] == "auditor-1"


def test_a_grant_counts_only_on_its_days(gateway, handoff):
    grant(gateway, start=f"{gateway.clock() + timedelta(days=2):%Y-%m-%d}")
    assert isinstance(refused(gateway).refusal, Forbidden)
    gateway.clock.advance(timedelta(days=2))
    read(gateway)
    gateway.clock.advance(timedelta(days=31))
    assert isinstance(refused(gateway).refusal, Forbidden)


def test_a_grant_that_is_ended_counts_no_more_at_once(gateway, handoff):
    granted = grant(gateway)
    read(gateway)
    end(gateway, granted)
    assert isinstance(refused(gateway).refusal, Forbidden)
    with pytest.raises(RecordedRefusal) as again:
        end(gateway, granted)
    assert isinstance(again.value.refusal, WrongState)


def test_a_retry_after_the_end_of_the_grant_gives_nothing(gateway, handoff):
    granted, key = grant(gateway), gateway.key()
    read(gateway, key=key)
    end(gateway, granted)
    gateway.refusal(audit.search, caller(AUDITOR), key, reading())


def test_a_grant_ended_between_the_look_and_the_record_gives_nothing(gateway, handoff, monkeypatch):
    granted = grant(gateway)
    write = audit.transact

    def late(*args):
        end(gateway, granted)
        return write(*args)

    monkeypatch.setattr(audit, "transact", late)
    assert isinstance(refused(gateway).refusal, Forbidden)


@pytest.mark.parametrize("narrower", [{"coverage": "member", "member": OFMIN}, {"coverage": "all"}])
def test_a_page_looked_up_under_more_grants_than_hold_at_its_record_is_not_told(
    gateway, handoff, monkeypatch, narrower
):
    """A search that names nothing is allowed by what is left, but was cut to what was there."""
    granted = grant(gateway)
    grant(gateway, **{**narrower, **({"person": "auditor-2"} if len(narrower) == 1 else {})})
    grant(gateway, coverage="member", member=OCRVP)
    write, size = audit.transact, gateway.size()

    def late(*args):
        end(gateway, granted)
        return write(*args)

    monkeypatch.setattr(audit, "transact", late)
    with pytest.raises(EditConflict):
        read(gateway)
    assert gateway.size() == size + 1  # the end of the grant alone


def test_a_retry_under_wider_grants_tells_nothing_that_the_first_record_does_not_name(
    gateway, handoff
):
    grant(gateway, coverage="member", member=OCRVP)
    key = gateway.key()
    read(gateway, key=key)
    granted = grant(gateway, coverage="member", member=OFMIN)
    with pytest.raises(EditConflict):
        read(gateway, key=key)
    end(gateway, granted)
    read(gateway, key=key)


def test_a_retry_under_narrower_grants_tells_less_than_the_record_and_so_nothing(gateway, handoff):
    grant(gateway, coverage="member", member=OFMIN)
    granted = grant(gateway)
    key = gateway.key()
    read(gateway, key=key)
    end(gateway, granted)
    with pytest.raises(EditConflict):
        read(gateway, key=key)


def test_what_is_logged_between_the_look_and_the_record_is_not_in_a_retry_either(
    gateway, handoff, monkeypatch
):
    grant(gateway)
    key, write = gateway.key(), audit.transact

    def late(*args):
        submitted(gateway)
        return write(*args)

    with monkeypatch.context() as patch:
        patch.setattr(audit, "transact", late)
        first = read(gateway, key=key)
    again = read(gateway, key=key)
    assert [one["id"] for one in found(again)] == [one["id"] for one in found(first)]


def test_a_grant_for_one_person_is_for_nobody_else(gateway, handoff):
    grant(gateway, person="auditor-1")
    read(gateway)
    assert isinstance(refused(gateway, by="auditor-2").refusal, Forbidden)


def test_a_grant_is_for_one_organisation(gateway, handoff):
    grant(gateway)
    assert isinstance(refused(gateway, organisation=OCRVP).refusal, Forbidden)


# --- who gives them ---


@each(
    "values, pointer",
    [
        ({"until": None}, "/until"),
        ({"until": "2027-03-03"}, "/until"),
        ({"until": "2026-03-01"}, "/until"),
        ({"decision_ref": " "}, "/decision_ref"),
        ({"coverage": "some"}, "/coverage"),
        ({"coverage": "member"}, "/member"),
        ({"coverage": "member", "member": AUDITOR}, "/member"),
        ({"coverage": "member", "member": "nobody"}, "/member"),
        ({"coverage": "member", "member": HOTLINE, "case": "x"}, "/case"),
        ({"member": HOTLINE}, "/member"),
        ({"coverage": "case", "member": HOTLINE}, "/case"),
        ({"coverage": "case", "member": HOTLINE, "case": str(UUID(int=1))}, "/case"),
    ],
)
def test_a_grant_is_over_something_that_is_there_and_for_a_time(gateway, values, pointer):
    with pytest.raises(RecordedRefusal) as told:
        grant(gateway, **values)
    assert isinstance(told.value.refusal, ValidationFailed)
    assert told.value.refusal.errors[0][0] == pointer


def test_a_grant_and_its_end_are_events_of_the_gateway_and_of_the_auditor(gateway):
    end(gateway, grant(gateway))
    types = [one["type"] for one in _streams(gateway)[AUDITOR]]
    assert types[-2:] == ["audit_access.granted", "audit_access.ended"]


def test_an_unknown_grant_cannot_be_ended(gateway):
    with pytest.raises(RecordedRefusal) as unknown:
        end(gateway, UUID(int=7))
    assert isinstance(unknown.value.refusal, WrongState)
    with pytest.raises(RecordedRefusal):
        end(gateway, UUID(int=7), "nobody")


# --- coverage ---


def test_a_grant_over_a_member_shows_its_events_and_what_it_may_read_of_them(gateway, handoff):
    grant(gateway, coverage="member", member=HOTLINE)
    stream = to_json(audit.stream(gateway.ports, caller(HOTLINE), 0, 100))["events"]
    told = found(read(gateway))
    assert [one["id"] for one in told] == [one["event"] for one in stream]
    assert {p["organisation"] for one in told for p in one["details"]["party"]} == {HOTLINE}
    assert "officer-1" not in {one["details"].get("by") for one in told}


def test_a_grant_over_a_case_shows_all_of_its_events_and_no_others(gateway, handoff):
    submitted(gateway)
    offered(gateway)
    case = case_of(gateway, handoff)
    grant(gateway, coverage="case", member=case.originator, case=str(case.case))
    told = found(read(gateway))
    assert [one["type"] for one in told] == [
        "case.submitted", "handoff.offered", "handoff.accepted", "case.consulted"]  # fmt: skip
    assert {one["details"]["by"] for one in told} == {"intake-1", "liaison-1", "officer-1"}


def test_grants_add_up(gateway, handoff):
    submitted(gateway)
    case = case_of(gateway, handoff)
    grant(gateway, coverage="case", member=case.originator, case=str(case.case))
    grant(gateway, coverage="member", member=OCRVP)
    told = found(read(gateway))
    assert "case.submitted" in [one["type"] for one in told]
    assert any(OCRVP in _parties(one) for one in told)
    assert not [one for one in told if _parties(one) == {HOTLINE} and "case_digest" not in one]


def _parties(one: dict[str, Any]) -> set[str]:
    return {party["organisation"] for party in one["details"]["party"]}


def test_what_is_named_beyond_the_coverage_is_denied(gateway, handoff):
    grant(gateway, coverage="case", member=HOTLINE, case=str(case_of(gateway, handoff).case))
    other = case_of(gateway, UUID(offered(gateway).result["handoff"]))
    for asked in (
        {"handoff": UUID(offered(gateway).result["handoff"])},
        {"handoff": gateway.new_id()},
        {"case": other},
        {"case": CaseId(HOTLINE, gateway.new_id())},
    ):
        assert refused(gateway, **asked).refusal.rules == ("R2.audit.coverage",)


def test_a_member_that_is_not_covered_is_not_searched_for(gateway, handoff):
    grant(gateway, coverage="member", member=OCRVP)
    asked = AuditSearch("auditor-1", "security", "x", AuditFilters(organisation=HOTLINE))
    gateway.denied("R2.audit.coverage", AUDITOR, audit.search, asked)
    covered = AuditSearch("auditor-1", "security", "x", AuditFilters(organisation=OCRVP))
    assert gateway.act(AUDITOR, audit.search, covered).result["events"]


def test_what_is_withheld_cannot_be_searched_for(gateway, handoff):
    grant(gateway, coverage="member", member=HOTLINE)
    assert found(read(gateway, person="officer-1")) == []
    assert found(read(gateway, rule="R2.accept")) == []
    assert len(found(read(gateway, person="liaison-1"))) == 1


def test_a_member_with_a_grant_over_a_case_searches_by_those_who_took_part(gateway, handoff):
    case = case_of(gateway, handoff)
    grant(gateway, coverage="case", member=case.originator, case=str(case.case))
    key, place = gateway.key(), AuditFilters(organisation=OFMIN)
    asked = AuditSearch("a-1", "security", "x", place, limit=100)
    written = gateway.do(audit.search, caller(AUDITOR), key, asked)
    assert types(written) == ["handoff.offered", "handoff.accepted", "case.consulted"]


# --- filters and pages ---


def test_each_filter_gives_what_fits_it_and_nothing_else(gateway, handoff):
    grant(gateway)
    gateway.refusal(audit.look_up_receipt, caller(OFMIN), gateway.new_id())
    assert set(types(read(gateway, handoff=handoff))) == {
        "handoff.offered", "handoff.accepted", "case.consulted"}  # fmt: skip
    assert types(read(gateway, person="intake-1")) == ["case.submitted"]
    assert types(read(gateway, action="handoff.accept")) == ["handoff.accepted"]
    assert types(read(gateway, result="not_found")) == ["receipt.read"]
    assert set(types(read(gateway, rule="R2.offer"))) == {"handoff.offered"}
    assert len(found(read(gateway, case=case_of(gateway, handoff)))) == 4
    assert found(read(gateway, person="nobody")) == []
    assert found(read(gateway, rule="R2_offer")) == []
    both = read(gateway, person="officer-1", action="case.consult")
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


def test_pages_follow_each_other_without_the_readings_between_them(gateway, handoff):
    grant(gateway)
    size = gateway.size()
    page, seen, pages = None, [], 0
    while True:
        written = read(gateway, page=page, limit=7)
        seen += [one["index"] for one in written.result["events"]]
        page, pages = written.result["next"], pages + 1
        if page is None:
            break
    assert seen == list(range(size))
    assert pages == -(-size // 7)


def test_a_retry_gives_the_first_record_and_the_same_events(gateway, handoff):
    grant(gateway)
    key = gateway.key()
    first = read(gateway, key=key)
    submitted(gateway)
    again = read(gateway, key=key)
    assert fields_of(again.receipt)["id"] == fields_of(first.receipt)["id"]
    assert [one["event"] for one in again.result["events"]] == [
        one["event"] for one in first.result["events"]
    ]


def test_a_search_that_finds_little_stops_and_goes_on(gateway, handoff, monkeypatch):
    """Events of before persons could be searched for are opened one by one, but not without end."""
    grant(gateway)
    monkeypatch.setattr(audit, "ROWS_LOOKED_AT", 3)
    page, seen = None, []
    for _ in range(gateway.size()):
        written = read(gateway, page=page, limit=100)
        seen += written.result["events"]
        page = written.result["next"]
        assert len(written.result["events"]) <= 3
        if page is None:
            break
    assert page is None
    assert seen


# --- Receipts and streams: each party proves its own events, and sees of each only its own part ---


def event_of(one: receipt.Receipt) -> UUID:
    return UUID(fields_of(one)["id"])


def stream(gateway: Founded, organisation: str, after: int = 0, limit: int = 100) -> Any:
    return to_json(audit.stream(gateway.ports, caller(organisation), after, limit))


def test_a_party_gets_the_receipt_again_proved_in_the_log_of_today(gateway):
    written = offered(gateway)
    submitted(gateway)
    again = audit.look_up_receipt(gateway.ports, caller(HOTLINE), event_of(written.receipt))
    first, second = gateway.confirm(written.receipt), gateway.confirm(again)
    assert second.event == first.event
    assert second.index == first.index
    assert second.checkpoint.size == first.checkpoint.size + 1


def test_on_its_own_host_the_gateway_proves_what_was_recorded(gateway):
    written = gateway.administer("organisation.suspend", ABROAD, reason="test")
    again = audit.of_gateway(gateway.ports, event_of(written.receipt))
    assert gateway.confirm(again).event == gateway.confirm(written.receipt).event
    with pytest.raises(NotFound):
        audit.of_gateway(gateway.ports, gateway.new_id())


def test_what_stands_without_a_receipt_is_named(gateway, monkeypatch):
    def away(*_: Any) -> str:
        raise HighWaterMarkUnavailable("no")

    size = gateway.size()
    monkeypatch.setattr(gateway.checkpoint_signer, "sign", away)
    with pytest.raises(HighWaterMarkUnavailable) as refused:
        gateway.administer("organisation.suspend", ABROAD, reason="test")
    monkeypatch.undo()
    assert gateway.size() == size + 1
    assert event_of(audit.of_gateway(gateway.ports, refused.value.recorded))


def test_both_parties_prove_one_event_and_share_no_disclosure_but_the_purpose(gateway):
    written = offered(gateway)
    other = audit.look_up_receipt(gateway.ports, caller(OFMIN), event_of(written.receipt))
    assert gateway.confirm(other).event == gateway.confirm(written.receipt).event
    shared = set(other.disclosures) & set(written.receipt.disclosures)
    assert [event.open_disclosures(other.document, [one]).shown[0][0] for one in shared] == [
        "purpose"
    ]


@each("organisation, people", [(HOTLINE, {"intake-1", "liaison-1"}), (OFMIN, {"officer-1"})])
def test_a_party_sees_its_own_people_and_nobody_else(gateway, organisation, people):
    handoff = accepted(gateway)
    consulted(gateway, handoff)
    seen = [shown(receipt.from_json(o["receipt"])) for o in stream(gateway, organisation)["events"]]
    assert {told["by"] for told in seen if "by" in told} == people
    assert {p["organisation"] for told in seen for p in told["party"]} == {organisation}


def test_a_stream_is_complete_from_one_to_its_head(gateway):
    handoff = accepted(gateway)
    consulted(gateway, handoff)
    gateway.refusal(handoffs.look_up, caller(OFMIN), gateway.new_id())
    found = stream(gateway, OFMIN)
    assert [one["stream_number"] for one in found["events"]] == list(range(1, found["head"] + 1))
    kept = [receipt.from_json(one["receipt"]) for one in found["events"]]
    for stream_number, one in enumerate(kept, start=1):
        gateway.confirm(one)
        assert shown(one)["party"][0]["stream_number"] == stream_number
    types = [fields_of(one)["type"] for one in kept]
    assert types[-4:] == ["handoff.offered", "handoff.accepted", "case.consulted", "handoff.read"]
    assert fields_of(kept[-1])["result"] == "not_found"


def test_a_stream_is_read_on_from_a_counter(gateway):
    accepted(gateway)
    whole = stream(gateway, OFMIN)
    part = stream(gateway, OFMIN, after=2, limit=1)
    assert part["head"] == whole["head"]
    assert [one["stream_number"] for one in part["events"]] == [3]
    assert part["events"][0]["event"] == whole["events"][2]["event"]
    assert stream(gateway, OFMIN, after=whole["head"])["events"] == []


def test_a_stream_has_no_event_of_others(gateway):
    before = {one: stream(gateway, one)["head"] for one in (ABROAD, OCRVP)}
    accepted(gateway)
    assert {one: stream(gateway, one)["head"] for one in (ABROAD, OCRVP)} == before


def test_reading_receipts_and_streams_is_no_event(gateway):
    written = offered(gateway)
    size = gateway.size()
    audit.look_up_receipt(gateway.ports, caller(OFMIN), event_of(written.receipt))
    stream(gateway, OFMIN)
    assert gateway.size() == size


def test_the_documents_of_the_log_name_nobody(gateway):
    handoff = accepted(gateway)
    consulted(gateway, handoff)
    gateway.answer(OFMIN, answers.close, handoff)
    names = (HOTLINE, OFMIN, "officer-1", "liaison-1", "intake-1", "investigation", "csam")
    for one in stream(gateway, OFMIN)["events"] + stream(gateway, HOTLINE)["events"]:
        text = one["receipt"]["document"]
        assert ORIGIN in text
        assert not [name for name in names if name in text]


def test_events_are_timed_by_the_clock(gateway):
    first = fields_of(submitted(gateway).receipt)["time"]
    gateway.clock.advance(timedelta(days=1))
    second = fields_of(submitted(gateway).receipt)["time"]
    assert (first[:10], second[:10]) == ("2026-03-02", "2026-03-03")


def test_every_event_names_the_policy_that_decided(gateway):
    revisions = {
        fields_of(receipt.from_json(one["receipt"]))["policy"]
        for one in stream(gateway, HOTLINE)["events"]
    }
    assert revisions == {gateway.ports.policy.revision}
