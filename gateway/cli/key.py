"""`casegate key`: a member's keys, made on its own host: to sign with, and for others to seal to.

The private key never leaves the folder; what the gateway's administrators get are a public key
and signed statements about it.
"""

import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from gateway.cli.arguments import gateway_address, organisation_id
from gateway.cli.output import write_new
from gateway.cli.partner_command import new_id, now
from gateway.domain.organisation import organisation_uri
from gateway.evidence import key_declaration
from gateway.files import PrivateFileError
from gateway.keys import (
    KeyPurpose,
    SigningKey,
    generate_encryption_key,
    generate_key,
    load_key,
)

KEY_FILE, JWK_FILE, PROOF_FILE = "document.pem", "document.jwk", "document.proof"
COUNTERSIGNATURE_FILE = "document.countersignature"
ENCRYPTION = "encryption"
"""The name of an encryption key's files; they end as those of a document key."""


@click.group()
def key() -> None:
    """Create signing and encryption keys for your organisation.

    A document that you sign rests on nobody's word but yours; what is sealed to you, nobody else
    can read. Send the public files to the gateway's administrators; keep document.pem and
    encryption.pem, and a copy of each in a safe place.
    """


def _about(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say whose key it is, and for which gateway."""
    gateway = click.option(
        "--gateway", required=True, callback=gateway_address, help="Its issuer, as https://...."
    )
    whose = click.option(
        "--organisation", required=True, callback=organisation_id, help="Your id there."
    )
    return whose(gateway(command))


@key.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--use",
    required=True,
    type=click.Choice(["signing", ENCRYPTION]),
    help="signing: a document key. encryption: the key that others seal to.",
)
@_about
@click.option(
    "--previous",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Your document.pem, which countersigns the new key, if you have one.",
)
def create(folder: Path, use: str, organisation: str, gateway: str, previous: Path | None) -> None:
    """Create a key of your organisation in FOLDER, with its proof.

    The proof of possession is for one gateway and counts for seven days. Keep the earlier
    encryption keys for as long as you may have to open what was sealed to them; a lost key cannot
    be recovered.
    """
    make = _create_signing if use == "signing" else _create_encryption
    make(folder, organisation, gateway, previous)


def _create_signing(folder: Path, organisation: str, gateway: str, previous: Path | None) -> None:
    before = None if previous is None else _load(previous)
    key = generate_key(KeyPurpose.DOCUMENT)
    write_new(folder / KEY_FILE, key.pem())
    said = _sign(key, key_declaration.POSSESSION, key.kid, organisation, gateway)
    write_new(folder / JWK_FILE, json.dumps(key.public_jwk()).encode())
    write_new(folder / PROOF_FILE, said.encode())
    if before is not None:
        said = _sign(before, key_declaration.SUCCESSION, key.kid, organisation, gateway)
        write_new(folder / COUNTERSIGNATURE_FILE, said.encode())
    click.echo(f"document key {key.kid} in {folder}")
    click.echo(f"  keep {KEY_FILE} to yourself; send the other files to the administrators")
    click.echo("  and tell them the key's id out of band. The proof is good for seven days")


def _create_encryption(
    folder: Path, organisation: str, gateway: str, previous: Path | None
) -> None:
    signer = None if previous is None else _load(previous)
    key = generate_encryption_key()
    write_new(folder / f"{ENCRYPTION}.pem", key.pem())
    said = _sign(key.prover, key_declaration.ENCRYPTION, key.kid, organisation, gateway)
    write_new(folder / f"{ENCRYPTION}.jwk", json.dumps(key.public_jwk()).encode())
    write_new(folder / f"{ENCRYPTION}.proof", said.encode())
    if signer is not None:
        said = _sign(signer, key_declaration.ENCRYPTION, key.kid, organisation, gateway)
        write_new(folder / f"{ENCRYPTION}.countersignature", said.encode())
    click.echo(f"encryption key {key.kid} in {folder}")
    click.echo(f"  keep {ENCRYPTION}.pem to yourself; send the other files to the administrators,")
    click.echo("  and tell the key's id to whoever seals to you. The proof is good for seven days")


@key.command("require-signed")
@click.argument("key", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_about
def require_signed(key: Path, organisation: str, gateway: str) -> None:
    """Print the statement that only what you sign is your word.

    It is signed by KEY (document.pem).
    """
    signer = _load(key)
    click.echo(_sign(signer, key_declaration.LOCK, signer.kid, organisation, gateway))


@key.command("allow-attested")
@click.argument("key", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_about
def allow_attested(key: Path, organisation: str, gateway: str) -> None:
    """Print the statement that the gateway may attest for you again."""
    signer = _load(key)
    click.echo(_sign(signer, key_declaration.UNLOCK, signer.kid, organisation, gateway))


def _load(file: Path) -> SigningKey:
    try:
        return load_key(file, KeyPurpose.DOCUMENT)
    except PrivateFileError as error:
        raise click.ClickException(str(error)) from error


def _sign(key: SigningKey, says: str, kid: str, organisation: str, gateway: str) -> str:
    return key_declaration.issue(
        organisation=organisation_uri(gateway, organisation),
        audience=gateway,
        says=says,
        kid=kid,
        at=now(),
        jti=new_id(),
        signer=key,
        random=secrets.token_bytes,
    ).compact()
