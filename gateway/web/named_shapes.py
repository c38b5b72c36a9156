"""Names for what stands in several places of the description, so that a generated client has one
class for it: words by their list, keys, and what the fields of other objects hold."""

from collections.abc import Iterable, Mapping
from typing import Any

from gateway.domain import consultation, organisation, revision
from gateway.domain import vocabulary as words
from gateway.domain.audit import SEARCH_REASONS, CoverageKind
from gateway.domain.audit_topics import AuditTopic
from gateway.domain.case import GROUPS, CaseState
from gateway.domain.duty import DutyKind
from gateway.domain.handoff import HandoffState, RecallCode
from gateway.domain.health import Level
from gateway.domain.mandate import FUNCTIONS
from gateway.domain.peer import DIRECTIONS
from gateway.kernel.fields import JWK
from gateway.kernel.results import Shape, one_of

_LISTS: Mapping[str, Iterable[str]] = {
    "AuditTopic": AuditTopic,
    "Attribution": words.ATTRIBUTIONS,
    "AuthorRole": words.STAFF_ROLES,
    "CaseState": CaseState,
    "CaseTlp": words.CASE_TLP,
    "ChangeReason": revision.REASONS,
    "CompetenceFunction": FUNCTIONS,
    "ConsultationReason": consultation.REASON_CODES,
    "ContactRole": organisation.CONTACT_ROLES,
    "Coverage": CoverageKind,
    "DutyKind": DutyKind,
    "ElementGroup": GROUPS,
    "EmbargoReason": words.EMBARGO_REASONS,
    "Handling": words.Handling,
    "HealthLevel": Level,
    "HandoffState": HandoffState,
    "Matter": words.Matter,
    "MembershipClass": organisation.MembershipClass,
    "OfferDirection": DIRECTIONS,
    "Onward": words.ONWARD,
    "OrganisationKind": organisation.KINDS,
    "OrganisationStatus": organisation.Status,
    "PermittedActions": words.PERMITTED_ACTIONS,
    "Purpose": words.Purpose,
    "RecallCode": RecallCode,
    "SearchReason": SEARCH_REASONS,
    "Regime": words.Regime,
    "Tlp": words.TLP,
    "Urgency": words.Urgency,
    "YesNoUnknown": words.YES_NO_UNKNOWN,
}
_NAMES = {frozenset(map(str, listed)): name for name, listed in _LISTS.items()}

WORDS: Mapping[str, Shape] = {
    name: {"type": "string", "enum": list(map(str, listed))} for name, listed in _LISTS.items()
}
"""The lists of words that have a name, as schemas."""


def name_shapes(described: Any, field: str = "") -> Any:
    """The same description, with a reference in each place of what has a name."""
    if isinstance(described, list):
        return [name_shapes(one) for one in described]
    if not isinstance(described, dict):
        return described
    name = _name_of(described, field)
    if name is None:
        return {key: name_shapes(one, key) for key, one in described.items()}
    if None in described.get("enum", ()):
        return {"anyOf": [one_of(name), {"type": "null"}], **_about(described)}
    return {**one_of(name), **_about(described)}


def _name_of(described: Mapping[str, Any], field: str) -> str | None:
    listed = described.get("enum")
    if isinstance(listed, list):
        return _NAMES.get(frozenset(listed) - {None})
    key = described == JWK or (field == "jwk" and described.get("type") == "object")
    return "JsonWebKey" if key else None


def change_shapes(body: Mapping[str, Any], values: Mapping[str, Mapping[str, Any]]) -> Shape:
    """The shapes of changes: one for each action, which `action` names, and their values."""
    made: Shape = {}
    variants: dict[str, str] = {}
    shapes = {f"{_noun(action)}Values": holds for action, holds in values.items()}
    for action in values:
        name = _noun(action)
        own = {"action": {"type": "string", "const": action}, "values": one_of(f"{name}Values")}
        made[f"{name}Values"] = _by_name(values[action], shapes)
        made[f"{name}Change"] = {**body, "properties": {**body["properties"], **own}}
        variants[action] = one_of(f"{name}Change")["$ref"]
    either = [{"$ref": place} for place in variants.values()]
    told = {"propertyName": "action", "mapping": variants}
    return {**made, "ChangeBody": {**_about(body), "oneOf": either, "discriminator": told}}


def _noun(action: str) -> str:
    return action.replace(".", "_").title().replace("_", "")


def _by_name(holds: Mapping[str, Any], shapes: Mapping[str, Mapping[str, Any]]) -> Shape:
    """The values, with a reference where an array holds what is the value of another change."""

    def named(field: Mapping[str, Any]) -> Mapping[str, Any]:
        same = [name for name, shape in shapes.items() if field.get("items") == shape]
        return {**field, "items": one_of(same[0])} if same else field

    return {**holds, "properties": {name: named(f) for name, f in holds["properties"].items()}}


def _about(shape: Mapping[str, Any]) -> Shape:
    return {key: shape[key] for key in ("description",) if key in shape}
