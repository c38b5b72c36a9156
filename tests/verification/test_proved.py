"""Nothing stands under *Proved* but what is signed with a key that the verifier brought, or is the
log's own.

What is signed with such a key is gathered here from the bytes, by other ways than the verifier's
steps; each proved fact has to rest on it. Over kept files, what is left of them, mutants, and files
that an operator with all keys of the gateway makes up.
"""

import json
import random
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import pytest

from gateway.domain.audit_event import ACTION_OF
from gateway.evidence import declarations, evidence_file, receipt, sd_jwt
from gateway.evidence.declarations import SUCCESSION_TYP
from gateway.evidence.handoff_documents import OFFER_TYP, author_at
from gateway.evidence.receipt import Receipt, VerifiedReceipt
from gateway.evidence.signature import PublicKey, read_document_key
from gateway.verification.receipts import MOVES_OF_EVENTS, OFFERED
from gateway.verification.report import Code, Fact, VerificationReport
from gateway.verification.sources import ACTS, SOURCES, Source
from gateway.verification.trust import TrustAnchors, confirm_receipt
from gateway.verification.verifier import verify
from tests.each import each
from tests.verification import test_bundle_verification as succession
from tests.verification.kept import trust_folder
from tests.verification.scenario import AT, KNOWN, SIGNERS, TRUST, Scenario, approved
from tests.verification.test_kept import SETS, UPGRADE, UPGRADED, left
from tests.verification.test_mutants import mutant

MUTANTS = {"default": 200, "slow": 5_000}


@dataclass
class Evidence:
    """What stands in a file under a signature that the verifier can judge by its own keys."""

    signed: set[tuple[str, str, str, str]] = field(default_factory=set)
    """Author, key id, digest and type of each document."""
    entries: dict[tuple[str, int], VerifiedReceipt] = field(default_factory=dict)
    approved: dict[tuple[str, int], set[str]] = field(default_factory=dict)
    """The administrators who signed what an entry says was changed."""

    def wrote(self, author: Any, typ: str | None = None) -> bool:
        return any(one[0] == author and typ in (None, one[3]) for one in self.signed)

    def decided(self, entry: Any, persons: Any) -> bool:
        found = [by for (_, index), by in self.approved.items() if index == entry]
        return len(set(persons)) > 1 and any(set(persons) <= by for by in found)


def values_in(value: Any) -> Iterator[Any]:
    """A JSON value, and each value in it."""
    yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inner:
        yield from values_in(one)


def receipts_in(members: Any) -> Iterator[Receipt]:
    if isinstance(members, dict) and members.get("format") == evidence_file.FORMAT:
        yield from evidence_file.read(members).receipts
    for one in values_in(members):
        try:
            yield receipt.from_json(one)
        except (ValueError, KeyError, TypeError, AttributeError):
            continue


def evidence_in(data: bytes, trust: TrustAnchors) -> Evidence:
    found = Evidence()
    try:
        members = json.loads(data)
    except ValueError:
        members = data.decode("ascii", errors="replace").removesuffix("\n")
    given = [*receipts_in(members), *trust.registrations]
    for one in given:
        try:
            confirmed = confirm_receipt(one, trust)
        except ValueError:
            continue
        place = confirmed.checkpoint.origin, confirmed.index
        # Two files of one entry may show different details.
        if place not in found.entries or len(confirmed.opened.shown) > len(
            found.entries[place].opened.shown
        ):
            found.entries[place] = confirmed
        found.approved.setdefault(place, set()).update(approving(confirmed, trust))
    keys = own_keys(found, trust)
    for text in values_in(members):
        if isinstance(text, str) and text.startswith("eyJ"):
            found.signed |= set(signed_by(text, keys))
    return found


def approving(confirmed: VerifiedReceipt, trust: TrustAnchors) -> Iterator[str]:
    """Who signed exactly the change that an event records, in the days before it."""
    for text in next(iter(confirmed.details("approvals")), ()):
        change = dict(confirmed.subject())
        organisation = change.pop("organisation", "")
        for person, keys in trust.administrators.items():
            try:
                audience = str(declarations.read_unverified_approval(text)["aud"])
                given = declarations.verify_approval(
                    text, person=person, audience=audience, keys=keys
                )
            except (ValueError, KeyError):
                continue
            digest = declarations.change_digest(given.action, organisation, change)
            late = confirmed.time - given.at
            in_time = -timedelta(minutes=5) <= late <= timedelta(hours=72)
            if (given.change, ACTION_OF[confirmed.type]) == (digest, given.action) and in_time:
                yield person


def own_keys(found: Evidence, trust: TrustAnchors) -> dict[tuple[str, str], PublicKey]:
    """The members' keys that the verifier brought and compared, or that two administrators, or a
    compared key, are shown to have said to be theirs."""
    brought = {
        (owner, kid): key
        for owner, keys in trust.organisations.items()
        for kid, key in keys.items()
    }
    own = {name: key for name, key in brought.items() if name not in trust.vouched}
    for place, one in found.entries.items():
        said = one.subject()
        if one.type != "key.registered" or not one.allowed or "jwk" not in said:
            continue
        name = str(said["organisation"]), read_document_key(said["jwk"])[0]
        words = said.get("countersignature") or ""
        try:
            before = str(sd_jwt.read_unverified(words).header["kid"])
            sd_jwt.verify(
                words, typ=declarations.REGISTRATION_TYP, keys={before: own[name[0], before]}
            )
        except (ValueError, KeyError):
            before = ""
        if name in brought and (before or len(found.approved[place]) > 1):
            own[name] = brought[name]
    return own


def signed_by(
    text: str, keys: dict[tuple[str, str], PublicKey]
) -> Iterator[tuple[str, str, str, str]]:
    try:
        document = sd_jwt.parse(text)
        bare = sd_jwt.read_unverified(document.present(()).compact())
        typ, kid = str(bare.header["typ"]), str(bare.header["kid"])
        author = author_at(bare.claims)[1]
        sd_jwt.verify(document.present(()).compact(), typ=typ, keys={kid: keys[author, kid]})
    except (ValueError, KeyError):
        return
    if "attested_for" not in bare.claims:
        yield author, kid, document.digest, typ


Said = Mapping[str, Any]


def is_act(said: Said, found: Evidence) -> bool:
    return (said["by"], said["digest"]) in {
        (author, digest) for author, _, digest, _ in found.signed
    }


def is_whole(said: Said, found: Evidence) -> bool:
    """Whether every move up to an entry is a document that its author signed."""
    digests = {digest for _, _, digest, _ in found.signed}
    moves = [one for one in found.entries.values() if one.type in {*MOVES_OF_EVENTS, OFFERED}]
    moved = [one for one in moves if one.allowed and one.index <= said["entry"]]
    return bool(moved) and all(one.document in digests for one in moved)


RESTS: Mapping[str, Callable[[Said, Evidence], bool]] = {
    **dict.fromkeys((*ACTS, "case"), is_act),
    **dict.fromkeys(
        ("mandate.decided", "mandate.end.decided", "mandate.end.later.decided",
         "key.registered.decided", "recorded.decided", "succession.decided"),
        lambda said, found: found.decided(said["entry"], said["persons"]),
    ),
    **dict.fromkeys(
        ("signed", "signed.logged"),
        lambda said, found: any((said["by"], said["kid"]) == one[:2] for one in found.signed),
    ),
    **dict.fromkeys(
        ("offer.reissued", "reissued_from.original"),
        lambda said, found: found.wrote(said["by"], OFFER_TYP),
    ),
    "succession.agreed": lambda said, found: all(
        found.wrote(said[one], SUCCESSION_TYP) for one in ("predecessor", "successor")
    ),
    "documents": lambda said, found: 0 <= said["signed"] <= len(found.signed),
    "elements": lambda said, found: any(typ == OFFER_TYP for *_, typ in found.signed),
    "elements.document": lambda said, found: bool(found.signed),
    "sealed": lambda said, found: bool(found.signed),
    "state": is_whole,
}  # fmt: skip
"""On what each fact under *signed* has to rest; no other may stand there."""


def rests(fact: Fact, found: Evidence) -> bool:
    return fact.key in RESTS and RESTS[fact.key](fact.values, found)


def is_recorded(fact: Fact, found: Evidence, trust: TrustAnchors) -> bool:
    """Whether a fact under *recorded* is of an entry that the log's key proves, or of the log."""
    said = fact.values
    entry = said.get("entry")
    logs = {key.name for one in (trust, *trust.others) for key in one.log_keys}
    known = entry is None or any(index == entry for _, index in found.entries)
    return SOURCES.get(fact.key) is Source.LOG and known and said.get("log", "") in {*logs, ""}


def unfounded(data: bytes, trust: TrustAnchors, report: VerificationReport) -> list[Fact]:
    """The facts of a report that stand under *Proved* and rest on nothing."""
    if report.conclusion is None:
        return []
    found = evidence_in(data, trust)
    return [
        *(one for one in report.conclusion.under("signed") if not rests(one, found)),
        *(o for o in report.conclusion.under("recorded") if not is_recorded(o, found, trust)),
    ]


def distrusting(trust: TrustAnchors) -> Iterator[TrustAnchors]:
    """A verifier who compared all keys; who compared none; who brought no administrators."""
    names = ((owner, kid) for owner, keys in trust.organisations.items() for kid in keys)
    vouched = frozenset(names)
    yield from (trust, replace(trust, vouched=vouched))
    yield replace(trust, administrators={}, vouched=vouched)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[bytes, TrustAnchors]]:
    folder = tmp_path_factory.mktemp("upgrade")
    with tarfile.open(UPGRADE / "kept.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return [
        (file.read_bytes(), trust)
        for one in (*SETS, folder)
        for trust in distrusting(trust_folder(one / "trust"))
        for file in sorted((one / "files").iterdir())
        if one != folder or file.name in UPGRADED
    ]


def proved_of_kept_files(kept: Any, leaving: int) -> int:
    """How many facts are proved of all, and of what ``leaving`` something out leaves."""
    proved = 0
    for data, trust in kept:
        for one in (data, *islice(left(data), leaving)):
            report = verify(one, trust)
            assert not unfounded(one, trust, report)
            proved += 0 if report.conclusion is None else len(report.conclusion.proved)
    return proved


def test_each_proved_fact_of_a_kept_file_rests_on_a_key_that_was_brought(kept: Any) -> None:
    assert proved_of_kept_files(kept[::4], 0) > 75


@pytest.mark.slow
def test_each_proved_fact_of_what_is_left_of_one_rests_on_a_key_too(kept: Any) -> None:
    assert proved_of_kept_files(kept, 4) > 1000


def mutants_prove_nothing_else(kept: Any, number: int) -> None:
    chance = random.Random(20261130)
    passed = 0
    for _ in range(number):
        data, trust = chance.choice(kept)
        changed = mutant(data, chance)
        report = verify(changed, trust)
        passed += report.passed
        assert not unfounded(changed, trust, report), changed
    assert 0 < passed < number


def test_each_proved_fact_of_a_mutant_rests_on_a_key_that_was_brought(kept: Any) -> None:
    mutants_prove_nothing_else(kept, MUTANTS["default"])


@pytest.mark.slow
def test_each_proved_fact_of_many_mutants_rests_on_a_key_that_was_brought(kept: Any) -> None:
    mutants_prove_nothing_else(kept, MUTANTS["slow"])


# --- What an operator makes up that has every key of the gateway, and none of anybody else --------


WORD = Code.ATTESTED


def reissued(*persons: str, at: datetime = AT) -> bytes:
    """A succession of the operator's, with what ``persons`` signed of it, at some time."""
    story, before = succession.succeeded()
    subject, event = succession.SUBJECT, succession.PLANNED
    more = (approved("succession.plan", subject, *persons, at=at),) if persons else ()
    plan = story.register(action="succession.plan", subject=subject, id=event, more=more)
    shown = {"predecessor_offer": before.compact(), "succession": story.log.receipt(plan)}
    return story.former(**shown)


def dated_by_the_gateway() -> bytes:
    story = Scenario()
    record = story.log.record
    story.log.record = lambda made, at: record(made, AT + timedelta(days=999))  # type: ignore
    return story.told("acceptance").file()


BOTH = tuple(KNOWN.administrators)
OTHERS = replace(KNOWN, administrators={one: SIGNERS["stranger"].keys() for one in BOTH})
VOUCHED = replace(KNOWN, vouched=frozenset({("police", "police-key")}))
MADE_UP: Mapping[str, tuple[Code, Callable[[], bytes], TrustAnchors]] = {
    "a succession that nobody signed": (WORD, reissued, KNOWN),
    "one that one person signed": (WORD, lambda: reissued(BOTH[0]), KNOWN),
    "with keys that are not the persons'": (WORD, lambda: reissued(*BOTH), OTHERS),
    "days before": (WORD, lambda: reissued(*BOTH, at=AT - timedelta(hours=73)), KNOWN),
    "after it": (WORD, lambda: reissued(*BOTH, at=AT + timedelta(minutes=6)), KNOWN),
    "for a verifier without their keys": (WORD, lambda: reissued(*BOTH), TRUST),
    "a key handed over": (WORD, lambda: Scenario().told("acceptance").file(), VOUCHED),
    "attested acts": (WORD, lambda: Scenario(attested=True).told("acceptance").file(), KNOWN),
    "a date of the gateway's": (Code.VERIFIED, dated_by_the_gateway, KNOWN),
}


@each("name", sorted(MADE_UP))
def test_what_an_operator_makes_up_is_never_proved(name: str) -> None:
    code, made, trust = MADE_UP[name]
    data = made()
    report = verify(data, trust)
    assert report.code is code, report.sentence
    assert not unfounded(data, trust, report)
    assert report.conclusion is not None
    told = {one.key for one in report.conclusion.under("signed")}
    assert not {"succession.decided", "succession.agreed", "offer.reissued"} & told


def test_what_others_decided_is_proved() -> None:
    """The other side of it: the same succession, signed by both persons in time."""
    data = reissued(*BOTH)
    report = verify(data, KNOWN)
    assert (report.code, unfounded(data, KNOWN, report)) == (Code.VERIFIED, [])


@each("key", ["acceptance", "mandate.decided", "offer", "recorded", "erased"])
def test_a_fact_that_rests_on_nothing_is_found(key: str) -> None:
    """The comparison itself."""
    data = Scenario().told("acceptance").file()
    report = verify(data, KNOWN)
    values = {"by": "police", "digest": "A" * 43, "entry": 99, "persons": ["a", "b"]}
    assert report.conclusion is not None
    other = replace(report.conclusion, facts=[Fact(key, values, given=Source.PARTY)])
    assert unfounded(data, KNOWN, replace(report, conclusion=other))
