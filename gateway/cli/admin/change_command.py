"""The commands from the table of changes: how a change is given, submitted and told."""

import shlex
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import click

from gateway.cli import output
from gateway.cli.admin.registry import HostRegistry, Made, registry
from gateway.cli.admin.session import AdminSession, approvals
from gateway.cli.arguments import FILE, CalendarDay, Competence, Words
from gateway.client.errors import raising
from gateway.domain.fields import SHOWN
from gateway.domain.refusals import LogFrozen
from gateway.evidence import base64url, canonical, event, receipt
from gateway.kernel.actors import GATEWAY
from gateway.kernel.changes import Change, ChangeType
from gateway.kernel.fields import Field, Given


def change_registry(
    session: AdminSession, action: str, organisation: str, values: Mapping[str, Any]
) -> None:
    """Submit a change and print its result; values that were not given are left out."""
    change = Change(action, organisation, {k: v for k, v in values.items() if v is not None})
    with registry(session) as reached:
        try:
            made = reached.submit(change)
        except LogFrozen as frozen:
            if not isinstance(reached, HostRegistry) or frozen.recorded is not None:
                raise
            from gateway.maintenance import out_of_service, suspensions  # noqa: PLC0415 - of the server

            if action != out_of_service.SUSPEND:  # any other change has to wait
                raise
            (signed, *_) = approvals(session, reached.gateway, change)
            suspensions.keep_suspension(reached.gateway, change, signed)
            click.echo(
                f"The log is frozen ({frozen.detail}). {organisation} is out of service from now "
                "on; maintenance records its suspension when the log goes on."
            )
            return
        show(action, made)


def result_json(written: Made) -> dict[str, Any]:
    """Return what was done, for machines: the result and the receipt."""
    return {"result": dict(written.result), "receipt": receipt.to_json(written.receipt)}


def show(action: str, written: Made) -> None:
    """Print what was done, and which event it is; for machines, with the receipt."""
    output.finish()
    if output.reply(result_json(written)):
        return
    result = written.result
    if "proposal" in result and "expires_at" in result:
        click.echo(
            f"{action}: waits for another person, until {output.format_time(result['expires_at'])}"
        )
        click.echo(f"  another person: {hand_over(result['proposal'])}")
        for sentence in warnings(result):
            output.print_wrapped(sentence, "  WARNING: ", 4)
        return
    apart = {"event", "overlaps", "nobody_from", "entries", "contacts"}
    if action in PRINTED:
        PRINTED[action](result)
    else:
        values = (f"{name} {_words(v)}" for name, v in result.items() if name not in apart)
        output.print_wrapped(", ".join(values) or "done", f"{action}: ", 2)
    for one in result.get("entries", ()):
        output.print_wrapped(f"{one['pseudonym']}  {output.format_value(one['roles'])}", "  ", 4)
    for one in result.get("contacts", ()):
        output.print_wrapped(f"{one['name']}: {one['address']}", f"  {_words(one['role'])}  ", 4)
    day = event.read(written.receipt.document).get("simulated_date")
    simulated = f", judged on the simulated date {day}" if day else ""
    click.echo(f"  recorded as event {result['event']}{simulated}")
    for sentence in warnings(result):
        output.print_wrapped(sentence, "  WARNING: ", 4)


PRINTED = dict[str, Callable[[Mapping[str, Any]], None]]()
"""By its action, what prints the result of a change that is no sentence."""


def hand_over(proposal: str) -> str:
    """The command by which another person approves a proposal: on this host, or from their own
    machine, with a connection and a key of their own. At a terminal it asks without --yes."""
    session = click.get_current_context().find_object(AdminSession)
    at = "-c CONNECTION --as PERSON --approver-key PERSON=FILE"
    if session is None or session.connection is None:
        at = f"{place(session)} --as PERSON"
    unasked = "" if output.interactive() else " --yes"
    return f"casegate admin {at} proposal approve {proposal}{unasked}"


def place(session: AdminSession | None) -> str:
    """The option by which the same person reaches the same gateway again."""
    if session is None:
        return "--home FOLDER"
    if session.connection is not None:
        return f"-c {shlex.quote(str(session.connection))}"
    return f"--home {shlex.quote(str(session.folder))}"


def warnings(result: Mapping[str, Any]) -> Iterator[str]:
    """Return what somebody has to see to after a change, or before it."""
    if others := ", ".join(result.get("overlaps", ())):
        yield (
            f"held on some of these days by {others}, too; offers to it then name one of the "
            "holders (casegate admin mandate report)"
        )
    if result.get("left"):
        yield (
            "other certificates still let the system in; its key may have been used to renew one "
            "(certificate revoke ORGANISATION --system SYSTEM)"
        )
    if result.get("document_keys"):
        yield (
            "the invitation was used: revoke the document key that came by it, if one did "
            "(member-key revoke ORGANISATION KEY_ID)"
        )
    if day := result.get("nobody_from"):
        yield f"nobody holds it on {day}; offers to it are refused then"


def _words(value: Any) -> str:
    if not isinstance(value, list):
        return output.format_value(value)
    between = "; " if value and isinstance(value[0], Mapping) else " "
    return between.join(map(output.format_value, value)) or "none"


# --- Commands from the table of changes ---


ORGANISATIONS = {
    "succession.plan": "PREDECESSOR",
    "succession.cancel": "PREDECESSOR",
    "case.erase": "ORIGINATOR",
    "case.lift_embargo": "SETTER",
    "case.repair": "ORIGINATOR",
    "case.repair_handoff": "ORIGINATOR",
}
"""What the organisation of a change is called on the command line, where it has a part in it."""


def read_json(file: Path) -> Any:
    """Return what is in a JSON file, for the registry to judge; ClickException for what is not
    JSON."""
    with raising(click.ClickException, f"{file} is not JSON"):
        return canonical.decode(file.read_bytes())


def read_object(file: Path) -> dict[str, Any]:
    """Return the JSON object in a file; ClickException for anything else."""
    values = read_json(file)
    if not isinstance(values, dict):
        raise click.ClickException(f"{file} is not a JSON object")
    return values


class _FileOrText(click.Path):
    """A file, or in its place what would be in it, as a page prints it in a command: an object as
    JSON, or a signed text."""

    def __init__(self) -> None:
        super().__init__(exists=True, dir_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Take a text as it is, and a file where there is one."""
        if isinstance(value, str) and value.startswith(("{", "eyJ")):
            return value
        return super().convert(value, param, ctx)


def _read_given(given: Path | str, read: Callable[[Path], Any]) -> Any:
    if isinstance(given, Path):
        return read(given)
    if not given.startswith("{"):
        return given
    with raising(click.ClickException, "what is given is not JSON"):
        return canonical.decode(given.encode())


_TYPES: dict[Given, tuple[click.ParamType[Any], Callable[[Any], Any]]] = {
    Given.TEXT: (click.STRING, str),
    Given.DATE: (CalendarDay(), date.isoformat),
    Given.ID: (click.UUID, str),
    Given.FLAG: (click.BOOL, bool),
    Given.JSON_FILE: (_FileOrText(), lambda given: _read_given(given, read_json)),
    Given.TEXT_FILE: (
        _FileOrText(),
        lambda given: _read_given(given, lambda file: file.read_text("ascii", "replace").strip()),
    ),
    Given.DIGEST_OF_FILE: (FILE, lambda file: base64url.digest(file.read_bytes())),
}
"""How each kind of value is taken from the command line, and what is signed of it."""


def make_command(group: str, action: str, kind: ChangeType) -> click.Command:
    """The command of a group that makes a change, or lets it wait for a second person."""
    verb = action.partition(".")[2].replace("_", "-")

    def run(session: AdminSession, organisation: str = GATEWAY, **given: Any) -> None:
        values = {field.name: _value(field, given[field.name]) for field in kind.fields}
        for field in kind.fields:
            if field.default == [] and not values[field.name]:
                click.echo(f"without {_flag(field)}: {field.emptied}", err=True)
        if kind.loses and not given["yes"]:
            named = next((values[f.name] for f in kind.fields if f.option.isupper()), organisation)
            output.agree_to_lose(kind.loses, named)
        change_registry(session, action, organisation, values)

    about = ORGANISATIONS.get(action, "ORGANISATION")
    named: list[click.Parameter] = [click.Argument(["organisation"], metavar=about)]
    persons = "Two persons approve (R10)." if kind.persons == 2 else "One person suffices."
    return click.Command(
        verb,
        callback=click.pass_obj(run),
        params=[
            *([] if kind.at_gateway else named),
            *map(parameter, kind.fields),
            *([_YES] if kind.loses else []),
        ],
        help="\n\n".join(
            part
            for part in (kind.summary, kind.about, persons, _example(group, verb, kind))
            if part
        ),
        short_help=kind.summary,
        # A thumbprint may begin with "-", or with "-h": it is no option then.
        context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]}
        if any(one.option.isupper() and one.schema == SHOWN.schema for one in kind.fields)
        else {},
    )


_YES = click.Option(["--yes"], is_flag=True, help="Do not ask: what is lost is known.")


def _example(group: str, verb: str, kind: ChangeType) -> str:
    persons = ["--as martin", "--as dubois"][: kind.persons]
    arguments, options = [] if kind.at_gateway else ["ofmin"], list[str]()
    for field in kind.fields:
        named = field.option.isupper()
        if field.given is Given.FLAG or field.default or not (field.required or named):
            continue
        value = field.words[0] if field.words else _EXAMPLES.get(field.name)
        value = value or _EXAMPLES_OF[field.given].format(field.name)
        (arguments if named else options).append(value if named else f"{_flag(field)} {value}")
    return output.example("admin", *persons, group, verb, *arguments, *options)


_EXAMPLES_OF = {
    Given.DATE: "2026-01-02",
    Given.ID: "0198...",
    Given.JSON_FILE: "{}.json",
    Given.TEXT_FILE: "{}.jwt",
    Given.DIGEST_OF_FILE: "decision.pdf",
    Given.TEXT: "'Decision 2026/12'",
}


_EXAMPLES = {
    "address": "https://cases.ofmin.example.org/",
    "competence": "receive/csam/FR",
    "country": "FR",
    "entries": "head,liaison --entry approver,liaison",
    "hours": "'mon 09:00-17:00' --hours 'tue 09:00-17:00'",
    "kid": "9VXEYrHb...",
    "member": "ofmin",
    "name": "'A. Leroy'",
    "offers_a_day": "20",
    "peer": "fr",
    "person": "leroy",
    "read_until": "2027-01-01",
    "subject": "provider.example",
    "successor": "ocrvp",
    "system": "desk",
    "territories": "FR",
    "territory": "FR",
    "thumbprint": "qCHjJtiy...",
    "time_zone": "Europe/Paris",
    "until": "2027-01-01",
}
"""What a field is given in the example of its command: by its kind, and by its name."""


def _flag(field: Field) -> str:
    return field.option or "--" + field.name.replace("_", "-")


def parameter(field: Field) -> click.Parameter:
    """The option or argument by which a field of a change is given."""
    kind: click.ParamType[Any] = Words(field.words) if field.words else _TYPES[field.given][0]
    if field.name == "competence":
        kind = Competence()
    if field.option.isupper():
        return click.Argument(
            [field.name], metavar=field.option, type=kind, required=field.required
        )
    name = _flag(field)
    terms: dict[str, Any] = {"type": kind, "required": field.required}
    if field.given is Given.FLAG:
        terms = {"is_flag": True}
    elif field.several:
        terms = {"type": kind, "multiple": True}
    elif field.default is not None:
        terms = {"type": kind, "default": field.default, "show_default": True}
    return click.Option([name, field.name], help=field.about, **terms)


def _value(field: Field, given: Any) -> Any:
    if field.several:
        # Words are a set; two texts of a list may be equal.
        return (sorted(set(given)) if field.words else list(given)) or field.default
    if given is None or field.words:
        return given
    return _TYPES[field.given][1](given)
