"""The client seals with keys that it keeps, opens what it consulted, and seals anew when asked."""

import json
from dataclasses import replace

import pytest

from gateway.client import SealingFailed, SettingsError
from gateway.client.sealing import key_for
from gateway.domain.organisation import organisation_uri
from gateway.domain.sealed import SealedContent
from gateway.evidence import declarations, seal, signature
from gateway.keys import DecryptionKey, jwk_set
from gateway.verification.verifier import verify_bundle
from tests.casework import case_content, element_id
from tests.client.client_fixture import MemberClient, connection_of, trust_of
from tests.each import each
from tests.founded_gateway import ABROAD, CSAM_FR, HOTLINE, OCRVP, OFMIN, fields_of, shown
from tests.log_check import check_log
from tests.ports import ISSUER, document_key, encryption_key
from tests.verification.scenario import fact
from tests.web.listening import Listening, listening

KEYS = {OFMIN: encryption_key("ofmin"), OCRVP: encryption_key("ocrvp")}
PERSON, LOGIN = (f"018f0000-0000-7000-8000-00000000003{n}" for n in (1, 2))
PLAIN = {
    PERSON: {"type": "identity", "value": {"about": element_id("victim"), "name": "N. N."}},
    LOGIN: {"type": "credentials", "value": {"about": element_id("url"), "user": "reader"}},
}
CLEARED = {"assessed_by": "analyst-1", "cleared_by": "approver-1", "confirmed_matches": []}
TRAFFICKING = "trafficking/FR"
GROUPS = ["items", "statements", "subjects"]
WHY = {"reason_code": "quality", "reason": "redirected"}


def kept(*names: str):
    """The encryption keys that a member keeps of others."""
    pairs = {slug: [KEYS[slug].public_jwk()] for slug in names or KEYS}
    return {slug: signature.encryption_keys({"keys": keys}) for slug, keys in pairs.items()}


@pytest.fixture
def stage() -> Listening:
    made = listening()
    for slug, key in KEYS.items():
        made.gateway.register_encryption_key(slug, key)
    made.gateway.administer(
        "mandate.grant", OCRVP, function="receive", matter="trafficking", territory="FR",
        legal_act="decree", start="2026-01-01",
    )  # fmt: skip
    return made


@pytest.fixture
def hotline(stage) -> MemberClient:
    return MemberClient(stage, seal_to=kept())


def office(stage, slug=OFMIN, *keys: DecryptionKey) -> MemberClient:
    held = keys or (KEYS[slug],)
    return MemberClient(stage, slug, encryption_keys={key.kid: key for key in held})


def content(stage, **changes):
    changes = {"matter": ["csam", "trafficking"], **changes}
    return case_content(stage.gateway.new_id(), **changes)


def offered(hotline, case, competence=CSAM_FR) -> str:
    written = hotline.offer(
        case, "liaison-1", purpose=["identify_victim"], competence=competence, groups=GROUPS
    )
    return written.result["handoff"]


def opened(desk, handoff):
    desk.accept(desk.handoff(handoff), "officer-1")
    return desk.consult(handoff, "officer-1", "investigation", "first look")


def test_what_is_sealed_is_opened_by_its_addressee_after_a_recorded_consultation(stage, hotline):
    case = hotline.seal(content(stage), PLAIN, OFMIN)
    assert "N. N." not in json.dumps(case)
    hotline.submit(case, "intake-1", CLEARED)
    police = office(stage)
    consulted = opened(police, offered(hotline, case["case"]))
    found = {one.part.id: one.contents for one in police.unseal(consulted)}
    assert {name: one.value for name, one in found.items()} == {
        name: said["value"] for name, said in PLAIN.items()
    }
    event = consulted.written.receipt
    assert fields_of(event)["type"] == "case.consulted"
    assert shown(event)["reason"] == "first look"
    check_log(stage.gateway)


def test_a_signed_case_carries_seals_too(stage):
    key = document_key("hotline")
    stage.gateway.register_key(HOTLINE, key)
    hotline = MemberClient(stage, document_key=key, seal_to=kept())
    case = hotline.seal(content(stage), PLAIN, OFMIN)
    hotline.submit(case, "intake-1", CLEARED)
    own = hotline.consult_case(case["case"], "intake-1", "quality", "what did we seal?")
    assert own.assurance == "signed"
    assert [one.fault for one in hotline.unseal(own)] == [f"it is sealed to {OFMIN}"] * 2


def test_one_can_seal_a_copy_to_oneself(stage):
    key = encryption_key("hotline")
    stage.gateway.register_encryption_key(HOTLINE, key)
    own = {HOTLINE: signature.encryption_keys({"keys": [key.public_jwk()]})}
    hotline = MemberClient(stage, seal_to=own, encryption_keys={key.kid: key})
    case = hotline.seal(content(stage), PLAIN, HOTLINE)
    hotline.submit(case, "intake-1", CLEARED)
    read = hotline.consult_case(case["case"], "intake-1", "quality", "what did we seal?")
    assert all(one.contents for one in hotline.unseal(read))


def test_a_redirected_case_is_sealed_anew_and_offered_to_the_other_office(stage, hotline):
    case = hotline.seal(content(stage), PLAIN, OFMIN)
    hotline.submit(case, "intake-1", CLEARED)
    first = offered(hotline, case["case"])
    office(stage).answer(
        "redirect", first, "officer-1", reason="not ours", suggested_recipient="OCRVP"
    )
    asked = hotline.handoff(first)["to_reseal"]
    assert {one["id"] for one in asked} == PLAIN.keys()
    written = hotline.reseal(
        case["case"], "intake-1", PLAIN, before=OFMIN, to=OCRVP, clearance=CLEARED, **WHY
    )
    assert written.result["version"] == 2
    other = office(stage, OCRVP)
    consulted = opened(other, offered(hotline, case["case"], TRAFFICKING))
    assert {one.contents.value.get("name") for one in other.unseal(consulted)} == {"N. N.", None}
    own = hotline.consult_case(case["case"], "intake-1", "quality", "look")
    assert {one.part.sealed_to for one in hotline.unseal(own)} == {OCRVP}
    check_log(stage.gateway)


@pytest.mark.parametrize(
    ("plain", "told"),
    [
        ({PERSON: PLAIN[PERSON]}, f"give the content of {LOGIN} again"),
        ({**PLAIN, element_id("victim"): PLAIN[PERSON]}, "is not sealed to ofmin"),
    ],
)
def test_what_has_to_be_sealed_anew_is_named(stage, hotline, plain, told):
    case = hotline.seal(content(stage), PLAIN, OFMIN)
    hotline.submit(case, "intake-1", CLEARED)
    with pytest.raises(SealingFailed, match=told):
        hotline.reseal(case["case"], "intake-1", plain, before=OFMIN, to=OCRVP, **WHY)
    with pytest.raises(SealingFailed):
        hotline.reseal(case["case"], "intake-1", plain, before=OCRVP, to=OFMIN, **WHY)
    assert hotline.case(case["case"])["version"] == 1


def test_a_sealed_element_takes_the_place_of_the_open_one_of_its_id(stage, hotline):
    fact = element_id("fact")
    said = {"type": "statement", "value": {"kind": "fact", "text": "Only for you."}}
    case = hotline.seal(content(stage), {fact: said}, OFMIN)
    assert [one["id"] for one in case["statements"]] == [fact, element_id("assessment")]
    assert case["statements"][0].keys() == {"id", "sealed_to", "sealed"}
    hotline.submit(case, "intake-1", CLEARED)


# --- keys ---


def test_a_key_that_only_the_gateway_tells_of_is_not_sealed_to(stage):
    with pytest.raises(SealingFailed, match=KEYS[OFMIN].kid):
        MemberClient(stage).seal(content(stage), PLAIN, OFMIN)


def test_a_fetched_document_key_vouches_for_no_key_to_seal_to(stage):
    signer, new = document_key("ofmin"), encryption_key("new")
    stage.gateway.register_key(OFMIN, signer)
    stage.gateway.register_encryption_key(OFMIN, new, signer)
    hotline = MemberClient(stage)
    hotline.connection.fetch_keys(OFMIN)
    assert signer.kid in hotline.connection.trust.organisations[OFMIN]
    with pytest.raises(SealingFailed, match=new.kid):
        hotline.seal(content(stage), PLAIN, OFMIN)


def test_a_key_that_a_compared_document_key_vouches_for_is_sealed_to(stage):
    signer, stranger, new = document_key("ofmin"), document_key("x"), encryption_key("new")
    stage.gateway.register_key(OFMIN, signer)
    stage.gateway.register_encryption_key(OFMIN, new, signer)
    case = content(stage)
    for known, trusted in ((signer, True), (stranger, False)):
        theirs = {OFMIN: signature.public_keys(jwk_set([known]))}
        hotline = MemberClient(stage, compared=theirs)
        if trusted:
            sealed = hotline.seal(case, PLAIN, OFMIN)
            assert seal.key_id(sealed["subjects"][-1]["sealed"]) == new.kid
            hotline.submit(sealed, "intake-1", CLEARED)
        else:
            with pytest.raises(SealingFailed):
                hotline.seal(case, PLAIN, OFMIN)


@each("says", [declarations.POSSESSION, declarations.KEY_SUCCESSION, declarations.LOCK])
def test_what_a_document_key_says_of_other_things_vouches_for_no_key(stage, says):
    signer, new = document_key("ofmin"), encryption_key("new")
    said = stage.gateway.word(OFMIN, says, new, signer)
    other = stage.gateway.word(OFMIN, declarations.ENCRYPTION, encryption_key("old"), signer)
    foreign = stage.gateway.word(OCRVP, declarations.ENCRYPTION, new, signer)
    theirs = {OFMIN: signature.public_keys(jwk_set([signer]))}
    connection = connection_of(stage, compared=theirs)
    for text in (said, other, foreign, "", None):
        key = {
            "kid": new.kid,
            "jwk": new.public_jwk(),
            "valid_until": None,
            "countersignature": text,
        }
        with pytest.raises(SealingFailed):
            key_for({"organisation": OFMIN, "encryption_keys": [key]}, connection)
    good = stage.gateway.word(OFMIN, declarations.ENCRYPTION, new, signer)
    for kid, taken in ((new.kid, True), (signer.kid, False)):
        listed = {**key, "kid": kid, "countersignature": good}
        shown_as = {"organisation": OFMIN, "encryption_keys": [listed]}
        if taken:
            assert key_for(shown_as, connection)[0] == new.kid
        else:
            with pytest.raises(SealingFailed):
                key_for(shown_as, connection)


def test_a_key_that_was_revoked_is_not_sealed_to(stage, hotline):
    stage.gateway.administer("key.revoke", OFMIN, kid=KEYS[OFMIN].kid, reason="lost")
    with pytest.raises(SealingFailed):
        hotline.seal(content(stage), PLAIN, OFMIN)
    later = encryption_key("later")
    stage.gateway.register_encryption_key(OFMIN, later)
    with pytest.raises(SealingFailed, match=later.kid):
        hotline.seal(content(stage), PLAIN, OFMIN)


def test_of_two_keys_the_newest_that_is_kept_is_taken_and_the_older_one_still_opens(stage):
    later = encryption_key("later")
    stage.gateway.register_encryption_key(OFMIN, later)
    both = [KEYS[OFMIN].public_jwk(), later.public_jwk()]
    for keys, expected in ((both[:1], KEYS[OFMIN]), (both, later)):
        hotline = MemberClient(stage, seal_to={OFMIN: signature.encryption_keys({"keys": keys})})
        case = hotline.seal(content(stage), PLAIN, OFMIN)
        assert seal.key_id(case["subjects"][-1]["sealed"]) == expected.kid
        hotline.submit(case, "intake-1", CLEARED)
        police = office(stage, OFMIN, KEYS[OFMIN], later)
        consulted = opened(police, offered(hotline, case["case"]))
        assert all(one.contents for one in police.unseal(consulted))


def test_one_key_does_not_sign_and_open(stage):
    key = KEYS[OFMIN]
    with pytest.raises(SettingsError):
        MemberClient(stage, OFMIN, document_key=key.prover, encryption_keys={key.kid: key})


# --- what may not be sealed ---


@each(
    "said",
    [
        {"type": "identity", "value": {"about": element_id("victim"), "category": "suspect"}},
        {"type": "identity", "value": {"about": element_id("victim"), "note": "data:,x"}},
        {"type": "reporter", "value": {"note": "é " * 740, "name": "é" * 300}},
        {"type": "picture", "value": {"name": "x"}},
        {"type": "identity"},
        {"type": "identity", "value": "x"},
        {"type": ["identity"], "value": {}},
        "text",
    ],
)
def test_nothing_is_sealed_when_one_content_breaks_a_rule(stage, hotline, said):
    with pytest.raises(SealingFailed, match=f"nothing was sealed; {LOGIN}"):
        hotline.seal(content(stage), {PERSON: PLAIN[PERSON], LOGIN: said}, OFMIN)


@each("there", [5, ["x"], {"id": "x"}])
def test_nothing_is_sealed_into_what_is_no_array_of_elements(stage, hotline, there):
    broken = {**content(stage), "subjects": there}
    with pytest.raises(SealingFailed, match="/subjects of the case must be an array of objects"):
        hotline.seal(broken, {PERSON: PLAIN[PERSON]}, OFMIN)


# --- what is not shown ---


def closed(here: str, **changes) -> str:
    contents = SealedContent(
        originator=organisation_uri(ISSUER, HOTLINE),
        addressee=organisation_uri(ISSUER, OFMIN),
        case=here,
        element=PERSON,
        type="identity",
        value=PLAIN[PERSON]["value"],
    )
    public = signature.read_encryption_key(KEYS[OFMIN].public_jwk())
    return seal.seal(replace(contents, **changes), *public)


@pytest.mark.parametrize(
    "changes",
    [
        {"originator": organisation_uri(ISSUER, ABROAD)},
        {"originator": organisation_uri("https://other.example", HOTLINE)},
        {"addressee": organisation_uri(ISSUER, OCRVP)},
        {"case": "018f0000-0000-7000-8000-000000000099"},
        {"element": LOGIN},
        {"type": "reporter", "value": {"name": "x"}, "element": LOGIN},
        {"type": "item", "value": {"kind": "host", "value": "a.example"}},
    ],
)
def test_a_seal_that_was_moved_here_from_elsewhere_is_not_shown(stage, hotline, changes):
    case = content(stage)
    element = {"id": PERSON, "sealed_to": OFMIN, "sealed": closed(case["case"], **changes)}
    case["subjects"].append(element)
    hotline.submit(case, "intake-1", CLEARED)
    police = office(stage)
    (one,) = police.unseal(opened(police, offered(hotline, case["case"])))
    assert one.contents is None
    assert "another place" in one.fault


def test_a_seal_that_does_not_open_hides_no_other(stage, hotline):
    case = hotline.seal(content(stage), PLAIN, OFMIN)
    parts = case["items"][-1]["sealed"].split(".")
    case["items"][-1]["sealed"] = ".".join([*parts[:4], "A" * 22])
    hotline.submit(case, "intake-1", CLEARED)
    police = office(stage)
    found = police.unseal(opened(police, offered(hotline, case["case"])))
    assert [(one.contents is None, "damaged" in one.fault) for one in found] == [
        (True, True),
        (False, False),
    ]


def test_without_the_key_nothing_opens(stage, hotline):
    case = hotline.seal(content(stage), PLAIN, OFMIN)
    hotline.submit(case, "intake-1", CLEARED)
    police = office(stage, OFMIN, KEYS[OCRVP])
    found = police.unseal(opened(police, offered(hotline, case["case"])))
    assert {one.fault for one in found} == {"it is sealed to a key that you do not have"}


# --- evidence ---


def test_a_verdict_says_what_is_sealed_to_whom_and_that_the_operator_cannot_read_it(stage, hotline):
    case = hotline.seal(content(stage), PLAIN, OFMIN)
    hotline.submit(case, "intake-1", CLEARED)
    police = office(stage)
    handoff = offered(hotline, case["case"])
    police.accept(police.handoff(handoff), "officer-1")
    verdict = verify_bundle(police.export(handoff, "officer-1", "file"), trust_of(stage.gateway))
    assert verdict.passed
    sealed = fact(verdict, "sealed")
    assert (sealed["organisation"], sealed["number"]) == (OFMIN, 2)
    assert any("sealed element" in step.detail for step in verdict.steps)
