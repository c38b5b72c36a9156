"""The registry is what the log's events make of an empty one, whatever its rows say."""

# ruff: noqa: S608 - statements of a forger, of our own words

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.domain.audit_event import EventDetail
from gateway.domain.organisation import Status
from gateway.domain.refusals import WrongState
from gateway.evidence import canonical
from gateway.kernel import events
from gateway.kernel.actors import GATEWAY
from gateway.kernel.changes import Change
from gateway.kernel.ports import TransactionMode
from gateway.kernel.transact import RecordedRefusal
from gateway.store.registry_proof import RegistryComparison
from tests.founding import (
    ALICE,
    BENOIT,
    DESK,
    HOTLINE,
    OCRVP,
    OFMIN,
    Founded,
    document_key,
    founded,
    make_change,
    registry_compared,
)
from tests.newcomers import Newcomer


@pytest.fixture
def gateway() -> Founded:
    return founded()


def hold_to_log(gateway: Founded) -> None:
    with gateway.ports.begin(TransactionMode.REGISTRY) as work:
        work.organisations.put_out_of_service(registry_compared(gateway).differing)
        work.commit()


def differing(gateway: Founded) -> set[str]:
    return {name for _, name in registry_compared(gateway).differing}


def test_what_administrators_changed_is_what_its_events_say(gateway):
    gateway.register_key(OFMIN, document_key("first"))
    gateway.register_key(OFMIN, document_key("second"), document_key("first"))
    gateway.administer("organisation.suspend", HOTLINE, reason="for the test")
    assert registry_compared(gateway) == RegistryComparison(frozenset(), ())


FORGERIES = {
    "a mandate of another organisation": (
        f"UPDATE competence SET organisation = '{HOTLINE}' WHERE organisation = '{OFMIN}'",
        {HOTLINE, OFMIN},
    ),
    "a mandate that goes on": (
        f"UPDATE competence SET \"end\" = NULL WHERE organisation = '{OCRVP}'",
        {OCRVP},
    ),
    "a membership": (
        "UPDATE organisation SET document = replace(document, '2010-01-01', '2001-01-01') "
        f"WHERE slug = '{OCRVP}'",
        {OCRVP},
    ),
    "a status": (f"UPDATE organisation SET status = 'left' WHERE slug = '{OFMIN}'", {OFMIN}),
    "scopes": (f"UPDATE system SET scopes = '[\"admin\"]' WHERE organisation = '{OFMIN}'", {OFMIN}),
    "a system's key": (
        f"INSERT INTO client_key VALUES ('{OFMIN}', '{DESK}', 0, '{{}}')",
        {OFMIN},
    ),
    "a lock": (
        "UPDATE organisation SET document = "
        "replace(document, '\"signed_only\":false', '\"signed_only\":true') "
        f"WHERE slug = '{OFMIN}'",
        {OFMIN},
    ),
    "a certificate": (
        "INSERT INTO certificate (thumbprint, serial, organisation, system, ordinal, not_after)"
        f" VALUES ('x', '1', '{OFMIN}', '{DESK}', 1, 99)",
        {OFMIN},
    ),
    "an administrator's key": (
        f"UPDATE person SET public_key = '{{}}' WHERE id = '{ALICE}'",
        {ALICE},
    ),
    "an administrator more": ("INSERT INTO person VALUES ('eve', 'Eve', '{}', 1)", {"eve"}),
}


@pytest.mark.parametrize(("statement", "entries"), FORGERIES.values(), ids=FORGERIES)
def test_a_row_that_no_event_made_is_found(gateway, statement, entries):
    gateway.store.change(statement)
    assert differing(gateway) == entries


def test_a_diverted_mandate_takes_both_organisations_out_of_service(gateway):
    gateway.store.change(FORGERIES["a mandate of another organisation"][0])
    hold_to_log(gateway)
    assert gateway.organisation(HOTLINE).status is Status.SUSPENDED
    with gateway.ports.begin(TransactionMode.READ) as work:
        assert work.organisations.holders("receive", "csam") == (
            tuple(c for c in gateway.organisation(OCRVP).mandates)
        )


def test_what_is_out_of_service_is_not_changed(gateway):
    gateway.store.change(FORGERIES["a mandate that goes on"][0])
    hold_to_log(gateway)
    with pytest.raises(RecordedRefusal) as refused:
        gateway.register_key(OCRVP, document_key("first"))
    assert isinstance(refused.value.refusal, WrongState)


def test_a_forged_administrator_approves_nothing(gateway):
    gateway.store.change(FORGERIES["an administrator more"][0])
    hold_to_log(gateway)
    with gateway.ports.begin(TransactionMode.READ) as work:
        assert not work.organisations.person("eve").enabled
        assert work.organisations.person(ALICE).enabled


def test_an_entry_that_is_put_right_is_in_service_again(gateway):
    gateway.store.change(f"UPDATE organisation SET status = 'left' WHERE slug = '{OFMIN}'")
    hold_to_log(gateway)
    gateway.store.change(f"UPDATE organisation SET status = 'active' WHERE slug = '{OFMIN}'")
    hold_to_log(gateway)
    assert gateway.organisation(OFMIN).active


def test_an_event_whose_document_is_gone_is_told(gateway):
    gateway.store.change("UPDATE log_event SET document = NULL, nonce = NULL WHERE idx = 2")
    found = registry_compared(gateway)
    assert found.differing
    assert any("entry 2 is missing" in one for one in found.problems)


def test_an_event_whose_details_are_others_is_told(gateway):
    gateway.store.change(
        "UPDATE log_event SET disclosures = (SELECT disclosures FROM log_event WHERE idx = 3) "
        "WHERE idx = 2"
    )
    assert registry_compared(gateway).problems


GONE = {
    "the row of its event": "DELETE FROM log_event WHERE idx = {index}",
    "what its event told": "UPDATE log_event SET document = x'7b7d' WHERE idx = {index}",
}


@pytest.mark.parametrize("statement", GONE.values(), ids=GONE)
def test_a_change_that_is_undone_together_with_its_event_is_told(gateway, statement):
    gateway.administer("organisation.suspend", HOTLINE, reason="for the test")
    with gateway.ports.begin(TransactionMode.READ) as work:
        index = work.log.head().size - 1
    gateway.store.change(f"UPDATE organisation SET status = 'active' WHERE slug = '{HOTLINE}'")
    gateway.store.change(statement.format(index=index))
    assert registry_compared(gateway).problems


MANDATE = Change(
    "mandate.grant",
    HOTLINE,
    {
        "function": "receive",
        "matter": "trafficking",
        "territory": "FR",
        "legal_act": "none",
        "from": "2026-01-01",
    },
)
OTHER = replace(MANDATE, organisation=OFMIN)


def mandate_logged(gateway: Founded, *persons: str, signed: Sequence[str] = ()) -> None:
    """An event as a forger who can sign for the log would record it; no row is changed."""
    with gateway.ports.begin(TransactionMode.REGISTRY) as work:
        events.record(
            work,
            "mandate.grant",
            events.gateway_and(HOTLINE),
            event=gateway.new_id(),
            simulated_date=None,
            by=persons,
            details=[
                events.shared(
                    "subject",
                    canonical.encode({"organisation": HOTLINE, **MANDATE.values}).decode(),
                    events.gateway_and(HOTLINE),
                ),
                EventDetail("approvals", tuple(signed), frozenset({GATEWAY})),
            ],
            at=gateway.clock(),
        )
        work.commit()


@pytest.mark.parametrize(
    ("named", "change", "signers"),
    [
        ((), MANDATE, ()),
        ((ALICE,), MANDATE, (ALICE,)),
        ((ALICE, BENOIT), MANDATE, ()),
        ((ALICE, BENOIT), MANDATE, (ALICE, ALICE)),
        ((ALICE, "eve"), MANDATE, (ALICE, BENOIT)),
        ((ALICE, BENOIT), OTHER, (ALICE, BENOIT)),
    ],
    ids=["nobody", "one", "names", "one twice", "another name", "another change"],
)
def test_a_change_that_too_few_administrators_signed_is_not_made_again(
    gateway, named, change, signers
):
    signed = gateway.approve(change, *signers) if signers else ()
    mandate_logged(gateway, *named, signed=signed)
    found = registry_compared(gateway)
    assert found.differing == frozenset()
    (problem,) = found.problems
    assert "NotApproved" in problem


def test_what_was_signed_for_one_event_makes_no_second_one(gateway):
    signed = gateway.approve(MANDATE)
    gateway.do(make_change, MANDATE, signed)
    assert registry_compared(gateway) == RegistryComparison(frozenset(), ())
    mandate_logged(gateway, ALICE, BENOIT, signed=signed)
    assert "NotApproved" in str(registry_compared(gateway).problems)


def test_what_was_signed_long_ago_makes_no_change(gateway):
    signed = gateway.approve(MANDATE)
    gateway.clock.advance(timedelta(days=4))
    mandate_logged(gateway, ALICE, BENOIT, signed=signed)
    assert "NotApproved" in str(registry_compared(gateway).problems)


def test_a_change_that_a_disabled_administrator_approved_is_not_made_again(gateway):
    gateway.administer("admin.add", GATEWAY, **gateway.newcomer("c-bernard"))
    gateway.administer("admin.disable", GATEWAY, person=BENOIT, reason="left")
    mandate_logged(gateway, ALICE, BENOIT, signed=gateway.approve(MANDATE))
    assert "NotApproved" in str(registry_compared(gateway).problems)


def first_key_logged(gateway: Founded, host: Newcomer) -> None:
    """An event as the use of an invitation makes it, by a forger who can sign for the log."""
    first = host.first_key()
    said = {"jwk": first.jwk, "organisation": host.slug, "proof": first.proof}
    with gateway.ports.begin(TransactionMode.REGISTRY) as work:
        events.record(
            work,
            "key.register",
            events.gateway_and(host.slug),
            event=gateway.new_id(),
            simulated_date=None,
            by=(ALICE, BENOIT),
            details=[
                events.shared(
                    "subject", canonical.encode(said).decode(), events.gateway_and(host.slug)
                )
            ],
            at=gateway.clock(),
        )
        work.commit()


def test_a_first_document_key_was_approved_with_its_invitation(gateway):
    host = Newcomer(gateway, HOTLINE)
    host.invite()
    host.use(first=host.first_key())
    assert registry_compared(gateway) == RegistryComparison(frozenset(), ())


def test_a_document_key_without_approvals_or_an_invitation_is_not_registered_again(gateway):
    first_key_logged(gateway, Newcomer(gateway, HOTLINE))
    assert "NotApproved" in str(registry_compared(gateway).problems)


def test_a_succession_that_no_event_planned_is_found(gateway):
    plan = {
        "successor": OCRVP,
        "competence": "receive/csam/FR",
        "effective_on": "2026-04-01",
        "read_until": "2026-05-01",
        "legal_act": "Decree 2026-1",
        "permissions": False,
    }
    gateway.administer("succession.plan", OFMIN, **plan)
    assert registry_compared(gateway) == RegistryComparison(frozenset(), ())
    gateway.store.change(f"UPDATE succession SET successor = '{HOTLINE}'")
    assert differing(gateway) == {OFMIN}
