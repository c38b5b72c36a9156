"""`casegate admin invitation`: let a member's system enrol itself once, or take that back."""

import secrets
from pathlib import Path

import click
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from gateway.actions.administration import Change
from gateway.cli.admin.desk import Desk, change_registry, make, opened, show
from gateway.cli.arguments import NewFile
from gateway.cli.screen import write_new
from gateway.client.invitation import InvitationFile
from gateway.domain.invitation import TOKEN_BYTES
from gateway.evidence import base64url


@click.group()
def invitation() -> None:
    """Invite members' systems to enrol themselves, and withdraw invitations."""


@invitation.command("make", short_help="Invite a system to enrol itself.")
@click.argument("slug")
@click.argument("name")
@click.option(
    "--out",
    required=True,
    type=NewFile(),
    help="New file for the invitation; whoever has it can enrol once.",
)
@click.pass_obj
def make_invitation(desk: Desk, slug: str, name: str, out: Path) -> None:
    """Invite the system NAME of SLUG, which must be registered, for 72 hours.

    The file holds a token that is shown nowhere else: the gateway keeps its digest alone. Hand it
    over on a way that nobody else reads. It also lets the member register its first document key,
    so that two persons invite.
    """
    token = base64url.encode(secrets.token_bytes(TOKEN_BYTES))
    digest = base64url.digest(token.encode())
    change = Change("invitation.make", slug, {"system": name, "token_sha256": digest})
    with opened(desk) as gateway:
        written = make(desk, gateway, change)
        config = gateway.config
        root = x509.load_pem_x509_certificate((config.published / "root.pem").read_bytes())
        made = InvitationFile(
            gateway=config.name,
            issuer=config.issuer,
            partners=config.partners_url,
            root_sha256=root.fingerprint(hashes.SHA256()).hex(),
            log_key=gateway.keys.log.vkey,
            organisation=slug,
            system=name,
            invitation=str(written.result["invitation"]),
            token=token,
            ends_at=str(written.result["ends_at"]),
        )
        write_new(out, made.render())
        show(desk, "invitation.make", written)
        if not desk.as_json:
            click.echo(f"  invitation in {out}: hand it over so that nobody else reads it")
            click.echo(f"  the root's fingerprint, for a second way: {_grouped(made.root_sha256)}")


def _grouped(digest: str) -> str:
    """Hex digits in fours, to be read aloud."""
    return " ".join(digest[place : place + 4] for place in range(0, len(digest), 4))


@invitation.command("withdraw", short_help="Withdraw an invitation that was not used.")
@click.argument("slug")
@click.argument("identifier", metavar="INVITATION")
@click.option("--reason", required=True, help="Why; it stands in the event.")
@click.pass_obj
def withdraw_invitation(desk: Desk, slug: str, identifier: str, reason: str) -> None:
    """Withdraw the invitation of SLUG with this id; its token is refused from then on."""
    values = {"invitation": identifier, "reason": reason}
    change_registry(desk, "invitation.withdraw", slug, values)
