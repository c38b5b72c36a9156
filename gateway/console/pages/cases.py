"""One's own cases, who has one of them, the steps on it, and its offer."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, g, render_template, request

from gateway.console import sections, wording
from gateway.console.context import console, following, signed_in
from gateway.console.lists import narrowed
from gateway.console.pages import acts, previews
from gateway.domain.case import CaseState
from gateway.domain.standing import Closed

pages = Blueprint("cases", __name__)

OFFER = "handoff.offer"


@pages.get("/cases")
def index() -> str:
    """One's own cases, the oldest first."""
    states = {str(one): wording.coded("case_state", one, g.language) for one in CaseState}
    form, found = narrowed("cases_list", choices={"state": states})
    return render_template(
        "cases.html",
        form=form,
        filtered=bool(form.body()),
        rows=found["items"],
        following=following(found, request.args),
        may_import=signed_in().access.endpoint("case.submit") is not None,
    )


@pages.get("/cases/<uuid:case>")
def show(case: UUID) -> str:
    """One case: what may be done, who has it in which version, and what they owe."""
    view, access = _read(case), signed_in().access
    known = ((one, access.endpoint(one["action"], "case")) for one in view.get("acts", ()))
    offered = [one for one, endpoint in known if endpoint and acts.is_asked(endpoint)]
    return render_template(
        "case.html",
        view=view,
        acts=[one for one in offered if one["action"] != "case.consult"],
        may_offer=view["state"] == CaseState.CLEARED and not view.get("out_of_service"),
        out_of_service=Closed.OUT_OF_SERVICE if view.get("out_of_service") else None,
        terms=sections.conditions(view["conditions"], g.language),
        coverage=access.read("cases_show_coverage", case=case)["handoffs"],
    )


def _read(case: UUID) -> Mapping[str, Any]:
    return signed_in().access.read("cases_show", case=case)


@pages.route("/cases/<uuid:case>/<action>", methods=("GET", "POST"))
def act(case: UUID, action: str) -> Response:
    """A step on a case, or its offer: the form, and what it would do."""
    view = _read(case)
    ids: dict[str, Any] = {"case": case}
    ids |= {name: request.args.get(name, type=UUID) for name in _BESIDE if name in request.args}
    matches = {one: sections.short(one) for one in view["unconfirmed_matches"]}
    return acts.answer(
        acts.act_on(
            action,
            ids,
            f"/cases/{case}",
            "act_on_case",
            choices={"confirmed_matches": matches},
            urgency=view["urgency"],
            about="offer_help" if action == OFFER else "",
            drawn={"handoff": str(console().new_id())} if action == OFFER else {},
            preview=previews.of_offer if action == OFFER else None,
        )
    )


_BESIDE = ("measure", "recall")
"""What a step is about beside the case."""
