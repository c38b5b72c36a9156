"""What a person has here: passkeys and sessions."""

from flask import Blueprint, Response, make_response, redirect, render_template

from gateway.console.context import console, sent, signed_in
from gateway.console.pages.signing_in import sign_out

pages = Blueprint("me", __name__)


@pages.get("/me")
def show() -> str:
    """My passkeys and sessions."""
    return render_template(
        "me.html", me=signed_in(), sessions=console().sessions.of(signed_in().person)
    )


@pages.post("/me/sessions")
def end_session() -> Response:
    """End one of my sessions, or the one of this browser."""
    me = signed_in()
    if sent("session") == me.session.id:
        return sign_out()
    console().sessions.end(me.person, sent("session"))
    return make_response(redirect("/me", 303))
