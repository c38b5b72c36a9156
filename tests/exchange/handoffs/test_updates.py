"""Updates: a handoff's chain of packages, who hears of a change, and what is owed after it."""

from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.case import case_from_claims
from gateway.domain.case_media import MOST_UNEXPLAINED
from gateway.domain.duty import DUE
from gateway.domain.refusals import (
    CaseErased,
    EditConflict,
    NotAddressable,
    NotFound,
    Refusal,
    ValidationFailed,
    WrongState,
)
from gateway.domain.revision import ChangeKind, VersionChange
from gateway.domain.standing import MOST_LATE
from gateway.domain.vocabulary import Urgency
from gateway.evidence import handoff_documents, sd_jwt
from gateway.exchange.case import cases, versions
from gateway.exchange.case.cases import CaseStepRequest
from gateway.exchange.handoffs import offers, open_duties, package_consultation, updates, views
from gateway.exchange.handoffs.offering import UpdateRequest
from gateway.exchange.lifecycle import erasure
from gateway.exchange.standing.consultations import ConsultationRequest
from gateway.kernel.results import to_json
from gateway.kernel.transact import RecordedRefusal, WriteResult
from tests import answers
from tests.founding import (
    ABROAD,
    DESK,
    HOTLINE,
    OFMIN,
    Founded,
    accepted,
    acknowledged,
    caller,
    change_of,
    check_log,
    conditions_of,
    consulted,
    element_id,
    founded,
    handoffs_compared,
    offer_of,
    offered,
    revised,
    submitted,
    updated,
)

OLDER = ConsultationRequest("officer-1", "superseded_package", "what we were told before", 1)
UPDATE = UpdateRequest("liaison-1")


@pytest.fixture
def gateway() -> Founded:
    return founded()


def items(*values: str) -> list[dict[str, Any]]:
    """The items of the founding case, with other addresses; more than two are new ones."""
    named = [element_id("url"), element_id("host"), element_id("match")]
    kinds = ["url", "host", "url"]
    return [
        {"id": name, "kind": kind, "value": value}
        for name, kind, value in zip(named, kinds, values, strict=False)
    ]


FIRST = items("https://content.example.org/page", "content.example.org")
CORRECTED = items("https://content.example.org/other", "content.example.org")
ADDED = items(
    "https://content.example.org/page", "content.example.org", "https://content.example.org/third"
)


def addresses(found: list[dict[str, Any]]) -> list[str]:
    return [item["value"] for item in found]


def made(gateway: Founded, **offer: Any) -> tuple[WriteResult, WriteResult]:
    """A case, and its offer to OFMIN."""
    case = submitted(gateway, items=FIRST)
    return case, offered(gateway, case, **offer)


def held(gateway: Founded, **offer: Any) -> tuple[WriteResult, UUID]:
    """A case that OFMIN has accepted."""
    case, offer_ = made(gateway, **offer)
    return case, accepted(gateway, offer_)


def sent(gateway: Founded, **offer: Any) -> tuple[WriteResult, UUID, WriteResult]:
    """A case that OFMIN has accepted, and its correction that was sent as an update."""
    case, handoff = held(gateway, **offer)
    revised(gateway, case, items=CORRECTED)
    return case, handoff, updated(gateway, handoff)


def shown(written: WriteResult) -> Any:
    """The content that a consultation showed."""
    return sd_jwt.read_unverified(written.result["presentation"]).content


def values(written: WriteResult) -> list[str]:
    return addresses(shown(written)["items"])


def events(gateway: Founded, typ: str) -> list[dict[str, Any]]:
    return [one for one in check_log(gateway) if one["type"] == typ]


def announced(gateway: Founded) -> list[str]:
    """The handoffs of which a change was announced."""
    return [one["handoff"] for one in events(gateway, "handoff.change_announced")]


def covered(gateway: Founded, case: WriteResult) -> Any:
    found = to_json(open_duties.coverage(gateway.ports, caller(HOTLINE), UUID(case.result["case"])))
    (line,) = found["handoffs"]
    return line


def awaited(gateway: Founded, case: WriteResult) -> list[str]:
    """What is owed about the one handoff of a case, as coverage says it."""
    return [one["what"] for one in covered(gateway, case)["owed"]]


def place(element: str) -> str:
    return f"/items/{element_id(element)}"


NOTICE = answers.said("liaison-1", code="inaccurate", pointers=[place("url")])


def notified(gateway: Founded, handoff: UUID) -> WriteResult:
    """A correction notice to OFMIN."""
    return gateway.act(HOTLINE, answers.notify_correction, handoff, NOTICE)


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


# --- the next package ----------------------------------------------------------------------------


def test_a_correction_is_shown_at_once_and_has_to_be_acknowledged(gateway):
    _, handoff, written = sent(gateway)
    assert (written.result["package"], written.result["change"]) == (2, "correction")
    found = consulted(gateway, handoff)
    assert found.result["package"] == 2
    assert "superseded" not in found.result
    assert values(found) == addresses(CORRECTED)
    assert gateway.view(OFMIN, handoff)["due_at"] == written.result["acknowledge_by"]
    acknowledged(gateway, handoff)
    assert gateway.owed(handoff) == []


def test_a_package_says_why_it_was_made_and_which_of_the_given_places_changed(gateway):
    case, handoff = held(gateway, groups=frozenset({"items"}))
    change = VersionChange(ChangeKind.CORRECTION, "inaccurate", "of ours alone", (place("url"),))
    second = revised(gateway, case, items=CORRECTED, change=change)
    revised(gateway, second, items=CORRECTED, statements=[])
    updated(gateway, handoff)
    first, package = gateway.view(OFMIN, handoff)["packages"]
    assert (first["reason_codes"], first["pointers"]) == ([], [])
    assert package["reason_codes"] == ["inaccurate", "other"]
    assert package["pointers"] == [place("url")]
    assert change.reason not in str(package)


def test_an_addition_is_shown_once_it_is_acknowledged(gateway):
    case, handoff = held(gateway)
    revised(gateway, case, items=ADDED)
    written = updated(gateway, handoff, groups=("items",))
    assert written.result["change"] == "addition"
    assert len(values(consulted(gateway, handoff))) == 2
    newest = ConsultationRequest("officer-1", "investigation", "the third", 2)
    gateway.refused(WrongState, OFMIN, package_consultation.consult, handoff, newest)
    acknowledged(gateway, handoff)
    assert len(values(consulted(gateway, handoff))) == 3


def test_an_update_gives_what_was_given_and_new_parts_only_where_they_are_named(gateway):
    case = submitted(gateway, items=FIRST)
    placed = sd_jwt.read_own(sd_jwt.parse(case.result["document"])).placed
    only = next(p.digest for p in placed if p.in_array and p.value["id"] == element_id("url"))
    handoff = accepted(gateway, offered(gateway, case, groups=(), digests=(only,)))
    revised(gateway, case, items=[*CORRECTED, ADDED[2]])
    updated(gateway, handoff)
    assert values(consulted(gateway, handoff)) == [CORRECTED[0]["value"]]


def test_an_update_gives_no_group_that_was_not_accepted(gateway):
    case, offer = made(gateway)
    handoff = accepted(gateway, offer, groups=("items",))
    revised(gateway, case, items=CORRECTED)
    with pytest.raises(ValidationFailed) as refused:
        updated(gateway, handoff, groups=("statements",))
    assert refused.value.errors[0][0] == "/groups"
    updated(gateway, handoff)
    assert not shown(consulted(gateway, handoff)).get("statements")


def test_an_older_package_stays_readable_as_what_it_is_and_under_its_own_code(gateway):
    _, handoff, _ = sent(gateway)
    old = gateway.act(OFMIN, package_consultation.consult, handoff, OLDER)
    assert values(old) == addresses(FIRST)
    assert (old.result["package"], old.result["superseded"]["change"]) == (1, "correction")
    for code, package in (
        ("investigation", 1),
        ("superseded_package", 2),
        ("superseded_package", None),
    ):
        asked = ConsultationRequest("officer-1", code, "why not", package)
        with pytest.raises(ValidationFailed):
            gateway.act(OFMIN, package_consultation.consult, handoff, asked)


def test_an_older_package_opens_under_the_markings_it_was_accepted_with(gateway):
    case = submitted(gateway, originator=OFMIN, items=FIRST)
    offer = offered(gateway, case, originator=OFMIN, to=ABROAD)
    handoff = accepted(gateway, offer, recipient=ABROAD)
    closed = [{**FIRST[0], "marking": {"handling": ["H1"]}}, FIRST[1]]
    revised(gateway, case, originator=OFMIN, items=closed)
    updated(gateway, handoff, OFMIN)
    assert values(consulted(gateway, handoff, ABROAD)) == addresses(FIRST[1:])
    assert values(gateway.act(ABROAD, package_consultation.consult, handoff, OLDER)) == addresses(
        FIRST
    )


@pytest.mark.parametrize("end", [answers.decline, answers.redirect])
def test_who_ends_a_handoff_does_not_escape_what_was_announced(gateway, end):
    case, handoff = held(gateway)
    revised(gateway, case, items=CORRECTED)
    assert gateway.owed(handoff) == ["update"]
    gateway.answer(OFMIN, end, handoff, "not ours")
    assert gateway.owed(handoff) == ["update", "acknowledgement"]
    assert gateway.handoff(handoff).due_at > gateway.clock()
    notified(gateway, handoff)
    acknowledged(gateway, handoff)
    assert gateway.owed(handoff) == []


def test_an_update_that_was_not_sent_before_the_end_of_its_handoff_becomes_a_notice(gateway):
    case, handoff = held(gateway, expires_at=gateway.clock() + timedelta(days=1))
    revised(gateway, case, items=CORRECTED)
    assert awaited(gateway, case) == ["update"]
    gateway.refused(WrongState, HOTLINE, answers.notify_correction, handoff, NOTICE)
    gateway.clock.advance(timedelta(days=1))
    assert awaited(gateway, case) == ["correction_notice"]
    notified(gateway, handoff)
    assert awaited(gateway, case) == ["acknowledgement"]


def test_only_a_newer_cleared_version_is_sent_and_by_its_originator(gateway):
    case, handoff = held(gateway)
    gateway.refused(WrongState, HOTLINE, updates.update, handoff, UPDATE)
    draft = revised(gateway, case, items=CORRECTED, clearance=None)
    gateway.refused(WrongState, HOTLINE, updates.update, handoff, UPDATE)
    revised(gateway, draft, items=CORRECTED)
    for other in (OFMIN, ABROAD):
        gateway.refused(NotFound, other, updates.update, handoff, UPDATE)
    updated(gateway, handoff)


def test_an_update_to_a_member_without_a_system_is_not_sent(gateway):
    case, handoff = held(gateway)
    revised(gateway, case, items=CORRECTED)
    gateway.administer("system.disable", OFMIN, system=DESK, reason="under repair")
    with pytest.raises(RecordedRefusal):
        updated(gateway, handoff)
    assert gateway.handoff(handoff).package == 1


def test_an_update_only_shortens_the_end(gateway):
    end = gateway.clock() + timedelta(days=30)
    case, handoff = held(gateway, expires_at=end)
    revised(gateway, case, items=CORRECTED)
    with pytest.raises(ValidationFailed):
        updated(gateway, handoff, expires_at=end + timedelta(days=1))
    sooner = end - timedelta(days=1)
    updated(gateway, handoff, expires_at=sooner)
    assert gateway.handoff(handoff).expires_at == sooner


def test_a_recipient_that_policy_lets_have_nothing_keeps_the_announcement_and_is_left_out(gateway):
    case, handoff = held(gateway)
    left_out = answers.said("liaison-1", "suspended, and told by telephone")
    gateway.refused(WrongState, HOTLINE, answers.omit_update, handoff, left_out)
    gateway.administer("organisation.suspend", OFMIN, reason="an inquiry")
    revised(gateway, case, items=CORRECTED)
    gateway.refused(NotAddressable, HOTLINE, updates.update, handoff, UPDATE)
    assert len(announced(gateway)) == 1
    assert awaited(gateway, case) == ["update"]
    gateway.act(HOTLINE, answers.omit_update, handoff, left_out)
    line = covered(gateway, case)
    *_, told = events(gateway, "handoff.update_omitted")
    assert line["left_out"] == {"reason": "suspended, and told by telephone", "event": told["id"]}
    assert (line["announced_only"], awaited(gateway, case)) == (True, ["acknowledgement"])


def test_a_retry_of_an_update_or_of_the_offer_before_it_gets_the_first_result(gateway):
    case, keys = submitted(gateway, items=FIRST), [gateway.key(), gateway.key()]
    asked = caller(HOTLINE), keys[0], UUID(case.result["case"]), offer_of(gateway)
    offer = gateway.do(offers.offer, *asked)
    handoff = accepted(gateway, offer)
    second = revised(gateway, case, items=CORRECTED)
    first = gateway.act(HOTLINE, updates.update, handoff, UPDATE, key=keys[1])
    acknowledged(gateway, handoff)
    revised(gateway, second, items=FIRST)
    updated(gateway, handoff)
    again = gateway.act(HOTLINE, updates.update, handoff, UPDATE, key=keys[1])
    assert again.result == first.result
    assert gateway.do(offers.offer, *asked).result == offer.result


def test_an_update_is_an_offer_that_names_the_one_it_updates_and_its_preview_says_so(gateway):
    case, handoff = held(gateway)
    before = gateway.handoff(handoff)
    revised(gateway, case, items=CORRECTED)
    size = gateway.size()
    preview = updates.preview(gateway.ports, caller(HOTLINE), handoff, UPDATE)
    assert gateway.size() == size
    written = updated(gateway, handoff)
    offer = handoff_documents.read_offer(sd_jwt.read_unverified(written.result["offer"]))
    assert (offer.updates, offer.change) == (before.offer_digest, ChangeKind.CORRECTION)
    assert (preview.updates, preview.change) == (before.offer_digest, "correction")
    assert (offer.handoff, offer.recipient, offer.purpose) == (handoff, OFMIN, before.purpose)
    assert written.result["permitted_disclosures"] == sorted(preview.permitted_disclosures)


# --- what a second person had cleared, and what was unlawful --------------------------------------


def cases_of(written: WriteResult) -> dict[str, Any]:
    """The content of a version that was submitted."""
    return case_from_claims(sd_jwt.read_unverified(written.result["document"]).content)


STRICT = {"tlp": "RED", "handling": ["H1"]}


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


# --- where no package can follow ------------------------------------------------------------------


def ended(gateway: Founded) -> tuple[WriteResult, UUID]:
    """A case that OFMIN had accepted, then declined, and that was corrected."""
    case, handoff = held(gateway)
    gateway.answer(OFMIN, answers.decline, handoff, "not ours")
    revised(gateway, case, items=CORRECTED)
    return case, handoff


def test_a_notice_names_places_and_a_code_has_no_content_and_is_given_once(gateway):
    _, handoff = ended(gateway)
    written = notified(gateway, handoff)
    document = sd_jwt.read_unverified(written.result["document"])
    assert document.claims["package_digest"] == gateway.handoff(handoff).package_digest
    assert {part.name for part in document.placed} == {"by", "code", "pointers"}
    (told,) = events(gateway, "handoff.correction_notified")
    assert told["document_sha256"] == sd_jwt.parse(written.result["document"]).digest
    last = gateway.view(OFMIN, handoff)["answers"][-1]
    read = sd_jwt.read_unverified(last["document"]).content
    assert (read["code"], read["pointers"]) == ("inaccurate", [place("url")])
    gateway.refused(WrongState, HOTLINE, answers.notify_correction, handoff, NOTICE)


@pytest.mark.parametrize("named", [f"/items/{UUID(int=7)}", "/urgency_reason", "/items"])
def test_a_notice_names_places_of_what_was_offered(gateway, named):
    _, handoff = ended(gateway)
    with pytest.raises(ValidationFailed) as refused:
        said = {"code": "inaccurate", "pointers": [named]}
        gateway.answer(HOTLINE, answers.notify_correction, handoff, **said)
    assert refused.value.errors[0][0] == "/pointers"


@pytest.mark.parametrize(
    ("answer", "fields"),
    [
        (answers.apply, {"done": "rectified"}),
        (answers.dispute, {"reason": "we saw it", "ground": "evidence"}),
    ],
)
def test_what_answers_a_notice_binds_its_digest(gateway, answer, fields):
    _, handoff = ended(gateway)
    notice = sd_jwt.parse(notified(gateway, handoff).result["document"]).digest
    for act, said in ((answers.acknowledge, {}), (answer, fields)):
        written = gateway.answer(OFMIN, act, handoff, **said)
        claims = sd_jwt.read_unverified(written.result["document"]).claims
        assert claims["notice_digest"] == notice
    assert gateway.owed(handoff) == []


def test_an_originator_answers_a_proposal_in_seven_days(gateway):
    case, handoff = held(gateway)
    reason = "it is another host"
    gateway.answer(OFMIN, answers.propose_correction, handoff, reason, proposal="inaccurate")
    (due,) = covered(gateway, case)["owed"]
    assert (due["what"], due["by"]) == ("proposal_answer", HOTLINE)
    gateway.clock.advance(timedelta(days=7))
    assert covered(gateway, case)["owed"][0]["late"]
    assert not gateway.view(OFMIN, handoff)["overdue"]
    said = answers.said("liaison-1", decision="to_follow")
    gateway.act(HOTLINE, answers.answer_proposal, handoff, said)
    assert awaited(gateway, case) == []
    gateway.refused(WrongState, HOTLINE, answers.answer_proposal, handoff, said)


# --- the table of handoff states: what an update is there, and what the recipient may do ----------

ENDED = {"declined": answers.decline, "redirected": answers.redirect, "withdrawn": answers.withdraw}


def brought_to(gateway: Founded, state: str, *, accepted_before: bool) -> tuple[WriteResult, UUID]:
    """A handoff in a state, to OFMIN."""
    case, offer = made(gateway)
    handoff = UUID(offer.result["handoff"])
    if accepted_before:
        accepted(gateway, offer, groups=("items",) if state == "partially_accepted" else None)
    if state == "closed":
        gateway.answer(OFMIN, answers.close, handoff)
    if state in ENDED:
        by = HOTLINE if state == "withdrawn" else OFMIN
        gateway.answer(by, ENDED[state], handoff, "not ours")
    assert gateway.handoff(handoff).state == state
    return case, handoff


def may(gateway: Founded, answer: Any, by: str, handoff: UUID, said: Any) -> bool:
    """Whether an answer is taken."""
    try:
        gateway.act(by, answer, handoff, said)
    except (RecordedRefusal, Refusal):
        return False
    return True


@pytest.mark.parametrize(
    ("state", "accepted_before", "sent"),
    [
        ("offered", False, "package"),
        ("accepted", True, "package"),
        ("partially_accepted", True, "package"),
        ("closed", True, "package"),
        ("declined", True, "notice"),
        ("redirected", True, "notice"),
        ("declined", False, None),
        ("redirected", False, None),
        ("withdrawn", False, None),
    ],
)
def test_what_an_update_is_in_each_state_and_what_the_recipient_may_do_then(
    gateway, state, accepted_before, sent
):
    case, handoff = brought_to(gateway, state, accepted_before=accepted_before)
    revised(gateway, case, items=CORRECTED)
    line, owed = covered(gateway, case), awaited(gateway, case)
    assert (line["announced_only"], line["holds"]) == (sent == "notice", accepted_before)
    if sent != "package":
        assert owed == (["correction_notice", "acknowledgement"] if sent else [])
    by_package = may(gateway, updates.update, HOTLINE, handoff, UPDATE)
    by_notice = may(gateway, answers.notify_correction, HOTLINE, handoff, NOTICE)
    assert (by_package, by_notice) == (sent == "package", sent == "notice")
    assert bool(announced(gateway)) is accepted_before
    said = {
        answers.acknowledge: {},
        answers.apply: {"done": "rectified"},
        answers.dispute: {"ground": "evidence"},
        answers.propose_correction: {"reason": "another host", "proposal": "other"},
    }
    done = [
        may(gateway, answer, OFMIN, handoff, answers.said("officer-1", **fields))
        for answer, fields in said.items()
    ]
    assert done == [accepted_before] * 4
    assert gateway.handoff(handoff).state == state
    if accepted_before and sent == "package":
        assert values(consulted(gateway, handoff)) == addresses(CORRECTED)


def test_a_notice_may_follow_the_acknowledgement_of_what_was_announced(gateway):
    case, handoff = ended(gateway)
    acknowledged(gateway, handoff)
    assert awaited(gateway, case) == ["correction_notice"]
    notified(gateway, handoff)
    assert awaited(gateway, case) == ["acknowledgement"]


# --- an update that meets an answer --------------------------------------------------------------


def test_an_update_before_the_acceptance_is_the_package_to_accept(gateway):
    case, offer = made(gateway)
    handoff = UUID(offer.result["handoff"])
    conditions = conditions_of(gateway, handoff, OFMIN)
    older = gateway.handoff(handoff).offer_digest
    revised(gateway, case, items=CORRECTED)
    assert updated(gateway, handoff).result["acknowledge_by"] is None
    newest = gateway.handoff(handoff).offer_digest
    for named in (None, older):
        with pytest.raises(EditConflict, match=newest):
            gateway.answer(OFMIN, answers.accept, handoff, conditions=conditions, offer=named)
    gateway.answer(OFMIN, answers.accept, handoff, conditions=conditions, offer=newest)
    assert values(consulted(gateway, handoff)) == addresses(CORRECTED)


@pytest.mark.parametrize(("urgency", "sooner"), [("urgent", True), (None, False)])
def test_an_offer_is_answered_sooner_once_its_urgency_is_raised(gateway, urgency, sooner):
    case, offer = made(gateway)
    handoff = UUID(offer.result["handoff"])
    before = gateway.handoff(handoff)
    gateway.clock.advance(timedelta(hours=1))
    raised = {} if urgency is None else {"urgency": urgency}
    revised(gateway, case, items=CORRECTED, **raised)
    updated(gateway, handoff)
    due = gateway.handoff(handoff).due_at
    assert (due != before.due_at) is sooner is (due < gateway.clock() + DUE[Urgency.URGENT])


def test_an_answer_that_names_an_older_offer_is_stale(gateway):
    case, handoff = held(gateway)
    older = gateway.handoff(handoff).offer_digest
    revised(gateway, case, items=CORRECTED)
    updated(gateway, handoff)
    with pytest.raises(EditConflict):
        gateway.answer(OFMIN, answers.acknowledge, handoff, offer=older)


def test_update_acknowledgement_and_what_was_done_follow_each_other(gateway):
    case, handoff = held(gateway)
    done = answers.said("officer-1", done="rectified")
    gateway.refused(WrongState, OFMIN, answers.acknowledge, handoff, answers.said("officer-1"))
    revised(gateway, case, items=CORRECTED)
    updated(gateway, handoff)
    gateway.refused(WrongState, OFMIN, answers.apply, handoff, done)
    acknowledged(gateway, handoff)
    gateway.act(OFMIN, answers.apply, handoff, done)


def test_a_proposal_names_elements_that_were_offered(gateway):
    _, handoff = held(gateway)
    said = {"reason": "it is another host", "proposal": "inaccurate"}
    known, unknown = ({**said, "elements": [one]} for one in (element_id("host"), str(UUID(int=7))))
    with pytest.raises(ValidationFailed):
        gateway.answer(OFMIN, answers.propose_correction, handoff, **unknown)
    gateway.answer(OFMIN, answers.propose_correction, handoff, **known)
    last = gateway.view(HOTLINE, handoff)["answers"][-1]
    assert sd_jwt.read_unverified(last["document"]).content["elements"] == known["elements"]


def test_the_text_of_a_polices_dispute_is_not_for_a_private_member(gateway):
    _, handoff, _ = sent(gateway)
    acknowledged(gateway, handoff)
    reason = "we have seen it ourselves"
    gateway.answer(OFMIN, answers.dispute, handoff, reason, ground="evidence")
    last = gateway.view(HOTLINE, handoff)["answers"][-1]
    content = sd_jwt.read_unverified(last["document"]).content
    assert content["ground"] == "evidence"
    assert "reason" not in content


def test_an_acknowledgement_of_a_tightening_closes_nothing(gateway):
    case = submitted(gateway, originator=OFMIN, items=FIRST)
    offer = offered(gateway, case, originator=OFMIN, to=ABROAD)
    handoff = accepted(gateway, offer, recipient=ABROAD)
    revised(gateway, case, originator=OFMIN, items=FIRST, marking=STRICT)
    acknowledged(gateway, handoff, ABROAD)
    assert values(consulted(gateway, handoff, ABROAD)) == addresses(FIRST)


# --- after the erasure of the case ----------------------------------------------------------------


def erase(gateway: Founded) -> None:
    gateway.clock.advance(timedelta(days=400))
    assert erasure.erase_due(gateway.ports) == 1


def erased(gateway: Founded, *, closed: bool = True) -> UUID:
    """A handoff that OFMIN had accepted, of a case that was erased since."""
    _, handoff = held(gateway)
    if closed:
        gateway.answer(OFMIN, answers.close, handoff)
    erase(gateway)
    return handoff


@pytest.mark.parametrize("closed", [True, False])
def test_after_the_erasure_of_its_case_a_holder_gets_a_notice_and_answers_without_words(
    gateway, closed
):
    handoff = erased(gateway, closed=closed)
    notice = sd_jwt.parse(notified(gateway, handoff).result["document"]).digest
    found = views.notices(gateway.ports, caller(OFMIN), handoff)
    assert [sd_jwt.parse(one.document).digest for one in found.notices] == [notice]
    assert sorted(gateway.owed(handoff)) == ["acknowledgement", "retention"]
    with pytest.raises(ValidationFailed):
        gateway.answer(OFMIN, answers.acknowledge, handoff, note="we had seen it")
    said = answers.said("officer-1", "it is another", proposal="other")
    gateway.refused(CaseErased, OFMIN, answers.propose_correction, handoff, said)
    written = acknowledged(gateway, handoff)
    claims = sd_jwt.read_unverified(written.result["document"]).claims
    assert claims["notice_digest"] == notice
    gateway.answer(OFMIN, answers.dispute, handoff, ground="evidence")
    assert gateway.owed(handoff) == ["retention"]


@pytest.mark.parametrize("named", ["/items/a-text", "/a_text", "/matter/x", "/items"])
def test_a_notice_about_an_erased_case_names_places_and_no_texts(gateway, named):
    said = {"code": "other", "pointers": [named]}
    with pytest.raises(ValidationFailed):
        gateway.answer(HOTLINE, answers.notify_correction, erased(gateway), **said)


def test_notices_about_an_erased_case_carry_no_file_in_their_ids(gateway):
    handoff, most = erased(gateway), MOST_LATE
    places = [f"/items/{gateway.new_id()}" for _ in range(most + 1)]
    with pytest.raises(ValidationFailed):
        said = {"code": "other", "pointers": places}
        gateway.answer(HOTLINE, answers.notify_correction, handoff, **said)
    said = answers.said("liaison-1", code="other", pointers=places[:most])
    for _ in range(most):
        gateway.act(HOTLINE, answers.notify_correction, handoff, said)
    gateway.refused(WrongState, HOTLINE, answers.notify_correction, handoff, said)


def test_a_retry_of_a_notice_about_an_erased_case_gets_the_first_result(gateway):
    asked = caller(HOTLINE), gateway.key(), erased(gateway), NOTICE
    first, again = (gateway.do(answers.notify_correction, *asked) for _ in range(2))
    assert again.result == first.result


def test_what_was_erased_is_not_acknowledged_any_more(gateway):
    case, handoff = held(gateway)
    gateway.answer(OFMIN, answers.close, handoff)
    revised(gateway, case, items=CORRECTED)
    updated(gateway, handoff)
    erase(gateway)
    assert gateway.owed(handoff) == ["retention"]
    gateway.refused(CaseErased, OFMIN, answers.acknowledge, handoff, answers.said("officer-1"))


# --- coverage ------------------------------------------------------------------------------------


def test_coverage_follows_a_correction_from_the_announcement_to_what_was_done(gateway):
    case, handoff = held(gateway)

    def owed() -> list[tuple[str, str, bool]]:
        return [(one["what"], one["by"], one["late"]) for one in covered(gateway, case)["owed"]]

    assert owed() == []
    revised(gateway, case, items=CORRECTED)
    assert owed() == [("update", HOTLINE, False)]
    updated(gateway, handoff)
    assert owed() == [("acknowledgement", OFMIN, False)]
    gateway.clock.advance(timedelta(days=4))
    assert owed() == [("acknowledgement", OFMIN, True)]
    assert gateway.view(OFMIN, handoff)["overdue"]
    acknowledged(gateway, handoff)
    assert owed() == []
    gateway.answer(OFMIN, answers.apply, handoff, done="rectified")
    line = covered(gateway, case)
    assert (line["owed"], line["answered"], line["package"]) == ([], "apply", 2)


def test_coverage_names_the_open_duty_and_is_late_from_the_moment_on_when_it_is_due(gateway):
    case, handoff = held(gateway)
    second = revised(gateway, case, items=CORRECTED)
    first = updated(gateway, handoff)
    gateway.clock.advance(timedelta(days=1))
    revised(gateway, second, items=FIRST)
    again = updated(gateway, handoff)
    due = gateway.handoff(handoff).due_at
    by = covered(gateway, case)["owed"][0]["due"]
    assert by == first.result["acknowledge_by"] == again.result["acknowledge_by"]
    for at, late in ((due - timedelta(microseconds=1), False), (due, True)):
        ports = replace(gateway.ports, now=lambda at=at: at)
        found = open_duties.coverage(ports, caller(HOTLINE), UUID(case.result["case"]))
        assert [one.late for line in found.handoffs for one in line.owed] == [late]


def test_who_was_offered_nothing_of_what_changed_owes_nothing(gateway):
    case = submitted(gateway, items=FIRST)
    accepted(gateway, offered(gateway, case, groups=("statements",)))
    revised(gateway, case, items=CORRECTED)
    assert len(announced(gateway)) == 1
    assert covered(gateway, case)["owed"] == []


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
