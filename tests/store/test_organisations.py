"""The registry is kept whole, changed only under its lock, and never by two at once."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from gateway.domain.audit import AuditAccess, CaseId
from gateway.domain.lifecycle import UNSEEN
from gateway.domain.mandate import Period
from gateway.domain.organisation import MemberDocumentKey, MemberEncryptionKey, Status
from gateway.kernel.ports import TransactionMode
from tests.store.samples import (
    NOON,
    certificate,
    competence,
    contact,
    new_id,
    organisation,
    person,
    system,
)


def saved(store, *organisations):
    with store.begin(TransactionMode.REGISTRY) as work:
        for made in organisations:
            work.organisations.add(made)
        work.commit()


def test_audit_grants_come_back_as_they_were_given(store):
    whole = AuditAccess(new_id(), date(2026, 3, 1), date(2026, 4, 1), "board")
    made = organisation(
        audit_access=(
            whole,
            replace(whole, id=new_id(), member="police", person="auditor-1", ended_at=NOON),
            replace(whole, id=new_id(), case=CaseId("police", new_id())),
        )
    )
    saved(store, made)
    with store.begin(TransactionMode.READ) as work:
        assert work.organisations.get("hotline") == made


def test_an_organisation_comes_back_as_it_was_stored(store):
    made = organisation(
        mandates=(
            competence("hotline", "grooming"),
            replace(competence("hotline"), period=Period(date(2023, 1, 1), date(2023, 11, 1))),
        )
    )
    saved(store, made, organisation("abroad", memberships=(), mandates=(), regimes=frozenset()))
    with store.begin(TransactionMode.READ) as work:
        assert work.organisations.get("hotline") == made
        assert work.organisations.get("abroad").memberships == ()
        assert work.organisations.get("abroad").mandates == ()
        assert work.organisations.get("nobody") is None


def test_keys_to_sign_with_and_to_seal_to_come_back_each_as_what_they_are(store):
    made = organisation(
        document_keys=(
            MemberDocumentKey("a", "{}", NOON, new_id()),
            MemberDocumentKey("d", "{}", NOON, new_id(), NOON + timedelta(days=1), new_id()),
        ),
        encryption_keys=(
            MemberEncryptionKey(
                "b", "{}", NOON, new_id(), NOON + timedelta(days=1), new_id(), "word"
            ),
            MemberEncryptionKey("c", "{}", NOON, new_id()),
        ),
    )
    saved(store, made)
    with store.begin(TransactionMode.READ) as work:
        assert work.organisations.get("hotline") == made


def test_an_organisation_without_application_or_decision_comes_back_so(store):
    bare = organisation("bare", application=None, history=(), interests=(), agreements=())
    asking = organisation()
    asking = replace(asking, application=replace(asking.application, decision=None))
    saved(store, bare, asking)
    with store.begin(TransactionMode.READ) as work:
        assert work.organisations.get("bare") == bare
        assert work.organisations.get("hotline") == asking


def test_a_contact_is_kept_for_each_role_and_replaced_by_the_next(store):
    saved(store, organisation(), organisation("abroad"))
    first, second, other = contact(), contact(name="B. Person"), contact(role="head")
    with store.begin(TransactionMode.REGISTRY) as work:
        keys = [
            work.organisations.set_contacts(one.organisation, [one])
            for one in (first, second, other, contact("abroad"))
        ]
        work.commit()
    with store.begin(TransactionMode.READ) as work:
        assert work.organisations.contacts("hotline") == [other, second]
        assert work.organisations.contacts("nobody") == []
        assert {*work.cases.doomed(9)} == {*keys[:2]}
        assert {*work.cases.sealing(keys)} == {*keys[2:]}


def test_a_contact_is_of_an_organisation(store):
    with store.begin(TransactionMode.REGISTRY) as work, pytest.raises(RuntimeError):
        work.organisations.set_contacts("nobody", [contact("nobody")])


def test_an_organisation_is_replaced_with_its_competences(store):
    made = organisation()
    saved(store, made)
    changed = replace(
        made,
        status=Status.SUSPENDED,
        memberships=made.memberships[:1],
        mandates=(competence("hotline", "grooming"), *made.mandates),
        version=2,
    )
    with store.begin(TransactionMode.REGISTRY) as work:
        work.organisations.save(changed)
        work.commit()
    with store.begin(TransactionMode.READ) as work:
        assert work.organisations.get("hotline") == changed


def test_a_competence_belongs_to_one_organisation(store):
    made = organisation()
    saved(store, made)
    with store.begin(TransactionMode.REGISTRY) as work, pytest.raises(RuntimeError):
        work.organisations.add(organisation("abroad", mandates=made.mandates))


def test_organisations_come_in_pages_by_byte_order_of_their_ids(store):
    slugs = ["a-z", "aa", "ab", "a1", "a-b", "zz"]
    saved(store, *(organisation(slug) for slug in slugs))
    found, after = [], ""
    with store.begin(TransactionMode.READ) as work:
        while page := work.organisations.page(after, 2):
            assert len(page) <= 2
            found += page
            after = page[-1].slug
    assert [made.slug for made in found] == sorted(slugs)
    assert all(made.mandates for made in found)


def test_a_page_of_what_members_may_know_of_leaves_out_who_only_asked(store):
    statuses = {f"{status}-one": status for status in Status}
    saved(store, *(organisation(slug, status=status) for slug, status in statuses.items()))
    with store.begin(TransactionMode.READ) as work:
        everybody, seen = work.organisations.page("", 9), work.organisations.page("", 9, seen=True)
        first = work.organisations.page("", 2, seen=True)
    assert {one.status for one in everybody} == set(Status)
    assert {one.status for one in everybody} - {one.status for one in seen} == UNSEEN
    assert first == seen[:2]


def test_holders_are_the_active_mandates_of_a_function_in_a_matter(store):
    ended = replace(competence("police"), period=Period(date(2020, 1, 1), date(2020, 2, 1)))
    sending = replace(competence("police"), function="send")
    police = organisation("police", mandates=(ended, sending, competence("police", "grooming")))
    suspended = organisation("abroad", status=Status.SUSPENDED)
    hotline = organisation("hotline", mandates=(competence("hotline", territory="BE"),))
    newer = organisation("a-police")
    saved(store, police, suspended, hotline, newer)
    with store.begin(TransactionMode.READ) as work:
        found = work.organisations.holders("receive", "csam")
        assert list(found) == [newer.mandates[0], hotline.mandates[0], ended]
        assert list(work.organisations.holders("send", "csam")) == [sending]
        assert list(work.organisations.holders("route", "csam")) == []


def test_an_organisation_has_a_system_while_one_is_enabled(store):
    saved(store, organisation())

    def has_one() -> bool:
        with store.begin(TransactionMode.READ) as work:
            return work.organisations.has_system("hotline")

    assert not has_one()
    with store.begin(TransactionMode.REGISTRY) as work:
        work.organisations.add_system(system())
        work.commit()
    assert has_one()
    with store.begin(TransactionMode.REGISTRY) as work:
        work.organisations.save_system(replace(system(), enabled=False))
        work.commit()
    assert not has_one()


def test_systems_are_listed_under_their_organisation(store):
    saved(store, organisation(), organisation("abroad"))
    with store.begin(TransactionMode.REGISTRY) as work:
        work.organisations.add_system(system(name="later"))
        work.organisations.add_system(system())
        work.organisations.add_system(system("abroad"))
        work.commit()
    with store.begin(TransactionMode.READ) as work:
        assert list(work.organisations.systems("hotline")) == [system(), system(name="later")]


def test_keys_of_a_system_are_replaced_as_a_whole(store):
    saved(store, organisation())
    for keys in ([], ["one"], ["two", "one"], ["three"], []):
        with store.begin(TransactionMode.REGISTRY) as work:
            if work.organisations.system("hotline", "intake") is None:
                work.organisations.add_system(system())
            work.organisations.set_client_keys("hotline", "intake", keys)
            work.commit()
        with store.begin(TransactionMode.READ) as work:
            assert list(work.organisations.client_keys("hotline", "intake")) == keys
            assert list(work.organisations.client_keys("hotline", "other")) == []


@pytest.fixture
def certified(store):
    saved(store, organisation())
    with store.begin(TransactionMode.REGISTRY) as work:
        work.organisations.add_system(system())
        # The one recorded last is the newest, even when it ends first.
        for number, days in ((2, 90), (1, 30)):
            made = replace(certificate(number), not_after=NOON + timedelta(days=days))
            work.organisations.add_certificate(made)
        work.commit()
    return store


def test_certificates_are_listed_in_the_order_of_their_issue(certified):
    with certified.begin(TransactionMode.READ) as work:
        found = work.organisations.certificates("hotline", "intake")
        assert [made.thumbprint for made in found] == ["thumbprint-2", "thumbprint-1"]


def test_revoked_certificates_are_listed_while_they_would_be_valid(certified):
    with certified.begin(TransactionMode.REGISTRY) as work:
        for number in (1, 2):
            made = work.organisations.certificate(f"thumbprint-{number}")
            work.organisations.save_certificate(replace(made, revoked_at=NOON))
        work.commit()
    with certified.begin(TransactionMode.READ) as work:
        both = work.organisations.revoked(NOON)
        assert [made.thumbprint for made in both] == ["thumbprint-1", "thumbprint-2"]
        assert both[0].revoked_at == NOON
        (one,) = work.organisations.revoked(NOON + timedelta(days=30))
        assert one.thumbprint == "thumbprint-2"


def test_persons_are_listed_by_id(store):
    with store.begin(TransactionMode.REGISTRY) as work:
        work.organisations.add_person(person("second"))
        work.organisations.add_person(person("first"))
        work.commit()
    with store.begin(TransactionMode.READ) as work:
        assert list(work.organisations.persons()) == [person("first"), person("second")]
