"""Every case beside the policies is decided as its folder and its rules say."""

import pytest

from gateway.cedar.policy import SIGNED, CedarPolicy, policy_folder
from gateway.cedar.proof import PolicyCase, read_cases

POLICY = CedarPolicy.load(policy_folder())
CASES = read_cases(policy_folder())
STRICT = CedarPolicy.load(policy_folder(), SIGNED)
STRICT_CASES = read_cases(policy_folder(), policy_folder() / "optional" / "signed")


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_case_is_decided_as_it_says(case: PolicyCase) -> None:
    decision = POLICY.decide(case.question)
    assert (decision.allowed, decision.rules) == (case.allowed, case.rules)


def test_there_are_cases_on_both_sides() -> None:
    assert {case.allowed for case in CASES} == {True, False}


@pytest.mark.parametrize("case", STRICT_CASES, ids=[case.name for case in STRICT_CASES])
def test_where_signatures_are_demanded_the_case_is_decided_as_it_says(case: PolicyCase) -> None:
    decision = STRICT.decide(case.question)
    assert (decision.allowed, decision.rules) == (case.allowed, case.rules)
