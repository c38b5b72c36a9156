"""`python -m bench.growth`: submissions and pages of the inbox as the store grows.

The store is filled up to each number of cases, each offered once; then, through the gateway as
shipped, cases are submitted for a while and random pages of twenty are read. A million cases take
some twenty minutes to fill in and about 15 GB of disk.
"""

import os
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import click

from bench import machine
from bench.check import NotKept
from bench.fill import fill
from bench.generator import READERS, SUBMITTERS, Plan, Run
from bench.report import all_latencies, failures, percentile, rate
from bench.runs import generated, generators
from bench.targets import HOST, NotStarted, Site, Target, make_site, open_gateway, started_gateway
from bench.workload import RECIPIENT

_PATIENCE = 30.0  # seconds to wait for a quiet machine
_ROUNDS, _WARM_UP, _SECONDS = 3, 0.5, 2.0


@dataclass(frozen=True)
class Level:
    """What was measured with so many cases: submissions a second, a page's p50 in milliseconds."""

    cases: int
    submissions: float
    page_ms: float
    megabytes: float


@click.command()
@click.option(
    "--cases",
    "levels",
    type=click.IntRange(100),
    multiple=True,
    default=(1_000, 100_000),
    show_default=True,
    help="Repeat it, from small to large, as up to 1000000.",
)
def bench(levels: tuple[int, ...]) -> None:
    """Measure at each number of cases; exit code 2 when something failed."""
    try:
        found = _bench(sorted(levels))
    except (NotStarted, NotKept) as trouble:
        click.echo(f"{type(trouble).__name__}: {trouble}", err=True)
        sys.exit(2)
    click.echo("\n".join(_table(found)))


def _bench(levels: list[int]) -> list[Level]:
    with tempfile.TemporaryDirectory(prefix="casegate-bench-") as name:
        site = make_site(Path(name), None)
        found: list[Level] = []
        filled, runs = 0, 0
        with started_gateway(site) as target:
            _run(_plan(site, target, runs, 1))
        for cases in levels:
            _fill(site, filled, cases)
            filled, runs = cases, runs + 1
            machine.wait_until_quiet(_PATIENCE)
            with started_gateway(site) as target:
                found.append(_level(site, target, runs * _ROUNDS, cases))
        return found


def _fill(site: Site, start: int, end: int) -> None:
    gateway = open_gateway(site.operator)
    try:
        with click.progressbar(length=end - start, label=f"filling up to {end:,}") as bar:
            fill(gateway.ports, RECIPIENT, start, end, bar.update)
    finally:
        gateway.close()


def _level(site: Site, target: Target, number: int, cases: int) -> Level:
    submitted, read = [], []
    for place in range(_ROUNDS):
        plan = _plan(site, target, number + place, cases)
        submitted.append(_run(replace(plan, flow="attested", connections=SUBMITTERS)))
        read.append(_run(replace(plan, flow="inbox", connections=READERS)))
    size = sum(file.stat().st_size for file in site.operator.glob("*.db*"))
    return Level(
        cases,
        median(rate(run) for run in submitted),
        median(percentile(all_latencies(run), 0.5) for run in read),
        size / 1e6,
    )


def _plan(site: Site, target: Target, number: int, cases: int) -> Plan:
    return Plan(
        number=number,
        host=HOST,
        port=target.port,
        folder=site.clients,
        flow="handoffs",
        warm_up=_WARM_UP,
        seconds=_SECONDS,
        workers=target.workers,
        ours=frozenset(machine.family(os.getpid())),
        spread=cases,
    )


def _run(plan: Plan) -> Run:
    with generators() as pool:
        run = generated(pool, plan)
    if failures(run):
        raise NotKept(f"{plan.flow}: {dict(run.failures)}")
    return run


def _table(found: list[Level]) -> list[str]:
    lines = [
        f"{'cases':>10} {'submit/s':>9} {'page ms':>8} {'MB':>8} {'submit kept':>12} {'page':>6}"
    ]
    base = found[0]
    for level in found:
        lines.append(
            f"{level.cases:10,} {level.submissions:9,.0f} {level.page_ms:8.2f} "
            f"{level.megabytes:8,.0f} {level.submissions / base.submissions:12.0%} "
            f"{level.page_ms / base.page_ms:6.2f}"
        )
    return lines


if __name__ == "__main__":
    bench()
