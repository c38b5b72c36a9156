"""What others than the gateway's operator confirm of the logs of a file: witnesses.

What they confirmed is a checkpoint: the one of the file, or one that is shown to begin its tree, or
to go on from it. Whom to believe the verifier says, by their keys.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from gateway.domain.json_values import format_timestamp
from gateway.evidence.evidence_file import ConfirmedCheckpoint
from gateway.evidence.receipt import VerifiedReceipt
from gateway.ledger import cosignature, tree
from gateway.ledger.cosignature import Cosignature
from gateway.ledger.note import Checkpoint, NoteError, open_checkpoint
from gateway.text.numbers import pluralise
from gateway.verification import history
from gateway.verification.history import LogHistory, SignedTree
from gateway.verification.report import Code, Fact, Incomplete, VerificationFailed
from gateway.verification.steps import Checks, StepRow, step
from gateway.verification.trust import TrustAnchors

WITNESSED = "witnessed"
"""What a verifier may require."""


def joined(
    confirmed: Iterable[ConfirmedCheckpoint], here: Sequence[VerifiedReceipt], trust: TrustAnchors
) -> Iterator[SignedTree]:
    """Verify checkpoints that others confirmed, and that each is of one tree with that of the file.

    ``here`` are the receipts of the file. Raises VerificationFailed: NOT_IN_LOG for one that the
    log did not sign, or that no proof joins.
    """
    own = {one.checkpoint.origin: one for one in here}
    for one in confirmed:
        if one.origin not in own:
            continue
        mine = SignedTree(own[one.origin].checkpoint, own[one.origin].proof.checkpoint_note)
        try:
            keys = trust.of_log(one.origin).log_keys
            found = SignedTree(open_checkpoint(one.note, keys, one.origin), one.note)
            first, last = sorted((found, mine), key=attrgetter("size"))
            begun: Checkpoint = first.checkpoint
            tree.verify_consistency(
                begun.size, begun.root, last.size, last.checkpoint.root, one.consistency
            )
        except ValueError as error:
            why = f"no valid proof that a confirmed checkpoint is of the log: {error}"
            raise VerificationFailed(Code.NOT_IN_LOG, why) from None
        yield first
        yield SignedTree(last.checkpoint, last.note, beginning=begun)


@dataclass(frozen=True)
class Confirmable:
    """What can be confirmed: the receipts of a file, the checkpoints that others confirmed, and all
    that is known of their logs."""

    here: Sequence[VerifiedReceipt]
    joined: Sequence[SignedTree]
    known: LogHistory

    @property
    def logs(self) -> list[str]:
        """The logs of the file."""
        return sorted({one.checkpoint.origin for one in self.here})

    def trees(self, log: str) -> list[SignedTree]:
        """The trees of a log that stand in the file and are shown to be of one history with it."""
        own = [history.of_receipt(one) for one in self.here if one.checkpoint.origin == log]
        sizes = {one.size for one in own}
        notes = {one.note: one for one in (*own, *self.joined) if one.checkpoint.origin == log}
        return [one for one in notes.values() if self.known.is_one(log, {one.size, *sizes})]

    def newest(self, log: str) -> int:
        """The newest entry of a log that the file shows."""
        return max(one.index for one in self.here if one.checkpoint.origin == log)


@step("Witnesses confirm the log")
def _check_witnesses(
    file: Confirmable, trust: TrustAnchors, require: Collection[str]
) -> tuple[list[Fact], str]:
    """Each line of a witness whose key the verifier brought is valid; enough of them confirm the
    newest entry of each log, where that is required."""
    facts, told = list[Fact](), list[str]()
    for log in file.logs:
        largest = _largest(file.trees(log), trust)
        entry = file.newest(log)
        confirming = [by.witness for size, by in largest.values() if size > entry]
        # One witness may have had two keys, and one key may have been given two names.
        number = min(len({one.name for one in confirming}), len({one.public for one in confirming}))
        facts += [
            Fact("witnessed", {"log": log, "size": size, **_said(by)})
            for _, (size, by) in sorted(largest.items())
        ]
        told += [f"{name}: {pluralise(size, 'entry')}" for name, (size, _) in largest.items()]
        if not largest:
            facts.append(Fact("unwitnessed", {"log": log}))
        elif number < trust.quorum:
            values = {"number": number, "quorum": trust.quorum, "entry": entry}
            facts.append(Fact("unwitnessed.part", {"log": log, **values}))
    if WITNESSED in require and (
        not file.logs or any(one.key.startswith("unwitnessed") for one in facts)
    ):
        raise Incomplete(
            "too few of the witnesses that you trust confirm what is in this file: ask for a newer "
            "file"
        )
    return facts, "; ".join(told)


def _largest(
    trees: Iterable[SignedTree], trust: TrustAnchors
) -> dict[str, tuple[int, Cosignature]]:
    """Each witness's cosignature of the largest tree, and its size; the earliest of several."""
    found: dict[str, tuple[int, Cosignature]] = {}
    for one in sorted(trees, key=attrgetter("size")):
        try:
            lines = cosignature.verify(one.note, trust.witnesses)
        except NoteError as error:
            raise VerificationFailed(Code.BAD_SIGNATURE, str(error)) from None
        for by in lines:
            size, before = found.get(by.witness.name, (-1, by))
            if size < one.size or by.at < before.at:
                found[by.witness.name] = one.size, by
    return found


def _said(by: Cosignature) -> dict[str, Any]:
    return {"witness": by.witness.name, "at": format_timestamp(by.at)}


def rows(trust: TrustAnchors, require: Collection[str]) -> list[StepRow[Any, Any]]:
    """The steps that what the verifier brought, or requires, needs."""
    return [_check_witnesses] if trust.witnesses or WITNESSED in require else []


def check(
    checks: Checks, file: Confirmable, trust: TrustAnchors, require: Collection[str]
) -> list[Fact]:
    """Take these steps; what others confirm, and do not."""
    if _check_witnesses in rows(trust, require):
        return checks(_check_witnesses, file, trust, require)
    return [Fact("unwitnessed", {"log": log}) for log in file.logs]
