"""`casegate todo` and `notification`: what waits for this organisation, and what is new."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from typing import Any

import click

from gateway.cli import output
from gateway.cli.handoff import urgency_word
from gateway.cli.partner_command import EPILOG, partner, partner_command
from gateway.cli.steps import add_steps, verb_of
from gateway.cli.system import RENEW_BEFORE, certificate_end, waiting_writes
from gateway.client import Gateway
from gateway.client.gateway import now
from gateway.client.views import CaseStateWord
from gateway.domain.duty import DutyKind
from gateway.domain.handoff import HandoffState
from gateway.domain.item_value import defang_text
from gateway.domain.vocabulary import RANKS, Urgency
from gateway.evidence.security_event import EventNotification


@dataclass(frozen=True)
class Waiting:
    """Something that waits: what it is, and the command that does it, without the program's name.

    What is about a case has the urgency of that; what is due has a time (RFC 3339), too.
    ``first`` is the command that shows what it is about, where one must know that. ``kind`` is that
    of what is owed about a handoff, or arrived there.
    """

    what: str
    next: str
    urgency: str | None = None
    due_at: str | None = None
    overdue: bool = False
    first: str | None = None
    kind: str | None = None


@click.command(epilog=EPILOG)
@partner
def todo(gateway: Gateway) -> None:
    """List what waits for you, and the command for each.

    First what is about cases, by urgency, then due time (UTC): answers, updates and
    acknowledgements that you owe, what the other side did and nobody here has seen, your offers
    without an answer, cases to assess or clear. Then successions, refused notifications, writes
    without an answer, and a certificate that ends soon.
    """
    whoami = gateway.whoami()
    scopes = whoami["scopes"]
    enrolled = whoami["status"] == "enrolled"
    sources = _SOURCES_BEFORE_ACTIVATION if enrolled else _SOURCES
    read = [(scope, source) for scope, source in sources if scope in (None, *scopes)]
    waiting = sorted((one for _, source in read for one in source(gateway)), key=_place)
    found = [
        replace(one, next=output.complete(one.next), first=one.first and output.complete(one.first))
        for one in waiting
    ]
    missing = sorted({str(scope) for scope, _ in sources} - {str(scope) for scope, _ in read})
    items = [
        {
            **asdict(one),
            "first": one.first and f"{output.program()} {one.first}",
            "next": f"{output.program()} {one.next}",
        }
        for one in found
    ]
    if output.reply({"items": items, "scopes_missing": missing}):
        return
    for one in found:
        label = f"{_due(one):22}{urgency_word(one.urgency):9}" if one.urgency else ""
        output.print_wrapped(output.sanitise(one.what), label, len(label))
        for command in filter(None, (one.first, one.next)):
            output.print_next(command)
    if missing:
        click.echo(f"Not looked at, without the scope {', '.join(missing)}.", err=True)
    elif not found:
        click.echo("Nothing waits.")


def _place(one: Waiting) -> tuple[int, bool, str]:
    """Where it stands in the list; what is equally urgent and due stays in the order read."""
    rank = len(RANKS) if one.urgency is None else Urgency(one.urgency).rank
    return rank, one.due_at is None, one.due_at or ""


def _due(one: Waiting) -> str:
    """By when. With its year: a review may be due long after its reminder."""
    if one.overdue:
        return _PAST.get(one.kind or "", "OVERDUE")
    return output.format_time(one.due_at) if one.due_at else ""


# --- What waits, and where it is read ---


_PAST: Mapping[str, str] = {DutyKind.QUESTION: "late", DutyKind.ORIGINATOR_NEWS: "at once"}
"""Words for a time that is over where nothing is owed."""

_NEWS = frozenset({DutyKind.ORIGINATOR_NEWS, DutyKind.RECIPIENT_NEWS})


def _duties(gateway: Gateway) -> Iterator[Waiting]:
    """Give a line to what is owed, and to each question and danger; other news of a handoff are
    one."""
    own, news = gateway.connection.organisation, dict[str, list[Mapping[str, Any]]]()
    for one in gateway.duties():
        if one["kind"] in _NEWS and one["urgency"] != str(Urgency.IMMINENT_DANGER):
            news.setdefault(one["handoff"], []).append(one)
        else:
            yield _line(own, one, [one])
    yield from (_line(own, found[0], found) for found in news.values())


def _line(own: str, duty: Mapping[str, Any], every: Sequence[Mapping[str, Any]]) -> Waiting:
    """A line about what is owed, or about ``every`` thing that arrived in a handoff."""
    sent, kind = duty["originator"] == own, duty["kind"].replace("_", " ")
    other = f"to {duty['recipient']}" if sent else f"from {duty['originator']}"
    what = f"{kind} ({other})"
    if duty["arrived"]:
        told = Counter(str(one["arrived"]).partition(".")[2].replace("_", " ") for one in every)
        said = "; ".join(f"{one}, {n} times" if n > 1 else one for one, n in told.items())
        what = f"{'question: ' if duty['kind'] == DutyKind.QUESTION else ''}{said} ({other})"
    elif len(duty["acts"]) > 1:
        what += f": {', '.join(map(verb_of, duty['acts']))}"
    due = (duty["urgency"], duty["due_at"], duty["overdue"])
    return Waiting(what, _command(duty), *due, first=_first(duty), kind=duty["kind"])


def _first(duty: Mapping[str, Any]) -> str | None:
    """Return what shows a change that is to be acknowledged, its package or else a notice; or what
    arrived."""
    verb = "consult" if duty["package"] else "notices"
    if duty["arrived"] and duty["kind"] != DutyKind.ADDITION:
        verb = "notices" if duty["state"] == HandoffState.LAPSED else "show"
    elif duty["kind"] != DutyKind.ACKNOWLEDGEMENT:
        return None
    return f"handoff {verb} {duty['handoff']}"


def _command(duty: Mapping[str, Any]) -> str:
    """The command that fulfils a duty: its action, about the handoff or the case."""
    noun = str(duty["action"]).partition(".")[0]
    source = f" {duty['source']}" if duty["action"] == "case.approve_recall" else ""
    return f"{noun} {verb_of(duty['action'])} {duty[noun]}{source}"


def _unanswered(gateway: Gateway) -> Iterator[Waiting]:
    for one in gateway.sent("offered", overdue=True):
        what = f"offer without an answer (to {one['recipient']})"
        yield Waiting(what, f"handoff show {one['handoff']}", one["urgency"], one["due_at"], True)


def _successions(gateway: Gateway) -> Iterator[Waiting]:
    for one in gateway.successions():
        open_ = one["applied"] is None and one["cancelled"] is None
        if open_ and gateway.connection.organisation in one["waits_for"]:
            what = f"succession of {one['competence']} on {one['effective_on']}"
            yield Waiting(what, f"succession approve {one['succession']}")


def _cases(gateway: Gateway) -> Iterator[Waiting]:
    steps: Sequence[tuple[CaseStateWord, str]] = (("draft", "assess"), ("assessed", "clear"))
    for state, step in steps:
        for one in gateway.cases(state):
            reference = defang_text(str(one["originator_ref"]))
            what = f"{state} case {reference}"
            yield Waiting(what, f"case {step} {one['case']}", one["urgency"])


def _notifications(gateway: Gateway) -> Iterator[Waiting]:
    for one in gateway.notification_status()["refused"]:
        if not one["replay"]:
            what = f"refused notification: {one['error']}"
            yield Waiting(what, f"notification replay {one['event']}")


def _outbox(gateway: Gateway) -> Iterator[Waiting]:
    if number := waiting_writes(gateway):
        yield Waiting(f"writes without an answer: {number}", "outbox resend")


def _certificate(gateway: Gateway) -> Iterator[Waiting]:
    ends = certificate_end(gateway.connection.certificate)
    if ends - now() < RENEW_BEFORE:
        yield Waiting(f"end of this system's certificate: {ends:%Y-%m-%d}", "system renew")


def _activation(gateway: Gateway) -> Iterator[Waiting]:
    if gateway.whoami()["conformance_passed"]:
        yield Waiting("conformance run passed: the administrators activate you", "system check")
        return
    what = (
        "enrolled, not active yet: pass the conformance run, then the administrators activate you"
    )
    yield Waiting(what, "conformance run")


_SOURCES_BEFORE_ACTIVATION = ((None, _activation), (None, _outbox), (None, _certificate))
_SOURCES: Sequence[tuple[str | None, Callable[[Gateway], Iterator[Waiting]]]] = (
    ("handoffs.read", _duties),
    ("handoffs.read", _unanswered),
    ("handoffs.read", _successions),
    ("cases.read", _cases),
    ("events.read", _notifications),
    (None, _outbox),
    (None, _certificate),
)
"""Each with the scope that it needs; what has no urgency is listed in this order."""


# --- `casegate notification`: hear of one's organisation's events as they happen ---


@click.group(epilog=EPILOG)
def notification() -> None:
    """Poll or watch for events that concern you, and replay earlier ones."""


@partner_command(
    notification,
    click.option("--keep", is_flag=True, help="Acknowledge none of them: they come again."),
)
def poll(gateway: Gateway, keep: bool) -> None:
    """List the next notifications and acknowledge them.

    At most a hundred at a time. They are acknowledged once they are listed.
    """
    page = gateway.poll_notifications()
    found = [one.members() for one in page.notifications]
    if not output.reply({"items": found, "more": page.more}):
        headings = ("number", "time", "event", "handoff", "urgency", "due")
        output.print_table(headings, [_row(one) for one in page.notifications])
    # Only what the output took: it is flushed by now, and a full disk or closed pipe has raised.
    if page.notifications and not keep:
        gateway.poll_notifications(most=0, acknowledge=page.notifications)
    if page.more and not output.for_machines():
        advice = "acknowledge these first, without --keep" if keep else "repeat the command"
        click.echo(f"There are more: {advice}.", err=True)


@partner_command(notification)
def watch(gateway: Gateway) -> None:
    """Print each notification as it comes, until Ctrl-C.

    Each is a line, with --json a JSON document. It is acknowledged once it is printed.
    """
    with closing(gateway.notifications()) as coming:
        try:
            for one in coming:
                if output.for_machines():
                    output.print_line(one.members())
                else:
                    output.say("  ".join(map(str, _row(one))))
        except KeyboardInterrupt:
            pass


@partner_command(notification)
def status(gateway: Gateway) -> None:
    """Show how far you acknowledged, and the refused notifications."""
    found = gateway.notification_status()
    if output.reply(found):
        return
    output.print_fields(
        {
            "sent to": found["push_address"] or "nowhere: you collect them",
            "acknowledged": f"{found['acknowledged']} of {found['head']}",
            "failed attempts": found["failures"] or None,
            "next attempt": found["next_attempt_at"],
        }
    )
    if found["refused"]:
        click.echo(output.colour("Refused", "cyan"))
    for one in found["refused"]:
        again = ", is sent again" if one["replay"] else ""
        why = f"{one['error']} {one['description']}".strip()
        output.say(f"  {one['event']}  {why}{again}")


add_steps(notification)


def _row(one: EventNotification) -> Sequence[Any]:
    result = "" if one.result == "allowed" else f" ({one.result.replace('_', ' ')})"
    return (
        one.stream_number,
        output.format_time(one.at),
        f"{one.type}{result}",
        one.handoff or "-",
        one.urgency or "-",
        output.format_time(one.due_at) if one.due_at else "-",
    )
