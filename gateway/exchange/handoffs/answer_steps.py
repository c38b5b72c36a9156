"""What each kind of answer asks for beyond the table of answers, and what follows from it."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.domain import moves, refusals
from gateway.domain.answers import ANSWERS, misplaced
from gateway.domain.case import ARRAYS, CLEAR_MARKING
from gateway.domain.decision import Value
from gateway.domain.handoff import REMOVALS, RETAINING, Handoff, RecallAnswer, recall_answer_errors
from gateway.domain.json_values import parse_date, parse_timestamp
from gateway.domain.outcome import outcome_errors
from gateway.domain.retention import RetentionGround
from gateway.domain.revision import is_place, place_of
from gateway.domain.standing import MOST_LATE
from gateway.exchange.case.measure_events import tell_of_removal
from gateway.exchange.handoffs.acceptance import check_acceptance, follow_acceptance
from gateway.exchange.handoffs.answering import Answering
from gateway.exchange.handoffs.retention import end_retention, set_retention
from gateway.exchange.standing import duties
from gateway.exchange.standing.case_version import identity, read_version


def _nothing(*_: Any) -> None:
    """Nothing to check, and nothing that follows."""


@dataclass(frozen=True)
class AnswerSteps:
    """How one kind of answer is given.

    ``check`` raises what is wrong with it, ``facts`` are those of its fields that policy decides
    by, ``move`` makes the handoff after it, ``follow`` does what follows once that is stored.
    """

    check: Callable[[Answering], None] = _nothing
    facts: Callable[[Mapping[str, Any]], dict[str, Value]] = lambda _: {}
    move: Callable[[Answering], Handoff] = Answering.move
    follow: Callable[[Answering, Handoff], None] = _nothing


# --- Outcomes and proposals ---


def check_outcome(given: Answering) -> None:
    """Require that its fields fit together, and that its items were offered."""
    if errors := outcome_errors(given.fields, given.context.now):
        raise refusals.ValidationFailed(errors)
    check_elements(given, "items", ("items",))


def follow_outcome(given: Answering, moved: Handoff) -> None:
    """Let who set an embargo hear of a removal that is reported while it holds."""
    if given.fields["code"] in REMOVALS:
        context, case = given.context, given.standing.case
        tell_of_removal(context, case, context.organisation, given.fields)


def check_proposal(given: Answering) -> None:
    """Require that its elements were offered."""
    check_elements(given, "elements", ARRAYS)


def check_elements(given: Answering, field: str, arrays: Collection[str]) -> None:
    """An answer is about elements that were offered; other ids could be anything (R1)."""
    handoff = given.handoff
    if field not in given.fields:
        return
    offered = {
        placed.value["id"]
        for placed in read_version(given.context.work, handoff.case_digest).said.placed
        if placed.in_array
        and placed.name in arrays
        and placed.digest in handoff.permitted_disclosures
    }
    if not offered.issuperset(given.fields[field]):
        why = f"name only {field} that were offered, by their ids"
        raise refusals.ValidationFailed(((f"/{field}", why),))


# --- Delays and calls ---


def follow_delay(given: Answering, moved: Handoff) -> None:
    """Put off what the recipient owes."""
    until = parse_timestamp(given.fields["until"])
    duties.delay(given.context.work, given.standing.duties, until, given.context.now)


def check_call(given: Answering) -> None:
    """Require that it was made."""
    if parse_timestamp(given.fields["time"]) > given.context.now:
        why = "lies in the future: say it once you have called"
        raise refusals.ValidationFailed((("/time", why),))


# --- Correction notices ---


def check_notice(given: Answering) -> None:
    """A notice names places of what was offered; other ids could be anything (R1).

    Of an erased case nothing is left to compare with: then they are ids and names of the profile,
    and few.
    """
    handoff, named = given.handoff, given.fields["pointers"]
    if given.standing.is_erased:
        if len(named) > MOST_LATE or not all(map(is_place, named)):
            why = f"name {MOST_LATE} places at most, as /items/ and an id"
            raise refusals.ValidationFailed((("/pointers", why),))
        return
    offered = read_version(given.context.work, handoff.case_digest).said
    places = {
        place_of(*identity(part))
        for part in offered.placed
        if part.digest in handoff.permitted_disclosures
    }
    if not {*places, *map(place_of, CLEAR_MARKING)}.issuperset(named):
        why = "name only places of what was offered: /urgency, or /items/ and an id"
        raise refusals.ValidationFailed((("/pointers", why),))


# --- Retentions, and the final answer to a recall ---


def follow_retention(given: Answering, moved: Handoff) -> None:
    """Let the recipient keep the case on the basis that it states."""
    days = {name: given.fields.get(name) for name in ("until", "review_on")}
    set_retention(
        given.context,
        moved,
        RetentionGround.STATED,
        legal_basis=given.fields["legal_basis"],
        **{name: day and parse_date(day) for name, day in days.items()},
    )


def check_recall_answer(given: Answering) -> None:
    """Require that its fields fit together."""
    errors = [*misplaced(ANSWERS["recall_answer"].fields, given.fields)]
    if errors := [*errors, *recall_answer_errors(given.fields, given.context.today.civil)]:
        raise refusals.ValidationFailed(errors)


def move_by_recall_answer(given: Answering) -> Handoff:
    """Only one is given before the copies are erased; without a recall, only that they are."""
    done = RecallAnswer(given.fields["done"])
    if given.handoff.recall is None and done in RETAINING:
        raise refusals.WrongState("no recall stands on this handoff")
    return moves.answer_recall(given.move(), done)


def follow_recall_answer(given: Answering, moved: Handoff) -> None:
    """Make a retention of what is kept, and end it where the copies are erased."""
    context, fields, done = given.context, given.fields, given.fields["done"]
    if done in RETAINING:
        until, basis = parse_date(fields["until"]), fields.get("legal_basis")
        set_retention(context, moved, RetentionGround(done), legal_basis=basis, until=until)
    else:
        end_retention(context.work, moved, context.now)


ANSWER_STEPS: Mapping[str, AnswerSteps] = {
    "acceptance": AnswerSteps(
        check_acceptance,
        lambda fields: {"conditions_accepted": "conditions" in fields},
        follow=follow_acceptance,
    ),
    "outcome": AnswerSteps(
        check_outcome,
        lambda fields: {"code": fields["code"]},
        follow=follow_outcome,
    ),
    "correction_proposal": AnswerSteps(check_proposal),
    "delay": AnswerSteps(follow=follow_delay),
    "call": AnswerSteps(check_call),
    "correction_notice": AnswerSteps(check_notice),
    "retention": AnswerSteps(follow=follow_retention),
    "recall_answer": AnswerSteps(
        check_recall_answer,
        lambda fields: {"done": fields["done"]},
        move_by_recall_answer,
        follow_recall_answer,
    ),
}
"""By the name of the kind; a kind that is not here asks for nothing more."""
