"""An office approves a succession by a document that it signs itself, and by no other."""

from typing import Any
from uuid import UUID

import pytest

from gateway.evidence import canonical, receipt, sd_jwt
from gateway.evidence.declarations import SUCCESSION_TYP, planned
from gateway.evidence.handoff_documents import ANSWER_TYP
from gateway.exchange.lifecycle import succession_execution
from tests.casework import accepted
from tests.each import each
from tests.exchange.moving_mandates import DAY, PLAN
from tests.founded_gateway import HOTLINE, OCRVP, OFMIN, Founded
from tests.log_check import check_log
from tests.signing import heading
from tests.web.listening import Listening, Partner, listening
from tests.web.partners.tricks import OFFICES, OTHER, refused, send


@pytest.fixture
def line() -> Listening:
    """A requirement to sign stands for OFMIN, and its mandate is planned to move."""
    made = listening()
    made.gateway.register_key(OFMIN, OFFICES)
    word = made.gateway.word(OFMIN, "lock", OFFICES, OFFICES)
    made.gateway.administer("organisation.require_signed", OFMIN, declaration=word)
    return made


@pytest.fixture
def succession(line: Listening) -> str:
    return str(line.gateway.administer("succession.plan", OFMIN, **PLAN).result["succession"])


def approval(
    gateway: Founded,
    shown: dict[str, Any],
    *,
    key: Any = OFFICES,
    typ: str = SUCCESSION_TYP,
    organisation: str = OFMIN,
    said: dict[str, Any] | None = None,
    **claims: Any,
) -> sd_jwt.SdJwt:
    """A signed approval of what is shown; ``claims`` replace what stands in clear."""
    clear = {**heading(gateway, organisation), **planned(shown), **claims}
    return sd_jwt.issue(
        typ=typ,
        claims={name: value for name, value in clear.items() if value is not None},
        properties=list(({"by": "officer-1"} if said is None else said).items()),
        arrays=(),
        signer=key,
        random=gateway.ports.random,
    )


def test_a_locked_office_approves_by_what_it_signs_and_by_nothing_else(line, office, succession):
    path = f"/successions/{succession}"
    denied = office.post(f"{path}/approval", {"by": "officer-1"})
    assert denied.json["rules"] == ["R2.signed_only"]
    document = approval(line.gateway, office.get(path).json)
    answer = send(office, f"{path}/approval", document)
    assert answer.status_code == 200, answer.text
    assert answer.json["result"]["waits_for"] == [OCRVP]
    confirmed = line.gateway.confirm(receipt.from_json(answer.json["receipt"]))
    assert confirmed.event["document_sha256"] == document.digest
    assert ("by", "officer-1") in confirmed.opened.shown
    again = send(office, f"{path}/approval", document)
    assert again.json == answer.json
    check_log(line.gateway)


def test_the_document_is_shown_to_both_offices_without_the_person(line, office, succession):
    path = f"/successions/{succession}"
    document = approval(line.gateway, office.get(path).json)
    send(office, f"{path}/approval", document)
    for one in (office, line.partner(OCRVP)):
        (shown,) = one.get(path).json["approvals"]
        kept = sd_jwt.parse(shown["document"])
        assert (shown["organisation"], kept.digest, kept.disclosures) == (
            OFMIN,
            document.digest,
            (),
        )
    other = line.partner(OCRVP)
    other.post(f"{path}/approval", {"by": "officer-2"})
    assert other.get(path).json["approvals"][1]["document"] is None


def test_what_the_gateway_says_for_the_predecessor_names_what_it_signed(line, office, succession):
    handoff = accepted_before(line, office)
    path = f"/successions/{succession}"
    document = approval(line.gateway, office.get(path).json)
    send(office, f"{path}/approval", document)
    line.partner(OCRVP).post(f"{path}/approval", {"by": "officer-2"})
    line.gateway.day = DAY
    assert succession_execution.apply(line.gateway.ports, UUID(succession)).done
    told = line.partner(HOTLINE).get(f"/handoffs/{handoff}").json
    said = sd_jwt.read_unverified(told["answers"][-1]["document"]).content
    assert said["reason"].endswith(f"; as it signed in {document.digest}")
    assert told["reissued_as"]["handoff"]


def accepted_before(line: Listening, office: Partner) -> UUID:
    """A handoff that the office held before it required its own signature."""
    gateway = line.gateway
    word = gateway.word(OFMIN, "unlock", OFFICES, OFFICES)
    gateway.administer("organisation.allow_attested", OFMIN, declaration=word)
    handoff = accepted(gateway)
    word = gateway.word(OFMIN, "lock", OFFICES, OFFICES)
    gateway.administer("organisation.require_signed", OFMIN, declaration=word)
    return handoff


@each("name", sorted(planned({}).keys() - {"permissions_carry_over"}))
def test_another_plan_is_not_approved(line, office, succession, name):
    path = f"/successions/{succession}"
    shown = office.get(path).json
    for other in ("2026-04-02", None):
        document = approval(line.gateway, {**shown, name: other})
        assert "another plan" in refused(send(office, f"{path}/approval", document))
    assert office.get(path).json["waits_for"] == [OFMIN, OCRVP]
    check_log(line.gateway)


@each("value", [True, 0, None, "no"])
def test_permissions_carry_over_is_signed_in_its_one_spelling(line, office, succession, value):
    path = f"/successions/{succession}"
    shown = {**office.get(path).json, "permissions_carry_over": value}
    assert "another plan" in refused(
        send(office, f"{path}/approval", approval(line.gateway, shown))
    )


@each(
    "changes",
    [
        {"typ": ANSWER_TYP},
        {"key": OTHER},
        {"organisation": OCRVP},
        {"aud": "https://another.example"},
        {"attested_for": f"https://gateway.example.org/organisations/{OFMIN}"},
        {"jti": "once"},
        {"iat": 4_000_000_000},
        {"more": "words"},
    ],
)
def test_a_document_that_is_not_the_offices_own_word_approves_nothing(
    line, office, succession, changes
):
    path = f"/successions/{succession}"
    document = approval(line.gateway, office.get(path).json, **changes)
    assert refused(send(office, f"{path}/approval", document))
    assert office.get(path).json["approvals"] == []


@each("said", [{}, {"by": "A Person"}, {"by": "officer-1", "note": "x"}])
def test_the_person_is_its_one_disclosure(line, office, succession, said):
    path = f"/successions/{succession}"
    document = approval(line.gateway, office.get(path).json, said=said)
    assert send(office, f"{path}/approval", document).status_code == 422


def test_an_approval_of_another_succession_is_none_of_this_one(line, office, succession):
    path = f"/successions/{succession}"
    shown = office.get(path).json
    line.gateway.administer("succession.cancel", OFMIN, succession=succession, reason="postponed")
    document = approval(line.gateway, shown)
    assert send(office, f"{path}/approval", document).json["type"].endswith("/invalid-state")
    second = line.gateway.administer("succession.plan", OFMIN, **PLAN).result["succession"]
    document = approval(line.gateway, shown)
    assert "another plan" in refused(send(office, f"/successions/{second}/approval", document))


def test_after_its_revocation_a_key_approves_nothing_more(line, office, succession):
    path = f"/successions/{succession}"
    document = approval(line.gateway, office.get(path).json)
    line.gateway.administer("key.revoke", OFMIN, kid=OFFICES.kid, reason="lost")
    assert "revoked" in refused(send(office, f"{path}/approval", document))
    assert canonical.encode(office.get(path).json["approvals"]) == b"[]"
