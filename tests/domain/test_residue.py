"""What of a text spells nothing is left over; what any language has is not."""

import base64
from itertools import product
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
    assert weight(FORMS[form](MASKED[:1500])) > 1250


def cut(width, between):
    text = base64.b64encode(MASKED[:300]).decode()
    return between.join(text[at : at + width] for at in range(0, len(text), width))


PARTED = [" ", "\n", ", ", ". ", "|", " / ", "; ", "\n- ", " * ", "', '", '" +\n"', "\\n", "&#10;"]


@each(
    "width, between", [*product((4, 5, 8, 15, 16, 40, 76, 999), PARTED), (1, "\u200b"), (1, "\xad")]
)
def test_base64_weighs_what_it_carries_however_it_is_wrapped(width, between):
    assert weight(cut(width, between)) >= 300


@each(
    "write",
    [
        lambda sign: f"%{ord(sign):02X}",
        lambda sign: f"%25{ord(sign):02X}",
        lambda sign: f"&#{ord(sign)};",
        lambda sign: f"\\u{ord(sign):04x}",
        lambda sign: f"\\x{ord(sign):02x}",
        lambda sign: chr(ord(sign) + 0xFEE0),
    ],
)
def test_base64_weighs_what_it_carries_however_its_signs_are_written(write):
    assert weight("".join(map(write, cut(999, "")))) >= 250


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
def test_a_whole_request_weighs_no_more_than_its_bytes(text):
    assert weight(text) <= len(text.encode())
