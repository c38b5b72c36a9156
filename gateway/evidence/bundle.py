"""All that one reader can prove about a handoff, in one JSON file; and the checks of its documents.

``keys`` is what the bundle's maker claims about the issuers' keys. It is a hint where to look,
never trusted: a verifier brings its own keys.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.domain.answers import ANSWERS, AnswerAuthor
from gateway.evidence import canonical, chain, handoff_documents, receipt, sd_jwt, seal
from gateway.evidence.chain import Link, Verified, VerifiedAnswer, values_of
from gateway.evidence.handoff_documents import (
    ANSWER_TYP,
    CASE_TYP,
    OFFER_TYP,
    RECALL_TYP,
    AnswerClaims,
    OfferClaims,
)
from gateway.evidence.history import LogHistory
from gateway.evidence.receipt import Receipt
from gateway.evidence.report import pluralise
from gateway.evidence.sd_jwt import DocumentError, SdJwt
from gateway.evidence.trust import (
    AuthoredDocument,
    TrustAnchors,
    open_document,
    read_unverified_claims,
)

FORMAT = "casegate-bundle/2"
FORMER = "casegate-bundle/1"
"""The format before: of one package, which stands in it as ``case`` and ``offer``."""
MAX_BYTES = 4 * 1024 * 1024
"""A presentation and an offer of half a megabyte each, and some hundred answers with receipts."""

_REGISTRATIONS = "registrations"
_REVOCATIONS = "revocations"
_PREDECESSOR = "predecessor_offer"
_PLAN = "succession"
_MANDATE = "mandate"
_LOCKS = "locks"
_STATUSES = "key_statuses"
_ENDS = "mandate_ends"
_PACKAGES = "packages"
_RECALL = "recall"
_FIELDS = frozenset({"format", _PACKAGES, "answers", "receipts", "keys"})
_FORMER_FIELDS = _FIELDS - {_PACKAGES} | {"case", "offer"}
_OPTIONAL = frozenset(
    {
        _REGISTRATIONS,
        _REVOCATIONS,
        _PREDECESSOR,
        _PLAN,
        _MANDATE,
        _LOCKS,
        _STATUSES,
        _ENDS,
        _RECALL,
    }
)


class BundleError(ValueError):
    """The bytes are not a bundle; the message says why."""


@dataclass(frozen=True)
class BundlePackage:
    """A case presentation, and the offer, or update, of it."""

    case: str
    offer: str


@dataclass(frozen=True)
class Bundle:
    """A case presentation, the offer and its answers (compact SD-JWTs), and receipts.

    ``case`` and ``offer`` are those of the handoff's newest package, ``earlier`` the ones before
    it, oldest first.

    ``keys`` maps an issuer's URI to its JWK set, as claimed. ``registrations`` are the receipts of
    the events that registered the members' keys in use, ``revocations`` those of the events by
    which some of them were revoked since. ``predecessor_offer`` is the offer that the one here
    follows, where a succession re-issued it; ``succession`` the receipt of its plan. ``mandate``
    is the receipt of the event that registered the mandate which the offer addressed. ``locks``
    are those of the events by which members forbade the gateway to sign for them, or allowed it.
    ``key_statuses`` are the gateway's statements that keys in use were not revoked (compact
    SD-JWTs), ``mandate_ends`` the receipts of the events that ended that mandate of the recipient.
    ``recall`` is the document that recalled the handoff, where one did.
    """

    case: str
    offer: str
    answers: tuple[str, ...] = ()
    receipts: tuple[Receipt, ...] = ()
    keys: Mapping[str, Any] = field(default_factory=dict)
    registrations: tuple[Receipt, ...] = ()
    predecessor_offer: str | None = None
    succession: Receipt | None = None
    revocations: tuple[Receipt, ...] = ()
    mandate: Receipt | None = None
    locks: tuple[Receipt, ...] = ()
    key_statuses: tuple[str, ...] = ()
    mandate_ends: tuple[Receipt, ...] = ()
    earlier: tuple[BundlePackage, ...] = ()
    recall: str | None = None


def encode(bundle: Bundle) -> bytes:
    """Write a bundle as the JSON file that parse reads."""
    newest = BundlePackage(bundle.case, bundle.offer)
    members: dict[str, Any] = {
        "format": FORMAT,
        _PACKAGES: [vars(one) for one in (*bundle.earlier, newest)],
        "answers": list(bundle.answers),
        "receipts": [receipt.to_json(one) for one in bundle.receipts],
        "keys": dict(bundle.keys),
    }
    for name, found in (
        (_REGISTRATIONS, bundle.registrations),
        (_REVOCATIONS, bundle.revocations),
        (_LOCKS, bundle.locks),
        (_ENDS, bundle.mandate_ends),
    ):
        if found:
            members[name] = [receipt.to_json(one) for one in found]
    if bundle.key_statuses:
        members[_STATUSES] = list(bundle.key_statuses)
    for name, document in ((_PREDECESSOR, bundle.predecessor_offer), (_RECALL, bundle.recall)):
        if document is not None:
            members[name] = document
    for name, one in ((_PLAN, bundle.succession), (_MANDATE, bundle.mandate)):
        if one is not None:
            members[name] = receipt.to_json(one)
    return (json.dumps(members, ensure_ascii=False, indent=1) + "\n").encode("utf-8")


def parse(data: bytes) -> Bundle:
    """Read a bundle; BundleError for more than MAX_BYTES or anything but its exact members.

    The documents in it are texts still: nothing is verified here.
    """
    if len(data) > MAX_BYTES:
        raise BundleError(f"a bundle is not longer than {MAX_BYTES} bytes")
    try:
        members = canonical.decode(data)
    except ValueError as error:
        raise BundleError(f"the bundle cannot be read: {error}") from None
    if not isinstance(members, dict) or members.get("format") not in (FORMAT, FORMER):
        raise BundleError(f"the file is not of the format {FORMAT}")
    expected = _FIELDS if members["format"] == FORMAT else _FORMER_FIELDS
    if members.keys() - _OPTIONAL != expected:
        raise BundleError("a bundle has packages, answers, receipts, keys and registrations")
    *earlier, newest = _packages(members)
    documents = _list(members, "answers")
    statuses = _list(members, _STATUSES)
    before, recall = members.get(_PREDECESSOR), members.get(_RECALL)
    if not all(isinstance(members.get(name, ""), str) for name in (_PREDECESSOR, _RECALL)):
        raise BundleError("the documents of a bundle are texts")
    if not all(isinstance(document, str) for document in (*documents, *statuses)):
        raise BundleError("the documents of a bundle are texts")
    if not isinstance(members["keys"], dict):
        raise BundleError("the keys of a bundle are by issuer")
    return Bundle(
        newest.case,
        newest.offer,
        tuple(documents),
        _receipts(members, "receipts"),
        members["keys"],
        _receipts(members, _REGISTRATIONS),
        predecessor_offer=before,
        succession=_receipt(members[_PLAN]) if _PLAN in members else None,
        revocations=_receipts(members, _REVOCATIONS),
        mandate=_receipt(members[_MANDATE]) if _MANDATE in members else None,
        locks=_receipts(members, _LOCKS),
        key_statuses=tuple(statuses),
        mandate_ends=_receipts(members, _ENDS),
        earlier=tuple(earlier),
        recall=recall,
    )


def _packages(members: Mapping[str, Any]) -> list[BundlePackage]:
    """The packages of either format, oldest first; at least one."""
    listed = _list(members, _PACKAGES) if _PACKAGES in members else [members]
    found = []
    for one in listed:
        if not isinstance(one, dict) or (one is not members and one.keys() != {"case", "offer"}):
            raise BundleError("a package of a bundle has case and offer")
        if not isinstance(one["case"], str) or not isinstance(one["offer"], str):
            raise BundleError("the documents of a bundle are texts")
        found.append(BundlePackage(one["case"], one["offer"]))
    if not found:
        raise BundleError("a bundle has at least one package")
    return found


def _receipts(members: Mapping[str, Any], name: str) -> tuple[Receipt, ...]:
    return tuple(_receipt(one) for one in _list(members, name))


def _list(members: Mapping[str, Any], name: str) -> list[Any]:
    value = members.get(name, [])
    if not isinstance(value, list):
        raise BundleError(f"the {name} of a bundle are a list")
    return value


def _receipt(data: Any) -> Receipt:
    try:
        return receipt.from_json(data)
    except receipt.MalformedReceipt as error:
        raise BundleError(str(error)) from None


# --- What the documents of a bundle say: each by its signature, and all against each other ---
#
# These are the first steps of `BundleVerification`; the log is not asked yet.


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
        self.bundle = parse(self._data)
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
        return [part.value for signed in self.signed_answers for part in values_of(signed, name)]

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


def members(value: Any) -> dict[str, Any]:
    """What should be an object; an empty one for anything else."""
    return value if isinstance(value, dict) else {}
