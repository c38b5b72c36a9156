"""All that one reader can prove about a handoff, in one JSON file.

``keys`` is what the bundle's maker claims about the issuers' keys. It is a hint where to look,
never trusted: a verifier brings its own keys.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.evidence import canonical, receipt
from gateway.evidence.receipt import Receipt

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
