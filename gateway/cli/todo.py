"""`casegate todo` and `notification`: what waits for this organisation, and what is new."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from typing import Any
from uuid import UUID

import click

from gateway.cli import output
from gateway.cli.handoff import urgency_word
from gateway.cli.partner_command import EPILOG, WriteReport, partner, partner_command, write_command
from gateway.cli.system import RENEW_BEFORE, certificate_end, waiting_writes
from gateway.client import Gateway
from gateway.client.gateway import now
from gateway.client.views import CaseStateWord
from gateway.domain.duty import DutyKind
from gateway.domain.item_value import defang_text
from gateway.domain.vocabulary import RANKS, Urgency
from gateway.evidence.security_event import EventNotification


@dataclass(frozen=True)
class Waiting:
    """Something that waits: what it is, and the command that does it, without the program's name.

    What is about a case has the urgency of that; what is due has a time (RFC 3339), too.
    ``first`` is the command that shows what it is about, where one must know that.
    """

    what: str
    next: str
    urgency: str | None = None
    due_at: str | None = None
    overdue: bool = False
    first: str | None = None


@click.command(epilog=EPILOG)
@partner
def todo(gateway: Gateway) -> None:
    """List what waits for you, and the command for each.

    First what is about cases, by urgency, then due time (UTC): answers, updates and
    acknowledgements that you owe, your offers without an answer, cases to assess or clear. Then
    successions, refused notifications, writes without an answer, and a certificate that ends soon.
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
        return "OVERDUE"
    return output.format_time(one.due_at) if one.due_at else ""


# --- What waits, and where it is read ------------------------------------------------------------


def _duties(gateway: Gateway) -> Iterator[Waiting]:
    own = gateway.connection.organisation
    for one in gateway.duties():
        sent = one["originator"] == own
        other = f"to {one['recipient']}" if sent else f"from {one['originator']}"
        what = f"{one['kind'].replace('_', ' ')} ({other})"
        command = _command(one)
        due = (one["urgency"], one["due_at"], one["overdue"])
        yield Waiting(what, command, *due, first=_first(one))


def _first(duty: Mapping[str, Any]) -> str | None:
    """What shows a change that is to be acknowledged: its package, or else a notice."""
    if duty["kind"] != DutyKind.ACKNOWLEDGEMENT:
        return None
    verb = "consult" if duty["package"] else "notices"
    return f"handoff {verb} {duty['handoff']}"


def _command(duty: Mapping[str, Any]) -> str:
    """The command that fulfils a duty: its action, about the handoff or the case."""
    noun, _, verb = str(duty["action"]).partition(".")
    command = f"{noun} {verb.replace('_', '-')}"
    match duty["action"]:
        case "case.approve_recall":
            return f"{command} {duty['case']} {duty['source']}"
        case _:
            return f"{command} {duty[noun]}"


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


def _activation(_: Gateway) -> Iterator[Waiting]:
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


@write_command(notification, click.argument("event", type=click.UUID))
def replay(gateway: Gateway, event: UUID, by: str) -> WriteReport:
    """Have the notification of EVENT sent again.

    EVENT is any of your own events (`casegate event list`): refused, or taken and lost.
    """
    written = gateway.replay_notification(event, by)
    return written, f"the notification of event {event} is sent again, before those that follow"


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
