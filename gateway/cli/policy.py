"""`casegate policy`: the policies against their cases, and what they say."""

import dataclasses
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from gateway.cedar.policy import SIGNED, CedarPolicy, InvalidPolicies, Rule, policy_folder
from gateway.cedar.policy_tests import check as check_policies
from gateway.cli import output
from gateway.cli.arguments import FOLDER, json_option
from gateway.client.errors import raising
from gateway.domain import refusals
from gateway.kernel.actors import RULES_OF_REFUSALS
from gateway.kernel.results import plain
from gateway.text.numbers import pluralise


@click.group()
def policy() -> None:
    """Check the policies; say what a rule means."""


@policy.command()
@json_option
@click.argument("folder", required=False, type=FOLDER)
def check(folder: Path | None) -> None:
    """Check the policies in FOLDER against their cases.

    Without FOLDER, the policies that came with the product.

    The policies must fit the schema and be formatted. Every case in tests/ must be decided as it
    says, and by the rules that it names. Every permit must decide an ALLOW case, every forbid a
    DENY case. Every action needs a DENY case that no policy decides. Every fact of the schema must
    be read by a policy, or README.md says why not. Exit status: 0 when all of this holds, 1
    otherwise.
    """
    folder = folder or policy_folder()
    report = check_policies(folder)
    if not output.reply({"folder": str(folder), **dataclasses.asdict(report)}):
        for problem in report.problems:
            click.echo(f"- {problem}")
        found = pluralise(len(report.problems), "problem") if report.problems else "no problem"
        proved = f"{report.policies} policies, {report.actions} actions, {report.cases} cases"
        click.echo(f"{folder}: {proved}: {found}")
    sys.exit(1 if report.problems else 0)


@policy.command()
@json_option
@click.argument("rules", nargs=-1, required=True)
def explain(rules: Sequence[str]) -> None:
    """Say what RULES mean.

    Events, receipts and refusals name them. For each: whether it permits or forbids, its sentence,
    and who may be told its name. A number, as R3, stands for all of its rules; an action, as
    handoff.accept, for all that speak of it.
    """
    known = CedarPolicy.load(policy_folder(), SIGNED).rules
    in_code = {name: kind for kind, name in RULES_OF_REFUSALS.items()}
    names = [*known, *in_code, *_SPOKEN]
    told = dict[str, dict[str, str]]()
    for asked in rules:
        part = asked[:1].upper() + asked[1:]
        meant = [one for one in names if one == part or one.startswith(f"{part}.")]
        for name in meant or _about(asked):
            told[name] = _explained(known.get(name), name, in_code.get(name))
        if not meant and not _about(asked):
            raise click.UsageError(
                f"no rule and no action of this version has the name {asked!r}: rules are "
                "R1 to R19 and their parts, as R3 or R3.membership"
            )
    if output.reply(told):
        return
    for name, (effect, sentence, tell) in ((n, one.values()) for n, one in told.items()):
        click.echo(f"{name} ({effect}; named to: {tell})\n    {sentence}")


@policy.command()
@json_option
@click.argument("folder", required=False, type=FOLDER)
def revision(folder: Path | None) -> None:
    """Name the revision of the policies in FOLDER, as events do.

    Without FOLDER, of the policies that came with the product. So the text of the rules in force
    at an event is found: in the release whose policies have its revision.
    """
    folder = folder or policy_folder()
    with raising(click.UsageError, f"{folder} holds no sound policies", InvalidPolicies):
        revisions = [CedarPolicy.load(folder, one).revision for one in ((), SIGNED)]
    names = ("revision", "revision_where_signatures_are_required")
    told = dict(zip(names, revisions, strict=True))
    if not output.reply(told):
        output.print_fields({name.replace("_", " "): value for name, value in told.items()})


def _about(action: str) -> list[str]:
    """The names of the policies that speak of an action."""
    found = list[str]()
    for file in sorted(policy_folder().glob("*.cedar")):
        for name, text in re.findall(r'@id\("(.+?)"\)(.*?);\n', file.read_text("utf-8"), re.DOTALL):
            found += [name] if f'Action::"{action}"' in text else []
    return found


def _explained(
    rule: Rule | None, name: str, in_code: type[refusals.Refusal] | None = None
) -> dict[str, str]:
    if rule is not None:
        effect = "permits" if rule.permits else "forbids"
        return {"effect": effect, "sentence": rule.reason, "tell": rule.tell}
    if in_code is not None:
        sentence = plain(str(in_code.__doc__))
        return {"effect": "forbids, in code", "sentence": sentence, "tell": "caller"}
    return {"effect": "no policy", "sentence": _SPOKEN[name], "tell": "nobody"}


_SPOKEN = {
    "R2.default": "No policy permits it, and none forbids it: what is not permitted is denied.",
    "R2.error": "The question could not be evaluated, so the answer is a denial.",
}
