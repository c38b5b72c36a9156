"""CSV under a mapping and NCMEC's XML become cases of what a mapping names, and of nothing else."""

import json
import tomllib
from base64 import b64encode
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.client.gateway import new_id
from gateway.formats.case_draft import Imported
from gateway.formats.mapped_report import MAX_FIELDS, TARGETS, read_xml
from gateway.formats.reading import FORMATS, ImportSettings, ncmec, read_reports
from gateway.formats.report_file import (
    MAX_BYTES,
    FieldMapping,
    ImportRefused,
    ProfileInvalid,
    read_mapping,
)
from gateway.schemas.case_document import load_case
from tests.each import each
from tests.formats.test_xarf import NOW
from tests.formats.test_xarf import PROFILE as WITHOUT_MATTER

PROFILE = replace(WITHOUT_MATTER, matter=("csam",))
ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests/data/ncmec"
EXAMPLES = ROOT / "docs/examples/import"
TABLE = read_mapping(
    {
        "fields": {
            "ref": "reference",
            "at": "received_at",
            "url": "url",
            "kind": "site_type",
            "country": "country",
            "as": "as_number",
            "hash": "sha256",
            "pdq": "pdq",
            "what": "matter told",
            "note": "text",
        },
        "values": {"what": {"2": "csam"}},
        "dropped": {"mail": "it is a person's"},
        "offset": "+01:00",
    },
    TARGETS,
)
JPEG = b64encode(b"\xff\xd8\xff\xe0\0\x10JFIF\0" + b"\x5a" * 60).decode()


def example(name: str) -> FieldMapping:
    return read_mapping(
        tomllib.loads((EXAMPLES / f"{name}.toml").read_text(encoding="utf-8")), TARGETS
    )


def read(name: str, data: bytes | str, mapping: FieldMapping | None = TABLE, profile=PROFILE):
    """What is made of a file; each case is held to the rules of the gateway."""
    reading = ImportSettings(profile, mapping, new_id, NOW)
    found = [*read_reports(name, data.encode() if isinstance(data, str) else data, reading)]
    for _, made in found:
        assert isinstance(made, ImportRefused) or load_case(made.case) == made.case
    return found


def one(name: str, data: bytes | str, mapping: FieldMapping | None = TABLE) -> Imported:
    [(_, made)] = read(name, data, mapping)
    assert isinstance(made, Imported), made
    return made


def refusal(name: str, data: bytes | str, mapping: FieldMapping | None = TABLE) -> str:
    """Why a file, or its only report, is refused."""
    try:
        [(_, made)] = read(name, data, mapping)
    except ImportRefused as refused:
        return refused.reason
    assert isinstance(made, ImportRefused), made
    return made.reason


# --- NCMEC's XML ---


def test_a_cybertip_becomes_a_case_of_its_addresses_accounts_and_events():
    made = one("4711.xml", (DATA / "report.xml").read_bytes(), None)
    assert [(item["kind"], item["value"]) for item in made.case["items"]] == [
        ("url", "https://content.example.com/x"),
        ("account", "u-4711"),
        ("account", "patron-minette"),
        ("url", "https://chat.example.com/u/4711"),
        ("ip_event", "192.0.2.7:51820@2026-01-02T09:58:00Z"),
    ]
    assert made.case["matter"] == ["csam", "sextortion"]
    assert made.case["originator_ref"] == "4711"
    assert made.case["references"][0]["value"] == "987654"


def test_no_word_of_a_reporter_victim_or_other_person_enters_a_case():
    made = one("4711.xml", (DATA / "report.xml").read_bytes(), None)
    text = json.dumps([made.case, made.dropped, made.notes]).lower()
    persons = "fantine thenardier cosette alouette picpus montparnasse javert brujon montreuil"
    assert [word for word in (*persons.split(), "+33") if word in text] == []
    told = " ".join(made.dropped)
    for part in ("reporter", "victim", "intendedRecipient", "lawEnforcement", "additionalInfo"):
        assert f"/report/{part}: dropped, " in told


def test_a_priority_that_the_sender_gave_is_told_and_its_words_are_not_carried():
    made = one("4711.xml", (DATA / "report.xml").read_bytes(), None)
    assert any(
        "escalateToHighPriority" in note and "reads it in the report" in note for note in made.notes
    )


def test_the_details_of_a_file_become_its_hashes():
    made = one(
        "f.xml",
        (DATA / "file-details.xml").read_bytes(),
        None,
    )
    [hashes, event] = made.case["items"]
    assert hashes["value"] == "fafa5efeaf3cbe3b23b2748d13e629a1"
    assert [found["alg"] for found in hashes["hash"]] == ["sha1"]
    assert event["value"] == "2001:db8::7@2026-01-02T09:58:00Z"


def test_our_mapping_names_fields_of_the_schema_and_says_of_persons_why_they_are_dropped():
    paths = (DATA / "paths.txt").read_text().splitlines()
    assert ncmec().fields.keys() <= {*paths}
    above = {path[: path.find("/", cut + 1)] for path in paths for cut in range(len(path))}
    assert ncmec().dropped.keys() <= {*paths, *above, *(p.rpartition("/")[0] for p in paths)}
    persons = ("reporter", "victim", "intendedRecipient", "Person/", "officerContact", "address")
    taken = [path for path in ncmec().fields if any(word in path for word in persons)]
    assert taken == []


@each(
    "data, why",
    [
        ('<!DOCTYPE report [<!ENTITY a "b">]><report>&a;</report>', "document type"),
        ('<!DOCTYPE report SYSTEM "file:///etc/passwd"><report/>', "document type"),
        ("<report>&a;</report>", "not XML"),
        ('<?xml version="1.0" encoding="utf-16"?><report>\xe9</report>'.encode("latin-1"), "UTF-8"),
        ("<report>", "not XML"),
        ("", "not XML"),
        ("<html/>", "no report and no fileDetails"),
        ("<report><reporter>Fantine</reporter></report>", "nothing in it is taken"),
        ("<a>" * 13 + "</a>" * 13, "12 levels"),
        ("<report>" + "<a/>" * (MAX_FIELDS + 2) + "</report>", f"{MAX_FIELDS} fields"),
        (b" " * (MAX_BYTES + 1), "larger than"),
        ("<report><note>" + JPEG + "</note></report>", "media is never taken"),
        ("<report><a b='" + JPEG + "'/></report>", "media is never taken"),
    ],
)
def test_xml_that_declares_hides_or_overflows_is_refused(data, why):
    assert why in refusal("x.xml", data, None)


def test_a_moment_belongs_to_its_own_address_alone():
    event = "<ipCaptureEvent><ipAddress>{}</ipAddress><dateTime>{}</dateTime></ipCaptureEvent>"
    events = event.format("192.0.2.1", "") + event.format("", "2026-01-02T09:58:00Z")
    text = f"<report><personOrUserReported>{events}</personOrUserReported></report>"
    made = one("x.xml", text, None)
    assert [item["value"] for item in made.case["items"]] == ["192.0.2.1"]
    assert "stands before its IP address" in " ".join(made.dropped)


# --- CSV ---


def test_the_port_of_an_address_is_in_its_row_wherever_its_column_stands():
    mapping = read_mapping(
        {"fields": {"port": "ip_port", "x": "isp", "ip": "ip", "at": "ip_at"}}, TARGETS
    )
    rows = "51820,,192.0.2.1,2026-01-02T09:58:00Z\n,,192.0.2.2,\n443,,,\n"
    made = one("t.csv", f"port,x,ip,at\n{rows}", mapping)
    assert [item["value"] for item in made.case["items"]] == [
        "192.0.2.1:51820@2026-01-02T09:58:00Z",
        "192.0.2.2",
    ]
    assert made.dropped == ("/4/port: dropped, it stands before its IP address",)


def test_rows_with_one_reference_are_one_case_wherever_they_stand():
    text = (
        "ref,at,url,country,as,what\n"
        "A,2026-01-02 10:00:00,https://a.example/1,NL,64500,2\n"
        "B,2026-01-02T10:00:00Z,https://b.example/,,,2\n"
        "A,2026-01-02 10:00:00,https://a.example/2,FR,64501,2\n"
    )
    (place, first), (_, second) = read("t.csv", text)
    assert place == "2 rows from 2"
    assert [item["value"] for item in first.case["items"]] == [
        "https://a.example/1",
        "https://a.example/2",
    ]
    assert [item["hosting"][0]["country"] for item in first.case["items"]] == ["NL", "FR"]
    assert first.case["received_at"] == "2026-01-02T10:00:00+01:00"
    assert second.case["received_at"] == "2026-01-02T10:00:00Z"
    assert first.case["matter"] == ["csam"]
    assert first.case["statements"][0]["text"] == "Report. what: 2."


def test_rows_without_their_reference_are_refused_and_never_one_case():
    text = "ref,url,what\n,https://a.example/,2\n,https://b.example/,2\nC,https://c.example/,2\n"
    (_, first), (_, second) = read("t.csv", text)
    assert isinstance(first, ImportRefused) and first.reason.startswith("no reference")
    assert isinstance(second, Imported)


def test_a_cell_is_text_and_never_a_formula():
    cell = '=HYPERLINK("https://c.example";"x")'
    quoted = cell.replace('"', '""')
    made = one("t.csv", f'ref,url,note,what\nA,https://a.example/,"{quoted}",2\n')
    assert made.case["statements"][0]["text"] == cell


def test_a_column_that_the_mapping_does_not_name_is_dropped_and_told_once():
    rows = "".join(f"A,https://a.example/{n},2,x@y.example,Fantine\n" for n in range(3))
    made = one("t.csv", f"ref,url,what,mail,who saw it\n{rows}")
    assert made.dropped == (
        "/mail: dropped, it is a person's",
        "/who_saw_it: dropped, the mapping does not name it",
    )
    assert "Fantine" not in json.dumps(made.case)


def test_a_bad_row_refuses_its_own_report_alone():
    text = (
        f"ref,url,what,mail\nA,nowhere,2,\nB,https://b.example/,2,\nC,https://c.example/,2,{JPEG}\n"
    )
    (_, first), (_, second), (_, third) = read("t.csv", text)
    assert isinstance(first, ImportRefused) and first.reason.startswith("/2/url: ")
    assert isinstance(second, Imported)
    assert isinstance(third, ImportRefused) and "media is never taken" in third.reason


def test_what_a_field_cannot_hold_is_dropped_and_said():
    row = "A,2026-01-02,https://a.example/,shop,Netherlands,none,2"
    made = one("t.csv", f"ref,at,url,kind,country,as,what\n{row}\n")
    told = " ".join(made.dropped)
    for column in ("at", "kind", "country", "as"):
        assert f"/2/{column}: dropped, it " in told


def test_a_perceptual_hash_raises_the_marking_of_its_item():
    made = one("t.csv", f"ref,url,pdq,what\nA,https://a.example/,{'ab' * 32},2\n")
    assert made.case["items"][0]["marking"] == {"tlp": "AMBER+STRICT"}


def test_500_hashes_are_one_case_named_by_the_file():
    rows = "".join(f"{n:064x}\n" for n in range(500))
    made = one(
        "list-7.csv",
        f"sha256\n{rows}",
        example("hashes"),
    )
    assert len(made.case["items"]) == 500
    assert made.case["originator_ref"] == "list-7"


def test_a_report_longer_than_a_case_is_not_read_to_its_end():
    rows = "".join(f"{n:064x}\n" for n in range(601))
    assert "more than 600 items" in refusal("list.csv", f"sha256\n{rows}", example("hashes"))


def test_the_example_for_scart_reads_what_scart_writes():
    columns = ("filenumber", "url", "IP", "received", "hoster owner", "hoster country")
    line = "".join(f'"{name}";' for name in (*columns, "hoster abuse email"))
    cells = ("N7", "https://a.example/", "192.0.2.1", "2026-01-02 10:00:00", r"Ho\"st", "NL")
    row = "".join(f'"{cell}";' for cell in (*cells, "a@b.example"))
    made = one("s.csv", f"{line}\n{row}\n", example("scart"))
    hosting = made.case["items"][0]["hosting"][0]
    assert (hosting["org"], hosting["country"], hosting["ip"]) == ('Ho"st', "NL", "192.0.2.1")
    assert "a@b.example" not in json.dumps(made.case)


def test_the_example_for_iccam_names_known_fields():
    facts = json.loads((ROOT / "tests/data/facts/iccam-v3-vocabulary.json").read_text())
    text = json.dumps([facts["report"], facts["url_item"], facts["assessment"], facts["read_side"]])
    mapping = example("iccam")
    assert [name for name in (*mapping.fields, *mapping.dropped) if name not in text] == []
    row = "7,8,2026-01-02T10:00:00Z,https://a.example/,NL,6,someone"
    line = (
        "reportId,contentId,hotlineReceivedDate,urlString,hostingCountryCode,sourceUrlSiteType,memo"
    )
    made = one("i.csv", f"{line}\n{row}\n", mapping)
    assert made.case["items"][0]["site_type"] == "forum"
    assert [r["scheme"] for r in made.case["references"]] == ["iccam_report", "iccam_content"]


@each(
    "data, why",
    [
        ("", "none of the mapping"),
        ("a,b\n1,2\n", "none of the mapping"),
        ("ref,ref\n1,2\n", "twice"),
        ("ref,url\n1\n", "row 2: has not as many cells"),
        ('ref,url\n"1,2\n', "not a table"),
        (b"ref,url\n\xff,2\n", "UTF-8"),
        ("ref,url\n1," + "x" * 200_000 + "\n", "not a table"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused_as_a_whole(data, why):
    assert why in refusal("t.csv", data)


def test_without_a_mapping_nobody_says_what_columns_mean():
    assert "--mapping" in refusal("t.csv", "a\n1\n", None)


def test_a_report_without_any_matter_is_refused():
    reading = ImportSettings(WITHOUT_MATTER, TABLE, new_id, NOW)
    [(_, made)] = read_reports("t.csv", b"ref,url\nA,https://a.example/\n", reading)
    assert isinstance(made, ImportRefused) and made.reason.startswith("no matter")


def test_a_file_of_another_kind_is_refused_by_its_name():
    assert refusal("photo.jpg", b"\xff\xd8\xff") == "it is none of csv, json, xml"


@each(
    "mapping, why",
    [
        ({}, "fields"),
        ({"fields": {"a": "victim"}}, "'victim' is no target"),
        ({"fields": {"a": "url"}, "colums": {}}, "colums"),
        ({"fields": {"a": 1}}, "fields"),
        ({"fields": {"a": "url"}, "delimiter": "ab"}, "delimiter"),
        ({"fields": {"a": "url"}, "offset": "CET"}, "offset"),
        ({"fields": {"a": "url"}, "values": {"a": "b"}}, "values"),
    ],
)
def test_a_mapping_is_read_strictly(mapping, why):
    with pytest.raises(ProfileInvalid, match=why):
        read_mapping(mapping, TARGETS)


# --- whatever comes ---

_PIECES = st.sampled_from(
    b"<report>|</report>|<victim>|<a b='c'>|&#0;|<![CDATA[|]]>|<?x?>|ref,url,hash,what\n|\"|\n|,|"
    b'A,https://a.example/,,2\n|\0|\xff|=1|{|}|[[[[[[[[[[[[[[[[[|"xarf_version":"4.2.0"'.split(b"|")
)


@given(
    ending=st.sampled_from([*FORMATS]),
    data=st.one_of(st.binary(max_size=200), st.lists(_PIECES, max_size=30).map(b"".join)),
)
def test_no_bytes_make_a_traceback(ending, data):
    try:
        for _, made in read_reports(
            f"x.{ending}", data, ImportSettings(PROFILE, TABLE, new_id, NOW)
        ):
            assert isinstance(made, Imported | ImportRefused)
    except ImportRefused as refused:
        assert refused.reason


@given(st.text(max_size=40), st.sampled_from(sorted(ncmec().fields)))
def test_no_text_in_a_field_makes_a_case_that_the_importer_does_not_own(text, path):
    """A value is put where it belongs, dropped or refused: never read as anything else."""
    root, *names = path.partition("@")[0].split("/")
    inner = "".join(f"<{n}>" for n in names) + "X" + "".join(f"</{n}>" for n in names[::-1])
    safe = text.replace("&", "&amp;").replace("<", "&lt;")
    data = f"<{root}>{inner.replace('X', safe)}</{root}>".encode("utf-8", "surrogatepass")
    try:
        [(_, made)] = read_reports("x.xml", data, ImportSettings(PROFILE, None, new_id, NOW))
    except ImportRefused:
        return
    assert isinstance(made, Imported)


def test_the_paths_of_xml_are_those_of_elements_and_attributes():
    found = read_xml(b"<report a='1'><b>x<!-- no -->y</b></report>")
    assert found == [("report@a", "1"), ("report/b", "xy"), ("report", "")]
