"""Signing requests wait, oldest first, until they are served or refused."""

from dataclasses import replace

import pytest

from gateway.domain.refusals import AlreadyExists, EditConflict
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


def test_a_taken_request_id_is_refused_and_the_work_goes_on(store):
    request = signing_request()
    with store.begin(TransactionMode.WRITE) as work:
        work.signing.add(request)
        with pytest.raises(AlreadyExists):
            work.signing.add(replace(request, csr="another"))
        work.commit()
    with store.begin(TransactionMode.READ) as work:
        assert work.signing.pending(9) == [request]


def test_an_unknown_request_cannot_be_served(store):
    with store.begin(TransactionMode.WRITE) as work, pytest.raises(EditConflict):
        work.signing.save(replace(signing_request(), certificate="a certificate in PEM"))


def test_what_was_asked_stays_as_it_was_approved(store):
    request = signing_request()
    queued(store, request)
    with store.begin(TransactionMode.WRITE) as work:
        work.signing.save(replace(request, csr="another", approved_by="nobody", refusal="bad"))
        work.commit()
    with store.begin(TransactionMode.READ) as work:
        assert work.signing.get(request.id) == replace(request, refusal="bad")
