"""An invitation is used once, for one key, in 72 hours, unless it is withdrawn."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from gateway.domain.invitation import LIFE, TOKEN, Invitation
from gateway.domain.refusals import InvitationUnusable

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MADE = Invitation(UUID(int=1), "hotline", "desk", "d" * 43, ("martin", "dubois"), NOON + LIFE)
REQUEST, ANOTHER = UUID(int=2), UUID(int=3)


def test_it_is_used_for_the_first_key_that_comes():
    used = MADE.use("key", REQUEST, NOON)
    assert (used.key, used.request) == ("key", REQUEST)


def test_the_same_key_goes_on_where_it_was_interrupted():
    used = MADE.use("key", REQUEST, NOON)
    assert used.use("key", ANOTHER, NOON + timedelta(hours=71)) is used


def test_another_key_is_refused_for_ever():
    used = MADE.use("key", REQUEST, NOON)
    with pytest.raises(InvitationUnusable):
        used.use("another", ANOTHER, NOON)


def test_it_ends_after_72_hours_for_everybody():
    used = MADE.use("key", REQUEST, NOON)
    last = NOON + LIFE - timedelta(microseconds=1)
    assert used.use("key", ANOTHER, last) is used
    for one in (MADE, used):
        with pytest.raises(InvitationUnusable, match="expired"):
            one.use("key", ANOTHER, NOON + LIFE)


def test_once_withdrawn_it_is_refused_and_not_withdrawn_again():
    gone = MADE.withdraw(NOON, served=False)
    with pytest.raises(InvitationUnusable, match="withdrawn"):
        gone.use("key", REQUEST, NOON)
    with pytest.raises(InvitationUnusable, match="before"):
        gone.withdraw(NOON, served=False)


def test_what_a_certificate_came_of_is_not_withdrawn_any_more():
    used = MADE.use("key", REQUEST, NOON)
    with pytest.raises(InvitationUnusable, match="revoke"):
        used.withdraw(NOON, served=True)
    assert used.withdraw(NOON, served=False).withdrawn_at == NOON


def test_a_token_is_256_bits_in_base64url():
    assert TOKEN.fullmatch("A" * 43)
    for other in ("A" * 42, "A" * 44, "A" * 42 + "=", "A" * 42 + "\n", ""):
        assert not TOKEN.fullmatch(other)
