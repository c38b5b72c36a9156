"""The client signs its own cases and answers, keeps the signed bytes, and believes only those."""

from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from gateway.client import ReceiptMismatch, Unavailable
from gateway.client.line import PAUSES
from gateway.evidence import sd_jwt, signature, statement
from gateway.evidence.trust import Trust
from gateway.evidence.verdict import Code, verify_bundle
from gateway.keys import SigningKey, jwk_set
from tests import founding
from tests.client.desk import Desk, cut, lose_answer, trust_of
from tests.founding import CSAM_FR, HOTLINE, OFMIN, case_content, check_log, document_key
from tests.web.listening import Listening, listening

KEYS = {HOTLINE: document_key("hotline"), OFMIN: document_key("office")}
CLEARED = {"assessed_by": "analyst-1", "cleared_by": "approver-1", "confirms": []}


@pytest.fixture
def stage() -> Listening:
    made = listening()
    for slug, key in KEYS.items():
        made.gateway.register_key(slug, key)
    return made


def trust(stage: Listening) -> Trust:
    known = {slug: signature.public_keys(jwk_set([key])) for slug, key in KEYS.items()}
    return replace(trust_of(stage.gateway), organisations=known)


def desk(stage: Listening, slug: str = HOTLINE, key: SigningKey | None = None, **more) -> Desk:
    return Desk(stage, slug, trust=trust(stage), document_key=key or KEYS[slug], **more)


def content(stage: Listening, **changes):
    return case_content(stage.gateway.new_id(), **changes)


def test_two_members_sign_all_of_their_own_words(stage):
    hotline, office = desk(stage), desk(stage, OFMIN)
    case = content(stage)
    written = hotline.submit(case, "intake-1", CLEARED)
    assert hotline.case(case["case"])["assurance"] == "signed"
    second = {**case, "version": 2, "prev": written.result["digest"]}
    hotline.revise(second, "intake-1", CLEARED)
    groups = ["items", "statements"]
    offer = hotline.offer(
        case["case"], "liaison-1", purpose=["identify_victim"], competence=CSAM_FR, groups=groups
    )
    handoff = offer.result["handoff"]
    office.accept(office.handoff(handoff), "officer-1")
    opened = office.consult(handoff, "officer-1", "investigation", "first look")
    assert (opened.author, opened.assurance) == (HOTLINE, "signed")
    office.outcome(handoff, "officer-1", "removed", note="it is gone")
    office.close(handoff, "officer-1")
    assert len(hotline.handoff(handoff)["answers"]) == 4
    check_log(stage.gateway)


def test_a_bundle_tells_what_was_signed_from_what_was_attested(stage):
    hotline, office = desk(stage), desk(stage, OFMIN)
    case = content(stage)
    hotline.submit(case, "intake-1", CLEARED)
    offer = hotline.offer(
        case["case"],
        "liaison-1",
        purpose=["identify_victim"],
        competence=CSAM_FR,
        groups=["items"],
    )
    handoff = offer.result["handoff"]
    office.accept(office.handoff(handoff), "officer-1")
    made = office.export(handoff, "officer-1", "for the file")
    verdict = verify_bundle(made, trust(stage))
    assert verdict.code is Code.VERIFIED
    details = " ".join(step.detail for step in verdict.steps)
    assert f"signed by {HOTLINE} itself, key {KEYS[HOTLINE].kid}" in details
    assert f"attested by the gateway for {HOTLINE}" in details
    assert f"signed by {OFMIN} itself, key {KEYS[OFMIN].kid}" in details


def test_the_bytes_that_were_signed_are_kept_and_sent_again(stage, tmp_path: Path):
    hotline = desk(stage, spool=tmp_path)
    hotline.wire.faults = [cut] * (len(PAUSES) + 1)
    with pytest.raises(Unavailable):
        hotline.submit(content(stage), "intake-1", CLEARED)
    (kept,) = tmp_path.glob("*.json")
    again = desk(stage, spool=tmp_path)
    (resent,) = again.resume()
    assert resent.written is not None
    assert resent.write.document is not None
    assert resent.written.result["digest"] == resent.write.document.digest
    assert kept.stem == resent.write.key
    assert not list(tmp_path.glob("*.json"))


def test_a_lost_answer_to_a_signed_answer_is_got_by_the_same_bytes(stage, tmp_path: Path):
    handoff = UUID(founding.offered(stage.gateway).result["handoff"])
    office = desk(stage, OFMIN, spool=tmp_path)
    view = office.handoff(handoff)
    office.wire.faults = [lambda *_: None, lose_answer]
    office.accept(view, "officer-1")
    sent = [r.content for r in office.wire.requests if r.url.path.endswith("/acceptance")]
    assert len(sent) == 2
    assert sent[0] == sent[1]


def test_an_attested_document_in_place_of_ours_is_not_believed(stage):
    hotline = desk(stage)

    def swap(request, members):
        document = sd_jwt.parse(members["result"]["document"])
        claims = dict(sd_jwt.read_own(document).claims)
        claims["attested_for"], claims["iss"] = claims["iss"], founding.ISSUER
        key = founding.key_of("attest")
        made = sd_jwt.issue(
            typ=statement.CASE_TYP,
            claims={k: v for k, v in claims.items() if not isinstance(v, list) or k in _LISTS},
            properties=[(d.name, d.value) for d in document.disclosures if d.name],
            arrays=[
                (name, [p.value for p in sd_jwt.read_own(document).placed if p.name == name])
                for name in founding.GROUPS
                if name in claims
            ],
            signer=key,
            random=stage.gateway.ports.random,
        )
        members["result"]["document"] = made.compact()

    hotline.wire.tamper = swap
    with pytest.raises(ReceiptMismatch):
        hotline.submit(content(stage), "intake-1", CLEARED)


_LISTS = {"handling", "purpose"}


@pytest.mark.parametrize("change", [{"surprise": 1}, {"marking": None}])
def test_what_is_no_case_is_not_signed(stage, change):
    hotline = desk(stage)
    with pytest.raises(ValueError, match="the case"):
        hotline.submit({**content(stage), **change}, "intake-1")
    assert not hotline.wire.paths()
