"""`casegate admin certificate` and `invitation`: how members' systems come in, and stay out."""

import io
import re
import secrets
from pathlib import Path
from uuid import UUID

import click
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from gateway import wiring
from gateway.cli.admin.session import (
    AdminSession,
    make,
    opened,
    read_only,
    show,
)
from gateway.cli.arguments import NewFile
from gateway.cli.output import new_file, print_items
from gateway.client.enrolment import InvitationFile
from gateway.domain.invitation import TOKEN_BYTES
from gateway.domain.refusals import Refusal
from gateway.evidence import base64url
from gateway.kernel.changes import Change
from gateway.kernel.ports import TransactionMode
from gateway.kernel.results import to_json
from gateway.pki.publication import ROOT_FILE
from gateway.registry import queries as entries


@click.group()
def certificate() -> None:
    """Revoke certificates of members' systems."""


# --- Invitations ---


@click.group()
def invitation() -> None:
    """Invite members' systems to enrol themselves."""


@invitation.command("create", short_help="Invite a system to enrol itself.")
@click.argument("slug", metavar="ORGANISATION")
@click.argument("name", metavar="SYSTEM")
@click.option(
    "--out",
    required=True,
    type=NewFile(),
    help="New file for the invitation, which enrols one system once.",
)
@click.pass_obj
def make_invitation(session: AdminSession, slug: str, name: str, out: Path) -> None:
    """Invite SYSTEM of ORGANISATION, which must be registered, for 72 hours.

    The file holds a token of which the gateway stores only the digest. Send it over a channel that
    only the member reads. It also lets the member register its first document key: two persons
    invite (R10).
    """
    token = base64url.encode(secrets.token_bytes(TOKEN_BYTES))
    digest = base64url.digest(token.encode())
    change = Change("invitation.create", slug, {"system": name, "token_sha256": digest})
    with opened(session) as gateway, new_file(out, mode=0o600) as file:
        try:
            written = make(session, gateway, change)
        except Refusal as refusal:
            if refusal.recorded is not None:  # it may stand: then its token is kept
                _write(gateway, file, refusal.recorded, token)
            raise
        made = _write(gateway, file, UUID(str(written.result["invitation"])), token)
        show(session, "invitation.create", written)
        if made is not None and not session.as_json:
            click.echo(f"  invitation in {out}: send it so that only the member reads it")
            fours = " ".join(re.findall("....", made.root_sha256))  # to be read aloud
            click.echo(f"  the root's fingerprint, to confirm out of band: {fours}")


def invitation_file(
    gateway: wiring.GatewayRuntime, invitation: UUID, token: str
) -> InvitationFile | None:
    """What a member needs to use an invitation; None when there is no such invitation."""
    with gateway.ports.begin(TransactionMode.READ) as work:
        stands = work.invitations.get(invitation)
    if stands is None:
        return None
    config = gateway.config
    root = x509.load_pem_x509_certificate((config.published / ROOT_FILE).read_bytes())
    return InvitationFile(
        gateway=config.name,
        issuer=config.issuer,
        api_url=config.partners_url,
        root_sha256=root.fingerprint(hashes.SHA256()).hex(),
        log_key=gateway.keys.log.vkey,
        organisation=stands.organisation,
        system=stands.system,
        invitation=str(stands.id),
        token=token,
        expires_at=stands.expires_at.isoformat(timespec="seconds"),
    )


def _write(
    gateway: wiring.GatewayRuntime, file: io.FileIO, invitation: UUID, token: str
) -> InvitationFile | None:
    """Write what was invited to; None, and nothing, when there is no such invitation."""
    made = invitation_file(gateway, invitation, token)
    if made is None:
        return None
    try:
        file.write(made.render())
    except OSError as error:
        raise click.ClickException(
            f"the file cannot be written ({error.strerror}), and its token is lost: withdraw "
            f"invitation {made.invitation} of {made.organisation}, and create a new invitation"
        ) from error
    return made


@invitation.command("list")
@click.pass_obj
def list_invitations(session: AdminSession) -> None:
    """List the invitations that can still be used. Tokens are not stored."""
    with read_only(session) as gateway:
        found = to_json(entries.open_invitations(gateway.ports))
    rows = [tuple(one.values()) for one in found]
    print_items(session.as_json, found, ("invitation", "organisation", "system", "ends"), rows)
