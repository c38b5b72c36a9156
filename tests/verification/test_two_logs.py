"""A handoff between two gateways, in one file over both logs."""

import json
import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.evidence import base64url
from gateway.verification.report import Code, VerificationReport
from gateway.verification.verifier import verify
from tests.each import each
from tests.verification.logbook import witness
from tests.verification.scenario import fact, keys_of
from tests.verification.test_left_out import convicted, details, parts, without
from tests.verification.test_mutants import added, mutant, recorded, same_version
from tests.verification.two_gateways import (
    BE,
    BOTH,
    DESK,
    FR,
    HERE,
    KEYS,
    THERE,
    TwoGateways,
    anchors,
    story,
)

BE_LOG = anchors(BE).log_keys[0].name


def check(one: TwoGateways, **changes: Any) -> VerificationReport:
    return verify(one.file(**changes), BOTH)


def test_a_file_over_two_logs_verifies_and_says_that_both_tell_the_same() -> None:
    made = story()
    report = check(made)
    assert report.code is Code.VERIFIED, report.failure
    both = fact(report, "both_logs")
    assert (both["log"], both["following"], both["number"]) == (made.fr.origin, made.be.origin, 5)
    assert both["under"] == "proved"
    assert fact(report, "state")["states"] == ["accepted", "partially_accepted"]
    for language, said in (("en", "tells the same"), ("fr", "dit la même chose")):
        text = " ".join(report.sentences(language))
        assert said in text
        assert f"{HERE} " in text
        assert "handoff.sent" not in text


def test_two_members_of_one_id_are_told_apart() -> None:
    report = check(story())
    offer, acceptance = fact(report, "offer"), fact(report, "acceptance")
    assert (offer["by"], offer["to"], acceptance["by"]) == (HERE, THERE, THERE)
    made = TwoGateways()
    word = made.word
    made.word = lambda home: word(FR)  # type: ignore[method-assign]
    made.offer()  # by the member of that id at the other gateway
    report = check(made)
    assert (report.code, "originator" in report.failure) == (Code.MISMATCH, True), report.failure


@each("home, code", [(BE, 17), (FR, 17), (None, 0)])
def test_a_gateway_attests_for_its_own_members_and_is_named(home: str | None, code: int) -> None:
    made = TwoGateways(attested=frozenset({home} - {None})).says("acceptance")
    report = check(made)
    assert report.code == code, report.failure
    if home is not None:
        assert {
            one.values["issuer"] for one in report.conclusion.facts if "attested" in one.key
        } == {home}


def test_keys_of_two_gateways_come_in_two_folders() -> None:
    data = story().file()
    assert verify(data, anchors(BE)).code is Code.KEY_MISSING
    assert verify(data, anchors(FR)).code is Code.KEY_MISSING
    assert verify(data, anchors(FR, anchors(BE))).code is Code.VERIFIED
    merged = replace(anchors(BE), issuer="", origins=(*BOTH.origins, *BOTH.others[0].origins))
    log_keys = (*BOTH.log_keys, *BOTH.others[0].log_keys)
    keys = {DESK: KEYS[BE].keys() | KEYS[FR].keys()}
    report = verify(data, replace(merged, log_keys=log_keys, organisations=keys))
    assert (report.code, "trust folder" in report.failure) == (Code.KEY_MISSING, True)
    swapped = replace(BOTH, issuer=FR, others=(replace(BOTH.others[0], issuer=BE),))
    assert verify(data, swapped).code not in (Code.VERIFIED, Code.ATTESTED)


def only(made: TwoGateways, gone: str) -> bytes:
    members = json.loads(made.file())
    del members["logs"][gone]
    return json.dumps(members).encode()


def test_a_file_that_lacks_one_of_the_logs_says_whose() -> None:
    made = story()
    lacking = verify(only(made, made.fr.origin), BOTH)
    assert (lacking.code, lacking.failure.endswith(f"ask {THERE}")) == (Code.INCOMPLETE, True)
    report = verify(only(made, made.be.origin), BOTH)
    assert report.code is Code.INCOMPLETE
    missing = fact(report, "both_logs.missing")
    assert (missing["gateway"], missing["organisation"]) == (BE, HERE)


def test_what_was_not_followed_yet_is_missed_in_no_log() -> None:
    made = TwoGateways().says("acceptance").says("outcome", followed=False)
    report = check(made)
    assert (report.code, fact(report, "both_logs")["number"]) == (Code.VERIFIED, 2)
    made.says("outcome")  # it was followed, and the one before not
    report = check(made)
    assert (report.code, fact(report, "followed.lacking")["number"]) == (Code.INCOMPLETE, 1)


def test_what_was_sent_and_is_not_shown_as_taken_in_is_incomplete() -> None:
    made = story()
    made.record(made.be, "handoff.send", made.answers[0].digest)
    report = check(made)
    assert report.code is Code.VERIFIED  # sent twice: the first counts
    made.recalls(taken_in=False)
    made.record(made.be, "handoff.send", made.recall.digest)
    assert check(made).code is Code.INCOMPLETE
    assert check(made, recall=None).code is Code.VERIFIED


def test_a_log_that_repeats_what_the_file_does_not_show_is_incomplete() -> None:
    made = story()
    members = json.loads(made.file())
    members["logs"][made.fr.origin]["entries"].pop()
    members["documents"] = [
        one for one in members["documents"] if one != made.answers[-1].compact()
    ]
    report = verify(json.dumps(members).encode(), BOTH)
    unshown = fact(report, "followed.unshown")
    assert (report.code, unshown["organisation"]) == (Code.INCOMPLETE, THERE)


def test_a_repeated_event_that_does_not_show_its_original_is_incomplete() -> None:
    for home, at in (("be", 1), ("fr", 2)):
        made = story()
        log = getattr(made, home)
        whole = json.loads(made.file())
        entries = whole["logs"][log.origin]["entries"]
        entries[at]["disclosures"] = [
            one for one in entries[at]["disclosures"] if b"peer_event" not in base64url.decode(one)
        ]
        report = verify(json.dumps(whole).encode(), BOTH)
        assert (report.code, fact(report, "followed.unnamed")["entry"]) == (Code.INCOMPLETE, at)


# --- Records that exclude each other ---


def _another_document(made: TwoGateways) -> None:
    """The follower says of an entry that it records another document."""
    decided = (made.fr, 1)
    made.repeat(decided, "handoff.accept", digest=made.packages[0][2].digest)


def _another_type(made: TwoGateways) -> None:
    made.repeat((made.fr, 1), "handoff.decline")


def _another_number(made: TwoGateways) -> None:
    made.moves = 7
    made.repeat((made.fr, 1), "handoff.accept")


def _another_entry(made: TwoGateways) -> None:
    """It says to repeat an entry that is another one."""
    made.record(made.be, "handoff.accept", made.answers[0].digest, (made.fr, 0))


def _another_case(made: TwoGateways) -> None:
    made.repeat((made.fr, 1), "handoff.accept", package_digest=base64url.digest(b"x"))


@each("forge", [_another_document, _another_type, _another_number, _another_entry, _another_case])
def test_two_records_that_exclude_each_other_are_a_contradiction(
    forge: Callable[[TwoGateways], None],
) -> None:
    made = TwoGateways().says("acceptance", followed=False)
    forge(made)
    report = check(made)
    assert report.code in (Code.CONTRADICTION, Code.MISMATCH), report.failure
    if report.code is Code.CONTRADICTION:
        texts = [text.encode() for _, text in report.proof]
        assert len(texts) == 2
        assert {verify(one, BOTH).code for one in texts} == {Code.VERIFIED}


def test_a_log_that_follows_in_another_order_is_a_contradiction() -> None:
    made = TwoGateways().says("acceptance")
    for _ in range(2):
        made.says("outcome", followed=False)
    for at, number in ((3, 4), (2, 3)):
        made.moves = number
        made.repeat((made.fr, at), "handoff.report_outcome")
    report = check(made)
    assert (report.code, "after entry" in report.failure) == (Code.CONTRADICTION, True)


def test_an_entry_that_says_to_repeat_one_of_a_third_log_is_not_believed() -> None:
    made = TwoGateways().says("acceptance", followed=False)
    other = TwoGateways().says("acceptance")
    other.fr.origin = "gateway.xx.example/log"
    made.record(made.be, "handoff.accept", made.answers[0].digest, (other.fr, 1))
    assert check(made).code is Code.INCOMPLETE


# --- A recall ---


def consulted(made: TwoGateways) -> TwoGateways:
    opened = made.record(made.fr, "case.consult", None)
    made.repeat(opened, "case.consult")
    return made


def test_what_was_opened_after_the_recall_was_taken_in_was_let_through() -> None:
    made = consulted(TwoGateways().says("acceptance").recalls())
    report = check(made)
    assert (report.code, "the recall" in report.failure) == (Code.LET_THROUGH, True)


def test_a_consultation_that_crossed_the_recall_was_let_through_by_nobody() -> None:
    """It was opened before the recall came, and its record followed the recall at home."""
    made = TwoGateways().says("acceptance")
    opened = made.record(made.fr, "case.consult", None)
    made.recalls()
    made.repeat(opened, "case.consult")
    report = check(made)
    assert report.code is Code.VERIFIED, report.failure


# --- Whatever is left out, or changed ---


@each("home, code", [("be", Code.VERIFIED), ("fr", Code.MISMATCH)])
def test_the_decision_of_a_recall_is_told_by_its_own_gateway_alone(home: str, code: Code) -> None:
    made = TwoGateways().says("acceptance").recalls()
    bare = {"handoff": None, "package_digest": None}
    made.record(getattr(made, home), "case.recall", made.recall.digest, **bare)
    report = check(made)
    assert report.code is code, report.failure


def whole() -> TwoGateways:
    made = consulted(story()).recalls()
    return made.says("recall_acknowledgement", recall=made.recall.digest)


@pytest.mark.slow
def test_nothing_that_is_left_out_of_either_log_convicts_anybody() -> None:
    members, chance = json.loads(whole().file()), random.Random(23)
    every = list(parts(members))
    some = [chance.sample(every, chance.randint(2, len(every) - 1)) for _ in range(60)]
    gone = [[one] for one in every] + some
    assert not [found for one in gone for found in convicted(without(members, *one), BOTH, one)]
    left = enumerate(details(members))
    assert not [found for n, one in left for found in convicted(one, BOTH, n)]


@pytest.mark.slow
def test_no_mutant_of_a_file_over_two_logs_verifies_with_a_changed_meaning() -> None:
    data, chance, codes = consulted(story()).file(), random.Random(20261130), list[Code]()
    originals, events = [verify(data, BOTH, version=n) for n in (None, 1)], recorded(data, BOTH)
    events += [replace(one, values={**one.values, "other_log": BE_LOG}) for one in events]
    assert originals[0].code is Code.VERIFIED
    for _ in range(10_000):
        changed = mutant(data, chance)
        report = verify(changed, BOTH)
        codes.append(report.code)
        if report.passed:
            assert not added(report, same_version(report, originals), events), changed
    assert codes.count(Code.VERIFIED) < 10_000


def test_each_log_has_its_own_witnesses() -> None:
    made, by = story(), witness()
    made.be.witnesses.append(by)
    trust = replace(BOTH, witnesses=(by.key,))
    report = verify(made.file(), trust)
    assert fact(report, "witnessed")["log"] == made.be.origin
    assert fact(report, "unwitnessed")["log"] == made.fr.origin
    assert verify(made.file(), trust, require=("witnessed",)).code is Code.INCOMPLETE
    made.fr.witnesses.append(by)
    report = verify(made.file(), trust, require=("witnessed",))
    assert keys_of(report).count("witnessed") == 2


# --- A second check, which has none of our code ---


def second_check(data: bytes, folder: Path, *vkeys: str) -> subprocess.CompletedProcess[str]:
    file = folder / "handoff.json"
    file.write_bytes(data)
    script = Path(__file__).with_name("check_two_logs.py")
    command = [sys.executable, "-I", str(script), str(file), *vkeys]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_a_program_without_our_code_finds_the_same_of_both_logs_and_all_cosignatures(
    tmp_path: Path,
) -> None:
    made, by = whole(), [witness("a.example.org"), witness("b.example.org")]
    made.be.witnesses[:], made.fr.witnesses[:] = by, by[:1]
    keys = [made.be.signer.vkey, made.fr.signer.vkey, *(str(one.key) for one in by)]
    data = made.file()
    found = json.loads(second_check(data, tmp_path, *keys).stdout)
    trust = replace(BOTH, witnesses=[one.key for one in by])
    report = verify(data, trust)
    said = [one for one in report.conclusion.facts if one.key == "witnessed"]
    logs = found["logs"].items()
    lines = {(origin, name) for origin, log in logs for name in log["witnesses"]}
    assert lines == {(one.values["log"], one.values["witness"]) for one in said}
    assert [log["entries"] for log in found["logs"].values()] == [
        len(made.be.events),
        len(made.fr.events),
    ]
    assert found["compared"] == 10
    for change in (
        lambda members: members["logs"][made.be.origin]["entries"][3].update(index=4),
        lambda members: members["logs"][made.fr.origin]["entries"][1].update(nonce="A" * 43),
        lambda members: members["logs"].update({made.be.origin: members["logs"][made.fr.origin]}),
    ):
        members = json.loads(data)
        change(members)
        changed = json.dumps(members).encode()
        assert "NOT verified" in second_check(changed, tmp_path, *keys).stderr
        assert verify(changed, trust).code not in (Code.VERIFIED, Code.ATTESTED)
    assert "no key" in second_check(data, tmp_path, *keys[1:]).stderr
    forged = TwoGateways().says("acceptance", followed=False)
    _another_case(forged)
    assert "differ in package_digest" in second_check(forged.file(), tmp_path, *keys).stderr
    assert check(forged).code not in (Code.VERIFIED, Code.ATTESTED)
