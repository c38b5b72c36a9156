"""What a person has here: passkeys and sessions."""

from flask import Blueprint, Response, g, make_response, redirect, render_template

from gateway.console import passkeys
from gateway.console.context import console, sent, signed_in
from gateway.evidence.sd_jwt import DocumentError

pages = Blueprint("me", __name__)


@pages.get("/me")
def show() -> str:
    """My passkeys and sessions."""
    return _page()


@pages.post("/me/sessions")
def end_sessions() -> Response:
    """End one of my sessions on another browser, or all of these: with my passkey, so that nobody
    does it who found this browser."""
    me, sessions = signed_in(), console().sessions
    try:
        answer = passkeys.read_answer(sent("credential"))
        passkeys.verify(answer, console().persons.passkeys(me.person), "end-sessions")
    except DocumentError as error:
        console().log.refuse("console-sign-in-refused", request=g.request_id, reason=str(error))
        return make_response(_page(wrong=True), 403)
    for one in sessions.of(me.person):
        if one.id != me.session.id and sent("session") in (one.id, ""):
            sessions.end(me.person, one.id)
    return make_response(redirect("/me", 303))


def _page(*, wrong: bool = False) -> str:
    me, sessions = signed_in(), console().sessions
    challenge = sessions.challenge("end-sessions")
    return render_template(
        "me.html",
        me=me,
        passkeys=console().persons.passkeys(me.person),
        sessions=sessions.of(me.person),
        options=passkeys.request_options(challenge, me.session.credential),
        wrong=wrong,
    )
