"""What others than the gateway's operator confirm of the logs of a file: witnesses, and time-stamp
authorities.

What they confirmed is a checkpoint: the one of the file, or one that is shown to begin its tree, or
to go on from it. Whom to believe the verifier says, by their keys.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any

from gateway.domain.json_values import format_timestamp
from gateway.evidence.declarations import MAX_SKEW
from gateway.evidence.evidence_file import ConfirmedCheckpoint
from gateway.evidence.receipt import VerifiedReceipt
from gateway.ledger import cosignature, tree
from gateway.ledger.cosignature import Cosignature
from gateway.ledger.note import (
    Checkpoint,
    UnknownSigner,
    open_checkpoint,
    parse_checkpoint,
    split,
)
from gateway.text.numbers import pluralise
from gateway.verification import history
from gateway.verification.history import LogHistory, SignedTree
from gateway.verification.report import Code, Fact, Incomplete, VerificationFailed
from gateway.verification.steps import Checks, StepRow, step
from gateway.verification.trust import TrustAnchors

if TYPE_CHECKING:
    from gateway.evidence.time_stamp import TimeStamp

WITNESSED, STAMPED = "witnessed", "stamped"
"""What a verifier may require."""


def joined(
    confirmed: Iterable[ConfirmedCheckpoint], here: Sequence[VerifiedReceipt], trust: TrustAnchors
) -> Iterator[SignedTree]:
    """Verify checkpoints that others confirmed, and that each is of one tree with that of the file.

    ``here`` are the receipts of the file. Raises VerificationFailed: NOT_IN_LOG for one that no
    proof joins, or with a wrong line. One that no known key signed is no tree of the log, for who
    would answer for it? It may be signed with a key that the log has left: the proof shows it to be
    of the log as far as the file's own goes, and a token since when.
    """
    own = {one.checkpoint.origin: one for one in here}
    for one in confirmed:
        if one.origin not in own:
            continue
        mine = SignedTree(own[one.origin].checkpoint, own[one.origin].proof.checkpoint_note)
        signed = [mine]
        try:
            found = SignedTree(parse_checkpoint(split(one.note)[0]), one.note)
            with suppress(UnknownSigner):
                open_checkpoint(one.note, trust.of_log(one.origin).log_keys, one.origin)
                signed.append(found)
            first, last = sorted((found, mine), key=attrgetter("size"))
            begun: Checkpoint = first.checkpoint
            tree.verify_consistency(
                begun.size, begun.root, last.size, last.checkpoint.root, one.consistency
            )
        except ValueError as error:
            why = f"no valid proof that a confirmed checkpoint is of the log: {error}"
            raise VerificationFailed(Code.NOT_IN_LOG, why) from None
        if first in signed:
            yield first
        if last in signed:
            yield SignedTree(last.checkpoint, last.note, beginning=begun)


@dataclass(frozen=True)
class Confirmable:
    """What can be confirmed: the receipts of a file, the checkpoints that others confirmed, and all
    that is known of their logs; ``confirmed`` are these checkpoints as the file has them."""

    here: Sequence[VerifiedReceipt]
    joined: Sequence[SignedTree]
    known: LogHistory
    confirmed: Sequence[ConfirmedCheckpoint] = ()

    @property
    def logs(self) -> list[str]:
        """The logs of the file."""
        return sorted({one.checkpoint.origin for one in self.here})

    def trees(self, log: str) -> list[SignedTree]:
        """The trees of a log that stand in the file, each once; none where its own are not shown to
        be of one history. A proof joined the others to it."""
        own = [history.of_receipt(one) for one in self.here if one.checkpoint.origin == log]
        if not self.known.is_one(log, {one.size for one in own}):
            return []
        joined = (one for one in self.joined if one.checkpoint.origin == log)
        return [*{one.note: one for one in (*own, *joined)}.values()]

    def newest(self, log: str) -> int:
        """The newest entry of a log that the file shows."""
        return max(one.index for one in self.here if one.checkpoint.origin == log)


@step("Witnesses confirm the log")
def _check_witnesses(
    file: Confirmable, trust: TrustAnchors, require: Collection[str]
) -> tuple[list[Fact], str]:
    """Enough of the witnesses whose keys the verifier brought confirm the newest entry of each log,
    where that is required. Who gave the file on may have spoilt a line: that speaks against no
    other."""
    facts, told = list[Fact](), list[str]()
    for log in file.logs:
        trees = file.trees(log)
        largest = _largest(trees, trust)
        entry = file.newest(log)
        confirming = [by.witness for size, by in largest.values() if size > entry]
        number = cosignature.count(confirming)
        facts += [
            Fact(
                "witnessed",
                {"log": log, "size": size, "witness": name, "at": format_timestamp(by.at)},
            )
            for name, (size, by) in sorted(largest.items())
        ]
        facts += [
            Fact("witness.wrong", {"log": log, "size": one.size, "witness": name})
            for one in trees
            for name in cosignature.wrong(one.note, trust.witnesses)
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
        for by in cosignature.verify(one.note, trust.witnesses):
            size, before = found.get(by.witness.name, (-1, by))
            if size < one.size or by.at < before.at:
                found[by.witness.name] = one.size, by
    return found


# --- Time stamps ---


@step("Time-stamp authorities confirm when entries were in the log")
def _check_stamps(
    file: Confirmable, trust: TrustAnchors, require: Collection[str]
) -> tuple[list[Fact], str]:
    """Each token is over its checkpoint; all entries are stamped, where that is required."""
    stamps, unknown = _read_stamps(file, trust)
    facts, older, named = list[Fact](), list[Fact](), dict[str, None]()
    entries = {(one.checkpoint.origin, one.index): one for one in file.here}
    first: list[tuple[str, TimeStamp | None, int]] = []
    for (log, index), entry in sorted(entries.items(), key=itemgetter(0)):
        holding = [by for by, origin, size in stamps if origin == log and index < size]
        # The gateway dates no entry of a checkpoint after the stamp, unless one clock is wrong.
        good = [by for by in holding if by.before >= entry.time - MAX_SKEW]
        first.append((log, good[0] if good else None, index))
        if len(good) < len(holding):
            values = {"entry": index, "at": entry.event["time"], **_stamped(holding[0])}
            older.append(Fact("stamped.older", values))
    for (log, by), group in groupby(first, itemgetter(0, 1)):
        run = [index for *_, index in group]
        about = {"log": log, "first": run[0], "last": run[-1], "number": len(run)}
        if by is None:
            facts.append(Fact("unstamped", about))
        else:
            key = "stamped" if len(run) == 1 else "stamped.several"
            facts.append(Fact(key, {**about, **_stamped(by)}))
            named[by.authority] = None
    if STAMPED in require and (not first or any(one.key == "unstamped" for one in facts)):
        raise Incomplete(
            "no time-stamp authority that you trust confirms when all that is in this file was in "
            "the log: ask for a newer file"
        )
    facts += [*(Fact("stamped.limits", {"authority": one}) for one in named), *older]
    return [*facts, *_unknown(unknown)], f"time stamps: {len(stamps)}, others: {unknown}"


def _read_stamps(
    file: Confirmable, trust: TrustAnchors
) -> tuple[list[tuple["TimeStamp", str, int]], int]:
    """The time stamps of authorities that the verifier trusts, the earliest first, each with log
    and size of its checkpoint; and how many are of others."""
    # Not above: cryptography may yet change what reads them, and other files need none of it.
    from gateway.evidence import time_stamp  # noqa: PLC0415

    found, unknown = [], 0
    for one in file.confirmed:
        if not one.token or one.origin not in file.logs:
            continue
        text = time_stamp.stamped_text(one.note)
        try:
            by = time_stamp.verify(one.token, text, trust.authorities)
            found.append((by, one.origin, parse_checkpoint(split(one.note)[0]).size))
        except time_stamp.TimeStampError as error:
            raise VerificationFailed(Code.BAD_SIGNATURE, str(error)) from None
        except time_stamp.UnknownAuthority:
            unknown += 1
    return sorted(found, key=lambda stamp: stamp[0].before), unknown


def _stamped(by: "TimeStamp") -> dict[str, Any]:
    before = format_timestamp(by.before)
    return {"before": before, "authority": by.authority, "policy": by.policy}


def times(confirmed: Iterable[Fact]) -> Fact:
    """Whose all the other times of a file are."""
    stamped = any(one.key == "stamped.limits" for one in confirmed)
    return Fact("times.others" if stamped else "times")


def _unknown(number: int) -> list[Fact]:
    return [Fact("stamped.unknown", {"number": number})] if number else []


def rows(trust: TrustAnchors, require: Collection[str]) -> list[StepRow[Any, Any]]:
    """The steps that what the verifier brought, or requires, needs."""
    witnesses = [_check_witnesses] if trust.witnesses or WITNESSED in require else []
    return witnesses + ([_check_stamps] if trust.authorities or STAMPED in require else [])


def check(
    checks: Checks, file: Confirmable, trust: TrustAnchors, require: Collection[str]
) -> list[Fact]:
    """Take these steps; what others confirm, and do not."""
    taken, facts = rows(trust, require), [Fact("unwitnessed", {"log": log}) for log in file.logs]
    if _check_witnesses in taken:
        facts = checks(_check_witnesses, file, trust, require)
    if _check_stamps in taken:
        return facts + checks(_check_stamps, file, trust, require)
    return facts + _unknown(sum(bool(one.token) for one in file.confirmed))
