"""The line from a report to its outcome, step by step, and in any order that parties may try."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, multiple, rule

from gateway.domain.case import ROUTING_FIELDS
from gateway.domain.refusals import Forbidden, NotFound, WrongState
from gateway.evidence import sd_jwt
from gateway.exchange import cases, handoffs, offers
from gateway.exchange.cases import CaseStepRequest
from gateway.kernel.ports import TransactionMode
from gateway.kernel.transact import RecordedRefusal, WriteResult
from tests import answers
from tests.domain.test_handoff import ALLOWED
from tests.each import each
from tests.founding import (
    ABROAD,
    CSAM_FR,
    HOTLINE,
    OCRVP,
    OFMIN,
    OPENING,
    Founded,
    accepted,
    caller,
    canonical_text,
    check_log,
    consulted,
    element_id,
    fields_of,
    founded,
    machine_match,
    offer_of,
    offered,
    same_document,
    submitted,
)


def test_a_report_goes_from_the_hotline_to_the_office_and_its_outcome_back():
    gateway = founded()
    started = gateway.size()
    case = submitted(gateway, clearance=None, classifications=[machine_match()])
    at = UUID(case.result["case"])
    confirmed = CaseStepRequest("analyst-1", "seen", (element_id("match"),))
    gateway.do(cases.assess, caller(HOTLINE), gateway.key(), at, confirmed)
    gateway.do(cases.clear, caller(HOTLINE), gateway.key(), at, CaseStepRequest("approver-1"))
    handoff = accepted(gateway, offered(gateway, case))
    opened = consulted(gateway, handoff)
    assert "content.example.org" in str(
        sd_jwt.read_unverified(opened.result["presentation"]).content
    )
    for step, reply in (
        (answers.outcome, answers.said("officer-1", code="received")),
        (answers.outcome, answers.said("officer-1", code="child_safeguarded")),
        (answers.close, answers.said("officer-1", "done")),
    ):
        gateway.do(step, caller(OFMIN), gateway.key(), handoff, reply)
    gateway.do(cases.close, caller(HOTLINE), gateway.key(), at, CaseStepRequest("analyst-1"))
    events = check_log(gateway)[started:]
    assert [(event["type"], event["operation"]) for event in events] == [
        ("case.submitted", "collection"),
        ("case.assessed", "alteration"),
        ("case.cleared", "alteration"),
        ("handoff.offered", "disclosure"),
        ("handoff.accepted", "collection"),
        ("case.consulted", "consultation"),
        ("handoff.outcome_reported", "alteration"),
        ("handoff.outcome_reported", "alteration"),
        ("handoff.closed", "alteration"),
        ("case.closed", "alteration"),
    ]
    assert {event["result"] for event in events} == {"allowed"}
    assert len({event["id"] for event in events}) == len(events)


PARTIES = st.sampled_from([HOTLINE, OFMIN, ABROAD, OCRVP])
STEPS = st.sampled_from(["accept", "accept_partly", "decline", "redirect", "outcome", "close"])
READABLE = {"accepted", "partially_accepted", "closed"}


@dataclass
class Known:
    """A handoff as the model of these tests has it."""

    id: UUID
    case: str
    recipient: str
    permitted_disclosures: frozenset[str]
    state: str = "offered"
    groups: frozenset[str] | None = None


class Exchange(RuleBasedStateMachine):
    """Parties try steps in any order; a model written from contracts.md 5 says what must come.

    ``expected`` counts the events that the log must hold: one for each write that was done, one
    for each refusal, none for a retry.
    """

    cases = Bundle("cases")
    offers = Bundle("offers")
    done = Bundle("done")

    @initialize()
    def found(self) -> None:
        self.gateway: Founded = founded()
        self.expected = self.gateway.size()
        self.suspended: set[str] = set()
        self.offered: list[UUID] = []

    def attempt(self, party: str, action: Any, *rest: Any) -> tuple[WriteResult | None, Any]:
        """Ask for a write; the result or the recorded refusal, and how to ask for it again."""
        arguments = (caller(party), self.gateway.key(), *rest)
        self.expected += 1
        try:
            written = self.gateway.do(action, *arguments)
        except RecordedRefusal as refused:
            if party in self.suspended and action is not answers.decline:
                assert isinstance(refused.refusal, Forbidden)
                assert refused.refusal.rules == ("R2.inactive",)
            return None, refused.refusal
        assert party not in self.suspended or action is answers.decline
        return written, (action, arguments, written)

    @rule(target=cases)
    def submit(self) -> Any:
        if HOTLINE in self.suspended:
            return multiple()
        self.expected += 1
        return submitted(self.gateway)

    @rule(target=offers, case=cases, to=st.sampled_from([CSAM_FR, ABROAD]))
    def offer(self, case: WriteResult, to: Any) -> Any:
        wanted = offer_of(self.gateway, to, again="test")
        recipient = OFMIN if to == CSAM_FR else ABROAD
        at = UUID(case.result["case"])
        written, refusal = self.attempt(HOTLINE, offers.offer, at, wanted)
        if self.suspended & {HOTLINE, recipient}:
            assert written is None
        if written is None:
            assert self.suspended & {HOTLINE, recipient}, refusal
            return multiple()
        permitted_disclosures = frozenset(written.result["permitted_disclosures"])
        self.offered.append(wanted.handoff)
        return Known(wanted.handoff, case.result["digest"], recipient, permitted_disclosures)

    @rule(target=done, known=offers, party=PARTIES, step=STEPS)
    def answer(self, known: Known, party: str, step: str) -> Any:
        groups = ("items",) if step == "accept_partly" else None
        reply = answers.said(
            "officer-1",
            conditions=self.conditions(known) if step.startswith("accept") else None,
            groups=groups,
            reason="because",
            code="removed" if step == "outcome" else None,
        )
        action = getattr(answers, step.removesuffix("_partly"))
        return self.moved(known, party, step, action, reply)

    @rule(target=done, known=offers, party=PARTIES)
    def withdraw(self, known: Known, party: str) -> Any:
        reply = answers.said("liaison-1", "by mistake")
        return self.moved(known, party, "withdraw", answers.withdraw, reply)

    def moved(self, known: Known, party: str, step: str, action: Any, reply: answers.Said) -> Any:
        mover = HOTLINE if step == "withdraw" else known.recipient
        written, told = self.attempt(party, action, known.id, reply)
        target = ALLOWED.get(known.state, {}).get(step)
        if written is None:
            if party in self.suspended:
                return multiple()
            if party == mover:
                assert target is None, told
                assert isinstance(told, WrongState)
            else:
                assert isinstance(told, NotFound)
            return multiple()
        assert party == mover
        assert written.result["state"] == target
        known.state = target
        if step == "accept_partly":
            known.groups = frozenset(reply.fields["groups"])
        return told

    def conditions(self, known: Known) -> dict[str, Any]:
        """The conditions as the originator's documents state them, read past all rules."""
        with self.gateway.store.begin(TransactionMode.READ) as work:
            case = sd_jwt.read_unverified(work.cases.version(known.case).document).content
            offer, *_ = work.handoffs.answers(known.id)
        names = ("tlp", "handling", "onward", "permitted_actions", "erase_on", "attribution")
        purpose = sd_jwt.read_unverified(offer.document).claims["purpose"]
        return {**{name: case[name] for name in names}, "purpose": purpose}

    @rule(target=done, known=offers, party=PARTIES)
    def consult(self, known: Known, party: str) -> Any:
        written, told = self.attempt(party, handoffs.consult, known.id, OPENING)
        if written is None:
            if party not in self.suspended:
                mine = party == known.recipient
                assert isinstance(told, WrongState if mine else NotFound)
                assert not (mine and known.state in READABLE)
            return multiple()
        assert party == known.recipient
        assert known.state in READABLE
        document = sd_jwt.read_unverified(written.result["presentation"])
        assert {part.digest for part in document.placed} <= known.permitted_disclosures
        if known.groups is not None:
            told = {part.name for part in document.placed} - set(ROUTING_FIELDS)
            assert told == known.groups
        return multiple()

    @rule(repeated=consumes(done))
    def repeat(self, repeated: tuple[Any, Any, WriteResult]) -> None:
        action, arguments, first = repeated
        if arguments[0].organisation in self.suspended and action is not answers.decline:
            self.expected += 1
            self.gateway.refusal(action, *arguments)
            return
        again = self.gateway.do(action, *arguments)
        assert canonical_text(again.result) == canonical_text(first.result)
        assert same_document(again.receipt, first.receipt)

    @rule(party=PARTIES)
    def suspend_or_reinstate(self, party: str) -> None:
        verb = "reinstate" if party in self.suspended else "suspend"
        self.gateway.administer(f"organisation.{verb}", party, reason="a rule of this test")
        self.suspended ^= {party}
        self.expected += 1

    @rule(minutes=st.integers(1, 24 * 60))
    def wait(self, minutes: int) -> None:
        self.gateway.clock.advance(timedelta(minutes=minutes))

    def teardown(self) -> None:
        """At the end the log holds what happened and nothing else, and every answer its place."""
        if not hasattr(self, "gateway"):
            return
        events = check_log(self.gateway)
        assert len(events) == self.expected
        given = {fields_of(one)["id"] for one in self.gateway.receipts}
        assert given == {event["id"] for event in events}
        with self.gateway.store.begin(TransactionMode.READ) as work:
            for id_ in self.offered:
                handoff, answers = work.handoffs.get(id_), work.handoffs.answers(id_)
                assert [a.sequence for a in answers] == list(range(1, handoff.sequence + 1))
                assert answers[-1].state == handoff.state


Exchange.TestCase.settings = settings(stateful_step_count=20)
test_parties_may_try_anything_in_any_order = Exchange.TestCase


@each("count", [1, 3])
def test_as_many_handoffs_as_there_are_recipients_run_beside_each_other(count):
    gateway = founded()
    case = submitted(gateway)
    handoff = [accepted(gateway, offered(gateway, case, again="test")) for _ in range(count)]
    for one in handoff:
        consulted(gateway, one)
    check_log(gateway)
    assert len(set(handoff)) == count
