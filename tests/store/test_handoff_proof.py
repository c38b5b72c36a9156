"""Acts of who can write rows, and has neither the keys of cases nor one that signs.

The comparison with the log names each of them. Where an act changes to whom a handoff is, where it
stands, or what opens, the next answer and the next consultation are refused as well.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from typing import NamedTuple
from uuid import UUID

import pytest
from sqlalchemy import Connection

from gateway.domain.course import HandoffChecks
from gateway.domain.handoff import RecallCode
from gateway.domain.measure import MeasureKind
from gateway.domain.out_of_service import handoff_entry
from gateway.domain.refusals import OutOfService, WrongState
from gateway.exchange.case import measures
from gateway.exchange.case.measures import MeasureRequest
from gateway.exchange.handoffs import offers, package_consultation, recalls, retention
from gateway.exchange.handoffs.recalls import RecallRequest
from gateway.kernel.changes import Change
from gateway.kernel.ports import TransactionMode
from gateway.kernel.transact import RecordedRefusal
from gateway.store.handoff_proof import HandoffComparison
from tests import answers
from tests.casework import (
    OPENING,
    accepted,
    acknowledged,
    consulted,
    offer_of,
    offered,
    revised,
    submitted,
    updated,
)
from tests.each import each
from tests.founded_gateway import ABROAD, CSAM_FR, HOTLINE, OFMIN, Founded, caller, perform
from tests.founding import founded, founded_at, retold
from tests.log_check import handoffs_compared, rows_proof
from tests.store import places

DANGER = {"urgency": "imminent_danger", "urgency_reason": "child_located"}
NONE = HandoffComparison({}, ())


@dataclass
class Scene:
    """A gateway, its handoffs by where they are, and the case of ``held``."""

    gateway: Founded
    handoffs: Mapping[str, UUID]
    case: UUID

    def change(self, script: str, run: Callable[[str], object] | None = None) -> None:
        """Change rows past all rules; names in braces are ids."""
        named = {name: f"'{one.hex}'" for name, one in self.handoffs.items()}
        for statement in script.format(**named, case=f"'{self.case.hex}'").split(";"):
            (run or self.gateway.store.change)(statement)


def scene() -> Scene:
    """The same for each who asks: it is told once."""
    told, copy = _told_scene()
    return replace(told, gateway=retold(told.gateway, copy))


@cache
def _told_scene() -> tuple[Scene, bytes]:
    told = scene_of(founded())
    return told, told.gateway.store.copy()


def scene_of(gateway: Founded) -> Scene:
    danger = offered(gateway, submitted(gateway, **DANGER))
    case = submitted(gateway)
    held = accepted(gateway, offered(gateway, case), groups=("items", "statements"))
    consulted(gateway, held)
    gateway.answer(OFMIN, answers.retain, held, legal_basis="Art. 1", until="2026-12-01")
    revised(gateway, case, urgency="urgent")
    updated(gateway, held)
    acknowledged(gateway, held)
    until = gateway.ports.now() + timedelta(hours=2)
    suspension = MeasureRequest(MeasureKind.SUSPENSION, "approver-1", "objection", (), until)
    gateway.act(HOTLINE, measures.on_case, UUID(case.result["case"]), suspension)
    declined = offered(gateway)
    recalled = accepted(gateway)
    wanted = RecallRequest("approver-1", RecallCode.UNLAWFUL, "order 12/26", "approver-2")
    gateway.act(HOTLINE, recalls.of_handoff, recalled, wanted)
    declined = UUID(declined.result["handoff"])
    gateway.answer(OFMIN, answers.decline, declined, "not ours")
    return Scene(
        gateway,
        {
            "danger": UUID(danger.result["handoff"]),
            "held": held,
            "declined": declined,
            "recalled": recalled,
        },
        UUID(case.result["case"]),
    )


class Act(NamedTuple):
    """What a forger runs, and what the comparison calls it; ``about`` is the handoff that the next
    act is about, None where that goes through."""

    name: str
    script: str
    seen: str
    about: str | None = None


_HANDOFF = "UPDATE handoff SET {changes} WHERE id = {{{of}}}"


def row(name: str, of: str, seen: str, changes: str) -> Act:
    return Act(name, _HANDOFF.format(changes=changes, of=of), seen, of)


ACTS = [
    row("diverted to a stranger", "held", "to", "recipient = 'ocrvp', competence = NULL,"
        " mandate_event = NULL"),
    row("another competence", "held", "to", "competence = 'receive/csam/DE'"),
    row("another originator", "danger", "originator", "originator = 'hotline-abroad'")
    ._replace(about=None),  # it is not found
    row("a decline taken back", "declined", "state", "state = 'accepted', held = 1"),
    row("an acceptance by the row alone", "danger", "state", "state = 'accepted', held = 1"),
    row("a danger that vanished", "danger", "state", "state = 'withdrawn'"),
    row("a danger without hurry", "danger", "urgency", "urgency = 3")._replace(about=None),
    row("another end", "danger", "expires_at", "expires_at = 1800000000000000"),
    row("another purpose", "held", "purpose", "purpose = '[\"prosecute\"]'"),
    row("the package before", "held", "package", "package = 1, held = 1"),
    row("held no more", "held", "held", "held = 0"),
    row("under an older version", "held", "held_under",
        "held_under = (SELECT digest FROM case_version WHERE \"case\" = {case} AND version = 1)"),
    row("all groups", "held", "accepted_groups", "accepted_groups = NULL"),
    row("more parts", "held", "disclosures", "permitted_disclosures = (SELECT permitted_disclosures"
        " FROM handoff WHERE id = {danger})"),
    row("a case of another", "held", "case_digest", "case_digest = (SELECT case_digest FROM handoff"
        " WHERE id = {danger})"),
    row("another version number", "held", "case_version", "case_version = 7")._replace(about=None),
    row("another matter", "danger", "matter", "matter = '[\"terrorism\"]'")._replace(about=None),
    row("as if its case were erased", "held", "documents", "conditions_digest = ''"),
    row("another tool", "held", "transfer_tool",
        "transfer_tool = 'derogation: Art. 49(1)(f) GDPR'"),
    row("a recall forgotten", "recalled", "recall", "recall = NULL, state = 'accepted'"),
    row("a recall answered", "recalled", "recall_answer", "recall_answer = 'in_proceedings'"),
    Act("a recall of another code", "UPDATE case_recall SET code = 'misdirected'", "recall",
        "recalled"),
    Act("a recall and its answers removed",
        "DELETE FROM case_recall; DELETE FROM answer WHERE handoff = {recalled} AND sequence > 2;"
        "DELETE FROM duty WHERE handoff = {recalled} AND kind LIKE 'recall%';"
        "UPDATE handoff SET recall = NULL, state = 'accepted', sequence = 2 WHERE id = {recalled}",
        "documents", "recalled"),
    Act("a cut tail", "DELETE FROM answer WHERE handoff = {held} AND sequence > 3;"
        "UPDATE handoff SET sequence = 3, package = 1, held = 1 WHERE id = {held}",
        "documents", "held"),
    Act("a refusal that became an acceptance",
        "UPDATE answer SET move = 'accept', state = 'accepted' WHERE handoff = {declined} AND"
        " sequence = 2; UPDATE handoff SET state = 'accepted', held = 1 WHERE id = {declined}",
        "documents", "declined"),
    Act("a ciphertext of another handoff",
        "UPDATE answer SET handoff = {danger} WHERE handoff = {recalled} AND sequence = 2;"
        "UPDATE handoff SET state = 'accepted', held = 1, sequence = 2 WHERE id = {danger}",
        "documents", "danger"),
    Act("two documents swapped", "UPDATE answer SET document = (SELECT document FROM answer WHERE"
        " handoff = {recalled} AND sequence = 1) WHERE handoff = {recalled} AND sequence = 2",
        "documents", "recalled"),
    Act("a handoff removed", "DELETE FROM duty WHERE handoff = {danger}; DELETE FROM answer WHERE"
        " handoff = {danger}; DELETE FROM handoff WHERE id = {danger}", "has no row"),
    Act("a duty removed", "DELETE FROM duty WHERE handoff = {danger} AND kind = 'call'", "duty"),
    Act("a duty closed", "UPDATE duty SET closed_at = since WHERE handoff = {danger} AND"
        " kind = 'answer'", "duty end"),
    Act("a duty of another handoff", "UPDATE duty SET handoff = {held} WHERE handoff = {danger}"
        " AND kind = 'call'", "duty"),
    Act("a duty of another party", "UPDATE duty SET organisation = 'ofmin' WHERE kind = 'call'",
        "duty"),
    Act("what arrived removed", "DELETE FROM duty WHERE handoff = {declined} AND"
        " arrived IS NOT NULL", "arrival"),
    Act("all that ever arrived removed", "DELETE FROM duty WHERE arrived IS NOT NULL", "arrival"),
    Act("what arrived closed", "UPDATE duty SET closed_at = since WHERE handoff = {declined} AND"
        " arrived IS NOT NULL", "duty end"),
    Act("another event arrived", "UPDATE duty SET arrived = 'handoff.closed' WHERE"
        " handoff = {declined} AND arrived IS NOT NULL", "arrival"),
    Act("a recall's answer due later", "UPDATE duty SET due_at = due_at + 86400000000 WHERE"
        " kind = 'recall_answer'", "duty"),
    Act("another due time of a handoff", "UPDATE handoff SET due_at = due_at + 1 WHERE"
        " id = {danger}", "due_at"),
    Act("a retention that ends earlier", "UPDATE retention SET until = '2026-06-01'",
        "retention", "held"),
    Act("a retention without an end", "UPDATE retention SET until = NULL", "retention", "held"),
    Act("a retention on another basis", "UPDATE retention SET legal_basis = 'Art. 2'", "retention"),
    Act("a retention of another", "UPDATE retention SET holder = 'ocrvp'", "retention", "held"),
    Act("a retention that ended", "UPDATE retention SET ended_at = since", "retention end", "held"),
    Act("a retention removed", "DELETE FROM retention", "retention", "held"),
    Act("a measure that ends earlier", "UPDATE case_measure SET until = since + 1",
        "until", "held"),
    Act("a measure on one element", "UPDATE case_measure SET elements = '[\"x\"]'",
        "elements", "held"),
    Act("a measure of another kind", "UPDATE case_measure SET kind = 'embargo'", "kind", "held"),
    Act("a measure for another reason", "UPDATE case_measure SET code = 'unlawful'", "code"),
    Act("a measure of another setter", "UPDATE case_measure SET setter = 'ofmin'", "setter"),
    Act("a measure that ended", "UPDATE case_measure SET ended_at = since", "measure end", "held"),
    Act("a measure removed", "DELETE FROM case_measure", "measure", "held"),
    Act("a case without measures", "UPDATE case_file SET measured = FALSE", "measured", "held"),
    Act("a case closed", "UPDATE case_file SET state = 'closed' WHERE id = {case}",
        "state", "held"),
    Act("a case without hurry", "UPDATE case_file SET urgency = 3", "urgency"),
    Act("a case that nobody is asked to take", "UPDATE case_file SET offered = FALSE", "offered"),
    Act("a case kept longer", "UPDATE case_file SET erase_on = '2030-01-01'", "erase_on"),
    Act("a case erased too early", "UPDATE case_file SET erase_on = '2026-04-01'", "erase_on"),
    Act("an older version of a case", "UPDATE case_file SET version = 1, digest = (SELECT digest"
        " FROM case_version WHERE \"case\" = {case} AND version = 1) WHERE id = {case}",
        "digest", "held"),
    Act("a version removed", "DELETE FROM case_version WHERE \"case\" = {case} AND version = 2",
        "digest", "held"),
    Act("a version of another case", "UPDATE case_version SET \"case\" = {danger} WHERE"
        " \"case\" = {case} AND version = 1", "versions"),
    Act("a case removed", "DELETE FROM case_file WHERE id = {case}", "row"),
    Act("what holders heard of removed", "DELETE FROM announcement", "announcement"),
    Act("another change that they heard of", "UPDATE announcement SET change = 'tightening'",
        "announcement"),
    Act("what nobody heard of", "INSERT INTO announcement SELECT originator, \"case\", 1, change,"
        " at, event FROM announcement", "announcement"),
    Act("a consultation removed", "DELETE FROM consultation", "consultation"),
    Act("a consultation of another handoff", "UPDATE consultation SET handoff = {danger}",
        "consultation"),
]  # fmt: skip
"""One for each kind of act: what a row says otherwise, what is missing, what was put there."""


def test_what_the_gateway_does_is_no_difference():
    assert handoffs_compared(scene().gateway) == NONE


@pytest.mark.parametrize("act", ACTS, ids=[one.name for one in ACTS])
def test_no_act_on_rows_passes_unseen(act):
    there = scene()
    there.change(act.script)
    found = handoffs_compared(there.gateway)
    assert act.seen in " ".join(found.sentences())


@pytest.mark.parametrize("act", [one for one in ACTS if one.about], ids=lambda one: one.name)
def test_the_next_act_about_what_was_changed_is_refused(act):
    there = scene()
    there.change(act.script)
    gateway, handoff = there.gateway, there.handoffs[act.about or ""]
    row = gateway.handoff(handoff)
    said = answers.said("officer-1", "not ours")
    gateway.refused(OutOfService, row.recipient, package_consultation.consult, handoff, OPENING)
    gateway.refused(OutOfService, row.recipient, answers.decline, handoff, said)


@pytest.mark.slow
def test_acts_on_rows_of_postgresql_are_refused_and_found_as_well():
    place = places.postgresql()
    there = scene_of(founded_at(place))
    with there.gateway.store.begin(TransactionMode.READ) as work:
        proof = rows_proof(work)
        assert proof.handoffs() == NONE
        proved = proof.proved(there.gateway.clock())
    said = answers.said("officer-1", "not ours")
    missed = []
    for act in ACTS:
        with place.connected() as connection:
            keep_rows(connection)
            there.change(act.script.replace("%", "%%"), connection.exec_driver_sql)
        with there.gateway.store.begin(TransactionMode.READ) as work:
            found = rows_proof(work, proved).handoffs()
        if act.seen not in " ".join(found.sentences()):
            missed.append(f"{act.name}: not found")
        there.gateway.clock.advance(timedelta(minutes=1))  # for the budget of denials
        if act.about:
            handoff = there.handoffs[act.about]
            recipient = there.gateway.handoff(handoff).recipient
            for asked, what in ((package_consultation.consult, OPENING), (answers.decline, said)):
                try:
                    there.gateway.refused(OutOfService, recipient, asked, handoff, what)
                except (AssertionError, pytest.fail.Exception):
                    missed.append(f"{act.name}: not refused")
        with place.connected() as connection:
            put_rows_back(connection)
    place.close()
    assert not missed


KEPT = (
    "case_file", "case_version", "case_measure", "case_recall", "announcement", "handoff", "answer",
    "duty", "retention", "consultation",
)  # fmt: skip


def keep_rows(connection: Connection) -> None:
    connection.exec_driver_sql("SET session_replication_role = replica")  # no rule between tables
    for name in KEPT:
        connection.exec_driver_sql(f"DROP TABLE IF EXISTS kept_{name}")
        connection.exec_driver_sql(f"CREATE TABLE kept_{name} AS SELECT * FROM {name}")  # noqa: S608


def put_rows_back(connection: Connection) -> None:
    connection.exec_driver_sql("SET session_replication_role = replica")
    for name in KEPT:
        connection.exec_driver_sql(f"DELETE FROM {name}")  # noqa: S608
        connection.exec_driver_sql(f"INSERT INTO {name} SELECT * FROM kept_{name}")  # noqa: S608
        connection.exec_driver_sql(f"DROP TABLE kept_{name}")


@each(
    "event",
    [
        '(SELECT event FROM case_version AS other WHERE other."case" = case_version."case"'
        " AND other.version = 3 - case_version.version)",
        "CASE version WHEN 1 THEN event ELSE hex(randomblob(16)) END",
    ],
)
def test_versions_in_another_order_change_no_agreement(event):
    gateway = founded()
    first = submitted(gateway)
    held = accepted(gateway, offered(gateway, revised(gateway, first, urgency="urgent")))
    there = Scene(gateway, {"held": held}, UUID(first.result["case"]))
    there.change(f"UPDATE case_version SET event = lower({event})")  # noqa: S608
    there.change(
        "UPDATE handoff SET held_under = (SELECT digest FROM case_version WHERE version = 1)"
    )
    gateway.refused(OutOfService, OFMIN, package_consultation.consult, held, OPENING)


OF_CASES = [
    one for one in ACTS if one.about and one.script.split()[1:3][one.script.startswith("D")] in
    ("case_file", "case_measure")
]  # fmt: skip


@pytest.mark.parametrize("act", OF_CASES, ids=lambda one: one.name)
def test_nor_is_a_case_offered_that_the_log_tells_otherwise(act):
    there = scene()
    there.change(act.script)
    for asked in (offers.preview, offers.offer):
        key = () if asked is offers.preview else (there.gateway.key(),)
        of = (caller(HOTLINE), *key, there.case, offer_of(there.gateway, CSAM_FR))
        with pytest.raises((OutOfService, RecordedRefusal)) as refused:
            perform(there.gateway.ports, asked, *of)
        found = refused.value
        assert isinstance(getattr(found, "refusal", found), OutOfService)


@each(
    "act",
    [
        "UPDATE case_file SET erase_on = '2026-04-01'",
        "UPDATE case_file SET erase_on = '2030-01-01'",
        "UPDATE case_file SET erase_on = '2030-01-01', early = 1",
    ],
)
def test_a_case_with_another_day_of_erasure_is_neither_opened_nor_offered(act):
    gateway = founded()
    case = submitted(gateway)
    held = accepted(gateway, offered(gateway, case))
    gateway.store.change(act)
    gateway.refused(OutOfService, OFMIN, package_consultation.consult, held, OPENING)
    again, at = offer_of(gateway, CSAM_FR), UUID(case.result["case"])
    gateway.refused(OutOfService, HOTLINE, offers.offer, at, again)


def test_a_danger_without_hurry_is_refused_where_it_would_open_and_names_whom_to_call():
    there = scene()
    there.change("UPDATE handoff SET urgency = 3 WHERE id = {danger}")
    of = there.handoffs["danger"]
    opening = replace(OPENING, reason_code="imminent_danger")
    found = there.gateway.refused(OutOfService, OFMIN, package_consultation.consult, of, opening)
    assert f"telephone the duty contact of {HOTLINE}" in found.detail


def test_what_was_not_changed_goes_on():
    there = scene()
    there.change("UPDATE handoff SET state = 'withdrawn' WHERE id = {danger}")
    consulted(there.gateway, accepted(there.gateway))


def test_a_refusal_in_danger_names_whom_to_call():
    there = scene()
    there.change("UPDATE handoff SET state = 'withdrawn', urgency = 3 WHERE id = {danger}")
    danger = there.handoffs["danger"]
    found = there.gateway.refused(
        OutOfService, OFMIN, package_consultation.consult, danger, OPENING
    )
    assert f"telephone the duty contact of {HOTLINE}" in found.detail
    assert found.help == {"emergency_numbers": ("17", "112", "119")}


def test_a_recall_is_answered_all_the_same():
    there = scene()
    there.change("UPDATE handoff SET purpose = '[]' WHERE id = {recalled}")
    there.gateway.answer(OFMIN, answers.acknowledge_recall, there.handoffs["recalled"])


def test_a_gateway_that_only_alarms_tells_and_goes_on():
    there, told = scene(), []
    there.gateway.ports = replace(
        there.gateway.ports,
        handoff_checks=HandoffChecks.ALARM,
        differs=lambda handoff, names: told.append((handoff, tuple(names))),
    )
    there.change(
        "UPDATE handoff SET matter = '[]', urgency = 0, purpose = '[\"x\"]' WHERE id = {held}"
    )
    there.gateway.answer(OFMIN, answers.close, there.handoffs["held"])
    assert told == [(there.handoffs["held"], ("purpose",))]


def test_what_was_found_out_of_service_is_refused_until_it_is_found_whole():
    there = scene()
    handoff = there.handoffs["danger"]
    for out in ({("handoff", str(handoff))}, set()):
        with there.gateway.ports.begin(TransactionMode.REGISTRY) as work:
            work.organisations.put_out_of_service(frozenset(out))
            work.commit()
        said = answers.said("officer-1", "not ours")
        if out:
            there.gateway.refused(OutOfService, OFMIN, answers.decline, handoff, said)
        else:
            there.gateway.answer(OFMIN, answers.decline, handoff, "not ours")


@each(
    "nonsense",
    [
        "handoff SET id = 'x' WHERE id = {danger}",
        "handoff SET urgency = 77 WHERE id = {danger}",
        "handoff SET \"case\" = 'x' WHERE id = {danger}",
        "duty SET source = 'x' WHERE kind = 'call'",
        "retention SET ground = 'x'",
        "case_measure SET kind = 'x'",
        "case_recall SET code = 'x'",
        "case_file SET erase_on = 'x' WHERE id = {case}",
        "case_version SET event = 'x' WHERE \"case\" = {case} AND version = 1",
        "consultation SET handoff = 'x'",
        "answer SET move = 'x' WHERE handoff = {danger}",
    ],
)
def test_a_row_that_cannot_be_read_hides_no_other(nonsense):
    there = scene()
    there.change("UPDATE handoff SET purpose = '[]' WHERE id = {declined}")
    there.change(f"PRAGMA foreign_keys = OFF; UPDATE {nonsense}")
    found = handoffs_compared(there.gateway)
    assert "purpose" in found.differing[handoff_entry(there.handoffs["declined"])]
    assert len(found.sentences()) > 1


def test_an_id_that_an_originator_chose_is_that_of_nothing_else():
    there = scene()
    gateway = there.gateway
    measured, recalled = (gateway.store.tables(n)[n][0][0] for n in ("case_measure", "case_recall"))
    for one in map(UUID, (measured, recalled)):
        other = accepted(gateway, offered(gateway, originator=ABROAD, handoff=one))
        gateway.answer(OFMIN, answers.retain, other, legal_basis="Art. 1", until="2026-03-03")
    gateway.clock.advance(timedelta(days=2))
    retention.end_due(gateway.ports)
    assert handoffs_compared(gateway) == NONE


def repaired(there: Scene, handoff: UUID) -> None:
    there.gateway.administer(
        "case.repair_handoff", HOTLINE, handoff=str(handoff), reason="changed by SQL"
    )


OF_ROWS = [one for one in ACTS if one.script.startswith("UPDATE handoff")]


@pytest.mark.parametrize("act", OF_ROWS, ids=[one.name for one in OF_ROWS])
def test_two_administrators_have_a_row_written_again(act):
    there = scene()
    before = there.gateway.store.tables("handoff")
    there.change(act.script)
    changed = there.gateway.store.tables("handoff")["handoff"]
    (handoff,) = (
        UUID(new[0]) for old, new in zip(before["handoff"], changed, strict=True) if old != new
    )
    if act.name == "another originator":
        there.gateway.store.change("UPDATE handoff SET originator = 'point-de-contact'")
    with there.gateway.ports.begin(TransactionMode.REGISTRY) as work:
        work.organisations.put_out_of_service(handoffs_compared(there.gateway).entries)
        work.commit()
    repaired(there, handoff)
    assert handoffs_compared(there.gateway) == NONE
    with there.gateway.ports.begin(TransactionMode.READ) as work:
        assert not work.organisations.out_of_service()
    assert there.gateway.types(OFMIN)[-1] == "case.handoff_repaired"
    assert [row[:12] for row in there.gateway.store.tables("handoff")["handoff"]] == [
        row[:12] for row in before["handoff"]
    ]


def test_what_no_document_tells_is_not_repaired():
    there = scene()
    there.change("DELETE FROM answer WHERE handoff = {held} AND sequence > 3")
    change = Change(
        "case.repair_handoff", HOTLINE, {"handoff": str(there.handoffs["held"]), "reason": "x"}
    )
    there.gateway.unmade(WrongState, change)
