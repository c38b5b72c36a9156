"""`casegate figures`: what was sent and received in a period, counted from one's own events."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import median
from typing import Any

import click

from gateway.cli import arguments, output, page
from gateway.cli.partner_command import EPILOG, partner
from gateway.cli.verify import language_option
from gateway.client import Gateway, RequestRefused
from gateway.client.documents import require
from gateway.domain.json_values import parse_timestamp
from gateway.domain.vocabulary import Purpose
from gateway.evidence import sd_jwt
from gateway.text import catalogue

SENT, RECEIVED = "sent", "received"
_ANSWERS = frozenset({"handoff.accepted", "handoff.declined", "handoff.redirected"})
_REMOVALS = frozenset({"removed", "content_removed", "access_disabled"})
_ERASED = "erased"


@dataclass(frozen=True)
class Counted:
    """One handoff as it is counted: ``result`` is its newest outcome, or else its state; the hours
    are those from its offer to the first answer, and to the first outcome that says removed."""

    direction: str
    counterpart: str
    matter: tuple[str, ...]
    result: str
    answered: float | None = None
    removed: float | None = None


def collect(
    gateway: Gateway, first: date, last: date, purpose: str | None = None
) -> Iterator[Counted]:
    """The handoffs that were offered in a period, both days included (UTC), each held against this
    member's own events; of those with an outcome the answers are read."""
    listed = [
        one
        for one in (*gateway.sent(), *gateway.inbox())
        if first <= parse_timestamp(one["offered_at"]).astimezone(UTC).date() <= last
        and purpose in (None, *one["purpose"])
    ]
    moves: dict[str, _Moves] = {one["handoff"]: {} for one in listed}
    ends: list[int] = []
    with output.progress("Reading events") as tell:
        for entry in gateway.events(on_end=lambda _, end: ends.append(end.stream_number)):
            tell(entry.stream_number, ends[-1])
            event = entry.confirmed.event
            if entry.confirmed.allowed and event.get("handoff") in moves:
                at = parse_timestamp(event["time"])
                moves[event["handoff"]][event["id"]] = (event["type"], at)
    with output.progress("Reading outcomes") as tell:
        for number, one in enumerate(listed, 1):
            yield _count(gateway, one, moves[one["handoff"]])
            tell(number, len(listed))


_Moves = dict[str, tuple[str, datetime]]
"""What happened in a handoff, in order: type and time of each event by its id."""


def _hours(start: datetime, ends: Iterator[datetime]) -> float | None:
    """Return the hours to the first of these times, if there is one."""
    return next(((end - start).total_seconds() / 3600 for end in ends), None)


def _count(gateway: Gateway, one: Mapping[str, Any], moves: _Moves) -> Counted:
    own = one["originator"] == gateway.connection.organisation
    offered = parse_timestamp(one["offered_at"])
    counted = Counted(
        SENT if own else RECEIVED,
        one["recipient" if own else "originator"],
        tuple(sorted(one["matter"])) or (_ERASED,),
        str(one["state"]).removeprefix("partially_"),
        _hours(offered, (at for kind, at in moves.values() if kind in _ANSWERS)),
    )
    if all(kind != "handoff.outcome_reported" for kind, _ in moves.values()):
        return counted
    try:
        answers = gateway.handoff(one["handoff"])["answers"]
    except RequestRefused as refused:
        if refused.slug != "case-erased":
            raise
        return replace(counted, result=_ERASED)
    reported = [one for one in answers if one["kind"] == "outcome" and one["event"] in moves]
    require(bool(reported), "an outcome of which your own events tell is not shown")
    codes = []
    for answer in reported:
        # Its reader has the code of an outcome beside the document, its author in it.
        told = answer if "code" in answer else sd_jwt.read_unverified(answer["document"]).content
        codes.append((str(told["code"]), moves[answer["event"]][1]))
    removed = _hours(offered, (at for code, at in codes if code in _REMOVALS))
    return replace(counted, result=codes[-1][0], removed=removed)


TABLES = (("matter",), ("counterpart",), ("result",), ("counterpart", "matter", "result"))
"""By what is counted, each on its own; a handoff of several matters counts under each of them, and
in the last table under all together."""

EVERY = ("direction", "counterpart", "matter", "result")


@dataclass(frozen=True)
class Figures:
    """What was counted, in a language, with the names of organisations by their ids."""

    counted: Sequence[Counted]
    names: Mapping[str, str]
    language: str

    def phrase(self, key: str, **values: Any) -> str:
        """Return a word or a sentence of the figures."""
        return catalogue.phrase("figures", key, self.language, **values)

    def rows(self, by: Sequence[str], direction: str | None = None) -> list[dict[str, str]]:
        """Return a row for all that agree in ``by``, with how many they are, and the medians."""
        groups: dict[tuple[str, ...], list[Counted]] = {}
        for one in self.counted:
            if direction not in (None, one.direction):
                continue
            matters = [catalogue.word("codes", f"matter.{m}", self.language) for m in one.matter]
            for matter in matters if by == ("matter",) else [" + ".join(matters)]:
                cells = {
                    "direction": self.phrase(one.direction),
                    "counterpart": page.organisation(one.counterpart, self.names),
                    "matter": matter,
                    "result": catalogue.word("results_of_handoffs", one.result, self.language),
                }
                groups.setdefault(tuple(cells[name] for name in by), []).append(one)
        rows = []
        for key, ones in sorted(groups.items()):
            row = {**dict(zip(by, key, strict=True)), "number": str(len(ones))}
            for name in ("answered", "removed"):
                hours = [value for one in ones if (value := getattr(one, name)) is not None]
                middle = f"{median(hours):.1f}" if hours else ""
                french = self.language == catalogue.FRENCH
                row |= {name: str(len(hours))}
                row |= {f"{name}_hours": middle.replace(".", ",") if french else middle}
            rows.append({self.phrase(name): cell for name, cell in row.items()})
        return rows

    def blocks(self, lines: Sequence[str]) -> Iterator[page.Block]:
        """Return the tables of each direction, below the sentences that belong to all."""
        yield page.Block(self.phrase("about"), lines=lines)
        for direction in (SENT, RECEIVED):
            number = sum(one.direction == direction for one in self.counted)
            yield page.Block(f"{self.phrase(direction)}{catalogue.colon(self.language)} {number}")
            for by in TABLES if number else ():
                rows = self.rows(by, direction)
                heading = self.phrase("by", what=", ".join(map(self.phrase, by)).lower())
                cells = [[*row.values()] for row in rows]
                yield page.Block(heading, level=3, columns=[*rows[0]], rows=cells)


@click.command(epilog=EPILOG)
@click.option(
    "--from", "first", type=arguments.CalendarDay(), required=True, help="The first day (UTC)."
)
@click.option(
    "--to", "last", type=arguments.CalendarDay(), required=True, help="The last day (UTC)."
)
@click.option("--purpose", type=arguments.Words(Purpose), help="Only handoffs for this purpose.")
@arguments.csv_option
@arguments.page_option
@language_option
@partner
def figures(
    gateway: Gateway,
    first: date,
    last: date,
    purpose: str | None,
    as_csv: bool,
    file: Path | None,
    language: str,
) -> None:
    """Count what was sent and received in a period.

    By matter, counterpart and outcome, with the median hours to the first answer and to removal, of
    the handoffs offered from one day to another, as they stand today. Counted from your own events;
    no case is opened.

    Example: casegate figures --from 2026-01-01 --to 2026-12-31
    """
    if last < first:
        raise click.UsageError("--to is before --from: exchange the two days")
    if output.for_machines() and as_csv:
        raise click.UsageError("--json and --csv exclude each other: give one of them")
    names = {one["organisation"]: one["name"] for one in gateway.organisations()}
    found = Figures([*collect(gateway, first, last, purpose)], names, language)
    days = {"start": catalogue.moment(first, language), "end": catalogue.moment(last, language)}
    title = found.phrase("title", **days)
    today = datetime.now(UTC).date()  # noqa: TID251 - the day of this machine
    made = catalogue.moment(today, language)
    lines = [found.phrase("made", day=made), found.phrase("how")]
    blocks = [*found.blocks(lines)]
    counted = [asdict(one) for one in found.counted]
    told = {"from": str(first), "to": str(last), "handoffs": counted}
    table = found.rows(EVERY) if as_csv else None
    page.answer(title, blocks, language, told, file=file, table=table)
