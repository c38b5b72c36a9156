"""What witnesses confirm of the log of a file, and what they do not."""

import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from time import process_time
from typing import Any

import pytest

from gateway.evidence import bundle, canonical, evidence_file
from gateway.evidence.evidence_file import ConfirmedCheckpoint, EvidenceFile
from gateway.evidence.receipt import to_json
from gateway.ledger.cosignature import Cosigner
from gateway.verification.report import Code, VerificationReport
from gateway.verification.trust import TrustAnchors
from gateway.verification.verifier import remembered_history, verify
from tests.each import each
from tests.verification.logbook import WITNESSED, Logbook, witness
from tests.verification.scenario import TRUST, Scenario, fact, keys_of

A, B, C = (witness(f"{name}.example.org") for name in "abc")


def trusting(*known: Cosigner, quorum: int = 1) -> TrustAnchors:
    return replace(TRUST, witnesses=[one.key for one in known], quorum=quorum)


KNOWN = trusting(A, B)


def told(*confirmed: ConfirmedCheckpoint, of: Scenario) -> bytes:
    return of.file(confirmed=tuple(confirmed))


def story(*witnesses: Cosigner) -> Scenario:
    """A handoff of three entries under a checkpoint that these witnesses cosigned."""
    made = Scenario().told("acceptance", "outcome")
    made.log.witnesses[:] = witnesses
    return made


def test_a_witness_confirms_the_checkpoint_of_the_file_and_later_as_well_as_earlier_ones() -> None:
    whole = story(A)
    found = fact(verify(whole.file(), KNOWN), "witnessed")
    at = "2026-01-03T00:00:00Z"
    assert (found["witness"], found["size"], found["at"]) == (A.name, 3, at)
    assert (found["source"], found["under"]) == ("witness", "proved")
    earlier = story()
    for size in (1, 2, 3):
        data = told(earlier.log.confirmed(size, A), of=earlier)
        assert fact(verify(data, KNOWN), "witnessed")["size"] == size
    shown = earlier.bundle()
    earlier.record("handoff.accept", None)  # the log goes on
    later = replace(shown, confirmed=(earlier.log.confirmed(4, A, to=3),))
    assert fact(verify(bundle.encode(later), KNOWN), "witnessed")["size"] == 4


def test_nothing_that_the_verifier_did_not_ask_for_is_said_of_witnesses() -> None:
    report = verify(story(A).file(), TRUST)
    assert "witnessed" not in keys_of(report)
    assert fact(report, "unwitnessed")["under"] == "not_proved"
    assert report.code == verify(story().file(), TRUST).code == Code.VERIFIED


def test_of_several_lines_of_a_witness_the_largest_tree_counts_and_its_earliest_time() -> None:
    made = story()
    late = made.log.confirmed(3, A, at=WITNESSED + timedelta(days=1))
    data = told(made.log.confirmed(2, A), late, made.log.confirmed(3, A), of=made)
    found = fact(verify(data, KNOWN), "witnessed")
    assert (found["size"], found["at"]) == (3, "2026-01-03T00:00:00Z")


@each("quorum, by, code", [
    (1, (), Code.INCOMPLETE), (1, (A,), Code.VERIFIED), (2, (A,), Code.INCOMPLETE),
    (2, (A, C), Code.INCOMPLETE), (2, (A, B), Code.VERIFIED), (2, (A, B, C), Code.VERIFIED),
])  # fmt: skip
def test_where_it_is_required_a_quorum_of_known_witnesses_confirms_the_log(
    quorum: int, by: tuple[Cosigner, ...], code: Code
) -> None:
    trust = trusting(A, B, quorum=quorum)
    assert verify(story(*by).file(), trust, require=("witnessed",)).code is code
    assert verify(story(*by).file(), trust).code is Code.VERIFIED


def test_who_confirmed_only_a_beginning_confirms_no_later_entry() -> None:
    made = story()
    data = told(made.log.confirmed(3, A), made.log.confirmed(2, B), of=made)
    asking = trusting(A, B, quorum=2)
    assert verify(data, asking, require=("witnessed",)).code is Code.INCOMPLETE
    found = fact(verify(data, asking), "unwitnessed.part")
    assert (found["number"], found["quorum"], found["entry"]) == (1, 2, 2)


def test_one_witness_by_two_names_or_with_two_keys_counts_once() -> None:
    twin, rolled = replace(A, name="b.example.org"), replace(B, name=A.name)
    for pair in ((A, twin), (A, rolled)):
        trust = trusting(*pair, quorum=2)
        report = verify(story(*pair).file(), trust, require=("witnessed",))
        assert report.code is Code.INCOMPLETE


def file_of(log: Logbook) -> bytes:
    receipts = tuple(log.receipt(index) for index in range(len(log.events)))
    about = {"events": [*range(len(receipts))], "records": []}
    return evidence_file.encode(EvidenceFile({"search": about}, (), receipts))


def receipt_of(log: Logbook) -> bytes:
    return canonical.encode(to_json(log.receipt(0)))


@each("file", [lambda log: story_of(log).file(), file_of, receipt_of])
def test_every_kind_of_file_with_a_checkpoint_shows_its_witnesses(
    file: Callable[[Logbook], bytes],
) -> None:
    log = story(A).log
    report = verify(file(log), KNOWN, require=("witnessed",))
    assert fact(report, "witnessed")["witness"] == A.name
    log.witnesses.clear()
    assert verify(file(log), KNOWN, require=("witnessed",)).code is Code.INCOMPLETE


def story_of(log: Logbook) -> Scenario:
    made = story()
    made.log.witnesses[:] = log.witnesses
    return made


def test_what_shows_no_log_is_witnessed_by_nobody() -> None:
    document = story().case.compact().encode()
    assert verify(document, KNOWN).code is Code.VERIFIED
    assert verify(document, KNOWN, require=("witnessed",)).code is Code.INCOMPLETE


def forged(data: bytes, change: Callable[[dict[str, Any]], None]) -> VerificationReport:
    """What is verified of a file in whose one log something was changed."""
    members = json.loads(data)
    (log,) = members["logs"].values()
    change(log)
    return verify(json.dumps(members).encode(), KNOWN)


def test_a_wrong_line_of_a_known_witness_is_named_and_spoils_no_file() -> None:
    made = story()
    other = story(A).log
    other.witnesses.clear()
    wrong = A.cosign("another text\n", WITNESSED)
    here = told(made.log.confirmed(2, A), of=made)

    def in_checkpoint(log: dict[str, Any]) -> None:
        log["checkpoint"] += wrong

    def in_earlier(log: dict[str, Any]) -> None:
        log["earlier"][0]["checkpoint"] = made.log.note(2) + wrong

    for change in (in_checkpoint, in_earlier):
        report = forged(here, change)
        assert report.code is Code.VERIFIED
        said = fact(report, "witness.wrong")
        assert (said["witness"], said["under"]) == (A.name, "not_proved")
        unknown = json.loads(here)
        (log,) = unknown["logs"].values()
        change(log)
        assert verify(json.dumps(unknown).encode(), trusting(B)).code is Code.VERIFIED


def test_a_checkpoint_that_no_proof_joins_to_the_file_is_refused() -> None:
    made, other = story(), Scenario(handoff=Scenario().handoff)
    other.told("decline")
    strange = replace(made.log.confirmed(2, A), note=other.log.note(2, A))
    unsigned = replace(made.log.confirmed(2, A), note=Logbook(key="another").note(0, A))
    for one in (
        replace(made.log.confirmed(2, A), consistency=()),
        replace(made.log.confirmed(2, A), consistency=made.log.confirmed(1).consistency),
        made.log.confirmed(0, A),
        strange,
        unsigned,
    ):
        assert verify(told(one, of=made), KNOWN).code is Code.NOT_IN_LOG


def test_two_histories_that_witnesses_saw_are_a_contradiction() -> None:
    """The one that the verifier remembers, and the one of the file."""
    made, other = story(), Scenario().told("decline")
    remembering = replace(KNOWN, checkpoints=[other.log.note(2)])
    data = told(made.log.confirmed(2, A), of=made)
    assert verify(data, remembering).code is Code.CONTRADICTION


def test_an_earlier_checkpoint_joins_what_the_verifier_remembers() -> None:
    log = Scenario().told(*["outcome"] * 7).log
    remembering = replace(KNOWN, checkpoints=[log.note(3)])
    about = {"search": {"events": [7], "records": []}}
    file = EvidenceFile(about, (), (log.receipt(7),))
    for confirmed, shown in (((), False), ((log.confirmed(3),), True)):
        data = evidence_file.encode(replace(file, confirmed=confirmed))
        known = remembered_history(remembering)
        assert verify(data, remembering, log_history=known).code is Code.VERIFIED
        assert known.is_shown(log.origin) is shown


@each("change", [
    lambda log: log.update(earlier={}),
    lambda log: log.update(earlier=[log["earlier"][0]] * 65),
    lambda log: log["earlier"][0].update(token="AA=="),
    lambda log: log["earlier"][0].pop("consistency"),
    lambda log: log["earlier"][0].update(consistency="=="),
    lambda log: log["earlier"][0].update(consistency=7),
    lambda log: log["earlier"][0].update(checkpoint=7),
    lambda log: log["earlier"][0].update(checkpoint="another\n1\n"),
    lambda log: log.update(stamps=[{**log["earlier"][0], "token": ""}]),
    lambda log: log.update(stamps=[{**log["earlier"][0], "token": "A"}]),
    lambda log: log.update(stamps=log["earlier"]),
    lambda log: log.update(later=[]),
])  # fmt: skip
def test_confirmed_checkpoints_have_one_form(change: Callable[[dict[str, Any]], None]) -> None:
    made = story()
    assert forged(told(made.log.confirmed(2, A), of=made), change).code is Code.UNKNOWN_FORMAT


def test_confirmed_checkpoints_are_read_as_they_were_written() -> None:
    log = story().log
    earlier, stamped = log.confirmed(1, A, B), replace(log.confirmed(2), token=b"\0token")
    file = EvidenceFile({"event": "x"}, (), (log.receipt(0),), (earlier, stamped))
    data = evidence_file.encode(file)
    assert evidence_file.read(json.loads(data)).confirmed == (earlier, stamped)
    bare = json.loads(evidence_file.encode(replace(file, confirmed=())))
    assert bare["logs"][log.origin].keys() == {"checkpoint", "entries"}


def test_witnesses_are_said_in_french() -> None:
    lines = "\n".join(verify(story(A).file(), KNOWN).sentences("fr"))
    assert "Le témoin a.example.org a constaté que les 3 premières entrées" in lines


def mutants_say_nothing_else(number: int) -> None:
    """Of so many lines none has another witness, time or size; most have none."""
    log, chance = story(A, B).log, random.Random(7)
    members = json.loads(receipt_of(log))
    proof, _, lines = members["proof"].rpartition("\n\n")
    own, *witnesses = lines.splitlines(keepends=True)
    honest = facts_of(canonical.encode(members))
    letters = "ABCxyz019+/= \n\N{EM DASH}."
    codes, others = Counter[Code](), 0
    for _ in range(number):
        text = "".join(witnesses)
        for _ in range(chance.choice((1, 1, 1, 2, 5))):
            at, one = chance.randrange(len(text)), chance.choice(letters)
            end = at + chance.randrange(3)
            text = text[:at] + chance.choice(("", one, one + text[at:end])) + text[end:]
        if chance.random() < 0.2:
            text = "".join(chance.sample([*text.splitlines(True), *witnesses], 2))
        data = canonical.encode({**members, "proof": f"{proof}\n\n{own}{text}"})
        code, said = facts_of(data)
        codes[code] += 1
        if code is Code.VERIFIED:
            assert said <= honest[1], text
            others += said < honest[1]
    assert set(codes) <= {Code.VERIFIED, Code.NOT_IN_LOG, Code.UNKNOWN_FORMAT}
    assert others > number * 0.07


def test_no_mutant_of_a_line_says_anything_else() -> None:
    mutants_say_nothing_else(400)


@pytest.mark.slow
def test_none_of_many_mutants_of_a_line_says_anything_else() -> None:
    mutants_say_nothing_else(4000)


def facts_of(data: bytes) -> tuple[Code, set[str]]:
    """What a file proves of witnesses."""
    report = verify(data, KNOWN)
    found = () if report.conclusion is None else report.conclusion.facts
    return report.code, {json.dumps(one.to_json()) for one in found if one.key == "witnessed"}


def test_as_many_checkpoints_as_a_file_may_have_cost_a_moment() -> None:
    log = Scenario().told(*["outcome"] * 70).log
    confirmed = tuple(log.confirmed(size, A, B) for size in range(7, 71))
    about = {"search": {"events": [3], "records": []}}
    data = evidence_file.encode(EvidenceFile(about, (), (log.receipt(3),), confirmed))
    began = process_time()
    assert verify(data, KNOWN).code is Code.VERIFIED
    assert process_time() - began < 2
