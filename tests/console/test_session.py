"""What the console's database keeps, for whom, and how long."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest

from gateway.console.access import Person
from gateway.console.session import (
    COUNTED_DAYS,
    LARGEST_HELD,
    MOST_HELD,
    MOST_WAITING,
    MOST_WAITING_BYTES,
    Sessions,
)
from tests.console.browsing import OFFICER

LIFE = timedelta(minutes=15)
COLLEAGUE = Person("ofmin", "ofmin-2")


@pytest.fixture
def sessions(console):
    return console.sessions


def begin(sessions, person=OFFICER):
    token = sessions.begin(person, "kid", "credential")
    return sessions.find(token)


def test_what_is_held_is_for_its_session_alone_and_in_clear_nowhere(console, sessions):
    mine, other = begin(sessions), begin(sessions, Person("pdc", "pdc-1"))
    name = sessions.hold(mine, {"text": "what a child said"}, LIFE)
    assert sessions.held(mine, name) == {"text": "what a child said"}
    assert sessions.held(other, name) is None
    assert sessions.take(other, name) is None
    stored = b"".join(file.read_bytes() for file in console.folder.iterdir())
    assert b"what a child said" not in stored
    assert mine.key not in stored


def test_what_is_held_is_taken_once_and_ends_with_its_time_and_its_session(console, sessions):
    mine = begin(sessions)
    name = sessions.hold(mine, 1, LIFE)
    assert [sessions.take(mine, name), sessions.take(mine, name)] == [1, None]
    name = sessions.hold(mine, 2, LIFE)
    console.later(minutes=15)
    assert sessions.held(mine, name) is None
    name = sessions.hold(mine, 3, LIFE)
    sessions.end(OFFICER, mine.id)
    assert sessions.held(mine, name) is None


def test_what_is_held_is_bounded(console, sessions):
    mine = begin(sessions)
    names = []
    for number in range(MOST_HELD + 1):
        console.later(seconds=1)
        names.append(sessions.hold(mine, number, LIFE))
    assert [sessions.held(mine, one) for one in names] == [None, *range(1, MOST_HELD + 1)]
    with pytest.raises(ValueError, match="more than is held"):
        sessions.hold(mine, "x" * LARGEST_HELD, LIFE)


def test_what_is_held_again_outlives_what_was_held_meanwhile(console, sessions):
    mine = begin(sessions)
    files = sessions.hold(mine, [], LIFE)
    for number in range(2 * MOST_HELD):
        console.later(seconds=1)
        sessions.hold(mine, "a receipt", LIFE)
        sessions.hold_again(mine, files, [number])
    assert sessions.held(mine, files) == [2 * MOST_HELD - 1]


def test_counters_are_of_one_person_and_end_after_a_month(console, sessions):
    today = console.now.date()
    assert [sessions.count(OFFICER, "strong", today) for _ in range(2)] == [1, 2]
    assert sessions.counted(OFFICER, "strong") == {today: 2}
    assert sessions.counted(Person("ofmin", "ofmin-2"), "strong") == {}
    console.later(days=COUNTED_DAYS + 1)
    sessions.prune()
    assert sessions.counted(OFFICER, "strong") == {}


def test_a_challenge_is_of_one_purpose_and_of_one_console(console, sessions):
    challenge = sessions.challenge("sign-in")
    other = Sessions(console.folder / "other.db", b"t" * 32, lambda: console.now)
    assert not other.consume_challenge("sign-in", challenge)
    assert not sessions.consume_challenge("invitation", challenge)
    assert not sessions.consume_challenge("sign-in", challenge[:-1] + b"x")
    assert sessions.consume_challenge("sign-in", challenge)
    assert not sessions.consume_challenge("sign-in", challenge)


def test_asking_for_challenges_stores_nothing(console, sessions):
    sessions.prune()
    before = sum(file.stat().st_size for file in console.folder.iterdir())
    for _ in range(500):
        sessions.challenge("sign-in")
    assert sum(file.stat().st_size for file in console.folder.iterdir()) == before


def test_the_file_is_for_its_owner_alone(console, sessions):
    begin(sessions)
    assert {one.stat().st_mode & 0o077 for one in console.folder.iterdir()} == {0}


def test_acts_of_one_person_that_wait_are_bounded_and_push_out_nobody_elses(console, sessions):
    sessions.wait(COLLEAGUE, "of a colleague", "signed", LIFE)
    for number in range(MOST_WAITING + 1):
        console.later(seconds=1)
        sessions.wait(OFFICER, number, "signed", LIFE)
    kept = [one.value for one in sessions.waiting("ofmin").values()]
    assert kept == ["of a colleague", *range(1, MOST_WAITING + 1)]


def test_whoever_fills_what_a_member_may_keep_loses_their_own(console, sessions):
    large = "x" * (MOST_WAITING_BYTES // 4)
    sessions.wait(COLLEAGUE, "of a colleague", "signed", LIFE)
    sessions.wait(Person("hotline", "h-1"), large, "signed", LIFE)
    for _ in range(6):
        console.later(seconds=1)
        sessions.wait(OFFICER, large, "signed", LIFE)
    kept = [one.value for one in sessions.waiting("ofmin").values()]
    assert kept == ["of a colleague", large, large, large]
    assert len(sessions.waiting("hotline")) == 1


def test_signatures_that_two_persons_give_at_one_instant_are_both_there(sessions):
    for _ in range(10):
        name = sessions.wait(OFFICER, "an act", "first", LIFE)
        together = Barrier(2)

        def sign(colleague, name=name, together=together):
            together.wait()
            sessions.sign_waiting(name, Person("ofmin", colleague), f"by {colleague}")
            sessions.close()

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(sign, ("a", "b")))
        assert sessions.waiting("ofmin")[name].signed == {
            "a": "by a", "b": "by b", OFFICER.name: "first",
        }  # fmt: skip
        sessions.end_waiting("ofmin", name)


def test_what_was_signed_stands_and_what_was_ended_is_signed_by_nobody(sessions):
    name = sessions.wait(OFFICER, "an act", "first", LIFE)
    sessions.sign_waiting(name, OFFICER, "another one")
    sessions.sign_waiting(name, Person("hotline", "h-1"), "of another member")
    assert sessions.waiting("ofmin")[name].signed == {OFFICER.name: "first"}
    sessions.end_waiting("ofmin", name)
    sessions.sign_waiting(name, COLLEAGUE, "too late")
    assert sessions.waiting("ofmin") == {}


def test_values_held_for_a_session_are_bounded_together(console, sessions):
    session = begin(sessions)
    names = []
    for _ in range(7):
        console.later(seconds=1)
        names.append(sessions.hold(session, "x" * (LARGEST_HELD - 2), LIFE))
    kept = [sessions.held(session, name) is not None for name in names]
    assert kept == [False] * 4 + [True] * 3


def test_what_waited_under_a_secret_that_was_lost_is_gone_and_stops_nobody(console, sessions):
    sessions.wait(OFFICER, "before", "signed", LIFE)
    anew = Sessions(console.folder / "console.db", b"n" * 32, lambda: console.now)
    anew.wait(OFFICER, "after", "signed", LIFE)
    assert [one.value for one in anew.waiting("ofmin").values()] == ["after"]
