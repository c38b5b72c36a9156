"""A unit of work writes what its mode allows, nothing else; what it refers to must be there."""

from operator import attrgetter

import pytest

from gateway.domain.succession import ReissuedHandoff
from gateway.kernel.ports import TransactionMode
from tests.store.samples import (
    NOON,
    case,
    certificate,
    consultation,
    contact,
    fact,
    handoff,
    invitation,
    new_id,
    organisation,
    person,
    proposal,
    retry,
    run,
    signing_request,
    succession,
    system,
)

CASE, VERSION = case()
OFFER = handoff(CASE)

WRITTEN = {
    "cases.add": (CASE, VERSION),
    "cases.save": (CASE, VERSION),
    "cases.erase": (CASE,),
    "cases.forget_keys": ([new_id()],),
    "handoffs.add": OFFER,
    "handoffs.save": OFFER,
    "handoffs.add_consultation": (consultation(OFFER[0]),),
    "retries.add": (retry(),),
    "budgets.consume": ("hotline", "12:00", 1),
    "used_assertions.consume": ("hotline.desk", "one", NOON),
    "used_assertions.prune": (NOON,),
    "log.record": (fact(),),
    "signing.add": (signing_request(),),
    "signing.save": (signing_request(),),
    "conformance.add": (run(),),
    "conformance.save": (run(),),
    "conformance.prune": (NOON,),
    "successions.save": (succession(),),
    "successions.add_moved": (
        ReissuedHandoff(new_id(), new_id(), None, taken_on=False, event=new_id(), at=NOON),
    ),
    "commit": (),
}
REGISTERED = {
    "organisations.raise_version": (),
    "organisations.add": (organisation(),),
    "organisations.save": (organisation(version=2),),
    "organisations.add_system": (system(),),
    "organisations.save_system": (system(),),
    "organisations.set_client_keys": ("hotline", "intake", ["key"]),
    "organisations.add_certificate": (certificate(),),
    "organisations.save_certificate": (certificate(),),
    "organisations.set_contacts": ("hotline", [contact()]),
    "organisations.end_contacts": ("hotline",),
    "organisations.put_out_of_service": (frozenset(),),
    "organisations.add_person": (person(),),
    "organisations.save_person": (person(),),
    "proposals.add": (proposal(),),
    "proposals.close": (new_id(), new_id()),
    "proposals.withdraw": (new_id(), new_id()),
    "proposals.prune": (NOON,),
    "invitations.add": (invitation(),),
    "invitations.save": (invitation(),),
    "successions.add": (succession(),),
}


@pytest.mark.parametrize(
    ("mode", "refused", "why"),
    [
        (TransactionMode.READ, WRITTEN, "reading"),
        (TransactionMode.READ, REGISTERED, "REGISTRY"),
        (TransactionMode.WRITE, REGISTERED, "REGISTRY"),
    ],
)
def test_what_a_mode_does_not_allow_is_refused(store, mode, refused, why):
    for method, arguments in refused.items():
        with store.begin(mode) as work, pytest.raises(RuntimeError, match=why):
            attrgetter(method)(work)(*arguments)


def test_what_is_of_nobody_is_not_kept(store):
    with store.begin(TransactionMode.REGISTRY) as work:
        work.organisations.add(organisation())
        work.commit()
    for method, *of_nobody in (
        ("organisations.set_contacts", "nobody", [contact("nobody")]),
        ("organisations.add_system", system("nobody")),
        ("organisations.add_certificate", certificate(system="unknown")),
        ("invitations.add", invitation()),
        ("successions.add", succession("hotline", "nobody")),
    ):
        with store.begin(TransactionMode.REGISTRY) as work, pytest.raises(RuntimeError):
            attrgetter(method)(work)(*of_nobody)
