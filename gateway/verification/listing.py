"""A list of events, as a search or a stream prints it: each receipt, and all of one history.

Only the receipts count. What stands beside them in the file is for people, and is not read.
"""

from collections import Counter
from collections.abc import Sequence

from gateway.evidence import canonical, evidence_file, receipt
from gateway.evidence.receipt import MalformedReceipt, Receipt, VerifiedReceipt
from gateway.text.numbers import pluralise
from gateway.verification import history, steps
from gateway.verification.history import LogHistory
from gateway.verification.lone_files import check_own_signatures
from gateway.verification.report import Conclusion, Fact, Mismatch, VerificationReport
from gateway.verification.steps import Checks, NotShown, step
from gateway.verification.trust import TrustAnchors, confirm_receipt

MAX_BYTES = 64 * 1024 * 1024
"""Some twenty thousand events with their receipts."""


@step("The file is a list of events")
def _read(data: bytes) -> tuple[list[Receipt], str]:
    members = canonical.decode(data)
    if "format" in members:
        known = evidence_file.read(members).receipts
        return list(known), pluralise(len(known), "event")
    listed = members["events"]
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise MalformedReceipt("the file has no list of events")
    found = [receipt.from_json(one.get("receipt")) for one in listed]
    return found, pluralise(len(found), "event")


@step("Every receipt proves that the same log contains its event")
def _confirm(
    given: Sequence[Receipt], trust: TrustAnchors
) -> tuple[Sequence[VerifiedReceipt], str]:
    found = sorted((confirm_receipt(one, trust) for one in given), key=lambda one: one.index)
    if len({one.checkpoint.origin for one in found}) > 1:
        raise Mismatch("the receipts are of several logs")
    return found, f"{found[0].index} to {found[-1].index}" if found else "0 entries"


@step("The log has one history")
def _compare(found: Sequence[VerifiedReceipt], known: LogHistory) -> tuple[int, str]:
    known.add(map(history.of_receipt, found))
    known.add_events(found)
    sizes = {one.checkpoint.size for one in found}
    told = pluralise(len(sizes), "checkpoint")
    if not found or known.is_one(found[0].checkpoint.origin, sizes):
        return 0, f"{told}, shown"
    return len(sizes), NotShown(f"{told}, not shown, nor contradicted")


_ROWS = (_read, _confirm, _compare)


def verify_list(
    data: bytes, trust: TrustAnchors, known: LogHistory, *, require_signed: bool = False
) -> VerificationReport:
    """Verify a list of events; what is not in it may exist."""

    def check(checks: Checks) -> Conclusion:
        found = checks(_confirm, checks(_read, data), trust)
        unjoined = checks(_compare, found, known)
        if require_signed:
            checks(check_own_signatures, (), None)
        return _conclude(found, unjoined)

    rows = (*_ROWS, check_own_signatures) if require_signed else _ROWS
    return steps.run("list", rows, check)


def _conclude(found: Sequence[VerifiedReceipt], unjoined: int) -> Conclusion:
    counted = Counter((one.type, str(one.event["result"])) for one in found)
    dates = sorted({date for one in found if (date := one.event.get("simulated_date"))})
    return Conclusion(
        [
            *(
                Fact("listed", {"number": number, "type": typ, "result": result})
                for (typ, result), number in sorted(counted.items())
            ),
            Fact("recorded.word"),
            Fact("times"),
            *([Fact("listed.unjoined", {"number": unjoined})] if unjoined else []),
            Fact("unlisted"),
            *(
                Fact("unwitnessed", {"log": log})
                for log in sorted({one.checkpoint.origin for one in found})
            ),
            *([Fact("simulated", {"dates": dates})] if dates else []),
        ]
    )
