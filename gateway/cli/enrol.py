"""`casegate enrol`: from an invitation file to a connection that works, in one command."""

import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway import files
from gateway.cli.arguments import json_option
from gateway.cli.key import KEY_FILE
from gateway.cli.output import colour, print_fields, print_json, sanitise
from gateway.cli.partner_command import EPILOG, Failure, connected, new_id, now
from gateway.cli.system import make_csr, private_pem
from gateway.client import ClientError, RequestRefused, SettingsError
from gateway.client.connection import new_settings, render
from gateway.client.enrolment import Enrolled, Enrolment, InvitationFile
from gateway.domain.organisation import organisation_uri
from gateway.evidence import key_declaration
from gateway.files import PrivateFileError
from gateway.keys import (
    KeyPurpose,
    SigningKey,
    generate_key,
    load_key,
    write_key,
)

CONNECTION_FILE = "connection.toml"


@dataclass(frozen=True)
class SystemFolder:
    """The folder of one system, filled step by step; what is there from an earlier try is kept."""

    folder: Path
    invitation: InvitationFile

    def keep_root(self, pem: bytes) -> Path:
        """Pin the root, whose fingerprint was compared."""
        file = self.folder / "ca.pem"
        files.replace(file, pem, mode=0o644)
        return file

    def key(self) -> ec.EllipticCurvePrivateKey:
        """The system's private key; made at the first try."""
        file = self.folder / "key.pem"
        if not file.exists():
            files.create(file, private_pem(ec.generate_private_key(ec.SECP256R1())))
        found = serialization.load_pem_private_key(files.read_private(file), None)
        if not isinstance(found, ec.EllipticCurvePrivateKey):
            raise SettingsError(f"{file} is not a key of this command: choose another folder")
        return found

    def document_key(self) -> SigningKey:
        """The organisation's first document key; made at the first try."""
        file = self.folder / "keys" / KEY_FILE
        if not file.exists():
            write_key(file, generate_key(KeyPurpose.DOCUMENT))
        return load_key(file, KeyPurpose.DOCUMENT)

    def proof(self, key: SigningKey) -> dict[str, Any]:
        """The public half of the document key, and the proof that the other one is here."""
        said = key_declaration.issue(
            organisation=organisation_uri(self.invitation.issuer, self.invitation.organisation),
            audience=self.invitation.issuer,
            says=key_declaration.POSSESSION,
            kid=key.kid,
            at=now(),
            jti=new_id(),
            signer=key,
            random=secrets.token_bytes,
        )
        return {"jwk": key.public_jwk(), "proof": said.compact()}

    def keep(self, certificate: bytes, attest_keys: bytes, *, signs: bool) -> Path:
        """Write what the partners' commands read; the connection file last."""
        files.replace(self.folder / "certificate.pem", certificate, mode=0o644)
        files.replace(self.folder / "gateway-keys.json", attest_keys, mode=0o644)
        settings = new_settings(
            self.invitation.client_id,
            partners=self.invitation.partners,
            issuer=self.invitation.issuer,
            log_key=self.invitation.log_key,
        )
        if signs:
            settings["document_key"] = f"keys/{KEY_FILE}"
        file = self.folder / CONNECTION_FILE
        files.replace(file, render(settings).encode())
        return file


@click.command(epilog=EPILOG)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--out",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="New folder for this system; by default its name, as hotline.desk.",
)
@click.option(
    "--no-document-key",
    is_flag=True,
    help="Make none: your organisation has one, or wants the gateway to attest.",
)
@json_option
def enrol(file: Path, folder: Path | None, no_document_key: bool, as_json: bool) -> None:
    """Enrol this system with the invitation FILE and configure its connection.

    Makes the system's key and the organisation's first document key, compares the gateway's root
    with the fingerprint in FILE, gets the certificate, and asks the gateway who this is. If it is
    interrupted, run it again with the same folder: the same keys get the same certificate.
    """
    try:
        invitation = _read(file)
        home = SystemFolder(folder or Path(invitation.client_id), invitation)
        connection, done, key = _enrol(home, signs=not no_document_key)
    except ClientError as error:
        raise Failure(error) from error
    except PrivateFileError as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise Failure(SettingsError(f"{error.filename}: {error.strerror}")) from error
    with connected(connection) as gateway:
        _tell(home, done, key, gateway.whoami(), as_json=as_json)


def _read(file: Path) -> InvitationFile:
    if not file.exists():
        raise SettingsError(f"{file} does not exist: the gateway's administrators hand one over")
    invitation = InvitationFile.read(files.read_private(file))
    if invitation.ended(now()):
        raise SettingsError(
            f"the invitation expired at {invitation.expires_at}. Ask the administrators for a new one."
        )
    return invitation


def _enrol(home: SystemFolder, *, signs: bool) -> tuple[Path, Enrolled, SigningKey | None]:
    invitation = home.invitation
    if (home.folder / CONNECTION_FILE).exists():
        raise SettingsError(
            f"{home.folder} is a connection already: casegate system check, or another --out"
        )
    enrolment = Enrolment(invitation, now, time.sleep)
    root = home.keep_root(enrolment.fetch_root())
    key = home.document_key() if signs else None
    csr = make_csr(home.key(), invitation.organisation, invitation.system)
    try:
        done = enrolment.enrol(root, csr, None if key is None else home.proof(key))
    except RequestRefused as refused:
        if refused.slug == "already-exists":
            raise SettingsError(f"{refused} (--no-document-key)") from refused
        raise
    attest_keys = enrolment.attest_keys(root)
    return home.keep(done.certificate, attest_keys, signs=signs), done, key


def _tell(
    home: SystemFolder,
    done: Enrolled,
    key: SigningKey | None,
    told: dict[str, Any],
    *,
    as_json: bool,
) -> None:
    connection = home.folder / CONNECTION_FILE
    if as_json:
        found = {
            "connection": str(connection),
            "event": done.event,
            "document_key": key and key.kid,
        }
        print_json({**found, "whoami": told})
        return
    invitation = home.invitation
    click.echo(f"{colour('Enrolled', 'green')}: {invitation.client_id} at {invitation.issuer}")
    print_fields(
        {
            "recorded as": f"event {done.event}; receipt verified",
            "organisation": f"{invitation.organisation}, {told['status']}",
            "scopes": told["scopes"],
            "certificate until": [one["not_after"] for one in told["certificates"]],
            "document key": key and key.kid,
            "connection": str(connection),
        }
    )
    click.echo(f"Next: {sanitise(_next(told['status'], connection))}")


def _next(status: str, connection: Path) -> str:
    if status == "active":
        return f"casegate system check --connection {connection}"
    return f"casegate conformance run --by PSEUDONYM --connection {connection}"
