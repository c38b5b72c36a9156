"""Steps of the gateway's own keys and authorities, put on record before they are taken.

The step itself is taken by who holds the key files; so no change of these comes over the network.
"""

from collections.abc import Mapping
from typing import Any

from gateway.actions.registry.desk import Apply, Desk, text
from gateway.domain.organisation import Organisation


def _rekey(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    """Say which key takes which step, and for which purpose."""
    return {name: desk.read(name, text) for name in ("purpose", "step", "key")}


def _rotate(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    """Say which authority takes which step, and whether its time was waited for."""
    return {name: desk.read(name, text) for name in ("step", "authority", "waited")}


STEPS: Mapping[str, Apply] = {"gateway.rekey": _rekey, "ca.rotate": _rotate}
