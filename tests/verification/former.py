"""The form of a bundle before today's, which no version writes any more and every one reads."""

import json
from typing import Any

from gateway.evidence import receipt
from gateway.evidence.bundle import Bundle
from gateway.evidence.receipt import Receipt

NAMES = (
    "answers", "receipts", "registrations", "predecessor_offer", "succession", "revocations",
    "mandate", "locks", "key_statuses", "mandate_ends", "succession_approvals", "recall",
)  # fmt: skip


def former(bundle: Bundle) -> bytes:
    """The file of casegate-bundle/2."""
    members: dict[str, Any] = {
        "format": "casegate-bundle/2",
        "packages": [vars(one) for one in bundle.packages],
        "answers": [],
        "receipts": [],
        "keys": {},
    }
    for name in NAMES:
        value = getattr(bundle, name)
        if value:
            members[name] = _written(value)
    return json.dumps(members).encode()


def _written(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_written(one) for one in value]
    return receipt.to_json(value) if isinstance(value, Receipt) else value
