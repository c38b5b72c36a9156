"""The facts that a schema declares, and those of them that no policy reads.

A fact that no policy reads makes people believe that it decides something.
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import cedarpy

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
