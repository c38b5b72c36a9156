"""The statement of a stream's end: what it says, and how nobody else can say it."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.audit_event import AuditEvent, EventDetail, EventResult, Party
from gateway.evidence import canonical, dated_statement, receipt, sd_jwt
from gateway.evidence.receipt import NotInLog, UnknownLog
from gateway.evidence.sd_jwt import BadSignature, DocumentError, UnknownKey
from gateway.ledger import tiles, tree
from gateway.ledger.note import Checkpoint, sign_checkpoint
from gateway.ledger.tree import entry_commitment
from gateway.verification import log_copy, stream
from gateway.verification.account import take_account
from gateway.verification.log_copy import VerifiedCopy, check_copy
from gateway.verification.report import Code, InputFile, StepResult, VerificationReport
from gateway.verification.trust import TrustAnchors
from tests.each import each
from tests.evidence.ingredients import SoftwareSigner, chance, es256
from tests.ledger.copies import Served
from tests.verification.logbook import ORIGIN, Logbook
from tests.verification.scenario import fact, keys_of

GATEWAY = "https://gateway.example.org"
ATTEST = es256("attest")
LOG = Logbook()
TRUST = TrustAnchors(log_keys=LOG.keys, origins=(ORIGIN,), gateway_keys=ATTEST.keys())
AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
NOTE = sign_checkpoint(Checkpoint(ORIGIN, 0, tree.EMPTY_ROOT), LOG.signer)


def issued(**changes) -> str:
    said = {
        "issuer": GATEWAY,
        "organisation": "police",
        "stream_number": 3,
        "note": NOTE,
        "at": AT,
        "signer": ATTEST,
        "random": chance("stream"),
    }
    return dated_statement.issue_dated(dated_statement.HEAD_TYP, **said | changes).compact()


def claimed(**claims) -> str:
    said = {"iss": GATEWAY, "aud": f"{GATEWAY}/organisations/police", "iat": 1, "stream_number": 1,
            "checkpoint": NOTE}  # fmt: skip
    return sd_jwt.issue(
        typ=dated_statement.HEAD_TYP,
        claims=said | claims,
        properties=(),
        arrays=(),
        signer=ATTEST,
        random=chance("claimed"),
    ).compact()


@given(st.integers(0, 2**53 - 1), st.datetimes(datetime(1970, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_what_is_stated_is_read(stream_number, at):
    head = stream.read_head(issued(stream_number=stream_number, at=at), TRUST)
    assert (head.organisation, head.stream_number, head.kid) == (
        "police",
        stream_number,
        ATTEST.kid,
    )
    assert head.at == at.replace(microsecond=0)
    assert (head.checkpoint.size, head.note) == (0, NOTE)


def test_another_key_does_not_speak_for_the_gateway():
    with pytest.raises(BadSignature):
        forger = SoftwareSigner(ATTEST.kid, ATTEST.alg, es256("other").private)
        stream.read_head(issued(signer=forger), TRUST)
    with pytest.raises(UnknownKey):
        stream.read_head(issued(signer=es256("other")), TRUST)
    with pytest.raises(UnknownKey):
        stream.read_head(issued(), TrustAnchors(LOG.keys, (ORIGIN,)))


def test_a_document_of_another_type_states_no_end():
    text = sd_jwt.issue(
        typ="casegate-offer+sd-jwt",
        claims={"iss": GATEWAY, "stream_number": 1},
        properties=(),
        arrays=(),
        signer=ATTEST,
        random=chance("other"),
    )
    with pytest.raises(DocumentError):
        stream.read_head(text.compact(), TRUST)


@each(
    "claims, match",
    [
        ({"stream_number": "1"}, "not a number"),
        ({"stream_number": -1}, "not a number"),
        ({"stream_number": True}, "not a number"),
        ({"iat": None}, "not a number"),
        ({"iat": 2**52}, "year"),
        ({"checkpoint": 1}, "checkpoint"),
        ({"aud": "police"}, "no organisation"),
        ({"aud": 1}, "no organisation"),
        ({"aud": "https://other.example.org/organisations/police"}, "no organisation"),
        ({"iss": "https://other.example.org"}, "no organisation"),
    ],
)
def test_a_statement_has_its_claims(claims, match):
    with pytest.raises(DocumentError, match=match):
        stream.read_head(claimed(**claims), TRUST)


def test_a_checkpoint_in_it_is_the_logs_own():
    with pytest.raises(UnknownLog):
        stream.read_head(claimed(checkpoint=NOTE.replace(ORIGIN, "elsewhere.example")), TRUST)
    with pytest.raises(NotInLog):
        stream.read_head(claimed(checkpoint=NOTE.replace("\n0\n", "\n1\n")), TRUST)


# --- Completeness: what is whole is proved, and each way of not being whole is named ---


POLICE, HOTLINE = "police", "hotline"


class Rising(dict):
    """Counters that go on whenever one is looked at."""

    def __getitem__(self, name: str) -> int:
        self["seen"] = self.get("seen", 0) + 1
        return self.get("seen", 0)


class Book(Logbook):
    """A log whose gateway states ends of streams, truly or not."""

    def happen(self, *parties: str, **changes: Any) -> int:
        """One more event of these parties; its entry."""
        made = AuditEvent(
            id=UUID(int=len(self.events)),
            action="handoff.offer",
            result=EventResult.ALLOWED,
            parties=tuple(Party(name, "actor") for name in parties),
            details=(EventDetail("by", "staff-1", frozenset({HOTLINE})),),
        )
        return self.record(replace(made, **changes), AT)

    def set_counter(self, organisation: str, to: int) -> None:
        """Lie: the organisation's next event gets the number after ``to``."""
        self._counters[organisation] = to

    def end(
        self, organisation: str = POLICE, stream_number: int | None = None, **changes
    ) -> InputFile:
        """The statement of an end, of today unless another note is given."""
        size = len(self.events)
        note = self.note(size)
        said = {
            "issuer": GATEWAY,
            "organisation": organisation,
            "stream_number": self._counters.get(organisation, 0)
            if stream_number is None
            else stream_number,
            "note": note,
            "at": AT,
            "signer": ATTEST,
            "random": chance("end"),
        }
        text = dated_statement.issue_dated(dated_statement.HEAD_TYP, **said | changes).compact()
        return InputFile(f"end-{size}", text.encode())

    def part(self, index: int, reader: str | None = POLICE) -> InputFile:
        """A receipt's file, proved by the log of today."""
        members = receipt.to_json(self.receipt(index, reader))
        return InputFile(f"{index}.json", json.dumps(members).encode())

    def parts(self, organisation: str = POLICE) -> list[InputFile]:
        """All receipts of an organisation."""
        return [
            self.part(index, organisation)
            for index, one in enumerate(self.events)
            if one.shown_to(organisation)
        ]


BOOK_TRUST = TrustAnchors(log_keys=Book().keys, origins=(ORIGIN,), gateway_keys=ATTEST.keys())


def prove(
    statements: Iterable[InputFile], receipts: Iterable[InputFile], trust: TrustAnchors = BOOK_TRUST
) -> VerificationReport:
    return stream.verify_stream(list(statements), receipts, trust)


def refused(verdict: VerificationReport, code: Code, step: int, words: str) -> None:
    """Exactly one step failed, and its words make the sentence."""
    (failed,) = [step for step in verdict.steps if step.outcome is StepResult.FAILED]
    assert (verdict.code, failed.number) == (code, step), verdict
    assert words in failed.detail, verdict
    assert failed.detail in verdict.sentence


def story(rounds: int = 4) -> Book:
    """A log in which every other event is the police's, too."""
    book = Book()
    for number in range(2 * rounds):
        book.happen(*((HOTLINE, POLICE) if number % 2 else (HOTLINE,)))
    return book


def test_a_whole_stream_is_proved_complete():
    book = story()
    verdict = prove([book.end()], book.parts())
    assert verdict.code == Code.VERIFIED, verdict
    assert verdict.kind == "stream"
    assert [step.number for step in verdict.steps] == list(range(1, 8))
    told = fact(verdict, "stream.complete")
    assert (told["organisation"], told["number"], told["size"]) == ("police", 4, 8)
    assert told["at"] == "2026-03-02T09:00:00Z"
    assert fact(verdict, "stream.last")["under"] == "operator_word"


def test_the_order_of_files_does_not_matter_and_a_file_may_be_there_twice():
    book = story()
    parts = book.parts()
    verdict = prove([book.end()], [*reversed(parts), parts[1]])
    assert verdict.code == Code.VERIFIED, verdict
    assert "1 repeated receipt" in verdict.steps[3].detail


def test_a_stream_without_events_is_complete():
    book = story()
    verdict = prove([book.end("observer")], [])
    assert fact(verdict, "stream.complete")["number"] == 0


@given(st.data())
def test_any_set_of_receipts_but_the_whole_is_named_incomplete(data):
    """Whatever is left out, the verdict names the first number that is missing."""
    parties = data.draw(
        st.lists(st.sampled_from([(HOTLINE,), (POLICE,), (HOTLINE, POLICE)]), max_size=12)
    )
    book = Book()
    for names in parties:
        book.happen(*names)
    parts = book.parts()
    kept = data.draw(st.sets(st.sampled_from(range(len(parts))) if parts else st.nothing()))
    verdict = prove([book.end()], [parts[number] for number in sorted(kept)])
    missing = sorted(set(range(len(parts))) - kept)
    if not missing:
        assert verdict.code == Code.VERIFIED, verdict
        return
    refused(verdict, Code.INCOMPLETE, 7, f"number {missing[0] + 1}")


@given(cut=st.integers(0, 4), more=st.integers(0, 3))
def test_a_receipt_after_the_statement_asks_for_a_newer_one(cut, more):
    book = story(cut)
    before = book.end()
    for _ in range(more):
        book.happen(POLICE)
    verdict = prove([before], book.parts())
    if more:
        refused(verdict, Code.INCOMPLETE, 7, f"to number {cut + more} at least")
    else:
        assert verdict.code == Code.VERIFIED, verdict
    assert prove([before, book.end()], book.parts()).code == Code.VERIFIED


def test_receipts_proved_by_logs_of_several_sizes_are_one_stream():
    book = story(2)
    early = book.parts()
    book.happen(POLICE)
    verdict = prove([book.end()], [*early, book.part(4)])
    assert verdict.code == Code.VERIFIED, verdict
    assert "2 sizes" in verdict.steps[5].detail


def test_what_was_not_compared_is_said_in_the_step_and_in_the_sentence():
    book = story(3)
    assert "stream.fork" not in keys_of(prove([book.end()], book.parts())), "one size is one root"
    early = book.parts()
    for party in (HOTLINE, HOTLINE, POLICE):
        book.happen(party)
    receipts = [*early, book.part(8)]
    verdict = prove([book.end()], receipts)
    assert "needs a copy of the log" in verdict.steps[5].detail
    assert "stream.fork" in keys_of(verdict)
    _, copy = log_copy.check_copy(Twin(book, 9).fetch, BOOK_TRUST)
    proved = stream.verify_stream([book.end()], receipts, BOOK_TRUST, copy)
    assert (proved.code, "stream.fork" in keys_of(proved)) == (Code.VERIFIED, False)


def test_receipts_whose_paths_meet_show_one_history_without_a_copy():
    book = story(2)
    early = book.parts()
    book.happen(POLICE)
    verdict = prove([book.end()], [*early, book.part(4)])
    assert (verdict.code, "stream.fork" in keys_of(verdict)) == (Code.VERIFIED, False)


def test_a_stated_end_of_any_size_costs_its_reader_nothing():
    book = story()
    verdict = prove([book.end(stream_number=2**53 - 1)], book.parts())
    refused(verdict, Code.INCOMPLETE, 7, "number 5, 6, 7, 8, 9 and more")
    assert f"{2**53 - 5} of" in verdict.sentence


def test_without_a_statement_nothing_is_complete():
    refused(prove([], story().parts()), Code.INCOMPLETE, 1, "missing")


def test_two_events_with_one_number_are_a_contradiction():
    book = story()
    book.set_counter(POLICE, 3)
    book.happen(POLICE)
    verdict = prove([book.end()], book.parts())
    refused(verdict, Code.CONTRADICTION, 4,
            "the number 4 belongs to 2 events (entries 7, 8)")  # fmt: skip


def test_one_event_with_two_numbers_is_a_contradiction():
    book = Book()
    made = AuditEvent(
        id=UUID(int=1),
        action="handoff.offer",
        result=EventResult.ALLOWED,
        parties=(Party(POLICE, "actor"), Party("police-2", "actor")),
    )
    # No honest gateway makes such a fact; the one here counts between the two.
    object.__setattr__(made, "parties", (Party(POLICE, "actor"), Party(POLICE, "recipient")))
    book._counters = Rising()
    book.record(made, AT)
    verdict = prove([book.end(stream_number=2)], [book.part(0)])
    refused(verdict, Code.CONTRADICTION, 4, "has the numbers 1, 2")


@each("stream_number", [2, 3])
def test_an_event_after_the_number_that_was_signed_as_the_last_is_a_contradiction(stream_number):
    book = story()
    verdict = prove([book.end(stream_number=stream_number)], book.parts())
    refused(verdict, Code.CONTRADICTION, 5, f"signed that {stream_number} is the last number")


def test_a_number_that_was_counted_before_its_event_is_a_contradiction():
    book = story(2)
    early = book.end(stream_number=3)
    book.happen(POLICE)
    refused(prove([early], book.parts()), Code.CONTRADICTION, 5, "entry 4 is number 3")


def test_numbers_that_run_against_the_log_are_a_contradiction():
    book = Book()
    book.set_counter(POLICE, 1)
    book.happen(POLICE)
    book.set_counter(POLICE, 0)
    book.happen(POLICE)
    verdict = prove([book.end(stream_number=2)], book.parts())
    refused(verdict, Code.CONTRADICTION, 5, "comes before number 1")


def test_two_statements_of_one_state_with_two_ends_are_a_contradiction():
    book = story()
    verdict = prove([book.end(), book.end(stream_number=9)], book.parts())
    refused(verdict, Code.CONTRADICTION, 1, "signed 4 as the last number among 8 entries")


def test_an_end_that_goes_back_is_a_contradiction():
    book = story()
    before = book.end()
    book.happen(HOTLINE)
    verdict = prove([book.end(stream_number=3), before], book.parts())
    refused(verdict, Code.CONTRADICTION, 1, "and 3 among 9 entries")


def test_two_histories_of_one_log_are_a_contradiction():
    """The receipts are of one history, the statement of another of the same size."""
    book, other = story(), Book()
    for number in range(8):
        other.happen(*((POLICE, HOTLINE) if number % 2 else (HOTLINE,)))
    verdict = prove([other.end()], book.parts())
    refused(verdict, Code.CONTRADICTION, 6, "two histories")
    assert verdict.proof


def test_statements_of_two_streams_do_not_belong_together():
    book = story()
    verdict = prove([book.end(), book.end(HOTLINE)], [])
    refused(verdict, Code.MISMATCH, 1, "several streams")


def test_the_receipt_of_another_party_gives_no_number():
    book = story()
    verdict = prove([book.end()], [book.part(0, HOTLINE)])
    refused(verdict, Code.MISMATCH, 3, "0.json")
    bare = {**json.loads(book.part(1).data), "disclosures": []}
    verdict = prove([book.end()], [InputFile("bare", json.dumps(bare).encode())])
    refused(verdict, Code.MISMATCH, 3, "does not name police as a party")


def test_a_receipt_that_the_log_does_not_prove_is_named():
    book = story()
    false = json.loads(book.part(1).data)
    false["document"] = false["document"].replace('"allowed"', '"denied"')
    verdict = prove([book.end()], [InputFile("false.json", json.dumps(false).encode())])
    refused(verdict, Code.NOT_IN_LOG, 2, "false.json")


def test_a_file_that_is_no_receipt_is_named():
    book = story()
    for data in (b"", b"[1]", b"\xff", b" " * (receipt.MAX_BYTES + 1)):
        verdict = prove([book.end()], [InputFile("junk.json", data)])
        refused(verdict, Code.UNKNOWN_FORMAT, 2, "junk.json")


def test_a_statement_that_is_none_is_named():
    refused(prove([InputFile("x.sd-jwt", b"\xff~")], []), Code.UNKNOWN_FORMAT, 1, "x.sd-jwt")
    book = story()
    forged = book.end(signer=SoftwareSigner(ATTEST.kid, ATTEST.alg, es256("other").private))
    refused(prove([forged], []), Code.BAD_SIGNATURE, 1, "end-8")


def test_without_keys_nothing_is_decided():
    book = story()
    no_gateway = TrustAnchors(BOOK_TRUST.log_keys, BOOK_TRUST.origins)
    no_log = TrustAnchors((), (), gateway_keys=BOOK_TRUST.gateway_keys)
    for trust in (no_gateway, no_log):
        verdict = prove([book.end()], book.parts(), trust)
        refused(verdict, Code.KEY_MISSING, 1, "end-8")


def test_a_receipt_of_another_trusted_log_does_not_belong_here():
    book, other = story(), Book("other.example.org/log")
    other.happen(POLICE)
    trust = TrustAnchors([*BOOK_TRUST.log_keys, *other.keys], (ORIGIN, other.origin), ATTEST.keys())
    verdict = prove([book.end()], other.parts(), trust)
    refused(verdict, Code.MISMATCH, 2, "another log")


def test_a_page_in_one_file_is_read_as_its_parts():
    book = story()
    members = {
        "head": 4,
        "signed_head": book.end().data.decode(),
        "events": [{"receipt": json.loads(part.data)} for part in book.parts()],
    }
    statements, receipts = stream.of_page(json.dumps(members).encode())
    assert prove(statements, receipts).code == Code.VERIFIED


@each("data", [b"", b"[]", b"{}", b'{"signed_head": "x"}',
                                  b'{"signed_head": "x", "events": [1]}'])  # fmt: skip
def test_what_is_no_page_is_refused(data):
    with pytest.raises(ValueError, match=r"."):
        stream.of_page(data)


def test_an_end_is_signed_over_what_it_says():
    """Each part of the signed text counts."""
    body = story().end().data.rstrip(b"~")
    for place in range(0, len(body), 41):
        changed = bytearray(body)
        changed[place] ^= 1
        assert prove([InputFile("e", bytes(changed) + b"~")], []).code != Code.VERIFIED


def copied(book: Book, size: int) -> VerifiedCopy:
    """A whole copy of another log of the same key, that shows events of its own."""
    served = Served(book.signer, size)
    verdict, copy = log_copy.check_copy(served.fetch, BOOK_TRUST)
    assert copy is not None, verdict
    return copy


class Twin(Served):
    """A server of the very entries of a book."""

    def __init__(self, book: Book, size: int) -> None:
        self._book = book
        super().__init__(book.signer, size)

    def grow(self, by: int) -> None:
        made = [entry_commitment(one.document, one.nonce) for one in self._book.events[: by or 0]]
        self.entries = made
        self._tiles, self._root = tiles.append(self._tile, 0, [tree.leaf_hash(one) for one in made])


def test_a_copy_of_the_log_is_held_against_all_that_was_signed():
    book = story(2)
    early, before = book.parts(), book.end()
    for _ in range(3):
        book.happen(POLICE)
    verdict, copy = log_copy.check_copy(Twin(book, 5).fetch, BOOK_TRUST)
    assert copy is not None, verdict
    late = [book.part(index) for index in (4, 5, 6)]
    proved = stream.verify_stream([before, book.end()], [*early, *late], BOOK_TRUST, copy)
    assert proved.code == Code.VERIFIED, proved
    assert "1 of 2 roots are those of the copy, 1 beyond it" in proved.steps[5].detail
    refused(
        stream.verify_stream([before, book.end()], [*early, *late], BOOK_TRUST, copied(book, 5)),
        Code.CONTRADICTION,
        6,
        "another root for 4 entries than the copy has",
    )


def test_a_copy_of_another_log_does_not_belong_here():
    book, other = story(), Book("other.example.org/log")
    trust = TrustAnchors([*BOOK_TRUST.log_keys, *other.keys], (ORIGIN, other.origin), ATTEST.keys())
    _, copy = log_copy.check_copy(Served(other.signer, 3).fetch, trust)
    verdict = stream.verify_stream([book.end()], book.parts(), trust, copy)
    refused(verdict, Code.MISMATCH, 6, "another log")


def test_a_copy_that_is_not_whole_is_not_opened():
    served = Served(story().signer, 3)
    served.lies["tile/0/000.p/3"] = b"x" * 96
    verdict, copy = log_copy.check_copy(served.fetch, BOOK_TRUST)
    assert (verdict.code, copy) == (Code.MISMATCH, None)


# --- The account of an audit: every entry of a copy is opened by a receipt, or withheld ---


def taken(book: Book, parts: Sequence[InputFile], size: int | None = None) -> VerificationReport:
    _, copy = check_copy(Twin(book, size or len(book.events)).fetch, BOOK_TRUST)
    assert copy is not None
    return take_account(parts, BOOK_TRUST, copy)


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
    report = take_account(everything(book), BOOK_TRUST, copied(book, 8))
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
