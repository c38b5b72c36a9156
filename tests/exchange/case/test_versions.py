"""Further versions of a case: who hears of a change, what a second person had cleared, and what was
unlawful."""

from dataclasses import replace
from random import Random
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.case import case_from_claims
from gateway.domain.case_media import MOST_UNEXPLAINED
from gateway.domain.refusals import (
    ValidationFailed,
)
from gateway.domain.revision import ChangeKind, VersionChange
from gateway.evidence import sd_jwt
from gateway.exchange.case import cases, versions
from gateway.exchange.case.cases import CaseStepRequest
from gateway.exchange.handoffs import package_consultation, views
from gateway.kernel.transact import RecordedRefusal, WriteResult
from tests import answers
from tests.casework import accepted, change_of, consulted, offered, revised, submitted, updated
from tests.exchange.handoffs.updating import (
    ADDED,
    CORRECTED,
    FIRST,
    OLDER,
    STRICT,
    addresses,
    announced,
    events,
    held,
    made,
    values,
)
from tests.founded_gateway import ABROAD, HOTLINE, OFMIN, Founded, caller
from tests.founding import founded
from tests.log_check import handoffs_compared


@pytest.fixture
def gateway() -> Founded:
    return founded()


# --- who hears, and of what ----------------------------------------------------------------------


def test_a_holder_hears_of_a_correction_once_it_is_cleared(gateway):
    case, handoff = held(gateway)
    second = revised(gateway, case, items=CORRECTED, clearance=None)
    assert not announced(gateway)
    assert "superseded" not in gateway.view(OFMIN, handoff)
    at = UUID(case.result["case"])
    for step, by in ((cases.assess, "analyst-1"), (cases.clear, "approver-1")):
        gateway.act(HOTLINE, step, at, CaseStepRequest(by))
    assert announced(gateway) == [str(handoff)]
    assert gateway.view(OFMIN, handoff)["superseded"]["version"] == second.result["version"]
    assert consulted(gateway, handoff).result["superseded"]["change"] == "correction"
    told = events(gateway, "case.revised")
    assert [one["operation"] for one in told] == ["alteration"], "and not submitted again"


def test_an_addition_is_news_to_nobody_and_a_correction_to_nobody_who_never_accepted(gateway):
    case, handoff = held(gateway)
    revised(gateway, case, items=ADDED)
    assert "superseded" not in gateway.view(OFMIN, handoff)
    case, _ = made(gateway)
    revised(gateway, case, items=CORRECTED)
    assert not announced(gateway)


@pytest.mark.parametrize(
    ("versions", "owed"),
    [
        ([{"items": CORRECTED}], ["update"]),
        ([{"items": CORRECTED}, {"items": FIRST, "clearance": None}], ["update"]),
        ([{"items": ADDED}], []),
    ],
    ids=["a correction", "a correction and a draft that does not hide it", "an addition"],
)
def test_who_accepts_an_offer_of_before_a_correction_is_owed_the_update(gateway, versions, owed):
    newest, offer = made(gateway)
    for version in versions:
        newest = revised(gateway, newest, **version)
    assert gateway.owed(UUID(offer.result["handoff"])) == ["answer"]
    handoff = accepted(gateway, offer)
    assert gateway.owed(handoff) == owed
    if owed and len(versions) == 1:
        updated(gateway, handoff)
        assert gateway.owed(handoff) == ["acknowledgement"]


def test_a_correction_in_a_draft_that_was_replaced_is_announced_with_what_replaced_it(gateway):
    case, handoff = held(gateway)
    draft = revised(gateway, case, items=CORRECTED, clearance=None)
    third = revised(gateway, draft, items=[*CORRECTED, ADDED[2]])
    superseded = gateway.view(OFMIN, handoff)["superseded"]
    expected = {"change": "correction", "version": third.result["version"]}
    assert superseded == {**expected, "at": superseded["at"]}


def test_a_version_that_leaves_out_a_holder_is_refused(gateway):
    case, _ = held(gateway)
    with pytest.raises(ValidationFailed) as refused:
        revised(gateway, case, items=FIRST, marking={"release_to": [ABROAD]})
    assert refused.value.errors[0][0] == "/content/marking/release_to"
    revised(gateway, case, items=FIRST, marking={"release_to": [ABROAD, OFMIN]})


def statement(seed: int) -> dict[str, Any]:
    """A statement of numbers."""
    said = ",".join(map(str, Random(seed).randbytes(480)))
    made = {"kind": "fact", "language": "en", "made_by_role": "analyst", "content_warning": "none"}
    id_ = str(UUID(int=0x018F << 112 | 7 << 76 | 2 << 62 | 800 + seed))
    return {**made, "id": id_, "made_at": "2026-01-02T10:00:00Z", "text": said}


def test_the_versions_of_a_day_add_no_more_than_their_budget(gateway):
    version = submitted(gateway)
    with pytest.raises(ValidationFailed) as caught:
        for seed in range(20):
            version = revised(gateway, version, statements=[statement(n) for n in range(seed + 1)])
    assert caught.value.errors[0][0] == "/content"
    assert "go on tomorrow" in caught.value.errors[0][1]
    added = version.result["version"] - 1
    assert 0 < 480 * added < MOST_UNEXPLAINED
    said = [statement(n) for n in range(added + 1)]
    danger = {"urgency": "imminent_danger", "urgency_reason": "suicide_risk"}
    revised(gateway, version, statements=said, **danger)


def test_why_there_is_a_further_version_is_weighed_with_it(gateway, monkeypatch):
    monkeypatch.setattr(versions, "MOST_UNEXPLAINED", 100)
    version = submitted(gateway)
    why = VersionChange(ChangeKind.ADDITION, "other", statement(1)["text"][:300])
    with pytest.raises(ValidationFailed) as caught:
        revised(gateway, version, change=why)
    assert "go on tomorrow" in caught.value.errors[0][1]


def test_a_correction_is_called_nothing_milder(gateway):
    case, _ = held(gateway)
    with pytest.raises(ValidationFailed) as refused:
        said = VersionChange(ChangeKind.TIGHTENING, "other", "nothing much")
        revised(gateway, case, items=CORRECTED, change=said)
    assert refused.value.errors[0][0] == "/change/kind"


# --- what a second person had cleared, and what was unlawful --------------------------------------


def cases_of(written: WriteResult) -> dict[str, Any]:
    """The content of a version that was submitted."""
    return case_from_claims(sd_jwt.read_unverified(written.result["document"]).content)


@pytest.mark.parametrize("looser", [{"tlp": "AMBER"}, {"handling": []}])
def test_one_person_does_not_loosen_what_a_second_one_cleared(gateway, looser):
    case = submitted(gateway, originator=OFMIN, items=FIRST, marking=STRICT)
    marking = {**STRICT, **looser}
    asked = {"originator": OFMIN, "items": FIRST, "marking": marking, "clearance": None}
    before = cases_of(case)
    said = change_of(before, {**before, "marking": {**before["marking"], **looser}})
    for approved_by in (None, "intake-1"):  # the second person is another one
        with pytest.raises(RecordedRefusal) as refused:
            revised(gateway, case, **asked, change=replace(said, approved_by=approved_by))
        assert refused.value.refusal.rules == ("R10.loosen",)
    revised(gateway, case, **asked, change=replace(said, approved_by="approver-1"))
    uncleared = submitted(gateway, **{**asked, "marking": STRICT})
    revised(gateway, uncleared, **asked)  # what nobody cleared is loosened by one person


def unlawful(gateway: Founded, case: WriteResult, now: Any, **changes: Any) -> WriteResult:
    """A version that corrects the items because they were unlawful."""
    before = cases_of(case)
    said = replace(change_of(before, {**before, "items": now}), reason_code="unlawful")
    return revised(gateway, case, items=now, change=said, **changes)


@pytest.mark.parametrize("now", [CORRECTED, FIRST[1:]])
def test_what_a_correction_calls_unlawful_is_kept_as_evidence_in_older_packages(gateway, now):
    case, handoff = held(gateway)
    unlawful(gateway, case, now)
    assert len(events(gateway, "case.restricted")) == 2  # the originator's, and the holder's own
    assert FIRST[0]["value"] not in values(consulted(gateway, handoff))
    updated(gateway, handoff)
    assert values(consulted(gateway, handoff)) == addresses(now)
    for opening, seen in ((replace(OLDER, reason_code="evidence"), True), (OLDER, False)):
        opened = gateway.act(OFMIN, package_consultation.consult, handoff, opening)
        assert (FIRST[0]["value"] in values(opened)) is seen


def test_an_unlawful_element_is_marked_once_its_correction_is_cleared(gateway):
    case, handoff = held(gateway)
    unlawful(gateway, case, CORRECTED, clearance=None)
    assert not events(gateway, "case.restricted")
    assert FIRST[0]["value"] in values(consulted(gateway, handoff))


# --- Between the announcement and the package ---


def is_corrected(gateway: Founded, handoff: UUID) -> bool:
    """What list and view of its holder say."""
    (row,) = views.page(gateway.ports, caller(OFMIN), box="in", after=None, limit=9).items
    assert row.corrected == gateway.view(OFMIN, handoff)["corrected"]
    return bool(row.corrected)


@pytest.mark.parametrize("urgency", ["normal", "priority", "urgent"])
def test_an_announced_correction_waits_at_its_holder_until_the_package_comes(gateway, urgency):
    case = submitted(gateway, urgency=urgency)
    handoff = accepted(gateway, offered(gateway, case))
    assert not is_corrected(gateway, handoff)
    newer = revised(gateway, case, urgency=urgency, matter=["csam", "grooming"])
    assert is_corrected(gateway, handoff)
    assert gateway.arrived(handoff) == {OFMIN: ["handoff.change_announced"]}
    assert handoffs_compared(gateway).sentences() == ()
    tighter = {"marking": {"tlp": "RED"}, "matter": ["csam", "grooming"], "urgency": urgency}
    revised(gateway, newer, **tighter)
    assert is_corrected(gateway, handoff), "a tightening after it takes nothing of that back"
    assert gateway.view(OFMIN, handoff)["superseded"]["change"] == "correction"
    updated(gateway, handoff)
    assert not is_corrected(gateway, handoff)
    assert gateway.arrived(handoff) == {}
    assert handoffs_compared(gateway).sentences() == ()


def test_a_tightening_stops_no_use(gateway):
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    revised(gateway, case, marking={"tlp": "RED"})
    assert not is_corrected(gateway, handoff)
    assert gateway.arrived(handoff) == {}


def test_what_is_left_out_by_name_waits_for_nothing(gateway):
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    revised(gateway, case, matter=["csam", "grooming"])
    gateway.answer(HOTLINE, answers.omit_update, handoff, reason="told by telephone")
    assert not is_corrected(gateway, handoff)
    assert gateway.view(OFMIN, handoff)["superseded"]["change"] == "correction"
