"""All that administrators change, over the network and on the host: the registry, erasure, the end
of an embargo whose setter is suspended, and the repair of a case or a handoff."""

from collections.abc import Mapping
from dataclasses import replace

from gateway.exchange.case import measures
from gateway.exchange.handoffs import repair
from gateway.exchange.lifecycle import counterparts, erasure, successions
from gateway.kernel.changes import ChangeType
from gateway.registry import change_table

_PREVIEW = "succession.preview"
_ENDING_A_KEY = ("contact.set", "organisation.leave")

_REGISTRY = {
    **change_table.CHANGES,
    **{
        one: replace(change_table.CHANGES[one], after=erasure.CHANGE.after) for one in _ENDING_A_KEY
    },
}

CHANGES: Mapping[str, ChangeType] = {
    **_REGISTRY,
    **counterparts.telling(_REGISTRY),
    _PREVIEW: replace(_REGISTRY[_PREVIEW], after=successions.preview),
    erasure.ERASE: erasure.CHANGE,
    measures.LIFT: measures.CHANGE,
    repair.REPAIR: repair.CHANGE,
    repair.REPAIR_CASE: repair.CHANGE_OF_CASE,
}
"""Every change, by its action."""
