"""An organisation's admission as one page, and all that waits about it signed with one gesture.

Several changes are shown one under the other, each with its digest; the passkey signs their list in
this order, and each is one request with its own event and receipt. The first refusal ends it.
"""

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid5

from flask import Blueprint, Response, abort, g, make_response, redirect, render_template, request

from gateway.console import passkeys, sections, wording
from gateway.console.access import Prepared, RefusedOnRecord
from gateway.console.context import console, say, sent_key, signed_in
from gateway.console.forms import BodyForm, Problem
from gateway.console.pages import acts, admin
from gateway.domain.enrolment import TOKEN_BYTES, WAITING
from gateway.domain.refusals import Refusal, ValidationFailed
from gateway.domain.worklist import AdmissionState
from gateway.evidence import base64url, passkey, receipt
from gateway.evidence.declarations import MOST_CHANGES

pages = Blueprint("admission", __name__)

SECRETS_KEPT = timedelta(hours=1)

ALSO: Mapping[str, str] = {"membership.grant": "mandate.grant"}
"""What else is a step: another change that does for it."""


@dataclass(frozen=True)
class ListedChange:
    """A request of a list that is signed: as an act, and what its reader sees before."""

    endpoint: str
    ids: Mapping[str, Any]
    body: Mapping[str, Any]
    title: str
    told: Sequence[tuple[str, str]]
    warnings: Sequence[str] = ()
    secrets: Sequence[str] = ()

    def kept(self, key: str) -> dict[str, Any]:
        """Return what is kept of it until it is signed; ``key`` makes it one act."""
        return {
            "endpoint": self.endpoint,
            "key": key,
            "ids": {name: str(value) for name, value in self.ids.items()},
            "body": dict(self.body),
            "title": self.title,
            "secrets": [*self.secrets],
        }


# --- The page of an admission: its steps, and what of them is decided ---


@pages.get("/admin/organisations/<organisation>/admission")
def show(organisation: str) -> str:
    """The steps of an admission, with a form for each that is missing; or for one that is asked for
    by name."""
    return _show(_entry(organisation))


def _entry(organisation: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = signed_in().access.read(
        "registry_show", organisation=admin.name_of(organisation)
    )
    return found


def _show(entry: Mapping[str, Any], errors: Sequence[tuple[str, str]] = ()) -> str:
    slug = entry["organisation"]
    sections_ = [(action, _form(action, errors)) for action in _offered(entry)]
    return render_template(
        "admission.html",
        name=slug,
        entry=entry,
        applied=applied(entry),
        forms=sections_,
        problems=[
            *(Problem("", "", why) for at, why in errors if not at),
            *(problem for _, form in sections_ for problem in form.problems),
        ],
        steps=[
            {**one, "what": admin.changed(one["step"]), "stands": _stands(one)}
            for one in entry["admission"]
        ],
        signs=len(_of_others(slug)),
        invites="staff.establish",
    )


def _stands(one: Mapping[str, Any]) -> str:
    """The key of the text that says how a step stands."""
    if one["state"] == AdmissionState.MISSING and one["step"].startswith("it."):
        return "step_theirs"
    return _STATES[one["state"]]


_STATES: Mapping[str, str] = {
    AdmissionState.DONE: "step_done",
    AdmissionState.PROPOSED: "step_proposed",
    AdmissionState.MISSING: "step_missing",
}


def _offered(entry: Mapping[str, Any]) -> list[str]:
    """The changes that a form asks for: those of the missing steps, as far as they can be decided,
    or one by its name."""
    asked, known = request.args.get("step"), signed_in().access.changes(of_gateway=False)
    if asked is not None:
        return [asked] if asked in known else abort(404)
    found, is_open = list[str](), False
    for one in entry["admission"]:
        step, is_missing = one["step"], one["state"] != AdmissionState.DONE
        is_open = is_open or (step.startswith("it.") and is_missing)
        if one["state"] != AdmissionState.MISSING or step.startswith("it."):
            continue
        if step != "organisation.activate" or not is_open:
            found += [step, *([ALSO[step]] if step in ALSO else [])]
    return found


def _form(action: str, errors: Sequence[tuple[str, str]] = ()) -> BodyForm:
    return BodyForm.of(
        signed_in().access.schema(action),
        g.language,
        base=f"/{action}",
        sent=dict(request.form.lists()),
        errors=[(at, why) for at, why in errors if at.startswith(f"/{action}")],
        without=(admin.DRAWN.get(action, ""),),
    )


def applied(entry: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Word what an organisation applied for, until that is decided."""
    if not entry["application"] or entry["status"] != "applied":
        return []
    names = ("name", "kind", "country", "public_authority", "regimes")
    told = {**{one: entry[one] for one in names}, **entry["application"]}
    return sections.worded(told, g.language)


@pages.post("/admin/organisations/<organisation>/admission")
def check(organisation: str) -> Response:
    """Show all that was filled in, to be signed and proposed at once."""
    entry, listed, errors = _entry(organisation), list[ListedChange](), list[tuple[str, str]]()
    for action in _offered(entry):
        if (form := _form(action)).is_begun:
            listed.append(_proposal(organisation, action, form))
    try:
        if listed:
            return make_response(_check(listed, f"/admin/organisations/{organisation}/admission"))
        errors.append(("", say("nothing_filled")))
    except _Wrong as wrong:
        errors += wrong.errors
    page = _show(entry, errors)
    return make_response(page, 422)


def _proposal(organisation: str, action: str, form: BodyForm) -> ListedChange:
    """A change as its section of the form says it, with the tokens that it takes."""
    values, tokens = form.body(), list[str]()
    if action == "invitation.create":
        tokens = [_token()]
        values[admin.DRAWN[action]] = _digest(tokens[0])
        kept = {"organisation": organisation, "system": values.get("system", "")}
        secret = [json.dumps({"format": WAITING, **kept, "token": tokens[0], "proposal": ""})]
    else:
        if action == "staff.establish" and request.form.get("invite"):
            tokens = [_token() for _ in values.get("entries", ())]
            values[admin.DRAWN[action]] = [_digest(one) for one in tokens]
        secret = [f"{console().origin}/invitation#{one}" for one in tokens]
    body = {"action": action, "organisation": organisation, "values": values}
    title = wording.act(action, g.language)
    return ListedChange("changes_submit", {}, body, title, form.answered, secrets=secret)


def _token() -> str:
    return base64url.encode(secrets.token_bytes(TOKEN_BYTES))


def _digest(token: str) -> str:
    return base64url.digest(token.encode())


# --- All that waits about an organisation: read on one page, signed or refused ---


@pages.get("/admin/organisations/<organisation>/proposals")
def show_all(organisation: str) -> str:
    """All that others proposed about an organisation, as it would be signed."""
    path = f"/admin/organisations/{organisation}"
    listed = [
        _decision(view, "changes_approve", {}, view["action"]) for view in _waiting(organisation)
    ]
    entry = {} if organisation == admin.ITSELF else _entry(organisation)
    told = applied(entry) if entry else []
    return _check(listed, path, applied=told, refusal=f"{path}/refusal") if listed else abort(404)


def _waiting(organisation: str) -> list[Mapping[str, Any]]:
    """The proposals of others about an organisation, each whole, the oldest first."""
    read = signed_in().access.read
    return [read("changes_show", proposal=one) for one in _of_others(organisation)]


def _of_others(organisation: str) -> list[UUID]:
    """Their ids: as many as one list of changes has."""
    me, found = signed_in().person.name, admin.proposed(organisation)
    ids = sorted(UUID(one["proposal"]) for one in found if one["proposer"] != me)
    return ids[:MOST_CHANGES]


def _decision(
    view: Mapping[str, Any], endpoint: str, body: Mapping[str, Any], action: str
) -> ListedChange:
    change = admin.changed(view["action"])
    title = change
    if action != view["action"]:
        act = wording.act(action, g.language)
        title = say("named_row", id=act, what=change)
    ids = {"proposal": UUID(view["proposal"])}
    return ListedChange(
        endpoint, ids, body, title, admin.values_of(view), tuple(admin.warnings(view))
    )


@pages.route("/admin/organisations/<organisation>/refusal", methods=("GET", "POST"))
def refuse(organisation: str) -> Response:
    """Ask why all that waits is refused; show all refusals, with their one reason, to be signed."""
    is_sent = request.method == "POST"
    number = len(_of_others(organisation)) or abort(409 if is_sent else 404)
    schema, given = signed_in().access.schema("changes_refuse"), dict(request.form.lists())
    form = BodyForm.of(schema, g.language, sent=given, without=acts.NEVER_ASKED)
    if is_sent and (body := form.body()).get("reason"):
        views, action = _waiting(organisation), "proposal.refuse"
        listed = [_decision(view, "changes_refuse", body, action) for view in views]
        return make_response(_check(listed, f"/admin/organisations/{organisation}"))
    if is_sent:
        form = replace(form, errors=[("/reason", "Missing data for required field.")])
    page = render_template("refusal.html", name=organisation, form=form, number=number)
    return make_response(page, 422 if is_sent else 200)


# --- What is signed as one list ---


class _Wrong(Exception):
    """What is wrong with changes of a list, each at its place in the form."""

    def __init__(self, errors: Sequence[tuple[str, str]]) -> None:
        super().__init__("wrong")
        self.errors = errors


def _check(
    listed: Sequence[ListedChange],
    back: str,
    *,
    applied: Sequence[tuple[str, str]] = (),
    refusal: str = "",
) -> str:
    """The page on which a list is signed."""
    me, prepared, errors = signed_in(), list[Prepared](), list[tuple[str, str]]()
    for one in listed:
        try:
            prepared.append(me.access.prepare(one.endpoint, "", one.body, **one.ids))
        except ValidationFailed as refused:
            place = f"/{one.body['action']}"
            errors += [(place + at.removeprefix("/values"), why) for at, why in refused.errors]
    if errors:
        raise _Wrong(errors)
    draft = me.access.draft(*((one.action, one.digest) for one in prepared))
    key = UUID(sent_key()) if request.method == "POST" else console().new_id()
    requests = [one.kept(str(uuid5(key, str(number)))) for number, one in enumerate(listed)]
    kept = {"listed": requests, "draft": draft, "back": back}
    return render_template(
        "check_all.html",
        listed=[
            (one, act.digest, acts.readable(act)) for one, act in zip(listed, prepared, strict=True)
        ],
        back=back,
        applied=applied,
        refusal=refusal,
        name=console().sessions.hold(me.session, kept, acts.SIGNED_WITHIN),
        options=passkeys.request_options(passkey.challenge(draft), me.session.credential),
    )


@pages.post("/admin/signed/<name>")
def sign(name: str) -> Response:
    """Do each of a list, with the one answer of the passkey; sent again they are the same."""
    session = signed_in().session
    kept = console().sessions.held(session, name)
    if kept is None or "listed" not in kept:
        abort(409)
    rows = list(_done(kept["listed"], acts.signed_draft(kept["draft"])))
    shown = [one for row in rows for one in row.pop("secrets")]
    held = {"rows": rows, "back": kept["back"], "secrets": ""}
    if shown:  # once: what is sent again shows none
        held["secrets"] = console().sessions.hold(session, shown, SECRETS_KEPT)
        console().sessions.take(session, name)
    made = console().sessions.hold(session, held, acts.RECEIPT_KEPT)
    return make_response(redirect(f"/admin/signed/{made}", 303))


def _done(listed: Sequence[Mapping[str, Any]], signed: str) -> Iterator[dict[str, Any]]:
    """Do each in its order until one is refused; tell how each ended."""
    refused, rest = False, "listed_untried"
    for one in listed:
        row = {
            "title": one["title"],
            "state": rest,
            "why": "",
            "receipt": None,
            "secrets": [],
        }
        if not refused:
            try:
                row |= _make(one, signed)
            except RefusedOnRecord as error:
                row |= _refused(error.refusal) | {"receipt": receipt.to_json(error.receipt)}
                rest = "listed_ended"  # as the gateway ends what was signed of the others
            except Refusal as error:
                row |= _refused(error)
            refused = row["state"] == "listed_refused"
        yield row


def _make(one: Mapping[str, Any], signed: str) -> dict[str, Any]:
    ids = {name: UUID(value) for name, value in one["ids"].items()}
    done = signed_in().access.write(one["endpoint"], one["key"], one["body"], (signed,), **ids)
    waits = one["endpoint"] == "changes_submit" and "proposal" in done.result
    # The file of an invitation names the proposal that it waits for.
    named = f'"proposal": "{done.result.get("proposal", "")}"'
    shown = [text.replace('"proposal": ""', named) for text in one["secrets"]]
    state = "listed_waits" if waits else "listed_made"
    return {"state": state, "receipt": receipt.to_json(done.receipt), "secrets": shown}


def _refused(refusal: Refusal) -> dict[str, Any]:
    told = wording.refusal(refusal.detail, g.language) or refusal.detail
    if isinstance(refusal, ValidationFailed):
        told = " ".join(
            say(
                "problem_at",
                label=wording.label(at.rpartition("/")[2], g.language),
                fault=wording.fault(why, g.language),
            )
            for at, why in refusal.errors
        )
    return {"state": "listed_refused", "why": told}


@pages.get("/admin/signed/<name>")
def show_done(name: str) -> str:
    """Show how each of a list ended, with its receipt, and once what is secret."""
    kept = _kept(name)
    return render_template(
        "done_all.html",
        done=kept,
        name=name,
        secrets=console().sessions.take(signed_in().session, kept["secrets"]) or (),
    )


@pages.get("/admin/signed/<name>/<int:number>/receipt.json")
def save_receipt(name: str, number: int) -> Response:
    """The receipt of one, as a file."""
    rows = _kept(name)["rows"]
    found = rows[number]["receipt"] if number < len(rows) else None
    return acts.receipt_file(found or abort(404))


def _kept(name: str) -> Mapping[str, Any]:
    kept: Mapping[str, Any] | None = console().sessions.held(signed_in().session, name)
    return kept if kept is not None and "rows" in kept else abort(404)
