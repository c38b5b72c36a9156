"""What an auditor reads: one inquiry with purpose and reason, its events in words, their receipts.

An inquiry is one event of the log, for all of its pages; each member whose events it found hears of
it once.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple
from uuid import UUID

from flask import Blueprint, Response, abort, g, make_response, redirect, render_template, request

from gateway.console import sections, wording
from gateway.console.context import sent_key, signed_in
from gateway.console.forms import BodyForm
from gateway.domain.refusals import ValidationFailed
from gateway.evidence import event, receipt
from gateway.text import catalogue

pages = Blueprint("audit", __name__)

_NOT_ASKED = ("by", "next", "limit")


@pages.get("/audit")
def ask() -> str:
    """Ask for what, and why, the log is read."""
    return _ask()


def _ask(errors: Sequence[tuple[str, str]] = ()) -> str:
    return render_template("inquiry.html", form=_form(errors))


def _form(errors: Sequence[tuple[str, str]] = ()) -> BodyForm:
    schema, given = signed_in().access.schema("events_search"), dict(request.form.lists())
    return BodyForm.of(schema, g.language, sent=given, errors=errors, without=_NOT_ASKED)


@pages.post("/audit")
def search() -> Response:
    """Search; the person, the purpose, the reason and what was found are recorded."""
    try:
        done = signed_in().access.write("events_search", sent_key(), _form().body())
    except ValidationFailed as refused:
        return make_response(_ask(refused.errors), 422)
    return make_response(redirect(f"/audit/searches/{done.result['search']}", 303))


class _FoundEvent(NamedTuple):
    """An event in words."""

    event: str
    number: int
    time: str
    what: str
    result: str
    parties: str
    lines: Sequence[tuple[str, str]]
    receipt: Mapping[str, Any]

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> "_FoundEvent":
        """Word an event of which the audit access shows the receipt."""
        told = receipt.from_json(entry["receipt"])
        said = event.read(told.document)
        opened = event.open_disclosures(told.document, told.disclosures)
        parties = [one["organisation"] for kind, one in opened.shown if kind == "party"]
        return cls(
            str(entry["event"]),
            entry["index"],
            said["time"],
            catalogue.word("events", said["type"], g.language),
            catalogue.word("results", said["result"], g.language),
            ", ".join(parties),
            [
                (wording.label(kind, g.language), _text_of(kind, value))
                for kind, value in opened.shown
            ],
            entry["receipt"],
        )


def _text_of(kind: str, value: Any) -> str:
    """A detail in words; what an event is about, or what persons signed, is JSON in it."""
    with suppress(TypeError, ValueError):
        value = json.loads(value) if kind in ("subject", "approvals") else value
    return sections.text_of(kind, value, g.language)


@pages.get("/audit/searches/<uuid:search>")
def show(search: UUID) -> str:
    """A page of what was found, in the order of the log."""
    found = _page(search)
    return render_template(
        "found.html",
        search=search,
        rows=[_FoundEvent.of(one) for one in found["events"]],
        page=found["page"],
        last=found["pages"],
    )


def _page(search: UUID) -> Mapping[str, Any]:
    asked = {"page": request.args.get("page", "1")}
    found: Mapping[str, Any] = signed_in().access.read("events_show_search", asked, search=search)
    return found


@pages.get("/audit/searches/<uuid:search>/<uuid:event>")
def show_event(search: UUID, event: UUID) -> str:
    """An event in words, with what the audit access shows of it, and how it is checked."""
    one = _entry(search, event)
    number = request.args.get("page", "1")
    return render_template("event.html", one=_FoundEvent.of(one), search=search, page=number)


@pages.get("/audit/searches/<uuid:search>/<uuid:event>/receipt.json")
def save_receipt(search: UUID, event: UUID) -> Response:
    """The receipt, as a file."""
    response = make_response(json.dumps(_entry(search, event)["receipt"]))
    name = f"{sections.short(event)}.receipt.json"
    response.headers["Content-Type"] = "application/json"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _entry(search: UUID, event: UUID) -> Mapping[str, Any]:
    for one in _page(search)["events"]:
        if str(one["event"]) == str(event):
            found: Mapping[str, Any] = one
            return found
    return abort(404)
