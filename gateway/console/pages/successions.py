"""A succession as one of its two organisations sees it, and its approval."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, g, render_template

from gateway.console import sections
from gateway.console.context import signed_in
from gateway.console.pages import acts
from gateway.evidence.declarations import planned

pages = Blueprint("successions", __name__)

APPROVE = "succession.approve"


@pages.get("/successions/<uuid:succession>")
def show(succession: UUID) -> str:
    """Show the plan, how it stands, and what one's own organisation may do."""
    view = _read(succession)
    return render_template(
        "succession.html",
        view=view,
        rows=_plan(view),
        stands=_stands(view),
        action=APPROVE,
        waits_for_me=signed_in().person.organisation in view["waits_for"],
    )


@pages.route("/successions/<uuid:succession>/approval", methods=("GET", "POST"))
def approve(succession: UUID) -> Response:
    """Approve it for one's own organisation; each word of the plan is signed."""
    ids, back = {"succession": succession}, f"/successions/{succession}"
    told = _plan(_read(succession))
    return acts.answer(acts.act_on(APPROVE, ids, back, "act_on_succession", told=told))


def _read(succession: UUID) -> Mapping[str, Any]:
    return signed_in().access.read("successions_show", succession=succession)


def _plan(view: Mapping[str, Any]) -> list[tuple[str, str]]:
    return sections.worded(planned(view), g.language)


def _stands(view: Mapping[str, Any]) -> str:
    """The key of the text that says how it stands."""
    if view["cancelled"]:
        return "succession_cancelled"
    if view["applied"]:
        return "succession_applied"
    return "succession_waits" if view["waits_for"] else "succession_agreed"
