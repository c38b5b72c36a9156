"""Generated mutants of kept evidence: none verifies with a changed meaning."""

import random
from pathlib import Path
from typing import Any

import pytest

from gateway.evidence.report import VerificationReport
from gateway.evidence.verification import verify
from tests.evidence.kept import trust_folder
from tests.evidence.test_kept import EXPECTED, FOLDER, NEVER_VALID

TRUST = trust_folder(FOLDER / "trust")
MUTANTS = 10_000


def meaning(report: VerificationReport) -> object:
    """All that a report says is so; a signature of the same text is no other meaning."""
    assert report.conclusion is not None
    facts = report.conclusion.facts()
    return {name: [one.to_json() for one in found] for name, found in facts.items()}


def mutant(data: bytes, chance: random.Random) -> bytes:
    """One to three small changes: a byte, a cut, a copy, two parts in each other's place."""
    for _ in range(chance.randint(1, 3)):
        at, other = sorted(chance.randrange(len(data)) for _ in range(2))
        match chance.randrange(5):
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
            case _:
                parts = data.split(b"~")
                del parts[chance.randrange(len(parts))]
                data = b"~".join(parts)
        if not data:
            return b"x"
    return data


@pytest.mark.slow
def test_no_mutant_of_the_kept_evidence_verifies_with_a_changed_meaning() -> None:
    chance = random.Random(20261126)
    files = [FOLDER / "files" / name for name in EXPECTED if not name.startswith(NEVER_VALID)]
    originals = {file: file.read_bytes() for file in files}
    meanings = {file: meaning(verify(data, TRUST)) for file, data in originals.items()}
    survivors: list[tuple[Path, bytes]] = []
    for number in range(MUTANTS):
        file = files[number % len(files)]
        changed = mutant(originals[file], chance)
        report = verify(changed, TRUST)
        if report.passed and changed != originals[file] and not weaker(report, meanings[file]):
            survivors.append((file, changed))
    assert not survivors


COUNTED = ("withheld", "elements", "documents", "sealed", "one_history", "stream", "state")
LESS = {"event", "consulted.other"}
"""What is left of an event whose document, or whose presentation, is not in the file any more."""


def weaker(report: VerificationReport, original: object) -> bool:
    """Whether a report that passed says nothing that the original does not say.

    A mutant may show less (a disclosure, a receipt or a registration left out).
    """
    now = meaning(report)
    assert isinstance(now, dict)
    assert isinstance(original, dict)
    every = [one for found in original.values() for one in found]
    return all(
        any(follows(fact, one) for one in (every if fact["fact"] in LESS else original[name]))
        for name in ("proved", "operator_word")
        for fact in now[name]
        if not fact["fact"].startswith(COUNTED)
    )


def follows(fact: dict[str, Any], original: dict[str, Any]) -> bool:
    """Whether a fact says no more than another; that an acceptance is partial may be withheld."""
    if fact["fact"] in LESS:
        return bool(fact["entry"] == original.get("entry"))
    said, known = fact.get("says", {}), original.get("says", {})
    return (
        fact["fact"].partition(".")[0] == original["fact"].partition(".")[0]
        and all(original.get(name) == fact[name] for name in fact.keys() - {"fact", "says"})
        and all(known.get(name) == value for name, value in said.items())
    )
