"""Pages to print, and the same as text: headings, sentences, rows and folded texts.

Nothing in a page is loaded from elsewhere or can be followed, and every text in it is escaped.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

import click

from gateway.cli import output
from gateway.verification.report import plain

_STYLE = (
    "body{font:11pt/1.5 serif;max-width:48em;margin:2em auto;padding:0 1em;color:#111}"
    "h1{font-size:1.4em}h2{font-size:1.15em;border-top:1px solid #999;padding-top:.6em}"
    "h3{font-size:1em;margin-bottom:.2em}.result{font-weight:bold;border:2px solid;padding:.5em}"
    "li,p,td:nth-child(2){overflow-wrap:anywhere}ol,ul{padding-left:1.6em}"
    "td{vertical-align:top;padding-right:1em;white-space:pre-wrap}table{font-size:.9em}li,tr{break-inside:avoid}"
    ".written{white-space:pre-wrap;border-left:3px solid #999;padding-left:.6em}"
    "th{text-align:left;padding-right:1em}.figures{display:block;overflow-x:auto}"
    "@media(max-width:38em){table:not(.figures) td{display:block;overflow-wrap:anywhere}"
    "table:not(.figures) tr{display:block;margin-bottom:.6em}"
    "table:not(.figures) td:first-child{font-weight:bold}}"
    "@media print{body{margin:0;max-width:none}h2,h3{break-after:avoid}.figures{display:table}}"
)


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


def frame(title: str, body: str, language: str, label: str = "") -> str:
    """One page; ``label`` is repeated on each sheet of paper, and has letters and signs of a code
    only."""
    corner = f'@page{{@top-right{{content:"{label}"}}@bottom-right{{content:"{label}"}}}}'
    style = f"{_STYLE}{corner}" if label else _STYLE
    return (
        f'<!doctype html>\n<html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; style-src '
        f"'unsafe-inline'\"><title>{title}</title><style>{style}</style></head>\n"
        f"<body><main><h1>{title}</h1>\n{body}</main></body></html>\n"
    )


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
