"""Weeks of a case in any order: members try anything, and an oracle says what must come of it."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from gateway.evidence import sd_jwt
from gateway.exchange.handoffs import package_consultation
from gateway.exchange.standing.consultations import ConsultationRequest
from tests.exchange.living_case import AFTER, OPEN, RECALLED, Handoff, Opening
from tests.exchange.living_case_answers import CODES, MEMBERS, NUMBERS
from tests.exchange.living_case_duties import Duties
from tests.log_check import check_log
from tests.store import places


class Weeks(Duties):
    """Any member tries any move at any time; after each the rules of the living case hold."""

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
        written = self.attempt(reader, package_consultation.consult, one.id, asked)
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
        expected = self.world.keeps(one, Opening(reader, code, None, self.now, self.day))
        written = self.attempt(reader, package_consultation.consult, one.id, asked)
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


class PostgresqlWeeks(Weeks):
    """The same on PostgreSQL, which ends no process of ours."""

    def __init__(self) -> None:
        super().__init__()
        self.place = places.postgresql()
        self.store = lambda origin, _, now, random: self.place.open(
            origin=origin, now=now, random=random
        )

    def crash(self) -> None:
        """Not here: a store in memory can be copied, this one cannot."""

    def teardown(self) -> None:
        try:
            super().teardown()
        finally:
            self.place.close()


def _settings(examples: int, steps: int) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


Weeks.TestCase.settings = _settings(4, 20)
test_whatever_happens_in_weeks_the_rules_of_the_living_case_hold = Weeks.TestCase
ManyWeeks.TestCase.settings = _settings(100, 60)
test_the_rules_of_the_living_case_hold_in_many_weeks = pytest.mark.slow(ManyWeeks.TestCase)
PostgresqlWeeks.TestCase.settings = _settings(5, 30)
test_the_rules_of_the_living_case_hold_on_postgresql = pytest.mark.slow(PostgresqlWeeks.TestCase)
