"""Checks of settings: what is accepted has one spelling, and what is not says what it should be."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import checks
from gateway.checks import host_and_port


@given(st.text(max_size=30))
def test_an_address_that_is_accepted_is_written_in_one_way_only(text: str) -> None:
    try:
        host, port = host_and_port(text)
    except ValueError:
        return
    shown = f"[{host}]" if ":" in host else host
    assert text.rpartition(":")[0] == shown
    assert 0 < port < 65_536


@pytest.mark.parametrize(
    ("check", "value", "expected"),
    [
        (checks.text, "two\nlines", "without control characters"),
        (checks.slug, "Gateway", "of a-z, 0-9"),
        (checks.origin, "https://Gateway.example", "in lower case"),
        (checks.origin, "https://gateway.example/", "nothing after"),
        (checks.origin, "https://gateway.example:70000", "from 1 to 65535"),
        (checks.address, "unix:/run/x.sock", "host:port"),
        (checks.address_or_socket, "unix:run/x.sock", "absolute path"),
        (checks.local, "0.0.0.0:9000", "loopback"),
        (checks.whole(1, 64), True, "whole number from 1 to 64"),
        (checks.seconds(0.5, 120), 0.4, "seconds from 0.5 to 120"),
        (checks.yes_or_no, "yes", "without quotes"),
        (checks.time_zone, "Paris", "IANA"),
        (checks.log_origin, "https://gateway.example/log", "without scheme"),
        (checks.database, "mysql://user:secret@host/name", "sqlite:///"),
        (checks.day, "2020-01-01", "without quotes"),
    ],
)
def test_what_is_not_accepted_says_what_is_expected_and_not_what_came(
    check: Any, value: Any, expected: str
) -> None:
    with pytest.raises(ValueError, match=expected) as refused:
        check(value)
    assert str(value) not in str(refused.value)
