"""Steps as rows: taken in their order, each with what the earlier ones found."""

import pytest

from gateway.verification import steps
from gateway.verification.report import Code, Conclusion, Mismatch, StepResult
from gateway.verification.steps import Checks, step


@step("The first")
def first(given: int) -> tuple[int, str]:
    return given + 1, f"{given} given"


@step("The second")
def second(given: int) -> tuple[None, str]:
    if given > 1:
        raise Mismatch("too many")
    return None, ""


@step("The third")
def third() -> tuple[None, str]:
    return None, ""


def test_a_row_gets_what_an_earlier_one_found_and_the_rows_after_a_failure_are_skipped() -> None:
    def check(checks: Checks) -> Conclusion:
        checks(second, checks(first, 1))
        checks(third)
        return Conclusion([])

    report = steps.run("bundle", (first, second, third), check)
    assert [(one.number, one.title, one.outcome, one.detail) for one in report.steps] == [
        (1, "The first", StepResult.OK, "1 given"),
        (2, "The second", StepResult.FAILED, "too many"),
        (3, "The third", StepResult.SKIPPED, ""),
    ]
    assert (report.code, report.failure, report.passed) == (Code.MISMATCH, "too many", False)


def test_a_row_out_of_its_order_is_a_fault_of_the_program() -> None:
    with pytest.raises(AssertionError, match="out of its order"):
        Checks((first, second))(second, 0)
