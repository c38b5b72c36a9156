"""Accepting a handoff: what is repeated and taken, and what follows from holding a case."""

from collections.abc import Mapping
from typing import Any

from gateway.domain import refusals
from gateway.domain.handoff import Handoff, HandoffState
from gateway.exchange.case.cases import conditions_digest
from gateway.exchange.case.versions import owe_announced
from gateway.exchange.handoffs.answering import Answering
from gateway.exchange.handoffs.retention import apply_registered_retention
from gateway.exchange.standing import access
from gateway.exchange.standing.case_version import group_of, read_version
from gateway.exchange.standing.conditions import is_released
from gateway.exchange.standing.disclosure import Reader, select_disclosures, with_strictest_marking


def check_acceptance(given: Answering) -> None:
    """An acceptance is of what stands offered, repeats its conditions, and takes groups of it."""
    handoff, repeated = given.handoff, given.fields.get("conditions") or {}
    received = given.standing.organisation == handoff.recipient
    if received and handoff.state is not HandoffState.OFFERED:
        raise refusals.WrongState(
            f"what stands offered is accepted; this handoff is {handoff.state}"
        )
    if given.standing.case.digest != given.handoff.case_digest:  # a newer version
        _check_tightened(given, repeated)
    else:
        ports, digest = given.context.ports, handoff.case_digest
        if conditions_digest(ports, digest, repeated) != handoff.conditions_digest:
            _check_conditions(repeated, _versions(given))
    if "groups" in given.fields:
        placed = read_version(given.context.work, handoff.case_digest).said.placed
        offered = {group_of(p) for p in placed if p.digest in handoff.permitted_disclosures}
        named = set(given.fields["groups"])
        if not named or not named <= offered:
            raise refusals.ValidationFailed(
                (("/groups", "name at least one group, of those that were offered"),)
            )


def _versions(given: Answering) -> access.Versions:
    return access.versions_of(given.context.work, given.handoff, given.standing.case)


def _check_conditions(repeated: Mapping[str, Any], versions: access.Versions) -> None:
    """An acceptance repeats what binds at its commit."""
    if repeated != versions.binding.conditions:
        raise refusals.ConditionsMismatch("repeat the conditions that the handoff shows, unchanged")


def _check_tightened(given: Answering, repeated: Mapping[str, Any]) -> None:
    """A case that was revised after its offer is accepted under its conditions of now, and only
    what could be offered now. What was accepted before stays open (`consultations`)."""
    context, handoff, versions = given.context, given.handoff, _versions(given)
    _check_conditions(repeated, versions)
    originator = context.require(handoff.originator)
    parts = with_strictest_marking(versions.offered, versions.now, originator)
    offered = {digest: parts[digest] for digest in handoff.permitted_disclosures}
    reader = Reader(context.entity(), handoff.address.competence, handoff.purpose)
    permitted_disclosures, _ = select_disclosures(
        context.ports.policy, offered, context.entity(originator), reader
    )
    released = is_released(
        context.names, versions.now.said.content, handoff.originator, handoff.recipient
    )
    if len(permitted_disclosures) < len(offered) or not released:
        raise refusals.WrongState(
            "the case was marked more strictly after this offer, and could not be offered to you "
            "any more: decline it, and ask its originator for a new offer"
        )


def follow_acceptance(given: Answering, moved: Handoff) -> None:
    """Owe who begins to hold a case what was announced since its offer, and retain it by a
    registered term."""
    if given.standing.case.digest != given.handoff.case_digest:  # a newer version
        owe_announced(given.context, moved)
    if given.context.organisation.retentions:
        apply_registered_retention(given.context, moved)
