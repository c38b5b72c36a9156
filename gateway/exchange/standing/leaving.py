"""Since when an organisation takes part no more: what ends with it does not come back."""

from datetime import date

from gateway.domain.audit_event import EVENT_TYPES, EventResult
from gateway.domain.json_values import parse_timestamp
from gateway.domain.organisation import OrganisationName, Status
from gateway.evidence import canonical, event
from gateway.kernel.ports import Ports, UnitOfWork
from gateway.kernel.values import LoggedEvent
from gateway.ledger import tree
from gateway.ledger.tree import entry_commitment

_LEFT, _RECORDED = (
    EVENT_TYPES[action].name for action in ("organisation.leave", "peer.record_member")
)


def left_on(ports: Ports, work: UnitOfWork, organisation: str) -> date | None:
    """The civil day since when an organisation has left; None while it has not.

    Not by its row alone: its event has to be in the log. A remote member left when its gateway's
    word of that was recorded, or with its gateway.
    """
    found = work.organisations.get(organisation)
    if found is None or found.status is not Status.LEFT:
        return None
    peer = OrganisationName(organisation).peer
    days = []
    for name in (organisation, peer) if peer else (organisation,):
        row = work.organisations.get(name)
        last = row.history[-1] if row and row.history else None
        if last is not None and last.status is Status.LEFT:
            told = _day_of(ports, work.log.logged(last.event), name)
            days += [] if told is None else [max(last.since, told)]
    return min(days, default=None)


def _day_of(ports: Ports, logged: LoggedEvent | None, organisation: str) -> date | None:
    """Return the day of an event by which an organisation left; None where it is no such event."""
    if logged is None:
        return None
    document, stored = logged.event.document, logged.event.disclosures
    try:
        opened = event.open_disclosures(document, [one.encoded for one in stored])
        told, shown = opened.said, opened.shown
        leaf = tree.leaf_hash(entry_commitment(document, logged.event.nonce))
        tree.verify_inclusion(leaf, logged.index, logged.head.size, logged.proof, logged.head.root)
        said = [canonical.decode(value.encode()) for kind, value in shown if kind == event.SUBJECT]
    except ValueError:
        return None
    if told["result"] != EventResult.ALLOWED:
        return None
    if told["type"] == _RECORDED:
        left = {"organisation": organisation, "status": str(Status.LEFT)}
        is_told = any(left.items() <= one.items() for one in said)
    else:
        parties = {value["organisation"] for kind, value in shown if kind == event.PARTY}
        is_told = told["type"] == _LEFT and organisation in parties
    return ports.reference_date(parse_timestamp(told["time"])).civil if is_told else None
