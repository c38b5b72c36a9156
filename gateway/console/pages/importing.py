"""A case from a file: what of it is taken and what is dropped stands in the check, and the file is
kept nowhere."""

import tomllib
from typing import Any

from flask import Blueprint, Response, abort, g, make_response, render_template, request
from markupsafe import Markup

from gateway.console import wording
from gateway.console.context import console, say, signed_in
from gateway.console.pages import acts
from gateway.domain.case import ARRAYS
from gateway.domain.refusals import ValidationFailed
from gateway.evidence import canonical
from gateway.formats.case_draft import Imported
from gateway.formats.reading import ImportSettings, read_reports
from gateway.formats.report_file import ImportRefused, ProfileInvalid, read_profile

pages = Blueprint("importing", __name__)

SUBMIT = "case.submit"

_LARGEST_PROFILE = 16 * 1024
"""Bytes: some texts of TOML take time by the square of their length."""


@pages.route("/cases/import", methods=("GET", "POST"))
def bring() -> Response:
    """Ask for a file; show what it becomes, to be signed, or what is wrong with it where it is
    refused."""
    endpoint, faults, missing = signed_in().access.endpoint(SUBMIT), list[str](), ""
    if endpoint is None:
        abort(404)
    try:
        if request.method == "POST":
            made = _read()
            act = acts.PersonAct(SUBMIT, endpoint, {}, "/cases", wording.act(SUBMIT, g.language))
            return acts.check_body(act, {"content": made.case}, _shown(made), whole=False)
    except _Missing as error:
        missing = str(error)
    except ImportRefused as refused:
        faults = [refused.reason]
    except ProfileInvalid as refused:
        faults = [*refused.errors]
    except ValidationFailed as refused:
        faults = [f"{at}: {why}" for at, why in refused.errors]
    page = render_template("import.html", faults=[*map(_worded, faults)], missing=missing)
    return make_response(page, 422 if request.method == "POST" else 200)


def _worded(english: str) -> str:
    """Say in the language of the page what the reader of files says; else mark it as English."""
    told = wording.of_file(english, g.language)
    return told or Markup('<span lang="en">{}</span>').format(english)


def _read() -> Imported:
    """The case of the file: itself, or what its report becomes under the profile beside it."""
    name, data = _sent("report")
    try:
        case = canonical.decode(data)
    except ValueError:  # of a report, that is for its own reader
        case = None
    if isinstance(case, dict) and "case" in case:
        return Imported(case, (), (), ())
    _, text = _sent("profile")
    if len(text) > _LARGEST_PROFILE:
        raise ImportRefused(f"the file is larger than {_LARGEST_PROFILE} bytes")
    try:
        profile = read_profile(tomllib.loads(text.decode()))
    except (ValueError, RecursionError) as error:
        raise ImportRefused(f"the profile is not TOML in UTF-8: {error}") from None
    settings = ImportSettings(profile, None, console().new_id, console().now())
    ((_, made),) = read_reports(name, data, settings)
    if isinstance(made, ImportRefused):
        raise made
    return made


def _sent(field: str) -> tuple[str, bytes]:
    """A file of the form, whose size the request bounds: its name, and what is in it."""
    found = request.files.get(field)
    if found is None or not found.filename:
        raise _Missing(_MISSING[field])
    return found.filename, found.read()


_MISSING = {"report": "import_no_report", "profile": "import_no_profile"}


class _Missing(Exception):
    """A file is not there; the key of what the page says of it."""


def _shown(made: Imported) -> list[tuple[str, Any]]:
    """Return what of a file is taken, by number, and each field that is dropped, or to be looked
    at, with why."""
    case, language = made.case, g.language
    rows: list[tuple[str, Any]] = [(say("your_reference"), str(case.get("originator_ref", "")))]
    for group in ARRAYS:
        if isinstance(parts := case.get(group), list) and parts:
            rows.append((wording.coded("group", group, language), str(len(parts))))
    rows += [(say("import_dropped"), _worded(one)) for one in made.dropped]
    rows += [(say("import_noted"), _worded(one)) for one in made.notes]
    return [*rows, (say("import_content"), say("import_content_help"))]
