"""The directory endpoints: the caller itself, and who takes part."""

from dataclasses import replace

from gateway.evidence import declarations, membership_attestation, receipt, signature
from gateway.keys import jwk_set
from gateway.verification import key_history, mandates
from gateway.verification.trust import confirm_receipt
from tests.client.client_fixture import trust_of
from tests.each import each
from tests.founded_gateway import OCRVP, OFMIN
from tests.log_check import check_log
from tests.ports import document_key


def test_a_system_without_the_directory_sees_itself_and_not_the_directory(hotline):
    token = hotline.token(scope="cases.read")
    assert hotline.get("/whoami", token=token).json["scopes"] == ["cases.read"]
    assert hotline.get("/organisations", token=token).status_code == 403


@each("slug", ["X", "a", "-a", "a b", "a" * 41, "a%00", "é-é"])
def test_what_is_no_id_is_not_found_and_no_event(line, hotline, slug):
    before = line.gateway.size()
    assert hotline.get(f"/organisations/{slug}").status_code == 404
    assert line.gateway.size() == before


def test_everybody_may_check_where_a_key_came_from(line, hotline):
    key = document_key("office")
    written = line.gateway.register_key(OFMIN, key)
    shown = hotline.get(f"/organisations/{OFMIN}").json["document_keys"]
    answer = hotline.get(f"/organisations/{OFMIN}/keys/{shown[0]['kid']}")
    assert (answer.json["organisation"], answer.json["kid"]) == (OFMIN, key.kid)
    found = key_history.verify_registration(
        receipt.from_json(answer.json["receipt"]), trust_of(line.gateway)
    )
    assert (found.organisation, found.kid, found.key) == (OFMIN, key.kid, key.public_key)
    assert found.confirmed.event["id"] == written.result["event"] == shown[0]["registration_event"]


def test_every_member_reads_who_approved_a_key_and_not_whose_counters_it_moved(line, hotline):
    key = document_key("office")
    line.gateway.register_key(OFMIN, key)
    for reader in (hotline, line.partner(OFMIN)):
        told = reader.get(f"/organisations/{OFMIN}/keys/{key.kid}").json["receipt"]
        found = key_history.verify_registration(receipt.from_json(told), trust_of(line.gateway))
        assert [kind for kind, _ in found.confirmed.opened.shown] == ["subject", "approvals"]


def test_a_revoked_key_keeps_its_origin(line, hotline):
    key = document_key("office")
    line.gateway.register_key(OFMIN, key)
    path = f"/organisations/{OFMIN}/keys/{key.kid}"
    assert hotline.get(path).json["revocations"] == []
    line.gateway.administer("key.revoke", OFMIN, kid=key.kid, reason="replaced")
    told = hotline.get(path).json
    assert told["receipt"]
    found = key_history.verify_revocation(
        receipt.from_json(told["revocations"][0]), trust_of(line.gateway)
    )
    assert (found.organisation, found.kid) == (OFMIN, key.kid)
    assert [kind for kind, _ in found.confirmed.opened.shown] == ["key"]


def test_a_key_of_another_organisation_is_not_found_there(line, hotline):
    key = document_key("office")
    line.gateway.register_key(OFMIN, key)
    for path in (f"/organisations/{OCRVP}/keys/{key.kid}", f"/organisations/nobody/keys/{key.kid}"):
        assert hotline.get(path).status_code == 404
    before = line.gateway.size()
    assert hotline.get(f"/organisations/{OFMIN}/keys/short").status_code == 404
    assert line.gateway.size() == before


def test_the_directory_is_searched_by_kind_and_by_competence(hotline):
    found = hotline.get("/organisations?kind=police_office&limit=1").json
    assert [one["organisation"] for one in found["items"]] == [OCRVP]
    following = hotline.get(found["next"]).json
    assert [one["organisation"] for one in following["items"]] == [OFMIN]
    holders = hotline.get("/organisations?competence=receive/csam/FR").json["items"]
    assert [one["organisation"] for one in holders] == [OFMIN]


@each("query", ["kind=club", "competence=csam/FR", "competence=receive/csam/fr"])
def test_what_nobody_can_be_searched_by_is_told(hotline, query):
    assert hotline.get(f"/organisations?{query}").status_code == 422


def test_a_status_statement_verifies_by_the_attestation_keys(line, hotline):
    answer = hotline.get(f"/organisations/{OFMIN}/attestation").json
    mark = membership_attestation.verify(answer["attestation"], trust_of(line.gateway).gateway_keys)
    assert (mark.organisation, mark.kind) == (OFMIN, "observer")
    assert answer["expires_at"] == mark.ends.isoformat()


@each("slug", ["nobody", "X"])
def test_of_nobody_no_status_is_stated(hotline, slug):
    assert hotline.get(f"/organisations/{slug}/attestation").status_code == 404


def test_everybody_may_check_who_was_registered_for_a_mandate(line, hotline):
    held = hotline.get(f"/organisations/{OFMIN}").json["mandates"][0]
    path = f"/organisations/{OFMIN}/mandates/{held['registration_event']}"
    told = hotline.get(path).json
    found = mandates.read(
        confirm_receipt(receipt.from_json(told["receipt"]), trust_of(line.gateway))
    )
    assert (found.organisation, found.competence) == (OFMIN, held["competence"])
    assert found.confirmed.event["id"] == told["event"] == held["registration_event"]
    assert [kind for kind, _ in found.confirmed.opened.shown] == ["subject", "approvals"]
    check_log(line.gateway)


def test_no_other_event_is_shown_as_the_registration_of_a_mandate(line, hotline):
    key = document_key("office")
    line.gateway.register_key(OFMIN, key)
    registered = hotline.get(f"/organisations/{OFMIN}").json["document_keys"][0]
    held = hotline.get(f"/organisations/{OFMIN}").json["mandates"][0]["registration_event"]
    for path in (
        f"/organisations/{OFMIN}/mandates/{registered['registration_event']}",
        f"/organisations/{OCRVP}/mandates/{held}",
        f"/organisations/nobody/mandates/{held}",
    ):
        assert hotline.get(path).status_code == 404, path


def test_a_key_comes_with_the_events_by_which_its_owner_required_its_own_signature(line, hotline):
    key = document_key("office")
    line.gateway.register_key(OFMIN, key)
    path = f"/organisations/{OFMIN}/keys/{key.kid}"
    assert hotline.get(path).json["locks"] == []

    def declared(says: str) -> str:
        return line.gateway.word(OFMIN, says, key, key)

    line.gateway.administer(
        "organisation.require_signed", OFMIN, declaration=declared(declarations.LOCK)
    )
    line.gateway.administer(
        "organisation.allow_attested", OFMIN, declaration=declared(declarations.UNLOCK)
    )
    trust = replace(
        trust_of(line.gateway), organisations={OFMIN: signature.public_keys(jwk_set([key]))}
    )
    receipts = [receipt.from_json(one) for one in hotline.get(path).json["locks"]]
    found = key_history.signing_requirements(receipts, trust)
    assert [(one.organisation, one.stands) for one in found] == [(OFMIN, True), (OFMIN, False)]
    assert all([kind for kind, _ in one.confirmed.opened.shown] == ["subject"] for one in found)
