"""The rules between the documents of one handoff: its packages, its answers, its recall (R13).

Both `casegate verify` and the client apply them; each document was verified before. Whether a
document that another one names may be missing is for the caller: a file may leave it out, a
gateway may not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Generic, TypeVar

from gateway.domain.answers import ANSWERS
from gateway.domain.case import conditions, repeats
from gateway.domain.handoff import RecallAnswer
from gateway.domain.json_values import format_timestamp
from gateway.evidence import sd_jwt
from gateway.evidence.declarations import MAX_SKEW
from gateway.evidence.handoff_documents import AnswerClaims, OfferClaims, read_time
from gateway.evidence.sd_jwt import DisclosedValue
from gateway.verification.report import Mismatch
from gateway.verification.trust import AuthoredDocument, read_recall

NOTICE = "correction_notice"

TWO_CLOCKS = 2 * MAX_SKEW
"""By how much the clocks of two organisations may differ: each by MAX_SKEW from the gateway's."""

Claims = TypeVar("Claims")


@dataclass(frozen=True)
class Verified(Generic[Claims]):
    """A signed document and its claims."""

    signed: AuthoredDocument
    claims: Claims

    @property
    def digest(self) -> str:
        """The name of the document."""
        return self.signed.document.digest


VerifiedOffer = Verified[OfferClaims]
VerifiedAnswer = Verified[AnswerClaims]


@dataclass(frozen=True)
class Link:
    """One package of a handoff: the case version, and the offer, or update, of it."""

    case: AuthoredDocument
    offered: AuthoredDocument
    offer: OfferClaims

    @property
    def digest(self) -> str:
        """By which answers and updates name it."""
        return self.offered.document.digest

    @property
    def version(self) -> int:
        """The number of its case version."""
        return int(self.case.verified.claims.get("version", 1))


def check_offer(case: AuthoredDocument, offer: OfferClaims) -> None:
    """An offer is of this case version, by its originator. Raises Mismatch, as all checks here."""
    if offer.case_digest != case.document.digest:
        raise Mismatch("the offer is for another case version")
    if offer.author != case.author:
        raise Mismatch("the originator of the case did not make the offer")


def check_shown(case: AuthoredDocument, offer: OfferClaims) -> None:
    """Every element of a case that is shown is one that its offer names."""
    beyond = [one.name for one in case.verified.placed if one.digest not in offer.disclosures]
    if beyond:
        raise Mismatch(f"shown, but not covered by the offer: {', '.join(beyond)}")


def check_updates(offers: Sequence[VerifiedOffer]) -> None:
    """One history, oldest first: each offer updates the one before it.

    It repeats handoff, recipient, mandate and purpose, and ends no later. One that updates an offer
    which is not there is no failure here.
    """
    digests = {one.digest for one in offers}
    for before, after in pairwise(offers):
        one, other = before.claims, after.claims
        missing = other.updates is not None and other.updates not in digests
        if not missing and other.updates != before.digest:
            raise Mismatch("an update is of another offer")
        require_same(
            "an update",
            ("handoff", other.handoff, one.handoff),
            ("recipient", other.recipient, one.recipient),
            ("competence", other.competence, one.competence),
            ("mandate", other.mandate_event, one.mandate_event),
            ("purpose", other.purpose, one.purpose),
            ("originator", other.author, one.author),
        )
        if one.expires_at is not None and (other.expires_at or one.expires_at + 1) > one.expires_at:
            raise Mismatch("an update ends later than its handoff")


def check_versions(links: Sequence[Link]) -> None:
    """The packages, oldest first, are of ever newer versions of one case."""
    for before, after in pairwise(links):
        one, other = (link.case.verified.claims.get("case") for link in (before, after))
        require_same("an update", ("case", other, one))
        if after.version <= before.version:
            raise Mismatch("an update is of no newer case version")


def check_predecessor(given: VerifiedOffer, offer: OfferClaims) -> None:
    """The offer that a succession replaced differs from ``offer`` in its recipient alone."""
    if offer.reissue_of is None:
        raise Mismatch("there is an earlier offer, but the offer replaces none")
    before = given.claims
    require_same(
        "the earlier offer",
        ("offer", given.digest, offer.reissue_of.offer),
        ("handoff", before.handoff, offer.reissue_of.handoff),
        ("predecessor", before.recipient, offer.reissue_of.predecessor),
        ("competence", before.competence, offer.competence),
        ("originator", before.author, offer.author),
        ("case version", before.case_digest, offer.case_digest),
        ("package_digest", before.disclosures, offer.disclosures),
        ("purpose", before.purpose, offer.purpose),
    )


def check_approval(signed: AuthoredDocument, offer: OfferClaims) -> None:
    """Require that one of its two organisations approved the succession by which ``offer`` replaced
    another."""
    if offer.reissue_of is None:
        raise Mismatch("there is an approval of a succession, but the offer replaces none")
    claims, between = signed.verified.claims, (offer.reissue_of.predecessor, offer.recipient)
    if signed.author not in between:
        raise Mismatch("the approval of the succession is of an organisation that it is not about")
    require_same(
        "the approval of the succession",
        ("succession", claims.get("succession"), str(offer.reissue_of.event)),
        ("predecessor", claims.get("predecessor"), offer.reissue_of.predecessor),
        ("successor", claims.get("successor"), offer.recipient),
        ("competence", claims.get("competence"), offer.competence),
    )


def check_answer(
    given: VerifiedAnswer, offer: OfferClaims, link: Link | None, recall: str | None
) -> None:
    """An answer is about this handoff, and by the party that may give it; an acceptance repeats
    the conditions of its package, as far as they are shown here, or stricter ones.

    ``offer`` is any of the handoff, ``link`` the package that the answer names and ``recall`` the
    digest of the handoff's recall, each None where it is not there.
    """
    answer, kind = given.claims, ANSWERS[given.claims.kind]
    if answer.notice_digest is not None and not kind.on_changes:
        raise Mismatch(f"the {kind.name} answers a notice")
    require_same(
        f"the {kind.name}",
        ("handoff", answer.handoff, offer.handoff),
        ("party", answer.author, kind.author.of(offer.author, offer.recipient)),
    )
    if answer.recall is not None and not (kind.of_recall and recall in (None, answer.recall)):
        raise Mismatch(f"the {kind.name} answers another recall")
    if link is None:
        return
    require_same(
        f"the {kind.name}",
        ("case version", answer.case_digest, link.offer.case_digest),
        ("package_digest", answer.package_digest, link.offer.package_digest),
    )
    if not all(_repeats(one.value, link) for one in values_of(given.signed, "conditions")):
        raise Mismatch("an acceptance does not repeat the conditions of its offer")


def check_times(links: Sequence[Link], answers: Sequence[VerifiedAnswer]) -> None:
    """Nothing is signed before what it is about, as its author dates it."""
    link_of = {one.digest: one for one in links}
    for one in links:
        signed, offered = signed_at(one.case), signed_at(one.offered)
        require_order("the offer is older than the case version", signed, offered)
    for given in answers:
        link = link_of.get(given.claims.offer_digest)
        if link is not None:
            offered, signed = signed_at(link.offered), signed_at(given.signed)
            require_order("an answer is older than its offer", offered, signed, TWO_CLOCKS)


def signed_at(signed: AuthoredDocument) -> datetime:
    """When a document was signed, by its author's word."""
    return read_time(signed.verified.claims)


def _repeats(repeated: Any, link: Link) -> bool:
    """Tell whether an acceptance has the conditions of the package that it is about, or
    stricter."""
    content = sd_jwt.merge_disclosures(link.case.verified)
    try:
        stated = conditions(content, link.offer.purpose, link.offer.transfer_tool)
    except KeyError:
        return False
    return repeats(repeated, stated)


def check_order(documents: Sequence[Link | VerifiedAnswer]) -> None:
    """Packages and answers in the order in which they came.

    An acceptance or acknowledgement is of the newest package of its time, and what answers a
    change, after a correction notice, of the newest notice. Answers that name a package or a notice
    which is not there are passed over.
    """
    links = [one for one in documents if isinstance(one, Link)]
    digests = {one.digest for one in links}
    notices = {one.digest for one in documents if is_notice(one)}
    packages: list[str] = []
    notice = None
    for one in documents:
        if isinstance(one, Link):
            packages.append(one.digest)
            continue
        answer, kind = one.claims, ANSWERS[one.claims.kind]
        if answer.offer_digest in digests and answer.offer_digest not in packages:
            raise Mismatch("an answer came before its offer")
        if kind.agrees and answer.offer_digest in packages[:-1]:
            raise Mismatch(f"the {kind.name} is of an older package than the newest")
        known = answer.notice_digest is None or answer.notice_digest in notices
        if kind.on_changes and known and answer.notice_digest != notice:
            raise Mismatch(f"the {kind.name} is of another notice than the newest")
        if is_notice(one):
            notice = one.digest


def is_notice(one: Link | VerifiedAnswer) -> bool:
    """Tell whether it tells a holder of a correction whose package it does not get."""
    return isinstance(one, Verified) and one.claims.kind == NOTICE


def check_recall(recalled: AuthoredDocument, links: Sequence[Link]) -> None:
    """A recall is of this case and handoff, by the originator, covers the packages, and two
    persons made it, where both are shown."""
    recall, newest = read_recall(recalled), links[-1]
    require_same(
        "the recall",
        ("originator", recall.author, newest.offer.author),
        ("case", str(recall.case), newest.case.verified.claims.get("case")),
        ("handoff", recall.handoff or newest.offer.handoff, newest.offer.handoff),
    )
    if any(link.version > recall.version for link in links):
        raise Mismatch("the recall does not cover every package")
    by, second = (
        next((one.value for one in values_of(recalled, name)), None)
        for name in ("by", "approved_by")
    )
    if by is not None and by == second:
        raise Mismatch("the recall names one person twice")


def check_final_answers(given: Sequence[RecallAnswer | None]) -> None:
    """One final answer is given to a recall, which only an erasure may follow, for good.

    None is an answer that is not shown.
    """
    for before, after in pairwise(given):
        erases = after in (None, RecallAnswer.COPIES_ERASED)
        if not erases or before is RecallAnswer.COPIES_ERASED:
            raise Mismatch("a recall has two final answers")


def values_of(signed: AuthoredDocument, name: str) -> list[DisclosedValue]:
    """Return what a document says in one of its fields, where that is shown."""
    return [part for part in signed.verified.placed if part.name == name]


def require_same(what: str, *pairs: tuple[str, Any, Any]) -> None:
    """Raise Mismatch for the first of the named pairs whose two values differ."""
    for name, found, expected in pairs:
        if found != expected:
            raise Mismatch(f"{what} is of another {name}")


def require_order(
    otherwise: str, first: datetime, second: datetime, tolerance: timedelta = MAX_SKEW
) -> None:
    """Raise Mismatch when a time is after a second one by more than clocks may differ."""
    if first > second + tolerance:
        raise Mismatch(
            f"{otherwise} ({format_timestamp(second)} is before {format_timestamp(first)})"
        )
