"""Offers that their senders sign themselves, and every way to be refused with one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.evidence import handoff_documents, sd_jwt
from gateway.evidence.handoff_documents import ANSWER_TYP, CASE_TYP
from gateway.evidence.key_declaration import LOCK
from tests.each import each
from tests.founding import (
    ABROAD,
    HOTLINE,
    ISSUER,
    OFMIN,
    case_content,
    check_log,
    element_id,
    submitted,
)
from tests.signing import signed_offer
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
    refused,
    repeated,
    resigned,
    rs256,
    send,
    unpadded,
    without_digests,
)

GROUPS = ["items", "statements"]
MANDATE = {"competence": {"matter": "csam", "territory": "FR"}}


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
def case(line: Listening) -> str:
    return str(submitted(line.gateway).result["case"])


def asked(case: str, to: dict[str, Any] = MANDATE, **changes: Any) -> dict[str, Any]:
    said = {"by": "liaison-1", "to": to, "groups": GROUPS, "purpose": ["identify_victim"]}
    return {"case": case, **said, **changes}


def preview(hotline: Partner, case: str, **changes: Any) -> dict[str, Any]:
    answer = hotline.post("/handoffs/preview", asked(case, **changes))
    assert answer.status_code == 200, answer.text
    return answer.json


def offer(hotline: Partner, case: str, **changes: Any) -> sd_jwt.SdJwt:
    """A good offer of the case to the competence, but for the changes."""
    key = changes.pop("key", HOTLINES)
    shown = changes.pop("shown", None) or preview(hotline, case)
    return signed_offer(hotline.listening.gateway, HOTLINE, key, shown, **changes)


def make(hotline: Partner, case: str, document: Any, **headers: str) -> Any:
    return send(hotline, f"/cases/{case}/handoffs", document, **headers)


def test_a_signed_offer_stays_as_it_was_signed(line, hotline, case):
    shown = preview(hotline, case)
    document = offer(hotline, case, shown=shown)
    answer = make(hotline, case, document)
    assert answer.status_code == 201, answer.text
    result = answer.json["result"]
    assert result["offer"] == document.compact()
    assert (result["permitted_disclosures"], result["to"]) == (
        shown["permitted_disclosures"],
        shown["to"],
    )
    view = line.partner(OFMIN).get(f"/handoffs/{result['handoff']}").json
    seen = sd_jwt.parse(view["answers"][0]["document"])
    assert seen.digest == document.digest
    assert "by" not in {one.name for one in seen.disclosures}
    check_log(line.gateway)


def test_it_ends_and_says_a_word_as_an_attested_one_does(line, hotline, case):
    until = int(line.gateway.clock().timestamp()) + 86_400
    document = offer(
        hotline, case, expires_at=until, said={"by": "liaison-1", "note": "soon, please"}
    )
    handoff = make(hotline, case, document).json["result"]["handoff"]
    view = line.partner(OFMIN).get(f"/handoffs/{handoff}").json
    assert view["expires_at"].startswith(line.gateway.clock().date().isoformat()[:4])
    assert sd_jwt.read_unverified(view["answers"][0]["document"]).content["note"] == "soon, please"


@pytest.mark.parametrize("until", ["2030-01-01T00:00:00Z", True, 1.5, -(10**20), 10**20])
def test_its_end_is_a_number_of_seconds(hotline, case, until):
    refused(make(hotline, case, offer(hotline, case, expires_at=until)))


def test_an_offer_that_ended_before_it_began_is_refused_as_in_json(line, hotline, case):
    past = int(line.gateway.clock().timestamp()) - 60
    answer = make(hotline, case, offer(hotline, case, expires_at=past))
    assert answer.json["type"].endswith("/problems/invalid-state"), answer.text


def test_it_may_be_to_an_organisation(line, hotline, case):
    shown = preview(hotline, case, to={"organisation": ABROAD}, purpose=["identify_victim"])
    answer = make(hotline, case, offer(hotline, case, shown=shown))
    assert answer.status_code == 201, answer.text
    assert answer.json["result"]["to"] == {"organisation": ABROAD}


def test_its_jti_is_the_idempotency_key(line, hotline, case):
    document = offer(hotline, case)
    first, again = (make(hotline, case, document) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json["result"] == again.json["result"]
    assert first.json["receipt"]["document"] == again.json["receipt"]["document"]
    assert "jti" in refused(make(hotline, case, document, Idempotency_Key="another1"))
    jti = sd_jwt.read_own(document).claims["jti"]
    other = make(hotline, case, offer(hotline, case, jti=jti))
    assert other.json["type"].endswith("/problems/idempotency-key-reused")


def test_a_retry_gets_its_first_result_after_the_key_was_revoked(line, hotline, case):
    document, late = offer(hotline, case), offer(hotline, case)
    first = make(hotline, case, document)
    line.gateway.administer("key.revoke", HOTLINE, kid=HOTLINES.kid, reason="replaced")
    assert make(hotline, case, document).json["result"] == first.json["result"]
    assert "revoked" in refused(make(hotline, case, late))


# --- what it names ---


def test_it_names_exactly_what_policy_lets_through(line, hotline):
    """More would be a promise that nobody keeps, less another handoff than its package says."""
    statement = {**case_content(line.gateway.new_id())["statements"][0]}
    statement["marking"] = {"handling": ["H1"]}
    case = str(submitted(line.gateway, statements=[statement]).result["case"])
    shown = preview(hotline, case, to={"organisation": ABROAD})
    assert shown["withheld_groups"] == ["statements"]
    every = preview(hotline, case)["permitted_disclosures"]
    routing = {one.digest for one in sd_jwt.parse(shown["routing"]).disclosures}
    less = [digest for digest in shown["permitted_disclosures"] if digest not in routing]
    before = line.gateway.size()
    for disclosures in (less, every):
        document = offer(hotline, case, shown=shown, disclosures=disclosures)
        assert "exactly" in refused(make(hotline, case, document))
    twice = [*shown["permitted_disclosures"], shown["permitted_disclosures"][0]]
    assert make(hotline, case, offer(hotline, case, disclosures=twice)).status_code == 422
    assert line.gateway.size() == before
    assert make(hotline, case, offer(hotline, case, shown=shown)).status_code == 201


def test_it_names_parts_of_this_case_alone(line, hotline, case):
    other = preview(hotline, str(submitted(line.gateway).result["case"]))
    shown = preview(hotline, case)
    answer = make(hotline, case, offer(hotline, case, disclosures=other["permitted_disclosures"]))
    assert answer.json["errors"][0]["pointer"] == "/digests"
    detail = refused(make(hotline, case, offer(hotline, case, shown=other)))
    assert "version" in detail
    stale = offer(hotline, case, shown=shown, case_digest="A" * 43)
    assert "version" in refused(make(hotline, case, stale))


@pytest.mark.parametrize(
    "to",
    [
        {"organisation": OFMIN},
        {"organisation": OFMIN, "competence": "receive/csam/FR"},
        {
            "organisation": OFMIN,
            "competence": "receive/csam/FR",
            "mandate_event": element_id("url"),
        },
        {"organisation": ABROAD, "competence": "receive/csam/FR", "mandate_event": "x"},
        {"organisation": OFMIN, "competence": "report/csam/FR", "mandate_event": "x"},
        {"organisation": OFMIN, "competence": "receive/csam", "mandate_event": "x"},
        {"organisation": "No One"},
        {"organisation": OFMIN, "more": 1},
        OFMIN,
        None,
    ],
)
def test_it_names_whom_it_reaches_and_by_which_mandate(hotline, case, to):
    """An observer is reached by a mandate alone, and the mandate has one holder and one event."""
    answer = make(hotline, case, offer(hotline, case, to=to))
    assert answer.status_code in {403, 422}, answer.text
    assert hotline.get("/handoffs?box=out").json["items"] == []


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
        {"jti": None},
        {"iat": None},
        {"iat": 99999999999},
        {"handoff": None},
        {"handoff": "short"},
        {"case_digest": None},
        {"case_digest": "short"},
        {"disclosures": None},
        {"disclosures": [1]},
        {"disclosures": ["short"]},
        {"note": "in clear"},
        {"groups": ["items"]},
    ],
)
def test_an_offer_with_another_heading_is_refused_and_no_event(line, hotline, case, claims):
    document = offer(hotline, case, **claims)
    before = line.gateway.size()
    refused(make(hotline, case, document))
    assert line.gateway.size() == before


@pytest.mark.parametrize(
    ("claims", "said", "pointer"),
    [
        ({"purpose": None}, None, "/purpose"),
        ({"purpose": []}, None, "/purpose"),
        ({"handoff": "6f9619ff-8b86-4011-b42d-00c04fc964ff"}, None, "/handoff"),
        ({}, {}, "/by"),
        ({}, {"by": "someone@example.org"}, "/by"),
        ({}, {"by": "liaison-1", "note": "data:image/png;base64,AAAA"}, "/note"),
    ],
)
def test_the_rules_of_its_fields_are_those_of_json(hotline, case, claims, said, pointer):
    answer = make(hotline, case, offer(hotline, case, said=said, **claims))
    assert answer.status_code == 422, answer.text
    assert pointer in {error["pointer"] for error in answer.json["errors"]}


@pytest.mark.parametrize("name", ["to", "groups", "digests", "more"])
def test_nothing_but_the_person_and_the_word_is_hidden_in_it(hotline, case, name):
    given = {name: None} if name == "to" else {}
    document = offer(hotline, case, said={"by": "liaison-1", name: ["items"]}, **given)
    assert "disclosures" in refused(make(hotline, case, document))


def test_no_element_of_a_list_is_hidden_in_it(line, hotline, case):
    shown = preview(hotline, case)
    claims = dict(sd_jwt.read_own(offer(hotline, case, shown=shown)).claims)
    del claims["purpose"]
    document = sd_jwt.issue(
        typ=handoff_documents.OFFER_TYP,
        claims=claims,
        properties=[("by", "liaison-1")],
        arrays=[("purpose", ["identify_victim"])],
        signer=HOTLINES,
        random=line.gateway.ports.random,
    )
    assert "disclosures" in refused(make(hotline, case, document))


LINE = listening()
LINE.gateway.register_key(HOTLINE, HOTLINES)
CASE = str(submitted(LINE.gateway).result["case"])
SHOWN = preview(LINE.partner(HOTLINE), CASE)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just("items"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


@given(
    st.sampled_from(
        ["handoff", "to", "case_digest", "disclosures", "purpose", "expires_at", "jti"]
    ),
    ANYTHING,
)
def test_whatever_a_claim_is_the_offer_is_read_or_refused(name, value):
    document = offer(LINE.partner(HOTLINE), CASE, shown=SHOWN, **{name: value})
    answer = make(LINE.partner(HOTLINE), CASE, document)
    # An end may be left out, lie ahead, or lie behind: all else that a claim may be is refused.
    possible = {201, 409, 422} if name == "expires_at" else {422}
    assert answer.status_code in possible, answer.text


@given(st.text(max_size=6), ANYTHING)
def test_whatever_an_addressee_has_beside_is_read_or_refused(name, value):
    to = {**SHOWN["to"], name: value}
    document = offer(LINE.partner(HOTLINE), CASE, shown=SHOWN, to=to)
    assert make(LINE.partner(HOTLINE), CASE, document).status_code == 422


# --- tricks ---


@pytest.mark.parametrize("typ", [CASE_TYP, ANSWER_TYP, "JWT"])
def test_another_type_of_document_is_no_offer(hotline, case, typ):
    assert "type" in refused(make(hotline, case, offer(hotline, case, typ=typ)))


@pytest.mark.parametrize("key", [OTHER, OFFICES])
def test_a_key_of_nobody_or_of_another_organisation_signs_nothing(hotline, case, key):
    assert "key" in refused(make(hotline, case, offer(hotline, case, key=key)))


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
def test_no_other_algorithm_and_no_other_signature(hotline, case, trick):
    assert "signature" in refused(make(hotline, case, offer(hotline, case, key=trick)))


def test_disclosures_belong_to_the_offer_once_and_well_salted(hotline, case):
    document = offer(hotline, case)
    salt = "A" * 22
    refused(make(hotline, case, disclosed(document, salt, "note", "more")))
    assert "salt" in refused(make(hotline, case, disclosed(document, "c2FsdA", "note", "b")))
    refused(make(hotline, case, f"{document.compact()}{document.disclosures[0].encoded}~"))
    refused(make(hotline, case, document.compact().removesuffix("~")))


@pytest.mark.parametrize("change", [unpadded, repeated, nested, without_digests, other_hash])
def test_lists_of_digests_are_padded_unique_and_at_the_top(hotline, case, change):
    refused(make(hotline, case, resigned(offer(hotline, case), change)))


# --- who may ---


def test_nobody_offers_a_case_of_another_by_its_own_signature(line, hotline, case):
    shown = preview(hotline, case)
    line.gateway.register_key(ABROAD, OTHER)
    document = signed_offer(line.gateway, ABROAD, OTHER, shown)
    assert make(line.partner(ABROAD), case, document).status_code == 404


def test_an_organisation_that_is_locked_offers_by_its_signature_alone(line, hotline, case):
    said = line.gateway.word(HOTLINE, LOCK, HOTLINES, HOTLINES)
    line.gateway.administer("organisation.require_signed", HOTLINE, declaration=said)
    body = asked(case, handoff=str(line.gateway.new_id()))
    del body["case"]
    answer = hotline.post(f"/cases/{case}/handoffs", body)
    assert (answer.status_code, answer.json["rules"]) == (403, ["R2.signed_only"])
    assert "application/sd-jwt" in answer.json["detail"]
    assert make(hotline, case, offer(hotline, case)).status_code == 201
    check_log(line.gateway)
