"""An import profile is read whole and strictly, or not at all."""

import tomllib

import pytest

from gateway.formats.report_file import ImportProfile, ProfileInvalid, read_profile
from tests.each import each

TOML = """
intake_channel = "provider"
urgency = "normal"
retention_days = 180
matter = ["csam"]
feedback_requested = true
role = "liaison"
language = "fr"
content_warning = "mild"
source_reliability = "B"
information_accuracy = "3"

[marking]
tlp = "AMBER+STRICT"
handling = ["H1", "H3"]
handling_note = "not to be published"
national = "non_protege"
permitted_actions = "ask_first"
attribution = "may"
release_to = ["police-a"]
onward = "listed_only"
retention_rule = "policy 4.2"
purpose = ["remove"]

[[legal_basis]]
regime = "gdpr"
article = "6(1)(f)"
national_law = "Loi 78-17 art. 46"

[legal_basis.source_legal_basis]
text = "Report by a provider"
dated = 2026-04-02

[[legal_basis]]
regime = "led"
article = "8"
"""


def mapping():
    return tomllib.loads(TOML)


def without(*names):
    settings = mapping()
    place = settings
    for name in names[:-1]:
        place = place[name]
    del place[names[-1]]
    return settings


def test_a_profile_is_read():
    profile = read_profile(mapping())
    assert profile.retention_days == 180
    assert profile.matter == ("csam",)
    assert profile.marking["tlp"] == "AMBER+STRICT"
    assert [basis["regime"] for basis in profile.legal_basis] == ["gdpr", "led"]
    assert profile.legal_basis[0]["source_legal_basis"]["dated"] == "2026-04-02"


def test_what_a_profile_may_leave_out_has_the_careful_value():
    settings = mapping()
    for name in (
        "matter",
        "feedback_requested",
        "role",
        "language",
        "content_warning",
        "source_reliability",
        "information_accuracy",
    ):
        del settings[name]
    profile = read_profile(settings)
    assert profile == ImportProfile(
        intake_channel="provider",
        urgency="normal",
        retention_days=180,
        marking=profile.marking,
        legal_basis=profile.legal_basis,
    )
    assert (profile.content_warning, profile.source_reliability, profile.information_accuracy) == (
        "strong",
        "X",
        "4",
    )


@each(
    "names",
    [
        ("intake_channel",),
        ("urgency",),
        ("retention_days",),
        ("marking",),
        ("legal_basis",),
        *(("marking", name) for name in ("tlp", "handling", "permitted_actions", "attribution")),
        *(("marking", name) for name in ("release_to", "onward", "purpose")),
        ("legal_basis", 0, "regime"),
        ("legal_basis", 0, "article"),
        ("legal_basis", 0, "source_legal_basis", "text"),
        ("legal_basis", 0, "source_legal_basis", "dated"),
    ],
)
def test_what_is_needed_is_missed_by_name(names):
    with pytest.raises(ProfileInvalid, match=f"{names[-1]} is required"):
        read_profile(without(*names))


@each(
    "names, value",
    [
        (("intake_channel",), "fax"),
        (("urgency",), 1),
        (("retention_days",), 0),
        (("retention_days",), True),
        (("retention_days",), 1.5),
        (("retention_days",), 3654),
        (("matter",), ["other thing"]),
        (("matter",), "csam"),
        (("feedback_requested",), "no"),
        (("role",), "boss"),
        (("language",), " "),
        (("content_warning",), "very"),
        (("source_reliability",), "D"),
        (("information_accuracy",), 3),
        (("marking",), "AMBER"),
        (("marking", "tlp"), "CLEAR"),
        (("marking", "handling"), ["H4"]),
        (("marking", "national"), "diffusion_restreinte"),
        (("marking", "release_to"), ["Police A"]),
        (("marking", "release_to"), [1]),
        (("marking", "onward"), "free"),
        (("marking", "purpose"), []),
        (("marking", "erase_on"), "2027-01-01"),
        (("marking", "tpl"), "RED"),
        (("legal_basis",), []),
        (("legal_basis",), {}),
        (("legal_basis", 0, "regime"), "none"),
        (("legal_basis", 0, "source_legal_basis"), "a report"),
        (("legal_basis", 0, "source_legal_basis", "dated"), "2026-04-02"),
        (("retention_day",), 1),
    ],
)
def test_a_wrong_setting_is_refused_by_name(names, value):
    settings = mapping()
    place = settings
    for name in names[:-1]:
        place = place[name]
    place[names[-1]] = value
    with pytest.raises(ProfileInvalid, match=str(names[-1])):
        read_profile(settings)


def test_all_errors_are_told_at_once():
    settings = {**mapping(), "urgency": "now", "role": "boss"}
    settings["marking"]["tlp"] = "CLEAR"
    with pytest.raises(ProfileInvalid) as refused:
        read_profile(settings)
    assert [error.split()[0] for error in refused.value.errors] == [
        "urgency",
        "role",
        "marking.tlp",
    ]
