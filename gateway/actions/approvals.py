"""Approvals: the signed words of persons about one change. Each counts once, and for three days."""

import hmac
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from gateway.actions.authorization import GATEWAY
from gateway.actions.persons import keys_of
from gateway.actions.ports import Ports, Work
from gateway.actions.records import Retry
from gateway.actions.registry.desk import Change
from gateway.domain.organisation import Person
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
    persons: list[str] = []
    for text in approvals:
        given = verify(ports, work, text, wanted, heard)
        if given.person in persons:
            raise ApprovalRefused("two approvals of one person count once: ask another person")
        require_unused(work, given)
        _use_up(ports, work, given, event)
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
    person, given = _signed(ports, work, text)
    heard.append(person.id)
    if not person.enabled:
        raise ApprovalRefused("an approval is from a person who administers nothing any more")
    if given.change != wanted:
        raise ApprovalRefused("an approval is for another change: sign this one")
    age = ports.now() - given.at
    if not -AHEAD <= age <= LIVES:
        raise ApprovalRefused("an approval is older than 72 hours, or of a time to come: sign anew")
    return given


def require_unused(work: Work, given: Approval) -> None:
    """Raise ApprovalRefused for an approval that something came of, or that was taken back."""
    if _was_used(work, given):
        raise ApprovalRefused("an approval was used before, or taken back: sign anew")


def take_back(ports: Ports, work: Work, text: str, event: UUID) -> None:
    """Let an approval that is kept here count no more, in whosever hands it is besides."""
    _, given = _signed(ports, work, text)
    if not _was_used(work, given):
        _use_up(ports, work, given, event)


def _was_used(work: Work, given: Approval) -> bool:
    return work.retries.get(GATEWAY, _key(given)) is not None


def _use_up(ports: Ports, work: Work, given: Approval, event: UUID) -> None:
    fingerprint = hmac.digest(ports.fingerprint_key, given.change.encode(), "sha256")
    work.retries.add(Retry(GATEWAY, _key(given), fingerprint, event))


def _key(given: Approval) -> str:
    return f"approval/{given.person}/{given.jti}"


def _signed(ports: Ports, work: Work, text: str) -> tuple[Person, Approval]:
    """Whose word an approval is, and what it says; ApprovalRefused when it is nobody's here."""
    try:
        name = approval.person_of(text, ports.issuer)
        person = work.organisations.person(name)
        if person is None:
            raise ApprovalRefused("an approval is from nobody who administers this gateway")
        keys = keys_of(person)
        given = approval.verify(text, person=name, audience=ports.issuer, keys=keys)
    except DocumentError as error:
        raise ApprovalRefused(f"an approval does not verify: {error}") from None
    return person, given
