"""All that one reader can prove about a handoff, in one file, sorted by what it is.

A file of today has documents and entries in one list each (`evidence_file`): here each finds its
place by its type, and by what the first offer names. Files of earlier forms name the places.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.domain.audit_event import EVENT_TYPES
from gateway.evidence import canonical, event, evidence_file, handoff_documents, receipt, sd_jwt
from gateway.evidence.dated_statement import KEY_STATUS_TYP
from gateway.evidence.declarations import SUCCESSION_TYP
from gateway.evidence.event import EventError
from gateway.evidence.evidence_file import (
    BundleError,
    ConfirmedCheckpoint,
    EvidenceFile,
    PackageMissing,
)
from gateway.evidence.receipt import Receipt
from gateway.evidence.sd_jwt import VerifiedSdJwt

FORMER = ("casegate-bundle/1", "casegate-bundle/2")
"""The forms before: of one package, which stands in it as ``case`` and ``offer``, and of several.
Both have a checkpoint in each receipt, and ``keys``, a hint that nobody may trust."""
MAX_BYTES = 4 * 1024 * 1024
"""A presentation and an offer of half a megabyte each, and some hundred answers with receipts."""

_TEXTS = ("answers", "key_statuses", "succession_approvals")
_TEXT = ("predecessor_offer", "recall")
_RECEIPTS = ("receipts", "registrations", "revocations", "locks", "mandate_ends", "own_keys")
_RECEIPT = ("succession", "mandate")
"""The members of the former forms beside packages and keys, by what they hold: one or several
texts, or receipts."""

_BESIDE = frozenset({"answers", "receipts", "keys"})
_FIELDS = dict(zip(FORMER, (_BESIDE | {"case", "offer"}, _BESIDE | {"packages"}), strict=True))
_OPTIONAL = frozenset({*_TEXTS, *_TEXT, *_RECEIPTS, *_RECEIPT}) - _BESIDE - {"own_keys"}

_TYPES = (
    handoff_documents.CASE_TYP,
    handoff_documents.OFFER_TYP,
    handoff_documents.ANSWER_TYP,
    KEY_STATUS_TYP,
    handoff_documents.RECALL_TYP,
    SUCCESSION_TYP,
)
"""Those of the documents of a bundle, as they are sorted."""

_PLACES = {
    EVENT_TYPES["key.register"][0]: "registrations",
    EVENT_TYPES["key.revoke"][0]: "revocations",
    EVENT_TYPES["organisation.require_signed"][0]: "locks",
    EVENT_TYPES["organisation.allow_attested"][0]: "locks",
    EVENT_TYPES["mandate.end"][0]: "mandate_ends",
    EVENT_TYPES["gateway_key.publish"][0]: "own_keys",
    EVENT_TYPES["gateway_key.withdraw"][0]: "own_keys",
}
"""Where an event belongs, by its type; any other is one of the handoff."""


@dataclass(frozen=True)
class BundlePackage:
    """A case presentation, and the offer, or update, of it."""

    case: str
    offer: str


@dataclass(frozen=True)
class Bundle:
    """The packages of a handoff, oldest first, its answers (compact SD-JWTs), and receipts.

    ``registrations`` are the receipts of the events that registered the members' keys in use,
    ``revocations`` those of the events by which some of them were revoked since.
    ``predecessor_offer`` is the offer that the one here follows, where a succession re-issued it;
    ``succession`` the receipt of its plan. ``mandate`` is the receipt of the event that registered
    the mandate which the offer addressed. ``locks`` are those of the events by which members
    forbade the gateway to sign for them, or allowed it. ``key_statuses`` are the gateway's
    statements that keys in use were not revoked (compact SD-JWTs), ``mandate_ends`` the receipts of
    the events that ended that mandate of the recipient. ``recall`` is the document that recalled
    the handoff, where one did; ``succession_approvals`` those by which predecessor and successor
    approved the succession, where they signed. ``own_keys`` are receipts of the events that
    published and withdrew keys of the gateway. ``confirmed`` are checkpoints that others confirmed.
    ``numbered``: each move is to show its number, since the file is of today's form.
    """

    packages: tuple[BundlePackage, ...]
    answers: tuple[str, ...] = ()
    receipts: tuple[Receipt, ...] = ()
    registrations: tuple[Receipt, ...] = ()
    predecessor_offer: str | None = None
    succession: Receipt | None = None
    revocations: tuple[Receipt, ...] = ()
    mandate: Receipt | None = None
    locks: tuple[Receipt, ...] = ()
    key_statuses: tuple[str, ...] = ()
    mandate_ends: tuple[Receipt, ...] = ()
    recall: str | None = None
    succession_approvals: tuple[str, ...] = ()
    own_keys: tuple[Receipt, ...] = ()
    confirmed: tuple[ConfirmedCheckpoint, ...] = ()
    numbered: bool = True


Joined = tuple[Sequence[Receipt], Sequence[ConfirmedCheckpoint]]
"""The receipts of one log under one checkpoint, and others of it that somebody confirmed."""


def encode(bundle: Bundle, join: Callable[[Sequence[Receipt]], Joined] | None = None) -> bytes:
    """Write a bundle as the file that `parse` reads.

    ``join`` brings the receipts of one log under one checkpoint; BundleError where they have
    several all the same.
    """
    packages = (text for one in bundle.packages for text in (one.case, one.offer))
    alone = (getattr(bundle, name) for name in (*_TEXT, *_RECEIPT))
    documents, receipts = list(packages), list[Receipt]()
    for part in (*alone, *(one for name in _TEXTS + _RECEIPTS for one in getattr(bundle, name))):
        if isinstance(part, str):
            documents.append(part)
        elif part is not None:
            receipts.append(part)
    about = {"handoff": _unverified(bundle.packages[0].offer).claims["handoff"]}
    joined, confirmed = join(receipts) if join else (receipts, bundle.confirmed)
    file = EvidenceFile(about, tuple(documents), tuple(joined), tuple(confirmed))
    return evidence_file.encode(file)


def parse(data: bytes) -> Bundle:
    """Read a bundle; BundleError for more than MAX_BYTES or anything but its exact members.

    Nothing is verified here: the documents of former forms are texts still.
    """
    if len(data) > MAX_BYTES:
        raise BundleError(f"a bundle is not longer than {MAX_BYTES} bytes")
    try:
        members = canonical.decode(data)
    except ValueError as error:
        raise BundleError(f"the bundle cannot be read: {error}") from None
    if isinstance(members, dict) and members.get("format") == evidence_file.FORMAT:
        return _sort(evidence_file.read(members))
    if not isinstance(members, dict) or members.get("format") not in FORMER:
        raise BundleError(f"the file is not of the format {evidence_file.FORMAT}")
    return _read_former(members)


# --- Today's form: documents and entries find their places ---


def _sort(file: EvidenceFile) -> Bundle:
    if file.about.keys() != {"handoff"}:
        raise BundleError("a bundle is about a handoff")
    by_type: dict[str, list[_Read]] = {}
    for text in file.documents:
        try:
            one = _Read(text, sd_jwt.parse(text).digest, _unverified(text))
        except ValueError as error:
            raise BundleError(str(error)) from None
        by_type.setdefault(str(one.bare.header.get("typ")), []).append(one)
    listed = [one.digest for given in by_type.values() for one in given]
    if len({*listed}) != len(listed):
        raise BundleError("a document occurs twice")
    cases, offers, answers, statuses, recalls, approvals = (by_type.pop(typ, []) for typ in _TYPES)
    before = [one for one in offers if one.claims.get("handoff") != file.about["handoff"]]
    if by_type or len(recalls) > 1 or len(before) > 1:
        raise BundleError("a bundle has the documents of one handoff")
    packages = _pair(cases, [one for one in offers if one not in before])
    return Bundle(
        tuple(BundlePackage(case.text, offer.text) for case, offer in packages),
        tuple(one.text for one in answers),
        key_statuses=tuple(one.text for one in statuses),
        recall=next((one.text for one in recalls), None),
        predecessor_offer=next((one.text for one in before), None),
        succession_approvals=tuple(one.text for one in approvals),
        confirmed=file.confirmed,
        **_placed(file.receipts, packages[0][1].claims),
    )


@dataclass(frozen=True)
class _Read:
    """A document, its digest, and what it says in clear: nothing is verified."""

    text: str
    digest: str
    bare: VerifiedSdJwt

    @property
    def claims(self) -> Mapping[str, Any]:
        return self.bare.claims


def _unverified(text: str) -> VerifiedSdJwt:
    return sd_jwt.read_unverified(sd_jwt.parse(text).present(()).compact())


def _pair(cases: Iterable[_Read], offers: Iterable[_Read]) -> list[tuple[_Read, _Read]]:
    """Each case with the offer that names it, by version; PackageMissing where one lacks."""
    by_digest = {one.digest: one for one in cases}
    found = [(by_digest.pop(str(one.claims.get("case_digest")), None), one) for one in offers]
    pairs = [(case, offer) for case, offer in found if case is not None]
    if by_digest or not pairs or len(pairs) != len(found):
        raise PackageMissing(
            "this file lacks an offer of the handoff, or the case version of an offer"
        )
    return sorted(pairs, key=lambda pair: _version(pair[0].claims))


def _placed(receipts: Iterable[Receipt], offer: Mapping[str, Any]) -> dict[str, Any]:
    """The receipts by their place; two places are those of events that the offer names."""
    named = {
        "mandate": _members(offer, "to").get("mandate_event"),
        "succession": _members(offer, "reissue_of").get("event"),
    }
    listed: dict[str, list[Receipt]] = {name: [] for name in _RECEIPTS}
    alone: dict[str, Receipt] = {}
    for one in receipts:
        try:
            found = event.read(one.document)
        except EventError as error:
            raise BundleError(str(error)) from None
        places = [name for name, event_id in named.items() if event_id == found["id"]]
        alone |= dict.fromkeys(places, one)
        if not places:
            listed[_PLACES.get(str(found["type"]), "receipts")].append(one)
    return {**{name: tuple(given) for name, given in listed.items()}, **alone}


def _members(claims: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = claims.get(name)
    return value if isinstance(value, dict) else {}


def _version(claims: Mapping[str, Any]) -> int:
    version = claims.get("version", 1)
    return version if isinstance(version, int) else 0


# --- The former forms ---


def _read_former(members: Mapping[str, Any]) -> Bundle:
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
    return Bundle(packages, **texts, **alone, **beside, numbered=False)


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
