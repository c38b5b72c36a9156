"""The documents list what the code has: every event, every setting."""

import re
from dataclasses import fields
from datetime import date
from pathlib import Path

import pytest

from gateway import config
from gateway.changes import CHANGES
from gateway.domain import read_only
from gateway.domain.audit_event import EVENT_TYPES
from gateway.domain.decision import PolicyEntity, PolicyQuestion, organisation_entity
from gateway.domain.organisation import Organisation, Status
from gateway.kernel.changes import LOG, ChangeType
from gateway.registry import change_table as registry
from gateway.registry.change_table import STEPS
from gateway.registry.members import CONTACT
from tests.ports import policy

ROOT = Path(__file__).parents[2]


def _audit_events() -> tuple[str, str]:
    """The page on audit events: what is recorded, and what is read only."""
    recorded, read = (ROOT / "docs/audit-events.md").read_text("utf-8").split("\n## Read only\n")
    return recorded, read


def test_every_event_of_the_code_is_in_the_list_of_audit_events_and_no_other():
    for page, events in zip(_audit_events(), (EVENT_TYPES, read_only.EVENTS), strict=True):
        rows = re.findall(r"^\| `([a-z._]+)` \| `([a-z._]+)` \| ([a-z_]+) \|", page, re.MULTILINE)
        listed = {action: (event, operation) for event, action, operation in rows}
        assert len(rows) == len(listed)
        assert listed == {action: (typ, str(op)) for action, (typ, op, *_) in events.items()}


def test_the_list_of_audit_events_says_how_many_administrators_policy_asks_for():
    rows = re.findall(
        r"^\| `[a-z._]+` \| `([a-z._]+)` \| [a-z_]+ \| (one|two)\b[^|]*\|",
        _audit_events()[0],
        re.MULTILINE,
    )
    listed = dict(rows)
    assert listed.keys() == CHANGES.keys() | STEPS.keys()
    assert listed == {action: _persons(action) for action in listed}
    words = {1: "one", 2: "two"}
    assert listed == {action: words[one.persons] for action, one in {**CHANGES, **STEPS}.items()}


@pytest.mark.parametrize("kind", ["hotline", "police_office"])
@pytest.mark.parametrize("status", Status)
def test_the_log_is_judged_by_the_number_that_policy_asks_for_whoever_is_changed(status, kind):
    found = {action: _persons(action, status, kind) for action in registry.CHANGES}
    words = {1: "one", 2: "two"}
    assert found == {action: words[one.persons] for action, one in registry.CHANGES.items()}


def test_no_fact_but_the_action_says_how_many_administrators_change_the_registry():
    (plain,) = (one.default for one in fields(ChangeType) if one.name == "facts")
    assert [action for action, one in registry.CHANGES.items() if one.facts is not plain] == []


def _persons(action: str, status: Status = Status.ACTIVE, kind: str = "hotline") -> str:
    """How many persons policy wants for a change of a member, or of the gateway."""
    police = kind == "police_office"
    member = Organisation(
        slug="member",
        name="",
        kind=kind,
        public_authority=police,
        regimes=frozenset({"led"} if police else ()),
        country="FR",
        status=status,
    )
    at_gateway = {**CHANGES, **STEPS}[action].at_gateway
    resource = LOG if at_gateway else organisation_entity(member, date(2026, 3, 2))
    more = {"due": False} if action == "case.erase" else {}
    asking, person = policy(), PolicyEntity("Person", "a", {"enabled": True})
    for number, word in enumerate(("one", "two"), start=1):
        facts = {"approvals": number, **more}
        rules = asking.decide(PolicyQuestion(person, action, resource, facts)).rules
        if not any(rule.startswith("R10.") for rule in rules):
            return word
    return "more"


def test_the_page_for_administrators_has_the_words_of_an_application_and_no_others():
    page = (ROOT / "docs/administrators.md").read_text(encoding="utf-8")
    table = page.split("<!-- application -->")[1].split("<!-- /application -->")[0]
    rows = re.findall(r"^\| `(\w+)`[^|]*\| (`[^|]*) \|$", table, re.MULTILINE)
    listed = {field: tuple(re.findall(r"`(\w+)`", words)) for field, words in rows}
    fields = (*CHANGES["organisation.apply"].fields, *CONTACT)
    assert listed == {field.name: field.words for field in fields if field.words}


def test_the_page_of_settings_says_of_each_what_its_file_says_and_names_no_other():
    page = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(\[\w+\] \w+|\[\[\w+\]\])` \| [^|]+ \| (.+) \|$", page, re.MULTILINE)
    assert listed == [(one.name, " ".join(one.about.split())) for one in config.SETTINGS]
