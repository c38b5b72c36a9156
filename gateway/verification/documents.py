"""What the documents of a bundle say: each by its signature, and all against each other.

These are the first steps of a bundle; the log is not asked yet.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from gateway.domain.answers import ANSWERS, AnswerAuthor
from gateway.evidence import bundle, handoff_documents, sd_jwt, seal
from gateway.evidence.bundle import Bundle
from gateway.evidence.declarations import SUCCESSION_TYP
from gateway.evidence.evidence_file import BundleError, PackageMissing
from gateway.evidence.handoff_documents import OfferClaims
from gateway.evidence.sd_jwt import DocumentError, SdJwt, UnknownKey
from gateway.text.numbers import pluralise
from gateway.verification import chain
from gateway.verification.chain import Link, Verified, VerifiedAnswer, values_of
from gateway.verification.report import Incomplete
from gateway.verification.steps import Checks, step
from gateway.verification.trust import (
    AuthoredDocument,
    TrustAnchors,
    of_known,
    open_document,
    read_answer,
    read_offer,
    read_unverified_claims,
)

Content = Mapping[str, Any]


@dataclass(frozen=True)
class OpenedFile:
    """A bundle, and its documents by type: none of them is verified."""

    bundle: Bundle
    documents: Mapping[str, Sequence[SdJwt]]

    @property
    def audience(self) -> str:
        """The gateway that the first offer says to be for."""
        offer = self.documents[handoff_documents.OFFER_TYP][0]
        return str(read_unverified_claims(offer).claims.get("aud"))

    def verify(self, typ: str, trust: TrustAnchors) -> list[AuthoredDocument]:
        """The documents of a type, each by its signature."""
        return [open_document(document, typ, trust) for document in self.documents[typ]]


@dataclass(frozen=True)
class Documents:
    """What its parties signed for a handoff, compared: packages (oldest first), answers by the
    digest of their document, the recall, and the offer that a succession replaced (``before``).

    ``content`` is the newest case as it is shown. ``approvals`` are what the organisations of that
    succession signed of it. A handoff between two gateways is decided at the recipient's, for which
    its offers are.
    """

    links: tuple[Link, ...]
    answers: Mapping[str, VerifiedAnswer]
    recalled: AuthoredDocument | None
    before: AuthoredDocument | None
    content: Content
    approvals: tuple[AuthoredDocument, ...] = ()

    @property
    def offer(self) -> OfferClaims:
        """Return what the newest offer says."""
        return self.links[-1].offer

    @property
    def offered(self) -> AuthoredDocument:
        """The newest offer."""
        return self.links[-1].offered

    @property
    def gateways(self) -> tuple[str, ...]:
        """The gateway that decides, and that of the originator where it is another one."""
        return tuple(dict.fromkeys((self.offered.audience, self.offered.gateway)))

    @property
    def case(self) -> AuthoredDocument:
        """Its case."""
        return self.links[-1].case

    @cached_property
    def by_offer(self) -> Mapping[str, Link]:
        """The packages by the digest of their offer."""
        return {link.digest: link for link in self.links}

    @cached_property
    def by_case(self) -> Mapping[str, Link]:
        """The packages by the digest of their case."""
        return {link.offer.case_digest: link for link in self.links}

    @cached_property
    def missing_offers(self) -> Sequence[str]:
        """The offers that an update, or an answer, names and the file leaves out."""
        named = {one.offer.updates for one in self.links} - {None}
        named |= {one.claims.offer_digest for one in self.answers.values()}
        return sorted(map(str, named - self.by_offer.keys()))

    @property
    def starts_here(self) -> bool:
        """Tell whether the first package of the handoff is in the file."""
        return self.links[0].offer.updates is None

    @property
    def parties(self) -> str:
        """Whom to ask for what whoever made the file may have left out: that convicts nobody."""
        return f"{self.offer.author}, {self.offer.recipient}"

    @cached_property
    def said_by_parties(self) -> Sequence[AuthoredDocument]:
        """The answers and the recall."""
        recalled = [] if self.recalled is None else [self.recalled]
        return [*(one.signed for one in self.answers.values()), *recalled]

    @property
    def moved(self) -> Sequence[AuthoredDocument]:
        """The offers, the answers and the recall: each is recorded by an event."""
        return [*(link.offered for link in self.links), *self.said_by_parties]

    @property
    def acts(self) -> Sequence[AuthoredDocument]:
        """The same, with the cases."""
        packages = [one for link in self.links for one in (link.case, link.offered)]
        return [*packages, *self.said_by_parties]

    @property
    def authored(self) -> Sequence[AuthoredDocument]:
        """All documents of the file."""
        return [*self.acts, *([] if self.before is None else [self.before]), *self.approvals]

    def said(self, name: str) -> list[Any]:
        """Return what the answers shown say in one of their fields, in order."""
        return [part.value for one in self.answers.values() for part in values_of(one.signed, name)]

    def is_gateways_own(self, signed: AuthoredDocument) -> bool:
        """Tell whether the document ends a handoff in a succession, which the gateway always signs.

        A reissued offer is not its own: for a member that signs everything itself it makes none.
        """
        answer = self.answers.get(signed.document.digest)
        return answer is not None and ANSWERS[answer.claims.kind].author is AnswerAuthor.GATEWAY


@step("The file is an evidence bundle")
def read(data: bytes) -> tuple[OpenedFile, str]:
    try:
        found = bundle.parse(data)
    except PackageMissing as error:
        raise Incomplete(str(error)) from None
    texts = {
        handoff_documents.CASE_TYP: [one.case for one in found.packages],
        handoff_documents.OFFER_TYP: [one.offer for one in found.packages],
        handoff_documents.ANSWER_TYP: found.answers,
        handoff_documents.RECALL_TYP: [] if found.recall is None else [found.recall],
    }
    documents = {typ: [*map(sd_jwt.parse, given)] for typ, given in texts.items()}
    for typ, given in documents.items():
        if any(read_unverified_claims(one).header.get("typ") != typ for one in given):
            raise DocumentError(f"a document is not of the expected type {typ}")
    digests = [one.digest for given in documents.values() for one in given]
    if len({*digests}) != len(digests):
        raise BundleError("a document occurs twice")
    answers, receipts = len(found.answers), len(found.receipts)
    counted = f"{pluralise(answers, 'answer')}, {pluralise(receipts, 'receipt')}"
    return OpenedFile(found, documents), counted


@step("The signature of the case version is valid")
def open_cases(file: OpenedFile, trust: TrustAnchors) -> tuple[list[AuthoredDocument], str]:
    cases = file.verify(handoff_documents.CASE_TYP, trust)
    return cases, cases[-1].signature()


@step("The signature of the offer is valid")
def open_offers(
    file: OpenedFile, cases: Sequence[AuthoredDocument], trust: TrustAnchors
) -> tuple[tuple[Link, ...], str]:
    offers = file.verify(handoff_documents.OFFER_TYP, trust)
    links = tuple(
        Link(case, offered, read_offer(offered, trust))
        for case, offered in zip(cases, offers, strict=True)
    )
    return links, links[-1].offered.signature()


@step("The offer covers this case version and comes from its originator")
def compare_offers(
    file: OpenedFile, links: Sequence[Link], trust: TrustAnchors
) -> tuple[tuple[AuthoredDocument | None, tuple[AuthoredDocument, ...]], str]:
    """Each offer updates the one before it, or one that is not in the file; the originator's own
    offer to the predecessor, and what was signed of their succession, where the file has that."""
    for link in links:
        chain.check_offer(link.case, link.offer)
        chain.require_same("an offer", ("gateway", link.offered.audience, file.audience))
    if links[0].offered.gateway != file.audience and not trust.issuer:
        raise UnknownKey("of two gateways each needs a trust folder that says which it is")
    chain.check_updates([Verified(link.offered, link.offer) for link in links])
    chain.check_versions(links)
    first, before, given = links[0].offer, None, file.bundle.predecessor_offer
    if given is not None and first.updates is None:
        before = open_document(sd_jwt.parse(given), handoff_documents.OFFER_TYP, trust)
        chain.check_predecessor(Verified(before, read_offer(before, trust)), first)
    told = f"offered by {links[-1].offer.author} to {links[-1].offer.recipient}"
    if len(links) > 1:
        told += f", in {pluralise(len(links), 'package')}"
    if first.reissue_of is not None:
        original = "in this file" if before else "not in this file"
        told += f", reissued; the original offer is {original}"
    approvals = _open_approvals(file, first, trust) if first.updates is None else ()
    return (before, approvals), told


def _open_approvals(
    file: OpenedFile, first: OfferClaims, trust: TrustAnchors
) -> tuple[AuthoredDocument, ...]:
    """Return what organisations signed of the succession; with a key that was not provided it
    counts for nothing."""

    def read(text: str, trust: TrustAnchors) -> AuthoredDocument:
        return open_document(sd_jwt.parse(text), SUCCESSION_TYP, trust)

    found = tuple(of_known(read, file.bundle.succession_approvals, trust))
    for one in found:
        chain.check_approval(one, first)
    return found


@step("The offer covers every element shown")
def compare_shown(links: Sequence[Link]) -> tuple[Content, str]:
    for link in links:
        chain.check_shown(link.case, link.offer)
    case, offer = links[-1].case.verified, links[-1].offer
    counted = f"{len(case.placed)} of {pluralise(len(offer.disclosures), 'element')} shown"
    sealed = seal.describe(seal.shown(case))
    return sd_jwt.merge_disclosures(case), f"{counted}; {sealed}" if sealed else counted


@step("The signature of every answer is valid")
def open_answers(
    file: OpenedFile, trust: TrustAnchors
) -> tuple[tuple[list[VerifiedAnswer], AuthoredDocument | None], str]:
    recalled = next(iter(file.verify(handoff_documents.RECALL_TYP, trust)), None)
    given = [
        Verified(one, read_answer(one)) for one in file.verify(handoff_documents.ANSWER_TYP, trust)
    ]
    found = [f"{one.claims.kind} {one.signed.signature()}" for one in given]
    found += [] if recalled is None else [f"recall {recalled.signature()}"]
    return (given, recalled), "; ".join(found)


@step("Every answer refers to this handoff, case version, offer and package")
def compare_answers(documents: Documents) -> tuple[None, str]:
    """By the party that may give it; an acceptance repeats its conditions, or stricter ones."""
    recalled = documents.recalled
    recall = None if recalled is None else recalled.document.digest
    for given in documents.answers.values():
        link = documents.by_offer.get(given.claims.offer_digest)  # or `missing_offers` has it
        about = ("gateway", given.signed.audience, documents.gateways[0])
        chain.require_same(f"the {given.claims.kind}", about)
        chain.check_answer(given, documents.offer, link, recall)
    if recalled is not None:
        chain.check_recall(recalled, documents.links)
    return None, pluralise(len(documents.answers), "answer")


ROWS = (
    read, open_cases, open_offers, compare_offers, compare_shown, open_answers, compare_answers,
)  # fmt: skip


def verify(
    checks: Checks, data: bytes, trust: TrustAnchors
) -> tuple[Bundle, Documents, TrustAnchors]:
    """Take these steps, each with what the ones before it found; and call members of the gateway
    that decides by their ids alone."""
    file = checks(read, data)
    trust = replace(trust, here=file.audience)
    links = checks(open_offers, file, checks(open_cases, file, trust), trust)
    before, approvals = checks(compare_offers, file, links, trust)
    content = checks(compare_shown, links)
    answers, recalled = checks(open_answers, file, trust)
    by_digest = {one.digest: one for one in answers}
    documents = Documents(links, by_digest, recalled, before, content, approvals)
    checks(compare_answers, documents)
    return file.bundle, documents, trust


def members(value: Any) -> dict[str, Any]:
    """Return what should be an object; an empty one for anything else."""
    return value if isinstance(value, dict) else {}
