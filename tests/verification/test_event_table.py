"""The table of events says what receipts show, and is compared with them."""

import csv
import io

import pytest

from gateway.verification import event_table
from gateway.verification.report import Mismatch
from gateway.verification.trust import confirm_receipt
from tests.each import each
from tests.verification.scenario import TRUST, Scenario

ROWS = [
    event_table.cells(confirm_receipt(one, TRUST))
    for one in Scenario().told("acceptance").bundle().receipts
]
TEXT = event_table.to_csv(ROWS)


@each("first", [*"=+-@\t\r\n \x00\u00a0\u2003\u200b\ufeff\uff1d\uff0b\uff0d\uff20\u2212"])
def test_no_cell_of_a_table_begins_like_a_formula(first: str) -> None:
    rows = [{"reason": f"{first}1+1", "entry": "1"}]
    written = event_table.to_csv(rows)
    (row,) = csv.DictReader(io.StringIO(written, newline=""))
    assert row == {"reason": f"'{first}1+1", "entry": "1"}
    event_table.require_same(written.encode(), rows)


def test_a_table_verifies_with_the_columns_that_it_has() -> None:
    event_table.require_same(TEXT.encode(), ROWS)
    fewer = [{name: row[name] for name in ("entry", "result")} for row in ROWS]
    event_table.require_same(event_table.to_csv(fewer).encode(), ROWS)
    event_table.require_same(b"", [])


@each(
    "text",
    [
        "",
        TEXT.replace("allowed", "denied", 1),
        TEXT.replace("entry,", "verdict,", 1),
        TEXT.replace("time,", "entry,", 1),
        TEXT.replace("hotline", "police", 1),
        "\r\n".join(TEXT.split("\r\n")[:2]),
        "\r\n".join([*TEXT.split("\r\n")[:2], TEXT.split("\r\n")[1], ""]),
        TEXT.replace("\r\n", ",\r\n"),
        '"',
    ],
)
def test_a_table_that_says_anything_else_is_found_out(text: str) -> None:
    with pytest.raises(Mismatch, match="the table"):
        event_table.require_same(text.encode(), ROWS)


def test_a_table_that_is_no_text_is_found_out() -> None:
    with pytest.raises(Mismatch, match="cannot be read"):
        event_table.require_same(b"\xff\xfe", ROWS)
