"""What the documents of a bundle say: each by its signature, and all against each other.

These are the first steps of `BundleVerification`; the log is not asked yet.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from gateway.domain.answers import ANSWERS, AnswerAuthor
from gateway.evidence import bundle, chain, handoff_documents, sd_jwt, seal
from gateway.evidence.bundle import Bundle, BundleError, BundlePackage
from gateway.evidence.chain import Link, Verified, VerifiedAnswer, named
from gateway.evidence.handoff_documents import (
    ANSWER_TYP,
    CASE_TYP,
    OFFER_TYP,
    RECALL_TYP,
    AnswerClaims,
    OfferClaims,
)
from gateway.evidence.heading import read_time
from gateway.evidence.history import LogHistory
from gateway.evidence.report import pluralise
from gateway.evidence.sd_jwt import DocumentError, SdJwt
from gateway.evidence.trust import (
    AuthoredDocument,
    TrustAnchors,
    open_document,
    read_unverified_claims,
)


class BundleDocuments:
    """The packages, answers and recall of a bundle; a method for each step, in order.

    Each step returns its detail and raises a ValueError when it fails.
    """

    bundle: Bundle
    documents: tuple[SdJwt, ...]
    """The case and the offer of each package, then the answers."""
    cases: tuple[AuthoredDocument, ...]
    links: tuple[Link, ...]
    """The packages, oldest first."""
    case: AuthoredDocument
    offered: AuthoredDocument
    """The case and the offer of the newest package, as ``offer`` below."""
    content: Mapping[str, Any]
    """The case as it is shown."""
    offer: OfferClaims
    before: AuthoredDocument | None = None
    """The offer that a succession replaced, where the file has it."""
    signed_answers: tuple[AuthoredDocument, ...]
    recalled: AuthoredDocument | None = None
    """The recall of this handoff, where the file has it."""
    answers: Mapping[str, AnswerClaims]
    """By the digest of the document, in the bundle's order."""

    def __init__(self, data: bytes, trust: TrustAnchors, log_history: LogHistory) -> None:
        """``data`` is the file; nothing is read yet. ``log_history`` takes in its receipts."""
        self._data, self._trust, self.log_history = data, trust, log_history

    def read(self) -> str:
        """The file, its documents and their types."""
        self.bundle = bundle.parse(self._data)
        packages = (*self.bundle.earlier, BundlePackage(self.bundle.case, self.bundle.offer))
        texts = [text for one in packages for text in (one.case, one.offer)]
        types = [CASE_TYP, OFFER_TYP] * len(packages)
        texts += self.bundle.answers
        types += [ANSWER_TYP for _ in self.bundle.answers]
        if self.bundle.recall is not None:
            texts.append(self.bundle.recall)
            types.append(RECALL_TYP)
        self.documents = tuple(sd_jwt.parse(text) for text in texts)
        for document, typ in zip(self.documents, types, strict=True):
            if read_unverified_claims(document).header.get("typ") != typ:
                raise DocumentError(f"a document is not of the expected type {typ}")
        if len({document.digest for document in self.documents}) != len(self.documents):
            raise BundleError("a document occurs twice")
        answers, receipts = len(self.bundle.answers), len(self.bundle.receipts)
        return f"{pluralise(answers, 'answer')}, {pluralise(receipts, 'receipt')}"

    def check_case(self) -> str:
        """The case version's signature, by its originator or for it."""
        end = 2 * len(self.bundle.earlier) + 2
        self.cases = tuple(open_document(d, CASE_TYP, self._trust) for d in self.documents[0:end:2])
        self.case = self.cases[-1]
        return self.case.signature()

    def check_offer(self) -> str:
        """The offer's signature and claims."""
        end = 2 * len(self.cases)
        offers = [open_document(d, OFFER_TYP, self._trust) for d in self.documents[1:end:2]]
        self.links = tuple(
            Link(case, offered, handoff_documents.read_offer(offered.verified))
            for case, offered in zip(self.cases, offers, strict=True)
        )
        self._link_of = {link.digest: link for link in self.links}
        self.links_by_case = {link.offer.case_digest: link for link in self.links}
        self.offered, self.offer = self.links[-1].offered, self.links[-1].offer
        return self.offered.signature()

    def compare_offer(self) -> str:
        """Each offer names its case version, and both have the same author; each updates the one
        before it. One that updates another, which is not in the file, `missing_offers` has."""
        for link in self.links:
            chain.check_offer(link.case, link.offer)
        chain.check_updates([Verified(link.offered, link.offer) for link in self.links])
        chain.check_versions(self.links)
        self.before = self._predecessor_offer()
        offered = f"offered by {self.offer.author} to {self.offer.recipient}"
        if len(self.links) > 1:
            offered += f", in {pluralise(len(self.links), 'package')}"
        if self.links[0].offer.reissue_of is None:
            return offered
        original = "in this file" if self.before else "not in this file"
        return f"{offered}, reissued; the original offer is {original}"

    def _predecessor_offer(self) -> AuthoredDocument | None:
        """The originator's own offer to the predecessor; None where the bundle has none.

        VerificationFailed when it differs from the re-issued one in more than its recipient.
        """
        given, offer = self.bundle.predecessor_offer, self.links[0].offer
        if given is None or not self.starts_here():
            return None
        signed = open_document(sd_jwt.parse(given), OFFER_TYP, self._trust)
        chain.check_predecessor(signed, offer)
        return signed

    def compare_shown(self) -> str:
        """Every element that is shown is one that its offer names."""
        for link in self.links:
            chain.check_shown(link.case, link.offer)
        shown = self.case.verified.placed
        self.content = sd_jwt.merge_disclosures(self.case.verified)
        sealed = seal.describe(seal.shown(self.case.verified))
        counted = f"{len(shown)} of {pluralise(len(self.offer.disclosures), 'element')} shown"
        return f"{counted}; {sealed}" if sealed else counted

    def check_answers(self) -> str:
        """The answers' signatures and claims."""
        end = 2 * len(self.links)
        documents = self.documents[end : end + len(self.bundle.answers)]
        if self.bundle.recall is not None:
            self.recalled = open_document(self.documents[-1], RECALL_TYP, self._trust)
        self.signed_answers = tuple(
            open_document(document, ANSWER_TYP, self._trust) for document in documents
        )
        read = [handoff_documents.read_answer(signed.verified) for signed in self.signed_answers]
        self.answers = {d.digest: a for d, a in zip(documents, read, strict=True)}
        pairs = zip(read, self.signed_answers, strict=True)
        found = [f"{answer.kind} {signed.signature()}" for answer, signed in pairs]
        if self.recalled is not None:
            found.append(f"recall {self.recalled.signature()}")
        return "; ".join(found)

    def compare_answers(self) -> str:
        """Each answer is about one of the packages, and by the party that may give it; an
        acceptance repeats its conditions, as far as they are shown here, or stricter ones."""
        recall = None if self.recalled is None else self.recalled.document.digest
        for given in self.given():
            link = self._link_of.get(given.claims.offer_digest)  # or `missing_offers` has it
            chain.check_answer(given, self.offer, link, recall)
        if self.recalled is not None:
            chain.check_recall(self.recalled, self.links)
        return pluralise(len(self.answers), "answer")

    def given(self) -> list[VerifiedAnswer]:
        """The answers, in the bundle's order."""
        return [
            Verified(signed, answer)
            for signed, answer in zip(self.signed_answers, self.answers.values(), strict=True)
        ]

    def missing_offers(self) -> list[str]:
        """The offers that an update, or an answer, names and the file leaves out."""
        named = {one.offer.updates for one in self.links} - {None}
        named |= {one.offer_digest for one in self.answers.values()}
        return sorted(map(str, named - self._link_of.keys()))

    def starts_here(self) -> bool:
        """Whether the first package of the handoff is in the file."""
        return self.links[0].offer.updates is None

    def _linked(self) -> Iterator[tuple[AuthoredDocument, AnswerClaims, Link]]:
        """The answers, each with the package that it is about, as far as the file has that."""
        for signed, answer in zip(self.signed_answers, self.answers.values(), strict=True):
            if answer.offer_digest in self._link_of:
                yield signed, answer, self._link_of[answer.offer_digest]

    def _parties(self) -> str:
        """Whom to ask for what whoever made the file may have left out: that convicts nobody."""
        return f"{self.offer.author}, {self.offer.recipient}"

    def said(self, name: str) -> list[Any]:
        """What the answers shown say in one of their fields, in order."""
        return [part.value for signed in self.signed_answers for part in named(signed, name)]

    def acts(self) -> list[AuthoredDocument]:
        """The case and the offer of each package, and the answers."""
        packages = [one for link in self.links for one in (link.case, link.offered)]
        return [*packages, *self._said_by_parties()]

    def _said_by_parties(self) -> list[AuthoredDocument]:
        recalled = [] if self.recalled is None else [self.recalled]
        return [*self.signed_answers, *recalled]

    def is_gateways_own(self, signed: AuthoredDocument) -> bool:
        """Whether the document ends a handoff in a succession, which the gateway always signs.

        A reissued offer is not its own: for a member that signs everything itself it makes none.
        """
        return (
            signed in self.signed_answers
            and ANSWERS[str(signed.verified.claims["kind"])].author is AnswerAuthor.GATEWAY
        )

    def authored(self) -> list[AuthoredDocument]:
        """All documents of the file, with the offer that a succession replaced."""
        before = [] if self.before is None else [self.before]
        return [*self.acts(), *before]

    def signed_at(self, signed: AuthoredDocument) -> datetime:
        """When a document was signed, by its author's word."""
        return read_time(signed.verified.claims)


def members(value: Any) -> dict[str, Any]:
    """What should be an object; an empty one for anything else."""
    return value if isinstance(value, dict) else {}
