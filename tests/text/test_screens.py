"""The screens of each day have words in both languages, also for every code that they may show."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from gateway import client
from gateway.cli import admin, partner_command, todo
from gateway.client import RequestRefused
from gateway.domain.answers import ANSWERS, KIND_OF_ACTION
from gateway.domain.audit_event import EVENT_TYPES
from gateway.domain.case import GROUPS
from gateway.domain.duty import DUTIES, DutyKind, WaitKind
from gateway.domain.handoff import HandoffState
from gateway.domain.mandate import FUNCTIONS
from gateway.domain.measure import MEASURES, MeasureKind
from gateway.domain.organisation import KINDS, MembershipClass
from gateway.domain.refusals import slug_of
from gateway.domain.revision import REASONS, ChangeKind
from gateway.domain.standing import Closed
from gateway.domain.steps import STEPS
from gateway.domain.vocabulary import Matter, Purpose, Urgency
from gateway.exchange.lifecycle import worklist
from gateway.kernel.approvals import APART
from gateway.registry.change_table import CHANGES
from gateway.text import catalogue
from gateway.web import problems

SCREENS = catalogue._TABLES["screens"]
CLI = Path(admin.__file__).parents[1]
CLIENT = Path(client.__file__).parent
TEXT = Path(catalogue.__file__).parent


def codes() -> Iterator[tuple[str, Iterable[str]]]:
    """The codes that the screens of each day show, by field."""
    yield "waits", (*DutyKind, *WaitKind)
    yield "arrived", (one.name for one in EVENT_TYPES.values() if one.arrives)
    yield "arrived", (kind.event for kind in ANSWERS.values() if kind.arrives)
    yield "source", (one.name for one in worklist._SOURCES)
    yield "refusal", problems.all_problems()
    yield "refusal", map(slug_of, {*partner_command._CODES} - {RequestRefused})
    yield "group", GROUPS
    yield "state", HandoffState
    yield "matter", Matter
    yield "urgency", Urgency
    yield "purpose", Purpose
    yield "about", (*MembershipClass, *Purpose)
    yield "change", ChangeKind
    yield "reason_code", REASONS
    yield "kind", MeasureKind
    yield "closed", (one.name.lower() for one in Closed)
    yield "acts", ANSWERS
    yield "act", (*STEPS, *KIND_OF_ACTION)
    yield "kind", KINDS
    yield "function", FUNCTIONS
    yield "act", (action for terms in DUTIES.values() for action in terms.fulfilled_by)
    yield "act", ("case.consult", "case.revise", "handoff.offer", "handoff.update")
    for measure in MEASURES.values():
        yield "code", measure.codes
    for field in (one for kind in ANSWERS.values() for one in kind.fields):
        yield field.name, field.words
    for field in (one for step in STEPS.values() for one in step.body.fields):
        yield field.name, field.words


def test_every_code_that_a_screen_shows_has_words_in_both_languages() -> None:
    mute = [
        f"{field}.{code}"
        for field, known in codes()
        for code in known
        for language in catalogue.LANGUAGES
        if not catalogue.code(field, str(code), language)
    ]
    assert mute == []


def test_every_field_of_a_change_that_waits_has_a_name_in_both_languages() -> None:
    named = {*catalogue._TABLES["labels"], *catalogue._TABLES["fields"]}
    told = {
        one.name
        for action, change in CHANGES.items()
        for one in change.fields
        if one.name not in APART.get(action, ())
    }
    assert told - named == set()


def test_no_text_of_a_screen_is_without_use_and_none_is_missing() -> None:
    said = {
        node.value
        for folder in (CLI, CLIENT, TEXT)
        for file in folder.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    made = {f"party_{direction}" for direction in ("from", "to", "with")}
    assert SCREENS.keys() - said - made == set()
    assert {*todo._PAST.values()} <= SCREENS.keys()
