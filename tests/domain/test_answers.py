"""The kinds of answers that every gateway follows, and those that came later."""

from hashlib import sha256

from gateway.domain.answers import ANSWERS, BASELINE, PARTIES_ANSWERS, Arrives, FieldType
from gateway.domain.organisation import ACTIONS_WHILE_SUSPENDED


def test_the_answers_that_every_gateway_follows_are_never_others_than_those_of_the_first_version():
    digest = sha256(" ".join(sorted(BASELINE)).encode()).hexdigest()
    assert digest == "14499704b75c94ed94e8fd3b11efdce8c62c17b33014e3239ea1168ae8df041e"


def test_no_answer_of_the_first_version_is_given_up():
    assert {one.event for one in ANSWERS.values()} >= BASELINE


def test_a_question_names_its_time_where_what_arrives_is_read_by_it():
    asking = [one for one in ANSWERS.values() if one.questions or one.arrives is Arrives.QUESTION]
    times = {
        (field.name, field.type)
        for kind in asking
        for field in kind.fields
        if field.type in (FieldType.TIME, FieldType.DAY)
    }
    why = "let `_arrive_answer` (gateway/exchange/standing/duties.py) read it, then enter it here"
    assert times == {("until", FieldType.TIME)}, why


def test_a_suspended_party_gives_the_answers_that_it_owes_and_takes_no_part_by_others():
    others = {one.action for one in PARTIES_ANSWERS} - ACTIONS_WHILE_SUSPENDED
    assert others == {
        "handoff.accept",
        "handoff.close",
        "handoff.delay",
        "handoff.give_go_ahead",
        "handoff.omit_update",
        "handoff.pass_on_by_law",
        "handoff.propose_correction",
        "handoff.redirect",
        "handoff.report_outcome",
        "handoff.withdraw",
    }
