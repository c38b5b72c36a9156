"""The desk of administrators: who approves with which key, a change, and its receipt."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from gateway import keys, wiring
from gateway.actions import administration, proposals
from gateway.actions.authorization import Refused, Written
from gateway.actions.ports import Ports
from gateway.actions.registry.desk import Change
from gateway.cli.failure import Failed
from gateway.cli.folder import sentence_of, told_plainly
from gateway.cli.screen import print_json, words
from gateway.config import Config
from gateway.domain.organisation import SLUG
from gateway.domain.refusals import Refusal
from gateway.evidence import approval, event, receipt
from gateway.files import PrivateFileError
from gateway.keys import Purpose


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
    "--key",
    "key_files",
    multiple=True,
    metavar="PERSON=FILE",
    callback=_key_files,
    help="Where that person's key is, when it is not in the folder's people/.",
)


@dataclass(frozen=True)
class Desk:
    """Where administrators work: the operator's folder, who approves, how to print."""

    folder: Path
    persons: tuple[str, ...]
    """Who approves, the proposer first; nobody when only help is asked for."""
    elsewhere: Mapping[str, Path]
    """Personal keys that are not in the operator's folder, by person."""
    as_json: bool
    proposes: bool = False
    """Keep the change for another person to approve, instead of making it."""

    def __post_init__(self) -> None:
        """Refuse a key of somebody who is not asked to approve."""
        for person in self.elsewhere:
            if person not in self.persons:
                raise click.UsageError(f"--key is for who approves: --as {person} is missing")

    def key_file(self, config: Config, person: str) -> Path:
        """Where a person's key is."""
        return self.elsewhere.get(person) or config.people / f"{person}.pem"


@contextmanager
def opened(desk: Desk) -> Iterator[wiring.Gateway]:
    """The gateway of the folder; what is expected to go wrong ends as one sentence."""
    if not desk.persons:
        raise click.UsageError("say who approves: --as PERSON")
    with told_plainly():
        try:
            with _connected(desk) as gateway:
                yield gateway
        except Refused as refused:
            told = {"kind": "Refused", "receipt": receipt.to_json(refused.receipt)}
            raise Failed(
                f"refused, and recorded: {sentence_of(refused.refusal)}", told
            ) from refused
        except Refusal as refusal:
            if refusal.recorded is None:
                raise
            advice = "do not repeat it: `casegate admin receipt` shows what was recorded"
            raise without_receipt(refusal, advice) from refusal


def without_receipt(refusal: Refusal, advice: str) -> Failed:
    """What to tell of a change that stands, though its receipt cannot be had now."""
    return Failed(
        f"recorded as event {refusal.recorded}, but no receipt yet ({refusal.detail}); {advice}",
        {"kind": "WithoutReceipt", "event": str(refusal.recorded)},
    )


@contextmanager
def looked_at(desk: Desk) -> Iterator[wiring.Gateway]:
    """The gateway of the folder for a look that changes nothing, so that nobody approves."""
    with told_plainly(), _connected(desk) as gateway:
        yield gateway


def _connected(desk: Desk) -> AbstractContextManager[wiring.Gateway]:
    return closing(wiring.connect(wiring.load_config(desk.folder)))


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
        signer=keys.load_key(key_file, Purpose.PERSON),
        random=ports.random,
    )
    return signed.compact()


def make(desk: Desk, gateway: wiring.Gateway, change: Change) -> Written:
    """Make a change, approved by the desk's persons; PrivateFileError when a key is not there."""
    return administration.administer(gateway.ports, change, approvals(desk, gateway, change))


def take_step(desk: Desk, gateway: wiring.Gateway, change: Change) -> Written:
    """Record a step of the gateway's own keys; who calls takes it only after that."""
    try:
        return administration.take_step(gateway.ports, change, approvals(desk, gateway, change))
    except Refusal as refusal:
        if refusal.recorded is None:
            raise
        advice = "the step was not taken: give the command again once that is mended"
        raise without_receipt(refusal, advice) from refusal


def approvals(desk: Desk, gateway: wiring.Gateway, change: Change) -> list[str]:
    """A change that is made now, signed by each of the desk's persons.

    PrivateFileError when a key is not there; a usage error when it should only be proposed.
    """
    refuse_proposing(desk)
    return _signed(desk, gateway, change)


def refuse_proposing(desk: Desk) -> None:
    """End with a usage error where `--propose` is given to what happens at once, or not at all."""
    if desk.proposes:
        raise click.UsageError("this cannot be proposed: it needs what is at hand here")


def _signed(desk: Desk, gateway: wiring.Gateway, change: Change) -> list[str]:
    files = {person: desk.key_file(gateway.config, person) for person in desk.persons}
    for person, file in files.items():
        if not file.exists():
            raise PrivateFileError(
                f"{file} does not exist: --key {person}=FILE says where the key is"
            )
    return [approve(gateway.ports, files[p], p, change) for p in desk.persons]


def change_registry(desk: Desk, action: str, organisation: str, values: dict[str, Any]) -> None:
    """Make a change and print it; of its values, those that were not given are left out."""
    change = Change(action, organisation, {k: v for k, v in values.items() if v is not None})
    with opened(desk) as gateway:
        if desk.proposes:
            propose(desk, gateway, change)
        else:
            show(desk, action, make(desk, gateway, change))


def propose(desk: Desk, gateway: wiring.Gateway, change: Change) -> None:
    """Keep a change that one person signs, for another one to approve."""
    if len(desk.persons) != 1:
        raise click.UsageError("one person proposes: give --as once")
    (approval,) = _signed(desk, gateway, change)
    written = proposals.make(gateway.ports, change, approval)
    if desk.as_json:
        print_json(as_told(written))
        return
    named = written.result["proposal"]
    click.echo(f"{change.action}: proposed, until {written.result['expires_at']}")
    click.echo(f"  another person: casegate admin --as PERSON proposal approve {named}")


def as_told(written: Written) -> dict[str, Any]:
    """What was done, for machines: the result and the receipt."""
    return {"result": dict(written.result), "receipt": receipt.to_json(written.receipt)}


def show(desk: Desk, action: str, written: Written) -> None:
    """Print what was done, and which event it is; for machines, with the receipt."""
    if desk.as_json:
        print_json(as_told(written))
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
            f"held on some of these days by {others}, too; offers to it are refused on them "
            "(casegate admin competence report)"
        )
    if result.get("left"):
        yield (
            "what is left still lets the system in; whoever had its key may have renewed by it "
            "(certificate revoke ID --system NAME)"
        )
    if result.get("document_keys"):
        yield (
            "the invitation was used: revoke the document key that came by it, if one did "
            "(key revoke ID KID)"
        )
    if day := result.get("nobody_from"):
        yield f"nobody holds it on {day}; offers to it are refused then"


def _words(value: Any) -> str:
    return " ".join(value) or "none" if isinstance(value, list) else words(value)
