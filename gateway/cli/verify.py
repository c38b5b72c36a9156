"""`casegate verify`: the keys that a verifier brings, and the report as people read it."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.arguments import json_option
from gateway.cli.output import Input, colour, print_json

if TYPE_CHECKING:
    from gateway.evidence.report import VerificationReport
    from gateway.evidence.trust import TrustAnchors

# What reads keys and signatures is imported by the commands, not here: help needs none of it.

_COLOURS = {"ok": "green", "failed": "red", "skipped": "bright_black"}

CODES = (
    "Exit status: 0 verified, 2 called wrongly, 10 an unknown format, 11 an invalid signature, "
    "12 not proved by the log, 13 the parts do not belong together, 14 a key is missing"
)

STREAM_CODES = (
    f"{CODES}, 15 something is missing, 16 the gateway contradicts itself (keep the files)."
)

FOLDER = (
    "A trust folder holds connection.toml, or *.vkey (log keys, one a line), gateway-keys.json and "
    "organisations/<id>.json (JWK sets)."
)

_trust_option = click.option(
    "--trust",
    "--connection",
    "places",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="A folder of keys, or a connection file, whose keys you trust.",
)
_log_option = click.option(
    "--log-key",
    "log_keys",
    multiple=True,
    metavar="VKEY|FILE",
    help="A log's verifier key, or a file with one on each line.",
)
_gateway_option = click.option(
    "--gateway-keys",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The gateway's attestation keys (JWK set).",
)
_organisation_option = click.option(
    "--organisation-keys",
    multiple=True,
    metavar="ID=FILE",
    help="An organisation's own document keys (JWK set).",
)


def trust_options(*, documents: bool = True, members: bool = True) -> Callable[..., Any]:
    """Give a command its ``trust``, from the options that name keys.

    ``documents`` are what the gateway signs, ``members`` what organisations sign: a command that
    reads neither has no option for their keys.
    """

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def run(
            *,
            places: tuple[Path, ...],
            log_keys: tuple[str, ...],
            gateway_keys: tuple[Path, ...] = (),
            organisation_keys: tuple[str, ...] = (),
            **arguments: Any,
        ) -> Any:
            trust = _gathered(places, log_keys, gateway_keys, organisation_keys)
            return command(trust=trust, **arguments)

        wrapped: Callable[..., Any] = run
        if members:
            wrapped = _organisation_option(wrapped)
        if documents:
            wrapped = _gateway_option(wrapped)
        return _trust_option(_log_option(wrapped))

    return decorate


def _gathered(*named: Sequence[Any]) -> "TrustAnchors":
    from gateway.client.connection import gather_trust  # noqa: PLC0415
    from gateway.client.errors import SettingsError  # noqa: PLC0415

    try:
        trust = gather_trust(*named)
    except SettingsError as error:
        raise click.UsageError(str(error)) from error
    if not (trust.log_keys or trust.gateway_keys or trust.organisations):
        raise click.UsageError("say whose keys you trust: --trust, or --log-key and --gateway-keys")
    return trust


def exit_with_report(context: click.Context, report: "VerificationReport", as_json: bool) -> None:
    """Print a report, step by step or as JSON, and exit with its code."""
    if as_json:
        print_json(asdict(report))
    else:
        _print(report)
    context.exit(int(report.code))


def _print(found: "VerificationReport") -> None:
    for step in found.steps:
        outcome = colour(step.outcome.ljust(7), _COLOURS[step.outcome])
        detail = f": {step.detail}" if step.detail else ""
        click.echo(f"{step.number:2}. {outcome}  {step.title}{detail}")
    click.echo(f"\n{colour(found.sentence, 'red' if found.code else 'green')}")


# --- `casegate verify`: a receipt, a signed document or a bundle, offline ---


MAX_BUNDLE_BYTES = 4 * 1024 * 1024
"""What `gateway.evidence.bundle` reads at most."""


@click.command(epilog=f"{CODES}. {FOLDER}")
@click.argument("file", metavar="FILE", type=Input(MAX_BUNDLE_BYTES + 1))
@trust_options()
@json_option
@click.pass_context
def verify(context: click.Context, file: bytes, trust: "TrustAnchors", as_json: bool) -> None:
    """Verify a receipt, a signed document or a bundle offline.

    FILE is what a partner or a court was given; "-" reads the standard input. You must have
    obtained the keys independently of the file.
    """
    from gateway.evidence import verification  # noqa: PLC0415

    exit_with_report(context, verification.verify(file, trust), as_json)
