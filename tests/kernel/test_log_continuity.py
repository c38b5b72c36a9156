"""A database that does not continue what was signed is read, and never written."""

from contextlib import suppress
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gateway.domain.refusals import AlreadyExists, HighWaterMarkUnavailable, LogFrozen
from gateway.exchange.case import cases
from gateway.exchange.handoffs import views
from gateway.exchange.oversight import audit
from gateway.kernel.changes import Change
from gateway.kernel.log_continuity import CHECKED_EVERY
from gateway.kernel.ports import TransactionMode
from gateway.kernel.results import to_json
from gateway.kernel.values import SignedTreeHead, TreeHead
from gateway.ledger import tree
from gateway.ledger.note import open_checkpoint
from gateway.registry import directory as organisations
from gateway.registry.enrolment import issue_approved_certificates
from tests.casework import offered, submitted
from tests.each import each
from tests.evidence.ingredients import chance
from tests.exchange.errands import ERRANDS
from tests.founded_gateway import HOTLINE, OFMIN, caller, make_change, perform
from tests.lent import Copy, LentStore
from tests.marks import Marking, MemoryMark, Node, Seconds, marked_gateway
from tests.ports import ORIGIN, START, note_signer
from tests.store.samples import fact


@pytest.fixture
def marking() -> Marking:
    return marked_gateway()


def foreign(marking: Marking, number: int = 1) -> None:
    """Write to the database without its gateway: a mark knows nothing of it."""
    for _ in range(number):
        with marking.gateway.store.begin(TransactionMode.WRITE) as work:
            work.log.record(fact(HOTLINE, id_=marking.gateway.new_id()))
            work.commit()


def older_copy(marking: Marking) -> None:
    """What a restored backup is: the database of an earlier moment."""
    before = marking.gateway.store.copy()
    submitted(marking.gateway)
    marking.gateway.store.put_back(before)


@pytest.mark.parametrize("errand", ERRANDS)
def test_no_write_of_a_partner_is_done_while_the_log_is_frozen(marking, errand) -> None:
    due = ERRANDS[errand](marking.gateway)
    marking.freeze()
    before, moves = marking.node.head(), marking.mark.moves
    with pytest.raises(LogFrozen):
        perform(marking.gateway.ports, due.action, *due.arguments("key-frozen"))
    assert (marking.node.head(), marking.mark.moves) == (before, moves)


def test_a_restored_older_copy_is_not_written_to(marking) -> None:
    older_copy(marking)
    before = marking.node.head()
    with pytest.raises(LogFrozen):
        submitted(marking.gateway)
    assert marking.node.head() == before


def test_the_newer_database_goes_on_without_any_command(marking) -> None:
    before = marking.gateway.store.copy()
    submitted(marking.gateway)
    newer = marking.gateway.store.copy()
    marking.gateway.store.put_back(before)
    with pytest.raises(LogFrozen):
        submitted(marking.gateway)
    marking.gateway.store.put_back(newer)
    submitted(marking.gateway)


def test_a_refusal_is_not_told_while_it_cannot_be_recorded(marking) -> None:
    marking.freeze()
    with pytest.raises(LogFrozen):
        to_json(cases.look_up(marking.gateway.ports, caller(OFMIN), marking.gateway.new_id()))


def test_what_needs_no_receipt_is_read_while_the_log_is_frozen(marking) -> None:
    handoff = UUID(offered(marking.gateway).result["handoff"])
    marking.freeze()
    ports = marking.gateway.ports
    assert to_json(views.look_up(ports, caller(OFMIN), handoff))["state"] == "offered"
    assert to_json(organisations.whoami(ports, caller(HOTLINE)))["organisation"]


def test_receipts_are_not_signed_while_the_log_is_frozen(marking) -> None:
    written = submitted(marking.gateway)
    event = UUID(marking.gateway.confirm(written.receipt).event["id"])
    marking.freeze()
    with pytest.raises(LogFrozen):
        audit.look_up_receipt(marking.gateway.ports, caller(HOTLINE), event)
    with pytest.raises(LogFrozen):
        to_json(audit.stream(marking.gateway.ports, caller(HOTLINE), 0, 10))


def test_the_registry_does_not_change_while_the_log_is_frozen(marking) -> None:
    change = Change("organisation.suspend", OFMIN, {"reason": "test"})
    approvals = marking.gateway.approve(change)
    marking.freeze()
    with pytest.raises(LogFrozen):
        make_change(marking.gateway.ports, change, approvals)
    assert issue_approved_certificates(marking.gateway.ports, authority=None) == []  # nothing waits


def test_a_lost_mark_freezes_the_log(marking) -> None:
    marking.mark.marked = None
    with pytest.raises(LogFrozen, match="missing"):
        submitted(marking.gateway)
    with pytest.raises(LogFrozen, match="missing"):
        marking.node.continuity.check()


def test_a_mark_that_does_not_answer_lets_nothing_be_written(marking) -> None:
    before = marking.node.head()
    marking.mark.reachable = False
    with pytest.raises(HighWaterMarkUnavailable):
        submitted(marking.gateway)
    assert marking.node.head() == before
    marking.mark.reachable = True
    submitted(marking.gateway)


def test_another_log_of_the_same_length_is_seen_at_every_write(marking) -> None:
    submitted(marking.gateway)
    head = marking.node.head()
    marking.mark.marked = SignedTreeHead(TreeHead(head.size, tree.leaf_hash(b"other")), "note")
    with pytest.raises(LogFrozen):
        submitted(marking.gateway)
    assert marking.node.head() == head


def test_another_beginning_of_a_longer_log_is_seen_at_the_start(marking) -> None:
    older_copy(marking)
    foreign(marking, 5)
    assert marking.mark.marked is not None
    before = marking.node.head()
    assert before.size > marking.mark.marked.head.size
    marking.restart()
    with pytest.raises(LogFrozen):
        submitted(marking.gateway)
    assert marking.node.head() == before


def test_a_process_that_saw_another_beginning_writes_no_more(marking) -> None:
    submitted(marking.gateway)
    older_copy(marking)
    foreign(marking, 5)
    with pytest.raises(LogFrozen):
        marking.node.continuity.check()
    for _ in range(2):
        with pytest.raises(LogFrozen):
            submitted(marking.gateway)


def test_another_beginning_of_a_longer_log_is_seen_each_minute(marking) -> None:
    submitted(marking.gateway)
    older_copy(marking)
    foreign(marking, 5)
    marking.node.seconds.now += CHECKED_EVERY
    before = marking.node.head()
    with pytest.raises(LogFrozen):
        submitted(marking.gateway)
    assert marking.node.head() == before


def test_hashes_that_are_gone_freeze_the_log(marking) -> None:
    foreign(marking, 1)
    marking.gateway.store.change("DELETE FROM log_event WHERE idx = 0")
    with pytest.raises(LogFrozen):
        marking.node.continuity.check()


def test_events_that_were_committed_but_never_signed_do_not_freeze_the_log(marking) -> None:
    foreign(marking, 3)  # as a crash between commit and signature leaves them
    marking.node.continuity.check()
    submitted(marking.gateway)


def test_a_commit_and_signature_of_another_process_in_between_is_no_reason_to_freeze(
    marking,
) -> None:
    other = marked_gateway_beside(marking)

    def meanwhile() -> None:
        marking.mark.before_read = lambda: None
        foreign(marking)
        other.checkpoint_signer.sign(other.head())

    marking.mark.before_read = meanwhile
    marking.node.continuity.check()


def marked_gateway_beside(marking: Marking):
    """Another process on the same database."""
    return type(marking.node)(
        marking.node.store, marking.mark, marking.node.signer, marking.node.seconds
    )


# --- No two signatures ever show two histories, whatever happens to the databases ---


SIGNER = note_signer()


def new_node(mark: MemoryMark | None = None, **begun: bool) -> Node:
    """A process on an empty database of its own; its log is begun unless told otherwise."""
    store = LentStore(ORIGIN, lambda: "r1", lambda: START, chance("notary"))
    node = Node(store, mark or MemoryMark(), SIGNER, Seconds())
    if begun.get("begun", True) and node.mark.marked is None:
        node.checkpoint_signer.adopt(TreeHead(0, tree.EMPTY_ROOT))
    return node


def grow(node: Node) -> TreeHead:
    """One more event, written as the gateway writes; its head."""
    with node.continuity.begin(TransactionMode.WRITE) as work:
        work.log.record(fact("hotline"))
        (logged,) = work.commit()
    return logged.head


def signed(note: str) -> TreeHead:
    found = open_checkpoint(note, [SIGNER.key], ORIGIN)
    return TreeHead(found.size, found.root)


def marked_head(node: Node) -> TreeHead:
    assert node.mark.marked is not None
    return node.mark.marked.head


def test_a_head_is_signed_and_is_the_mark_by_then() -> None:
    node = new_node()
    head = grow(node)
    note = node.checkpoint_signer.sign(head)
    assert signed(note) == head == marked_head(node)
    assert node.mark.marked.note == note == node.checkpoint_signer.stored()


def test_signing_a_head_twice_gives_the_same_bytes_and_moves_nothing() -> None:
    node = new_node()
    head = grow(node)
    first, moves = node.checkpoint_signer.sign(head), node.mark.moves
    assert node.checkpoint_signer.sign(head) == first
    assert node.mark.moves == moves


def test_nothing_is_signed_when_the_mark_cannot_be_raised() -> None:
    node = new_node()
    head = grow(node)
    node.mark.reachable = False
    with pytest.raises(HighWaterMarkUnavailable):
        node.checkpoint_signer.sign(head)
    node.mark.reachable = True
    assert marked_head(node).size == 0
    assert signed(node.checkpoint_signer.sign(head)) == head


def test_a_log_without_a_mark_is_not_signed_before_somebody_answers_for_it() -> None:
    node = new_node(begun=False)
    with pytest.raises(LogFrozen, match="missing"):
        node.checkpoint_signer.sign(node.head())
    with pytest.raises(LogFrozen, match="missing"):
        node.checkpoint_signer.stored()
    node.checkpoint_signer.adopt(node.head())
    node.checkpoint_signer.sign(grow(node))


def test_a_mark_is_adopted_only_where_there_is_none() -> None:
    node = new_node()
    node.checkpoint_signer.sign(grow(node))
    with pytest.raises(AlreadyExists):
        node.checkpoint_signer.adopt(TreeHead(0, tree.EMPTY_ROOT))
    assert marked_head(node).size == 1


def test_a_head_that_others_have_overtaken_is_signed_without_moving_the_mark() -> None:
    node = new_node()
    heads = [grow(node) for _ in range(3)]
    node.checkpoint_signer.sign(heads[2])
    moves = node.mark.moves
    assert signed(node.checkpoint_signer.sign(heads[0])) == heads[0]
    assert node.mark.moves == moves


def step(node: Node) -> tuple[TreeHead, TreeHead]:
    """One more event: the head that it was appended to, and its own."""
    base = node.head()
    return base, grow(node)


def test_a_head_that_was_appended_to_the_mark_is_signed_without_another_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    node = new_node()
    steps = [step(node) for _ in range(3)]
    monkeypatch.delattr(type(node.continuity), "require")
    for base, head in steps:
        assert signed(node.checkpoint_signer.sign(head, base)) == head == marked_head(node)


def test_a_head_that_was_appended_to_another_than_the_mark_is_looked_at() -> None:
    one = new_node()
    other = new_node(one.mark)
    step(other)
    base, theirs = step(other)
    one.checkpoint_signer.sign(grow(one))
    with pytest.raises(LogFrozen):
        other.checkpoint_signer.sign(theirs, base)


@each("longer", [1, 2])
def test_of_two_heads_that_were_appended_to_one_the_other_is_not_signed(longer: int) -> None:
    """As when a replica without the last commit takes over."""
    node = new_node()
    node.checkpoint_signer.sign(grow(node))
    before = node.store.copy()
    base, ours = step(node)
    node.store.put_back(before)
    for appended_to, theirs in [step(node) for _ in range(longer)]:
        note = node.checkpoint_signer.sign(theirs, appended_to)
        assert signed(note) == theirs == marked_head(node)
    with pytest.raises(LogFrozen):
        node.checkpoint_signer.sign(ours, base)


def test_a_commit_whose_checkpoint_cannot_be_signed_stands(marking) -> None:
    marking.gateway.store.sign = marking.node.checkpoint_signer.sign_own
    due = ERRANDS["accept a handoff"](marking.gateway)
    size, advance = marking.node.head().size, marking.mark.advance

    def unreachable(seen: SignedTreeHead | None, to: SignedTreeHead) -> bool:
        raise HighWaterMarkUnavailable("the mark does not answer")

    marking.mark.advance = unreachable
    with pytest.raises(HighWaterMarkUnavailable) as refused:
        perform(marking.gateway.ports, due.action, *due.arguments("once"))
    assert marking.node.head().size == size + 1
    marking.mark.advance = advance
    written = perform(marking.gateway.ports, due.action, *due.arguments("once"))
    assert marking.gateway.confirm(written.receipt).event["id"] == str(refused.value.recorded)
    assert marking.mark.marked is not None
    assert marking.mark.marked.head.size == size + 1


@each("size", [1, 2, 3])
def test_a_head_that_is_not_of_the_log_is_not_signed(size: int) -> None:
    node = new_node()
    for _ in range(3):
        node.checkpoint_signer.sign(grow(node))
    with pytest.raises(LogFrozen):
        node.checkpoint_signer.sign(TreeHead(size, tree.leaf_hash(b"another")))


def test_of_two_databases_with_one_mark_one_goes_on_and_the_other_freezes() -> None:
    one = new_node()
    one.checkpoint_signer.sign(grow(one))
    other = new_node(one.mark)
    other.store.put_back(one.store.copy())
    ours, theirs = grow(one), grow(other)
    one.checkpoint_signer.sign(ours)
    with pytest.raises(LogFrozen):
        other.checkpoint_signer.sign(theirs)
    with pytest.raises(LogFrozen):
        grow(other)
    one.checkpoint_signer.sign(grow(one))


def test_a_fork_is_not_signed_when_its_mark_was_overtaken_by_a_longer_one() -> None:
    one = new_node()
    other = new_node(one.mark)
    theirs = grow(other)
    for _ in range(2):
        one.checkpoint_signer.sign(grow(one))
    with pytest.raises(LogFrozen):
        other.checkpoint_signer.sign(theirs)


def test_a_longer_fork_is_not_signed_either() -> None:
    one = new_node()
    one.checkpoint_signer.sign(grow(one))
    other = new_node(one.mark)
    other.store.put_back(one.store.copy())
    other.checkpoint_signer.sign(grow(other))
    one.store.put_back(other.store.copy())
    theirs = [grow(other) for _ in range(2)][-1]
    one.checkpoint_signer.sign(grow(one))
    with pytest.raises(LogFrozen):
        other.checkpoint_signer.sign(theirs)


def test_a_fork_that_is_put_under_a_running_process_is_not_signed() -> None:
    one = new_node()
    other = new_node(one.mark)
    for _ in range(2):
        grow(other)  # committed, and not signed before the other one signs
    one.checkpoint_signer.sign(grow(one))
    one.store.put_back(other.store.copy())
    theirs = grow(one)
    with pytest.raises(LogFrozen):
        one.checkpoint_signer.sign(theirs)
    with pytest.raises(LogFrozen):
        grow(one)


def test_a_mark_that_moves_meanwhile_is_looked_at_again() -> None:
    node = new_node()
    beside = Node(node.store, node.mark, SIGNER, node.seconds)
    heads = [grow(node) for _ in range(2)]
    advance = node.mark.advance

    def overtaken(seen, to):
        node.mark.advance = advance
        beside.checkpoint_signer.sign(heads[0])
        return advance(seen, to)

    node.mark.advance = overtaken
    assert signed(node.checkpoint_signer.sign(heads[1])) == heads[1] == marked_head(node)


NODES = st.sampled_from([0, 1])


class Histories(RuleBasedStateMachine):
    """Two processes, each on a database, and one mark; copies, restores, restarts, late signers."""

    @initialize()
    def begin(self) -> None:
        mark = MemoryMark()
        self.nodes = [new_node(mark), new_node(mark)]
        self.copies = [self.copy_of(0)]
        self.heads: list[dict[TreeHead, None]] = [{}, {}]  # in the order in which they were seen
        self.leaves: dict[TreeHead, list[bytes]] = {}
        self.bases: dict[TreeHead, TreeHead] = {}
        self.notes: set[TreeHead] = set()

    def copy_of(self, which: int) -> Copy:
        return self.nodes[which].store.copy()

    def learn(self, which: int) -> TreeHead:
        """A head that a thread of this process has seen committed; and of which entries it is."""
        node = self.nodes[which]
        with node.store.begin(TransactionMode.READ) as work:
            head = work.log.head()
            entries = work.log.entries(0, head.size)
        self.heads[which][head] = None
        self.leaves[head] = [tree.leaf_hash(entry) for entry in entries]
        return head

    @rule(which=NODES)
    def write(self, which: int) -> None:
        before = self.nodes[which].head()
        try:
            grow(self.nodes[which])
        except LogFrozen:
            assert self.nodes[which].head() == before
        else:
            self.bases[self.learn(which)] = before

    @rule(which=NODES)
    def write_and_sign(self, which: int) -> None:
        before = self.nodes[which].head()
        with suppress(LogFrozen):
            grow(self.nodes[which])
            self.notes.add(
                signed(self.nodes[which].checkpoint_signer.sign(self.learn(which), before))
            )

    @rule(which=NODES, data=st.data())
    def sign(self, which: int, data: st.DataObject) -> None:
        if known := [*self.heads[which]]:
            head = data.draw(st.sampled_from(known))
            with suppress(LogFrozen):
                note = self.nodes[which].checkpoint_signer.sign(head, self.bases.get(head))
                self.notes.add(signed(note))

    @rule(which=NODES)
    def back_up(self, which: int) -> None:
        self.copies.append(self.copy_of(which))

    @rule(which=NODES, data=st.data(), restarts=st.booleans())
    def restore(self, which: int, data: st.DataObject, restarts: bool) -> None:
        """An older copy, also under a running process, as a database server can be restored."""
        self.replace(which, data.draw(st.integers(0, len(self.copies) - 1)), restarts)

    @rule(which=NODES, restarts=st.booleans())
    def take_over(self, which: int, restarts: bool) -> None:
        """What a replica has: the other's database."""
        self.copies.append(self.copy_of(1 - which))
        self.replace(which, len(self.copies) - 1, restarts)

    def replace(self, which: int, number: int, restarts: bool) -> None:
        self.nodes[which].store.put_back(self.copies[number])
        if restarts:
            self.restart(which)

    @rule(which=NODES)
    def restart(self, which: int) -> None:
        self.nodes[which].restart()
        self.heads[which].clear()

    @rule(which=NODES, number=st.integers(1, 4))
    def foreign_write(self, which: int, number: int) -> None:
        """By a program that knows nothing of the mark."""
        node = self.nodes[which]
        for _ in range(number):
            with node.store.begin(TransactionMode.WRITE) as work:
                work.log.record(fact("hotline"))
                work.commit()
        self.learn(which)

    @invariant()
    def all_that_was_signed_is_one_history(self) -> None:
        chain = sorted(self.notes, key=lambda head: head.size)
        for shorter, longer in pairwise(chain):
            assert self.leaves[longer][: shorter.size] == self.leaves[shorter]
        assert all(head.size <= marked_head(self.nodes[0]).size for head in chain)


Histories.TestCase.settings = settings(stateful_step_count=30)
TestHistories = Histories.TestCase
