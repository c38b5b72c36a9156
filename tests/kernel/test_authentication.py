"""Who calls: exactly the registered name, a certificate of ours that is valid, an active member."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gateway.domain.organisation import (
    SCOPES_WHILE_SUSPENDED,
    Certificate,
    System,
    system_uri,
)
from gateway.kernel.authentication import (
    NotAuthenticated,
    authenticate,
)
from gateway.kernel.ports import TransactionMode
from gateway.kernel.values import Caller, Credentials
from gateway.registry import directory as organisations
from tests.each import each
from tests.founded_gateway import ABROAD, HOTLINE, Founded
from tests.ports import SHORT_NAME

CLIENT = f"{HOTLINE}.desk"
URI = f"urn:casegate:{SHORT_NAME}:{HOTLINE}:desk"


@pytest.fixture
def issued(gateway: Founded) -> Founded:
    """The gateway after it issued certificates to two systems."""
    ends = gateway.clock() + timedelta(days=30)
    gateway.beside |= {HOTLINE, ABROAD}
    with gateway.ports.begin(TransactionMode.REGISTRY) as work:
        work.organisations.add_certificate(Certificate("thumb-1", 1, HOTLINE, "desk", ends))
        work.organisations.add_certificate(Certificate("thumb-2", 2, ABROAD, "desk", ends))
        work.organisations.add_system(System(HOTLINE, "mill", frozenset(), enabled=False))
        work.organisations.add_certificate(Certificate("thumb-3", 3, HOTLINE, "mill", ends))
        work.commit()
    return gateway


def why_not(gateway: Founded, client_id: str, *shown: Any) -> str:
    with pytest.raises(NotAuthenticated) as refused:
        authenticate(gateway.ports, client_id, Credentials(*shown))
    return refused.value.detail


def test_a_registered_system_is_known_by_its_certificate(issued):
    found = authenticate(issued.ports, CLIENT, Credentials("thumb-1", (URI,)))
    assert (found.organisation, found.name) == (HOTLINE, "desk")
    assert system_uri(SHORT_NAME, HOTLINE, "desk") == URI


@each("client_id", ["", HOTLINE, f"{HOTLINE}.", f"{HOTLINE}.desk.x", "A.desk"])
def test_a_client_id_of_another_form_is_nobody(issued, client_id):
    assert "form" in why_not(issued, client_id, "thumb-1", (URI,))


@each(
    "uris",
    [
        (),
        (URI.upper(),),
        (URI + "x",),
        (URI, URI),
        (URI, "urn:casegate:example:other:desk"),
        (f"urn:casegate:other:{HOTLINE}:desk",),
        (f"urn:casegate:{SHORT_NAME}:{ABROAD}:desk",),
    ],
)
def test_a_certificate_with_another_name_is_for_another_client(issued, uris):
    assert "another system" in why_not(issued, CLIENT, "thumb-1", uris)


def test_a_certificate_that_was_not_issued_here_is_unknown(issued):
    assert "unknown" in why_not(issued, CLIENT, "thumb-9", (URI,))


def test_a_certificate_of_another_member_does_not_stand_for_this_one(issued):
    """Even when its name would match: the registry says to whom it was issued."""
    assert "another system" in why_not(issued, CLIENT, "thumb-2", (URI,))


def test_a_revoked_certificate_is_refused_at_once(issued):
    authenticate(issued.ports, CLIENT, Credentials("thumb-1", (URI,)))
    issued.administer("certificate.revoke", HOTLINE, thumbprint="thumb-1", reason="lost")
    assert "revoked" in why_not(issued, CLIENT, "thumb-1", (URI,))


def test_a_certificate_is_over_at_its_end(issued):
    issued.clock.advance(timedelta(days=30))
    assert "expired" in why_not(issued, CLIENT, "thumb-1", (URI,))


def test_a_disabled_system_is_refused(issued):
    uri = system_uri(SHORT_NAME, HOTLINE, "mill")
    assert "disabled" in why_not(issued, f"{HOTLINE}.mill", "thumb-3", (uri,))


def test_a_system_that_is_not_registered_is_refused(issued):
    with issued.ports.begin(TransactionMode.REGISTRY) as work:
        ghost = replace(work.organisations.certificate("thumb-1"), thumbprint="thumb-4")
        work.organisations.add_system(System(HOTLINE, "ghost", frozenset()))
        work.organisations.add_certificate(replace(ghost, system="ghost"))
        work.commit()
    issued.store.change("PRAGMA foreign_keys = OFF")
    issued.store.change("DELETE FROM system WHERE name = 'ghost'")
    issued.store.change("UPDATE registry SET version = version + 1")
    uri = system_uri(SHORT_NAME, HOTLINE, "ghost")
    assert "not registered" in why_not(issued, f"{HOTLINE}.ghost", "thumb-4", (uri,))


def test_a_suspended_member_has_the_scopes_for_its_duties_until_it_is_reinstated(issued):
    shown = Credentials("thumb-1", (URI,))
    before = authenticate(issued.ports, CLIENT, shown).scopes
    issued.administer("organisation.suspend", HOTLINE, reason="under review")
    meanwhile = authenticate(issued.ports, CLIENT, shown).scopes
    assert meanwhile == before & SCOPES_WHILE_SUSPENDED < before
    issued.administer("organisation.reinstate", HOTLINE, reason="cleared up")
    assert authenticate(issued.ports, CLIENT, shown).scopes == before


def test_a_member_that_left_is_refused(issued):
    issued.administer("organisation.leave", HOTLINE, reason="dissolved")
    assert "not active" in why_not(issued, CLIENT, "thumb-1", (URI,))


def test_a_request_under_way_ends_with_what_it_was_authenticated_by(issued):
    """Between the check at the door and the transaction, a certificate was revoked, or a scope."""
    shown = Credentials("thumb-1", (URI,))
    caller = Caller(HOTLINE, "desk", frozenset({"directory.read"}), shown)
    assert organisations.whoami(issued.ports, caller).organisation.organisation == HOTLINE
    more = replace(caller, scopes=caller.scopes | {"admin"})
    with pytest.raises(NotAuthenticated, match="scopes"):
        organisations.whoami(issued.ports, more)
    issued.administer("certificate.revoke", HOTLINE, thumbprint="thumb-1", reason="lost")
    with pytest.raises(NotAuthenticated, match="revoked"):
        organisations.whoami(issued.ports, caller)
