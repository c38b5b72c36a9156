"""Who receives what: that stricter never gives more, and what the words of a case are given to."""

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.domain.consultation import REASON_CODES, RECALL_REVIEW, RETENTION
from gateway.domain.handoff import POLICE_ONLY_OUTCOMES, HandoffState
from gateway.domain.vocabulary import TLP, Handling, Purpose
from tests.each import each
from tests.policies import matrix
from tests.policies.matrix import (
    ELEMENTS,
    PARTS,
    POLICY,
    RECIPIENTS,
    Part,
    PolicyQuestion,
    Recipient,
    gives,
    handed,
)

POLICE = Recipient("police_office", led=True)
HOTLINE = Recipient("hotline")
PURPOSES = frozenset(map(str, Purpose))

STRONGER = {
    Recipient("provider"): HOTLINE,
    HOTLINE: POLICE,
    Recipient("hotline_network"): HOTLINE,
    Recipient("regulator"): Recipient("regulator", led=True),
    Recipient("child_protection_service"): Recipient("child_protection_service", mandate=True),
    Recipient("child_protection_service", mandate=True): Recipient(
        "child_protection_service", led=True, mandate=True
    ),
    Recipient("police_office"): POLICE,
    Recipient("police_platform"): Recipient("police_platform", led=True),
    Recipient("judicial"): Recipient("judicial", led=True),
    Recipient("researcher"): Recipient("provider"),
}
"""For each recipient one that law trusts with at least as much."""

parts = st.builds(
    replace,
    st.sampled_from(PARTS),
    tlp=st.sampled_from(TLP[2:]),
    handling=st.frozensets(st.sampled_from([*map(str, Handling), "H4"]), max_size=3),
    perceptual=st.booleans(),
)
recipients = st.sampled_from(RECIPIENTS)
purposes = st.frozensets(st.sampled_from(sorted(PURPOSES)))


@given(recipients, parts, purposes, st.sampled_from(TLP), st.sampled_from([*Handling]))
def test_a_stricter_marking_never_gives_more(recipient, part, wanted, tlp, code):
    stricter = replace(
        part,
        tlp=max(tlp, part.tlp, key=TLP.index),
        handling=part.handling | {str(code)},
        perceptual=True,
    )
    assert gives(recipient, part, wanted) or not gives(recipient, stricter, wanted)


@given(st.sampled_from([*STRONGER.items()]), parts, purposes)
def test_a_weaker_recipient_is_never_given_more(pair, part, wanted):
    weaker, stronger = pair
    assert gives(stronger, part, wanted) or not gives(weaker, part, wanted)


@given(recipients, parts, purposes, purposes)
def test_a_narrower_purpose_never_gives_more(recipient, part, wanted, more):
    every = wanted | more
    if "H1" in part.handling:  # R19 closes the whole of such an offer when a prosecution is named
        assume("prosecute" not in every)
    assert gives(recipient, part, every) or not gives(recipient, part, wanted)


@given(recipients, parts, st.sampled_from(sorted(PURPOSES)))
def test_what_a_police_office_sends_is_given_to_no_more_than_what_another_sends(
    recipient, part, purpose
):
    police, other = replace(part, police=True), replace(part, police=False)
    assert gives(recipient, other, [purpose]) or not gives(recipient, police, [purpose])


def offers_and_acceptances_agree(recipient):
    offered = set(matrix.offered(recipient))
    assert offered == {name for name in PURPOSES if matrix.accepts(recipient, name)}
    assert offered == {
        name for name in offered if any(gives(recipient, part, [name]) for part in PARTS)
    }
    # What is given for none of these together is given for none of them: see above.
    assert not any(gives(recipient, part, PURPOSES - offered) for part in PARTS)


@each("recipient", RECIPIENTS[::4])
def test_what_may_be_offered_may_be_accepted_and_nothing_else(recipient):
    offers_and_acceptances_agree(recipient)


@pytest.mark.slow
@each("recipient", RECIPIENTS)
def test_what_may_be_offered_may_be_accepted_whoever_receives_it(recipient):
    offers_and_acceptances_agree(recipient)


def test_every_word_of_a_case_is_known_to_the_policies_and_no_other():
    for group, categories in ELEMENTS.items():
        for category in categories:
            assert gives(POLICE, Part(group, category), ["investigate"]), (group, category)
        assert not gives(POLICE, Part(group, "of-tomorrow"), PURPOSES)
    assert not gives(POLICE, Part("of-tomorrow", "url"), PURPOSES)


def test_an_unknown_handling_code_is_given_to_nobody():
    url = Part("items", "url", handling=frozenset({"H4"}))
    assert not any(gives(one, url, PURPOSES) for one in RECIPIENTS)


def test_every_reason_of_a_consultation_serves_some_purpose():
    served = {
        reason for reason in REASON_CODES for name in PURPOSES if matrix.opens(POLICE, name, reason)
    }
    assert served == set(REASON_CODES) - {RECALL_REVIEW, RETENTION}  # these need more than a case


@each("code", sorted(POLICE_ONLY_OUTCOMES))
def test_a_hotline_reports_no_outcome_of_the_police(code):
    resource = handed(HOTLINE, "remove", HandoffState.ACCEPTED)
    asked = PolicyQuestion(HOTLINE.entity, "handoff.report_outcome", resource, {"code": code})
    assert POLICY.decide(asked).rules == ("R12.outcome",)
