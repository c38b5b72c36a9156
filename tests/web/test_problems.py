"""The table of problems: unique names, and each refusal has its row."""

from gateway.domain import refusals
from gateway.web.problems import PROBLEMS, all_problems, problem_of


def test_only_what_may_be_retried_says_when():
    later = {row.slug for row in PROBLEMS.values() if row.retry_after is not None}
    assert later == {row.slug for row in PROBLEMS.values() if row.status in (429, 503)}


def test_a_refusal_that_inherits_has_the_row_of_the_class_above():
    class Older(refusals.EditConflict):
        pass

    assert problem_of(Older("x")).slug == "edit-conflict"


def test_slugs_are_those_by_which_the_client_knows_the_class():
    ours = {kind: row for kind, row in PROBLEMS.items() if kind.__module__ == refusals.__name__}
    assert all(row.slug == refusals.slug_of(kind) for kind, row in ours.items())


def test_slugs_are_unique_and_plain():
    rows = [*PROBLEMS.values()]
    assert all(all_problems()[row.slug] is row for row in rows)
    assert all(slug == slug.lower() and slug.replace("-", "").isalpha() for slug in all_problems())
