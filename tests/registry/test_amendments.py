"""Two administrators correct what the entry of an organisation says of it."""

from typing import Any

import pytest

from gateway.domain.refusals import ValidationFailed, WrongState
from gateway.kernel.changes import Change
from tests.founded_gateway import ABROAD, ALICE, BENOIT, Founded
from tests.founding import founded
from tests.log_check import check_log

AMENDED: dict[str, Any] = {"name": "A hotline, rightly spelled", "country": "NL"}


@pytest.fixture
def gateway() -> Founded:
    return founded()


def change(**values: Any) -> Change:
    return Change("organisation.amend", ABROAD, {**values, "reason": "a typing error"})


def test_what_is_named_is_corrected_and_the_rest_stays_also_for_who_rebuilds_it(gateway):
    before = gateway.organisation(ABROAD)
    gateway.administer("organisation.amend", ABROAD, **AMENDED, reason="a typing error")
    now = gateway.organisation(ABROAD)
    assert (now.name, now.country) == (AMENDED["name"], AMENDED["country"])
    assert (now.kind, now.regimes, now.history) == (before.kind, before.regimes, before.history)
    check_log(gateway)


def test_who_is_no_public_authority_does_not_come_under_led(gateway):
    gateway.unmade(ValidationFailed, change(regimes=["led"]), ALICE, BENOIT)


def test_what_the_entry_says_already_is_no_correction(gateway):
    gateway.unmade(WrongState, change(name=gateway.organisation(ABROAD).name), ALICE, BENOIT)
    gateway.unmade(WrongState, change(), ALICE, BENOIT)
