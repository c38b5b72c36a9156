"""The client signs its own cases and answers, keeps the signed bytes, and believes only those."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from unittest.mock import Mock
from uuid import UUID

import httpx
import pytest

from gateway.client import (
    EvidenceMismatch,
    GatewayUnavailable,
    InvalidArgument,
    InvalidCase,
    KeyNotHeld,
    RequestRefused,
)
from gateway.client.connection import FETCHED, read_organisations
from gateway.client.errors import ProblemDetails
from gateway.client.transport import PAUSES
from gateway.domain.case import GROUPS
from gateway.evidence import bundle, handoff_documents, sd_jwt, signature
from gateway.evidence import receipt as receipts
from gateway.exchange.lifecycle import erasure
from gateway.kernel.ports import TransactionMode
from gateway.keys import SigningKey, jwk_set
from gateway.verification import key_history
from gateway.verification.key_history import verify_registration
from gateway.verification.mandates import days_of
from gateway.verification.report import Code, VerificationReport
from gateway.verification.trust import TrustAnchors
from gateway.verification.verifier import verify_bundle
from tests import casework, founded_gateway, ports
from tests.casework import ADDITION, case_content, correction
from tests.client.client_fixture import MemberClient, cut, lose_answer, passing, trust_of
from tests.each import each
from tests.founded_gateway import ABROAD, CSAM_FR, HOTLINE, OCRVP, OFMIN
from tests.log_check import check_log
from tests.ports import document_key
from tests.verification.former import former
from tests.verification.scenario import fact, keys_of
from tests.web.listening import Listening, listening

KEYS = {HOTLINE: document_key("hotline"), OFMIN: document_key("office")}
WANTED = {"purpose": ["identify_victim"], "competence": CSAM_FR, "groups": ["items"]}
CLEARED = {"assessed_by": "analyst-1", "cleared_by": "approver-1", "confirmed_matches": []}


@pytest.fixture
def stage() -> Listening:
    made = listening()
    for slug, key in KEYS.items():
        made.gateway.register_key(slug, key)
    return made


def trust(stage: Listening) -> TrustAnchors:
    known = {slug: signature.public_keys(jwk_set([key])) for slug, key in KEYS.items()}
    return replace(trust_of(stage.gateway), organisations=known)


def desk(
    stage: Listening, slug: str = HOTLINE, key: SigningKey | None = None, **more
) -> MemberClient:
    return MemberClient(stage, slug, trust=trust(stage), document_key=key or KEYS[slug], **more)


def content(stage: Listening, **changes):
    return case_content(stage.gateway.new_id(), **changes)


def test_who_may_not_fetch_a_key_reads_which_scope_and_which_command_it_takes(stage, monkeypatch):
    handoff = str(offered(desk(stage), content(stage)))
    office = MemberClient(stage, OFMIN, trust=trust_of(stage.gateway))
    refused = RequestRefused(ProblemDetails("insufficient-scope", "", 403))
    monkeypatch.setattr(office, "member_keys", Mock(side_effect=refused))
    with pytest.raises(KeyNotHeld, match=r"directory\.read.*casegate directory keys"):
        office.handoff(handoff)


def test_the_key_of_another_member_is_fetched_checked_and_kept(stage, tmp_path):
    hotline = desk(stage)
    handoff = str(offered(hotline, content(stage)))
    bare = {"trust": trust_of(stage.gateway), "document_key": KEYS[OFMIN]}
    office = MemberClient(stage, OFMIN, organisation_keys=tmp_path, **bare)
    assert office.handoff(handoff)["handoff"] == handoff
    kept = read_organisations(tmp_path / FETCHED)
    assert kept.organisations == {HOTLINE: signature.public_keys(jwk_set([KEYS[HOTLINE]]))}
    assert verify_registration(kept.registrations[0], trust(stage)).organisation == HOTLINE
    asked = len(office.wire.requests)
    office.accept(office.handoff(handoff), "officer-1")
    assert not [path for path in office.wire.paths()[asked:] if "/organisations" in path]


def test_a_document_under_a_key_that_its_author_never_registered_does_not_verify(stage):
    hotline = desk(stage)
    handoff = str(offered(hotline, content(stage)))
    known = {HOTLINE: signature.public_keys(jwk_set([document_key("other")]))}
    office = MemberClient(stage, OFMIN, trust=replace(trust_of(stage.gateway), organisations=known))

    def hide(request, members):
        if request.url.path.endswith(HOTLINE):
            members["document_keys"] = []

    office.wire.tamper = hide
    with pytest.raises(EvidenceMismatch, match="never registered"):
        office.handoff(handoff)


def offered(hotline, case) -> str:
    hotline.submit(case, "intake-1", CLEARED)
    return hotline.offer(case["case"], "liaison-1", **WANTED).result["handoff"]


def test_two_members_sign_all_of_their_own_words(stage):
    hotline, office = desk(stage), desk(stage, OFMIN)
    case = content(stage)
    written = hotline.submit(case, "intake-1", CLEARED)
    assert hotline.case(case["case"])["assurance"] == "signed"
    second = {**case, "version": 2, "previous": written.result["digest"]}
    hotline.revise(second, "intake-1", ADDITION, CLEARED)
    groups = ["items", "statements"]
    offer = hotline.offer(
        case["case"], "liaison-1", purpose=["identify_victim"], competence=CSAM_FR, groups=groups
    )
    handoff = offer.result["handoff"]
    office.accept(office.handoff(handoff), "officer-1")
    opened = office.consult(handoff, "officer-1", "investigation", "first look")
    assert (opened.author, opened.assurance) == (HOTLINE, "signed")
    office.answer("report_outcome", handoff, "officer-1", code="removed", note="it is gone")
    office.answer("close", handoff, "officer-1")
    assert len(hotline.handoff(handoff)["answers"]) == 4
    check_log(stage.gateway)


def slow(client: MemberClient, minutes: int) -> MemberClient:
    """The client of a desk whose clock is slow."""
    author = client._author
    client._author = replace(author, now=lambda: author.now() - timedelta(minutes=minutes))
    return client


@each("minutes, taken", [(4, True), (6, False), (2 * 24 * 60, False)])
def test_an_answer_dated_before_its_offer_is_refused_and_not_logged_for_others_to_refuse(
    stage, minutes, taken
):
    """Else one member could make the other's client refuse to read on."""
    hotline = desk(stage)
    handoff = offered(hotline, content(stage))
    office = slow(desk(stage, OFMIN), minutes)
    if taken:
        office.accept(office.handoff(handoff), "officer-1")
    else:
        with pytest.raises(RequestRefused) as refused:
            office.accept(office.handoff(handoff), "officer-1")
        assert refused.value.problem.slug == "invalid-document"
    assert hotline.handoff(handoff)["state"] == ("accepted" if taken else "offered")


def test_an_update_dated_before_its_case_version_is_refused(stage):
    hotline, office = desk(stage), desk(stage, OFMIN)
    case = content(stage)
    handoff = offered(hotline, case)
    office.accept(office.handoff(handoff), "officer-1")
    second = {**case, "version": 2, "previous": hotline.case(case["case"])["digest"]}
    hotline.revise(second, "intake-1", ADDITION, CLEARED)
    late = slow(desk(stage), 60)
    with pytest.raises(RequestRefused) as refused:
        late.update(handoff, "liaison-1")
    assert refused.value.problem.slug == "invalid-document"
    assert len(office.handoff(handoff)["packages"]) == 1


def test_an_offer_dated_before_its_case_is_refused(stage):
    hotline, case = desk(stage), content(stage)
    hotline.submit(case, "intake-1", CLEARED)
    with pytest.raises(RequestRefused) as refused:
        slow(desk(stage), 60).offer(case["case"], "liaison-1", **WANTED)
    assert refused.value.problem.slug == "invalid-document"


def test_a_signed_correction_is_sent_acknowledged_and_proved(stage):
    hotline, office = desk(stage), desk(stage, OFMIN)
    case = content(stage)
    written = hotline.submit(case, "intake-1", CLEARED)
    offer = hotline.offer(case["case"], "liaison-1", **WANTED)
    handoff = offer.result["handoff"]
    read = office.handoff(handoff)
    second = {**case, "version": 2, "previous": written.result["digest"], "urgency": "normal"}
    hotline.revise(second, "intake-1", correction("/urgency"), CLEARED)
    hotline.update(handoff, "liaison-1", note="please read again")
    with pytest.raises(RequestRefused) as stale:
        office.accept(read, "officer-1")
    assert stale.value.slug == "edit-conflict"
    office.accept(office.handoff(handoff), "officer-1")
    third = {**second, "version": 3, "urgency": "urgent"}
    third["previous"] = hotline.case(case["case"])["digest"]
    hotline.revise(third, "intake-1", correction("/urgency"), CLEARED)
    assert office.handoff(handoff)["superseded"]["version"] == 3
    hotline.update(handoff, "liaison-1")
    opened = office.consult(handoff, "officer-1", "investigation", "what is new")
    assert (opened.package, opened.content["urgency"]) == (3, "urgent")
    older = office.consult(handoff, "officer-1", "superseded_package", "what was said", 2)
    assert (older.content["urgency"], older.superseded["version"]) == ("normal", 3)
    office.answer("acknowledge", handoff, "officer-1")
    (line,) = hotline.coverage(case["case"])["handoffs"]
    assert line["owed"] == []
    office.answer("apply", handoff, "officer-1", done="rectified")
    for made in (office.export(handoff, "officer-1", "for the file"), hotline.export(handoff)):
        verdict = verify_bundle(made, trust(stage))
        assert (verdict.passed, verdict.code) == (True, Code.VERIFIED), verdict
        assert len(bundle.parse(made).packages) == 3
    check_log(stage.gateway)


def test_a_signed_notice_is_answered_and_proved(stage):
    hotline, office = desk(stage), desk(stage, OFMIN)
    case = content(stage)
    written = hotline.submit(case, "intake-1", CLEARED)
    handoff = hotline.offer(case["case"], "liaison-1", **WANTED).result["handoff"]
    office.accept(office.handoff(handoff), "officer-1")
    office.answer("decline", handoff, "officer-1", reason="not ours")
    second = {**case, "version": 2, "previous": written.result["digest"], "urgency": "normal"}
    hotline.revise(second, "intake-1", correction("/urgency"), CLEARED)
    said = {"code": "inaccurate", "pointers": ["/urgency"]}
    hotline.answer("notify_correction", handoff, "liaison-1", **said)
    assert len(office.notices(handoff)["notices"]) == 1
    office.answer("acknowledge", handoff, "officer-1")
    office.answer("apply", handoff, "officer-1", done="rectified")
    for made in (office.export(handoff), hotline.export(handoff)):
        verdict = verify_bundle(made, trust(stage))
        assert (verdict.passed, verdict.code) == (True, Code.VERIFIED), verdict
    check_log(stage.gateway)


def erased(stage: Listening, hotline: MemberClient) -> tuple[UUID, str]:
    """A case that the office had accepted, and that was erased since, and its handoff."""
    case = stage.gateway.new_id()
    day = stage.gateway.clock().date() + timedelta(days=2)
    content = case_content(case, marking={"erase_on": day.isoformat()})
    hotline.submit(content, "intake-1", CLEARED)
    handoff = hotline.offer(case, "liaison-1", **WANTED).result["handoff"]
    office = desk(stage, OFMIN)
    office.accept(office.handoff(handoff), "officer-1")
    stage.gateway.clock.advance(timedelta(days=3))
    assert erasure.erase_due(stage.gateway.ports) == 1
    return case, handoff


@pytest.mark.parametrize("of_one", [True, False])
def test_a_recall_and_its_answers_are_signed_after_the_erasure_of_the_case(stage, of_one):
    hotline, office = desk(stage), desk(stage, OFMIN)
    case, handoff = erased(stage, hotline)
    where = {"handoff": handoff} if of_one else {"case": case}
    recalled = hotline.step(
        "case.recall", where, "approver-1", code="unlawful", approved_by="approver-2"
    )
    office.answer("acknowledge_recall", handoff, "officer-1")
    said = office.answer("answer_recall", handoff, "officer-1", done="copies_erased")
    claims = sd_jwt.read_unverified(said.result["document"]).claims
    assert claims["recall"] == recalled.result["digest"]
    check_log(stage.gateway)


@pytest.mark.parametrize("of_one", [True, False])
def test_a_suspended_member_that_signs_recalls_and_answers_recalls(stage, of_one):
    hotline, office = desk(stage), desk(stage, OFMIN)
    case = stage.gateway.new_id()
    hotline.submit(case_content(case), "intake-1", CLEARED)
    handoff = hotline.offer(case, "liaison-1", **WANTED).result["handoff"]
    office.accept(office.handoff(handoff), "officer-1")
    for slug in (HOTLINE, OFMIN):
        stage.gateway.administer("organisation.suspend", slug, reason="an inquiry")
    where = {"handoff": handoff} if of_one else {"case": case}
    said = {"code": "unlawful", "approved_by": "approver-2", "reason": "unlawful"}
    hotline.step("case.recall", where, "approver-1", **said)
    kinds = {one["kind"] for one in office.worklist()["items"]}
    assert {"recall_acknowledgement", "recall_answer"} <= kinds
    office.answer("acknowledge_recall", handoff, "officer-1")
    office.answer("answer_recall", handoff, "officer-1", done="copies_erased")
    check_log(stage.gateway)


def test_a_notice_and_its_answer_are_signed_after_the_erasure_of_the_case(stage):
    hotline, office = desk(stage), desk(stage, OFMIN)
    _, handoff = erased(stage, hotline)
    said = {"code": "inaccurate", "pointers": ["/urgency"]}
    hotline.answer("notify_correction", handoff, "liaison-1", **said)
    office.answer("acknowledge", handoff, "officer-1")
    office.answer("answer_recall", handoff, "officer-1", done="copies_erased")
    check_log(stage.gateway)


def test_of_an_erased_case_no_answer_is_signed_by_events_of_another_handoff(stage):
    hotline, office = desk(stage), desk(stage, OFMIN)
    _, handoff = erased(stage, hotline)
    _, other = erased(stage, hotline)
    (event,) = (one["offer_event"] for one in [office.notices(other)])

    def exchange_events(_request, members):
        if "offer_event" in members:
            members["offer_event"] = event

    office.wire.tamper = exchange_events
    with pytest.raises(EvidenceMismatch, match="of this handoff"):
        office.answer("answer_recall", handoff, "officer-1", done="copies_erased")


def test_of_an_erased_case_only_an_answer_that_outlives_it_is_signed(stage):
    hotline, office = desk(stage), desk(stage, OFMIN)
    _, handoff = erased(stage, hotline)
    asked: list[str] = []
    office.wire.tamper = lambda request, _members: asked.append(request.method)
    with pytest.raises(RequestRefused) as refused:
        office.answer("close", handoff, "officer-1")
    assert refused.value.slug == "case-erased"
    assert "POST" not in asked


def test_of_an_erased_case_no_answer_is_signed_about_another_offer_than_was_read(stage):
    hotline, office = desk(stage), desk(stage, OFMIN)
    _, handoff = erased(stage, hotline)
    with pytest.raises(EvidenceMismatch):
        office.answer("answer_recall", handoff, "officer-1", offer="A" * 43, done="copies_erased")


def bundled(stage: Listening) -> bytes:
    """A handoff that both signed, as its file."""
    hotline, office = desk(stage), desk(stage, OFMIN)
    handoff = signed_offer(stage, hotline)
    office.accept(office.handoff(handoff), "officer-1")
    return office.export(handoff, "officer-1", "for the file")


def step(verdict: VerificationReport, words: str) -> str:
    return next(one.detail for one in verdict.steps if words in one.title)


def test_an_export_brings_what_proves_its_keys_and_its_mandate(stage):
    """Of two that sign all themselves, no word of the operator is needed."""
    events = [stage.gateway.organisation(s).document_keys[0].registration_event for s in KEYS]
    data = bundled(stage)
    verdict = verify_bundle(data, trust(stage))
    assert verdict.code is Code.VERIFIED
    told = step(verdict, "Origin of each member")
    for slug, event in zip(KEYS, events, strict=True):
        assert f"key {KEYS[slug].kid} of {slug}: registered on 2026-03-02 by event {event}" in told
    assert keys_of(verdict).count("key.unrevoked") == len(KEYS)
    mandate = fact(verdict, "mandate")
    assert (mandate["under"], mandate["organisation"]) == ("operator_word", OFMIN)
    whole = bundle.parse(data)
    other = former(replace(whole, mandate=whole.registrations[0]))
    assert verify_bundle(other, trust(stage)).code is Code.MISMATCH


@each(
    "change, code",
    [
        (lambda one: one.update(nonce="A" * 43), Code.NOT_IN_LOG),
        (lambda one: one.update(disclosures=[]), Code.INCOMPLETE),
        (lambda one: one.update(path="AA"), Code.UNKNOWN_FORMAT),
        (lambda one: one.update(path="A" * 43), Code.NOT_IN_LOG),
        (lambda one: one.update(document=one["document"].replace("key.", "kex.")), Code.NOT_IN_LOG),
    ],
)
def test_a_false_registration_fails_the_bundle(stage, change, code):
    members = json.loads(bundled(stage))
    ((_, log),) = members["logs"].items()
    change(next(one for one in log["entries"] if '"type":"key.registered"' in one["document"]))
    assert verify_bundle(json.dumps(members).encode(), trust(stage)).code is code


def test_a_bundle_carries_the_end_of_a_key_that_was_revoked_since(stage):
    """The receipt shows which key and when; only the owner sees why and who approved it."""
    hotline, office = desk(stage), desk(stage, OFMIN)
    handoff = signed_offer(stage, hotline)
    office.accept(office.handoff(handoff), "officer-1")
    kid = KEYS[HOTLINE].kid
    stage.gateway.administer("key.revoke", HOTLINE, kid=kid, reason="lost on a train")
    data = office.export(handoff, "officer-1", "for the file")
    assert b"train" not in data
    (end,) = bundle.parse(data).revocations
    found = key_history.verify_revocation(end, trust(stage))
    assert [kind for kind, _ in found.confirmed.opened.shown] == ["key"]
    verdict = verify_bundle(data, trust(stage))
    assert f"key {kid} of {HOTLINE}: revoked on 2026-03-02" in step(
        verdict, "Origin of each member"
    )
    assert fact(verdict, "key.revoked.after")["organisation"] == HOTLINE
    assert fact(verdict, "key.unrevoked")["organisation"] == OFMIN
    hotline.wire.tamper = lambda request, members: members.update(
        revocations=[receipts.to_json(end)]
    )
    with pytest.raises(EvidenceMismatch):
        hotline.registration(OFMIN, KEYS[OFMIN].kid)


def test_a_status_of_another_key_is_not_believed(stage):
    hotline = desk(stage)
    bundled(stage)
    status = hotline.key_record(OFMIN, KEYS[OFMIN].kid).status
    hotline.wire.tamper = lambda request, members: members.update(status=status)
    with pytest.raises(EvidenceMismatch):
        hotline.key_record(HOTLINE, KEYS[HOTLINE].kid)


def test_no_offer_is_signed_for_an_office_whose_mandate_an_event_ended(stage):
    hotline = desk(stage)
    case = content(stage)
    hotline.submit(case, "intake-1", CLEARED)
    event = hotline.organisation(OFMIN)["mandates"][0]["registration_event"]
    day = stage.gateway.clock().date() - timedelta(days=2)
    stage.gateway.administer(
        "mandate.end", OFMIN, competence="receive/csam/FR", until=day.isoformat()
    )
    record = hotline.mandate(OFMIN, event)
    assert (record.mandate.end, len(record.ends)) == (day, 1)
    assert not record.mandate.holds(*days_of(stage.gateway.clock()))


def test_the_registration_of_a_key_is_verified_before_it_is_returned(stage):
    hotline = desk(stage)
    found = hotline.registration(OFMIN, KEYS[OFMIN].kid)
    origin = verify_registration(found, trust(stage))
    assert (origin.organisation, origin.kid) == (OFMIN, KEYS[OFMIN].kid)
    kinds = [kind for kind, _ in origin.confirmed.opened.shown]
    assert kinds == ["subject", "approvals"]  # nobody's counter
    mine = receipts.to_json(hotline.registration(HOTLINE, KEYS[HOTLINE].kid))
    hotline.wire.tamper = lambda request, members: members.update(receipt=mine)
    with pytest.raises(EvidenceMismatch):
        hotline.registration(OFMIN, KEYS[OFMIN].kid)
    with pytest.raises(InvalidArgument, match="document key"):
        hotline.registration(OFMIN, "../receipts")


def test_an_export_goes_on_without_a_registration_that_is_not_shown(stage):
    hotline, office = desk(stage), desk(stage, OFMIN)
    handoff = signed_offer(stage, hotline)
    office.accept(office.handoff(handoff), "officer-1")

    def refuse(request, response):
        if response is None and "/keys/" in request.url.path:
            problem = {"type": "/problems/not-found", "title": "Not found", "status": 404}
            media = {"Content-Type": "application/problem+json"}
            return httpx.Response(404, json=problem, headers=media)
        return None

    office.wire.faults = [refuse] * 40
    data = office.export(handoff, "officer-1", "for the file")
    assert not bundle.parse(data).registrations


def signed_offer(stage: Listening, hotline: MemberClient, **changes) -> str:
    """An offer, signed, of a new case."""
    case = content(stage)
    parts = hotline.submit(case, "intake-1", CLEARED).result["groups"]
    written = hotline.offer(case["case"], "liaison-1", **{**WANTED, "parts": parts, **changes})
    return str(written.result["handoff"])


def test_an_offer_is_signed_with_its_end_and_its_word(stage):
    until = stage.gateway.clock().replace(microsecond=0) + timedelta(days=3)
    hotline = desk(stage)
    handoff = signed_offer(stage, hotline, expires_at=until, note="soon, please")
    view = hotline.handoff(handoff)
    assert view["expires_at"] == until.isoformat()
    assert sd_jwt.read_unverified(view["answers"][0]["document"]).content["note"]


@pytest.mark.parametrize(
    "to", [{}, {"competence": None, "organisation": ABROAD}], ids=["competence", "organisation"]
)
def test_the_signed_offer_is_kept_and_sent_again_as_it_is(stage, tmp_path: Path, to):
    hotline = desk(stage, outbox=tmp_path)
    case = content(stage)
    hotline.submit(case, "intake-1", CLEARED)
    before = 1 if to.get("organisation") else 2  # the preview, and the mandate's registration
    hotline.wire.faults = [passing] * before + [cut] * (len(PAUSES) + 1)
    with pytest.raises(GatewayUnavailable):
        hotline.offer(case["case"], "liaison-1", **WANTED | to)
    (kept,) = tmp_path.glob("*.json")
    body = json.loads(kept.read_text())["body"]
    again = desk(stage, outbox=tmp_path)
    (resent,) = again.resume()
    assert resent.written is not None
    assert resent.written.result["offer"] == body
    (sent,) = (r for r in again.wire.requests if r.url.path.endswith("/handoffs"))
    assert sent.content.decode() == body
    assert not list(tmp_path.glob("*.json"))


def _other_case(stage, members):
    other = content(stage)
    result = desk(stage).submit(other, "intake-1", CLEARED).result
    members["routing"] = sd_jwt.parse(result["document"]).present(()).compact()


def _attested_for_another(stage, members):
    document = casework.submitted(stage.gateway, originator=founded_gateway.ABROAD).result[
        "document"
    ]
    members["routing"] = document


def _more(stage, members):
    decoy = sd_jwt.decoy_digest(stage.gateway.ports.random)
    members["permitted_disclosures"] = sorted([*members["permitted_disclosures"], decoy])


def _without_a_condition(stage, members):
    routing = sd_jwt.parse(members["routing"]).disclosures
    named = {one.digest for one in routing if one.name != "attribution"}
    kept = [d for d in members["permitted_disclosures"] if d in named]
    members["permitted_disclosures"] = kept
    del members["conditions"]["attribution"]


@each(
    "change",
    [
        _without_a_condition,
        _other_case,
        _attested_for_another,
        _more,
        lambda _, members: members["conditions"].update(onward="listed_only"),
        lambda _, members: members["to"].update(competence="receive/terror/FR"),
        lambda _, members: members.update(to={"organisation": OFMIN}),
        lambda _, members: members.update(permitted_disclosures=[]),
        lambda _, members: members.pop("routing"),
    ],
)
def test_nothing_but_what_was_asked_is_signed(stage, change):
    """The preview tells what the signature will name: it is the gateway's word, and checked."""
    hotline = desk(stage)

    def tamper(request, members):
        if request.url.path.endswith("/preview"):
            change(stage, members)

    hotline.wire.tamper = tamper
    with pytest.raises(EvidenceMismatch):
        signed_offer(stage, hotline)
    assert not [path for path in hotline.wire.paths() if path.endswith("/handoffs")]


def test_parts_that_were_not_selected_are_not_signed(stage):
    hotline = desk(stage)
    case = content(stage)
    parts = hotline.submit(case, "intake-1", CLEARED).result["groups"]

    def tamper(request, members):
        if request.url.path.endswith("/preview"):
            members["permitted_disclosures"] = sorted(
                [*members["permitted_disclosures"], *parts["subjects"]]
            )

    hotline.wire.tamper = tamper
    with pytest.raises(EvidenceMismatch):
        hotline.offer(case["case"], "liaison-1", **WANTED, parts=parts)


def test_the_bytes_that_were_signed_are_kept_and_sent_again(stage, tmp_path: Path):
    hotline = desk(stage, outbox=tmp_path)
    hotline.wire.faults = [cut] * (len(PAUSES) + 1)
    with pytest.raises(GatewayUnavailable):
        hotline.submit(content(stage), "intake-1", CLEARED)
    (kept,) = tmp_path.glob("*.json")
    again = desk(stage, outbox=tmp_path)
    (resent,) = again.resume()
    assert resent.written is not None
    assert resent.write.document is not None
    assert resent.written.result["digest"] == resent.write.document.digest
    assert kept.stem == resent.write.key
    assert not list(tmp_path.glob("*.json"))


def test_a_lost_answer_to_a_signed_answer_is_got_by_the_same_bytes(stage, tmp_path: Path):
    handoff = UUID(casework.offered(stage.gateway).result["handoff"])
    office = desk(stage, OFMIN, outbox=tmp_path)
    view = office.handoff(handoff)
    office.wire.faults = [passing, passing, lose_answer]
    office.accept(view, "officer-1")
    sent = [r.content for r in office.wire.requests if r.url.path.endswith("/acceptance")]
    assert len(sent) == 2
    assert sent[0] == sent[1]


def test_an_attested_document_in_place_of_ours_is_not_believed(stage):
    hotline = desk(stage)

    def swap(request, members):
        document = sd_jwt.parse(members["result"]["document"])
        claims = dict(sd_jwt.read_own(document).claims)
        claims["attested_for"], claims["iss"] = claims["iss"], ports.ISSUER
        key = ports.key_of("attest")
        made = sd_jwt.issue(
            typ=handoff_documents.CASE_TYP,
            claims={k: v for k, v in claims.items() if not isinstance(v, list) or k in _LISTS},
            properties=[(d.name, d.value) for d in document.disclosures if d.name],
            arrays=[
                (name, [p.value for p in sd_jwt.read_own(document).placed if p.name == name])
                for name in GROUPS
                if name in claims
            ],
            signer=key,
            random=stage.gateway.ports.random,
        )
        members["result"]["document"] = made.compact()

    hotline.wire.tamper = swap
    with pytest.raises(EvidenceMismatch):
        hotline.submit(content(stage), "intake-1", CLEARED)


_LISTS = {"handling", "purpose"}


@each(
    "change, told",
    [
        ({"surprise": 1}, "does not have, in surprise"),
        ({"marking": None}, "of another type"),
        ({"marking": {}}, "lacks tlp"),
    ],
)
def test_what_is_no_case_is_not_signed_and_the_place_is_named(stage, change, told):
    hotline = desk(stage)
    with pytest.raises(InvalidCase, match=told):
        hotline.submit({**content(stage), **change}, "intake-1")
    assert not hotline.wire.paths()


# --- who is competent: an event of the log, before anything is signed ---


def diverted(stage: Listening) -> UUID:
    """The registry's row says that another office holds the mandate: no event says so."""
    gateway = stage.gateway
    entry, other = gateway.organisation(OFMIN), gateway.organisation(OCRVP)
    moved = tuple(replace(one, organisation=OCRVP) for one in entry.mandates)
    with gateway.ports.begin(TransactionMode.REGISTRY) as work:
        work.organisations.save(replace(entry, mandates=(), version=entry.version + 1))
        work.organisations.save(replace(other, mandates=moved, version=other.version + 1))
        work.commit()
    return moved[0].registration_event


def test_no_offer_is_signed_for_an_office_that_no_event_made_competent(stage):
    hotline = desk(stage)
    case = content(stage)
    hotline.submit(case, "intake-1", CLEARED)
    event = diverted(stage)
    size = stage.gateway.size()
    with pytest.raises(EvidenceMismatch, match="mandate"):
        hotline.offer(case["case"], "liaison-1", **WANTED)
    assert stage.gateway.size() == size, "nothing was offered"
    with pytest.raises(EvidenceMismatch):
        hotline.mandate(OCRVP, event)
