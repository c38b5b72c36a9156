"""Opened content on a screen: every part has its place, none of it acts on the terminal."""

import copy
from typing import Any

import click
from click.testing import CliRunner

from gateway.cli.content import print_content
from gateway.client import ConsultedContent
from gateway.domain.case import conditions
from gateway.domain.vocabulary import ATTRIBUTIONS, ONWARD, PERMITTED_ACTIONS, TLP, Handling
from gateway.text import catalogue
from tests.web.partners.case_example import full_case


def shown(content: dict[str, Any], *, full: bool = False, withheld: tuple[str, ...] = ()) -> str:
    binding = conditions(content["marking"])
    opened = ConsultedContent(
        content,
        "",
        "point-de-contact",
        "attested",
        withheld,
        binding,
        False,
        (),
        None,  # type: ignore[arg-type]
    )

    @click.command()
    def command() -> None:
        print_content(opened, full=full)

    result = CliRunner().invoke(command)
    assert result.exception is None, result.exception
    return result.stdout


def test_every_part_of_a_complete_case_is_shown():
    content = full_case()
    output = shown(content, full=True)
    for word in (
        "TLP:AMBER, H1, H3",
        "NCMEC A/B: pubescent minor, lascivious exhibition (B2), about address (URL) hxxps://content[.]example[.]org/a/b.jpg?page=2",
        "a match, not a finding; superseded",
        "Universal Classification Schema (INHOPE) 3: opaque-7, about the case",
        "embargo: no notice to the host: yes",
        "may be released to: police-a",
        "handling note: Not to be shown",
        "0011  address (URL) hxxps://content[.]example[.]org/a/b.jpg?page=2 (source) [TLP:AMBER+",
        "found through hxxps://search[.]example[.]org/",
        "hosted: IP address: 192[.]0[.]2[.]10",
        "SHA-256 5e884898",
        "online at 2026-01-02 09:59 UTC",
        "suspect, minor: no, age not categorised, qualified by police-a [H2]",
        "ICCAM report 1234567",
        "assessment A3 (analyst, 2026",
        "content warning: mild [TLP:RED]",
        "  | la page était en ligne.",
        "who reported: anonymous: yes",
        "regime: Regulation (EU) 2016/679 (GDPR)",
    ):
        assert word in output, word
    assert "https://" not in output


def test_what_is_withheld_is_named_and_what_is_absent_leaves_no_trace():
    content = full_case()
    bare = {name: content[name] for name in ("case", "version", "marking")}
    bare["marking"] = {
        name: content["marking"][name]
        for name in ("tlp", "handling", "onward", "permitted_actions", "purpose", "erase_on")
    }
    output = shown(bare, withheld=("items", "statements"))
    assert output.endswith("Withheld, in whole or in part: items, statements\n")
    assert "Codes" not in output
    assert "Restrictions" not in output


def test_nothing_that_was_written_in_a_case_acts_on_the_terminal():
    hostile = copy.deepcopy(full_case())

    def poison(value: Any) -> Any:
        match value:
            case dict():
                return {name: poison(member) for name, member in value.items()}
            case list():
                return [poison(element) for element in value]
            case str():
                return f"{value}\x1b[2J\x07\u202e"
            case _:
                return value

    output = shown(poison(hostile), full=True)
    assert not set(output) & set("\x1b\x07\u202e")


def test_every_code_of_a_condition_has_a_meaning():
    codes = {*ONWARD, *PERMITTED_ACTIONS, *ATTRIBUTIONS, *Handling, *TLP}
    assert codes == catalogue._TABLES["meanings"].keys()
