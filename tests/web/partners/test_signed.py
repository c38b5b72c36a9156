"""Cases and answers that partners sign themselves, and every way to be refused with one."""

import json
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain import case as cases
from gateway.evidence import base64url, canonical, receipt, sd_jwt, signature
from gateway.evidence.declarations import LOCK
from gateway.evidence.handoff_documents import CASE_TYP
from gateway.keys import jwk_set
from gateway.verification.report import Code
from gateway.verification.trust import TrustAnchors, open_document
from gateway.verification.verifier import verify
from tests.casework import ADDITION, case_content, offered
from tests.each import each
from tests.founded_gateway import HOTLINE, OCRVP, OFMIN
from tests.ports import ISSUER
from tests.signing import heading, signed_answer
from tests.web.listening import Listening, Partner, listening
from tests.web.partners.tricks import (
    HOTLINES,
    OFFICES,
    OTHER,
    case,
    content,
    refused,
    resigned,
    send,
)

CLEARANCE = {"assessed_by": "analyst-1", "cleared_by": "approver-1", "confirmed_matches": []}
CLEARED = {"by": "intake-1", "clearance": CLEARANCE}
TRUST = TrustAnchors((), (), organisations={HOTLINE: signature.public_keys(jwk_set([HOTLINES]))})


@pytest.fixture
def line(keyed_line):
    return keyed_line


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
    said = {"by": "intake-1", "change": ADDITION}
    answer = send(hotline, path, case(line, content=second, persons=said))
    assert answer.status_code == 201, answer.text
    assert answer.json["result"]["version"] == 2
    third = case_content(first["case"], version=3, previous=first["digest"])
    answer = send(hotline, path, case(line, content=third, persons=said))
    assert answer.json["type"].endswith("/problems/edit-conflict"), answer.text


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
    terms = {"no_notice_to_host": True, "no_publication": True, "until": "2026-04-01"}
    source = {"reason": "judge", "set_by": OFMIN}
    refused(sent([*properties, ("embargo", terms | source)], arrays))
    refused(sent([*properties, ("embargo", terms), ("embargo_source", terms | source)], arrays))
    assert sent(properties, arrays).status_code == 201


MANY_DECOYS = [{"...": base64url.digest(bytes([n, 2]))} for n in range(128)]


@each(
    "refs",
    [
        lambda refs: [*refs, {"...": sd_jwt.decoy_digest(bytes)}],
        lambda refs: MANY_DECOYS,
        lambda refs: [],
    ],
)
def test_a_list_of_elements_is_padded_too_and_no_further(line, hotline, refs):
    def change(claims):
        claims["references"] = refs(claims["references"])

    refused(send(hotline, "/cases", resigned(case(line), change)))


def test_no_two_disclosures_of_a_signed_case_share_a_salt(line, hotline):
    document = case(line)
    first, second = document.disclosures[:2]
    said = [first.salt, second.name, second.value]
    encoded = base64url.encode(canonical.compact(said).encode())
    weak = sd_jwt.read_disclosure(encoded)

    def change(claims: dict[str, Any]) -> None:
        claims["_sd"] = [weak.digest if d == second.digest else d for d in claims["_sd"]]

    good = replace(document, disclosures=(first, weak, *document.disclosures[2:]))
    assert "salt of its own" in refused(send(hotline, "/cases", resigned(good, change)))


@each("claims", [{"profile": "casegate-case/9"}, {"version": 1.5}])
def test_a_case_of_another_profile_or_version_is_refused(line, hotline, claims):
    refused(send(hotline, "/cases", case(line, **claims)))


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
    assert f"signed with a key of {HOTLINE} that you brought: {HOTLINES.kid}" in verdict.sentence
    names = {one.name for one in sd_jwt.parse(opened["presentation"]).disclosures}
    assert {"by", "clearance"}.isdisjoint(names)


@each(
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
