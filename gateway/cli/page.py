"""Pages to print, and the same as text: headings, sentences, rows and folded texts.

Nothing in a page is loaded from elsewhere or can be followed, and every text in it is escaped.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

import click

from gateway.cli import output
from gateway.text.html_page import frame
from gateway.verification.report import plain


@dataclass(frozen=True)
class Block:
    """A heading with what stands below it, in this order.

    ``alert`` is framed, ``rows`` are names with values, or, below ``columns``, a table. ``written``
    is a person's text; ``folded`` is the sentence that stands before it, or, where it is closed,
    in its place.
    """

    heading: str
    level: int = 2
    alert: str = ""
    lines: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    columns: Sequence[str] = ()
    written: str = ""
    folded: str = ""
    closed: bool = False


def organisation(id_: str, names: Mapping[str, str]) -> str:
    """An organisation by its name, with its id; by its id where the directory does not have it."""
    return f"{names[id_]} ({id_})" if id_ in names else id_


def render(title: str, blocks: Iterable[Block], language: str, label: str = "") -> str:
    """The page of these blocks."""
    body = "".join(line for one in blocks for line in _html(one))
    return frame(_shown(title), body, language, label)


def _html(one: Block) -> Iterator[str]:
    yield f"<h{one.level}>{_shown(one.heading)}</h{one.level}>\n"
    if one.alert:
        yield f'<p class="result">{_shown(one.alert)}</p>\n'
    yield from (f"<p>{_shown(line)}</p>\n" for line in one.lines)
    if one.rows:
        head = "".join(f"<th>{_shown(name)}</th>" for name in one.columns)
        yield f"<table{' class=figures' if head else ''}>\n{head and f'<tr>{head}</tr>'}"
        for row in one.rows:
            yield f"<tr>{''.join(f'<td>{_shown(cell)}</td>' for cell in row)}</tr>\n"
        yield "</table>\n"
    if one.written:
        text = f'<p class="written">{_shown(one.written)}</p>\n'
        opened = "" if one.closed else " open"
        summary = f"<summary>{_shown(one.folded)}</summary>\n"
        yield f"<details{opened}>{summary}{text}</details>\n" if one.folded else text


def _shown(text: str) -> str:
    return "\n".join(escape(plain(line)) for line in text.split("\n"))


def show(title: str, blocks: Iterable[Block]) -> None:
    """Print these blocks for a terminal."""
    click.echo(output.colour(plain(title), "cyan"))
    for one in blocks:
        click.echo(f"\n{output.colour(plain(one.heading), 'cyan')}")
        if one.alert:
            output.print_wrapped(plain(one.alert), "  ", 2, "yellow")
        for line in one.lines:
            output.print_wrapped(plain(line), "  ", 2)
        if one.columns:
            output.print_table(one.columns, one.rows)
        else:
            width = max((len(row[0]) for row in one.rows), default=0)
            for name, value in one.rows:
                text = plain(value.replace("\n", " "))
                output.print_wrapped(text, f"  {name.ljust(width)}  ", width + 4)
        if one.folded:
            output.print_wrapped(plain(one.folded), "  ", 2)
        if one.written and not one.closed:
            for line in one.written.split("\n"):
                output.say(f"  | {line}")
