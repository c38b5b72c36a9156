"""Cases and answers that partners sign themselves, and every way to be refused with one."""

import json
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain import case as cases
from gateway.evidence import base64url, receipt, sd_jwt, signature
from gateway.evidence.handoff_documents import ANSWER_TYP, CASE_TYP
from gateway.evidence.key_declaration import LOCK
from gateway.evidence.trust import TrustAnchors, open_document
from gateway.evidence.verification import Code, verify
from gateway.keys import jwk_set
from tests.each import each
from tests.founding import (
    HOTLINE,
    ISSUER,
    OCRVP,
    OFMIN,
    case_content,
    check_log,
    offered,
)
from tests.signing import heading, signed_answer, signed_case
from tests.web.listening import Listening, Partner, listening
from tests.web.partners.tricks import (
    HOTLINES,
    OFFICES,
    OTHER,
    Trick,
    disclosed,
    hs256,
    nested,
    other_hash,
    overpadded,
    refused,
    repeated,
    resigned,
    rewritten,
    rs256,
    send,
    unpadded,
    without_digests,
)

CLEARANCE = {"assessed_by": "analyst-1", "cleared_by": "approver-1", "confirmed_matches": []}
CLEARED = {"by": "intake-1", "clearance": CLEARANCE}
TRUST = TrustAnchors((), (), organisations={HOTLINE: signature.public_keys(jwk_set([HOTLINES]))})


@pytest.fixture
def line() -> Listening:
    made = listening()
    made.gateway.register_key(HOTLINE, HOTLINES)
    made.gateway.register_key(OFMIN, OFFICES)
    return made


@pytest.fixture
def hotline(line: Listening) -> Partner:
    return line.partner(HOTLINE)


@pytest.fixture
def office(line: Listening) -> Partner:
    return line.partner(OFMIN)


def content(line: Listening, **changes: Any) -> dict[str, Any]:
    return case_content(line.gateway.new_id(), **changes)


def case(line: Listening, **changes: Any) -> sd_jwt.SdJwt:
    key = changes.pop("key", HOTLINES)
    said = changes.pop("content", None) or content(line)
    return signed_case(line.gateway, HOTLINE, key, said, **changes)


def handed_in(hotline: Partner, **changes: Any) -> dict[str, Any]:
    answer = send(hotline, "/cases", case(hotline.listening, persons=CLEARED, **changes))
    assert answer.status_code == 201, answer.text
    return answer.json["result"]


# --- cases ---


def test_a_signed_case_stays_as_it_was_signed(line, hotline):
    document = case(line, persons=CLEARED)
    answer = send(hotline, "/cases", document)
    assert answer.status_code == 201, answer.text
    result = answer.json["result"]
    assert (result["digest"], result["state"]) == (document.digest, "cleared")
    assert hotline.get(f"/cases/{result['case']}").json["assurance"] == "signed"
    opened = open_document(sd_jwt.parse(result["document"]), CASE_TYP, TRUST)
    assert (opened.author, opened.attested) == (HOTLINE, False)
    line.gateway.confirm(receipt.from_json(answer.json["receipt"]))
    check_log(line.gateway)


def test_the_persons_of_a_signed_case_are_kept_out_of_it(line, hotline):
    result = handed_in(hotline)
    names = {one.name for one in sd_jwt.parse(result["document"]).disclosures}
    assert {"by", "clearance"}.isdisjoint(names)
    found = line.gateway.case(UUID(result["case"]))
    assert (found.assessed_by, found.cleared_by) == ("analyst-1", "approver-1")


def test_a_further_signed_version_follows_the_one_before(line, hotline):
    first = handed_in(hotline)
    path = f"/cases/{first['case']}/versions"
    second = case_content(first["case"], version=2, previous=first["digest"])
    answer = send(hotline, path, case(line, content=second))
    assert answer.status_code == 201, answer.text
    assert answer.json["result"]["version"] == 2
    third = case_content(first["case"], version=3, previous=first["digest"])
    answer = send(hotline, path, case(line, content=third))
    assert answer.json["type"].endswith("/problems/edit-conflict"), answer.text


def test_its_jti_is_the_idempotency_key(line, hotline):
    document = case(line)
    first, again = (send(hotline, "/cases", document) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json["result"] == again.json["result"]
    assert first.json["receipt"]["document"] == again.json["receipt"]["document"]
    jti = sd_jwt.read_own(document).claims["jti"]
    assert send(hotline, "/cases", document, Idempotency_Key=jti).status_code == 201
    assert "jti" in refused(send(hotline, "/cases", document, Idempotency_Key="another1"))
    other = send(hotline, "/cases", case(line, jti=jti))
    assert other.json["type"].endswith("/problems/idempotency-key-reused")


def test_a_retry_gets_its_first_result_after_the_key_was_revoked(line, hotline):
    document = case(line)
    first = send(hotline, "/cases", document)
    line.gateway.administer("key.revoke", HOTLINE, kid=HOTLINES.kid, reason="replaced")
    again = send(hotline, "/cases", document)
    assert again.json["result"] == first.json["result"]
    assert "revoked" in refused(send(hotline, "/cases", case(line)))


def test_the_rules_of_content_are_those_of_json(line, hotline):
    wrong = content(line, urgency="now")
    wrong["items"][0]["kind"] = "picture"
    answer = send(hotline, "/cases", case(line, content=wrong, persons={}))
    assert answer.status_code == 422
    pointers = {error["pointer"] for error in answer.json["errors"]}
    assert {"/by", "/content/urgency", "/content/items/0/kind"} <= pointers


def test_elements_and_properties_are_disclosures(line, hotline):
    said = content(line)
    claims = heading(line.gateway, HOTLINE) | cases.undisclosable_claims(said)
    properties, arrays = cases.disclosable_properties(said), cases.disclosable_arrays(said)

    def sent(properties, arrays, **more):
        made = sd_jwt.issue(
            typ=CASE_TYP,
            claims={**claims, "jti": str(line.gateway.new_id()), **more},
            properties=[*properties, ("by", "intake-1")],
            arrays=arrays,
            signer=HOTLINES,
            random=line.gateway.ports.random,
        )
        return send(hotline, "/cases", made)

    refused(sent(properties, arrays[1:], items=said["items"]))
    refused(sent(properties, arrays[1:]))
    refused(sent(properties[1:], arrays, matter=said["matter"]))
    refused(sent([*properties, ("more", 1)], arrays))
    assert sent(properties, arrays).status_code == 201


@each(
    "claims",
    [
        {"iss": f"{ISSUER}/organisations/{OFMIN}"},
        {"iss": ISSUER},
        {"iss": None},
        {"aud": "https://other.example"},
        {"aud": [ISSUER, "https://other.example"]},
        {"aud": None},
        {"attested_for": f"{ISSUER}/organisations/{HOTLINE}"},
        {"iss": ISSUER, "attested_for": f"{ISSUER}/organisations/{HOTLINE}"},
        {"jti": "short"},
        {"jti": "018F0000-0000-7000-8000-000000000001"},
        {"jti": None},
        {"iat": None},
        {"iat": True},
        {"iat": 99999999999},
        {"profile": "casegate-case/9"},
        {"note": "in clear"},
        {"version": 1.5},
    ],
)
def test_a_case_with_another_heading_is_refused_and_no_event(line, hotline, claims):
    before = line.gateway.size()
    refused(send(hotline, "/cases", case(line, **claims)))
    assert line.gateway.size() == before


def test_who_signs_does_not_attest(line, hotline):
    claims = {"attested_for": f"{ISSUER}/organisations/{HOTLINE}"}
    assert "only the gateway attests" in refused(send(hotline, "/cases", case(line, **claims)))


def test_another_type_of_document_is_no_case(line, hotline):
    assert "type" in refused(send(hotline, "/cases", case(line, typ=ANSWER_TYP)))


@pytest.mark.parametrize("key", [OTHER, OFFICES])
def test_a_key_of_nobody_or_of_another_organisation_signs_nothing(line, hotline, key):
    assert "key" in refused(send(hotline, "/cases", case(line, key=key)))


@pytest.mark.parametrize(
    "trick",
    [
        Trick("none", lambda _: b""),
        Trick("HS256", hs256),
        Trick("RS256", rs256),
        Trick("RS256", HOTLINES.sign),
        Trick("ES256", OTHER.sign),
        Trick("EdDSA", HOTLINES.sign),
        Trick("ES256", lambda _: bytes(64)),
    ],
    ids=lambda trick: trick.alg,
)
def test_no_other_algorithm_and_no_other_signature(line, hotline, trick):
    assert "signature" in refused(send(hotline, "/cases", case(line, key=trick)))


def test_a_changed_claim_breaks_the_signature(line, hotline):
    document = case(line)
    text, signed = rewritten(document, lambda claims: claims.update(tlp="CLEAR"))
    assert "signature" in refused(
        send(hotline, "/cases", replace(document, issuer_signed=f"{text}.{signed}"))
    )


def test_disclosures_belong_to_the_document_once_and_well_salted(line, hotline):
    document = case(line)
    salt = base64url.encode(bytes(16))
    refused(send(hotline, "/cases", disclosed(document, salt, "note", "more")))
    assert "salt" in refused(send(hotline, "/cases", disclosed(document, "c2FsdA", "a", "b")))
    refused(send(hotline, "/cases", f"{document.compact()}{document.disclosures[0].encoded}~"))
    refused(send(hotline, "/cases", document.compact().removesuffix("~")))


def _long_array(claims: dict[str, Any]) -> None:
    claims["references"].append({"...": sd_jwt.decoy_digest(bytes)})


def _many_decoys(claims: dict[str, Any]) -> None:
    claims["references"] = [{"...": base64url.digest(bytes([n, 2]))} for n in range(128)]


def _bare_array(claims: dict[str, Any]) -> None:
    claims["references"] = []


@pytest.mark.parametrize(
    "change",
    [
        unpadded,
        overpadded,
        _long_array,
        _many_decoys,
        _bare_array,
        repeated,
        nested,
        without_digests,
        other_hash,
    ],
)
def test_lists_of_digests_are_padded_no_further_unique_and_at_the_top(line, hotline, change):
    refused(send(hotline, "/cases", resigned(case(line), change)))


def test_no_picture_travels_in_the_form_of_a_signed_case(line, hotline):
    picture = "data:image/jpeg;base64," + "/9j/4AAQSkZJRg" * 100

    def as_digest(claims: dict[str, Any]) -> None:
        claims["_sd"][0] = picture

    document = case(line)
    refused(send(hotline, "/cases", resigned(document, as_digest)))
    head, payload, _ = document.issuer_signed.split(".")
    header = {**json.loads(base64url.decode(head)), "x": picture}
    text = f"{base64url.encode(json.dumps(header).encode())}.{payload}"
    signed = base64url.encode(HOTLINES.sign(text.encode()))
    refused(send(hotline, "/cases", replace(document, issuer_signed=f"{text}.{signed}")))


def test_a_disclosure_hides_nothing_inside_it(line, hotline):
    document = case(line)
    item = {**content(line)["items"][0], "_sd": [sd_jwt.decoy_digest(bytes)]}
    encoded = base64url.encode(json.dumps([base64url.encode(bytes(16)), item]).encode())
    digest = base64url.digest(encoded.encode())

    def put(claims: dict[str, Any]) -> None:
        real = {one.digest for one in document.disclosures}
        free = next(place for place in claims["items"] if place["..."] not in real)
        free["..."] = digest

    text = f"{resigned(document, put).compact()}{encoded}~"
    assert "keeps for itself" in refused(send(hotline, "/cases", text))


LINE = listening()


@given(st.one_of(st.binary(max_size=80), st.text("abcXYZ.~-_0", max_size=80)))
def test_no_other_bytes_get_past_the_door(data):
    assert send(LINE.partner(HOTLINE), "/cases", data).status_code in {400, 422}


def test_where_no_document_is_taken_its_type_is_not_either(line, hotline):
    assert send(hotline, "/handoffs/preview", case(line)).status_code == 415


def test_an_organisation_that_is_locked_sends_no_json(line, hotline):
    said = line.gateway.word(HOTLINE, LOCK, HOTLINES, HOTLINES)
    line.gateway.administer("organisation.require_signed", HOTLINE, declaration=said)
    answer = hotline.post("/cases", {"by": "intake-1", "content": content(line)})
    assert (answer.status_code, answer.json["rules"]) == (403, ["R2.signed_only"])
    assert "application/sd-jwt" in answer.json["detail"]
    assert send(hotline, "/cases", case(line)).status_code == 201
    check_log(line.gateway)


# --- answers ---


@dataclass
class Submitted:
    """A case that was handed in, as `offered` wants it."""

    result: dict[str, Any]


@pytest.fixture
def handoff(line: Listening, hotline: Partner) -> str:
    """An offer of everything in a signed case, to the office that is competent."""
    written: Any = Submitted(handed_in(hotline))
    return offered(line.gateway, written).result["handoff"]


def reply(office: Partner, handoff: str, kind: str = "acceptance", **changes: Any) -> Any:
    view = office.get(f"/handoffs/{handoff}").json
    said = {"by": "officer-1"}
    if kind == "acceptance":
        said["conditions"] = view["conditions"]
    key, clear = changes.pop("key", OFFICES), changes.pop("clear", None)
    said = {name: value for name, value in (said | changes).items() if value is not None}
    return signed_answer(office.listening.gateway, OFMIN, key, view, kind, changes=clear, **said)


def test_a_signed_acceptance_opens_a_signed_case(line, office, handoff):
    document = reply(office, handoff)
    answer = send(office, f"/handoffs/{handoff}/acceptance", document)
    assert answer.status_code == 200, answer.text
    assert answer.json["result"]["document"] == document.compact()
    assert answer.json["result"]["state"] == "accepted"
    opening = {"by": "officer-1", "reason_code": "investigation", "reason": "first look"}
    opened = office.post(f"/handoffs/{handoff}/consultations", opening).json["result"]
    verdict = verify(opened["presentation"].encode(), TRUST)
    assert verdict.code is Code.VERIFIED
    assert f"signed by {HOTLINE} itself, key {HOTLINES.kid}" in verdict.sentence
    names = {one.name for one in sd_jwt.parse(opened["presentation"]).disclosures}
    assert {"by", "clearance"}.isdisjoint(names)
    check_log(line.gateway)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("decline", {"reason": "not ours"}),
        ("redirection", {"reason": "not ours", "suggested_recipient": "another office"}),
    ],
)
def test_other_answers_are_signed_alike(office, handoff, kind, said):
    answer = send(office, f"/handoffs/{handoff}/{kind}", reply(office, handoff, kind, **said))
    assert answer.status_code == 200, answer.text


def test_outcome_and_closure_follow_a_signed_acceptance(line, office, handoff):
    path = f"/handoffs/{handoff}"
    assert send(office, f"{path}/acceptance", reply(office, handoff)).status_code == 200
    said = reply(office, handoff, "outcome", code="removed")
    assert send(office, f"{path}/outcomes", said).status_code == 200
    assert send(office, f"{path}/closure", reply(office, handoff, "closure")).status_code == 200
    check_log(line.gateway)


def test_a_retry_of_a_signed_answer_gets_its_first_result(line, office, handoff):
    document = reply(office, handoff)
    first, again = (send(office, f"/handoffs/{handoff}/acceptance", document) for _ in range(2))
    assert first.json["result"] == again.json["result"]


def test_the_originator_signs_its_withdrawal(line, hotline, handoff):
    view = hotline.get(f"/handoffs/{handoff}").json
    said = {"by": "liaison-1", "reason": "sent twice"}
    document = signed_answer(line.gateway, HOTLINE, HOTLINES, view, "withdrawal", **said)
    answer = send(hotline, f"/handoffs/{handoff}/withdrawal", document)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    "clear",
    [
        {"handoff": "018f0000-0000-7000-8000-000000000001"},
        {"case_digest": "A" * 43},
        {"offer_digest": "A" * 43},
        {"package_digest": "A" * 43},
        {"kind": "decline"},
        {"kind": None},
        {"more": 1},
        {"attested_for": f"{ISSUER}/organisations/{OFMIN}"},
        {"iss": f"{ISSUER}/organisations/{HOTLINE}"},
    ],
)
def test_an_answer_is_bound_to_its_handoff(line, office, handoff, clear):
    document = reply(office, handoff, clear=clear)
    refused(send(office, f"/handoffs/{handoff}/acceptance", document))
    assert office.get(f"/handoffs/{handoff}").json["state"] == "offered"


def test_a_signed_answer_has_the_fields_of_its_kind(line, office, handoff):
    document = reply(office, handoff, surprise=1, by=None)
    answer = send(office, f"/handoffs/{handoff}/acceptance", document)
    assert {e["pointer"] for e in answer.json["errors"]} == {"/by", "/surprise"}


def test_conditions_are_repeated_in_a_signed_acceptance(line, office, handoff):
    shown = office.get(f"/handoffs/{handoff}").json["conditions"]
    document = reply(office, handoff, conditions={**shown, "tlp": "CLEAR"})
    answer = send(office, f"/handoffs/{handoff}/acceptance", document)
    assert answer.json["type"].endswith("/conditions-mismatch")


def test_the_originators_key_gives_no_answer_of_the_recipient(line, office, handoff):
    document = reply(office, handoff, key=HOTLINES)
    refused(send(office, f"/handoffs/{handoff}/acceptance", document))


def test_an_answer_that_waited_while_its_key_was_revoked_is_refused(line, office, handoff):
    document = reply(office, handoff)
    line.gateway.administer("key.revoke", OFMIN, kid=OFFICES.kid, reason="replaced")
    detail = refused(send(office, f"/handoffs/{handoff}/acceptance", document))
    assert "revoked" in detail


def test_a_third_organisation_learns_nothing_by_a_signed_answer(line, office, handoff):
    line.gateway.register_key(OCRVP, OTHER)
    view = office.get(f"/handoffs/{handoff}").json
    said = {"by": "officer-2", "reason": "curious"}
    document = signed_answer(line.gateway, OCRVP, OTHER, view, "decline", **said)
    answer = send(line.partner(OCRVP), f"/handoffs/{handoff}/decline", document)
    assert answer.status_code == 404


def test_an_office_that_is_locked_answers_signed_alone(line, office, handoff):
    said = line.gateway.word(OFMIN, LOCK, OFFICES, OFFICES)
    line.gateway.administer("organisation.require_signed", OFMIN, declaration=said)
    body = {"by": "officer-1", "reason": "not ours"}
    answer = office.post(f"/handoffs/{handoff}/decline", body)
    assert (answer.status_code, answer.json["rules"]) == (403, ["R2.signed_only"])
    document = reply(office, handoff, "decline", reason="not ours")
    assert send(office, f"/handoffs/{handoff}/decline", document).status_code == 200
