"""The sheet of a case: every field in words, nothing that a person wrote changed or live."""

import copy
import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from gateway.cli import page
from gateway.cli.sheet import Sheet
from gateway.client import ConsultedContent
from gateway.domain import vocabulary
from gateway.domain.case import conditions
from gateway.text import catalogue
from tests.each import each
from tests.web.partners.case_example import full_case, small_case

NAMES = {"police-a": "Police of A", "point-de-contact": "Point de Contact"}
EVENT = {
    "id": "0199-event",
    "time": "2026-01-03T10:00:00.000Z",
    "log": "gateway.example/log",
    "handoff": "0199-handoff",
    "case_digest": "the-digest",
}


def consulted(content: dict[str, Any], **more: Any) -> ConsultedContent:
    shown = (("by", "officer-1"), ("reason_code", "investigation"), ("reason", "File 4711"))
    confirmed = SimpleNamespace(event=EVENT, index=7, opened=SimpleNamespace(shown=shown))
    found: dict[str, Any] = {
        "content": content,
        "presentation": "",
        "author": "point-de-contact",
        "assurance": "attested",
        "withheld_groups": (),
        "conditions": conditions(content["marking"]),
        "tightened": False,
        "tightened_elements": (),
        "written": SimpleNamespace(confirmed=confirmed),
    }
    return ConsultedContent(**{**found, **more})


def sheet(content: dict[str, Any], language: str = "en", full: bool = False, **more: Any) -> str:
    opened = consulted(content, **more)
    made = Sheet(opened, "police-a", NAMES, language, full)
    return page.render(made.title, made.blocks(), language, made.label)


def text_of(html: str) -> str:
    return re.sub(r"\s*<[^>]+>\s*", "\n", html)


TEXTS = (
    "https://content.example.org/a/b.jpg?page=2", "https://search.example.org/", "192.0.2.10",
    "Example Access", "Example Hosting", "Example Registrar", "64500", "HA-2026-0001", "1234567",
    "Signalé par formulaire ;\nla page était en ligne.", "The page seems to be a copy.", "opaque-7",
    "CP 227-23", "policy 4.2", "LED art. 9(3)", "Loi 78-17 art. 46", "authorised association",
    "9(2)(g), substantial public interest", "Report by the public", "adequacy decision",
    "The host must be told where the content is.", "6(1)(f)", "a" * 32, "0f" * 32,
    "2026-01-02T10:05:00.25Z",
)  # fmt: skip


@each("language", catalogue.LANGUAGES)
def test_a_sheet_has_all_that_was_written_as_it_was_written(language: str) -> None:
    html = sheet(full_case(), language)
    for text in TEXTS:
        assert page._shown(text) in html.replace("&#x27;", "'"), text


def test_a_sheet_names_organisations_and_says_codes_in_words() -> None:
    english, french = (text_of(sheet(full_case(), one)) for one in catalogue.LANGUAGES)
    for words in (
        "Point de Contact (point-de-contact)", "Police of A (police-a)", "address (URL)",
        "pubescent minor, lascivious exhibition (B2)", "automated match: not a finding",
        "A: no doubt about the source", "child sexual abuse material", "Item 1", "suspect",
        "AMBER: your organisation, and those it works with, where they must know",
        "to the listed recipients only", "required by law, LED art. 9(3)",
        "officer-1", "File 4711", "investigation", "0199-event",
    ):  # fmt: skip
        assert words in english, words
    for words in (
        "Fiche de dossier", "adresse (URL)", "mineur pubère, exhibition lascive (B2)",
        "personne soupçonnée", "contenu d’abus sexuels sur mineurs", "Objet 1",
        "correspondance automatisée\u00a0: ce n’est pas une constatation", "2 janvier 2026",
    ):  # fmt: skip
        assert words in french, words


def test_every_field_and_code_of_a_case_has_words_in_both_languages() -> None:
    tables = catalogue._TABLES

    def names(part: Any) -> Iterator[str]:
        yield from part if isinstance(part, dict) else ()
        inner = [*part.values()] if isinstance(part, dict) else part
        for one in inner if isinstance(inner, list) else ():
            yield from names(one)

    inner = {"case", "version", "previous", "items", "statements", "subjects", "classifications",
             "references", "legal_basis", "gateway"}  # fmt: skip
    assert {*names(full_case())} - inner <= {*tables["labels"], *tables["fields"]}
    listed = {
        "matter": vocabulary.Matter, "urgency": vocabulary.Urgency,
        "urgency_reason": vocabulary.URGENCY_REASONS,
        "kind": (*vocabulary.ItemKind, *vocabulary.StatementKind),
        "site_type": vocabulary.SITE_TYPES, "content_type": vocabulary.CONTENT_TYPES,
        "commerciality": vocabulary.COMMERCIALITY, "payment_method": vocabulary.PAYMENT_METHODS,
        "alg": vocabulary.HashAlgorithm, "status": vocabulary.ONLINE_STATUSES,
        "method": (*vocabulary.HOSTING_METHODS, *vocabulary.ClassificationMethod),
        "role": vocabulary.STAFF_ROLES, "category": vocabulary.SubjectCategory,
        "flag": vocabulary.YES_NO_UNKNOWN,
        "age_group": (*vocabulary.ICCAM_AGES, *vocabulary.AGE_BANDS),
        "gender": vocabulary.ICCAM_GENDERS, "content_warning": vocabulary.CONTENT_WARNINGS,
        "source_reliability": vocabulary.SourceEvaluation,
        "information_accuracy": vocabulary.InformationEvaluation,
        "scheme": (*vocabulary.REFERENCE_SCHEMES, *vocabulary.CODES, "ucs", "fr_law"),
        **{f"code.{scheme}": codes for scheme, codes in vocabulary.CODES.items()},
        "intake_channel": vocabulary.INTAKE_CHANNELS, "onward": vocabulary.ONWARD,
        "permitted_actions": vocabulary.PERMITTED_ACTIONS, "attribution": vocabulary.ATTRIBUTIONS,
        "purpose": vocabulary.Purpose, "reason": vocabulary.EMBARGO_REASONS,
        "national": vocabulary.NationalMarking, "regime": vocabulary.Regime,
    }  # fmt: skip
    lacking = [
        f"{field}.{code}"
        for field, codes in listed.items()
        for code in codes
        if f"{field}.{code}" not in tables["codes"]
    ]
    assert lacking == []


def test_what_a_case_does_not_have_leaves_no_trace_but_that_nothing_is_shown_of_it() -> None:
    text = text_of(sheet(small_case()))
    assert "May be released to" not in text
    assert text.count("Statements") == 1, "among what nothing is shown of"


def test_nothing_that_was_written_is_markup_a_link_or_turns_the_line() -> None:
    def poison(value: Any) -> Any:
        match value:
            case dict():
                return {name: poison(member) for name, member in value.items()}
            case list():
                return [poison(element) for element in value]
            case str():
                return f'{value}<script src="x"></script>\u202e\x1b'
            case _:
                return value

    html = sheet(poison(copy.deepcopy(full_case())))
    own = "html|head|meta|title|style|body|main|h[123]|p|table|tr|td|details|summary"
    assert not re.search(rf"<(?!/?({own})\b|!doctype)", html)
    assert not set(html) & set("\x1b\u202e")
    assert not re.search(r"href|url\(|src=", html.replace("&lt;script src=", ""))


def test_each_sheet_of_paper_bears_the_strictest_label_shown_and_no_foreign_text() -> None:
    content = small_case()
    assert '@top-right{content:"TLP:AMBER+STRICT"}' in sheet(content)
    assert '@top-right{content:"TLP:RED"}' in sheet(full_case())
    tightened = ({"group": "items", "id": "x", "tlp": "RED"},)
    assert "TLP:RED" in sheet(content, tightened_elements=tightened)
    content["marking"]["tlp"] = 'RED"}</style>'
    assert "@page" not in sheet(content)


@each("language", catalogue.LANGUAGES)
def test_a_strong_statement_is_folded_under_a_warning_until_it_is_asked_for(language: str) -> None:
    content = full_case()
    content["statements"][1]["content_warning"] = "strong"
    folded, opened = sheet(content, language), sheet(content, language, full=True)
    warning = catalogue.phrase("sheet", "warning", language)
    assert folded.count(page._shown(warning)) == opened.count(page._shown(warning)) == 1
    assert folded.count("<details>") == opened.count("<details open>") == 1
    assert folded.index(page._shown(warning)) < folded.index("The page seems to be a copy.")


def test_what_was_withheld_and_what_took_the_place_of_the_version_is_said() -> None:
    part = {name: value for name, value in full_case().items() if name != "subjects"}
    withheld = text_of(sheet(part, withheld_groups=("statements",)))
    assert "in whole or in part: Statements." in withheld
    assert "Nothing is shown of: Persons concerned." in withheld
    assert "Nothing of what was offered is withheld" in sheet(full_case())
    change = {"change": "correction", "at": "2026-01-04T10:00:00Z", "version": 3}
    assert "do not use this version" in sheet(full_case(), superseded=change)
    change["change"] = "tightening"
    assert "stricter conditions bind" in sheet(full_case(), superseded=change)
