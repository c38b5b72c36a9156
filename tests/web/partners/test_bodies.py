"""The bodies of answers and steps are those of their tables, each field of its type and bounds."""

from typing import Any

import pytest

from gateway.domain.answers import PARTIES_ANSWERS, FieldType, RequestField
from gateway.domain.steps import STEPS, ids_in
from gateway.web.partners import steps
from tests.founded_gateway import HOTLINE
from tests.web.listening import listening

ID = "018f0000-0000-7000-8000-000000000011"
BODIES = {
    **{kind.action: (f"/handoffs/{ID}/{kind.path}", kind.fields) for kind in PARTIES_ANSWERS},
    **{
        f"{kind.action} of a {place}": (
            address.format_map(dict.fromkeys(ids_in(address), ID)),
            kind.body.fields,
        )
        for kind in STEPS.values()
        for place, address in kind.addresses.items()
    },
}
CONDITIONS = {
    "tlp": "AMBER",
    "handling": [],
    "onward": "ask_originator",
    "permitted_actions": "ask_first",
    "purpose": ["remove"],
    "erase_on": "2027-03-02",
}
PARTNER, KEEPER = listening().partner(HOTLINE), listening()
KEEPER.keeps_staff(HOTLINE)


def good(one: RequestField) -> Any:
    """A value that the field may have."""
    word = next(iter(one.words), "")
    return {
        FieldType.TEXT: "words\nin two lines",
        FieldType.LINE: "words",
        FieldType.WORD: word,
        FieldType.PERSON: "person-1",
        FieldType.TIME: "2026-03-09T09:00:00Z",
        FieldType.DAY: "2027-03-02",
        FieldType.WORDS: [word],
        FieldType.PERSONS: ["person-1"],
        FieldType.IDS: [ID],
        FieldType.POINTERS: ["/urgency"],
        FieldType.CONDITIONS: CONDITIONS,
        FieldType.RESERVATION: {"condition": word, "legal_basis": "by law"},
    }[one.type]


def bad(one: RequestField) -> list[Any]:
    """Values that it may not have."""
    texts = ["", " ", "x" * (one.longest + 1), 7, "data:image/gif;base64,R0lGODlhAQABAAAAACw="]
    condition = {"condition": "onward"}
    reservations = [
        condition,
        {**condition, "legal_basis": "x" * (one.longest + 1)},
        {"condition": "the weather", "legal_basis": "x"},
    ]
    short = [{n: v for n, v in CONDITIONS.items() if n != one} for one in CONDITIONS]
    odd = [
        {**CONDITIONS, name: "whatever" if isinstance(value, str) else ["whatever"]}
        for name, value in CONDITIONS.items()
    ]
    return {
        FieldType.TEXT: texts,
        FieldType.LINE: [*texts, "in two\nlines"],
        FieldType.WORD: ["whatever", ["whatever"]],
        FieldType.PERSON: ["a person", "someone@example.org"],
        FieldType.TIME: ["2026-03-09T09:00:00", "2026-03-09"],
        FieldType.DAY: ["2027-02-30", "2026-03-09T09:00:00Z"],
        FieldType.WORDS: [["whatever"], [*one.words[:1]] * 2, "whatever"],
        FieldType.PERSONS: [["a person"], "person-1"],
        FieldType.IDS: [["whatever"], ID],
        FieldType.POINTERS: [["whatever"], "/urgency"],
        FieldType.CONDITIONS: [*short, *odd, {**CONDITIONS, "more": 1}, []],
        FieldType.RESERVATION: [*reservations, reservations[1:]],
    }[one.type] + ([[]] if isinstance(good(one), list) and one.least else [])


def faults(path: str, body: dict[str, Any]) -> set[str]:
    """The members of a body that are refused."""
    partner = KEEPER.partner(HOTLINE) if path.startswith("/staff/") else PARTNER
    answer = partner.post(path, body)
    assert answer.status_code == 422, answer.text
    return {one["pointer"].split("/")[1] for one in answer.json["errors"]}


@pytest.mark.parametrize("name", BODIES)
def test_a_body_has_the_fields_of_its_table_and_no_others(name: str) -> None:
    path, fields = BODIES[name]
    whole = {one.name: good(one) for one in fields}
    # Nobody takes it: what else is refused shows that all the rest is taken.
    assert faults(path, whole) == {"by"}
    assert faults(path, {**whole, "by": "a b", "surprise": 1}) == {"by", "surprise"}
    needed = {one.name for one in fields if one.required}
    assert faults(path, {}) == {"by"} | needed
    for one in fields:
        for value in bad(one):
            assert faults(path, {**whole, one.name: value}) == {"by", one.name}, value


def test_every_step_of_the_table_is_taken_by_an_action_and_no_other_is() -> None:
    assert steps._TAKEN.keys() == STEPS.keys()
    for name, taken in steps._TAKEN.items():
        assert taken.act.keys() >= {*STEPS[name].places}
