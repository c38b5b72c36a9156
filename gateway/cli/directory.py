"""`casegate directory`, `succession` and `staff`: the members, and who acts for one's own."""

import csv
import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from gateway.cli import arguments, output
from gateway.cli.partner_command import (
    EPILOG,
    WriteReport,
    partner,
    partner_command,
    save_json,
    write_command,
)
from gateway.cli.steps import add_steps
from gateway.client import Gateway
from gateway.client.connection import render_administrators
from gateway.client.errors import raising
from gateway.domain.enrolment import TOKEN_BYTES
from gateway.domain.item_value import defang_text
from gateway.domain.organisation import KINDS
from gateway.domain.staff import RegisterRole
from gateway.evidence import base64url


@click.group(epilog=EPILOG)
def directory() -> None:
    """List members and show their memberships, mandates and keys."""


_organisation = click.argument("organisation", callback=arguments.organisation_name)


@partner_command(
    directory,
    click.option("--kind", type=arguments.Words(KINDS), help="Only organisations of this kind."),
    click.option(
        "--competence",
        type=arguments.Competence(),
        help="Only its holder today, as receive/csam/FR.",
    ),
    name="list",
)
def list_members(gateway: Gateway, kind: str | None, competence: str | None) -> None:
    """List members, memberships and mandates.

    Example: casegate directory list --kind police_office
    """
    found = list(gateway.organisations(kind, competence))
    mandates = ("competent for", lambda one: [each["competence"] for each in one["mandates"]])
    columns = ("name", "kind", "country", ("membership", _membership), mandates)
    output.print_items(found, ("id", "organisation"), *columns)


def _membership(one: Mapping[str, Any]) -> str:
    if not one["active"]:
        return "not active"
    return f"{one['membership'] or 'none'}{'' if one['addressable'] else ' (no system)'}"


@partner_command(directory, _organisation, name="show")
def show_member(gateway: Gateway, organisation: str) -> None:
    """Show what the directory has on ORGANISATION."""
    found = gateway.organisation(organisation)
    if output.reply(found):
        return
    output.say(f"{found['organisation']} ({found['name']})")
    reached = "at any hour" if found["duty_contact"] else "not on duty: telephone"
    shown = {n: v for n, v in found.items() if n not in ("organisation", "name", "duty_contact")}
    output.print_fields({**shown, "reached": reached})


@partner_command(directory, name="peers")
def list_peers(gateway: Gateway) -> None:
    """List the peer gateways whose keys two persons compared.

    The members of one are named by its id: ofmin@fr is ofmin at the peer fr. The log proves the
    keys; they are kept beside the connection file.
    """
    found = [
        {
            "id": one.alias,
            "issuer": one.issuer,
            "log_keys": [*map(str, one.log_keys)],
            "attestation_keys": [*one.gateway_keys],
        }
        for one in gateway.peers()
    ]
    output.print_items(found, "id", "issuer", ("log", "log_keys"))


@partner_command(directory, _organisation)
def attestation(gateway: Gateway, organisation: str) -> None:
    """Print the signed attestation of a member.

    The gateway signs that ORGANISATION is a member; the signature is verified first. Only the
    document is on the output; what it says is on the error stream.

    Example: casegate directory attestation ofmin > ofmin.jwt
    """
    text, mark = gateway.status(organisation)
    found = {"attestation": text, "says": mark.describe(), "expires_at": mark.ends.isoformat()}
    if output.reply(found, text):
        return
    output.say(f"Verified: {mark.describe()}.", err=True)


@partner_command(
    directory,
    _organisation,
    click.option(
        "--out",
        type=arguments.NewFile(),
        help="The new file; by default ORGANISATION.json in organisation_keys of the connection.",
    ),
)
def keys(gateway: Gateway, organisation: str, out: Path | None) -> None:
    """Save the document keys of ORGANISATION with their receipts.

    The file is a JWK set for the folder organisation_keys. Trust it once you have compared the
    key ids with the organisation out of band.
    """
    if out is None:
        folder = gateway.connection.organisation_keys
        if folder is None:
            raise click.UsageError("the connection has no organisation_keys: give --out")
        with arguments.plain_errors():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        out = folder / f"{organisation}.json"
    found = gateway.member_keys(organisation)
    if not found.records:
        raise click.ClickException(f"{organisation} has registered no document key")
    save_json(out, found.to_json())
    ended = {one.kid: one.describe() for one in found.revoked}
    sizes = {one.kid: one.size for one in found.statuses}
    items = [
        {
            "kid": one.kid,
            "origin": one.describe(),
            "revocation": ended.get(one.kid),
            "unrevoked_below": sizes.get(one.kid),
        }
        for one in found.origins
    ]
    output.reply(
        {"organisation": organisation, "file": str(out), "keys": items},
        *(one.describe() for one in found.origins),
        *(one.describe() for one in found.revoked),
        *(one.describe() for one in found.statuses),
        f"Saved {out}. Compare the key ids with {organisation} out of band.",
    )


# --- `casegate succession`: mandates that move to or from one's own, and its approval ---


@click.group(epilog=EPILOG)
def succession() -> None:
    """List and approve successions of your organisation's mandates."""


@succession.command("list", epilog=EPILOG)
@partner
def list_successions(gateway: Gateway) -> None:
    """List the mandates that move to or from you, oldest first."""
    print_successions(gateway.successions())


def print_successions(found: Sequence[Mapping[str, Any]]) -> None:
    """Print a line for each succession, with what it waits for."""
    parties = (("from", "predecessor"), ("to", "successor"))
    when = ("effective_on", ("waits for", _waits))
    output.print_items(found, ("id", "succession"), "competence", *parties, *when)


def _waits(one: Mapping[str, Any]) -> str:
    if one["cancelled"]:
        return "nothing: cancelled"
    return "nothing: applied" if one["applied"] else output.format_value(one["waits_for"])


@succession.command(epilog=EPILOG)
@click.argument("succession", type=click.UUID)
@partner
def show(gateway: Gateway, succession: UUID) -> None:
    """Show which mandate moves, when, and who has to approve it."""
    found = gateway.succession(succession)
    if output.reply(found):
        return
    told = {n: defang_text(v) if isinstance(v, str) else v for n, v in found.items()}
    told["approved by"] = output.format_value(approved_by(found))
    output.print_members(told, "approvals")


def approved_by(shown: Mapping[str, Any]) -> list[str]:
    """The organisations that approved, and which of them signed their approval themselves."""
    return [
        f"{one['organisation']} (signed)" if one["document"] else str(one["organisation"])
        for one in shown["approvals"]
    ]


add_steps(succession)


# --- `casegate staff`: the register of who acts for this organisation, by pseudonym and role ---


COLUMNS = ("roles", "from", "until")
"""Of a file of persons; ``roles`` are separated by spaces, empty days are left out."""


@click.group(epilog=EPILOG)
def staff() -> None:
    """Keep your staff register: who may be named by --by.

    It holds pseudonyms and roles, never names: note yourself whose each pseudonym is, where your
    organisation keeps such things. The gateway's administrators enter your first persons.
    """


def _read(file: Path) -> list[dict[str, Any]]:
    """The persons of a CSV file, one a line below its headings."""
    with file.open(encoding="utf-8-sig", newline="") as text:
        rows = csv.DictReader(text, strict=True)
        with raising(click.UsageError, f"{file} is not a CSV file", (csv.Error, UnicodeError)):
            if "roles" not in (rows.fieldnames or ()) or set(rows.fieldnames or ()) - {*COLUMNS}:
                raise click.UsageError(f"The headings of {file} are: {','.join(COLUMNS)}.")
            entries = []
            for row in rows:
                if None in row:
                    place = f"{file}, line {rows.line_num}"
                    raise click.UsageError(f"{place} has more cells than headings.")
                entry = {name: text.strip() for name, text in row.items() if text and text.strip()}
                entries.append({**entry, "roles": entry.get("roles", "").split()})
            return entries


@write_command(
    staff,
    click.option(
        "--role",
        "roles",
        multiple=True,
        type=arguments.Words(RegisterRole),
        help="A role of the person; repeat it for each.",
    ),
    click.option("--from", "start", type=arguments.CalendarDay(), help="First day; else today."),
    click.option("--until", type=arguments.CalendarDay(), help="First day without it."),
    click.option(
        "--file",
        type=arguments.FILE,
        help="Several persons: CSV with the headings roles,from,until; roles separated by spaces.",
    ),
    click.option(
        "--approved-by",
        multiple=True,
        metavar="PSEUDONYM",
        help="Give it twice for an approver or head: two others in force as approver or head.",
    ),
    click.option("--temporary", is_flag=True, help="Holds at once, and for 24 hours only."),
)
def add(
    gateway: Gateway,
    by: str,
    roles: tuple[str, ...],
    start: date | None,
    until: date | None,
    file: Path | None,
    approved_by: tuple[str, ...],
    temporary: bool,
) -> WriteReport:
    """Enter persons; the gateway draws their pseudonyms.

    The gateway draws pseudonyms, and prints them in the order of the file. A head, liaison or duty
    person can add somebody for a night with --temporary.

    Example: casegate staff add --by pdc-1 --role analyst
    """
    if bool(roles) is bool(file) or (file and (start or until)):
        raise click.UsageError("Give --role with its days, or --file.")
    days = {name: day.isoformat() for name, day in (("from", start), ("until", until)) if day}
    entries = [{"roles": [*roles], **days}] if file is None else _read(file)
    written = gateway.add_staff(entries, by, approved_by=approved_by, temporary=temporary)
    made = written.result["entries"]
    return written, "; ".join(f"{one['pseudonym']} is {', '.join(one['roles'])}" for one in made)


@partner_command(
    staff,
    click.option(
        "--out",
        type=arguments.NewFile(),
        metavar="FILE",
        help="Write the passkeys for who verifies what persons signed (persons.json).",
    ),
    name="list",
)
def list_(gateway: Gateway, out: Path | None) -> None:
    """List your register, with the entries that ended.

    --out has all passkeys, also those that count no more: they signed earlier acts. It tells whose
    each key is: hand it to nobody but those who verify your receipts.
    """
    found = list(gateway.staff())
    if out is not None:
        own, issuer = gateway.connection.organisation, gateway.connection.issuer
        keys = {f"{own}/{one['pseudonym']}": {"keys": one["passkeys"]} for one in found}
        signing = {name: one for name, one in keys.items() if one["keys"]}
        output.write_new(out, render_administrators(issuer, signing))
    until = ("until", lambda one: one["ends_at"] or one["until"])
    output.print_items(found, "pseudonym", "roles", "from", until, "in_force")


add_steps(staff)

_PERSON = click.argument("pseudonym", metavar="PSEUDONYM")


@write_command(
    staff,
    _PERSON,
    click.option(
        "--approved-by",
        multiple=True,
        metavar="PSEUDONYM",
        help="Who agrees, in force as approver or head: two of them for an approver or head; one "
        "where you entered the person, or they have or had a passkey.",
    ),
)
def invite(gateway: Gateway, by: str, pseudonym: str, approved_by: tuple[str, ...]) -> WriteReport:
    """Invite a person to make a passkey, by which they sign in a browser.

    It prints a token once: give it to that person alone, within 72 hours.

    Example: casegate staff invite pdc-7k3f --by pdc-1
    """
    token = base64url.encode(secrets.token_bytes(TOKEN_BYTES))
    digest = base64url.digest(token.encode())
    written = gateway.invite_staff(pseudonym, digest, by, approved_by=approved_by)
    return written, f"{pseudonym} may make a passkey with the token {token}"


@write_command(
    staff,
    click.option("--passkey", type=arguments.FILE, required=True, help="Its public key, a JWK."),
    click.option("--proof", type=arguments.FILE, required=True, help="What it signed of itself."),
    click.option("--token", type=arguments.FILE, required=True, help="The invitation's token."),
)
def register_passkey(
    gateway: Gateway, by: str, passkey: Path, proof: Path, token: Path
) -> WriteReport:
    """Register the passkey of the person who was invited.

    A page of your own made it. The gateway's console does this for its persons.
    """
    with raising(click.UsageError, "a file holds nothing of the kind", ValueError):
        said, given = proof.read_text("ascii").strip(), token.read_text("ascii").strip()
        jwk = json.loads(passkey.read_text("ascii"))
    written = gateway.register_passkey(by, given, jwk, said)
    return written, f"{by} signs with the passkey {written.result['kid']}"


@write_command(
    staff,
    _PERSON,
    click.argument("kid", metavar="KEY"),
    click.option(
        "--approved-by",
        multiple=True,
        metavar="PSEUDONYM",
        help="Who agrees, in force as approver or head, where fewer than two others would have "
        "a passkey.",
    ),
)
def revoke_passkey(
    gateway: Gateway, by: str, pseudonym: str, kid: str, approved_by: tuple[str, ...]
) -> WriteReport:
    """Revoke a passkey at once.

    The person may do it, or a keeper of the register. Nothing counts any more that it signs. KEY is
    its id.
    """
    written = gateway.revoke_passkey(pseudonym, kid, by, approved_by=approved_by)
    return written, f"the passkey of {pseudonym} counts no more"
