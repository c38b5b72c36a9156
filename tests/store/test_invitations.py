"""Invitations are kept with what became of them; nothing of who was invited changes."""

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.domain.refusals import AlreadyExists
from gateway.kernel.ports import TransactionMode
from tests.store.samples import NOON, certificate, invitation, new_id, organisation, system


@pytest.fixture
def stored(store):
    made = invitation()
    with store.begin(TransactionMode.REGISTRY) as work:
        work.organisations.add(organisation())
        work.organisations.add_system(system())
        work.invitations.add(made)
        work.commit()
    return made


def test_an_invitation_is_found_by_its_token(store, stored):
    with store.begin(TransactionMode.READ) as work:
        assert work.invitations.by_token(stored.token_sha256) == stored
        assert work.invitations.by_token("u" * 43) is None


def test_no_two_invitations_have_one_token(store, stored):
    with store.begin(TransactionMode.REGISTRY) as work, pytest.raises(AlreadyExists):
        work.invitations.add(invitation())


def test_certificates_that_end_in_a_time_are_found_in_order_without_the_revoked(store, stored):
    ends = [NOON + timedelta(days=days) for days in (3, 1, 2, 4)]
    made = [replace(certificate(n), not_after=end) for n, end in enumerate(ends)]
    with store.begin(TransactionMode.REGISTRY) as work:
        for one in made:
            work.organisations.add_certificate(one)
        work.organisations.save_certificate(replace(made[2], revoked_at=NOON))
        work.organisations.save_certificate(replace(made[0], reminded=14))
        work.commit()
    with store.begin(TransactionMode.READ) as work:
        found = work.organisations.expiring(NOON, NOON + timedelta(days=3))
        assert found == [made[1], replace(made[0], reminded=14)]
        assert work.organisations.expiring(made[1].not_after, made[1].not_after) == []


def test_those_that_can_be_used_still_come_in_pages_and_no_other(store, stored):
    others = [invitation(letter * 43) for letter in "abcdef"]
    used, withdrawn, over, *waiting = others
    with store.begin(TransactionMode.REGISTRY) as work:
        for one in (used, withdrawn, replace(over, expires_at=NOON), *waiting):
            work.invitations.add(one)
        work.invitations.save(replace(used, key="key", request=new_id()))
        work.invitations.save(replace(withdrawn, withdrawn_at=NOON))
        work.commit()
    with store.begin(TransactionMode.READ) as work:
        assert work.invitations.open(NOON, None, 2) == [stored, waiting[0]]
        assert work.invitations.open(NOON, waiting[0].id, 9) == waiting[1:]
