"""What people see: nothing that others wrote moves a cursor or colours anything."""

from datetime import UTC, datetime

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.output import (
    colour,
    format_time,
    format_value,
    print_fields,
    print_table,
    print_wrapped,
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


def test_a_table_that_is_wider_than_the_terminal_is_a_block_for_each_row(monkeypatch) -> None:
    @click.command()
    def command() -> None:
        print_table(("id", "what", "none"), [("1", "x" * 60, ""), ("2", "y" * 30, "z")])

    narrow = "  id    1\n  what  " + "x" * 60 + "\n\n  id    2\n  what  " + "y" * 30
    monkeypatch.setenv("COLUMNS", "50")
    assert CliRunner().invoke(command).stdout == f"{narrow}\n  none  z\n\n"
    monkeypatch.setenv("COLUMNS", "80")
    assert len(CliRunner().invoke(command).stdout.splitlines()) == 3
    monkeypatch.delenv("COLUMNS")
    assert len(CliRunner().invoke(command).stdout.splitlines()) == 3, "no terminal: a line a row"


def test_a_long_text_hangs_below_its_label_whatever_its_colour(monkeypatch) -> None:
    text = "one two three four " + "w" * 30

    @click.command()
    def command() -> None:
        print_wrapped(text, click.style("1. ok  ", fg="green"), 4)
        print_wrapped("", "2. ok  ", 4)

    monkeypatch.setenv("COLUMNS", "20")
    lines = CliRunner().invoke(command, color=True).stdout.split("\n")
    assert [click.unstyle(line).rstrip() for line in lines] == [
        "1. ok  one two three",
        "    four",
        "    " + "w" * 30,
        "2. ok",
        "",
    ]


def test_fields_without_a_value_are_left_out() -> None:
    @click.command()
    def command() -> None:
        members = {"b": True, "none": None, "l": ["x"]}
        print_fields({"one": 1, "none": None, "empty": [], "void": {}, "long name": members})

    assert CliRunner().invoke(command).stdout == "  one        1\n  long name  b yes, l x\n"


def test_a_time_is_said_to_the_minute_in_utc_and_another_text_is_left():
    assert format_time("2026-01-02T03:04:05.678901+02:00") == "2026-01-02 01:04 UTC"
    for value, text in {
        "2026-01-02T03:04:05Z": "2026-01-02 03:04 UTC",
        "2026-01-02": "2026-01-02",
        datetime(2026, 1, 2, 3, 4, tzinfo=UTC): "2026-01-02 03:04 UTC",
    }.items():
        assert format_value(value) == text


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
