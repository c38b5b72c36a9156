"""All that one reader can prove about a handoff, in one JSON file; and the checks of its documents.

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

_TEXTS = ("answers", "key_statuses", "succession_approvals")
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
    ``recall`` is the document that recalled the handoff, where one did; ``succession_approvals``
    those by which predecessor and successor approved the succession, where they signed.
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
    succession_approvals: tuple[str, ...] = ()


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
