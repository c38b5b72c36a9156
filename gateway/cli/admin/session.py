"""The session of administrators: who approves with which key, a change, and its receipt.

A session reaches the registry on the gateway's host, or over the network by one of the operator's
systems, for which the client's package suffices: what only the host has is imported there.
"""

import secrets
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import load_pem_x509_certificate

from gateway import keys
from gateway.changes import CHANGES
from gateway.cli import output
from gateway.cli.arguments import FILE, CalendarDay, Competence, Words, plain_errors, sentence_of
from gateway.cli.failure import CommandFailed
from gateway.cli.partner_command import connected
from gateway.client import ConfirmedWrite, PartnerConnection
from gateway.client.administration import Administration
from gateway.client.errors import RequestRefused, raising
from gateway.client.gateway import new_id, now
from gateway.domain.audit_event import EventResult
from gateway.domain.fields import SHOWN
from gateway.domain.organisation import SLUG, Status
from gateway.domain.refusals import LogFrozen, NotFound, Refusal
from gateway.evidence import base64url, canonical, declarations, event, receipt
from gateway.evidence.handoff_documents import Heading
from gateway.evidence.receipt import Receipt
from gateway.exchange.lifecycle import successions
from gateway.exchange.oversight import audit, notifications
from gateway.files import PrivateFileError
from gateway.kernel import changes
from gateway.kernel.actors import GATEWAY
from gateway.kernel.changes import Change, ChangeType
from gateway.kernel.fields import Field, Given
from gateway.kernel.ports import Ports, TransactionMode
from gateway.kernel.results import Page, to_json
from gateway.kernel.transact import RecordedRefusal, WriteResult
from gateway.kernel.values import HOST, TreeHead
from gateway.keys import KeyPurpose
from gateway.registry import health, mandates, queries, worklist
from gateway.registry.change_table import STEPS

if TYPE_CHECKING:
    from gateway import wiring
    from gateway.config import Config


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
    """Where administrators work: the operator's folder, and who approves.

    With a ``connection`` file they work over the network, and the folder counts for nothing.
    """

    folder: Path
    persons: tuple[str, ...]
    """Who approves, the proposer first; nobody when only help is asked for."""
    elsewhere: Mapping[str, Path]
    """Personal keys that are not in the operator's folder, by person."""
    connection: Path | None = None

    def __post_init__(self) -> None:
        """Refuse a key of somebody who is not asked to approve."""
        for person in self.elsewhere:
            if person not in self.persons:
                raise click.UsageError(
                    f"--approver-key is for who approves: --as {person} is missing"
                )

    def key_file(self, config: "Config | None", person: str) -> Path:
        """Where a person's key is; SystemExit with a sentence when there is none."""
        file = self.elsewhere.get(person)
        if file is None and config is not None:
            file = config.people / f"{person}.pem"
        if file is None or not file.exists():
            known = f"{file} does not exist: " if file else ""
            raise PrivateFileError(f"{known}--approver-key {person}=FILE says where the key is")
        return file


@contextmanager
def opened(session: AdminSession) -> Iterator["wiring.GatewayRuntime"]:
    """The gateway of the folder; what is expected to go wrong ends as one sentence."""
    _require_persons(session)
    with plain_errors():
        try:
            with _on_host(session) as gateway:
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


def _require_persons(session: AdminSession) -> None:
    if not session.persons:
        raise click.UsageError("say who approves: --as PERSON")


def _require_keys(session: AdminSession, config: "Config | None") -> None:
    """Ask for the key of each person named, to read as well: the name may be mistyped."""
    for person in session.persons:
        session.key_file(config, person)


def without_receipt(refusal: Refusal, advice: str) -> CommandFailed:
    """The failure of a change that was recorded and has no receipt yet."""
    return CommandFailed(
        f"recorded as event {refusal.recorded}, but no receipt yet ({refusal.detail}); {advice}",
        {"kind": "without-receipt", "event": str(refusal.recorded)},
    )


@contextmanager
def read_only(session: AdminSession) -> Iterator["wiring.GatewayRuntime"]:
    """The gateway of the folder, for reading: nothing is changed or approved."""
    with plain_errors(), _on_host(session) as gateway:
        yield gateway


def _on_host(session: AdminSession) -> AbstractContextManager["wiring.GatewayRuntime"]:
    if session.connection is not None:
        raise click.UsageError("this is done on the gateway's host: give --home, no --connection")
    try:
        from gateway import wiring  # noqa: PLC0415 - of the server
    except ModuleNotFoundError as missing:
        raise click.UsageError(
            "without the server's part only --connection reaches a gateway: pip install "
            "'.[server]' in a copy of the repository"
        ) from missing
    return closing(wiring.connect(wiring.load_config(session.folder)))


Made = WriteResult | ConfirmedWrite
"""A change that was made, or waits: its result, and the receipt of its event."""


@dataclass(frozen=True)
class _HostRegistry:
    session: AdminSession
    gateway: "wiring.GatewayRuntime"

    @property
    def _ports(self) -> Ports:
        return self.gateway.ports

    def submit(self, change: Change) -> Made:
        signed = approvals(self.session, self.gateway, change)
        return changes.submit(self._ports, CHANGES, change, signed)

    def approve(self, proposal: UUID, change: Change) -> Made:
        (signed,) = approvals(self.session, self.gateway, change)
        return changes.approve(self._ports, CHANGES, proposal, signed)

    def withdraw(self, proposal: UUID) -> Made:
        (signed,) = approvals(self.session, self.gateway, changes.withdrawal_of(proposal))
        return changes.withdraw(self._ports, proposal, signed)

    def refuse(self, proposal: UUID, reason: str) -> Made:
        (signed,) = approvals(self.session, self.gateway, changes.refusal_of(proposal, reason))
        return changes.refuse(self._ports, proposal, signed, reason)

    def worklist(self, person: str | None) -> list[dict[str, Any]]:
        ports = self._ports
        return _whole(lambda after: worklist.page(ports, HOST, person, after, PAGE))

    def proposals(self, *, waiting: bool) -> list[dict[str, Any]]:
        ports = self._ports
        return _whole(lambda after: changes.page(ports, HOST, after, PAGE, waiting=waiting))

    def proposal(self, proposal: UUID) -> dict[str, Any]:
        with _saying(changes.NO_PROPOSAL):
            return changes.look_up(self._ports, CHANGES, HOST, proposal)

    def organisations(self, status: str | None) -> list[dict[str, Any]]:
        ports, wanted = self._ports, None if status is None else Status(status)
        return _whole(lambda after: queries.page(ports, HOST, after or "", PAGE, wanted))

    def organisation(self, slug: str, day: str | None) -> dict[str, Any]:
        at = None if day is None else date.fromisoformat(day)
        with _saying(queries.NO_ORGANISATION):
            return dict(to_json(queries.look_up(self._ports, HOST, slug, at)))

    def administrators(self) -> list[dict[str, Any]]:
        return list(to_json(queries.admins(self._ports, HOST)))

    def invitations(self) -> list[dict[str, Any]]:
        return _whole(lambda after: queries.invitations(self._ports, HOST, after, PAGE))

    def health(self) -> dict[str, Any]:
        return dict(to_json(health.look_up(self._ports, HOST)))

    def log_holds(self) -> list[dict[str, Any]]:
        return list(to_json(queries.log_holds(self._ports, HOST)))

    def mandates(self) -> dict[str, Any]:
        return mandates.report(self._ports, HOST)

    def receivers(self) -> list[dict[str, Any]]:
        return list(to_json(notifications.overview(self._ports, HOST)))

    def successions(self) -> list[dict[str, Any]]:
        return list(to_json(successions.list_all(self._ports, HOST)))

    def succession(self, succession: UUID) -> dict[str, Any]:
        with _saying(NO_SUCCESSION):
            return successions.report(self._ports, HOST, succession)

    def event(self, event: UUID) -> Receipt:
        with _saying(NO_EVENT):
            return audit.of_gateway(self._ports, HOST, event)

    def addresses(self) -> dict[str, Any]:
        return host_addresses(self.gateway)


@dataclass(frozen=True)
class _NetworkRegistry:
    session: AdminSession
    connection: PartnerConnection
    remote: Administration

    def _signed(self, change: Change) -> list[str]:
        issuer, persons = self.remote.issuer, self.session.persons
        files = {person: self.session.key_file(None, person) for person in persons}
        return [sign(issuer, files[one], one, change, now(), new_id()) for one in persons]

    def submit(self, change: Change) -> Made:
        signed = self._signed(change)
        with _saying(NO_ENTRY):
            return self.remote.submit(change.action, change.organisation, change.values, signed)

    def approve(self, proposal: UUID, change: Change) -> Made:
        (signed,) = self._signed(change)
        with _saying(NO_ENTRY):
            return self.remote.approve(proposal, change.action, signed)

    def withdraw(self, proposal: UUID) -> Made:
        (signed,) = self._signed(changes.withdrawal_of(proposal))
        with _saying(changes.NO_PROPOSAL):
            return self.remote.withdraw(proposal, signed)

    def refuse(self, proposal: UUID, reason: str) -> Made:
        (signed,) = self._signed(changes.refusal_of(proposal, reason))
        with _saying(changes.NO_PROPOSAL):
            return self.remote.refuse(proposal, signed, reason)

    def addresses(self) -> dict[str, Any]:
        known = self.connection
        held = known.trust.administrators.items()  # not what the gateway shows now
        return {
            "issuer": known.issuer,
            "api_url": known.api_url,
            "root_sha256": _root_sha256(known.ca),
            "log_key": str(known.trust.log_keys[-1]),
            "administrators": {
                person: {"keys": [declarations.jwk_of_approval_key(*one) for one in keys.items()]}
                for person, keys in held
            },
        }

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.remote, name)  # what is read is the same everywhere
        return _saying(_MISSING[name])(method) if name in _MISSING else method


NO_ENTRY = (
    "the registry has no such organisation, or nothing of that name or id in its entry: see "
    "`casegate admin organisation show ORGANISATION`"
)


@contextmanager
def _saying(missing: str) -> Iterator[None]:
    """Say what is missing: administrators may know, and the gateway tells it to nobody."""
    try:
        yield
    except NotFound:
        raise NotFound(missing) from None
    except RequestRefused as refused:
        if refused.status == HTTPStatus.NOT_FOUND:
            refused.args = (missing,)
        raise


NO_SUCCESSION = "no succession has this id: see `casegate admin succession list`"
NO_EVENT = "the gateway is party of no event with this id: an auditor searches those of others"
_MISSING = {
    "proposal": changes.NO_PROPOSAL,
    "organisation": queries.NO_ORGANISATION,
    "succession": NO_SUCCESSION,
    "event": NO_EVENT,
}
"""What each read over the network says where the gateway finds nothing."""
PAGE = 100
"""Items of a page of a list."""


def _whole(page: Callable[[Any], Page[Any]]) -> list[dict[str, Any]]:
    """All items of a list that is read by page."""
    items: list[Any] = []
    found = page(None)
    while found.after is not None:
        items += found.items
        found = page(found.after)
    return list(to_json([*items, *found.items]))


Registry = _HostRegistry | _NetworkRegistry
"""The registry of a gateway, wherever it is: changes that the session's persons sign, and what is
read of it, by the methods of `gateway.client.directory`."""


def host_addresses(gateway: "wiring.GatewayRuntime") -> dict[str, Any]:
    """Return what a member's system has to know of this gateway, for its invitation."""
    from gateway.pki.authority import ROOT_FILE  # noqa: PLC0415 - of the server

    config = gateway.config
    return {
        "issuer": config.issuer,
        "api_url": config.partners_url,
        "root_sha256": _root_sha256(config.published / ROOT_FILE),
        "log_key": gateway.keys.log.vkey,
        "administrators": {
            one.person: one.recorded() for one in queries.admins(gateway.ports, HOST)
        },
    }


def _root_sha256(file: Path) -> str:
    return load_pem_x509_certificate(file.read_bytes()).fingerprint(SHA256()).hex()


@contextmanager
def registry(session: AdminSession, *, reads: bool = False) -> Iterator[Registry]:
    """The registry that a session reaches; with ``reads`` nobody has to approve anything."""
    if not reads:
        _require_persons(session)
    if session.connection is not None:
        with plain_errors(), connected(session.connection) as gateway:
            _require_keys(session, None)
            yield _NetworkRegistry(session, gateway.connection, gateway.administration)
        return
    with (read_only if reads else opened)(session) as gateway:
        _require_keys(session, gateway.config)
        yield _HostRegistry(session, gateway)


def sign(issuer: str, key_file: Path, person: str, change: Change, at: datetime, jti: UUID) -> str:
    """Sign a change with a person's key; PrivateFileError when the file holds none."""
    whose, key = declarations.person_uri(issuer, person), _signing_key(key_file)
    heading = Heading(whose, issuer, at, jti, key, secrets.token_bytes)
    return declarations.issue_approval(
        heading,
        action=change.action,
        organisation=change.organisation,
        change=change.values,
    ).compact()


def _signing_key(file: Path) -> keys.SigningKey:
    """A person's key; where it has a passphrase, a person at a terminal is asked for it."""
    try:
        return keys.load_key(file, KeyPurpose.PERSON)
    except keys.PassphraseNeeded:
        if not output.interactive():
            raise
    given = click.prompt(f"Passphrase of {file}", hide_input=True, err=True)
    return keys.load_key(file, KeyPurpose.PERSON, given.encode())


def approve(ports: Ports, key_file: Path, person: str, change: Change) -> str:
    """Sign a change by a gateway's clock; PrivateFileError when the file holds no key."""
    return sign(ports.issuer, key_file, person, change, ports.now(), ports.new_id())


def record_step(
    session: AdminSession, gateway: "wiring.GatewayRuntime", change: Change
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
    session: AdminSession, gateway: "wiring.GatewayRuntime", head: TreeHead, largest_size: int
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


def approvals(session: AdminSession, gateway: "wiring.GatewayRuntime", change: Change) -> list[str]:
    """A change signed by each of the session's persons; PrivateFileError for a missing key."""
    files = {person: session.key_file(gateway.config, person) for person in session.persons}
    return [approve(gateway.ports, files[p], p, change) for p in session.persons]


def change_registry(
    session: AdminSession, action: str, organisation: str, values: Mapping[str, Any]
) -> None:
    """Submit a change and print its result; values that were not given are left out."""
    change = Change(action, organisation, {k: v for k, v in values.items() if v is not None})
    with registry(session) as reached:
        try:
            made = reached.submit(change)
        except LogFrozen as frozen:
            if not isinstance(reached, _HostRegistry) or frozen.recorded is not None:
                raise
            _suspend(session, reached.gateway, change, frozen)
            return
        show(action, made)


def _suspend(
    session: AdminSession, gateway: "wiring.GatewayRuntime", change: Change, frozen: LogFrozen
) -> None:
    """Take a member out of service though the log is frozen; any other change has to wait."""
    from gateway.maintenance.comparison import SUSPEND  # noqa: PLC0415 - of the server
    from gateway.maintenance.suspensions import keep_suspension  # noqa: PLC0415 - of the server

    if change.action != SUSPEND:
        raise frozen
    (signed, *_) = approvals(session, gateway, change)
    keep_suspension(gateway, change, signed)
    click.echo(
        f"The log is frozen ({frozen.detail}). {change.organisation} is out of service from now "
        "on; maintenance records its suspension when the log goes on."
    )


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
