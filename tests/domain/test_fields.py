"""What a text from outside must be: each form takes its own, and says what is wrong with others."""

from base64 import b64encode
from random import Random

from gateway.domain import fields
from tests.each import each

LONG_DIGEST = f"SHA-512 {Random(1).randbytes(64).hex()}"
CODE = b64encode(Random(2).randbytes(210)).decode()

FORMS = {
    "words": (fields.among(("a", "b")), ["a", "b"], ["c", "", "A", 1, None, ["a"]]),
    "pattern": (fields.like("[a-z]{2}", "is none"), ["ab"], ["ab\n", "abc", "a", "A", 1]),
    "day": (fields.DAY, ["2026-01-02"], ["2026-1-2", "2026-02-30", "2026-01-02T00:00:00Z", 1]),
    "moment": (fields.MOMENT, ["2026-01-02T03:04:05Z"], ["2026-01-02", "2026-01-02T03:04:05"]),
    "organisation": (fields.ORGANISATION, ["hotline-a"], ["Hotline", "a b", "", 1]),
    "free": (fields.free(5), ["Müll", "a\nb"], ["", " ", "abcdef", "a\0", "a\u202e", 1]),
    "line": (fields.free(5, lines=False, blank=True), ["", "a b"], ["a\nb"]),
    "no file": (fields.free(99), ["see there"], ["see data:image/png;base64,AAAA"]),
    "note": (fields.note(999), ["see there", LONG_DIGEST], ["x" * 1000, "/9j/" * 99, CODE]),
    "shown": (fields.SHOWN, ["a\nb", "A1b2" * 20], ["", " ", "a\0", None]),
    "up to": (fields.up_to(3, "is too long"), ["", "abc", "\0"], ["abcd", 3]),
}


@each("form, good, bad", FORMS.values())
def test_a_form_takes_its_own_texts_and_no_others(form, good, bad):
    assert [form.judge(value) for value in good] == [None] * len(good)
    assert all(form.judge(value) for value in bad)


def test_a_form_is_published_as_it_is_judged():
    assert fields.among("ab").schema == {"type": "string", "enum": ["a", "b"]}
    assert fields.like("[a-z]{2}", "is none").schema["pattern"] == "^[a-z]{2}$"
    assert fields.free(5).schema == {"type": "string", "minLength": 1, "maxLength": 5}
