"""A gateway that lies with its own good keys: every lie in a signed answer is found.

Each test tells the truth in all places but one.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.client import EvidenceMismatch, PartnerConnection, documents, evidence_checks
from gateway.client.local_state import PendingWrite
from gateway.client.session import body_of
from gateway.domain.audit_event import EventDetail, EventResult, Party
from gateway.domain.case import conditions
from gateway.domain.handoff import RecallCode
from gateway.domain.revision import ChangeKind
from gateway.evidence import canonical, handoff_documents
from gateway.evidence.dated_statement import HEAD_TYP, KEY_STATUS_TYP, issue_dated
from gateway.evidence.receipt import Receipt
from gateway.evidence.sd_jwt import SdJwt
from gateway.ledger import proof
from tests import answers
from tests.client.false_gateway import (
    CASE,
    CONTENT,
    HANDOFF,
    HOTLINES,
    OFMINS,
    OTHER,
    PARTS,
    ROUTING,
    TRUE_CASE,
    TRUE_OFFER,
    Log,
    answer_document,
    case_document,
    logged,
    offer_document,
    word_of,
)
from tests.each import each
from tests.evidence.ingredients import chance
from tests.founded_gateway import ABROAD, HOTLINE, OFMIN
from tests.ports import ISSUER, START, key_of
from tests.verification.logbook import Logbook

Lies = list[tuple[Callable[[], None], str]]
"""Each lie, and words of the complaint about it."""

# --- Submitting ----------------------------------------------------------------------------------

SUBMIT = PendingWrite(
    "case.submit", "/cases", "a-good-key", body_of({"by": "x1", "content": CONTENT})
)


SIGNED_CASE = replace(SUBMIT, body=case_document(by="x1").compact())


def submitted(
    document: SdJwt | None = None,
    *,
    result: Any = None,
    write: PendingWrite = SUBMIT,
    **changes: Any,
) -> None:
    document = document or TRUE_CASE
    told = {"document": document.compact(), "digest": document.digest, **(result or {})}
    fact = {"case_digest": document.digest} | changes
    receipt = logged("case.submit", HOTLINE, "x1", **fact)
    evidence_checks.confirm_write(write, HOTLINES, told, receipt)


def test_a_true_answer_to_a_submission_is_believed() -> None:
    submitted()
    submitted(case_document(by="x1"), write=SIGNED_CASE)


LIES_OF_A_SUBMISSION: Lies = [
    (lambda: submitted(case_document(ABROAD)), "signed for somebody else"),
    (lambda: submitted(case_document(case=str(OTHER))), "not the one that was submitted"),
    (lambda: submitted(case_document(tlp="GREEN")), "not the one that was submitted"),
    (lambda: submitted(case_document(aud="https://other.example")), "for another gateway"),
    (
        lambda: submitted(
            case_document(
                iss="https://other.example",
                attested_for=f"https://other.example/organisations/{HOTLINE}",
            )
        ),
        "of another gateway",
    ),
    (lambda: submitted(case_digest=answer_document().digest), "differ in case_digest"),
    (lambda: submitted(case_digest=None), "differ in case_digest"),
    (lambda: submitted(result={"digest": PARTS[0]}), "differ in digest"),
    (lambda: submitted(handoff=HANDOFF), "of another handoff"),
    (lambda: submitted(action="case.close"), "another kind of request"),
    (lambda: submitted(result={"document": None}), "is missing"),
    (
        lambda: submitted(case_document(by="x1", jti="another"), write=SIGNED_CASE),
        "another document",
    ),
]


# --- Offering ------------------------------------------------------------------------------------

ASKED_OFFER = {
    "by": "liaison-1",
    "handoff": str(HANDOFF),
    "to": {"organisation": OFMIN},
    "groups": ["items"],
    "purpose": ["identify_victim"],
}
COMPETENT = {"competence": {"matter": "csam", "territory": "FR"}}


def offered(
    document: SdJwt | None = None,
    *,
    permitted_disclosures: Any = PARTS,
    asked: dict[str, Any] = ASKED_OFFER,
    own: SdJwt | None = None,
    **changes: Any,
) -> None:
    document = document or TRUE_OFFER
    fact = {
        "handoff": HANDOFF,
        "case_digest": TRUE_CASE.digest,
        "package_digest": handoff_documents.package_digest(PARTS),
        "document_sha256": document.digest,
    }
    receipt = logged("handoff.offer", HOTLINE, "liaison-1", **fact | changes)
    result = {"offer": document.compact(), "permitted_disclosures": permitted_disclosures}
    body = body_of(asked) if own is None else own.compact()
    write = PendingWrite("handoff.offer", "/x", "a-good-key", body, str(HANDOFF))
    evidence_checks.confirm_write(write, HOTLINES, result, receipt)


def test_a_true_answer_to_an_offer_is_believed() -> None:
    offered()
    offered(own=TRUE_OFFER)


LIES_OF_AN_OFFER: Lies = [
    (lambda: offered(offer_document(ABROAD)), "signed for somebody else"),
    (lambda: offered(offer_document(handoff=OTHER)), "of another handoff"),
    (lambda: offered(offer_document(to={"organisation": ABROAD})), "to somebody else"),
    (
        lambda: offered(offer_document(to={"organisation": OFMIN, "competence": "receive/x/FR"})),
        "to somebody else",
    ),
    (lambda: offered(asked={**ASKED_OFFER, "to": COMPETENT}), "to somebody else"),
    (lambda: offered(offer_document(by="liaison-2")), "another by"),
    (lambda: offered(offer_document(note="psst")), "another note"),
    (lambda: offered(offer_document(purpose=["remove"])), "another purpose"),
    (lambda: offered(offer_document(expires_at=START)), "ends at another time"),
    (lambda: offered(offer_document(approved_by="approver-1")), "states another approved_by"),
    (lambda: offered(document_sha256=PARTS[0]), "differ in document_sha256"),
    (lambda: offered(case_digest=PARTS[0]), "differ in case_digest"),
    (lambda: offered(package_digest=PARTS[0]), "differ in package"),
    (lambda: offered(permitted_disclosures=PARTS[1:]), "differ in permitted"),
    (lambda: offered(result=EventResult.DENIED), "of a refused request"),
    (lambda: offered(answer_document()), "not of the type"),
    (lambda: offered(offer_document(jti="another"), own=TRUE_OFFER), "another document"),
]


def updated_until(ends: datetime) -> None:
    """An update that was asked to end at the start of these tests, and ends as it ends."""
    document = offer_document(updates=PARTS[0], change=ChangeKind.CORRECTION, expires_at=ends)
    asked = {"by": "liaison-1", "expires_at": START.isoformat()}
    documents.check_update(document.compact(), str(HANDOFF), asked, HOTLINES)


def test_an_update_ends_when_it_was_asked_to() -> None:
    updated_until(START)
    with pytest.raises(EvidenceMismatch):
        updated_until(START + timedelta(days=1))


# --- Answering -----------------------------------------------------------------------------------

REFUSE = PendingWrite(
    "handoff.decline",
    "/x",
    "a-good-key",
    body_of({"by": "officer-1", "reason": "no capacity"}),
    str(HANDOFF),
)


SIGNED_REFUSAL = replace(REFUSE, body=answer_document().compact())


def answered(
    document: SdJwt | None = None, *, write: PendingWrite = REFUSE, **changes: Any
) -> None:
    document = document or answer_document()
    fact = {
        "handoff": HANDOFF,
        "case_digest": TRUE_CASE.digest,
        "package_digest": handoff_documents.package_digest(PARTS),
        "document_sha256": document.digest,
    }
    receipt = logged("handoff.decline", OFMIN, "officer-1", **fact | changes)
    evidence_checks.confirm_write(write, OFMINS, {"document": document.compact()}, receipt)


def test_a_true_answer_to_an_answer_is_believed() -> None:
    answered()
    answered(write=SIGNED_REFUSAL)


LIES_OF_AN_ANSWER: Lies = [
    (lambda: answered(answer_document(HOTLINE)), "signed for somebody else"),
    (lambda: answered(answer_document(kind="redirection")), "of another kind"),
    (lambda: answered(answer_document(handoff=OTHER)), "differ in handoff"),
    (lambda: answered(answer_document(note="and more")), "does not say what was asked"),
    (lambda: answered(answer_document(reason=None)), "does not say what was asked"),
    (lambda: answered(answer_document(by="officer-2")), "does not say what was asked"),
    (lambda: answered(document_sha256=PARTS[0]), "differ in document_sha256"),
    (lambda: answered(package_digest=PARTS[0]), "differ in package"),
    (lambda: answered(case_digest=PARTS[0]), "differ in case_digest"),
    (lambda: answered(details=()), "by somebody else"),
    (lambda: answered(parties=(Party(HOTLINE, "originator"),)), "does not name this"),
    (lambda: answered(answer_document(jti="another"), write=SIGNED_REFUSAL), "another document"),
]


# --- Refusing ------------------------------------------------------------------------------------


def refused(*, write: PendingWrite | None = REFUSE, by: str = "officer-1", **changes: Any) -> None:
    receipt = logged("handoff.decline", OFMIN, by, **{"result": EventResult.WRONG_STATE} | changes)
    evidence_checks.confirm_refusal("handoff.decline", write, OFMINS, receipt)


def test_a_true_refusal_may_keep_silent_about_the_handoff() -> None:
    refused()
    refused(handoff=HANDOFF)
    refused(write=None, by="anybody", handoff=OTHER)


LIES_OF_A_REFUSAL: Lies = [
    (lambda: refused(handoff=OTHER), "of another handoff"),
    (lambda: refused(by="officer-2"), "by somebody else"),
    (lambda: refused(result=EventResult.ALLOWED), "says that it was allowed"),
    (lambda: refused(action="handoff.close"), "another kind of request"),
    (lambda: refused(parties=(Party(HOTLINE, "actor"),)), "does not name this"),
    (lambda: refused(write=None, parties=(Party(HOTLINE, "actor"),)), "does not name this"),
]


EVENT = "018f0000-0000-7000-8000-0000000000ee"


def test_an_event_of_others_or_another_event_is_not_shown_as_ours() -> None:
    receipt = logged("handoff.close", ABROAD, "x1")
    ours = logged("handoff.close", OFMIN, "x1")
    evidence_checks.confirm_event(EVENT, ours, OFMINS)
    for event, shown in ((EVENT, receipt), (str(OTHER), ours)):
        with pytest.raises(EvidenceMismatch):
            evidence_checks.confirm_event(event, shown, OFMINS)


# --- Steps, and what administrators change -------------------------------------------------------


def stepped(digest: str | None = PARTS[0], **changes: Any) -> None:
    write = PendingWrite("case.assess", "/x", "a-good-key", body_of({"by": "x1"}))
    receipt = logged("case.assess", HOTLINE, "x1", **{"case_digest": PARTS[0]} | changes)
    evidence_checks.confirm_write(write, HOTLINES, {"digest": digest}, receipt)


def approved(recorded: str = answer_document().digest) -> None:
    """A succession, approved by what the approver signed."""
    write = replace(SIGNED_REFUSAL, action="succession.approve", handoff=None)
    receipt = logged("succession.approve", OFMIN, "officer-1", document_sha256=recorded)
    evidence_checks.confirm_write(write, OFMINS, {}, receipt)


def changed(*, made: bool = True, action: str = "mandate.end", **changes: Any) -> None:
    receipt = logged(action, HOTLINE, "x1", **changes)
    evidence_checks.confirm_change({"mandate.end"}, HOTLINES, receipt, made=made)


def registered(action: str, log: Logbook | None = None, **subject: Any) -> Receipt:
    """The receipt of an event of the registry, with what it is about."""
    detail = EventDetail("subject", canonical.encode(subject).decode(), frozenset({HOTLINE}))
    return logged(action, HOTLINE, "x1", log=log, details=(detail,))


MANDATE = {"function": "receive", "matter": "csam", "territory": "FR", "legal_act": "an act"}
GRANT = {"organisation": OFMIN, "from": "2026-01-01", **MANDATE}


def competent(
    *ends: str, organisation: str = OFMIN, event: str = EVENT, action: str = "mandate.grant"
) -> date | None:
    """When the mandate ends, that events ended on these days."""
    log, said = Log(), {"organisation": OFMIN, "competence": "receive/csam/FR"}
    receipt = registered(action, log, **GRANT)
    over = [registered("mandate.end", log, **said, until=day) for day in ends]
    return evidence_checks.confirm_mandate(receipt, over, organisation, event, HOTLINES).end


def required(organisation: str = OFMIN, log: Logbook | None = None) -> None:
    receipt = registered("organisation.require_signed", log, organisation=OFMIN)
    evidence_checks.confirm_requirements([receipt], organisation, HOTLINES)


def elsewhere() -> Logbook:
    """A log that is not this gateway's."""
    return Logbook("elsewhere.example.org/log")


def keyed(organisation: str = OFMIN, kid: str = "a-key", log: Logbook | None = None) -> None:
    """The registration of a key of OFMIN, as a reader of such events finds it."""
    found: Any = SimpleNamespace(organisation=OFMIN, kid="a-key", confirmed=None)
    receipt = registered("key.register", log)
    evidence_checks.confirm_key(receipt, organisation, kid, HOTLINES, lambda *_: found)


def stated(typ: str, organisation: str, **said: Any) -> str:
    """The gateway's dated word on an organisation."""
    note = proof.parse(registered("key.register").proof).checkpoint_note
    word: dict[str, Any] = {
        "issuer": ISSUER,
        "at": START,
        "signer": key_of("attest"),
        "random": chance("word"),
    }
    return issue_dated(typ, organisation=organisation, note=note, **word, **said).compact()


def unrevoked(organisation: str = OFMIN, kid: str = "a-key") -> None:
    status = stated(KEY_STATUS_TYP, OFMIN, kid="a-key")
    evidence_checks.confirm_key_status(status, organisation, kid, HOTLINES)


def ending_at(number: int, organisation: str = HOTLINE) -> None:
    """A page of the stream of HOTLINE, which ends at number 3."""
    page = {"head": 3, "signed_head": stated(HEAD_TYP, organisation, stream_number=number)}
    evidence_checks.confirm_end(page, HOTLINES)


def test_a_true_step_or_change_is_believed() -> None:
    stepped()
    approved()
    changed()
    changed(made=False, result=EventResult.DENIED)
    required()
    keyed()
    unrevoked()
    ending_at(3)
    assert competent() is None
    assert competent("2026-03-02", "2026-03-01") == date(2026, 3, 1)


LIES_OF_A_CHANGE: Lies = [
    (lambda: stepped(PARTS[1]), "differ in case_digest"),
    (lambda: stepped(None, case_digest=None), "differ in case_digest"),
    (lambda: approved(PARTS[0]), "differ in document_sha256"),
    (lambda: changed(made=False), "in whether it was allowed"),
    (lambda: changed(result=EventResult.DENIED), "in whether it was allowed"),
    (lambda: changed(action="mandate.grant"), "another kind of change"),
    (lambda: required(ABROAD), "of another organisation"),
    (lambda: required(log=elsewhere()), "does not verify"),
    (lambda: keyed(log=elsewhere()), "does not verify"),
    (lambda: keyed(ABROAD), "of another key"),
    (lambda: keyed(kid="another"), "of another key"),
    (lambda: changed(log=elsewhere()), "does not verify"),
    (lambda: evidence_checks.read_receipt({}), "without a receipt"),
    (lambda: unrevoked(ABROAD), "of another key"),
    (lambda: unrevoked(kid="another"), "of another key"),
    (lambda: ending_at(2), "another end"),
    (lambda: ending_at(3, OFMIN), "another stream"),
    (lambda: competent(organisation=ABROAD), "of another organisation"),
    (lambda: competent(event=str(OTHER)), "of another event"),
    (lambda: competent(action="mandate.end"), "mandate is not valid"),
]


# --- Showing -------------------------------------------------------------------------------------


def package(case: SdJwt) -> dict[str, Any]:
    """The only package of a handoff."""
    shown = case.present(ROUTING).compact()
    return {"number": 1, "version": 1, "change": None, "routing": shown}


def view(connection: PartnerConnection = OFMINS, **changes: Any) -> None:
    """A handoff as its recipient sees it after a refusal; ``changes`` are to what is shown."""
    case = TRUE_CASE
    shown: dict[str, Any] = {
        "handoff": str(HANDOFF),
        "state": "declined",
        "originator": HOTLINE,
        "recipient": OFMIN,
        "competence": None,
        "case_digest": case.digest,
        "permitted_disclosures": PARTS,
        "routing": case.present(ROUTING).compact(),
        "conditions": conditions(CONTENT["marking"], ["identify_victim"]),
        "packages": [package(case)],
        "answers": [
            {"kind": "offer", "author": HOTLINE, "document": TRUE_OFFER.compact()},
            {"kind": "decline", "author": OFMIN, "document": answer_document().compact()},
        ],
    }
    shown |= changes
    recalled = any(one["kind"] == "recall" for one in shown["answers"] if isinstance(one, dict))
    newest = {"package": len(shown["packages"]), "recalled": recalled}
    documents.check_view(newest | shown, connection)


def with_answers(
    *given: tuple[Any, str, SdJwt | str], offer: SdJwt = TRUE_OFFER, **shown: Any
) -> dict[str, Any]:
    """The documents of a handoff, each as move, author and text; the offer is the first."""
    said: list[tuple[Any, str, SdJwt | str]] = [("offer", HOTLINE, offer), *given]
    texts = [one if isinstance(one, str) else one.compact() for _, _, one in said]
    documents = [
        {"kind": kind, "author": author, "document": text}
        for (kind, author, _), text in zip(said, texts, strict=True)
    ]
    return {"answers": documents, **shown}


def with_answer(
    document: SdJwt | str, author: str = OFMIN, kind: Any = "decline"
) -> dict[str, Any]:
    return with_answers((kind, author, document))


def test_a_handoff_shown_truly_is_believed() -> None:
    view()
    withdrawal = answer_document(HOTLINE, kind="withdrawal")
    view(**with_answer(withdrawal, HOTLINE, "withdraw"), state="withdrawn")


def test_an_earlier_request_with_a_statutory_time_is_still_believed() -> None:
    claims = {
        "handoff": str(HANDOFF),
        "to": {"organisation": OFMIN},
        "case_digest": TRUE_CASE.digest,
        "disclosures": PARTS,
        "purpose": ["identify_victim"],
    }
    words = {"by": "liaison-1", "request": "other"}
    heading = answers.heading_of(word_of(HOTLINE))
    offer = heading.sign(handoff_documents.OFFER_TYP, claims, words)
    view(**with_answers(offer=offer), state="offered")


def _beyond_the_offer() -> None:
    """The routing part shows content that the signed offer does not name."""
    offer = offer_document(disclosures=ROUTING)
    view(
        permitted_disclosures=sorted(ROUTING),
        routing=TRUE_CASE.compact(),
        answers=[{"kind": "offer", "author": HOTLINE, "document": offer.compact()}],
    )


def _by_another_originator() -> None:
    """The routing part is of the very version offered, but attested for somebody else."""
    case = case_document(ABROAD)
    offer = offer_document(case_digest=case.digest)
    view(
        case_digest=case.digest,
        routing=case.present(ROUTING).compact(),
        packages=[package(case)],
        answers=[{"kind": "offer", "author": HOTLINE, "document": offer.compact()}],
    )


LIES_OF_A_HANDOFF: Lies = [
    (lambda: view(handoff=str(OTHER)), "not shown as it was offered"),
    (lambda: view(originator=ABROAD), "not shown as it was offered"),
    (lambda: view(recipient=ABROAD), "not shown as it was offered"),
    (lambda: view(competence="receive/csam/FR"), "not shown as it was offered"),
    (lambda: view(case_digest="x"), "not shown as it was offered"),
    (lambda: view(permitted_disclosures=[]), "not shown as it was offered"),
    (lambda: view(conditions={}), "not those that the case states"),
    (lambda: view(routing=None), "does not verify"),
    (lambda: view(answers=[]), "without its offer"),
    (lambda: view(answers=[5]), "without its offer"),
    (lambda: view(**with_answer(answer_document(), kind="accept")), "as something else"),
    (lambda: view(**with_answer(answer_document(), kind="gesture")), "as something else"),
    (lambda: view(**with_answer(answer_document(), HOTLINE)), "as something else"),
    (lambda: view(**with_answer("")), "does not verify"),
    (_beyond_the_offer, "not covered by the offer"),
    (lambda: view(routing=case_document(tlp="GREEN").compact()), "another case version"),
    (_by_another_originator, "did not make the offer"),
    (lambda: view(**with_answer(answer_document(HOTLINE), HOTLINE)), "another party"),
    (
        lambda: view(**with_answer(answer_document(kind="withdrawal"), OFMIN, "withdraw")),
        "another party",
    ),
    (lambda: view(**with_answer(answer_document(offer_digest=PARTS[0]))), "not about this"),
    (lambda: view(**with_answer(answer_document(package_digest=PARTS[0]))), "another package"),
    (lambda: view(**with_answer(answer_document(case_digest=PARTS[0]))), "another case version"),
]


NEXT_CASE = case_document(version=2)
"""The next version: of the same elements, for the salts are the same."""


def update_document(**changes: Any) -> SdJwt:
    """An update of the true offer, by its author."""
    said = {"updates": TRUE_OFFER.digest, "change": ChangeKind.CORRECTION}
    return offer_document(**{"case_digest": NEXT_CASE.digest} | said | changes)


def chain(
    *updates: SdJwt,
    offer: SdJwt = TRUE_OFFER,
    case: SdJwt = NEXT_CASE,
    given: Sequence[tuple[str, str, SdJwt]] = (),
    state: str = "offered",
    **shown: Any,
) -> None:
    """A handoff after updates, as its recipient sees it; ``shown`` changes its newest package."""
    made = [("update", HOTLINE, one) for one in updates]
    newest = {**package(case), "number": 2, "version": 2, "change": "correction"}
    view(
        case_digest=case.digest,
        routing=case.present(ROUTING).compact(),
        packages=[package(TRUE_CASE), *(newest | shown for _ in updates)],
        **with_answers(*made, *given, offer=offer, state=state),
    )


LATER, LATEST = START + timedelta(days=1), START + timedelta(days=2)
ENDING = offer_document(expires_at=LATER)
"""An offer that ends."""


def ending(ends: datetime | None) -> None:
    """An update of it, with an end of its own."""
    chain(update_document(updates=ENDING.digest, expires_at=ends), offer=ENDING)


def test_a_true_chain_of_packages_is_believed() -> None:
    chain(update_document())
    ending(START)


def _of_another_case() -> None:
    """An update of the next version of another case."""
    case = case_document(version=2, case=str(OTHER))
    chain(update_document(case_digest=case.digest), case=case)


LIES_OF_A_CHAIN: Lies = [
    (lambda: chain(update_document(updates=PARTS[0])), "without an offer"),
    (lambda: chain(update_document(handoff=OTHER)), "another handoff"),
    (lambda: chain(update_document(to={"organisation": ABROAD})), "another recipient"),
    (lambda: chain(update_document(purpose=["remove"])), "another purpose"),
    (lambda: chain(update_document(), update_document()), "another offer"),
    (lambda: ending(LATEST), "ends later"),
    (lambda: ending(None), "ends later"),
    (_of_another_case, "another case"),
    (lambda: chain(update_document(), change="addition"), "as another than it is"),
    (lambda: chain(update_document(), version=1), "as another than it is"),
    (lambda: chain(update_document(), routing=None), "does not verify"),
    (lambda: view(packages=[]), "a package is not shown"),
    (lambda: view(packages=["text"]), "a package is not shown"),
]


# --- The course of a handoff ---------------------------------------------------------------------

STATED = conditions(CONTENT["marking"], ["identify_victim"])
ACCEPTED = answer_document(kind="acceptance", reason=None, conditions=STATED)
ACCEPTS = ("accept", OFMIN, ACCEPTED)
REFUSES = ("decline", OFMIN, answer_document())


def recall_document(**changes: Any) -> SdJwt:
    """A recall of the case by two persons of its originator."""
    said = {"case": CASE, "version": 1, "code": RecallCode.UNLAWFUL}
    said |= {"by": "head-1", "approved_by": "approver-1", "reason": None}
    return answers.issue_recall(**word_of(HOTLINE) | said | changes)


RECALL = recall_document()


def test_a_withdrawal_of_what_was_accepted_is_still_believed() -> None:
    withdrawn = ("withdraw", HOTLINE, answer_document(HOTLINE, kind="withdrawal"))
    view(**with_answers(ACCEPTS, withdrawn, state="withdrawn"))


ASKED_RECALL = {"by": "head-1", "approved_by": "approver-1", "code": "unlawful"}


def asked_to_recall(
    document: SdJwt = RECALL, *, told: str = "", recorded: str = "", own: SdJwt | None = None
) -> None:
    """The answer to a recall of the case, with the digests that it tells and that are recorded."""
    body = body_of(ASKED_RECALL) if own is None else own.compact()
    write = PendingWrite("case.recall", f"/cases/{CASE}/recall", "a-good-key", body)
    receipt = logged("case.recall", HOTLINE, "head-1", document_sha256=recorded or document.digest)
    result = {"digest": told or document.digest, "document": document.compact()}
    evidence_checks.confirm_write(write, HOTLINES, result, receipt)


def test_a_true_answer_to_a_recall_is_believed() -> None:
    asked_to_recall()
    asked_to_recall(own=RECALL)


LIES_OF_A_RECALL: Lies = [
    (lambda: asked_to_recall(told=PARTS[0]), "differ in document_sha256"),
    (lambda: asked_to_recall(told=PARTS[0], recorded=PARTS[0]), "differ in digest"),
    (lambda: asked_to_recall(recall_document(jti="another"), own=RECALL), "another document"),
    (lambda: asked_to_recall(recall_document(case=OTHER)), "of another case"),
    (lambda: asked_to_recall(recall_document(handoff=HANDOFF)), "of other handoffs"),
    (lambda: asked_to_recall(recall_document(by="head-2")), "does not say what was asked"),
    (lambda: asked_to_recall(recall_document(approved_by=None)), "does not say what was asked"),
    (lambda: asked_to_recall(recall_document(reason="why")), "does not say what was asked"),
    (
        lambda: asked_to_recall(recall_document(code=RecallCode.AUTHORITY_ORDER)),
        "does not say what was asked",
    ),
]


def recalled(*given: SdJwt, recall: SdJwt = RECALL, kind: str = "answer_recall") -> None:
    """An accepted handoff that was recalled, and what its holder answered to that."""
    said = [(kind, OFMIN, one) for one in given]
    view(**with_answers(ACCEPTS, ("recall", HOTLINE, recall), *said, state="withdrawn"))


def final(done: str, **changes: Any) -> SdJwt:
    """A final answer to the recall."""
    said = {"kind": "recall_answer", "reason": None, "done": done, "recall": RECALL.digest}
    return answer_document(**said | changes)


def updated(*given: tuple[str, str, SdJwt], state: str) -> None:
    """A handoff after one update, and what was answered after that."""
    chain(update_document(), given=given, state=state)


def declined(document: SdJwt) -> None:
    view(**with_answer(document))


NOTIFIES = (
    "notify_correction",
    HOTLINE,
    answer_document(
        HOTLINE, kind="correction_notice", reason=None, code="other", pointers=["/urgency"]
    ),
)


def acknowledged(notice: str) -> None:
    """The view of a handoff with a correction notice, and an acknowledgement of ``notice``."""
    said = answer_document(kind="acknowledgement", reason=None, notice_digest=notice)
    view(**with_answers(ACCEPTS, NOTIFIES, ("acknowledge", OFMIN, said), state="accepted"))


def test_a_true_course_of_answers_is_believed() -> None:
    view(**with_answers(ACCEPTS, state="accepted"))
    acknowledged(NOTIFIES[2].digest)
    recalled(final("declined"), final("copies_erased"))


LIES_OF_A_COURSE: Lies = [
    (
        lambda: view(
            **with_answer(
                answer_document(
                    kind="acceptance", reason=None, conditions={**STATED, "tlp": "CLEAR"}
                ),
                kind="accept",
            ),
            state="accepted",
        ),
        "repeat the conditions",
    ),
    (
        lambda: view(
            **with_answer(answer_document(kind="acceptance", reason=None), kind="accept"),
            state="accepted",
        ),
        "without its conditions",
    ),
    (lambda: updated(ACCEPTS, state="accepted"), "older package"),
    (lambda: recalled(recall=recall_document(approved_by="head-1")), "one person twice"),
    (lambda: recalled(recall=recall_document(case=OTHER)), "another case"),
    (lambda: recalled(recall=recall_document(version=0)), "every package"),
    (lambda: recalled(final("declined", recall=PARTS[0])), "a recall not shown"),
    (lambda: recalled(final("declined"), final("in_proceedings")), "two final answers"),
    (lambda: recalled(final("copies_erased"), final("copies_erased")), "two final answers"),
    (lambda: recalled(final("something")), "something"),
    (
        lambda: recalled(
            answer_document(kind="correction_proposal", recall=RECALL.digest),
            kind="propose_correction",
        ),
        "another recall",
    ),
    (lambda: declined(answer_document(notice_digest=PARTS[0])), "answers a notice"),
    (lambda: acknowledged(TRUE_OFFER.digest), "a notice not shown"),
    (lambda: acknowledged(ACCEPTS[2].digest), "a notice not shown"),
    (lambda: view(**with_answers(ACCEPTS, ACCEPTS, state="accepted")), "cannot follow"),
    (lambda: view(**with_answers(REFUSES, ACCEPTS, state="accepted")), "cannot follow"),
    (lambda: view(state="accepted"), "another state"),
    (lambda: view(reissue_of={"offer": TRUE_OFFER.compact()}), "replaces none"),
    (lambda: view(**with_answer(answer_document(), kind=["decline"])), "as something else"),
    (lambda: view(reissue_of="text"), "what it replaces"),
    (lambda: declined(answer_document(at=START - timedelta(days=1))), "older than its offer"),
]


@each(
    "lie, found",
    [
        *LIES_OF_A_SUBMISSION,
        *LIES_OF_AN_OFFER,
        *LIES_OF_AN_ANSWER,
        *LIES_OF_A_REFUSAL,
        *LIES_OF_A_CHANGE,
        *LIES_OF_A_HANDOFF,
        *LIES_OF_A_CHAIN,
        *LIES_OF_A_RECALL,
        *LIES_OF_A_COURSE,
    ],
)
def test_a_lie_is_found_in_whatever_it_is_told(lie: Any, found: str) -> None:
    with pytest.raises(EvidenceMismatch, match=found):
        lie()
