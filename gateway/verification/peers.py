"""The keys of peer gateways, as the log of one's own gateway names them.

Two persons compared them there, and the event of it has them (``peer.trusted``). Who pinned the own
gateway's log learns by it whom to believe at a peer; what a later event replaced still counts, for
what came under it.
"""

from dataclasses import replace

from gateway.evidence import canonical, receipt
from gateway.evidence.receipt import Receipt
from gateway.evidence.signature import public_keys
from gateway.ledger.note import VerificationKey
from gateway.verification.report import Mismatch
from gateway.verification.trust import TrustAnchors, confirm_receipt, require_subject

TRUSTED = "peer.trusted"

PEERS = "peers.json"
"""The file of the receipts, as the gateway answers them (`GET /peers`), beside a connection file or
in a trust folder."""


def learn(trust: TrustAnchors, data: bytes) -> TrustAnchors:
    """The same anchors with those of each peer, under the id that it has there.

    ValueError for what is no such file, and for a receipt that proves no keys of a peer by the log
    that is trusted.
    """
    match canonical.decode(data):
        case {"receipts": list(listed)}:
            found = [_read(receipt.from_json(one), trust) for one in listed]
        case _:
            raise ValueError("it has no receipts of peer gateways")
    others = list(trust.others)
    for one in found:
        known = next((o for o in others if o.issuer == one.issuer), None)
        others = [o for o in others if o is not known]
        others.append(one if known is None else _both(known, one))
    return replace(trust, others=others)


def _read(one: Receipt, trust: TrustAnchors) -> TrustAnchors:
    confirmed = confirm_receipt(one, trust)
    if (confirmed.type, confirmed.allowed) != (TRUSTED, True) or not trust.origins:
        raise Mismatch(f"{confirmed.type} has no keys of a peer gateway")
    if confirmed.checkpoint.origin not in trust.origins:
        raise Mismatch("the keys of a peer gateway are of another log")
    said = require_subject(confirmed)
    try:
        told = said["attestation_keys"]  # each as JSON or as text of it
        told = told["keys"] if isinstance(told, dict) else told
        read = [canonical.decode(key.encode()) if isinstance(key, str) else key for key in told]
        keys = public_keys({"keys": read})
        logs = [VerificationKey.parse(str(key)) for key in said["log_keys"]]
        issuer, alias = str(said["issuer"]), str(said["organisation"])
    except (KeyError, TypeError):
        raise Mismatch(f"{TRUSTED} does not say which keys are a peer gateway's") from None
    places = dict.fromkeys((*map(str, logs), *keys), PEERS)
    return TrustAnchors(
        logs,
        {one.name for one in logs},
        gateway_keys=keys,
        issuer=issuer,
        alias=alias,
        origin_of=places,
    )


def _both(before: TrustAnchors, after: TrustAnchors) -> TrustAnchors:
    return replace(
        before,
        log_keys=tuple(dict.fromkeys((*before.log_keys, *after.log_keys))),
        origins={*before.origins, *after.origins},
        gateway_keys={**before.gateway_keys, **after.gateway_keys},
        alias=after.alias,
        origin_of={**before.origin_of, **after.origin_of},
    )
