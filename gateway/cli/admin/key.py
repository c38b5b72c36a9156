"""`casegate admin key`: keys of members, registered and revoked; the lock to signed documents."""

from pathlib import Path

import click

from gateway.cli.admin.desk import Desk, change_registry
from gateway.cli.admin.json_file import read_jwk
from gateway.cli.admin.organisation import organisation

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def key() -> None:
    """Register and revoke members' own keys.

    They are for their documents, and for what is sealed to them.
    """


@key.command("register", short_help="Register a member's document or encryption key.")
@click.argument("slug")
@click.option(
    "--jwk", required=True, type=_FILE, help="The public key, `document.jwk` or `encryption.jwk`."
)
@click.option("--proof", required=True, type=_FILE, help="Its proof of possession.")
@click.option("--countersignature", type=_FILE, help="By a document key, when there is one.")
@click.pass_obj
def register_key(
    desk: Desk, slug: str, jwk: Path, proof: Path, countersignature: Path | None
) -> None:
    """Register a key of SLUG, made by `casegate keys new` or `casegate keys encryption`."""
    values = {
        "jwk": read_jwk(jwk),
        "proof": _text(proof),
        "countersignature": None if countersignature is None else _text(countersignature),
    }
    change_registry(desk, "key.register", slug, values)


@key.command(
    "revoke",
    short_help="End a member's document or encryption key.",
    # A thumbprint may begin with "-", or with "-h": it is no option then.
    context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]},
)
@click.argument("slug")
@click.argument("kid")
@click.option("--reason", required=True, help="Why; it stands in the event.")
@click.pass_obj
def revoke_key(desk: Desk, slug: str, kid: str, reason: str) -> None:
    """End the key KID of SLUG: nothing new that it signs, or that is sealed to it, is taken."""
    change_registry(desk, "key.revoke", slug, {"kid": kid, "reason": reason})


@organisation.command("lock", short_help="Take only what an organisation signs itself.")
@click.argument("slug")
@click.option("--statement", required=True, type=_FILE, help="From `casegate keys lock`.")
@click.pass_obj
def lock(desk: Desk, slug: str, statement: Path) -> None:
    """Take from SLUG only the documents that it signs, as it asked with a document key."""
    change_registry(desk, "organisation.lock", slug, {"statement": _text(statement)})


@organisation.command("unlock", short_help="Attest for an organisation again.")
@click.argument("slug")
@click.option("--statement", required=True, type=_FILE, help="From `casegate keys unlock`.")
@click.pass_obj
def unlock(desk: Desk, slug: str, statement: Path) -> None:
    """Attest again what SLUG hands in, as it asked with a document key."""
    change_registry(desk, "organisation.unlock", slug, {"statement": _text(statement)})


def _text(file: Path) -> str:
    return file.read_text(encoding="ascii", errors="replace").strip()
