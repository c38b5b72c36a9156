"""The keys that a verifier brings on the command line, and the verdict as people read it."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click

from gateway.cli.arguments import json_option
from gateway.cli.output import Input, colour, print_json
from gateway.client.connection import (
    PartnerConnection,
    read_file,
    read_keys,
    read_organisations,
    read_receipts,
)
from gateway.client.errors import SettingsError
from gateway.domain.organisation import SLUG
from gateway.evidence import bundle, verification
from gateway.evidence.report import VerificationReport
from gateway.evidence.signature import PublicKey
from gateway.evidence.trust import TrustAnchors
from gateway.ledger.note import NoteError, VerificationKey

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


def _gathered(
    places: Sequence[Path],
    log_keys: Sequence[str],
    gateway_keys: Sequence[Path],
    organisation_keys: Sequence[str],
) -> TrustAnchors:
    try:
        trust = _joined(
            [
                *(_trust_at(place) for place in places),
                TrustAnchors(*_log_trust([key for given in log_keys for key in _log_keys(given)])),
                *(TrustAnchors((), (), gateway_keys=read_keys(keys)) for keys in gateway_keys),
                *(_organisation(given) for given in organisation_keys),
            ]
        )
    except SettingsError as error:
        raise click.UsageError(str(error)) from error
    if not (trust.log_keys or trust.gateway_keys or trust.organisations):
        raise click.UsageError("say whose keys you trust: --trust, or --log-key and --gateway-keys")
    return trust


def exit_with_report(context: click.Context, verdict: VerificationReport, as_json: bool) -> None:
    """Tell a verdict, step by step or as JSON, and exit with its code."""
    if as_json:
        print_json(asdict(verdict))
    else:
        _print(verdict)
    context.exit(int(verdict.code))


def _print(found: VerificationReport) -> None:
    for step in found.steps:
        outcome = colour(step.outcome.ljust(7), _COLOURS[step.outcome])
        detail = f": {step.detail}" if step.detail else ""
        click.echo(f"{step.number:2}. {outcome}  {step.title}{detail}")
    click.echo(f"\n{colour(found.sentence, 'red' if found.code else 'green')}")


def _trust_at(place: Path) -> TrustAnchors:
    """The keys of a connection file, or of a folder with one or with the keys themselves."""
    if place.is_file():
        return PartnerConnection.read(place).trust
    if (place / "connection.toml").exists():
        return PartnerConnection.read(place / "connection.toml").trust
    keys = [key for file in sorted(place.glob("*.vkey")) for key in _keys_in(file)]
    gateway = place / "gateway-keys.json"
    log_keys, origins = _log_trust(keys)
    return replace(
        read_organisations(place / "organisations"),
        log_keys=log_keys,
        origins=origins,
        gateway_keys=read_keys(gateway) if gateway.exists() else {},
    )


def _joined(trusts: Sequence[TrustAnchors]) -> TrustAnchors:
    """All that is trusted; two keys of one id in one set are a SettingsError."""
    gateway: dict[str, PublicKey] = {}
    organisations: dict[str, dict[str, PublicKey]] = {}
    for trust in trusts:
        _add(gateway, trust.gateway_keys)
        for slug, keys in trust.organisations.items():
            _add(organisations.setdefault(slug, {}), keys)
    log_keys = [key for trust in trusts for key in trust.log_keys]
    return TrustAnchors(
        *_log_trust(log_keys),
        gateway_keys=gateway,
        organisations=organisations,
        registrations=[one for trust in trusts for one in trust.registrations],
        revocations=[one for trust in trusts for one in trust.revocations],
    )


def _add(keys: dict[str, PublicKey], more: Any) -> None:
    for kid, key in more.items():
        if keys.setdefault(kid, key) != key:
            raise SettingsError(f"two different keys have the id {kid}: give only the right one")


def _log_trust(keys: Sequence[VerificationKey]) -> tuple[Any, Any]:
    return tuple(dict.fromkeys(keys)), frozenset(key.name for key in keys)


def _log_keys(given: str) -> list[VerificationKey]:
    return _keys_in(Path(given)) if Path(given).is_file() else [_log_key(given)]


def _keys_in(file: Path) -> list[VerificationKey]:
    try:
        lines = read_file(file).decode("utf-8").split("\n")
    except UnicodeDecodeError:
        raise SettingsError(f"{file} is not a file of log keys") from None
    return [_log_key(line) for line in lines if line and not line.startswith("#")]


def _log_key(text: str) -> VerificationKey:
    try:
        return VerificationKey.parse(text)
    except NoteError as error:
        raise SettingsError(f"'{text[:60]}' is neither a log's key nor a file: {error}") from None


def _organisation(given: str) -> TrustAnchors:
    slug, _, file = given.partition("=")
    if not SLUG.fullmatch(slug) or not file:
        raise SettingsError(f"'{given[:60]}' is not of the form ID=FILE")
    keys = Path(file)
    return TrustAnchors(
        (),
        (),
        organisations={slug: read_keys(keys)},
        registrations=read_receipts(keys, "registrations"),
        revocations=read_receipts(keys, "revocations"),
    )


# --- `casegate verify`: a receipt, a signed document or a bundle, offline ---


@click.command(epilog=f"{CODES}. {FOLDER}")
@click.argument("file", metavar="FILE", type=Input(bundle.MAX_BYTES + 1))
@trust_options()
@json_option
@click.pass_context
def verify(context: click.Context, file: bytes, trust: TrustAnchors, as_json: bool) -> None:
    """Verify a receipt, a signed document or a bundle offline.

    FILE is what a partner or a court was given; "-" reads the standard input. You must have
    obtained the keys independently of the file.
    """
    exit_with_report(context, verification.verify(file, trust), as_json)
