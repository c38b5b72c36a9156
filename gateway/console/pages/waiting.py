"""The acts that wait for the other persons whom they name: each of them signs the same text."""

from typing import Any

from flask import Blueprint, Response, abort, make_response, redirect, render_template

from gateway.console import passkeys
from gateway.console.context import console, signed_in
from gateway.console.pages import acts
from gateway.evidence import passkey

pages = Blueprint("waiting", __name__)


@pages.get("/waiting")
def show_waiting() -> str:
    """Show what waits for a signature of mine, and what of mine waits for others."""
    return render_template("waiting.html", rows=waiting())


def waiting() -> list[dict[str, Any]]:
    """The acts of the organisation that wait, as far as they concern this person."""
    me = signed_in().person
    found = []
    for name, (by, one) in console().sessions.waiting(me.organisation).items():
        missing = [other for other in one["others"] if other not in one["signed"]]
        row = {**one, "name": name, "by": by, "missing": missing, "mine": by == me.name}
        row["sign"], row["record"] = me.name in missing, by == me.name and not missing
        if row["sign"] or row["mine"]:
            found.append(row)
    return found


def _waiting(name: str) -> dict[str, Any]:
    return next((one for one in waiting() if one["name"] == name), None) or abort(404)


@pages.get("/waiting/<name>")
def show_signing(name: str) -> str:
    """One of them: exactly what the other person signed, to be signed as well."""
    row, me, options, held = _waiting(name), signed_in(), "", ""
    if row["sign"]:
        draft = me.access.draft(row["action"], row["digest"])
        options = passkeys.request_options(passkey.challenge(draft), me.session.credential)
        asked = {"draft": draft, "waiting": name}
        held = console().sessions.hold(me.session, asked, acts.SIGNED_WITHIN)
    return render_template("signing.html", row=row, options=options, held=held)


@pages.post("/waiting/<held>/signature")
def sign_waiting(held: str) -> Response:
    """Sign it, too."""
    asked = console().sessions.held(signed_in().session, held)
    row = _waiting(asked["waiting"]) if asked and "waiting" in asked else abort(409)
    if row["sign"]:
        signed = {
            "approvals": [*row["approvals"], acts.signed_draft(asked["draft"])],
            "signed": [*row["signed"], signed_in().person.name],
        }
        console().sessions.sign_waiting(row["name"], {**row, **signed})
    return make_response(redirect("/waiting", 303))


@pages.post("/waiting/<name>/record")
def record(name: str) -> Response:
    """Do what all have signed."""
    row = _waiting(name)
    if not row["record"]:
        abort(409)
    done = acts.finish(row, row["approvals"])
    console().sessions.end_waiting(signed_in().person.organisation, name)
    return done


@pages.post("/waiting/<name>/end")
def end(name: str) -> Response:
    """Take it back, or refuse to sign it: nothing of it is done."""
    console().sessions.end_waiting(signed_in().person.organisation, _waiting(name)["name"])
    return make_response(redirect("/waiting", 303))
