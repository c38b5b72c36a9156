"""`casegate system`, `outbox` and `key`: a member's access, its stored writes and its keys."""

import json
import os
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway import files, keys
from gateway.cli import arguments, output, partner_command
from gateway.cli.failure import CommandFailed
from gateway.client import ClientError, Gateway, PartnerConnection, Resent, SettingsError, enrolment
from gateway.client.connection import read_file, renamed
from gateway.client.errors import raising
from gateway.client.gateway import new_id, now
from gateway.client.local_state import Outbox
from gateway.domain.organisation import organisation_uri
from gateway.domain.worklist import RENEW_BEFORE
from gateway.evidence import declarations
from gateway.evidence.handoff_documents import Heading
from gateway.evidence.sd_jwt import Signer
from gateway.files import PrivateFileError

CLOCK_TOLERANCE = 10.0
"""Seconds by which two clocks may differ before a person should know."""


@click.group(epilog=partner_command.EPILOG)
def system() -> None:
    """Configure and test this system's connection."""


def make_csr(key: ec.EllipticCurvePrivateKey, organisation: str, name: str) -> bytes:
    """A certificate request (PEM) by a key; the gateway takes the names from its registry."""
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@system.command("create-key")
@click.argument("folder", type=arguments.ANY_FOLDER)
def make_key(folder: Path) -> None:
    """Create a key in FOLDER by which this system authenticates.

    For `private_key_jwt`: client.pem stays, client.jwk goes to the gateway's administrators. To
    change the key make the next one in another folder: both hold until the first is withdrawn.

    Example: casegate system create-key client-2027
    """
    key = keys.generate_key(keys.KeyPurpose.CLIENT)
    output.write_new(folder / "client.pem", key.pem())
    output.write_new(folder / "client.jwk", json.dumps(key.public_jwk()).encode())
    click.echo(f"client key {key.kid} in {folder}")
    click.echo("  1. Send client.jwk to the gateway's administrators, never client.pem.")
    click.echo('  2. Once they have registered it set assertion_key = ".../client.pem" in the')
    click.echo("     connection file; then casegate system check.")


@system.command(epilog=partner_command.EPILOG)
@partner_command.partner
def check(gateway: Gateway) -> None:
    """Check this system's connection and access.

    Checks the connection both ways, the clocks, the certificate's end, the scopes, and whether
    writes wait for their answer.
    """
    ahead = gateway.greet()
    whoami = gateway.whoami()
    ends = certificate_end(gateway.connection.certificate)
    waiting = waiting_writes(gateway)
    warnings = list(_warnings(ahead, ends, waiting, whoami))
    found = {"clock_ahead": ahead, "certificate_ends": ends.isoformat(), "waiting": waiting}
    if output.reply({**whoami, **found, "warnings": warnings}):
        return
    organisation = whoami["organisation"]
    click.echo(f"{output.colour('Connected', 'green')} to {gateway.connection.api_url}")
    output.print_fields(
        {
            "organisation": f"{organisation['organisation']} ({organisation['name']})",
            "status": whoami["status"],
            "system": whoami["system"],
            "membership": organisation["membership"] or "no membership",
            "competences": [one["competence"] for one in organisation["mandates"]],
            "scopes": whoami["scopes"],
            "certificate until": output.format_time(ends),
            "clock difference": "unknown" if ahead is None else f"{round(ahead):+d} s",
            "reference date": whoami["reference_date"],
        }
    )
    for warning in warnings:
        output.say(warning, "Warning", "yellow")


@system.command(epilog=partner_command.EPILOG)
@partner_command.connection_option
@arguments.json_option
def renew(connection_file: Path) -> None:
    """Get this system's next certificate, for a new key.

    Both are used from now on.

    The present certificate is the credential; nobody has to be asked. The connection file then
    names the new files. The old ones keep working until their end, and can be deleted.
    """
    with partner_command.connected(connection_file) as gateway:
        connection = gateway.connection
        _naming(connection_file, connection.certificate, connection.key)  # before anything is asked
        pending = connection.key.with_name("renewal.pem")
        organisation, _, name = connection.client_id.partition(".")
        csr = make_csr(kept_key(pending), organisation, name)
        pem = enrolment.renewed(connection, csr, now, time.sleep)
        ends = _use(connection_file, connection, pending, pem)
    if output.reply({"certificate_ends": ends.isoformat()}):
        return
    output.say(f"certificate until {output.format_time(ends)}", "Renewed")
    click.echo(f"  {connection_file} names the new files; programs read it when they start")


def _naming(file: Path, certificate: Path, key: Path) -> bytes:
    """The connection file as it names these two; SettingsError when it cannot be made to."""
    made = {"certificate": certificate, "key": key}
    names = {name: os.path.relpath(one, file.parent) for name, one in made.items()}
    try:
        return renamed(read_file(file).decode("utf-8"), names).encode()
    except (SettingsError, ValueError) as error:
        raise SettingsError(
            f'{file}: {error}. Write certificate = "..." and key = "..." each on a line of its '
            "own, then run this again: it would not name the new files"
        ) from None


def kept_key(file: Path) -> ec.EllipticCurvePrivateKey:
    """A system's key, made at the first try: after an interruption it gets the same certificate."""
    with raising(SettingsError, f"{file} cannot be used", (files.PrivateFileError, ValueError)):
        if not file.exists():
            files.create(file, keys.private_pem(ec.generate_private_key(ec.SECP256R1())))
        found = serialization.load_pem_private_key(files.read_private(file), None)
    if not isinstance(found, ec.EllipticCurvePrivateKey):
        raise SettingsError(f"{file} is not a key of this command: delete it")
    return found


def _use(file: Path, connection: PartnerConnection, pending: Path, pem: bytes) -> datetime:
    """Put key and certificate beside the old ones, then name them in the connection file."""
    leaf = x509.load_pem_x509_certificate(pem)
    ends = leaf.not_valid_after_utc
    mark = f"{ends:%Y%m%d}-{leaf.serial_number % 16**8:08x}"
    certificate = connection.certificate.with_name(f"certificate-{mark}.pem")
    key = connection.key.with_name(f"key-{mark}.pem")
    files.replace(certificate, pem, mode=0o644)
    replace(connection, certificate=certificate, key=pending).tls()
    text = _naming(file, certificate, key)
    pending.rename(key)
    try:
        files.replace(file, text)
    except OSError as error:
        raise SettingsError(
            f"{file} cannot be written ({error.strerror}): name the new files in it by hand, "
            f"certificate {certificate} and key {key}"
        ) from error
    return ends


def _warnings(
    ahead: float | None, ends: datetime, waiting: int, whoami: Mapping[str, Any]
) -> list[str]:
    found = []
    if ahead is not None and abs(ahead) > CLOCK_TOLERANCE:
        found.append(f"this clock and the gateway's differ by {abs(ahead):.0f} s: set this one")
    if ends - now() < RENEW_BEFORE:
        found.append("the certificate ends soon: casegate system renew")
    if waiting:
        found.append(f"{waiting} writes wait for their answer: casegate outbox resend")
    if whoami["reference_date_simulated"]:
        found.append("the gateway's reference date is set for a demonstration")
    return found


def certificate_end(file: Path) -> datetime:
    """When a certificate ends; SettingsError for what is none."""
    try:
        certificate, *_ = x509.load_pem_x509_certificates(read_file(file))
    except ValueError:
        raise SettingsError(f"{file} is not a certificate in PEM") from None
    return certificate.not_valid_after_utc


def waiting_writes(gateway: Gateway) -> int:
    """How many writes wait for their answer."""
    folder = gateway.connection.outbox
    return 0 if folder is None else len(list(Outbox(folder).waiting()))


@click.group(epilog=partner_command.EPILOG)
def outbox() -> None:
    """Resend writes that received no answer."""


@outbox.command(epilog=partner_command.EPILOG)
@click.option(
    "--set-aside",
    "skipped",
    multiple=True,
    metavar="KEY",
    help="Set the write of this key aside first: its file stays, and is not sent any more.",
)
@partner_command.partner
def resend(gateway: Gateway, skipped: tuple[str, ...]) -> None:
    """Resend every write that received no answer, oldest first.

    Each write is done once, however often it is sent; many of one kind go in one request. It stops
    at the first write that gets no answer, or one that does not verify, or no access; what is left
    is kept. Exit status 1 when one was refused: nothing was done for it, and it is not kept unless
    the output says so.
    """
    aside = _set_aside(gateway, skipped)
    ended, failure = list[Resent](), None
    try:
        for one in gateway.resume():
            ended.append(one)
            if not output.for_machines():
                done = one.written and f"done, event {one.written.confirmed.event['id']}"
                end = done or f"refused: {one.refused}"
                output.say(f"{partner_command.named(one.write)}: {end}")
                for line in partner_command.reasons(one.refused) if one.refused else ():
                    output.say(f"  {line}")
    except ClientError as error:
        failure = error
    resent = [
        {
            **partner_command.pending_json(one.write),
            "error": one.refused and partner_command.error_json(one.refused),
            "event": one.written and one.written.confirmed.event["id"],
        }
        for one in ended
    ]
    result = {"set_aside": aside, "resent": resent}
    if failure is not None:
        raise partner_command.Failure(failure, result) from failure
    output.reply(result, "Nothing waits any more." if ended else "Nothing waited.")
    if any(one.refused for one in ended):
        raise SystemExit(partner_command.REFUSED)


def _set_aside(gateway: Gateway, skipped: Sequence[str]) -> list[dict[str, Any]]:
    """Set each aside, and tell of it; a failure tells machines of those before it."""
    aside: list[dict[str, Any]] = []
    for key in skipped:
        try:
            write = gateway.set_aside(key)
        except LookupError:
            raise CommandFailed(
                f"no write waits under the key {key}",
                {"kind": "usage-error"},
                {"set_aside": aside},
                exit_code=click.UsageError.exit_code,
            ) from None
        aside.append(partner_command.pending_json(write))
        if not output.for_machines():
            output.say(f"{partner_command.named(write)}: set aside, not sent")
    return aside


# --- `casegate key`: keys of the organisation, created on its own host ---


DOCUMENT, ENCRYPTION = "document", "encryption"
"""The names of a key's files, by its use; the files of both end alike."""

KEY_FILE, JWK_FILE, PROOF_FILE = (f"{DOCUMENT}.{end}" for end in ("pem", "jwk", "proof"))


@click.group()
def key() -> None:
    """Create signing and encryption keys for your organisation.

    Only you can sign with the signing key, and only you can open what is sealed to the encryption
    key. Send the public files to the gateway's administrators; keep document.pem and
    encryption.pem, and a copy of each in a safe place.
    """


def _key_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say whose key it is, and for which gateway."""
    gateway = click.option(
        "--gateway",
        required=True,
        callback=arguments.gateway_address,
        help="Its issuer, as https://....",
    )
    whose = click.option(
        "--organisation", required=True, callback=arguments.organisation_id, help="Your id there."
    )
    return whose(gateway(command))


@key.command()
@click.argument("folder", type=arguments.ANY_FOLDER)
@click.option(
    "--use",
    required=True,
    type=arguments.Words(["signing", ENCRYPTION]),
    help="signing: a document key. encryption: the key that others seal to.",
)
@_key_options
@click.option(
    "--document-key",
    type=arguments.FILE,
    help="Your document.pem, which countersigns the new key, if you have one.",
)
def create(
    folder: Path, use: str, organisation: str, gateway: str, document_key: Path | None
) -> None:
    """Create a key of your organisation in FOLDER.

    The proof of possession is for one gateway and counts for seven days. Keep the earlier
    encryption keys for as long as you may have to open what was sealed to them; a lost key cannot
    be recovered.

    \b
    Example: casegate key create keys-2027 --use signing \\
        --organisation ofmin --gateway https://gateway.example.org
    """
    before = None if document_key is None else _load(document_key)
    made: keys.SigningKey | keys.DecryptionKey
    prover: Signer
    if use == "signing":
        made = prover = keys.generate_key(keys.KeyPurpose.DOCUMENT)
        name, proves, vouches = DOCUMENT, declarations.POSSESSION, declarations.KEY_SUCCESSION
        tell = "and tell them the key's id out of band"
    else:
        made = keys.generate_encryption_key()
        name, prover = ENCRYPTION, made.prover
        proves = vouches = declarations.ENCRYPTION
        tell = "and the key id to those who seal to you"
    whose = organisation_uri(gateway, organisation)
    output.write_new(folder / f"{name}.pem", made.pem())
    output.write_new(folder / f"{name}.jwk", json.dumps(made.public_jwk()).encode())
    proof = declare(prover, proves, made.kid, whose, gateway)
    output.write_new(folder / f"{name}.proof", proof.encode())
    if before is not None:
        countersignature = declare(before, vouches, made.kid, whose, gateway)
        output.write_new(folder / f"{name}.countersignature", countersignature.encode())
    click.echo(f"{name} key {made.kid} in {folder}")
    click.echo(f"  keep {name}.pem to yourself; send the other files to the administrators")
    click.echo(f"  {tell}. The proof is good for seven days")


@key.command("require-signed")
@click.argument("key", type=arguments.FILE)
@_key_options
def require_signed(key: Path, organisation: str, gateway: str) -> None:
    """Declare that only documents you sign count.

    KEY (document.pem) signs it.

    \b
    Example: casegate key require-signed document.pem \\
        --organisation ofmin --gateway https://gateway.example.org > \\
        declaration.jwt
    """
    _echo_declaration(key, declarations.LOCK, organisation, gateway)


@key.command("allow-attested")
@click.argument("key", type=arguments.FILE)
@_key_options
def allow_attested(key: Path, organisation: str, gateway: str) -> None:
    """Declare that the gateway can attest for you.

    \b
    Example: casegate key allow-attested document.pem \\
        --organisation ofmin --gateway https://gateway.example.org > \\
        declaration.jwt
    """
    _echo_declaration(key, declarations.UNLOCK, organisation, gateway)


@key.command("show")
@click.argument("key", type=arguments.FILE)
@click.option("--to", "peer", required=True, metavar="URL", help="The peer gateway's address.")
@_key_options
def show(key: Path, peer: str, organisation: str, gateway: str) -> None:
    """Declare that members of a peer gateway can know of you.

    \b
    Example: casegate key show document.pem --to \\
        https://gateway.fr.example --organisation pdc \\
        --gateway https://gateway.example.org > declaration.jwt
    """
    _echo_declaration(key, f"{declarations.SHOW}{peer}", organisation, gateway)


def _load(file: Path) -> keys.SigningKey:
    with raising(click.ClickException, causes=PrivateFileError):
        return keys.load_key(file, keys.KeyPurpose.DOCUMENT)


def _echo_declaration(file: Path, says: str, organisation: str, gateway: str) -> None:
    signer = _load(file)
    click.echo(declare(signer, says, signer.kid, organisation_uri(gateway, organisation), gateway))


def declare(signer: Signer, says: str, kid: str, whose: str, gateway: str) -> str:
    """Sign now what somebody (``whose``, a URI) says of the key ``kid`` to a gateway."""
    heading = Heading(whose, gateway, now(), new_id(), signer, secrets.token_bytes)
    return declarations.issue_declaration(heading, says=says, kid=kid).compact()
