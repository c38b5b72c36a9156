"""What persons sign with passkeys, of a member's act and of an administrators' change, counts for
exactly that, once; whatever else is refused by its name, and no changed text of it is taken."""

import json
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.organisation import Administrator
from gateway.domain.refusals import InvalidApproval
from gateway.evidence import base64url, canonical, passkey
from gateway.evidence.declarations import (
    PASSKEY_APPROVAL_TYP,
    PASSKEY_APPROVALS_TYP,
    change_digest,
    issuer_of_persons,
    person_uri,
    read_approval_keys,
)
from gateway.kernel import approvals, person_approvals
from gateway.kernel.actors import GATEWAY, Administrators
from tests.authenticator import PRESENT, Authenticator
from tests.each import each

ISSUER, MEMBER = "https://gateway.example", "ofmin"
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
KEYS = {name: Authenticator() for name in ("officer-1", "officer-2", "officer-3")}
OLDER = Authenticator()
"""A passkey of the first person that was revoked."""


@dataclass
class Signing(ABC):
    """Persons who sign one change, and who takes it: by `judge`."""

    organisation: str
    action: str
    used: dict[str, Any] = field(default_factory=dict)
    digest: str = change_digest("handoff.accept", MEMBER, {"document": "x" * 43})

    @cached_property
    def work(self) -> Any:
        kept = SimpleNamespace(
            get=lambda owner, key: self.used.get(key),
            add=lambda one: self.used.__setitem__(one.key, one),
        )
        return SimpleNamespace(retries=kept, organisations=SimpleNamespace(person=_administrator))

    @abstractmethod
    def judge(self, *texts: str) -> None:
        """Take the texts as approvals of the first two persons, or of what one of them signed."""

    def sign(
        self,
        person: str = "officer-1",
        key: Authenticator | None = None,
        *,
        realm: str = "",
        at: datetime = NOW,
        number: int = 1,
        browser: dict[str, Any] | None = None,
        **said: Any,
    ) -> str:
        """What a person signs of the change; ``said`` are other claims, ``browser`` as
        `Authenticator.answer` takes it."""
        named = None if self.organisation == GATEWAY else self.organisation
        claims = {
            "action": self.action,
            "aud": ISSUER,
            "change": self.digest,
            "iat": int(at.timestamp()),
            "iss": person_uri(realm or issuer_of_persons(ISSUER, named), person),
            "jti": str(UUID(int=number)),
        } | said
        key = key or KEYS.get(person) or KEYS["officer-1"]
        return key.sign(PASSKEY_APPROVAL_TYP, claims, **(browser or {}))


class OfMember(Signing):
    """Two persons whom an act of a member names."""

    def judge(self, *texts: str) -> None:
        act = person_approvals.ApprovedAct(
            MEMBER, self.action, self.digest, ["officer-1", "officer-2"], UUID(int=9), NOW
        )
        person_approvals.confirm(ISSUER, self.work, act, texts, _keys_of)


class OfAdministrators(Signing):
    """Two administrators who change the registry."""

    def judge(self, *texts: str) -> None:
        context = SimpleNamespace(
            work=self.work,
            ports=SimpleNamespace(issuer=ISSUER, fingerprint_key=b"key"),
            request=SimpleNamespace(action=self.action),
            actor=Administrators(texts),
            now=NOW,
            persons=(),
            event=UUID(int=9),
        )
        for one in approvals.count(context, texts, self.digest):  # type: ignore[arg-type]
            approvals.consume(context, one)  # type: ignore[arg-type]


def _jwks(person: str) -> list[dict[str, Any]]:
    revoked = [{**OLDER.jwk, "revoked": True}] if person == "officer-1" else []
    return [KEYS[person].jwk, *revoked] if person in KEYS else []


def _keys_of(person: str) -> Any:
    return read_approval_keys({"keys": _jwks(person)}, revoked=False) if person in KEYS else {}


def _administrator(person: str) -> Administrator | None:
    recorded = json.dumps({"keys": _jwks(person)})
    return Administrator(person, person, recorded) if person in KEYS else None


SIDES = [OfMember(MEMBER, "handoff.accept"), OfAdministrators(GATEWAY, "organisation.suspend")]


def fresh(side: Signing) -> Signing:
    return type(side)(side.organisation, side.action)


def used(side: Signing) -> str:
    text = side.sign(number=5)
    side.judge(text, side.sign("officer-2", number=6))
    return text


WEAK = Authenticator(KEYS["officer-1"].private, flags=PRESENT)
MOVED = Authenticator(KEYS["officer-1"].private, "https://another.example")
REFUSED: list[tuple[str, Callable[[Signing], str], str]] = [
    ("another origin", lambda of: of.sign(key=MOVED), "another origin"),
    ("another host", lambda of: of.sign(browser={"host": "another.example"}), "another host"),
    ("no user verification", lambda of: of.sign(key=WEAK), "verified nobody"),
    ("an older key", lambda of: of.sign(key=OLDER), "not its person's|not theirs"),
    ("another's key", lambda of: of.sign(key=KEYS["officer-2"]), "not its person's|not theirs"),
    ("one person twice", lambda of: of.sign("officer-2", number=7), "count once"),
    ("another digest", lambda of: of.sign(change="y" * 43), "for another"),
    ("another action", lambda of: of.sign(action="handoff.decline"), "for another"),
    ("another gateway", lambda of: of.sign(aud="https://b.example"), "does not verify"),
    ("of nobody here", lambda of: of.sign("officer-9"), "not its person's|nobody who"),
    (
        "of another member",
        lambda of: of.sign(realm=f"{ISSUER}/organisations/b"),
        "names its person",
    ),
    ("too old", lambda of: of.sign(at=NOW - timedelta(hours=72, seconds=1)), "older than 72"),
    ("of tomorrow", lambda of: of.sign(at=NOW + timedelta(minutes=6)), "dated in the future"),
    ("more than was asked", lambda of: of.sign(note="yes"), "says nothing else"),
    ("another challenge", lambda of: of.sign(browser={"challenge": "AAAA"}), "something else"),
    ("a page within another", lambda of: of.sign(browser={"crossOrigin": True}), "another origin"),
    ("used before", used, "used before"),
    ("nothing", lambda _: "", "does not verify"),
]
"""What is wrong, how it is signed beside the second person's, and the sentence that names it."""


@each("side", SIDES)
def test_what_two_persons_signed_is_taken_once(side: Signing) -> None:
    side = fresh(side)
    texts = side.sign(), side.sign("officer-2", number=2)
    side.judge(*texts)
    with pytest.raises(InvalidApproval, match="used before"):
        side.judge(*texts)


@each("side, wrong", [(side, wrong) for side in SIDES for wrong in REFUSED])
def test_what_is_not_exactly_that_is_refused_by_its_name(
    side: Signing, wrong: tuple[str, Callable[[Signing], str], str]
) -> None:
    _, make, why = wrong
    side = fresh(side)
    text = make(side)
    with pytest.raises(InvalidApproval, match=why):
        side.judge(side.sign("officer-2", number=2), text)


def test_each_person_whom_an_act_names_signs_it_and_nobody_else() -> None:
    side = fresh(SIDES[0])
    with pytest.raises(InvalidApproval, match="officer-2 did not sign"):
        side.judge(side.sign())
    three = [side.sign(name, number=n) for n, name in enumerate(KEYS, 20)]
    with pytest.raises(InvalidApproval, match="does not name"):
        side.judge(*three)


# --- Mutants ---

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~"


def mutants(right: str, others: Sequence[str], count: int) -> Iterator[str]:
    """Changed texts of an approval: a character, a part of another approval in its place, or a
    member of one of its parts, spelled as it has to be."""
    chance = random.Random(right)
    while count:
        parts = right.split(".")
        match chance.randrange(3):
            case 0:
                at, put = chance.randrange(len(right)), chance.choice(ALPHABET)
                put = chance.choice(["", put, put + right[at]])
                mutant = right[:at] + put + right[at + 1 :]
            case 1:
                at = chance.randrange(3)
                parts[at] = chance.choice(others).split(".")[at]
                mutant = ".".join(parts)
            case _:
                at = chance.randrange(3)
                said = canonical.decode(base64url.decode(parts[at]))
                name = chance.choice([*said])
                said[name] = changed(said[name], chance)
                parts[at] = base64url.encode(canonical.encode(said))
                mutant = ".".join(parts)
        if mutant != right:
            count -= 1
            yield mutant


def changed(value: Any, chance: random.Random) -> Any:
    match value:
        case int():
            return value + chance.choice([-1, 1, 60])
        case str():
            at = chance.randrange(len(value))
            return value[:at] + chance.choice(ALPHABET) + value[at + chance.randrange(2) :]
        case _:
            return [changed(one, chance) for one in value] if isinstance(value, list) else None


def listed(side: Signing) -> str:
    """What an administrator signed of several changes at once; of a member's person one act."""
    if isinstance(side, OfMember):
        return side.sign()
    said = passkey.read_unverified(side.sign()).claims
    heading = {name: said[name] for name in ("aud", "iat", "iss", "jti")}
    named = [{"action": side.action, "change": one} for one in (side.digest, "z" * 43)]
    return KEYS["officer-1"].sign(PASSKEY_APPROVALS_TYP, {**heading, "changes": named})


def refuse_mutants(count: int) -> None:
    for side in map(fresh, SIDES):
        second = side.sign("officer-2", number=2)
        others = [second, side.sign(number=3), side.sign(change="y" * 43), side.sign(key=OLDER)]
        rights = {side.sign(), listed(side)}
        for right in rights:
            fresh(side).judge(right, second)
            for mutant in mutants(right, others, count // len(rights)):
                with pytest.raises(InvalidApproval):
                    side.judge(mutant, second)


def test_no_mutant_of_an_approval_is_taken() -> None:
    refuse_mutants(150)


@pytest.mark.slow
def test_no_mutant_of_ten_thousand_is_taken() -> None:
    refuse_mutants(10_000)
