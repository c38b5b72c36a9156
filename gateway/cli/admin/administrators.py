"""`casegate admin administrator`: the named administrators themselves."""

import json
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from gateway import keys
from gateway.changes import CHANGES
from gateway.cli import output, wording
from gateway.cli.admin.change_command import place, show, warnings
from gateway.cli.admin.nouns import NOUNS
from gateway.cli.admin.registry import Registry, registry
from gateway.cli.admin.session import AdminSession, sign
from gateway.cli.arguments import (
    ANY_FOLDER,
    FILE,
    NewFile,
    gateway_address,
    organisation_id,
    plain_errors,
)
from gateway.cli.findings import print_findings
from gateway.cli.system import declare
from gateway.cli.wording import say, screen_language
from gateway.client.connection import render_administrators
from gateway.client.errors import raising
from gateway.client.gateway import new_id, now
from gateway.domain.audit_event import EVENT_TYPES
from gateway.domain.health import Finding, Level
from gateway.domain.organisation import Status
from gateway.domain.worklist import AdminGroup
from gateway.evidence import canonical, declarations
from gateway.evidence.signature import thumbprint
from gateway.kernel.changes import Change, digest_of
from gateway.kernel.fields import NOT_READ
from gateway.keys import KeyPurpose
from gateway.text import catalogue

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
        ("key ids", lambda one: ", ".join(map(thumbprint, [one["jwk"], *one["passkeys"]]))),
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


@click.command()
@screen_language
@click.pass_obj
def waiting(session: AdminSession) -> None:
    """List what waits for administrators.

    To sign by the person of --as; what waits for others, also your own proposals; what ends within
    30 days; what is overdue. In each the oldest is first.
    """
    person = session.persons[0] if session.persons else None
    with registry(session, reads=True) as reached:
        found = reached.worklist(person)
        named = [UUID(one["proposal"]) for one in found if one["group"] == AdminGroup.SIGN
                 and one["proposal"]]  # fmt: skip
        why = {str(one): reached.proposal(one)["refusal"] for one in named}
    items = [{**one, "refusal": why.get(one["proposal"])} for one in found]
    if output.reply({"items": items}):
        return
    for group, rows in groupby(items, itemgetter("group")):
        click.echo(output.colour(say(_GROUPS[group]), "cyan"))
        for _, about in groupby(rows, _signed_together):
            several = [*about]
            for one in several:
                output.print_wrapped(output.sanitise(_said(one)), "  ", 4)
            command = several[0]["command"]
            if len(several) > 1:
                command = f"proposal approve --organisation {several[0]['organisation']}"
            if command:
                at = f"{place(session)} --as {person or 'PERSON'}"
                wording.print_next(f"admin {at} {command}")
    if not items:
        click.echo(say("nothing_waits"))


def _signed_together(one: Mapping[str, Any]) -> tuple[Any, ...]:
    """Proposals of one organisation, which are signed on one page; all else stands by itself."""
    signs = one["group"] == AdminGroup.SIGN and one["proposal"]
    return (one["organisation"],) if signs else (one["organisation"], id(one))


_GROUPS: Mapping[str, str] = {
    AdminGroup.SIGN: "sign",
    AdminGroup.OTHERS: "others",
    AdminGroup.ENDS: "ends_soon",
    AdminGroup.OVERDUE: "overdue_group",
}


def _said(one: Mapping[str, Any]) -> str:
    """Return what waits, of whom; of a proposal its short values, who made it, and why it can be
    made no more."""
    kind, who = str(one["kind"]), one["organisation"]
    what = wording.code("administrators", kind)
    if kind in EVENT_TYPES:  # of a change, by its event's words
        what = catalogue.word("events", EVENT_TYPES[kind].name, wording.language())
    values = [
        f"{wording.label(name)} {wording.code(name, value)}"
        for name, value in one["values"].items()
        if isinstance(value, str | bool | list) and len(output.format_value(value)) < _FEW
    ]
    if one["name"]:
        who = say("member", name=one["name"], organisation=who)
    told = [say("with_reference", reference=who, what=what) if who else what]
    told += [*([wording.code("about", one["about"])] if one["about"] else []), *values]
    if one["proposer"]:
        told.append(say("proposed_by", person=one["proposer"]))
    if one["due_at"]:
        told.append(say("open_until", time=output.format_time(one["due_at"])))
    if one.get("refusal"):
        told.append(say("cannot", why=one["refusal"]))
    return ", ".join(told)


_FEW = 40
"""Characters of a value in a list of proposals; `proposal show` has all."""


# --- How the gateway is ---


@click.command()
@screen_language
@click.pass_obj
def health(session: AdminSession) -> None:
    """Show how the gateway is, and what ends when.

    It is what maintenance found last. Over the network this takes a system with the scope health.
    Exit status as of `casegate doctor`: 0 all is well, 1 there are warnings, 2 there are errors.
    """
    with registry(session, reads=True) as reached:
        found = reached.health()
    if not output.reply(found):
        for node in found["nodes"]:
            if node["node"]:
                values = {"node": node["node"], "time": output.format_time(node["made_at"])}
                click.echo(output.colour(say("looked_at", **values), "cyan"))
            print_findings(
                Finding(one["check"], Level(one["level"]), one["sentence"])
                for one in node["findings"]
            )
        for one in found["ends"]:
            about = catalogue.finding(one["what"], wording.language())
            kind = wording.code("administrators", one["kind"]) if one["kind"] != "own" else ""
            what = " ".join(filter(None, (one["organisation"], kind, about)))
            click.echo(
                output.sanitise(say("ends_at", what=what, time=output.format_time(one["at"])))
            )
    sys.exit(Level(found["worst"]).rank)


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
@click.argument("proposal_id", metavar="PROPOSAL", type=click.UUID, required=False)
@click.option(
    "--organisation",
    callback=organisation_id,
    metavar="ORGANISATION",
    help="Instead of one: all that wait for you about it, the oldest first.",
)
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.pass_obj
def approve(
    session: AdminSession, proposal_id: UUID | None, organisation: str | None, yes: bool
) -> None:
    """Sign PROPOSAL and apply its change.

    The person of --as must not be its proposer. The change is shown first and must be confirmed;
    a script gives --yes. With --organisation all are shown on one page, each with the digest that
    is signed; the first that is refused ends it.

    Example: casegate admin --as dubois proposal approve 0198...
    """
    if (proposal_id is None) is (organisation is None):
        raise click.UsageError("name a PROPOSAL, or give --organisation")
    with _one_person(session) as reached:
        named = [proposal_id] if proposal_id else []
        for one in reached.worklist(session.persons[0]) if organisation else ():
            if one["organisation"] == organisation and one["proposal"] and one["command"]:
                named.append(UUID(one["proposal"]))
        if not named:
            raise click.ClickException("nothing waits for you there: see `casegate admin waiting`")
        found = [reached.proposal(one) for one in named]
        if organisation and any(one["organisation"] != organisation for one in found):
            raise click.ClickException("nothing was signed: the gateway gives changes of another")
        made = [Change(one["action"], one["organisation"], one["values"]) for one in found]
        if not yes:
            entry = reached.organisation(organisation, None) if organisation else {}
            if entry.get("status") == Status.APPLIED and entry["application"]:
                asked = {name: entry[name] for name in _ASKED}
                output.print_members({**asked, **entry["application"]})
                click.echo()
            for one, change in zip(found[:-1], made, strict=False):
                _show_change({**one, "digest": digest_of(change)})
                click.echo()
            what = "this change" if len(found) == 1 else f"these {len(found)} changes"
            _agree({**found[-1], "digest": digest_of(made[-1])}, f"Sign and apply {what}?")
        for one, change in zip(named, made, strict=True):
            show(change.action, reached.approve(one, change))


_ASKED = ("organisation", "name", "kind", "country", "public_authority", "regimes")
"""What an organisation applied for beside its application, as one person recorded it: it is shown
before that is decided."""


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


@NOUNS["proposal"].command("refuse")
@click.argument("proposal_id", metavar="PROPOSAL", type=click.UUID)
@click.option("--reason", required=True, help="Why; its proposer reads it.")
@click.pass_obj
def refuse(session: AdminSession, proposal_id: UUID, reason: str) -> None:
    """Refuse PROPOSAL for good, with a reason.

    The person of --as must not be its proposer, who withdraws it.

    Example: casegate admin --as dubois proposal refuse 0198... --reason 'The act is of 2025'
    """
    with _one_person(session) as reached:
        show("proposal.refuse", reached.refuse(proposal_id, reason))


def _one_person(session: AdminSession) -> AbstractContextManager[Registry]:
    if len(session.persons) > 1:
        raise click.UsageError("one person approves, refuses or withdraws: give --as once")
    return registry(session)


def _agree(shown: Mapping[str, Any], question: str) -> None:
    if output.for_machines() or not output.interactive():
        raise click.UsageError(
            "confirm what you sign: read it with `proposal show`, then give --yes"
        )
    _show_change(shown)
    click.confirm(question, abort=True)


def _show_change(shown: Mapping[str, Any]) -> None:
    kind = CHANGES.get(shown["action"])
    _print({**shown, "for good": kind.loses if kind else ""})


def _state(one: Mapping[str, Any]) -> str:
    if one["applied_event"] is not None:
        return "made"
    if one["withdrawal_event"] is not None:
        return "withdrawn or refused"
    ends = datetime.fromisoformat(one["expires_at"])
    return "over" if ends < now() else f"waits until {output.format_time(ends)}"


def _print(one: Mapping[str, Any]) -> None:
    """Return what is proposed: of a key, first the id that is compared; then the values in
    words."""
    told = {
        "values",
        "refusal",
        "overlaps",
        *([] if one.get("refused_because") else ["refused_because"]),
    }
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
        output.print_wrapped(say("cannot", why=one["refusal"]), "  WARNING: ", 4)
    for sentence in warnings(one):
        output.print_wrapped(sentence, "  WARNING: ", 4)
