"""Steps of the gateway's own keys and authorities, put on record before they are taken.

The step itself is taken by who holds the key files; so no change of these comes over the network.
"""

from collections.abc import Mapping
from typing import Any

from gateway.actions.registry.desk import Desk, Form, Kind, text
from gateway.domain.organisation import Organisation


def _rekey(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    """Say which key takes which step, and for which purpose."""
    return dict(desk.said)


def _rotate(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    """Say which authority takes which step, and whether its time was waited for."""
    return dict(desk.said)


STEPS: Mapping[str, Kind] = {
    "gateway.rekey": Kind(Form({"purpose": text, "step": text, "key": text}), _rekey),
    "ca.rotate": Kind(Form({"step": text, "authority": text, "waited": text}), _rotate),
}
