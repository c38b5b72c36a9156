"""`casegate admin certificate`: certificates of members' systems, issued and revoked."""

import io
import secrets
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from uuid import UUID

import click
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from gateway import maintenance, wiring
from gateway.cli.admin.session import (
    AdminSession,
    make,
    opened,
    read_only,
    show,
    submit,
    without_receipt,
)
from gateway.cli.arguments import NewFile
from gateway.cli.output import new_file, print_items
from gateway.client.enrolment import InvitationFile
from gateway.domain.invitation import TOKEN_BYTES
from gateway.domain.refusals import Refusal
from gateway.evidence import base64url
from gateway.exchange import receipts
from gateway.kernel.changes import Change
from gateway.kernel.ports import TransactionMode, UnitOfWork
from gateway.kernel.transact import WriteResult
from gateway.kernel.values import CertificateOrder
from gateway.pki.end_entity import RENEW_BEFORE, CsrRefused, read_request
from gateway.registry import queries as entries

WAIT_SECONDS = 5.0  # for `maintain` to issue a certificate


@click.group()
def certificate() -> None:
    """Issue and revoke certificates of members' systems."""


@certificate.command("approve", short_help="Issue a certificate for a system.")
@click.argument("slug", metavar="ORGANISATION")
@click.argument("name", metavar="SYSTEM")
@click.option(
    "--csr",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The member's certificate request, PKCS #10 in PEM.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="New file for the certificate and its authority's.",
)
@click.pass_obj
def issue_certificate(
    session: AdminSession, slug: str, name: str, csr: Path, out: Path | None
) -> None:
    """Issue a certificate for SYSTEM of ORGANISATION.

    Its name and use come from the registry. Two persons are needed (R10), because the holder of
    the key acts as the member. To repeat the command with the same request, for example after a
    proposal was approved, gives the same certificate without a new approval, until it is revoked
    or has less than ten days left.
    """
    values = {"system": name, "csr": _request(csr)}
    with opened(session) as gateway:
        before = _approved_before(gateway, slug, values)
        if before is None and len(session.persons) == 1:
            show(session, "certificate.approve", _approve(session, gateway, slug, values))
            return
    if out is None:
        raise click.UsageError("say where the certificate is to be written: --out FILE")
    with opened(session) as gateway, new_file(out, mode=0o644) as file:
        written = before or _approve(session, gateway, slug, values)
        found = served(gateway, UUID(str(written.result["request"])))
        if found.certificate is None:
            raise click.ClickException(f"the request was refused: {found.refusal}")
        file.write(found.certificate.encode())
        show(session, "certificate.approve", written)
        if not session.as_json:
            click.echo(f"  of the key {key_of(values['csr'])}")
            click.echo(f"  certificate in {out}")


def _request(file: Path) -> str:
    """The request in a file, in PEM; a ClickException for none, before anybody approves it.

    PEM stays as it stands there: by its text the same request is known again.
    """
    data = file.read_bytes()
    try:
        read = read_request(data)
    except CsrRefused as error:
        raise click.ClickException(f"nothing was approved: {file}: {error}") from error
    return data.decode("ascii", errors="replace") if b"-----BEGIN" in data else read.pem


def key_of(csr: str) -> str | None:
    """The key id of a certificate request; None when it cannot be read."""
    try:
        return read_request(csr.encode()).key
    except CsrRefused:
        return None


def _approve(
    session: AdminSession, gateway: wiring.GatewayRuntime, slug: str, values: Mapping[str, str]
) -> WriteResult:
    try:
        return submit(session, gateway, Change("certificate.approve", slug, values))
    except Refusal as refusal:
        if refusal.recorded is None:
            raise
        advice = "give the same command again for the certificate when this is repaired"
        raise without_receipt(refusal, advice) from refusal


def _approved_before(
    gateway: wiring.GatewayRuntime, slug: str, values: Mapping[str, str]
) -> WriteResult | None:
    """The approval of the same request, which waits still or of which a good certificate came."""
    with gateway.ports.begin(TransactionMode.READ) as work:
        found = work.signing.of_csr(slug, values["system"], values["csr"])
        if found is None or not _is_good(work, found, gateway.ports.now()):
            return None
    event = str(found.id)
    return WriteResult(
        {"event": event, "request": event}, receipts.of_gateway(gateway.ports, found.id)
    )


def _is_good(work: UnitOfWork, request: CertificateOrder, now: datetime) -> bool:
    if request.certificate is None:
        return request.refusal is None
    leaf = x509.load_pem_x509_certificates(request.certificate.encode())[0]
    thumbprint = base64url.digest(leaf.public_bytes(Encoding.DER))
    known = work.organisations.certificate(thumbprint)
    return known is not None and known.revoked_at is None and now < known.not_after - RENEW_BEFORE


def served(gateway: wiring.GatewayRuntime, request: UUID) -> CertificateOrder:
    """The request once served: by `maintain` when it runs, else here, by the operator's hand."""
    try:
        with maintenance.holding(gateway.config):
            authority = wiring.IssuingAuthority(gateway.config)
            maintenance.serve_requests(gateway, authority)
    except maintenance.AlreadyRunning:
        pass
    ends = time.monotonic() + WAIT_SECONDS
    while True:
        with gateway.ports.begin(TransactionMode.READ) as work:
            found = work.signing.get(request)
        if found is not None and (found.certificate or found.refusal):
            return found
        if time.monotonic() > ends:
            raise click.ClickException(
                "maintenance did not serve the request yet: see its log, then give this command "
                "again, which waits for the same certificate"
            )
        time.sleep(0.1)


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
            click.echo(
                f"  the root's fingerprint, to confirm out of band: {_grouped(made.root_sha256)}"
            )


def _write(
    gateway: wiring.GatewayRuntime, file: io.FileIO, invitation: UUID, token: str
) -> InvitationFile | None:
    """Write what was invited to; None, and nothing, when there is no such invitation."""
    with gateway.ports.begin(TransactionMode.READ) as work:
        stands = work.invitations.get(invitation)
    if stands is None:
        return None
    config = gateway.config
    root = x509.load_pem_x509_certificate((config.published / "root.pem").read_bytes())
    made = InvitationFile(
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
    try:
        file.write(made.render())
    except OSError as error:
        raise click.ClickException(
            f"the file cannot be written ({error.strerror}), and its token is lost: withdraw "
            f"invitation {stands.id} of {stands.organisation}, and create a new invitation"
        ) from error
    return made


@invitation.command("list")
@click.pass_obj
def list_invitations(session: AdminSession) -> None:
    """List the invitations that can still be used. Tokens are not stored."""
    with read_only(session) as gateway:
        found = entries.open_invitations(gateway.ports)
    rows = [tuple(one.values()) for one in found]
    print_items(session.as_json, found, ("invitation", "organisation", "system", "ends"), rows)


def _grouped(digest: str) -> str:
    """Hex digits in fours, to be read aloud."""
    return " ".join(digest[place : place + 4] for place in range(0, len(digest), 4))
