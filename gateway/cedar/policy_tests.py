"""Check policies against their cases: each case decided as it says, no policy left untested."""

import json
import logging
import re
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import cedarpy

from gateway.cedar.policy import (
    NO_POLICY_SPOKE,
    OPTIONAL,
    SCHEMA_FILE,
    CedarPolicy,
    InvalidPolicies,
    Rule,
    Uid,
)
from gateway.domain.decision import PolicyDecision, PolicyEntity, PolicyQuestion, Value

# --- The facts that a schema declares, and those of them that no policy reads ---
#
# A fact that no policy reads makes people believe that it decides something.


_BLOCK = re.compile(r'^(?:entity (\w+) =|action "([a-z_.]+)" appliesTo) \{\n(.*?)^\};', re.M | re.S)
_ATTRIBUTE = re.compile(r"^ +(\w+)\??: ([\w<>]+),?$", re.M)
_HEADING = "## Facts that no policy reads\n"
_EXEMPTION = re.compile(r"^\| `([A-Za-z_.]+)` \| \S.* \|$", re.M)


def declared_facts(schema: cedarpy.Schema) -> Mapping[str, Mapping[str, str]]:
    """The attributes of each entity, and the context of each action, with their types."""
    return {
        entity or action: dict(_ATTRIBUTE.findall(body))
        for entity, action, body in _BLOCK.findall(str(schema))
    }


def unread_facts(policies: Iterable[str], schema: cedarpy.Schema) -> frozenset[str]:
    """The facts that none of the policies (texts in Cedar) reads, as ``Case.matter`` or
    ``handoff.offer.purpose``.

    A policy must say of which type its principal and its resource are, or it counts as reading
    none of their attributes.
    """
    declared = declared_facts(schema)
    reading = _Reading(declared)
    for text in policies:
        for policy in json.loads(cedarpy.policies_to_json_str(text))["staticPolicies"].values():
            reading.add(policy)
    every = {f"{owner}.{name}" for owner, facts in declared.items() for name in facts}
    return frozenset(every - reading.found)


def exempted_facts(readme: str) -> frozenset[str]:
    """The facts that the table of README.md excuses, each with a reason."""
    return frozenset(_EXEMPTION.findall(readme.partition(_HEADING)[2].partition("\n## ")[0]))


@dataclass
class _Reading:
    """Follows the expressions of policies from the variables to the attributes they read."""

    declared: Mapping[str, Mapping[str, str]]
    found: set[str] = field(default_factory=set)

    def add(self, policy: Mapping[str, Any]) -> None:
        """Read one policy, in Cedar's JSON form."""
        action = policy["action"]
        named = action.get("entities", [action["entity"]] if "entity" in action else [])
        variables = {
            "principal": (policy["principal"].get("entity_type", ""),),
            "resource": (policy["resource"].get("entity_type", ""),),
            "context": [one["id"] for one in named] or self.declared,  # else for every action
        }
        self._walk(policy["conditions"], variables)

    def _walk(self, part: Any, variables: Mapping[str, Collection[str]]) -> Collection[str]:
        """Follow a part of a policy; tells whose attributes its value may have."""
        match part:
            case {"Var": str(name)}:
                return variables.get(name, ())
            case {"Value": {"__entity": {"type": str(kind)}}}:
                return (kind,)
            case {".": {"left": left, "attr": name}} | {"has": {"left": left, "attr": name}}:
                owners = self._walk(left, variables)
                known = [one for one in owners if name in self.declared.get(one, ())]
                self.found |= {f"{one}.{name}" for one in known}
                return {self.declared[one][name] for one in known}
            case Mapping():
                for one in part.values():
                    self._walk(one, variables)
            case list():
                for one in part:
                    self._walk(one, variables)
        return ()


# --- Cases, and how each is decided ---


LINE_WIDTH = 100
INDENT = 2

_UID = r'([A-Za-z_]+)::([^"\\]+)'
_CASE_NAME = r"[A-Za-z0-9]+( [A-Za-z0-9]+){3,}"
_ENTITIES = "entities.json"
_README = "README.md"
_REQUIRED = frozenset({"name", "decision", "rules", "principal", "action", "resource"})
_OPTIONAL_FIELDS = frozenset({"context", "entities"})


@dataclass(frozen=True)
class PolicyCase:
    """A question and its expected answer; ``name`` is a sentence, ``table`` its file's stem."""

    table: str
    name: str
    question: PolicyQuestion
    allowed: bool
    rules: tuple[str, ...]


@dataclass(frozen=True)
class PolicyTestReport:
    """What a check found: the problems (none is good), and how much was checked."""

    problems: tuple[str, ...]
    policies: int
    cases: int
    actions: int


def check(folder: Path) -> PolicyTestReport:
    """Validate a folder of policies, and prove each of them by the cases in its ``tests``.

    Every permit must decide an ALLOW case and every forbid a DENY case; every action must have a
    DENY case in which no policy speaks, so that what is forgotten is known to stay closed. Every
    fact of the schema is read by a policy, or README.md says why not.
    Optional policies prove themselves by their own cases, each set added to the folder's. The
    defects that cases bring in on purpose are not logged: a maintenance process would tell its
    operator of errors that are none.
    """
    thread = threading.get_ident()
    log = logging.getLogger(CedarPolicy.__module__)

    def elsewhere(record: logging.LogRecord) -> bool:
        return record.thread != thread

    log.addFilter(elsewhere)
    try:
        report = _check_own(folder)
        if not report.policies:
            return report  # nothing that one could add to
        for place in sorted((folder / OPTIONAL).glob("*/")):
            more = _check_optional(folder, place)
            report = PolicyTestReport(
                (*report.problems, *more.problems),
                report.policies + more.policies,
                report.cases + more.cases,
                report.actions,
            )
    finally:
        log.removeFilter(elsewhere)
    return report


@lru_cache(1)
def check_once(folder: Path, digest: str) -> PolicyTestReport:
    """Check a folder that has this digest, or return what a check of it found before."""
    return check(folder)


def _check_optional(folder: Path, place: Path) -> PolicyTestReport:
    """Each optional policy decides a case, and each case is decided as it says."""
    try:
        own = CedarPolicy.load(folder)
        policy = CedarPolicy.load(folder, (place.name,))
        cases = read_cases(folder, place)
    except InvalidPolicies as broken:
        return PolicyTestReport(broken.problems, 0, 0, 0)
    added = [rule for name, rule in policy.rules.items() if name not in own.rules]
    decided = [(case, policy.decide(case.question)) for case in cases]
    wrong = [one for case, decision in decided for one in _wrong(case, decision)]
    problems = (*_unformatted(place), *wrong, *_undecided(added, decided))
    return PolicyTestReport(
        tuple(f"{place.name}: {one}" for one in problems), len(added), len(cases), 0
    )


def _check_own(folder: Path) -> PolicyTestReport:
    try:
        policy = CedarPolicy.load(folder)
        cases = read_cases(folder)
    except InvalidPolicies as broken:
        return PolicyTestReport(broken.problems, 0, 0, 0)
    decided = [(case, policy.decide(case.question)) for case in cases]
    problems = [
        *_unformatted(folder),
        *_unread(folder),
        *(wrong for case, decision in decided for wrong in _wrong(case, decision)),
        *_undecided(policy.rules.values(), decided),
    ]
    closed = {case.question.action for case, decision in decided if decision == NO_POLICY_SPOKE}
    problems += [
        f"{action}: has no DENY case in which no policy speaks"
        for action in sorted(policy.actions - closed)
    ]
    return PolicyTestReport(tuple(problems), len(policy.rules), len(cases), len(policy.actions))


def _unformatted(folder: Path) -> Iterator[str]:
    for path in sorted(folder.glob("*.cedar")):
        text = path.read_text(encoding="utf-8")
        if cedarpy.format_policies(text, LINE_WIDTH, INDENT) != text:
            yield (
                f"{path.name}: not as Cedar's formatter writes it"
                f" ({LINE_WIDTH} columns, indent {INDENT})"
            )


def _unread(folder: Path) -> Iterator[str]:
    """Facts that no policy reads, the optional ones included, and excuses that none needs."""
    schema = cedarpy.Schema.from_str((folder / SCHEMA_FILE).read_text(encoding="utf-8"))
    policies = [path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.cedar"))]
    unread = unread_facts(policies, schema)
    readme = folder / _README
    excused = exempted_facts(readme.read_text(encoding="utf-8")) if readme.exists() else frozenset()
    for fact in sorted(unread - excused):
        yield f"{fact}: no policy reads this fact, and {_README} gives no reason"
    for fact in sorted(excused - unread):
        yield f"{fact}: {_README} says that no policy reads this fact, but one does or none is so"


def _wrong(case: PolicyCase, decision: PolicyDecision) -> Iterator[str]:
    if (decision.allowed, decision.rules) != (case.allowed, case.rules):
        verb = "allowed" if decision.allowed else "denied"
        yield (
            f"{case.table}: {case.name}: {verb} by {', '.join(decision.rules)};"
            f" the case expects {', '.join(case.rules)}"
        )


def _undecided(
    rules: Iterable[Rule], decided: Sequence[tuple[PolicyCase, PolicyDecision]]
) -> Iterator[str]:
    seen = {(decision.allowed, rule) for _, decision in decided for rule in decision.rules}
    for rule in rules:
        if (rule.permits, rule.id) not in seen:
            yield f"{rule.id}: decides no {'ALLOW' if rule.permits else 'DENY'} case"


def read_cases(folder: Path, place: Path | None = None) -> tuple[PolicyCase, ...]:
    """The cases in the tables under ``tests``, or in those of the optional ``place``.

    ``entities.json`` is in Cedar's own form. Every other file is a table of cases: each names its
    ``decision`` (ALLOW or DENY), the ``rules`` that must decide it, and a question; its own
    ``entities`` replace those of the same name. InvalidPolicies lists every case that is malformed.
    """
    tests, own = folder / "tests", (place or folder) / "tests"
    try:
        shared = _table(json.loads((tests / _ENTITIES).read_bytes()))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidPolicies([f"tests/{_ENTITIES}: {error}"]) from error
    cases: dict[str, PolicyCase] = {}
    problems: list[str] = []
    for path in sorted(own.glob("*.json")):
        if path.name == _ENTITIES:
            continue
        try:
            rows = list(json.loads(path.read_bytes()))
        except (OSError, ValueError, TypeError) as error:
            problems.append(f"{path.stem}: {error}")
            continue
        for number, row in enumerate(rows, start=1):
            name = (row.get("name") if isinstance(row, dict) else None) or f"case {number}"
            try:
                case = _case(path.stem, row, shared)
                if case.name in cases:
                    raise ValueError("another case has the same name")
                cases[case.name] = case
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                problems.append(f"{path.stem}: {name}: {error}")
    if problems:
        raise InvalidPolicies(problems)
    return tuple(cases.values())


def _case(
    table: str, row: Mapping[str, Any], shared: Mapping[Uid, Mapping[str, Any]]
) -> PolicyCase:
    if missing := _REQUIRED - row.keys():
        raise ValueError(f"missing fields: {', '.join(sorted(missing))}")
    if unknown := row.keys() - _REQUIRED - _OPTIONAL_FIELDS:
        raise ValueError(f"unknown fields: {', '.join(sorted(unknown))}")
    if not re.fullmatch(_CASE_NAME, row["name"], re.ASCII):
        raise ValueError("the name must be a sentence of at least four words")
    if row["decision"] not in ("ALLOW", "DENY"):
        raise ValueError("the decision must be ALLOW or DENY")
    entities = {**shared, **_table(row.get("entities", []))}
    question = PolicyQuestion(
        _entity(_uid(row["principal"]), entities),
        row["action"],
        _entity(_uid(row["resource"]), entities),
        _values(row.get("context", {}), entities),
    )
    return PolicyCase(table, row["name"], question, row["decision"] == "ALLOW", tuple(row["rules"]))


def _table(entities: Sequence[Mapping[str, Any]]) -> dict[Uid, Mapping[str, Any]]:
    return {(e["uid"]["type"], e["uid"]["id"]): e["attrs"] for e in entities}


def _uid(text: str) -> Uid:
    match = re.fullmatch(_UID, text, re.ASCII)
    if not match:
        raise ValueError(f"{text!r} is not of the form Type::id")
    return match[1], match[2]


def _entity(uid: Uid, table: Mapping[Uid, Mapping[str, Any]]) -> PolicyEntity:
    if uid not in table:
        raise ValueError(f"no entity is named {uid[0]}::{uid[1]}")
    return PolicyEntity(*uid, _values(table[uid], table))


def _values(written: Mapping[str, Any], table: Mapping[Uid, Mapping[str, Any]]) -> dict[str, Value]:
    return {name: _case_value(value, table) for name, value in written.items()}


def _case_value(value: Any, table: Mapping[Uid, Mapping[str, Any]]) -> Any:
    """A value as a question holds it; a wrong one passes, for defects are cases too."""
    match value:
        case {"__entity": {"type": kind, "id": name}}:
            return _entity((kind, name), table)
        case list():
            return frozenset(value)
        case _:
            return value
