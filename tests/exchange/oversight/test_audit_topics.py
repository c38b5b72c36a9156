"""A month in six topics: one search, one event, each topic counted and read by itself."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.audit_topics import AuditTopic
from gateway.domain.out_of_service import Entry, case_entry
from gateway.domain.refusals import ValidationFailed
from gateway.evidence import base64url, receipt
from gateway.exchange.oversight import audit
from gateway.kernel.ports import TransactionMode
from gateway.kernel.results import to_json
from gateway.kernel.transact import WriteResult
from gateway.ledger import proof, tree
from gateway.ledger.note import parse_checkpoint, split
from gateway.text import month as month_texts
from tests.casework import accepted, consulted, offered
from tests.exchange.handoffs import test_break_glass as danger
from tests.exchange.oversight.test_audit import AUDITOR, grant, over_member, read, search, told_by
from tests.exchange.oversight.test_witnesses import NAME, cosigned, witness
from tests.founded_gateway import HOTLINE, OFMIN, Founded, caller

MONTH = tuple(AuditTopic)
TRIED = audit.AuditSearch("officer-1", "lawfulness", "may I?")


def happened(gateway: Founded) -> None:
    """Let something of each topic happen."""
    consulted(gateway, accepted(gateway))
    handoff = UUID(offered(gateway, danger.draft(gateway)).result["handoff"])
    gateway.act(OFMIN, danger.package_consultation.consult, handoff, danger.RESCUE)
    danger.wait(gateway, timedelta(hours=30))
    gateway.denied("R2.audit.coverage", OFMIN, audit.search, TRIED)


@pytest.fixture
def month(gateway: Founded) -> Founded:
    """A gateway where all of that happened, and an auditor of the whole log."""
    happened(gateway)
    grant(gateway)
    return gateway


def summary(gateway: Founded, written: WriteResult) -> Any:
    return to_json(audit.summarise(gateway.ports, caller(AUDITOR), UUID(written.result["search"])))


def counted(gateway: Founded, written: WriteResult) -> dict[str, set[tuple[str, str, str]]]:
    """The rows of each topic: who, what and why."""
    return {
        one["topic"]: {(row["organisation"], row["type"], row["why"]) for row in one["counts"]}
        for one in summary(gateway, written)["topics"]
    }


def page(gateway: Founded, written: WriteResult, number: int = 1, **place: Any) -> Any:
    searched = UUID(written.result["search"])
    return to_json(audit.look_up_page(gateway.ports, caller(AUDITOR), searched, number, **place))


def size_of(one: Any) -> int:
    """The size of the checkpoint to which a receipt leads."""
    note = proof.parse(receipt.from_json(one).proof).checkpoint_note
    return parse_checkpoint(split(note)[0]).size


def ids(events: Iterable[Any]) -> list[str]:
    return [one["event"] for one in events]


def test_a_month_is_one_event_that_each_member_hears_of_once(month: Founded) -> None:
    before = {one: len(month.types(one)) for one in (AUDITOR, HOTLINE, OFMIN)}
    search(month, topics=MONTH)
    new = {one: month.types(one)[known:] for one, known in before.items()}
    assert new == {
        AUDITOR: ["audit.search"],
        HOTLINE: ["audit.informed"],
        OFMIN: ["audit.informed"],
    }


def test_each_topic_is_counted_by_who_what_and_why(month: Founded) -> None:
    written = search(month, topics=MONTH)
    found = counted(month, written)
    assert list(found) == [str(one) for one in MONTH]
    assert (OFMIN, "case.consulted", "investigation") in found["consultations"]
    opened = (OFMIN, "case.consulted", "imminent_danger")
    assert opened in found["consultations"] & found["break_glass"]
    assert (HOTLINE, "handoff.offered", "break_glass") in found["break_glass"]
    late = {(HOTLINE, "handoff.overdue", "clearance"), (OFMIN, "handoff.overdue", "review")}
    assert late <= found["overdue"] & found["break_glass"]
    assert (OFMIN, "audit.search", "R2.audit.coverage") in found["refusals"]
    assert (AUDITOR, "audit_access.granted", "") in found["members"]
    for one in summary(month, written)["topics"]:
        assert one["events"] == sum(row["events"] for row in one["counts"])


def test_a_refusal_is_in_no_other_topic_and_what_is_in_none_is_not_found(month: Founded) -> None:
    search(month)
    written = search(month, topics=MONTH)
    told = told_by(page(month, written)["events"])
    assert {"case.submitted", "handoff.accepted"}.isdisjoint(one["type"] for one in told)
    log = told_by(page(month, written, topic="log")["events"])
    assert [(one["type"], one["result"]) for one in log] == [("audit.search", "allowed")]


def test_the_pages_of_a_topic_are_its_events_alone_and_no_other_topic_has_any(
    month: Founded,
) -> None:
    asked = ("consultations", "refusals")
    written = search(month, page_size=2, topics=asked)
    told = summary(month, written)
    shown = {
        one["topic"]: [
            event
            for number in range(1, one["pages"] + 1)
            for event in page(month, written, number, topic=one["topic"])["events"]
        ]
        for one in told["topics"]
    }
    assert {name: len(events) for name, events in shown.items()} == {
        one["topic"]: one["events"] for one in told["topics"]
    }
    every = [one for n in range(1, told["pages"] + 1) for one in page(month, written, n)["events"]]
    assert sorted(ids(every)) == sorted(ids([*shown["consultations"], *shown["refusals"]]))
    with pytest.raises(ValidationFailed):
        page(month, written, topic="overdue")


def test_what_an_access_withholds_puts_an_event_into_no_topic(gateway: Founded) -> None:
    happened(gateway)
    over_member(gateway, OFMIN)
    found = counted(gateway, search(gateway, topics=MONTH))
    assert (OFMIN, "case.consulted", "imminent_danger") in found["break_glass"]
    assert HOTLINE not in {who for who, what, _ in found["break_glass"] if what.endswith("offered")}


def test_all_pages_of_a_search_are_read_under_the_checkpoint_of_its_summary(month: Founded) -> None:
    written = search(month, page_size=3, topics=MONTH)
    told = summary(month, written)
    size = size_of(told["receipt"])
    assert size == told["size"] == month.size()
    search(month)
    for number in range(1, told["pages"] + 1):
        shown = page(month, written, number, size=size)["events"]
        assert {size_of(one["receipt"]) for one in shown} == {size}
    assert size_of(page(month, written)["events"][0]["receipt"]) > size
    with pytest.raises(ValidationFailed):
        page(month, written, size=3)


def test_a_summary_says_who_confirmed_the_log_and_proves_that_it_is_one_history(
    month: Founded,
) -> None:
    cosigned(month, witness(NAME))
    told = summary(month, search(month, topics=MONTH))
    (one,) = told["confirmed"]
    assert (one["kind"], one["by"], one["one_history"]) == ("cosignature", NAME, True)
    old = parse_checkpoint(split(one["checkpoint"])[0])
    new = parse_checkpoint(
        split(proof.parse(receipt.from_json(told["receipt"]).proof).checkpoint_note)[0]
    )
    path = base64url.decode(one["consistency"])
    hashes = [path[n : n + tree.HASH_BYTES] for n in range(0, len(path), tree.HASH_BYTES)]
    tree.verify_consistency(old.size, old.root, new.size, new.root, hashes)


def test_a_summary_counts_what_is_out_of_service(month: Founded) -> None:
    written = search(month, topics=MONTH)
    assert summary(month, written)["out_of_service"] == 0
    for out in (frozenset({case_entry("hotline", UUID(int=1))}), frozenset[Entry]()):
        with month.ports.begin(TransactionMode.REGISTRY) as work:
            work.organisations.put_out_of_service(out)
            work.commit()
        told = summary(month, written)
        assert told["out_of_service"] == len(out)
        assert ("Out of service" in " ".join(month_texts.about_log(told, "en"))) is bool(out)


def test_a_search_of_some_days_finds_what_happened_then_wherever_they_begin(
    month: Founded,
) -> None:
    everything = told_by(read(month).result["events"])
    times = sorted({one["time"] for one in everything})
    for since in (times[0], times[len(times) // 2], times[-1]):
        for until in times[1::3]:
            moments = {"since": audit.parse_timestamp(since), "until": audit.parse_timestamp(until)}
            found = told_by(read(month, **moments).result["events"])
            known = [one["id"] for one in everything if since <= one["time"] < until]
            assert [one["id"] for one in found][: len(known)] == known
