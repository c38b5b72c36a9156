"""The kinds of answers that every gateway follows, and those that came later."""

from hashlib import sha256

from gateway.domain.answers import ANSWERS, BASELINE


def test_the_answers_that_every_gateway_follows_are_never_others_than_those_of_the_first_version():
    digest = sha256(" ".join(sorted(BASELINE)).encode()).hexdigest()
    assert digest == "14499704b75c94ed94e8fd3b11efdce8c62c17b33014e3239ea1168ae8df041e"


def test_each_answer_of_today_is_one_that_every_gateway_follows():
    later = set[str]()  # name a later kind here, and never in BASELINE
    assert {one.event for one in ANSWERS.values()} - BASELINE == later
