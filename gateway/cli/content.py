"""Opened content on a screen: codes first, what is known already before what has to be read.

Whoever reads is spared (model.md 5): statements are folded until they are asked for, addresses are
defanged and never links, and nothing is fetched.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from gateway.cli.output import cold, colour, format_value, sanitise
from gateway.client import ConsultedContent, OpenedElement
from gateway.domain.case import is_sealed, sealed_parts
from gateway.domain.item_value import defang
from gateway.domain.vocabulary import ItemKind

Part = Mapping[str, Any]


def print_content(
    opened: ConsultedContent, *, full: bool, unsealed: Sequence[OpenedElement] = ()
) -> None:
    """Print what a consultation opened; ``full`` unfolds the statements.

    ``unsealed`` is what its seals hold; without it they are only named.
    """
    content = opened.content
    click.echo(
        f"Case {sanitise(content['case'])}, version {content['version']}, by {sanitise(opened.author)} "
        f"({'attested by the gateway' if opened.assurance == 'attested' else 'signed by itself'})"
    )
    click.echo(f"Handling: {sanitise(_handling(content['marking']))}")
    for heading, lines in _sections(content, full=full):
        if lines:
            click.echo(colour(heading, "cyan"))
            for line in lines:
                click.echo(f"  {sanitise(line)}")
    _print_seals(content, unsealed)
    if opened.withheld:
        click.echo(f"Withheld, in whole or in part: {sanitise(', '.join(opened.withheld))}")


def _print_seals(content: Part, unsealed: Sequence[OpenedElement]) -> None:
    closed = [
        OpenedElement(part, None, "closed: --open-sealed opens it")
        for part in sealed_parts(content)
    ]
    for one in unsealed or closed:
        part = one.part
        click.echo(colour(sanitise(f"Sealed to {part.sealed_to}: {part.group} {part.id}"), "cyan"))
        for line in _unsealed(one):
            click.echo(f"  {sanitise(line)}")


def _unsealed(one: OpenedElement) -> Iterator[str]:
    if one.contents is None:
        yield one.fault
        return
    yield f"{one.contents.type} ({one.contents.category})"
    for name, value in one.contents.value.items():
        item = one.contents.type == "item" and name == "value"
        shown = defang(str(value), one.contents.category) if item else cold(str(value))
        yield from (f"  {name}: {line}" for line in shown.split("\n"))


def _handling(marking: Part) -> str:
    said = [f"TLP:{marking['tlp']}", *marking["handling"]]
    said += [f"onward {marking['onward']}", f"actions {marking['permitted_actions']}"]
    said += [f"for {format_value(marking['purpose'])}", f"erase on {marking['erase_on']}"]
    said += [
        f"{name} {format_value(marking[name])}" for name in ("attribution",) if name in marking
    ]
    return ", ".join(said)


def _sections(content: Part, *, full: bool) -> Iterator[tuple[str, list[str]]]:
    def parts(name: str) -> Sequence[Part]:
        return [one for one in content.get(name, ()) if not is_sealed(one)]

    superseded = {c.get("supersedes") for c in parts("classifications")}
    yield "Codes", [_code(one, superseded) for one in parts("classifications")]
    yield "Restrictions", list(_restrictions(content["marking"]))
    yield (
        "Matter",
        [f"{format_value(content[n])} ({n})" for n in ("matter", "urgency") if n in content],
    )
    yield "Items", [line for one in parts("items") for line in _item(one)]
    yield "Persons", [_person(one) for one in parts("subjects")]
    yield "References", [f"{one['scheme']} {one['value']}" for one in parts("references")]
    yield "Intake", list(_intake(content))
    yield "Legal basis", [format_value(one) for one in parts("legal_basis")]
    yield "Statements", [line for one in parts("statements") for line in _statement(one, full)]


def _code(one: Part, superseded: set[Any]) -> str:
    scheme = f"{one['scheme']} {one.get('scheme_version', '')}".strip()
    about = "the case" if one["about"] == "case" else f"item {one['about']}"
    how = f"{one['method']}, by {one['assessor_role']} at {one['assessed_at']}"
    machine = one["method"] in ("hash_match", "classifier")
    notes = ["a match, not a finding"] if machine else []
    notes += ["superseded"] if one["id"] in superseded else []
    notes += [format_value(one["attributes"])] if "attributes" in one else []
    return f"{scheme}: {one['code']}, about {about} ({'; '.join([how, *notes])})"


def _restrictions(marking: Part) -> Iterator[str]:
    shown = ("embargo", "release_to", "handling_note", "national", "review_on", "retention_rule")
    for name in shown:
        if marking.get(name):
            yield f"{name}: {cold(format_value(marking[name]))}"


def _item(one: Part) -> Iterator[str]:
    source = " (the source)" if one.get("is_source") else ""
    yield f"{one['kind']} {defang(one['value'], one['kind'])}{source}{_marked(one)}"
    kinds = ("site_type", "content_type", "commerciality", "payment_method")
    said = [f"{name} {format_value(one[name])}" for name in kinds if name in one]
    if said:
        yield f"  {', '.join(said)}"
    if "referrer" in one:
        yield f"  found through {defang(one['referrer'], ItemKind.URL)}"
    for hosting in one.get("hosting", ()):
        seen = {**hosting, **({"ip": defang(hosting["ip"], "host")} if "ip" in hosting else {})}
        yield f"  hosted: {format_value(seen)}"
    for fingerprint in one.get("hash", ()):
        yield f"  {fingerprint['alg']} {fingerprint['value']}"
    for check in one.get("online", ()):
        yield f"  {check['status']} at {check['checked_at']}"


def _person(one: Part) -> str:
    age = f", age {one['age_group']}" if "age_group" in one else ""
    by = f", qualified by {one['qualified_by']}" if "qualified_by" in one else ""
    return f"{one['category']}, minor: {one['minor']}{age}{by}{_marked(one)}"


def _intake(content: Part) -> Iterator[str]:
    for name in ("originator_ref", "received_at", "intake_channel", "reporter"):
        if name in content:
            yield f"{name}: {format_value(content[name])}"


def _statement(one: Part, full: bool) -> Iterator[str]:
    """What a statement is, and its text only when it was asked for."""
    evaluated = one.get("source_reliability", "") + one.get("information_accuracy", "")
    kind = f"{one['kind']} {evaluated}".strip()
    yield (
        f"{kind} by {one['made_by_role']} at {one['made_at']}, in {one['language']}, "
        f"graphic: {one['graphic']}{_marked(one)}{'' if full else ' (folded: --show-text shows it)'}"
    )
    if full:
        yield from (f"  | {cold(line)}" for line in one["text"].split("\n"))


def _marked(one: Part) -> str:
    marking = one.get("marking")
    if not marking:
        return ""
    said = [f"TLP:{marking['tlp']}"] if "tlp" in marking else []
    return f" [{', '.join([*said, *marking.get('handling', ())])}]"
