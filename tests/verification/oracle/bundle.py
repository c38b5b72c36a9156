"""All that one reader can prove about a handoff, in one JSON file; and the checks of its documents.

``keys`` is what the bundle's maker claims about the issuers' keys. It is a hint where to look,
never trusted: a verifier brings its own keys.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.domain.answers import ANSWERS, AnswerAuthor
from gateway.evidence import canonical, handoff_documents, receipt, sd_jwt, seal
from gateway.evidence.receipt import Receipt
from gateway.evidence.sd_jwt import DocumentError
from tests.verification.oracle import chain
from tests.verification.oracle.chain import Link, Verified, VerifiedAnswer, values_of
from tests.verification.oracle.history import LogHistory
from tests.verification.oracle.report import pluralise
from tests.verification.oracle.trust import (
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

_TEXTS = ("answers", "key_statuses")
_TEXT = ("predecessor_offer", "recall")
_RECEIPTS = ("receipts", "registrations", "revocations", "locks", "mandate_ends")
_RECEIPT = ("succession", "mandate")
"""The members beside packages and keys, by what they hold: one or several texts, or receipts."""

_BESIDE = frozenset({"answers", "receipts", "keys"})
_FIELDS = {FORMAT: _BESIDE | {"packages"}, FORMER: _BESIDE | {"case", "offer"}}
_OPTIONAL = frozenset({*_TEXTS, *_TEXT, *_RECEIPTS, *_RECEIPT}) - _BESIDE


class BundleError(ValueError):
    """The bytes are not a bundle; the message says why."""


@dataclass(frozen=True)
class BundlePackage:
    """A case presentation, and the offer, or update, of it."""

    case: str
    offer: str


@dataclass(frozen=True)
class Bundle:
    """The packages of a handoff, oldest first, its answers (compact SD-JWTs), and receipts.

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

    packages: tuple[BundlePackage, ...]
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
    recall: str | None = None


def encode(bundle: Bundle) -> bytes:
    """Write a bundle as the JSON file that parse reads."""
    written = {
        **{name: [receipt.to_json(one) for one in getattr(bundle, name)] for name in _RECEIPTS},
        **{name: getattr(bundle, name) for name in (*_TEXTS, *_TEXT)},
        **{name: receipt.to_json(one) for name in _RECEIPT if (one := getattr(bundle, name))},
    }
    members = {
        "format": FORMAT,
        "packages": [vars(one) for one in bundle.packages],
        "answers": written.pop("answers"),
        "receipts": written.pop("receipts"),
        "keys": dict(bundle.keys),
        **{name: value for name, value in written.items() if value},
    }
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
    if members.keys() - _OPTIONAL - {"format"} != _FIELDS[members["format"]]:
        raise BundleError("a bundle has packages, answers, receipts and keys")
    packages = _packages(members)
    texts: dict[str, Any] = {name: tuple(_list(members, name)) for name in _TEXTS}
    alone: dict[str, Any] = {name: members[name] for name in _TEXT if name in members}
    documents = [*alone.values(), *(one for listed in texts.values() for one in listed)]
    if not all(isinstance(one, str) for one in documents):
        raise BundleError("the documents of a bundle are texts")
    if not isinstance(members["keys"], dict):
        raise BundleError("the keys of a bundle are by issuer")
    beside: dict[str, Any] = {
        **{name: tuple(map(_receipt, _list(members, name))) for name in _RECEIPTS},
        **{name: _receipt(members[name]) for name in _RECEIPT if name in members},
    }
    return Bundle(packages, keys=members["keys"], **texts, **alone, **beside)


def _packages(members: Mapping[str, Any]) -> tuple[BundlePackage, ...]:
    """The packages of either format, oldest first; at least one."""
    listed = _list(members, "packages") if "packages" in members else [members]
    found = []
    for one in listed:
        if not isinstance(one, dict) or (one is not members and one.keys() != {"case", "offer"}):
            raise BundleError("a package of a bundle has case and offer")
        if not isinstance(one["case"], str) or not isinstance(one["offer"], str):
            raise BundleError("the documents of a bundle are texts")
        found.append(BundlePackage(one["case"], one["offer"]))
    if not found:
        raise BundleError("a bundle has at least one package")
    return tuple(found)


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
    cases: tuple[AuthoredDocument, ...]
    links: tuple[Link, ...]
    """The packages, oldest first."""
    case: AuthoredDocument
    offered: AuthoredDocument
    """The case and the offer of the newest package, as ``offer`` below."""
    content: Mapping[str, Any]
    """The case as it is shown."""
    offer: handoff_documents.OfferClaims
    before: AuthoredDocument | None = None
    """The offer that a succession replaced, where the file has it."""
    answers: Mapping[str, VerifiedAnswer]
    """By the digest of the document, in the bundle's order."""
    recalled: AuthoredDocument | None = None
    """The recall of this handoff, where the file has it."""

    def __init__(self, data: bytes, trust: TrustAnchors, log_history: LogHistory) -> None:
        """``data`` is the file; nothing is read yet. ``log_history`` takes in its receipts."""
        self._data, self._trust, self.log_history = data, trust, log_history

    def read(self) -> str:
        """The file, its documents and their types."""
        self.bundle = parse(self._data)
        packages, recall = self.bundle.packages, self.bundle.recall
        texts = {
            handoff_documents.CASE_TYP: [one.case for one in packages],
            handoff_documents.OFFER_TYP: [one.offer for one in packages],
            handoff_documents.ANSWER_TYP: self.bundle.answers,
            handoff_documents.RECALL_TYP: [] if recall is None else [recall],
        }
        self._documents = {typ: [*map(sd_jwt.parse, found)] for typ, found in texts.items()}
        digests = []
        for typ, documents in self._documents.items():
            digests += [document.digest for document in documents]
            if any(read_unverified_claims(one).header.get("typ") != typ for one in documents):
                raise DocumentError(f"a document is not of the expected type {typ}")
        if len({*digests}) != len(digests):
            raise BundleError("a document occurs twice")
        answers, receipts = len(self.bundle.answers), len(self.bundle.receipts)
        return f"{pluralise(answers, 'answer')}, {pluralise(receipts, 'receipt')}"

    def _open(self, typ: str) -> list[AuthoredDocument]:
        """The documents of a type, each by its signature."""
        return [open_document(document, typ, self._trust) for document in self._documents[typ]]

    def check_case(self) -> str:
        """The case version's signature, by its originator or for it."""
        self.cases = tuple(self._open(handoff_documents.CASE_TYP))
        self.case = self.cases[-1]
        return self.case.signature()

    def check_offer(self) -> str:
        """The offer's signature and claims."""
        self.links = tuple(
            Link(case, offered, handoff_documents.read_offer(offered.verified))
            for case, offered in zip(
                self.cases, self._open(handoff_documents.OFFER_TYP), strict=True
            )
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
        signed = open_document(sd_jwt.parse(given), handoff_documents.OFFER_TYP, self._trust)
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
        self.recalled = next(iter(self._open(handoff_documents.RECALL_TYP)), None)
        self.answers = {
            one.document.digest: Verified(one, handoff_documents.read_answer(one.verified))
            for one in self._open(handoff_documents.ANSWER_TYP)
        }
        given = self.answers.values()
        found = [f"{one.claims.kind} {one.signed.signature()}" for one in given]
        if self.recalled is not None:
            found.append(f"recall {self.recalled.signature()}")
        return "; ".join(found)

    def compare_answers(self) -> str:
        """Each answer is about one of the packages, and by the party that may give it; an
        acceptance repeats its conditions, as far as they are shown here, or stricter ones."""
        recall = None if self.recalled is None else self.recalled.document.digest
        for given in self.answers.values():
            link = self._link_of.get(given.claims.offer_digest)  # or `missing_offers` has it
            chain.check_answer(given, self.offer, link, recall)
        if self.recalled is not None:
            chain.check_recall(self.recalled, self.links)
        return pluralise(len(self.answers), "answer")

    def missing_offers(self) -> list[str]:
        """The offers that an update, or an answer, names and the file leaves out."""
        named = {one.offer.updates for one in self.links} - {None}
        named |= {one.claims.offer_digest for one in self.answers.values()}
        return sorted(map(str, named - self._link_of.keys()))

    def starts_here(self) -> bool:
        """Whether the first package of the handoff is in the file."""
        return self.links[0].offer.updates is None

    def _parties(self) -> str:
        """Whom to ask for what whoever made the file may have left out: that convicts nobody."""
        return f"{self.offer.author}, {self.offer.recipient}"

    def said(self, name: str) -> list[Any]:
        """What the answers shown say in one of their fields, in order."""
        return [part.value for one in self.answers.values() for part in values_of(one.signed, name)]

    def acts(self) -> list[AuthoredDocument]:
        """The case and the offer of each package, and the answers."""
        packages = [one for link in self.links for one in (link.case, link.offered)]
        return [*packages, *self._said_by_parties()]

    def _said_by_parties(self) -> list[AuthoredDocument]:
        recalled = [] if self.recalled is None else [self.recalled]
        return [*(one.signed for one in self.answers.values()), *recalled]

    def is_gateways_own(self, signed: AuthoredDocument) -> bool:
        """Whether the document ends a handoff in a succession, which the gateway always signs.

        A reissued offer is not its own: for a member that signs everything itself it makes none.
        """
        answer = self.answers.get(signed.document.digest)
        return answer is not None and ANSWERS[answer.claims.kind].author is AnswerAuthor.GATEWAY

    def authored(self) -> list[AuthoredDocument]:
        """All documents of the file, with the offer that a succession replaced."""
        before = [] if self.before is None else [self.before]
        return [*self.acts(), *before]


def members(value: Any) -> dict[str, Any]:
    """What should be an object; an empty one for anything else."""
    return value if isinstance(value, dict) else {}
