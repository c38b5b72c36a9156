"""What was answered, and not heard yet: kept until then with its document, without which no answer
counts."""

from datetime import date, timedelta
from uuid import UUID

from gateway.domain.handoff import HandoffState, RecallCode
from gateway.evidence import sd_jwt
from gateway.exchange.handoffs import recalls
from gateway.exchange.handoffs.recalls import RecallRequest
from gateway.exchange.lifecycle import erasure
from gateway.exchange.relay.composing import OutgoingEvent
from gateway.exchange.relay.ending import end_with_peers
from gateway.kernel.ports import TransactionMode
from gateway.kernel.transact import WriteResult
from tests import answers
from tests.exchange.relay.test_living_case import crossed, held
from tests.exchange.relay.test_relay import erased_early
from tests.exchange.relay.two_gateways import (
    BE,
    BE_HOTLINE,
    BE_HOTLINE_THERE,
    FR,
    TwoGateways,
    released,
    two_gateways,
)
from tests.founded_gateway import OFMIN
from tests.log_check import check_log

DAY = date(2026, 3, 2)
WHY = "not ours, ask the prosecutor"


def declined(two: TwoGateways, case: WriteResult | None = None) -> UUID:
    """A handoff that was delayed, then declined and erased, while its originator's gateway is
    away."""
    handoff = crossed(two, case or released(two))
    until = {"code": "workload", "until": "2026-03-20T09:00:00Z"}
    two.fr.answer(OFMIN, answers.delay, handoff, **until)
    two.fr.answer(OFMIN, answers.decline, handoff, WHY)
    assert erasure.erase_due(two.fr.ports) == 1
    return handoff


def kept(two: TwoGateways) -> list[UUID]:
    """The answers that are kept at the recipient's gateway until they are heard."""
    with two.fr.ports.begin(TransactionMode.READ) as work:
        return [*work.handoffs.heard(BE_HOTLINE_THERE, 1000)]


def sound(two: TwoGateways) -> None:
    """Both logs are whole, and so are the rows."""
    check_log(two.be)
    check_log(two.fr)


def dishonest(two: TwoGateways) -> list[OutgoingEvent]:
    """What follows in the originator's stream, of which the peer leaves the documents out."""
    every = two.outgoing(FR, BE_HOTLINE_THERE)
    for one in every:
        bare = {name: said for name, said in one.body.items() if name != "document"}
        assert two.post(FR, bare)[0] == (403 if "document" in one.body else 200)
    return every


def test_what_was_erased_with_its_case_before_its_delivery_is_heard_word_for_word() -> None:
    two = two_gateways()
    handoff = declined(two)
    assert len(kept(two)) == 2
    sound(two)
    two.exchange()
    assert two.be.handoff(handoff).state is HandoffState.DECLINED
    *_, delaying, declining = two.be.view(BE_HOTLINE, handoff)["answers"]
    assert delaying["document"]
    assert WHY in [one.value for one in sd_jwt.parse(declining["document"]).disclosures]
    sound(two)


def test_what_was_heard_is_kept_no_longer_and_its_keys_are_destroyed() -> None:
    two = two_gateways()
    declined(two)
    end_with_peers(two.fr.ports, set())
    assert len(kept(two)) == 2, "it was not heard yet"
    two.exchange()
    end_with_peers(two.fr.ports, set())
    assert kept(two) == []
    assert erasure.destroy_keys(two.fr.ports) == 2
    assert {one.body.get("document") for one in again(two)} == {None}
    sound(two)


def again(two: TwoGateways) -> list[OutgoingEvent]:
    """The originator's whole stream, as it would go once more."""
    two.cursors.clear()
    return two.outgoing(FR, BE_HOTLINE_THERE)


def test_what_is_not_heard_ends_on_the_day_of_its_case() -> None:
    two = two_gateways()
    declined(two)
    two.fr.clock.advance(timedelta(days=366))
    end_with_peers(two.fr.ports, set())
    assert kept(two) == []


def test_an_early_erasure_ends_what_was_not_heard_too() -> None:
    two = two_gateways()
    case = released(two)
    declined(two, case)
    erased_early(two, UUID(case.result["case"]))
    two.exchange_from_originator()
    two.fr.clock.advance(date(2026, 4, 1) - DAY)
    end_with_peers(two.fr.ports, set())
    assert kept(two) == []
    sound(two)


def test_of_what_its_originator_brings_to_an_end_nothing_is_kept_longer() -> None:
    two = two_gateways()
    case = released(two)
    handoff = crossed(two, case)
    two.fr.answer(OFMIN, answers.decline, handoff, WHY)
    erased_early(two, UUID(case.result["case"]))
    two.exchange_from_originator()
    assert erasure.erase_due(two.fr.ports) == 1
    two.fr.clock.advance(date(2026, 4, 1) - DAY)
    end_with_peers(two.fr.ports, set())
    assert kept(two) == []
    sound(two)


def test_what_waits_for_a_gateway_that_left_is_not_kept() -> None:
    two = two_gateways()
    declined(two)
    two.fr.administer("organisation.leave", BE, reason="it closes")
    end_with_peers(two.fr.ports, set())
    assert kept(two) == []


def erasing_copies(done: str = "copies_erased") -> tuple[TwoGateways, UUID]:
    """A recalled handoff whose holder says that its copies are erased, or that it declines, which
    is not heard yet."""
    two = two_gateways()
    case = released(two)
    handoff = held(two, case)
    recall = RecallRequest("liaison-1", RecallCode.UNLAWFUL, "why", approved_by="approver-1")
    two.be.act(BE_HOTLINE, recalls.of_case, UUID(case.result["case"]), recall)
    two.exchange()
    kept = {} if done == "copies_erased" else {"legal_basis": "Art. 40", "until": "2027-01-01"}
    two.fr.answer(OFMIN, answers.answer_recall, handoff, done=done, **kept)
    assert erasure.erase_due(two.fr.ports) == (0 if kept else 1)
    return two, handoff


def test_the_word_that_copies_are_erased_is_heard_with_its_document() -> None:
    two, handoff = erasing_copies()
    assert any("document" in one.body for one in dishonest(two))
    assert two.be.handoff(handoff).recall_answer is None


def test_an_answer_that_is_shown_as_another_than_its_member_signed_moves_nothing() -> None:
    for done, other in (("declined", "copies_erased"), ("copies_erased", "kept_by_law")):
        two, handoff = erasing_copies(done)
        every = [one.body for one in two.outgoing(FR, BE_HOTLINE_THERE)]
        lies = [{**one, "shown": {"code": other}} if "shown" in one else one for one in every]
        (lie,) = (told for status, told in (two.post(FR, one) for one in lies) if status == 403)
        assert lie["why"] == "the answer is shown as another than it says"
        assert two.be.handoff(handoff).recall_answer is None
        check_log(two.be)


def test_once_its_case_is_over_it_is_heard_without() -> None:
    two, handoff = erasing_copies()
    for gateway in (two.be, two.fr):
        gateway.clock.advance(timedelta(days=366))
    end_with_peers(two.fr.ports, set())
    two.exchange()
    assert two.be.handoff(handoff).recall_answer == "copies_erased"


def test_once_its_case_is_over_a_word_that_answers_no_recall_moves_nothing() -> None:
    two, handoff = erasing_copies()
    for gateway in (two.be, two.fr):
        gateway.clock.advance(timedelta(days=366))
    end_with_peers(two.fr.ports, set())
    every = [one.body for one in two.outgoing(FR, BE_HOTLINE_THERE)]
    lies = [{**one, "shown": {"code": "received"}} if "shown" in one else one for one in every]
    (lie,) = (told for status, told in (two.post(FR, one) for one in lies) if status == 403)
    assert lie["why"] == "the answer to the recall is shown as no such answer"
    assert two.be.handoff(handoff).recall_answer is None


def test_an_answer_without_its_document_moves_nothing() -> None:
    two = two_gateways()
    every = [crossed(two, released(two)) for _ in range(3)]
    conditions = two.fr.view(OFMIN, every[0])["conditions"]
    until = {"code": "workload", "until": "2026-03-20T09:00:00Z"}
    two.fr.answer(OFMIN, answers.accept, every[0], conditions=conditions)
    two.fr.answer(OFMIN, answers.delay, every[1], **until)
    two.fr.answer(OFMIN, answers.decline, every[2], WHY)
    before = [two.be.handoff(one) for one in every]
    dishonest(two)
    assert [two.be.handoff(one) for one in every] == before
    check_log(two.be)


def test_a_removal_waits_on_where_a_go_ahead_comes_without_its_document() -> None:
    two = two_gateways()
    case = released(two)
    handoff = held(two, case)
    two.fr.answer(OFMIN, answers.go_ahead, handoff)
    dishonest(two)
    assert "handoff.go_ahead_given" not in two.be.types(BE_HOTLINE)


def test_once_a_case_is_over_its_answers_are_followed_by_their_receipts() -> None:
    for left, state in ((0, HandoffState.DECLINED), (1, HandoffState.OFFERED)):
        two = two_gateways()
        handoff = declined(two)
        case = two.be.case(two.be.handoff(handoff).case, BE_HOTLINE)
        for gateway in (two.be, two.fr):
            day = gateway.ports.reference_date(gateway.ports.now()).civil
            gateway.clock.advance(case.erase_on - day - timedelta(days=left))
        bare = [dict(one.body) for one in two.outgoing(FR, BE_HOTLINE_THERE)]
        told = [two.post(FR, {n: v for n, v in one.items() if n != "document"}) for one in bare]
        assert [status for status, _ in told][-1] == (409 if left else 200)
        assert two.be.handoff(handoff).state is state
        check_log(two.be)
