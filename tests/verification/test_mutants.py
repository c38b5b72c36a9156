"""Generated mutants of kept evidence, keys and streams: none verifies with a changed meaning.

A mutant that passes may show less. Each fact that it tells is a fact of the original, with the same
values; what may become weaker, because something is left out, is in `implied` and nowhere else.
"""

import json
import random
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.client.connection import read_keys, read_organisations
from gateway.client.errors import SettingsError
from gateway.domain.answers import ANSWERS
from gateway.evidence import bundle
from gateway.verification import stream
from gateway.verification.order import follow
from gateway.verification.receipts import MOVES_OF_EVENTS
from gateway.verification.report import Fact, InputFile, VerificationReport
from gateway.verification.trust import TrustAnchors, confirm_receipt
from gateway.verification.verifier import verify
from tests.verification.kept import trust_folder
from tests.verification.test_kept import FOLDER, NEVER_VALID
from tests.verification.test_stream import BOOK_TRUST, story

TRUST = trust_folder(FOLDER / "trust")


def valid(folder: Path) -> dict[str, bytes]:
    """The kept files of a folder that verify."""
    found = {file.name: file.read_bytes() for file in folder.glob("files/*")}
    return {name: data for name, data in found.items() if not name.startswith(NEVER_VALID)}


FILES = valid(FOLDER)
BUNDLES = sorted(name for name in FILES if b'"casegate-bundle/2"' in FILES[name])
MUTANTS = {"files": 8_000, "keys": 1_500, "streams": 1_000}


def mutant(data: bytes, chance: random.Random) -> bytes:
    """One to three small changes: a byte, a cut, a copy, two parts in each other's place."""
    for _ in range(chance.randint(1, 3)):
        at, other = sorted(chance.randrange(len(data)) for _ in range(2))
        match chance.randrange(6):
            case 0:
                data = data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
            case 1:
                data = data[:at] + data[min(other, at + 60) :]
            case 2:
                data = data[:other] + data[at : at + 40] + data[other:]
            case 3:
                texts = data.split(b'"')
                one, two = (chance.randrange(len(texts)) for _ in range(2))
                texts[one], texts[two] = texts[two], texts[one]
                data = b'"'.join(texts)
            case 4:
                parts = data.split(b"~")
                del parts[chance.randrange(len(parts))]
                data = b"~".join(parts)
            case _:
                data = rearranged(data, chance)
        if not data:
            return b"x"
    return data


def rearranged(data: bytes, chance: random.Random) -> bytes:
    """A JSON file with one list in another order, longer or shorter by an element that it has."""
    try:
        members = json.loads(data)
    except ValueError:
        return data
    lists = list(lists_in(members))
    if not lists:
        return data
    one = chance.choice(lists)
    match chance.randrange(3):
        case 0:
            chance.shuffle(one)
        case 1:
            one.append(deepcopy(chance.choice(chance.choice(lists))))
        case _:
            del one[chance.randrange(len(one))]
    return json.dumps(members).encode()


def lists_in(value: Any) -> Iterator[list[Any]]:
    """Every list with an element in a JSON value."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if isinstance(value, list) and value:
        yield value
    for one in inner:
        yield from lists_in(one)


# --- What is left of a fact when something is left out of the file that shows it ------------------

COUNTS = {"elements": ("shown",), "elements.document": ("shown",), "sealed": ("number",)}
COUNTS |= {"documents": ("signed", "all"), "both_logs": ("number",)}
"""Facts that count what is in this file: there may be fewer."""
OF_ENTRIES = ("times.entries",)
"""Facts that list entries of this file: there may be fewer."""
OF_THIS_FILE = ("one_history",)
"""A file with fewer checkpoints may show that the rest are of one history."""


def implied(fact: Fact) -> Iterator[Fact]:
    """The fact, and each weaker one that follows from it."""
    values = dict(fact.values)
    yield fact
    answer = fact.key.partition(".")[0] in ANSWERS
    if answer and values.get("version") is not None:  # without the offer whose version it was
        yield from implied(replace(fact, values={**values, "version": None}))
    if fact.key == "acceptance.partial":  # the groups are withheld
        yield from implied(replace(fact, key="acceptance"))
    if fact.key == "case" or fact.key.endswith(".logged"):  # without the receipt of that entry
        values.pop("entry", None)
        yield Fact(fact.key.removesuffix(".logged"), values, fact.extra)
    if fact.key in ("reissued_from", "succession.undecided"):  # without the receipt of the plan
        values = {name: value for name, value in values.items() if name not in ("entry", "log")}
        told = {} if fact.key == "reissued_from" else {"entry": None}
        yield replace(fact, values=values | told)
    if fact.key == "consulted":  # another presentation than the one that was opened
        values.pop("elements")
        yield Fact("consulted.other", values, fact.extra)


def recorded(data: bytes, trust: TrustAnchors = TRUST) -> list[Fact]:
    """Every event of a bundle, as its receipt alone tells it: without the document, or the case."""
    if b'"format"' not in data:
        return []
    found = [confirm_receipt(one, trust) for one in bundle.parse(data).receipts]
    return [
        Fact(
            "event",
            {"at": one.event["time"], "type": one.event["type"], "entry": one.index},
            dict(one.opened.shown),
        )
        for one in found
    ]


def less(now: Any, before: Any) -> bool:
    """Whether a value is the other one, or that with members or elements left out."""
    if isinstance(now, dict) and isinstance(before, dict):
        return all(name in before and less(one, before[name]) for name, one in now.items())
    if isinstance(now, (list, tuple)) and isinstance(before, (list, tuple)):
        rest = iter(before)
        return all(any(less(one, other) for other in rest) for one in now)
    return type(now) is type(before) and now == before


def follows(fact: Fact, known: Fact) -> bool:
    """Whether one fact is the other, whatever that document says besides left out."""
    if fact.key == known.key and fact.key in OF_ENTRIES:
        return less(fact.values, known.values) and less(fact.extra, known.extra)
    counts = {name: fact.values.get(name) for name in COUNTS.get(fact.key, ())}
    fewer = all(0 <= now <= known.values.get(name, -1) for name, now in counts.items())
    same = {**known.values, **counts} == fact.values
    return fact.key == known.key and fewer and same and less(fact.extra, known.extra)


def state_is_true(fact: Fact, original: list[Fact]) -> bool:
    """Whether the state after an entry, as the original's acts lead to it, is one of those told."""
    moves = sorted(
        (one.values["entry"], MOVES_OF_EVENTS[kind.event], one)
        for one in original
        if (kind := ANSWERS.get(one.key.partition(".")[0])) is not None and kind.moves
    )
    course = follow(
        [
            {ANSWERS["acceptance"].move(one.extra)} if one.key.startswith("acceptance") else found
            for entry, found, one in moves
            if entry <= fact.values["entry"]
        ]
    )
    true = {str(state) for state in course.states}
    return fact.values.keys() == {"entry", "states"} and true <= set(fact.values["states"])


def added(
    report: VerificationReport, original: VerificationReport, events: Sequence[Fact] = ()
) -> list[Any]:
    """What a report that passed says and the original, whose ``events`` these are, does not."""
    now, before = report.conclusion, original.conclusion
    assert now is not None
    assert before is not None
    proved, word = list(before.proved), [*before.proved, *before.under("operator_word")]

    def told(fact: Fact, known: list[Fact]) -> bool:
        if fact.key == "state":
            return state_is_true(fact, word)
        if fact.key in OF_THIS_FILE:
            known = [*word, *(replace(f, key=fact.key) for f in before.under("not_proved"))]
        return any(follows(fact, weaker) for one in known for weaker in implied(one))

    return [
        *([] if report.kind == original.kind else [report.kind]),
        *(fact for fact in now.proved if not told(fact, proved)),
        *(fact for fact in now.under("operator_word") if not told(fact, [*word, *events])),
        *([] if less(now.shown, before.shown) else [now.shown]),
    ]


def same_version(
    report: VerificationReport, originals: Sequence[VerificationReport]
) -> VerificationReport:
    """The original that shows the version which a report shows: without the document by which a
    newer one was taken, that is an older one."""
    shown = [one.conclusion.shown.get("version") for one in (*originals, report) if one.conclusion]
    place = shown.index(shown[-1]) if report.passed else 0
    return originals[place] if place < len(originals) else originals[0]


Original = tuple[VerificationReport, Sequence[Fact]]
"""What a file proves, and its events."""
Made = tuple[VerificationReport, Original, Any]
"""What a mutant proves, its original, and the mutant."""


def survivors(number: int, made: Callable[[int, random.Random], Made]) -> Iterator[Any]:
    """The mutants that pass with a changed meaning; at least one passes at all."""
    chance, passed = random.Random(20261126), 0
    for one in range(number):
        report, (original, events), changed = made(one, chance)
        passed += report.passed
        if report.passed and (found := added(report, original, events)):
            yield found, changed
    assert 0 < passed < number


@pytest.mark.slow
@pytest.mark.parametrize("form", ["", "bundle-3"], ids=["former", "today"])
def test_no_mutant_of_the_kept_evidence_verifies_with_a_changed_meaning(form: str) -> None:
    files, trust = valid(FOLDER / form), trust_folder(FOLDER / form / "trust")
    known = {
        name: ([verify(data, trust, version=n) for n in (None, 1)], recorded(data, trust))
        for name, data in files.items()
    }
    names = sorted(files)

    def made(number: int, chance: random.Random) -> Made:
        name = names[number % len(names)]
        changed = mutant(files[name], chance)
        report, (originals, events) = verify(changed, trust), known[name]
        return report, (same_version(report, originals), events), (name, changed)

    assert not list(survivors(MUTANTS["files"], made))


OF_KEYS = ("registrations", "revocations", "key_statuses")
"""What a bundle brings of keys, and a key file can as well."""
KEYS = {
    "gateway-keys.json": (FOLDER / "trust/gateway-keys.json").read_bytes(),
    **{one.name: one.read_bytes() for one in FOLDER.glob("trust/organisations/*.json")},
}


def apart(bundle_file: bytes) -> tuple[bytes, dict[str, bytes]]:
    """A bundle without what it brings of keys, and key files of which the first has that."""
    members = json.loads(bundle_file)
    moved = {name: members.pop(name) for name in OF_KEYS if name in members}
    first, *_ = sorted(set(KEYS) - {"gateway-keys.json"})
    held = {**json.loads(KEYS[first]), **moved}
    return json.dumps(members).encode(), {**KEYS, first: json.dumps(held).encode()}


def trusting(files: dict[str, bytes], folder: Path) -> TrustAnchors:
    """The anchors of a folder with these key files; SettingsError where one cannot be read."""
    for name, data in files.items():
        (folder / name).write_bytes(data)
    gateway = folder / "gateway-keys.json"
    keys = read_keys(gateway)
    gateway.unlink()  # it is no member's
    return replace(
        read_organisations(folder),
        log_keys=TRUST.log_keys,
        origins=TRUST.origins,
        gateway_keys=keys,
    )


def test_what_a_bundle_brings_of_keys_counts_the_same_from_a_key_file(tmp_path: Path) -> None:
    for name in BUNDLES:
        bare, files = apart(FILES[name])
        found, original = verify(bare, trusting(files, tmp_path)), verify(FILES[name], TRUST)
        assert found.conclusion == original.conclusion, name


@pytest.mark.slow
def test_no_mutant_of_a_key_file_changes_the_meaning_of_evidence(tmp_path: Path) -> None:
    known = {}
    for name in BUNDLES:
        bare, files = apart(FILES[name])
        known[name] = bare, files, (verify(bare, trusting(files, tmp_path)), recorded(bare))

    def made(number: int, chance: random.Random) -> Made:
        name = BUNDLES[number % len(BUNDLES)]
        bare, files, original = known[name]
        file = chance.choice(sorted(files))
        changed = {**files, file: mutant(files[file], chance)}
        try:
            trust = trusting(changed, tmp_path)
        except SettingsError:  # the command stops here
            return verify(b"", TRUST), original, (name, changed)
        return verify(bare, trust), original, (name, changed)

    assert not list(survivors(MUTANTS["keys"], made))


@pytest.mark.slow
def test_no_mutant_of_a_stream_is_complete_with_a_changed_meaning() -> None:
    book = story(6)
    parts = book.parts()
    original = stream.verify_stream([book.end()], parts, BOOK_TRUST)

    def made(_: int, chance: random.Random) -> Made:
        changed = [book.end(), *parts]
        at = chance.randrange(len(changed))
        match chance.randrange(4):
            case 0:
                del changed[at]
            case 1:
                changed.insert(at, chance.choice(changed))
            case _:
                data = mutant(changed[at].data, chance)
                changed[at] = InputFile(changed[at].name, data)
        ends = [one for one in changed if one.name.startswith("end-")]
        receipts = [one for one in changed if not one.name.startswith("end-")]
        report = stream.verify_stream(ends, receipts, BOOK_TRUST)
        return report, (original, ()), [(one.name, one.data) for one in changed]

    assert not list(survivors(MUTANTS["streams"], made))


def test_a_changed_value_is_a_changed_meaning() -> None:
    """The comparison itself: it would find a survivor."""
    original = verify(FILES["signed-bundle.json"], TRUST)
    assert not added(original, original)
    assert original.conclusion is not None
    for fact in original.conclusion.proved:
        other = replace(fact, values={**fact.values, "by": "somebody-else"})
        conclusion = replace(original.conclusion, facts=[other])
        assert added(replace(original, conclusion=conclusion), original) == [other]
