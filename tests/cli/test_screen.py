"""What people see: nothing that others wrote moves a cursor, colours or links anything."""

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.output import (
    cold,
    colour,
    format_value,
    print_fields,
    print_table,
    sanitise,
    write_new,
)


@given(st.text())
def test_plain_text_holds_only_what_prints(text):
    shown = sanitise(text)
    assert len(shown) == len(text)
    assert all(character.isprintable() or character.isspace() for character in shown)
    assert not set(shown) & set("\x1b\r\n\x07\u202e\u2066\x9b")


def test_texts_keep_their_letters_and_lose_their_orders():
    assert sanitise("déjà vu 日本\x1b[31m\n!") == "déjà vu 日本\N{REPLACEMENT CHARACTER}[31m !"


def test_addresses_in_free_text_are_no_links():
    assert cold("see https://a.example.org/x.jpg and http://b.example") == (
        "see hxxps://a[.]example[.]org/x.jpg and hxxp://b[.]example"
    )
    assert cold("No address. Just words.") == "No address. Just words."


def test_colours_are_dropped_when_the_environment_says_so(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert colour("x", "red") == click.style("x", fg="red")
    monkeypatch.setenv("NO_COLOR", "1")
    assert colour("x", "red") == "x"


def test_a_table_is_aligned_and_plain() -> None:
    @click.command()
    def command() -> None:
        print_table(("a", "long heading"), [("wide cell", 1), ("\x1b[2J", None)])

    lines = CliRunner().invoke(command).stdout.split("\n")
    assert lines == [
        "a          long heading",
        "wide cell  1",
        "\N{REPLACEMENT CHARACTER}[2J       None",
        "",
    ]


def test_fields_without_a_value_are_left_out() -> None:
    @click.command()
    def command() -> None:
        members = {"b": True, "none": None, "l": ["x"]}
        print_fields({"one": 1, "none": None, "empty": [], "void": {}, "long name": members})

    assert CliRunner().invoke(command).stdout == "  one        1\n  long name  b yes, l x\n"


def test_values_are_said_in_words():
    said = {"yes": True, "no": False, "none": [], "a, b": ["a", "b"], "3": 3}
    for text, value in said.items():
        assert format_value(value) == text


def test_a_file_is_its_owners_and_never_overwritten(tmp_path):
    file = tmp_path / "new"
    write_new(file, b"first")
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (b"first", 0o600)
    with pytest.raises(click.ClickException):
        write_new(file, b"second")
    assert file.read_bytes() == b"first"
