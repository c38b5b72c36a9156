"""The content of a handoff: a reason first, then a quarter of an hour in this session alone.

What is hard to read is folded, and not in the page until a person asks for it, one text at a time;
a live address is copied by a further reason and the passkey, and is a consultation of its own.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, abort, g, make_response, redirect, render_template, request

from gateway.console import passkeys, sections, wording
from gateway.console.context import console, say, sent, sent_key, signed_in
from gateway.console.forms import BodyForm
from gateway.domain.case import case_from_claims, sealed_parts
from gateway.domain.refusals import ValidationFailed
from gateway.evidence import sd_jwt
from gateway.evidence.sd_jwt import DocumentError

pages = Blueprint("contents", __name__)

OPEN = timedelta(minutes=15)
_COPYING = "copy-address"
"""The purpose for which a passkey is asked."""

STRONG, LIVE = "strong", "live"
"""What is counted, for the person alone: strong texts that were opened, addresses copied."""


@pages.get("/handoffs/<uuid:handoff>/open")
def ask(handoff: UUID) -> str:
    """Ask why the content is opened."""
    return _ask(handoff)


def _ask(
    handoff: UUID,
    errors: Sequence[tuple[str, str]] = (),
    *,
    path: str = "",
    back: str = "",
    item: str = "",
) -> str:
    options = ""
    if item and not console().at_member:
        challenge = console().sessions.challenge(_COPYING)
        options = passkeys.request_options(challenge, signed_in().session.credential)
    return render_template(
        "reason.html",
        id=handoff,
        options=options,
        form=_form(errors),
        path=path or f"/handoffs/{handoff}/open",
        back=back or f"/handoffs/{handoff}",
        item=item,
    )


def _form(errors: Sequence[tuple[str, str]] = ()) -> BodyForm:
    schema = signed_in().access.schema("handoffs_consult")
    given = dict(request.form.lists())
    return BodyForm.of(schema, g.language, sent=given, errors=errors, without=("by", "package"))


def _consult(handoff: UUID) -> Mapping[str, Any]:
    """Consult the content, for the reason that was sent."""
    body, access = _form().body(), signed_in().access
    done = access.write("handoffs_consult", sent_key(), body, handoff=handoff)
    result: Mapping[str, Any] = done.result
    return result


@pages.post("/handoffs/<uuid:handoff>/open")
def consult(handoff: UUID) -> Response:
    """Open the content; the person, the reason and the time are recorded."""
    try:
        result = _consult(handoff)
    except ValidationFailed as refused:
        return make_response(_ask(handoff, refused.errors), 422)
    said = sd_jwt.read_unverified(result["presentation"])
    now = console().now()
    shift = console().sessions.rest_of(signed_in().person).shift_end(now)
    until = now + OPEN if shift is None or shift <= now else min(now + OPEN, shift)
    opened = {
        "handoff": str(handoff),
        "until": until.isoformat(),
        "content": case_from_claims(sd_jwt.merge_disclosures(said)),
        "conditions": result["conditions"],
        "withheld": result["withheld_groups"],
        "tightened": result.get("tightened_by") is not None,
        "superseded": result.get("superseded"),
        "unsealed": result.get("unsealed", {}),
    }
    name = console().sessions.hold(signed_in().session, opened, until - now)
    return make_response(redirect(f"/opened/{name}", 303))


def _opened(name: str) -> Mapping[str, Any]:
    """Return what is open under a name; 409 once that has ended, or the handoff was recalled."""
    found: Mapping[str, Any] | None = console().sessions.held(signed_in().session, name)
    if found is None or "content" not in found:
        abort(409)
    view = signed_in().access.read("handoffs_show", handoff=UUID(found["handoff"]))
    if view["recalled"] or view.get("opens") is None:
        console().sessions.take(signed_in().session, name)
        abort(409)
    return found


@pages.get("/opened/<name>")
def show(name: str) -> str:
    """The content, its strong texts folded."""
    return _show(name, _opened(name))


@pages.post("/opened/<name>")
def unfold(name: str) -> str:
    """The content with one strong text, which is counted."""
    opened, shown = _opened(name), sent("statement")
    told = sections.statements(opened["content"], shown, g.language)
    if shown in opened["unsealed"] or any(one.id == shown and one.strong for one in told):
        _count(STRONG)
    return _show(name, opened, shown=shown)


def _show(name: str, opened: Mapping[str, Any], *, shown: str = "", live: str = "") -> str:
    content, day = opened["content"], console().now().date()
    sealed = sections.seals(sealed_parts(content), opened["unsealed"], shown, g.language)
    address = next((one["value"] for one in content.get("items", ()) if one["id"] == live), "")
    return render_template(
        "content.html",
        name=name,
        opened=opened,
        known=sections.already_known(content, g.language),
        sections=[pair for pair in sections.sections(content, g.language) if pair[1]],
        statements=sections.statements(content, shown, g.language),
        terms=sections.conditions(opened["conditions"], g.language),
        withheld=wording.code("group", opened["withheld"], g.language)
        if opened["withheld"]
        else "",
        sealed=sealed,
        strong=console().sessions.counted(signed_in().person, STRONG).get(day, 0),
        address=address,
        live=live,
    )


@pages.get("/opened/<name>/address/<item>")
def ask_address(name: str, item: str) -> str:
    """Ask why a live address is copied."""
    return _ask_address(name, item)


def _ask_address(name: str, item: str, errors: Sequence[tuple[str, str]] = ()) -> str:
    opened = _opened_with(name, item)
    path, back = f"/opened/{name}/address/{item}", f"/opened/{name}"
    return _ask(UUID(opened["handoff"]), errors, path=path, back=back, item=item)


def _opened_with(name: str, item: str) -> Mapping[str, Any]:
    opened = _opened(name)
    items = {one["id"] for one in opened["content"].get("items", ())}
    return opened if item in items else abort(404)


@pages.post("/opened/<name>/address/<item>")
def copy_address(name: str, item: str) -> Response:
    """Show one live address, once, to who is present: a consultation with its own reason."""
    opened, me = _opened_with(name, item), signed_in()
    try:
        if not console().at_member:  # at a member nobody has a passkey
            answer = passkeys.read_answer(sent("credential"))
            passkeys.verify(answer, console().persons.passkeys(me.person), _COPYING)
    except DocumentError as error:
        console().log.refuse("console-signature-refused", request=g.request_id, reason=str(error))
        wrong = (("", say("login_wrong")),)
        return make_response(_ask_address(name, item, wrong), 403)
    try:
        _consult(UUID(opened["handoff"]))
    except ValidationFailed as refused:
        return make_response(_ask_address(name, item, refused.errors), 422)
    _count(LIVE)
    return make_response(_show(name, opened, live=item))


def _count(what: str) -> None:
    console().sessions.count(signed_in().person, what, console().now().date())


@pages.post("/opened/<name>/close")
def close(name: str) -> Response:
    """Close the content before its time."""
    kept = console().sessions.take(signed_in().session, name)
    path = f"/handoffs/{kept['handoff']}" if kept and "handoff" in kept else "/"
    return make_response(redirect(path, 303))
