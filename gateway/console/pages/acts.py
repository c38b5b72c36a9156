"""An act in three pages: its form, what is signed with its digest, and done with its receipt.

The form draws the idempotency key: sent twice, retried, or sent again from the back button it is
one act. Which fields there are, and what is refused, say the endpoints.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import (
    Blueprint,
    Response,
    abort,
    g,
    make_response,
    redirect,
    render_template,
    request,
)

from gateway.console import passkeys, sections, wording
from gateway.console.access import UNANSWERED, Access, Done, Prepared
from gateway.console.context import console, say, sent, sent_key, signed_in
from gateway.console.forms import BodyForm
from gateway.console.sections import conditions, short
from gateway.domain.refusals import InvalidApproval, ValidationFailed
from gateway.evidence import event, passkey, receipt, sd_jwt
from gateway.evidence.sd_jwt import DocumentError
from gateway.text import catalogue

pages = Blueprint("acts", __name__)

SIGNED_WITHIN = timedelta(minutes=15)
RECEIPT_KEPT = timedelta(hours=1)

NEVER_ASKED = ("by", "offer", "approval", "digests")
"""What nobody types: who they are, what they were shown, what a passkey signs, and digests."""

WAITS_FOR, DOCUMENT_WAITS_FOR = timedelta(hours=72), timedelta(hours=24)
"""How long an act waits for the other persons whom it names: a document has the date of its
preparation, and is taken for a day."""


@dataclass(frozen=True)
class PersonAct:
    """An act about something: its ``endpoint``, the ids there, and the page that it began on.

    ``choices`` and ``repeated`` are as in `BodyForm`; ``offer`` is the digest of what is answered.
    Of a change ``fields`` are those that the page knows; its values are asked for, beside them.
    ``told`` is what stands in the check before what was typed; ``about`` the key of a text in place
    of the act's description. ``drawn`` are values that the form draws, and keeps when it is sent
    again; ``preview`` shows what the act would give, before it is signed. ``secret`` is shown once,
    after it was done.
    """

    action: str
    endpoint: str
    ids: Mapping[str, Any]
    back: str
    title: str
    choices: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    repeated: Mapping[str, Any] = field(default_factory=dict)
    offer: str = ""
    urgency: str = ""
    fields: Mapping[str, Any] | None = None
    told: Sequence[tuple[str, str]] = ()
    about: str = ""
    drawn: Mapping[str, str] = field(default_factory=dict)
    secret: str = ""
    preview: "Callable[[PersonAct, Mapping[str, Any]], list[tuple[str, str]]] | None" = None

    @property
    def schema(self) -> Mapping[str, Any]:
        """The JSON Schema of what is asked for."""
        return signed_in().access.schema(self.endpoint if self.fields is None else self.action)

    def body(self, form: BodyForm) -> dict[str, Any]:
        """The body that the form stands for."""
        return form.body() if self.fields is None else {**self.fields, "values": form.body()}

    def form(self, errors: Sequence[tuple[str, str]] = ()) -> BodyForm:
        """Its form, with what was sent of it."""
        form = BodyForm.of(
            self.schema,
            g.language,
            sent=dict(request.form.lists()),
            errors=[(at.removeprefix("/values") if self.fields else at, why) for at, why in errors],
            choices={**self.choices, **self._colleagues()},
            repeated=self.repeated,
            without=(*NEVER_ASKED, *self.drawn),
        )
        known = self._recipients() if form.asks("organisation") else {}
        return replace(form, known={"organisation": known} if known else {})

    @property
    def persons(self) -> list[str]:
        """The fields that name a person beside the one who acts."""
        described = self.schema.get("properties", {})
        form = described.get("by", {}).get("pattern")
        return [
            name
            for name, one in described.items()
            if name != "by" and form and one.get("items", one).get("pattern") == form
        ]

    def _colleagues(self) -> dict[str, dict[str, str]]:
        """Whom each of these fields may name: each signs, too."""
        if not (named := self.persons):
            return {}
        me, access = signed_in().person.name, signed_in().access
        try:
            entries = access.read("staff_list", {"limit": "100"})["items"]
        except UNANSWERED:  # not now: a pseudonym is typed, and signs likewise
            return {}
        others = (one for one in entries if one["in_force"] and one["pseudonym"] != me)
        roles = {one["pseudonym"]: one["roles"] for one in others}
        words = {
            name: say("colleague", name=name, roles=wording.code("role", held, g.language))
            for name, held in roles.items()
        }
        return dict.fromkeys(named, words)

    def _recipients(self) -> dict[str, str]:
        """Which organisations take handoffs: their ids, each with its name."""
        person, access = signed_in().person, signed_in().access
        try:
            listed = access.read("directory_list", {"limit": "100"})["items"]
        except UNANSWERED:  # not now, or not to an administrator: an id is typed
            return {}
        others = (one for one in listed if one["organisation"] != person.organisation)
        return {one["organisation"]: one["name"] for one in others if one["addressable"]}

    def others(self, body: Mapping[str, Any]) -> list[str]:
        """The persons whom a body names so."""
        found = [body[name] for name in self.persons if name in body]
        return [one for each in found for one in ([each] if isinstance(each, str) else each)]


def is_asked(endpoint: str) -> bool:
    """Tell whether people are asked for what an endpoint takes: a whole case comes from a file."""
    return "content" not in signed_in().access.schema(endpoint).get("properties", ())


def act_on(action: str, ids: Mapping[str, Any], back: str, title: str, **more: Any) -> PersonAct:
    """An act by its action; 404 where there is none about such a thing.

    ``title`` is the key of its title, which names the act and the end of the first id.
    """
    endpoint = signed_in().access.endpoint(action, *ids)
    if endpoint is None or not is_asked(endpoint):
        abort(404)
    about, words = next(iter(ids.values()), ""), wording.act(action, g.language)
    named = short(about) if isinstance(about, UUID) else about
    told = say(title, act=words, **({"id": named} if named else {}))
    return PersonAct(action, endpoint, ids, back, told, **more)


def answer(act: PersonAct) -> Response:
    """The form of an act; what it would do, to be signed, once the form was sent."""
    return check(act) if request.method == "POST" else make_response(ask(act))


def ask(act: PersonAct, errors: Sequence[tuple[str, str]] = ()) -> str:
    """The form of an act."""
    told = str(act.schema.get("description", ""))
    if act.about:
        told = say(act.about)
    # What the form draws, or has kept: the offer that is answered, the id of a new one.
    drawn = dict(act.drawn)
    if act.offer and "offer" in act.schema.get("properties", {}):
        drawn["offer"] = act.offer
    return render_template(
        "act.html",
        act=act,
        form=act.form(errors),
        about=wording.paragraphs(told, g.language) if told else (),
        loses=wording.described(act.schema.get("x-loses", ""), g.language),
        terms=conditions(act.repeated.get("conditions", {}), g.language),
        hidden={name: sent(name) or value for name, value in drawn.items() if not act.secret},
    )


def check(act: PersonAct) -> Response:
    """Show what a form would do, to be signed; the form again where something is wrong with it."""
    form = act.form()
    drawn = {name: sent(name) for name in (*act.drawn, "offer") if sent(name)}
    body = {**act.body(form), **(act.drawn if act.secret else drawn)}
    others = replace(form, choices=act.choices)  # a colleague's roles stand in one language there
    told = {one: replace(others, language=one).answered for one in catalogue.LANGUAGES}
    try:
        return check_body(act, body, form.answered, told)
    except ValidationFailed as refused:
        return make_response(ask(act, refused.errors), 422)


def check_body(
    act: PersonAct,
    body: Mapping[str, Any],
    answered: Sequence[tuple[str, str]],
    told: Mapping[str, Sequence[tuple[str, str]]] = {},
    *,
    whole: bool = True,
    listed: tuple[str, int] | None = None,
) -> Response:
    """Show what a body would do, to be signed, with what was ``answered``; ``told`` is that in each
    language, for the other persons who sign it. What is not shown ``whole`` has strong texts.
    ``listed`` is the list of files, and the place in it, from which it is. Raises
    ValidationFailed."""
    key = sent_key()
    given = act.preview(act, body) if act.preview else []
    prepared = signed_in().access.prepare(act.endpoint, key, body, **act.ids)
    kept = {
        "endpoint": act.endpoint,
        "key": key,
        "body": dict(prepared.body),
        "ids": {name: str(one) for name, one in act.ids.items()},
        "draft": prepared.draft,
        "action": act.action,
        "back": act.back,
        "title": act.title,
        "secret": act.secret,
        "others": act.others(body),
        "digest": prepared.digest or prepared.values.get("document", ""),
        "document": readable(prepared) if whole else "",
        "told": dict(told),
        "about": str(next(iter(act.ids.values()), "")),
        "listed": listed,
    }
    if not prepared.values:  # it was done before
        return finish(kept, ())
    return make_response(_check_page(act, [*given, *answered], prepared, kept))


def _check_page(
    act: PersonAct, told: Sequence[tuple[str, str]], prepared: Prepared, kept: Mapping[str, Any]
) -> str:
    me = signed_in()
    options = ""
    if prepared.draft:
        challenge = passkey.challenge(prepared.draft)
        options = passkeys.request_options(challenge, me.session.credential)
    return render_template(
        "check.html",
        act=act,
        told=[*act.told, *told],
        terms=conditions(act.repeated.get("conditions", {}), g.language),
        digest=prepared.values.get("document") or prepared.digest,
        of_document="document" in prepared.values,
        digest_of_act=prepared.digest if kept["others"] and prepared.draft else "",
        document=kept["document"],
        others=kept["others"],
        name=console().sessions.hold(me.session, dict(kept), SIGNED_WITHIN),
        options=options,
    )


def readable(prepared: Prepared) -> str:
    """The text that is signed, as JSON that people can read."""
    draft = prepared.body.get("document")
    if "document" not in prepared.values or draft is None:
        return json.dumps(dict(prepared.values), indent=1, ensure_ascii=False, default=str)
    told = sd_jwt.read_unverified(str(draft))
    said = {name: one for name, one in told.content.items() if not name.startswith("_sd")}
    return json.dumps({**told.header, **said}, indent=1, ensure_ascii=False)


@pages.post("/acts/<name>")
def sign(name: str) -> Response:
    """Do it, with the passkey's answer; sent again it is the same act."""
    kept = console().sessions.held(signed_in().session, name)
    if kept is None or "endpoint" not in kept:
        abort(409)
    if not kept["others"]:
        done = finish(kept, (signed_draft(kept["draft"]),) if kept["draft"] else ())
        if kept["secret"]:
            console().sessions.take(signed_in().session, name)
        return done
    signature, waiting = given_signature(kept["draft"]), {**kept, "kid": signed_in().session.kid}
    life = DOCUMENT_WAITS_FOR if "document" in kept["body"] else WAITS_FOR
    console().sessions.wait(signed_in().person, waiting, signature, life)
    return make_response(redirect("/waiting", 303))


def signed_draft(draft: str) -> str:
    """A draft with what the passkey answered."""
    try:
        answer = passkeys.read_answer(sent("credential"))
        return passkey.complete(draft, answer.response)
    except (DocumentError, KeyError):
        abort(400)


def given_signature(drafted: str) -> str:
    """Return a draft of ours as the person's own passkey signed it; InvalidApproval. Nothing at a
    member, where the person confirms by the form alone.

    Of an act that is done at once the gateway judges it, and records that.
    """
    if console().at_member:
        return ""
    text = signed_draft(drafted)
    stated, me = passkey.read_unverified(text), signed_in()
    keys = console().persons.passkeys(me.person)
    named = {"audience": stated.claims["aud"], "issuer": stated.claims["iss"]}
    try:
        passkey.verify(text, typ=stated.typ, keys=keys, **named)
    except DocumentError as error:
        console().log.refuse("console-signature-refused", request=g.request_id, reason=str(error))
        raise InvalidApproval(f"an approval does not verify: {error}") from None
    return text


def finish(
    kept: Mapping[str, Any], approvals: Sequence[str], asking: Access | None = None
) -> Response:
    """Do an act that was kept, for the person who asked for it, and go to its receipt."""
    ids = {name: _id(one) for name, one in kept["ids"].items()}
    access = asking or signed_in().access
    done = access.write(kept["endpoint"], kept["key"], kept["body"], approvals, **ids)
    shown = {name: kept[name] for name in ("action", "back", "title")}
    others = kept["others"] if console().at_member else []
    held = {**shown, "receipt": receipt.to_json(done.receipt), "how": _how(done), "others": others}
    changed = kept["endpoint"] == "changes_submit"
    held["waits"] = changed and "proposal" in done.result
    if changed and not held["waits"]:
        answered = {name: one for name, one in done.result.items() if name != "event"}
        held["told"] = sections.worded(answered, g.language)
    hold, session = console().sessions.hold, signed_in().session
    listed, number = kept.get("listed") or ("", 0)
    files = console().sessions.held(session, listed) if listed else None
    if files:  # the list says of this one that it is recorded
        files[number]["receipt"] = held["receipt"]
        console().sessions.hold_again(session, listed, files)
    secret = "" if asking else kept["secret"]  # for who asked alone
    held["secret"] = hold(session, secret, RECEIPT_KEPT) if secret else ""
    return make_response(redirect(f"/done/{hold(session, held, RECEIPT_KEPT)}", 303))


def _how(done: Done) -> str:
    """The key of the text that says whose key signed an act, as its receipt and document tell: a
    retry brings any answer."""
    told = event.open_disclosures(done.receipt.document, done.receipt.disclosures)
    if any(kind == "approvals" for kind, _ in told.shown):
        return "done_confirmed"
    text = done.result.get("document") or done.result.get("offer")
    if isinstance(text, str) and "attested_for" not in sd_jwt.read_unverified(text).claims:
        return "done_signed"
    return "done_attested"


def _id(text: str) -> UUID | str:
    try:
        return UUID(text)
    except ValueError:
        return text


@pages.get("/done/<name>")
def show_done(name: str) -> str:
    """Show what was done: its event, the receipt to save, and once what is secret."""
    kept = _done(name)
    recorded = json.loads(kept["receipt"]["document"])["id"]
    secret = console().sessions.take(signed_in().session, kept["secret"])
    return render_template("done.html", done=kept, name=name, event=recorded, secret=secret)


@pages.get("/done/<name>/receipt.json")
def save_receipt(name: str) -> Response:
    """The receipt, as a file."""
    return receipt_file(_done(name)["receipt"])


def receipt_file(told: Mapping[str, Any]) -> Response:
    """A receipt to save, under a name of its event."""
    recorded = json.loads(told["document"])["id"]
    return as_file(json.dumps(told).encode(), f"{short(recorded)}.receipt.json", "application/json")


def as_file(data: bytes, name: str, media: str) -> Response:
    """Answer with what a browser saves under a name, and does not show."""
    response = make_response(data)
    response.headers["Content-Type"] = media
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _done(name: str) -> Mapping[str, Any]:
    kept: Mapping[str, Any] | None = console().sessions.held(signed_in().session, name)
    return kept if kept is not None and "receipt" in kept else abort(404)
