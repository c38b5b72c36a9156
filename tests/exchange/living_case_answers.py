"""Weeks of a case: members submit, offer, answer and recall in any order."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from gateway.domain.handoff import RecallCode
from gateway.domain.measure import MeasureKind
from gateway.domain.organisation import SCOPES
from gateway.domain.refusals import Refusal
from gateway.domain.retention import DpoAdvice
from gateway.domain.staff import RegisterRole
from gateway.evidence import event as events
from gateway.evidence import sd_jwt
from gateway.exchange.case import cases
from gateway.exchange.case.cases import CaseStepRequest
from gateway.exchange.handoffs import offers, package_consultation, recalls, updates
from gateway.exchange.handoffs.recalls import RecallRequest
from gateway.exchange.handoffs.selection import UpdateRequest
from gateway.exchange.lifecycle import before_erasure
from gateway.exchange.lifecycle.before_erasure import EarlyErasure
from gateway.kernel.ports import TransactionMode
from gateway.kernel.transact import RecordedRefusal, WriteResult
from tests import answers
from tests.casework import CLEARED, conditions_of, offer_of, revised, submitted
from tests.exchange.living_case import (
    NEXT,
    OPEN,
    RECALLED,
    Case,
    Handoff,
    Mandate,
    Measure,
    Organisation,
    Package,
    Version,
    World,
)
from tests.founded_gateway import (
    ABROAD,
    CSAM_FR,
    DESK,
    HOTLINE,
    OCRVP,
    OFMIN,
    Founded,
    caller,
    enter_staff,
)
from tests.founding import founded
from tests.ports import ZONE

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

WHILE_SUSPENDED = (
    answers.decline,
    answers.acknowledge,
    answers.apply,
    answers.dispute,
    answers.acknowledge_recall,
    answers.answer_recall,
    answers.retain,
    answers.notify_correction,
    answers.answer_proposal,
    answers.call,
    package_consultation.review,
    recalls.approve,
    recalls.of_case,
    recalls.of_handoff,
)
RESTRICTIONS = (MeasureKind.SUSPENSION, MeasureKind.MARK)
"""What a suspended member does still: its duties, and what stops the use of its case."""

NUMBERS = st.integers(0, 7)
"""Picks one of what there is."""


def founding(store: Any = None) -> Founded:
    """The founding story, a second office for the same matters, and a host; on a store of its own,
    where one is given."""
    gateway = founded(store)
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


class Answers(RuleBasedStateMachine):
    """Any member submits, offers, answers and recalls at any time."""

    store: Any = None

    def __init__(self) -> None:
        super().__init__()
        self.gateway: Founded | None = None

    @initialize(
        first=st.sampled_from(ORIGINATORS),
        danger=st.booleans(),
        police_first=st.sampled_from([0, 0, 24]),
        addresses=st.lists(st.sampled_from(ADDRESSES), min_size=2, max_size=3, unique=True),
    )
    def found(
        self,
        first: str,
        danger: bool,
        police_first: int,
        addresses: list[tuple[str, str | None, str]],
    ) -> None:
        """A case that some were offered, and most of them accepted."""
        self.gateway = founding(self.store)
        self.police_first = timedelta(hours=police_first)
        self.gateway.ports = replace(self.gateway.ports, police_first=self.police_first)
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

    def attempt(self, who: str, action: Any, *rest: Any, ends: str = "") -> WriteResult | None:
        """Ask for a write, that ``ends`` a measure of a kind; None when it was refused, which has
        changed nothing."""
        arguments = (caller(who), self.gateway.key(), *rest)
        try:
            written = self.gateway.do(action, *arguments)
        except (RecordedRefusal, Refusal):
            written = None
        self.listen()
        if written is not None:
            duty = action in WHILE_SUSPENDED or getattr(rest[-1], "kind", ends) in RESTRICTIONS
            heard = ("active", "suspended") if duty else ("active",)
            assert self.world.members[who].status in heard, action.__name__
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
        if before.erase_on < case.erase_on:
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
        self._assess_and_clear(waiting[number % len(waiting)])

    def _assess_and_clear(self, case: Case) -> None:
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
        led = self.world.members[to].led or self.world.members[case.originator].led
        if purpose == "remove" and not led:
            assert not self.world.waits_for_police(case, self.police_first, self.now)
        one.offered_at = self.now
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
        assert self.told(one.case.originator, self.news[one.recipient][-1]["type"], one.id)

    @precondition(lambda self: self.police_first and self.world.handoffs)
    @rule(number=NUMBERS)
    def go_ahead(self, number: int) -> None:
        one = self.handoff(number)
        if self.attempt(one.recipient, answers.go_ahead, one.id, answers.said("officer-1")):
            assert self.world.members[one.recipient].led
            assert one.state in OPEN
            one.go_ahead = True

    @precondition(lambda self: self.world.handoffs)
    @rule(number=NUMBERS)
    def withdraw(self, number: int) -> None:
        one = self.handoff(number)
        reply = answers.said("liaison-1", "by mistake")
        if self.attempt(one.case.originator, answers.withdraw, one.id, reply) is not None:
            assert not one.is_held, "only a recall ends what was accepted"
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
        code=st.sampled_from(
            ["misdirected", "conditions_not_met", "unlawful", "inaccurate", "authority_order"]
        ),
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
        assert two or code in ("misdirected", "conditions_not_met")
        assert code != "conditions_not_met" or (one.reserved and not whole)
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
        advance = before_erasure.advance_erasure
        if self.attempt(case.originator, advance, case.id, asked) is not None:
            assert two and day < case.erase_on
            case.erase_on = day
            for one in self.world.of(case):
                if one.hears:
                    assert self.told(one.recipient, "case.erasure_advanced", one.id)
