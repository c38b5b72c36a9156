"""The questions that policy answers, and its answers.

Entities carry derived facts only: the policy engine never parses and never builds strings.
``Value`` is what an attribute may hold.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, Union

from gateway.domain.case import Element
from gateway.domain.handoff import Handoff
from gateway.domain.organisation import Organisation, OrganisationName
from gateway.domain.succession import Succession
from gateway.domain.vocabulary import onward_rank, tlp_rank

Value = Union[str, int, bool, frozenset[str], "PolicyEntity"]


@dataclass(frozen=True, eq=False)
class PolicyEntity:
    """A principal or a resource: its type, its id, its attributes. Equal when all of them are."""

    type: str
    id: str
    attributes: Mapping[str, Value]

    @cached_property
    def _identity(self) -> Hashable:
        return self.type, self.id, identity_of(self.attributes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PolicyEntity) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)


def identity_of(values: Mapping[str, Value]) -> Hashable:
    """The same for the same values under the same names; true is not 1 here."""
    return frozenset(zip(values, map(type, values.values()), values.values(), strict=True))


@dataclass(frozen=True)
class PolicyQuestion:
    """May ``principal`` do ``action`` to ``resource`` in this ``context``?"""

    principal: PolicyEntity
    action: str
    resource: PolicyEntity
    context: Mapping[str, Value]


@dataclass(frozen=True)
class PolicyDecision:
    """The answer. ``rules`` are the determining policies' ids; empty when none spoke (R2).

    ``tell`` says to whom a refusal may name its rules: ``caller``, ``originator``, ``dpo``, or
    ``nobody`` when no policy spoke. ``reasons`` are the sentences of those rules.
    """

    allowed: bool
    rules: tuple[str, ...]
    reasons: tuple[str, ...]
    tell: str


_ENTITIES = 2048
"""Entities kept per worker: an organisation is the same object until the registry changes."""

_entities: dict[tuple[int, date], tuple[Organisation, PolicyEntity]] = {}


def organisation_entity(organisation: Organisation, day: date) -> PolicyEntity:
    """An organisation as it stands on the reference date."""
    kept = _entities.get((id(organisation), day))
    if kept is not None and kept[0] is organisation:
        return kept[1]
    if len(_entities) >= _ENTITIES:
        _entities.clear()
    made = PolicyEntity(
        "Organisation",
        organisation.slug,
        {
            "status": str(organisation.status),
            "membership": str(organisation.membership_on(day) or "none"),
            "kind": organisation.kind,
            "public_authority": organisation.public_authority,
            "regimes": organisation.regimes,
            "competences": organisation.competences_on(day),
            "mandated_matters": organisation.mandated_matters_on(day),
            **({"home": home} if (home := OrganisationName(organisation.slug).peer) else {}),
        },
    )
    _entities[id(organisation), day] = organisation, made
    return made


def case_entity(
    originator: PolicyEntity,
    case: str,
    claims: Mapping[str, Any],
    *,
    assurance: str,
    state: str,
    embargoed: bool = False,
    suspended: bool = False,
) -> PolicyEntity:
    """A case as a resource: the markings and the matter of a version's claims, never content."""
    return PolicyEntity(
        "Case",
        f"{originator.id}/{case}",
        {
            "originator": originator,
            "tlp_rank": tlp_rank(claims["tlp"]),
            "handling": frozenset(claims["handling"]),
            "onward_rank": onward_rank(claims["onward"]),
            "purpose": frozenset(claims["purpose"]),
            "matter": frozenset(claims["matter"]),
            "embargoed": embargoed,
            "suspended": suspended,
            "assurance": assurance,
            "state": str(state),
        },
    )


def handoff_entity(
    handoff: Handoff,
    originator: PolicyEntity,
    recipient: PolicyEntity,
    *,
    read_access: bool = False,
) -> PolicyEntity:
    """A handoff as a resource; ``competence`` is empty for an offer to an organisation.

    ``read_access`` tells that a succession lets the recipient open it though its mandate has moved.
    """
    return PolicyEntity(
        "Handoff",
        str(handoff.id),
        {
            "originator": originator,
            "recipient": recipient,
            "competence": handoff.address.competence or "",
            "purpose": frozenset(handoff.purpose),
            "matter": handoff.matter,
            "state": str(handoff.state),
            "read_access": read_access,
        },
    )


def succession_entity(
    succession: Succession, predecessor: PolicyEntity, successor: PolicyEntity
) -> PolicyEntity:
    """A succession as a resource."""
    organisations: dict[str, Value] = {"predecessor": predecessor, "successor": successor}
    return PolicyEntity("Succession", str(succession.id), organisations)


def disclosure_entity(element: Element, originator: PolicyEntity, reader: str) -> PolicyEntity:
    """A disclosure as a resource: one for each distinct set of attributes, not each element.

    ``reader`` is the organisation that would be given it: ``addressed`` tells whether nothing is
    sealed against it.
    """
    marking = element.marking
    addressed = element.sealed_to in (None, reader)
    return PolicyEntity(
        "Disclosure",
        "/".join(
            (
                element.group,
                element.category,
                element.marking.tlp,
                *sorted(element.marking.handling),
                *([] if addressed else ["for-another"]),
                *sorted(element.measures),
                *(["perceptual"] if element.perceptual else []),
            )
        ),
        {
            "originator": originator,
            "matter": element.matter,
            "group": element.group,
            "category": element.category,
            "tlp_rank": marking.rank,
            "handling": marking.handling,
            "sealed": element.sealed_to is not None,
            "addressed": addressed,
            "measures": element.measures,
            "perceptual": element.perceptual,
        },
    )
