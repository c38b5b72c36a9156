"""Weeks of a case in any order: members try anything, and an oracle says what must come of it."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.domain.measure import MeasureKind
from gateway.domain.organisation import SCOPES
from gateway.domain.recall import RecallCode
from gateway.domain.refusals import Refusal
from gateway.domain.retention import DpoAdvice
from gateway.domain.staff import RegisterRole
from gateway.evidence import event as events
from gateway.evidence import sd_jwt
from gateway.exchange import (
    cases,
    duties,
    early_erasure,
    erasure,
    erasure_notices,
    handoffs,
    measures,
    notifications,
    offers,
    recalls,
    retained_copies,
    retention,
    succession_execution,
    successions,
    updates,
)
from gateway.exchange.cases import CaseStepRequest
from gateway.exchange.consultations import ConsultationRequest
from gateway.exchange.early_erasure import EarlyErasure
from gateway.exchange.measures import MeasureEnd, MeasureRequest
from gateway.exchange.recalls import RecallRequest
from gateway.exchange.successions import SuccessionApprovalRequest
from gateway.exchange.updates import UpdateRequest
from gateway.kernel.ports import TransactionMode
from gateway.kernel.transact import RecordedRefusal, WriteResult
from tests import answers
from tests.exchange.living_case import (
    AFTER,
    NEXT,
    OPEN,
    RECALLED,
    Case,
    Handoff,
    Mandate,
    Measure,
    Opening,
    Organisation,
    Package,
    Version,
    World,
)
from tests.exchange.test_notifications import jtis, polled
from tests.founding import (
    ABROAD,
    CLEARED,
    CSAM_FR,
    DESK,
    HOTLINE,
    OCRVP,
    OFMIN,
    ZONE,
    Founded,
    caller,
    check_log,
    conditions_of,
    enter_staff,
    founded,
    offer_of,
    revised,
    submitted,
)

HOST, UNIT = "hosting-company", "unit-b"
MEMBERS = (HOTLINE, ABROAD, OFMIN, UNIT, OCRVP, HOST)
ORIGINATORS = (HOTLINE, OFMIN)
ADDRESSES = (
    (OFMIN, CSAM_FR, "identify_victim"),
    (UNIT, CSAM_FR, "identify_victim"),
    (OCRVP, CSAM_FR, "identify_victim"),
    (ABROAD, None, "identify_victim"),
    (ABROAD, None, "remove"),
    (HOST, None, "remove"),
)
CODES = (
    "assessment",
    "in_proceedings",
    "imminent_danger",
    "rights_request",
    "superseded_package",
    "recall_review",
    "retention",
)
MARKINGS = ({}, {"tlp": "AMBER+STRICT"}, {"tlp": "RED"})
"""From the loosest to the strictest."""

NUMBERS = st.integers(0, 7)
"""Picks one of what there is."""


def founding() -> Founded:
    """The founding story, a second office for the same matters, and a host."""
    gateway = founded()
    for slug, kind, regimes in (
        (UNIT, "police_office", ["gdpr", "led"]),
        (HOST, "provider", ["gdpr"]),
    ):
        police = kind == "police_office"
        gateway.administer(
            "organisation.admit",
            slug,
            name=slug,
            kind=kind,
            public_authority=police,
            regimes=regimes,
            country="FR",
        )
        seat = {"start": "2020-01-01", "decision_ref": "board"}
        gateway.administer(
            "membership.grant", slug, membership="observer" if police else "associate", **seat
        )
        gateway.administer("system.register", slug, system=DESK, scopes=sorted(SCOPES))
    function, matter, territory = CSAM_FR.split("/")
    where = {"function": function, "matter": matter, "territory": territory}
    for slug in MEMBERS:
        enter_staff(gateway.ports.begin, slug, ["dpo-1"], frozenset({RegisterRole.DPO}))
    gateway.administer("mandate.grant", UNIT, **where, legal_act="an order", start="2020-01-01")
    return gateway


class Weeks(RuleBasedStateMachine):
    """Any member tries any move at any time; after each the rules of the living case hold."""

    def __init__(self) -> None:
        super().__init__()
        self.gateway: Founded | None = None

    @initialize(
        first=st.sampled_from(ORIGINATORS),
        danger=st.booleans(),
        addresses=st.lists(st.sampled_from(ADDRESSES), min_size=2, max_size=3, unique=True),
    )
    def found(self, first: str, danger: bool, addresses: list[tuple[str, str | None, str]]) -> None:
        """A case that some were offered, and most of them accepted."""
        self.gateway = founding()
        members = [
            Organisation(HOTLINE),
            Organisation(ABROAD),
            Organisation(OFMIN, led=True, seat=False),
            Organisation(UNIT, led=True, seat=False),
            Organisation(OCRVP, led=True, seat=False),
            Organisation(HOST, host=True),
        ]
        mandates = [Mandate(OFMIN, CSAM_FR), Mandate(UNIT, CSAM_FR)]
        self.world = World({one.slug: one for one in members}, mandates)
        self.heard = {slug: self._stream(slug, 0) for slug in MEMBERS}
        self.news: dict[str, list[dict[str, Any]]] = {}
        self.touched: list[Handoff] = []
        self.done: list[tuple[Any, Any, WriteResult]] = []
        self.taken = dict.fromkeys(MEMBERS, 0)
        self.number = 0
        self.succession = False
        self.left: date | None = None
        self.submit(first, cleared=True, danger=danger, days=40)
        for number, address in enumerate(addresses):
            self.offer(0, address, None)
            if number < 2 and number < len(self.world.handoffs):
                self.answer(number, "accept", reserved=False)

    # --- What every move has in common -----------------------------------------------------------

    @property
    def now(self) -> datetime:
        return self.gateway.clock()

    @property
    def day(self) -> date:
        return self.now.astimezone(ZONE).date()

    def _stream(self, slug: str, after: int) -> list[UUID]:
        with self.gateway.store.begin(TransactionMode.READ) as work:
            return [event for _, event in work.log.stream(slug, after, 10_000)]

    def listen(self) -> None:
        """Note what each member has heard since it was noted last."""
        self.news = {}
        with self.gateway.store.begin(TransactionMode.READ) as work:
            for slug, known in list(self.heard.items()):
                new = [event for _, event in work.log.stream(slug, len(known), 10_000)]
                self.heard[slug] = known + new
                found = [work.log.logged(event) for event in new]
                self.news[slug] = [events.read(one.event.document) for one in found]

    def told(self, slug: str, typ: str, handoff: UUID | None = None) -> bool:
        """Whether a member has just heard of something."""
        return any(
            one["type"] == typ and (handoff is None or one.get("handoff") == str(handoff))
            for one in self.news[slug]
        )

    def attempt(self, who: str, action: Any, *rest: Any) -> WriteResult | None:
        """Ask for a write; None when it was refused, which has changed nothing."""
        arguments = (caller(who), self.gateway.key(), *rest)
        try:
            written = self.gateway.do(action, *arguments)
        except (RecordedRefusal, Refusal):
            written = None
        self.listen()
        if written is not None:
            assert self.world.members[who].status == "active", action.__name__
            self.done.append((action, arguments, written))
        return written

    def administer(self, action: str, slug: str, **values: Any) -> bool:
        try:
            self.gateway.administer(action, slug, **values)
        except (RecordedRefusal, Refusal):
            return False
        finally:
            self.listen()
        return True

    def case(self, number: int) -> Case:
        return self.world.cases[number % len(self.world.cases)]

    def handoff(self, number: int) -> Handoff:
        return self.world.handoffs[number % len(self.world.handoffs)]

    def measured(self) -> Iterator[tuple[Case, Measure]]:
        return (
            (case, one)
            for case in self.world.cases
            for one in case.measures
            if not one.ended and case.state != "erased"
        )

    def to_update(self) -> Iterator[Handoff]:
        """The handoffs of cases that have a newer version than was sent in them."""
        return (h for h in self.world.handoffs if h.case.newest.number > h.packages[-1].version)

    def items_given(self, case: Case, version: Version, permitted: list[str]) -> frozenset[str]:
        """The items among the disclosures of an offer."""
        placed = sd_jwt.read_own(sd_jwt.parse(version.written.result["document"])).placed
        named = set(permitted)
        return frozenset(
            one.value["id"] for one in placed if one.name == "items" and one.digest in named
        )

    # --- Cases -----------------------------------------------------------------------------------

    @rule(
        who=st.sampled_from(ORIGINATORS),
        cleared=st.sampled_from([True, True, True, False]),
        danger=st.booleans(),
        days=st.sampled_from([12, 40, 400]),
    )
    def submit(self, who: str, cleared: bool, danger: bool, days: int) -> None:
        urgency = "imminent_danger" if danger else "priority"
        case = Case(self.gateway.new_id(), who, urgency, self.day + timedelta(days=days), [], "")
        self._write(case, [self._item(), self._item()], {}, cleared=cleared)

    def _item(self) -> dict[str, Any]:
        self.number += 1
        value = f"https://content.example.org/{self.number}"
        return {"id": str(self.gateway.new_id()), "kind": "url", "value": value}

    def _write(
        self, case: Case, items: list[dict[str, Any]], marking: dict[str, Any], *, cleared: bool
    ) -> None:
        danger = {"urgency_reason": "child_located"} if case.urgency == "imminent_danger" else {}
        content = {
            "originator": case.originator,
            "clearance": CLEARED if cleared else None,
            "items": items,
            "urgency": case.urgency,
            "classifications": None,
            "marking": {"erase_on": case.erase_on.isoformat(), **marking},
            **danger,
        }
        try:
            if case.versions:
                written = revised(self.gateway, case.newest.written, **content)
            else:
                written = submitted(self.gateway, case=case.id, **content)
        except (RecordedRefusal, Refusal):
            self.listen()
            return
        self.listen()
        assert self.world.members[case.originator].status == "active"
        change = self._change(case, items, marking)
        by_id = {one["id"]: one["value"] for one in items}
        number = len(case.versions) + 1
        if not case.versions:
            self.world.cases.append(case)
        case.versions.append(Version(number, by_id, marking, case.erase_on, change, written))
        case.state = "cleared" if cleared else "draft"
        self.touched += self.world.of(case)
        if cleared:
            self._cleared(case)

    @staticmethod
    def _change(case: Case, items: list[dict[str, Any]], marking: dict[str, Any]) -> str | None:
        if not case.versions:
            return None
        before, now = case.newest, {one["id"]: one["value"] for one in items}
        if any(now.get(name) != value for name, value in before.items.items()):
            return "correction"
        if before.erase_on != case.erase_on:
            return "correction"
        levels = [MARKINGS.index(one) for one in (before.marking, marking)]
        if levels[1] != levels[0]:
            return "tightening" if levels[1] > levels[0] else "correction"
        return "addition"

    def _cleared(self, case: Case) -> None:
        """A clearance ends suspensions, and who holds the case hears of what it alters."""
        for one in case.measures:
            one.ended = one.ended or one.kind == "suspension"
        announced = case.to_announce()
        for one in self.world.of(case):
            if one.is_holder:
                told = self.told(one.recipient, "handoff.change_announced", one.id)
                assert told is announced, f"{one}: told {told}"
        if announced:
            case.announced = case.newest.number

    @precondition(lambda self: self.world.cases)
    @rule(
        number=NUMBERS,
        kind=st.sampled_from(["addition", "correction", "correction", "tightening", "loosening"]),
        cleared=st.sampled_from([True, True, False]),
    )
    def revise(self, number: int, kind: str, cleared: bool) -> None:
        case = self.case(number)
        items = [
            {"id": name, "kind": "url", "value": value} for name, value in case.newest.items.items()
        ]
        marking = case.newest.marking
        if kind == "correction":
            items[0] = {**items[0], "value": self._item()["value"]}
        elif kind == "addition":
            items.append(self._item())
        else:
            level = MARKINGS.index(marking) + (1 if kind == "tightening" else -1)
            marking = MARKINGS[min(max(level, 0), len(MARKINGS) - 1)]
        self._write(case, items, marking, cleared=cleared)

    @precondition(lambda self: any(one.state in ("draft", "assessed") for one in self.world.cases))
    @rule(number=NUMBERS)
    def assess_and_clear(self, number: int) -> None:
        waiting = [one for one in self.world.cases if one.state in ("draft", "assessed")]
        case = waiting[number % len(waiting)]
        if case.state == "draft":
            asked = CaseStepRequest("analyst-1")
            if self.attempt(case.originator, cases.assess, case.id, asked) is None:
                return
            case.state = "assessed"
        asked = CaseStepRequest("approver-1")
        if self.attempt(case.originator, cases.clear, case.id, asked) is not None:
            case.state = "cleared"
            self._cleared(case)
            self.touched += self.world.of(case)

    @precondition(
        lambda self: self.world.handoffs and all(h.state not in OPEN for h in self.world.handoffs)
    )
    @rule(number=NUMBERS)
    def close_case(self, number: int) -> None:
        case, asked = self.case(number), CaseStepRequest("analyst-1")
        if self.attempt(case.originator, cases.close, case.id, asked) is not None:
            assert not any(one.state in OPEN for one in self.world.of(case))
            case.state = "closed"

    # --- Offers and updates ----------------------------------------------------------------------

    @precondition(lambda self: self.world.cases)
    @rule(number=NUMBERS, address=st.sampled_from(ADDRESSES), ends=st.sampled_from([None, None, 9]))
    def offer(self, number: int, address: tuple[str, str | None, str], ends: int | None) -> None:
        case, (to, competence, purpose) = self.case(number), address
        expires_at = None if ends is None else self.now + timedelta(days=ends)
        wanted = offer_of(
            self.gateway,
            to,
            organisation=to,
            competence=competence,
            purpose=(purpose,),
            expires_at=expires_at,
            again="needed again",
            country_reason="hosted behind a CDN" if purpose == "remove" else None,
        )
        written = self.attempt(case.originator, offers.offer, case.id, wanted)
        if written is None:
            return
        given = self.items_given(case, case.newest, written.result["permitted_disclosures"])
        package = Package(case.newest.number, given)
        one = Handoff(
            wanted.handoff, case, to, purpose, competence, [package], expires_at=expires_at
        )
        assert self.world.members[to].status == "active"
        assert competence is None or self.world.holds_mandate(to, competence, self.day)
        in_danger = case.urgency == "imminent_danger" and case.state in ("draft", "assessed")
        assert case.state == "cleared" or in_danger
        assert package.version > case.recalled
        assert not any(
            other.recall and other.recipient == to and other.recalled_version >= package.version
            for other in self.world.of(case)
        )
        self._check_given(one, package)
        assert self.told(to, "handoff.offered", one.id)
        self.world.handoffs.append(one)

    def _check_given(self, one: Handoff, package: Package) -> None:
        """Nothing is offered that a measure holds back: no embargoed item reaches a host."""
        now = self.now
        held = list(one.case.in_force(now))
        assert not any(m.kind == "suspension" and not m.items for m in held)
        assert not any(self.world.withheld(one, item, held, None) for item in package.items)

    @precondition(lambda self: any(self.to_update()))
    @rule(number=NUMBERS)
    def update(self, number: int) -> None:
        found = list(self.to_update())
        one = found[number % len(found)]
        asked = UpdateRequest("liaison-1")
        written = self.attempt(one.case.originator, updates.update, one.id, asked)
        if written is None:
            return
        newest = one.case.newest
        stored = self.gateway.handoff(one.id)
        given = self.items_given(one.case, newest, sorted(stored.permitted_disclosures))
        package = Package(newest.number, given, written.result["change"])
        assert one.state in OPEN | {"closed"}
        assert one.recall is None
        assert one.case.state == "cleared"
        assert newest.number > one.packages[-1].version
        assert self.told(one.recipient, "handoff.updated", one.id)
        self._check_given(one, package)
        one.packages.append(package)
        if one.is_held and package.change != "addition":
            one.held = len(one.packages)
        self.touched.append(one)

    # --- Answers ---------------------------------------------------------------------------------

    @precondition(lambda self: self.world.handoffs)
    @rule(
        number=NUMBERS,
        step=st.sampled_from(
            ["accept"] * 5 + ["accept_partly", "decline", "redirect", "close", "outcome", "delay"]
        ),
        reserved=st.booleans(),
    )
    def answer(self, number: int, step: str, reserved: bool) -> None:
        one = self.handoff(number)
        said: dict[str, Any] = {}
        if step.startswith("accept"):
            try:
                said["conditions"] = conditions_of(self.gateway, one.id, one.recipient)
            except (RecordedRefusal, Refusal):
                return
            said["offer"] = self.gateway.handoff(one.id).offer_digest
            if reserved:
                said["reservation"] = {"condition": "erase_on", "legal_basis": "code, article 1"}
            if step == "accept_partly":
                said["groups"] = ("statements",)
        elif step == "outcome":
            said["code"] = "received"
        elif step == "delay":
            until = self.now + timedelta(days=9)
            said |= {"code": "workload", "until": until.strftime("%Y-%m-%dT%H:%M:%SZ")}
        else:
            said["reason"] = "because"
        action = getattr(answers, step.removesuffix("_partly"))
        reply = answers.said("officer-1", **said)
        if self.attempt(one.recipient, action, one.id, reply) is None:
            return
        self._moved(one, step)
        if step.startswith("accept"):
            one.held, one.whole, one.reserved = len(one.packages), step == "accept", reserved
            if reserved:  # let its originator withdraw it, which a consultation would prevent
                self.touched.remove(one)
        assert self.told(one.case.originator, self.news[one.recipient][-1]["type"], one.id)

    @precondition(lambda self: self.world.handoffs)
    @rule(number=NUMBERS)
    def withdraw(self, number: int) -> None:
        one = self.handoff(number)
        reply = answers.said("liaison-1", "by mistake")
        if self.attempt(one.case.originator, answers.withdraw, one.id, reply) is not None:
            if one.is_held:
                assert one.reserved and not one.consulted, "only a recall ends what was accepted"
                one.held = 0
            self._moved(one, "withdraw")
            assert self.told(one.recipient, "handoff.withdrawn", one.id)

    def _moved(self, one: Handoff, step: str) -> None:
        assert one.state in NEXT[step], f"{step} of a handoff that is {one.state}"
        one.state = NEXT[step][one.state]
        self.touched.append(one)

    @precondition(lambda self: any(one.is_held for one in self.world.handoffs))
    @rule(
        number=NUMBERS,
        step=st.sampled_from(
            ["acknowledge", "acknowledge", "apply", "dispute", "propose_correction"]
        ),
    )
    def follow(self, number: int, step: str) -> None:
        holders = [one for one in self.world.handoffs if one.is_held]
        changed = [one for one in holders if one.case.announced > 1 or len(one.packages) > 1]
        one = (changed or holders)[number % len(changed or holders)]
        said = {
            "acknowledge": {},
            "apply": {"done": "rectified"},
            "dispute": {"ground": "evidence"},
            "propose_correction": {"proposal": "other", "reason": "another host"},
        }[step]
        reply = answers.said("officer-1", **said)
        written = self.attempt(one.recipient, getattr(answers, step), one.id, reply)
        if written is not None and step == "acknowledge" and one.case.state != "erased":
            one.held = len(one.packages)
            self.touched.append(one)

    @precondition(lambda self: any(one.is_held for one in self.to_update()))
    @rule(number=NUMBERS, step=st.sampled_from(["notify_correction", "omit_update"]))
    def notify(self, number: int, step: str) -> None:
        holders = [one for one in self.to_update() if one.is_held]
        one = holders[number % len(holders)]
        said: dict[str, Any] = {"reason": "no package can follow"}
        if step == "notify_correction":
            item, *_ = sorted(one.packages[-1].items) or [""]
            said = {"code": "inaccurate", "pointers": [f"/items/{item}" if item else "/urgency"]}
        reply = answers.said("liaison-1", **said)
        if self.attempt(one.case.originator, getattr(answers, step), one.id, reply) is not None:
            assert any(
                self.told(one.recipient, typ, one.id)
                for typ in ("handoff.correction_notified", "handoff.update_omitted")
            )

    # --- Recalls and retentions ------------------------------------------------------------------

    @precondition(lambda self: self.world.handoffs)
    @rule(
        number=NUMBERS,
        code=st.sampled_from(["misdirected", "unlawful", "inaccurate", "authority_order"]),
        two=st.sampled_from([True, True, False]),
        whole=st.booleans(),
    )
    def recall(self, number: int, code: str, two: bool, whole: bool) -> None:
        one = self.handoff(number)
        case = one.case
        reason = None if case.state == "erased" else "as decided"
        second = "approver-2" if two else None
        asked = RecallRequest("approver-1", RecallCode(code), reason, second)
        if whole:
            written = self.attempt(case.originator, recalls.of_case, case.id, asked)
        else:
            written = self.attempt(case.originator, recalls.of_handoff, one.id, asked)
        if written is None:
            return
        assert two or code == "misdirected"
        assert self.told(case.originator, "case.recalled")
        if whole:
            case.recalled = case.newest.number
        for other in self.world.of(case) if whole else [one]:
            if other.recall is not None or not (other.is_holder or other.state == "offered"):
                continue
            if other.is_holder:
                other.recall, other.recalled_version = code, case.newest.number
            other.state = RECALLED.get(other.state, other.state)
            assert self.told(other.recipient, "handoff.recalled", other.id)
            self.touched.append(other)

    @precondition(lambda self: any(one.recall for one in self.world.handoffs))
    @rule(
        number=NUMBERS,
        done=st.sampled_from(
            [None, "copies_erased", "processing_restricted", "in_proceedings", "declined"]
        ),
    )
    def answer_recall(self, number: int, done: str | None) -> None:
        recalled = [one for one in self.world.handoffs if one.recall]
        one = recalled[number % len(recalled)]
        if done is None:
            said = answers.said("officer-1")
            self.attempt(one.recipient, answers.acknowledge_recall, one.id, said)
            return
        until = self.day + timedelta(days=60)
        kept = {
            "copies_erased": {},
            "processing_restricted": {"until": until.isoformat()},
            "in_proceedings": {"authority": "court", "until": until.isoformat()},
            "declined": {"legal_basis": "code, article 1", "until": until.isoformat()},
        }[done]
        if done == "in_proceedings":
            kept["reference"] = "26/123"
        said = answers.said("officer-1", done=done, **kept)
        if self.attempt(one.recipient, answers.answer_recall, one.id, said) is None:
            return
        assert one.answer is None or (done == "copies_erased" and one.answer != "copies_erased")
        police = self.world.members[one.recipient].led
        assert police or done not in ("processing_restricted", "in_proceedings")
        one.answer = done
        one.retained_until = until if kept else None
        one.copy = one.copy and bool(kept)
        self.touched.append(one)

    @precondition(lambda self: any(one.is_held for one in self.world.handoffs))
    @rule(number=NUMBERS, days=st.sampled_from([30, 600]))
    def retain(self, number: int, days: int) -> None:
        holders = [one for one in self.world.handoffs if one.is_held]
        one, until = holders[number % len(holders)], self.day + timedelta(days=days)
        said = answers.said("officer-1", legal_basis="code, article 1", until=until.isoformat())
        if self.attempt(one.recipient, answers.retain, one.id, said) is not None:
            assert self.world.members[one.recipient].led, "a private member retained a case"
            assert one.answer != "copies_erased", "a case is retained whose copies are erased"
            one.retained_until = until
            self.touched.append(one)

    @precondition(lambda self: any(h.is_held for h in self.world.handoffs))
    @rule(number=NUMBERS, days=st.integers(1, 20), two=st.sampled_from([True, False, False]))
    def advance_erasure(self, number: int, days: int, two: bool) -> None:
        case, day = self.case(number), self.day + timedelta(days=days)
        second = "approver-2" if two else "approver-1"
        favourable = DpoAdvice.FAVOURABLE
        asked = EarlyErasure("approver-1", second, "dpo-1", favourable, day, "no longer needed")
        advance = early_erasure.advance_erasure
        if self.attempt(case.originator, advance, case.id, asked) is not None:
            assert two and day < case.erase_on
            case.erase_on = day
            for one in self.world.of(case):
                if one.hears:
                    assert self.told(one.recipient, "case.erasure_advanced", one.id)

    # --- Measures --------------------------------------------------------------------------------

    @precondition(lambda self: self.world.cases)
    @rule(
        number=NUMBERS,
        kind=st.sampled_from(["embargo", "embargo", "suspension", "mark"]),
        whole=st.booleans(),
        two=st.booleans(),
        hours=st.sampled_from([2, 60]),
    )
    def measure(self, number: int, kind: str, whole: bool, two: bool, hours: int) -> None:
        case = self.case(number)
        item = sorted(case.newest.items)[0]
        named = frozenset() if whole and kind != "mark" else frozenset({item})
        until = None if kind == "mark" else self.now + timedelta(hours=hours)
        code = {"embargo": "operation", "suspension": "accuracy_contested", "mark": "objection"}
        asked = MeasureRequest(
            MeasureKind(kind),
            "officer-1",
            code[kind],
            tuple(named),
            until,
            approved_by="approver-2" if two or kind == "mark" else None,
        )
        setter, held = case.originator, None
        if kind == "embargo":
            police = [one for one in self.world.of(case) if self.world.members[one.recipient].led]
            if police:
                held = police[number % len(police)]
                setter = held.recipient
        if held is None:
            written = self.attempt(setter, measures.on_case, case.id, asked)
        else:
            written = self.attempt(setter, measures.on_handoff, held.id, asked)
        if written is None:
            return
        assert self.world.members[setter].led or kind != "embargo"
        for one in case.measures:
            same = (one.kind, one.setter, one.items) == (kind, setter, named)
            one.ended = one.ended or same
        id_ = UUID(str(written.result["measure"]))
        at = None if held is None else held.id
        case.measures.append(Measure(id_, kind, setter, named, until, handoff=at))
        typ = "case.embargoed" if kind == "embargo" else "case.restricted"
        self._heard_of_measure(case, typ)

    def _heard_of_measure(self, case: Case, typ: str) -> None:
        assert self.told(case.originator, typ)
        for one in self.world.of(case):
            if one.hears:
                assert self.told(one.recipient, typ), f"{one.state} heard nothing of {typ}"
        self.touched += self.world.of(case)

    @precondition(lambda self: any(self.measured()))
    @rule(number=NUMBERS, stranger=st.booleans())
    def end_measure(self, number: int, stranger: bool) -> None:
        found = list(self.measured())
        case, one = found[number % len(found)]
        asked = MeasureEnd(one.id, "officer-1", "approver-2", "no longer needed")
        who = case.originator if stranger else one.setter
        holds = one.holds(self.now)
        if one.handoff is None or stranger:
            written = self.attempt(who, measures.on_case, case.id, asked)
        else:
            written = self.attempt(who, measures.on_handoff, one.handoff, asked)
        if written is None:
            return
        assert who == one.setter
        one.ended = True
        if holds:
            self._heard_of_measure(case, "case.measure_ended")

    # --- Consultations ---------------------------------------------------------------------------

    @precondition(lambda self: self.world.handoffs)
    @rule(
        number=NUMBERS,
        reader=st.sampled_from([None, None, *MEMBERS]),
        code=st.sampled_from(CODES),
        package=st.sampled_from([None, None, 1, 2]),
    )
    def consult(self, number: int, reader: str | None, code: str, package: int | None) -> None:
        one = self.handoff(number)
        self._consult(one, reader or one.recipient, code, package)

    def _consult(self, one: Handoff, reader: str, code: str, package: int | None = None) -> None:
        """Open a package, and hold what came of it against the oracle."""
        if one.case.state == "erased":
            self._consult_copy(one, reader, code)
            return
        expected = self.world.opens(one, Opening(reader, code, package, self.now, self.day))
        asked = ConsultationRequest("officer-1", code, "needed", package)
        written = self.attempt(reader, handoffs.consult, one.id, asked)
        if written is None:
            assert expected is None, f"{reader} may open this {one.state} handoff, and could not"
            return
        assert expected is not None, f"{reader} opened a {one.state} handoff with {code}"
        number, items = expected
        one.consulted = True  # who looked in imminent danger before an acceptance holds the case
        assert written.result["package"] == number
        content = sd_jwt.read_unverified(written.result["presentation"]).content
        given = one.packages[number - 1]
        shown = {part["id"]: part["value"] for part in content.get("items", ())}
        assert shown.keys() == items
        version = one.case.versions[given.version - 1]
        assert shown.items() <= version.items.items()
        superseded = one.case.announced > given.version
        assert bool(written.result.get("superseded")) is superseded
        assert self.told(reader, "case.consulted", one.id)

    def _consult_copy(self, one: Handoff, reader: str, code: str) -> None:
        """Open what its recipient keeps of an erased case; nobody else opens anything."""
        asked = ConsultationRequest("officer-1", code, "needed")
        assert self.attempt(reader, handoffs.consult, one.id, asked) is None
        expected = self.world.keeps(one, Opening(reader, code, None, self.now, self.day))
        written = self.attempt(reader, retained_copies.consult, one.id, asked)
        assert (written is not None) is expected, f"{reader} and what is kept: {expected}"
        if written is not None:
            content = sd_jwt.read_unverified(written.result["presentation"]).content
            shown = {part["id"] for part in content.get("items", ())}
            assert shown <= (one.packages[one.held - 1].items if one.whole else set())

    @invariant()
    def what_was_done_binds_at_once(self) -> None:
        """Whoever's handoff was touched opens what the oracle allows now, and nothing else."""
        if self.gateway is None:
            return
        touched, self.touched = self.touched, []
        for one in {id(one): one for one in touched}.values():
            code = "retention" if one.case.state == "erased" else "assessment"
            self._consult(one, one.recipient, code)

    # --- Members ---------------------------------------------------------------------------------

    @rule(who=st.sampled_from(MEMBERS))
    def suspend_or_reinstate(self, who: str) -> None:
        """One member at most is suspended at a time."""
        suspended = [one for one in self.world.members.values() if one.status == "suspended"]
        member, *_ = [*suspended, self.world.members[who]]
        if member.status == "left":
            return
        who = member.slug
        verb = "suspend" if member.status == "active" else "reinstate"
        if self.administer(f"organisation.{verb}", who, reason="an inquiry"):
            member.status = "suspended" if verb == "suspend" else "active"
            self.touched += [one for one in self.world.handoffs if one.recipient == who]

    @precondition(lambda self: len(self.world.handoffs) > 4 and not self.left)
    @rule(who=st.sampled_from([ABROAD, UNIT, HOST]))
    def leave(self, who: str) -> None:
        """A member leaves for good: it opens nothing any more, and hears of what it holds."""
        if self.administer("organisation.leave", who, reason="it was dissolved"):
            self.world.members[who].status = "left"
            self.left = self.day
            self.touched += [one for one in self.world.handoffs if one.recipient == who]

    @precondition(lambda self: not self.succession)
    @rule(days=st.integers(1, 6), reads=st.integers(0, 9))
    def plan_succession(self, days: int, reads: int) -> None:
        """OFMIN's mandate is to move to OCRVP, as both agree."""
        begins = self.day + timedelta(days=days)
        until = begins + timedelta(days=reads)
        plan = {
            "successor": OCRVP,
            "competence": CSAM_FR,
            "effective_on": begins.isoformat(),
            "read_until": until.isoformat(),
            "legal_act": "Decree 2026-1",
            "permissions": False,
        }
        try:
            written = self.gateway.administer("succession.plan", OFMIN, **plan)
        except RecordedRefusal:
            return
        finally:
            self.listen()
        self.succession = True
        former = next(one for one in self.world.mandates if one.holder == OFMIN)
        former.end, former.read_until = begins, until
        self.world.mandates.append(Mandate(OCRVP, CSAM_FR, begins))
        self.planned = UUID(written.result["succession"])
        self.to_approve = [OFMIN, OCRVP]

    @precondition(lambda self: self.succession and self.to_approve)
    @rule()
    def approve_succession(self) -> None:
        who, *others = self.to_approve
        asked = SuccessionApprovalRequest("officer-9")
        if self.attempt(who, successions.approve, self.planned, asked) is not None:
            self.to_approve = others

    # --- Time ------------------------------------------------------------------------------------

    @rule(hours=st.sampled_from([1, 5, 26, 26, 100, 250]))
    def wait(self, hours: int) -> None:
        self.gateway.clock.advance(timedelta(hours=hours))
        self.touched += self.world.handoffs[-2:]

    @rule()
    def maintain(self) -> None:
        """What the timetable does: reminders, successions, erasure."""
        ports = self.gateway.ports
        while duties.sweep(ports):
            pass
        self.listen()
        for due in succession_execution.due_successions(ports):
            succession_execution.apply(ports, due.id)
        self._see_reissued()
        self.listen()
        erasure_notices.announce(ports)
        self.listen()
        while retention.end_due(ports):
            pass
        self.listen()
        for one in self.world.handoffs:
            if self.world.members[one.recipient].status == "left":
                one.copy = one.copy and self.day < self.left + timedelta(days=30)
            if one.retained_until is not None:
                one.copy = one.copy and one.is_retained(self.day)
            elif one.graced is not None:
                one.copy = one.copy and self.day < one.graced + timedelta(days=30)
        erasure.destroy_keys(ports)
        while erasure.erase_due(ports):
            pass
        self.listen()
        day = self.day
        for case in self.world.cases:
            if case.state != "erased" and day >= case.erase_on:
                self._erased(case)

    def _erased(self, case: Case) -> None:
        case.state = "erased"
        for one in self.world.of(case):
            led = self.world.members[one.recipient].led
            one.copy = one.is_held and one.answer != "copies_erased" and led
            one.graced = None if one.is_retained(self.day) else self.day
        assert self.told(case.originator, "case.erased")
        for one in self.world.of(case):
            assert self.told(one.recipient, "case.erased", one.id)
            if one.state in OPEN:
                one.state = "lapsed"
            self.touched.append(one)

    def _see_reissued(self) -> None:
        """Learn what a succession did with each handoff that it moved."""
        known = {one.id: one for one in self.world.handoffs}
        for case in self.world.cases:
            if case.state == "erased":
                continue
            with self.gateway.store.begin(TransactionMode.READ) as work:
                found = work.handoffs.of_case(case.originator, case.id)
            for stored in found:
                if stored.id in known:
                    one = known[stored.id]
                    if one.state != stored.state:
                        assert stored.state in ("reissued", "withdrawn")
                        assert one.recipient == OFMIN and one.state in OPEN
                        one.state = str(stored.state)
                        self.touched.append(one)
                else:
                    version = case.versions[stored.case_version - 1]
                    given = self.items_given(case, version, sorted(stored.permitted_disclosures))
                    package = Package(stored.case_version, given)
                    address = stored.recipient, stored.purpose[0], stored.address.competence
                    new = Handoff(stored.id, case, *address, [package])
                    new.expires_at = stored.expires_at
                    assert stored.recipient == OCRVP
                    self.world.handoffs.append(new)

    @rule()
    def crash(self) -> None:
        """The process ends between two transactions; another one begins on the same database."""
        self.gateway.store.put_back(self.gateway.store.copy())

    @precondition(lambda self: self.done)
    @rule(number=st.integers(0, 50))
    def repeat(self, number: int) -> None:
        """A retry gets the first result, whatever came since, or a refusal; it does nothing."""
        action, arguments, first = self.done[-1 - number % len(self.done)]
        before = self.gateway.size()
        try:
            again = self.gateway.do(action, *arguments)
        except (RecordedRefusal, Refusal):
            self.listen()
            return
        self.listen()
        assert self.gateway.size() == before
        differs = {name for name in again.result if again.result[name] != first.result.get(name)}
        # Beside content stands what binds today, whenever it is shown.
        beside = {"superseded", "conditions", "tightened_by", "tightened_elements"}
        assert not differs - (beside if "presentation" in first.result else set()), differs

    # --- Notifications ---------------------------------------------------------------------------

    @rule(who=st.sampled_from(MEMBERS), most=st.integers(1, 30), skipped=st.integers(0, 40))
    def poll(self, who: str, most: int, skipped: int) -> None:
        if self.world.members[who].status == "active":
            self._poll(who, most, skipped)
            self.listen()

    def _poll(self, who: str, most: int, skipped: int = 10_000) -> int:
        """Take what waits; one of them, if it is there, is not acknowledged yet."""
        found = polled(self.gateway, who, most)
        begin = self.taken[who]
        assert [one.stream_number for one in found] == [
            *range(begin + 1, begin + len(found) + 1)
        ], "a notification is lost, or out of order"
        known = self.heard[who][begin : begin + len(found)]
        assert [one.event for one in found] == known
        notifications.poll(
            self.gateway.ports,
            caller(who),
            0,
            jtis([one for n, one in enumerate(found) if n != skipped], who),
        )
        self.taken[who] = begin + min(skipped, len(found))
        return len(found)

    # --- The end ---------------------------------------------------------------------------------

    def teardown(self) -> None:
        if self.gateway is None:
            return
        for who, member in self.world.members.items():
            if member.status == "suspended":
                assert self.administer("organisation.reinstate", who, reason="over")
                member.status = "active"
        before = self.gateway.size(), self._states()
        for one in self.world.handoffs[::2]:
            if one.state in OPEN:
                number = self.world.handoffs.index(one)
                self.recall(number, code="unlawful", two=True, whole=False)
                assert one.state == "withdrawn", "a handoff is stuck"
        self.gateway.clock.advance(timedelta(days=500))
        self.maintain()
        assert all(one.state == "erased" for one in self.world.cases), "a case is never erased"
        self.what_was_done_binds_at_once()
        self._states_follow_from_events(*before)
        self.listen()
        for who in MEMBERS:
            if self.world.members[who].status == "left":
                continue
            while self._poll(who, 100):
                pass
            self.listen()
            assert self.taken[who] == len(self.heard[who])

    def _states(self) -> dict[str, str]:
        """The state of each handoff, as stored: what the oracle expects it to be."""
        found = {}
        for one in self.world.handoffs:
            found[str(one.id)] = stored = str(self.gateway.handoff(one.id).state)
            assert stored == one.state
        return found

    def _states_follow_from_events(self, size: int, states: dict[str, str]) -> None:
        """The log is sound, the registry is what it says, and so is the state of each handoff."""
        logged = check_log(self.gateway)
        for until, expected in ((size, states), (len(logged), self._states())):
            told = states_by(logged[:until])
            alike = {
                one: state.replace("partially_accepted", "accepted")
                for one, state in expected.items()
            }
            assert {one: told[one] for one in alike} == alike, "events and state disagree"


def states_by(logged: list[dict[str, Any]]) -> dict[str, str]:
    """The state of each handoff as the events of the log have it."""
    found: dict[str, str] = {}
    for one in logged:
        named = one.get("handoff")
        if named is None or one["result"] != "allowed":
            continue
        before = found.get(named, "")
        if one["type"] == "handoff.recalled":
            found[named] = RECALLED.get(before, before)
        elif one["type"] == "case.erased" and before in OPEN:
            found[named] = "lapsed"
        else:
            found[named] = AFTER.get(one["type"], before)
    return found


class ManyWeeks(Weeks):
    """The same, longer and more often."""


def _settings(examples: int, steps: int) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


Weeks.TestCase.settings = _settings(6, 25)
test_whatever_happens_in_weeks_the_rules_of_the_living_case_hold = Weeks.TestCase
ManyWeeks.TestCase.settings = _settings(100, 60)
test_the_rules_of_the_living_case_hold_in_many_weeks = pytest.mark.slow(ManyWeeks.TestCase)
