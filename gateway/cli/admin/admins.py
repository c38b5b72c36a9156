"""`casegate admin administrator`: the named administrators themselves."""

import json
import secrets
from pathlib import Path

import click

from gateway import keys, wiring
from gateway.cli.admin.session import AdminSession, looked_at
from gateway.cli.arguments import gateway_address, organisation_id
from gateway.cli.home import told_plainly
from gateway.cli.output import print_json, print_table
from gateway.evidence import approval, canonical, key_declaration
from gateway.kernel.changes import Change
from gateway.keys import KeyPurpose
from gateway.registry import queries as entries

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_issuer = click.option(
    "--issuer", required=True, callback=gateway_address, help="The gateway's public address."
)


@click.group("administrator")
def admins() -> None:
    """Add administrators, and disable those who leave."""


@admins.command("list")
@click.pass_obj
def list_admins(session: AdminSession) -> None:
    """List the administrators, and whose approvals count."""
    with looked_at(session) as gateway:
        found = entries.administrators(gateway.ports)
    if session.as_json:
        print_json({"items": found})
        return
    rows = [
        (one["person"], one["name"], "enabled" if one["enabled"] else "disabled") for one in found
    ]
    print_table(("person", "name", "state"), rows)


@admins.command(
    "create-key", short_help="Make a personal key, at the new administrator's own desk."
)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--person",
    required=True,
    callback=organisation_id,
    help="Whose key it is: the id that `add` will name.",
)
@_issuer
@click.pass_obj
def key(session: AdminSession, folder: Path, person: str, issuer: str) -> None:
    """Make key.pem, which its person keeps, and what `add` takes, in a new FOLDER.

    `add` takes key.jwk, the public key, and key.proof: it says, signed, that the key is PERSON's
    to approve with, and counts for seven days.
    """
    with told_plainly():
        folder.mkdir(mode=0o700)
        made = keys.generate_key(KeyPurpose.PERSON)
        keys.write_key(folder / "key.pem", made)
        (folder / "key.jwk").write_text(json.dumps(made.public_jwk(), sort_keys=True))
        (folder / "key.proof").write_text(_proof(made, person, issuer))
    if session.as_json:
        print_json({"kid": made.kid, "folder": str(folder)})
        return
    click.echo(
        f"key {made.kid} in {folder}: hand over key.jwk and key.proof, and read out the key's id"
    )


def _proof(made: keys.SigningKey, person: str, issuer: str) -> str:
    return key_declaration.issue(
        organisation=approval.person_uri(issuer, person),
        audience=issuer,
        says=key_declaration.POSSESSION,
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
def sign(session: AdminSession, file: Path, person: str, key_file: Path, issuer: str) -> None:
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
            signer=keys.load_key(key_file, KeyPurpose.PERSON),
            random=secrets.token_bytes,
        )
    if session.as_json:
        print_json({"approval": signed.compact()})
    else:
        click.echo(signed.compact())
