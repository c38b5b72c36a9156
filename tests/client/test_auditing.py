"""Events of others under a grant: verified, as recorded, and no others than were asked for."""

from pathlib import Path
from typing import Any

import pytest

from gateway.client import (
    AuditFilters,
    EvidenceMismatch,
    RequestRefused,
    UnexpectedAnswer,
)
from gateway.client.events import audited
from tests.client.client_fixture import MemberClient
from tests.client.scenario import Tamper, accepted
from tests.founding import (
    ABROAD,
    HOTLINE,
    OFMIN,
)
from tests.web.listening import Listening


@pytest.fixture
def auditor(stage: Listening) -> MemberClient:
    """A member with a grant over the whole log, after a handoff was accepted."""
    accepted(stage)
    stage.gateway.administer(
        "audit_access.grant",
        ABROAD,
        reach="all",
        start="2026-03-01",
        until="2026-04-01",
        decision_ref="board 2026-02",
    )
    return MemberClient(stage, ABROAD)


def audit(desk: MemberClient, **filters: Any) -> list[Any]:
    return list(desk.audit("auditor-1", "lawfulness", "yearly", AuditFilters(**filters)))


def test_an_auditor_is_given_events_with_what_the_grant_shows(auditor: MemberClient) -> None:
    found = audit(auditor, action="handoff.accept")
    (one,) = found
    assert one.parties == (HOTLINE, OFMIN)
    assert one.details["by"] == "officer-1"
    assert one.confirmed.event["typ"] == "handoff.accepted"
    assert audit(auditor, person="nobody") == []


def test_an_audit_of_many_pages_goes_on(
    auditor: MemberClient, stage: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.client.events.AUDIT_PAGE", 7)
    size = stage.gateway.size()
    found = audit(auditor)
    assert [one.index for one in found] == list(range(size))
    reads = audit(auditor, action="audit.search")
    assert len(reads) == -(-size // 7)


def test_an_audit_is_not_kept_to_be_sent_later(stage: Listening, tmp_path: Path) -> None:
    desk = MemberClient(stage, ABROAD, spool=tmp_path)
    with pytest.raises(RequestRefused) as refused:
        audit(desk)
    assert refused.value.rules == ("R2.audit.coverage",)
    assert list(tmp_path.iterdir()) == []


def _events(members: dict[str, Any]) -> list[Any]:
    events: list[Any] = members["result"]["events"]
    return events


@pytest.mark.parametrize(
    ("tamper", "match"),
    [
        (lambda members: _events(members).pop(), "names other details than were shown"),
        (lambda members: _events(members).reverse(), "not in the log's order"),
        (lambda members: _events(members)[0]["receipt"]["disclosures"].pop(), "other details"),
        (lambda members: _events(members)[0].update(index=99), "of another event"),
        (lambda members: _events(members).append("x"), "expected form"),
        (lambda members: members["result"].update(events=None), "no list of events"),
    ],
)
def test_an_audit_that_shows_other_than_its_record_is_refused(
    auditor: MemberClient, tamper: Tamper, match: str
) -> None:
    auditor.wire.tamper = lambda request, members: tamper(members) and None
    with pytest.raises((EvidenceMismatch, UnexpectedAnswer), match=match):
        audit(auditor)


def test_events_that_were_not_asked_for_are_refused(auditor: MemberClient) -> None:
    """A gateway that answers, and records, another search than ours."""
    asked = {"action": "handoff.accept"}
    others = [{"action": "handoff.offer"}, {}]
    answers = [
        auditor._exchange.write("audit.search", "/audit/searches", _search(one)) for one in others
    ]
    for written in answers:
        with pytest.raises(EvidenceMismatch):
            audited(written, asked, auditor.connection)
    with pytest.raises(EvidenceMismatch):
        audited(answers[0], {"person": "nobody"}, auditor.connection)


def _search(filters: dict[str, str]) -> dict[str, Any]:
    return {"by": "a-1", "reason_code": "security", "reason": "x", "filters": filters}
