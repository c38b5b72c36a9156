"""What an auditor reads: one search with purpose and reason, its events in words, their receipts.

A search is one event of the log, for all of its pages, its topics and the file that is saved of
it; each member whose events it found hears of it once.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, abort, g, make_response, redirect, render_template, request

from gateway.console import approvals, sections, wording
from gateway.console.context import console, say, sent_key, signed_in
from gateway.console.forms import BodyForm
from gateway.console.pages import acts
from gateway.domain.audit_topics import AuditTopic, EventFacts
from gateway.domain.json_values import parse_timestamp
from gateway.domain.organisation import NAME
from gateway.domain.refusals import ValidationFailed
from gateway.evidence import base64url, event, evidence_file, receipt
from gateway.evidence.evidence_file import ConfirmedCheckpoint
from gateway.ledger import proof
from gateway.ledger.note import VerificationKey, decode_base64, parse_checkpoint, split
from gateway.ledger.tree import HASH_BYTES
from gateway.text import catalogue, month
from gateway.verification import court_file, listing, verifier
from gateway.verification.trust import TrustAnchors, confirm_receipt

pages = Blueprint("audit", __name__)

PAGE = 15
"""Events of one page."""

MOST_ROWS = 8
"""Rows of a topic on the page of a month: the API and the command have more."""

_NOT_ASKED = ("by", "next", "limit", "page_size")
_WHY = (*_NOT_ASKED, "filters")


# --- What is asked ---


def _answer(title: str, about: str, filters: Mapping[str, Any] = {}) -> Response:
    """The form that asks for purpose and reason, and without ``filters`` for what is searched; once
    it was sent, search: the person, purpose, reason and what was found are recorded."""
    without = _WHY if filters else _NOT_ASKED
    form = _form(without)
    if request.method == "POST":
        body = form.body()
        asked = {**body.get("filters", {}), **filters}
        body |= {"filters": asked, "page_size": PAGE} if asked else {"page_size": PAGE}
        try:
            return _search(body)
        except ValidationFailed as refused:
            form = _form(without, refused.errors)
    page = render_template("search.html", title=title, about=about, filters=filters, form=form)
    return make_response(page, 422 if form.errors else 200)


def _search(body: Mapping[str, Any]) -> Response:
    done = signed_in().access.write("events_search", sent_key(), body)
    place = "/month" if "topics" in body.get("filters", {}) else ""
    return make_response(redirect(f"/audit/searches/{done.result['search']}{place}", 303))


def _form(without: Sequence[str], errors: Sequence[tuple[str, str]] = ()) -> BodyForm:
    schema, given = signed_in().access.schema("events_search"), dict(request.form.lists())
    if not given and (search := request.args.get("search", type=UUID)):
        told = _summary(search)  # the same purpose and reason, as they may be sent again
        given = {name: [told[name]] for name in ("reason_code", "reason")}
    if "events" not in request.args and "filters.actions" not in request.form:
        # There are too many actions for most searches.
        fields = schema["properties"]
        filters = {**fields["filters"], "properties": {**fields["filters"]["properties"]}}
        del filters["properties"]["actions"]
        schema = {**schema, "properties": {**fields, "filters": filters}}
    return BodyForm.of(schema, g.language, sent=given, errors=errors, without=without)


@pages.route("/audit", methods=("GET", "POST"))
def search() -> Response:
    """Ask for what, and why, the log is read; search by the filters that were chosen."""
    return _answer(say("read_log"), say("search_help"))


@pages.route("/audit/months/<int:year>-<int:number>", methods=("GET", "POST"))
def search_month(year: int, number: int) -> Response:
    """Ask why the log of a month is read; search its six topics."""
    if not (2000 <= year < 9999 and 1 <= number <= 12):
        abort(404)
    since = datetime(year, number, 1, tzinfo=UTC)
    until = (since + timedelta(days=31)).replace(day=1)
    filters = {
        "topics": [*map(str, AuditTopic)],
        "from": since.isoformat().replace("+00:00", "Z"),
        "before": until.isoformat().replace("+00:00", "Z"),
    }
    title = month.title(since, until, g.language)
    return _answer(title, say("month_help"), filters)


@pages.get("/audit/months")
def months() -> Response:
    """Lead to the month that was chosen, by default this one."""
    now = console().now()
    year = request.args.get("year", now.year, type=int)
    number = request.args.get("month", now.month, type=int)
    return make_response(redirect(f"/audit/months/{year}-{number:02}", 303))


@pages.route("/audit/handoffs/<uuid:handoff>", methods=("GET", "POST"))
def search_handoff(handoff: UUID) -> Response:
    """Ask why the events of a handoff are read; search them."""
    title = say("events_of_handoff", id=sections.short(handoff))
    return _answer(title, say("search_help"), {"handoff": str(handoff)})


@pages.route("/audit/cases/<originator>/<uuid:case>", methods=("GET", "POST"))
def search_case(originator: str, case: UUID) -> Response:
    """Ask why the events of a case, and of its handoffs, are read; search them."""
    if not NAME.fullmatch(originator):
        abort(404)
    title = say("events_of_case", originator=originator, id=sections.short(case))
    about = {"originator": originator, "case": str(case)}
    return _answer(title, say("search_help"), {"case": about})


# --- What was found ---


class _FoundEvent:
    """An event of which the audit access shows the receipt, in words."""

    def __init__(self, entry: Mapping[str, Any]) -> None:
        """Open what is shown of it."""
        self.receipt = entry["receipt"]
        self.id, self.number = str(entry["event"]), entry["index"]
        told = receipt.from_json(self.receipt)
        opened = event.open_disclosures(told.document, told.disclosures)
        self.said, self.shown = opened.said, opened.shown
        self.what = catalogue.word("events", self.said["type"], g.language)
        self.result = catalogue.word("results", self.said["result"], g.language)

    @property
    def parties(self) -> str:
        """Return who took part."""
        return ", ".join(one["organisation"] for kind, one in self.shown if kind == "party")

    @property
    def why(self) -> str:
        """Return who asked, and the reason, the rule or the duty."""
        details = {kind: value for kind, value in self.shown if kind != "party"}
        by = sections.text_of("by", details["by"], g.language) if "by" in details else ""
        facts = EventFacts(self.said["type"], self.said["result"], (), details)
        told = (by, month.reason(facts.type, facts.why, g.language))
        return wording.screen("and", g.language).join(filter(None, told))

    @property
    def handoff(self) -> str:
        """Return the handoff that it is about; empty for none."""
        return str(self.said.get("handoff", ""))

    @cached_property
    def case(self) -> str:
        """Return the case, by originator and id; empty where it is not shown."""
        return next((str(value) for kind, value in self.shown if kind == "case"), "")

    @property
    def lines(self) -> list[tuple[str, str]]:
        """Each detail that is shown, in words."""
        language = g.language
        return [
            (wording.label(kind, language), _text_of(kind, value))
            for kind, value in self.shown
            if kind != "approvals"
        ]

    @property
    def approvals(self) -> list[approvals.ShownApproval]:
        """Return what persons signed of it."""
        signed = next((value for kind, value in self.shown if kind == "approvals"), ())
        return list(approvals.shown(signed, self.said))


def _text_of(kind: str, value: Any) -> str:
    """A detail in words; what an event is about is JSON in it."""
    with suppress(TypeError, ValueError):
        value = json.loads(value) if kind == "subject" else value
    if kind == "subject" and isinstance(value, dict):
        value = {name: one for name, one in value.items() if name not in ("pages", "topics")}
    return sections.text_of(kind, value, g.language)


@pages.get("/audit/searches/<uuid:search>")
def show(search: UUID) -> str:
    """A page of what was found, or of one topic of it, in the order of the log."""
    found, told = _page(search), _summary(search)
    rows = [_FoundEvent(one) for one in found["events"]]
    return render_template(
        "found.html",
        search=search,
        title=_title(told),
        topic=request.args.get("topic", ""),
        rows=rows,
        page=found["page"],
        last=found["pages"],
        ended=month.ended(told, g.language),
        of_case="case" in told["filters"],
        told=told,
    )


@pages.post("/audit/searches/<uuid:search>/next")
def go_on(search: UUID) -> Response:
    """Search on from where the person's own search ended, with its purpose, reason and filters:
    another event. Another person is asked for theirs."""
    told = _summary(search)
    if told["by"] != signed_in().person.name:
        return make_response(redirect(f"/audit?search={search}", 303))
    if told["next"] is None:
        abort(409)
    same = {name: told[name] for name in ("reason_code", "reason", "filters", "next")}
    return _search({**same, "page_size": PAGE})


def _title(told: Mapping[str, Any]) -> str:
    """Return what a search is called: by its topic, or by what it is about."""
    filters, topic = told["filters"], request.args.get("topic", "")
    if topic:
        return say("found_topic", topic=month.name(topic, g.language))
    if "handoff" in filters:
        return say("events_of_handoff", id=sections.short(filters["handoff"]))
    if "case" in filters:
        case = filters["case"]
        case_id = sections.short(case["case"])
        return say("events_of_case", originator=case["originator"], id=case_id)
    return say("found_title", id=sections.short(told["search"]))


def _page(search: UUID) -> Mapping[str, Any]:
    """A page of a search; an empty one where it found nothing."""
    asked = {name: request.args[name] for name in ("page", "topic") if request.args.get(name)}
    try:
        return signed_in().access.read("events_show_search", asked, search=search)
    except ValidationFailed:
        if "page" in asked:
            abort(404)
        return {"events": (), "page": 1, "pages": 1}


def _summary(search: UUID) -> Mapping[str, Any]:
    known: dict[UUID, Mapping[str, Any]] = g.setdefault("summaries", {})
    if search not in known:
        known[search] = signed_in().access.read("events_summarise_search", search=search)
    return known[search]


@pages.get("/audit/searches/<uuid:search>/month")
def show_month(search: UUID) -> str:
    """Show what a search counted, by topics, and who confirmed the log."""
    told, language = _summary(search), g.language
    topics = [{**one, "counts": one["counts"][:MOST_ROWS]} for one in told["topics"]]
    since, until = (told["filters"].get(name) for name in ("from", "before"))
    title = say("found_title", id=sections.short(search))
    if since and until:
        title = month.title(parse_timestamp(since), parse_timestamp(until), language)
    return render_template(
        "month.html",
        search=search,
        title=title,
        told=told,
        topics=[
            (one, month.name(one["topic"], language), month.counted(one, language), rows)
            for one in topics
            for rows in [month.rows(one["counts"], language)]
        ],
        columns=[wording.screen(key, language) for key in month.COLUMNS],
        log=month.about_log(told, language),
    )


# --- One event, and what proves it ---


@pages.get("/audit/searches/<uuid:search>/<uuid:event>")
def show_event(search: UUID, event: UUID) -> str:
    """An event in words, with what the audit access shows of it, and what this gateway's own check
    of its receipt says."""
    one = _FoundEvent(_entry(search, event))
    report = verifier.verify(json.dumps(one.receipt).encode(), _trust())
    headings = {
        catalogue.heading(name, g.language): lines
        for name, lines in report.sections(g.language).items()
    }
    return render_template(
        "event.html",
        one=one,
        search=search,
        place=request.query_string.decode(),
        headline=report.headline_in(g.language),
        headings=headings,
    )


def _trust() -> TrustAnchors:
    """The keys that the gateway publishes: what it says of itself."""
    keys = [VerificationKey.parse(one) for one in signed_in().access.log_keys()]
    return TrustAnchors(keys, frozenset(one.name for one in keys))


@pages.get("/audit/searches/<uuid:search>/<uuid:event>/receipt.json")
def save_receipt(search: UUID, event: UUID) -> Response:
    """The receipt, as a file."""
    return acts.receipt_file(_entry(search, event)["receipt"])


def _entry(search: UUID, event: UUID) -> Mapping[str, Any]:
    for one in _page(search)["events"]:
        if str(one["event"]) == str(event):
            found: Mapping[str, Any] = one
            return found
    return abort(404)


# --- What is handed on ---


@pages.get("/audit/searches/<uuid:search>/file.zip")
def save_file(search: UUID) -> Response:
    """All that a search found, with its record, as a court gets it: what `casegate audit export`
    writes. The search is on record; to save it is no further event."""
    told, trust = _summary(search), _trust()
    record = receipt.from_json(told["receipt"])
    note = proof.parse(record.proof).checkpoint_note
    size, read = str(parse_checkpoint(split(note)[0]).size), signed_in().access.read
    pages_ = (
        read("events_show_search", {"page": str(number), "size": size}, search=search)
        for number in range(1, told["pages"] + 1)
    )
    events = [receipt.from_json(one["receipt"]) for page in pages_ for one in page["events"]]
    file = listing.to_file(events, [record], [*map(_confirmed, told["confirmed"])])
    name = f"casegate-{sections.short(search)}"
    held = [confirm_receipt(one, trust) for one in events]
    parts = court_file.parts_of(evidence_file.encode(file), held, trust, g.language, name)
    return acts.as_file(court_file.archive(name, parts), f"{name}.zip", "application/zip")


def _confirmed(one: Mapping[str, Any]) -> ConfirmedCheckpoint:
    """Return what somebody else confirmed of the log, as the file has it."""
    path = base64url.decode(one["consistency"])
    hashes = tuple(path[n : n + HASH_BYTES] for n in range(0, len(path), HASH_BYTES))
    token = b"" if one["token"] is None else decode_base64(one["token"])
    return ConfirmedCheckpoint(one["checkpoint"], hashes, token)
