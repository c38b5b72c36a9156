"""What partners and anybody see of a log that is frozen, and of a mark that does not answer."""

from uuid import UUID

import pytest

from gateway.ledger.checkpoint import open_checkpoint
from gateway.web.gate import Unready
from tests.founding import HOTLINE, OFMIN, ORIGIN, case_content, offered, submitted
from tests.marks import Marking, marked_gateway
from tests.web.listening import Listening, listening


@pytest.fixture
def marking() -> Marking:
    return marked_gateway()


@pytest.fixture
def line(marking: Marking) -> Listening:
    made = listening(marking.gateway)
    for organisation in (HOTLINE, OFMIN):
        made.partner(organisation)  # certificates are registered while that can be written
    return made


def submission(marking: Marking) -> dict[str, object]:
    return {"by": "intake-1", "content": case_content(marking.gateway.new_id())}


def test_a_write_is_answered_with_the_problem_and_leaves_nothing(line, marking) -> None:
    marking.freeze()
    before = marking.node.head()
    answer = line.partner(HOTLINE).post("/cases", submission(marking))
    assert answer.status_code == 503
    assert answer.json["type"].endswith("/problems/frozen")
    assert "the operator has to bring the newer one back" in answer.json["detail"]
    assert answer.headers["Retry-After"] == "300"
    assert "receipt" not in answer.json
    assert marking.node.head() == before
    assert line.lines()[-1]["event"] == "frozen"


def test_reads_without_receipts_go_on_and_content_stays_closed(line, marking) -> None:
    handoff = offered(marking.gateway).result["handoff"]
    marking.freeze()
    police = line.partner(OFMIN)
    assert police.get("/whoami").status_code == 200
    assert [one["handoff"] for one in police.get("/handoffs").json["items"]] == [handoff]
    assert police.get(f"/handoffs/{handoff}").status_code == 200
    opening = {"by": "officer-1", "reason_code": "investigation", "reason": "first look"}
    answer = police.post(f"/handoffs/{handoff}/consultations", opening)
    assert (answer.status_code, answer.json["type"][-6:]) == (503, "frozen")


def test_receipts_are_answered_with_the_problem(line, marking) -> None:
    event = UUID(marking.gateway.confirm(submitted(marking.gateway).receipt).event["id"])
    marking.freeze()
    for path in ("/events", f"/receipts/{event}"):
        answer = line.partner(HOTLINE).get(path)
        assert (answer.status_code, answer.json["type"][-6:]) == (503, "frozen")


def test_a_refusal_is_not_told_before_it_can_be_recorded(line, marking) -> None:
    marking.freeze()
    answer = line.partner(OFMIN).get(f"/cases/{marking.gateway.new_id()}")
    assert (answer.status_code, answer.json["type"][-6:]) == (503, "frozen")


def test_the_checkpoint_is_the_last_that_was_signed(line, marking) -> None:
    note = line.anybody().get("/checkpoint").text
    before = marking.gateway.store.state.copy()
    submitted(marking.gateway)
    newest = line.anybody().get("/checkpoint").text
    assert newest != note
    marking.gateway.store.state = before
    served = line.anybody().get("/checkpoint")
    assert (served.status_code, served.text) == (200, newest)
    key = marking.gateway.notary.signer.key
    assert open_checkpoint(served.text, [key], ORIGIN).size == marking.node.head().size + 1


def test_a_lost_mark_leaves_no_checkpoint_to_serve(line, marking) -> None:
    marking.mark.marked = None
    answer = line.anybody().get("/checkpoint")
    assert (answer.status_code, answer.json["type"][-6:]) == (503, "frozen")


def test_the_listener_lives_while_the_log_is_frozen(line, marking) -> None:
    marking.freeze()
    assert line.anybody().get("/healthz").status_code == 200
    assert line.partner(HOTLINE).send("GET", "/healthz").status_code == 200


def test_a_mark_that_does_not_answer_is_a_problem_of_its_own(line, marking) -> None:
    partner = line.partner(HOTLINE)
    marking.mark.reachable = False
    answer = partner.post("/cases", submission(marking), key="key-00001")
    assert answer.status_code == 503
    assert answer.json["type"].endswith("/problems/mark-unreachable")
    marking.mark.reachable = True
    again = partner.post("/cases", submission(marking), key="key-00002")
    assert again.status_code == 201


def test_a_write_whose_receipt_could_not_be_signed_is_done_once(line, marking) -> None:
    """The mark fails after the commit: the same request gets its receipt later."""
    partner, body = line.partner(HOTLINE), submission(marking)
    partner.token()
    advance = marking.mark.advance

    def fails(seen, to):
        marking.mark.reachable = False
        return advance(seen, to)

    marking.mark.advance = fails
    before = marking.node.head()
    assert partner.post("/cases", body, key="key-00001").status_code == 503
    marking.mark.advance, marking.mark.reachable = advance, True
    assert marking.node.head().size == before.size + 1
    answer = partner.post("/cases", body, key="key-00001")
    assert answer.status_code == 201, answer.text
    assert marking.node.head().size == before.size + 1


@pytest.mark.parametrize("reason", ["frozen", "mark", "schema", "database"])
def test_readiness_tells_the_reason_on_both_listeners(reason: str) -> None:
    line = listening(unready=lambda: Unready(reason, "a sentence"))
    for answer in (line.anybody().get("/readyz"), line.partner(HOTLINE).send("GET", "/readyz")):
        assert answer.status_code == 503
        assert answer.json == {"status": "not_ready", "reason": reason, "detail": "a sentence"}
        assert answer.headers["Cache-Control"] == "no-store"


def test_a_gateway_without_trouble_is_ready() -> None:
    answer = listening().anybody().get("/readyz")
    assert (answer.status_code, answer.json) == (200, {"status": "ready"})
