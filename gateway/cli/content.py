"""How content that a consultation opened is shown."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import click

from gateway.cli import elements, output, wording
from gateway.cli.partner_command import print_result
from gateway.cli.wording import say
from gateway.client import ConsultedContent, Gateway, OpenedElement
from gateway.domain.case import MACHINE_METHODS, ROUTING_FIELDS, WITH_FORCE, is_sealed, sealed_parts
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
        names = wording.names_of(gateway)
        _print_package(opened, before, names, full=options["show_text"])
        print_content(opened, full=options["show_text"], unsealed=unsealed, names=names)
        click.echo()
    more = dict[str, Any]()
    if options["open_sealed"]:
        more["unsealed"] = []
        for one in unsealed:
            part = one.part
            named = {"id": part.id, "group": part.group, "sealed_to": part.sealed_to}
            more["unsealed"].append({**named, **one.to_json()})
    if before is not None:
        written = before.written
        more["was"] = {"result": written.result, "receipt": receipts.to_json(written.receipt)}
    file = options["presentation_out"]
    print_result(
        opened.written,
        say("opened"),
        save=options["receipt_out"],
        more=more,
        presentation=file and (file, opened.presentation.encode("ascii") + b"\n"),
    )


def _print_package(
    opened: ConsultedContent,
    before: ConsultedContent | None,
    names: Mapping[str, str],
    *,
    full: bool,
) -> None:
    """The number of the package, what it changed, what that was, and whether it is superseded."""
    if opened.package is None:
        return
    output.say(say("package_version", package=opened.package, version=opened.content["version"]))
    if opened.changed is not None:
        click.echo(output.colour(output.sanitise(change_word(opened.changed)), "yellow"))
        for pointer in opened.changed["pointers"]:
            if before is None:
                output.say(f"  {_place(opened.content, pointer)}")
                continue
            output.say(f"  {output.with_ends(pointer)}")
            for word, content in (("was", before.content), ("is", opened.content)):
                for line in _lines_at(_Held(content, names, full), pointer):
                    output.say(f"    {say(word)}  {line}")
        if before is None and opened.changed["change"] == ChangeKind.CORRECTION:
            output.say(f"  {say('ask_was')}")
    if opened.superseded is not None:
        words = say("superseded", change=superseding(opened.superseded))
        click.echo(output.colour(output.sanitise(words), "red"))


def superseding(change: Part) -> str:
    """The change, announced or sent, after which a package is not to be used, or, where it is only
    marked more strictly, under which conditions it is."""
    key = "tightening" if change["change"] == ChangeKind.TIGHTENING else "superseding"
    kind, time = wording.code("change", change["change"]), output.format_time(change["at"])
    return say(key, change=kind, time=time, version=change["version"])


def change_word(package: Part) -> str:
    """Return what a further package is to the one before, and why, by codes."""
    change = wording.code("change", package["change"]).upper()
    return say(
        "changed", change=change, reasons=wording.code("reason_code", package["reason_codes"])
    )


def _place(content: Part, pointer: str) -> str:
    """A place that was changed, with the item that stands there now."""
    array, _, name = pointer.removeprefix("/").partition("/")
    found = [one for one in content.get(array, ()) if name and one["id"] == name]
    if array != "items" or (found and is_sealed(found[0])):
        return output.with_ends(pointer)
    now = next(_item(found[0])) if found else say("not_in_package")
    return say("named", name=output.with_ends(pointer), value=now)


def _lines_at(held: "_Held", pointer: str) -> list[str]:
    """Return what stands at a place that was changed, as the whole content prints it."""
    content, (name, _, element) = held.content, pointer.removeprefix("/").partition("/")
    if not element:
        found = content.get(name)
        return [say("nothing_here")] if found is None else [defang_text(_text(name, found))]
    only = {**content, **dict.fromkeys(_ARRAYS, ()), name: ()}
    only[name] = [
        one for one in content.get(name, ()) if one.get("id") == element.partition("/")[0]
    ]
    if any(is_sealed(one) for one in only[name]):
        return [say("is_sealed")]
    lines = dict(replace(held, content=only).sections({}))
    return lines.get(_ARRAYS.get(name, ""), ()) or [say("not_in_package")]


_ARRAYS: Mapping[str, str] = {
    "items": "items",
    "subjects": "persons",
    "classifications": "codes",
    "references": "references",
    "legal_basis": "legal_basis",
    "statements": "statements",
}
"""What of a case are elements, and the heading under which they are printed."""


def print_content(
    opened: ConsultedContent,
    *,
    full: bool,
    unsealed: Sequence[OpenedElement] = (),
    names: Mapping[str, str] | None = None,
) -> None:
    """Print what a consultation opened; ``full`` unfolds the statements.

    ``unsealed`` is what its seals hold; without it they are only named. ``names`` are those of
    organisations by their ids.
    """
    content, held = opened.content, _Held(opened.content, names or {}, full)
    how = say("attested" if opened.assurance == "attested" else "signed")
    named = {"case": output.short(content["case"]), "version": content["version"]}
    output.say(
        say("case_by", **named, author=held.names.get(opened.author, opened.author), how=how)
    )
    handling = (f"TLP:{opened.conditions['tlp']}", *opened.conditions["handling"])
    output.say(say("handling", codes=", ".join(handling)))
    if opened.tightened:
        output.say(say("tightened"))
    for one in opened.tightened_elements:
        group, marking = wording.code("group", one["group"]), _marked({"marking": one})
        element = output.short(one["id"])
        output.say(say("tightened_element", group=group, element=element, marking=marking))
    for heading, lines in held.sections(opened.conditions):
        if lines:
            click.echo(output.colour(say(heading), "cyan"))
            for line in lines:
                output.say(f"  {line}")
    _print_seals(content, unsealed)
    if opened.withheld_groups:
        output.say(say("withheld", groups=wording.code("group", opened.withheld_groups)))


def _print_seals(content: Part, unsealed: Sequence[OpenedElement]) -> None:
    ends = elements.ends_of(elements.ids_in(content))
    closed = [OpenedElement(part, None, say("closed_seal")) for part in sealed_parts(content)]
    for one in unsealed or closed:
        part, group = one.part, wording.code("group", one.part.group)
        named = {"organisation": part.sealed_to, "group": group, "element": ends[str(part.id)]}
        click.echo(output.colour(output.sanitise(say("sealed_to", **named)), "cyan"))
        if one.contents is None:
            output.say(f"  {one.fault}")
            continue
        output.say(f"  {one.contents.type} ({one.contents.category})")
        for name, value in one.contents.value.items():
            item = one.contents.type == "item" and name == "value"
            shown = defang(str(value), one.contents.category) if item else defang_text(str(value))
            for line in shown.split("\n"):
                output.say(f"    {name}: {line}")


def condition_lines(conditions: Part) -> dict[str, str]:
    """The conditions of use by name, each with what it means, and what obliges to it, as its
    originator says."""
    lines, forces = {}, conditions.get("force", {})
    for name, value in conditions.items():
        if name == "force":
            continue
        every = map(str, value if isinstance(value, list) else [value])
        meant = {one: catalogue.word("meanings", one, wording.language()) for one in every}
        told = say("and").join(words for one, words in meant.items() if words != one)
        text = told or _text(name, value)
        codes = output.format_value(value) if name in _CODES else ""
        if name in WITH_FORCE and value:
            stated = forces.get(name, {"force": "requested"})
            force = wording.code("force", stated["force"])
            force = say("named", name=force, value=stated["reference"]) if name in forces else force
            text = f"{text} ({force})"
        named = say("named", name=codes, value=text) if codes and value else text
        lines[wording.label(name)] = defang_text(named)
    return lines


_CODES = frozenset({"tlp", "handling"})
"""Conditions whose codes people know, and type."""


@dataclass(frozen=True)
class _Held:
    """What a case holds, in words: ``names`` are those of organisations, ``full`` unfolds texts."""

    content: Part
    names: Mapping[str, str]
    full: bool

    def sections(self, conditions: Part) -> Iterator[tuple[str, list[str]]]:
        """Return each heading with its lines; those of an element follow the end of its id."""
        content, marking = self.content, self.content["marking"]
        yield "codes", self._named("classifications", self._code)
        yield "conditions", [_field(n, line) for n, line in condition_lines(conditions).items()]
        held = {name: marking[name] for name in _RESTRICTIONS if marking.get(name)}
        yield "restrictions", [_coded(name, value) for name, value in held.items()]
        yield "routing", [_coded(name, content[name]) for name in ROUTING_FIELDS if name in content]
        yield "items", self._named("items", _item)
        yield "persons", self._named("subjects", self._person)
        yield (
            "references",
            self._named(
                "references",
                lambda one: [f"{wording.of_case('scheme', one['scheme'])} {one['value']}"],
            ),
        )
        yield "intake", [_coded(name, content[name]) for name in _INTAKE if name in content]
        yield "legal_basis", [_members(one) for one in self._parts("legal_basis")]
        yield "statements", self._named("statements", self._statement)

    def _parts(self, array: str) -> Sequence[Part]:
        return [one for one in self.content.get(array, ()) if not is_sealed(one)]

    def _named(self, array: str, show: Callable[[Part], Iterable[str]]) -> list[str]:
        ends = elements.ends_of(elements.ids_in(self.content))
        shown = [(ends[one["id"]], [*show(one)]) for one in self._parts(array)]
        return [line for end, (first, *more) in shown for line in (f"{end}  {first}", *more)]

    def _code(self, one: Part) -> Iterator[str]:
        items = {item["id"]: item for item in self._parts("items")}
        about = say("the_case") if one["about"] == "case" else say(
            "item", element=output.short(one["about"])
        )  # fmt: skip
        if (item := items.get(one["about"])) is not None:
            about = f"{wording.of_case('kind', item['kind'])} {defang(item['value'], item['kind'])}"
        role, time = (
            wording.of_case("role", one["assessor_role"]),
            output.format_time(one["assessed_at"]),
        )
        notes = [
            say("assessed", method=wording.of_case("method", one["method"]), role=role, time=time)
        ]
        notes += [say("match")] if one["method"] in MACHINE_METHODS else []
        later = (other.get("supersedes") for other in self._parts("classifications"))
        if one["id"] in later:
            final = is_final(one["scheme"], one["code"], one["method"])
            notes.append(say("contested" if final else "replaced"))
        notes += [_members(one["attributes"])] if "attributes" in one else []
        scheme = (
            f"{wording.of_case('scheme', one['scheme'])} {one.get('scheme_version', '')}".strip()
        )
        key = f"{one['scheme']}.{one['code']}"
        words = catalogue.code("code", key, wording.language())
        code = f"{words} ({one['code']})" if words else one["code"]
        yield say("classified", scheme=scheme, code=code, about=about, how=say("and").join(notes))

    def _person(self, one: Part) -> Iterator[str]:
        words = [wording.of_case("category", one["category"])]
        words.append(say("minor", minor=wording.of_case("flag", one["minor"])))
        if "age_group" in one:
            words.append(say("age", age=wording.of_case("age_group", one["age_group"])))
        if "qualified_by" in one:
            by = self.names.get(one["qualified_by"], one["qualified_by"])
            words.append(say("qualified", organisation=by))
        yield f"{', '.join(words)}{_marked(one)}"

    def _statement(self, one: Part) -> Iterator[str]:
        """Return what a statement is, and its text only when it was asked for."""
        evaluated = one.get("source_reliability", "") + one.get("information_accuracy", "")
        stated = say(
            "stated",
            kind=f"{wording.of_case('kind', one['kind'])} {evaluated}".strip(),
            role=wording.of_case("role", one["made_by_role"]),
            time=output.format_time(one["made_at"]),
            written_in=wording.of_case("language", one["language"]),
            warning=wording.of_case("content_warning", one["content_warning"]),
        )
        hidden = "" if self.full else f" {say('hidden')}"
        yield f"{stated}{_marked(one)}{hidden}"
        if self.full:
            yield from (f"  | {defang_text(line)}" for line in one["text"].split("\n"))


_RESTRICTIONS = ("release_to", "national", "review_on", "retention_rule")
_INTAKE = ("originator_ref", "received_at", "intake_channel", "reporter")


def _field(name: str, text: str) -> str:
    return say("named", name=name, value=text)


def _coded(name: str, value: Any) -> str:
    """A field of a case by its label, its codes in words, other texts defanged."""
    return _field(wording.label(name), defang_text(_text(name, value)))


def _text(name: str, value: Any) -> str:
    return _members(value) if isinstance(value, dict) else wording.of_case(name, value)


def _members(value: Part) -> str:
    """The fields of a part of a case."""
    told = {name: one for name, one in value.items() if one is not None and name != "id"}
    return ", ".join(_coded(name, one) for name, one in told.items())


def _item(one: Part) -> Iterator[str]:
    source = f" {say('source')}" if one.get("is_source") else ""
    kind = wording.of_case("kind", one["kind"])
    yield f"{kind} {defang(one['value'], one['kind'])}{source}{_marked(one)}"
    kinds = ("site_type", "content_type", "commerciality", "payment_method")
    words = [_coded(name, one[name]) for name in kinds if name in one]
    if words:
        yield f"  {', '.join(words)}"
    if "referrer" in one:
        yield f"  {say('referrer', address=defang(one['referrer'], ItemKind.URL))}"
    for hosting in one.get("hosting", ()):
        seen = {**hosting, **({"ip": defang(hosting["ip"], "host")} if "ip" in hosting else {})}
        yield f"  {say('hosted', where=_members(seen))}"
    for fingerprint in one.get("hash", ()):
        yield f"  {wording.of_case('alg', fingerprint['alg'])} {fingerprint['value']}"
    for check in one.get("online", ()):
        time = output.format_time(check["checked_at"])
        yield f"  {say('checked', status=wording.of_case('status', check['status']), time=time)}"


def _marked(one: Part) -> str:
    marking = one.get("marking")
    if not marking:
        return ""
    words = [f"TLP:{marking['tlp']}"] if "tlp" in marking else []
    return f" [{', '.join([*words, *marking.get('handling', ())])}]"
