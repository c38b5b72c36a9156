"""Every sentence exists in both languages, with the same places for values."""

import ast
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

from gateway.domain import consultation
from gateway.domain.answers import ANSWERS, FieldType
from gateway.domain.audit_event import EVENT_TYPES
from gateway.domain.case import GROUPS
from gateway.evidence import base64url
from gateway.text import catalogue
from gateway.verification.report import Code
from gateway.verification.verifier import verify
from tests.each import each
from tests.verification.kept import trust_folder
from tests.verification.test_kept import EXPECTED, FOLDER, NEVER_VALID

TABLES = catalogue._TABLES
SENTENCES = TABLES["sentences"]


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_every_event_and_every_answer_has_its_words() -> None:
    assert {one.name for one in EVENT_TYPES.values()} <= TABLES["events"].keys()
    assert ANSWERS.keys() <= TABLES["acts"].keys() & SENTENCES.keys()


@each("code", list(Code))
def test_every_result_has_a_headline_in_both_languages(code: Code) -> None:
    passed = code in (Code.VERIFIED, Code.ATTESTED, Code.SIMULATED)
    english, french = (
        catalogue.headline(int(code), passed, "why", one) for one in catalogue.LANGUAGES
    )
    assert english.partition(":")[0].rstrip(".") in french, "the English word is repeated"


BUNDLES = [
    name
    for name, expected in EXPECTED.items()
    if expected["kind"] == "bundle" and expected["code"] in (0, 17, 18)
]


@each("name", BUNDLES)
def test_what_the_checks_of_a_bundle_found_is_told_in_french(name: str) -> None:
    report = verify((FOLDER / "files" / name).read_bytes(), trust_folder(FOLDER / "trust"))
    for step in report.steps:
        clauses = step.detail.split("; ") if step.detail else []
        told = catalogue.detail(step.detail, True, catalogue.FRENCH)
        assert not set(told.split("\u202f; ")) & set(clauses), step
        words = {"acceptance", "closure", "decline", "closed", "accepted", "offered", "or"}
        assert not words & set(re.findall(r"(?<![\w.])\w+", told)), told
        assert catalogue.detail(step.detail, True, catalogue.ENGLISH) == step.detail


OF_PYTHON = (
    "'utf-8' codec", "invalid start", "invalid continuation", "unexpected end", "Only base64",
    "Incorrect padding", "Invalid base64",
)  # fmt: skip
"""How reasons begin that Python itself gives."""


@cache
def code_of_checks() -> str:
    """In which Python joins texts that stand one after the other."""
    folder = Path(catalogue.__file__).parent
    folders = [folder.parent / name for name in ("evidence", "verification", "ledger", "domain")]
    files = [one.read_text() for found in folders for one in found.glob("*.py")]
    return re.sub(r'"\s+f?"', "", "".join(files))


@each("english", sorted(TABLES["reasons"]))
def test_a_reason_is_one_that_a_check_gives_with_the_same_values(english: str) -> None:
    french = TABLES["reasons"][english]
    assert places(english) == places(french)
    words = ("one", "two", "three", "four", "five")
    said = english.format(*words)
    told = catalogue.reason(said, catalogue.FRENCH)
    assert told != said
    assert all(word in told for word, _ in zip(words, places(english), strict=False))
    assert not re.search(r" [:;?!]|'", told)
    code = code_of_checks()
    parts = [part for part in re.split(r"\{\d\}", english) if len(part) > 4]
    given = all(part.strip(" ()") in code for part in parts)
    assert given or english.startswith(OF_PYTHON), parts


@each("name", sorted(name for name in EXPECTED if name.startswith(NEVER_VALID)))
def test_why_a_kept_file_fails_is_said_in_french(name: str) -> None:
    report = verify((FOLDER / "files" / name).read_bytes(), trust_folder(FOLDER / "trust"))
    assert catalogue.reason(report.failure, catalogue.FRENCH) != report.failure, report.failure


@each("name", sorted(EXPECTED))
def test_every_title_of_a_step_has_its_french(name: str) -> None:
    report = verify((FOLDER / "files" / name).read_bytes(), trust_folder(FOLDER / "trust"))
    for step in report.steps:
        assert catalogue.title(step.title, catalogue.FRENCH) != step.title


@each("name", sorted(EXPECTED))
def test_a_report_is_the_same_facts_as_data(name: str) -> None:
    report = verify((FOLDER / "files" / name).read_bytes(), trust_folder(FOLDER / "trust"))
    told = json.loads(json.dumps(report.to_json()))
    assert told["code"] == EXPECTED[name]["code"]
    if report.conclusion is not None:
        assert [one["fact"] for one in told["proved"]] == [
            one.key for one in report.conclusion.proved
        ]


def raised() -> Iterator[str]:
    """What the checks of `gateway.verification` say where they fail, with places for values."""
    for file in sorted((Path(catalogue.__file__).parents[1] / "verification").glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            name = "" if not isinstance(node, ast.Call) else ast.unparse(node.func)
            if name.rpartition(".")[2] not in ("Mismatch", "Incomplete", "VerificationFailed"):
                continue
            assert isinstance(node, ast.Call)
            for one in node.args:
                if isinstance(one, ast.Constant) and " " in str(one.value):
                    yield str(one.value)
                if isinstance(one, ast.JoinedStr):
                    yield "".join(
                        str(p.value) if isinstance(p, ast.Constant) else "x-1" for p in one.values
                    )


COMPOSED = {"x-1 (x-1 is before x-1)", "x-1 (x-1) x-1"}
"""Those of which the table has each whole form."""


@each("english", sorted({*raised()} - COMPOSED))
def test_why_a_check_of_a_file_fails_has_its_french(english: str) -> None:
    assert catalogue.reason(english, catalogue.FRENCH) != english


@each("code", [*consultation.REASON_CODES, *GROUPS, "actor", "gateway", "originator", "recipient"])
def test_what_a_report_of_events_repeats_has_its_words(code: str) -> None:
    assert code in catalogue._TABLES["values"]


@each("language", catalogue.LANGUAGES)
def test_a_report_says_each_code_of_an_answer_as_the_screens_do(language: str) -> None:
    by = {"by": "ofmin", "handoff": "1"}
    for field in (one for kind in ANSWERS.values() for one in kind.fields):
        for code in field.words:
            words = catalogue.code(field.name, code, language)
            told = {"condition": code} if field.type is FieldType.RESERVATION else code
            said = catalogue.sentence("go_ahead", by, {field.name: told}, language)
            assert words is not None, f"{field.name}.{code}"
            assert said.endswith(f" {words})"), said


def details() -> Iterator[tuple[str, Any]]:
    """What events of kept evidence disclose, each name with its value, however deep."""
    for file in sorted(FOLDER.rglob("files/*")):
        waiting: list[Any] = [_read(file.read_bytes())]
        while waiting:
            told = waiting.pop()
            if isinstance(told, Mapping):
                shown = told.get("disclosures", []) if "nonce" in told else []
                opened = (_read(base64url.decode(one)) for one in shown)
                yield from ((one[1], one[2]) for one in opened if isinstance(one, list))
                waiting += told.values()
            elif isinstance(told, list):
                waiting += told


def _read(data: bytes) -> Any:
    with suppress(ValueError):
        return json.loads(data)


def names(kind: str, value: Any) -> Iterator[str]:
    """The names in a detail, which may be JSON in a text."""
    yield kind
    if kind in ("subject", "approvals") and isinstance(value, str):
        value = _read(value.encode())
    for one in value if isinstance(value, list | tuple) else [value]:
        if isinstance(one, Mapping):
            yield from (name for key, inner in one.items() for name in names(key, inner))


def test_every_name_in_the_details_of_an_event_has_its_words() -> None:
    found = {name for kind, value in details() for name in names(kind, value)}
    assert len(found) > 40
    assert found - TABLES["fields"].keys() - TABLES["labels"].keys() == set()


@each("anybodys", [": is " * 20000, "of\n" + "A is required. " * 40 + "B"])
def test_a_text_of_anybody_s_is_not_compared_with_forms_for_long(anybodys: str) -> None:
    assert catalogue.why(anybodys, catalogue.FRENCH) is None


FORMS = [one for table in ("refusals", "faults", "findings") for one in TABLES[table] if "{" in one]


@each("anybodys", ["{0}", "{x}", "{0.__class__}", "{", "}{"])
@each("language", catalogue.LANGUAGES)
def test_a_value_of_a_sentence_is_never_a_form_itself(anybodys: str, language: str) -> None:
    for form in FORMS:
        for said in (catalogue.why, catalogue.finding, catalogue.why, catalogue.finding):
            plain = said(re.sub(r"\{\d\}", "PLAIN", form), language)
            told = said(re.sub(r"\{\d\}", lambda _: anybodys, form), language)
            assert told == (plain and plain.replace("PLAIN", anybodys)), form
