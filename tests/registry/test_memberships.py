"""From application to leaving: who records what, and what stays when it is over."""

from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

import pytest

from gateway.changes import CHANGES
from gateway.domain.enrolment import RUN_LIFE, ConformanceRun
from gateway.domain.lifecycle import StatusChange, move_status
from gateway.domain.organisation import Contact, MembershipClass, Status
from gateway.domain.refusals import AlreadyExists, Forbidden, NotFound, ValidationFailed, WrongState
from gateway.evidence import base64url
from gateway.exchange.handoffs import offers
from gateway.exchange.lifecycle import erasure
from gateway.kernel import results
from gateway.kernel.changes import Change
from gateway.kernel.ports import TransactionMode
from gateway.kernel.results import to_json
from gateway.registry import directory as organisations
from tests.casework import offer_of, submitted
from tests.each import each
from tests.founded_gateway import ABROAD, DESK, HOTLINE, OFMIN, Founded, caller, shown
from tests.founding import founded
from tests.log_check import rows_are_whole

NEW = "hotline-new"
APPLICATION: dict[str, Any] = {
    "name": "A new hotline",
    "kind": "hotline",
    "public_authority": False,
    "regimes": ["gdpr"],
    "country": "FR",
    "membership": "associate",
    "purposes": ["remove", "protect_child"],
    "description": "We answer the phone day and night.",
    "received_on": "2026-02-01",
    "contacts": [
        {"role": "head", "name": "C. Bernard", "address": "head@new.example"},
        {"role": "security", "name": "D. Petit", "address": "+33 1 00 00 00 00"},
    ],
}
DECISION = {"decision_ref": "board 12", "decided_on": "2026-03-01", "document_sha256": "A" * 43}


def refused(gateway: Founded, kind: type, action: str, slug: str, /, **values: Any) -> Any:
    return gateway.unmade(kind, Change(action, slug, values))


def enrolled(gateway: Founded, slug: str = NEW) -> None:
    """As the first certificate of an approved organisation, and a conformance run, do it."""
    gateway.administer("system.register", slug, system=DESK, scopes=["cases.read"])
    gateway.beside.add(slug)
    with gateway.ports.begin(TransactionMode.REGISTRY) as work:
        found = work.organisations.get(slug)
        today = gateway.ports.reference_date(gateway.clock()).day
        moved = move_status(found, StatusChange.ENROL, today, gateway.new_id())
        work.organisations.save(replace(moved, version=found.version + 1))
        ends = gateway.clock() + RUN_LIFE
        run = ConformanceRun(gateway.new_id(), slug, DESK, ends, "{}", passed_at=gateway.clock())
        work.conformance.add(run)
        work.commit()


def contacts(gateway: Founded, slug: str) -> list[Contact]:
    with gateway.ports.begin(TransactionMode.READ) as work:
        return list(work.organisations.contacts(slug))


def set_contact(gateway: Founded, name: str = "E. One", slug: str = HOTLINE) -> Any:
    values = {"role": "head", "name": name, "address": "e@x.example"}
    return gateway.administer("contact.set", slug, **values)


def test_a_member_goes_from_application_to_active_and_each_step_is_an_event(gateway):
    applied = gateway.administer("organisation.apply", NEW, **APPLICATION)
    assert applied.result["status"] == "applied"
    approved = gateway.administer("organisation.approve", NEW, **DECISION)
    enrolled(gateway)
    active = gateway.administer("organisation.activate", NEW, reason="conformance passed")
    found = gateway.organisation(NEW)
    assert [step.status for step in found.history] == ["applied", "approved", "enrolled", "active"]
    first, *_, last = (str(step.event) for step in found.history)
    assert (first, last) == (applied.result["event"], active.result["event"])
    asked, decision = found.application, found.application.decision
    assert asked.membership is MembershipClass.ASSOCIATE
    assert asked.purposes == {"remove", "protect_child"}
    assert (decision.decision_ref, decision.decided_on) == ("board 12", date(2026, 3, 1))
    assert str(decision.event) == approved.result["event"]
    me = to_json(organisations.whoami(gateway.ports, caller(NEW)))
    assert me["organisation"]["active"]


def test_contacts_come_with_the_application_and_stand_in_the_log_sealed_only(gateway):
    written = gateway.administer("organisation.apply", NEW, **APPLICATION)
    named = [(c.role, c.name) for c in contacts(gateway, NEW)]
    assert named == [("head", "C. Bernard"), ("security", "D. Petit")]
    assert b"Bernard" not in written.receipt.document
    assert "Bernard" not in shown(written.receipt)["subject"]
    assert "Bernard" in shown(written.receipt)["contacts"]


def nowhere_stored(gateway: Founded, text: str) -> bool:
    stored = [cell for rows in gateway.store.tables().values() for row in rows for cell in row]
    plain = [one if isinstance(one, bytes) else str(one).encode() for one in stored]
    forms = [text.encode(), base64url.encode(text.encode())[2:-2].encode()]
    return not any(form in cell for form in forms for cell in plain)


def test_a_contact_that_was_replaced_is_readable_nowhere(gateway):
    gateway.administer("organisation.apply", NEW, **APPLICATION)
    assert nowhere_stored(gateway, "Bernard")
    with gateway.ports.begin(TransactionMode.READ) as work:
        ((_, first),) = work.log.stream(NEW, 0, 9)
        assert any("Bernard" in str(d.value) for d in work.log.logged(first).event.disclosures)
    assert set_contact(gateway, slug=NEW).result["key"] == "destroyed"
    assert {c.name for c in contacts(gateway, NEW)} == {"E. One", "D. Petit"}
    with gateway.ports.begin(TransactionMode.READ) as work:
        assert "contacts" not in {d.kind for d in work.log.logged(first).event.disclosures}


def test_who_leaves_leaves_no_contact(gateway):
    set_contact(gateway)
    left = gateway.administer("organisation.leave", HOTLINE, reason="for the test")
    assert left.result["key"] == "destroyed"
    assert not contacts(gateway, HOTLINE)
    with gateway.ports.begin(TransactionMode.READ) as work:
        assert not work.cases.doomed(9)
    assert nowhere_stored(gateway, "E. One")


def test_a_refused_contact_is_not_repeated_by_the_refusal(gateway):
    values = {"role": "head", "name": "E. One", "address": "y"}
    refused(gateway, NotFound, "contact.set", "nobody-here", **values)
    assert nowhere_stored(gateway, "E. One")


def test_a_contact_takes_the_place_of_the_last_in_its_role_and_its_key_is_no_orphan(gateway):
    for name in ("E. One", "F. Two"):
        event = UUID(set_contact(gateway, name).result["event"])
    keys = gateway.ports.keys
    keys.old |= {UUID(int=n) for n in range(1, keys.made + 1)}
    erasure.destroy_orphan_keys(gateway.ports, None, rows_are_whole)
    assert contacts(gateway, HOTLINE) == [Contact(HOTLINE, "head", "F. Two", "e@x.example", event)]


@each(
    "changes, pointer",
    [
        ({"contacts": []}, "/contacts"),
        ({"contacts": "head"}, "/contacts"),
        ({"contacts": [{"role": "chef", "name": "x", "address": "y"}]}, "/contacts"),
        ({"contacts": [{"role": "head", "name": "x"}]}, "/contacts"),
        ({"contacts": ["head"]}, "/contacts"),
        ({"contacts": APPLICATION["contacts"][:1] * 2}, "/contacts"),
        ({"purposes": ["revenge"]}, "/purposes"),
        ({"membership": "chair"}, "/membership"),
        ({"description": "x" * 2001}, "/description"),
        ({"received_on": "yesterday"}, "/received_on"),
        ({"received_on": "2026-03-03"}, "/received_on"),
        ({"regimes": ["led"]}, "/regimes"),
        ({"name": " "}, "/name"),
    ],
)
def test_a_malformed_application_names_the_field_and_takes_no_id(gateway, changes, pointer):
    error = refused(
        gateway, ValidationFailed, "organisation.apply", NEW, **{**APPLICATION, **changes}
    )
    assert error.errors[0][0] == pointer
    assert gateway.organisation(NEW) is None


@pytest.mark.parametrize("day", ["2026-01-31", "2026-03-03", "soon"])
def test_a_decision_is_of_a_day_between_the_application_and_today(gateway, day):
    gateway.administer("organisation.apply", NEW, **APPLICATION)
    values = {**DECISION, "decided_on": day}
    error = refused(gateway, ValidationFailed, "organisation.approve", NEW, **values)
    assert error.errors[0][0] == "/decided_on"


def test_a_declined_application_is_over_and_its_id_stays_taken(gateway):
    gateway.administer("organisation.apply", NEW, **APPLICATION)
    gateway.administer("organisation.reject", NEW, **DECISION)
    assert gateway.organisation(NEW).status is Status.REJECTED
    for action, values in (
        ("organisation.apply", APPLICATION),
        ("organisation.approve", DECISION),
        (
            "organisation.admit",
            {one.name: APPLICATION[one.name] for one in CHANGES["organisation.admit"].fields},
        ),
        ("system.register", {"system": "desk", "scopes": ["cases.read"]}),
    ):
        gateway.unmade(Forbidden, Change(action, NEW, values))


def test_only_an_enrolled_organisation_becomes_active(gateway):
    gateway.administer("organisation.apply", NEW, **APPLICATION)
    gateway.administer("organisation.approve", NEW, **DECISION)
    refused(gateway, WrongState, "organisation.activate", NEW, reason="in a hurry")
    refused(gateway, WrongState, "organisation.activate", HOTLINE, reason="again")


def test_who_was_admitted_the_short_way_has_no_application_and_keeps_its_id(gateway):
    refused(gateway, AlreadyExists, "organisation.apply", HOTLINE, **APPLICATION)
    refused(gateway, WrongState, "organisation.approve", HOTLINE, **DECISION)


def test_who_only_applied_is_in_no_directory_and_cannot_ask(gateway):
    gateway.administer("organisation.apply", "a-first", **APPLICATION)
    gateway.administer("organisation.apply", NEW, **APPLICATION)
    me = caller(HOTLINE)
    listed = [o.organisation for o in organisations.page(gateway.ports, me, "", 2).items]
    assert len(listed) == 2
    assert not {"a-first", NEW} & set(listed)
    everybody = to_json(organisations.page(gateway.ports, me, "", 100).items)
    assert len(everybody) == 4
    assert isinstance(gateway.refusal(organisations.look_up, me, NEW).refusal, NotFound)
    assert isinstance(gateway.refusal(organisations.whoami, caller(NEW)).refusal, Forbidden)


def test_no_page_of_the_directory_leads_on_from_who_only_applied(gateway, monkeypatch):
    monkeypatch.setattr(results, "ROWS_LOOKED_AT", 1)
    gateway.administer("organisation.apply", "a-first", **APPLICATION)
    nothing_fits = organisations.DirectoryFilter(kind="nothing of the kind")
    page = organisations.page(gateway.ports, caller(HOTLINE), "", 9, nothing_fits)
    assert page == results.Page([], ABROAD)


def test_an_offer_does_not_tell_that_somebody_applied(gateway):
    gateway.administer("organisation.apply", NEW, **APPLICATION)
    case, told = UUID(submitted(gateway).result["case"]), []
    for to in (NEW, "hotline-nowhere"):
        asked = case, offer_of(gateway, to)
        told.append(gateway.unheard(ValidationFailed, HOTLINE, offers.offer, *asked).errors)
    assert told[0] == told[1]


def test_who_leaves_can_ask_nothing_and_stays_readable(gateway):
    gateway.administer("organisation.leave", OFMIN, reason="the office is closed")
    assert isinstance(gateway.refusal(organisations.whoami, caller(OFMIN)).refusal, Forbidden)
    seen = to_json(organisations.look_up(gateway.ports, caller(HOTLINE), OFMIN))
    assert (seen["active"], seen["membership"], seen["mandates"]) == (False, None, [])
    kept = gateway.organisation(OFMIN)
    assert kept.membership_on(date(2026, 3, 1)) is MembershipClass.OBSERVER
    assert kept.competences_on(date(2026, 3, 1)) == {"receive/csam/FR"}
    gateway.unmade(Forbidden, Change("organisation.reinstate", OFMIN, {"reason": "come back"}))


def test_a_step_of_a_simulated_day_stands_in_the_history_on_that_day():
    gateway = founded(simulated_reference_date=date(2024, 5, 6))
    gateway.administer("organisation.suspend", HOTLINE, reason="under review")
    assert gateway.organisation(HOTLINE).history[-1].since == date(2024, 5, 6)
