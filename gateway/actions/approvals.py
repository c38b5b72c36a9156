"""Approvals: the signed words of persons about one change. Each counts once, and for three days."""

import hmac
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from gateway.actions.authorization import GATEWAY
from gateway.actions.persons import keys_of
from gateway.actions.ports import Ports, Retry, Work
from gateway.actions.registry.desk import Change
from gateway.domain.refusals import ApprovalRefused, Invalid
from gateway.evidence import approval
from gateway.evidence.approval import Approval
from gateway.evidence.sd_jwt import DocumentError

LIVES = timedelta(hours=72)
"""How long after its signature an approval can be used."""

AHEAD = timedelta(minutes=5)
"""How far a signer's clock may be ahead of ours."""


def spend(
    ports: Ports,
    work: Work,
    change: Change,
    approvals: Sequence[str],
    *,
    event: UUID,
    heard: list[str],
) -> tuple[str, ...]:
    """The distinct persons who approved exactly this change; each approval is used up by it.

    ``heard`` gets each person whose signature was good, also when the approval does not count:
    whoever records the refusal can say whose word it was. Raises ApprovalRefused, Invalid.
    """
    wanted = digest_of(change)
    fingerprint = hmac.digest(ports.fingerprint_key, wanted.encode(), "sha256")
    persons: list[str] = []
    for text in approvals:
        given = verify(ports, work, text, wanted, heard)
        if given.person in persons:
            raise ApprovalRefused("two approvals of one person count once: ask another person")
        key = f"approval/{given.person}/{given.jti}"
        if work.retries.get(GATEWAY, key) is not None:
            raise ApprovalRefused("an approval was used before: sign anew")
        work.retries.add(Retry(GATEWAY, key, fingerprint, event))
        persons.append(given.person)
    if not persons:
        raise ApprovalRefused("a change of the registry needs an administrator's approval")
    return tuple(persons)


def digest_of(change: Change) -> str:
    """What an approval of the change must name; Invalid when the change cannot be spelled."""
    try:
        return approval.digest_of(change.action, change.organisation, change.values)
    except ValueError as error:
        raise Invalid((("", f"the change cannot be signed: {error}"),)) from None


def verify(ports: Ports, work: Work, text: str, wanted: str, heard: list[str]) -> Approval:
    """An approval of the change with the digest ``wanted``, by an administrator of this moment."""
    try:
        name = approval.person_of(text, ports.issuer)
        person = work.organisations.person(name)
        if person is None:
            raise ApprovalRefused("an approval is from nobody who administers this gateway")
        keys = keys_of(person)
        given = approval.verify(text, person=name, audience=ports.issuer, keys=keys)
    except DocumentError as error:
        raise ApprovalRefused(f"an approval does not verify: {error}") from None
    heard.append(name)
    if not person.enabled:
        raise ApprovalRefused("an approval is from a person who administers nothing any more")
    if given.change != wanted:
        raise ApprovalRefused("an approval is for another change: sign this one")
    age = ports.now() - given.at
    if not -AHEAD <= age <= LIVES:
        raise ApprovalRefused("an approval is older than 72 hours, or of a time to come: sign anew")
    return given
