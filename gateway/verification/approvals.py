"""Whose decision a change of the registry was: what administrators signed of it, by pinned keys.

The event of a change commits to the signed approvals (detail ``approvals``). Each names the change
by a digest, which is made again here from what the event says was changed.
"""

from collections.abc import Mapping

from gateway.domain.audit_event import ACTION_OF
from gateway.evidence import declarations
from gateway.evidence.declarations import APPROVAL_LIFE, MAX_SKEW, ApprovalKey
from gateway.evidence.receipt import VerifiedReceipt
from gateway.evidence.sd_jwt import DocumentError
from gateway.verification.trust import TrustAnchors


def deciding(confirmed: VerifiedReceipt | None, issuer: str, trust: TrustAnchors) -> frozenset[str]:
    """Two or more administrators, by the keys that the verifier brought, who signed exactly the
    change that an event records, in time for it; none where fewer are shown.

    ``issuer`` is the event's gateway. An approval of somebody else, or of something else, counts
    for nothing.
    """
    if confirmed is None or not confirmed.allowed or confirmed.type not in ACTION_OF:
        return frozenset()
    change = dict(confirmed.subject())
    organisation = change.pop("organisation", None)
    if organisation is None:
        return frozenset()
    action = ACTION_OF[confirmed.type]
    digest = declarations.change_digest(action, organisation, change)
    given = next(iter(confirmed.details("approvals")), ())
    known = trust.of_gateway(issuer).administrators
    found = (_person(str(text), (action, digest), confirmed, issuer, known) for text in given)
    persons = frozenset(one for one in found if one is not None)
    return persons if len(persons) > 1 else frozenset()


def _person(
    text: str,
    named: tuple[str, str],
    confirmed: VerifiedReceipt,
    issuer: str,
    known: Mapping[str, Mapping[str, ApprovalKey]],
) -> str | None:
    try:
        person = declarations.person_of(text, issuer)
        one = declarations.verify_approval(text, person=person, audience=issuer, keys=known[person])
    except (DocumentError, KeyError):
        return None
    in_time = -MAX_SKEW <= confirmed.time - one.at <= APPROVAL_LIFE
    return person if (one.action, one.change) == named and in_time else None
