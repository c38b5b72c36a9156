"""The index of items: what an organisation finds again of its own cases and of what it holds.

An organisation's rows are its own: the originator of a case has those of its newest version, and a
recipient, under its own key, those of the packages that it was given. They end with the case.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from uuid import UUID

from gateway.domain.audit import CaseId
from gateway.domain.handoff import Handoff
from gateway.domain.refusals import CaseErased, CaseKeysUnavailable
from gateway.domain.searched_item import searched_items
from gateway.evidence import handoff_documents, sd_jwt
from gateway.evidence.sd_jwt import VerifiedSdJwt
from gateway.exchange.results import FoundItem
from gateway.exchange.standing.access import is_listed
from gateway.exchange.standing.case_version import listed_entity, read_version
from gateway.kernel.ports import Ports, TransactionMode, UnitOfWork
from gateway.kernel.request import RequestContext, allows
from gateway.kernel.values import Caller, CaseFilter, CaseVersion, HandoffFilter, IndexedItem

_CASES, _HANDOFFS = "cases.read", "handoffs.read"
_AT_ONCE = 50
_MANY = 1000
KNOWN = 5
"""How many that are known are named at a submission."""
_LOOKED_AT = 20


def items_of(
    ports: Ports, said: VerifiedSdJwt, given: Collection[str] | None = None
) -> frozenset[str]:
    """The items of a version of a case, as they are looked for; of those disclosures that are
    ``given``, by default of all."""
    items = [
        one.value
        for one in said.placed
        if one.name == "items" and (given is None or one.digest in given)
    ]
    return searched_items(items, ports.policy.matters, said.content["matter"])


def index_version(work: UnitOfWork, version: CaseVersion, items: Collection[str]) -> None:
    """Let an originator find its case by the items of a version, and by no earlier one's."""
    of = CaseId(version.originator, version.case)
    if version.version > 1:
        work.items.drop(of, version.case, before=version.version)
    work.items.put(version.originator, of, version.case, version.version, items)


def index_package(ports: Ports, work: UnitOfWork, handoff: Handoff, version: CaseVersion) -> None:
    """Let a recipient find a handoff by the items of its newest package, once it holds that."""
    of = CaseId(handoff.originator, handoff.case)
    if handoff.package > 1:
        work.items.drop(of, handoff.id, before=min(handoff.held or 1, handoff.package))
    items = items_of(ports, version.said, handoff.permitted_disclosures)
    work.items.put(handoff.recipient, of, handoff.id, handoff.package, items)


def index_earlier(ports: Ports) -> bool:
    """Index some cases from before there was an index, with their handoffs; whether more are left.

    One whose key is missing is left out, and tried again at the next run.
    """
    after: UUID | None = None
    while True:
        with ports.begin(TransactionMode.READ) as work:
            found = work.items.unindexed(after, _AT_ONCE)
        if not found:
            return False
        after = found[-1].case
        done = 0
        for of in found:
            try:
                done += _index_again(ports, of)
            except (CaseErased, CaseKeysUnavailable):
                continue
        if done:
            return True


def begin_lost_again(ports: Ports) -> None:
    """Take each index away whose key is lost: under another key maintenance makes it anew from the
    cases that can be read. As long as it stands, nothing more can be submitted."""
    with ports.begin(TransactionMode.READ) as work:
        if not work.items.lost():
            return
    with ports.begin(TransactionMode.REGISTRY) as work:
        for organisation in work.items.lost():
            work.items.begin_again(organisation)
        work.commit()


def _index_again(ports: Ports, of: CaseId) -> bool:
    with ports.begin(TransactionMode.WRITE) as work:
        found = work.cases.current(of.originator, of.case)
        if found is None:
            return False
        _, version = found
        work.items.drop(of, of.case, before=version.version + 1)
        work.items.put(of.originator, of, of.case, version.version, items_of(ports, version.said))
        for handoff in work.handoffs.of_case(of.originator, of.case):
            work.items.drop(of, handoff.id, before=handoff.package + 1)
            # The package that is held, and the newest one.
            for number in {handoff.held or handoff.package, handoff.package}:
                if (offer := work.handoffs.offer(handoff.id, number)) is not None:
                    given = handoff_documents.read_offer(sd_jwt.read_stored(offer.document))
                    said = read_version(work, given.case_digest, version).said
                    items = items_of(ports, said, frozenset(given.disclosures))
                    work.items.put(handoff.recipient, of, handoff.id, number, items)
        work.items.note_indexed(of)
        work.commit()
    return True


# --- What is found, as the caller may read it ---


def known(
    context: RequestContext, version: CaseVersion, items: Collection[str]
) -> Sequence[FoundItem] | None:
    """Find what the caller has already that has an item of a new case; not that case itself. None
    where nothing is known, and of a further version. What was begun later is left out; what
    was being recorded at the same time may come in a repetition alone."""
    if version.version > 1:
        return None
    rows = context.work.items.having_any(context.caller.organisation, items, _LOOKED_AT)
    found: list[FoundItem] = []
    for about in rows:
        if len(found) < KNOWN and about[0].case != version.case:
            one = shown(context, about)
            found += [one] if one is not None and one.since < _made_at(version.event) else []
    return found or None


def searched(caller: Caller) -> Sequence[str]:
    """Among what a system looks, as its scopes let it: its organisation's cases, and handoffs."""
    scopes = {"cases": _CASES, "handoffs": _HANDOFFS}
    return [name for name, scope in scopes.items() if scope in caller.scopes]


def shown(context: RequestContext, about: Sequence[IndexedItem]) -> FoundItem | None:
    """Show what the rows of one case, or handoff, are about; None where the caller may not read it
    (now), or its system has not the scope."""
    first = about[0]
    scope = _CASES if first.is_own else _HANDOFFS
    if scope not in context.caller.scopes:
        return None
    if first.is_own:
        return _own(context, first)
    return _received(context, first, {one.package for one in about})


def _own(context: RequestContext, row: IndexedItem) -> FoundItem | None:
    filters = CaseFilter(case=row.case)
    for listed in context.work.cases.page(row.originator, None, 1, filters):
        claims, case = listed.summary, listed.case
        entity = listed_entity(context, listed)
        if claims is None or entity is None or not allows(context, entity, action="case.read"):
            return None
        sent = context.work.handoffs.sent_of(row.originator, case.id)
        return FoundItem(
            case=case.id,
            reference=claims["originator_ref"],
            state=case.state,
            matter=claims["matter"],
            since=_made_at(listed.made),
            counterparts=sorted({one.recipient for one in sent}),
        )
    return None


def _made_at(event: UUID) -> datetime:
    """When an event's request began, by its id (RFC 9562 5.7)."""
    return datetime.fromtimestamp((event.int >> 80) / 1000, UTC)


def _received(
    context: RequestContext, row: IndexedItem, packages: Collection[int]
) -> FoundItem | None:
    """A handoff that the caller holds, where what it may open is one of the ``packages``."""
    filters = HandoffFilter(counterpart=row.originator, case=row.case)
    of_case = context.work.handoffs.page(row.organisation, "in", filters, None, _MANY)
    found = next((one for one in of_case if one.id == row.about), None)
    if found is None:
        return None
    # Not before it accepted, and not of what was recalled or is over.
    groups, end = found.accepted_groups, found.expires_at
    opens = (
        found.is_held
        and found.held in packages
        and found.recall is None
        and (groups is None or "items" in groups)
        and (end is None or context.now < end)
    )
    if not opens or not is_listed(context, found):
        return None
    return FoundItem(
        case=found.case,
        handoff=found.id,
        state=found.state,
        matter=sorted(found.matter),
        since=found.offered_at,
        counterparts=[found.originator],
    )
