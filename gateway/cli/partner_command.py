"""What every partner command shares: the connection, the answer's evidence, the ways to fail.

Exit status: 0 done; 1 refused by the gateway; 2 the command was called wrongly; 3 no answer: ask
again what changes nothing, resume a write; 4 the connection cannot be used (settings, certificate,
token); 5 the evidence does not verify; 6 done, but a file that was asked for could not be written;
130 Ctrl-C before anything was done.
"""

import functools
import json
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import click

from gateway.cli import elements, output, wording
from gateway.cli.arguments import CONNECTION_FILE, ConnectionFile, NewFile, Words, json_option
from gateway.cli.failure import CommandFailed, OutputNotWritten
from gateway.cli.wording import say
from gateway.client import (
    ClientError,
    ConfirmedWrite,
    EvidenceMismatch,
    Gateway,
    GatewayUnavailable,
    InvalidArgument,
    InvalidCase,
    KeyNotHeld,
    LogForked,
    OutdatedVersion,
    PeerLogMissing,
    PublicLogCorrupt,
    RequestRefused,
    SealingFailed,
    SettingsError,
    TlsNotTrusted,
    TokenRefused,
    UnexpectedAnswer,
    UnknownReference,
)
from gateway.client.errors import UnconfirmedWrite
from gateway.client.local_state import PendingWrite
from gateway.domain.audit import SEARCH_REASONS
from gateway.domain.refusals import slug_of
from gateway.evidence import event as events
from gateway.evidence import receipt as receipts
from gateway.evidence import sd_jwt
from gateway.text import catalogue

REFUSED, NO_ANSWER, NO_CONNECTION, FALSE_EVIDENCE = 1, 3, 4, 5

_CODES: dict[type[ClientError], int] = {
    RequestRefused: REFUSED,
    InvalidArgument: click.UsageError.exit_code,
    InvalidCase: click.UsageError.exit_code,
    KeyNotHeld: NO_CONNECTION,
    OutdatedVersion: REFUSED,
    PeerLogMissing: NO_ANSWER,
    UnknownReference: click.UsageError.exit_code,
    SealingFailed: REFUSED,
    GatewayUnavailable: NO_ANSWER,
    UnexpectedAnswer: NO_ANSWER,
    SettingsError: NO_CONNECTION,
    TlsNotTrusted: NO_CONNECTION,
    TokenRefused: NO_CONNECTION,
    EvidenceMismatch: FALSE_EVIDENCE,
    PublicLogCorrupt: FALSE_EVIDENCE,
    LogForked: FALSE_EVIDENCE,
}

EPILOG = (
    "Exit status: 0 done, 1 refused by the gateway, 2 called wrongly, 3 no answer (repeat a query; "
    "for a write run `casegate outbox resend`), 4 no connection (settings, "
    "certificate, token), 5 evidence does not verify, 6 done, but a file could not be written, 130 "
    "Ctrl-C before anything was done."
)


class Failure(CommandFailed):
    """A request that did not come to a good end, told in one sentence, or as JSON."""

    def __init__(self, error: ClientError, done: Mapping[str, Any] | None = None) -> None:
        """``done`` is what machine output has beside the error."""
        super().__init__(sentence(error), error_json(error), done, exit_code=_CODES[type(error)])
        # Now, while the language of the command's screen is known.
        self._opening = wording.say(_OPENINGS.get(self.exit_code, "failed"))
        self._lines = [*_why(error), *reasons(error)]

    def show(self, file: Any = None) -> None:
        """Tell people what went wrong."""
        first, *others = self._lines
        output.say(first, self._opening, "red", err=True)
        for line in others:
            output.say(f"  {line}", err=True)


def _why(error: ClientError) -> list[str]:
    """Return what went wrong, in the language of the screen; of what only English has words for, of
    which kind it is as well."""
    if wording.language() == catalogue.ENGLISH:
        return [sentence(error)]
    kind = wording.code("refusal", _kind(error))
    if isinstance(error, RequestRefused) and not error.unanswered and not error.detail:
        return [kind]
    told = [catalogue.why(one, wording.language()) for one in error.sentences]
    return [*filter(None, told)] if all(told) else [kind, sentence(error)]


_OPENINGS = {REFUSED: "refused", FALSE_EVIDENCE: "false_evidence"}
"""What opens the sentence of a failure, by its exit status."""


def sentence(error: ClientError) -> str:
    """The error without its places, which `reasons` lists."""
    return ClientError.__str__(error)


def error_json(error: ClientError) -> dict[str, Any]:
    """Return what went wrong, for machines."""
    members: dict[str, Any] = {"kind": _kind(error), "message": sentence(error)}
    if isinstance(error, RequestRefused):
        members |= {
            "title": error.title,
            "status": error.status,
            "rules": list(error.rules),
            "receipt": error.receipt and receipts.to_json(error.receipt),
            **error.help,
        }
    if isinstance(error, RequestRefused | InvalidCase):
        members["errors"] = [{"pointer": at, "message": why} for at, why in error.errors]
    if isinstance(error, UnknownReference):
        members["candidates"] = list(error.candidates)
    if isinstance(error, LogForked):
        members["checkpoints"] = list(error.notes)
    if error.unanswered:
        members["write"] = {**pending_json(error.unanswered), "kept": error.unanswered.kept}
    return members


def _kind(error: ClientError) -> str:
    """The problem's slug; of what no gateway said, the client's error."""
    return error.slug if isinstance(error, RequestRefused) else slug_of(type(error))


def pending_json(write: PendingWrite | UnconfirmedWrite) -> dict[str, Any]:
    """Which write it is, for machines."""
    names = ("action", "path", "handoff", "key")
    return {name: getattr(write, name) for name in names}


def named(write: PendingWrite | UnconfirmedWrite) -> str:
    """Which write it is, for people."""
    shown = write.handoff is None or write.handoff in write.path
    handoff = "" if shown else f", handoff {write.handoff}"
    return f"{write.action} {write.path}{handoff}, key {write.key}"


def reasons(error: ClientError) -> Iterator[str]:
    """Return what there is to know beside the sentence, line by line."""
    if isinstance(error, RequestRefused | InvalidCase):
        for at, why in error.errors:
            yield wording.say("named", name=at or "/", value=wording.fault(why))
    if isinstance(error, RequestRefused):
        if numbers := error.help.get("emergency_numbers"):
            yield wording.say("call_now", numbers=", ".join(map(str, numbers)))
        if instead := error.help.get("instead"):
            yield wording.say("instead", names=", ".join(map(addressee, instead)))
        if until := error.help.get("held_until"):
            yield wording.say("held_until", time=output.format_time(str(until)))
        if uncertain := error.help.get("uncertain"):
            yield f"uncertain hosting country: {output.with_ends(output.format_value(uncertain))}"
        yield from map(elsewhere, error.help.get("elsewhere", ()))
        if error.rules:
            yield wording.say("by_rules", rules=", ".join(error.rules))
        if error.receipt:
            yield wording.say("refusal_recorded", event=event_of(error.receipt))
    if isinstance(error, UnknownReference):
        yield from map(_candidate, error.candidates)
    if isinstance(error, LogForked):
        yield from (line for note in error.notes for line in note.split("\n") if line)
    if error.unanswered:
        yield named(error.unanswered)


def _candidate(one: Mapping[str, Any]) -> str:
    """A case or handoff that a name may mean, by its id."""
    named = ("originator_ref", "state", "originator", "recipient")
    words = [str(one[name]).replace("_", " ") for name in named if one.get(name)]
    return f"{one.get('handoff') or one['case']}  {', '.join(words)}"


def addressee(one: Mapping[str, Any]) -> str:
    """Whom an offer can be made to: an organisation, and for which competence."""
    competence = one.get("competence")
    return f"{one['organisation']} for {competence}" if competence else str(one["organisation"])


def elsewhere(item: Mapping[str, Any]) -> str:
    """An item that a removal offer leaves out, and to whom it can be offered."""
    holders = ", ".join(map(addressee, item["holders"]))
    advice = f"offer it to {holders}" if holders else "ask the gateway's operator who routes it"
    orphan = "nobody has items removed there; " if item["orphan"] else ""
    return f"item {output.short(item['item'])} is hosted in {item['country']}: {orphan}{advice}"


@contextmanager
def connected(file: Path) -> Iterator[Gateway]:
    """A gateway for one command; what can be expected to go wrong ends as one sentence.

    A person at a terminal reads when nothing was answered yet.
    """
    try:
        with Gateway.open(file) as gateway:
            clock = threading.Timer(PATIENCE, tell_silence, [gateway])
            clock.daemon = True
            if sys.stderr.isatty():
                clock.start()
            try:
                yield gateway
            finally:
                clock.cancel()
    except ClientError as error:
        raise Failure(error) from error
    except KeyboardInterrupt as stopped:
        # Whoever grows impatient asks anew, unless the result of the write is known.
        if notes := getattr(stopped, "__notes__", []):
            told, members = f"interrupted; {notes[0]}", {"kind": "interrupted"}
            raise CommandFailed(told, members, exit_code=NO_ANSWER) from stopped
        raise


PATIENCE = 3.0
"""Seconds without any answer after which a person reads that the command waits."""


def tell_silence(gateway: Gateway) -> None:
    """Say that a gateway has not answered anything yet; nothing when it has."""
    if not gateway.heard:
        address = gateway.connection.api_url
        click.echo(f"No answer from {address} yet; still trying. Ctrl-C ends it.", err=True)


connection_option = click.option(
    "--connection",
    "-c",
    "connection_file",
    type=ConnectionFile(),
    envvar="CASEGATE_CONNECTION",
    default=Path(CONNECTION_FILE),
    show_default=True,
    show_envvar=True,
    help="The connection file of this system, or its folder.",
)


LONGEST_REFERENCE = 100
"""Characters of a reference (docs/case.md)."""


@dataclass(frozen=True)
class Named:
    """What people write in place of the id of a case or handoff: its end, or their reference."""

    noun: Literal["case", "handoff"]
    text: str


class IdOrName(click.ParamType[UUID | Named]):
    """A case or handoff: by its id, by the end of it, or by one's own reference."""

    def __init__(self, noun: Literal["case", "handoff"]) -> None:
        """``noun`` is what it names."""
        self.name = self._noun = noun

    def convert(self, value: Any, param: Any, ctx: Any) -> UUID | Named:
        """The id where it is one; `partner` looks up what has another name."""
        text = str(value)
        try:
            return UUID(text)
        except ValueError:
            if not text.strip() or len(text) > LONGEST_REFERENCE:
                what = "is not an id, the end of one, or a reference"
                self.fail(f"{text[:LONGEST_REFERENCE]!r} {what}", param, ctx)
            return Named(self._noun, text)


def partner(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command its ``gateway``, and the options that all partner commands have."""

    @connection_option
    @json_option
    @functools.wraps(command)
    def run(connection_file: Path, **arguments: Any) -> None:
        with connected(connection_file) as gateway:
            found = {
                name: gateway.find(value.noun, value.text) if isinstance(value, Named) else value
                for name, value in arguments.items()
            }
            command(gateway, **elements.find(gateway, found))

    return run


Parameter = Callable[[Any], Any]
"""What `click.argument` and `click.option` make."""


def partner_command(
    group: click.Group, *parameters: Parameter, name: str | None = None, hidden: bool = False
) -> Callable[[Callable[..., None]], click.Command]:
    """Declare a command of a partner, with its parameters in the order of its help.

    The command gets ``gateway`` beside them; its name is the function's. Help shows none that is
    ``hidden``.
    """

    def declare(function: Callable[..., None]) -> click.Command:
        command = partner(function)
        for parameter in reversed(parameters):
            command = parameter(command)
        return group.command(name, epilog=EPILOG, hidden=hidden)(command)

    return declare


by_option = click.option(
    "--by",
    required=True,
    metavar="PSEUDONYM",
    help="Who in your organisation does this: a pseudonym of `casegate staff list`.",
)

search_options = (
    by_option,
    click.option(
        "--reason-code",
        required=True,
        type=Words(SEARCH_REASONS),
        help="What the log is read for.",
    ),
    click.option(
        "--reason", required=True, help="Why, in up to 200 characters; it stands in the log."
    ),
)
"""Who searches events, and why."""

receipt_out_option = click.option(
    "--receipt-out", type=NewFile(), help="New file for the receipt, for casegate verify."
)


WriteReport = tuple[ConfirmedWrite, str]
"""What was written, and a sentence about it."""


def write_command(
    group: click.Group, *parameters: Parameter, name: str | None = None
) -> Callable[[Callable[..., WriteReport]], click.Command]:
    """Declare a command of a partner that changes something: it takes --by and --receipt-out too.

    The function gets ``gateway``, ``by`` and its own parameters, and returns what was written with
    a sentence about it; the command tells both.
    """

    def declare(function: Callable[..., WriteReport]) -> click.Command:
        @functools.wraps(function)
        def command(gateway: Gateway, receipt_out: Path | None, **options: Any) -> None:
            written, sentence = function(gateway, **options)
            print_result(written, sentence, save=receipt_out)

        given = (by_option, *parameters, receipt_out_option)
        return partner_command(group, *given, name=name)(command)

    return declare


def event_of(receipt: receipts.Receipt) -> str:
    """The id of the event that a verified receipt is of."""
    return str(events.read(receipt.document)["id"])


def print_result(
    written: ConfirmedWrite,
    sentence: str,
    *,
    save: Path | None,
    more: Mapping[str, Any] | None = None,
    presentation: tuple[Path, bytes] | None = None,
) -> None:
    """Tell that a write was done and where the log has it; then keep what was asked for.

    ``more`` are further members of the JSON; ``presentation`` is a file to keep beside the
    receipt's. Nothing that goes wrong on the disk hides what was done.
    """
    output.finish()
    receipt = receipts.to_json(written.receipt)
    if not output.reply({"result": written.result, "receipt": receipt, **(more or {})}):
        _print_written(written, sentence)
    kept = {} if presentation is None else {presentation[0]: presentation[1]}
    if save is not None:
        kept[save] = _json_bytes(receipt)
    troubles = []
    for file, data in kept.items():
        try:
            output.write_new(file, data)
        except click.ClickException as error:
            troubles.append(error.message)
    if troubles:
        raise OutputNotWritten(
            f"it is done, but {'; '.join(troubles)}. Do not repeat it: casegate receipt save "
            f"{written.confirmed.event['id']} fetches the receipt again"
        )
    if save is not None and not output.for_machines():
        click.echo(f"  receipt kept in {save}")


def print_results(
    names: Sequence[str],
    ended: Iterable[ConfirmedWrite | ClientError],
    sentence_of: Callable[[Mapping[str, Any]], str],
) -> None:
    """Tell how each of several writes ended, as it becomes known.

    The exit status is 1 when some were refused; what has no answer, or false evidence, fails.
    """
    told: list[dict[str, Any]] = []
    failure: ClientError | None = None
    try:
        for name, one in zip(names, ended, strict=True):
            if isinstance(one, ConfirmedWrite):
                told.append({"result": one.result, "receipt": receipts.to_json(one.receipt)})
            else:
                told.append({"error": error_json(one)})
                failure = failure or (None if _CODES[type(one)] == REFUSED else one)
            if output.for_machines():
                continue
            if isinstance(one, ConfirmedWrite):
                output.say(sentence_of(one.result), "Done")
                output.say(f"  recorded as event {one.confirmed.event['id']}; receipt verified")
                continue
            word = wording.say(_OPENINGS.get(_CODES[type(one)], "failed"))
            output.say(f"{name}: {sentence(one)}", word, "red", err=True)
            for line in reasons(one):
                output.say(f"  {line}", err=True)
    except ClientError as error:
        failure = error
    if failure is not None:
        raise Failure(failure, {"results": told})
    done = sum("result" in one for one in told)
    output.reply({"results": told}, f"{done} of {len(names)} are done")
    if done < len(names):
        raise SystemExit(REFUSED)


def _print_written(written: ConfirmedWrite, sentence: str) -> None:
    event, told = written.confirmed.event, [sentence]
    if text := written.result.get("document") or written.result.get("offer"):
        document = sd_jwt.read_unverified(text)
        attested = "attested by the gateway: the connection has no document_key"
        signed = f"signed with key {document.header['kid']}"
        told.append(attested if "attested_for" in document.claims else signed)
    output.say("; ".join(told), say("done"))
    place = {"event": event["id"], "entry": written.confirmed.index, "log": event["log"]}
    output.print_wrapped(say("recorded", **place), "  ", 4)
    if "simulated_date" in event:
        click.echo(f"  {say('simulated', day=event['simulated_date'])}")
    if command := output.following(event, written.result):
        wording.print_next(output.complete(command))


def save_json(file: Path, members: Any) -> None:
    """Keep JSON in a new file of its owner's."""
    output.write_new(file, _json_bytes(members))


def _json_bytes(members: Any) -> bytes:
    return (json.dumps(members, ensure_ascii=False, indent=1) + "\n").encode()
