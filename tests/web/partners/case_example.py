"""A complete case, valid and synthetic: every field of the profile stands in it once."""

from copy import deepcopy
from typing import Any

CASE_ID = "018f0000-0000-7000-8000-000000000001"
ITEM, HASH_ITEM, FACT, ASSESSMENT, SUBJECT, OLD_CODE, CODE, REFERENCE = (
    f"018f0000-0000-7000-8000-0000000000{n}" for n in range(11, 19)
)
SHA256 = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8"

_FULL: dict[str, Any] = {
    "case": CASE_ID,
    "version": 2,
    "previous": "R1J0n9eXy9Hk0kYk3Zw1bT4o8Xb2mQ6uVfWc7LqPz5E",
    "originator_ref": "HA-2026-0001",
    "references": [{"id": REFERENCE, "scheme": "iccam_report", "value": "1234567"}],
    "received_at": "2026-01-02T10:00:00+01:00",
    "intake_channel": "web_form",
    "reporter": {"anonymous": True, "feedback_requested": False},
    "matter": ["csam"],
    "urgency": "normal",
    "urgency_reason": "child_located",
    "items": [
        {
            "id": ITEM,
            "kind": "url",
            "value": "https://content.example.org/a/b.jpg?page=2",
            "is_source": True,
            "referrer": "https://search.example.org/",
            "site_type": "image-host",
            "content_type": "image",
            "commerciality": "non-commercial",
            "payment_method": ["none"],
            "hosting": [
                {
                    "ip": "192.0.2.10",
                    "country": "FR",
                    "isp": "Example Access",
                    "org": "Example Hosting",
                    "as_number": 64500,
                    "is_cdn": False,
                    "registrar": "Example Registrar",
                    "observed_at": "2026-01-02T09:58:00Z",
                    "method": "rdap",
                }
            ],
            "hash": [{"alg": "sha256", "value": SHA256}, {"alg": "pdq", "value": "0f" * 32}],
            "online": [{"status": "online", "checked_at": "2026-01-02T09:59:00Z", "checks": 1}],
            "marking": {"tlp": "AMBER+STRICT", "handling": ["H1"]},
        },
        {"id": HASH_ITEM, "kind": "hash", "value": "a" * 32, "parent_item": ITEM},
    ],
    "statements": [
        {
            "id": FACT,
            "kind": "fact",
            "text": "Signalé par formulaire ;\nla page était en ligne.",
            "language": "fr",
            "made_by_role": "analyst",
            "made_at": "2026-01-02T10:05:00.25Z",
            "content_warning": "none",
        },
        {
            "id": ASSESSMENT,
            "kind": "assessment",
            "text": "The page seems to be a copy.",
            "language": "en-GB",
            "made_by_role": "analyst",
            "made_at": "2026-01-02T10:06:00Z",
            "source_reliability": "A",
            "information_accuracy": "3",
            "content_warning": "mild",
            "marking": {"tlp": "RED"},
        },
    ],
    "subjects": [
        {
            "id": SUBJECT,
            "category": "suspect",
            "minor": "no",
            "age_group": "not-categorised",
            "basis_statement": [FACT, ASSESSMENT],
            "qualified_by": "police-a",
            "qualified_at": "2026-01-02T12:00:00Z",
            "marking": {"handling": ["H2"]},
        }
    ],
    "classifications": [
        {
            "id": OLD_CODE,
            "about": ITEM,
            "scheme": "ncmec_ab",
            "code": "B2",
            "assessor_role": "analyst",
            "assessed_at": "2026-01-02T10:01:00Z",
            "method": "hash_match",
            "confidence": 90,
        },
        {
            "id": CODE,
            "about": "case",
            "scheme": "ucs",
            "scheme_version": "3",
            "code": "opaque-7",
            "assessor_role": "analyst",
            "assessed_at": "2026-01-02T10:02:00Z",
            "law_ref": "CP 227-23",
            "method": "human_x2",
            "supersedes": OLD_CODE,
            "attributes": {
                "age_group": "pubescent",
                "gender": "not-determined",
                "virtual": "no",
                "self_generated": "unknown",
                "ai_generated": "no",
                "child_modelling": "no",
                "live_stream": "no",
            },
            "marking": {"tlp": "AMBER+STRICT"},
        },
    ],
    "marking": {
        "tlp": "AMBER",
        "handling": ["H1", "H3"],
        "handling_note": "Not to be shown to the account's owner.",
        "national": "non_protege",
        "permitted_actions": "ask_first",
        "attribution": "must_not",
        "release_to": ["police-a"],
        "onward": "listed_only",
        "embargo": {
            "no_notice_to_host": True,
            "no_publication": False,
            "until": "2026-01-05",
            "reason": "preserve",
            "set_by": "police-a",
        },
        "force": {"embargo": {"force": "law", "reference": "LED art. 9(3)"}},
        "review_on": "2026-06-30",
        "erase_on": "2026-12-31",
        "retention_rule": "policy 4.2",
        "purpose": ["remove", "investigate"],
    },
    "legal_basis": [
        {
            "regime": "gdpr",
            "article": "6(1)(f)",
            "national_law": "Loi 78-17 art. 46",
            "art9_condition": "9(2)(g), substantial public interest",
            "art10_condition": "authorised association",
            "source_legal_basis": {"text": "Report by the public", "dated": "2026-01-02"},
            "transfer_tool": "adequacy decision",
            "necessity_note": "The host must be told where the content is.",
        }
    ],
}


def full_case() -> dict[str, Any]:
    """A fresh copy of the case with every field."""
    return deepcopy(_FULL)


def small_case() -> dict[str, Any]:
    """A fresh case with required fields only: one url, nothing optional."""
    marking = {
        "tlp": "AMBER+STRICT",
        "handling": [],
        "permitted_actions": "ask_first",
        "attribution": "may",
        "release_to": [],
        "onward": "ask_originator",
        "erase_on": "2026-12-31",
        "purpose": ["remove"],
    }
    return deepcopy(
        {
            "case": CASE_ID,
            "version": 1,
            "originator_ref": "HA-2026-0001",
            "received_at": "2026-01-02T10:00:00Z",
            "intake_channel": "web_form",
            "reporter": {"anonymous": True, "feedback_requested": False},
            "matter": ["csam"],
            "urgency": "normal",
            "items": [
                {"id": ITEM, "kind": "url", "value": "https://a.example/", "is_source": True}
            ],
            "marking": marking,
            "legal_basis": [{"regime": "gdpr", "article": "6(1)(f)"}],
        }
    )
