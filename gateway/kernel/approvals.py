"""Approvals: what persons signed about one change. Each counts once, and for three days."""

import hmac
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial
from operator import attrgetter
from uuid import UUID

from gateway.domain.organisation import Administrator
from gateway.domain.refusals import InvalidApproval
from gateway.evidence import canonical, declarations, passkey
from gateway.evidence.declarations import APPROVAL_LIFE, Approval, ApprovalKey
from gateway.evidence.passkey import Passkey
from gateway.evidence.sd_jwt import DocumentError, UnknownKey
from gateway.evidence.signature import PublicKey
from gateway.kernel.actors import GATEWAY, signed_in
from gateway.kernel.person_approvals import key_of, require_in_time
from gateway.kernel.ports import Ports, UnitOfWork
from gateway.kernel.request import RequestContext
from gateway.kernel.results import iterate
from gateway.kernel.values import IdempotencyRecord, PersonCredentials

APART: Mapping[str, frozenset[str]] = {
    "organisation.apply": frozenset({"contacts"}),
    "contact.set": frozenset({"name", "address"}),
}
"""Values that are personal: a detail of their own in the event, which can be erased. Who makes the
registry again cannot name such a change by its digest, so it is in no list of changes."""


def count(context: RequestContext, approvals: tuple[str, ...], digest: str) -> list[Approval]:
    """The approvals of exactly the change with this digest, by as many distinct persons.

    None of them is used up by this: see `consume`. Where the change is refused on record, the list
    of the last person counts no more from it on. ``context.persons`` are those whose signature
    was good, also when the approval does not count: a refusal names them. Raises InvalidApproval.
    """
    named = context.request.action, digest
    if approvals:
        context.on_refusal = partial(_end_list, context.ports, approvals[-1], named)
    found: list[Approval] = []
    for text in approvals:
        given = _verified(context, text, digest)
        if given.person in [one.person for one in found]:
            raise InvalidApproval("two approvals of one person count once: ask another person")
        require_unused(context.work, given)
        found.append(given)
    if not found:
        raise InvalidApproval("a change of the registry needs an administrator's approval")
    if signed_in(context.actor) not in (None, found[-1].person):
        raise InvalidApproval("an approval is by another person than the one who signed in")
    return found


def draft_approval(
    ports: Ports, signer: PersonCredentials, organisation: str, *changes: tuple[str, str]
) -> str:
    """Write what a person is asked to sign of ``changes``, each its action and its digest; of
    several, which are an administrator's, one approval of each.

    ``organisation`` is the person's own, `GATEWAY` for an administrator.
    """
    named = [{"action": action, "change": digest} for action, digest in changes]
    realm = declarations.issuer_of_persons(
        ports.issuer, None if organisation == GATEWAY else organisation
    )
    claims = {
        **(named[0] if len(named) == 1 else {"changes": named}),
        "aud": ports.issuer,
        "iat": int(ports.now().timestamp()),
        "iss": declarations.person_uri(realm, signer.pseudonym),
        "jti": str(ports.new_id()),
    }
    typ = (
        declarations.PASSKEY_APPROVAL_TYP if len(named) == 1 else declarations.PASSKEY_APPROVALS_TYP
    )
    return passkey.draft(typ, signer.kid, claims)


def consume(context: RequestContext, given: Approval) -> None:
    """Use up an approval: it counts for the request's event, and never again."""
    _use(context.ports, context.work, given, context.event)


def _use(ports: Ports, work: UnitOfWork, given: Approval, event: UUID) -> None:
    fingerprint = hmac.digest(ports.fingerprint_key, given.change.encode(), "sha256")
    work.retries.add(IdempotencyRecord(GATEWAY, key_of(given), fingerprint, event))


def _end_list(
    ports: Ports,
    text: str,
    named: tuple[str, str],
    work: UnitOfWork,
    _rules: tuple[str, ...],
    _now: datetime,
    event: UUID,
) -> None:
    """Let what one person signed as a list count no more, from the change that was refused on:
    what came after it depended on it, and its person reads that it was not done. What waits as a
    proposal goes on waiting, and that it is brought again ends nothing."""
    signed = list[Approval]()
    with suppress(InvalidApproval):
        _, signed = _signed(ports, work, text)
    place = next((one.place for one in signed if (one.action, one.change) == named), 0)
    if not place or _was_used(work, signed[place - 1]):  # of no list, or done before
        return
    waits = set[tuple[str, str]]()
    for row in iterate(partial(work.proposals.page, waiting=ports.now()), attrgetter("id"), None):
        if row.approval == text:
            values = canonical.decode(row.values.encode())
            waits.add(
                (row.action, declarations.change_digest(row.action, row.organisation, values))
            )
    if named in waits:
        return
    for one in signed[place - 1 :]:
        if (one.action, one.change) not in waits and not _was_used(work, one):
            _use(ports, work, one, event)


def require_unused(work: UnitOfWork, given: Approval) -> None:
    """Raise InvalidApproval for an approval that was used, or voided."""
    if _was_used(work, given):
        raise InvalidApproval("an approval was used before, or taken back: sign again")


def void(context: RequestContext, text: str, *change: str) -> None:
    """Let an approval that is stored here count no more, wherever copies of it exist: that of the
    ``change``, its action and its digest, where one text has several."""
    _, signed = _signed(context.ports, context.work, text)
    given = next((one for one in signed if (one.action, one.change) == change), signed[0])
    if not _was_used(context.work, given):
        consume(context, given)


def keys_of(person: Administrator) -> list[PublicKey]:
    """All keys that a person has or had to approve with; InvalidApproval when one is none."""
    try:
        found = _approval_keys(person, revoked=True).values()
    except ValueError:
        raise InvalidApproval("a person's key is the public JWK of a signing key") from None
    return [one.key if isinstance(one, Passkey) else one for one in found]


def expires_at(given: Approval) -> datetime:
    """The moment from which an approval counts no more."""
    return given.at + APPROVAL_LIFE


def _verified(context: RequestContext, text: str, digest: str) -> Approval:
    person, signed = _signed(context.ports, context.work, text)
    if person.id not in context.persons:
        context.persons += (person.id,)
    if not person.enabled:
        raise InvalidApproval("an approval is from a person who administers nothing any more")
    named = (context.request.action, digest)
    given = next((one for one in signed if (one.action, one.change) == named), None)
    if given is None:
        raise InvalidApproval("an approval is for another change: sign this one")
    if given.place and given.action in APART:
        raise InvalidApproval("a change that names persons is signed separately, not in a list")
    require_in_time(given, context.now)
    return given


def _was_used(work: UnitOfWork, given: Approval) -> bool:
    return work.retries.get(GATEWAY, key_of(given)) is not None


def _approval_keys(person: Administrator, *, revoked: bool) -> dict[str, ApprovalKey]:
    recorded = canonical.decode(person.public_key.encode())
    return declarations.read_approval_keys(recorded, revoked=revoked)


def _signed(ports: Ports, work: UnitOfWork, text: str) -> tuple[Administrator, list[Approval]]:
    """Tell who signed approvals, and of what; InvalidApproval when that is nobody here."""
    try:
        name = declarations.person_of(text, ports.issuer)
        person = work.organisations.person(name)
        if person is None:
            raise InvalidApproval(
                "an approval is from nobody who administers this gateway: see `casegate admin "
                "administrator list`"
            )
        keys = _approval_keys(person, revoked=False)
        given = declarations.verify_approvals(text, person=name, audience=ports.issuer, keys=keys)
    except UnknownKey:
        raise InvalidApproval(
            f"the approval of {name} is signed with a key that is not theirs: name their own with "
            "--approver-key PERSON=FILE"
        ) from None
    except DocumentError as error:
        raise InvalidApproval(f"an approval does not verify: {error}") from None
    return person, given
