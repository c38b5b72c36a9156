"""One's own stream of events: complete, in order, each with its own receipt."""

from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from gateway.client import (
    AuditFilters,
    CaseReference,
    EvidenceMismatch,
    GatewayUnavailable,
    OutdatedVersion,
    RequestRefused,
    SettingsError,
    UnexpectedAnswer,
)
from gateway.client.events import REMEMBERED, SeenNotifications
from gateway.evidence import bundle, receipt, sd_jwt
from gateway.kernel.values import EventMatch, LogQuery
from gateway.keys import KeyPurpose, generate_key, jwk_set
from gateway.store.log import SqlLog
from gateway.verification import verifier
from gateway.verification.report import Code
from gateway.verification.stream import read_head
from gateway.verification.trust import TrustAnchors
from tests.casework import ADDITION, case_content
from tests.client.client_fixture import MemberClient, cut, trust_of
from tests.client.scenario import CLEARED, Tamper, accepted, disbelieved, offer, submit
from tests.each import each
from tests.founded_gateway import ABROAD, HOTLINE, OFMIN
from tests.web.listening import Listening


def test_ones_own_events_are_complete_and_each_is_proved(stage: Listening) -> None:
    _, office, handoff = accepted(stage)
    entries = list(office.events())
    assert [entry.stream_number for entry in entries] == list(range(1, len(entries) + 1))
    assert [e.confirmed.event["type"] for e in entries][-2:] == [
        "handoff.offered",
        "handoff.accepted",
    ]
    assert [entry.stream_number for entry in office.events(after=2)] == [
        e.stream_number for e in entries[2:]
    ]
    one = office.receipt(entries[-1].event)
    assert (one.stream_number, one.event) == (entries[-1].stream_number, entries[-1].event)
    assert one.confirmed.event["handoff"] == handoff


def test_a_stream_of_many_pages_goes_on(stage: Listening) -> None:
    desk = MemberClient(stage)
    for _ in range(21):
        submit(desk, stage)
    assert len(list(desk.events())) > 21


def _drop(members: dict[str, Any], number: int) -> None:
    del members["events"][number]


@each(
    "tamper, match",
    [
        (lambda members: _drop(members, 0), "number 1 of the stream"),
        (lambda members: _drop(members, 1), "number 2 of the stream"),
        (lambda members: _drop(members, -1), "the end of the stream"),
        (lambda members: members.update(head=99), "or another end"),
        (lambda members: members.update(signed_head="x"), "end does not verify"),
        (lambda members: members.pop("signed_head") and None, "end does not verify"),
        (lambda members: members["events"].reverse(), "number 1 of the stream"),
        (
            lambda members: members["events"][0].update(
                receipt=members["events"][1]["receipt"], event=members["events"][1]["event"]
            ),
            "another event",
        ),
        (
            lambda members: members["events"][0].update(receipt=members["events"][1]["receipt"]),
            "of another event",
        ),
        (lambda members: members["events"].insert(0, "x"), "number 1 of the stream"),
    ],
)
def test_a_stream_with_a_gap_or_a_swap_is_refused(
    stage: Listening, tamper: Tamper, match: str
) -> None:
    desk = MemberClient(stage)
    disbelieved(desk, tamper, lambda: list(desk.events()), match)


def test_the_end_of_a_stream_is_stated_on_every_page(stage: Listening) -> None:
    desk = MemberClient(stage)
    ends: list[Any] = []
    entries = list(desk.events(0, lambda text, end: ends.append((text, end))))
    ((text, end),) = ends
    assert (end.organisation, end.stream_number) == (HOTLINE, len(entries))
    assert read_head(text, trust_of(stage.gateway)) == end


def test_the_end_of_another_members_stream_is_not_taken(stage: Listening) -> None:
    desk, other = MemberClient(stage), MemberClient(stage, ABROAD)
    told: list[str] = []
    list(other.events(0, lambda text, end: told.append(text)))
    disbelieved(
        desk,
        lambda members: members.update(signed_head=told[0]),
        lambda: list(desk.events()),
        "about another stream",
    )


def test_a_receipt_of_an_event_that_is_not_ours_is_not_found(stage: Listening) -> None:
    hotline, abroad = MemberClient(stage), MemberClient(stage, ABROAD)
    event = hotline.submit(case_content(stage.gateway.new_id()), "x1").confirmed.event["id"]
    with pytest.raises(RequestRefused) as refused:
        abroad.receipt(event)
    assert refused.value.slug == "not-found"


def test_another_events_receipt_is_not_taken_for_the_one_asked_for(stage: Listening) -> None:
    desk = MemberClient(stage)
    first, second = (desk.submit(case_content(stage.gateway.new_id()), "x1") for _ in range(2))
    other = receipt.to_json(first.receipt)
    disbelieved(
        desk,
        lambda members: members.update(other),
        lambda: desk.receipt(second.confirmed.event["id"]),
        "of another event",
    )


# --- Events of others under a grant: verified, as recorded, and no others than were asked for ---


@pytest.fixture
def auditor(stage: Listening) -> MemberClient:
    """A member with a grant over the whole log, after a handoff was accepted."""
    accepted(stage)
    stage.gateway.administer(
        "audit_access.grant",
        ABROAD,
        coverage="all",
        start="2026-03-01",
        until="2026-04-01",
        decision_ref="board 2026-02",
    )
    return MemberClient(stage, ABROAD)


def audit(desk: MemberClient, **filters: Any) -> list[Any]:
    searches = desk.audit("auditor-1", "lawfulness", "yearly", AuditFilters(**filters))
    return [event for one in searches for event in one.events]


def test_an_auditor_is_given_events_with_what_the_grant_shows(auditor: MemberClient) -> None:
    found = audit(auditor, actions=("handoff.accept",))
    (one,) = found
    assert one.parties == (HOTLINE, OFMIN)
    assert one.details["by"] == "officer-1"
    assert one.confirmed.event["type"] == "handoff.accepted"
    assert audit(auditor, person="nobody") == []


def test_an_audit_of_many_pages_is_one_record(
    auditor: MemberClient, stage: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.exchange.oversight.audit.PAGE", 7)
    size = stage.gateway.size()
    assert [one.index for one in audit(auditor)] == list(range(size))
    assert len(audit(auditor, actions=("audit.search",))) == 1


def test_an_audit_beyond_the_bound_of_one_search_goes_on_by_another(
    auditor: MemberClient, stage: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.exchange.oversight.audit.MOST_EVENTS", 7)
    size = stage.gateway.size()
    assert [one.index for one in audit(auditor)] == list(range(size))
    made = -(-size // 7)
    assert len(audit(auditor, actions=("audit.search",))) == made


def test_an_audit_by_reference_names_the_case_that_was_found(auditor: MemberClient) -> None:
    (offer,) = audit(auditor, actions=("handoff.offer",))
    originator, case = offer.details["case"].split("/")
    told = CaseReference(originator, f"ref-{case}")
    (search,) = auditor.audit("auditor-1", "lawfulness", "yearly", reference=told)
    assert {one.details["case"] for one in search.events} == {offer.details["case"]}
    assert search.confirmed.subject()["filters"]["case"]["case"] == case


def test_an_audit_is_not_kept_to_be_sent_later(stage: Listening, tmp_path: Path) -> None:
    desk = MemberClient(stage, ABROAD, outbox=tmp_path)
    with pytest.raises(RequestRefused) as refused:
        audit(desk)
    assert refused.value.rules == ("R2.audit.coverage",)
    assert list(tmp_path.iterdir()) == []


def _events(members: dict[str, Any]) -> list[Any]:
    events: list[Any] = members["events"]
    return events


@each(
    "tamper, match",
    [
        (lambda members: _events(members).pop(), "names other details than were shown"),
        (lambda members: _events(members).reverse(), "not in the log's order"),
        (lambda members: _events(members)[0]["receipt"]["disclosures"].pop(), "other details"),
        (lambda members: _events(members)[0].update(index=99), "of another event"),
        (lambda members: _events(members).append("x"), "expected form"),
        (lambda members: members.update(events=None), "no list of events"),
    ],
)
def test_an_audit_that_shows_other_than_its_record_is_refused(
    auditor: MemberClient, tamper: Tamper, match: str
) -> None:
    auditor.wire.tamper = lambda request, members: (
        tamper(members) and None if request.url.path.startswith("/audit/searches/") else None
    )
    with pytest.raises((EvidenceMismatch, UnexpectedAnswer), match=match):
        audit(auditor)


def test_topics_that_are_not_those_of_the_events_are_refused(auditor: MemberClient) -> None:
    filters = AuditFilters(topics=("members", "consultations"))
    (made,) = auditor.audit("auditor-1", "lawfulness", "yearly", filters)
    assert auditor.audit_summary(made)["topics"][0]["events"] > 0
    auditor.wire.tamper = lambda request, members: (
        members["topics"][0].update(events=1) if request.url.path.endswith("/summary") else None
    )
    with pytest.raises(EvidenceMismatch, match="not those of its events"):
        auditor.audit_summary(made)


@each("hidden", [0, 5, -1])
def test_a_search_for_everything_misses_no_entry_of_the_log(
    auditor: MemberClient, stage: Listening, hidden: int
) -> None:
    """An event whose rows are gone: the gateway records honestly that it showed all the others."""
    found, entry = SqlLog.search, hidden % stage.gateway.size()

    def search(self: SqlLog, query: LogQuery) -> list[EventMatch]:
        return [one for one in found(self, query) if one.index != entry]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SqlLog, "search", search)
        with pytest.raises(EvidenceMismatch, match=f"entr(y|ies) {entry} "):
            audit(auditor)
        assert audit(auditor, actions=("handoff.accept",)), "a part may be asked for"


@each(
    "asked, other",
    [
        ({"actions": ("handoff.accept",)}, {"actions": ["handoff.offer"]}),
        ({"actions": ("handoff.accept",)}, {}),
        ({"person": "officer-1"}, {"person": "liaison-1"}),
    ],
)
def test_events_that_were_not_asked_for_are_refused(
    auditor: MemberClient, asked: dict[str, Any], other: dict[str, Any]
) -> None:
    """A gateway that answers, and records, another search than ours."""
    write = auditor._exchange.write

    def misheard(action: str, path: str, body: dict[str, Any]) -> Any:
        return write(action, path, {**body, "filters": other})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(auditor._exchange, "write", misheard)
        with pytest.raises(EvidenceMismatch, match="other filters"):
            audit(auditor, **asked)


@each(
    "other, match",
    [
        ({"next": {"after": 3, "before": 9}}, "was to begin at entry 0"),
        ({"next": {"after": -1, "before": 5}}, "ended at entry 5, and the log has more"),
    ],
)
def test_a_search_that_looked_at_less_of_the_log_is_refused(
    auditor: MemberClient, other: dict[str, Any], match: str
) -> None:
    write = auditor._exchange.write
    audit(auditor)

    def narrowed(action: str, path: str, body: dict[str, Any]) -> Any:
        return write(action, path, {**body, **other})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(auditor._exchange, "write", narrowed)
        with pytest.raises(EvidenceMismatch, match=match):
            audit(auditor, actions=("handoff.accept",))


def test_searches_that_leave_out_entries_between_them_are_refused(
    auditor: MemberClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.exchange.oversight.audit.MOST_EVENTS", 7)
    write = auditor._exchange.write

    def skipping(action: str, path: str, body: dict[str, Any]) -> Any:
        at = body["next"]
        return write(action, path, body | {"next": at and {**at, "after": at["after"] + 2}})

    monkeypatch.setattr(auditor._exchange, "write", skipping)
    with pytest.raises(EvidenceMismatch, match="was to begin at entry 7"):
        audit(auditor)


# --- A handoff in one file: what both parties can prove, and nothing that was not opened for it ---


def trusted(stage: Listening) -> TrustAnchors:
    return trust_of(stage.gateway)


def test_both_parties_export_a_bundle_that_verifies_without_the_gateway(stage: Listening) -> None:
    hotline, office, handoff = accepted(stage, groups=["items"])
    office.answer("report_outcome", handoff, "officer-1", code="case_opened")
    for data, told in (
        (office.export(handoff, "officer-1", "for the file"), True),
        (hotline.export(handoff, "liaison-1", "for the file"), False),
        (hotline.export(handoff), False),
    ):
        found = verifier.verify(data, trusted(stage))
        assert (found.kind, found.passed) == ("bundle", True), found.sentence
        keys = [one.key for one in found.conclusion.facts]
        assert ("outcome.code" in keys) is not told, "the code stays with the police"
    shown = bundle.parse(hotline.export(handoff, "liaison-1", "for the file")).packages[-1].case
    names = {d.name for d in sd_jwt.parse(shown).disclosures}
    assert "reporter" not in names, "the originator's file shows no more than the offer"


def test_consultations_that_an_originator_is_not_told_of_make_its_file_no_less_complete(
    stage: Listening,
) -> None:
    hotline, office, handoff = accepted(stage)
    before = verifier.verify(hotline.export(handoff), trusted(stage)).code
    for _ in range(2):
        office.consult(handoff, "officer-1", "investigation", "to look again")
    after = verifier.verify(hotline.export(handoff), trusted(stage)).code
    assert before is after is not Code.INCOMPLETE
    numbers = [one.stream_number for one in hotline.events()]
    assert numbers == list(range(1, len(numbers) + 1))


def test_an_export_without_content_opens_nothing(stage: Listening) -> None:
    hotline, office = MemberClient(stage), MemberClient(stage, OFMIN)
    handoff = offer(hotline, stage)
    office.answer("decline", handoff, "officer-1", reason="no capacity")
    before, told = stage.gateway.size(), []
    data = hotline.export(handoff, progress=lambda done, of: told.append((done, of)))
    assert stage.gateway.size() == before
    assert told == [(1, 2), (2, 2)]
    case = sd_jwt.read_unverified(bundle.parse(data).packages[-1].case)
    assert {placed.name for placed in case.placed} == {"matter", "urgency", "attribution"}


def test_content_of_an_older_version_is_not_exported(stage: Listening) -> None:
    hotline = MemberClient(stage)
    case = stage.gateway.new_id()
    first = hotline.submit(case_content(case), "intake-1", CLEARED)
    handoff = offer(hotline, stage, case=case)
    second = case_content(case, version=2, previous=first.result["digest"])
    hotline.revise(second, "intake-1", ADDITION)
    before = stage.gateway.size()
    with pytest.raises(OutdatedVersion):
        hotline.export(handoff, "liaison-1", "for the file")
    assert stage.gateway.size() == before
    assert verifier.verify(hotline.export(handoff), trusted(stage)).passed


def test_a_bundle_that_does_not_verify_is_not_returned(stage: Listening) -> None:
    _, office, handoff = accepted(stage)
    offered = office.handoff(handoff)["answers"][0]["event"]

    def point_elsewhere(members: dict[str, Any]) -> None:
        if "answers" in members:
            members["answers"][1]["event"] = offered

    disbelieved(office, point_elsewhere, lambda: office.export(handoff), "does not verify")


# --- Notifications at a member's desk: verified, acknowledged once they were worked on ---


@pytest.fixture
def office(stage: Listening) -> MemberClient:
    """The desk of an office that has heard of all there was before an offer to it."""
    desk = MemberClient(stage, OFMIN)
    while page := desk.poll_notifications().notifications:
        desk.poll_notifications(most=0, acknowledge=page)
    offer(MemberClient(stage), stage)
    return desk


def test_the_notifications_of_a_desk_are_those_of_its_stream(stage: Listening) -> None:
    _, office, handoff = accepted(stage)
    page = office.poll_notifications()
    told = [(one.stream_number, one.event) for one in page.notifications]
    assert told == [(one.stream_number, one.event) for one in office.events()]
    assert not page.more
    assert str(page.notifications[-1].handoff) == handoff


def test_one_is_acknowledged_when_the_next_is_asked_for(
    stage: Listening, office: MemberClient
) -> None:
    accepted(stage)
    coming = office.notifications()
    told = [next(coming), next(coming)]
    coming.close()
    left = office.poll_notifications().notifications
    assert left[0] == told[1], "the last one was not worked on"
    types = [one.type for one in (told[0], *left)]
    assert types == ["handoff.offered", "handoff.offered", "handoff.accepted"]


def test_a_repetition_is_passed_over_and_acknowledged_again(
    stage: Listening, office: MemberClient
) -> None:
    coming = office.notifications()
    first = next(coming)
    # Another system of the office has it sent again meanwhile.
    office.poll_notifications(refuse={first: ("invalid_key", "")})
    office.step("notification.replay", {"event": first.event}, "analyst-1")
    office.poll_notifications(refuse={})
    assert next(coming).type == "notification.replayed"
    coming.close()
    assert office.notification_status()["refused"] == []


def test_what_was_worked_on_is_passed_over_after_a_restart_though_it_was_not_acknowledged(
    stage: Listening, office: MemberClient, tmp_path: Path
) -> None:
    file = tmp_path / "newest.notifications"
    first = MemberClient(stage, OFMIN, notifications_file=file)
    coming = first.notifications()
    worked_on = next(coming)
    first.wire.faults += [cut] * 20  # it stops before it can acknowledge
    with pytest.raises(GatewayUnavailable):
        next(coming)
    accepted(stage)
    again = MemberClient(stage, OFMIN, notifications_file=file)
    assert again.poll_notifications().notifications[0] == worked_on, "it comes again"
    assert next(again.notifications()) != worked_on


def test_what_is_remembered_is_bounded(tmp_path: Path) -> None:
    file = tmp_path / "newest.notifications"
    file.write_text("".join(f"{UUID(int=one)}\n" for one in range(REMEMBERED)))
    seen = SeenNotifications(file)
    seen.add(UUID(int=REMEMBERED))
    assert UUID(int=0) not in seen
    assert UUID(int=REMEMBERED) in SeenNotifications(file)
    assert len(file.read_text().split()) == REMEMBERED


@pytest.mark.parametrize("content", [b"no list", b"\xff"])
def test_a_file_of_something_else_is_not_overwritten(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "newest.notifications"
    file.write_bytes(content)
    with pytest.raises(SettingsError):
        SeenNotifications(file)
    assert file.read_bytes() == content


def test_a_lost_connection_at_the_end_loses_nothing(office: MemberClient) -> None:
    coming = office.notifications()
    waiting = next(coming)
    office.wire.faults += [cut] * 9
    coming.close()
    office.wire.faults.clear()
    assert office.poll_notifications().notifications == [waiting]


def test_refused_ones_are_shown_and_come_again_when_asked_for(
    stage: Listening, office: MemberClient
) -> None:
    (told,) = office.poll_notifications().notifications
    office.poll_notifications(refuse={told: ("invalid_key", "which key?")})
    (kept,) = office.notification_status()["refused"]
    assert (kept["event"], kept["error"]) == (str(told.event), "invalid_key")
    office.step("notification.replay", {"event": told.event}, "analyst-1")
    assert office.poll_notifications().notifications[0] == told
    with pytest.raises(RequestRefused):
        office.step("notification.replay", {"event": stage.gateway.new_id()}, "analyst-1")


def swap(members: dict[str, Any]) -> None:
    """The token of another organisation, which the gateway signed too."""
    (jti,) = members["sets"]
    members["sets"] = {jti.replace(OFMIN, HOTLINE): members["sets"][jti]}


def spoil(members: dict[str, Any]) -> None:
    for jti, text in members["sets"].items():
        members["sets"][jti] = text[:-6] + "AAAAAA"


@each("tamper", [swap, spoil])
def test_what_the_gateway_did_not_sign_so_is_no_notification(office: MemberClient, tamper) -> None:
    disbelieved(office, tamper, office.poll_notifications, "notification")


def test_a_key_that_is_new_is_asked_for_and_one_that_is_not_shown_is_refused(
    stage: Listening, office: MemberClient
) -> None:
    others = jwk_set([generate_key(KeyPurpose.NOTIFICATION)])

    def withhold(request: httpx.Request, members: dict[str, Any]) -> Any:
        return others if request.url.path == "/keys/notification" else None

    office._notification_keys = {}
    office.wire.tamper = withhold
    with pytest.raises(EvidenceMismatch):
        office.poll_notifications()
    office.wire.tamper = None
    assert office.poll_notifications().notifications


@each("members", [{"sets": []}, {}, {"sets": {}, "moreAvailable": 1}])
def test_an_answer_without_notifications_is_none(office: MemberClient, members: Any) -> None:
    office.wire.tamper = lambda request, answer: answer.clear() or members or {"x": 1}
    with pytest.raises(UnexpectedAnswer):
        office.poll_notifications()


def test_keys_that_cannot_be_read_are_none(office: MemberClient) -> None:
    office._notification_keys = None
    office.wire.tamper = lambda request, members: {"keys": "none"} if "keys" in members else None
    with pytest.raises(UnexpectedAnswer):
        office.poll_notifications()


def test_a_gateway_that_is_away_is_told(office: MemberClient) -> None:
    office.wire.faults += [cut] * 5
    with pytest.raises(GatewayUnavailable):
        office.poll_notifications()
