"""All that administrators change, over the network and on the host: the registry, and erasure."""

from collections.abc import Mapping

from gateway.exchange import erasure
from gateway.kernel.changes import ChangeType
from gateway.registry import table

CHANGES: Mapping[str, ChangeType] = {**table.CHANGES, erasure.ACTION: erasure.CHANGE}
"""Every change, by its action."""
