"""What persons of a member signed of one act in a browser: verified where the act is recorded.

What holds of administrators' approvals (`kernel.approvals`), too, stands here.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from gateway.domain.organisation import organisation_uri
from gateway.domain.refusals import InvalidApproval
from gateway.evidence import declarations
from gateway.evidence.declarations import APPROVAL_LIFE, MAX_SKEW, Approval
from gateway.evidence.passkey import Passkey
from gateway.evidence.sd_jwt import DocumentError, UnknownKey
from gateway.kernel.actors import GATEWAY
from gateway.kernel.ports import UnitOfWork
from gateway.kernel.values import IdempotencyRecord


@dataclass(frozen=True)
class ApprovedAct:
    """An act of an organisation, and which persons sign it: ``change`` is its digest."""

    organisation: str
    action: str
    change: str
    persons: Collection[str]
    event: UUID
    at: datetime


KeysOf = Callable[[str], Mapping[str, Passkey]]
"""The passkeys of a person of the organisation that count now; none of nobody."""


def confirm(
    issuer: str, work: UnitOfWork, act: ApprovedAct, signed: tuple[str, ...], keys_of: KeysOf
) -> None:
    """Use up the approvals of exactly this act, one of each of its persons; InvalidApproval."""
    found: set[str] = set()
    for text in signed:
        given = _verified(issuer, act, text, keys_of)
        if given.person in found:
            raise InvalidApproval("two approvals of one person count once: ask another person")
        found.add(given.person)
        key = key_of(given, f"{act.organisation}/")
        if work.retries.get(GATEWAY, key) is not None:
            raise InvalidApproval("an approval was used before: sign again")
        work.retries.add(IdempotencyRecord(GATEWAY, key, b"", act.event))
    if missing := {*act.persons} - found:
        raise InvalidApproval(
            f"{', '.join(sorted(missing))} did not sign this: each person who is named signs with "
            "a passkey"
        )
    if found - {*act.persons}:
        raise InvalidApproval("an approval is by a person whom the act does not name")


def _verified(issuer: str, act: ApprovedAct, text: str, keys_of: KeysOf) -> Approval:
    try:
        person = declarations.person_of(text, organisation_uri(issuer, act.organisation))
        given = declarations.verify_approval(
            text,
            person=person,
            audience=issuer,
            keys=keys_of(person),
            organisation=act.organisation,
        )
    except UnknownKey:
        raise InvalidApproval(
            "an approval is by a passkey that is not its person's, or was revoked"
        ) from None
    except DocumentError as error:
        raise InvalidApproval(f"an approval does not verify: {error}") from None
    if (given.action, given.change) != (act.action, act.change):
        raise InvalidApproval("an approval is for another act: read what changed, and sign this")
    require_in_time(given, act.at)
    return given


def require_in_time(given: Approval, at: datetime) -> None:
    """Require that an approval counts at the time of its event; InvalidApproval."""
    if not -MAX_SKEW <= at - given.at <= APPROVAL_LIFE:
        raise InvalidApproval(
            "an approval is older than 72 hours, or dated in the future: sign again"
        )


def key_of(given: Approval, owner: str = "") -> str:
    """Under which key it is kept that an approval was used; ``owner`` is whose person gave it."""
    place = f"/{given.place}" if given.place else ""
    return f"approval/{owner}{given.person}/{given.jti}{place}"
