"""The keys that a gateway signs with, as its log names them: each from an entry on, and until one.

Who has pinned one key of the log learns those that follow it: each was published while the key
before it still signed.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from gateway.domain.audit_event import EVENT_TYPES
from gateway.evidence import canonical, receipt
from gateway.evidence.receipt import Receipt, ReceiptError, VerifiedReceipt
from gateway.evidence.signature import public_keys
from gateway.ledger.note import VerificationKey
from gateway.verification.report import Fact, Mismatch, VerificationFailed
from gateway.verification.trust import TrustAnchors, confirm_receipt, of_known, require_subject

PUBLISHED, WITHDRAWN = (EVENT_TYPES[f"gateway_key.{one}"].name for one in ("publish", "withdraw"))
LOG, ATTEST = "log", "attest"

KEY_EVENTS = "key-events.json"
"""The file of their receipts, as the gateway answers them (`/log/keys`): in a trust folder, or
beside a connection file."""


def read(one: Receipt, trust: TrustAnchors) -> tuple[VerifiedReceipt, Mapping[str, Any]]:
    """The event of a key that a receipt proves, and its subject: purpose, key and public key.

    Raises what `confirm_receipt` and `require_subject` raise, VerificationFailed for another event.
    """
    confirmed = confirm_receipt(one, trust)
    if confirmed.type not in (PUBLISHED, WITHDRAWN) or not confirmed.allowed:
        raise Mismatch(f"{confirmed.type} publishes no key")
    return confirmed, require_subject(confirmed)


def read_each(data: bytes, trust: TrustAnchors) -> Iterator[tuple[VerifiedReceipt, Any]]:
    """Read what each receipt of such a file proves, and pass over those that no known key has
    signed. ValueError for what is no such file."""
    match canonical.decode(data):
        case {"receipts": list(listed)}:
            for one in map(receipt.from_json, listed):
                with suppress(ReceiptError, VerificationFailed):
                    yield read(one, trust)
        case _:
            raise ValueError("it has no receipts of keys")


def learn(trust: TrustAnchors, data: bytes) -> TrustAnchors:
    """The same keys, and those of which the log that they verify says that they are the gateway's;
    the newest key of the log last. One that the log withdrew counts up to that entry: whoever stole
    it extends no tree.

    ValueError for what is no such file.
    """
    log_keys, attesting = [*trust.log_keys], {**trust.gateway_keys}
    entries: dict[str, int] = {}
    named: dict[str, str] = {}
    growing = replace(trust, log_keys=log_keys)
    for purpose in (LOG, ATTEST):  # keys that attest come under the newest key of the log
        for told, key in read_each(data, growing):
            if (told.type, key.get("purpose")) == (PUBLISHED, purpose):
                with suppress(ValueError):
                    if purpose == ATTEST:
                        jwk = canonical.decode(str(key.get("public")).encode())
                        attesting |= public_keys({"keys": [jwk]})
                    else:
                        _follow(log_keys, str(key.get("public")), told.event["log"])
                        entries.setdefault(str(key.get("public")), told.index)
                        named[str(key.get("key"))] = str(key.get("public"))
    ends = {
        named.get(str(key.get("key"))): event.index
        for event, key in read_each(data, growing)
        if event.type == WITHDRAWN
    }
    log_keys = [replace(one, until=ends.get(str(one))) for one in log_keys]
    log_keys.sort(key=lambda one: entries.get(str(one), -1))
    places = {**dict.fromkeys((*map(str, log_keys), *attesting), KEY_EVENTS), **trust.origin_of}
    return replace(trust, log_keys=log_keys, gateway_keys=attesting, origin_of=places)


def _follow(log_keys: list[VerificationKey], public: str, log: str) -> None:
    """Add a key of the same log; none whose id is taken, for then no line would say whose it is."""
    following = VerificationKey.parse(public)
    if following.name == log and all(one.key_id != following.key_id for one in log_keys):
        log_keys.append(following)


def facts(
    receipts: Iterable[Receipt], attested: Mapping[str, int], log: str, trust: TrustAnchors
) -> Iterable[Fact]:
    """From which entry of a log on its gateway signs with the keys that attested documents, given
    with the last entry of each, and with those of the log; and what it attested after it withdrew
    the key. What other logs say of keys is left out.

    Raises what `read` raises.
    """
    for told, key in of_known(read, receipts, trust):
        if told.event["log"] != log:
            continue
        purpose, kid = key.get("purpose"), str(key.get("key"))
        values = {"kid": kid, "entry": told.index, "log": log}
        if purpose == LOG and told.type == PUBLISHED:
            yield Fact("gateway_key.log", {**values, "public": str(key.get("public"))})
        elif purpose == ATTEST and kid in attested and told.type == PUBLISHED:
            yield Fact("gateway_key.attests", values)
        elif purpose == ATTEST and attested.get(kid, -1) > told.index:
            yield Fact("gateway_key.withdrawn", {**values, "used": attested[kid]})
