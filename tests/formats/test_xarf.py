"""A XARF report becomes a case, or is refused; nothing in it disappears without a word."""

import json
from base64 import b64encode
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.formats.report_file import MAX_BYTES, ImportProfile, ImportRefused
from gateway.formats.xarf import import_xarf
from gateway.schemas.case_document import load_case
from tests.each import each

DATA = Path(__file__).parent.parent / "data" / "xarf"
NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
PROFILE = ImportProfile(
    intake_channel="provider",
    urgency="normal",
    retention_days=180,
    marking={
        "tlp": "AMBER",
        "handling": [],
        "permitted_actions": "ask_first",
        "attribution": "may",
        "release_to": [],
        "onward": "ask_originator",
        "purpose": ["remove", "investigate"],
    },
    legal_basis=({"regime": "gdpr", "article": "6(1)(f)"},),
)
PHOTODNA = b64encode(bytes(range(144))).decode()
JPEG = b"\xff\xd8\xff\xe0\0\x10JFIF\0" + b"\x5a" * 60


def sample(name="content-csam"):
    return json.loads((DATA / f"{name}.json").read_text())


def imported(report, profile=PROFILE):
    """Import a report, and hold the case to the rules that the gateway will hold it to."""
    ids = count(1)
    data = report if isinstance(report, bytes) else json.dumps(report).encode()
    result = import_xarf(data, profile, lambda: _id(next(ids)), NOW)
    assert load_case(result.case) == result.case
    return result


def _id(number):
    return UUID(f"018f0000-0000-7000-8000-{number:012d}")


def reason_of(report):
    with pytest.raises(ImportRefused) as refused:
        imported(report)
    return refused.value.reason


def part(payload, content_type="text/plain", **more):
    encoded = payload if isinstance(payload, str) else b64encode(payload).decode()
    return {"content_type": content_type, "payload": encoded, **more}


def with_part(payload, content_type="text/plain", **more):
    return {**sample(), "evidence": [part(payload, content_type, **more)]}


def leaf_pointers(value, pointer=""):
    members = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else None
    )
    if members is None:
        yield pointer
        return
    for name, member in members:
        yield from leaf_pointers(member, f"{pointer}/{name}")


def accounted_for(result):
    """The pointers into the file that something was said about."""
    said = [pointer for pointer, _ in result.mapped]
    said += [sentence.split(":")[0] for sentence in (*result.dropped, *result.notes)]
    return said


def unaccounted(report, result):
    said = accounted_for(result)
    return [
        leaf
        for leaf in leaf_pointers(report)
        if not any(leaf == s or leaf.startswith(f"{s}/") for s in said)
    ]


def at(value, pointer):
    for step in pointer.split("/")[1:]:
        value = value[int(step) if isinstance(value, list) else step]
    return value


EVERYTHING = {
    **sample(),
    "type": "csem",
    "exploitation_type": "grooming",
    "detection_method": "law_enforcement_referral",
    "victim_age_range": "pubescent",
    "platform": "forum",
    "evidence_type": ["chat_logs", "metadata"],
    "perpetrator_indicators": {
        "account_id": "user123456",
        "ip_addresses": ["203.0.113.55", "2001:DB8::1"],
        "pattern_of_behavior": "Repeated contact,\nthen requests.",
    },
    "reporting_obligations": ["NCMEC"],
    "evidence_source": "user_report",
    "source_port": 443,
    "confidence": 0.855,
    "description": "Une page signalée.",
    "legacy_version": "3",
    "_internal": {"analyst": "somebody", "ticket": "T-1"},
    "hash_values": {
        "md5": "0A" * 16,
        "sha1": "0b" * 20,
        "sha256": "0c" * 32,
        "photodna": PHOTODNA,
        "crc32": "00000000",
    },
    "registrar": "Example Registrar",
    "hosting_provider": "Example Hosting",
    "asn": 64500,
    "country_code": "FR",
    "nameservers": ["ns1.example.com"],
    "dns_records": {"a": ["192.0.2.1"]},
    "dns_response": {"response_code": "NOERROR"},
    "ssl_certificate": {"issuer": "x"},
    "whois": {"registrant": "somebody"},
    "screenshot_url": "https://example.com/shot.png",
    "verified_at": "2025-01-20T11:00:00+01:00",
    "verification_method": "manual",
    "attack_vector": "fraud",
    "target_brand": "none",
    "tags": ["tlp:red", "csem:detected"],
    "something_new": {"a": [1, 2]},
}

REPORTS = {
    "the csam sample of the specification": sample(),
    "the csem sample of the specification": sample("content-csem"),
    "our own sample": sample("xarf-csam-metadata-only"),
    "a report with every field": EVERYTHING,
}


@each("name", REPORTS)
def test_every_field_is_mapped_or_dropped_or_noted(name):
    assert unaccounted(REPORTS[name], imported(REPORTS[name])) == []


@each("name", REPORTS)
def test_what_is_said_to_be_mapped_is_in_the_case(name):
    result = imported(REPORTS[name])
    for source, target in result.mapped:
        assert at(REPORTS[name], source) is not None
        assert at(result.case, target) is not None


def test_the_sample_of_the_specification_becomes_a_case():
    case = imported(sample()).case
    assert case["originator_ref"] == sample()["report_id"]
    assert case["received_at"] == "2026-01-05T12:00:00+00:00"
    assert case["reporter"] == {"anonymous": False, "feedback_requested": False}
    assert case["matter"] == ["csam"]
    assert [(r["scheme"], r["value"]) for r in case["references"]] == [("ncmec", "12345678")]
    url, source = case["items"]
    assert (url["kind"], url["value"]) == ("url", "https://example.com/illegal-content")
    assert url["is_source"] is True
    assert url["content_type"] == "image"
    assert url["hash"] == [{"alg": "sha256", "value": sample()["hash_values"]["sha256"]}]
    assert url["online"][0] == {
        "status": "offline",
        "checked_at": "2025-01-20T10:30:00Z",
        "checks": 0,
    }
    assert (source["kind"], source["value"]) == ("ip_event", "198.51.100.42@2025-01-20T10:30:00Z")
    (code,) = case["classifications"]
    assert (code["scheme"], code["code"], code["method"]) == ("ncmec_ab", "A1", "hash_match")
    assert code["about"] == url["id"]
    assert case["marking"] == {**PROFILE.marking, "erase_on": "2026-07-04"}
    assert case["legal_basis"] == list(PROFILE.legal_basis)


def test_the_hash_of_an_empty_file_is_noted():
    notes = imported(sample()).notes
    assert [n for n in notes if n.startswith("/hash_values/sha256:") and "empty file" in n]


@each(
    "algorithm, value",
    [
        ("md5", "d41d8cd98f00b204e9800998ecf8427e"),
        ("md5", "D41D8CD98F00B204E9800998ECF8427E"),
        ("sha1", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
    ],
)
def test_every_hash_of_an_empty_file_is_noted(algorithm, value):
    notes = imported({**sample(), "hash_values": {algorithm: value}}).notes
    assert any(
        note.startswith(f"/hash_values/{algorithm}: is the hash of an empty") for note in notes
    )


def test_another_hash_is_not_said_to_be_of_an_empty_file():
    notes = imported({**sample(), "hash_values": {"md5": "0a" * 16}}).notes
    assert "empty" not in " ".join(notes)


def test_a_match_is_noted_as_no_finding():
    assert "R18" in " ".join(imported(sample()).notes)


def test_no_person_and_no_mailbox_reaches_the_case():
    report = {
        **EVERYTHING,
        "reporter": {"org": "Aa Org", "contact": "x@r.example", "domain": "r.example"},
    }
    report["sender"] = {"org": "Bb Org", "contact": "y@s.example", "domain": "s.example"}
    written = json.dumps(imported(report).case)
    for kept_out in ("x@r.example", "y@s.example", "Aa Org", "r.example", "somebody", "T-1"):
        assert kept_out not in written
    assert "Bb Org" in written


def test_what_was_dropped_is_not_repeated_in_the_sentences():
    result = imported(EVERYTHING)
    for secret in ("safety@example.org", "somebody", "T-1", "SGFzaC"):
        assert secret not in " ".join((*result.dropped, *result.notes))


def test_the_profile_is_not_changed_by_an_import():
    first = imported(sample()).case
    first["marking"]["purpose"].append("statistics")
    first["legal_basis"][0]["article"] = "other"
    assert imported(sample()).case["marking"]["purpose"] == ["remove", "investigate"]
    assert imported(sample()).case["legal_basis"][0]["article"] == "6(1)(f)"


# --- what the words of XARF become ---


@each(
    "exploitation, matter",
    [
        ("grooming", "grooming"),
        ("solicitation", "solicitation"),
        ("sextortion", "sextortion"),
        ("trafficking", "trafficking"),
        ("distribution", "csam"),
        ("production", "csam"),
        ("possession", "csam"),
        ("something else", "other"),
    ],
)
def test_the_kind_of_exploitation_becomes_the_matter(exploitation, matter):
    report = {**sample("content-csem"), "exploitation_type": exploitation}
    assert imported(report).case["matter"] == [matter]


@each(
    "detection, method",
    [
        ("hash_match", "hash_match"),
        ("ai_detection", "classifier"),
        ("automated_scan", "classifier"),
        ("behavioral_analysis", "classifier"),
        ("keyword_detection", "classifier"),
        ("manual_review", "human"),
        ("law_enforcement_referral", "human"),
    ],
)
def test_the_detection_becomes_the_method(detection, method):
    case = imported({**sample(), "detection_method": detection}).case
    assert case["classifications"][0]["method"] == method


@each("detection", ["user_report", "a new word"])
def test_a_classification_that_nobody_made_is_dropped(detection):
    result = imported({**sample(), "detection_method": detection})
    assert "classifications" not in result.case
    assert [s for s in result.dropped if s.startswith("/classification: ")]


def test_a_user_report_that_the_sender_verified_is_a_persons_classification():
    case = imported(sample("xarf-csam-metadata-only")).case
    (code,) = case["classifications"]
    assert (code["scheme"], code["code"]) == ("interpol_baseline", "baseline")
    assert (code["method"], code["assessed_at"]) == ("human", "2026-01-02T09:50:00Z")


def test_a_code_of_no_known_scheme_is_dropped():
    result = imported({**sample(), "classification": "C9"})
    assert "classifications" not in result.case
    assert [s for s in result.dropped if s.startswith("/classification: ")]


@each(
    "given_text, percent, rounded",
    [
        ("1", 100, False),
        ("1.0", 100, False),
        ("0.29", 29, False),
        ("0.855", 85, True),
        ("0", 0, False),
        ("1e-9", 0, True),
    ],
)
def test_confidence_becomes_whole_percent(given_text, percent, rounded):
    data = json.dumps({**sample(), "confidence": "HERE"}).replace('"HERE"', given_text).encode()
    result = imported(data)
    assert result.case["classifications"][0]["confidence"] == percent
    assert any(note.startswith("/confidence:") for note in result.notes) is rounded


@each("text", ["1.01", "-0.1", '"1"', "true", "2", "1e400"])
def test_another_confidence_is_refused(text):
    data = json.dumps({**sample(), "confidence": "HERE"}).replace('"HERE"', text).encode()
    with pytest.raises(ImportRefused):
        imported(data)


@each(
    "source, kind, value",
    [
        ("198.51.100.42", "ip_event", "198.51.100.42:443@2025-01-20T10:30:00Z"),
        ("2001:DB8::1", "ip_event", "[2001:db8::1]:443@2025-01-20T10:30:00Z"),
        ("Abuse.Example.ORG", "host", "abuse.example.org"),
        ("user 42", "account", "user 42"),
    ],
)
def test_the_source_becomes_an_item_of_its_kind(source, kind, value):
    report = {**sample(), "source_identifier": source, "source_port": 443}
    result = imported(report)
    item = result.case["items"][1]
    assert (item["kind"], item["value"]) == (kind, value)
    assert unaccounted(report, result) == []


def test_a_domain_that_is_not_the_hosts_is_kept_and_noted():
    result = imported({**sample(), "domain": "other.example.com"})
    assert ("host", "other.example.com") in [(i["kind"], i["value"]) for i in result.case["items"]]
    assert [n for n in result.notes if n.startswith("/domain:")]


def test_hosting_is_told_with_its_country_and_retold_without():
    hosted = {**sample(), "country_code": "FR", "asn": 64500, "hosting_provider": "Example"}
    (hosting,) = imported(hosted).case["items"][0]["hosting"]
    assert hosting == {
        "country": "FR",
        "org": "Example",
        "as_number": 64500,
        "observed_at": "2025-01-20T10:30:00Z",
        "method": "reported",
    }
    del hosted["country_code"]
    case = imported(hosted).case
    assert "hosting" not in case["items"][0]
    assert "Example" in case["statements"][0]["text"]
    assert "64500" in case["statements"][0]["text"]


def test_credentials_in_an_address_are_left_out_and_said():
    result = imported({**sample(), "url": "https://user:pass@example.com/x"})
    assert result.case["items"][0]["value"] == "https://example.com/x"
    assert [s for s in result.dropped if s.startswith("/url: ")]
    assert "user:pass" not in repr(result)


def test_a_perceptual_hash_makes_the_item_stricter():
    report = {**sample(), "hash_values": {"photodna": PHOTODNA}}
    assert imported(report).case["items"][0]["marking"] == {"tlp": "AMBER+STRICT"}


def test_a_hash_in_capitals_is_written_in_small_letters():
    report = {**sample(), "hash_values": {"md5": "0A" * 16}, "file_hash": {"md5": "0a" * 16}}
    assert imported(report).case["items"][0]["hash"] == [{"alg": "md5", "value": "0a" * 16}]


@each("values", [{"md5": "0a"}, {"md5": 7}, {"tmk_pdqf": "A" * 400}, {"x y": "0"}])
def test_a_hash_of_another_form_is_dropped_and_said(values):
    result = imported({**sample(), "hash_values": values})
    assert "hash" not in result.case["items"][0]
    assert [s for s in result.dropped if s.startswith("/hash_values/")]


def test_an_assessment_by_the_sender_is_kept_apart_from_facts():
    case = imported(EVERYTHING).case
    (assessment,) = [s for s in case["statements"] if s["kind"] == "assessment"]
    assert assessment["text"] == EVERYTHING["perpetrator_indicators"]["pattern_of_behavior"]
    assert (assessment["source_reliability"], assessment["information_accuracy"]) == ("X", "4")
    assert "subjects" not in case


# --- the sender's marking ---


@each(
    "tag, label",
    [
        ("tlp:red", "RED"),
        ("tlp:amber-strict", "AMBER+STRICT"),
        ("tlp:amber+strict", "AMBER+STRICT"),
        ("tlp:amber_strict", "AMBER+STRICT"),
        ("tlp:amber", "AMBER"),
        ("tlp:green", "AMBER"),
        ("tlp:clear", "AMBER"),
        ("tlp:white", "AMBER"),
    ],
)
def test_the_stricter_label_of_sender_and_profile_holds(tag, label):
    case = imported({**sample(), "tags": ["a:b", tag]}).case
    assert case["marking"]["tlp"] == label


def test_a_label_that_nobody_knows_refuses_the_file():
    assert reason_of({**sample(), "tags": ["tlp:purple"]}).startswith("/tags/0: ")


# --- R1 ---


def test_our_sample_with_an_image_is_refused_whole():
    assert reason_of(sample("xarf-csam-must-be-refused")).startswith("/evidence/0: is an image")


@each(
    "content_type",
    [
        "image/png",
        "IMAGE/PNG",
        " image/svg+xml; charset=utf-8",
        "video/mp4",
        "audio/mpeg",
        "application/zip",
        "application/x-7z-compressed",
        "application/gzip",
        "application/pdf",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/octet-stream",
        "text",
        "",
    ],
)
def test_a_part_declared_as_anything_but_text_refuses_the_file(content_type):
    assert reason_of(with_part(b"text", content_type)).startswith("/evidence/0: ")


@each(
    "payload",
    [
        JPEG,
        b"\n" + JPEG,
        b64encode(JPEG),
        b64encode(b64encode(JPEG)),
        b"From: a@example.org\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b64encode(JPEG),
        b"<p><img src='data:image/png;base64,AAAA'></p>",
        b"PK\x03\x04" + bytes(60),
        b"%PDF-1.7\n",
        b"text\0with binary",
        b"\xff\xfe\x41\x00",
        bytes(range(128, 200)),
    ],
)
def test_a_part_that_is_not_what_it_says_refuses_the_file(payload):
    assert reason_of(with_part(payload)).startswith("/evidence/0: ")


def test_wrapping_and_the_other_alphabet_hide_nothing_in_a_part():
    encoded = b64encode(JPEG).decode()
    for payload in ("\n".join(encoded), encoded.replace("/", "_").rstrip("="), f" {encoded}\n"):
        assert "an image" in reason_of(with_part(payload))


@each("payload", ["not base64!", "AAAAA", "data:image/png;base64,AAAA"])
def test_a_part_that_cannot_be_read_refuses_the_file(payload):
    assert reason_of(with_part(payload)).startswith("/evidence/0: ")


@each(
    "evidence",
    [
        "x",
        {"a": 1},
        ["x"],
        [{}],
        [{"content_type": "text/plain"}],
        [{"payload": ""}],
        [part("")] * 51,
    ],
)
def test_evidence_of_another_shape_refuses_the_file(evidence):
    assert reason_of({**sample(), "evidence": evidence}).startswith("/evidence")


def test_the_second_part_is_looked_at_too():
    report = {**sample(), "evidence": [part(b"text"), part(JPEG)]}
    assert reason_of(report).startswith("/evidence/1: is an image")


@each(
    "name, value",
    [
        ("_internal", {"preview": b64encode(JPEG).decode()}),
        ("something_new", ["data:image/png;base64,AAAA"]),
        ("something_new", {b64encode(JPEG).decode(): 1}),
        ("description", b64encode(JPEG).decode()),
        ("description", ",".join(map(str, JPEG))),
        ("url", "https://a.example/?p=" + ",".join(map(str, JPEG))),
        ("description", "see C:\\Users\\x\\a.jpg"),
        ("evidence_source", b64encode(JPEG).decode()),
        ("screenshot_url", "data:image/png;base64,AAAA"),
        ("platform", "file:///x"),
    ],
)
def test_a_file_in_any_other_field_refuses_the_file(name, value):
    assert "R1" in reason_of({**sample(), name: value})


def test_media_is_looked_for_before_anything_else():
    assert "an image" in reason_of({"evidence": [part(JPEG)]})


@each(
    "content_type", ["text/plain", "TEXT/HTML; charset=utf-8", "message/rfc822", "application/json"]
)
def test_a_text_part_is_dropped_and_said(content_type):
    result = imported(with_part("Une page signalée".encode(), content_type))
    assert [s for s in result.dropped if s.startswith("/evidence/0: dropped")]
    assert "signalée" not in json.dumps(result.case, ensure_ascii=False)


def test_a_wrong_hash_of_a_part_is_noted_and_a_right_one_is_not():
    right = "sha256:982d9e3eb996f559e633f4d194def3761d909f5a3b647d1a851fead67c32c9d1"
    assert "/evidence/0/hash" in " ".join(imported(sample()).notes)
    assert "/evidence" not in " ".join(imported(with_part(b"text", hash=right)).notes)


# --- files that are no report ---


@each(
    "data",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b"\xff\xfe{}",
        b'{"a": 1, "a": 1}',
        b'{"a": {"b": 1, "b": 2}}',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": ' + b"1" * 5000 + b"}",
        b'{"a": 1.' + b"1" * 50 + b"}",
        b'{"a": ' + b"[" * 20 + b"]" * 20 + b"}",
        b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b" " * (MAX_BYTES + 1),
    ],
)
def test_what_is_no_report_is_refused(data):
    with pytest.raises(ImportRefused):
        imported(data)


def test_a_report_with_a_byte_order_mark_is_read():
    assert imported(b"\xef\xbb\xbf" + json.dumps(sample()).encode())


def test_a_field_that_is_there_twice_refuses_the_file():
    data = json.dumps(sample()).encode()[:-1] + b', "url": "https://b.example/"}'
    assert "twice" in reason_of(data)


@each(
    "name, value",
    [
        ("xarf_version", "3.0.0"),
        ("xarf_version", 4),
        ("category", "messaging"),
        ("type", "phishing"),
        ("report_id", "17"),
        ("report_id", None),
        ("timestamp", "2025-01-20"),
        ("timestamp", None),
        ("verified_at", "yesterday"),
        ("url", "ftp:"),
        ("url", None),
        ("url", "https://example.com/é"),
        ("source_identifier", ""),
        ("source_identifier", "a\nb"),
        ("source_port", 70000),
        ("source_port", "443"),
        ("sender", "somebody"),
        ("sender", {"org": "x"}),
        ("detection_method", None),
        ("detection_method", "x" * 201),
        ("evidence_type", [["x"]]),
        ("hash_values", []),
        ("tags", "tlp:red"),
        ("asn", {"number": 64500}),
        ("country_code", "fr"),
        ("content_removed", "yes"),
        ("description", "x " * 1001),
        ("description", "a\u202eb"),
        ("perpetrator_indicators", {"ip_addresses": ["x"]}),
        ("perpetrator_indicators", {"account_id": "a\nb"}),
    ],
)
def test_a_field_of_another_form_refuses_the_file_at_its_place(name, value):
    assert reason_of({**sample(), name: value}).startswith(f"/{name}")


def test_a_number_that_cannot_be_a_reference_is_dropped():
    result = imported({**sample(), "ncmec_report_id": "a name of somebody"})
    assert "references" not in result.case
    assert [s for s in result.dropped if s.startswith("/ncmec_report_id: ")]


@given(st.binary(max_size=200))
def test_no_bytes_break_the_import(data):
    with pytest.raises(ImportRefused):
        imported(data)


NAME = st.from_regex("[a-z_]{1,8}", fullmatch=True)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=60) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAME, inner),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(sorted(EVERYTHING)) | NAME, JSON, max_size=3))
def test_whatever_stands_in_a_report_is_refused_or_accounted_for(changes):
    report = {**EVERYTHING, **changes}
    try:
        result = imported(report)
    except ImportRefused as refused:
        assert refused.reason
        return
    assert unaccounted(report, result) == []


@each("name", ["a b", "é", "x" * 65, "a/b", "a\ud800", ""])
def test_a_strange_name_is_not_repeated(name):
    for report in ({**sample(), name: 1}, {**sample(), "hash_values": {name: "0"}}):
        result = imported(report)
        assert "(unprintable)" in " ".join(result.dropped)
        assert all(name not in said.split(":")[0] for said in result.dropped if name)
