"""The session of administrators: who approves with which key, and what is signed by it.

A session reaches the registry on the gateway's host, or over the network by one of the operator's
systems, for which the client's package suffices: what only the host has is imported there.
"""

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from gateway import keys
from gateway.cli import output
from gateway.cli.arguments import plain_errors, sentence_of
from gateway.cli.failure import CommandFailed
from gateway.domain.audit_event import EventResult
from gateway.domain.organisation import SLUG
from gateway.domain.refusals import LogFrozen, Refusal
from gateway.evidence import declarations, event, receipt
from gateway.evidence.handoff_documents import Heading
from gateway.files import PrivateFileError
from gateway.kernel import changes
from gateway.kernel.actors import GATEWAY
from gateway.kernel.changes import Change
from gateway.kernel.ports import Ports, TransactionMode
from gateway.kernel.transact import RecordedRefusal, WriteResult
from gateway.kernel.values import TreeHead
from gateway.keys import KeyPurpose
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
    require_persons(session)
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


def require_persons(session: AdminSession) -> None:
    if not session.persons:
        raise click.UsageError("say who approves: --as PERSON")


def require_keys(session: AdminSession, config: "Config | None") -> None:
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


def sign(issuer: str, key_file: Path, person: str, change: Change, at: datetime, jti: UUID) -> str:
    """Sign a change with a person's key; PrivateFileError when the file holds none."""
    try:
        key = keys.load_key(key_file, KeyPurpose.PERSON)
    except keys.PassphraseNeeded:
        if not output.interactive():
            raise
        given = click.prompt(f"Passphrase of {key_file}", hide_input=True, err=True)
        key = keys.load_key(key_file, KeyPurpose.PERSON, given.encode())
    whose = declarations.person_uri(issuer, person)
    heading = Heading(whose, issuer, at, jti, key, secrets.token_bytes)
    return declarations.issue_approval(
        heading,
        action=change.action,
        organisation=change.organisation,
        change=change.values,
    ).compact()


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
