"""`casegate admin`: what named administrators change in the registry, on the gateway's host.

Each command signs the exact change with the personal key of every person named by `--as`, and
makes it through the same action as any other transport.
"""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO
from uuid import UUID

import click

from gateway import keys, maintenance, wiring
from gateway.actions import administration
from gateway.actions.administration import Change
from gateway.actions.authorization import Refused, Written
from gateway.actions.ports import Mode, Ports, SigningRequest
from gateway.cli.folder import folder_option, told_plainly
from gateway.config import Config
from gateway.domain.organisation import FUNCTIONS, KINDS, SCOPES, SLUG, Standing
from gateway.domain.vocabulary import Matter, Regime
from gateway.evidence import approval, canonical, receipt
from gateway.keys import KeyFileError, Purpose

WAIT_SECONDS = 5.0  # for `maintain` to serve a certificate request (contracts.md 2)


@dataclass(frozen=True)
class Desk:
    """Where administrators work: the operator's folder, who approves, how to print."""

    folder: Path
    persons: tuple[str, ...]
    """Who approves, the proposer first; nobody when only help is asked for."""
    elsewhere: Mapping[str, Path]
    """Personal keys that are not in the operator's folder, by person."""
    as_json: bool

    def key_file(self, config: Config, person: str) -> Path:
        """Where a person's key is."""
        return self.elsewhere.get(person) or config.people / f"{person}.pem"


@click.group()
@folder_option
@click.option(
    "--as",
    "persons",
    multiple=True,
    metavar="PERSON",
    callback=lambda _context, _parameter, given: _persons(given),
    help="Who approves; the first proposes. Give it twice where two persons are needed.",
)
@click.option(
    "--key",
    "key_files",
    multiple=True,
    metavar="PERSON=FILE",
    callback=lambda _context, _parameter, given: _key_files(given),
    help="Where that person's key is, when it is not in the folder's people/.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result and receipt as JSON.")
@click.pass_context
def admin(
    context: click.Context,
    folder: Path,
    persons: tuple[str, ...],
    key_files: Mapping[str, Path],
    as_json: bool,
) -> None:
    """Change the registry: organisations, standings, competences, systems, certificates, keys.

    Every change is a policy decision and an event in the log; with --json its receipt is printed.
    Admitting, standings and competences need two persons (R10).

    As in: casegate admin --folder gw --as martin --as dubois organisation admit ofmin --name OFMIN
    --kind police_office --country FR --public-authority
    """
    for person in key_files:
        if person not in persons:
            raise click.UsageError(f"--key is for who approves: --as {person} is missing")
    context.obj = Desk(folder.absolute(), persons, key_files, as_json)


def _persons(given: tuple[str, ...]) -> tuple[str, ...]:
    for person in given:
        if not SLUG.fullmatch(person):
            raise click.BadParameter(f"{person!r} is no person's id: a-z, 0-9 and '-'")
    return given


def _key_files(given: tuple[str, ...]) -> Mapping[str, Path]:
    files: dict[str, Path] = {}
    for one in given:
        person, _, file = one.partition("=")
        if not SLUG.fullmatch(person) or not file or person in files:
            raise click.BadParameter(
                f"{one!r} is not of the form PERSON=FILE, once for each person"
            )
        files[person] = Path(file)
    return files


@contextmanager
def _gateway(desk: Desk) -> Iterator[wiring.Gateway]:
    """The gateway of the folder; what is expected to go wrong ends as one sentence."""
    if not desk.persons:
        raise click.UsageError("say who approves: casegate admin --as PERSON ...")
    with told_plainly():
        try:
            with closing(wiring.connect(wiring.load_config(desk.folder))) as gateway:
                yield gateway
        except Refused as refused:
            if desk.as_json:
                told = {"refused": refused.refusal.detail}
                _print_json({**told, "receipt": receipt.to_json(refused.receipt)})
            detail = f"refused, and recorded: {refused.refusal.detail}"
            raise click.ClickException(detail) from refused


def approve(ports: Ports, key_file: Path, person: str, change: Change) -> str:
    """Sign a change with a person's key; KeyFileError when the file holds none."""
    signed = approval.issue(
        person=person,
        audience=ports.issuer,
        action=change.action,
        organisation=change.organisation,
        change=change.values,
        at=ports.now(),
        jti=ports.new_id(),
        signer=keys.load_key(key_file, Purpose.PERSON),
        random=ports.random,
    )
    return signed.compact()


def _make(desk: Desk, gateway: wiring.Gateway, change: Change) -> Written:
    files = {person: desk.key_file(gateway.config, person) for person in desk.persons}
    for person, file in files.items():
        if not file.exists():
            raise KeyFileError(f"{file} does not exist: --key {person}=FILE says where the key is")
    approvals = [approve(gateway.ports, files[p], p, change) for p in desk.persons]
    return administration.administer(gateway.ports, change, approvals)


def _change(desk: Desk, action: str, organisation: str, values: dict[str, Any]) -> None:
    change = Change(action, organisation, {k: v for k, v in values.items() if v is not None})
    with _gateway(desk) as gateway:
        _show(desk, action, _make(desk, gateway, change))


def _show(desk: Desk, action: str, written: Written) -> None:
    if desk.as_json:
        told = {"result": dict(written.result), "receipt": receipt.to_json(written.receipt)}
        _print_json(told)
        return
    values = {name: value for name, value in written.result.items() if name != "event"}
    click.echo(f"{action}: " + ", ".join(f"{name} {_words(v)}" for name, v in values.items()))
    click.echo(f"  recorded as event {written.result['event']}")


def _print_json(told: Mapping[str, Any]) -> None:
    click.echo(json.dumps(told, indent=2))


def _words(value: Any) -> str:
    return " ".join(value) if isinstance(value, list) else str(value)


_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def _text(file: Path | None) -> str | None:
    """A signed statement, or none when no file was named."""
    return None if file is None else file.read_text(encoding="ascii", errors="replace").strip()


def _jwk(file: Path) -> Any:
    try:
        return canonical.decode(file.read_bytes())
    except ValueError as error:
        raise click.ClickException(f"{file} is no JWK: {error}") from error


@admin.group()
def organisation() -> None:
    """Admit, suspend, reinstate, lock and unlock organisations."""


@organisation.command("admit", short_help="Admit an organisation.")
@click.argument("slug")
@click.option("--name", required=True, help="Its name.")
@click.option("--kind", required=True, type=click.Choice(KINDS), help="What it is.")
@click.option("--country", required=True, help="ISO 3166-1 alpha-2, as in FR.")
@click.option("--public-authority", is_flag=True, help="It is an authority under public law.")
@click.option(
    "--regime",
    "regimes",
    multiple=True,
    type=click.Choice([str(r) for r in Regime]),
    default=["gdpr"],
    show_default=True,
    help="Data protection regime; led for competent authorities only.",
)
@click.pass_obj
def admit(
    desk: Desk,
    slug: str,
    name: str,
    kind: str,
    country: str,
    public_authority: bool,
    regimes: tuple[str, ...],
) -> None:
    """Admit an organisation under the id SLUG, which is never used again."""
    values = {
        "name": name,
        "kind": kind,
        "country": country,
        "public_authority": public_authority,
        "regimes": sorted(set(regimes)),
    }
    _change(desk, "organisation.admit", slug, values)


@organisation.command("suspend", short_help="Stop an organisation at once.")
@click.argument("slug")
@click.option("--reason", required=True, help="Why; it stands in the event.")
@click.pass_obj
def suspend(desk: Desk, slug: str, reason: str) -> None:
    """Stop an organisation: its next request is refused, in every worker."""
    _change(desk, "organisation.suspend", slug, {"reason": reason})


@organisation.command("lock")
@click.argument("slug")
@click.option("--statement", required=True, type=_FILE, help="From `casegate keys lock`.")
@click.pass_obj
def lock(desk: Desk, slug: str, statement: Path) -> None:
    """Take from SLUG only what it signs itself, as it asked with a document key."""
    _change(desk, "organisation.lock", slug, {"statement": _text(statement)})


@organisation.command("unlock")
@click.argument("slug")
@click.option("--statement", required=True, type=_FILE, help="From `casegate keys unlock`.")
@click.pass_obj
def unlock(desk: Desk, slug: str, statement: Path) -> None:
    """Attest again what SLUG hands in, as it asked with a document key."""
    _change(desk, "organisation.unlock", slug, {"statement": _text(statement)})


@organisation.command("reinstate")
@click.argument("slug")
@click.option("--reason", required=True, help="Why; it stands in the event.")
@click.pass_obj
def reinstate(desk: Desk, slug: str, reason: str) -> None:
    """Let a suspended organisation work again."""
    _change(desk, "organisation.reinstate", slug, {"reason": reason})


_DAY: dict[str, Any] = {"type": click.DateTime(["%Y-%m-%d"]), "metavar": "YYYY-MM-DD"}
_from = click.option("--from", "start", required=True, help="First day.", **_DAY)
_until = click.option("--until", help="First day without it; open by default.", **_DAY)
_end = click.option("--until", required=True, help="First day without it.", **_DAY)


def _day(value: Any) -> str | None:
    return None if value is None else value.date().isoformat()


@admin.group()
def standing() -> None:
    """Grant and end seats: full, associate, observer."""


@standing.command("grant")
@click.argument("slug")
@click.option(
    "--standing", required=True, type=click.Choice([str(s) for s in Standing]), help="Which seat."
)
@_from
@_until
@click.option("--decision", required=True, help="Reference of the body's decision.")
@click.pass_obj
def grant_standing(
    desk: Desk, slug: str, standing: str, start: Any, until: Any, decision: str
) -> None:
    """Grant a seat to SLUG for a time."""
    values = {
        "standing": standing,
        "from": _day(start),
        "until": _day(until),
        "decision_ref": decision,
    }
    _change(desk, "standing.grant", slug, values)


@standing.command("end")
@click.argument("slug")
@_end
@click.pass_obj
def end_standing(desk: Desk, slug: str, until: Any) -> None:
    """End the seat that SLUG holds."""
    _change(desk, "standing.end", slug, {"until": _day(until)})


@admin.group()
def competence() -> None:
    """Grant and end legal mandates."""


@competence.command("grant")
@click.argument("slug")
@click.option(
    "--function",
    default="receive",
    show_default=True,
    type=click.Choice(FUNCTIONS),
    help="What the mandate is for.",
)
@click.option(
    "--matter",
    required=True,
    type=click.Choice([str(m) for m in Matter]),
    help="The matter that it is competent for.",
)
@click.option("--territory", required=True, help="ISO 3166-1 alpha-2, as in FR.")
@click.option("--legal-act", required=True, help="The act that gives the mandate.")
@_from
@_until
@click.pass_obj
def grant_competence(
    desk: Desk,
    slug: str,
    function: str,
    matter: str,
    territory: str,
    legal_act: str,
    start: Any,
    until: Any,
) -> None:
    """Record that SLUG is competent for a matter in a territory."""
    values = {
        "function": function,
        "matter": matter,
        "territory": territory,
        "legal_act": legal_act,
        "from": _day(start),
        "until": _day(until),
    }
    _change(desk, "competence.grant", slug, values)


@competence.command("end")
@click.argument("slug")
@click.option("--competence", required=True, help="As in receive/csam/FR.")
@_end
@click.pass_obj
def end_competence(desk: Desk, slug: str, competence: str, until: Any) -> None:
    """End a mandate of SLUG."""
    _change(desk, "competence.end", slug, {"competence": competence, "until": _day(until)})


@admin.group()
def system() -> None:
    """Register members' systems."""


@system.command("register", short_help="Register a system and its scopes.")
@click.argument("slug")
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, type=click.Choice(SCOPES), help="By default all.")
@click.pass_obj
def register_system(desk: Desk, slug: str, name: str, scopes: tuple[str, ...]) -> None:
    """Register the system NAME of SLUG, and what it may ask tokens for."""
    values = {"system": name, "scopes": sorted(set(scopes or SCOPES))}
    _change(desk, "system.register", slug, values)


@admin.group()
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
    with _gateway(desk) as gateway, _new_file(out) as file:
        written = _make(desk, gateway, change)
        found = served(gateway, UUID(str(written.result["request"])))
        if found.certificate is None:
            raise click.ClickException(f"the request was refused: {found.refusal}")
        file.write(found.certificate)
        _show(desk, "certificate.issue", written)
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
@click.argument("thumbprint")
@click.option("--reason", required=True, help="Why; it stands in the event.")
@click.pass_obj
def revoke_certificate(desk: Desk, slug: str, thumbprint: str, reason: str) -> None:
    """Revoke the certificate of SLUG with this THUMBPRINT (x5t#S256).

    Its next request is refused, on open connections too.
    """
    values = {"thumbprint": thumbprint, "reason": reason}
    _change(desk, "certificate.revoke", slug, values)


@admin.group()
def key() -> None:
    """Register and revoke the keys with which members sign their own documents."""


@key.command("register")
@click.argument("slug")
@click.option("--jwk", required=True, type=_FILE, help="The public key, `document.jwk`.")
@click.option("--proof", required=True, type=_FILE, help="Its proof of possession.")
@click.option("--countersignature", type=_FILE, help="By a key before it, when there is one.")
@click.pass_obj
def register_key(
    desk: Desk, slug: str, jwk: Path, proof: Path, countersignature: Path | None
) -> None:
    """Register a document key of SLUG, made by `casegate keys new`."""
    values = {
        "jwk": _jwk(jwk),
        "proof": _text(proof),
        "countersignature": _text(countersignature),
    }
    _change(desk, "key.register", slug, values)


@key.command("revoke")
@click.argument("slug")
@click.argument("kid")
@click.option("--reason", required=True)
@click.pass_obj
def revoke_key(desk: Desk, slug: str, kid: str, reason: str) -> None:
    """End a document key of SLUG: nothing new that it signs is taken."""
    _change(desk, "key.revoke", slug, {"kid": kid, "reason": reason})
