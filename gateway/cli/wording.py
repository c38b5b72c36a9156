"""The words of the screens of each day: sentences, labels and codes, in English or French.

The language is that of --lang, else of the locale; commands without that option speak English.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from gateway.cli import output
from gateway.cli.arguments import language_of_locale
from gateway.text import catalogue

if TYPE_CHECKING:
    from gateway.client import Gateway

_LANGUAGE = "gateway.cli.language"
"""Where the language of a command's screen is kept."""


screen_language = click.option(
    "--lang",
    type=click.Choice(catalogue.LANGUAGES),
    default=language_of_locale,
    show_default="that of the locale",
    expose_value=False,
    is_eager=True,
    callback=lambda context, _, language: context.meta.update({_LANGUAGE: language}),
    help="The language of what is shown.",
)


def language() -> str:
    """The language of this command's screen."""
    context = click.get_current_context(silent=True)
    return catalogue.ENGLISH if context is None else context.meta.get(_LANGUAGE, catalogue.ENGLISH)


def say(key: str, **values: Any) -> str:
    """A sentence or a label of a screen."""
    return catalogue.phrase("screens", key, language(), **values)


def code(field: str, value: Any) -> str:
    """Return what a code of a field means; lists by commas. What is no code stays, times in UTC."""
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(code(field, one) for one in value) or say("none")
    if isinstance(value, bool):
        return say("yes" if value else "no")
    return catalogue.code(field, str(value), language()) or output.format_value(value)


def fault(message: str) -> str:
    """Say what is wrong with a value; as the gateway says it where the language lacks words."""
    if language() == catalogue.ENGLISH:
        return message
    return catalogue.why(message, language()) or message


def of_case(field: str, value: Any) -> str:
    """A value of a case: its codes in words, what a person wrote as it is, times in UTC."""
    if isinstance(value, list | tuple):
        return ", ".join(of_case(field, one) for one in value) or say("none")
    if isinstance(value, bool):
        return say("yes" if value else "no")
    return output.format_time(catalogue.case_code(field, str(value), language()))


def label(name: str) -> str:
    """Return what a field of a case or an answer is called."""
    return catalogue.label(name, language())


def fields(named: Mapping[str, Any]) -> dict[str, Any]:
    """Values under their labels, by the keys of these."""
    return {say(name): value for name, value in named.items()}


def print_next(command: str) -> None:
    """Tell a complete command, in lines that a person copies as they are."""
    output.print_next(command, say("next"))


def names_of(gateway: "Gateway") -> dict[str, str]:
    """The names of organisations by their ids, where this system may read the directory."""
    if not gateway.may("directory.read"):
        return {}
    return {one["organisation"]: one["name"] for one in gateway.organisations()}
