"""The session of administrators: who approves with which key, a change, and its receipt."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from gateway import keys, maintenance, wiring
from gateway.changes import CHANGES
from gateway.cli import CommandFailed
from gateway.cli.arguments import FILE, plain_errors, sentence_of
from gateway.cli.output import format_value, print_json
from gateway.config import Config
from gateway.domain.audit_event import EventResult
from gateway.domain.organisation import SLUG
from gateway.domain.refusals import LogFrozen, Refusal
from gateway.evidence import approval, base64url, canonical, event, receipt
from gateway.files import PrivateFileError
from gateway.kernel import changes
from gateway.kernel.actors import GATEWAY
from gateway.kernel.changes import Change, ChangeType
from gateway.kernel.fields import Field, Given, text
from gateway.kernel.ports import Ports, TransactionMode
from gateway.kernel.transact import RecordedRefusal, WriteResult
from gateway.kernel.values import TreeHead
from gateway.keys import KeyPurpose
from gateway.registry.table import STEPS


def _persons(
    _context: click.Context, _parameter: click.Parameter, given: tuple[str, ...]
) -> tuple[str, ...]:
    for person in given:
        if not SLUG.fullmatch(person):
            raise click.BadParameter(f"{person!r} is no person's id: a-z, 0-9 and '-'")
    return given


def _key_files(
    _context: click.Context, _parameter: click.Parameter, given: tuple[str, ...]
) -> Mapping[str, Path]:
    files: dict[str, Path] = {}
    for one in given:
        person, _, file = one.partition("=")
        if not SLUG.fullmatch(person) or not file or person in files:
            raise click.BadParameter(
                f"{one!r} is not of the form PERSON=FILE, once for each person"
            )
        files[person] = Path(file)
    return files


persons_option: Callable[[Any], Any] = click.option(
    "--as",
    "persons",
    multiple=True,
    metavar="PERSON",
    callback=_persons,
    help="Who approves; the first proposes. Give it twice where two persons are needed.",
)
key_files_option: Callable[[Any], Any] = click.option(
    "--approver-key",
    "key_files",
    multiple=True,
    metavar="PERSON=FILE",
    callback=_key_files,
    help="Where that person's key is, when it is not in the folder's people/.",
)


@dataclass(frozen=True)
class AdminSession:
    """Where administrators work: the operator's folder, who approves, how to print."""

    folder: Path
    persons: tuple[str, ...]
    """Who approves, the proposer first; nobody when only help is asked for."""
    elsewhere: Mapping[str, Path]
    """Personal keys that are not in the operator's folder, by person."""
    as_json: bool

    def __post_init__(self) -> None:
        """Refuse a key of somebody who is not asked to approve."""
        for person in self.elsewhere:
            if person not in self.persons:
                raise click.UsageError(
                    f"--approver-key is for who approves: --as {person} is missing"
                )

    def key_file(self, config: Config, person: str) -> Path:
        """Where a person's key is."""
        return self.elsewhere.get(person) or config.people / f"{person}.pem"


@contextmanager
def opened(session: AdminSession) -> Iterator[wiring.GatewayRuntime]:
    """The gateway of the folder; what is expected to go wrong ends as one sentence."""
    if not session.persons:
        raise click.UsageError("say who approves: --as PERSON")
    with plain_errors():
        try:
            with _connected(session) as gateway:
                yield gateway
        except RecordedRefusal as refused:
            members = {"kind": "refused", "receipt": receipt.to_json(refused.receipt)}
            raise CommandFailed(
                f"refused, and recorded: {sentence_of(refused.refusal)}", members
            ) from refused
        except Refusal as refusal:
            if refusal.recorded is None:
                raise
            advice = "do not repeat it: `casegate admin event show` shows what was recorded"
            raise without_receipt(refusal, advice) from refusal


def without_receipt(refusal: Refusal, advice: str) -> CommandFailed:
    """The failure of a change that was recorded and has no receipt yet."""
    return CommandFailed(
        f"recorded as event {refusal.recorded}, but no receipt yet ({refusal.detail}); {advice}",
        {"kind": "without-receipt", "event": str(refusal.recorded)},
    )


@contextmanager
def read_only(session: AdminSession) -> Iterator[wiring.GatewayRuntime]:
    """The gateway of the folder, for reading: nothing is changed or approved."""
    with plain_errors(), _connected(session) as gateway:
        yield gateway


def _connected(session: AdminSession) -> AbstractContextManager[wiring.GatewayRuntime]:
    return closing(wiring.connect(wiring.load_config(session.folder)))


def approve(ports: Ports, key_file: Path, person: str, change: Change) -> str:
    """Sign a change with a person's key; PrivateFileError when the file holds none."""
    signed = approval.issue(
        person=person,
        audience=ports.issuer,
        action=change.action,
        organisation=change.organisation,
        change=change.values,
        at=ports.now(),
        jti=ports.new_id(),
        signer=keys.load_key(key_file, KeyPurpose.PERSON),
        random=ports.random,
    )
    return signed.compact()


def make(session: AdminSession, gateway: wiring.GatewayRuntime, change: Change) -> WriteResult:
    """Make a change now, approved by the session's persons; PrivateFileError for a missing key."""
    return changes.make(gateway.ports, CHANGES, change, approvals(session, gateway, change))


def submit(session: AdminSession, gateway: wiring.GatewayRuntime, change: Change) -> WriteResult:
    """Make a change, or let it wait for a second person; PrivateFileError for a missing key."""
    return changes.submit(gateway.ports, CHANGES, change, approvals(session, gateway, change))


def record_step(
    session: AdminSession, gateway: wiring.GatewayRuntime, change: Change
) -> WriteResult:
    """Record a step of the gateway's own keys; the caller takes it only after that."""
    try:
        return changes.make(gateway.ports, STEPS, change, approvals(session, gateway, change))
    except Refusal as refusal:
        if refusal.recorded is None:
            raise
        advice = "the step was not taken: give the command again when this is repaired"
        raise without_receipt(refusal, advice) from refusal


def vouch(
    session: AdminSession, gateway: wiring.GatewayRuntime, head: TreeHead, largest_size: int
) -> None:
    """Record that the session's persons vouch for the log's head, and make that entry the mark.

    Raises LogFrozen where there is a mark, CommandFailed where the persons do not suffice.
    """
    if gateway.mark.read() is not None:
        raise LogFrozen("the log has a high-water mark, and nobody may set it back")
    values = {"size": str(head.size), "root": head.root.hex(), "largest_size": str(largest_size)}
    change = Change("log.adopt_mark", GATEWAY, values)
    signed = approvals(session, gateway, change)
    try:
        changes.make(replace(gateway.ports, begin=gateway.store.begin), STEPS, change, signed)
    except LogFrozen as unsigned:  # without a mark nothing is signed: it is in the log all the same
        if unsigned.recorded is None:
            raise
        with gateway.store.begin(TransactionMode.READ) as work:
            recorded, adopted = work.log.logged(unsigned.recorded), work.log.head()
        told = {} if recorded is None else event.read(recorded.event.document)
        if told.get("result") != EventResult.ALLOWED:
            raise CommandFailed(
                f"refused, and recorded as event {unsigned.recorded}: two administrators vouch for "
                "a database (--as PERSON --as PERSON)",
                {"kind": "refused", "event": str(unsigned.recorded)},
            ) from unsigned
        gateway.checkpoint_signer.adopt(adopted)


def approvals(session: AdminSession, gateway: wiring.GatewayRuntime, change: Change) -> list[str]:
    """A change signed by each of the session's persons; PrivateFileError for a missing key."""
    files = {person: session.key_file(gateway.config, person) for person in session.persons}
    for person, file in files.items():
        if not file.exists():
            raise PrivateFileError(
                f"{file} does not exist: --approver-key {person}=FILE says where the key is"
            )
    return [approve(gateway.ports, files[p], p, change) for p in session.persons]


def change_registry(
    session: AdminSession, action: str, organisation: str, values: Mapping[str, Any]
) -> None:
    """Submit a change and print its result; values that were not given are left out."""
    change = Change(action, organisation, {k: v for k, v in values.items() if v is not None})
    with opened(session) as gateway:
        try:
            written = submit(session, gateway, change)
        except LogFrozen as frozen:
            if action != maintenance.SUSPEND or frozen.recorded is not None:
                raise
            (signed, *_) = approvals(session, gateway, change)
            maintenance.keep_suspension(gateway, change, signed)
            click.echo(
                f"The log is frozen ({frozen.detail}). {organisation} is out of service from now "
                "on; maintenance records its suspension when the log goes on."
            )
            return
        show(session, action, written)


def result_json(written: WriteResult) -> dict[str, Any]:
    """What was done, for machines: the result and the receipt."""
    return {"result": dict(written.result), "receipt": receipt.to_json(written.receipt)}


def show(session: AdminSession, action: str, written: WriteResult) -> None:
    """Print what was done, and which event it is; for machines, with the receipt."""
    if session.as_json:
        print_json(result_json(written))
        return
    if "proposal" in written.result and "expires_at" in written.result:
        click.echo(f"{action}: waits for another person, until {written.result['expires_at']}")
        named = written.result["proposal"]
        click.echo(f"  another person: casegate admin --as PERSON proposal approve {named}")
        return
    apart = {"event", "overlaps", "nobody_from"}
    values = {name: value for name, value in written.result.items() if name not in apart}
    click.echo(f"{action}: " + ", ".join(f"{name} {_words(v)}" for name, v in values.items()))
    day = event.read(written.receipt.document).get("simulated_date")
    simulated = f", judged on the simulated date {day}" if day else ""
    click.echo(f"  recorded as event {written.result['event']}{simulated}")
    for sentence in _warnings(written.result):
        click.echo(f"  WARNING: {sentence}")


def _warnings(result: Mapping[str, Any]) -> Iterator[str]:
    """What somebody has to see to after a change."""
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
    return " ".join(value) or "none" if isinstance(value, list) else format_value(value)


# --- Commands from the table of changes ---


DAY = click.DateTime(["%Y-%m-%d"])

ORGANISATIONS = {
    "succession.plan": "PREDECESSOR",
    "succession.cancel": "PREDECESSOR",
    "case.erase": "ORIGINATOR",
    "case.lift_embargo": "SETTER",
}
"""What the organisation of a change is called on the command line, where it has a part in it."""


def read_json(file: Path) -> Any:
    """What is in a JSON file, for the registry to judge; ClickException for what is not JSON."""
    try:
        return canonical.decode(file.read_bytes())
    except ValueError as error:
        raise click.ClickException(f"{file} is not JSON: {error}") from error


_TYPES: dict[Given, tuple[click.ParamType[Any], Callable[[Any], Any]]] = {
    Given.TEXT: (click.STRING, str),
    Given.DATE: (DAY, lambda day: day.date().isoformat()),
    Given.ID: (click.UUID, str),
    Given.FLAG: (click.BOOL, bool),
    Given.JSON_FILE: (FILE, read_json),
    Given.TEXT_FILE: (FILE, lambda file: file.read_text("ascii", errors="replace").strip()),
    Given.DIGEST_OF_FILE: (FILE, lambda file: base64url.digest(file.read_bytes())),
}
"""How each kind of value is taken from the command line, and what is signed of it."""


def day(value: Any) -> str | None:
    """A day of the command line as changes of the registry spell it."""
    return None if value is None else value.date().isoformat()


def make_command(action: str, kind: ChangeType) -> click.Command:
    """The command that makes a change, or lets it wait for a second person."""
    verb = action.partition(".")[2]

    def run(session: AdminSession, organisation: str = GATEWAY, **given: Any) -> None:
        values = {field.name: _value(field, given[field.name]) for field in kind.fields}
        change_registry(session, action, organisation, values)

    about = ORGANISATIONS.get(action, "ORGANISATION")
    named: list[click.Parameter] = [click.Argument(["organisation"], metavar=about)]
    persons = "Two persons approve (R10)." if kind.persons == 2 else "One person suffices."
    return click.Command(
        verb.replace("_", "-"),
        callback=click.pass_obj(run),
        params=[*([] if kind.at_gateway else named), *map(_parameter, kind.fields)],
        help="\n\n".join(part for part in (kind.summary, kind.about, persons) if part),
        short_help=kind.summary,
        # A thumbprint may begin with "-", or with "-h": it is no option then.
        context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]}
        if any(one.option.isupper() and one.read is text for one in kind.fields)
        else {},
    )


def _parameter(field: Field) -> click.Parameter:
    kind: click.ParamType[Any] = (
        click.Choice(field.words) if field.words else _TYPES[field.given][0]
    )
    if field.option.isupper():
        return click.Argument(
            [field.name], metavar=field.option, type=kind, required=field.required
        )
    name = field.option or "--" + field.name.replace("_", "-")
    if field.given is Given.FLAG:
        return click.Option([name, field.name], is_flag=True, help=field.about)
    if field.several:
        return click.Option([name, field.name], multiple=True, type=kind, help=field.about)
    default = {} if field.default is None else {"default": field.default, "show_default": True}
    return click.Option(
        [name, field.name],
        type=kind,
        required=field.required and field.default is None,
        metavar="YYYY-MM-DD" if field.given is Given.DATE else None,
        help=field.about,
        **default,
    )


def _value(field: Field, given: Any) -> Any:
    if field.several:
        # Words are a set; two texts of a list may be equal.
        return (sorted(set(given)) if field.words else list(given)) or field.default
    if given is None or field.words:
        return given
    return _TYPES[field.given][1](given)
