"""Forms are made from the interface's description: each field in words, read as it was typed."""

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.changes import CHANGES
from gateway.console import lists, wording
from gateway.console.forms import BodyForm, Question, Widget, questions_of
from gateway.domain.answers import KIND_OF_ACTION, PARTIES_ANSWERS
from gateway.domain.steps import STEPS
from gateway.kernel.fields import schema_of
from gateway.text import catalogue
from gateway.web.hosted_access import interface
from gateway.web.partners import steps
from gateway.web.partners.handoffs import ANSWERING
from tests.each import each

AT = ("part_day", "part_month", "part_year", "part_hour", "part_minute")
NEVER_TYPED = ("by", "offer", "conditions", "next", "page_size")
ACTS = ("handoffs_update", "staff_add", "staff_revoke_passkey")
LISTS = {"handoffs_list": ("box",), "cases_list": ()}
OTHERS = (
    "events_search",
    "handoffs_consult",
    "handoffs_update",
    "cases_offer",
    "cases_consult",
    "staff_add",
)


def bodies() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The bodies of answers, steps and changes, and others that a person sends, by name."""
    for one in (*ANSWERING, *steps.ENDPOINTS):
        yield one.name, interface().schema(one.name)
    yield from ((name, interface().schema(name)) for name in OTHERS)
    yield from ((action, schema_of(change.fields)) for action, change in CHANGES.items())


def every(questions: tuple[Question, ...]) -> Iterator[Question]:
    for one in questions:
        yield one
        yield from every(one.inner)


def asked() -> Iterator[tuple[str, Question]]:
    for name, schema in bodies():
        yield from ((name, one) for one in every(questions_of(schema, without=NEVER_TYPED)))


def test_each_body_has_a_form_and_no_field_of_it_is_left_to_be_pasted_but_keys() -> None:
    assert {len(questions_of(schema)) for _, schema in bodies()} - {0}
    pasted = {(name, one.field) for name, one in asked() if one.widget is Widget.JSON}
    assert {field for _, field in pasted} <= {"jwk", "keys", "attestation_keys"}


def test_each_filter_of_a_list_has_a_name_and_its_words_in_both_languages() -> None:
    named = {*catalogue._TABLES["labels"], *catalogue._TABLES["fields"]}
    found = [
        one
        for name, set_ in LISTS.items()
        for one in questions_of(interface().query(name), without=(*lists.NOT_ASKED, *set_))
    ]
    assert {one.field for one in found} - named == set()
    assert [one for one in found if one.widget in (Widget.JSON, Widget.ROWS)] == []
    overdue = next(one for one in found if one.field == "overdue")
    assert overdue.widget is Widget.FLAG


def test_each_field_has_a_name_and_a_sentence_in_both_languages() -> None:
    named = {*catalogue._TABLES["labels"], *catalogue._TABLES["fields"]}
    french = catalogue._TABLES["descriptions"].keys()
    found = [*asked()]
    assert {one.field for _, one in found} - named == set()
    assert {(name, one.field) for name, one in found if not one.about} == set()
    told = {text for _, one in found for text in (one.about, one.emptied) if text}
    assert told - french == set()


def test_no_form_shows_a_code_where_there_is_a_word() -> None:
    bare = {
        (one.field, word)
        for _, one in asked()
        for word in one.words
        if {wording.option(one.field, word, lang) for lang in catalogue.LANGUAGES} <= same(word)
        and not word.isdigit()
    }
    assert {word for _, word in bare} <= ALIKE


def same(word: str) -> set[str]:
    return {word, word.capitalize(), word.replace("_", " ").capitalize()}


ALIKE = frozenset({"embargo", "classifications", "suspension", "normal", "urgent", "protection"})
"""Codes that are words of both languages."""


def test_each_act_has_a_title_and_its_sentences_in_both_languages() -> None:
    actions = catalogue._TABLES["actions"]
    assert {*KIND_OF_ACTION, *STEPS, *CHANGES} - {
        "handoff.reissue",
        "handoff.lapse",
    } <= actions.keys()
    told = [kind.about for kind in (*PARTIES_ANSWERS, *STEPS.values())]
    told += [str(interface().schema(name)["description"]) for name in ACTS]
    told += [change.loses for change in CHANGES.values() if change.loses]
    english = {line for about in told for line in wording.paragraphs(about, "en")}
    assert english - catalogue._TABLES["descriptions"].keys() == set()


SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "required": ["day", "done"],
    "properties": {
        "day": {"type": "string", "format": "date", "description": "The new due time."},
        "at": {"type": "string", "format": "date-time"},
        "done": {"type": "string", "enum": ["copies_erased", "in_proceedings"]},
        "reference": {
            "type": "string",
            "maxLength": 200,
            "x-goes-with": {"done": ["in_proceedings"]},
        },
        "years": {"type": "integer"},
        "items": {"type": "array", "items": {"type": "string", "format": "uuid"}},
        "groups": {"type": "array", "items": {"enum": ["items", "basis"]}},
        "reservation": {
            "type": "object",
            "properties": {"condition": {"type": "string"}, "legal_basis": {"type": "string"}},
        },
        "contacts": {
            "type": "array",
            "items": {"type": "object", "properties": {"name": {"type": "string"}}},
        },
        "notify": {"type": "boolean"},
        "conditions": {"type": "object", "properties": {"tlp": {"type": "string"}}},
    },
}


def form(**more: Any) -> BodyForm:
    return BodyForm.of(SCHEMA, more.pop("language", "en"), **more)


def test_what_must_be_answered_comes_first_and_what_goes_with_a_word_last() -> None:
    asked = [one.field for one in form().questions]
    assert asked[:2] == ["day", "done"]
    assert asked[-1] == "reference"


@each(
    "sent, body",
    [
        (
            {"day.part_day": ["2"], "day.part_month": ["1"], "day.part_year": ["2026"]},
            {"day": "2026-01-02"},
        ),
        (
            {"day.part_day": ["31"], "day.part_month": ["2"], "day.part_year": ["26"]},
            {"day": "26-02-31"},
        ),
        ({"day.part_day": ["x"]}, {"day": "00-00-0x"}),
        (
            {f"at.{n}": [v] for n, v in zip(AT, ("2", "1", "2026", "9", "5"), strict=True)},
            {"at": "2026-01-02T09:05:00Z"},
        ),
        ({"years": ["07"]}, {"years": "07"}),
        ({"years": ["3"]}, {"years": 3}),
        ({"items": ["a b\r\nc"]}, {"items": ["a", "b", "c"]}),
        ({"groups": ["items", "basis"]}, {"groups": ["items", "basis"]}),
        ({"reservation.condition": ["tlp"]}, {"reservation": {"condition": "tlp"}}),
        ({"contacts.1.name": ["B"], "contacts.0.name": [" "]}, {"contacts": [{"name": "B"}]}),
        ({"notify": ["true"], "done": [""], "reference": ["  "]}, {"notify": True}),
        ({"conditions": ["yes"]}, {"conditions": {"tlp": "AMBER"}}),
        ({"by": ["somebody-else"], "unknown": ["1"]}, {}),
    ],
)
def test_a_form_is_read_as_it_was_typed_and_what_is_empty_is_left_out(
    sent: Mapping[str, list[str]], body: Mapping[str, Any]
) -> None:
    assert form(sent=sent, repeated={"conditions": {"tlp": "AMBER"}}).body() == body


def test_a_fault_stands_at_its_field_in_words_and_what_has_no_field_stands_above() -> None:
    errors = [
        ("/day", "must be a date, as 2026-01-02"),
        ("/items/0", "must be a UUID in lower case"),
        ("/offer", "is required"),
    ]
    shown = form(errors=errors, language="fr")
    first, second, third = shown.problems
    assert (first.anchor, second.anchor, third.anchor) == ("f-day", "f-items", "")
    assert first.fault.startswith("Doit être un jour du calendrier")
    assert third.fault == "À renseigner."


def test_what_goes_with_a_word_is_shown_once_it_is_filled_or_wrong() -> None:
    def shown(**more: Any) -> list[tuple[str, bool]]:
        return [(told, opened) for told, opened, _ in form(**more).parts]

    assert shown()[1] == ("Only with: in proceedings", False)
    assert shown(sent={"reference": ["12/34"]})[1][1]
    assert shown(errors=[("/reference", "is required")])[1][1]


def test_a_form_has_places_for_several_objects_and_one_more_than_were_sent() -> None:
    def places(last: int) -> list[str]:
        made = form(sent={f"contacts.{last}.name": ["A"]})
        question = next(one for one in made.questions if one.widget is Widget.ROWS)
        return [one.pointer for row in made.rows(question) for one in row]

    assert places(0) == [f"/contacts/{at}/name" for at in range(4)]
    assert places(4)[-1] == "/contacts/5/name"


def test_a_long_list_whose_order_means_nothing_stands_in_the_readers_alphabet() -> None:
    codes = "access_disabled assessment_not_confirmed case_opened child_safeguarded duplicate moved"
    words = [*codes.split(), "received", "refused"]

    def shown(words: list[str]) -> list[str]:
        schema = {"properties": {"code": {"type": "string", "enum": words}}}
        made = BodyForm.of(schema, catalogue.FRENCH)
        return [one.value for one in made.options(made.questions[0])]

    assert [one[:6] for one in shown(words)[:4]] == ["access", "assess", "moved", "duplic"]
    assert shown(words[::-1]) == words[::-1]


def test_only_what_the_page_knows_may_be_chosen() -> None:
    made = form(choices={"groups": {"items": "Items"}, "items": {"a": "Address 1"}})
    widgets = {one.field: (one.widget, one.words) for one in made.questions}
    assert widgets["groups"] == (Widget.BOXES, ("items",))
    assert widgets["items"] == (Widget.BOXES, ("a",))
