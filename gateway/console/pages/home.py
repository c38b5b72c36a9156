"""What waits for a person's organisation, the most urgent first; and what is a danger now."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from flask import Blueprint, Response, g, make_response, redirect, render_template, request

from gateway.console import wording
from gateway.console.access import UNANSWERED
from gateway.console.context import console, following, say, signed_in
from gateway.console.pages import admin, waiting
from gateway.console.sections import short
from gateway.domain.duty import WaitKind
from gateway.domain.item_value import defang_text
from gateway.domain.vocabulary import Urgency
from gateway.domain.worklist import ENDING
from gateway.text import catalogue

pages = Blueprint("home", __name__)

MOST_DANGERS = 3
"""Imminent dangers that stand above a page; the worklist has all."""


@pages.get("/")
def show() -> str | Response:
    """The worklist; how the gateway is, for those who only operate it."""
    if not signed_in().person.organisation:
        return admin.worklist()
    if not signed_in().access.reaches("directory_list"):
        return make_response(redirect("/health", 303))
    query = {name: request.args[name] for name in ("after",) if name in request.args}
    found = signed_in().access.read("worklist_show", query)
    return render_template(
        "home.html",
        rows=[Waiting(one) for one in found["items"] if one["kind"] not in ENDING],
        ends=[Waiting(one) for one in signed_in().access.read("worklist_show", _ENDS)["items"]],
        skipped=[wording.code("source", one["source"], g.language) for one in found["skipped"]],
        signing=len(waiting.waiting()),
        following=following(found, query),
    )


_ENDS = {"ends": "true"}


class Waiting:
    """A row of the worklist in words."""

    def __init__(self, row: Mapping[str, Any]) -> None:
        """``row`` is as the interface has it."""
        self.row = row

    def __getattr__(self, name: str) -> Any:
        return self.row[name]

    @property
    def what(self) -> str:
        """Tell what waits."""
        row, language = self.row, g.language
        about = None if row["about"] is None else wording.code("about", row["about"], language)
        what = wording.code("waits", row["kind"], language).replace("{about}", str(about))
        if row["arrived"] and row["kind"] != "announcement":
            what = wording.code("arrived", row["arrived"], language)
            if row["kind"] == "question":
                what = catalogue.phrase("screens", "question", language, what=what)
        return what[:1].upper() + what[1:]

    @property
    def with_whom(self) -> str:
        """Return the other party, and on which side it is."""
        if not self.row["counterpart"]:
            return ""
        side = "party_from" if self.row["received"] else "party_to"
        side = side if self.row["handoff"] else "party_with"
        name = self.row["counterpart_name"] or self.row["counterpart"]
        return say(side, name=name)

    @property
    def name(self) -> str:
        """Return one's own reference, else the end of the id."""
        told = self.row["reference"] or short(self.row["handoff"] or self.row["case"] or "")
        return defang_text(str(told))

    @property
    def path(self) -> str:
        """Return the page where it is dealt with, if there is one."""
        if self.row["handoff"]:
            return f"/handoffs/{self.row['handoff']}"
        if self.row["kind"] == WaitKind.SUCCESSION and not console().at_member:
            return f"/successions/{self.row['source']}"
        return f"/cases/{self.row['case']}" if self.row["case"] else ""

    @property
    def due(self) -> str:
        """Tell by when, and how long that is."""
        due_at = self.row["due_at"]
        return "" if due_at is None else wording.until(due_at, console().now(), g.language)


class Danger(NamedTuple):
    """An imminent danger that waits: the row, and whom its originator telephones."""

    row: Waiting
    telephone: Mapping[str, Any] | None
    may_call: bool


def dangers() -> Sequence[Danger] | None:
    """Imminent dangers that wait, for the band above every page; None where that cannot be read."""
    if not signed_in().person.organisation:
        return ()
    try:
        found = signed_in().access.read(
            "worklist_show", {"urgency": str(Urgency.IMMINENT_DANGER), "limit": "20"}
        )
        first = dict[str, Waiting]()  # of each handoff, or case
        for row in found["items"]:
            first.setdefault(row["handoff"] or row["case"], Waiting(row))
        return [_danger(one) for one in [*first.values()][:MOST_DANGERS]]
    except UNANSWERED:
        return None


def _danger(row: Waiting) -> Danger:
    if not row.handoff:
        return Danger(row, None, may_call=False)
    view = signed_in().access.read("handoffs_show", handoff=UUID(row.handoff))
    may_call = any(one["action"] == "handoff.call" for one in view["acts"])
    return Danger(row, view.get("telephone"), may_call)
