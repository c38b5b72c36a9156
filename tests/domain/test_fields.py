"""The language of fields: what a form takes as it is, and all that it says of the rest."""

import pytest

from gateway.domain import fields
from gateway.domain.fields import StrictSchema, Text, schema_of
from gateway.domain.refusals import ValidationFailed
from tests.each import each


class Inner(StrictSchema):
    """Two numbers, the second one not below the first."""

    low = fields.whole(0, 9)
    high = fields.whole(0, 9, required=False)

    def faults(self, data):
        if data.get("high", 9) < data["low"]:
            yield "/high", "is below"


class Outer(Inner):
    """All that there is."""

    one = fields.part(Inner, required=False)
    many = fields.parts(Inner, least=1, required=False)
    named = fields.members(fields.text(3), Inner(), most=2, required=False)
    said = fields.free(9, required=False)
    from_ = fields.day(required=False)
    page = fields.FieldForm({"type": "integer"}, required=False, default=7)


FULL = {
    "low": 1,
    "high": 2,
    "one": {"low": 0},
    "many": [{"low": 1, "high": 1}, {"low": 2}],
    "named": {"a": {"low": 3}},
    "said": "two\nlines",
    "from": "2026-01-02",
}


def errors_of(form, value):
    with pytest.raises(ValidationFailed) as refused:
        form.read(value)
    return dict(refused.value.errors)


def test_what_is_good_is_read_as_it_is_in_the_order_of_the_class():
    backwards = dict(reversed(FULL.items()))
    read = Outer().read(backwards)
    assert read == {**FULL, "page": 7}
    assert [*read] == [*FULL, "page"]
    assert Inner().read({"low": 9}) == {"low": 9}


def test_all_that_is_wrong_is_told_at_once_each_at_its_place():
    sent = {
        "high": True,
        "one": {},
        "many": [{"low": 1}, {"low": 10}, {"low": 2, "high": 1}, 5],
        "named": {"a": {"low": "1"}, "long": {"low": 1}},
        "said": "",
        "more": 1,
    }
    assert errors_of(Outer(), sent).keys() == {
        "/low",
        "/high",
        "/one/low",
        "/many/1/low",
        "/many/2/high",
        "/many/3",
        "/named/a/low",
        "/named/long",
        "/said",
        "/more",
    }


def test_fields_are_judged_together_once_each_is_good():
    assert errors_of(Inner(), {"low": 3, "high": 2}) == {"/high": "is below"}
    assert errors_of(Inner(), {"low": 3, "high": 2, "more": 1}).keys() == {"/more"}


def test_a_name_that_no_field_of_ours_could_have_is_not_repeated():
    for name in ("a name with spaces", "x" * 70, "Müller_Hans", "a/b", ""):
        assert errors_of(Inner(), {"low": 1, name: 1}).keys() == {""}


FORMS = {
    "text": (fields.word(("a", "b")), ["a", "b"], ["c", "", 1, None, ["a"]]),
    "day": (fields.day(), ["2026-01-02"], ["2026-1-2", "2026-02-30", 20260102]),
    "moment": (fields.moment(), ["2026-01-02T03:04:05Z"], ["2026-01-02", "2026-01-02T03:04:05"]),
    "like": (Text(fields.like("[a-z]{2}", "is none")), ["ab"], ["ab\n", "abc", "A", 1]),
    "slug": (fields.slug(), ["hotline-a"], ["Hotline", "a b", ""]),
    "free": (fields.free(5), ["Müll", "a\nb"], ["", " ", "abcdef", "a\0", "a\u202e"]),
    "line": (fields.free(5, lines=False, blank=True), ["", "a b"], ["a\nb"]),
    "bounded": (fields.text(3, least=1), ["abc"], ["", "abcd", 3]),
    "number": (fields.whole(-1, 3), [-1, 0, 3], [-2, 4, True, 1.0, "1"]),
    "boolean": (fields.boolean(), [True, False], [0, 1, "true", None]),
    "array": (fields.words("ab", least=1), [["a"], ["b", "a"]], [[], ["a", "a"], ["c"], "a", None]),
    "objects": (fields.parts(Inner), [[], [{"low": 1}, {"low": 1}]], [{"low": 1}, [[]], None]),
    "object": (Inner(), [{"low": 1}], [None, [], "x", 1, {}]),
    "members": (
        fields.members(fields.text(3), fields.boolean(), most=1),
        [{}, {"abc": True}],
        [[], None, {"abcd": True}, {"a": 1}, {"a": True, "b": True}],
    ),
    "anything": (fields.members(), [{}, {"a": [None]}], [[], "x"]),
}


@each("form, good, bad", FORMS.values())
def test_a_form_takes_its_own_values_and_no_others(form, good, bad):
    for value in good:
        assert form.read(value) == value
    for value in bad:
        assert all(errors_of(form, value).values()), value


def test_a_schema_of_a_table_is_one_like_the_others():
    made = schema_of("Made", {"word": Text(fields.among("ab")), "low": fields.whole(0, 1)})()
    assert made.read({"low": 1, "word": "a"}) == {"word": "a", "low": 1}
    assert made.shape == {"$ref": "#/components/schemas/Made"}
