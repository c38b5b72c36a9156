"""The app of the console: what holds for every page of it."""

import hmac
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from importlib import resources
from time import perf_counter
from typing import Any

from flask import (
    Flask,
    Request,
    Response,
    abort,
    current_app,
    g,
    make_response,
    redirect,
    render_template,
    request,
)
from jinja2 import StrictUndefined
from markupsafe import Markup
from werkzeug.exceptions import HTTPException

from gateway.console import wording
from gateway.console.access import NotDone, RefusedOnRecord
from gateway.console.context import (
    LANGUAGE_COOKIE,
    SESSION_COOKIE,
    ConsoleContext,
    SignedIn,
    console,
    say,
    sent,
    without_session,
)
from gateway.console.pages import AT_THE_DESK, BLUEPRINTS, NAVIGATION
from gateway.console.pages.home import dangers
from gateway.console.pages.me import resting
from gateway.console.sections import short
from gateway.console.session import TooLarge
from gateway.domain import refusals
from gateway.text import catalogue

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
    "trusted-types 'none'"
)
_FEATURES = (
    "accelerometer autoplay browsing-topics camera clipboard-read display-capture "
    "encrypted-media fullscreen gamepad geolocation gyroscope hid identity-credentials-get "
    "idle-detection local-fonts magnetometer microphone midi otp-credentials payment "
    "picture-in-picture screen-wake-lock serial usb window-management xr-spatial-tracking"
)
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Referrer-Policy": "same-origin",  # with no-referrer, forms would send Origin: null
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": ", ".join(
        (
            "publickey-credentials-get=(self)",
            "publickey-credentials-create=(self)",
            *(f"{name}=()" for name in _FEATURES.split()),
        )
    ),
}
"""Of every answer. No inline script or style, no fetch, no library."""

_STATUS_OF: dict[type[refusals.Refusal], int] = {
    refusals.NotFound: 404,
    refusals.Forbidden: 403,
    refusals.TooManyDenials: 429,
    refusals.TooManyAttempts: 429,
    refusals.Busy: 503,
    refusals.AuditLogUnavailable: 503,
    refusals.LogFrozen: 503,
    refusals.HighWaterMarkUnavailable: 503,
    refusals.CaseKeysUnavailable: 503,
}
"""The status of a page about a refusal; of any other one 409."""

_EXPLAINED = (400, 403, 404, 405, 409, 413, 421, 429, 500, 503)
"""The statuses with a text of their own."""


def create_console_app(context: ConsoleContext) -> Flask:
    """The app of the console."""
    catalogue.read_all()
    app = Flask(__name__, static_folder=None)
    app.extensions["console"] = context
    app.request_class = type("Request", (Request,), {"max_content_length": context.body_bytes})
    app.url_map.merge_slashes = False  # one address, one spelling
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.globals.update(_for_templates(context))
    app.before_request(_begin)
    app.after_request(_finish)
    app.register_error_handler(Exception, _answer_error)
    app.add_url_rule("/static/<name>", "static", without_session(_serve_asset))
    for blueprint in AT_THE_DESK if context.at_member else BLUEPRINTS:
        app.register_blueprint(blueprint)
    views = app.view_functions.items()
    app.extensions["open"] = frozenset(n for n, view in views if "without_session" in vars(view))
    return app


def _for_templates(context: ConsoleContext) -> dict[str, Any]:
    """Return what all templates call."""
    return {
        "say": say,
        "say_here": lambda key, **more: say(f"{key}_here" if context.at_member else key, **more),
        "csrf": _hidden_fields,
        "asset": lambda name: f"/static/{_assets()[name][0]}",
        "navigation": lambda: [one for one in NAVIGATION if one.is_for(g.signed_in.access)],
        "moment": lambda value: wording.moment(value, g.language),
        "until": lambda value: wording.until(value, console().now(), g.language),
        "label": lambda name: wording.label(name, g.language),
        "action_name": lambda action: wording.act(action, g.language),
        "code": lambda field, value: wording.code(field, value, g.language),
        "coded": lambda field, value: wording.coded(field, value, g.language),
        "waits": lambda kind: wording.coded("waits", kind, g.language).replace("{about}", ""),
        "competence": lambda value: wording.competence(value, g.language),
        "closed_because": lambda sentence: wording.closed(sentence, g.language),
        "heading_of": lambda name: catalogue.phrase("screens", name, g.language),
        "short": short,
        "dangers": dangers,
        "resting": resting,
        "session_left": lambda: int((g.signed_in.session.ends - context.now()).total_seconds()),
        "hour": lambda at: wording.hour(at, g.language),
        "console": context,
    }


# --- Before each page: its host, who is signed in, where its form stood ---


def _begin() -> Response | None:
    """Judge a request before any page sees it.

    To who is not signed in, all addresses answer alike, those that there are and those that there
    are not.
    """
    context = console()
    g.began = perf_counter()
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    preferred = request.accept_languages.best_match(catalogue.LANGUAGES) or catalogue.ENGLISH
    g.language = chosen if chosen in catalogue.LANGUAGES else preferred
    g.request_id, g.signed_in = str(context.new_id()), None
    if request.host != context.origin.partition("://")[2]:
        abort(421)
    if request.endpoint == "static":
        return None
    g.signed_in = _find_person(context)
    if request.method not in ("GET", "HEAD"):
        _check_form(context)
    if g.signed_in is None and request.endpoint not in current_app.extensions["open"]:
        return make_response(redirect("/login", 303))
    return None


def _find_person(context: ConsoleContext) -> SignedIn | None:
    """Find who is signed in: the passkey of the session counts, and its person may, now."""
    session = context.sessions.find(request.cookies.get(SESSION_COOKIE, ""))
    if session is None:
        return None
    access = context.persons.access(session.person, session.id, session.kid)
    if access is None:
        context.sessions.end(session.person, session.id)
        context.log.refuse("console-session-ended", request=g.request_id, kid=session.kid)
        return None
    return SignedIn(session, access)


def _check_form(context: ConsoleContext) -> None:
    """Refuse a form that was not on a page of ours, for this address and this session."""
    token = "" if g.signed_in is None else g.signed_in.session.csrf(request.path)
    if request.headers.get("Origin") != context.origin:
        wrong = "origin"
    elif request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        wrong = "site"
    elif token and not hmac.compare_digest(sent("csrf").encode(), token.encode()):
        wrong = "token"
    else:
        return
    context.log.refuse(
        "console-form-refused", request=g.request_id, endpoint=request.endpoint, reason=wrong
    )
    abort(403)


def _hidden_fields(path: str, *, once: bool = True) -> Markup:
    """Write the hidden fields of a form that is sent to a path: its token and, for an act, which
    is done ``once``, an idempotency key. A form that is shown again keeps its key."""
    fields = {}
    if g.signed_in is not None:
        fields["csrf"] = g.signed_in.session.csrf(path)
    if once:
        fields["key"] = sent("key") or str(console().new_id())
    field = Markup('<input type="hidden" name="{}" value="{}">')
    return Markup().join(field.format(name, value) for name, value in fields.items())


# --- After it ---


def _finish(response: Response) -> Response:
    """Set the headers of every answer, and count it."""
    if (answered := console().answered) is not None:
        rule = request.url_rule
        route, method = (rule.rule, request.method) if rule is not None else ("none", "any")
        answered(route, method, response.status_code, perf_counter() - g.began)
    response.headers.update(HEADERS)
    if console().origin.startswith("https:"):
        response.headers["Strict-Transport-Security"] = "max-age=63072000; includeSubDomains"
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def _answer_error(error: Exception) -> tuple[str, int]:
    """Answer a refusal or a failure with a page; of what is not there and of what is another's, the
    same one."""
    match error:
        case RefusedOnRecord():
            return _refusal(error.refusal, recorded=True)
        case refusals.Refusal():
            return _refusal(error, recorded=False)
        case TooLarge():
            return _problem(413)
        case NotDone():
            return _refused_page(error.slug, *error.sentences), 409
        case HTTPException():
            return _problem(error.code or 500)
    console().log.fail("console-failure", error, request=g.request_id, endpoint=request.endpoint)
    return _problem(500)


def _refusal(refusal: refusals.Refusal, *, recorded: bool) -> tuple[str, int]:
    status = next((one for kind, one in _STATUS_OF.items() if isinstance(refusal, kind)), 409)
    if status not in (403, 409):
        return _problem(status)
    faults = refusal.errors if isinstance(refusal, refusals.ValidationFailed) else ()
    told = [(wording.label(at.rpartition("/")[2], g.language), why) for at, why in faults]
    slug = refusals.slug_of(type(refusal))
    return _refused_page(slug, refusal.detail, faults=told, recorded=recorded), status


def _refused_page(
    slug: str, *sentences: str, faults: Sequence[tuple[str, str]] = (), recorded: bool = False
) -> str:
    told = [wording.refusal(one, g.language) for one in sentences]
    return render_template(
        "refused.html",
        told=told if all(told) else [],
        kind=wording.refused(slug, g.language),
        detail="; ".join(sentences),
        faults=[(name, wording.fault(why, g.language)) for name, why in faults],
        recorded=recorded,
    )


def _problem(status: int) -> tuple[str, int]:
    status = status if status in _EXPLAINED else 500 if status >= 500 else 400
    return render_template("problem.html", status=status), status


# --- Files of its own, under names that change with their content ---


@cache
def _assets() -> dict[str, tuple[str, str, bytes]]:
    """Each file by its plain name: the name with its digest, its type, its bytes."""
    found = {}
    for name, media_type in _TYPES.items():
        data = resources.files(__package__).joinpath("static", name).read_bytes()
        stem, _, ending = name.partition(".")
        found[name] = (f"{stem}-{sha256(data).hexdigest()[:16]}.{ending}", media_type, data)
    return found


_TYPES = {
    "console.css": "text/css; charset=utf-8",
    "sign.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


def _serve_asset(name: str) -> Response:
    """A file of the console; its name changes when it does."""
    found = next((one for one in _assets().values() if one[0] == name), None)
    if found is None:
        abort(404)
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(found[2], headers=headers, content_type=found[1])
