"""Handoffs received and sent, one of them with what may be done, and its acts."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, g, render_template, request

from gateway.console import sections, wording
from gateway.console.context import console, following, signed_in
from gateway.console.lists import narrowed
from gateway.console.pages import acts, previews
from gateway.domain.answers import KIND_OF_MOVE
from gateway.evidence import sd_jwt

pages = Blueprint("handoffs", __name__)


@pages.get("/received")
def received() -> str:
    """Handoffs that came, by urgency and due time."""
    return _list("in", "/received")


@pages.get("/sent")
def sent() -> str:
    """Handoffs that went, likewise."""
    return _list("out", "/sent")


def _list(box: str, path: str) -> str:
    form, found = narrowed("handoffs_list", {"box": box})
    return render_template(
        "handoffs.html",
        box=box,
        path=path,
        form=form,
        filtered=bool(form.body()),
        rows=found["items"],
        waiting=found.get("waiting"),
        following=following(found, request.args),
        other="originator" if box == "in" else "recipient",
    )


@pages.get("/handoffs/<uuid:handoff>")
def show(handoff: UUID) -> str:
    """One handoff: what is owed, what may be done, under which conditions, and what was done."""
    view, me = _read(handoff), signed_in()
    offered = [one for one in view["acts"] if me.access.endpoint(one["action"], "handoff")]
    offered = [one for one in offered if one["action"] != "case.consult"]
    told = sd_jwt.read_unverified(view["routing"]).content
    return render_template(
        "handoff.html",
        view=view,
        is_received=view["recipient"] == me.person.organisation,
        owed=[one for one in offered if one["due_at"]],
        others=[one for one in offered if not one["due_at"]],
        duties=[one for one in view["duties"] if one["closed_at"] is None],
        terms=sections.conditions(view["conditions"], g.language),
        routing=sections.worded({name: told[name] for name in _TOLD if name in told}, g.language),
        history=[_answer(one) for one in view["answers"]],
        now=console().now(),
    )


_TOLD = ("matter", "urgency_reason", "country")
"""What a case is about, as the offer may tell it."""


def _read(handoff: UUID) -> Mapping[str, Any]:
    return signed_in().access.read("handoffs_show", handoff=handoff)


def _answer(one: Mapping[str, Any]) -> dict[str, Any]:
    """A document of a handoff: who, when, whose signature, and what it discloses to the reader."""
    text = one["document"]  # empty where it was erased before its delivery
    placed = sd_jwt.read_unverified(text).placed if text else ()
    own = {each.name: each.value for each in placed if not each.in_array}
    shown = [
        (wording.label(name, g.language), sections.text_of(name, value, g.language))
        for name, value in own.items()
        if name not in ("by", "approved_by", "conditions")
    ]
    move = KIND_OF_MOVE.get(one["kind"])
    return {
        **one,
        "kind": move.name if move else one["kind"],
        "how": wording.coded("assurance", one.get("assurance", "undelivered"), g.language),
        "by": own.get("by"),
        "fields": shown,
    }


@pages.route("/handoffs/<uuid:handoff>/<action>", methods=("GET", "POST"))
def act(handoff: UUID, action: str) -> Response:
    """An act on a handoff: its form, and what it would do."""
    view = _read(handoff)
    ids: dict[str, Any] = {"handoff": handoff}
    if "measure" in request.args:
        ids["measure"] = request.args.get("measure", type=UUID)
    offers = [one for one in view["answers"] if one["kind"] in ("offer", "update")]
    taken = view.get("accepted_groups") or view["groups"]
    words = {one: wording.coded("group", one, g.language) for one in taken}
    return acts.answer(
        acts.act_on(
            action,
            ids,
            f"/handoffs/{handoff}",
            "act_on_handoff",
            choices={"groups": words},
            repeated={"conditions": view["conditions"]},
            offer=sd_jwt.parse(offers[-1]["document"]).digest if offers else "",
            urgency=view["urgency"],
            preview=previews.of_update if action == "handoff.update" else None,
        )
    )
