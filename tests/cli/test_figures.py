"""Figures: counted once by outcome or state, from one's own events, with no content."""

import csv
import io
import re
from datetime import timedelta

from gateway.cli.figures import EVERY, RECEIVED, SENT, Counted, Figures
from gateway.domain.handoff import OUTCOMES, RELEASABLE, HandoffState
from gateway.exchange.lifecycle import erasure
from gateway.text import catalogue
from gateway.verification import event_table
from tests.casework import offered, submitted
from tests.cli.desks import Desks
from tests.each import each
from tests.founded_gateway import HOTLINE, OFMIN

NAMES = {"host": "Example Host", "ofmin": "OFMIN"}
COUNTED = [
    Counted(SENT, "host", ("csam",), "content_removed", 1.0, 5.0),
    Counted(SENT, "host", ("csam",), "content_removed", 2.0, 8.0),
    Counted(SENT, "host", ("csam", "grooming"), "offered"),
    Counted(SENT, "ofmin", ("grooming",), "case_opened", 30.0),
    Counted(RECEIVED, "gone", ("csam",), "declined", 0.25),
]


def table(by: tuple[str, ...], direction: str | None, language: str = "en") -> list[list[str]]:
    rows = Figures(COUNTED, NAMES, language).rows(by, direction)
    return [[*row.values()] for row in rows]


def test_a_handoff_counts_once_and_hours_are_medians_of_those_that_have_them() -> None:
    assert table(("counterpart",), SENT) == [
        ["Example Host (host)", "3", "2", "1.5", "2", "6.5"],
        ["OFMIN (ofmin)", "1", "1", "30.0", "0", ""],
    ]
    assert table(("result",), SENT) == [
        ["case opened", "1", "1", "30.0", "0", ""],
        ["content removed", "2", "2", "1.5", "2", "6.5"],
        ["no answer yet", "1", "0", "", "0", ""],
    ]


def test_a_handoff_of_several_matters_counts_under_each_and_together_in_the_last_table() -> None:
    by_matter = {row[0]: row[1] for row in table(("matter",), SENT)}
    assert by_matter == {"child sexual abuse material": "3", "grooming of a child": "2"}
    assert sum(int(row[4]) for row in table(EVERY, None)) == len(COUNTED)
    assert ["Example Host (host)", "child sexual abuse material + grooming of a child"] in [
        row[1:3] for row in table(EVERY, None)
    ]


def test_french_figures_have_french_words_and_decimals_and_who_left_stands_by_its_id() -> None:
    (row,) = table(EVERY, RECEIVED, "fr")
    assert row == [
        "Reçues", "gone", "contenu d’abus sexuels sur mineurs", "déclinée", "1", "1", "0,2", "0", ""
    ]  # fmt: skip


@each("result", [*OUTCOMES, *RELEASABLE, *HandoffState, "erased"])
def test_every_outcome_and_state_has_its_words(result: str) -> None:
    kept = str(result).removeprefix("partially_")
    assert kept in catalogue._TABLES["results_of_handoffs"]


def test_no_cell_of_the_csv_is_a_formula() -> None:
    names = {"host": '=HYPERLINK("x")'}
    text = event_table.to_csv(Figures(COUNTED, names, "en").rows(("counterpart",)))
    assert "'=HYPERLINK" in text
    assert not re.search(r"(^|,)\"?=", text, re.MULTILINE)


def outcome(desks: Desks, handoff: str, code: str) -> None:
    """A handoff of the hotline's is accepted after three hours, with an outcome after another
    five."""
    by = ("--by", "officer-1")
    desks.stage.gateway.clock.advance(timedelta(hours=3))
    desks.done("handoff", "accept", handoff, *by, "--yes", at=OFMIN)
    desks.stage.gateway.clock.advance(timedelta(hours=5))
    desks.done("handoff", "report-outcome", handoff, *by, "--code", code, at=OFMIN)


def lines(desks: Desks, at: str) -> list[tuple[str, ...]]:
    day = desks.stage.gateway.clock().date()
    period = ("--from", f"{day - timedelta(days=9)}", "--to", f"{day}")
    rows = csv.DictReader(io.StringIO(desks.done("figures", *period, "--csv", at=at)))
    named = ("Direction", "Outcome", "Median hours to answer", "Median hours to removal")
    return [tuple(one[name] for name in named) for one in rows]


def test_figures_are_counted_on_both_sides_and_open_no_case(desks: Desks) -> None:
    outcome(desks, desks.offered(), "removed")
    desks.offered()
    size = desks.stage.gateway.size()
    assert lines(desks, OFMIN) == [
        ("Received", "no answer yet", "", ""),
        ("Received", "removed", "3.0", "8.0"),
    ]
    # What the police do, a private originator reads as they let it.
    assert lines(desks, HOTLINE) == [
        ("Sent", "no answer yet", "", ""),
        ("Sent", "received", "3.0", ""),
    ]
    day = f"{desks.stage.gateway.clock():%Y-%m-%d}"
    period = ("--from", day, "--to", day)
    assert "Envoyées\u00a0: 2" in desks.done("figures", *period, "--lang", "fr")
    told = desks.told("figures", "--from", "2020-01-01", "--to", "2020-12-31")
    assert told == {"from": "2020-01-01", "to": "2020-12-31", "handoffs": []}
    assert desks.told("figures", *period, "--purpose", "remove")["handoffs"] == []
    desks.done("figures", *period, "--page", "year.html")
    assert "<th>Median hours to answer</th>" in (desks.folder / "year.html").read_text()
    assert desks.stage.gateway.size() == size
    turned = desks.run("figures", "--from", "2026-02-01", "--to", "2026-01-01")
    assert (turned.exit_code, "--to is before --from" in turned.stderr) == (2, True)
    both = desks.run("figures", *period, "--csv", "--json")
    assert (both.exit_code, "exclude each other" in both.output) == (2, True)


def test_an_outcome_that_was_erased_with_its_case_is_counted_as_that(desks: Desks) -> None:
    gateway = desks.stage.gateway
    day = gateway.clock().date() + timedelta(days=2)
    case = submitted(gateway, marking={"erase_on": day.isoformat()})
    outcome(desks, offered(gateway, case).result["handoff"], "removed")
    gateway.clock.advance(timedelta(days=3))
    assert erasure.erase_due(gateway.ports) == 1
    assert lines(desks, OFMIN) == [("Received", "outcome erased with its case", "3.0", "")]
    day = gateway.clock().date() - timedelta(days=3)
    told = desks.done("figures", "--from", f"{day}", "--to", f"{day}", at=OFMIN)
    assert "erased with its case" in told.partition("By matter")[2].partition("By counterpart")[0]
