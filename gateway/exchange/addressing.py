"""Whom an offer is for: the holder of a competence, those of items in other countries (R8), and
whom to address instead where a child is in danger and the offer is refused."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from gateway.domain.handoff import OfferAddress
from gateway.domain.hosting_country import CountrySplit, split_by_country
from gateway.domain.organisation import (
    Mandate,
    Organisation,
    format_competence,
    parse_competence,
    resolve_competence,
)
from gateway.evidence.sd_jwt import VerifiedSdJwt
from gateway.exchange.results import Addressee, ItemElsewhere
from gateway.kernel.transact import RequestContext

MOST_NAMED = 3
"""Organisations named beside the refusal of an offer about an imminent danger."""


def resolve(
    context: RequestContext, organisation: str | None, competence: str | None
) -> OfferAddress:
    """The recipient of an offer: the organisation itself, or the holder of the competence on the
    reference date (R11), which is then recorded.

    Raises NoCompetentOrganisation and SeveralCompetentOrganisations.
    """
    named = parse_competence(competence or "")
    if named is None:
        return OfferAddress(str(organisation))
    function, matter, _ = named
    holders = context.work.organisations.holders(function, matter)
    key = format_competence(*named)
    mandate = resolve_competence(holders, key, context.today.day, organisation)
    return OfferAddress(mandate.organisation, mandate.key, mandate.registration_event)


# --- R8: items of other countries ---


def split_of(
    context: RequestContext,
    verified: VerifiedSdJwt,
    selected: frozenset[str],
    recipient: Organisation,
    day: date,
) -> CountrySplit:
    """The selected items (digests) of a removal offer, by whether they are this recipient's.

    Its own are those of the countries for which it holds take_down in a matter of the case; with a
    competence to route, also those that nobody removes.
    """
    matters = verified.content["matter"]
    own = recipient.competences_on(day)
    routes = any(key.startswith(f"route/{matter}/") for key in own for matter in matters)

    def serves(country: str) -> bool:
        keys = {format_competence("take_down", matter, country) for matter in matters}
        return bool(keys & own) or (routes and not _removing(context, matters, country, day))

    placed = [one for one in verified.placed if one.name == "items" and one.in_array]
    chosen = {one.value["id"] for one in placed if one.digest in selected}
    return split_by_country([one.value for one in placed], chosen, serves)


def items_elsewhere(
    context: RequestContext, split: CountrySplit, matters: Sequence[str], day: date
) -> list[ItemElsewhere]:
    """The items of other countries, each with who holds it."""
    found = []
    for item, country in split.elsewhere:
        removing = _removing(context, matters, country, day)
        holders = removing or list(_holding(context, "route", matters, day))
        named = [Addressee(one.organisation, one.key) for one in holders]
        found.append(ItemElsewhere(UUID(item), country, not removing, named))
    return found


def _removing(
    context: RequestContext, matters: Sequence[str], country: str, day: date
) -> list[Mandate]:
    held = _holding(context, "take_down", matters, day)
    return [one for one in held if one.territory == country]


def _holding(
    context: RequestContext, function: str, matters: Sequence[str], day: date
) -> Iterator[Mandate]:
    for matter in matters:
        held = context.work.organisations.holders(function, matter)
        yield from (one for one in held if one.period.holds(day))


# --- An imminent danger ---


def help_in_danger(
    context: RequestContext, content: Mapping[str, Any], organisation: str | None, key: str | None
) -> dict[str, Any]:
    """What the refusal of an offer says where a child is in danger: whom to address instead of
    the one that was tried, nearest first, and which numbers to call. Nothing for other cases.

    Public authorities alone are named: no declared interest closes these (R9).
    """
    if content["urgency"] != "imminent_danger":
        return {}
    asked = parse_competence(key or "")
    near = asked[2] if asked else context.organisation.country
    found = list[tuple[bool, int, Addressee]]()
    for function in ("receive", "investigate"):
        for one in _holding(context, function, content["matter"], context.today.day):
            holder = context.require(one.organisation)
            tried = one.key == key and organisation in (None, one.organisation)
            reachable = context.work.organisations.has_system(holder.slug)
            if tried or not reachable or not holder.public_authority or _own(context, holder):
                continue
            found.append((one.territory != near, len(found), Addressee(holder.slug, one.key)))
    named = [addressee for _, _, addressee in sorted(found, key=lambda one: one[:2])]
    return {
        "instead": named[:MOST_NAMED],
        "emergency_numbers": list(context.ports.emergency_numbers),
    }


def _own(context: RequestContext, organisation: Organisation) -> bool:
    return organisation.slug == context.caller.organisation
