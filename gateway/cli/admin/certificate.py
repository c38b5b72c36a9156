"""`casegate admin certificate` and `invitation`: how members' systems come in, and stay out."""

import contextlib
import io
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from gateway import files
from gateway.cli import output
from gateway.cli.admin.change_command import hand_over, place, show
from gateway.cli.admin.nouns import NOUNS
from gateway.cli.admin.registry import Made, Registry, registry
from gateway.cli.admin.session import AdminSession
from gateway.cli.arguments import FILE, NewFile
from gateway.client import enrolment
from gateway.client.enrolment import InvitationFile
from gateway.domain.enrolment import TOKEN_BYTES, WAITING
from gateway.domain.refusals import Refusal
from gateway.evidence import base64url, canonical
from gateway.files import PrivateFileError
from gateway.kernel.changes import Change

# --- Invitations ---


@NOUNS["invitation"].command("create", short_help="Invite a system to enrol itself.")
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
    invite (R10). With one --as the file waits with the invitation; `complete` finishes it.

    \b
    Example: casegate admin --as martin --as dubois invitation \\
        create hotline-new desk --out hotline-new.json
    """
    with registry(session) as reached:
        made = invite(session, reached, slug, name, out)
        show("invitation.create", made)
    if output.for_machines():
        return
    if "proposal" in made.result:
        click.echo(f"  then: casegate admin {place(session)} invitation complete {out}")
    else:
        _tell(out, InvitationFile.read(out.read_bytes()))


def invite(session: AdminSession, reached: Registry, slug: str, name: str, out: Path) -> Made:
    """Create an invitation, or let it wait, and the new file that has its token."""
    token = base64url.encode(secrets.token_bytes(TOKEN_BYTES))
    digest = base64url.digest(token.encode())
    change = Change("invitation.create", slug, {"system": name, "token_sha256": digest})
    waiting = _Waiting(slug, name, token)
    with output.new_file(out, mode=0o600) as file:
        try:
            made = reached.submit(change)
        except Refusal as refusal:
            with contextlib.suppress(click.ClickException):
                if refusal.recorded is not None:  # it may stand: then its token is kept
                    stands = _invitation_file(reached, refusal.recorded, waiting)
                    _write(file, stands, refusal.recorded)
            raise
        if "proposal" in made.result:
            proposed = UUID(str(made.result["proposal"]))
            _write(file, replace(waiting, proposal=str(proposed)), proposed)
        else:
            created = UUID(str(made.result["invitation"]))
            _write(file, _invitation_file(reached, created, waiting), created)
    return made


@dataclass(frozen=True)
class _Waiting:
    """An invitation that waits for a second person, with the token that only this file has."""

    organisation: str
    system: str
    token: str
    proposal: str = ""

    def render(self) -> bytes:
        return (json.dumps({"format": WAITING, **asdict(self)}, indent=1) + "\n").encode()


@NOUNS["invitation"].command(short_help="Finish an invitation that another person approved.")
@click.argument("file", type=FILE)
@click.pass_obj
def complete(session: AdminSession, file: Path) -> None:
    """Finish the invitation in FILE, once another person has approved it.

    \b
    Example: casegate admin -c desk/connection.toml invitation \\
        complete hotline-new.json
    """
    try:
        members = canonical.decode(files.read_private(file))
        made = members.pop("format")
        if made == enrolment.FORMAT:
            raise click.ClickException(f"{file} is complete: send it to the member")
        if made != WAITING:
            raise ValueError
        waiting = _Waiting(**members)
        proposal = UUID(waiting.proposal)
    except (ValueError, TypeError, KeyError, AttributeError, PrivateFileError) as error:
        raise click.ClickException(f"{file} is no invitation that waits") from error
    with registry(session, reads=True) as reached:
        event = reached.proposal(proposal)["applied_event"]
        if event is None:
            raise click.ClickException(
                f"nobody has approved it yet; another person: {hand_over(str(proposal))}"
            )
        invited = _invitation_file(reached, UUID(event), waiting)
    files.replace(file, invited.render())
    if not output.reply({"invitation": event, "file": str(file)}):
        _tell(file, invited)


def _tell(file: Path, invited: InvitationFile) -> None:
    until = output.format_time(invited.expires_at)
    what = f"invitation in {file}, until {until}: send it so that only the member reads it"
    output.print_wrapped(what, "  ", 4)
    click.echo("  the root's fingerprint, which you read out to the member:")
    for half in re.findall("." * 32, invited.root_sha256):
        click.echo(f"    {' '.join(re.findall('....', half))}")  # to be read aloud


def _invitation_file(reached: Registry, invitation: UUID, waiting: _Waiting) -> InvitationFile:
    """Return what a member needs to use an invitation; ClickException where it cannot be used any
    more."""
    found = [one for one in reached.invitations() if one["invitation"] == str(invitation)]
    if not found:
        raise click.ClickException("the invitation was used, withdrawn, or its time is over")
    return invitation_file(reached.addresses(), found[0], waiting.token)


def invitation_file(
    addresses: Mapping[str, Any], stands: Mapping[str, Any], token: str
) -> InvitationFile:
    """The file of an invitation that stands, as the registry lists it."""
    return InvitationFile(
        **addresses,
        organisation=stands["organisation"],
        system=stands["system"],
        invitation=stands["invitation"],
        token=token,
        expires_at=stands["expires_at"],
    )


def _write(file: io.FileIO, made: InvitationFile | _Waiting, invitation: UUID) -> None:
    try:
        file.write(made.render())
    except OSError as error:
        raise click.ClickException(
            f"the file cannot be written ({error.strerror}), and its token is lost: withdraw "
            f"{invitation}, and create a new invitation"
        ) from error


@NOUNS["invitation"].command("list")
@click.pass_obj
def list_invitations(session: AdminSession) -> None:
    """List the invitations that can still be used. Tokens are not stored."""
    with registry(session, reads=True) as reached:
        found = reached.invitations()
    output.print_items(found, "invitation", "organisation", "system", ("ends", "expires_at"))
