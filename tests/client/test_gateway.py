"""The client over the real app: every action, safe repeats, and answers that are not believed."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.client import (
    AuditFilters,
    LogForked,
    NotCurrent,
    ReceiptMismatch,
    Refused,
    Unavailable,
    UnexpectedAnswer,
    Written,
)
from gateway.client.auditing import audited
from gateway.client.line import PAUSES
from gateway.domain.case import GROUPS
from gateway.evidence import bundle, receipt, sd_jwt, statement, verdict
from gateway.evidence.stream import read_head
from gateway.evidence.trust import Trust
from gateway.ledger.checkpoint import Checkpoint, sign_checkpoint
from gateway.ledger.note import NoteSigner
from tests import founding
from tests.client import liar
from tests.client.desk import Desk, Fault, answer, cut, lose_answer, passing, trust_of
from tests.founding import (
    ABROAD,
    CSAM_FR,
    HOTLINE,
    OCRVP,
    OFMIN,
    ORIGIN,
    case_content,
    check_log,
    machine_match,
    note_signer,
)
from tests.web.listening import Listening, listening

CLEARED = {"assessed_by": "analyst-1", "cleared_by": "approver-1", "confirms": []}
CONTENT_GROUPS = [group for group in GROUPS if group != "routing"]


@pytest.fixture
def stage() -> Iterator[Listening]:
    """The founded gateway; afterwards its log is rebuilt and held against all that it signed."""
    listeners = listening()
    yield listeners
    check_log(listeners.gateway)


def submit(desk: Desk, stage: Listening, **changes: Any) -> UUID:
    """A cleared case of the desk's."""
    case = stage.gateway.new_id()
    desk.submit(case_content(case, **changes), "intake-1", CLEARED)
    return case


def offer(desk: Desk, stage: Listening, **changes: Any) -> str:
    """A handoff of all parts to whoever is competent, unless told otherwise."""
    wanted = {
        "purpose": ["identify_victim"],
        "competence": CSAM_FR,
        "groups": CONTENT_GROUPS,
    }
    if "organisation" in changes:
        wanted.pop("competence")
    case = changes.pop("case", None) or submit(desk, stage)
    return str(desk.offer(case, "liaison-1", **wanted | changes).result["handoff"])


def accepted(stage: Listening, **changes: Any) -> tuple[Desk, Desk, str]:
    """Two desks and a handoff that the second one accepted."""
    hotline, office = Desk(stage), Desk(stage, OFMIN)
    handoff = offer(hotline, stage, **changes)
    office.accept(office.handoff(handoff), "officer-1")
    return hotline, office, handoff


# --- Every action --------------------------------------------------------------------------------


def test_the_gateway_says_who_it_is_and_who_asks(stage: Listening) -> None:
    desk = Desk(stage)
    assert desk.greet() is None, "no server adds a Date header here"
    told = desk.whoami()
    assert told["organisation"]["organisation"] == HOTLINE
    assert "cases.write" in told["scopes"]


def test_another_gateway_at_the_address_is_refused(stage: Listening) -> None:
    for change in ({"resource": "https://elsewhere.example"}, {"authorization_servers": []}):
        desk = Desk(stage)
        desk.wire.tamper = lambda request, members, change=change: members | change
        with pytest.raises(UnexpectedAnswer, match="not the one of the connection file"):
            desk.greet()


def test_the_directory_is_read_page_by_page(stage: Listening) -> None:
    desk = Desk(stage)
    found = [one["organisation"] for one in desk.organisations()]
    assert found == sorted([ABROAD, HOTLINE, OCRVP, OFMIN])
    assert desk.organisation(OFMIN)["competences"][0]["competence"] == "receive/csam/FR"
    with pytest.raises(ValueError, match="organisation id"):
        desk.organisation("../whoami")


def test_a_case_goes_through_its_steps_by_two_persons(stage: Listening) -> None:
    desk, case = Desk(stage), stage.gateway.new_id()
    content = case_content(case, classifications=[machine_match()])
    submitted = desk.submit(content, "intake-1")
    assert submitted.result["state"] == "draft"
    with pytest.raises(Refused, match="a person must confirm") as refused:
        desk.assess(case, "analyst-1")
    assert refused.value.slug == "unconfirmed-match"
    desk.assess(case, "analyst-1", [founding.element_id("match")], reason="looked at it")
    with pytest.raises(Refused, match="not the one who assessed"):
        desk.clear(case, "analyst-1")
    assert desk.clear(case, "approver-1").result["state"] == "cleared"
    assert desk.case(case)["state"] == "cleared"
    assert desk.close_case(case, "intake-1", "done").result["state"] == "closed"
    assert [one["case"] for one in desk.cases()] == [str(case)]


def test_a_revised_case_names_the_version_before_it(stage: Listening) -> None:
    desk, case = Desk(stage), stage.gateway.new_id()
    first = desk.submit(case_content(case), "intake-1")
    second = case_content(case, version=2, prev=first.result["digest"], urgency="normal")
    assert desk.revise(second, "intake-1", CLEARED).result["version"] == 2
    with pytest.raises(Refused) as refused:
        desk.revise(second, "intake-1")
    assert refused.value.slug == "stale"


def test_one_opens_ones_own_case_as_it_was_written(stage: Listening) -> None:
    desk = Desk(stage)
    case = submit(desk, stage)
    opened = desk.consult_case(case, "analyst-1", "quality", "second look")
    assert opened.content == case_content(case)
    assert (opened.author, opened.assurance, opened.withheld) == (HOTLINE, "attested", ())


def test_a_preview_keeps_nothing_and_has_no_key(stage: Listening) -> None:
    desk = Desk(stage)
    case = submit(desk, stage)
    before = stage.gateway.size()
    found = desk.preview(
        case, "liaison-1", purpose=["remove"], organisation=ABROAD, groups=["items"]
    )
    assert found["to"] == {"organisation": ABROAD}
    assert stage.gateway.size() == before
    assert "idempotency-key" not in desk.wire.requests[-1].headers


def test_a_handoff_goes_from_offer_to_outcome(stage: Listening) -> None:
    hotline, office = Desk(stage), Desk(stage, OFMIN)
    until = datetime(2026, 6, 1, 12, 0, 0, 500_000, tzinfo=UTC)
    handoff = offer(hotline, stage, until=until, note="please look")
    assert [one["handoff"] for one in office.inbox("offered")] == [handoff]
    assert [one["handoff"] for one in hotline.outbox()] == [handoff]
    view = office.handoff(handoff)
    assert office.accept(view, "officer-1").result["state"] == "accepted"
    opened = office.consult(handoff, "officer-1", "investigation", "first look")
    assert opened.content["items"][0]["value"] == "https://content.example.org/page"
    outcome = office.outcome(
        handoff,
        "officer-1",
        "case_opened",
        items=[founding.element_id("url")],
        note="a file is open",
        evidence_ref="2026/7",
        reason="competent",
    )
    assert outcome.result["sequence"] == 3
    assert office.close(handoff, "officer-1").result["state"] == "closed"
    assert [a["kind"] for a in hotline.handoff(handoff)["answers"]] == [
        "offer",
        "accept",
        "outcome",
        "close",
    ]


def test_a_part_of_an_offer_can_be_taken_on(stage: Listening) -> None:
    hotline, office = Desk(stage), Desk(stage, OFMIN)
    handoff = offer(hotline, stage)
    written = office.accept(office.handoff(handoff), "officer-1", ["items"])
    assert written.result["state"] == "partly_accepted"
    opened = office.consult(handoff, "officer-1", "investigation", "first look")
    assert "statements" not in opened.content
    assert "statements" in opened.withheld


def test_an_offer_can_be_refused_redirected_or_withdrawn(stage: Listening) -> None:
    hotline, office = Desk(stage), Desk(stage, OFMIN)
    refused, redirected, withdrawn = (offer(hotline, stage) for _ in range(3))
    assert office.refuse(refused, "officer-1", "no capacity").result["state"] == "refused"
    redirection = office.redirect(redirected, "officer-1", "abroad", "the office in Belgium")
    assert redirection.result["state"] == "redirected"
    assert hotline.withdraw(withdrawn, "liaison-1", "mistaken").result["state"] == "withdrawn"


def test_a_list_of_many_pages_is_read_only_as_far_as_it_is_iterated(stage: Listening) -> None:
    desk = Desk(stage)
    cases = [submit(desk, stage) for _ in range(21)]
    desk.wire.requests.clear()
    listed = desk.cases()
    for _ in range(20):
        next(listed)
    assert desk.wire.paths() == ["/cases"]
    assert next(listed)["case"] == str(cases[-1])
    assert desk.wire.paths() == ["/cases", "/cases"]
    with pytest.raises(StopIteration):
        next(listed)


@pytest.mark.parametrize(
    "link",
    [
        "https://elsewhere.example/cases?after=1",
        "//elsewhere.example/cases",
        "/whoami?after=1",
        "/cases",
        "cases?after=1",
        "/cases?after=\r\n",
        5,
    ],
)
def test_a_link_that_leads_elsewhere_is_not_followed(stage: Listening, link: Any) -> None:
    desk = Desk(stage)
    desk.wire.tamper = lambda request, members: members | {"next": link}
    with pytest.raises(UnexpectedAnswer, match="next page"):
        list(desk.cases())


def test_an_offer_names_one_recipient_and_a_moment_with_its_zone(stage: Listening) -> None:
    desk = Desk(stage)
    for to in ({}, {"organisation": OFMIN, "competence": CSAM_FR}):
        with pytest.raises(ValueError, match="one of the two"):
            desk.offer(stage.gateway.new_id(), "x", purpose=["remove"], **to)
    naive = datetime(2026, 1, 1)  # noqa: DTZ001
    with pytest.raises(ValueError, match="with its zone"):
        desk.offer(stage.gateway.new_id(), "x", purpose=[], organisation=OFMIN, until=naive)
    assert desk.wire.requests == []


# --- Refusals ------------------------------------------------------------------------------------


def test_a_refusal_by_policy_names_its_rules_and_proves_itself(stage: Listening) -> None:
    desk = Desk(stage)
    case = submit(desk, stage)
    with pytest.raises(Refused) as refused:
        desk.offer(
            case, "liaison-1", purpose=["identify_victim"], organisation=OCRVP, groups=["items"]
        )
    assert (refused.value.status, refused.value.slug) == (403, "forbidden")
    assert refused.value.rules == ("R3.seat",)
    assert refused.value.receipt is not None
    told = receipt.verify(refused.value.receipt, [note_signer().key], ORIGIN)
    assert told.event["result"] == "denied"


def test_content_that_breaks_rules_is_told_by_pointer(stage: Listening) -> None:
    desk = Desk(stage)
    content = case_content(stage.gateway.new_id(), urgency="now", matter=[])
    with pytest.raises(Refused) as refused:
        desk.submit(content, "intake-1")
    assert {pointer for pointer, _ in refused.value.errors} == {
        "/content/urgency",
        "/content/matter",
    }
    assert refused.value.receipt is None


def test_what_may_not_be_known_is_not_found(stage: Listening) -> None:
    hotline, abroad = Desk(stage), Desk(stage, ABROAD)
    handoff = offer(hotline, stage)
    for ask in (abroad.handoff, lambda h: abroad.refuse(h, "someone", "no")):
        with pytest.raises(Refused) as refused:
            ask(handoff)
        assert refused.value.slug == "not-found"
        assert refused.value.receipt is not None


def test_a_refusal_that_the_gateway_cannot_word_still_is_one(stage: Listening) -> None:
    desk = Desk(stage)
    desk.wire.faults = [passing, answer(413, Content_Type="text/html")]
    with pytest.raises(Refused, match="status 413"):
        desk.whoami()


# --- Repeats -------------------------------------------------------------------------------------


def test_a_write_whose_answer_is_lost_is_done_once(stage: Listening) -> None:
    desk, case = Desk(stage), stage.gateway.new_id()
    before = stage.gateway.size()
    desk.wire.faults = [passing, lose_answer, cut]
    written = desk.submit(case_content(case), "intake-1")
    assert desk.pauses == list(PAUSES[:2])
    assert stage.gateway.size() == before + 1
    first, *repeats = (r for r in desk.wire.requests if r.url.path == "/cases")
    assert len(repeats) == 2
    for repeat in repeats:
        assert repeat.content == first.content
        assert repeat.headers["idempotency-key"] == first.headers["idempotency-key"]
    assert written.confirmed.index == before


def test_a_write_is_on_disk_before_it_is_sent_and_gone_when_it_is_answered(
    stage: Listening, tmp_path: Path
) -> None:
    desk, kept = Desk(stage, spool=tmp_path), []

    def look(request: httpx.Request, response: httpx.Response | None) -> None:
        if response is None:
            kept.extend(json.loads(file.read_text()) for file in tmp_path.iterdir())

    desk.wire.faults = [passing, look]
    desk.submit(case_content(stage.gateway.new_id()), "intake-1")
    (write,) = kept
    request = desk.wire.requests[-1]
    assert write["body"].encode() == request.content
    assert write["key"] == request.headers["idempotency-key"]
    assert list(tmp_path.iterdir()) == []


def test_what_was_never_answered_is_sent_again_by_a_later_process(
    stage: Listening, tmp_path: Path
) -> None:
    desk, case = Desk(stage, spool=tmp_path), stage.gateway.new_id()
    desk.wire.faults = [passing, lose_answer, *[cut] * len(PAUSES)]
    with pytest.raises(Unavailable):
        desk.submit(case_content(case), "intake-1", CLEARED)
    assert len(list(tmp_path.iterdir())) == 1
    size = stage.gateway.size()
    later = Desk(stage, spool=tmp_path)
    (resent,) = later.resume()
    assert resent.written is not None
    assert resent.written.result["state"] == "cleared"
    assert stage.gateway.size() == size, "the write was done the first time"
    assert list(tmp_path.iterdir()) == []
    assert list(later.resume()) == []


def test_a_refused_write_is_not_sent_again(stage: Listening, tmp_path: Path) -> None:
    desk = Desk(stage, spool=tmp_path)
    with pytest.raises(Refused):
        desk.close_case(stage.gateway.new_id(), "intake-1")
    assert list(tmp_path.iterdir()) == []


def test_resuming_goes_on_after_a_refusal(stage: Listening, tmp_path: Path) -> None:
    desk = Desk(stage, spool=tmp_path)
    case = submit(desk, stage)
    for ask in (
        lambda: desk.close_case(stage.gateway.new_id(), "intake-1"),
        lambda: desk.close_case(case, "intake-1"),
    ):
        desk.wire.faults = [*[cut] * (len(PAUSES) + 1)]
        with pytest.raises(Unavailable):
            ask()
    refused, written = desk.resume()
    assert refused.refused is not None
    assert refused.refused.slug == "not-found"
    assert written.written is not None
    assert list(tmp_path.iterdir()) == []


def test_a_consultation_is_never_kept_to_open_content_later(
    stage: Listening, tmp_path: Path
) -> None:
    desk = Desk(stage, spool=tmp_path)
    case = submit(desk, stage)
    desk.wire.faults = [cut] * (len(PAUSES) + 1)
    with pytest.raises(Unavailable):
        desk.consult_case(case, "analyst-1", "quality", "second look")
    assert list(tmp_path.iterdir()) == []


def test_a_failure_of_the_gateway_leaves_the_write_to_be_resumed(
    stage: Listening, tmp_path: Path
) -> None:
    desk = Desk(stage, spool=tmp_path)
    desk.wire.faults = [passing, answer(500)]
    with pytest.raises(Unavailable, match="status 500"):
        desk.submit(case_content(stage.gateway.new_id()), "intake-1")
    assert len(list(tmp_path.iterdir())) == 1


def test_an_answer_that_is_not_believed_leaves_the_write_to_be_resumed(
    stage: Listening, tmp_path: Path
) -> None:
    desk = Desk(stage, spool=tmp_path)
    desk.wire.tamper = lambda request, members: members | {"receipt": {}}
    with pytest.raises(ReceiptMismatch, match="without a receipt"):
        desk.submit(case_content(stage.gateway.new_id()), "intake-1")
    assert len(list(tmp_path.iterdir())) == 1


# --- Answers that are not believed ---------------------------------------------------------------

Tamper = Callable[[dict[str, Any]], None]


def disbelieved(desk: Desk, tamper: Tamper, ask: Callable[[], Any], match: str) -> None:
    """Ask while answers are tampered with; what was asked must not seem to have been done."""

    def change(request: httpx.Request, members: dict[str, Any]) -> None:
        tamper(members)

    desk.wire.tamper = change
    with pytest.raises(ReceiptMismatch, match=match):
        ask()
    desk.wire.tamper = None


def test_a_receipt_of_another_log_is_refused(stage: Listening) -> None:
    other = replace(
        trust_of(stage.gateway),
        log_keys=(note_signer("other.example/log").key,),
        origins=("other.example/log",),
    )
    with pytest.raises(ReceiptMismatch, match="is of the log"):
        Desk(stage, trust=other).submit(case_content(stage.gateway.new_id()), "intake-1")


def test_a_receipt_under_another_key_of_the_same_name_is_refused(stage: Listening) -> None:
    key = NoteSigner(ORIGIN, Ed25519PrivateKey.generate()).key
    trust = replace(trust_of(stage.gateway), log_keys=(key,))
    with pytest.raises(ReceiptMismatch, match="does not verify"):
        Desk(stage, trust=trust).submit(case_content(stage.gateway.new_id()), "intake-1")


def test_an_attestation_under_an_unknown_key_is_refused(stage: Listening) -> None:
    trust = replace(trust_of(stage.gateway), gateway_keys={})
    with pytest.raises(ReceiptMismatch, match="no key was given"):
        Desk(stage, trust=trust).submit(case_content(stage.gateway.new_id()), "intake-1")


def replay(members: dict[str, Any]) -> Fault:
    """A fault that answers with another request's genuine answer, without asking the gateway."""
    return lambda request, response: httpx.Response(200, json=members)


def members_of(written: Written) -> dict[str, Any]:
    """A write's answer as it travelled."""
    return {"result": dict(written.result), "receipt": receipt.to_json(written.receipt)}


def test_the_answer_to_another_write_is_refused(stage: Listening) -> None:
    """A replayed answer is genuine, but it is not of this request."""
    desk, case = Desk(stage), stage.gateway.new_id()
    earlier = members_of(desk.submit(case_content(stage.gateway.new_id()), "intake-1", CLEARED))
    for ask, match in (
        (lambda: desk.submit(case_content(case), "intake-1", CLEARED), "not the one that was sub"),
        (lambda: desk.submit(case_content(case), "intake-2", CLEARED), "by somebody else"),
        (lambda: desk.close_case(case, "intake-1"), "another kind of request"),
        (lambda: desk.close(case, "intake-1"), "of another handoff"),
    ):
        desk.wire.faults = [replay(earlier)]
        with pytest.raises(ReceiptMismatch, match=match):
            ask()


def test_a_receipt_of_a_refusal_does_not_pass_for_a_deed(stage: Listening) -> None:
    desk = Desk(stage)
    with pytest.raises(Refused) as refused:
        desk.close_case(stage.gateway.new_id(), "intake-1")
    case = submit(desk, stage)
    assert refused.value.receipt is not None
    denial = receipt.to_json(refused.value.receipt)
    disbelieved(
        desk,
        lambda members: members.update(receipt=denial),
        lambda: desk.close_case(case, "intake-1"),
        "of a refused request",
    )


def test_a_receipt_without_its_persons_is_refused(stage: Listening) -> None:
    desk = Desk(stage)

    def hide(members: dict[str, Any]) -> None:
        members["receipt"]["disclosures"] = []

    disbelieved(
        desk,
        hide,
        lambda: desk.submit(case_content(stage.gateway.new_id()), "intake-1"),
        "does not name this organisation",
    )


@pytest.mark.parametrize("part", ["digest", "document"])
def test_a_case_that_was_signed_as_another_is_refused(stage: Listening, part: str) -> None:
    desk = Desk(stage)
    other = desk.submit(case_content(stage.gateway.new_id()), "intake-1").result[part]
    disbelieved(
        desk,
        lambda members: members["result"].update({part: other}),
        lambda: desk.submit(case_content(stage.gateway.new_id()), "intake-1"),
        "differ in digest" if part == "digest" else "not the one that was submitted",
    )


def test_a_step_on_another_case_is_refused(stage: Listening) -> None:
    desk = Desk(stage)
    other = desk.case(submit(desk, stage))["digest"]
    case = submit(desk, stage)
    disbelieved(
        desk,
        lambda members: members["result"].update(digest=other),
        lambda: desk.close_case(case, "intake-1"),
        "differ in case_digest",
    )


def test_an_offer_that_was_signed_otherwise_is_refused(stage: Listening) -> None:
    """Each genuine offer of another wording is refused in the place of the one asked for."""
    desk, case = Desk(stage), submit(Desk(stage), stage)
    asked: dict[str, Any] = {
        "purpose": ["identify_victim"],
        "competence": CSAM_FR,
        "groups": ["items"],
    }
    plain = {name: value for name, value in asked.items() if name != "competence"}
    until = datetime(2026, 5, 1, tzinfo=UTC)
    others = {
        "ends at another time": {**asked, "until": until},
        "another note": {**asked, "note": "psst"},
        "another purpose": {**asked, "purpose": ["remove"]},
        "to another competence": {**plain, "organisation": ABROAD},
    }
    for match, said in others.items():
        handoff = stage.gateway.new_id()
        genuine = members_of(desk.offer(case, "liaison-1", handoff=handoff, **said))
        _substituted(
            desk, genuine, handoff, match, lambda **k: desk.offer(case, "liaison-1", **k, **asked)
        )
    handoff = stage.gateway.new_id()
    genuine = members_of(desk.offer(case, "liaison-1", handoff=handoff, **asked))
    elsewhere = {**plain, "organisation": ABROAD}
    _substituted(
        desk,
        genuine,
        handoff,
        "to somebody else",
        lambda **k: desk.offer(case, "liaison-1", **k, **elsewhere),
    )


def _substituted(
    desk: Desk, genuine: dict[str, Any], handoff: UUID, match: str, ask: Callable[..., Any]
) -> None:
    """Ask for a handoff whose answer was given before to another wish: as a liar would."""
    desk.wire.faults = [replay(genuine)]
    with pytest.raises(ReceiptMismatch, match=match):
        ask(handoff=handoff)


def test_an_answer_that_was_signed_otherwise_is_refused(stage: Listening) -> None:
    hotline, office = Desk(stage), Desk(stage, OFMIN)
    handoff = offer(hotline, stage)
    genuine = members_of(office.refuse(handoff, "officer-1", "no capacity"))
    _substituted(
        office,
        genuine,
        UUID(handoff),
        "does not say what was asked",
        lambda handoff: office.refuse(handoff, "officer-1", "not our matter"),
    )


def test_a_statement_that_the_log_does_not_record_is_refused(stage: Listening) -> None:
    _, office, handoff = accepted(stage)
    first = office.outcome(handoff, "officer-1", "received")

    def swap(members: dict[str, Any]) -> None:
        members["result"]["statement"] = first.result["statement"]

    disbelieved(
        office, swap, lambda: office.outcome(handoff, "officer-1", "received"), "stmt_sha256"
    )


def test_a_refusal_with_a_foreign_receipt_is_not_told(stage: Listening) -> None:
    desk = Desk(stage)
    genuine = members_of(desk.submit(case_content(stage.gateway.new_id()), "intake-1"))["receipt"]
    with pytest.raises(Refused) as refused:
        desk.case(stage.gateway.new_id())
    assert refused.value.receipt is not None
    read_denied = receipt.to_json(refused.value.receipt)
    for carried, match in (
        (genuine, "says that it was allowed"),
        (read_denied, "another kind of request"),
        ({}, "a receipt that is none"),
    ):
        disbelieved(
            desk,
            lambda members, carried=carried: members.update(receipt=carried),
            lambda: desk.close_case(stage.gateway.new_id(), "intake-1"),
            match,
        )


def test_a_refusal_by_another_person_is_not_ours(stage: Listening) -> None:
    desk = Desk(stage)
    with pytest.raises(Refused) as refused:
        desk.close_case(stage.gateway.new_id(), "intake-2")
    assert refused.value.receipt is not None
    carried = receipt.to_json(refused.value.receipt)
    disbelieved(
        desk,
        lambda members: members.update(receipt=carried),
        lambda: desk.close_case(stage.gateway.new_id(), "intake-1"),
        "by somebody else",
    )


@pytest.mark.parametrize(
    ("name", "value", "match"),
    [
        ("handoff", "018f0000-0000-7000-8000-000000000001", "another one"),
        ("originator", ABROAD, "not shown as it was offered"),
        ("recipient", OCRVP, "not shown as it was offered"),
        ("competence", None, "not shown as it was offered"),
        ("case_digest", "x", "not shown as it was offered"),
        ("permitted", [], "not shown as it was offered"),
        ("conditions", {}, "not those that the case states"),
        ("routing", None, "does not verify"),
        ("answers", [], "without its offer"),
        ("answers", [5], "without its offer"),
    ],
)
def test_a_handoff_that_is_shown_otherwise_is_refused(
    stage: Listening, name: str, value: Any, match: str
) -> None:
    _, office, handoff = accepted(stage)
    disbelieved(
        office,
        lambda members: members.update({name: value}),
        lambda: office.handoff(handoff),
        match,
    )


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"kind": "refuse"}, "as something else"),
        ({"author": HOTLINE}, "as something else"),
        ({"kind": "gesture"}, "as something else"),
        ({"statement": ""}, "does not verify"),
    ],
)
def test_an_answer_that_is_shown_otherwise_is_refused(
    stage: Listening, change: dict[str, Any], match: str
) -> None:
    _, office, handoff = accepted(stage)
    disbelieved(
        office,
        lambda members: members["answers"][1].update(change),
        lambda: office.handoff(handoff),
        match,
    )


def test_an_answer_to_another_handoff_is_not_shown_for_this_one(stage: Listening) -> None:
    _, office, handoff = accepted(stage)
    _, _, other = accepted(stage)
    other_answer = office.handoff(other)["answers"][1]["statement"]
    disbelieved(
        office,
        lambda members: members["answers"][1].update(statement=other_answer),
        lambda: office.handoff(handoff),
        "not about this handoff",
    )


def test_a_presentation_beyond_the_offer_is_refused(stage: Listening) -> None:
    """Even one that verifies: the originator's own shows all, the offer names only the items."""
    hotline, office, handoff = accepted(stage, groups=["items"])
    case = hotline.handoff(handoff)["case"]
    whole = hotline.consult_case(case, "liaison-1", "quality", "check").presentation

    def show_all(members: dict[str, Any]) -> None:
        if "result" in members:
            members["result"]["presentation"] = whole

    def consult() -> None:
        office.consult(handoff, "officer-1", "investigation", "first look")

    disbelieved(office, show_all, consult, "shows more than its offer names")


def test_a_presentation_of_less_than_was_opened_is_refused(stage: Listening) -> None:
    _, office, handoff = accepted(stage)

    def show_less(members: dict[str, Any]) -> None:
        if "result" in members:
            document = sd_jwt.parse(members["result"]["presentation"])
            members["result"]["presentation"] = document.present(()).compact()

    def consult() -> None:
        office.consult(handoff, "officer-1", "investigation", "first look")

    disbelieved(office, show_less, consult, "another set of parts")


def test_a_presentation_of_another_case_is_refused(stage: Listening) -> None:
    hotline, office, handoff = accepted(stage)
    other = submit(hotline, stage)
    presentation = hotline.consult_case(other, "x1", "quality", "check").presentation

    def show_other(members: dict[str, Any]) -> None:
        if "result" in members:
            members["result"]["presentation"] = presentation

    def consult() -> None:
        office.consult(handoff, "officer-1", "investigation", "first look")

    disbelieved(office, show_other, consult, "another version")
    mine = submit(hotline, stage)
    disbelieved(
        hotline,
        show_other,
        lambda: hotline.consult_case(mine, "x1", "quality", "check"),
        "another version of the case|another set of parts",
    )


def test_a_consultation_of_another_own_case_is_refused(stage: Listening) -> None:
    desk = Desk(stage)
    asked, other = submit(desk, stage), submit(desk, stage)
    genuine = members_of(desk.consult_case(other, "x1", "quality", "check").written)
    desk.wire.faults = [replay(genuine)]
    with pytest.raises(ReceiptMismatch, match="the case opened is another one"):
        desk.consult_case(asked, "x1", "quality", "check")


def test_a_case_of_others_is_not_opened_as_ours(stage: Listening) -> None:
    """A gateway that signs a document of others under an id of ours, and logs what it did."""
    document = liar.case_document(ABROAD)
    package = statement.package(d.digest for d in document.disclosures)
    event = liar.logged("case.consult", HOTLINE, "x1", case_digest=document.digest, package=package)
    result = {"presentation": document.compact(), "withheld": []}
    desk = Desk(stage)
    desk.whoami()
    desk.wire.faults = [replay({"result": result, "receipt": receipt.to_json(event)})]
    with pytest.raises(ReceiptMismatch, match="not our own"):
        desk.consult_case(liar.CASE, "x1", "quality", "check")


@pytest.mark.parametrize("body", [b"", b"[]", b'{"a":1,"a":2}', b"\xff", b'{"a":0.5}'])
def test_an_answer_that_is_not_one_json_object_is_refused(stage: Listening, body: bytes) -> None:
    desk = Desk(stage)

    def speak(request: httpx.Request, response: httpx.Response | None) -> httpx.Response:
        return httpx.Response(200, headers={"Content-Type": "application/json"}, content=body)

    desk.wire.faults = [passing, speak]
    with pytest.raises(UnexpectedAnswer, match="not a JSON object"):
        desk.whoami()


def test_an_answer_without_a_result_or_a_list_is_refused(stage: Listening) -> None:
    desk = Desk(stage)
    desk.wire.tamper = lambda request, members: {"receipt": {}}
    with pytest.raises(UnexpectedAnswer, match="without its result"):
        desk.submit(case_content(stage.gateway.new_id()), "intake-1")
    with pytest.raises(UnexpectedAnswer, match="no list of items"):
        list(desk.inbox())


# --- The log's memory ----------------------------------------------------------------------------


def grown(stage: Listening, by: int, root: bytes | None = None) -> str:
    """A checkpoint that the log signed for a history that the gateway does not have."""
    size = stage.gateway.size() + by
    return sign_checkpoint(Checkpoint(ORIGIN, size, root or bytes(32)), note_signer())


def test_a_log_that_lost_entries_is_an_alarm(stage: Listening, tmp_path: Path) -> None:
    state = tmp_path / "newest.checkpoint"
    state.write_text(grown(stage, 5))
    with pytest.raises(LogForked, match="smaller tree") as alarm:
        Desk(stage, state=state).submit(case_content(stage.gateway.new_id()), "intake-1")
    assert len(alarm.value.notes) == 2


def test_a_log_with_another_history_is_an_alarm_in_whatever_carries_a_receipt(
    stage: Listening, tmp_path: Path
) -> None:
    desk = Desk(stage)
    event = desk.submit(case_content(stage.gateway.new_id()), "intake-1").confirmed.event["id"]
    state = tmp_path / "newest.checkpoint"
    state.write_text(grown(stage, 0))
    told = Desk(stage, state=state)
    for ask in (lambda: told.receipt(event), lambda: list(told.events())):
        with pytest.raises(LogForked, match="another history"):
            ask()
    state.write_text(grown(stage, 1))
    with pytest.raises(LogForked, match="another history"):
        Desk(stage, state=state).close_case(stage.gateway.new_id(), "intake-1")


def test_the_newest_checkpoint_outlives_the_process(stage: Listening, tmp_path: Path) -> None:
    state = tmp_path / "newest.checkpoint"
    Desk(stage, state=state).submit(case_content(stage.gateway.new_id()), "intake-1")
    assert state.read_text().split("\n")[:2] == [ORIGIN, str(stage.gateway.size())]


def test_threads_share_one_client_without_a_false_alarm(stage: Listening, tmp_path: Path) -> None:
    desk = Desk(stage, state=tmp_path / "newest.checkpoint", spool=tmp_path / "spool")

    def work(_: int) -> int:
        return desk.submit(case_content(stage.gateway.new_id()), "intake-1").confirmed.index

    with ThreadPoolExecutor(4) as pool:
        indexes = list(pool.map(work, range(12)))
    assert len(set(indexes)) == 12
    assert desk.wire.paths().count("/oauth/token") == 1
    assert list((tmp_path / "spool").iterdir()) == []


# --- Evidence ------------------------------------------------------------------------------------


def test_ones_own_events_are_complete_and_each_is_proved(stage: Listening) -> None:
    _, office, handoff = accepted(stage)
    entries = list(office.events())
    assert [entry.pseq for entry in entries] == list(range(1, len(entries) + 1))
    assert [e.confirmed.event["typ"] for e in entries][-2:] == [
        "handoff.offered",
        "handoff.accepted",
    ]
    assert [entry.pseq for entry in office.events(after=2)] == [e.pseq for e in entries[2:]]
    one = office.receipt(entries[-1].event)
    assert (one.pseq, one.event) == (entries[-1].pseq, entries[-1].event)
    assert one.confirmed.event["handoff"] == handoff


def test_a_stream_of_many_pages_goes_on(stage: Listening) -> None:
    desk = Desk(stage)
    for _ in range(21):
        submit(desk, stage)
    assert len(list(desk.events())) > 21


def _drop(members: dict[str, Any], number: int) -> None:
    del members["events"][number]


@pytest.mark.parametrize(
    ("tamper", "match"),
    [
        (lambda members: _drop(members, 0), "number 1 of the stream"),
        (lambda members: _drop(members, 1), "number 2 of the stream"),
        (lambda members: _drop(members, -1), "the end of the stream"),
        (lambda members: members.update(head=99), "or another end"),
        (lambda members: members.update(statement="x"), "end does not verify"),
        (lambda members: members.pop("statement") and None, "end does not verify"),
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
    desk = Desk(stage)
    disbelieved(desk, tamper, lambda: list(desk.events()), match)


def test_the_end_of_a_stream_is_stated_on_every_page(stage: Listening) -> None:
    desk = Desk(stage)
    ends: list[Any] = []
    entries = list(desk.events(0, lambda text, end: ends.append((text, end))))
    ((text, end),) = ends
    assert (end.organisation, end.pseq) == (HOTLINE, len(entries))
    assert read_head(text, trust_of(stage.gateway)) == end


def test_the_end_of_another_members_stream_is_not_taken(stage: Listening) -> None:
    desk, other = Desk(stage), Desk(stage, ABROAD)
    told: list[str] = []
    list(other.events(0, lambda text, end: told.append(text)))
    disbelieved(
        desk,
        lambda members: members.update(statement=told[0]),
        lambda: list(desk.events()),
        "about another stream",
    )


def test_a_receipt_of_an_event_that_is_not_ours_is_not_found(stage: Listening) -> None:
    hotline, abroad = Desk(stage), Desk(stage, ABROAD)
    event = hotline.submit(case_content(stage.gateway.new_id()), "x1").confirmed.event["id"]
    with pytest.raises(Refused) as refused:
        abroad.receipt(event)
    assert refused.value.slug == "not-found"


def test_another_events_receipt_is_not_taken_for_the_one_asked_for(stage: Listening) -> None:
    desk = Desk(stage)
    first, second = (desk.submit(case_content(stage.gateway.new_id()), "x1") for _ in range(2))
    other = receipt.to_json(first.receipt)
    disbelieved(
        desk,
        lambda members: members.update(other),
        lambda: desk.receipt(second.confirmed.event["id"]),
        "of another event",
    )


def trusted(stage: Listening) -> Trust:
    return trust_of(stage.gateway)


def test_both_parties_export_a_bundle_that_verifies_without_the_gateway(stage: Listening) -> None:
    hotline, office, handoff = accepted(stage, groups=["items"])
    office.outcome(handoff, "officer-1", "case_opened")
    for data in (
        office.export(handoff, "officer-1", "for the file"),
        hotline.export(handoff, "liaison-1", "for the file"),
        hotline.export(handoff),
    ):
        found = verdict.verify(data, trusted(stage))
        assert (found.kind, found.code) == ("bundle", 0), found.sentence
    shown = bundle.parse(hotline.export(handoff, "liaison-1", "for the file")).case
    names = {d.name for d in sd_jwt.parse(shown).disclosures}
    assert "reporter" not in names, "the originator's file shows no more than the offer"


def test_an_export_without_content_opens_nothing(stage: Listening) -> None:
    hotline, office = Desk(stage), Desk(stage, OFMIN)
    handoff = offer(hotline, stage)
    office.refuse(handoff, "officer-1", "no capacity")
    before, told = stage.gateway.size(), []
    data = hotline.export(handoff, progress=lambda done, of: told.append((done, of)))
    assert stage.gateway.size() == before
    assert told == [(1, 2), (2, 2)]
    case = sd_jwt.read_unverified(bundle.parse(data).case)
    assert {placed.name for placed in case.placed} == {"matter", "urgency"}


def test_content_of_an_older_version_is_not_exported(stage: Listening) -> None:
    hotline = Desk(stage)
    case = stage.gateway.new_id()
    first = hotline.submit(case_content(case), "intake-1", CLEARED)
    handoff = offer(hotline, stage, case=case)
    second = case_content(case, version=2, prev=first.result["digest"])
    hotline.revise(second, "intake-1")
    before = stage.gateway.size()
    with pytest.raises(NotCurrent, match="without content"):
        hotline.export(handoff, "liaison-1", "for the file")
    assert stage.gateway.size() == before
    assert verdict.verify(hotline.export(handoff), trusted(stage)).code == 0


def test_a_bundle_that_does_not_verify_is_not_returned(stage: Listening) -> None:
    _, office, handoff = accepted(stage)
    offered = office.handoff(handoff)["answers"][0]["event"]

    def point_elsewhere(members: dict[str, Any]) -> None:
        if "answers" in members:
            members["answers"][1]["event"] = offered

    disbelieved(office, point_elsewhere, lambda: office.export(handoff), "does not verify")


# --- auditing ---


@pytest.fixture
def auditor(stage: Listening) -> Desk:
    """A member with a grant over the whole log, after a handoff was accepted."""
    accepted(stage)
    stage.gateway.administer(
        "audit.grant",
        ABROAD,
        reach="all",
        start="2026-03-01",
        until="2026-04-01",
        decision_ref="board 2026-02",
    )
    return Desk(stage, ABROAD)


def audit(desk: Desk, **filters: Any) -> list[Any]:
    return list(desk.audit("auditor-1", "lawfulness", "yearly", AuditFilters(**filters)))


def test_an_auditor_is_given_events_with_what_the_grant_shows(auditor: Desk) -> None:
    found = audit(auditor, action="handoff.accept")
    (one,) = found
    assert one.parties == (HOTLINE, OFMIN)
    assert one.details["by"] == "officer-1"
    assert one.confirmed.event["typ"] == "handoff.accepted"
    assert audit(auditor, person="nobody") == []


def test_an_audit_of_many_pages_goes_on(
    auditor: Desk, stage: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.client.gateway.AUDIT_PAGE", 7)
    size = stage.gateway.size()
    found = audit(auditor)
    assert [one.index for one in found] == list(range(size))
    reads = audit(auditor, action="audit.read")
    assert len(reads) == -(-size // 7)


def test_an_audit_is_not_kept_to_be_sent_later(stage: Listening, tmp_path: Path) -> None:
    desk = Desk(stage, ABROAD, spool=tmp_path)
    with pytest.raises(Refused) as refused:
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
        (lambda members: _events(members).append("x"), "not told as events are"),
        (lambda members: members["result"].update(events=None), "no list of events"),
    ],
)
def test_an_audit_that_shows_other_than_its_record_is_refused(
    auditor: Desk, tamper: Tamper, match: str
) -> None:
    auditor.wire.tamper = lambda request, members: tamper(members) and None
    with pytest.raises((ReceiptMismatch, UnexpectedAnswer), match=match):
        audit(auditor)


def test_events_that_were_not_asked_for_are_refused(auditor: Desk) -> None:
    """A gateway that answers, and records, another search than ours."""
    asked = {"action": "handoff.accept"}
    answers = [
        auditor._write("audit.read", "/audit/searches", _search({"action": "handoff.offer"})),
        auditor._write("audit.read", "/audit/searches", _search({})),
    ]
    for written in answers:
        with pytest.raises(ReceiptMismatch, match="not asked for"):
            audited(written, asked, auditor.connection)
    with pytest.raises(ReceiptMismatch, match="not asked for"):
        audited(answers[0], {"person": "nobody"}, auditor.connection)


def _search(filters: dict[str, str]) -> dict[str, Any]:
    return {"by": "a-1", "reason_code": "security", "reason": "x", "filters": filters}
