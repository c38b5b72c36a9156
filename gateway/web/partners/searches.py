"""Searches of an organisation among what it has itself."""

from typing import Any
from uuid import UUID

from marshmallow import ValidationError, validates_schema

from gateway.domain.fields import up_to
from gateway.domain.item_value import LONGEST_ADDRESS
from gateway.domain.searched_item import SearchedKind
from gateway.exchange.handoffs import item_search
from gateway.exchange.handoffs.item_search import ItemSearch
from gateway.kernel.transact import WriteResult
from gateway.schemas import schema_fields as field
from gateway.web.caller import ANY_SCOPE
from gateway.web.endpoint import Call, writes
from gateway.web.partners.cases import ConsultationBody


class ItemSearchBody(ConsultationBody):
    """An item that is looked for, a URL, a hash or an account: by whom, and why."""

    url = field.StrictString(up_to(LONGEST_ADDRESS, "is too long"), required=False)
    hash = field.StrictString(up_to(LONGEST_ADDRESS, "is too long"), required=False)
    account = field.StrictString(up_to(LONGEST_ADDRESS, "is too long"), required=False)
    after = field.uuid(required=False)
    limit = field.whole(1, 100, required=False)

    @validates_schema
    def _names_one(self, data: dict[str, Any], **_: Any) -> None:
        if sum(str(kind) in data for kind in SearchedKind) != 1:
            raise ValidationError("must have one of url, hash and account")


@writes("POST /items/searches", "item.search", ANY_SCOPE, "ItemSearchResult", body=ItemSearchBody())
def items_search(call: Call) -> WriteResult:
    """Find one's own cases, and the handoffs by which one holds others', that have an item.

    Spellings of one address, hash or account are one; of hate speech and terrorist content no
    account is found (R21). The event names person and reason, and not the item. What others have
    is never searched. `searched` says how far the system's scopes go; where `next` is not null,
    the same search goes on `after` it, as an event of its own.
    """
    body = dict(call.body)
    kind = next(one for one in SearchedKind if str(one) in body)
    value, limit, after = body.pop(str(kind)), body.pop("limit", 20), body.pop("after", None)
    place = None if after is None else UUID(after)
    wanted = ItemSearch(**body, kind=kind, value=value, limit=limit, after=place)
    return item_search.search(call.ports, call.caller, call.key, wanted)
