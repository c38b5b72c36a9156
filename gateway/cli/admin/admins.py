"""`casegate admin admin`: the named administrators themselves."""

import json
import secrets
from pathlib import Path

import click

from gateway import keys, wiring
from gateway.actions import entries
from gateway.actions.authorization import GATEWAY
from gateway.actions.registry.desk import Change
from gateway.cli.admin.desk import Desk, change_registry, looked_at
from gateway.cli.admin.json_file import read_jwk
from gateway.cli.arguments import gateway_address, organisation_id
from gateway.cli.home import told_plainly
from gateway.cli.output import print_json, print_table
from gateway.evidence import approval, canonical, registration
from gateway.keys import Purpose

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_issuer = click.option(
    "--issuer", required=True, callback=gateway_address, help="The gateway's public address."
)


@click.group("admin")
def admins() -> None:
    """Add administrators, and disable those who leave."""


@admins.command("list")
@click.pass_obj
def list_admins(desk: Desk) -> None:
    """List the administrators, and whose approvals count."""
    with looked_at(desk) as gateway:
        found = entries.administrators(gateway.ports)
    if desk.as_json:
        print_json({"items": found})
        return
    rows = [
        (one["person"], one["name"], "enabled" if one["enabled"] else "disabled") for one in found
    ]
    print_table(("person", "name", "state"), rows)


@admins.command("key", short_help="Make a personal key, at the new administrator's own desk.")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--person",
    required=True,
    callback=organisation_id,
    help="Whose key it is: the id that `add` will name.",
)
@_issuer
@click.pass_obj
def key(desk: Desk, folder: Path, person: str, issuer: str) -> None:
    """Make key.pem, which its person keeps, and what `add` takes, in a new FOLDER.

    `add` takes key.jwk, the public key, and key.proof: it says, signed, that the key is PERSON's
    to approve with, and counts for seven days.
    """
    with told_plainly():
        folder.mkdir(mode=0o700)
        made = keys.generate_key(Purpose.PERSON)
        keys.write_key(folder / "key.pem", made)
        (folder / "key.jwk").write_text(json.dumps(made.public_jwk(), sort_keys=True))
        (folder / "key.proof").write_text(_proof(made, person, issuer))
    if desk.as_json:
        print_json({"kid": made.kid, "folder": str(folder)})
        return
    click.echo(
        f"key {made.kid} in {folder}: hand over key.jwk and key.proof, and read out the key's id"
    )


def _proof(made: keys.SigningKey, person: str, issuer: str) -> str:
    return registration.issue(
        organisation=approval.person_uri(issuer, person),
        audience=issuer,
        says=registration.POSSESSION,
        kid=made.kid,
        at=wiring.now(),
        jti=wiring.new_id(),
        signer=made,
        random=secrets.token_bytes,
    ).compact()


@admins.command("sign", short_help="Sign a change at one's own desk, for the network.")
@click.argument("file", type=_FILE)
@click.option("--person", required=True, callback=organisation_id, help="Who signs.")
@click.option("--key", "key_file", required=True, type=_FILE, help="Their key.pem.")
@_issuer
@click.pass_obj
def sign(desk: Desk, file: Path, person: str, key_file: Path, issuer: str) -> None:
    """Print PERSON's approval of the change in FILE, a JSON of action, organisation, values."""
    with told_plainly():
        try:
            said = canonical.decode(file.read_bytes())
            change = Change(said["action"], said["organisation"], said["values"])
        except (ValueError, LookupError, TypeError) as error:
            raise click.ClickException(f"{file} is no change: {error}") from error
        signed = approval.issue(
            person=person,
            audience=issuer,
            action=change.action,
            organisation=change.organisation,
            change=change.values,
            at=wiring.now(),
            jti=wiring.new_id(),
            signer=keys.load_key(key_file, Purpose.PERSON),
            random=secrets.token_bytes,
        )
    if desk.as_json:
        print_json({"approval": signed.compact()})
    else:
        click.echo(signed.compact())


@admins.command("add")
@click.argument("person")
@click.option("--name", required=True, help="Their name.")
@click.option("--jwk", required=True, type=_FILE, help="Their public key, `key.jwk`.")
@click.option("--proof", required=True, type=_FILE, help="That they have it, `key.proof`.")
@click.pass_obj
def add(desk: Desk, person: str, name: str, jwk: Path, proof: Path) -> None:
    """Let PERSON approve changes: an id that is theirs for ever."""
    said = proof.read_text(encoding="ascii", errors="replace").strip()
    values = {"person": person, "name": name, "jwk": read_jwk(jwk), "proof": said}
    change_registry(desk, "admin.add", GATEWAY, values)


@admins.command("disable")
@click.argument("person")
@click.option("--reason", required=True, help="Why; it stands in the event.")
@click.pass_obj
def disable(desk: Desk, person: str, reason: str) -> None:
    """Let no approval of PERSON count any more, whenever it was signed."""
    change_registry(desk, "admin.disable", GATEWAY, {"person": person, "reason": reason})
