"""Pages to print, and the same as text: headings, sentences, rows and folded texts.

Nothing in a page is loaded from elsewhere or can be followed, and every text in it is escaped.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import click

from gateway.cli import output
from gateway.text.html_page import frame
from gateway.verification import event_table
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
    parts = list[str]()
    for one in blocks:
        parts.append(f"<h{one.level}>{_shown(one.heading)}</h{one.level}>\n")
        if one.alert:
            parts.append(f'<p class="result">{_shown(one.alert)}</p>\n')
        parts += (f"<p>{_shown(line)}</p>\n" for line in one.lines)
        if one.rows:
            head = "".join(f"<th>{_shown(name)}</th>" for name in one.columns)
            parts.append(f"<table{' class=figures' if head else ''}>\n")
            parts.append(f"<tr>{head}</tr>" if head else "")
            for row in one.rows:
                parts.append(f"<tr>{''.join(f'<td>{_shown(cell)}</td>' for cell in row)}</tr>\n")
            parts.append("</table>\n")
        if one.written:
            text = f'<p class="written">{_shown(one.written)}</p>\n'
            opened = "" if one.closed else " open"
            summary = f"<summary>{_shown(one.folded)}</summary>\n"
            parts.append(f"<details{opened}>{summary}{text}</details>\n" if one.folded else text)
    return frame(_shown(title), "".join(parts), language, label)


def _shown(text: str) -> str:
    return "\n".join(escape(plain(line)) for line in text.split("\n"))


def answer(
    title: str,
    blocks: Sequence[Block],
    language: str,
    told: Mapping[str, Any],
    *,
    file: Path | None,
    table: Sequence[Mapping[str, str]] | None,
) -> None:
    """Write a page, where there is a new ``file`` for it; then print what a command answers: a
    ``table`` as comma-separated values, ``told`` for machines, or else the page as text, of one
    that was written its title alone."""
    if file is not None:
        output.write_new(file, render(title, blocks, language).encode())
    if table is not None:
        click.echo(event_table.to_csv(table), nl=False)
    elif not output.reply(told):
        show(title, blocks if file is None else ())


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
