"""Cases from files: what of each is taken and what is dropped stands in the check, and the file is
kept nowhere. Of several each has its own outcome."""

import tomllib
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, abort, g, make_response, redirect, render_template, request
from markupsafe import Markup

from gateway.console import wording
from gateway.console.access import UNANSWERED, Done, NotDone, RefusedOnRecord
from gateway.console.context import console, say, signed_in
from gateway.console.pages import acts
from gateway.domain.case import ARRAYS
from gateway.domain.media import sniff
from gateway.domain.refusals import Refusal, ValidationFailed
from gateway.evidence import canonical, receipt
from gateway.formats.case_draft import Imported
from gateway.formats.reading import FORMATS, ImportSettings, read_reports
from gateway.formats.report_file import (
    WITH_ARTICLE,
    ImportProfile,
    ImportRefused,
    ProfileInvalid,
    read_profile,
    read_report,
)

pages = Blueprint("importing", __name__)

SUBMIT = "case.submit"

MOST_FILES = 100
"""As many as one batch takes; together they have the size of one request."""

_LARGEST_PROFILE = 16 * 1024
"""Bytes: some texts of TOML take time by the square of their length."""


@pages.route("/cases/import", methods=("GET", "POST"))
def bring() -> Response:
    """Ask for files; show what one becomes, to be signed, or what is wrong with it where it is
    refused; of several, each in a list."""
    if request.method == "GET":
        _endpoint()
        return make_response(render_template("import.html", faults=(), missing=""))
    faults, missing, what = list[str](), "", "import_refused"
    try:
        reports, profile = _reports(), _profile()
        if len(reports) > 1:
            rows = [_row(name, data, profile) for name, data in reports]
            held = console().sessions.hold(signed_in().session, rows, acts.SIGNED_WITHIN)
            return make_response(redirect(f"/cases/import/{held}", 303))
        made = _read(*reports[0], profile)
        return acts.check_body(_act("/cases"), {"content": made.case}, _shown(made), whole=False)
    except _Missing as error:
        missing = str(error)
    except _ProfileRefused as refused:
        faults, what = refused.faults, "import_profile_refused"
    except _REFUSED as refused:
        faults = _faults(refused)
    told = [*map(_worded, faults)]
    page = render_template("import.html", faults=told, missing=missing, what=what)
    return make_response(page, 422)


def _endpoint() -> str:
    return signed_in().access.endpoint(SUBMIT) or abort(404)


def _act(back: str) -> acts.PersonAct:
    return acts.PersonAct(SUBMIT, _endpoint(), {}, back, wording.act(SUBMIT, g.language))


# --- Several files: each has its own key, case, receipt and refusal ---


def _row(name: str, data: bytes, profile: ImportProfile | None) -> dict[str, Any]:
    """Check what one of several files becomes, as it would be by itself, or say why it is
    refused."""
    row: dict[str, Any] = {"file": name, "key": str(console().new_id()), "faults": []}
    row |= {"missing": "", "receipt": None}
    try:
        made = _read(name, data, profile)
        body = {"content": made.case}
        prepared = signed_in().access.prepare(_endpoint(), row["key"], body)
    except _Missing as missing:
        return row | {"missing": str(missing)}
    except (*_REFUSED, *UNANSWERED) as refused:
        return row | {"faults": _faults(refused)}
    told = made.case, made.dropped, made.notes
    return row | {"made": told, "body": dict(prepared.body)}


def _rows(held: str) -> list[dict[str, Any]]:
    """The files of a list that is held."""
    found = console().sessions.held(signed_in().session, held)
    return found if isinstance(found, list) else abort(404)


def _made(row: Mapping[str, Any]) -> Imported:
    """Return what a file became, as it was read."""
    case, dropped, notes = row["made"]
    return Imported(case, dropped, notes, ())


@pages.get("/cases/import/<held>")
def show_all(held: str) -> str:
    """Show of each file what it becomes, why it is refused, or that it is recorded."""
    rows, at_member = _rows(held), console().at_member
    ready = sum("body" in one and one["receipt"] is None for one in rows)
    told = [
        {
            **one,
            "number": number,
            "faults": [*map(_worded, one["faults"])],
            "shown": _shown(_made(one)) if "made" in one else [],
        }
        for number, one in enumerate(rows)
    ]
    return render_template("import_all.html", rows=told, held=held, ready=ready, at_once=at_member)


@pages.post("/cases/import/<held>")
def record_all(held: str) -> Response:
    """At a member: sign and record all that are ready, in one request."""
    rows = _rows(held)
    ready = [one for one in rows if "body" in one and one["receipt"] is None]
    asked = [(one["key"], one["body"]) for one in ready]
    ended = signed_in().access.write_each(_endpoint(), asked) if asked else ()
    for one, answer in zip(ready, ended, strict=True):
        if isinstance(answer, Done):
            one |= {"receipt": receipt.to_json(answer.receipt), "faults": []}
        else:
            one["faults"] = _faults(answer)
            if not isinstance(answer, NotDone):  # that one may be sent again, as it is
                del one["body"]
    console().sessions.hold_again(signed_in().session, held, rows)
    return make_response(redirect(f"/cases/import/{held}", 303))


@pages.post("/cases/import/<held>/<int:number>")
def check_one(held: str, number: int) -> Response:
    """Show one of them, to be signed by itself."""
    rows = _rows(held)
    if number >= len(rows) or "made" not in rows[number]:
        abort(404)
    made = _made(rows[number])
    act, body = _act(f"/cases/import/{held}"), {"content": made.case}
    return acts.check_body(act, body, _shown(made), whole=False, listed=(held, number))


@pages.get("/cases/import/<held>/<int:number>/receipt.json")
def save_receipt(held: str, number: int) -> Response:
    """The receipt of one, as a file."""
    rows = _rows(held)
    found = rows[number]["receipt"] if number < len(rows) else None
    return acts.receipt_file(found or abort(404))


_REFUSED = (ImportRefused, ValidationFailed)


def _faults(refused: Exception) -> list[str]:
    """Say in English what is wrong."""
    match refused:
        case ImportRefused():
            return [refused.reason]
        case ValidationFailed():
            return [f"{at}: {why}" for at, why in refused.errors]
        case RefusedOnRecord():
            return _faults(refused.refusal)
        case NotDone():
            return [*refused.sentences]
        case Refusal():
            return [refused.detail]
    raise refused


def _worded(english: str) -> str:
    """Say in the language of the page what the reader of files says; else mark it as English."""
    told = wording.of_file(english, g.language)
    return told or Markup('<span lang="en">{}</span>').format(english)


def _read(name: str, data: bytes, profile: ImportProfile | None) -> Imported:
    """The case of a file: itself, or what its report becomes under the profile beside it.

    A profile is asked for only where it would help.
    """
    try:
        case = canonical.decode(data)
    except ValueError:  # of a report, that is for its own reader
        case = None
    if isinstance(case, dict) and "case" in case:
        return Imported(case, (), (), ())
    if kind := sniff(data):
        raise ImportRefused(f"the file is {WITH_ARTICLE[kind]}; media is never taken (R1)")
    ending = name.rpartition(".")[2].lower()
    if ending not in FORMATS:
        raise ImportRefused(f"it is none of {', '.join(sorted(FORMATS))}")
    if profile is None:
        if ending == "json":
            read_report(data)
        raise _Missing("import_no_profile")
    settings = ImportSettings(profile, None, console().new_id, console().now())
    ((_, made),) = read_reports(name, data, settings)
    if isinstance(made, ImportRefused):
        raise made
    return made


def _reports() -> list[tuple[str, bytes]]:
    """The files of the form, whose size the request bounds: each its name, and what is in it."""
    found = [(one.filename, one.read()) for one in request.files.getlist("report") if one.filename]
    if not found:
        raise _Missing("import_no_report")
    if len(found) > MOST_FILES:  # else the rest would be left out without a word
        raise _Missing("import_too_many")
    return found


def _profile() -> ImportProfile | None:
    """The profile of the form, which every file is read with."""
    found = request.files.get("profile")
    if found is None or not found.filename:
        return None
    data = found.read()
    if len(data) > _LARGEST_PROFILE:
        raise _ProfileRefused([f"the file is larger than {_LARGEST_PROFILE} bytes"])
    try:
        return read_profile(tomllib.loads(data.decode()))
    except ProfileInvalid as invalid:
        raise _ProfileRefused([*invalid.errors]) from None
    except (ValueError, RecursionError) as error:
        raise _ProfileRefused([f"the profile is not TOML in UTF-8: {error}"]) from None


class _ProfileRefused(Exception):
    """The profile is none, so that no file is read; ``faults`` say in English what is wrong."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__(*faults)
        self.faults = faults


class _Missing(Exception):
    """A file is not there, or too many are; the key of what the page says of it."""


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
