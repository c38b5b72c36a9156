"""The page on the life of a case shows the states of a handoff and what is owed as the code has it.

Print what belongs there with ``python -m tests.rules.test_life_of_a_case``.
"""

from collections.abc import Iterator
from pathlib import Path

from gateway.domain.answers import KIND_OF_ACTION, KIND_OF_MOVE, MOVES, AnswerAuthor
from gateway.domain.audit_event import EVENT_TYPES
from gateway.domain.duty import ARRIVED, DUTIES, DutyKind
from gateway.domain.handoff import OPEN, HandoffAction, HandoffState
from tests.rules import test_answers

PAGE = Path(__file__).parents[2] / "docs" / "life-of-a-case.md"

DUE = {
    DutyKind.ANSWER: "by urgency",
    DutyKind.UPDATE: "by urgency, 24 hours at most",
    DutyKind.ACKNOWLEDGEMENT: "by urgency, 3 days at most",
    DutyKind.PROPOSAL_ANSWER: "7 days",
    DutyKind.CLEARANCE: "24 hours: the case was offered before it, in imminent danger",
    DutyKind.REVIEW: "24 hours: the case was consulted before its acceptance, in imminent danger",
    DutyKind.CALL: "15 minutes after an offer in imminent danger",
    DutyKind.DEROGATION_REVIEW: "24 hours, by your DPO: the offer left for a third country",
    DutyKind.CORRECTION_NOTICE: "by urgency, 24 hours at most: an update was owed at the erasure",
    DutyKind.COPIES_ERASED: "30 days after the erasure, where you are no authority under LED",
    DutyKind.RETENTION: "30 days after the erasure: then your copy is destroyed",
    DutyKind.RETENTION_REVIEW: "the day of review that you stated, within 3 years",
    DutyKind.RECALL_ACKNOWLEDGEMENT: "72 hours; 8 in imminent danger",
    DutyKind.RECALL_ANSWER: "21 days",
    DutyKind.RECALL_APPROVAL: (
        "24 hours: one person recalled, what was misdirected or accepted with a reservation"
    ),
}
"""By when each is due, in words; the terms are the code's."""


def command(action: HandoffAction) -> str:
    """A move as its command says it; those of the gateway follow from a succession."""
    kind = KIND_OF_MOVE.get(action)
    if kind is not None and kind.author is AnswerAuthor.GATEWAY:
        return "succession"
    return str(action if kind is None else kind.command).replace("_", "-")


def diagram() -> str:
    """The moves that change the state, with all that every open state has drawn once."""
    ways: dict[tuple[str, str], dict[str, None]] = {}
    for (before, action), after in MOVES.items():
        shared = before in OPEN and all(MOVES.get((one, action)) == after for one in OPEN)
        source = "open" if shared else str(before)
        if before != after:
            ways.setdefault((source, str(after)), {})[command(action)] = None
    ways["open", str(HandoffState.LAPSED)] = {"erasure of the case": None}
    inside = {str(one) for one in OPEN}
    lines = ["stateDiagram-v2", "  [*] --> open: offer", "  state open {", "    [*] --> offered"]
    lines += [f"  {line}" for line in arrows(ways) if {line.split()[0], target(line)} <= inside]
    lines.append("  }")
    lines += [line for line in arrows(ways) if not {line.split()[0], target(line)} <= inside]
    return "\n".join(lines) + "\n"


def arrows(ways: dict[tuple[str, str], dict[str, None]]) -> Iterator[str]:
    for (before, after), by in ways.items():
        yield f"  {before} --> {after}: {', '.join(by)}"


def target(arrow: str) -> str:
    return arrow.split()[2].removesuffix(":")


def table() -> str:
    """Each kind of duty: who owes it, by when, and the command that fulfils it."""
    rows = ["| owed | by | by when | command | late: heard by |", "|---|---|---|---|---|"]
    for kind, terms in DUTIES.items():
        if kind in ARRIVED.values():
            continue
        hears = "both" if terms.shared else "who owes it"
        verb = terms.action.replace(".", " ").replace("_", "-")
        rows.append(
            f"| {kind.replace('_', ' ')} | {terms.owes} | {DUE[kind]} | `{verb}` | {hears} |"
        )
    return "\n".join(rows) + "\n"


def arriving() -> str:
    """Each event that arrives at the other party, and as what it waits there."""
    rows = ["| what the other side did | waits as |", "|---|---|"]
    for action, event in EVENT_TYPES.items():
        if event.arrives is not None:
            kind = KIND_OF_ACTION.get(action)
            codes = " or ".join(f"`{one}`" for one in sorted(kind.questions)) if kind else ""
            asks = f"; with {codes} a question" if codes else ""
            rows.append(f"| `{event.name}` | {event.arrives}{asks} |")
    return "\n".join(rows) + "\n"


def test_the_page_has_what_arrives() -> None:
    assert arriving() in PAGE.read_text(encoding="utf-8"), f"put this there:\n{arriving()}"


def test_the_page_has_the_states_of_a_handoff() -> None:
    assert diagram() in PAGE.read_text(encoding="utf-8"), f"put this there:\n{diagram()}"


def test_the_page_has_what_is_owed() -> None:
    assert table() in PAGE.read_text(encoding="utf-8"), f"put this there:\n{table()}"


if __name__ == "__main__":
    print(diagram(), test_answers.table(), table(), arriving(), sep="\n")
