"""The end of the log's terms: what events say of persons is erased, by events of the gateway."""

from collections.abc import Iterator

from gateway.domain.audit import CaseId
from gateway.domain.out_of_service import EntryKind
from gateway.kernel import events
from gateway.kernel.actors import GATEWAY
from gateway.kernel.ports import Ports, TransactionMode

STEPS = 20
"""Transactions in one run for who acted: other duties wait."""

MEMBERS_AT_ONCE = 100
"""Organisations that are read together."""


def erase_details(ports: Ports) -> bool:
    """Erase details whose term is over, some steps for each who acted; whether more are left.

    An organisation under a log hold is passed over, and so is one whose entry is not what its
    events say: its regime may be forged. While a log hold is not, nothing is erased. Raises
    LogFrozen, Busy.
    """
    unfinished = [
        one
        for one, regimes in _actors(ports)
        if all(_erase_step(ports, one, regimes) for _ in range(STEPS))
    ]
    return bool(unfinished)


def _actors(ports: Ports) -> Iterator[tuple[str, frozenset[str]]]:
    """Tell who may have acted, with its regimes: every organisation there ever was, and the
    gateway, whose administrators and systems act under the GDPR."""
    yield GATEWAY, frozenset()
    last = ""
    while True:
        with ports.begin(TransactionMode.READ) as work:
            found = work.organisations.page(last, MEMBERS_AT_ONCE)
        yield from ((one.slug, one.regimes) for one in found)
        if len(found) < MEMBERS_AT_ONCE:
            return
        last = found[-1].slug


def _erase_step(ports: Ports, actor: str, regimes: frozenset[str]) -> bool:
    now = ports.now()
    terms = ports.log_terms
    until = terms.passed(regimes, now)
    with ports.begin(TransactionMode.WRITE) as work:
        # Holds are set while nobody writes: none begins before this is committed.
        holds = work.log_terms.holds()
        differing = work.organisations.out_of_service()
        forged = (EntryKind.ORGANISATION, actor) in differing or any(
            kind == EntryKind.LOG_HOLD for kind, _ in differing
        )
        if forged or any(one.keeps_all_of(actor) for one in holds):
            return False
        held = [CaseId(o.organisation, o.case) for o in holds if o.organisation and o.case]
        erased = work.log_terms.erase_details(actor, until, held)
        if erased.details:
            said = {
                "organisation": actor,
                "first": erased.first,
                "last": erased.last,
                "entries": erased.entries,
                "details": erased.details,
                "until": until.date().isoformat(),
                "years": terms.years(regimes),
                **({} if terms.reason is None else {"reason": terms.reason}),
            }
            parties = events.gateway_and(actor)
            events.record_by_gateway(ports, work, "log.erase_details", parties, said=said)
        work.commit()
    return erased.more
