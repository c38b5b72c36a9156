"""How long an approval counts, and for what; that it is used once is in `test_changes`."""

import secrets
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gateway.domain.refusals import InvalidApproval
from gateway.evidence import declarations, sd_jwt
from gateway.evidence.declarations import APPROVAL_LIFE, MAX_SKEW
from gateway.kernel.changes import Change
from gateway.kernel.transact import RecordedRefusal
from tests.each import each
from tests.founded_gateway import ALICE, BENOIT, HOTLINE, Founded, make_change
from tests.ports import ISSUER, START, key_of

CHANGE = Change("organisation.suspend", HOTLINE, {"reason": "under review"})
TICK = timedelta(seconds=1)


def administered(gateway: Founded, after: timedelta) -> None:
    """Make the change when approvals of it are so old."""
    signed_at = START + timedelta(days=7)
    gateway.ports = replace(gateway.ports, now=lambda: signed_at)
    gateway.clock = lambda: signed_at  # type: ignore[assignment]
    approvals = gateway.approve(CHANGE, ALICE, BENOIT)
    gateway.ports = replace(gateway.ports, now=lambda: signed_at + after)
    gateway.do(make_change, CHANGE, approvals)


@pytest.mark.parametrize("age", [-MAX_SKEW, timedelta(0), APPROVAL_LIFE])
def test_an_approval_counts_to_the_edges_of_its_time(gateway: Founded, age: timedelta) -> None:
    administered(gateway, age)
    assert gateway.organisation(HOTLINE).status == "suspended"


@each("age", [-MAX_SKEW - TICK, APPROVAL_LIFE + TICK])
def test_an_approval_beyond_its_time_is_refused(gateway: Founded, age: timedelta) -> None:
    with pytest.raises(RecordedRefusal) as refused:
        administered(gateway, age)
    assert isinstance(refused.value.refusal, InvalidApproval)
    assert gateway.organisation(HOTLINE).status == "active"


@pytest.mark.parametrize(
    "said",
    [
        {"action": "organisation.leave"},
        {"aud": [ISSUER, "https://other.example"]},
        {"aud": "https://other.example"},
        {"note": "and whatever else"},
    ],
)
def test_an_approval_says_in_clear_what_its_digest_says_and_nothing_else(
    gateway: Founded, said: dict[str, Any]
) -> None:
    approvals = gateway.approve(CHANGE, ALICE, BENOIT)
    heading = sd_jwt.read_unverified(approvals[0]).claims
    signed = sd_jwt.issue(
        typ=declarations.APPROVAL_TYP,
        claims={**heading, **said},
        properties=(),
        arrays=(),
        signer=key_of(ALICE),
        random=secrets.token_bytes,
    )
    with pytest.raises(RecordedRefusal) as refused:
        gateway.do(make_change, CHANGE, (signed.compact(), approvals[1]))
    assert isinstance(refused.value.refusal, InvalidApproval)
    gateway.do(make_change, CHANGE, approvals)
