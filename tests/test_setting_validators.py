"""Checks of settings: what is accepted has one spelling, and what is not says what it should be."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import setting_validators
from gateway.domain.organisation import KINDS
from gateway.domain.outcome import ConsultationNotice
from gateway.domain.vocabulary import Urgency
from gateway.setting_validators import host_and_port
from tests.each import each

TERMS = setting_validators.terms(Urgency, KINDS)


def test_terms_are_read_by_class_and_kind_of_organisation() -> None:
    read = TERMS(["priority judicial 120", "normal hotline 24"])
    assert read[Urgency.PRIORITY, "judicial"] == timedelta(hours=120)
    assert read[Urgency.NORMAL, "hotline"] == timedelta(hours=24)
    assert TERMS([]) == {}


@given(st.text(max_size=30))
def test_an_address_that_is_accepted_is_written_in_one_way_only(text: str) -> None:
    try:
        host, port = host_and_port(text)
    except ValueError:
        return
    shown = f"[{host}]" if ":" in host else host
    assert text.rpartition(":")[0] == shown
    assert 0 < port < 65_536


@each(
    "check, value, expected",
    [
        (setting_validators.text, "two\nlines", "without control characters"),
        (setting_validators.slug, "Gateway", "of a-z, 0-9"),
        (setting_validators.origin, "https://Gateway.example", "in lower case"),
        (setting_validators.origin, "https://gateway.example/", "nothing after"),
        (setting_validators.origin, "https://gateway.example:70000", "from 1 to 65535"),
        (setting_validators.contact, "security@gateway.example", "mailto:name@host"),
        (setting_validators.address, "unix:run/x.sock", "absolute path"),
        (setting_validators.local, "0.0.0.0:9000", "loopback"),
        (setting_validators.integer(1, 64), True, "whole number from 1 to 64"),
        (setting_validators.word(ConsultationNotice), "all", "one of none, first, each"),
        (setting_validators.number(0.5, 120, "seconds"), 0.4, "seconds from 0.5 to 120"),
        (setting_validators.boolean, "yes", "without quotes"),
        (setting_validators.command, "/bin/true --quiet", "a list of texts"),
        (setting_validators.command, [], "a list of texts"),
        (TERMS, "priority hotline 5", "each pair once"),
        (TERMS, ["priority judicial 745"], "each pair once"),
        (TERMS, ["priority court 120"], "each pair once"),
        (TERMS, ["priority judicial 120", "priority judicial 24"], "each pair once"),
        (setting_validators.time_zone, "Paris", "IANA"),
        (setting_validators.log_origin, "https://gateway.example/log", "without scheme"),
        (setting_validators.database, "mysql://user:secret@host/name", "sqlite:///"),
        (setting_validators.day, "2020-01-01", "without quotes"),
    ],
)
def test_what_is_not_accepted_says_what_is_expected_and_not_what_came(
    check: Any, value: Any, expected: str
) -> None:
    with pytest.raises(ValueError, match=expected) as refused:
        check(value)
    assert str(value) not in str(refused.value)
