"""What administrators do: sign what waits, admit organisations, and change their entries."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple
from urllib.parse import parse_qsl
from uuid import UUID

from flask import Blueprint, Response, abort, g, make_response, redirect, render_template, request

from gateway.console import sections, wording
from gateway.console.context import following, say, signed_in
from gateway.console.lists import narrowed
from gateway.console.pages import acts
from gateway.domain.organisation import NAME

pages = Blueprint("admin", __name__)

ITSELF = "gateway"
"""What stands in addresses for the gateway where another one names an organisation."""


# --- What waits, and what ends ---


def worklist() -> str:
    """List what waits for the administrator who is signed in, and what ends."""
    groups = [
        (group, [_AdminLine.of(one) for one in rows])
        for group, rows in groupby(_waiting_for_me(), itemgetter("group"))
    ]
    return render_template("admin.html", groups=groups)


def _waiting_for_me() -> Iterator[Mapping[str, Any]]:
    return _all("registry_worklist", {"person": signed_in().person.name})


def _all(endpoint: str, query: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
    """The entries of a list of administrators, which is short: those of all its pages."""
    asked: dict[str, str] | None = dict(query)
    while asked is not None:
        found = signed_in().access.read(endpoint, asked)
        yield from found["items"]
        asked = found["next"] and dict(parse_qsl(found["next"].partition("?")[2]))


class _AdminLine(NamedTuple):
    """A row of the worklist in words, and the page where it is dealt with."""

    what: str
    whom: str
    path: str
    proposer: str | None
    due_at: str | None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "_AdminLine":
        """Word a row of the interface."""
        kind, organisation = row["kind"], row["organisation"]
        what, path = changed(kind), f"/admin/organisations/{organisation}" if organisation else ""
        if row["about"]:
            about = wording.code("about", row["about"], g.language)
            what = say("named_row", id=what, what=about)
        if row["proposal"]:
            path = f"/admin/changes/{row['proposal']}"
        elif kind in _changes():
            path = f"{path}/{kind}"
        return cls(what, row["name"] or organisation, path, row["proposer"], row["due_at"])


DRAWN: Mapping[str, str] = {"invitation.create": "token_sha256", "staff.establish": "invitations"}
"""Changes with digests of tokens, which nobody types: the page draws them, and shows them once."""


def changed(kind: str) -> str:
    """Return what a change is called, or what else waits."""
    if kind in (*_changes(), *_changes(ITSELF)):
        return wording.act(kind, g.language)
    return wording.coded("administrators", kind, g.language)


_GROUPS: Mapping[str, tuple[str, ...]] = {
    "changes_of_peers": ("peer.", "organisation.show_to_peer", "organisation.hide_from_peer"),
    "changes_of_entry": ("organisation.", "staff.", "contact."),
    "changes_of_rights": (
        "membership.",
        "mandate.",
        "succession.",
        "interest.",
        "agreement.",
        "retention.",
        "audit_access.",
    ),
    "changes_of_systems": ("system.", "certificate.", "key.", "invitation.", "notification."),
    "changes_of_cases": ("",),
}
"""How the actions of a group begin, each group by its text; an action is of the first that fits."""


def _grouped(organisation: str) -> Mapping[str, Sequence[str]]:
    """Return what may be proposed, in groups, so that few are passed on the way to one; of the
    gateway there are few."""
    if organisation == ITSELF:
        return {"": _changes(organisation)}
    found: dict[str, list[str]] = {}
    for action in _changes():
        group = next(one for one, begins in _GROUPS.items() if action.startswith(begins))
        found.setdefault(group, []).append(action)
    return found


def _changes(organisation: str = "") -> Sequence[str]:
    """Return what may be proposed about an organisation, or about the gateway itself."""
    return signed_in().access.changes(of_gateway=organisation == ITSELF)


# --- Organisations, and what may be changed of one ---


@pages.get("/admin/organisations")
def organisations() -> str:
    """All organisations by their ids, or those of one status."""
    form, found = narrowed("registry_list")
    return render_template(
        "organisations.html",
        rows=found["items"],
        form=form,
        following=following(found, request.args),
    )


@pages.get("/admin/apply")
def apply() -> Response:
    """Begin an application under the id that was typed."""
    path = f"/admin/organisations/{name_of(request.args.get('id', ''))}/organisation.apply"
    return make_response(redirect(path, 303))


@pages.get("/admin/organisations/<organisation>")
def organisation(organisation: str) -> str:
    """An entry as of today or a day, what is proposed of it, and what may be proposed."""
    access = signed_in().access
    if organisation == ITSELF:
        entry: Mapping[str, Any] = {"organisation": ITSELF}
    else:
        asked = {"at": request.args["at"]} if request.args.get("at") else {}
        entry = access.read("registry_show", asked, organisation=name_of(organisation))
    waiting = proposed(organisation)
    steps = [one for one in _waiting_for_me() if one["organisation"] == organisation]
    return render_template(
        "organisation.html",
        name=organisation,
        entry=entry,
        rows=sections.worded(
            {name: one for name, one in entry.items() if name != "admission"}, g.language
        ),
        steps=[_AdminLine.of(one) for one in steps if not one["proposal"]],
        proposals=waiting,
        signs=sum(one["proposer"] != signed_in().person.name for one in waiting),
        changes=_grouped(organisation),
    )


def proposed(organisation: str) -> list[Mapping[str, Any]]:
    """The changes of an organisation that wait."""
    return [one for one in _all("changes_list", {}) if one["organisation"] == organisation]


def name_of(organisation: str) -> str:
    """The id of an organisation; 404 for what can be none."""
    return organisation if NAME.fullmatch(organisation) else abort(404)


@pages.route("/admin/organisations/<organisation>/<action>", methods=("GET", "POST"))
def change(organisation: str, action: str) -> Response:
    """A change of an organisation that is there, or that applies: its form, and what would be
    signed and proposed. One with tokens, which nobody types, is a step of an admission."""
    if action in DRAWN and request.method != "POST":
        path = f"/admin/organisations/{name_of(organisation)}/admission?step={action}"
        return make_response(redirect(path, 303))
    if action not in _changes(organisation):
        abort(404)
    name_of(organisation)
    whom = wording.code("kind", ITSELF, g.language) if organisation == ITSELF else organisation
    return acts.answer(
        acts.PersonAct(
            action,
            "changes_submit",
            {},
            f"/admin/organisations/{organisation}",
            say("named_row", id=wording.act(action, g.language), what=whom),
            fields={"action": action, "organisation": organisation},
        )
    )


# --- Changes that wait for another administrator ---


@pages.get("/admin/changes")
def proposals() -> str:
    """Changes that wait, the newest first, or all that ever waited."""
    asked = {name: request.args[name] for name in ("state", "after") if name in request.args}
    found = signed_in().access.read("changes_list", asked)
    return render_template(
        "proposals.html",
        rows=found["items"],
        all=asked.get("state") == "all",
        following=following(found, asked),
    )


@pages.get("/admin/changes/<uuid:proposal>")
def show(proposal: UUID) -> str:
    """A change that waits: what would be signed, what speaks against it, and what may be done."""
    view, me = _read(proposal), signed_in().person.name
    return render_template(
        "proposal.html",
        view=view,
        rows=values_of(view),
        is_own=view["proposer"] == me,
        waits=view["applied_event"] is None and view["withdrawal_event"] is None,
        warnings=warnings(view),
        others=len([one for one in proposed(view["organisation"]) if one["proposer"] != me]),
    )


def _read(proposal: UUID) -> Mapping[str, Any]:
    found: Mapping[str, Any] = signed_in().access.read("changes_show", proposal=proposal)
    return found


def values_of(view: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    """The values of a change in words, after those that they replace."""
    entry: Mapping[str, Any] = {}
    if view["action"] in _AMENDING:
        entry = signed_in().access.read("registry_show", organisation=view["organisation"])
    told = []
    for name, value in view["values"].items():
        text = sections.text_of(name, value, g.language)
        if name in entry:
            before = sections.text_of(name, entry[name], g.language)
            text = say("from_to", before=before, after=text)
        told.append((wording.label(name, g.language), text))
    return told


_AMENDING = ("organisation.amend",)
"""Changes whose values take the place of those of the entry."""


def warnings(view: Mapping[str, Any]) -> Iterator[str]:
    """Say why a change would be refused now, and who else would hold its mandate."""
    if view["refusal"]:
        why = wording.refusal(view["refusal"], g.language) or view["refusal"]
        yield say("would_be_refused", why=why)
    if view["overlaps"]:
        yield say("overlaps_with", names=", ".join(view["overlaps"]))


@pages.get("/admin/changes/<uuid:proposal>/<any(refusal):decision>")
@pages.post("/admin/changes/<uuid:proposal>/<any(refusal,approval,withdrawal):decision>")
def decide(proposal: UUID, decision: str) -> Response:
    """Ask why a change is refused; show its refusal, the change itself, or the withdrawal of one's
    own proposal, to be signed."""
    view, (endpoint, action) = _read(proposal), _DECISIONS[decision]
    change = say("named_row", id=changed(view["action"]), what=view["organisation"])
    title = say("named_row", id=wording.act(action, g.language), what=change)
    ids, back = {"proposal": proposal}, f"/admin/changes/{proposal}"
    return acts.answer(acts.PersonAct(action, endpoint, ids, back, title, told=values_of(view)))


_DECISIONS = {
    "refusal": ("changes_refuse", "proposal.refuse"),
    "approval": ("changes_approve", "proposal.approve"),
    "withdrawal": ("changes_withdraw", "proposal.withdraw"),
}
"""What ends a proposal: its endpoint, and the action that is signed."""
