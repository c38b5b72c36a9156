"""Every fact has one source: it decides the heading, and the exit code follows from the facts."""

import json
import random
import re
from dataclasses import replace
from datetime import timedelta
from itertools import islice

import pytest

from gateway.domain.answers import ANSWERS, AnswerAuthor
from gateway.domain.audit_event import READABLE_EVENTS, EventDetail
from gateway.evidence.receipt import parse
from gateway.text import catalogue
from gateway.verification import history
from gateway.verification.history import LogHistory
from gateway.verification.report import Code, Conclusion, Fact, VerificationReport
from gateway.verification.sources import ACTS, GAPS, HEADINGS, SOURCES, Source
from gateway.verification.trust import confirm_receipt
from gateway.verification.verifier import verify
from tests.each import each
from tests.verification.kept import trust_folder
from tests.verification.scenario import (
    AT,
    TRUST,
    Scenario,
    fact,
    keys_of,
)
from tests.verification.test_kept import EXPECTED, FOLDER, left
from tests.verification.test_mutants import mutant

SENTENCES = catalogue._TABLES["sentences"]
OF_EVIDENCE = {
    "coverage.erased",
    "coverage.kept",
    "coverage.kept_until",
    "case", "offer.reissued", "reissue", "lapse", "elements", "elements.document", "sealed",
    "state", "reissued_from.original",
}  # fmt: skip
"""Facts that have the source of the document in which they were found, and are no act."""


@each("key", sorted(SENTENCES))
def test_each_fact_has_one_source_and_a_sentence_in_both_languages(key: str) -> None:
    assert (key in SOURCES) + (key in ACTS) + (key in OF_EVIDENCE) == 1
    english, french = SENTENCES[key]
    assert english != french
    assert set(re.findall(r"\{(\w+)\}", english)) == set(re.findall(r"\{(\w+)\}", french)) - {"nb"}


def test_each_source_has_one_heading_and_each_source_and_act_their_code() -> None:
    assert sorted(one for found in HEADINGS.values() for one in found) == sorted(Source)
    authors = {kind.name: kind.author for kind in ANSWERS.values()}
    assert {one for one in authors if authors[one] is not AnswerAuthor.GATEWAY} <= ACTS
    for act in ACTS:
        for source in Source:
            only = source in (Source.VOUCHED, Source.OPERATOR)
            code = Conclusion([Fact(act, given=source)]).code
            assert code is (Code.ATTESTED if only else Code.VERIFIED)
    for gap in GAPS:
        facts = [Fact(gap), Fact("offer", given=Source.OPERATOR), Fact("simulated")]
        assert Conclusion(facts).code is Code.INCOMPLETE
        assert Conclusion(facts[1:]).code is Code.ATTESTED
        assert Conclusion(facts[2:]).code is Code.SIMULATED


def require_own_signatures(name: str, most: int | None = None) -> None:
    """Over a kept file, and at ``most`` so many of what is left of it."""
    trust = trust_folder(FOLDER / "trust")
    for data in islice(left((FOLDER / "files" / name).read_bytes()), most):
        report = verify(data, trust)
        if report.conclusion is None:
            continue
        told = report.conclusion.under("signed")
        own = {(o.values["by"], o.values["kid"]) for o in told if o.key.startswith("signed")}
        acts = [one for one in told if one.key in ACTS and one.key != "case.alone"]
        assert all((o.values["by"], o.values["kid"]) in own for o in acts if "kid" in o.values)
        assert not {"dated", "mandate", "key.registered", "erased"} & {o.key for o in told}
        assert {one.source for one in report.conclusion.under("recorded")} <= {Source.LOG}


@each("name", sorted(EXPECTED))
def test_nothing_that_its_author_did_not_sign_stands_under_signed(name: str) -> None:
    require_own_signatures(name, 6)


@pytest.mark.slow
@each("name", sorted(EXPECTED))
def test_nothing_of_what_is_left_stands_under_signed_that_its_author_did_not_sign(
    name: str,
) -> None:
    require_own_signatures(name)


def test_a_code_that_says_something_worse_hides_no_demonstration() -> None:
    folder = FOLDER / "bundle-3"
    data = (folder / "files/bundle-after-succession.json").read_bytes()
    told = verify(data, trust_folder(folder / "trust"))
    assert (told.code, told.is_demonstration) == (Code.ATTESTED, True)
    assert told.to_json()["demonstration"] is True
    assert "DEMONSTRATION" in told.headline
    assert verify(Scenario().file(), TRUST).to_json()["demonstration"] is False


# --- Keys that only the gateway named ---


VOUCHED = replace(TRUST, vouched=frozenset({("police", "police-key")}))


def test_an_act_that_is_signed_with_a_key_that_only_the_gateway_named_is_its_word() -> None:
    data = Scenario().told("acceptance").file()
    told = verify(data, VOUCHED)
    assert told.code is Code.ATTESTED
    assert fact(told, "acceptance")["source"] == "vouched"
    assert fact(told, "vouched.logged")["under"] == "operator_word"
    assert fact(told, "offer")["under"] == "proved"
    refused = verify(data, VOUCHED, require=("signed",))
    assert (refused.code, refused.failure) == (
        Code.ATTESTED,
        "only the gateway named the key of police",
    )
    alone = verify(Scenario().say("acceptance").compact().encode(), VOUCHED)
    assert alone.code is Code.ATTESTED


# --- Several histories, numbers, times ---


def two_checkpoints() -> tuple[Scenario, bytes]:
    """A file whose first receipt is under an earlier checkpoint than the others."""
    story = Scenario()
    for _ in range(4):
        story.record("case.read", None, handoff=None)
        story.indexes.pop()
        if len(story.log.events) == 3:
            early = story.log.receipt(0)
    story.told("acceptance", "outcome")
    whole = story.bundle()
    return story, story.former(receipts=(early, *whole.receipts[1:]))


def test_checkpoints_of_one_file_that_nothing_joins_make_it_incomplete() -> None:
    story, data = two_checkpoints()
    told = verify(data, TRUST)
    assert told.code is Code.INCOMPLETE
    assert fact(told, "unjoined")["number"] == 2
    assert fact(told, "state")["under"] == "operator_word"
    assert told.steps[8].outcome == "not_shown"
    assert "one_history" not in keys_of(verify(story.file(), TRUST))


def test_a_copy_of_the_log_joins_them_or_shows_the_other_history() -> None:
    story, data = two_checkpoints()
    tree = history.of_receipt(confirm_receipt(story.log.receipt(4), TRUST))
    early = history.of_receipt(confirm_receipt(parse_first(data), TRUST)).checkpoint
    known = LogHistory()
    known.add_copy(tree, {early.size: early.root, tree.size: tree.checkpoint.root}.__getitem__)
    told = verify(data, TRUST, log_history=known)
    assert told.code is Code.VERIFIED, told.sentence
    assert fact(told, "one_history")["under"] == "proved"
    known = LogHistory()
    known.add_copy(tree, {early.size: b"x" * 32, tree.size: tree.checkpoint.root}.__getitem__)
    assert verify(data, TRUST, log_history=known).code is Code.CONTRADICTION


def parse_first(data: bytes):
    return parse(json.dumps(json.loads(data)["receipts"][0]).encode())


def numbered(story: Scenario, kind: str, number: str) -> None:
    both = frozenset({story.originator, story.recipient})
    story.answers.append(story.answer(kind))
    details = (EventDetail("sequence", number, both),)
    action = {"acceptance": "handoff.accept", "decline": "handoff.decline"}[kind]
    story.record(action, story.answers[-1].digest, details=details)


def test_two_files_with_one_number_of_a_handoff_contradict_each_other() -> None:
    accepted, declined = Scenario(), Scenario()
    declined.log = accepted.log
    numbered(accepted, "acceptance", "2")
    numbered(declined, "decline", "2")
    known = LogHistory()
    first, second = (verify(one.file(), TRUST, log_history=known) for one in (accepted, declined))
    assert first.passed
    assert second.code is Code.CONTRADICTION
    assert "gave number 2 of the handoff" in second.failure
    assert [suffix for suffix, _ in second.proof] == [history.RECEIPT_SUFFIX] * 2
    for _, text in second.proof:
        assert verify(text.encode(), TRUST).kind == "receipt"


def test_two_events_with_one_number_of_a_stream_contradict_each_other() -> None:
    story = Scenario().told("acceptance")
    story.log._counters.clear()
    told = verify(story.told("outcome").file(), TRUST)
    assert told.code is Code.CONTRADICTION
    assert "gave number 1 of hotline to entry 0 and to entry 2" in told.failure


def test_an_entry_that_is_dated_before_an_earlier_one_contradicts_it() -> None:
    story = Scenario().told("acceptance")
    number = len(story.log.events)
    story.answers.append(story.answer("outcome", at=AT - timedelta(days=2)))
    event = story.log.record
    story.log.record = lambda made, at: event(made, AT - timedelta(days=1))  # type: ignore
    story.record("handoff.report_outcome", story.answers[-1].digest)
    told = verify(story.file(), TRUST)
    assert told.code is Code.CONTRADICTION, told.sentence
    assert told.failure == f"the gateway dates entry {number} before entry {number - 1}"


# --- Dates and versions ---


def test_a_date_is_its_authors_and_a_later_record_is_told_beside_it() -> None:
    story = Scenario()
    event = story.log.record
    story.log.record = lambda made, at: event(made, at + timedelta(days=60))  # type: ignore
    told = verify(story.told("acceptance").file(), TRUST)
    late = fact(told, "late")
    assert (late["under"], late["signed"][:10], late["at"][:10]) == (
        "operator_word", "2026-01-02", "2026-03-03",
    )  # fmt: skip
    assert told.conclusion is not None
    proved = [one for one in told.conclusion.under("signed") if one.key in ACTS]
    for one in proved:
        assert "2026" not in catalogue.sentence(one.key, one.values, {}, "en")
    dated = [
        one.values["document"]
        for one in told.conclusion.under("stated")
        if one.key.startswith("dated")
    ]
    assert dated == ["case", "offer", "acceptance"]


def test_an_answer_names_its_version_and_the_newest_is_not_taken_for_accepted() -> None:
    story = Scenario().told("acceptance").updated()
    told = verify(story.file(), TRUST)
    assert fact(told, "acceptance")["version"] == 1
    assert fact(told, "version.unanswered")["version"] == 2
    assert told.conclusion is not None
    assert told.conclusion.shown.get("version", 1) == 1
    assert fact(told, "elements")["version"] == 1
    newest = verify(story.file(), TRUST, version=2).conclusion
    assert newest is not None
    assert newest.shown["version"] == 2
    taken = verify(story.told("acknowledgement").file(), TRUST)
    assert taken.conclusion is not None
    assert taken.conclusion.shown["version"] == 2
    assert "version.unanswered" not in keys_of(taken)


# --- What a party wrote ---


FORGED = 'late) That document is signed by ofmin itself. (counter-signed by the "court" » \u201d'


@each("language", list(catalogue.LANGUAGES))
def test_what_a_party_wrote_stands_on_a_line_of_its_own_in_marks_that_it_cannot_end(
    language: str,
) -> None:
    story = Scenario()
    story.say("decline", reason=FORGED)
    lines = verify(story.file(), TRUST).sentences(language)
    (quoted,) = (one for one in lines if "counter-signed" in one)
    begins, ends = ("Stated reason: \u201c", "\u201d") if language == "en" else (
        "Motif, tel que déclaré\N{NO-BREAK SPACE}: «\N{NO-BREAK SPACE}", "\N{NO-BREAK SPACE}»",
    )  # fmt: skip
    assert quoted.startswith(begins)
    assert quoted.endswith(ends)
    inner = quoted.removeprefix(begins).removesuffix(ends)
    assert not set(inner) & set('()[]«»\u201c\u201d"')


def test_a_receipt_fails_who_requires_a_partys_signature() -> None:
    receipt = Scenario().told("acceptance").bundle().receipts[1]
    data = json.dumps(history.receipt.to_json(receipt)).encode()
    assert verify(data, TRUST).code is Code.VERIFIED
    refused = verify(data, TRUST, require=("signed",))
    assert (refused.code, refused.passed) == (Code.ATTESTED, False)


def test_a_recall_verifies_alone() -> None:
    recall = Scenario().told("acceptance").recalled().recall
    assert recall is not None
    told = verify(recall.compact().encode(), TRUST)
    assert told.code is Code.VERIFIED, told.sentence
    assert fact(told, "recall.alone")["code"] == "unlawful"


# --- French: no raw code, type or English rest ---


def french_reports() -> list[VerificationReport]:
    trust = trust_folder(FOLDER / "trust")
    return [verify((FOLDER / "files" / name).read_bytes(), trust) for name in sorted(EXPECTED)]


def test_no_event_type_and_no_code_of_several_words_stands_in_a_french_report() -> None:
    types = {event for event, *_ in READABLE_EVENTS.values()}
    for report in french_reports():
        for line in report.sentences(catalogue.FRENCH):
            assert not [one for one in types if re.search(rf"\b{re.escape(one)}\b", line)], line
            assert not re.findall(r"(?<![\w/-])[a-z]+_[a-z_]+(?![\w/-])", line), line


ENGLISH = re.compile(r"\b(the|is|are|has|of|not|cannot|and|which)\b")


def test_no_reason_for_which_a_mutant_is_refused_stays_english() -> None:
    chance, trust = random.Random(11), trust_folder(FOLDER / "trust")
    files = [(FOLDER / "files" / name).read_bytes() for name in sorted(EXPECTED)]
    refused = {verify(mutant(chance.choice(files), chance), trust).failure for _ in range(500)}
    assert len(refused) > 50
    for failure in filter(None, refused):
        french = catalogue.reason(failure, catalogue.FRENCH)
        assert french != failure
        assert not ENGLISH.search(french), french


@each("table", ["events", "acts", "values", "fields", "results", "states"])
def test_each_word_has_its_french(table: str) -> None:
    events = {event for event, *_ in READABLE_EVENTS.values()}
    assert table != "events" or catalogue._TABLES["events"].keys() == events
    assert table != "acts" or {k.name for k in ANSWERS.values()} <= catalogue._TABLES["acts"].keys()
    for code, words in catalogue._TABLES[table].items():
        assert len(words) == 2, code
        assert not re.search(r" [:;?!]|'", words[1]), words


@pytest.mark.parametrize("text, french", [
    ("2026-01-02T03:04:05.000Z", "2 janvier 2026 à 3 h 04 (UTC)"),
    ("2026-08-01", "1er août 2026"),
    ("not a time", "not a time"),
])  # fmt: skip
def test_a_moment_is_written_as_people_write_it(text: str, french: str) -> None:
    assert catalogue.moment(text, catalogue.FRENCH) == french
