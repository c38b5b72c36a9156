"""What partners and anybody see of a log that is frozen, and of a mark that does not answer."""

from dataclasses import replace

import pytest

from gateway import __version__
from gateway.domain.refusals import DatabaseUnavailable, HighWaterMarkUnavailable, LogFrozen
from gateway.kernel.ports import TransactionMode
from gateway.ledger.note import open_checkpoint
from gateway.web.app import create_partner_app
from gateway.web.context import NotReady
from tests.casework import case_content, offered, submitted
from tests.each import each
from tests.founded_gateway import HOTLINE, OFMIN
from tests.marks import Marking, marked_gateway
from tests.ports import ORIGIN
from tests.web.listening import Listening, Partner, listening


@pytest.fixture
def marking() -> Marking:
    return marked_gateway()


@pytest.fixture
def line(marking: Marking) -> Listening:
    made = listening(
        marking.gateway,
        newest=marking.node.continuity.newest,
        unready=lambda: unready(marking),
    )
    for organisation in (HOTLINE, OFMIN):
        made.partner(organisation)  # certificates are registered while that can be written
    return made


def unready(marking: Marking) -> NotReady | None:
    """As `gateway.apps` looks."""
    try:
        marking.node.continuity.check()
    except LogFrozen as frozen:
        return NotReady("log-frozen", frozen.detail)
    except HighWaterMarkUnavailable as unreachable:
        return NotReady("high-water-mark-unavailable", unreachable.detail)
    return None


def before(line: Listening, organisation: str) -> Partner:
    """A desk with a token of the time before the trouble."""
    partner = line.partner(organisation)
    partner.held = partner.token()
    return partner


def refuses_a_token(partner: Partner, problem: str) -> None:
    answer = partner.ask_token()
    assert (answer.status_code, answer.json["type"].rpartition("/")[2]) == (503, problem)
    assert "access_token" not in answer.text


def test_no_token_is_given_while_the_log_is_frozen(line, marking) -> None:
    """An older registry has forgotten what was revoked since."""
    partner = before(line, HOTLINE)
    marking.freeze()
    refuses_a_token(partner, "log-frozen")


def test_no_token_is_given_without_the_mark(line, marking) -> None:
    partner = before(line, HOTLINE)
    marking.mark.reachable = False
    refuses_a_token(partner, "high-water-mark-unavailable")
    marking.mark.reachable = True
    assert partner.ask_token().status_code == 200


def test_no_token_is_given_without_the_database(line) -> None:
    partner = before(line, HOTLINE)

    def away(_mode):
        raise DatabaseUnavailable("the database does not answer")

    ports = replace(line.gate.ports, begin=away)
    without = replace(line.gate, ports=ports, newest=lambda: away(TransactionMode.READ))
    lost = replace(partner, listening=replace(line, partners=create_partner_app(without)))
    refuses_a_token(lost, "database-unavailable")
    assert lost.get("/whoami").status_code == 503


def submission(marking: Marking) -> dict[str, object]:
    return {"by": "intake-1", "content": case_content(marking.gateway.new_id())}


def test_a_write_is_answered_with_the_problem_and_leaves_nothing(line, marking) -> None:
    partner = before(line, HOTLINE)
    marking.freeze()
    head = marking.node.head()
    answer = partner.post("/cases", submission(marking))
    assert answer.status_code == 503
    assert answer.json["type"].endswith("/problems/log-frozen")
    assert "The operator brings the newest database back" in answer.json["detail"]
    assert answer.headers["Retry-After"] == "300"
    assert "receipt" not in answer.json
    assert marking.node.head() == head
    assert line.lines()[-1]["event"] == "log-frozen"


def test_reads_without_receipts_go_on_for_who_has_a_token_and_content_stays_closed(
    line, marking
) -> None:
    handoff = offered(marking.gateway).result["handoff"]
    police = before(line, OFMIN)
    marking.freeze()
    assert police.get("/whoami").status_code == 200
    assert [one["handoff"] for one in police.get("/handoffs").json["items"]] == [handoff]
    assert police.get(f"/handoffs/{handoff}").status_code == 200
    opening = {"by": "officer-1", "reason_code": "investigation", "reason": "first look"}
    answer = police.post(f"/handoffs/{handoff}/consultations", opening)
    assert (answer.status_code, answer.json["type"][-10:]) == (503, "log-frozen")


def test_the_checkpoint_is_the_last_that_was_signed(line, marking) -> None:
    answer = line.anybody().get("/checkpoint")
    note = answer.text
    assert "Log-State" not in answer.headers
    older = marking.gateway.store.copy()
    submitted(marking.gateway)
    newest = line.anybody().get("/checkpoint").text
    assert newest != note
    marking.gateway.store.put_back(older)
    served = line.anybody().get("/checkpoint")
    assert served.headers["Log-State"] == "frozen"
    assert (served.status_code, served.text) == (200, newest)
    key = marking.gateway.checkpoint_signer.signer.key
    assert open_checkpoint(served.text, [key], ORIGIN).size == marking.node.head().size + 1


def test_a_lost_mark_leaves_no_checkpoint_to_serve(line, marking) -> None:
    marking.mark.marked = None
    answer = line.anybody().get("/checkpoint")
    assert (answer.status_code, answer.json["type"][-10:]) == (503, "log-frozen")


def test_the_listener_lives_while_the_log_is_frozen(line, marking) -> None:
    marking.freeze()
    assert line.anybody().get("/healthz").status_code == 200
    assert line.partner(HOTLINE).send("GET", "/healthz").status_code == 200


def test_a_write_whose_receipt_could_not_be_signed_is_done_once(line, marking) -> None:
    """The mark fails after the commit: the same request gets its receipt later."""
    partner, body = before(line, HOTLINE), submission(marking)
    advance = marking.mark.advance

    def fails(seen, to):
        marking.mark.reachable = False
        return advance(seen, to)

    marking.mark.advance = fails
    head = marking.node.head()
    assert partner.post("/cases", body, key="key-00001").status_code == 503
    marking.mark.advance, marking.mark.reachable = advance, True
    assert marking.node.head().size == head.size + 1
    answer = partner.post("/cases", body, key="key-00001")
    assert answer.status_code == 201, answer.text
    assert marking.node.head().size == head.size + 1


@each("reason", ["log-frozen", "case-keys-unavailable", "database-version"])
def test_readiness_tells_the_reason_on_both_listeners(reason: str) -> None:
    line = listening(unready=lambda: NotReady(reason, "a sentence"))
    for answer in (line.anybody().get("/readyz"), line.partner(HOTLINE).send("GET", "/readyz")):
        assert answer.status_code == 503
        assert answer.json == {"status": "not_ready", "reason": reason, "detail": "a sentence"}
        assert answer.headers["Cache-Control"] == "no-store"


def test_a_gateway_without_trouble_is_ready() -> None:
    answer = listening().anybody().get("/readyz")
    assert (answer.status_code, answer.json) == (200, {"status": "ready", "version": __version__})
