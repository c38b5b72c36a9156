"""`casegate todo` and `notification`: what waits for this organisation, and what is new."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from itertools import groupby
from typing import Any

import click

from gateway.cli import output, wording
from gateway.cli.arguments import Words
from gateway.cli.handoff_view import urgency_word
from gateway.cli.partner_command import EPILOG, partner, partner_command
from gateway.cli.steps import act_word, add_steps
from gateway.cli.system import waiting_writes
from gateway.cli.wording import say, screen_language
from gateway.client import Gateway
from gateway.domain.duty import DutyKind, WaitKind
from gateway.domain.handoff import HandoffState
from gateway.domain.item_value import defang_text
from gateway.domain.vocabulary import Matter, Urgency
from gateway.domain.worklist import WorklistFilter
from gateway.evidence.security_event import EventNotification
from gateway.text import catalogue


@click.command(epilog=EPILOG)
@click.option("--mine", metavar="PSEUDONYM", help="Only what this person took.")
@click.option("--urgency", type=Words(Urgency), help="Only of this urgency.")
@click.option("--matter", type=Words(Matter), help="Only of this matter.")
@click.option("--with", "counterpart", metavar="ORGANISATION", help="Only with this counterpart.")
@click.option("--overdue", is_flag=True, help="Only what is past its time.")
@click.option("--ends", is_flag=True, help="Only what ends within 30 days.")
@screen_language
@partner
def todo(gateway: Gateway, mine: str | None, overdue: bool, ends: bool, **only: str | None) -> None:
    """List what waits for you, and the command for each.

    By urgency, then due time (UTC): what you owe, what the other side did and nobody here has seen,
    offers and recalls without an answer in time, cases to assess or clear. Then what is about no
    case: successions, refused notifications, writes without an answer, what ends soon, and a log
    that too few of the witnesses you ask for confirm, or no time-stamp authority.
    """
    wanted = WorklistFilter(taken_by=mine, overdue=overdue, ends=ends, **only)
    found = gateway.worklist()
    rows = [one for one in found["items"] if wanted.fits(one)]
    outbox = 0 if wanted.is_set else waiting_writes(gateway)
    unconfirmed = [] if wanted.is_set else gateway.unconfirmed(wording.language())
    items = [{**one, "first": _whole(_first(one)), "next": _whole(_next(one))} for one in rows]
    told = {"items": items, "skipped": found["skipped"], "outbox": outbox}
    if output.reply({**told, "unconfirmed": unconfirmed}):
        return
    for _, group in groupby(rows, _news_of):
        _print([*group])
    if outbox:
        click.echo(say("unanswered_writes", number=outbox))
        wording.print_next(output.complete("outbox resend"))
    for sentence in unconfirmed:
        click.echo(sentence)
        wording.print_next(output.complete(f"audit mirror {gateway.connection.issuer} copy"))
    if scopes := sorted({str(one["scope"]) for one in found["skipped"] if one["scope"]}):
        click.echo(say("no_scope", scopes=", ".join(scopes)), err=True)
    if closed := [one["source"] for one in found["skipped"] if not one["scope"]]:
        click.echo(say("not_active", sources=wording.code("source", closed)), err=True)
    if not (rows or outbox or unconfirmed or found["skipped"]):
        click.echo(say("nothing_fits" if wanted.is_set else "nothing_waits"))


def _whole(command: str | None) -> str | None:
    return command and f"{output.program()} {output.complete(command)}"


_NEWS = frozenset({DutyKind.ORIGINATOR_NEWS, DutyKind.RECIPIENT_NEWS})
_PAST: Mapping[str, str] = {DutyKind.QUESTION: "late", DutyKind.ORIGINATOR_NEWS: "at_once"}
"""The words for a time that is over where nothing is owed."""


def _news_of(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Rows that are printed as one: what is news of a handoff, and no danger."""
    is_news = row["kind"] in _NEWS and row["urgency"] != Urgency.IMMINENT_DANGER
    return (row["handoff"],) if is_news else (row["handoff"], row["kind"], row["source"], id(row))


def _print(rows: Sequence[Mapping[str, Any]]) -> None:
    row = rows[0]
    due = output.format_time(row["due_at"]) if row["due_at"] else ""
    if row["overdue"]:
        due = say(_PAST.get(row["kind"], "overdue"))
    urgency = urgency_word(row["urgency"]) if row["urgency"] else ""
    label = f"{due:22}{urgency:{_WIDE[wording.language()]}}"
    output.print_wrapped(output.sanitise(say("and").join(_lines(rows))), label, len(label))
    for command in filter(None, (_first(row), _next(row))):
        short = command  # the ids of cases and handoffs by their ends; the others stay whole
        for id_ in filter(None, (row["handoff"], row["case"])):
            short = short.replace(id_, output.short(id_))
        wording.print_next(output.complete(short))


def _lines(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Return what waits, with whom and about what; who works on it."""
    row, kind = rows[0], str(rows[0]["kind"])
    about = None if row["about"] is None else wording.code("about", row["about"])
    what = wording.code("waits", kind).replace("{about}", str(about))
    if row["arrived"] and kind != DutyKind.ANNOUNCEMENT:
        told = Counter(wording.code("arrived", one["arrived"]) for one in rows)
        counted = (say("times", what=one, number=n) if n > 1 else one for one, n in told.items())
        what = say("and").join(counted)
        what = say("question", what=what) if kind == DutyKind.QUESTION else what
    elif len(row["acts"]) > 1:
        what = say("acts", what=what, acts=", ".join(map(act_word, row["acts"])))
    # Where one gave no reference of one's own, the end of the id tells it from others.
    reference = defang_text(
        str(row["reference"] or output.short(row["handoff"] or row["case"] or ""))
    )
    if row["counterpart"]:
        sent = row["handoff"] or kind == WaitKind.CASE_OFFER
        direction = "from" if row["received"] else "to" if sent else "with"
        what = say(f"party_{direction}", what=what, name=row["counterpart_name"])
    yield say("with_reference", reference=reference, what=what) if reference else what
    if row["matter"]:
        yield wording.code("matter", row["matter"])
    if row["taken_by"]:
        yield say("taken_by", person=row["taken_by"])
    if row.get("out_of_service"):
        yield wording.code("closed", "out_of_service")


_WIDE = {catalogue.ENGLISH: 9, catalogue.FRENCH: 12}
"""Columns of an urgency."""


def _next(row: Mapping[str, Any]) -> str | None:
    """The command of its first act; of a case that is with nobody to whom a
    redirection names, else to a competence."""
    if row["kind"] != WaitKind.CASE_OFFER or row.get("out_of_service"):
        command: str | None = row["command"]
        return command
    to = f"--to {row['counterpart']}" if row["counterpart"] else "--competence MATTER/TERRITORY"
    return f"handoff offer {row['case']} {to} --group GROUP"


def _first(row: Mapping[str, Any]) -> str | None:
    """Return what shows a change that is to be acknowledged, its package or else a notice; or what
    arrived."""
    verb = "consult" if row["package"] else "notices"
    if row["kind"] == DutyKind.CALL:
        return f"handoff show {row['handoff']}"  # it has whom to telephone
    if row["arrived"] and row["kind"] != DutyKind.ADDITION:
        verb = "notices" if row["state"] == HandoffState.LAPSED else "show"
    elif row["kind"] != DutyKind.ACKNOWLEDGEMENT or row.get("out_of_service"):
        return None
    return f"handoff {verb} {row['handoff']}{' --was' if verb == 'consult' else ''}"


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
        output.short(one.handoff or "-"),
        one.urgency or "-",
        output.format_time(one.due_at) if one.due_at else "-",
    )
