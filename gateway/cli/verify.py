"""`casegate verify`: the keys that a verifier brings, and the report as people read it."""

import functools
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from gateway.cli import output
from gateway.cli.arguments import (
    CONNECTION_FILE,
    NewFile,
    WholeNumber,
    json_option,
    language_of_locale,
    reader,
)
from gateway.domain.item_value import defang_text
from gateway.text import catalogue

if TYPE_CHECKING:
    from gateway.verification.history import LogHistory
    from gateway.verification.report import VerificationReport
    from gateway.verification.trust import TrustAnchors

# What reads keys and signatures is imported by the commands, not here: help needs none of it.

_COLOURS = {"ok": "green", "failed": "red", "skipped": "bright_black", "not_shown": "yellow"}

CODES = (
    "Exit status: 0 verified, 2 called wrongly, 10 an unknown format, 11 an invalid signature, "
    "12 not proved by the log, 13 the parts do not belong together, 14 a key is missing, 15 "
    "something is missing, 16 the gateway contradicts itself (keep the files), 17 only the "
    "operator's word, 18 a demonstration, 19 that the gateway let through what was closed."
)

TRUST_FOLDER = (
    "A trust folder holds connection.toml, or *.vkey (log keys, one a line), gateway-keys.json and "
    "organisations/<id>.json (JWK sets), administrators.json (who approves there), "
    "persons.json (whose passkeys sign for members), "
    "witnesses.vkey (who confirms logs, one key a line), tsa/*.pem (root certificates of "
    "time-stamp authorities), and *.checkpoint, the checkpoints that you remember. "
    "gateway-keys.json names its gateway in a member issuer: needed for two gateways."
)

_KEYS = (
    click.option(
        "--trust",
        "--connection",
        "-c",
        "places",
        multiple=True,
        type=click.Path(exists=True, path_type=Path),
        envvar="CASEGATE_CONNECTION",
        show_envvar=True,
        help="A folder of keys, or a connection file, whose keys you trust.",
    ),
    click.option(
        "--log-key",
        "log_keys",
        multiple=True,
        metavar="VKEY|FILE",
        help="A log's verifier key, or a file with one on each line.",
    ),
)
_DOCUMENTS = (
    click.option(
        "--gateway-keys",
        multiple=True,
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="The gateway's attestation keys (JWK set).",
    ),
)
_MEMBERS = (
    click.option(
        "--organisation-keys",
        multiple=True,
        metavar="ID=FILE",
        help="An organisation's own document keys (JWK set).",
    ),
    click.option(
        "--witness",
        "witnesses",
        multiple=True,
        metavar="VKEY|FILE",
        help="A witness's verifier key, or a file with one on each line.",
    ),
    click.option(
        "--quorum",
        type=WholeNumber(1),
        metavar="N",
        help="How many witnesses must confirm a log; 1 unless a connection says more.",
    ),
    click.option(
        "--tsa",
        "authorities",
        multiple=True,
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE.pem",
        help="Root certificates of a time-stamp authority (PEM).",
    ),
)


def trust_options(*, documents: bool = True, members: bool = True) -> Callable[..., Any]:
    """Give a command its ``trust``, from the options that name keys.

    ``documents`` are what the gateway signs, ``members`` what organisations sign, and others
    confirm: a command that reads neither has no option for their keys.
    """

    options = (*_KEYS, *(_DOCUMENTS if documents else ()), *(_MEMBERS if members else ()))

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        @click.pass_context
        def run(
            context: click.Context,
            /,
            *,
            places: tuple[Path, ...],
            log_keys: tuple[str, ...],
            gateway_keys: tuple[Path, ...] = (),
            organisation_keys: tuple[str, ...] = (),
            witnesses: tuple[str, ...] = (),
            authorities: tuple[Path, ...] = (),
            quorum: int | None = None,
            **arguments: Any,
        ) -> Any:
            named = (log_keys, gateway_keys, organisation_keys)
            if any(named) and context.get_parameter_source("places") is ParameterSource.ENVIRONMENT:
                places = ()  # whoever names keys trusts these and no others
            trust = _gathered(places, *named, witnesses, authorities=authorities)
            if quorum is not None:
                trust = replace(trust, quorum=quorum)
            return command(trust=trust, **arguments)

        wrapped: Callable[..., Any] = run
        for option in reversed(options):
            wrapped = option(wrapped)
        return wrapped

    return decorate


def _gathered(
    places: Sequence[Path], *named: Sequence[Any], authorities: Sequence[Path]
) -> "TrustAnchors":
    from gateway.client.connection import gather_trust  # noqa: PLC0415
    from gateway.client.errors import SettingsError  # noqa: PLC0415

    try:
        trust = gather_trust(places, *named, authorities=authorities)
    except SettingsError as error:
        raise click.UsageError(str(error)) from error
    if trust.log_keys or trust.gateway_keys or trust.organisations:
        return trust
    empty = []
    for folder in places:
        patterns = ("*/*.vkey", f"*/{CONNECTION_FILE}", "*/gateway-keys.json")
        below = sorted({file.parent for pattern in patterns for file in folder.glob(pattern)})
        instead = f"; give {' or '.join(map(str, below))}" if below else f". {TRUST_FOLDER}"
        empty.append(f"{folder.absolute()} holds no keys{instead}")
    none = "say whose keys you trust: --trust, or one key, as by --log-key"
    raise click.UsageError("; ".join(empty) or none)


language_option = click.option(
    "--lang",
    "language",
    type=click.Choice(["en", "fr"]),
    default=language_of_locale,
    show_default="that of the locale",
    help="The language of what is written.",
)


page_option = click.option(
    "--report",
    "page",
    type=NewFile(),
    metavar="FILE.html",
    help="Write the report as one page to print; nothing in it is loaded from elsewhere.",
)


def report_command(
    group: click.Group, name: str, *parameters: Callable[[Any], Any], documents: bool = True
) -> Callable[[Callable[..., "VerificationReport"]], click.Command]:
    """Declare a command that checks files offline: its function gets ``trust`` beside its own
    parameters, and returns the report that is printed, whose code is the exit status."""

    def declare(function: Callable[..., "VerificationReport"]) -> click.Command:
        @functools.wraps(function)
        @click.pass_context
        def command(
            context: click.Context, /, language: str, page: Path | None, **given: Any
        ) -> None:
            from gateway.verification import report_page  # noqa: PLC0415

            report = function(**given)
            checked = report_page.identify(_typed(context), name, None, given["trust"])
            if page is not None:
                text = report_page.render({name: report}, {name: checked}, language)
                output.write_new(page, text.encode())
            if not output.reply({**checked, **report.to_json()}):
                print_report(report, language)
            context.exit(int(report.code))

        shown: Any = language_option(page_option(json_option(command)))
        for parameter in (*reversed(parameters), trust_options(documents=documents, members=False)):
            shown = parameter(shown)
        return group.command(name, epilog=f"{CODES} {TRUST_FOLDER}")(shown)

    return declare


def print_report(
    report: "VerificationReport", language: str = "en", *, content: bool = False
) -> None:
    """Print a report: the result, the facts by heading, content if asked, and the checks."""

    def heading(name: str) -> None:
        click.echo(f"\n{catalogue.heading(name, language)}")

    shade = "red" if not report.passed else "yellow" if report.code else "green"
    output.print_wrapped(defang_text(report.headline_in(language)), "", 0, shade)
    for name, lines in report.sections(language).items():
        heading(name)
        for line in lines:
            output.print_wrapped(line, "  - ", 4)
    if report.conclusion is not None and content:
        title, values = report.content(language)
        click.echo(f"\n{title}")
        for name, text in values:
            output.print_wrapped(text, f"  {name}: ", 4)
    heading("checks")
    outcomes = {name: catalogue.outcome(name, language) for name in _COLOURS}
    width = max(map(len, outcomes.values()))
    for step in report.steps:
        outcome = output.colour(outcomes[step.outcome].ljust(width), _COLOURS[step.outcome])
        told = defang_text(
            catalogue.detail(step.detail, step.outcome in ("ok", "not_shown"), language)
        )
        detail = f"{catalogue.colon(language)} {told}" if told else ""
        title = catalogue.title(step.title, language)
        output.print_wrapped(f"{title}{detail}", f"{step.number:2}. {outcome}  ", width + 6)


# --- `casegate verify`: receipts, signed documents and bundles, offline ---


MAX_BUNDLE_BYTES = 64 * 1024 * 1024
"""What `gateway.verification.listing` reads at most."""


EXPORTED = ("evidence.json", "events.csv", "log.checkpoint", "report.html")
"""The files of a folder that `casegate audit export` writes, the evidence first, as
`gateway.verification.listing` names them."""


class _File(click.ParamType[tuple[str, bytes, Mapping[str, bytes] | None]]):
    """A file, "-", or a folder that an auditor exported: its name, as many bytes as tell that it is
    too long, and the other files of the folder."""

    name = "file"

    def convert(
        self, value: Any, param: Any, ctx: Any
    ) -> tuple[str, bytes, Mapping[str, bytes] | None]:
        """Read the file; a usage error when that cannot be done."""
        if isinstance(value, tuple):
            return value
        name, folder = str(value), Path(str(value))
        try:
            if not folder.is_dir():
                return name, output.read_start(name, MAX_BUNDLE_BYTES + 1), None
            parts = {
                one: output.read_start(str(folder / one), MAX_BUNDLE_BYTES + 1)
                for one in EXPORTED
                if (folder / one).exists()
            }
        except OSError as error:
            self.fail(f"{error.filename or name} cannot be read: {error.strerror}", param, ctx)
        if EXPORTED[0] not in parts:
            self.fail(
                f"{name} holds no {EXPORTED[0]}: a folder of receipts is for casegate audit "
                "check-stream",
                param,
                ctx,
            )
        return name, parts.pop(EXPORTED[0]), parts


@click.command(epilog=f"{CODES} {TRUST_FOLDER}")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=_File())
@trust_options()
@click.option(
    "--require",
    multiple=True,
    type=click.Choice(["signed", "witnessed", "stamped"]),
    help="signed: fail with 17 for any document that its author did not sign itself. witnessed: "
    "fail with 15 unless enough witnesses confirm the log as far as the file goes. stamped: fail "
    "with 15 unless time-stamp authorities confirm when all of it was in the log.",
)
@click.option("--content", is_flag=True, help="Show the verified content, no address a link.")
@click.option(
    "--version",
    "wanted",
    type=WholeNumber(1),
    metavar="N",
    help="Show the content of this version, not of the newest that the recipient took.",
)
@click.option(
    "--log",
    "copy",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    metavar="DIR",
    help="A copy of the log (casegate audit mirror): all files are held against it.",
)
@language_option
@page_option
@click.option(
    "--keep-proof",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where to keep what proves that the log has two histories (casegate audit prove-fork).",
)
@json_option
@click.pass_context
def verify(
    context: click.Context,
    files: tuple[tuple[str, bytes, Mapping[str, bytes] | None], ...],
    trust: "TrustAnchors",
    require: tuple[str, ...],
    content: bool,
    wanted: int | None,
    copy: Path | None,
    language: str,
    page: Path | None,
    keep_proof: Path | None,
) -> None:
    """Verify receipts, documents, bundles and lists of events offline.

    FILE is what a partner or a court was given, or a folder of `casegate audit export`; "-" reads
    the standard input. Several files are compared: one log has one history. You must have obtained
    the keys independently of the files.

    Example: casegate verify handoff.json --trust trust
    """
    # Long: a parameter for each option; below, one output after the other.
    from gateway.verification import report_page, verifier  # noqa: PLC0415

    try:
        known = verifier.remembered_history(trust)
    except ValueError as error:
        raise click.UsageError(f"the checkpoints that you remember: {error}") from error
    if copy is not None:
        _add_copy(known, copy, trust)
    reports = {
        name: verifier.verify(
            data,
            trust,
            log_history=known,
            require=require,
            version=wanted,
            beside=beside,
        )
        for name, data, beside in files
    }
    checked = {
        name: report_page.identify(_typed(context), report_page.name_of(name, beside), data, trust)
        for name, data, beside in files
    }
    code = max((report.code for report in reports.values()), key=_BY_GRAVITY.index)
    if page is not None:
        text = report_page.render(reports, checked, language, content=content)
        output.write_new(page, text.encode())
    if output.for_machines():
        told = [{**checked[name], **report.to_json()} for name, report in reports.items()]
        output.print_json(told[0] if len(told) == 1 else {"code": int(code), "files": told})
    else:
        for number, (name, report) in enumerate(reports.items()):
            if len(reports) > 1:
                click.echo(f"{'' if number == 0 else chr(10)}== {defang_text(name)} ==")
            print_report(report, language, content=content)
    if keep_proof is not None:
        _keep_proofs(reports, keep_proof)
    context.exit(int(code))


def _keep_proofs(reports: Mapping[str, "VerificationReport"], folder: Path) -> None:
    """Keep what proves that a log has two histories, where a report has that."""
    for report in reports.values():
        if report.proof:
            from gateway.client.local_state import keep_fork  # noqa: PLC0415

            keep_fork(folder, report.proof)
            click.echo(f"Kept in {folder}. Show it: casegate audit prove-fork", err=True)


def _add_copy(known: "LogHistory", folder: Path, trust: "TrustAnchors") -> None:
    from gateway.verification import history, log_copy  # noqa: PLC0415

    report, copied = log_copy.check_copy(reader(folder), trust)
    if copied is None:
        raise click.UsageError(f"--log: {report.headline}")
    note = copied.read(log_copy.CHECKPOINT).decode()
    known.add_copy(history.SignedTree(copied.checkpoint, note), copied.root)


def _typed(context: click.Context) -> str:
    """The command that was typed, each path by its last part."""
    words = ["casegate", *context.command_path.split()[1:]]
    for one in context.command.params:
        value = context.params.get(str(one.name))
        if not value or value == one.default:
            continue
        several = value if isinstance(value, tuple) else (value,)
        texts = [str(part[0]) if isinstance(part, tuple) else str(part) for part in several]
        texts = [text if "+" in text else re.sub(r"[^=]*/", "", text) for text in texts]
        if isinstance(one, click.Option):
            flagged = [one.opts[0]] if one.is_flag else [w for t in texts for w in (one.opts[0], t)]
            words += flagged
        else:
            words += texts
    return shlex.join(words)


_BY_GRAVITY = (0, 18, 17, 15, 14, 10, 13, 12, 11, 19, 16)
"""Of several results the last one here decides: a contradiction, what failed, then what is less."""
