"""Members that witness the log: what they cosigned, and on record by which key.

A line comes as often as the member likes. No event records it: the log would grow again by each.
An event records a key; so one follows another after a day at the earliest.
"""

from datetime import timedelta

from gateway.domain.organisation import witness_name
from gateway.domain.refusals import ValidationFailed
from gateway.evidence.declarations import MAX_SKEW
from gateway.exchange.oversight.results import KeptCosignature
from gateway.kernel.changes import LOG
from gateway.kernel.events import gateway_and, record_by_gateway
from gateway.kernel.ports import Ports, TransactionMode
from gateway.kernel.request import ActionRequest, RequestContext, authorize
from gateway.kernel.transact import read
from gateway.kernel.values import Caller, Confirmation, ConfirmationKind, TreeHead
from gateway.ledger import cosignature, note, tiles
from gateway.ledger.note import VerificationKey

CHANGED_AFTER = timedelta(days=1)
"""After the newest line of a key the first one of another may come."""


def register(
    ports: Ports, caller: Caller, key: VerificationKey, size: int, value: str
) -> KeptCosignature:
    """Keep a member's cosignature of the first ``size`` entries; a new key is put on record.

    ``value`` is what stands in its line (C2SP cosignature/v1). Raises ValidationFailed for one that
    the key did not make for this log, or not just now.
    """
    name, kind = witness_name(ports.issuer, caller.organisation), ConfirmationKind.COSIGNATURE
    if key.name != name or key.kind != note.COSIGNATURE:
        raise ValidationFailed((("/witness", f"must be a cosignature/v1 key named {name}"),))

    def query(context: RequestContext) -> tuple[TreeHead, list[Confirmation]]:
        authorize(context, LOG)
        work = context.work
        if size > work.log.head().size:
            raise ValidationFailed((("/size", "is more than the log has"),))
        kept = [one for one in work.confirmations.of(kind) if one.by == name]
        return TreeHead(size, tiles.root(work.log.tile, size)), kept

    head, kept = read(ports, caller, ActionRequest("witness.register"), query)
    own = ports.checkpoint_signer.sign(head)
    try:
        lines = cosignature.verify(f"{own}\N{EM DASH} {name} {value}\n", [key])
        found = next(iter(lines), None)
        if found is None or abs(found.at - ports.now()) > MAX_SKEW:
            raise ValueError("the key did not make it for this log just now")
        known = any(cosignature.verify(one.note + one.data.decode(), [key]) for one in kept)
        if not known and any(size < o.size or found.at < o.at + CHANGED_AFTER for o in kept):
            raise ValueError("another key follows a day after the newest line, of no fewer entries")
    except ValueError as error:
        raise ValidationFailed((("/cosignature", f"is not valid: {error}"),)) from None
    with ports.begin(TransactionMode.WRITE) as work:
        if not known:
            parties, told = gateway_and(caller.organisation, role="actor"), {"witness": str(key)}
            record_by_gateway(ports, work, "witness.register", parties, said=told)
        data = found.line.encode()
        work.confirmations.keep(Confirmation(size, kind, name, found.at, own, data))
        work.commit()
    return KeptCosignature(name, size)
