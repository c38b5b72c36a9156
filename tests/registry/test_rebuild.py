"""The registry is what the log's events make of an empty one, whatever its rows say."""

# ruff: noqa: S608 - statements of a forger, of our own words

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from gateway.domain import read_only
from gateway.domain.audit_event import EVENT_TYPES, READABLE_EVENTS, EventDetail, Operation
from gateway.domain.json_values import to_json
from gateway.domain.organisation import Status
from gateway.domain.refusals import ValidationFailed, WrongState
from gateway.evidence import canonical
from gateway.exchange.lifecycle import log_terms
from gateway.kernel import changes, events
from gateway.kernel.actors import GATEWAY
from gateway.kernel.changes import Change, withdrawal_of
from gateway.kernel.fields import read_fields
from gateway.kernel.ports import TransactionMode
from gateway.kernel.transact import RecordedRefusal
from gateway.registry import staff
from gateway.store.registry_proof import RegistryComparison
from tests.each import each
from tests.founded_gateway import (
    ALICE,
    BENOIT,
    DESK,
    HOTLINE,
    OCRVP,
    OFMIN,
    Founded,
    approve_change,
    make_change,
    submit_change,
)
from tests.founding import founded
from tests.log_check import registry_compared
from tests.newcomers import Newcomer
from tests.ports import document_key

NEW = "new-ngo"
SAME = RegistryComparison(frozenset(), ())
MADE_AGAIN = {Operation.REGISTRY_CHANGE, Operation.KEY_EVENT}


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
    assert registry_compared(gateway) == SAME


@each("action", [one for one, (_, kind) in read_only.EVENTS.items() if kind in MADE_AGAIN])
def test_what_nobody_can_change_any_more_is_passed_over(gateway, monkeypatch, action):
    with monkeypatch.context() as before, gateway.ports.begin(TransactionMode.REGISTRY) as work:
        before.setitem(EVENT_TYPES, action, READABLE_EVENTS[action])
        said = {"organisation": OFMIN, "entries": []}
        events.record_by_gateway(gateway.ports, work, action, events.gateway_and(OFMIN), said=said)
        work.commit()
    assert gateway.types(OFMIN)[-1] == READABLE_EVENTS[action][0]
    assert registry_compared(gateway) == SAME


@each("function", read_only.FUNCTIONS)
def test_a_mandate_of_a_function_that_ended_is_made_again_and_granted_no_more(
    gateway, monkeypatch, function
):
    key = f"{function}/csam/FR"
    with monkeypatch.context() as before:
        before.setattr(changes, "read_fields", partial(read_fields, recorded=True))
        gateway.mandate(OFMIN, key)
    assert key in {one.key for one in gateway.organisation(OFMIN).mandates}
    assert registry_compared(gateway) == SAME
    place = {"matter": "csam", "territory": "FR", "legal_act": "an act", "from": "2026-01-01"}
    again = Change("mandate.grant", OCRVP, {"function": function, **place})
    failed = gateway.unmade(ValidationFailed, again)
    assert [pointer for pointer, _ in failed.errors] == ["/function"]


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


@pytest.mark.parametrize("forged", ["a mandate that goes on", "a membership", "a status"])
@pytest.mark.parametrize("hidden", ["mandates", "slug", "status"])
def test_a_document_hides_no_row_beside_it(gateway, forged, hidden):
    statement, entries = FORGERIES[forged]
    for name in entries:
        said = json.dumps({hidden: to_json(getattr(gateway.organisation(name), hidden))})
        gateway.store.change(
            f"UPDATE organisation SET document = json_patch(document, '{said}')"
            f" WHERE slug = '{name}'"
        )
    gateway.store.change(statement)
    assert differing(gateway) == entries


def test_a_copy_of_an_entry_under_another_name_is_found(gateway):
    gateway.store.change(
        "INSERT INTO organisation (slug, status, version, document) SELECT 'eve', status, version,"
        f' json_patch(document, \'{{"slug":"{HOTLINE}"}}\') FROM organisation'
        f" WHERE slug = '{HOTLINE}'"
    )
    assert differing(gateway) == {"eve"}


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


@each(
    "unreadable",
    [
        f"organisation SET status = 'x' WHERE slug = '{OFMIN}'",
        f"organisation SET document = '[' WHERE slug = '{OFMIN}'",
    ],
)
def test_a_row_that_cannot_be_read_hides_no_other_and_brings_nothing_back(unreadable):
    gateway = founded()
    gateway.store.change(
        f"UPDATE competence SET matter = 'terrorism' WHERE organisation = '{OCRVP}'"
    )
    hold_to_log(gateway)
    before = registry_compared(gateway).differing
    gateway.store.change(f"UPDATE {unreadable}")
    found = registry_compared(gateway)
    assert found.differing == before | {("organisation", OFMIN)}
    assert "a row of organisation, of ofmin, cannot be read" in str(found.problems)


def test_an_event_that_was_changed_with_its_row_names_whom_it_was_about(gateway):
    rows = gateway.store.tables("organisation")["organisation"]
    gateway.administer("organisation.suspend", HOTLINE, reason="for the test")
    for slug, status, version, document in rows:
        gateway.store.change(
            "UPDATE organisation SET status = ?, version = ?, document = ? WHERE slug = ?",
            *(status, version, document, slug),
        )
    gateway.store.change(
        "UPDATE log_event SET document = CAST('{}' AS BLOB)"
        " WHERE words LIKE '|typ:organisation.suspended|%'"
    )
    (told,) = [one for one in registry_compared(gateway).problems if "was about" in one]
    assert HOTLINE in told


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


def logged(gateway: Founded, action: str, by: Sequence[str], said: Any, *more: EventDetail) -> None:
    """An event as a forger who can sign for the log would record it; no row is changed."""
    parties = events.gateway_and(HOTLINE)
    subject = canonical.encode({"organisation": HOTLINE, **said}).decode()
    with gateway.ports.begin(TransactionMode.REGISTRY) as work:
        events.record(
            work,
            action,
            parties,
            event=gateway.new_id(),
            simulated_date=None,
            by=by,
            details=[events.shared("subject", subject, parties), *more],
            at=gateway.clock(),
        )
        work.commit()


def mandate_logged(gateway: Founded, *persons: str, signed: Sequence[str] = ()) -> None:
    approvals = EventDetail("approvals", tuple(signed), frozenset({GATEWAY}))
    logged(gateway, "mandate.grant", persons, MANDATE.values, approvals)


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
    assert registry_compared(gateway) == SAME
    mandate_logged(gateway, ALICE, BENOIT, signed=signed)
    assert "NotApproved" in str(registry_compared(gateway).problems)


@pytest.mark.parametrize("why", ["signed long ago", "disabled since"])
def test_what_was_signed_long_ago_or_by_who_is_disabled_is_not_made_again(gateway, why):
    signed = gateway.approve(MANDATE)
    if why == "signed long ago":
        gateway.clock.advance(timedelta(days=4))
    else:
        gateway.administer("admin.add", GATEWAY, **gateway.newcomer("c-bernard"))
        gateway.administer("admin.disable", GATEWAY, person=BENOIT, reason="left")
    mandate_logged(gateway, ALICE, BENOIT, signed=signed)
    assert "NotApproved" in str(registry_compared(gateway).problems)


def test_a_first_document_key_was_approved_with_its_invitation_or_is_not_registered(gateway):
    host = Newcomer(gateway, HOTLINE)
    host.invite()
    host.use(first=host.first_key())
    assert registry_compared(gateway) == SAME
    first = host.first_key("another")
    said = {"jwk": first.jwk, "proof": first.proof}
    logged(gateway, "key.register", (ALICE, BENOIT), said)
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
    assert registry_compared(gateway) == SAME
    gateway.store.change(f"UPDATE succession SET successor = '{HOTLINE}'")
    assert differing(gateway) == {OFMIN}


# --- Staff registers, proposals and contacts: what can let somebody do something -----------------

ROLES = {"entries": ["approver", "head"]}


def established(gateway: Founded) -> tuple[str, str]:
    """The pseudonyms of an approver and a head whom administrators entered."""
    made = gateway.administer("staff.establish", NEW, **ROLES).result["entries"]
    approver, head = (str(one["pseudonym"]) for one in made)
    return approver, head


@pytest.fixture
def register() -> Founded:
    """A gateway with a member that keeps no register yet."""
    gateway = founded()
    values = {"name": NEW, "kind": "hotline", "country": "FR", "regimes": ["gdpr"]}
    gateway.administer("organisation.admit", NEW, **values, public_authority=False)
    gateway.store.change(f"DELETE FROM staff WHERE organisation = '{NEW}'")
    return gateway


def in_force(gateway: Founded, pseudonym: str) -> bool:
    with gateway.ports.begin(TransactionMode.READ) as work:
        return bool(work.staff.named(NEW, [pseudonym]))


def test_a_staff_register_is_what_its_events_committed_to(register):
    first, head = established(register)
    second = register.act(NEW, staff.add, _entering(first)).result
    (named,) = (one["pseudonym"] for one in second["entries"])
    register.act(NEW, staff.end, named, staff.StaffEnd(first))
    night = {**_entering(head), "temporary": True}
    register.act(NEW, staff.add, night)
    assert registry_compared(register) == SAME


def test_a_staff_register_is_compared_also_when_what_its_events_told_is_erased(register):
    first, _ = established(register)
    made = register.act(NEW, staff.add, _entering(first)).result
    (named,) = (one["pseudonym"] for one in made["entries"])
    register.clock.advance(timedelta(days=800))
    assert not log_terms.erase_details(register.ports)
    with register.ports.begin(TransactionMode.READ) as work:
        added = work.log.logged(UUID(made["event"]))
    kinds = {one.kind for one in added.event.disclosures}
    assert ("subject" in kinds, "entries" in kinds) == (False, True)
    assert registry_compared(register) == SAME
    register.store.change(f"UPDATE staff SET start = '2001-01-01' WHERE pseudonym = '{named}'")
    assert differing(register) == {f"{NEW}/{named}"}


def _entering(by: str) -> dict[str, object]:
    return {"by": by, "entries": [{"roles": ["analyst"]}]}


@pytest.mark.parametrize(
    "forged",
    [
        'roles = \'["analyst","approver","head"]\'',
        "start = '2001-01-01'",
        "\"end\" = '2099-01-01'",
        "ends_at = 4102444800000",
        "salt = 'x'",
        "pseudonym = 'new-eve1'",
    ],
)
def test_a_staff_entry_that_its_event_did_not_make_names_nobody(register, forged):
    person, _ = established(register)
    register.store.change(f"UPDATE staff SET {forged} WHERE pseudonym = '{person}'")
    person = "new-eve1" if "eve1" in forged else person
    found = registry_compared(register)
    assert found.differing == {("staff", f"{NEW}/{person}")}
    assert person not in str(found.sentences())
    assert in_force(register, person)
    hold_to_log(register)
    assert not in_force(register, person)


def test_a_person_whose_end_was_undone_is_nobody(register):
    first, _ = established(register)
    made = register.act(NEW, staff.add, _entering(first)).result
    (named,) = (one["pseudonym"] for one in made["entries"])
    register.act(NEW, staff.end, named, staff.StaffEnd(first))
    register.store.change(f"UPDATE staff SET ends_at = NULL WHERE pseudonym = '{named}'")
    assert differing(register) == {f"{NEW}/{named}"}


def test_a_forged_person_is_not_one_of_two_who_keep_the_register(register):
    person, _ = established(register)
    register.store.change(f"UPDATE staff SET event = '{'0' * 31}1' WHERE pseudonym = '{person}'")
    hold_to_log(register)
    established(register)


END = Change("mandate.end", OFMIN, {"competence": "receive/csam/FR", "until": "2027-01-01"})


def proposed(gateway: Founded) -> UUID:
    signed = gateway.approve(END, ALICE)
    return UUID(gateway.do(submit_change, END, *signed).result["proposal"])


def test_a_proposal_is_what_its_event_says_also_when_it_is_withdrawn_or_made(gateway):
    withdrawn = proposed(gateway)
    word = gateway.approve(withdrawal_of(withdrawn), ALICE)
    gateway.do(changes.withdraw, withdrawn, *word)
    gateway.do(approve_change, proposed(gateway), *gateway.approve(END, BENOIT))
    assert registry_compared(gateway) == SAME


@pytest.mark.parametrize(
    "forged",
    [
        "id = '{other}'",
        "organisation = 'ocrvp'",
        "\"values\" = '{{}}'",
        "proposer = 'eve'",
        "expires_at = 4102444800000",
    ],
)
def test_an_approval_of_a_proposal_that_no_event_made_does_not_count(gateway, forged):
    named, other = proposed(gateway), gateway.new_id()
    gateway.store.change(f"UPDATE proposal SET {forged.format(other=other.hex)}")
    named = other if forged.startswith("id") else named
    assert registry_compared(gateway).differing == {("proposal", str(named))}
    hold_to_log(gateway)
    with pytest.raises(RecordedRefusal):
        gateway.do(approve_change, named, *gateway.approve(END, BENOIT))
    (mandate,) = gateway.organisation(OFMIN).mandates
    assert mandate.period.end is None


def test_a_proposal_is_not_withdrawn_by_another_than_its_proposer(gateway):
    named = proposed(gateway)
    signed = tuple(gateway.approve(withdrawal_of(named), BENOIT))
    approvals = EventDetail("approvals", signed, frozenset({GATEWAY}))
    logged(gateway, "proposal.withdraw", (BENOIT,), {"proposal": str(named)}, approvals)
    found = registry_compared(gateway)
    assert found.differing == frozenset()
    assert "NotApproved" in str(found.problems)


def test_a_withdrawn_proposal_that_is_open_again_is_found(gateway):
    named = proposed(gateway)
    gateway.do(changes.withdraw, named, *gateway.approve(withdrawal_of(named), ALICE))
    gateway.store.change("UPDATE proposal SET withdrawal_event = NULL")
    assert registry_compared(gateway).differing == {("proposal", str(named))}


def test_a_proposal_that_was_forgotten_is_not_missed(gateway):
    proposed(gateway)
    gateway.store.change("DELETE FROM proposal")
    assert registry_compared(gateway) == SAME


def test_a_contact_that_no_event_set_is_told(gateway):
    said = {"role": "duty", "name": "the desk", "address": "desk@example.org"}
    gateway.administer("contact.set", OFMIN, **said)
    assert registry_compared(gateway) == SAME
    gateway.store.change(f"UPDATE contact SET registration_event = '{'0' * 31}1'")
    (problem,) = registry_compared(gateway).problems
    assert OFMIN in problem


@each("change", ["content_key = '00000000000000000000000000000999'", "said = x''"])
def test_a_contact_whose_key_would_seem_unused_is_told(gateway, change):
    said = {"role": "duty", "name": "the desk", "address": "desk@example.org"}
    gateway.administer("contact.set", OFMIN, **said)
    gateway.store.change(f"UPDATE contact SET {change}")
    (problem,) = registry_compared(gateway).problems
    assert OFMIN in problem
