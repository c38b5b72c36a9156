"""What the registry says, remembered by a process as long as the registry's version stays.

Each Work reads the version in its own transaction, so nothing that was changed is ever used: a
suspension counts at the next request in every process, as if nothing were remembered
(contracts.md 6).
"""

from typing import Any

MOST = 10_000
"""Entries that are remembered at most; the registry of a gateway has fewer."""

Entries = dict[tuple[str, ...], Any]


class RegistryMemory:
    """The entries of the newest version that this process has read; shared by its threads."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._newest: tuple[int, Entries] = (0, {})

    def at(self, version: int) -> Entries:
        """What is remembered of a version; a transaction that sees an older one starts anew."""
        known, entries = self._newest
        if version == known:
            return entries
        fresh: Entries = {}
        if version > known:
            self._newest = (version, fresh)
        return fresh
