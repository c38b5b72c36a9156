"""Handling markings of a case and its elements, and the strictest of several.

Order of strictness: TLP CLEAR < GREEN < AMBER < AMBER+STRICT < RED; onward listed_only <
ask_originator < forbidden. The police handling codes H0-H3 add up; they do not rank.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

TLP = ("CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED")
ONWARD = ("listed_only", "ask_originator", "forbidden")


def tlp_rank(tlp: str) -> int:
    """The place of a TLP label in the order of strictness, for engines without order on text."""
    return TLP.index(tlp)


def onward_rank(onward: str) -> int:
    """The place of an onward rule in the order of strictness."""
    return ONWARD.index(onward)


@dataclass(frozen=True)
class Marking:
    """The effective handling of one element."""

    tlp: str
    handling: frozenset[str]

    @property
    def rank(self) -> int:
        """The TLP label as a number."""
        return tlp_rank(self.tlp)


def marking_of(value: Mapping[str, Any]) -> Marking:
    """Read the ``tlp`` and ``handling`` fields of a marking object."""
    return Marking(value["tlp"], frozenset(value.get("handling", ())))


def strictest(markings: Sequence[Marking]) -> Marking:
    """The marking that satisfies every one of ``markings`` (at least one)."""
    return Marking(
        tlp=max((m.tlp for m in markings), key=tlp_rank),
        handling=frozenset().union(*(m.handling for m in markings)),
    )
