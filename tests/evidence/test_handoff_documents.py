"""Offers and answers: each says whose word it is and what exactly it binds."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from gateway.domain.answers import ANSWERS
from gateway.evidence import base64url, handoff_documents, sd_jwt
from gateway.evidence.handoff_documents import StatementError
from tests import answers
from tests.each import each
from tests.evidence.ingredients import chance, es256

GATEWAY = "https://gw.example.org"
HOTLINE = f"{GATEWAY}/organisations/hotline"
HANDOFF = UUID("01890000-0000-7000-8000-00000000abcd")
AT = datetime(2026, 1, 2, 3, 4, 5, 900_000, UTC)
CASE = base64url.digest(b"case")
SHOWN = [base64url.digest(bytes([n])) for n in (2, 1, 3)]
SIGNER = es256()
OFFER = {
    "issuer": HOTLINE,
    "attested_for": None,
    "audience": GATEWAY,
    "at": AT,
    "jti": "jti-1",
    "handoff": HANDOFF,
    "to": {"organisation": "police"},
    "case_digest": CASE,
    "disclosures": SHOWN,
    "purpose": ("identify_victim",),
    "expires_at": None,
    "by": "staff-1",
    "note": None,
}
ANSWER = {
    "issuer": f"{GATEWAY}/organisations/police",
    "attested_for": None,
    "audience": GATEWAY,
    "at": AT,
    "jti": UUID(int=5),
    "handoff": str(HANDOFF),
    "case_digest": CASE,
    "offer_digest": base64url.digest(b"offer"),
    "package_digest": handoff_documents.package_digest(SHOWN),
    "kind": "acceptance",
    "by": "staff-7",
}


def offered(**changes) -> sd_jwt.VerifiedSdJwt:
    document = answers.issue_offer(**OFFER | changes, signer=SIGNER, random=chance())
    return sd_jwt.verify(document.compact(), typ=handoff_documents.OFFER_TYP, keys=SIGNER.keys())


def answered(**changes) -> sd_jwt.VerifiedSdJwt:
    document = answers.issue(**ANSWER | changes, signer=SIGNER, random=chance())
    return sd_jwt.verify(document.compact(), typ=handoff_documents.ANSWER_TYP, keys=SIGNER.keys())


def test_a_package_names_a_set_of_digests_whatever_their_order():
    expected = base64url.digest("\n".join(sorted(SHOWN)).encode())
    assert handoff_documents.package_digest(SHOWN) == expected
    assert handoff_documents.package_digest(reversed(SHOWN)) == expected
    assert handoff_documents.package_digest([*SHOWN, SHOWN[0]]) == expected
    assert handoff_documents.package_digest(SHOWN[:2]) != expected


def test_an_offer_has_its_claims_in_clear_and_who_made_it_as_a_disclosure():
    verified = offered(note="please", expires_at=datetime(2026, 7, 1, tzinfo=UTC))
    assert verified.claims == {
        "iss": HOTLINE,
        "aud": GATEWAY,
        "iat": 1767323045,
        "jti": "jti-1",
        "handoff": str(HANDOFF),
        "to": {"organisation": "police"},
        "case_digest": CASE,
        "disclosures": sorted(SHOWN),
        "purpose": ["identify_victim"],
        "expires_at": 1782864000,
    }
    assert [(p.name, p.value) for p in verified.placed] == [("by", "staff-1"), ("note", "please")]


def test_an_offer_reads_back():
    to = {"organisation": "police", "competence": "receive/csam/FR", "mandate_event": "event-1"}
    assert handoff_documents.read_offer(offered(to=to)) == handoff_documents.OfferClaims(
        author="hotline",
        handoff=HANDOFF,
        recipient="police",
        competence="receive/csam/FR",
        mandate_event="event-1",
        case_digest=CASE,
        disclosures=frozenset(SHOWN),
        purpose=("identify_victim",),
    )
    assert handoff_documents.read_offer(offered()).competence is None
    assert handoff_documents.read_offer(
        offered()
    ).package_digest == handoff_documents.package_digest(SHOWN)


def test_an_answer_has_in_clear_only_what_binds_it():
    verified = answered(
        kind="outcome",
        reason="r",
        conditions={"tlp": "AMBER"},
        groups=["items"],
        code="preserved",
        items=["i-1"],
        note="n",
        evidence_ref="e",
        suggested_recipient="other",
    )
    assert verified.claims == {
        "iss": ANSWER["issuer"],
        "aud": GATEWAY,
        "iat": 1767323045,
        "jti": str(UUID(int=5)),
        "handoff": str(HANDOFF),
        "case_digest": CASE,
        "offer_digest": ANSWER["offer_digest"],
        "package_digest": ANSWER["package_digest"],
        "kind": "outcome",
    }
    assert [p.name for p in verified.placed] == [
        "by", "reason", "conditions", "groups", "code", "items", "note", "evidence_ref",
        "suggested_recipient",
    ]  # fmt: skip


@each("kind", sorted(ANSWERS))
def test_every_kind_of_answer_reads_back(kind):
    assert handoff_documents.read_answer(answered(kind=kind)) == handoff_documents.AnswerClaims(
        author="police",
        kind=kind,
        handoff=HANDOFF,
        case_digest=CASE,
        offer_digest=ANSWER["offer_digest"],
        package_digest=ANSWER["package_digest"],
        groups=None,
    )


def test_groups_of_an_acceptance_are_read_when_disclosed():
    assert handoff_documents.read_answer(answered(groups=["items", "basis"])).groups == (
        "items",
        "basis",
    )


def test_what_is_absent_does_not_show():
    bare, full = answered(), answered(reason="r", note="n")
    shown = len(bare.placed), len(full.placed)
    assert shown == (1, 3)
    assert bare.withheld + 1 == full.withheld + 3


def test_an_unknown_kind_is_not_issued():
    with pytest.raises(StatementError, match="kind"):
        answered(kind="handoff.accepted")


def test_a_time_without_zone_is_not_issued():
    with pytest.raises(ValueError, match="zone"):
        offered(at=AT.replace(tzinfo=None))


def test_an_attested_statement_is_the_word_of_the_organisation_that_it_names():
    verified = offered(issuer=GATEWAY, attested_for=HOTLINE)
    assert verified.claims["attested_for"] == HOTLINE
    assert handoff_documents.read_offer(verified).author == "hotline"


@each(
    "claims",
    [
        {},
        {"iss": None},
        {"iss": GATEWAY},
        {"iss": "hotline"},
        {"iss": "http://gw.example.org/organisations/hotline"},
        {"iss": f"{GATEWAY}/organisations/Hotline"},
        {"iss": f"{GATEWAY}/organisations/hot/line"},
        {"iss": f"{HOTLINE}\n"},
        {"iss": f"{HOTLINE}?x"},
        {"iss": HOTLINE, "attested_for": None},
        {"iss": GATEWAY, "attested_for": "hotline"},
        {"iss": GATEWAY, "attested_for": ["hotline"]},
        {"iss": "https://other.example", "attested_for": HOTLINE},
        {"iss": HOTLINE, "attested_for": HOTLINE},
    ],
)
def test_a_document_that_does_not_say_whose_word_it_is_is_refused(claims):
    with pytest.raises(StatementError):
        handoff_documents.author(claims)


def with_claims(verified: sd_jwt.VerifiedSdJwt, **claims) -> sd_jwt.VerifiedSdJwt:
    changed = {k: v for k, v in {**verified.claims, **claims}.items() if v is not ...}
    return sd_jwt.VerifiedSdJwt(verified.header, changed, verified.placed, 0, {})


@each(
    "claims",
    [
        {"to": ...},
        {"to": "police"},
        {"to": {}},
        {"to": {"organisation": "Police"}},
        {"to": {"organisation": "police", "other": 1}},
        {"to": {"organisation": "police", "competence": 1}},
        {"to": {"organisation": "police", "mandate_event": None}},
        {"disclosures": ...},
        {"disclosures": "x"},
        {"disclosures": ["x"]},
        {"disclosures": [1]},
        {"case_digest": ...},
        {"case_digest": CASE + "="},
        {"handoff": ...},
        {"handoff": "x"},
        {"handoff": str(HANDOFF).upper()},
    ],
)
def test_an_offer_with_a_malformed_claim_is_refused(claims):
    with pytest.raises(StatementError):
        handoff_documents.read_offer(with_claims(offered(), **claims))


@each(
    "claims",
    [
        {"kind": ...},
        {"kind": "denial"},
        {"kind": ["acceptance"]},
        {"offer_digest": ...},
        {"package_digest": 1},
        {"case_digest": ""},
        {"handoff": None},
    ],
)
def test_an_answer_with_a_malformed_claim_is_refused(claims):
    with pytest.raises(StatementError):
        handoff_documents.read_answer(with_claims(answered(), **claims))


def test_groups_that_are_no_list_are_refused():
    with pytest.raises(StatementError, match="groups"):
        handoff_documents.read_answer(answered(groups="items"))
