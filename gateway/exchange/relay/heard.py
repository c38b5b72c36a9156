"""What a peer gateway's log proves of a handoff, for the member here whom it concerns."""

import json
from uuid import UUID

from gateway.evidence import receipt
from gateway.exchange.results import PeerHandoffReceipts
from gateway.exchange.standing import access
from gateway.kernel.ports import Ports
from gateway.kernel.request import ActionRequest, RequestContext
from gateway.kernel.transact import read
from gateway.kernel.values import Caller


def list_receipts(ports: Ports, caller: Caller, handoff: UUID) -> PeerHandoffReceipts:
    """The receipts of a peer's events of a handoff, as they were taken in for the caller."""

    def query(context: RequestContext) -> PeerHandoffReceipts:
        access.authorized(context, handoff)
        found = context.work.relay.of_handoff(handoff, context.caller.organisation)
        return PeerHandoffReceipts(
            handoff, [receipt.from_json(json.loads(one.receipt)) for one in found]
        )

    return read(ports, caller, ActionRequest("handoff.read"), query)
