"""The acts that wait for the other persons whom they name: each of them signs the same text."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, abort, g, make_response, redirect, render_template

from gateway.console import passkeys, wording
from gateway.console.access import Person
from gateway.console.context import console, say, signed_in
from gateway.console.pages import acts
from gateway.console.sections import short
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
    for name, one in console().sessions.waiting(me.organisation).items():
        missing = [other for other in one.value["others"] if other not in one.signed]
        row = {**one.value, **vars(one), "name": name, "missing": missing}
        row["mine"], row["sign"] = one.by == me.name, me.name in missing
        row["record"], row["title"] = row["mine"] and not missing, _title(one.value)
        if row["sign"] or row["mine"]:
            found.append(row)
    return found


def _title(act: Mapping[str, Any]) -> str:
    """Return what an act is called in the language of who reads it."""
    words, about = wording.act(act["action"], g.language), act["about"]
    return say("act_on_entry", act=words, id=short(about)) if about else words


def _waiting(name: str) -> dict[str, Any]:
    return next((one for one in waiting() if one["name"] == name), None) or abort(404)


@pages.get("/waiting/<name>")
def show_signing(name: str) -> str:
    """One of them: exactly what the other person signed, to be signed as well."""
    row, me, options, held = _waiting(name), signed_in(), "", ""
    if row["sign"]:
        if draft := me.access.draft((row["action"], row["digest"])):
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
        text = acts.given_signature(asked["draft"])
        console().sessions.sign_waiting(row["name"], signed_in().person, text)
        if (done := _record_signed(row["name"])) is not None:
            return done
    return make_response(redirect("/waiting", 303))


def _record_signed(name: str) -> Response | None:
    """Do an act in the name of who asked for it, once the last signature is there; None before, and
    where that person may act no more."""
    me = signed_in().person
    act = console().sessions.waiting(me.organisation).get(name)
    if act is None or {*act.value["others"]} - act.signed.keys():
        return None
    asking = Person(me.organisation, act.by)
    access = console().persons.access(asking, signed_in().session.id, act.value["kid"])
    if access is None:
        return None
    told = {**act.value, "title": _title(act.value)}
    done = acts.finish(told, (*act.signed.values(),), access)
    console().sessions.note_recorded(name)
    return done


@pages.post("/waiting/<name>/record")
def record(name: str) -> Response:
    """Show the receipt to who asked; where the act could not be done before, it is done now."""
    row = _waiting(name)
    if not row["record"]:
        abort(409)
    done = acts.finish(row, (*row["signed"].values(),))
    console().sessions.end_waiting(signed_in().person.organisation, name)
    return done


@pages.post("/waiting/<name>/end")
def end(name: str) -> Response:
    """Take it back, or refuse to sign it: nothing of it is done."""
    console().sessions.end_waiting(signed_in().person.organisation, _waiting(name)["name"])
    return make_response(redirect("/waiting", 303))
