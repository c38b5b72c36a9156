"""A database that does not continue what was signed is read, and never written."""

from uuid import UUID

import pytest

from gateway.domain.refusals import HighWaterMarkUnavailable, LogFrozen
from gateway.exchange import cases, handoffs, receipts
from gateway.kernel.changes import Change
from gateway.kernel.log_continuity import CHECKED_EVERY
from gateway.kernel.ports import TransactionMode
from gateway.kernel.results import to_json
from gateway.kernel.values import SignedTreeHead, TreeHead
from gateway.ledger import tree
from gateway.registry import directory as organisations
from gateway.registry.enrolment import issue_approved_certificates
from tests.exchange.errands import ERRANDS
from tests.founding import HOTLINE, OFMIN, caller, make_change, offered, submitted
from tests.marks import Marking, marked_gateway
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
        due.action(marking.gateway.ports, *due.arguments("key-frozen"))
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
    assert to_json(handoffs.look_up(ports, caller(OFMIN), handoff))["state"] == "offered"
    assert to_json(organisations.whoami(ports, caller(HOTLINE)))["organisation"]


def test_receipts_are_not_signed_while_the_log_is_frozen(marking) -> None:
    written = submitted(marking.gateway)
    event = UUID(marking.gateway.confirm(written.receipt).event["id"])
    marking.freeze()
    with pytest.raises(LogFrozen):
        receipts.look_up(marking.gateway.ports, caller(HOTLINE), event)
    with pytest.raises(LogFrozen):
        to_json(receipts.stream(marking.gateway.ports, caller(HOTLINE), 0, 10))


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
