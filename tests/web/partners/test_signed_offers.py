"""Offers that their senders sign themselves, and every way to be refused with one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.evidence import base64url, handoff_documents, sd_jwt
from tests.casework import case_content, element_id, revised, submitted
from tests.each import each
from tests.founded_gateway import ABROAD, HOTLINE, OFMIN
from tests.signing import signed_offer
from tests.web.listening import Listening, Partner
from tests.web.partners.tricks import HOTLINES, OTHER, keyed, offer, preview, refused, send


@pytest.fixture
def line(keyed_line):
    return keyed_line


@pytest.fixture
def case(line: Listening) -> str:
    return str(submitted(line.gateway).result["case"])


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


def test_it_ends_and_says_a_word_as_an_attested_one_does(line, hotline, case):
    until = int(line.gateway.clock().timestamp()) + 86_400
    document = offer(
        hotline, case, expires_at=until, said={"by": "liaison-1", "note": "soon, please"}
    )
    handoff = make(hotline, case, document).json["result"]["handoff"]
    view = line.partner(OFMIN).get(f"/handoffs/{handoff}").json
    assert view["expires_at"].startswith(line.gateway.clock().date().isoformat()[:4])
    assert sd_jwt.read_unverified(view["answers"][0]["document"]).content["note"] == "soon, please"


@each("until", ["2030-01-01T00:00:00Z", True, 1.5, -(10**20), 10**20])
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


def test_an_offer_that_updates_nothing_is_no_update(line, hotline, case):
    document = offer(hotline, case)
    handoff = make(hotline, case, document).json["result"]["handoff"]
    again = offer(hotline, case, handoff=handoff)
    assert "updates" in refused(send(hotline, f"/handoffs/{handoff}/updates", again))


@pytest.fixture
def update(line, hotline):
    """Sign and send an update of a handoff that ends, but for changes; its document, the answer."""
    first = submitted(line.gateway)
    case, end = str(first.result["case"]), int(line.gateway.clock().timestamp()) + 86_400
    made = make(hotline, case, offer(hotline, case, expires_at=end)).json["result"]
    revised(line.gateway, first, urgency="urgent")
    path = f"/handoffs/{made['handoff']}/updates"
    shown = hotline.post(f"{path}/preview", {"by": "liaison-1"}).json

    def send_it(**changes: Any) -> tuple[sd_jwt.SdJwt, Any]:
        terms = {"updates": shown["updates"], "change": shown["change"], "expires_at": end}
        named = {"handoff": made["handoff"], **terms, **changes}
        document = offer(hotline, case, shown=shown, **named)
        return document, send(hotline, path, document)

    return send_it


def test_a_signed_update_stays_as_it_was_signed(update):
    document, answer = update()
    assert answer.status_code in (200, 201), answer.text
    assert answer.json["result"]["offer"] == document.compact()


@each(
    "changes",
    [
        {"handoff": element_id("url")},
        {"to": {"organisation": OFMIN}},
        {"to": {"organisation": ABROAD}},
        {"purpose": ["identify_victim", "investigate"]},
        {"change": "addition"},
        {"expires_at": None},
        {"said": {"by": "liaison-1", "groups": ["items"]}},
        {"said": {"by": "liaison-1", "digests": []}},
        {"key": OTHER},
    ],
)
def test_a_signed_update_repeats_its_handoff_and_hides_nothing(line, update, changes):
    before = line.gateway.size()
    refused(update(**changes)[1])
    assert line.gateway.size() == before


def test_a_signed_update_is_of_the_newest_offer(update):
    assert update(updates=base64url.digest(b"another"))[1].status_code == 409
    assert update()[1].status_code in (200, 201)
    assert update()[1].status_code == 409


def test_a_signed_update_whose_key_was_revoked_meanwhile_is_refused(line, update):
    line.gateway.administer("key.revoke", HOTLINE, kid=HOTLINES.kid, reason="replaced")
    assert "revoked" in refused(update()[1])


def test_a_signed_update_is_not_dated_before_the_version_that_it_sends(line, update):
    before = line.gateway.size()
    refused(update(iat=1)[1])
    assert line.gateway.size() == before


# --- what it names ---


def test_it_names_exactly_what_policy_lets_through(line, hotline):
    """More would be a promise that nobody keeps, less another handoff than its package says."""
    siena = {**case_content(line.gateway.new_id())["references"][0], "scheme": "siena"}
    case = str(submitted(line.gateway, references=[siena]).result["case"])
    shown = preview(hotline, case, to={"organisation": ABROAD}, groups=["items", "references"])
    assert shown["withheld_groups"] == ["references"]
    every = preview(hotline, case, groups=["items", "references"])["permitted_disclosures"]
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


def test_it_names_each_condition_of_use(line, hotline, case):
    shown = preview(hotline, case)
    attribution = next(
        one.digest
        for one in sd_jwt.parse(shown["routing"]).disclosures
        if one.name == "attribution"
    )
    kept = [digest for digest in shown["permitted_disclosures"] if digest != attribution]
    refused(make(hotline, case, offer(hotline, case, shown=shown, disclosures=kept)))


def test_it_names_no_other_transfer_tool_than_that_in_force(line, hotline, case):
    shown = preview(hotline, case)
    refused(make(hotline, case, offer(hotline, case, shown=shown, transfer_tool="Art. 46")))


def test_it_names_parts_of_this_case_alone(line, hotline, case):
    other = preview(hotline, str(submitted(line.gateway).result["case"]))
    shown = preview(hotline, case)
    answer = make(hotline, case, offer(hotline, case, disclosures=other["permitted_disclosures"]))
    assert answer.json["errors"][0]["pointer"] == "/digests"
    detail = refused(make(hotline, case, offer(hotline, case, shown=other)))
    assert "version" in detail
    stale = offer(hotline, case, shown=shown, case_digest="A" * 43)
    assert "version" in refused(make(hotline, case, stale))


@each(
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
    assert answer.status_code in {403, 409, 422}, answer.text
    assert hotline.get("/handoffs?box=out").json["items"] == []


@each(
    "claims",
    [
        {"handoff": None},
        {"handoff": "short"},
        {"case_digest": None},
        {"case_digest": "short"},
        {"disclosures": None},
        {"disclosures": [1]},
        {"disclosures": ["short"]},
        {"groups": ["items"]},
    ],
)
def test_an_offer_whose_claims_are_not_its_own_is_refused_and_no_event(line, hotline, case, claims):
    document = offer(hotline, case, **claims)
    before = line.gateway.size()
    refused(make(hotline, case, document))
    assert line.gateway.size() == before


@each(
    "claims, said, pointer",
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


@each("name", ["to", "groups", "digests", "more"])
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


LINE = keyed()
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


# --- who may ---


def test_nobody_offers_a_case_of_another_by_its_own_signature(line, hotline, case):
    shown = preview(hotline, case)
    line.gateway.register_key(ABROAD, OTHER)
    document = signed_offer(line.gateway, ABROAD, OTHER, shown)
    assert make(line.partner(ABROAD), case, document).status_code == 404


def test_it_is_no_request_with_a_statutory_time(hotline, case):
    said = {"by": "liaison-1", "request": "other"}
    assert "no other disclosures" in refused(make(hotline, case, offer(hotline, case, said=said)))
