"""What an auditor was shown of a log, against a copy of it: how much is opened, and of whom.

A log has entries without words. Each receipt opens one, and tells its number in the stream of
each party. No event is ever erased: an entry without a receipt is one that was withheld. A
number below the largest that is shown, and that no receipt shows, is an event of that party
that was withheld. Details of persons are erased after their term: how many, events of the
gateway say.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from gateway.domain.audit_event import EVENT_TYPES
from gateway.evidence import canonical, evidence_file, receipt
from gateway.evidence.event import PARTY
from gateway.evidence.receipt import VerifiedReceipt
from gateway.ledger import tiles, tree
from gateway.text.numbers import pluralise
from gateway.verification import history, report
from gateway.verification.log_copy import VerifiedCopy, read_tile
from gateway.verification.trust import TrustAnchors, confirm_receipt


def take_account(
    receipts: Iterable[report.InputFile], trust: TrustAnchors, copy: VerifiedCopy
) -> report.VerificationReport:
    """Account for every entry of a copy by receipts; INCOMPLETE where some entries have none.

    Receipts of entries beyond the copy are counted, and not more.
    """
    account = _Account(receipts, trust, copy)
    return report.run_steps("account", account.steps(), account.conclude)


def account_of_search(data: bytes) -> list[report.InputFile]:
    """The receipts in the JSON of a search or of a stream, or in what `audit export` writes;
    ValueError for other JSON."""
    members = canonical.decode(data)
    if isinstance(members, dict) and "format" in members:
        found = evidence_file.read(members).receipts
        members = {"events": [{"receipt": receipt.to_json(one)} for one in found]}
    events = members.get("events") if isinstance(members, dict) else None
    if not isinstance(events, list):
        raise ValueError("the file has no list of events")
    listed = [*events, *members.get("searches", ())]
    if not all(isinstance(one, dict) for one in listed):
        raise ValueError("the file has no list of events")
    return [
        report.InputFile(f"event {number}", canonical.encode(one.get("receipt")))
        for number, one in enumerate(listed, start=1)
    ]


class _Account:
    """One account; a method for each step."""

    def __init__(
        self, receipts: Iterable[report.InputFile], trust: TrustAnchors, copy: VerifiedCopy
    ) -> None:
        self._receipts, self._trust, self._copy = receipts, trust, copy
        self._opened: dict[int, VerifiedReceipt] = {}
        self._numbers: dict[str, dict[int, int]] = defaultdict(dict)
        self._beyond = 0

    def steps(self) -> Sequence[tuple[str, Callable[[], str]]]:
        return (
            ("The log contains the event of every receipt", self.read_receipts),
            ("The copy has the same entries", self.compare),
            ("Every number of a party belongs to one event", self.count_numbers),
        )

    def read_receipts(self) -> str:
        origin, size = self._copy.checkpoint.origin, self._copy.checkpoint.size
        beyond = set()
        for part in self._receipts:
            confirmed = confirm_receipt(receipt.parse(part.data), self._trust)
            if confirmed.checkpoint.origin != origin:
                raise report.Mismatch(f"{part.name} is of another log than the copy")
            if confirmed.index < size:
                self._opened[confirmed.index] = confirmed
            else:
                beyond.add(confirmed.index)
        self._beyond = len(beyond)
        later = f", {self._beyond} of later entries" if beyond else ""
        return f"entries with a receipt: {len(self._opened)}{later}"

    def compare(self) -> str:
        for index, confirmed in self._opened.items():
            tile, place = divmod(index, tiles.TILE_WIDTH)
            hashes = read_tile(self._copy.read, self._copy.checkpoint.size, 0, tile)
            leaf = hashes[place * tree.HASH_BYTES : (place + 1) * tree.HASH_BYTES]
            if history.of_receipt(confirmed).leaf != leaf:
                raise report.VerificationFailed(
                    report.Code.CONTRADICTION,
                    f"entry {index} is another one in the copy than in a receipt, and the log "
                    "signed both",
                )
        return ""

    def count_numbers(self) -> str:
        for index, confirmed in sorted(self._opened.items()):
            for value in confirmed.details(PARTY):
                organisation, number = value["organisation"], value["stream_number"]
                if self._numbers[organisation].setdefault(number, index) != index:
                    raise report.VerificationFailed(
                        report.Code.CONTRADICTION,
                        f"entries {self._numbers[organisation][number]} and {index} are both "
                        f"number {number} of {organisation}",
                    )
        return pluralise(len(self._numbers), "organisation")

    def conclude(self) -> report.Conclusion:
        size, opened = self._copy.checkpoint.size, len(self._opened)
        values = {
            "log": self._copy.checkpoint.origin,
            "size": size,
            "opened": opened,
            "withheld": size - opened,
        }
        parties = [
            report.Fact(
                "account.organisation",
                {
                    "organisation": organisation,
                    "number": len(numbers),
                    "last": max(numbers),
                    "missing": max(numbers) - len(numbers),
                },
            )
            for organisation, numbers in sorted(self._numbers.items())
        ]
        end = max(self._opened, default=-1) + 1
        erased = self._erased()
        missing = next((index for index in range(end) if index not in self._opened), None)
        lacking = [] if missing is None else [report.Fact("account.withheld", {"entry": missing})]
        if end < size:
            lacking.append(report.Fact("account.later", {"entry": end, "number": size - end}))
        if self._beyond:
            lacking.append(report.Fact("account.beyond", {"number": self._beyond}))
        said = [report.Fact("account", values), *parties, *erased, report.Fact("recorded.word")]
        return report.Conclusion([*said, *lacking])

    def _erased(self) -> list[report.Fact]:
        """Return what events of the gateway say of details that ended with their term."""
        ended: dict[str, Counter[str]] = defaultdict(Counter)
        for one in self._opened.values():
            if one.type == EVENT_TYPES["log.erase_details"][0]:
                for told in map(_erasure, one.details("subject")):
                    ended[told["organisation"]].update(
                        entries=told["entries"], details=told["details"]
                    )
        return [
            report.Fact("account.details_erased", {"organisation": organisation, **counted})
            for organisation, counted in sorted(ended.items())
        ]


def _erasure(subject: Any) -> Mapping[str, Any]:
    """Return what an erasure of details tells; MALFORMED for anything else."""
    try:
        told = canonical.decode(subject.encode())
        numbers = {name: int(told[name]) for name in ("entries", "details")}
        return {"organisation": str(told["organisation"]), **numbers}
    except (ValueError, LookupError, TypeError, AttributeError):
        raise report.VerificationFailed(
            report.Code.UNKNOWN_FORMAT, "an event does not tell which details ended with their term"
        ) from None
