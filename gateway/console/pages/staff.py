"""The staff register: who is entered with which roles and passkeys, and the acts on it."""

import secrets
from typing import Any

from flask import Blueprint, Response, abort, g, render_template, request

from gateway.console import wording
from gateway.console.context import console, following, signed_in
from gateway.console.pages import acts
from gateway.evidence import base64url

pages = Blueprint("staff", __name__)

INVITE = "staff.invite"

_ACTS = {
    "staff.add": (),
    "staff.end": ("pseudonym",),
    INVITE: ("pseudonym",),
    "staff.revoke_passkey": ("pseudonym", "kid"),
}
"""The acts on the register, and what each is about; a host may not have all."""


@pages.get("/staff")
def index() -> str:
    """The register, by pseudonym; it holds no names."""
    query = {"after": request.args["after"]} if "after" in request.args else {}
    access = signed_in().access
    found = access.read("staff_list", query)
    rows = [
        {**one, "roles": wording.code("role", one["roles"], g.language)} for one in found["items"]
    ]
    may = {action for action, ids in _ACTS.items() if access.endpoint(action, *ids)}
    return render_template("staff.html", rows=rows, following=following(found, query), may=may)


@pages.route("/staff/<action>", methods=("GET", "POST"))
def act(action: str) -> Response:
    """An act on the register, on one entry of it, or a passkey of that; whoever is invited gets the
    token that is drawn once the form was sent."""
    if not action.startswith("staff."):
        abort(404)
    ids: dict[str, Any] = {
        name: request.args[name] for name in ("pseudonym", "kid") if name in request.args
    }
    title, more = "act_on_entry" if ids else "act_on_register", dict[str, Any]()
    if action == INVITE:
        more = {"about": "invite_help", "drawn": {"token_sha256": ""}}
    if action == INVITE and request.method == "POST":
        token = base64url.encode(secrets.token_bytes(32))
        more["drawn"] = {"token_sha256": base64url.digest(token.encode())}
        more["secret"] = f"{console().origin}/invitation#{token}"
    return acts.answer(acts.act_on(action, ids, "/staff", title, **more))
