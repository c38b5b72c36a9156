"""A verification report as one HTML page to print: nothing in it is loaded or can be followed."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

from gateway import __version__
from gateway.domain.item_value import defang_text
from gateway.text import catalogue
from gateway.text.html_page import frame
from gateway.verification.listing import EVIDENCE
from gateway.verification.report import VerificationReport
from gateway.verification.trust import TrustAnchors


def name_of(name: str, beside: Mapping[str, bytes] | None) -> str:
    """A file by its name alone; no path, which would name persons and cases."""
    name = Path(name).name
    return name if beside is None else f"{name}/{EVIDENCE}"


def identify(command: str, name: str, data: bytes | None, trust: TrustAnchors) -> dict[str, Any]:
    """Return what identifies a report: the file, or the command on a folder, the day, the version,
    the command and the keys."""
    return {
        "file": name,
        **({} if data is None else {"sha256": hashlib.sha256(data).hexdigest()}),
        "checked_on": f"{datetime.now(UTC):%Y-%m-%d}",  # noqa: TID251 - the day of this machine
        "casegate": __version__,
        "command": command,
        "keys": trust.named_keys(),
    }


def render(
    reports: Mapping[str, VerificationReport],
    checked: Mapping[str, Mapping[str, Any]],
    language: str,
    *,
    content: bool = False,
) -> str:
    """One page for the reports by file name, in a language of `catalogue.LANGUAGES`.

    ``checked`` says of each file what identifies its report: digest, day, version, command, keys.
    """
    title = _word("title", language)
    parts = [
        part
        for name, one in reports.items()
        for part in (*_one(one, checked[name], language, content),)
    ]
    return frame(title, "".join(parts), language)


def _one(
    report: VerificationReport, checked: Mapping[str, Any], language: str, content: bool
) -> Iterable[str]:
    yield f"<h2>{_word('file', language)} {_text(checked['file'])}</h2>\n"
    yield f'<p class="result">{_text(report.headline_in(language))}</p>\n'
    yield from _identified(checked, language)
    for heading, sentences in report.sections(language).items():
        lines = "".join(f"<li>{escape(line)}</li>\n" for line in sentences)
        yield f"<h3>{_word(heading, language)}</h3>\n<ul>\n{lines}</ul>\n"
    if report.conclusion is not None and content:
        title, values = report.content(language)
        rows = "".join(
            f"<tr><td>{escape(path)}</td><td>{escape(value)}</td></tr>\n" for path, value in values
        )
        yield f"<h3>{escape(title)}</h3>\n<table>\n{rows}</table>\n"
    steps = "".join(
        f"<li>{_text(catalogue.title(step.title, language))}{catalogue.colon(language)} "
        f"{catalogue.outcome(step.outcome, language)}</li>\n"
        for step in report.steps
    )
    yield f"<h3>{_word('checks', language)}</h3>\n<ol>\n{steps}</ol>\n"
    told = (
        (step.number, catalogue.detail(step.detail, step.outcome != "failed", language))
        for step in report.steps
    )
    details = "".join(f"<tr><td>{at}</td><td>{_text(text)}</td></tr>\n" for at, text in told)
    yield f"<h3>{_word('details', language)}</h3>\n<table>\n{details}</table>\n"


def _identified(checked: Mapping[str, Any], language: str) -> Iterable[str]:
    day = catalogue.moment(checked["checked_on"], language)
    head = catalogue.heading("checked", language).format(day=day, version=checked["casegate"])
    lines = [
        f"{catalogue.heading(name, language)}{catalogue.colon(language)} {checked[key]}"
        for name, key in (("digest", "sha256"), ("command", "command"))
        if key in checked
    ]
    yield f"<p>{escape(head)}<br>\n{'<br>'.join(map(escape, lines))}</p>\n"
    rows = "".join(
        f"<tr><td>{escape(one['of'])}</td><td>{_text(one['id'])}</td><td>{_text(one['from'])}</td></tr>\n"
        for one in checked["keys"]
    )
    yield f"<h3>{_word('keys', language)}</h3>\n<table>\n{rows}</table>\n"


def _word(name: str, language: str) -> str:
    return escape(catalogue.heading(name, language))


def _text(text: str) -> str:
    return escape(defang_text(text))
