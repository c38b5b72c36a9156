"""How content that a consultation opened is shown."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import click

from gateway.cli import elements, output
from gateway.cli.partner_command import print_result
from gateway.client import ConsultedContent, Gateway, OpenedElement
from gateway.domain.case import ROUTING_FIELDS, WITH_FORCE, is_sealed, sealed_parts
from gateway.domain.item_value import defang, defang_text
from gateway.domain.revision import ChangeKind
from gateway.domain.vocabulary import ItemKind, is_final
from gateway.evidence import receipt as receipts
from gateway.text import catalogue

Part = Mapping[str, Any]


def show_opened(
    gateway: Gateway,
    opened: ConsultedContent,
    options: Mapping[str, Any],
    before: ConsultedContent | None = None,
) -> None:
    """Show what a consultation opened, beside the package ``before``, then keep what was asked
    for."""
    unsealed = gateway.unseal(opened) if options["open_sealed"] else ()
    elements.keep(gateway, opened)
    if not output.for_machines():
        _print_package(opened, before, full=options["show_text"])
        print_content(opened, full=options["show_text"], unsealed=unsealed)
        click.echo()
    more = dict[str, Any]()
    if options["open_sealed"]:
        more["unsealed"] = [_element_json(one) for one in unsealed]
    if before is not None:
        written = before.written
        more["was"] = {"result": written.result, "receipt": receipts.to_json(written.receipt)}
    file = options["presentation_out"]
    print_result(
        opened.written,
        "content opened",
        save=options["receipt_out"],
        more=more,
        presentation=file and (file, opened.presentation.encode("ascii") + b"\n"),
    )


def _print_package(
    opened: ConsultedContent, before: ConsultedContent | None, *, full: bool
) -> None:
    """The number of the package, what it changed, what that was, and whether it is superseded."""
    if opened.package is None:
        return
    output.say(f"Package {opened.package}, version {opened.content['version']}")
    if opened.changed is not None:
        click.echo(output.colour(output.sanitise(change_word(opened.changed)), "yellow"))
        for pointer in opened.changed["pointers"]:
            if before is None:
                output.say(f"  {_place(opened.content, pointer)}")
                continue
            output.say(f"  {output.with_ends(pointer)}")
            for word, content in (("was", before.content), ("is ", opened.content)):
                for line in _lines_at(content, pointer, full=full):
                    output.say(f"    {word}  {line}")
        if before is None and opened.changed["change"] == ChangeKind.CORRECTION:
            click.echo("  What it was stands beside it with --was, a second recorded consultation.")
    if opened.superseded is not None:
        output.say(f"by {superseding(opened.superseded)}", "SUPERSEDED", "red")


def superseding(change: Part) -> str:
    """The change, announced or sent, after which a package is not to be used, or, where it is only
    marked more strictly, under which conditions it is."""
    when = f"of {output.format_time(change['at'])} (version {change['version']})"
    if change["change"] == ChangeKind.TIGHTENING:
        return f"a {change['change']} {when}: stricter conditions bind, go on using it under them"
    return f"a {change['change']} {when}: do not use it"


def change_word(package: Part) -> str:
    """Return what a further package is to the one before, and why, by codes."""
    return f"{package['change'].upper()} ({output.format_value(package['reason_codes'])})"


def _place(content: Part, pointer: str) -> str:
    """A place that was changed, with the item that stands there now."""
    array, _, name = pointer.removeprefix("/").partition("/")
    found = [one for one in content.get(array, ()) if name and one["id"] == name]
    if array != "items" or (found and is_sealed(found[0])):
        return output.with_ends(pointer)
    now = next(_item(found[0])) if found else "not in this package"
    return f"{output.with_ends(pointer)}: {now}"


def _lines_at(content: Part, pointer: str, *, full: bool) -> list[str]:
    """Return what stands at a place that was changed, as the whole content prints it."""
    name, _, element = pointer.removeprefix("/").partition("/")
    if not element:
        found = content.get(name)
        return ["nothing here"] if found is None else [defang_text(output.format_value(found))]
    only = {**content, **dict.fromkeys(_ARRAYS, ()), name: ()}
    only[name] = [
        one for one in content.get(name, ()) if one.get("id") == element.partition("/")[0]
    ]
    if any(is_sealed(one) for one in only[name]):
        return ["sealed"]
    lines = dict(_sections(only, {}, full=full))
    return lines.get(_ARRAYS.get(name, ""), ()) or ["not in this package"]


_ARRAYS: Mapping[str, str] = {
    "items": "Items",
    "subjects": "Persons",
    "classifications": "Codes",
    "references": "References",
    "legal_basis": "Legal basis",
    "statements": "Statements",
}
"""What of a case are elements, and the heading under which they are printed."""


def _element_json(one: OpenedElement) -> dict[str, Any]:
    element = {"id": one.part.id, "group": one.part.group, "sealed_to": one.part.sealed_to}
    if one.contents is None:
        return {**element, "fault": one.fault}
    kind = {"type": one.contents.type, "category": one.contents.category}
    return {**element, **kind, "value": dict(one.contents.value)}


def print_content(
    opened: ConsultedContent, *, full: bool, unsealed: Sequence[OpenedElement] = ()
) -> None:
    """Print what a consultation opened; ``full`` unfolds the statements.

    ``unsealed`` is what its seals hold; without it they are only named.
    """
    content = opened.content
    how = "attested" if opened.assurance == "attested" else "signed by the author"
    case = f"Case {output.short(content['case'])}, version {content['version']}"
    output.say(f"{case}, by {opened.author} ({how})")
    handling = (f"TLP:{opened.conditions['tlp']}", *opened.conditions["handling"])
    output.say(f"Handling: {', '.join(handling)}")
    if opened.tightened:
        click.echo("These conditions were tightened after the version shown, and bind now.")
    for one in opened.tightened_elements:
        output.say(
            f"{one['group']} {output.short(one['id'])} was tightened too{_marked({'marking': one})}"
        )
    for heading, lines in _sections(content, opened.conditions, full=full):
        if lines:
            click.echo(output.colour(heading, "cyan"))
            for line in lines:
                output.say(f"  {line}")
    _print_seals(content, unsealed)
    if opened.withheld_groups:
        output.say(f"Withheld, in whole or in part: {', '.join(opened.withheld_groups)}")


def _print_seals(content: Part, unsealed: Sequence[OpenedElement]) -> None:
    ends = elements.ends_of(elements.ids_in(content))
    closed = [
        OpenedElement(part, None, "closed: --open-sealed opens it")
        for part in sealed_parts(content)
    ]
    for one in unsealed or closed:
        part = one.part
        click.echo(
            output.colour(
                output.sanitise(f"Sealed to {part.sealed_to}: {part.group} {ends[str(part.id)]}"),
                "cyan",
            )
        )
        for line in _unsealed(one):
            output.say(f"  {line}")


def _unsealed(one: OpenedElement) -> Iterator[str]:
    if one.contents is None:
        yield one.fault
        return
    yield f"{one.contents.type} ({one.contents.category})"
    for name, value in one.contents.value.items():
        item = one.contents.type == "item" and name == "value"
        shown = defang(str(value), one.contents.category) if item else defang_text(str(value))
        yield from (f"  {name}: {line}" for line in shown.split("\n"))


def condition_lines(conditions: Part) -> dict[str, str]:
    """The conditions of use by name, each with what it means, and what obliges to it, as its
    originator says."""
    lines, forces = {}, conditions.get("force", {})
    for name, value in conditions.items():
        if name in WITH_FORCE and value:
            stated = forces.get(name)
            force = f"{stated['force']}: {stated['reference']}" if stated else "requested"
            lines[name] = defang_text(
                "; ".join([f"{output.format_value(value)} ({force})", *_meanings(value)])
            )
        elif name != "force":
            lines[name] = defang_text(output.format_value(value))
    return lines


def _meanings(value: Any) -> Iterator[str]:
    """Return what the codes of a condition mean."""
    for code in value if isinstance(value, list) else [value]:
        if (meaning := catalogue.word("meanings", str(code), catalogue.ENGLISH)) != str(code):
            yield meaning


def _sections(content: Part, conditions: Part, *, full: bool) -> Iterator[tuple[str, list[str]]]:
    def parts(name: str) -> Sequence[Part]:
        return [one for one in content.get(name, ()) if not is_sealed(one)]

    def named(array: str, show: Callable[[Part], Iterable[str]]) -> list[str]:
        """The lines of each element, the first of them behind the end of its id."""
        shown = [(ends[one["id"]], [*show(one)]) for one in parts(array)]
        return [line for end, (first, *more) in shown for line in (f"{end}  {first}", *more)]

    ends = elements.ends_of(elements.ids_in(content))
    superseded = {c.get("supersedes") for c in parts("classifications")}
    items = {one["id"]: one for one in parts("items")}
    yield "Codes", named("classifications", lambda one: [_code(one, items, superseded)])
    yield (
        "Conditions of use",
        [f"{name}: {line}" for name, line in condition_lines(conditions).items()],
    )
    marking = content["marking"]
    restrictions = [name for name in _RESTRICTIONS if marking.get(name)]
    yield (
        "Restrictions",
        [f"{n}: {defang_text(output.format_value(marking[n]))}" for n in restrictions],
    )
    yield (
        "Matter",
        [f"{output.format_value(content[n])} ({n})" for n in ROUTING_FIELDS if n in content],
    )
    yield "Items", named("items", _item)
    yield "Persons", named("subjects", lambda one: [_person(one)])
    yield "References", named("references", lambda one: [f"{one['scheme']} {one['value']}"])
    yield "Intake", [f"{n}: {output.format_value(content[n])}" for n in _INTAKE if n in content]
    yield "Legal basis", [output.format_value(one) for one in parts("legal_basis")]
    yield "Statements", named("statements", lambda one: _statement(one, full))


def _code(one: Part, items: Mapping[Any, Part], superseded: set[Any]) -> str:
    scheme = f"{one['scheme']} {one.get('scheme_version', '')}".strip()
    item = items.get(one["about"])
    about = "the case" if one["about"] == "case" else f"item {output.short(one['about'])}"
    if item is not None:
        about = f"{item['kind']} {defang(item['value'], item['kind'])}"
    how = f"{one['method']}, by {one['assessor_role']} at {output.format_time(one['assessed_at'])}"
    machine = one["method"] in ("hash_match", "classifier")
    notes = ["a match, not a finding"] if machine else []
    if one["id"] in superseded:
        final = is_final(one["scheme"], one["code"], one["method"])
        notes.append("contested" if final else "superseded")
    notes += [output.format_value(one["attributes"])] if "attributes" in one else []
    return f"{scheme}: {one['code']}, about {about} ({'; '.join([how, *notes])})"


_RESTRICTIONS = ("release_to", "national", "review_on", "retention_rule")
_INTAKE = ("originator_ref", "received_at", "intake_channel", "reporter")


def _item(one: Part) -> Iterator[str]:
    source = " (source)" if one.get("is_source") else ""
    yield f"{one['kind']} {defang(one['value'], one['kind'])}{source}{_marked(one)}"
    kinds = ("site_type", "content_type", "commerciality", "payment_method")
    words = [f"{name} {output.format_value(one[name])}" for name in kinds if name in one]
    if words:
        yield f"  {', '.join(words)}"
    if "referrer" in one:
        yield f"  found through {defang(one['referrer'], ItemKind.URL)}"
    for hosting in one.get("hosting", ()):
        seen = {**hosting, **({"ip": defang(hosting["ip"], "host")} if "ip" in hosting else {})}
        yield f"  hosted: {output.format_value(seen)}"
    for fingerprint in one.get("hash", ()):
        yield f"  {fingerprint['alg']} {fingerprint['value']}"
    for check in one.get("online", ()):
        yield f"  {check['status']} at {output.format_time(check['checked_at'])}"


def _person(one: Part) -> str:
    age = f", age {one['age_group']}" if "age_group" in one else ""
    by = f", qualified by {one['qualified_by']}" if "qualified_by" in one else ""
    return f"{one['category']}, minor: {one['minor']}{age}{by}{_marked(one)}"


def _statement(one: Part, full: bool) -> Iterator[str]:
    """Return what a statement is, and its text only when it was asked for."""
    evaluated = one.get("source_reliability", "") + one.get("information_accuracy", "")
    kind = f"{one['kind']} {evaluated}".strip()
    yield (
        f"{kind} by {one['made_by_role']} at {output.format_time(one['made_at'])}, "
        f"in {one['language']}, content warning: {one['content_warning']}{_marked(one)}"
        f"{'' if full else ' (hidden: --show-text)'}"
    )
    if full:
        yield from (f"  | {defang_text(line)}" for line in one["text"].split("\n"))


def _marked(one: Part) -> str:
    marking = one.get("marking")
    if not marking:
        return ""
    words = [f"TLP:{marking['tlp']}"] if "tlp" in marking else []
    return f" [{', '.join([*words, *marking.get('handling', ())])}]"
