"""`casegate admin administrator`: the named administrators themselves."""

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from gateway import keys
from gateway.changes import CHANGES
from gateway.cli import output
from gateway.cli.admin.nouns import NOUNS
from gateway.cli.admin.session import (
    AdminSession,
    Registry,
    place,
    registry,
    show,
    sign,
    warnings,
)
from gateway.cli.arguments import (
    ANY_FOLDER,
    FILE,
    NewFile,
    gateway_address,
    organisation_id,
    plain_errors,
)
from gateway.cli.system import declare
from gateway.client.connection import render_administrators
from gateway.client.errors import raising
from gateway.client.gateway import new_id, now
from gateway.domain.organisation import Status
from gateway.evidence import canonical, declarations
from gateway.evidence.signature import thumbprint
from gateway.kernel.changes import Change
from gateway.kernel.fields import NOT_READ
from gateway.keys import KeyPurpose
from gateway.registry.queries import COMING

_issuer = click.option(
    "--issuer", required=True, callback=gateway_address, help="The gateway's public address."
)


@NOUNS["administrator"].command("list")
@click.option(
    "--out",
    type=NewFile(),
    metavar="FILE",
    help="Write their public keys for who verifies what they approve (administrators.json).",
)
@click.pass_obj
def list_admins(session: AdminSession, out: Path | None) -> None:
    """List administrators, and whose approvals count.

    --out has all of them, also those whose approvals count no more: they decided earlier changes.
    Hand the file over in person, as the log's key.

    Example: casegate admin --home gw administrator list --out administrators.json
    """
    with registry(session, reads=True) as reached:
        found = reached.administrators()
        known = reached.addresses() if out else {}
    if out is not None:
        if not known["administrators"]:
            raise click.ClickException(
                "your connection holds no keys of administrators: have the file written on the "
                "gateway's host"
            )
        output.write_new(out, render_administrators(known["issuer"], known["administrators"]))
        if not output.for_machines():
            click.echo(f"{out} has their public keys: hand it over in person")
    states = {True: "enabled", False: "disabled"}
    output.print_items(
        found,
        "person",
        "name",
        ("state", lambda one: states[one["enabled"]]),
        ("key id", lambda one: thumbprint(one["jwk"])),
    )


@NOUNS["administrator"].command(
    "create-key", short_help="Create a personal key on the new administrator's machine."
)
@click.argument("folder", type=ANY_FOLDER)
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

    \b
    Example: casegate admin administrator create-key dubois \\
        --person dubois --issuer https://gateway.example.org
    """
    with plain_errors():
        folder.mkdir(mode=0o700)
        made = keys.generate_key(KeyPurpose.PERSON)
        keys.write_key(folder / "key.pem", made)
        (folder / "key.jwk").write_text(json.dumps(made.public_jwk(), sort_keys=True))
        whose = declarations.person_uri(issuer, person)
        proof = declare(made, declarations.POSSESSION, made.kid, whose, issuer)
        (folder / "key.proof").write_text(proof)
    if output.reply({"kid": made.kid, "folder": str(folder)}):
        return
    click.echo(
        f"key {made.kid} in {folder}: send key.jwk and key.proof; confirm the key id out of band"
    )


_NO_CHANGE = (ValueError, LookupError, TypeError)
"""How a file that holds no change is found out."""


@NOUNS["administrator"].command(
    "sign", short_help="Sign a change on your own machine, for the network."
)
@click.argument("file", type=FILE)
@click.option("--person", required=True, callback=organisation_id, help="Who signs.")
@click.option("--key", "key_file", required=True, type=FILE, help="Their key.pem.")
@_issuer
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.pass_obj
def sign_change(
    session: AdminSession, file: Path, person: str, key_file: Path, issuer: str, yes: bool
) -> None:
    """Sign the change in FILE and print the approval.

    FILE is a JSON object with action, organisation and values. What is signed is shown first and
    must be confirmed; a script gives --yes.

    \b
    Example: casegate admin administrator sign change.json \\
        --person martin --key key.pem \\
        --issuer https://gateway.example.org
    """
    with plain_errors():
        with raising(click.ClickException, f"{file} is not a change", _NO_CHANGE):
            request = canonical.decode(file.read_bytes())
            values = dict(request["values"])
            change = Change(request["action"], request["organisation"], values)
        if not yes:
            _agree({"gateway": issuer, **request}, "Sign this change?")
        signed = sign(issuer, key_file, person, change, now(), new_id())
    output.reply({"approval": signed}, signed)


# --- What waits ---


def _next(entry: Mapping[str, Any], invited: Sequence[Mapping[str, Any]]) -> str:
    """Return what is missing of an organisation on its way, the last step last."""
    status, slug = Status(entry["status"]), entry["organisation"]
    if status is Status.APPLIED:
        return "organisation approve"
    missing = []
    if not entry["memberships"] and not entry["mandates"]:
        missing.append("membership grant or mandate grant")
    if not entry["staff_register"]:
        missing.append("staff establish")
    if status is Status.ENROLLED:
        passed = entry["conformance_passed"]
        missing.append("organisation activate" if passed else "it passes its conformance run")
    elif any(one["organisation"] == slug for one in invited):
        missing.append("it enrols by its invitation")
    else:
        missing += [*([] if entry["systems"] else ["system register"]), "invitation create"]
    return ", ".join(missing)


@click.command()
@click.pass_obj
def waiting(session: AdminSession) -> None:
    """List what waits for administrators.

    Proposals, applicants on their way to membership, and invitations nobody has used yet.
    """
    with registry(session, reads=True) as reached:
        waits = reached.proposals(waiting=True)
        proposed = [reached.proposal(UUID(one["proposal"])) for one in waits]
        invited = reached.invitations()
        coming = [
            {**one, "next": _next(reached.organisation(one["organisation"], None), invited)}
            for status in COMING
            for one in reached.organisations(str(status))
        ]
    if output.reply({"proposals": proposed, "organisations": coming, "invitations": invited}):
        return
    rows = [
        *((_proposed(one), _closes(one), _approves(one)) for one in proposed),
        *((f"{one['organisation']} is {one['status']}", one["next"], "-") for one in coming),
        *(
            (
                f"{one['organisation']}.{one['system']} is invited",
                f"until {output.format_time(one['expires_at'])}",
                "-",
            )
            for one in invited
        ),
    ]
    if rows:
        output.print_table(("what waits", "next", "then"), rows)
        click.echo(f"Each by: casegate admin {place(session)} --as PERSON ...")
    else:
        click.echo("Nothing waits.")


def _proposed(one: Mapping[str, Any]) -> str:
    """Print what is proposed, by whom and until when; of its values, those of a few words."""
    values = (f"{n} {output.format_value(v)}" for n, v in one["values"].items() if _is_short(v))
    what = ", ".join((f"{one['action']} {one['organisation']}", *values))
    return f"{what}; by {one['proposer']}, until {output.format_time(one['expires_at'])}"


def _is_short(value: Any) -> bool:
    return isinstance(value, str | bool | list) and len(output.format_value(value)) < _FEW


_FEW = 40
"""Characters of a value in a list of proposals; `proposal show` has all."""


def _closes(one: Mapping[str, Any]) -> str:
    if one["refusal"]:
        return f"{_CANNOT.format(one['refusal'])} (proposal withdraw {one['proposal']})"
    return f"proposal show {one['proposal']}"


def _approves(one: Mapping[str, Any]) -> str:
    """Print what follows the reading of it; at a terminal it asks without --yes, too."""
    return "-" if one["refusal"] else f"proposal approve {one['proposal']} --yes"


_CANNOT = "cannot be applied any more: {}; its proposer withdraws it, or its time ends it"


# --- Proposals ---


@NOUNS["proposal"].command("list")
@click.option(
    "--all", "all_of_them", is_flag=True, help="Also those applied, withdrawn or expired."
)
@click.pass_obj
def list_(session: AdminSession, all_of_them: bool) -> None:
    """List the proposals that wait, the newest first."""
    with registry(session, reads=True) as reached:
        found = reached.proposals(waiting=not all_of_them)
    output.print_items(found, "proposal", "action", "organisation", "proposer", ("state", _state))


@NOUNS["proposal"].command("show")
@click.argument("proposal_id", metavar="PROPOSAL", type=click.UUID)
@click.pass_obj
def show_(session: AdminSession, proposal_id: UUID) -> None:
    """Show a proposal with its values."""
    with registry(session, reads=True) as reached:
        one = reached.proposal(proposal_id)
    if not output.reply(one):
        _print(one)


@NOUNS["proposal"].command("approve")
@click.argument("proposal_id", metavar="PROPOSAL", type=click.UUID)
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.pass_obj
def approve(session: AdminSession, proposal_id: UUID, yes: bool) -> None:
    """Sign PROPOSAL and apply its change.

    The person of --as must not be its proposer. The change is shown first and must be confirmed;
    a script gives --yes.

    Example: casegate admin --as dubois proposal approve 0198...
    """
    with _one_person(session) as reached:
        one = reached.proposal(proposal_id)
        if not yes:
            _agree(one, "Sign and apply this change?")
        change = Change(one["action"], one["organisation"], one["values"])
        show(change.action, reached.approve(proposal_id, change))


@NOUNS["proposal"].command("withdraw")
@click.argument("proposal_id", metavar="PROPOSAL", type=click.UUID)
@click.pass_obj
def withdraw(session: AdminSession, proposal_id: UUID) -> None:
    """Withdraw PROPOSAL before it is applied.

    Only its proposer can: --as PERSON.

    Example: casegate admin --as martin proposal withdraw 0198...
    """
    with _one_person(session) as reached:
        show("proposal.withdraw", reached.withdraw(proposal_id))


def _one_person(session: AdminSession) -> AbstractContextManager[Registry]:
    if len(session.persons) > 1:
        raise click.UsageError("one person approves, or withdraws: give --as once")
    return registry(session)


def _agree(shown: Mapping[str, Any], question: str) -> None:
    if output.for_machines() or not output.interactive():
        raise click.UsageError(
            "confirm what you sign: read it with `proposal show`, then give --yes"
        )
    kind = CHANGES.get(shown["action"])
    _print({**shown, "for good": kind.loses if kind else ""})
    click.confirm(question, abort=True)


def _state(one: Mapping[str, Any]) -> str:
    if one["applied_event"] is not None:
        return "made"
    if one["withdrawal_event"] is not None:
        return "withdrawn"
    ends = datetime.fromisoformat(one["expires_at"])
    return "over" if ends < now() else f"waits until {output.format_time(ends)}"


def _print(one: Mapping[str, Any]) -> None:
    """Return what is proposed: of a key, first the id that is compared; then the values in
    words."""
    told = {"values", "refusal", "overlaps"}
    fields = {name: value for name, value in one.items() if name not in told}
    values = {name: output.format_value(value) for name, value in one["values"].items()}
    with suppress(*NOT_READ):
        # Of the key itself: a proposer may have written any kid beside it.
        fields = {"key id, to compare": thumbprint(one["values"]["jwk"]), **fields}
        for name in ("jwk", "proof"):  # the id says which key it is: no eye compares more
            values.pop(name, None)
    output.print_fields(fields)
    click.echo("values")
    output.print_fields(values)
    if one.get("refusal"):
        output.print_wrapped(_CANNOT.format(one["refusal"]), "  WARNING: ", 4)
    for sentence in warnings(one):
        output.print_wrapped(sentence, "  WARNING: ", 4)
