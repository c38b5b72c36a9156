"""Records are added once, come back as they were, and are replaced by who read them last."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from gateway.domain.refusals import AlreadyExists, EditConflict
from gateway.domain.succession import SuccessionApproval
from gateway.kernel.ports import TransactionMode
from tests.store import samples
from tests.store.samples import NOON, new_id

CASE, VERSION = samples.case()
OFFERED = samples.handoff(CASE)[0]
GIVEN = SuccessionApproval("officer-1", new_id())
SIGNED = SuccessionApproval("officer-2", new_id(), "eyJ.eyJ.c2ln~")
CERTIFICATE = samples.certificate()


@dataclass
class Kind:
    """A kind of records: how one is made, and stored; what may change of it, and what never does.

    ``what`` names it where a part of the store has several; ``saved`` whether one is replaced.
    ``named`` are the fields that name one in its store; ``counter`` is the one that each change
    raises; ``beside`` is what is stored with one.
    """

    make: Callable[[], Any]
    part: str
    what: str = ""
    saved: bool = True
    named: tuple[str, ...] = ("id",)
    counter: str = ""
    changes: dict[str, Any] = field(default_factory=dict)
    frozen: dict[str, Any] = field(default_factory=dict)
    beside: Callable[[Any], tuple[Any, ...]] = lambda _: ()

    def add(self, work: Any, one: Any) -> None:
        getattr(getattr(work, self.part), self._method("add"))(one, *self.beside(one))

    def save(self, work: Any, one: Any) -> None:
        getattr(getattr(work, self.part), self._method("save"))(one, *self.beside(one))

    def found(self, work: Any, one: Any) -> Any:
        """What is stored under its name."""
        names = [getattr(one, name) for name in self.named]
        return getattr(getattr(work, self.part), self.what or "get")(*names)

    def _method(self, verb: str) -> str:
        return f"{verb}_{self.what}" if self.what else verb

    def changed(self, one: Any, **more: Any) -> Any:
        """One after a change."""
        raised = {self.counter: getattr(one, self.counter) + 1} if self.counter else {}
        return replace(one, **{**self.changes, **raised, **more})


KINDS = {
    "invitation": Kind(
        lambda: samples.invitation(f"{new_id().hex:t>43}"),
        "invitations",
        changes={"key": "key", "request": new_id(), "withdrawn_at": NOON},
        frozen={
            "system": "another",
            "token_sha256": "u" * 43,
            "approved_by": (),
            "expires_at": NOON,
        },
    ),
    "certificate order": Kind(
        samples.signing_request,
        "signing",
        changes={"refusal": "bad"},
        frozen={"csr": "another", "approved_by": "nobody"},
    ),
    "conformance run": Kind(
        samples.run,
        "conformance",
        counter="revision",
        changes={"marks": frozenset({"sent", "read"}), "sandbox": "{}", "passed_at": NOON},
        frozen={"system": "other", "expires_at": NOON},
    ),
    "succession": Kind(
        samples.succession,
        "successions",
        counter="version",
        changes={"by_predecessor": SIGNED, "by_successor": GIVEN, "applied": new_id()},
        frozen={"legal_act": "another", "competence": "receive/x/FR", "former_end": None},
    ),
    "cancelled succession": Kind(
        lambda: samples.succession(former_end=None),
        "successions",
        counter="version",
        changes={"cancelled": new_id()},
    ),
    "proposal": Kind(samples.proposal, "proposals", saved=False),
    "system": Kind(
        lambda: samples.system(name=f"system-{new_id()}"),
        "organisations",
        "system",
        named=("organisation", "name"),
        changes={"enabled": False, "scopes": frozenset({"admin"}), "tokens_valid_from": NOON},
    ),
    "administrator": Kind(
        lambda: samples.person(f"person-{new_id()}"),
        "organisations",
        "person",
        changes={"enabled": False},
        frozen={"name": "Another"},
    ),
    "certificate": Kind(
        lambda: samples.certificate(new_id().int),
        "organisations",
        "certificate",
        named=("thumbprint",),
        changes={"revoked_at": NOON, "reminded": 14},
        frozen={"serial": 7},
    ),
    "consultation": Kind(
        lambda: samples.consultation(OFFERED),
        "handoffs",
        "consultation",
        saved=False,
        named=("event",),
    ),
    "own consultation": Kind(
        lambda: replace(samples.consultation(OFFERED), handoff=None, shown=()),
        "handoffs",
        "consultation",
        saved=False,
        named=("event",),
    ),
    "case": Kind(
        lambda: samples.case()[0],
        "cases",
        named=("originator", "id"),
        counter="revision",
        changes={"version": 2, "digest": "second", "assessed_by": "p-7"},
        frozen={"originator_ref": "another"},
        beside=lambda one: (samples.version_of(one),),
    ),
    "handoff": Kind(
        lambda: samples.handoff(CASE)[0],
        "handoffs",
        counter="sequence",
        changes={"accepted_groups": frozenset({"items", "basis"}), "held": 1, "held_under": "it"},
        frozen={"purpose": ("statistics",), "address": samples.Addressee("abroad")},
        beside=lambda one: (samples.answer_to(one, None),),
    ),
    "organisation": Kind(
        lambda: samples.organisation(f"office-{new_id().int >> 80}"),
        "organisations",
        named=("slug",),
        counter="version",
        changes={"status": samples.Status.SUSPENDED, "memberships": ()},
    ),
}
SAVED = {name: kind for name, kind in KINDS.items() if kind.saved}


@pytest.fixture
def work(store):
    """A transaction that may change everything, with what the records refer to."""
    with store.begin(TransactionMode.REGISTRY) as work:
        for slug in ("hotline", "police", "abroad"):
            work.organisations.add(samples.organisation(slug))
        work.organisations.add_system(samples.system())
        work.cases.add(CASE, VERSION)
        work.handoffs.add(OFFERED, samples.answer_to(OFFERED, None))
        yield work


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_record_comes_back_as_it_was_added_and_no_other_under_its_name(work, kind):
    made, other = kind.make(), kind.make()
    kind.add(work, made)
    for taken in (made, replace(other, **{name: getattr(made, name) for name in kind.named})):
        with pytest.raises(AlreadyExists):
            kind.add(work, taken)
    assert kind.found(work, made) == made
    assert kind.found(work, other) is None
    kind.add(work, other)
    assert kind.found(work, other) == other


@pytest.mark.parametrize("kind", SAVED.values(), ids=SAVED)
def test_a_record_is_replaced_and_what_was_settled_at_first_stays(work, kind):
    made, other = kind.make(), kind.make()
    kind.add(work, made)
    changed = kind.changed(made)
    kind.save(work, kind.changed(made, **kind.frozen))
    assert kind.found(work, made) == changed
    with pytest.raises(EditConflict):
        kind.save(work, kind.changed(other))
    for stale in (-1, 1) if kind.counter else ():
        count = getattr(changed, kind.counter) + 1 + stale
        with pytest.raises(EditConflict):
            kind.save(work, replace(made, **{kind.counter: count}))
    assert kind.found(work, made) == changed
