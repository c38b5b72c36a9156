"""`casegate admin administrator`: the named administrators themselves."""

import json
import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from uuid import UUID

import click

from gateway import keys, wiring
from gateway.changes import CHANGES
from gateway.cli.admin.session import AdminSession, approvals, opened, read_only, show
from gateway.cli.arguments import FILE, gateway_address, organisation_id, plain_errors
from gateway.cli.output import interactive, print_fields, print_items, print_json, print_table
from gateway.evidence import approval, canonical, key_declaration
from gateway.kernel import changes
from gateway.kernel.changes import Change
from gateway.kernel.ports import Ports, TransactionMode
from gateway.kernel.results import to_json
from gateway.kernel.values import Proposal
from gateway.keys import KeyPurpose
from gateway.registry import queries as entries

_issuer = click.option(
    "--issuer", required=True, callback=gateway_address, help="The gateway's public address."
)


@click.group("administrator")
def admins() -> None:
    """Add administrators, and disable those who leave."""


@admins.command("list")
@click.pass_obj
def list_admins(session: AdminSession) -> None:
    """List the administrators and whether their approvals count."""
    with read_only(session) as gateway:
        found = to_json(entries.administrators(gateway.ports))
    rows = [
        (one["person"], one["name"], "enabled" if one["enabled"] else "disabled") for one in found
    ]
    print_items(session.as_json, found, ("person", "name", "state"), rows)


@admins.command(
    "create-key", short_help="Create a personal key on the new administrator's machine."
)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--person",
    required=True,
    callback=organisation_id,
    help="Whose key it is: the id that `add` will name.",
)
@_issuer
@click.pass_obj
def key(session: AdminSession, folder: Path, person: str, issuer: str) -> None:
    """Create a personal key and its proof in a new FOLDER.

    Keep key.pem. `add` takes key.jwk, the public key, and key.proof, which counts for seven days.
    """
    with plain_errors():
        folder.mkdir(mode=0o700)
        made = keys.generate_key(KeyPurpose.PERSON)
        keys.write_key(folder / "key.pem", made)
        (folder / "key.jwk").write_text(json.dumps(made.public_jwk(), sort_keys=True))
        (folder / "key.proof").write_text(_proof(made, person, issuer))
    if session.as_json:
        print_json({"kid": made.kid, "folder": str(folder)})
        return
    click.echo(
        f"key {made.kid} in {folder}: send key.jwk and key.proof; confirm the key id out of band"
    )


def _proof(made: keys.SigningKey, person: str, issuer: str) -> str:
    return key_declaration.issue(
        organisation=approval.person_uri(issuer, person),
        audience=issuer,
        says=key_declaration.POSSESSION,
        kid=made.kid,
        at=wiring.now(),
        jti=wiring.new_id(),
        signer=made,
        random=secrets.token_bytes,
    ).compact()


@admins.command("sign", short_help="Sign a change on your own machine, for the network.")
@click.argument("file", type=FILE)
@click.option("--person", required=True, callback=organisation_id, help="Who signs.")
@click.option("--key", "key_file", required=True, type=FILE, help="Their key.pem.")
@_issuer
@click.pass_obj
def sign(session: AdminSession, file: Path, person: str, key_file: Path, issuer: str) -> None:
    """Sign the change in FILE and print the approval.

    FILE is a JSON object with action, organisation and values.
    """
    with plain_errors():
        try:
            request = canonical.decode(file.read_bytes())
            change = Change(request["action"], request["organisation"], request["values"])
        except (ValueError, LookupError, TypeError) as error:
            raise click.ClickException(f"{file} is not a change: {error}") from error
        signed = approval.issue(
            person=person,
            audience=issuer,
            action=change.action,
            organisation=change.organisation,
            change=change.values,
            at=wiring.now(),
            jti=wiring.new_id(),
            signer=keys.load_key(key_file, KeyPurpose.PERSON),
            random=secrets.token_bytes,
        )
    if session.as_json:
        print_json({"approval": signed.compact()})
    else:
        click.echo(signed.compact())


# --- Proposals ---


PAGE = 100
"""Proposals that are read in one transaction."""


@click.group()
def proposal() -> None:
    """Read, approve and withdraw waiting changes."""


@proposal.command("list")
@click.option(
    "--all", "all_of_them", is_flag=True, help="Also those applied, withdrawn or expired."
)
@click.pass_obj
def list_(session: AdminSession, all_of_them: bool) -> None:
    """List the proposals that wait, the newest first."""
    with read_only(session) as gateway:
        now = gateway.ports.now()
        found = list(_each(gateway.ports, None if all_of_them else now))
        if session.as_json:
            print_json({"items": [_fields(one) for one in found]})
            return
        header = ("proposal", "action", "organisation", "proposer", "ends")
        rows = [(str(p.id), p.action, p.organisation, p.proposer, _end(p, now)) for p in found]
        print_table(header, rows)


def _each(ports: Ports, waiting: datetime | None) -> Iterator[Proposal]:
    """All that wait at a moment, or all there are, page by page."""
    before: UUID | None = None
    while True:
        with ports.begin(TransactionMode.READ) as work:
            found = work.proposals.page(before, PAGE, waiting)
        yield from found
        if len(found) < PAGE:
            return
        before = found[-1].id


@proposal.command("show")
@click.argument("proposal_id", metavar="PROPOSAL", type=click.UUID)
@click.pass_obj
def show_(session: AdminSession, proposal_id: UUID) -> None:
    """Show a proposal with its values."""
    with read_only(session) as gateway:
        one = _find(gateway.ports, proposal_id)
        if session.as_json:
            print_json(_fields(one))
        else:
            _print(one)


@proposal.command("approve")
@click.argument("proposal_id", metavar="PROPOSAL", type=click.UUID)
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.pass_obj
def approve(session: AdminSession, proposal_id: UUID, yes: bool) -> None:
    """Sign PROPOSAL and apply its change.

    The person of --as must not be its proposer. The change is shown first and must be confirmed;
    a script gives --yes.
    """
    with _one_person(session) as gateway:
        one = _find(gateway.ports, proposal_id)
        if not yes:
            _agree(session, one)
        change = changes.change_of(one)
        (approval,) = approvals(session, gateway, change)
        done = changes.approve(gateway.ports, CHANGES, proposal_id, approval)
        show(session, change.action, done)


@proposal.command("withdraw")
@click.argument("proposal_id", metavar="PROPOSAL", type=click.UUID)
@click.pass_obj
def withdraw(session: AdminSession, proposal_id: UUID) -> None:
    """Withdraw PROPOSAL before it is applied.

    Only its proposer can: --as PERSON.
    """
    with _one_person(session) as gateway:
        change = changes.withdrawal_of(proposal_id)
        (approval,) = approvals(session, gateway, change)
        show(session, change.action, changes.withdraw(gateway.ports, proposal_id, approval))


def _one_person(session: AdminSession) -> AbstractContextManager[wiring.GatewayRuntime]:
    if len(session.persons) > 1:
        raise click.UsageError("one person approves, or withdraws: give --as once")
    return opened(session)


def _agree(session: AdminSession, one: Proposal) -> None:
    if session.as_json or not interactive():
        raise click.UsageError(
            "confirm what you sign: read it with `proposal show`, then give --yes"
        )
    _print(one)
    click.confirm("Sign and apply this change?", abort=True)


def _find(ports: Ports, proposal_id: UUID) -> Proposal:
    with ports.begin(TransactionMode.READ) as work:
        found = work.proposals.get(proposal_id)
    if found is None:
        raise click.ClickException(changes.NO_PROPOSAL)
    return found


def _end(one: Proposal, now: datetime) -> str:
    if one.applied_event is not None:
        return "made"
    if one.withdrawal_event is not None:
        return "withdrawn"
    return "over" if one.expires_at < now else one.expires_at.isoformat(timespec="minutes")


def _print(one: Proposal) -> None:
    print_fields({**_fields(one), "values": one.values})


def _fields(one: Proposal) -> dict[str, object]:
    return {
        "proposal": str(one.id),
        "action": one.action,
        "organisation": one.organisation,
        "values": canonical.decode(one.values.encode()),
        "proposer": one.proposer,
        "expires_at": one.expires_at.isoformat(),
        "applied_event": None if one.applied_event is None else str(one.applied_event),
        "withdrawal_event": None if one.withdrawal_event is None else str(one.withdrawal_event),
    }
