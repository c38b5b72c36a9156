"""`casegate policy`: the policies against their cases, and what they say."""

import dataclasses
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from gateway.cedar import policy_folder
from gateway.cli import output
from gateway.cli.arguments import FOLDER, json_option
from gateway.cli.failure import without_server
from gateway.client.errors import raising
from gateway.kernel.actors import RULES_OF_REFUSALS
from gateway.kernel.results import plain
from gateway.text.numbers import pluralise


@click.group()
def policy() -> None:
    """Say what a rule means; check the policies."""


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
    with _engine("policy check"):
        from gateway.cedar.policy_tests import check as check_policies  # noqa: PLC0415 - as it says

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
    # What each rule says, and its policy, without the engine: a partner has none.
    known = dict[str, tuple[Mapping[str, str], str]]()
    for file in sorted(policy_folder().rglob("*.cedar")):
        for one in _POLICY.finditer(file.read_text("utf-8")):
            known[one["id"]] = _says(f"{one['effect']}s", one["reason"], one["tell"]), one[0]
    for kind, name in RULES_OF_REFUSALS.items():
        known[name] = _says("forbids, in code", plain(str(kind.__doc__)), "caller"), ""
    known |= {name: (_says("no policy", s, "nobody"), "") for name, s in _SPOKEN.items()}
    told = dict[str, Mapping[str, str]]()
    for asked in rules:
        part = asked[:1].upper() + asked[1:]
        meant = [one for one in known if one == part or one.startswith(f"{part}.")]
        meant = meant or [one for one in known if f'Action::"{asked}"' in known[one][1]]
        if not meant:
            raise click.UsageError(
                f"no rule and no action of this version has the name {asked!r}: rules are "
                "R1 to R21 and their parts, as R3 or R3.membership"
            )
        told |= {name: known[name][0] for name in meant}
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
    with _engine("policy revision"):
        from gateway.cedar.policy import SIGNED, CedarPolicy, InvalidPolicies  # noqa: PLC0415 - as it says

        with raising(click.UsageError, f"{folder} holds no sound policies", InvalidPolicies):
            revisions = [CedarPolicy.load(folder, one).revision for one in ((), SIGNED)]
    names = ("revision", "revision_where_signatures_are_required")
    told = dict(zip(names, revisions, strict=True))
    if not output.reply(told):
        output.print_members(told)


@contextmanager
def _engine(command: str) -> Iterator[None]:
    """Import the engine, which comes with the server's part."""
    try:
        yield
    except ModuleNotFoundError as missing:
        raise without_server(command, missing) from missing


_POLICY = re.compile(
    r'@id\("(?P<id>.+?)"\)\n@reason\("(?P<reason>.+?)"\)\n@tell\("(?P<tell>.+?)"\)\n'
    r"(?P<effect>permit|forbid).*?;\n",
    re.DOTALL,
)


def _says(effect: str, sentence: str, tell: str) -> Mapping[str, str]:
    return {"effect": effect, "sentence": sentence, "tell": tell}


_SPOKEN = {
    "R1": "A case and the texts about it are metadata: what may hold media is refused by its form, "
    "field by field, and named by no rule.",
    "R2.default": "No policy permits it, and none forbids it: what is not permitted is denied.",
    "R2.error": "The question could not be evaluated, so the answer is a denial.",
}
