"""Weeks of a case: what happens beside answers: measures, members, time, notifications."""

from datetime import timedelta
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from gateway.domain.measure import MeasureKind
from gateway.domain.refusals import Refusal
from gateway.exchange.case import measures
from gateway.exchange.case.measures import MeasureEnd, MeasureRequest
from gateway.exchange.handoffs import retention
from gateway.exchange.lifecycle import before_erasure, erasure, succession_execution, successions
from gateway.exchange.lifecycle.successions import SuccessionApprovalRequest
from gateway.exchange.oversight import notifications
from gateway.exchange.standing import duties
from gateway.kernel.ports import TransactionMode
from gateway.kernel.transact import RecordedRefusal
from tests.exchange.living_case import OPEN, Case, Handoff, Mandate, Measure, Package
from tests.exchange.living_case_answers import HOST, MEMBERS, NUMBERS, UNIT, Answers
from tests.exchange.oversight.test_notifications import jtis, polled
from tests.founded_gateway import ABROAD, CSAM_FR, OCRVP, OFMIN, caller


class Moves(Answers):
    """Any member tries any move at any time."""

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
            same = (one.kind, one.items) == (kind, named)
            if same and (one.setter == setter or self._succeeds(one, held)):
                assert two or not one.holds(self.now) or kind == "mark"
                one.ended = True
        id_ = UUID(str(written.result["measure"]))
        at = None if held is None else held.id
        case.measures.append(Measure(id_, kind, setter, named, until, handoff=at))
        typ = "case.embargoed" if kind == "embargo" else "case.restricted"
        self._heard_of_measure(case, typ, embargo=kind == "embargo")

    def _heard_of_measure(self, case: Case, typ: str, *, embargo: bool) -> None:
        """Whoever holds the case heard; of an embargo no private holder that opened nothing."""
        assert self.told(case.originator, typ)
        for one in self.world.of(case):
            if embargo and not (one.consulted or self.world.members[one.recipient].led):
                assert not self.told(one.recipient, typ, one.id)
            elif one.hears:
                private = not self.world.members[one.recipient].led
                heard = "case.held" if private and typ == "case.embargoed" else typ
                assert self.told(one.recipient, heard), f"{one.state} heard nothing of {heard}"
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
            written = self.attempt(who, measures.on_case, case.id, asked, ends=one.kind)
        else:
            written = self.attempt(who, measures.on_handoff, one.handoff, asked, ends=one.kind)
        if written is None:
            return
        assert who == one.setter
        one.ended = True
        if holds:
            embargo = one.kind == "embargo"
            self._heard_of_measure(case, "case.measure_ended", embargo=embargo)

    @precondition(lambda self: any(one.kind == "embargo" for _, one in self.measured()))
    @rule(number=NUMBERS, two=st.booleans())
    def end_in_danger(self, number: int, two: bool) -> None:
        """An authority that holds the case ends the embargo of another."""
        case, one = self._embargo(number)
        holder = self._other_authority(case, one, number)
        if holder is None:
            return
        approver = "approver-2" if two else None
        asked = MeasureEnd(one.id, "officer-1", approver, "a child is in danger")
        if self.attempt(holder.recipient, measures.on_handoff, holder.id, asked) is None:
            return
        succeeds = self._succeeds(one, holder)
        assert succeeds or (two and case.urgency == "imminent_danger")
        assert succeeds or holder.answer != "copies_erased"
        assert one.holds(self.now)
        one.ended = True
        self._heard_of_measure(case, "case.measure_ended", embargo=True)

    def _succeeds(self, measure: Measure, held: Handoff | None) -> bool:
        """Whether the mandate of who set a measure has moved to who holds the case."""
        if held is None or (measure.setter, held.recipient) != (OFMIN, OCRVP):
            return False
        under = next((one for one in self.world.handoffs if one.id == measure.handoff), None)
        same = under is not None and {under.competence, held.competence} == {CSAM_FR}
        moves = [one.begin for one in self.world.mandates if one.holder == OCRVP]
        return same and self.succession and any(day <= self.day for day in moves)

    def _embargo(self, number: int) -> tuple[Case, Measure]:
        found = [pair for pair in self.measured() if pair[1].kind == "embargo"]
        return found[number % len(found)]

    def _other_authority(self, case: Case, measure: Measure, number: int) -> Handoff | None:
        """An authority that holds a case, and did not set the measure on it."""
        found = [
            one
            for one in self.world.of(case)
            if self.world.members[one.recipient].led and one.recipient != measure.setter
        ]
        return found[number % len(found)] if found else None

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
        before_erasure.announce(ports)
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
                    new.expires_at, new.offered_at = stored.expires_at, stored.offered_at
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
