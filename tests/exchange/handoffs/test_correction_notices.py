"""Correction notices: where no package can follow, and after the erasure of the case."""

from datetime import timedelta
from uuid import UUID

import pytest

from gateway.domain.refusals import (
    CaseErased,
    ValidationFailed,
    WrongState,
)
from gateway.domain.standing import MOST_LATE
from gateway.evidence import sd_jwt
from gateway.exchange.handoffs import views
from gateway.exchange.lifecycle import erasure
from tests import answers
from tests.casework import acknowledged, revised, updated
from tests.exchange.handoffs.updating import (
    CORRECTED,
    NOTICE,
    awaited,
    covered,
    ended,
    events,
    held,
    notified,
    place,
)
from tests.founded_gateway import HOTLINE, OFMIN, Founded, caller
from tests.founding import founded


@pytest.fixture
def gateway() -> Founded:
    return founded()


# --- where no package can follow ------------------------------------------------------------------


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
