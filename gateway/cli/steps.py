"""The commands that take steps, after their table, and words for acts, arrivals and measures."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

import click

from gateway.cli import output, wording
from gateway.cli.fields import options_of, values_of
from gateway.cli.partner_command import IdOrName, Parameter, WriteReport, write_command
from gateway.cli.wording import say
from gateway.client import Gateway
from gateway.client.views import FoundItem, StepAction
from gateway.domain.json_values import parse_timestamp
from gateway.domain.measure import MeasureKind
from gateway.domain.steps import STEPS, StepKind, ids_in, verb_of

case_argument = click.argument("case", type=IdOrName("case"))
handoff_argument = click.argument("handoff", type=IdOrName("handoff"))

_ARGUMENTS: Mapping[str, Parameter] = {
    "case": case_argument,
    "handoff": handoff_argument,
    "pseudonym": click.argument("pseudonym"),
    **{
        name: click.argument(name, type=click.UUID)
        for name in ("event", "measure", "recall", "succession")
    },
}


def add_steps(group: click.Group) -> None:
    """Add to the commands of a noun those that take the steps on it."""
    for kind in STEPS.values():
        if (address := kind.addresses.get(str(group.name))) is not None:
            _add_step(group, kind, ids_in(address))


def _add_step(group: click.Group, kind: StepKind, named: Sequence[str]) -> None:
    fields = kind.body.fields

    shows = _SHOWN_FIRST.get(kind.action)

    def command(gateway: Gateway, by: str, yes: bool = True, **options: Any) -> WriteReport:
        where = {name: options.pop(name) for name in named}
        if shows is not None and not yes and output.interactive():
            output.print_fields(shows(gateway, where))
            click.confirm("Approve this?", abort=True)
        written = gateway.step(
            cast(StepAction, kind.action), where, by, **values_of(fields, options)
        )
        return written, _SENTENCES[kind.result](written.result)

    command.__doc__ = kind.about
    parameters = [*(_ARGUMENTS[one] for one in named), *options_of(fields)]
    if shows is not None:
        parameters.append(click.option("--yes", is_flag=True, help="Do not show it first and ask."))
    write_command(group, *parameters, name=kind.command.replace("_", "-"))(command)


_SHOWN_FIRST: Mapping[str, Callable[[Gateway, Mapping[str, Any]], dict[str, Any]]] = {
    "succession.approve": lambda gateway, where: gateway.succession_plan(where["succession"]),
}
"""What a person sees at a terminal before the step is taken, by the action."""


def act_word(action: str) -> str:
    """The command of an action; in another language what it does, and the command."""
    verb, meaning = verb_of(action), wording.code("act", action)
    return verb if meaning in (verb, action) else f"{meaning} ({verb})"


def act_words(acts: Iterable[Mapping[str, Any]]) -> list[str]:
    """The commands that are open to the reader now, and by when, where it owes them."""
    words = []
    for one in acts:
        verb, due = act_word(one["action"]), one["due_at"]
        words.append(say("by_time", what=verb, time=output.format_time(due)) if due else verb)
    return words


def arrival_words(arrival: Mapping[str, Any]) -> str:
    """Return what arrived, by its event's name, and when."""
    what = wording.code("arrived", arrival["type"])
    return f"{what} {output.format_time(arrival['since'])}"


def measure_lines(measures: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The measures in force on a case, for people; of an own embargo how far it reaches."""
    lines, own = [], False
    for one in measures:
        own = own or (one["kind"] == MeasureKind.EMBARGO and "setter" in one)
        named = {"kind": wording.code("kind", one["kind"]), "measure": one["measure"]}
        if one["kind"] in (MeasureKind.EMBARGO, MeasureKind.HOLD):
            lines.append(say("embargoed", **named, time=output.format_time(one["until"])))
        else:
            lines.append(say("measured", **named, duration=_duration(one)))
    return {"measures": lines, "reach": say("own_reach") if own else None}


def _duration(measure: Mapping[str, Any]) -> str:
    ends = measure["until"]
    return say("until_time", time=output.format_time(ends)) if ends else say("until_two")


def submitted_words(result: Mapping[str, Any]) -> str:
    """Say what a submission became, and what of one's own has an item of it already."""
    return "; ".join([state_of(result), *map(known_words, result.get("known", ()))])


def known_words(one: FoundItem) -> str:
    """Say that an item is known."""
    at, others = parse_timestamp(one["since"]), ", ".join(one["counterparts"])
    day = f"{at.day} {at:%B %Y}"
    if one.get("handoff"):
        return f"known: handoff {output.short(one['handoff'])} of {day}, from {others}"
    handed = f", handed to {others}" if others else ""
    return f"known: your case {one.get('reference')} of {day}{handed}"


def state_of(result: Mapping[str, Any]) -> str:
    """Return how a case stands after a step or a version."""
    state = (
        f"case {output.short(result['case'])}, version {result['version']}, is {result['state']}"
    )
    return f"{state}; digest {result['digest']}"


def _measured(result: Mapping[str, Any]) -> str:
    if result["ended_at"]:
        return f"{result['kind']} {result['measure']} has ended"
    held = f"{result['kind']} {result['measure']} holds {_duration(result)}"
    if result["kind"] != MeasureKind.EMBARGO:
        return held
    early = [
        f"{one['holders']} {output.format_value(one['kind'])} ({one['opened']} opened it)"
        for one in result.get("held_for_removal", ())
    ]
    had = f" For removal it is already with {', '.join(early)}: telephone them." if early else ""
    return f"{held}.{had} {say('own_reach')}"


def _recalled(result: Mapping[str, Any]) -> str:
    held = [one["recipient"] for one in result["handoffs"] if one["held"]]
    sentence = (
        f"recall {result['recall']} covers version {result['version']} of case "
        f"{output.short(result['case'])}: "
        f"{len(held)} answer it ({', '.join(held) or 'nobody holds the case'}), "
        f"{len(result['handoffs']) - len(held)} offers withdrawn"
    )
    if result["approve_by"]:
        sentence += (
            f"; a second person must approve it by {output.format_time(result['approve_by'])}"
        )
    return sentence


_SENTENCES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "CaseStep": state_of,
    "MeasureView": _measured,
    "AdvancedErasure": lambda result: (
        f"case {output.short(result['case'])} is erased on {result['erase_on']}"
    ),
    "Recalled": _recalled,
    "RecallApproved": lambda result: f"recall {result['recall']} is approved",
    "Reviewed": lambda result: (
        f"the review of handoff {output.short(result['handoff'])} is recorded"
    ),
    "Taken": lambda result: (
        f"handoff {output.short(result['handoff'])} is taken by {result['taken_by']}"
    ),
    "Referred": lambda result: f"handoff {output.short(result['handoff'])} has your reference",
    "Seen": lambda result: f"marked as seen: {', '.join(map(arrival_words, result['arrivals']))}",
    "StaffEnded": lambda result: f"{result['pseudonym']} is not in force any more",
    "ReplayedNotification": lambda result: (
        f"the notification of event {result['event']} is sent again, before those that follow"
    ),
    "SuccessionView": lambda result: (
        f"succession {result['succession']} is approved; it waits for "
        f"{output.format_value(result['waits_for'])}"
    ),
}
"""What people read of each kind of result."""
