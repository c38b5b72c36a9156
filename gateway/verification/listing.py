"""A list of events, as a search or a stream prints it, or an auditor hands it on: each receipt, and
all of one history.

Only the receipts count. What stands beside them in the file is for people, and is not read. Where
the file has the record of a search, the events must be exactly those that it names. An auditor's
folder has a table and a checkpoint beside the evidence, which must say the same.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.domain.audit_event import READABLE_EVENTS, EventResult
from gateway.evidence import canonical, evidence_file, receipt, sd_jwt
from gateway.evidence.event import PARTY
from gateway.evidence.evidence_file import ConfirmedCheckpoint, EvidenceFile
from gateway.evidence.handoff_documents import package_digest
from gateway.evidence.receipt import MalformedReceipt, Receipt, VerifiedReceipt
from gateway.ledger import proof as tlog_proof
from gateway.text.numbers import pluralise
from gateway.verification import approvals, confirmations, event_table, history, steps
from gateway.verification.confirmations import Confirmable
from gateway.verification.history import LogHistory, SignedTree
from gateway.verification.lone_files import (
    SIGNED,
    check_own_signatures,
    recorded_fact,
    required_rows,
)
from gateway.verification.report import (
    Code,
    Conclusion,
    Fact,
    Mismatch,
    VerificationFailed,
    VerificationReport,
)
from gateway.verification.steps import Checks, NotShown, StepRow, step
from gateway.verification.trust import TrustAnchors, confirm_receipt

MAX_BYTES = 64 * 1024 * 1024
"""Some twenty thousand events with their receipts."""

MOST_TOLD = 100
"""Of a longer list a report says only how many events of each type it has: the table has them."""

SEARCHED = READABLE_EVENTS["audit.search"][0]

EVIDENCE, TABLE, CHECKPOINT, PAGE = "evidence.json", "events.csv", "log.checkpoint", "report.html"
"""The files of a folder that `casegate audit export` writes."""


@dataclass(frozen=True)
class _Listed:
    """An event of the list, and the digests of what its receipt shows."""

    event: VerifiedReceipt
    digests: tuple[str, ...]

    @classmethod
    def confirm(cls, given: Receipt, trust: TrustAnchors) -> "_Listed":
        digests = tuple(sd_jwt.read_disclosure(text).digest for text in given.disclosures)
        return cls(confirm_receipt(given, trust), digests)


_Lists = tuple[Sequence[Receipt], Sequence[Receipt], Sequence[ConfirmedCheckpoint]]
"""Events, the records of searches, and checkpoints that others confirmed."""


@step("The file is a list of events")
def _read(data: bytes) -> tuple[_Lists, str]:
    members, confirmed = canonical.decode(data), tuple[ConfirmedCheckpoint, ...]()
    if "format" in members:
        file = evidence_file.read(members)
        (events, searches), confirmed = _read_export(file), file.confirmed
    else:
        events, searches = (_receipts(members.get(name, [])) for name in ("events", "searches"))
    return (events, searches, confirmed), pluralise(len(events), "event")


def to_file(
    events: Iterable[Receipt],
    searches: Iterable[Receipt],
    confirmed: Sequence[ConfirmedCheckpoint] = (),
) -> EvidenceFile:
    """Return what an auditor hands on: events, and the records of the searches that found them, all
    of one log, with what others confirmed of it. `about` names both by their entries: a later
    search may find the record of an earlier."""
    found = {"events": list(events), "records": list(searches)}
    about = {name: [_entry(one) for one in listed] for name, listed in found.items()}
    receipts = (*found["events"], *found["records"])
    return EvidenceFile({"search": about}, (), receipts, tuple(confirmed))


def _read_export(file: EvidenceFile) -> tuple[list[Receipt], list[Receipt]]:
    """The events, and the records of searches; MalformedReceipt where it names other entries."""
    about = file.about.get("search")
    by_entry = {_entry(one): one for one in file.receipts}
    if not isinstance(about, dict) or about.keys() != {"events", "records"} or file.documents:
        raise MalformedReceipt("the file does not name the events of a search, and its records")
    named = [*about["events"], *about["records"]] if all(map(_is_list, about.values())) else []
    if set(named) != by_entry.keys() or len(by_entry) != len(file.receipts):
        raise MalformedReceipt("the file names other entries than it has")
    events, records = ([by_entry[n] for n in about[name]] for name in ("events", "records"))
    return events, records


def _entry(one: Receipt) -> int:
    return tlog_proof.parse(one.proof).index


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and all(type(one) is int for one in value)


def _receipts(listed: Any) -> list[Receipt]:
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise MalformedReceipt("the file has no list of events")
    return [receipt.from_json(one.get("receipt")) for one in listed]


@step("Every receipt proves that the same log contains its event")
def _confirm(given: Sequence[Receipt], trust: TrustAnchors) -> tuple[Sequence[_Listed], str]:
    unsorted = [_Listed.confirm(one, trust) for one in given]
    found = sorted(unsorted, key=lambda one: one.event.index)
    if len({one.event.checkpoint.origin for one in found}) > 1:
        raise Mismatch("the receipts are of several logs")
    entries = [one.event.index for one in found]
    return found, f"{entries[0]} to {entries[-1]}" if found else "0 entries"


@step("Each search shows all that it found")
def _match(
    records: Sequence[Receipt], found: Sequence[_Listed], trust: TrustAnchors
) -> tuple[Sequence[VerifiedReceipt], str]:
    """Hold the events against the searches: each looked at a range of entries, and names by one
    digest exactly what all of its pages show."""
    searches = sorted((confirm_receipt(one, trust) for one in records), key=_range)
    end = 0
    for search in searches:
        first, after = _range(search)
        if first < end:
            raise Mismatch("two searches in this file are of the same entries")
        end = after
        within = [one for one in found if first <= one.event.index < after]
        shown = package_digest(digest for one in within for digest in one.digests)
        # The number, too: an event of which no detail is left to show has no digest.
        number, digest = search.subject().get("events"), search.event.get("package_digest")
        if (len(within), shown) != (number, digest):
            raise VerificationFailed(
                Code.INCOMPLETE,
                f"this file does not show exactly what the search at entry {search.index} found: "
                "pages of it are missing, or changed",
            )
    ranges = [range(*_range(one)) for one in searches]
    stray = [one for one in found if not any(one.event.index in every for every in ranges)]
    if ranges and stray:
        raise Mismatch(f"no search in this file found entry {stray[0].event.index}")
    told = f"searches: {len(searches)}"
    return searches, told if searches else NotShown("no record of a search in this file")


def _range(search: VerifiedReceipt) -> tuple[int, int]:
    """The entries that a search looked at, half-open; MalformedReceipt where it does not tell."""
    told = search.subject()
    after, before = told.get("after"), told.get("before")
    made = search.type == SEARCHED and search.allowed and "pages" in told
    if not made or type(after) is not int or type(before) is not int:
        raise MalformedReceipt("a record of a search does not tell what it found")
    return after + 1, before


@step("The log has one history")
def _compare(
    found: Sequence[VerifiedReceipt],
    confirmed: Sequence[ConfirmedCheckpoint],
    known: LogHistory,
    trust: TrustAnchors,
) -> tuple[tuple[Sequence[SignedTree], int], str]:
    known.add(map(history.of_receipt, found))
    known.add_events(found)
    joined = [*confirmations.joined(confirmed, found, trust)]
    known.add(joined)
    sizes = {one.checkpoint.size for one in found}
    told = pluralise(len(sizes), "checkpoint")
    if not found or known.is_one(found[0].checkpoint.origin, sizes):
        return (joined, 0), f"{told}, shown"
    return (joined, len(sizes)), NotShown(f"{told}, not shown, nor contradicted")


@step("Table and checkpoint beside the evidence say the same")
def _hold_beside(
    found: Sequence[VerifiedReceipt],
    searches: Sequence[VerifiedReceipt],
    beside: Mapping[str, bytes],
) -> tuple[Mapping[str, bytes], str]:
    if TABLE in beside:
        event_table.require_same(beside[TABLE], [event_table.cells(one) for one in found])
    notes = {one.proof.checkpoint_note.encode() for one in (*found, *searches)}
    if CHECKPOINT in beside and beside[CHECKPOINT] not in notes:
        raise Mismatch("the checkpoint beside the evidence is another one")
    told = ", ".join(name for name in (TABLE, CHECKPOINT) if name in beside)
    return beside, told if TABLE in beside else NotShown(told)


_ROWS = (_read, _confirm, _match, _compare)


def verify_list(
    data: bytes,
    trust: TrustAnchors,
    known: LogHistory,
    *,
    require: Collection[str] = (),
    beside: Mapping[str, bytes] | None = None,
) -> VerificationReport:
    """Verify a list of events; with the records of the searches that found them, that all pages of
    each are there. What is not in it may exist. ``beside`` are the other files of its folder."""

    def check(checks: Checks) -> Conclusion:
        events, records, confirmed = checks(_read, data)
        listed = checks(_confirm, events, trust)
        searches = checks(_match, records, listed, trust)
        found = [one.event for one in listed]
        here = [*found, *searches]
        joined, unjoined = checks(_compare, here, confirmed, known, trust)
        if beside is not None:
            checks(_hold_beside, found, searches, beside)
        file = Confirmable(here, joined, known, confirmed)
        persons = checks(approvals.check_persons, here, trust) if trust.names_persons else []
        by_others = [*persons, *confirmations.check(checks, file, trust, require)]
        if SIGNED in require:
            checks(check_own_signatures, (), None)
        return _conclude(found, searches, unjoined, by_others, beside or {})

    rows: list[StepRow[Any, Any]] = [*_ROWS, *([] if beside is None else [_hold_beside])]
    rows += [approvals.check_persons] if trust.names_persons else []
    rows += required_rows(trust, require)
    return steps.run("list", rows, check)


def _conclude(
    found: Sequence[VerifiedReceipt],
    searches: Sequence[VerifiedReceipt],
    unjoined: int,
    by_others: Sequence[Fact],
    beside: Mapping[str, bytes],
) -> Conclusion:
    counted = Counter((one.type, str(one.event["result"])) for one in found)
    dates = sorted({date for one in found if (date := one.event.get("simulated_date"))})
    return Conclusion(
        [
            *map(_search_fact, searches),
            *(
                Fact(
                    "listed" if result == EventResult.ALLOWED else "listed.attempt",
                    {"number": number, "type": typ, "result": result},
                )
                for (typ, result), number in sorted(counted.items())
            ),
            *(map(recorded_fact, found) if len(found) <= MOST_TOLD else ()),
            *([Fact("listed.table", {"number": len(found)})] if TABLE in beside else []),
            Fact("recorded.word"),
            confirmations.times(by_others),
            *([Fact("listed.page")] if PAGE in beside else []),
            *([Fact("listed.unjoined", {"number": unjoined})] if unjoined else []),
            Fact("unlisted"),
            *by_others,
            *([Fact("simulated", {"dates": dates})] if dates else []),
        ]
    )


def _search_fact(search: VerifiedReceipt) -> Fact:
    """Tell who searched, why and by which filters, and that all which it found is here."""
    subject, shown = search.subject(), dict(search.opened.shown)
    filters = dict(subject["filters"])
    if "case" in filters:
        filters["case"] = "/".join(map(str, dict(filters["case"]).values()))
    if "actions" in filters:
        filters["actions"] = [READABLE_EVENTS.get(one, (one,))[0] for one in filters["actions"]]
    actor = next((one["organisation"] for one in search.details(PARTY)), None)
    values = {"entry": search.index, "number": subject.get("events"), "organisation": actor}
    told = {**shown, "filters": filters or None}
    names = ("by", "reason_code", "reason", "filters")
    return Fact("searched", values, {name: told[name] for name in names if told.get(name)})
