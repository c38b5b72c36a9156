"""`casegate admin certificate`: certificates of members' systems, issued and revoked."""

import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from uuid import UUID

import click
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gateway import maintenance, wiring
from gateway.cli.admin.session import AdminSession, opened, show, submit, without_receipt
from gateway.cli.output import new_file
from gateway.domain.refusals import Refusal
from gateway.evidence import base64url
from gateway.exchange import receipts
from gateway.kernel.changes import Change
from gateway.kernel.ports import TransactionMode, UnitOfWork
from gateway.kernel.transact import WriteResult
from gateway.kernel.values import CertificateOrder
from gateway.pki.end_entity import RENEW_BEFORE, CsrRefused, read_request

WAIT_SECONDS = 5.0  # for `maintain` to serve a certificate request (contracts.md 2)


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
    """Issue a certificate for the system SYSTEM of ORGANISATION; name and use come from the registry.

    Two persons are needed (R10): whoever holds its key acts as the member. The same request once
    more gives the certificate that was made of it, or waits for it again, as long as that is not
    revoked and lasts for ten days: nothing is approved anew. So it is after a proposal was
    approved, too.
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
    said = file.read_bytes()
    try:
        read = read_request(said)
    except CsrRefused as error:
        raise click.ClickException(f"nothing was approved: {file}: {error}") from error
    return said.decode("ascii", errors="replace") if b"-----BEGIN" in said else read.pem


def key_of(csr: str) -> str | None:
    """The id of a request's key, as the member reads it out; None for what is no request."""
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
        advice = "give the same command again for the certificate, once that is mended"
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
