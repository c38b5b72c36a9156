"""What time-stamp authorities confirm of the entries of a file, and what they do not."""

import json
import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from gateway.evidence import bundle, time_stamp
from gateway.evidence.evidence_file import ConfirmedCheckpoint
from gateway.ledger.note import (
    Checkpoint,
    NoteSigner,
    parse_checkpoint,
    sign_checkpoint,
    split,
)
from gateway.text import catalogue
from gateway.verification.report import Code, VerificationReport
from gateway.verification.verifier import verify
from tests.each import each
from tests.time_stamping import Authority, new_root
from tests.verification.scenario import AT, TRUST, Scenario, fact, keys_of
from tests.verification.test_confirmations import A, file_of, story
from tests.verification.test_mutants import mutant

HOUR = timedelta(hours=1)
MINE, OTHER = Authority(time=AT + HOUR), Authority(new_root("Other"), time=AT + HOUR)
KNOWN = replace(TRUST, authorities=MINE.roots)
S = "CN=Time Stamps"


def stamp(
    made: Scenario, size: int, by: Authority = MINE, *, to: int | None = None, text: bytes = b""
) -> ConfirmedCheckpoint:
    """A checkpoint of so many entries, stamped."""
    bare = made.log.confirmed(size, to=to)
    return replace(bare, token=by.stamp(text or time_stamp.stamped_text(bare.note)))


def stamped(*sizes: int, by: Authority = MINE, later: timedelta = HOUR) -> VerificationReport:
    """A file of three entries, with stamps of beginnings of its log, an hour after each other."""
    made = story()
    stamps = [
        stamp(made, size, replace(by, time=AT + HOUR + number * later))
        for number, size in enumerate(sizes)
    ]
    return verify(made.file(confirmed=tuple(stamps)), KNOWN)


def said(report: VerificationReport, key: str) -> list[dict[str, Any]]:
    """The values of all facts of a key."""
    assert report.conclusion is not None, report
    return [dict(one.values) for one in report.conclusion.facts if one.key == key]


def test_an_entry_was_in_the_log_before_the_first_stamp_of_a_checkpoint_that_holds_it() -> None:
    report = stamped(1, 3)
    one, rest = fact(report, "stamped"), fact(report, "stamped.several")
    assert (one["first"], one["before"], one["authority"]) == (0, "2026-01-02T04:04:06Z", S)
    assert (one["source"], one["under"]) == ("authority", "proved")
    assert (rest["first"], rest["last"], rest["number"]) == (1, 2, 2)
    assert rest["before"] == "2026-01-02T05:04:06Z"
    assert report.code is Code.VERIFIED


def test_the_report_says_it_in_two_languages_with_its_limits_beside_it() -> None:
    english, french = (stamped(3).sections(language)["confirmed"] for language in ("en", "fr"))
    assert english == [
        "Entries 0 to 2 of this file (3) were in the log log.example.org/casegate before 2 Jan "
        f"2026, 04:05 UTC, by the time-stamp authority {S}.",
        f"Whether {S} was qualified, and its certificate not revoked then, this program does not "
        "check.",
    ]
    assert french[0].startswith("Les entrées 0 à 2 de ce fichier (3) étaient dans le journal")
    assert "avant le 2 janvier 2026 à 4 h 05 (UTC), selon l’autorité d’horodatage" in french[0]
    assert french[1].startswith("Ce programme ne vérifie ni que")


def test_an_act_that_is_signed_recorded_and_stamped_says_all_three() -> None:
    report = stamped(3)
    keys = [one["entry"] for one in said(report, "signed.stamped")]
    assert sorted(keys) == [0, 1, 2]
    (line,) = [one for one in report.sections("en")["signed"] if "accepted version 1" in one]
    assert "which" not in line
    assert "recorded as entry 1, and time-stamped before 2 Jan 2026, 04:05 UTC." in line
    assert "signed.logged" not in keys_of(report)
    assert {"times", "times.others"} & {*keys_of(report)} == {"times.others"}
    assert said(stamped(1), "signed.logged"), "what is not stamped says so little as before"


@each("later", [0, 3])
def test_a_stamp_of_a_longer_log_shows_the_entries_of_the_file_too(later: int) -> None:
    made = story()
    shown = made.bundle()
    for _ in range(later):
        made.record("handoff.accept", None)
    one = stamp(made, 3 + later, to=3)
    report = verify(bundle.encode(replace(shown, confirmed=(one,))), KNOWN)
    assert fact(report, "stamped.several")["last"] == 2


def test_of_two_authorities_the_earlier_time_counts() -> None:
    made = story()
    both = (stamp(made, 3), stamp(made, 3, replace(OTHER, time=AT + HOUR / 2)))
    trust = replace(TRUST, authorities=[*MINE.roots, *OTHER.roots])
    report = verify(made.file(confirmed=both), trust)
    assert fact(report, "stamped.several")["before"] == "2026-01-02T03:34:06Z"


@each("roots, key", [([], "stamped.unknown"), (OTHER.roots, "stamped.unknown")])
def test_an_authority_whose_root_was_not_brought_counts_for_nothing(roots: Any, key: str) -> None:
    made = story()
    data, trust = made.file(confirmed=(stamp(made, 3),)), replace(TRUST, authorities=roots)
    report = verify(data, trust)
    assert report.code is Code.VERIFIED
    assert fact(report, key)["number"] == 1
    assert not set(keys_of(report)) & {"stamped", "stamped.several", "signed.stamped"}
    assert verify(data, trust, require=("stamped",)).code is Code.INCOMPLETE


def test_a_token_of_another_checkpoint_is_a_bad_signature() -> None:
    """So the stamp of an older checkpoint says nothing of a newer one."""
    made = story()
    older = time_stamp.stamped_text(made.log.note(1))
    for roots in (MINE.roots, OTHER.roots):
        file = made.file(confirmed=(stamp(made, 3, text=older),))
        report = verify(file, replace(TRUST, authorities=roots))
        assert (report.code, "of another text" in report.failure) == (Code.BAD_SIGNATURE, True)


def test_the_signature_of_the_log_is_stamped_and_witnesses_may_add_their_lines() -> None:
    made = story()
    bare = made.log.confirmed(3)
    cosigned = replace(
        made.log.confirmed(3, A), token=MINE.stamp(time_stamp.stamped_text(bare.note))
    )
    assert fact(verify(made.file(confirmed=(cosigned,)), KNOWN), "stamped.several")
    text = bare.note.partition("\n\n")[0].encode()
    report = verify(made.file(confirmed=(stamp(made, 3, text=text),)), KNOWN)
    assert report.code is Code.BAD_SIGNATURE


def test_a_stamped_checkpoint_may_be_signed_with_a_key_that_the_log_has_left() -> None:
    """Whoever learns of the log after that pins the new key alone."""
    made = story()
    old = NoteSigner(made.log.origin, Ed25519PrivateKey.from_private_bytes(bytes(32)))
    bare = made.log.confirmed(2)
    note = sign_checkpoint(parse_checkpoint(split(bare.note)[0]), old)
    token = MINE.stamp(time_stamp.stamped_text(note))
    data = made.file(confirmed=(replace(bare, note=note, token=token),))
    assert fact(verify(data, KNOWN), "stamped.several")["last"] == 1
    without = made.file(confirmed=(replace(bare, note=note),))
    assert said(verify(without, KNOWN), "unstamped")[0]["number"] == 3, "it counts for nothing"
    other = sign_checkpoint(Checkpoint(made.log.origin, 2, bytes(32)), old)
    token = MINE.stamp(time_stamp.stamped_text(other))
    data = made.file(confirmed=(replace(bare, note=other, token=token),))
    assert verify(data, KNOWN).code is Code.NOT_IN_LOG, "no proof makes another tree one of the log"


def test_what_no_known_key_of_the_log_signed_never_accuses_it() -> None:
    """Anybody can go on from the log's public tiles, and put the result into a file."""
    made, strange = story(), story()
    shown = made.bundle()
    strange.log.signer = NoteSigner(
        made.log.origin, Ed25519PrivateKey.from_private_bytes(bytes(32))
    )
    strange.record("handoff.decline", None)
    made.record("handoff.accept", None)
    one = strange.log.confirmed(4, to=3)
    remembering = replace(TRUST, checkpoints=[made.log.note(4)])
    data = bundle.encode(replace(shown, confirmed=(replace(one, token=b"none"),)))
    assert verify(data, remembering).code is Code.VERIFIED
    stamped = replace(one, token=MINE.stamp(time_stamp.stamped_text(one.note)))
    data = bundle.encode(replace(shown, confirmed=(stamped,)))
    report = verify(data, replace(remembering, authorities=MINE.roots))
    assert (report.code, fact(report, "stamped.several")["last"]) == (Code.VERIFIED, 2)


def test_a_stamp_of_another_log_is_no_proof_of_this_one() -> None:
    made, other = story(), story()
    other.record("handoff.accept", None)
    data = json.loads(made.file(confirmed=(stamp(made, 2),)))
    (log,) = data["logs"].values()
    log["stamps"][0]["consistency"] = ""
    assert verify(json.dumps(data).encode(), KNOWN).code is Code.NOT_IN_LOG


def test_a_stamp_older_than_the_entry_says_so_and_does_not_count() -> None:
    report = stamped(3, by=MINE, later=HOUR)
    assert "stamped.older" not in keys_of(report)
    made = story()
    before = replace(MINE, time=AT - HOUR)
    data = made.file(confirmed=(stamp(made, 3, before),))
    report = verify(data, KNOWN)
    assert {one["entry"] for one in said(report, "stamped.older")} == {0, 1, 2}
    assert "signed.stamped" not in keys_of(report)
    assert verify(data, KNOWN, require=("stamped",)).code is Code.INCOMPLETE


@each("sizes, code", [((3,), Code.VERIFIED), ((1, 2), Code.INCOMPLETE), ((), Code.INCOMPLETE)])
def test_where_it_is_required_all_entries_are_stamped(sizes: tuple[int, ...], code: Code) -> None:
    made = story()
    data = made.file(confirmed=tuple(stamp(made, size) for size in sizes))
    assert verify(data, KNOWN, require=("stamped",)).code is code
    report = verify(data, KNOWN)
    assert report.code is Code.VERIFIED
    assert ("unstamped" in keys_of(report)) is (code is Code.INCOMPLETE)


def test_a_list_of_events_is_stamped_as_a_bundle_is() -> None:
    made = story()
    members = json.loads(file_of(made.log))
    other = json.loads(made.file(confirmed=(stamp(made, 3),)))
    (log,), (given,) = members["logs"].values(), other["logs"].values()
    log["stamps"] = given["stamps"]
    report = verify(json.dumps(members).encode(), KNOWN, require=("stamped",))
    assert fact(report, "stamped.several")["last"] == 2


def test_a_document_alone_is_stamped_by_nobody() -> None:
    document = story().case.compact().encode()
    assert verify(document, KNOWN).code is Code.VERIFIED
    assert verify(document, KNOWN, require=("stamped",)).code is Code.INCOMPLETE


@each("time, told", [
    ("2026-01-01T11:00:00Z", "11:00"), ("2026-01-01T11:00:01Z", "11:01"),
    ("2026-12-31T23:59:59Z", "00:00"), ("9999-12-31T23:59:59Z", "23:59"),
])  # fmt: skip
def test_a_time_before_which_something_was_is_never_said_too_early(time: str, told: str) -> None:
    values = {"first": 1, "log": "l", "authority": "a", "before": time}
    assert told in catalogue.sentence("stamped", values, {}, "en")


def test_the_keys_of_a_report_name_the_roots() -> None:
    trust = replace(KNOWN, origin_of={MINE.roots[0].fingerprint(_sha256()).hex(): "s.pem"})
    (named,) = [one for one in trust.named_keys() if one["kind"] == "authority"]
    assert (named["of"], named["from"]) == ("CN=Root", "s.pem")


def _sha256() -> Any:
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415

    return SHA256()


# --- Mutants of a file ---


def earliest(report: VerificationReport) -> dict[int, str]:
    """Before when each entry was in the log, as the report says."""
    runs = [*said(report, "stamped"), *said(report, "stamped.several")]
    return {n: one["before"] for one in runs for n in range(one["first"], one["last"] + 1)}


def mutants_say_no_earlier_time(number: int) -> None:
    made = story()
    later = replace(MINE, time=AT + 2 * HOUR)
    stamps = (stamp(made, 1), stamp(made, 2, later), stamp(made, 3, later))
    data = made.file(confirmed=stamps)
    honest, chance = earliest(verify(data, KNOWN)), random.Random(7)
    timed = 0
    for _ in range(number):
        report = verify(mutant(data, chance), KNOWN)
        assert report.code not in (Code.CONTRADICTION, Code.LET_THROUGH), report
        if report.passed:
            found = earliest(report)
            timed += bool(found)
            assert all(before >= honest[n] for n, before in found.items())
    assert timed


def test_no_mutant_of_a_file_says_an_earlier_time_and_none_accuses() -> None:
    mutants_say_no_earlier_time(150)


@pytest.mark.slow
def test_none_of_many_mutants_of_a_file_says_an_earlier_time_or_accuses() -> None:
    mutants_say_no_earlier_time(1_500)


@given(st.sets(st.integers(0, 2)))
def test_whichever_stamps_are_left_out_the_rest_says_what_it_did(kept: set[int]) -> None:
    made = story()
    stamps = [stamp(made, size, replace(MINE, time=AT + size * HOUR)) for size in (1, 2, 3)]
    whole = earliest(verify(made.file(confirmed=tuple(stamps)), KNOWN))
    report = verify(made.file(confirmed=tuple(stamps[n] for n in sorted(kept))), KNOWN)
    assert report.code is Code.VERIFIED
    found = earliest(report)
    assert set(found) == set(range(max((n + 1 for n in kept), default=0)))
    assert all(before >= whole[n] for n, before in found.items())
