"""Read only: what nobody can do any more, and what an earlier log, database or file may still say.

Whatever reads (rebuild, fold, client, verifier, search) goes on knowing what stands here; whatever
writes does not. What ended, and with which version, is in CHANGELOG.md.
"""

from collections.abc import Mapping

EVENTS: Mapping[str, tuple[str, str]] = {
    "service_hours.set": ("service_hours.set", "registry_change"),
}
"""By its former action, the event that it became and the kind of its operation."""
