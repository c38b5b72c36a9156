"""Whose decision an event tells of: what persons signed of it, by pinned keys.

The event commits to the signed approvals (detail ``approvals``). An administrator's names the
change by a digest, which is made again here from what the event says was changed; that of a person
of a member names the document of the act, where it has one.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.domain.audit_event import ACTION_OF
from gateway.evidence import declarations
from gateway.evidence.declarations import APPROVAL_LIFE, MAX_SKEW, ApprovalKey
from gateway.evidence.receipt import VerifiedReceipt
from gateway.evidence.sd_jwt import BadSignature, DocumentError, UnknownKey
from gateway.verification.report import Fact, Mismatch
from gateway.verification.steps import NotShown, step
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
        signed = declarations.verify_approvals(
            text, person=person, audience=issuer, keys=known[person]
        )
    except (DocumentError, KeyError):
        return None
    in_time = -MAX_SKEW <= confirmed.time - signed[0].at <= APPROVAL_LIFE
    return person if in_time and named in {(one.action, one.change) for one in signed} else None


# --- Persons of a member, who signed an act in a browser ---


@dataclass(frozen=True)
class _Confirming:
    """A person of a member, by the gateway's name of both."""

    organisation: str
    person: str

    @property
    def name(self) -> str:
        return f"{self.organisation}/{self.person}"


def _signer(text: str, issuer: str) -> _Confirming | None:
    """The person of a member whom an approval names; None for an administrator's."""
    said = declarations.read_unverified_approval(text).get("iss")
    organisation, people, person = (
        str(said).removeprefix(f"{issuer}/organisations/").partition("/people/")
    )
    if not people or not str(said).startswith(f"{issuer}/organisations/"):
        return None
    return _Confirming(organisation, person)


@step("The persons who are named signed the act with passkeys")
def check_persons(confirmed: VerifiedReceipt, trust: TrustAnchors) -> tuple[Fact | None, str]:
    """Verify what persons of a member signed of an event, with their keys."""
    anchors = trust.of_log(confirmed.event["log"])
    given = next(iter(confirmed.details("approvals")), ())
    named = [(str(one), _signer(str(one), anchors.issuer)) for one in given]
    signed = [(text, one) for text, one in named if one is not None]
    if not signed:
        return None, NotShown("no approval by a person of a member is shown")
    if unknown := {one.name for _, one in signed} - anchors.persons.keys():
        return None, NotShown(f"no key of {', '.join(sorted(unknown))} was given")
    changes = {_change(text, one, confirmed, anchors) for text, one in signed}
    persons = sorted({one.name for _, one in signed})
    asking = {str(one) for one in confirmed.details("by")} - {one.person for _, one in signed}
    if asking or len(persons) < len(signed) or len(changes) > 1:
        raise Mismatch("the approvals are not one of each person, of one act, by who did it")
    told = {"persons": persons, "type": confirmed.type, "entry": confirmed.index}
    if "document_sha256" in confirmed.event:
        return Fact("recorded.confirmed", told), ", ".join(persons)
    (digest,) = changes
    return Fact("recorded.confirmed.digest", told | {"change": digest}), ", ".join(persons)


def _change(
    text: str, signer: _Confirming, confirmed: VerifiedReceipt, anchors: TrustAnchors
) -> str:
    """The digest that a person signed for an event; Mismatch where it is not of its act."""
    try:
        one = declarations.verify_approval(
            text,
            person=signer.person,
            audience=anchors.issuer,
            keys=anchors.persons[signer.name],
            organisation=signer.organisation,
        )
    except (UnknownKey, BadSignature):
        raise
    except DocumentError as error:
        raise Mismatch(f"an approval in the event does not verify: {error}") from None
    action, document = ACTION_OF.get(confirmed.type), confirmed.event.get("document_sha256")
    # What is sent to another gateway is recorded as sent: its subject tells which action it is.
    if one.action not in (action, confirmed.subject().get("action")):
        raise Mismatch("an approval is of another action than the event's")
    of = (one.action, signer.organisation, {"document": document})
    if document is not None and one.change != declarations.change_digest(*of):
        raise Mismatch("an approval is of another document than the event's")
    if not -MAX_SKEW <= confirmed.time - one.at <= APPROVAL_LIFE:
        raise Mismatch("an approval was not signed in time for the event")
    return one.change
