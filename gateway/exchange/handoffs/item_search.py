"""A search by an item, among one's own cases and what one holds: on record, and nowhere else."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from gateway.domain.audit_event import EventDetail, Party
from gateway.domain.json_values import Asked
from gateway.domain.refusals import ValidationFailed
from gateway.domain.searched_item import SearchedKind, keyed, searched_form
from gateway.exchange.results import FoundItem, ItemSearchResult
from gateway.exchange.standing import item_index
from gateway.kernel import events
from gateway.kernel.ports import Ports
from gateway.kernel.request import ActionRequest, RequestContext, authorize
from gateway.kernel.results import collect_page
from gateway.kernel.transact import WriteResult, read, transact
from gateway.kernel.values import Caller, IndexedItem

ACTION = "item.search"


@dataclass(frozen=True)
class ItemSearch(Asked):
    """Who looks for an item, as what, and why; ``after`` goes on behind what was found before."""

    by: str
    reason_code: str
    reason: str
    kind: SearchedKind
    value: str
    limit: int
    after: UUID | None = None


def search(ports: Ports, caller: Caller, key: str, wanted: ItemSearch) -> WriteResult:
    """Find the caller's own cases, and the handoffs by which it holds others', that have an item.

    The event names person and reason, and not the item; it is durable before anything is looked
    for. ValidationFailed for what is no item of that kind.
    """
    try:
        item = keyed(wanted.kind, searched_form(wanted.kind, wanted.value))
    except ValueError as error:
        raise ValidationFailed(((f"/{wanted.kind}", f"{error}"),)) from None

    def act(context: RequestContext) -> None:
        authorize(context, context.entity())
        own = Party(caller.organisation, "actor")
        said = EventDetail("reason_code", wanted.reason_code, frozenset({own.organisation}))
        context.record((own,), said, *events.reason(wanted.reason, own))

    written = transact(ports, caller, ActionRequest(ACTION, wanted.by, key, wanted.asked()), act)

    def query(context: RequestContext) -> ItemSearchResult:
        authorize(context, context.entity())

        def rows(after: UUID | None, number: int) -> Sequence[Sequence[IndexedItem]]:
            return context.work.items.find(caller.organisation, item, after, number)

        def view(about: Sequence[IndexedItem]) -> FoundItem | None:
            return item_index.shown(context, about)

        found = collect_page(rows, lambda about: about[0].about, view, wanted.after, wanted.limit)
        after = found.after if isinstance(found.after, UUID) else None
        return ItemSearchResult(found.items, item_index.searched(caller), after)

    return WriteResult(read(ports, caller, ActionRequest(ACTION), query), written.receipt)
