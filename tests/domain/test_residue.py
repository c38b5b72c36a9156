"""What of a text spells nothing is left over; what any language has is not."""

import time
from random import Random

from gateway.domain.residue import Residue, weigh
from tests.domain.carriers import FORMS, MASKED
from tests.domain.honest_cases import TEXTS
from tests.each import each


def weight(text):
    read = Residue(text)
    return weigh(read.left, [read.spelt])


@each(
    "text, left",
    [
        ("the page was seen", []),
        ("la page signalée", []),
        ("seen 12 times", ["12"]),
        ("IMG2034", ["2034"]),
        ("a9F3kQ is it", ["a9F3kQ"]),
        ("caf%C3%A9", []),
        ("%FF%D8%FF", ["\udcff", "\udcd8", "\udcff"]),
        ("٣٤ كتاب", ["٣٤"]),
        ("so ☺ it is ⠓", ["☺⠓"]),
        ("pаypal", ["pаypal"]),
    ],
)
def test_numbers_symbols_and_strange_words_are_left(text, left):
    assert "".join(Residue(text).left) == "".join(left)


@each("form", sorted({*FORMS} - {"a list of 65,536 words"}))
def test_what_is_left_of_a_form_weighs_what_it_carries(form):
    assert weight(FORMS[form](MASKED[:6000])) > 5000


PROSE = [text for text in TEXTS if len(text) > 80 and not any(map(str.isdigit, text))]


@each("text", PROSE)
def test_what_is_written_in_a_language_weighs_nearly_nothing(text):
    assert weight(text) <= 50


def test_what_repeats_weighs_nothing():
    assert weight("Item 12 of the folder was online at 10:30. " * 400) < 250


@each(
    "text",
    [
        "ab" * 125_000,
        "a1" * 125_000,
        "a 1 " * 60_000,
        "%41" * 80_000,
        "\u4e00\u4e01" * 40_000,
        "0a " * 80_000,
        "\\x" * 120_000,
        " " * 250_000,
        "é" * 120_000,
        "a\u0430 " * 60_000,
        "".join(Random(1).choices("abcdefghij 0123456789!?.,", k=250_000)),
    ],
)
def test_a_whole_request_is_weighed_quickly(text):
    start = time.process_time()
    weight(text)
    assert time.process_time() - start < 0.5
