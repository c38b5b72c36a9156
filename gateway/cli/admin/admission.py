"""`casegate admin admission`: all that an organisation's admission takes, from one file."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import click

from gateway.changes import CHANGES
from gateway.cli import output
from gateway.cli.admin.certificate import invite
from gateway.cli.admin.change_command import place, read_object, result_json
from gateway.cli.admin.nouns import NOUNS
from gateway.cli.admin.registry import Registry, registry
from gateway.cli.admin.session import AdminSession
from gateway.cli.arguments import ANY_FOLDER, FILE
from gateway.client.gateway import now
from gateway.domain.mandate import format_competence
from gateway.domain.organisation import NO_SLUG, SLUG, Status
from gateway.domain.refusals import ValidationFailed
from gateway.evidence import base64url
from gateway.kernel.changes import Change
from gateway.kernel.fields import read_fields

Entry = Mapping[str, Any]
"""An organisation as the registry shows it."""


class _Part(NamedTuple):
    """A part of the file: the change that it asks for, whether it stands there several times, and
    how the registry shows that the change was made."""

    name: str
    action: str
    several: bool
    is_made: Callable[[Entry, Mapping[str, Any]], bool]


_PARTS = (
    _Part("application", "organisation.apply", False, lambda entry, _: bool(entry)),
    _Part(
        "decision",
        "organisation.approve",
        False,
        lambda entry, _: entry.get("status") not in (None, Status.APPLIED),
    ),
    _Part(
        "memberships",
        "membership.grant",
        True,
        lambda entry, asked: _shows(entry, "memberships", asked, "membership", "from"),
    ),
    _Part(
        "mandates",
        "mandate.grant",
        True,
        lambda entry, asked: _shows(
            entry, "mandates", {**asked, "competence": _competence(asked)}, "competence", "from"
        ),
    ),
    _Part("persons", "staff.establish", False, lambda entry, _: bool(entry.get("staff_register"))),
    _Part(
        "systems",
        "system.register",
        True,
        lambda entry, asked: _shows(entry, "systems", asked, "system"),
    ),
)
"""The parts of the file in the order of the changes: each may depend on those before it."""


def _shows(entry: Entry, listed: str, asked: Mapping[str, Any], *names: str) -> bool:
    wanted = [asked.get(name) for name in names]
    return any([one.get(name) for name in names] == wanted for one in entry.get(listed, ()))


def _competence(asked: Mapping[str, Any]) -> str:
    return format_competence(asked["function"], asked["matter"], asked["territory"])


@dataclass(frozen=True)
class _AskedChange:
    """A change that the file asks for, at its place there."""

    place: str
    part: _Part
    values: Mapping[str, Any]


@NOUNS["admission"].command("propose", short_help="Propose all of an admission from one file.")
@click.argument("file", type=FILE)
@click.option(
    "--invitations",
    "folder",
    type=ANY_FOLDER,
    help="Invite each system, too: a new file for each in this folder.",
)
@click.pass_obj
def propose(session: AdminSession, file: Path, folder: Path | None) -> None:
    """Propose what FILE says of an organisation: its whole admission.

    FILE is JSON: organisation, application (with contacts), decision, memberships or mandates,
    persons, systems; docs/admission.md has an example. All of it is checked before anything is
    sent. The application is recorded, the rest waits for another person, who reads it on one page.
    The same command goes on where it ended, and repeats nothing.

    \b
    Example: casegate admin --as martin admission propose \\
        hotline-new.json --invitations invitations
    """
    slug, steps = _read(file)
    told = list[dict[str, Any]]()
    with registry(session) as reached:
        known = any(one["organisation"] == slug for one in reached.organisations(None))
        entry: Entry = reached.organisation(slug, None) if known else {}
        _require_same(slug, entry, steps)
        listed = [one for one in reached.proposals(waiting=True) if one["organisation"] == slug]
        waiting = [reached.proposal(UUID(one["proposal"])) for one in listed]
        for step in steps:
            told.append(_take(reached, slug, step, entry, waiting))
            _tell(told[-1])
        for step in steps:
            if folder is not None and step.part.name == "systems":
                told.append(_invite(session, reached, slug, step, folder, waiting))
                _tell(told[-1])
    if output.reply({"organisation": slug, "steps": told}):
        return
    if any(one["state"] == _WAITS for one in told):
        own = "-c CONNECTION" if session.connection else place(session)
        output.print_next(f"admin {own} --as PERSON proposal approve --organisation {slug}")


# --- What the file says ---


def _read(file: Path) -> tuple[str, list[_AskedChange]]:
    """The organisation and the changes of a file; ClickException with all that is wrong in it."""
    said = read_object(file)
    slug = said.pop("organisation", None)
    wrong = [] if isinstance(slug, str) and SLUG.fullmatch(slug) else [f"/organisation {NO_SLUG}"]
    steps = list[_AskedChange]()
    for part in _PARTS:
        given = said.pop(part.name, None)
        if part.name == "persons" and given is not None:
            given = {"entries": given}
        several = given if part.several else [given]
        if given is not None and not isinstance(several, list):
            wrong.append(f"/{part.name} must be a list")
            continue
        for n, one in enumerate(several if given is not None else ()):
            where = f"/{part.name}/{n}" if part.several else f"/{part.name}"
            try:
                values = _values(file, part, one)
                read = read_fields(CHANGES[part.action].fields, values)
                wrong += [
                    f"{where}/{field.name} is after today"
                    for field in CHANGES[part.action].fields
                    if field.passed and (day := read[field.name]) and day > now().date()
                ]
            except ValidationFailed as invalid:
                wrong += [f"{where}{pointer} {why}" for pointer, why in invalid.errors]
            except OSError as error:
                wrong.append(f"{where}/decision_document cannot be read ({error.strerror})")
            else:
                steps.append(_AskedChange(where, part, values))
    wrong += [f"/{name} is no part of an admission" for name in said]
    wrong += _lacks(steps, bool(wrong))
    if wrong:
        raise click.ClickException(f"{file}, nothing was sent: " + "; ".join(wrong))
    return str(slug), steps


def _values(file: Path, part: _Part, given: Any) -> Any:
    """The values of a change, with those that its command would give, too; of a decision with the
    digest of its document, which lies beside the file."""
    if not isinstance(given, Mapping):
        return given
    fields = CHANGES[part.action].fields
    values = {**{one.name: one.default for one in fields if one.default is not None}, **given}
    if part.name == "decision" and "decision_document" in values:
        document = file.parent / str(values.pop("decision_document"))
        values["document_sha256"] = base64url.digest(document.read_bytes())
    return values


def _lacks(steps: list[_AskedChange], known: bool) -> list[str]:
    """Return what every admission has and this one has not, unless something is ``known`` to be
    wrong, which is then not missing; or else what one part says against another, or itself."""
    of = {step.part.name: step.values for step in steps}
    needs = () if known else ("application", "decision", "persons", "systems")
    found = [f"/{name} is missing" for name in needs if name not in of]
    if not known and not of.keys() & {"memberships", "mandates"}:
        found.append("/memberships or /mandates is missing: no case reaches it without")
    if found:
        return found
    application, decision = of.get("application", {}), of.get("decision", {})
    if decision and application and decision["decided_on"] < application["received_on"]:
        found.append("/decision/decided_on is before the day of the application")
    if "led" in application.get("regimes", ()) and not application.get("public_authority"):
        found.append("/application/regimes only a public authority acts under the led regime")
    roles = [one["role"] for one in application.get("contacts", ())]
    if len({*roles}) < len(roles):
        found.append("/application/contacts one contact for each role")
    names = [step.values["system"] for step in steps if step.part.name == "systems"]
    if len({*names}) < len(names):
        found.append("/systems one entry for each system")
    return found


def _require_same(slug: str, entry: Entry, steps: list[_AskedChange]) -> None:
    """Require that the organisation of that id is the one of the file."""
    said = next(step.values for step in steps if step.part.name == "application")
    names = ("name", "kind", "country", "public_authority")
    other = [name for name in names if entry and entry[name] != said[name]]
    if other:
        raise click.ClickException(
            f"the registry has another organisation as {slug} ({', '.join(other)}): take another "
            "id, or correct its entry (organisation amend)"
        )
    if entry and entry["status"] in (Status.REJECTED, Status.LEFT):
        raise click.ClickException(f"{slug} is {entry['status']}: its id is never used again")


# --- What is done ---

_MADE, _WAITS, _BEFORE = "made", "waits", "made before"


def _take(
    reached: Registry, slug: str, step: _AskedChange, entry: Entry, waiting: list[dict[str, Any]]
) -> dict[str, Any]:
    """Submit a change, unless it was made or waits already; how it stands."""
    told = {"place": step.place, "action": step.part.action}
    if step.part.is_made(entry, step.values):
        return {**told, "state": _BEFORE}
    for one in waiting:
        if one["action"] == step.part.action and one["values"] == step.values:
            return {**told, "state": _WAITS, "proposal": one["proposal"]}
    return {**told, **_stand(reached.submit(Change(step.part.action, slug, step.values)))}


def _stand(made: Any) -> dict[str, Any]:
    """Return how a change stands that was submitted; of one that was made, its result."""
    if "expires_at" in made.result and "proposal" in made.result:
        return {"state": _WAITS, "proposal": made.result["proposal"]}
    return {"state": _MADE, **result_json(made)}


def _invite(
    session: AdminSession,
    reached: Registry,
    slug: str,
    step: _AskedChange,
    folder: Path,
    waiting: list[dict[str, Any]],
) -> dict[str, Any]:
    """Invite a system, unless its file is there."""
    system = step.values["system"]
    out = folder / f"{slug}-{system}.json"
    told = {"place": step.place, "action": "invitation.create", "file": str(out)}
    for one in waiting:
        if one["action"] == "invitation.create" and one["values"]["system"] == system:
            if out.exists():
                return {**told, "state": _WAITS, "proposal": one["proposal"]}
            raise click.ClickException(
                f"{out} is not there, and only it has the token of the invitation that waits: "
                f"withdraw {one['proposal']}, and give the command again"
            )
    if out.exists():
        return {**told, "state": _BEFORE}
    folder.mkdir(mode=0o700, exist_ok=True)
    return {**told, **_stand(invite(session, reached, slug, system, out))}


def _tell(one: Mapping[str, Any]) -> None:
    """Print a line for a step, as soon as it was taken."""
    if output.for_machines():
        return
    noun, _, verb = str(one["action"]).partition(".")
    what = f"{noun} {verb}".replace("_", " ")
    more = f" as {one['proposal']}" if "proposal" in one else ""
    file = f", in {one['file']}" if "file" in one else ""
    output.print_wrapped(f"{one['place'].strip('/')} ({what}): {one['state']}{more}{file}", "", 4)
    for entered in one.get("result", {}).get("entries", ()):
        output.print_wrapped(
            f"{entered['pseudonym']}  {output.format_value(entered['roles'])}", "  ", 4
        )
