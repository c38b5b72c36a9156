"""Signing requests wait, oldest first, until they are served or refused."""

from dataclasses import replace

from gateway.kernel.ports import TransactionMode
from tests.store.samples import new_id, signing_request


def queued(store, *requests):
    with store.begin(TransactionMode.WRITE) as work:
        for request in requests:
            work.signing.add(request)
        work.commit()


def test_requests_are_served_oldest_first_and_then_pending_no_more(store):
    requests = [signing_request() for _ in range(4)]
    queued(store, *reversed(requests))
    served = replace(requests[0], certificate="a certificate in PEM")
    refused = replace(requests[2], refusal="the key is too short")
    with store.begin(TransactionMode.WRITE) as work:
        assert work.signing.pending(3) == requests[:3]
        work.signing.save(served)
        work.signing.save(refused)
        work.commit()
    with store.begin(TransactionMode.READ) as work:
        assert work.signing.pending(3) == [requests[1], requests[3]]
        assert work.signing.get(served.id) == served
        assert work.signing.get(refused.id) == refused
        assert work.signing.get(new_id()) is None
