"""Whether a new log continues the one of a copy: by its first event, and by nothing else."""

from datetime import UTC, datetime
from uuid import UUID

from gateway.domain.audit_event import AuditEvent, EventDetail, EventResult, Party
from gateway.evidence import log_copy
from gateway.evidence.log_continuation import LogPredecessor
from gateway.evidence.report import Code, VerificationReport
from gateway.evidence.trust import TrustAnchors
from gateway.ledger import tree
from tests.each import each
from tests.evidence.logbook import Logbook
from tests.evidence.scenario import fact, keys_of
from tests.ledger.copies import Served, signer_of

OLD = signer_of("old.example.org")
OTHER = signer_of("other.example.org")
AT = datetime(2026, 11, 26, tzinfo=UTC)
SIZE = 300


def named(size: int = SIZE, last: int = SIZE, fork: int | None = None, **other: str):
    """What a new log says of the old one: a copy of ``size``, and the last checkpoint."""
    copy = Served(OLD, size, fork)
    root = tree.root([tree.leaf_hash(entry) for entry in copy.entries]).hex()
    note = Served(OLD, last, fork).note().decode()
    said = {"log": OLD.name, "log_key": OLD.vkey, "root": root, "note": note} | other
    return LogPredecessor(size=size, **said)


def check(
    said: LogPredecessor, size: int = SIZE, *, action: str = "log.continue", first: bool = True
) -> VerificationReport:
    """The report on a copy of the old log, and the new log's event."""
    new = Logbook("new.example.org")
    detail = EventDetail("subject", said.encode(), frozenset({"gateway"}))
    parties = (Party("gateway", "gateway"),)
    if not first:
        event = AuditEvent(UUID(int=1), "gateway.create", EventResult.ALLOWED, parties)
        new.record(event, AT)
    event = AuditEvent(UUID(int=2), action, EventResult.ALLOWED, parties, (detail,))
    receipt = new.receipt(new.record(event, AT))
    keys = [OLD.key, *new.keys]
    trust = TrustAnchors(keys, [key.name for key in keys])
    return log_copy.check(Served(OLD, size).fetch, trust, continued_by=receipt)


@each("size", [SIZE, SIZE + 1, 600])
def test_a_new_log_continues_a_copy_that_has_at_least_what_it_names(size):
    report = check(named(), size)
    assert report.code == Code.VERIFIED, report
    continued = fact(report, "continued")
    assert (continued["log"], continued["old"]) == ("new.example.org", OLD.name)
    assert continued["size"] == SIZE
    assert "continued.word" in keys_of(report)


def test_what_was_signed_after_the_copy_is_named_as_lost():
    report = check(named(last=SIZE + 5))
    assert report.code == Code.VERIFIED, report
    lost = fact(report, "continued.lost")
    assert (lost["first"], lost["last"]) == (SIZE, SIZE + 4)


DEFECTS = {
    "the copy is shorter": (lambda: check(named(), SIZE - 1), Code.INCOMPLETE),
    "another root": (lambda: check(named(root="00" * 32, last=SIZE + 1)), Code.MISMATCH),
    "another history": (lambda: check(named(fork=7)), Code.MISMATCH),
    "the last checkpoint is of another history": (
        lambda: check(named(note=Served(OLD, 400, 350).note().decode()), 400),
        Code.CONTRADICTION,
    ),
    "the last checkpoint is older": (lambda: check(named(last=SIZE - 1)), Code.MISMATCH),
    "the last checkpoint is of another key": (
        lambda: check(named(note=Served(OTHER, SIZE).note().decode())),
        Code.MISMATCH,
    ),
    "another log": (
        lambda: check(
            named(log=OTHER.name, log_key=OTHER.vkey, note=Served(OTHER, SIZE).note().decode())
        ),
        Code.MISMATCH,
    ),
    "not the first event": (lambda: check(named(), first=False), Code.MISMATCH),
    "another event": (lambda: check(named(), action="gateway.create"), Code.MISMATCH),
}


@each("defect", list(DEFECTS))
def test_what_does_not_continue_a_copy_is_named(defect):
    checked, code = DEFECTS[defect]
    report = checked()
    assert report.code == code, report
    assert [step.number for step in report.steps if step.outcome == "failed"] == [5]
