"""Sign in and out, register a passkey by an invitation, choose a language."""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, g, make_response, redirect, render_template, request

from gateway.console import passkeys
from gateway.console.access import Person, PersonInvitation
from gateway.console.context import (
    LANGUAGE_COOKIE,
    SESSION_COOKIE,
    console,
    sent,
    sent_key,
    signed_in,
    without_session,
)
from gateway.domain.refusals import InvalidInvitation, Refusal
from gateway.evidence import passkey
from gateway.evidence.sd_jwt import DocumentError
from gateway.text.catalogue import LANGUAGES

pages = Blueprint("signing_in", __name__)
registration = Blueprint("registration", __name__)

WRONG_ATTEMPTS = 60
"""Wrong sign-ins, and likewise wrong invitations, that are answered in a minute; beyond, 429. A
right one counts in any case, so that nobody can shut others out."""


# --- Sign in and out ---


@pages.get("/login")
@without_session
def show_login() -> str:
    """Ask for a passkey, or at a member for the code that the command printed."""
    return _login()


@pages.post("/login")
@without_session
def sign_in() -> Response:
    """Begin a session for the person whose passkey signed the challenge, or who has the code."""
    context = console()
    try:
        person, kid, credential = _entering()
    except DocumentError as error:  # its reason is for the security log alone
        context.log.refuse("console-sign-in-refused", request=g.request_id, reason=str(error))
        if not context.sessions.within("sign-in", WRONG_ATTEMPTS):
            abort(429)
        return make_response(_login(wrong=True), 403)
    if g.signed_in is not None:
        context.sessions.end(g.signed_in.person, g.signed_in.session.id)
    token = context.sessions.begin(person, kid, credential)
    context.log.note("console-signed-in", request=g.request_id, kid=kid)
    response = make_response(redirect("/", 303))
    response.set_cookie(SESSION_COOKIE, token, secure=True, httponly=True, samesite="Strict")
    return response


def _entering() -> tuple[Person, str, str]:
    """Tell who enters, by the code of the desk or by a passkey; with the passkey's ids in our
    documents and in the browser. DocumentError."""
    if (enter := console().enter) is not None:
        if (known := enter(sent("token").strip())) is None:
            raise DocumentError("the code does not count")
        return known, "", ""
    answer, persons = passkeys.read_answer(sent("credential")), console().persons
    person = passkeys.person_of(answer)
    kid = passkeys.verify(answer, persons.passkeys(person), "sign-in")
    if persons.access(person, "", kid) is None:
        raise DocumentError("the organisation of the person takes part no more")
    return person, kid, answer.credential


def _login(*, wrong: bool = False) -> str:
    if console().at_member:
        return render_template("enter.html", wrong=wrong)
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


@registration.get("/invitation")
@without_session
def show_invitation() -> str:
    """Take the token, which the script reads from the address; it can be pasted as well."""
    return render_template("invitation.html", wrong=False)


@registration.post("/invitation")
@without_session
def open_invitation() -> Response:
    """Show who invites whom, and make a passkey."""
    context = console()
    invitation = context.persons.invitation(sent("token").strip())
    if invitation is None:
        return _refuse_invitation("no open invitation has this token")
    try:
        return _make_passkey("/invitation/passkey", invitation.person, invitation)
    except DocumentError as error:
        return _refuse_invitation(str(error))


def _make_passkey(
    action: str, person: Person, invitation: PersonInvitation | None = None
) -> Response:
    """Let the browser make a passkey, which is sent to ``action``; DocumentError."""
    challenge = console().sessions.challenge("invitation")
    page = render_template(
        "register.html",
        invitation=invitation,
        person=person,
        action=action,
        token=sent("token").strip(),
        options=passkeys.creation_options(challenge, person),
    )
    return make_response(page)


@registration.post("/invitation/passkey")
@without_session
def prove_passkey() -> Response:
    """Let the new passkey sign the statement about its own registration."""
    try:
        answer = passkeys.read_answer(sent("credential"))
        jwk = passkeys.read_new(answer)
        invitation = console().persons.invitation(sent("token"))
        if invitation is None:
            raise InvalidInvitation("no open invitation has this token")
        draft = console().persons.registration(invitation.person, jwk)
    except (DocumentError, InvalidInvitation) as error:
        return _refuse_invitation(str(error))
    return _prove("/invitation/proof", answer, jwk, draft)


def _prove(action: str, answer: passkeys.Answer, jwk: Mapping[str, str], draft: str) -> Response:
    """Ask the new passkey to sign the draft; the form is sent to ``action``."""
    page = render_template(
        "prove.html",
        action=action,
        token=sent("token"),
        jwk=json.dumps(jwk),
        draft=draft,
        options=passkeys.request_options(passkey.challenge(draft), answer.credential),
    )
    return make_response(page)


@registration.post("/invitation/proof")
@without_session
def register_passkey() -> Response:
    """Register it, and use up the invitation."""
    context = console()
    try:
        jwk, statement = _read_proof()
        context.persons.register(sent("token"), jwk, statement, sent_key())
    except (Refusal, DocumentError) as error:
        return _refuse_invitation(str(error))
    context.log.note("console-passkey-registered", request=g.request_id, kid=jwk["kid"])
    return make_response(render_template("registered.html"))


def _read_proof() -> tuple[Mapping[str, str], str]:
    """Read the new passkey of this console, and the draft with what it signed; DocumentError."""
    try:
        answer, jwk = passkeys.read_answer(sent("credential")), json.loads(sent("jwk"))
        _, made = passkey.read_passkey(jwk)
        if made.origin != console().origin:
            raise DocumentError("the passkey is of another origin")
        passkey.verify_answer(made, answer.response, passkey.challenge(sent("draft")))
        return jwk, passkey.complete(sent("draft"), answer.response)
    except (ValueError, KeyError, RecursionError) as error:
        raise DocumentError(str(error)) from None


def _refuse_invitation(reason: str) -> Response:
    console().log.refuse("console-invitation-refused", request=g.request_id, reason=reason)
    if not console().sessions.within("invitation", WRONG_ATTEMPTS):
        abort(429)
    return make_response(render_template("invitation.html", wrong=True), 403)


# --- A passkey for an administrator: it counts once two of them approve it by their own keys ---


@registration.get("/administrator")
@without_session
def show_administrator() -> str:
    """Ask for whom a passkey is to be made."""
    return _administrator()


@registration.post("/administrator")
@without_session
def name_administrator() -> Response:
    """Make a passkey; whether there is an administrator of this id is not told."""
    person = Person("", sent("token").strip())
    if not _ADMINISTRATOR.fullmatch(person.name):
        return make_response(_administrator(wrong=True), 422)
    return _make_passkey("/administrator/passkey", person)


@registration.post("/administrator/passkey")
@without_session
def prove_administrator() -> Response:
    """Let the new passkey sign the statement about itself."""
    try:
        answer = passkeys.read_answer(sent("credential"))
        jwk = passkeys.read_new(answer)
    except DocumentError:
        return make_response(_administrator(wrong=True), 403)
    if not _ADMINISTRATOR.fullmatch(sent("token")):
        return make_response(_administrator(wrong=True), 422)
    draft = console().persons.registration(Person("", sent("token")), jwk)
    return _prove("/administrator/proof", answer, jwk, draft)


@registration.post("/administrator/proof")
@without_session
def show_proof() -> Response:
    """Show what two administrators approve."""
    try:
        jwk, statement = _read_proof()
    except DocumentError:
        return make_response(_administrator(wrong=True), 403)
    if not _ADMINISTRATOR.fullmatch(sent("token")):
        return make_response(_administrator(wrong=True), 422)
    page = _administrator(jwk=jwk, statement=statement, name=sent("token"))
    return make_response(page)


_ADMINISTRATOR = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}", re.ASCII)


def _administrator(
    *, wrong: bool = False, jwk: Mapping[str, Any] = {}, statement: str = "", name: str = ""
) -> str:
    return render_template(
        "administrator.html",
        wrong=wrong,
        jwk=json.dumps(jwk, separators=(",", ":")),
        kid=jwk.get("kid"),
        statement=statement,
        name=name,
    )


# --- The session goes on: on a page of its own, so that nothing that was typed is lost ---


@pages.get("/continue")
def go_on() -> str:
    """Say until when the session goes on; that this was asked prolongs it."""
    return render_template("continued.html")


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
