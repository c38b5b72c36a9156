"""Updates: a handoff's chain of packages, who hears of a change, and what is owed after it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.case import case_from_claims
from gateway.domain.duty import DUE
from gateway.domain.handoff import HandoffState
from gateway.domain.refusals import (
    CaseErased,
    EditConflict,
    Refusal,
    ValidationFailed,
    WrongState,
)
from gateway.domain.revision import ChangeKind, VersionChange
from gateway.domain.vocabulary import Urgency
from gateway.evidence import handoff_documents, sd_jwt
from gateway.exchange import cases, erasure, handoffs, offers, open_duties, updates
from gateway.exchange.cases import CaseStepRequest
from gateway.exchange.consultations import ConsultationRequest
from gateway.exchange.updates import UpdateRequest
from gateway.kernel.ports import TransactionMode
from gateway.kernel.results import to_json
from gateway.kernel.transact import RecordedRefusal, WriteResult
from tests import answers
from tests.founding import (
    ABROAD,
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
    offer_of,
    offered,
    revised,
    submitted,
    updated,
)

OLDER = ConsultationRequest("officer-1", "superseded_package", "what we were told before", 1)


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


def held(gateway: Founded, **offer: Any) -> tuple[WriteResult, UUID]:
    """A case that OFMIN has accepted."""
    case = submitted(gateway, items=FIRST)
    return case, accepted(gateway, offered(gateway, case, **offer))


def view(gateway: Founded, handoff: UUID, reader: str = OFMIN) -> Any:
    return to_json(handoffs.look_up(gateway.ports, caller(reader), handoff))


def shown(written: WriteResult) -> Any:
    """The content that a consultation showed."""
    return sd_jwt.read_unverified(written.result["presentation"]).content


def values(written: WriteResult) -> list[str]:
    return [item["value"] for item in shown(written)["items"]]


def events(gateway: Founded, typ: str) -> list[dict[str, Any]]:
    return [one for one in check_log(gateway) if one["type"] == typ]


def owed(gateway: Founded, handoff: UUID) -> list[str]:
    """The kinds of what is owed about a handoff now."""
    with gateway.ports.begin(TransactionMode.READ) as work:
        return [str(one.kind) for one in work.duties.of(handoff, open_only=True)]


def covered(gateway: Founded, case: WriteResult) -> Any:
    found = to_json(open_duties.coverage(gateway.ports, caller(HOTLINE), UUID(case.result["case"])))
    (line,) = found["handoffs"]
    return line


def awaited(line: Any) -> list[str]:
    """What is owed about a handoff, as coverage says it."""
    return [one["what"] for one in line["owed"]]


def place(element: str) -> str:
    return f"/items/{element_id(element)}"


NOTICE = answers.said("liaison-1", code="inaccurate", pointers=[place("url")])


def notified(gateway: Founded, handoff: UUID) -> WriteResult:
    """A correction notice to OFMIN."""
    asked = caller(HOTLINE), gateway.key(), handoff, NOTICE
    return gateway.do(answers.notify_correction, *asked)


# --- who hears, and of what ----------------------------------------------------------------------


def test_a_holder_hears_of_a_correction_once_it_is_cleared(gateway):
    case, handoff = held(gateway)
    second = revised(gateway, case, items=CORRECTED, clearance=None)
    assert not events(gateway, "handoff.change_announced")
    assert "superseded" not in view(gateway, handoff)
    at = UUID(case.result["case"])
    for step, by in ((cases.assess, "analyst-1"), (cases.clear, "approver-1")):
        gateway.do(step, caller(HOTLINE), gateway.key(), at, CaseStepRequest(by))
    (told,) = events(gateway, "handoff.change_announced")
    assert told["handoff"] == str(handoff)
    assert view(gateway, handoff)["superseded"]["version"] == second.result["version"]
    assert consulted(gateway, handoff).result["superseded"]["change"] == "correction"


def test_an_addition_is_news_to_nobody(gateway):
    case, handoff = held(gateway)
    revised(gateway, case, items=ADDED)
    assert not events(gateway, "handoff.change_announced")
    assert "superseded" not in view(gateway, handoff)


def test_who_never_accepted_hears_of_no_correction(gateway):
    case = submitted(gateway, items=FIRST)
    offered(gateway, case)
    revised(gateway, case, items=CORRECTED)
    assert not events(gateway, "handoff.change_announced")


def test_who_accepts_an_offer_of_before_a_correction_is_owed_the_update(gateway):
    case = submitted(gateway, items=FIRST)
    offer = offered(gateway, case)
    revised(gateway, case, items=CORRECTED)
    assert owed(gateway, UUID(offer.result["handoff"])) == ["answer"]
    handoff = accepted(gateway, offer)
    assert owed(gateway, handoff) == ["update"]
    updated(gateway, handoff)
    assert owed(gateway, handoff) == ["acknowledgement"]


def test_a_draft_after_a_correction_does_not_hide_it_from_who_accepts(gateway):
    case = submitted(gateway, items=FIRST)
    offer = offered(gateway, case)
    second = revised(gateway, case, items=CORRECTED)
    revised(gateway, second, items=FIRST, clearance=None)
    assert owed(gateway, accepted(gateway, offer)) == ["update"]


def test_who_accepts_an_offer_of_before_an_addition_is_owed_nothing(gateway):
    case = submitted(gateway, items=FIRST)
    offer = offered(gateway, case)
    revised(gateway, case, items=ADDED)
    assert owed(gateway, accepted(gateway, offer)) == []


def test_a_correction_in_a_draft_that_was_replaced_is_announced_with_what_replaced_it(gateway):
    case, handoff = held(gateway)
    draft = revised(gateway, case, items=CORRECTED, clearance=None)
    more = [*CORRECTED, ADDED[2]]
    third = revised(gateway, draft, items=more)
    assert view(gateway, handoff)["superseded"] == {
        "change": "correction",
        "version": third.result["version"],
        "at": view(gateway, handoff)["superseded"]["at"],
    }


def test_a_version_is_revised_and_not_submitted_again(gateway):
    case, _ = held(gateway)
    revised(gateway, case, items=CORRECTED)
    (told,) = events(gateway, "case.revised")
    assert told["operation"] == "alteration"


def test_a_version_that_leaves_out_a_holder_is_refused(gateway):
    case, _ = held(gateway)
    with pytest.raises(ValidationFailed) as refused:
        revised(gateway, case, items=FIRST, marking={"release_to": [ABROAD]})
    assert refused.value.errors[0][0] == "/content/marking/release_to"
    revised(gateway, case, items=FIRST, marking={"release_to": [ABROAD, OFMIN]})


@pytest.mark.parametrize("kind", ["addition", "tightening"])
def test_a_correction_is_called_nothing_milder(gateway, kind):
    case, _ = held(gateway)
    said = VersionChange(ChangeKind(kind), "other", "nothing much")
    with pytest.raises(ValidationFailed) as refused:
        revised(gateway, case, items=CORRECTED, change=said)
    assert refused.value.errors[0][0] == "/change/kind"


# --- the next package ----------------------------------------------------------------------------


def test_a_correction_is_shown_at_once_and_has_to_be_acknowledged(gateway):
    case, handoff = held(gateway)
    revised(gateway, case, items=CORRECTED)
    written = updated(gateway, handoff)
    assert (written.result["package"], written.result["change"]) == (2, "correction")
    found = consulted(gateway, handoff)
    assert found.result["package"] == 2
    assert "superseded" not in found.result
    assert values(found) == [one["value"] for one in CORRECTED]
    assert view(gateway, handoff)["due_at"] == written.result["acknowledge_by"]
    acknowledged(gateway, handoff)
    assert owed(gateway, handoff) == ["application"]


def test_a_package_says_why_it_was_made_and_which_of_the_given_places_changed(gateway):
    case, handoff = held(gateway, groups=frozenset({"items"}))
    change = VersionChange(ChangeKind.CORRECTION, "inaccurate", "of ours alone", (place("url"),))
    second = revised(gateway, case, items=CORRECTED, change=change)
    revised(gateway, second, items=CORRECTED, statements=[])
    updated(gateway, handoff)
    first, package = view(gateway, handoff)["packages"]
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
    refused = gateway.refusal(handoffs.consult, caller(OFMIN), gateway.key(), handoff, newest)
    assert isinstance(refused.refusal, WrongState)
    acknowledged(gateway, handoff)
    assert len(values(consulted(gateway, handoff))) == 3


def test_an_update_gives_what_was_given_and_new_parts_only_where_they_are_named(gateway):
    case = submitted(gateway, items=FIRST)
    one = sd_jwt.read_own(sd_jwt.parse(case.result["document"])).placed
    only = next(p.digest for p in one if p.in_array and p.value["id"] == element_id("url"))
    handoff = accepted(gateway, offered(gateway, case, groups=(), digests=(only,)))
    revised(gateway, case, items=[*CORRECTED, ADDED[2]])
    updated(gateway, handoff)
    assert values(consulted(gateway, handoff)) == [CORRECTED[0]["value"]]


def test_an_update_gives_no_group_that_was_not_accepted(gateway):
    case = submitted(gateway, items=FIRST)
    handoff = accepted(gateway, offered(gateway, case), groups=("items",))
    revised(gateway, case, items=CORRECTED)
    with pytest.raises(ValidationFailed) as refused:
        updated(gateway, handoff, groups=("statements",))
    assert refused.value.errors[0][0] == "/groups"
    updated(gateway, handoff)
    assert not shown(consulted(gateway, handoff)).get("statements")


def test_an_older_package_stays_readable_as_what_it_is(gateway):
    case, handoff = held(gateway)
    revised(gateway, case, items=CORRECTED)
    updated(gateway, handoff)
    old = gateway.do(handoffs.consult, caller(OFMIN), gateway.key(), handoff, OLDER)
    assert values(old) == [one["value"] for one in FIRST]
    assert (old.result["package"], old.result["superseded"]["change"]) == (1, "correction")


@pytest.mark.parametrize(
    ("code", "package"),
    [("investigation", 1), ("superseded_package", 2), ("superseded_package", None)],
)
def test_the_reason_code_says_whether_a_package_is_superseded(gateway, code, package):
    case, handoff = held(gateway)
    revised(gateway, case, items=CORRECTED)
    updated(gateway, handoff)
    asked = ConsultationRequest("officer-1", code, "why not", package)
    with pytest.raises(ValidationFailed):
        gateway.do(handoffs.consult, caller(OFMIN), gateway.key(), handoff, asked)


def test_a_closed_handoff_takes_the_next_package(gateway):
    case, handoff = held(gateway)
    gateway.do(answers.close, caller(OFMIN), gateway.key(), handoff, answers.said("officer-1"))
    revised(gateway, case, items=CORRECTED)
    updated(gateway, handoff)
    acknowledged(gateway, handoff)
    assert gateway.handoff(handoff).state is HandoffState.CLOSED
    assert values(consulted(gateway, handoff)) == [one["value"] for one in CORRECTED]


@pytest.mark.parametrize(
    ("end", "before"),
    [
        (answers.decline, "offered"),
        (answers.withdraw, "offered"),
        (answers.redirect, "offered"),
        (answers.decline, "accepted"),
        (answers.redirect, "accepted"),
    ],
)
def test_an_ended_handoff_takes_no_package_and_a_holder_gets_a_notice(gateway, end, before):
    case = submitted(gateway, items=FIRST)
    offer = offered(gateway, case)
    handoff = accepted(gateway, offer) if before == "accepted" else UUID(offer.result["handoff"])
    by = HOTLINE if end is answers.withdraw else OFMIN
    gateway.do(end, caller(by), gateway.key(), handoff, answers.said("officer-1", "not ours"))
    revised(gateway, case, items=CORRECTED)
    refused = gateway.refusal(
        updates.update, caller(HOTLINE), gateway.key(), handoff, UpdateRequest("liaison-1")
    )
    assert isinstance(refused.refusal, WrongState)
    line = covered(gateway, case)
    assert line["announced_only"] is line["holds"] is (before == "accepted")
    if before == "accepted":
        assert awaited(line) == ["correction_notice", "acknowledgement"]
        acknowledged(gateway, handoff)
        assert awaited(covered(gateway, case)) == ["correction_notice", "application"]
        notified(gateway, handoff)
        assert awaited(covered(gateway, case)) == ["acknowledgement", "application"]
    else:
        assert awaited(line) == []
        said = answers.said("officer-1")
        refused = gateway.refusal(answers.acknowledge, caller(OFMIN), gateway.key(), handoff, said)
        assert isinstance(refused.refusal, WrongState)


@pytest.mark.parametrize("end", [answers.decline, answers.redirect])
def test_who_ends_a_handoff_does_not_escape_what_was_announced(gateway, end):
    case, handoff = held(gateway)
    revised(gateway, case, items=CORRECTED)
    assert owed(gateway, handoff) == ["update"]
    gateway.do(end, caller(OFMIN), gateway.key(), handoff, answers.said("officer-1", "not ours"))
    assert owed(gateway, handoff) == ["update", "acknowledgement"]
    assert gateway.handoff(handoff).due_at > gateway.clock()
    notified(gateway, handoff)
    acknowledged(gateway, handoff)
    assert owed(gateway, handoff) == ["application"]


def test_an_update_that_was_not_sent_before_the_end_of_its_handoff_becomes_a_notice(gateway):
    case, handoff = held(gateway, expires_at=gateway.clock() + timedelta(days=1))
    revised(gateway, case, items=CORRECTED)
    assert awaited(covered(gateway, case)) == ["update"]
    refused = gateway.refusal(
        answers.notify_correction, caller(HOTLINE), gateway.key(), handoff, NOTICE
    )
    assert isinstance(refused.refusal, WrongState)
    gateway.clock.advance(timedelta(days=1))
    assert awaited(covered(gateway, case)) == ["correction_notice"]
    notified(gateway, handoff)
    assert awaited(covered(gateway, case)) == ["acknowledgement"]


@pytest.mark.parametrize("state", ["draft", "unchanged"])
def test_only_a_newer_cleared_version_is_sent(gateway, state):
    case, handoff = held(gateway)
    if state == "draft":
        revised(gateway, case, items=CORRECTED, clearance=None)
    refused = gateway.refusal(
        updates.update, caller(HOTLINE), gateway.key(), handoff, UpdateRequest("liaison-1")
    )
    assert isinstance(refused.refusal, WrongState)


def test_an_update_only_shortens_the_end(gateway):
    end = gateway.clock() + timedelta(days=30)
    case, handoff = held(gateway, expires_at=end)
    revised(gateway, case, items=CORRECTED)
    with pytest.raises(ValidationFailed):
        updated(gateway, handoff, expires_at=end + timedelta(days=1))
    sooner = end - timedelta(days=1)
    updated(gateway, handoff, expires_at=sooner)
    assert gateway.handoff(handoff).expires_at == sooner


def test_nobody_else_updates_a_handoff(gateway):
    case, handoff = held(gateway)
    revised(gateway, case, items=CORRECTED)
    for other in (OFMIN, ABROAD):
        gateway.refusal(
            updates.update, caller(other), gateway.key(), handoff, UpdateRequest("liaison-1")
        )


def test_a_recipient_that_policy_lets_have_nothing_keeps_the_announcement(gateway):
    case, handoff = held(gateway)
    gateway.administer("organisation.suspend", OFMIN, reason="an inquiry")
    revised(gateway, case, items=CORRECTED)
    refused = gateway.refusal(
        updates.update, caller(HOTLINE), gateway.key(), handoff, UpdateRequest("liaison-1")
    )
    assert isinstance(refused.refusal, Refusal)
    assert len(events(gateway, "handoff.change_announced")) == 1
    assert awaited(covered(gateway, case)) == ["update"]


def test_a_retry_of_an_update_gets_the_first_result(gateway):
    case, handoff = held(gateway)
    second = revised(gateway, case, items=CORRECTED)
    key, asked = gateway.key(), UpdateRequest("liaison-1")
    first = gateway.do(updates.update, caller(HOTLINE), key, handoff, asked)
    acknowledged(gateway, handoff)
    revised(gateway, second, items=FIRST)
    updated(gateway, handoff)
    again = gateway.do(updates.update, caller(HOTLINE), key, handoff, asked)
    assert again.result == first.result


def test_a_retry_of_an_offer_gets_the_first_result_after_an_update(gateway):
    case = submitted(gateway, items=FIRST)

    key, asked = gateway.key(), offer_of(gateway)
    at = UUID(case.result["case"])
    first = gateway.do(offers.offer, caller(HOTLINE), key, at, asked)
    revised(gateway, case, items=CORRECTED)
    updated(gateway, UUID(first.result["handoff"]))
    again = gateway.do(offers.offer, caller(HOTLINE), key, at, asked)
    assert again.result == first.result


def test_a_preview_of_an_update_says_what_it_would_be(gateway):
    case, handoff = held(gateway)
    revised(gateway, case, items=CORRECTED)
    before = gateway.size()
    found = updates.preview(gateway.ports, caller(HOTLINE), handoff, UpdateRequest("liaison-1"))
    assert gateway.size() == before
    newest = gateway.handoff(handoff).offer_digest
    assert (found.updates, found.change) == (newest, "correction")
    written = updated(gateway, handoff)
    assert written.result["permitted_disclosures"] == sorted(found.permitted_disclosures)


def test_an_update_is_an_offer_that_names_the_one_it_updates(gateway):
    case, handoff = held(gateway)
    before = gateway.handoff(handoff)
    revised(gateway, case, items=CORRECTED)
    written = updated(gateway, handoff)
    offer = handoff_documents.read_offer(sd_jwt.read_unverified(written.result["offer"]))
    assert (offer.updates, offer.change) == (before.offer_digest, ChangeKind.CORRECTION)
    assert (offer.handoff, offer.recipient, offer.purpose) == (handoff, OFMIN, before.purpose)


# --- what a second person had cleared, and what was unlawful --------------------------------------


@pytest.mark.parametrize("looser", [{"tlp": "AMBER"}, {"handling": []}])
def test_one_person_does_not_loosen_what_a_second_one_cleared(gateway, looser):
    strict = {"tlp": "RED", "handling": ["H1"]}
    case = submitted(gateway, originator=OFMIN, items=FIRST, marking=strict)
    marking = {**strict, **looser}
    asked = {"originator": OFMIN, "items": FIRST, "marking": marking, "clearance": None}
    with pytest.raises(RecordedRefusal) as refused:
        revised(gateway, case, **asked)
    assert refused.value.refusal.rules == ("R10.loosen",)
    before = cases_of(case)
    content = {**before, "marking": {**before["marking"], **looser}}
    named = replace(change_of(before, content), approved_by="approver-1")
    revised(gateway, case, **asked, change=named)


def test_the_second_person_is_another_one(gateway):
    case = submitted(gateway, originator=OFMIN, items=FIRST, marking={"tlp": "RED"})
    before = cases_of(case)
    content = {**before, "marking": {**before["marking"], "tlp": "AMBER"}}
    named = replace(change_of(before, content), approved_by="intake-1")
    asked = {"originator": OFMIN, "items": FIRST, "marking": {"tlp": "AMBER"}, "clearance": None}
    with pytest.raises(RecordedRefusal):
        revised(gateway, case, **asked, change=named)


def test_what_nobody_cleared_is_loosened_by_one_person(gateway):
    case = submitted(gateway, originator=OFMIN, items=FIRST, marking={"tlp": "RED"}, clearance=None)
    asked = {"originator": OFMIN, "items": FIRST, "marking": {"tlp": "AMBER"}, "clearance": None}
    revised(gateway, case, **asked)


def cases_of(written: WriteResult) -> dict[str, Any]:
    """The content of a version that was submitted."""
    return case_from_claims(sd_jwt.read_unverified(written.result["document"]).content)


def unlawful(gateway: Founded, case: WriteResult, now: Any, **changes: Any) -> WriteResult:
    """A version that corrects the items because they were unlawful."""
    before = cases_of(case)
    said = change_of(before, {**before, "items": now})
    return revised(
        gateway, case, items=now, change=replace(said, reason_code="unlawful"), **changes
    )


@pytest.mark.parametrize("now", [CORRECTED, FIRST[1:]])
def test_what_a_correction_calls_unlawful_is_kept_as_evidence_in_older_packages(gateway, now):
    case, handoff = held(gateway)
    unlawful(gateway, case, now)
    assert len(events(gateway, "case.restricted")) == 2  # the originator's, and the holder's own
    old = values(consulted(gateway, handoff))
    assert FIRST[0]["value"] not in old
    updated(gateway, handoff)
    assert values(consulted(gateway, handoff)) == [one["value"] for one in now]
    older = replace(OLDER, reason_code="evidence")
    opened = gateway.do(handoffs.consult, caller(OFMIN), gateway.key(), handoff, older)
    assert FIRST[0]["value"] in values(opened)
    withheld = gateway.do(handoffs.consult, caller(OFMIN), gateway.key(), handoff, OLDER)
    assert FIRST[0]["value"] not in values(withheld)


def test_an_unlawful_element_is_marked_once_its_correction_is_cleared(gateway):
    case, handoff = held(gateway)
    unlawful(gateway, case, CORRECTED, clearance=None)
    assert not events(gateway, "case.restricted")
    assert FIRST[0]["value"] in values(consulted(gateway, handoff))


# --- where no package can follow ------------------------------------------------------------------


def ended(gateway: Founded) -> tuple[WriteResult, UUID]:
    """A case that OFMIN had accepted, then declined, and that was corrected."""
    case, handoff = held(gateway)
    said = answers.said("officer-1", "not ours")
    gateway.do(answers.decline, caller(OFMIN), gateway.key(), handoff, said)
    revised(gateway, case, items=CORRECTED)
    return case, handoff


def test_a_notice_names_places_and_a_code_and_has_no_content(gateway):
    _, handoff = ended(gateway)
    written = notified(gateway, handoff)
    document = sd_jwt.read_unverified(written.result["document"])
    assert document.claims["package_digest"] == gateway.handoff(handoff).package_digest
    said = {part.name for part in document.placed}
    assert said == {"by", "code", "pointers"}
    (told,) = events(gateway, "handoff.correction_notified")
    assert told["document_sha256"] == sd_jwt.parse(written.result["document"]).digest
    read = sd_jwt.read_unverified(view(gateway, handoff)["answers"][-1]["document"]).content
    assert (read["code"], read["pointers"]) == ("inaccurate", [place("url")])


@pytest.mark.parametrize("named", [f"/items/{UUID(int=7)}", "/urgency_reason", "/items"])
def test_a_notice_names_places_of_what_was_offered(gateway, named):
    _, handoff = ended(gateway)
    said = answers.said("liaison-1", code="inaccurate", pointers=[named])
    with pytest.raises(ValidationFailed) as refused:
        gateway.do(answers.notify_correction, caller(HOTLINE), gateway.key(), handoff, said)
    assert refused.value.errors[0][0] == "/pointers"


def test_a_notice_is_given_once_for_each_correction(gateway):
    _, handoff = ended(gateway)
    notified(gateway, handoff)
    again = caller(HOTLINE), gateway.key(), handoff, NOTICE
    assert isinstance(gateway.refusal(answers.notify_correction, *again).refusal, WrongState)


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
        asked = answers.said("officer-1", **said)
        written = gateway.do(act, caller(OFMIN), gateway.key(), handoff, asked)
        claims = sd_jwt.read_unverified(written.result["document"]).claims
        assert claims["notice_digest"] == notice
    assert owed(gateway, handoff) == []


def test_a_holder_is_left_out_by_name_and_reason_and_keeps_the_announcement(gateway):
    case, handoff = held(gateway)
    gateway.administer("organisation.suspend", OFMIN, reason="an inquiry")
    revised(gateway, case, items=CORRECTED)
    said = answers.said("liaison-1", "suspended, and told by telephone")
    gateway.do(answers.omit_update, caller(HOTLINE), gateway.key(), handoff, said)
    line = covered(gateway, case)
    (told,) = events(gateway, "handoff.update_omitted")
    assert line["left_out"] == {"reason": "suspended, and told by telephone", "event": told["id"]}
    assert (line["announced_only"], awaited(line)) == (True, ["acknowledgement"])


def test_nobody_is_left_out_of_what_is_not_owed(gateway):
    _, handoff = held(gateway)
    said = answers.said("liaison-1", "suspended")
    asked = caller(HOTLINE), gateway.key(), handoff, said
    assert isinstance(gateway.refusal(answers.omit_update, *asked).refusal, WrongState)


def test_an_originator_answers_a_proposal_in_seven_days(gateway):
    case, handoff = held(gateway)
    said = answers.said("officer-1", "it is another host", proposal="inaccurate")
    gateway.do(answers.propose_correction, caller(OFMIN), gateway.key(), handoff, said)
    (due,) = covered(gateway, case)["owed"]
    assert (due["what"], due["by"]) == ("proposal_answer", HOTLINE)
    gateway.clock.advance(timedelta(days=7))
    assert covered(gateway, case)["owed"][0]["late"]
    assert not view(gateway, handoff)["overdue"]
    asked = caller(HOTLINE), gateway.key(), handoff, answers.said("liaison-1", decision="to_follow")
    gateway.do(answers.answer_proposal, *asked)
    assert covered(gateway, case)["owed"] == []
    again = caller(HOTLINE), gateway.key(), *asked[2:]
    assert isinstance(gateway.refusal(answers.answer_proposal, *again).refusal, WrongState)


# --- the table of handoff states: what an update is there, and what the recipient may do ----------

ENDED = {"declined": answers.decline, "redirected": answers.redirect, "withdrawn": answers.withdraw}


def brought_to(gateway: Founded, state: str, *, accepted_before: bool) -> tuple[WriteResult, UUID]:
    """A handoff in a state, to OFMIN."""
    case = submitted(gateway, items=FIRST)
    offer = offered(gateway, case)
    handoff = UUID(offer.result["handoff"])
    groups = {"groups": ("items",)} if state == "partially_accepted" else {}
    if accepted_before:
        accepted(gateway, offer, **groups)
    if state == "closed":
        gateway.do(answers.close, caller(OFMIN), gateway.key(), handoff, answers.said("officer-1"))
    if state in ENDED:
        by = HOTLINE if state == "withdrawn" else OFMIN
        said = answers.said("officer-1", "not ours")
        gateway.do(ENDED[state], caller(by), gateway.key(), handoff, said)
    assert gateway.handoff(handoff).state == state
    return case, handoff


def may(gateway: Founded, answer: Any, by: str, handoff: UUID, said: Any) -> bool:
    """Whether an answer is taken."""
    try:
        gateway.do(answer, caller(by), gateway.key(), handoff, said)
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
    by_package = may(gateway, updates.update, HOTLINE, handoff, UpdateRequest("liaison-1"))
    by_notice = may(gateway, answers.notify_correction, HOTLINE, handoff, NOTICE)
    assert (by_package, by_notice) == (sent == "package", sent == "notice")
    told = bool(events(gateway, "handoff.change_announced"))
    assert told is accepted_before
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


# --- an update that meets an answer --------------------------------------------------------------


def test_an_update_before_the_acceptance_is_the_package_to_accept(gateway):
    case = submitted(gateway, items=FIRST)
    handoff = UUID(offered(gateway, case).result["handoff"])
    conditions = conditions_of(gateway, handoff, OFMIN)
    older = gateway.handoff(handoff).offer_digest
    revised(gateway, case, items=CORRECTED)
    assert updated(gateway, handoff).result["acknowledge_by"] is None
    newest = gateway.handoff(handoff).offer_digest
    for named in (None, older):
        said = answers.said("officer-1", conditions=conditions, offer=named)
        with pytest.raises(EditConflict, match=newest):
            gateway.do(answers.accept, caller(OFMIN), gateway.key(), handoff, said)
    accepted_newest = answers.said("officer-1", conditions=conditions, offer=newest)
    gateway.do(answers.accept, caller(OFMIN), gateway.key(), handoff, accepted_newest)
    assert values(consulted(gateway, handoff)) == [one["value"] for one in CORRECTED]


@pytest.mark.parametrize(("urgency", "sooner"), [("urgent", True), (None, False)])
def test_an_offer_is_answered_sooner_once_its_urgency_is_raised(gateway, urgency, sooner):
    case = submitted(gateway, items=FIRST)
    handoff = UUID(offered(gateway, case).result["handoff"])
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
    said = answers.said("officer-1", offer=older)
    with pytest.raises(EditConflict):
        gateway.do(answers.acknowledge, caller(OFMIN), gateway.key(), handoff, said)


def test_an_acknowledgement_needs_an_update(gateway):
    _, handoff = held(gateway)
    refused = gateway.refusal(
        answers.acknowledge, caller(OFMIN), gateway.key(), handoff, answers.said("officer-1")
    )
    assert isinstance(refused.refusal, WrongState)


def test_what_was_done_follows_the_acknowledgement(gateway):
    case, handoff = held(gateway)
    revised(gateway, case, items=CORRECTED)
    updated(gateway, handoff)
    said = answers.said("officer-1", done="rectified")
    refused = gateway.refusal(answers.apply, caller(OFMIN), gateway.key(), handoff, said)
    assert isinstance(refused.refusal, WrongState)
    acknowledged(gateway, handoff)
    gateway.do(answers.apply, caller(OFMIN), gateway.key(), handoff, said)


def test_a_proposal_names_elements_that_were_offered(gateway):
    _, handoff = held(gateway)
    known, unknown = element_id("host"), str(gateway.new_id())
    for element in (unknown, known):
        said = answers.said(
            "officer-1", "it is another host", proposal="inaccurate", elements=[element]
        )
        asked = caller(OFMIN), gateway.key(), handoff, said
        if element == unknown:
            with pytest.raises(ValidationFailed):
                gateway.do(answers.propose_correction, *asked)
        else:
            gateway.do(answers.propose_correction, *asked)
    shown_last = view(gateway, handoff, HOTLINE)["answers"][-1]
    content = sd_jwt.read_unverified(shown_last["document"]).content
    assert content["elements"] == [known]


def test_the_text_of_a_polices_dispute_is_not_for_a_private_member(gateway):
    case, handoff = held(gateway)
    revised(gateway, case, items=CORRECTED)
    updated(gateway, handoff)
    acknowledged(gateway, handoff)
    said = answers.said("officer-1", "we have seen it ourselves", ground="evidence")
    gateway.do(answers.dispute, caller(OFMIN), gateway.key(), handoff, said)
    content = sd_jwt.read_unverified(view(gateway, handoff, HOTLINE)["answers"][-1]["document"])
    assert content.content["ground"] == "evidence"
    assert "reason" not in content.content


def test_an_acknowledgement_of_a_tightening_closes_nothing(gateway):
    case = submitted(gateway, originator=OFMIN, items=FIRST)
    offer = offered(gateway, case, originator=OFMIN, to=ABROAD)
    handoff = accepted(gateway, offer, recipient=ABROAD)
    strict = {"handling": ["H1"], "tlp": "RED"}
    revised(gateway, case, originator=OFMIN, items=FIRST, marking=strict)
    acknowledged(gateway, handoff, ABROAD)
    assert values(consulted(gateway, handoff, ABROAD)) == [one["value"] for one in FIRST]


def erased(gateway: Founded, *, closed: bool) -> UUID:
    """A handoff that OFMIN had accepted, of a case that was erased since."""
    _, handoff = held(gateway)
    if closed:
        gateway.do(answers.close, caller(OFMIN), gateway.key(), handoff, answers.said("officer-1"))
    gateway.clock.advance(timedelta(days=400))
    assert erasure.erase_due(gateway.ports) == 1
    return handoff


@pytest.mark.parametrize("closed", [True, False])
def test_after_the_erasure_of_its_case_a_holder_gets_a_notice_and_answers_it(gateway, closed):
    handoff = erased(gateway, closed=closed)
    notice = sd_jwt.parse(notified(gateway, handoff).result["document"]).digest
    found = handoffs.notices(gateway.ports, caller(OFMIN), handoff)
    assert [sd_jwt.parse(one.document).digest for one in found.notices] == [notice]
    assert sorted(owed(gateway, handoff)) == ["acknowledgement", "retention"]
    written = acknowledged(gateway, handoff)
    claims = sd_jwt.read_unverified(written.result["document"]).claims
    assert claims["notice_digest"] == notice
    said = answers.said("officer-1", ground="evidence")
    gateway.do(answers.dispute, caller(OFMIN), gateway.key(), handoff, said)
    assert owed(gateway, handoff) == ["retention"]


@pytest.mark.parametrize("closed", [True, False])
def test_about_an_erased_case_nothing_is_said_in_words(gateway, closed):
    handoff = erased(gateway, closed=closed)
    notified(gateway, handoff)
    with pytest.raises(ValidationFailed):
        said = answers.said("officer-1", note="we had seen it")
        gateway.do(answers.acknowledge, caller(OFMIN), gateway.key(), handoff, said)
    said = answers.said("officer-1", "it is another", proposal="other")
    refused = gateway.refusal(
        answers.propose_correction, caller(OFMIN), gateway.key(), handoff, said
    )
    assert isinstance(refused.refusal, CaseErased)


@pytest.mark.parametrize("named", ["/items/a-text", "/a_text", "/matter/x", "/items"])
def test_a_notice_about_an_erased_case_names_places_and_no_texts(gateway, named):
    handoff = erased(gateway, closed=True)
    said = answers.said("liaison-1", code="other", pointers=[named])
    with pytest.raises(ValidationFailed):
        gateway.do(answers.notify_correction, caller(HOTLINE), gateway.key(), handoff, said)


def test_notices_about_an_erased_case_carry_no_file_in_their_ids(gateway):
    handoff, most = erased(gateway, closed=True), updates.MOST_LATE
    places = [f"/items/{gateway.new_id()}" for _ in range(most + 1)]
    many, said = (
        answers.said("liaison-1", code="other", pointers=named) for named in (places, places[:most])
    )
    with pytest.raises(ValidationFailed):
        gateway.do(answers.notify_correction, caller(HOTLINE), gateway.key(), handoff, many)
    for _ in range(most):
        gateway.do(answers.notify_correction, caller(HOTLINE), gateway.key(), handoff, said)
    refused = gateway.refusal(
        answers.notify_correction, caller(HOTLINE), gateway.key(), handoff, said
    )
    assert isinstance(refused.refusal, WrongState)


def test_a_retry_of_a_notice_about_an_erased_case_gets_the_first_result(gateway):
    handoff, key = erased(gateway, closed=True), gateway.key()
    first = gateway.do(answers.notify_correction, caller(HOTLINE), key, handoff, NOTICE)
    again = gateway.do(answers.notify_correction, caller(HOTLINE), key, handoff, NOTICE)
    assert again.result == first.result


def test_what_was_erased_is_not_acknowledged_any_more(gateway):
    case, handoff = held(gateway)
    gateway.do(answers.close, caller(OFMIN), gateway.key(), handoff, answers.said("officer-1"))
    revised(gateway, case, items=CORRECTED)
    updated(gateway, handoff)
    gateway.clock.advance(timedelta(days=400))
    assert erasure.erase_due(gateway.ports) == 1
    assert owed(gateway, handoff) == ["retention"]
    refused = gateway.refusal(
        answers.acknowledge, caller(OFMIN), gateway.key(), handoff, answers.said("officer-1")
    )
    assert isinstance(refused.refusal, CaseErased)


# --- coverage ------------------------------------------------------------------------------------


def test_coverage_follows_a_correction_from_the_announcement_to_what_was_done(gateway):
    case, handoff = held(gateway)
    assert covered(gateway, case)["owed"] == []
    revised(gateway, case, items=CORRECTED)
    (due,) = covered(gateway, case)["owed"]
    assert (due["what"], due["by"]) == ("update", HOTLINE)
    updated(gateway, handoff)
    (due,) = covered(gateway, case)["owed"]
    assert (due["what"], due["by"], due["late"]) == ("acknowledgement", OFMIN, False)
    gateway.clock.advance(timedelta(days=4))
    (due,) = covered(gateway, case)["owed"]
    assert due["late"]
    acknowledged(gateway, handoff)
    assert awaited(covered(gateway, case)) == ["application"]
    gateway.clock.advance(timedelta(days=31))
    assert covered(gateway, case)["owed"][0]["late"]
    assert view(gateway, handoff)["overdue"]
    said = answers.said("officer-1", done="rectified")
    gateway.do(answers.apply, caller(OFMIN), gateway.key(), handoff, said)
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
    (told,) = events(gateway, "handoff.change_announced")
    assert told["handoff"]
    assert covered(gateway, case)["owed"] == []
