"""`casegate admin certificate`: certificates of members' systems, issued and revoked."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO
from uuid import UUID

import click

from gateway import maintenance, wiring
from gateway.actions.administration import Change
from gateway.actions.ports import Mode, SigningRequest
from gateway.cli.admin.desk import Desk, change_registry, make, opened, show

WAIT_SECONDS = 5.0  # for `maintain` to serve a certificate request (contracts.md 2)


@click.group()
def certificate() -> None:
    """Issue and revoke certificates of members' systems."""


@certificate.command("issue", short_help="Issue a certificate for a system.")
@click.argument("slug")
@click.argument("name")
@click.option(
    "--csr",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The member's certificate request, PKCS #10 in PEM.",
)
@click.option(
    "--out",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="New file for the certificate and its authority's.",
)
@click.pass_obj
def issue_certificate(desk: Desk, slug: str, name: str, csr: Path, out: Path) -> None:
    """Issue a certificate for the system NAME of SLUG; name and use come from the registry."""
    values = {"system": name, "csr": csr.read_text(encoding="ascii", errors="replace")}
    change = Change("certificate.issue", slug, values)
    with opened(desk) as gateway, _new_file(out) as file:
        written = make(desk, gateway, change)
        found = served(gateway, UUID(str(written.result["request"])))
        if found.certificate is None:
            raise click.ClickException(f"the request was refused: {found.refusal}")
        file.write(found.certificate)
        show(desk, "certificate.issue", written)
        if not desk.as_json:
            click.echo(f"  certificate in {out}")


@contextmanager
def _new_file(path: Path) -> Iterator[TextIO]:
    """A new file, made before anything is recorded; without a result it is gone again."""
    try:
        file = path.open("x", encoding="ascii")
    except FileExistsError:
        raise click.ClickException(f"{path} exists and is not overwritten") from None
    with file:
        try:
            yield file
        except BaseException:
            path.unlink()
            raise


def served(gateway: wiring.Gateway, request: UUID) -> SigningRequest:
    """The request once served: by `maintain` when it runs, else here, by the operator's hand."""
    try:
        with maintenance.holding(gateway.config):
            authority = wiring.IssuingAuthority(gateway.config)
            maintenance.serve_requests(gateway, authority)
    except maintenance.Occupied:
        pass
    ends = time.monotonic() + WAIT_SECONDS
    while True:
        with gateway.ports.begin(Mode.READ) as work:
            found = work.signing.get(request)
        if found is not None and (found.certificate or found.refusal):
            return found
        if time.monotonic() > ends:
            raise click.ClickException("maintenance did not serve the request: see its log")
        time.sleep(0.1)


@certificate.command(
    "revoke",
    short_help="Revoke a certificate at once.",
    # A thumbprint may begin with "-", or with "-h": it is no option then.
    context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]},
)
@click.argument("slug")
@click.argument("thumbprint", required=False)
@click.option("--system", help="Instead of one certificate: all that this system has.")
@click.option("--reason", required=True, help="Why; it stands in the event.")
@click.pass_obj
def revoke_certificate(
    desk: Desk, slug: str, thumbprint: str | None, system: str | None, reason: str
) -> None:
    """Revoke the certificate of SLUG with this THUMBPRINT (x5t#S256), or all of a system.

    Its next request is refused, on open connections too. Whoever had a stolen key may have
    renewed by it: then take --system.
    """
    if (thumbprint is None) is (system is None):
        raise click.UsageError("name a THUMBPRINT, or a system with --system")
    values = {"thumbprint": thumbprint, "system": system, "reason": reason}
    change_registry(desk, "certificate.revoke", slug, values)
