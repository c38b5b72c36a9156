"""Whose decision an event tells of: what persons signed of it, by pinned keys.

The event commits to the signed approvals (detail ``approvals``). An administrator's names the
change by a digest, which is made again here from what the event says was changed; that of a person
of a member names the document of the act, where it has one.
"""

from collections.abc import Iterable, Mapping, Sequence

from gateway.domain.audit_event import ACTION_OF
from gateway.evidence import declarations
from gateway.evidence.case_events import VERSIONS
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


@step("The persons who are named signed the acts with passkeys")
def check_persons(
    confirmed: Iterable[VerifiedReceipt], trust: TrustAnchors
) -> tuple[list[Fact], str]:
    """Verify what persons of a member signed of events, with their keys; a fact for each event
    that all who signed confirm."""
    signed = [(one, named) for one in confirmed if (named := _signers(one, trust))]
    if not signed:
        return [], NotShown("no approval by a person of a member is shown")
    unknown = {name for one, named in signed for name in _unknown(one, named, trust)}
    found = [_fact(*one, trust) for one in signed if not _unknown(*one, trust)]
    if not found:
        return [], NotShown(f"no key of {', '.join(sorted(unknown))} was given")
    return found, ", ".join(sorted({name for one in found for name in one.values["persons"]}))


_Signers = Sequence[tuple[str, str, str]]
"""What persons of a member signed of an event: each text, its organisation and its person."""


def _signers(confirmed: VerifiedReceipt, trust: TrustAnchors) -> _Signers:
    issuer = trust.of_log(confirmed.event["log"]).issuer
    texts = map(str, next(iter(confirmed.details("approvals")), ()))
    named = ((text, declarations.signer_of(text, issuer)) for text in texts)
    return [(text, *one) for text, one in named if one is not None]


def _unknown(confirmed: VerifiedReceipt, signed: _Signers, trust: TrustAnchors) -> set[str]:
    """The persons whose keys the verifier did not bring."""
    known = trust.of_log(confirmed.event["log"]).persons
    return {f"{organisation}/{person}" for _, organisation, person in signed} - known.keys()


def _fact(confirmed: VerifiedReceipt, signed: _Signers, trust: TrustAnchors) -> Fact:
    changes = {_change(*one, confirmed, trust.of_log(confirmed.event["log"])) for one in signed}
    persons = sorted({f"{organisation}/{person}" for _, organisation, person in signed})
    asking = {str(one) for one in confirmed.details("by")} - {person for *_, person in signed}
    if asking or len(persons) < len(signed) or len(changes) > 1:
        raise Mismatch("the approvals are not one of each person, of one act, by who did it")
    told = {"persons": persons, "type": confirmed.type, "entry": confirmed.index}
    if _document(confirmed) is not None:
        return Fact("recorded.confirmed", told)
    (digest,) = changes
    return Fact("recorded.confirmed.digest", told | {"change": digest})


def _document(confirmed: VerifiedReceipt) -> str | None:
    """The digest of the document that an event records; of a case version that of the case."""
    name = "case_digest" if confirmed.type in VERSIONS else "document_sha256"
    return confirmed.event.get(name)


def _change(
    text: str, organisation: str, person: str, confirmed: VerifiedReceipt, anchors: TrustAnchors
) -> str:
    """The digest that a person signed for an event; Mismatch where it is not of its act."""
    try:
        one = declarations.verify_approval(
            text,
            person=person,
            audience=anchors.issuer,
            keys=anchors.persons[f"{organisation}/{person}"],
            organisation=organisation,
        )
    except (UnknownKey, BadSignature):
        raise
    except DocumentError as error:
        raise Mismatch(f"an approval in the event does not verify: {error}") from None
    action, document = ACTION_OF.get(confirmed.type), _document(confirmed)
    # What is sent to another gateway is recorded as sent: its subject tells which action it is.
    if one.action not in (action, confirmed.subject().get("action")):
        raise Mismatch("an approval is of another action than the event's")
    of = (one.action, organisation, {"document": document})
    if document is not None and one.change != declarations.change_digest(*of):
        raise Mismatch("an approval is of another document than the event's")
    if not -MAX_SKEW <= confirmed.time - one.at <= APPROVAL_LIFE:
        raise Mismatch("an approval was not signed in time for the event")
    return one.change
