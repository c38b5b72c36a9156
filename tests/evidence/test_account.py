"""The account of an audit: every entry of a copy is opened by a receipt, or told to be withheld."""

from collections.abc import Sequence

from gateway.domain.audit_event import EventDetail
from gateway.evidence import account, canonical
from gateway.evidence.log_copy import open_copy
from gateway.evidence.report import Code, InputFile, VerificationReport
from tests.each import each
from tests.evidence.scenario import fact, keys_of
from tests.evidence.test_stream import BOOK_TRUST, HOTLINE, POLICE, Book, Twin, copied, story


def taken(book: Book, parts: Sequence[InputFile], size: int | None = None) -> VerificationReport:
    _, copy = open_copy(Twin(book, size or len(book.events)).fetch, BOOK_TRUST)
    assert copy is not None
    return account.take(parts, BOOK_TRUST, copy)


def everything(book: Book) -> list[InputFile]:
    """What an auditor of the whole log is shown."""
    return [book.part(index, None) for index in range(len(book.events))]


def test_a_search_of_the_whole_log_opens_every_entry() -> None:
    book = story()
    report = taken(book, everything(book))
    assert report.code == Code.VERIFIED, report
    told = fact(report, "account")
    assert (told["size"], told["opened"], told["withheld"]) == (8, 8, 0)
    assert report.conclusion is not None
    parties = {f.values["organisation"]: f.values for f in report.conclusion.proved[1:]}
    assert {name: (one["number"], one["missing"]) for name, one in parties.items()} == {
        HOTLINE: (8, 0),
        POLICE: (4, 0),
    }


@each("left_out", range(7))
def test_an_entry_that_is_not_shown_is_counted_and_named(left_out: int) -> None:
    book = story()
    parts = everything(book)
    del parts[left_out]
    report = taken(book, parts)
    assert report.code == Code.INCOMPLETE
    told = fact(report, "account")
    assert (told["opened"], told["withheld"]) == (7, 1)
    assert fact(report, "account.withheld")["entry"] == left_out


def test_entries_after_all_that_is_shown_are_told_apart() -> None:
    """What came after a search is not called withheld; nor is it proved that nothing was."""
    book = story()
    report = taken(book, everything(book)[:-2])
    assert report.code == Code.INCOMPLETE
    later = fact(report, "account.later")
    assert (later["entry"], later["number"]) == (6, 2)
    assert "account.withheld" not in keys_of(report)


def test_a_number_that_is_left_out_of_a_party_is_missing() -> None:
    """An event that is withheld leaves a gap between the numbers of each of its parties."""
    book = story()
    parts = everything(book)
    del parts[3]
    report = taken(book, parts)
    assert report.conclusion is not None
    found = {f.values["organisation"]: f.values["missing"] for f in report.conclusion.proved[1:]}
    assert found == {HOTLINE: 1, POLICE: 1}


def test_a_number_that_was_given_twice_is_a_contradiction() -> None:
    book = story()
    book.set_counter(POLICE, 2)
    book.happen(POLICE)
    assert taken(book, everything(book)).code == Code.CONTRADICTION


def test_another_entry_than_the_copy_has_is_a_contradiction() -> None:
    book = story()
    report = account.take(everything(book), BOOK_TRUST, copied(book, 8))
    assert report.code == Code.CONTRADICTION


def test_what_is_later_than_the_copy_is_counted_apart() -> None:
    book = story()
    report = taken(book, everything(book), size=5)
    assert report.code == Code.VERIFIED
    assert fact(report, "account.beyond")["number"] == 3


def test_a_changed_receipt_is_no_part_of_an_account() -> None:
    book = story()
    parts = everything(book)
    changed = InputFile("x", parts[0].data.replace(b'"nonce": "', b'"nonce": "A'))
    assert not taken(book, [changed, *parts[1:]]).passed


def test_details_that_ended_are_counted_by_who_acted() -> None:
    book = story()
    for _ in range(2):
        told = {"organisation": POLICE, "first": 0, "last": 4, "entries": 3, "details": 7}
        said = EventDetail("subject", canonical.encode(told).decode(), frozenset({POLICE}))
        book.happen(POLICE, action="log.erase_details", details=(said,))
    ended = fact(taken(book, everything(book)), "account.details_erased")
    assert (ended["organisation"], ended["entries"], ended["details"]) == (POLICE, 6, 14)
