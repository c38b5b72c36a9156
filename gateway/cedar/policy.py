"""The Policy port, answered by Cedar: fails closed, names its rules, states its revision.

Cedar by itself is not safe enough, so three of its habits are undone here: a ``forbid`` that
cannot be evaluated is skipped (any error is a denial); policies are named by position (they are
named by ``@id``, or the log would change its meaning when a policy is inserted); without a schema
nothing is validated (without one, nothing starts).
"""

import hashlib
import json
import logging
import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import cedarpy

from gateway.domain.decision import PolicyDecision, PolicyEntity, PolicyQuestion, Value, identity_of
from gateway.domain.matters import InvalidMatters, MatterTerms, listed, read_matters
from gateway.domain.refusals import Correctable
from gateway.domain.vocabulary import Matter

SCHEMA_FILE = "schema.cedarschema"
MATTERS_FILE = "matters.toml"
OPTIONAL = "optional"
"""Below it each folder has policies that an operator may add to the others."""

SIGNED = ("signed",)
"""The optional policies by which only what its author signed counts."""

TELL = ("caller", "originator", "dpo", "nobody")
"""To whom a refusal may name its rules, the widest first; no policy says ``nobody`` itself."""

UNDECIDED = PolicyDecision(False, ("R2.error",), (), "nobody")
"""The answer when the question could not be evaluated."""

NO_POLICY_SPOKE = PolicyDecision(False, ("R2.default",), (), "nobody")
"""The answer when nothing permits and nothing forbids."""

_RESERVED = frozenset({*UNDECIDED.rules, *NO_POLICY_SPOKE.rules})
_RULE_ID = r"R([1-9]|1[0-9]|2[0-3])(\.[a-z_]+)+"
_SENTENCE = r"[A-Z][^\n]*\."
_ACTION = r'"[a-z_]+\.[a-z_]+"'
_REMEMBERED = 2048
"""Answers kept per worker. Cases differ in their ids and seldom in what policy sees of them; the
key is the whole question as policy sees it, so no answer can be out of date."""

_NAMELESS = frozenset({"Case", "Handoff", "Disclosure"})
"""What policy knows only by its attributes: a question has one at most, no policy names one."""

_NAMED = rf"\b({'|'.join(sorted(_NAMELESS))})\s*::"

_SETS = 4
"""Sets of policies kept parsed: a gateway has one, proving them takes one more for each option."""

_PARSED = 256
"""Sets of organisations, and of entities, kept parsed per worker: mostly the two of a handoff."""

_encode = json.JSONEncoder(sort_keys=True).encode

_LOG = logging.getLogger(__name__)
_LOG.addHandler(logging.NullHandler())  # silent where nobody set up logging, as in the check

Uid = tuple[str, str]


class InvalidPolicies(Correctable):
    """The policies cannot be used; ``problems`` are sentences that say what to correct."""

    def __init__(self, problems: Sequence[str]) -> None:
        """Keep every problem, so that one run shows them all."""
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class _Undecided(Exception):
    """Cedar gave no answer that may be relied on."""


@dataclass(frozen=True)
class Rule:
    """One policy: its lasting name, whether it permits, what it says, and to whom."""

    id: str
    permits: bool
    reason: str
    tell: str


class _Asked(NamedTuple):
    """A question spelled for Cedar, the last three as JSON.

    Organisations stand apart, for they recur from question to question and can be kept parsed.
    """

    principal: Uid
    action: str
    resource: Uid
    context: str
    organisations: str
    others: str


class CedarPolicy:
    """Answers questions from one set of policies, parsed once; safe to share between threads.

    ``revision`` names the exact bytes of the policies, the schema and the matters; ``rules`` are
    the policies by ``@id``; ``actions`` the actions that the schema knows; ``matters`` what follows
    from what a case is about, which policies read of ``Matters::"listed"``.
    """

    def __init__(
        self,
        policies: cedarpy.PolicySet,
        schema: cedarpy.Schema,
        rules: Mapping[str, Rule],
        matters: Mapping[Matter, MatterTerms],
        revision: str,
    ) -> None:
        """Take what ``load`` has checked; ``rules`` by the engine's own names of the policies."""
        self.revision = revision
        self.rules: Mapping[str, Rule] = {rule.id: rule for rule in rules.values()}
        self.actions = _actions(schema)
        self.matters = matters
        self._policies = policies
        self._schema = schema
        self._rule_at = rules
        self._answers: dict[Hashable, PolicyDecision] = {}
        # Checked here against the schema, for Cedar checks only what is added to them later.
        attributes = {name: sorted(found) for name, found in listed(matters).items()}
        uid = {"type": "Matters", "id": "listed"}
        entity = {"uid": uid, "attrs": attributes, "parents": []}
        known = cedarpy.Entities.from_json_str(_encode([entity]), schema)
        self._participants = lru_cache(maxsize=_PARSED)(
            lambda text: known.with_added_json_str(text, schema)
        )
        self._entities = lru_cache(maxsize=_PARSED)(
            lambda text, others: self._participants(text).with_added_json_str(others, schema)
        )

    @classmethod
    def load(cls, folder: Path, optional: Sequence[str] = ()) -> "CedarPolicy":
        """Parse and validate the policies of a folder, and those of the ``optional`` ones in it.

        InvalidPolicies unless all of it is sound.
        """
        files = _read(folder)
        for name in optional:
            files |= _read_optional(folder, name)
        return _sound(tuple(files.items()))

    def decide(self, question: PolicyQuestion) -> PolicyDecision:
        """Answer one question; never raises, and whatever goes wrong is a denial."""
        try:
            resource = question.resource
            # The same for questions that policy cannot tell apart.
            asked = (
                question.principal,
                question.action,
                resource.type,
                "" if resource.type in _NAMELESS else resource.id,
                identity_of(resource.attributes),
                identity_of(question.context),
            )
            known = self._answers.get(asked)
            if known is None:
                known = self._evaluate(_spell(question))
                if len(self._answers) >= _REMEMBERED:
                    self._answers.clear()
                self._answers[asked] = known
            return known
        except Exception as trouble:
            # Cedar quotes all entities before it says what is wrong with them.
            cause = str(trouble).rpartition("]: ")[2]
            _LOG.error("policy could not decide %r: %.300r", question.action, cause)
            return UNDECIDED

    def _evaluate(self, asked: _Asked) -> PolicyDecision:
        request = {
            "principal": {"type": asked.principal[0], "id": asked.principal[1]},
            "action": {"type": "Action", "id": asked.action},
            "resource": {"type": asked.resource[0], "id": asked.resource[1]},
            "context": asked.context,
        }
        entities = self._entities(asked.organisations, asked.others)
        result = cedarpy.is_authorized(request, self._policies, entities, self._schema)
        errors = result.diagnostics.errors
        if errors or result.decision is cedarpy.Decision.NoDecision:
            raise _Undecided(", ".join(errors))
        spoke = [self._rule_at[position] for position in result.diagnostics.reasons]
        if not spoke and not result.allowed:
            return NO_POLICY_SPOKE
        if not spoke or any(rule.permits is not result.allowed for rule in spoke):
            raise _Undecided("the answer and the policies that gave it do not fit")
        spoke.sort(key=lambda rule: rule.id)
        return PolicyDecision(
            result.allowed,
            tuple(rule.id for rule in spoke),
            tuple(rule.reason for rule in spoke),
            max((rule.tell for rule in spoke), key=TELL.index),
        )


# --- Questions, spelled for Cedar --------------------------------------------------------------


def _spell(question: PolicyQuestion) -> _Asked:
    """Name every entity once, those that policy knows by attributes alone by no name.

    TypeError for a value that policy does not know, ValueError when two entities of one name
    differ.
    """
    seen: dict[Uid, dict[str, Any]] = {}
    principal = _collect(question.principal, seen)
    resource = _collect(question.resource, seen)
    context = _attributes(question.context, seen)
    organisations: list[dict[str, Any]] = []
    others: list[dict[str, Any]] = []
    for (kind, name), attributes in sorted(seen.items()):
        entity = {"uid": {"type": kind, "id": name}, "attrs": attributes, "parents": []}
        (organisations if kind == "Organisation" else others).append(entity)
    return _Asked(
        principal,
        question.action,
        resource,
        _encode(context),
        _encode(organisations),
        _encode(others),
    )


def _collect(entity: PolicyEntity, seen: dict[Uid, dict[str, Any]]) -> Uid:
    uid = (entity.type, "" if entity.type in _NAMELESS else entity.id)
    attributes = _attributes(entity.attributes, seen)
    if seen.setdefault(uid, attributes) != attributes:
        raise ValueError(f"two different entities are named {uid}")
    return uid


def _attributes(values: Mapping[str, Value], seen: dict[Uid, dict[str, Any]]) -> dict[str, Any]:
    return {name: _value(value, seen) for name, value in values.items()}


def _value(value: Value, seen: dict[Uid, dict[str, Any]]) -> Any:
    match value:
        case PolicyEntity():
            kind, name = _collect(value, seen)
            return {"__entity": {"type": kind, "id": name}}
        case frozenset():
            return sorted(value)
        case bool() | int() | str():
            return value
        case _:
            raise TypeError(f"policy knows no values of kind {type(value).__name__}")


# --- Policies, read from their folder ----------------------------------------------------------


def _read(folder: Path) -> dict[str, bytes]:
    """The schema, the matters and the policies by file name, in order of name."""
    try:
        paths = sorted([*folder.glob("*.cedar"), folder / SCHEMA_FILE, folder / MATTERS_FILE])
        return {path.name: path.read_bytes() for path in paths}
    except OSError as error:
        raise InvalidPolicies([f"{error.filename}: {error.strerror}"]) from error


def _read_optional(folder: Path, name: str) -> dict[str, bytes]:
    """The policies of an optional folder by their paths; InvalidPolicies when there are none."""
    place = folder / OPTIONAL / name
    try:
        found = {str(p.relative_to(folder)): p.read_bytes() for p in sorted(place.glob("*.cedar"))}
    except OSError as error:
        raise InvalidPolicies([f"{error.filename}: {error.strerror}"]) from error
    if not found:
        raise InvalidPolicies([f"{place}: there are no policies to add"])
    return found


@lru_cache(maxsize=_SETS)
def _sound(files: tuple[tuple[str, bytes], ...]) -> CedarPolicy:
    """The same for the same bytes, with what it remembers; InvalidPolicies unless sound."""
    try:
        texts = {name: content.decode() for name, content in files}
    except UnicodeDecodeError as error:
        raise InvalidPolicies([f"a policy file is not UTF-8: {error.reason}"]) from error
    schema = _parse_schema(texts.pop(SCHEMA_FILE))
    try:
        matters = read_matters(texts.pop(MATTERS_FILE))
    except InvalidMatters as error:
        raise InvalidPolicies([f"{MATTERS_FILE}: {one}" for one in error.problems]) from error
    policies, rules = _parse_policies(texts)
    # Joined in the same order as in _parse_policies: the positions are the engine's names.
    invalid = cedarpy.validate_policies(_join(texts), schema).errors
    if invalid:
        names = {position: rule.id for position, rule in rules.items()}
        raise InvalidPolicies(
            [
                one.error.replace(
                    f"`{one.policy_id}`", f"`{names.get(one.policy_id, one.policy_id)}`"
                )
                for one in invalid
            ]
        )
    return CedarPolicy(policies, schema, rules, matters, _revision(dict(files)))


def _revision(files: Mapping[str, bytes]) -> str:
    """Name the exact content; lengths keep one file's end apart from the next one's start."""
    digest = hashlib.sha256()
    for name, content in sorted(files.items()):
        for part in (name.encode(), content):
            digest.update(len(part).to_bytes(8, "big") + part)
    return "p-" + digest.hexdigest()[:16]


def _parse_schema(text: str) -> cedarpy.Schema:
    """Refuse a schema without actions: Cedar takes an empty one as leave to check nothing."""
    try:
        schema = cedarpy.Schema.from_str(text)
    except ValueError as error:
        raise InvalidPolicies([f"{SCHEMA_FILE}: {error}"]) from error
    if not _actions(schema):
        raise InvalidPolicies([f"{SCHEMA_FILE}: the schema declares no action"])
    return schema


def _actions(schema: cedarpy.Schema) -> frozenset[str]:
    """The actions that apply to something, read from Cedar's own rendering of the schema."""
    found = re.findall(r"^action (.+?)(?: in \[.*\])? appliesTo \{$", str(schema), re.MULTILINE)
    odd = [name for name in found if not re.fullmatch(_ACTION, name, re.ASCII)]
    if odd:
        raise InvalidPolicies(
            [f"{SCHEMA_FILE}: the action {name} is not noun.verb" for name in odd]
        )
    return frozenset(name.strip('"') for name in found)


def _join(texts: Mapping[str, str]) -> str:
    return "\n".join(texts.values())


def _parse_policies(texts: Mapping[str, str]) -> tuple[cedarpy.PolicySet, dict[str, Rule]]:
    """The policies of all files as one set, and each one's rule by the engine's own name."""
    problems = [problem for name, text in texts.items() for problem in _unparsable(name, text)]
    if problems:
        raise InvalidPolicies(problems)
    policies = cedarpy.PolicySet.from_str(_join(texts))
    parsed = policies.to_pst()
    if parsed.templates or not parsed.static_policies:
        raise InvalidPolicies(["there must be policies, and no templates"])
    rules: dict[str, Rule] = {}
    for position, policy in parsed.static_policies.items():
        rule = Rule(
            policy.annotations.get("id", ""),
            policy.effect == "permit",
            policy.annotations.get("reason", ""),
            policy.annotations.get("tell", ""),
        )
        problems += _unsound(rule, position, known={known.id for known in rules.values()})
        rules[position] = rule
    if problems:
        raise InvalidPolicies(problems)
    return policies, rules


def _unparsable(name: str, text: str) -> Iterator[str]:
    try:
        cedarpy.PolicySet.from_str(text)
    except ValueError as error:
        yield f"{name}: {error}"
    for kind in re.findall(_NAMED, text, re.ASCII):
        yield f"{name}: a policy judges a {kind} by its attributes and never names one"


def _unsound(rule: Rule, position: str, known: set[str]) -> Iterator[str]:
    """Why the log could not name a policy, or a caller not read its reason."""
    name = rule.id or position
    if not re.fullmatch(_RULE_ID, rule.id, re.ASCII) or rule.id in _RESERVED:
        taken = " or ".join(sorted(_RESERVED))
        yield f'{name}: @id must name a rule, as "R4.release_list", and not {taken}'
    if rule.id in known:
        yield f"{name}: another policy has the same @id"
    if not re.fullmatch(_SENTENCE, rule.reason):
        yield f"{name}: @reason must be a sentence that tells the caller what to do"
    if rule.tell not in TELL[:-1]:
        yield f"{name}: @tell must be one of {', '.join(TELL[:-1])}"


# --- The check: every policy proves itself -----------------------------------------------------
