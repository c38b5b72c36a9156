"""Read only: what nobody can do any more, and what a log, database or file of before may still say.

Whatever reads (rebuild, fold, client, verifier, search) goes on knowing what stands here; whatever
writes does not. What ended, and with which version, is in CHANGELOG.md.
"""

from collections.abc import Mapping

EVENTS: Mapping[str, tuple[str, str]] = {}
"""By its former action, the event that it became and the kind of its operation."""
