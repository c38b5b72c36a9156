"""The course of a handoff: folded from its documents alone, and held against its row."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway.domain import moves
from gateway.domain.answers import KIND_OF_MOVE, MOVES
from gateway.domain.course import Course, Impossible, Moved, differences, fold
from gateway.domain.handoff import (
    ACCEPTING,
    AGREEMENTS,
    OPEN,
    Addressee,
    Handoff,
    HandoffAction,
    HandoffState,
    Recall,
    RecallAnswer,
    RecallCode,
)
from gateway.domain.refusals import WrongState
from gateway.domain.revision import ChangeKind
from tests.each import each
from tests.store import samples

HOTLINE, POLICE = "hotline-a", "police-a"
GROUPS = frozenset({"items"})
CASE, _ = samples.case(HOTLINE)


def digest(number: int) -> str:
    return f"{number:043d}"


def claims_of(row: Handoff, **more: Any) -> dict[str, Any]:
    to = {"organisation": row.recipient}
    if row.address.competence:
        to |= {
            "competence": row.address.competence,
            "mandate_event": str(row.address.mandate_event),
        }
    ends = row.expires_at and {"expires_at": int(row.expires_at.timestamp())}
    return {
        "handoff": str(row.id),
        "to": to,
        "purpose": list(row.purpose),
        "case_digest": row.case_digest,
        "disclosures": sorted(row.permitted_disclosures),
        **(ends or {}),
        **({"transfer_tool": row.transfer_tool} if row.transfer_tool else {}),
        **more,
    }


PEERS = {"fr": "https://gateway.fr.example"}


@dataclass
class Walk:
    """A handoff that is moved by the rules of the domain, and the documents that this makes."""

    row: Handoff
    moves: list[Moved] = field(default_factory=list)
    recall: Recall | None = None
    consulted: bool = False
    erased: bool = False

    @classmethod
    def begin(cls) -> "Walk":
        row, _ = samples.handoff(CASE, POLICE)
        row = replace(row, offer_digest=digest(1))
        return cls(row, [Moved(1, None, digest=digest(1), claims=claims_of(row))])

    def step(self, step: HandoffAction, chance: random.Random) -> None:
        """Make a step; WrongState where the rules do not know it."""
        row, made = self.row, Moved(self.row.sequence + 1, step, late=self.erased)
        if step is HandoffAction.UPDATE:
            moved, made = self._updated(made, chance)
        elif step is HandoffAction.RECALL:
            moved, made = self._recalled(made)
        else:
            party = KIND_OF_MOVE[step].author.of(HOTLINE, POLICE)
            under = digest(500 + made.sequence) if step in AGREEMENTS else None
            groups = GROUPS if step is HandoffAction.ACCEPT_PARTLY else None
            moved = moves.move(
                row, step, party, groups=groups, under=under, consulted=self.consulted
            )
            made = replace(made, groups=groups, under=under)
            if step is HandoffAction.ANSWER_RECALL:
                done = chance.choice(list(RecallAnswer))
                if row.recall is None and not (self.erased and done is RecallAnswer.COPIES_ERASED):
                    raise WrongState("no recall stands")
                moved, made = moves.answer_recall(moved, done), replace(made, done=done)
        self.row = moved
        self.moves.append(made)

    def _updated(self, made: Moved, chance: random.Random) -> tuple[Handoff, Moved]:
        change = chance.choice(list(ChangeKind))
        moved = moves.update(self.row, change)
        version = digest(700 + made.sequence)
        moved = replace(moved, case_digest=version, offer_digest=digest(made.sequence))
        if moved.held == moved.package:
            moved = replace(moved, held_under=version)
        claims = claims_of(moved, change=str(change), updates=self.row.offer_digest)
        return moved, replace(made, digest=moved.offer_digest, claims=claims)

    def _recalled(self, made: Moved) -> tuple[Handoff, Moved]:
        moved = moves.recall(self.row, UUID(int=9), consulted=self.consulted)
        if moved is None:
            raise WrongState("nothing to recall")
        recall = Recall(
            UUID(int=9),
            HOTLINE,
            self.row.case,
            None,
            None,
            RecallCode.UNLAWFUL,
            3,
            digest(90),
            CASE_AT,
        )
        if moved.recall is not None:
            self.recall = recall
        claims = {"case": str(recall.case), "version": 3, "code": "unlawful"}
        return moved, replace(made, digest=recall.digest, claims=claims)

    def erase(self) -> None:
        """As the erasure of the case does."""
        self.erased = True
        state = HandoffState.LAPSED if self.row.state in OPEN else self.row.state
        self.row = replace(self.row, state=state)
        self.moves = [
            replace(one, readable=False, claims=None, groups=None, done=None) for one in self.moves
        ]

    def course(self) -> Course:
        return fold(self.moves, consulted=self.consulted, erased=self.erased)

    def differences(self) -> tuple[str, ...]:
        return differences(self.row, self.course(), self.recall, PEERS)


CASE_AT = samples.handoff(CASE, POLICE)[0].offered_at


@each("seed", range(250))
def test_no_course_by_the_rules_is_a_difference(seed: int) -> None:
    chance = random.Random(seed)
    walk = Walk.begin()
    walk.consulted = chance.random() < 0.3
    for _ in range(40):
        if not walk.erased and chance.random() < 0.04:
            walk.erase()
        possible = sorted({move for state, move in MOVES if state is walk.row.state})
        try:
            walk.step(chance.choice(possible), chance)
        except WrongState:
            continue
        assert walk.differences() == (), [one.step for one in walk.moves]


def accepted() -> Walk:
    walk, chance = Walk.begin(), random.Random(0)
    walk.step(HandoffAction.ACCEPT_PARTLY, chance)
    walk.step(HandoffAction.UPDATE, random.Random(1))
    return walk


CHANGED: list[tuple[str, Callable[[Handoff], Handoff]]] = [
    ("to", lambda row: replace(row, address=Addressee("stranger"))),
    (
        "to",
        lambda row: replace(row, address=replace(row.address, competence="receive/csam/DE")),
    ),
    ("state", lambda row: replace(row, state=HandoffState.ACCEPTED)),
    ("state", lambda row: replace(row, state=HandoffState.WITHDRAWN)),
    ("held", lambda row: replace(row, held=0)),
    ("held_under", lambda row: replace(row, held_under=digest(4))),
    ("package", lambda row: replace(row, package=1)),
    ("sequence", lambda row: replace(row, sequence=2)),
    ("accepted_groups", lambda row: replace(row, accepted_groups=None)),
    ("recall", lambda row: replace(row, recall=UUID(int=8))),
    ("recall_answer", lambda row: replace(row, recall_answer=RecallAnswer.COPIES_ERASED)),
    ("purpose", lambda row: replace(row, purpose=("child_protection",))),
    ("case_digest", lambda row: replace(row, case_digest=digest(5))),
    ("offer_digest", lambda row: replace(row, offer_digest=digest(5))),
    ("disclosures", lambda row: replace(row, permitted_disclosures=frozenset({digest(6)}))),
    (
        "transfer_tool",
        lambda row: replace(row, transfer_tool="derogation: Art. 49(1)(f) GDPR"),
    ),
    (
        "expires_at",
        lambda row: replace(row, expires_at=row.offered_at + timedelta(days=900)),
    ),
    ("handoff", lambda row: replace(row, id=UUID(int=5))),
]


@each("name, change", CHANGED)
def test_what_a_row_says_otherwise_is_named(
    name: str, change: Callable[[Handoff], Handoff]
) -> None:
    walk = accepted()
    walk.row = change(walk.row)
    assert name in walk.differences()


@each("name, audience", [("police-a@fr", "https://here.example"), ("police-a", PEERS["fr"])])
def test_a_recipient_of_the_same_id_at_another_gateway_is_another_one(
    name: str, audience: str
) -> None:
    walk = Walk.begin()
    walk.row = replace(walk.row, address=replace(walk.row.address, organisation=name))
    offer = {**claims_of(walk.row), "aud": audience}
    offer["to"] = {**offer["to"], "organisation": "police-a"}
    walk.moves[0] = replace(walk.moves[0], claims=offer)
    assert walk.differences() == ("to",)
    right = PEERS["fr"] if "@" in name else "https://here.example"
    walk.moves[0] = replace(walk.moves[0], claims={**offer, "aud": right})
    assert walk.differences() == ()


def recalled() -> Walk:
    walk = accepted()
    walk.step(HandoffAction.RECALL, random.Random(0))
    assert walk.differences() == ()
    return walk


def test_what_was_withdrawn_after_its_acceptance_is_held_no_more() -> None:
    walk, chance = Walk.begin(), random.Random(0)
    walk.step(HandoffAction.ACCEPT, chance)
    with pytest.raises(WrongState, match="recalled"):
        walk.step(HandoffAction.WITHDRAW, chance)
    walk.moves.append(Moved(3, HandoffAction.WITHDRAW))
    withdrawn = {"state": HandoffState.WITHDRAWN, "held": 0, "held_under": None, "sequence": 3}
    walk.row = replace(walk.row, **withdrawn)
    assert walk.differences() == ()


def test_a_recall_that_the_row_forgot_is_named() -> None:
    walk = recalled()
    walk.row, walk.recall = replace(walk.row, recall=None), None
    assert walk.differences() == ("recall",)


@each(
    "change",
    [
        {"code": RecallCode.MISDIRECTED},
        {"version": 1},
        {"digest": digest(91)},
        {"case": UUID(int=1)},
        {"handoff": UUID(int=1)},
    ],
)
def test_a_recall_is_the_one_that_its_document_says(change: dict[str, Any]) -> None:
    walk = recalled()
    assert walk.recall is not None
    walk.recall = replace(walk.recall, **change)
    assert walk.differences() == ("recall",)


@each(
    "cut",
    [
        lambda moves: moves[1:],
        lambda moves: [moves[0], *moves[2:]],
        lambda moves: [moves[0], *reversed(moves[1:])],
        lambda moves: [*moves, moves[-1]],
        lambda _: [],
    ],
)
def test_moves_that_are_not_one_course_are_impossible(
    cut: Callable[[list[Moved]], list[Moved]],
) -> None:
    with pytest.raises(Impossible):
        fold(cut(recalled().moves))


def test_a_tail_that_is_cut_leaves_another_course() -> None:
    walk = recalled()
    walk.moves.pop()
    assert {"state", "sequence", "recall"} <= set(walk.differences())


def test_an_erasure_takes_what_decided_and_no_more_is_compared() -> None:
    walk = accepted()
    walk.erase()
    assert walk.course().unknown == {"held", "held_under", "accepted_groups"}
    assert walk.differences() == ()
    walk.row = replace(walk.row, state=HandoffState.ACCEPTED)
    assert walk.differences() == ("state",)


def test_an_acceptance_is_where_a_package_is_first_held() -> None:
    assert {move for move in HandoffAction if move in ACCEPTING} < AGREEMENTS
    walk = Walk.begin()
    walk.step(HandoffAction.CALL, random.Random(0))
    assert not walk.course().is_held
    assert accepted().course().is_held
