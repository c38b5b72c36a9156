"""Runs of the load generator, each in the process that is kept for it."""

import contextlib
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

from bench.generator import Plan, Run, generate


@contextlib.contextmanager
def generators() -> Iterator[ProcessPoolExecutor]:
    """A process that generates load, free of what this one has imported and opened."""
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawned) as pool:
        yield pool


def generated(pool: ProcessPoolExecutor, plan: Plan) -> Run:
    """One run, to its end."""
    return pool.submit(generate, plan).result()
