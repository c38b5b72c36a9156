"""Each fuzz target holds on its seeds, and, in the slow suite, on many changes of them."""

import random
from itertools import islice

import pytest

from tests.each import each
from tests.fuzz import target

ITERATIONS = 60
SLOW_ITERATIONS = 5_000


@each("name", target.NAMES)
def test_a_target_holds_on_its_seeds_and_some_changes_of_them(name):
    module = target.load(name)
    seeds = module.seeds()
    assert all(len(seed) <= target.LONGEST for seed in seeds)
    for data in (b"", *seeds, *islice(target.mutants(seeds, random.Random(name)), ITERATIONS)):
        module.check(data)


@pytest.mark.slow
@pytest.mark.parametrize("name", target.NAMES)
def test_a_target_holds_on_many_changes_of_its_seeds(name):
    module = target.load(name)
    changed = target.mutants(module.seeds(), random.Random(f"{name} again"))
    for data in islice(changed, SLOW_ITERATIONS):
        module.check(data)


def test_the_same_chance_makes_the_same_mutants():
    once, again = (
        list(islice(target.mutants([b"one", b"other"], random.Random(1)), 50)) for _ in range(2)
    )
    assert once == again
    assert len(set(once)) > 40
