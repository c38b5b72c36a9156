"""The conditions of use: what an acceptance repeats (LED Art. 9), and the stricter of two sets.

They are those of a case version, for the purpose of one offer. What a later version tightens binds
at once; what it loosens binds nobody who was offered the earlier one.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from gateway.domain.marking import ONWARD, TLP
from gateway.domain.vocabulary import ATTRIBUTIONS, PERMITTED_ACTIONS

CLEAR = ("tlp", "handling", "onward", "permitted_actions", "purpose", "erase_on")
"""Those that stand in clear in every case version."""

DISCLOSED = ("handling_note", "attribution", "embargo", "embargo_source", "force")
"""Those that are disclosures: in every offer, as far as the case states them. ``handling_note`` is
the text of H3 (R19); ``embargo_source``, who set the embargo and why, is for public authorities."""

FORCES = ("law", "agreement")
"""What may oblige to a condition; one that states neither is requested."""

WITH_FORCE = (*CLEAR, "attribution", "embargo")
"""The conditions that may state what obliges to them, and that a reservation may be about."""

EMBARGO_TERMS = ("no_notice_to_host", "no_publication", "until")
"""What everyone whom an embargo binds must know of it; the rest is its source."""


def conditions(
    claims: Mapping[str, Any],
    purpose: Sequence[str] | None = None,
    transfer_tool: str | None = None,
) -> dict[str, Any]:
    """The conditions that the claims of a case version state.

    ``purpose`` is that of an offer, in place of all of the case's; ``transfer_tool`` the agreement
    by which the offer goes to a third country (R15).
    """
    stated = {name: claims[name] for name in CLEAR}
    stated |= {name: claims[name] for name in DISCLOSED if name in claims}
    if purpose is not None:
        stated["purpose"] = list(purpose)
    if transfer_tool is not None:
        stated["transfer_tool"] = transfer_tool
    return stated


def tightened(stated: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """The conditions ``stated``, each as strict as in ``later``; nothing becomes looser.

    Purpose and transfer tool are those stated: an offer is for its own. ValueError for a word that
    its list does not have.
    """
    both = {name: join for name, join in _STRICTER.items() if name in later}
    return {
        **stated,
        **{
            name: join(stated[name], later[name]) if name in stated else later[name]
            for name, join in both.items()
        },
    }


def repeats(repeated: object, stated: Mapping[str, Any]) -> bool:
    """Whether ``repeated`` has every condition ``stated``, none looser and nothing foreign."""
    try:
        return isinstance(repeated, Mapping) and tightened(stated, repeated) == repeated
    except (ValueError, TypeError, AttributeError, KeyError):
        return False


def embargoed(content: Mapping[str, Any], day: date) -> bool:
    """Whether an embargo holds on ``day`` (R7); ``until`` is the first day without it."""
    embargo = content.get("embargo") or {}
    return bool(embargo) and day < date.fromisoformat(embargo["until"])


def _last(order: Sequence[str]) -> Callable[[str, str], str]:
    return lambda one, other: max(one, other, key=order.index)


def _union(one: Sequence[str], other: Sequence[str]) -> list[str]:
    return [*one, *(code for code in other if code not in one)]


def _both(one: str, other: str) -> str:
    """Texts have no order: every line of both binds."""
    return "\n".join(_union(one.split("\n"), other.split("\n")))


def _longer(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    return {name: max(one[name], other[name]) for name in EMBARGO_TERMS}


def _first(one: Any, _: Any) -> Any:
    return one


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    return {**one, **other}


_STRICTER: Mapping[str, Callable[[Any, Any], Any]] = {
    "tlp": _last(TLP),
    "handling": _union,
    "onward": _last(ONWARD),
    "permitted_actions": _last(PERMITTED_ACTIONS[::-1]),
    "erase_on": min,
    "handling_note": _both,
    "attribution": _last(ATTRIBUTIONS),
    "embargo": _longer,
    "embargo_source": _first,
    "force": _merged,
}
"""How the stricter of two values of a condition is found."""
