"""Sign in and out, register a passkey by an invitation, choose a language."""

import json
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, g, make_response, redirect, render_template, request

from gateway.console import passkeys
from gateway.console.context import (
    LANGUAGE_COOKIE,
    SESSION_COOKIE,
    console,
    sent,
    signed_in,
    without_session,
)
from gateway.domain.refusals import InvalidInvitation, Refusal
from gateway.evidence import passkey
from gateway.evidence.sd_jwt import DocumentError
from gateway.text.catalogue import LANGUAGES

pages = Blueprint("signing_in", __name__)

WRONG_ATTEMPTS = 60
"""Wrong sign-ins, and likewise wrong invitations, that are answered in a minute; beyond, 429. A
right one counts in any case, so that nobody can shut others out."""


# --- Sign in and out ---


@pages.get("/login")
@without_session
def show_login() -> str:
    """Ask for a passkey."""
    return _login()


@pages.post("/login")
@without_session
def sign_in() -> Response:
    """Begin a session for the person whose passkey signed the challenge."""
    context = console()
    try:
        answer = passkeys.read_answer(sent("credential"))
        person = passkeys.person_of(answer)
        kid = passkeys.verify(answer, context.persons.passkeys(person), "sign-in")
        if context.persons.access(person, "", kid) is None:
            raise DocumentError("the organisation of the person takes part no more")
    except DocumentError as error:
        return _refuse_sign_in(error)
    if g.signed_in is not None:
        context.sessions.end(g.signed_in.person, g.signed_in.session.id)
    token = context.sessions.begin(person, kid, answer.credential)
    context.log.note("console-signed-in", request=g.request_id, kid=kid)
    response = make_response(redirect("/", 303))
    response.set_cookie(SESSION_COOKIE, token, secure=True, httponly=True, samesite="Strict")
    return response


def _refuse_sign_in(error: DocumentError) -> Response:
    """Say that nobody was signed in, and nothing of the reason, which is for the security log."""
    console().log.refuse("console-sign-in-refused", request=g.request_id, reason=str(error))
    if not console().sessions.within("sign-in", WRONG_ATTEMPTS):
        abort(429)
    return make_response(_login(wrong=True), 403)


def _login(*, wrong: bool = False) -> str:
    options = passkeys.request_options(console().sessions.challenge("sign-in"))
    return render_template("login.html", options=options, wrong=wrong)


@pages.post("/logout")
def sign_out() -> Response:
    """End the session, with all that is held for it."""
    console().sessions.end(signed_in().person, signed_in().session.id)
    response = make_response(redirect("/login", 303))
    response.delete_cookie(SESSION_COOKIE, secure=True, httponly=True, samesite="Strict")
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


# --- Register a passkey: the token stands in the address's fragment, which no server is sent ---


@pages.get("/invitation")
@without_session
def show_invitation() -> str:
    """Take the token, which the script reads from the address; it can be pasted as well."""
    return render_template("invitation.html", wrong=False)


@pages.post("/invitation")
@without_session
def open_invitation() -> Response:
    """Show who invites whom, and make a passkey."""
    context = console()
    invitation = context.persons.invitation(sent("token").strip())
    if invitation is None:
        return _refuse_invitation("no open invitation has this token")
    challenge = context.sessions.challenge("invitation")
    return make_response(
        render_template(
            "register.html",
            invitation=invitation,
            token=sent("token").strip(),
            options=passkeys.creation_options(challenge, invitation.person),
        )
    )


@pages.post("/invitation/passkey")
@without_session
def prove_passkey() -> Response:
    """Let the new passkey sign the statement about its own registration."""
    try:
        answer = passkeys.read_answer(sent("credential"))
        jwk = passkeys.read_new(answer)
        draft = console().persons.registration(sent("token"), jwk)
    except (DocumentError, InvalidInvitation) as error:
        return _refuse_invitation(str(error))
    options = passkeys.request_options(passkey.challenge(draft), answer.credential)
    return make_response(
        render_template(
            "prove.html", token=sent("token"), jwk=json.dumps(jwk), draft=draft, options=options
        )
    )


@pages.post("/invitation/proof")
@without_session
def register_passkey() -> Response:
    """Register it, and use up the invitation."""
    context = console()
    try:
        answer = passkeys.read_answer(sent("credential"))
        statement = passkey.complete(sent("draft"), answer.response)
        jwk = json.loads(sent("jwk"))
        _, registered = passkey.read_passkey(jwk)
    except (DocumentError, ValueError, KeyError, RecursionError) as error:
        return _refuse_invitation(str(error))
    if registered.origin != context.origin:
        return _refuse_invitation("the passkey is of another origin")
    try:
        context.persons.register(sent("token"), jwk, statement, sent("key"))
    except (Refusal, DocumentError) as error:
        return _refuse_invitation(str(error))
    context.log.note("console-passkey-registered", request=g.request_id, kid=jwk["kid"])
    return make_response(render_template("registered.html"))


def _refuse_invitation(reason: str) -> Response:
    console().log.refuse("console-invitation-refused", request=g.request_id, reason=reason)
    if not console().sessions.within("invitation", WRONG_ATTEMPTS):
        abort(429)
    return make_response(render_template("invitation.html", wrong=True), 403)


# --- Language ---


@pages.post("/language")
@without_session
def choose_language() -> Response:
    """Keep the language on this browser, and return to the page that the form stood on."""
    parts = urlsplit(request.headers.get("Referer", ""))
    ours = f"{parts.scheme}://{parts.netloc}" == console().origin
    path = parts.path if ours and not parts.path.startswith("//") else "/"
    response = make_response(redirect(path or "/", 303))
    if sent("language") in LANGUAGES:
        response.set_cookie(
            LANGUAGE_COOKIE,
            sent("language"),
            max_age=31_536_000,
            secure=True,
            httponly=True,
            samesite="Lax",
        )
    return response
