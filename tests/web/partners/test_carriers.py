"""R1 over what carries a picture: forms and places, each as large as a request may be."""

import pytest

from tests.domain.carriers import CARRIERS, MASKED, PICTURE
from tests.domain.residual import PASSING, accepted, most, too_large
from tests.each import each

REFUSED = sorted({*CARRIERS} - {*PASSING})


def test_at_most_nine_carriers_take_a_picture():
    """The ninth imitates a language: no measure is known that refuses it and no honest text."""
    assert len(CARRIERS) >= 74
    assert {*PASSING} < {*CARRIERS}
    assert len(PASSING) <= 9


@each("name", REFUSED[::4])
def test_no_other_carrier_takes_four_kilobytes(name):
    assert not accepted(CARRIERS[name](MASKED[:4000]))


@pytest.mark.slow
@each("name", REFUSED)
def test_no_other_carrier_takes_a_picture_or_more_of_a_larger_file(name):
    """A picture is what its first bytes say; of a larger one they are the same."""
    assert not accepted(CARRIERS[name](PICTURE[:4000]))
    for size in (4_000, 8_000, 16_000, 40_000, 90_000, 140_000):
        case = CARRIERS[name](MASKED[:size])
        assert not accepted(case)
        if too_large(case):
            break


@each("name, figure", sorted(PASSING.items()))
def test_a_carrier_takes_no_more_than_the_figure_of_the_threat_model(name, figure):
    assert not accepted(CARRIERS[name](MASKED[: int(figure * 1.1)]))


@pytest.mark.slow
@each("name, figure", sorted(PASSING.items()))
def test_the_figures_of_the_threat_model_are_the_largest(name, figure):
    assert figure * 0.9 < most(CARRIERS[name]) <= figure


@each("name", sorted(PASSING))
def test_no_carrier_takes_what_begins_as_a_picture_does(name):
    if name.startswith(("ids", "IPv6", "wallets", "statements", "addresses", "letters")):
        return  # their values are ids, addresses and words: nothing reads them as bytes
    assert not accepted(CARRIERS[name](PICTURE[:4000]))
